"""Kernels of the high-order scheme: eighth-order central differences and a Chebyshev expansion of the exponential.

Only numpy, math, numba and `numerics.bessel` are used here.
"""

import math

import numpy as np
from numba import njit

from numerics.bessel import scaled_bessel

# f'(x) = sum_m FIRST[m-1] (f(x + m h) - f(x - m h)) / h
# f''(x) = (CENTRE f(x) + sum_m SECOND[m-1] (f(x + m h) + f(x - m h))) / h^2
FIRST = (4.0 / 5.0, -1.0 / 5.0, 4.0 / 105.0, -1.0 / 280.0)
SECOND = (8.0 / 5.0, -1.0 / 5.0, 8.0 / 315.0, -1.0 / 560.0)
CENTRE = -205.0 / 72.0


@njit(
    "void(float64[::1], float64[::1], float64[::1], int64, int64, int64, float64, boolean, float64[::1])",
    cache=True,
    error_model="numpy",
    fastmath=True,
)
def add_differences(first, second, weight, outer, n, inner, h, both, out):
    """out += -d(first) + dd(second) along the middle of three axes, periodically.

    Without `both` it is out += weight[0] d(first).
    """
    a1, a2, a3, a4 = FIRST
    c1, c2, c3, c4 = SECOND
    s = -1.0 / h if both else weight[0] / h
    a1, a2, a3, a4 = a1 * s, a2 * s, a3 * s, a4 * s
    q = 1.0 / (h * h)
    c0, c1, c2, c3, c4 = CENTRE * q, c1 * q, c2 * q, c3 * q, c4 * q
    if inner == 1:
        f = np.empty(n + 8)
        g = np.empty(n + 8)
        for o in range(outer):
            base = o * n
            for i in range(n):
                f[i + 4] = first[base + i]
            for i in range(4):
                f[i] = f[n + i]
                f[n + 4 + i] = f[4 + i]
            if both:
                for i in range(n):
                    g[i + 4] = second[base + i]
                for i in range(4):
                    g[i] = g[n + i]
                    g[n + 4 + i] = g[4 + i]
                target = out[base : base + n]
                for i in range(n):
                    target[i] += (
                        a1 * (f[i + 5] - f[i + 3])
                        + a2 * (f[i + 6] - f[i + 2])
                        + a3 * (f[i + 7] - f[i + 1])
                        + a4 * (f[i + 8] - f[i])
                        + c0 * g[i + 4]
                        + c1 * (g[i + 5] + g[i + 3])
                        + c2 * (g[i + 6] + g[i + 2])
                        + c3 * (g[i + 7] + g[i + 1])
                        + c4 * (g[i + 8] + g[i])
                    )
            else:
                target = out[base : base + n]
                for i in range(n):
                    target[i] += (
                        a1 * (f[i + 5] - f[i + 3])
                        + a2 * (f[i + 6] - f[i + 2])
                        + a3 * (f[i + 7] - f[i + 1])
                        + a4 * (f[i + 8] - f[i])
                    )
        return
    for o in range(outer):
        base = o * n * inner
        for i in range(n):
            p1 = base + ((i + 1) % n) * inner
            p2 = base + ((i + 2) % n) * inner
            p3 = base + ((i + 3) % n) * inner
            p4 = base + ((i + 4) % n) * inner
            m1 = base + ((i - 1) % n) * inner
            m2 = base + ((i - 2) % n) * inner
            m3 = base + ((i - 3) % n) * inner
            m4 = base + ((i - 4) % n) * inner
            z = base + i * inner
            row = out[z : z + inner]
            f1, f2, f3, f4 = (
                first[p1 : p1 + inner],
                first[p2 : p2 + inner],
                first[p3 : p3 + inner],
                first[p4 : p4 + inner],
            )
            b1, b2, b3, b4 = (
                first[m1 : m1 + inner],
                first[m2 : m2 + inner],
                first[m3 : m3 + inner],
                first[m4 : m4 + inner],
            )
            if both:
                g0 = second[z : z + inner]
                g1, g2 = second[p1 : p1 + inner], second[p2 : p2 + inner]
                g3, g4 = second[p3 : p3 + inner], second[p4 : p4 + inner]
                h1, h2 = second[m1 : m1 + inner], second[m2 : m2 + inner]
                h3, h4 = second[m3 : m3 + inner], second[m4 : m4 + inner]
                for c in range(inner):
                    row[c] += a1 * (f1[c] - b1[c]) + a2 * (f2[c] - b2[c]) + a3 * (f3[c] - b3[c]) + a4 * (f4[c] - b4[c])
                for c in range(inner):
                    row[c] += (
                        c0 * g0[c]
                        + c1 * (g1[c] + h1[c])
                        + c2 * (g2[c] + h2[c])
                        + c3 * (g3[c] + h3[c])
                        + c4 * (g4[c] + h4[c])
                    )
            else:
                for c in range(inner):
                    row[c] += a1 * (f1[c] - b1[c]) + a2 * (f2[c] - b2[c]) + a3 * (f3[c] - b3[c]) + a4 * (f4[c] - b4[c])


@njit(
    "void(float64[::1], float64[:, ::1], float64[:, ::1], boolean[::1], int64[::1], float64[::1], float64[:, ::1],"
    "float64[::1], float64[::1])",
    cache=True,
    error_model="numpy",
    fastmath=True,
)
def apply_central(p, drift, diffusion, crossed, shape, spacing, flux, product, out):
    """out = - d_i(mu^i p) + d_i d_j(D^ij p); diffusion holds D^ij for i <= j, `crossed` which are not zero."""
    d = shape.size
    size = p.size
    weight = np.empty(1)
    for c in range(size):
        out[c] = 0.0
    for k in range(d):
        for c in range(size):
            flux[k, c] = drift[k, c] * p[c]
    inner = 1
    for k in range(d - 1, -1, -1):
        n = shape[k]
        outer = size // (n * inner)
        # cross terms of axis k with the axes before it go into their fluxes
        for j in range(k):
            slot = j * d - j * (j - 1) // 2 + (k - j)
            if crossed[slot]:
                for c in range(size):
                    product[c] = diffusion[slot, c] * p[c]
                weight[0] = -2.0
                add_differences(product, product, weight, outer, n, inner, spacing[k], False, flux[j])
        slot = k * d - k * (k - 1) // 2
        for c in range(size):
            product[c] = diffusion[slot, c] * p[c]
        add_differences(flux[k], product, weight, outer, n, inner, spacing[k], True, out)
        inner *= n


@njit(
    "int64(float64[::1], float64[:, ::1], float64[:, ::1], boolean[::1], int64[::1], float64[::1], float64, float64,"
    "float64, float64[::1], float64[::1])",
    cache=True,
    error_model="numpy",
    fastmath=True,
)
def chebyshev_exponential(p, drift, diffusion, crossed, shape, spacing, step, radius, tolerance, peak, out):
    """exp(step L) p by the Chebyshev expansion on [-radius, 0]; how many terms it took, or -1 if it did not settle.

    exp(step L) = sum_k' 2 exp(-z) I_k(z) T_k(1 + 2 L / radius), z = step radius / 2. `peak` receives the largest term
    relative to p: its logarithm is the number of digits lost by cancellation.
    """
    size = p.size
    d = shape.size
    z = 0.5 * step * radius
    most = int(40 + 2.5 * z + 12 * math.sqrt(z + 1.0))
    bessel = scaled_bessel(z, most)
    flux = np.empty((d, size))
    product = np.empty(size)
    rhs = np.empty(size)
    before = p.copy()
    current = np.empty(size)
    apply_central(before, drift, diffusion, crossed, shape, spacing, flux, product, rhs)
    norm = 0.0
    for c in range(size):
        norm += abs(before[c])
        current[c] = before[c] + 2.0 / radius * rhs[c]
        out[c] = bessel[0] * before[c] + 2.0 * bessel[1] * current[c]
    peak[0] = 1.0
    small = 0
    for k in range(2, most + 1):
        apply_central(current, drift, diffusion, crossed, shape, spacing, flux, product, rhs)
        term = 0.0
        b = 2.0 * bessel[k]
        q = 4.0 / radius
        for c in range(size):
            new = 2.0 * current[c] + q * rhs[c] - before[c]
            before[c] = current[c]
            current[c] = new
            out[c] += b * new
            term += abs(new)
        term *= b
        if not term < 1e300:
            return -1
        if term > peak[0] * norm:
            peak[0] = term / norm
        if term < tolerance * norm and bessel[k] < bessel[0]:
            small += 1
            if small == 2:
                return k
        else:
            small = 0
    return -1
