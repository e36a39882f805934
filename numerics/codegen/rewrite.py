"""Rewrites that keep a value and lose less of it: cancellation, overflow, removable singularities.

`stabilise` walks an expression once from the leaves up. A rewrite is a local rule on one node whose arguments are
already rewritten, so the cost is linear in the number of distinct nodes; a rule that does not apply returns None.

| what is written               | what is computed                  | lost otherwise                    |
|-------------------------------|-----------------------------------|-----------------------------------|
| e^u - 1, ln(1 + u)            | expm1, log1p                      | all digits as u -> 0              |
| u/(e^u - 1), (e^u - 1)/u      | Bernoulli function, its inverse   | 0/0 at 0                          |
| sin u/u, sinh u/u, tanh u/u   | with the limit 1 at 0             | 0/0 at 0                          |
| cos u - 1, cosh u - 1         | -2 sin^2(u/2), 2 sinh^2(u/2)      | digits as u -> 0                  |
| sqrt(1 + u) - 1               | u/(1 + sqrt(1 + u))               | digits as u -> 0                  |
| a^2 - b^2                     | (a - b)(a + b)                    | digits as a -> b                  |
| ln(1 + e^u), ln(e^u + e^v)    | the larger exponent taken out     | overflow                          |
| e^u/(1 + e^u)                 | logistic function                 | inf/inf                           |
| coth u - 1/u                  | series near 0                     | digits as u -> 0                  |
| 1 - erf u, e^(u^2) erfc u     | erfc, erfcx                       | digits, underflow                 |
| ln(1 - u^2)                   | log1p or ln((1 - u)(1 + u))       | digits as u -> 0 or u -> 1        |
| ln Gamma(u), ln cosh u        | without the overflowing inside    | overflow                          |
| I_a(u)/I_b(u), ln I_a(u), K   | exponentially scaled functions    | overflow                          |
| sin(pi u), cos(pi u)          | u reduced exactly                 | digits near the zeros             |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from numerics.codegen import stable as st

ONE = sp.S.One


def stabilise(expressions: Iterable[sp.Basic], real: bool = True) -> list[sp.Basic]:
    """The expressions with the rewrites of this module applied, shared subexpressions rewritten once.

    Args:
        expressions: SymPy expressions or booleans.
        real: whether every value is real; in complex arithmetic only those rules are used that hold there.

    Returns:
        Expressions of the same value, in the same order. At removable singularities they have the limit's value.
    """
    done: dict[sp.Basic, sp.Basic] = {}
    return [_walk(e, done, real) for e in expressions]


def _walk(root: sp.Basic, done: dict[sp.Basic, sp.Basic], real: bool) -> sp.Basic:
    stack = [(root, False)]
    while stack:
        node, ready = stack.pop()
        if node in done:
            continue
        if not node.args or isinstance(node, (sp.Indexed, sp.matrices.expressions.matexpr.MatrixElement)):
            done[node] = node
        elif not ready:
            stack.append((node, True))
            stack.extend((a, False) for a in _inner(node) if a not in done)
        else:
            square = _square_below_one(node) if real and isinstance(node, sp.log) else None
            done[node] = st.Log1mSquare(done.get(square, square)) if square else _apply(_rebuilt(node, done), real)
    return done[root]


def _inner(node: sp.Basic) -> tuple[sp.Basic, ...]:
    if isinstance(node, (sp.Sum, sp.Product)):
        return (node.function,)  # bounds are integers: nothing to lose there
    return node.args


def _rebuilt(node: sp.Basic, done: dict[sp.Basic, sp.Basic]) -> sp.Basic:
    if isinstance(node, (sp.Sum, sp.Product)):
        inside = done[node.function]
        return node if inside is node.function else node.func(inside, *node.limits)
    arguments = [done[a] for a in node.args]
    if all(a is b for a, b in zip(arguments, node.args)):
        return node
    if isinstance(node, (sp.Function, Relational, sp.Max, sp.Min)):
        return node.func(*arguments, evaluate=False)  # evaluation asks for assumptions, which is what takes long
    return node.func(*arguments)


def _apply(node: sp.Basic, real: bool) -> sp.Basic:
    if isinstance(node, sp.sinc) and real:
        return st.Sinc(node.args[0])
    rules: tuple[Callable[[Any], sp.Expr | None], ...] = ()
    if isinstance(node, sp.Add):
        rules = _REAL_SUMS if real else _SUMS
    elif isinstance(node, sp.Mul):
        rules = _REAL_PRODUCTS if real else ()
    elif isinstance(node, sp.log):
        rules = _REAL_LOGS if real else _LOGS
    elif isinstance(node, (sp.sin, sp.cos)):
        rules = (_multiple_of_pi,) if real else ()
    for rule in rules:
        found = rule(node)
        if found is not None:
            return found
    return node


# sums


def _coefficient(term: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    c, rest = term.as_coeff_Mul()
    return c, rest


def _unit_differences(node: sp.Expr) -> sp.Expr | None:
    """c f(u) - c, with f one of e^u, cos, cosh, sqrt(1 + .), erf, erfc: the difference in one function."""
    constant = node.args[0]
    if not constant.is_Number or not constant.is_finite:
        return None
    for term in node.args[1:]:
        c, f = _coefficient(term)
        if c != -constant and c != constant:
            continue
        new = _minus_one(f) if c == -constant else _plus_one(f)
        if new is not None:
            rest = [t for t in node.args[1:] if t is not term]
            return sp.Add(*rest, c * new)
    return None


def _minus_one(f: sp.Expr) -> sp.Expr | None:
    if isinstance(f, sp.exp):
        return st.Expm1(f.args[0])
    if isinstance(f, sp.cos):
        return st.Cosm1(f.args[0])
    if isinstance(f, sp.cosh):
        return st.Coshm1(f.args[0])
    if isinstance(f, sp.erf):
        return -sp.erfc(f.args[0], evaluate=False)
    if isinstance(f, sp.erfc):
        return -sp.erf(f.args[0])
    if f.is_Pow and f.exp == sp.S.Half and isinstance(f.base, sp.Add) and f.base.args[0] is ONE:
        return st.Sqrt1pm1(f.base - 1)
    return None


def _plus_one(f: sp.Expr) -> sp.Expr | None:
    """1 + f where that cancels for one sign of the argument."""
    if isinstance(f, sp.erf):
        return sp.erfc(-f.args[0], evaluate=False)
    return None


def _hyperbolic(node: sp.Expr) -> sp.Expr | None:
    """c e^u -+ c e^-u in two terms: 2 c sinh u, 2 c cosh u."""
    if len(node.args) != 2:
        return None
    (c, f), (d, g) = map(_coefficient, node.args)
    if isinstance(f, sp.exp) and isinstance(g, sp.exp) and f.args[0] == -g.args[0]:
        if c == -d:
            return 2 * c * sp.sinh(f.args[0])
        if c == d:
            return 2 * c * sp.cosh(f.args[0])
    return None


def _difference_of_squares(node: sp.Expr) -> sp.Expr | None:
    if len(node.args) != 2:
        return None
    (c, f), (d, g) = map(_coefficient, node.args)
    if f is ONE and c.is_Rational and d.is_Rational and c * d < 0:
        ratio = sp.sqrt(-c / d)
        a = _root(g)
        if a is not None and ratio.is_Rational:
            return -d * (ratio - a) * (ratio + a)
        return None
    if c == -d:
        a, b = _root(f), _root(g)
        if a is not None and b is not None:
            return c * (a - b) * (a + b)
    return None


def _root(square: sp.Expr) -> sp.Expr | None:
    if square.is_Pow and square.exp == 2:
        return square.base
    return None


def _langevin(node: sp.Expr) -> sp.Expr | None:
    """c coth u - c/u; also written with 1/tanh u."""
    for term in node.args:
        c, f = _coefficient(term)
        if isinstance(f, sp.coth):
            u = f.args[0]
        elif f.is_Pow and f.exp == -1 and isinstance(f.base, sp.tanh):
            u = f.base.args[0]
        else:
            continue
        partner = -c / u
        if partner in node.args:
            rest = [t for t in node.args if t is not term and t != partner]
            return sp.Add(*rest, c * st.Langevin(u))
    return None


# logarithms


def _square_below_one(node: sp.Expr) -> sp.Expr | None:
    """U of ln(1 - u^2), seen before 1 - u^2 is taken apart: what is best depends on u."""
    inside = node.args[0]
    if isinstance(inside, sp.Add) and len(inside.args) == 2 and inside.args[0] is ONE:
        c, f = _coefficient(inside.args[1])
        return _root(f) if c == -1 else None
    return None


def _log_of_one_plus(node: sp.Expr) -> sp.Expr | None:
    inside = node.args[0]
    if isinstance(inside, sp.Add) and inside.args[0] is ONE:
        return st.Log1p(inside - 1)
    return None


def _log_of_exponentials(node: sp.Expr) -> sp.Expr | None:
    """ln(c e^u + d e^v) with positive numbers c, d; a bare number counts as e^0."""
    inside = node.args[0]
    if not isinstance(inside, sp.Add) or len(inside.args) != 2:
        return None
    exponents = []
    for term in inside.args:
        c, f = _coefficient(term)
        if not c.is_positive:
            return None
        if f is ONE:
            exponents.append(sp.log(c))
        elif isinstance(f, sp.exp):
            exponents.append(f.args[0] + sp.log(c))
        else:
            return None
    if exponents[0] == 0:
        return st.Softplus(exponents[1])
    return st.LogAddExp(*exponents)


def _log_of_one(node: sp.Expr) -> sp.Expr | None:
    """ln of a single function (times a positive number) that overflows before its logarithm does."""
    c, f = _coefficient(node.args[0])
    if not c.is_positive:
        return None
    value: sp.Expr
    if isinstance(f, sp.gamma):
        value = st.LogGamma(f.args[0])
    elif isinstance(f, sp.cosh):
        value = st.LogCosh(f.args[0])
    elif isinstance(f, sp.besseli):
        value = sp.log(st.ScaledBesselI(*f.args)) + sp.Abs(f.args[1])
    elif isinstance(f, sp.besselk):
        value = sp.log(st.ScaledBesselK(*f.args)) - f.args[1]
    else:
        return None
    return value + sp.log(c)


# products


def _quotients(node: sp.Expr) -> sp.Expr | None:
    """Quotients with a removable singularity or an overflow, one pair at a time until none is left."""
    factors = list(node.args)
    changed = False
    while True:
        for i, f in enumerate(factors):
            found = _pair(f, factors[:i] + factors[i + 1 :])
            if found is not None:
                factors, changed = found, True
                break
        else:
            break
    return sp.Mul(*factors) if changed else None


def _pair(f: sp.Expr, others: list[sp.Expr]) -> list[sp.Expr] | None:
    base, exponent = (f.base, f.exp) if f.is_Pow else (f, ONE)
    if exponent == -1 and isinstance(base, st.Expm1):
        return _with_numerator(base.args[0], others, lambda u: st.Bernoulli(u))
    if exponent == -1 and isinstance(base, sp.sinh):
        return _with_numerator(base.args[0], others, lambda u: 1 / st.Sinhc(u))
    if exponent == -1 and isinstance(base, sp.tanh):
        return _with_numerator(base.args[0], others, lambda u: 1 / st.Tanhc(u))
    if exponent == 1 and isinstance(base, sp.coth):
        return _with_numerator(base.args[0], others, lambda u: 1 / st.Tanhc(u))
    over = {st.Expm1: st.Exprel, sp.sin: st.Sinc, sp.sinh: st.Sinhc, sp.tanh: st.Tanhc}.get(type(base))
    if over is not None and exponent.is_Integer and exponent > 0:
        return _with_denominator(base.args[0], int(exponent), others, over)
    if isinstance(base, sp.Add) and exponent.is_Integer and exponent < 0:
        return _logistic(base, -int(exponent), others)
    if isinstance(base, (sp.erfc, sp.besseli, sp.besselk)):
        return _scaled(base, exponent, others)
    return None


def _with_numerator(u: sp.Expr, others: list[sp.Expr], make: object) -> list[sp.Expr] | None:
    """others * 1/g(u) with u among the others (up to a number): g(u)/u is regular at 0."""
    c, core = _coefficient(u)
    needed = core.args if core.is_Mul else (core,)
    left = list(others)
    for factor in needed:
        for k, other in enumerate(left):
            if other == factor:
                del left[k]
                break
            if other.is_Pow and other.base == factor and other.exp.is_Integer and other.exp > 1:
                left[k] = factor ** (other.exp - 1)
                break
        else:
            return None
    return [*left, 1 / c, make(u)]  # type: ignore[operator]


def _with_denominator(u: sp.Expr, power: int, others: list[sp.Expr], over: type[st.Stable]) -> list[sp.Expr] | None:
    """others * g(u)^power with a negative power of u among the others."""
    c, core = _coefficient(u)
    needed = core.args if core.is_Mul else (core,)
    left = list(others)
    for factor in needed:
        for k, other in enumerate(left):
            if other.is_Pow and other.base == factor and other.exp.is_Integer and other.exp <= -power:
                left[k] = factor ** (other.exp + power)
                break
        else:
            return None
    return [*left, c**power, over(u) ** power]


def _logistic(base: sp.Expr, power: int, others: list[sp.Expr]) -> list[sp.Expr] | None:
    """e^(m u)/(1 + e^u)^n with 1 <= m <= n: a product of logistic functions."""
    if len(base.args) != 2 or base.args[0] is not ONE or not isinstance(base.args[1], sp.exp):
        return None
    u = base.args[1].args[0]
    for k, other in enumerate(others):
        if isinstance(other, sp.exp):
            multiple = other.args[0] / u
            if multiple.is_Integer and 1 <= multiple <= power:
                left = others[:k] + others[k + 1 :]
                return [*left, st.Logistic(u) ** multiple, st.Logistic(-u) ** (power - multiple)]
    return None


def _scaled(base: sp.Expr, exponent: sp.Expr, others: list[sp.Expr]) -> list[sp.Expr] | None:
    """An exponentially growing or decaying function beside an exponential or another such function."""
    if not exponent.is_Integer:
        return None
    u = base.args[-1]
    if isinstance(base, sp.erfc):
        return _with_erfc(u, others) if exponent == 1 else None
    if isinstance(base, sp.besseli):
        shift, new = sp.Abs(u), st.ScaledBesselI(*base.args)
    else:
        shift, new = -u, st.ScaledBesselK(*base.args)
    for k, other in enumerate(others):
        if isinstance(other, sp.exp):
            total = other.args[0] + exponent * shift
            return [*others[:k], *others[k + 1 :], sp.exp(total), new**exponent]
        partner, power = (other.base, other.exp) if other.is_Pow else (other, ONE)
        if type(partner) is type(base) and partner.args[-1] == u and power == -exponent:
            pair = type(new)(*partner.args) ** power
            return [*others[:k], *others[k + 1 :], pair, new**exponent]
    return None


def _with_erfc(u: sp.Expr, others: list[sp.Expr]) -> list[sp.Expr] | None:
    for k, other in enumerate(others):
        if isinstance(other, sp.exp):
            rest = [*others[:k], *others[k + 1 :]]
            w = other.args[0]
            return [*rest, st.Erfcx(u) if w == u**2 else st.ExpErfc(w, u)]
    return None


def _multiple_of_pi(node: sp.Expr) -> sp.Expr | None:
    u = node.args[0] / sp.pi
    if u.has(sp.pi) or not node.args[0].is_Mul or sp.pi not in node.args[0].args:
        return None
    return st.SinPi(u) if isinstance(node, sp.sin) else st.CosPi(u)


_SUMS = (_unit_differences, _difference_of_squares)
_REAL_SUMS = (_unit_differences, _hyperbolic, _langevin, _difference_of_squares)
_LOGS = (_log_of_one_plus,)
_REAL_LOGS = (_log_of_exponentials, _log_of_one_plus, _log_of_one)
_REAL_PRODUCTS = (_quotients,)
