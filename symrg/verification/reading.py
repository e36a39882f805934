"""The precise reading of a claim: exact sides, element by element, with the symbols and conditions that bind them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational

from symrg.verification.claim import Claim
from symrg.verification.enclosure import exact_number


@dataclass(frozen=True)
class Reading:
    """What the witnesses examine.

    Attributes:
        claim: the statement.
        pairs: the two sides of every element, with exact numbers and expectations as integrals.
        conditions: the claim's, with exact numbers.
    """

    claim: Claim
    pairs: tuple[tuple[sp.Expr, sp.Expr], ...]
    conditions: tuple[Any, ...]

    @classmethod
    def of(cls, claim: Claim) -> Reading:
        """The reading of a claim."""
        pairs = tuple((exactly(a), exactly(b)) for a, b in claim.elements())
        return cls(claim, pairs, tuple(exactly(c) for c in claim.conditions))

    @property
    def relation(self) -> str:
        """The claim's relation."""
        return self.claim.relation

    @cached_property
    def residuals(self) -> tuple[sp.Expr, ...]:
        """Left minus right of every element, as SymPy adds it up."""
        return tuple(evaluated(a) - evaluated(b) for a, b in self.pairs)

    @cached_property
    def symbols(self) -> tuple[sp.Basic, ...]:
        """Free symbols (and indexed symbols) by name; the labels of indexed symbols aren't among them."""
        parts: list[sp.Basic] = [side for pair in self.pairs for side in pair] + list(self.conditions)
        if self.claim.order is not None:
            parts += [self.claim.order[0], self.claim.order[1]]
        free = frozenset().union(*(p.free_symbols for p in parts)) if parts else frozenset()
        indexed = {i for p in parts for i in p.atoms(sp.Indexed)}
        labels = {i.base.label for i in indexed}
        inside = {s for i in indexed for s in i.base.args if s.is_Symbol}
        return tuple(sorted((s for s in free if s not in labels | inside), key=str))

    @cached_property
    def noncommuting(self) -> tuple[sp.Basic, ...]:
        """Symbols that don't commute, by name: a claim about them speaks of the elements of any algebra."""
        return tuple(s for s in self.symbols if s.is_commutative is False)

    @cached_property
    def functions(self) -> tuple[Any, ...]:
        """Undefined functions that occur, by name."""
        parts = [side for pair in self.pairs for side in pair] + list(self.conditions)
        return tuple(sorted({f.func for p in parts for f in p.atoms(AppliedUndef)}, key=str))


def exactly(expr: Any) -> Any:
    """The expression with decimals read as exact rationals and expectations written as integrals."""
    for _ in range(10):
        nodes = [e for e in sp.preorder_traversal(expr) if hasattr(e, "as_integral")]
        if not nodes:
            break
        expr = expr.xreplace({nodes[-1]: nodes[-1].as_integral()})
    floats = expr.atoms(sp.Float)
    return expr.xreplace({f: exact_number(f) for f in floats}) if floats else expr


_POWER, _SPAN = 20_000, 100_000


def tame(expr: sp.Basic) -> bool:
    """Whether polynomial arithmetic may see an expression: dense polynomials of huge degree bring down the process."""
    for node in sp.preorder_traversal(expr):
        if isinstance(node, sp.Pow) and node.exp.is_number and not node.base.is_number:
            coefficient = node.exp.as_coeff_Mul()[0]
            if coefficient.is_Rational and abs(coefficient) > _POWER:
                return False
        if isinstance(node, sp.Sum | sp.Product):
            for limit in node.limits:
                bounds = [b for b in limit[1:] if b.is_Rational]
                if any(abs(b) > _SPAN for b in bounds):
                    return False
    return True


def evaluated(expr: sp.Basic) -> Any:
    """An expression kept as printed, as SymPy's constructors make it; integrals and derivatives stay."""
    if not expr.args or isinstance(expr, Relational):
        return expr
    args = [evaluated(a) for a in expr.args]
    if isinstance(expr, sp.Derivative | sp.Integral | sp.Sum | sp.Product | sp.Limit | sp.Subs):
        return expr if list(expr.args) == args else expr.func(*args)
    return expr.func(*args)
