"""The generic kernels: steps of a Markov generator along chains of cells, compiled once per installation.

A chain of n cells exchanges mass with rates: from cell i to i + 1 at `forward[i]`, from i + 1 to i at `backward[i]`,
and mass leaves cell i at `loss[i]`. On a ring the last entries join the last cell to the first; on a line they are
ignored. All kernels act on masses, so what one cell loses its neighbour gains, exactly.
Only numpy, math and numba are used here, so that a stand-alone solver can carry this source.
"""

import math

import numpy as np
from numba import njit


@njit("float64(float64)", cache=True, inline="never")
def bernoulli(w):
    """The Bernoulli function w / (exp(w) - 1), to rounding."""
    if abs(w) < 1e-5:
        return 1.0 - 0.5 * w + w * w / 12.0
    if w > 700.0:
        return 0.0
    return w / math.expm1(w)


@njit(
    "void(float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1])",
    cache=True,
    error_model="numpy",
)
def fitted_rates(peclet, conductance, left, right, forward, backward):
    """Scharfetter-Gummel rates of edges: conductance times Bernoulli functions over the volumes at both ends."""
    for e in range(peclet.size):
        w = peclet[e]
        b = bernoulli(w)
        forward[e] = conductance[e] * (b + w) / left[e]
        backward[e] = conductance[e] * b / right[e]


@njit(
    "void(float64[::1], float64[::1], float64[::1], float64[::1], float64, complex128[::1], complex128[::1],"
    "float64[::1])",
    cache=True,
    error_model="numpy",
    fastmath=True,
)
def exponential_line(mass, forward, backward, loss, tau, poles, residues, out):
    """exp(tau L) mass on a line: one complex tridiagonal elimination for each pole, all poles together."""
    n = mass.size
    count = poles.size
    zr = poles.real.copy()
    zi = poles.imag.copy()
    inverse_re = np.empty((n, count))
    inverse_im = np.empty((n, count))
    right_re = np.empty((n, count))
    right_im = np.empty((n, count))
    for i in range(n):
        down = tau * forward[i - 1] if i > 0 else 0.0
        gain = tau * backward[i - 1] if i > 0 else 0.0
        diagonal = -gain - tau * loss[i]
        if i < n - 1:
            diagonal -= tau * forward[i]
        cross = down * gain
        m = mass[i]
        for p in range(count):
            dr = diagonal - zr[p]
            di = -zi[p]
            yr = m
            yi = 0.0
            if i > 0:
                ar = inverse_re[i - 1, p]
                ai = inverse_im[i - 1, p]
                br = right_re[i - 1, p]
                bi = right_im[i - 1, p]
                dr -= cross * ar
                di -= cross * ai
                yr -= down * (ar * br - ai * bi)
                yi -= down * (ar * bi + ai * br)
            scale = 1.0 / (dr * dr + di * di)
            inverse_re[i, p] = dr * scale
            inverse_im[i, p] = -di * scale
            right_re[i, p] = yr
            right_im[i, p] = yi
    xr = np.zeros(count)
    xi = np.zeros(count)
    cr = 2.0 * residues.real
    ci = 2.0 * residues.imag
    for i in range(n - 1, -1, -1):
        up = tau * backward[i] if i < n - 1 else 0.0
        total = 0.0
        for p in range(count):
            br = right_re[i, p] - up * xr[p]
            bi = right_im[i, p] - up * xi[p]
            ar = inverse_re[i, p]
            ai = inverse_im[i, p]
            r = ar * br - ai * bi
            s = ar * bi + ai * br
            xr[p] = r
            xi[p] = s
            total += cr[p] * r - ci[p] * s
        out[i] = total


@njit(
    "void(float64[::1], float64[::1], float64[::1], float64[::1], float64, complex128[::1], complex128[::1],"
    "float64[::1])",
    cache=True,
    error_model="numpy",
)
def exponential_ring(mass, forward, backward, loss, tau, poles, residues, out):
    """exp(tau L) mass on a ring of three cells or more, by the Sherman-Morrison formula for each pole."""
    n = mass.size
    out[:] = 0.0
    inverse = np.empty(n, np.complex128)
    x = np.empty(n, np.complex128)
    q = np.empty(n, np.complex128)
    top = tau * forward[n - 1]  # row 0, column n - 1
    bottom = tau * backward[n - 1]  # row n - 1, column 0
    for p in range(poles.size):
        z = poles[p]
        gamma = -(-tau * (forward[0] + backward[n - 1] + loss[0]) - z)
        for i in range(n):
            d = -tau * (forward[i] + backward[i - 1] + loss[i]) - z
            b = mass[i] + 0j
            c = 0j
            if i == 0:
                d -= gamma
                c = gamma
            if i == n - 1:
                d -= bottom * top / gamma
                c = bottom + 0j
            if i > 0:
                down = tau * forward[i - 1] * inverse[i - 1]
                d -= down * tau * backward[i - 1]
                b -= down * x[i - 1]
                c -= down * q[i - 1]
            inverse[i] = 1.0 / d
            x[i] = b
            q[i] = c
        x[n - 1] *= inverse[n - 1]
        q[n - 1] *= inverse[n - 1]
        for i in range(n - 2, -1, -1):
            x[i] = (x[i] - tau * backward[i] * x[i + 1]) * inverse[i]
            q[i] = (q[i] - tau * backward[i] * q[i + 1]) * inverse[i]
        factor = (x[0] + top / gamma * x[n - 1]) / (1.0 + q[0] + top / gamma * q[n - 1])
        for i in range(n):
            out[i] += 2.0 * (residues[p] * (x[i] - factor * q[i])).real


@njit(
    "void(float64[::1], float64[::1], float64[::1], float64[::1], float64, boolean, float64[::1])",
    cache=True,
    error_model="numpy",
)
def cayley(mass, forward, backward, loss, tau, ring, out):
    """The Crank-Nicolson step (1 - tau L / 2)^-1 (1 + tau L / 2) mass, as 2 (1 - tau L / 2)^-1 mass - mass."""
    n = mass.size
    h = 0.5 * tau
    inverse = np.empty(n)
    q = np.zeros(n)
    top = h * forward[n - 1] if ring else 0.0
    bottom = h * backward[n - 1] if ring else 0.0
    gamma = 1.0
    for i in range(n):
        d = 1.0 + h * loss[i]
        if i < n - 1 or ring:
            d += h * forward[i]
        if i > 0 or ring:
            d += h * backward[i - 1]
        b = mass[i]
        c = 0.0
        if ring:
            if i == 0:
                gamma = -d
                d -= gamma
                c = gamma
            if i == n - 1:
                d -= bottom * top / gamma
                c = -bottom
        if i > 0:
            down = h * forward[i - 1] * inverse[i - 1]
            d -= down * h * backward[i - 1]
            b += down * out[i - 1]
            c += down * q[i - 1]
        inverse[i] = 1.0 / d
        out[i] = b
        q[i] = c
    out[n - 1] *= inverse[n - 1]
    q[n - 1] *= inverse[n - 1]
    for i in range(n - 2, -1, -1):
        out[i] = (out[i] + h * backward[i] * out[i + 1]) * inverse[i]
        if ring:
            q[i] = (q[i] + h * backward[i] * q[i + 1]) * inverse[i]
    factor = 0.0
    if ring:
        factor = (out[0] - top / gamma * out[n - 1]) / (1.0 + q[0] - top / gamma * q[n - 1])
    for i in range(n):
        out[i] = 2.0 * (out[i] - factor * q[i]) - mass[i]


@njit(
    "void(float64[::1], float64[::1], float64[::1], float64[::1], int64[::1], int64[::1], boolean, float64,"
    "complex128[::1], complex128[::1], float64[::1])",
    cache=True,
    error_model="numpy",
)
def sweep(mass, forward, backward, loss, order, starts, ring, tau, poles, residues, out):
    """One step along every chain: the exponential with the given poles, or Crank-Nicolson where there are none.

    Chain c visits the cells order[starts[c]:starts[c + 1]]; it is copied to scratch, stepped, and copied back.
    """
    longest = 0
    for c in range(starts.size - 1):
        longest = max(longest, starts[c + 1] - starts[c])
    m = np.empty(longest)
    f = np.empty(longest)
    g = np.empty(longest)
    k = np.empty(longest)
    r = np.empty(longest)
    for c in range(starts.size - 1):
        begin = starts[c]
        n = starts[c + 1] - begin
        for i in range(n):
            cell = order[begin + i]
            m[i] = mass[cell]
            f[i] = forward[cell]
            g[i] = backward[cell]
            k[i] = loss[cell]
        if poles.size == 0:
            cayley(m[:n], f[:n], g[:n], k[:n], tau, ring, r[:n])
        elif ring:
            exponential_ring(m[:n], f[:n], g[:n], k[:n], tau, poles, residues, r[:n])
        else:
            exponential_line(m[:n], f[:n], g[:n], k[:n], tau, poles, residues, r[:n])
        for i in range(n):
            out[order[begin + i]] = r[i]
