"""Master integrals as functions of their exponents; logarithms are derivatives in these.

Sources: NIST Digital Library of Mathematical Functions, 5.9 (gamma), 5.12 (beta), 10.32.10 (Bessel K),
7.2 (error function), 8.2 (incomplete gamma), 25.5 and 25.11 (zeta).
"""

from __future__ import annotations

from functools import lru_cache

import sympy
from sympy import S

from symrg.budget import Declined

_S, _A, _B = sympy.symbols("s a b", positive=True, cls=sympy.Dummy)


@lru_cache(maxsize=64)
def _gamma_ratio(order: int) -> sympy.Expr:
    """Gamma^(order)(s) / Gamma(s)."""
    value: sympy.Expr = S.One
    for _ in range(order):
        value = sympy.expand(sympy.diff(value, _S) + value * sympy.polygamma(0, _S))
    return value


@lru_cache(maxsize=256)
def _beta_ratio(first: int, second: int) -> sympy.Expr:
    """d_a^first d_b^second B(a, b) / B(a, b)."""
    whole = sympy.polygamma(0, _A + _B)
    value: sympy.Expr = S.One
    for symbol, order in ((_A, first), (_B, second)):
        for _ in range(order):
            value = sympy.expand(sympy.diff(value, symbol) + value * (sympy.polygamma(0, symbol) - whole))
    return value


def _finite(value: sympy.Expr) -> sympy.Expr:
    if value.has(S.ComplexInfinity, S.NaN, S.Infinity, S.NegativeInfinity):
        raise Divergent("a master integral has a pole here")
    return value


class Divergent(Declined):
    """A term diverges by itself; the sum of all may not."""


def gamma(s: sympy.Expr, b: sympy.Expr, order: int = 0) -> sympy.Expr:
    """int_0^oo x^(s-1) (ln x)^order exp(-b x) dx."""
    minus_log = -sympy.expand_log(sympy.log(b), force=True)
    total = sympy.Add(
        *(
            sympy.binomial(order, j) * minus_log ** (order - j) * _gamma_ratio(j).xreplace({_S: s})
            for j in range(order + 1)
        )
    )
    return _finite(sympy.gamma(s) * b ** (-s) * total)


def beta(a: sympy.Expr, b: sympy.Expr, log: int = 0, log_complement: int = 0) -> sympy.Expr:
    """int_0^1 x^(a-1) (1-x)^(b-1) (ln x)^log (ln(1-x))^log_complement dx."""
    if log_complement == 0 and b == 1:
        return _finite((-1) ** log * sympy.factorial(log) / a ** (log + 1))
    ratio = _beta_ratio(log, log_complement).xreplace({_A: a, _B: b})
    return _finite(sympy.gamma(a) * sympy.gamma(b) / sympy.gamma(sympy.expand(a + b)) * ratio)


def beta_prime(a: sympy.Expr, s: sympy.Expr, log: int = 0, log_sum: int = 0) -> sympy.Expr:
    """int_0^oo x^(a-1) (1+x)^(-s) (ln x)^log (ln(1+x))^log_sum dx = B(a, s-a) and derivatives."""
    rest = sympy.expand(s - a)
    # ln(1+x) is -d_s; with b = s - a this is -d_b at fixed a, and ln x at fixed s is d_a - d_b.
    total = sympy.Add(
        *(
            sympy.binomial(log, j)
            * (-1) ** (log - j + log_sum)
            * _beta_ratio(j, log - j + log_sum).xreplace({_A: a, _B: rest})
            for j in range(log + 1)
        )
    )
    return _finite(sympy.gamma(a) * sympy.gamma(rest) / sympy.gamma(s) * total)


def bessel_k(s: sympy.Expr, b: sympy.Expr, c: sympy.Expr) -> sympy.Expr:
    """int_0^oo x^(s-1) exp(-b x - c/x) dx = 2 (c/b)^(s/2) K_s(2 sqrt(b c))."""
    order = -s if s.could_extract_minus_sign() else s
    z = 2 * sympy.sqrt(b * c)
    k = half_integer_bessel_k(order, z) if (2 * order).is_Integer and not order.is_Integer else None
    if k is None:
        k = sympy.besselk(order, z)
    return 2 * (c / b) ** (s / 2) * k


def log_bessel_k(s: sympy.Expr, b: sympy.Expr, c: sympy.Expr) -> sympy.Expr:
    """int_0^oo x^(s-1) ln x exp(-b x - c/x) dx, the derivative of `bessel_k` in s.

    Raises:
        Declined: s is neither an integer nor half an odd one, so that dK_s/ds has no closed form.
    """
    z, q = 2 * sympy.sqrt(b * c), sympy.sqrt(c / b)
    return sympy.log(q) * bessel_k(s, b, c) + 2 * q**s * bessel_k_slope(s, z)


def bessel_k_slope(order: sympy.Expr, z: sympy.Expr) -> sympy.Expr:
    """dK_nu(z)/dnu at an integer or half an odd integer (DLMF 10.38.4, 10.38.7 and the recurrence 10.29.1).

    Raises:
        Declined: another order.
    """
    if order.could_extract_minus_sign():
        return -bessel_k_slope(-order, z)
    if order.is_Integer and order <= 30:
        n = int(order)
        total = sympy.Add(
            *((z / 2) ** (k - n) * sympy.besselk(k, z) / (sympy.factorial(k) * (n - k)) for k in range(n))
        )
        return sympy.factorial(n) * total / 2
    if not ((2 * order).is_Integer and order <= 30):
        raise Declined(f"the derivative of a Bessel function in its order {order}")
    below = sympy.sqrt(sympy.pi / (2 * z)) * sympy.exp(z) * sympy.expint(1, 2 * z)
    slopes = [-below, below]  # at -1/2 and 1/2
    nu = sympy.Rational(1, 2)
    while nu < order:
        slopes.append(slopes[-2] + 2 * half_integer_bessel_k(nu, z) / z + 2 * nu / z * slopes[-1])
        nu += 1
    return slopes[-1]


def half_integer_bessel_k(order: sympy.Expr, z: sympy.Expr) -> sympy.Expr:
    """K_(n+1/2)(z) in elementary form (DLMF 10.49.12)."""
    n = int(abs(order) - sympy.Rational(1, 2))
    total = sympy.Add(
        *(sympy.factorial(n + k) / (sympy.factorial(k) * sympy.factorial(n - k)) / (2 * z) ** k for k in range(n + 1))
    )
    return sympy.sqrt(sympy.pi / (2 * z)) * sympy.exp(-z) * total


def exponential_over_sum(s: sympy.Expr, n: int, b: sympy.Expr) -> sympy.Expr:
    """int_0^oo x^(s-1) (1+x)^(-n) exp(-b x) dx for an integer n >= 1, by parts down to n = 1 (DLMF 8.6.4)."""
    if n == 1:
        rest = sympy.expand(1 - s)
        tail = sympy.sqrt(sympy.pi) * sympy.erfc(sympy.sqrt(b)) if rest == S.Half else sympy.uppergamma(rest, b)
        return _finite(sympy.gamma(s) * sympy.exp(b) * sympy.expand_func(tail))
    above, here = exponential_over_sum(s - 1, n - 1, b), exponential_over_sum(s, n - 1, b)
    return _finite(((s - 1) * above - b * here) / (n - 1))


def inverse_gaussian_over_sum(s: sympy.Expr, n: int, b: sympy.Expr) -> sympy.Expr:
    """int_0^oo x^(s-1) (1+x)^n exp(-b (x + 1/x)) dx for integers n and 2 s.

    x = exp(2 u) makes it 2^(n+1) int cosh(m u) cosh(u)^n exp(-2 b - 4 b sinh(u)^2) du with m = 2 s + n, elementary
    in z = sinh(u) where m + n is odd.
    """
    m = 2 * s + n
    if not m.is_Integer:
        raise Declined("a power that is no half integer")
    if (m + n) % 2 == 0:
        raise Declined("no elementary form in sinh")
    c, x = sympy.Dummy("c"), sympy.Dummy("x", positive=True)
    even = sympy.Poly(sympy.chebyshevt(abs(m), c), c)
    total = S.Zero
    for (power,), weight in even.terms():
        k = (power + n - 1) // 2  # cosh^(2 k) du cosh = (1 + z^2)^k dz
        if k < 0:
            total += weight * exponential_over_sum(S.Half, int(-k), 4 * b)
            continue
        flat = sympy.Poly(sympy.expand((1 + x) ** k), x)
        total += weight * sympy.Add(*(a * gamma(S.Half + j, 4 * b) for (j,), a in flat.terms()))
    return 2 ** (n + 1) * sympy.exp(-2 * b) * total


def log_over_quadratic(order: int, own: sympy.Expr, other: sympy.Expr, x: sympy.Symbol) -> sympy.Expr:
    """int ln(other) / own^order dx over the line for quadratics without real zeros and an integer order >= 1.

    ln other is harmonic above the zeros of `other`, so that its mean under a Cauchy density is its value at the pole
    (Poisson's formula); higher orders are derivatives in the square of the width.
    """
    a, m, square = _centred(own, x)
    lead, centre, width2 = _centred(other, x)
    t = sympy.Dummy("t", positive=True)
    value = (
        sympy.pi
        / sympy.sqrt(t)
        * (sympy.log(lead) + sympy.log((m - centre) ** 2 + (sympy.sqrt(t) + _root(width2)) ** 2))
    )
    for k in range(1, order):
        value = -sympy.diff(value, t) / k
    value = value.subs(t, square)
    return value.replace(lambda e: e.is_Pow and e.exp.is_Rational, lambda e: _root(e.base) ** (2 * e.exp)) / a**order


def _centred(quadratic: sympy.Expr, x: sympy.Symbol) -> tuple[sympy.Expr, sympy.Expr, sympy.Expr]:
    """a, m, w with a ((x - m)^2 + w)."""
    polynomial = sympy.Poly(quadratic, x)
    if polynomial.degree() != 2:
        raise Declined("not a quadratic")
    a, b, c = polynomial.all_coeffs()
    return a, sympy.cancel(-b / (2 * a)), sympy.factor(sympy.cancel(c / a - (b / (2 * a)) ** 2))


def _root(square: sympy.Expr) -> sympy.Expr:
    return sympy.powdenest(sympy.sqrt(square), force=True)


def exponential_piece(n: int, rate: sympy.Expr, lower: sympy.Expr, upper: sympy.Expr, decays: bool) -> sympy.Expr:
    """int x^n exp(rate x) dx between limits, of which one may be infinite where the exponential decays."""

    def primitive(x: sympy.Expr) -> sympy.Expr:
        if x.is_infinite:
            if not decays:
                raise Declined("a growing exponential on an infinite interval")
            return S.Zero
        return sympy.exp(rate * x) * sympy.Add(
            *(
                (-1) ** (n - k) * sympy.factorial(n) / sympy.factorial(k) * x**k / rate ** (n - k + 1)
                for k in range(n + 1)
            )
        )

    return sympy.expand(primitive(upper) - primitive(lower), deep=False)


def gaussian_piece(n: int, square: sympy.Expr, linear: sympy.Expr, lower: sympy.Expr, upper: sympy.Expr) -> sympy.Expr:
    """int x^n exp(-square x^2 + linear x) dx between limits that may be infinite (square > 0)."""
    root, centre = sympy.sqrt(square), linear / (2 * square)

    def erf(x: sympy.Expr) -> sympy.Expr:
        if x.is_infinite:
            return S.One if x is S.Infinity else S.NegativeOne
        return sympy.erf(sympy.expand(root * (x - centre)))

    def edge(k: int, x: sympy.Expr) -> sympy.Expr:
        return S.Zero if x.is_infinite else x**k * sympy.exp(-square * x**2 + linear * x)

    height = sympy.sqrt(sympy.pi) / (2 * root) * sympy.exp(linear**2 / (4 * square))
    moments = [height * (erf(upper) - erf(lower))]
    for k in range(1, n + 1):
        below = (k - 1) * moments[k - 2] if k > 1 else S.Zero
        moments.append((below + linear * moments[k - 1] - edge(k - 1, upper) + edge(k - 1, lower)) / (2 * square))
    return moments[n]


def power_tail(s: sympy.Expr, log: int) -> sympy.Expr:
    """int_1^oo x^(s-1) (ln x)^log dx for s < 0."""
    return _finite(sympy.factorial(log) / (-s) ** (log + 1))


def upper_gamma(s: sympy.Expr, b: sympy.Expr, log: int = 0) -> sympy.Expr:
    """int_1^oo x^(s-1) (ln x)^log exp(-b x) dx."""
    return _finite(_log_derivatives(lambda t: sympy.uppergamma(t, b) * b ** (-t), s, log))


def lower_gamma(s: sympy.Expr, b: sympy.Expr, log: int = 0) -> sympy.Expr:
    """int_0^1 x^(s-1) (ln x)^log exp(-b x) dx."""
    if log:
        return gamma(s, b, log) - upper_gamma(s, b, log)
    return _finite((sympy.gamma(s) - sympy.uppergamma(s, b)) * b ** (-s))


def _log_derivatives(function, s: sympy.Expr, order: int) -> sympy.Expr:
    value = function(_S)
    for _ in range(order):
        value = sympy.diff(value, _S)
    return value.xreplace({_S: s}) if not value.has(sympy.Derivative) else _decline()


def _decline() -> sympy.Expr:
    raise Declined("a derivative in the order has no closed form here")


def bose(s: sympy.Expr, b: sympy.Expr, sign: int, order: int = 1) -> sympy.Expr:
    """int_0^oo x^(s-1) exp(-b x) (1 - sign exp(-x))^(-order) dx.

    The binomial series makes it a sum of Hurwitz zeta functions (sign 1) or of their alternating sums (sign -1).
    """
    k = sympy.Dummy("k")
    weight = sympy.Poly(sympy.expand(sympy.Mul(*((k - b + j) for j in range(1, order)))), k)
    total = S.Zero
    for (power,), coefficient in weight.terms():
        total += coefficient * _dirichlet(s - power, b, sign)
    return _finite(sympy.gamma(s) * total / sympy.factorial(order - 1))


def _dirichlet(s: sympy.Expr, b: sympy.Expr, sign: int) -> sympy.Expr:
    """sum over k >= 0 of sign^k (k + b)^(-s)."""
    if b.is_Integer and b >= 1:
        first = int(b)
        head = sympy.Add(*(sympy.Integer(sign) ** (j - 1) * sympy.Integer(j) ** (-s) for j in range(1, first)))
        if sign == 1:
            return sympy.zeta(s) - head
        eta = sympy.log(2) if s == 1 else (1 - 2 ** (1 - s)) * sympy.zeta(s)
        return (-1) ** (first - 1) * (eta - head)
    if sign == 1:
        return sympy.zeta(s, b)
    return 2 ** (-s) * (sympy.zeta(s, b / 2) - sympy.zeta(s, (b + 1) / 2))
