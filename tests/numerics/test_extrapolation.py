"""Densities extrapolated over grids: orders against exact solutions, mass, limiter, refusals."""

import numpy as np
import pytest
import sympy as sp
from gaussians import density, evolved, mesh
from scipy import stats

from numerics.extrapolation import between, coarser, interpolation, limit
from numerics.solver import solve
from symrg import FokkerPlanck
from symrg.errors import InvalidGrid

x, y = sp.symbols("x y", real=True)
t = sp.Symbol("t", real=True)


def l1(density, exact, volume):
    return float(np.abs(density - exact).sum() * volume)


def ornstein_uhlenbeck(n, scheme, tolerance=1e-9):
    equation = FokkerPlanck((x,), [-x], [[1]], time=t)
    initial = sp.exp(-2 * (x - sp.Rational(3, 2)) ** 2) * sp.sqrt(2 / sp.pi)
    result = solve(equation, {x: (-6, 6)}, n, initial, [1.0], scheme=scheme, tolerance=tolerance)
    e = np.exp(-1.0)
    exact = stats.norm.pdf(result.x.values, 1.5 * e, np.sqrt(0.25 * e * e + 1 - e * e))
    return result, l1(result.values[0], exact, 12 / n)


def test_sixth_order_on_a_line():
    errors = [ornstein_uhlenbeck(n, "extrapolated")[1] for n in (96, 192)]
    order = np.log2(errors[0] / errors[1])
    assert 5.2 < order < 8.5
    assert errors[1] < 1e-4 * ornstein_uhlenbeck(192, "positive")[1]


def test_the_estimate_bounds_the_error_and_the_mass_is_kept():
    result, error = ornstein_uhlenbeck(128, "extrapolated")
    assert error < result.attrs["error_estimate"] < 1e-3
    assert result.attrs["mass"][0] == pytest.approx(1, abs=1e-12)
    assert result.attrs["minimum"] >= 0
    assert result.attrs["order"] == "6 in space"


def test_rotation_and_cross_diffusion_in_the_plane():
    A = sp.Matrix([[-1, sp.Rational(1, 2)], [-sp.Rational(1, 2), -1]])
    D = sp.Matrix([[1, sp.Rational(1, 2)], [sp.Rational(1, 2), 1]])
    equation = FokkerPlanck((x, y), A * sp.Matrix([x, y]), D, time=t)
    initial = sp.exp(-((x - 1) ** 2 + y**2)) / sp.pi
    domain = {x: (-7, 7), y: (-7, 7)}
    errors = {}
    for scheme in ("positive", "extrapolated"):
        result = solve(equation, domain, 96, initial, [0.5], scheme=scheme, tolerance=1e-5)
        moments = evolved(A, D, [1.0, 0.0], 0.5 * np.eye(2), 0.5)
        errors[scheme] = l1(result.values[0], density(mesh(result), *moments), (14 / 96) ** 2)
        assert result.attrs["mass"][0] == pytest.approx(1, abs=1e-11)
        assert result.attrs["minimum"] >= 0
    assert errors["extrapolated"] < 5e-5
    assert errors["extrapolated"] < 0.02 * errors["positive"]


def test_coefficients_that_depend_on_time():
    equation = FokkerPlanck((x,), [-x + sp.cos(t)], [[1 + t / 2]], time=t)
    initial = sp.exp(-(x**2)) / sp.sqrt(sp.pi)
    result = solve(equation, {x: (-8, 8)}, 128, initial, [1.0], scheme="extrapolated", tolerance=1e-8)
    # mean' = -mean + cos t, variance' = -2 variance + 2 + t
    e = np.exp(-1.0)
    mean = (np.cos(1) + np.sin(1) - e) / 2
    variance = 0.75 + 0.5 + (0.5 - 0.75) * e * e
    assert l1(result.values[0], stats.norm.pdf(result.x.values, mean, np.sqrt(variance)), 16 / 128) < 2e-5


def test_a_density_that_is_narrow_beside_a_side():
    # geometric motion: the lognormal start is steep where the coarsest grid has few cells
    equation = FokkerPlanck((y,), [y / 10], [[sp.Rational(9, 200) * y**2]], time=t)
    errors = {}
    for scheme in ("positive", "extrapolated"):
        start = lambda q: stats.lognorm.pdf(q, 0.3)  # noqa: E731
        result = solve(equation, {y: (0.02, 8)}, 256, start, [1.0], scheme=scheme, tolerance=1e-7)
        exact = stats.lognorm.pdf(result.y.values, np.sqrt(0.18), scale=np.exp(0.055))
        errors[scheme] = l1(result.values[0], exact, 7.98 / 256)
        assert result.attrs["minimum"] >= 0
    assert errors["extrapolated"] < 0.05 * errors["positive"]
    assert errors["extrapolated"] < 2 * result.attrs["error_estimate"]


def test_densities_that_do_not_vanish_at_the_sides():
    # modes of the Laplacian; averages over the cells would differ from the values by h^2 / 24 and spoil the order
    equation = FokkerPlanck((x,), [0], [[1]], time=t)
    for boundary, initial, exact in (
        ("absorbing", sp.sin(x), lambda q: np.sin(q) * np.exp(-0.3)),
        ("reflecting", 1 + sp.cos(x) / 2, lambda q: 1 + 0.5 * np.exp(-0.3) * np.cos(q)),
    ):
        result = solve(
            equation, {x: (0, sp.pi)}, 64, initial, [0.3], boundary=boundary, scheme="extrapolated", tolerance=1e-9
        )
        error = l1(result.values[0], exact(result.x.values), np.pi / 64)
        assert error < 2e-6
        assert error < 3 * result.attrs["error_estimate"]


def test_a_rough_density_is_not_extrapolated():
    equation = FokkerPlanck((x,), [0], [[sp.Rational(1, 10**6)]], time=t)
    box = np.zeros(64)
    box[10:21] = 1.0
    result = solve(equation, {x: (0, 1)}, 64, box, [1e-2], scheme="extrapolated")
    plain = solve(equation, {x: (0, 1)}, 64, box, [1e-2], scheme="positive")
    assert result.attrs["order"] == "2 in space"
    assert np.allclose(result.values, plain.values, atol=1e-12)
    assert result.attrs["error_estimate"] > 1e-3


def test_the_limiter_cuts_and_restores():
    grid = ornstein_grid(16)
    values = np.ones(16)
    values[3] = -0.5
    cut, share = limit(values, grid, 7.0)
    assert cut.min() == 0
    assert float((cut * grid.volumes).sum()) == pytest.approx(7.0, rel=1e-14)
    assert share == pytest.approx(0.5 / 15)


def ornstein_grid(n, boundary="reflecting"):
    from numerics.problem import make_problem

    return make_problem(FokkerPlanck((x,), [-sp.sin(x)], [[1]], time=t), {x: (0, 2 * sp.pi)}, n, boundary, None).grid


@pytest.mark.parametrize("boundary", ["reflecting", "periodic"])
def test_interpolation_between_grids(boundary):
    fine = ornstein_grid(64, boundary)
    coarse = coarser(fine)
    wave = lambda grid: np.sin(grid.axes[0].centres + 0.3)  # noqa: E731
    inner = slice(8, -8) if boundary == "reflecting" else slice(None)
    for source, target, ends, middle in ((fine, coarse, 1e-5, 1e-9), (coarse, fine, 5e-4, 1e-8)):
        difference = np.abs(between(wave(source), source, target) - wave(target))
        assert difference[inner].max() < middle
        assert difference.max() < ends
    assert np.allclose(interpolation(fine, coarse, 0).sum(axis=1), 1)


@pytest.mark.parametrize(("shape", "drift", "diffusion", "text"), [(33, -x, 1, "even"), (64, -x, 0, "diffusion")])
def test_what_cannot_be_extrapolated_is_refused(shape, drift, diffusion, text):
    equation = FokkerPlanck((x,), [drift], [[diffusion]], time=t)
    with pytest.raises(InvalidGrid, match=text):
        solve(equation, {x: (-6, 6)}, shape, sp.exp(-(x**2)), [0.1], scheme="extrapolated")
