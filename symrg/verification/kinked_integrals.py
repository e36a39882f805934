"""Integrals whose integrands have kinks or jumps (absolute values, signs, cases) at places that depend on parameters.

The integral is cut at the places, in each piece the integrand has one smooth form, and the pieces are integrated by
their antiderivatives: a polynomial times exp(a x + b) or exp(-a x^2 + b x + c), and powers. Where it isn't known which
of two places comes first, every order is a case of its own: the larger one is written as the smaller one plus d, d > 0.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator

import sympy as sp
from sympy.core.relational import Relational

from symrg.budget import Budget, Declined, OutOfTime, within

_KINKED = (sp.Abs, sp.sign, sp.Heaviside, sp.Max, sp.Min, sp.Piecewise)
_DEPTH = 3  # pairs whose order opens cases
_PATIENCE = 3.0  # seconds for an antiderivative of SymPy's


class Unordered(Exception):
    """Raised where it isn't known which of two places is the larger one."""

    def __init__(self, first: sp.Expr, second: sp.Expr):
        super().__init__(f"the order of {first} and {second} isn't known")
        self.first, self.second = first, second


def has_kinks(node: sp.Integral) -> bool:
    """Whether the integrand of a simple definite integral has a kink or jump in its variable."""
    if len(node.limits) != 1 or len(node.limits[0]) != 3:
        return False
    x = node.limits[0][0]
    return any(a.has(x) for a in node.function.atoms(*_KINKED))


def zero_in_every_order(residual: sp.Expr, budget: Budget, depth: int = 0) -> list[str] | None:
    """The steps that reduce a residual with kinked integrals to 0, in every order of the kinks; None where none do.

    Raises:
        Declined: there are no such integrals, or a kink isn't where a linear expression vanishes.
    """
    from symrg.verification.symbolic import reduce_to_zero

    kinked = [i for i in residual.atoms(sp.Integral) if has_kinks(i)]
    if not kinked and depth == 0:
        raise Declined("no integral has kinks")
    try:
        value = residual.xreplace({i: _carried_out(i) for i in kinked}) if kinked else residual
    except Unordered as pair:
        if depth >= _DEPTH:
            raise Declined(str(pair)) from None
        steps: list[str] = []
        for text, substitution in _orders(pair.first, pair.second):
            case = residual.subs(substitution).doit(integrals=False, sums=False)
            found = zero_in_every_order(case, budget, depth + 1)
            if found is None:
                return None
            steps += [f"for {text}: {s}" for s in found]
        return [f"integrals cut at their kinks, {s}" for s in steps] if depth == 0 else steps
    share = Budget(max(budget.remaining / 2, 0.01))
    found = reduce_to_zero(value, share)
    return None if found is None else ["integrals cut at their kinks", *found]


def _orders(first: sp.Expr, second: sp.Expr) -> Iterator[tuple[str, dict[sp.Symbol, sp.Expr]]]:
    """The three orders of two places, each with a substitution that says the same.

    Raises:
        Declined: no symbol can be written in terms of the others.
    """
    d = sp.Dummy("d", positive=True)
    for large, small, step, sign in (
        (first, second, d, ">"),
        (second, first, d, "<"),
        (first, second, sp.Integer(0), "="),
    ):
        yield f"{first} {sign} {second}", _solved(large, small, step)


def _solved(large: sp.Expr, small: sp.Expr, step: sp.Expr) -> dict[sp.Symbol, sp.Expr]:
    """A substitution that makes large = small + step, and leaves every symbol what it was assumed to be."""
    for side, other, sign in ((large, small, 1), (small, large, -1)):
        if side.is_Symbol and not other.has(side) and _agrees(side, other + sign * step):
            return {side: other + sign * step}
    gap = sp.expand(large - small - step)
    for s in sorted((s for s in gap.free_symbols if not isinstance(s, sp.Dummy)), key=str):
        slope = gap.diff(s)
        if (
            s.is_real
            and s.is_nonnegative is None
            and s.is_nonpositive is None
            and slope.is_nonzero
            and not slope.has(s)
        ):
            return {s: sp.expand(s - gap / slope)}
    raise Declined(f"{large} and {small} can't be ordered by a substitution")


def _agrees(symbol: sp.Symbol, value: sp.Expr) -> bool:
    known = ("positive", "negative", "nonnegative", "nonpositive", "integer", "real")
    return all(getattr(value, f"is_{k}") for k in known if getattr(symbol, f"is_{k}"))


def _larger(a: sp.Expr, b: sp.Expr) -> int:
    """1, 0 or -1 as a is larger than, equal to or smaller than b.

    Raises:
        Unordered: it isn't known.
    """
    if a == b:
        return 0
    if a in (sp.oo, -sp.oo) or b in (sp.oo, -sp.oo):
        return 1 if a == sp.oo or b == -sp.oo else -1
    gap = sp.factor(a - b)
    for form in (gap, sp.expand(gap)):
        if form.is_zero:
            return 0
        if form.is_positive:
            return 1
        if form.is_negative:
            return -1
    raise Unordered(a, b)


def _carried_out(node: sp.Integral) -> sp.Expr:
    """The value of a kinked integral.

    Raises:
        Unordered: the order of two places must be known first.
        Declined: a piece has no antiderivative that is known.
    """
    ((x, lower, upper),) = node.limits
    direction = _larger(upper, lower)
    if direction == 0:
        return sp.Integer(0)
    if direction < 0:
        lower, upper = upper, lower
    function, count = node.function, sp.Integer(1)
    period = _period(function, x)
    if period is not None and sp.expand((upper - lower) / period).is_integer:
        count, lower, upper = sp.expand((upper - lower) / period), sp.Integer(0), period
    factors = {node: _roots(gap, x, lower, upper) for node, gap in _gaps(function, x)}
    inside: list[sp.Expr] = []
    for _, roots in factors.values():
        for root in roots:
            if root not in inside and _larger(root, lower) > 0 and _larger(upper, root) > 0:
                inside.append(root)
    marks = sorted(inside, key=functools.cmp_to_key(_larger))
    ends = [lower, *(m for k, m in enumerate(marks) if k == 0 or _larger(m, marks[k - 1]) != 0), upper]
    total: sp.Expr = sp.Integer(0)
    for a, b in itertools.pairwise(ends):
        signs = {gap: _sign_between(lead, roots, a) for gap, (lead, roots) in factors.items()}
        total += antiderivative_between(_smooth(function, x, signs), x, a, b)
    return direction * count * total


def _period(function: sp.Expr, x: sp.Symbol) -> sp.Expr | None:
    if not function.has(sp.sin, sp.cos, sp.tan):
        return None
    try:
        period = within(1.0, sp.periodicity, function, x)
    except (OutOfTime, NotImplementedError, ValueError, TypeError, AttributeError):
        return None
    return period if period is not None and period.is_positive else None


def _gaps(function: sp.Expr, x: sp.Symbol) -> Iterator[tuple[sp.Expr, sp.Expr]]:
    """Everything on whose sign the form of the integrand depends, twice: as its own name."""
    for node in function.atoms(*_KINKED):
        if not node.has(x):
            continue
        if isinstance(node, sp.Max | sp.Min):
            if len(node.args) != 2:
                raise Declined("a maximum of more than two")
            yield node.args[0] - node.args[1], node.args[0] - node.args[1]
        elif isinstance(node, sp.Piecewise):
            for _, condition in node.args:
                for relation in condition.atoms(Relational):
                    if relation.has(x):
                        yield relation.lhs - relation.rhs, relation.lhs - relation.rhs
        elif node.args[0].has(x):
            yield node.args[0], node.args[0]


def _roots(gap: sp.Expr, x: sp.Symbol, lower: sp.Expr, upper: sp.Expr) -> tuple[sp.Expr, tuple[sp.Expr, ...]]:
    """A sign and the places at which the gap changes it: gap = sign * product of (x - place) * something positive."""
    lead: sp.Expr = sp.Integer(1)
    places: list[sp.Expr] = []
    for factor in sp.Mul.make_args(sp.factor(gap)):
        base, power = factor.as_base_exp()
        if not base.has(x) and not power.has(x):
            lead *= _sign(factor)
        elif base.is_polynomial(x) and sp.degree(base, x) == 1 and power.is_Integer:
            slope = base.coeff(x, 1)
            place = sp.cancel(-base.subs(x, 0) / slope)
            if power % 2:
                lead *= _sign(slope)
                places.append(place)
        elif isinstance(base, sp.sin | sp.cos) and power.is_Integer and lower.is_number and upper.is_number:
            if power % 2:
                more, sign = _waves(base, x, lower, upper)
                places += more
                lead *= sign
        elif factor.is_positive or factor.is_negative:
            lead *= 1 if factor.is_positive else -1
        else:
            raise Declined(f"the sign of {factor} isn't known")
    return lead, tuple(places)


def _waves(wave: sp.Expr, x: sp.Symbol, lower: sp.Expr, upper: sp.Expr) -> tuple[list[sp.Expr], int]:
    """The zeros of a sine or cosine between two numbers, and its sign after an even number of them."""
    inner = wave.args[0]
    slope, shift = inner.coeff(x, 1), inner.subs(x, 0)
    if sp.expand(inner - slope * x - shift) != 0 or not (slope.is_positive and shift.is_number and lower.is_finite):
        raise Declined(f"the zeros of {wave} aren't known")
    half = sp.pi / 2 if isinstance(wave, sp.cos) else sp.Integer(0)
    first, last = (sp.floor((slope * end + shift - half) / sp.pi) for end in (lower, upper))
    if last - first > 60:
        raise Declined(f"{wave} has too many zeros")
    places = [(half + sp.pi * k - shift) / slope for k in range(int(first) + 1, int(last) + 1)]
    after = sp.Integer(int(last)) if isinstance(wave, sp.sin) else sp.Integer(int(last)) + 1
    return places, 1 if after % 2 == 0 else -1


def _sign(factor: sp.Expr) -> int:
    if factor.is_positive:
        return 1
    if factor.is_negative:
        return -1
    raise Unordered(factor, sp.Integer(0))


def _sign_between(lead: sp.Expr, roots: tuple[sp.Expr, ...], start: sp.Expr) -> int:
    """The sign of a gap on the piece that begins at `start`."""
    sign = int(lead)
    for root in roots:
        if start == -sp.oo or _larger(root, start) > 0:
            sign = -sign
    return sign


def _smooth(function: sp.Expr, x: sp.Symbol, signs: dict[sp.Expr, int]) -> sp.Expr:
    """The integrand on a piece on which every gap has the sign given."""

    def put(node: sp.Basic) -> sp.Basic:
        if isinstance(node, sp.Piecewise) and node.has(x):
            for value, condition in node.args:
                if _true(condition, x, signs):
                    return put(value)
            return sp.nan
        if isinstance(node, sp.Max | sp.Min) and node.has(x):
            first = (signs[node.args[0] - node.args[1]] > 0) == isinstance(node, sp.Max)
            return put(node.args[0 if first else 1])
        if isinstance(node, sp.Abs | sp.sign | sp.Heaviside) and node.args[0].has(x):
            sign = signs[node.args[0]]
            if isinstance(node, sp.Abs):
                return sign * put(node.args[0])
            return sp.Integer(sign if isinstance(node, sp.sign) else (1 + sign) // 2)
        return node.func(*(put(a) for a in node.args)) if node.args else node

    return put(function)


def _true(condition: sp.Basic, x: sp.Symbol, signs: dict[sp.Expr, int]) -> bool:
    if condition in (sp.true, sp.false):
        return bool(condition)
    if isinstance(condition, sp.And):
        return all(_true(a, x, signs) for a in condition.args)
    if isinstance(condition, sp.Or):
        return any(_true(a, x, signs) for a in condition.args)
    if isinstance(condition, sp.Not):
        return not _true(condition.args[0], x, signs)
    if isinstance(condition, Relational) and condition.has(x):
        sign = signs[condition.lhs - condition.rhs]
        if isinstance(condition, sp.Eq | sp.Ne):  # a single place has no weight
            return isinstance(condition, sp.Ne)
        return sign > 0 if isinstance(condition, sp.Gt | sp.Ge) else sign < 0
    raise Declined(f"whether {condition} isn't known")


def antiderivative_between(function: sp.Expr, x: sp.Symbol, lower: sp.Expr, upper: sp.Expr) -> sp.Expr:
    """The integral of a smooth function between two places, by antiderivatives term by term.

    Raises:
        Declined: a term has none that is known, or it doesn't vanish at an infinite end.
    """
    total: sp.Expr = sp.Integer(0)
    line = sp.Dummy("x", real=True)
    expanded = sp.expand(function.xreplace({x: line}), power_exp=False, log=False)
    for term in sp.Add.make_args(expanded):
        free, dependent = term.as_independent(line, as_Add=False)
        total += free * _term(dependent, line, lower, upper)
    return total


def _term(term: sp.Expr, x: sp.Symbol, lower: sp.Expr, upper: sp.Expr) -> sp.Expr:
    exponentials = [f for f in sp.Mul.make_args(term) if isinstance(f, sp.exp)]
    rest = sp.Mul(*[f for f in sp.Mul.make_args(term) if f not in exponentials])
    exponent = sp.expand(sp.Add(*(f.args[0] for f in exponentials)))
    if rest.is_polynomial(x) and exponent.is_polynomial(x) and sp.degree(exponent, x) <= 2:
        quadratic = -exponent.coeff(x, 2)
        if quadratic != 0:
            return _gaussian(rest, exponent, sp.factor(quadratic), x, upper) - _gaussian(
                rest, exponent, sp.factor(quadratic), x, lower
            )
        return _exponential(rest, exponent, x, upper) - _exponential(rest, exponent, x, lower)
    own = sp.Symbol("x", real=True)
    try:
        value = within(_PATIENCE, sp.integrate, term.xreplace({x: own}), (own, lower, upper))
    except (OutOfTime, NotImplementedError, ValueError, TypeError, AttributeError, ArithmeticError):
        value = sp.nan
    if value.has(sp.Integral, sp.Piecewise, sp.nan, sp.oo, sp.zoo):
        raise Declined(f"no antiderivative of {str(term)[:60]} is known")
    return value


def _exponential(polynomial: sp.Expr, exponent: sp.Expr, x: sp.Symbol, end: sp.Expr) -> sp.Expr:
    """An antiderivative of p(x) exp(a x + b) at an end."""
    rate = sp.factor(exponent.coeff(x, 1))
    if end in (sp.oo, -sp.oo):
        falls = rate.is_negative if end == sp.oo else rate.is_positive
        if not falls:
            raise Declined("the integrand doesn't fall off")
        return sp.Integer(0)
    if rate == 0:
        return sp.exp(exponent) * sp.integrate(polynomial, x).subs(x, end)
    if not rate.is_nonzero:
        raise Declined(f"whether {rate} is 0 isn't known")
    total, current, k = sp.Integer(0), polynomial, 1
    while current != 0:
        total += (-1) ** (k - 1) * current / rate**k
        current, k = sp.diff(current, x), k + 1
    return (total * sp.exp(exponent)).subs(x, end)


def _gaussian(polynomial: sp.Expr, exponent: sp.Expr, a: sp.Expr, x: sp.Symbol, end: sp.Expr) -> sp.Expr:
    """An antiderivative of p(x) exp(-a x^2 + b x + c) at an end, by parts: error functions and Gaussians."""
    if not a.is_positive:
        raise Declined("a Gaussian that doesn't fall off")
    b, c = exponent.coeff(x, 1), exponent.coeff(x, 0)
    middle = sp.cancel(b / (2 * a))
    scale = sp.exp(sp.cancel(sp.together(c + b**2 / (4 * a))))
    y = sp.Dummy("y", real=True)
    moved = sp.Poly(sp.expand(polynomial.subs(x, y + middle)), y).all_coeffs()[::-1]
    infinite = end in (sp.oo, -sp.oo)
    place = sp.Integer(0) if infinite else end - middle
    fall = sp.Integer(0) if infinite else sp.exp(-a * place**2)
    step = sp.Integer(1 if end == sp.oo else -1) if infinite else sp.erf(sp.sqrt(a) * place)
    parts = [sp.sqrt(sp.pi / a) / 2 * step, -fall / (2 * a)]
    for k in range(2, len(moved)):
        parts.append(-(place ** (k - 1)) * fall / (2 * a) + sp.Rational(k - 1, 2) / a * parts[k - 2])
    return scale * sp.Add(*(m * p for m, p in zip(moved, parts)))
