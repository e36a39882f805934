"""The ERG/Bayes dictionary, row by row: what is printed, and the map that carries one equation into the other.

One mode with any kernel carries the rows; two modes and a non-Gaussian inference stand beside it. A cosine network with
one wide layer is where both halves of the talk meet: leaving out the weights with little Fisher information leaves out a
shell of momenta.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from sympy import (
    Add,
    Derivative,
    Expr,
    Function,
    Integer,
    Integral,
    Matrix,
    Rational,
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

from derivations.dynamical_bayes import flat_waiting_times
from derivations.exact_rg import explicit_right_side
from derivations.statement import TALK, Statement
from numerics.evolution_witnesses import GridWitness, PathsWitness
from numerics.monte_carlo import MonteCarloWitness
from symrg.correspondence import BayesianInference, bayesian_inference, renormalisation_flow
from symrg.derivation import Derivation
from symrg.erg import CosineNetwork, PolchinskiFlow, WegnerMorrisFlow, exponential_cutoff, rational_cutoff
from symrg.erg.cosine_network import MOMENTUM
from symrg.verification import Claim

if TYPE_CHECKING:
    from derivations.report.content import Block, Finding

title = "The dictionary"
numbers = (*(f"(row {k}){tail}" for k in range(1, 5) for tail in ("", ", derived")), "(shells)")

phi, phi_1, phi_2, truth = symbols("phi phi_1 phi_2 theta_*", real=True)
G, Lambda, start = symbols("G Lambda Lambda_0", positive=True)
tau = Symbol("tau", positive=True)
bias, mean = symbols("x m", real=True)
s, pace, variance, tosses, tilt = symbols("s C v n epsilon", positive=True)
_SLIDE = f"{TALK}, slide 19"


@cache
def polchinski() -> PolchinskiFlow:
    """One mode with any kernel and the cutoff exp(-1/Lambda^2)."""
    return PolchinskiFlow(phi, G, exponential_cutoff(Rational(1), Lambda), Lambda)


@cache
def one_mode() -> BayesianInference:
    """The inference undone by Polchinski's flow of one mode."""
    return bayesian_inference(polchinski(), start, tau)


@cache
def two_modes() -> BayesianInference:
    """The same for two coupled modes."""
    kernel = Matrix([[2, Rational(1, 3)], [Rational(1, 3), 1]])
    flow = PolchinskiFlow((phi_1, phi_2), kernel, rational_cutoff()(Rational(1), Lambda), Lambda)
    return bayesian_inference(flow, start, tau)


def _residual_claim(inference: BayesianInference, mean: Sequence[Expr], name: str) -> Claim:
    """That the posterior, read as a density P of the field, solves the flow: both sides divided by P.

    With W = ln P: d_s W = - d_i mu^i - mu^i d_i W + D^ij (d_i d_j W + d_i W d_j W) for a diffusion free of the field.
    """
    flow = inference.flow
    gap = inference.frame * Matrix(flow.modes) - Matrix(mean)
    precision = inference.covariance.inv()
    logarithm = log(inference.frame.det()) - log(inference.covariance.det()) / 2 - (gap.T * precision * gap)[0] / 2
    equation = flow.fokker_planck()
    back = {equation.time: -log(flow.scale)}
    drift, diffusion = equation.drift.subs(back), equation.diffusion.subs(back)
    slope = [diff(logarithm, x) for x in flow.modes]
    terms = [-diff(m, x) - m * w for m, x, w in zip(drift, flow.modes, slope)]
    for i, x in enumerate(flow.modes):
        terms += [diffusion[i, j] * (diff(slope[j], x) + slope[i] * slope[j]) for j in range(len(slope))]
    return Claim(-flow.scale * diff(logarithm, flow.scale), Add(*terms), name=name)


@cache
def frame_derivation() -> Derivation:
    """The drift of the flow cancels in theta = C^-1 phi, and the clock is what is left."""
    inference = one_mode()
    flow = inference.flow
    drift = flow.fokker_planck().drift[0].subs(flow.time, -log(Lambda))
    frame = inference.frame[0]
    spread = 2 * flow.fokker_planck().diffusion[0].subs(flow.time, -log(Lambda)) * frame**2
    return (
        Derivation(
            "The frame in which the flow is a posterior",
            -Lambda * Derivative(frame, Lambda) * phi + frame * drift + spread,
            notation=r"\dot\theta + \mathcal{I}^{-1} \dot\tau",
        )
        .step(spread, "the drift of theta = phi/C is that of phi/C minus that of 1/C: it cancels")
        .step(-Lambda * Derivative(inference.clock, Lambda), "what is left is the rate of the clock 1/C - 1/C_0")
    )


def spread_gained(inference: BayesianInference, since: Expr) -> Expr:
    """The variance that theta = phi/C gains from `since` down to the scale: its diffusion added up, unevaluated."""
    flow = inference.flow
    scale = Symbol("l", positive=True)
    rate = 2 * flow.fokker_planck().diffusion[0].subs(flow.time, -log(Lambda)) * inference.frame[0] ** 2
    return Integral((simplify(rate) / Lambda).subs(Lambda, scale), (scale, Lambda, since))


@cache
def logarithmic() -> BayesianInference:
    """The inference undone with the one cutoff whose clock is ln Lambda itself, 1/K = 1 + ln(Lambda_0/Lambda)."""
    cutoff = 1 / (1 + log(start / Lambda))
    return bayesian_inference(PolchinskiFlow(phi, G, cutoff, Lambda), start, tau)


def _scale() -> tuple[Statement, Statement]:
    inference = one_mode()
    gained = spread_gained(inference, start)
    unit = inference.rate.subs(Lambda, start)
    before = (Lambda < start,)
    return Statement(
        "(row 1)",
        "Scale and inverse observation time",
        Claim(
            gained,
            unit * log(start / Lambda),
            conditions=before,
            name="(row 1)",
            printed=r"\ln \Lambda \;\leftrightarrow\; \tau = \frac{1}{T}",
            source=_SLIDE,
        ),
        r"the variance $\tau$ of the posterior that the flow of one mode undoes, gained from $\Lambda_0$ to $\Lambda$ in the "
        r"frame $\theta = \phi/C_\Lambda$, is $\ln\Lambda$ up to sign, origin and unit",
        instances=(
            Claim(
                spread_gained(logarithmic(), start),
                G * log(start / Lambda),
                conditions=before,
                name=r"for the cutoff $1/K = 1 + \ln(\Lambda_0/\Lambda)$ the row is right as printed",
            ),
        ),
        derivation=frame_derivation,
        mended=Claim(
            gained,
            inference.frame[0] - inference.frame[0].subs(Lambda, start),
            conditions=before,
            name="(row 1) with the clock of the flow",
            printed=r"C_\Lambda^{-1} - C_{\Lambda_0}^{-1} \;\leftrightarrow\; \tau = \frac{1}{T}, \qquad "
            r"\frac{d\tau}{d(-\ln\Lambda)} = C_\Lambda^{-2}\, \frac{dC_\Lambda}{d\ln\Lambda} > 0",
        ),
        remark=r"$\tau$ rises as $\ln\Lambda$ falls, but not in proportion: $\tau = C_\Lambda^{-1} - C_{\Lambda_0}^{-1}$ "
        r"for one mode. With several momenta every mode has its own clock.",
    ), Statement(
        "(row 1), derived",
        "The posterior solves the flow",
        _residual_claim(inference, (truth,), "one mode, any kernel"),
        "the posterior N(theta_*, 1/C - 1/C_0) of theta = phi/C, read as a density of phi, solves the Fokker-Planck "
        "equation of the flow",
        instances=(
            _residual_claim(two_modes(), (truth, Integer(1)), "two coupled modes"),
            _simulable(),
            Claim(inference.clock.subs(Lambda, start), 0, name="tau = 0 at the bare scale: infinitely many data"),
            Claim(inference.rate, 0, ">", name="tau rises towards the infrared"),
        ),
        derivation=frame_derivation,
        simulated=(GridWitness(), PathsWitness(count=1)),
    )


def _simulable() -> Claim:
    """The same in the form of an evolution, so that it can be simulated; G = 1, Lambda_0 = 1."""
    flow = PolchinskiFlow(phi, Integer(1), rational_cutoff()(Rational(1), Lambda), Lambda, Integer(0))
    density = bayesian_inference(flow, Integer(1), tau).field_density(truth)
    return Claim(
        Lambda * Derivative(density, Lambda),
        explicit_right_side(flow, density, -Rational(1, 2)),
        conditions=(Lambda < 1,),
        name="one mode with a rational cutoff, in the field",
    )


def _metric() -> tuple[Statement, Statement]:
    inference = one_mode()
    flow = inference.flow
    two_point = polchinski().covariance[0]
    twice = (2 * flow.fokker_planck().diffusion[0]).subs(flow.time, -log(Lambda))
    return Statement(
        "(row 2)",
        "Two-point function and inverse Fisher metric",
        Claim(
            twice,
            two_point,
            name="(row 2)",
            printed=r"C \;\leftrightarrow\; \mathcal{I}^{ij}(\gamma_\tau)",
            source=f"{_SLIDE}: “the regularised 2pt fn. C”",
        ),
        "with D = I^-1/2 in the posterior's equation, twice the diffusion of the flow is the regulated two-point "
        "function K/G",
        mended=Claim(
            twice,
            Lambda * Derivative(two_point, Lambda),
            name="(row 2) with the derivative of the two-point function",
            printed=r"C_\Lambda^{Pol.} = \frac{d}{d\ln\Lambda} \frac{K_\Lambda}{G} \;\leftrightarrow\; "
            r"\mathcal{I}^{ij}(\gamma_\tau)",
        ),
        remark=r"It is the derivative $dC_\Lambda/d\ln\Lambda$ of that function: the $C^{Pol}$ of (11). Both sides carry "
        r"the factor $\frac12$ that (8) and (21) lack, so no further factor is needed.",
    ), Statement(
        "(row 2), derived",
        "The regulator is the inverse Fisher metric times the rate of the clock",
        Claim(twice, Lambda * Derivative(two_point, Lambda), name="in the field: 2 D = d C/d ln Lambda"),
        "2 D = dC/d ln Lambda in phi; in theta = phi/C it is I^-1 d tau/ds",
        instances=(
            Claim(
                twice * inference.frame[0] ** 2,
                inference.inverse_metric[0] * inference.rate,
                name="in theta: I^-1 d tau/d(-ln Lambda)",
            ),
            Claim(
                inference.model().fisher_metric()[0] * inference.inverse_metric[0],
                1,
                name="I is the Fisher metric of one datum of the model",
            ),
        ),
    )


def drifting(density: Expr, place: Symbol, metric: Expr, potential: Expr) -> Expr:
    """(d(C d P) + d(P C d V))/2 with derivatives unevaluated: the corrected (8)-(10) at a frozen scale."""
    return (
        Derivative(metric * density, (place, 2)) / 2
        - Derivative(diff(metric, place) * density, place) / 2
        + Derivative(density * metric * diff(potential, place), place) / 2
    )


@cache
def gaussian_case() -> tuple[Expr, Expr, Expr]:
    """(P_s, Phi, C): normal data of mean m and variance v as likelihood; C is the regulator at a frozen scale."""
    spread = variance * (1 - exp(-pace * s / variance))
    centre = mean + (truth - mean) * exp(-pace * s / (2 * variance))
    density = exp(-((phi - centre) ** 2) / (2 * spread)) / sqrt(2 * pi * spread)
    return density, -((phi - mean) ** 2) / (2 * variance), pace


@cache
def coin_case() -> tuple[Expr, Expr, Expr]:
    """(P_s, Phi, C): n heads and n tails of a coin of bias x as likelihood; C = 1 - x^2 is its inverse Fisher metric."""
    likelihood = (1 - bias**2) ** tosses
    norm = sqrt(pi) * gamma(tosses + 1) / gamma(tosses + Rational(3, 2))
    density = likelihood * (1 + tilt * bias * exp(-(tosses + 1) * s)) / norm
    return density, tosses * log(1 - bias**2), 1 - bias**2


_COIN = (bias > -1, bias < 1, tilt < 1)


def _potential() -> tuple[Statement, Statement]:
    density, likelihood, metric = gaussian_case()
    coin, of_coin, fisher = coin_case()
    inference = one_mode()
    potential = 2 * polchinski().free_action
    equation = inference.flow.fokker_planck()
    score = simplify((equation.drift[0] / equation.diffusion[0]).subs(equation.time, -log(Lambda)))
    return Statement(
        "(row 3)",
        "Potential and log-likelihood",
        Claim(
            Derivative(density, s),
            drifting(density, phi, metric, likelihood),
            name="(row 3)",
            printed=r"V \;\leftrightarrow\; \Phi(\gamma_\tau; y)",
            source=_SLIDE,
        ),
        r"with $V = \Phi$ the logarithm of a likelihood (of normal data, mean $m$, variance $v$), the flow (8)-(10) at a "
        r"frozen scale has the solution $P_s$ that starts at a point and settles in that likelihood",
        instances=(
            Claim(
                Derivative(coin, s),
                drifting(coin, bias, fisher, -of_coin),
                conditions=_COIN,
                name=r"a coin, neither Gaussian nor with a constant $C$: with $V = -\Phi$ the flow settles in the likelihood",
            ),
        ),
        mended=Claim(
            Derivative(density, s),
            drifting(density, phi, metric, -likelihood),
            name=r"(row 3) with $V = -\Phi$",
            printed=r"V \;\leftrightarrow\; -\Phi(\gamma_\tau; y)",
        ),
        remark=r"$V$ pushes downhill: the flow settles in $e^{-V}$, so $V = -\ln$ of the likelihood. Written with "
        r"$\Phi = -\ln p$, as the literature on inverse problems has it (Stuart, Acta Numerica 19 (2010) 451), the row "
        r"is right as printed. In the frame $\theta = C^{-1}\phi$ in which the flow is a posterior there is "
        r"no drift: the potential has become the motion of the frame.",
        simulated=(GridWitness(domain={"x": (-1, 1)}), PathsWitness(count=1)),
    ), Statement(
        "(row 3), derived",
        "The potential is minus the log-likelihood",
        Claim(diff(potential, phi), -score, name="V = - ln of the reference density, up to a constant"),
        r"$V = -\ln q$ with $q$ the density that the drift of (8)-(10) leaves alone at a frozen scale",
    )


def _scheme() -> tuple[Statement, Statement]:
    p, q = Function("p", positive=True)(phi), Function("q", positive=True)(phi)
    flow = WegnerMorrisFlow(phi, Lambda, -log(q) / 2, Lambda)
    sigma = -log(p) + log(q)
    rate = flow.fokker_planck().rhs(p).subs(flow.time, -log(Lambda))
    return Statement(
        "(row 4)",
        "Scheme function and log-likelihood ratio",
        Claim(
            rate,
            Derivative(p * Lambda * Derivative(log(q) - log(p), phi), phi) / 2,
            name="(row 4)",
            printed=r"\Sigma = S_q - S_p \;\leftrightarrow\; \Sigma = \Phi(u; y) - \Phi(\gamma_\tau; y)",
            source=_SLIDE,
        ),
        r"the flow is $\frac{1}{2} \partial(P C\, \partial\Sigma)$ with $\Sigma = S_q - S_p$, $S = -\ln$ of a density; read "
        r"with $\Sigma = \Phi(u; y) - \Phi(\gamma_\tau; y)$, $\Phi = \ln$ of a likelihood, $u$ standing for $q$ and "
        r"$\gamma_\tau$ for $p$, it is the same flow",
        instances=(
            Claim(
                rate,
                Derivative(p * Lambda * Derivative(-log(q) + log(p), phi), phi) / 2,
                name=r"with $\Sigma = S_q - S_p$ it is that flow, for any two densities",
            ),
            _relative_entropy(),
        ),
        mended=Claim(
            rate,
            Derivative(p * Lambda * Derivative(log(p) - log(q), phi), phi) / 2,
            name="the two are opposite",
            printed=r"\Sigma = S_q - S_p \;\leftrightarrow\; \Sigma = \Phi(\gamma_\tau; y) - \Phi(u; y)",
        ),
        remark=r"The sign is the one of row 3: with $\Phi = -\ln p$ both rows hold. With the sign as printed the relative "
        r"entropy of $p$ to $q$ would rise. Written with $S_p - S_q$ it is the "
        r"$\Sigma = S - 2\hat S$ of the Wegner-Morris flow.",
        simulated=(MonteCarloWitness(),),
    ), Statement(
        "(row 4), derived",
        "The flow is driven by the log-likelihood ratio",
        Claim(
            rate,
            -Derivative(p * Lambda * Derivative(sigma, phi), phi) / 2,
            name="d_s P = - d(P C d Sigma)/2 with Sigma = ln q - ln p",
        ),
        r"for any density $p$ and any reference $q = e^{-2\hat S}$, $\Sigma = S_p - S_q = \ln q - \ln p$",
        instances=_non_gaussian(),
    )


def _relative_entropy() -> Claim:
    """d/ds D(p || q) = - E[C (d Sigma)^2]/2 along the Gaussian flow: the log-likelihood ratio is what runs down."""
    density, likelihood, metric = gaussian_case()
    spread = variance * (1 - exp(-pace * s / variance))
    gap = (truth - mean) ** 2 * exp(-pace * s / variance)
    entropy = (spread / variance + gap / variance - 1 - log(spread / variance)) / 2
    ratio = diff(likelihood, phi) + (phi - mean - (truth - mean) * exp(-pace * s / (2 * variance))) / spread
    return Claim(
        Derivative(entropy, s),
        -Integral(density * metric * ratio**2, (phi, -oo, oo)) / 2,
        name=r"normal data: the relative entropy falls at the rate $\frac{1}{2} E[C (\partial\Sigma)^2]$",
    )


def _non_gaussian() -> tuple[Claim, ...]:
    """Waiting times: a flow with a regulator that depends on the field, to first order in tau."""
    found = renormalisation_flow(flat_waiting_times(), tau, space="observations")
    flow = found.flow
    equation = flow.fokker_planck()
    start_density = found.density.subs(flow.scale, 1)
    rate = -flow.scale * diff(found.density, flow.scale)
    return (
        Claim(
            simplify(rate / start_density),
            simplify(equation.rhs(start_density).subs(equation.time, 0) / start_density),
            name="waiting times: the predictive density obeys the flow with C = y^2, S_seed = ln y at tau = 0",
        ),
    )


@cache
def network() -> CosineNetwork:
    """The cosine network of a free scalar of mass m in three dimensions."""
    return CosineNetwork.free_scalar(Symbol("m", positive=True), 3)


@cache
def network_derivation() -> Derivation:
    """The two-point function of the network, frequency by frequency."""
    return network().derivation()


def _shells() -> Statement:
    found = network()
    width, noise, threshold = Symbol("N", positive=True), Symbol("s", positive=True), Symbol("epsilon", positive=True)
    _, information, shell, *averages = found.claims()
    boundary = found.momentum_cutoff(threshold, width, noise)
    return Statement(
        "(shells)",
        "The information shell is the momentum shell",
        Claim(
            information.lhs,
            information.rhs,
            name="(shells)",
            printed=r"\phi(x) = \frac{1}{\sqrt N} \sum_i a_i f(w_i) \cos(w_i \cdot x + b_i): \quad "
            r"\mathcal{I}(a_i) = \frac{f(w_i)^2}{2 N s} \propto \frac{1}{w_i^2 + m^2}, \qquad "
            r"\mathcal{I}(a_i) < \epsilon \;\Leftrightarrow\; |w_i| > \Lambda(\epsilon)",
            source="Howard, Klinger, Maiti, Stapleton, arXiv:2405.17538; derived here",
        ),
        r"the Fisher information of a readout weight $a_i$, for outputs of variance $s$ and averaged over inputs; the "
        r"amplitudes $f(w)^2 = 2 \mathrm{Vol}\, C(w^2) / ((2\pi)^d \sigma^2)$, $C = 1/(p^2 + m^2)$, make the two-point function "
        "that of a free scalar with a sharp cutoff, at every width",
        instances=(
            Claim(diff(information.rhs, MOMENTUM), 0, "<", name="it falls with the momentum"),
            Claim(
                found.information(width, noise, Symbol("k", positive=True)).subs(Symbol("k", positive=True), boundary),
                threshold,
                conditions=(threshold < found.information(width, noise, Integer(0)),),
                name=r"at $|w| = \Lambda(\epsilon)$ it is $\epsilon$",
            ),
            Claim(shell.lhs, shell.rhs, name="what one shell takes from the two-point function is the free scalar's"),
            *averages,
        ),
        derivation=network_derivation,
        remark="Here the two halves of the talk meet: to prune by Fisher information is to integrate out a momentum shell. It "
        "is exact in the two-point function at every width; a finite width shows in the connected four-point function, "
        r"which is of order $1/N$.",
    )


def measured() -> tuple[Sequence[Block], Sequence[Finding]]:
    """An ensemble of finite networks, before and after the weights with little information are left out."""
    import numpy as np

    from derivations.report.content import Finding, Table
    from numerics.cosine_ensemble import draw

    width, lower, upper = 40, Rational(3, 2), 4
    found = CosineNetwork.free_scalar(1, 1, upper)
    ensemble = draw(found, width, 6_000, seed=7)
    threshold = float(found.information(width, 1, lower))
    left = ensemble.above(threshold, np.random.default_rng(11).uniform(-150, 150, 128))
    rows, deviations = [], []
    for distance in (Rational(0), Rational(1, 2), Rational(1), Rational(2)):
        row = [f"{float(distance):g}"]
        for networks, cutoff in ((ensemble, Integer(upper)), (left, lower)):
            seen = networks.two_point([0], [float(distance)])
            expected = float(found.two_point(distance, cutoff).evalf(10))
            deviations.append(abs(seen.value - expected) / seen.error)
            row += [f"{expected:.4f}", f"{seen.value:.4f} ± {seen.error:.4f}"]
        rows.append(tuple(row))
    table = Table(
        ("distance", "free scalar, Λ = 4", "networks", "free scalar, Λ = 3/2", "networks, pruned"),
        tuple(rows),
        f"Two-point functions of 6000 cosine networks of width {width} in $d = 1$ with $m = 1$, and of the same networks without "
        r"the readout weights whose measured Fisher information is less than that at $|w| = 3/2$. The errors are standard "
        "errors over networks.",
    )
    answer = (
        "networks pruned by their measured Fisher information have the two-point function of the free scalar with the lower "
        f"momentum cutoff; the largest of {len(deviations)} deviations is {max(deviations):.1f} standard errors"
    )
    return (table,), (Finding("Is an information shell a momentum shell?", answer, "equation-shells"),)


@cache
def statements() -> tuple[Statement, ...]:
    """The four rows, each as printed and as derived; and the network in which both halves meet."""
    return (*_scale(), *_metric(), *_potential(), *_scheme(), _shells())


@cache
def derivations() -> tuple[Derivation, ...]:
    """The derivations of this chapter."""
    return frame_derivation(), network_derivation()


def __getattr__(name: str) -> Mapping[str, Any]:
    if name == "equations":
        return {s.number.replace("(", "").replace(")", ""): s for s in statements()}
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
