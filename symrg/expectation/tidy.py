"""Shorter forms of closed results, each equal to what it came from."""

from __future__ import annotations

from collections.abc import Callable

import sympy
from sympy import S

from symrg.budget import OutOfTime, within

DEBRIS = (sympy.Integral, sympy.Sum, sympy.Limit, sympy.Piecewise, sympy.Subs, sympy.Derivative, sympy.Order)


def is_closed(expression: sympy.Expr) -> bool:
    """No unevaluated operation, infinity or branch is left."""
    return not expression.has(*DEBRIS, S.NaN, S.ComplexInfinity, S.Infinity, S.NegativeInfinity, sympy.AccumBounds)


def cost(expression: sympy.Expr) -> int:
    """Length of an expression as a reader sees it."""
    return int(sympy.count_ops(expression)) + 2 * len(expression.atoms(sympy.Function))


def gamma_ratio(expression: sympy.Expr) -> sympy.Expr:
    """Quotients of gamma functions whose arguments differ by integers, term by term."""
    if not expression.has(sympy.gamma, sympy.loggamma, sympy.beta, sympy.factorial, sympy.binomial):
        return expression
    expression = expression.replace(sympy.beta, lambda a, b: sympy.gamma(a) * sympy.gamma(b) / sympy.gamma(a + b))

    def one(term: sympy.Expr) -> sympy.Expr:
        gammas, rest = S.One, S.One
        for factor in sympy.Mul.make_args(term):
            if factor.as_base_exp()[0].func in (sympy.gamma, sympy.factorial, sympy.binomial):
                gammas *= factor
            else:
                rest *= factor
        return rest * (sympy.gammasimp(gammas) if gammas != 1 else S.One)

    return sympy.Add(*(one(t) for t in sympy.Add.make_args(expression)))


def polygamma_reduced(expression: sympy.Expr) -> sympy.Expr:
    """psi(n, z + k) by the recurrence, so that equal ones cancel."""
    return expression.replace(
        lambda e: isinstance(e, sympy.polygamma) and e.args[1].is_Add, lambda e: sympy.expand_func(e)
    )


def tidy(expression: sympy.Expr, seconds: float = 2.0) -> sympy.Expr:
    """The shortest of a few equal forms, found within a time limit."""
    if expression.is_number and not expression.has(sympy.Function):
        return sympy.nsimplify(expression) if expression.is_Float else _radical(expression)
    best = expression

    def offer(form: Callable[[sympy.Expr], sympy.Expr], start: sympy.Expr) -> sympy.Expr:
        nonlocal best
        try:
            value = within(seconds, form, start)
        except (OutOfTime, sympy.PolynomialError, NotImplementedError, ValueError, TypeError, RecursionError):
            return start
        except (AttributeError, ArithmeticError, LookupError):
            return start
        if value.has(S.NaN, S.ComplexInfinity):
            return start
        if cost(value) < cost(best):
            best = value
        return value

    reduced = offer(lambda e: polygamma_reduced(gamma_ratio(e)), expression)
    powers = offer(lambda e: sympy.powsimp(sympy.powdenest(e)), reduced)
    best_rational = offer(lambda e: sympy.factor(sympy.together(e)), powers)
    if best_rational is powers:
        offer(sympy.cancel, powers)
    spread = offer(lambda e: sympy.expand(e), powers)
    if cost(best) > 30 and spread is not powers:
        offer(lambda e: sympy.factor(sympy.together(e)), spread)
    if best.has(sympy.exp, sympy.erf, sympy.sin, sympy.cos) and cost(best) < 150:
        offer(sympy.simplify, best)
    offer(sympy.factor_terms, best)
    return best


def _radical(expression: sympy.Expr) -> sympy.Expr:
    return sympy.radsimp(sympy.expand(expression)) if cost(expression) < 200 else expression
