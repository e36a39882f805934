"""Positive rates for a full diffusion matrix: exponentially fitted edges along Selling's lattice directions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from numerics.coefficients import Coefficients, evaluate
from numerics.fluxes import _fitted, gauss, wrapped
from numerics.generator import Direction, neighbour
from numerics.grid import Grid, broadcast
from numerics.lattice import selling
from symrg.errors import InvalidEquation, InvalidGrid

SINGULAR = 1e-11  # determinant, relative to the trace, below which a matrix counts as singular


def lattice_directions(
    coefficients: Coefficients, grid: Grid, time: float, values: Sequence[float]
) -> tuple[list[Direction], np.ndarray | None]:
    """Rates along every lattice direction that some cell needs, and the share of cross-diffusion that they leave out.

    Raises:
        InvalidEquation: the diffusion matrix is not positive semidefinite at a point of the grid.
        InvalidGrid: a periodic axis has too few cells for the stencil.
    """
    n = grid.dimension
    full = coefficients.full
    assert full is not None
    # where D and the cells are the same along an axis, one layer stands for all
    varies = [d or a.kind != "uniform" for d, a in zip(full[1].depends, grid.axes)]
    layers = broadcast([a.centres if v else a.centres[:1] for a, v in zip(grid.axes, varies)])
    shape = tuple(a.cells if v else 1 for a, v in zip(grid.axes, varies))
    matrix = _diffusion(coefficients, layers, time, values)
    diffusion = [[np.broadcast_to(d, shape).ravel() for d in row] for row in matrix]
    check_semidefinite(diffusion, grid, time, shape)
    _, singular = _inverse(diffusion)
    sizes = broadcast([a.widths if v else a.widths[:1] for a, v in zip(grid.axes, varies)])
    widths = [np.broadcast_to(w, shape).ravel() for w in sizes]
    upper = [(i, j) for i in range(n) for j in range(i, n)]
    lattice = np.stack([diffusion[i][j] / (widths[i] * widths[j]) for i, j in upper], axis=1)
    if singular.any():
        _settle_rounding(lattice, upper)
    weights, kept = selling(lattice, n)
    dropped = None if kept.min() == 1 else np.broadcast_to((1 - kept).reshape(shape), grid.shape)
    found: dict[tuple[int, ...], Direction] = {}
    for step, weight in weights.items():
        _refuse_short_rings(grid, step)
        spread = np.broadcast_to(weight.reshape(shape), grid.shape)
        edges = _edges_on_blocks if np.count_nonzero(weight) > 0.3 * weight.size else _edges_where_needed
        found[step] = edges(coefficients, grid, time, values, step, spread)
    if singular.any():
        points = grid.mesh()
        drift = [np.broadcast_to(b, grid.shape).ravel() for b in _drift(coefficients, points, time, values)]
        matrix = _diffusion(coefficients, points, time, values)
        matrix = [[np.broadcast_to(d, grid.shape).ravel() for d in row] for row in matrix]
        _upwind_remainder(found, grid, drift, matrix, _inverse(matrix)[0])
    return list(found.values()), dropped


def _cell(number: int, shape: tuple[int, ...], grid: Grid) -> int:
    return int(np.ravel_multi_index(np.unravel_index(number, shape), grid.shape))


def _drift(
    coefficients: Coefficients, points: Sequence[np.ndarray], time: float, values: Sequence[float]
) -> list[np.ndarray]:
    """b at points that broadcast."""
    assert coefficients.full is not None
    names = [f"the drift minus the divergence of the diffusion along {c}" for c in coefficients.equation.coordinates]
    return evaluate(coefficients.full[0], points, time, values, names)


def _diffusion(
    coefficients: Coefficients, points: Sequence[np.ndarray], time: float, values: Sequence[float]
) -> list[list[np.ndarray]]:
    """D at points that broadcast, as rows of arrays."""
    assert coefficients.full is not None
    n, x = len(points), coefficients.equation.coordinates
    names = [f"the diffusion D^{x[i]}{x[j]}" for i in range(n) for j in range(i, n)]
    entries = iter(evaluate(coefficients.full[1], points, time, values, names))
    D: list[list[np.ndarray]] = [[np.empty(0)] * n for _ in range(n)]
    for i in range(n):
        for j in range(i, n):
            D[i][j] = D[j][i] = next(entries)
    return D


def check_semidefinite(
    diffusion: list[list[np.ndarray]], grid: Grid, time: float, shape: tuple[int, ...] | None = None
) -> None:
    """Refuse a matrix with a negative eigenvalue, and name the point.

    Args:
        diffusion: rows of arrays, a number for each cell of the grid, or of its layers of that shape.
        grid: the grid.
        time: for the message.
        shape: of the layers.

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
        where = grid.point(_cell(k, shape or grid.shape, grid))
        raise InvalidEquation(
            f"the diffusion matrix is not positive semidefinite at {where}, time {time:.6g}: it is "
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


def _refuse_short_rings(grid: Grid, step: tuple[int, ...]) -> None:
    for axis, v in zip(grid.axes, step):
        if axis.sides.periodic and v and axis.cells // int(np.gcd(axis.cells, abs(v))) < 3:
            raise InvalidGrid(f"{axis.cells} cells along {axis.symbol} are too few for a stencil that reaches {abs(v)}")


def _edges_on_blocks(
    coefficients: Coefficients,
    grid: Grid,
    time: float,
    values: Sequence[float],
    step: tuple[int, ...],
    weight: np.ndarray,
) -> Direction:
    """The rates of one direction that most cells use: on whole blocks of cells, coordinates kept along their axes."""
    lower, upper, start, stop = [], [], [], []
    for axis, v in zip(grid.axes, step):
        cells = np.arange(axis.cells)
        if not axis.sides.periodic:
            cells = cells[max(0, -v) : axis.cells - max(0, v)]
        lower.append(cells)
        upper.append((cells + v) % axis.cells)
        start.append(axis.centres[cells])
        stop.append(axis.centres[(cells + v) % axis.cells] + axis.length * ((cells + v) // axis.cells))
    here, there = np.ix_(*lower), np.ix_(*upper)
    edge_weight = 0.5 * (weight[here] + weight[there])
    peclet = _line_integral(coefficients, grid, time, values, broadcast(start), broadcast(stop))
    conductance = edge_weight * (0.5 * (grid.volumes[here] + grid.volumes[there]))
    rates = _fitted(np.where(edge_weight > 0, peclet, 0.0), conductance, np.zeros(1), edge_weight)
    forward, backward, excess, loss = (np.zeros(grid.shape) for _ in range(4))
    forward[here] = rates[0] / grid.volumes[here]
    backward[here] = rates[1] / grid.volumes[there]
    excess[here] = np.where(edge_weight > 0, rates[2], 0.0)
    _add_losses(coefficients, grid, time, values, step, weight, loss)
    return Direction(step, forward, backward, loss, excess)


def _edges_where_needed(
    coefficients: Coefficients,
    grid: Grid,
    time: float,
    values: Sequence[float],
    step: tuple[int, ...],
    weight: np.ndarray,
) -> Direction:
    """The rates of one direction that few cells use: edge by edge."""
    index = np.indices(grid.shape).reshape(grid.dimension, -1)
    volumes, flat_weight = grid.volumes.ravel(), np.ascontiguousarray(weight).ravel()
    places, inside = neighbour(index, step, grid)
    target = np.ravel_multi_index(places, grid.shape)
    source = np.flatnonzero(inside & ((flat_weight > 0) | (flat_weight[target] > 0)))
    end = target[source]
    edge_weight = 0.5 * (flat_weight[source] + flat_weight[end])
    start = [a.centres[index[k, source]] for k, a in enumerate(grid.axes)]
    laps = [(index[k, source] + step[k]) // a.cells for k, a in enumerate(grid.axes)]
    stop = [
        a.centres[p[source]] + (a.length * n if a.sides.periodic else 0.0) for a, p, n in zip(grid.axes, places, laps)
    ]
    peclet = _line_integral(coefficients, grid, time, values, start, stop)
    conductance = edge_weight * 0.5 * (volumes[source] + volumes[end])
    rates = _fitted(peclet, conductance, np.zeros_like(peclet), edge_weight)
    forward, backward, excess = np.zeros(grid.size), np.zeros(grid.size), np.zeros(grid.size)
    forward[source] = rates[0] / volumes[source]
    backward[source] = rates[1] / volumes[end]
    excess[source] = rates[2]
    loss = np.zeros(grid.shape)
    _add_losses(coefficients, grid, time, values, step, weight, loss)
    laid = [a.reshape(grid.shape) for a in (forward, backward, excess)]
    return Direction(step, laid[0], laid[1], loss, laid[2])


def _add_losses(
    coefficients: Coefficients,
    grid: Grid,
    time: float,
    values: Sequence[float],
    along: tuple[int, ...],
    weight: np.ndarray,
    loss: np.ndarray,
) -> None:
    """Mass that leaves through absorbing sides, both ways along a direction: the density vanishes on the face."""
    if not any(a.sides.absorbing for a in grid.axes):
        return
    index = np.indices(grid.shape).reshape(grid.dimension, -1)
    flat_weight, flat_loss = np.ascontiguousarray(weight).ravel(), loss.ravel()
    for sign in (1, -1):
        step = tuple(sign * v for v in along)
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
        cells = np.flatnonzero(absorbs & np.isfinite(nearest) & (flat_weight > 0))
        if not cells.size:
            continue
        share = nearest[cells]
        start = [a.centres[index[k, cells]] for k, a in enumerate(grid.axes)]
        stop = [s + share * step[k] * a.widths[index[k, cells]] for k, (s, a) in enumerate(zip(start, grid.axes))]
        peclet = _line_integral(coefficients, grid, time, values, start, stop)
        rates = _fitted(peclet, flat_weight[cells] / share, np.zeros_like(peclet), flat_weight[cells])
        flat_loss[cells] += rates[0]


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
    total: np.ndarray = np.zeros(1)
    for node, part in zip(nodes, weights):
        points = [wrapped(a, s + node * (e - s)) for a, s, e in zip(grid.axes, start, stop)]
        b = _drift(coefficients, points, time, values)
        inverse, _ = _inverse(_diffusion(coefficients, points, time, values))
        for j in range(n):
            # (dx^T D^-1)_j first: it is small where D is constant
            total = total + b[j] * (part * sum(inverse[i][j] * (stop[i] - start[i]) for i in range(n)))
    return np.broadcast_to(total, np.broadcast_shapes(*(a.shape for a in start)))


def _upwind_remainder(
    found: dict[tuple[int, ...], Direction],
    grid: Grid,
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
