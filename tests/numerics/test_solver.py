"""Densities in one dimension against exact solutions: error, order, mass, sign, stationary states."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.integrate
import sympy as sp
from gaussians import density, error, evolved, expression
from hypothesis import given, settings
from hypothesis import strategies as st

import symrg
from numerics.solver import solve, steady_state
from symrg import FokkerPlanck

x = sp.Symbol("x", real=True)
t = sp.Symbol("t", real=True)
y = sp.Symbol("y", positive=True)
theta = sp.Symbol("theta", positive=True)

ORNSTEIN_UHLENBECK = FokkerPlanck((x,), [-theta * x], [[1]], time=t)


def observed_orders(errors):
    return [np.log2(a / b) for a, b in pairwise(errors)]


def ou_error(cells, factor=1.0, **options):
    equation = FokkerPlanck((x,), [-theta * x], [[factor]], time=t)
    result = solve(
        equation, {x: (-6, 6)}, cells, expression((x,), [1.5], 0.25), [1.0], parameters={theta: 1}, **options
    )
    mean, covariance = evolved([[-1]], [[1]], [1.5], [[0.25]], 1.0)
    return error(result, density([result.x.values], mean, covariance))


def test_ornstein_uhlenbeck_converges_with_order_two():
    errors = [ou_error(n) for n in (64, 128, 256)]
    assert errors[-1] < 2.2e-4
    assert all(1.9 < order < 2.1 for order in observed_orders(errors))


@pytest.mark.parametrize("wrong", [2, sp.Rational(1, 2), sp.Rational(101, 100)])
def test_a_wrong_diffusion_is_seen(wrong):
    assert ou_error(256, wrong) > 10 * ou_error(256)


@pytest.mark.parametrize("domain", [(-6, 6), (-sp.oo, sp.oo)])
def test_the_grid_error_is_estimated(domain):
    mean, covariance = evolved([[-1]], [[1]], [1.5], [[0.25]], 1.0)
    for n in (64, 128):
        result = solve(
            ORNSTEIN_UHLENBECK,
            {x: domain},
            n,
            expression((x,), [1.5], 0.25),
            [0.4, 1.0],
            parameters={theta: 1},
            estimate_grid_error=True,
        )
        actual = error(result, density([result.x.values], mean, covariance))
        assert 0.7 < result.attrs["grid_error_estimate"] / actual < 1.5


def lognormal(s, mean, variance, m=np):
    return m.exp(-((m.log(s) - mean) ** 2) / (2 * variance)) / (s * m.sqrt(2 * m.pi * variance))


@pytest.mark.parametrize("domain", [(0, 6), (0, sp.oo)])
def test_geometric_brownian_motion(domain):
    # dX = a X dt + s X dW (Ito): ln X has drift a - s^2/2; in Stratonovich's sense it would have drift a
    a, s = 0.1, 0.4
    equation = FokkerPlanck((y,), [y / 10], [[sp.Rational(4, 50) * y**2]], time=t)
    errors, wrong = [], 0.0
    for n in (128, 256):
        result = solve(equation, {y: domain}, n, lognormal(y, 0, sp.Rational(1, 25), sp), [1.0])
        errors.append(error(result, lognormal(result.y.values, a - s**2 / 2, 0.04 + s**2)))
        wrong = error(result, lognormal(result.y.values, a, 0.04 + s**2))
    assert errors[-1] < 2e-3
    assert 1.8 < observed_orders(errors)[0] < 2.2
    assert wrong > 0.05


def test_stratonovich_noise_of_variable_strength():
    # dX = sqrt(1 + X^2) o dW is X = sinh(W): an exact density with a diffusion that is not constant
    equation = FokkerPlanck.from_sde(
        [0], [[sp.sqrt(1 + x**2)]], coordinates=(x,), time=t, interpretation="stratonovich"
    )
    ito = FokkerPlanck((x,), [0], [[(1 + x**2) / 2]], time=t)
    start, stop = sp.Rational(1, 10), 0.5

    def exact(s, time, m=np):
        return m.exp(-(m.asinh(s) ** 2) / (2 * time)) / m.sqrt(2 * m.pi * time * (1 + s**2))

    errors = []
    for n in (200, 400):
        result = solve(equation, {x: (-12, 12)}, n, exact(x, start, sp), [stop], start=0.1)
        errors.append(error(result, exact(result.x.values, stop)))
    assert errors[-1] < 1.5e-3
    assert 1.8 < observed_orders(errors)[0] < 2.2
    other = solve(ito, {x: (-12, 12)}, 400, exact(x, start, sp), [stop], start=0.1)
    assert error(other, exact(other.x.values, stop)) > 0.05


def test_coefficients_that_depend_on_time():
    equation = FokkerPlanck((x,), [-x + 2 * sp.sin(5 * t)], [[1 + t / 2]], time=t)
    reference = scipy.integrate.solve_ivp(
        lambda s, u: [-u[0] + 2 * np.sin(5 * s), -2 * u[1] + 2 * (1 + s / 2)],
        (0.5, 1.5),
        [1.0, 0.25],
        rtol=1e-11,
        atol=1e-12,
    ).y[:, -1]
    errors = []
    for n in (128, 256):
        result = solve(equation, {x: (-7, 7)}, n, expression((x,), [1], 0.25), [0.7, 1.5], start=0.5, tolerance=1e-6)
        errors.append(error(result, density([result.x.values], [reference[0]], [[reference[1]]])))
    assert errors[-1] < 5e-4
    assert 1.9 < observed_orders(errors)[0] < 2.1


def test_the_tolerance_bounds_the_error_in_time():
    equation = FokkerPlanck((x,), [-x + 4 * sp.sin(9 * t)], [[1 + sp.cos(7 * t) / 2]], time=t)

    def run(tolerance):
        return solve(equation, {x: (-7, 7)}, 96, expression((x,), [1], 0.25), [1.0], tolerance=tolerance)

    best = run(1e-10)
    distances = [float(abs(run(tol) - best).sum()) * 14 / 96 for tol in (1e-2, 1e-4, 1e-6)]
    assert all(d < tol for d, tol in zip(distances, (1e-2, 1e-4, 1e-6)))
    assert distances[0] > distances[1] > distances[2]
    assert run(1e-6).attrs["steps"] > run(1e-2).attrs["steps"]


def test_heat_on_a_reflecting_interval():
    # p = 1 + cos(pi x) exp(-pi^2 D t)
    equation = FokkerPlanck((x,), [0], [[sp.Rational(1, 4)]], time=t)
    result = solve(equation, {x: (0, 1)}, 128, 1 + sp.cos(sp.pi * x), [0.2])
    exact = 1 + np.cos(np.pi * result.x.values) * np.exp(-(np.pi**2) / 4 * 0.2)
    assert error(result, exact) < 5e-5


def test_absorbing_sides_against_the_series():
    # survival of a uniform start in (0, 1): sum over odd k of 8 / (pi k)^2 exp(-pi^2 k^2 D t)
    equation = FokkerPlanck((x,), [0], [[1]], time=t)
    times = np.array([0.01, 0.05, 0.2])
    k = np.arange(1, 400, 2)
    series = (8 / (np.pi * k) ** 2 * np.exp(-((np.pi * k) ** 2) * times[:, None])).sum(axis=1)
    errors = []
    for n in (50, 100):
        result = solve(equation, {x: (0, 1)}, n, sp.Integer(1), times, boundary="absorbing")
        errors.append(np.abs(np.array(result.attrs["mass"]) - series).max())
    assert errors[-1] < 3e-4
    assert 1.5 < observed_orders(errors)[0] < 2.5
    half = solve(equation, {x: (0, 1)}, 100, sp.Integer(1), times, boundary={x: ("reflecting", "absorbing")})
    assert np.all(np.array(half.attrs["mass"]) > series + 0.05)


def test_periodic_drift_goes_round():
    # uniform drift on a circle: p = 1 + cos(2 pi (x - v t)) exp(-4 pi^2 D t)
    equation = FokkerPlanck((x,), [3], [[sp.Rational(1, 50)]], time=t)
    errors = []
    for n in (128, 256):
        result = solve(equation, {x: (0, 1)}, n, 1 + sp.cos(2 * sp.pi * x), [0.7], boundary="periodic", tolerance=1e-8)
        exact = 1 + np.cos(2 * np.pi * (result.x.values - 2.1)) * np.exp(-4 * np.pi**2 * 0.02 * 0.7)
        errors.append(error(result, exact))
    assert errors[-1] < 7e-3
    assert 1.8 < observed_orders(errors)[0] < 2.2
    assert abs(result.attrs["mass"][0] - 1) < 1e-13


def test_chapman_kolmogorov():
    # two times one after the other are one time, by a different number of exponentials
    equation = FokkerPlanck((x,), [x - x**3], [[sp.Rational(1, 4)]], time=t)
    start = expression((x,), [0.5], 0.1)
    whole = solve(equation, {x: (-3, 3)}, 200, start, [2.0])
    parts = solve(equation, {x: (-3, 3)}, 200, start, [0.3, 1.1, 2.0])
    assert float(abs(whole.values[-1] - parts.values[-1]).max()) < 1e-9


POTENTIALS = [x**4 - 2 * x**2, sp.cosh(x), x**2 / 2 + sp.sin(3 * x), sp.log(1 + x**2) * 3]


@pytest.mark.parametrize("potential", POTENTIALS, ids=str)
@pytest.mark.parametrize("faces", ["uniform", "stretched"])
def test_boltzmann_densities_are_exactly_stationary(potential, faces):
    D = sp.Rational(1, 2)
    equation = FokkerPlanck((x,), [-sp.diff(potential, x)], [[D]], time=t)
    edges = np.linspace(-2.5, 2.5, 81) if faces == "uniform" else 2.5 * np.sinh(np.linspace(-2, 2, 81)) / np.sinh(2)
    boltzmann = sp.lambdify(x, sp.exp(-potential / D), "numpy")
    stationary = steady_state(equation, {x: edges})
    exact = boltzmann(stationary.x.values)
    exact = exact / (exact * np.diff(edges)).sum()
    assert np.abs(stationary.values / exact - 1).max() < 1e-11
    evolved_ = solve(equation, {x: edges}, initial=exact, times=[0.1, 30.0])
    assert np.abs(evolved_.values / exact - 1).max() < 1e-9
    # a wrong temperature is not stationary
    wrong = boltzmann(stationary.x.values) ** 1.1
    moved = solve(equation, {x: edges}, initial=wrong, times=[0.1])
    assert np.abs(moved.values[0] / wrong - 1).max() > 1e-3


def test_variable_diffusion_has_the_right_stationary_state():
    # J = mu p - (D p)' = 0: p = exp(int mu / D) / D
    D = 1 + x**2 / 2
    equation = FokkerPlanck((x,), [-2 * x], [[D]], time=t)
    stationary = steady_state(equation, {x: (-4, 4)}, 200)
    s = stationary.x.values
    exact = (1 + s**2 / 2) ** (-2.0) / (1 + s**2 / 2)
    exact /= exact.sum() * 8 / 200
    assert np.abs(stationary.values / exact - 1).max() < 1e-10
    assert np.abs(stationary.values / (exact * (1 + s**2 / 2)) - 1).max() > 0.1


def test_steady_current_on_a_circle_against_quadrature():
    # J = const on a circle; p from the exact double integral (Risken, sec. 11.3)
    equation = FokkerPlanck((x,), [1 + sp.sin(x) / 2], [[sp.Rational(1, 2)]], time=t)
    result = steady_state(equation, {x: (0, 2 * sp.pi)}, 256, boundary="periodic")

    def phi(s):
        return 2 * (s - np.cos(s) / 2)

    exact = np.array(
        [
            np.exp(phi(s)) * scipy.integrate.quad(lambda u: np.exp(-phi(u)), s, s + 2 * np.pi)[0]
            for s in result.x.values[::16]
        ]
    )
    ratio = result.values[::16] / exact
    assert np.abs(ratio / ratio.mean() - 1).max() < 1e-3


def test_infinite_line_without_knowing_the_scales():
    # a start a hundred times narrower than the end
    result = solve(
        ORNSTEIN_UHLENBECK, {x: (-sp.oo, sp.oo)}, 400, expression((x,), [3], 1e-4), [2.0], parameters={theta: 1}
    )
    mean, covariance = evolved([[-1]], [[1]], [3], [[1e-4]], 2.0)
    assert error(result, density([result.x.values], mean, covariance)) < 2e-3
    wide = steady_state(FokkerPlanck((x,), [-x / 10000], [[1]], time=t), {x: (-sp.oo, sp.oo)}, 200)
    spread = float((wide * wide.x**2 * np.gradient(wide.x.values)).sum())
    assert abs(spread / 10000 - 1) < 1e-2


@st.composite
def random_equations(draw):
    numbers = st.integers(-6, 6)
    a, b, c, d = (draw(numbers) for _ in range(4))
    e, f = draw(st.integers(1, 9)), draw(st.integers(0, 9))
    drift = a * x / 2 - abs(b) * x**3 + c * sp.sin(2 * x) + d * sp.Rational(1, 3)
    diffusion = sp.Rational(e, 4) + sp.Rational(f, 10) * x**2
    if draw(st.booleans()):
        drift, diffusion = drift * (1 + sp.cos(3 * t) / 2), diffusion * (1 + sp.sin(5 * t) / 3)
    return FokkerPlanck((x,), [drift], [[diffusion]], time=t)


@settings(max_examples=12, deadline=None)
@given(
    random_equations(),
    st.sampled_from(["reflecting", "periodic", "absorbing", ("absorbing", "reflecting")]),
    st.floats(-1.5, 1.5),
)
def test_densities_stay_positive_and_keep_their_mass(equation, boundary, centre):
    edges = np.linspace(-2, 2, 201)
    start = np.where(abs(0.5 * (edges[1:] + edges[:-1]) - centre) < 0.2, 2.5, 0.0)
    result = solve(equation, {x: edges}, initial=start, times=[0.01, 0.5], boundary=boundary, tolerance=1e-3)
    assert result.values.min() >= 0
    masses = np.array([start.sum() * 0.02, *result.attrs["mass"]])
    if boundary in ("reflecting", "periodic"):
        assert np.abs(masses / masses[0] - 1).max() < 1e-13
    else:
        assert np.all(np.diff(masses) < 1e-12)


def test_the_result_describes_itself(tmp_path):
    result = solve(
        ORNSTEIN_UHLENBECK, {x: (-6, 6)}, (64,), expression((x,), [1], 0.25), [0, 0.5], parameters={"theta": 1}
    )
    assert result.name == "density"
    assert result.dims == ("time", "x")
    assert result.attrs["minimum"] == float(result.min())
    assert "non-negative" in result.attrs["guarantees"]
    assert np.allclose(result.values[0], density([result.x.values], [1], [[0.25]]), rtol=1e-12)
    result.to_netcdf(tmp_path / "density.nc", engine="h5netcdf")


def test_an_interrupt_returns_what_there_is(monkeypatch):
    import numerics.solver as solver

    original, calls = solver.exponential, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(solver, "exponential", interrupted)
    result = solve(
        ORNSTEIN_UHLENBECK, {x: (-6, 6)}, 64, expression((x,), [1], 0.25), [0.1, 0.2, 0.3, 0.4], parameters={theta: 1}
    )
    assert list(result.time.values) == [0.1, 0.2]
    assert "0.2" in result.attrs["interrupted"]


def test_an_interrupt_between_outputs_returns_the_last_step(monkeypatch):
    import numerics.solver as solver

    equation = FokkerPlanck((x,), [-x + sp.sin(9 * t)], [[1]], time=t)
    original, calls = solver.magnus_step, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) > 20:
            raise KeyboardInterrupt
        return original(*arguments)

    arguments = {"domain": {x: (-6, 6)}, "shape": 64, "initial": expression((x,), [1], 0.25), "tolerance": 1e-6}
    monkeypatch.setattr(solver, "magnus_step", interrupted)
    result = solve(equation, times=[5.0], **arguments)
    monkeypatch.undo()
    reached = float(result.time.values[0])
    assert 0 < reached < 5
    assert np.abs(result.values[0] - solve(equation, times=[reached], **arguments).values[0]).max() < 1e-5


GOOD = {
    "domain": {x: (-6, 6)},
    "shape": 64,
    "initial": expression((x,), [1], 0.25),
    "times": [1.0],
    "parameters": {theta: 1},
}


@pytest.mark.parametrize(
    ("change", "error_class", "words"),
    [
        ({"domain": {x: (6, -6)}}, "InvalidGrid", "a < b"),
        ({"domain": {sp.Symbol("x"): (-6, 6)}}, "InvalidGrid", "assumptions differ"),
        ({"domain": {}}, "InvalidGrid", "no interval"),
        ({"shape": 2}, "InvalidGrid", "4 or more"),
        ({"shape": (64, 64)}, "InvalidGrid", "one for each"),
        ({"shape": 10**12}, "InvalidGrid", "GiB"),
        ({"times": [1.0, 0.5]}, "InvalidGrid", "must increase"),
        ({"times": [-1.0]}, "InvalidGrid", "before the start"),
        ({"times": [float("nan")]}, "InvalidGrid", "finite"),
        ({"boundary": "sticky"}, "InvalidGrid", "expected one of"),
        ({"boundary": {x: ("periodic", "reflecting")}}, "InvalidGrid", "both sides"),
        ({"parameters": {}}, "InvalidEquation", "no value"),
        ({"parameters": {theta: float("inf")}}, "InvalidEquation", "finite"),
        ({"parameters": {theta: -1}}, "InvalidEquation", "assumptions"),
        ({"parameters": {theta: 1, "omega": 2}}, "InvalidEquation", "no parameter"),
        ({"parameters": {theta: 1e6}}, "InvalidGrid", "too coarse"),
        ({"initial": expression((x,), [40], 0.25)}, "InvalidState", "mass"),
        ({"initial": expression((x,), [6], 0.25)}, "InvalidState", "lies on the grid"),
        ({"initial": -expression((x,), [1], 0.25)}, "InvalidState", "negative"),
        ({"initial": sp.cos(x)}, "InvalidState", "negative"),
        ({"initial": 1 / x**2, "shape": 63}, "InvalidState", "finite"),
        ({"initial": sp.DiracDelta(x)}, "InvalidState", "delta"),
        ({"initial": np.ones(63)}, "InvalidState", "shape"),
        ({"initial": np.zeros(64)}, "InvalidState", "mass"),
        ({"initial": "exp(-x**2)"}, "InvalidState", "expected a SymPy expression"),
        ({"initial": None}, "InvalidState", "missing"),
        ({"tolerance": 0}, "InvalidGrid", "tolerance"),
        ({"scheme": "spectral"}, "InvalidGrid", "scheme"),
    ],
)
def test_bad_input_is_refused_with_the_reason(change, error_class, words):
    arguments = {**GOOD, **change}
    with pytest.raises(getattr(symrg.errors, error_class), match=words):
        solve(ORNSTEIN_UHLENBECK, **arguments)
    assert solve(ORNSTEIN_UHLENBECK, **GOOD).attrs["mass"][0] == pytest.approx(1)


@pytest.mark.parametrize(
    ("drift", "diffusion", "words"),
    [
        (1 / x, 1, "not finite"),
        (sp.sqrt(x - 1), 1, "not finite at x = "),
        (-x, x, "negative"),
        (-x, sp.sin(3 * x), "negative"),
    ],
)
def test_bad_coefficients_are_refused_with_the_point(drift, diffusion, words):
    with pytest.raises(symrg.errors.InvalidEquation, match=words):
        solve(FokkerPlanck((x,), [drift], [[diffusion]], time=t), **{**GOOD, "shape": 64, "parameters": {}})


@pytest.mark.parametrize(("coefficients", "rate"), [((1, 0), 1), ((1, sp.Rational(1, 2)), None)])
def test_genetic_drift_leaves_through_sides_without_diffusion(coefficients, rate):
    # d_t p = (x (1 - x) p / 2)'': Gegenbauer modes 1 and 1 - 2 x decay at rates 1 and 3 (Kimura, PNAS 41 (1955) 144)
    equation = FokkerPlanck((x,), [0], [[x * (1 - x) / 2]], time=t)
    a, b = coefficients
    errors = []
    for n in (64, 256):
        result = solve(equation, {x: (0, 1)}, n, a + b * (1 - 2 * x) + 0 * x, [0.4], boundary="absorbing")
        exact = float(a) * np.exp(-0.4) + float(b) * np.exp(-1.2) * (1 - 2 * result.x.values)
        errors.append(float(np.abs(result.values[0] - exact).sum()) / n)
    assert errors[0] < 1e-3
    assert 1.2 < np.log(errors[0] / errors[1]) / np.log(4) < 2.3


def test_a_side_out_of_reach_loses_nothing():
    # geometric motion never reaches zero, and neither does the square-root process with 2 k theta > sigma^2
    for drift, diffusion in ((x / 10, x**2 / 8), (2 * (1 - x), x / 8)):
        equation = FokkerPlanck((x,), [drift], [[diffusion]], time=t)
        initial = sp.exp(-((x - 1) ** 2) * 50) * sp.sqrt(50 / sp.pi)
        result = solve(equation, {x: (0, 6)}, 200, initial, [0.5], boundary={x: ("absorbing", "reflecting")})
        assert result.attrs["mass"][0] == pytest.approx(1, abs=1e-6)


def test_complex_coefficients_and_densities_are_refused():
    good = FokkerPlanck((x,), [-x], [[1]], time=t)
    with pytest.raises(symrg.errors.InvalidState, match="complex"):
        solve(good, {x: (-1, 1)}, 16, np.full(16, 1 + 1j), [0.1])
    with pytest.raises(symrg.errors.InvalidEquation, match="not real"):
        solve(FokkerPlanck((x,), [sp.I * x], [[1]], time=t), {x: (-1, 1)}, 16, np.ones(16), [0.1])


def test_an_initial_state_far_away_is_found_on_the_infinite_line():
    equation = FokkerPlanck((x,), [0], [[1]], time=t)
    for place in (1000, -40000):
        initial = sp.exp(-((x - place) ** 2)) / sp.sqrt(sp.pi)
        result = solve(equation, {x: (-sp.oo, sp.oo)}, 128, initial, [0.5])
        centres = result.x.values
        exact = np.exp(-((centres - place) ** 2) / 3) / np.sqrt(3 * np.pi)
        assert float((np.abs(result.values[0] - exact) * np.gradient(centres)).sum()) < 5e-3


def test_heavy_tails_and_moving_peaks_on_the_infinite_line():
    # x = sinh(u), u Brownian with D = 1: dx = x dt + sqrt(2 (1 + x^2)) dW, whose tails no number of deviations holds
    wide = FokkerPlanck((x,), [x], [[1 + x**2]], time=t)
    spread = sp.exp(-((sp.asinh(x) - sp.Rational(2, 5)) ** 2) * 10) / sp.sqrt(sp.pi / 10) / sp.sqrt(1 + x**2)
    errors = []
    for n in (128, 256):
        result = solve(wide, {x: (-sp.oo, sp.oo)}, n, spread, [0.4])
        place = result.x.values
        exact = density([np.arcsinh(place)], [0.4], [[0.85]]) / np.sqrt(1 + place**2)
        errors.append(float((np.abs(result.values[0] - exact) * np.gradient(place)).sum()))
    assert errors[1] < 1e-3
    assert 1.7 < np.log2(errors[0] / errors[1]) < 2.4
    # a narrow peak that travels seven hundred times its width
    moving = solve(
        FokkerPlanck((x,), [7], [[3]], time=t), {x: (-sp.oo, sp.oo)}, 400, expression((x,), [0], 1e-2), [10.0]
    )
    mean, covariance = np.array([70.0]), np.array([[60.01]])
    assert error(moving, density([moving.x.values], mean, covariance)) < 0.05


def test_what_a_users_function_raises_is_said():
    equation = FokkerPlanck((x,), [-x], [[1]], time=t)
    for domain in ((-1, 1), (-sp.oo, sp.oo)):
        with pytest.raises(symrg.errors.InvalidState, match="KeyError"):
            solve(equation, {x: domain}, 32, lambda place: {}["missing"], [0.1])
