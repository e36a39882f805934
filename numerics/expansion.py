"""Chebyshev expansion of the exponential of a positive generator that is not a sum over the axes.

    exp(tau L) = so_fark' 2 exp(-z) I_k(z) T_k(1 + 2 L / R),  z = tau R / 2,

with R twice the largest rate of leaving a cell, so that the spectrum lies in [-R, 0] where the generator is in detailed
balance (Gershgorin). A current widens it along the imaginary axis; the expansion is then cut into shorter ones, and
again where its terms grow so large that digits would be lost. About (2 z ln(1/eps))^(1/2) products with the matrix
replace all time steps, whose splitting errors grow with the variation of the lattice directions. What the truncation
leaves below zero is of the size of `SMALL` and cut off.

Source: Tal-Ezer, Kosloff, J. Chem. Phys. 81 (1984) 3967.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numba import njit

from numerics.bessel import scaled_bessel
from numerics.generator import Generator
from numerics.stepping import Record, settle

SMALL = 1e-14  # terms below this, relative to the mass, end an expansion
LARGEST_TERM = 1e4  # terms beyond this cost too many digits
MOST_DIAGONALS = 19  # beyond which most entries of the diagonals would be zero
SWEEP = 30  # products with the matrix in the time of one controlled Strang step
LONGEST_CALL = 1e9  # products of numbers in one call of the kernel, which nothing interrupts


@dataclass(frozen=True, eq=False)
class Bounds:
    """Where the spectrum of a generator lies.

    Attributes:
        radius: its extent along the negative axis.
        growth: by how much a term may exceed the one before, as a logarithm, because of the current.
        leaving: the rate at which each cell is left.
    """

    radius: float
    growth: float
    leaving: np.ndarray

    def pieces(self, duration: float) -> int:
        """Into how many expansions the current makes one cut a duration."""
        longest = 2 * math.log(LARGEST_TERM) / max(self.growth**2, 1e-12)
        return max(1, math.ceil(0.5 * duration * self.radius / longest))

    def products(self, duration: float) -> float:
        """About how many products with the matrix a duration takes."""
        pieces = self.pieces(duration)
        z = 0.5 * duration * self.radius / pieces
        return pieces * min(math.sqrt(2 * z * math.log(1 / SMALL)) + 8, z + 40)


@dataclass(frozen=True, eq=False)
class Expansion:
    """A generator, times 2 / radius, in the form that its expansion wants.

    Attributes:
        offsets: of the diagonals: out[i] = so_fard values[d, i] m[i + offsets[d]]; none where the matrix goes by rows.
        values: on the diagonals.
        starts: where each row starts in `columns` and `entries`.
        columns: of the entries.
        entries: of the matrix by rows.
        bounds: of the spectrum.
    """

    offsets: np.ndarray
    values: np.ndarray
    starts: np.ndarray
    columns: np.ndarray
    entries: np.ndarray
    bounds: Bounds

    @property
    def arguments(self) -> tuple[np.ndarray, ...]:
        """What the kernel takes."""
        return self.offsets, self.values, self.starts, self.columns, self.entries

    @property
    def size(self) -> int:
        """Numbers that one product reads."""
        return self.values.size + 2 * self.entries.size


def bounds(generator: Generator) -> Bounds | None:
    """Bounds of the spectrum (kept with the generator), or None where an axis is advected or nothing moves."""
    if "bounds" not in generator.kept:
        generator.kept["bounds"] = None if generator.advected else _bounds(generator)
    return generator.kept["bounds"]


def _bounds(generator: Generator) -> Bounds | None:
    shape = generator.grid.shape
    axes = tuple(range(len(shape)))
    leaving, advective = np.zeros(shape), np.zeros(shape)
    for direction in generator.directions:
        leaving += direction.forward + direction.loss
        back = np.broadcast_to(direction.backward, shape)
        leaving += np.roll(back, direction.step, axes)  # rates of edges that leave the grid are zero
        advective += np.abs(direction.forward - direction.backward)
    radius = 2 * float(leaving.max())
    if not (math.isfinite(radius) and radius > 0):
        return None
    return Bounds(radius, math.asinh(2 * float(advective.max()) / radius), leaving)


def expansion(generator: Generator) -> Expansion | None:
    """The matrix of a generator ready to be expanded (kept with it), or None where there are no bounds."""
    if "expansion" not in generator.kept:
        found = bounds(generator)
        generator.kept["expansion"] = None if found is None else _made(generator, found)
    return generator.kept["expansion"]


def _made(generator: Generator, found: Bounds) -> Expansion:
    grid = generator.grid
    ring = any(a.sides.periodic for a in grid.axes)
    if not ring and 2 * len(generator.directions) < MOST_DIAGONALS:
        return _on_lines(generator, found)
    size = grid.size
    rows, columns, values = generator.entries()
    values = values * (2 / found.radius)
    shift = columns - rows + size
    present = np.flatnonzero(np.bincount(shift, minlength=2 * size + 1))
    place = np.zeros(2 * size + 1, np.int64)
    place[present] = np.arange(len(present))
    # sums of what shares a place, in the order of rows and columns
    slot = rows * len(present) + place[shift]
    if len(present) <= MOST_DIAGONALS:
        laid = np.bincount(slot, values, size * len(present)).reshape(size, len(present))
        return Expansion(present - size, np.ascontiguousarray(laid.T), *_no_rows(), found)
    taken, where = np.unique(slot, return_inverse=True)
    starts = np.searchsorted(taken, np.arange(size + 1) * len(present))
    there = (taken // len(present) + present[taken % len(present)] - size).astype(np.int32)
    by_rows = (starts.astype(np.int64), there, np.bincount(where, values, len(taken)))
    return Expansion(np.empty(0, np.int64), np.empty((0, size)), *by_rows, found)


def _on_lines(generator: Generator, found: Bounds) -> Expansion:
    """By diagonals where no axis is periodic: a direction is one stride."""
    grid = generator.grid
    strides = [math.prod(grid.shape[k + 1 :]) for k in range(grid.dimension)]
    steps = [sum(v * s for v, s in zip(d.step, strides)) for d in generator.directions]
    offsets = np.array(sorted({0, *steps, *(-s for s in steps)}), np.int64)
    row = {int(o): k for k, o in enumerate(offsets)}
    values = np.zeros((len(offsets), grid.size))
    values[row[0]] = -found.leaving.ravel()
    for direction, step in zip(generator.directions, steps):
        forward = np.ascontiguousarray(np.broadcast_to(direction.forward, grid.shape)).ravel()
        backward = np.ascontiguousarray(np.broadcast_to(direction.backward, grid.shape)).ravel()
        ahead, behind = values[row[step]], values[row[-step]]
        if step > 0:
            behind[step:] += forward[:-step]
            ahead[:-step] += backward[:-step]
        else:
            behind[:step] += forward[-step:]
            ahead[-step:] += backward[-step:]
    values *= 2 / found.radius
    return Expansion(offsets, values, *_no_rows(), found)


def _no_rows() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0)


def worthwhile(generator: Generator, times: Iterable[float], start: float, tolerance: float) -> Expansion | None:
    """The expansion of a constant generator, where it takes less time than Strang steps at that tolerance would."""
    found = bounds(generator)
    if found is None:
        return None
    durations = [b - a for a, b in pairwise([start, *map(float, times)]) if b > a]
    strang = max(8.0, 0.8 / math.sqrt(tolerance)) + 2 * len(durations)
    return expansion(generator) if sum(map(found.products, durations)) <= SWEEP * strang else None


def expand(
    generator: Generator, found: Expansion, mass: np.ndarray, duration: float, record: Record
) -> np.ndarray | None:
    """exp(duration L) mass, or None where the terms stay large in expansions eight times as short as expected."""
    total = float(mass.sum())
    work = found.size * found.bounds.products(duration)
    pieces = max(found.bounds.pieces(duration), math.ceil(work / LONGEST_CALL))
    limit = 8 * pieces
    peak = np.empty(1)
    while pieces <= limit:
        state = np.ascontiguousarray(mass).ravel()
        for _ in range(pieces):
            out = np.empty_like(state)
            terms = chebyshev(state, *found.arguments, 0.5 * duration / pieces * found.bounds.radius, SMALL, peak, out)
            if terms < 0 or peak[0] > 1e2 * LARGEST_TERM:
                break
            state = out
        else:
            record.steps += pieces
            record.error += SMALL * pieces
            return settle(state.reshape(mass.shape), total if generator.closed else None, record)
        pieces *= 2
    return None


@njit(
    "int64(float64[::1], int64[::1], float64[:, ::1], int64[::1], int32[::1], float64[::1], float64, float64,"
    "float64[::1], float64[::1])",
    cache=True,
    error_model="numpy",
    fastmath=True,
    nogil=True,
)
def chebyshev(mass, offsets, values, starts, columns, entries, z, small, peak, out):
    """The expansion for one z; how many terms it took, or -1 if it did not settle.

    `peak` receives the largest term relative to the mass: its logarithm is the number of digits lost by cancellation.
    """
    n = mass.size
    most = int(40 + 2.5 * z + 12 * math.sqrt(z + 1.0))
    bessel = scaled_bessel(z, most)
    # T_0 = m, T_1 = m + A m, T_k+1 = 2 T_k + 2 A T_k - T_k-1 with A = 2 L / R
    before = np.zeros(n)
    current = mass.copy()
    norm = 0.0
    for i in range(n):
        norm += abs(mass[i])
        out[i] = bessel[0] * mass[i]
    peak[0] = 1.0
    block = 1024
    product = np.empty(block)
    count = offsets.size
    quiet = 0
    for k in range(1, most + 1):
        first = 1.0 if k == 1 else 2.0
        weight = 2.0 * bessel[k]
        term = 0.0
        for low in range(0, n, block):
            size = min(block, n - low)
            for i in range(size):
                product[i] = 0.0
            d = 0
            while d < count:
                # three neighbouring diagonals at a time where they lie on the grid: they read the same of `current`
                shift = low + offsets[d]
                if d + 2 < count and shift >= 0 and low + offsets[d + 2] + size <= n:
                    a, b, c = (
                        values[d, low : low + size],
                        values[d + 1, low : low + size],
                        values[d + 2, low : low + size],
                    )
                    x = current[shift : shift + size]
                    y = current[low + offsets[d + 1] : low + offsets[d + 1] + size]
                    z_ = current[low + offsets[d + 2] : low + offsets[d + 2] + size]
                    for i in range(size):
                        product[i] += a[i] * x[i] + b[i] * y[i] + c[i] * z_[i]
                    d += 3
                    continue
                begin = max(0, -shift)
                end = max(min(size, n - shift), begin)
                a = values[d, low + begin : low + end]
                x = current[shift + begin : shift + end]
                target = product[begin:end]
                for i in range(end - begin):
                    target[i] += a[i] * x[i]
                d += 1
            if count == 0:
                for i in range(size):
                    total = 0.0
                    for e in range(starts[low + i], starts[low + i + 1]):
                        total += entries[e] * current[columns[e]]
                    product[i] = total
            here, old, so_far = current[low : low + size], before[low : low + size], out[low : low + size]
            for i in range(size):
                new = first * (here[i] + product[i]) - old[i]
                old[i] = new
                so_far[i] += weight * new
                term += abs(new)
        before, current = current, before
        term *= weight
        if not term < 1e300:
            return -1
        if term > peak[0] * norm:
            peak[0] = term / norm
        if term < small * norm and bessel[k] < bessel[0]:
            quiet += 1
            if quiet == 2:
                return k
        else:
            quiet = 0
    return -1
