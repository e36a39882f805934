"""Gaussians of linear drift whose roots or propagator have no formula: by sums over roots, and in numbers."""

import pytest
from scipy.integrate import solve_ivp
from sympy import Derivative, Function, Lambda, Matrix, N, Poly, Rational, RootSum, Symbol, diag, exp, sin, symbols

from symrg import FokkerPlanck, NoClosedForm
from symrg.errors import InvalidEquation, UndefinedSymbol
from symrg.fokker_planck.root_waves import RootWave

x, y, z = symbols("x y z", real=True)
t = Symbol("t", positive=True)
a = Symbol("a", positive=True)


@pytest.fixture(scope="module")
def chain():
    """A hypoelliptic chain of three; its characteristic polynomial l^3 + l^2 + 2 l + 1 is irreducible."""
    return FokkerPlanck((x, y, z), [y, z, -z - 2 * y - x], diag(0, 0, 1), t)


def test_sums_over_roots_against_sympy():
    polynomial = Poly(x**3 + x**2 + 2 * x + 1, x)
    for k in range(3):
        ours = RootWave(k, t, 1, 2, 1, 1)
        sympys = RootSum(polynomial, Lambda(y, y**k * exp(y * t)))
        assert abs(ours.subs(t, 0.7) - N(sympys.subs(t, Rational(7, 10)))) < 1e-13
        assert ours.subs(t, 0) == RootSum(polynomial, Lambda(y, y**k))
    assert RootWave(2, t, 1, 2, 1, 1).diff(t) == RootWave(3, t, 1, 2, 1, 1)
    assert RootWave(1, t, a, 2, 1, 1).diff(a).has(Derivative)  # left to do, not wrong


def test_an_irreducible_cubic_has_an_exact_solution(chain):
    p = chain.transition_density([1, 0, 0], budget=40)
    assert chain.residual(p, budget=40) == 0
    point = {x: 0.3, y: 0.2, z: -0.4, t: 1.4}
    numbers = chain.gaussian_at(Rational(7, 5), [1, 0, 0])
    assert abs(p.subs(point) / numbers.density.subs(point) - 1) < 1e-10
    assert abs(chain.gaussian_at(Rational(3, 2), [1, 0, 0]).density.subs(point) / p.subs(point) - 1) > 1e-2


def test_time_dependent_drift_that_does_not_commute():
    equation = FokkerPlanck((x, y), [-x + t * y, -t * x - 2 * y + sin(t)], [[1, 0], [0, exp(-t)]], t)
    with pytest.raises(NoClosedForm, match="gaussian_at"):
        equation.transition_density([1, 2], budget=2)
    numbers = equation.gaussian_at(2, [1, 2], covariance=[[1, 0], [0, 2]], digits=10)

    def rate(s, state):
        drift, m, c = Matrix([[-1, s], [-s, -2]]), Matrix(state[:2]), Matrix(2, 2, state[2:])
        noise = 2 * diag(1, exp(-s))
        change = [*(drift * m + Matrix([0, sin(s)])), *(drift * c + c * drift.T + noise)]
        return [float(e) for e in change]

    found = solve_ivp(rate, (0, 2), [1, 2, 1, 0, 0, 2], rtol=1e-8, atol=1e-9).y[:, -1]
    ours = [*numbers.mean.value, *numbers.covariance.value]
    assert max(abs(u - v) for u, v in zip(found, ours)) < 1e-6
    assert max(numbers.covariance.error) < 1e-9


def test_numbers_agree_with_closed_forms():
    equation = FokkerPlanck(x, -a * x / (1 + t), t, t)
    numbers = equation.gaussian_at(2, 3, values={a: 1})
    exact = equation.subs({a: 1}).transition_density(3).subs({x: 1, t: 2})
    assert abs(numbers.density.subs(x, 1) - exact.evalf(20)) < 1e-11


def test_what_is_not_given_or_no_covariance_is_refused(chain):
    unstable = FokkerPlanck(x, -a * x, 1, t)
    with pytest.raises(UndefinedSymbol, match="a"):
        unstable.gaussian_at(1, 0)
    with pytest.raises(UndefinedSymbol, match="functions"):
        FokkerPlanck(x, -Function("f")(t) * x, 1, t).gaussian_at(1, 0)
    with pytest.raises(InvalidEquation, match="before the start"):
        chain.gaussian_at(0, [0, 0, 0], start=1)
    with pytest.raises(InvalidEquation, match="covariance is not positive"):
        unstable.gaussian_solution(0, -1)
    with pytest.raises(InvalidEquation, match="covariance is not symmetric"):
        chain.gaussian_solution([0, 0, 0], [[1, 2, 0], [0, 1, 0], [0, 0, 1]])
