"""Certificates: verdicts as JSON, with what `checker.py` needs to check them again."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from symrg.budget import Declined
from symrg.verification.checker import FORMAT, digest
from symrg.verification.instances import instances
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
_FLAGS = ("real", "positive", "negative", "nonnegative", "nonpositive", "nonzero", "integer")


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
        found = tree(expr.expr, names)
        for variable, count in expr.variable_count:
            if variable not in names or not count.is_Integer:
                raise Declined(f"a derivative by {variable} has no place in a certificate")
            found = ["derivative", found, names[variable], str(count)]
        return found
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
    """The certificate of some verdicts, as JSON text: expressions, points, radii, seeds and versions.

    Every claim says what `checker` will check again ("rechecked") and what is only recorded ("recorded").
    """
    claims: list[dict[str, Any]] = []
    for verdict in verdicts:
        _enter(verdict, claims)
    data = {
        "format": FORMAT,
        "title": title,
        "versions": {name: _version(name) for name in ("symrg", "sympy", "python-flint", "mpmath")},
        "digest": digest(claims),
        "claims": claims,
    }
    return json.dumps(data, indent=1, ensure_ascii=False)


def _enter(verdict: Verdict, claims: list[dict[str, Any]], **relation: int) -> None:
    """Add the claim of a verdict, then its correction, then its consequences."""
    number = len(claims)
    claims.append({"number": number, **relation, **_claim(verdict)})
    if verdict.corrected is not None:
        name = f"{verdict.claim.name or str(verdict.claim)[:60]}, corrected"
        _enter(replace(verdict.corrected, claim=replace(verdict.corrected.claim, name=name)), claims, corrects=number)
    for consequence in verdict.consequences:
        _enter(consequence, claims, part_of=number)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def _claim(verdict: Verdict) -> dict[str, Any]:
    claim = verdict.claim
    entry: dict[str, Any] = {
        "name": claim.name or str(claim)[:80],
        "statement": str(claim),
        "verdict": verdict.status,
        "reason": verdict.reason,
        "relation": claim.relation,
        "names": {},
        "symbols": {},
        "order": None,
        "cases": [],
        "evidence": [
            {"witness": e.witness, "kind": e.kind, "outcome": e.outcome.value, "checks": list(e.checks)}
            for e in verdict.witnesses
        ],
        "rechecked": [],
        "recorded": [e.witness for e in verdict.witnesses if e.kind != "ball" and e.outcome is not Outcome.UNDECIDED],
    }
    if verdict.correction is not None:
        entry["correction"] = str(verdict.correction)
    if claim.relation in (":=", "~") or verdict.status in ("undecided", "schematic"):
        entry["note"] = "there are no two sides that were found to agree or to differ"
        return entry
    reading = Reading.of(claim)
    names: dict[sp.Basic, str] = {s: f"v{k}" for k, s in enumerate(reading.symbols)}
    ball = next((e for e in verdict.witnesses if e.kind == "ball"), None)
    try:
        if claim.order is not None:
            entry["order"] = _order(claim.order, names)
        entry["cases"] = [
            {
                "functions": text,
                "pairs": [[tree(evaluated(a), names), tree(evaluated(b), names)] for a, b in concrete.pairs],
                "conditions": [tree(c, names) for c in concrete.conditions],
                "points": points,
            }
            for text, concrete, points in _cases(verdict, reading, ball, names)
        ]
    except Declined as reason:
        entry["order"], entry["cases"] = None, []
        entry["note"] = str(reason)
        return entry
    variable = None if claim.order is None else claim.order[0]
    entry["names"] = {name: str(s) for s, name in names.items()}
    entry["symbols"] = {
        name: [f for f in _FLAGS if getattr(s, f"is_{f}")] for s, name in names.items() if s != variable
    }
    entry["seed"] = None if ball is None else ball.record.get("seed")
    entry["rechecked"] = _rechecked(entry)
    return entry


def _rechecked(entry: dict[str, Any]) -> list[str]:
    """What the checker does with a claim, in words."""
    points = sum(len(c["points"]) for c in entry["cases"])
    if not entry["cases"]:
        return []
    if entry["order"] is not None:
        return [f"coefficients of power series at {points} points"]
    if entry["verdict"] != "holds":
        return ["the counter-example, in ball arithmetic"] if points else []
    found = [f"both sides at {points} recorded points", "both sides at points that the checker draws"]
    if any(c["functions"] for c in entry["cases"]):
        found[0] += f", with {len(entry['cases'])} choices of the undefined functions"
    if entry["relation"] == "==":
        found.append("an algebraic proof modulo a prime, where the equation has one")
    return found


def _order(order: tuple[Any, Any, Any], names: dict[sp.Basic, str]) -> dict[str, Any]:
    variable, point, n = order
    if variable not in names:
        raise Declined(f"the sides don't contain {variable}")
    return {"variable": names[variable], "point": tree(point, names), "power": ["rat", str(n.p), str(n.q)]}


_MOST_HARD = 2  # recorded points of a claim with integrals or infinite sums, which take long


def _extreme(values: dict[Any, Any]) -> float:
    """How far from 1 the values of a point are, as powers of ten."""
    sizes = [abs(complex(sp.N(v, 15))) for v in values.values()]
    return max((abs(math.log10(size)) if size else 0.0 for size in sizes), default=0.0)


def _cases(
    verdict: Verdict, reading: Reading, ball: Evidence | None, names: dict[sp.Basic, str]
) -> Iterator[tuple[str, Reading, list[dict[str, Any]]]]:
    """(choice of undefined functions, the reading with it, points) of everything that was checked at points."""
    if not reading.functions:
        yield "", reading, _points(verdict, reading, None if ball is None else ball.record, names)
        return
    if ball is None:
        raise Declined("no concrete functions were put in the place of the undefined ones")
    records = iter(ball.record.get("instances", ()))
    seed = ball.record.get("seed", 0)
    refuting = ball.outcome is Outcome.REFUTED
    for text, concrete in instances(reading, seed):
        if refuting and text in ball.reason:
            yield text, concrete, _points(verdict, concrete, ball.record, names)
            return
        if not refuting and any(c.startswith(f"with {text}: ") for c in ball.checks):
            yield text, concrete, _points(verdict, concrete, next(records, {}), names)


def _points(
    verdict: Verdict, reading: Reading, record: dict[str, Any] | None, names: dict[sp.Basic, str]
) -> list[dict[str, Any]]:
    """The recorded points of a claim that holds, or its counter-example."""
    if verdict.claim.order is not None:
        variable = verdict.claim.order[0]
        chosen = [verdict.counterexample] if verdict.counterexample is not None else (record or {}).get("points", [])
        inner = [{s: v for s, v in values.items() if s != variable} for values in chosen]
        return [{"values": {names[s]: tree(v, {}) for s, v in values.items() if s in names}} for values in inner]
    if verdict.status != "holds":
        if verdict.counterexample is None or set(verdict.counterexample) != set(names):
            return []
        values = {names[s]: tree(v, {}) for s, v in verdict.counterexample.items()}
        elements = (
            [int((record or {}).get("element", 0))] if record and "element" in record else range(len(reading.pairs))
        )
        return [{"values": values, "element": element, "bits": 4000} for element in elements]
    found = [
        {
            "values": {names[s]: tree(v, {}) for s, v in p["values"].items()},
            "element": p["element"],
            "bits": p["bits"],
            "radius": p["radius"],
        }
        for p in (record or {}).get("points", ())
    ]
    hard = any(side.has(sp.Integral, sp.Sum) for pair in reading.pairs for side in pair)
    if not hard:
        return found
    agreed = (record or {}).get("points", ())
    order = sorted(range(len(found)), key=lambda k: _extreme(agreed[k]["values"]))
    return [found[k] for k in order[: _MOST_HARD * len(reading.pairs)]]
