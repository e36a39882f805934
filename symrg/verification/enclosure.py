"""Ball arithmetic for SymPy expressions: a value with a rigorous error bound, by Arb (python-flint).

`enclose(expr)` compiles an expression once into a function of a `Point`. On the branch cuts Arb's functions take the
values that SymPy documents (log(-1) = i pi). Where a ball meets a discontinuity the result covers both sides, or is
not finite; it is never a wrong narrow ball. While an integral is computed, `analytic` asks each function to return
a non-finite ball where it isn't holomorphic on its argument, as `acb.integral` needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp
from flint import acb, arb, fmpq
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational

from symrg.budget import Declined

Evaluate = Callable[["Point"], acb]

_NAN = acb("nan", "nan")
_HALF = sp.Rational(1, 2)


@dataclass(frozen=True)
class Point:
    """Where an expression is evaluated.

    Attributes:
        values: the ball of each symbol.
        exact: the exact value of each symbol that has one, to decide comparisons that balls can't.
        analytic: the integrator asks for holomorphy on the ball of the integration variable.
        continued: the values are complex neighbourhoods of real ones, as inside an integral.
    """

    values: dict[sp.Basic, acb]
    exact: dict[sp.Basic, sp.Expr] = field(default_factory=dict)
    analytic: bool = False
    continued: bool = False

    def with_values(self, values: dict[sp.Basic, acb], **changes: Any) -> Point:
        """The same point with some symbols set anew; these have no exact value."""
        exact = {k: v for k, v in self.exact.items() if k not in values}
        return replace(self, values={**self.values, **values}, exact=exact, **changes)


def at(values: dict[sp.Basic, sp.Expr]) -> Point:
    """The point with these exact values, as balls of the current precision."""
    return Point({s: constant(v) for s, v in values.items()}, dict(values))


def constant(value: sp.Expr) -> acb:
    """The ball of a constant expression."""
    if value.is_Rational:
        return acb(fmpq(int(value.p), int(value.q)))
    return enclose(value)(Point({}))


def rational(value: sp.Rational) -> fmpq:
    """A SymPy rational as flint's."""
    return fmpq(int(value.p), int(value.q))


def enclose(expr: sp.Basic) -> Evaluate:
    """The function that encloses `expr` at a point.

    Raises:
        Declined: the expression contains something without an enclosure; the message names it.
    """
    known: dict[sp.Basic, Evaluate] = {}

    def compiled(node: sp.Basic) -> Evaluate:
        if node not in known:
            known[node] = _compile(node, compiled)
        return known[node]

    return compiled(expr)


def _compile(node: sp.Basic, compiled: Callable[[sp.Basic], Evaluate]) -> Evaluate:
    if node.is_Symbol or isinstance(node, sp.Indexed):
        return lambda point: point.values[node]
    if isinstance(node, sp.Float):
        node = exact_number(node)
    if isinstance(node, sp.Rational):
        number = rational(node)
        return lambda point: acb(number)
    name = type(node).__name__
    if isinstance(node, AppliedUndef) or not type(node).__module__.startswith("sympy."):
        raise Declined(f"{str(node)[:60]} has no values of its own")
    if name in _CONSTANTS:
        return _CONSTANTS[name]
    if isinstance(node, sp.Add):
        if len(node.args) == 2 and node.args[0] == -1 and isinstance(node.args[1], sp.exp):
            exponent = compiled(node.args[1].args[0])
            return lambda point: exponent(point).expm1()
        return _add([compiled(a) for a in node.args])
    if isinstance(node, sp.Mul):
        return _mul([compiled(a) for a in node.args])
    if isinstance(node, sp.exp):
        exponent = compiled(node.args[0])
        return lambda point: exponent(point).exp()
    if isinstance(node, sp.Pow):
        return _power(node, compiled)
    if isinstance(node, sp.Mod):
        p, q = node.args
        return compiled(p - q * sp.floor(p / q, evaluate=False))
    if name in _FORMS:
        return _FORMS[name](node, compiled)
    if name in _FUNCTIONS:
        return _apply(node, [compiled(a) for a in node.args])
    raise Declined(f"no enclosure is known for {name}: {str(node)[:60]}")


def _apply(node: sp.Basic, parts: list[Evaluate]) -> Evaluate:
    function, cut = _FUNCTIONS[type(node).__name__]
    if len(parts) == 1:
        (part,) = parts

        def one(point: Point) -> acb:
            z = part(point)
            return _NAN if point.analytic and cut(z) else function(z)

        return one

    def many(point: Point) -> acb:
        values = [p(point) for p in parts]
        return _NAN if point.analytic and cut(*values) else function(*values)

    return many


def exact_number(value: sp.Float) -> sp.Rational:
    """The rational that a Float is read as: the shortest decimal that gives it, or 15 digits where that has 17.

    The seventeenth digit is what arithmetic on decimals leaves behind: 0.1*3 is read as 0.3.
    """
    if value._prec == 53:
        text = repr(float(value))
        digits = text.partition("e")[0].replace(".", "").lstrip("-0")
        return sp.Rational(text if len(digits) < 17 else f"{float(value):.15g}")
    return sp.Rational(str(value))


def _add(parts: list[Evaluate]) -> Evaluate:
    def total(point: Point) -> acb:
        value = parts[0](point)
        for part in parts[1:]:
            value = value + part(point)
        return value

    return total


def _mul(parts: list[Evaluate]) -> Evaluate:
    def product(point: Point) -> acb:
        value = parts[0](point)
        for part in parts[1:]:
            value = value * part(point)
        return value

    return product


def _power(node: sp.Pow, compiled: Callable[[sp.Basic], Evaluate]) -> Evaluate:
    base, exponent = compiled(node.base), node.exp
    if exponent.is_Float:
        exponent = exact_number(exponent)
    if exponent.is_Integer:
        n = int(exponent)
        if abs(n) <= 10_000:
            return lambda point: base(point) ** n
    if exponent == _HALF:
        return lambda point: base(point).sqrt(analytic=point.analytic)
    if exponent == -_HALF:
        return lambda point: base(point).rsqrt(analytic=point.analytic)
    if node.base == sp.E:
        power = compiled(exponent)
        return lambda point: power(point).exp()
    power = compiled(exponent)
    whole = bool(exponent.is_integer)

    def general(point: Point) -> acb:
        z, w = base(point), power(point)
        if z.is_zero():
            return acb(0) if w.real > 0 else acb(1) if w.is_zero() else _NAN
        if whole and w.is_exact() and w.imag.is_zero() and (n := w.unique_fmpz()) is not None and abs(n) <= 10_000:
            return z ** int(n)
        if z.contains(0) and w.real > 0 and not point.analytic:
            radius = (z.abs_upper() ** w.real.lower()).union(z.abs_upper() ** w.real.upper()).upper()
            turn = (w.imag.abs_upper() * arb.pi()).exp().upper()
            size = arb(0, (radius * turn).upper())
            return acb(size, size)
        return z.pow(w, analytic=point.analytic and not whole)

    return general


# Where the functions of the vocabulary aren't holomorphic.


def _nowhere(*z: acb) -> bool:
    return False


def _below(bound: int) -> Callable[..., bool]:
    """The cut (-oo, bound]."""
    return lambda z: z.imag.contains(0) and not (z.real > bound)


def _outside(z: acb) -> bool:
    """The cuts (-oo, -1] and [1, oo)."""
    return z.imag.contains(0) and not (-1 < z.real < 1)


def _outside_imaginary(z: acb) -> bool:
    return z.real.contains(0) and not (-1 < z.imag < 1)


def _inside(z: acb) -> bool:
    """The cut [-1, 1]."""
    return z.imag.contains(0) and not (z.real > 1) and not (z.real < -1)


def _inside_imaginary(z: acb) -> bool:
    return z.real.contains(0) and not (z.imag > 1) and not (z.imag < -1)


def _everywhere(*z: acb) -> bool:
    return True


def _moving(place: int, cut: Callable[[acb], bool]) -> Callable[..., bool]:
    """A cut in one argument of several; the others must be constants of the integration, or entire."""
    return lambda *z: cut(z[place])


def _integer_order(z: acb) -> bool:
    return z.is_exact() and z.unique_fmpz() is not None


def _bessel_cut(order: acb, z: acb) -> bool:
    return not _integer_order(order) and _below(0)(z)


def _reciprocal(function: Callable[[acb], acb]) -> Callable[[acb], acb]:
    return lambda z: function(1 / z)


def _acot(z: acb) -> acb:
    return acb.pi() / 2 if z.is_zero() else (1 / z).atan()


def _beta(a: acb, b: acb) -> acb:
    return a.gamma() * b.gamma() * (a + b).rgamma()


def _small_integer(z: acb, most: int = 300) -> int | None:
    n = z.unique_fmpz() if z.is_exact() and z.imag.is_zero() else None
    return int(n) if n is not None and abs(n) <= most else None


def _rising(x: acb, n: acb) -> acb:
    count = _small_integer(n)
    if count is not None and count >= 0:
        return acb(1) if count == 0 else x.rising(acb(count)) if count > 40 else _running(x, count, 1)
    return (x + n).gamma() * x.rgamma()


def _running(x: acb, count: int, step: int) -> acb:
    value = acb(1)
    for k in range(count):
        value *= x + step * k
    return value


def _falling(x: acb, n: acb) -> acb:
    count = _small_integer(n)
    if count is not None and count >= 0:
        return _running(x, count, -1)
    return (x + 1).gamma() * (x - n + 1).rgamma()


def _binomial(n: acb, k: acb) -> acb:
    count = _small_integer(k)
    if count is not None:
        if count < 0:
            return acb(0)
        return _running(n, count, -1) / acb(arb.fac_ui(count))
    return (n + 1).gamma() * (k + 1).rgamma() * (n - k + 1).rgamma()


def _factorial2(n: acb) -> acb:
    count = _small_integer(n)
    if count is not None:
        if count < -1:
            return _NAN
        value = acb(1)
        for k in range(count, 0, -2):
            value *= k
        return value
    return _NAN


def _harmonic(n: acb, order: acb | None = None) -> acb:
    if order is None or (order - 1).is_zero():
        return (n + 1).digamma() + acb(arb.const_euler())
    return order.zeta() - order.zeta(n + 1)


def _polygamma(order: acb, z: acb) -> acb:
    n = _small_integer(order)
    if n is None or n < 0:
        return _NAN
    return z.digamma() if n == 0 else z.polygamma(acb(n))


def _bernoulli(n: acb) -> acb:
    count = _small_integer(n, 2000)
    if count is None or count < 0:
        return _NAN
    return acb(1) / 2 if count == 1 else acb(arb.bernoulli(count))


def _of_real(function: Callable[[arb], arb]) -> Callable[[acb], acb]:
    return lambda z: acb(function(z.real)) if z.imag.is_zero() else _NAN


def _spherical(n: acb, m: acb, theta: acb, phi: acb) -> acb:
    degree, order = _small_integer(n), _small_integer(m)
    if degree is None or order is None or degree < 0:
        return _NAN
    return acb.spherical_y(degree, order, theta, phi)


def _legendre_order(n: acb, m: acb, x: acb) -> acb:
    return x.legendre_p(n, m, 2)


def _legendre_cut(n: acb, m: acb, x: acb) -> bool:
    return _outside(x)


def _kronecker(a: acb, b: acb) -> acb:
    difference = a - b
    if difference.is_zero():
        return acb(1)
    return _NAN if difference.contains(0) else acb(0)


def _hankel(sign: int) -> Callable[[acb, acb], acb]:
    return lambda n, z: z.bessel_j(n) + sign * acb(0, 1) * z.bessel_y(n)


def _order_first(name: str) -> Callable[[acb, acb], acb]:
    return lambda n, z: getattr(z, name)(n)


def _plain(name: str) -> Callable[[acb], acb]:
    return lambda z: getattr(z, name)()


_I = acb(0, 1)
_CONSTANTS: dict[str, Evaluate] = {
    "Pi": lambda point: acb.pi(),
    "Exp1": lambda point: acb(1).exp(),
    "ImaginaryUnit": lambda point: _I,
    "EulerGamma": lambda point: acb(arb.const_euler()),
    "Catalan": lambda point: acb(arb.const_catalan()),
    "GoldenRatio": lambda point: (1 + acb(5).sqrt()) / 2,
}

_Cut = Callable[..., bool]
# SymPy's name -> value, and where it isn't holomorphic
_FUNCTIONS: dict[str, tuple[Callable[..., acb], _Cut]] = {
    **{
        name: (_plain(name), _nowhere)
        for name in [
            "sin",
            "cos",
            "tan",
            "cot",
            "sec",
            "csc",
            "sinh",
            "cosh",
            "tanh",
            "coth",
            "sech",
            "csch",
            "erf",
            "erfc",
            "erfi",
            "gamma",
            "dirichlet_eta",
        ]
    },
    "sinc": (_plain("sinc"), _nowhere),
    "asin": (_plain("asin"), _outside),
    "acos": (_plain("acos"), _outside),
    "atanh": (_plain("atanh"), _outside),
    "atan": (_plain("atan"), _outside_imaginary),
    "asinh": (_plain("asinh"), _outside_imaginary),
    "acosh": (_plain("acosh"), _below(1)),
    "acot": (_acot, _inside_imaginary),
    "acsch": (_reciprocal(_plain("asinh")), _inside_imaginary),
    "asec": (_reciprocal(_plain("acos")), _inside),
    "acsc": (_reciprocal(_plain("asin")), _inside),
    "acoth": (_reciprocal(_plain("atanh")), _inside),
    "asech": (_reciprocal(_plain("acosh")), lambda z: z.imag.contains(0) and not (0 < z.real < 1)),
    "erfinv": (_of_real(lambda x: x.erfinv()), _everywhere),
    "erfcinv": (_of_real(lambda x: x.erfcinv()), _everywhere),
    "Ei": (_plain("ei"), _below(0)),
    "Si": (_plain("si"), _nowhere),
    "Ci": (_plain("ci"), _below(0)),
    "Shi": (_plain("shi"), _nowhere),
    "Chi": (_plain("chi"), _below(0)),
    "li": (_plain("li"), _below(1)),
    "fresnels": (_plain("fresnel_s"), _nowhere),
    "fresnelc": (_plain("fresnel_c"), _nowhere),
    "airyai": (lambda z: z.airy_ai(), _nowhere),
    "airybi": (lambda z: z.airy_bi(), _nowhere),
    "airyaiprime": (lambda z: z.airy_ai(derivative=1), _nowhere),
    "airybiprime": (lambda z: z.airy_bi(derivative=1), _nowhere),
    "loggamma": (_plain("lgamma"), _below(0)),
    "polygamma": (_polygamma, _nowhere),
    "beta": (_beta, _nowhere),
    "uppergamma": (lambda s, z: z.gamma_upper(s), _moving(1, _below(0))),
    "lowergamma": (lambda s, z: z.gamma_lower(s), _moving(1, _below(0))),
    "factorial": (lambda z: (z + 1).gamma(), _nowhere),
    "factorial2": (_factorial2, _everywhere),
    "binomial": (_binomial, _nowhere),
    "RisingFactorial": (_rising, _nowhere),
    "FallingFactorial": (_falling, _nowhere),
    "harmonic": (_harmonic, _nowhere),
    "bernoulli": (_bernoulli, _everywhere),
    "zeta": (lambda s, a=None: s.zeta() if a is None else s.zeta(a), lambda s, a=None: a is not None and _below(0)(a)),
    "polylog": (lambda s, z: z.polylog(s), _moving(1, lambda z: z.imag.contains(0) and not (z.real < 1))),
    "lerchphi": (lambda z, s, a: z.lerch_phi(s, a), lambda z, s, a: not (z.abs_upper() < 1) or _below(0)(a)),
    "expint": (lambda n, z: z.expint(n), _moving(1, _below(0))),
    "besselj": (_order_first("bessel_j"), _bessel_cut),
    "besseli": (_order_first("bessel_i"), _bessel_cut),
    "bessely": (_order_first("bessel_y"), _moving(1, _below(0))),
    "besselk": (_order_first("bessel_k"), _moving(1, _below(0))),
    "hankel1": (_hankel(1), _moving(1, _below(0))),
    "hankel2": (_hankel(-1), _moving(1, _below(0))),
    "elliptic_f": (lambda z, m: acb.elliptic_f(z, m), _everywhere),
    "legendre": (lambda n, x: x.legendre_p(n), lambda n, x: not _integer_order(n) and _below(-1)(x)),
    "assoc_legendre": (_legendre_order, _legendre_cut),
    "hermite": (lambda n, x: x.hermite_h(n), _nowhere),
    "laguerre": (lambda n, x: x.laguerre_l(n), _nowhere),
    "assoc_laguerre": (lambda n, a, x: x.laguerre_l(n, a), _nowhere),
    "chebyshevt": (lambda n, x: x.chebyshev_t(n), lambda n, x: not _integer_order(n) and _below(-1)(x)),
    "chebyshevu": (lambda n, x: x.chebyshev_u(n), lambda n, x: not _integer_order(n) and _below(-1)(x)),
    "gegenbauer": (lambda n, a, x: x.gegenbauer_c(n, a), lambda n, a, x: not _integer_order(n)),
    "jacobi": (lambda n, a, b, x: x.jacobi_p(n, a, b), lambda n, a, b, x: not _integer_order(n)),
    "Ynm": (_spherical, _nowhere),
    "elliptic_k": (lambda m: m.elliptic_k(), lambda m: m.imag.contains(0) and not (m.real < 1)),
    "elliptic_pi": (lambda n, m: acb.elliptic_pi(n, m), _everywhere),
    "KroneckerDelta": (_kronecker, _everywhere),
}


# Forms whose parts need more than their values.


def truth(condition: sp.Basic, compiled: Callable[[sp.Basic], Evaluate]) -> Callable[[Point], bool | None]:
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


def _comparison(condition: Relational, compiled: Callable[[sp.Basic], Evaluate]) -> Callable[[Point], bool | None]:
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
    return value if value.is_Rational else None


def _piecewise(node: sp.Piecewise, compiled: Callable[[sp.Basic], Evaluate]) -> Evaluate:
    pieces = [(compiled(value), truth(condition, compiled)) for value, condition in node.args]

    def choose(point: Point) -> acb:
        possible: list[acb] = []
        for value, holds in pieces:
            decided = holds(point)
            if decided is False:
                continue
            if decided is None and point.analytic:
                return _NAN
            possible.append(value(point))
            if decided:
                break
        else:
            return _NAN
        total = possible[0]
        for value in possible[1:]:
            total = total.union(value)
        return total

    return choose


def _real_valued(node: sp.Basic, z: acb, point: Point) -> bool:
    return z.imag.is_zero() or bool(node.is_extended_real)


def _absolute(node: sp.Abs, compiled: Callable[[sp.Basic], Evaluate]) -> Evaluate:
    inner, argument = compiled(node.args[0]), node.args[0]

    def value(point: Point) -> acb:
        z = inner(point)
        if point.continued and argument.is_extended_real:
            return z.real_abs(analytic=point.analytic)
        if point.analytic:
            return _NAN
        return acb(abs(z))

    return value


def _real_step(method: str) -> Callable[..., Evaluate]:
    """sign, floor, ceiling and their like, of real arguments."""

    def form(node: sp.Basic, compiled: Callable[[sp.Basic], Evaluate]) -> Evaluate:
        argument = node.args[0]
        inner = compiled(argument)

        def value(point: Point) -> acb:
            z = inner(point)
            if not _real_valued(argument, z, point):
                if method == "sgn" and not point.analytic:
                    return z.sgn()
                return _NAN
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


def _frac(node: sp.Basic, compiled: Callable[[sp.Basic], Evaluate]) -> Evaluate:
    whole, inner = compiled(sp.floor(node.args[0], evaluate=False)), compiled(node.args[0])
    return lambda point: inner(point) - whole(point)


def _heaviside(node: sp.Heaviside, compiled: Callable[[sp.Basic], Evaluate]) -> Evaluate:
    argument = node.args[0]
    inner, middle = compiled(argument), compiled(node.args[1])

    def value(point: Point) -> acb:
        z = inner(point)
        if not _real_valued(argument, z, point):
            return _NAN
        if not point.continued:
            if z.real.is_zero() or (z.contains(0) and _exactly(argument, point) == 0):
                return middle(point)
            z = acb(z.real)
        step = z.real_heaviside(analytic=point.analytic)
        return step if point.continued or not z.contains(0) else acb(0).union(acb(1)).union(middle(point))

    return value


def _delta(node: sp.DiracDelta, compiled: Callable[[sp.Basic], Evaluate]) -> Evaluate:
    inner = compiled(node.args[0])

    def value(point: Point) -> acb:
        if point.continued:
            return _NAN
        return _NAN if inner(point).contains(0) else acb(0)

    return value


def _extremum(method: str) -> Callable[..., Evaluate]:
    def form(node: sp.Basic, compiled: Callable[[sp.Basic], Evaluate]) -> Evaluate:
        parts = [compiled(a) for a in node.args]

        def value(point: Point) -> acb:
            values = [p(point) for p in parts]
            for argument, z in zip(node.args, values):
                if not _real_valued(argument, z, point):
                    return _NAN
            best = values[0]
            for z in values[1:]:
                best = getattr(best, method)(z, analytic=point.analytic)
            return best

        return value

    return form


def _part(kind: str) -> Callable[..., Evaluate]:
    """re, im and conjugate; inside an integral only of what is real on the path."""

    def form(node: sp.Basic, compiled: Callable[[sp.Basic], Evaluate]) -> Evaluate:
        argument = node.args[0]
        inner = compiled(argument)

        def value(point: Point) -> acb:
            z = inner(point)
            if point.continued and argument.is_extended_real:
                return acb(0) if kind == "im" else z
            if point.analytic:
                return _NAN
            if kind == "re":
                return acb(z.real)
            return acb(z.imag) if kind == "im" else z.conjugate()

        return value

    return form


def _argument(node: sp.arg, compiled: Callable[[sp.Basic], Evaluate]) -> Evaluate:
    inner = compiled(node.args[0])
    return lambda point: _NAN if point.analytic or (z := inner(point)).contains(0) else acb(z.arg())


def _atan2(node: sp.atan2, compiled: Callable[[sp.Basic], Evaluate]) -> Evaluate:
    y, x = (compiled(a) for a in node.args)

    def value(point: Point) -> acb:
        b, a = y(point), x(point)
        if point.analytic:
            if a.real > 0:
                return (b / a).atan() if not _outside_imaginary(b / a) else _NAN
            return _NAN
        if not (a.imag.is_zero() and b.imag.is_zero()):
            return _NAN
        return _NAN if a.contains(0) and b.contains(0) else acb(arb.atan2(b.real, a.real))

    return value


def _lambert(node: sp.LambertW, compiled: Callable[[sp.Basic], Evaluate]) -> Evaluate:
    branch = node.args[1] if len(node.args) == 2 else sp.Integer(0)
    if not branch.is_Integer:
        raise Declined("LambertW on a branch that isn't a number")
    inner, k = compiled(node.args[0]), int(branch)

    def value(point: Point) -> acb:
        z = inner(point)
        if point.analytic:
            edge = 0 if k else -(acb(-1).exp().real)
            if z.imag.contains(0) and not (z.real > edge):
                return _NAN
        return z.lambertw(branch=k)

    return value


def _hypergeometric(node: sp.hyper, compiled: Callable[[sp.Basic], Evaluate]) -> Evaluate:
    upper, lower = ([compiled(a) for a in group] for group in node.args[:2])
    inner = compiled(node.args[2])
    cut = len(upper) > len(lower)

    def value(point: Point) -> acb:
        z = inner(point)
        if point.analytic and cut and z.imag.contains(0) and not (z.real < 1):
            return _NAN
        return z.hypgeom([a(point) for a in upper], [b(point) for b in lower])

    return value


def _elliptic_e(node: sp.elliptic_e, compiled: Callable[[sp.Basic], Evaluate]) -> Evaluate:
    parts = [compiled(a) for a in node.args]
    if len(parts) == 1:
        cut = _FUNCTIONS["elliptic_k"][1]
        (part,) = parts
        return lambda point: _NAN if point.analytic and cut(part(point)) else part(point).elliptic_e()
    return lambda point: _NAN if point.analytic else acb.elliptic_e_inc(parts[0](point), parts[1](point))


def _derivative(node: sp.Basic, compiled: Callable[[sp.Basic], Evaluate]) -> Evaluate:
    value = node.doit(deep=False) if isinstance(node, sp.Derivative) else node.doit()
    if isinstance(value, type(node)) or value.has(sp.Subs):
        raise Declined(f"the derivative {str(node)[:60]} has no closed form")
    return compiled(value)


def _logarithm(node: sp.log, compiled: Callable[[sp.Basic], Evaluate]) -> Evaluate:
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


def _integral(node: sp.Integral, compiled: Callable[[sp.Basic], Evaluate]) -> Evaluate:
    from symrg.verification.quadrature import enclose_integral

    return enclose_integral(node)


def _series(node: sp.Basic, compiled: Callable[[sp.Basic], Evaluate]) -> Evaluate:
    from symrg.verification.summation import enclose_product, enclose_sum

    return enclose_sum(node) if isinstance(node, sp.Sum) else enclose_product(node)


_FORMS: dict[str, Callable[..., Evaluate]] = {
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
