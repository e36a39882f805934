"""Derivations and verdicts of symrg as parts of a report."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

from sympy import Float

from derivations.report.content import Block, Chapter, Consequence, Entry, Formula, Step, Witness, Working, slug
from derivations.report.html import BrokenReport
from derivations.statement import Statement
from symrg.derivation import Derivation
from symrg.typesetting import latex
from symrg.verification import Claim, Evidence, Verdict
from symrg.verification import ledger as ledgers

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
    where = ", ".join(f"${latex(s)} {_shown(v)}$" for s, v in (verdict.counterexample or {}).items())
    return Entry(
        number,
        name or claim.name or f"Equation {number}",
        claim.statement(),
        verdict.status,
        reading=reading or (f"for {conditions}" if conditions else ""),
        correction=verdict.correction.latex() if verdict.correction is not None else "",
        reason=reason or _balanced(verdict.reason),
        witnesses=witnesses(verdict),
        counterexample=where,
        chapter=chapter,
        working=working,
        code=code,
        line=line,
        source=claim.source or "",
    )


def statement_entry(statement: Statement, verdict: Verdict, kept: ledgers.Entry | None = None, **where: Any) -> Entry:
    """A statement of the talk, with its verdict, as an entry of the ledger.

    Args:
        statement: as printed and as read.
        verdict: what `statement.verify()` gave.
        kept: its line of the ledger, with the negative controls; without them where None.
        where: chapter, working, code and line, as in `Entry`.
    """
    made = entry(
        plain_number(statement.number),
        verdict,
        name=statement.title,
        reading=statement.reading,
        reason=_sentence(_balanced(verdict.reason)),
        **where,
    )
    kept = kept or ledgers.Entry.of(verdict, None)
    return replace(
        made,
        printed=statement.latex(),
        remark=_sentence(statement.remark),
        controls=_controls(kept),
        consequences=_consequences(kept),
    )


def _controls(line: ledgers.Entry) -> str:
    return str(line.controls) if line.controls is not None else ""


def _consequences(line: ledgers.Entry) -> tuple[Consequence, ...]:
    """What was checked besides the statement itself; its correction first."""
    found = []
    corrected = line.verdict.corrected
    if corrected is not None:
        statement = corrected.claim.statement()
        found.append(Consequence("correction", statement, corrected.status, witnesses(corrected), _controls(line)))
    for below in line.consequences:
        claim = below.verdict.claim
        name = claim.name or "consequence"
        found.append(
            Consequence(name, claim.statement(), below.verdict.status, witnesses(below.verdict), _controls(below))
        )
    return tuple(found)


def chapter(
    module: ModuleType,
    verdicts: Mapping[str, Verdict],
    links: Mapping[str, Sequence[Verdict]] | None = None,
    extra: Sequence[Block] = (),
    lines: Mapping[str, ledgers.Entry] | None = None,
) -> tuple[Chapter, tuple[Entry, ...]]:
    """A chapter of the talk and its entries of the ledger, from the module that derives it.

    Args:
        module: with `title`, `statements()`, `derivations()` and a docstring that introduces it.
        verdicts: number of the statement -> its verdict.
        links: title of the derivation -> the verdicts of its links.
        extra: figures, tables and text that follow.
        lines: number of the statement -> its line of the ledger, where the negative controls were run.

    Raises:
        BrokenReport: the module lists `numbers` that its statements don't have.
    """
    links = links or {}
    listed = getattr(module, "numbers", None)
    if listed is not None and list(listed) != [s.number for s in module.statements()]:
        raise BrokenReport(f"{module.__name__}.numbers lists other numbers than its statements have; correct the list")
    path = module.__name__.replace(".", "/") + ".py"
    blocks: list[Block] = list(_paragraphs(module.__doc__ or ""))
    shown: dict[str, Working] = {}
    for derivation in module.derivations():
        shown[derivation.title] = working(derivation, links.get(derivation.title, ()))
    entries: list[Entry] = []
    for statement in module.statements():
        derivation = statement.derivation() if statement.derivation else None
        if derivation is not None and derivation.title not in shown:
            shown[derivation.title] = working(derivation, links.get(derivation.title, ()))
        entries.append(
            statement_entry(
                statement,
                verdicts[statement.number],
                (lines or {}).get(statement.number),
                chapter=module.title,
                working=shown[derivation.title].identifier if derivation is not None else "",
                code=path,
                line=_line(statement, module),
            )
        )
        blocks.append(_formula(entries[-1]))
    found = Chapter(module.title, (*blocks, *shown.values(), *extra), _span(module.statements()), path)
    return found, tuple(entries)


def _formula(entry: Entry) -> Formula:
    """An equation as printed, with its verdict and correction."""
    caption = " ".join(part for part in (_sentence(entry.reading), entry.remark) if part)
    return Formula(entry.printed, entry.number, caption, entry.status, entry.correction, entry.identifier, entry.name)


def _balanced(text: str) -> str:
    """A text whose dollar signs come in pairs; without them where they do not."""
    return text if text.count("$") % 2 == 0 else text.replace("$", "")


def _sentence(text: str) -> str:
    """A text with a capital and a full stop."""
    return text[:1].upper() + text[1:].rstrip(".") + "." if text else ""


def source_of(*modules: ModuleType) -> dict[str, str]:
    """The source of the modules, as `Report.code` takes it."""
    return {m.__name__.replace(".", "/") + ".py": inspect.getsource(m) for m in modules}


def plain_number(number: str) -> str:
    """A number without its parentheses: "3" for "(3)"; "(20), text" stays, since its parentheses hold a part only."""
    match = re.fullmatch(r"\(([^()]+)\)", number)
    return match[1] if match else number


def _span(statements: Sequence[Statement]) -> str:
    """The numbers of a chapter from the first to the last: "(4)-(11)"."""
    numbers = sorted({int(n) for s in statements for n in re.findall(r"\d+", s.number)})
    if not numbers:
        return ""
    return f"({numbers[0]})" if len(numbers) == 1 else f"({numbers[0]})-({numbers[-1]})"


def _paragraphs(text: str) -> Iterator[str]:
    """A docstring as running text: its first line, then its paragraphs."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        yield _balanced(" ".join(paragraph.replace("`", "").split()))


def _line(statement: Statement, module: ModuleType) -> int:
    """Where in the module the derivation of a statement starts; 0 where it has none there."""
    code = getattr(statement.derivation, "__code__", None)
    return code.co_firstlineno if code is not None and code.co_filename == getattr(module, "__file__", None) else 0


def _shown(value: Any) -> str:
    r"""``= 1/3`` for a short number, ``\approx 2.3058`` for one with many digits."""
    exact = latex(value)
    if not getattr(value, "is_number", False) or (len(exact) <= 24 and not value.has(Float)):
        return f"= {exact}"
    return rf"\approx {latex(Float(str(value.evalf(6)), 6))}" if value.is_real else rf"\approx {latex(value.evalf(6))}"


def _detail(evidence: Evidence) -> str:
    checks = list(evidence.checks)
    shown = checks[:_SHOWN_CHECKS]
    if len(checks) > len(shown):
        shown.append(f"and {len(checks) - len(shown)} more")
    parts = [evidence.reason] if evidence.reason else []
    return _balanced("; ".join([*parts, *shown]))
