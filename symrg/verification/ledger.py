"""The ledger: what was claimed, how it was read, what the witnesses found, and how they took the controls."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from symrg.budget import Budget
from symrg.typesetting import Typeset
from symrg.verification.judgement import Verdict
from symrg.verification.mutants import Controls, control
from symrg.verification.witness import Evidence, Outcome

SCHEMA_NAME = "symrg-ledger/1"

_TEXT = {"type": "string"}
_MAYBE = {"type": ["string", "null"]}
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "symrg ledger of verified claims",
    "type": "object",
    "required": ["schema", "title", "summary", "entries"],
    "properties": {
        "schema": {"const": SCHEMA_NAME},
        "title": _TEXT,
        "summary": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
        "entries": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "printed", "reading", "status", "reason", "witnesses"],
                "properties": {
                    "id": _TEXT,
                    "printed": {"type": "string", "description": "LaTeX of the statement as its source prints it"},
                    "reading": {"type": "string", "description": "the precise statement that was examined, as text"},
                    "source": _MAYBE,
                    "status": {
                        "enum": ["holds", "holds with correction", "fails", "definition", "schematic", "undecided"]
                    },
                    "reason": _TEXT,
                    "counterexample": {"type": ["object", "null"], "additionalProperties": _TEXT},
                    "holds_where": {"type": ["array", "null"], "items": _TEXT},
                    "correction": {
                        "type": ["object", "null"],
                        "required": ["statement", "latex", "marked", "change"],
                        "properties": {"statement": _TEXT, "latex": _TEXT, "marked": _MAYBE, "change": _TEXT},
                    },
                    "witnesses": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["name", "kind", "outcome", "checks", "reason", "proof"],
                            "properties": {
                                "name": _TEXT,
                                "kind": _TEXT,
                                "outcome": {"enum": ["holds", "refuted", "undecided"]},
                                "checks": {"type": "array", "items": _TEXT},
                                "reason": _TEXT,
                                "proof": {"type": "boolean"},
                            },
                        },
                    },
                    "controls": {
                        "type": ["object", "null"],
                        "required": ["different", "refused", "equivalent", "accepted"],
                        "properties": {
                            "different": {"type": "integer", "minimum": 0},
                            "refused": {"type": "integer", "minimum": 0},
                            "equivalent": {"type": "array", "items": _TEXT},
                            "accepted": {"type": "array", "items": _TEXT},
                        },
                    },
                    "consequences": {"type": "array", "items": {"type": "string"}},
                    "seconds": {"type": ["number", "null"]},
                },
            },
        },
    },
}
"""JSON Schema of what `Ledger.as_json` gives."""


@dataclass(frozen=True)
class Entry(Typeset):
    """One line of the ledger.

    Attributes:
        identifier: of the claim.
        verdict: on it.
        reading: the precise reading in words, where it needs some.
        controls: how the witnesses took its mutants; None where it has none.
        seconds: that the verdict took.
    """

    identifier: str
    verdict: Verdict
    reading: str = ""
    controls: Controls | None = None
    seconds: float | None = None

    @classmethod
    def of(cls, verdict: Verdict, budget: float | Budget | None = 5, **details: Any) -> Entry:
        """The entry of a verdict, with controls where the claim holds and the budget isn't None."""
        controls = None
        if verdict.status == "holds" and budget is not None:
            controls = control(verdict.claim, verdict.witnesses, budget)
        name = details.pop("identifier", None) or verdict.claim.name or str(verdict.claim)[:60]
        return cls(name, verdict, controls=controls, **details)

    def latex(self) -> str:
        """The statement, and its correction where it has one."""
        text = self.verdict.claim.latex()
        return text if self.verdict.marked is None else text + r" \quad\longrightarrow\quad " + self.verdict.marked

    def as_json(self) -> dict[str, Any]:
        """The entry as the schema has it."""
        v = self.verdict
        correction = None
        if v.correction is not None:
            correction = {
                "statement": str(v.correction),
                "latex": v.correction.latex(),
                "marked": v.marked,
                "change": v.change,
            }
        controls = None
        if self.controls is not None:
            controls = {
                "different": len(self.controls.different),
                "refused": sum(not r.accepted for r in self.controls.different),
                "equivalent": [m.change for m in self.controls.equivalent],
                "accepted": [r.mutant.change for r in self.controls.different if r.accepted],
            }
        return {
            "id": self.identifier,
            "printed": v.claim.statement(),
            "reading": self.reading or str(v.claim),
            "source": v.claim.source,
            "status": v.status,
            "reason": v.reason,
            "counterexample": _texts(v.counterexample),
            "holds_where": None if v.holds_where is None else [str(c) for c in v.holds_where],
            "correction": correction,
            "witnesses": [_witness(e) for e in v.witnesses],
            "controls": controls,
            "consequences": [str(c) for c in v.consequences],
            "seconds": self.seconds,
        }


def _texts(values: dict[Any, Any] | None) -> dict[str, str] | None:
    return None if values is None else {str(k): str(v) for k, v in values.items()}


def _witness(evidence: Evidence) -> dict[str, Any]:
    return {
        "name": evidence.witness,
        "kind": evidence.kind,
        "outcome": evidence.outcome.value,
        "checks": list(evidence.checks),
        "reason": evidence.reason,
        "proof": evidence.proof,
    }


@dataclass(frozen=True)
class Ledger(Typeset):
    """Verdicts on a set of claims.

    Attributes:
        title: what they are about.
        entries: in order.
    """

    title: str
    entries: tuple[Entry, ...] = field(default=())

    @classmethod
    def of(cls, title: str, verdicts: Iterable[Verdict], budget: float | None = 5) -> Ledger:
        """The ledger of some verdicts; each claim that holds is given `budget` seconds of negative controls."""
        return cls(title, tuple(Entry.of(v, budget) for v in verdicts))

    @property
    def summary(self) -> dict[str, int]:
        """How many claims have each status, and the controls in all."""
        counts: dict[str, int] = {}
        for e in self.entries:
            counts[e.verdict.status] = counts.get(e.verdict.status, 0) + 1
        controls = [e.controls for e in self.entries if e.controls is not None]
        counts["controls"] = sum(len(c.different) for c in controls)
        counts["controls refused"] = sum(not r.accepted for c in controls for r in c.different)
        return counts

    @property
    def refuted(self) -> bool:
        """Whether some claim, as printed, doesn't hold."""
        return any(e.verdict.status in ("fails", "holds with correction") for e in self.entries)

    def as_json(self) -> dict[str, Any]:
        """The ledger as `SCHEMA` has it."""
        return {
            "schema": SCHEMA_NAME,
            "title": self.title,
            "summary": self.summary,
            "entries": [e.as_json() for e in self.entries],
        }

    def to_json(self) -> str:
        """The ledger as JSON text."""
        return json.dumps(self.as_json(), indent=1, ensure_ascii=False)

    def latex(self) -> str:
        """An array of the claims with their statuses."""
        rows = [rf"\text{{{_plain(e.identifier)}}} & {e.latex()} & \text{{{e.verdict.status}}}" for e in self.entries]
        return "\\begin{array}{lll}\n" + " \\\\\n".join(rows) + "\n\\end{array}"

    def table(self, width: int | None = None) -> Any:
        """A rich table for the terminal."""
        from rich.table import Table
        from rich.text import Text

        colours = {"holds": "green", "definition": "green", "fails": "red", "holds with correction": "yellow"}
        table = Table(title=self.title, show_lines=True, width=width)
        for heading, ratio in (("claim", 2), ("statement", 4), ("verdict", 2), ("witnesses", 3), ("controls", 2)):
            table.add_column(heading, ratio=ratio, overflow="fold")
        for e in self.entries:
            v = e.verdict
            witnesses = "\n".join(f"{w.witness}: {_sign(w)}" for w in v.witnesses)
            statement = Text(str(v.claim).removeprefix(f"{v.claim.name}: ")[:300])
            if v.correction is not None:
                statement.append(f"\ncorrected: {str(v.correction).removeprefix(f'{v.claim.name}: ')[:300]}", "yellow")
            if v.status in ("fails", "undecided", "schematic"):
                statement.append(f"\n{v.reason[:300]}", "dim")
            table.add_row(
                Text(e.identifier),
                statement,
                Text(v.status, colours.get(v.status, "cyan")),
                Text(witnesses),
                Text(str(e.controls) if e.controls is not None else ""),
            )
        return table


def _sign(evidence: Evidence) -> str:
    return {Outcome.HOLDS: "yes", Outcome.REFUTED: "no", Outcome.UNDECIDED: "can't say"}[evidence.outcome]


def _plain(text: str) -> str:
    special = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
    special |= {c: "\\" + c for c in "{}$&#%_"}
    return "".join(special.get(c, c) for c in text)
