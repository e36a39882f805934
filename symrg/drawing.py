"""Pictures of objects that stand for mathematics: `object.plot()`, drawn by whatever installed package knows how.

symrg itself knows no plotting library. A package that can draw an object of a class brings an entry point of the group
`symrg.plots`, named like the class; it is a function that takes the object and what was given to `plot`.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from symrg.errors import MissingPackage, SymrgError
from symrg.optional import how_to_get, missing_package

GROUP = "symrg.plots"


class NoPicture(SymrgError, TypeError):
    """No installed package draws objects of this class; the message says which are drawn."""


class Drawable:
    """Base of what may have a picture."""

    def plot(self, *arguments: Any, **settings: Any) -> Any:
        """Draw it; what is drawn, and the settings, are those of the function that `symrg.drawing.painter` names.

        Returns:
            Matplotlib axes; `numerics.plots.save` writes their figure.

        Raises:
            MissingPackage: the package that draws is not installed.
            NoPicture: nothing draws objects of this class.
        """
        entry = painter(type(self))
        try:
            draw = entry.load()
        except ImportError as error:
            raise missing_package(error) or error from error
        return draw(self, *arguments, **settings)


@cache
def _installed() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def painter(kind: type) -> EntryPoint:
    """The entry point that draws objects of a class or of one of its bases.

    Raises:
        MissingPackage: nothing that draws is installed.
        NoPicture: nothing draws objects of this class.
    """
    drawn = _installed()
    for base in kind.__mro__:
        if base.__name__ in drawn:
            return drawn[base.__name__]
    if not drawn:
        raise MissingPackage(f"no installed package draws: {how_to_get('matplotlib')}")
    raise NoPicture(f"a {kind.__name__} has no picture; {', '.join(sorted(drawn))} have")
