"""Exponential families: recognised from log-densities, and built from statistics and carrier."""

import mpmath
import pytest
import sympy as sp

from symrg.errors import InvalidModel, NoClosedForm, NotExponentialFamily, UnidentifiableModel
from symrg.exponential import ExponentialFamily, recognise
from symrg.model import StatisticalModel

y, y1, y2, mu = sp.symbols("y y1 y2 mu", real=True)
x = sp.Symbol("x", positive=True)
k, j = sp.symbols("k j", integer=True, nonnegative=True)
n = sp.Symbol("n", integer=True, positive=True)
s, a, b, p, q, lam, r = sp.symbols("sigma a b p q lambda r", positive=True)
rho = sp.Symbol("rho", real=True)
e1, e2 = sp.symbols("e_1 e_2", real=True)
neg = sp.Symbol("h", negative=True)
HALF, UNIT = sp.Interval(0, sp.oo), sp.Interval(0, 1)

NORMAL = StatisticalModel(-((y - mu) ** 2) / (2 * s**2) - sp.log(s) - sp.log(2 * sp.pi) / 2, y, (mu, s), sp.S.Reals)
BINOMIAL = StatisticalModel(
    sp.log(sp.binomial(n, k)) + k * sp.log(p) + (n - k) * sp.log(1 - p), k, (p,), sp.Range(0, n + 1), (p < 1,)
)
VON_MISES = StatisticalModel(
    a * sp.cos(y - mu) - sp.log(2 * sp.pi * sp.besseli(0, a)), y, (mu, a), sp.Interval(-sp.pi, sp.pi)
)
GAMMA = StatisticalModel(a * sp.log(b) - sp.loggamma(a) + (a - 1) * sp.log(x) - b * x, x, (a, b), HALF)
INVERSE_GAUSS = StatisticalModel(
    sp.log(lam / (2 * sp.pi * x**3)) / 2 - lam * (x - a) ** 2 / (2 * a**2 * x), x, (a, lam), HALF
)
CATEGORICAL = StatisticalModel(
    sp.KroneckerDelta(k, 0) * sp.log(p)
    + sp.KroneckerDelta(k, 1) * sp.log(q)
    + sp.KroneckerDelta(k, 2) * sp.log(1 - p - q),
    k,
    (p, q),
    sp.FiniteSet(0, 1, 2),
    (p + q < 1,),
)
POWER = StatisticalModel(sp.log(3 * lam * x**2) - lam * x**3, x, (lam,), HALF)
PARETO = StatisticalModel(sp.log(a) + a * sp.log(b) - (a + 1) * sp.log(x), x, (a, b), sp.Interval(b, sp.oo))
KNOWN = {
    "normal": (NORMAL, 2, {mu: 0.4, s: 1.3}),
    "binomial": (BINOMIAL, 1, {n: 7, p: 0.35}),
    "von Mises": (VON_MISES, 2, {mu: 0.7, a: 1.9}),
    "gamma": (GAMMA, 2, {a: 1.7, b: 0.6}),
    "inverse Gauss": (INVERSE_GAUSS, 2, {a: 1.2, lam: 2.1}),
    "categorical": (CATEGORICAL, 2, {p: 0.2, q: 0.5}),
    "power": (POWER, 1, {lam: 0.8}),
}


@pytest.mark.parametrize("name", KNOWN)
def test_recognised_families_restore_the_log_density_and_metric(name):
    model, dimension, point = KNOWN[name]
    family = recognise(model)
    assert family.dimension == dimension
    assert not family.curved
    restored = family.log_density.subs(family.natural_map)
    for value in (1, 2) if name in ("binomial", "categorical") else (0.3, 1.1):
        gap = (restored - model.log_density).subs(point).subs(model.sample[0], value)
        assert abs(complex(gap.evalf(20))) < 1e-12
    # Hessian of psi, carried to theta, is the Fisher metric that the engine finds
    jacobian = sp.Matrix([[sp.diff(e, t) for t in model.parameters] for e in family.natural_map.values()])
    pulled = jacobian.T * family.fisher_metric().subs(family.natural_map) * jacobian
    gap = (pulled - model.fisher_metric()).subs(point).evalf(20)
    assert max(abs(e) for e in gap) < 1e-10


def test_statistics_that_are_affine_in_others_on_the_sample_space_are_dropped():
    family = recognise(CATEGORICAL)
    assert family.dimension == 2  # three indicators add up to one
    tied = StatisticalModel(-((y - a) ** 2) / (2 * b) - ((y - 2 * a) ** 2) / (2 * b), y, (a, b), sp.S.Reals)
    assert recognise(tied).statistics == (y, y**2)


def test_curved_and_redundant_parametrisations_are_named_as_such():
    curved = StatisticalModel(-((y - s) ** 2) / (2 * s**2) - sp.log(s) - sp.log(2 * sp.pi) / 2, y, (s,), sp.S.Reals)
    family = recognise(curved)
    assert family.curved
    assert family.identifiable
    assert family.dimension == 2
    assert family.parameters_from_natural() is None
    redundant = recognise(StatisticalModel(-((y - a - b) ** 2) / 2 - sp.log(2 * sp.pi) / 2, y, (a, b), sp.S.Reals))
    assert not redundant.identifiable
    assert redundant.dimension == 1
    correlation = StatisticalModel(
        -(y1**2 - 2 * rho * y1 * y2 + y2**2) / (2 * (1 - rho**2)) - sp.log(1 - rho**2) / 2 - sp.log(2 * sp.pi),
        (y1, y2),
        (rho,),
        [sp.S.Reals, sp.S.Reals],
        (rho**2 < 1,),
    )
    assert recognise(correlation).curved


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (StatisticalModel(-sp.log(sp.pi * (1 + (y - mu) ** 2)), y, (mu,), sp.S.Reals), "couples"),
        (StatisticalModel(sp.log(a * x ** (a - 1)) - x**a, x, (a,), HALF), r"x\*\*a"),
        (StatisticalModel(-sp.Abs(y - mu) - sp.log(2), y, (mu,), sp.S.Reals), "Abs"),
        (
            StatisticalModel(sp.log(a) + a * sp.log(b) - (a + 1) * sp.log(x), x, (a, b), sp.Interval(b, sp.oo)),
            "support depends on b",
        ),
    ],
    ids=["Cauchy", "Weibull", "Laplace", "Pareto"],
)
def test_the_reason_is_given_where_there_is_no_family(model, reason):
    with pytest.raises(NotExponentialFamily, match=reason):
        recognise(model)


def test_holding_the_offending_parameter_fixed_gives_a_family():
    pareto = StatisticalModel(sp.log(a) + a * sp.log(b) - (a + 1) * sp.log(x), x, (a,), sp.Interval(b, sp.oo))
    assert recognise(pareto).statistics == (sp.log(x),)


BUILT = {
    "normal": ((y, y**2), y, (e1, neg), 1, sp.S.Reals, -(e1**2) / (4 * neg) + sp.log(-sp.pi / neg) / 2),
    "gamma": ((sp.log(x), x), x, (a, neg), 1 / x, HALF, sp.loggamma(a) - a * sp.log(-neg)),
    "beta": (
        (sp.log(x), sp.log(1 - x)), x, (a, b), 1 / (x * (1 - x)), UNIT,
        sp.loggamma(a) + sp.loggamma(b) - sp.loggamma(a + b),
    ),
    "Poisson": (k, k, e1, 1 / sp.factorial(k), sp.S.Naturals0, sp.exp(e1)),
    "Bernoulli": (k, k, e1, 1, sp.FiniteSet(0, 1), sp.log(1 + sp.exp(e1))),
    "logarithmic": (k, k, neg, 1 / k, sp.S.Naturals, sp.log(-sp.log(1 - sp.exp(neg)))),
    "quartic": (y**4, y, neg, 1, sp.S.Reals, sp.log(2 * sp.gamma(sp.Rational(5, 4))) - sp.log(-neg) / 4),
    "circle": (sp.cos(y), y, e1, 1, sp.Interval(0, 2 * sp.pi), sp.log(2 * sp.pi * sp.besseli(0, e1))),
    "two normals": (
        (y1, y1**2 + y2**2), (y1, y2), (e1, neg), 1, [sp.S.Reals, sp.S.Reals],
        -(e1**2) / (4 * neg) + sp.log(-sp.pi / neg),
    ),
}  # fmt: skip
POINT = {e1: 0.7, neg: -0.6, a: 1.8, b: 0.7}


@pytest.mark.parametrize("name", BUILT)
def test_log_partition_is_derived_from_the_carrier(name):
    statistics, sample, natural, carrier, support, expected = BUILT[name]
    family = ExponentialFamily(statistics, sample, natural, carrier=carrier, support=support)
    assert abs((family.log_partition - expected).subs(POINT).evalf(20)) < 1e-12
    assert abs((family.log_partition - expected + sp.Rational(1, 100)).subs(POINT).evalf()) > 1e-3


def test_a_carrier_without_closed_normalisation_is_said_to_have_none():
    family = ExponentialFamily(
        (y**4, y**6), y, (neg, sp.Symbol("g", negative=True)), carrier=sp.exp(-(y**8)), support=sp.S.Reals, budget=1.5
    )
    with pytest.raises(NoClosedForm, match="integral"):
        _ = family.log_partition


def test_cumulants_are_the_central_moments_of_the_statistics():
    family = ExponentialFamily((sp.log(x), x), x, (a, neg), carrier=1 / x, support=HALF)
    point = {a: 2.5, neg: -1.5}

    def moment(i, l):  # of (ln x - m1)^i (x - m2)^l, by quadrature
        means = [float(m.subs(point)) for m in family.mean_parameters()]
        log_p = sp.lambdify(x, family.log_density.subs(point), "mpmath")
        return float(
            mpmath.quad(
                lambda v: mpmath.exp(log_p(v)) * (mpmath.log(v) - means[0]) ** i * (v - means[1]) ** l, [0, 1, 4, 40]
            )
        )

    for index in ((2, 0), (1, 1), (0, 2), (2, 1), (0, 3), (1, 2)):
        assert abs(float(family.cumulant(index).subs(point)) - moment(*index)) < 1e-8
    fourth = moment(0, 4) - 3 * moment(0, 2) ** 2
    assert abs(float(family.cumulant((0, 4)).subs(point)) - fourth) < 1e-7
    third = family.cumulant(3)
    assert third.shape == (2, 2, 2)
    assert third[0, 1, 1] == family.cumulant((1, 2))
    with pytest.raises(InvalidModel, match="multi-index"):
        family.cumulant((1, 0, 0))


@pytest.mark.parametrize("name", ["normal", "binomial", "inverse Gauss", "categorical", "power"])
def test_legendre_duality(name):
    family = recognise(KNOWN[name][0])
    point = {t: sp.nsimplify(v) for t, v in KNOWN[name][2].items()}
    eta = {e: v.subs(point) for e, v in family.natural_map.items()}
    means = [m.subs(point).subs(eta) for m in family.mean_parameters()]
    at = dict(zip(family.mean_symbols, means))
    phi = family.dual_potential()
    pairing = sum(e * m for e, m in zip(eta.values(), means))
    psi = family.log_partition.subs(point).subs(eta)
    assert abs(complex((phi.subs(point).subs(at) + psi - pairing).evalf(20))) < 1e-12
    for symbol, e in zip(family.mean_symbols, eta.values()):  # d phi / d m = eta
        assert abs(complex((sp.diff(phi, symbol).subs(point).subs(at) - e).evalf(20))) < 1e-10
    hessian = sp.hessian(phi, family.mean_symbols).subs(point).subs(at)
    product = (hessian * family.fisher_metric().subs(point).subs(eta)).evalf(20)
    assert max(abs(complex(e)) for e in product - sp.eye(family.dimension)) < 1e-9


def test_dual_potential_without_closed_form_is_said_to_have_none():
    with pytest.raises(NoClosedForm, match="natural parameters of mean"):
        recognise(GAMMA).dual_potential(budget=2)


def test_bregman_divergence_is_the_kl_divergence_of_the_model():
    family = recognise(NORMAL)
    nu, t = sp.Symbol("nu", real=True), sp.Symbol("tau", positive=True)
    other = [e.subs({mu: nu, s: t}, simultaneous=True) for e in family.natural_map.values()]
    bregman = family.kl_divergence(other, first=tuple(family.natural_map.values()))
    assert sp.simplify(bregman - NORMAL.kl_divergence((nu, t))) == 0
    reverse = family.kl_divergence(tuple(family.natural_map.values()), first=other)
    assert sp.simplify(bregman - reverse) != 0


def test_entropy_of_families_built_from_a_carrier():
    family = ExponentialFamily((sp.log(x), sp.log(1 - x)), x, (a, b), carrier=1 / (x * (1 - x)), support=UNIT)
    exact = (
        sp.log(sp.beta(a, b))
        - (a - 1) * sp.polygamma(0, a)
        - (b - 1) * sp.polygamma(0, b)
        + (a + b - 2) * sp.polygamma(0, a + b)
    )
    assert abs((family.entropy() - exact).subs(POINT).evalf(20)) < 1e-12


def test_pythagorean_relation_and_projection():
    family = recognise(NORMAL)
    m1, m2 = family.natural_parameters
    point = (sp.Rational(1, 2), -sp.Rational(3, 4))
    free = sp.Symbol("u", real=True)
    projection = family.project(point, {m1: free, m2: -sp.Rational(1, 3)}, (free,))
    end = (sp.Rational(-2), -sp.Rational(1, 3))
    middle = tuple(projection[e] for e in (m1, m2))
    assert sp.simplify(family.pythagorean_defect(point, middle, end)) == 0
    total = family.kl_divergence(end, first=point)
    parts = family.kl_divergence(middle, first=point) + family.kl_divergence(end, first=middle)
    assert abs((total - parts).evalf(20)) < 1e-15
    off = (middle[0] + sp.Rational(1, 5), middle[1])
    assert abs(family.pythagorean_defect(point, off, end).evalf()) > 1e-2
    assert family.kl_divergence(off, first=point).evalf() > family.kl_divergence(middle, first=point).evalf()
    with pytest.raises(InvalidModel, match="affine"):
        family.project(point, {m1: free**2, m2: -1}, (free,))


def test_manifold_of_a_family_is_dually_flat():
    manifold = recognise(NORMAL).manifold()
    assert manifold.scalar_curvature() == -1
    assert set(sp.flatten(manifold.christoffel(1).tolist())) == {0}
    assert set(sp.flatten(manifold.riemann(-1).tolist())) == {0}
    assert set(sp.flatten(manifold.christoffel(-1).tolist())) != {0}


def test_maximum_likelihood_and_cramer_rao():
    family = recognise(NORMAL)
    m1, _ = family.mean_symbols
    estimate = family.mle()
    assert sp.simplify(estimate[mu] - m1) == 0
    numbers = family.mle((sp.Rational(1, 2), 3))
    assert (numbers[mu], sp.nsimplify(numbers[s] ** 2)) == (sp.Rational(1, 2), sp.Rational(11, 4))
    mean = family.cramer_rao(mu, count=n)
    assert mean.attained
    assert sp.simplify(mean.bound.subs(family.natural_map) - s**2 / n) == 0
    assert mean.estimator == m1
    # the variance with unknown mean: bound 2 sigma^4/n, which no unbiased estimator attains
    variance = family.cramer_rao(s**2, count=n)
    assert not variance.attained
    assert variance.estimator is None
    assert sp.simplify(variance.bound.subs(family.natural_map) - 2 * s**4 / n) == 0
    rate = recognise(StatisticalModel(sp.log(lam) - lam * x, x, (lam,), HALF))
    assert rate.cramer_rao(1 / lam).attained
    assert not rate.cramer_rao(lam).attained


def test_conjugate_updating_of_counts():
    bernoulli = ExponentialFamily(k, k, e1, carrier=1, support=sp.FiniteSet(0, 1))
    prior = bernoulli.conjugate_prior(2, 5)
    posterior = prior.posterior(3, 4)
    assert (posterior.chi, posterior.nu) == ((5,), 9)
    assert posterior.mean() == (sp.Rational(5, 9),)
    # in p = 1/(1 + exp(-eta)) it is Beta(5, 4): the mass is B(5, 4), the next one a success with 5/9
    assert posterior.normalisation() == sp.Rational(1, 280)
    predictive = posterior.predictive()
    assert sp.simplify(predictive.subs(k, 1)) == sp.Rational(5, 9)
    assert sp.simplify(predictive.subs(k, 0)) == sp.Rational(4, 9)
    assert bernoulli.posterior_predictive(3, 4, prior).subs(k, 1) == predictive.subs(k, 1)
    with pytest.raises(InvalidModel, match="statistic_sum"):
        prior.posterior((1, 2), 1)


def test_conjugate_predictive_of_poisson_and_normal_data():
    poisson = ExponentialFamily(k, k, e1, carrier=1 / sp.factorial(k), support=sp.S.Naturals0)
    predictive = poisson.conjugate_prior(a, b).predictive()
    expected = sp.gamma(a + k) / (sp.gamma(a) * sp.factorial(k)) * b**a / (b + 1) ** (a + k)  # negative binomial
    for count in (0, 1, 4):
        assert abs((predictive - expected).subs({k: count, a: 1.7, b: 0.9}).evalf(20)) < 1e-14
    location = ExponentialFamily(y, y, e1, log_partition=e1**2 / 2, carrier=sp.exp(-(y**2) / 2) / sp.sqrt(2 * sp.pi))
    density = location.posterior_predictive(3, 2, location.conjugate_prior(0, 1))
    variance = sp.Rational(4, 3)  # posterior N(1, 1/3), noise 1
    exact = sp.exp(-((y - 1) ** 2) / (2 * variance)) / sp.sqrt(2 * sp.pi * variance)
    for value in (-1, 0.3, 2):
        assert abs((density - exact).subs(y, value).evalf(20)) < 1e-14


def test_errors_of_construction():
    with pytest.raises(InvalidModel, match="as many natural parameters"):
        ExponentialFamily((y, y**2), y, (e1,))
    with pytest.raises(InvalidModel, match="depend on the sample"):
        ExponentialFamily(y, y, y * e1)
    redundant = recognise(StatisticalModel(-((y - a - b) ** 2) / 2 - sp.log(2 * sp.pi) / 2, y, (a, b), sp.S.Reals))
    with pytest.raises(UnidentifiableModel, match="reparametrise"):
        redundant.mean_parameters()
