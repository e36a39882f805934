"""Integrals of exp(log-density) over a sample space or a parameter space, checked by quadrature."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sympy as sp
from sympy import S

from symrg.budget import Budget, Declined
from symrg.expectation import gaussian, iterated
from symrg.expectation.density import kinks_of, split_logarithms
from symrg.expectation.numeric import Quadrature, compiled, number, numeric_axes
from symrg.expectation.sums import rewrite_factorials
from symrg.support import Axis

_TOLERANCE = 1e-6


def trial_points(symbols: Sequence[sp.Symbol], domain: Sequence[Any] = ()) -> list[dict[sp.Symbol, sp.Expr]]:
    """Points that the symbols' assumptions and the relationals of `domain` allow, various in signs and sizes."""
    points = []
    for trial in range(24):
        point = {}
        for k, s in enumerate(symbols):
            size = sp.Rational((5 * k + 7 * trial) % 23 + 3, 17 - trial % 7)
            if s.is_integer:
                size = sp.Integer(2 + (k + trial) % 5)
            sign = -1 if s.is_negative or (s.is_positive is None and (trial >> (k % 4)) & 1) else 1
            point[s] = sign * size
        if all(relation.xreplace(point) in (True, sp.true) for relation in domain):
            points.append(point)
    return points


def total_mass(log_density: sp.Expr, axes: Sequence[Axis], budget: Budget, domain: Sequence[Any] = ()) -> sp.Expr:
    """The integral (sum) of exp(log_density) over the axes, inner first.

    Raises:
        NoClosedForm: none was found within the budget.
    """
    log_density, axes = _inward(log_density, axes)
    log_density = rewrite_factorials(split_logarithms(log_density))
    sample = {axis.symbol for axis in axes}
    free = log_density.free_symbols.union(*(axis.free_symbols for axis in axes)) - sample
    symbols = sorted(free, key=lambda s: s.name)
    for point in _convergent(log_density, axes, trial_points(symbols, domain), budget):
        for route, function in _ROUTES:
            value = budget.attempt(f"total mass by {route}", function, log_density, axes, point, share=0.5)
            if value is not None and _agrees(value, log_density, axes, point, budget):
                return value
    raise budget.no_closed_form(f"the integral of exp({log_density})")


def _inward(log_density: sp.Expr, axes: Sequence[Axis]) -> tuple[sp.Expr, list[Axis]]:
    """Integration variables that are positive where their limits say so; a negative axis is turned round."""
    moved = list(axes)
    for k, axis in enumerate(moved):
        turned = axis.upper == 0 and axis.points is None and not axis.discrete
        sign = {"positive": True} if turned or (axis.lower.is_nonnegative and not axis.discrete) else {"real": True}
        if axis.discrete:
            sign = {"nonnegative": True} if axis.lower.is_nonnegative else {"real": True}
        new = sp.Dummy(axis.symbol.name, **sign)
        image = {axis.symbol: -new if turned else new}
        log_density = log_density.subs(image)
        moved = [replace(a, lower=a.lower.subs(image), upper=a.upper.subs(image)) for a in moved]
        lower, upper = (S.Zero, -axis.lower) if turned else (moved[k].lower, moved[k].upper)
        moved[k] = replace(moved[k], symbol=new, lower=lower, upper=upper)
    return log_density, moved


def _convergent(
    log_density: sp.Expr, axes: Sequence[Axis], points: list[dict[sp.Symbol, sp.Expr]], budget: Budget
) -> list[dict[sp.Symbol, sp.Expr]]:
    """The first points at which the integral looks finite: its integrand falls off at infinite limits."""
    found: list[dict[sp.Symbol, sp.Expr]] = []
    for point in points:
        if len(found) == 6 or budget.remaining < 0.2:
            break
        if all(_falls_off(log_density, axis, axes, point) for axis in axes):
            found.append(point)
    return found


def _falls_off(log_density: sp.Expr, axis: Axis, axes: Sequence[Axis], point: dict[sp.Symbol, sp.Expr]) -> bool:
    others = {a.symbol: sp.Rational(1, 3) if not a.discrete else sp.S.One for a in axes if a is not axis}
    value = log_density.subs(point).subs(others)
    for limit in (axis.lower, axis.upper):
        if limit in (sp.oo, -sp.oo) and axis.points is None:
            sign = 1 if limit == sp.oo else -1
            near, far = (sp.re(value.subs(axis.symbol, sign * r).evalf()) for r in (60, 900))
            if not (near.is_comparable and far.is_comparable and far < near - 1):
                return False
    return True


def _by_gauss(log_density: sp.Expr, axes: Sequence[Axis], point: dict[sp.Symbol, sp.Expr]) -> sp.Expr:
    normal = gaussian.structure(log_density, axes)
    if normal is None:
        raise Declined("no Gaussian")
    determinant = normal.precision.det(method="berkowitz")
    if sp.N(determinant.subs(point)) <= 0:
        raise Declined("the quadratic form is not positive here")
    top = (normal.linear.T * normal.precision.adjugate() * normal.linear)[0, 0] / (2 * determinant)
    return sp.exp(normal.constant + sp.factor(top)) * sp.sqrt((2 * sp.pi) ** len(axes) / sp.factor(determinant))


def _by_masters(log_density: sp.Expr, axes: Sequence[Axis], point: dict[sp.Symbol, sp.Expr]) -> sp.Expr:
    value = S.Zero
    rest = list(axes)
    finite = [axis for axis in axes if axis.points is not None]
    if not finite:
        return iterated.integral(log_density, S.One, rest, point)
    axis = finite[-1]
    rest.remove(axis)
    for y in axis.points or ():
        part = log_density.subs(axis.symbol, y)
        moved = [a.subs({axis.symbol: y}) for a in rest]
        value += _by_masters(part, moved, point) if moved else sp.exp(part)
    return value


def _by_sympy(log_density: sp.Expr, axes: Sequence[Axis], point: dict[sp.Symbol, sp.Expr]) -> sp.Expr:
    value = sp.powsimp(sp.exp(sp.expand(log_density)))
    for axis in axes:
        if axis.points is not None:
            value = sp.Add(*(value.subs(axis.symbol, y) for y in axis.points))
        elif axis.discrete:
            value = sp.summation(value, (axis.symbol, axis.lower, axis.upper))
        else:
            value = sp.integrate(value, (axis.symbol, axis.lower, axis.upper), conds="none")
        value = _convergent_branch(value)
        if value.has(sp.Integral, sp.Sum, sp.Limit, sp.nan, sp.zoo):
            raise Declined("SymPy left the integral or sum")
    return value


def _convergent_branch(value: sp.Expr) -> sp.Expr:
    """The closed branch of a Piecewise by which SymPy says where a sum converges."""
    if value.has(sp.Piecewise):
        return value.replace(lambda e: isinstance(e, sp.Piecewise), lambda e: e.args[0][0])
    return value


def _agrees(
    value: sp.Expr, log_density: sp.Expr, axes: Sequence[Axis], point: dict[sp.Symbol, sp.Expr], budget: Budget
) -> bool:
    exact = number(value, point)
    numeric = budget.attempt("quadrature", _quadrature, log_density, axes, point, share=0.8)
    return numeric is not None and abs(exact - numeric) <= _TOLERANCE * abs(numeric)


def _quadrature(log_density: sp.Expr, axes: Sequence[Axis], point: dict[sp.Symbol, sp.Expr]) -> float:
    sample = [axis.symbol for axis in axes]
    evaluate = compiled(sample, [log_density.xreplace(point)])

    def integrand(*y: float) -> list[float]:
        return [math.exp(evaluate(*y)[0])]

    kinks = {axis.symbol: kinks_of(log_density, axis.symbol) for axis in axes if not axis.discrete}
    values, errors = Quadrature(integrand, numeric_axes(axes, sample, point, kinks)).integral()
    if not errors[0] <= _TOLERANCE * abs(values[0]):
        raise Declined("the quadrature does not settle: no finite mass at the trial point")
    return float(values[0])


_ROUTES = (("a Gaussian", _by_gauss), ("master integrals", _by_masters), ("SymPy", _by_sympy))
