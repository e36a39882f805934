"""From SymPy expressions to the source of one Python function that numba compiles.

The generator walks the expressions as one graph: a subexpression that occurs twice is computed once, a branch of a
piecewise function computes only what it needs, what a sum does not change is computed before its loop. Every name in
the source is the generator's own (`a0` arguments, `t0` values, `k0` counters); text of the user, such as a symbol's
name, never reaches it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.logic.boolalg import Boolean, BooleanAtom
from sympy.matrices.expressions.matexpr import MatrixElement

from numerics.codegen import special
from numerics.codegen import stable as st
from numerics.codegen.functions import KERNELS
from symrg.budget import OutOfTime, within
from symrg.errors import UnsupportedExpression

ATOM, CALL, UNARY, PRODUCT, SUM, COMPARISON, NOT, AND, OR = range(9, 0, -1)
"""How tightly the outermost operator of a piece of source binds, the tightest first; an ATOM is a name or a number."""

_WIDTH = 76  # longer pieces of source get a name of their own
_REPEATED = 8  # whole powers up to this one are products
_RETURNED = 8  # more results than this are written to an array


@dataclass(frozen=True)
class Value:
    """A piece of source that computes a value: kind 'f' float, 'c' complex, 'b' boolean."""

    text: str
    kind: str
    level: int = ATOM

    def inside(self, level: int) -> str:
        """The text, in brackets if it binds less tightly than `level`."""
        return self.text if self.level >= level else f"({self.text})"


@dataclass
class Scope:
    """Statements of one block, with the values that they name."""

    parent: Scope | None = None
    index: sp.Symbol | None = None
    unconditional: set[sp.Basic] = field(default_factory=set)
    lines: list[str] = field(default_factory=list)
    known: dict[sp.Basic, Value] = field(default_factory=dict)
    checked: set[str] = field(default_factory=set)

    def chain(self) -> list[Scope]:
        """The scopes from the outermost to this one."""
        scopes: list[Scope] = []
        scope: Scope | None = self
        while scope is not None:
            scopes.append(scope)
            scope = scope.parent
        return scopes[::-1]

    def find(self, node: sp.Basic) -> Value | None:
        """What the node was computed as, here or outside."""
        scope: Scope | None = self
        while scope is not None:
            if node in scope.known:
                return scope.known[node]
            scope = scope.parent
        return None


@dataclass
class Loop:
    """A counter of a loop, with its first and last value and the array bounds to check before it runs."""

    counter: str
    first: str
    last: str
    scope: Scope
    number: str
    used: bool = False
    checks: list[tuple[str, int, int]] = field(default_factory=list)  # argument name, axis, offset


@dataclass(frozen=True)
class Kind:
    """What the generator knows of a node: a constant, the loop counters in it, whether it reads an array."""

    constant: bool
    counters: frozenset[sp.Symbol]
    reads: bool


@dataclass(frozen=True)
class Source:
    """A generated function.

    Attributes:
        body: the statements of the function, not indented.
        results: the text of each result.
        kinds: 'f', 'c' or 'b' for each result.
        own: names used from `numerics.codegen.special`.
        foreign: names used from `numerics.codegen.foreign`.
        whole: positions of the scalar arguments that must be whole numbers (they bound sums or index arrays).
    """

    body: tuple[str, ...]
    results: tuple[str, ...]
    kinds: tuple[str, ...]
    own: tuple[str, ...]
    foreign: tuple[str, ...]
    whole: tuple[int, ...]


class Generator:
    """Generates the statements that compute some expressions.

    Args:
        scalars: the scalar argument symbols with the name and kind ('f' or 'c') of each.
        arrays: the array arguments (IndexedBase or MatrixSymbol) with the name and kind of each.
        complex_arithmetic: whether functions such as the square root leave the real line.
    """

    def __init__(
        self, scalars: dict[sp.Basic, Value], arrays: dict[sp.Basic, Value], complex_arithmetic: bool = False
    ) -> None:
        self._scalars = scalars
        self._arrays = arrays
        self._complex = complex_arithmetic
        self._kind: dict[sp.Basic, Kind] = {}
        self._count: Counter[sp.Basic] = Counter()
        self._divisors: Counter[sp.Basic] = Counter()
        self._operands_of: dict[sp.Basic, tuple[sp.Basic, ...]] = {}
        self._bodies: dict[sp.Basic, tuple[sp.Symbol, sp.Basic]] = {}
        self._loops: dict[sp.Symbol, Loop] = {}
        self._names = 0
        self._counters = 0
        self._used: set[str] = set()
        self._whole: set[sp.Basic] = set()

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

    # what a node is made of

    def _survey(self, roots: Iterable[sp.Basic]) -> None:
        """Count how often each node is used, in every scope."""
        seen: set[sp.Basic] = set()
        stack = list(roots)
        self._learn(stack)
        while stack:
            node = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            for operand in (*self._operands(node), *self._inner(node)):
                self._count[operand] += 1
                stack.append(operand)

    def _learn(self, roots: Iterable[sp.Basic]) -> None:
        """Fill `_kind` for everything below the roots, from the leaves up."""
        stack = [(r, False) for r in roots]
        while stack:
            node, ready = stack.pop()
            if node in self._kind:
                continue
            if not ready and node.args and not isinstance(node, (sp.Indexed, MatrixElement)):
                stack.append((node, True))
                stack.extend((a, False) for a in node.args if a not in self._kind)
            else:
                self._kind[node] = self._judge(node)

    def _judge(self, node: sp.Basic) -> Kind:
        if isinstance(node, sp.Symbol):
            return Kind(False, frozenset([node]) if node in self._loops else frozenset(), False)
        if isinstance(node, (sp.Indexed, MatrixElement)):
            counters = frozenset(s for s in node.free_symbols if s in self._loops)
            return Kind(False, counters, True)
        if isinstance(node, (sp.Integral, sp.Sum, sp.Product)):
            free = node.free_symbols
            endless = isinstance(node, sp.Integral) or any(b.is_infinite for l in node.limits for b in l[1:])
            return Kind(
                endless and not free,
                frozenset(s for s in free if s in self._loops),
                node.has(sp.Indexed, MatrixElement),
            )
        if not node.args:
            return Kind(True, frozenset(), False)
        parts = [self.kind(a) for a in node.args]
        return Kind(
            all(p.constant for p in parts) and not isinstance(node, (AppliedUndef, sp.Derivative)),
            frozenset().union(*(p.counters for p in parts)),
            any(p.reads for p in parts),
        )

    def kind(self, node: sp.Basic) -> Kind:
        """What is known of the node."""
        if node not in self._kind:
            self._learn([node])
        return self._kind[node]

    def _operands(self, node: sp.Basic) -> tuple[sp.Basic, ...]:
        """The nodes that are certainly computed before this one."""
        if node not in self._operands_of:
            self._operands_of[node] = self._find_operands(node)
        return self._operands_of[node]

    def _find_operands(self, node: sp.Basic) -> tuple[sp.Basic, ...]:
        if not node.args or self.kind(node).constant:
            return ()
        if isinstance(node, sp.Add):
            return tuple(self._scaled(a)[1] for a in node.args if not self.kind(a).constant)
        if isinstance(node, sp.Mul):
            factor, core = self._scaled(node)
            if factor != 1:
                return (core,)
            above, below = self._fraction(node)
            if below is not None:
                self._divisors[below] += 1
                return (above, below) if above != 1 else (below,)
            return node.args
        if isinstance(node, sp.Pow):
            return self._power_operands(node)
        if isinstance(node, sp.Piecewise):
            return (node.args[0].args[1],)
        if isinstance(node, sp.ITE):
            return (node.args[0],)
        if isinstance(node, (sp.Sum, sp.Product, sp.Indexed, MatrixElement)):
            return ()
        if isinstance(node, (sp.Integral, sp.Limit, sp.Order, sp.Lambda, AppliedUndef)):
            raise _no_kernel(node)
        if isinstance(node, (sp.Derivative, sp.Subs)):
            return ()
        if isinstance(node, sp.hyper):
            return (*node.ap, *node.bq, node.argument)
        return node.args

    def _power_operands(self, node: sp.Pow) -> tuple[sp.Basic, ...]:
        base, exponent = node.base, node.exp
        if exponent.is_Number and exponent.is_negative:
            below = sp.Pow(base, -exponent)
            self._divisors[below] += 1
            return (below,)
        if exponent.is_Integer and exponent <= _REPEATED:
            half = int(exponent) // 2
            return tuple(sp.Pow(base, n) for n in {half, int(exponent) - half})
        if exponent.is_Rational and exponent.q == 2:
            if exponent == sp.S.Half:
                return (base,)
            return (sp.sqrt(base), sp.Pow(base, exponent - sp.S.Half))
        return (base, exponent)

    def _inner(self, node: sp.Basic) -> tuple[sp.Basic, ...]:
        """The nodes that are computed in scopes of their own."""
        if self.kind(node).constant:
            return ()
        if isinstance(node, sp.Piecewise):
            first, *others = node.args
            return (first.args[0], *(part for pair in others for part in pair.args))
        if isinstance(node, sp.ITE):
            return node.args[1:]
        if isinstance(node, (sp.Sum, sp.Product)):
            return (self._body(node)[1],)
        return ()

    def _body(self, node: sp.Basic) -> tuple[sp.Symbol, sp.Basic]:
        """The counter (a symbol of its own) and the summand of the outermost loop of a sum or product."""
        if node not in self._bodies:
            limit = node.limits[-1]
            if len(limit) != 3 or any(b.is_infinite or b.has(sp.oo, sp.zoo, sp.nan) for b in limit[1:]):
                raise UnsupportedExpression(
                    f"{node} has no kernel: a loop needs finite bounds; give a finite upper bound, or a closed form"
                )
            counter = sp.Dummy("k", integer=True)
            inside = node.func(node.function, *node.limits[:-1]) if len(node.limits) > 1 else node.function
            # the counter is known before the body is looked at
            self._loops[counter] = Loop("", "", "", Scope(), "")
            self._bodies[node] = (counter, inside.xreplace({limit[0]: counter}))
        return self._bodies[node]

    def _scaled(self, node: sp.Basic) -> tuple[sp.Expr, sp.Basic]:
        """A product as (constant factor, the rest)."""
        if not isinstance(node, sp.Mul):
            return sp.S.One, node
        constant = [a for a in node.args if self.kind(a).constant]
        if not constant:
            return sp.S.One, node
        rest = [a for a in node.args if not self.kind(a).constant]
        core = rest[0] if len(rest) == 1 else sp.Mul._from_args(rest)
        return sp.Mul(*constant), core

    def _fraction(self, node: sp.Mul) -> tuple[sp.Expr, sp.Expr | None]:
        above, below = [], []
        for a in node.args:
            if isinstance(a, sp.Pow) and a.exp.is_Number and a.exp.is_negative:
                below.append(sp.Pow(a.base, -a.exp))
            else:
                above.append(a)
        return sp.Mul(*above), sp.Mul(*below) if below else None

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
            return Value(_shifted(text, int(number)), "i", SUM)
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
            kind = _join(kind, value.kind)
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
        return Value(f"{number.inside(UNARY)} * {right}", _join(number.kind, value.kind), PRODUCT)

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
            kind = _join(kind, value.kind)
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
        kind = _join(number.kind, inverse.kind)
        if inverse.level == ATOM:
            return Value(f"{number.inside(PRODUCT)} * {inverse.text}", kind, PRODUCT)
        return Value(f"{number.inside(PRODUCT)} / {inverse.text.removeprefix('1.0 / ')}", kind, PRODUCT)

    def _power(self, node: sp.Pow, scope: Scope) -> Value:
        base, exponent = node.base, node.exp
        if exponent.is_Number and exponent.is_negative:
            return self._divide(None, sp.Pow(base, -exponent), scope)
        if exponent.is_Integer and exponent <= _REPEATED:
            half = int(exponent) // 2
            low, high = self._named(sp.Pow(base, half), scope), self._named(sp.Pow(base, int(exponent) - half), scope)
            return Value(f"{high.text} * {low.text}", low.kind, PRODUCT)
        if exponent == sp.S.Half:
            return self._square_root(base, scope)
        if exponent.is_Rational and exponent.q == 2:
            root, rest = self._emit(sp.sqrt(base), scope), self._emit(sp.Pow(base, exponent - sp.S.Half), scope)
            return Value(f"{rest.inside(PRODUCT)} * {root.inside(UNARY)}", _join(root.kind, rest.kind), PRODUCT)
        left, right = self._emit(base, scope), self._emit(exponent, scope)
        if "c" in (left.kind, right.kind) or (self._complex and not base.is_nonnegative and not exponent.is_integer):
            return Value(f"{_complex(left)} ** {right.inside(ATOM)}", "c", UNARY)
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
            return Value(f"cmath.sqrt({_complex(value)})", "c", CALL)
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
        scope.lines += [f"if {test.text}:", *_indented(inner.lines)]
        if other.lines[0].startswith("if ") and all(l.startswith((" ", "elif ", "else:")) for l in other.lines[1:]):
            scope.lines += ["el" + other.lines[0], *other.lines[1:]]
        else:
            scope.lines += ["else:", *_indented(other.lines)]

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
            tests = [] if _digits(loop.first) and _digits(loop.last) else [f"{loop.first} <= {loop.last}"]
            low, high = _shifted(loop.first, offset), _shifted(loop.last, offset)
            beyond = f"{high} >= {array}.shape[{axis}]"
            if not _digits(low):
                beyond = f"({low} < 0 or {beyond})" if tests else f"{low} < 0 or {beyond}"
            if not _digits(loop.first) or not _digits(loop.last) or int(loop.first) <= int(loop.last):
                test = f"if {' and '.join([*tests, beyond])}:"
                scope.lines += [test, f'    raise IndexError("{array} axis {axis}")']
        stop = _shifted(loop.last, 1)
        scope.lines += [
            f"{name} = {start}",
            f"for {k} in range({loop.first + ', ' if loop.first != '0' else ''}{stop}):",
        ]
        if loop.used:
            scope.lines.append(f"    {loop.number} = float({k})")
        scope.lines += _indented([*inner.lines, f"{name} {'+' if adds else '*'}= {value.text}"])
        return Value(name, value.kind)

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
                texts = [values[0].text, _complex(values[1])]
            else:
                texts = [_complex(v) for v in values]
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
        rewritten = _rephrased(node)
        if rewritten is not None:
            self._survey([rewritten])
            return self._emit(rewritten, scope)
        values = [self._emit(a, scope) for a in node.args] if type(node) in _SHAPES else []
        if values and not any(v.kind == "c" for v in values):
            found = _SHAPES[type(node)](node, [v.text for v in values])
            if found is not None:
                return self._call(found, [], "f")
        if isinstance(node, sp.hyper) and (len(node.ap), len(node.bq)) in ((0, 1), (1, 1), (2, 1)):
            texts = [self._emit(a, scope).text for a in self._operands(node)]
            return self._call(f"hyper_{len(node.ap)}f1({', '.join(texts)})", [], "f")
        if isinstance(node, (sp.re, sp.im, sp.conjugate, sp.arg)):
            return self._part(node, scope)
        raise _no_kernel(node)

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


def literal(number: sp.Basic, origin: sp.Basic | None = None) -> Value:
    """A number as Python source: the nearest double."""
    if number is sp.oo:
        return Value("math.inf", "f")
    if number is -sp.oo:
        return Value("-math.inf", "f", UNARY)
    if not number.is_number or number.has(sp.nan, sp.zoo, sp.oo):
        raise UnsupportedExpression(f"{origin if origin is not None else number} is not a number")
    if number.is_extended_real is False or number.has(sp.I):
        z = complex(number)
        return Value(f"complex({z.real!r}, {z.imag!r})", "c")
    x = float(number)
    if math.isinf(x):
        raise UnsupportedExpression(f"{origin if origin is not None else number} is beyond the largest double")
    return Value(repr(x), "f", ATOM if math.copysign(1.0, x) > 0 else UNARY)


def _no_kernel(node: sp.Basic) -> UnsupportedExpression:
    kind = type(node).__name__
    return UnsupportedExpression(f"no kernel computes {kind}, asked for in {node}; evaluate or replace it first")


def _join(a: str, b: str) -> str:
    return "c" if "c" in (a, b) else "f"


def _complex(value: Value) -> str:
    return value.text if value.kind == "c" else f"complex({value.text}, 0.0)"


def _digits(text: str) -> bool:
    return text.isdecimal()


def _shifted(text: str, by: int) -> str:
    """The source of a whole number plus a constant."""
    if _digits(text):
        return str(int(text) + by)
    plain, _, end = text.rpartition(" ")
    if _digits(end) and plain[-2:] in (" +", " -"):
        by += int(end) if plain[-1] == "+" else -int(end)
        text = plain[:-2]
    return f"{text} {'+' if by > 0 else '-'} {abs(by)}" if by else text


def _indented(lines: Iterable[str]) -> list[str]:
    return ["    " + line for line in lines]


def _nested(name: str) -> Any:
    def shape(node: Any, texts: list[str]) -> str:
        text = texts[-1]
        for t in reversed(texts[:-1]):
            text = f"{name}({t}, {text})"
        return text

    return shape


def _polygamma(node: Any, texts: list[str]) -> str | None:
    order = node.args[0]
    return f"polygamma({texts[0]}, {texts[1]})" if order.is_Integer and order > 0 else None


_SHAPES: dict[type, Any] = {
    sp.Min: _nested("minimum"),
    sp.Max: _nested("maximum"),
    sp.Mod: lambda node, t: f"modulo({t[0]}, {t[1]})",
    sp.Heaviside: lambda node, t: f"step({t[0]}, {t[1]})",
    sp.KroneckerDelta: lambda node, t: f"(1.0 if {t[0]} == {t[1]} else 0.0)",
    sp.polygamma: _polygamma,
    sp.zeta: lambda node, t: f"hurwitz_zeta({t[0]}, {t[1]})",
    sp.LambertW: lambda node, t: f"lambertw_lower({t[0]})" if node.args[1] == -1 else None,
    sp.elliptic_e: lambda node, t: f"elliptic_e({t[0]})" if len(t) == 1 else f"incomplete_elliptic_e({t[0]}, {t[1]})",
    sp.elliptic_f: lambda node, t: f"incomplete_elliptic_f({t[0]}, {t[1]})",
}


def _rephrased(node: Any) -> sp.Basic | None:
    """A function without a kernel of its own, in functions that have one."""
    if isinstance(node, sp.harmonic) and len(node.args) == 1:
        return sp.digamma(node.args[0] + 1) + sp.EulerGamma
    if isinstance(node, sp.polygamma) and node.args[0] == 0:
        return sp.digamma(node.args[1], evaluate=False)
    if isinstance(node, sp.FallingFactorial):
        return sp.RisingFactorial(node.args[0] - node.args[1] + 1, node.args[1])
    if isinstance(node, (sp.jn, sp.yn)):
        return node.rewrite(sp.besselj if isinstance(node, sp.jn) else sp.bessely)
    if isinstance(node, (sp.Derivative, sp.Subs)):
        done = node.doit()
        return None if done == node or done.has(sp.Derivative) else done
    return None


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
