"""Short equal forms of closed results, as a reader would write them.

A closed form is a sum of products of kernels (logarithms, polygammas, Bessel functions, ..) with rational coefficients.
The candidates are one fraction in lowest terms, the expanded sum, and the sum by kernels, its rational part split into
quotient, completed squares and remainder; the shortest wins.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sympy as sp
from sympy import S
from sympy.polys.polyerrors import BasePolynomialError

from symrg.differential_field import DifferentialField
from symrg.kernels import is_kernel

CANNOT = (BasePolynomialError, NotImplementedError, TypeError, ValueError, LookupError, ZeroDivisionError)
_MANY = 400  # operations beyond which the finer forms are not tried


def normal_form(expression: sp.Expr) -> sp.Expr:
    """The expression as one fraction in its kernels, factored, roots gone from the denominator."""
    symbols = sorted(expression.free_symbols, key=lambda s: s.name)
    field = DifferentialField([expression], symbols, 0)
    return field.expression(field.element(expression))


def short_form(e: Any) -> sp.Expr:
    """A short equal form, without long searches."""
    e = sp.sympify(e, strict=True)
    if not e.free_symbols:
        return e
    e = e.replace(lambda a: isinstance(a, sp.log), _tidy_logarithm)
    forms = [e]
    for form in (sp.factor_terms, normal_form, sp.expand, by_kernels):
        try:
            forms.append(form(e))
        except CANNOT:
            continue
    return with_joined_logarithms(min(forms, key=sp.count_ops))


def _one_exponential(total: sp.Expr) -> sp.Expr:
    """c cosh u + c sinh u as c exp(u), and c cosh u - c sinh u as c exp(-u)."""
    terms = list(total.args)
    for term in total.args:
        for node in sp.Mul.make_args(term):
            if isinstance(node, sp.cosh) and term in terms:
                c, u = term / node, node.args[0]
                for sign in (1, -1):
                    if (other := sign * c * sp.sinh(u)) in terms:
                        terms.remove(term)
                        terms.remove(other)
                        terms.append(c * sp.exp(sign * u))
                        break
    return sp.Add(*terms)


def _tidy_logarithm(a: sp.Expr) -> sp.Expr:
    argument = a.args[0]
    if argument.has(sp.sinh, sp.tanh):
        argument = sp.factor(sp.together(argument.replace(sp.tanh, lambda u: sp.sinh(u) / sp.cosh(u))))
        return sp.expand_log(sp.log(argument.replace(lambda e: e.is_Add and e.has(sp.cosh), _one_exponential)))
    if argument.free_symbols and argument.is_number is False:
        try:
            argument = normal_form(argument)
        except CANNOT:
            argument = sp.factor_terms(argument)
    # A positive number in front of a sum is kept apart: SymPy would multiply it into the sum.
    parts = [_with_squares(f) for f in sp.Mul.make_args(sp.factor_terms(argument))]
    numbers = [f for f in parts if f.is_Rational and f.is_positive]
    rest = sp.Mul(*(f for f in parts if f not in numbers))
    split = sp.expand_log(sp.log(rest)) + sp.Add(*map(sp.log, numbers))
    return split.replace(
        lambda b: isinstance(b, sp.log) and isinstance(b.args[0], sp.gamma), lambda b: sp.loggamma(b.args[0].args[0])
    )


def _with_squares(factor: sp.Expr) -> sp.Expr:
    base, exponent = factor.as_base_exp()
    return min((base, components(base)), key=sp.count_ops) ** exponent if base.is_Add else factor


def by_kernels(expression: sp.Expr) -> sp.Expr:
    """The sum over products of kernels, each coefficient a factored fraction, equal coefficients drawn out.

    Raises:
        PolynomialError: a kernel stands in a denominator.
    """
    if sp.count_ops(expression) > _MANY:
        raise sp.PolynomialError("too long for a polynomial in its kernels")
    names: dict[sp.Expr, sp.Dummy] = {}
    masked = _masked(expression, names)
    if not names:
        return rational_form(expression)
    back = {d: k for k, d in names.items()}
    groups: list[tuple[sp.Expr, list[sp.Expr]]] = []
    rational = S.Zero
    for powers, coefficient in sp.Poly(masked, *names.values()).terms():
        if not any(powers):
            rational = rational_form(coefficient)
            continue
        product = sp.Mul(*(back[d] ** n for d, n in zip(names.values(), powers)))
        factored = sp.factor(coefficient)
        for k, (common, terms) in enumerate(groups):
            ratio = sp.cancel(factored / common)
            if ratio in (1, -1) or (ratio.is_Rational and not common.is_number):
                groups[k] = (common, [*terms, ratio * product])
                break
        else:
            groups.append((factored, [product]))
    return sp.Add(*(c * sp.Add(*terms) for c, terms in groups), rational)


def _masked(e: sp.Expr, names: dict[sp.Expr, sp.Dummy]) -> sp.Expr:
    """The expression with a name for each kernel."""
    if is_kernel(e):
        if e not in names:
            names[e] = sp.Dummy(f"k{len(names)}")
        return names[e]
    if not e.args:
        return e
    return e.func(*(_masked(a, names) for a in e.args))


def rational_form(expression: sp.Expr) -> sp.Expr:
    """A fraction as quotient, squares and remainder where that is shorter than its factored form."""
    whole = sp.factor(expression)
    top, bottom = sp.fraction(sp.together(whole))
    symbols = sorted(expression.free_symbols, key=lambda s: s.name)
    if not symbols or not top.is_polynomial(*symbols) or not bottom.is_polynomial(*symbols):
        return whole
    (quotient,), remainder = sp.reduced(sp.expand(top), [sp.expand(bottom)], *symbols)
    forms = [whole, components(top) / bottom]
    if quotient.is_number and quotient != 0:
        split = components(remainder) / bottom + quotient
        if sp.count_ops(split) <= sp.count_ops(whole) + 1 and len(symbols) > 1:
            return split  # a number apart reads better even where it is no shorter than the squares over one bar
        forms.append(split)
    return min(forms, key=sp.count_ops)


def components(polynomial: sp.Expr) -> sp.Expr:
    """A sum with the terms that share symbols factored together: x^2 - 2 x y + y^2 + z^2 is (x - y)^2 + z^2."""
    groups: list[tuple[set[sp.Symbol], sp.Expr]] = []
    for term in sp.Add.make_args(sp.expand(polynomial)):
        symbols, total = set(term.free_symbols), term
        apart = []
        for known, value in groups:
            if known & symbols:
                symbols, total = symbols | known, total + value
            else:
                apart.append((known, value))
        groups = [*apart, (symbols, total)]
    return sp.Add(*(sp.factor(value) for _, value in groups))


def with_joined_logarithms(expression: sp.Expr, positive: Collection[sp.Expr] = ()) -> sp.Expr:
    """`joined_logarithms` in every sum of an expression."""
    return expression.replace(lambda a: a.is_Add and a.has(sp.log), lambda a: joined_logarithms(a, positive))


def joined_logarithms(expression: sp.Expr, positive: Collection[sp.Expr] = ()) -> sp.Expr:
    """c ln a - c ln b as c ln(a/b) among the terms of a sum, where both are positive.

    Args:
        expression: a sum.
        positive: expressions that are positive besides those that SymPy knows to be.
    """
    if not expression.is_Add:
        return expression
    groups: dict[sp.Expr, tuple[list[sp.Expr], list[sp.Expr]]] = {}
    rest, numbers = [], []
    for term in expression.args:
        logs = [f for f in sp.Mul.make_args(term) if isinstance(f, sp.log)]
        if len(logs) != 1 or not (logs[0].args[0].is_positive or logs[0].args[0] in positive):
            rest.append(term)
            continue
        if not logs[0].args[0].free_symbols:
            numbers.append((term, term / logs[0], logs[0].args[0]))
            continue
        c = sp.expand(term / logs[0])
        turned = c.could_extract_minus_sign()
        groups.setdefault(-c if turned else c, ([], []))[turned].append(logs[0].args[0])
    for c, (above, below) in groups.items():
        if above and below:
            ratio = sp.Mul(*above) / sp.Mul(*below)
            for entry in list(numbers):
                times = entry[1] / c
                if times.is_Integer and entry[2].is_Rational:
                    ratio *= entry[2] ** times
                    numbers.remove(entry)
            rest.append(c * sp.log(ratio))
        else:
            rest += [c * sp.log(a) for a in above] + [-c * sp.log(b) for b in below]
    return sp.Add(*rest, *(term for term, _, _ in numbers))


def with_plain_signs(expression: sp.Expr) -> sp.Expr:
    """Products as they are printed for small positive symbols: 1 - p rather than p - 1, c ln(a/b) with a positive c."""
    return expression.replace(lambda a: a.is_Mul and a.free_symbols != set(), _plain_product)


def _plain_product(product: sp.Expr) -> sp.Expr:
    factors, sign = [], 1
    for factor in product.args:
        base, exponent = factor.as_base_exp()
        if base.is_Add and exponent.is_Integer and _negative_near_zero(base):
            factor, sign = (-base) ** exponent, -sign if int(exponent) % 2 else sign
        elif factor.is_Number and factor.is_negative:
            factor, sign = -factor, -sign
        factors.append(factor)
    if sign < 0:
        for k, factor in enumerate(factors):
            if isinstance(factor, sp.log) and sp.fraction(factor.args[0])[1] != 1:
                factors[k], sign = sp.log(1 / factor.args[0]), 1
                break
    return sp.Mul(sign, *factors)


def _negative_near_zero(total: sp.Expr) -> bool:
    if not all(s.is_positive for s in total.free_symbols) or not total.is_polynomial(*total.free_symbols):
        return False
    return bool(total.subs({s: sp.Rational(1, 10**6) for s in total.free_symbols}) < 0)
