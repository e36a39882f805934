"""The command `symrg reproduce`: the main job, with its progress and its summary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command(
    epilog="""
\b
Examples:
  symrg reproduce
  symrg reproduce --output /tmp/report --seed 3
  symrg reproduce --json | jq '.entries[] | select(.status != "holds")'
"""
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default="report",
    show_default=True,
    help="Folder for the report.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the network.")
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Compare pruning over this many networks, with error bars; minutes each, kept in the cache.",
)
@click.option(
    "--budget",
    type=click.FloatRange(min=1),
    default=30.0,
    show_default=True,
    help="Seconds for verifying one statement.",
)
@click.option("--pdf/--no-pdf", default=True, show_default=True, help="Print the page to PDF where a browser is found.")
@click.option("--json", "as_json", is_flag=True, help="Print the ledger as JSON.")
def reproduce(output: Path, seed: int, seeds: int, budget: float, pdf: bool, as_json: bool) -> None:
    """Derive, verify, solve, train and prune: the talk from its models to a report.

    Writes index.html, derivations.tex, ledger.json and certificate.json. Takes a few minutes; nothing is downloaded.
    """
    from derivations.main_job import run
    from symrg.files import write_atomically

    write_atomically(output / ".begun", "").unlink()  # a folder that can't be written is found out now, not at the end
    with Terminal() as monitor:
        outcome = run(output, seed=seed, seeds=seeds, budget=budget, pdf=pdf, monitor=monitor, processes=None)
    if as_json:
        click.echo(outcome.ledger.to_json())
    else:
        monitor.summary(outcome)


class Terminal:
    """Shows the stages of the main job as they go, on standard error, and the summary at the end."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        from symrg.console import console

        self._console = console(stderr=True)
        self._bar = Progress(
            TextColumn("  {task.description}"),
            BarColumn(),
            TextColumn("{task.fields[text]}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task: Any = None

    def __enter__(self) -> Terminal:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def start(self, title: str) -> None:
        """Name the stage."""
        self._title = title
        if not self._console.is_terminal:
            self._console.print(f"  ... {title}", markup=False)
        self._task = self._bar.add_task(title, total=None, text="")

    def advance(self, done: int, total: int, text: str) -> None:
        """Move the bar."""
        self._bar.update(self._task, completed=done, total=total, text=text)

    def finish(self, result: str, seconds: float) -> None:
        """Leave a line for the stage."""
        self._bar.remove_task(self._task)
        self._console.print(f"  [green]✓[/] [bold]{self._title}[/] ({seconds:.0f} s)", highlight=False)
        self._console.print(f"    {result}", markup=False, soft_wrap=True)

    def summary(self, outcome: Any) -> None:
        """The table of verdicts and where the files are."""
        from rich.table import Table

        from derivations.report.content import VERDICTS

        table = Table(title="What was found", title_justify="left", show_edge=False, pad_edge=False)
        for column in ("equation", "statement", "verdict", "witnesses", "false neighbours"):
            table.add_column(column, overflow="fold")
        style = {"holds": "green", "definition": "green", "holds with correction": "yellow", "fails": "red"}
        for e, line in zip(outcome.report.ledger, outcome.ledger.entries):
            sign = VERDICTS[e.status][0]
            row = (e.number, e.name, f"{sign} {e.status}", _witnesses(e), _controls(line))
            table.add_row(*row, style=style.get(e.status))
        from symrg.console import console

        out = console()
        out.print()
        out.print(table)
        out.print()
        for path in outcome.files:
            out.print(f"  {path}", markup=False, soft_wrap=True)
        out.print(f"  {outcome.seconds:.0f} s in all.", markup=False)


def _witnesses(entry: Any) -> str:
    """Who confirmed a statement or what follows from it, and who refuted it."""
    seen = [*entry.witnesses, *(w for c in entry.consequences for w in c.witnesses)]
    confirmed = sorted({w.name for w in seen if w.outcome == "holds"})
    refuted = sorted({w.name for w in entry.witnesses if w.outcome == "refuted"})
    return "; ".join([f"no: {', '.join(refuted)}"] * bool(refuted) + [f"yes: {', '.join(confirmed)}"] * bool(confirmed))


def _controls(line: Any) -> str:
    """How many false neighbours of a statement, its correction and its consequences were refused."""
    found = line.all_controls
    return f"{sum(c.refused for c in found)} of {sum(len(c.different) for c in found)} refused" if found else ""
