"""Bayesian diffusion, (19) to (21): factors of two, exactness, and the order of what is left out."""

from __future__ import annotations

import math

import pytest
from sympy import Integral, Interval, S, Symbol, besseli, cos, diff, exp, log, pi, simplify, sqrt, symbols

from symrg import StatisticalModel
from symrg.bayes import dynamical_bayes
from symrg.bayes.diffusion import velocity_field
from symrg.errors import InvalidEquation, InvalidModel
from symrg.fokker_planck import FokkerPlanck


def test_normal_posterior_diffuses_with_half_of_sigma_squared(zoo):
    d = dynamical_bayes(zoo.normal, zoo.mu_true, zoo.T)
    found = d.diffusion(zoo.tau)
    assert found.exact
    assert found.equation == FokkerPlanck(zoo.mu, 0, zoo.sigma**2 / 2, time=zoo.tau)
    in_tau = d.solution.subs(zoo.T, 1 / zoo.tau)
    assert found.equation.residual(in_tau) == 0
    printed = FokkerPlanck(zoo.mu, 0, zoo.sigma**2, time=zoo.tau)  # "diffusivity sigma^2"
    assert printed.residual(in_tau) != 0


def test_gaussian_prior_keeps_it_exact_with_coefficients_in_tau(zoo):
    prior = exp(-((zoo.mu - zoo.m0) ** 2) / (2 * zoo.s0**2))
    d = dynamical_bayes(zoo.normal, zoo.mu_true, zoo.T, prior=prior)
    found = d.diffusion(zoo.tau)
    assert found.exact
    assert not found.equation.autonomous
    assert found.equation.residual(d.solution.subs(zoo.T, 1 / zoo.tau)) == 0
    assert simplify(found.density - d.solution.subs(zoo.T, 1 / zoo.tau)).subs(
        {zoo.mu: 0.3, zoo.m0: 1, zoo.s0: 2, zoo.sigma: 1.5, zoo.mu_true: 0.1, zoo.tau: 0.4}
    ).evalf() == pytest.approx(0, abs=1e-14)
    flat = dynamical_bayes(zoo.normal, zoo.mu_true, zoo.T).diffusion(zoo.tau).equation
    assert flat.residual(d.solution.subs(zoo.T, 1 / zoo.tau)) != 0


def test_normal_predictive_density_is_exact(zoo):
    for prior in (1, exp(-((zoo.mu - zoo.m0) ** 2) / (2 * zoo.s0**2))):
        d = dynamical_bayes(zoo.normal, zoo.mu_true, zoo.T, prior=prior)
        found = d.predictive_diffusion(zoo.tau)
        assert found.exact
        assert found.residual_order is None
        predictive = d.predictive().subs(zoo.T, 1 / zoo.tau)
        assert found.equation.residual(predictive) == 0
        doubled = FokkerPlanck(zoo.y, found.equation.drift, 2 * found.equation.diffusion, zoo.tau)
        assert doubled.residual(predictive) != 0


MODELS = {
    "Poisson": ("poisson", "rate_true", 1.7, range(0, 6)),
    "exponential": ("exponential", "rate_true", 0.8, (0.3, 1.0, 2.5)),
    "Bernoulli": ("bernoulli", "p_true", 0.3, (0, 1)),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("tilted", [False, True])
def test_expansion_of_the_predictive_density_has_a_remainder_of_order_two(name, tilted, zoo, quadrature):
    attribute, true, value, points = MODELS[name]
    model = getattr(zoo, attribute)
    (theta,) = model.parameters
    prior = theta * exp(-theta) if tilted else 1
    d = dynamical_bayes(model, getattr(zoo, true), zoo.T, prior=prior)
    found = d.predictive_diffusion(zoo.tau)
    numbers = {getattr(zoo, true): value}
    (y,) = model.sample
    upper = 1 if name == "Bernoulli" else 12
    errors = []
    for tau in (0.01, 0.005):
        worst = 0.0
        weight = (theta if tilted else 1) * exp(-(theta if tilted else 0) - (d.divergence / tau).subs(numbers))
        total = quadrature(weight, theta, 0, upper, value)
        for point in points:
            likelihood = exp(model.log_density).subs(y, point)
            exact = quadrature(likelihood * weight, theta, 0, upper, value) / total
            given = float(found.expansion.subs(numbers).subs(zoo.tau, tau).subs(y, point).evalf())
            worst = max(worst, abs(given - exact))
        errors.append(worst)
    assert math.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.15)
    # Twice the diffusion, the factor of the talk, leaves a remainder of order one.
    wrong = found.start + 2 * zoo.tau * found.rate
    given = float(wrong.subs(numbers).subs(zoo.tau, 0.005).subs(y, points[0]).evalf())
    weight = (theta if tilted else 1) * exp(-(theta if tilted else 0) - (d.divergence / 0.005).subs(numbers))
    exact = quadrature(exp(model.log_density).subs(y, points[0]) * weight, theta, 0, upper, value) / quadrature(
        weight, theta, 0, upper, value
    )
    assert abs(given - exact) > 5 * errors[1]


def test_exponential_predictive_residual_is_of_order_tau(zoo):
    d = dynamical_bayes(zoo.exponential, zoo.rate_true, zoo.T)
    found = d.predictive_diffusion(zoo.tau)
    assert not found.exact
    assert found.residual_order == 1
    assert found.equation.diffusion[0] == zoo.z**2 / 2  # v = - y/lambda, so v g v / 2 = y^2/2 and not lambda^2
    predictive = d.predictive().subs(zoo.T, 1 / zoo.tau)
    residual = diff(predictive, zoo.tau) - found.equation.rhs(predictive)
    sizes = [abs(residual.subs({zoo.rate_true: 0.8, zoo.z: 1.3, zoo.tau: h}).evalf(30)) for h in (0.002, 0.001)]
    assert math.log2(float(sizes[0] / sizes[1])) == pytest.approx(1, abs=0.05)
    doubled = FokkerPlanck(zoo.z, found.equation.drift, 2 * found.equation.diffusion, zoo.tau)
    wrong = diff(predictive, zoo.tau) - doubled.rhs(predictive)
    late = [abs(wrong.subs({zoo.rate_true: 0.8, zoo.z: 1.3, zoo.tau: h}).evalf(30)) for h in (0.002, 0.001)]
    assert math.log2(float(late[0] / late[1])) == pytest.approx(0, abs=0.05)
    # The printed form has no zeroth-order term; here one is needed.
    assert found.nondivergence_form()[2] != 0


def test_counts_have_no_equation_in_y_and_say_why(zoo):
    found = dynamical_bayes(zoo.poisson, zoo.rate_true, zoo.T).predictive_diffusion(zoo.tau)
    assert found.equation is None
    assert "discrete" in found.reason
    with pytest.raises(InvalidEquation, match="discrete"):
        found.nondivergence_form()


@pytest.mark.parametrize("name", ["poisson", "exponential"])
def test_second_order_matches_skewness_and_variance(name, zoo):
    model = getattr(zoo, name)
    d = dynamical_bayes(model, zoo.rate_true, zoo.T, prior=zoo.rate * exp(-zoo.rate))
    laplace = d.laplace()
    equation = d.diffusion(zoo.tau, order=2).equation
    moments = equation.moment_equations(3, central=True)
    (m,), tau = d.truth, zoo.tau
    mean = laplace.mean[0].subs(zoo.T, 1 / tau)
    variance = laplace.covariance[0].subs(zoo.T, 1 / tau)
    third = laplace.third[0, 0, 0] * tau**2
    values = {moments.moment(1): mean, moments.moment(2): variance, moments.moment(3): third}
    for k, (relation, order) in enumerate(zip(moments.equations, (1, 2, 2))):
        left, right = (side.subs(values).doit() for side in (relation.lhs, relation.rhs))
        series = simplify((left - right).expand())
        remainder = [series.subs({zoo.rate_true: 1.3, tau: h}).evalf() for h in (1e-3, 5e-4)]
        if abs(remainder[0]) > 1e-14:
            assert math.log2(float(abs(remainder[0] / remainder[1]))) > order - 0.1, k
    first = d.diffusion(zoo.tau, order=1).equation.moment_equations(3, central=True)
    assert simplify(first.rates[2][1]) == 0  # constant coefficients: no skewness
    assert m == zoo.rate_true


def test_forward_maps_are_found_and_false_ones_refused(zoo):
    d = dynamical_bayes(zoo.exponential, zoo.rate_true, zoo.T)
    found = d.predictive_diffusion(zoo.tau, forward_map=-zoo.z / zoo.rate)
    assert found.equation == d.predictive_diffusion(zoo.tau).equation
    with pytest.raises(InvalidModel, match="does not carry the density"):
        d.predictive_diffusion(zoo.tau, forward_map=zoo.z / zoo.rate)
    with pytest.raises(InvalidModel, match="shape"):
        d.predictive_diffusion(zoo.tau, forward_map=[[1, 2]])


def test_location_and_scale_together(zoo):
    true = symbols("mu_*", real=True), symbols("sigma_*", positive=True)
    d = dynamical_bayes(zoo.normal_both, true, zoo.T)
    found = d.predictive_diffusion(zoo.tau)
    assert not found.exact
    centred = zoo.y - true[0]
    # v = (1, (y - mu)/sigma), g = sigma^2 diag(1, 1/2).
    assert simplify(found.equation.diffusion[0] - true[1] ** 2 / 2 - centred**2 / 4) == 0
    start = found.start
    rate = simplify((found.equation.rhs(start) - found.rate) / start)
    assert rate == 0


def test_weibull_through_the_distribution_function(zoo):
    # Weibull of shape 2: y = u / sqrt(b), found as a rate family of power -1/2 or from the distribution function.
    b, star = Symbol("b", positive=True), Symbol("b_*", positive=True)
    model = StatisticalModel(
        log(2 * b * zoo.z) - b * zoo.z**2, sample=zoo.z, parameters=b, support=zoo.exponential.support
    )
    d = dynamical_bayes(model, star, zoo.T)
    found = d.predictive_diffusion(zoo.tau)
    assert simplify(found.tensor[0] + zoo.z / (2 * star)) == 0
    assert simplify(found.equation.diffusion[0] - zoo.z**2 / 8) == 0


def test_a_forward_map_without_closed_form_stays_an_integral(zoo):
    # The concentration of von Mises' density: v = - (integral of d_kappa p up to y) / p, which carries the density.
    model = StatisticalModel(
        zoo.rate * cos(zoo.y) - log(2 * pi * besseli(0, zoo.rate)),
        sample=zoo.y,
        parameters=zoo.rate,
        support=Interval(-pi, pi),
    )
    (velocity,) = velocity_field(model, budget=3)
    assert velocity.has(Integral)
    p = exp(model.log_density)
    assert simplify((diff(p, zoo.rate) + diff(velocity * p, zoo.y)) / p) == 0
    assert simplify((diff(p, zoo.rate) + diff(2 * velocity * p, zoo.y)) / p) != 0


def test_vector_of_normals(zoo):
    a, b, u, w = symbols("a b u w", real=True)
    log_density = -((u - a) ** 2) / 2 - ((w - a - 2 * b) ** 2) / 2 - log(2 * pi)
    model = StatisticalModel(log_density, sample=(u, w), parameters=(a, b), support=(S.Reals, S.Reals))
    d = dynamical_bayes(model, (0, 0), zoo.T)
    found = d.predictive_diffusion(zoo.tau)
    assert found.exact
    assert found.equation.diffusion == FokkerPlanck((u, w), (0, 0), [[S.Half, 0], [0, S.Half]], zoo.tau).diffusion
    start = exp(-(u**2 + w**2) / (2 * (1 + zoo.tau))) / (2 * pi * (1 + zoo.tau))
    assert found.equation.residual(start) == 0
    assert sqrt(found.inverse_metric.det()) == S.Half


def test_another_order_is_refused(zoo):
    with pytest.raises(InvalidEquation, match="1 or 2"):
        dynamical_bayes(zoo.poisson, zoo.rate_true, zoo.T).diffusion(order=3)
