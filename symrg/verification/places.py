"""Where expressions vanish or change their form: zeros, jumps, edges of cases, single values with a case apart."""

from __future__ import annotations

import itertools
from typing import Any

import sympy as sp
from flint import fmpz_poly
from sympy.core.relational import Relational

from symrg.budget import Declined, OutOfTime, within
from symrg.verification.enclosure import Evaluate, Point, at, enclose
from symrg.verification.precision import precision
from symrg.verification.reading import tame

Values = dict[sp.Basic, sp.Expr]


def changes_of_form(exprs: list[sp.Basic]) -> tuple[sp.Expr, ...]:
    """Expressions that vanish where one of `exprs` changes its form; a floor stands for its own jumps."""
    found: dict[sp.Expr, None] = {}
    for expr in exprs:
        bound = {limit[0] for node in expr.atoms(sp.Integral, sp.Sum, sp.Product) for limit in node.limits}
        for node in sp.preorder_traversal(expr):
            if isinstance(node, Relational):
                new = [node.lhs - node.rhs]
            elif isinstance(node, sp.Abs | sp.sign | sp.Heaviside | sp.DiracDelta | sp.arg):
                new = [node.args[0]]
            elif isinstance(node, sp.Max | sp.Min):
                new = [a - b for a, b in itertools.combinations(node.args, 2)]
            elif isinstance(node, sp.Mod):
                new = [sp.floor(node.args[0] / node.args[1], evaluate=False)]
            elif isinstance(node, sp.KroneckerDelta):
                new = [node.args[0] - node.args[1]]
            elif isinstance(node, sp.floor | sp.ceiling | sp.frac):
                new = [sp.floor(node.args[0], evaluate=False)]
            elif isinstance(node, sp.log) or (isinstance(node, sp.Pow) and not node.exp.is_integer):
                new = [node.args[0]]
            else:
                continue
            for gap in new:
                if gap.free_symbols and not gap.free_symbols & bound and not gap.has(sp.oo):
                    found[gap] = None
    return tuple(found)


def single_values(exprs: list[sp.Basic]) -> tuple[sp.Expr, ...]:
    """Expressions whose single zeros have a case of their own (x = 2/7 in a piecewise function, a Kronecker delta).

    Random points don't meet them, so whoever confirms a claim by points must have been at each of them.
    """
    found: dict[sp.Expr, None] = {}
    for expr in exprs:
        bound = {limit[0] for node in expr.atoms(sp.Integral, sp.Sum, sp.Product) for limit in node.limits}
        for node in sp.preorder_traversal(expr):
            if isinstance(node, sp.floor | sp.ceiling | sp.frac):  # where it turns it may just touch a whole number
                for s in node.args[0].free_symbols - bound:
                    slope = node.args[0].diff(s)
                    if s.is_extended_real and not s.is_integer and slope.has(s) and not slope.has(sp.Derivative):
                        found[slope] = None
                continue
            if isinstance(node, sp.Eq | sp.Ne):
                gap = node.lhs - node.rhs
            elif isinstance(node, sp.KroneckerDelta):
                gap = node.args[0] - node.args[1]
            else:
                continue
            if gap.free_symbols and not gap.free_symbols & bound and not gap.has(sp.oo) and gap.is_zero is not False:
                found[gap] = None
    return tuple(found)


def exact_zeros(gap: sp.Expr, symbol: sp.Basic, values: Values, patient: bool = False) -> tuple[list[sp.Expr], bool]:
    """Real zeros of an expression in one symbol, exact where they are rational or quadratic.

    Args:
        gap: the expression.
        symbol: in which it vanishes.
        values: of the other symbols.
        patient: whether to let SymPy solve what isn't a polynomial.

    Returns:
        The zeros found, and whether there are no others.
    """
    expr = gap.xreplace(values)
    if symbol not in expr.free_symbols or not tame(expr):
        return [], expr.is_zero is False
    if expr.is_polynomial(symbol):
        poly = sp.Poly(expr, symbol)
        if poly.degree() <= 12 and all(c.is_Rational for c in poly.all_coeffs()):
            factors = [f for f, _ in poly.factor_list()[1]]
        else:
            factors = [poly]
        if all(f.degree() <= 2 for f in factors):
            return [r for f in factors for r in _quadratic(f)], True
    elif patient:
        try:
            solved = within(0.6, sp.solve, expr, symbol)
        except (OutOfTime, NotImplementedError, ValueError, TypeError, AttributeError, ArithmeticError):
            solved = []
        roots = [r for r in solved if isinstance(r, sp.Expr) and not r.free_symbols and r.is_real]
        if roots:
            return roots, False
    return list(zeros(gap, symbol, values)), False


def _quadratic(poly: sp.Poly) -> list[sp.Expr]:
    """The real roots of a polynomial of degree 1 or 2."""
    if poly.degree() == 1:
        a, b = poly.all_coeffs()
        return [-b / a]
    a, b, c = poly.all_coeffs()
    inside = b**2 - 4 * a * c
    if not inside.is_nonnegative:
        return []
    return [sp.expand((-b + sign * sp.sqrt(inside)) / (2 * a)) for sign in ((-1, 1) if inside != 0 else (1,))]


def vanishes_at(gap: sp.Expr, values: Values) -> bool:
    """Whether an expression is provably 0 at a point."""
    value = gap.xreplace(values)
    if value.is_Rational:
        return bool(value == 0)
    if value.free_symbols or sp.count_ops(value) > 200:
        return False
    return bool(sp.expand(value) == 0)


def zeros(gap: sp.Expr, symbol: sp.Basic, values: Values) -> list[sp.Rational]:
    """Real zeros of an expression in one symbol, as rationals to 60 digits or exact; not every zero need be found."""
    expr = gap.xreplace(values)
    if symbol not in expr.free_symbols or not tame(expr):
        return []
    try:
        poly = sp.Poly(expr, symbol)
        if poly.degree() > 30 or not all(c.is_Rational for c in poly.all_coeffs()):
            raise sp.PolynomialError
    except (sp.PolynomialError, sp.CoercionFailed):
        numerator = sp.fraction(sp.together(expr))[0] if expr.is_rational_function(symbol) else None
        if numerator is not None and numerator.is_polynomial(symbol) and numerator != expr:
            return zeros(numerator, symbol, {})
        return _sign_changes(expr, symbol)
    if poly.degree() == 1:
        a, b = poly.all_coeffs()
        return [-b / a]
    _, cleared = poly.clear_denoms()
    found: list[sp.Rational] = []
    with precision(220):
        for root, _ in fmpz_poly([int(c) for c in reversed(cleared.all_coeffs())]).complex_roots():
            if root.imag.is_zero() or root.imag.contains(0):
                found.append(_nearest(root.real, poly))
    return sorted(set(found))


def _nearest(ball: Any, poly: sp.Poly) -> sp.Rational:
    """The rational that a ball holds if it is a simple one and a root, else the middle of the ball."""
    man, exp = ball.mid().man_exp()
    middle = sp.Rational(int(man)) * sp.Integer(2) ** int(exp)
    for bound in (1, 1000, 10**9, 10**25):
        guess = middle.limit_denominator(bound)
        if poly.eval(guess) == 0:
            return guess
    return middle


_GRID = [sp.Rational(k, 8) for k in range(-40, 41)] + [
    s * sp.Integer(10) ** k for s in (-1, 1) for k in (-40, -25, -12, -8, -5, -3, -2, 1, 2, 3, 5, 8, 12, 17, 25, 40, 80)
]


def _sign_changes(expr: sp.Expr, symbol: sp.Basic) -> list[sp.Rational]:
    """Zeros of any real expression between the points of a grid at which its sign differs."""
    try:
        function = enclose(expr)
    except Declined:
        return []
    found = []
    with precision(200):
        grid = [(x, _sign(function, symbol, x)) for x in sorted(_GRID)]
        found += [x for x, s in grid if s == 0]
        for (a, left), (b, right) in itertools.pairwise(grid):
            if left is None or right is None or left * right >= 0:
                continue
            for _ in range(130):
                middle = (a + b) / 2
                sign = _sign(function, symbol, middle)
                if not sign:
                    a = b = middle
                    break
                a, b = (middle, b) if sign == left else (a, middle)
            found.append((a + b) / 2)
    return found


def _sign(function: Evaluate, symbol: sp.Basic, x: sp.Rational) -> int | None:
    value = function(Point({symbol: at({symbol: x}).values[symbol]}, {symbol: x}))
    if not value.is_finite() or not value.imag.contains(0):
        return None
    if value.real > 0:
        return 1
    return -1 if value.real < 0 else 0 if value.is_zero() else None
