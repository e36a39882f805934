"""Drifts with a pole inside the domain are refused with the place; integrable and steep ones are not."""

import numpy as np
import pytest
import sympy as sp

from numerics import solve, steady_state
from symrg.errors import InvalidEquation
from symrg.fokker_planck import FokkerPlanck

x, y, t = sp.symbols("x y t", real=True)
third = sp.Rational(1, 3)


@pytest.mark.parametrize("cells", [64, 101, 120])
@pytest.mark.parametrize(
    ("drift", "place"), [(sp.tan(x), "1.57"), (1 / x, "= "), (-1 / x**2, "= "), (1 / (x - third) ** 3, "0.333333")]
)
def test_a_pole_is_refused_with_the_place(drift, place, cells):
    equation = FokkerPlanck((x,), [drift], [[1]], time=t)
    with pytest.raises(InvalidEquation, match=r"(singular|not finite) at x = -?[0-9.e-]*") as refusal:
        solve(equation, {x: (-3, 3)}, cells, np.ones(cells), [0.1])
    assert place in str(refusal.value)


@pytest.mark.parametrize(
    "drift",
    [
        sp.sign(x),
        1 / sp.sqrt(sp.Abs(x - third)),
        sp.log(sp.Abs(x - third)),
        -sp.tanh(500 * x),
        30 * sp.exp(-1000 * (x - 1) ** 2),
        sp.Piecewise((1, x > third), (-3, True)),
        x**3 - x,
    ],
)
@pytest.mark.parametrize("cells", [64, 101])
def test_what_is_integrable_passes(drift, cells):
    equation = FokkerPlanck((x,), [-drift], [[2]], time=t)
    assert abs(solve(equation, {x: (-2, 2)}, cells, np.ones(cells), [0.1]).attrs["mass"][0] - 4) < 1e-12


def test_the_outer_faces_may_be_singular():
    equation = FokkerPlanck((x,), [1 / x - x], [[1]], time=t)
    result = steady_state(equation, {x: (0, 6)}, 60)
    exact = x * sp.exp(-(x**2) / 2)
    assert np.abs(result.values - sp.lambdify(x, exact)(result.x.values)).max() < 2e-3


def test_a_pole_across_the_plane_is_found():
    repelled = FokkerPlanck((x, y), [1 / (x - y), 1 / (y - x)], [[1, 0], [0, 1]], time=t)
    with pytest.raises(InvalidEquation, match="singular"):
        solve(repelled, {x: (-3, 3), y: (-3, 3)}, (20, 26), np.ones((20, 26)), [0.1])
