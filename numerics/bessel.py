"""Scaled Bessel functions, the coefficients of a Chebyshev expansion of the exponential."""

import numpy as np
from numba import njit, types


@njit(types.float64[::1](types.float64, types.int64), error_model="numpy", nogil=True, cache=True)
def scaled_bessel(z, most):
    """exp(-z) I_k(z) for k = 0 .. most + 1 and z > 0, by Miller's backward recurrence (DLMF 3.6)."""
    bessel = np.zeros(most + 2)
    high = 0.0
    now = 1e-290
    total = 0.0
    for k in range(most + 1, -1, -1):
        new = high + 2.0 * (k + 1) / z * now
        high = now
        now = new
        bessel[k] = now
        total += now if k == 0 else 2.0 * now
        if now > 1e200:
            scale = 1e-200
            now *= scale
            high *= scale
            total *= scale
            for j in range(k, most + 2):
                bessel[j] *= scale
    for k in range(most + 2):
        bessel[k] /= total
    return bessel
