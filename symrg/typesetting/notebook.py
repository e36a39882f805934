"""SymPy's own expressions in the field's notation in a notebook: `%load_ext symrg`."""

from __future__ import annotations

from typing import Any

import sympy

from symrg.typesetting.lines import display
from symrg.typesetting.printer import latex


def load_ipython_extension(ipython: Any) -> None:
    """Show SymPy expressions, matrices and arrays as symrg prints them, instead of by SymPy's printer."""
    formatter = ipython.display_formatter.formatters["text/latex"]
    for kind in (sympy.Basic, sympy.MatrixBase, sympy.NDimArray):
        formatter.for_type(kind, shown)


def unload_ipython_extension(ipython: Any) -> None:
    """Leave SymPy's expressions to SymPy's printer again."""
    formatter = ipython.display_formatter.formatters["text/latex"]
    for kind in (sympy.Basic, sympy.MatrixBase, sympy.NDimArray):
        formatter.pop(kind, None)


def shown(expression: Any) -> str:
    """LaTeX for a notebook's output, broken where it is long."""
    return f"$\\displaystyle {display(latex(expression), 46.0)}$"
