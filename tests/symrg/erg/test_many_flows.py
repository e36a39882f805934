"""Polchinski's flow for cutoffs, kernels and interactions of many kinds, against the continuity equation."""

import pytest
from sympy import Matrix, Rational, Symbol, cos, diff, exp, log, symbols

from symrg.erg import (
    PolchinskiFlow,
    WegnerMorrisFlow,
    exponential_cutoff,
    gaussian_cutoff,
    rational_cutoff,
    sharpening_cutoff,
)
from symrg.fokker_planck.identity import vanishes

L = Symbol("Lambda", positive=True)
X, Y, Z = symbols("phi_1 phi_2 phi_3", real=True)
M, G, A, B, C = symbols("m g a b c", positive=True)


def slow(p2, scale):
    """A user's own cutoff, with a logarithm."""
    return 1 / (1 + log(1 + p2 / scale**2))


CASES = {
    "sextic": ((X,), M**2 + 1, gaussian_cutoff(M, L), G * X**6),
    "cosine": ((X,), M, rational_cutoff(3)(A, L), cos(G * X)),
    "logarithmic": ((X,), M, sharpening_cutoff(Rational(1, 5))(A, L), log(1 + X**2)),
    "own cutoff": ((X,), M, slow(A, L), G * X**4 + A * X**3),
    "own power": ((X,), M, exp(-((A / L**2) ** Rational(3, 2))), exp(-(X**2))),
    "symbolic kernel": ((X, Y), Matrix([[A, B], [B, C]]), exponential_cutoff(M, L), G * X**2 * Y**2),
    "coupled, own cutoff": ((X, Y), Matrix([[3, 1], [1, 2]]), slow(1, L), cos(X - Y) + X**4),
    "cutoff by mode": ((X, Y), [2, 5], [exponential_cutoff(2, L), exponential_cutoff(5, L)], log(1 + X**2 + Y**2)),
    "three coupled": ((X, Y, Z), Matrix([[A, B, 0], [B, A, B], [0, B, A]]), exponential_cutoff(1, L), X * Y * Z),
}


@pytest.mark.parametrize("case", CASES)
def test_action_flow_and_fokker_planck_equation_agree(case):
    modes, kernel, cutoff, interaction = CASES[case]
    flow = PolchinskiFlow(modes, kernel, cutoff, L, interaction)
    density = exp(-flow.free_action - interaction)
    rate = -(L * diff(flow.free_action, L) + flow.action_flow())
    by_equation = -flow.fokker_planck().rhs(density).subs(flow.time, -log(L)) / density

    def same(one, other):
        return vanishes((one - other).replace(log, lambda u: log(u.factor()).expand()))

    assert same(rate, by_equation)
    assert not same(rate, 2 * by_equation)
    assert not same(rate + Rational(1, 10**6) * X, by_equation)
    printed = flow.printed_form()
    assert (printed.diffusion_factor, printed.drift_factor) == (-Rational(1, 2), -Rational(1, 2))


@pytest.mark.parametrize("regulator", [Matrix([[2 + X**2, X * Y], [X * Y, L + Y**2]]), Matrix([[A, B], [B, C]])])
@pytest.mark.parametrize("seed", [X**4 / L + log(1 + Y**2), cos(X * Y) + L * X**6 + Y**2])
def test_seeded_flows(regulator, seed):
    flow = WegnerMorrisFlow((X, Y), regulator, seed, L)
    action = X**4 + X * Y + Y**2 / L
    right = flow.fokker_planck().rhs(exp(-action)).subs(flow.time, -log(L)) / exp(-action)
    assert vanishes(flow.action_flow(action) - right)
    assert not vanishes(flow.action_flow(action + X) - right)
