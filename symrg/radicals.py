"""Fractions in square roots of polynomials: roots of one product joined, denominators made rational.

sqrt(1 - 4 x^2) and sqrt(1 - 2 x) sqrt(1 + 2 x) are one root where both factors are positive. That is assumed here:
whoever takes such a form must hold it against the one it came from.
"""

from __future__ import annotations

from itertools import product

import sympy as sp
from sympy import S

_MOST = 4  # different factors under roots
_LONG = 1500  # operations beyond which nothing is tried


def rational_in_roots(expression: sp.Expr) -> sp.Expr:
    """The expression as a sum of fractions times square roots, no root in a denominator that a polynomial shares.

    Raises:
        PolynomialError: it is no fraction in square roots of polynomials.
    """
    if sp.count_ops(expression) > _LONG:
        raise sp.PolynomialError("too long")
    roots: dict[sp.Expr, sp.Dummy] = {}
    masked = _masked(expression, roots)
    if not roots or len(roots) > _MOST:
        raise sp.PolynomialError("no square roots, or too many")
    names = list(roots.values())
    squares = {d: f for f, d in roots.items()}
    numerator, denominator = sp.fraction(sp.together(masked))
    numerator, denominator = _reduced(numerator, squares), _reduced(denominator, squares)
    for d in names:
        if denominator.has(d):
            turned = denominator.xreplace({d: -d})
            numerator, denominator = _reduced(numerator * turned, squares), _reduced(denominator * turned, squares)
    terms = []
    polynomial = sp.Poly(numerator, *names)
    for powers in product((0, 1), repeat=len(names)):
        coefficient = polynomial.coeff_monomial(sp.Mul(*(d**k for d, k in zip(names, powers))))
        if coefficient != 0:
            inside = sp.Mul(*(squares[d] for d, k in zip(names, powers) if k))
            terms.append(_times_root(sp.factor(sp.cancel(coefficient / denominator)), inside))
    total = sp.Add(*terms)
    common = sp.factor_terms(total)
    return min((total, common, _bracketed(total)), key=sp.count_ops)


def _bracketed(total: sp.Expr) -> sp.Expr:
    """A common rational factor of two terms drawn out, the root left in the bracket."""
    if not total.is_Add or len(total.args) != 2:
        return total
    first, second = total.args
    ratio = sp.factor(sp.powsimp(second / first))
    return first * (1 + ratio)


def _masked(e: sp.Expr, roots: dict[sp.Expr, sp.Dummy]) -> sp.Expr:
    """The expression with a name for the root of each irreducible factor."""
    if e.is_Pow and e.exp.is_Rational and not e.exp.is_Integer:
        if e.exp.q != 2 or not e.base.is_polynomial(*e.base.free_symbols) or not e.base.free_symbols:
            return e
        return _root_of(e.base, roots) ** e.exp.p
    if not e.args or not e.has(sp.Pow):
        return e
    return e.func(*(_masked(a, roots) for a in e.args))


def _root_of(base: sp.Expr, roots: dict[sp.Expr, sp.Dummy]) -> sp.Expr:
    content, factors = sp.factor_list(base)
    value = S.One
    for factor, times in factors:
        if factor.could_extract_minus_sign() or (
            factor.is_Add and factor.subs(dict.fromkeys(factor.free_symbols, 0)) < 0
        ):
            factor, content = -factor, content * (-1) ** times
        if factor not in roots and -factor in roots:
            factor, content = -factor, content * (-1) ** times
        if factor.is_Symbol:
            value *= factor ** sp.Rational(times, 2)
            continue
        value *= factor ** (times // 2) * (
            roots.setdefault(factor, sp.Dummy(f"r{len(roots)}", positive=True)) if times % 2 else 1
        )
    if content.is_negative is not False:
        raise sp.PolynomialError("the sign under a root is not known")
    return sp.sqrt(content) * value


def _reduced(e: sp.Expr, squares: dict[sp.Dummy, sp.Expr]) -> sp.Expr:
    """A polynomial with the squares of roots replaced."""
    polynomial = sp.Poly(sp.expand(e), *squares)
    total = S.Zero
    for powers, coefficient in polynomial.terms():
        term = coefficient
        for d, k in zip(squares, powers):
            term *= squares[d] ** (k // 2) * d ** (k % 2)
        total += term
    return sp.expand(total)


def _times_root(coefficient: sp.Expr, inside: sp.Expr) -> sp.Expr:
    """coefficient sqrt(inside), with the root below the bar where that is shorter."""
    if inside == 1:
        return coefficient
    root = sp.sqrt(sp.expand(inside))
    below = sp.factor(sp.cancel(coefficient * inside)) / root
    return min((coefficient * root, below), key=sp.count_ops)
