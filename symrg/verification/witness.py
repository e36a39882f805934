"""What a witness is, and what it hands back."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, Protocol

import sympy as sp

from symrg.budget import Budget
from symrg.verification.reading import Reading


class Outcome(enum.Enum):
    """How an examination ended."""

    HOLDS = "holds"
    REFUTED = "refuted"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Evidence:
    """What one witness found about one claim; computes nothing.

    Attributes:
        witness: which witness it was.
        kind: two pieces of evidence of the same kind don't confirm each other.
        outcome: holds, refuted or undecided.
        checks: what was checked: the steps of a reduction, or points with bounds.
        reason: why it ended so, in words.
        counterexample: values of the symbols at which the claim fails.
        proof: whether the outcome is proved, and not only made likely.
        record: what a certificate needs to check again.
    """

    witness: str
    kind: str
    outcome: Outcome
    checks: tuple[str, ...] = ()
    reason: str = ""
    counterexample: dict[Any, Any] | None = None
    proof: bool = False
    record: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.outcome is Outcome.HOLDS and not self.checks:
            raise ValueError("nothing checked: report UNDECIDED, and why")
        if self.outcome is not Outcome.HOLDS and not self.reason:
            raise ValueError("say why: evidence that does not confirm a claim needs a reason")

    def __str__(self) -> str:
        detail = self.reason or (self.checks[-1] if self.checks else "")
        return f"{self.witness}: {self.outcome.value}" + (f" ({detail})" if detail else "")


class Witness(Protocol):
    """Examines claims by one means; a house above can bring its own, such as a simulation.

    `kind` names the means: "symbolic", "ball", "floating point", "another system", "simulated", ...
    """

    @property
    def name(self) -> str:
        """What the witness is called."""
        ...

    @property
    def kind(self) -> str:
        """By what means it examines."""
        ...

    def examine(self, reading: Reading, budget: Budget) -> Evidence:
        """What this witness finds about the claim within the budget. It never raises for what it can't do."""
        ...


def undecided(witness: Witness, reason: str, checks: tuple[str, ...] = ()) -> Evidence:
    """Evidence that a witness couldn't decide, and why."""
    return Evidence(witness.name, witness.kind, Outcome.UNDECIDED, checks, reason)


def shown(values: dict[Any, Any]) -> str:
    """A point as text, such as x = 1/3, y = -2."""
    return ", ".join(f"{s} = {_brief(v)}" for s, v in values.items()) or "no symbols"


def _brief(value: Any) -> str:
    if getattr(value, "is_Rational", False) and max(len(str(abs(value.p))), len(str(value.q))) > 12:
        return f"{sp.N(value, 8)}.."
    text = str(value)
    return text if len(text) <= 60 else f"{sp.N(value, 8)}.."
