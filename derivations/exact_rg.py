r"""Exact renormalisation as diffusion: equations (4) to (11), checked on a field with finitely many modes.

One mode carries all of the structure, since (8)-(11) are diagonal in momentum; two coupled modes stand beside it. The
powers of $2\pi$ of momentum space are absorbed in the modes' normalisation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
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
    cos,
    diff,
    erf,
    exp,
    eye,
    factor,
    log,
    oo,
    pi,
    sqrt,
    symbols,
)

from derivations.statement import TALK, Statement
from numerics.evolution_witnesses import GridWitness, PathsWitness
from numerics.monte_carlo import MonteCarloWitness
from symrg.correspondence import bayesian_inference
from symrg.derivation import Derivation
from symrg.erg import PolchinskiFlow, TransportFlow, free_relative_entropy, rational_cutoff, relative_entropy_rate
from symrg.erg.functional_statements import FunctionalStatement
from symrg.verification import Claim

if TYPE_CHECKING:
    from derivations.report.content import Block, Finding

title = "Exact renormalisation as diffusion"
numbers = (
    "(4)",
    "(5)",
    "(6)",
    "(6), derived",
    "(7)",
    "(7), text",
    "(8)-(10)",
    "(8)-(10), derived",
    "(11)",
    "(transport)",
)

phi, phi_1, phi_2 = symbols("phi phi_1 phi_2", real=True)
G, K, Lambda, g, start = symbols("G K Lambda g Lambda_0", positive=True)
field_above, at_start, depth, wave = symbols("phi phi_0 a k", positive=True)
cutoff = Function("K", positive=True)(Lambda)
interaction = Function("S", real=True)(phi)


@cache
def one_mode() -> PolchinskiFlow:
    """Any kernel, any cutoff function, any interaction, on one mode."""
    return PolchinskiFlow(phi, G, cutoff, Lambda, interaction)


@cache
def two_modes() -> PolchinskiFlow:
    """Two coupled modes with a rational cutoff and a quartic interaction."""
    kernel = Matrix([[2, Rational(1, 3)], [Rational(1, 3), 1]])
    quartic = g * (phi_1 + phi_2) ** 4 + phi_1 * phi_2**2
    return PolchinskiFlow((phi_1, phi_2), kernel, rational_cutoff()(Rational(1), Lambda), Lambda, quartic)


@cache
def three_momenta() -> PolchinskiFlow:
    """p = 0 and a pair p, -p (its real and imaginary part), for any cutoff function and any interaction."""
    modes = symbols("phi_0 phi_1 phi_2", real=True)
    kernel = (Symbol("G_0", positive=True), G, G)
    cutoffs = (Function("K_0", positive=True)(Lambda), cutoff, cutoff)
    return PolchinskiFlow(modes, kernel, cutoffs, Lambda, Function("S", real=True)(*modes))


@cache
def functional_forms() -> Mapping[str, FunctionalStatement]:
    """The statements of Polchinski's scheme in momentum space, with the factors that the machine finds, by name."""
    return {statement.name: statement for statement in three_momenta().functional("momentum")}


def on_modes(name: str, label: str = "", source: str | None = None) -> Claim:
    """A functional statement on `three_momenta`; it prints itself with functional derivatives."""
    return replace(functional_forms()[name].claim(pairs=((1, 2),)), name=label or name, source=source)


def density_flow(flow: PolchinskiFlow) -> tuple[Expr, Expr]:
    """P = exp(-S_0 - S_int) at one scale, and its derivative by ln Lambda as the derived flow of S_int gives it."""
    density = exp(-flow.free_action - flow.interaction)
    rate = -density * (Lambda * diff(flow.free_action, Lambda) + flow.action_flow())
    return density, rate


def printed_right_side(flow: PolchinskiFlow, diffusion: Expr, drift: Expr) -> Expr:
    """`diffusion` C d d P + `drift` d(P C d V) with C and V of (11)."""
    density, _ = density_flow(flow)
    form = flow.printed_form()
    terms = []
    for i, x in enumerate(flow.modes):
        for j, z in enumerate(flow.modes):
            c = form.regulator[i, j]
            terms.append(diffusion * c * Derivative(density, x, z))
            terms.append(drift * Derivative(density * c * diff(form.potential, z), x))
    return Add(*terms)


@cache
def flow_derivation() -> Derivation:
    """From the conserved partition function to the Fokker-Planck equation of one mode."""
    flow = one_mode()
    density, rate = density_flow(flow)
    form = flow.printed_form()
    velocity = flow.derived()
    slope = velocity.potential[0] * diff(interaction, phi) + velocity.linear[0] * phi
    flux = density * slope
    right = form.diffusion_factor * form.regulator[0] * diff(density, phi, 2) + form.drift_factor * diff(
        density * form.regulator[0] * diff(form.potential, phi), phi
    )
    return (
        Derivation("Polchinski's flow as a Fokker-Planck equation", rate, notation=r"\frac{d P_\Lambda}{d \ln\Lambda}")
        .step(diff(flux, phi), "it is a divergence, so (6) holds where the flux vanishes at infinity")
        .step(right, "written with the $C$ and $V$ of (11)")
    )


def _talk(equation: str, slide: int) -> str:
    return f"{TALK}, slide {slide}, equation {equation}"


def _weight() -> Statement:
    action = Function("S", real=True)(phi)
    weight = Function("P", positive=True)(phi)
    return Statement(
        "(4)",
        "A field theory as a probability distribution",
        Claim(
            weight,
            exp(-action),
            ":=",
            name="(4)",
            printed=r"\hat{P}_\Lambda[\Phi] = e^{-S_\Lambda[\Phi|\lambda]}",
            source=_talk("(4)", 7),
            consequences=(
                Claim(-log(weight), action, name="the action is minus the logarithm of the weight"),
                Claim(
                    -diff(log(weight), phi) * weight, weight * diff(action, phi), name="its score is minus the force"
                ),
            ),
        ),
        r"a definition of the action $S = -\ln P$, up to the normalisation of $P$",
    )


def _flow() -> Statement:
    return Statement(
        "(5)",
        "A flow on the space of distributions",
        Claim(
            Symbol("P_Lambda"),
            Symbol("F"),
            "~",
            name="(5)",
            printed=r"-\frac{d}{d \ln \Lambda} P_\Lambda = \mathcal{F}[P_\Lambda]",
            source=_talk("(5)", 7),
            missing=r"$\mathcal{F}$ is left open. With (6) it must be the divergence of a current that vanishes at infinity; with "
            "Polchinski's scheme it is minus the right side of (8)-(10) in their corrected form, whose diffusion is then "
            r"positive: the flow runs towards the infrared, $d/d(-\ln\Lambda)$.",
        ),
        r"schematic: it names the generator $\mathcal{F}$ of a flow to lower scales without saying what it is",
    )


def _conservation() -> Statement:
    flow = PolchinskiFlow(phi, G, rational_cutoff()(Rational(1), Lambda), Lambda)
    action = flow.gaussian_interaction(g, start)
    whole = flow.free_action + action
    curvature = factor(diff(whole, phi, 2))
    density = exp(-curvature * phi**2 / 2) * exp(-whole.subs(phi, 0))
    initial = flow.covariance[0].subs(Lambda, start)
    total = sqrt(2 * pi / (1 / initial + g))
    return Statement(
        "(6)",
        "The partition function is preserved",
        Claim(
            Integral(density, (phi, -oo, oo)),
            total,
            conditions=(Lambda < start,),
            name="(6)",
            printed=r"\frac{d}{d \ln \Lambda} \int_{\mathcal{F}} \mathcal{D}\phi \ P_\Lambda[\phi] = 0",
            source=_talk("(6)", 8),
        ),
        r"a principle; read here as: with the flow of $S_{int}$ derived from it, the integral of $P_\Lambda$ of an interacting "
        "Gaussian theory is the same at every scale below the one where it starts",
        instances=_absorbed(),
        derivation=flow_derivation,
        remark="It needs a current that vanishes at the edge of field space. With an absorbing wall at $\\phi = 0$ the same "
        r"equation loses probability: of a field that starts at $\phi_0$ at $\Lambda_0$ there is "
        r"left $Z_\Lambda = \mathrm{erf}(\theta_0/\sqrt{2\tau})$, $\theta_0 = \phi_0/C_{\Lambda_0}$, "
        r"$\tau = C_\Lambda^{-1} - C_{\Lambda_0}^{-1}$, and $dZ_\Lambda/d\ln\Lambda$ is the current through the wall.",
        simulated=(MonteCarloWitness(), GridWitness(boundary={field_above: ("absorbing", "reflecting")})),
    )


@cache
def absorbed() -> tuple[Expr, Expr]:
    """(P_Lambda, its integral) of one mode at phi_0 > 0 for Lambda = 1 and absorbed at phi = 0, by reflection."""
    flow = walled()
    inference = bayesian_inference(flow, 1)
    theta = at_start / flow.covariance[0].subs(Lambda, 1)
    density = inference.field_density(theta) - inference.field_density(-theta)
    return density, erf(theta / sqrt(2 * inference.covariance[0]))


@cache
def walled() -> PolchinskiFlow:
    """The flow of one mode, free and with a rational cutoff, for positive fields; G = 1."""
    return PolchinskiFlow(field_above, Integer(1), rational_cutoff()(Rational(1), Lambda), Lambda, Integer(0))


def _absorbed() -> tuple[Claim, ...]:
    """A flow of (8)-(10) for which (6) fails: an absorbing wall in field space."""
    flow = walled()
    density, left = absorbed()
    regulator = flow.printed_form().regulator[0]
    current = regulator * diff(density, field_above).subs(field_above, 0) / 2
    before = (Lambda < 1,)
    return (
        Claim(
            Lambda * Derivative(density, Lambda),
            explicit_right_side(flow, density, -Rational(1, 2)),
            conditions=before,
            name="with a wall at $\\phi = 0$ that absorbs, a solution of the corrected (8)-(10) is known",
        ),
        Claim(density.subs(field_above, 0), 0, conditions=before, name="it vanishes at the wall"),
        Claim(
            Integral(density, (field_above, 0, oo)),
            left,
            conditions=before,
            name=r"what is left of its integral falls with $\Lambda$: there (6) fails",
        ),
        Claim(
            Lambda * Derivative(left, Lambda),
            current,
            conditions=before,
            name="at a rate that is the current through the wall",
        ),
    )


def _interaction_flow() -> Statement:
    return Statement(
        "(6), derived",
        "The flow of the interaction that (6) requires",
        on_modes(
            "flow of the interaction",
            "flow of the interaction",
            "derived here; Polchinski, Nucl. Phys. B 231 (1984) 269",
        ),
        r"with $C_\Lambda = K_\Lambda/G$ and $\dot C_\Lambda = dC_\Lambda/d\ln\Lambda$; the flow is solved for from (6) on "
        r"finitely many modes, here $p = 0$ and one pair $p, -p$ with any cutoff function and any interaction, and the "
        "factors of this form are solved for on one mode",
        instances=(on_modes("(6), as a divergence", "so that $P$ flows by a divergence"),),
        remark="The last term is free of the field: it keeps the partition function itself, and not only its ratio to the "
        r"free one. $(2\pi)^d \delta^d(0)$ is the volume, and each $\delta/\delta\phi(p)$ brings a factor $(2\pi)^{-d}$.",
    )


def _scheme() -> Statement:
    weight = exp(-(phi**2) * G / (2 * K))
    norm = Integral(weight, (phi, -oo, oo))
    return Statement(
        "(7)",
        "Polchinski's scheme",
        Claim(
            Function("P", positive=True)(phi),
            exp(-(phi**2) * G / (2 * K)) * exp(-interaction),
            ":=",
            name="(7)",
            printed=r"P_\Lambda[\phi] \propto e^{-\frac{1}{2} \int \frac{d^d p}{(2\pi)^d} \phi(p) G(p^2) K_\Lambda^{-1}(p^2) "
            r"\phi(-p)} e^{-S_{int,\Lambda}[\phi]}",
            source=_talk("(7)", 8),
            consequences=(
                Claim(
                    Integral(phi**2 * weight, (phi, -oo, oo)) / norm,
                    K / G,
                    name="the two-point function of the free theory is $K/G$",
                ),
            ),
        ),
        r"a definition: a Gaussian weight with the regulated two-point function $K_\Lambda / G$, times the interaction",
        simulated=(MonteCarloWitness(),),
    )


def _propagator() -> Statement:
    weight = exp(-(phi**2) * G / 2)
    return Statement(
        "(7), text",
        "Which of G and its inverse is the propagator",
        Claim(
            Integral(phi**2 * weight, (phi, -oo, oo)) / Integral(weight, (phi, -oo, oo)),
            G,
            name="propagator",
            printed=r"\langle \phi(p)\, \phi(-p) \rangle = G(p^2)",
            source=f"{TALK}, slide 9: “a free field theory with propagator G(p²)”",
        ),
        "the free theory without cutoff ($K = 1$) has the two-point function $G$",
        mended=Claim(
            Integral(phi**2 * weight, (phi, -oo, oo)) / Integral(weight, (phi, -oo, oo)),
            1 / G,
            name="the two-point function is the inverse of $G$",
            printed=r"\langle \phi(p)\, \phi(-p) \rangle = G(p^2)^{-1}",
        ),
        remark=r"In (7) $G$ multiplies $\phi\phi$ in the action: it is the inverse propagator, $p^2 + m^2$ for a free scalar.",
        simulated=(MonteCarloWitness(),),
    )


def _fokker_planck() -> Statement:
    flow = one_mode()
    _, rate = density_flow(flow)
    pair = two_modes()
    _, pair_rate = density_flow(pair)
    half = -Rational(1, 2)
    return Statement(
        "(8)-(10)",
        "The flow as a Fokker-Planck equation",
        Claim(
            rate,
            printed_right_side(flow, Rational(1), Rational(1)),
            name="(8)-(10)",
            printed=r"\frac{d}{d \ln \Lambda} P_\Lambda[\phi] = \int_{M \times M} d^d x d^d y \left\{ C_\Lambda^{Pol.}(x, y) "
            r"\frac{\delta^2 P_\Lambda[\phi]}{\delta \phi(x) \delta \phi(y)} + \frac{\delta}{\delta \phi(x)} \left( "
            r"P_\Lambda[\phi] C_\Lambda^{Pol.}(x, y) \frac{\delta V_\Lambda^{Pol.}[\phi]}{\delta \phi(y)} \right) \right\}"
            r" \equiv \Delta P_\Lambda[\phi] + \operatorname{div} \left( P_\Lambda[\phi] "
            r"\operatorname{grad}_{C_\Lambda^{Pol.}} V_\Lambda^{Pol.}[\phi] \right)",
            source=_talk("(8)-(10)", 10),
        ),
        r"with $C$ and $V$ of (11) and the flow of $S_{int}$ that (6) demands, for any kernel, cutoff function and interaction, "
        "mode by mode",
        derivation=flow_derivation,
        remark=r"Both terms need the factor $-\frac{1}{2}$: $-\frac{d P_\Lambda}{d\ln\Lambda} = \frac{1}{2} \Delta P_\Lambda + "
        r"\frac{1}{2} \mathrm{div}(P_\Lambda\, \mathrm{grad}\, V)$. The sign is that of (5), the half that of the action: "
        r"$V = 2 S_0$ as (11) prints it. The same is said by $C \to -\frac{1}{2} C$ in (11).",
        instances=(
            Claim(
                pair_rate,
                printed_right_side(pair, half, half),
                name="two coupled modes with a quartic interaction, with the factors found",
            ),
            *_integrated_out(),
        ),
        simulated=(MonteCarloWitness(), GridWitness(), PathsWitness(count=1)),
        mended=Claim(
            rate,
            printed_right_side(flow, half, half),
            name="any kernel, cutoff function and interaction",
            printed=r"-\frac{d}{d \ln \Lambda} P_\Lambda[\phi] = \frac{1}{2} \Delta P_\Lambda[\phi] + \frac{1}{2} "
            r"\operatorname{div} \left( P_\Lambda[\phi] \operatorname{grad}_{C_\Lambda^{Pol.}} V_\Lambda^{Pol.}[\phi] \right)",
        ),
    )


def _functional_flow() -> Statement:
    return Statement(
        "(8)-(10), derived",
        "The Fokker-Planck equation with functional derivatives",
        on_modes("(8)-(10)", "(8)-(10), derived", "derived here"),
        r"with the $C_\Lambda^{Pol.}$ and $V_\Lambda^{Pol.}$ of (11) and its powers of $2\pi$, on the modes $p = 0$ and one "
        "pair $p, -p$, for any kernel, cutoff function and interaction",
        instances=(
            on_modes("(11), regulator", "the regulator, at each momentum"),
            on_modes("(11), potential", "the potential"),
        ),
        remark=r"The $(2\pi)^d$ of (11) is right for this measure $d^d p$, in which no $(2\pi)^{-d}$ stands.",
    )


@cache
def transport_derivation() -> Derivation:
    """From the Fokker-Planck equation of one mode to the gradient of a relative entropy."""
    return TransportFlow(one_mode()).derivation()


def _transport() -> Statement:
    reading = TransportFlow(one_mode())
    density = Function("P", positive=True)(phi)
    right = reading.flow.fokker_planck().rhs(density).subs(reading.flow.time, -log(Lambda)).doit()
    flow = PolchinskiFlow(phi, G, rational_cutoff()(Rational(1), Lambda), Lambda)
    entropy = free_relative_entropy(flow, g, start)
    rate = relative_entropy_rate(flow, g, start)
    before = (Lambda < start,)
    return Statement(
        "(transport)",
        "The flow as the steepest descent of a relative entropy",
        Claim(
            right,
            reading.descent(density),
            name="(transport)",
            printed=r"-\frac{d P_\Lambda}{d \ln\Lambda} = \operatorname{div} \left( P_\Lambda\, \tfrac{1}{2} "
            r"C_\Lambda^{Pol.} \operatorname{grad} \frac{\delta}{\delta P_\Lambda} D_{KL}(P_\Lambda \parallel Q_\Lambda) "
            r"\right), \quad Q_\Lambda = e^{-V_\Lambda^{Pol.}} / Z_\Lambda",
            source="Cotler, Rezchikov, arXiv:2202.11737, section 3; Jordan, Kinderlehrer, Otto (1998)",
        ),
        r"the right side is $\frac{1}{2} \Delta P + \frac{1}{2} \mathrm{div}(P\, \mathrm{grad}\, V)$ for every density "
        r"$P$; $\frac{1}{2} C$ is the mobility of the Wasserstein metric, and the reference $Q_\Lambda$ moves with the scale",
        instances=(
            Claim(
                -Lambda * Derivative(entropy, Lambda),
                rate,
                conditions=before,
                name=r"$D_{KL}(P_\Lambda \parallel P_{free})$ in closed form, for $S_{int} = g \phi^2/2$ at $\Lambda_0$: its rate "
                r"is $-\frac{1}{2} E[C\, (\partial \ln P/P_{free})^2]$",
            ),
            Claim(rate, 0, "<", conditions=before, name="so that it falls towards the infrared"),
        ),
        derivation=transport_derivation,
        remark=r"The monotone is the relative entropy to the free theory $e^{-S_0}$, which solves the flow too: the reference "
        r"$Q_\Lambda$ moves, and $D_{KL}(P_\Lambda \parallel Q_\Lambda)$ alone need not fall.",
    )


def integrated_out(flow: PolchinskiFlow, weight: Expr) -> Expr:
    """P_Lambda with the modes between the scales integrated out, whatever flow equation that obeys.

    e^{-S_int} at Lambda is the mean of its bare value over a Gaussian field of covariance C_0 - C (Wilson 1971); here it is
    given in closed form. Nothing of (6)-(10), nor of the flow that is derived from (6), goes in.
    """
    inverse = flow.covariance.inv()
    modes = Matrix(flow.modes)
    return exp(-(modes.T * inverse * modes)[0] / 2) * weight / sqrt(flow.covariance.det())


def lost_covariance(flow: PolchinskiFlow) -> Matrix:
    """C_0 - C: of the modes between Lambda_0 = 1 and Lambda."""
    return Matrix(flow.covariance.subs(Lambda, 1) - flow.covariance)


def gaussian_average(flow: PolchinskiFlow, coupling: Matrix) -> Expr:
    """The mean of exp(-(phi + chi) g (phi + chi)/2) over chi: a Gaussian integral."""
    modes = Matrix(flow.modes)
    spread = eye(len(modes)) + coupling * lost_covariance(flow)
    return exp(-(modes.T * spread.inv() * coupling * modes)[0] / 2) / sqrt(spread.det())


def periodic_average(flow: PolchinskiFlow, wave: Sequence[Expr]) -> Expr:
    """The mean of 1 + a cos(k (phi + chi)) over chi: an interaction -ln(1 + a cos k phi), periodic and not Gaussian."""
    k = Matrix(wave)
    fall = exp(-(k.T * lost_covariance(flow) * k)[0] / 2)
    return 1 + depth * cos((k.T * Matrix(flow.modes))[0]) * fall


def explicit_right_side(flow: PolchinskiFlow, density: Expr, factor: Expr) -> Expr:
    """`factor` (C d d P + d(P C d V)) with C and V of (11), for any density, derivatives unevaluated."""
    form = flow.printed_form()
    terms = []
    for i, x in enumerate(flow.modes):
        for j, z in enumerate(flow.modes):
            c = form.regulator[i, j]
            if c != 0:
                terms.append(factor * c * Derivative(density, x, z))
                terms.append(factor * Derivative(density * c * diff(form.potential, z), x))
    return Add(*terms)


def _integrated_out() -> tuple[Claim, ...]:
    """(8)-(10) with the factors found, for densities that come from integrating modes out and not from the flow."""
    half, before = -Rational(1, 2), (Lambda < 1, depth < 1)
    one = PolchinskiFlow(phi, G, rational_cutoff()(Rational(1), Lambda), Lambda, Integer(0))
    ladder = [rational_cutoff()(Rational(n), Lambda) for n in (1, 4)]
    two = PolchinskiFlow((phi_1, phi_2), Matrix([[2, 0], [0, 5]]), ladder, Lambda, Integer(0))
    coupling = Matrix([[1, Rational(1, 2)], [Rational(1, 2), 1]])
    cases = (
        (one, periodic_average(one, (wave,)), "a periodic interaction, integrated out in closed form"),
        (two, gaussian_average(two, coupling), "two momenta coupled quadratically, integrated out in closed form"),
        (two, periodic_average(two, (Integer(1), Integer(2))), "two momenta coupled by a periodic interaction"),
    )
    chi, v = symbols("chi", real=True), symbols("v", positive=True)
    gaussian = exp(-(chi**2) / (2 * v)) / sqrt(2 * pi * v)
    average = Claim(
        Integral(gaussian * (1 + depth * cos(wave * (phi + chi))), (chi, -oo, oo)),
        1 + depth * cos(wave * phi) * exp(-(wave**2) * v / 2),
        name="the mean of the periodic weight over the field that is integrated out",
    )
    densities = [(flow, integrated_out(flow, weight), name) for flow, weight, name in cases]
    return (
        average,
        *(
            Claim(Lambda * Derivative(p, Lambda), explicit_right_side(flow, p, half), conditions=before, name=name)
            for flow, p, name in densities
        ),
    )


def _data() -> Statement:
    flow = one_mode()
    form = flow.printed_form()
    return Statement(
        "(11)",
        "The regulator and the potential",
        Claim(
            Symbol("C^Pol"),
            form.regulator[0],
            ":=",
            name="(11)",
            printed=r"C_\Lambda^{Pol.}(p^2) = (2\pi)^d G(p^2)^{-1} \frac{\partial K_\Lambda(p^2)}{\partial \ln \Lambda}; \quad "
            r"V_\Lambda^{Pol.}[\phi] = \int \frac{d^d p}{(2\pi)^d} \phi(p) G(p^2) K_\Lambda^{-1}(p^2) \phi(-p)",
            source=_talk("(11)", 10),
            consequences=(
                Claim(
                    form.regulator[0],
                    Lambda * Derivative(cutoff / G, Lambda),
                    name="$C$ is the flow of the two-point function",
                ),
                Claim(form.potential, 2 * flow.free_action, name="$V$ is twice the free action"),
            ),
        ),
        "definitions of $C$ and $V$; $V$ has no factor 1/2, so that $V = 2 S_0$",
    )


@cache
def statements() -> tuple[Statement, ...]:
    """(4) to (11), with the sentence on the propagator, the corrected flow, its functional form and its descent."""
    return (
        _weight(),
        _flow(),
        _conservation(),
        _interaction_flow(),
        _scheme(),
        _propagator(),
        _fokker_planck(),
        _functional_flow(),
        _data(),
        _transport(),
    )


@cache
def derivations() -> tuple[Derivation, ...]:
    """The derivations of this chapter."""
    return flow_derivation(), transport_derivation(), entropy_balance()


@cache
def entropy_balance() -> Derivation:
    """What the relative entropy of two solutions loses: a square, up to a divergence."""
    return TransportFlow(one_mode()).entropy_balance()


def measured() -> tuple[Sequence[Block], Sequence[Finding]]:
    """The partition function between walls in field space, and the relative entropy of a quartic theory."""
    walls, found = _between_walls()
    entropy, fall = _quartic_entropy()
    return (walls, entropy), (found, fall)


def _quartic_entropy() -> tuple[Block, Finding]:
    """The relative entropy to the free theory along an interacting flow, by quadrature with error bars."""
    from derivations.report.content import Finding, Table
    from numerics.exact_flow import ExactFlow, entropy_table, monotone

    flow = PolchinskiFlow(phi, Integer(2), rational_cutoff()(Rational(1), Lambda), Lambda, phi**4 / 2 - phi**2)
    rows = entropy_table(ExactFlow(flow, 3), (3, 2, Rational(7, 5), 1, Rational(7, 10), Rational(1, 2)))
    table = Table(
        ("scale", "relative entropy", "error", "rate of loss"),
        tuple((f"{r.scale:g}", f"{r.value:.10f}", f"{r.error:.0e}", f"{r.dissipation:.6f}") for r in rows),
        r"$D_{KL}(P_\Lambda \parallel P_{free})$ of one mode with $S_{int} = \phi^4/2 - \phi^2$ at $\Lambda_0 = 3$ ($G = 2$, a "
        r"rational cutoff), by quadrature of the exact flow, and its loss per unit of $-\ln\Lambda$: "
        r"$\frac{1}{2} E[C\, (\partial \ln P/P_{free})^2]$.",
    )
    answer = (
        f"it {monotone(rows)} from {rows[0].value:.4f} at $\\Lambda = 3$ to {rows[-1].value:.1e} at $\\Lambda = 1/2$, at "
        "every step beyond the error bars"
        if monotone(rows) == "falls"
        else f"over these scales its trend is: {monotone(rows)}"
    )
    return table, Finding("The relative entropy along the flow of a double well", answer, "equation-transport")


def _between_walls() -> tuple[Block, Finding]:
    """What walls in field space leave of the partition function, scale by scale: computed on a grid, and exact."""
    import numerics
    from derivations.report.content import Finding, Table

    flow = walled()
    density, left = absorbed()
    first, scales, begin, walls = (
        Rational(4, 5),
        (0.7, 0.6, 0.5, 0.4, 0.3),
        Rational(1, 4),
        (Rational(4), Rational(1, 2)),
    )
    equation = flow.fokker_planck()
    at = {at_start: begin}
    initial = density.subs(at).subs(Lambda, first)
    times = [-float(log(v)) for v in scales]
    kept = []
    for wall, far in zip(walls, ("reflecting", "absorbing")):
        found = numerics.solve(
            equation,
            {field_above: (0, float(wall))},
            (400,),
            initial,
            times,
            start=-float(log(first)),
            boundary={field_above: ("absorbing", far)},
            tolerance=1e-6,
            progress=False,
        )
        volume = float(wall) / 400
        kept.append([float(p.sum()) * volume for p in found.values])
    exact = [float(left.subs(at).subs(Lambda, v)) for v in scales]
    table = Table(
        ("scale", "one wall, exact", "one wall, on a grid", "walls on both sides, on a grid"),
        tuple((f"{v:g}", f"{z:.5f}", f"{one:.5f}", f"{two:.5f}") for v, z, one, two in zip(scales, exact, *kept)),
        r"What is left of $\int d\phi\, P_\Lambda$ when $\phi = 0$ absorbs (a field that starts at $\phi_0 = 1/4$ for "
        r"$\Lambda_0 = 1$; $G = 1$, a rational cutoff), and when $\phi = 1/2$ does so too, from $\Lambda = 0.8$ on: (6) fails.",
    )
    worst = max(abs(a - b) for a, b in zip(exact, kept[0]))
    answer = f"at $\\Lambda = 0.3$ a wall at $\\phi = 0$ has left {exact[-1]:.3f} of it; grid and closed form differ by {worst:.0e}"
    return table, Finding("The partition function with a wall in field space", answer, "equation-6")


def __getattr__(name: str) -> Mapping[str, Any]:
    if name == "equations":
        return {s.number.replace("(", "").replace(")", ""): s for s in statements()}
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
