"""Sums over one discrete variable: geometric, exponential, binomial and hypergeometric series, zeta.

The summand is brought to the form  coefficient z^y y^k prod Gamma(y + a) / prod Gamma(y + b)  (and Gamma(c - y) on
finite ranges); powers of y come by (z d/dz)^k, or at z = 1 by falling factorials, which shift the parameters.
Sources: DLMF 15.4 (Gauss, Vandermonde), 10.25.2 (Bessel I), 25.11, 25.12.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import sympy
from sympy import S

from symrg.budget import Declined
from symrg.expectation.branches import smooth_branch
from symrg.expectation.density import KINKED
from symrg.expectation.factorials import as_gamma, log_gamma_argument, rewrite_factorials
from symrg.expectation.numeric import number
from symrg.expectation.special import zeta_derivative
from symrg.expectation.terms import absorb
from symrg.support import Axis

_EXPLICIT = 40


@dataclass
class Summand:
    """z^y y^power (y + base)^(-s) (ln)^logs and gamma functions; see the module."""

    coefficient: sympy.Expr
    rate: sympy.Expr = S.Zero
    power: int = 0
    ups: list[sympy.Expr] = field(default_factory=list)
    downs: list[sympy.Expr] = field(default_factory=list)
    mirrored_ups: list[sympy.Expr] = field(default_factory=list)
    mirrored_downs: list[sympy.Expr] = field(default_factory=list)
    decay: dict[sympy.Expr, sympy.Expr] = field(default_factory=dict)
    logs: dict[sympy.Expr, int] = field(default_factory=dict)


class Summation:
    """Sums over one axis.

    Args:
        point: values of all other symbols, for the signs.
    """

    def __init__(self, point: dict[sympy.Symbol, sympy.Expr]):
        self.point = point

    def total(self, log_density: sympy.Expr, factor: sympy.Expr, axis: Axis) -> sympy.Expr:
        """sum of factor * exp(log_density) over the axis.

        Raises:
            Declined: no known series fits.
        """
        y = axis.symbol
        if axis.points is not None:
            return self._explicit(log_density, factor, y, axis.points)
        if axis.lower.is_Integer and axis.upper.is_Integer:
            points = range(int(axis.lower), int(axis.upper) + 1, int(axis.step))
            if len(points) <= _EXPLICIT:
                return self._explicit(log_density, factor, y, tuple(map(sympy.Integer, points)))
        if axis.step != 1:
            j = sympy.Dummy("j", integer=True, nonnegative=True)
            place = axis.lower + axis.step * j
            count = S.Infinity if axis.upper is S.Infinity else (axis.upper - axis.lower) / axis.step
            inner = Axis(j, S.Zero, count, True)
            return self.total(log_density.subs(y, place), factor.subs(y, place), inner)
        if log_density.has(*KINKED) or factor.has(*KINKED) or factor.has(sympy.KroneckerDelta):
            return self._branches(log_density, factor, axis)
        if axis.lower is S.NegativeInfinity:
            if axis.upper is S.Infinity:
                right = self.total(log_density, factor, Axis(y, S.Zero, S.Infinity, True))
                j = sympy.Dummy("j", integer=True, positive=True)
                left = self.total(log_density.subs(y, -j), factor.subs(y, -j), Axis(j, S.One, S.Infinity, True))
                return right + left
            j = sympy.Dummy("j", integer=True, nonnegative=True)
            place = axis.upper - j
            return self.total(log_density.subs(y, place), factor.subs(y, place), Axis(j, S.Zero, S.Infinity, True))
        summands, constant = self._summands(log_density, factor, y)
        value = sympy.Add(*(s.coefficient * self._series(s, axis) for s in summands))
        return sympy.exp(constant) * value

    @staticmethod
    def _explicit(log_density: sympy.Expr, factor: sympy.Expr, y: sympy.Symbol, points) -> sympy.Expr:
        total = S.Zero
        log_density = as_gamma(log_density).replace(sympy.loggamma, lambda z: sympy.log(sympy.gamma(z)))
        for p in points:
            weight = absorb(sympy.exp(sympy.expand_log(log_density.subs(y, p), force=True)))
            if weight.has(S.NaN, S.ComplexInfinity, S.Infinity):
                weight = sympy.exp(sympy.limit(log_density, y, p))
            if weight != 0:
                total += factor.subs(y, p) * weight
        return sympy.expand_func(total)

    def _branches(self, log_density: sympy.Expr, factor: sympy.Expr, axis: Axis) -> sympy.Expr:
        """Split off the points where conditions or kinks change the summand."""
        y = axis.symbol
        special: set[sympy.Expr] = set()
        for expression in (log_density, factor):
            for node in expression.atoms(*KINKED, sympy.KroneckerDelta):
                inside = (
                    [r.lhs - r.rhs for _, c in node.args for r in c.atoms(sympy.core.relational.Relational)]
                    if isinstance(node, sympy.Piecewise)
                    else [node.args[0] - node.args[1]]
                    if isinstance(node, (sympy.Max, sympy.Min, sympy.KroneckerDelta))
                    else [node.args[0]]
                )
                for e in inside:
                    if e.has(y):
                        special |= set(sympy.solve(e, y))
        if not all(s.is_Integer for s in special):
            raise Declined("a summand whose branches change at symbolic points")
        total = S.Zero
        low = axis.lower
        edges = sorted(s for s in special if self._between(s, axis))
        for s in edges:
            at = self.point | {y: s}
            total += self._explicit(self._branch(log_density, at), self._branch(factor, at), y, (s,))
        gaps = [(low if i == 0 else edges[i - 1] + 1, edges[i] - 1) for i in range(len(edges))]
        gaps.append((edges[-1] + 1 if edges else low, axis.upper))
        for a, b in gaps:
            if a.is_Integer and b.is_Integer and a > b:
                continue
            inside = a if a.is_finite else (b if b.is_finite else S.Zero)
            at = self.point | {y: inside}
            branch = [self._branch(log_density, at), sympy.simplify(self._branch(factor, at))]
            if not edges and any(e.has(*KINKED) for e in (log_density, factor)) and branch[0].has(*KINKED):
                raise Declined("branches that do not resolve")
            total += self.total(branch[0], branch[1], Axis(y, a, b, True))
        return total

    @staticmethod
    def _branch(expression: sympy.Expr, at: dict[sympy.Symbol, sympy.Expr]) -> sympy.Expr:
        expression = expression.replace(
            sympy.KroneckerDelta, lambda i, j: S.One if abs(number(i - j, at)) < 1e-9 else S.Zero
        )
        return smooth_branch(expression, at)

    def _between(self, value: sympy.Expr, axis: Axis) -> bool:
        v = number(value, self.point)
        return number(axis.lower, self.point) <= v <= number(axis.upper, self.point)

    # ---- decomposition ---------------------------------------------------------------------------------------

    def _summands(
        self, log_density: sympy.Expr, factor: sympy.Expr, y: sympy.Symbol
    ) -> tuple[list[Summand], sympy.Expr]:
        rewritten = rewrite_factorials(log_density)
        base, constant = Summand(S.One), S.Zero
        for term in sympy.Add.make_args(sympy.expand(sympy.expand_log(sympy.expand(rewritten), force=True))):
            coefficient, rest = term.as_independent(y, as_Add=False)
            if rest == 1:
                constant += term
            elif rest == y:
                base.rate += coefficient
            elif log_gamma_argument(rest) is not None and coefficient in (1, -1, 2, -2):
                argument = sympy.expand(log_gamma_argument(rest))
                offset = sympy.expand(argument - y)
                mirrored = sympy.expand(argument + y)
                if not offset.has(y):
                    target = base.ups if coefficient > 0 else base.downs
                    target += [offset] * abs(int(coefficient))
                elif not mirrored.has(y):
                    target = base.mirrored_ups if coefficient > 0 else base.mirrored_downs
                    target += [mirrored] * abs(int(coefficient))
                else:
                    raise Declined(f"{rest} in the summand")
            elif isinstance(rest, sympy.log):
                argument = sympy.expand(rest.args[0])
                slope = argument.coeff(y)
                if sympy.expand(argument - slope * y).has(y):
                    raise Declined(f"{rest} in the summand")
                offset = sympy.cancel((argument - slope * y) / slope)
                constant += coefficient * sympy.log(slope)
                base.decay[offset] = base.decay.get(offset, S.Zero) - coefficient
            else:
                raise Declined(f"{rest} in the exponent of the summand")
        found = []
        expanded = sympy.expand(absorb(sympy.expand_log(factor, force=True)), power_exp=False)
        for term in sympy.Add.make_args(expanded):
            coefficient, rest = term.as_independent(y, as_Add=False)
            s = Summand(
                coefficient, base.rate, 0, [*base.ups], [*base.downs], [*base.mirrored_ups],
                [*base.mirrored_downs], dict(base.decay), {},
            )  # fmt: skip
            for f in sympy.Mul.make_args(rest):
                b, e = f.as_base_exp()
                if f == 1:
                    continue
                if b == y and e.is_Integer and e > 0:
                    s.power += int(e)
                elif isinstance(f, sympy.exp) or (e.has(y) and not b.has(y)):
                    exponent = sympy.expand(f.args[0] if isinstance(f, sympy.exp) else e * sympy.log(b))
                    slope = exponent.coeff(y)
                    if sympy.expand(exponent - slope * y).has(y):
                        raise Declined(f"{f} in the summand")
                    s.rate += slope
                    s.coefficient *= sympy.exp(exponent - slope * y)
                elif isinstance(b, sympy.log) and e.is_Integer and e > 0 and not sympy.expand(b.args[0] - y).has(y):
                    offset = sympy.expand(b.args[0] - y)
                    s.logs[offset] = s.logs.get(offset, 0) + int(e)
                elif b.has(y) and not sympy.expand(b - y).has(y) and not e.has(y):
                    offset = sympy.expand(b - y)
                    s.decay[offset] = s.decay.get(offset, S.Zero) - e
                else:
                    raise Declined(f"factor {f} in the summand")
            found.append(s)
        return found, constant

    # ---- series ----------------------------------------------------------------------------------------------

    def _series(self, s: Summand, axis: Axis) -> sympy.Expr:
        z_value = sympy.exp(s.rate)
        z_value = absorb(sympy.exp(sympy.expand_log(s.rate, force=True))) if s.rate != 0 else S.One
        s.decay = {b: e for b, e in s.decay.items() if e != 0}
        if s.decay or s.logs:
            return self._zeta(s, axis, z_value)
        ups, downs = [*s.ups], [*s.downs]
        for up in s.ups:
            if up in downs:
                ups.remove(up)
                downs.remove(up)
        if s.mirrored_ups or s.mirrored_downs:
            return self._finite(s, ups, downs, axis, z_value)
        if axis.upper is not S.Infinity:
            if ups or downs:
                raise Declined("a finite sum of gamma functions")
            z = sympy.Dummy("z")
            closed = (z**axis.lower - z ** (axis.upper + 1)) / (1 - z)
            return _euler(closed, z, s.power).subs(z, z_value) if z_value != 1 else _faulhaber(s.power, axis)
        if z_value == 1:
            return self._gauss(ups, downs, s.power, axis)
        z = sympy.Dummy("z", positive=True)
        start = axis.lower
        if not ups and not downs:
            closed = z**start / (1 - z)
            return _euler(closed, z, s.power).subs(z, z_value)
        if not start.is_Integer:
            raise Declined("a series of gamma functions from a symbolic start")
        # Re-index so that the series of the table starts at zero.
        first = int(start)
        if not ups and downs == [S.One]:
            closed = sympy.exp(z)
        elif len(ups) == 1 and downs == [S.One]:
            closed = sympy.gamma(ups[0]) * (1 - z) ** (-ups[0])
        elif not ups and len(downs) == 2 and S.One in downs:
            nu = (downs[0] if downs[1] == 1 else downs[1]) - 1
            closed = z ** (-nu / 2) * sympy.besseli(nu, 2 * sympy.sqrt(z))
        else:
            raise Declined(f"a series with gamma functions of {ups} over {downs}")
        value = _euler(closed, z, s.power)
        head = sum(
            (
                sympy.Integer(j) ** s.power * z**j * _gamma_ratio_at(ups, downs, j)
                for j in range(0, first)
                if not (j == 0 and s.power)
            ),
            S.Zero,
        )
        if first < 0:
            raise Declined("a factorial series from a negative start")
        return (value - head).subs(z, z_value)

    def _zeta(self, s: Summand, axis: Axis, z_value: sympy.Expr) -> sympy.Expr:
        if s.ups or s.downs or s.mirrored_ups or s.mirrored_downs or axis.upper is not S.Infinity:
            raise Declined("powers and gamma functions together")
        offsets = set(s.decay) | set(s.logs)
        if len(offsets) != 1:
            raise Declined("powers of several linear functions")
        offset = offsets.pop()
        exponent, order = s.decay.get(offset, S.Zero), s.logs.get(offset, 0)
        start = sympy.expand(axis.lower + offset)
        if s.power:
            if offset != 0:
                # y = (y + offset) - offset
                total = S.Zero
                for j in range(s.power + 1):
                    part = Summand(S.One, s.rate, 0, decay={offset: exponent - j}, logs=dict(s.logs))
                    total += sympy.binomial(s.power, j) * (-offset) ** (s.power - j) * self._series(part, axis)
                return total
            exponent -= s.power
        if z_value == 1:
            if self.sign_at(exponent - 1) <= 0:
                raise Declined("the series diverges")
            return (-1) ** order * (
                zeta_derivative(order, exponent) if start == 1 else zeta_derivative(order, exponent, start)
            )
        if order or not start.is_Integer or start < 1:
            raise Declined("logarithms with a polylogarithm")
        z = sympy.Dummy("z", positive=True)
        closed = sympy.polylog(exponent, z)
        if exponent.is_Integer and exponent <= 1:
            closed = sympy.expand_func(closed)
        head = sum((z**j * sympy.Integer(j) ** (-exponent) for j in range(1, int(start))), S.Zero)
        shift = z_value ** (-offset) if offset != 0 else S.One
        return shift * (closed - head).subs(z, z_value)

    def sign_at(self, expression: sympy.Expr) -> int:
        """Sign at the interior point."""
        value = number(expression, self.point)
        return 0 if value != value else (value > 0) - (value < 0)

    @staticmethod
    def _finite(
        s: Summand, ups: list[sympy.Expr], downs: list[sympy.Expr], axis: Axis, z_value: sympy.Expr
    ) -> sympy.Expr:
        """Binomial theorem and Chu-Vandermonde on 0..n."""
        if axis.lower != 0 or downs != [S.One] or len(s.mirrored_downs) != 1:
            raise Declined("a finite sum of another kind")
        n = sympy.expand(s.mirrored_downs[0] - 1)
        if sympy.expand(axis.upper - n) != 0:
            raise Declined("a binomial sum that stops early")
        if not ups and not s.mirrored_ups:
            z = sympy.Dummy("z", positive=True)
            return (_euler((1 + z) ** n, z, s.power) / sympy.gamma(n + 1)).subs(z, z_value)
        if len(ups) == 1 and len(s.mirrored_ups) == 1 and z_value == 1:
            a, b = ups[0], sympy.expand(s.mirrored_ups[0] - n)
            total = S.Zero
            for j, stirling in enumerate(_stirling(s.power)):
                if stirling:
                    # y falling j times shifts y! and Gamma(y + a)
                    aa, nn = a + j, n - j
                    total += (
                        stirling
                        * sympy.gamma(aa)
                        * sympy.gamma(b)
                        * sympy.gamma(sympy.expand(aa + b + nn))
                        / (sympy.gamma(nn + 1) * sympy.gamma(aa + b))
                    )
            return total
        raise Declined("a finite sum of another kind")

    def _gauss(self, ups: list[sympy.Expr], downs: list[sympy.Expr], power: int, axis: Axis) -> sympy.Expr:
        """Gauss's theorem at z = 1, from a start that a shift moves to zero."""
        m = axis.lower
        ups, downs = [sympy.expand(u + m) for u in ups], [sympy.expand(d + m) for d in downs]
        if S.One in downs:
            downs.remove(S.One)
        else:
            ups.append(S.One)
        if len(ups) != 2 or len(downs) != 1:
            raise Declined("a hypergeometric series at one of another kind")
        a, b = ups
        (c,) = downs
        total = S.Zero
        # (j + m)^power in falling factorials of j
        for k in range(power + 1):
            outer = sympy.binomial(power, k) * m ** (power - k) if m != 0 else S(1 if k == power else 0)
            if outer == 0:
                continue
            for j, stirling in enumerate(_stirling(k)):
                if not stirling:
                    continue
                aa, bb, cc = a + j, b + j, c + j
                if self.sign_at(cc - aa - bb) <= 0:
                    raise Declined("the series diverges")
                total += (
                    outer
                    * stirling
                    * sympy.gamma(aa)
                    * sympy.gamma(bb)
                    * sympy.gamma(sympy.expand(cc - aa - bb))
                    / (sympy.gamma(sympy.expand(cc - aa)) * sympy.gamma(sympy.expand(cc - bb)))
                )
        return total


def _euler(function: sympy.Expr, z: sympy.Symbol, order: int) -> sympy.Expr:
    """(z d/dz)^order."""
    for _ in range(order):
        function = z * sympy.diff(function, z)
    return function


def _faulhaber(power: int, axis: Axis) -> sympy.Expr:
    n = sympy.Dummy("n")
    j = sympy.Dummy("j", integer=True)
    closed = sympy.Sum(j**power, (j, 1, n)).doit()
    total = closed.subs(n, axis.upper) - closed.subs(n, axis.lower - 1)
    return sympy.factor(total)


def _stirling(k: int) -> list[int]:
    """Stirling numbers of the second kind S(k, j), j = 0..k."""
    row = [1]
    for n in range(1, k + 1):
        row = [(j * row[j] if j < n else 0) + (row[j - 1] if j else 0) for j in range(n + 1)]
    return row


def _gamma_ratio_at(ups: list[sympy.Expr], downs: list[sympy.Expr], j: int) -> sympy.Expr:
    value = S.One
    for u in ups:
        value *= sympy.gamma(u + j)
    for d in downs:
        value /= sympy.gamma(d + j)
    return value
