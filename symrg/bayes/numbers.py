r"""Posteriors in numbers: evidence, moments and predictive densities where no integral has a closed form.

Every parameter is mapped to the line (ln of a half line, log-odds of an interval), the weight is centred on its
maximum there and made round by the Cholesky factor of its curvature, and every direction is stretched once more by
sinh, so that algebraic tails decay too. On such integrands the trapezoidal rule converges exponentially. The error
given is ten times the difference to the rule with twice the step, plus what the ends of the range may hold and the
rounding of the exponent.

Source: Takahasi and Mori, Publ. RIMS 9 (1974) 721; Trefethen and Weideman, SIAM Review 56 (2014) 385; Naylor and Smith,
Appl. Statist. 31 (1982) 214 (centring and rounding).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import sympy
from sympy import Expr, ImmutableMatrix

from symrg.bayes.parameter_space import Limits
from symrg.errors import DataError, ImproperDensity, InvalidModel, UndefinedSymbol
from symrg.expectation.numeric import NumericFailure, compiled
from symrg.fisher_numeric import Estimate

if TYPE_CHECKING:
    from symrg.bayes.posterior import Posterior

__all__ = ["PosteriorNumbers", "posterior_numbers"]

_DROP = 40.0  # the weight is followed until it has fallen by e^-40
_FARTHEST = 36.0  # in units of the stretched coordinate: sinh(36) is 2e15
_NODES = {1: 400, 2: 128, 3: 48}
_CAUTION = 10.0  # by which the difference of two rules is multiplied
_MOST = 3
_WIDENINGS = 5


@dataclass(frozen=True)
class _Grid:
    """Nodes in parameter space with the weights of the rule and of the rule with twice the step, and a common scale."""

    nodes: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    coarse: tuple[float, ...]
    log_scale: float
    tail: float  # relative, with the rounding of the exponent

    def total(self) -> tuple[float, float]:
        """(integral, error) in units of exp(log_scale)."""
        fine, rough = math.fsum(self.weights), math.fsum(self.coarse)
        return fine, _CAUTION * abs(fine - rough) + self.tail * fine

    def mean(self, f: Callable[..., float]) -> tuple[float, float]:
        """(E[f], error)."""
        values = [f(*q) if w or c else 0.0 for q, w, c in zip(self.nodes, self.weights, self.coarse)]
        fine = math.fsum(w * v for w, v in zip(self.weights, values)) / math.fsum(self.weights)
        rough = math.fsum(c * v for c, v in zip(self.coarse, values)) / math.fsum(self.coarse)
        return fine, _CAUTION * abs(fine - rough) + (self.tail + 1e-14) * abs(fine)


@dataclass(frozen=True)
class PosteriorNumbers:
    """A posterior with a number for every symbol; each result is an `Estimate` of kind "quadrature".

    Attributes:
        posterior: what it is the numbers of.
        values: symbol -> number.
    """

    posterior: Posterior
    values: Mapping[Any, Any]
    _grid: _Grid

    @property
    def mean(self) -> Estimate:
        """E[theta^i], n x 1."""
        return self.expectation(list(self.posterior.parameters))

    @property
    def covariance(self) -> Estimate:
        """Cov(theta^i, theta^j), n x n."""
        theta = self.posterior.parameters
        m = self.mean.value
        n = len(theta)
        flat = self.expectation([(theta[i] - m[i]) * (theta[j] - m[j]) for i in range(n) for j in range(n)])
        return Estimate(flat.value.reshape(n, n), flat.error.reshape(n, n), flat.kind)

    @property
    def evidence(self) -> Estimate:
        """The integral of prior times likelihood, the prior normalised first, 1 x 1.

        Raises:
            ImproperDensity: the prior has no finite integral.
        """
        found = self.posterior
        prior = sympy.expand_log(sympy.log(found.prior), force=True)
        grid = _grid_of(prior, found, self.values, "the prior, and so the evidence undefined: it")
        (top, top_error), (bottom, bottom_error) = self._grid.total(), grid.total()
        value = sympy.Float(top / bottom, 15) * sympy.exp(sympy.Float(self._grid.log_scale - grid.log_scale, 18))
        relative = top_error / top + bottom_error / bottom + 1e-14
        return _estimate([value], [abs(value) * relative])

    def expectation(self, expressions: Any) -> Estimate:
        """E[f] of an expression, or of each of a list, as a column.

        Raises:
            UndefinedSymbol: a symbol has no value.
        """
        listed = list(expressions) if isinstance(expressions, (list, tuple)) else [expressions]
        found = []
        for e in listed:
            f = _function(sympy.sympify(e, strict=True), self.posterior.parameters, self.values)
            found.append(self._grid.mean(f))
        return _estimate([v for v, _ in found], [d for _, d in found])

    def density(self, place: Any) -> Estimate:
        """The posterior density at a place: a number for each parameter, in order."""
        place = [float(v) for v in (place if isinstance(place, (list, tuple)) else [place])]
        f = _function(self.posterior.log_weight, self.posterior.parameters, self.values)
        total, error = self._grid.total()
        value = math.exp(f(*place) - self._grid.log_scale) / total
        return _estimate([value], [value * (error / total + 1e-13)])

    def predictive(self, observation: Any) -> Estimate:
        """The density of the next observation: a number, or a tuple for a sample of several coordinates."""
        model = self.posterior.model
        y = tuple(model.sample)
        row = tuple(observation) if isinstance(observation, (list, tuple)) else (observation,)
        if len(row) != len(y):
            raise DataError(f"the observation has {len(row)} coordinates, the sample is {list(y)}")
        return self.expectation(sympy.exp(model.log_density).subs(dict(zip(y, row)), simultaneous=True))


def posterior_numbers(posterior: Posterior, values: Mapping[Any, Any] | None = None) -> PosteriorNumbers:
    """The posterior with a number for every symbol.

    Args:
        posterior: with one to three continuous parameters.
        values: symbol -> number, for every symbol other than the parameters.

    Returns:
        PosteriorNumbers.

    Raises:
        UndefinedSymbol: a symbol has no value.
        ImproperDensity: the weight does not fall off in some direction.
        InvalidModel: more than three parameters, or one that is counted or listed: sum over it instead.
    """
    given = {sympy.sympify(k, strict=True): sympy.sympify(v, strict=True) for k, v in (values or {}).items()}
    return PosteriorNumbers(posterior, given, _grid_of(posterior.log_weight, posterior, given, "the posterior"))


# ---------------------------------------------------------------------- inside


def _estimate(values: Sequence[Any], errors: Sequence[Any]) -> Estimate:
    n = len(values)
    return Estimate(
        ImmutableMatrix(n, 1, [sympy.Float(v, 15) for v in values]),
        ImmutableMatrix(n, 1, [sympy.Float(e, 15) for e in errors]),
        "quadrature",
    )


def _function(expression: Expr, parameters: Sequence[Any], values: Mapping[Any, Any]) -> Callable[..., float]:
    body = expression.subs(values)
    if loose := body.free_symbols - set(parameters):
        raise UndefinedSymbol(f"no values for {sorted(loose, key=str)}; give values={{symbol: number}}")
    raw = compiled(list(parameters), body)

    def call(*place: float) -> float:
        try:
            return float(raw(*place))
        except (OverflowError, ZeroDivisionError, ValueError, NumericFailure):
            return -math.inf

    return call


def _grid_of(log_weight: Expr, posterior: Posterior, values: Mapping[Any, Any], what: str) -> _Grid:
    limits = posterior.limits
    if len(limits) > _MOST:
        raise InvalidModel(f"{len(limits)} parameters are too many for a product rule; {_MOST} at most")
    if any(p.is_integer or isinstance(a, sympy.FiniteSet) for p, a, _ in limits):
        raise InvalidModel(
            "a parameter is counted or listed: its posterior is a sum, which .density and .evidence give"
        )
    weigh = _function(log_weight, posterior.parameters, values)
    chart = _Chart(limits, posterior.parameters, values)

    def height(u: Sequence[float]) -> float:
        place, jacobian = chart(u)
        value = weigh(*place) if place is not None else -math.inf
        return value + jacobian if value > -math.inf else -math.inf

    n = len(limits)
    lines = {p for p, a, b in limits if (a, b) == (-sympy.oo, sympy.oo)}
    top, at = _summit(height, n)
    if top == -math.inf:
        raise ImproperDensity(f"{what} vanishes wherever it was tried")
    for p, v in zip(posterior.parameters, at):
        if abs(v) > (1e12 if p in lines else 300):
            raise ImproperDensity(f"{what} is improper: its weight grows without end in {p}; give a proper prior")
    shape = _rounded(height, top, at)

    def stretched(w: Sequence[float]) -> float:
        z = [math.sinh(v) for v in w]
        u = [at[i] + math.fsum(shape[i][j] * z[j] for j in range(i + 1)) for i in range(n)]
        return height(u) + math.fsum(math.log(math.cosh(v)) for v in w)

    ends = [_ends(stretched, k, n, what, limits) for k in range(n)]
    scale = max(stretched([0.0] * n), top)
    for _ in range(_WIDENINGS):
        grid = _nodes(stretched, chart, at, shape, ends, scale)
        if grid.tail < 1e-12 or n == 1:
            break
        ends = [(1.15 * low, 1.15 * high, beyond) for low, high, beyond in ends]
    place, _ = chart(at)
    terms = sympy.Add(*(sympy.Abs(e) for e in sympy.Add.make_args(log_weight)))
    size = _function(terms, posterior.parameters, values)(*place) if place is not None else math.inf
    if math.isfinite(size):
        grid = replace(grid, tail=grid.tail + 4 * sys.float_info.epsilon * size)
    fine, error = grid.total()
    if error > 0.1 * fine:
        raise ImproperDensity(
            f"{what} is improper, or falls off too slowly to tell: the rule gives {fine:.3g} with an error of "
            f"{error:.1g}; give a proper prior, or more data"
        )
    return grid


def _nodes(
    stretched: Callable[[Sequence[float]], float],
    chart: _Chart,
    at: Sequence[float],
    shape: Sequence[Sequence[float]],
    ends: Sequence[tuple[float, float, float]],
    scale: float,
) -> _Grid:
    n = len(ends)
    count = _NODES[n]
    steps = [(high - low) / count for low, high, _ in ends]
    volume = math.prod(shape[i][i] for i in range(n)) * math.prod(steps)
    nodes, weights, coarse, faces = [], [], [], []
    for index in product(range(count + 1), repeat=n):
        w = [ends[k][0] + i * steps[k] for k, i in enumerate(index)]
        value = stretched(w) - scale
        if value < -100:
            continue
        place, _ = chart([at[i] + math.fsum(shape[i][j] * math.sinh(w[j]) for j in range(i + 1)) for i in range(n)])
        if place is None:
            continue
        nodes.append(tuple(place))
        weights.append(math.exp(value) * volume)
        coarse.append(math.exp(value) * volume * 2**n if all(i % 2 == 0 for i in index) else 0.0)
        if any(i in (0, count) for i in index):
            faces.append(weights[-1])
    tail = math.fsum(math.exp(e) for *_, e in ends) + count * math.fsum(faces) / math.fsum(weights)
    return _Grid(tuple(nodes), tuple(weights), tuple(coarse), scale, tail)


class _Chart:
    """From the line to parameter space, outer limits first, with the logarithm of the Jacobian."""

    def __init__(self, limits: Limits, parameters: Sequence[Any], values: Mapping[Any, Any]):
        self.order: list[tuple[int, Callable[..., float], Callable[..., float]]] = []
        symbols = list(parameters)
        for p, a, b in reversed(limits):
            self.order.append((symbols.index(p), self._end(a, symbols, values), self._end(b, symbols, values)))
        self.size = len(symbols)

    @staticmethod
    def _end(limit: Expr, symbols: Sequence[Any], values: Mapping[Any, Any]) -> Callable[..., float]:
        if limit.subs(values).free_symbols:
            return _function(limit, symbols, values)
        fixed = float(limit.subs(values))
        return lambda *_: fixed

    def __call__(self, u: Sequence[float]) -> tuple[list[float] | None, float]:
        place, jacobian = [0.0] * self.size, 0.0
        for index, lower, upper in self.order:
            a, b, v = lower(*place), upper(*place), u[index]
            if math.isinf(a) and math.isinf(b):
                place[index] = v
                continue
            if abs(v) > 700 or not a < b:
                return None, 0.0
            if math.isinf(b):
                place[index], jacobian = a + math.exp(v), jacobian + v
            elif math.isinf(a):
                place[index], jacobian = b - math.exp(v), jacobian + v
            else:
                place[index] = a + (b - a) / (1 + math.exp(-v))
                jacobian += math.log(b - a) - abs(v) - 2 * math.log1p(math.exp(-abs(v)))
                if not a < place[index] < b:
                    return None, 0.0
        return place, jacobian


def _summit(height: Callable[[Sequence[float]], float], n: int) -> tuple[float, list[float]]:
    """(value, place) of the maximum: the best of a few starts, then steps along the axes that grow and shrink."""
    starts = product((0.0, -1.0, 1.0, -4.0, 4.0), repeat=n)
    at = max((list(u) for u in starts), key=height)
    top, steps = height(at), [1.0] * n
    for _ in range(400):
        before = list(at)
        for k in range(n):
            for sign in (1, -1):
                moved = list(at)
                moved[k] += sign * steps[k]
                if (value := height(moved)) > top:
                    top, at, steps[k] = value, moved, steps[k] * 2
                    break
            else:
                steps[k] /= 2
        along = [2 * a - b for a, b in zip(at, before)]  # the direction in which both have moved
        if along != at and (value := height(along)) > top:
            top, at = value, along
        if max(steps) < 1e-4 or any(abs(v) > 1e12 for v in at):
            break
    return top, at


def _rounded(height: Callable[[Sequence[float]], float], top: float, at: Sequence[float]) -> list[list[float]]:
    """L with L L^T the inverse of the curvature, from second differences over the width of the weight."""
    n = len(at)

    def moved(*shifts: tuple[int, float]) -> float:
        place = list(at)
        for k, d in shifts:
            place[k] += d
        return height(place)

    width = []
    for k in range(n):
        d = 1.0
        while d > 1e-12 and (top - moved((k, d)) > 1 or top - moved((k, -d)) > 1):
            d /= 2
        while d < 1e12 and top - moved((k, d)) < 0.25 and top - moved((k, -d)) < 0.25:
            d *= 2
        width.append(d)
    scaled = sympy.zeros(n, n)
    for i in range(n):
        drop = 2 * top - moved((i, width[i])) - moved((i, -width[i]))
        scaled[i, i] = min(max(drop, 0.05), 50.0)
    for i in range(n):
        for j in range(i):
            a, b = width[i], width[j]
            mixed = (
                moved((i, a), (j, -b)) + moved((i, -a), (j, b)) - moved((i, a), (j, b)) - moved((i, -a), (j, -b))
            ) / 4
            bound = 0.95 * math.sqrt(scaled[i, i] * scaled[j, j])
            scaled[i, j] = scaled[j, i] = min(max(mixed, -bound), bound) if math.isfinite(mixed) else 0.0
    try:
        factor = scaled.inv().cholesky()
    except (ValueError, sympy.matrices.exceptions.NonPositiveDefiniteMatrixError):
        factor = sympy.diag(*(1 / sympy.sqrt(scaled[i, i]) for i in range(n)))
    return [[float(factor[i, j]) * width[i] for j in range(n)] for i in range(n)]


def _ends(
    stretched: Callable[[Sequence[float]], float], k: int, n: int, what: str, limits: Limits
) -> tuple[float, float, float]:
    """(lower, upper, log of what is left beyond) along one direction."""
    centre = stretched([0.0] * n)
    found = []
    for sign in (-1, 1):
        far, fallen = 0.5, 0.0
        while far < _FARTHEST:
            w = [0.0] * n
            w[k] = sign * far
            fallen = centre - stretched(w)
            if fallen > _DROP:
                break
            far += 0.25
        if fallen < 12:
            raise ImproperDensity(
                f"{what} is improper: its weight does not fall off along direction {k + 1} of "
                f"{[p for p, _, _ in limits]}; give a proper prior, or more data"
            )
        found.append((far, -fallen))
    (low, a), (high, b) = found
    return -low, high, math.log(math.exp(a) + math.exp(b)) if max(a, b) > -700 else -700.0
