"""Scaled Bessel functions against mpmath."""

import mpmath
import numpy as np
import pytest

from numerics.bessel import scaled_bessel


@pytest.mark.parametrize("z", [1e-3, 0.7, 12.0, 400.0, 2e4])
def test_they_are_those_of_mpmath_to_rounding(z):
    most = int(40 + 2.5 * z + 12 * np.sqrt(z + 1))
    ours = scaled_bessel(z, most)
    assert len(ours) == most + 2
    for k in (0, 1, 2, 7, 30):
        exact = float(mpmath.exp(-z) * mpmath.besseli(k, z))
        assert ours[k] == pytest.approx(exact, rel=1e-12, abs=1e-300)
        assert ours[k] != pytest.approx(float(mpmath.exp(-z) * mpmath.besseli(k + 1, z)), rel=1e-6, abs=0)
