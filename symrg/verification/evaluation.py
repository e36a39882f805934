"""Where an expression is evaluated in ball arithmetic, and the exact numbers that its balls are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp
from flint import acb, fmpq

Evaluate = Callable[["Point"], acb]

NAN = acb("nan", "nan")


@dataclass(frozen=True)
class Point:
    """Where an expression is evaluated.

    Attributes:
        values: the ball of each symbol.
        exact: the exact value of each symbol that has one, to decide comparisons that balls can't.
        analytic: the integrator asks for holomorphy on the ball of the integration variable.
        continued: the values are complex neighbourhoods of real ones, as inside an integral.
    """

    values: dict[sp.Basic, acb]
    exact: dict[sp.Basic, sp.Expr] = field(default_factory=dict)
    analytic: bool = False
    continued: bool = False

    def with_values(self, values: dict[sp.Basic, acb], **changes: Any) -> Point:
        """The same point with some symbols set anew; these have no exact value."""
        exact = {k: v for k, v in self.exact.items() if k not in values}
        return replace(self, values={**self.values, **values}, exact=exact, **changes)


def rational(value: sp.Rational) -> fmpq:
    """A SymPy rational as flint's."""
    return fmpq(int(value.p), int(value.q))


def exact_number(value: sp.Float) -> sp.Rational:
    """The rational that a Float is read as: the shortest decimal that gives it, or 15 digits where that has 17.

    The seventeenth digit is what arithmetic on decimals leaves behind: 0.1*3 is read as 0.3.
    """
    if value._prec == 53:
        text = repr(float(value))
        digits = text.partition("e")[0].replace(".", "").lstrip("-0")
        return sp.Rational(text if len(digits) < 17 else f"{float(value):.15g}")
    return sp.Rational(str(value))
