"""Connections and curvature, component by component, in a field of exact rational functions.

Index order is the one of `docs/conventions.md`: Gamma[i][j][k] = Gamma^i_jk, R[i][j][k][l] = R^i_jkl with
R^i_jkl = d_k Gamma^i_lj - d_l Gamma^i_kj + Gamma^i_km Gamma^m_lj - Gamma^i_lm Gamma^m_kj, and R_jl = R^i_jil.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import product
from typing import Any

import sympy as sp

from symrg.differential_field import DifferentialField, RationalFunction
from symrg.field_matrices import determinant, inverse


class Calculus:
    """The Levi-Civita connection of a metric less alpha/2 times a symmetric tensor, and its curvature.

    Args:
        metric: n x n SymPy matrix g_ij.
        coordinates: n symbols.
        cubic: T[i, j, k], totally symmetric, or None for zero.
        alpha: the number or symbol in Gamma^(alpha)_ijk = Gamma^(0)_ijk - alpha/2 T_ijk.
        extra: further expressions that the field must contain.
        depth: how many derivatives of them are needed.
    """

    def __init__(
        self,
        metric: sp.ImmutableMatrix,
        coordinates: Sequence[sp.Symbol],
        cubic: Any = None,
        alpha: sp.Expr = sp.S.Zero,
        extra: Sequence[sp.Expr] = (),
        depth: int = 2,
    ):
        self.n = len(coordinates)
        entries = [*metric, *extra, alpha]
        if cubic is not None:
            entries += list(set(sp.flatten(cubic.tolist())))
        self.field = DifferentialField(entries, coordinates, depth)
        self.g = [[self.field.element(metric[i, j]) for j in range(self.n)] for i in range(self.n)]
        self.alpha = self.field.element(alpha)
        self._cubic = cubic

    @cached_property
    def inverse(self) -> list[list[RationalFunction]]:
        """g^ij."""
        return inverse(self.field, self.g)

    @cached_property
    def determinant(self) -> RationalFunction:
        """det g."""
        return determinant(self.field, self.g)

    @cached_property
    def lowered(self) -> list[list[list[RationalFunction]]]:
        """lowered[i][j][k] = Gamma_i,jk = g_il Gamma^l_jk."""
        n, d = self.n, self.field.derivative
        slope = [[[d(self.g[i][j], k) for k in range(n)] for j in range(n)] for i in range(n)]
        half = [[[self.field.zero] * n for _ in range(n)] for _ in range(n)]
        for i in range(n):
            for j in range(n):
                for k in range(j, n):
                    value = (slope[i][j][k] + slope[i][k][j] - slope[j][k][i]).scaled(1, 2)
                    if self._cubic is not None and self.alpha:
                        t = self.field.element(self._cubic[tuple(sorted((i, j, k)))])
                        value = value - (self.alpha * t).scaled(1, 2)
                    half[i][j][k] = half[i][k][j] = value
        return half

    @cached_property
    def gamma(self) -> list[list[list[RationalFunction]]]:
        """gamma[i][j][k] = Gamma^i_jk."""
        n, low, up = self.n, self.lowered, self.inverse
        return [
            [[self._dot(up[i], [low[m][j][k] for m in range(n)]) for k in range(n)] for j in range(n)] for i in range(n)
        ]

    @cached_property
    def _slopes(self) -> dict[tuple[int, int, int, int], RationalFunction]:
        return {}

    def slope(self, i: int, j: int, k: int, m: int) -> RationalFunction:
        """d_m Gamma^i_jk."""
        j, k = min(j, k), max(j, k)
        if (i, j, k, m) not in self._slopes:
            self._slopes[i, j, k, m] = self.field.derivative(self.gamma[i][j][k], m)
        return self._slopes[i, j, k, m]

    @cached_property
    def riemann(self) -> list[Any]:
        """riemann[i][j][k][l] = R^i_jkl."""
        n, gamma, zero = self.n, self.gamma, self.field.zero
        r = [[[[zero] * n for _ in range(n)] for _ in range(n)] for _ in range(n)]
        for i, j in product(range(n), repeat=2):
            for k in range(n):
                for m in range(k + 1, n):
                    value = self.slope(i, m, j, k) - self.slope(i, k, j, m)
                    value = value + self._dot(gamma[i][k], [gamma[q][m][j] for q in range(n)])
                    value = value - self._dot(gamma[i][m], [gamma[q][k][j] for q in range(n)])
                    r[i][j][k][m], r[i][j][m][k] = value, -value
        return r

    @cached_property
    def ricci(self) -> list[list[RationalFunction]]:
        """ricci[j][l] = R^i_jil, without the whole Riemann tensor."""
        n, gamma, zero = self.n, self.gamma, self.field.zero
        trace = [sum((gamma[i][i][m] for i in range(n)), zero) for m in range(n)]
        result = [[zero] * n for _ in range(n)]
        for j, k in product(range(n), repeat=2):
            value = sum((self.slope(i, k, j, i) for i in range(n)), zero) - self.field.derivative(trace[j], k)
            value = value + self._dot(trace, [gamma[m][k][j] for m in range(n)])
            for i in range(n):
                value = value - self._dot(gamma[i][k], [gamma[m][i][j] for m in range(n)])
            result[j][k] = value
        return result

    @cached_property
    def scalar(self) -> RationalFunction:
        """R = g^jl R_jl."""
        return sum(
            (self.inverse[j][k] * self.ricci[j][k] for j, k in product(range(self.n), repeat=2) if self.inverse[j][k]),
            self.field.zero,
        )

    def _dot(self, left: Sequence[RationalFunction], right: Sequence[RationalFunction]) -> RationalFunction:
        total = self.field.zero
        for a, b in zip(left, right):
            if a and b:
                total = total + a * b
        return total

    def covariant_derivative(self, component: Callable[[tuple[int, ...]], RationalFunction], variance: str) -> Any:
        """Nested list, the derivative's index last: nabla_k of a tensor with indices "u" (upper) and "l" (lower)."""
        n, gamma = self.n, self.gamma
        values: dict[tuple[int, ...], RationalFunction] = {}
        for index in product(range(n), repeat=len(variance)):
            for k in range(n):
                value = self.field.derivative(component(index), k)
                for place, kind in enumerate(variance):
                    for m in range(n):
                        shifted = (*index[:place], m, *index[place + 1 :])
                        symbol = gamma[index[place]][k][m] if kind == "u" else -gamma[m][k][index[place]]
                        if symbol:
                            value = value + symbol * component(shifted)
                values[(*index, k)] = value
        return self.array(lambda *index: values[index], len(variance) + 1)

    def array(self, component: Callable[..., RationalFunction], rank: int) -> sp.ImmutableDenseNDimArray:
        """The components as a SymPy array of the given rank."""
        known: dict[tuple[Any, Any], sp.Expr] = {}
        flat = []
        for index in product(range(self.n), repeat=rank):
            f = component(*index)
            key = (str(f.numerator), str(f.denominator))
            if key not in known:
                known[key] = self.field.expression(f)
            flat.append(known[key])
        return sp.ImmutableDenseNDimArray(flat, (self.n,) * rank)
