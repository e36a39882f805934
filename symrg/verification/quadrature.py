"""Rigorous integrals: `acb.integral` where the integrand is holomorphic, proven bounds for what is cut off.

An improper integral is cut at a distance where a majorant (see `majorant.py`) bounds the rest below the precision.
Next to an end at which the integrand isn't holomorphic, x = a + exp(-t) spreads the neighbourhood out; what lies
beyond the last t is bounded in the same way, with u = 1/(x - a).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import sympy as sp
from flint import acb, arb, ctx

from symrg.budget import Declined, check_time, uninterrupted
from symrg.verification.enclosure import Evaluate, Point, enclose
from symrg.verification.majorant import Majorant
from symrg.verification.oscillatory import Oscillation

EVALUATIONS = 30_000  # of the integrand in one piece
_KEPT = 200  # values of one integral
_SPARE = 30  # bits of the working precision that an integral may lose
_NAN = acb("nan", "nan")
_REACH = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 400, 600, 900, 1500, 2500, 5000)


def enclose_integral(node: sp.Integral) -> Evaluate:
    """The function that encloses a definite integral at a point.

    Raises:
        Declined: an indefinite integral, or an integrand without an enclosure.
    """
    function = sp.Integral(node.function, *node.limits[:-1]) if len(node.limits) > 1 else node.function
    limit = node.limits[-1]
    if len(limit) != 3:
        raise Declined("an indefinite integral is only defined up to a constant")
    variable, low, high = limit
    if low == high:
        return lambda point: acb(0)
    if high == -sp.oo or low == sp.oo:
        reverse = enclose_integral(sp.Integral(function, (variable, high, low)))
        return lambda point: -reverse(point)
    closed = _gaussian(function, variable) if (low, high) == (-sp.oo, sp.oo) else None
    if closed is not None:
        return closed
    pieces = _Pieces(function, variable)
    lower = None if low == -sp.oo else enclose(low)
    upper = None if high == sp.oo else enclose(high)
    free = sorted(node.free_symbols, key=str)
    known: dict[tuple[object, ...], acb] = {}  # a claim, its mutants and its corrections meet at the same points

    def value(point: Point) -> acb:
        if point.analytic or point.continued or not all(s in point.exact for s in free):
            return computed(point)
        key = (ctx.prec, *(point.exact[s] for s in free))
        if key not in known:
            if len(known) >= _KEPT:
                known.clear()
            known[key] = computed(point)
        return known[key]

    def computed(point: Point) -> acb:
        a = lower(point) if lower else None
        b = upper(point) if upper else None
        plain = Point(point.values, point.exact)
        if point.analytic and _moves(function, limit, point):
            plain = point
        return pieces.between(plain, a, b, low, high)

    return value


def gaussian_integral(integrand: sp.Expr, x: sp.Symbol) -> tuple[sp.Expr, sp.Expr] | None:
    """The integral over all x of a polynomial times exp(-a x^2 + b x + c), and a, where the integrand is one.

    With m = b/(2a): the sum of p_k times the k-th moment about 0 of a Gaussian, sqrt(pi/a) exp(b^2/(4a) + c) in
    front. It holds where Re a > 0.
    """
    exponentials = [f for f in sp.Mul.make_args(integrand) if isinstance(f, sp.exp) and f.has(x)]
    rest = sp.Mul(*[f for f in sp.Mul.make_args(integrand) if f not in exponentials])
    exponent = sp.expand(sum((f.args[0] for f in exponentials), sp.Integer(0)))
    if not exponentials or not exponent.is_polynomial(x) or not rest.is_polynomial(x):
        return None
    if sp.degree(exponent, x) != 2 or sp.degree(rest, x) > 30:
        return None
    a, b, c = -exponent.coeff(x, 2), exponent.coeff(x, 1), exponent.coeff(x, 0)
    mean = b / (2 * a)
    moments = [sp.Integer(1), mean]
    powers = sp.Poly(rest, x).all_coeffs()[::-1]
    for k in range(2, len(powers)):
        moments.append(mean * moments[-1] + (k - 1) / (2 * a) * moments[-2])
    total = sum((p * m for p, m in zip(powers, moments)), sp.Integer(0))
    return sp.sqrt(sp.pi) / sp.sqrt(a) * sp.exp(b**2 / (4 * a) + c) * total, a


def _gaussian(integrand: sp.Expr | sp.Integral, x: sp.Symbol) -> Evaluate | None:
    found = gaussian_integral(integrand, x) if not integrand.has(sp.Integral) else None
    if found is None:
        return None
    formula, width = enclose(found[0]), enclose(found[1])
    return lambda point: formula(point) if width(point).real > 0 else _NAN


def _moves(function: sp.Expr, limit: sp.Tuple, point: Point) -> bool:
    """Whether the integral depends on what an outer integral integrates over."""
    free = (function.free_symbols - {limit[0]}) | limit[1].free_symbols | limit[2].free_symbols
    return any(s not in point.exact for s in free)


class _Pieces:
    """One integrand, compiled, with its forms near an end and far out."""

    def __init__(self, integrand: sp.Expr, variable: sp.Symbol):
        if isinstance(integrand, sp.Integral) and len(integrand.limits) == 1:
            inner, low, high = integrand.limits[0]
            found = gaussian_integral(integrand.function, inner) if (low, high) == (-sp.oo, sp.oo) else None
            if found is not None and (found[1].is_positive or not found[1].free_symbols):
                integrand = found[0] if found[1].is_positive else integrand
        self.integrand, self.variable = integrand, variable
        self.function = enclose(integrand)
        self.u = sp.Dummy("u", positive=True)
        self.s = sp.Dummy("s", positive=True)
        self.t = sp.Dummy("t", real=True)
        self.forms: dict[sp.Expr, sp.Expr] = {}
        self.spreads: dict[tuple[sp.Expr, int], Evaluate] = {}
        self.inversions: dict[int, Evaluate | None] = {}
        self.oscillations: dict[int, Oscillation | None] = {}

    def between(self, point: Point, a: acb | None, b: acb | None, low: sp.Expr, high: sp.Expr) -> acb:
        """The integral from a to b, None for the infinite ends."""
        if (a is not None and not a.is_finite()) or (b is not None and not b.is_finite()):
            return _NAN
        marks = self.breaks(point, a, b)
        if a is None and b is None:
            middle = marks or [sp.Integer(0)]
        elif a is None or b is None:
            middle = marks or ([sp.ceiling(_round(a if b is None else b)) + (1 if b is None else -1)])
        else:
            if not (a.imag.is_zero() and b.imag.is_zero()):
                return self.plain(point, a, b)
            if not (a.real < b.real or b.real < a.real):
                return self.plain(point, a, b)
            if b.real < a.real:
                return -self.between(point, b, a, high, low)
            middle = marks
        ends: list[tuple[acb | None, sp.Expr]] = [(a, low)]
        ends += [(_ball(m), m) for m in middle]
        ends.append((b, high))
        total = acb(0)
        for (left, l_name), (right, r_name) in itertools.pairwise(ends):
            if not total.is_finite():
                return total
            if left is None:
                total += self.outward(point, right, r_name, -1)
            elif right is None:
                total += self.outward(point, left, l_name, 1)
            else:
                total += self.finite(point, left, right, l_name, r_name)
        return total

    def breaks(self, point: Point, a: acb | None, b: acb | None) -> list[sp.Rational]:
        """Places inside at which the integrand changes its form; missing one costs time, not truth."""
        from symrg.verification.points import changes_of_form, zeros

        exact = point.exact
        found: set[sp.Rational] = set()
        for place in changes_of_form([self.integrand]):
            if isinstance(place, sp.floor):
                place = place.args[0]
                if a is not None and b is not None and place.free_symbols <= {self.variable, *exact}:
                    found |= self.jumps(place, exact, a, b)
                continue
            if self.variable in place.free_symbols and place.free_symbols <= {self.variable, *exact}:
                found |= set(zeros(place, self.variable, dict(exact)))
        inside = []
        for mark in sorted(found):
            ball = _ball(mark).real
            if (a is None or a.real < ball) and (b is None or ball < b.real):
                inside.append(mark)
        return inside[:60]

    def jumps(self, inner: sp.Expr, exact: dict[sp.Basic, sp.Expr], a: acb, b: acb) -> set[sp.Rational]:
        from symrg.verification.points import zeros

        try:
            low, high = sorted(int(_round(enclose(inner)(Point({self.variable: e, **_balls(exact)})))) for e in (a, b))
        except (TypeError, ValueError):
            return set()
        if high - low > 40:
            return set()
        return {z for n in range(low, high + 2) for z in zeros(inner - n, self.variable, dict(exact))}

    def at(self, point: Point, function: Evaluate, symbol: sp.Symbol) -> Callable[[acb, bool], acb]:
        """The integrand as flint calls it."""

        def value(x: acb, analytic: bool) -> acb:
            return function(point.with_values({symbol: x}, analytic=bool(analytic) or point.analytic, continued=True))

        return value

    def integral(self, value: Callable[[acb, bool], acb], a: acb, b: acb) -> acb:
        tolerance = arb(2) ** (_SPARE - ctx.prec)
        count = itertools.count(1)
        raised: list[BaseException] = []

        def guarded(x: acb, analytic: bool) -> acb:  # no exception may cross the frames of the C library
            if raised:
                return _NAN
            try:
                if not next(count) % 32:
                    check_time()
                return value(x, analytic)
            except BaseException as error:
                raised.append(error)
                return _NAN

        with uninterrupted():
            found = acb.integral(guarded, a, b, rel_tol=tolerance, abs_tol=tolerance, eval_limit=EVALUATIONS)
        if raised:
            raise raised[0]
        return found

    def plain(self, point: Point, a: acb, b: acb) -> acb:
        """The integral without a change of variables."""
        return self.integral(self.at(point, self.function, self.variable), a, b)

    def regular(self, point: Point, end: acb) -> bool:
        """Whether the integrand is holomorphic around an end."""
        radius = arb(0, arb(2) ** -20)
        around = end + acb(radius, radius)
        try:
            return bool(
                self.function(point.with_values({self.variable: around}, analytic=True, continued=True)).is_finite()
            )
        except (ValueError, ZeroDivisionError):
            return False

    def finite(self, point: Point, a: acb, b: acb, low: sp.Expr, high: sp.Expr) -> acb:
        smooth = self.regular(point, a), self.regular(point, b)
        if all(smooth):
            return self.plain(point, a, b)
        middle = (a + b) / 2
        middle = acb(middle.real.mid())
        parts = []
        for end, name, fine, sign in ((a, low, smooth[0], 1), (b, high, smooth[1], -1)):
            if fine:
                parts.append(self.plain(point, a, middle) if sign > 0 else self.plain(point, middle, b))
            else:
                parts.append(self.inward(point, end, name, (middle - end) * sign, sign))
        return parts[0] + parts[1]

    def form(self, replacement: sp.Expr) -> sp.Expr:
        """The integrand with the variable replaced, differences of its ends cancelled."""
        if replacement not in self.forms:
            new = self.integrand.subs(self.variable, replacement)
            for node in list(new.atoms(sp.Pow, sp.log, sp.Abs)):
                inner = node.args[0]
                if isinstance(inner, sp.Add | sp.Mul) and sp.count_ops(inner) < 60:
                    expanded = sp.factor_terms(sp.expand(inner))
                    if expanded != inner:
                        new = new.subs(inner, expanded)
            self.forms[replacement] = new
        return self.forms[replacement]

    def inward(self, point: Point, end: acb, name: sp.Expr, width: acb, sign: int) -> acb:
        """From an end that isn't regular, over `width`: x = end + sign exp(-t), with a bound on what is beyond."""
        near = self.form(name + sign * self.s)
        power = ctx.prec
        strip = acb(arb(0).union(arb(2) ** -power))
        ball = self.function(point.with_values({self.variable: end + sign * strip}, continued=True))
        if ball.is_finite():
            reach = arb(2) ** power
            radius = arb(0, (ball.abs_upper() / reach).upper())
            rest = acb(radius, radius)
        else:
            far = self.form(name + sign / self.u) / self.u**2
            rest, reach = self.rest(point, _for_bounds(far), 2 / width.real)
        value = self.at(point, self.spread(near, self.s, -1), self.t)
        return self.integral(value, -(width.log()), acb(reach.log())) + rest

    def spread(self, form: sp.Expr, symbol: sp.Symbol, sign: int) -> Evaluate:
        """The integrand in t for symbol = exp(sign t), with powers and logarithms of the symbol resolved."""
        if (form, sign) not in self.spreads:
            open_powers = sp.expand_power_base(sp.expand_log(form))
            new = open_powers.subs(symbol, sp.exp(sign * self.t)) * sp.exp(sign * self.t)
            self.spreads[form, sign] = enclose(sp.powsimp(new, combine="exp"))
        return self.spreads[form, sign]

    def outward(self, point: Point, end: acb, name: sp.Expr, sign: int) -> acb:
        """From an end to infinity."""
        oscillation = self.oscillation(sign)
        if oscillation is not None:
            try:
                return self.oscillating(point, oscillation, end, name, sign)
            except Declined:
                pass  # it may fall off fast enough
        far = self.form(sign * self.u)
        first = acb((arb(4).max(2 * abs(end.real))).mid())
        knee = sign * _exact(first.real)
        inner = self.inverted(sign)
        if inner is not None:
            near = (
                self.finite(point, end, first, name, knee) if sign > 0 else self.finite(point, -first, end, knee, name)
            )
            zero = point.with_values(
                {self.u: acb(arb(0, arb(1) / 64), arb(0, arb(1) / 64))}, analytic=True, continued=True
            )
            if inner(zero).is_finite():
                return near + self.integral(self.at(point, inner, self.u), acb(0), 1 / first)
        rest, reach = self.rest(point, _for_bounds(far), arb(2).max(sign * 2 * end.real))
        if reach < 600:
            stop = acb(reach) * sign
            far_end = sign * _exact(reach)
            pair = (end, stop, name, far_end) if sign > 0 else (stop, end, far_end, name)
            return self.finite(point, *pair) + rest
        if inner is None:
            near = (
                self.finite(point, end, first, name, knee) if sign > 0 else self.finite(point, -first, end, knee, name)
            )
        value = self.at(point, self.spread(far, self.u, 1), self.t)
        return near + self.integral(value, first.log(), acb(reach.log())) + rest

    def oscillation(self, sign: int) -> Oscillation | None:
        """The integrand as oscillating terms, where it is a sum of such."""
        if sign not in self.oscillations:
            try:
                outwards = self.integrand.xreplace({self.variable: sign * self.u})
                self.oscillations[sign] = Oscillation(outwards, self.u)
            except (Declined, sp.PolynomialError):
                self.oscillations[sign] = None
        return self.oscillations[sign]

    def oscillating(self, point: Point, waves: Oscillation, end: acb, name: sp.Expr, sign: int) -> acb:
        """From an end to infinity, the path turned where nothing is in the way."""
        least = abs(end.real).upper().ceil().unique_fmpz()
        if least is None:
            raise Declined("the end isn't known")
        start = waves.reach(point, int(least) + 1)
        rest = waves.tail(point, start)
        if not rest.is_finite():
            raise Declined("the turned tail isn't finite")
        stop, knee = acb(sign * start), sp.Integer(sign * start)
        near = self.finite(point, end, stop, name, knee) if sign > 0 else self.finite(point, stop, end, knee, name)
        return near + rest

    def inverted(self, sign: int) -> Evaluate | None:
        """The integrand in u = 1/x for an algebraic one, which may be holomorphic at u = 0."""
        if sign not in self.inversions:
            found = None
            if not self.integrand.has(sp.exp, sp.Abs, sp.Piecewise, sp.floor, sp.Integral) or not any(
                e.has(self.variable) for e in self.integrand.atoms(sp.exp)
            ):
                form = self.form(sign / self.u) / self.u**2
                bases = {p.base for p in form.atoms(sp.Pow) if isinstance(p.base, sp.Add) and p.base.has(self.u)}
                form = form.xreplace({b: sp.factor_terms(sp.together(b)) for b in bases})
                form = sp.powsimp(sp.expand_power_base(form))
                found = enclose(sp.cancel(form) if form.is_rational_function(self.u) else form)
            self.inversions[sign] = found
        return self.inversions[sign]

    def rest(self, point: Point, expr: sp.Expr, least: arb) -> tuple[acb, arb]:
        """A ball that holds the integral of `expr` in u from some number to infinity, and that number."""
        goal = arb(2) ** (_SPARE - ctx.prec)
        reason = "the tail isn't bounded"
        for power in _REACH:
            start = arb(2) ** power
            if not start >= least:
                continue
            majorant = Majorant(self.u, point, start)
            try:
                bound = majorant.tail(majorant.upper(majorant.resolved(expr)))
            except Declined as declined:
                reason = str(declined)
                continue
            if bound < goal:
                radius = arb(0, bound.upper())
                return acb(radius, radius), start
        raise Declined(reason)


def _exact(number: arb) -> sp.Rational:
    """The number that is the middle of a ball, which is m 2^e."""
    m, e = number.mid().man_exp()
    return sp.Integer(int(m)) * sp.Integer(2) ** int(e)


def _for_bounds(expr: sp.Expr) -> sp.Expr:
    """Hyperbolic functions as exponentials, which the majorant knows."""
    hyperbolic = (sp.sinh, sp.cosh, sp.tanh, sp.coth, sp.sech, sp.csch)
    return sp.expand_power_base(expr.rewrite(sp.exp) if expr.has(*hyperbolic) else expr)


def _ball(value: sp.Rational) -> acb:
    from symrg.verification.enclosure import constant

    return constant(value)


def _balls(exact: dict[sp.Basic, sp.Expr]) -> dict[sp.Basic, acb]:
    return {s: _ball(v) for s, v in exact.items()}


def _round(ball: acb) -> sp.Integer:
    n = ball.real.mid().floor().unique_fmpz()
    if n is None:
        raise ValueError("not a finite end")
    return sp.Integer(int(n))
