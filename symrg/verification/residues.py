"""Statements about whole numbers by residue classes, and about rounded real numbers by the intervals between jumps.

n = P k + r turns Mod, floor and (-1)^n of whole numbers into polynomials in k for each r = 0, .., P - 1. In the same
way x = D (k + (j + v)/P), with k whole and v = 0 or 0 < v < 1, fixes every floor of a linear function of x.
"""

from __future__ import annotations

import itertools

import sympy as sp

from symrg.budget import Budget, Declined

_CLASSES = 72  # cases at most
_V = sp.Dummy("v", positive=True)  # v/(1 + v) runs through the inside of an interval


class _Down(sp.Function):
    """The floor, never evaluated: SymPy 1.14 has floor((6 k + 2)^3/6) = (6 k + 2)^3/6 for a whole k."""

    is_integer = True
    nargs = 1


def zero_in_every_class(residual: sp.Expr, budget: Budget) -> list[str] | None:
    """The steps that reduce a residual to 0 in every residue class or interval; None where none do.

    Raises:
        Declined: nothing in it depends on residues or jumps in a known way.
    """
    from symrg.verification.symbolic import reduce_to_zero

    expr = sp.expand(_in_floors(residual))
    if expr == 0:
        return ["remainders and fractional parts as floors: 0"]
    whole = [s for s in sorted(expr.free_symbols, key=str) if s.is_integer]
    real = [s for s in sorted(_rounded(expr), key=str) if not s.is_integer]
    if len(real) > 1 or any(not s.is_real for s in real):
        raise Declined("more than one real symbol is rounded")
    periods = {s: p for s in whole if (p := _period(expr, s)) > 1}
    if not real and not periods:
        raise Declined("nothing is rounded, and nothing alternates")
    count = 0
    for residues in itertools.product(*(range(p) for p in periods.values())):
        chosen = {s: p * _multiple(s) + r for (s, p), r in zip(periods.items(), residues)}
        inside = sp.expand(expr.xreplace(chosen))
        for case in _intervals(inside, real[0]) if real else [{}]:
            count += 1
            if count > _CLASSES:
                raise Declined("the residue classes are too many")
            value = _rounded_off(inside.xreplace(case))
            share = Budget(max(min(3.0, budget.remaining / 2), 0.01))
            if value != 0 and reduce_to_zero(value, share) is None:
                return None
    named = ", ".join(str(s) for s in [*periods, *real])
    return [f"residue classes: 0 in each of {count} classes and intervals of {named}"]


def _in_floors(expr: sp.Expr) -> sp.Expr:
    """Remainders, fractional parts and ceilings by floors."""
    new = expr.replace(sp.floor, _Down).replace(sp.Mod, lambda p, q: p - q * _Down(p / q))
    new = new.replace(sp.frac, lambda u: u - _Down(u))
    return new.replace(sp.ceiling, lambda u: -_Down(-u))


def _rounded(expr: sp.Expr) -> set[sp.Basic]:
    return set().union(*(f.free_symbols for f in expr.atoms(_Down))) if expr.has(_Down) else set()


def _multiple(s: sp.Basic) -> sp.Dummy:
    return sp.Dummy(f"k_{s}", integer=True)


def _period(expr: sp.Expr, s: sp.Basic) -> int:
    """A number P such that n = P k + r fixes what the expression rounds or alternates."""
    period = 1
    for node in expr.atoms(_Down):
        if node.has(s) and not node.has(*(f for f in expr.atoms(_Down) if f != node and node.has(f))):
            for coefficient in sp.expand(node.args[0]).atoms(sp.Rational):
                period = int(sp.ilcm(period, coefficient.q))
    for node in expr.atoms(sp.Pow):
        if node.base == -1 and node.exp.has(s):
            period = int(sp.ilcm(period, 2 * sp.denom(sp.together(node.exp.coeff(s, 1)))))
        elif node.base == sp.I and node.exp.has(s):
            period = int(sp.ilcm(period, 4))
    for node in expr.atoms(sp.sin, sp.cos, sp.tan):
        rate = sp.expand(node.args[0]).coeff(s, 1) / sp.pi
        if rate.is_Rational and rate != 0:
            period = int(sp.ilcm(period, 2 * rate.q))
    for node in expr.atoms(sp.KroneckerDelta):
        for inner in node.args:
            for f in inner.atoms(_Down):
                period = int(sp.ilcm(period, *(c.q for c in f.args[0].atoms(sp.Rational))))
    return period


def _intervals(expr: sp.Expr, x: sp.Basic) -> list[dict[sp.Basic, sp.Expr]]:
    """Substitutions for x that together cover the real line and fix every floor.

    Raises:
        Declined: a floor of something that isn't linear in x with rational coefficients.
    """
    scale, parts = 1, 1
    inner = {f: sp.Dummy(integer=True) for f in expr.atoms(_Down)}
    for node in expr.atoms(_Down):
        argument = sp.expand(node.args[0].xreplace({f: d for f, d in inner.items() if f != node}))
        slope = argument.coeff(x, 1)
        rest = sp.expand(argument - slope * x)
        shift, others = rest.as_coeff_Add()
        if rest.has(x) or not (slope.is_Rational and shift.is_Rational):
            raise Declined(f"{node} isn't the floor of a linear function")
        if not others.is_integer and not (node.args[0].has(_Down) and slope == 0):
            raise Declined(f"{node} isn't the floor of a linear function")
        for term in sp.Add.make_args(others):
            scale = int(sp.ilcm(scale, term.as_coeff_Mul()[0].q if term != 0 else 1))
        scale = int(sp.ilcm(scale, slope.q))
    for node in expr.atoms(_Down):
        argument = sp.expand(node.args[0].xreplace({f: d for f, d in inner.items() if f != node}))
        slope, shift = argument.coeff(x, 1) * scale, argument.subs(x, 0).as_coeff_Add()[0]
        parts = int(sp.ilcm(parts, max(abs(int(slope)), 1) * shift.q))
    k, u = sp.Dummy(f"k_{x}", integer=True), _V / (1 + _V)
    found: list[dict[sp.Basic, sp.Expr]] = []
    for j in range(parts):
        for inside in (sp.Integer(0), u):
            found.append({x: scale * (k + (j + inside) / sp.Integer(parts))})
    return found


def _rounded_off(expr: sp.Expr) -> sp.Expr:
    """Floors of a whole number plus something between two neighbouring ones, from the inside outwards."""
    for _ in range(6):
        floors = [f for f in expr.atoms(_Down) if not f.args[0].has(_Down)]
        if not floors:
            break
        values = {f: _floor_of(sp.expand(f.args[0])) for f in floors}
        if all(v is None for v in values.values()):
            break
        expr = expr.xreplace({f: v for f, v in values.items() if v is not None})
    return sp.expand(expr)


def _floor_of(argument: sp.Expr) -> sp.Expr | None:
    terms = sp.Add.make_args(argument)
    whole = sp.Add(*(t for t in terms if t.is_integer))
    rest = sp.together(sp.Add(*(t for t in terms if not t.is_integer)))
    if rest.is_Rational:
        return whole + sp.floor(rest)
    if rest.free_symbols != {_V}:
        return None
    low, high = sorted(sp.limit(rest, _V, end) for end in (0, sp.oo))
    # the part is linear in v/(1 + v), and doesn't reach its ends
    return whole + sp.floor(low) if high <= sp.floor(low) + 1 else None
