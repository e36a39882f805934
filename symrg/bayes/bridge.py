r"""From (14) to (21), link by link: how a replicator equation in theta becomes a drift-diffusion equation in y.

(14) has no derivative in theta; (21) has two in y. What joins them is an average over the posterior:

    inverse time     d_tau p_tau = tau^-2 * (E[D p(y|theta)] - E[D] p_tau)           exact
    Gaussian limit   = m^i d_i p + (1/2) g^ij d_i d_j p  at theta*                   + O(tau)
    forward map      = - d_a(mu^a p) + d_a d_b(D^ab p)  at theta*                    exact
    small tau        = - d_a(mu^a p_tau) + d_a d_b(D^ab p_tau)                       + O(tau)

so (21) holds with a remainder O(tau), in divergence form, with D = (1/2) v g v^T: half of what is printed, and the
inverse Fisher metric itself only where the forward map v is the identity. It is exact for normal data of known width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sympy
from sympy import Derivative, Integral, Symbol

from symrg.bayes.diffusion import predictive_diffusion
from symrg.bayes.dynamical import _exponential
from symrg.bayes.parameter_space import integrate_over
from symrg.budget import Budget
from symrg.derivation import Derivation

if TYPE_CHECKING:
    from symrg.bayes.dynamical import DynamicalBayes

__all__ = ["LINKS", "Link", "bridge"]


@dataclass(frozen=True)
class Link:
    """One link of the bridge: what it needs, its order, and where it fails.

    Attributes:
        name: of the link.
        condition: under which it holds.
        order: n with a remainder O(tau^n), or None where it is exact.
        fails: an example where it does not hold, and what goes wrong.
    """

    name: str
    condition: str
    order: int | None
    fails: str


LINKS = (
    Link(
        "law of large numbers",
        "the sum of the log-likelihood ratios is replaced by its mean, $T D$",
        None,
        r"any finite data set: the maximum moves by a normal amount of covariance $g/T$, as wide as the posterior "
        r"itself; for normal data the predictive density then spreads by $2\sigma^2\tau$, not $\sigma^2\tau$, over "
        "repeated data",
    ),
    Link(
        "inverse time",
        "$T > 0$ and a posterior that normalises for every $T$ used",
        None,
        r"two parameters of which the data see one combination (a normal mean $\mu = a + b$) under a flat prior: $Z$ "
        "is infinite for every $T$",
    ),
    Link(
        "Gaussian limit",
        r"$\theta_*$ inside the parameter space, $D$ twice differentiable there with a metric that is not singular, "
        r"and $\tau$ small",
        1,
        r"$\theta_*$ on the edge (a Poisson rate of 0: $D = \lambda$, and the posterior is exponential, of mean $\tau$ "
        r"and variance $\tau^2$, so nothing spreads at order $\tau$); or a metric that vanishes ($\mu = \theta^3$ at "
        r"0: the width is $\tau^{1/6}$)",
    ),
    Link(
        "forward map",
        r"observations on a continuum, with $y = F(\theta, u)$ for a noise $u$ whose law is free of $\theta$",
        None,
        r"counts (Poisson, Bernoulli): $\partial_\theta p$ is a difference in $y$, not a derivative, and no "
        "Fokker-Planck equation in $y$ is obeyed",
    ),
    Link(
        "small tau",
        r"$p_\tau$ in the place of $p(y|\theta_*)$, coefficients at $\theta_*$",
        1,
        r"an exponential density: the residual of the exact predictive density is of order $\tau$ and not 0; exact for "
        "a normal density of known width",
    ),
)
"""What each link needs, and where it fails."""


def bridge(dynamics: DynamicalBayes, tau: Symbol | None = None, budget: float | Budget | None = None) -> Derivation:
    """The chain from the exact d_tau p_tau to (21) for one model; for counts it ends with the equation in theta.

    Args:
        dynamics: with a statistical model whose predictive density has a closed form.
        tau: the inverse time; left out, a positive Symbol tau.
        budget: seconds for the whole call.

    Returns:
        Derivation, each link with its order in tau.

    Raises:
        NoClosedForm: the predictive density has none.
        UnidentifiableModel: the metric is singular: the Gaussian limit fails.
    """
    budget = Budget.of(budget)
    tau = tau or Symbol("tau", positive=True)
    spread = predictive_diffusion(dynamics, tau, budget=budget)
    predictive = dynamics.predictive(budget).subs(dynamics.time, 1 / tau)
    mean = dynamics.expected_divergence().subs(dynamics.time, 1 / tau)
    joint = dynamics.weight * _exponential(dynamics.model.log_density, dynamics.parameters)
    joint = integrate_over(sympy.powsimp(joint), dynamics.limits, budget, dynamics.divergence)
    joint = (joint / dynamics.normaliser).subs(dynamics.time, 1 / tau)
    if joint.has(Integral):
        raise budget.no_closed_form("the average of D p(y|theta) over the posterior")
    chain = (
        Derivation("From the replicator equation to the diffusion equation", Derivative(predictive, tau))
        .step(
            (sympy.simplify(joint / predictive) - mean) * predictive / tau**2,
            rf"{LINKS[1].name}: (14) with $d\tau = -\tau^2\, dT$, averages over the posterior carried out, exact",
        )
        .step(spread.rate, rf"{LINKS[2].name}, remainder of order $\tau$", order=(tau, 0, 1))
    )
    if spread.equation is None:
        return chain
    start = spread.start
    y, n = spread.equation.coordinates, range(len(spread.sample))
    drift, diffusion = spread.equation.drift, spread.equation.diffusion
    frozen = {tau: 0} if spread.exact else {}
    written = sympy.Add(
        *(-Derivative(drift[a].subs(frozen) * start, y[a]) for a in n),
        *(Derivative(diffusion[a, b].subs(frozen) * start, y[a], y[b]) for a in n for b in n),
    )
    last = sympy.Add(
        *(-Derivative(drift[a] * predictive, y[a]) for a in n),
        *(Derivative(diffusion[a, b] * predictive, y[a], y[b]) for a in n for b in n),
    )
    chain = chain.step(written, rf"{LINKS[3].name}: derivatives in $\theta$ become derivatives in $y$, exact")
    carried = sympy.simplify(spread.equation.rhs(predictive) / predictive) * predictive
    return chain.step(
        carried, rf"{LINKS[4].name}: the density itself, remainder of order $\tau$", order=(tau, 0, 1)
    ).step(last, "the derivatives in $y$ that these are, exact")
