"""Grids of cells: uniform, stretched by given faces, or mapped from an infinite interval.

An axis is a monotone map from the cell index xi in [0, n] to the coordinate; cell i lies between the faces
x(i) and x(i + 1) and its centre is x(i + 1/2). An infinite side is cut off beyond the probability, where the cells
have grown exponentially: around one place x = c + s sinh(kappa u) on the line, x = a + s sinh(kappa u)^2 on a half
line; several places are resolved together, see `_mapped`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import sympy

from numerics.boundary import Sides, by_axis
from symrg.errors import InvalidGrid

FEWEST_CELLS = 4


@dataclass(frozen=True)
class Spread:
    """What the map of an infinite axis is built for.

    Attributes:
        places: (centre, scale) of everything that the cells have to resolve.
        low: how far down the outer face lies, where that end is infinite.
        high: how far up it lies.
    """

    places: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    low: float = -500.0
    high: float = 500.0

    @classmethod
    def around(cls, centre: float, scale: float, far: float) -> Spread:
        """One place, and outer faces at a distance from it."""
        return cls(((centre, scale),), centre - far, centre + far)


@dataclass(frozen=True, eq=False)
class Axis:
    """The cells along one coordinate.

    Attributes:
        symbol: the coordinate.
        faces: n + 1 increasing numbers.
        centres: n numbers, one inside each cell.
        sides: the boundary conditions.
        slope: dx/dxi at the centres, for smooth maps (None where faces were given by hand).
        kind: "uniform", "stretched" or "mapped".
        infinite: whether the lower and the upper end stand for infinity.
    """

    symbol: sympy.Symbol
    faces: np.ndarray
    centres: np.ndarray
    sides: Sides
    slope: np.ndarray | None
    kind: str
    infinite: tuple[bool, bool] = (False, False)

    @property
    def cells(self) -> int:
        """How many cells there are."""
        return len(self.centres)

    @cached_property
    def widths(self) -> np.ndarray:
        """Cell widths."""
        return np.diff(self.faces)

    @property
    def length(self) -> float:
        """Distance between the outer faces."""
        return float(self.faces[-1] - self.faces[0])

    @cached_property
    def inner(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the centres left and right of each inner face; with the seam as the last one if periodic."""
        left, right = self.centres[:-1], self.centres[1:]
        if self.sides.periodic:
            left, right = np.append(left, self.centres[-1]), np.append(right, self.centres[0] + self.length)
        return left, right


@dataclass(frozen=True, eq=False)
class Grid:
    """The product of axes; arrays on it have `shape`, first coordinate first."""

    axes: tuple[Axis, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Cells along each axis."""
        return tuple(a.cells for a in self.axes)

    @property
    def size(self) -> int:
        """Number of cells."""
        return math.prod(self.shape)

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.axes)

    @cached_property
    def volumes(self) -> np.ndarray:
        """Cell volumes, of shape `shape`."""
        volume = self.axes[0].widths
        for axis in self.axes[1:]:
            volume = volume[..., None] * axis.widths
        return np.ascontiguousarray(volume)

    @property
    def uniform(self) -> bool:
        """Whether every axis has equal cells."""
        return all(a.kind == "uniform" for a in self.axes)

    def mesh(self) -> tuple[np.ndarray, ...]:
        """Centres along each axis, shaped so that they broadcast against each other."""
        return broadcast([a.centres for a in self.axes])

    def point(self, index: int) -> str:
        """The centre of a cell, by its flat index, in words."""
        where = np.unravel_index(index, self.shape)
        return ", ".join(f"{a.symbol} = {a.centres[i]:.6g}" for a, i in zip(self.axes, where))


def broadcast(arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """One-dimensional arrays, the k-th laid along axis k."""
    count = len(arrays)
    return tuple(a.reshape((1,) * k + (-1,) + (1,) * (count - k - 1)) for k, a in enumerate(arrays))


def make_grid(
    coordinates: Sequence[sympy.Symbol],
    domain: Any,
    shape: Any,
    sides: Sequence[Sides],
    spread: Mapping[sympy.Symbol, Spread] | None = None,
) -> Grid:
    """The grid of a domain.

    Args:
        coordinates: of the equation, in its order.
        domain: for each coordinate (Symbol or name) an interval (a, b), infinite ends allowed, or an increasing array
            of cell faces. In one dimension the bare interval will do.
        shape: cells along each axis; an int stands for all axes. None where the faces are given.
        sides: boundary conditions of each axis.
        spread: for axes with infinite ends.

    Raises:
        InvalidGrid: an interval is missing, empty or not a number, or a shape does not fit.
    """
    count = len(coordinates)
    if not isinstance(domain, Mapping):
        if count != 1:
            raise InvalidGrid(f"domain is {domain!r}; give a mapping with an interval for each of {coordinates}")
        domain = {coordinates[0]: domain}
    intervals = by_axis(domain, coordinates, "domain")
    missing = [c.name for c in coordinates if c not in intervals]
    if missing:
        raise InvalidGrid(f"domain has no interval for {', '.join(missing)}; give one for every coordinate")
    if shape is None or isinstance(shape, (int, np.integer)):
        shape = (shape,) * count
    try:
        cells = tuple(None if n is None else int(n) for n in shape)
        exact = all(n is None or int(n) == n for n in shape)
    except (TypeError, ValueError):
        raise InvalidGrid(f"shape is {shape!r}; expected {count} whole numbers of cells") from None
    if len(cells) != count or not exact:
        raise InvalidGrid(f"shape is {shape!r}; expected {count} whole numbers of cells, one for each coordinate")
    spread = spread or {}
    ends = tuple(_ends(c, intervals[c]) for c in coordinates)
    return _grid(tuple(coordinates), ends, cells, tuple(sides), tuple(spread.get(c, Spread()) for c in coordinates))


@lru_cache(maxsize=32)
def _grid(coordinates, ends, cells, sides, spread) -> Grid:
    """Grids are kept for the life of the process, so that what depends on them can be kept too."""
    return Grid(tuple(_axis(*given) for given in zip(coordinates, ends, cells, sides, spread)))


def _ends(symbol: sympy.Symbol, given: Any) -> tuple[float, ...]:
    if isinstance(given, np.ndarray) and given.dtype.kind == "f":
        return tuple(given.ravel().tolist())
    try:
        return tuple(_number(end, symbol) for end in given)
    except TypeError:
        raise InvalidGrid(f"domain of {symbol} is {given!r}; expected an interval (a, b) or an array") from None


def infinite(domain: Any) -> bool:
    """Whether an interval (a, b) has an infinite end."""
    try:
        return len(domain) == 2 and any(not math.isfinite(_number(end, "the domain")) for end in domain)
    except TypeError:
        return False


def _axis(symbol: sympy.Symbol, given: tuple[float, ...], cells: int | None, sides: Sides, spread: Spread) -> Axis:
    ends = given
    if len(ends) > 2:
        return _stretched(symbol, np.asarray(ends), cells, sides)
    if len(ends) != 2 or not ends[0] < ends[1]:
        raise InvalidGrid(f"domain of {symbol} is {given!r}; expected an interval (a, b) with a < b")
    if cells is None or cells < FEWEST_CELLS:
        raise InvalidGrid(f"{cells} cells along {symbol}; expected {FEWEST_CELLS} or more")
    low, high = ends
    if math.isfinite(low) and math.isfinite(high):
        xi = np.arange(2 * cells + 1) * ((high - low) / (2 * cells)) + low
        xi[-1] = high
        slope = np.full(cells, (high - low) / cells)
        return Axis(symbol, xi[::2].copy(), xi[1::2].copy(), sides, slope, "uniform")
    if sides.periodic:
        raise InvalidGrid(f"{symbol} is periodic on ({low:g}, {high:g}); a periodic axis is finite")
    for end, kind in ((low, sides.lower), (high, sides.upper)):
        if not math.isfinite(end) and kind != "reflecting":
            raise InvalidGrid(
                f"the side of {symbol} at {end:g} is {kind}; nothing leaves at infinity: use 'reflecting'"
            )
    return _mapped(symbol, low, high, cells, sides, spread)


def _mapped(symbol: sympy.Symbol, low: float, high: float, cells: int, sides: Sides, spread: Spread) -> Axis:
    """Cells as fine as the finest place asks for: 1/h = (sum of 1/h_k^4)^(1/4), h_k^2 = s_k^2 + (x - m_k)^2.

    One place alone makes the map of `sinh`. On a half line h_0 = 2 (d (d + s))^(1/2) is added, d the distance from its
    end, which alone makes the map of `sinh` squared.
    """
    centre, scale = min(spread.places, key=lambda place: place[1])
    half_line = math.isfinite(low) or math.isfinite(high)
    sign, origin = (-1.0, high) if math.isfinite(high) else (1.0, low)
    if half_line:
        others = [(abs(m - origin), s) for m, s in spread.places]
        centre, scale = 0.0, min(max(m, s) for m, s in others)
        far = max((spread.high if sign > 0 else -spread.low) - sign * origin, 20 * scale)
        ends = (0.0, math.asinh(math.sqrt(far / scale)))
    else:
        others = [place for place in spread.places if place != (centre, scale)]
        least = (min(m - 6 * s for m, s in spread.places), max(m + 6 * s for m, s in spread.places))
        ends = (
            math.asinh((min(spread.low, least[0]) - centre) / scale),
            math.asinh((max(spread.high, least[1]) - centre) / scale),
        )

    def position(w: np.ndarray) -> np.ndarray:
        return scale * np.sinh(w) ** 2 if half_line else centre + scale * np.sinh(w)

    def slope(w: np.ndarray) -> np.ndarray:
        return scale * np.sinh(2 * w) if half_line else scale * np.cosh(w)

    def crowding(w: np.ndarray) -> np.ndarray:
        x, total = position(w), np.ones_like(w)
        for m, s in others:
            total += (slope(w) ** 2 / (s * s + (x - m) ** 2)) ** 2
        return total**0.25

    knots = [np.linspace(*ends, 1001 if others else 2)]
    for m, s in others:
        x = m + s * np.sinh(np.linspace(-8, 8, 161))
        knots.append(np.arcsinh(np.sqrt(np.maximum(x, 0) / scale) if half_line else (x - centre) / scale))
    w = np.unique(np.clip(np.concatenate(knots), *ends))
    nodes, weights = np.polynomial.legendre.leggauss(4)
    inner = w[:-1, None] + 0.5 * (nodes + 1) * np.diff(w)[:, None]
    index = np.concatenate([[0.0], np.cumsum(0.5 * np.diff(w) * (crowding(inner) * weights).sum(axis=1))])
    rate = crowding(w) * (cells / index[-1])
    index *= cells / index[-1]
    from scipy.interpolate import CubicHermiteSpline

    inverse = CubicHermiteSpline(index, w, 1 / rate)
    places = np.arange(2 * cells + 1) / 2
    at = inverse(places)
    x, dx = position(at), slope(at) * inverse(places, 1)
    if half_line:
        x = origin + sign * x
        if sign < 0:
            x, dx = x[::-1], dx[::-1]
    unbounded = (math.isinf(low), math.isinf(high))
    return Axis(symbol, x[::2].copy(), x[1::2].copy(), sides, dx[1::2].copy(), "mapped", unbounded)


def _stretched(symbol: sympy.Symbol, faces: np.ndarray, cells: int | None, sides: Sides) -> Axis:
    if not np.all(np.isfinite(faces)) or not np.all(np.diff(faces) > 0):
        raise InvalidGrid(f"the faces of {symbol} must be finite and increasing")
    if len(faces) - 1 < FEWEST_CELLS:
        raise InvalidGrid(f"{len(faces) - 1} cells along {symbol}; expected {FEWEST_CELLS} or more")
    if cells is not None and cells != len(faces) - 1:
        raise InvalidGrid(f"{len(faces)} faces of {symbol} make {len(faces) - 1} cells, but shape says {cells}")
    return Axis(symbol, faces, 0.5 * (faces[1:] + faces[:-1]), sides, None, "stretched")


def _number(value: Any, what: Any) -> float:
    if isinstance(value, (bool, str, bytes)):
        raise InvalidGrid(f"domain of {what}: {value!r} is not a number")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InvalidGrid(f"domain of {what}: {value!r} is not a real number; parameters need their values") from None
    if math.isnan(number):
        raise InvalidGrid(f"domain of {what}: an end is not a number (nan)")
    return number
