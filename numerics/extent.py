"""Where the probability is, for grids on infinite axes: places, scales and reach from a rough first solution.

The rough grid grows exponentially over four decades of scales in both directions, so nothing about the scales of the
answer has to be known beforehand; the peaks of its densities then place the grid of the next one, until that settles.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from numerics.grid import Axis, Grid, Spread
from symrg.errors import InvalidEquation, InvalidGrid

REACH = 1e4  # how many scales the first rough grid reaches
ROUGH_CELLS = {1: 240, 2: 72, 3: 32}
TAIL = 1e-10  # share of the mass that may lie beyond the outer faces
VISIBLE = 1e-4  # share of the mass from which a peak counts
PASSES = 4
MOST_PLACES = 48
RAN_OFF = 1e-6  # share of the mass in the last cells of an infinite axis, beyond which the grid does not hold it


def settled(
    solve: Callable[[dict[Any, Spread]], tuple[Grid, Sequence[np.ndarray]]], known: dict[Any, Spread]
) -> dict[Any, Spread]:
    """Spreads that rough solutions on their own grids confirm.

    Args:
        solve: from spreads to a rough grid and the densities on it, in the order of time.
        known: where to begin; its outer faces are moved.

    Raises:
        InvalidEquation: the coefficients are not finite even close to the places that are known.
        InvalidGrid: the probability runs off to infinity.
    """
    reach = REACH
    while True:
        wide = {c: _reaching(s, reach) for c, s in known.items()}
        try:
            grid, densities = solve(wide)
        except InvalidEquation:
            if reach < 20:
                raise
            reach /= 5  # a coefficient that overflows far out
            continue
        escaped = max((edge_share(grid, p)[0] for p in densities), default=0.0)
        if escaped <= TAIL or reach >= 1e12 or reach < REACH:
            break
        reach *= 1e4
    found = spreads(grid, densities)
    for _ in range(PASSES):
        before = found
        grid, densities = solve(before)
        found = spreads(grid, densities)
        if all(_alike(found[c], before[c]) for c in found):
            break
    return found


def _reaching(spread: Spread, reach: float) -> Spread:
    low = min(m - reach * s for m, s in spread.places)
    return Spread(spread.places, low, max(m + reach * s for m, s in spread.places))


def _alike(one: Spread, other: Spread) -> bool:
    """Whether the narrowest scales and the ends agree, to a fifth."""
    first, second = (min(s for _, s in spread.places) for spread in (one, other))
    width = other.high - other.low
    ends = max(abs(one.low - other.low), abs(one.high - other.high))
    return abs(first - second) <= 0.2 * second and ends <= 0.2 * width


def edge_share(grid: Grid, density: np.ndarray) -> tuple[float, Axis | None]:
    """The largest share of the mass in an outer cell of a mapped axis, at an end that stands for infinity."""
    mass = density * grid.volumes
    total = float(mass.sum())
    worst: tuple[float, Axis | None] = (0.0, None)
    for k, axis in enumerate(grid.axes):
        if axis.kind != "mapped" or total <= 0:
            continue
        line = _marginal(mass, k)
        ends = [line[0] if axis.infinite[0] else 0.0, line[-1] if axis.infinite[1] else 0.0]
        if max(ends) / total > worst[0]:
            worst = float(max(ends)) / total, axis
    return worst


def refuse_escape(grid: Grid, density: np.ndarray, time: float, tolerance: float) -> None:
    """Refuse a density that has reached the last cells of an infinite axis.

    Raises:
        InvalidGrid: it has.
    """
    if not any(any(a.infinite) for a in grid.axes):
        return
    share, axis = edge_share(grid, density)
    if axis is not None and share > max(tolerance, RAN_OFF):
        raise InvalidGrid(
            f"at time {time:g} a share {share:.2g} of the probability is in the last cell of the infinite axis "
            f"{axis.symbol}, which ends at {axis.faces[0]:.3g} and {axis.faces[-1]:.3g}; it runs off to infinity, or "
            "its tails are too heavy for a grid: give a finite domain"
        )


def _marginal(mass: np.ndarray, k: int) -> np.ndarray:
    return mass.sum(axis=tuple(j for j in range(mass.ndim) if j != k)) if mass.ndim > 1 else mass


def peaks(axis: Axis, line: np.ndarray) -> list[tuple[float, float]]:
    """Mean and standard deviation of every peak of the masses along an axis, parted at the valleys between them."""
    total = float(line.sum())
    heights = line / axis.widths
    cuts, top, bottom, at = [0], 0.0, math.inf, 0
    for i, height in enumerate(heights):
        if height < bottom:
            bottom, at = float(height), i
        if height > 2 * bottom and bottom < 0.5 * top:  # it has come down from a peak, and rises again
            cuts.append(at)
            top, bottom = float(height), math.inf
        elif height > top:
            top, bottom, at = float(height), float(height), i
    found = []
    for low, high in pairwise([*cuts, len(line)]):
        part = line[low:high]
        weight = float(part.sum())
        if weight > VISIBLE * total:
            mean = float((part * axis.centres[low:high]).sum()) / weight
            spread = float((part * (axis.centres[low:high] - mean) ** 2).sum()) / weight
            width = float(np.interp(mean, axis.centres, axis.widths))
            found.append((mean, max(math.sqrt(max(spread, 0.0)), 0.2 * width)))
    return found


def spreads(grid: Grid, densities: Iterable[np.ndarray]) -> dict[Any, Spread]:
    """Spreads of the infinite axes that hold all given densities, one after the other in time, and resolve each."""
    masses = [density * grid.volumes for density in densities]
    chosen = {}
    for k, axis in enumerate(grid.axes):
        if axis.kind != "mapped":
            continue
        places: list[tuple[float, float]] = []
        low, high = math.inf, -math.inf
        before: tuple[float, float] | None = None
        for mass in masses:
            line = _marginal(mass, k)
            found = peaks(axis, line)
            if before is not None and len(found) == 1:
                places += _between(before, found[0])
            before = found[0] if len(found) == 1 else None
            places += found
            below = np.concatenate([[0.0], np.cumsum(line)]) / float(line.sum())
            low = min(low, float(axis.faces[max(int(np.searchsorted(below, TAIL)) - 1, 0)]))
            above = np.concatenate([np.cumsum(line[::-1])[::-1], [0.0]]) / float(line.sum())
            high = max(high, float(axis.faces[int(np.count_nonzero(above > TAIL))]))
        chosen[axis.symbol] = Spread(_distinct(places), low, high)
    return chosen


def _between(one: tuple[float, float], other: tuple[float, float]) -> list[tuple[float, float]]:
    """Places on the way of a peak that moved by more than its width."""
    count = min(int(abs(one[0] - other[0]) / (one[1] + other[1])), 16)
    shares = [(k + 1) / (count + 1) for k in range(count)]
    return [((1 - s) * one[0] + s * other[0], (1 - s) * one[1] + s * other[1]) for s in shares]


def _distinct(places: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Places, narrowest first, without those that a narrower or equal one already resolves."""
    kept: list[tuple[float, float]] = []
    for m, s in sorted(places, key=lambda place: place[1]):
        if all(math.hypot(t, m - c) > 1.3 * s for c, t in kept) and len(kept) < MOST_PLACES:
            kept.append((m, s))
    return tuple(kept)
