"""Tails of oscillating integrals, by turning the path of integration (Jordan's lemma).

An integrand that is a sum of R(x) exp(i w x), with R a rational function times a power of x, need not be absolutely
integrable; with a phase in x^m, x^m is the new variable. Beyond A, where R has no pole in Re z >= A and goes to 0,

    integral from A to oo of R(x) exp(i w x) dx = i s exp(i w A) integral from 0 to oo of R(A + i s t) exp(-|w| t) dt,

with s the sign of w; what is left on the right falls off exponentially. Terms that don't oscillate are integrated as
they are.
"""

from __future__ import annotations

from functools import lru_cache

import sympy as sp
from flint import acb, arb

from symrg.budget import Declined
from symrg.verification.enclosure import Evaluate, Point, constant, enclose

_FARTHEST = 2000  # the largest A


class Oscillation:
    """An integrand taken apart into oscillating terms.

    Args:
        integrand: a function of the variable.
        variable: of integration.

    Raises:
        Declined: the integrand isn't such a sum.
    """

    def __init__(self, integrand: sp.Expr, variable: sp.Symbol):
        if not any(f.has(variable) for f in integrand.atoms(sp.sin, sp.cos)):
            raise Declined("nothing oscillates")
        self.x = sp.Dummy("x", positive=True)
        self.t = sp.Dummy("t", positive=True)
        self.a = sp.Dummy("A", positive=True)
        moved = integrand.xreplace({variable: self.x})
        self.degree = self._degree(moved)
        if self.degree > 1:  # in x^m, of which the phase is linear
            root = self.x ** sp.Rational(1, self.degree)
            moved = moved.xreplace({self.x: root}) * root / (self.degree * self.x)
        waves = [f for f in moved.atoms(sp.sin, sp.cos, sp.exp) if f.has(self.x)]
        names = {f: sp.Dummy() for f in waves}
        polynomial = sp.Poly(moved.xreplace(names), *names.values())
        self.parts: dict[sp.Expr, sp.Expr] = {}
        for powers, coefficient in polynomial.terms():
            product = sp.Mul(*(f.rewrite(sp.exp) ** n for f, n in zip(waves, powers)))
            for term in sp.Add.make_args(sp.expand(product)):
                frequency, rest = self._split(term)
                self.parts[frequency] = self.parts.get(frequency, sp.Integer(0)) + coefficient * rest
        self.shapes = {w: self._shape(r) for w, r in self.parts.items() if w != 0}

    def _degree(self, integrand: sp.Expr) -> int:
        """m where every phase is a multiple of x^m, 1 where there is no such m."""
        phases = [sp.expand(f.args[0]) for f in integrand.atoms(sp.sin, sp.cos) if f.has(self.x)]
        powers = {p.as_independent(self.x)[1].as_base_exp() for p in phases}
        if len(powers) == 1:
            ((base, degree),) = powers
            if base == self.x and degree.is_Integer and 2 <= degree <= 6:
                return int(degree)
        return 1

    def _split(self, term: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
        exponent, rest = sp.Integer(0), sp.Integer(1)
        for factor in sp.Mul.make_args(term):
            if isinstance(factor, sp.exp) and factor.has(self.x):
                exponent += factor.args[0]
            else:
                rest *= factor
        exponent = sp.expand(exponent)
        frequency = sp.expand(exponent.coeff(self.x, 1) / sp.I)
        constant_part = sp.expand(exponent - sp.I * frequency * self.x)
        if constant_part.has(self.x) or not frequency.is_real:
            raise Declined("the phase isn't linear and real")
        return frequency, rest * sp.exp(constant_part)

    def _shape(self, rest: sp.Expr) -> tuple[sp.Expr, sp.Poly, sp.Poly]:
        """The power of x, numerator and denominator of a coefficient."""
        power = sp.Integer(0)
        rational = sp.together(rest)
        for factor in sp.Mul.make_args(rational):
            base, exponent = factor.as_base_exp()
            if base == self.x and not exponent.is_integer:
                power += exponent
                rational = rational / factor
        numerator, denominator = sp.fraction(sp.cancel(rational) if rational.is_rational_function(self.x) else rational)
        if not (numerator.is_polynomial(self.x) and denominator.is_polynomial(self.x)) or power.has(self.x):
            raise Declined("a coefficient isn't rational")
        return power, sp.Poly(numerator, self.x), sp.Poly(denominator, self.x)

    def reach(self, point: Point, least: int) -> int:
        """A whole number beyond which no coefficient has a pole.

        Raises:
            Declined: a coefficient doesn't go to 0.
        """
        bound = arb(max(least, 2)) ** self.degree
        for power, numerator, denominator in self.shapes.values():
            coefficients = [constant_at(c, point) for c in denominator.all_coeffs()]
            if coefficients[0].contains(0):
                raise Declined("a leading coefficient may vanish")
            order = constant_at(power, point).real + numerator.degree() - denominator.degree()
            if not order < 0:
                raise Declined("a coefficient of the oscillation doesn't go to 0")
            for c in coefficients[1:]:
                bound = bound.max(1 + (c / coefficients[0]).abs_upper())  # Cauchy's bound on the zeros
        far = bound.upper().ceil().unique_fmpz()
        if far is None or far > _FARTHEST:
            raise Declined("the poles lie too far out")
        return sp.integer_nthroot(int(far), self.degree)[0] + 1

    def tail(self, point: Point, start: int) -> acb:
        """The integral from `start` to infinity."""
        begin = start**self.degree
        exact = {**point.exact, self.a: sp.Integer(begin)}
        here = Point({**point.values, self.a: acb(begin)}, exact)
        total = acb(0)
        for frequency in self.parts:
            if frequency == 0:
                total += self._plain()(here)
                continue
            w = constant_at(frequency, point).real
            if w.contains(0):
                raise Declined("a frequency may be 0")
            total += self._turned(frequency, 1 if w > 0 else -1)(here)
        return total

    @lru_cache(maxsize=8)  # noqa: B019 (an instance lives as long as its integral)
    def _plain(self) -> Evaluate:
        return enclose(sp.Integral(sp.together(self.parts[sp.Integer(0)]), (self.x, self.a, sp.oo)))

    @lru_cache(maxsize=32)  # noqa: B019
    def _turned(self, frequency: sp.Expr, sign: int) -> Evaluate:
        along = self.parts[frequency].xreplace({self.x: self.a + sp.I * sign * self.t})
        front = sp.I * sign * sp.exp(sp.I * frequency * self.a)
        size = sp.Dummy("w", positive=True)  # |frequency|: its sign is known here, and not to SymPy
        falling = enclose(sp.Integral(along * sp.exp(-size * self.t), (self.t, 0, sp.oo)))
        front_value, rate = enclose(front), enclose(sign * frequency)
        exact_rate = sign * frequency

        def value(point: Point) -> acb:
            known = dict(point.exact)
            if exact_rate.free_symbols <= set(known):
                known[size] = exact_rate.xreplace(known)
            inner = Point({**point.values, size: rate(point)}, known)
            return front_value(point) * falling(inner)

        return value


def constant_at(expr: sp.Expr, point: Point) -> acb:
    """The ball of a coefficient at a point."""
    return constant(expr) if not expr.free_symbols else enclose(expr)(point)
