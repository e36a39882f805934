"""Numbers for integrands: compiled functions and double-exponential quadrature over a sample space.

The quadrature is vector valued, so that all entries of a matrix share the nodes; it works in machine floats for
confirmation and in mpmath for `fisher_metric_at`. Every axis is mapped to the line, centred on the mode of the
density there and scaled to its width (Takahasi and Mori 1974; Trefethen and Weideman, SIAM Review 56, 2014).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import sympy
from sympy import S
from sympy.core.function import AppliedUndef

from symrg.expectation.factorials import rewrite_factorials
from symrg.support import Axis


class NumericFailure(ArithmeticError):
    """A quadrature or sum did not settle, or met a value that is not a real number."""


def _from_mpmath(name: str) -> Callable[..., float]:
    function = getattr(mpmath.fp, name, None) or getattr(mpmath, name)

    def call(*args: Any) -> float:
        value = function(*args)
        if isinstance(value, (complex, mpmath.mpc)):
            if abs(value.imag) > 1e-12 * abs(value.real):
                raise ValueError("complex value")
            value = value.real
        return float(value)

    return call


def _polygamma(order: Any, x: Any) -> float:
    return float(mpmath.mp.psi(int(order), x)) if x < 0 or order > 1 else float(mpmath.fp.psi(int(order), float(x)))


class log_gamma_shift(sympy.Function):
    """ln Gamma(z + c) - ln Gamma(z), without the cancellation of two large numbers."""

    nargs = 2


def _log_gamma_shift(z: float, c: float) -> float:
    if min(z, z + c) < 40:
        return math.lgamma(z + c) - math.lgamma(z)
    # Stirling's series (DLMF 5.11.1) of both, the large terms subtracted by hand.
    total = c * math.log(z) + (z + c - 0.5) * math.log1p(c / z) - c
    for k, weight in ((1, 1 / 12), (3, -1 / 360), (5, 1 / 1260), (7, -1 / 1680)):
        total += weight * ((z + c) ** -k - z**-k)
    return total


def _paired_log_gammas(expression: sympy.Expr, sample: Sequence[sympy.Symbol]) -> sympy.Expr:
    """ln Gamma(z + c) - ln Gamma(z) in every sum as one function, where z moves with the sample and c does not."""

    def pair(total: sympy.Expr) -> sympy.Expr:
        up: list[sympy.Expr] = []
        down: list[sympy.Expr] = []
        rest: list[sympy.Expr] = []
        for term in total.args:
            sign, node = term.as_coeff_Mul()
            if isinstance(node, sympy.loggamma) and node.has(*sample) and sign in (1, -1):
                (up if sign == 1 else down).append(node.args[0])
            else:
                rest.append(term)
        for z in down:
            partner = next((w for w in up if not sympy.expand(w - z).has(*sample)), None)
            if partner is None:
                rest.append(-sympy.loggamma(z))
                continue
            up.remove(partner)
            rest.append(log_gamma_shift(z, sympy.expand(partner - z)))
        return sympy.Add(*rest, *(sympy.loggamma(w) for w in up))

    if not sample or len(expression.atoms(sympy.loggamma)) < 2:
        return expression
    return expression.replace(lambda e: e.is_Add and e.has(sympy.loggamma), pair)


def _log(x: float) -> float:
    """ln x, and -oo where x has underflown to zero: a density vanishes there, it is not unreal."""
    return math.log(x) if x != 0 else -math.inf


_FLOAT = {
    "log": _log,
    "log_gamma_shift": _log_gamma_shift,
    "loggamma": math.lgamma,
    "factorial": lambda x: math.gamma(x + 1),
    "binomial": lambda n, k: math.exp(math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)),
    "RisingFactorial": lambda x, k: math.gamma(x + k) / math.gamma(x),
    "polygamma": _polygamma,
    "digamma": lambda x: _polygamma(0, x),
    "trigamma": lambda x: _polygamma(1, x),
    "sign": lambda x: (x > 0) - (x < 0),
    "Heaviside": lambda x, half=0.5: 1.0 if x > 0 else (0.0 if x < 0 else half),
    "Abs": abs,
    "re": lambda x: x,
    "im": lambda x: 0.0,
    "conjugate": lambda x: x,
    "coth": lambda x: 1 / math.tanh(x),
    "sech": lambda x: 1 / math.cosh(x),
    "csch": lambda x: 1 / math.sinh(x),
    "sec": lambda x: 1 / math.cos(x),
    "csc": lambda x: 1 / math.sin(x),
    "cot": lambda x: 1 / math.tan(x),
    "sqrt": math.sqrt,
    "beta": lambda a, b: math.exp(math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)),
    "erfinv": _from_mpmath("erfinv"),
    "erfcinv": lambda x: float(mpmath.erfinv(1 - x)),
    "besseli": lambda n, x: float(mpmath.mp.besseli(abs(n) if n == int(n) else n, x)),
    "besselj": _from_mpmath("besselj"),
    "besselk": _from_mpmath("besselk"),
    "bessely": _from_mpmath("bessely"),
    "uppergamma": lambda s, x: float(mpmath.mp.gammainc(s, x)),
    "lowergamma": lambda s, x: float(mpmath.mp.gammainc(s, 0, x)),
    "expint": lambda n, x: float(mpmath.mp.expint(n, x)),
    "Ei": _from_mpmath("ei"),
    "zeta": lambda s, a=1: float(mpmath.mp.zeta(s, a)),
    "polylog": _from_mpmath("polylog"),
    "zeta_derivative": lambda n, s, a=1: float(mpmath.mp.zeta(s, a, int(n))),
    "hyper": lambda above, below, z: float(mpmath.mp.hyper(above, below, z)),
    "LambertW": lambda x, k=0: float(mpmath.mp.lambertw(x, int(k)).real),
}

_MP = {"zeta_derivative": lambda n, s, a=1: mpmath.mp.zeta(s, a, int(n))}


def compiled(arguments: Sequence[sympy.Symbol], expressions: Any, precise: bool = False) -> Callable[..., Any]:
    """A numeric function of expressions; names inside them never reach the generated code."""
    safe = {symbol: sympy.Dummy(f"x{i}", real=True) for i, symbol in enumerate(arguments)}
    if isinstance(expressions, (list, tuple)):
        body: Any = [sympy.sympify(e, strict=True).xreplace(safe) for e in expressions]
        loose = set().union(*(e.free_symbols for e in body)) if body else set()
    else:
        body = sympy.sympify(expressions, strict=True).xreplace(safe)
        loose = body.free_symbols
    loose -= set(safe.values())
    for e in body if isinstance(body, list) else [body]:
        loose |= e.atoms(AppliedUndef)
    if loose:
        raise NumericFailure(f"no values for {sorted(map(str, loose))}")
    if not precise:
        sample = list(safe.values())
        body = (
            [_paired_log_gammas(rewrite_factorials(e), sample) for e in body]
            if isinstance(body, list)
            else _paired_log_gammas(rewrite_factorials(body), sample)
        )
    digits = mpmath.mp.dps + 5 if precise else 17
    body = [_constants(e, digits) for e in body] if isinstance(body, list) else _constants(body, digits)
    modules = [_MP, "mpmath"] if precise else [_FLOAT, "math"]
    try:
        function = sympy.lambdify(list(safe.values()), body, modules=modules, cse=True)
    except NotImplementedError as e:  # SymPy's printer knows no numbers for a derivative of a special function, say
        raise NumericFailure(f"no numbers for the density or a function of it: {str(e).splitlines()[0]}") from None

    def call(*values: Any) -> Any:
        try:
            return function(*values)
        except NameError as e:
            raise NumericFailure(f"no numbers for a function: {e}") from None

    return call


def _constants(expression: sympy.Expr, digits: int) -> sympy.Expr:
    """Functions of numbers evaluated once, and not at every node."""
    fixed = {}
    for node in expression.atoms(sympy.Function):
        if not node.free_symbols and not node.has(sympy.Derivative):
            value = node.evalf(digits)
            if value.is_Float:
                fixed[node] = value
    return expression.xreplace(fixed) if fixed else expression


def _floating(value: Any) -> sympy.Expr:
    """Floats instead of fractions, whose powers SymPy would factor; integers stay."""
    value = sympy.sympify(value, strict=True)
    return sympy.Float(value, 17) if value.is_Rational and not value.is_Integer else value


def number(expression: sympy.Expr, point: dict[sympy.Symbol, Any]) -> float:
    """The value of an expression at a point as a float; nan where it is not real or undefined."""
    try:
        value = sympy.sympify(expression, strict=True).xreplace({k: _floating(v) for k, v in point.items()})
        if value.is_infinite:
            return math.inf if value.is_extended_positive else -math.inf
        if value.has(S.NaN, S.ComplexInfinity, S.Infinity, S.NegativeInfinity):
            return math.nan
        evaluated = complex(value.evalf(17))
    except (TypeError, ValueError, ArithmeticError, AttributeError, RecursionError, NotImplementedError):
        return math.nan
    if abs(evaluated.imag) > 1e-9 * (1 + abs(evaluated.real)):
        return math.nan
    return evaluated.real


@dataclass(frozen=True)
class Arithmetic:
    """The numbers that a quadrature works in."""

    exp: Callable[[Any], Any]
    log: Callable[[Any], Any]
    sinh: Callable[[Any], Any]
    cosh: Callable[[Any], Any]
    convert: Callable[[Any], Any]
    epsilon: float


MACHINE = Arithmetic(math.exp, math.log, math.sinh, math.cosh, float, 1e-17)


def precise_arithmetic(digits: int) -> Arithmetic:
    """mpmath numbers; the caller sets the working precision."""
    return Arithmetic(mpmath.exp, mpmath.log, mpmath.sinh, mpmath.cosh, mpmath.mpf, 10.0 ** (-digits - 4))


@dataclass(frozen=True)
class NumericAxis:
    """An axis whose limits are functions of the coordinates outside it.

    Attributes:
        lower: function of the values of all sample coordinates (those not yet set are ignored).
        upper: likewise.
        index: position of the coordinate in the sample.
        discrete: True where the axis sums.
        points: functions for the points of a finite set.
        step: of a range.
        breaks: interior points where the integrand has a kink, likewise as functions.
    """

    index: int
    lower: Callable[..., Any]
    upper: Callable[..., Any]
    discrete: bool
    points: tuple[Callable[..., Any], ...] | None
    step: Any
    breaks: tuple[Callable[..., Any], ...] = ()


def numeric_axes(
    axes: Sequence[Axis],
    sample: Sequence[sympy.Symbol],
    point: dict[sympy.Symbol, Any],
    kinks: dict[sympy.Symbol, list[sympy.Expr]],
    precise: bool = False,
) -> list[NumericAxis]:
    """The axes at a point of the parameters."""
    values = {k: sympy.sympify(v, strict=True) for k, v in point.items()}

    def function(expression: sympy.Expr) -> Callable[..., Any]:
        fixed = expression.xreplace(values)
        if fixed.is_infinite:
            bound = math.inf if fixed == S.Infinity else -math.inf
            return lambda *_: bound
        return compiled(sample, fixed, precise)

    return [
        NumericAxis(
            list(sample).index(axis.symbol),
            function(axis.lower),
            function(axis.upper),
            axis.discrete,
            None if axis.points is None else tuple(function(p) for p in axis.points),
            int(axis.step),
            tuple(function(k) for k in kinks.get(axis.symbol, ())),
        )
        for axis in axes
    ]


Vector = list[Any]


def _is_finite(x: Any) -> bool:
    """Whether a float or an mpf, of whatever exponent, is a finite real number."""
    return bool(x - x == 0)


class Quadrature:
    """Vector-valued integrals of `density * features` over a sample space.

    Args:
        integrand: function of the sample returning a list; entry 0 is the density, which steers the nodes.
        axes: inner first.
        arithmetic: the numbers to work in.
        tolerance: relative to the integral of the absolute value of each entry.
        levels: halvings of the step at most.
    """

    def __init__(
        self,
        integrand: Callable[..., Vector],
        axes: Sequence[NumericAxis],
        arithmetic: Arithmetic = MACHINE,
        tolerance: float = 1e-9,
        levels: int = 6,
    ):
        self._integrand = integrand
        self._axes = list(axes)
        self._a = arithmetic
        self._tolerance = tolerance
        self._levels = levels
        self._size = 0
        self.evaluations = 0
        self._known: dict[int, tuple[Any, Any, int]] = {}

    def integral(self) -> tuple[Vector, Vector]:
        """The integrals and their error estimates."""
        return self._over(len(self._axes) - 1, [self._a.convert(0)] * len(self._axes))

    def _value(self, depth: int, coordinates: Vector) -> Vector:
        if depth < 0:
            self.evaluations += 1
            try:
                values = self._integrand(*coordinates)
            except (ValueError, OverflowError, ZeroDivisionError, TypeError):
                return []
            if not _is_finite(values[0]):
                return []
            return [v if _is_finite(v) else self._a.convert(0) for v in values]
        return self._over(depth, coordinates)[0]

    def _over(self, depth: int, coordinates: Vector) -> tuple[Vector, Vector]:
        axis = self._axes[depth]
        coordinates = list(coordinates)

        def value(y: Any) -> Vector:
            coordinates[axis.index] = y
            return self._value(depth - 1, coordinates)

        if axis.points is not None:
            return self._combine([(value(p(*coordinates)), 1) for p in axis.points])
        lower, upper = axis.lower(*coordinates), axis.upper(*coordinates)
        if not lower < upper and not (axis.discrete and lower == upper):
            return [], []
        if axis.discrete:
            return self._sum(value, lower, upper, axis.step)
        breaks = sorted(b for b in (f(*coordinates) for f in axis.breaks) if lower < b < upper)
        edges = [lower, *breaks, upper]
        # Inner lines resemble their neighbours: where the mass lies is looked up again only now and then.
        pieces = [
            self._line(value, a, b, None if breaks or len(self._axes) < 3 or depth == len(self._axes) - 1 else depth)
            for a, b in itertools.pairwise(edges)
        ]
        total, _ = self._combine([(p[0], 1) for p in pieces])
        error, _ = self._combine([(p[1], 1) for p in pieces])
        return total, error

    def _combine(self, parts: list[tuple[Vector, Any]]) -> tuple[Vector, Vector]:
        parts = [(v, w) for v, w in parts if v]
        if not parts:
            return [], []
        total = [sum((v[i] * w for v, w in parts), self._a.convert(0)) for i in range(len(parts[0][0]))]
        return total, [abs(t) * self._a.epsilon * 10 for t in total]

    def _sum(self, value: Callable[[Any], Vector], lower: Any, upper: Any, step: int) -> tuple[Vector, Vector]:
        if lower == -math.inf:
            if upper == -math.inf:
                return [], []
            start = 0 if upper == math.inf else int(upper)
            right = self._ray(value, start, upper, step)
            left = self._ray(lambda y: value(-y), 1 - start, math.inf, step)
            return self._combine([(right[0], 1), (left[0], 1)])[0], self._combine([(right[1], 1), (left[1], 1)])[0]
        return self._ray(value, round(float(lower)), upper, step)

    def _ray(self, value: Callable[[Any], Vector], start: int, upper: Any, step: int) -> tuple[Vector, Vector]:
        last = None if upper == math.inf else round(float(upper))
        total: Vector = []
        mass: Vector = []
        y, quiet, cap = start, 0, 1024
        while last is None or y <= last:
            v = value(y)
            if v:
                if not total:
                    total, mass = list(v), [abs(x) for x in v]
                else:
                    total = [a + b for a, b in zip(total, v)]
                    mass = [a + abs(b) for a, b in zip(mass, v)]
                small = all(abs(b) <= self._a.epsilon * m for b, m in zip(v, mass))
                quiet = quiet + 1 if small else 0
            elif total:
                quiet += 1
            if quiet >= 12 and total and mass[0] > 0.5:
                return total, [m * self._a.epsilon * 20 for m in mass]
            count = (y - start) // step + 1
            y += step
            if last is None and not total and count >= 256:
                return [], []
            if last is None and count >= cap:
                return self._with_tail(value, total, mass, y, step)
        return total, [m * self._a.epsilon * 20 for m in mass]

    def _with_tail(
        self, value: Callable[[Any], Vector], total: Vector, mass: Vector, n: int, step: int
    ) -> tuple[Vector, Vector]:
        """Partial sum plus the tail from n on by the Euler-Maclaurin formula (DLMF 2.10.1)."""
        a = self._a
        tail, error = self._line(value, a.convert(n), math.inf)
        edge = value(a.convert(n))
        h = a.convert(1)
        near, far = [value(n + k * h) for k in (-1, 1)], [value(n + k * 2 * h) for k in (-2, 2)]
        if not tail or not edge or not all(near) or not all(far):
            raise NumericFailure("a series whose tail cannot be summed")
        result = []
        for i, partial in enumerate(total):
            first = (8 * (near[1][i] - near[0][i]) - (far[1][i] - far[0][i])) / 12
            third = (far[1][i] - far[0][i] - 2 * (near[1][i] - near[0][i])) / 2
            result.append(partial + tail[i] / step + edge[i] / 2 - step * first / 12 + step**3 * third / 720)
        return result, [e + m * 1e-13 for e, m in zip(error, mass)]

    def _line(
        self, value: Callable[[Any], Vector], lower: Any, upper: Any, memory: int | None = None
    ) -> tuple[Vector, Vector]:
        a = self._a
        if lower == -math.inf and upper == math.inf:
            place, scale = (lambda t: t), (lambda t: a.convert(1))
        elif upper == math.inf:
            place, scale = (lambda t: lower + a.exp(t)), a.exp
        elif lower == -math.inf:
            place, scale = (lambda t: upper - a.exp(t)), a.exp
        else:
            length = upper - lower

            def place(t: Any) -> Any:
                e = a.exp(-abs(t))
                return lower + length * e / (1 + e) if t < 0 else upper - length * e / (1 + e)

            def scale(t: Any) -> Any:
                e = a.exp(-abs(t))
                return length * e / (1 + e) ** 2

        infinite = lower == -math.inf and upper == math.inf

        def weighted(t: Any) -> Vector:
            try:
                y, w = place(t), scale(t)
            except OverflowError:
                return []
            if not infinite and y in (lower, upper):
                return []
            return [x * w for x in value(y)]

        if memory is not None and self._known.get(memory, (0, 0, 0))[2] > 0:
            centre, width, age = self._known[memory]
            self._known[memory] = (centre, width, age - 1)
        else:
            centre, width = self._peak(weighted, infinite)
            if memory is not None:
                self._known[memory] = (centre, width, 12)
        return self._trapezoid(weighted, centre, width, infinite)

    def _peak(self, weighted: Callable[[Any], Vector], infinite: bool) -> tuple[Any, Any]:
        """Mode and width of the density along the line, from a coarse search."""

        def height(t: float) -> float:
            v = weighted(self._a.convert(t))
            return float(v[0]) if v else 0.0

        best, top = 0.0, height(0.0)
        grid = [s * 0.1 * 1.9**k for k in range(24 if infinite else 10) for s in (1, -1)]
        for t in grid:
            h = height(t)
            if h > top:
                best, top = t, h
        if top == 0.0:
            return self._a.convert(0), self._a.convert(1)
        stride = max(abs(best) * 0.5, 0.05)
        while stride > 1e-3 * max(abs(best), 1e-3) and stride > 1e-9:
            moved = False
            for t in (best - stride, best + stride):
                h = height(t)
                if h > top:
                    best, top, moved = t, h, True
            if not moved:
                if height(best + stride) > 0.9 * top and height(best - stride) > 0.9 * top:
                    break
                stride /= 2
        widths = []
        for s in (1, -1):
            w = max(stride, 1e-9)
            while height(best + s * w) > 0.3 * top and w < 1e9:
                w *= 1.7
            widths.append(w)
        return self._a.convert(best), self._a.convert(min(max(min(widths), 1e-9), 1e9))

    def _trapezoid(self, weighted: Callable[[Any], Vector], centre: Any, width: Any, infinite: bool):
        a = self._a
        half_pi = a.convert(1.5) if infinite else None

        def node(u: Any) -> Vector:
            try:
                if infinite:
                    s = half_pi * a.sinh(u)
                    t, w = centre + width * a.sinh(s), width * a.cosh(s) * half_pi * a.cosh(u)
                else:
                    t, w = centre + width * a.sinh(u), width * a.cosh(u)
            except OverflowError:
                return []
            return [x * w for x in weighted(t)]

        cut = 6.5 if infinite else 40.0
        total: Vector = []
        mass: Vector = []

        rough = len(self._axes) > 2 and self._tolerance > 1e-6
        negligible, patience = (1e-8, 2) if rough else (a.epsilon, 6)
        loose: set[int] = set()  # entries that had not decayed where the nodes end

        def sweep(step: Any, offset: Any, stride: Any) -> None:
            nonlocal total, mass
            for sign in (1, -1):
                u, quiet = offset, 0
                last: Vector = []
                if sign == -1 and offset == 0:
                    u = stride
                while u < cut:
                    v = node(sign * u)
                    if v:
                        if not total:
                            total, mass = [a.convert(0)] * len(v), [a.convert(0)] * len(v)
                        small = all(abs(x) <= negligible * m for x, m in zip(v, mass))
                        total = [x + y for x, y in zip(total, v)]
                        mass = [x + abs(y) for x, y in zip(mass, v)]
                        quiet = quiet + 1 if small and mass[0] > 0 else 0
                        last = v
                    else:
                        quiet += 1
                    if quiet >= patience and u > 1:
                        break
                    u += stride
                loose.update(i for i, x in enumerate(last) if abs(x) > 1e-5 * mass[i])

        step = a.convert(0.5 if len(self._axes) > 2 and self._tolerance > 1e-9 else 0.25)
        sweep(step, a.convert(0), step)
        previous = [x * step for x in total]
        estimate, error = previous, [abs(x) for x in previous]
        for _ in range(self._levels):
            sweep(step, step / 2, step)
            step = step / 2
            estimate = [x * step for x in total]
            if not estimate:
                return [], []
            if len(previous) != len(estimate):
                previous = [a.convert(0)] * len(estimate)
            error = [abs(x - y) for x, y in zip(estimate, previous)]
            # The trapezoidal rule roughly squares its error with each halving.
            if all(e <= self._tolerance**0.75 * m * step + a.epsilon for e, m in zip(error, mass)):
                error = [e * min(1.0, float(e / (m * step)) ** 0.3 if m else 0.0) for e, m in zip(error, mass)]
                error = [e + m * step * a.epsilon * 50 for e, m in zip(error, mass)]
                break
            previous = estimate
        error = [max(e, mass[i] * step) if i in loose else e for i, e in enumerate(error)]
        return estimate, error
