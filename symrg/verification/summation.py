"""Rigorous sums and products: finite ones term by term, infinite ones with a bound on the tail."""

from __future__ import annotations

import sympy as sp
from flint import acb

from symrg.budget import Declined
from symrg.verification.enclosure import Evaluate, Point, enclose

TERMS = 20_000


def enclose_sum(node: sp.Sum) -> Evaluate:
    """The function that encloses a sum at a point."""
    return _accumulate(node, acb(0), lambda total, term: total + term)


def enclose_product(node: sp.Product) -> Evaluate:
    """The function that encloses a product at a point."""
    return _accumulate(node, acb(1), lambda total, term: total * term)


def _accumulate(node: sp.Sum | sp.Product, empty: acb, join) -> Evaluate:
    *inner, limit = node.limits
    body = node.func(node.function, *inner) if inner else node.function
    variable, low, high = limit
    if low.is_infinite or high.is_infinite:
        raise Declined("an infinite sum")
    function, start, end = enclose(body), enclose(low), enclose(high)

    def value(point: Point) -> acb:
        first, last = start(point).unique_fmpz(), end(point).unique_fmpz()
        if first is None or last is None or last - first > TERMS:
            return acb("nan", "nan")
        total = empty
        for k in range(int(first), int(last) + 1):
            term = point.with_values({variable: acb(k)})
            term.exact[variable] = sp.Integer(k)
            total = join(total, function(term))
        return total

    return value
