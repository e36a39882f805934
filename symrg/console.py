"""The terminal: width, colours, and formulas set in Unicode.

Colours and control characters are left out where the output is not a terminal or NO_COLOR is set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from symrg.typesetting.terminal import pretty

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["console", "pretty", "show_equation"]


def console(stderr: bool = False, **settings: Any) -> Console:
    """A rich console; piped output is 100 columns wide and plain."""
    import sys

    from rich.console import Console

    class Piped(Console):
        """A console whose broken pipe is an error like any other, for `symrg.cli` to end on."""

        def on_broken_pipe(self) -> None:
            """Hand the error on."""
            raise

    stream = sys.stderr if stderr else sys.stdout
    if not stream.isatty():
        settings.setdefault("width", 100)
    return Piped(stderr=stderr, highlight=False, soft_wrap=False, **settings)


def show_equation(target: Console, left: str, right: Any, indent: int = 2) -> None:
    """Print `left = right` in two dimensions, the left side beside the middle of the right one."""
    from symrg.typesetting.terminal import equation

    for line in equation(left, right, width=target.width - indent).splitlines():
        target.print(" " * indent + line, markup=False, no_wrap=True, crop=False, overflow="ignore")
