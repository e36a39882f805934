"""Passage times and expectations against closed forms and quadrature."""

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import sympy as sp

import symrg
from numerics.backward import expectation, mean_first_passage_time
from numerics.solver import solve
from symrg import FokkerPlanck
from symrg.errors import SolverFailure

x, y, t = sp.symbols("x y t", real=True)
BROWNIAN = FokkerPlanck((x,), [0], [[1]], time=t)


def test_brownian_motion_leaves_an_interval():
    # D T'' = -1: x (1 - x) / 2 between two absorbing sides, (1 - x^2) / 2 from a reflecting one
    errors = []
    for n in (50, 100):
        both = mean_first_passage_time(BROWNIAN, {x: (0, 1)}, n)
        s = both.x.values
        errors.append(np.abs(both.values - s * (1 - s) / 2).max())
    assert errors[-1] < 2e-5
    assert 1.9 < np.log2(errors[0] / errors[1]) < 2.1
    one = mean_first_passage_time(BROWNIAN, {x: (0, 1)}, 100, boundary={x: ("reflecting", "absorbing")})
    assert np.abs(one.values - (1 - s**2) / 2).max() < 2e-5
    other = mean_first_passage_time(BROWNIAN, {x: (0, 1)}, 100, boundary={x: ("absorbing", "reflecting")})
    assert np.allclose(other.values, one.values[::-1], rtol=1e-12)
    # second moment from the reflecting end of a half-absorbing interval: 5/12
    second = mean_first_passage_time(BROWNIAN, {x: (0, 1)}, 100, boundary={x: ("reflecting", "absorbing")}, moment=2)
    assert second.values[0] == pytest.approx(5 / 12, rel=2e-4)


@pytest.mark.parametrize("D", [0.2, 0.05, 0.012])
def test_escape_over_a_barrier_against_the_double_integral(D):
    # Gardiner (5.5.24): T = int_a^b dy exp(V/D)/D int_-oo^y exp(-V/D); the barrier reaches 21 D
    def V(s):
        return s**4 / 4 - s**2 / 2

    equation = FokkerPlanck((x,), [x - x**3], [[sp.nsimplify(D)]], time=t)
    exact = scipy.integrate.quad(
        lambda a: np.exp(V(a) / D) / D * scipy.integrate.quad(lambda b: np.exp(-V(b) / D), -2.2, a, epsabs=0)[0], -1, 1
    )[0]
    errors = []
    for n in (320, 640):
        T = mean_first_passage_time(equation, {x: (-2.2, 1)}, n, boundary={x: ("reflecting", "absorbing")})
        errors.append(abs(float(np.interp(-1, T.x.values, T.values)) / exact - 1))
    assert errors[-1] < 1e-3
    assert errors[1] < errors[0] / 3


def test_passage_from_a_disc_like_box_in_the_plane():
    # free diffusion in the unit square: the series sum over odd m, n of 16 sin sin / (pi^4 m n (m^2 + n^2))
    equation = FokkerPlanck((x, y), [0, 0], [[1, 0], [0, 1]], time=t)
    T = mean_first_passage_time(equation, {x: (0, 1), y: (0, 1)}, 41)
    odd = np.arange(1, 200, 2)
    m, n = np.meshgrid(odd, odd)
    centre = (16 * np.sin(np.pi * m / 2) * np.sin(np.pi * n / 2) / (np.pi**4 * m * n * (m**2 + n**2))).sum()
    assert T.values[20, 20] == pytest.approx(centre, rel=1e-3)


def test_the_passage_time_is_the_area_under_the_survival():
    equation = FokkerPlanck((x,), [1 - x], [[sp.Rational(1, 2)]], time=t)
    edges = np.linspace(0, 1, 61)
    T = mean_first_passage_time(equation, {x: edges})
    start = np.zeros(60)
    start[20] = 60.0
    times = np.linspace(0.002, 3, 1500)
    survival = np.array(solve(equation, {x: edges}, initial=start, times=times, boundary="absorbing").attrs["mass"])
    area = scipy.integrate.simpson(np.concatenate([[1.0], survival]), x=np.concatenate([[0.0], times]))
    assert float(T.values[20]) == pytest.approx(area, rel=1e-3)


def test_second_moment_of_ornstein_uhlenbeck():
    equation = FokkerPlanck((x,), [-x], [[1]], time=t)
    errors = []
    for n in (200, 400):
        u = expectation(equation, x**2, {x: (-8, 8)}, n, stop=0.7)
        s = u.x.values
        inner = np.abs(s) < 2
        errors.append(np.abs(u.values - (s**2 * np.exp(-1.4) + 1 - np.exp(-1.4)))[inner].max())
    assert errors[-1] < 1e-3
    assert 1.8 < np.log2(errors[0] / errors[1]) < 2.2


def test_forward_and_backward_give_the_same_number():
    # int u(x) p0(x) = int f(x) p(x, t), with coefficients that depend on time, in the plane
    equation = FokkerPlanck((x, y), [-x + y * sp.cos(3 * t), -y - x], [[1, 0], [0, 1 + t / 2]], time=t)
    domain = {x: (-5, 5), y: (-5, 5)}
    f = x**2 + sp.sin(y)
    u = expectation(equation, f, domain, 24, start=0.1, stop=0.6, tolerance=1e-5)
    start = np.zeros((24, 24))
    start[10:14, 9:12] = 1
    p = solve(equation, domain, 24, start, [0.6], start=0.1, tolerance=1e-5)
    X, Y = np.meshgrid(p.x.values, p.y.values, indexing="ij")
    forward = float((p.values[0] * (X**2 + np.sin(Y))).sum())
    assert float((u.values * start).sum()) == pytest.approx(forward, rel=1e-4)
    assert float((u.values * start).sum()) != pytest.approx(float((start * (X**2 + np.sin(Y))).sum()), rel=1e-2)


def test_what_never_leaves_is_refused():
    with pytest.raises(symrg.errors.InvalidGrid, match="no side is absorbing"):
        mean_first_passage_time(BROWNIAN, {x: (0, 1)}, 20, boundary="reflecting")
    with pytest.raises(symrg.errors.InvalidEquation, match="depend on time"):
        mean_first_passage_time(FokkerPlanck((x,), [t], [[1]], time=t), {x: (0, 1)}, 20)
    with pytest.raises(symrg.errors.SolverFailure, match=r"never reach|ever reached"):
        mean_first_passage_time(
            FokkerPlanck((x,), [1 + x], [[0]], time=t), {x: (0, 1)}, 20, boundary={x: ("absorbing", "reflecting")}
        )


def test_passage_times_on_half_lines():
    # dx = -x dt + sqrt(2) dW from -oo to 3/2: T = int_x^b e^(y^2/2) sqrt(pi/2) erfc(-y / sqrt 2) dy (Gardiner, 5.5)
    attracted = FokkerPlanck((x,), [-x], [[1]], time=t)
    sides = ("reflecting", "absorbing")
    errors = []
    for n in (80, 160):
        found = mean_first_passage_time(attracted, {x: (-sp.oo, 1.5)}, n, boundary=sides)
        place = found.x.values[found.x.values > -4]
        exact = [
            scipy.integrate.quad(
                lambda s: np.exp(s * s / 2) * np.sqrt(np.pi / 2) * scipy.special.erfc(-s / np.sqrt(2)), a, 1.5
            )[0]
            for a in place
        ]
        errors.append(np.abs(found.values[found.x.values > -4] / exact - 1).max())
    assert errors[1] < 1e-2
    assert 1.7 < np.log2(errors[0] / errors[1]) < 2.3
    with pytest.raises(SolverFailure, match="infinite"):
        mean_first_passage_time(FokkerPlanck((x,), [0], [[1]], time=t), {x: (-sp.oo, 1.5)}, 80, boundary=sides)
