"""The statements of the chapters examined in several processes: verdicts, derivations and false neighbours.

A task is a name, not an object: the process that takes it builds the statement itself, from the chapter's module, and
sends back what it found. Results don't depend on how many processes there are, save where a time budget cuts.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from time import perf_counter
from typing import Any

from derivations.report.builder import plain_number
from derivations.statement import Statement
from symrg.budget import Budget
from symrg.derivation import Derivation
from symrg.verification import Verdict
from symrg.verification.ledger import Entry

CONTROL = 6.0
"""Seconds for the negative controls of one statement and its consequences, at most."""


@dataclass(frozen=True)
class Task:
    """Something to examine.

    Attributes:
        module: of the chapter.
        name: number of the statement, or title of the derivation.
        kind: "statement" or "derivation".
        budget: seconds for one claim.
    """

    module: str
    name: str
    kind: str
    budget: float


def tasks(module: Any, budget: float) -> tuple[Task, ...]:
    """What a chapter has to examine: its derivations, and those of its statements, then its statements."""
    titles = dict.fromkeys(d.title for d in _chains(module.__name__).values())
    found = [Task(module.__name__, title, "derivation", budget) for title in titles]
    return (*found, *(Task(module.__name__, s.number, "statement", budget) for s in module.statements()))


def examine(task: Task) -> Entry | tuple[Verdict, ...]:
    """The line of a statement in the ledger, without the steps that lead to it; or the verdicts on a derivation's links."""
    begin = perf_counter()
    if task.kind == "derivation":
        chain = _chains(task.module)[task.name]
        return chain.verify(Budget(task.budget * len(chain.claims)))
    statement = _statements(task.module)[task.name]
    verdict = statement.verify(Budget(task.budget * (1 + len(statement.instances))))
    return Entry.of(
        verdict,
        CONTROL,
        identifier=plain_number(statement.number),
        title=statement.title,
        reading=statement.reading,
        code=task.module.replace(".", "/") + ".py",
        seconds=round(perf_counter() - begin, 3),
    )


@cache
def _statements(module: str) -> dict[str, Statement]:
    return {s.number: s for s in import_module(module).statements()}


@cache
def _chains(module: str) -> dict[str, Derivation]:
    chapter = import_module(module)
    own = [*chapter.derivations(), *(s.derivation() for s in chapter.statements() if s.derivation is not None)]
    return {d.title: d for d in reversed(own)}


@contextmanager
def examinations(wanted: Sequence[Task], processes: int | None = None) -> Iterator[dict[Task, Future[Any]]]:
    """Begin to examine everything; the value of each future is that of `examine`.

    Args:
        wanted: in the order in which they are begun.
        processes: at work beside this one; None means two where there are as many processors. With 0 everything is done
            here, when it is asked for.
    """
    count = min(2, os.cpu_count() or 1) if processes is None else processes
    if count < 1:
        yield {task: _Later(task) for task in wanted}
        return
    for module in dict.fromkeys(task.module for task in wanted):  # built once: what is forked has it already
        _statements(module)
        _chains(module)
    kind = "fork" if sys.platform == "linux" else "spawn"
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context(kind)) as pool:
        try:
            yield {task: pool.submit(examine, task) for task in wanted}
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class _Later(Future[Any]):
    """A result that is worked out when it is asked for."""

    def __init__(self, task: Task):
        super().__init__()
        self._task = task

    def result(self, timeout: float | None = None) -> Any:
        """What `examine` gives."""
        if not self.done():
            self.set_result(examine(self._task))
        return super().result(timeout)
