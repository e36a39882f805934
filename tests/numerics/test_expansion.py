"""The expansion of the exponential against SciPy's, in both forms of the matrix, and what chooses it."""

import numpy as np
import pytest
import scipy.sparse.linalg
import sympy as sp

from numerics import solve
from numerics.expansion import expand, expansion, worthwhile
from numerics.problem import make_problem
from numerics.stepping import Record
from symrg.errors import InvalidGrid
from symrg.fokker_planck import FokkerPlanck

x, y, t = sp.symbols("x y t", real=True)
CROSS = FokkerPlanck((x, y), [-x + 2 * y, -2 * x - y], [[1, sp.Rational(3, 5)], [sp.Rational(3, 5), 1]], time=t)
SHEARED = FokkerPlanck((x, y), [0, -sp.sin(x)], [[1, sp.cos(x)], [sp.cos(x), 1 + sp.cos(x) ** 2]], time=t)


@pytest.mark.parametrize("equation", [CROSS, SHEARED], ids=["by diagonals", "by rows"])
@pytest.mark.parametrize("boundary", ["reflecting", "absorbing", {x: "periodic"}], ids=str)
def test_it_is_the_exponential_of_the_matrix(equation, boundary):
    faces = {x: np.linspace(-3, 3, 33), y: 2 * np.sinh(np.linspace(-1.4, 1.4, 41))}
    generator = make_problem(equation, faces, None, boundary, None).generator(0.0)
    found = expansion(generator)
    start = np.random.default_rng(1).random(generator.grid.shape)
    start /= start.sum()
    mass = expand(generator, found, start, 0.3, Record())
    exact = scipy.sparse.linalg.expm_multiply(0.3 * generator.matrix(), start.ravel())
    assert np.abs(mass.ravel() - exact).sum() < 1e-11
    later = scipy.sparse.linalg.expm_multiply(0.301 * generator.matrix(), start.ravel())
    assert np.abs(mass.ravel() - later).sum() > 1e-6  # another duration is told apart
    assert mass.min() >= 0
    if generator.closed:
        assert abs(mass.sum() - 1) < 1e-14


def test_both_forms_of_the_matrix_occur():
    shapes = [
        expansion(make_problem(e, {x: (-3, 3), y: (-3, 3)}, 32, "reflecting", None).generator(0.0)).offsets.size
        for e in (CROSS, FokkerPlanck((x, y), [0, 0], [[1 + 9 * x**2, 3 * x], [3 * x, 1]], time=t))
    ]
    assert shapes[0] > 0
    assert shapes[1] == 0


def test_stiff_grids_and_many_times_are_left_to_the_sweeps():
    generator = make_problem(CROSS, {x: (-3, 3), y: (-3, 3)}, 32, "reflecting", None).generator(0.0)
    assert worthwhile(generator, [1.0], 0.0, 1e-4) is not None
    fine = np.concatenate([np.linspace(-3, -1e-4, 16), np.linspace(1e-4, 3, 16)])
    stiff = make_problem(CROSS, {x: fine, y: (-3, 3)}, (None, 32), "reflecting", None).generator(0.0)
    assert worthwhile(stiff, [1.0], 0.0, 1e-4) is None


def test_the_solver_takes_it_and_agrees_with_the_sweeps(monkeypatch):
    initial = sp.exp(-(x**2) - (y - 1) ** 2) / sp.pi
    arguments = (CROSS, {x: (-5, 5), y: (-5, 5)}, 48, initial, [0.2, 0.5])
    expanded = solve(*arguments, tolerance=1e-5)
    assert "Chebyshev" in expanded.attrs["scheme"]
    monkeypatch.setattr("numerics.expansion.worthwhile", lambda *given: None)
    swept = solve(*arguments, tolerance=1e-5)
    assert "Strang" in swept.attrs["scheme"]
    volume = (10 / 48) ** 2
    assert np.abs(expanded.values - swept.values).sum(axis=(1, 2)).max() * volume < 1e-5


def test_what_runs_off_to_infinity_is_refused():
    for drift in (x**3, 50 * x):
        equation = FokkerPlanck((x,), [drift], [[1]], time=t)
        with pytest.raises(InvalidGrid, match=r"infinite axis|too coarse"):
            solve(equation, {x: (-sp.oo, sp.oo)}, 200, sp.exp(-((x - 1) ** 2)) / sp.sqrt(sp.pi), [3.0])
