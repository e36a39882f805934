"""Infinite sums and products in floating point, by adding up where terms fall fast and by extrapolation elsewhere.

An extrapolation can be fooled: a single vanishing term makes Shanks' transformation take the partial sum before it
for the limit, at every precision alike. So extrapolation is asked twice, from different first terms, and what doesn't
agree has no value. Terms that turn (sines, cosines, powers of a number on the unit circle) are grouped by how fast
they turn, and each group is extrapolated on its own by Levin's transformation.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import mpmath
import sympy as sp

from symrg.budget import Declined

Term = Callable[[Any], Any]

_BLOCK = 8  # terms that are compared with the eight before them
_MOST = 4000  # terms added up one by one
_STARTS = (9, 26)  # terms added up before an extrapolation begins
_METHODS = ("r+s", "l", "e")


def infinite_sum(term: Term, low: Any, high: Any) -> Any:
    """The sum of `term(k)` from low to high, one of which is infinite.

    Raises:
        Declined: the terms don't shrink, or no way of extrapolating agrees with itself.
    """
    return _infinite(term, low, high, product=False)


def infinite_product(factor: Term, low: Any, high: Any) -> Any:
    """The product of `factor(k)` from low to high, one of which is infinite.

    Raises:
        Declined: no way of extrapolating agrees with itself.
    """
    return _infinite(factor, low, high, product=True)


def _infinite(term: Term, low: Any, high: Any, product: bool) -> Any:
    if mpmath.isinf(low) and mpmath.isinf(high):
        above = _infinite(term, mpmath.mpf(0), high, product)
        below = _infinite(term, low, mpmath.mpf(-1), product)
        return above * below if product else above + below
    if mpmath.isinf(low):
        return _infinite(lambda k: term(-k), -high, mpmath.inf, product)
    first = int(low)
    if product:
        return _extrapolated(term, first, ("r+s",), product)
    _refuse_growth(term, first)
    found = _added_up(term, first)
    return _extrapolated(term, first, _METHODS, product) if found is None else found


def _refuse_growth(term: Term, first: int) -> None:
    early, late = (_largest(term, first + n) for n in (100, 800))
    if not late < early and late != 0:
        raise Declined("a series whose terms don't shrink")


def _largest(term: Term, start: int) -> Any:
    return max(abs(term(mpmath.mpf(start + j))) for j in range(7))


def _added_up(term: Term, first: int) -> Any:
    """The sum term by term, None where the terms don't fall geometrically."""
    total, peak, before, slow = mpmath.mpf(0), mpmath.mpf(0), None, 0
    eps = mpmath.mpf(10) ** -(mpmath.mp.dps + 2)
    for start in range(first, first + _MOST, _BLOCK):
        terms = [term(mpmath.mpf(k)) for k in range(start, start + _BLOCK)]
        total += mpmath.fsum(terms)
        largest = max(abs(t) for t in terms)
        peak = max(peak, largest)
        if before is not None and start - first >= 3 * _BLOCK:
            ratio = largest / before if before else mpmath.mpf(0 if not largest else 2)
            if (
                ratio < 0.7
                and largest <= eps * peak
                and all(_largest(term, first + n) <= largest for n in (2000, 9000))
            ):
                return total
            slow = slow + 1 if 0.8 < ratio <= 1.05 else 0
            if slow >= _BLOCK:
                return None
        before = largest
    return None


def _extrapolated(term: Term, first: int, methods: tuple[str, ...], product: bool) -> Any:
    """The limit on which extrapolations from two first terms agree.

    Raises:
        Declined: none do.
    """
    known: dict[tuple[int, int], Any] = {}

    def kept(k: Any) -> Any:
        key = int(k), mpmath.mp.prec
        if key not in known:
            known[key] = term(k)
        return known[key]

    for method in methods:
        found = []
        for count in _STARTS:
            start = [term(mpmath.mpf(k)) for k in range(first, first + count)]
            if product:
                found.append(mpmath.fprod(start) * mpmath.nprod(kept, [first + count, mpmath.inf]))
            else:
                found.append(mpmath.fsum(start) + mpmath.nsum(kept, [first + count, mpmath.inf], method=method))
        scale = max(abs(found[0]), abs(found[1]), mpmath.mpf(10) ** -5)
        if abs(found[0] - found[1]) <= scale * mpmath.mpf(10) ** -(mpmath.mp.dps * 6 // 10):
            return found[1]
    raise Declined("extrapolations of a series from different terms don't agree")


def turning_groups(summand: sp.Expr, variable: sp.Symbol) -> dict[sp.Expr, sp.Expr] | None:
    """A summand with sines and cosines as a sum of exp(i w n) times something that doesn't turn: the parts by w.

    Args:
        summand: of a series.
        variable: its index n.

    Returns:
        {w: summand's part with exp(i w n), that factor included}; None where it can't be written so.
    """
    waves = [node for node in summand.atoms(sp.sin, sp.cos) if node.has(variable)]
    if not waves or not all(_linear(w.args[0], variable) for w in waves):
        return None
    names = {w: sp.Dummy() for w in waves}
    body = summand.xreplace(names)
    if not body.is_polynomial(*names.values()):
        return None
    groups: dict[sp.Expr, sp.Expr] = {}
    for powers, coefficient in sp.Poly(body, *names.values()).terms():
        product = {sp.Integer(0): coefficient}
        for wave, power in zip(names, powers):
            for _ in range(power):
                product = _times(product, _turns(wave, variable))
        for rate, part in product.items():
            groups[rate] = groups.get(rate, sp.Integer(0)) + part
    return {rate: part * sp.exp(sp.I * rate * variable) for rate, part in groups.items() if part != 0}


def _turns(wave: sp.Expr, variable: sp.Symbol) -> dict[sp.Expr, sp.Expr]:
    """A sine or cosine of w n + b as {w: exp(i b)/2, -w: +-exp(-i b)/2}, over i for a sine."""
    argument = sp.expand(wave.args[0])
    rate, phase = argument.coeff(variable, 1), argument.coeff(variable, 0)
    one, other = (1, 1) if isinstance(wave, sp.cos) else (-sp.I, sp.I)
    return {rate: one * sp.exp(sp.I * phase) / 2, -rate: other * sp.exp(-sp.I * phase) / 2}


def _times(one: dict[sp.Expr, sp.Expr], other: dict[sp.Expr, sp.Expr]) -> dict[sp.Expr, sp.Expr]:
    product: dict[sp.Expr, sp.Expr] = {}
    for (a, f), (b, g) in itertools.product(one.items(), other.items()):
        product[a + b] = product.get(a + b, sp.Integer(0)) + f * g
    return product


def _linear(argument: sp.Expr, variable: sp.Symbol) -> bool:
    return bool(argument.is_polynomial(variable)) and sp.degree(sp.expand(argument), variable) == 1


def turning_sum(term: Term, first: int) -> Any:
    """The sum of terms that turn at one rate, by Levin's transformation.

    Raises:
        Declined: extrapolations from different terms don't agree.
    """
    _refuse_growth(term, first)
    return _extrapolated(term, first, ("l",), product=False)
