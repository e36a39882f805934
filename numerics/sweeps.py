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


@njit("void(float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1])", cache=True)
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


@njit("void(float64[::1], float64[::1], float64[::1], float64[::1], float64, boolean, float64[::1])", cache=True)
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


@njit(
    "void(float64[:, :, ::1], float64[::1], float64[::1], float64[::1], float64, complex128[::1], complex128[::1],"
    "float64[:, :, ::1])",
    cache=True,
    fastmath=True,
)
def exponential_lines(mass, forward, backward, loss, tau, poles, residues, out):
    """exp(tau L) along the middle axis of an array, with the same rates on every line (separable generators).

    Each pole is factorised once; strips of lines are copied to scratch, where neighbouring lines lie side by side.
    """
    outer, n, inner = mass.shape
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
    lines = outer * inner
    for begin in range(0, lines, strip):
        size = min(strip, lines - begin)
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


@njit("float64(float64[::1], float64, int64, boolean)", cache=True)
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


@njit("void(float64[::1], float64[::1], float64, boolean, float64[::1], float64[::1], float64[::1])", cache=True)
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
    "void(float64[::1], float64[::1], float64[::1], int64[::1], int64[::1], boolean, float64, float64[::1])", cache=True
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


@njit(
    "void(float64[::1], float64[::1], float64[::1], float64[::1], int64[::1], int64[::1], int64, float64,float64[::1])",
    cache=True,
    fastmath=True,
)
def cayley_lines(mass, forward, backward, loss, begins, lengths, stride, tau, out):
    """The Crank-Nicolson step of `cayley` along lines begin, begin + stride, ..., eight lines side by side.

    Strips of lines are copied to scratch, so that every line is read once and the arithmetic runs on whole vectors.
    Rates must be zero on the edges that leave a line.
    """
    lanes = 8
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
        for b in range(lanes):
            size = lengths[first + b] if b < count else 0
            at = begins[first + b] if b < count else 0
            for i in range(size):
                m[i, b] = mass[at]
                f[i, b] = h * forward[at]
                g[i, b] = h * backward[at]
                x[i, b] = 1.0 + h * loss[at]
                at += stride
            for i in range(size, n):
                m[i, b] = 0.0
                f[i, b] = 0.0
                g[i, b] = 0.0
                x[i, b] = 1.0
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
        for b in range(count):
            at = begins[first + b]
            for i in range(lengths[first + b]):
                out[at] = 2.0 * x[i, b] - m[i, b]
                at += stride


@njit(
    "void(float64[::1], float64[::1], float64[::1], float64[::1], int64, int64, int64, float64, float64[::1])",
    cache=True,
    fastmath=True,
)
def cayley_columns(mass, forward, backward, loss, outer, n, inner, tau, out):
    """The Crank-Nicolson step of `cayley` along the middle of three axes, the last of which is contiguous.

    Neighbouring columns are eliminated row by row, in strips whose scratch stays in cache. The rates of the edge beyond
    the last cell must be zero.
    """
    lanes = min(inner, 64)
    inverse = np.empty((n, lanes))
    x = np.empty((n, lanes))
    h = 0.5 * tau
    for o in range(outer):
        for begin in range(0, inner, lanes):
            width = min(lanes, inner - begin)
            at = o * n * inner + begin
            for b in range(width):
                c = at + b
                inverse[0, b] = 1.0 / (1.0 + h * (loss[c] + forward[c]))
                x[0, b] = mass[c]
            for i in range(1, n):
                at += inner
                last = at - inner
                for b in range(width):
                    gain = h * backward[last + b]
                    down = h * forward[last + b] * inverse[i - 1, b]
                    d = 1.0 + h * (loss[at + b] + forward[at + b]) + gain - down * gain
                    x[i, b] = mass[at + b] + down * x[i - 1, b]
                    inverse[i, b] = 1.0 / d
            for b in range(width):
                x[n - 1, b] *= inverse[n - 1, b]
                out[at + b] = 2.0 * x[n - 1, b] - mass[at + b]
            for i in range(n - 2, -1, -1):
                at -= inner
                for b in range(width):
                    x[i, b] = (x[i, b] + h * backward[at + b] * x[i + 1, b]) * inverse[i, b]
                    out[at + b] = 2.0 * x[i, b] - mass[at + b]
