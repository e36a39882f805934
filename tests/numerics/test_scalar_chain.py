"""Langevin ensembles of a field on 64 sites against the Gaussian theory, the transfer matrix and the exact flow."""

import math

import numpy as np
import pytest
from sympy import Matrix, Rational, Symbol, cosh, symbols

from numerics.langevin import coefficients_of, simulate
from numerics.langevin_steps import advance
from numerics.scalar_chain import ScalarChain
from symrg.erg import exponential_cutoff, periodic_chain
from symrg.errors import InvalidEquation, SolverFailure
from symrg.fokker_planck import FokkerPlanck

PHI, TIME = Symbol("phi", real=True), Symbol("t", real=True)
FREE = ScalarChain(64, PHI**2 / 2, PHI)
QUARTIC = ScalarChain(64, PHI**4 / 4 - PHI**2 / 4, PHI)


@pytest.fixture(scope="module")
def interacting():
    return QUARTIC.ensemble(600, 12.0, step=0.05, seed=2, twin=True)


def within(found, expected, deviations=4.0):
    return abs(found.value - expected) <= deviations * found.error


def test_transfer_matrix_is_exact_for_the_free_field():
    for distance in (0, 1, 7, 32):
        value, error = FREE.transfer_matrix(distance)
        assert abs(value - FREE.free_two_point(distance)) < 1e-9 + 2 * error
        assert error < 1e-8
    fine = ScalarChain(24, PHI**2, PHI, spacing=0.5)
    assert abs(fine.transfer_matrix(3)[0] - fine.free_two_point(3)) < 1e-9
    assert abs(fine.transfer_matrix(3)[0] - ScalarChain(24, PHI**2, PHI).free_two_point(3)) > 1e-3


def test_free_field_on_64_sites():
    ensemble = FREE.ensemble(400, 10.0, step=0.1, seed=5, twin=True)
    for distance in (0, 1, 4):
        found = FREE.measured(ensemble, distance)
        assert within(found, FREE.free_two_point(distance))
        assert found.error < 0.03 * FREE.free_two_point(0)
    heavier = ScalarChain(64, PHI**2, PHI)
    assert not within(FREE.measured(ensemble, 0), heavier.free_two_point(0))


def test_interacting_field_on_64_sites(interacting):
    for distance, power in ((0, 1), (1, 1), (3, 1), (0, 2), (2, 2)):
        found = QUARTIC.measured(interacting, distance, power)
        expected, error = QUARTIC.transfer_matrix(distance, power)
        assert error < 1e-6
        assert within(found, expected)
    free = ScalarChain(64, PHI**2 / 4, PHI)
    assert not within(QUARTIC.measured(interacting, 0), free.free_two_point(0))


@pytest.mark.parametrize("sites", [5, 6])
def test_modes_are_those_of_the_symbolic_chain(sites):
    chain, symbolic = ScalarChain(sites, PHI**2, PHI, spacing=0.5), periodic_chain(sites, Rational(1, 2))
    fields = np.eye(sites)
    assert np.allclose(chain.to_modes(fields).T, np.array(symbolic.transform.evalf(), float))
    variances = chain.flowed_variances(exponential_cutoff, 1, 3.0, 3.0, np.zeros(sites))
    assert np.abs(variances).max() < 1e-14  # nothing flows


def test_polchinski_flow_of_the_interacting_field(interacting):
    """The ensemble is carried down by the flow's own stochastic equation; mode variances against the exact ones."""
    start, end, mass = 3.0, 1.0, Rational(1, 2)
    equation = QUARTIC.renormalisation(exponential_cutoff, mass)
    modes = QUARTIC.to_modes(interacting.positions[-1])
    flowed = simulate(equation, modes, -math.log(end), start=-math.log(start), step=0.05, seed=9)
    expected = QUARTIC.flowed_variances(exponential_cutoff, mass, start, end, QUARTIC.mode_variances())
    found = (flowed.positions[-1] ** 2).mean(axis=0)
    error = (flowed.positions[-1] ** 2).std(axis=0) / math.sqrt(len(modes))
    deviation = (found - expected) / error
    assert np.abs(deviation).max() < 5
    assert 0.6 < np.sqrt(np.mean(deviation**2)) < 1.5
    frozen = (QUARTIC.mode_variances() - expected) / error
    assert np.abs(frozen).max() > 10


def test_bad_input():
    with pytest.raises(InvalidEquation, match="three sites"):
        ScalarChain(2, PHI**2, PHI)
    with pytest.raises(InvalidEquation, match="give numbers for g"):
        ScalarChain(8, Symbol("g") * PHI**2, PHI)
    with pytest.raises(InvalidEquation, match="is not a mass term"):
        ScalarChain(8, cosh(PHI), PHI).free_two_point(1)
    with pytest.raises(SolverFailure, match="does not hold the field in"):
        ScalarChain(8, -(PHI**2), PHI).transfer_matrix()
    with pytest.raises(InvalidEquation, match="positive number"):
        ScalarChain(8, PHI**2, PHI, spacing=0)


@pytest.mark.parametrize("weak", [True, False])
@pytest.mark.parametrize(
    "spread", [Matrix([[1, Rational(1, 3)], [Rational(1, 3), 2]]), Matrix([[1 + TIME**2, 0], [0, 3]])]
)
def test_steps_for_additive_noise_are_those_of_the_general_scheme(weak, spread):
    """The general scheme takes any diffusion; where it does not depend on the position both do the same."""
    x, y = symbols("x y", real=True)
    equation = FokkerPlanck((x, y), (-(x**3) + y, -y - x * y**2), spread, TIME)
    found = simulate(equation, (0.3, -0.2), 1.0, paths=7, step=0.1, seed=4, scheme=("euler", "second-order")[weak])
    general = np.tile([0.3, -0.2], (7, 1))
    theta = np.zeros(0)
    advance(coefficients_of(equation), general, 0, 10, 0, 1, 0.0, 0.1, theta, np.uint64(4), weak)
    assert np.allclose(found.positions[-1], general, rtol=0, atol=1e-13)
    other = np.tile([0.3, -0.2], (7, 1))
    advance(coefficients_of(equation), other, 0, 10, 0, 1, 0.0, 0.1, theta, np.uint64(4), not weak)
    assert not np.allclose(found.positions[-1], other, rtol=0, atol=1e-6)
