"""Fixed points of the local potential approximation against published and exact exponents."""

import math
from dataclasses import replace

import pytest
from flint import arb
from sympy import Float, Rational, Symbol, exp, oo, sqrt

from numerics.collocation import Chebyshev, column, eigenvalues, evaluate, newton, precision
from numerics.fixed_point import fixed_point
from symrg.erg.local_potential import RHO, litim_flow, polchinski_flow
from symrg.errors import InvalidEquation, SolverFailure, UnsupportedExpression

# Bervillier, Juettner, Litim, Nucl. Phys. B 783 (2007) 213, both flows, N = 1, d = 3
NU, OMEGA = Float("0.649561773880", 15), Float("0.655745939193", 15)


@pytest.fixture(scope="module")
def optimised():
    return fixed_point(litim_flow(1, 3), digits=11)


def test_ising_exponents_to_ten_digits(optimised):
    assert abs(optimised.nu - NU) < 1e-11
    assert abs(optimised.omega - OMEGA) < 1e-11
    assert optimised.digits >= 11
    assert abs(optimised.nu - Float("0.6495617739", 15)) < 1e-10 < abs(optimised.nu - Float("0.64956", 15))


def test_error_falls_with_resolution_and_is_not_overstated(optimised):
    """Each row's distance from the published value is about its announced change, or less."""
    rows = optimised.convergence
    assert abs(rows[0].nu - NU) > 1e-8  # the coarse one is wrong, so the agreement above is earned
    assert abs(rows[-1].nu - NU) < 1e-4 * abs(rows[0].nu - NU)
    assert rows[-1].change < 1e-11


def test_two_flows_agree_in_exponents_and_minimum():
    """Legendre transforms of one another (Morris 2005): the exponents and the place of the minimum are the same."""
    one, other = (fixed_point(f(3, 3), digits=9) for f in (litim_flow, polchinski_flow))
    assert abs(one.nu - other.nu) < 3e-9
    assert abs(one.omega - other.omega) < 1e-8
    assert abs(one.minimum - other.minimum) < 1e-7
    assert abs(one.slope[0] - other.slope[0]) > 0.05  # the potentials are not
    assert abs(one.nu - Float("0.761123", 10)) < 1e-6  # Litim, Nucl. Phys. B 631 (2002) 128, table 1


@pytest.mark.parametrize("dimension", [3, Rational(7, 2)])
def test_large_n_is_exact(dimension):
    """Spherical model: nu = 1/(d - 2), omega = 4 - d, rho_min = 1/(d - 2)."""
    found = fixed_point(litim_flow(oo, dimension), digits=10)
    assert abs(found.nu - 1 / (dimension - 2)) < 1e-10
    assert abs(found.omega - (4 - dimension)) < 1e-10
    assert abs(found.minimum - 1 / (float(dimension) - 2)) < 1e-9


def test_fixed_point_is_followed_to_dimensions_below_three():
    """The flows are Legendre transforms of one another, so nu and omega agree; the Gaussian point is not taken."""
    one, other = (fixed_point(f(1, Symbol("d")), Rational(27, 10), digits=5) for f in (litim_flow, polchinski_flow))
    assert abs(one.nu - other.nu) < 1e-7
    assert abs(one.omega - other.omega) < 1e-6
    lower = fixed_point(litim_flow(1, Rational(5, 2)), digits=5)  # a number from the start
    assert lower.nu > one.nu + 0.05 > 0.7 > 0.6496
    for found in (one, lower):
        assert found.slope[0] < -0.2


def test_wrong_coefficient_moves_the_exponents():
    flow = polchinski_flow(1, 3)
    _, _, _, second = flow.arguments
    moved = replace(flow, rate=flow.rate - RHO * second / 5)
    assert abs(fixed_point(moved, digits=5).nu - NU) > 1e-3


@pytest.mark.parametrize(
    ("flow", "dimension", "message"),
    [
        (litim_flow(1, Symbol("d")), None, "give the dimension"),
        (litim_flow(1, 3), 4, "the flow is in dimension 3"),
        (litim_flow(1, Symbol("d")), 4, "2 < d < 4"),
        (litim_flow(Symbol("N"), 3), None, "give numbers for N"),
    ],
)
def test_bad_input(flow, dimension, message):
    with pytest.raises(InvalidEquation, match=message):
        fixed_point(flow, dimension)


def test_too_few_nodes_are_reported():
    with pytest.raises(SolverFailure, match="digits were not reached"):
        fixed_point(polchinski_flow(1, 3), digits=12, limit=40)


def test_differentiation_is_exact_for_polynomials_and_newton_finds_zeros():
    with precision(200):
        grid = Chebyshev.on(9, 3)
        cube = column([x**3 for x in grid.points])
        assert max(abs(float(v - 6 * x)) for v, x in zip((grid.second * cube).entries(), grid.points)) < 1e-45
        too_high = column([x**9 for x in grid.points])
        assert max(abs(float(v - 9 * x**8)) for v, x in zip((grid.first * too_high).entries(), grid.points)) > 1
        from flint import arb_mat

        root = newton(lambda u: (arb_mat([[u[0, 0] ** 2 - 2]]), arb_mat([[2 * u[0, 0]]])), column([1]), 1e-40)
        assert abs(float(root[0, 0] - arb(2).sqrt())) < 1e-40
        assert newton(lambda u: (arb_mat([[u[0, 0] ** 2 + 2]]), arb_mat([[2 * u[0, 0]]])), column([1]), 1e-40) is None
        low, high = eigenvalues(arb_mat([[2, 1], [1, 3]]), 2, 1e-40)
        assert abs(float(low - (5 - arb(5).sqrt()) / 2)) < 1e-40
        assert abs(float(high - (5 + arb(5).sqrt()) / 2)) < 1e-40


def test_evaluation_walks_the_tree():
    with precision(100):
        value = evaluate(exp(-RHO) / sqrt(1 + RHO) + Rational(1, 3), {RHO: arb(2)})
        assert abs(float(value) - (math.exp(-2) / math.sqrt(3) + 1 / 3)) < 1e-15
        with pytest.raises(UnsupportedExpression, match="rational and elementary"):
            evaluate(Symbol("q"), {})
