"""Kernels that carry mass along lines by a velocity field: conservative, positive, for any step.

Only numpy, math and numba are used here.
"""

import math

import numpy as np
from numba import njit


@njit("float64(float64[::1], float64, int64, boolean)", cache=True, error_model="numpy")
def _speed_at(speed, xi, n, ring):
    """Linear interpolation of the face speeds at a position in units of cells."""
    if ring:
        xi = xi - n * math.floor(xi / n)
    elif xi < 0.0:
        xi = 0.0
    elif xi > n:
        xi = float(n)
    i = min(int(xi), n - 1)
    return speed[i] + (xi - i) * (speed[i + 1] - speed[i])


@njit(
    "void(float64[::1], float64[::1], float64, boolean, float64[::1], float64[::1], float64[::1])",
    cache=True,
    error_model="numpy",
)
def advect_line(mass, speed, tau, ring, foot, slope, out):
    """Carry mass along a line by a given velocity field: conservative, positive, third order, for any step.

    `speed` holds the n + 1 velocities of the faces in cells per unit time. Each face is traced back over the step; a
    cell receives what lay between the feet of its faces. The cumulative mass is interpolated by cubic Hermite
    polynomials whose slopes, of fourth order, are limited so that it never decreases (Fritsch, Carlson, SIAM J. Numer.
    Anal. 17 (1980) 238).
    """
    n = mass.size
    for f in range(n + 1):
        xi = float(f)
        k1 = _speed_at(speed, xi, n, ring)
        k2 = _speed_at(speed, xi - 0.5 * tau * k1, n, ring)
        k3 = _speed_at(speed, xi - 0.5 * tau * k2, n, ring)
        k4 = _speed_at(speed, xi - tau * k3, n, ring)
        x = xi - tau * (k1 + 2.0 * k2 + 2.0 * k3 + k4) / 6.0
        if not ring:
            x = min(max(x, 0.0), float(n))
        if f > 0 and x < foot[f - 1]:
            x = foot[f - 1]
        foot[f] = x
    if ring:
        foot[n] = foot[0] + n
        for f in range(n):
            if foot[f] > foot[n]:
                foot[f] = foot[n]
    for f in range(n + 1):
        if ring:
            a, b, c, d = mass[(f - 2) % n], mass[(f - 1) % n], mass[f % n], mass[(f + 1) % n]
        else:
            b = mass[f - 1] if f > 0 else mass[0]
            c = mass[f] if f < n else mass[n - 1]
            a = mass[f - 2] if f > 1 else b
            d = mass[f + 1] if f < n - 1 else c
        s = (7.0 * (b + c) - a - d) / 12.0
        slope[f] = min(max(s, 0.0), 3.0 * min(b, c))
    for i in range(n):
        begin = foot[i]
        end = foot[i + 1]
        j = math.floor(begin)
        total = 0.0
        while j < end:
            left = max(begin - j, 0.0)
            right = min(end - j, 1.0)
            k = j % n
            if ring or j < n:
                if left <= 0.0 and right >= 1.0:
                    total += mass[k]
                else:
                    # cubic Hermite from 0 to mass[k] with slopes p, q
                    p = slope[k]
                    q = slope[k + 1]
                    m = mass[k]
                    c2 = 3.0 * m - 2.0 * p - q
                    c3 = p + q - 2.0 * m
                    total += (right - left) * (
                        p + c2 * (right + left) + c3 * (right * right + right * left + left * left)
                    )
            j += 1
        out[i] = max(total, 0.0)


@njit(
    "void(float64[::1], float64[::1], float64[::1], int64[::1], int64[::1], boolean, float64, float64[::1])",
    cache=True,
    error_model="numpy",
)
def advect(mass, speed, first, order, starts, ring, tau, out):
    """`advect_line` along every chain; `speed` is that of upper faces, `first` that of the first lower face."""
    longest = 0
    for c in range(starts.size - 1):
        longest = max(longest, starts[c + 1] - starts[c])
    m = np.empty(longest)
    r = np.empty(longest)
    s = np.empty(longest + 1)
    foot = np.empty(longest + 1)
    slope = np.empty(longest + 1)
    for c in range(starts.size - 1):
        begin = starts[c]
        n = starts[c + 1] - begin
        for i in range(n):
            cell = order[begin + i]
            m[i] = mass[cell]
            s[i + 1] = speed[cell]
        s[0] = s[n] if ring else first[order[begin]]
        advect_line(m[:n], s[: n + 1], tau, ring, foot[: n + 1], slope[: n + 1], r[:n])
        for i in range(n):
            out[order[begin + i]] = r[i]
