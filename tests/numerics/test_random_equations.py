"""Solvers over random equations, grids and sides, against what every right solver must obey.

Each property is held against something computed apart from the solver: the matrix exponential of the rates, an ODE
integrator, exact transformed normal densities. `SYMRG_RANDOM_CASES=300 pytest tests/numerics/test_random_equations.py`
runs as many new cases a test instead of the fixed few.
"""

import os

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import sympy as sp
from gaussians import density, evolved
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as hs

from numerics.problem import make_problem
from numerics.solver import solve, steady_state
from symrg import FokkerPlanck
from symrg.errors import InvalidGrid

MANY = int(os.environ.get("SYMRG_RANDOM_CASES", "0"))
x, y, z = SPACE = sp.symbols("x y z", real=True)
t = sp.Symbol("t", real=True)


def cases(few):
    return settings(
        max_examples=MANY or few, derandomize=not MANY, deadline=None, suppress_health_check=list(HealthCheck)
    )


rationals = hs.builds(sp.Rational, hs.integers(-8, 8), hs.sampled_from([2, 3, 4]))
positives = hs.builds(sp.Rational, hs.integers(2, 9), hs.integers(3, 8))
kinds = hs.one_of(hs.just("periodic"), hs.tuples(*[hs.sampled_from(["reflecting", "absorbing"])] * 2))


@hs.composite
def smooth(draw, coordinates):
    """A polynomial plus a trigonometric term."""
    first, other = draw(hs.sampled_from(coordinates)), draw(hs.sampled_from(coordinates))
    a, b, c = draw(rationals), draw(rationals), draw(rationals)
    return (
        a
        + b * first
        - draw(positives) * other ** draw(hs.sampled_from([1, 3]))
        + c * draw(hs.sampled_from([sp.sin, sp.cos]))(draw(hs.integers(1, 3)) * first)
    )


@hs.composite
def positive_function(draw, coordinates):
    """A function that is positive everywhere."""
    s = draw(hs.sampled_from(coordinates))
    a = draw(positives)
    return draw(
        hs.sampled_from([a, a + s**2 / 3, a * (1 + sp.sin(2 * s) / 2), a * sp.exp(sp.cos(s) / 2), a / (1 + s**2 / 2)])
    )


@hs.composite
def equations(draw, dimension, timed=False):
    """Random drift; D = s s^T / 2 with s lower triangular and of full rank, or diagonal."""
    space = SPACE[:dimension]
    drift = [draw(smooth(space)) for _ in space]
    noise = sp.diag(*(draw(positive_function(space)) for _ in space))
    if draw(hs.booleans()):
        for i in range(dimension):
            for j in range(i):
                noise[i, j] = draw(rationals) / 8 * draw(hs.sampled_from([sp.Integer(1), sp.cos(space[j])]))
    diffusion = noise * noise.T / 2
    if timed:
        drift = [d * (1 + sp.cos(draw(hs.integers(1, 4)) * t) / 2) for d in drift]
        diffusion = diffusion * (1 + sp.sin(3 * t) / 2)
    return FokkerPlanck(space, drift, diffusion, time=t)


@hs.composite
def problems(draw, dimension, timed=False, sides=kinds, cells=None):
    """An equation, unequal cells (widths within a factor of 3), sides of every axis, a start that is not smooth."""
    equation = draw(equations(dimension, timed))
    shape = [draw(hs.integers(*(cells or {1: (12, 40), 2: (9, 14), 3: (5, 7)}[dimension]))) for _ in range(dimension)]
    rng = np.random.default_rng(draw(hs.integers(0, 2**31)))
    faces, boundary = {}, {}
    for symbol, n in zip(equation.coordinates, shape):
        widths = np.ones(n) if draw(hs.booleans()) else rng.uniform(1, 3, n)
        edges = np.concatenate([[0.0], np.cumsum(widths)])
        faces[symbol] = -1.0 + 2.0 * edges / edges[-1]
        boundary[symbol] = draw(sides)
    start = rng.random(shape) * (rng.random(shape) < 0.5)
    assume(start.any())
    return equation, faces, boundary, start


def attempted(call, *arguments, **options):
    """The result; a mesh that is refused with its reason is no case."""
    try:
        return call(*arguments, **options)
    except InvalidGrid as reason:
        event(f"refused: {str(reason)[:40]}")
        assume(False)


def volumes(faces):
    total = np.ones(())
    for edges in faces.values():
        total = total[..., None] * np.diff(edges)
    return total


def matrix_at(equation, faces, boundary, when=0.0):
    return make_problem(equation, faces, None, boundary, None).generator(when).matrix().toarray()


def any_dimension(**options):
    return hs.sampled_from([1, 1, 2, 2, 3]).flatmap(lambda n: problems(n, **options))


@cases(12)
@given(any_dimension(timed=False), hs.sampled_from([0.03, 0.4]))
def test_the_rates_are_markovian_and_the_solution_is_their_exponential(problem, duration):
    equation, faces, boundary, start = problem
    result = attempted(
        solve, equation, faces, initial=start, times=[duration / 3, duration], boundary=boundary, tolerance=1e-5
    )
    L = matrix_at(equation, faces, boundary)
    size = np.abs(L).max()
    inner = L - np.diag(np.diag(L))
    assert inner.min() >= 0
    leaving = L.sum(axis=0)
    assert leaving.max() <= 1e-12 * size
    closed = all(b == "periodic" or b == ("reflecting", "reflecting") for b in boundary.values())
    assert (np.abs(leaving).max() <= 1e-12 * size) == closed
    mass = (start * volumes(faces)).ravel()
    total = mass.sum()
    for when, state, kept in zip([duration / 3, duration], result.values, result.attrs["mass"]):
        exact = scipy.linalg.expm(L * when) @ mass
        assert np.abs((state * volumes(faces)).ravel() - exact).sum() <= 1e-5 * total
        assert state.min() >= 0
        assert kept == pytest.approx((state * volumes(faces)).sum(), rel=1e-12)
    masses = np.array([total, *result.attrs["mass"]])
    if closed:
        assert np.abs(masses / total - 1).max() < 1e-12
    else:
        assert np.all(np.diff(masses) <= 1e-12 * total)


@cases(5)
@given(hs.sampled_from([1, 1, 2]).flatmap(lambda n: problems(n, timed=True)))
def test_coefficients_that_move_are_followed_within_the_tolerance(problem):
    equation, faces, boundary, start = problem
    begin, end, tolerance = 0.2, 0.6, 1e-4
    result = attempted(
        solve, equation, faces, initial=start, times=[end], start=begin, boundary=boundary, tolerance=tolerance
    )
    mass = (start * volumes(faces)).ravel()
    # by exponentials at midpoints, twice, extrapolated: apart from the solver's steps
    rough = []
    prepared = make_problem(equation, faces, None, boundary, None)
    for steps in (24, 48):
        h, state = (end - begin) / steps, mass
        for i in range(steps):
            L = prepared.generator(begin + (i + 0.5) * h).matrix()
            state = scipy.linalg.expm(L.toarray() * h) @ state
        rough.append(state)
    reference = rough[1] + (rough[1] - rough[0]) / 3
    doubt = np.abs(rough[1] - rough[0]).sum() / 10
    off = np.abs((result.values[0] * volumes(faces)).ravel() - reference).sum()
    assert off <= tolerance * mass.sum() + doubt
    assert result.values.min() >= 0
    if all(b == "periodic" or b == ("reflecting", "reflecting") for b in boundary.values()):
        assert result.attrs["mass"][0] == pytest.approx(mass.sum(), rel=1e-12)
    # frozen at the start it would be another equation
    frozen = scipy.linalg.expm(prepared.generator(begin).matrix().toarray() * (end - begin)) @ mass
    assume(np.abs(frozen - reference).sum() > 1e-2 * mass.sum())
    assert off < 0.1 * np.abs(frozen - reference).sum()


closed_sides = hs.sampled_from(["periodic", ("reflecting", "reflecting")])


@cases(8)
@given(any_dimension(sides=closed_sides))
def test_the_steady_state_is_the_null_vector_and_stays(problem):
    equation, faces, boundary, _ = problem
    stationary = attempted(steady_state, equation, faces, boundary=boundary)
    mass = (stationary.values * volumes(faces)).ravel()
    assert mass.sum() == pytest.approx(1, rel=1e-12)
    assert mass.min() >= 0
    L = matrix_at(equation, faces, boundary)
    assert np.abs(L @ mass).sum() < 1e-10 * np.abs(np.diag(L)).max()
    # the null vector of a dense factorisation, which knows nothing of detailed balance
    system = np.vstack([L / np.abs(L).max(), np.ones(mass.size)])
    null = np.linalg.lstsq(system, np.append(np.zeros(mass.size), 1.0), rcond=None)[0]
    assert np.abs(null - mass).sum() < 1e-7
    kept = attempted(solve, equation, faces, initial=stationary.values, times=[0.5], boundary=boundary, tolerance=1e-6)
    assert np.abs((kept.values[0] - stationary.values) * volumes(faces)).sum() < 1e-6
    # a tilted one isn't stationary
    tilted = stationary.values * np.linspace(0.7, 1.3, len(mass)).reshape(stationary.shape)
    moved = solve(equation, faces, initial=tilted, times=[0.5], boundary=boundary, tolerance=1e-6)
    assert np.abs((moved.values[0] - tilted) * volumes(faces)).sum() > 1e-4


@cases(5)
@given(any_dimension(), hs.floats(0.2, 3.0))
def test_solving_is_linear_contracts_and_composes(problem, factor):
    equation, faces, boundary, start = problem
    other = np.roll(start[..., ::-1], 1, axis=0) + 0.1
    tolerance, v = 1e-6, volumes(faces)

    def run(state, begin, end):
        return attempted(
            solve, equation, faces, initial=state, times=[end], start=begin, boundary=boundary, tolerance=tolerance
        ).values[0]

    one, two, both = (run(s, 0, 0.2) for s in (start, other, start + factor * other))
    scale = ((start + factor * other) * v).sum()
    assert (np.abs(both - one - factor * two) * v).sum() <= 3 * tolerance * max(scale, 1)
    # distances in L1 don't grow, whatever the time
    before = (np.abs(start - other) * v).sum()
    assert (np.abs(one - two) * v).sum() <= before + 2 * tolerance * max(scale, 1)
    assert (np.abs(run(run(start, 0, 0.08), 0.08, 0.2) - one) * v).sum() <= 3 * tolerance * max(scale, 1)


# y as a function of x: the image of a linear process in y has a diffusion in x that is not constant
MAPS = {"area": sp.asinh(x), "cubic": x + x**3 / 6, "logarithm": sp.log(x)}


@hs.composite
def transformed(draw):
    """An equation in x = g(y) for dY = (m - k Y) dt + s dW, and its exact density.

    By Ito's formula with y = h(x): mu^x = [mu^y - D^y h'' / h'^2] / h', D^x = D^y / h'^2.
    """
    h = MAPS[draw(hs.sampled_from(sorted(MAPS)))]
    k, m = draw(hs.sampled_from([-1, 1, 2])), draw(rationals) / 8
    D, variance = draw(positives) / 4, sp.Rational(1, 8)
    mean = draw(rationals) / 16
    slope, bend = sp.diff(h, x), sp.diff(h, x, 2)
    drift = (m - sp.Rational(k, 2) * h) / slope - D * bend / slope**3
    diffusion = D / slope**2
    time = 0.4
    a = -k / 2
    final_mean, covariance = evolved(
        [[a, float(m)], [0, 0]], [[float(D), 0], [0, 0]], [float(mean), 1], [[float(variance), 0], [0, 0]], time
    )

    def exact(s, when):
        centre, spread = (final_mean[0], covariance[0, 0]) if when else (float(mean), float(variance))
        return density([H(s)], [centre], [[spread]]) * sp.lambdify(x, slope, "numpy")(s)

    width = 4.7 * max(float(variance), covariance[0, 0]) ** 0.5
    ends = [min(float(mean), final_mean[0]) - width, max(float(mean), final_mean[0]) + width]
    H = sp.lambdify(x, h, "numpy")
    where = [scipy.optimize.brentq(lambda s, e=e: H(s) - e, 1e-9 if h.has(sp.log) else -1e6, 1e6) for e in ends]
    return FokkerPlanck((x,), [drift], [[diffusion]], time=t), exact, where, time, h


@cases(8)
@given(transformed(), hs.sampled_from(["positive", "extrapolated"]), hs.booleans())
def test_random_transformed_processes_converge_to_their_exact_density(case, scheme, stretched):
    equation, exact, (low, high), time, h = case
    errors = []
    for n in (96, 192):
        edges = np.linspace(0, 1, n + 1)
        if stretched and not h.has(sp.log):
            edges = edges + 0.1 * np.sin(2 * np.pi * edges) / (2 * np.pi) * 3
        edges = low * (high / low) ** edges if h.has(sp.log) else low + (high - low) * edges
        centres = (edges[1:] + edges[:-1]) / 2
        initial = exact(centres, False)
        result = attempted(solve, equation, {x: edges}, initial=initial, times=[time], tolerance=1e-7, scheme=scheme)
        assert result.values.min() >= 0
        assert result.attrs["mass"][0] == pytest.approx((initial * np.diff(edges)).sum(), rel=1e-12)
        errors.append((np.abs(result.values[0] - exact(centres, True)) * np.diff(edges)).sum())
    # the sides cut off a mass of 1e-5
    assert errors[1] < 4e-3
    assert errors[1] < 2e-5 or np.log2(errors[0] / errors[1]) > 1.7
    wrong = (np.abs(result.values[0] - exact(centres, False)) * np.diff(edges)).sum()
    assume(wrong > 0.05)
    assert errors[1] < wrong / 10


@hs.composite
def linear_cases(draw, dimension):
    space = SPACE[:dimension]
    A = sp.Matrix(dimension, dimension, lambda i, j: draw(rationals) / 8) - sp.eye(dimension)
    s = sp.eye(dimension) + sp.Matrix(dimension, dimension, lambda i, j: draw(rationals) / 16 if j < i else 0)
    D = s * s.T / 2
    mean = [float(draw(rationals)) / 8 for _ in space]
    return FokkerPlanck(space, A * sp.Matrix(space), D, time=t), A, D, mean


@cases(3)
@given(linear_cases(2), hs.sampled_from(["positive", "high-order"]))
def test_random_linear_equations_in_the_plane_converge(case, scheme):
    equation, A, D, mean = case
    tensor = [[float(e) for e in D.row(i)] for i in range(2)]
    final, covariance = evolved(A.tolist(), tensor, mean, 0.3 * np.eye(2), 0.5)
    reach = 5.5 * max(np.sqrt(np.diag(covariance)).max(), 0.55) + max(np.abs(final).max(), np.abs(mean).max())
    errors = []
    for n in (40, 80):
        edges = np.linspace(-reach, reach, n + 1)
        c = (edges[1:] + edges[:-1]) / 2
        grid = np.meshgrid(c, c, indexing="ij")
        result = attempted(
            solve,
            equation,
            dict.fromkeys((x, y), edges),
            initial=density(grid, mean, 0.3 * np.eye(2)),
            times=[0.5],
            tolerance=1e-4,
            scheme=scheme,
        )
        assert abs(result.attrs["mass"][0] - 1) < 1e-5
        errors.append(np.abs(result.values[0] - density(grid, final, covariance)).sum() * (2 * reach / n) ** 2)
    assert errors[1] < (2e-2 if scheme == "positive" else 1e-3)
    assert errors[1] < 2e-4 or np.log2(errors[0] / errors[1]) > 1.6


@cases(5)
@given(equations(1), kinds, hs.floats(-0.3, 0.3))
def test_any_equation_and_sides_converge_with_order_two_on_refined_grids(equation, sides, centre):
    # cells in threes have their centres in common
    start = sp.exp(-60 * (x - sp.nsimplify(round(centre, 2))) ** 2)
    if sides == "periodic":
        start = sp.exp(4 * sp.cos(sp.pi * (x - sp.nsimplify(round(centre, 2)))))
        drift, diffusion = (e.xreplace({x: sp.sin(sp.pi * x)}) for e in (equation.drift[0], equation.diffusion[0, 0]))
        equation = FokkerPlanck((x,), [drift], [[diffusion]], time=t)
    results = [
        attempted(solve, equation, {x: (-1, 1)}, n, start, [0.15], boundary={x: sides}, tolerance=1e-7).values[0]
        for n in (60, 180, 540)
    ]
    middle, fine = results[1][1::3], results[2][4::9]
    first, second = (np.abs(a - b).sum() / 30 for a, b in ((results[0], middle), (middle, fine)))
    scale = np.abs(fine).sum() / 30
    assert second < 1e-6 * scale or np.log(first / second) / np.log(3) > 1.6
    assert second < 2e-2 * scale
