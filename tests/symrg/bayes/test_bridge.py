"""The bridge from (14) to (21): each link for models where it holds, and the example where it fails."""

from __future__ import annotations

import math

import pytest
from sympy import S, Symbol, diff, exp, log, oo, pi, simplify, symbols

from symrg import StatisticalModel
from symrg.bayes import dynamical_bayes
from symrg.bayes.bridge import LINKS, bridge
from symrg.errors import ImproperDensity, UnidentifiableModel


def number(expression, values, digits=30):
    return expression.subs(values).doit().evalf(digits)


@pytest.mark.parametrize("name", ["normal", "exponential"])
def test_links_hold_to_their_order(name, zoo):
    model = getattr(zoo, name)
    true = zoo.mu_true if name == "normal" else zoo.rate_true
    chain = bridge(dynamical_bayes(model, true, zoo.T), zoo.tau)
    values = {true: S(4) / 5, zoo.sigma: S(6) / 5, model.sample[0]: S(13) / 10}
    for claim in chain.claims:
        gaps = [abs(number(claim.lhs - claim.rhs, {**values, zoo.tau: h})) for h in (S(1) / 500, S(1) / 1000)]
        if claim.order is None:
            assert gaps[1] < 1e-15
        else:
            assert claim.order == (zoo.tau, 0, 1)
            assert gaps[0] == 0 or math.log2(float(gaps[0] / gaps[1])) == pytest.approx(1, abs=0.1)
    # A false neighbour: twice the diffusion, as printed, differs at order one.
    wrong = abs(number(chain.statements[0] - 2 * chain.statements[2], {**values, zoo.tau: S(1) / 1000}))
    assert wrong > 1e-3


def test_the_bridge_of_normal_data_is_verified(zoo):
    chain = bridge(dynamical_bayes(zoo.normal, zoo.mu_true, zoo.T), zoo.tau)
    assert [v.status for v in chain.verify(120)] == ["holds"] * 5
    assert r"\begin{aligned}" in chain.latex()


def test_the_bridge_of_counts_ends_in_theta(zoo):
    chain = bridge(dynamical_bayes(zoo.poisson, zoo.rate_true, zoo.T), zoo.tau)
    assert len(chain.steps) == 2


def test_law_of_large_numbers_fails_for_a_finite_data_set(zoo):
    # Over repeated data the maximum has variance sigma^2 tau, added to that of the posterior: the predictive mixture
    # spreads with 2 (sigma^2/2) and not sigma^2/2.
    d = dynamical_bayes(zoo.normal, zoo.mu_true, zoo.T)
    averaged = simplify(d.fluctuation().map_covariance[0] + d.laplace().covariance[0])
    assert simplify(averaged - 2 * zoo.sigma**2 / zoo.T) == 0
    assert "data set" in LINKS[0].fails


def test_inverse_time_fails_without_a_proper_posterior(zoo):
    a, b = symbols("a b", real=True)
    log_density = -((zoo.y - a - b) ** 2) / 2 - log(2 * pi) / 2
    model = StatisticalModel(log_density, sample=zoo.y, parameters=(a, b), support=S.Reals)
    with pytest.raises(UnidentifiableModel):
        bridge(dynamical_bayes(model, (0, 0), zoo.T))
    with pytest.raises(ImproperDensity):
        _ = dynamical_bayes(model, (0, 0), zoo.T).normaliser


def test_gaussian_limit_fails_on_the_edge_and_for_a_vanishing_metric(zoo, quadrature):
    # Poisson rate 0: D = lambda, posterior T exp(-T lambda), mean tau and variance tau^2, not of order tau.
    weight = exp(-zoo.rate * 50)
    total = quadrature(weight, zoo.rate, 0, oo)
    mean = quadrature(zoo.rate * weight, zoo.rate, 0, oo) / total
    variance = quadrature(zoo.rate**2 * weight, zoo.rate, 0, oo) / total - mean**2
    assert variance == pytest.approx(1 / 50**2)
    # mu = theta^3 at theta* = 0: D = theta^6 / 2, width tau^(1/6).
    theta = Symbol("theta", real=True)
    model = StatisticalModel(
        -((zoo.y - theta**3) ** 2) / 2 - log(2 * pi) / 2, sample=zoo.y, parameters=theta, support=S.Reals
    )
    d = dynamical_bayes(model, 0, zoo.T)
    with pytest.raises(UnidentifiableModel, match="rank 1 nearby but 0 at the truth"):
        d.laplace()
    spreads = []
    for amount in (1e3, 1e6):
        f = exp(-amount * theta**6 / 2)
        top, bottom = (quadrature(g, theta, -3, 3, 0) for g in (theta**2 * f, f))
        spreads.append(top / bottom)
    assert math.log10(spreads[0] / spreads[1]) == pytest.approx(1, abs=0.02)  # variance tau^(1/3), not tau


def test_forward_map_fails_for_counts(zoo):
    # No drift and diffusion with D = y/2 * constant: the difference operator of the Poisson law is of every order.
    found = dynamical_bayes(zoo.poisson, zoo.rate_true, zoo.T).predictive_diffusion(zoo.tau)
    assert found.equation is None
    law = exp(-zoo.rate) * zoo.rate**zoo.k
    shifted = zoo.k / zoo.rate - 1  # d_lambda p = p(k - 1) - p(k)
    assert simplify(diff(law, zoo.rate) / law - shifted) == 0


def test_small_tau_fails_at_order_tau_for_waiting_times(zoo):
    d = dynamical_bayes(zoo.exponential, zoo.rate_true, zoo.T)
    found = d.predictive_diffusion(zoo.tau)
    exact = d.predictive().subs(zoo.T, 1 / zoo.tau)
    residual = diff(exact, zoo.tau) - found.equation.rhs(exact)
    size = abs(number(residual, {zoo.rate_true: 1, zoo.tau: S(1) / 1000, zoo.z: S(13) / 10}))
    assert 1e-5 < size < 1e-2
