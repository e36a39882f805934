"""Refusing a drift that is not integrable inside the domain: tan x, 1/x through 0, 1/(x - y).

A grid steps over such a place without noticing, and what it then solves is no Fokker-Planck equation. A pole shows
within an edge as a variation that dwarfs that of edges beside it; on those edges the integral of |b| is followed
by bisection to where it is largest. It shrinks towards an integrable singularity, |x|^-a with a < 1, by 2^(a - 1) a
step, and does not shrink towards a pole. At the outer faces of a grid the drift may be singular (Bessel processes).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from numerics.coefficients import Coefficients, Component, evaluate
from numerics.fluxes import gauss
from numerics.grid import Grid
from symrg.errors import InvalidEquation

NODES = 5
STANDS_OUT = 2.5  # variation on an edge, relative to that of the two smoothest of the four edges beside it
MOST_EDGES = 16
MOST_LINES = 9  # across each other axis
HALVINGS = 36
SHRUNK = 0.25  # share of the integral that is left after all halvings, below which it converges


@lru_cache(maxsize=64)
def refuse_singular(coefficients: Coefficients, grid: Grid, time: float, values: tuple[float, ...]) -> None:
    """Refuse a drift with a pole between the centres of the grid.

    Raises:
        InvalidEquation: there is one; the message names the coefficient and the place.
    """
    for k in range(grid.dimension):
        component = coefficients.axes[k] if coefficients.full is None else coefficients.full[0]
        if component.depends[k]:
            _refuse_along(component, 0 if coefficients.full is None else k, grid, k, time, values)


def _refuse_along(component: Component, slot: int, grid: Grid, k: int, time: float, values: Sequence[float]) -> None:
    axis = grid.axes[k]
    left, right = axis.centres[:-1], axis.centres[1:]
    nodes, weights = gauss(NODES)
    lines = [a.centres[_spread(a.cells)] if component.depends[j] else a.centres[:1] for j, a in enumerate(grid.axes)]
    others = [line for j, line in enumerate(lines) if j != k]
    across = np.array(list(itertools.product(*others))).T.reshape(len(others), -1 if others else 1)

    def drift(x: np.ndarray, line: np.ndarray) -> np.ndarray:
        """b at positions along the axis, each on the line of that number; what is not finite counts as very large."""
        points: list[Any] = list(across[:, line])
        points.insert(k, x)
        with np.errstate(all="ignore"):
            found = np.asarray(component.kernel(*points, time, *values)[slot], dtype=complex)
        found = np.abs(np.broadcast_to(found, x.shape))
        return np.where(np.isfinite(found), found, 1e290)

    def at_nodes(line: int) -> np.ndarray:
        points = [np.full(1, v) for v in across[:, line]]
        points.insert(k, x)
        return np.broadcast_to(
            evaluate(component, points, time, values, [name] * len(component.expressions))[slot], x.shape
        )

    name = f"the drift minus the divergence of the diffusion along {axis.symbol}"
    count = across.shape[1]
    x = (left[:, None] + nodes * (right - left)[:, None]).ravel()
    for line in range(count):
        b = at_nodes(line).reshape(-1, NODES)
        variation = np.ptp(b, axis=1)
        around = np.pad(variation, 2, mode="reflect")
        beside = np.sort([around[:-4], around[1:-3], around[3:-1], around[4:]], axis=0)[:2].sum(axis=0)
        ratio = variation / np.maximum(beside, 1e-12 * np.abs(b).max(initial=1e-300))
        chosen = np.argsort(-ratio)[:MOST_EDGES]
        chosen = chosen[ratio[chosen] > STANDS_OUT]
        if not chosen.size:
            continue
        low, high = left[chosen], right[chosen]
        which = np.full((len(chosen), NODES), line)
        first = last = None
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            halves = []
            for a, c in ((low, middle), (middle, high)):
                at = a[:, None] + nodes * (c - a)[:, None]
                halves.append((drift(at, which) @ weights) * (c - a))
            upper = halves[1] > halves[0]
            low, high = np.where(upper, middle, low), np.where(upper, high, middle)
            last = np.maximum(halves[0], halves[1])
            first = last if first is None else first
        assert first is not None
        assert last is not None
        bad = np.flatnonzero(last > SHRUNK * np.maximum(first, 1e-300))
        if bad.size:
            place = float(0.5 * (low[bad[0]] + high[bad[0]]))
            beside_it = [a for j, a in enumerate(grid.axes) if j != k]
            rest = "".join(f", {a.symbol} = {v:.6g}" for a, v in zip(beside_it, across[:, line]))
            raise InvalidEquation(
                f"{name} = {component.expressions[slot]} is singular at {axis.symbol} = {place:.6g}{rest}, and not "
                "integrable there: no density passes such a place. End the domain there, or mend the formula"
            )


def _spread(cells: int) -> np.ndarray:
    """Numbers of a few cells, the first and the last among them."""
    return np.unique(np.linspace(0, cells - 1, min(cells, MOST_LINES)).astype(int))
