"""Confirmation of closed forms by quadrature at a random interior point."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import mpmath
import sympy

from symrg.errors import Disagreement
from symrg.expectation import gaussian
from symrg.expectation.density import Density, in_logarithm, kinks_of
from symrg.expectation.interior import Point
from symrg.expectation.numeric import (
    MACHINE,
    NumericFailure,
    Quadrature,
    compiled,
    number,
    numeric_axes,
    precise_arithmetic,
)

_RELATIVE = 3e-6


@dataclass(frozen=True)
class Moments:
    """E of several functions, of their absolute values, and the errors of the first.

    Attributes:
        values: E[f].
        magnitudes: E|f|, the scale of rounding.
        errors: estimates.
        kind: "quadrature" or "monte carlo".
    """

    values: list[float]
    magnitudes: list[float]
    errors: list[float]
    kind: str = "quadrature"


def moments(
    density: Density,
    functions: Sequence[sympy.Expr],
    point: Point,
    digits: int = 0,
    products: bool = False,
    levels: int = 0,
    chain: bool = False,
) -> Moments:
    """E of functions at a point of the parameters by quadrature, normalised by the integral of the density.

    Args:
        density: one factor of a model.
        functions: of the sample.
        point: values of all other symbols.
        digits: 0 for machine floats, else mpmath to that many digits.
        products: return E[f_i f_j] for i <= j in row order after the E[f_i].
        levels: halvings of the step at most; 0 chooses.
        chain: averages over a Markov chain, as for four coordinates and more.

    Raises:
        NumericFailure: nothing settled.
    """
    density, functions = in_logarithm(density, functions)
    sample = density.sample
    if chain or (len(sample) > 3 and digits == 0):
        return _by_importance(density, functions, point, products)
    normal = gaussian.structure(density.log_density, density.axes) if len(sample) > 1 else None
    if normal is not None and digits == 0:
        return _by_hermite(density, normal, functions, point, products)
    precise = digits > 0
    kinks = {
        axis.symbol: [k for e in (density.log_density, *functions) for k in kinks_of(e, axis.symbol)]
        for axis in density.axes
        if not axis.discrete
    }
    kinks = {k: list(dict.fromkeys(v)) for k, v in kinks.items()}
    axes = numeric_axes(density.axes, sample, point, kinks, precise)
    body = [density.log_density.xreplace(point), *(sympy.sympify(f, strict=True).xreplace(point) for f in functions)]
    evaluate = compiled(sample, body, precise)
    exp = mpmath.exp if precise else math.exp

    def integrand(*y):
        values = evaluate(*y)
        p = exp(values[0])
        f = list(values[1:])
        if products:
            f += [a * b for i, a in enumerate(values[1:]) for b in values[1 + i :]]
        return [p, *(p * v for v in f), *(p * abs(v) for v in f)]

    if precise:
        with mpmath.workdps(digits + 12):
            rule = Quadrature(integrand, axes, precise_arithmetic(digits + 8), 10.0 ** (-digits - 3), levels or 8)
            total, errors = rule.integral()
            return _normalised(total, errors)
    rule = Quadrature(
        integrand, axes, MACHINE, 1e-8 if len(axes) < 3 else 1e-5, levels=levels or (6 if len(axes) == 1 else 3)
    )
    return _normalised(*rule.integral())


def _normalised(total: list, errors: list) -> Moments:
    if not total or not total[0] > 0:
        raise NumericFailure("the quadrature found no mass")
    mass = total[0]
    count = (len(total) - 1) // 2
    values = [t / mass for t in total[1 : 1 + count]]
    spread = errors[0] / mass if errors else 0
    magnitudes = [t / mass for t in total[1 + count :]]
    for i, (e, scale) in enumerate(zip(errors[1 : 1 + count], magnitudes)):
        if e / mass > 1e-3 * scale + 1e-12 or spread > 1e-2:
            raise NumericFailure(f"the integral of function {i} does not settle; it may diverge")
    return Moments(
        values,
        magnitudes,
        [e / mass + abs(v) * spread for e, v in zip(errors[1 : 1 + count], values)],
    )


def _by_hermite(
    density: Density, normal: gaussian.Normal, functions: Sequence[sympy.Expr], point: Point, products: bool
) -> Moments:
    """Gauss-Hermite nodes in whitened coordinates; the density itself is evaluated, so its shape is tested too."""
    sample = density.sample
    n = len(sample)
    precision = sympy.Matrix(n, n, lambda i, j: number(normal.precision[i, j], point))
    covariance = precision.inv()
    covariance = (covariance + covariance.T) / 2  # rounding must not make it asymmetric
    root = covariance.cholesky(hermitian=False)
    linear = sympy.Matrix([number(x, point) for x in normal.linear])
    mean = [float(x) for x in covariance * linear]
    lower = [[float(root[i, j]) for j in range(n)] for i in range(n)]
    evaluate = compiled(
        sample,
        [density.log_density.xreplace(point), *(sympy.sympify(f, strict=True).xreplace(point) for f in functions)],
    )
    nodes, weights = _hermite(5)
    totals: list[float] = []
    for index in itertools.product(range(len(nodes)), repeat=n):
        z = [nodes[k] for k in index]
        w = math.prod(weights[k] for k in index)
        y = [m + sum(lower[i][j] * z[j] for j in range(i + 1)) for i, m in enumerate(mean)]
        values = evaluate(*y)
        p = w * math.exp(values[0] + sum(x * x for x in z) / 2)
        f = list(values[1:])
        if products:
            f += [a * b for i, a in enumerate(values[1:]) for b in values[1 + i :]]
        row = [p, *(p * v for v in f), *(p * abs(v) for v in f)]
        totals = [a + b for a, b in zip(totals, row)] if totals else row
    return _normalised(totals, [abs(t) * 1e-12 for t in totals])


@lru_cache(maxsize=4)
def _hermite(count: int) -> tuple[list[float], list[float]]:
    """Nodes and weights for exp(-z^2/2)."""
    x = sympy.Symbol("x")
    roots = sorted(float(r) for r in sympy.Poly(sympy.hermite_prob_poly(count, x), x).nroots(n=20))
    previous = sympy.lambdify(x, sympy.hermite_prob_poly(count - 1, x), "math")
    return roots, [math.factorial(count) / (count * previous(r)) ** 2 for r in roots]


def _by_importance(
    density: Density, functions: Sequence[sympy.Expr], point: Point, products: bool, draws: int = 20000
) -> Moments:
    """Self-normalised Markov-chain averages for many coupled coordinates."""
    sample, rng = density.sample, random.Random(7)
    evaluate = compiled(
        sample,
        [density.log_density.xreplace(point), *(sympy.sympify(f, strict=True).xreplace(point) for f in functions)],
    )
    axes = numeric_axes(density.axes, sample, point, {})

    def allowed(y: list[float]) -> bool:
        return all(axis.lower(*y) <= y[axis.index] <= axis.upper(*y) for axis in axes)

    def value(y: list[float]) -> list[float] | None:
        if not allowed(y):
            return None
        try:
            return list(evaluate(*y))
        except (ValueError, OverflowError, ZeroDivisionError):
            return None

    state: list[float] | None = None
    current: list[float] | None = None
    for attempt in range(4000):
        scale = (1, 0.3, 3, 0.1)[attempt % 4]
        y = [rng.gauss(0, scale) for _ in sample]
        if attempt % 2:
            y = [abs(v) for v in y]
        if any(axis.discrete for axis in axes):
            y = [float(round(v)) if axes[[a.index for a in axes].index(i)].discrete else v for i, v in enumerate(y)]
        v = value(y)
        if v is not None and (current is None or v[0] > current[0]):
            state, current = y, v
    if state is None or current is None:
        raise NumericFailure("no point of the sample space was found")
    steps = [0.5] * len(sample)
    taken = [0] * len(sample)
    batches: list[list[float]] = []
    batch: list[float] = []
    size = draws // 40
    for k in range(draws + draws // 5):
        for i in range(len(sample)):
            axis = next(a for a in axes if a.index == i)
            y = list(state)
            y[i] += rng.choice((-1, 1)) if axis.discrete else rng.gauss(0, steps[i])
            v = value(y)
            if v is not None and math.log(rng.random()) < v[0] - current[0]:
                state, current = y, v
                taken[i] += 1
            if k < draws // 5 and k % 100 == 99:
                steps[i] *= 1.3 if taken[i] > 40 else 0.75
                taken[i] = 0
        if k >= draws // 5:
            f = current[1:]
            row = list(f)
            if products:
                row += [a * b for i, a in enumerate(f) for b in f[i:]]
            row += [abs(x) for x in row]
            batch = [a + b for a, b in zip(batch, row)] if batch else row
            if (k - draws // 5) % size == size - 1:
                batches.append([b / size for b in batch])
                batch = []
    count = len(batches[0]) // 2
    mean = [sum(b[i] for b in batches) / len(batches) for i in range(2 * count)]
    error = [
        math.sqrt(sum((b[i] - mean[i]) ** 2 for b in batches) / (len(batches) * (len(batches) - 1)))
        for i in range(count)
    ]
    return Moments(mean[:count], mean[count:], [4 * e for e in error], "monte carlo")


def expect(density: Density, function: sympy.Expr, point: Point) -> tuple[float, float]:
    """E[f] at a point and the tolerance to compare with, factor by factor where coordinates are independent."""
    parts = density.factors()
    if len(parts) == 1:
        m = moments(density, [function], point)
        relative = _RELATIVE if len(density.axes) < 3 else 1e-3
        return m.values[0], relative * m.magnitudes[0] + 3 * m.errors[0] + 1e-9
    total, slack = 0.0, 0.0
    for term in sympy.Add.make_args(sympy.expand(function)):
        rest = term
        value, scale = 1.0, 1.0
        for part in parts:
            group, rest = _own(rest, part.sample)
            if group == 1:
                continue
            m = moments(part, [group], point)
            value *= m.values[0]
            scale *= m.magnitudes[0] + m.errors[0] / _RELATIVE
        if rest.has(*density.sample):
            raise NumericFailure("a function of coordinates of several factors")
        c = number(rest, point)
        total += c * value
        slack += abs(c) * scale * _RELATIVE
    return total, slack + 1e-9


def _own(term: sympy.Expr, symbols: Sequence[sympy.Symbol]) -> tuple[sympy.Expr, sympy.Expr]:
    rest, own = term.as_independent(*symbols, as_Add=False)
    return own, rest


def _precisely(density: Density, function: sympy.Expr, point: Point) -> float | None:
    """The same integral with more digits and other nodes; a divergent one depends on where the nodes end."""
    if len(density.axes) > 1:
        return None if len(density.factors()) > 1 else _finer(density, function, point)
    try:
        return float(moments(density, [function], point, digits=11, levels=6).values[0])
    except (NumericFailure, ArithmeticError, ValueError, TypeError):
        return None


def _finer(density: Density, function: sympy.Expr, point: Point) -> float | None:
    if len(density.axes) > 2:
        return None
    try:
        return float(moments(density, [function], point, levels=5).values[0])
    except (NumericFailure, ArithmeticError, ValueError, TypeError):
        return None


def differing_points(points: Sequence[Point]) -> list[Point]:
    """The first point, and the one whose signs differ most from it: a closed form must hold for all signs."""
    if not points:
        return []
    first = points[0]
    undecided = [s for s in first if not (s.is_positive or s.is_negative)]

    def differences(p: Point) -> int:
        return sum((p[s] > 0) != (first[s] > 0) for s in undecided)

    other = max(points, key=differences)
    return [first, other] if differences(other) else [first]


def confirm_everywhere(density: Density, function: sympy.Expr, closed: sympy.Expr, points: Sequence[Point]) -> None:
    """Confirm at a first point and at one with other signs of the parameters, each with the rest as substitutes.

    Raises:
        Disagreement: the numbers differ.
        NumericFailure: no point gave a number to compare with.
    """
    chosen = differing_points(points)
    rest = [p for p in points if p not in chosen]
    confirm(density, function, closed, [*chosen[:1], *rest])
    for point in chosen[1:]:
        try:
            confirm(density, function, closed, [point])
        except NumericFailure:
            continue


def confirm(density: Density, function: sympy.Expr, closed: sympy.Expr, points: Sequence[Point]) -> None:
    """Hold a closed form of E[f] against quadrature.

    Raises:
        Disagreement: the numbers differ.
        NumericFailure: no point gave a number to compare with.
    """
    failure: Exception = NumericFailure("no interior point")
    mismatches: list[tuple[Point, float, float]] = []
    for point in points:
        try:
            reference, slack = expect(density, function, point)
        except (NumericFailure, ArithmeticError, ValueError, TypeError) as e:
            failure = e
            continue
        value = number(closed, point)
        if value != value:
            failure = NumericFailure(f"{closed} has no real value at {point}")
        elif abs(value - reference) <= slack + 1e-7 * abs(reference):
            return
        else:
            mismatches.append((point, value, reference))
            if len(mismatches) == 4:
                break
    # All differ: either the form is wrong, or the integrals are too sharp for floats (or diverge).
    for point, value, reference in mismatches[:2]:
        again = _precisely(density, function, point)
        if again is not None and abs(value - again) <= 1e-6 * abs(again) + 1e-9:
            return
        if again is None or abs(again - reference) > 1e-5 * abs(reference) + 1e-9:
            failure = NumericFailure(f"the integral does not settle at {point}")
            continue
        raise Disagreement(
            f"E[{function}]: the closed form {closed} is {value:.10g} at "
            f"{ {str(k): float(v) for k, v in point.items()} }, quadrature gives {reference:.10g}"
        )
    raise NumericFailure(str(failure))
