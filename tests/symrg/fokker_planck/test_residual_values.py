"""Residuals, signs in print and refusals on values where a slip of the code would not show elsewhere."""

import pytest
import sympy as sp
from sympy import exp

from symrg import FokkerPlanck
from symrg.errors import InvalidEquation

x, y, t = sp.symbols("x y t", real=True)
OU = FokkerPlanck((x,), [-2 * x], [[1]], time=t)
TURNING = FokkerPlanck((x, y), [y, -x], [[1, 0], [0, 3]], time=t)


def test_constants_are_no_solutions_unless_the_drift_is_divergence_free():
    # p = c: the residual is c div(mu)
    assert OU.residual(1) == -2
    assert OU.residual(sp.Rational(7, 3)) == sp.Rational(-14, 3)
    assert OU.residual(0) == 0
    assert TURNING.residual(1) == 0


def test_a_backward_residual_that_is_the_function_itself_is_kept():
    # d_t u + L u = u for u = exp(t), and 0 for a constant
    assert sp.simplify(OU.backward_residual(exp(t)) - exp(t)) == 0
    assert OU.backward_residual(5) == 0
    # u = x exp(2 t) solves it, its neighbour x exp(3 t) doesn't: d_t u + L u = (3 - 2) u
    assert OU.backward_residual(x * exp(2 * t)) == 0
    assert sp.simplify(OU.backward_residual(x * exp(3 * t)) / (x * exp(3 * t))) == 1


@pytest.mark.parametrize(("drift", "printed"), [(x, "- \\frac{\\partial}{\\partial x}"), (-x, "= \\frac{\\partial}{")])
def test_the_printed_drift_has_its_sign(drift, printed):
    assert printed in FokkerPlanck((x,), [drift], [[1]], time=t).latex()


def test_a_diffusion_whose_sign_shows_only_after_factoring_is_refused():
    for wrong in (-(x**2) + 2 * x - 1, -(x**2) - 2 * x * y - y**2):
        with pytest.raises(InvalidEquation, match="semidefinite"):
            FokkerPlanck((x, y), [0, 0], [[wrong, 0], [0, 1]], time=t)
    assert FokkerPlanck((x, y), [0, 0], [[x**2 - 2 * x + 1, 0], [0, 1]], time=t).dimension == 2


def test_two_symbols_of_one_name_are_told_apart_by_their_assumptions():
    with pytest.raises(InvalidEquation, match="positive"):
        FokkerPlanck((x,), [-sp.Symbol("x", positive=True)], [[1]], time=t)
