"""Verdicts: what the witnesses together say about a claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from symrg.budget import Budget
from symrg.errors import InvalidClaim
from symrg.verification.ball import BallWitness
from symrg.verification.claim import Claim
from symrg.verification.domains import where_it_holds
from symrg.verification.floating import FloatingWitness
from symrg.verification.other_system import MaximaWitness
from symrg.verification.reading import Reading
from symrg.verification.repair import marked_statement, proposals
from symrg.verification.symbolic import SymbolicWitness
from symrg.verification.witness import Evidence, Outcome, Witness, undecided

STATUSES = ("holds", "holds with correction", "fails", "definition", "schematic", "undecided")


@dataclass(frozen=True)
class Verdict:
    """What is known about a claim.

    Attributes:
        claim: the statement.
        status: "holds", "holds with correction", "fails", "definition", "schematic" or "undecided".
        witnesses: the evidence, in the order in which it was taken.
        counterexample: values of the symbols at which the claim fails, where some were found.
        correction: a claim with the same left side that holds, where the printed one doesn't.
        reason: why the status is what it is.
        holds_where: conditions under which the claim was found to hold, where it fails without them.
        corrected: the verdict on the correction.
        marked: LaTeX of the correction with the difference underlined.
        change: the difference in words.
        consequences: verdicts on a definition's consequences.
    """

    claim: Claim
    status: str
    witnesses: tuple[Evidence, ...] = ()
    counterexample: dict[Any, Any] | None = None
    correction: Claim | None = None
    reason: str = ""
    holds_where: tuple[Any, ...] | None = None
    corrected: Verdict | None = None
    marked: str | None = None
    change: str = ""
    consequences: tuple[Verdict, ...] = ()

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"status is one of {', '.join(STATUSES)}; given {self.status!r}")

    @property
    def holds(self) -> bool:
        """Whether the claim, as printed, holds."""
        return self.status == "holds"

    def __str__(self) -> str:
        label = f"{self.claim.name}: " if self.claim.name else ""
        return f"{label}{self.status}" + (f" ({self.reason})" if self.reason else "")


def verify(
    claim: Claim, budget: float | Budget = 30, witnesses: Sequence[Witness] | None = None, *, repair: bool = True
) -> Verdict:
    """Examine a claim by witnesses of different kinds.

    A claim holds where two witnesses of different kinds confirm it and none refutes it. A refutation by ball
    arithmetic is a proof; then a correction and a domain on which the claim holds are sought.

    Args:
        claim: the statement.
        budget: seconds for everything together.
        witnesses: who examines; ball arithmetic, symbolic reduction and, where these don't suffice, floating point
            and another computer algebra system where None.
        repair: whether to look for a correction of a claim that fails.

    Returns:
        The verdict, with all evidence.

    Raises:
        InvalidClaim: what was given isn't a claim.
    """
    if not isinstance(claim, Claim):
        raise InvalidClaim(f"verify takes a Claim, given {type(claim).__name__}")
    limit = Budget.of(budget)
    if claim.relation == "~":
        return Verdict(claim, "schematic", reason=claim.missing or "what it says is left open by its source")
    if claim.relation == ":=":
        return _definition(claim, limit)
    try:
        reading = Reading.of(claim)
        evidence = examine(reading, limit, witnesses)
    except RecursionError:
        return Verdict(claim, "undecided", reason="its expressions are nested too deeply to be examined")
    verdict = judge(claim, evidence)
    if verdict.status == "fails" and repair:
        return _mended(verdict, reading, limit)
    return verdict


def examine(reading: Reading, limit: Budget, witnesses: Sequence[Witness] | None = None) -> tuple[Evidence, ...]:
    """The evidence of the witnesses: all that are given, or the usual ones until they suffice."""
    if witnesses is not None:
        shares = ((w, limit.remaining / (len(witnesses) - k)) for k, w in enumerate(witnesses))
        return tuple(_examined(w, reading, share) for w, share in shares)
    ball = _examined(BallWitness(), reading, 0.45 * limit.remaining)
    if ball.outcome is Outcome.REFUTED:
        return (ball,)
    found = [ball, _examined(SymbolicWitness(), reading, 0.4 * limit.remaining)]
    if found[1].outcome is not Outcome.HOLDS:
        found.append(_examined(MaximaWitness(), reading, 0.3 * limit.remaining))
    if len({e.kind for e in found if e.outcome is Outcome.HOLDS}) < 2:
        found.append(_examined(FloatingWitness(), reading, 0.9 * limit.remaining))
    return tuple(found)


def _examined(witness: Witness, reading: Reading, seconds: float) -> Evidence:
    """One witness's evidence; a witness that breaks down has none, and that is said."""
    try:
        return witness.examine(reading, Budget(max(seconds, 0.01)))
    except Exception as error:
        text = str(error).splitlines()[0][:200] if str(error) else ""
        return undecided(witness, f"the witness broke down: {type(error).__name__}: {text}")


def judge(claim: Claim, evidence: tuple[Evidence, ...]) -> Verdict:
    """The verdict that the evidence supports."""
    refuting = [e for e in evidence if e.outcome is Outcome.REFUTED]
    confirming = [e for e in evidence if e.outcome is Outcome.HOLDS]
    if refuting and confirming and not any(e.proof for e in refuting):
        against = "; ".join(f"{e.witness}: {e.reason}" for e in refuting)
        reason = (
            f"the witnesses contradict each other: {', '.join(e.witness for e in confirming)} confirmed it; {against}"
        )
        return Verdict(claim, "undecided", evidence, reason=reason)
    if refuting:
        worst = max(refuting, key=lambda e: e.proof)
        reason = worst.reason
        if confirming:
            reason += f"; {', '.join(e.witness for e in confirming)} confirmed it, wrongly: a counter-example decides"
        return Verdict(claim, "fails", evidence, worst.counterexample, reason=reason)
    kinds = {e.kind for e in confirming}
    proved = any(e.kind in ("symbolic", "another system") for e in confirming)
    if len(kinds) >= 2 and claim.relation != "==" and not proved:
        by = " and ".join(e.witness for e in confirming)
        reason = f"no violation was found by {by}, but nothing proves it: {confirming[0].checks[0]}"
        return Verdict(claim, "undecided", evidence, reason=reason)
    if len(kinds) >= 2:
        if any(e.kind in ("symbolic", "another system") for e in confirming):
            reason = "confirmed by " + " and ".join(e.witness for e in confirming)
        else:
            reason = "confirmed numerically only, by " + " and ".join(e.witness for e in confirming) + "; not proved"
        notes = [c for e in confirming for c in e.checks if c.startswith("a side is undefined")]
        return Verdict(claim, "holds", evidence, reason="; ".join([reason, *notes]))
    lacking = "; ".join(f"{e.witness}: {e.reason}" for e in evidence if e.outcome is Outcome.UNDECIDED)
    if confirming:
        reason = f"only {confirming[0].witness} confirmed it; {lacking or 'a second witness is needed'}"
    else:
        reason = lacking or "nothing was checked"
    return Verdict(claim, "undecided", evidence, reason=reason)


def _definition(claim: Claim, limit: Budget) -> Verdict:
    """A definition stands; its consequences, with the definition put in, are verified."""
    verdicts = []
    lhs, rhs = claim.lhs, claim.rhs
    for k, consequence in enumerate(claim.consequences):
        put_in = consequence
        if not isinstance(lhs, sp.MatrixBase):
            put_in = Claim(
                consequence.lhs.subs(lhs, rhs),
                consequence.rhs.subs(lhs, rhs),
                consequence.relation,
                conditions=(*claim.conditions, *consequence.conditions),
                order=consequence.order,
                name=consequence.name or f"{claim.name} consequence {k + 1}",
                printed=consequence.printed,
                source=consequence.source,
            )
        share = Budget(max(limit.remaining / (len(claim.consequences) - k), 0.01))
        verdicts.append(verify(put_in, share))
    bad = [v for v in verdicts if v.status in ("fails", "holds with correction")]
    open_ = [v for v in verdicts if v.status == "undecided"]
    if bad:
        return Verdict(
            claim,
            "fails",
            counterexample=bad[0].counterexample,
            reason=f"a consequence fails: {bad[0]}",
            consequences=tuple(verdicts),
        )
    if not verdicts:
        return Verdict(claim, "definition", reason="no consequences were given to check")
    reason = f"{len(verdicts) - len(open_)} of {len(verdicts)} consequences hold"
    return Verdict(claim, "definition", reason=reason, consequences=tuple(verdicts))


def _mended(verdict: Verdict, reading: Reading, limit: Budget) -> Verdict:
    """The verdict on a failed claim, with a correction or the part of the domain where it holds, where found."""
    claim = verdict.claim
    search = Budget(max(0.5 * limit.remaining, 0.05))
    for proposal in proposals(reading, search):
        correction = claim.with_rhs(proposal.rhs)
        second = verify(correction, Budget(max(0.6 * limit.remaining, 0.05)), repair=False)
        if second.status == "holds":
            return replace(
                verdict,
                status="holds with correction",
                correction=correction,
                corrected=second,
                marked=marked_statement(claim, proposal),
                change=proposal.change,
                reason=f"{verdict.reason}; corrected: {proposal.change}; the correction is {second.reason}",
            )
    part = where_it_holds(reading, Budget(max(0.8 * limit.remaining, 0.05)))
    if part is None:
        return verdict
    text = ", ".join(map(str, part))
    return replace(verdict, holds_where=part, reason=f"{verdict.reason}; it was found to hold for {text}")
