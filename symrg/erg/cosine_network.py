r"""A cosine network with one wide layer, whose information shell is the momentum shell of a free scalar (2405.17538).

    phi(x) = N^-1/2 sum_i a_i f(w_i) cos(w_i . x + b_i),

with a_i normal of variance sigma^2, b_i uniform on the circle, w_i uniform in |w| < Lambda in d dimensions. With

    f(w)^2 = 2 Vol(Lambda) C(w^2) / ((2 pi)^d sigma^2)

the two-point function is int_{|p| < Lambda} d^d p/(2 pi)^d exp(i p (x - y)) C(p^2) at every width: of a free scalar
with a sharp cutoff for C = 1/(p^2 + m^2), and the field is Gaussian for N -> oo. The Fisher information of a readout
weight, per input and for outputs with variance s^2, is f(w)^2 / (2 N s^2): it falls with |w|, so that leaving out the
weights with less information than a threshold leaves out the momenta above a lower cutoff, and nothing else.

Source: Halverson, arXiv:2112.04527 (networks with the two-point function of a free scalar); Howard, Klinger, Maiti,
Stapleton, arXiv:2405.17538. Derived here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import (
    Expr,
    Integer,
    Integral,
    Rational,
    S,
    Symbol,
    besselj,
    cos,
    diff,
    gamma,
    pi,
    simplify,
    sin,
    solve,
    sympify,
)

from symrg.derivation import Derivation
from symrg.errors import InvalidEquation
from symrg.typesetting import Typeset, latex
from symrg.verification import Claim

__all__ = ["CosineNetwork"]

MOMENTUM = Symbol("p", positive=True)


@dataclass(frozen=True, init=False)
class CosineNetwork(Typeset):
    """The prior over cosine networks with a given spectrum.

    Args:
        spectrum: C(p^2), an expression in `squared`; positive, and falling where an information cutoff is asked for.
        squared: the Symbol p^2 in it.
        dimension: d, of the inputs: 1, 2 or 3.
        cutoff: Lambda, the radius of the ball of frequencies.
        weight_variance: sigma^2, of the readout weights.

    Raises:
        InvalidEquation: another dimension, or a spectrum with other symbols in the place of p^2.
    """

    spectrum: Expr
    squared: Symbol
    dimension: int
    cutoff: Expr
    weight_variance: Expr

    def __init__(
        self, spectrum: Any, squared: Symbol, dimension: int = 1, cutoff: Any = None, weight_variance: Any = 1
    ):
        if dimension not in (1, 2, 3):
            raise InvalidEquation(f"dimension is {dimension!r}; expected 1, 2 or 3")
        if not isinstance(squared, Symbol):
            raise InvalidEquation(f"squared is {squared!r}; expected the Symbol that stands for p^2 in the spectrum")
        for name, value in (
            ("spectrum", sympify(spectrum, strict=True)),
            ("squared", squared),
            ("dimension", int(dimension)),
            ("cutoff", Symbol("Lambda", positive=True) if cutoff is None else sympify(cutoff, strict=True)),
            ("weight_variance", sympify(weight_variance, strict=True)),
        ):
            object.__setattr__(self, name, value)

    @classmethod
    def free_scalar(cls, mass: Any, dimension: int = 1, cutoff: Any = None) -> CosineNetwork:
        """The network of a free scalar, C = 1/(p^2 + m^2)."""
        squared = Symbol("q", nonnegative=True)
        return cls(1 / (squared + sympify(mass, strict=True) ** 2), squared, dimension, cutoff)

    @property
    def sphere(self) -> Expr:
        """The area of the unit sphere, 2 pi^(d/2) / Gamma(d/2)."""
        half = Rational(self.dimension, 2)
        return simplify(2 * pi**half / gamma(half))

    @property
    def ball(self) -> Expr:
        """The volume of the ball of frequencies."""
        return self.sphere * self.cutoff**self.dimension / self.dimension

    def propagator(self, momentum: Any = MOMENTUM) -> Expr:
        """C(p^2) at a momentum."""
        return self.spectrum.subs(self.squared, sympify(momentum, strict=True) ** 2)

    def amplitude_squared(self, momentum: Any = MOMENTUM) -> Expr:
        """f(w)^2 at |w|."""
        return 2 * self.ball * self.propagator(momentum) / ((2 * pi) ** self.dimension * self.weight_variance)

    def direction_average(self, phase: Expr) -> Expr:
        """The average of cos(z n) over the sphere, n one component of a unit vector."""
        if self.dimension == 1:
            return cos(phase)
        return besselj(0, phase) if self.dimension == 2 else sin(phase) / phase

    def two_point(self, distance: Any, cutoff: Any = None) -> Expr:
        """E[phi(x) phi(y)] at |x - y|, an integral over |p|; exact at every width."""
        top = self.cutoff if cutoff is None else sympify(cutoff, strict=True)
        r = sympify(distance, strict=True)
        average = S.One if r == 0 else self.direction_average(MOMENTUM * r)
        factor = self.sphere / (2 * pi) ** self.dimension
        return factor * Integral(MOMENTUM ** (self.dimension - 1) * self.propagator() * average, (MOMENTUM, 0, top))

    def fourth_cumulant(self, width: Any, positions: Any = None) -> Expr:
        """The connected four-point function of a network of that width: exactly of order 1/N.

        With h one neuron, it is (E[h1 h2 h3 h4] - sum over pairings of E[h h] E[h h]) / N, where E[a^4] = 3 sigma^4 and
        the average over the phase is (1/8) of the sum over the three ways of pairing of cos(w (x_i + x_j - x_k - x_l)).

        Args:
            width: N.
            positions: four places on one line; by default all the same.
        """
        x = [S.Zero] * 4 if positions is None else [sympify(v, strict=True) for v in positions]
        if len(x) != 4:
            raise InvalidEquation(f"a four-point function has four places, given {len(x)}")
        ways = [((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2))]
        shifts = [x[i] + x[j] - x[k] - x[m] for (i, j), (k, m) in ways]
        averages = sum((S.One if s == 0 else self.direction_average(MOMENTUM * abs(s)) for s in shifts), S.Zero)
        density = self.sphere * MOMENTUM ** (self.dimension - 1) / self.ball
        fourth = 3 * self.weight_variance**2 / 8 * self.amplitude_squared() ** 2 * averages
        disconnected = sum(
            (self.two_point(abs(x[i] - x[j])) * self.two_point(abs(x[k] - x[m])) for (i, j), (k, m) in ways), S.Zero
        )
        whole = Integral(simplify(density * fourth), (MOMENTUM, 0, self.cutoff))
        return (whole - disconnected) / sympify(width, strict=True)

    def information(self, width: Any, variance: Any = 1, momentum: Any = MOMENTUM) -> Expr:
        """The Fisher information of a readout weight at |w|, for one output of variance s^2, averaged over inputs."""
        return self.amplitude_squared(momentum) / (2 * sympify(width, strict=True) * sympify(variance, strict=True))

    def momentum_cutoff(self, threshold: Any, width: Any, variance: Any = 1) -> Expr:
        """The momentum above which a readout weight has less information than the threshold.

        Raises:
            InvalidEquation: the spectrum does not fall, or the equation has no single solution.
        """
        slope = simplify(diff(self.information(width, variance), MOMENTUM))
        if not (slope.is_negative or _negative_by_trial(slope)):
            raise InvalidEquation(
                f"the spectrum {self.spectrum} does not fall with p^2: an information shell is no momentum shell"
            )
        found = [
            s
            for s in solve(self.information(width, variance) - sympify(threshold, strict=True), MOMENTUM)
            if s.is_positive is not False
        ]
        if len(found) != 1:
            raise InvalidEquation(f"no single momentum has the information {threshold}: found {found}")
        return simplify(found[0])

    def shell(self, distance: Any) -> Expr:
        """- d/d(-ln Lambda) of the two-point function: what leaving out one shell takes away."""
        return self.cutoff * self.two_point(distance).diff(self.cutoff)

    def derivation(self) -> Derivation:
        """What frequencies of one size give to the two-point function, before the average over their directions."""
        u, v, b = (Symbol(n, real=True) for n in ("u", "v", "b"))
        shell = self.sphere * MOMENTUM ** (self.dimension - 1) / self.ball
        neuron = shell * self.weight_variance * self.amplitude_squared()
        measure = self.sphere * MOMENTUM ** (self.dimension - 1) / (2 * pi) ** self.dimension
        return (
            Derivation(
                "The two-point function of a cosine network",
                neuron * Integral(cos(u + b) * cos(v + b) / (2 * pi), (b, -pi, pi)),
                notation=r"\frac{d}{dp}\, \mathbb{E}[\phi(x) \phi(y)]",
            )
            .step(neuron * cos(u - v) / 2, "the phases average to half a cosine of $u - v = w \\cdot (x - y)$")
            .step(
                measure * self.propagator() * cos(u - v),
                "with the amplitude $f(w)$ put in: the momentum integral of a free scalar",
            )
        )

    def claims(self) -> tuple[Claim, ...]:
        """What the correspondence rests on, each to be verified apart."""
        u, v, b = (Symbol(n, real=True) for n in ("u", "v", "b"))
        z, theta = Symbol("z", positive=True), Symbol("vartheta", real=True)
        n, variance = Symbol("N", positive=True), Symbol("s", positive=True)
        found = [
            Claim(
                Integral(cos(u + b) * cos(v + b) / (2 * pi), (b, -pi, pi)),
                cos(u - v) / 2,
                name="average over the phase",
            ),
            Claim(
                Integral(cos(u + b) ** 2 / (2 * pi), (b, -pi, pi)) * self.amplitude_squared() / (n * variance),
                self.information(n, variance),
                name="information of a readout weight",
            ),
            Claim(
                self.shell(Integer(0)),
                self.sphere * self.cutoff**self.dimension * self.propagator(self.cutoff) / (2 * pi) ** self.dimension,
                name="the shell that is left out is that of the free scalar",
            ),
        ]
        if self.dimension == 3:
            found.append(
                Claim(
                    Integral(cos(z * cos(theta)) * sin(theta) / 2, (theta, 0, pi)),
                    sin(z) / z,
                    name="average over directions",
                )
            )
        return tuple(found)

    def latex(self) -> str:
        """The network and its spectrum."""
        return (
            r"\phi(x) = \frac{1}{\sqrt{N}} \sum_{i=1}^{N} a_i f(w_i) \cos(w_i \cdot x + b_i), \quad"
            rf" f(w)^2 = {latex(self.amplitude_squared(Symbol('w', positive=True)))}"
        )


def _negative_by_trial(slope: Expr) -> bool:
    """Whether the slope is negative at points of every scale, where assumptions do not say."""
    others = sorted(slope.free_symbols - {MOMENTUM}, key=str)
    for k in (Rational(1, 100), Rational(1, 3), Rational(1), Rational(7, 2), Rational(40)):
        value = slope.subs({s: Rational(i + 2, i + 1) for i, s in enumerate(others)}).subs(MOMENTUM, k).evalf()
        if not (value.is_real and value < 0):
            return False
    return True
