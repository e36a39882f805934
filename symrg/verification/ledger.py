"""The ledger: what was claimed, how it was read, what the witnesses found, and how they took the controls."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from symrg import __version__
from symrg.budget import Budget
from symrg.typesetting import Typeset
from symrg.verification.judgement import STATUSES, Verdict
from symrg.verification.mutants import Controls, control
from symrg.verification.witness import Evidence, Outcome

SCHEMA_NAME = "symrg-ledger/1"

_TEXT = {"type": "string"}
_MAYBE = {"type": ["string", "null"]}
_COUNT = {"type": "integer", "minimum": 0}
_TEXTS = {"type": "array", "items": _TEXT}
_STATUS = {"enum": ["holds", "holds with correction", "fails", "definition", "schematic", "undecided"]}


def _object(required: list[str], properties: dict[str, Any], nullable: bool = False) -> dict[str, Any]:
    kind: Any = ["object", "null"] if nullable else "object"
    return {"type": kind, "required": required, "properties": properties, "additionalProperties": False}


_WITNESSES = {
    "type": "array",
    "items": _object(
        ["name", "kind", "outcome", "checks", "reason", "proof"],
        {
            "name": _TEXT,
            "kind": _TEXT,
            "outcome": {"enum": ["holds", "refuted", "undecided"]},
            "checks": _TEXTS,
            "reason": _TEXT,
            "proof": {"type": "boolean"},
        },
    ),
}
_CONTROLS = _object(
    ["different", "refused", "refuted", "score", "equivalent", "accepted", "untried"],
    {
        "different": {**_COUNT, "description": "mutants that are other statements and were shown to the witnesses"},
        "refused": {**_COUNT, "description": "those that no witness confirmed"},
        "refuted": {**_COUNT, "description": "those that a witness refuted by a counter-example"},
        "score": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        "equivalent": _TEXTS,
        "accepted": _TEXTS,
        "untried": {**_COUNT, "description": "mutants that were left out for want of time"},
    },
    nullable=True,
)
_ENTRY = _object(
    ["id", "printed", "reading", "status", "reason", "witnesses"],
    {
        "id": _TEXT,
        "title": {"type": "string", "description": "what it says, in a few words"},
        "printed": {"type": "string", "description": "LaTeX of the statement as its source prints it"},
        "reading": {"type": "string", "description": "the precise statement that was examined, in words or as text"},
        "examined": {"type": "string", "description": "the claim that the witnesses examined, as text"},
        "source": _MAYBE,
        "code": _MAYBE,
        "status": _STATUS,
        "reason": _TEXT,
        "counterexample": {"type": ["object", "null"], "additionalProperties": _TEXT},
        "holds_where": {"type": ["array", "null"], "items": _TEXT},
        "correction": _object(
            ["statement", "latex", "marked", "change"],
            {"statement": _TEXT, "latex": _TEXT, "marked": _MAYBE, "change": _TEXT, "witnesses": _WITNESSES},
            nullable=True,
        ),
        "witnesses": _WITNESSES,
        "controls": {**_CONTROLS, "description": "of the claim, or of its correction where that is what holds"},
        "steps": {
            "type": "array",
            "items": _object(
                ["statement", "because", "status", "reason", "witnesses"],
                {"statement": _TEXT, "because": _TEXT, "status": _STATUS, "reason": _TEXT, "witnesses": _WITNESSES},
            ),
        },
        "consequences": {"type": "array", "items": {"$ref": "#/$defs/entry"}},
        "seconds": {"type": ["number", "null"]},
    },
)
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "symrg ledger of verified claims",
    **_object(
        ["schema", "title", "summary", "entries"],
        {
            "schema": {"const": SCHEMA_NAME},
            "title": _TEXT,
            "version": _TEXT,
            "summary": {"type": "object", "additionalProperties": _COUNT},
            "entries": {"type": "array", "items": {"$ref": "#/$defs/entry"}},
        },
    ),
    "$defs": {"entry": _ENTRY},
}
"""JSON Schema of what `Ledger.as_json` gives."""


@dataclass(frozen=True)
class Entry(Typeset):
    """One line of the ledger.

    Attributes:
        identifier: of the claim.
        verdict: on it.
        reading: the precise reading in words, where it needs some.
        controls: how the witnesses took the mutants of what holds: the claim, or its correction; None without any.
        seconds: that the verdict took.
        title: what it says, in a few words.
        code: where it is derived.
        steps: verdicts on the links of the derivation that leads to it.
        consequences: entries of what follows from it, of its instances too.
    """

    identifier: str
    verdict: Verdict
    reading: str = ""
    controls: Controls | None = None
    seconds: float | None = None
    title: str = ""
    code: str | None = None
    steps: tuple[Verdict, ...] = ()
    consequences: tuple[Entry, ...] = ()

    @classmethod
    def of(cls, verdict: Verdict, budget: float | Budget | None = 5, **details: Any) -> Entry:
        """The entry of a verdict, with controls of whatever holds in it where the budget isn't None.

        Args:
            verdict: on a claim.
            budget: seconds for the controls of the claim and its consequences together.
            details: identifier, reading, title, code, steps, seconds.
        """
        controls = None
        limit = None if budget is None else Budget.of(budget)
        confirmed = verdict.corrected if verdict.status == "holds with correction" else verdict
        parts = 1 + len(verdict.consequences)
        if limit is not None and confirmed is not None and confirmed.status == "holds":
            controls = control(confirmed.claim, confirmed.witnesses, Budget(max(limit.remaining / parts, 0.05)))
        name = details.pop("identifier", None) or verdict.claim.name or str(verdict.claim)[:60]
        found = []
        for k, consequence in enumerate(verdict.consequences):
            share = None if limit is None else Budget(max(limit.remaining / (len(verdict.consequences) - k), 0.05))
            found.append(cls.of(consequence, share))
        return cls(name, verdict, controls=controls, consequences=tuple(found), **details)

    @property
    def all_controls(self) -> tuple[Controls, ...]:
        """Its own controls and those of its consequences."""
        own = () if self.controls is None else (self.controls,)
        return own + tuple(c for e in self.consequences for c in e.all_controls)

    def latex(self) -> str:
        """The statement, and its correction where it has one."""
        text = self.verdict.claim.latex()
        correction = self.verdict.correction
        mended = self.verdict.marked or (None if correction is None else correction.latex())
        return text if mended is None else text + r" \quad\longrightarrow\quad " + mended

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
                "witnesses": [_witness(e) for e in v.corrected.witnesses] if v.corrected else [],
            }
        return {
            "id": self.identifier,
            "title": self.title,
            "printed": v.claim.statement(),
            "reading": self.reading or str(v.claim),
            "examined": str(v.claim),
            "source": v.claim.source,
            "code": self.code,
            "status": v.status,
            "reason": v.reason,
            "counterexample": _texts(v.counterexample),
            "holds_where": None if v.holds_where is None else [str(c) for c in v.holds_where],
            "correction": correction,
            "witnesses": [_witness(e) for e in v.witnesses],
            "controls": None if self.controls is None else _controls(self.controls),
            "steps": [_step(s) for s in self.steps],
            "consequences": [e.as_json() for e in self.consequences],
            "seconds": self.seconds,
        }


@dataclass(frozen=True)
class Measured:
    """A line of the ledger that a measurement decides: there are no two sides for the other witnesses to look at.

    Attributes:
        identifier: of the statement.
        printed: LaTeX as its source prints it.
        status: as of a verdict.
        witnesses: what was measured, and how.
        reading: what precisely was measured, in words.
        reason: for the status.
        title: what it says, in a few words.
        source: where it is printed.
        code: where it is measured.
    """

    identifier: str
    printed: str
    status: str
    witnesses: tuple[Evidence, ...]
    reading: str = ""
    reason: str = ""
    title: str = ""
    source: str | None = None
    code: str | None = None
    all_controls: tuple[Controls, ...] = ()

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"status is one of {', '.join(STATUSES)}; given {self.status!r}")

    def as_json(self) -> dict[str, Any]:
        """The entry as the schema has it."""
        return {
            "id": self.identifier,
            "title": self.title,
            "printed": self.printed,
            "reading": self.reading,
            "source": self.source,
            "code": self.code,
            "status": self.status,
            "reason": self.reason,
            "witnesses": [_witness(e) for e in self.witnesses],
            "controls": None,
        }


def _controls(controls: Controls) -> dict[str, Any]:
    return {
        "different": len(controls.different),
        "refused": controls.refused,
        "refuted": controls.refuted,
        "score": controls.score,
        "equivalent": [m.change for m in controls.equivalent],
        "accepted": [r.mutant.change for r in controls.different if r.accepted],
        "untried": controls.untried,
    }


def _step(verdict: Verdict) -> dict[str, Any]:
    return {
        "statement": str(verdict.claim),
        "because": verdict.claim.source or "",
        "status": verdict.status,
        "reason": verdict.reason,
        "witnesses": [_witness(e) for e in verdict.witnesses],
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
    entries: tuple[Entry | Measured, ...] = field(default=())

    @classmethod
    def of(cls, title: str, verdicts: Iterable[Verdict], budget: float | None = 5) -> Ledger:
        """The ledger of some verdicts; each claim that holds is given `budget` seconds of negative controls."""
        return cls(title, tuple(Entry.of(v, budget) for v in verdicts))

    @property
    def summary(self) -> dict[str, int]:
        """How many claims have each status, and the controls in all."""
        counts: dict[str, int] = {}
        for e in self.entries:
            counts[_status(e)] = counts.get(_status(e), 0) + 1
        controls = [c for e in self.entries for c in e.all_controls]
        counts["controls"] = sum(len(c.different) for c in controls)
        counts["controls refused"] = sum(c.refused for c in controls)
        counts["controls refuted"] = sum(c.refuted for c in controls)
        counts["controls equivalent"] = sum(len(c.equivalent) for c in controls)
        counts["controls untried"] = sum(c.untried for c in controls)
        return counts

    @property
    def refuted(self) -> bool:
        """Whether some claim, as printed, doesn't hold."""
        return any(_status(e) in ("fails", "holds with correction") for e in self.entries)

    def as_json(self) -> dict[str, Any]:
        """The ledger as `SCHEMA` has it."""
        return {
            "schema": SCHEMA_NAME,
            "title": self.title,
            "version": __version__,
            "summary": self.summary,
            "entries": [e.as_json() for e in self.entries],
        }

    def to_json(self) -> str:
        """The ledger as JSON text."""
        return json.dumps(self.as_json(), indent=1, ensure_ascii=False)

    def latex(self) -> str:
        """An array of the claims: printed form and correction, verdict, witnesses, derivation, false neighbours."""
        heads = ("claim", "statement", "verdict", "witnesses", "derivation", "false neighbours")
        rows = [" & ".join(rf"\text{{{h}}}" for h in heads) + r" \\ \hline"]
        for e in self.entries:
            statement = e.latex() if isinstance(e, Entry) else e.printed
            words = (_status(e), ", ".join(_seen(e)), _derived(e), _score(e))
            cells = [rf"\text{{{_plain(e.identifier)}}}", statement, *(rf"\text{{{_plain(w)}}}" for w in words)]
            rows.append(" & ".join(cells) + r" \\")
        return "\\begin{array}{llllll}\n" + "\n".join(rows).removesuffix(r" \\") + "\n\\end{array}"

    def table(self, width: int | None = None) -> Any:
        """A rich table for the terminal: a line for each claim, with its reading, correction and derivation."""
        from rich.table import Table
        from rich.text import Text

        colours = {"holds": "green", "definition": "green", "fails": "red", "holds with correction": "yellow"}
        table = Table(title=self.title, show_lines=True, width=width)
        for heading, ratio in (("claim", 2), ("statement", 4), ("verdict", 2), ("witnesses", 3), ("controls", 2)):
            table.add_column(heading, ratio=ratio, overflow="fold")
        for e in self.entries:
            status = _status(e)
            statement = Text(e.title if isinstance(e, Measured) else _examined(e.verdict.claim))
            if e.reading:
                statement.append(f"\nread as: {e.reading[:_LONG]}", "dim")
            if isinstance(e, Entry):
                _annotate(statement, e)
            table.add_row(
                Text(e.identifier),
                statement,
                Text(status, colours.get(status, "cyan")),
                Text("\n".join(_seen(e))),
                Text(_score(e)),
            )
        return table


_LONG = 300  # characters of a text in the table


def _examined(claim: Any) -> str:
    return str(claim).removeprefix(f"{claim.name}: ")[:_LONG]


def _annotate(statement: Any, entry: Entry) -> None:
    """Correction, reason, derivation and consequences under a statement of the table."""
    v = entry.verdict
    if v.correction is not None:
        statement.append(f"\ncorrected: {_examined(v.correction)}", "yellow")
    if v.status in ("fails", "undecided", "schematic"):
        statement.append(f"\n{v.reason[:_LONG]}", "dim")
    if entry.steps:
        statement.append(f"\nderivation: {_derived(entry)}", "dim")
    if entry.consequences:
        bad = [e for e in entry.consequences if _status(e) not in ("holds", "definition")]
        found = "".join(f"; {e.identifier}: {_status(e)}" for e in bad)
        held = len(entry.consequences) - len(bad)
        statement.append(f"\nconsequences: {held} of {len(entry.consequences)} hold{found}", "red" if bad else "dim")


def _seen(entry: Entry | Measured) -> list[str]:
    """Who looked at a claim and what they found, with the kind of each; at what follows from it where it has none."""
    seen = entry.witnesses if isinstance(entry, Measured) else entry.verdict.witnesses
    if isinstance(entry, Entry) and not seen:
        below = [w for e in entry.consequences for w in e.verdict.witnesses if w.outcome is Outcome.HOLDS]
        return [f"of consequences: {name}" for name in dict.fromkeys(w.witness for w in below)]
    lines = [f"{w.witness}: {_sign(w)}" for w in seen]
    if isinstance(entry, Entry) and entry.verdict.corrected is not None:
        held = [w.witness for w in entry.verdict.corrected.witnesses if w.outcome is Outcome.HOLDS]
        lines += [f"correction, {name}: yes" for name in held]
    return lines


def _derived(entry: Entry | Measured) -> str:
    if isinstance(entry, Measured) or not entry.steps:
        return ""
    held = sum(s.status in ("holds", "definition") for s in entry.steps)
    return f"{held} of {len(entry.steps)} steps hold"


def _score(entry: Entry | Measured) -> str:
    """How the false neighbours of a claim and of what follows from it were taken."""
    if isinstance(entry, Measured):
        return "measured"
    found = entry.all_controls
    if not found:
        return ""
    if len(found) == 1:
        return str(found[0])
    different, refused = sum(len(c.different) for c in found), sum(c.refused for c in found)
    untried = sum(c.untried for c in found)
    return f"{refused} of {different} refused, with consequences" + (f", {untried} untried" if untried else "")


def _status(entry: Entry | Measured) -> str:
    return entry.status if isinstance(entry, Measured) else entry.verdict.status


def _sign(evidence: Evidence) -> str:
    return {Outcome.HOLDS: "yes", Outcome.REFUTED: "no", Outcome.UNDECIDED: "can't say"}[evidence.outcome]


def _plain(text: str) -> str:
    special = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
    special |= {c: "\\" + c for c in "{}$&#%_"}
    return "".join(special.get(c, c) for c in text)
