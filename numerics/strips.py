"""Kernels that step many lines of cells side by side, so that the arithmetic runs on whole vectors.

They do what `sweeps.exponential_line` and `sweeps.cayley` do for one line. Only numpy and numba are used here.
"""

import numpy as np
from numba import njit


@njit(
    "void(float64[:, :, ::1], float64[::1], float64[::1], float64[::1], float64, complex128[::1], complex128[::1],"
    "int64, int64, float64[:, :, ::1])",
    cache=True,
    error_model="numpy",
    fastmath=True,
    nogil=True,
)
def exponential_lines(mass, forward, backward, loss, tau, poles, residues, first, last, out):
    """exp(tau L) along the middle axis of an array, with the same rates on every line, for lines first to last.

    Each pole is factorised once; strips of lines are copied to scratch, where neighbouring lines lie side by side.
    """
    _, n, inner = mass.shape
    count = poles.size
    strip = 16
    inverse_re = np.empty((count, n))
    inverse_im = np.empty((count, n))
    lower_re = np.zeros((count, n))
    lower_im = np.zeros((count, n))
    for p in range(count):
        zr = poles[p].real
        zi = poles[p].imag
        for i in range(n):
            dr = -tau * loss[i] - zr
            di = -zi
            if i < n - 1:
                dr -= tau * forward[i]
            if i > 0:
                gain = tau * backward[i - 1]
                lr = tau * forward[i - 1] * inverse_re[p, i - 1]
                li = tau * forward[i - 1] * inverse_im[p, i - 1]
                lower_re[p, i] = lr
                lower_im[p, i] = li
                dr -= gain + lr * gain
                di -= li * gain
            scale = 1.0 / (dr * dr + di * di)
            inverse_re[p, i] = dr * scale
            inverse_im[p, i] = -di * scale
    m = np.empty((n, strip))
    total = np.empty((n, strip))
    yr = np.empty((n, strip))
    yi = np.empty((n, strip))
    for begin in range(first, last, strip):
        size = min(strip, last - begin)
        for i in range(n):
            for b in range(strip):
                total[i, b] = 0.0
        if inner >= size and begin // inner == (begin + size - 1) // inner:
            o = begin // inner
            c = begin - o * inner
            for i in range(n):
                for b in range(size):
                    m[i, b] = mass[o, i, c + b]
        else:
            for b in range(size):
                o = (begin + b) // inner
                c = (begin + b) - o * inner
                for i in range(n):
                    m[i, b] = mass[o, i, c]
        for p in range(count):
            for b in range(strip):
                yr[0, b] = m[0, b]
                yi[0, b] = 0.0
            for i in range(1, n):
                lr = lower_re[p, i]
                li = lower_im[p, i]
                for b in range(strip):
                    yr[i, b] = m[i, b] - lr * yr[i - 1, b] + li * yi[i - 1, b]
                    yi[i, b] = -lr * yi[i - 1, b] - li * yr[i - 1, b]
            cr = 2.0 * residues[p].real
            ci = 2.0 * residues[p].imag
            for i in range(n - 1, -1, -1):
                ar = inverse_re[p, i]
                ai = inverse_im[p, i]
                up = tau * backward[i] if i < n - 1 else 0.0
                j = min(i + 1, n - 1)
                for b in range(strip):
                    sr = yr[i, b] - up * yr[j, b]
                    si = yi[i, b] - up * yi[j, b]
                    xr = ar * sr - ai * si
                    xi = ar * si + ai * sr
                    yr[i, b] = xr
                    yi[i, b] = xi
                    total[i, b] += cr * xr - ci * xi
        if inner >= size and begin // inner == (begin + size - 1) // inner:
            o = begin // inner
            c = begin - o * inner
            for i in range(n):
                for b in range(size):
                    out[o, i, c + b] = total[i, b]
        else:
            for b in range(size):
                o = (begin + b) // inner
                c = (begin + b) - o * inner
                for i in range(n):
                    out[o, i, c] = total[i, b]


@njit(
    "void(float64[::1], float64[::1], float64[::1], float64[::1], int64[::1], int64[::1], int64, float64,float64[::1])",
    cache=True,
    error_model="numpy",
    fastmath=True,
    nogil=True,
)
def cayley_lines(mass, forward, backward, loss, begins, lengths, stride, tau, out):
    """The Crank-Nicolson step of `cayley` along lines begin, begin + stride, ..., eight lines side by side.

    Strips of lines are copied to scratch, so that every line is read once and the arithmetic runs on whole vectors.
    Rates must be zero on the edges that leave a line.
    """
    lanes = 8
    tile = 16
    longest = 0
    for c in range(lengths.size):
        longest = max(longest, lengths[c])
    m = np.empty((longest, lanes))
    f = np.empty((longest, lanes))
    g = np.empty((longest, lanes))
    inverse = np.empty((longest, lanes))
    x = np.empty((longest, lanes))
    h = 0.5 * tau
    for first in range(0, begins.size, lanes):
        count = min(lanes, begins.size - first)
        n = 0
        for b in range(count):
            n = max(n, lengths[first + b])
        # tile by tile, so that what is written stays in the first cache
        for low in range(0, n, tile):
            for b in range(lanes):
                size = max(min(lengths[first + b] - low, tile), 0) if b < count else 0
                fill = min(tile, n - low)
                if stride == 1:
                    at = begins[first + b] + low if size > 0 else 0
                    masses, ahead = mass[at : at + size], forward[at : at + size]
                    back, lost = backward[at : at + size], loss[at : at + size]
                    for i in range(size):
                        m[low + i, b] = masses[i]
                        f[low + i, b] = h * ahead[i]
                        g[low + i, b] = h * back[i]
                        x[low + i, b] = 1.0 + h * lost[i]
                elif size > 0:
                    at = begins[first + b] + low * stride
                    for i in range(size):
                        m[low + i, b] = mass[at]
                        f[low + i, b] = h * forward[at]
                        g[low + i, b] = h * backward[at]
                        x[low + i, b] = 1.0 + h * loss[at]
                        at += stride
                for i in range(size, fill):
                    m[low + i, b] = 0.0
                    f[low + i, b] = 0.0
                    g[low + i, b] = 0.0
                    x[low + i, b] = 1.0
        for b in range(lanes):
            inverse[0, b] = 1.0 / (x[0, b] + f[0, b])
            x[0, b] = m[0, b]
        for i in range(1, n):
            for b in range(lanes):
                down = f[i - 1, b] * inverse[i - 1, b]
                d = x[i, b] + f[i, b] + g[i - 1, b] - down * g[i - 1, b]
                x[i, b] = m[i, b] + down * x[i - 1, b]
                inverse[i, b] = 1.0 / d
        for b in range(lanes):
            x[n - 1, b] *= inverse[n - 1, b]
        for i in range(n - 2, -1, -1):
            for b in range(lanes):
                x[i, b] = (x[i, b] + g[i, b] * x[i + 1, b]) * inverse[i, b]
        for low in range(0, n, tile):
            for b in range(count):
                size = max(min(lengths[first + b] - low, tile), 0)
                at = begins[first + b] + low * stride
                if stride == 1:
                    target = out[at : at + size]
                    for i in range(size):
                        target[i] = 2.0 * x[low + i, b] - m[low + i, b]
                else:
                    for i in range(size):
                        out[at] = 2.0 * x[low + i, b] - m[low + i, b]
                        at += stride


@njit(
    "void(float64[::1], float64[::1], float64[::1], float64[::1], int64, int64, int64, int64, float64, float64[::1])",
    cache=True,
    error_model="numpy",
    fastmath=True,
    nogil=True,
)
def cayley_columns(mass, forward, backward, loss, n, inner, first, last, tau, out):
    """The Crank-Nicolson step of `cayley` along the middle of three axes (outer, n, inner), the last one contiguous.

    Columns are numbered through the outer and inner axes; those from first to last are done. Neighbouring ones are
    eliminated row by row, in strips whose scratch stays in cache. The rates of the edge beyond the last cell must be
    zero.
    """
    lanes = min(inner, 64)
    inverse = np.empty((n, lanes))
    x = np.empty((n, lanes))
    h = 0.5 * tau
    for o in range(first // inner, (last + inner - 1) // inner):
        low = max(first - o * inner, 0)
        high = min(last - o * inner, inner)
        for begin in range(low, high, lanes):
            width = min(lanes, high - begin)
            at = o * n * inner + begin
            losses, leaving, state = loss[at : at + width], forward[at : at + width], mass[at : at + width]
            above, below = inverse[0], x[0]
            for b in range(width):
                above[b] = 1.0 / (1.0 + h * (losses[b] + leaving[b]))
                below[b] = state[b]
            for i in range(1, n):
                at += inner
                before, gained = leaving, backward[at - inner : at - inner + width]
                leaving, losses = forward[at : at + width], loss[at : at + width]
                state = mass[at : at + width]
                last_inverse, last_x, next_inverse, next_x = inverse[i - 1], x[i - 1], inverse[i], x[i]
                for b in range(width):
                    gain = h * gained[b]
                    down = h * before[b] * last_inverse[b]
                    d = 1.0 + h * (losses[b] + leaving[b]) + gain - down * gain
                    next_x[b] = state[b] + down * last_x[b]
                    next_inverse[b] = 1.0 / d
            target, last_x, last_inverse = out[at : at + width], x[n - 1], inverse[n - 1]
            state = mass[at : at + width]
            for b in range(width):
                last_x[b] *= last_inverse[b]
                target[b] = 2.0 * last_x[b] - state[b]
            for i in range(n - 2, -1, -1):
                at -= inner
                target, state, gains = out[at : at + width], mass[at : at + width], backward[at : at + width]
                next_x, last_x, last_inverse = x[i + 1], x[i], inverse[i]
                for b in range(width):
                    value = (last_x[b] + h * gains[b] * next_x[b]) * last_inverse[b]
                    last_x[b] = value
                    target[b] = 2.0 * value - state[b]
