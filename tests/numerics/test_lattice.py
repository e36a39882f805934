"""Selling's decomposition and the chains of cells, on random matrices and grids."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics.lattice import chains, selling


def random_matrices(dimension, count, seed, smallest=0.02):
    rng = np.random.default_rng(seed)
    factors = rng.standard_normal((count, dimension, dimension))
    return factors @ factors.transpose(0, 2, 1) + smallest * np.eye(dimension)


def packed(matrices):
    n = matrices.shape[-1]
    return np.stack([matrices[:, i, j] for i in range(n) for j in range(i, n)], axis=1)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([2, 3]), st.integers(0, 10_000))
def test_weights_are_positive_and_rebuild_the_matrix(dimension, seed):
    matrices = random_matrices(dimension, 30, seed)
    weights, kept = selling(packed(matrices), dimension)
    for k in np.flatnonzero(kept < 1):
        assert np.linalg.cond(matrices[k]) > 50
    off = ~np.eye(dimension, dtype=bool)
    represented = matrices.copy()
    represented[:, off] *= kept[:, None]
    rebuilt = sum(w[:, None, None] * np.outer(v, v) for v, w in weights.items())
    assert np.abs(rebuilt - represented).max() < 1e-11
    assert min(w.min() for w in weights.values()) >= 0
    assert all(next(c for c in v if c) > 0 for v in weights)
    used = np.stack([w > 0 for w in weights.values()]).sum(axis=0)
    assert used.max() <= dimension * (dimension + 1) // 2


def test_diagonal_matrices_use_the_axes():
    weights, _ = selling(np.array([[2.0, 0.0, 3.0], [1.0, 0.0, 1.0]]), 2)
    assert set(weights) == {(1, 0), (0, 1)}
    assert np.allclose(weights[1, 0], [2, 1])


def test_strong_anisotropy_needs_longer_vectors_and_too_strong_is_reported():
    direction = np.array([3.0, 1.0])
    near = np.outer(direction, direction) + 1e-2 * np.eye(2)
    weights, kept = selling(packed(near[None]), 2)
    assert kept[0] == 1
    assert (3, 1) in weights
    direction = np.array([1.0, np.sqrt(2)])
    far = np.outer(direction, direction) + 1e-9 * np.eye(2)
    assert 0 <= selling(packed(far[None]), 2)[1][0] < 1


@pytest.mark.parametrize(
    ("shape", "step", "periodic", "ring"),
    [
        ((7,), (1,), (False,), False),
        ((7,), (1,), (True,), True),
        ((5, 7), (1, 0), (False, True), False),
        ((5, 7), (1, -2), (False, False), False),
        ((5, 6), (1, 1), (True, False), False),
        ((5, 6), (1, 1), (True, True), True),
        ((6, 6), (2, 1), (True, True), True),
        ((4, 5, 6), (1, -1, 1), (False, True, False), False),
        ((3, 4, 5), (0, 1, -2), (False, True, True), True),
    ],
)
def test_chains_visit_every_cell_once_and_follow_the_step(shape, step, periodic, ring):
    order, starts, is_ring = chains(shape, step, periodic)
    assert is_ring == ring
    assert sorted(order) == list(range(int(np.prod(shape))))
    ends = 0
    for begin, end in itertools.pairwise(starts):
        cells = order[begin:end]
        index = np.array(np.unravel_index(cells, shape))
        moved = index + np.array(step)[:, None]
        after = np.ravel_multi_index(moved % np.array(shape)[:, None], shape)
        assert np.array_equal(after[:-1], cells[1:])
        if ring:
            assert after[-1] == cells[0]
        else:
            last = moved[:, -1]
            ends += any(not p and not 0 <= c < n for p, c, n in zip(periodic, last, shape))
    assert ring or ends == len(starts) - 1
