r"""Bayesian inversion for normal data: equations (18) to (20), and the diffusion that the talk reads off them.

$y = \mu + n$ with $n \sim \mathcal{N}(0, \sigma^2)$ and a flat prior. In the inverse time $\tau = 1/T$ the posterior spreads like a
diffusion; this chapter finds its equation and compares a numerical solution of it with the closed form.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from sympy import (
    Add,
    Derivative,
    Dummy,
    Expr,
    Integral,
    Mul,
    Rational,
    Symbol,
    diff,
    exp,
    oo,
    pi,
    simplify,
    solve,
    sqrt,
    symbols,
)

from derivations.statement import TALK, Statement
from numerics.evolution_witnesses import GridWitness, PathsWitness
from numerics.monte_carlo import MonteCarloWitness
from symrg.derivation import Derivation
from symrg.fokker_planck import FokkerPlanck
from symrg.verification import Claim

if TYPE_CHECKING:
    from derivations.report.content import Block, Finding

title = "Bayesian inversion for normal data"
numbers = ("(18)", "(19)", "(20)", "(20), text")

y, mu, truth = symbols("y mu mu_*", real=True)
sigma = Symbol("sigma", positive=True)
T, tau = symbols("T tau", positive=True)


def likelihood(observation: Expr = y) -> Expr:
    """The density of one observation y = mu + n."""
    return exp(-((observation - mu) ** 2) / (2 * sigma**2)) / sqrt(2 * pi * sigma**2)


def divergence(at: Expr = mu) -> Expr:
    """D_KL(truth || mu) = (mu - truth)^2 / (2 sigma^2) of two normal densities of the same width."""
    return (at - truth) ** 2 / (2 * sigma**2)


def posterior() -> Expr:
    """Equation (19) as printed."""
    return exp(-((mu - truth) ** 2) / (2 * (sigma**2 / T))) / sqrt(2 * pi * (sigma**2 / T))


def diffused() -> Expr:
    """Equation (20) as printed."""
    return exp(-((mu - truth) ** 2) / (2 * sigma**2 * tau)) / sqrt(2 * pi * sigma**2 * tau)


def diffusivity() -> Expr:
    """The constant D for which (20) solves d_tau pi = D d_mu^2 pi, solved for and not assumed."""
    unknown = Dummy("D")
    density = diffused()
    residual = simplify((diff(density, tau) - unknown * diff(density, mu, 2)) / density)
    found = solve(residual, unknown)
    if len(found) != 1 or found[0].has(mu, tau):
        raise ArithmeticError(f"(20) solves no diffusion equation with a constant: {found}")
    return found[0]


def diffusion_equation() -> FokkerPlanck:
    """The Fokker-Planck equation that the posterior (20) obeys in tau."""
    return FokkerPlanck(mu, 0, diffusivity(), time=tau)


def diffusion_derivation() -> Derivation:
    """From the posterior in tau to its diffusion equation."""
    density = diffused()
    rate = simplify(diff(density, tau) / density) * density
    curvature = simplify(diff(density, mu, 2) / density) * density
    return (
        Derivation("The diffusion equation of the posterior", Derivative(density, tau))
        .step(rate, r"differentiate in $\tau$")
        .step(diffusivity() * curvature, r"compare with the second derivative in $\mu$")
        .step(diffusivity() * Derivative(density, (mu, 2)), "which is a diffusion with this constant")
    )


def posterior_derivation() -> Derivation:
    """From the Boltzmann form (15) to the normal posterior (19)."""
    weight = exp(-T * divergence())
    return (
        Derivation("The posterior at T", weight / Integral(weight, (mu, -oo, oo)))
        .step(weight / sqrt(2 * pi * sigma**2 / T), "the normalisation is a Gaussian integral")
        .step(posterior(), r"which is a normal density of variance $\sigma^2/T$")
    )


def _definition() -> Statement:
    noise = Symbol("n", real=True)
    density = likelihood()
    return Statement(
        "(18)",
        "The inverse problem",
        Claim(
            y,
            mu + noise,
            ":=",
            name="(18)",
            printed=r"y = \mu + n",
            source=f"{TALK}, slide 16",
            consequences=(
                Claim(Integral(density, (y, -oo, oo)), 1, name="the likelihood is normalised"),
                Claim(Integral(y * density, (y, -oo, oo)), mu, name=r"its mean is $\mu$"),
                Claim(Integral((y - mu) ** 2 * density, (y, -oo, oo)), sigma**2, name=r"its variance is $\sigma^2$"),
            ),
        ),
        r"a definition: $y$ has the density of the noise, shifted by $\mu$, so that $p(y|\mu) = \mathcal{N}(\mu, \sigma^2)$",
        simulated=(MonteCarloWitness(),),
    )


def _posterior_statement() -> Statement:
    weight = exp(-T * divergence())
    printed = posterior()
    mean = Integral(divergence() * printed, (mu, -oo, oo))
    flow = Claim(
        Derivative(printed, T),
        -(divergence() - mean) * printed,
        name="it solves (14), the equation of dynamical Bayes",
    )
    return Statement(
        "(19)",
        "The posterior of normal data",
        Claim(
            weight / Integral(weight, (mu, -oo, oo)),
            printed,
            name="(19)",
            printed=r"\pi_T(\mu) = \frac{1}{\sqrt{2\pi(\sigma^2/T)}} e^{-\frac{1}{2(\sigma^2/T)}(\mu-\mu^*)^2}",
            source=f"{TALK}, slide 16",
        ),
        r"the solution of (14) with a flat prior, $e^{-T D_{KL}(\mu_* \parallel \mu)}$ normalised over the line, is what is printed",
        instances=(flow, *_finite_data_claims()),
        derivation=posterior_derivation,
        remark=r"With $T$ actual observations the centre is their mean, which lies about $\sigma/\sqrt{T}$ away from $\mu^*$: "
        "(14) has replaced the data by their expectation.",
        simulated=(MonteCarloWitness(),),
    )


def _finite_data_claims(count: int = 3) -> tuple[Claim, Claim]:
    """Bayes' theorem for `count` observations under a flat prior: joint density = evidence x posterior."""
    data = symbols(f"y_1:{count + 1}", real=True)
    joint = Mul(*(likelihood(value) for value in data))
    mean = Add(*data) / count
    spread = Add(*((value - mean) ** 2 for value in data))
    evidence = exp(-spread / (2 * sigma**2)) / (sqrt(count) * (2 * pi * sigma**2) ** Rational(count - 1, 2))
    expected = exp(-count * (mu - mean) ** 2 / (2 * sigma**2)) / sqrt(2 * pi * sigma**2 / count)
    return (
        Claim(joint, evidence * expected, name=f"{count} observations give it, about their mean, times their evidence"),
        Claim(Integral(expected, (mu, -oo, oo)), 1, name="which is normalised"),
    )


def _inverse_time_statement() -> Statement:
    return Statement(
        "(20)",
        "The posterior in the inverse time",
        Claim(
            posterior().subs(T, 1 / tau),
            diffused(),
            name="(20)",
            printed=r"\pi_\tau = \frac{1}{\sqrt{2\pi\sigma^2\tau}} e^{-\frac{(\mu-\mu^*)^2}{2\sigma^2\tau}}",
            source=f"{TALK}, slide 16",
        ),
        r"(19) with $T = 1/\tau$",
        instances=(
            Claim(
                Derivative(diffused(), tau),
                diffusivity() * Derivative(diffused(), (mu, 2)),
                name=r"it solves the diffusion equation with $\sigma^2/2$",
            ),
        ),
        derivation=diffusion_derivation,
        simulated=(GridWitness(), PathsWitness(count=1)),
    )


def _diffusivity_statement() -> Statement:
    return Statement(
        "(20), text",
        "The diffusivity",
        Claim(
            Derivative(diffused(), tau),
            sigma**2 * Derivative(diffused(), (mu, 2)),
            name="diffusivity",
            printed=r"\frac{\partial \pi_\tau}{\partial \tau} = \sigma^2 \frac{\partial^2 \pi_\tau}{\partial \mu^2}",
            source=f"{TALK}, slide 17: “the standard solution to the diffusion equation with diffusivity σ²”",
        ),
        r"(20) solves the diffusion equation $\partial_\tau \pi = D\, \partial_\mu^2 \pi$ with $D = \sigma^2$",
        derivation=diffusion_derivation,
        mended=Claim(
            Derivative(diffused(), tau),
            sigma**2 / 2 * Derivative(diffused(), (mu, 2)),
            name="with half the variance",
            printed=r"\frac{\partial \pi_\tau}{\partial \tau} = \frac{\sigma^2}{2} "
            r"\frac{\partial^2 \pi_\tau}{\partial \mu^2}",
        ),
        remark=r"The heat kernel of diffusivity $D$ has variance $2 D \tau$, so $D = \sigma^2/2$. The sentence is "
        r"right where “diffusivity” means the variance gained per unit of $\tau$, as in $dX = \sigma\, dW$.",
        simulated=(GridWitness(), PathsWitness(count=1)),
    )


@cache
def statements() -> tuple[Statement, ...]:
    """(18), (19), (20), and the sentence on the diffusivity that follows them."""
    return (_definition(), _posterior_statement(), _inverse_time_statement(), _diffusivity_statement())


@cache
def derivations() -> tuple[Derivation, ...]:
    """The derivations of this chapter."""
    return posterior_derivation(), diffusion_derivation()


def measured() -> tuple[list[Block], list[Finding]]:
    """The diffusion solved by a generated kernel on three grids, against (20)."""
    from derivations.grid_comparison import compare_on_grids
    from derivations.report.content import Figure, Finding, Table
    from numerics import plots

    start, times, values = 0.1, (0.2, 0.4, 0.7, 1.0), {sigma: 1.0, truth: 0.5}
    comparison = compare_on_grids(
        diffusion_equation(), diffused(), {mu: (-6.5, 7.5)}, (128, 256, 512), start, times, values
    )
    orders = ("", *(f"{order:.2f}" for order in comparison.orders))
    rows = tuple(
        (r.cells, f"{r.error:.2e}", order, f"{r.mass_change:.1e}", f"{r.minimum:.1e}")
        for r, order in zip(comparison.runs, orders)
    )
    table = Table(
        ("cells", "L1 error", "order", "change of mass", "smallest density"),
        rows,
        r"The diffusion from $\tau = 0.1$ to $\tau = 1$ ($\sigma = 1$), solved on three grids and held against (20).",
    )
    axes = plots.density(comparison.finest, exact=diffused().subs({**values, tau: Symbol("t")}))
    figure = Figure.from_matplotlib(
        axes.figure,
        "Normal densities around 0.5 that widen as tau grows from 0.2 to 1; dots of the closed form lie on the curves.",
        r"Throwing data away: the posterior at $\tau = 1/T$, as the solver computes it (lines) and as (20) has it (dots).",
        "The posterior spreads",
    )
    finest, last = comparison.runs[-1], comparison.orders[-1]
    answer = (
        f"L1 error {finest.error:.1e} on {finest.cells} cells, order {last:.2f}, mass kept to {finest.mass_change:.0e}"
    )
    return [table, figure], [Finding("The diffusion solved numerically, against (20)", answer, figure.identifier)]


def __getattr__(name: str) -> Mapping[str, Any]:
    if name == "equations":
        return {s.number.strip("()"): s for s in statements()}
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
