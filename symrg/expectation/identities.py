"""Expectations from the normalisation alone.

Differentiating  int p = 1  under the integral gives E[p^-1 d_alpha p] = 0 for every multi-index alpha: E[l_i] = 0,
E[l_i l_j + d_i l_j] = 0, and so on (Bartlett 1953). Whatever is a combination of these, with coefficients that are
functions of the parameters, has its expectation without any integral: all moments of the sufficient statistics of
a full exponential family, whose log-partition the log-density already contains, and more.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import sympy
from sympy import S

from symrg.budget import Declined
from symrg.expectation.density import KINKED
from symrg.expectation.factorials import rewrite_factorials
from symrg.expectation.numeric import number
from symrg.expectation.special import differentiate

Features = dict[sympy.Expr, sympy.Expr]


class NormalisationIdentities:
    """E of functions in the span of derivatives of the density.

    Args:
        log_density: whose normalisation is known.
        sample: coordinates.
        parameters: those that may be differentiated: the support must not depend on them.
        point: values of all parameters, for the choice of pivots.
    """

    def __init__(
        self,
        log_density: sympy.Expr,
        sample: Sequence[sympy.Symbol],
        parameters: Sequence[sympy.Symbol],
        point: dict[sympy.Symbol, sympy.Expr],
    ):
        if log_density.has(*KINKED):
            raise Declined("a density with kinks")
        self._sample = tuple(sample)
        self._parameters = tuple(parameters)
        self._point = point
        self._log_density = rewrite_factorials(log_density)
        self._orders: dict[int, list[Features]] = {}
        self._relative: dict[tuple[sympy.Symbol, ...], sympy.Expr] = {(): S.One}

    def expectation(self, expression: sympy.Expr, order: int) -> sympy.Expr:
        """E of an expression from derivatives up to an order.

        Raises:
            Declined: the expression is not in their span.
        """
        target = self.features(expression)
        moving = [k for k in target if k != 1]
        constant = target.get(S.One, S.Zero)
        if not moving:
            return constant
        rows = self._rows(order)
        solution = self._combination(rows, target)
        return constant - sympy.Add(*(c * r.get(S.One, S.Zero) for c, r in zip(solution, rows) if c != 0))

    def features(self, expression: sympy.Expr) -> Features:
        """Coefficients of the linearly independent functions of the sample in an expression."""
        flat = sympy.expand(
            sympy.expand_power_base(sympy.expand_log(rewrite_factorials(expression), force=True), force=True)
        )
        found: Features = {}
        for term in sympy.Add.make_args(flat):
            coefficient, function = term.as_independent(*self._sample, as_Add=False)
            found[function] = found.get(function, S.Zero) + coefficient
        return {k: v for k, v in found.items() if v != 0}

    def _rows(self, order: int) -> list[Features]:
        rows = []
        for n in range(1, order + 1):
            if n not in self._orders:
                self._orders[n] = [
                    self.features(self._derivative(alpha))
                    for alpha in itertools.combinations_with_replacement(self._parameters, n)
                ]
            rows += self._orders[n]
        return rows

    def _derivative(self, alpha: tuple[sympy.Symbol, ...]) -> sympy.Expr:
        """p^-1 d_alpha p."""
        if alpha not in self._relative:
            below, last = self._derivative(alpha[:-1]), alpha[-1]
            score = self._relative_score(last)
            self._relative[alpha] = differentiate(below, last) + below * score
        return self._relative[alpha]

    def _relative_score(self, parameter: sympy.Symbol) -> sympy.Expr:
        return differentiate(self._log_density, parameter)

    def _combination(self, rows: list[Features], target: Features) -> list[sympy.Expr]:
        """c with sum c_i row_i = target up to the constant function."""
        functions = list(dict.fromkeys(k for r in [*rows, target] for k in r if k != 1))
        if not all(any(f in r for r in rows) for f in target if f != 1):
            raise Declined("a function that no derivative of the density contains")
        # Keep the rows that are linked to the target through shared functions.
        linked, wanted, grown = set(), {f for f in target if f != 1}, True
        while grown:
            grown = False
            for i, r in enumerate(rows):
                if i not in linked and wanted & r.keys():
                    linked.add(i)
                    wanted |= {f for f in r if f != 1}
                    grown = True
        functions = [f for f in functions if f in wanted]
        chosen = sorted(linked)
        numbers = [[number(rows[i].get(f, S.Zero), self._point) for i in chosen] for f in functions]
        right = [number(target.get(f, S.Zero), self._point) for f in functions]
        pivots = _pivots(numbers, right)
        if pivots is None:
            raise Declined("not in the span of the derivatives of the density")
        equations, unknowns = pivots
        matrix = sympy.Matrix([[rows[chosen[j]].get(functions[i], S.Zero) for j in unknowns] for i in equations])
        side = sympy.Matrix([target.get(functions[i], S.Zero) for i in equations])
        solution = [S.Zero] * len(rows)
        for j, value in zip(unknowns, _solve(matrix, side)):
            solution[chosen[j]] = value
        return solution


def _solve(matrix: sympy.Matrix, side: sympy.Matrix) -> list[sympy.Expr]:
    """Solution of a small sparse symbolic system, with the diagonal blocks found first."""
    size = matrix.shape[0]
    unsolved, values = list(range(size)), [S.Zero] * size
    equations = list(range(size))
    right = list(side)
    progress = True
    while progress and unsolved:
        progress = False
        for i in list(equations):
            present = [j for j in unsolved if matrix[i, j] != 0]
            if len(present) == 1:
                j = present[0]
                values[j] = sympy.cancel(right[i] / matrix[i, j]) if right[i] != 0 else S.Zero
                for k in equations:
                    if k != i and matrix[k, j] != 0 and values[j] != 0:
                        right[k] = sympy.cancel(right[k] - matrix[k, j] * values[j])
                equations.remove(i)
                unsolved.remove(j)
                progress = True
    if unsolved:
        reduced = sympy.Matrix([[matrix[i, j] for j in unsolved] for i in equations])
        column = sympy.Matrix([right[i] for i in equations])
        for j, value in zip(unsolved, reduced.LUsolve(column)):
            values[j] = sympy.cancel(value)
    return values


def _pivots(matrix: list[list[float]], right: list[float]) -> tuple[list[int], list[int]] | None:
    """Equations and unknowns of a regular subsystem, or None where the system is inconsistent."""
    if any(x != x for row in matrix for x in row) or any(x != x for x in right):
        return None
    rows = [[*row, r] for row, r in zip(matrix, right)]
    scale = [max((abs(x) for x in row), default=0.0) or 1.0 for row in rows]
    rows = [[x / s for x in row] for row, s in zip(rows, scale)]
    unknowns = len(matrix[0]) if matrix else 0
    order = list(range(len(rows)))
    equations: list[int] = []
    used: list[int] = []
    for j in range(unknowns):
        best = max(range(len(equations), len(rows)), key=lambda i: abs(rows[i][j]), default=None)
        if best is None or abs(rows[best][j]) < 1e-10:
            continue
        k = len(equations)
        rows[k], rows[best] = rows[best], rows[k]
        order[k], order[best] = order[best], order[k]
        for i in range(k + 1, len(rows)):
            ratio = rows[i][j] / rows[k][j]
            if ratio:
                rows[i] = [a - ratio * b for a, b in zip(rows[i], rows[k])]
        equations.append(order[k])
        used.append(j)
    if any(abs(rows[i][-1]) > 1e-9 for i in range(len(equations), len(rows))):
        return None
    return equations, used
