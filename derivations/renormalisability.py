"""Renormalisability as finitely many connected moments, and a flow that has a fixed point.

The talk's sentence is schematic. Read as "finitely many connected moments are not zero" it leaves normal laws alone
(Marcinkiewicz 1939); read as "fixed by finitely many connected moments within a class" it is model selection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from sympy import Function, I, Integral, Rational, Symbol, diff, exp, expand, gamma, oo, sqrt, symbols

from derivations.statement import TALK, Statement
from symrg.cumulants import cumulants_from_moments
from symrg.derivation import Derivation
from symrg.erg import PolchinskiFlow
from symrg.verification import Claim

if TYPE_CHECKING:
    from derivations.report.content import Block, Finding

title = "Renormalisability and connected moments"
numbers = ("(moments)", "(moments), derived", "(operators)")

phi, t, x = symbols("phi t x", real=True)
a, b, g, s, G, Lambda = symbols("a b g s G Lambda", positive=True)


def _claimed() -> Statement:
    return Statement(
        "(moments)",
        "Renormalisable: specified by finitely many connected moments",
        Claim(
            Symbol("p"),
            Symbol("kappa"),
            "~",
            name="(moments)",
            printed=r"p \;\leftrightarrow\; (\kappa_1, \ldots, \kappa_N), \quad N < \infty",
            source=f"{TALK}, slide 20: “whether a probability distribution can be specified with only a finite number of "
            "connected moments”",
            missing="'Specified' has two readings. If the other connected moments are to vanish, only normal laws are left. "
            "If the distribution is to be fixed by N of them within a class, as a maximum of the entropy or as a bare action "
            "with N couplings, the class is the model that was selected, and all its connected moments may differ from "
            "zero.",
        ),
        "schematic: it does not say in which class the moments specify the distribution",
    )


def _marcinkiewicz() -> Statement:
    quartic = a * t**2 / 2 + b * t**4 / 24
    negative = a * t**2 / 2 - b * t**4 / 24
    cubic = a * t**2 / 2 + b * t**3 / 6
    moments = [2 ** Rational(n, 2) * gamma(Rational(n + 1, 4)) / gamma(Rational(1, 4)) for n in (2, 4)]
    fourth = cumulants_from_moments([0, moments[0], 0, moments[1]])[3]
    return Statement(
        "(moments), derived",
        "No distribution has a last connected moment beyond the second",
        Claim(
            diff(cubic, t, 2).subs(t, -a / b * (1 + s)),
            0,
            "<",
            name="kappa_3 last, t = -(1 + s) a/b: the tilted law exp(t x) p would have a negative variance",
            source="Marcinkiewicz, Math. Z. 44 (1939) 612; Lukacs, Characteristic Functions, theorem 7.3.3",
        ),
        "with K(t) = ln E[exp(t x)]: K'' is a variance and so positive, and |E[exp(i t x)]| is at most 1; a polynomial "
        "of degree 3 or 4 breaks one of the two",
        instances=(
            Claim(
                expand(quartic.subs(t, I * sqrt(12 * a * (1 + s) / b))),
                0,
                ">",
                name="kappa_4 > 0 last: the characteristic function exceeds 1 at t^2 = 12 (1 + s) a/b",
            ),
            Claim(
                expand(diff(negative, t, 2).subs(t, sqrt(2 * a * (1 + s) / b))),
                0,
                "<",
                name="kappa_4 < 0 last: negative variance at t^2 = 2 (1 + s) a/b",
            ),
            Claim(
                Integral(x**2 * exp(-(x**4) / 4), (x, -oo, oo)) / Integral(exp(-(x**4) / 4), (x, -oo, oo)),
                moments[0],
                name="exp(-x^4/4), which one coupling specifies: its second moment",
            ),
            Claim(
                fourth, 0, "<", name="and its fourth connected moment, which is not zero: so there are infinitely many"
            ),
        ),
        remark=r"For any degree above 2 see the source. A quartic weight has one coupling and infinitely many connected "
        r"moments: the number of couplings is what can be finite.",
    )


def _operators() -> Statement:
    cutoff = Function("K", positive=True)(Lambda)
    flow = PolchinskiFlow(phi, G, cutoff, Lambda)
    rate = flow.action_flow(g * phi**4 / 24)
    return Statement(
        "(operators)",
        "One scale lower, every operator is there",
        Claim(
            diff(rate, phi, 6) / 720,
            Lambda * diff(cutoff, Lambda) / G * g**2 / 72,
            name="a quartic action makes a phi^6 at once",
            source="Polchinski, Nucl. Phys. B 231 (1984) 269",
        ),
        "the flow of S = g phi^4 / 24 has the phi^6 coefficient Cdot g^2 / 72, for any cutoff",
        instances=(
            Claim(diff(flow.action_flow(g * phi**2 / 2), phi, 3), 0, name="a quadratic action stays quadratic"),
        ),
        remark="Renormalisability is not that the flow keeps finitely many couplings, but that in the infrared all of them "
        "are functions of the few relevant ones.",
    )


@cache
def statements() -> tuple[Statement, ...]:
    """The talk's sentence, and what can be proved about it."""
    return _claimed(), _marcinkiewicz(), _operators()


@cache
def derivations() -> tuple[Derivation, ...]:
    """None: the statements stand by themselves."""
    return ()


def measured() -> tuple[Sequence[Block], Sequence[Finding]]:
    """The fixed point of the local potential approximation: one relevant direction, so one parameter to tune."""
    import numpy as np
    from matplotlib.figure import Figure as Canvas

    from derivations.report.content import Figure, Finding, Table
    from numerics.fixed_point import fixed_point
    from symrg.erg.local_potential import litim_flow
    from symrg.lambdified import lambdified

    found = {n: fixed_point(litim_flow(n, 3), digits=10) for n in (1, 2, 3, 4, oo)}
    table = Table(
        ("N", "nu", "omega", "y_1", "y_2", "nodes"),
        tuple(
            (
                "infinity" if n is oo else n,
                f"{float(f.nu):.10f}",
                f"{float(f.omega):.10f}",
                f"{float(f.exponents[0]):.6f}",
                f"{float(f.exponents[1]):.6f}",
                f.grid.nodes,
            )
            for n, f in found.items()
        ),
        "Exponents of the Wilson-Fisher fixed point in d = 3, optimised cutoff: exact of the local potential "
        "approximation, not of nature (for N = 1 there nu = 0.62997).",
    )
    ising = found[1]
    steps = Table(
        ("nodes", "reach", "nu", "omega", "change"),
        tuple(
            (
                r.nodes,
                f"{r.reach:.2f}",
                f"{float(r.nu):.12f}",
                f"{float(r.omega):.12f}",
                "" if r.change is None else f"{r.change:.1e}",
            )
            for r in ising.convergence
        ),
        "Convergence for N = 1: nodes and reach (in units of the first guess's minimum) are raised in turn.",
    )
    canvas = Canvas(figsize=(8, 3.2))
    left, right = canvas.subplots(1, 2)
    for n, f in found.items():
        rho = np.linspace(0, 2.2 * f.minimum, 120)
        left.plot(rho / f.minimum, f(rho) - f(f.minimum), label=f"N = {'∞' if n is oo else n}")
    left.set_xlabel(r"$\rho/\rho_{\min}$")
    left.set_ylabel(r"$u_*(\rho) - u_*(\rho_{\min})$")
    left.legend(frameon=False)
    couplings, betas = litim_flow(1, 3).beta_functions(2)
    field = lambdified(couplings, betas)
    mass, quartic = np.meshgrid(np.linspace(-0.3, 0.3, 25), np.linspace(0, 0.25, 25))
    down = [-np.asarray(v) for v in field(mass, quartic)]
    right.streamplot(mass, quartic, *down, density=1.1, linewidth=0.7, color="0.4")
    fixed = _truncated_fixed_point(field)
    right.plot(*fixed, "o", color="C3", label="Wilson-Fisher")
    right.plot(0, 0, "s", color="C0", label="Gaussian")
    right.set_xlabel(r"$\lambda_1 = u'(0)$")
    right.set_ylabel(r"$\lambda_2 = u''(0)$")
    right.legend(frameon=False)
    canvas.tight_layout()
    figure = Figure.from_matplotlib(
        canvas,
        "Left: fixed-point potentials with one minimum for five N. Right: flow lines in the plane of mass and coupling, "
        "leaving the Gaussian point, some towards the Wilson-Fisher point, which is left along one direction.",
        "Fixed-point potentials of the full equation; and the flow to the infrared of the two lowest couplings.",
        "A fixed point with one relevant direction",
    )
    answer = (
        f"nu = {float(ising.nu):.10f}, omega = {float(ising.omega):.10f} for N = 1; one relevant direction for every N"
    )
    images, found_images = _digits()
    findings = [Finding("The Wilson-Fisher fixed point in d = 3", answer, figure.identifier), found_images]
    return [table, steps, figure, *images], findings


def _digits(rank: int = 20) -> tuple[list[Block], Finding]:
    """Real digits against samples with their connected moments up to order 1, 2 and 3."""
    import numpy as np
    from matplotlib.figure import Figure as Canvas

    from derivations.report.content import Figure, Finding, Table
    from numerics import mnist
    from numerics.connected import Classifier, ConnectedMoments, energy_distance, judged

    training, test = mnist.load().split(1000)
    known, unseen = (d.images.reshape(len(d), -1) / 255.0 for d in (training, test))
    classifier = Classifier.fitted(known, training.labels)
    recognised: dict[int, list[tuple[float, float]]] = {1: [], 2: [], 3: [], 0: []}
    distance: dict[int, list[tuple[float, float]]] = {1: [], 2: [], 3: [], 0: []}
    canvas = Canvas(figsize=(8, 3.4))
    axes = canvas.subplots(4, 10)
    for digit in range(10):
        mine = known[training.labels == digit]
        moments = ConnectedMoments.of(mine, rank)
        frame = np.linalg.pinv(moments.components)
        real = unseen[test.labels == digit]
        for row, order in enumerate((1, 2, 3, 0)):
            shown = np.clip(moments.sample(8, order) if order else mine, 0, 1)
            if order:
                said = judged(moments, order, classifier, digit, real, draws=4)
                recognised[order].append((said.recognised, said.recognised_error))
                distance[order].append((said.distance, said.distance_error))
            else:
                share = float((classifier.probabilities(shown).argmax(axis=1) == digit).mean())
                gap = energy_distance((mine - moments.mean) @ frame, (real - moments.mean) @ frame)
                recognised[0].append((share, 0.0))
                distance[0].append((gap, 0.0))
            axes[row, digit].imshow(shown[7].reshape(28, 28), cmap="gray_r")
            axes[row, digit].set_axis_off()
    names = {1: "1-point", 2: "1 + 2-point", 3: "1 + 2 + 3-point", 0: "real training digits"}
    table = Table(
        ("connected functions", "recognised", "energy distance to unseen digits"),
        tuple((names[k], _with_error(recognised[k], 3), _with_error(distance[k], 4)) for k in names),
        f"Mean over the ten digits, with standard errors over 4 draws of 400 images a digit from {rank} principal components; a linear classifier trained on real digits, and the energy "
        "distance in the frame of the components, where a law that is matched gives 0 up to the noise of the sample.",
    )
    figure = Figure.from_matplotlib(
        canvas,
        "Four rows of the ten digits: mean images, two rows of generated ones, and real ones.",
        "From above: the 1-point, 1 + 2-point and 1 + 2 + 3-point functions, and real digits.",
        "Digits from connected moments",
        raster=True,
    )
    better = sum(c + 2 * np.hypot(e, f) < q for (c, e), (q, f) in zip(distance[3], distance[2]))
    answer = (
        f"the third connected moments bring {better} of 10 digits closer to unseen ones by more than two standard errors; the "
        "classifier recognises "
        + ", ".join(f"{np.mean([share for share, _ in recognised[k]]):.1%} of order {k}" for k in (1, 2, 3))
        + ": it sees the likeness, not the spread"
    )
    return [table, figure], Finding("How many connected moments does a digit need?", answer, figure.identifier)


def _with_error(values: Sequence[tuple[float, float]], digits: int) -> str:
    """The mean over the digits, with the standard error that the draws give it where there is one."""
    mean = sum(v for v, _ in values) / len(values)
    error = sum(e**2 for _, e in values) ** 0.5 / len(values)
    return f"{mean:.{digits}f} ± {error:.{digits + 1}f}" if error else f"{mean:.{digits}f}"


def _truncated_fixed_point(field: Any) -> tuple[float, float]:
    """The zero of the two truncated beta functions away from the Gaussian one."""
    from scipy.optimize import root

    found = root(lambda z: field(*z), [-0.1, 0.1])
    return float(found.x[0]), float(found.x[1])


def __getattr__(name: str) -> Mapping[str, Any]:
    if name == "equations":
        return {c.number.replace("(", "").replace(")", ""): c for c in statements()}
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
