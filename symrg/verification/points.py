"""Random points inside the assumptions of symbols and inside conditions: bulk, edges, and every branch allowed.

A point gives each symbol an exact value. The values of one symbol after the other are drawn inside the intervals
that the conditions leave, which are found from the roots of their two sides' difference; so a narrow strip is found
as surely as a wide one. Around the places where a side itself changes its form (the conditions of a piecewise
function, the zero of an absolute value, the jump of a floor) points are drawn on both sides and at the place itself.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from symrg.budget import Declined
from symrg.verification.enclosure import at, enclose, truth
from symrg.verification.places import Values, changes_of_form, exact_zeros, vanishes_at, zeros
from symrg.verification.precision import precision
from symrg.verification.reading import Reading

__all__ = ["Domain", "Values", "changes_of_form", "precision", "zeros"]

_STEPS = (1, 12, 34, 90)  # distances from an edge, as powers of ten
_TRIES = 60  # a point


@dataclass
class Domain:
    """The values that a claim speaks about.

    Args:
        symbols: to which values are given.
        conditions: that the values obey.
        seed: of the random numbers; the same seed draws the same points.

    Attributes:
        tried: how many candidates were drawn.
        refused: how many of them the conditions ruled out.
    """

    symbols: tuple[sp.Basic, ...]
    conditions: tuple[Any, ...] = ()
    seed: int = 0
    tried: int = 0
    refused: int = 0
    gaps: dict[Any, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.moderate = False
        flat: list[Any] = []
        for condition in self.conditions:
            flat += list(condition.args) if isinstance(condition, sp.And) else [condition]
        self.atoms = [c for c in flat if c != sp.true]
        self.empty = sp.false in self.atoms
        self.real = {s for s in self.symbols if s.is_extended_real}
        for condition in self.atoms:
            for relation in condition.atoms(sp.StrictLessThan, sp.LessThan, sp.StrictGreaterThan, sp.GreaterThan):
                self.real |= _ordered_symbols(relation)
        self.tests = [truth(c, enclose) for c in self.atoms]

    @classmethod
    def of(cls, reading: Reading, seed: int = 0) -> Domain:
        """The domain of a claim."""
        return cls(reading.symbols, reading.conditions, seed)

    def allows(self, values: Values) -> bool:
        """Whether a point obeys the assumptions and, decidedly, every condition."""
        if self.empty or not all(_possible(s, v) for s, v in values.items()):
            return False
        with precision(200):
            point = at(values)
            return all(test(point) is True for test in self.tests)

    def points(
        self,
        count: int,
        places: tuple[sp.Expr, ...] = (),
        moderate: bool = False,
        singles: tuple[sp.Expr, ...] = (),
    ) -> list[Values]:
        """Up to `count` points of the bulk and the edges, then those around `places`, where an expression changes form.

        Args:
            count: how many points of the first sort.
            places: expressions that vanish where something changes.
            moderate: keep to sizes at which integrals are quick.
            singles: expressions whose single zeros have a case of their own.

        Returns:
            Distinct points; none where the domain wasn't met.
        """
        self.moderate = moderate
        if self.empty:
            return []
        if not self.symbols:
            return [{}]
        found: dict[tuple[Any, ...], Values] = {}
        misses = 0
        for turn in itertools.count():
            if len(found) >= count or turn >= 6 * count or (not found and misses > _TRIES):
                break
            values = self._candidate(turn)
            if values is not None and self._accept(values):
                found.setdefault(tuple(values.values()), values)
            else:
                misses += 1
        for values in self._consecutive(list(found.values())[:2]):
            if self._accept(values):
                found.setdefault(tuple(values.values()), values)
        drawn = list(found.values())
        for base in drawn[:3]:
            for values in self._around(places, base):
                if self._accept(values):
                    found.setdefault(tuple(values.values()), values)
        for gap in singles:
            for values in itertools.islice(self._on(gap, drawn), 3):
                found.setdefault(tuple(values.values()), values)
        return list(found.values())

    def _on(self, gap: sp.Expr, bases: list[Values]) -> Iterator[Values]:
        """Points at which an expression vanishes exactly."""
        small = [{s: _small(s, v, k) for s, v in base.items()} for k, base in enumerate(bases[:6])]
        tried: set[Any] = set()
        for base in [*bases[:8], *small]:
            for symbol in self.symbols:
                if symbol not in gap.free_symbols or not (symbol in self.real or symbol.is_integer):
                    continue
                others = {s: v for s, v in base.items() if s != symbol}
                key = (symbol, *((s, v) for s, v in others.items() if s in gap.free_symbols))
                if key in tried:
                    continue
                tried.add(key)
                for root in exact_zeros(gap, symbol, others, patient=True)[0][:6]:
                    values = {s: (root if s == symbol else v) for s, v in base.items()}
                    if vanishes_at(gap, values) and self._accept(values):
                        yield values

    @property
    def finite(self) -> bool:
        """Whether every symbol is fixed by the conditions: an integer within bounds, or solved from an equation."""
        solved = {s for c in self.atoms if isinstance(c, sp.Eq) for s in c.free_symbols}
        bounded = {s for c in self.atoms if not c.has(sp.Ne) for s in c.free_symbols if s.is_integer}
        return all(s in solved | bounded for s in self.symbols)

    def misses(self, gap: sp.Expr) -> bool:
        """Whether an expression in one symbol vanishes nowhere in the domain, all its zeros being known."""
        if len(gap.free_symbols) != 1:
            return False
        (symbol,) = gap.free_symbols
        if not (symbol in self.real or symbol.is_integer):
            return False
        roots, complete = exact_zeros(gap, symbol, {})
        own = Domain((symbol,), tuple(c for c in self.conditions if c.free_symbols <= {symbol}), self.seed)
        return complete and not any(own.allows({symbol: r}) for r in roots)

    def _accept(self, values: Values) -> bool:
        self.tried += 1
        if self.allows(values):
            return True
        self.refused += 1
        return False

    def _candidate(self, turn: int) -> Values | None:
        """One point: symbols in turn, each inside what the conditions leave once the earlier ones are set."""
        order = list(self.symbols)
        if turn % 2 and len(order) > 1 and self.atoms:
            self.random.shuffle(order)
        solved = self._solved_last(order)
        values: Values = {}
        for place, symbol in enumerate(order):
            if symbol in solved:
                value = self._solve(solved[symbol], symbol, values)
            else:
                value = self._value(symbol, values, turn, place)
            if value is None:
                return None
            values[symbol] = value
        return {s: values[s] for s in self.symbols}

    def _solved_last(self, order: list[sp.Basic]) -> dict[sp.Basic, Any]:
        """Equations among the conditions, each given to a symbol that it fixes; these symbols are moved to the end."""
        solved: dict[sp.Basic, Any] = {}
        for condition in self.atoms:
            if isinstance(condition, sp.Eq):
                gap = condition.lhs - condition.rhs
                free = [s for s in order if s in gap.free_symbols and s not in solved]
                linear = [s for s in free if gap.diff(s).free_symbols.isdisjoint({s})]
                if free:
                    solved[(linear or free)[-1]] = gap
        order.sort(key=lambda s: (s in solved, list(solved).index(s) if s in solved else 0))
        return solved

    def _solve(self, gap: sp.Expr, symbol: sp.Basic, values: Values) -> sp.Expr | None:
        """A value of the symbol at which the gap vanishes."""
        equation = sp.expand(gap.xreplace(values))
        if not equation.has(symbol):
            return self._value(symbol, values, self.random.randrange(40), 0) if equation == 0 else None
        if equation.is_polynomial(symbol) and (symbol in self.real or symbol.is_integer):
            exact, complete = exact_zeros(equation, symbol, {})
            if complete:
                fitting = [r for r in exact if _possible(symbol, r)]
                return self.random.choice(fitting) if fitting else None
        try:
            roots = [r for r in sp.solve(equation, symbol) if not r.free_symbols and _possible(symbol, r)]
        except (NotImplementedError, ValueError, TypeError):
            return None
        return self.random.choice(roots) if roots else None

    def _value(self, symbol: sp.Basic, values: Values, turn: int, place: int) -> sp.Expr | None:
        if symbol not in self.real and not symbol.is_integer:
            return self._imaginary(symbol, turn, place)
        gaps = []
        for condition in self.atoms:
            for relation in condition.atoms(Relational):
                gap = relation.lhs - relation.rhs
                if symbol in gap.free_symbols and gap.free_symbols - {symbol} <= set(values) and not gap.has(sp.oo):
                    gaps.append(gap)
        cells = self._cells(symbol, gaps, values)
        if not cells:
            return None
        low, high = self._choose(cells, turn, place)
        for _ in range(4):
            value = self._inside(symbol, low, high, turn, place)
            if value is not None and _possible(symbol, value):
                return value
            turn = self.random.randrange(1000)
        return None

    def _cells(self, symbol: sp.Basic, gaps: list[sp.Expr], values: Values) -> list[tuple[Any, Any]]:
        """Intervals of the symbol, ends included where they may be, on which the decided conditions may hold."""
        low = sp.Integer(0) if symbol.is_extended_nonnegative else None
        high = sp.Integer(0) if symbol.is_extended_nonpositive else None
        ends: list[Any] = sorted({r for gap in gaps for r in zeros(gap, symbol, values)})
        ends = [e for e in ends if (low is None or e > low) and (high is None or e < high)]
        marks = [low, *ends, high]
        cells = list(itertools.pairwise(marks)) + [(e, e) for e in ends]
        if 0 in (low, high) and _possible(symbol, sp.Integer(0)):
            cells.append((sp.Integer(0), sp.Integer(0)))
        if not gaps:
            return cells
        tests = [
            (c, truth(c, enclose))
            for c in self.atoms
            if symbol in c.free_symbols and c.free_symbols <= {symbol, *values} and not isinstance(c, sp.Eq)
        ]
        kept = []
        for a, b in cells:
            with precision(256):
                point = at({**values, symbol: _middle(a, b)})
                if all(test(point) is not False for _, test in tests):
                    kept.append((a, b))
        return kept

    def _choose(self, cells: list[tuple[Any, Any]], turn: int, place: int) -> tuple[Any, Any]:
        wide = [c for c in cells if c[0] is None or c[0] != c[1]]
        narrow = [c for c in cells if c not in wide]
        if narrow and (not wide or turn % 9 == 8):
            return narrow[turn % len(narrow)]
        if turn < 4 * len(wide):
            return wide[(turn + place) % len(wide)]
        return self.random.choice(wide)

    def _inside(self, symbol: sp.Basic, low: Any, high: Any, turn: int, place: int) -> sp.Expr | None:
        """A value between two ends, by turns in the bulk, near an end, small, large, simple or irrational."""
        draw = self.random
        if symbol.is_integer:
            return self._whole(symbol, low, high, turn)
        if low is not None and low == high:
            return low
        mode = turn % 9 if turn < 27 else draw.randrange(9)
        fraction = sp.Rational(draw.randrange(1, 2**62), 2**62)
        if low is not None and high is not None:
            width = high - low
            if mode in (2, 6):
                return low + width * fraction / 10 ** draw.choice((2, 6, 15))
            if mode in (3, 7):
                return high - width * fraction / 10 ** draw.choice((2, 6, 15))
            return low + width * sp.Rational(draw.randrange(1, 997), 997) if mode == 4 else low + width * fraction
        if low is None and high is None:
            sign = 1 if (turn >> place) % 2 else -1
            if mode == 8 and turn < 9:
                return sp.Integer(0)
            return sign * self._size(mode, fraction)
        size = self._size(mode, fraction)
        return low + size if low is not None else high - size

    def _size(self, mode: int, fraction: sp.Rational) -> sp.Expr:
        """A positive number of a size that the mode says."""
        draw = self.random
        if mode == 2:
            return fraction / 10 ** draw.choice((1,) if self.moderate else (1, 3, 8))
        if mode == 3:
            return 5 + fraction * 10 ** draw.choice((1,) if self.moderate else (1, 2, 3))
        if mode == 4:
            return sp.Rational(draw.randrange(1, 13), draw.choice((1, 1, 2, 3)))
        if mode == 5:
            return sp.sqrt(2) * sp.Rational(draw.randrange(1, 400), 200)
        if mode == 6:
            return fraction * 12
        return fraction * 3

    def _whole(self, symbol: sp.Basic, low: Any, high: Any, turn: int) -> sp.Expr:
        draw = self.random
        size = (turn % 7, draw.randrange(8), draw.randrange(30), draw.randrange(8, 60), draw.randrange(100, 2000))[
            turn % 5
        ]
        if low is not None and high is not None:
            first, last = sp.ceiling(low), sp.floor(high)
            return first + (size % (last - first + 1) if last >= first else 0)
        if low is None and high is None:
            return sp.Integer(size if (turn // 5) % 2 == 0 else -size)
        return sp.ceiling(low) + size if low is not None else sp.floor(high) - size

    def _imaginary(self, symbol: sp.Basic, turn: int, place: int) -> sp.Expr:
        """A complex value: quadrants first, then both sides of the axes, near them, and on them."""
        draw = self.random
        first, second = (sp.Rational(draw.randrange(1, 2**40), 2**39) for _ in range(2))
        turn += 5 * place if turn >= 4 else place
        signs = ((1, 1), (-1, 1), (-1, -1), (1, -1))[turn % 4]
        mode = (turn // 4) % 6 if turn < 48 else draw.randrange(6)
        if symbol.is_imaginary:
            return sp.I * signs[1] * first * (10 if mode == 2 else 1)
        if mode == 1:  # next to the real axis
            second = second / 10 ** draw.choice((3, 20))
        elif mode == 2:  # large
            first, second = first * 7, second * 9
        elif mode == 3:  # on an axis
            first, second = (first, sp.Integer(0)) if turn % 2 else (sp.Integer(0), second)
            if turn % 4 == 3:
                signs = (-1, 1)
        elif mode == 4:  # small
            first, second = first / 1000, second / 1000
        elif mode == 5:  # simple
            first, second = sp.Integer(draw.randrange(0, 5)), sp.Integer(draw.randrange(0, 3))
        if symbol.is_real is False and second == 0:
            second = sp.Rational(1, 3)
        return signs[0] * first + sp.I * signs[1] * second

    def _consecutive(self, bases: list[Values]) -> Iterator[Values]:
        """Small integers one after the other, where a claim about integers may fail at one of them only."""
        whole = [s for s in self.symbols if s.is_integer]
        if len(whole) == 1:
            for base in bases[:1]:
                for k in range(-12, 41):
                    yield {**base, whole[0]: sp.Integer(k)}
        elif whole:
            for base in bases[:1]:
                for pair in itertools.product(range(-2, 6), repeat=2):
                    yield {**base, **{s: sp.Integer(pair[j % 2] + j // 2) for j, s in enumerate(whole)}}

    def _around(self, places: tuple[sp.Expr, ...], base: Values) -> Iterator[Values]:
        """Points on both sides of where the expressions vanish, at it, and between two such places."""
        for symbol in self.symbols:
            if symbol not in self.real and not symbol.is_integer:
                continue
            others = {s: v for s, v in base.items() if s != symbol}
            ends: set[Any] = set()
            for place in places:
                if symbol in place.free_symbols and place.free_symbols <= set(base):
                    for target in _targets(place, base):
                        ends |= set(exact_zeros(target, symbol, others)[0])
            marks = sorted(ends)[:40]
            chosen: list[Any] = list(marks)
            chosen += [(a + b) / 2 for a, b in itertools.pairwise(marks)]
            for mark in marks:
                for power in _STEPS:
                    step = sp.Rational(1, 10**power)
                    chosen += [mark - step, mark + step]
            for value in chosen:
                if symbol.is_integer:
                    value = sp.floor(value)
                yield {s: (value if s == symbol else v) for s, v in base.items()}


def unmet(singles: tuple[sp.Expr, ...], points: list[Values], domain: Domain) -> list[sp.Expr]:
    """Those of the expressions of `single_values` that vanish at none of the points, and may vanish in the domain."""
    return [g for g in singles if not any(vanishes_at(g, p) for p in points) and not domain.misses(g)]


def _small(symbol: sp.Basic, value: sp.Expr, turn: int) -> sp.Expr:
    """A simple value of modest size with the sign of another, for a real symbol."""
    if not value.is_extended_real or value == 0:
        return value
    size = sp.Integer(1 + turn % 3) if symbol.is_integer else sp.Rational(3, (5, 13, 4, 29, 2, 7)[turn % 6])
    return size if value > 0 else -size


def _middle(a: Any, b: Any) -> Any:
    if a is None and b is None:
        return sp.Rational(1, 7)
    if a is None:
        return b - 1
    return a + 1 if b is None else (a + b) / 2


def _ordered_symbols(relation: Relational) -> set[sp.Basic]:
    """Symbols that an order relation makes real: those outside absolute values and real or imaginary parts."""
    gap = relation.lhs - relation.rhs
    bare = gap.replace(lambda e: isinstance(e, sp.Abs | sp.re | sp.im | sp.arg), lambda e: sp.Integer(1))
    return {s for s in bare.free_symbols if s.is_extended_real is not False}


_CHECKED = [
    "integer",
    "rational",
    "irrational",
    "positive",
    "negative",
    "nonnegative",
    "nonpositive",
    "nonzero",
    "zero",
    "even",
    "odd",
    "prime",
    "real",
    "imaginary",
    "finite",
    "composite",
    "noninteger",
]


def _possible(symbol: sp.Basic, value: sp.Expr) -> bool:
    """Whether a value agrees with the assumptions of a symbol."""
    for name in _CHECKED:
        wanted = getattr(symbol, f"is_{name}", None)
        if wanted is not None and getattr(value, f"is_{name}") not in (wanted, None):
            return False
    return True


def _targets(place: sp.Expr, base: Values) -> list[sp.Expr]:
    """What vanishes at a place: the expression, or for a floor, its distance from the integers nearby."""
    if not isinstance(place, sp.floor):
        return [place]
    inner = place.args[0]
    try:
        with precision(128):
            value = enclose(inner)(at(base)).real
        n = int(value.mid().floor().unique_fmpz())
    except (Declined, TypeError, ValueError, OverflowError):
        return []
    return [inner - n, inner - n - 1]
