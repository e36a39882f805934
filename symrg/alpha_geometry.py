"""The dual geometry of a statistical model: Amari-Chentsov tensor and Fisher-Rao distance in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement, product
from typing import Any

import sympy as sp

from symrg.budget import Budget, Declined
from symrg.differential_field import DifferentialField, RationalFunction
from symrg.divergence import expected
from symrg.errors import InvalidMetric, NoClosedForm, NotExponentialFamily
from symrg.expectation.density import KINKED
from symrg.expectation.special import differentiate
from symrg.field_matrices import inverse
from symrg.short_form import short_form

Limit = float | Budget | None
Square = list[list[RationalFunction]]


def amari_chentsov(
    model: Any, metric: sp.ImmutableMatrix, parameters: Sequence[sp.Symbol], budget: Limit = None
) -> sp.ImmutableDenseNDimArray:
    """T_ijk = E[l_i l_j l_k].

    In a full exponential family it is d_k of the metric carried to natural coordinates and back, which needs no
    integral. For a smooth density Bartlett's identities give d_i I_jk + d_j I_ik + d_k I_ij + 2 E[l_ijk], with fewer
    logarithms to integrate than in the product of three scores, which is the last resort.

    Raises:
        NoClosedForm: neither route gave it within the budget.
    """
    left = Budget.of(budget)
    found = left.attempt(
        "third derivatives of the log-partition", _from_family, model, metric, parameters, left, share=0.5
    )
    if found is not None:
        return found
    n = len(parameters)
    score = model.score()
    known: dict[tuple[int, ...], sp.Expr] = {}
    for index in combinations_with_replacement(range(n), 3):
        value = None
        if not model.log_density.has(*KINKED):
            value = left.attempt(
                f"Bartlett's identities for {index}", _by_bartlett, model, metric, parameters, index, left, share=0.6
            )
        if value is None:
            value = _of_product(model, [score[i] for i in index], left)
        known[index] = short_form(value)
    flat = [known[tuple(sorted(index))] for index in product(range(n), repeat=3)]
    return sp.ImmutableDenseNDimArray(flat, (n,) * 3)


def _by_bartlett(
    model: Any, metric: sp.ImmutableMatrix, parameters: Sequence[sp.Symbol], index: tuple[int, ...], budget: Budget
) -> sp.Expr:
    i, j, k = index
    third = model.log_density
    for a in index:
        third = differentiate(third, parameters[a])
    slopes = (differentiate(metric[b, c], parameters[a]) for a, b, c in ((i, j, k), (j, i, k), (k, i, j)))
    return sp.Add(*slopes) + 2 * expected(model, short_form(third), budget)


def _of_product(model: Any, scores: Sequence[sp.Expr], budget: Budget) -> sp.Expr:
    product_of = sp.Mul(*scores)
    whole = budget.attempt("the product of the scores", model.expectation, product_of, budget, share=0.4)
    return model.expectation(sp.expand(product_of), budget=budget) if whole is None else whole


def _from_family(
    model: Any, metric: sp.ImmutableMatrix, parameters: Sequence[sp.Symbol], budget: Budget
) -> sp.ImmutableDenseNDimArray:
    try:
        family = model.as_exponential_family(budget=budget)
    except (NotExponentialFamily, NoClosedForm) as e:
        raise Declined(str(e)) from e
    if family.dimension != len(parameters) or family.curved or tuple(family.parameters) != tuple(parameters):
        raise Declined("no full exponential family")
    n = len(parameters)
    r = range(n)
    jacobian = family._jacobian()
    field = DifferentialField([*jacobian, *metric], parameters, 1)
    forward = [[field.element(jacobian[a, i]) for i in r] for a in r]
    back = inverse(field, forward)
    g = [[field.element(metric[i, j]) for j in r] for i in r]

    def through(
        left: list[list[RationalFunction]], right: list[list[RationalFunction]]
    ) -> list[list[RationalFunction]]:
        return [[sum((left[i][m] * right[m][j] for m in r), field.zero) for j in r] for i in r]

    def turned(matrix: Square) -> Square:
        return [list(column) for column in zip(*matrix)]

    in_natural = through(turned(back), through(g, back))
    slices = []
    for k in r:
        slope = [[field.derivative(in_natural[a][b], k) for b in r] for a in r]
        slices.append(through(turned(forward), through(slope, forward)))
    flat = [field.expression(slices[k][i][j]) for i, j, k in product(r, repeat=3)]
    return sp.ImmutableDenseNDimArray(flat, (n,) * 3)


def fisher_rao_distance(manifold: Any, first: Sequence[Any], second: Sequence[Any], budget: Limit = None) -> sp.Expr:
    """The geodesic distance between two points, where a closed form is known.

    Known are: one coordinate (the integral of sqrt(I)); metrics that are diagonal with each entry a function of its
    own coordinate (flat); (a dx^2 + b dz^2)/z^2 with constants a, b, in any of its two coordinates' order and with
    z any power or exponential of a coordinate, the half-plane of location-scale families (Atkinson and Mitchell
    1981); and the sphere of the multinomial family, c (diag(1/p) + 1/p_last) in the free probabilities.

    Raises:
        NoClosedForm: the metric is none of these; `numerics.geodesics.fisher_rao_distance` computes it.
    """
    start = tuple(sp.sympify(v, strict=True) for v in first)
    end = tuple(sp.sympify(v, strict=True) for v in second)
    n = manifold.dimension
    if len(start) != n or len(end) != n:
        raise InvalidMetric(f"points must have {n} coordinates each, given {first} and {second}")
    left = Budget.of(budget)
    for name, route in (
        ("own coordinates", _separable),
        ("half-plane", _half_plane),
        ("probability sphere", _simplex),
    ):
        value = left.attempt(name, route, manifold, start, end)
        if value is not None:
            return value
    raise left.no_closed_form(f"the Fisher-Rao distance of {manifold.coordinates}")


def _separable(manifold: Any, start: tuple[sp.Expr, ...], end: tuple[sp.Expr, ...]) -> sp.Expr:
    metric, x = manifold.metric, manifold.coordinates
    n = len(x)
    for i, j in product(range(n), repeat=2):
        if (i != j and metric[i, j] != 0) or metric[i, i].free_symbols & (set(x) - {x[i]}):
            raise Declined("an entry depends on another coordinate")
    gaps = [_length(metric[i, i], x[i], start[i], end[i]) for i in range(n)]
    if n == 1:
        return sp.Abs(gaps[0])
    return sp.sqrt(sp.Add(*(g**2 for g in gaps)))


def _length(entry: sp.Expr, x: sp.Symbol, start: sp.Expr, end: sp.Expr) -> sp.Expr:
    root = sp.powdenest(sp.sqrt(sp.factor(entry)), force=True)
    primitive = sp.integrate(root, x)
    if primitive.has(sp.Integral):
        raise Declined(f"no primitive of {root}")
    return sp.simplify(primitive.subs(x, end) - primitive.subs(x, start))


def _half_plane(manifold: Any, start: tuple[sp.Expr, ...], end: tuple[sp.Expr, ...]) -> sp.Expr:
    metric, x = manifold.metric, manifold.coordinates
    if len(x) != 2 or metric[0, 1] != 0:
        raise Declined("not a diagonal metric in two coordinates")
    for place, scale in ((0, 1), (1, 0)):
        line, other = metric[place, place], metric[scale, scale]
        if line.free_symbols & {x[place]} or other.free_symbols & {x[place]}:
            continue
        # line = a / z^2 with z = z(scale coordinate), other = b (z'/z)^2
        z = short_form(1 / sp.powdenest(sp.sqrt(sp.factor(line)), force=True))
        slope = sp.diff(sp.expand_log(sp.log(z), force=True), x[scale])
        ratio = sp.simplify(other / slope**2) if slope != 0 else None
        if ratio is None or ratio.free_symbols & set(x):
            continue
        heights = [z.subs(x[scale], p[scale]) for p in (start, end)]
        gap = (start[place] - end[place]) ** 2 / ratio
        argument = 1 + (gap + (heights[0] - heights[1]) ** 2) / (2 * heights[0] * heights[1])
        return sp.sqrt(ratio) * sp.acosh(sp.simplify(argument))
    raise Declined("not of the form (a dx^2 + b dz^2)/z^2")


def _simplex(manifold: Any, start: tuple[sp.Expr, ...], end: tuple[sp.Expr, ...]) -> sp.Expr:
    metric, p = manifold.metric, manifold.coordinates
    rest = 1 - sp.Add(*p)
    scale = sp.simplify(metric[0, 0] * p[0] * rest / (rest + p[0]))
    if scale.free_symbols & set(p):
        raise Declined("no multinomial metric")
    for i, j in product(range(len(p)), repeat=2):
        if sp.simplify(metric[i, j] - scale * ((1 / p[i] if i == j else 0) + 1 / rest)) != 0:
            raise Declined("no multinomial metric")
    ends = [(*q, 1 - sp.Add(*q)) for q in (start, end)]
    overlap = sp.Add(*(sp.sqrt(a * b) for a, b in zip(*ends)))
    return 2 * sp.sqrt(scale) * sp.acos(overlap)


__all__ = ["amari_chentsov", "fisher_rao_distance"]
