"""Posteriors in numbers, against one-dimensional quadrature with many digits."""

from __future__ import annotations

import mpmath
import pytest
from sympy import FiniteSet, Interval, Rational, S, Symbol, exp, log, loggamma, oo, pi, symbols

from symrg import StatisticalModel
from symrg.bayes import posterior
from symrg.errors import DataError, ImproperDensity, InvalidModel, UndefinedSymbol

m, u = symbols("m u", real=True)
shape, rate = symbols("alpha beta", positive=True)


@pytest.fixture(scope="module")
def gamma_model(zoo):
    log_density = shape * log(rate) - loggamma(shape) + (shape - 1) * log(zoo.z) - rate * zoo.z
    return StatisticalModel(log_density, sample=zoo.z, parameters=(shape, rate), support=Interval.open(0, oo))


def agrees(estimate, references):
    for value, error, reference in zip(estimate.value, estimate.error, references):
        assert abs(value - reference) <= error + 1e-14 * abs(reference)
        assert error < 1e-6 * max(1, abs(reference))
    assert estimate.kind == "quadrature"


def integrals(weight, points, *factors):
    return [mpmath.quad(lambda q, f=f: f(q) * weight(q), points) for f in (lambda q: 1, *factors)]


def test_one_parameter_without_a_conjugate_prior(zoo):
    found = posterior(zoo.poisson, exp(-(log(zoo.rate) ** 2) / 2) / zoo.rate, data=[3, 2, 5]).at()
    points = [0, 1, 3, 6, 30]
    total, first, second, next_one = integrals(
        lambda q: mpmath.exp(-(mpmath.log(q) ** 2) / 2 - 3 * q) * q**9 / 1440,
        points,
        lambda q: q,
        lambda q: q * q,
        lambda q: mpmath.exp(-q) * q**2 / 2,
    )
    agrees(found.evidence, [total / mpmath.sqrt(2 * mpmath.pi)])
    agrees(found.mean, [first / total])
    agrees(found.covariance, [second / total - (first / total) ** 2])
    agrees(found.predictive(2), [next_one / total])
    agrees(found.density(2), [mpmath.exp(-(mpmath.log(2) ** 2) / 2 - 6) * 2**9 / 1440 / total])
    other = posterior(zoo.poisson, exp(-(log(zoo.rate) ** 2) / 2) / zoo.rate, data=[3, 2, 6]).mean_at()
    assert abs(other.value[0] - first / total) > 1e3 * other.error[0]


def test_tails_that_fall_as_a_power(zoo):
    found = posterior(zoo.cauchy, 1, data=[0, 1, 3]).mean_at()
    weight = lambda q: 1 / ((1 + q**2) * (1 + (q - 1) ** 2) * (1 + (q - 3) ** 2))  # noqa: E731
    total, first = integrals(weight, [-mpmath.inf, 0, 1, 3, mpmath.inf], lambda q: q)
    agrees(found, [first / total])


def test_two_parameters_of_a_gamma_density(gamma_model):
    # The rate integrates to a Gamma function; the shape is left to one-dimensional quadrature.
    found = posterior(gamma_model, exp(-shape - rate), data=[1, 2, Rational(5, 2)]).at()
    points = [0, 1, 4, 10, 40, 200]

    def weight(q):
        log_weight = mpmath.loggamma(3 * q + 1) - (3 * q + 1) * mpmath.log("6.5") - q + (q - 1) * mpmath.log(5)
        return mpmath.exp(log_weight - 3 * mpmath.loggamma(q)) if q > 0 else mpmath.mpf(0)

    total, first, of_rate = integrals(weight, points, lambda q: q, lambda q: (3 * q + 1) / mpmath.mpf("6.5"))
    agrees(found.evidence, [total])
    agrees(found.mean, [first / total, of_rate / total])


def test_a_maximum_far_from_the_origin_and_symbols_with_values(zoo):
    prior = exp(-((zoo.mu - zoo.m0) ** 2) / (2 * zoo.s0**2))
    found = posterior(zoo.normal, prior, data=[1003, 998])
    values = {zoo.m0: 1000, zoo.s0: 2, zoo.sigma: Rational(1, 2)}
    exact = found.named["mean"].subs(values), found.named["variance"].subs(values)
    numbers = found.at(values)
    agrees(numbers.mean, [exact[0]])
    agrees(numbers.covariance, [exact[1]])
    agrees(numbers.evidence, [found.evidence.subs(values).evalf(20)])
    with pytest.raises(UndefinedSymbol, match="sigma"):
        found.at({zoo.m0: 0, zoo.s0: 1})


def test_bounded_parameters(zoo):
    exact = posterior(zoo.bernoulli, 1, data=[1, 0, 1])
    agrees(exact.evidence_at(), [exact.evidence])
    agrees(exact.mean_at(), [exact.mean[0]])
    cut = posterior(zoo.bernoulli, 1, data=[1, 0, 1], limits={zoo.p: (0, Rational(1, 2))})
    # Integrals of p^3 (1 - p) and p^2 (1 - p) over (0, 1/2).
    agrees(cut.mean_at(), [(Rational(1, 64) - Rational(1, 160)) / (Rational(1, 24) - Rational(1, 64))])


def test_what_has_no_numbers_says_why(zoo):
    with pytest.raises(ImproperDensity, match="evidence undefined"):
        posterior(zoo.cauchy, 1, data=[0]).evidence_at()
    level = StatisticalModel(-log(pi) - log(1 + (zoo.y - m - u) ** 2), sample=zoo.y, parameters=(m, u), support=S.Reals)
    with pytest.raises(ImproperDensity, match="improper"):
        posterior(level, 1, data=[0, 1, 3]).mean_at()
    seen = posterior(level, exp(-(m**2) / 2 - u**2 / 2), data=[0, 1, 3]).mean_at().value
    assert abs(seen[0] - seen[1]) < 1e-12  # by symmetry
    with pytest.raises(InvalidModel, match="listed"):
        posterior(zoo.bernoulli, 1, data=[1], limits={zoo.p: FiniteSet(Rational(1, 3), Rational(2, 3))}).mean_at()
    with pytest.raises(DataError, match="coordinates"):
        posterior(zoo.poisson, exp(-zoo.rate), data=[1]).at().predictive((1, 2))
    assert Symbol("m", real=True) == m
