"""Chapters that installed packages bring: derivations and numbered equations, for `symrg latex`.

A chapter is an entry point of the group `symrg.chapters` whose value has a `title`, `equations` (number -> Claim or
other object with `latex()`), and `derivations()`, which returns Derivations. A module will do. A chapter may also list
the `numbers` of its equations, so that none has to be built to know where an equation is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol

from symrg.errors import SymrgError
from symrg.optional import missing_package

if TYPE_CHECKING:
    from symrg.derivation import Derivation

GROUP = "symrg.chapters"


class Chapter(Protocol):
    """What an entry point of the group `symrg.chapters` has to offer."""

    title: str
    equations: Mapping[str, Any]
    derivations: Callable[[], Iterable[Derivation]]


class NoSuchChapter(SymrgError, LookupError):
    """A chapter that is not installed or can't be loaded; the message says which there are."""


def chapter_names() -> list[str]:
    """Names of the installed chapters, in the order in which they are read."""
    return [entry.name for entry in entry_points(group=GROUP)]


def loaded() -> tuple[dict[str, Chapter], list[NoSuchChapter]]:
    """The installed chapters by name, and why those that can't be loaded can't."""
    found: dict[str, Chapter] = {}
    problems = []
    for name in chapter_names():
        try:
            found[name] = chapter(name)
        except NoSuchChapter as problem:
            problems.append(problem)
    return found, problems


def chapter(name: str) -> Chapter:
    """An installed chapter, loaded.

    Raises:
        NoSuchChapter: there is none of that name, or it can't be imported.
    """
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            try:
                return entry.load()
            except ImportError as error:
                why = missing_package(error) or f"can't be loaded from {entry.value}: {error}"
                raise NoSuchChapter(f"the chapter {name!r}: {why}") from error
    raise NoSuchChapter(f"no chapter {name!r}; there are {', '.join(chapter_names()) or 'none installed'}")
