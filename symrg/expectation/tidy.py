"""Shorter forms of closed results, each equal to what it came from."""

from __future__ import annotations

from collections.abc import Callable

import sympy
from sympy import S
from sympy.polys.polyerrors import BasePolynomialError

from symrg.budget import OutOfTime, within
from symrg.expectation.numeric import number
from symrg.kernel_fractions import bessel_ratios, complemented, hyperbolic_form, partial_fractions, reciprocal_form
from symrg.radicals import rational_in_roots
from symrg.short_form import by_kernels, normal_form

DEBRIS = (
    sympy.Integral,
    sympy.Min,
    sympy.Max,
    sympy.Sum,
    sympy.Limit,
    sympy.Piecewise,
    sympy.Subs,
    sympy.Derivative,
    sympy.Order,
)


_SHORT = 8  # length below which no shorter form is looked for


def is_closed(expression: sympy.Expr) -> bool:
    """No unevaluated operation, infinity or branch is left."""
    return not expression.has(*DEBRIS, S.NaN, S.ComplexInfinity, S.Infinity, S.NegativeInfinity, sympy.AccumBounds)


def cost(expression: sympy.Expr) -> int:
    """Length of an expression as a reader sees it."""
    return int(sympy.count_ops(expression)) + 2 * len(expression.atoms(sympy.Function))


def gamma_ratio(expression: sympy.Expr) -> sympy.Expr:
    """Gamma and polygamma functions whose arguments differ by integers, in terms of the lowest of them."""
    if expression.has(sympy.beta, sympy.factorial, sympy.binomial):
        expression = expression.replace(sympy.beta, lambda a, b: sympy.gamma(a) * sympy.gamma(b) / sympy.gamma(a + b))
        expression = expression.replace(sympy.factorial, lambda n: sympy.gamma(n + 1))
        expression = expression.replace(
            sympy.binomial, lambda n, k: sympy.gamma(n + 1) / sympy.gamma(k + 1) / sympy.gamma(n - k + 1)
        )
    for kind, index in ((sympy.gamma, 0), (sympy.polygamma, 1)):
        lowest: dict[tuple[sympy.Expr, sympy.Expr], sympy.Expr] = {}
        places: dict[sympy.Expr, tuple[tuple[sympy.Expr, sympy.Expr], sympy.Expr]] = {}
        for node in expression.atoms(kind):
            offset, base = sympy.expand(node.args[index]).as_coeff_Add()
            if not offset.is_Rational or (base == 0 and (kind is sympy.gamma or offset <= 0)):
                continue
            key = (base, offset - sympy.floor(offset))
            if base == 0:
                lowest[key] = key[1] or S.One
                places[node] = (key, offset)
                continue
            lowest[key] = min(lowest.get(key, offset), offset)
            places[node] = (key, offset)
        swaps: dict[sympy.Expr, sympy.Expr] = {}
        for node, (key, offset) in places.items():
            start = key[0] + lowest[key]
            steps = int(offset - lowest[key])
            if steps > 40:
                continue
            if kind is sympy.gamma:
                swaps[node] = sympy.gamma(start) * sympy.Mul(*(start + k for k in range(steps)))
            else:
                n = node.args[0]
                extra = (-1) ** n * sympy.factorial(n) * sympy.Add(*((start + k) ** (-n - 1) for k in range(steps)))
                first = sympy.polygamma(n, start)
                swaps[node] = (sympy.expand_func(first) if start.is_Rational else first) + extra
        if swaps:
            expression = expression.xreplace(swaps)
    return expression


def bessel_reduced(expression: sympy.Expr) -> sympy.Expr:
    """Modified Bessel functions of one argument in terms of two neighbouring orders (DLMF 10.29.1)."""
    for kind, sign in ((sympy.besseli, -1), (sympy.besselk, 1)):
        nodes = expression.atoms(kind)
        if kind is sympy.besselk:
            turned = {n: kind(-n.args[0], n.args[1]) for n in nodes if _points_down(n.args[0])}
            expression = expression.xreplace(turned)
            nodes = expression.atoms(kind)
        groups: dict[tuple[sympy.Expr, sympy.Expr, sympy.Expr], list[sympy.Expr]] = {}
        for node in nodes:
            offset, base = sympy.expand(node.args[0]).as_coeff_Add()
            groups.setdefault((base, offset - sympy.floor(offset), node.args[1]), []).append(offset)
        swaps: dict[sympy.Expr, sympy.Expr] = {}
        for (base, _, z), offsets in groups.items():
            low, high = min(offsets), max(offsets)
            if high - low < 2 and not (base == 0 and high > 1):
                continue
            centre = low - sympy.floor(low) if base == 0 or low <= 0 <= high else low
            known = {centre: kind(base + centre, z), centre + 1: kind(base + centre + 1, z)}
            order = centre + 2
            while order <= high:
                known[order] = known[order - 2] + sign * 2 * (base + order - 1) / z * known[order - 1]
                order += 1
            order = centre - 1
            while order >= low:
                known[order] = known[order + 2] - sign * 2 * (base + order + 1) / z * known[order + 1]
                order -= 1
            swaps |= {kind(base + order, z): value for order, value in known.items()}
        if swaps:
            expression = expression.xreplace(swaps)
    return expression


def _points_down(order: sympy.Expr) -> bool:
    offset, base = sympy.expand(order).as_coeff_Add()
    return bool(base.could_extract_minus_sign() if base != 0 else offset < 0)


def tidy(expression: sympy.Expr, seconds: float = 2.0) -> sympy.Expr:
    """The shortest of a few equal forms, found within a time limit."""
    if expression.is_number and not expression.has(sympy.Function):
        return sympy.nsimplify(expression) if expression.is_Float else _radical(expression)
    best = expression

    def offer(form: Callable[[sympy.Expr], sympy.Expr], start: sympy.Expr, forced: bool = False) -> sympy.Expr:
        nonlocal best
        try:
            value = within(seconds, form, start)
        except (OutOfTime, BasePolynomialError, NotImplementedError, ValueError, TypeError, RecursionError):
            return start
        except (AttributeError, ArithmeticError, LookupError):
            return start
        if value.has(S.NaN, S.ComplexInfinity) or (forced and not _agrees(value, expression)):
            return start
        if cost(value) < cost(best):
            best = value
        return value

    reduced = offer(lambda e: bessel_reduced(gamma_ratio(e)), expression)
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
    if cost(best) > _SHORT:
        offer(by_kernels, best)
        if best.has(sympy.Pow):
            offer(lambda e: normal_form(_joined_roots(e)), best, forced=True)
            for form in (rational_in_roots, partial_fractions):
                offer(form, best, forced=True)
        if best.has(sympy.exp):
            offer(hyperbolic_form, best, forced=True)
        if best.has(sympy.erf):
            offer(complemented, offer(reciprocal_form, best))
        if best.has(sympy.besseli, sympy.besselk):
            offer(bessel_ratios, best)
    return best


def _agrees(value: sympy.Expr, expression: sympy.Expr) -> bool:
    """Whether two forms agree at a point of small positive numbers, where both are real there."""
    symbols = sorted(value.free_symbols | expression.free_symbols, key=lambda s: (s.name, str(s)))
    point = {s: S(3) + k if s.is_integer else S(29 + 8 * k) / (97 + k) for k, s in enumerate(symbols)}
    point = {s: -v if s.is_negative else v for s, v in point.items()}
    left, right = number(value, point), number(expression, point)
    return left != left or right != right or abs(left - right) <= 1e-7 * (abs(right) + 1e-9)


def _joined_roots(expression: sympy.Expr) -> sympy.Expr:
    """Products of square roots under one root, to be held against quadrature where signs are not known."""
    joined = sympy.powsimp(expression, combine="base", force=True)
    return joined.replace(
        lambda a: a.is_Pow and a.exp.is_Rational and a.base.is_Mul, lambda a: sympy.expand(a.base) ** a.exp
    )


def _radical(expression: sympy.Expr) -> sympy.Expr:
    return sympy.radsimp(sympy.expand(expression)) if cost(expression) < 200 else expression
