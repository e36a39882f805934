"""Initial densities on a grid: from an expression, a function or an array, checked."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import sympy

from numerics.coefficients import compiled, values_for
from numerics.fluxes import gauss
from numerics.grid import Grid, Spread, broadcast
from symrg.errors import InvalidState
from symrg.fokker_planck import FokkerPlanck

RESOLVED = 1e-6  # relative difference of mass between values at the centres and cell averages that counts as none
MOST_BOXES = 2_000_000  # boxes that the averages of a rough density are refined to at once
LOOKS = 6  # how often the centre and the width of an initial density are looked for
LOST = 1e-2  # share of a normalised density that may lie off the grid


def project(
    initial: Any,
    equation: FokkerPlanck,
    grid: Grid,
    start: float,
    parameters: Mapping[Any, Any] | None,
    pointwise: bool = False,
) -> np.ndarray:
    """The density in every cell.

    Values at the centres where the grid resolves the density; averages over the cells (Gauss's rule) where these have a
    different mass, as for a box, a cusp or a peak narrower than a cell.

    Args:
        initial: SymPy expression in the coordinates, parameters and time; function of the coordinate arrays; or array.
        equation: the equation, for its coordinates and time.
        grid: the cells.
        start: time at which an expression that contains the time is taken.
        parameters: numbers for the other symbols of the expression.
        pointwise: take the values at the centres of every smooth expression, as extrapolation between grids needs it.

    Raises:
        InvalidState: negative, not finite, without mass on the grid, partly off the grid, or of the wrong shape.
    """
    if isinstance(initial, (sympy.Basic, int, float)) and not isinstance(initial, bool):
        expression = sympy.sympify(initial, strict=True)
        given = frozenset(parameters.items()) if parameters else frozenset()
        return _checked_expression(expression, equation, grid, start, given, pointwise).copy()
    elif callable(initial):
        density = np.broadcast_to(_called(initial, grid.mesh(), grid.shape), grid.shape).copy()
    elif initial is None:
        raise InvalidState("the initial state is missing: give initial=expression, function or array")
    else:
        try:
            density = np.array(_real(initial))
        except InvalidState:
            raise
        except (TypeError, ValueError):
            raise InvalidState(
                f"the initial state is a {type(initial).__name__}; expected a SymPy expression, a function or an array"
            ) from None
        if density.shape != grid.shape:
            raise InvalidState(f"the initial array has shape {density.shape}, the grid {grid.shape}")
    return checked(density, grid)


@lru_cache(maxsize=8)
def _checked_expression(
    expression: sympy.Expr,
    equation: FokkerPlanck,
    grid: Grid,
    start: float,
    parameters: frozenset[tuple[Any, Any]],
    pointwise: bool,
) -> np.ndarray:
    """The values of an expression, kept for the next solve from the same state on the same grid."""
    return checked(_from_expression(expression, equation, grid, start, dict(parameters), pointwise), grid)


def checked(density: np.ndarray, grid: Grid) -> np.ndarray:
    """A density that is finite, non-negative (rounding apart) and has mass.

    Raises:
        InvalidState: it is not.
    """
    lowest, highest = float(density.min()), float(density.max())  # nan if any value is
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        cell = int(np.flatnonzero(~np.isfinite(density.ravel()))[0])
        raise InvalidState(f"the initial density is {density.ravel()[cell]} at {grid.point(cell)}; it must be finite")
    if lowest < -1e-12 * highest or (lowest < 0 and highest <= 0):
        raise InvalidState(
            f"the initial density is negative ({lowest:.6g}) at {grid.point(int(density.argmin()))}; a density is not"
        )
    if lowest < 0:
        density = np.maximum(density, 0.0)
    mass = float(np.vdot(density, grid.volumes))
    if not mass > 1e-280 or not np.isfinite(mass):
        raise InvalidState(
            f"the initial density has mass {mass:.3g} on the grid; is it off the domain, or narrower than a cell?"
        )
    return np.ascontiguousarray(density)


def _function(
    expression: sympy.Expr, equation: FokkerPlanck, start: float, parameters: Mapping[Any, Any] | None
) -> Any:
    known = {*equation.coordinates, equation.time}
    unknown = tuple(sorted(expression.free_symbols - known, key=lambda s: s.name))
    by_name = {c.name: c for c in known}
    for symbol in unknown:
        if symbol.name in by_name:
            raise InvalidState(
                f"the initial state contains a symbol {symbol} that is not the equation's {symbol} (their assumptions "
                "differ); use the same Symbol"
            )
    values = values_for(unknown, parameters, "the initial state")
    kernel = compiled((expression,), (*equation.coordinates, equation.time, *unknown))

    def function(points: Sequence[np.ndarray]) -> np.ndarray:
        with np.errstate(all="ignore"):
            (value,) = kernel(*points, start, *values)
        return _real(value)

    return function


def _real(given: Any) -> np.ndarray:
    """An array of floats.

    Raises:
        InvalidState: a value has an imaginary part.
    """
    array = np.asarray(given)
    if np.iscomplexobj(array):
        if np.any(array.imag != 0):
            raise InvalidState("the initial density is complex; a density is real and not negative")
        array = array.real
    return np.asarray(array, dtype=float)


def _called(function: Any, points: Sequence[np.ndarray], shape: tuple[int, ...] | None = None) -> np.ndarray:
    """What a user's function gives for coordinate arrays.

    Raises:
        InvalidState: it raises, or gives no array of that shape.
    """
    shape = shape or np.broadcast_shapes(*(p.shape for p in points))
    try:
        return np.broadcast_to(_real(function(*points)), shape)
    except InvalidState:
        raise
    except Exception as reason:
        raise InvalidState(
            f"the initial function gave no array of shape {shape} for {len(points)} coordinate arrays: "
            f"{type(reason).__name__}: {reason}"
        ) from reason


def _from_expression(
    expression: sympy.Expr,
    equation: FokkerPlanck,
    grid: Grid,
    start: float,
    parameters: Mapping[Any, Any] | None,
    pointwise: bool,
) -> np.ndarray:
    if expression.has(sympy.DiracDelta):
        raise InvalidState(
            "a delta function has no values on a grid; start from a narrow normal density of a few cells' width, or "
            "from an array with all mass in one cell"
        )
    function = _function(expression, equation, start, parameters)
    density = np.broadcast_to(function(grid.mesh()), grid.shape)
    if not np.all(np.isfinite(density)):
        return density.copy()
    mass = float((density * grid.volumes).sum())
    averages = _averages(function, grid)
    exact = float((averages * grid.volumes).sum())
    resolved = not np.isfinite(exact) or abs(mass - exact) <= RESOLVED * abs(exact)
    if resolved or (pointwise and _smooth(density, averages, grid)):
        chosen, total = density, mass
    else:
        chosen = _refined(function, grid, density, averages)
        total = float((chosen * grid.volumes).sum())
    if abs(total - 1) > LOST and any(not _unbounded(a.symbol, grid) for a in grid.axes):
        _refuse_truncation(function, expression, equation, grid, total)
    return chosen.copy()


def _smooth(density: np.ndarray, averages: np.ndarray, grid: Grid) -> bool:
    """Whether averages differ from the values at the centres as those of a smooth function: by h^2 p'' / 24."""
    inner = (slice(1, -1),) * grid.dimension
    expected = np.zeros(tuple(n - 2 for n in grid.shape))
    for k, axis in enumerate(grid.axes):
        slope = np.gradient(np.gradient(density, axis.centres, axis=k), axis.centres, axis=k)
        laid = axis.widths.reshape([-1 if j == k else 1 for j in range(grid.dimension)])
        expected += (slope * laid**2)[inner] / 24
    difference = (averages - density)[inner]
    missed = float(np.abs((difference - expected) * grid.volumes[inner]).sum())
    return missed <= 0.2 * float(np.abs(difference * grid.volumes[inner]).sum())


def _averages(function: Any, grid: Grid) -> np.ndarray:
    nodes, weights = gauss(3 if grid.dimension < 3 else 2)
    total = np.zeros(grid.shape)
    for picks in itertools.product(range(len(nodes)), repeat=grid.dimension):
        points = broadcast([a.faces[:-1] + nodes[q] * a.widths for a, q in zip(grid.axes, picks)])
        total += np.prod([weights[q] for q in picks]) * function(points)
    return total


def _refined(function: Any, grid: Grid, density: np.ndarray, averages: np.ndarray) -> np.ndarray:
    """Cell averages by adaptive bisection of the cells in which the density is not smooth.

    A box stays in the list while its integral changes when it is halved along every axis; jumps are followed down to
    rounding on a line, and as far as `MOST_BOXES` goes in more dimensions.
    """
    d = grid.dimension
    peak = float(np.abs(density).max() + np.abs(averages).max())
    rough = np.abs(averages - density) > 1e-9 * peak
    for k in range(d):
        steps = np.abs(np.diff(density, axis=k)) > 1e-3 * peak
        pad = [(0, 1) if j == k else (0, 0) for j in range(d)]
        rough |= np.pad(steps, pad) | np.pad(steps, [p[::-1] for p in pad])
    cells = np.flatnonzero(rough.ravel())
    index = np.unravel_index(cells, grid.shape)
    low = np.stack([a.faces[i] for a, i in zip(grid.axes, index)])
    size = np.stack([a.widths[i] for a, i in zip(grid.axes, index)])
    integral = np.zeros(grid.size)
    owner, whole = cells, _box_integrals(function, low, size)
    scale = max(float(np.abs(whole).sum()), float((averages * grid.volumes).sum()))
    for _ in range(60):
        if not owner.size or owner.size * 2**d > MOST_BOXES:
            break
        corners = np.array(list(itertools.product((0.0, 0.5), repeat=d))).T
        lows = (low[:, :, None] + size[:, :, None] * corners[:, None, :]).reshape(d, -1)
        sizes = np.repeat(0.5 * size, 2**d, axis=1)
        parts = _box_integrals(function, lows, sizes)
        sums = parts.reshape(-1, 2**d).sum(axis=1)
        open_ = np.abs(sums - whole) > 1e-13 * scale
        np.add.at(integral, owner[~open_], sums[~open_])
        keep = np.repeat(open_, 2**d)
        low, size, whole, owner = lows[:, keep], sizes[:, keep], parts[keep], np.repeat(owner[open_], 2**d)
    np.add.at(integral, owner, whole)
    flat = averages.ravel().copy()
    flat[cells] = integral[cells] / grid.volumes.ravel()[cells]
    return flat.reshape(grid.shape)


def _box_integrals(function: Any, low: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Integrals over boxes by Gauss's rule of three points along each axis."""
    nodes, weights = gauss(3)
    total = np.zeros(low.shape[1])
    for picks in itertools.product(range(3), repeat=len(low)):
        points = [low[k] + nodes[q] * size[k] for k, q in enumerate(picks)]
        total += np.prod([weights[q] for q in picks]) * function(points)
    return total * size.prod(axis=0)


def _unbounded(symbol: sympy.Symbol, grid: Grid) -> bool:
    return all(a.kind == "mapped" for a in grid.axes if a.symbol == symbol)


def _refuse_truncation(
    function: Any, expression: sympy.Expr, equation: FokkerPlanck, grid: Grid, inside: float
) -> None:
    """Refuse an expression that is a normalised density on the whole space with a part of it off the grid."""
    if not expression.free_symbols & set(equation.coordinates):
        return
    count = {1: 4001, 2: 401, 3: 101}[grid.dimension]
    lines, steps = [], []
    for axis in grid.axes:
        reach = 0.0 if axis.sides.periodic else axis.length
        line = np.linspace(axis.faces[0] - reach, axis.faces[-1] + reach, count)
        lines.append(line)
        steps.append(line[1] - line[0])
    values = np.nan_to_num(np.broadcast_to(function(broadcast(lines)), (count,) * grid.dimension), nan=0.0, posinf=0.0)
    whole = float(values.sum()) * float(np.prod(steps))
    if values.min() >= 0 and abs(whole - 1) < LOST and inside < 1 - LOST:
        raise InvalidState(
            f"only {max(inside, 0.0):.3g} of the initial density, whose mass is 1, lies on the grid; choose a domain "
            "that holds it"
        )


def spread_of(
    initial: Any, equation: FokkerPlanck, domain: Mapping[Any, Any], parameters: Mapping[Any, Any] | None, start: float
) -> dict[sympy.Symbol, Spread]:
    """Mean and standard deviation of an initial state, for axes with infinite ends.

    Args:
        initial: the initial state, an expression or a function; anything else gives no information.
        equation: the equation.
        domain: {coordinate: (a, b)}, every coordinate.
        parameters: numbers for the symbols of the expression.
        start: time at which it is taken.
    """
    if isinstance(initial, sympy.Expr) and not initial.has(sympy.DiracDelta):
        function = _function(initial, equation, start, parameters)
    elif callable(initial) and not isinstance(initial, sympy.Basic):

        def function(points: Sequence[np.ndarray]) -> np.ndarray:
            with np.errstate(all="ignore"):
                return _called(initial, points)

    else:
        return {}
    found: dict[sympy.Symbol, Spread] = {}
    # the first look spans ten decades; the next ones look closer around what was found, until nothing changes
    for _ in range(LOOKS):
        before, found = found, _seen_from(function, equation, domain, found)
        if not found and equation.dimension == 1:
            found = _seen_from(function, equation, domain, {}, 2**20)
        settled = found.keys() == before.keys() and all(
            abs(_scale(found[c]) - _scale(before[c])) <= 1e-2 * _scale(found[c]) for c in found
        )
        if settled:
            break
    return found


def _scale(spread: Spread) -> float:
    return spread.places[0][1]


def _seen_from(
    function: Any,
    equation: FokkerPlanck,
    domain: Mapping[Any, Any],
    known: Mapping[sympy.Symbol, Spread],
    count: int | None = None,
) -> dict[sympy.Symbol, Spread]:
    """Mean and deviation by a sum over points that are dense around what is known."""
    count = count or {1: 65536, 2: 1024, 3: 128}[equation.dimension]
    lines, widths = [], []
    for c in equation.coordinates:
        low, high = float(domain[c][0]), float(domain[c][-1])
        u = (np.arange(count) + 0.5) / count
        centre, scale = known[c].places[0] if c in known else (0.0, math.inf)
        if scale < 0.1 * (abs(centre) + scale):
            v = 12 * (2 * u - 1)
            x, dx = centre + 0.1 * scale * np.sinh(v), 0.1 * scale * np.cosh(v)
            inside = (x > low) & (x < high)
            x, dx = np.where(inside, x, centre), np.where(inside, dx, 0.0)
        elif np.isinf(low) and np.isinf(high):
            v = 24 * (2 * u - 1)
            x, dx = 1e-3 * np.sinh(v), 1e-3 * np.cosh(v)
        elif np.isinf(low) or np.isinf(high):
            v = 16 * (2 * u - 1)
            x = low + np.exp(v) if np.isinf(high) else high - np.exp(v)
            dx = np.exp(v)
        else:
            x, dx = low + (high - low) * u, np.full(count, (high - low) / count)
        lines.append(x)
        widths.append(dx)
    values = np.nan_to_num(np.broadcast_to(function(broadcast(lines)), (count,) * len(lines)), nan=0.0, posinf=0.0)
    weight = np.maximum(values, 0.0)
    for w in broadcast(widths):
        weight = weight * w
    total = weight.sum()
    found = {}
    for k, (c, x) in enumerate(zip(equation.coordinates, lines)):
        marginal = weight.sum(axis=tuple(j for j in range(len(lines)) if j != k))
        if total > 0:
            mean = float((marginal * x).sum() / total)
            deviation = float(np.sqrt(max((marginal * (x - mean) ** 2).sum() / total, 0.0)))
            if not deviation > 0:  # one point alone: narrower than the points are apart
                deviation = float(np.interp(mean, x, np.gradient(x))) if np.all(np.diff(x) > 0) else 0.0
            if deviation > 0:
                found[c] = Spread.around(mean, deviation, 1e4 * deviation)
    return found
