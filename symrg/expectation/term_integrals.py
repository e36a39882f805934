"""Integrals of single terms: what is left once the changes of variable have made the bases linear.

A term is coefficient x^s (ln x)^k times powers and logarithms of one other base times an exponential; `TermIntegrals`
finds the master integral that fits it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy
from sympy import S

from symrg.budget import Declined
from symrg.expectation import masters
from symrg.expectation.terms import Structure, Term


@dataclass(frozen=True)
class Interval:
    """An interval of integration with limits that may be symbolic or infinite."""

    lower: sympy.Expr
    upper: sympy.Expr

    @property
    def key(self) -> tuple[sympy.Expr, sympy.Expr]:
        """Both limits."""
        return (self.lower, self.upper)


LINE = (-S.Infinity, S.Infinity)
HALF = (S.Zero, S.Infinity)
UNIT = (S.Zero, S.One)
TAIL = (S.One, S.Infinity)


class TermIntegrals:
    """Master integrals of single terms.

    Args:
        sign: of an expression at the interior point; 0 where it vanishes or is undefined.
    """

    def __init__(self, sign: Callable[[sympy.Expr], int]):
        self.sign = sign

    def gaussian(self, t: Term, x: sympy.Symbol, lower: sympy.Expr, upper: sympy.Expr) -> sympy.Expr:
        """A polynomial times a Gaussian between two limits."""
        n = t.power(x)
        if not (n.is_Integer and n >= 0) or t.log(x) or t.bases - {x}:
            raise Declined("not a polynomial times a Gaussian")
        polynomial = sympy.Poly(t.exponent, x) if t.exponent.has(x) else None
        if polynomial is None or polynomial.degree() != 2:
            raise Declined("the exponent is not quadratic")
        square, linear, constant = -polynomial.nth(2), polynomial.nth(1), polynomial.nth(0)
        if self.sign(square) <= 0:
            raise Declined("the quadratic exponent does not decay")
        return sympy.exp(constant) * masters.gaussian_piece(int(n), square, linear, lower, upper)

    def elementary(self, t: Term, x: sympy.Symbol, interval: Interval) -> sympy.Expr:
        """A polynomial times 1, an exponential or a Gaussian on an interval."""
        n = t.power(x)
        if not (n.is_Integer and n >= 0) or t.log(x):
            raise Declined("not a polynomial")
        if not t.exponent.has(x):
            if interval.upper.is_infinite or interval.lower.is_infinite:
                raise Declined("a polynomial on an infinite interval")
            return sympy.exp(t.exponent) * (interval.upper ** (n + 1) - interval.lower ** (n + 1)) / (n + 1)
        polynomial = sympy.Poly(t.exponent, x)
        if polynomial.degree() == 1:
            rate, constant = polynomial.nth(1), polynomial.nth(0)
            decays = (self.sign(rate) < 0) if interval.upper is S.Infinity else True
            return sympy.exp(constant) * masters.exponential_piece(int(n), rate, *interval.key, decays)
        return self.gaussian(t, x, *interval.key)

    def log_polynomial(self, t: Term, x: sympy.Symbol, interval: Interval) -> sympy.Expr:
        """A polynomial, or one times powers of the logarithm of one linear base, on a finite interval."""
        logs = [b for b in t.bases if t.log(b)]
        if len(logs) > 1 or t.exponent.has(x):
            raise Declined("no polynomial times one logarithm")
        polynomial = sympy.exp(t.exponent)
        for base in t.bases:
            n = t.power(base)
            if not (n.is_Integer and n >= 0) or not base.is_polynomial(x):
                raise Declined("no polynomial")
            polynomial *= base**n
        u = sympy.Dummy("u", positive=True)
        base = logs[0] if logs else x
        if sympy.degree(base, x) != 1:
            raise Declined("the logarithm of a base that is not linear")
        slope, shift = base.coeff(x, 1), base.coeff(x, 0)
        k = t.log(base)
        total = S.Zero
        for (n,), c in sympy.Poly(sympy.expand(polynomial.subs(x, (u - shift) / slope)), u).terms():
            primitive = power_log_primitive(sympy.Integer(n + 1), k, u)
            for end, sign in ((interval.upper, 1), (interval.lower, -1)):
                place = sympy.expand(base.subs(x, end))
                total += sign * c / slope * (primitive.subs(u, place) if place != 0 else S.Zero)
        return total

    def log_over_quadratic(self, terms: list[Term], x: sympy.Symbol) -> sympy.Expr | None:
        """Logarithms of quadratics over a power of a quadratic, with terms of a single power 1 and no logarithm."""
        total = S.Zero
        for t in terms:
            bases = sorted(t.bases, key=lambda base: (t.power(base) == 0, sympy.default_sort_key(base)))
            logs = [base for base in bases if t.log(base)]
            if t.exponent.has(x) or not bases or len(logs) > 1 or any(not base.is_polynomial(x) for base in bases):
                return None
            own, order = bases[0], -t.power(bases[0])
            if any(t.power(base) != 0 for base in bases[1:]) or not (order.is_Integer and 0 < order < 6):
                return None
            if logs and t.log(logs[0]) != 1:
                return None
            if any(sympy.degree(base, x) != 2 for base in bases):
                return None
            if any(self.sign(-sympy.discriminant(base, x)) <= 0 for base in bases):
                return None
            other = logs[0] if logs else own
            value = masters.log_over_quadratic(int(order), own, other, x)
            if not logs:
                value = masters.log_over_quadratic(int(order), own, sympy.E * other, x) - value
            total += t.coefficient * sympy.exp(t.exponent) * value
        return total

    def master(self, t: Term, x: sympy.Symbol, interval: Interval) -> sympy.Expr:
        """The master integral on (0, oo), (0, 1) or (1, oo).

        Raises:
            Declined: none fits.
        """
        s, k = sympy.expand(t.power(x) + 1), t.log(x)
        others = sorted(t.bases - {x}, key=sympy.default_sort_key)
        exponent = sympy.expand(t.exponent)
        constant, moving = exponent.as_independent(x, as_Add=True)
        outer = sympy.exp(constant)
        b = -moving.coeff(x, 1)
        c = -moving.coeff(x, -1)
        if sympy.expand(moving + b * x + c / x) != 0:
            raise Declined(f"exponent {moving}")
        if interval.key == HALF:
            if not others:
                if c != 0 and b == 0:
                    # x -> 1/x turns it into a gamma integral.
                    return outer * (-1) ** k * masters.gamma(-s + 0, c, k)
                if self.sign(b) <= 0:
                    raise Declined("the exponential does not decay")
                if c == 0:
                    return outer * masters.gamma(s, b, k)
                if k > 1:
                    raise Declined("several logarithms with a Bessel kernel")
                if k:
                    return outer * masters.log_bessel_k(s, b, c)
                return outer * masters.bessel_k(s, b, c)
            if moving == 0 and others == [x + 1]:
                return outer * masters.beta_prime(s, -t.power(x + 1), k, t.log(x + 1))
            if others == [x + 1] and not k and not t.log(x + 1) and t.power(x + 1).is_Integer and self.sign(b) > 0:
                n = int(t.power(x + 1))
                if c == 0 and n < 0:
                    return outer * masters.exponential_over_sum(s, -n, b)
                if c != 0 and sympy.cancel(b - c) == 0:
                    return outer * masters.inverse_gaussian_over_sum(s, n, b)
        elif interval.key == UNIT:
            one_minus = 1 - x
            if moving == 0 and all(o == one_minus for o in others):
                return outer * masters.beta(s, t.power(one_minus) + 1, k, t.log(one_minus))
            if c == 0 and not others:
                if s.is_Integer and s >= 1 and not k:
                    return outer * masters.exponential_piece(int(s) - 1, -b, *interval.key, True)
                return outer * masters.lower_gamma(s, b, k)
        elif interval.key == TAIL:
            if moving == 0 and not others:
                return outer * masters.power_tail(s, k)
            if moving == 0 and others == [x - 1]:
                p, q = t.power(x - 1), t.log(x - 1)
                # u = 1/x: x^(s-1) (x-1)^p dx = u^(-s-p-1) (1-u)^p du, ln(x-1) = ln(1-u) - ln u
                return outer * sympy.Add(
                    *(
                        sympy.binomial(q, j)
                        * (-1) ** (k + q - j)
                        * masters.beta(sympy.expand(-s - p), p + 1, k + q - j, j)
                        for j in range(q + 1)
                    )
                )
            if c == 0 and not others:
                if s.is_Integer and s >= 1 and not k:
                    return outer * masters.exponential_piece(int(s) - 1, -b, *interval.key, self.sign(b) > 0)
                if self.sign(b) > 0:
                    return outer * masters.upper_gamma(s, b, k)
        raise Declined(f"no master integral for bases {list(map(str, others))} on {interval.key}")


def power_log_primitive(s: sympy.Expr, k: int, u: sympy.Symbol) -> sympy.Expr:
    """Primitive of u^(s-1) (ln u)^k."""
    log = sympy.log(u)
    if s == 0:
        return log ** (k + 1) / (k + 1)
    return u**s * sympy.Add(*((-1) ** j * sympy.ff(k, j) * log ** (k - j) / s ** (j + 1) for j in range(k + 1)))


def planck(terms: list[Term], x: sympy.Symbol, interval: Interval, shape: Structure) -> sympy.Expr | None:
    """x^(s-1) exp(-b x) / (exp(x) -+ 1) on the half line, which u = exp(-x) would not straighten."""
    if interval.key != HALF or not shape.exponentials:
        return None
    total = S.Zero
    for t in terms:
        others = t.bases - {x}
        if len(others) != 1 or t.log(x) or any(t.log(o) for o in others):
            return None
        base = others.pop()
        order = -t.power(base)
        if not (order.is_Integer and order > 0):
            return None
        constant, moving = base.as_independent(x, as_Add=True)
        ratio, e = moving.as_independent(x, as_Add=False)
        if not isinstance(e, sympy.exp) or e.args[0].as_independent(x, as_Add=False)[1] != x or constant == 0:
            return None
        rate = e.args[0].coeff(x)
        rho = sympy.cancel(ratio / constant)
        if rho not in (1, -1):
            return None
        sign = -int(rho)
        b = -sympy.expand(t.exponent).coeff(x)
        if sympy.expand(t.exponent + b * x).has(x):
            return None
        fixed = sympy.exp(sympy.expand(t.exponent + b * x))
        s = t.power(x) + 1
        if rate.could_extract_minus_sign():
            scale, shift, flip = -rate, b / -rate, 1
        else:
            # 1/(1 + rho e^{r x}) = rho e^{-r x}/(1 + rho e^{-r x}) for rho^2 = 1
            scale, shift, flip = rate, b / rate + order, rho**order
        weight = t.coefficient / constant**order * flip * fixed * scale ** (-s)
        total += weight * masters.bose(s, sympy.cancel(shift), sign, int(order))
    return total
