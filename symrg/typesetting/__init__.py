"""LaTeX and terminal output of mathematical objects in the field's notation."""

from __future__ import annotations

from symrg.typesetting.document import Chain, Equation, Picture, Section, Table, document, fragment
from symrg.typesetting.lines import break_lines, chain, display
from symrg.typesetting.notation import component, divergence, expectation, fisher, functional_derivative
from symrg.typesetting.plain import plain
from symrg.typesetting.printer import latex
from symrg.typesetting.typeset import Typeset

__all__ = [
    "Chain",
    "Equation",
    "Picture",
    "Section",
    "Table",
    "Typeset",
    "break_lines",
    "chain",
    "component",
    "display",
    "divergence",
    "document",
    "expectation",
    "fisher",
    "fragment",
    "functional_derivative",
    "latex",
    "plain",
]
