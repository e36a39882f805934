"""Boundary conditions of a density, one per side of each axis.

reflecting: no probability current through the face; absorbing: the density vanishes on the face, and what flows out
is lost; periodic: the two faces of the axis are one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy

from symrg.errors import InvalidGrid

KINDS = ("reflecting", "absorbing", "periodic")


@dataclass(frozen=True)
class Sides:
    """The conditions at the lower and the upper face of one axis."""

    lower: str
    upper: str

    @property
    def periodic(self) -> bool:
        """Whether the two faces are one."""
        return self.lower == "periodic"

    @property
    def absorbing(self) -> bool:
        """Whether probability leaves through a face."""
        return "absorbing" in (self.lower, self.upper)


def by_axis(given: Any, coordinates: Sequence[sympy.Symbol], what: str) -> dict[sympy.Symbol, Any]:
    """A mapping from Symbols or their names to values, with Symbols as keys.

    Raises:
        InvalidGrid: a key is no coordinate.
    """
    named = {c.name: c for c in coordinates}
    found = {}
    for key, value in given.items():
        symbol = named.get(key if isinstance(key, str) else getattr(key, "name", ""))
        if symbol is None or (not isinstance(key, str) and key != symbol):
            raise InvalidGrid(
                f"{what} names {key!r}, which is no coordinate of the equation; its coordinates are "
                f"{', '.join(named)}. Symbols with the same name but other assumptions differ"
            )
        found[symbol] = value
    return found


def sides_of(boundary: Any, coordinates: Sequence[sympy.Symbol]) -> tuple[Sides, ...]:
    """The conditions of every axis.

    Args:
        boundary: one kind for all sides; a pair (lower, upper) for all axes; or a mapping from coordinates to kinds or
            pairs, where a coordinate that is left out is reflecting.
        coordinates: of the equation.

    Raises:
        InvalidGrid: an unknown kind or coordinate, or one periodic side without the other.
    """
    if isinstance(boundary, Mapping):
        given = by_axis(boundary, coordinates, "boundary")
        return tuple(_sides(given.get(c, "reflecting"), c) for c in coordinates)
    return tuple(_sides(boundary, c) for c in coordinates)


def _sides(given: Any, coordinate: sympy.Symbol) -> Sides:
    pair = (given, given) if isinstance(given, str) else given
    if not isinstance(pair, Sequence) or len(pair) != 2 or any(kind not in KINDS for kind in pair):
        raise InvalidGrid(
            f"boundary of {coordinate} is {given!r}; expected one of {', '.join(KINDS)}, or a pair (lower, upper)"
        )
    if ("periodic" in pair) and pair[0] != pair[1]:
        raise InvalidGrid(f"boundary of {coordinate} is {tuple(pair)}: an axis is periodic on both sides or on none")
    return Sides(pair[0], pair[1])
