"""Rigorous sums and products: finite ones term by term, infinite ones with a proven bound on the tail.

The tail of a series is bounded by a geometric one, once the ratio of neighbouring terms is shown to stay below a
number less than 1; for a rational summand, or a power, it is a combination of Hurwitz zeta and digamma functions; for
one that alternates or turns (see `twisted_sums.py`), of Lerch's functions.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp
from flint import acb, arb, ctx

from symrg.budget import Declined, OutOfTime, within
from symrg.verification.enclosure import Evaluate, Point, enclose
from symrg.verification.majorant import Majorant
from symrg.verification.twisted_sums import TwistedTail, partial_fractions

TERMS = 20_000
_NAN = acb("nan", "nan")
Tail = Callable[[Point, int], acb]


def enclose_sum(node: sp.Sum) -> Evaluate:
    """The function that encloses a sum at a point.

    Raises:
        Declined: an infinite sum whose tail can't be bounded.
    """
    body, variable, low, high = _innermost(node)
    if low == -sp.oo:
        mirrored = body.xreplace({variable: -variable})
        first = sp.Integer(0) if high == sp.oo else high
        left = enclose_sum(sp.Sum(mirrored, (variable, -first + (1 if high == sp.oo else 0), sp.oo)))
        if high != sp.oo:
            return left
        right = enclose_sum(sp.Sum(body, (variable, 0, sp.oo)))
        return lambda point: left(point) + right(point)
    if high != sp.oo:
        return _finite(body, variable, low, high, acb(0), lambda total, term: total + term)
    return _infinite(body, variable, low)


def enclose_product(node: sp.Product) -> Evaluate:
    """The function that encloses a finite product at a point.

    Raises:
        Declined: an infinite product.
    """
    body, variable, low, high = _innermost(node)
    if low.is_infinite or high.is_infinite:
        raise Declined("an infinite product")
    return _finite(body, variable, low, high, acb(1), lambda total, term: total * term)


def _innermost(node: sp.Sum | sp.Product) -> tuple[sp.Expr, sp.Symbol, sp.Expr, sp.Expr]:
    *inner, limit = node.limits
    if len(limit) != 3:
        raise Declined("an indefinite sum")
    return (node.func(node.function, *inner) if inner else node.function), *limit


def _finite(
    body: sp.Expr, variable: sp.Symbol, low: sp.Expr, high: sp.Expr, empty: acb, join: Callable[[acb, acb], acb]
) -> Evaluate:
    function, start, end = enclose(body), enclose(low), enclose(high)

    def value(point: Point) -> acb:
        first, last = start(point).unique_fmpz(), end(point).unique_fmpz()
        if first is None or last is None or last - first > TERMS:
            return _NAN
        if last < first - 1:  # Karr's convention, as in SymPy
            back = acb(0) if empty.is_zero() else acb(1)
            for k in range(int(last) + 1, int(first)):
                back = join(back, function(_term(point, variable, k)))
            return -back if empty.is_zero() else 1 / back
        total = empty
        for k in range(int(first), int(last) + 1):
            total = join(total, function(_term(point, variable, k)))
        return total

    return value


def _term(point: Point, variable: sp.Symbol, k: int) -> Point:
    new = point.with_values({variable: acb(k)})
    new.exact[variable] = sp.Integer(k)
    return new


def _infinite(body: sp.Expr, variable: sp.Symbol, low: sp.Expr) -> Evaluate:
    function, start = enclose(body), enclose(low)
    tails = [tail for make in (_geometric, _closed, TwistedTail) if (tail := _made(make, body, variable)) is not None]
    if not tails:
        raise Declined(f"no bound on the tail of the sum of {str(body)[:60]}")

    def value(point: Point) -> acb:
        first = start(point).unique_fmpz()
        if first is None:
            return _NAN
        reason = Declined("the tail of the sum isn't bounded")
        for tail in tails:
            try:
                return _summed(function, tail, point, variable, int(first))
            except Declined as declined:
                reason = declined
        raise reason

    return value


def _made(make: Callable[[sp.Expr, sp.Symbol], Tail | None], body: sp.Expr, variable: sp.Symbol) -> Tail | None:
    try:
        return within(2.0, make, body, variable)
    except (OutOfTime, Declined, ValueError, TypeError, NotImplementedError, ArithmeticError, AttributeError):
        return None


def _summed(function: Evaluate, tail: Tail, point: Point, variable: sp.Symbol, first: int) -> acb:
    goal = arb(2) ** (20 - ctx.prec)
    total, k, stop = acb(0), first, 8
    while k - first < TERMS:
        for number in range(k, first + stop):
            total += function(_term(point, variable, number))
        k = first + stop
        try:
            rest = tail(point, k)
        except Declined:
            if stop > TERMS // 2:
                raise
            stop *= 2
            continue
        if rest.is_finite() and (rest.real.rad() + rest.imag.rad() < goal):
            return total + rest
        stop = stop * 3 // 2
    raise Declined("the sum converges too slowly")


def _geometric(body: sp.Expr, variable: sp.Symbol) -> Tail | None:
    """|rest| <= |term| / (1 - r) where the ratio of neighbouring terms stays below r < 1."""
    x = sp.Dummy("x", positive=True)
    ratio = sp.combsimp(body.subs(variable, variable + 1) / body)
    ratio = sp.powsimp(sp.cancel(sp.powsimp(ratio)) if ratio.is_rational_function(variable) else sp.powsimp(ratio))
    if ratio.has(sp.gamma, sp.factorial, sp.binomial, sp.Piecewise):
        return None
    moved = sp.powsimp(ratio.subs(variable, x))
    if ratio.is_rational_function(variable):
        moved = sp.factor(moved)
    term = enclose(body)

    def tail(point: Point, k: int) -> acb:
        majorant = Majorant(x, point, arb(max(k, 1)))
        total = arb(0)
        for part in majorant.upper(moved):
            if not majorant.falling(part):
                raise Declined("the ratio of neighbouring terms grows")
            total += majorant.value(part)
        if not total < 1:
            raise Declined("the ratio of neighbouring terms isn't below 1")
        first = term(_term(point, variable, k)).abs_upper()
        radius = arb(0, (first / (1 - total)).upper())
        return acb(radius, radius)

    return tail


def _closed(body: sp.Expr, variable: sp.Symbol) -> Tail | None:
    """The tail of a rational summand, of an alternating one, and of a power (n + a)^w."""
    n = sp.Symbol("n", integer=True)
    body = body.subs(variable, n)
    if not body.is_rational_function(n):
        rest = sp.simplify(body / (-1) ** n)
        if rest.is_rational_function(n):
            return _alternating(sp.cancel(rest), n)
        return _power_tail(body, n)
    return _rational(sp.cancel(body), n)


def _alternating(rest: sp.Expr, n: sp.Symbol) -> Tail | None:
    above, below = (sp.Poly(p, n) for p in sp.fraction(rest))
    if below.degree() <= above.degree():
        return None  # the terms don't go to 0: pairs of them may cancel, and the sum still diverges
    m = sp.Symbol("m", integer=True)
    pair = sp.cancel(sp.together(rest.subs(n, 2 * m) - rest.subs(n, 2 * m + 1)))
    even = _rational(pair, m)
    single = enclose(rest * (-1) ** n)
    if even is None:
        return None

    def tail(point: Point, k: int) -> acb:
        if k % 2:
            return single(_term(point, n, k)) + even(point, (k + 1) // 2)
        return even(point, k // 2)

    return tail


def _power_tail(body: sp.Expr, n: sp.Symbol) -> Tail | None:
    coefficient, rest = body.as_independent(n, as_Add=False)
    base, exponent = rest.as_base_exp()
    if exponent.has(n) or not base.is_polynomial(n) or sp.degree(base, n) != 1:
        return None
    slope = base.coeff(n, 1)
    if not slope.is_positive:
        return None
    scale, shift = enclose(coefficient * slope**exponent), enclose(base.coeff(n, 0) / slope)
    power = enclose(-exponent)

    def tail(point: Point, k: int) -> acb:
        s = power(point)
        if not s.real > 1:
            raise Declined("the sum of powers diverges")
        return scale(point) * s.zeta(shift(point) + k)

    return tail


def _rational(summand: sp.Expr, n: sp.Symbol) -> Tail | None:
    """By partial fractions: sums of 1/(n - r)^k are zeta functions, those of 1/(n - r) digamma functions."""
    numerator, denominator = (sp.Poly(p, n) for p in sp.fraction(summand))
    if denominator.degree() - numerator.degree() < 2:
        return None
    found = partial_fractions(summand, n)
    if found is None:
        return None
    parts = [(enclose(coefficient), enclose(root), order) for coefficient, root, order in found]

    def tail(point: Point, k: int) -> acb:
        total = acb(0)
        for coefficient, root, order in parts:
            z = k - root(point)
            if not z.real > 0:
                raise Declined("a pole lies further out")
            total += coefficient(point) * (-z.digamma() if order == 1 else acb(order).zeta(z))
        return total

    return tail
