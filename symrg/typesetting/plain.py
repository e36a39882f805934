"""Expressions as plain text, without numbers being worked out for the sake of their order.

To order the terms of a sum SymPy evaluates those that are numbers; where one is an integral or a series this may take
minutes. Such expressions are printed in the order in which they are stored.
"""

from __future__ import annotations

from typing import Any

from sympy import sstr
from sympy.concrete.expr_with_limits import ExprWithLimits


def costly_to_order(value: Any) -> bool:
    """Whether some integral, sum or product in it is a number."""
    if not hasattr(value, "atoms"):
        return False
    return any(node.is_number for node in value.atoms(ExprWithLimits))


def plain(value: Any) -> str:
    """An expression, matrix or relation as text."""
    return sstr(value, order="none") if costly_to_order(value) else str(value)
