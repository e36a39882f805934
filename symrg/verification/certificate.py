"""Certificates: verdicts as JSON, with what `checker.py` needs to check them again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from symrg.budget import Declined
from symrg.verification.checker import FORMAT
from symrg.verification.judgement import Verdict
from symrg.verification.landmarks import landmarks
from symrg.verification.reading import Reading, evaluated
from symrg.verification.witness import Evidence, Outcome

_CONSTANTS = {
    "Pi": "pi",
    "Exp1": "e",
    "ImaginaryUnit": "i",
    "EulerGamma": "euler",
    "Catalan": "catalan",
    "GoldenRatio": "golden",
    "Infinity": "oo",
    "NegativeInfinity": "-oo",
}
_RELATIONS = {
    "Equality": "==",
    "Unequality": "!=",
    "StrictLessThan": "<",
    "LessThan": "<=",
    "StrictGreaterThan": ">",
    "GreaterThan": ">=",
}
_FLAGS = ("real", "positive", "negative", "nonnegative", "nonpositive", "integer")


def tree(expr: sp.Basic, names: dict[sp.Basic, str]) -> list[Any]:
    """An expression as nested lists.

    Raises:
        Declined: something has no place in a certificate.
    """
    if expr in names:
        return ["sym", names[expr]]
    if getattr(expr, "is_Rational", False):
        return ["rat", str(expr.p), str(expr.q)]
    kind = type(expr).__name__
    if kind in _CONSTANTS:
        return [_CONSTANTS[kind]]
    if isinstance(expr, Relational):
        return [_RELATIONS[kind], tree(expr.lhs, names), tree(expr.rhs, names)]
    if isinstance(expr, sp.And | sp.Or | sp.Not):
        return [kind.lower(), *(tree(a, names) for a in expr.args)]
    if expr in (sp.true, sp.false):
        return ["true" if expr == sp.true else "false"]
    if isinstance(expr, sp.Add | sp.Mul | sp.Pow):
        return [kind.lower(), *(tree(a, names) for a in expr.args)]
    if isinstance(expr, sp.Derivative):
        value = expr.doit()
        if not isinstance(value, sp.Derivative):
            return tree(value, names)
    if isinstance(expr, sp.Integral | sp.Sum):
        *inner, limit = expr.limits
        if len(limit) == 3:
            body = expr.func(expr.function, *inner) if inner else expr.function
            name = f"b{len(names)}"
            bound = {**names, limit[0]: name}
            parts = [kind.lower(), tree(body, bound), name, tree(limit[1], names), tree(limit[2], names)]
            infinite = limit[1].is_infinite or limit[2].is_infinite
            if isinstance(expr, sp.Integral) and infinite and not inner:
                parts.append(["marks", *(tree(m, names) for m in landmarks(expr.function, limit[0]))])
            return parts
    if isinstance(expr, sp.Piecewise):
        return ["piecewise", *(["case", tree(v, names), tree(c, names)] for v, c in expr.args)]
    if isinstance(expr, sp.Function) and type(expr).__module__.startswith("sympy."):
        return [kind, *(tree(a, names) for a in expr.args)]
    raise Declined(f"{kind} has no place in a certificate")


def certificate(title: str, verdicts: Iterable[Verdict]) -> str:
    """The certificate of some verdicts, as JSON text."""
    data = {
        "format": FORMAT,
        "title": title,
        "versions": {name: _version(name) for name in ("symrg", "sympy", "python-flint", "mpmath")},
        "claims": [_claim(v) for verdict in verdicts for v in _with_corrections(verdict)],
    }
    return json.dumps(data, indent=1, ensure_ascii=False)


def _with_corrections(verdict: Verdict) -> list[Verdict]:
    """The verdict on what is printed, those on its consequences, and that on its correction."""
    found = [verdict, *verdict.consequences]
    if verdict.corrected is not None:
        name = f"{verdict.claim.name or str(verdict.claim)[:60]}, corrected"
        found.append(replace(verdict.corrected, claim=replace(verdict.corrected.claim, name=name)))
    return found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def _claim(verdict: Verdict) -> dict[str, Any]:
    claim = verdict.claim
    entry: dict[str, Any] = {
        "name": verdict.claim.name or str(verdict.claim)[:80],
        "statement": str(claim),
        "status": "fails" if verdict.status == "holds with correction" else verdict.status,
        "verdict": verdict.status,
        "relation": claim.relation,
        "symbols": {},
        "pairs": [],
        "conditions": [],
        "points": [],
        "evidence": [{"witness": e.witness, "outcome": e.outcome.value, "checks": e.checks} for e in verdict.witnesses],
    }
    if verdict.correction is not None:
        entry["correction"] = str(verdict.correction)
    reading = Reading.of(claim)
    ball = next((e for e in verdict.witnesses if e.kind == "ball"), None)
    abstract = bool(reading.functions or reading.noncommuting)
    if ball is None or claim.order is not None or abstract or claim.relation in (":=", "~"):
        entry["note"] = "recorded, not to be checked again: there are no points"
        return entry
    names: dict[sp.Basic, str] = {s: f"v{k}" for k, s in enumerate(reading.symbols)}
    entry["names"] = {name: str(s) for s, name in names.items()}
    try:
        entry["pairs"] = [[tree(evaluated(a), names), tree(evaluated(b), names)] for a, b in reading.pairs]
        entry["conditions"] = [tree(c, names) for c in reading.conditions]
        entry["points"] = _points(ball, names)
    except Declined as reason:
        entry["pairs"], entry["conditions"], entry["points"] = [], [], []
        entry["note"] = f"recorded, not to be checked again: {reason}"
        return entry
    entry["symbols"] = {name: [f for f in _FLAGS if getattr(s, f"is_{f}")] for s, name in names.items()}
    entry["seed"] = ball.record.get("seed")
    return entry


def _points(ball: Evidence, names: dict[sp.Basic, str]) -> list[dict[str, Any]]:
    if ball.outcome is Outcome.REFUTED:
        values = ball.counterexample or {}
        return [{"values": {names[s]: tree(v, {}) for s, v in values.items()}, "element": _element(ball), "bits": 512}]
    return [
        {
            "values": {names[s]: tree(v, {}) for s, v in p["values"].items()},
            "element": p["element"],
            "bits": p["bits"],
            "radius": p["radius"],
        }
        for p in ball.record.get("points", ())
    ]


def _element(ball: Evidence) -> int:
    return int(ball.record.get("element", 0))
