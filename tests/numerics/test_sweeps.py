"""The compiled kernels against dense linear algebra."""

import math

import numpy as np
import pytest
import scipy.linalg

from numerics import strips, sweeps
from numerics.advection import advect_line
from numerics.lattice import chains, lines
from numerics.rational import DEGREE_14

NONE = np.zeros(0, np.complex128)


def rates(n, seed, ring=False):
    rng = np.random.default_rng(seed)
    forward = rng.random(n) * 40 + 1
    backward = forward * np.exp(0.02 * rng.standard_normal(n)) if ring else rng.random(n) * 40 + 1
    return forward, backward, rng.random(n) * (rng.random(n) < 0.2)


def dense(forward, backward, loss, ring):
    n = len(forward)
    L = np.zeros((n, n))
    for i in range(n if ring else n - 1):
        j = (i + 1) % n
        L[j, i] += forward[i]
        L[i, i] -= forward[i]
        L[i, j] += backward[i]
        L[j, j] -= backward[i]
    return L - np.diag(loss)


@pytest.mark.parametrize("ring", [False, True])
@pytest.mark.parametrize("n", [3, 4, 50])
@pytest.mark.parametrize("tau", [1e-3, 0.3])
def test_exponentials_and_crank_nicolson(n, ring, tau):
    f, g, k = rates(n, n, ring)
    mass, out = np.random.default_rng(1).random(n), np.empty(n)
    L = dense(f, g, k, ring)
    kernel = sweeps.exponential_ring if ring else sweeps.exponential_line
    kernel(mass, f, g, k, tau, DEGREE_14.poles, DEGREE_14.residues, out)
    assert np.abs(out - scipy.linalg.expm(tau * L) @ mass).max() < 2e-12
    assert np.abs(out - scipy.linalg.expm(1.01 * tau * L) @ mass).max() > 1e-6
    sweeps.cayley(mass, f, g, k, tau, ring, out)
    eye = np.eye(n)
    assert np.abs(out - np.linalg.solve(eye - tau / 2 * L, (eye + tau / 2 * L) @ mass)).max() < 1e-12


@pytest.mark.parametrize("shape", [(1, 9, 5), (3, 9, 1), (2, 9, 40), (37, 9, 1), (4, 9, 3)])
def test_strips_of_lines(shape):
    f, g, k = rates(shape[1], 3)
    mass = np.random.default_rng(2).random(shape)
    out = np.empty(shape)
    strips.exponential_lines(mass, f, g, k, 0.1, DEGREE_14.poles, DEGREE_14.residues, 0, shape[0] * shape[2], out)
    expected = np.einsum("ij,ojc->oic", scipy.linalg.expm(0.1 * dense(f, g, k, False)), mass)
    assert np.abs(out - expected).max() < 1e-12


@pytest.mark.parametrize("poles", ["exponential", "crank-nicolson"])
def test_sweeps_along_chains_in_any_order(poles):
    order, starts = np.array([4, 2, 7, 0, 1, 6, 3, 5]), np.array([0, 3, 8])
    f, g, k = rates(8, 5)
    mass, out = np.random.default_rng(3).random(8), np.empty(8)
    p, r = (DEGREE_14.poles, DEGREE_14.residues) if poles == "exponential" else (NONE, NONE)
    sweeps.sweep(mass, f, g, k, order, starts, False, 0.05, p, r, out)
    for cells in (order[:3], order[3:]):
        L = 0.05 * dense(f[cells], g[cells], k[cells], False)
        eye = np.eye(len(cells))
        step = scipy.linalg.expm(L) if poles == "exponential" else np.linalg.solve(eye - L / 2, eye + L / 2)
        assert np.abs(out[cells] - step @ mass[cells]).max() < 1e-12


def test_bernoulli_function():
    import mpmath

    for w in (0.0, 1e-12, -3e-6, 2e-5, 0.7, -4.0, 30.0, -200.0, 699.0):
        exact = float(w / mpmath.expm1(w)) if w else 1.0
        assert math.isclose(sweeps.bernoulli(w), exact, rel_tol=1e-14)
    assert sweeps.bernoulli(1e4) == 0.0
    assert sweeps.bernoulli(-1e4) == 1e4


def test_fitted_rates_balance_a_given_equilibrium():
    peclet = np.array([0.0, 1e-9, 0.5, -3.0, 40.0])
    left, right, forward, backward = np.array([1.0, 2, 3, 4, 5]), np.array([2.0, 1, 1, 1, 2]), np.empty(5), np.empty(5)
    sweeps.fitted_rates(peclet, np.full(5, 0.3), left, right, forward, backward)
    # detailed balance for the density exp(peclet) on the right and 1 on the left, in masses
    assert np.allclose(forward * left, backward * right * np.exp(peclet), rtol=1e-13)


def advected(mass, speed, tau, ring):
    n = len(mass)
    out = np.empty(n)
    advect_line(mass, speed, tau, ring, np.empty(n + 1), np.empty(n + 1), out)
    return out


@pytest.mark.parametrize("ring", [False, True])
def test_advection_conserves_mass_and_sign_for_any_step(ring):
    rng = np.random.default_rng(7)
    for tau in (0.01, 0.7, 5.0, 60.0):
        mass = rng.random(40) * (rng.random(40) < 0.5)
        speed = rng.standard_normal(41)
        speed[-1] = speed[0] = speed[0] if ring else 0.0
        out = advected(mass, speed, tau, ring)
        assert out.min() >= 0
        assert abs(out.sum() - mass.sum()) < 1e-12


def test_advection_by_whole_cells_is_exact_and_by_parts_is_of_third_order_or_better():
    mass = np.random.default_rng(1).random(16)
    assert np.abs(advected(mass, np.full(17, 1.0), 5.0, True) - np.roll(mass, 5)).max() < 1e-13
    errors = []
    for n in (32, 64):
        faces = np.arange(n + 1) / n

        def cumulative(s):
            return s - np.sin(2 * np.pi * s) / (2 * np.pi) / 2

        start = np.diff(cumulative(faces))
        exact = np.diff(cumulative(faces - 0.3))
        errors.append(np.abs(advected(start, np.full(n + 1, n * 0.3), 1.0, True) - exact).sum())
    assert errors[1] < 1e-4
    assert 2.7 < np.log2(errors[0] / errors[1]) < 5.5


@pytest.mark.parametrize(
    ("shape", "step"),
    [
        ((9, 5), (1, 0)),
        ((9, 80), (1, 0)),
        ((9, 13), (0, 1)),
        ((9, 13), (1, 1)),
        ((9, 13), (2, -1)),
        ((4, 5, 6), (0, 1, 0)),
        ((4, 5, 6), (1, 0, -1)),
    ],
)
def test_vectorised_sweeps_are_the_plain_ones(shape, step):
    rng = np.random.default_rng(11)
    order, starts, ring = chains(shape, step, (False,) * len(shape))
    size = order.size
    f, g, k, mass = rng.random(size) * 30, rng.random(size) * 30, rng.random(size), rng.random(size)
    last = order[starts[1:] - 1]
    f[last] = g[last] = 0.0
    plain, out = np.empty(size), np.empty(size)
    sweeps.sweep(mass, f, g, k, order, starts, ring, 0.07, NONE, NONE, plain)
    begins, lengths, stride = lines(shape, step)
    strips.cayley_lines(mass, f, g, k, begins, lengths, stride, 0.07, out)
    assert np.abs(out - plain).max() < 1e-13
    if sum(map(abs, step)) == 1:
        axis = step.index(1)
        outer, inner = int(np.prod(shape[:axis])), int(np.prod(shape[axis + 1 :]))
        out[:] = np.nan
        for first, last in ((0, 3), (3, outer * inner)):
            strips.cayley_columns(mass, f, g, k, shape[axis], inner, first, last, 0.07, out)
        assert np.abs(out - plain).max() < 1e-13
