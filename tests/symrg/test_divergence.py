"""Divergences against independent integrals, and expansions against the Taylor series of exact divergences."""

import mpmath
import pytest
import sympy as sp

from symrg import divergence as dv
from symrg.errors import InvalidModel, IrregularModel, NoClosedForm
from symrg.kl_geometry import geometric_expansion, geometric_term
from symrg.model import StatisticalModel

y, mu, nu = sp.symbols("y mu nu", real=True)
x = sp.Symbol("x", positive=True)
k = sp.Symbol("k", integer=True, nonnegative=True)
s, r, a, b, c, d, p, q, lam = sp.symbols("sigma rho a b c d p q lambda", positive=True)
d1, d2, eps = sp.symbols("delta_1 delta_2 epsilon", real=True)
HALF = sp.Interval(0, sp.oo)


def normal():
    return StatisticalModel(-((y - mu) ** 2) / (2 * s**2) - sp.log(s) - sp.log(2 * sp.pi) / 2, y, (mu, s), sp.S.Reals)


def gamma():
    return StatisticalModel(a * sp.log(b) - sp.loggamma(a) + (a - 1) * sp.log(x) - b * x, x, (a, b), HALF)


def weibull():
    return StatisticalModel(sp.log(a / b) + (a - 1) * sp.log(x / b) - (x / b) ** a, x, (a, b), HALF)


def geometric():
    return StatisticalModel(sp.log(p) + k * sp.log(1 - p), k, (p,), sp.S.Naturals0, (p < 1,))


def poisson():
    return StatisticalModel(k * sp.log(lam) - lam - sp.log(sp.factorial(k)), k, (lam,), sp.S.Naturals0)


def gumbel():
    return StatisticalModel(-(y - mu) / b - sp.exp(-(y - mu) / b) - sp.log(b), y, (mu, b), sp.S.Reals)


def laplace():
    return StatisticalModel(-sp.Abs(y - mu) / b - sp.log(2 * b), y, (mu, b), sp.S.Reals)


CASES = {
    "normal": (normal, (nu, r), {mu: 0.3, s: 1.2, nu: -0.4, r: 0.7}),
    "gamma": (gamma, (c, d), {a: 2.3, b: 1.1, c: 1.4, d: 0.8}),
    "weibull": (weibull, (c, d), {a: 1.7, b: 0.9, c: 1.2, d: 1.3}),
    "gumbel": (gumbel, (nu, d), {mu: 0.2, b: 1.3, nu: -0.5, d: 0.9}),
    "laplace, to the right": (laplace, (nu, d), {mu: 0.2, b: 1.3, nu: 0.9, d: 0.8}),
    "laplace, to the left": (laplace, (nu, d), {mu: 0.2, b: 1.3, nu: -0.9, d: 0.8}),
    "geometric": (geometric, (q,), {p: 0.3, q: 0.55}),
    "poisson": (poisson, (q,), {lam: 2.5, q: 1.1}),
}


def by_quadrature(model, other, point, function):
    """E_theta[function(ln p/p')] with mpmath, from the log-density alone."""
    sample, log_density = model.sample[0], model.log_density
    moved = log_density.subs(dict(zip(model.parameters, other)), simultaneous=True)
    one, two = (sp.lambdify(sample, e.subs(point), "mpmath") for e in (log_density, moved))

    def integrand(v):
        left = one(v)
        return mpmath.exp(left) * function(left - two(v))

    axis = model.axes[0]
    if axis.discrete:
        return float(mpmath.fsum(integrand(j) for j in range(0, 150)))
    kinks = sorted(float(e.subs(point)) for e in (mu, nu) if e in point)
    inner = kinks or [1]
    low = -60 if axis.lower == -sp.oo else mpmath.mpf(10) ** -30
    return float(mpmath.quad(integrand, [low, *inner, 60]))


@pytest.mark.parametrize("name", CASES)
def test_kl_in_both_orders_against_quadrature(name):
    build, other, point = CASES[name]
    model = build()
    there = model.__class__(
        model.log_density.subs(dict(zip(model.parameters, other)), simultaneous=True),
        model.sample,
        other,
        model.support,
        tuple(e.subs(dict(zip(model.parameters, other))) for e in model.domain),
    )
    forward = dv.kl_divergence(model, other)
    backward = dv.kl_divergence(model, other, reverse=True)
    right = by_quadrature(model, other, point, lambda u: u)
    left = by_quadrature(there, model.parameters, point, lambda u: u)
    assert abs(float(forward.subs(point)) - right) < 1e-7
    assert abs(float(backward.subs(point)) - left) < 1e-7
    assert abs(right - left) > 1e-3  # the two orders are told apart
    assert sp.simplify(forward.subs(dict(zip(other, model.parameters)), simultaneous=True)) == 0


@pytest.mark.parametrize("name", ["normal", "gamma", "weibull", "gumbel", "geometric", "poisson"])
def test_expansion_is_the_taylor_series_of_the_exact_divergence(name):
    build, _, point = CASES[name]
    model = build()
    parameters = model.parameters
    delta = (d1, d2)[: len(parameters)]
    order = 5 if len(parameters) == 1 else 4
    expansion = dv.kl_expansion(model, order, delta, budget=20)
    twin = [sp.Dummy(e.name, **e.assumptions0) for e in parameters]
    exact = dv.kl_divergence(model, twin)
    here = dict(zip(twin, parameters))
    for index in dv.multi_indices(len(delta), 1, order):
        slope = exact
        for t, times in zip(twin, index):
            slope = sp.diff(slope, t, times) if times else slope
        reference = slope.subs(here).subs(point).evalf(20) / sp.prod([sp.factorial(n) for n in index])
        found = sp.Poly(expansion, *delta).coeff_monomial(sp.prod([e**n for e, n in zip(delta, index)]))
        assert abs(found.subs(point).evalf(20) - reference) < 1e-10 * (1 + abs(reference))
    metric = model.fisher_metric()
    quadratic = sum(metric[i, j] * delta[i] * delta[j] for i in range(len(delta)) for j in range(len(delta))) / 2
    assert sp.simplify(dv.kl_expansion(model, 2, delta) - quadratic) == 0


def test_expansion_where_the_divergence_itself_is_not_elementary():
    # Cauchy: D(theta || theta') = ln(((s + s')^2 + (m - m')^2)/(4 s s')), Chyzak and Nielsen (2019), arXiv:1905.10965
    model = StatisticalModel(-sp.log(sp.pi * s * (1 + ((y - mu) / s) ** 2)), y, (mu, s), sp.S.Reals)
    exact = sp.log(((2 * s + eps * d2) ** 2 + (eps * d1) ** 2) / (4 * s * (s + eps * d2)))
    series = sp.series(exact, eps, 0, 4).removeO()
    found = dv.kl_expansion(model, 3, (d1, d2), budget=30)
    assert sp.simplify(sp.expand(series.subs(eps, 1)) - found) == 0


@pytest.mark.parametrize("build", [normal, gamma, poisson], ids=["normal", "gamma", "poisson"])
def test_tensors_of_the_geometry_give_the_same_expansion(build):
    model = build()
    delta = (d1, d2)[: len(model.parameters)]
    direct = dv.kl_expansion(model, 4, delta, budget=20)
    tensors = geometric_expansion(model, 4, delta, budget=20)
    assert sp.simplify(direct - tensors) == 0
    # a neighbouring alpha is refused: alpha = 0 in place of 1/3
    wrong = sum(
        model.manifold().christoffel(0, lowered=True)[i, j, n] * delta[i] * delta[j] * delta[n]
        for i in range(len(delta))
        for j in range(len(delta))
        for n in range(len(delta))
    )
    assert sp.simplify(geometric_term(3).evaluate(model, delta, 10) - wrong / 2) != 0


def test_kinked_densities_have_no_taylor_polynomial_beyond_order_two():
    assert sp.simplify(dv.kl_expansion(laplace(), 2, (d1, d2)) - (d1**2 + d2**2) / (2 * b**2)) == 0
    with pytest.raises(IrregularModel, match="kink that moves with mu"):
        dv.kl_expansion(laplace(), 3, (d1, d2))


def test_relatives_of_the_normal_divergence():
    model, point = normal(), {mu: 0.3, s: 1.2, nu: -0.4, r: 0.7}
    t = sp.Symbol("t", positive=True)

    def near(expression, function):
        assert abs(float(expression.subs(point)) - by_quadrature(model, (nu, r), point, function)) < 1e-7

    near(dv.hellinger_squared(model, (nu, r)), lambda u: 1 - mpmath.exp(-u / 2))
    near(sp.exp(-dv.bhattacharyya_distance(model, (nu, r))), lambda u: mpmath.exp(-u / 2))
    near(sp.exp(-dv.renyi_divergence(model, (nu, r), sp.Rational(1, 3)) * 2 / 3), lambda u: mpmath.exp(-2 * u / 3))
    near(dv.alpha_divergence(model, (nu, r), sp.Rational(1, 2)), lambda u: 16 / 3 * (1 - mpmath.exp(-3 * u / 4)))
    near(dv.f_divergence(model, (nu, r), (sp.sqrt(t) - 1) ** 2, t), lambda u: (mpmath.exp(-u / 2) - 1) ** 2)
    near(dv.f_divergence(model, (nu, r), t * sp.log(t), t), lambda u: u)
    both = dv.kl_divergence(model, (nu, r)) + dv.kl_divergence(model, (nu, r), reverse=True)
    assert sp.simplify(dv.jeffreys_divergence(model, (nu, r)) - both) == 0
    order = sp.Symbol("alpha", positive=True)
    renyi = dv.renyi_divergence(model, (nu, s), order)
    assert sp.simplify(renyi - order * (mu - nu) ** 2 / (2 * s**2)) == 0  # van Erven and Harremoes (2014), eq. (10)


@pytest.mark.parametrize(
    "f", [lambda t: t * sp.log(t), lambda t: (t - 1) ** 2, lambda t: -sp.log(t), lambda t: 2 * (1 - sp.sqrt(t))]
)
def test_second_order_of_every_f_divergence_is_the_fisher_metric(f):
    t = sp.Symbol("t", positive=True)
    model = gamma()
    metric = model.fisher_metric()
    quadratic = sum(metric[i, j] * (d1, d2)[i] * (d1, d2)[j] for i in (0, 1) for j in (0, 1)) / 2
    found = dv.f_divergence_expansion(model, f(t), t, 2, (d1, d2))
    assert sp.simplify(found - sp.diff(f(t), t, 2).subs(t, 1) * quadratic) == 0


def test_f_divergence_expansion_of_the_kl_generator_is_the_kl_expansion():
    t = sp.Symbol("t", positive=True)
    for build, generator, reverse in ((geometric, t * sp.log(t), False), (geometric, -sp.log(t), True)):
        model = build()
        found = dv.f_divergence_expansion(model, generator, t, 3, (d1,))
        twin = sp.Dummy("p", positive=True)
        exact = dv.kl_divergence(model, (twin,), reverse=reverse)
        for n in (2, 3):
            reference = sp.diff(exact, twin, n).subs(twin, p) / sp.factorial(n)
            assert sp.simplify(found.coeff(d1, n) - reference) == 0


def test_entropies():
    assert sp.simplify(dv.entropy(normal()) - sp.log(2 * sp.pi * sp.E * s**2) / 2) == 0
    expected = a - sp.log(b) + sp.loggamma(a) + (1 - a) * sp.polygamma(0, a)
    assert sp.simplify(dv.entropy(gamma()) - expected) == 0
    assert sp.simplify(dv.entropy(geometric()) + sp.log(p) + (1 - p) * sp.log(1 - p) / p) == 0


def test_errors():
    with pytest.raises(InvalidModel, match="2 values"):
        dv.kl_divergence(normal(), (nu,))
    with pytest.raises(InvalidModel, match="order"):
        dv.kl_expansion(normal(), 1, (d1, d2))
    with pytest.raises(InvalidModel, match="must vanish"):
        dv.f_divergence_expansion(normal(), sp.exp(eps), eps, 2, (d1, d2))
    uniform = StatisticalModel(-sp.log(a), x, (a,), sp.Interval(0, a))
    with pytest.raises(IrregularModel, match="support depends on a"):
        dv.kl_divergence(uniform, (c,))
    with pytest.raises(NoClosedForm):
        dv.hellinger_squared(weibull(), (c, d), budget=2)
    with pytest.raises(InvalidModel, match="orders 2, 3 and 4"):
        geometric_term(5)
