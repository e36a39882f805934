"""Flows as gradient flows of a relative entropy, and that entropy as a monotone."""

from itertools import pairwise

import pytest
from sympy import (
    Function,
    Matrix,
    Rational,
    Symbol,
    cos,
    diff,
    exp,
    integrate,
    log,
    oo,
    pi,
    simplify,
    sqrt,
    symbols,
)

from symrg.erg import PolchinskiFlow, WegnerMorrisFlow, exponential_cutoff, rational_cutoff
from symrg.erg.optimal_transport import TransportFlow, free_relative_entropy, relative_entropy_rate, rescaled_flow
from symrg.errors import InvalidEquation

LAMBDA = Symbol("Lambda", positive=True)
X, Y = symbols("phi_1 phi_2", real=True)
C = Function("C", positive=True)
FLOWS = [
    WegnerMorrisFlow(X, C(LAMBDA), Function("S_hat", real=True)(X, LAMBDA), LAMBDA),  # any regulator and seed
    WegnerMorrisFlow((X, Y), Matrix([[2 + X**2, 1], [1, LAMBDA]]), X**4 / LAMBDA + cos(X * Y), LAMBDA),
    PolchinskiFlow((X, Y), Matrix([[2, 1], [1, 3]]), exponential_cutoff(1, LAMBDA), LAMBDA),
]


@pytest.mark.parametrize("flow", FLOWS)
def test_flow_is_the_steepest_descent(flow):
    transport = TransportFlow(flow)
    derivation = transport.derivation()
    for before, after in pairwise(derivation.statements):
        assert simplify((before - after).expand()) == 0
    density = Function("P", positive=True)(*transport.flow.modes)
    wrong = exp(-transport.flow.seed)  # the reference is exp(-2 S), not exp(-S)
    assert simplify((transport.descent(density, wrong) - derivation.last).expand()) != 0


@pytest.mark.parametrize("flow", FLOWS)
def test_entropy_of_two_solutions_falls(flow):
    balance = TransportFlow(flow).entropy_balance()
    gap = balance.start - balance.last
    assert simplify(gap.expand()) == 0
    density, other = (Function(n, positive=True)(*TransportFlow(flow).flow.modes) for n in "PQ")
    assert simplify((gap + TransportFlow(flow).dissipation(density, other)).expand()) != 0


def test_derivation_is_verified_link_by_link():
    chain = TransportFlow(FLOWS[0]).derivation()
    assert [v.status for v in chain.verify()] == ["holds", "holds"]


@pytest.mark.parametrize("cutoff", [exponential_cutoff, rational_cutoff(2)])
def test_free_entropy_against_integration_and_its_rate(cutoff):
    """By direct integration of P ln(P/P_free), and by the dissipation; both for a massive free field."""
    flow = PolchinskiFlow(X, 2, cutoff(Rational(1), LAMBDA), LAMBDA)
    mass, start = Rational(3, 4), 3
    closed = free_relative_entropy(flow, mass, start)
    action = flow.free_action + flow.gaussian_interaction(mass, start)
    curvature = diff(action, X, 2).subs(LAMBDA, 1)
    free = (1 / flow.covariance[0]).subs(LAMBDA, 1)
    bend, slope = symbols("a b", positive=True)
    density = sqrt(bend / (2 * pi)) * exp(-bend * X**2 / 2)
    direct = integrate(density * (log(bend / slope) / 2 - (bend - slope) * X**2 / 2), (X, -oo, oo))
    direct = direct.subs({bend: curvature, slope: free})
    assert abs((direct - closed.subs(LAMBDA, 1)).evalf(30)) < 1e-25
    rate = -LAMBDA * diff(closed, LAMBDA)
    assert abs((rate - relative_entropy_rate(flow, mass, start)).subs(LAMBDA, Rational(3, 2)).evalf(30)) < 1e-25
    assert rate.subs(LAMBDA, Rational(3, 2)).evalf() < -1e-4


def test_free_entropy_of_coupled_modes_falls_with_a_mean_field():
    flow = PolchinskiFlow((X, Y), Matrix([[2, Rational(1, 3)], [Rational(1, 3), 1]]), 1 / (1 + LAMBDA**-2), LAMBDA)
    mass = Matrix([[1, Rational(1, 2)], [Rational(1, 2), 2]])
    still = free_relative_entropy(flow, mass, 5)
    moved = free_relative_entropy(flow, mass, 5, mean=(1, -2))
    values = [[f.subs(LAMBDA, k).evalf() for k in (5, 3, 1, Rational(1, 2), Rational(1, 9))] for f in (still, moved)]
    for row in values:
        assert all(a > b > 0 for a, b in pairwise(row))
    rate = relative_entropy_rate(flow, mass, 5).subs(LAMBDA, 2)
    assert abs((-LAMBDA * diff(still, LAMBDA)).subs(LAMBDA, 2).evalf(30) - rate.evalf(30)) < 1e-25


def test_entropy_to_the_moving_reference_is_no_monotone():
    """For a heavy free field D_KL(P || exp(-2 S_0)) rises where D_KL(P || P_free) falls."""
    flow = PolchinskiFlow(X, 1, exponential_cutoff(1, LAMBDA), LAMBDA)
    mass, start = 8, 4
    variance = 1 / diff(flow.free_action + flow.gaussian_interaction(mass, start), X, 2)
    ratio = variance / (flow.covariance[0] / 2)
    moving = (ratio - 1 - log(ratio)) / 2
    fixed = free_relative_entropy(flow, mass, start)
    towards_infrared = [(-LAMBDA * diff(f, LAMBDA)).subs(LAMBDA, Rational(3, 5)).evalf() for f in (moving, fixed)]
    assert towards_infrared[0] > 1e-6 > 0 > towards_infrared[1]


def test_rescaled_fields_have_a_reference_that_stands_still():
    flow = PolchinskiFlow((X, Y), [2, 5], [exponential_cutoff(1, LAMBDA), exponential_cutoff(3, LAMBDA)], LAMBDA)
    equation = rescaled_flow(flow)
    still = exp(-(X**2 + Y**2) / 2)
    assert simplify(equation.rhs(still) / still) == 0
    assert simplify(equation.rhs(still**2) / still**2) != 0


def test_rescaled_flow_is_the_flow_in_other_coordinates():
    """P(phi, s) = P'(phi / sqrt C, s) / sqrt C has the same residual in either equation, for a P' of no meaning."""
    flow = PolchinskiFlow(X, 2, rational_cutoff()(Rational(1), LAMBDA), LAMBDA)
    width = sqrt(flow.covariance[0].subs(LAMBDA, exp(-flow.time)))
    probe = exp(-(X**4)) * (1 + flow.time**2)
    carried = probe.subs(X, X / width) / width
    one = (diff(carried, flow.time) - flow.fokker_planck().rhs(carried)).subs(X, X * width)
    other = (diff(probe, flow.time) - rescaled_flow(flow).rhs(probe)) / width
    assert simplify(((one - other) / probe).expand()) == 0
    assert simplify(((one - 2 * other) / probe).expand()) != 0


def test_frames_that_do_not_commute_are_refused():
    coupled = Matrix([[2, 1], [1, 3]]) + LAMBDA * Matrix([[1, 0], [0, 0]])
    with pytest.raises(InvalidEquation, match="do not commute"):
        rescaled_flow(PolchinskiFlow((X, Y), 1, coupled, LAMBDA))
