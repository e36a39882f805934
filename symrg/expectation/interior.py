"""Interior points of a parameter space, found by trial, and the assumptions that symbols lack.

A point is interior where the assumptions and the domain allow it and the density is real there and integrates to
one. What SymPy cannot decide about signs the engine decides at such points.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import mpmath
import sympy
from sympy import S

from symrg.budget import Budget, OutOfTime, within
from symrg.errors import ImproperDensity, InvalidModel, MissingAssumption, TimeExpired
from symrg.expectation import gaussian
from symrg.expectation.density import Density, in_logarithm
from symrg.expectation.numeric import NumericFailure, Quadrature, compiled, number, numeric_axes, precise_arithmetic

Point = dict[sympy.Symbol, sympy.Expr]

_TOLERANCE = 2e-5
_GRACE = 0.5  # seconds that the integral of one density may take beyond the budget
_PATIENCE = 6  # points beyond those wanted that are looked at for better ones


@dataclass
class Trials:
    """What was tried at which points, for the messages."""

    masses: list[tuple[Point, float]] = field(default_factory=list)
    unreal: int = 0
    outside: int = 0
    tried: int = 0


def interior_points(
    density: Density,
    count: int = 1,
    extra: Sequence[sympy.Symbol] = (),
    budget: Budget | None = None,
    attempts: int = 150,
    force: dict[sympy.Symbol, int] | None = None,
    trials: Trials | None = None,
    seed: int = 0,
) -> list[Point]:
    """Points at which the density is real and integrates to one.

    Args:
        density: with its parameters, constants and domain.
        count: how many are wanted.
        extra: further free symbols that need values; they stay small.
        budget: seconds that the search may take.
        attempts: candidates at most.
        force: signs that some symbols must have.
        trials: filled with what happened.
        seed: of the candidates.
    """
    rng = random.Random(20240 + seed)
    trials = trials if trials is not None else Trials()
    mass = density.__dict__.setdefault("_mass", Mass(density))
    symbols = [*density.symbols]
    bounded = set().union(*(r.free_symbols for r in density.domain)) if density.domain else set()
    found: list[Point] = []
    rough: list[tuple[float, Point]] = []  # where the quadrature sees the mass to few digits only: poor witnesses
    for attempt in range(attempts):
        if budget is not None and budget.remaining < 0.2:
            break
        spread = 1.0 if attempt < 20 else 0.6 ** ((attempt % 10) / 2)
        point = {
            s: _candidate(s, rng, spread, (force or {}).get(s, 0), attempt % 2 == 1 and s in bounded) for s in symbols
        }
        point |= {s: _small(s, rng) for s in extra}
        trials.tried += 1
        if not density.allows(point):
            trials.outside += 1
            continue
        try:
            value = mass.at(point) if budget is None else within(budget.remaining + _GRACE, mass.at, point)
        except OutOfTime:
            break
        if value is None:
            trials.unreal += 1
        elif abs(value - 1) < mass.tolerance:
            if abs(value - 1) < mass.good:
                found.append(point)
            else:
                rough.append((abs(value - 1), point))
            if len(found) == count or len(found) + len(rough) >= count + _PATIENCE:
                break
        else:
            trials.masses.append((point, value))
            if len(trials.masses) >= 40 and not found:
                break
    rough.sort(key=lambda pair: pair[0])
    return [*found, *(point for _, point in rough)][:count]


def _candidate(symbol: sympy.Symbol, rng: random.Random, spread: float, sign: int, small: bool = False) -> sympy.Expr:
    positive = sign > 0 or (sign == 0 and symbol.is_positive)
    negative = sign < 0 or (sign == 0 and symbol.is_negative)
    if symbol.is_integer:
        low = 2 if symbol.is_prime else 1
        value = sympy.Integer(rng.randint(low, 5))
        if symbol.is_even:
            value = 2 * value
        if symbol.is_odd:
            value = 2 * value + 1
        return -value if negative or (not positive and not symbol.is_nonnegative and rng.random() < 0.5) else value
    if positive or negative or symbol.is_nonnegative:
        size = rng.choice((rng.uniform(0.3, 0.95), rng.uniform(1.1, 3.5), rng.uniform(2.1, 6.0)))
        if small:  # bounds such as p + q < 1 leave little room
            size = rng.uniform(0.1, 0.6)
        value = sympy.Rational(round(1000 * size) | 1, 1000)
        return -value if negative else value
    value = sympy.Rational(round(1000 * spread * rng.uniform(-1.6, 1.6)) | 1, 1000)
    return value


def _small(symbol: sympy.Symbol, rng: random.Random) -> sympy.Expr:
    if symbol.is_integer:
        return sympy.Integer(rng.randint(1, 3))
    value = sympy.Rational(rng.randint(40, 190), 1000)
    if not symbol.is_positive and (symbol.is_negative or rng.random() < 0.5):
        value = -value
    return value


class Mass:
    """The integral of a density over its sample space as a function of the parameters."""

    def __init__(self, density: Density):
        self._density = density
        self._parts = [in_logarithm(part)[0] for part in density.factors()]
        widest = max((len(p.axes) for p in self._parts), default=1)
        self._one_dimensional = widest == 1
        self._precise_left = 3
        self._symbols = set(density.symbols)
        self._memory: dict[tuple, float | None] = {}
        self.tolerance = _TOLERANCE if widest < 3 else 2e-3
        self.good = 3e-7 if widest == 2 else self.tolerance
        self._normal = [gaussian.structure(p.log_density, p.axes) for p in self._parts]

    def at(self, point: Point) -> float | None:
        """The mass at a point, None where the density is not real there or cannot be integrated."""
        key = tuple(sorted(((s.name, v) for s, v in point.items() if s in self._symbols), key=str))
        if key in self._memory:
            return self._memory[key]
        value = self._product(point, 0)
        self._memory[key] = value
        near = value is not None and self.tolerance < abs(value - 1) < 0.05
        if near and self._one_dimensional and self._precise_left:
            # Heavy tails and sharp edges need more than machine floats; a few such points speak for the others.
            self._precise_left -= 1
            self._memory[key] = value = self._product(point, 16)
            if value is not None and abs(value - 1) < self.tolerance:
                self.tolerance = self.good = 5e-3
        return value

    def _product(self, point: Point, digits: int) -> float | None:
        total = 1.0
        for part, normal in zip(self._parts, self._normal):
            value = self._gaussian(part, normal, point) if normal is not None else self._quadrature(part, point, digits)
            if value is None or not math.isfinite(value) or value <= 0:
                return None
            total *= value
        constant = number(sympy.exp(self._density.constant_of_factors), point)
        return None if not math.isfinite(constant) else total * constant

    @staticmethod
    def _gaussian(part: Density, normal: gaussian.Normal, point: Point) -> float | None:
        rows = normal.precision.shape[0]
        precision = [[number(normal.precision[i, j], point) for j in range(rows)] for i in range(rows)]
        if any(math.isnan(x) for row in precision for x in row):
            return None
        matrix = sympy.Matrix(precision)
        minors = [float(matrix[:k, :k].det()) for k in range(1, rows + 1)]
        if any(m <= 0 for m in minors):
            return None
        linear = sympy.Matrix([number(x, point) for x in normal.linear])
        height = number(normal.constant, point)
        peak = height + float((linear.T * matrix.LUsolve(linear))[0]) / 2
        if math.isnan(peak) or peak > 500:
            return None
        return math.exp(peak) * math.sqrt((2 * math.pi) ** rows / minors[-1])

    @staticmethod
    def _quadrature(part: Density, point: Point, digits: int) -> float | None:
        if digits:
            return _precise_mass(part, point, digits)
        try:
            axes = numeric_axes(part.axes, part.sample, point, part.kinks())
            log_density = compiled(part.sample, part.log_density.xreplace(point))
        except (NumericFailure, TypeError, ValueError, ZeroDivisionError, OverflowError, KeyError, SyntaxError):
            return None
        exp = math.exp
        seen = [0, 0]
        unreal: list[float] = []

        def integrand(*y: float) -> list[float]:
            seen[0] += 1
            try:
                return [exp(log_density(*y))]
            except (ValueError, TypeError):
                seen[1] += 1
                unreal.append(y[0])
                if seen[1] > 30 and seen[1] > seen[0] / 4:
                    raise NumericFailure("the density is not real") from None
                raise

        try:
            total, _ = Quadrature(
                integrand, axes, tolerance=1e-7 if len(axes) < 3 else 1e-4, levels=5 if len(axes) == 1 else 3
            ).integral()
        except (NumericFailure, ArithmeticError, ValueError, TypeError):
            return None
        if len(axes) == 1 and not axes[0].discrete and _is_complex(part, point, sorted(unreal)):
            return None
        return total[0] if total else None


def _is_complex(part: Density, point: Point, places: list[float]) -> bool:
    """Whether a log-density is complex where floats found it not real, and not merely lost to rounding."""
    if len(places) < 4:
        return False
    (y,) = part.sample
    for place in places[len(places) // 4 :: max(len(places) // 4, 1)][:2]:
        value = part.log_density.xreplace(point).subs(y, sympy.Float(place)).evalf(17)
        if not value.is_number or not abs(sympy.im(value)) > 1e-6:
            return False
    return True


def _precise_mass(part: Density, point: Point, digits: int) -> float | None:
    try:
        with mpmath.workdps(digits + 12):
            axes = numeric_axes(part.axes, part.sample, point, part.kinks(), True)
            log_density = compiled(part.sample, part.log_density.xreplace(point), True)
            rule = Quadrature(
                lambda *y: [mpmath.exp(log_density(*y))], axes, precise_arithmetic(digits), 1e-8, levels=4
            )
            total, _ = rule.integral()
            return float(total[0]) if total else None
    except (NumericFailure, ArithmeticError, ValueError, TypeError):
        return None


def find_points(density: Density, count: int, extra: Sequence[sympy.Symbol], budget: Budget) -> list[Point]:
    """Interior points, or the error that says why there are none.

    Raises:
        ImproperDensity: the density integrates to something else wherever it was tried.
        MissingAssumption: a symbol lacks an assumption without which the density is no density.
        InvalidModel: nothing was found.
        TimeExpired: the time was up before enough points were looked at.
    """
    trials = Trials()
    points = interior_points(density, count, extra, budget, trials=trials)
    if points:
        return points
    hasty = budget.remaining < 0.3 and trials.tried < 30 and trials.unreal < 8
    if hasty and len(trials.masses) < 2:
        raise TimeExpired(
            f"the search for a point of the parameter space where the density is normalised ended after "
            f"{budget.seconds:g} s ({trials.tried} tried): give a larger budget"
        )
    if trials.masses:
        point, value = trials.masses[0]
        at = ", ".join(f"{k} = {float(v):.4g}" for k, v in point.items())
        raise ImproperDensity(
            f"the density integrates to {value:.6g}, not to 1, on {', '.join(a.describe() for a in density.axes)}"
            f"{' at ' + at if at else ''}; {len(trials.masses)} points of the parameter space gave no 1. "
            "Check the normalising factor and the support, or restrict the parameters by `domain`"
        )
    raise InvalidModel(
        f"no point of the parameter space was found where the density is real and normalised on "
        f"{', '.join(a.describe() for a in density.axes)} ({trials.tried} tried: {trials.outside} outside the domain, "
        f"{trials.unreal} with a density that is not real or not integrable); "
        + (
            f"the budget of {budget.seconds:g} s was used up: give a larger one"
            if budget.remaining < 0.3
            else "give `domain`, or correct the density"
        )
        + _support_hint(density)
    )


def _support_hint(density: Density) -> str:
    whole = [a for a in density.axes if not a.discrete and a.lower is S.NegativeInfinity and a.upper is S.Infinity]
    if not whole:
        return ""
    names = ", ".join(str(a.symbol) for a in whole)
    return f"; where no `support` is given, {names} runs over all real numbers: say so if it does not"


def check_assumptions(density: Density, budget: Budget) -> None:
    """Name the assumption that a symbol lacks.

    A symbol must be declared real, and positive where the density is none for negative values of it.

    Raises:
        MissingAssumption: names the symbol and the assumption.
    """
    undecided = [s for s in density.symbols if not (s.is_positive or s.is_negative)]
    if not undecided:
        return
    seen = interior_points(density, 6 if len(density.axes) == 1 else 3, (), budget, attempts=60)
    both = {s for s in density.symbols if len({bool(p[s] > 0) for p in seen}) == 2}
    for symbol in density.symbols:
        if symbol.is_extended_real and symbol in both:
            continue
        if symbol.is_extended_real is None:
            sign = _sign_needed(density, symbol, budget)
            what = {1: "positive=True", -1: "negative=True", 0: "real=True"}[sign]
            raise MissingAssumption(
                f"{symbol} has no assumptions, and SymPy takes it for complex; declare Symbol('{symbol}', {what})"
                + (f": the density exists for {'positive' if sign > 0 else 'negative'} {symbol} only" if sign else "")
            )
        if symbol.is_extended_real is False:
            raise MissingAssumption(f"{symbol} is declared not real; a parameter of a density must be real")
        if symbol.is_extended_nonnegative is None and symbol.is_extended_nonpositive is None:
            if density.domain and _sign_in_domain(symbol, density.domain):
                continue
            sign = _sign_needed(density, symbol, budget)
            if sign:
                what = "positive=True" if sign > 0 else "negative=True"
                raise MissingAssumption(
                    f"{symbol} is real, but the density exists for {'positive' if sign > 0 else 'negative'} {symbol} "
                    f"only; declare Symbol('{symbol}', {what}), or add {symbol} {'>' if sign > 0 else '<'} 0 to domain"
                )


def _sign_in_domain(symbol: sympy.Symbol, domain: Sequence[sympy.Basic]) -> bool:
    return sign_from_domain(symbol, domain) != 0


def sign_from_domain(symbol: sympy.Symbol, domain: Sequence[sympy.Basic]) -> int:
    """+1 or -1 where the relationals of a domain confine a symbol to one sign, else 0."""
    for relation in domain:
        if not isinstance(relation, sympy.core.relational.Relational) or relation.free_symbols != {symbol}:
            continue
        if not isinstance(relation, (sympy.Gt, sympy.Ge, sympy.Lt, sympy.Le)):
            continue
        low, high = (relation.rhs, relation.lhs) if isinstance(relation, (sympy.Gt, sympy.Ge)) else relation.args
        if high == symbol and low.is_extended_nonnegative:
            return 1
        if low == symbol and high.is_extended_nonpositive:
            return -1
    return 0


def _sign_needed(density: Density, symbol: sympy.Symbol, budget: Budget) -> int:
    """+1 or -1 where the density is seen to fail for the other sign, and not merely missed there."""
    exists, fails = {}, {}
    for sign in (1, -1):
        trials = Trials()
        exists[sign] = bool(interior_points(density, 1, (), budget, 40, {symbol: sign}, trials))
        wrong = trials.unreal + sum(abs(mass - 1) > 0.02 for _, mass in trials.masses)
        fails[sign] = not exists[sign] and wrong >= 5 and wrong >= 0.9 * (trials.unreal + len(trials.masses))
    if exists[1] and fails[-1]:
        return 1
    if exists[-1] and fails[1]:
        return -1
    return 0


def symbol_value(value: object) -> sympy.Expr:
    """A number given by the user as an exact or floating SymPy number."""
    result = sympy.sympify(value, strict=True)
    if not (isinstance(result, sympy.Expr) and result.is_number) or result.has(S.NaN):
        raise InvalidModel(f"{value!r} is not a number")
    return result
