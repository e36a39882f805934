"""Posteriors, predictive densities and evidence against direct quadrature; named conjugates; refusals."""

from __future__ import annotations

import math

import mpmath
import pytest
from sympy import (
    FiniteSet,
    ImmutableMatrix,
    Integral,
    Interval,
    Matrix,
    Range,
    Rational,
    S,
    Symbol,
    besseli,
    binomial,
    cos,
    exp,
    expand_log,
    gamma,
    lambdify,
    log,
    loggamma,
    oo,
    pi,
    simplify,
    sin,
    sqrt,
    symbols,
)

from symrg import StatisticalModel
from symrg.bayes import conjugate_prior, posterior, recognise
from symrg.errors import DataError, ImproperDensity, InvalidModel, IrregularModel, NotExponentialFamily

a, b = symbols("a b", positive=True)


def direct(model, prior, data, theta, lower, upper, values):
    """(evidence, posterior density at a point) by mpmath alone, numbers put in first."""
    likelihood = lambdify((theta, *model.sample), model.density.subs(values), "mpmath")
    weigh = lambdify(theta, S(prior).subs(values), "mpmath")
    prior_mass = mpmath.quad(weigh, [lower, 1, upper] if upper == mpmath.inf else [lower, upper])

    def weight(q):
        value = weigh(q) / prior_mass
        for row in data:
            value *= likelihood(q, *(row if isinstance(row, tuple) else (row,)))
        return value

    evidence = mpmath.quad(weight, [lower, 0.5, 1, 2, upper] if upper == mpmath.inf else [lower, 0.5, upper])
    return evidence, lambda q: weight(q) / evidence


@pytest.fixture(scope="module")
def one_parameter(zoo):
    return {
        "gamma-Poisson": (zoo.poisson, zoo.rate ** (a - 1) * exp(-b * zoo.rate), (2, 0, 3), "gamma"),
        "gamma-exponential": (
            zoo.exponential,
            zoo.rate ** (a - 1) * exp(-b * zoo.rate),
            (Rational(1, 2), 2, Rational(7, 5)),
            "gamma",
        ),
        "beta-binomial": (zoo.bernoulli, zoo.p ** (a - 1) * (1 - zoo.p) ** (b - 1), (1, 0, 1, 1), "beta"),
        "normal-normal": (zoo.normal, exp(-((zoo.mu - a) ** 2) / (2 * b**2)), (0, 1, Rational(5, 2)), "normal"),
        "lognormal-Poisson": (zoo.poisson, exp(-(log(zoo.rate) ** 2)) / zoo.rate, (1, 2), None),
        "normal-Cauchy": (zoo.cauchy, exp(-(zoo.cauchy.parameters[0] ** 2) / 2), (0, 1, 3), None),
    }


NAMES = [
    "gamma-Poisson",
    "gamma-exponential",
    "beta-binomial",
    "normal-normal",
    "lognormal-Poisson",
    "normal-Cauchy",
]


@pytest.mark.parametrize("name", NAMES)
def test_posterior_and_evidence_against_quadrature(name, one_parameter, zoo):
    model, prior, data, family = one_parameter[name]
    found = posterior(model, prior, data=data)
    (theta,) = model.parameters
    values = {a: 2.5, b: 1.5, zoo.sigma: 1.2}
    lower = 0 if theta.is_positive else -mpmath.inf
    upper = 1 if name == "beta-binomial" else mpmath.inf
    evidence, density = direct(model, prior, data, theta, lower, upper, values)
    given = lambdify(theta, found.density.subs(values), "mpmath")
    for q in (0.3, 0.85):
        assert float(given(mpmath.mpf(q))) == pytest.approx(float(density(q)), rel=1e-6)
    assert float(lambdify((), found.evidence.subs(values), "mpmath")()) == pytest.approx(float(evidence), rel=1e-6)
    assert (found.named.name if found.named else None) == family
    # A datum more is another posterior.
    other = lambdify(theta, posterior(model, prior, data=(*data, data[0])).density.subs(values), "mpmath")
    assert abs(float(other(0.3)) - float(density(0.3))) > 1e-3


@pytest.mark.parametrize("name", NAMES[:4])
def test_predictive_density_is_a_ratio_of_evidences(name, one_parameter, zoo):
    model, prior, data, _ = one_parameter[name]
    found = posterior(model, prior, data=data)
    (y,) = model.sample
    values = {a: 2.5, b: 1.5, zoo.sigma: 1.2}
    for point in (0, 1) if y.is_integer else (Rational(1, 2), 2):
        longer = posterior(model, prior, data=(*data, point)).evidence
        ratio = float((longer / found.evidence).subs(values).evalf())
        assert float(found.predictive().subs(y, point).subs(values).evalf()) == pytest.approx(ratio, rel=1e-9)


@pytest.mark.parametrize("name", NAMES[:4])
def test_symbolic_statistics_agree_with_numbers(name, one_parameter, zoo):
    model, prior, data, _ = one_parameter[name]
    numeric = posterior(model, prior, data=data)
    symbolic = posterior(model, prior)
    (y,) = model.sample
    size = {symbolic.count: len(data)}
    sums = {s: sum(g.subs(y, v) for v in data) for s, g in symbolic.statistics}
    values = {a: 2.5, b: 1.5, zoo.sigma: 1.2, model.parameters[0]: 0.4}
    given = symbolic.density.subs(sums).subs(size).subs(values).evalf()
    assert float(given) == pytest.approx(float(numeric.density.subs(values).evalf()), rel=1e-10)
    assert float(given) != pytest.approx(
        float(symbolic.density.subs(sums).subs({symbolic.count: len(data) + 1}).subs(values).evalf()), rel=1e-3
    )


def test_updating_twice_is_updating_once(zoo):
    prior = zoo.rate ** (a - 1) * exp(-b * zoo.rate)
    first = posterior(zoo.poisson, prior, data=[2, 0])
    assert (
        simplify(
            posterior(zoo.poisson, first.density, data=[3]).density
            - posterior(zoo.poisson, prior, data=[2, 0, 3]).density
        )
        == 0
    )


def test_hyperparameters_of_the_usual_pairs(zoo):
    # Gelman et al. (2013), secs. 2.4-2.6, 3.3.
    n, total = Symbol("n", integer=True, positive=True), Symbol("S", positive=True)
    found = posterior(zoo.exponential, zoo.rate ** (a - 1) * exp(-b * zoo.rate), count=n, statistics={zoo.z: total})
    assert (found.named["shape"], found.named["rate"]) == (a + n, b + total)
    m0, s0 = zoo.m0, zoo.s0
    found = posterior(zoo.normal, exp(-((zoo.mu - m0) ** 2) / (2 * s0**2)), count=n)
    weight = 1 / s0**2 + n / zoo.sigma**2
    assert simplify(found.named["variance"] - 1 / weight) == 0
    (s1, _), *_ = [(s, g) for s, g in found.statistics if g == zoo.y]
    assert simplify(found.named["mean"] - (m0 / s0**2 + s1 / zoo.sigma**2) / weight) == 0


def test_normal_with_both_unknown(zoo):
    v = Symbol("v", positive=True)
    by_variance = StatisticalModel(
        -((zoo.y - zoo.mu) ** 2) / (2 * v) - log(v) / 2 - log(2 * pi) / 2,
        sample=zoo.y,
        parameters=(zoo.mu, v),
        support=S.Reals,
    )
    data = [1, 2, 4]
    one = posterior(by_variance, 1 / v, data=data)
    two = posterior(zoo.normal_both, 1 / zoo.sigma, data=data)  # the same prior: dv/v = 2 dsigma/sigma
    assert one.named.name == two.named.name == "normal-inverse-gamma"
    assert one.named.hyperparameters == two.named.hyperparameters
    assert (one.named["mean"], one.named["lambda"], one.named["shape"]) == (Rational(7, 3), 3, 1)
    assert simplify(one.predictive() - two.predictive()) == 0
    # Student with 2 degrees of freedom (Gelman, eq. 3.6): it integrates to one.
    f = lambdify(zoo.y, two.predictive(), "mpmath")
    assert float(mpmath.quad(f, [-mpmath.inf, 0, 2.33, 5, mpmath.inf])) == pytest.approx(1, rel=1e-6)
    # The mean integrates to a Gaussian: what is left of the density in v is inverse gamma, and has mass one.
    marginal = one.density.subs(zoo.mu, one.named["mean"]) * sqrt(2 * pi * v / one.named["lambda"])
    assert float(mpmath.quad(lambdify(v, marginal, "mpmath"), [0, 1, 5, 50, mpmath.inf])) == pytest.approx(1, rel=1e-6)


def test_precision_parameter_gives_normal_gamma(zoo):
    h = Symbol("h", positive=True)
    model = StatisticalModel(
        -h * (zoo.y - zoo.mu) ** 2 / 2 + log(h) / 2 - log(2 * pi) / 2,
        sample=zoo.y,
        parameters=(zoo.mu, h),
        support=S.Reals,
    )
    found = posterior(model, exp(-h), data=[0, 2]).named
    assert found.name == "normal-gamma"
    assert (found["mean"], found["lambda"], found["shape"], found["rate"]) == (1, 2, Rational(3, 2), 2)


def test_inverse_gamma_of_a_scale(zoo):
    model = StatisticalModel(
        zoo.normal.log_density.subs(zoo.mu, 0), sample=zoo.y, parameters=zoo.sigma, support=S.Reals
    )
    found = posterior(model, 1 / zoo.sigma, data=[1, 3])
    assert found.named.name == "square-root inverse-gamma"
    assert (found.named["shape"], found.named["scale"]) == (1, 5)
    f = lambdify(zoo.sigma, found.density, "mpmath")
    assert float(mpmath.quad(f, [0, 1, 3, mpmath.inf])) == pytest.approx(1, rel=1e-10)


def test_dirichlet_multinomial():
    p1, p2 = symbols("p_1 p_2", positive=True)
    k1, k2 = symbols("k_1 k_2", integer=True, nonnegative=True)
    model = StatisticalModel(
        k1 * log(p1) + k2 * log(p2) + (1 - k1 - k2) * log(1 - p1 - p2),
        sample=(k1, k2),
        parameters=(p1, p2),
        support=((k1, 0, 1 - k2), (k2, 0, 1)),
        domain=(p1 + p2 < 1,),
    )
    data = [(1, 0), (0, 0), (1, 0)]
    found = posterior(model, p1 * p2**2, data=data)
    assert found.named.name == "Dirichlet"
    assert tuple(found.named["alpha"]) == (4, 3, 2)
    assert [simplify(found.predictive().subs({k1: i, k2: j})) for i, j in ((1, 0), (0, 1), (0, 0))] == [
        Rational(4, 9),
        Rational(3, 9),
        Rational(2, 9),
    ]
    with pytest.raises(DataError, match="outside"):
        posterior(model, 1, data=[(1, 1)])


def test_linear_regression_against_the_normal_equations():
    u, v, w, p, q = symbols("u v w p q", real=True)
    design, response = Matrix([[1, 0], [1, 1], [1, 3]]), Matrix([1, 2, 2])
    mean = design * Matrix([p, q])
    log_density = -sum((s - m) ** 2 for s, m in zip((u, v, w), mean)) / 2 - Rational(3, 2) * log(2 * pi)
    model = StatisticalModel(log_density, sample=(u, v, w), parameters=(p, q), support=(S.Reals,) * 3)
    prior = exp(-(p**2 + q**2) / 8)
    found = posterior(model, prior, data=[tuple(response)]).named
    precision = design.T * design + Matrix([[1, 0], [0, 1]]) / 4
    assert found.name == "multivariate normal"
    assert found["covariance"] == precision.inv()
    assert found["mean"] == precision.inv() * design.T * response
    log_density = -((u - p - q) ** 2) / 2 - log(2 * pi) / 2
    unseen = StatisticalModel(log_density, sample=u, parameters=(p, q), support=S.Reals)
    with pytest.raises(ImproperDensity, match="singular Fisher metric"):
        posterior(unseen, 1, data=[1, 2])


def test_inverse_wishart_two_by_two():
    first, cross, last = Symbol("A", positive=True), Symbol("B", real=True), Symbol("C", positive=True)
    u, v = symbols("u v", real=True)
    delta = first * last - cross**2
    model = StatisticalModel(
        -log(2 * pi) - log(delta) / 2 - (last * u**2 - 2 * cross * u * v + first * v**2) / (2 * delta),
        sample=(u, v),
        parameters=(first, cross, last),
        support=(S.Reals, S.Reals),
        domain=(cross**2 < first * last,),
    )
    found = posterior(model, delta**-3 * exp(-(first + last) / (2 * delta)), data=[(1, 2), (0, 1)]).named
    assert found.name == "inverse-Wishart"
    # Prior degrees 3 and scale 1, plus two observations and their scatter.
    assert found["degrees"] == 5
    assert found["scale"] == Matrix([[2, 2], [2, 6]])
    # The normaliser by quadrature, for degrees 5 and unit scale: 2^5 sqrt(pi) Gamma(5/2) Gamma(2).
    unit, constant = recognise(log(delta**-4 * exp(-(first + last) / (2 * delta))), (first, cross, last))
    assert constant == 1
    assert simplify(unit.normaliser - 2**5 * sqrt(pi) * gamma(Rational(5, 2))) == 0
    # With r = B/sqrt(A C) the integral is a product of one-dimensional ones after x = 1/(2 A (1 - r^2)).
    by_hand = 2**6 * math.gamma(2.5) ** 2 * float(mpmath.quad(lambda r: (1 - r**2) ** 1.0, [-1, 1])) / 2
    assert float(unit.normaliser.evalf()) == pytest.approx(by_hand, rel=1e-10)


def test_conjugate_families_update_by_adding(zoo):
    for model, name in (
        (zoo.poisson, "gamma"),
        (zoo.exponential, "gamma"),
        (zoo.bernoulli, "beta"),
        (zoo.normal, "normal"),
        (zoo.normal_both, "normal-inverse-gamma"),
    ):
        family = conjugate_prior(model)
        assert family.named.name == name
        data = (1, 0, 1) if model.sample[0].is_integer else (Rational(1, 2), 2)
        sums = [sum(g.subs(model.sample[0], v) for v in data) for g in family.statistics]
        chi, nu = family.updated(sums, len(data))
        updated = family.kernel.subs(dict(zip(family.chi, chi)), simultaneous=True).subs(family.nu, nu)
        ratio = expand_log(log(updated), force=True) - posterior(model, family.kernel, data=data).log_weight
        for p in model.parameters:
            assert simplify(ratio.diff(p)) == 0
        off = expand_log(log(family.kernel.subs(family.nu, family.nu + len(data) + 1) / updated), force=True)
        assert any(simplify(off.diff(p)) != 0 for p in model.parameters)


def test_von_mises_has_a_conjugate_without_a_name():
    angle, mu = symbols("phi mu", real=True)
    log_density = cos(angle - mu) - log(2 * pi * besseli(0, 1))
    circle = StatisticalModel(log_density, sample=angle, parameters=mu, support=Interval(-pi, pi))
    family = conjugate_prior(circle)
    assert family.named is None
    assert set(family.statistics) == {cos(angle), sin(angle)}


def test_moments_and_mode(zoo):
    found = posterior(zoo.poisson, zoo.rate ** (a - 1) * exp(-b * zoo.rate), data=[2, 0, 3])
    assert simplify(found.mean[0] - (a + 5) / (b + 3)) == 0
    assert simplify(found.mode()[0] - (a + 4) / (b + 3)) == 0
    assert "gamma" in found.latex()


def test_what_has_no_closed_form_stays_an_integral(zoo):
    found = posterior(zoo.cauchy, 1, data=[0, 1, 3])
    assert found.density.has(Integral) or found.density.free_symbols == set(zoo.cauchy.parameters)
    f = lambdify(zoo.cauchy.parameters[0], found.density.doit() if not found.density.has(Integral) else found.weight)
    assert f(0.5) > 0


def test_bad_input_is_refused_with_the_reason(zoo):
    with pytest.raises(DataError, match="outside the support"):
        posterior(zoo.poisson, 1, data=[-1])
    with pytest.raises(DataError, match="outside the support"):
        posterior(zoo.exponential, 1, data=[1, -2])
    with pytest.raises(DataError, match="2 coordinates"):
        posterior(zoo.normal, 1, data=[(1, 2)])
    with pytest.raises(DataError, match="not both"):
        posterior(zoo.normal, 1, data=[1], count=3)
    with pytest.raises(DataError, match="no sufficient statistics"):
        posterior(zoo.normal, 1, statistics={zoo.y**3: 1})
    with pytest.raises(NotExponentialFamily, match="data as numbers"):
        posterior(zoo.cauchy, 1)
    with pytest.raises(ImproperDensity, match="shape"):
        posterior(zoo.normal_both, 1, data=[1])
    with pytest.raises(ImproperDensity):
        posterior(zoo.bernoulli, 1 / (zoo.p * (1 - zoo.p)), data=[1, 1])  # Haldane's prior, one kind of outcome
    with pytest.raises(ImproperDensity, match="evidence undefined"):
        _ = posterior(zoo.normal, 1, data=[1]).evidence
    with pytest.raises(InvalidModel, match="no parameters"):
        posterior(zoo.normal, 1, data=[1], limits={zoo.sigma: (0, 1)})


def test_truncated_parameters_are_not_given_the_name_of_the_whole(zoo):
    found = posterior(
        zoo.normal.__class__(
            zoo.normal.log_density.subs(zoo.sigma, 1), sample=zoo.y, parameters=zoo.mu, support=S.Reals
        ),
        1,
        data=[0],
        limits={zoo.mu: (0, oo)},
    )
    assert found.named is None
    f = lambdify(zoo.mu, found.density, "mpmath")
    assert float(mpmath.quad(f, [0, 2, mpmath.inf])) == pytest.approx(1, rel=1e-9)
    assert loggamma(1) == 0


# ---------------------------------------------------------------------- what is cut off, counted or listed


def test_a_beta_that_is_cut_off_has_the_normaliser_of_its_interval(zoo, quadrature):
    cut = posterior(zoo.bernoulli, 1, data=[1, 0, 0], limits={zoo.p: (0, Rational(1, 2))})
    assert cut.named is None
    assert abs(quadrature(cut.density, zoo.p, 0, 0.5) - 1) < 1e-12
    whole = posterior(zoo.bernoulli, 1, data=[1, 0, 0])
    assert whole.named.name == "beta"
    assert simplify(cut.density / whole.density) != 1


def test_a_flat_prior_on_a_bounded_interval_is_proper(zoo):
    assert posterior(zoo.bernoulli, 1, data=[1, 0, 1]).evidence == Rational(1, 12)  # B(3, 2)


def test_a_support_that_moves_with_the_parameter_narrows_its_limits(zoo):
    uniform = StatisticalModel(-log(zoo.rate), sample=zoo.z, parameters=zoo.rate, support=Interval(0, zoo.rate))
    found = posterior(uniform, zoo.rate**-2, data=[1, 3])
    assert found.limits == ((zoo.rate, 3, oo),)
    assert simplify(found.density - 81 / zoo.rate**4) == 0  # Pareto
    with pytest.raises(IrregularModel, match="moves with"):
        posterior(uniform, zoo.rate**-2)
    with pytest.raises(DataError, match="no value"):
        posterior(uniform, zoo.rate**-2, data=[1, 3], limits={zoo.rate: (0, 2)})


def test_an_integer_parameter_is_summed_over(zoo):
    trials = Symbol("n_1", integer=True, positive=True)
    third = Rational(1, 3)
    log_density = log(binomial(trials, zoo.k)) + zoo.k * log(third) + (trials - zoo.k) * log(1 - third)
    model = StatisticalModel(log_density, sample=zoo.k, parameters=trials, support=Range(trials + 1))
    found = posterior(model, Rational(4, 5) ** trials, data=[2])
    ratio = Rational(2, 3) * Rational(4, 5)
    weights = {n: ratio**n * n * (n - 1) for n in range(2, 400)}
    for n in (2, 7):
        assert abs(float(found.density.subs(trials, n).doit()) - float(weights[n] / sum(weights.values()))) < 1e-12


def test_hypotheses_are_listed(zoo):
    listed = FiniteSet(Rational(1, 3), Rational(2, 3))
    found = posterior(zoo.bernoulli, zoo.p, data=[1, 1], limits={zoo.p: listed})
    assert [found.density.subs(zoo.p, v) for v in sorted(listed)] == [Rational(1, 9), Rational(8, 9)]
    assert found.evidence == Rational(1, 3)
    assert found.mean[0] == Rational(17, 27)
    assert simplify(found.predictive().subs(zoo.k, 1) - Rational(17, 27)) == 0


def test_a_prior_that_is_negative_within_the_limits_is_refused(zoo):
    with pytest.raises(InvalidModel, match="is negative at"):
        posterior(zoo.bernoulli, zoo.p - Rational(1, 2), data=[1])
    with pytest.raises(InvalidModel, match="nothing between"):
        posterior(zoo.exponential, exp(-zoo.rate), data=[1], limits={zoo.rate: (2, 1)})


def test_means_of_a_normal_inverse_gamma_posterior(zoo):
    width = Symbol("v_1", positive=True)
    log_density = -((zoo.y - zoo.mu) ** 2) / (2 * width) - log(2 * pi * width) / 2
    model = StatisticalModel(log_density, sample=zoo.y, parameters=(zoo.mu, width), support=S.Reals)
    prior = width ** Rational(-5, 2) * exp(-1 / width - zoo.mu**2 / (2 * width))
    assert posterior(model, prior, data=[1, 2, 4]).mean == ImmutableMatrix([Rational(7, 4), Rational(43, 12)])
    with pytest.raises(ImproperDensity, match="no mean"):
        _ = posterior(model, 1 / width, data=[1, 2]).mean


# ---------------------------------------------------------------------- names beyond the usual list

half, line = Symbol("q", positive=True), Symbol("q", real=True)
NAMED = [
    ("generalised gamma", 3 * log(half) - 5 * half**2, half),
    ("generalised gamma", log(half) / 2 - 3 * half ** Rational(3, 2), half),
    ("generalised inverse-gamma", -3 * log(half) - 2 * half ** Rational(-3, 2), half),
    ("generalised inverse Gaussian", 2 * log(half) - half - 3 / half, half),
    ("log-gamma", 2 * line - 3 * exp(line), line),
    ("negative log-gamma", -2 * line - 3 * exp(-line), line),
    ("log-odds beta", 2 * line - 5 * log(1 + exp(line)), line),
]


@pytest.mark.parametrize(("name", "log_weight", "q"), NAMED)
def test_named_normalisers_against_quadrature(name, log_weight, q):
    found, constant = recognise(log_weight, (q,), ((q, 0 if q.is_positive else -oo, oo),))
    assert found.name == name
    ends = [1e-6, 0.5, 1, 3, 40, 1e5] if q.is_positive else [-60, -5, 0, 2, 60]
    mass = mpmath.quad(lambdify(q, exp(log_weight), "mpmath"), ends)
    assert float((constant * found.normaliser).evalf()) == pytest.approx(float(mass), rel=1e-8)
    assert recognise(log_weight, (q,), ((q, 0, 1),)) is None  # cut off, it has another normaliser


def test_names_need_hyperparameters_that_normalise():
    for log_weight, q in (
        (-2 * log(half) - half**2, half),
        (log(half) - half + 3 / half, half),
        (-line - 3 * exp(line), line),
        (5 * line - 2 * log(1 + exp(line)), line),
    ):
        with pytest.raises(ImproperDensity, match="must be positive"):
            recognise(log_weight, (q,), ((q, 0 if q.is_positive else -oo, oo),))


def test_regression_with_unknown_width_against_the_normal_equations():
    intercept, slope, response, place = symbols("a_0 b_0 y_0 x_0", real=True)
    variance, width, precision = symbols("v s h", positive=True)
    design, seen = Matrix([[1, 0], [1, 1], [1, 3], [1, 4]]), Matrix([1, 2, 2, 5])
    gram = design.T * design
    best = gram.inv() * design.T * seen
    left = ((seen - design * best).T * (seen - design * best))[0]
    rest = (seen - design * Matrix([intercept, slope])).dot(seen - design * Matrix([intercept, slope]))
    # Flat in the coefficients and in ln(width): shape (n - k)/2, scale half the residual sum of squares
    # (Gelman et al. 2013, sec. 14.2).
    for squared, q, jeffreys in (
        (-rest / (2 * variance) - 2 * log(variance), variance, -log(variance)),
        (-rest / (2 * width**2) - 4 * log(width), width, -log(width)),
        (-rest * precision / 2 + 2 * log(precision), precision, -log(precision)),
    ):
        theta = (intercept, q, slope)
        limits = tuple((p, 0 if p.is_positive else -oo, oo) for p in theta)
        found, _ = recognise(squared + jeffreys, theta, limits)
        assert found.name == ("normal-gamma regression" if q == precision else "normal-inverse-gamma regression")
        assert found["mean"] == best
        assert found["precision"] == gram
        assert found["shape"] == 1
        assert found["rate" if q == precision else "scale"] == left / 2
    # The normaliser: coefficients integrated by hand, the variance by quadrature.
    found, _ = recognise(-rest / (2 * variance) - 3 * log(variance), (intercept, slope, variance))
    mass = mpmath.quad(
        lambda v: 2 * mpmath.pi * v / mpmath.sqrt(int(gram.det())) * mpmath.exp(-float(left) / (2 * v)) / v**3,
        [0, 0.5, 2, 10, 1e3, mpmath.inf],
    )
    assert float(found.normaliser.evalf()) == pytest.approx(float(mass), rel=1e-8)
    model = StatisticalModel(
        -((response - intercept - slope * place) ** 2) / (2 * variance) - log(2 * pi * variance) / 2,
        sample=response,
        parameters=(intercept, slope, variance),
        support=S.Reals,
    )
    with pytest.raises(ImproperDensity, match="directions"):
        posterior(model, 1 / variance, data=[1, 2, 4])  # one place only: a line is not seen


def test_cosines_of_sums_are_separated():
    angle, mu = symbols("phi mu", real=True)
    model = StatisticalModel(
        2 * cos(angle - mu) - log(2 * pi * besseli(0, 2)), sample=angle, parameters=mu, support=Interval(-pi, pi)
    )
    family = conjugate_prior(model)
    assert set(family.statistics) == {cos(angle), sin(angle)}
