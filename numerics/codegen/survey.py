"""What the nodes of an expression are made of: how often each occurs, which loops it needs, what comes before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.matrices.expressions.matexpr import MatrixElement

from numerics.codegen.pieces import Kind, Loop, Scope, Value, no_kernel
from symrg.errors import UnsupportedExpression

REPEATED = 8  # whole powers up to this one are products


class Survey:
    """Everything that is known of the nodes before source is written.

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
            raise no_kernel(node)
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
        if exponent.is_Integer and exponent <= REPEATED:
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
