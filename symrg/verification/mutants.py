"""Negative controls: false neighbours of a claim, which every witness must refuse.

A mutant changes one thing: a factor of 2, a sign, a dropped term, two exchanged symbols, an exponent, a relation. It
is a control only where it says something else: one whose side has the same values as before is named equivalent.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import sympy as sp

from symrg.budget import Budget, Declined
from symrg.verification.ball import BallWitness
from symrg.verification.claim import Claim
from symrg.verification.enclosure import at, enclose
from symrg.verification.points import Domain, Values, precision
from symrg.verification.reading import Reading, evaluated, tame
from symrg.verification.symbolic import SymbolicWitness
from symrg.verification.witness import Evidence, Outcome, Witness

MOST = 12
_REVERSED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


@dataclass(frozen=True)
class Mutant:
    """A claim with one thing changed.

    Attributes:
        kind: what sort of change.
        change: the change in words.
        claim: the changed claim.
    """

    kind: str
    change: str
    claim: Claim


@dataclass(frozen=True)
class Control:
    """How the witnesses took one mutant.

    Attributes:
        mutant: the changed claim.
        equivalent: whether it says the same as the original.
        refuted: whether a witness refuted it: by a counter-example that proves it, or an order by the growth that
            the difference shows.
        refused: witnesses that didn't confirm it.
        accepted: witnesses that confirmed it.
    """

    mutant: Mutant
    equivalent: bool
    refused: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    refuted: bool = False


@dataclass(frozen=True)
class Controls:
    """The negative controls of one claim.

    Attributes:
        results: one for each mutant that was tried.
        untried: how many mutants were left out for want of time.
    """

    results: tuple[Control, ...]
    untried: int = 0

    @property
    def different(self) -> tuple[Control, ...]:
        """The mutants that really are different statements."""
        return tuple(r for r in self.results if not r.equivalent)

    @property
    def equivalent(self) -> tuple[Mutant, ...]:
        """The mutants that say the same as the original."""
        return tuple(r.mutant for r in self.results if r.equivalent)

    @property
    def score(self) -> float | None:
        """Share of the different mutants that every witness refused; None where there was none."""
        return self.refused / len(self.different) if self.different else None

    @property
    def refused(self) -> int:
        """How many of the different mutants no witness confirmed."""
        return sum(not r.accepted for r in self.different)

    @property
    def refuted(self) -> int:
        """How many of the different mutants a witness refuted by a counter-example."""
        return sum(r.refuted for r in self.different)

    def __str__(self) -> str:
        if self.score is None:
            return "no mutant differs" if not self.untried else "no mutant was tried"
        text = f"{self.refused} of {len(self.different)} refused"
        text += f", {len(self.equivalent)} equivalent" if self.equivalent else ""
        return text + (f", {self.untried} untried" if self.untried else "")


def mutants(claim: Claim, most: int = MOST) -> tuple[Mutant, ...]:
    """False neighbours of a claim, at most `most`, every kind of change among them."""
    sides = [side for pair in claim.elements() for side in pair]
    if claim.relation in (":=", "~") or not all(tame(side) for side in sides):
        return ()
    by_kind: dict[str, list[Mutant]] = {}
    for mutant in _all(claim):
        group = by_kind.setdefault(mutant.kind, [])
        if len(group) < most:
            group.append(mutant)
    chosen = [m for turn in itertools.zip_longest(*by_kind.values()) for m in turn if m is not None]
    return tuple(chosen[:most])


def neighbours(expr: sp.Expr) -> Iterator[tuple[str, str, sp.Expr]]:
    """(kind, change, expression) for every expression with one thing changed."""
    seen = {expr}
    for kind, change, new in _edits(expr):
        if new not in seen and not new.has(sp.nan, sp.zoo, sp.oo):
            seen.add(new)
            yield kind, change, new


def _edits(expr: sp.Expr) -> Iterator[tuple[str, str, sp.Expr]]:
    terms = sp.Add.make_args(expr)
    if expr != 0:
        yield "factor", "the whole is doubled", 2 * expr
        yield "sign", "the whole changes sign", -expr
    if len(terms) > 1:
        for k, term in enumerate(terms):
            rest = [t for j, t in enumerate(terms) if j != k]
            yield "factor", f"{term} is doubled", sp.Add(2 * term, *rest)
            yield "sign", f"{term} changes sign", sp.Add(-term, *rest)
            yield "dropped term", f"{term} is dropped", sp.Add(*rest)
    symbols = sorted((s for s in expr.free_symbols if isinstance(s, sp.Symbol)), key=str)
    for a, b in itertools.combinations(symbols, 2):
        if a.assumptions0 == b.assumptions0:
            yield "exchanged", f"{a} and {b} are exchanged", expr.xreplace({a: b, b: a})
    for node, put in _places(expr):
        if isinstance(node, sp.Pow) and node.exp.is_Rational:
            yield "exponent", f"the exponent of {node} is raised", put(sp.Pow(node.base, node.exp + 1))
            yield "exponent", f"the exponent of {node} changes sign", put(sp.Pow(node.base, -node.exp))
            yield "exponent", f"the exponent of {node} is lowered", put(sp.Pow(node.base, node.exp - 1))
        elif isinstance(node, sp.Symbol):
            yield "exponent", f"{node} is squared", put(node**2)
        if isinstance(node, sp.Function) and len(node.args) == 2 and not isinstance(node, sp.beta):
            yield "exchanged", f"the arguments of {node} are exchanged", put(node.func(*reversed(node.args)))
        if isinstance(node, sp.Add):
            for k, term in enumerate(node.args):
                rest = [t for j, t in enumerate(node.args) if j != k]
                yield "sign", f"{term} in {node} changes sign", put(sp.Add(-term, *rest))
                yield "factor", f"{term} in {node} is doubled", put(sp.Add(2 * term, *rest))
        if isinstance(node, sp.Rational) and node not in (0, 1, -1):
            for factor in (2, sp.Rational(1, 2), -1):
                yield "factor", f"{node} becomes {node * factor}", put(node * factor)
        if isinstance(node, sp.Function) and node.args and not node.args[0].is_Rational:
            yield "factor", f"the argument of {node} is doubled", put(node.func(2 * node.args[0], *node.args[1:]))


def _places(expr: sp.Basic, most: int = 60) -> Iterator[tuple[sp.Basic, Any]]:
    """Every place in an expression with the function that puts something else there."""

    def walk(node: sp.Basic, put: Any) -> Iterator[tuple[sp.Basic, Any]]:
        yield node, put
        if isinstance(node, sp.Integral | sp.Sum | sp.Product | sp.Derivative | sp.Piecewise | sp.Tuple):
            return
        for k, arg in enumerate(node.args):
            if isinstance(arg, sp.Expr):
                yield from walk(
                    arg, lambda new, k=k, node=node: put(node.func(*node.args[:k], new, *node.args[k + 1 :]))
                )

    yield from itertools.islice(walk(expr, lambda new: new), most)


def _all(claim: Claim) -> Iterator[Mutant]:
    if claim.relation in _REVERSED:
        yield Mutant(
            "relation", f"{claim.relation} becomes {_REVERSED[claim.relation]}", _with(claim, claim.rhs, _REVERSED)
        )
    if claim.order is not None:
        variable, point, n = claim.order
        yield Mutant(
            "order", f"order {n} becomes {n + 1}", replace(claim, order=(variable, point, n + 1), printed=None)
        )
    if isinstance(claim.rhs, sp.MatrixBase):
        entries = list(claim.rhs)
        for k, entry in enumerate(entries):
            for kind, change, new in itertools.islice(neighbours(evaluated(entry)), 6):
                changed = sp.ImmutableMatrix(*claim.rhs.shape, [*entries[:k], new, *entries[k + 1 :]])
                yield Mutant(kind, f"entry {k}: {change}", claim.with_rhs(changed))
        return
    rhs = evaluated(claim.rhs)
    if rhs == 0:
        for kind, change, new in neighbours(evaluated(claim.lhs)):
            yield Mutant(kind, change, replace(claim, lhs=new, printed=None))
        return
    for kind, change, new in neighbours(rhs):
        yield Mutant(kind, change, claim.with_rhs(new))


def _with(claim: Claim, rhs: Any, relations: dict[str, str]) -> Claim:
    return replace(claim, rhs=rhs, relation=relations[claim.relation], printed=None)


def control(
    claim: Claim,
    evidence: tuple[Evidence, ...] = (),
    budget: float | Budget = 10,
    witnesses: tuple[Witness, ...] | None = None,
    most: int = MOST,
) -> Controls:
    """Show every mutant to the witnesses that confirmed a claim.

    Args:
        claim: a claim that holds.
        evidence: what confirmed it; the symbolic witness is held to the routes that it took.
        budget: seconds for all mutants together.
        witnesses: who examines the mutants; those of the evidence where None.
        most: mutants at most.

    Returns:
        Which mutants are equivalent, and who refused the others.
    """
    limit = Budget.of(budget)
    found = mutants(claim, most)
    chosen = witnesses if witnesses is not None else _confirming(evidence)
    same = _Sameness(claim)
    results = []
    untried = 0
    for k, mutant in enumerate(found):
        if limit.remaining < 0.02:
            untried = len(found) - k
            break
        share = max(limit.remaining / (len(found) - k), 0.02)
        if same.says(mutant.claim):
            results.append(Control(mutant, True))
            continue
        refused: list[str] = []
        accepted: list[str] = []
        reading = Reading.of(mutant.claim)
        outcomes = [(w, w.examine(reading, Budget(share / len(chosen)))) for w in chosen]
        ordered = claim.order is not None
        truly = any(e.outcome is Outcome.REFUTED and (e.proof or ordered) for _, e in outcomes)
        loose = claim.relation != "==" or claim.order is not None
        confirmed = any(e.outcome is Outcome.HOLDS for _, e in outcomes)
        if loose and confirmed and not truly and mutant.kind != "relation":
            continue  # a weaker or stronger inequality may well be true too
        for witness, outcome in outcomes:
            (accepted if outcome.outcome is Outcome.HOLDS else refused).append(witness.name)
        results.append(Control(mutant, False, tuple(refused), tuple(accepted), truly))
    return Controls(tuple(results), untried)


def _confirming(evidence: tuple[Evidence, ...]) -> tuple[Witness, ...]:
    routes = tuple(
        step.split(":")[0].strip()
        for e in evidence
        if e.kind == "symbolic" and e.outcome is Outcome.HOLDS
        for step in e.record.get("steps", ())
    )
    found: list[Witness] = [BallWitness(count=9)]
    if routes:
        found.append(SymbolicWitness(only=tuple(dict.fromkeys(routes))))
    return tuple(found)


class _Sameness:
    """Tells which mutants say the same as a claim, by values at points of its domain, drawn once."""

    def __init__(self, claim: Claim):
        self.claim = claim
        self.reading = Reading.of(claim)

    @cached_property
    def points(self) -> list[Values]:
        return Domain.of(self.reading, 11).points(8)

    def says(self, mutant: Claim) -> bool:
        """Whether the mutant's sides have the same values as the original's."""
        if self.claim.relation != mutant.relation or self.claim.order != mutant.order:
            return False
        pairs = [
            (a, b)
            for (p, q), (r, s) in zip(self.reading.pairs, Reading.of(mutant).pairs)
            for a, b in ((p, r), (q, s))
            if a != b
        ]
        combine = sp.expand if self.reading.noncommuting else sp.together
        differences = [combine(evaluated(a) - evaluated(b)) for a, b in pairs]
        if all(d == 0 for d in differences):
            return True
        if self.reading.noncommuting:
            return False
        try:
            functions = [(enclose(a), enclose(b)) for a, b in pairs]
        except Declined:
            return all(sp.simplify(d) == 0 for d in differences)
        for values in self.points:
            with precision(256):
                point = at(values)
                for f, g in functions:
                    gap = f(point) - g(point)
                    if gap.is_finite() and not gap.contains(0):
                        return False
        return True
