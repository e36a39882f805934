"""The space of parameters on which priors and posteriors live: limits of integration, interior points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy
from sympy import Expr, Symbol

from symrg.budget import Budget
from symrg.errors import ImproperDensity, InvalidModel
from symrg.fokker_planck.normalisation import integral

__all__ = ["Limits", "integrate_over", "limits_of", "normalise"]

Limits = tuple[tuple[Symbol, Expr, Expr], ...]


def limits_of(
    parameters: Sequence[Symbol], domain: Sequence[Any] = (), given: Mapping[Symbol, tuple[Any, Any]] | None = None
) -> Limits:
    """(parameter, lower, upper) for each, inner limits first where they depend on outer ones.

    Args:
        parameters: the parameters.
        domain: relationals that they obey beyond their assumptions.
        given: parameter -> (lower, upper), which overrides both.

    Returns:
        Limits; assumptions give (0, oo) or the real line, relationals narrow them.

    Raises:
        InvalidModel: `given` names what is no parameter, or a relational cannot be solved for one.
    """
    given = dict(given or {})
    if stray := [k for k in given if k not in parameters]:
        raise InvalidModel(f"limits name {stray}, which are no parameters; these are {list(parameters)}")
    limits = []
    for k, p in enumerate(parameters):
        if p in given:
            lower, upper = (sympy.sympify(e) for e in given[p])
        else:
            lower = sympy.S.Zero if p.is_nonnegative else -sympy.oo
            upper = sympy.S.Zero if p.is_nonpositive else sympy.oo
            for relation in domain:
                inner = [q for q in relation.free_symbols if q in parameters]
                if p not in inner:
                    continue
                relation = _loosened(relation, [q for q in inner if parameters.index(q) < k])
                if relation is not None:
                    lower, upper = _narrowed(relation, p, lower, upper)
        limits.append((p, lower, upper))
    return tuple(limits)


def _loosened(relation: Any, earlier: Sequence[Symbol]) -> Any:
    """The relational with parameters that are integrated first at the bound where it asks least; None without one."""
    for q in earlier:
        slope = sympy.diff(relation.gts - relation.lts, q)
        if (slope.is_nonpositive and q.is_nonnegative) or (slope.is_nonnegative and q.is_nonpositive):
            relation = relation.subs(q, 0)
        else:
            return None
    return relation if isinstance(relation, sympy.core.relational.Relational) else None


def _narrowed(relation: Any, p: Symbol, lower: Expr, upper: Expr) -> tuple[Expr, Expr]:
    plain = sympy.Dummy(p.name, real=True)
    try:
        region = relation.subs(p, plain)
        region = sympy.solveset(region, plain, sympy.S.Reals) if len(region.free_symbols) == 1 else None
    except (NotImplementedError, ValueError, TypeError):
        region = None
    if isinstance(region, sympy.Interval):
        return sympy.Max(lower, region.start), sympy.Min(upper, region.end)
    gap = relation.gts - relation.lts
    slope = sympy.diff(gap, p)
    if slope.has(p) or slope == 0:
        raise InvalidModel(f"the domain {relation} cannot be solved for {p}; give limits={{{p}: (lower, upper)}}")
    bound = sympy.expand(p - gap / slope)
    return (
        (bound if lower == -sympy.oo else sympy.Max(lower, bound), upper)
        if slope.is_positive
        else (
            lower,
            bound if upper == sympy.oo else sympy.Min(upper, bound),
        )
    )


def integrate_over(
    weight: Any, limits: Limits, budget: float | Budget | None = None, factor: Any = 1, convergent: bool = True
) -> Expr:
    """The integral of factor * weight over parameters, closed where one is found, else an Integral.

    Args:
        weight: a positive function of the parameters.
        limits: as `limits_of` gives them.
        budget: seconds.
        factor: what the weight multiplies.
        convergent: whether undecided signs are taken as those for which the integral is finite.
    """
    budget = Budget.of(budget)
    return integral(sympy.sympify(weight), limits, budget, factor, assume_convergent=convergent)


def normalise(weight: Any, limits: Limits, what: str, budget: float | Budget | None = None) -> tuple[Expr, Expr]:
    """(density, its normalising integral).

    Raises:
        ImproperDensity: the integral is infinite.
    """
    weight = sympy.sympify(weight)
    total = integrate_over(weight, limits, budget)
    if total in (sympy.oo, sympy.zoo, sympy.nan) or total == 0:
        where = ", ".join(f"{p} in ({a}, {b})" for p, a, b in limits)
        raise ImproperDensity(
            f"{what} is improper: its integral over {where} is {total}; give a proper prior, or more data"
        )
    return weight / total, total
