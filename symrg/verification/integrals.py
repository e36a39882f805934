"""Definite integrals and series by the formulas that a person looks up, independent of SymPy's integrators.

Term by term, each only where its conditions follow from the assumptions:

- Gaussian: a polynomial times exp(-a x^2 + b x + c) over the line, a > 0 (Gradshteyn and Ryzhik 3.462);
- gamma: x^(s-1) ln^k x exp(-b x^r) over the half-line, s, b, r > 0 (GR 3.478, differentiated in s);
- beta: x^(a-1) (1-x)^(b-1) ln^k x ln^l(1-x) over the unit interval, a, b > 0 (GR 3.191, 4.253, differentiated);
- exponential and geometric series: a polynomial times q^n / n! or q^n over the naturals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import sympy as sp

from symrg.budget import Declined

_TERMS = 4000


def closed_forms(expr: sp.Expr) -> sp.Expr | None:
    """The expression with every definite integral and series that the formulas cover carried out, inner ones first.

    Returns:
        None where there is nothing to carry out or a formula is missing.
    """
    wanted = [e for e in sp.preorder_traversal(expr) if isinstance(e, sp.Integral | sp.Sum)]
    if not wanted:
        return None
    values: dict[sp.Basic, sp.Expr] = {}
    for node in reversed(wanted):
        if node not in values:
            value = _carried_out(node.xreplace(values))
            if value is None:
                return None
            values[node] = value
    carried_out = expr.xreplace(values)
    expanded = sp.expand(carried_out)
    return min(expanded, carried_out, key=sp.count_ops)


def _carried_out(node: sp.Basic) -> sp.Expr | None:
    """A (multiple) integral or sum, from the innermost limits outwards; a scalar."""
    if not isinstance(node, sp.Integral | sp.Sum):
        return node  # an outer replacement has already carried it out
    value: sp.Expr = node.function
    rule = _series if isinstance(node, sp.Sum) else _integral
    for limits in node.limits:
        if len(limits) != 3:
            return None
        x, lower, upper = limits
        value = rule(value, x, lower, upper)
        if value is None:
            return None
    return value


@dataclass(frozen=True)
class _Term:
    """coefficient * x^power * ln(x)^logs * (1-x)^other * ln(1-x)^other_logs * exp(exponent) / (x! ^ factorials)."""

    coefficient: sp.Expr
    power: sp.Expr
    logs: int
    other: sp.Expr
    other_logs: int
    exponent: sp.Expr
    factorials: int


def _integral(function: sp.Expr, x: sp.Symbol, lower: sp.Expr, upper: sp.Expr) -> sp.Expr | None:
    if (lower, upper) == (-sp.oo, sp.oo):
        line = sp.Dummy("x", real=True)
        return _by_terms(function.xreplace({x: line}), line, _gaussian)
    positive = sp.Dummy("x", positive=True)
    if (lower, upper) == (0, sp.oo):
        return _by_terms(function.xreplace({x: positive}), positive, _gamma)
    if (lower, upper) == (0, 1):
        return _by_terms(function.xreplace({x: positive}), positive, _beta)
    return None


def _series(function: sp.Expr, n: sp.Symbol, lower: sp.Expr, upper: sp.Expr) -> sp.Expr | None:
    if (lower, upper) != (0, sp.oo):
        return None
    natural = sp.Dummy("n", integer=True, nonnegative=True)
    return _by_terms(function.xreplace({n: natural}), natural, _power_series)


def _by_terms(function: sp.Expr, x: sp.Symbol, rule: Callable[[_Term, sp.Symbol], sp.Expr | None]) -> sp.Expr | None:
    hidden: dict[sp.Symbol, sp.Expr] = {}
    expanded = _prepared(_hide(function, x, hidden), x)
    parts = sp.Add.make_args(expanded)
    if len(parts) > _TERMS:
        raise Declined("the integrand has too many terms")
    gathered: dict[_Term, list[sp.Expr]] = {}
    for part in parts:
        term = _split(part, x)
        if term is None:
            return None
        gathered.setdefault(replace(term, coefficient=sp.Integer(1)), []).append(term.coefficient)
    total: list[sp.Expr] = []
    for term, coefficients in gathered.items():
        known = {name: getattr(term, name).xreplace(hidden) for name in ("power", "other", "exponent")}
        value = rule(replace(term, **known), x)
        if value is None:
            return None
        total.append(sp.Add(*coefficients).xreplace(hidden) * value)
    return sp.Add(*total).replace(sp.exp, lambda a: _exponential(a, x))


def _hide(expr: sp.Expr, x: sp.Symbol, hidden: dict[sp.Symbol, sp.Expr]) -> sp.Expr:
    """The expression with what does not depend on x behind symbols, so that expanding leaves it alone."""
    if not expr.has(x):
        if expr.is_Atom:
            return expr
        for symbol, known in hidden.items():
            if known == expr:
                return symbol
        symbol = sp.Dummy("c", **{k: v for k, v in expr.assumptions0.items() if k in ("positive", "real", "integer")})
        hidden[symbol] = expr
        return symbol
    if expr.is_Atom:
        return expr
    if isinstance(expr, sp.Add | sp.Mul):
        free, dependent = expr.as_independent(x, as_Add=isinstance(expr, sp.Add))
        parts = [_hide(a, x, hidden) for a in type(expr).make_args(dependent)]
        return type(expr)(_hide(free, x, hidden), *parts)
    return expr.func(*(_hide(a, x, hidden) for a in expr.args))


def _prepared(function: sp.Expr, x: sp.Symbol) -> sp.Expr:
    """The integrand with logarithms and powers of products split, and exponentials of logarithms made powers."""
    split = sp.expand_log(function.rewrite(sp.gamma) if function.has(sp.factorial) else function)
    split = split.replace(sp.exp, lambda a: _exponential(sp.expand_log(sp.expand(a)), x))
    return sp.expand(sp.expand_log(sp.expand_power_base(split)), power_base=True, power_exp=False)


def _exponential(argument: sp.Expr, x: sp.Symbol) -> sp.Expr:
    """exp of a sum, with logarithmic terms as powers and the rest in two exponentials: with x and without."""
    factors: list[sp.Expr] = []
    with_x: list[sp.Expr] = []
    without: list[sp.Expr] = []
    for term in sp.Add.make_args(argument):
        logs = [f for f in sp.Mul.make_args(term) if isinstance(f, sp.log | sp.loggamma)]
        if len(logs) == 1 and not (term / logs[0]).has(sp.log, sp.loggamma):
            base = sp.gamma(logs[0].args[0]) if isinstance(logs[0], sp.loggamma) else logs[0].args[0]
            factors.append(sp.Pow(base, term / logs[0]))
        else:
            (with_x if term.has(x) else without).append(term)
    return sp.Mul(*factors, sp.exp(sp.Add(*without)), sp.exp(sp.Add(*with_x)))


def _split(term: sp.Expr, x: sp.Symbol) -> _Term | None:
    coefficient, power, other, exponent = sp.Integer(1), sp.Integer(0), sp.Integer(0), sp.Integer(0)
    logs = other_logs = factorials = 0
    for factor in sp.Mul.make_args(term):
        if not factor.has(x):
            coefficient *= factor
            continue
        base, degree = factor.as_base_exp()
        if isinstance(factor, sp.exp):
            exponent += factor.args[0]
        elif base == x and not degree.has(x):
            power += degree
        elif sp.expand(base - (1 - x)) == 0 and not degree.has(x):
            other += degree
        elif base == sp.log(x) and degree.is_Integer and degree > 0:
            logs += int(degree)
        elif isinstance(base, sp.log) and sp.expand(base.args[0] - (1 - x)) == 0 and degree.is_Integer and degree > 0:
            other_logs += int(degree)
        elif base == sp.gamma(x + 1) and degree.is_Integer:
            factorials -= int(degree)
        elif not base.has(x) and base.is_positive:
            exponent += degree * sp.log(base)
        else:
            return None
    return _Term(coefficient, power, logs, other, other_logs, sp.expand(exponent), factorials)


def _gaussian(term: _Term, x: sp.Symbol) -> sp.Expr | None:
    if term.logs or term.other_logs or term.factorials or not (term.power.is_Integer and term.power >= 0):
        return None
    quadratic = sp.Poly(term.exponent, x) if term.exponent.is_polynomial(x) else None
    if quadratic is None or quadratic.degree() != 2 or not (term.other.is_Integer and term.other >= 0):
        return None
    a, b, c = (-quadratic.coeff_monomial(x**2), quadratic.coeff_monomial(x), quadratic.coeff_monomial(1))
    a = sp.factor(a)
    if not a.is_positive:
        return None
    centre = sp.cancel(b / (2 * a))
    polynomial = x**term.power * (1 - x) ** term.other
    total, derivative, k = sp.Integer(0), sp.expand(polynomial), 0
    while derivative != 0:
        total += derivative.subs(x, centre) / (sp.factorial(k) * (4 * a) ** k)
        derivative, k = sp.diff(derivative, x, 2), k + 1
    return sp.exp(sp.cancel(sp.together(c + b**2 / (4 * a)))) * sp.sqrt(sp.pi / a) * total


def _gamma(term: _Term, x: sp.Symbol) -> sp.Expr | None:
    if term.other != 0 or term.other_logs or term.factorials:
        return None
    free, dependent = term.exponent.as_independent(x, as_Add=True)
    rate, variable = dependent.as_independent(x, as_Add=False)
    base, power = variable.as_base_exp()
    if base != x or power.has(x):
        return None
    rate = -rate
    s = sp.Dummy("s", positive=True)
    at = term.power + 1
    if not (rate.is_positive and power.is_positive and at.is_positive):
        return None
    value = rate ** (-s / power) * sp.gamma(s / power) / power
    return sp.exp(free) * sp.diff(value, s, term.logs).subs(s, at) if term.logs else sp.exp(free) * value.subs(s, at)


def _beta(term: _Term, x: sp.Symbol) -> sp.Expr | None:
    if term.exponent.has(x) or term.factorials:
        return None
    a, b = sp.Dummy("a", positive=True), sp.Dummy("b", positive=True)
    at = (term.power + 1, term.other + 1)
    if not all(e.is_positive for e in at):
        return None
    value = sp.gamma(a) * sp.gamma(b) / sp.gamma(a + b)
    for symbol, count in ((a, term.logs), (b, term.other_logs)):
        value = sp.diff(value, symbol, count) if count else value
    return sp.exp(term.exponent) * value.subs({a: at[0], b: at[1]})


def _power_series(term: _Term, n: sp.Symbol) -> sp.Expr | None:
    if term.logs or term.other != 0 or term.other_logs or term.factorials not in (0, 1):
        return None
    if not (term.power.is_Integer and term.power >= 0) or not term.exponent.is_polynomial(n):
        return None
    exponent = sp.Poly(term.exponent, n)
    if exponent.degree() > 1:
        return None
    ratio, constant = sp.exp(exponent.coeff_monomial(n)), sp.exp(exponent.coeff_monomial(1))
    power = int(term.power)
    # n^m = sum_k S(m, k) n (n-1) .. (n-k+1), and falling factorials shift the series
    stirling = [sp.functions.combinatorial.numbers.stirling(power, k) for k in range(power + 1)]
    if term.factorials == 1:
        return constant * sp.exp(ratio) * sp.Add(*(s * ratio**k for k, s in enumerate(stirling)))
    if not (ratio.is_positive and (1 - ratio).is_positive):
        return None
    total = sp.Add(*(s * sp.factorial(k) * ratio**k / (1 - ratio) ** (k + 1) for k, s in enumerate(stirling)))
    return constant * total
