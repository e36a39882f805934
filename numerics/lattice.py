"""Selling's decomposition: a diffusion matrix as a sum of positive weights on lattice directions.

D = sum_v w_v v v^T with whole-number vectors v and w_v >= 0 exists for every positive definite D: three directions in
the plane, six in space, found by reducing a superbase of the lattice until it is obtuse. A second difference along
each v then gives a scheme whose rates are all positive, cross-diffusion included; strong anisotropy needs longer v.

Source: Selling, J. reine angew. Math. 77 (1874) 143; Conway, Sloane, Proc. R. Soc. A 436 (1992) 55; Bonnans,
Ottenwaelter, Zidani, ESAIM M2AN 38 (2004) 723; Fehrenbach, Mirebeau, J. Math. Imaging Vis. 49 (2014) 123.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit

LONGEST = 12  # the longest entry of a direction that a stencil may have
_ROUNDS = 400
_ATTEMPTS = 10


_SIGNATURE = "void(float64[:, ::1], int64[:, :, ::1], float64[:, ::1], float64[::1])"


@njit(_SIGNATURE, cache=True, error_model="numpy")
def decompose_plane(diffusion, directions, weights, kept):
    """Directions and weights at N points, from D^11, D^12, D^22; `kept` is the share of D^12 that they represent."""
    e = np.empty((3, 2), np.int64)
    for k in range(diffusion.shape[0]):
        a, c = diffusion[k, 0], diffusion[k, 2]
        small = 1e-13 * (a + c)
        share = 1.0
        b = diffusion[k, 1]
        for attempt in range(_ATTEMPTS):
            b = diffusion[k, 1] * share
            e[0, 0], e[0, 1], e[1, 0], e[1, 1], e[2, 0], e[2, 1] = 1, 0, 0, 1, -1, -1
            done = False
            for _ in range(_ROUNDS):
                done = True
                for i in range(3):
                    j = (i + 1) % 3
                    dot = a * e[i, 0] * e[j, 0] + b * (e[i, 0] * e[j, 1] + e[i, 1] * e[j, 0]) + c * e[i, 1] * e[j, 1]
                    if dot > small:
                        third = 3 - i - j
                        e[third, 0] = e[i, 0] - e[j, 0]
                        e[third, 1] = e[i, 1] - e[j, 1]
                        e[i, 0] = -e[i, 0]
                        e[i, 1] = -e[i, 1]
                        done = False
                        break
                if done or np.abs(e).max() > LONGEST:
                    break
            if done:
                break
            share = 0.6 * share if attempt < _ATTEMPTS - 2 else 0.0
        kept[k] = share
        for i in range(3):
            j, m = (i + 1) % 3, (i + 2) % 3
            dot = a * e[j, 0] * e[m, 0] + b * (e[j, 0] * e[m, 1] + e[j, 1] * e[m, 0]) + c * e[j, 1] * e[m, 1]
            directions[k, i, 0] = -e[i, 1]
            directions[k, i, 1] = e[i, 0]
            weights[k, i] = max(-dot, 0.0)


@njit(_SIGNATURE, cache=True, error_model="numpy")
def decompose_space(diffusion, directions, weights, kept):
    """The same in three dimensions; diffusion holds D^11, D^12, D^13, D^22, D^23, D^33."""
    D = np.empty((3, 3))
    e = np.empty((4, 3), np.int64)
    for k in range(diffusion.shape[0]):
        share = 1.0
        for attempt in range(_ATTEMPTS):
            D[0, 0], D[0, 1], D[0, 2] = diffusion[k, 0], diffusion[k, 1] * share, diffusion[k, 2] * share
            D[1, 0], D[1, 1], D[1, 2] = diffusion[k, 1] * share, diffusion[k, 3], diffusion[k, 4] * share
            D[2, 0], D[2, 1], D[2, 2] = diffusion[k, 2] * share, diffusion[k, 4] * share, diffusion[k, 5]
            small = 1e-13 * (D[0, 0] + D[1, 1] + D[2, 2])
            e[:, :] = 0
            for p in range(3):
                e[p, p] = 1
                e[3, p] = -1
            done = False
            for _ in range(_ROUNDS):
                done = True
                for i in range(4):
                    for j in range(i):
                        dot = 0.0
                        for p in range(3):
                            for q in range(3):
                                dot += D[p, q] * e[i, p] * e[j, q]
                        if dot > small and done:
                            for m in range(4):
                                if m != i and m != j:
                                    for p in range(3):
                                        e[m, p] += e[i, p]
                            for p in range(3):
                                e[i, p] = -e[i, p]
                            done = False
                if done or np.abs(e).max() > LONGEST:
                    break
            if done:
                break
            share = 0.6 * share if attempt < _ATTEMPTS - 2 else 0.0
        kept[k] = share
        slot = 0
        for i in range(4):
            for j in range(i):
                dot = 0.0
                for p in range(3):
                    for q in range(3):
                        dot += D[p, q] * e[i, p] * e[j, q]
                first, second = -1, -1
                for m in range(4):
                    if m != i and m != j:
                        if first < 0:
                            first = m
                        else:
                            second = m
                for p in range(3):
                    q, r = (p + 1) % 3, (p + 2) % 3
                    directions[k, slot, p] = e[first, q] * e[second, r] - e[first, r] * e[second, q]
                weights[k, slot] = max(-dot, 0.0)
                slot += 1


def selling(diffusion: np.ndarray, dimension: int) -> tuple[dict[tuple[int, ...], np.ndarray], np.ndarray]:
    """Weights of every direction that occurs.

    Args:
        diffusion: N x n (n + 1) / 2, the upper triangles row by row, in units of the lattice.
        dimension: n, 2 or 3.

    Returns:
        {direction: N weights}, with the first non-zero entry of each direction positive; and for each matrix the share
        of its off-diagonal part that they represent: 1, or less where directions longer than `LONGEST` would be needed.
    """
    count = len(diffusion)
    slots = 3 if dimension == 2 else 6
    directions = np.zeros((count, slots, dimension), np.int64)
    weights = np.zeros((count, slots))
    # the reduction runs one matrix after the other: equal neighbours (constant D) are decomposed once
    unique, back = (diffusion[:1], None) if count and np.all(diffusion == diffusion[:1]) else (diffusion, True)
    kernel = decompose_plane if dimension == 2 else decompose_space
    size = len(unique)
    kept = np.ones(count)
    kernel(np.ascontiguousarray(unique), directions[:size], weights[:size], kept[:size])
    if back is None and count:
        directions[:], weights[:], kept[:] = directions[:1], weights[:1], kept[:1]
    scale = np.maximum(diffusion.max(axis=1), 1e-300)
    base = 2 * LONGEST**2 * 2 + 1
    lead = np.zeros((count, slots), np.int64)
    for p in range(dimension - 1, -1, -1):
        lead = np.where(directions[:, :, p] != 0, np.sign(directions[:, :, p]), lead)
    directions *= lead[:, :, None]
    code = np.zeros((count, slots), np.int64)
    for p in range(dimension):
        code = code * base + directions[:, :, p]
    weights[weights < 1e-14 * scale[:, None]] = 0.0
    found: dict[tuple[int, ...], np.ndarray] = {}
    for value in np.unique(code[weights > 0]):
        mask = code == value
        where = np.argwhere(mask)[0]
        found[tuple(int(c) for c in directions[where[0], where[1]])] = np.where(mask, weights, 0.0).sum(axis=1)
    return found, kept


@lru_cache(maxsize=64)
def chains(
    shape: tuple[int, ...], step: tuple[int, ...], periodic: tuple[bool, ...]
) -> tuple[np.ndarray, np.ndarray, bool]:
    """The chains of cells that a direction joins: visiting order, where each chain starts (and the end), ring or line.

    Cells are numbered in C order. Every cell is on exactly one chain.
    """
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    moving = [k for k, v in enumerate(step) if v]
    if len(moving) == 1 and step[moving[0]] == 1:
        axis = moving[0]
        order = np.ascontiguousarray(np.moveaxis(numbers, axis, -1)).ravel()
        starts = np.arange(0, order.size + 1, shape[axis])
        return order, starts, periodic[axis]
    ring = all(periodic[k] for k in moving)
    index = np.indices(shape).reshape(len(shape), -1)
    if ring:
        length = int(np.lcm.reduce([shape[k] // np.gcd(shape[k], abs(step[k])) for k in moving]))
        smallest = numbers.ravel().copy()
        for k in range(1, length):
            smallest = np.minimum(smallest, _moved(index, step, shape, k))
        first = np.flatnonzero(smallest == numbers.ravel())
        order = np.stack([_moved(index[:, first], step, shape, k) for k in range(length)], axis=1).ravel()
        return order, np.arange(0, order.size + 1, length), True
    before = [index[k] - step[k] for k in range(len(shape))]
    begins = np.zeros(numbers.size, bool)
    for k in moving:
        if not periodic[k]:
            begins |= (before[k] < 0) | (before[k] >= shape[k])
    first = np.flatnonzero(begins)
    columns = []
    alive = np.ones(first.size, bool)
    k = 0
    while alive.any():
        at = [index[m, first] + k * step[m] for m in range(len(shape))]
        for m in moving:
            if not periodic[m]:
                alive = alive & (at[m] >= 0) & (at[m] < shape[m])
        columns.append(np.where(alive, _moved(index[:, first], step, shape, k), -1))
        k += 1
    table = np.stack(columns, axis=1)
    lengths = (table >= 0).sum(axis=1)
    return table[table >= 0], np.concatenate([[0], np.cumsum(lengths)]), False


@lru_cache(maxsize=64)
def lines(shape: tuple[int, ...], step: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, int]:
    """The chains of a direction without periodic axes as arithmetic progressions: first cells, lengths, stride."""
    order, starts, _ = chains(shape, step, (False,) * len(shape))
    begins, lengths = order[starts[:-1]], np.diff(starts)
    sorting = np.argsort(-lengths, kind="stable")
    strides = np.array([int(np.prod(shape[k + 1 :])) for k in range(len(shape))])
    return begins[sorting].copy(), lengths[sorting].copy(), int(np.dot(step, strides))


def _moved(index: np.ndarray, step: tuple[int, ...], shape: tuple[int, ...], times: int) -> np.ndarray:
    places = [(index[m] + times * step[m]) % shape[m] for m in range(len(shape))]
    return np.ravel_multi_index(places, shape)
