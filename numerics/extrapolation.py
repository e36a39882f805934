"""The positive scheme on two or three grids at once, extrapolated in the mesh width and the step.

On grids of n, n/2 and n/4 cells, with steps that are halved as the cells are, the error of a smooth solution is a sum
of even powers of the mesh width, so Romberg's rule removes the first two of them. What has to be interpolated between
the grids are differences of solutions, which are small themselves. Where the differences do not shrink as second order
says, nothing is extrapolated and the solution of the finest grid stands. An extrapolated density can dip below zero; a
limiter cuts that off and restores the mass.

Source: Marchuk, Shaidurov, Difference Methods and Their Extrapolations (1983), ch. 1, 4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from numerics.expansion import Expansion, expand, worthwhile
from numerics.grid import Axis, Grid
from numerics.problem import Problem, refuse_coarse_mesh
from numerics.stepping import Record, adaptive, exponential, magnus_step, strang_step
from symrg.errors import InvalidGrid, SolverFailure

FEWEST = 8  # cells along an axis of the coarsest grid
SECOND_ORDER = (2.2, 8.0)  # ratio of differences, 4 for second order, within which an extrapolation is trusted
MOST_HALVINGS = 12
POINTS = 8  # of the interpolation between grids
DENSE = 20_000  # entries of a matrix up to which its zeros cost less than looking them up


@dataclass
class Level:
    """One grid with the mass on it."""

    problem: Problem
    mass: np.ndarray

    @property
    def density(self) -> np.ndarray:
        """The density at the centres."""
        return self.mass / self.problem.grid.volumes


def evolve_extrapolated(
    problem: Problem,
    density: np.ndarray,
    wanted: np.ndarray,
    first: float,
    tolerance: float,
    tick: Callable[..., None],
    attributes: dict[str, Any],
) -> Iterator[np.ndarray]:
    """Yield the density at each wanted time; fill `attributes`.

    Raises:
        InvalidGrid: an axis cannot be halved, or has no diffusion.
        SolverFailure: the steps did not settle.
    """
    grid = problem.grid
    if any(n % 2 or n < 2 * FEWEST for n in grid.shape):
        raise InvalidGrid(
            f"scheme='extrapolated' solves on every second cell too; shape {grid.shape} must be even and "
            f"{2 * FEWEST} or more along each axis (multiples of four give two more orders)"
        )
    generator = problem.generator(first)
    if generator.advected:
        raise InvalidGrid("scheme='extrapolated' needs diffusion along every axis; use scheme='positive'")
    levels = [Level(problem, density * grid.volumes)]
    while len(levels) < 3 and all(n % 2 == 0 and n >= 2 * FEWEST for n in levels[-1].problem.grid.shape):
        fine = levels[-1]
        coarse = replace(problem, grid=coarser(fine.problem.grid), central=None)
        values = np.maximum(between(fine.density, fine.problem.grid, coarse.grid), 0.0)
        levels.append(Level(coarse, values * coarse.grid.volumes))
    separable = generator.separable
    attributes["scheme"] = f"extrapolated: positive fluxes on {len(levels)} grids, " + (
        "exponential of the generator"
        if separable and problem.coefficients.autonomous
        else "commutator-free Magnus steps of order 4"
        if separable
        else "Strang sweeps halved with the cells"
    )
    expansions = _expansions(levels, wanted, first, tolerance)
    if expansions:
        attributes["scheme"] = attributes["scheme"].replace(
            "Strang sweeps halved with the cells", "Chebyshev expansion of the exponential"
        )
    attributes["guarantees"] = (
        "non-negative by a limiter (see limited); mass "
        + ("conserved to rounding" if generator.closed else "lost only through absorbing sides")
        + "; the scheme is not monotone"
    )
    total = float(levels[0].mass.sum()) if generator.closed else None
    record, pieces, error, limited = Record(), 1, 0.0, 0.0
    span = float(wanted[-1]) - first
    now, latest = first, density
    for time in map(float, wanted):
        if time > now:
            if separable:
                for level in levels:
                    level.mass = _along_axes(level, now, time, 0.1 * tolerance, span, record)
            elif not (expansions and _expanded(levels, expansions, time - now, record)):
                expansions = []
                pieces = _swept(levels, now, time, tolerance, span, pieces, record)
            latest, order, estimate = romberg(levels)
            latest, cut = limit(latest, grid, total)
            error, limited = max(error, estimate + 2 * cut), max(limited, cut)
            attributes["order"] = f"{order} in space"
            excess = refuse_coarse_mesh(generator, levels[0].mass, f"at time {time:g}", span)
            attributes["numerical_diffusion"] = excess
            now = time
            tick(now)
        if not np.all(np.isfinite(latest)):
            raise SolverFailure(f"the density is no longer finite at time {time:g}")
        attributes["error_estimate"] = float(record.error + error)
        attributes["steps"] = int(record.steps)
        attributes["rejected"] = int(record.rejected)
        attributes["limited"] = limited
        yield latest.copy()


# ------------------------------------------------------------------ between grids


@lru_cache(maxsize=32)
def coarser(grid: Grid) -> Grid:
    """The grid of every second face."""
    axes = []
    for axis in grid.axes:
        faces = axis.faces[::2].copy()
        # a smooth map has the middle of two cells on the face between them
        middle = 0.5 * (faces[1:] + faces[:-1]) if axis.kind == "stretched" else axis.faces[1::2].copy()
        axes.append(Axis(axis.symbol, faces, middle, axis.sides, None, axis.kind, axis.infinite))
    return Grid(tuple(axes))


def between(values: np.ndarray, source: Grid, target: Grid) -> np.ndarray:
    """Values at the centres of one grid, interpolated to those of another of the same domain."""
    for k in range(source.dimension):
        matrix = interpolation(source, target, k)
        if values.ndim == 1:
            values = matrix @ values
            continue
        moved = np.moveaxis(values, k, 0)
        flat = matrix @ np.ascontiguousarray(moved).reshape(moved.shape[0], -1)
        values = np.moveaxis(flat.reshape(-1, *moved.shape[1:]), 0, k)
    return np.ascontiguousarray(values)


@lru_cache(maxsize=64)
def interpolation(source: Grid, target: Grid, k: int) -> Any:
    """Lagrange's polynomial through the nearest centres along axis k, as a matrix, sparse where it is large.

    Through `POINTS` of them where they lie on both sides, and through half as many beside a boundary, where a
    polynomial of high degree would carry small errors outwards.
    """
    import scipy.sparse

    axis, places = source.axes[k], target.axes[k].centres
    known, n = axis.centres, axis.cells
    total = scipy.sparse.csr_matrix((len(places), n))
    beside = np.searchsorted(known, places)
    near = (beside < POINTS // 2) | (beside > n - POINTS // 2)
    if axis.sides.periodic:
        near[:] = False
    for chosen, count in ((near, min(POINTS // 2, n)), (~near, min(POINTS, n))):
        rows = np.flatnonzero(chosen)
        start = beside[rows] - count // 2
        if not axis.sides.periodic:
            start = np.clip(start, 0, n - count)
        index = start[:, None] + np.arange(count)
        x = known[index % n] + (index // n) * axis.length
        weights = np.ones_like(x)
        for i in range(count):
            for j in range(count):
                if j != i:
                    weights[:, i] *= (places[rows] - x[:, j]) / (x[:, i] - x[:, j])
        entries = (weights.ravel(), (np.repeat(rows, count), (index % n).ravel()))
        total = total + scipy.sparse.csr_matrix(entries, shape=total.shape)
    return total.toarray() if total.shape[0] * total.shape[1] <= DENSE else total


def romberg(levels: list[Level]) -> tuple[np.ndarray, int, float]:
    """The extrapolated density on the finest grid, its order, and an estimate of its error (L1, from above).

    The estimate is that of the result with two orders less; where the differences are not those of a second order
    scheme, it is that of the finest grid and nothing is extrapolated.
    """
    grids = [level.problem.grid for level in levels]
    densities = [level.density for level in levels]
    first = between(densities[0], grids[0], grids[1]) - densities[1]
    size = float(np.abs(first * grids[1].volumes).sum())
    if len(levels) == 2:
        return densities[0] + between(first, grids[1], grids[0]) / 3, 4, size / 3
    second = between(densities[1], grids[1], grids[2]) - densities[2]
    ratio = float(np.abs(second * grids[2].volumes).sum()) / max(size, 1e-300)
    mass = float(levels[0].mass.sum())
    if size > 1e-13 * mass and not SECOND_ORDER[0] < ratio < SECOND_ORDER[1]:
        return densities[0], 2, size / 3
    better = densities[0] + between(first, grids[1], grids[0]) / 3
    coarse = densities[1] + between(second, grids[2], grids[1]) / 3
    rest = between(better, grids[0], grids[1]) - coarse
    change = between(rest, grids[1], grids[0]) / 15
    left = float(np.abs(change * grids[0].volumes).sum())
    if left > size / 3:
        return densities[0], 2, size / 3
    return better + change, 6, left


def limit(density: np.ndarray, grid: Grid, total: float | None) -> tuple[np.ndarray, float]:
    """Cut off what is negative and restore the mass; also the share of the mass that was cut."""
    mass = float((density * grid.volumes).sum())
    target = mass if total is None else total
    cut = 0.0
    if density.min() < 0:
        positive = np.maximum(density, 0.0)
        kept = float((positive * grid.volumes).sum())
        cut = (kept - mass) / kept if kept > 0 else 0.0
        density, mass = positive, kept
    return density * (max(target, 0.0) / mass) if mass > 0 else density, cut


# ------------------------------------------------------------------ in time


def _along_axes(level: Level, start: float, stop: float, tolerance: float, span: float, record: Record) -> np.ndarray:
    problem = level.problem
    generator = problem.generator(start)
    if problem.coefficients.autonomous:
        return exponential(generator, level.mass, stop - start, tolerance, record)
    rings = [a.sides.periodic for a in problem.grid.axes]
    total = float(level.mass.sum()) if generator.closed else None
    record.next_step = None
    return adaptive(
        lambda state, t, h: magnus_step(lambda s: problem.generator(s).along_axes, rings, state, t, h),
        4,
        level.mass,
        start,
        stop,
        tolerance,
        span,
        total,
        record,
        lambda when, state: None,
    )


def _expansions(levels: list[Level], wanted: np.ndarray, first: float, tolerance: float) -> list[Expansion]:
    """Expansions of the generators of all levels, where they are constant and no sum over the axes, and it pays."""
    problem = levels[0].problem
    if not problem.coefficients.autonomous or problem.generator(first).separable:
        return []
    found = [worthwhile(level.problem.generator(first), wanted, first, tolerance) for level in levels]
    return [e for e in found if e is not None] if None not in found else []


def _expanded(levels: list[Level], expansions: list[Expansion], duration: float, record: Record) -> bool:
    """Advance all levels by expansions of the exponential; False, and nothing done, where one does not settle."""
    states = []
    for level, found in zip(levels, expansions):
        state = expand(level.problem.generator(0.0), found, level.mass, duration, record)
        if state is None:
            return False
        states.append(state)
    for level, state in zip(levels, states):
        level.mass = state
    return True


def _swept(
    levels: list[Level], start: float, stop: float, tolerance: float, span: float, pieces: int, record: Record
) -> int:
    """Advance all levels by Strang steps; the number of pieces that the first steps had to be cut into.

    The coarsest grid chooses the steps and shows, by Romberg's rule in time alone, whether they are short enough.
    """
    coarsest = levels[-1]
    times = [start]
    loose = Record()
    adaptive(
        lambda state, t, h: _strang(coarsest.problem, state, t, h, loose),
        2,
        coarsest.mass,
        start,
        stop,
        min(max(tolerance ** (1 / 3), 1e-4), 1e-2),
        span,
        None,
        loose,
        lambda when, state: times.append(when),
    )
    finest = 2 ** (len(levels) - 1)
    scale = max(float(coarsest.mass.sum()), 1e-300)
    trials: dict[int, np.ndarray] = {}

    def trial(count: int) -> np.ndarray:
        if count not in trials:
            trials[count] = _steps(coarsest, times, count, record)
        return trials[count]

    for _ in range(MOST_HALVINGS):
        one, two, four = trial(pieces), trial(2 * pieces), trial(4 * pieces)
        once = [(4 * b - a) / 3 for a, b in ((one, two), (two, four))]
        error = float(np.abs(once[1] - once[0]).sum()) / 15 / scale
        if len(levels) == 2:
            error = float(np.abs(once[0] - two).sum()) / 15 / scale
        if error <= 0.5 * tolerance * (stop - start) / span:
            break
        pieces *= 2
    else:
        raise SolverFailure(f"the steps from {start:g} to {stop:g} did not settle to {tolerance:g}")
    record.error += error
    for k, level in enumerate(levels):
        count = pieces * finest >> k
        level.mass = trial(count) if level is coarsest else _steps(level, times, count, record)
    return pieces


def _steps(level: Level, times: list[float], count: int, record: Record) -> np.ndarray:
    """The mass after every interval in `count` equal Strang steps."""
    mass = level.mass
    for begin, end in pairwise(times):
        h = (end - begin) / count
        for k in range(count):
            mass = _strang(level.problem, mass, begin + k * h, h, record)
        record.steps += count
    return mass


def _strang(problem: Problem, mass: np.ndarray, time: float, step: float, record: Record) -> np.ndarray:
    return strang_step(problem.generator(time + 0.5 * step), mass.ravel(), step, record).reshape(problem.grid.shape)
