"""What a report holds, as plain data: nothing here knows HTML or LaTeX documents.

Text is plain text with mathematics between dollar signs. Formulas are LaTeX without an environment.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VERDICTS: Mapping[str, tuple[str, str]] = {
    "holds": ("✓", "Follows as printed, by every witness that could look at it."),
    "holds with correction": ("≈", "Follows after the correction beside it; as printed it does not."),
    "fails": ("✗", "Refuted, and no small correction mends it."),
    "definition": ("≔", "Defines a symbol: nothing to prove."),
    "schematic": ("∼", "Holds only up to what the text leaves open; the precise reading is beside it."),
    "undecided": ("?", "No witness came to a conclusion."),
}
"""Every status a ledger entry can have, with its sign and what it means."""


@dataclass(frozen=True)
class Formula:
    """A displayed formula.

    Attributes:
        body: LaTeX.
        number: as in the talk, e.g. "3"; empty for none.
        caption: what it says, in words.
        status: the verdict on it, a key of `VERDICTS`; empty for none.
        correction: LaTeX of what holds instead; empty for none.
        link: identifier of its entry in the ledger; empty for none.
        name: a few words that stand before the caption.
    """

    body: str
    number: str = ""
    caption: str = ""
    status: str = ""
    correction: str = ""
    link: str = ""
    name: str = ""


@dataclass(frozen=True)
class Witness:
    """One independent look at a claim.

    Attributes:
        name: what it does, e.g. "symbolic residual".
        outcome: what it found, e.g. "holds", "refuted", "undecided".
        detail: the points with their bounds, or the steps of the reduction.
    """

    name: str
    outcome: str
    detail: str = ""


@dataclass(frozen=True)
class Consequence:
    """Something that must hold if an entry does: its statement, what checking it gave, and the negative controls."""

    name: str
    statement: str
    status: str
    witnesses: tuple[Witness, ...] = ()
    controls: str = ""


@dataclass(frozen=True)
class Step:
    """One link of a derivation: relation, right side, the word on it, what checking it gave, and its own derivation."""

    relation: str
    right: str
    because: str = ""
    status: str = ""
    witnesses: tuple[Witness, ...] = ()
    within: Working | None = None


@dataclass(frozen=True)
class Working:
    """A derivation that folds out.

    Attributes:
        title: its name.
        left: LaTeX of where it starts.
        steps: its links.
        anchor: name for links to it; made from the title where it is empty.
        open: shown unfolded.
    """

    title: str
    left: str
    steps: tuple[Step, ...]
    anchor: str = ""
    open: bool = False

    @property
    def identifier(self) -> str:
        """The name for links to it."""
        return self.anchor or "derivation-" + slug(self.title)


@dataclass(frozen=True)
class Figure:
    """An image with a caption and a description for those who can't see it.

    Attributes:
        data: SVG text or the bytes of a PNG or JPEG file.
        alt: what the image shows, in a sentence or two.
        caption: under the image.
        title: a short name, for the list of figures and for links.
        kind: "svg", "png" or "jpeg".
        pdf: the same as PDF, for the article; empty leaves it out there.
    """

    data: str | bytes
    alt: str
    caption: str
    title: str = ""
    kind: str = "svg"
    pdf: bytes = b""

    @classmethod
    def from_matplotlib(cls, figure: Any, alt: str, caption: str, title: str = "", raster: bool = False) -> Figure:
        """A matplotlib figure, as SVG, or as PNG where it holds images (`raster`)."""
        buffer = io.BytesIO()
        kind = "png" if raster else "svg"
        figure.savefig(buffer, format=kind, bbox_inches="tight", metadata=None if raster else {"Date": None}, dpi=150)
        value: str | bytes = buffer.getvalue()
        text = value if raster else buffer.getvalue().decode("utf-8")
        return cls(text, alt, caption, title, kind, pdf_of(figure))

    @classmethod
    def from_file(cls, path: str | Path, alt: str, caption: str, title: str = "") -> Figure:
        """An image file; its kind is told by its ending."""
        path = Path(path)
        kind = {".svg": "svg", ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg"}[path.suffix.lower()]
        return cls(path.read_text("utf-8") if kind == "svg" else path.read_bytes(), alt, caption, title, kind)

    @property
    def identifier(self) -> str:
        """The name for links to it."""
        return "figure-" + slug(self.title or self.caption[:40])

    @property
    def address(self) -> str:
        """The image as a data URI; an SVG image in one can neither run scripts nor load anything."""
        raw = self.data.encode("utf-8") if isinstance(self.data, str) else self.data
        mime = "image/svg+xml" if self.kind == "svg" else f"image/{self.kind}"
        return f"data:{mime};base64,{base64.b64encode(raw).decode('ascii')}"


def pdf_of(canvas: Any) -> bytes:
    """A matplotlib figure as PDF, the same bytes each time."""
    buffer = io.BytesIO()
    canvas.savefig(buffer, format="pdf", bbox_inches="tight", metadata={"CreationDate": None}, dpi=150)
    return buffer.getvalue()


@dataclass(frozen=True)
class Table:
    """A table; cells are text, numbers stand to the right."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    caption: str = ""


Block = str | Formula | Working | Figure | Table
"""What a chapter is made of; a str is a paragraph."""


@dataclass(frozen=True)
class Chapter:
    """A part of the report.

    Attributes:
        title: heading.
        blocks: paragraphs, formulas, derivations, figures, tables, in order.
        equations: which of the talk's it treats, e.g. "(1)-(3)".
        code: path of the module that derives it, a key of `Report.code`.
    """

    title: str
    blocks: tuple[Block, ...]
    equations: str = ""
    code: str = ""

    @property
    def identifier(self) -> str:
        """The name for links to it."""
        return "chapter-" + slug(self.title)


@dataclass(frozen=True)
class Entry:
    """One claim of the ledger.

    Attributes:
        number: as in the talk, e.g. "14" or "14b"; it names the entry.
        name: what the claim says, in a few words.
        printed: LaTeX as printed.
        status: a key of `VERDICTS`.
        reading: the precise reading that was checked: text with mathematics between dollar signs.
        correction: LaTeX of what holds instead; empty for none.
        remark: what a reader should know about the verdict: text with mathematics between dollar signs.
        reason: why, in words.
        witnesses: who looked and what they found.
        counterexample: a point at which it fails, in words.
        chapter: title of the chapter that treats it.
        working: identifier of the derivation that shows it.
        code: path of the module that checks it, a key of `Report.code`.
        line: where in that file.
        source: where it was printed.
        controls: how many false neighbours of what holds were refused, in words.
        consequences: what follows from it and was checked too: instances, and the correction where there is one.
    """

    number: str
    name: str
    printed: str
    status: str
    reading: str = ""
    correction: str = ""
    remark: str = ""
    reason: str = ""
    witnesses: tuple[Witness, ...] = ()
    counterexample: str = ""
    chapter: str = ""
    working: str = ""
    code: str = ""
    line: int = 0
    source: str = ""
    controls: str = ""
    consequences: tuple[Consequence, ...] = ()

    @property
    def short_reason(self) -> str:
        """The reason without the raw point of a counterexample, which stands beside it as a formula."""
        if not self.counterexample:
            return self.reason
        confirmed = self.reason.find("the correction is confirmed")
        return "The" + self.reason[confirmed + 3 :] if confirmed >= 0 else ""

    def __post_init__(self) -> None:
        if self.status not in VERDICTS:
            raise ValueError(
                f"status of entry {self.number!r} is {self.status!r}; one of {', '.join(VERDICTS)} is needed"
            )

    @property
    def identifier(self) -> str:
        """The name for links to it."""
        return "equation-" + slug(self.number)


@dataclass(frozen=True)
class Finding:
    """A row of the summary: what was asked, what was found, where to read on (an identifier), and the verdict if any."""

    question: str
    answer: str
    link: str = ""
    status: str = ""


@dataclass(frozen=True)
class Report:
    """Everything that `write_html` and `write_document` need.

    Attributes:
        title: of the page.
        subtitle: under it.
        abstract: what was claimed and what was found.
        findings: the summary.
        chapters: in order.
        ledger: every claim that was checked.
        code: path -> source text of the modules that derive and check.
        colophon: how the report was made: version, command, times.
    """

    title: str
    chapters: tuple[Chapter, ...]
    ledger: tuple[Entry, ...] = ()
    subtitle: str = ""
    abstract: str = ""
    findings: tuple[Finding, ...] = ()
    code: Mapping[str, str] = field(default_factory=dict)
    colophon: str = ""

    def count(self) -> dict[str, int]:
        """How many entries of the ledger have each status, in the order of `VERDICTS`."""
        return {s: n for s in VERDICTS if (n := sum(entry.status == s for entry in self.ledger))}


def label(number: str) -> str:
    """How a number is shown: "3" as (3), "(20), text" as it is."""
    return number if "(" in number or not number else f"({number})"


def first_sentence(text: str) -> str:
    """Up to the first full stop or colon outside of mathematics."""
    for match in re.finditer(r"[.:](?= |$)", text):
        if text[: match.start()].count("$") % 2 == 0:
            return text[: match.start()] + "."
    return text


def fold(text: str, most: int = 320) -> tuple[str, str]:
    """A long text as its first sentences and the rest; mathematics is not cut."""
    if len(text) <= most:
        return text, ""
    for match in reversed(list(re.finditer(r"[.;] ", text[:most]))):
        if text[: match.start()].count("$") % 2 == 0:
            return text[: match.start() + 1], text[match.end() :]
    return text, ""


def slug(text: str) -> str:
    """Letters, digits and hyphens: a name that a link can carry."""
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"\$[^$]*\$", "", text).lower()).strip("-") or "x"


def code_anchor(path: str, line: int = 0) -> str:
    """The name of a listing, or of a line in it."""
    return "code-" + slug(path) + (f"-{line}" if line else "")
