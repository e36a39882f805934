"""Elements of arrays, whole numbers, and the loops of sums and products."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import sympy as sp

from numerics.codegen.pieces import (
    ATOM,
    CALL,
    PRODUCT,
    SUM,
    UNARY,
    Loop,
    Scope,
    Value,
    indented,
    is_literal,
    shifted,
)
from numerics.codegen.survey import Survey
from symrg.errors import UnsupportedExpression


class Indices(Survey):
    """Writes what has whole numbers in it; the rest of an expression is written by `_emit`."""

    @abstractmethod
    def _emit(self, root: sp.Basic, scope: Scope) -> Value:
        """The value of a node, computed in a scope."""

    def _element(self, node: Any, scope: Scope) -> Value:
        array, indices = (node.base, node.indices) if isinstance(node, sp.Indexed) else (node.parent, node.args[1:])
        if array not in self._arrays:
            raise UnsupportedExpression(f"{node}: {array} is no array argument of the kernel")
        value = self._arrays[array]
        texts = []
        for axis, index in enumerate(indices):
            texts.append(self._whole_number(index, scope).text)
            self._check_bounds(value.text, axis, index, texts[-1], scope)
        return Value(f"{value.text}[{', '.join(texts)}]", value.kind, CALL)

    def _check_bounds(self, array: str, axis: int, index: sp.Expr, text: str, scope: Scope) -> None:
        """See that an index is inside its array: before the loop where the loop alone decides, else on the spot."""
        counters = [s for s in index.free_symbols if s in self._loops]
        if len(counters) == 1 and (index - counters[0]).is_Integer:
            loop, inner = self._loops[counters[0]], scope
            while inner.index is not None and inner is not loop.scope and inner.parent is not None:
                inner = inner.parent
            if inner is loop.scope:  # no branch lies between the loop and this access
                loop.checks.append((array, axis, int(index - counters[0])))
                return
        test = f"if {text} < 0 or {text} >= {array}.shape[{axis}]:"
        if any(test in s.checked for s in scope.chain()):
            return
        scope.checked.add(test)
        scope.lines += [test, f'    raise IndexError("{array} axis {axis}")']

    # whole numbers: bounds and indices

    def _whole_number(self, node: sp.Expr, scope: Scope) -> Value:
        if node.is_Integer:
            return Value(str(int(node)), "i", ATOM if node >= 0 else UNARY)
        if isinstance(node, sp.Symbol):
            if node in self._loops:
                return Value(self._loops[node].counter, "i")
            if node in self._scalars:
                self._whole.add(node)
                return Value(f"int({self._scalars[node].text})", "i")
        if isinstance(node, sp.Add):
            number, rest = node.as_coeff_Add()
            if not number.is_Integer:
                raise UnsupportedExpression(f"{node} is used as an index or the bound of a sum; it must be whole")
            text = " + ".join(self._whole_number(a, scope).inside(SUM) for a in sp.Add.make_args(rest))
            return Value(shifted(text, int(number)), "i", SUM)
        if isinstance(node, sp.Mul) and all(a.is_Integer or not a.is_Number for a in node.args):
            return Value(" * ".join(self._whole_number(a, scope).inside(PRODUCT) for a in node.args), "i", PRODUCT)
        if isinstance(node, (sp.Min, sp.Max)):
            name = "min" if isinstance(node, sp.Min) else "max"
            return Value(f"{name}({', '.join(self._whole_number(a, scope).text for a in node.args)})", "i")
        if isinstance(node, sp.Mod):
            a, b = (self._whole_number(x, scope) for x in node.args)
            return Value(f"{a.inside(UNARY)} % {b.inside(UNARY)}", "i", PRODUCT)
        if isinstance(node, (sp.floor, sp.ceiling)) or (node.is_integer and isinstance(node, sp.Expr)):
            return Value(f"int({self._emit(node, scope).text})", "i")
        raise UnsupportedExpression(f"{node} is used as an index or the bound of a sum, but is not a whole number")

    # loops

    def _loop(self, node: Any, scope: Scope) -> Value:
        counter, body = self._body(node)
        _, first, last = node.limits[-1]
        name, k = f"t{self._names}", f"k{self._counters}"
        self._names += 1
        self._counters += 1
        inner = Scope(scope, counter)
        loop = Loop(k, self._whole_number(first, scope).text, self._whole_number(last, scope).text, inner, f"x{k[1:]}")
        self._loops[counter] = loop
        value = self._emit(body, inner)
        adds = isinstance(node, sp.Sum)
        start = ("0.0" if adds else "1.0") if value.kind != "c" else ("0j" if adds else "(1+0j)")
        for array, axis, offset in dict.fromkeys(loop.checks):
            tests = [] if is_literal(loop.first) and is_literal(loop.last) else [f"{loop.first} <= {loop.last}"]
            low, high = shifted(loop.first, offset), shifted(loop.last, offset)
            beyond = f"{high} >= {array}.shape[{axis}]"
            if not is_literal(low):
                beyond = f"({low} < 0 or {beyond})" if tests else f"{low} < 0 or {beyond}"
            if not is_literal(loop.first) or not is_literal(loop.last) or int(loop.first) <= int(loop.last):
                test = f"if {' and '.join([*tests, beyond])}:"
                scope.lines += [test, f'    raise IndexError("{array} axis {axis}")']
        stop = shifted(loop.last, 1)
        scope.lines += [
            f"{name} = {start}",
            f"for {k} in range({loop.first + ', ' if loop.first != '0' else ''}{stop}):",
        ]
        if loop.used:
            scope.lines.append(f"    {loop.number} = float({k})")
        scope.lines += indented([*inner.lines, f"{name} {'+' if adds else '*'}= {value.text}"])
        return Value(name, value.kind)
