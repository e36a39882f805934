"""Master integrals against mpmath's quadrature, and the families that need them against the literature."""

import mpmath
import pytest
import sympy as sp

from symrg import StatisticalModel
from symrg.budget import Declined
from symrg.expectation import masters

x = sp.Symbol("x", real=True)
y, a, b, s = sp.symbols("y a b s", positive=True)
m = sp.Symbol("m", real=True)
B = sp.Rational(7, 5)


@pytest.mark.parametrize(
    ("power", "order"), [(sp.Rational(1, 2), 1), (sp.Rational(3, 2), 2), (sp.Rational(2, 3), 3), (2, 1)]
)
def test_exponential_over_sum(power, order):
    exact = masters.exponential_over_sum(sp.sympify(power), order, B).evalf()
    p = mpmath.mpf(float(power)) - 1
    number = mpmath.quad(lambda u: u**p * mpmath.exp(-1.4 * u) / (1 + u) ** order, [0, 1, mpmath.inf])
    assert abs(exact - number) < 1e-8


@pytest.mark.parametrize(("power", "order"), [(-1, 0), (-1, -2), (1, -2), (3, 1), (-5, -1)])
def test_inverse_gaussian_over_sum(power, order):
    half = sp.Rational(power, 2)
    if (power + 2 * order) % 2 == 0:
        with pytest.raises(Declined):
            masters.inverse_gaussian_over_sum(half, order, B)
        return
    exact = masters.inverse_gaussian_over_sum(half, order, B).evalf()
    number = mpmath.quad(
        lambda u: u ** (power / 2 - 1) * (1 + u) ** order * mpmath.exp(-1.4 * (u + 1 / u)), [0, 0.3, 1, 4, mpmath.inf]
    )
    assert abs(exact - number) < 1e-8


@pytest.mark.parametrize("order", [1, 2, 3])
def test_logarithm_over_a_quadratic(order):
    own, other = 2 * (x - 1) ** 2 + 3, 5 * x**2 + x + 1
    exact = masters.log_over_quadratic(order, own, other, x).evalf()
    number = mpmath.quad(
        lambda u: mpmath.log(5 * u**2 + u + 1) / (2 * (u - 1) ** 2 + 3) ** order,
        [-mpmath.inf, -20, 0, 1, 20, mpmath.inf],
    )
    assert abs(exact - number) < 1e-6


def test_divergence_of_two_cauchy_densities():
    """Chyzak, Nielsen, arXiv:1905.10965, eq. (1)."""
    model = StatisticalModel(-sp.log(sp.pi * s) - sp.log(1 + ((x - m) / s) ** 2), x, (m, s))
    other = sp.Symbol("n", real=True), sp.Symbol("t", positive=True)
    value = model.kl_divergence(other)
    assert value == sp.log(((m - other[0]) ** 2 + (s + other[1]) ** 2) / (4 * s * other[1])) or not sp.simplify(
        sp.exp(value) - ((m - other[0]) ** 2 + (s + other[1]) ** 2) / (4 * s * other[1])
    )


def test_metric_of_birnbaum_saunders():
    """Lemonte, Cribari-Neto, Vasconcellos, Comput. Stat. Data Anal. 51 (2007) 4656, sec. 2."""
    z = sp.sqrt(y / b) - sp.sqrt(b / y)
    log_density = sp.log((sp.sqrt(y / b) + sp.sqrt(b / y)) / (2 * a * y)) - sp.log(2 * sp.pi) / 2 - z**2 / (2 * a**2)
    metric = StatisticalModel(log_density, y, (a, b), sp.Interval(0, sp.oo)).fisher_metric(60)
    beyond = sp.erfc(sp.sqrt(2) / a) / 2  # 1 - Phi(2/a)
    k = a * sp.sqrt(sp.pi / 2) - sp.pi * sp.exp(2 / a**2) * beyond
    exact = sp.diag(2 / a**2, (a * k / sp.sqrt(2 * sp.pi) + 1) / (a**2 * b**2))
    assert max(abs(e) for e in (metric - exact).subs({a: B, b: 3}).evalf(20)) < 1e-15


def test_metric_where_the_tail_is_heavy_in_the_logarithm():
    """ln y of the log-Cauchy density is Cauchy: the metric is the same, (1/2 s^2) on the diagonal."""
    log_density = -sp.log(sp.pi * y * s) - sp.log(1 + ((sp.log(y) - m) / s) ** 2)
    metric = StatisticalModel(log_density, y, (m, s), sp.Interval(0, sp.oo)).fisher_metric(60)
    assert metric == sp.diag(1 / (2 * s**2), 1 / (2 * s**2))


def test_a_power_tail_of_gamma_functions_has_its_mass():
    k = sp.Symbol("k", integer=True, positive=True)
    yule = sp.log(a) + sp.loggamma(k) + sp.loggamma(a + 1) - sp.loggamma(k + a + 1)
    StatisticalModel(yule, k, (a,), sp.S.Naturals).check()


def test_numbers_of_a_coupled_pair_come_within_the_budget():
    u, v = sp.symbols("u v", positive=True)
    log_density = sp.log(6) + sp.log(a + sp.Rational(1, 3)) * 0 + a * u - sp.log(6 * (sp.exp(a) - 1 - a) / a**2)
    model = StatisticalModel(log_density, (u, v), (a,), ((u, 0, 1 - v), (v, 0, 1)))
    estimate = model.fisher_metric_at({a: 1.3}, budget=4)
    exact = sp.diff(sp.log((sp.exp(a) - 1 - a) / a**2), a, 2).subs(a, sp.Rational(13, 10)).evalf()
    assert abs(estimate.value[0, 0] - exact) <= estimate.error[0, 0] + 1e-9
