"""The rates between cells against their formula in exact arithmetic, one by one; sides without diffusion."""

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as hs

from numerics.problem import make_problem
from numerics.solver import solve
from symrg import FokkerPlanck

x, y, t = sp.symbols("x y t", real=True)
FACES = np.array([-1.0, -0.7, -0.45, -0.1, 0.3, 0.55, 0.8])
COEFFICIENTS = [
    (sp.Integer(2), sp.Rational(1, 3)),
    (-x, 1 + x**2 / 2),
    (3 * sp.sin(2 * x), sp.exp(x) / 2),
    (1 + x**2, sp.Rational(1, 40) + x**2 / 5),
    (sp.Integer(0), 2 + sp.cos(3 * x)),
]


def bernoulli(u):
    return mpmath.mpf(1) if u == 0 else u / mpmath.expm1(u)


def rates(equation, faces, boundary):
    return make_problem(equation, {x: faces}, None, boundary, None).generator(0.0).matrix().toarray()


def span(drift, diffusion, low, high):
    """(rate to the right, rate to the left) before division by a width: D(middle) / length times B(-+Pe)."""
    b = sp.lambdify(x, drift - sp.diff(diffusion, x), "mpmath")
    D = sp.lambdify(x, diffusion, "mpmath")
    peclet = mpmath.quad(lambda s: b(s) / D(s), [low, high])
    conductance = D((low + high) / 2) / (high - low)
    return conductance * bernoulli(-peclet), conductance * bernoulli(peclet)


@pytest.mark.parametrize(("drift", "diffusion"), COEFFICIENTS, ids=str)
@pytest.mark.parametrize(
    "sides", [("absorbing", "absorbing"), ("reflecting", "absorbing"), ("absorbing", "reflecting")]
)
def test_every_rate_is_the_exponentially_fitted_one(drift, diffusion, sides):
    L = rates(FokkerPlanck((x,), [drift], [[diffusion]], time=t), FACES, {x: sides})
    centres, widths = (FACES[1:] + FACES[:-1]) / 2, np.diff(FACES)
    expected = np.zeros_like(L)
    for i in range(len(centres) - 1):
        there, back = span(drift, diffusion, centres[i], centres[i + 1])
        expected[i + 1, i], expected[i, i + 1] = there / widths[i], back / widths[i + 1]
    expected -= np.diag(expected.sum(axis=0))
    if sides[0] == "absorbing":
        expected[0, 0] -= span(drift, diffusion, FACES[0], centres[0])[1] / widths[0]
    if sides[1] == "absorbing":
        expected[-1, -1] -= span(drift, diffusion, centres[-1], FACES[-1])[0] / widths[-1]
    assert np.abs(L - expected).max() < 1e-7 * np.abs(expected).max()
    # coefficients that differ in the third digit are told apart
    plain = FokkerPlanck((x,), [drift * sp.Rational(101, 100)], [[diffusion * sp.Rational(1001, 1000)]], time=t)
    assert np.abs(rates(plain, FACES, {x: sides}) - expected).max() > 1e-5 * np.abs(expected).max()


def test_the_seam_of_a_circle_is_an_edge_like_any_other():
    drift, diffusion = sp.sin(sp.pi * x), 1 + sp.cos(sp.pi * x) / 2
    faces = np.array([-1.0, -0.7, -0.2, 0.15, 0.5, 1.0])
    L = rates(FokkerPlanck((x,), [drift], [[diffusion]], time=t), faces, "periodic")
    centres, widths = (faces[1:] + faces[:-1]) / 2, np.diff(faces)
    there, back = span(drift, diffusion, centres[-1], centres[0] + 2)
    assert L[0, -1] == pytest.approx(float(there / widths[-1]), rel=1e-6)
    assert L[-1, 0] == pytest.approx(float(back / widths[0]), rel=1e-6)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(hs.floats(-30, 30), hs.floats(0.05, 3), hs.integers(5, 30))
def test_the_numerical_diffusion_is_that_of_the_fitted_flux(b, D, n):
    # a constant current at cell Peclet number Pe diffuses as if D were D (Pe / 2) coth(Pe / 2)
    equation = FokkerPlanck((x,), [sp.Float(b)], [[sp.Float(D)]], time=t)
    generator = make_problem(equation, {x: (-1, 1)}, n, "periodic", None).generator(0.0)
    half = mpmath.mpf(b) / D * 2 / n / 2
    expected = half * mpmath.coth(half) - 1 if half else mpmath.mpf(0)
    assert generator.most_numerical == pytest.approx(float(expected), rel=1e-4, abs=1e-12)
    L = generator.matrix().toarray()
    spread = (L[1, 0] + L[-1, 0]) * (2 / n) ** 2 / 2
    assert spread == pytest.approx(D * (1 + float(expected)), rel=1e-9)
    assert (L[1, 0] - L[-1, 0]) * 2 / n == pytest.approx(b, rel=1e-9, abs=1e-9)


def test_where_the_diffusion_vanishes_on_a_stretch_the_rates_are_upwind():
    diffusion = sp.Piecewise((x**2, x > 0), (0, True))
    L = rates(FokkerPlanck((x,), [sp.Integer(2)], [[diffusion]], time=t), np.linspace(-1, 1, 21), "reflecting")
    width = 0.1
    for i in range(8):  # both centres left of zero: all goes right at the speed of the drift
        assert L[i + 1, i] == pytest.approx(2 / width, rel=1e-12)
        assert L[i, i + 1] == 0
    assert np.all(np.isfinite(L))
    assert L[18, 19] > 0


@pytest.mark.parametrize("side", ["lower", "upper"])
@pytest.mark.parametrize("other", [False, True], ids=["line", "plane"])
def test_a_branching_process_dies_out_at_its_exact_rate(side, other):
    # d_t p = (s p)'', s the distance from the side: extinct by t with probability exp(-s_0 / t) (Feller 1951)
    s = x if side == "lower" else -x
    space = (x, y) if other else (x,)
    D = sp.diag(s, 1) if other else sp.Matrix([[s]])
    equation = FokkerPlanck(space, [0] * len(space), D, time=t)
    start, duration, n = 1.0, 0.5, 400
    domain = {x: (0, 8) if side == "lower" else (-8, 0)}
    boundary = {x: ("absorbing", "reflecting") if side == "lower" else ("reflecting", "absorbing")}
    edges = np.linspace(*domain[x], n + 1)
    centres = (edges[1:] + edges[:-1]) / 2
    initial = np.exp(-((np.abs(centres) - start) ** 2) / (2 * 0.05**2))
    initial /= initial.sum() * 8 / n
    expected = 1 - (initial * np.exp(-np.abs(centres) / duration)).sum() * 8 / n
    if other:
        domain[y], initial = (0, 1), np.repeat(initial[:, None], 5, axis=1)
    shape = (n, 5) if other else n
    mass = solve(equation, domain, shape, initial, [duration], boundary=boundary, tolerance=1e-8).attrs["mass"][0]
    assert mass == pytest.approx(expected, abs=1e-4)
