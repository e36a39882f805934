"""Fokker-Planck generators as positive rates between cells.

The current is J = b p - D grad p with b^i = mu^i - d_j D^ij. Along an edge v between two centres,

    J_v = w_v [B(-Pe) p(x) - B(Pe) p(x + v)],   B(u) = u / (exp(u) - 1),   Pe = int over the edge of (D^-1 b) . dx,

where D = sum_v w_v v v^T with w_v >= 0 (`lattice.py`; for a diagonal D the v are the axes). Where D^-1 b = grad(ln p_s)
the integral is the difference of ln p_s, which Gauss's rule gives to rounding: p_s, taken at the centres, is then
exactly stationary and every edge is in detailed balance with it. As D -> 0 the rates become those of upwinding.

Source: Scharfetter, Gummel, IEEE Trans. Electron Devices 16 (1969) 64; Chang, Cooper, J. Comput. Phys. 6 (1970) 1;
Kushner, Dupuis, Numerical Methods for Stochastic Control Problems (2001), ch. 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from numerics.coefficients import Coefficients, Component, evaluate
from numerics.generator import Direction, Generator
from numerics.grid import Axis, Grid
from symrg.errors import InvalidEquation, InvalidGrid


def generator(coefficients: Coefficients, grid: Grid, time: float, values: Sequence[float]) -> Generator:
    """The rates of an equation on a grid at one time.

    Raises:
        InvalidEquation: a coefficient is not finite, or the diffusion matrix not positive semidefinite, at a point.
        InvalidGrid: a periodic axis has too few cells for the stencil.
    """
    closed = not any(a.sides.absorbing for a in grid.axes)
    if coefficients.diagonal:
        directions = [_along_axis(coefficients, grid, k, time, values) for k in range(grid.dimension)]
        separable = coefficients.separable and not any(coefficients.degenerate)
        return Generator(grid, directions, separable, closed)
    from numerics.cross_diffusion import lattice_directions

    directions, dropped = lattice_directions(coefficients, grid, time, values)
    return Generator(grid, directions, False, closed, dropped)


@lru_cache(maxsize=16)
def gauss(points: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Gauss's rule on (0, 1)."""
    nodes, weights = np.polynomial.legendre.leggauss(points)
    return 0.5 * (nodes + 1), 0.5 * weights


def wrapped(axis: Axis, x: np.ndarray) -> np.ndarray:
    """Positions beyond the faces of a periodic axis, brought back."""
    if not axis.sides.periodic:
        return x
    low = axis.faces[0]
    return low + np.mod(x - low, axis.length)


def names_along(axis: Axis) -> tuple[str, str]:
    """What the coefficients of one axis are called in messages."""
    return (
        f"the drift minus the divergence of the diffusion along {axis.symbol}",
        f"the diffusion D^{axis.symbol}{axis.symbol}",
    )


def _along_axis(coefficients: Coefficients, grid: Grid, k: int, time: float, values: Sequence[float]) -> Direction:
    axis, component = grid.axes[k], coefficients.axes[k]
    others = grid.size // axis.cells
    points = 6 if grid.dimension == 1 else 4 if grid.size < 3e5 else 3
    left, right = axis.inner
    spans = [(left, right)]
    ends = [(axis.faces[:1], axis.centres[:1]), (axis.centres[-1:], axis.faces[-1:])]
    open_sides = [axis.sides.lower == "absorbing", axis.sides.upper == "absorbing"]
    spans += [end for end, is_open in zip(ends, open_sides) if is_open]
    nodes, weights = gauss(points)
    degenerate = coefficients.degenerate[k]
    places = [span[0] + 0.5 * (span[1] - span[0]) for span in spans]
    if not degenerate:
        places += [span[0] + node * (span[1] - span[0]) for node in nodes for span in spans]
    evaluated = _at(component, grid, k, places, time, values, others * axis.cells * len(places))
    middle, rest = evaluated[: len(spans)], evaluated[len(spans) :]
    shape = [1] * grid.dimension

    def laid(a: np.ndarray) -> np.ndarray:
        shape[k] = -1
        return a.reshape(shape)

    exits: list[tuple[np.ndarray, np.ndarray] | None] = []
    for is_open, cell in zip(open_sides, (0, -1)):
        if is_open:
            side = 1 + len(exits)
            near = None if degenerate else rest[(0 if cell == 0 else points - 1) * len(spans) + side][1]
            if near is not None and np.any(near < 0.2 * middle[side][1]):
                exits.append(_exit(component, grid, k, cell, near, time, values))
            else:
                exits.append(None)
    results: list[tuple[np.ndarray, np.ndarray, np.ndarray | None]] = []
    for s, (low, high) in enumerate(spans):
        b, diffusion = middle[s]
        length = laid(high - low)
        _refuse_negative(diffusion, axis, places[s], time)
        if degenerate:
            results.append((np.maximum(b, 0.0), np.maximum(-b, 0.0), None))
            continue
        with np.errstate(all="ignore"):
            peclet = sum(
                weight * (rest[q * len(spans) + s][0] / rest[q * len(spans) + s][1]) for q, weight in enumerate(weights)
            )
            peclet = peclet * length
            conductance = diffusion / length
            if any(e is not None for e in exits):
                # the harmonic mean of D is exact where D is linear and b constant: near a side with an exit
                conductance = 1 / (length * sum(w / rest[q * len(spans) + s][1] for q, w in enumerate(weights)))
            if not (np.all(np.isfinite(peclet)) and np.all(diffusion > 0)):
                peclet = np.where(np.isfinite(peclet), peclet, b * length / diffusion)
        results.append(_fitted(peclet, conductance, b, diffusion))
    widths = axis.widths
    inner_left, inner_right = (widths, np.roll(widths, -1)) if axis.sides.periodic else (widths[:-1], widths[1:])
    forward, backward, excess = results[0]
    forward, backward = forward / laid(inner_left), backward / laid(inner_right)
    if not axis.sides.periodic:
        pad = [(0, 1) if j == k else (0, 0) for j in range(grid.dimension)]
        forward, backward = _full(forward, k, axis.cells - 1, pad), _full(backward, k, axis.cells - 1, pad)
        excess = None if excess is None else _full(excess, k, axis.cells - 1, pad)
    else:
        forward, backward = _full(forward, k, axis.cells, None), _full(backward, k, axis.cells, None)
    loss = np.zeros([axis.cells if j == k else 1 for j in range(grid.dimension)])
    side = 1
    for is_open, cell, outward in ((open_sides[0], 0, 1), (open_sides[1], -1, 0)):
        if is_open:
            if (exit_ := exits[side - 1]) is not None:
                # the density on the side is extrapolated from two cells: p_0 + r (p_0 - p_1)
                vanishing, outflow = exit_
                second = 1 if cell == 0 else -2
                r = abs(axis.centres[cell] - axis.faces[cell]) / abs(axis.centres[second] - axis.centres[cell])
                here: tuple[Any, ...] = (slice(None),) * k
                extra = np.where(vanishing, r * outflow / widths[second], 0.0)
                inward = backward if cell == 0 else forward
                full = [axis.cells if j == k else max(m, extra.shape[j]) for j, m in enumerate(inward.shape)]
                inward = np.broadcast_to(inward, full).copy()
                edge = 0 if cell == 0 else axis.cells - 2
                inward[(*here, edge)] += extra[(*here, 0)]
                forward, backward = (forward, inward) if cell == 0 else (inward, backward)
                rate = np.where(vanishing, (1 + r) * outflow, results[side][outward]) / widths[cell]
                loss = np.broadcast_to(loss, full if loss.ndim == len(full) else loss.shape).copy()
                loss[(*here, second)] -= extra[(*here, 0)]
            else:
                rate = results[side][outward] / widths[cell]
            target = [
                np.broadcast_shapes(loss.shape, rate.shape)[j] if j != k else axis.cells for j in range(grid.dimension)
            ]
            loss = np.broadcast_to(loss, target).copy()
            loss[(slice(None),) * k + (cell,)] += rate[(slice(None),) * k + (0,)]
            side += 1
    step = tuple(int(j == k) for j in range(grid.dimension))
    speed = _face_speeds(coefficients, grid, k, time, values) if degenerate else None
    return Direction(step, forward, backward, loss, excess, speed)


def _exit(
    component: Component, grid: Grid, k: int, cell: int, near: np.ndarray, time: float, values: Sequence[float]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Where the diffusion vanishes on an absorbing side, and the speed at which mass leaves there.

    There the density does not vanish: with D ~ x and b = mu - dD/dx at x = 0 the solution that does not come back is
    finite and carries the current b p (Feller's exit boundary); where b points inwards the side is out of reach.

    Source: Feller, Ann. of Math. 54 (1951) 173.
    """
    axis = grid.axes[k]
    face = axis.faces[:1] if cell == 0 else axis.faces[-1:]
    try:
        ((b, diffusion),) = _at(component, grid, k, [face], time, values, 1)
    except InvalidEquation:
        return None  # not defined on the side itself: the fitted rate stands
    vanishing = diffusion <= 1e-10 * near
    if not vanishing.any():
        return None
    return vanishing, np.maximum(-b if cell == 0 else b, 0.0)


def _face_speeds(
    coefficients: Coefficients, grid: Grid, k: int, time: float, values: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Velocities at the faces of an axis without diffusion, in cells per unit time."""
    axis = grid.axes[k]
    ((b, _),) = _at(coefficients.axes[k], grid, k, [axis.faces], time, values, grid.size)
    centres, periodic = axis.centres, axis.sides.periodic
    slope = np.empty(axis.cells + 1)
    slope[1:-1] = np.diff(centres)
    seam = centres[0] + axis.length - centres[-1]
    slope[0], slope[-1] = (seam, seam) if periodic else (axis.widths[0], axis.widths[-1])
    speed = np.array(b / slope.reshape([-1 if j == k else 1 for j in range(grid.dimension)]))
    first, last = (slice(None),) * k + (slice(0, 1),), (slice(None),) * k + (slice(-1, None),)
    if not periodic:
        # nothing comes in; through a reflecting face nothing goes out either
        speed[first] = np.minimum(speed[first], 0.0) if axis.sides.lower == "absorbing" else 0.0
        speed[last] = np.maximum(speed[last], 0.0) if axis.sides.upper == "absorbing" else 0.0
    return speed[(slice(None),) * k + (slice(1, None),)], speed[first]


def _full(a: np.ndarray, k: int, length: int, pad: list[tuple[int, int]] | None) -> np.ndarray:
    """An edge array spread over all edges of its axis (constants collapse), with a zero past the last one."""
    if a.shape[k] != length:
        a = np.broadcast_to(a, [length if j == k else m for j, m in enumerate(a.shape)])
    return a if pad is None else np.pad(a, pad)


def _fitted(
    peclet: np.ndarray, conductance: np.ndarray, b: np.ndarray, diffusion: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Exponentially fitted coefficients (from left to right, from right to left) and the numerical diffusion."""
    from numerics.sweeps import fitted_rates

    peclet, conductance = np.broadcast_arrays(peclet, conductance)
    shape = peclet.shape
    w = np.array(peclet).ravel()
    forward, backward, ones = np.empty(w.size), np.empty(w.size), np.ones(w.size)
    fitted_rates(w, np.array(conductance).ravel(), ones, ones, forward, backward)
    there, back = forward.reshape(shape), backward.reshape(shape)
    empty = np.broadcast_to(diffusion, shape) <= 0
    if empty.any():  # the limit D -> 0: upwinding
        drift = np.broadcast_to(b, shape)
        there = np.where(empty, np.maximum(drift, 0.0), there)
        back = np.where(empty, np.maximum(-drift, 0.0), back)
    half = np.minimum(np.abs(peclet) / 2, 1e8)
    with np.errstate(all="ignore"):
        excess = np.where(half < 1e-2, half**2 / 3, half / np.tanh(half) - 1)
    return there, back, np.where(empty | ~np.isfinite(excess), 1e8, excess)


def _refuse_negative(diffusion: np.ndarray, axis: Axis, x: np.ndarray, time: float) -> None:
    if np.any(diffusion < 0):
        where = np.argwhere(diffusion < 0)[0]
        position = x[min(int(where[list(diffusion.shape).index(max(diffusion.shape))]), len(x) - 1)]
        raise InvalidEquation(
            f"the diffusion along {axis.symbol} is negative ({diffusion[tuple(where)]:.6g}) near {axis.symbol} = "
            f"{position:.6g} at time {time:.6g}; a Fokker-Planck equation needs D >= 0 on the whole domain"
        )


def _at(
    component: Component,
    grid: Grid,
    k: int,
    places: Sequence[np.ndarray],
    time: float,
    values: Sequence[float],
    size: int,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """(b, D) at positions along axis k and the centres of the other axes: in one call where memory allows."""
    axis, count = grid.axes[k], grid.dimension
    names = names_along(axis)
    others = [
        np.asarray(a.centres).reshape([-1 if m == j else 1 for m in range(count)]) for j, a in enumerate(grid.axes)
    ]

    def call(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        points = list(others)
        points[k] = wrapped(axis, x).reshape([-1 if m == k else 1 for m in range(count)])
        b, diffusion = evaluate(component, points, time, values, names)
        return _dimensions(b, count), _dimensions(diffusion, count)

    if size > 4_000_000:
        return [call(x) for x in places]
    b, diffusion = call(np.concatenate(places))
    total = sum(len(p) for p in places)
    pieces, at = [], 0
    for place in places:
        cut = (slice(None),) * k + (slice(at, at + len(place)),)
        pieces.append(
            (b[cut] if b.shape[k] == total else b, diffusion[cut] if diffusion.shape[k] == total else diffusion)
        )
        at += len(place)
    return pieces


def _dimensions(a: np.ndarray, count: int) -> np.ndarray:
    return a if a.ndim == count else np.broadcast_to(a, (1,) * count)


def coarse_mesh(generator: Generator, mass: np.ndarray) -> tuple[float, np.ndarray]:
    """What the mesh adds to the diffusion, averaged over the mass.

    Returns:
        The numerical diffusion relative to the physical one (of the worst direction), and the rate at which it adds to
        the variance along each axis.
    """
    total = float(mass.sum())
    if total <= 0:
        return 0.0, np.zeros(generator.grid.dimension)
    flat = np.ascontiguousarray(mass).ravel()
    worst = max((float(np.dot(flat, excess)) for excess, _ in generator.numerical), default=0.0) / total
    growth = np.zeros(generator.grid.dimension)
    for _, added in generator.numerical:
        for k, rate in added.items():
            growth[k] += float(np.dot(flat, rate)) / total
    return worst, growth


def refuse_anisotropy(grid: Grid, cell: int) -> InvalidGrid:
    """The error for a diffusion matrix without a short positive stencil."""
    return InvalidGrid(
        f"at {grid.point(cell)} the diffusion matrix, in units of the cells, is so anisotropic (or singular across the "
        f"axes) that a positive scheme would reach further than 12 cells; choose `shape` so that the cells are as "
        f"elongated as the diffusion, turn the coordinates, or use scheme='high-order'"
    )
