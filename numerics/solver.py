"""Densities of Fokker-Planck equations on grids: evolution in time, and the steady state."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import sympy

from numerics.backward import mean_first_passage_time
from numerics.extent import REACH, refuse_escape, settled
from numerics.generator import neighbour
from numerics.grid import Grid, Spread
from numerics.initial import project
from numerics.problem import COARSE, Problem, axis_coordinates, make_problem, refuse_coarse_mesh, rough_shape, times_of
from numerics.progress import Progress
from numerics.stepping import THREADS, Record, adaptive, exponential, magnus_step, strang_step
from symrg.errors import InvalidGrid, SolverFailure
from symrg.fokker_planck import FokkerPlanck

__all__ = ["mean_first_passage_time", "solve", "steady_state"]

NEGLIGIBLE = 1e-3  # negative share of the mass with which a steady state of third order is kept (and cut off)
SCHEMES = ("auto", "positive", "extrapolated", "high-order")


def solve(
    equation: FokkerPlanck,
    domain: Any,
    shape: Any = None,
    initial: Any = None,
    times: Any = (1.0,),
    *,
    start: float = 0.0,
    boundary: Any = "reflecting",
    parameters: Mapping[Any, Any] | None = None,
    tolerance: float = 1e-4,
    scheme: str = "auto",
    threads: int = 1,
    estimate_grid_error: bool = False,
    progress: bool | None = None,
):
    """The density of a Fokker-Planck equation at given times.

    Args:
        equation: in 1, 2 or 3 coordinates; drift and diffusion may depend on position and time, the diffusion matrix
            may be full, and singular.
        domain: {coordinate: (a, b)}, infinite ends allowed, or {coordinate: increasing array of cell faces}.
        shape: cells along each axis, in the order of the coordinates (None where faces are given).
        initial: density at `start`: a SymPy expression (it may contain parameters, and the time, which is set to
            `start`), a function of the coordinate arrays, or an array of that shape.
        times: increasing output times, none before `start`.
        start: time of the initial density.
        boundary: "reflecting", "absorbing" or "periodic", a pair (lower, upper), or {coordinate: kind or pair}.
        parameters: a number for every other symbol, by Symbol or name.
        tolerance: error of the time integration at each output time, as integral of |p - exact| on this grid, for an
            initial mass of one. The error of the grid itself is second order in its spacing and not part of it.
        scheme: "positive", which "auto" takes: positive rates, second order in space; densities stay non-negative,
            mass is conserved to rounding, and where the current can vanish the stationary density is exact at the
            centres; where the equation does not depend on time, time is exact: exponentials along the axes, or a
            Chebyshev expansion where that is cheaper than split steps. "extrapolated": the positive scheme on grids of
            n, n/2 and n/4 cells, extrapolated to sixth order for smooth densities; `tolerance` is that of the time
            integration, `attrs["error_estimate"]` includes the grid's; where the grids do not agree as second order
            says, nothing is extrapolated; a limiter keeps the density non-negative and the mass. "high-order":
            eighth-order central differences of the flux on uniform grids; for smooth densities that vanish at
            reflecting sides; mass is conserved, positivity is not guaranteed.
        threads: how many sweep a plane or spatial grid together (positive scheme); results do not depend on it.
        estimate_grid_error: solve on every second face too, and put the difference that Richardson's rule makes of it
            into `attrs["grid_error_estimate"]` (positive scheme, even numbers of cells).
        progress: show a progress bar: None decides (a terminal, and longer than two seconds).

    Returns:
        xarray.DataArray named "density", dims ("time", coordinates..), at the cell centres. `attrs` says the scheme,
        what it guarantees, the error estimate, the mass at each time, the minimum, and how many steps were taken. An
        interrupt (Ctrl-C) returns the times that were reached, with "interrupted" in `attrs`.

    Raises:
        InvalidEquation: coefficients that are not finite, a diffusion that is not positive semidefinite, parameters
            without a value.
        InvalidGrid: domain, shape, boundary or times that do not fit, a mesh too coarse for the drift, or too large.
        InvalidState: an initial density that is negative, not finite, without mass, or off the grid.
        SolverFailure: the tolerance could not be reached.
    """
    wanted, first = times_of(times, start)
    if scheme not in SCHEMES:
        raise InvalidGrid(f"scheme is {scheme!r}; expected one of {', '.join(SCHEMES)}")
    if not (isinstance(tolerance, (int, float)) and 0 < tolerance < 1):
        raise InvalidGrid(f"tolerance is {tolerance!r}; expected a number between 0 and 1")
    problem = make_problem(equation, domain, shape, boundary, parameters, initial, first, len(wanted))
    if problem.unbounded:
        spread = _extent(problem, domain, boundary, parameters, initial, wanted, first)
        problem = make_problem(equation, domain, shape, boundary, parameters, initial, first, len(wanted), spread)
    density = project(initial, equation, problem.grid, first, parameters, scheme == "extrapolated")
    if scheme == "high-order":
        from numerics.central import evolve_central as evolve
    elif scheme == "extrapolated":
        from numerics.extrapolation import evolve_extrapolated as evolve
    else:
        evolve = _evolve_positive
    if not isinstance(threads, (int, np.integer)) or threads < 1:
        raise InvalidGrid(f"threads is {threads!r}; expected a whole number from 1")
    token = THREADS.set(int(threads))
    try:
        result = _collected(problem, density, wanted, first, tolerance, evolve, progress)
        if estimate_grid_error and scheme in ("auto", "positive") and "interrupted" not in result.attrs:
            result.attrs["grid_error_estimate"] = _grid_error(
                problem, result, boundary, parameters, initial, wanted, first, tolerance
            )
        return result
    finally:
        THREADS.reset(token)


def _extent(problem, domain, boundary, parameters, initial, wanted, first):
    """Where infinite axes need cells, from rough solutions that start from the same state."""
    if not isinstance(initial, sympy.Basic) and not callable(initial):
        return None  # an array was made for the grid that is taken when nothing is known
    known = {a.symbol: problem.rough.get(a.symbol, Spread.around(0.0, 1.0, REACH)) for a in problem.grid.axes}
    span = float(wanted[-1]) - first
    between = first + span * np.array([2.0**-k for k in range(2, 12)] + [0.375, 0.5, 0.625, 0.75, 0.875])
    looks = np.unique(np.concatenate([[first], between, wanted])) if span > 0 else wanted

    def rough(spread):
        shape = rough_shape(problem)
        small = make_problem(problem.equation, domain, shape, boundary, parameters, initial, first, 1, spread)
        density = project(initial, problem.equation, small.grid, first, parameters)
        silent = _evolve_positive(small, density, looks, first, 1e-2, lambda now, state=None: None, {}, rough=True)
        return small.grid, list(silent)

    return settled(rough, known)


def stationary_problem(equation, domain, shape, boundary, parameters, time, function=None):
    """The problem of a task without an initial state; infinite axes have cells where the stationary density is.

    Where every density runs off there is none, and the cells lie around zero.
    """
    problem = make_problem(equation, domain, shape, boundary, parameters, function, time)
    if not problem.unbounded:
        return problem
    try:
        spread = _stationary_extent(problem, domain, parameters, time)
    except (SolverFailure, InvalidGrid):
        return problem
    return make_problem(equation, domain, shape, boundary, parameters, function, time, 1, spread)


def _stationary_extent(problem, domain, parameters, time):
    known = {a.symbol: Spread.around(0.0, 1.0, REACH) for a in problem.grid.axes}
    sides = {a.symbol: "periodic" if a.sides.periodic else "reflecting" for a in problem.grid.axes}

    def rough(spread):
        shape = rough_shape(problem)
        small = make_problem(problem.equation, domain, shape, sides, parameters, None, time, 1, spread)
        mass, _ = _stationary(small.generator(time))
        return small.grid, [mass / small.grid.volumes]

    return settled(rough, known)


def _grid_error(problem, result, boundary, parameters, initial, wanted, first, tolerance) -> float:
    """L1 distance from the solution on every second face at the last time, over 3 (second order in space).

    Raises:
        InvalidGrid: an axis has an odd number of cells.
    """
    grid = problem.grid
    if any(n % 2 or n < 8 for n in grid.shape):
        raise InvalidGrid(
            f"the grid error is estimated from every second face; shape {grid.shape} must be even, 8 or more"
        )
    faces = {a.symbol: a.faces[::2] for a in grid.axes}
    coarse = make_problem(problem.equation, faces, None, boundary, parameters, initial, first)
    if isinstance(initial, sympy.Basic) or callable(initial):
        density = project(initial, problem.equation, coarse.grid, first, parameters)
    else:
        mass = np.asarray(initial, dtype=float) * grid.volumes
        for k in range(grid.dimension):
            mass = np.add.reduceat(mass, np.arange(0, grid.shape[k], 2), axis=k)
        density = mass / coarse.grid.volumes
    *_, last = _evolve_positive(
        coarse, density, wanted[-1:], first, tolerance, lambda now, state=None: None, {}, rough=True
    )
    from scipy.interpolate import CubicSpline

    fine = result.values[-1]
    for k, (axis, wide) in enumerate(zip(grid.axes, coarse.grid.axes)):
        fine = CubicSpline(axis.centres, fine, axis=k)(wide.centres)
    return float((np.abs(fine - last) * coarse.grid.volumes).sum()) / 3


def _collected(problem: Problem, density, wanted, first, tolerance, evolve, progress):
    grid = problem.grid
    states: list[np.ndarray] = []
    masses: list[float] = []
    attributes: dict[str, Any] = {}
    with Progress("solving", first, float(wanted[-1]), progress) as bar:
        try:
            for state in evolve(problem, density, wanted, first, tolerance, bar, attributes):
                refuse_escape(grid, state, float(wanted[len(states)]), tolerance)
                states.append(state)
                masses.append(float(np.vdot(state, grid.volumes)))
        except KeyboardInterrupt:
            wanted = wanted[: len(states)]
            if bar.latest is not None and (not states or bar.latest[0] > wanted[-1]):
                # the last complete step lies between two output times
                states.append(bar.latest[1]())
                masses.append(float((states[-1] * grid.volumes).sum()))
                wanted = np.append(wanted, bar.latest[0])
            if not states:
                raise
            attributes["interrupted"] = f"after time {wanted[-1]:.6g}"
    values = np.stack(states)
    attributes["mass"] = masses
    attributes["minimum"] = float(values.min())
    attributes["tolerance"] = float(tolerance)
    attributes["start"] = first
    result = _labelled(grid, tuple(wanted[: len(states)].tolist()), values)
    result.attrs.update(attributes)
    return result


def _labelled(grid: Grid, times: tuple[float, ...], values: np.ndarray):
    """A DataArray of densities; its coordinates are copied from an earlier one, faster than by xarray's `copy`."""
    from xarray import DataArray, Variable

    frame = _frame(grid, times)
    try:
        return DataArray(
            Variable(frame.dims, values, fastpath=True),
            {name: variable.copy(deep=False) for name, variable in frame._coords.items()},
            name="density",
            indexes=frame._indexes,
            fastpath=True,
        )
    except (AttributeError, TypeError, ValueError):  # another xarray
        return frame.copy(deep=False, data=values)


@lru_cache(maxsize=16)
def _frame(grid: Grid, times: tuple[float, ...]):
    """An empty result: making its coordinates takes xarray longer than solving a small problem takes us."""
    from xarray import DataArray

    return DataArray(
        np.broadcast_to(0.0, (len(times), *grid.shape)),
        dims=("time", *(a.symbol.name for a in grid.axes)),
        coords={"time": np.array(times), **axis_coordinates(grid)},
        name="density",
    )


def _evolve_positive(problem: Problem, density, wanted, first, tolerance, tick, attributes, rough=False):
    """Yield the density at each wanted time; fill `attributes`."""
    grid, coefficients = problem.grid, problem.coefficients
    mass = density * grid.volumes
    generator = problem.generator(first)
    span = float(wanted[-1]) - first
    excess = 0.0
    if not rough and (generator.most_numerical > COARSE or generator.dropped is not None):
        excess = refuse_coarse_mesh(generator, mass, f"at time {first:g}", span)
    record = Record()
    scale = float(mass.sum())
    total = scale if generator.closed else None
    attributes["guarantees"] = "non-negative; " + (
        "mass conserved to rounding" if generator.closed else "mass lost only through absorbing sides"
    )
    attributes["order"] = "2 in space"
    rings = [a.sides.periodic for a in grid.axes]
    now = first
    expanded = None
    if generator.separable and coefficients.autonomous:
        attributes["scheme"] = "positive: exponentially fitted fluxes, exponential of the generator"
    elif generator.separable:
        attributes["scheme"] = "positive: exponentially fitted fluxes, commutator-free Magnus steps of order 4"
    elif (
        coefficients.autonomous
        and not generator.advected
        and (expanded := _expansion(generator, wanted, first, tolerance))
    ):
        attributes["scheme"] = "positive: exponentially fitted fluxes, Chebyshev expansion of the exponential"
    else:
        carried = any(d.speed is not None for d in generator.directions)
        attributes["scheme"] = (
            "positive: exponentially fitted fluxes"
            + (", conservative advection where there is no diffusion" if carried else "")
            + ", Strang sweeps of order 2"
        )

    def report(when: float, state: np.ndarray) -> None:
        tick(when, lambda: state.reshape(grid.shape) / grid.volumes)

    def magnus(state: np.ndarray, t: float, h: float) -> np.ndarray | None:
        return magnus_step(lambda s: problem.generator(s).along_axes, rings, state, t, h)

    def strang(state: np.ndarray, t: float, h: float) -> np.ndarray:
        at = generator if coefficients.autonomous else problem.generator(t + 0.5 * h)
        return strang_step(at, state.ravel(), h, record).reshape(grid.shape)

    for time in wanted:
        time = float(time)
        if time > now:
            if generator.separable and coefficients.autonomous:
                mass = exponential(generator, mass, time - now, tolerance, record)
            elif generator.separable:
                mass = adaptive(magnus, 4, mass, now, time, tolerance, span, total, record, report)
            elif (
                expanded is not None and (later := _expanded(generator, expanded, mass, time - now, record)) is not None
            ):
                mass = later
            else:
                expanded = None
                mass = adaptive(strang, 2, mass, now, time, tolerance, span, total, record, report)
            if not coefficients.autonomous:
                generator = problem.generator(time)
            if not np.all(np.isfinite(mass)):
                raise SolverFailure(f"the density is no longer finite at time {time:g}")
            if not rough:
                excess = max(excess, refuse_coarse_mesh(generator, mass, f"at time {time:g}", span))
            now = time
            tick(now)
        attributes["error_estimate"] = float(record.error)
        attributes["steps"] = int(record.steps)
        attributes["rejected"] = int(record.rejected)
        attributes["clipped"] = float(record.lowest)
        attributes["numerical_diffusion"] = float(excess)
        yield mass / grid.volumes


def _expansion(generator, wanted, first, tolerance):
    """See `expansion.worthwhile`; its kernel is loaded where an equation asks for it."""
    from numerics.expansion import worthwhile

    return worthwhile(generator, wanted, first, tolerance)


def _expanded(generator, expansion, mass, duration, record):
    from numerics.expansion import expand

    return expand(generator, expansion, mass, duration, record)


def steady_state(
    equation: FokkerPlanck,
    domain: Any,
    shape: Any = None,
    *,
    boundary: Any = "reflecting",
    parameters: Mapping[Any, Any] | None = None,
    time: float = 0.0,
):
    """The stationary density, normalised to one, by solving for it rather than by waiting.

    Where every edge of the grid can be in detailed balance (no stationary current) it is a product of ratios of rates,
    exact to rounding; elsewhere it is the null vector of the sparse generator.

    Args:
        equation: autonomous, or frozen at `time`.
        domain: see `solve`.
        shape: see `solve`.
        boundary: reflecting or periodic sides; through an absorbing side everything leaves in the end.
        parameters: a number for every parameter.
        time: at which coefficients that depend on time are frozen.

    Returns:
        xarray.DataArray named "density", dims the coordinates; `attrs` has the largest residual rate of change.

    Raises:
        InvalidEquation: see `solve`.
        InvalidGrid: see `solve`; or a side absorbs.
        SolverFailure: the stationary density is not unique on this grid.
    """
    problem = stationary_problem(equation, domain, shape, boundary, parameters, float(time))
    grid = problem.grid
    generator = problem.generator(float(time))
    if not generator.closed:
        raise InvalidGrid(
            "a side is absorbing, so every density decays to zero; use reflecting or periodic sides, or ask "
            "numerics.spectrum for the slowest mode"
        )
    mass, method = _stationary(generator)
    matrix = generator.matrix(sharp="third" in method)
    residual = float(np.abs(matrix @ mass.ravel()).sum())
    excess = refuse_coarse_mesh(generator, mass, "of the stationary state")
    refuse_escape(grid, mass / grid.volumes, float(time), 1e-3)
    from xarray import DataArray

    return DataArray(
        mass / grid.volumes,
        dims=tuple(a.symbol.name for a in grid.axes),
        coords=axis_coordinates(grid),
        name="density",
        attrs={"method": method, "residual": residual, "mass": float(mass.sum()), "numerical_diffusion": excess},
    )


def _stationary(generator) -> tuple[np.ndarray, str]:
    """The stationary mass and how it was found."""
    if generator.advected:
        sharp = _null_vector(generator, generator.matrix(sharp=True))
        if -np.minimum(sharp, 0.0).sum() <= NEGLIGIBLE:
            sharp = np.maximum(sharp, 0.0)
            return sharp / sharp.sum(), "null vector of the sparse generator, advection of third order"
    balanced = balanced_mass(generator)
    if balanced is not None:
        return balanced, "detailed balance: products of ratios of rates"
    mass = np.maximum(_null_vector(generator, generator.matrix()), 0.0)
    return mass / mass.sum(), "null vector of the sparse generator"


def _null_vector(generator, matrix) -> np.ndarray:
    """Solve L m = 0 with one equation replaced by the normalisation, and refine once."""
    import scipy.sparse
    import scipy.sparse.csgraph
    import scipy.sparse.linalg

    n = matrix.shape[0]
    matrix.eliminate_zeros()
    count, labels = scipy.sparse.csgraph.connected_components(matrix, directed=True, connection="strong")
    closed = np.ones(count, bool)
    coo = matrix.tocoo()
    leaving = (labels[coo.row] != labels[coo.col]) & (coo.data > 0)
    closed[labels[coo.col[leaving]]] = False
    if closed.sum() != 1:
        raise SolverFailure(
            f"the stationary density is not unique: {int(closed.sum())} parts of the grid exchange no probability"
        )
    try:
        # two long implicit Euler steps find where the mass is; the cell with most of it becomes the anchor
        step = 1e10 / generator.fastest
        factor = scipy.sparse.linalg.splu(scipy.sparse.identity(n, format="csc") - step * matrix)
        rough = factor.solve(factor.solve(np.full(n, 1.0 / n)))
        anchor = int(np.argmax(np.where(closed[labels], rough, -1.0)))
        keep = np.arange(n) != anchor
        inner = matrix[keep][:, keep].tocsc()
        source = -np.asarray(matrix[keep][:, [anchor]].todense()).ravel()
        factor = scipy.sparse.linalg.splu(inner)
        solution = factor.solve(source)
        solution += factor.solve(source - inner @ solution)
    except RuntimeError as reason:
        raise SolverFailure(f"the stationary equations are singular on this grid: {reason}") from None
    mass = np.empty(n)
    mass[anchor] = 1.0
    mass[keep] = solution
    if not np.all(np.isfinite(mass)):
        raise SolverFailure("the stationary equations have no finite solution on this grid; use a smaller domain")
    return (mass / mass.sum()).reshape(generator.grid.shape)


def balanced_mass(generator) -> np.ndarray | None:
    """The mass for which every edge is in detailed balance, or None where there is none."""
    grid = generator.grid
    logarithm = np.zeros(grid.shape)
    axes = {d.step: k for k, d in enumerate(generator.directions)}
    for k in range(grid.dimension):
        which = axes.get(tuple(int(j == k) for j in range(grid.dimension)))
        if which is None:
            return None
        forward, backward, _ = (a.reshape(grid.shape) for a in generator.flat(which))
        # along axis k, in the sheet where all later coordinates are at their first cell
        sheet = (slice(None),) * k + (slice(0, -1),) + (0,) * (grid.dimension - k - 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            steps = np.log(forward[sheet]) - np.log(backward[sheet])
        if not np.all(np.isfinite(steps)):
            return None
        rise = np.concatenate([np.zeros((*steps.shape[:-1], 1)), np.cumsum(steps, axis=-1)], axis=-1)
        logarithm += rise.reshape(rise.shape + (1,) * (grid.dimension - k - 1))
    mass = np.exp(logarithm - logarithm.max())
    mass /= mass.sum()
    index = np.indices(grid.shape).reshape(grid.dimension, -1)
    flat = mass.ravel()
    for k, direction in enumerate(generator.directions):
        forward, backward, _ = generator.flat(k)
        places, inside = neighbour(index, direction.step, grid)
        target = np.ravel_multi_index(places, grid.shape)
        there, back = (forward * flat)[inside], (backward * flat[target])[inside]
        if np.any(np.abs(there - back) > 1e-9 * (there + back)):
            return None
    return mass
