"""Ball arithmetic for SymPy expressions: a value with a rigorous error bound, by Arb (python-flint).

`enclose(expr)` compiles an expression once into a function of a `Point`. On the branch cuts Arb's functions take the
values that SymPy documents (log(-1) = i pi). Where a ball meets a discontinuity the result covers both sides, or is
not finite; it is never a wrong narrow ball. While an integral is computed, `analytic` asks each function to return
a non-finite ball where it isn't holomorphic on its argument, as `acb.integral` needs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import sympy as sp
from flint import acb, arb
from sympy.core.function import AppliedUndef

from symrg.budget import Declined
from symrg.verification.enclosed_forms import FORMS, truth
from symrg.verification.enclosed_functions import CONSTANTS, FUNCTIONS
from symrg.verification.evaluation import NAN, Evaluate, Point, exact_number, rational

__all__ = ["Evaluate", "Point", "at", "constant", "enclose", "exact_number", "rational", "truth"]

_HALF = sp.Rational(1, 2)


def at(values: dict[sp.Basic, sp.Expr]) -> Point:
    """The point with these exact values, as balls of the current precision."""
    return Point({s: constant(v) for s, v in values.items()}, dict(values))


def constant(value: sp.Expr) -> acb:
    """The ball of a constant expression."""
    if value.is_Rational:
        return acb(rational(value))
    return enclose(value)(Point({}))


@lru_cache(maxsize=1024)
def enclose(expr: sp.Basic) -> Evaluate:
    """The function that encloses `expr` at a point; what was compiled is kept.

    Raises:
        Declined: the expression contains something without an enclosure; the message names it.
    """
    known: dict[sp.Basic, Evaluate] = {}

    def compiled(node: sp.Basic) -> Evaluate:
        if node not in known:
            known[node] = _compile(node, compiled)
        return known[node]

    return compiled(expr)


def _compile(node: sp.Basic, compiled: Callable[[sp.Basic], Evaluate]) -> Evaluate:
    if node.is_Symbol or isinstance(node, sp.Indexed):
        return lambda point: point.values[node]
    if isinstance(node, sp.Float):
        node = exact_number(node)
    if isinstance(node, sp.Rational):
        number = rational(node)
        return lambda point: acb(number)
    name = type(node).__name__
    if isinstance(node, AppliedUndef) or not type(node).__module__.startswith("sympy."):
        raise Declined(f"{str(node)[:60]} has no values of its own")
    if name in CONSTANTS:
        return CONSTANTS[name]
    if isinstance(node, sp.Add):
        if len(node.args) == 2 and node.args[0] == -1 and isinstance(node.args[1], sp.exp):
            exponent = compiled(node.args[1].args[0])
            return lambda point: exponent(point).expm1()
        return _add([compiled(a) for a in node.args])
    if isinstance(node, sp.Mul):
        return _mul([compiled(a) for a in node.args])
    if isinstance(node, sp.exp):
        exponent = compiled(node.args[0])
        return lambda point: exponent(point).exp()
    if isinstance(node, sp.Pow):
        return _power(node, compiled)
    if isinstance(node, sp.Mod):
        p, q = node.args
        return compiled(p - q * sp.floor(p / q, evaluate=False))
    if name in FORMS:
        return FORMS[name](node, compiled)
    if name in FUNCTIONS:
        return _apply(node, [compiled(a) for a in node.args])
    raise Declined(f"no enclosure is known for {name}: {str(node)[:60]}")


def _apply(node: sp.Basic, parts: list[Evaluate]) -> Evaluate:
    function, cut = FUNCTIONS[type(node).__name__]
    if len(parts) == 1:
        (part,) = parts

        def one(point: Point) -> acb:
            z = part(point)
            return NAN if point.analytic and cut(z) else function(z)

        return one

    def many(point: Point) -> acb:
        values = [p(point) for p in parts]
        return NAN if point.analytic and cut(*values) else function(*values)

    return many


def _add(parts: list[Evaluate]) -> Evaluate:
    def total(point: Point) -> acb:
        value = parts[0](point)
        for part in parts[1:]:
            value = value + part(point)
        return value

    return total


def _mul(parts: list[Evaluate]) -> Evaluate:
    def product(point: Point) -> acb:
        value = parts[0](point)
        for part in parts[1:]:
            value = value * part(point)
        return value

    return product


def _power(node: sp.Pow, compiled: Callable[[sp.Basic], Evaluate]) -> Evaluate:
    base, exponent = compiled(node.base), node.exp
    if exponent.is_Float:
        exponent = exact_number(exponent)
    if exponent.is_Integer:
        n = int(exponent)
        if abs(n) <= 10_000:
            return lambda point: base(point) ** n
    if exponent == _HALF:
        return lambda point: base(point).sqrt(analytic=point.analytic)
    if exponent == -_HALF:
        return lambda point: base(point).rsqrt(analytic=point.analytic)
    if node.base == sp.E:
        power = compiled(exponent)
        return lambda point: power(point).exp()
    power = compiled(exponent)
    whole = bool(exponent.is_integer)

    def general(point: Point) -> acb:
        z, w = base(point), power(point)
        if z.is_zero():
            return acb(0) if w.real > 0 else acb(1) if w.is_zero() else NAN
        if whole and w.is_exact() and w.imag.is_zero() and (n := w.unique_fmpz()) is not None and abs(n) <= 10_000:
            return z ** int(n)
        if z.contains(0) and w.real > 0 and not point.analytic:
            radius = (z.abs_upper() ** w.real.lower()).union(z.abs_upper() ** w.real.upper()).upper()
            turn = (w.imag.abs_upper() * arb.pi()).exp().upper()
            size = arb(0, (radius * turn).upper())
            return acb(size, size)
        return z.pow(w, analytic=point.analytic and not whole)

    return general
