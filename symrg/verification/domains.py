"""The part of its domain on which a failing claim holds, as far as points can tell."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symrg.budget import Budget
from symrg.verification.ball import BallWitness
from symrg.verification.reading import Reading
from symrg.verification.witness import Outcome

_POINTS = 14


def where_it_holds(reading: Reading, budget: Budget) -> tuple[Any, ...] | None:
    """Conditions under which ball arithmetic finds no counter-example, the weakest found first; None where none is.

    Args:
        reading: of a claim that was refuted.
        budget: seconds for all trials.

    Returns:
        Conditions to add, relationals or memberships.
    """
    if reading.functions or reading.noncommuting or reading.claim.order is not None:
        return None
    symbols = [s for s in reading.symbols if isinstance(s, sp.Symbol)]
    trials = [dict.fromkeys(symbols, kind) for kind in _KINDS] if len(symbols) > 1 else []
    trials = [{s: k} for k in _KINDS for s in symbols] + trials
    for trial in trials:
        if budget.remaining < 0.1:
            return None
        replaced, conditions = _restricted(trial)
        if conditions is None or not conditions:
            continue
        pairs = tuple((a.xreplace(replaced), b.xreplace(replaced)) for a, b in reading.pairs)
        old = tuple(c.xreplace(replaced) for c in reading.conditions)
        extra = tuple(c.xreplace(replaced) for c in conditions if not isinstance(c, sp.Contains))
        narrowed = Reading(reading.claim, pairs, (*old, *extra))
        witness = BallWitness(count=_POINTS, seed=97)
        share = Budget(max(min(2.0, budget.remaining / 3), 0.01))
        evidence = witness.examine(narrowed, share)
        if evidence.outcome is Outcome.HOLDS:
            undefined = any("undefined" in c for c in evidence.checks)
            if undefined and any(k.startswith("non") for k in trial.values()):
                continue  # the same without the end is tried later
            return conditions
    return None


_KINDS = (
    "real",
    "nonzero",
    "right half-plane",
    "nonnegative",
    "nonpositive",
    "positive",
    "negative",
    "unit disc",
    "above one",
    "unit interval",
    "integer",
    "nonnegative integer",
    "positive integer",
    "even",
)


def _restricted(trial: dict[sp.Symbol, str]) -> tuple[dict[Any, Any], tuple[Any, ...] | None]:
    """New symbols for a restriction, and the conditions that state it; None where it adds nothing."""
    replaced: dict[Any, Any] = {}
    conditions: list[Any] = []
    for s, kind in trial.items():
        found = _restriction(s, kind)
        if found is None:
            return {}, None
        new, condition = found
        if new is not None:
            replaced[s] = new
        if condition is not None:
            conditions.append(condition)
    return replaced, tuple(conditions)


def _restriction(s: sp.Symbol, kind: str) -> tuple[Any, Any] | None:
    real = bool(s.is_extended_real)
    known = {k: v for k, v in s._assumptions_orig.items() if v is not None}
    if kind == "real":
        return None if real else (_new(s, known, real=True), sp.Eq(sp.im(s), 0, evaluate=False))
    if kind == "nonzero":
        return None if s.is_nonzero or s.is_zero is False else (None, sp.Ne(s, 0))
    if kind in ("nonnegative", "nonpositive", "positive", "negative"):
        if getattr(s, f"is_{kind}") is not None:
            return None
        zero = sp.Integer(0)
        relation = {"nonnegative": s >= zero, "nonpositive": s <= zero, "positive": s > zero, "negative": s < zero}[
            kind
        ]
        return _new(s, known, **{kind: True}), relation
    if kind == "right half-plane":
        return None if real else (None, sp.re(s) > 0)
    if kind == "unit disc":
        return None, sp.Abs(s) < 1
    if kind in ("above one", "unit interval"):
        if s.is_negative or s.is_integer:
            return None
        new = _new(s, known, real=True) if not real else s
        return (new, s > 1) if kind == "above one" else (new, sp.And(s > 0, s < 1))
    if s.is_integer:
        return (_new(s, known, even=True), sp.Contains(s / 2, sp.S.Integers)) if kind == "even" else None
    sets = {"integer": sp.S.Integers, "nonnegative integer": sp.S.Naturals0, "positive integer": sp.S.Naturals}
    if kind not in sets or s.is_integer is False:
        return None
    flags = {"integer": {}, "nonnegative integer": {"nonnegative": True}, "positive integer": {"positive": True}}[kind]
    return _new(s, known, integer=True, **flags), sp.Contains(s, sets[kind])


def _new(s: sp.Symbol, known: dict[str, bool], **flags: bool) -> Any:
    try:
        return sp.Symbol(s.name, **{**known, **flags})
    except sp.core.assumptions.InconsistentAssumptions:
        return s
