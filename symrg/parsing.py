"""Text to SymPy: the only door through which text becomes mathematics.

A tokenizer and a precedence-climbing parser make a tree of our own; the tree is built into SymPy objects through a
fixed vocabulary. Nothing of the text is ever evaluated as Python, and every step has a bound, so that a short text
can't ask for a long computation.

The grammar, from the loosest to the tightest: `|`, `&`, `~` (or `or`, `and`, `not`); comparisons, which chain as in
`0 < x < 1`; `+ -`; `* /`; the signs, so that -x^2 is -(x^2); `^` or `**`, from right to left; `!`. Multiplication is
always written. Decimals are exact rationals. A Greek letter stands for its name. A name that the author declares
wins over a function, a constant or a keyword of the same name. The variable that an integral, a sum, a product or a
limit binds need not be declared: a sum's is then an integer, the others' real.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

import sympy as sp
from sympy.core.function import FunctionClass

from symrg.budget import OutOfTime, within
from symrg.errors import FormulaError, UnsupportedExpression
from symrg.syntax import MAX_DEPTH, Node, Parser, refuse
from symrg.tree_builder import Builder

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "Node", "build_tree", "declared_names", "parse", "refuse"]

MAX_LENGTH = 20_000  # characters
MAX_LEVELS = 150  # of an expression, the definitions that it uses included
SECONDS = 10.0


def parse(text: str, symbols: Mapping[str, Any] | Iterable[sp.Symbol] = (), *, evaluate: bool = True) -> Any:
    """The SymPy object that a text denotes.

    Args:
        text: a formula, a relation or a combination of relations.
        symbols: name -> Symbol, undefined Function, IndexedBase or expression that stands for it; or the Symbols.
        evaluate: False keeps the expression as printed, without SymPy's automatic simplification.

    Returns:
        Expr, Matrix, relational or Boolean.

    Raises:
        FormulaError: the text isn't a formula, a name isn't declared, a value is undefined (1/0, log(0), oo - oo),
            or the computation it asks for is too large. `.position` is the offset of the first offending character.
    """
    names = declared_names(symbols)
    if not isinstance(text, str):
        raise FormulaError(f"a formula is text, given {type(text).__name__}")
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"formula of {len(text)} characters; at most {MAX_LENGTH} are read", MAX_LENGTH, text)
    tree = Parser(text, names).whole()
    return build_tree(text, tree, names, evaluate)


def build_tree(text: str, tree: Node, names: dict[str, Any], evaluate: bool) -> Any:
    """The tree as a SymPy object, within `SECONDS`; the printed form is also evaluated, to see that it is defined."""
    try:
        value = within(SECONDS, Builder(text, names, True).whole, tree)
        if not evaluate:
            value = within(SECONDS, Builder(text, names, False).whole, tree)
    except OutOfTime:
        refuse(text, tree.position, f"the formula took longer than {SECONDS:g} s to build; write a simpler one")
    except (RecursionError, MemoryError):
        refuse(text, tree.position, "the formula is nested too deeply")
    if _deeper(value, MAX_LEVELS):
        refuse(text, tree.position, f"with its definitions put in, the formula nests more than {MAX_LEVELS} deep")
    return value


def _deeper(value: Any, most: int) -> bool:
    """Whether an object nests more deeply; definitions add up, and SymPy recurses into them several calls a level."""
    level = [value]
    for _ in range(most):
        level = list({id(a): a for node in level for a in getattr(node, "args", ()) if getattr(a, "args", ())}.values())
        if not level:
            return False
    return True


def declared_names(symbols: Mapping[str, Any] | Iterable[sp.Symbol]) -> dict[str, Any]:
    """The declarations as a mapping.

    Raises:
        UnsupportedExpression: a value is not a SymPy symbol, function or expression.
    """
    pairs = symbols.items() if isinstance(symbols, Mapping) else [(getattr(s, "name", s), s) for s in symbols]
    names: dict[str, Any] = {}
    for name, value in pairs:
        if not isinstance(name, str) or not isinstance(value, sp.Basic | FunctionClass | sp.MatrixBase):
            raise UnsupportedExpression(
                f"symbols maps names to SymPy symbols, functions or expressions; given {name!r}: {value!r:.80}"
            )
        names[unicodedata.normalize("NFKC", name)] = value
    return names
