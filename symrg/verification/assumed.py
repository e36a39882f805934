"""Conditions built into symbols, where SymPy can use them: 0 < x < 1 becomes x = u/(1 + u) with u positive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from symrg.budget import Declined


@dataclass(frozen=True)
class Restated:
    """An expression in new symbols that obey the conditions by their assumptions.

    Attributes:
        expr: the expression in the new symbols.
        text: the substitution in words.
        map: old symbol -> its expression.
    """

    expr: sp.Expr
    text: str
    map: dict[sp.Symbol, sp.Expr]


def restated(expr: sp.Expr, conditions: tuple[Any, ...]) -> Restated:
    """The expression with every condition that bounds one symbol built into a new symbol.

    Raises:
        Declined: no condition has such a form.
    """
    flat: list[Any] = []
    for condition in conditions:
        flat += list(condition.args) if isinstance(condition, sp.And) else [condition]
    flat = [c for condition in flat for c in _without_modulus(condition)]
    lower: dict[sp.Symbol, tuple[sp.Expr, bool]] = {}
    upper: dict[sp.Symbol, tuple[sp.Expr, bool]] = {}
    equal: dict[sp.Symbol, sp.Expr] = {}
    apart: dict[sp.Symbol, sp.Expr] = {}
    for condition in flat:
        if isinstance(condition, Relational):
            _sort(condition, lower, upper, equal, apart)
    substitution: dict[sp.Symbol, sp.Expr] = {}
    texts = []
    for symbol, value in equal.items():
        substitution[symbol] = value
        texts.append(f"{symbol} = {value}")
    for symbol in sorted({*lower, *upper}, key=str):
        if symbol in substitution or any(symbol in v.free_symbols for v in substitution.values()):
            continue
        value, text = _bounded(symbol, lower.get(symbol), upper.get(symbol))
        if set(value.free_symbols) & set(substitution):
            continue
        substitution[symbol] = value
        texts.append(text)
    for symbol, value in apart.items():
        taken = {*substitution, *lower, *upper}
        if symbol in taken or value.free_symbols & taken or not _unsigned(symbol):
            continue
        if any(symbol in v.free_symbols for v in substitution.values()):
            continue
        u = sp.Dummy("u", real=True, nonzero=True, integer=True if symbol.is_integer and value.is_integer else None)
        substitution[symbol] = value + u
        texts.append(f"{symbol} = {value + u}, {u} != 0")
    if not substitution:
        raise Declined("no condition bounds a single symbol")
    new = expr
    for _ in range(len(substitution)):
        new = new.subs(substitution, simultaneous=True)
    return Restated(new, "; ".join(texts), substitution)


def _without_modulus(condition: Any) -> list[Any]:
    """|u| < c as -c < u < c, for a real u."""
    if not isinstance(condition, sp.Lt | sp.Le | sp.Gt | sp.Ge):
        return [condition]
    small, large = (condition.lts, condition.gts)
    if isinstance(small, sp.Abs) and small.args[0].is_extended_real:
        kind = sp.Lt if isinstance(condition, sp.Lt | sp.Gt) else sp.Le
        return [kind(small.args[0], large), kind(-large, small.args[0])]
    return [condition]


def _unsigned(symbol: sp.Symbol) -> bool:
    return bool(symbol.is_real) and symbol.is_nonnegative is None and symbol.is_nonpositive is None


def _sort(
    condition: Relational, lower: dict[Any, Any], upper: dict[Any, Any], equal: dict[Any, Any], apart: dict[Any, Any]
) -> None:
    """File a condition that is linear in a symbol under its bounds, its equations or the values that it hasn't."""
    gap = sp.expand(condition.lhs - condition.rhs)
    for symbol in sorted(gap.free_symbols, key=str):
        slope = gap.diff(symbol)
        if symbol in slope.free_symbols or not slope.is_nonzero or not (slope.is_positive or slope.is_negative):
            continue
        bound = sp.cancel(symbol - gap / slope)
        if isinstance(condition, sp.Eq):
            if not bound.has(*equal) and symbol not in equal:
                equal[symbol] = bound
                return
            continue
        if bound.has(sp.oo):
            return
        if isinstance(condition, sp.Ne):
            apart.setdefault(symbol, bound)
            return
        less = isinstance(condition, sp.Lt | sp.Le) == bool(slope.is_positive)
        strict = isinstance(condition, sp.Lt | sp.Gt)
        side, other = (upper, lower) if less else (lower, upper)
        if symbol in side or any(symbol in b.free_symbols for b, _ in [*upper.values(), *lower.values()]):
            continue
        if bound.free_symbols & set(other) or bound.free_symbols & set(side):
            continue
        side[symbol] = (bound, strict)
        return


def _bounded(symbol: sp.Symbol, low: Any, high: Any) -> tuple[sp.Expr, str]:
    if low is None and symbol.is_nonnegative and high is not None:
        low = (sp.Integer(0), bool(symbol.is_positive))
    if high is None and symbol.is_nonpositive and low is not None:
        high = (sp.Integer(0), bool(symbol.is_negative))
    integer = bool(symbol.is_integer)
    if low is not None and high is not None and not integer:
        (a, open_a), (b, open_b) = low, high
        u = sp.Dummy("u", positive=True) if open_a else sp.Dummy("u", nonnegative=True)
        value = (a + b * u) / (1 + u)
        return value, f"{symbol} = {value}, {u} > 0" + ("" if open_b else " (the end in the limit)")
    bound, strict = low if low is not None else high
    sign = 1 if low is not None else -1
    if integer and strict:
        bound, strict = bound + sign, False
    flags = {"positive": True} if strict else {"nonnegative": True}
    u = sp.Dummy("u", integer=True, **flags) if integer else sp.Dummy("u", **flags)
    value = bound + sign * u
    return value, f"{symbol} = {value}, {u} {'>' if strict else '>='} 0"
