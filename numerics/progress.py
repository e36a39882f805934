"""A progress bar for long runs in a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

PATIENCE = 2.0  # seconds before a bar appears


class Progress:
    """Shows how far a run is, once it has taken `PATIENCE` seconds and only if errors go to a terminal.

    Args:
        title: what is being done.
        start: where the run begins.
        stop: where it ends.
        shown: False never shows a bar, True does not wait, None decides.
    """

    def __init__(self, title: str, start: float, stop: float, shown: bool | None = None):
        self._title, self._start, self._span = title, start, max(stop - start, 1e-300)
        self._begun = time.monotonic()
        self._wanted = sys.stderr.isatty() if shown is None else shown
        self._patience = 0.0 if shown else PATIENCE
        self._bar: Any = None
        self.latest: tuple[float, Callable[[], Any]] | None = None

    def __enter__(self) -> Progress:
        return self

    def __call__(self, now: float, state: Callable[[], Any] | None = None) -> None:
        """Report where the run is, and how to get the state there if the run is interrupted."""
        if state is not None:
            self.latest = (now, state)
        if not self._wanted or time.monotonic() - self._begun < self._patience:
            return
        if self._bar is None:
            from rich.console import Console
            from rich.progress import Progress as Bar

            self._bar = Bar(console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=1.0)
        self._bar.update(self._task, completed=(now - self._start) / self._span)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
