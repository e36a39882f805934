"""Exact expectations: `Expectation` is the unevaluated node, `Engine` finds closed forms."""

from symrg.expectation.engine import Engine
from symrg.expectation.node import Expectation

__all__ = ["Engine", "Expectation"]
