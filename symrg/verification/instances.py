"""Concrete functions in the place of undefined ones, and matrices in the place of symbols that don't commute.

A claim about any function f holds for every concrete one, so a concrete one for which it fails refutes it. The test
functions are entire; some fall off at infinity, some take complex values where the declared function may. In the same
way a claim about elements that don't commute holds for all square matrices.
"""

from __future__ import annotations

import random
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from symrg.budget import Declined
from symrg.verification.reading import Reading, evaluated


def instances(reading: Reading, seed: int, count: int = 4) -> list[tuple[str, Reading]]:
    """Readings in which everything undefined is something concrete, each with a text that says what.

    Raises:
        Declined: symbols that don't commute stand in something other than sums, products, whole powers and
            exponentials.
    """
    if reading.noncommuting:
        return _matrices(reading, seed)
    draw = random.Random(seed)
    found = []
    for turn in range(count):
        parts = [*(side for pair in reading.pairs for side in pair), *reading.conditions]
        chosen: dict[Any, sp.Lambda] = {}
        for function in reading.functions:
            arities = {len(f.args) for p in parts for f in p.atoms(AppliedUndef) if f.func == function}
            for arity in sorted(arities):
                chosen[function, arity] = _function(function, arity, turn, draw)
        pairs = tuple((_put(a, chosen), _put(b, chosen)) for a, b in reading.pairs)
        conditions = tuple(_put(c, chosen) for c in reading.conditions)
        text = ", ".join(f"{f}({', '.join(map(str, g.variables))}) = {g.expr}" for (f, _), g in chosen.items())
        found.append((text, Reading(reading.claim, pairs, conditions)))
    return found


def _matrices(reading: Reading, seed: int) -> list[tuple[str, Reading]]:
    """Readings, entry by entry, with matrices of small whole numbers for the symbols that don't commute."""
    draw = random.Random(seed)
    found = []
    exponentials = any(e.is_commutative is False for pair in reading.pairs for s in pair for e in s.atoms(sp.exp))
    if exponentials and any(getattr(s, "is_hermitian", None) for s in reading.noncommuting):
        raise Declined("exponentials of Hermitian elements have no exact matrices here")
    for size in (3, 4, 5, 6) if exponentials else (2, 2, 3, 3):
        chosen = {}
        for symbol in reading.noncommuting:
            if exponentials:  # with N nilpotent, exp(c + N) is a finite sum
                own = sp.Matrix(size, size, lambda i, j: draw.choice((-1, 1)) * draw.randrange(1, 5) if j > i else 0)
                chosen[symbol] = own + sp.Rational(draw.randrange(1, 9), 4) * sp.eye(size)
                continue
            entries = [draw.randrange(-4, 5) for _ in range(size * size)]
            own = sp.Matrix(size, size, entries)
            if getattr(symbol, "is_hermitian", None):
                own = own + own.T
            chosen[symbol] = own + (size * 9 + draw.randrange(5)) * sp.eye(size)  # invertible: the diagonal dominates
        pairs: list[tuple[sp.Expr, sp.Expr]] = []
        for lhs, rhs in reading.pairs:
            left, right = (_represented(evaluated(side), chosen, size) for side in (lhs, rhs))
            pairs += zip(list(left), list(right))
        text = ", ".join(f"{s} = {m.tolist()}" for s, m in chosen.items())
        found.append((text, Reading(reading.claim, tuple(pairs), reading.conditions)))
    return found


def _represented(expr: sp.Expr, chosen: dict[Any, Any], size: int) -> Any:
    """The matrix that an expression is, when its symbols that don't commute are matrices."""
    if expr.is_commutative:
        return expr * sp.eye(size)
    if expr in chosen:
        return chosen[expr]
    if isinstance(expr, sp.Add | sp.Mul):
        parts = [_represented(a, chosen, size) for a in expr.args]
        total = parts[0]
        for part in parts[1:]:
            total = total + part if isinstance(expr, sp.Add) else total * part
        return total
    if isinstance(expr, sp.Pow) and expr.exp.is_Integer and abs(expr.exp) <= 20:
        return _represented(expr.base, chosen, size) ** int(expr.exp)
    if isinstance(expr, sp.exp):
        return _exponential(_represented(expr.args[0], chosen, size), size)
    raise Declined(f"{str(expr)[:60]} isn't a sum, product, whole power or exponential of symbols that don't commute")


def _exponential(matrix: sp.Matrix, size: int) -> sp.Matrix:
    """exp(c + N) = exp(c) (1 + N + N^2/2 + ..) for an upper triangular matrix with c all along its diagonal."""
    c = matrix[0, 0]
    rest = (matrix - c * sp.eye(size)).applyfunc(sp.expand)
    if not rest.is_upper or any(rest[k, k] != 0 for k in range(size)):
        raise Declined("an exponential of something else than a sum or product of the symbols")
    total = term = sp.eye(size)
    for k in range(1, size):
        term = term * rest / k
        total = total + term
    return sp.exp(c) * total


def _put(expr: Any, chosen: dict[Any, sp.Lambda]) -> Any:
    return expr.replace(
        lambda e: isinstance(e, AppliedUndef) and (e.func, len(e.args)) in chosen,
        lambda e: chosen[e.func, len(e.args)](*e.args),
    )


def _function(function: Any, arity: int, turn: int, draw: random.Random) -> sp.Lambda:
    """An entire function: a polynomial, with an exponential, falling off, or complex-valued, by turns."""

    def number() -> sp.Rational:
        return sp.Rational(draw.choice((-1, 1)) * draw.randrange(3, 60), 20)

    letters = [sp.Symbol(f"x{k + 1}") for k in range(arity)]
    known = {
        name: getattr(function(*letters), f"is_{name}") for name in ("positive", "nonnegative", "negative", "real")
    }
    signed = known["positive"] or known["nonnegative"] or known["negative"]
    real = bool(known["real"] or signed)
    body: sp.Expr = number()
    for k, x in enumerate(letters):
        body += number() * x + number() * x**2 / 2 + number() * x**3 / 6
        body += sum(number() * x * y for y in letters[:k])
    line = sum((number() * x / 4 for x in letters), sp.Integer(0))
    fall = sp.exp(-sum((abs(number()) * x**2 for x in letters), sp.Integer(0)))
    if signed:
        value = sp.exp(line) if turn % 2 else fall * (1 + sum((x**2 for x in letters), sp.Integer(0)))
        return sp.Lambda(tuple(letters), -value if known["negative"] else value)
    if turn == 0:
        return sp.Lambda(tuple(letters), body)
    if turn == 1:
        return sp.Lambda(tuple(letters), fall * (number() + line))
    if turn == 2:
        return sp.Lambda(tuple(letters), number() * sp.exp(line) + number() * sp.sin(line + number()))
    return sp.Lambda(tuple(letters), body if real else body + sp.I * number() * (line + sp.cos(line)))
