"""Python functions of SymPy expressions whose names never reach the text that is run.

`sympy.lambdify` writes Python text and runs it: the names of undefined functions and of symbols that are not among the
arguments stand in that text as they are. Here there are none: arguments get names of ours, and all else is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy.core.function import AppliedUndef

from symrg.errors import UndefinedSymbol, UnsupportedExpression


def lambdified(arguments: Sequence[sympy.Symbol] | sympy.Symbol, expressions: Any, modules: Any = None) -> Callable:
    """A numeric function of expressions.

    Args:
        arguments: one Symbol or several.
        expressions: one expression or a sequence, of which the function returns a list.
        modules: as `sympy.lambdify` takes them.

    Raises:
        UndefinedSymbol: an expression has a free symbol that is not an argument.
        UnsupportedExpression: an expression holds an undefined function.
    """
    given = [arguments] if isinstance(arguments, sympy.Symbol) else list(arguments)
    ours = {s: sympy.Symbol(f"x{k}", **s.assumptions0) for k, s in enumerate(given)}
    several = isinstance(expressions, (list, tuple))
    bodies = []
    for e in expressions if several else [expressions]:
        e = sympy.sympify(e, strict=True)
        if unknown := e.atoms(AppliedUndef):
            raise UnsupportedExpression(f"no numbers for the undefined functions {sorted(map(str, unknown))}")
        if loose := e.free_symbols - set(given):
            raise UndefinedSymbol(f"no values for {sorted(map(str, loose))}")
        bodies.append(e.xreplace(ours))
    return sympy.lambdify(list(ours.values()), bodies if several else bodies[0], modules)
