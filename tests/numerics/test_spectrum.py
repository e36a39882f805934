"""Eigenvalues of generators against closed forms."""

import numpy as np
import pytest
import sympy as sp

import symrg
from numerics.backward import mean_first_passage_time
from numerics.spectrum import spectrum
from symrg import FokkerPlanck

x, y, t = sp.symbols("x y t", real=True)


def test_ornstein_uhlenbeck_has_whole_multiples():
    errors = []
    for n in (100, 200):
        modes = spectrum(FokkerPlanck((x,), [-2 * x], [[1]], time=t), {x: (-5, 5)}, n, count=4)
        errors.append(np.abs(modes.rate.values - 2 * np.arange(4)).max())
    assert errors[-1] < 2e-2
    assert 1.8 < np.log2(errors[0] / errors[1]) < 2.2
    assert modes.rate.values[0] == 0
    assert modes.relaxation_time.values[1] == pytest.approx(0.5, rel=1e-2)
    stationary = np.exp(-(modes.x.values**2)) / np.sqrt(np.pi)
    assert np.abs(modes.density.values[0] - stationary).max() < 1e-6


def test_a_rotation_has_complex_pairs():
    # eigenvalues of A = [[-1, -3], [3, -1]] are -1 +- 3i, and those of the generator their sums
    modes = spectrum(
        FokkerPlanck((x, y), [-x - 3 * y, 3 * x - y], [[1, 0], [0, 1]], time=t), {x: (-5, 5), y: (-5, 5)}, 50, count=3
    )
    assert modes.rate.values[1:] == pytest.approx([1, 1], rel=4e-2)
    assert modes.frequency.values[1:] == pytest.approx([3, 3], rel=4e-2)


def test_kramers_oscillator_has_the_eigenvalues_of_its_drift():
    # dx = v, dv = -x - v: (-1 +- i sqrt 3) / 2, and no diffusion along x (Risken, sec. 10.2)
    equation = FokkerPlanck((x, y), [y, -x - y], [[0, 0], [0, 1]], time=t)
    modes = spectrum(equation, {x: (-6, 6), y: (-6, 6)}, 48, count=3)
    assert modes.rate.values[1:] == pytest.approx([0.5, 0.5], rel=2e-2)
    assert modes.frequency.values[1:] == pytest.approx([0.866, 0.866], rel=1e-2)


def test_diffusion_between_absorbing_sides():
    modes = spectrum(FokkerPlanck((x,), [0], [[1]], time=t), {x: (0, 1)}, 200, boundary="absorbing", count=3)
    assert modes.rate.values == pytest.approx(np.pi**2 * np.array([1, 4, 9]), rel=1e-3)


@pytest.mark.parametrize(("D", "cells"), [(0.1, 200), (0.02, 300), (0.008, 400)])
def test_kramers_rates_keep_their_digits(D, cells):
    # the slow rate of a symmetric double well is 1 / T, T the passage time from one well to the top being doubled;
    # exp(-31) in the last case, far below rounding of the fast rates
    equation = FokkerPlanck((x,), [x - x**3], [[sp.nsimplify(D)]], time=t)
    slow = float(spectrum(equation, {x: (-2, 2)}, cells, count=2).rate.values[1])
    T = mean_first_passage_time(equation, {x: (-2, 0)}, cells // 2, boundary={x: ("reflecting", "absorbing")})
    top = float(np.interp(-1, T.x.values, T.values))
    assert slow * top == pytest.approx(1, rel=0.1 if D > 0.05 else 1e-2)
    kramers = np.sqrt(2) / np.pi * np.exp(-0.25 / D)
    assert slow == pytest.approx(kramers, rel=6 * D)


def test_a_time_is_frozen_and_counts_are_checked():
    equation = FokkerPlanck((x,), [-(1 + t) * x], [[1]], time=t)
    assert float(spectrum(equation, {x: (-5, 5)}, 200, count=2, time=1.0).rate[1]) == pytest.approx(2, rel=1e-2)
    with pytest.raises(symrg.errors.InvalidGrid, match="count"):
        spectrum(equation, {x: (-5, 5)}, 20, count=40)


def test_infinite_axes_have_cells_where_the_modes_are():
    far = FokkerPlanck((x,), [-3 * (x - 700)], [[1]], time=t)
    errors = [
        np.abs(spectrum(far, {x: (-sp.oo, sp.oo)}, n, count=4).rate.values - [0, 3, 6, 9]).max() for n in (80, 160)
    ]
    assert errors[1] < 0.05
    assert 1.8 < np.log2(errors[0] / errors[1]) < 2.2
