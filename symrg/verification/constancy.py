"""A residual that doesn't change is 0 where it is 0 at one place of every piece of its domain."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import sympy as sp

from symrg.budget import Budget, Declined
from symrg.verification.points import zeros

_AIRY = (sp.airyai, sp.airybi, sp.airyaiprime, sp.airybiprime)
_SMOOTH = (sp.exp, sp.sin, sp.cos, sp.sinh, sp.cosh, sp.tanh, sp.atan, sp.asinh, sp.erf, sp.erfc, *_AIRY)
_LIMITED = (sp.asin, sp.acos, sp.atanh)
_PLACES = (0, 1, 2, -1, -2, sp.Rational(1, 2), -sp.Rational(1, 2), 3, -3, 4, sp.sqrt(3), 1 / sp.sqrt(3), -sp.sqrt(3))


def constant_and_zero(residual: sp.Expr, budget: Budget) -> list[str] | None:
    """The steps that show: the derivative in a real symbol vanishes, and so does the value at one place a piece.

    The pieces are the intervals between the real zeros of everything at which the residual may jump or end. These
    ends themselves are left to the other witnesses.

    Raises:
        Declined: the residual isn't made of functions whose jumps are known, in one real symbol.
    """
    symbols = sorted(residual.free_symbols, key=str)
    for x in symbols:
        if not isinstance(x, sp.Symbol) or not x.is_extended_real or x.is_integer:
            continue
        try:
            ends = _ends(residual, x)
        except Declined:
            continue
        from symrg.verification.symbolic import reduce_to_zero

        if reduce_to_zero(residual.diff(x), Budget(max(budget.remaining * 0.5, 0.01))) is None:
            continue
        steps = [f"the derivative in {x} vanishes"]
        for low, high in _pieces(ends, x):
            place = next((p for p in _candidates(low, high) if _zero_at(residual, x, p, budget)), None)
            if place is None:
                return None
            steps.append(f"the value at {x} = {place} vanishes")
        return steps
    raise Declined("not a smooth function of a real symbol")


def _ends(residual: sp.Expr, x: sp.Symbol) -> list[sp.Expr]:
    """Where the residual may jump: all real zeros of polynomial gaps."""
    found: set[sp.Expr] = set()
    for node in sp.preorder_traversal(residual):
        if not node.has(x) or node == x or isinstance(node, sp.Add | sp.Mul | _SMOOTH):
            continue
        if isinstance(node, sp.Pow):
            if node.exp.has(x):
                if not node.base.is_positive:
                    raise Declined("a power with a varying exponent")
                continue
            if node.exp.is_integer and node.exp.is_nonnegative:
                continue
            gaps = [node.base]
        elif isinstance(node, sp.log | sp.Abs):
            gaps = [node.args[0]]
        elif isinstance(node, _LIMITED):
            gaps = [node.args[0] - 1, node.args[0] + 1]
        else:
            raise Declined(f"{type(node).__name__} may jump")
        for gap in gaps:
            numerator, denominator = sp.fraction(sp.together(gap))
            for part in (numerator, denominator):
                if not part.is_polynomial(x) or part.free_symbols - {x}:
                    if part.is_positive or part.is_negative:
                        continue
                    raise Declined("the place of a jump isn't known")
                if part.has(x):
                    poly = sp.Poly(part, x)
                    roots = zeros(part, x, {})
                    if len(roots) != len(set(sp.real_roots(poly))):
                        raise Declined("the zeros aren't all found")
                    found |= set(roots)
    return sorted(found)


def _pieces(ends: list[sp.Expr], x: sp.Symbol) -> Iterator[tuple[sp.Expr, sp.Expr]]:
    low = sp.Integer(0) if x.is_nonnegative else -sp.oo
    high = sp.Integer(0) if x.is_nonpositive else sp.oo
    inside = [e for e in ends if low < e < high]
    yield from itertools.pairwise([low, *inside, high])


def _candidates(low: sp.Expr, high: sp.Expr) -> Iterator[sp.Expr]:
    inside = [sp.sympify(p, strict=True) for p in _PLACES if low < p < high]
    yield from inside
    if low.is_finite and high.is_finite:
        yield (low + high) / 2
    elif low.is_finite:
        yield low + 1
    elif high.is_finite:
        yield high - 1


def _zero_at(residual: sp.Expr, x: sp.Symbol, place: sp.Expr, budget: Budget) -> bool:
    from symrg.verification.symbolic import reduce_to_zero

    value = residual.subs(x, place)
    if value.has(sp.nan, sp.zoo, sp.oo):
        return False
    return reduce_to_zero(value, Budget(max(min(1.5, budget.remaining / 4), 0.01))) is not None
