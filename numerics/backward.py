"""The backward equation: mean first-passage times and expectations of a function at a later time.

The generator L of the cell masses has the transpose L^T, which acts on functions of the starting cell:
(L^T u)(x) = sum over edges of rate(x -> x') [u(x') - u(x)] - loss(x) u(x).

Source: Gardiner, Stochastic Methods (2009), secs. 5.5 and 6.6; Risken, The Fokker-Planck Equation (1989), ch. 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy

from numerics.coefficients import compiled, values_for
from numerics.generator import Generator
from numerics.problem import Problem, axis_coordinates, times_of
from numerics.rational import DEGREE_14
from symrg.errors import InvalidEquation, InvalidGrid, SolverFailure
from symrg.fokker_planck import FokkerPlanck

FAR = 1e-2  # share of a passage time that may be spent in the last cell of an infinite axis


def mean_first_passage_time(
    equation: FokkerPlanck,
    domain: Any,
    shape: Any = None,
    *,
    boundary: Any = "absorbing",
    parameters: Mapping[Any, Any] | None = None,
    moment: int = 1,
):
    """Mean time to leave the domain through its absorbing sides, for every starting cell.

    L^T T = -1; the n-th moment of the time obeys L^T T_n = -n T_{n-1}.

    Args:
        equation: autonomous.
        domain: see `numerics.solve`.
        shape: see `numerics.solve`.
        boundary: at least one side absorbs.
        parameters: a number for every parameter.
        moment: which moment of the passage time.

    Returns:
        xarray.DataArray named "mean_first_passage_time" ("passage_time_moment" for higher ones) on the cell centres.

    Raises:
        InvalidEquation: coefficients depend on time, or see `numerics.solve`.
        InvalidGrid: no side absorbs, or see `numerics.solve`.
        SolverFailure: from some cells no absorbing side is ever reached, or the mean is infinite.
    """
    from numerics.solver import stationary_problem

    problem = stationary_problem(equation, domain, shape, boundary, parameters, 0.0)
    if not equation.autonomous:
        raise InvalidEquation(
            "the coefficients depend on time, so the passage time depends on when one starts; use numerics.solve with "
            "absorbing sides, whose mass is the probability to be still inside"
        )
    if not isinstance(moment, (int, np.integer)) or moment < 1:
        raise InvalidGrid(f"moment is {moment!r}; expected a whole number from 1")
    generator = problem.generator(0.0)
    if generator.closed:
        raise InvalidGrid(
            "no side is absorbing, so nothing ever leaves; give boundary={x: ('absorbing', 'reflecting')}"
        )
    _refuse_infinite_mean(generator)
    result = np.ones(problem.grid.size)
    for n in range(1, int(moment) + 1):
        result = n * _passage(generator, result)
    if not np.all(np.isfinite(result)) or result.min() < 0:
        raise SolverFailure(
            "some cells never reach an absorbing side on this grid (no diffusion and a drift away from it), or the "
            "passage time overflows"
        )
    from xarray import DataArray

    return DataArray(
        result.reshape(problem.grid.shape),
        dims=tuple(a.symbol.name for a in problem.grid.axes),
        coords=axis_coordinates(problem.grid),
        name="mean_first_passage_time" if moment == 1 else "passage_time_moment",
        attrs={"moment": int(moment), "longest": float(result.max())},
    )


def _refuse_infinite_mean(generator: Generator) -> None:
    """Refuse where the time spent in the last cell of an infinite axis counts even beside an absorbing side.

    Raises:
        SolverFailure: it does, so that the mean grows with the grid.
    """
    grid = generator.grid
    last = np.zeros(grid.shape)
    for k, axis in enumerate(grid.axes):
        for end, cell in zip(axis.infinite, (0, -1)):
            if end:
                last[(slice(None),) * k + (cell,)] = 1.0
    if not last.any():
        return
    whole, far = _passage(generator, np.ones(grid.size)), _passage(generator, last.ravel())
    near = int(np.argmin(whole))
    if not far[near] < FAR * whole[near]:
        raise SolverFailure(
            f"the mean passage time from {grid.point(near)} is decided by the last cell of an infinite axis: it is "
            "infinite, or the grid is too coarse far out; give a finite domain"
        )


def _passage(generator: Generator, source: np.ndarray) -> np.ndarray:
    """u with L^T u = -source."""
    if generator.grid.dimension == 1 and not generator.grid.axes[0].sides.periodic:
        forward, backward, loss = generator.flat(0)
        open_ends = (loss[0] > 0, loss[-1] > 0) if np.count_nonzero(loss) == 1 else ()
        if open_ends == (False, True):
            return _one_sided(forward[:-1], backward[:-1], loss[-1], source)
        if open_ends == (True, False):
            return _one_sided(backward[-2::-1], forward[-2::-1], loss[0], source[::-1])[::-1]
    import scipy.sparse.linalg

    matrix = generator.matrix(sharp=generator.advected).T.tocsc()
    try:
        factor = scipy.sparse.linalg.splu(matrix, diag_pivot_thresh=1.0 if generator.advected else 0.0)
    except RuntimeError as reason:
        raise SolverFailure(f"from some cells no absorbing side is ever reached: {reason}") from None
    solution = factor.solve(-source)
    return solution + factor.solve(-source - matrix @ solution)


def _one_sided(away: np.ndarray, back: np.ndarray, loss: float, source: np.ndarray) -> np.ndarray:
    """The chain whose last cell alone loses mass: sums of positive terms, so high barriers cost no digits.

    With s_i the drop u_i - u_{i+1}: away_i s_i = source_i + back_{i-1} s_{i-1}.
    """
    n = len(source)
    drop = np.empty(n)
    previous = 0.0
    with np.errstate(all="ignore"):
        for i in range(n):
            rate = away[i] if i < n - 1 else loss
            gain = back[i - 1] * previous if i > 0 else 0.0
            previous = (source[i] + gain) / rate if rate > 0 else np.inf
            drop[i] = previous
    return np.cumsum(drop[::-1])[::-1]


def expectation(
    equation: FokkerPlanck,
    function: Any,
    domain: Any,
    shape: Any = None,
    *,
    start: float = 0.0,
    stop: float = 1.0,
    boundary: Any = "reflecting",
    parameters: Mapping[Any, Any] | None = None,
    tolerance: float = 1e-6,
):
    """u(x) = E[f(X_stop) | X_start = x], the solution of the backward equation -d_t u = mu . grad u + D : grad grad u.

    A path that left through an absorbing side counts as zero.

    Args:
        equation: see `numerics.solve`.
        function: f, a SymPy expression in the coordinates (and parameters) or an array on the grid.
        domain: see `numerics.solve`.
        shape: see `numerics.solve`.
        start: time at which x is given.
        stop: time at which f is taken.
        boundary: see `numerics.solve`.
        parameters: a number for every parameter.
        tolerance: largest error of the time integration relative to the largest |f|.

    Returns:
        xarray.DataArray named "expectation" on the cell centres.

    Raises:
        InvalidEquation: see `numerics.solve`.
        InvalidGrid: see `numerics.solve`.
        SolverFailure: the tolerance was not reached.
    """
    wanted, first = times_of([stop], start)
    from numerics.solver import stationary_problem

    problem = stationary_problem(equation, domain, shape, boundary, parameters, first, function)
    value = _on_grid(function, problem, parameters)
    size = float(np.abs(value).max())
    steps, error = 1, np.inf
    result = _propagated(problem, value, first, float(wanted[0]), steps)
    while error > tolerance * max(size, 1e-300):
        steps *= 2
        if steps > 4096:
            raise SolverFailure(f"the backward equation did not settle to {tolerance:g} with {steps // 2} steps")
        finer = _propagated(problem, value, first, float(wanted[0]), steps)
        error, result = float(np.abs(finer - result).max()) / (1 if equation.autonomous else 3), finer
    from xarray import DataArray

    return DataArray(
        result.reshape(problem.grid.shape),
        dims=tuple(a.symbol.name for a in problem.grid.axes),
        coords=axis_coordinates(problem.grid),
        name="expectation",
        attrs={"error_estimate": error, "steps": steps},
    )


def _on_grid(function: Any, problem: Problem, parameters: Mapping[Any, Any] | None) -> np.ndarray:
    grid, equation = problem.grid, problem.equation
    if isinstance(function, sympy.Basic):
        unknown = tuple(sorted(function.free_symbols - set(equation.coordinates), key=lambda s: s.name))
        values = values_for(unknown, parameters, "the function")
        (result,) = compiled((function,), (*equation.coordinates, *unknown))(*grid.mesh(), *values)
    else:
        result = np.asarray(function, dtype=float)
        if result.shape != grid.shape:
            raise InvalidGrid(f"the function has shape {result.shape}, the grid {grid.shape}")
    value = np.broadcast_to(np.asarray(result, dtype=float), grid.shape).ravel()
    if not np.all(np.isfinite(value)):
        cell = int(np.flatnonzero(~np.isfinite(value))[0])
        raise InvalidEquation(f"the function is not finite at {grid.point(cell)}")
    return value


def _propagated(problem: Problem, value: np.ndarray, start: float, stop: float, steps: int) -> np.ndarray:
    """exp of the transposed generator, or exponential midpoint steps where it depends on time."""
    import scipy.sparse
    import scipy.sparse.linalg

    step = (stop - start) / steps
    identity = scipy.sparse.identity(len(value), format="csc")
    factors: list[Any] = []
    for k in range(steps):
        if not factors or not problem.equation.autonomous:
            matrix = step * problem.generator(stop - (k + 0.5) * step).matrix().T.tocsc()
            factors = [scipy.sparse.linalg.splu(matrix - z * identity) for z in DEGREE_14.poles]
        total = np.zeros(len(value))
        for c, factor in zip(DEGREE_14.residues, factors):
            total += 2 * (c * factor.solve(value.astype(complex))).real
        value = total
    return value
