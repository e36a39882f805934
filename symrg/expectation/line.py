"""Integrals over one variable: changes of variable lead to a master integral.

`integral` looks at how the variable occurs (kinks, exponentials, powers, logarithms, a centre of symmetry), changes
the variable until the bases are linear and the exponent is of a known kind, and sums master integrals over terms.
Signs that SymPy cannot decide are read off at an interior point of the parameter space.
"""

from __future__ import annotations

import itertools

import sympy
from sympy import S

from symrg.budget import Declined
from symrg.expectation import circle, masters
from symrg.expectation.branches import smooth_branch
from symrg.expectation.density import KINKED, kinks_of
from symrg.expectation.numeric import number
from symrg.expectation.term_integrals import (
    HALF,
    LINE,
    TAIL,
    UNIT,
    Interval,
    TermIntegrals,
    planck,
    power_log_primitive,
)
from symrg.expectation.terms import HYPERBOLIC, Encoder, Kernel, Structure, Term, absorb, structure

_DEPTH = 9


class LineIntegrator:
    """Integrates over one variable at a time.

    Args:
        point: values of all other symbols, for the signs.
    """

    def __init__(self, point: dict[sympy.Symbol, sympy.Expr]):
        self.point = point
        self.terms = TermIntegrals(self.sign)

    def integral(
        self, log_density: sympy.Expr, factor: sympy.Expr, x: sympy.Symbol, lower: sympy.Expr, upper: sympy.Expr
    ) -> sympy.Expr:
        """int factor exp(log_density) dx from lower to upper.

        Raises:
            Declined: no master integral fits.
        """
        return self._integral(log_density, factor, x, Interval(lower, upper), _DEPTH)

    # ---- signs -----------------------------------------------------------------------------------------------

    def sign(self, expression: sympy.Expr) -> int:
        """Sign of an expression at the interior point; 0 where it vanishes or is undefined."""
        if expression.is_positive:
            return 1
        if expression.is_negative:
            return -1
        value = number(expression, self.point)
        return 0 if value != value or abs(value) < 1e-14 else (1 if value > 0 else -1)

    def _inside(self, x: sympy.Symbol, interval: Interval) -> float:
        lower, upper = (number(limit, self.point) for limit in interval.key)
        if lower != lower or upper != upper:
            raise Declined("limits without a value")
        if lower == -float("inf"):
            return 0.37 if upper == float("inf") else upper - 0.61
        return lower + 0.61 if upper == float("inf") else lower + 0.377 * (upper - lower)

    def _encoder(self, x: sympy.Symbol, interval: Interval) -> Encoder:
        place = self.point | {x: sympy.Float(self._inside(x, interval))}

        def positive(base: sympy.Expr) -> bool:
            value = number(base, place)
            if value != value:
                raise Declined("a base without a sign")
            return value > 0

        return Encoder(x, positive)

    # ---- the recursion ---------------------------------------------------------------------------------------

    def _integral(
        self, log_density: sympy.Expr, factor: sympy.Expr, x: sympy.Symbol, interval: Interval, depth: int
    ) -> sympy.Expr:
        if factor == 0:
            return S.Zero
        if depth == 0:
            raise Declined("too many changes of variable")
        if log_density.has(*KINKED) or factor.has(*KINKED):
            return self._split_at_kinks(log_density, factor, x, interval, depth)
        if log_density.has(*HYPERBOLIC) or factor.has(*HYPERBOLIC):
            log_density = log_density.replace(lambda e: isinstance(e, HYPERBOLIC), lambda e: e.rewrite(sympy.exp))
            factor = factor.replace(lambda e: isinstance(e, HYPERBOLIC), lambda e: e.rewrite(sympy.exp))
        turn = circle.turn(log_density, factor, x, *interval.key)
        if turn is not None:
            whole = circle.integral(turn.log_density, turn.factor, turn.angle, self.sign, self.point)
            return turn.weight * whole
        encoder = self._encoder(x, interval)
        kernel = encoder.kernel(absorb(log_density))
        terms = encoder.terms(kernel, factor)
        if not terms:
            return S.Zero
        value = self._dispatch(terms, kernel, log_density, factor, x, interval, depth)
        return sympy.exp(kernel.constant) * value if kernel.constant != 0 else value

    def _dispatch(
        self,
        terms: list[Term],
        kernel: Kernel,
        log_density: sympy.Expr,
        factor: sympy.Expr,
        x: sympy.Symbol,
        interval: Interval,
        depth: int,
    ) -> sympy.Expr:
        shape = structure(terms, x)
        # The constant of the kernel is put back by the caller: take it out of what is passed on.
        again = log_density - kernel.constant if kernel.constant != 0 else log_density

        def change(place: sympy.Expr, u: sympy.Symbol, new: Interval) -> sympy.Expr:
            jacobian = sympy.diff(place, u)
            swapped = absorb(factor.subs(x, place)) if factor.has(x) else factor
            if self._sign_inside(jacobian, u, new) < 0:
                jacobian = -jacobian
            swapped_log = again.subs(x, place)
            return self._integral(_straight(swapped_log) + sympy.log(jacobian), _straight(swapped), u, new, depth - 1)

        if shape.other:
            raise Declined(f"no change of variable straightens {next(iter(shape.other))}")
        if shape.exponentials and interval.key == HALF and self._even(log_density, factor, x):
            u = sympy.Dummy("u", real=True)
            return change(u, u, Interval(*LINE)) / 2
        try:
            special = planck(terms, x, interval, shape)
        except masters.Divergent:
            special = None
        if special is not None:
            return special
        if interval.lower.is_finite and interval.upper.is_finite:
            try:
                return sympy.Add(*(t.coefficient * self.terms.log_polynomial(t, x, interval) for t in terms))
            except Declined:
                pass
        if shape.exponentials:
            return self._exponential(shape, x, interval, change)
        if shape.logs:
            u = sympy.Dummy("u", real=True)
            return change(sympy.exp(u), u, Interval(*(_log_limit(e) for e in interval.key)))
        if interval.key == LINE:
            return self._line(terms, shape, again, factor, x, change, depth)
        if interval.lower == -S.Infinity:
            u = sympy.Dummy("u", positive=True)
            return change(interval.upper - u, u, Interval(*HALF))
        if interval.key in (HALF, UNIT, TAIL) or (interval.lower == 0 and self.sign(interval.upper) > 0):
            return self._positive_axis(terms, shape, x, interval, change)
        if interval.upper == S.Infinity:
            return self._ray(terms, shape, x, interval, change)
        return self._segment(terms, shape, again, factor, x, interval, change)

    def _even(self, log_density: sympy.Expr, factor: sympy.Expr, x: sympy.Symbol) -> bool:
        """Whether the integrand continues to the negative axis as an even function."""
        value = factor * sympy.exp(log_density)
        if value.has(sympy.log(x)):
            return False
        for place in (0.31, 0.77, 1.93):
            left, right = (self._at(value, x, s * place) for s in (-1, 1))
            if not abs(left - right) <= 1e-9 * abs(right):
                return False
        return True

    def _at(self, value: sympy.Expr, x: sympy.Symbol, place: float) -> float:
        return number(value, self.point | {x: sympy.Float(place)})

    def _sign_inside(self, expression: sympy.Expr, u: sympy.Symbol, interval: Interval) -> int:
        value = number(expression, self.point | {u: sympy.Float(self._inside(u, interval))})
        return -1 if value < 0 else 1

    def _split_at_kinks(
        self, log_density: sympy.Expr, factor: sympy.Expr, x: sympy.Symbol, interval: Interval, depth: int
    ) -> sympy.Expr:
        joint = sympy.Tuple(log_density, factor)
        kinks = list(dict.fromkeys(kinks_of(log_density, x) + kinks_of(factor, x)))
        lower, upper = (number(limit, self.point) for limit in interval.key)
        places = sorted(
            ((number(k, self.point), k) for k in kinks if lower < number(k, self.point) < upper), key=lambda p: p[0]
        )
        edges = [interval.lower, *(k for _, k in places), interval.upper]
        if not any(node.has(x) for node in joint.atoms(*KINKED)):
            places = []
        total = S.Zero
        for a, b in itertools.pairwise(edges):
            piece = Interval(a, b)
            at = self.point | {x: sympy.Float(self._inside(x, piece))}
            smooth_log, smooth = (smooth_branch(e, at) for e in (log_density, factor))
            if smooth_log.has(S.NegativeInfinity, S.ComplexInfinity, S.NaN):
                continue
            total += self._integral(smooth_log, smooth, x, piece, depth - 1)
        return total

    def _exponential(self, shape: Structure, x: sympy.Symbol, interval: Interval, change) -> sympy.Expr:
        """u = exp(g x^c) where exponentials stand inside bases or inside the exponent."""
        powers, rates = set(), []
        for argument in shape.exponentials:
            for term in sympy.Add.make_args(argument):
                rate, moving = term.as_independent(x, as_Add=False)
                if moving == 1:
                    continue
                base, power = moving.as_base_exp()
                if base != x or power.has(x):
                    raise Declined(f"exponential of {argument} inside the integrand")
                powers.add(power)
                rates.append(rate)
        if len(powers) != 1:
            raise Declined("exponentials of several powers")
        power = powers.pop()
        if power != 1:
            if interval.key != HALF:
                raise Declined("exponential of a power away from the half line")
            u = sympy.Dummy("u", positive=True)
            return change(u ** (1 / power), u, Interval(*HALF))
        unit = _common_unit(rates)
        if unit is None:
            raise Declined("exponentials with rates that are no multiples of one")
        if self.sign(unit) < 0:
            unit = -unit
        downwards = interval.lower.is_finite and interval.upper is S.Infinity
        u = sympy.Dummy("u", positive=True)
        rate = -unit if downwards else unit
        limits = [_limit_exp(rate, e) for e in interval.key]
        if downwards:
            limits.reverse()
        return change(sympy.log(u) / rate, u, Interval(*limits))

    def _line(
        self,
        terms: list[Term],
        shape: Structure,
        log_density: sympy.Expr,
        factor: sympy.Expr,
        x: sympy.Symbol,
        change,
        depth: int,
    ) -> sympy.Expr:
        if shape.powers <= {S.One, S(2)} and all(not t.bases - {x} for t in terms) and not any(t.log(x) for t in terms):
            total = S.Zero
            for t in terms:
                total += t.coefficient * self.terms.gaussian(t, x, *LINE)
            return total
        over_quadratic = self.terms.log_over_quadratic(terms, x)
        if over_quadratic is not None:
            return over_quadratic
        centre = self._centre(terms, x)
        u = sympy.Dummy("u", real=True)
        if centre != 0:
            return change(u + centre, u, Interval(*LINE))
        # Fold at the origin; where nothing is symmetric this just splits the line.
        u = sympy.Dummy("u", positive=True)
        right, left = _straight(log_density.subs(x, u)), _straight(log_density.subs(x, -u))
        ahead, behind = factor.subs(x, u), factor.subs(x, -u)
        half = Interval(*HALF)
        if sympy.expand(right - left) == 0:
            return self._integral(right, sympy.expand(ahead + behind), u, half, depth - 1)
        return self._integral(right, ahead, u, half, depth - 1) + self._integral(left, behind, u, half, depth - 1)

    def _centre(self, terms: list[Term], x: sympy.Symbol) -> sympy.Expr:
        """A centre of symmetry suggested by a quadratic base or by the two leading powers of the exponent."""
        candidates = [b for t in terms for b in t.bases if b != x] + [t.exponent for t in terms]
        for expression in candidates:
            if not expression.has(x) or not expression.is_polynomial(x):
                continue
            polynomial = sympy.Poly(expression, x)
            n = polynomial.degree()
            if n >= 2 and n % 2 == 0:
                return sympy.factor(-polynomial.coeff_monomial(x ** (n - 1)) / (n * polynomial.LC()))
        return S.Zero

    def _positive_axis(
        self, terms: list[Term], shape: Structure, x: sympy.Symbol, interval: Interval, change
    ) -> sympy.Expr:
        unit = _common_unit(sorted(shape.powers, key=sympy.default_sort_key))
        bounded = interval.upper != S.Infinity
        if shape.powers and unit is None:
            raise Declined(f"powers {sorted(map(str, shape.powers))} are no multiples of one")
        if shape.powers == {S(2), S.One} and not any(t.bases - {x} for t in terms):
            return sympy.Add(*(t.coefficient * self.terms.gaussian(t, x, *interval.key) for t in terms))
        polynomial = all(t.power(x).is_Integer and t.power(x) >= 0 and not t.log(x) for t in terms)
        if shape.powers == {S(2)} and bounded and polynomial and not any(t.bases - {x} for t in terms):
            return sympy.Add(*(t.coefficient * self.terms.gaussian(t, x, *interval.key) for t in terms))
        if unit is not None and unit != 1 and shape.powers:
            if unit.is_number and unit < 0 and not bounded and shape.powers == {S.NegativeOne, S.One}:
                unit = S.One
            if shape.powers != {S.One, S.NegativeOne}:
                sign = self.sign(unit)
                u = sympy.Dummy("u", positive=True)
                limits = [interval.lower, interval.upper**unit if bounded else interval.upper]
                if interval.lower != 0:
                    limits[0] = interval.lower**unit
                if sign < 0:
                    low, high = interval.key
                    limits = [
                        S.Zero if high is S.Infinity else high**unit,
                        S.Infinity if low == 0 else low**unit,
                    ]
                return change(u ** (1 / unit), u, Interval(*limits))
        if interval.key not in (HALF, UNIT, TAIL):
            u = sympy.Dummy("u", positive=True)
            return change(interval.upper * u, u, Interval(*UNIT))
        bases = set().union(*(t.bases for t in terms)) - {x}
        if interval.key == HALF:
            scale = _scale_of_bases(bases, x)
            if scale is not None and scale != 1:
                u = sympy.Dummy("u", positive=True)
                return change(u / scale, u, interval)
        return self._sum_masters(terms, x, interval, change)

    def _ray(self, terms: list[Term], shape: Structure, x: sympy.Symbol, interval: Interval, change) -> sympy.Expr:
        """(c, oo) with c not 0: shift, or scale by c."""
        c = interval.lower
        u = sympy.Dummy("u", positive=True)
        bases = set().union(*(t.bases for t in terms))
        at_edge = any(sympy.expand(b.subs(x, c)) == 0 for b in bases)

        def shifted() -> sympy.Expr:
            return change(u + c, u, Interval(*HALF))

        def scaled() -> sympy.Expr:
            if not c.is_positive:
                raise Declined("a ray from a number that may be negative")
            return change(c * u, u, Interval(*TAIL))

        if not bases and shape.powers <= {S.One, S(2)} and shape.powers >= {S(2)}:
            return sympy.Add(*(t.coefficient * self.terms.gaussian(t, x, *interval.key) for t in terms))
        routes = [shifted, scaled] if at_edge or x not in bases else [scaled, shifted]
        try:
            return routes[0]()
        except Declined:
            return routes[1]()

    def _segment(
        self,
        terms: list[Term],
        shape: Structure,
        log_density: sympy.Expr,
        factor: sympy.Expr,
        x: sympy.Symbol,
        interval: Interval,
        change,
    ) -> sympy.Expr:
        """A finite interval that does not start at the origin: elementary pieces, or shift it there."""
        a, b = interval.key
        bases = set().union(*(t.bases for t in terms))
        if bases <= {x} and shape.powers <= {S.One, S(2)} and not any(t.log(x) for t in terms):
            try:
                return sympy.Add(*(t.coefficient * self.terms.elementary(t, x, interval) for t in terms))
            except Declined:
                pass
        if bases == {x} and not shape.powers and self.sign(a) > 0:
            total = S.Zero
            for t in terms:
                u = sympy.Dummy("u", positive=True)
                s, k = t.power(x) + 1, t.log(x)
                primitive = power_log_primitive(s, k, u)
                total += t.coefficient * (primitive.subs(u, b) - primitive.subs(u, a))
            return total
        u = sympy.Dummy("u", positive=True)
        return change(a + (b - a) * u, u, Interval(*UNIT))

    def _sum_masters(self, terms: list[Term], x: sympy.Symbol, interval: Interval, change) -> sympy.Expr:
        try:
            return sympy.Add(*(t.coefficient * self.terms.master(t, x, interval) for t in terms))
        except masters.Divergent:
            pass
        # Terms that diverge alone: continue in the exponent and take the limit of the sum.
        eps = sympy.Dummy("epsilon", positive=True)
        self.point = self.point | {eps: sympy.Rational(1, 10**6)}
        total = sympy.Add(
            *(
                t.coefficient
                * self.terms.master(
                    Term(t.coefficient, t.powers | {x: t.power(x) + eps}, t.logs, t.exponent), x, interval
                )
                for t in terms
            )
        )
        value = sympy.limit(total, eps, 0)
        if value.has(sympy.Limit, S.Infinity, S.NegativeInfinity, S.NaN, S.ComplexInfinity, sympy.AccumBounds):
            raise Declined("the integral diverges")
        return value


def _straight(expression: sympy.Expr) -> sympy.Expr:
    return absorb(expression)


def _common_unit(values) -> sympy.Expr | None:
    """The largest u such that all values are integer multiples of u, or None."""
    values = [v for v in values if v != 0]
    if not values:
        return None
    first = values[0]
    ratios = [sympy.cancel(v / first) for v in values]
    if not all(r.is_Rational for r in ratios):
        return None
    denominator = sympy.ilcm(*(r.q for r in ratios)) if len(ratios) > 1 else ratios[0].q
    numerator = (
        sympy.igcd(*(int(r * denominator) for r in ratios)) if len(ratios) > 1 else abs(int(ratios[0] * denominator))
    )
    return first * sympy.Rational(numerator, denominator)


def _log_limit(limit: sympy.Expr) -> sympy.Expr:
    if limit == 0:
        return -S.Infinity
    return limit if limit.is_infinite else sympy.log(limit)


def _limit_exp(rate: sympy.Expr, limit: sympy.Expr) -> sympy.Expr:
    """exp(rate * limit); by construction the rate is positive, or negative on a ray that runs to the right."""
    if limit is S.Infinity:
        return S.Zero if rate.could_extract_minus_sign() else S.Infinity
    if limit is S.NegativeInfinity:
        return S.Infinity if rate.could_extract_minus_sign() else S.Zero
    return sympy.exp(rate * limit)


def _scale_of_bases(bases: set[sympy.Expr], x: sympy.Symbol) -> sympy.Expr | None:
    """q where the bases are 1 + q x, all with one q."""
    scales = set()
    for base in bases:
        if not base.is_polynomial(x) or sympy.degree(base, x) != 1:
            return None
        constant, slope = base.coeff(x, 0), base.coeff(x, 1)
        scales.add(sympy.cancel(slope / constant) if constant != 0 else S.Zero)
    return scales.pop() if len(scales) == 1 else None
