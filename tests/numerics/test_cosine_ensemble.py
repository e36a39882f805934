"""Finite cosine networks against the closed forms of their correlation functions."""

import numpy as np
import pytest
from sympy import Rational, Symbol, exp

from numerics.cosine_ensemble import draw
from symrg.erg.cosine_network import CosineNetwork
from symrg.errors import InvalidArguments, InvalidEquation

ONE = CosineNetwork.free_scalar(1, 1, 4)
Q = Symbol("q", nonnegative=True)


@pytest.mark.parametrize("network", [ONE, CosineNetwork(exp(-Q) / (1 + Q), Q, 3, 3, weight_variance=2)])
def test_two_point_function_is_that_of_the_field(network):
    ensemble = draw(network, 24, 12_000, seed=3)
    origin = np.zeros(network.dimension)
    for distance in (0, 0.5, 2):
        place = origin.copy()
        place[0] = distance
        found = ensemble.two_point(origin, place)
        expected = float(network.two_point(distance).evalf(12))
        assert found.agrees(expected)
        assert found.error < 0.05 * float(network.two_point(0).evalf(12))
    assert not ensemble.two_point(origin, origin).agrees(1.3 * float(network.two_point(0).evalf(12)))


def test_connected_four_point_function_falls_with_the_width():
    places = (0, Rational(3, 10), 1, Rational(3, 2))
    for width in (2, 8):
        found = draw(ONE, width, 30_000, seed=width).fourth_cumulant(np.array(places, float))
        assert found.agrees(float(ONE.fourth_cumulant(width, places).evalf(12)))
        assert found.value > 8 * found.error  # seen, and not only allowed
    assert not found.agrees(float(ONE.fourth_cumulant(2, places).evalf(12)))


def test_information_cutoff_leaves_the_field_of_a_lower_momentum_cutoff():
    ensemble = draw(ONE, 40, 6_000, seed=7)
    inputs = np.random.default_rng(11).uniform(-150, 150, 128)
    lower = 1.5
    threshold = float(ONE.information(40, 1, Rational(3, 2)))
    assert float(ONE.momentum_cutoff(threshold, 40)) == pytest.approx(lower)
    left = ensemble.above(threshold, inputs)
    for distance in (0, 0.7):
        found = left.two_point([0], [distance])
        assert found.agrees(float(ONE.two_point(distance, Rational(3, 2)).evalf(12)))
    assert not left.two_point([0], [0]).agrees(float(ONE.two_point(0).evalf(12)))
    sizes = np.abs(left.frequencies[..., 0])
    kept = left.readout != 0
    assert np.mean(kept == (sizes < lower)) > 0.95  # the boundary is blurred by the finite sample of inputs


def test_bad_input():
    with pytest.raises(InvalidEquation, match="give numbers for m"):
        draw(CosineNetwork.free_scalar(Symbol("m", positive=True), 1, 4), 10, 100)
    with pytest.raises(InvalidArguments, match="networks or more"):
        draw(ONE, 10, 3)
    with pytest.raises(InvalidArguments, match="expected \\(points, 1\\)"):
        draw(ONE, 10, 100).outputs(np.zeros((3, 2)))
