"""Scalar kernels of our own, in plain numba: stable elementary combinations and special functions.

Each is a function of doubles (or of one complex number where its name begins with `complex_`) that depends on `math`,
`cmath` and its neighbours here alone, so that a stand-alone module can carry a copy of its source.
"""

from __future__ import annotations

import cmath
import math

import numba

kernel = numba.njit(error_model="numpy", nogil=True)

# elementary


@kernel
def sign(x):
    """-1, 0 or 1; nan for nan."""
    if x > 0.0:
        return 1.0
    if x < 0.0:
        return -1.0
    return x * 0.0


@kernel
def minimum(x, y):
    """The smaller; nan if either is nan."""
    return x if (x < y or x != x) else y


@kernel
def maximum(x, y):
    """The larger; nan if either is nan."""
    return x if (x > y or x != x) else y


@kernel
def whole_below(x):
    """The largest whole number not above x, of any size."""
    return float(math.floor(x)) if math.fabs(x) < 4503599627370496.0 else x


@kernel
def whole_above(x):
    """The smallest whole number not below x, of any size."""
    return float(math.ceil(x)) if math.fabs(x) < 4503599627370496.0 else x


@kernel
def fraction(x):
    """x - floor(x)."""
    return x - whole_below(x)


@kernel
def cube_root(x):
    """The real cube root of x >= 0; nan below, where the principal root is not real."""
    if not x > 0.0 or x == math.inf:
        return x if x >= 0.0 else math.nan
    y = math.pow(x, 0.3333333333333333)
    return y - (y - x / (y * y)) / 3.0


@kernel
def rational_power(x, exponent, rest):
    """x^(exponent + rest), where the rest is what the double `exponent` lacks of a rational number."""
    y = math.pow(x, exponent)
    return y + y * (rest * math.log(x)) if x > 0.0 and x < math.inf else y


@kernel
def modulo(x, y):
    """X modulo y, with the sign of y, as SymPy's Mod."""
    return x % y


@kernel
def step(x, at_zero):
    """Heaviside's step with the given value at 0."""
    if x > 0.0:
        return 1.0
    if x < 0.0:
        return 0.0
    return at_zero if x == 0.0 else x


@kernel
def cosm1(x):
    """cos(x) - 1."""
    s = math.sin(0.5 * x)
    return -2.0 * s * s


@kernel
def coshm1(x):
    """cosh(x) - 1."""
    s = math.sinh(0.5 * x)
    return 2.0 * s * s


@kernel
def sqrt1pm1(x):
    """sqrt(1 + x) - 1."""
    return x / (1.0 + math.sqrt(1.0 + x))


@kernel
def bernoulli(x):
    """x / (e^x - 1)."""
    if x == 0.0:
        return 1.0
    if x > 700.0:
        return x * math.exp(-x)
    return x / math.expm1(x)


@kernel
def exprel(x):
    """(e^x - 1) / x."""
    if x == 0.0:
        return 1.0
    if x == math.inf:
        return x
    return math.expm1(x) / x


@kernel
def sinc(x):
    """sin(x) / x."""
    return math.sin(x) / x if x != 0.0 else 1.0


@kernel
def sinhc(x):
    """sinh(x) / x."""
    return math.sinh(x) / x if x != 0.0 else 1.0


@kernel
def tanhc(x):
    """tanh(x) / x."""
    return math.tanh(x) / x if x != 0.0 else 1.0


@kernel
def langevin(x):
    """coth(x) - 1/x, by its Taylor series where the difference would cancel."""
    if math.fabs(x) > 1.0:
        return 1.0 / math.tanh(x) - 1.0 / x
    # coth x - 1/x = x/(3 + x^2/(5 + x^2/(7 + ...))), Lambert's continued fraction
    s = x * x
    f = 21.0
    for k in range(9, 0, -1):
        f = (2.0 * k + 1.0) + s / f
    return x / f


@kernel
def softplus(x):
    """ln(1 + e^x)."""
    return (x if x > 0.0 else 0.0) + math.log1p(math.exp(-math.fabs(x)))


@kernel
def logaddexp(x, y):
    """ln(e^x + e^y)."""
    if x == y:
        return x + 0.6931471805599453
    if x > y:
        return x + math.log1p(math.exp(y - x))
    return y + math.log1p(math.exp(x - y))


@kernel
def logcosh(x):
    """ln(cosh(x))."""
    a = math.fabs(x)
    if a < 1.0:
        s = math.sinh(0.5 * a)
        return math.log1p(2.0 * s * s)
    return a + math.log1p(math.exp(-2.0 * a)) - 0.6931471805599453


@kernel
def log1m_square(x):
    """ln(1 - x^2)."""
    return math.log1p(-x * x) if math.fabs(x) < 0.7 else math.log((1.0 - x) * (1.0 + x))


@kernel
def sinpi(x):
    """sin(pi x)."""
    r = math.fabs(x) % 2.0
    s = 1.0 if x >= 0.0 else -1.0
    if r > 1.0:
        r, s = r - 1.0, -s
    if r > 0.5:
        r = 1.0 - r
    return s * (math.sin(math.pi * r) if r < 0.25 else math.cos(math.pi * (0.5 - r)))


@kernel
def cospi(x):
    """cos(pi x)."""
    r = math.fabs(x) % 2.0
    if r > 1.0:
        r = 2.0 - r
    if r < 0.25:
        return math.cos(math.pi * r)
    if r > 0.75:
        return -math.cos(math.pi * (1.0 - r))
    return math.sin(math.pi * (0.5 - r))


# complex


@kernel
def complex_expm1(z):
    """e^z - 1."""
    x, y = z.real, z.imag
    s = math.sin(0.5 * y)
    a = math.expm1(x)
    return complex(a * math.cos(y) - 2.0 * s * s, (a + 1.0) * math.sin(y))


@kernel
def complex_log1p(z):
    """ln(1 + z)."""
    x, y = z.real, z.imag
    if math.fabs(x) < 0.5 and math.fabs(y) < 0.5:
        return complex(0.5 * math.log1p(x * (2.0 + x) + y * y), math.atan2(y, 1.0 + x))
    return cmath.log(1.0 + z)


@kernel
def complex_cosm1(z):
    """cos(z) - 1."""
    s = cmath.sin(0.5 * z)
    return -2.0 * s * s


@kernel
def complex_coshm1(z):
    """cosh(z) - 1."""
    s = cmath.sinh(0.5 * z)
    return 2.0 * s * s


@kernel
def complex_sqrt1pm1(z):
    """sqrt(1 + z) - 1."""
    return z / (1.0 + cmath.sqrt(1.0 + z))


@kernel
def complex_sinc(z):
    """sin(z) / z."""
    return cmath.sin(z) / z if z != 0.0 else complex(1.0, 0.0)


# special functions


@kernel
def gamma(x):
    """Gamma(x); infinite at the poles."""
    if x <= 0.0 and x == whole_below(x):
        return math.inf
    if x > 171.7:
        return math.inf
    return math.gamma(x)


@kernel
def loggamma(x):
    """ln Gamma(x), real: nan where Gamma(x) < 0."""
    if x <= 0.0:
        if x == whole_below(x):
            return math.inf
        if whole_below(x) % 2.0 != 0.0:
            return math.nan
    return math.lgamma(x)


@kernel
def hurwitz_zeta(s, q):
    """Zeta(s, q) = sum over k >= 0 of (q + k)^-s, for q > 0, by Euler and Maclaurin's formula.

    Source: NIST Handbook (DLMF) 25.11.28 with 25.2.9's Bernoulli numbers.
    """
    total = 0.0
    shift = q
    while shift < 12.0:
        total += shift**-s
        shift += 1.0
    power = shift ** (1.0 - s)
    total += power / (s - 1.0) + 0.5 * power / shift
    inverse = 1.0 / (shift * shift)
    term = s * power * inverse  # s (s+1) ... / shift^(s + 2k - 1)
    total += term * (1.0 / 12.0)
    term *= (s + 1.0) * (s + 2.0) * inverse
    total += term * (-1.0 / 720.0)
    term *= (s + 3.0) * (s + 4.0) * inverse
    total += term * (1.0 / 30240.0)
    term *= (s + 5.0) * (s + 6.0) * inverse
    total += term * (-1.0 / 1209600.0)
    term *= (s + 7.0) * (s + 8.0) * inverse
    total += term * (1.0 / 47900160.0)
    term *= (s + 9.0) * (s + 10.0) * inverse
    total += term * (-691.0 / 1307674368000.0)
    term *= (s + 11.0) * (s + 12.0) * inverse
    total += term * (1.0 / 74724249600.0)
    term *= (s + 13.0) * (s + 14.0) * inverse
    total += term * (-3617.0 / 10670622842880000.0)
    return total


@kernel
def _alternating_zeta(s):
    """Dirichlet's eta(s) for s >= 0 by Borwein's second algorithm with 22 terms; the error is below 1e-16.

    Source: P. Borwein, An efficient algorithm for the Riemann zeta function, CMS Conf. Proc. 27 (2000), algorithm 2.
    """
    n = 22
    # d_k / d_n with d_k = n sum_{i<=k} (n + i - 1)! 4^i / ((n - i)! (2i)!): the terms by their ratios
    term, whole = 1.0, 1.0
    for i in range(1, n + 1):
        term *= 4.0 * (n + i - 1.0) * (n - i + 1.0) / ((2.0 * i) * (2.0 * i - 1.0))
        whole += term
    # sum over k of (-1)^k (1 - d_k/d_n) (k + 1)^-s
    term, above = 1.0, whole - 1.0
    total, sign = 0.0, 1.0
    for k in range(n):
        total += sign * (above / whole) * math.pow(k + 1.0, -s)
        sign = -sign
        term *= 4.0 * (n + k) * (n - k) / ((2.0 * k + 2.0) * (2.0 * k + 1.0))
        above -= term
    return total


@kernel
def zeta(s):
    """Riemann's zeta function at a real number; infinite at 1."""
    if s == 1.0:
        return math.inf
    if s < 0.0:
        if s % 2.0 == 0.0:
            return 0.0
        # 2 (2 pi)^(s-1) sin(pi s/2) Gamma(1 - s) zeta(1 - s), the last by eta so that its pole is met exactly
        half = math.pow(2.0 * math.pi, 0.5 * (s - 1.0))
        if s > -1.0:
            other = -_alternating_zeta(1.0 - s) / math.expm1(s * 0.6931471805599453)
        else:
            other = hurwitz_zeta(1.0 - s, 1.0)
        return 2.0 * half * sinpi(0.5 * s) * gamma(1.0 - s) * half * other
    if s > 60.0:
        return 1.0 + math.pow(2.0, -s)
    if s > 2.0:
        return hurwitz_zeta(s, 1.0)
    return -_alternating_zeta(s) / math.expm1((1.0 - s) * 0.6931471805599453)


@kernel
def dirichlet_eta(s):
    """Sum over k >= 1 of (-1)^(k-1) k^-s."""
    if 0.0 <= s <= 2.0:
        return _alternating_zeta(s)
    return -math.expm1((1.0 - s) * 0.6931471805599453) * zeta(s)


@kernel
def polygamma(n, x):
    """The n-th derivative of digamma, n >= 1 whole; for x <= 0 by reflection where n = 1, else nan."""
    if x > 0.0:
        value = gamma(n + 1.0) * hurwitz_zeta(n + 1.0, x)
        return value if n % 2.0 == 1.0 else -value
    if n == 1.0:
        s = sinpi(x)
        return math.pi * math.pi / (s * s) - hurwitz_zeta(2.0, 1.0 - x)
    return math.nan


@kernel
def lambertw(x):
    """The principal branch of w e^w = x, x >= -1/e; nan below."""
    if x == 0.0 or x == math.inf:
        return x
    p = 1.0 + math.e * x
    # e is not a double: its remainder carries the digits of x + 1/e near the branch point
    p += 1.4456468917292502e-16 * x
    if p < 0.0:
        return math.nan
    if p < 0.1:
        r = math.sqrt(2.0 * p)
        w = -1.0 + r * (1.0 + r * (-1.0 / 3.0 + r * (11.0 / 72.0 + r * (-43.0 / 540.0 + r * (769.0 / 17280.0)))))
        if p < 1e-5:
            return w
    elif x < 3.0:
        w = math.log1p(x) * (1.0 - math.log1p(math.log1p(x)) / (2.0 + math.log1p(x)))
    else:
        a = math.log(x)
        b = math.log(a)
        w = a - b + b / a
    for _ in range(6):
        if x < 3.0:
            e = math.exp(w)
            f = w * e - x
            d = f / (e * (w + 1.0) - (w + 2.0) * f / (2.0 * w + 2.0))
        else:
            z = math.log(x / w) - w  # Fritsch, Shafer, Crowley 1973
            q = 2.0 * (1.0 + w) * (1.0 + w + 2.0 * z / 3.0)
            d = -w * (z / (1.0 + w)) * (q - z) / (q - 2.0 * z)
        w -= d
        if math.fabs(d) <= 1e-16 * math.fabs(w):
            break
    return w


@kernel
def lambertw_lower(x):
    """The branch W_-1 of w e^w = x for -1/e <= x < 0; nan elsewhere."""
    p = 1.0 + math.e * x + 1.4456468917292502e-16 * x
    if p < 0.0 or x >= 0.0:
        return -math.inf if x == 0.0 else math.nan
    if p < 0.1:
        r = -math.sqrt(2.0 * p)
        w = -1.0 + r * (1.0 + r * (-1.0 / 3.0 + r * (11.0 / 72.0 + r * (-43.0 / 540.0 + r * (769.0 / 17280.0)))))
        if p < 1e-5:
            return w
    else:
        a = math.log(-x)
        b = math.log(-a)
        w = a - b + b / a
    for _ in range(8):
        z = math.log(x / w) - w
        q = 2.0 * (1.0 + w) * (1.0 + w + 2.0 * z / 3.0)
        d = w * (z / (1.0 + w)) * (q - z) / (q - 2.0 * z)
        w += d
        if math.fabs(d) <= 1e-16 * math.fabs(w):
            break
    return w


@kernel
def bessel_series(nu, x, sign):
    """J_nu (sign -1) or I_nu (sign 1) for |x| < 1 and nu >= 0 by the power series."""
    quarter = sign * 0.25 * x * x
    term, total = 1.0, 1.0
    for k in range(1, 14):
        term *= quarter / (k * (nu + k))
        total += term
    return total * math.pow(0.5 * x, nu) / gamma(nu + 1.0)


@kernel
def erfi_series(x):
    """erfi(x) for |x| < 1.5, by the power series with positive terms."""
    s = x * x
    term, total = x, x
    for k in range(1, 40):
        term *= s / k
        total += term / (2.0 * k + 1.0)
    return 1.1283791670955126 * total


@kernel
def hermite(n, x):
    """The Hermite polynomial H_n(x) by recurrence; n whole, else nan."""
    if n < 0.0 or n != whole_below(n):
        return math.nan
    a, b = 1.0, 2.0 * x
    for k in range(int(n)):
        a, b = b, 2.0 * x * b - 2.0 * (k + 1.0) * a
    return a


@kernel
def jacobi_recurrence(n, a, b, x):
    """The Jacobi polynomial P_n^(a, b)(x) for whole n, by the three-term recurrence (DLMF 18.9.1-2)."""
    if n == 0.0:
        return 1.0
    p, q = 1.0, 0.5 * (a - b) + 0.5 * (a + b + 2.0) * x
    for i in range(1, int(n)):
        k = float(i)
        c = 2.0 * k + a + b
        f = 2.0 * (k + 1.0) * (k + a + b + 1.0) * c
        g = (c + 1.0) * (a * a - b * b)
        h = c * (c + 1.0) * (c + 2.0)
        e = 2.0 * (k + a) * (k + b) * (c + 2.0)
        p, q = q, ((g + h * x) * q - e * p) / f
    return q


@kernel
def legendre_recurrence(n, x):
    """The Legendre polynomial P_n(x) for whole n."""
    p, q = 1.0, x
    for k in range(1, int(n) + 1):
        p, q = q, ((2.0 * k + 1.0) * x * q - k * p) / (k + 1.0)
    return p


@kernel
def chebyshev_recurrence(n, x, first):
    """T_n(x) (`first` = x) or U_n(x) (`first` = 2 x) for whole n."""
    p, q = 1.0, first
    for _ in range(int(n)):
        p, q = q, 2.0 * x * q - p
    return p


@kernel
def laguerre_recurrence(n, a, x):
    """The generalised Laguerre polynomial L_n^(a)(x) for whole n."""
    p, q = 1.0, 1.0 + a - x
    for k in range(1, int(n) + 1):
        p, q = q, ((2.0 * k + 1.0 + a - x) * q - (k + a) * p) / (k + 1.0)
    return p


@kernel
def gegenbauer_recurrence(n, a, x):
    """The Gegenbauer polynomial C_n^(a)(x) for whole n."""
    p, q = 1.0, 2.0 * a * x
    for k in range(1, int(n) + 1):
        p, q = q, (2.0 * (k + a) * x * q - (k - 1.0 + 2.0 * a) * p) / (k + 1.0)
    return p
