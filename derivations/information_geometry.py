r"""Information geometry: the Fisher metric (1), the KL divergence (2) and its expansion (3).

The normal family $\mathcal{N}(\mu, \sigma^2)$ carries the derivations; the gamma and the Poisson family stand beside it, one with a
metric that is not diagonal, one with a discrete sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from sympy import (
    ImmutableMatrix,
    Interval,
    Matrix,
    Rational,
    S,
    Symbol,
    diff,
    log,
    loggamma,
    oo,
    pi,
    polygamma,
    symbols,
)

from derivations.statement import TALK, Statement
from numerics.monte_carlo import MonteCarloWitness
from symrg.derivation import Derivation
from symrg.expectation import Expectation
from symrg.model import StatisticalModel
from symrg.verification import Claim

title = "Information geometry"
numbers = ("(1)", "(2)", "(3)")

y, mu, mu_2 = symbols("y mu mu_2", real=True)
sigma, sigma_2, shape, rate = symbols("sigma sigma_2 k beta", positive=True)
length, count = Symbol("x", positive=True), Symbol("n", integer=True, nonnegative=True)
delta_1, delta_2, step = Symbol("delta_1", real=True), Symbol("delta_2", real=True), Symbol("epsilon", real=True)


def normal() -> StatisticalModel:
    """N(mu, sigma^2) in the parameters (mu, sigma)."""
    return StatisticalModel(
        -((y - mu) ** 2) / (2 * sigma**2) - log(sigma) - log(2 * pi) / 2, sample=y, parameters=(mu, sigma)
    )


def gamma() -> StatisticalModel:
    """The gamma family in shape k and rate beta."""
    return StatisticalModel(
        shape * log(rate) + (shape - 1) * log(length) - rate * length - loggamma(shape),
        sample=length,
        parameters=(shape, rate),
        support=Interval(0, oo),
    )


def poisson() -> StatisticalModel:
    """The Poisson family in its rate beta."""
    return StatisticalModel(
        count * log(rate) - rate - loggamma(count + 1), sample=count, parameters=rate, support=S.Naturals0
    )


def score_products(model: StatisticalModel) -> ImmutableMatrix:
    """E(l_i l_j), unevaluated: equation (1) as printed."""
    scores = model.score()
    n = model.dimension
    return ImmutableMatrix(n, n, lambda i, j: Expectation(scores[i] * scores[j], model))


def curvatures(model: StatisticalModel) -> ImmutableMatrix:
    """-E(d_i d_j ln p), unevaluated."""
    theta = model.parameters
    return ImmutableMatrix(
        len(theta),
        len(theta),
        lambda i, j: Expectation(-diff(model.log_density, theta[i], theta[j]), model),
    )


def divergence_as_defined(model: StatisticalModel, other: tuple[Any, ...]) -> Expectation:
    """E_theta(ln p(theta) / p(theta')), unevaluated: equation (2) as printed."""
    shifted = model.log_density.subs(dict(zip(model.parameters, other)), simultaneous=True)
    return Expectation(model.log_density - shifted, model)


@cache
def results() -> dict[str, Any]:
    """What the library derives for the normal family: metric, divergence, expansion."""
    model = normal()
    return {
        "metric": model.fisher_metric(),
        "divergence": model.kl_divergence((mu_2, sigma_2)),
        "expansion": model.kl_expansion(order=4, displacement=(delta_1, delta_2)),
    }


def _talk(equation: str, slide: int) -> str:
    return f"{TALK}, slide {slide}, equation {equation}"


def _fisher() -> Statement:
    gammas = ImmutableMatrix([[polygamma(1, shape), -1 / rate], [-1 / rate, shape / rate**2]])
    model = normal()
    closed = results()["metric"]
    return Statement(
        "(1)",
        "The Fisher metric",
        Claim(
            Symbol("I_ij"),
            Symbol("E(l_i l_j)"),
            ":=",
            name="(1)",
            printed=r"\mathcal{I}_{ij}(\theta) = \mathbb{E}_\theta(\ell_i \ell_j) = \mathbb{E}_\theta \left(\frac{\partial "
            r"\ln(p_{Y|\Theta}(Y | \theta))}{\partial \theta^i} \frac{\partial \ln(p_{Y|\Theta}(Y | \theta))}{\partial "
            r"\theta^j} \right)",
            source=_talk("(1)", 6),
            consequences=(
                Claim(
                    score_products(model),
                    closed,
                    name=r"for $\mathcal{N}(\mu, \sigma^2)$ it is $\mathrm{diag}(1, 2)/\sigma^2$",
                ),
                Claim(curvatures(model), closed, name=r"and equals minus the mean curvature of $\ln p$ (Bartlett)"),
                Claim(
                    Matrix([Expectation(l, model) for l in model.score()]), Matrix([0, 0]), name="the score has mean 0"
                ),
                Claim(curvatures(gamma()), gammas, name="for the gamma family"),
                Claim(score_products(poisson()), Matrix([[1 / rate]]), name="for the Poisson family"),
            ),
        ),
        "a definition; its consequences for families that we can compute in two ways are checked",
        simulated=(MonteCarloWitness(),),
        derivation=lambda: normal().derivation("fisher_metric"),
    )


def _divergence() -> Statement:
    model = normal()
    closed = results()["divergence"]
    return Statement(
        "(2)",
        "The Kullback-Leibler divergence",
        Claim(
            Symbol("D_KL"),
            Symbol("E(ln p/p')"),
            ":=",
            name="(2)",
            printed=r"D_{KL}(\theta \parallel \theta') = \mathbb{E}_\theta \left( \ln \left( \frac{p_{Y|\Theta}(Y | \theta)}"
            r"{p_{Y|\Theta}(Y | \theta')} \right) \right)",
            source=_talk("(2)", 6),
            consequences=(
                Claim(divergence_as_defined(model, (mu_2, sigma_2)), closed, name="for two normal densities"),
                Claim(closed, 0, ">=", name="it is never negative"),
                Claim(closed.subs({mu_2: mu, sigma_2: sigma}), 0, name="it is zero where the two agree"),
            ),
        ),
        r"a definition, of an information divergence: not negative, and zero where $\theta = \theta'$",
        simulated=(MonteCarloWitness(),),
        derivation=lambda: normal().derivation("kl_divergence"),
    )


def _expansion() -> Statement:
    closed = results()["divergence"]
    metric = results()["metric"]
    moved = {mu_2: mu + step * delta_1, sigma_2: sigma + step * delta_2}
    direction = Matrix([delta_1, delta_2])
    quadratic = (direction.T * metric * direction)[0]
    along = results()["expansion"].subs({delta_1: step * delta_1, delta_2: step * delta_2}, simultaneous=True)
    gammas = gamma()
    return Statement(
        "(3)",
        "The divergence near a point is the Fisher metric",
        Claim(
            closed.subs(moved),
            step**2 * quadratic / 2,
            order=(step, 0, 3),
            name="(3)",
            printed=r"D_{KL}(\theta \parallel \theta') = \frac{1}{2} \mathcal{I}_{ij}(\theta) \delta \theta^i \delta \theta^j + "
            r"\mathcal{O}(\delta \theta^3)",
            source=_talk("(3)", 6),
        ),
        r"along any line $\theta' = \theta + \epsilon\,\delta$, the divergence differs from its quadratic form by $\mathcal{O}(\epsilon^3)$",
        instances=(
            Claim(closed.subs(moved), along, order=(step, 0, 5), name="the fourth order of the normal family"),
            Claim(
                gammas.kl_divergence((shape, rate * (1 + step))),
                Rational(1, 2) * shape * step**2,
                order=(step, 0, 3),
                name="the rate of the gamma family",
            ),
        ),
        derivation=lambda: normal().derivation("kl_expansion"),
        remark="The remainder is exactly of third order: the cubic term is not zero in general.",
    )


@cache
def statements() -> tuple[Statement, ...]:
    """(1), (2), (3)."""
    return _fisher(), _divergence(), _expansion()


@cache
def derivations() -> tuple[Derivation, ...]:
    """What the library derives for the normal family, step by step."""
    model = normal()
    return tuple(model.derivation(what) for what in ("score", "fisher_metric", "kl_divergence", "kl_expansion"))


def __getattr__(name: str) -> Mapping[str, Any]:
    if name == "equations":
        return {s.number.strip("()"): s for s in statements()}
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
