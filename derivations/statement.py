"""A numbered statement of the talk: as printed, as read, and the claims that decide it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from symrg.budget import Budget
from symrg.derivation import Derivation
from symrg.typesetting import Typeset
from symrg.verification import Claim, Evidence, Outcome, Reading, Verdict, verify
from symrg.verification.ball import BallWitness
from symrg.verification.judgement import judge
from symrg.verification.other_system import MaximaWitness
from symrg.verification.witness import Witness

TALK = "D. Berman, Aspects of RG flows and Bayesian updating, PIRSA 25040108 (2025)"


@dataclass(frozen=True)
class Statement(Typeset):
    """What the talk prints under one number, and what is claimed in its name.

    Attributes:
        number: as in the talk, such as "(3)".
        title: what it says, in a few words.
        claim: the statement; its `printed` is the talk's LaTeX, literally.
        reading: the precise reading that the claim expresses, in words.
        instances: further claims that must hold if the statement does.
        derivation: makes the chain of steps that leads to it, when asked for.
        remark: what a reader should know about the verdict.
        mended: the correction in the talk's notation, where the print is off; it is verified like any claim.
        simulated: witnesses that simulate: they examine the claim, its correction, its instances and what follows
            from it, besides the usual witnesses, and each must refuse twice the right side of what it confirms.
    """

    number: str
    title: str
    claim: Claim
    reading: str
    instances: tuple[Claim, ...] = ()
    derivation: Callable[[], Derivation] | None = None
    remark: str = ""
    mended: Claim | None = None
    simulated: tuple[Witness, ...] = ()

    def latex(self) -> str:
        """The statement as the talk prints it."""
        return self.claim.printed or self.claim.latex()

    def verify(self, budget: float | Budget = 30) -> Verdict:
        """The verdict on the claim, with those on its instances as `consequences`.

        The statement holds where the claim and every instance do; the first instance that does not decides. Where the
        claim fails, a `mended` form that holds is its correction.

        Args:
            budget: seconds for everything together, shared out evenly; simulations take their own time besides.
        """
        part = max(Budget.of(budget).remaining / (1 + len(self.instances) + (self.mended is not None)), 0.01)
        verdict = self._seen(verify(self.claim, part))
        if verdict.consequences:
            verdict = replace(verdict, consequences=tuple(self._seen(v) for v in verdict.consequences))
        found = [self._instance(instance, part) for instance in self.instances]
        if self.mended is not None and verdict.status in ("fails", "holds with correction"):
            verdict = self._corrected(verdict, part)
        consequences = (*verdict.consequences, *found)
        bad = [v for v in found if not v.holds]
        if bad and verdict.status in ("holds", "definition"):
            return replace(
                verdict,
                status="undecided" if bad[0].status == "undecided" else "fails",
                counterexample=bad[0].counterexample,
                reason=f"{bad[0]}",
                consequences=consequences,
            )
        if bad:
            verdict = replace(verdict, reason=f"{verdict.reason}; but {bad[0]}")
        if found and not bad:
            names = ", ".join(v.claim.name for v in found)
            verdict = replace(verdict, reason=f"{verdict.reason}; and so do: {names}")
        return replace(verdict, consequences=consequences)

    def _corrected(self, verdict: Verdict, seconds: float) -> Verdict:
        """The verdict with the correction as the talk would write it, if that is confirmed."""
        assert self.mended is not None
        confirmed = self._seen(verify(self.mended, seconds))
        if not confirmed.holds:
            return replace(verdict, consequences=(*verdict.consequences, confirmed))
        refuted = verdict.reason.split("; corrected:")[0]
        reason = f"{refuted}; the correction is {confirmed.reason}"
        return replace(
            verdict,
            status="holds with correction",
            correction=self.mended,
            corrected=confirmed,
            marked=None,
            change="",
            reason=reason,
        )

    def _instance(self, claim: Claim, seconds: float) -> Verdict:
        """The verdict on an instance. Where a simulation confirms it, no long symbolic reduction is tried beside it."""
        extra = self._simulations(claim)
        if not any(e.outcome is Outcome.HOLDS for e in extra):
            verdict = verify(claim, seconds)
            return _joined(verdict, extra) if extra else verdict
        return _joined(verify(claim, seconds, (BallWitness(), MaximaWitness())), extra)

    def _seen(self, verdict: Verdict) -> Verdict:
        """The verdict with the evidence of the witnesses that simulate."""
        if verdict.status in ("definition", "schematic"):
            return verdict
        extra = self._simulations(verdict.claim)
        return _joined(verdict, extra) if extra else verdict

    def _simulations(self, claim: Claim) -> tuple[Evidence, ...]:
        """Their evidence; that a witness has nothing to simulate in a claim is no evidence."""
        reading = Reading.of(claim)
        seen = ((w, w.examine(reading, Budget(_SIMULATION))) for w in self.simulated)
        return tuple(controlled(w, reading, e) for w, e in seen if e.outcome is not Outcome.UNDECIDED or _tried(e))


def _tried(evidence: Evidence) -> bool:
    """Whether a witness that is undecided did simulate something."""
    return bool(evidence.checks) or evidence.reason.startswith("only ")


def _joined(verdict: Verdict, extra: tuple[Evidence, ...]) -> Verdict:
    """The verdict that the evidence supports when some is added; a correction found without it stays."""
    seen = (*verdict.witnesses, *extra)
    if verdict.status not in ("holds", "undecided"):
        return replace(verdict, witnesses=seen)
    return replace(judge(verdict.claim, seen), consequences=verdict.consequences)


_SIMULATION = 60.0  # seconds for one witness and one claim


def controlled(witness: Witness, reading: Reading, evidence: Evidence) -> Evidence:
    """The evidence of a witness that confirmed a claim, after it was shown the claim with twice the right side.

    A witness that confirms that too has said nothing: its evidence is then undecided.
    """
    claim = reading.claim
    if evidence.outcome is not Outcome.HOLDS or claim.relation != "==" or not _nonzero(claim):
        return evidence
    wrong = witness.examine(Reading.of(claim.with_rhs(2 * claim.rhs)), Budget(_SIMULATION))
    if wrong.outcome is Outcome.HOLDS:
        reason = "it confirms the claim with twice the right side as well, so it cannot tell"
        return Evidence(witness.name, witness.kind, Outcome.UNDECIDED, evidence.checks, reason)
    said = f"refuted: {wrong.reason}" if wrong.outcome is Outcome.REFUTED else f"not confirmed: {wrong.reason}"
    return replace(evidence, checks=(*evidence.checks, f"twice the right side is {said}"))


def _nonzero(claim: Claim) -> bool:
    return any(b != 0 for _, b in claim.elements())
