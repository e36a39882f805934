"""The space of parameters on which priors and posteriors live: limits of integration, interior points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import sympy
from sympy import Expr, Symbol

from symrg.budget import Budget
from symrg.errors import DataError, ImproperDensity, InvalidModel
from symrg.fokker_planck.normalisation import integral

__all__ = [
    "Limits",
    "check_sign",
    "grows_outward",
    "integrate_over",
    "limits_of",
    "normalise",
    "require_model",
    "within_support",
]

Limits = tuple[tuple[Symbol, Expr, Expr], ...]


def require_model(model: Any) -> None:
    """Refuse what is no StatisticalModel.

    Raises:
        InvalidModel: it has no log-density, sample and parameters.
    """
    if not all(hasattr(model, name) for name in ("log_density", "sample", "parameters")):
        raise InvalidModel(f"expected a StatisticalModel, given {model!r}")


def grows_outward(log_weight: Any, limits: Limits) -> dict[Symbol, Expr] | None:
    """A direction in which exp(log_weight) grows without bound, so that its integral is infinite; None if none shows.

    Polynomial parts of the exponent are looked at, along each unbounded axis and the diagonals between two.
    """
    whole = sympy.expand(sympy.sympify(log_weight, strict=True))
    symbols = [p for p, _, _ in limits]
    parts = [e for e in sympy.Add.make_args(whole) if not (isinstance(e.as_independent(sympy.log)[1], sympy.log))]
    polynomial = sympy.Add(*parts)
    if not polynomial.is_polynomial(*symbols):
        return None
    steps: dict[Symbol, list[int]] = {}
    for p, a, b in limits:
        if isinstance(a, sympy.FiniteSet) or p.is_integer:
            continue
        steps[p] = [s for s, end in ((1, b), (-1, a)) if getattr(end, "is_infinite", False)]
    rays = [{p: s} for p, signs in steps.items() for s in signs]
    for p, q in combinations(steps, 2):
        rays += [{p: s, q: r} for s in steps[p] for r in steps[q]]
    u = sympy.Dummy("u", positive=True)
    for ray in rays:
        along = sympy.Poly(polynomial.subs({p: s * u for p, s in ray.items()}, simultaneous=True), u)
        if along.degree() > 0 and along.LC().is_positive:
            return {p: sympy.Integer(s) for p, s in ray.items()}
    return None


def limits_of(
    parameters: Sequence[Symbol], domain: Sequence[Any] = (), given: Mapping[Symbol, tuple[Any, Any]] | None = None
) -> Limits:
    """(parameter, lower, upper) for each, inner limits first where they depend on outer ones.

    Args:
        parameters: the parameters.
        domain: relationals that they obey beyond their assumptions.
        given: parameter -> (lower, upper), or a FiniteSet of values; it overrides both.

    Returns:
        Limits; assumptions give (0, oo) or the real line, relationals narrow them. A FiniteSet stands in both places.

    Raises:
        InvalidModel: `given` names what is no parameter, or a relational cannot be solved for one.
    """
    given = dict(given or {})
    if stray := [k for k in given if k not in parameters]:
        raise InvalidModel(f"limits name {stray}, which are no parameters; these are {list(parameters)}")
    limits = []
    for k, p in enumerate(parameters):
        if p in given:
            lower, upper = _given(p, given[p])
        else:
            lower = sympy.S.Zero if p.is_nonnegative else -sympy.oo
            if p.is_integer and p.is_positive:
                lower = sympy.S.One
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


def _given(parameter: Symbol, limits: Any) -> tuple[Any, Any]:
    if isinstance(limits, sympy.FiniteSet):
        return limits, limits
    if isinstance(limits, (sympy.Interval, sympy.Range)):
        return limits.inf, limits.sup
    try:
        lower, upper = (sympy.sympify(e, strict=True) for e in limits)
    except (TypeError, ValueError):
        raise InvalidModel(
            f"the limits of {parameter} are {limits!r}; give (lower, upper), or a FiniteSet of values"
        ) from None
    if (upper - lower).is_nonpositive:
        raise InvalidModel(f"the limits of {parameter} are ({lower}, {upper}), which hold nothing between them")
    return lower, upper


def check_sign(prior: Expr, limits: Limits) -> None:
    """Refuse a prior that is negative at a point within the limits.

    Raises:
        InvalidModel: the message names the point.
    """
    for share in (sympy.Rational(1, 29), sympy.Rational(1, 3), sympy.Rational(4, 7), sympy.Rational(27, 29)):
        point = {p: _between(a, b, share) for p, a, b in limits}
        point = {p: v.subs(point) for p, v in point.items()}
        if prior.subs(point, simultaneous=True).is_negative:
            raise InvalidModel(f"the prior {prior} is negative at {point}: a density is not")


def _between(lower: Any, upper: Any, share: Expr) -> Expr:
    if isinstance(lower, sympy.FiniteSet):
        return list(lower)[int(share * len(lower))]
    if lower.is_infinite and upper.is_infinite:
        return sympy.Rational(1, 2) / (1 - share) - sympy.Rational(1, 2) / share
    if upper.is_infinite:
        return lower + share / (1 - share)
    return upper - (1 - share) / share if lower.is_infinite else lower + share * (upper - lower)


def within_support(model: Any, rows: Sequence[Sequence[Expr]], limits: Limits) -> Limits:
    """The limits narrowed to where the data are possible, for a support that moves with a parameter.

    Raises:
        DataError: nothing is left.
        InvalidModel: the condition that the data set cannot be solved for a parameter.
    """
    parameters = [p for p, _, _ in limits]
    support = model.support if isinstance(model.support, (tuple, list)) else (model.support,) * len(model.sample)
    found = {p: (a, b) for p, a, b in limits}
    for s, k in zip(support, range(len(support))):
        if not (isinstance(s, sympy.Set) and s.free_symbols & set(parameters)):
            continue
        for row in rows:
            inside = s.as_set() if not isinstance(s, (sympy.Interval, sympy.Range)) else s
            value = row[k]
            for relation in (value >= inside.inf, value <= inside.sup):
                free = [p for p in parameters if p in relation.free_symbols]
                if not free or isinstance(found[free[0]][0], sympy.FiniteSet):
                    continue
                found[free[0]] = _narrowed(relation, free[0], *found[free[0]])
    for p, (a, b) in found.items():
        if not isinstance(a, sympy.FiniteSet) and (b - a).is_nonpositive:
            raise DataError(f"no value of {p} allows all observations: it would lie between {a} and {b}")
    return tuple((p, *found[p]) for p in parameters)


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
    return integral(sympy.sympify(weight, strict=True), limits, budget, factor, assume_convergent=convergent)


def normalise(weight: Any, limits: Limits, what: str, budget: float | Budget | None = None) -> tuple[Expr, Expr]:
    """(density, its normalising integral).

    Raises:
        ImproperDensity: the integral is infinite.
    """
    weight = sympy.sympify(weight, strict=True)
    total = integrate_over(weight, limits, budget)
    if total in (sympy.oo, sympy.zoo, sympy.nan) or total == 0:
        where = ", ".join(f"{p} in ({a}, {b})" for p, a, b in limits)
        raise ImproperDensity(
            f"{what} is improper: its integral over {where} is {total}; give a proper prior, or more data"
        )
    return weight / total, total
