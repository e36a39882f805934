"""From SymPy expressions to the source of one Python function that numba compiles.

The generator walks the expressions as one graph: a subexpression that occurs twice is computed once, a branch of a
piecewise function computes only what it needs, what a sum does not change is computed before its loop. Every name in
the source is the generator's own (`a0` arguments, `t0` values, `k0` counters); text of the user, such as a symbol's
name, never reaches it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import sympy as sp
from sympy.logic.boolalg import Boolean, BooleanAtom
from sympy.matrices.expressions.matexpr import MatrixElement

from numerics.codegen import special
from numerics.codegen import stable as st
from numerics.codegen.functions import KERNELS
from numerics.codegen.indices import Indices
from numerics.codegen.phrasing import SHAPES, rephrased
from numerics.codegen.pieces import (
    AND,
    ATOM,
    CALL,
    COMPARISON,
    NOT,
    OR,
    PRODUCT,
    SUM,
    UNARY,
    Scope,
    Source,
    Value,
    as_complex,
    indented,
    joined_kind,
    literal,
    no_kernel,
)
from numerics.codegen.survey import REPEATED
from symrg.budget import OutOfTime, within
from symrg.errors import UnsupportedExpression

_WIDTH = 76  # longer pieces of source get a name of their own
RETURNED = 8  # more results than this are written to an array


class Generator(Indices):
    """Generates the statements that compute some expressions; the arguments are those of `Survey`."""

    def generate(self, expressions: Sequence[sp.Basic]) -> Source:
        """The source that computes the expressions, in their order."""
        self._survey(expressions)
        top = Scope()
        values = self._emit_all(expressions, top)
        own = sorted(n for n in self._used if hasattr(special, n))
        scalars = list(self._scalars)
        return Source(
            tuple(top.lines),
            tuple(v.text for v in values),
            tuple(v.kind for v in values),
            tuple(own),
            tuple(sorted(self._used - set(own))),
            tuple(i for i, s in enumerate(scalars) if s in self._whole),
        )

    # emission

    def _emit_all(self, roots: Sequence[sp.Basic], scope: Scope) -> list[Value]:
        order = self._order(roots, scope)
        scope.unconditional.update(order)
        return [self._emit_ordered(root, scope, order if i == 0 else None) for i, root in enumerate(roots)]

    def _emit(self, root: sp.Basic, scope: Scope) -> Value:
        found = scope.find(root)
        if found is not None:
            return found
        order = self._order([root], scope)
        scope.unconditional.update(order)
        return self._emit_ordered(root, scope, order)

    def _order(self, roots: Sequence[sp.Basic], scope: Scope) -> list[sp.Basic]:
        """What the roots need, each after what it needs itself."""
        order: list[sp.Basic] = []
        seen: set[sp.Basic] = set()
        stack = [(r, False) for r in reversed(roots)]
        while stack:
            node, ready = stack.pop()
            if ready:
                order.append(node)
            elif node not in seen and scope.find(node) is None:
                seen.add(node)
                stack.append((node, True))
                stack.extend((o, False) for o in reversed(self._operands(node)))
        return order

    def _emit_ordered(self, root: sp.Basic, scope: Scope, order: list[sp.Basic] | None) -> Value:
        for node in order or ():
            if scope.find(node) is None:
                self._place(node, scope)
        value = scope.find(root)
        return value if value is not None else self._emit(root, scope)

    def _place(self, node: sp.Basic, scope: Scope) -> None:
        """Compute a node in the outermost scope where it may be."""
        target = self._target(node, scope)
        value = self._translate(node, target)
        shared = self._count[node] > 1 or target is not scope
        if value.level != ATOM and (shared or len(value.text) > _WIDTH):
            value = self._assign(value, target)
        target.known[node] = value

    def _target(self, node: sp.Basic, scope: Scope) -> Scope:
        kind = self.kind(node)
        for outer in scope.chain():
            if node in outer.unconditional:
                best = outer
                break
        else:
            best = scope
        while best.parent is not None and best.index is not None:
            if best.index in kind.counters or kind.reads or not node.args:
                break
            best = best.parent
        return best

    def _assign(self, value: Value, scope: Scope) -> Value:
        name = f"t{self._names}"
        self._names += 1
        scope.lines.append(f"{name} = {value.text}")
        return Value(name, value.kind)

    def _named(self, node: sp.Basic, scope: Scope) -> Value:
        """The node's value as a name, so that it may be written twice."""
        value = self._emit(node, scope)
        if value.level == ATOM:
            return value
        value = self._assign(value, scope)
        scope.known[node] = value
        return value

    def _translate(self, node: sp.Basic, scope: Scope) -> Value:
        if self.kind(node).constant:
            return self._constant(node)
        for types, method in _METHODS:
            if isinstance(node, types):
                return getattr(self, method)(node, scope)
        return self._function(node, scope)

    # leaves

    def _constant(self, node: sp.Basic) -> Value:
        if isinstance(node, BooleanAtom):
            return Value("True" if node else "False", "b")
        if isinstance(node, Boolean):
            raise UnsupportedExpression(f"{node} is not decided, and has no kernel; simplify it first")
        if node is sp.nan or node is sp.zoo:
            raise UnsupportedExpression(f"{node} is not a number: the expression is undefined")
        try:
            number = within(10.0, sp.N, node, 30)
        except OutOfTime:
            raise UnsupportedExpression(f"the constant {node} took more than 10 s to evaluate") from None
        return literal(number, node)

    def _symbol(self, node: sp.Symbol, scope: Scope) -> Value:
        if node in self._loops:
            self._loops[node].used = True
            return Value(self._loops[node].number, "f")
        if node in self._scalars:
            return self._scalars[node]
        raise UnsupportedExpression(f"{node} is no argument of the kernel")

    # arithmetic

    def _sum(self, node: sp.Add, scope: Scope) -> Value:
        constant = [a for a in node.args if self.kind(a).constant]
        terms = [self._scaled(a) for a in node.args if not self.kind(a).constant]
        text, kind = "", "f"
        if constant:
            value = self._constant(sp.Add(*constant))
            if value.text not in ("0.0", "-0.0"):
                text, kind = value.text, value.kind
        terms.sort(key=lambda term: bool(term[0].is_extended_negative))  # what is subtracted comes last
        for factor, core in terms:
            minus = bool(factor.is_extended_negative)
            value = self._times(-factor if minus else factor, core, scope)
            kind = joined_kind(kind, value.kind)
            piece = value.inside(PRODUCT)
            if not text:
                text = f"-{value.inside(UNARY)}" if minus else piece
            else:
                text += f" - {piece}" if minus else f" + {piece}"
            if len(text) > _WIDTH and core is not terms[-1][1]:
                text = self._assign(Value(text, kind, SUM), scope).text
        return Value(text, kind, SUM)

    def _times(self, factor: sp.Expr, core: sp.Basic, scope: Scope) -> Value:
        """factor * core, where a division by a whole number rounds once less than a product with its inverse."""
        value = self._emit(core, scope)
        if factor == 1:
            return value
        if factor == -1:
            return Value(f"-{value.inside(UNARY)}", value.kind, UNARY)
        if factor.is_Rational and abs(factor.p) == 1 and factor.q & (factor.q - 1) and " / " not in value.text:
            sign = "-" if factor.p < 0 else ""
            return Value(f"{sign}{value.inside(UNARY)} / {float(factor.q)!r}", value.kind, PRODUCT)
        number = self._constant(factor)
        right = value.inside(PRODUCT if " / " not in value.text else UNARY)
        return Value(f"{number.inside(UNARY)} * {right}", joined_kind(number.kind, value.kind), PRODUCT)

    def _product(self, node: sp.Mul, scope: Scope) -> Value:
        factor, core = self._scaled(node)
        if factor != 1:
            return self._times(factor, core, scope)
        above, below = self._fraction(node)
        if below is not None:
            return self._divide(None if above == 1 else above, below, scope)
        text, kind = "", "f"
        for i, a in enumerate(node.args):
            value = self._emit(a, scope)
            kind = joined_kind(kind, value.kind)
            piece = value.inside(UNARY)
            text = f"{text} * {piece}" if text else piece
            if len(text) > _WIDTH and i + 1 < len(node.args):
                text = self._assign(Value(text, kind, PRODUCT), scope).text
        return Value(text, kind, PRODUCT)

    def _divide(self, above: sp.Basic | None, below: sp.Basic, scope: Scope) -> Value:
        """A quotient; a divisor that occurs more than once is inverted once."""
        inverse = scope.find(sp.Pow(below, -1, evaluate=False))
        if inverse is None:
            divisor = self._emit(below, scope)
            inverse = Value(f"1.0 / {divisor.inside(UNARY)}", divisor.kind, PRODUCT)
            if self._divisors[below] > 1:
                home = self._target(below, scope)
                if home is not scope and home.find(below) is None:
                    home = scope
                inverse = self._assign(inverse, home)
                home.known[sp.Pow(below, -1, evaluate=False)] = inverse
        if above is None:
            return inverse
        number = self._emit(above, scope)
        kind = joined_kind(number.kind, inverse.kind)
        if inverse.level == ATOM:
            return Value(f"{number.inside(PRODUCT)} * {inverse.text}", kind, PRODUCT)
        return Value(f"{number.inside(PRODUCT)} / {inverse.text.removeprefix('1.0 / ')}", kind, PRODUCT)

    def _power(self, node: sp.Pow, scope: Scope) -> Value:
        base, exponent = node.base, node.exp
        if exponent.is_Number and exponent.is_negative:
            return self._divide(None, sp.Pow(base, -exponent), scope)
        if exponent.is_Integer and exponent <= REPEATED:
            half = int(exponent) // 2
            low, high = self._named(sp.Pow(base, half), scope), self._named(sp.Pow(base, int(exponent) - half), scope)
            return Value(f"{high.text} * {low.text}", low.kind, PRODUCT)
        if exponent == sp.S.Half:
            return self._square_root(base, scope)
        if exponent.is_Rational and exponent.q == 2:
            root, rest = self._emit(sp.sqrt(base), scope), self._emit(sp.Pow(base, exponent - sp.S.Half), scope)
            return Value(f"{rest.inside(PRODUCT)} * {root.inside(UNARY)}", joined_kind(root.kind, rest.kind), PRODUCT)
        left, right = self._emit(base, scope), self._emit(exponent, scope)
        if "c" in (left.kind, right.kind) or (self._complex and not base.is_nonnegative and not exponent.is_integer):
            return Value(f"{as_complex(left)} ** {right.inside(ATOM)}", "c", UNARY)
        if exponent == sp.Rational(1, 3):
            self._used.add("cube_root")
            return Value(f"cube_root({left.text})", "f", CALL)
        if exponent.is_Rational and exponent.q & (exponent.q - 1):
            # the exponent is no double: what it lacks is put in to first order
            lacking = float(exponent - sp.Rational(*float(exponent).as_integer_ratio()))
            self._used.add("rational_power")
            return Value(f"rational_power({left.text}, {float(exponent)!r}, {lacking!r})", "f", CALL)
        return Value(f"math.pow({left.text}, {right.text})", "f", CALL)

    def _square_root(self, base: sp.Basic, scope: Scope) -> Value:
        value = self._emit(base, scope)
        if value.kind == "c" or (self._complex and not base.is_nonnegative):
            return Value(f"cmath.sqrt({as_complex(value)})", "c", CALL)
        return Value(f"math.sqrt({value.text})", "f", CALL)

    # choices and comparisons

    def _relational(self, node: Any, scope: Scope) -> Value:
        left, right = (self._emit(a, scope) for a in node.args)
        operator = _RELATIONS[type(node)]
        if "c" in (left.kind, right.kind) and operator not in ("==", "!="):
            raise UnsupportedExpression(f"{node} compares complex numbers; declare its symbols real")
        return Value(f"{left.inside(SUM)} {operator} {right.inside(SUM)}", "b", COMPARISON)

    def _boolean(self, node: Any, scope: Scope) -> Value:
        values = [self._emit(a, scope) for a in node.args]
        if isinstance(node, sp.Not):
            return Value(f"not {values[0].inside(NOT)}", "b", NOT)
        if isinstance(node, sp.Xor):
            text = values[0].inside(CALL)
            for value in values[1:]:
                text = f"({text} != {value.inside(CALL)})"
            return Value(text, "b")
        level, word = (AND, " and ") if isinstance(node, sp.And) else (OR, " or ")
        return Value(word.join(v.inside(level + 1) for v in values), "b", level)

    def _choice(self, node: Any, scope: Scope) -> Value:
        if isinstance(node, sp.ITE):
            pairs = [(node.args[1], node.args[0]), (node.args[2], sp.true)]
        else:
            pairs = [(p.args[0], p.args[1]) for p in node.args]
        name = f"t{self._names}"
        self._names += 1
        kinds: set[str] = set()
        self._branches(name, pairs, scope, kinds)
        kind = "c" if "c" in kinds else "b" if kinds == {"b"} else "f"
        return Value(name, kind)

    def _branches(self, name: str, pairs: list[tuple[Any, Any]], scope: Scope, kinds: set[str]) -> None:
        if not pairs:
            scope.lines.append(f"{name} = math.nan")
            return
        (expression, condition), rest = pairs[0], pairs[1:]
        if condition == sp.true:
            value = self._emit(expression, scope)
            kinds.add(value.kind)
            scope.lines.append(f"{name} = {value.text}")
            return
        test = self._emit(condition, scope)
        inner, other = Scope(scope), Scope(scope)
        self._branches(name, [(expression, sp.true)], inner, kinds)
        self._branches(name, rest, other, kinds)
        scope.lines += [f"if {test.text}:", *indented(inner.lines)]
        if other.lines[0].startswith("if ") and all(l.startswith((" ", "elif ", "else:")) for l in other.lines[1:]):
            scope.lines += ["el" + other.lines[0], *other.lines[1:]]
        else:
            scope.lines += ["else:", *indented(other.lines)]

    # functions

    def _function(self, node: Any, scope: Scope) -> Value:
        kernel = KERNELS.get(type(node))
        count = {int(n) for n in re.findall(r"\{(\d)\}", (kernel.real or kernel.complex or "") if kernel else "")}
        if kernel is None or len(count) != len(node.args):
            return self._special_case(node, scope)
        values = [self._emit(a, scope) for a in node.args]
        leaves_real_line = self._complex and not kernel.closed and not node.is_extended_real
        if any(v.kind == "c" for v in values) or (leaves_real_line and kernel.complex is not None):
            if kernel.complex is None:
                raise UnsupportedExpression(f"{node.func.__name__} has no complex kernel, asked for in {node}")
            if isinstance(node, sp.functions.special.bessel.BesselBase):
                if values[0].kind == "c":
                    raise UnsupportedExpression(f"{node}: the order of a Bessel function must be real")
                texts = [values[0].text, as_complex(values[1])]
            else:
                texts = [as_complex(v) for v in values]
            return self._call(kernel.complex, texts, "f" if isinstance(node, sp.Abs) else "c")
        if kernel.real is None:
            raise UnsupportedExpression(f"{node.func.__name__} has no real kernel, asked for in {node}")
        texts = [v.text if f"({{{i}}}" in kernel.real else v.inside(UNARY) for i, v in enumerate(values)]
        return self._call(kernel.real, texts, "f")

    def _call(self, template: str, texts: list[str], kind: str) -> Value:
        for name in re.findall(r"(?<![\w.])([a-z_]\w*)\(", template):
            if name not in ("float", "abs", "complex"):
                self._used.add(name)
        level = PRODUCT if template.startswith("1.0 /") else CALL
        return Value(template.format(*texts), kind, level)

    def _special_case(self, node: Any, scope: Scope) -> Value:
        rewritten = rephrased(node)
        if rewritten is not None:
            self._survey([rewritten])
            return self._emit(rewritten, scope)
        values = [self._emit(a, scope) for a in node.args] if type(node) in SHAPES else []
        if values and not any(v.kind == "c" for v in values):
            found = SHAPES[type(node)](node, [v.text for v in values])
            if found is not None:
                return self._call(found, [], "f")
        if isinstance(node, sp.hyper) and (len(node.ap), len(node.bq)) in ((0, 1), (1, 1), (2, 1)):
            texts = [self._emit(a, scope).text for a in self._operands(node)]
            return self._call(f"hyper_{len(node.ap)}f1({', '.join(texts)})", [], "f")
        if isinstance(node, (sp.re, sp.im, sp.conjugate, sp.arg)):
            return self._part(node, scope)
        raise no_kernel(node)

    def _part(self, node: Any, scope: Scope) -> Value:
        value = self._emit(node.args[0], scope)
        if value.kind != "c":
            if isinstance(node, sp.arg):
                return Value(f"(math.pi if {value.inside(SUM)} < 0.0 else 0.0)", "f")
            return Value("0.0", "f") if isinstance(node, sp.im) else value
        if isinstance(node, sp.conjugate):
            return Value(f"{value.inside(ATOM)}.conjugate()", "c", CALL)
        if isinstance(node, sp.arg):
            return Value(f"cmath.phase({value.text})", "f", CALL)
        return Value(f"{value.inside(ATOM)}.{'real' if isinstance(node, sp.re) else 'imag'}", "f", CALL)


_RELATIONS = {
    sp.StrictLessThan: "<",
    sp.LessThan: "<=",
    sp.StrictGreaterThan: ">",
    sp.GreaterThan: ">=",
    sp.Equality: "==",
    sp.Unequality: "!=",
}

_METHODS: tuple[tuple[Any, str], ...] = (
    (sp.Symbol, "_symbol"),
    ((sp.Indexed, MatrixElement), "_element"),
    (sp.Add, "_sum"),
    (sp.Mul, "_product"),
    (sp.Pow, "_power"),
    ((sp.Piecewise, sp.ITE), "_choice"),
    (tuple(_RELATIONS), "_relational"),
    ((sp.And, sp.Or, sp.Not, sp.Xor), "_boolean"),
    ((sp.Sum, sp.Product), "_loop"),
)

__all__ = ["Generator", "Source", "Value", "literal", "st"]
