"""The rational exponential: its tables recomputed, its error on the negative axis, and what it does off it."""

import itertools

import numpy as np
import pytest

from numerics.rational import DEGREE_8, DEGREE_14, caratheodory_fejer
from numerics.stepping import approximation_error

AXIS = -np.concatenate([[0.0], np.logspace(-8, 8, 4001)])


@pytest.mark.parametrize(("table", "degree"), [(DEGREE_8, 8), (DEGREE_14, 14)])
def test_the_tables_are_what_the_method_gives(table, degree):
    again = caratheodory_fejer(degree)
    assert np.allclose(again.poles, table.poles, rtol=1e-9)
    assert np.allclose(again.residues, table.residues, rtol=1e-6)


@pytest.mark.parametrize("table", [DEGREE_8, DEGREE_14])
def test_the_error_on_the_negative_axis(table):
    error = np.abs(table(AXIS) - np.exp(AXIS)).max()
    assert error <= table.error
    assert error > table.error / 100
    wrong = np.abs(table(AXIS) - np.exp(1.001 * AXIS)).max()
    assert wrong > 100 * table.error


def test_degrees_gain_a_factor_of_nine_each():
    # Gonchar and Rakhmanov (1987): the best approximations err by 9.28903^-n
    errors = [np.abs(caratheodory_fejer(n)(AXIS) - np.exp(AXIS)).max() for n in (4, 6, 8, 10)]
    for a, b in itertools.pairwise(errors):
        assert 70 < a / b < 105


def test_the_error_model_bounds_the_error_beside_the_axis():
    s = np.linspace(-30, 30, 60001)
    for number in (0.0, 0.5, 2.0, 6.0, 12.0, 20.0):
        z = -(s**2) - 1j * np.sqrt(number) * s
        value = sum(c / (z - p) + np.conj(c) / (z - np.conj(p)) for p, c in zip(DEGREE_14.poles, DEGREE_14.residues))
        error = np.abs(value - np.exp(z)).max()
        assert error <= 3 * approximation_error(number)
        assert approximation_error(number) < 1e4 * error
