"""Axes, cells and what the mesh does to the equation."""

import numpy as np
import pytest
import sympy as sp

from numerics.boundary import Sides, sides_of
from numerics.extent import peaks
from numerics.fluxes import coarse_mesh
from numerics.grid import Spread, make_grid
from numerics.initial import project
from numerics.problem import make_problem
from symrg import FokkerPlanck
from symrg.errors import InvalidGrid, InvalidState

x, y, t = sp.symbols("x y t", real=True)
REFLECTING = (Sides("reflecting", "reflecting"),)


def test_uniform_cells():
    grid = make_grid((x,), {x: (sp.Integer(-1), 2)}, 6, REFLECTING)
    axis = grid.axes[0]
    assert np.allclose(axis.faces, np.linspace(-1, 2, 7))
    assert np.allclose(axis.centres, np.linspace(-0.75, 1.75, 6))
    assert grid.volumes.sum() == pytest.approx(3)
    assert grid.point(0) == "x = -0.75"


@pytest.mark.parametrize("interval", [(-sp.oo, sp.oo), (0, sp.oo), (-sp.oo, 3)])
def test_infinite_axes_are_smooth_maps(interval):
    axis = make_grid((x,), {x: interval}, 64, REFLECTING, {x: Spread.around(1.0, 0.5, 10.0)}).axes[0]
    assert np.all(np.diff(axis.faces) > 0)
    assert np.all((axis.centres > axis.faces[:-1]) & (axis.centres < axis.faces[1:]))
    assert axis.faces[-1] - axis.faces[0] > 10
    # the slope is the derivative of the centres with respect to their number
    assert np.allclose(np.gradient(axis.centres)[2:-2], axis.slope[2:-2], rtol=4e-2)
    for end, face in zip(interval, (axis.faces[0], axis.faces[-1])):
        assert end.is_infinite if isinstance(end, sp.Expr) and end.is_infinite else face == pytest.approx(float(end))


def test_boundaries_by_name_and_by_side():
    assert sides_of("periodic", (x, y)) == (Sides("periodic", "periodic"),) * 2
    assert sides_of({"y": ("absorbing", "reflecting")}, (x, y)) == (*REFLECTING, Sides("absorbing", "reflecting"))
    with pytest.raises(InvalidGrid, match="no coordinate"):
        sides_of({"z": "periodic"}, (x, y))
    with pytest.raises(InvalidGrid, match="at infinity"):
        make_grid((x,), {x: (0, sp.oo)}, 10, (Sides("reflecting", "absorbing"),))


def test_every_peak_of_a_density_is_a_place():
    axis = make_grid((x,), {x: (-8, 10)}, 400, REFLECTING).axes[0]
    one = np.exp(-((axis.centres - 1) ** 2) / (2 * 0.49)) / np.sqrt(2 * np.pi * 0.49)
    ((mean, deviation),) = peaks(axis, one * axis.widths)
    assert mean == pytest.approx(1, abs=1e-10)
    assert deviation == pytest.approx(0.7, rel=1e-10)
    two = one + 0.1 * np.exp(-((axis.centres + 5) ** 2) / (2 * 0.04)) / np.sqrt(2 * np.pi * 0.04)
    assert np.allclose(peaks(axis, two * axis.widths), [(-5, 0.2), (1, 0.7)], rtol=1e-3)


def test_an_infinite_axis_resolves_every_place_smoothly():
    places = ((-30.0, 0.5), (50.0, 0.7), (10.0, 0.6))
    axes = [
        make_grid((x,), {x: interval}, 600, REFLECTING, {x: Spread(places, -34.0, 55.0)}).axes[0]
        for interval in ((-sp.oo, sp.oo), (-40, sp.oo))
    ]
    for axis in axes:
        for centre, scale in places:
            assert np.interp(centre, axis.centres, axis.widths) < 0.2 * scale
        assert axis.faces[0] <= -34 + 1e-9
        assert axis.faces[-1] >= 55 - 1e-9
        assert np.abs(np.diff(np.log(axis.widths[10:]))).max() < 0.1  # neighbours are alike
        assert np.abs(axis.widths / axis.slope - 1)[5:].max() < 0.01
        with_one = make_grid((x,), {x: (-sp.oo, sp.oo)}, 600, REFLECTING, {x: Spread(places[:1], -34.0, 55.0)}).axes[0]
        assert np.interp(50.0, with_one.centres, with_one.widths) > 0.7  # a place that is not named is not resolved


def test_the_numerical_diffusion_is_what_theory_says():
    # Scharfetter and Gummel: (Pe / 2) coth(Pe / 2) - 1 with Pe = b h / D
    equation = FokkerPlanck((x,), [3], [[sp.Rational(1, 4)]], time=t)
    problem = make_problem(equation, {x: (0, 1)}, 20, "periodic", None)
    excess, growth = coarse_mesh(problem.generator(0.0), np.ones(20))
    half = 3 * 0.05 / 0.25 / 2
    assert excess == pytest.approx(half / np.tanh(half) - 1, rel=1e-12)
    assert growth[0] == pytest.approx(2 * 0.25 * excess, rel=1e-12)


EQUATION = FokkerPlanck((x,), [-x], [[1]], time=t)


@pytest.mark.parametrize(
    ("initial", "mass"),
    [
        (sp.exp(-(x**2) / 2) / sp.sqrt(2 * sp.pi), 1.0),
        (sp.Piecewise((sp.Rational(10, 3), (x > sp.Rational(1, 7)) & (x < sp.Rational(31, 70))), (0, True)), 1.0),
        (50 * sp.exp(-100 * sp.Abs(x - sp.Rational(1, 3))), 1.0),
    ],
)
def test_projection_keeps_the_mass_of_boxes_and_peaks(initial, mass):
    grid = make_grid((x,), {x: (-8, 8)}, 100, REFLECTING)
    density = project(initial, EQUATION, grid, 0.0, None)
    assert float((density * grid.volumes).sum()) == pytest.approx(mass, rel=1e-9)
    assert density.min() >= 0


def test_a_disc_in_the_plane_keeps_its_mass():
    plane = FokkerPlanck((x, y), [-x, -y], [[1, 0], [0, 1]], time=t)
    grid = make_grid((x, y), {x: (-2, 2), y: (-2, 2)}, 30, REFLECTING * 2)
    disc = sp.Piecewise((1 / sp.pi, x**2 + y**2 < 1), (0, True))
    density = project(disc, plane, grid, 0.0, None)
    assert float((density * grid.volumes).sum()) == pytest.approx(1, rel=5e-4)
    assert density.max() == pytest.approx(1 / np.pi)


def test_projection_takes_functions_arrays_and_times():
    grid = make_grid((x,), {x: (-8, 8)}, 64, REFLECTING)
    formula = sp.exp(-(x**2) / (4 * t)) / sp.sqrt(4 * sp.pi * t)
    expected = np.exp(-(grid.axes[0].centres ** 2) / 2) / np.sqrt(2 * np.pi)
    assert np.allclose(project(formula, EQUATION, grid, 0.5, None), expected, rtol=1e-12)
    assert np.allclose(project(lambda s: np.exp(-(s**2) / 2) / np.sqrt(2 * np.pi), EQUATION, grid, 0.0, None), expected)
    assert np.array_equal(project(expected, EQUATION, grid, 0.0, None), expected)
    with pytest.raises(InvalidState, match="function gave"):
        project(lambda s: np.ones(3), EQUATION, grid, 0.0, None)
    with pytest.raises(InvalidState, match="assumptions"):
        project(sp.exp(-(sp.Symbol("x") ** 2)), EQUATION, grid, 0.0, None)
