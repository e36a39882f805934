"""A numbered statement of the talk: as printed, as read, and the claims that decide it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from symrg.budget import Budget
from symrg.derivation import Derivation
from symrg.typesetting import Typeset
from symrg.verification import Claim, Verdict, verify

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
    """

    number: str
    title: str
    claim: Claim
    reading: str
    instances: tuple[Claim, ...] = ()
    derivation: Callable[[], Derivation] | None = None
    remark: str = ""
    mended: Claim | None = None

    def latex(self) -> str:
        """The statement as the talk prints it."""
        return self.claim.printed or self.claim.latex()

    def verify(self, budget: float | Budget = 30) -> Verdict:
        """The verdict on the claim, with those on its instances as `consequences`.

        The statement holds where the claim and every instance do; the first instance that does not decides. Where the
        claim fails, a `mended` form that holds is its correction.

        Args:
            budget: seconds for everything together.
        """
        limit = Budget.of(budget)
        count = len(self.instances) + 1
        verdict = verify(self.claim, Budget(limit.remaining / count if self.instances else limit.remaining))
        found = []
        for k, instance in enumerate(self.instances):
            share = Budget(max(limit.remaining / (len(self.instances) - k), 0.01))
            found.append(verify(instance, share))
        if self.mended is not None and verdict.status in ("fails", "holds with correction"):
            verdict = self._corrected(verdict, Budget(max(limit.remaining, 1.0)))
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
        if found and not bad:
            names = ", ".join(v.claim.name for v in found)
            verdict = replace(verdict, reason=f"{verdict.reason}; and so do: {names}")
        return replace(verdict, consequences=consequences)

    def _corrected(self, verdict: Verdict, limit: Budget) -> Verdict:
        """The verdict with the correction as the talk would write it, if that is confirmed."""
        assert self.mended is not None
        confirmed = verify(self.mended, limit)
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
