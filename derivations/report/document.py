"""The report as a LaTeX article: the same chapters, derivations, figures and ledger."""

from __future__ import annotations

from pathlib import Path

from derivations.report.content import Entry, Figure, Formula, Report, Step, Table, Witness, Working, fold
from symrg import typesetting
from symrg.files import write_atomically
from symrg.typesetting import Chain, Equation, Picture, Section, document

FIGURES = "figures"


def write_document(report: Report, path: str | Path) -> Path:
    """Write the article, with its figures in a folder `figures` beside it.

    Args:
        report: what it holds.
        path: where to; folders are made.

    Returns:
        The path.
    """
    path = Path(path)
    folder = path.parent / FIGURES
    for chapter in report.chapters:
        for block in chapter.blocks:
            if isinstance(block, Figure) and block.pdf:
                write_atomically(folder / f"{block.identifier}.pdf", block.pdf)
    return write_atomically(path, article(report))


def article(report: Report) -> str:
    """The article as text, ready for pdflatex beside the folder of its figures."""
    sections = []
    if report.findings:
        rows = tuple((f.question, f"{f.status}: {f.answer}" if f.status else f.answer) for f in report.findings)
        sections.append(Section("Summary", (typesetting.Table(("Question", "Finding"), rows),)))
    for chapter in report.chapters:
        title = f"{chapter.title} {chapter.equations}".strip()
        content = tuple(part for block in chapter.blocks for part in _parts(block))
        sections.append(Section(title, content))
    if report.ledger:
        sections.append(Section("Ledger", tuple(_entry(entry) for entry in report.ledger)))
    return document(report.title, sections, abstract=report.abstract.replace("\n\n", " "))


def _parts(block: object) -> tuple[str | Equation | Section | Picture | typesetting.Table, ...]:
    if isinstance(block, str):
        return (block,)
    if isinstance(block, Formula):
        parts: list[str | Equation | Section | Picture | typesetting.Table] = [Equation(block.body, tag=block.number)]
        verdict = f"{block.name} ({block.status})." if block.status else block.name
        if verdict or block.caption:
            parts.append(f"{verdict} {block.caption}".strip())
        if block.correction:
            parts += ["Correct is", Equation(block.correction, tag="")]
        return tuple(parts)
    if isinstance(block, Working):
        chain = Chain(block.left, tuple((s.relation, s.right, _word(s)) for s in block.steps), tag="")
        details = tuple(part for step in block.steps if step.within for part in _parts(step.within))
        return (Section(block.title, ((chain,) if block.steps else (Equation(block.left, tag=""),)) + details),)
    if isinstance(block, Table):
        rows = tuple(tuple(str(cell) for cell in row) for row in block.rows)
        return (typesetting.Table(block.columns, rows, block.caption),)
    assert isinstance(block, Figure)
    if not block.pdf:
        return (f"Figure in the report: {block.caption}",)
    return (Picture(f"{FIGURES}/{block.identifier}.pdf", block.caption),)


def _word(step: Step) -> str:
    word = step.because[:1].upper() + step.because[1:]
    return f"{word} ({step.status})" if word and step.status and step.status != "holds" else word


def _testimony(witness: Witness) -> str:
    """What a witness found, shortened; the ledger's JSON has it in full."""
    head, tail = fold(witness.detail, 240)
    detail = f" ({head.rstrip('.;')}{' ...' if tail else ''})" if head else ""
    return f"Witness, {witness.name}: {witness.outcome}{detail}."


def _entry(entry: Entry) -> Section:
    content: list[str | Equation] = [
        Equation(entry.printed, tag=entry.number),
        f"Verdict: {entry.status}. {entry.remark} {entry.short_reason}",
    ]
    if entry.reading:
        content.append(f"Reading: {entry.reading}")
    if entry.correction:
        content += ["Correct is", Equation(entry.correction, tag="")]
    if entry.counterexample:
        content.append(f"It fails at {entry.counterexample}.")
    content += [_testimony(witness) for witness in entry.witnesses]
    for below in entry.consequences:
        content += [f"Checked too, {below.name} ({below.status}):", Equation(below.statement, tag="")]
        content += [_testimony(witness) for witness in below.witnesses]
        if below.controls:
            content.append(f"False neighbours: {below.controls}.")
    if entry.controls:
        content.append(f"False neighbours: {entry.controls}.")
    return Section(entry.name, tuple(content))
