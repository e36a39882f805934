"""Integrals of stationary densities: the kernels that occur, before SymPy's general routes.

- exp(quadratic) times a polynomial, over the whole space in n dimensions (Wick's theorem);
- x^a exp(-b x^c) over (0, oo): Gamma((a + 1)/c) / (|c| b^((a + 1)/c));
- (x - l)^a (u - x)^b over (l, u): (u - l)^(a + b + 1) B(a + 1, b + 1);
- exp(p cos x + q sin x) over whole periods of length 2 pi: 2 pi I_0(sqrt(p^2 + q^2)) each;
- (A + B x^2)^(-p) over the real line: sqrt(A/B) A^(-p) B(1/2, p - 1/2).

Source: Gradshteyn and Ryzhik (2007), 3.478.1, 3.196.3, 3.241.4, 3.338.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy
from sympy import Expr, Symbol

from symrg.budget import Budget, Declined
from symrg.errors import ImproperDensity, MissingAssumption

__all__ = ["integral", "normalised"]

Limits = Sequence[tuple[Symbol, Expr, Expr]]


def normalised(density: Expr, limits: Limits, budget: Budget) -> Expr:
    """`density` over its integral; an integral without closed form stays as an Integral.

    Raises:
        ImproperDensity: the integral is infinite.
        MissingAssumption: whether it is finite depends on the sign of a parameter.
    """
    total = integral(density, limits, budget)
    if total in (sympy.oo, -sympy.oo, sympy.zoo, sympy.nan) or total == 0:
        spelled = ", ".join(f"{s} in ({a}, {b})" for s, a, b in limits)
        raise ImproperDensity(
            f"{density} does not normalise over {spelled}: its integral is {total}; give a bounded "
            "domain={x: (a, b)}, or normalise=False"
        )
    return density / total


def integral(weight: Expr, limits: Limits, budget: Budget, factor: Any = 1, assume_convergent: bool = False) -> Expr:
    """The integral of factor * weight, as a closed form where one is found, else as an Integral.

    Args:
        weight: a density, up to a constant.
        limits: (symbol, lower, upper) for each coordinate; an integer symbol is summed over, and a FiniteSet of values
            may stand in both places.
        budget: seconds.
        factor: what the density multiplies; a polynomial keeps the Gaussian route open.
        assume_convergent: whether `weight` is known to be a density, so that undecided signs are the right ones.

    Returns:
        Expr.

    Raises:
        MissingAssumption: whether it is finite depends on the sign of a parameter.
    """
    factor = sympy.sympify(factor, strict=True)
    if factor == 0:
        return sympy.S.Zero
    for k, (s, a, _) in enumerate(limits):
        if isinstance(a, sympy.FiniteSet):
            total = sympy.S.Zero
            for v in a:
                rest = [(q, *(e.subs(s, v) for e in ends)) for q, *ends in (*limits[:k], *limits[k + 1 :])]
                total += integral(weight.subs(s, v), rest, budget, factor.subs(s, v), assume_convergent)
            return total
    if not limits:
        return factor * weight
    coordinates = [s for s, _, _ in limits]
    if all((a, b) == (-sympy.oo, sympy.oo) and not s.is_integer for s, a, b in limits):
        value = budget.attempt("Gaussian", _gaussian, weight, factor, coordinates, assume_convergent)
        if value is not None:
            return value
    value = None
    if factor != 1:
        value = _term_by_term(weight, factor, limits, budget, assume_convergent)
    if value is None:
        value = _in_turn(factor * weight, limits, budget, assume_convergent)
    if value is not None:
        return value
    value = factor * weight
    for s, a, b in limits:
        value = (sympy.Sum if s.is_integer else sympy.Integral)(value, (s, a, b))
    return value


def _in_turn(value: Expr, limits: Limits, budget: Budget, assume_convergent: bool) -> Expr | None:
    """One coordinate after the other, by the kernels that fit, then by SymPy."""
    for s, a, b in limits:
        value = sympy.powsimp(value)
        if s.is_integer:
            total = budget.attempt(f"sum over {s}", _summed, value, (s, a, b), share=0.4)
            if total is None or total in (sympy.oo, -sympy.oo, sympy.zoo, sympy.nan):
                return total
            value = total
            continue
        if (a, b) == (-sympy.oo, sympy.oo) and value.has(sympy.cos, sympy.sin) and _repeats(value, s):
            return sympy.oo
        found = budget.attempt("von Mises", _von_mises, value, s, a, b)
        if found is None and (a, b) == (-sympy.oo, sympy.oo):
            found = budget.attempt(f"Gaussian in {s}", _gaussian, value, sympy.S.One, [s], assume_convergent)
        for route in (_power_exponential, _beta, _student):
            if found is None:
                found = budget.attempt(route.__name__.strip("_"), route, value, s, a, b, assume_convergent)
        if found is None:
            dummy = sympy.Dummy(s.name, **({"positive": True} if a == 0 and b.is_positive else {"real": True}))
            found = budget.attempt(f"integral over {s}", _integrate, value.subs(s, dummy), (dummy, a, b), share=0.4)
        if isinstance(found, sympy.Tuple):
            if not assume_convergent:
                raise MissingAssumption(f"the integral is finite only if {found[1]}; declare the signs of its symbols")
            found = found[0]
        if found is None or found in (sympy.oo, -sympy.oo, sympy.zoo, sympy.nan):
            return found
        value = found
    return value


def _term_by_term(weight: Expr, factor: Expr, limits: Limits, budget: Budget, assume_convergent: bool) -> Expr | None:
    """A factor ln(u)^m is the m-th derivative in s of u^s at s = 0."""
    coordinates = [s for s, _, _ in limits]
    total = sympy.S.Zero
    for term in sympy.Add.make_args(sympy.expand(sympy.expand_log(factor, force=True))):
        rest, powers = sympy.S.One, []
        for f in sympy.Mul.make_args(term):
            base, e = f.as_base_exp()
            if isinstance(base, sympy.log) and base.has(*coordinates) and e.is_Integer and e > 0:
                powers.append((base.args[0], sympy.Dummy("s", real=True), int(e)))
            else:
                rest *= f
        grown = rest * weight * sympy.Mul(*(u**s for u, s, _ in powers))
        value = _in_turn(grown, limits, budget, assume_convergent or bool(powers))
        if value is None:
            return None
        for _, s, m in powers:
            value = sympy.diff(value, s, m).subs(s, 0)
        total += value
    return total


def _gaussian(weight: Expr, factor: Expr, x: Sequence[Symbol], assume_convergent: bool) -> Expr | None:
    outer, inner = sympy.powsimp(weight).as_independent(*x, as_Add=False)
    exponents = [f.exp for f in sympy.Mul.make_args(inner) if isinstance(f, sympy.exp)]
    factor *= sympy.Mul(*(f for f in sympy.Mul.make_args(inner) if not isinstance(f, sympy.exp)))
    exponent = sympy.expand(sympy.Add(*exponents))
    factor = sympy.expand(factor)
    if not exponents or not (exponent.is_polynomial(*x) and factor.is_polynomial(*x)):
        raise Declined("not the exponential of a polynomial times a polynomial")
    phi, polynomial = sympy.Poly(exponent, *x), sympy.Poly(factor, *x)
    if phi.total_degree() > 2 or any(c.has(*x) for c in (*phi.coeffs(), *polynomial.coeffs())):
        raise Declined("not a quadratic exponent with a polynomial factor")
    precision = -sympy.hessian(exponent, list(x))
    for k in range(1, len(x) + 1):
        minor = sympy.factor(precision[:k, :k].det())
        if minor.is_nonpositive:
            return sympy.oo
        if not minor.is_positive and not assume_convergent:
            raise Declined(f"the sign of {minor} is not decided")
    at_zero = dict.fromkeys(x, 0)
    slope = sympy.Matrix([exponent.diff(s) for s in x]).subs(at_zero)
    covariance = precision.inv().applyfunc(sympy.simplify)
    mean = (covariance * slope).applyfunc(sympy.simplify)
    constant = exponent.subs(at_zero) + (slope.T * mean)[0] / 2
    total = (
        outer
        * sympy.sqrt((2 * sympy.pi) ** len(x) / sympy.factor(precision.det()))
        * sympy.exp(sympy.simplify(constant))
    )
    if polynomial.as_expr() == 1:
        return sympy.powsimp(sympy.powdenest(total))
    z = [sympy.Dummy(s.name) for s in x]
    shifted = sympy.Poly(
        polynomial.as_expr().subs(dict(zip(x, [m + d for m, d in zip(mean, z)])), simultaneous=True), *z
    )
    average = sympy.Add(
        *(c * wick([i for i, e in enumerate(k) for _ in range(e)], covariance) for k, c in shifted.terms())
    )
    return sympy.powsimp(total) * sympy.simplify(average)


def wick(indices: list[int], covariance: sympy.Matrix) -> Expr:
    """E[z_i z_j ...] of a centred Gaussian: the sum over pairings."""
    if not indices:
        return sympy.S.One
    if len(indices) % 2:
        return sympy.S.Zero
    first, rest = indices[0], indices[1:]
    return sympy.Add(*(covariance[first, j] * wick(rest[:k] + rest[k + 1 :], covariance) for k, j in enumerate(rest)))


def _power_exponential(value: Expr, x: Symbol, a: Expr, b: Expr, assume_convergent: bool) -> Expr | None:
    if (a, b) != (0, sympy.oo):
        raise Declined("not over (0, oo)")
    outer, power, exponent = _split(value, x)
    if exponent == 0:
        return sympy.oo  # a power alone diverges at one end or the other
    parts = [term.as_independent(x, as_Add=False) for term in sympy.Add.make_args(-exponent)]
    c = parts[0][1]
    rate = sympy.factor(sympy.Add(*(r for r, _ in parts)))
    if any(other != c for _, other in parts):
        raise Declined("the exponent is no single power")
    if not (c == x or (c.is_Pow and c.base == x and not c.exp.has(x))):
        raise Declined("the exponent is no single power")
    c = c.as_base_exp()[1]
    if not c.is_positive and not c.is_negative:
        raise Declined(f"the sign of {c} is not decided")
    order = sympy.simplify((power + 1) / c)
    if rate.is_negative or order.is_nonpositive:
        return sympy.oo
    if not assume_convergent and not (rate.is_positive and order.is_positive):
        raise Declined(f"the signs of {rate} and {order} are not decided")
    return outer * sympy.gamma(order) / (sympy.Abs(c) * rate**order)


def _beta(value: Expr, x: Symbol, a: Expr, b: Expr, assume_convergent: bool) -> Expr | None:
    if not (a.is_finite and b.is_finite):
        raise Declined("not over a bounded interval")
    orders = {a: sympy.S.One, b: sympy.S.One}
    outer = sympy.S.One
    inside = a + (b - a) * sympy.Rational(5, 13)
    for f in sympy.Mul.make_args(value):
        base, e = f.as_base_exp()
        if not f.has(x):
            outer *= f
            continue
        if e.has(x) or not base.is_polynomial(x) or base.subs(x, inside).is_positive is not True:
            raise Declined(f"the factor {f}")
        scale, factors = sympy.factor_list(base, x)
        for g, multiplicity in factors:
            slope = sympy.diff(g, x)
            root = sympy.S.NaN if slope.has(x) else -g.subs(x, 0) / slope
            if root not in orders:
                raise Declined(f"the factor {f}")
            orders[root] += multiplicity * e
            scale *= slope**multiplicity
        outer *= sympy.Abs(scale) ** e
    p, q = (sympy.simplify(orders[s]) for s in (a, b))
    if p.is_nonpositive or q.is_nonpositive:
        return sympy.oo
    if not assume_convergent and not (p.is_positive and q.is_positive):
        raise Declined(f"the signs of {p} and {q} are not decided")
    return sympy.simplify(outer) * (b - a) ** (p + q - 1) * sympy.gamma(p) * sympy.gamma(q) / sympy.gamma(p + q)


def _student(value: Expr, x: Symbol, a: Expr, b: Expr, assume_convergent: bool) -> Expr | None:
    if (a, b) != (-sympy.oo, sympy.oo):
        raise Declined("not over the real line")
    outer, inner = value.as_independent(x, as_Add=False)
    base, e = inner.as_base_exp()
    if e.has(x):
        raise Declined("no power of a quadratic")
    quadratic = sympy.Poly(base, x)
    if quadratic.degree() != 2 or any(c.has(x) for c in quadratic.coeffs()):
        raise Declined("no power of a quadratic")
    leading, middle, last = quadratic.all_coeffs()
    low = sympy.simplify(last - middle**2 / (4 * leading))
    p = -e
    excess = sympy.simplify(p - sympy.Rational(1, 2))
    if excess.is_nonpositive:
        return sympy.oo
    if not assume_convergent and not (leading.is_positive and low.is_positive and excess.is_positive):
        raise Declined("a sign is not decided")
    return outer * sympy.sqrt(sympy.pi * low / leading) * low ** (-p) * sympy.gamma(excess) / sympy.gamma(p)


def _repeats(value: Expr, x: Symbol) -> bool:
    """Whether a shift by a period only multiplies by a constant: over the whole line that has no finite integral."""
    if not value.has(x):
        return False
    for wave in value.atoms(sympy.cos, sympy.sin):
        rate = sympy.diff(wave.args[0], x)
        if rate != 0 and not rate.has(x):
            period = 2 * sympy.pi / rate
            shifted = sympy.expand(sympy.expand_log(sympy.log(value.subs(x, x + period) / value), force=True))
            return not sympy.simplify(sympy.expand_trig(shifted)).has(x)
    return False


def _von_mises(value: Expr, x: Symbol, a: Expr, b: Expr) -> Expr | None:
    """exp(p cos(k x + c) + q sin(k x + d) + ...) over a whole number m of periods: m 2 pi I_0(|p e^ic + ...|) / k."""
    outer, inner = sympy.powsimp(value).as_independent(x, as_Add=False)
    if not isinstance(inner, sympy.exp):
        raise Declined("no exponential of a wave")
    waves = inner.atoms(sympy.cos, sympy.sin)
    rates = {sympy.diff(w.args[0], x) for w in waves}
    if len(rates) != 1 or (rate := rates.pop()).has(x) or not rate.is_nonzero:
        raise Declined("no exponential of waves of one length")
    turns = sympy.simplify((b - a) * rate / (2 * sympy.pi))
    if not (turns.is_integer and turns.is_nonzero):
        raise Declined("no whole number of periods")
    angle = sympy.Dummy("angle", real=True)
    exponent = sympy.expand(sympy.expand_trig(sympy.expand(inner.exp.subs(x, angle / rate))))
    even, odd = exponent.coeff(sympy.cos(angle)), exponent.coeff(sympy.sin(angle))
    constant = sympy.expand(exponent - even * sympy.cos(angle) - odd * sympy.sin(angle))
    if constant.has(angle) or even.has(angle) or odd.has(angle):
        raise Declined("no exponential of a simple wave")
    amplitude = sympy.sqrt(sympy.simplify(even**2 + odd**2))
    return outer * sympy.exp(constant) * sympy.besseli(0, amplitude) * (b - a)


def _split(value: Expr, x: Symbol) -> tuple[Expr, Expr, Expr]:
    """(outer, power, exponent) with value = outer x^power exp(exponent)."""
    outer, power, exponent = sympy.S.One, sympy.S.Zero, sympy.S.Zero
    for f in sympy.Mul.make_args(sympy.expand_power_base(value, force=True)):
        base, e = f.as_base_exp()
        if not f.has(x):
            outer *= f
        elif base == x and not e.has(x):
            power += e
        elif isinstance(f, sympy.exp):
            exponent += f.exp
        else:
            raise Declined(f"the factor {f}")
    exponent = sympy.expand(exponent)
    constant, exponent = exponent.as_independent(x, as_Add=True)
    return outer * sympy.exp(constant), power, exponent


def _summed(value: Expr, limit: tuple[Symbol, Expr, Expr]) -> Expr | None:
    """The sum over integers, where it has a closed form."""
    found = sympy.summation(sympy.combsimp(value.rewrite(sympy.factorial)), limit)
    if isinstance(found, sympy.Piecewise):
        found = found.args[0][0]
    return None if found.has(sympy.Sum) else found


def _integrate(value: Expr, limit: tuple[Symbol, Expr, Expr]) -> Expr | sympy.Tuple | None:
    """The integral; (value, condition) where it is finite only under one; None where there is no closed form."""
    try:
        found = sympy.integrate(value, limit)
    except sympy.PolynomialError:  # SymPy's way of giving up on some products of exponentials and fractions
        return None
    if isinstance(found, sympy.Piecewise):
        return sympy.Tuple(*found.args[0])
    if found.has(sympy.Integral):
        return None
    found = sympy.simplify(found)
    return None if found.has(sympy.I) else found
