"""Pieces of generated source: values with their binding strength, blocks of statements, loops, numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import sympy as sp

from symrg.errors import UnsupportedExpression

ATOM, CALL, UNARY, PRODUCT, SUM, COMPARISON, NOT, AND, OR = range(9, 0, -1)
"""How tightly the outermost operator of a piece of source binds, the tightest first; an ATOM is a name or a number."""


@dataclass(frozen=True)
class Value:
    """A piece of source that computes a value: kind 'f' float, 'c' complex, 'b' boolean."""

    text: str
    kind: str
    level: int = ATOM

    def inside(self, level: int) -> str:
        """The text, in brackets if it binds less tightly than `level`."""
        return self.text if self.level >= level else f"({self.text})"


@dataclass
class Scope:
    """Statements of one block, with the values that they name."""

    parent: Scope | None = None
    index: sp.Symbol | None = None
    unconditional: set[sp.Basic] = field(default_factory=set)
    lines: list[str] = field(default_factory=list)
    known: dict[sp.Basic, Value] = field(default_factory=dict)
    checked: set[str] = field(default_factory=set)

    def chain(self) -> list[Scope]:
        """The scopes from the outermost to this one."""
        scopes: list[Scope] = []
        scope: Scope | None = self
        while scope is not None:
            scopes.append(scope)
            scope = scope.parent
        return scopes[::-1]

    def find(self, node: sp.Basic) -> Value | None:
        """What the node was computed as, here or outside."""
        scope: Scope | None = self
        while scope is not None:
            if node in scope.known:
                return scope.known[node]
            scope = scope.parent
        return None


@dataclass
class Loop:
    """A counter of a loop, with its first and last value and the array bounds to check before it runs."""

    counter: str
    first: str
    last: str
    scope: Scope
    number: str
    used: bool = False
    checks: list[tuple[str, int, int]] = field(default_factory=list)  # argument name, axis, offset


@dataclass(frozen=True)
class Kind:
    """What the generator knows of a node: a constant, the loop counters in it, whether it reads an array."""

    constant: bool
    counters: frozenset[sp.Symbol]
    reads: bool


@dataclass(frozen=True)
class Source:
    """A generated function.

    Attributes:
        body: the statements of the function, not indented.
        results: the text of each result.
        kinds: 'f', 'c' or 'b' for each result.
        own: names used from `numerics.codegen.special`.
        foreign: names used from `numerics.codegen.foreign`.
        whole: positions of the scalar arguments that must be whole numbers (they bound sums or index arrays).
    """

    body: tuple[str, ...]
    results: tuple[str, ...]
    kinds: tuple[str, ...]
    own: tuple[str, ...]
    foreign: tuple[str, ...]
    whole: tuple[int, ...]


def literal(number: sp.Basic, origin: sp.Basic | None = None) -> Value:
    """A number as Python source: the nearest double."""
    if number is sp.oo:
        return Value("math.inf", "f")
    if number is -sp.oo:
        return Value("-math.inf", "f", UNARY)
    if not number.is_number or number.has(sp.nan, sp.zoo, sp.oo):
        raise UnsupportedExpression(f"{origin if origin is not None else number} is not a number")
    if number.is_extended_real is False or number.has(sp.I):
        z = complex(number)
        return Value(f"complex({z.real!r}, {z.imag!r})", "c")
    x = float(number)
    if math.isinf(x):
        raise UnsupportedExpression(f"{origin if origin is not None else number} is beyond the largest double")
    return Value(repr(x), "f", ATOM if math.copysign(1.0, x) > 0 else UNARY)


def no_kernel(node: sp.Basic) -> UnsupportedExpression:
    """The error for a node that nothing computes."""
    kind = type(node).__name__
    return UnsupportedExpression(f"no kernel computes {kind}, asked for in {node}; evaluate or replace it first")


def joined_kind(a: str, b: str) -> str:
    """The kind of a value made of values of two kinds."""
    return "c" if "c" in (a, b) else "f"


def as_complex(value: Value) -> str:
    """The source of a value as a complex number."""
    return value.text if value.kind == "c" else f"complex({value.text}, 0.0)"


def is_literal(text: str) -> bool:
    """Whether a piece of source is a whole number in digits."""
    return text.isdecimal()


def shifted(text: str, by: int) -> str:
    """The source of a whole number plus a constant."""
    if is_literal(text):
        return str(int(text) + by)
    plain, _, end = text.rpartition(" ")
    if is_literal(end) and plain[-2:] in (" +", " -"):
        by += int(end) if plain[-1] == "+" else -int(end)
        text = plain[:-2]
    return f"{text} {'+' if by > 0 else '-'} {abs(by)}" if by else text


def indented(lines: Iterable[str]) -> list[str]:
    """Lines of a block inside another."""
    return ["    " + line for line in lines]
