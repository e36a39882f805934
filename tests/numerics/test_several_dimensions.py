"""Densities in two and three dimensions: rotation, cross-diffusion, degenerate diffusion, sides, detailed balance."""

import numpy as np
import pytest
import sympy as sp
from gaussians import density, error, evolved, expression, mesh
from hypothesis import given, settings
from hypothesis import strategies as st

import symrg
from numerics.solver import solve, steady_state
from symrg import FokkerPlanck

x, y, z, t = sp.symbols("x y z t", real=True)
half = sp.Rational(1, 2)

EYE = [[1, 0], [0, 1]]
ATTRACTION = [[-1, 0], [0, -1]]
ROTATION = [[-1, half], [-half, -1]]
CROSS = [[1, half], [half, 1]]
STRONG = [[1, sp.Rational(4, 5)], [sp.Rational(4, 5), 1]]


def linear(A, D, coordinates=(x, y)):
    return FokkerPlanck(coordinates, sp.Matrix(A) * sp.Matrix(coordinates), sp.Matrix(D), time=t)


def linear_error(A, D, cells, domain=6, mean=(1.5, 1.5), coordinates=(x, y), true_D=None, **options):
    result = solve(
        linear(A, D, coordinates),
        dict.fromkeys(coordinates, (-domain, domain)),
        cells,
        expression(coordinates, mean, 0.25),
        [1.0],
        **options,
    )
    exact = density(mesh(result), *evolved(A, true_D or D, mean, 0.25 * np.eye(len(coordinates)), 1.0))
    return error(result, exact), result


@pytest.mark.parametrize(
    ("A", "D", "ceiling"),
    [(ATTRACTION, EYE, 4.5e-3), (ROTATION, EYE, 5e-3), (ROTATION, CROSS, 6e-3), (ROTATION, STRONG, 1.5e-2)],
)
def test_linear_equations_converge_with_order_two(A, D, ceiling):
    coarse, _ = linear_error(A, D, 32, tolerance=1e-5)
    fine, result = linear_error(A, D, 64, tolerance=1e-5)
    assert fine < ceiling
    assert 1.6 < np.log2(coarse / fine) < 2.3
    assert result.values.min() >= 0
    assert abs(result.attrs["mass"][0] - 1) < 1e-12


def test_dropping_the_cross_diffusion_is_seen():
    right, _ = linear_error(ROTATION, CROSS, 64)
    wrong, _ = linear_error(ROTATION, EYE, 64, true_D=CROSS)
    assert wrong > 10 * right


def test_the_order_in_time_is_two():
    # on one grid, against the same grid at a small tolerance
    import numerics.stepping as stepping
    from numerics.problem import make_problem

    problem = make_problem(linear(ROTATION, CROSS), {x: (-5, 5), y: (-5, 5)}, 32, "reflecting", None)
    generator = problem.generator(0.0)
    start = density(problem.grid.mesh(), [1, 0], 0.3 * np.eye(2)) * problem.grid.volumes

    def run(steps):
        record, mass = stepping.Record(), start.ravel()
        for _ in range(steps):
            mass = stepping.strang_step(generator, mass, 1.0 / steps, record)
        return mass

    import scipy.sparse.linalg

    exact = scipy.sparse.linalg.expm_multiply(generator.matrix(), start.ravel())
    errors = [np.abs(run(n) - exact).sum() for n in (16, 32, 64)]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert errors[-1] < 1e-3
    assert np.all((orders > 1.8) & (orders < 2.2))


@pytest.mark.parametrize("D", [EYE, CROSS], ids=["separable", "general"])
def test_threads_change_nothing(D):
    equation = linear(ATTRACTION, D)
    start = np.random.default_rng(0).random((160, 150))
    one, two = (
        solve(equation, {x: (-4, 4), y: (-4, 4)}, (160, 150), start, [0.01], tolerance=1e-2, threads=n) for n in (1, 2)
    )
    assert np.array_equal(one.values, two.values)


def test_three_dimensions_with_cross_diffusion():
    A = [[-1, half, 0], [-half, -1, 0], [0, 0, -1]]
    D = [[1, half, 0], [half, 1, -sp.Rational(3, 10)], [0, -sp.Rational(3, 10), 1]]
    options = {"domain": 5, "mean": (1, 0, -0.5), "coordinates": (x, y, z), "tolerance": 1e-2}
    coarse, _ = linear_error(A, D, 16, **options)
    fine, result = linear_error(A, D, 32, **options)
    assert fine < 4e-2
    assert 1.3 < np.log2(coarse / fine) < 2.5
    assert result.values.min() >= 0
    assert abs(result.attrs["mass"][0] / result.attrs["mass"][-1] - 1) < 1e-13


def test_three_separable_dimensions():
    fine, result = linear_error(
        (-sp.eye(3)).tolist(), sp.eye(3).tolist(), 32, domain=5, mean=(1, 0, -1), coordinates=(x, y, z)
    )
    assert fine < 1.5e-2
    assert "exponential" in result.attrs["scheme"]


@pytest.mark.parametrize("scheme", ["positive", "high-order"])
def test_kramers_oscillator(scheme):
    # dx = v dt, dv = (-x - v) dt + sqrt(2) dW: no diffusion along x; the exact density is normal
    A, D = [[0, 1], [-1, -1]], [[0, 0], [0, 1]]
    errors = []
    for n in (48, 96):
        e, result = linear_error(A, D, n, domain=7, mean=(1.5, 0), tolerance=1e-4, scheme=scheme)
        errors.append(e)
    order = np.log2(errors[0] / errors[1])
    if scheme == "positive":
        assert errors[1] < 3e-3
        assert order > 1.8
        assert result.values.min() >= 0
    else:
        assert errors[1] < 1e-4
        assert order > 5


def test_the_high_order_scheme_reaches_its_order():
    errors = [
        linear_error(ROTATION, CROSS, n, domain=7, tolerance=1e-7, scheme="high-order", mean=(1, 1))[0]
        for n in (36, 48, 64)
    ]
    orders = [np.log(a / b) / np.log(n / m) for a, b, m, n in zip(errors, errors[1:], (36, 48), (48, 64))]
    assert errors[-1] < 1e-5
    assert all(6.5 < order < 9.5 for order in orders)


def test_the_schemes_agree_where_no_solution_is_known():
    potential = x**4 / 4 - x**2 / 2 + x * y / 2 + y**2
    D = sp.Matrix([[1 + y**2 / 10, sp.Rational(3, 10)], [sp.Rational(3, 10), sp.Rational(4, 5)]])
    drift = -sp.Matrix([sp.diff(potential, x) + y, sp.diff(potential, y) - x])
    equation = FokkerPlanck((x, y), drift, D, time=t)
    options = {"domain": {x: (-5, 5), y: (-5, 5)}, "initial": expression((x, y), [0.5, 0], 0.3), "times": [0.5]}
    high = solve(equation, shape=96, scheme="high-order", tolerance=1e-6, **options)
    low = solve(equation, shape=96, tolerance=1e-4, **options)
    assert float(abs(high - low).sum()) * (10 / 96) ** 2 < 6e-3
    assert abs(high.attrs["mass"][0] - low.attrs["mass"][0]) < 1e-6


def test_time_dependent_coefficients_in_two_dimensions():
    # the drift's attraction changes with time: covariance by the moment equations
    import scipy.integrate

    equation = FokkerPlanck((x, y), [-(1 + sp.sin(4 * t)) * x + y, -x - y], [[1, half], [half, 1]], time=t)

    def moments(s, u):
        A = np.array([[-(1 + np.sin(4 * s)), 1], [-1, -1]])
        C = u[2:].reshape(2, 2)
        return np.concatenate([A @ u[:2], (A @ C + C @ A.T + np.array([[2, 1], [1, 2]])).ravel()])

    u = scipy.integrate.solve_ivp(moments, (0, 0.8), [1, 0, 0.3, 0, 0, 0.3], rtol=1e-10, atol=1e-12).y[:, -1]
    start = expression((x, y), [1, 0], 0.3)
    high = solve(equation, {x: (-7, 7), y: (-7, 7)}, 64, start, [0.8], tolerance=1e-5, scheme="high-order")
    assert error(high, density(mesh(high), u[:2], u[2:].reshape(2, 2))) < 5e-5
    low = solve(equation, {x: (-7, 7), y: (-7, 7)}, 64, start, [0.8], tolerance=1e-3)
    assert error(low, density(mesh(low), u[:2], u[2:].reshape(2, 2))) < 1e-2


GRADIENT = [
    (x**4 / 4 - x**2 / 2 + x * y / 2 + y**2, [[1, 0], [0, sp.Rational(1, 3)]]),
    (x**2 + y**2 + x * y / 3, [[1, half], [half, 1]]),
    (x**4 / 4 + sp.cos(y) * x / 2 + y**2 / 2, [[1 + x**2 / 4, x / 4], [x / 4, 1]]),
]


@pytest.mark.parametrize(("potential", "D"), GRADIENT, ids=range(3))
def test_detailed_balance_is_exact(potential, D):
    # mu = -D grad V + div D: exp(-V) is stationary without current
    D = sp.Matrix(D)
    divergence = sp.Matrix([sum(sp.diff(D[i, j], s) for j, s in enumerate((x, y))) for i in range(2)])
    equation = FokkerPlanck((x, y), -D * sp.Matrix([sp.diff(potential, s) for s in (x, y)]) + divergence, D, time=t)
    result = steady_state(equation, {x: (-3, 3), y: (-2, 2)}, (36, 24))
    exact = np.exp(-sp.lambdify((x, y), potential, "numpy")(*mesh(result)))
    exact /= exact.sum() * 6 / 36 * 4 / 24
    assert "detailed balance" in result.attrs["method"]
    assert np.abs(result.values / exact - 1).max() < 1e-6
    kept = solve(equation, {x: (-3, 3), y: (-2, 2)}, (36, 24), exact, [0.5], tolerance=1e-3)
    assert np.abs(kept.values[0] / exact - 1).max() < 1e-2
    assert kept.values.min() >= 0


def test_the_rates_leave_the_boltzmann_density_alone_to_rounding():
    from numerics.problem import make_problem

    potential, D = GRADIENT[1]
    equation = FokkerPlanck(
        (x, y), -sp.Matrix(D) * sp.Matrix([sp.diff(potential, s) for s in (x, y)]), sp.Matrix(D), time=t
    )
    problem = make_problem(equation, {x: (-3, 3), y: (-3, 3)}, 30, "reflecting", None)
    matrix = problem.generator(0.0).matrix()
    points = problem.grid.mesh()
    boltzmann = np.exp(-sp.lambdify((x, y), potential, "numpy")(*points)).ravel()
    assert np.abs(matrix @ boltzmann).max() < 1e-11 * np.abs(matrix.diagonal() * boltzmann).max()
    wrong = np.exp(-1.01 * sp.lambdify((x, y), potential, "numpy")(*points)).ravel()
    assert np.abs(matrix @ wrong).max() > 1e-4 * np.abs(matrix.diagonal() * wrong).max()


def test_a_steady_state_with_current_against_the_lyapunov_equation():
    import scipy.linalg

    A, D = np.array([[-1.0, 1.0], [-1.0, -1.0]]), np.array([[1.0, 0.5], [0.5, 1.0]])
    covariance = scipy.linalg.solve_continuous_lyapunov(A, -2 * D)
    result = steady_state(linear(A.astype(int).tolist(), CROSS), {x: (-6, 6), y: (-6, 6)}, 64)
    exact = density(mesh(result), [0, 0], covariance)
    assert float(np.abs(result.values - exact).sum()) * (12 / 64) ** 2 < 2e-2
    assert "null vector" in result.attrs["method"]


def test_the_steady_state_of_kramers_equation_is_the_canonical_density():
    # dx = v dt, dv = (x - x^3 - v) dt + noise: exp(-(v^2/2 + V)/T), with no diffusion along x
    equation = FokkerPlanck((x, y), [y, x - x**3 - y], [[0, 0], [0, half]], time=t)
    errors = []
    for n in (48, 96):
        result = steady_state(equation, {x: (-3, 3), y: (-4.5, 4.5)}, n)
        X, V = mesh(result)
        exact = np.exp(-2 * (V**2 / 2 + X**4 / 4 - X**2 / 2))
        exact /= exact.sum() * 6 / n * 9 / n
        errors.append(float(np.abs(result.values - exact).sum()) * 6 / n * 9 / n)
    assert errors[1] < 3e-3
    assert np.log2(errors[0] / errors[1]) > 1.7
    assert result.values.min() >= 0


def test_mixed_sides_in_two_dimensions():
    # free diffusion in a strip: absorbing in x (survival of the first mode), reflecting or periodic in y
    start = sp.pi / 2 * sp.sin(sp.pi * x) * (1 + sp.cos(2 * sp.pi * y) / 2)
    for kind in ("reflecting", "periodic"):
        result = solve(
            FokkerPlanck((x, y), [0, 0], EYE, time=t),
            {x: (0, 1), y: (0, 1)},
            (40, 30),
            start,
            [0.1],
            boundary={x: "absorbing", y: kind},
        )
        X, Y = mesh(result)
        exact = np.pi / 2 * np.sin(np.pi * X) * np.exp(-(np.pi**2) * 0.1)
        exact = exact * (1 + np.cos(2 * np.pi * Y) / 2 * np.exp(-4 * np.pi**2 * 0.1))
        assert np.abs(result.values[-1] - exact).max() < 3e-3
    skew = FokkerPlanck((x, y), [0, 0], [[1, half], [half, 1]], time=t)
    for kind, kept in (("reflecting", True), ("absorbing", False), ("periodic", True)):
        result = solve(skew, {x: (0, 1), y: (0, 1)}, 24, sp.Integer(1), [0.05], boundary=kind, tolerance=1e-3)
        assert (abs(result.attrs["mass"][0] - 1) < 1e-12) == kept
        assert result.values.min() >= 0
        if kind == "periodic":
            assert np.abs(result.values - 1).max() < 1e-10


def test_absorbing_sides_with_cross_diffusion_converge():
    # against a fine grid: survival probability in a box
    skew = FokkerPlanck((x, y), [1, -x], [[1, half], [half, 1]], time=t)
    survival = []
    for n in (12, 24, 48):
        result = solve(
            skew,
            {x: (0, 1), y: (0, 1)},
            n,
            36 * x * (1 - x) * y * (1 - y),
            [0.04],
            boundary="absorbing",
            tolerance=1e-4,
        )
        survival.append(result.attrs["mass"][0])
    assert 0.2 < survival[-1] < 0.9
    assert abs(survival[2] - survival[1]) < 0.6 * abs(survival[1] - survival[0])
    assert abs(survival[2] - survival[1]) < 0.02


@st.composite
def random_planar(draw):
    number = st.integers(-4, 4)
    a, b, c, d = (draw(number) for _ in range(4))
    s = sp.Matrix([[draw(st.integers(1, 4)), draw(number)], [draw(number), draw(st.integers(1, 4))]]) / 4
    D = s * s.T + sp.eye(2) / 5
    if draw(st.booleans()):
        D = D * (1 + sp.sin(x + 2 * y) / 2)
    drift = sp.Matrix([a * y - x**3, b * x * y - y + c + d * sp.cos(y)]) / 2
    return FokkerPlanck((x, y), drift, D, time=t)


@settings(max_examples=8, deadline=None)
@given(random_planar(), st.sampled_from(["reflecting", "periodic", "absorbing", {x: "periodic"}]))
def test_densities_stay_positive_in_the_plane(equation, boundary):
    start = np.zeros((24, 28))
    start[10:13, 12:18] = 1.0
    result = solve(equation, {x: (-2, 2), y: (-2, 2)}, (24, 28), start, [0.05, 0.3], boundary=boundary, tolerance=1e-2)
    assert result.values.min() >= 0
    masses = np.array(result.attrs["mass"]) / (start.sum() * 4 / 24 * 4 / 28)
    if boundary == "absorbing":
        assert np.all(masses <= 1 + 1e-12)
    else:
        assert np.abs(masses - 1).max() < 1e-12


def test_a_matrix_that_is_not_positive_semidefinite_is_refused_with_the_point():
    equation = FokkerPlanck((x, y), [-x, -y], [[1, x], [x, 1]], time=t)
    good = {"shape": 16, "initial": expression((x, y), [0, 0], 0.01), "times": [0.01]}
    with pytest.raises(symrg.errors.InvalidEquation, match=r"not positive semidefinite at x = .*y = "):
        solve(equation, {x: (-2, 2), y: (-1, 1)}, **good)
    with pytest.raises(symrg.errors.InvalidEquation, match="not positive semidefinite"):
        solve(equation, {x: (-2, 2), y: (-1, 1)}, scheme="high-order", **good)
    assert solve(equation, {x: (-0.9, 0.9), y: (-1, 1)}, **good).values.min() >= 0


def test_anisotropy_beyond_the_stencil_matters_only_where_the_mass_is():
    # correlated geometric Brownian motion: towards the axes of the quadrant D is arbitrarily anisotropic
    u, w = sp.symbols("u w", positive=True)
    equation = FokkerPlanck((u, w), [u / 10, w / 20], sp.Matrix([[2 * u**2, u * w], [u * w, 2 * w**2]]) / 100, time=t)
    start = sp.exp(-(sp.log(u) ** 2 + sp.log(w) ** 2) * 50) * 50 / sp.pi / (u * w)
    result = solve(equation, {u: (0.02, 4), w: (0.02, 4)}, 80, start, [0.5], tolerance=1e-3)
    U, _ = mesh(result)
    mean = float((result.values[0] * U).sum()) * (3.98 / 80) ** 2
    assert mean == pytest.approx(np.exp(0.05 + 0.005), rel=5e-3)
    narrow = sp.exp(-((u - 0.05) ** 2) * 5000 - (w - 3) ** 2 * 100)
    with pytest.raises(symrg.errors.InvalidGrid, match="anisotropic"):
        solve(equation, {u: (0.02, 4), w: (0.02, 4)}, 80, narrow, [0.5])


def test_the_high_order_scheme_refuses_what_it_cannot_do():
    equation = linear(ATTRACTION, EYE)
    start = expression((x, y), [0, 0], 0.25)
    for options, words in (
        ({"domain": {x: (-1, 1), y: (-6, 6)}, "initial": sp.exp(-(x**2) - y**2)}, "died away"),
        ({"domain": {x: (-6, 6), y: (-6, 6)}, "boundary": "absorbing"}, "uniform grid"),
        ({"domain": {x: (-60, 60), y: (-6, 6)}}, "too coarse"),
    ):
        with pytest.raises(symrg.errors.InvalidGrid, match=words):
            solve(equation, **{"shape": 32, "initial": start, "times": [0.5], "scheme": "high-order", **options})
