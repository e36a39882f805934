"""Derivations and verdicts of symrg as parts of a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from derivations.report.content import Entry, Step, Witness, Working, slug
from symrg.derivation import Derivation
from symrg.typesetting import latex
from symrg.verification import Claim, Evidence, Verdict

_RELATIONS = {"==": "=", "<=": r"\leq", ">=": r"\geq"}
_SHOWN_CHECKS = 4


def working(derivation: Derivation, verdicts: Sequence[Verdict] = (), anchor: str = "", open: bool = False) -> Working:
    """A derivation that folds out, each link with its verdict.

    Args:
        derivation: the chain.
        verdicts: those of `derivation.verify()`; empty shows the chain without verdicts.
        anchor: name for links; made from the title where empty.
        open: shown unfolded.
    """
    return _working(derivation, iter(verdicts), anchor, open)


def _working(derivation: Derivation, verdicts: Iterator[Verdict], anchor: str = "", open: bool = False) -> Working:
    notation = derivation.notation
    left = latex(derivation.start)
    steps: list[Step] = []
    if notation is not None:
        steps.append(Step("=", left))
        left = notation if isinstance(notation, str) else latex(notation)
    for step in derivation.steps:
        within = (
            _working(step.within, verdicts, f"{anchor or slug(derivation.title)}-{len(steps)}") if step.within else None
        )
        verdict = next(verdicts, None)
        steps.append(
            Step(
                _RELATIONS.get(step.relation, step.relation),
                step.latex(),
                step.because,
                verdict.status if verdict else "",
                witnesses(verdict) if verdict else (),
                within,
            )
        )
    return Working(derivation.title, left, tuple(steps), anchor, open)


def witnesses(verdict: Verdict) -> tuple[Witness, ...]:
    """Who looked at a claim, and what they found."""
    return tuple(Witness(e.witness, e.outcome.value, _detail(e)) for e in verdict.witnesses)


def entry(
    number: str,
    verdict: Verdict,
    *,
    name: str = "",
    reading: str = "",
    reason: str = "",
    chapter: str = "",
    working: str = "",
    code: str = "",
    line: int = 0,
) -> Entry:
    """A verdict as an entry of the ledger.

    Args:
        number: as in the talk.
        verdict: of the claim that was printed.
        name: what it says in a few words; the claim's own name where empty.
        reading: the precise reading that was checked; the claim's conditions where empty.
        reason: why; the verdict's own where empty.
        chapter: title of the chapter that treats it.
        working: identifier of the derivation that shows it.
        code: path of the module that checks it.
        line: where in that file.
    """
    claim: Claim = verdict.claim
    conditions = ", ".join(f"${latex(c)}$" for c in claim.conditions)
    where = ", ".join(f"${latex(s)} = {latex(v)}$" for s, v in (verdict.counterexample or {}).items())
    return Entry(
        number,
        name or claim.name or f"Equation {number}",
        claim.statement(),
        verdict.status,
        reading=reading or (f"for {conditions}" if conditions else ""),
        correction=verdict.correction.latex() if verdict.correction is not None else "",
        reason=reason or verdict.reason.replace("$", ""),
        witnesses=witnesses(verdict),
        counterexample=where,
        chapter=chapter,
        working=working,
        code=code,
        line=line,
        source=claim.source or "",
    )


def _detail(evidence: Evidence) -> str:
    checks = list(evidence.checks)
    shown = checks[:_SHOWN_CHECKS]
    if len(checks) > len(shown):
        shown.append(f"and {len(checks) - len(shown)} more")
    parts = [evidence.reason] if evidence.reason else []
    return "; ".join([*parts, *shown]).replace("$", "")
