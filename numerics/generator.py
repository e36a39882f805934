"""A Markov generator on the cells of a grid: positive rates of exchange along lattice directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from numerics.grid import Grid


@dataclass(eq=False)
class Direction:
    """Rates of exchange along one lattice direction, each array broadcasting to the shape of the grid.

    Attributes:
        step: the direction v.
        forward: rate of mass from cell x to x + v.
        backward: rate of mass from x + v to x, stored at x.
        loss: rate at which mass leaves cell x through absorbing sides along this direction. Beside a side on which the
            diffusion vanishes the second cell has a negative one, see `_exit`.
        excess: numerical diffusion of the edge at x relative to the physical one, (Pe / 2) coth(Pe / 2) - 1;
            None where the direction has no diffusion.
        speed: where it has none, the velocity in cells per unit time at the upper face of every cell, and at the lower
            face of the first one: such an axis is advected (`advection.advect`), and its rates serve the matrix only.
    """

    step: tuple[int, ...]
    forward: np.ndarray
    backward: np.ndarray
    loss: np.ndarray
    excess: np.ndarray | None
    speed: tuple[np.ndarray, np.ndarray] | None = None


@dataclass(eq=False)
class Generator:
    """A Markov generator on the cells of a grid, acting on masses.

    Attributes:
        grid: the cells.
        directions: the rates.
        separable: whether it is a sum of one-dimensional ones.
        closed: whether mass is conserved.
        dropped: share of the cross-diffusion that no short positive stencil represents, for each cell, or None.
        kept: what others made from the rates, by name.
    """

    grid: Grid
    directions: list[Direction]
    separable: bool
    closed: bool
    dropped: np.ndarray | None = None
    kept: dict[str, Any] = field(default_factory=dict)
    _flat: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = field(default_factory=dict)
    _speeds: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def flat(self, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Forward, backward and loss of the k-th direction, a number for each cell."""
        if k not in self._flat:
            d = self.directions[k]
            shape = self.grid.shape
            full = [np.array(np.broadcast_to(a, shape), order="C") for a in (d.forward, d.backward, d.loss)]
            self._flat[k] = (full[0].ravel(), full[1].ravel(), full[2].ravel())
        return self._flat[k]

    def speeds(self, k: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Velocities of the k-th direction where it is advected, a number for each cell."""
        given = self.directions[k].speed
        if given is None:
            return None
        if k not in self._speeds:
            upper, lower = (np.array(np.broadcast_to(a, self.grid.shape), order="C").ravel() for a in given)
            self._speeds[k] = (upper, lower)
        return self._speeds[k]

    @property
    def advected(self) -> bool:
        """Whether some axis has drift but no diffusion."""
        return any(d.speed is not None for d in self.directions)

    def entries(self, sharp: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, columns and values of the generator as a matrix; what shares a place is to be added.

        Args:
            sharp: carry axes without diffusion by upwind-biased fluxes of third order instead of first-order upwinding;
                the rates are then no longer all positive.
        """
        n = self.grid.size
        numbers = np.arange(n)
        index = np.indices(self.grid.shape).reshape(self.grid.dimension, -1)
        rows, columns, values = [], [], []
        for k, direction in enumerate(self.directions):
            forward, backward, loss = self.flat(k)
            places, inside = neighbour(index, direction.step, self.grid)
            source, target = numbers[inside], np.ravel_multi_index(places, self.grid.shape)[inside]
            rows.append(numbers)
            columns.append(numbers)
            values.append(-loss)
            speeds = self.speeds(k)
            if sharp and speeds is not None:
                for cell, weight in self._biased(k, index, source, target, speeds[0][inside]):
                    rows += [target, source]
                    columns += [cell, cell]
                    values += [weight, -weight]
                continue
            for a, b, rate in ((source, target, forward[inside]), (target, source, backward[inside])):
                keep = rate != 0
                rows += [b[keep], a[keep]]
                columns += [a[keep], a[keep]]
                values += [rate[keep], -rate[keep]]
        return np.concatenate(rows), np.concatenate(columns), np.concatenate(values)

    def matrix(self, sharp: bool = False):
        """The generator as a sparse matrix (CSC), see `entries`: columns sum to minus the loss."""
        import scipy.sparse

        rows, columns, values = self.entries(sharp)
        return scipy.sparse.coo_matrix((values, (rows, columns)), shape=(self.grid.size, self.grid.size)).tocsc()

    def _biased(
        self, k: int, index: np.ndarray, source: np.ndarray, target: np.ndarray, speed: np.ndarray
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Cells and weights whose sum is the mass that crosses the faces from source to target per unit time.

        The mass at a face is (2 m[downwind] + 5 m[upwind] - m[one further upwind]) / 6.
        """
        step = self.directions[k].step
        before, has_before = neighbour(index[:, source], tuple(-v for v in step), self.grid)
        after, has_after = neighbour(index[:, target], step, self.grid)
        rising = speed > 0
        further = np.where(
            rising, np.ravel_multi_index(before, self.grid.shape), np.ravel_multi_index(after, self.grid.shape)
        )
        there = np.where(rising, has_before, has_after)
        upwind, downwind = np.where(rising, source, target), np.where(rising, target, source)
        return [
            (downwind, speed * np.where(there, 2 / 6, 1 / 2)),
            (upwind, speed * np.where(there, 5 / 6, 1 / 2)),
            (np.where(there, further, upwind), speed * np.where(there, -1 / 6, 0.0)),
        ]

    @cached_property
    def along_axes(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Rates along each axis of a separable generator."""
        return [
            (np.array(d.forward).ravel(), np.array(d.backward).ravel(), np.array(d.loss).ravel())
            for d in self.directions
        ]

    @cached_property
    def inverse_stationary(self) -> list[np.ndarray | None]:
        """1 / pi along each axis of a separable generator, pi being in detailed balance with sum 1; None if none is."""
        found: list[np.ndarray | None] = []
        for axis, (forward, backward, loss) in zip(self.grid.axes, self.along_axes):
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                steps = np.log(forward[: axis.cells - 1]) - np.log(backward[: axis.cells - 1])
                logarithm = np.concatenate([[0.0], np.cumsum(np.broadcast_to(steps, (axis.cells - 1,)))])
                logarithm -= logarithm.max()
                inverse = np.exp(-logarithm) * np.exp(logarithm).sum()
            ok = np.all(np.isfinite(logarithm)) and loss.min() >= 0 and not axis.sides.periodic
            found.append(inverse if ok else None)
        return found

    @cached_property
    def numerical(self) -> list[tuple[np.ndarray, dict[int, np.ndarray]]]:
        """For each direction with diffusion, in every cell, what the mesh adds.

        The numerical diffusion relative to the physical one, and for each axis the rate at which it adds to the
        variance.
        """
        grid, found = self.grid, []
        for direction in self.directions:
            if direction.excess is None:
                continue
            added = (direction.forward + direction.backward) * direction.excess / (1 + direction.excess)
            rates = {}
            for k, axis in enumerate(grid.axes):
                if direction.step[k]:
                    lengths = (direction.step[k] * axis.widths) ** 2
                    laid = lengths.reshape([-1 if j == k else 1 for j in range(grid.dimension)])
                    rates[k] = np.broadcast_to(added * laid, grid.shape).ravel()
            found.append((np.broadcast_to(direction.excess, grid.shape).ravel(), rates))
        return found

    @cached_property
    def most_numerical(self) -> float:
        """The largest numerical diffusion relative to the physical one on the whole grid."""
        return max((float(excess.max()) for excess, _ in self.numerical), default=0.0)

    @cached_property
    def fastest(self) -> float:
        """The largest rate at which a cell loses mass along one direction."""
        return max(float(np.max(d.forward) + np.max(d.backward) + np.max(d.loss)) for d in self.directions)


def neighbour(index: np.ndarray, step: Sequence[int], grid: Grid) -> tuple[list[np.ndarray], np.ndarray]:
    """Where a step leads from cells: places (wrapped), and whether each lies on the grid."""
    places, inside = [], np.ones(index.shape[1], bool)
    for k, axis in enumerate(grid.axes):
        moved = index[k] + step[k]
        if not axis.sides.periodic:
            inside &= (moved >= 0) & (moved < axis.cells)
        places.append(moved % axis.cells)
    return places, inside
