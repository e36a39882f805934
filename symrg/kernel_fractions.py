"""Short forms of fractions in exponentials, error functions and Bessel functions, as handbooks print them.

Each takes an expression and gives an equal one, or raises PolynomialError where it does not apply: partial fractions
with the poles of one exponential together, hyperbolic functions for balanced fractions in an exponential, powers of
what stands below the bar, and the ratio of two neighbouring Bessel functions as one quantity.
"""

from __future__ import annotations

import sympy as sp
from sympy import S

_LONG = 800  # operations beyond which nothing is tried


def partial_fractions(expression: sp.Expr) -> sp.Expr:
    """Terms without an exponential apart from those with it, each a factored fraction: 1/x^2 - e^x/(e^x - 1)^2.

    Raises:
        PolynomialError: there is no single exponential in a denominator.
    """
    masked, unit, back = _in_one_exponential(expression)
    plain, poles = S.Zero, S.Zero
    for term in sp.Add.make_args(sp.apart(sp.together(masked), unit)):
        if sp.fraction(sp.together(term))[1].has(unit):
            poles += term
        else:
            plain += term
    if plain == 0 or poles == 0:
        raise sp.PolynomialError("nothing comes apart")
    apart = [sp.factor(sp.together(part)).subs(unit, back) for part in (plain, poles)]
    return sp.Add(*(sp.powsimp(part, deep=True) for part in apart))


def hyperbolic_form(expression: sp.Expr) -> sp.Expr:
    """Products of e^x - 1 and e^x + 1 over powers of e^x as hyperbolic functions of x/2, in every term.

    Raises:
        PolynomialError: a term holds exponentials in another way.
    """
    masked, unit, back = _in_one_exponential(expression)
    if not isinstance(back, sp.exp):
        raise sp.PolynomialError("no exponential")
    total = S.Zero
    for term in sp.Add.make_args(masked):
        total += _hyperbolic(sp.factor(sp.together(term)), unit, back.args[0]) if term.has(unit) else term
    return total


def _hyperbolic(product: sp.Expr, unit: sp.Symbol, x: sp.Expr) -> sp.Expr:
    power, minus, plus, rest = S.Zero, S.Zero, S.Zero, S.One
    others: list[tuple[int, sp.Expr]] = []
    for factor in sp.Mul.make_args(product):
        base, exponent = factor.as_base_exp()
        if not factor.has(unit):
            rest *= factor
        elif base == unit:
            power += exponent
        elif base in (unit - 1, 1 - unit):
            minus += exponent
            rest *= (-1) ** exponent if base == 1 - unit else 1
        elif base == unit + 1:
            plus += exponent
        elif base == unit**2 + 1:
            others.append((2, exponent))
        else:
            raise sp.PolynomialError(f"{factor} in an exponential")
    degree = power + (minus + plus) / 2 + sum(e for _, e in others)
    if degree != 0:
        raise sp.PolynomialError("an exponential is left over")
    both = minus if abs(minus) <= abs(plus) and minus * plus > 0 else plus if minus * plus > 0 else S.Zero
    value = rest * (2 * sp.sinh(x)) ** both if both else rest
    value *= (2 * sp.sinh(x / 2)) ** (minus - both) * (2 * sp.cosh(x / 2)) ** (plus - both)
    return value * sp.Mul(*((2 * sp.cosh(x)) ** e for _, e in others))


def _in_one_exponential(expression: sp.Expr) -> tuple[sp.Expr, sp.Dummy, sp.Expr]:
    """The expression with one symbol for the exponential that all its exponentials are integer powers of."""
    if sp.count_ops(expression) > _LONG:
        raise sp.PolynomialError("too long")
    nodes: dict[sp.Expr, tuple[sp.Expr, sp.Expr]] = {}
    expression = sp.expand_power_exp(expression)
    for node in expression.atoms(sp.exp, sp.Pow):
        base, exponent = (S.Exp1, node.args[0]) if isinstance(node, sp.exp) else (node.base, node.exp)
        if exponent.free_symbols and not base.has(sp.exp):
            nodes[node] = (base, exponent)
    if not nodes or len({b for b, _ in nodes.values()}) != 1:
        raise sp.PolynomialError("no exponential, or several")
    exponents = [e for _, e in nodes.values()]
    first = min(exponents, key=sp.count_ops)
    ratios = [sp.cancel(e / first) for e in exponents]
    if not all(r.is_Rational for r in ratios):
        raise sp.PolynomialError("exponents that are no multiples of one")
    step = sp.gcd_list(ratios) if len(ratios) > 1 else abs(ratios[0])
    unit = sp.Dummy("E", positive=True)
    (base,) = {b for b, _ in nodes.values()}
    names = {node: unit ** (sp.cancel(e / first) / step) for node, (_, e) in nodes.items()}
    masked = expression.xreplace(names)
    if masked.has(sp.exp) or not masked.is_rational_function(unit):
        raise sp.PolynomialError("an exponential stands elsewhere")
    back = sp.exp(first * step) if base is S.Exp1 else base ** (first * step)
    return masked, unit, back


def reciprocal_form(expression: sp.Expr) -> sp.Expr:
    """A polynomial in 1/(c + erf): for truncated densities 1 - x r - r^2 with r = e^(..)/(1 + erf(..)).

    Raises:
        PolynomialError: the denominator is no power of one such sum.
    """
    if sp.count_ops(expression) > _LONG:
        raise sp.PolynomialError("too long")
    kernels = [k for k in expression.atoms(sp.erf, sp.erfc) if k.free_symbols]
    if len(kernels) != 1:
        raise sp.PolynomialError("no error function, or several")
    (kernel,) = kernels
    below = sp.fraction(sp.together(expression))[1]
    bases = {f.as_base_exp()[0] for f in sp.Mul.make_args(sp.factor(below)) if f.has(kernel)}
    if len(bases) != 1:
        raise sp.PolynomialError("several sums below the bar")
    (base,) = bases
    slope = base.coeff(kernel, 1)
    if slope == 0 or sp.expand(base - slope * kernel).has(kernel) or slope.has(kernel):
        raise sp.PolynomialError("the denominator is not linear in the kernel")
    inverse = sp.Dummy("i", positive=True)
    swapped = expression.xreplace({kernel: (1 / inverse - (base - slope * kernel)) / slope})
    exponentials = {e: sp.Dummy(f"e{i}", positive=True) for i, e in enumerate(swapped.atoms(sp.exp))}
    masked = sp.powsimp(sp.expand(sp.cancel(sp.together(swapped.xreplace(exponentials)))))
    if not masked.is_polynomial(inverse):
        raise sp.PolynomialError("no polynomial in the reciprocal")
    total = S.Zero
    for (k,), coefficient in sp.Poly(masked, inverse).terms():
        joined = sp.powsimp(coefficient.xreplace({d: e for e, d in exponentials.items()}))
        total += sp.factor_terms(sp.factor(joined)) / base**k
    return sp.factor_terms(total)


def complemented(expression: sp.Expr) -> sp.Expr:
    """c - c erf(x) as c erfc(x), which keeps its digits far out."""

    def joined(total: sp.Expr) -> sp.Expr:
        terms = list(total.args)
        for term in total.args:
            nodes = [f for f in sp.Mul.make_args(term) if isinstance(f, sp.erf)]
            if len(nodes) == 1 and (c := -term / nodes[0]) in terms and term in terms:
                terms.remove(term)
                terms.remove(c)
                terms.append(c * sp.erfc(nodes[0].args[0]))
        return sp.Add(*terms)

    return expression.replace(lambda e: e.is_Add and e.has(sp.erf), joined)


def bessel_ratios(expression: sp.Expr) -> sp.Expr:
    """The quotient of two neighbouring Bessel functions as one quantity, the polynomial in it collected.

    Raises:
        PolynomialError: other Bessel functions are left.
    """
    if sp.count_ops(expression) > _LONG:
        raise sp.PolynomialError("too long")
    nodes = sorted(expression.atoms(sp.besseli, sp.besselk), key=sp.default_sort_key)
    if len(nodes) != 2 or nodes[0].func is not nodes[1].func or nodes[0].args[1] != nodes[1].args[1]:
        raise sp.PolynomialError("not two Bessel functions of one argument")
    low, high = nodes
    if sp.expand(high.args[0] - low.args[0]) == -1:
        low, high = high, low
    ratio = sp.Dummy("t", positive=True)
    masked = sp.cancel(sp.together(expression.xreplace({high: ratio * low})))
    if masked.has(low) or not masked.is_polynomial(ratio):
        raise sp.PolynomialError("no polynomial in the ratio")
    terms = sp.Poly(masked, ratio).terms()
    total = S.Zero
    for (k,), coefficient in terms:
        total += sp.factor(coefficient) * (high / low) ** k
    return sp.factor_terms(total)
