"""The rigorous numeric witness: the two sides in ball arithmetic at points drawn inside the claim's domain.

A ball around the difference of the sides that excludes 0 refutes the claim: that is a proof, and the point is the
counter-example. A ball that holds 0 with a radius below 1e-50, relative to the sides where these are small, agrees;
agreement at points makes a claim likely and doesn't prove it. The radius demanded shrinks with the numbers that the
claim contains, and at some points the precision is raised far beyond, so that a difference of 1e-300 is seen too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import sympy as sp
from flint import acb, arb, ctx

from symrg.budget import Budget, Declined, OutOfTime, within
from symrg.verification import asymptotics
from symrg.verification.enclosure import Evaluate, at, enclose
from symrg.verification.instances import instances
from symrg.verification.places import changes_of_form, single_values
from symrg.verification.points import Domain, Values, precision, unmet
from symrg.verification.reading import Reading, evaluated
from symrg.verification.search import worst_points
from symrg.verification.witness import Evidence, Outcome, shown, undecided

DIGITS = 50
_LADDER = (256, 420, 900, 2000, 4500, 10_000)
_DEEP = 3500  # bits: differences of 1e-1000 are seen
_DEEP_INTEGRAL = 1000
_PLAIN = 1000  # numbers up to which an expression is simplified
_HARD = (sp.Integral, sp.Sum, sp.Product)


@dataclass(frozen=True)
class BallWitness:
    """Ball arithmetic at random points.

    Args:
        count: points in the bulk and near edges, besides those where a side changes its form.
        seed: of the random numbers.
    """

    count: int = 26
    seed: int = 20250410
    name: str = "ball arithmetic"
    kind: str = "ball"

    def examine(self, reading: Reading, budget: Budget) -> Evidence:
        """Enclose both sides at points of the domain; see the module."""
        try:
            return within(budget.remaining + 1.5, self._examine, reading, budget)
        except OutOfTime:
            return undecided(self, "out of time before enough points were checked")
        except Declined as reason:
            return undecided(self, str(reason))
        except RecursionError:
            return undecided(self, "the expression is nested too deeply")

    def _examine(self, reading: Reading, budget: Budget) -> Evidence:
        concrete_already = not reading.functions and not reading.noncommuting
        if reading.claim.order is not None and concrete_already:
            return asymptotics.examine(self, reading, budget)
        if concrete_already:
            return self._at_points(reading, budget, "")
        checks: list[str] = []
        reasons: list[str] = []
        record: dict[str, Any] = {"seed": self.seed, "instances": []}
        for text, concrete in instances(reading, self.seed):
            try:
                if reading.claim.order is not None:
                    found = asymptotics.examine(self, concrete, budget)
                else:
                    found = self._at_points(concrete, budget, f"with {text}: ")
            except Declined as reason:
                reasons.append(str(reason))
                continue
            if found.outcome is Outcome.REFUTED:
                return found
            if found.outcome is Outcome.HOLDS:
                checks.append(f"with {text}: {found.checks[0]}")
                record["instances"].append(found.record)
            else:
                reasons.append(found.reason)
        if len(checks) < 2:
            return undecided(self, "; ".join(dict.fromkeys(reasons)) or "no test function fits", tuple(checks))
        return Evidence(self.name, self.kind, Outcome.HOLDS, tuple(checks), record=record)

    def _at_points(self, reading: Reading, budget: Budget, prefix: str) -> Evidence:
        sides = [_Sides(a, b, reading.relation) for a, b in reading.pairs]
        hard = any(side.has(*_HARD) for pair in reading.pairs for side in pair)
        domain = Domain.of(reading, self.seed)
        places = changes_of_form([s for pair in reading.pairs for s in pair])
        if reading.relation != "==" and not hard:
            places += tuple(_critical(reading))
        singles = single_values([s for pair in reading.pairs for s in pair])
        points = domain.points(8 if hard else self.count, places, moderate=hard, singles=singles)
        if not points:
            return undecided(
                self, f"no point of the domain was met in {domain.tried or 'any'} tries: the conditions may exclude all"
            )
        if reading.relation != "==" and reading.symbols:
            points += [p for p in worst_points([s.margin for s in sides], points, domain) if p not in points]
        tally = _Tally(self, prefix, domain, reading, singles)
        distinct = tuple({(s.lhs, s.rhs): (k, s) for k, s in reversed(list(enumerate(sides)))}.values())[::-1]
        end = time.monotonic() + budget.remaining * 0.9
        for number, values in enumerate(points):
            if time.monotonic() > end and number >= 3:
                tally.cut = len(points) - number
                break
            for k, pair in distinct:
                try:
                    element = k if len(sides) > 1 else None
                    refuted = within(budget.remaining, tally.add, pair, values, element, end)
                except OutOfTime:
                    tally.cut = len(points) - number
                    return tally.evidence(3 if hard else 6, hard)
                if refuted is not None:
                    return refuted
        if reading.relation == "==":
            integrals = any(side.has(sp.Integral) for pair in reading.pairs for side in pair)
            try:
                bits = _DEEP_INTEGRAL if integrals else _DEEP
                refuted = within(max(budget.remaining, 0.01), tally.deepen, sides, end, bits)
            except OutOfTime:
                refuted = None
            if refuted is not None:
                return refuted
        return tally.evidence(3 if hard else 6, hard)


def _critical(reading: Reading) -> list[sp.Expr]:
    """Expressions that vanish where an inequality turns, or is closest to turning."""
    found: list[sp.Expr] = []
    for residual in reading.residuals:
        found.append(residual)
        for s in residual.free_symbols:
            if isinstance(s, sp.Symbol) and s.is_extended_real:
                slope = within(1.0, residual.diff, s)
                if not slope.has(sp.Derivative, sp.Subs, sp.DiracDelta):
                    found.append(slope)
    return [f for f in found if f.free_symbols]


class _Sides:
    """One pair of sides, compiled."""

    def __init__(self, lhs: sp.Expr, rhs: sp.Expr, relation: str):
        self.lhs, self.rhs, self.relation = lhs, rhs, relation
        self.left, self.right = enclose(lhs), enclose(rhs)
        joined = evaluated(lhs) - evaluated(rhs)
        self.joined: Evaluate | None = None
        self.zero = joined == 0
        if not self.zero:
            try:
                self.joined = enclose(joined)
            except Declined:
                self.joined = None
        numbers = [n for side in (lhs, rhs) for n in side.atoms(sp.Rational)]
        bits = max((max(abs(n.p).bit_length(), n.q.bit_length()) for n in numbers), default=0)
        self.digits = DIGITS + (2 * bits * 30103) // 100_000 if bits > 40 else DIGITS

    def margin(self, values: Values) -> acb:
        """Left minus right at a point, at the current precision."""
        point = at(values)
        return self.left(point) - self.right(point)

    def at(self, values: Values) -> tuple[acb, acb, acb]:
        """Left, right, and the tighter of two enclosures of their difference."""
        point = at(values)
        left, right = self.left(point), self.right(point)
        difference = left - right
        if self.joined is not None and left.is_finite() and right.is_finite():
            other = self.joined(point)
            if other.is_finite() and (not difference.is_finite() or _radius(other) < _radius(difference)):
                difference = other
        return left, right, difference


def _radius(ball: acb) -> arb:
    return ball.real.rad() + ball.imag.rad()


class _Tally:
    """What was found at the points so far."""

    def __init__(
        self, witness: BallWitness, prefix: str, domain: Domain, reading: Reading, singles: tuple[sp.Expr, ...]
    ):
        self.witness, self.prefix, self.domain, self.reading, self.singles = witness, prefix, domain, reading, singles
        self.agreed: list[dict[str, Any]] = []
        self.undefined: list[Values] = []
        self.open: list[str] = []
        self.beyond: dict[str, list[Values]] = {}
        self.worst = arb(0)
        self.slowest = 0.0
        self.cut = 0
        self.deep = ""

    def add(self, pair: _Sides, values: Values, element: int | None, end: float) -> Evidence | None:
        """Examine one pair at one point, with rising precision; evidence if that refutes the claim."""
        start = time.thread_time()  # what the machine does besides must not decide how deep we look
        where = f" in element {element}" if element is not None else ""
        try:
            state, ball, bits = _decide(pair, values, end)
        except Declined as reason:
            self.beyond.setdefault(str(reason), []).append(values)
            return None
        self.slowest = max(self.slowest, time.thread_time() - start)
        if state == "refuted":
            return self.refutation(values, ball, where, element or 0)
        if state == "agreed":
            self.worst = max(self.worst, _radius(ball))
            self.agreed.append(
                {"values": values, "element": element or 0, "radius": _size(_radius(ball)), "bits": bits}
            )
        elif state == "undefined":
            self.undefined.append(values)
        else:
            self.open.append(f"at {shown(values)}{where} the difference is only known to {_size(_radius(ball))}")
        return None

    def refutation(self, values: Values, ball: acb, where: str, element: int = 0) -> Evidence:
        relation = self.reading.relation
        sense = "left minus right" if relation == "==" else f"'{relation}' fails: left minus right"
        reason = f"{self.prefix}at {shown(values)}{where}, {sense} is {_ball(ball)}"
        return Evidence(
            self.witness.name,
            self.witness.kind,
            Outcome.REFUTED,
            (reason,),
            reason,
            counterexample=dict(values),
            proof=True,
            record={"seed": self.witness.seed, "values": values, "ball": _ball(ball), "element": element},
        )

    def deepen(self, sides: list[_Sides], end: float, bits: int) -> Evidence | None:
        """At a few points, precision far beyond what was asked; evidence if that refutes."""
        if self.slowest > 0.3 or not self.agreed:
            return None
        most = 3 if self.slowest < 0.05 else 1
        chosen = [r["values"] for r in self.agreed[:: max(1, len(self.agreed) // most)]][:most]
        with precision(bits):
            for values in chosen:
                for k, pair in enumerate(sides):
                    if pair.zero or time.monotonic() > end:
                        continue
                    try:
                        *_, ball = _guarded(partial(pair.at, values))
                    except Declined:
                        continue
                    if ball.is_finite() and not ball.contains(0):
                        return self.refutation(values, ball, "", k)
                    if ball.is_finite():
                        self.deep = f", and to {_size(_radius(ball))} at {len(chosen)} of them"
        return None

    def evidence(self, least: int, hard: bool = False) -> Evidence:
        places = {tuple(r["values"].items()) for r in self.agreed}
        exact = not self.domain.symbols
        notes = []
        if self.undefined:
            notes.append(f"a side is undefined at {len(self.undefined)} points, such as {shown(self.undefined[0])}")
        for why, places_beyond in self.beyond.items():
            notes.append(f"{len(places_beyond)} points can't be enclosed, such as {shown(places_beyond[0])}: {why}")
        if self.domain.refused:
            notes.append(f"{self.domain.refused} of {self.domain.tried} candidates lay outside the conditions")
        if self.cut:
            notes.append(f"{self.cut} points were left out for want of time")
        first = (
            f"left - right contains 0 at {len(places)} points, radius at most {_size(self.worst)}{self.deep}"
            if self.reading.relation == "=="
            else f"'{self.reading.relation}' holds at {len(places)} points"
        )
        checks = (first, f"seed {self.witness.seed}", *notes)
        record = {"seed": self.witness.seed, "points": self.agreed, "relation": self.reading.relation}
        if self.open and self.reading.relation != "==" and len(self.agreed) >= max(8, 2 * len(self.open)):
            checks = (*checks, f"at {len(self.open)} points the sides are too close to tell them apart")
        elif self.open and hard and len(places) >= least:
            checks = (*checks, f"{len(self.open)} points were left, as their balls stayed wide")
        elif self.open:
            return Evidence(
                self.witness.name, self.witness.kind, Outcome.UNDECIDED, checks, "; ".join(self.open[:3]), record=record
            )
        agreed = [r["values"] for r in self.agreed]
        unseen = unmet(self.singles, agreed, self.domain)
        if unseen:
            reason = f"no point was found at which {unseen[0]} = 0, where a case of its own applies"
            return Evidence(self.witness.name, self.witness.kind, Outcome.UNDECIDED, checks, reason, record=record)
        if len(places) < (1 if exact else least) and not self._few():
            why = notes[0] if notes else "the domain gave no more"
            reason = f"only {len(places)} points could be checked: {why}"
            return Evidence(self.witness.name, self.witness.kind, Outcome.UNDECIDED, (), reason, record=record)
        return Evidence(self.witness.name, self.witness.kind, Outcome.HOLDS, checks, record=record)

    def _few(self) -> bool:
        """Whether the domain itself has only a few points, all of which agreed."""
        return bool(self.agreed) and not self.undefined and not self.beyond and not self.cut and self.domain.finite


def _decide(pair: _Sides, values: Values, end: float) -> tuple[str, acb, int]:
    """How one point ends: agreed, refuted, undefined or open; with the last ball and the bits it took."""
    ball, finite = acb("nan"), False
    start_bits = max(256, int(pair.digits * 3.33) + 90)
    ladder = [start_bits, *[b for b in _LADDER if b > start_bits]]
    for bits in ladder:
        with precision(bits):
            left, right, ball = _guarded(partial(pair.at, values))
            if ball.is_finite():
                finite = True
                state = _state(pair, values, left, right, ball)
                if state:
                    return state, ball, bits
            elif bits >= 900:
                break
        if time.monotonic() > end:
            break
    return ("open" if finite else "undefined"), ball, ctx.prec


def _guarded(function: Callable[[], tuple[acb, acb, acb]]) -> tuple[acb, acb, acb]:
    try:
        return function()
    except (ValueError, OverflowError, ZeroDivisionError, TypeError):
        nan = acb("nan", "nan")
        return nan, nan, nan


def _state(pair: _Sides, values: Values, left: acb, right: acb, ball: acb) -> str:
    """What a finite ball says; empty where more precision is needed."""
    if pair.relation == "==":
        if not ball.contains(0):
            return "refuted"
        return "agreed" if _tight(pair, left, right, ball) else ""
    sign = -1 if pair.relation in (">", ">=") else 1
    if not ball.imag.contains(0) or not left.imag.contains(0) or not right.imag.contains(0):
        return "refuted"  # a side that isn't real isn't ordered
    margin = ball.real * sign
    if margin > 0:
        return "refuted"
    if margin < 0:
        return "agreed"
    strict = pair.relation in ("<", ">")
    if ball.is_zero() or (_tight(pair, left, right, ball) and _equal(pair, values)):
        return "refuted" if strict else "agreed"
    if not strict and _tight(pair, left, right, ball) and ctx.prec >= 900:
        return "agreed"
    return ""


def _equal(pair: _Sides, values: Values) -> bool:
    """Whether the sides are provably equal at a point."""
    try:
        difference = (evaluated(pair.lhs) - evaluated(pair.rhs)).xreplace(values)
        # simplify makes 10^34 log 2 a logarithm of 2^(10^34), in one call into C that nothing stops
        large = any(abs(r.p) > _PLAIN or r.q > _PLAIN for r in difference.atoms(sp.Rational))
        return bool(within(1.0, sp.expand if large else sp.simplify, difference) == 0)
    except (OutOfTime, ValueError, TypeError, ArithmeticError, NotImplementedError, AttributeError):
        return False


def _tight(pair: _Sides, left: acb, right: acb, ball: acb) -> bool:
    """Radius below 10^-digits, and below that fraction of the sides where these are small."""
    limit = arb(10) ** -pair.digits
    radius = _radius(ball)
    if not radius < limit:
        return False
    size = max(left.abs_lower(), right.abs_lower())
    if size > 0:  # a side that is itself tiny is asked for relative accuracy, as far as the precision goes
        return bool(radius < limit * size) or bool(size > 1) or ctx.prec >= 4500
    return ctx.prec >= 420 or pair.zero


def _size(radius: arb) -> str:
    """A radius as a power of ten."""
    if not radius.is_finite():
        return "infinity"
    if radius.is_zero() or radius.upper() <= 0:
        return "0"
    with precision(256):
        n = (radius.upper().log() / arb(10).log()).upper().ceil().unique_fmpz()
    return f"1e{int(n)}" if n is not None else "infinity"


def _ball(ball: acb) -> str:
    """A ball as text with a few digits."""
    with precision(64):
        real, imag = ball.real.str(12, radius=True), ball.imag.str(12, radius=True)
    return real if ball.imag.is_zero() else f"{real} + {imag}i"
