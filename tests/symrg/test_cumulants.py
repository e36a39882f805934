"""Connected moments against known cumulants, and the decision whether their series ends."""

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from symrg import cumulants as cu
from symrg.errors import InvalidModel
from symrg.model import StatisticalModel

y, y1, y2, mu = sp.symbols("y y1 y2 mu", real=True)
x, s, a, b, lam, p = sp.symbols("x sigma a b lambda p", positive=True)
k = sp.Symbol("k", integer=True, nonnegative=True)
rho = sp.Symbol("rho", real=True)
HALF = sp.Interval(0, sp.oo)

NORMAL = StatisticalModel(-((y - mu) ** 2) / (2 * s**2) - sp.log(s) - sp.log(2 * sp.pi) / 2, y, (mu, s), sp.S.Reals)
GAMMA = StatisticalModel(a * sp.log(b) - sp.loggamma(a) + (a - 1) * sp.log(x) - b * x, x, (a, b), HALF)
POISSON = StatisticalModel(k * sp.log(lam) - lam - sp.log(sp.factorial(k)), k, (lam,), sp.S.Naturals0)
LAPLACE = StatisticalModel(-sp.Abs(y) / b - sp.log(2 * b), y, (b,), sp.S.Reals)
PAIR = StatisticalModel(
    -(y1**2 - 2 * rho * y1 * y2 + y2**2) / (2 * (1 - rho**2)) - sp.log(1 - rho**2) / 2 - sp.log(2 * sp.pi),
    (y1, y2),
    (rho,),
    [sp.S.Reals, sp.S.Reals],
    (rho**2 < 1,),
)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_cumulants_of_known_families(order):
    assert sp.simplify(cu.cumulant(GAMMA, order) - a * sp.factorial(order - 1) / b**order) == 0
    assert sp.simplify(cu.cumulant(POISSON, order) - lam) == 0
    normal = [mu, s**2, 0, 0, 0][order - 1]
    assert sp.simplify(cu.cumulant(NORMAL, order) - normal) == 0
    laplace = 0 if order % 2 else 2 * sp.factorial(order - 1) * b**order
    assert sp.simplify(cu.cumulant(LAPLACE, order) - laplace) == 0


def test_joint_cumulants_of_a_normal_pair():
    table = cu.cumulants(PAIR, 4)
    assert sp.simplify(table[1, 1] - rho) == 0
    assert table[2, 0] == 1
    assert all(sp.simplify(v) == 0 for i, v in table.items() if sum(i) > 2)
    moments = cu.moments_from_cumulants(table)
    assert sp.simplify(moments[2, 2] - 1 - 2 * rho**2) == 0


@settings(max_examples=15, deadline=None)
@given(st.lists(st.fractions(-3, 3, max_denominator=5), min_size=1, max_size=4))
def test_conversions_are_inverse_and_generate_the_exponential_formula(values):
    kappa = [sp.Rational(v.numerator, v.denominator) for v in values]
    moments = cu.moments_from_cumulants(kappa)
    assert cu.cumulants_from_moments(moments) == kappa
    t = sp.Symbol("t")
    series = sp.exp(sum(c * t**n / sp.factorial(n) for n, c in enumerate(kappa, 1)))
    for n, m in enumerate(moments, 1):
        assert sp.diff(series, t, n).subs(t, 0) == m
    assert cu.cumulants_from_moments([moments[0] + 1, *moments[1:]]) != kappa


def test_multivariate_conversion_of_dependent_moments():
    u, v, w = sp.symbols("u v w")
    moments = {(1, 0): u, (0, 1): v, (1, 1): w, (2, 0): 1 + u**2, (2, 1): sp.Integer(5)}
    found = cu.cumulants_from_moments(moments)
    assert sp.expand(found[1, 1] - (w - u * v)) == 0
    third = 5 - 2 * u * w - v * (1 + u**2) + 2 * u**2 * v  # E abb' formula: m21 - 2 m10 m11 - m01 m20 + 2 m10^2 m01
    assert sp.expand(found[2, 1] - third) == 0
    with pytest.raises(InvalidModel, match="every index below"):
        cu.cumulants_from_moments({(1, 1): w, (1, 0): u})


def test_generating_function_generates_the_cumulants():
    t = sp.Symbol("t", negative=True)
    kk = cu.generating_function(GAMMA, (t,))
    for n in (1, 2, 3):
        assert sp.simplify(sp.diff(kk, t, n).subs(t, 0) - cu.cumulant(GAMMA, n)) == 0


def test_only_normal_laws_end():
    assert cu.series_end(NORMAL).ending is cu.Ending.ENDS
    assert cu.series_end(PAIR).last == 2
    never = cu.series_end(POISSON)
    assert never.ending is cu.Ending.NEVER
    assert never.witness == ((3,), lam)
    symmetric = cu.series_end(LAPLACE)
    assert symmetric.witness[0] == (4,)
    # nothing is proved where only vanishing cumulants were looked at
    undecided = cu.series_end(LAPLACE, order=3)
    assert undecided.ending is cu.Ending.UNDECIDED
    assert "proves nothing" in undecided.reason


def test_moments_that_do_not_exist_decide_nothing():
    cauchy = StatisticalModel(-sp.log(sp.pi * s * (1 + (y / s) ** 2)), y, (s,), sp.S.Reals)
    assert cu.series_end(cauchy, budget=4).ending is cu.Ending.UNDECIDED


def test_a_truncated_quadratic_is_not_taken_for_normal():
    half = StatisticalModel(-(x**2) / (2 * s**2) - sp.log(s) + sp.log(2 / sp.pi) / 2, x, (s,), HALF)
    assert cu.series_end(half, order=3).ending is cu.Ending.NEVER


def test_effective_order_counts_what_matters():
    sizes = [1.0, 2.0, 2.0]
    poisson = [50.0] * 12
    assert cu.effective_order(poisson, 0.05) == 2
    assert cu.effective_order(poisson, 1e-3) == 3
    assert cu.effective_order([1.0] * 12, 1e-3) == 6
    assert cu.effective_order([0.3, 1.0, 0.0, 0.0], 1e-9) == 2
    with pytest.raises(InvalidModel, match="give more cumulants"):
        cu.effective_order(sizes, 1e-3)
    with pytest.raises(InvalidModel, match="kappa_2"):
        cu.effective_order([1.0], 1e-3)
