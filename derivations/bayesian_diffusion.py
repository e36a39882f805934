r"""Bayesian diffusion: equation (21), and how far it holds.

(14) has no derivative in $\theta$, (21) has two in $y$. A bridge joins them link by link (`symrg.bayes.bridge`); here the result is held
against exact predictive densities: normal data, for which a diffusion equation is exact with half of the printed
coefficient, and waiting times, for which it holds up to order $\tau$.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from sympy import Derivative, Expr, Integral, diff, exp, oo, pi, simplify, sqrt, symbols

from derivations.dynamical_bayes import T, flat_waiting_times, normal_data, sigma, truth, x
from derivations.report.content import Block, Finding, Table
from derivations.statement import TALK, Statement
from numerics.evolution_witnesses import GridWitness, PathsWitness
from numerics.monte_carlo import MonteCarloWitness
from symrg.bayes import PredictiveDiffusion, dynamical_bayes
from symrg.bayes.bridge import LINKS
from symrg.derivation import Derivation
from symrg.verification import Claim

title = "Bayesian diffusion"
numbers = ("(21)", "(21), derived")

tau = symbols("tau", positive=True)


@cache
def normal_predictive() -> Expr:
    """The predictive density of normal data: N(mu_*, sigma^2 (1 + tau))."""
    variance = sigma**2 * (1 + tau)
    return exp(-((x - truth) ** 2) / (2 * variance)) / sqrt(2 * pi * variance)


@cache
def normal_diffusion() -> PredictiveDiffusion:
    """Equation (21) derived for normal data."""
    return dynamical_bayes(normal_data(), truth, T).predictive_diffusion(tau)


@cache
def waiting_diffusion() -> PredictiveDiffusion:
    """Equation (21) derived for waiting times."""
    return flat_waiting_times().predictive_diffusion(tau)


@cache
def waiting_predictive() -> Expr:
    """The exact predictive density of waiting times under a flat prior."""
    return flat_waiting_times().predictive().subs(T, 1 / tau)


def _written(found: PredictiveDiffusion, density: Expr) -> Expr:
    """The right side of the derived equation, derivatives unevaluated."""
    if found.equation is None:
        raise ArithmeticError(found.reason)
    drift, diffusion = found.equation.drift[0], found.equation.diffusion[0]
    (s,) = found.sample
    return -Derivative(drift * density, s) + Derivative(diffusion * density, (s, 2))


def _diffusion() -> Statement:
    predictive, found = normal_predictive(), normal_diffusion()
    return Statement(
        "(21)",
        "Bayesian diffusion",
        Claim(
            Derivative(predictive, tau),
            sigma**2 * Derivative(predictive, (x, 2)),
            name="(21)",
            printed=(
                r"\frac{\partial p}{\partial \tau} = -m^i \frac{\partial p}{\partial y^i} "
                r"+ \mathcal{I}^{ij}(\gamma) \frac{\partial^2 p}{\partial y^i \partial y^j}"
            ),
            source=f"{TALK}, slide 18",
        ),
        r"normal data, flat prior: $\mathcal{I}^{-1} = \sigma^2$, $m = 0$, and $p = \mathcal{N}(\mu_*, \sigma^2 (1 + \tau))$ is the "
        "predictive density",
        mended=Claim(
            Derivative(predictive, tau),
            sigma**2 / 2 * Derivative(predictive, (x, 2)),
            name="(21) with half the coefficient",
            printed=(
                r"\frac{\partial p}{\partial \tau} = -m^i \frac{\partial p}{\partial y^i} "
                r"+ \frac{1}{2} \mathcal{I}^{ij}(\gamma) \frac{\partial^2 p}{\partial y^i \partial y^j}"
            ),
        ),
        derivation=bridge_of_normal_data,
        remark=r"The coefficient is $\tfrac12 \mathcal{I}^{ij}$. Beyond location families it is "
        r"$\tfrac12 v_i^a \mathcal{I}^{ij} v_j^b$ with $v$ the derivative of the forward map, inside both derivatives. "
        r"With $m^i$ and $\mathcal{I}^{ij}$ outside, as printed, $\int p\, dy$ changes at the rate "
        r"$\int (\partial_i m^i + \partial_i \partial_j \mathcal{I}^{ij})\, p\, dy$: probability is conserved for every "
        r"$p$ exactly where $\partial_i m^i + \partial_i \partial_j \mathcal{I}^{ij} = 0$, so, with a metric that does not "
        r"depend on $y$, for a drift without divergence. "
        rf"The remainder is of order $\tau$; for {found.reason.split(':')[0]} data of known width it vanishes.",
        simulated=(GridWitness(), PathsWitness(count=1)),
    )


def lost_probability() -> tuple[Expr, Expr]:
    """(d/dt of the integral of p, m' + A'') for the non-divergence form - m p' + A p'' of (21), for waiting times.

    Partial integration: without boundary terms the integral of - m p' + A p'' is that of (m' + A'') p.
    """
    found = waiting_diffusion()
    if found.equation is None:
        raise ArithmeticError(found.reason)
    m, a = found.equation.drift[0], found.equation.diffusion[0]
    (s,) = found.sample
    p = found.start
    return Integral(-m * diff(p, s) + a * diff(p, s, 2), (s, 0, oo)), simplify(diff(m, s) + diff(a, s, 2))


def _derived() -> Statement:
    predictive = normal_predictive()
    exact = waiting_predictive()
    found = waiting_diffusion()
    point = found.start
    return Statement(
        "(21), derived",
        "The equation in divergence form",
        Claim(
            Derivative(predictive, tau),
            _written(normal_diffusion(), predictive),
            name="(21), derived",
            printed=(
                r"\frac{\partial p}{\partial \tau} = -\frac{\partial}{\partial y^a} (\mu^a p) "
                r"+ \frac{\partial^2}{\partial y^a \partial y^b} (D^{ab} p), \quad D = \frac{1}{2} v\, \mathcal{I}^{-1} v^T"
            ),
            source="derived here",
        ),
        r"for normal data, where it is exact: $D = \sigma^2/2$ and $\mu^a = 0$",
        instances=(
            Claim(
                found.rate,
                _written(found, point),
                name=r"waiting times, at $\tau = 0$: $\partial_\theta$ turned into $\partial_y$",
            ),
            Claim(
                simplify(exact / point),
                1 + tau * simplify(found.rate / point),
                order=(tau, 0, 2),
                name=r"waiting times: the exact predictive density to order $\tau$",
            ),
            Claim(
                *lost_probability(),
                name=r"waiting times: with these coefficients outside the derivatives, as printed, "
                r"$\frac{d}{d\tau}\int p\, dy = m' + A''$, which is not zero",
            ),
        ),
        remark="Each link from (14) to here has its condition, and a case where it fails: the table below.",
        simulated=(GridWitness(), MonteCarloWitness()),
    )


@cache
def bridge_of_normal_data() -> Derivation:
    """From the replicator equation (14) to the diffusion equation, for normal data."""
    return dynamical_bayes(normal_data(), truth, T).bridge(tau)


@cache
def bridge_of_waiting_times() -> Derivation:
    """The same for waiting times, with a remainder of order tau."""
    return flat_waiting_times().bridge(tau)


@cache
def statements() -> tuple[Statement, ...]:
    """(21) as printed and as derived."""
    return _diffusion(), _derived()


@cache
def derivations() -> tuple[Derivation, ...]:
    """The derivations of this chapter."""
    return bridge_of_normal_data(), bridge_of_waiting_times()


def measured() -> tuple[tuple[Block, ...], tuple[Finding, ...]]:
    """What each link of the bridge needs, as a table for the report."""
    rows = tuple(
        (link.name, link.condition, "exact" if link.order is None else rf"$O(\tau^{{{link.order}}})$", link.fails)
        for link in LINKS
    )
    return (Table(("link", "needs", "remainder", "fails for"), rows, "The links between (14) and (21)."),), ()


def __getattr__(name: str) -> Mapping[str, Any]:
    if name == "equations":
        return {s.number.strip("()"): s for s in statements()}
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
