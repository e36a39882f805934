r"""From functionals of a field to expressions in finitely many modes.

In a box of volume V, or on a lattice whose cells have the volume a,

    int_p -> (1/V) sum_k,    phi(p_k) -> sqrt(V) phi_k,    delta/delta phi(p_k) -> (2 pi)^-d sqrt(V) d/d phi_k,
    int d^d x -> a sum_x,    delta/delta phi(x) -> (1/a) d/d phi_x,    A(x, y) -> a^-l A_xy,

with l the number of lower indices of the kernel. A real field has phi(-p) = phi(p)^*: the two real modes of a pair
p, -p are phi(+-p) = sqrt(V) (phi_1 +- i phi_2) / sqrt 2, and a mode without partner has p = -p. V, a and d must drop
out of every statement; they are kept as symbols, so that a wrong factor shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Add, Expr, I, ImmutableMatrix, Mul, S, Symbol, diff, exp, oo, simplify, sqrt
from sympy import Integral as Integrated

from symrg.erg.functional import (
    TWO_PI_D,
    Coefficient,
    Exponential,
    FieldAt,
    FieldIntegral,
    Functional,
    Integral,
    KernelAt,
    Point,
    Product,
    ScaleRate,
    Sum,
    Term,
    Variation,
    Volume,
)
from symrg.errors import InvalidEquation

VOLUME = Symbol("V", positive=True)
CELL = Symbol("a", positive=True)

Labels = Mapping[str, int]


@dataclass(frozen=True)
class FiniteModes:
    """Finitely many modes, and what kernels and functionals are on them.

    Attributes:
        modes: the real modes.
        scale: Lambda.
        kernels: by name, matrices over the modes.
        functionals: by name, expressions in the modes.
        rates: derivatives of functionals by ln Lambda, where these do not follow from the expression.
        pairs: pairs of modes (i, j) that are the real and imaginary part at p and -p; the others have p = -p.
    """

    modes: tuple[Symbol, ...]
    scale: Symbol
    kernels: Mapping[str, ImmutableMatrix]
    functionals: Mapping[str, Expr]
    rates: Mapping[str, Expr]
    pairs: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        used = [i for pair in self.pairs for i in pair]
        if len(set(used)) != len(used) or any(not 0 <= i < len(self.modes) for i in used):
            raise InvalidEquation(f"pairs {self.pairs} must be distinct numbers of the {len(self.modes)} modes")

    def evaluate(self, term: Term, labels: Labels | None = None) -> Expr:
        """The term as an expression in the modes.

        Args:
            term: of the functional algebra.
            labels: the number of the place or momentum that each label stands for, where it is not integrated over.

        Raises:
            InvalidEquation: a label, kernel or functional without a value; a kernel that is not diagonal in momentum.
        """
        at = {} if labels is None else labels
        match term:
            case Coefficient(value):
                return value
            case Volume():
                return VOLUME
            case FieldAt(point):
                return Add(*(c * self.modes[i] for i, c in self._amplitudes(point, at)))
            case KernelAt(_, points):
                return self._kernel(term, [self._number(p, at) for p in points])
            case Functional(name):
                return _known(self.functionals, name, "functional")
            case Variation(inner, point):
                return self._varied(self.evaluate(inner, at), point, at)
            case ScaleRate(Functional(name)) if name in self.rates:
                return self.rates[name]
            case FieldIntegral(inner):
                return Integrated(self.evaluate(inner, at), *((m, -oo, oo) for m in self.modes))
            case ScaleRate(FieldIntegral(inner)):
                return self.evaluate(FieldIntegral(ScaleRate(inner)), at)
            case ScaleRate(inner):
                return self.scale * diff(self.evaluate(inner, at), self.scale)
            case Exponential(inner):
                return exp(self.evaluate(inner, at))
            case Sum(terms):
                return Add(*(self.evaluate(t, at) for t in terms))
            case Product(factors):
                return Mul(*(self.evaluate(f, at) for f in factors))
            case Integral(inner, points, normalised):
                return self._integral(inner, points, normalised, at)
        raise InvalidEquation(f"{type(term).__name__} is not a term of the functional algebra")

    def _integral(self, inner: Term, points: Sequence[Point], normalised: bool, at: Labels) -> Expr:
        if not points:
            return self.evaluate(inner, at)
        first, *rest = points
        if first.space == "position":
            measure: Expr = CELL
        else:
            measure = 1 / VOLUME if normalised else TWO_PI_D / VOLUME
        return measure * Add(
            *(self._integral(inner, rest, normalised, {**at, first.name: k}) for k in range(len(self.modes)))
        )

    def _number(self, point: Point, at: Labels) -> int:
        if point.name not in at:
            raise InvalidEquation(f"the label {point.name} is neither integrated over nor given a number")
        return at[point.name]

    def _amplitudes(self, point: Point, at: Labels) -> list[tuple[int, Expr]]:
        """phi at a point as a combination of the real modes."""
        k = self._number(point, at)
        if point.space == "position":
            return [(k, S.One)]
        for real, imaginary in self.pairs:
            if k in (real, imaginary):
                sign = point.sign * (1 if k == real else -1)
                return [(real, sqrt(VOLUME / 2)), (imaginary, sign * I * sqrt(VOLUME / 2))]
        return [(k, sqrt(VOLUME))]

    def _varied(self, expression: Expr, point: Point, at: Labels) -> Expr:
        """The functional derivative: the inverse of the amplitudes, over the cell of momentum or position space."""
        if point.space == "position":
            return diff(expression, self.modes[self._number(point, at)]) / CELL
        return (
            Add(*(c.conjugate() * diff(expression, self.modes[i]) for i, c in self._amplitudes(point, at))) / TWO_PI_D
        )

    def _kernel(self, term: KernelAt, numbers: list[int]) -> Expr:
        matrix = _known(self.kernels, term.kernel.name, "kernel")
        if len(numbers) == 2:
            return matrix[numbers[0], numbers[1]] / CELL**term.kernel.lower
        k = numbers[0]
        if any(matrix[k, j] != 0 for j in range(len(self.modes)) if j != k):
            raise InvalidEquation(
                f"{term.kernel.name} = {matrix} is not diagonal, hence not C(p^2); use the notation 'position'"
            )
        for pair in self.pairs:
            if k in pair and simplify(matrix[pair[0], pair[0]] - matrix[pair[1], pair[1]]) != 0:
                raise InvalidEquation(f"{term.kernel.name} differs between the modes {pair}, which share one p^2")
        if matrix.has(*self.modes):
            raise InvalidEquation(f"{term.kernel.name} depends on the field; use the notation 'position'")
        return matrix[k, k]


def _known(values: Mapping[str, Any], name: str, what: str) -> Any:
    if name not in values:
        raise InvalidEquation(f"the {what} {name} has no value here; known are {', '.join(sorted(values)) or 'none'}")
    return values[name]
