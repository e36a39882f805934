"""What every numerical task on an equation starts from: checked arguments, a grid, compiled coefficients."""

from __future__ import annotations

import math
import os
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import sympy

from numerics.boundary import by_axis, sides_of
from numerics.coefficients import Coefficients, check_names, coefficients_of, parameter_values
from numerics.extent import REACH, ROUGH_CELLS
from numerics.fluxes import coarse_mesh, generator, refuse_anisotropy
from numerics.generator import Generator
from numerics.grid import Grid, Spread, infinite, make_grid
from numerics.initial import spread_of
from numerics.singular import refuse_singular
from symrg.errors import InvalidEquation, InvalidGrid
from symrg.fokker_planck import FokkerPlanck

COARSE = 2.0  # numerical diffusion, relative to the physical one, beyond which a mesh is suspect
KEPT_CELLS = 300_000  # generators of larger grids are not kept
MISSED = 1e-3  # share of the cross-diffusion, averaged over the mass, that a positive stencil may leave out
WIDENED = 0.3  # share of the variance that it may make up


@dataclass(eq=False)
class Problem:
    """An equation on a grid with numbers for its parameters.

    Attributes:
        unbounded: whether an axis is infinite.
        rough: what the initial state says about the infinite axes.
        central: the operator of the high-order scheme, kept for the next solve.
    """

    equation: FokkerPlanck
    grid: Grid
    coefficients: Coefficients
    values: tuple[float, ...]
    unbounded: bool = False
    rough: dict[sympy.Symbol, Spread] = field(default_factory=dict)
    central: Any = None

    def generator(self, time: float) -> Generator:
        """The discrete generator at a time."""
        if self.grid.size > KEPT_CELLS or not self.coefficients.autonomous:
            return generator(self.coefficients, self.grid, time, self.values)
        return _kept_generator(self.coefficients, self.grid, self.values)


@lru_cache(maxsize=24)
def _kept_generator(coefficients: Coefficients, grid: Grid, values: tuple[float, ...]) -> Generator:
    """The generator of an autonomous equation, kept for the next solve with the same grid and parameters."""
    return generator(coefficients, grid, 0.0, values)


@lru_cache(maxsize=64)
def _known_symbols(equation: FokkerPlanck, initial: Any) -> tuple[sympy.Symbol, ...]:
    """The symbols that parameters may have values for."""
    known = list(equation.parameters)
    if isinstance(initial, sympy.Basic):
        known += [s for s in initial.free_symbols if s not in equation.coordinates and s != equation.time]
    return tuple(known)


_PROBLEMS: OrderedDict[tuple[Any, ...], Problem] = OrderedDict()
_MOST_PROBLEMS = 16


def make_problem(
    equation: Any,
    domain: Any,
    shape: Any,
    boundary: Any,
    parameters: Mapping[Any, Any] | None,
    initial: Any = None,
    start: float = 0.0,
    states: int = 1,
    spread: dict[sympy.Symbol, Spread] | None = None,
) -> Problem:
    """Check the arguments of a task and build what it needs; what was checked last is remembered by its content.

    Args:
        equation: FokkerPlanck in one to three dimensions.
        domain: an interval or an array of faces for each coordinate.
        shape: cells along each axis.
        boundary: see `boundary.sides_of`.
        parameters: numbers for the parameters of the equation (and of the initial state).
        initial: initial state, for the scale of infinite axes and the names of its parameters.
        start: time of the initial state.
        states: how many states are kept, for the estimate of memory.
        spread: of the infinite axes; None takes it from the initial state.

    Raises:
        InvalidEquation: not a FokkerPlanck, too many dimensions, parameters without a value or unknown ones.
        InvalidGrid: domain, shape or boundary do not fit, or the arrays would not fit into memory.
    """
    if parameters or spread or isinstance(initial, sympy.Basic) or states > 1000:
        return _made(equation, domain, shape, boundary, parameters, initial, start, states, spread)
    try:
        # hashing a SymPy equation takes longer than a small solve: its identity stands for it, and is checked
        key = (id(equation), _content(domain), shape if isinstance(shape, int) else tuple(shape), _content(boundary))
        known = _PROBLEMS.get(key)
    except TypeError:
        return _made(equation, domain, shape, boundary, parameters, initial, start, states, spread)
    if known is None or known.equation is not equation:
        known = _made(equation, domain, shape, boundary, parameters, initial, start, states, spread)
        if known.unbounded or known.grid.size > KEPT_CELLS:
            return known
        _PROBLEMS[key] = known
        while len(_PROBLEMS) > _MOST_PROBLEMS:
            _PROBLEMS.popitem(last=False)
    return known


def _content(given: Any) -> Any:
    """What a domain or boundary says, hashable and with the types of its numbers; TypeError for arrays."""
    if isinstance(given, Mapping):
        return tuple((name, type(name), _content(value)) for name, value in given.items())
    if isinstance(given, (tuple, list)):
        return tuple(value if type(value) in (int, float, str) else (type(value), value) for value in given)
    hash(given)
    return given


def _made(
    equation: Any,
    domain: Any,
    shape: Any,
    boundary: Any,
    parameters: Mapping[Any, Any] | None,
    initial: Any = None,
    start: float = 0.0,
    states: int = 1,
    spread: dict[sympy.Symbol, Spread] | None = None,
) -> Problem:
    """See `make_problem`."""
    if not isinstance(equation, FokkerPlanck):
        raise InvalidEquation(f"expected a FokkerPlanck equation, given {type(equation).__name__}")
    if equation.dimension > 3:
        raise InvalidEquation(
            f"the equation has {equation.dimension} coordinates; grids serve 1, 2 and 3: use numerics.langevin beyond"
        )
    coordinates = equation.coordinates
    if any(c.name in ("time", "mode", "case") for c in coordinates):
        raise InvalidEquation("a coordinate is called 'time', 'mode' or 'case', which name axes of results; rename it")
    check_names(parameters, _known_symbols(equation, initial if isinstance(initial, sympy.Basic) else None))
    values = parameter_values(equation, parameters)
    sides = sides_of(boundary, coordinates)
    _refuse_size(shape, len(coordinates), states)
    intervals = by_axis(domain, coordinates, "domain") if isinstance(domain, Mapping) else {coordinates[0]: domain}
    unbounded = len(intervals) == len(coordinates) and any(infinite(v) for v in intervals.values())
    rough: dict[sympy.Symbol, Spread] = {}
    if unbounded and spread is None:
        rough = spread_of(initial, equation, intervals, parameters, start)
        spread = {c: rough.get(c, Spread.around(0.0, 1.0, REACH)) for c in coordinates}
    grid = make_grid(coordinates, domain, shape, sides, spread)
    _refuse_size(grid.shape, len(coordinates), states)
    coefficients = coefficients_of(equation)
    refuse_singular(coefficients, grid, 0.0 if coefficients.autonomous else start, values)
    return Problem(equation, grid, coefficients, values, unbounded, rough)


def rough_shape(problem: Problem) -> tuple[int | None, ...]:
    """Cells for a rough first solution: many along infinite axes, few along finite ones."""
    cells = ROUGH_CELLS[problem.grid.dimension]
    return tuple(
        cells if a.kind == "mapped" else None if a.kind == "stretched" else min(a.cells, cells)
        for a in problem.grid.axes
    )


def _refuse_size(shape: Any, dimension: int, states: int) -> None:
    try:
        cells = [
            int(n) for n in ((shape,) * dimension if isinstance(shape, (int, np.integer)) else shape) if n is not None
        ]
    except (TypeError, ValueError):
        return  # make_grid says what is wrong
    needed = 8.0 * math.prod(cells) * (states + 24 * dimension)
    if needed < 2**27:
        return
    available = _memory()
    if needed > available:
        raise InvalidGrid(
            f"{' x '.join(map(str, cells))} cells with {states} output times need about {needed / 2**30:.3g} GiB, and "
            f"{available / 2**30:.3g} GiB are free; use fewer cells or output times"
        )


def _memory() -> float:
    """Bytes that can be had without swapping."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return 1024.0 * float(line.split()[1])
    except (OSError, ValueError, IndexError):
        pass
    try:
        return 0.8 * float(os.sysconf("SC_PHYS_PAGES")) * float(os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, OSError, AttributeError):
        return 8.0 * 2**30


def refuse_coarse_mesh(generator: Generator, mass: np.ndarray, when: str, duration: float = math.inf) -> float:
    """Numerical diffusion relative to the physical one, averaged over the mass.

    Raises:
        InvalidGrid: where the mass is, a positive stencil cannot represent the cross-diffusion; or the numerical
            diffusion is so large, and would by itself widen the density so much in that duration, that the answer
            would be that of another equation.
    """
    excess, growth = coarse_mesh(generator, mass)
    grid = generator.grid
    if generator.dropped is not None:
        missed = mass * generator.dropped
        if float(missed.sum()) > MISSED * float(mass.sum()):
            raise refuse_anisotropy(grid, int(missed.argmax()))
    if excess <= COARSE:
        return excess
    for k, axis in enumerate(grid.axes):
        if growth[k] == 0:
            continue
        marginal = mass.sum(axis=tuple(j for j in range(grid.dimension) if j != k)) / mass.sum()
        mean = float((marginal * axis.centres).sum())
        variance = float((marginal * (axis.centres - mean) ** 2).sum())
        if growth[k] * duration > WIDENED * variance:
            factor = math.ceil(math.sqrt(excess))
            raise InvalidGrid(
                f"the mesh {' x '.join(map(str, grid.shape))} is too coarse for the drift {when}: numerical diffusion "
                f"is {excess:.3g} times the physical one where the probability is; use about {factor} times as many "
                f"cells along {axis.symbol}, or faces that are closer together there"
            )
    return excess


def times_of(times: Any, start: Any) -> tuple[np.ndarray, float]:
    """Output times and start as numbers.

    Raises:
        InvalidGrid: not finite, not increasing, or before the start.
    """
    plain = type(times) in (list, tuple) and len(times) == 1 and type(times[0]) is float and type(start) is float
    if plain and math.inf > times[0] >= start > -math.inf:
        return np.array(times), start  # nothing to mend
    try:
        first = float(start)
        wanted = np.atleast_1d(np.asarray([float(t) for t in np.atleast_1d(np.asarray(times, dtype=object))]))
    except (TypeError, ValueError):
        raise InvalidGrid(f"times is {times!r} and start {start!r}; expected numbers") from None
    if wanted.ndim != 1 or not wanted.size or not np.all(np.isfinite(wanted)) or not math.isfinite(first):
        raise InvalidGrid(f"times is {times!r} and start {start!r}; expected a list of finite numbers")
    if np.any(np.diff(wanted) <= 0):
        k = int(np.flatnonzero(np.diff(wanted) <= 0)[0])
        raise InvalidGrid(f"times must increase, but {wanted[k + 1]:g} comes after {wanted[k]:g}; sort them")
    if wanted[0] < first:
        raise InvalidGrid(f"the time {wanted[0]:g} lies before the start {first:g}; a density is not evolved backwards")
    return wanted, first


def axis_coordinates(grid: Grid) -> dict[str, np.ndarray]:
    """Coordinates of a DataArray on a grid."""
    return {a.symbol.name: a.centres for a in grid.axes}
