"""Where the probability is, for grids on infinite axes: centre, scale and reach from a rough first solution.

The rough grid grows exponentially over four decades of scales in both directions, so nothing about the scales of the
answer has to be known beforehand; mean and deviation of its densities then place the grid of the actual solution.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from numerics.grid import Grid, Spread

ROUGH_REACH = math.asinh(1e4)
ROUGH_CELLS = {1: 240, 2: 72, 3: 32}
DEVIATIONS = 12.0  # how many standard deviations the grid reaches beyond the mean


def moments(grid: Grid, densities: Iterable[np.ndarray]) -> list[list[tuple[float, float]]]:
    """Mean and standard deviation along every axis, for every density."""
    found = []
    for density in densities:
        mass = density * grid.volumes
        total = float(mass.sum())
        row = []
        for k, axis in enumerate(grid.axes):
            marginal = mass.sum(axis=tuple(j for j in range(grid.dimension) if j != k)) / total
            mean = float((marginal * axis.centres).sum())
            row.append((mean, math.sqrt(max(float((marginal * (axis.centres - mean) ** 2).sum()), 0.0))))
        found.append(row)
    return found


def spreads(grid: Grid, densities: Sequence[np.ndarray], rough: dict[Any, Spread] | None = None) -> dict[Any, Spread]:
    """Spreads of the infinite axes that hold all given densities and resolve the narrowest.

    Args:
        grid: the rough grid.
        densities: on it, one for each time.
        rough: what is known of the initial density; it replaces the first density's moments.
    """
    rows = moments(grid, densities)
    chosen = {}
    for k, axis in enumerate(grid.axes):
        if axis.kind != "mapped":
            continue
        pairs = [row[k] for row in rows]
        if rough and axis.symbol in rough:
            pairs.append((rough[axis.symbol].centre, rough[axis.symbol].scale))
        centre, narrowest = min(pairs, key=lambda pair: pair[1])
        widest = max(deviation for _, deviation in pairs)
        far = max(abs(mean - centre) for mean, _ in pairs) + DEVIATIONS * widest
        chosen[axis.symbol] = Spread(centre, narrowest, far)
    return chosen
