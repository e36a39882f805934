"""The slowest modes of a Fokker-Planck generator: relaxation times and escape (Kramers) rates.

L phi_k = -lambda_k phi_k, sorted by Re lambda. Where the grid is in detailed balance the generator is similar to a
symmetric matrix; its eigenvalues are then refined by the Rayleigh quotient in its form of squared differences,
lambda = sum over edges c (u - u')^2 / sum pi u^2, which keeps the digits of exponentially small rates.

Source: Risken, The Fokker-Planck Equation (1989), secs. 5.4 and 5.10; Kramers, Physica 7 (1940) 284.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from numerics.generator import Generator, neighbour
from numerics.problem import axis_coordinates
from numerics.solver import balanced_mass, stationary_problem
from symrg.errors import InvalidGrid, SolverFailure
from symrg.fokker_planck import FokkerPlanck


def spectrum(
    equation: FokkerPlanck,
    domain: Any,
    shape: Any = None,
    *,
    boundary: Any = "reflecting",
    parameters: Mapping[Any, Any] | None = None,
    count: int = 6,
    time: float = 0.0,
):
    """The slowest modes of the generator.

    Args:
        equation: autonomous, or frozen at `time`.
        domain: see `numerics.solve`.
        shape: see `numerics.solve`.
        boundary: see `numerics.solve`.
        parameters: a number for every parameter.
        count: how many modes.
        time: at which coefficients that depend on time are frozen.

    Returns:
        xarray.Dataset with dims ("mode", coordinates..): `rate` (Re lambda_k, ascending; 0 for the stationary state),
        `frequency` (Im lambda_k), `relaxation_time` (1 / rate) and `density` (Re phi_k, with absolute integral one).

    Raises:
        InvalidEquation: see `numerics.solve`.
        InvalidGrid: `count` does not fit the grid, or see `numerics.solve`.
        SolverFailure: the eigenvalue iteration did not converge.
    """
    problem = stationary_problem(equation, domain, shape, boundary, parameters, float(time))
    grid = problem.grid
    if not isinstance(count, (int, np.integer)) or not 1 <= count < grid.size - 1:
        raise InvalidGrid(f"count is {count!r}; expected between 1 and {grid.size - 2} modes on this grid")
    generator = problem.generator(float(time))
    values, vectors = _lowest(generator, int(count))
    modes = []
    for k in range(len(values)):
        mode = vectors[:, k].real
        weight = float(np.abs(mode).sum())
        mode = mode / weight if weight > 0 else mode
        modes.append((mode if mode.sum() >= 0 else -mode).reshape(grid.shape) / grid.volumes)
    rates = np.array([-v.real for v in values]) + 0.0
    if generator.closed:
        rates[0] = max(rates[0], 0.0)
    with np.errstate(divide="ignore"):
        relaxation = np.where(rates > 0, 1 / rates, np.inf)
    from xarray import Dataset

    names = tuple(a.symbol.name for a in grid.axes)
    return Dataset(
        {
            "rate": ("mode", rates),
            "frequency": ("mode", np.abs(np.array([v.imag for v in values]))),
            "relaxation_time": ("mode", relaxation),
            "density": (("mode", *names), np.stack(modes)),
        },
        coords={"mode": np.arange(len(values)), **axis_coordinates(grid)},
    )


def _lowest(generator: Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues of L (largest real part first) and the eigenvectors, as masses."""
    import scipy.sparse
    import scipy.sparse.linalg

    matrix = generator.matrix(sharp=generator.advected)
    n = matrix.shape[0]
    reversible = None if generator.advected else balanced_mass(generator)
    if reversible is not None and float(reversible.min()) > 1e-250:
        root = np.sqrt(reversible.ravel())
        symmetric = scipy.sparse.diags(1 / root) @ matrix @ scipy.sparse.diags(root)
        symmetric = (0.5 * (symmetric + symmetric.T)).tocsc()
        if n <= 600:
            values, vectors = np.linalg.eigh(symmetric.toarray())
            values, vectors = values[::-1][:count], vectors[:, ::-1][:, :count]
        else:
            shift = 1e-9 * generator.fastest
            try:
                values, vectors = scipy.sparse.linalg.eigsh(symmetric, count, sigma=shift, which="LM")
            except (RuntimeError, scipy.sparse.linalg.ArpackError) as reason:
                raise SolverFailure(f"the eigenvalue iteration failed: {reason}") from None
            order = np.argsort(-values)
            values, vectors = values[order], vectors[:, order]
        functions = vectors / root[:, None]
        refined = np.array([-_rayleigh(generator, reversible.ravel(), functions[:, k]) for k in range(count)])
        close = np.abs(refined - values) <= 1e-8 * generator.fastest
        values = np.where(close, refined, values)
        if generator.closed:
            values[0], vectors[:, 0] = 0.0, root
        return values.astype(complex), vectors * root[:, None]
    if n <= 600:
        values, vectors = np.linalg.eig(matrix.toarray())
    else:
        try:
            values, vectors = scipy.sparse.linalg.eigs(matrix, count + 1, sigma=1e-9 * generator.fastest, which="LM")
        except (RuntimeError, scipy.sparse.linalg.ArpackError) as reason:
            raise SolverFailure(f"the eigenvalue iteration failed: {reason}") from None
    order = np.argsort(-values.real)[:count]
    return values[order], vectors[:, order]


def _rayleigh(generator: Generator, stationary: np.ndarray, function: np.ndarray) -> float:
    """The Dirichlet form of a function over its norm, as sums of squares."""
    index = np.indices(generator.grid.shape).reshape(generator.grid.dimension, -1)
    energy = 0.0
    for k, direction in enumerate(generator.directions):
        forward, _, loss = generator.flat(k)
        places, inside = neighbour(index, direction.step, generator.grid)
        target = np.ravel_multi_index(places, generator.grid.shape)
        difference = np.where(inside, function - function[target], 0.0)
        energy += float((stationary * forward * difference**2).sum() + (stationary * loss * function**2).sum())
    return energy / float((stationary * function**2).sum())
