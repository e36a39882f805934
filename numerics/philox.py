"""Counter-based random numbers: Philox 4x32 with 10 rounds, and normal numbers from it.

A number is a function of its place (seed, path, step, block), not of how many were drawn before. So an ensemble is the
same for any number of threads and in any order.

Source: Salmon, Moraes, Dror, Shaw, Parallel random numbers: as easy as 1, 2, 3, SC11 (2011); Box and Muller, Ann. Math.
Stat. 29 (1958) 610.
"""

from __future__ import annotations

import math

import numba
import numpy as np

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_ELEVEN = np.uint64(11)


@numba.njit(nogil=True)
def philox(c0, c1, c2, c3, k0, k1):
    """Four 32-bit words (in uint64) from a counter of four and a key of two 32-bit words (in uint64)."""
    for _ in range(10):
        p0 = _M0 * c0
        p1 = _M1 * c2
        c0, c1, c2, c3 = (p1 >> _HALF) ^ c1 ^ k0, p1 & _LOW, (p0 >> _HALF) ^ c3 ^ k1, p0 & _LOW
        k0 = (k0 + _W0) & _LOW
        k1 = (k1 + _W1) & _LOW
    return c0, c1, c2, c3


@numba.njit(nogil=True)
def words(seed, path, step, block):
    """The four words at a place; seed and path of up to 64 bits, step and block of up to 32."""
    s, p = np.uint64(seed), np.uint64(path)
    return philox(p & _LOW, p >> _HALF, np.uint64(step) & _LOW, np.uint64(block) & _LOW, s & _LOW, s >> _HALF)


@numba.njit(nogil=True)
def uniform(high, low):
    """A number in (0, 1) from two words: 53 bits, never 0 nor 1."""
    bits = ((high << _HALF) | low) >> _ELEVEN
    return (float(bits) + 0.5) * 1.1102230246251565e-16


@numba.njit(nogil=True)
def normals(seed, path, step, out):
    """Fill `out` with independent standard normal numbers of one step of one path."""
    n = out.size
    for block in range((n + 1) // 2):
        a, b, c, d = words(seed, path, step, block)
        radius = math.sqrt(-2.0 * math.log(uniform(a, b)))
        angle = 6.283185307179586 * uniform(c, d)
        out[2 * block] = radius * math.cos(angle)
        if 2 * block + 1 < n:
            out[2 * block + 1] = radius * math.sin(angle)


@numba.njit(nogil=True)
def fair(seed, path, step, index):
    """+1.0 or -1.0 with equal probability; other words than those of `normals`."""
    a, _, _, _ = words(seed, path, step, 0x80000000 + index)
    return 1.0 if a & np.uint64(1) else -1.0
