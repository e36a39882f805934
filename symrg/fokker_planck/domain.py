"""Where the coordinates live, and whether a diffusion is one there.

A diffusion such as x, 1 - x^2 or ((1, x), (x, 1)) is positive semidefinite on a part of space only. An equation may be
written with it, for it makes sense there: D = x (1 - x) is Wright and Fisher's on (0, 1). What is refused is a
diffusion that is negative somewhere in the domain that is stated, or else in the one that the assumptions of the
coordinates give where an operation needs one. With one coordinate and a polynomial or rational minor with numerical
coefficients the decision is exact, from its real roots; otherwise points are tried, and a negative value at one of
them is a proof.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice, pairwise, product
from typing import Any

import sympy
from sympy import Expr, ImmutableMatrix, Rational, Symbol

from symrg.budget import OutOfTime, within
from symrg.errors import InvalidEquation

__all__ = ["Domain", "Limits", "Negative", "limits_of", "negative_somewhere", "require_diffusion"]

Domain = Mapping[Symbol, tuple[Any, Any]]
Limits = tuple[tuple[Symbol, Expr, Expr], ...]

_SECONDS = 3.0
_MOST_POINTS = 60
_LINE = tuple(Rational(p, q) for p, q in ((1, 3), (-1, 3), (2, 1), (-2, 1), (9, 1), (-9, 1), (60, 1), (-60, 1)))
_SHARES = tuple(Rational(p, q) for p, q in ((1, 2), (1, 5), (7, 9), (1, 40), (39, 40)))


def limits_of(coordinates: Sequence[Symbol], domain: Any = None) -> Limits:
    """(coordinate, lower, upper) for each, inner limits first where they depend on other coordinates.

    Args:
        coordinates: x^i.
        domain: coordinate -> (lower, upper), or a sequence of (coordinate, lower, upper); a limit may depend on other
            coordinates, {x: (0, 1 - y), y: (0, 1)}. Left out, (0, oo) for positive Symbols, the real line for others.

    Returns:
        Limits.

    Raises:
        InvalidEquation: a key that is no coordinate, limits that are no pair or hold nothing between them, or limits
            that depend on each other in a circle.
    """
    given = _as_mapping(domain)
    if stray := [k for k in given if k not in coordinates]:
        raise InvalidEquation(f"the domain names {stray}, which are no coordinates; these are {list(coordinates)}")
    found = []
    for s in coordinates:
        a, b = given.get(s, (0 if s.is_nonnegative else -sympy.oo, 0 if s.is_nonpositive else sympy.oo))
        a, b = sympy.sympify(a, strict=True), sympy.sympify(b, strict=True)
        if (b - a).is_nonpositive or s in a.free_symbols | b.free_symbols:
            raise InvalidEquation(f"the domain of {s} is ({a}, {b}), which holds nothing between its ends")
        found.append((s, a, b))
    return _inner_first(found)


def _as_mapping(domain: Any) -> dict[Symbol, tuple[Any, Any]]:
    if domain is None:
        return {}
    try:
        if isinstance(domain, Mapping):
            return {sympy.sympify(s, strict=True): (a, b) for s, (a, b) in domain.items()}
        return {sympy.sympify(s, strict=True): (a, b) for s, a, b in domain}
    except (TypeError, ValueError):
        raise InvalidEquation(f"a domain is {{x: (lower, upper), ..}}, given {domain!r}") from None


def _inner_first(found: Sequence[tuple[Symbol, Expr, Expr]]) -> Limits:
    left, ordered = list(found), []
    while left:
        needed = [x for x in left if not any(x[0] in (o[1].free_symbols | o[2].free_symbols) for o in left if o != x)]
        # what no other limit mentions is innermost
        if not needed:
            raise InvalidEquation(f"the limits of {[s for s, _, _ in left]} depend on each other in a circle")
        dependent = [x for x in needed if (x[1].free_symbols | x[2].free_symbols) & {o[0] for o in left}]
        chosen = (dependent or needed)[0]
        ordered.append(chosen)
        left.remove(chosen)
    if not any((a.free_symbols | b.free_symbols) & {s for s, _, _ in found} for _, a, b in found):
        return tuple(found)
    return tuple(ordered)


@dataclass(frozen=True)
class Negative:
    """A principal minor of a diffusion that is negative at a point.

    Attributes:
        rows: of the minor.
        minor: as a function of the coordinates.
        point: coordinate -> value.
        value: of the minor there.
    """

    rows: tuple[int, ...]
    minor: Expr
    point: tuple[tuple[Symbol, Expr], ...]
    value: Expr

    @property
    def message(self) -> str:
        """Where it is negative, and how to mend that."""
        what = (
            f"D[{self.rows[0]}, {self.rows[0]}]"
            if len(self.rows) == 1
            else f"the principal minor of rows {list(self.rows)}"
        )
        where = ", ".join(f"{s} = {v}" for s, v in self.point)
        states = ", ".join(f"{s}: (lower, upper)" for s, _ in self.point)
        return (
            f"the diffusion is not positive semidefinite: {what} = {self.minor} is {self.value} at {where}; if the "
            f"process lives elsewhere, say so by domain={{{states}}}, or by positive Symbols"
        )


def require_diffusion(matrix: ImmutableMatrix, limits: Limits) -> None:
    """Refuse a diffusion that is negative somewhere within the limits.

    Raises:
        InvalidEquation: the message names the minor and the point.
    """
    try:
        found = within(_SECONDS, negative_somewhere, matrix, limits)
    except OutOfTime:
        return
    if found is not None:
        raise InvalidEquation(found.message)


def negative_somewhere(matrix: ImmutableMatrix, limits: Limits) -> Negative | None:
    """A point inside the limits where a principal minor is negative; None where none is found.

    Args:
        matrix: the diffusion, n x n.
        limits: of the coordinates.

    Returns:
        Negative, or None: which is a proof for one coordinate and a minor rational in it with numerical coefficients.
    """
    coordinates = [s for s, _, _ in limits]
    n = matrix.rows
    for size in range(1, min(n, 4) + 1):
        for rows in combinations(range(n), size):
            minor = matrix.extract(list(rows), list(rows)).det()
            moving = [x for x in limits if x[0] in minor.free_symbols]
            if not moving:
                continue
            if not minor.is_Atom:
                minor = sympy.factor(minor)
            for point in _points(minor, limits, moving):
                value = minor.subs(point, simultaneous=True)
                if _negative(value, coordinates):
                    named = tuple((s, v) for s, v in point.items() if s in minor.free_symbols)
                    return Negative(rows, minor, named, value)
    return None


def _negative(value: Expr, coordinates: Sequence[Symbol]) -> bool:
    if value.is_negative is not None:
        return bool(value.is_negative)
    if value.free_symbols or value.has(sympy.nan, sympy.zoo):
        short = sympy.factor(value) if value.is_rational_function(*value.free_symbols) else value
        return bool(short.is_negative)
    number = value.evalf(20)
    return bool(number.is_real and number < -1e-15)


def _points(minor: Expr, limits: Limits, moving: Sequence[tuple[Symbol, Expr, Expr]]) -> Iterator[dict[Symbol, Expr]]:
    """Points inside the limits: for one coordinate one between any two real roots of the minor, else a grid's."""
    if len(moving) == 1 and len(limits) == 1:
        s, a, b = moving[0]
        if minor.is_rational_function(s) and minor.free_symbols == {s} and not (a.free_symbols | b.free_symbols):
            yield from ({s: v} for v in _between_roots(minor, s, a, b))
            return
    needed = _needed(limits, moving)
    outer_first = [x for x in reversed(limits) if x[0] in needed]
    if len(outer_first) == 1:
        choices: Any = ((k,) for k in range(len(_LINE)))
    else:
        count = len(_LINE) if len(outer_first) == 2 else 4
        choices = product(range(count), repeat=len(outer_first))
    for choice in islice(choices, _MOST_POINTS):
        point: dict[Symbol, Expr] = {}
        for k, (s, a, b) in zip(choice, outer_first):
            low, high = a.subs(point, simultaneous=True), b.subs(point, simultaneous=True)
            value = _place(k, low, high)
            if value is None:
                break
            point[s] = value
        else:
            yield point


def _needed(limits: Limits, moving: Sequence[tuple[Symbol, Expr, Expr]]) -> set[Symbol]:
    """The coordinates of the minor and those on which their limits depend."""
    needed = {s for s, _, _ in moving}
    for s, a, b in limits:  # inner limits come first
        if s in needed:
            needed |= {o for o, _, _ in limits if o in a.free_symbols | b.free_symbols}
    return needed


def _place(k: int, a: Expr, b: Expr) -> Expr | None:
    """Candidate number k between a and b."""
    if a.is_infinite and b.is_infinite:
        return _LINE[k]
    if a.is_infinite or b.is_infinite:
        step = sorted(_LINE)[len(_LINE) // 2 :][k % (len(_LINE) // 2)] if k < len(_LINE) // 2 else Rational(1, 40 * k)
        return a + step if b.is_infinite else b - step
    return a + (b - a) * _SHARES[k] if k < len(_SHARES) else None


def _between_roots(minor: Expr, s: Symbol, a: Expr, b: Expr) -> list[Expr]:
    """One point in every interval between the real roots of numerator and denominator that reaches into (a, b)."""
    plain = sympy.Dummy(s.name, real=True)
    ends: set[Expr] = set()
    for part in sympy.fraction(sympy.cancel(minor.subs(s, plain))):
        if part.has(plain):
            ends |= {r for r in sympy.real_roots(sympy.Poly(part, plain)) if a < r < b}
    marks = [a, *sorted(ends, key=lambda r: r.evalf(30)), b]
    places = []
    for left, right in pairwise(marks):
        if left.is_infinite and right.is_infinite:
            places.append(sympy.S.Zero)
        elif right.is_infinite:
            places.append(sympy.floor(left) + 1 if sympy.floor(left) + 1 > left else left + 1)
        elif left.is_infinite:
            places.append(sympy.ceiling(right) - 1)
        else:
            places.append(_simple_between(left, right))
    return places


def _simple_between(left: Expr, right: Expr) -> Expr:
    """A rational number between two real ones."""
    middle, width = ((left + right) / 2).evalf(40), (right - left).evalf(40)
    return sympy.nsimplify(middle, rational=True, tolerance=width / 8)
