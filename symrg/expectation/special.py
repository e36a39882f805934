"""Special functions that SymPy lacks."""

from __future__ import annotations

from typing import Any

import mpmath
import sympy
from sympy import S


class zeta_derivative(sympy.Function):
    """The n-th derivative in s of the Hurwitz zeta function, sum over k >= 0 of (-ln(k+a))^n (k+a)^(-s).

    `zeta_derivative(n, s, a)`; a = 1 gives Riemann's zeta (DLMF 25.11.17).
    """

    nargs = (2, 3)

    @classmethod
    def eval(cls, n: sympy.Expr, s: sympy.Expr, a: sympy.Expr = S.One) -> sympy.Expr | None:
        """Order zero is zeta itself."""
        if n == 0:
            return sympy.zeta(s) if a == 1 else sympy.zeta(s, a)
        return None

    def fdiff(self, argindex: int = 2) -> sympy.Expr:
        """Derivative in s raises the order."""
        if argindex == 2:
            return zeta_derivative(self.args[0] + 1, *self.args[1:])
        raise sympy.ArgumentIndexError(self, argindex)

    def _eval_is_real(self) -> bool | None:
        return True if self.args[1].is_real and all(a.is_real for a in self.args[2:]) else None

    def _eval_evalf(self, prec: int) -> sympy.Expr | None:
        if not all(a.is_number for a in self.args):
            return None
        with mpmath.workprec(prec + 10):
            s = self.args[1]._to_mpmath(prec + 10)
            a = self.args[2]._to_mpmath(prec + 10) if len(self.args) > 2 else 1
            value = mpmath.zeta(s, a, int(self.args[0]))
        return sympy.Expr._from_mpmath(value, prec)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        n, *rest = self.args
        text = r"\zeta'" if n == 1 else rf"\zeta^{{({printer._print(n)})}}"
        body = rf"{text}\left({', '.join(printer._print(r) for r in rest)}\right)"
        return body if exp is None else rf"\left({body}\right)^{{{exp}}}"


class _Zeta(sympy.Function):
    """Stands for zeta while differentiating, since SymPy leaves its derivative in s unevaluated."""

    nargs = (1, 2)

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        if argindex == 1:
            return zeta_derivative(1, *self.args)
        raise sympy.ArgumentIndexError(self, argindex)


def differentiate(expression: sympy.Expr, symbol: sympy.Symbol) -> sympy.Expr:
    """d/dsymbol with the derivatives of the zeta function named."""
    if not expression.has(sympy.zeta):
        return sympy.diff(expression, symbol)
    swapped = expression.replace(sympy.zeta, _Zeta)
    return sympy.diff(swapped, symbol).replace(_Zeta, sympy.zeta)
