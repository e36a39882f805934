"""Bayesian inference as a dynamical system: equations (12) to (17).

Each statement is decided on models whose posterior is known exactly: three hypotheses with any divergences and any
prior, exponentially distributed data under a gamma prior, normal data under a Gaussian prior.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from sympy import (
    Derivative,
    Expr,
    ImmutableMatrix,
    Integral,
    Interval,
    Mul,
    S,
    Symbol,
    diff,
    exp,
    gamma,
    log,
    oo,
    pi,
    simplify,
    sqrt,
    symbols,
)

from derivations.statement import TALK, Statement
from numerics.monte_carlo import MonteCarloWitness
from symrg.bayes import DynamicalBayes, dynamical_bayes
from symrg.derivation import Derivation
from symrg.model import StatisticalModel
from symrg.verification import Claim

title = "Dynamical Bayes"
numbers = ("(12)", "(13)", "(14)", "(15)", "(16)", "(17)")

y, rate, rate_true = symbols("y theta theta_*", positive=True)
a, b, T, epsilon = symbols("a b T epsilon", positive=True)
z = Symbol("z", real=True)
x, mu, truth, centre = symbols("x mu mu_* m_0", real=True)
sigma, width = symbols("sigma s_0", positive=True)


@cache
def waiting_times() -> StatisticalModel:
    """Exponentially distributed data, ln p = ln theta - theta y."""
    return StatisticalModel(log(rate) - rate * y, sample=y, parameters=rate, support=Interval.open(0, oo))


@cache
def normal_data() -> StatisticalModel:
    """Normal data of known width."""
    log_density = -((x - mu) ** 2) / (2 * sigma**2) - log(sigma) - log(2 * pi) / 2
    return StatisticalModel(log_density, sample=x, parameters=mu, support=S.Reals)


@cache
def of_waiting_times() -> DynamicalBayes:
    """Equation (14) for waiting times under the gamma prior theta^(a - 1) exp(-b theta)."""
    return dynamical_bayes(waiting_times(), rate_true, T, prior=rate ** (a - 1) * exp(-b * rate))


@cache
def flat_waiting_times() -> DynamicalBayes:
    """Equation (14) for waiting times under a flat prior."""
    return dynamical_bayes(waiting_times(), rate_true, T)


@cache
def of_normal_data() -> DynamicalBayes:
    """Equation (14) for normal data under a Gaussian prior."""
    return dynamical_bayes(normal_data(), truth, T, prior=exp(-((mu - centre) ** 2) / (2 * width**2)))


# ---------------------------------------------------------------------- (12), (13)


def _family() -> Statement:
    printed = exp(-rate * y)  # theta^1 q_1(y) with q_1 = -y
    return Statement(
        "(12)",
        "An exponential family",
        Claim(
            Integral(printed, (y, 0, oo)),
            1,
            name="(12)",
            printed=r"p_{Y|\theta}(y | \theta) = e^{\theta^i q_i(y)}",
            source=f"{TALK}, slide 12",
        ),
        "with one statistic $q(y) = -y$ on the half line, what is printed is a normalised density",
        mended=Claim(
            Integral(printed, (y, 0, oo)),
            exp(-log(rate)),
            name=r"(12) with its normaliser, $\psi(\theta) = -\ln\theta$",
            printed=r"p_{Y|\theta}(y | \theta) = e^{\theta^i q_i(y) - \psi(\theta)}",
        ),
        remark=r"The normaliser is missing: $p = e^{\theta^i q_i(y) - \psi(\theta)} h(y)$, here with $\psi = -\ln\theta$. "
        r"The printed form is right if one $q_0 = 1$ is counted among the statistics, with $\theta^0 = -\psi(\theta)$ "
        r"no free parameter, and $h$ is part of the measure.",
        simulated=(MonteCarloWitness(),),
    )


def _bayes() -> Statement:
    data = symbols("y_1:4", positive=True)
    prior = b**a * rate ** (a - 1) * exp(-b * rate) / gamma(a)
    likelihood = Mul(*(rate * exp(-rate * v) for v in data))
    total = b + sum(data)
    evidence = b**a * gamma(a + 3) / (gamma(a) * total ** (a + 3))
    found = total ** (a + 3) * rate ** (a + 2) * exp(-total * rate) / gamma(a + 3)
    return Statement(
        "(13)",
        "Bayes' theorem",
        Claim(
            prior * likelihood,
            evidence * found,
            name="(13)",
            printed=r"\pi_T(\theta) \propto \pi_0(\theta) \prod_{t=1}^T p_{Y|\theta}(y_t | \theta)",
            source=f"{TALK}, slide 12",
        ),
        "for three waiting times under a gamma prior, prior times likelihood is a constant, the evidence, times the "
        r"gamma density of shape $a + 3$ and rate $b + \sum_t y_t$",
    )


# ---------------------------------------------------------------------- (14), (15)


@cache
def three_hypotheses() -> tuple[ImmutableMatrix, ImmutableMatrix]:
    """(pi_T, D) on three values of theta with any prior weights w and any divergences D."""
    weights = symbols("w_1:4", positive=True)
    gaps = symbols("D_1:4", nonnegative=True)
    raw = [w * exp(-T * d) for w, d in zip(weights, gaps)]
    return ImmutableMatrix([r / sum(raw) for r in raw]), ImmutableMatrix(gaps)


def _replicator() -> Statement:
    posterior, gaps = three_hypotheses()
    mean = sum(p * d for p, d in zip(posterior, gaps))
    right = ImmutableMatrix([-(d - mean) * p for p, d in zip(posterior, gaps)])
    d = of_normal_data()
    exact = d.solution
    average = simplify(d.expected_divergence())
    return Statement(
        "(14)",
        "The equation of dynamical Bayes",
        Claim(
            diff(posterior, T),
            right,
            name="(14)",
            printed=(
                r"\frac{\partial \pi_T(\theta)}{\partial T} = - \left(D_{KL}(\theta_* \| \theta) - "
                r"\mathbb{E}_{\pi_T}(D_{KL}(\theta_* \| \theta))\right) \pi_T(\theta)"
            ),
            source=f"{TALK}, slide 13",
        ),
        r"for any divergences and any prior on three hypotheses, $\pi_0\, e^{-T D}/Z$ solves it; so for any number",
        instances=(
            Claim(sum(posterior), 1, name="the total probability stays one"),
            Claim(Derivative(exact, T), -(d.divergence - average) * exact, name="normal data under a Gaussian prior"),
            _mean_of_one_datum(),
        ),
        simulated=(MonteCarloWitness(),),
        derivation=replicator_derivation,
        remark="(13) gives (14) when the sum of the log-likelihood ratios is replaced by its mean, $T D$: what is dropped "
        r"moves the maximum by a normal amount of covariance $\mathcal{I}^{-1}/T$, as wide as the posterior itself.",
    )


def _mean_of_one_datum() -> Claim:
    """What a datum adds to ln(pi(theta)/pi(theta_*)) is -D on average, drawn from the truth."""
    d = flat_waiting_times()
    model = waiting_times()
    ratio = model.log_density - model.log_density.subs(rate, rate_true)
    density = exp(model.log_density.subs(rate, rate_true))
    return Claim(
        Integral(ratio * density, (y, 0, oo)),
        -d.divergence,
        name=r"a waiting time drawn from the truth adds $-D$ to $\ln \pi_T(\theta)/\pi_T(\theta_*)$ on average",
    )


@cache
def replicator_derivation() -> Derivation:
    """From Bayes' theorem with the mean log-likelihood ratio to (14), on three hypotheses."""
    posterior, gaps = three_hypotheses()
    mean = sum(p * d for p, d in zip(posterior, gaps))
    first = posterior[0]
    return (
        Derivation("The equation of dynamical Bayes", Derivative(first, T))
        .step(first * diff(log(first), T), "the derivative of the logarithm")
        .step(first * (-gaps[0] + mean), r"the logarithm of $Z$ has the derivative $-\mathbb{E}[D]$")
        .step(-(gaps[0] - mean) * first, "as printed")
    )


def _boltzmann() -> Statement:
    d = flat_waiting_times()
    weight = exp(-T * d.divergence)
    tilted = of_waiting_times()
    return Statement(
        "(15)",
        "The Boltzmann form",
        Claim(
            weight / d.solution,
            (weight / d.solution).subs(rate, rate_true),
            name="(15)",
            printed=r"\pi_T(\theta) \propto e^{-TD_{KL}(\theta_* \| \theta)}",
            source=f"{TALK}, slide 13",
        ),
        r"for a flat prior $e^{-T D}$ over the exact posterior (of waiting times) does not depend on $\theta$",
        instances=(
            Claim(
                tilted.solution / (tilted.prior * exp(-T * tilted.divergence)),
                (tilted.solution / (tilted.prior * exp(-T * tilted.divergence))).subs(rate, rate_true),
                name=r"with another prior it is $\pi_0\, e^{-T D}$ that is proportional",
            ),
        ),
        remark=r"It is exact exactly when the prior is flat; otherwise $\pi_0$ multiplies it, a shift of order $1/T$.",
    )


# ---------------------------------------------------------------------- (16), (17)


@cache
def scaled_exponent() -> Expr:
    """T D at theta* (1 + epsilon z), T = epsilon^-2: waiting times in units of the width of the posterior."""
    d = flat_waiting_times()
    return simplify(d.divergence.subs(rate, rate_true * (1 + epsilon * z))) / epsilon**2


def _gaussian() -> Statement:
    exponent = scaled_exponent()
    return Statement(
        "(16)",
        "The posterior at late T",
        Claim(
            exponent,
            z**2 / 2,
            conditions=(1 + epsilon * z > 0,),
            order=(epsilon, 0, 1),
            name="(16)",
            printed=r"\pi_T(\theta) = \mathcal{N}(\mu_T, \frac{1}{T}\mathcal{I}(\mu_T)^{-1})(\theta)",
            source=f"{TALK}, slide 14",
        ),
        r"waiting times, $\mathcal{I} = \theta^{-2}$: with $\theta = \theta_* (1 + z/\sqrt{T})$ the exponent $T D$ is $z^2/2$, that of "
        r"the normal density of variance $\mathcal{I}^{-1}/T$, with a remainder of order $T^{-1/2}$",
        instances=(
            Claim(
                exponent,
                z**2 / 2 - epsilon * z**3 / 3,
                conditions=(1 + epsilon * z > 0,),
                order=(epsilon, 0, 2),
                name="the next order is the skewness, from the cubic term of the divergence",
            ),
        ),
        remark=r"An equation for $T \to \infty$ only: the relative error is of order $T^{-1/2}$, the skewness of the posterior.",
    )


def _gradient_flow() -> Statement:
    flow = of_normal_data().map_flow()
    if flow.path is None:
        raise ArithmeticError("the path of the maximum a posteriori of normal data was not found")
    path, metric = flow.path[0], flow.metric[0]
    potential = flow.potential
    along = {mu: path}
    return Statement(
        "(17)",
        "The flow of the maximum a posteriori",
        Claim(
            Derivative(path, T),
            (diff(potential, mu) / metric).subs(along),
            name="(17)",
            printed=r"\frac{d}{dT}\mu_T = \text{grad}_{\mathcal{I}}V|_{\mu_T}",
            source=f"{TALK}, slide 14",
        ),
        r"normal data under a Gaussian prior: $V$ is $(\mu - \mu_*)^2$ times a negative weight that depends on $T$, found from "
        r"the condition that the posterior is stationary at $\mu_T$",
        instances=(
            Claim(
                Derivative(path, T),
                (diff(flow.autonomous_potential, mu) / metric).subs(along),
                conditions=(centre > truth,),
                name="a potential free of $T$, which depends on the prior instead",
            ),
        ),
        remark=r"For a flat prior $\mu_T = \theta_*$ and there is no flow. $V$ depends on $T$ (for large $T$ it is $-D/T$) or, along "
        "the path, on the prior; with several parameters the velocity may have a curl, and $V$ exists along the path only.",
    )


@cache
def width_derivation() -> Derivation:
    """From the divergence to the Gaussian (16), for normal data where it is exact."""
    d = dynamical_bayes(normal_data(), truth, T)
    return Derivation("The width of the posterior", d.boltzmann).step(
        exp(-((mu - truth) ** 2) * T / (2 * sigma**2)) * sqrt(T) / sqrt(2 * pi * sigma**2),
        "the divergence is quadratic, so that (16) is exact",
    )


@cache
def statements() -> tuple[Statement, ...]:
    """(12) to (17)."""
    return _family(), _bayes(), _replicator(), _boltzmann(), _gaussian(), _gradient_flow()


@cache
def derivations() -> tuple[Derivation, ...]:
    """The derivations of this chapter."""
    return replicator_derivation(), width_derivation()


def __getattr__(name: str) -> Mapping[str, Any]:
    if name == "equations":
        return {s.number.strip("()"): s for s in statements()}
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
