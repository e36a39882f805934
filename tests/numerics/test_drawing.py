"""`.plot()` draws what its object says: the pictures are read back and held against closed forms."""

import matplotlib
import numpy as np
import pytest
import sympy as sp

from numerics import plots
from symrg import Claim, FokkerPlanck, Manifold, drawing, families
from symrg.errors import InvalidGrid, MissingPackage

matplotlib.use("Agg")

x, v, mu = sp.symbols("x v mu", real=True)
sigma, g = sp.symbols("sigma g", positive=True)
NORMAL = sp.Matrix([[1 / sigma**2, 0], [0, 2 / sigma**2]])


@pytest.fixture(autouse=True)
def close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def ellipses(axes):
    return [np.array(line.get_data()) for line in axes.lines if len(line.get_xdata()) > 100]


def test_a_model_shows_ellipses_of_one_radius_that_do_not_touch():
    axes = families.normal().plot({"mu": (-1, 1), "sigma": (1, 3)}, count=3)
    found = ellipses(axes)
    assert len(found) == 9
    radii = []
    for m, s in found:
        centre, scale = (m.max() + m.min()) / 2, (s.max() + s.min()) / 2
        radii.append(np.ptp((m - centre) ** 2 / scale**2 + 2 * (s - scale) ** 2 / scale**2))
        radii.append(((m - centre) ** 2 / scale**2 + 2 * (s - scale) ** 2 / scale**2).mean())
    assert max(radii[::2]) < 1e-9
    assert np.allclose(radii[1::2], radii[1])
    assert max(np.ptp(m) for m, _ in found) < 2 / 3
    assert max(np.ptp(s) for _, s in found) < 2 / 3
    assert axes.get_xlabel() == r"$\mu$"


def test_a_parameter_held_fixed_leaves_the_metric_of_the_others():
    axes = families.normal().plot({"mu": (-1, 1)}, at={sigma.name: 2})
    (line,) = axes.lines
    assert np.allclose(line.get_ydata(), 1 / 4)


def test_a_model_of_one_parameter_shows_its_information():
    (line,) = families.poisson().plot().lines
    rate, value = line.get_data()
    assert np.allclose(value, 1 / rate)
    assert rate[0] == 0.5  # positive, so the range starts above zero


def test_points_where_the_metric_is_not_positive_are_left_out():
    axes = Manifold(sp.diag(1, mu), (x, mu)).plot(count=4)
    assert len(ellipses(axes)) == 8  # the half with mu > 0
    with pytest.raises(plots.NotDrawable, match="no point"):
        Manifold(sp.diag(1, mu), (x, mu)).plot({mu: (-2, -1)})


def test_geodesics_leave_the_point_asked_for():
    axes = Manifold(NORMAL, (mu, sigma)).plot({sigma: (0.5, 3)}, geodesics_from=(0, 1), length=0.5)
    curves = [line for line in axes.lines if line.get_color() == plots.COLOURS[2]]
    assert len(curves) == 12
    assert all(np.allclose([c.get_xdata()[0], c.get_ydata()[0]], [0, 1]) for c in curves)


def test_cumulants_of_a_family():
    eta_lines = families.exponential().as_exponential_family().plot(orders=(1, 2)).lines
    first, second = (np.array(line.get_data()) for line in eta_lines)
    assert np.allclose(second[1], first[1] ** 2)  # variance = mean^2
    with pytest.raises(plots.NotDrawable, match="n has no value"):
        families.entry("binomial")().as_exponential_family().plot()


def test_an_equation_shows_drift_and_diffusion_or_the_lines_of_its_drift():
    axes = FokkerPlanck(x, x - g * x**3, 1 + x**2).plot({"x": (-1, 1)}, at={"g": 2})
    drift, diffusion = axes.lines[:2]
    assert np.allclose(drift.get_ydata(), drift.get_xdata() - 2 * drift.get_xdata() ** 3)
    assert np.allclose(diffusion.get_ydata(), 1 + diffusion.get_xdata() ** 2)
    kramers = FokkerPlanck((x, v), (v, -x - g * v), sp.diag(0, g))
    with pytest.raises(plots.NotDrawable, match="g without a value"):
        kramers.plot()
    assert kramers.plot(at={g: 1}).collections


def test_the_flow_of_couplings_marks_its_fixed_points():
    from symrg.erg.local_potential import litim_flow

    flow = litim_flow(1, 3)
    axes = flow.plot()
    marks = {line.get_label(): line.get_data() for line in axes.lines}
    couplings, betas = flow.beta_functions(2)
    at = dict(zip(couplings, (float(c[0]) for c in marks["Wilson-Fisher"])))
    assert all(abs(b.subs(at)) < 1e-9 for b in betas)
    assert at[couplings[1]] > 0.01
    with pytest.raises(plots.NotDrawable, match="as numbers"):
        litim_flow(1, sp.Symbol("d")).plot()


def test_saliencies_count_their_zeros():
    axes = plots.saliencies({"a": np.array([[0.0, 1e-3], [0.0, 2.0]]), "b": np.array([1e-5])}, cutoff=0.1)
    heights = [p.get_height() for p in axes.patches]
    assert sum(heights) == 5
    assert "exactly zero: 2" in [t.get_text() for t in axes.get_legend().get_texts()]
    for bad in (np.array([-1.0]), np.array([np.nan]), np.zeros(3)):
        with pytest.raises(plots.NotDrawable):
            plots.saliencies(bad)


@pytest.mark.parametrize(
    ("draw", "error", "said"),
    [
        (lambda: families.normal().plot({"m": (0, 1)}), plots.NotDrawable, "what varies is mu, sigma"),
        (lambda: families.normal().plot(at={"tau": 1}), plots.NotDrawable, "the symbols are mu, sigma"),
        (lambda: families.normal().plot({"mu": (1, 1)}), InvalidGrid, "lower value first"),
        (lambda: families.entry("bivariate_normal")().plot(), plots.NotDrawable, "hold all but two fixed"),
        (lambda: Claim(x, x).plot(), drawing.NoPicture, "Manifold"),
    ],
)
def test_what_cannot_be_drawn_says_why(draw, error, said):
    with pytest.raises(error, match=said):
        draw()


def test_without_a_package_that_draws(monkeypatch):
    monkeypatch.setattr(drawing, "_installed", dict)
    with pytest.raises(MissingPackage, match=r"symrg\[numerics\]"):
        families.normal().plot()


def test_without_the_plotting_library(monkeypatch):
    class Entry:
        def load(self):
            raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")

    monkeypatch.setattr(drawing, "_installed", lambda: {"Manifold": Entry()})
    with pytest.raises(MissingPackage, match=r"matplotlib.*pip install 'symrg\[numerics\]'"):
        Manifold(NORMAL, (mu, sigma)).plot()


def test_a_picture_has_a_format_that_is_known(tmp_path):
    axes = plots.saliencies(np.array([1.0, 2.0]))
    with pytest.raises(plots.NotDrawable, match=r"\.svg"):
        plots.save(axes, tmp_path / "a.xyz")
    assert not list(tmp_path.iterdir())
