"""The main job: derive, verify, solve, train, prune, and write the report.

Every stage returns what it found as parts of one report; the ledger, the article and the page are written from that.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import Any, Protocol

from derivations import fisher_pruning
from derivations.examination import Task, examinations, tasks
from derivations.report.builder import chapter, source_of
from derivations.report.content import VERDICTS, Block, Chapter, Entry, Finding, Report, first_sentence, label
from symrg import __version__
from symrg.files import write_atomically
from symrg.verification import Evidence, Verdict
from symrg.verification.certificate import certificate
from symrg.verification.ledger import Entry as Line
from symrg.verification.ledger import Ledger, Measured
from symrg.verification.witness import Outcome as Found

CHAPTERS = (
    "derivations.information_geometry",
    "derivations.exact_rg",
    "derivations.dynamical_bayes",
    "derivations.normal_data",
    "derivations.bayesian_diffusion",
    "derivations.dictionary",
    "derivations.renormalisability",
)
"""Modules whose statements are verified, in the order of the talk."""

Extra = Callable[[], tuple[Sequence[Block], Sequence[Finding]]]


class Monitor(Protocol):
    """What the main job tells while it works."""

    def start(self, title: str) -> None:
        """A stage begins."""

    def advance(self, done: int, total: int, text: str) -> None:
        """How far the stage is."""

    def finish(self, result: str, seconds: float) -> None:
        """The stage has ended, and what it found."""


class Silence:
    """A monitor that says nothing."""

    def start(self, title: str) -> None:
        """Say nothing."""

    def advance(self, done: int, total: int, text: str) -> None:
        """Say nothing."""

    def finish(self, result: str, seconds: float) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Outcome:
    """What the main job found and where it put it.

    Attributes:
        report: as the page shows it.
        ledger: every statement with its witnesses, derivation and negative controls.
        files: that were written.
        seconds: that it took.
    """

    report: Report
    ledger: Ledger
    files: tuple[Path, ...]
    seconds: float


def run(
    output: str | Path = "report",
    *,
    seed: int = 0,
    seeds: int = 1,
    budget: float = 30.0,
    pdf: bool = False,
    monitor: Monitor | None = None,
    processes: int | None = 0,
) -> Outcome:
    """Do everything and write the report into a folder.

    It is `index.html`, `derivations.tex`, `ledger.json` and `certificate.json`, which `symrg verify --check` reads.

    Args:
        output: folder.
        seed: of the network and its training.
        seeds: networks over which pruning is compared, with error bars; 1 compares on the one network alone.
        budget: seconds for the verification of one statement.
        pdf: print the page to `report.pdf` too, where a browser is installed.
        monitor: is told how the work goes.
        processes: that verify beside this one, 0 for none; None means two where there are as many processors.
    """
    begin = perf_counter()
    told = monitor or Silence()
    output = Path(output)
    chapters: list[Chapter] = []
    ledger: list[Entry] = []
    lines: list[Line | Measured] = []
    proved: list[Verdict] = []
    findings: list[Finding] = []
    modules = [import_module(name) for name in CHAPTERS]
    wanted = {module.__name__: tasks(module, budget) for module in modules}
    with examinations([t for listed in wanted.values() for t in listed], processes) as begun:
        for module in modules:
            examined = {t: begun[t] for t in wanted[module.__name__]}
            part, entries, found, of_module = _verified(module, examined, told)
            lines += of_module
            proved += [v for line in of_module for v in (line.verdict, *line.steps)]
            chapters.append(part)
            ledger += entries
            findings += found
    pruned, entries, found = _pruning(seed, seeds, told)
    chapters.append(pruned)
    ledger += entries
    lines += [_measurement(e) for e in entries]
    findings += found
    seconds = perf_counter() - begin
    whole = Ledger("Aspects of RG flows and Bayesian updating, derived and checked", tuple(lines))
    report = Report(
        whole.title,
        tuple(chapters),
        tuple(ledger),
        subtitle="The equations of David Berman's talk (PIRSA 25040108), one by one",
        abstract=_abstract(ledger, whole),
        findings=tuple(findings),
        code=source_of(*modules, fisher_pruning),
        colophon=f"symrg {__version__}, Python {platform.python_version()}, seed {seed}, {seconds:.0f} s.",
    )
    files = _write(report, whole, proved, output, pdf, told)
    return Outcome(report, whole, files, perf_counter() - begin)


def _verified(
    module: ModuleType, examined: Mapping[Task, Future[Any]], told: Monitor
) -> tuple[Chapter, tuple[Entry, ...], list[Finding], list[Line]]:
    """A chapter from what was found of its statements and of the links of its derivations."""
    begin = perf_counter()
    told.start(module.title)
    blocks, found = _measured(module, told)
    links: dict[str, tuple[Verdict, ...]] = {}
    lines: dict[str, Line] = {}
    chains = {s.number: s.derivation().title for s in module.statements() if s.derivation is not None}
    for done, (task, future) in enumerate(examined.items()):
        told.advance(done, len(examined), f"{'derivation' if task.kind == 'derivation' else 'verifying'} {task.name}")
        if task.kind == "derivation":
            links[task.name] = future.result()
        else:
            lines[task.name] = replace(future.result(), steps=links.get(chains.get(task.name, ""), ()))
    verdicts = {number: line.verdict for number, line in lines.items()}
    part, entries = chapter(module, verdicts, links, blocks, lines)
    checked = [v for chain in links.values() for v in chain]
    held = sum(v.status == "holds" for v in checked)
    rows = [
        Finding(
            f"{label(e.number)} {e.name}",
            f"${e.correction}$" if e.correction else first_sentence(e.remark or e.reading),
            e.identifier,
            e.status,
        )
        for e in entries
        if e.status not in ("holds", "definition")
    ]
    counts: dict[str, int] = {}
    for e in entries:
        counts[e.status] = counts.get(e.status, 0) + 1
    summary = ", ".join(f"{n} {status}" for status, n in counts.items())
    controls = Ledger(module.title, tuple(lines.values())).summary
    told.finish(
        f"{summary}; {held} of {len(checked)} links of derivations hold; "
        f"{controls['controls refused']} of {controls['controls']} false neighbours refused",
        perf_counter() - begin,
    )
    return part, entries, [*rows, *found], list(lines.values())


def _measurement(entry: Entry) -> Measured:
    """A statement that was measured, as the ledger has it."""
    seen = tuple(Evidence(w.name, "measured", Found(w.outcome), (w.detail,)) for w in entry.witnesses)
    return Measured(
        entry.number,
        entry.printed,
        entry.status,
        seen,
        reading=entry.reading,
        reason=f"{entry.remark} {entry.reason}".strip(),
        title=entry.name,
        source=entry.source,
        code=entry.code,
    )


def _measured(module: ModuleType, told: Monitor) -> tuple[Sequence[Block], Sequence[Finding]]:
    """What a chapter computes besides its claims: figures and tables."""
    make: Extra | None = getattr(module, "measured", None)
    if make is None:
        return (), ()
    told.advance(0, 1, "solving the equation on grids")
    return make()


def _pruning(seed: int, seeds: int, told: Monitor) -> tuple[Chapter, tuple[Entry, ...], list[Finding]]:
    """Train, measure the Fisher metric three ways, prune, draw."""
    begin = perf_counter()
    told.start(fisher_pruning.title)
    part, entries, findings = fisher_pruning.experiment(seed, told.advance, seeds=seeds)
    told.finish("; ".join(f"{f.question}: {f.answer}" for f in findings[:2]), perf_counter() - begin)
    return part, entries, list(findings)


_IN_WORDS = {
    "holds": ("holds", "hold"),
    "holds with correction": ("holds with a correction", "hold with a correction"),
    "fails": ("fails", "fail"),
    "definition": ("is a definition", "are definitions"),
    "schematic": ("is schematic", "are schematic"),
    "undecided": ("stays undecided", "stay undecided"),
}


def _abstract(ledger: Sequence[Entry], whole: Ledger) -> str:
    controls = whole.summary
    counts = {status: sum(e.status == status for e in ledger) for status in VERDICTS}
    found = ", ".join(f"{n} {_IN_WORDS[status][n > 1]}" for status, n in counts.items() if n)
    return (
        "A talk says that exact renormalisation is a diffusion, that Bayesian updating run backwards is one too, and that "
        f"the Fisher metric is what they share. Of its statements read here: {found}. Each verdict stands on witnesses of "
        "different kinds that could have said no: shown "
        f"{controls['controls']} false neighbours of what holds, they refused {controls['controls refused']}. Where the print is off, the correction stands beside it."
    )


def _write(
    report: Report, ledger: Ledger, proved: Sequence[Verdict], output: Path, pdf: bool, told: Monitor
) -> tuple[Path, ...]:
    from derivations.report.browser import NoBrowser, print_pdf
    from derivations.report.document import write_document
    from derivations.report.html import write_html

    begin = perf_counter()
    told.start("The report")
    files = [write_html(report, output / "index.html"), write_document(report, output / "derivations.tex")]
    files.append(write_atomically(output / "ledger.json", ledger.to_json() + "\n"))
    files.append(write_atomically(output / "certificate.json", certificate(ledger.title, proved)))
    if pdf:
        try:
            files.append(print_pdf(output / "index.html", output / "report.pdf"))
        except NoBrowser as reason:
            told.advance(1, 1, f"no PDF: {reason}")
    told.finish(", ".join(str(f) for f in files), perf_counter() - begin)
    return tuple(files)
