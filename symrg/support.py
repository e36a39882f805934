"""The sample space of a model, one axis for each coordinate of the sample.

An axis sums where its set is discrete and integrates where it is an interval; its limits may depend on the
coordinates that come later in the order of integration, as on a simplex or a triangle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sympy
from sympy import S

from symrg.errors import InvalidModel


@dataclass(frozen=True)
class Axis:
    """One coordinate of the sample with its limits.

    Attributes:
        symbol: the coordinate.
        lower: lower limit (inclusive where discrete).
        upper: upper limit (inclusive where discrete).
        discrete: True where the axis sums.
        points: the points of a finite set, None for an interval or a range.
        step: distance of neighbouring points of a range.
    """

    symbol: sympy.Symbol
    lower: sympy.Expr
    upper: sympy.Expr
    discrete: bool = False
    points: tuple[sympy.Expr, ...] | None = None
    step: sympy.Expr = S.One

    @property
    def free_symbols(self) -> set[sympy.Symbol]:
        """Symbols that the limits depend on."""
        found = self.lower.free_symbols | self.upper.free_symbols
        for point in self.points or ():
            found |= point.free_symbols
        return found

    def subs(self, replacements: dict[sympy.Expr, sympy.Expr]) -> Axis:
        """The axis with symbols replaced, its own symbol included."""
        points = None if self.points is None else tuple(p.xreplace(replacements) for p in self.points)
        return Axis(
            replacements.get(self.symbol, self.symbol),
            self.lower.xreplace(replacements),
            self.upper.xreplace(replacements),
            self.discrete,
            points,
            self.step,
        )

    def describe(self) -> str:
        """The axis in words, for messages."""
        if self.points is not None:
            return f"{self.symbol} in {{{', '.join(map(str, self.points))}}}"
        return f"{self.symbol} {'= ' if self.discrete else 'in '}{self.lower}..{self.upper}"


def axes_of(sample: tuple[sympy.Symbol, ...], support: Any) -> tuple[Axis, ...]:
    """The axes of a support in the order of integration, inner first.

    Args:
        sample: the coordinates.
        support: a Set for one coordinate, or a sequence of Sets and limit triples `(y, lower, upper)`; a triple
            sums where its symbol is declared an integer.
    """
    entries: list[Any]
    if isinstance(support, sympy.ProductSet):
        entries = list(support.args)
    elif isinstance(support, sympy.Set):
        entries = [support] * len(sample) if len(sample) > 1 and support is S.Reals else [support]
    elif _is_triple(support, sample):
        entries = [support]
    elif isinstance(support, Sequence):
        entries = list(support)
    else:
        raise InvalidModel(f"support {support!r} is neither a SymPy Set nor a sequence of Sets and limit triples")
    if len(entries) != len(sample):
        raise InvalidModel(
            f"support has {len(entries)} entries and the sample {len(sample)} coordinates; give one for each"
        )
    axes = []
    for symbol, entry in zip(sample, entries):
        if isinstance(entry, sympy.Set):
            axes.append(_axis_of_set(symbol, entry))
        elif _is_triple(entry, sample):
            y, lower, upper = (sympy.sympify(e, strict=True) for e in entry)
            axes.append(Axis(y, lower, upper, bool(y.is_integer)))
        else:
            raise InvalidModel(f"support entry {entry!r} is neither a Set nor a triple (coordinate, lower, upper)")
    named = [axis.symbol for axis in axes]
    if set(named) != set(sample) or len(named) != len(set(named)):
        raise InvalidModel(f"support names the coordinates {named}, the sample is {list(sample)}")
    return _inner_first(axes)


def _is_triple(entry: Any, sample: tuple[sympy.Symbol, ...]) -> bool:
    return isinstance(entry, (tuple, list, sympy.Tuple)) and len(entry) == 3 and entry[0] in sample


def _axis_of_set(symbol: sympy.Symbol, given: sympy.Set) -> Axis:
    if isinstance(given, sympy.FiniteSet):
        return Axis(symbol, S.Zero, S.Zero, True, tuple(sorted(given.args, key=sympy.default_sort_key)))
    if given is S.Reals:
        return Axis(symbol, -S.Infinity, S.Infinity)
    if isinstance(given, sympy.Interval):
        return Axis(symbol, given.start, given.end)
    if given is S.Integers:
        return Axis(symbol, -S.Infinity, S.Infinity, True)
    if given in (S.Naturals0, S.Naturals):
        return Axis(symbol, given.inf, S.Infinity, True)
    if isinstance(given, sympy.Range):
        start, stop, step = given.args
        if not step.is_positive:
            raise InvalidModel(f"Range {given} must run upwards")
        last = stop - step if stop.is_infinite or step == 1 else start + step * sympy.floor((stop - 1 - start) / step)
        return Axis(symbol, start, S.Infinity if stop.is_infinite else last, True, None, step)
    raise InvalidModel(
        f"support {given} is not understood; expected an Interval, S.Reals, S.Naturals0, S.Integers, a Range or a "
        "FiniteSet"
    )


def _inner_first(axes: list[Axis]) -> tuple[Axis, ...]:
    """Order the axes so that limits depend on later coordinates only."""
    rest = list(axes)
    ordered: list[Axis] = []
    while rest:
        for axis in rest:
            if not any(axis.symbol in other.free_symbols for other in rest):
                ordered.append(axis)
                rest.remove(axis)
                break
        else:
            raise InvalidModel(f"the limits of {[str(a.symbol) for a in rest]} depend on each other in a circle")
    return tuple(ordered)
