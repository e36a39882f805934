"""Where an integrand has its weight, so that a quadrature that samples it doesn't miss it."""

from __future__ import annotations

import sympy as sp

_WIDTHS = 7


def landmarks(integrand: sp.Expr, variable: sp.Symbol) -> tuple[sp.Expr, ...]:
    """Low, middle and high mark of a Gaussian factor, or the scale of an exponential one; none where none is seen.

    Args:
        integrand: of an integral with an infinite end.
        variable: of integration.

    Returns:
        Expressions in the other symbols.
    """
    marks: list[sp.Expr] = []
    for node in integrand.atoms(sp.exp):
        exponent = sp.expand(node.args[0])
        if not exponent.is_polynomial(variable):
            continue
        a, b = exponent.coeff(variable, 2), exponent.coeff(variable, 1)
        if sp.degree(exponent, variable) == 2 and a != 0:
            middle, width = -b / (2 * a), 1 / sp.sqrt(-2 * a)
            marks += [middle - _WIDTHS * width, middle, middle + _WIDTHS * width]
        elif sp.degree(exponent, variable) == 1:
            marks += [_WIDTHS * -1 / b]
    return tuple(dict.fromkeys(marks))
