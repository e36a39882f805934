"""A Fokker-Planck equation solved on several grids and held against its exact solution."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter
from typing import Any

from sympy import Expr, Symbol

import numerics
from symrg.fokker_planck import FokkerPlanck


@dataclass(frozen=True)
class GridRun:
    """One grid: cells along each axis, L1 error at the last time, largest change of mass, smallest density, seconds."""

    cells: int
    error: float
    mass_change: float
    minimum: float
    seconds: float


@dataclass(frozen=True)
class GridComparison:
    """Several grids against the exact solution.

    Attributes:
        runs: from the coarsest grid to the finest.
        orders: observed order of convergence between neighbouring runs.
        finest: the solution on the finest grid (xarray.DataArray).
    """

    runs: tuple[GridRun, ...]
    orders: tuple[float, ...]
    finest: Any


def compare_on_grids(
    equation: FokkerPlanck,
    exact: Expr,
    domain: Mapping[Symbol, tuple[float, float]],
    cells: Sequence[int],
    start: float,
    times: Sequence[float],
    parameters: Mapping[Symbol, float],
    **options: Any,
) -> GridComparison:
    """Solve from the exact density at `start`, on each grid, and measure the distance at the last of `times`.

    Args:
        equation: in one coordinate or more; every axis takes the same number of cells.
        exact: its solution, an expression in the coordinates, the time and the parameters.
        domain: as for `numerics.solve`; wide enough that the solution vanishes at the sides.
        cells: from coarse to fine.
        start: time at which the exact solution is the initial density.
        times: output times.
        parameters: values.
        options: passed on to `numerics.solve`.
    """
    density = numerics.compile(exact, [*equation.coordinates, equation.time, *parameters])
    runs: list[GridRun] = []
    solution = None
    for count in cells:
        shape = (count,) * equation.dimension
        begin = perf_counter()
        solution = numerics.solve(
            equation, domain, shape, exact, times, start=start, parameters=parameters, tolerance=1e-8, **options
        )
        seconds = perf_counter() - begin
        grids = [
            solution[x.name].values.reshape([-1 if k == i else 1 for k in range(equation.dimension)])
            for i, x in enumerate(equation.coordinates)
        ]
        reference = density(*grids, times[-1], *parameters.values())
        volume = math.prod((b - a) / count for a, b in domain.values())
        runs.append(
            GridRun(
                count,
                float(abs(solution.values[-1] - reference).sum() * volume),
                max(abs(m - 1) for m in solution.attrs["mass"]),
                solution.attrs["minimum"],
                seconds,
            )
        )
    orders = tuple(math.log(a.error / b.error) / math.log(b.cells / a.cells) for a, b in pairwise(runs))
    return GridComparison(tuple(runs), orders, solution)
