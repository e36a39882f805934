"""Proven bounds on a function of x >= A, as sums of K x^p exp(sum of c x^q): they bound tails of integrals.

`upper` bounds |f| from above and `lower` from below, for real x >= A >= 1, by recursion over the expression with
ball arithmetic for everything that doesn't contain x. What can't be bounded is declined.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp
from flint import acb, arb

from symrg.budget import Declined
from symrg.verification.enclosure import Point, enclose, rational

_MOST = 120  # terms of a bound
_DELTA = sp.Rational(1, 16)  # |log x| <= x^delta / delta


@dataclass(frozen=True)
class Term:
    """K x^p exp(sum of c x^q) on x >= A, with `rates` the pairs (q, c), q > 0."""

    size: arb
    power: arb
    rates: tuple[tuple[sp.Rational, arb], ...] = ()

    def __mul__(self, other: Term) -> Term:
        rates = dict(self.rates)
        for q, c in other.rates:
            rates[q] = rates.get(q, arb(0)) + c
        return Term(self.size * other.size, self.power + other.power, tuple(sorted(rates.items())))

    def raised(self, n: arb) -> Term:
        """The term to a real power."""
        if self.size == 0:
            return self
        return Term(self.size**n, self.power * n, tuple((q, c * n) for q, c in self.rates))


Bound = tuple[Term, ...]


class Majorant:
    """Bounds for expressions in one variable, at a point and beyond a number.

    Args:
        variable: the symbol x, real and positive.
        point: balls of all other symbols.
        start: A, at least 1.
    """

    def __init__(self, variable: sp.Symbol, point: Point, start: arb):
        self.x, self.point, self.start = variable, point, start

    def constant(self, expr: sp.Expr) -> acb:
        """The ball of a part without x."""
        value = enclose(expr)(self.point)
        if not value.is_finite():
            raise Declined(f"{str(expr)[:60]} has no finite value")
        return value

    def number(self, expr: sp.Expr) -> sp.Rational:
        """An exponent that must be known exactly."""
        value = expr.xreplace(self.point.exact)
        if not value.is_Rational:
            raise Declined(f"the exponent {str(expr)[:60]} isn't a rational number here")
        return value

    def upper(self, expr: sp.Expr) -> Bound:
        """Terms whose sum bounds |expr| from above."""
        if not expr.has(self.x):
            return (Term(self.constant(expr).abs_upper(), arb(0)),)
        if expr == self.x:
            return (Term(arb(1), arb(1)),)
        if isinstance(expr, sp.Add):
            small = self.small_sum(expr)
            if small is not None:
                return small
            return _few(tuple(t for a in expr.args for t in self.upper(a)))
        if isinstance(expr, sp.Mul):
            total: Bound = (Term(arb(1), arb(0)),)
            for factor in expr.args:
                total = _few(tuple(s * t for s in total for t in self.upper(factor)))
            return total
        if isinstance(expr, sp.exp) or (isinstance(expr, sp.Pow) and expr.base == sp.E):
            return (self.exponential(expr.exp, 1),)
        if isinstance(expr, sp.Pow):
            return self.power(expr)
        return self.function(expr)

    def power(self, expr: sp.Pow) -> Bound:
        """Bounds of a power."""
        base, exponent = expr.base, expr.exp
        if exponent.has(self.x):
            if base.is_positive or (base.is_real and not base.has(self.x)):
                return (self.exponential(exponent * sp.log(base), 1),)
            raise Declined(f"no bound for the power {str(expr)[:60]}")
        w = self.constant(exponent)
        turn = (w.imag.abs_upper() * arb.pi()).exp() if not w.imag.is_zero() else arb(1)
        r = w.real
        if base == self.x:
            return (Term(arb(1), r),)
        if r < 0:
            found = self.lower(base).raised(r)
            return (Term(found.size * turn, found.power, found.rates),)
        terms = self.upper(base)
        if len(terms) == 1:
            found = terms[0].raised(r)
            return (Term(found.size * turn, found.power, found.rates),)
        if exponent.is_Integer and 0 <= int(exponent) <= 12:
            total: Bound = (Term(arb(1), arb(0)),)
            for _ in range(int(exponent)):
                total = _few(tuple(s * t for s in total for t in terms))
            return total
        count = arb(len(terms))
        scale = count ** (r - 1) if r > 1 else arb(1)  # (a + b)^r <= n^(r-1) (a^r + b^r), or a^r + b^r for r <= 1
        return tuple(Term(t.raised(r).size * scale * turn, t.raised(r).power, t.raised(r).rates) for t in terms)

    def small_sum(self, expr: sp.Add) -> Bound | None:
        """exp(g) - 1 and 1 - cos(g) where g goes to 0, which the triangle inequality bounds too badly."""
        if len(expr.args) != 2:
            return None
        for one, other in (expr.args, expr.args[::-1]):
            if one not in (1, -1):
                continue
            sign, inner = (1, other) if not other.could_extract_minus_sign() else (-1, -other)
            if one == -sign and isinstance(inner, sp.exp):
                return self.vanishing(inner.args[0], 1)
            if one == -sign and isinstance(inner, sp.cos):
                return self.vanishing(inner.args[0], 2)
        return None

    def vanishing(self, argument: sp.Expr, order: int) -> Bound | None:
        """|g|^order exp(|g|) for an argument that is bounded."""
        terms = self.upper(argument)
        if any(t.rates or not t.power <= 0 for t in terms):
            return None
        size = sum((t.size * self.start**t.power for t in terms), arb(0))
        total: Bound = (Term(size.exp().upper(), arb(0)),)
        for _ in range(order):
            total = tuple(s * t for s in total for t in terms)
        return total

    def exponential(self, exponent: sp.Expr, sign: int) -> Term:
        """exp of the real part of the exponent: from above for sign 1, from below for sign -1."""
        size, power = arb(0), arb(0)
        rates: dict[sp.Rational, arb] = {}
        for term in sp.Add.make_args(sp.expand_log(sp.expand(exponent))):
            coefficient, rest = term.as_independent(self.x, as_Add=False)
            c = self.constant(coefficient).real
            if rest == 1:
                size += c
            elif rest == sp.log(self.x):
                power += c
            elif rest == self.x or (isinstance(rest, sp.Pow) and rest.base == self.x and not rest.exp.has(self.x)):
                q = self.number(rest.as_base_exp()[1])
                if q > 0:
                    rates[q] = rates.get(q, arb(0)) + c
                else:
                    size += sign * c.abs_upper() * self.start ** rational(q)
            else:
                sunk = self.sinking(c, rest) if sign > 0 else None
                if sunk is not None:
                    for q, d in sunk:
                        rates[q] = rates.get(q, arb(0)) + d
                    continue
                bound = self.upper(term)
                if any(t.rates or not t.power <= 0 for t in bound):
                    raise Declined(f"no bound for exp({str(term)[:60]})")
                size += sign * sum((t.size * self.start**t.power for t in bound), arb(0))
        value = size.exp()
        return Term(value.upper() if sign > 0 else value.lower(), power, tuple(sorted(rates.items())))

    def sinking(self, c: arb, rest: sp.Expr) -> list[tuple[sp.Rational, arb]] | None:
        """Rates that bound c * rest from above where c < 0 and rest is positive, e^(a x^q) >= (a x^q)^2 / 2."""
        if not (c < 0 and rest.is_positive):
            return None
        if isinstance(rest, sp.exp):
            below = self.lower(rest)
            rising = [(q, d) for q, d in below.rates if not d.is_zero()]
            if len(rising) == 1 and rising[0][1] > 0 and below.power.is_zero():
                q, d = rising[0]
                return [(2 * q, (c * below.size * d**2 / 2).upper())]
        return []

    def resolved(self, expr: sp.Expr) -> sp.Expr:
        """The expression with absolute values, signs, steps and cases decided, as they are from A on."""
        decided: dict[sp.Expr, sp.Expr] = {}
        for node in sp.postorder_traversal(expr):
            if isinstance(node, sp.Abs | sp.sign | sp.Heaviside) and node.args[0].has(self.x):
                sign = self.sign(node.args[0])
                if sign is not None:
                    values = {sp.Abs: sign * node.args[0], sp.sign: sp.Integer(sign)}
                    decided[node] = values.get(type(node), sp.Integer((1 + sign) // 2))
            elif isinstance(node, sp.Max | sp.Min) and len(node.args) == 2:
                sign = self.sign(node.args[0] - node.args[1])
                if sign is not None:
                    decided[node] = node.args[0] if (sign > 0) == isinstance(node, sp.Max) else node.args[1]
            elif isinstance(node, sp.Piecewise):
                chosen = self.branch(node)
                if chosen is not None:
                    decided[node] = chosen
        return expr.xreplace(decided) if decided else expr

    def branch(self, node: sp.Piecewise) -> sp.Expr | None:
        """The case that applies from A on, None where that isn't known."""
        for value, condition in node.args:
            if condition == sp.true:
                return value
            if not isinstance(condition, sp.Gt | sp.Ge | sp.Lt | sp.Le):
                return None
            sign = self.sign(condition.lhs - condition.rhs)
            if sign is None:
                return None
            if (sign > 0) == isinstance(condition, sp.Gt | sp.Ge):
                return value
        return None

    def sign(self, expr: sp.Expr) -> int | None:
        """The sign of a real expression from A on, None where it isn't known."""
        if not expr.is_extended_real:
            return None
        try:
            self.lower(expr)  # it has no zero
            value = enclose(expr)(self.point.with_values({self.x: acb(self.start)})).real
        except Declined:
            return None
        return 1 if value > 0 else -1 if value < 0 else None

    def lower(self, expr: sp.Expr) -> Term:
        """A term that bounds |expr| from below, with a positive size."""
        if not expr.has(self.x):
            size = self.constant(expr).abs_lower()
            if not size > 0:
                raise Declined(f"{str(expr)[:60]} may vanish")
            return Term(size, arb(0))
        if expr == self.x:
            return Term(arb(1), arb(1))
        if isinstance(expr, sp.Mul):
            total = Term(arb(1), arb(0))
            for factor in expr.args:
                total = total * self.lower(factor)
            return total
        if isinstance(expr, sp.exp):
            return self.exponential(expr.args[0], -1)
        if isinstance(expr, sp.Pow) and not expr.exp.has(self.x):
            w = self.constant(expr.exp)
            if not w.imag.is_zero():
                raise Declined("a complex power in a denominator")
            if w.real >= 0:
                return self.lower(expr.base).raised(w.real)
            terms = self.upper(expr.base)
            if len(terms) == 1:
                return terms[0].raised(w.real)
        if isinstance(expr, sp.Abs):
            return self.lower(expr.args[0])
        if isinstance(expr, sp.sin | sp.tan | sp.sinh):
            return self.near_zero(expr.args[0])
        if isinstance(expr, sp.cos) and expr.args[0].is_extended_real:
            size = self.small(expr.args[0])
            if size is not None and size < 1:
                return Term((1 - size**2 / 2).lower(), arb(0))
        if isinstance(expr, sp.Add) and len(expr.args) == 2:
            for one, other in (expr.args, expr.args[::-1]):
                if abs(one) == 1 and isinstance(other * -one, sp.exp):
                    return self.near_zero((other * -one).args[0], growing=True)
        expanded = sp.expand(expr)
        if isinstance(expanded, sp.Add):
            return self.dominant(expanded)
        raise Declined(f"no lower bound for {str(expr)[:60]}")

    def small(self, argument: sp.Expr) -> arb | None:
        """A bound on |argument| from A on, None where it isn't bounded."""
        terms = self.upper(argument)
        if any(t.rates or not t.power <= 0 for t in terms):
            return None
        return sum((t.size * self.start**t.power for t in terms), arb(0)).upper()

    def near_zero(self, argument: sp.Expr, growing: bool = False) -> Term:
        """|sin g|, |tan g|, |sinh g| and |exp(g) - 1| are at least |g| (1 - |g|) for |g| < 1."""
        size = self.small(argument)
        if size is None or not size < 1:
            if growing and argument.is_extended_real:
                growth = self.lower(sp.exp(argument))
                if growth.rates and all(c >= 0 for _, c in growth.rates) and self.value(growth) > 2:
                    return Term((growth.size / 2).lower(), growth.power, growth.rates)  # exp(g) - 1 >= exp(g) / 2
            raise Declined(f"no lower bound in {str(argument)[:60]}")
        found = self.lower(argument)
        return Term((found.size * (1 - size)).lower(), found.power, found.rates)

    def dominant(self, expr: sp.Add) -> Term:
        """One summand minus what the others can take from it."""
        for leading in expr.args:
            try:
                best = self.lower(leading)
                left = arb(1)
                for other in expr.args:
                    if other is leading:
                        continue
                    for t in self.upper(other):
                        ratio = t * best.raised(arb(-1))
                        if not self.falling(ratio):
                            raise Declined("not the leading term")
                        left -= self.value(ratio)
            except Declined:
                continue
            if left > 0:
                return Term((best.size * left).lower(), best.power, best.rates)
        raise Declined(f"no lower bound for {str(expr)[:60]}")

    def value(self, term: Term) -> arb:
        """The term at x = A."""
        a = self.start
        rate = sum((c * a ** rational(q) for q, c in term.rates), arb(0))
        return (term.size * a**term.power * rate.exp()).upper()

    def falling(self, term: Term) -> bool:
        """Whether the term decreases, or stays, from A on."""
        return self.decay(term, arb(0)) is not None

    def decay(self, term: Term, extra: arb) -> tuple[sp.Rational, arb] | None:
        """(q, theta) with x d/dx ln(x^extra term) <= -theta x^q from A on, theta >= 0; None where none is shown."""
        slope = [(q, q_c) for q, c in term.rates if not (q_c := c * rational(q)).is_zero()]
        power = term.power + extra
        if not slope:
            return (sp.Integer(0), (-power).lower()) if power <= 0 else None
        q, c = slope[-1]
        if not c < 0:
            return None
        a = self.start
        rest = power.max(arb(0)).upper() + sum(
            ((d.max(arb(0)) * a ** rational(r)).upper() for r, d in slope[:-1]), arb(0)
        )
        theta = -c - rest / a ** rational(q)
        return (q, theta.lower()) if theta >= 0 else None

    def tail(self, bound: Bound) -> arb:
        """A bound on the integral of the bound from A to infinity.

        Raises:
            Declined: it isn't shown to be finite.
        """
        total = arb(0)
        for term in bound:
            if term.size == 0:
                continue
            slope = [q for q, c in term.rates if not c.is_zero()]
            q = slope[-1] if slope else sp.Integer(0)
            extra = 1 - arb(rational(q))
            found = self.decay(term, extra)
            if found is None or not found[1] > 0:
                raise Declined("the tail of the integrand isn't shown to be integrable")
            total += self.value(term) * self.start**extra / found[1]
        return total.upper()

    def function(self, expr: sp.Expr) -> Bound:
        """Bounds of named functions, mostly for real arguments."""
        argument = expr.args[0] if expr.args else expr
        if isinstance(expr, sp.Abs | sp.conjugate | sp.re | sp.im):
            return self.upper(argument)
        if isinstance(expr, sp.Piecewise):
            return _few(tuple(t for value, _ in expr.args for t in self.upper(value)))
        if isinstance(expr, sp.Max | sp.Min):
            return _few(tuple(t for value in expr.args for t in self.upper(value)))
        if isinstance(expr, sp.log):
            return self.logarithm(argument)
        if isinstance(expr, sp.sign | sp.frac):
            return (Term(arb(1), arb(0)),)
        if isinstance(expr, sp.floor | sp.ceiling):
            return _few((*self.upper(argument), Term(arb(1), arb(0))))
        if isinstance(expr, sp.erfc) and argument.is_real:
            if argument.is_positive:
                return (self.exponential(-(argument**2), 1),)
            return (Term(arb(2), arb(0)),)
        if argument.is_real:
            if isinstance(expr, sp.sin):
                small = self.vanishing(argument, 1)
                if small is not None:
                    return small
            if isinstance(expr, sp.sin | sp.cos | sp.tanh | sp.erf | sp.Heaviside):
                return (Term(arb(1), arb(0)),)
            if isinstance(expr, sp.atan | sp.acot):
                return (Term(arb(2), arb(0)),)
        if isinstance(expr, sp.besselj) and expr.args[0].is_integer and expr.args[1].is_real:
            return (Term(arb(1), arb(0)),)
        raise Declined(f"no bound is known for {type(expr).__name__} far out")

    def logarithm(self, argument: sp.Expr) -> Bound:
        """|log z| <= |log |z|| + pi, with |z| between its bounds."""
        if argument == self.x:
            return (Term(arb(1) / rational(_DELTA), arb(rational(_DELTA))),)
        if isinstance(argument, sp.Add) and argument.args[0] == 1:
            rest = argument - 1
            size = self.small(rest)
            if size is not None and size < 1:  # |log(1 + g)| <= |g| / (1 - |g|)
                factor = Term((1 / (1 - size)).upper(), arb(0))
                return tuple(factor * t for t in self.upper(rest))
        real = argument.is_positive
        terms: list[Term] = [] if real else [Term(arb(4), arb(0))]
        above, below = self.upper(argument), self.lower(argument)
        joined = Term(
            sum((t.size for t in above), arb(0)).max(arb(1)),
            max((t.power for t in above), key=lambda p: float(p.mid())).max(arb(0)),
            tuple((q, c.max(arb(0))) for t in above for q, c in t.rates),
        )
        for term in (joined, below):
            terms.append(Term(term.size.log().abs_upper(), arb(0)))
            terms.append(Term(term.power.abs_upper() / rational(_DELTA), arb(rational(_DELTA))))
            terms += [Term(c.abs_upper(), arb(rational(q))) for q, c in term.rates]
        return tuple(terms)


def _few(bound: Bound) -> Bound:
    if len(bound) > _MOST:
        raise Declined("the bound has too many terms")
    return bound
