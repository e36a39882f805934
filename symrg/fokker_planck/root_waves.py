r"""Sums over the roots of a polynomial, which solve the linear equation whose characteristic polynomial it is.

S_k(r) = sum of z^k e^{z r} over the roots z of p(z) = c_0 + c_1 z + ... + c_d z^d. For k < d these solve
p(d/dr) S = 0 and, where p is irreducible, span its solutions; S_k' = S_{k+1}, and S_{k+d} is a combination of the d
before it. At r = 0 they are the power sums of the roots, rational in the coefficients (Newton).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import mpmath
import sympy
from sympy import Expr
from sympy.core.function import ArgumentIndexError

__all__ = ["RootWave"]


class RootWave(sympy.Function):
    """RootWave(k, r, c_0, .., c_d): the sum of z^k e^{z r} over the roots z of c_0 + c_1 z + ... + c_d z^d.

    Real for real r and coefficients. It differentiates by r; by a coefficient the derivative stays
    undone. A floating-point r or coefficient makes it a number, as for other functions.
    """

    @classmethod
    def eval(cls, order: Any, interval: Any, *coefficients: Any) -> Expr | None:
        """Below the degree of the polynomial it stays; at r = 0 it is a power sum."""
        degree = len(coefficients) - 1
        if order >= degree:
            lower = [cls(order - degree + j, interval, *coefficients) for j in range(degree)]
            return sympy.Add(*(-c / coefficients[-1] * s for c, s in zip(coefficients, lower)))
        if interval == 0:
            return _power_sum(int(order), coefficients)
        if all(a.is_number for a in (interval, *coefficients)) and any(a.is_Float for a in (interval, *coefficients)):
            return cls._number(order, interval, coefficients, 53)
        return None

    @staticmethod
    def _number(order: Any, interval: Expr, coefficients: Sequence[Expr], prec: int) -> Expr:
        digits = 30 * (1 + int(prec * 0.302 + 10) // 30)  # in steps, so that few values are computed
        return sympy.Float._new(_value(int(order), interval, tuple(coefficients), digits)._mpf_, prec)

    def fdiff(self, argindex: int = 1) -> Expr:
        """By r: the next one."""
        if argindex != 2:
            raise ArgumentIndexError(self, argindex)
        order, interval, *coefficients = self.args
        return RootWave(order + 1, interval, *coefficients)

    def _eval_is_extended_real(self) -> bool | None:
        return True if all(a.is_extended_real for a in self.args[1:]) else None

    def _eval_evalf(self, prec: int) -> Expr | None:
        order, interval, *coefficients = self.args
        if not all(a.is_number for a in self.args[1:]):
            return None
        return self._number(order, interval, coefficients, prec)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        order, interval, *coefficients = self.args
        z = sympy.Symbol("z")
        polynomial = printer._print(sympy.Add(*(c * z**k for k, c in enumerate(coefficients))))
        term = printer._print(z**order * sympy.exp(z * interval))
        text = rf"\sum_{{z: \, {polynomial} = 0}} {term}"
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"


def _power_sum(order: int, coefficients: tuple[Expr, ...]) -> Expr:
    """Newton's identities, for an order below the degree."""
    degree = len(coefficients) - 1
    e = [coefficients[degree - k] / coefficients[degree] for k in range(degree)]
    sums: list[Expr] = [sympy.Integer(degree)]
    for k in range(1, order + 1):
        sums.append(-sympy.Add(k * e[k], *(e[j] * sums[k - j] for j in range(1, k))))
    return sympy.cancel(sums[order])


@lru_cache(maxsize=512)
def _value(order: int, interval: Expr, coefficients: tuple[Expr, ...], digits: int) -> Any:
    with mpmath.workdps(digits + 10):
        r = mpmath.mpf(str(interval.evalf(digits + 10)))
        total = sum(z**order * mpmath.exp(z * r) for z in _roots(coefficients, digits + 10))
        return mpmath.re(total)


@lru_cache(maxsize=64)
def _roots(coefficients: tuple[Expr, ...], digits: int) -> tuple[Any, ...]:
    with mpmath.workdps(digits):
        numbers = [mpmath.mpf(str(c.evalf(digits))) for c in reversed(coefficients)]
        return tuple(mpmath.polyroots(numbers, maxsteps=200, extraprec=2 * digits))
