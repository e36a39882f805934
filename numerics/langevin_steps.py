"""Steps of a stochastic equation, compiled once per installation for all equations.

The equation comes in as a compiled function `coefficients(x, t, theta, values)`, called through its address: it fills
`values` with mu^1.., mu^n and D^ij for i <= j. That costs 9 ns a call and spares compiling the steps for each equation.

Source: Kloeden, Platen, Numerical Solution of Stochastic Differential Equations (1992), secs. 14.1 and 15.1 (15.1.3:
the explicit scheme of weak order two; the time is treated as one more coordinate).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types

from numerics.philox import fair, normals

ROW = types.float64[::1]
COEFFICIENTS = types.void(ROW, types.float64, ROW, ROW)
"""The signature of `coefficients`."""

inner = njit(error_model="numpy", nogil=True)


@inner
def factor(values, n, noise):
    """Lower triangular s with s s^T = 2 D in `noise`; whether D is positive semidefinite."""
    k = n
    largest = 0.0
    for i in range(n):
        for j in range(i, n):
            noise[j, i] = 2.0 * values[k]
            k += 1
        largest = max(largest, math.fabs(noise[i, i]))
    for j in range(n):
        d = noise[j, j]
        for k in range(j):
            d -= noise[j, k] * noise[j, k]
        if not d >= -1e-10 * largest:
            return False
        d = math.sqrt(max(d, 0.0))
        noise[j, j] = d
        for i in range(j + 1, n):
            v = noise[i, j]
            for k in range(j):
                v -= noise[i, k] * noise[j, k]
            noise[i, j] = v / d if d > 1e-150 else 0.0
            noise[j, i] = 0.0
    return True


@inner
def euler(coefficients, x, t, h, dw, theta, values, noise):
    """One Euler-Maruyama step in place; whether it succeeded."""
    n = x.size
    coefficients(x, t, theta, values)
    if not factor(values, n, noise):
        return False
    for i in range(n):
        change = values[i] * h
        for a in range(i + 1):
            change += noise[i, a] * dw[a]
        x[i] += change
    return True


@inner
def second_order(coefficients, x, t, h, dw, theta, values, noise, drift, b, place, change, seed, path, step):
    """One step of Platen's explicit scheme of weak order two, in place; whether it succeeded.

    `values` to `change` are room to work in.
    """
    n = x.size
    root = math.sqrt(h)
    coefficients(x, t, theta, values)
    if not factor(values, n, noise):
        return False
    for i in range(n):
        drift[i] = values[i]
        for a in range(n):
            b[i, a] = noise[i, a]
    for i in range(n):
        place[i] = x[i] + drift[i] * h
        for a in range(i + 1):
            place[i] += b[i, a] * dw[a]
    coefficients(place, t + h, theta, values)
    for i in range(n):
        change[i] = 0.5 * (drift[i] + values[i]) * h
        for a in range(i + 1):
            change[i] += 0.5 * b[i, a] * dw[a]
    for a in range(n):
        for sign in (1.0, -1.0):
            for i in range(n):
                place[i] = x[i] + drift[i] * h + sign * b[i, a] * root
            coefficients(place, t + h, theta, values)
            if not factor(values, n, noise):
                return False
            for i in range(a, n):
                change[i] += 0.25 * noise[i, a] * (dw[a] + sign * (dw[a] * dw[a] - h) / root)
        if n == 1:
            continue
        for sign in (1.0, -1.0):
            for i in range(n):
                place[i] = x[i] + sign * b[i, a] * root
            coefficients(place, t, theta, values)
            if not factor(values, n, noise):
                return False
            for c in range(n):
                if c == a:
                    continue
                low, high = min(a, c), max(a, c)
                v = fair(seed, path, step, low * n + high) * h
                if a > c:
                    v = -v
                for i in range(c, n):
                    change[i] += (
                        0.25 * (noise[i, c] - b[i, c]) * dw[c] + 0.25 * sign * noise[i, c] * (dw[c] * dw[a] + v) / root
                    )
    for i in range(n):
        x[i] += change[i]
    return True


@njit(
    types.int64(
        types.FunctionType(COEFFICIENTS),
        types.float64[:, ::1],
        *(types.int64,) * 4,
        *(types.float64,) * 2,
        ROW,
        types.uint64,
        types.boolean,
    ),
    error_model="numpy",
    nogil=True,
    cache=True,
)
def advance(coefficients, x, first, steps, done, merged, t, h, theta, seed, weak):
    """Advance paths by a number of steps, in place.

    Each increment joins `merged` normal numbers of a finer clock: the same noise drives a run with longer steps.
    Returns the first path that failed, or -1.
    """
    paths, n = x.shape
    values = np.empty(n + n * (n + 1) // 2)
    noise = np.empty((n, n))
    dw, z, drift, place, change = np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    b = np.empty((n, n))
    scale = math.sqrt(h / merged)
    for p in range(paths):
        row = x[p]
        for s in range(steps):
            dw[:] = 0.0
            for m in range(merged):
                normals(seed, first + p, (done + s) * merged + m, z)
                for a in range(n):
                    dw[a] += scale * z[a]
            now = t + s * h
            if weak:
                good = second_order(
                    coefficients,
                    row,
                    now,
                    h,
                    dw,
                    theta,
                    values,
                    noise,
                    drift,
                    b,
                    place,
                    change,
                    seed,
                    first + p,
                    done + s,
                )
            else:
                good = euler(coefficients, row, now, h, dw, theta, values, noise)
            if good:
                for a in range(n):
                    good = good and math.isfinite(row[a])
            if not good:
                return p
    return -1


@njit(
    types.int64(
        types.FunctionType(COEFFICIENTS),
        types.float64[:, ::1],
        *(types.int64,) * 4,
        *(types.float64,) * 2,
        ROW,
        types.uint64,
        types.boolean,
        types.boolean,
    ),
    error_model="numpy",
    nogil=True,
    cache=True,
)
def advance_additive(coefficients, x, first, steps, done, merged, t, h, theta, seed, weak, frozen):
    """As `advance`, for a diffusion that does not depend on the position, in any number of coordinates.

    Platen's scheme is then Heun's, with two drifts a step; the noise is factorised once, or once a step where it
    depends on the time (`frozen` false).
    """
    paths, n = x.shape
    values = np.empty(n + n * (n + 1) // 2)
    noise = np.empty((n, n))
    dw, z, drift, kick, place = np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    scale = math.sqrt(h / merged)
    diagonal = False
    for p in range(paths):
        row = x[p]
        for s in range(steps):
            dw[:] = 0.0
            for m in range(merged):
                normals(seed, first + p, (done + s) * merged + m, z)
                for a in range(n):
                    dw[a] += scale * z[a]
            now = t + s * h
            coefficients(row, now, theta, values)
            if not frozen or (p == 0 and s == 0):
                if not factor(values, n, noise):
                    return p
                diagonal = True
                for i in range(n):
                    for a in range(i):
                        diagonal = diagonal and noise[i, a] == 0.0
            for i in range(n):
                drift[i] = values[i]
                if diagonal:
                    kick[i] = noise[i, i] * dw[i]
                else:
                    kick[i] = 0.0
                    for a in range(i + 1):
                        kick[i] += noise[i, a] * dw[a]
            if weak:
                for i in range(n):
                    place[i] = row[i] + drift[i] * h + kick[i]
                coefficients(place, now + h, theta, values)
                for i in range(n):
                    drift[i] = 0.5 * (drift[i] + values[i])
                if not frozen:  # the noise of the step's end enters as in `second_order`
                    for i in range(n):
                        kick[i] *= 0.5
                    if not factor(values, n, noise):
                        return p
                    for i in range(n):
                        for a in range(i + 1):
                            kick[i] += 0.5 * noise[i, a] * dw[a]
            good = True
            for i in range(n):
                row[i] += drift[i] * h + kick[i]
                good = good and math.isfinite(row[i])
            if not good:
                return p
    return -1
