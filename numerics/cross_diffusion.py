"""Positive rates for a full diffusion matrix: exponentially fitted edges along Selling's lattice directions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from numerics.coefficients import Coefficients, evaluate
from numerics.fluxes import Direction, _fitted, gauss, neighbour, refuse_anisotropy, wrapped
from numerics.grid import Grid
from numerics.lattice import selling
from symrg.errors import InvalidEquation, InvalidGrid

SINGULAR = 1e-11  # determinant, relative to the trace, below which a matrix counts as singular


def lattice_directions(coefficients: Coefficients, grid: Grid, time: float, values: Sequence[float]) -> list[Direction]:
    """Rates along every lattice direction that some cell needs.

    Raises:
        InvalidEquation: the diffusion matrix is not positive semidefinite at a point of the grid.
        InvalidGrid: it has no positive stencil of reasonable length there.
    """
    n = grid.dimension
    index = np.indices(grid.shape).reshape(n, -1)
    centres = [a.centres[i] for a, i in zip(grid.axes, index)]
    drift, diffusion = _evaluated(coefficients, centres, time, values)
    check_semidefinite(diffusion, grid, time)
    inverse, singular = _inverse(diffusion)
    widths = [a.widths[i] for a, i in zip(grid.axes, index)]
    upper = [(i, j) for i in range(n) for j in range(i, n)]
    lattice = np.stack([diffusion[i][j] / (widths[i] * widths[j]) for i, j in upper], axis=1)
    if singular.any():
        _settle_rounding(lattice, upper)
    weights, failed = selling(lattice, n)
    if failed >= 0:
        raise refuse_anisotropy(grid, failed)
    volumes = grid.volumes.ravel()
    found: dict[tuple[int, ...], Direction] = {}
    for step, weight in weights.items():
        found[step] = _edges(coefficients, grid, time, values, index, step, weight, volumes)
    if singular.any():
        _upwind_remainder(found, grid, index, drift, diffusion, inverse)
    return list(found.values())


def _evaluated(coefficients: Coefficients, points: Sequence[np.ndarray], time: float, values: Sequence[float]):
    """b as a list of arrays and D as nested lists, at points."""
    n = len(points)
    component = coefficients.full
    assert component is not None
    x = coefficients.equation.coordinates
    names = [f"the drift minus the divergence of the diffusion along {c}" for c in x]
    names += [f"the diffusion D^{x[i]}{x[j]}" for i in range(n) for j in range(i, n)]
    out = evaluate(component, points, time, values, names)
    size = len(points[0])
    out = [np.broadcast_to(o, (size,)) for o in out]
    D: list[list[np.ndarray]] = [[out[0]] * n for _ in range(n)]
    at = n
    for i in range(n):
        for j in range(i, n):
            D[i][j] = D[j][i] = out[at]
            at += 1
    return out[:n], D


def check_semidefinite(diffusion: list[list[np.ndarray]], grid: Grid, time: float) -> None:
    """Refuse a matrix with a negative eigenvalue, and name the point.

    Raises:
        InvalidEquation: there is one.
    """
    n = len(diffusion)
    constant = all(np.ptp(diffusion[i][j]) == 0 for i in range(n) for j in range(n))
    stacked = np.stack([np.stack(row, axis=-1) for row in diffusion], axis=-2)
    lowest = np.linalg.eigvalsh(stacked[:1] if constant else stacked)[:, 0]
    scale = np.abs(stacked[: len(lowest)]).max(axis=(1, 2))
    bad = lowest < -1e-10 * scale
    if bad.any():
        k = int(np.argmin(np.where(bad, lowest / np.maximum(scale, 1e-300), 0.0)))
        raise InvalidEquation(
            f"the diffusion matrix is not positive semidefinite at {grid.point(k)}, time {time:.6g}: it is "
            f"{np.array2string(stacked[k], precision=6)} with lowest eigenvalue {lowest[k]:.6g}; choose a domain or "
            "parameter values where it is"
        )


def _inverse(D: list[list[np.ndarray]]) -> tuple[list[list[np.ndarray]], np.ndarray]:
    """The inverse (the pseudo-inverse where singular), and where it is singular."""
    n = len(D)
    if n == 2:
        det = D[0][0] * D[1][1] - D[0][1] ** 2
        cofactor = [[D[1][1], -D[0][1]], [-D[0][1], D[0][0]]]
    else:
        cofactor = [[D[0][0]] * 3 for _ in range(3)]
        for i in range(3):
            for j in range(3):
                a, b = [m for m in range(3) if m != i], [m for m in range(3) if m != j]
                minor = D[a[0]][b[0]] * D[a[1]][b[1]] - D[a[0]][b[1]] * D[a[1]][b[0]]
                cofactor[i][j] = (-1) ** (i + j) * minor
        det = sum(D[0][j] * cofactor[0][j] for j in range(3))
    trace = sum(D[i][i] for i in range(n)) / n
    singular = ~(det > SINGULAR * np.maximum(trace, 1e-300) ** n)
    safe = np.where(singular, 1.0, det)
    inverse = [[cofactor[i][j] / safe for j in range(n)] for i in range(n)]
    if singular.any():
        stacked = np.stack([np.stack(row, axis=-1) for row in D], axis=-2)[singular]
        pseudo = np.linalg.pinv(stacked, rcond=1e-9, hermitian=True)
        for i in range(n):
            for j in range(n):
                inverse[i][j][singular] = pseudo[:, i, j]
    return inverse, singular


def _settle_rounding(lattice: np.ndarray, upper: list[tuple[int, int]]) -> None:
    """Entries off the diagonal that are rounding against it become zero, so that the reduction ends."""
    column = {pair: c for c, pair in enumerate(upper)}
    for (i, j), c in column.items():
        if i != j:
            size = np.sqrt(np.abs(lattice[:, column[i, i]] * lattice[:, column[j, j]]))
            lattice[np.abs(lattice[:, c]) <= 1e-12 * size, c] = 0.0


def _edges(
    coefficients: Coefficients,
    grid: Grid,
    time: float,
    values: Sequence[float],
    index: np.ndarray,
    step: tuple[int, ...],
    weight: np.ndarray,
    volumes: np.ndarray,
) -> Direction:
    size = grid.size
    for axis, v in zip(grid.axes, step):
        if axis.sides.periodic and v and axis.cells // int(np.gcd(axis.cells, abs(v))) < 3:
            raise InvalidGrid(f"{axis.cells} cells along {axis.symbol} are too few for a stencil that reaches {abs(v)}")
    places, inside = neighbour(index, step, grid)
    target = np.ravel_multi_index(places, grid.shape)
    source = np.flatnonzero(inside & ((weight > 0) | (weight[target] > 0)))
    end = target[source]
    edge_weight = 0.5 * (weight[source] + weight[end])
    start = [a.centres[index[k, source]] for k, a in enumerate(grid.axes)]
    laps = [(index[k, source] + step[k]) // a.cells for k, a in enumerate(grid.axes)]
    stop = [
        a.centres[places[k][source]] + (a.length * laps[k] if a.sides.periodic else 0.0)
        for k, a in enumerate(grid.axes)
    ]
    peclet = _line_integral(coefficients, grid, time, values, start, stop)
    conductance = edge_weight * 0.5 * (volumes[source] + volumes[end])
    rates = _fitted(peclet, conductance, np.zeros_like(peclet), edge_weight)
    forward, backward, excess, loss = np.zeros(size), np.zeros(size), np.zeros(size), np.zeros(size)
    forward[source] = rates[0] / volumes[source]
    backward[source] = rates[1] / volumes[end]
    excess[source] = rates[2]
    for sign in (1, -1):
        _add_losses(coefficients, grid, time, values, index, tuple(sign * v for v in step), weight, loss)
    laid = [a.reshape(grid.shape) for a in (forward, backward, loss, excess)]
    return Direction(step, laid[0], laid[1], laid[2], laid[3])


def _add_losses(
    coefficients: Coefficients,
    grid: Grid,
    time: float,
    values: Sequence[float],
    index: np.ndarray,
    step: tuple[int, ...],
    weight: np.ndarray,
    loss: np.ndarray,
) -> None:
    """Mass that leaves through absorbing sides: the density vanishes where the edge meets the face."""
    if not any(a.sides.absorbing for a in grid.axes):
        return
    nearest = np.full(index.shape[1], np.inf)
    absorbs = np.zeros(index.shape[1], bool)
    for k, axis in enumerate(grid.axes):
        if step[k] == 0 or axis.sides.periodic:
            continue
        layers = axis.cells - 1 - index[k] if step[k] > 0 else index[k]
        share = (layers + 0.5) / abs(step[k])
        side = axis.sides.upper if step[k] > 0 else axis.sides.lower
        closer = (share < 1) & (share < nearest)
        nearest = np.where(closer, share, nearest)
        absorbs = np.where(closer, side == "absorbing", absorbs)
    cells = np.flatnonzero(absorbs & np.isfinite(nearest) & (weight > 0))
    if not cells.size:
        return
    share = nearest[cells]
    start = [a.centres[index[k, cells]] for k, a in enumerate(grid.axes)]
    stop = [s + share * step[k] * a.widths[index[k, cells]] for k, (s, a) in enumerate(zip(start, grid.axes))]
    peclet = _line_integral(coefficients, grid, time, values, start, stop)
    rates = _fitted(peclet, weight[cells] / share, np.zeros_like(peclet), weight[cells])
    loss[cells] += rates[0]


def _line_integral(
    coefficients: Coefficients,
    grid: Grid,
    time: float,
    values: Sequence[float],
    start: Sequence[np.ndarray],
    stop: Sequence[np.ndarray],
) -> np.ndarray:
    """The integral of (D^-1 b) . dx along straight segments."""
    n = grid.dimension
    nodes, weights = gauss(4 if grid.size < 3e5 else 3)
    total = np.zeros(len(start[0]))
    for node, part in zip(nodes, weights):
        points = [wrapped(a, s + node * (e - s)) for a, s, e in zip(grid.axes, start, stop)]
        b, D = _evaluated(coefficients, points, time, values)
        inverse, _ = _inverse(D)
        for i in range(n):
            total += part * sum(inverse[i][j] * b[j] for j in range(n)) * (stop[i] - start[i])
    return total


def _upwind_remainder(
    found: dict[tuple[int, ...], Direction],
    grid: Grid,
    index: np.ndarray,
    drift: Sequence[np.ndarray],
    D: list[list[np.ndarray]],
    inverse: list[list[np.ndarray]],
) -> None:
    """Where D is singular, the drift across its range is carried upwind along the axes."""
    n = grid.dimension
    fitted = [sum(D[i][j] * inverse[j][m] * drift[m] for j in range(n) for m in range(n)) for i in range(n)]
    for k, axis in enumerate(grid.axes):
        rest = drift[k] - fitted[k]
        rest = np.where(np.abs(rest) > 1e-9 * (np.abs(drift[k]) + np.abs(fitted[k])), rest, 0.0).reshape(grid.shape)
        if not rest.any():
            continue
        step = tuple(int(j == k) for j in range(n))
        if step not in found:
            forward, backward, loss, excess = (np.zeros(grid.shape) for _ in range(4))
            found[step] = Direction(step, forward, backward, loss, excess)
        direction = found[step]
        speed = 0.5 * (rest + np.roll(rest, -1, axis=k))
        shape = [-1 if j == k else 1 for j in range(n)]
        forward = np.maximum(speed, 0.0) / axis.widths.reshape(shape)
        backward = np.maximum(-speed, 0.0) / np.roll(axis.widths, -1).reshape(shape)
        if not axis.sides.periodic:
            last = (slice(None),) * k + (-1,)
            first = (slice(None),) * k + (0,)
            forward[last] = backward[last] = 0.0
            if axis.sides.upper == "absorbing":
                direction.loss[last] += np.maximum(rest[last], 0.0) / axis.widths[-1]
            if axis.sides.lower == "absorbing":
                direction.loss[first] += np.maximum(-rest[first], 0.0) / axis.widths[0]
        direction.forward += forward
        direction.backward += backward
