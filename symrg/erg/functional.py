r"""A small algebra of functionals of a field: what the equations of exact renormalisation are written in.

A term is built of fields phi(p), kernels C_Lambda(p^2) or C(x, y), named functionals such as S_int[phi], functional
derivatives, integrals over momenta or positions, and scale derivatives. It prints itself in the talk's notation; with
`functional_modes` the same term becomes an expression in finitely many modes. Conventions:

    phi(x) = int_p exp(i p x) phi(p),   int_p = int d^d p / (2 pi)^d,   delta phi(p) / delta phi(q) = delta^d(p - q),

so that <phi(p) phi(-p)> = (2 pi)^d delta^d(0) C(p^2) and each functional derivative carries one factor (2 pi)^-d.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from sympy import Expr, Symbol, pi, sympify

from symrg.errors import InvalidEquation
from symrg.typesetting import Typeset, functional_derivative, latex

DIMENSION = Symbol("d", positive=True)
TWO_PI_D: Expr = (2 * pi) ** DIMENSION
"""(2 pi)^d."""


@dataclass(frozen=True)
class Point:
    """A place or momentum at which a field is taken.

    Attributes:
        name: LaTeX of the label.
        space: "position" or "momentum".
        sign: -1 for the opposite momentum.
    """

    name: str
    space: str
    sign: int = 1

    def __post_init__(self) -> None:
        if self.space not in ("position", "momentum"):
            raise InvalidEquation(f"a point lies in 'position' or 'momentum' space, given {self.space!r}")
        if self.sign not in (1, -1) or (self.space == "position" and self.sign != 1):
            raise InvalidEquation(
                f"the sign of {self.name} is {self.sign}; only a momentum may be turned to -{self.name}"
            )

    def __neg__(self) -> Point:
        return replace(self, sign=-self.sign)

    def __str__(self) -> str:
        return self.name if self.sign == 1 else f"-{self.name}"


@dataclass(frozen=True)
class Kernel:
    """A two-point kernel; which matrix it stands for is said when a flow is put in.

    Attributes:
        name: the key by which a flow gives its matrix, e.g. "C".
        notation: LaTeX.
        lower: how many of its two indices stand below: 2 for a term of the action, 1 for a cutoff, 0 for a
            two-point function. In position space each one costs a factor of the cell's volume.
    """

    name: str
    notation: str
    lower: int

    def at(self, *points: Point) -> KernelAt:
        """The kernel at one momentum or two positions."""
        return KernelAt(self, points)


class Term(Typeset):
    """Base of the algebra: sums, products and multiples of terms are terms."""

    precedence = 2  # 0 sum, 1 product, 2 atom

    def __add__(self, other: Any) -> Term:
        return Sum.of(self, other)

    def __radd__(self, other: Any) -> Term:
        return Sum.of(other, self)

    def __sub__(self, other: Any) -> Term:
        return Sum.of(self, -_term(other))

    def __rsub__(self, other: Any) -> Term:
        return Sum.of(other, -self)

    def __neg__(self) -> Term:
        return Product.of(-1, self)

    def __mul__(self, other: Any) -> Term:
        return Product.of(self, other)

    def __rmul__(self, other: Any) -> Term:
        return Product.of(other, self)

    def varied(self, *points: Point) -> Term:
        """delta / delta phi at each of the points, the last one first."""
        found: Term = self
        for point in reversed(points):
            found = Variation(found, point)
        return found

    def __str__(self) -> str:
        return self.latex()


@dataclass(frozen=True, repr=False)
class Coefficient(Term):
    """A number or a SymPy expression that holds no field."""

    value: Expr

    @property
    def precedence(self) -> int:  # type: ignore[override]
        """Of its outermost operation."""
        return 0 if self.value.is_Add else 1

    def latex(self) -> str:
        """As SymPy's own expressions are printed."""
        return latex(self.value)


@dataclass(frozen=True, repr=False)
class Volume(Term):
    """(2 pi)^d delta^d(0), the volume of space."""

    def latex(self) -> str:
        """In terms of the delta function."""
        return r"(2\pi)^{d}\,\delta^{d}(0)"


@dataclass(frozen=True, repr=False)
class FieldAt(Term):
    """phi at a point."""

    point: Point

    def latex(self) -> str:
        """Like phi(-p)."""
        return rf"\phi({self.point})"


@dataclass(frozen=True, repr=False)
class KernelAt(Term):
    """A kernel at one momentum, where it is diagonal, or at two positions."""

    kernel: Kernel
    points: tuple[Point, ...]

    def __post_init__(self) -> None:
        spaces = tuple(p.space for p in self.points)
        if spaces not in (("momentum",), ("position", "position")):
            raise InvalidEquation(f"the kernel {self.kernel.name} takes one momentum or two positions, given {spaces}")

    def latex(self) -> str:
        """Like C(p^2) or C(x, y)."""
        if len(self.points) == 1:
            return rf"{self.kernel.notation}({self.points[0].name}^2)"
        return rf"{self.kernel.notation}({', '.join(map(str, self.points))})"


@dataclass(frozen=True, repr=False)
class Functional(Term):
    """A functional of the field; which expression it stands for is said when a flow is put in.

    Attributes:
        name: the key by which a flow gives it.
        notation: LaTeX without its argument.
    """

    name: str
    notation: str

    def latex(self) -> str:
        """With its argument."""
        return rf"{self.notation}[\phi]"


@dataclass(frozen=True, repr=False)
class Variation(Term):
    """A functional derivative by phi at a point."""

    term: Term
    point: Point
    precedence = 1

    def latex(self) -> str:
        """Nested derivatives of one functional as a higher one."""
        points, inner = [self.point], self.term
        while isinstance(inner, Variation):
            points.append(inner.point)
            inner = inner.term
        fields = [rf"\phi({p})" for p in points]
        if isinstance(inner, Functional):
            return functional_derivative(inner.latex(), *fields)
        return functional_derivative("", *fields).replace(" }{", "}{") + rf" \left( {inner.latex()} \right)"


@dataclass(frozen=True, repr=False)
class ScaleRate(Term):
    """The derivative by ln Lambda."""

    term: Term
    precedence = 1

    def latex(self) -> str:
        """As a fraction: total for a functional, partial for a kernel."""
        d = r"\partial" if isinstance(self.term, KernelAt) else "d"
        if isinstance(self.term, FieldIntegral):
            return rf"\frac{{d}}{{d \ln\Lambda}} {self.term.latex()}"
        return rf"\frac{{{d} {self.term.latex()}}}{{{d} \ln\Lambda}}"


@dataclass(frozen=True, repr=False)
class Exponential(Term):
    """The exponential of a term."""

    term: Term

    def latex(self) -> str:
        """As a power of e."""
        return rf"e^{{{self.term.latex()}}}"


@dataclass(frozen=True, repr=False)
class Integral(Term):
    """An integral over positions or momenta.

    Attributes:
        term: the integrand.
        points: what is integrated over.
        normalised: whether each momentum comes with (2 pi)^-d.
    """

    term: Term
    points: tuple[Point, ...]
    normalised: bool = True
    precedence = 1

    def latex(self) -> str:
        r"""Like \int \frac{d^d p}{(2\pi)^d} ..."""
        measure = r"\, ".join(
            rf"\frac{{d^d {p.name}}}{{(2\pi)^d}}" if self.normalised and p.space == "momentum" else rf"d^d {p.name}"
            for p in self.points
        )
        inner = rf"\left\{{ {self.term.latex()} \right\}}" if self.term.precedence == 0 else self.term.latex()
        return rf"\int {measure}\, {inner}"


@dataclass(frozen=True, repr=False)
class FieldIntegral(Term):
    """An integral over all fields."""

    term: Term
    precedence = 1

    def latex(self) -> str:
        r"""Like \int \mathcal{D}\phi P."""
        inner = rf"\left( {self.term.latex()} \right)" if self.term.precedence == 0 else self.term.latex()
        return rf"\int_{{\mathcal{{F}}}} \mathcal{{D}}\phi\, {inner}"


@dataclass(frozen=True, repr=False)
class Product(Term):
    """A product, in the order in which it is written."""

    factors: tuple[Term, ...]
    precedence = 1

    @classmethod
    def of(cls, *factors: Any) -> Term:
        """The product, with numbers drawn to the front."""
        flat = [f for raw in map(_term, factors) for f in (raw.factors if isinstance(raw, Product) else (raw,))]
        number: Expr = sympify(1)
        rest: list[Term] = []
        for factor in flat:
            if isinstance(factor, Coefficient):
                number *= factor.value
            else:
                rest.append(factor)
        if number == 0 or not rest:
            return Coefficient(number)
        found = rest if number == 1 else [Coefficient(number), *rest]
        return found[0] if len(found) == 1 else cls(tuple(found))

    def latex(self) -> str:
        """Factors side by side, sums in brackets."""
        first, parts = self.factors[0], list(self.factors)
        head = ""
        if isinstance(first, Coefficient) and first.precedence:
            head = "- " if first.value == -1 else f"{first.latex()} "
            parts = parts[1:]
        return head + r" \, ".join(rf"\left( {f.latex()} \right)" if f.precedence == 0 else f.latex() for f in parts)


@dataclass(frozen=True, repr=False)
class Sum(Term):
    """A sum, in the order in which it is written."""

    terms: tuple[Term, ...]
    precedence = 0

    @classmethod
    def of(cls, *terms: Any) -> Term:
        """The sum without its zeros."""
        flat = [t for raw in map(_term, terms) for t in (raw.terms if isinstance(raw, Sum) else (raw,))]
        kept = [t for t in flat if t != Coefficient(sympify(0))]
        if not kept:
            return Coefficient(sympify(0))
        return kept[0] if len(kept) == 1 else cls(tuple(kept))

    def latex(self) -> str:
        """Terms joined by their signs."""
        text = self.terms[0].latex()
        for term in self.terms[1:]:
            printed = term.latex()
            text += f" - {printed[1:].lstrip()}" if printed.startswith("-") else f" + {printed}"
        return text


def position(*names: str) -> tuple[Point, ...]:
    """Places of these names."""
    return tuple(Point(n, "position") for n in names)


def momentum(*names: str) -> tuple[Point, ...]:
    """Momenta of these names."""
    return tuple(Point(n, "momentum") for n in names)


def walk(term: Term) -> Iterable[Term]:
    """The term and everything in it."""
    yield term
    inner: tuple[Term, ...] = ()
    if isinstance(term, Sum):
        inner = term.terms
    elif isinstance(term, Product):
        inner = term.factors
    elif isinstance(term, (Variation, ScaleRate, Exponential, Integral, FieldIntegral)):
        inner = (term.term,)
    for part in inner:
        yield from walk(part)


def _term(value: Any) -> Term:
    return value if isinstance(value, Term) else Coefficient(sympify(value, strict=True))
