"""Proofs that an expression is positive or nonnegative, by its form or by the calculus of one variable."""

from __future__ import annotations

import sympy as sp

from symrg.budget import Budget
from symrg.verification.reductions import bounded_expand


def prove_nonnegative(margin: sp.Expr, budget: Budget) -> list[str] | None:
    """The steps that show margin >= 0, None where none do."""
    return _prove(margin, False, budget)


def prove_positive(margin: sp.Expr, budget: Budget) -> list[str] | None:
    """The steps that show margin > 0, None where none do."""
    return _prove(margin, True, budget)


def _prove(margin: sp.Expr, strict: bool, budget: Budget) -> list[str] | None:
    forms = [
        ("as it is", lambda: margin),
        ("factor", lambda: sp.factor(margin)),
        ("expand", lambda: bounded_expand(margin)),
    ]
    forms += [("common denominator", lambda: sp.factor(sp.together(margin))), ("simplify", lambda: sp.simplify(margin))]
    for name, make in forms:
        form = budget.attempt(name, make, share=0.15)
        if form is not None and _signed(form, strict):
            return [f"{name}: every part of {str(form)[:100]} is {'positive' if strict else 'nonnegative'}"]
    for route, prove in (("squares", _squares), ("one variable", _calculus)):
        steps = budget.attempt(route, prove, margin, strict, share=0.5)
        if steps is not None:
            return steps
    return None


def _signed(form: sp.Expr, strict: bool) -> bool:
    return bool(form.is_positive if strict else form.is_nonnegative)


def _squares(margin: sp.Expr, strict: bool) -> list[str] | None:
    """A quadratic polynomial in real symbols, by the pivots of its symmetric matrix."""
    symbols = sorted((s for s in margin.free_symbols if s.is_extended_real), key=str)
    if not symbols or not margin.is_polynomial(*symbols):
        return None
    poly = sp.Poly(margin, *symbols)
    if poly.total_degree() > 2 or poly.total_degree() < 1:
        return None
    n = len(symbols)
    matrix = sp.zeros(n + 1, n + 1)
    for powers, coefficient in poly.terms():
        places = [k for k, p in enumerate(powers) for _ in range(p)]
        places += [n] * (2 - len(places))
        i, j = places
        matrix[i, j] += coefficient / 2
        matrix[j, i] += coefficient / 2
    definite = matrix.is_positive_definite if strict else matrix.is_positive_semidefinite
    return (
        [f"a quadratic form with a {'positive definite' if strict else 'positive semidefinite'} matrix"]
        if definite
        else None
    )


def _calculus(margin: sp.Expr, strict: bool) -> list[str] | None:
    """One real variable: convex with a critical point, or monotonic from an end, with the value there."""
    symbols = list(margin.free_symbols)
    if len(symbols) != 1 or not symbols[0].is_extended_real:
        return None
    (x,) = symbols
    domain = sp.Interval.open(0, sp.oo) if x.is_positive else sp.Interval(0, sp.oo) if x.is_nonnegative else sp.S.Reals
    if x.is_negative or x.is_nonpositive or x.is_integer:
        return None
    first = sp.simplify(margin.diff(x))
    second = sp.simplify(first.diff(x))
    if second.is_nonnegative or sp.factor(second).is_nonnegative:
        for root in sp.solve(first, x):
            if root in domain:
                value = sp.simplify(margin.subs(x, root))
                if value.is_positive or (value.is_zero and not strict):
                    return [
                        f"convex in {x}, since the second derivative {second} >= 0",
                        f"least at {x} = {root}: {value}",
                    ]
    if domain.start == 0:
        for sign, end in ((1, sp.Integer(0)), (-1, sp.oo)):
            slope = sp.factor(sign * first)
            if slope.is_nonnegative:
                value = sp.limit(margin, x, end, "+" if end == 0 else "-")
                rising = slope.is_positive and domain.left_open
                if value.is_positive or (value.is_zero and (not strict or rising)):
                    return [f"monotonic in {x}: the derivative is {first}", f"limit at {x} = {end}: {value}"]
    return None
