"""The Wegner-Morris flow: conservation, the scheme function, a field-dependent regulator."""

import pytest
from sympy import Function, Matrix, Rational, Symbol, cos, diff, exp, log, simplify, symbols

from symrg.erg import WegnerMorrisFlow
from symrg.errors import InvalidEquation

LAMBDA = Symbol("Lambda", positive=True)
X, Y = symbols("phi_1 phi_2", real=True)
REGULATORS = [LAMBDA, 1 + X**2, exp(X) / LAMBDA]  # a constant one hides where it stands in the derivatives


@pytest.mark.parametrize("regulator", REGULATORS)
@pytest.mark.parametrize("seed", [X**4 / 4 + X**2 / LAMBDA, cos(X)])
def test_divergence_form_equals_the_ito_form(regulator, seed):
    """d(C dP/2 + P C d seed) written by hand against the FokkerPlanck's right side."""
    flow = WegnerMorrisFlow(X, regulator, seed, LAMBDA)
    density = Function("P")(X)
    by_hand = diff(regulator * diff(density, X) / 2 + density * regulator * diff(seed, X), X)
    equation = flow.fokker_planck()
    back = equation.rhs(density).subs(flow.time, -log(LAMBDA))
    assert simplify(back - by_hand) == 0
    wrong = diff(regulator * diff(density, X) + density * regulator * diff(seed, X), X)
    assert simplify(back - wrong) != 0


@pytest.mark.parametrize("regulator", REGULATORS)
def test_action_flow_is_the_density_flow(regulator):
    flow = WegnerMorrisFlow(X, regulator, X**2 / 2 + X**4 / LAMBDA, LAMBDA)
    action = Function("S")(X)
    density = exp(-action)
    from_density = flow.fokker_planck().rhs(density).subs(flow.time, -log(LAMBDA)) / density
    assert simplify(flow.action_flow(action) - from_density) == 0  # d_t S = -d_t P / P = d_s P / P


def test_reference_is_stationary_where_regulator_and_seed_do_not_run():
    seed = X**4 / 4 + X * Y + Y**2
    flow = WegnerMorrisFlow((X, Y), Matrix([[2, 1], [1, 3]]), seed, LAMBDA)
    assert simplify(flow.fokker_planck().rhs(flow.reference()) / flow.reference()) == 0
    assert simplify(flow.fokker_planck().rhs(exp(-seed)) / exp(-seed)) != 0
    assert flow.velocity(2 * seed).applyfunc(simplify) == Matrix([0, 0])


def test_scheme_function():
    flow = WegnerMorrisFlow(X, LAMBDA, X**2, LAMBDA)
    assert flow.scheme_function(X**4) == X**4 - 2 * X**2


def test_asymmetric_regulator_is_refused():
    with pytest.raises(InvalidEquation, match=r"entries \(1, 0\)"):
        WegnerMorrisFlow((X, Y), Matrix([[1, Rational(1, 2)], [0, 1]]), X**2, LAMBDA)
