"""Linear equations: exact Gaussian solution, and the moment equations as a second road to it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sympy import Derivative, Integral, Matrix, Rational, Symbol, cos, diff, exp, eye, oo, simplify, sin, symbols

from symrg.errors import ImproperDensity, InvalidEquation, NoClosedForm
from symrg.fokker_planck import FokkerPlanck
from symrg.fokker_planck.linear import gaussian_solution, stationary_gaussian
from symrg.fokker_planck.moments import Mean

x, y, v, a = symbols("x y v a", real=True)
k, s, T, w = symbols("k sigma T omega", positive=True)
t = Symbol("t", positive=True)
POINT = {x: 0.37, y: -0.52, v: 0.21, a: 0.8, k: 1.3, s: 0.9, T: 0.7, w: 1.1, t: 0.85}


def residual_at(equation, p):
    numbers = {k: v for k, v in POINT.items() if k not in (*equation.coordinates, equation.time)}
    equation, p = equation.subs(numbers), p.subs(numbers)
    value = (diff(p, equation.time) - equation.rhs(p)).subs(POINT).evalf(30)
    return abs(complex(value))


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from([(-1, 2, 0, -3), (0, 1, -1, 0), (1, 1, 0, 1), (0, 0, 2, -1), (2, 0, 0, -2), (0, 1, -2, -3)]),
    st.lists(st.integers(-2, 2), min_size=2, max_size=2),
)
def test_random_linear_equations_in_the_plane(matrix, shift):
    drift = Matrix(2, 2, matrix) * Matrix([x, y]) + Matrix(shift)
    f = FokkerPlanck((x, y), drift, [[2, 1], [1, 3]], time=t)
    p = f.gaussian_solution((1, -1), [[2, 0], [0, 1]], budget=60)
    assert residual_at(f, p) < 1e-12
    other = FokkerPlanck((x, y), drift, [[2, 1], [1, 4]], time=t)
    assert residual_at(other, p) > 1e-8


@pytest.mark.parametrize(
    ("equation", "mean", "start"),
    [
        (FokkerPlanck(x, -k * x + w, s**2 / 2, time=t), a, 0),
        (FokkerPlanck(x, -x / t, 1 / t**2, time=t), a, Rational(1, 2)),
        (FokkerPlanck(x, sin(t), cos(t) ** 2, time=t), a, 0),
        (FokkerPlanck((x, v), (v, -k * v - w**2 * x), [[0, 0], [0, k * T]], time=t), (a, 0), 0),
        (FokkerPlanck((x, v), (v, 0), [[0, 0], [0, T]], time=t), (0, a), 0),
        (FokkerPlanck((x, y, v), (-x + y, -2 * y, -v), [[1, 0, 0], [0, 1, 0], [0, 0, s]], time=t), (a, 0, 1), 0),
    ],
)
def test_transition_densities_solve_the_equation(equation, mean, start):
    p = equation.transition_density(mean, start)
    assert residual_at(equation, p) < 1e-12
    assert not p.has(Integral)
    doubled = FokkerPlanck(equation.coordinates, equation.drift, 2 * equation.diffusion, t)
    assert residual_at(doubled, p) > 1e-4


def test_free_motion_with_noise_on_the_velocity():
    # Variances 2 T t, T t^2, 2 T t^3 / 3: Chandrasekhar, Rev. Mod. Phys. 15 (1943) 1, eq. 175 ff.
    f = FokkerPlanck((x, v), (v, 0), [[0, 0], [0, T]], time=t)
    state = gaussian_solution(f, (0, 0))
    assert state.covariance == Matrix([[2 * T * t**3 / 3, T * t**2], [T * t**2, 2 * T * t]])


def test_ornstein_uhlenbeck_forgets_and_the_stationary_gaussian_stays():
    f = FokkerPlanck(x, -k * x, s**2 / 2, time=t)
    state = gaussian_solution(f, a)
    assert simplify(state.covariance[0] - s**2 * (1 - exp(-2 * k * t)) / (2 * k)) == 0
    assert stationary_gaussian(f).covariance[0] == s**2 / (2 * k)
    assert f.residual(f.gaussian_solution(0, s**2 / (2 * k))) == 0


def test_chapman_kolmogorov():
    f = FokkerPlanck(x, -x + 1, Rational(3, 2), time=t)
    middle = gaussian_solution(f, a).covariance[0].subs(t, 1), gaussian_solution(f, a).mean[0].subs(t, 1)
    in_two = gaussian_solution(f, middle[1], middle[0], start=1)
    at_once = gaussian_solution(f, a)
    assert simplify(in_two.mean[0] - at_once.mean[0]) == 0
    assert simplify(in_two.covariance[0] - at_once.covariance[0]) == 0


def test_moment_equations_hold_for_the_exact_gaussian():
    f = FokkerPlanck((x, v), (v, -3 * v - 2 * x), [[0, 0], [0, T]], time=t)
    state = gaussian_solution(f, (1, 2))
    m, c = state.mean, state.covariance
    exact = {(1, 0): m[0], (0, 1): m[1], (2, 0): c[0, 0], (1, 1): c[0, 1], (0, 2): c[1, 1]}
    central = f.moment_equations(2, central=True)
    values = {central.moment(i): e for i, e in exact.items()}
    for equation in central.equations:
        left, right = (side.subs(values).doit() for side in (equation.lhs, equation.rhs))
        assert simplify(left - right) == 0
    wrong = FokkerPlanck((x, v), f.drift, 2 * f.diffusion, time=t).moment_equations(2, central=True)
    last = wrong.equations[-1]
    assert simplify(last.lhs.subs(values).doit() - last.rhs.subs(values)) != 0


def test_raw_moments_solved_by_the_matrix_exponential():
    f = FokkerPlanck(x, -k * x, s**2 / 2, time=t)
    state = gaussian_solution(f, a)
    solved = f.moment_equations(2).solve({1: a, 2: a**2})
    assert simplify(solved[(1,)] - state.mean[0]) == 0
    assert simplify(solved[(2,)] - state.covariance[0] - state.mean[0] ** 2) == 0


def test_geometric_motion_closes_too():
    f = FokkerPlanck(x, k * x, s**2 * x**2 / 2, time=t)
    equations = f.moment_equations(3)
    assert equations.closed
    assert (
        equations.rates[2][1] == equations.moment(3) * (3 * k + 3 * s**2)
        or simplify(equations.rates[2][1] - equations.moment(3) * (3 * k + 3 * s**2)) == 0
    )


def test_open_hierarchies_say_so_and_close_by_cumulants():
    f = FokkerPlanck(x, x - x**3, T, time=t)
    opened = f.moment_equations(2)
    assert not opened.closed
    assert [str(m) for m in opened.missing] == ["m_{3}(t)", "m_{4}(t)"]
    with pytest.raises(InvalidEquation, match="open"):
        opened.solve({1: 0, 2: 1})
    closed = opened.close()
    assert closed.closure == "gaussian"
    m1, m2 = opened.moment(1), opened.moment(2)
    # Third and fourth moments of a Gaussian: 3 m1 m2 - 2 m1^3 and 3 m2^2 - 2 m1^4.
    assert simplify(closed.rates[0][1] - (m1 - (3 * m1 * m2 - 2 * m1**3))) == 0
    assert simplify(closed.rates[1][1] - (2 * m2 - 2 * (3 * m2**2 - 2 * m1**4) + 2 * T)) == 0


def test_means_of_what_is_no_polynomial_stay_as_means():
    f = FokkerPlanck(x, -sin(x), 1, time=t)
    equations = f.moment_equations(1)
    assert equations.rates[0][1] == -Mean(sin(x), x)
    assert not equations.closed
    assert r"\langle" in equations.latex()
    assert isinstance(equations.equations[0].lhs, Derivative)
    with pytest.raises(InvalidEquation, match="no polynomials"):
        equations.close()


BAD = {
    "not linear": (lambda: FokkerPlanck(x, -(x**3), 1).gaussian_solution(0), InvalidEquation, "linear"),
    "diffusion moves": (lambda: FokkerPlanck(x, -x, 1 + x**2).gaussian_solution(0), InvalidEquation, "free of"),
    "order": (lambda: FokkerPlanck(x, -x, 1).moment_equations(0), InvalidEquation, "order"),
    "length": (lambda: FokkerPlanck(x, -x, 1).moment_equations(2).moment((1, 1)), InvalidEquation, "exponents"),
    "initial": (lambda: FokkerPlanck(x, -x, 1).moment_equations(2).solve({1: 0}), InvalidEquation, "missing"),
    "no pull": (lambda: stationary_gaussian(FokkerPlanck(x, 1, 1)), ImproperDensity, "pull"),
    "no propagator": (
        lambda: FokkerPlanck((x, y), (t * y, x + y), [[1, 0], [0, 1]], time=t).gaussian_solution((0, 0)),
        NoClosedForm,
        "commute",
    ),
    "no integral": (
        lambda: FokkerPlanck(x, -x, exp(exp(exp(t))), time=t).gaussian_solution(0, 0, 1, 3),
        NoClosedForm,
        "covariance",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_the_reason(name):
    make, error, reason = BAD[name]
    with pytest.raises(error, match=reason):
        make()


def test_probability_is_conserved():
    p = exp(-(x**2))
    for drift, diffusion in ((x - x**3, 1 + x**2), (sin(x), exp(x)), (x**2, 2 + sin(x))):
        total = FokkerPlanck(x, drift, diffusion).current(p)[0]
        assert total.subs(x, 40).evalf() - total.subs(x, -40).evalf() == pytest.approx(0, abs=1e-100)
    assert Integral(FokkerPlanck(x, x - x**3, 1 + x**2).rhs(p), (x, -oo, oo)).doit() == 0


def test_kramers_transition_density_solves_its_equation_for_any_friction():
    place, velocity = symbols("x_1 v_1", real=True)
    friction, stiffness, temperature, first = symbols("gamma kappa Theta x_0", positive=True)
    time = Symbol("t", positive=True)

    def kramers(friction):
        drift = [velocity, -friction * velocity - stiffness * place]
        return FokkerPlanck((place, velocity), drift, [[0, 0], [0, friction * temperature]], time)

    density = kramers(friction).transition_density((first, 0), budget=30)
    assert kramers(friction).residual(density, 30) == 0
    other = kramers(friction + Rational(1, 10))  # the density is that of another equation
    assert other.residual(density, 0.5) != 0


def test_three_coordinates_with_a_complex_pair_of_eigenvalues():
    last = Symbol("z_1", real=True)
    first, second, time = Symbol("x_1", real=True), Symbol("y_1", real=True), Symbol("t", positive=True)
    matrix = Matrix([[-1, 1, 0], [0, -1, 1], [-1, 0, -1]])  # -2 and (-1 +- i sqrt(3)) / 2
    equation = FokkerPlanck((first, second, last), matrix * Matrix([first, second, last]), eye(3), time)
    state = gaussian_solution(equation, [1, 0, 0], 0, budget=30)
    point = {time: Rational(7, 10)}
    propagated = (matrix * Rational(7, 10)).evalf(30).exp()
    assert max(abs(complex(e)) for e in (state.mean.subs(point) - propagated * Matrix([1, 0, 0])).evalf(20)) < 1e-12
    rate = state.covariance.diff(time) - matrix * state.covariance - state.covariance * matrix.T - 2 * eye(3)
    assert max(abs(complex(e)) for e in rate.subs(point).evalf(20)) < 1e-12
    assert max(abs(complex(e)) for e in state.covariance.subs(time, Rational(1, 10**9)).evalf(30)) < 1e-8
