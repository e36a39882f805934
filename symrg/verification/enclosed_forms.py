"""What needs more than the values of its parts: cases, steps, absolute values, branches, integrals and series."""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp
from flint import acb, arb
from sympy.core.relational import Relational

from symrg.budget import Declined
from symrg.verification.enclosed_functions import FUNCTIONS, outside_imaginary
from symrg.verification.evaluation import NAN, Evaluate, Point

Compile = Callable[[sp.Basic], Evaluate]


def truth(condition: sp.Basic, compiled: Compile) -> Callable[[Point], bool | None]:
    """The function that decides a condition at a point: True, False, or None where the balls can't tell."""
    if condition == sp.true or condition == sp.false:
        value = bool(condition)
        return lambda point: value
    if isinstance(condition, sp.And | sp.Or):
        parts = [truth(a, compiled) for a in condition.args]
        decisive = isinstance(condition, sp.Or)

        def combined(point: Point) -> bool | None:
            found = [p(point) for p in parts]
            if decisive in found:
                return decisive
            return None if None in found else not decisive

        return combined
    if isinstance(condition, sp.Not):
        inner = truth(condition.args[0], compiled)
        return lambda point: None if (value := inner(point)) is None else not value
    if isinstance(condition, sp.Contains):
        return truth(condition.args[1].as_relational(condition.args[0]), compiled)
    if isinstance(condition, Relational):
        return _comparison(condition, compiled)
    raise Declined(f"the condition {str(condition)[:60]} can't be evaluated")


def _comparison(condition: Relational, compiled: Compile) -> Callable[[Point], bool | None]:
    gap = condition.lhs - condition.rhs
    if gap.has(sp.oo, -sp.oo):
        return _against_infinity(condition)
    difference = compiled(gap)
    equality, strict = isinstance(condition, sp.Eq | sp.Ne), isinstance(condition, sp.Gt | sp.Lt)
    sign = -1 if isinstance(condition, sp.Lt | sp.Le) else 1

    def decide(point: Point) -> bool | None:
        ball = difference(point)
        if not ball.is_finite():
            return None
        if equality:
            if not ball.contains(0):
                return isinstance(condition, sp.Ne)
            if ball.is_zero() or _exactly(gap, point) == 0:
                return isinstance(condition, sp.Eq)
            if point.continued:  # a single value of the integration variable has no weight
                return isinstance(condition, sp.Ne)
            return None
        if not point.continued and not ball.imag.is_zero() and not (gap.is_extended_real and ball.imag.contains(0)):
            return None if ball.imag.contains(0) else False  # what isn't real isn't ordered
        real = ball.real * sign
        if real > 0:
            return True
        if real < 0:
            return False
        value = _exactly(gap, point)
        if ball.real.is_zero():
            value = sp.Integer(0)
        if value is None:
            return None
        value = value * sign
        return bool(value > 0 if strict else value >= 0)

    return decide


def _against_infinity(condition: Relational) -> Callable[[Point], bool | None]:
    ordered = condition.reversed if condition.lhs in (sp.oo, -sp.oo) else condition
    value = bool(ordered.xreplace({s: sp.Integer(0) for s in ordered.free_symbols}))
    return lambda point: value


def _exactly(expr: sp.Expr, point: Point) -> sp.Rational | None:
    """The rational value of an expression at the exact coordinates of a point, None where it isn't one."""
    if not expr.free_symbols <= set(point.exact) or sp.count_ops(expr) > 200:
        return None
    value = expr.xreplace(point.exact)
    if not value.is_Rational and value.is_algebraic:
        value = sp.expand(value)  # roots that cancel
    return value if value.is_Rational else None


def _piecewise(node: sp.Piecewise, compiled: Compile) -> Evaluate:
    pieces = [(compiled(value), truth(condition, compiled)) for value, condition in node.args]

    def choose(point: Point) -> acb:
        possible: list[acb] = []
        for value, holds in pieces:
            decided = holds(point)
            if decided is False:
                continue
            if decided is None and point.analytic:
                return NAN
            possible.append(value(point))
            if decided:
                break
        else:
            return NAN
        total = possible[0]
        for value in possible[1:]:
            total = total.union(value)
        return total

    return choose


def _real_valued(node: sp.Basic, z: acb, point: Point) -> bool:
    return z.imag.is_zero() or bool(node.is_extended_real)


def _absolute(node: sp.Abs, compiled: Compile) -> Evaluate:
    inner, argument = compiled(node.args[0]), node.args[0]

    def value(point: Point) -> acb:
        z = inner(point)
        if point.continued and argument.is_extended_real:
            return z.real_abs(analytic=point.analytic)
        if point.analytic:
            return NAN
        return acb(abs(z))

    return value


def _real_step(method: str) -> Callable[..., Evaluate]:
    """sign, floor, ceiling and their like, of real arguments."""

    def form(node: sp.Basic, compiled: Compile) -> Evaluate:
        argument = node.args[0]
        inner = compiled(argument)

        def value(point: Point) -> acb:
            z = inner(point)
            if not _real_valued(argument, z, point):
                if method == "sgn" and not point.analytic:
                    return z.sgn()
                return NAN
            exact = None
            if not point.continued and not z.is_exact():
                exact = _exactly(argument, point)
            if exact is not None and method != "sgn":
                return acb(int(exact.p // exact.q)) if method == "floor" else acb(-int(-exact.p // exact.q))
            if not point.continued:
                z = acb(z.real)
            name = {"floor": "real_floor", "ceil": "real_ceil", "sgn": "real_sgn"}[method]
            return getattr(z, name)(analytic=point.analytic)

        return value

    return form


def _frac(node: sp.Basic, compiled: Compile) -> Evaluate:
    whole, inner = compiled(sp.floor(node.args[0], evaluate=False)), compiled(node.args[0])
    return lambda point: inner(point) - whole(point)


def _heaviside(node: sp.Heaviside, compiled: Compile) -> Evaluate:
    argument = node.args[0]
    inner, middle = compiled(argument), compiled(node.args[1])

    def value(point: Point) -> acb:
        z = inner(point)
        if not _real_valued(argument, z, point):
            return NAN
        if not point.continued:
            if z.real.is_zero() or (z.contains(0) and _exactly(argument, point) == 0):
                return middle(point)
            z = acb(z.real)
        step = z.real_heaviside(analytic=point.analytic)
        return step if point.continued or not z.contains(0) else acb(0).union(acb(1)).union(middle(point))

    return value


def _delta(node: sp.DiracDelta, compiled: Compile) -> Evaluate:
    inner = compiled(node.args[0])

    def value(point: Point) -> acb:
        if point.continued:
            return NAN
        return NAN if inner(point).contains(0) else acb(0)

    return value


def _extremum(method: str) -> Callable[..., Evaluate]:
    def form(node: sp.Basic, compiled: Compile) -> Evaluate:
        parts = [compiled(a) for a in node.args]

        def value(point: Point) -> acb:
            values = [p(point) for p in parts]
            for argument, z in zip(node.args, values):
                if not _real_valued(argument, z, point):
                    return NAN
            best = values[0]
            for z in values[1:]:
                best = getattr(best, method)(z, analytic=point.analytic)
            return best

        return value

    return form


def _part(kind: str) -> Callable[..., Evaluate]:
    """re, im and conjugate; inside an integral only of what is real on the path."""

    def form(node: sp.Basic, compiled: Compile) -> Evaluate:
        argument = node.args[0]
        inner = compiled(argument)

        def value(point: Point) -> acb:
            z = inner(point)
            if point.continued and argument.is_extended_real:
                return acb(0) if kind == "im" else z
            if point.analytic:
                return NAN
            if kind == "re":
                return acb(z.real)
            return acb(z.imag) if kind == "im" else z.conjugate()

        return value

    return form


def _argument(node: sp.arg, compiled: Compile) -> Evaluate:
    inner = compiled(node.args[0])
    return lambda point: NAN if point.analytic or (z := inner(point)).contains(0) else acb(z.arg())


def _atan2(node: sp.atan2, compiled: Compile) -> Evaluate:
    y, x = (compiled(a) for a in node.args)

    def value(point: Point) -> acb:
        b, a = y(point), x(point)
        if point.analytic:
            if a.real > 0:
                return (b / a).atan() if not outside_imaginary(b / a) else NAN
            return NAN
        if not (a.imag.is_zero() and b.imag.is_zero()):
            return NAN
        return NAN if a.contains(0) and b.contains(0) else acb(arb.atan2(b.real, a.real))

    return value


def _lambert(node: sp.LambertW, compiled: Compile) -> Evaluate:
    branch = node.args[1] if len(node.args) == 2 else sp.Integer(0)
    if not branch.is_Integer:
        raise Declined("LambertW on a branch that isn't a number")
    inner, k = compiled(node.args[0]), int(branch)

    def value(point: Point) -> acb:
        z = inner(point)
        if point.analytic:
            edge = 0 if k else -(acb(-1).exp().real)
            if z.imag.contains(0) and not (z.real > edge):
                return NAN
        return z.lambertw(branch=k)

    return value


def _hypergeometric(node: sp.hyper, compiled: Compile) -> Evaluate:
    upper, lower = ([compiled(a) for a in group] for group in node.args[:2])
    inner = compiled(node.args[2])
    cut = len(upper) > len(lower)

    def value(point: Point) -> acb:
        z = inner(point)
        if point.analytic and cut and z.imag.contains(0) and not (z.real < 1):
            return NAN
        return z.hypgeom([a(point) for a in upper], [b(point) for b in lower])

    return value


def _elliptic_e(node: sp.elliptic_e, compiled: Compile) -> Evaluate:
    parts = [compiled(a) for a in node.args]
    if len(parts) == 1:
        cut = FUNCTIONS["elliptic_k"][1]
        (part,) = parts
        return lambda point: NAN if point.analytic and cut(part(point)) else part(point).elliptic_e()
    return lambda point: NAN if point.analytic else acb.elliptic_e_inc(parts[0](point), parts[1](point))


def _derivative(node: sp.Basic, compiled: Compile) -> Evaluate:
    value = node.doit(deep=False) if isinstance(node, sp.Derivative) else node.doit()
    if isinstance(value, type(node)) or value.has(sp.Subs):
        raise Declined(f"the derivative {str(node)[:60]} has no closed form")
    return compiled(value)


def _logarithm(node: sp.log, compiled: Compile) -> Evaluate:
    argument = node.args[0]
    inner = compiled(argument)
    if isinstance(argument, sp.Add) and argument.args[0] == 1:
        rest = compiled(argument - 1)

        def near_one(point: Point) -> acb:
            z = rest(point)
            return z.log1p() if z.abs_upper() < arb(1) / 2 else (z + 1).log(analytic=point.analytic)

        return near_one

    def value(point: Point) -> acb:
        return inner(point).log(analytic=point.analytic)

    return value


def _integral(node: sp.Integral, compiled: Compile) -> Evaluate:
    from symrg.verification.quadrature import enclose_integral

    return enclose_integral(node)


def _series(node: sp.Basic, compiled: Compile) -> Evaluate:
    from symrg.verification.summation import enclose_product, enclose_sum

    return enclose_sum(node) if isinstance(node, sp.Sum) else enclose_product(node)


FORMS: dict[str, Callable[..., Evaluate]] = {
    "log": _logarithm,
    "Piecewise": _piecewise,
    "Abs": _absolute,
    "sign": _real_step("sgn"),
    "floor": _real_step("floor"),
    "ceiling": _real_step("ceil"),
    "frac": _frac,
    "Heaviside": _heaviside,
    "DiracDelta": _delta,
    "Min": _extremum("real_min"),
    "Max": _extremum("real_max"),
    "re": _part("re"),
    "im": _part("im"),
    "conjugate": _part("conjugate"),
    "arg": _argument,
    "atan2": _atan2,
    "LambertW": _lambert,
    "hyper": _hypergeometric,
    "elliptic_e": _elliptic_e,
    "Derivative": _derivative,
    "Subs": _derivative,
    "Integral": _integral,
    "Sum": _series,
    "Product": _series,
}
