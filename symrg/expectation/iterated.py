"""Integrals over several coordinates, one after the other, inner first."""

from __future__ import annotations

from collections.abc import Sequence

import sympy
from sympy import S

from symrg.budget import Declined
from symrg.expectation.density import split_logarithms
from symrg.expectation.line import LineIntegrator
from symrg.expectation.numeric import number
from symrg.expectation.sums import Summation
from symrg.expectation.tidy import gamma_ratio
from symrg.support import Axis


def integral(
    log_density: sympy.Expr, factor: sympy.Expr, axes: Sequence[Axis], point: dict[sympy.Symbol, sympy.Expr]
) -> sympy.Expr:
    """Integral (or sum) of factor * exp(log_density) over axes that are listed inner first.

    Raises:
        Declined: a step has no closed form.
    """
    place = dict(point)
    for axis in reversed(axes):
        place[axis.symbol] = inside(axis, place)
    return _peel(split_logarithms(log_density), factor, list(axes), place)


def inside(axis: Axis, place: dict[sympy.Symbol, sympy.Expr]) -> sympy.Expr:
    """A point of an axis, given the coordinates outside it."""
    if axis.points is not None:
        return axis.points[len(axis.points) // 2]
    lower, upper = number(axis.lower, place), number(axis.upper, place)
    if axis.discrete:
        low = 0 if lower == -float("inf") else round(lower)
        return sympy.Integer(low + 1 if upper == float("inf") else (low + round(upper)) // 2)
    if lower == -float("inf"):
        return sympy.Float(0.37 if upper == float("inf") else upper - 0.61)
    return sympy.Float(lower + 0.83 if upper == float("inf") else lower + 0.377 * (upper - lower))


def _peel(
    log_density: sympy.Expr, factor: sympy.Expr, axes: list[Axis], place: dict[sympy.Symbol, sympy.Expr]
) -> sympy.Expr:
    axis, outer = axes[0], axes[1:]
    rest, moving = log_density.as_independent(axis.symbol, as_Add=True)
    point = {k: v for k, v in place.items() if k != axis.symbol}
    if axis.discrete:
        inner = Summation(point).total(moving, factor, axis)
    else:
        inner = LineIntegrator(point).integral(moving, factor, axis.symbol, axis.lower, axis.upper)
    if not outer:
        return sympy.exp(rest) * inner if rest != 0 else inner
    symbols = [a.symbol for a in outer]
    total = S.Zero
    pieces: dict[sympy.Expr, sympy.Expr] = {}
    for term in sympy.Add.make_args(sympy.expand(gamma_ratio(inner), power_exp=False, power_base=False)):
        weight, plain = S.Zero, S.One
        for f in sympy.Mul.make_args(term):
            if not f.has(*symbols):
                plain *= f
                continue
            b, e = f.as_base_exp()
            if isinstance(f, sympy.exp):
                weight += f.args[0]
            elif isinstance(b, sympy.gamma):
                weight += e * sympy.loggamma(b.args[0])
            elif not e.is_Integer:
                weight += e * sympy.expand_log(sympy.log(b), force=True)
            else:
                plain *= f
        pieces[weight] = pieces.get(weight, S.Zero) + plain
    for weight, plain in pieces.items():
        total += _peel(sympy.expand(rest + weight), plain, outer, place)
    return total


def decline_if_open(value: sympy.Expr, symbols: Sequence[sympy.Symbol]) -> sympy.Expr:
    """The value, unless a variable of integration is left in it."""
    if value.has(*symbols):
        raise Declined("a variable of integration is left")
    return value
