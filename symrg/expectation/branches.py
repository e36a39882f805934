"""The smooth branch of an expression with kinks that holds at a point."""

from __future__ import annotations

import sympy
from sympy import S

from symrg.budget import Declined
from symrg.expectation.density import KINKED
from symrg.expectation.numeric import number


def smooth_branch(expression: sympy.Expr, at: dict[sympy.Symbol, sympy.Expr]) -> sympy.Expr:
    """Abs, sign, Heaviside, Max, Min and Piecewise replaced by the branch that holds at a point."""
    while expression.has(*KINKED):
        nodes = [n for n in expression.atoms(*KINKED) if not any(m is not n and m.has(*KINKED) for m in n.args)]
        if not nodes:
            break
        swaps = {}
        for node in nodes:
            if isinstance(node, sympy.Piecewise):
                for value, condition in node.args:
                    if condition.subs(at) in (True, S.true):
                        swaps[node] = value
                        break
                else:
                    swaps[node] = S.NaN
            elif isinstance(node, (sympy.Max, sympy.Min)):
                pick = max if isinstance(node, sympy.Max) else min
                swaps[node] = pick(node.args, key=lambda a: number(a, at))
            else:
                value = number(node.args[0], at)
                if value != value:
                    raise Declined(f"no sign for {node.args[0]}")
                positive = value > 0
                if isinstance(node, sympy.Abs):
                    swaps[node] = node.args[0] if positive else -node.args[0]
                elif isinstance(node, sympy.sign):
                    swaps[node] = S.One if positive else S.NegativeOne
                else:
                    swaps[node] = S.One if positive else S.Zero
        expression = expression.xreplace(swaps)
    return expression
