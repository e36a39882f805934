"""Statements: what is claimed, for which values, and how it is printed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any

import sympy as sp
from sympy.logic.boolalg import Boolean

from symrg.errors import InvalidClaim
from symrg.typesetting import Typeset, latex, plain

RELATIONS = {"==": "=", "<": "<", "<=": r"\leq", ">": ">", ">=": r"\geq", ":=": r"\equiv", "~": r"\sim"}
"""Relation -> LaTeX. `:=` makes the left side stand for the right one; `~` is a schematic statement."""


@dataclass(frozen=True)
class Claim(Typeset):
    """A statement about two sides, for all values that the assumptions of its symbols and its conditions allow.

    The sides are kept as given, never simplified. A symbol without assumptions is complex, as in SymPy.

    Args:
        lhs: expression or matrix.
        rhs: expression or matrix of the same shape; a number where the left side is a matrix of any shape.
        relation: "==", "<", "<=", ">", ">="; ":=" for a definition, whose `consequences` are what can be checked;
            "~" for a schematic statement, with `missing` saying what would make it a claim.
        conditions: relationals (or their combinations) that the values obey beyond the symbols' assumptions.
        order: (variable, point, n) makes "==" asymptotic: lhs - rhs = O((variable - point)^n), and O(variable^-n)
            where the point is oo or -oo.
        name: a short identifier, such as "(14)".
        printed: LaTeX of the statement as its source prints it; the sides' own where None.
        source: where it is printed.
        consequences: claims that follow from a definition.
        missing: what a schematic statement leaves open.

    Raises:
        InvalidClaim: the parts don't fit together; the message says which.
    """

    lhs: Any
    rhs: Any
    relation: str = "=="
    _: KW_ONLY
    conditions: tuple[Any, ...] = ()
    order: tuple[Any, Any, Any] | None = None
    name: str = ""
    printed: str | None = None
    source: str | None = None
    consequences: tuple[Claim, ...] = ()
    missing: str | None = None

    def __post_init__(self) -> None:
        lhs, rhs = _side(self.lhs, "left"), _side(self.rhs, "right")
        if isinstance(lhs, sp.MatrixBase) and not isinstance(rhs, sp.MatrixBase) and rhs.is_zero:
            rhs = sp.ImmutableMatrix.zeros(*lhs.shape)
        if isinstance(rhs, sp.MatrixBase) and not isinstance(lhs, sp.MatrixBase) and lhs.is_zero:
            lhs = sp.ImmutableMatrix.zeros(*rhs.shape)
        shapes = [getattr(side, "shape", ()) for side in (lhs, rhs)]
        if shapes[0] != shapes[1]:
            raise InvalidClaim(f"the sides have shapes {shapes[0]} and {shapes[1]}; give two of the same shape")
        if self.relation not in RELATIONS:
            raise InvalidClaim(f"unknown relation {self.relation!r}; use one of {', '.join(RELATIONS)}")
        object.__setattr__(self, "lhs", lhs)
        object.__setattr__(self, "rhs", rhs)
        object.__setattr__(self, "conditions", tuple(_condition(c) for c in _listed(self.conditions)))
        if self.order is not None:
            object.__setattr__(self, "order", self._checked_order())
        if not all(isinstance(c, Claim) for c in self.consequences):
            raise InvalidClaim("consequences are claims")
        object.__setattr__(self, "consequences", tuple(self.consequences))

    def _checked_order(self) -> tuple[sp.Symbol, sp.Expr, sp.Expr]:
        if self.relation != "==":
            raise InvalidClaim(f"an order makes '==' asymptotic; it has no meaning for {self.relation!r}")
        try:
            variable, point, n = self.order  # type: ignore[misc]
        except (TypeError, ValueError):
            raise InvalidClaim("order is (variable, point, n)") from None
        point, n = _side(point, "expansion point", infinite=True), _side(n, "order")
        if not isinstance(variable, sp.Symbol):
            raise InvalidClaim(f"the variable of an order is a Symbol, given {variable!r}")
        if n.is_Float:
            n = sp.Rational(str(n))
        if not n.is_Rational:
            raise InvalidClaim(f"the power in an order is a rational number, given {n}")
        if point.has(variable):
            raise InvalidClaim(f"the expansion point {point} contains the variable {variable}")
        return variable, point, n

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the sides, () for scalars."""
        return tuple(getattr(self.lhs, "shape", ()))

    @property
    def free_symbols(self) -> frozenset[sp.Basic]:
        """Symbols of both sides and of the conditions."""
        parts = [self.lhs, self.rhs, *self.conditions]
        return frozenset().union(*(p.free_symbols for p in parts))

    def elements(self) -> Iterator[tuple[sp.Expr, sp.Expr]]:
        """The pairs of sides, element by element for matrices."""
        if isinstance(self.lhs, sp.MatrixBase):
            yield from zip(list(self.lhs), list(self.rhs))
        else:
            yield self.lhs, self.rhs

    def with_rhs(self, rhs: Any, **changes: Any) -> Claim:
        """The same claim with another right side; what was printed isn't carried over."""
        return replace(self, rhs=rhs, **{"printed": None, **changes})

    def statement(self) -> str:
        """LaTeX of the two sides and the relation, without the conditions."""
        if self.printed is not None:
            return self.printed
        tail = ""
        if self.order is not None:
            variable, point, n = self.order
            step = 1 / variable if point in (sp.oo, -sp.oo) else variable - point
            tail = rf" + \mathcal{{O}}\left({latex(step**n)}\right)"
        return f"{latex(self.lhs)} {RELATIONS[self.relation]} {latex(self.rhs)}{tail}"

    def latex(self) -> str:
        """LaTeX of the statement with its conditions."""
        if not self.conditions:
            return self.statement()
        return self.statement() + r" \quad \text{for } " + ",\\ ".join(latex(c) for c in self.conditions)

    def __str__(self) -> str:
        label = f"{self.name}: " if self.name else ""
        order = f" + O(({self.order[0]} - {self.order[1]})^{self.order[2]})" if self.order else ""
        where = f"  for {', '.join(map(plain, self.conditions))}" if self.conditions else ""
        return f"{label}{plain(self.lhs)} {self.relation} {plain(self.rhs)}{order}{where}"


def _side(value: Any, which: str, infinite: bool = False) -> Any:
    if isinstance(value, str):
        raise InvalidClaim(f"the {which} side is text; read it with symrg.parse(text, symbols) first")
    if isinstance(value, sp.MatrixBase):
        value = sp.ImmutableMatrix(value)
        entries = list(value)
        if not all(isinstance(e, sp.Expr) for e in entries):
            raise InvalidClaim(f"the {which} side has entries that aren't expressions")
    else:
        try:
            value = sp.sympify(value, strict=True)
        except (sp.SympifyError, TypeError, ValueError, AttributeError):
            raise InvalidClaim(f"the {which} side is {type(value).__name__}; give an expression or a matrix") from None
        if isinstance(value, sp.MatrixBase):
            return _side(value, which, infinite)
        if not isinstance(value, sp.Expr) or value.is_Matrix:
            raise InvalidClaim(f"the {which} side is {type(value).__name__}; give an expression or an explicit matrix")
        entries = [value]
    for entry in entries:
        if entry.has(sp.nan, sp.zoo) or (entry in (sp.oo, -sp.oo) and not infinite):
            raise InvalidClaim(f"the {which} side is undefined or infinite: {entry}")
    return value


def _listed(conditions: Any) -> tuple[Any, ...]:
    if isinstance(conditions, sp.Basic | bool):
        return (conditions,)
    try:
        return tuple(conditions)
    except TypeError:
        raise InvalidClaim("conditions is a sequence of relationals") from None


def _condition(condition: Any) -> Boolean:
    if isinstance(condition, bool):
        return sp.true if condition else sp.false
    if not isinstance(condition, Boolean) or isinstance(condition, sp.Symbol):
        raise InvalidClaim(f"a condition is a relational such as p < 1, given {condition!r:.80}")
    return condition
