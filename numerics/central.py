"""The high-order scheme: eighth-order central differences of the flux, for smooth densities on uniform grids.

    d_t p = - delta_i(mu^i p - sum_{j != i} delta_j(D^ij p)) + delta_ii(D^ii p)

with values at the cell centres. The differences are those of a periodic grid, so their sum is zero and the mass is
conserved; at reflecting sides the density must have died away, which is checked. The exponential of a constant
generator is a Chebyshev expansion, in as many steps as its departure from symmetry asks for; coefficients that depend
on time take commutator-free Magnus steps of fourth order. Nothing keeps the density positive: `attrs["minimum"]` says
how far it dips.

Source: Fornberg, Math. Comp. 51 (1988) 699 (weights); Tal-Ezer, Kosloff, J. Chem. Phys. 81 (1984) 3967 (expansion).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from numerics.central_kernels import CENTRE, FIRST, SECOND, chebyshev_exponential
from numerics.coefficients import central_components, evaluate
from numerics.grid import Grid
from numerics.problem import KEPT_CELLS, Problem
from numerics.stepping import Record, adaptive
from symrg.errors import InvalidGrid, SolverFailure

LARGEST_TERM = 1e6  # terms of the expansion beyond this cost too many digits
UNRESOLVED = 0.02  # share of the density in the shortest waves beyond which a grid is refused


@dataclass(eq=False)
class CentralOperator:
    """Drift and diffusion at the centres, ready for the kernels."""

    grid: Grid
    drift: np.ndarray
    diffusion: np.ndarray

    def blended(self, other: CentralOperator, own: float, others: float) -> CentralOperator:
        """own * self + others * other."""
        return CentralOperator(
            self.grid,
            own * self.drift + others * other.drift,
            own * self.diffusion + others * other.diffusion,
        )

    def exponential(self, density: np.ndarray, step: float, tolerance: float, record: Record) -> np.ndarray:
        """exp(step L) density.

        Raises:
            SolverFailure: the expansion does not settle, which a negative diffusion would cause.
        """
        n = self.grid.dimension
        upper = [(i, j) for i in range(n) for j in range(i, n)]
        crossed = np.array([bool(self.diffusion[c].any()) for c in range(len(upper))])
        spacing = np.array([a.widths[0] for a in self.grid.axes])
        shape = np.array(self.grid.shape, dtype=np.int64)
        radius, advective = self._radii(upper, spacing)
        growth = math.asinh(2 * advective / radius)
        longest = 2 * math.log(LARGEST_TERM) / max(growth**2, 1e-12)
        pieces = max(1, math.ceil(0.5 * step * radius / longest))
        peak = np.empty(1)
        while True:
            p = density.ravel()
            for _ in range(pieces):
                out = np.empty_like(p)
                terms = chebyshev_exponential(
                    p,
                    self.drift,
                    self.diffusion,
                    crossed,
                    shape,
                    spacing,
                    step / pieces,
                    radius,
                    tolerance / pieces,
                    peak,
                    out,
                )
                if terms < 0 or peak[0] > 1e3 * LARGEST_TERM:
                    break
                record.exponentials += terms
                p = out
            else:
                # the truncated expansion keeps the mass to `tolerance`; this keeps it to rounding
                return p.reshape(density.shape) * (density.sum() / p.sum())
            pieces *= 2
            if pieces > 1_000_000:
                raise SolverFailure("the expansion of the high-order scheme does not settle; use scheme='positive'")

    def _radii(self, upper: list[tuple[int, int]], spacing: np.ndarray) -> tuple[float, float]:
        """Bounds of the spectrum: its extent along the negative axis, and along the imaginary axis."""
        theta = np.linspace(0, math.pi, 65)
        first: Any = 2 * sum(a * np.sin((m + 1) * theta) for m, a in enumerate(FIRST))
        second: Any = -(CENTRE + 2 * sum(c * np.cos((m + 1) * theta) for m, c in enumerate(SECOND)))
        diagonal: Any = sum(
            np.abs(self.diffusion[c]).max() / spacing[i] ** 2 for c, (i, j) in enumerate(upper) if i == j
        )
        cross: Any = sum(
            2 * np.abs(self.diffusion[c]).max() / (spacing[i] * spacing[j]) for c, (i, j) in enumerate(upper) if i != j
        )
        real = float(np.max(diagonal * second + cross * first**2))
        imaginary = float(first.max() * sum(np.abs(self.drift[i]).max() / spacing[i] for i in range(len(spacing))))
        return max(1.02 * real, imaginary, 1e-12), imaginary


def evolve_central(
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
        InvalidGrid: the grid is not uniform, a side absorbs, the density reaches a reflecting side, or is not resolved.
    """
    grid = problem.grid
    if not grid.uniform or min(grid.shape) < 9 or any(a.sides.absorbing for a in grid.axes):
        raise InvalidGrid(
            "the high-order scheme needs a finite uniform grid of 9 cells or more along each axis, with reflecting or "
            "periodic sides; use scheme='positive'"
        )
    attributes["scheme"] = "high-order: eighth-order central differences of the flux" + (
        ", Chebyshev expansion of the exponential"
        if problem.equation.autonomous
        else ", commutator-free Magnus steps of order 4"
    )
    attributes["guarantees"] = "mass conserved to rounding; not positive (see minimum)"
    attributes["order"] = "8 in space"
    record = Record()
    span = float(wanted[-1]) - first
    total = float(density.sum())
    operators: dict[float, CentralOperator] = {}

    def operator(time: float) -> CentralOperator:
        if time not in operators:
            operators.clear()
            operators[time] = _operator(problem, time)
        return operators[time]

    goal = 1e-2 * tolerance

    def magnus(state: np.ndarray, t: float, h: float) -> np.ndarray:
        c = math.sqrt(3) / 6
        one, two = _operator(problem, t + (0.5 - c) * h), _operator(problem, t + (0.5 + c) * h)
        a, b = 0.25 + c, 0.25 - c
        small = goal * h / span
        state = one.blended(two, a, b).exponential(state, h, small, record)
        return one.blended(two, b, a).exponential(state, h, small, record)

    def report(when: float, state: np.ndarray) -> None:
        tick(when, lambda: state)

    now = first
    for time in map(float, wanted):
        if time > now:
            if problem.equation.autonomous:
                density = operator(first).exponential(density, time - now, goal, record)
                record.steps += 1
                record.error += goal
            else:
                density = adaptive(
                    magnus, 4, density, now, time, tolerance, span, total, record, report, keep_sign=True
                )
            now = time
            tick(now)
        if not np.all(np.isfinite(density)):
            raise SolverFailure(f"the density is no longer finite at time {time:g}")
        attributes["unresolved"] = _refuse_roughness(grid, density, tolerance, now)
        attributes["error_estimate"] = float(record.error)
        attributes["steps"] = int(record.steps)
        attributes["rejected"] = int(record.rejected)
        attributes["applications"] = int(record.exponentials)
        yield density.copy()


def _operator(problem: Problem, time: float) -> CentralOperator:
    if problem.equation.autonomous and problem.grid.size <= KEPT_CELLS:
        if problem.central is None:
            problem.central = _made(problem, time)
        return problem.central
    return _made(problem, time)


def _made(problem: Problem, time: float) -> CentralOperator:
    grid, n = problem.grid, problem.grid.dimension
    component = central_components(problem.equation)
    x = problem.equation.coordinates
    names = [f"the drift along {c}" for c in x]
    names += [f"the diffusion D^{x[i]}{x[j]}" for i in range(n) for j in range(i, n)]
    values = evaluate(component, grid.mesh(), time, problem.values, names)
    full = [np.array(np.broadcast_to(v, grid.shape), order="C").ravel() for v in values]
    drift, diffusion = np.stack(full[:n]), np.stack(full[n:])
    _check_positive(problem, diffusion, time)
    return CentralOperator(grid, drift, diffusion)


def _check_positive(problem: Problem, diffusion: np.ndarray, time: float) -> None:
    from numerics.cross_diffusion import check_semidefinite

    n = problem.grid.dimension
    slots = {pair: c for c, pair in enumerate((i, j) for i in range(n) for j in range(i, n))}
    matrix = [[diffusion[slots[min(i, j), max(i, j)]] for j in range(n)] for i in range(n)]
    check_semidefinite(matrix, problem.grid, time)


def _refuse_roughness(grid: Grid, density: np.ndarray, tolerance: float, time: float) -> float:
    """How much of the density is in waves that the differences cannot resolve: L1 norm of the eighth difference."""
    whole = float(np.abs(density).sum())
    worst = 0.0
    for k in range(grid.dimension):
        rough = density
        for _ in range(4):
            rough = np.roll(rough, 1, axis=k) - 2 * rough + np.roll(rough, -1, axis=k)
        worst = max(worst, float(np.abs(rough).sum()) / 256 / whole)
    if worst > UNRESOLVED:
        raise InvalidGrid(
            f"at time {time:g} the mesh {' x '.join(map(str, grid.shape))} is too coarse for the high-order scheme "
            f"({worst:.2g} of the density is in waves of two cells); use more cells or scheme='positive'"
        )
    for k, axis in enumerate(grid.axes):
        edge = np.take(density, [0, 1, -2, -1], axis=k)
        share = float(np.abs(edge).sum()) / whole
        if not axis.sides.periodic and share > max(tolerance, 1e-12):
            raise InvalidGrid(
                f"at time {time:g} the density has not died away at the sides of {axis.symbol} (share {share:.2g} "
                "of the mass in the outer cells), where the high-order scheme would wrap it around; widen the "
                "domain or use scheme='positive'"
            )
    return worst
