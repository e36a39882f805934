"""What is drawn is what was asked for: the curves are read back from the axes."""

import matplotlib
import numpy as np
import pytest
import sympy as sp
import xarray as xr

from numerics import plots
from symrg.manifold import Manifold

matplotlib.use("Agg")

x, mu = sp.symbols("x mu", real=True)
sigma = sp.Symbol("sigma", positive=True)
NORMAL = sp.Matrix([[1 / sigma**2, 0], [0, 2 / sigma**2]])


@pytest.fixture(autouse=True)
def close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def test_ellipses_have_the_radius_asked_for():
    axes = plots.metric_ellipses(Manifold(NORMAL, (mu, sigma)), [(0, 1), (1, 2)], radius=0.3)
    for centre, line in zip([(0, 1), (1, 2)], axes.lines[::2]):
        d = np.array(line.get_data()) - np.array(centre)[:, None]
        assert np.allclose(d[0] ** 2 / centre[1] ** 2 + 2 * d[1] ** 2 / centre[1] ** 2, 0.09)


def test_ellipses_of_a_full_metric():
    axes = plots.metric_ellipses(sp.Matrix([[2, 1], [1, 3]]), [(0, 0)], radius=1, coordinates=(x, mu))
    d = np.array(axes.lines[0].get_data())
    assert np.allclose(2 * d[0] ** 2 + 2 * d[0] * d[1] + 3 * d[1] ** 2, 1)


def test_geodesics_of_the_normal_family_are_half_ellipses():
    # In (mu/sqrt(2), sigma) the Fisher metric is twice the half-plane's, whose geodesics are circles about the axis.
    axes = plots.geodesics(Manifold(NORMAL, (mu, sigma)), (0.0, 1.0), directions=[(1.0, 0.4), (0.0, 1.0)], length=1.0)
    curve, straight = (np.array(line.get_data()) for line in axes.lines[:2])
    u, v = curve[0] / np.sqrt(2), curve[1]
    centre = ((u**2 + v**2)[-1] - 1) / (2 * u[-1])
    assert np.allclose((u - centre) ** 2 + v**2, 1 + centre**2, atol=1e-7)
    assert np.allclose(straight[0], 0)
    assert np.isclose(straight[1][-1], np.exp(1 / np.sqrt(2)))  # length sqrt(2) ln(sigma)


def test_three_parameters_cannot_be_drawn():
    y = sp.Symbol("y")
    with pytest.raises(plots.NotDrawable, match="3 coordinates"):
        plots.metric_ellipses(sp.eye(3), [(0, 0, 0)], coordinates=(x, mu, y))


def test_a_metric_that_is_not_positive_is_refused():
    with pytest.raises(plots.NotDrawable, match="positive definite"):
        plots.metric_ellipses(sp.Matrix([[1, 0], [0, x]]), [(-1.0, 0.0)], coordinates=(x, mu))


def test_density_draws_the_times_with_the_exact_solution():
    grid, times = np.linspace(-2, 2, 81), np.array([0.5, 1.0, 2.0])
    values = np.array([np.exp(-(grid**2) / (4 * t)) / np.sqrt(4 * np.pi * t) for t in times])
    solution = xr.DataArray(values, {"time": times, "x": grid}, ("time", "x"), "density")
    t = sp.Symbol("t", positive=True)
    axes = plots.density(solution, times=[1.0, 2.0], exact=sp.exp(-(x**2) / (4 * t)) / sp.sqrt(4 * sp.pi * t))
    assert [label.get_text() for label in axes.get_legend().get_texts()] == ["t = 1", "t = 2", "exact"]
    drawn, dots = axes.lines[0], axes.lines[1]
    assert np.allclose(drawn.get_ydata(), values[1])
    assert np.allclose(dots.get_ydata(), np.interp(dots.get_xdata(), grid, values[1]))


def test_cumulants_are_labelled_by_order():
    axes = plots.cumulants({1: sigma, 2: sigma**2, 3: sp.Integer(0)}, sigma, (1, 3))
    assert [label.get_text() for label in axes.get_legend().get_texts()] == [rf"$\kappa_{{{n}}}$" for n in (1, 2, 3)]
    assert np.allclose(axes.lines[1].get_ydata(), axes.lines[1].get_xdata() ** 2)


def test_saved_as_vectors_without_a_date(tmp_path):
    axes = plots.cumulants([sigma], sigma, (1, 2))
    text = plots.save(axes, tmp_path / "a" / "plot.svg").read_text()
    assert text.startswith("<?xml")
    assert "<dc:date>" not in text
