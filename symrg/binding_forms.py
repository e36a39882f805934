"""Forms of a formula with a grammar of their own: integrals, sums, products, derivatives, limits, cases, matrices."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy.core.function import AppliedUndef

from symrg.number_sizes import short
from symrg.syntax import Node

if TYPE_CHECKING:
    from symrg.tree_builder import Builder


def _limits(builder: Builder, node: Node, name: str, integer: bool) -> tuple[Any, list[tuple[Any, ...]]]:
    """The body and the limits of an integral, sum or product: bounds are read outside, the body inside."""
    builder.arity(node, name, 2, 4)
    triples: list[tuple[Any, ...]] = []
    local: dict[str, Any] = {}
    builder.scope.append(local)
    try:
        for part in reversed(node.args[1:]):  # outer limits come last, and inner ones may depend on them
            pieces = part.args if part.kind == "tuple" else (part,)
            if pieces[0].kind != "name" or len(pieces) not in ((3,) if name != "integrate" else (1, 3)):
                if name == "Integral" and len(pieces) == 1 and pieces[0].kind == "name":
                    pass
                else:
                    builder.refuse(part, f"limits are written (variable, lower, upper), as in {name}(f, (x, 0, 1))")
            bounds = [builder.scalar(p) for p in pieces[1:]]
            variable = _variable(builder, pieces[0], bounds, integer)
            local[unicodedata.normalize("NFKC", builder.known(pieces[0].value)[0])] = variable
            triples.insert(0, (variable, *bounds))
        return builder.scalar(node.args[0]), triples
    finally:
        builder.scope.pop()


def _variable(builder: Builder, node: Node, bounds: list[Any], integer: bool) -> sp.Symbol:
    name, value = builder.known(node.value)
    if value is None:
        return sp.Symbol(name, integer=True) if integer else sp.Symbol(name, real=True)
    if not isinstance(value, sp.Symbol):
        builder.refuse(node, f"{name} can't be a variable: it stands for {short(value)}")
    if len(bounds) == 2:
        low, high = bounds
        if (value.is_nonnegative and not low.is_nonnegative) or (value.is_nonpositive and not high.is_nonpositive):
            return sp.Symbol(name, integer=True) if value.is_integer else sp.Symbol(name, real=True)
    return value


def _integral(builder: Builder, node: Node, name: str) -> Any:
    body, limits = _limits(builder, node, name, False)
    return sp.Integral(body, *limits)


def _sum(builder: Builder, node: Node, name: str) -> Any:
    body, limits = _limits(builder, node, name, True)
    return sp.Sum(body, *limits)


def _product(builder: Builder, node: Node, name: str) -> Any:
    body, limits = _limits(builder, node, name, True)
    return sp.Product(body, *limits)


def _variables(builder: Builder, node: Node, name: str) -> list[tuple[Any, int]]:
    """The variables of a derivative with their orders: x, x, 2 or (x, 2)."""
    builder.arity(node, name, 2, 10)
    found: list[tuple[Any, int]] = []
    for part in node.args[1:]:
        if part.kind == "number" and found and part.value.isdigit():
            found[-1] = (found[-1][0], int(part.value[:6]))
            continue
        pieces: tuple[Any, ...] = part.args if part.kind == "tuple" else (part,)
        variable = builder.build(pieces[0])
        order = builder.build(pieces[1]) if len(pieces) == 2 else sp.Integer(1)
        if len(pieces) > 2 or not isinstance(variable, sp.Symbol | AppliedUndef | sp.Indexed):
            builder.refuse(part, f"write {name}(f, x), {name}(f, x, 2) or {name}(f, (x, 2))")
        if not order.is_Integer or order < 0:
            builder.refuse(part, "the order of a derivative is a whole number")
        found.append((variable, int(order)))
    if sum(order for _, order in found) > 30:
        builder.refuse(node, "derivatives up to order 30 are read")
    return found


def _derivative(builder: Builder, node: Node, name: str) -> Any:
    return sp.Derivative(builder.scalar(node.args[0]), *_variables(builder, node, name), evaluate=False)


def _diff(builder: Builder, node: Node, name: str) -> Any:
    value = _derivative(builder, node, name)
    return value.doit() if builder.evaluate else value


def _limit(builder: Builder, node: Node, name: str) -> Any:
    builder.arity(node, name, 3, 4)
    direction = "+-"
    if len(node.args) == 4:
        mark = node.args[3]
        sign = mark.value if mark.kind in ("number", "name") else None
        direction = {"1": "+", "right": "+", "left": "-"}.get(str(sign), "")
        if mark.kind == "neg":
            direction = "-"
        if not direction:
            builder.refuse(mark, "the direction of a limit is 1 (from above) or -1 (from below)")
    point = builder.scalar(node.args[2])
    variable = _variable(builder, node.args[1], [], False) if node.args[1].kind == "name" else None
    if variable is None:
        builder.refuse(node.args[1], "a limit is written Limit(f, x, point)")
    builder.scope.append({builder.known(node.args[1].value)[0]: variable})
    try:
        body = builder.scalar(node.args[0])
    finally:
        builder.scope.pop()
    if point in (sp.oo, -sp.oo):
        direction = "-" if point == sp.oo else "+"
    return sp.Limit(body, variable, point, direction)


def _piecewise(builder: Builder, node: Node, name: str) -> Any:
    builder.arity(node, name, 1, 50)
    pieces = []
    for part in node.args:
        if part.kind != "tuple" or len(part.args) != 2:
            builder.refuse(part, "Piecewise takes pairs, as in Piecewise((x, x > 0), (0, True))")
        pieces.append((builder.scalar(part.args[0]), builder.truth(part.args[1])))
    return sp.Piecewise(*pieces, evaluate=builder.evaluate)


def _matrix(builder: Builder, node: Node, name: str) -> Any:
    builder.arity(node, name, 1, 1)
    value = builder.build(node.args[0])
    return value if isinstance(value, sp.MatrixBase) else builder.matrix(node, value)


BINDING_FORMS: dict[str, Callable[[Builder, Node, str], Any]] = {
    "integral": _integral,
    "sum": _sum,
    "product": _product,
    "derivative": _derivative,
    "diff": _diff,
    "limit": _limit,
    "piecewise": _piecewise,
    "matrix": _matrix,
}
"""Kind of a binder, as the vocabulary has it -> the function that builds it."""
