"""Recognise an exponential family in a log-density: separate parameters from sample, then make it minimal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mpmath
import sympy as sp
from sympy import S

from symrg.budget import Budget, OutOfTime, within
from symrg.errors import NotExponentialFamily
from symrg.exponential.family import ExponentialFamily
from symrg.exponential.mass import trial_points
from symrg.short_form import short_form
from symrg.support import Axis, axes_of

Limit = float | Budget | None


def recognise(model: Any, budget: Limit = None) -> ExponentialFamily:
    """The minimal exponential family that a model is.

    Args:
        model: anything with `log_density`, `sample`, `parameters`, `support` and `domain`.
        budget: seconds, for the whole call.

    Raises:
        NotExponentialFamily: with the reason: a support that moves, or a term that couples sample and parameters.
        NoClosedForm: the budget ended first.
    """
    left = Budget.of(budget)
    try:
        return within(left.remaining, _recognise, model, left)
    except OutOfTime:
        raise left.no_closed_form("the exponential family of the log-density") from None


def _recognise(model: Any, left: Budget) -> ExponentialFamily:
    sample, parameters = tuple(model.sample), tuple(model.parameters)
    axes = axes_of(sample, model.support)
    moving = set().union(*(axis.free_symbols for axis in axes)) & set(parameters)
    if moving:
        names = ", ".join(sorted(s.name for s in moving))
        raise NotExponentialFamily(
            f"the support depends on {names}; in an exponential family it is the same for all parameters: "
            f"hold {names} fixed, leave it out of `parameters`"
        )
    log_density = model.log_density
    if len(axes) == 1 and axes[0].points is not None and log_density.has(sp.Piecewise):
        log_density = _by_points(log_density, axes[0])
    outcome = left.attempt("separation of sample and parameters", _separate, log_density, sample, parameters)
    if outcome is None:
        raise left.no_closed_form("the separation of sample and parameters")
    if isinstance(outcome, NotExponentialFamily):
        raise outcome
    groups, psi, log_carrier = outcome
    domain = tuple(getattr(model, "domain", ()) or ())
    groups, log_carrier, psi = _minimal_in_sample(groups, log_carrier, psi, axes, domain)
    groups, log_carrier = _minimal_in_parameters(groups, log_carrier, parameters, domain)
    if not groups:
        raise NotExponentialFamily("the log-density does not depend on the parameters")
    statistics, natural = zip(*((q, short_form(eta)) for q, eta in groups))
    return ExponentialFamily(
        statistics,
        sample,
        natural,
        psi,
        sp.powsimp(sp.exp(log_carrier)),
        model.support,
        parameters=parameters,
        domain=domain,
        budget=max(left.remaining, 0.01),
    )


Groups = list[tuple[sp.Expr, sp.Expr]]


def _by_points(log_density: sp.Expr, axis: Axis) -> sp.Expr:
    """A function on finitely many points as the sum of its values times their indicators."""
    return sp.Add(*(sp.KroneckerDelta(axis.symbol, y) * log_density.subs(axis.symbol, y) for y in axis.points or ()))


def _separate(
    log_density: sp.Expr, sample: Sequence[sp.Symbol], parameters: Sequence[sp.Symbol]
) -> tuple[Groups, sp.Expr, sp.Expr] | NotExponentialFamily:
    """([(q_k(y), eta_k(theta))], psi(theta), ln h(y)), or why there is none."""
    y, theta = set(sample), set(parameters)
    coefficients: dict[sp.Expr, sp.Expr] = {}
    psi, log_carrier = S.Zero, S.Zero
    coupled = []
    for term in sp.Add.make_args(expand_separable(log_density, y, theta)):
        if not term.free_symbols & theta:
            log_carrier += term
        elif not term.free_symbols & y:
            psi -= term
        else:
            of_theta, rest = term.as_independent(*sample, as_Add=False)
            if rest.free_symbols & theta:
                coupled.append(term)
                continue
            number, statistic = rest.as_coeff_Mul()
            constants, statistic = _split_constants(statistic, y)
            coefficients[statistic] = coefficients.get(statistic, S.Zero) + of_theta * number * constants
    if coupled:
        worst = min(coupled, key=sp.count_ops)
        return NotExponentialFamily(
            f"the term {worst} of the log-density couples the sample {tuple(sample)} with the parameters "
            f"{tuple(sorted(worst.free_symbols & theta, key=lambda s: s.name))} and is no sum of products "
            "eta(theta) q(y); holding those parameters fixed may give a family"
        )
    groups: Groups = []
    for statistic, coefficient in coefficients.items():
        constant, varying = sp.expand(coefficient).as_independent(*parameters, as_Add=True)
        log_carrier += constant * statistic
        if varying != 0:
            groups.append((statistic, varying))
    groups.sort(key=lambda pair: (sp.count_ops(pair[0]), sp.default_sort_key(pair[0])))
    return groups, psi, log_carrier


def _split_constants(e: sp.Expr, y: set[sp.Symbol]) -> tuple[sp.Expr, sp.Expr]:
    return e.as_independent(*y, as_Add=False)


def expand_separable(e: sp.Expr, y: set[sp.Symbol], theta: set[sp.Symbol]) -> sp.Expr:
    """The expression as a sum in which whatever can be split between sample and parameters is split."""
    previous = None
    e = sp.expand_func(e) if e.has(sp.beta) else e
    for _ in range(4):
        if e == previous:
            break
        previous = e
        e = e.replace(lambda a: isinstance(a, sp.log) and _mixed(a, y, theta), lambda a: _split_logarithm(a, y, theta))
        e = e.replace(
            lambda a: isinstance(a, (sp.sin, sp.cos, sp.sinh, sp.cosh)) and _mixed(a, y, theta),
            lambda a: sp.expand(a, trig=True),
        )
        e = e.replace(lambda a: (a.is_Pow or isinstance(a, sp.exp)) and _mixed(a, y, theta), _split_power)
        e = sp.expand(e)
    return e


def _mixed(e: sp.Expr, y: set[sp.Symbol], theta: set[sp.Symbol]) -> bool:
    return bool(e.free_symbols & y and e.free_symbols & theta)


def _split_logarithm(a: sp.Expr, y: set[sp.Symbol], theta: set[sp.Symbol]) -> sp.Expr:
    argument = a.args[0]
    if argument.is_Add:
        argument = sp.factor(argument)
    return sp.expand_log(sp.log(argument), force=True)


def _split_power(a: sp.Expr) -> sp.Expr:
    if isinstance(a, sp.exp) or a.args[0] is sp.E:
        return sp.expand(a, power_exp=True)
    base, exponent = a.args
    if base.is_Add and not (exponent.is_Integer and exponent > 0):
        base = sp.factor(base)
    return sp.expand_power_exp(sp.expand_power_base(sp.Pow(base, exponent), force=True))


# ---------------------------------------------------------------------- minimality


def _minimal_in_sample(
    groups: Groups, log_carrier: sp.Expr, psi: sp.Expr, axes: Sequence[Axis], domain: Sequence[Any]
) -> tuple[Groups, sp.Expr, sp.Expr]:
    """Remove statistics that are affine combinations of others on the sample space."""
    while groups:
        relation = _relation([q for q, _ in groups], _sample_points(axes, groups))
        if relation is None:
            return groups, log_carrier, psi
        *weights, offset = relation
        drop = max(k for k, w in enumerate(weights) if w != 0)
        lost = groups[drop][1]
        head = weights[drop]
        kept = []
        for k, (q, eta) in enumerate(groups):
            if k != drop:
                kept.append((q, sp.expand(eta - lost * weights[k] / head)))
        psi = psi - lost * offset / head
        groups = [(q, eta) for q, eta in kept if eta != 0]
    return groups, log_carrier, psi


def _minimal_in_parameters(
    groups: Groups, log_carrier: sp.Expr, parameters: Sequence[sp.Symbol], domain: Sequence[Any]
) -> tuple[Groups, sp.Expr]:
    """Join statistics whose natural parameters are affine combinations of others."""
    while groups:
        symbols = sorted(set().union(*(e.free_symbols for _, e in groups)), key=lambda s: s.name)
        points = trial_points(symbols, domain)
        relation = _relation([e for _, e in groups], points, fixed=set(symbols) - set(parameters))
        if relation is None:
            return groups, log_carrier
        *weights, offset = relation
        drop = max(k for k, w in enumerate(weights) if w != 0)
        q0, head = groups[drop][0], weights[drop]
        log_carrier = log_carrier - q0 * offset / head
        groups = [(sp.expand(q - q0 * weights[k] / head), e) for k, (q, e) in enumerate(groups) if k != drop]
    return groups, log_carrier


def _sample_points(axes: Sequence[Axis], groups: Groups) -> list[dict[sp.Symbol, sp.Expr]]:
    """Points of the sample space; constants keep one value each."""
    constants = set().union(*(q.free_symbols for q, _ in groups), *(a.free_symbols for a in axes))
    constants -= {a.symbol for a in axes}
    fixed = {
        c: sp.Integer(9 + k) if c.is_integer else sp.Rational(7 + k, 5)
        for k, c in enumerate(sorted(constants, key=str))
    }
    points = []
    for trial in range(20):
        point: dict[sp.Symbol, sp.Expr] = dict(fixed)
        for k, axis in enumerate(reversed(axes)):
            if axis.points is not None:
                point[axis.symbol] = axis.points[(trial + k) % len(axis.points)]
                continue
            lower, upper = axis.lower.subs(point), axis.upper.subs(point)
            ratio = sp.Rational((7 * trial + 5 * k) % 19 + 1, 21)
            if lower.is_finite and upper.is_finite:
                value = lower + ratio * (upper - lower)
            elif lower.is_finite:
                value = lower + ratio / (1 - ratio)
            elif upper.is_finite:
                value = upper - ratio / (1 - ratio)
            else:
                value = (2 * ratio - 1) / (ratio * (1 - ratio)) / 3
            point[axis.symbol] = sp.floor(value) if axis.discrete else value
        points.append(point)
    return points


def _relation(
    functions: Sequence[sp.Expr], points: Sequence[dict[sp.Symbol, sp.Expr]], fixed: set[sp.Symbol] | None = None
) -> list[sp.Expr] | None:
    """Rational weights and an offset with sum w_k f_k = offset on all points, or None where there are none."""
    if fixed:
        points = [{**p, **{s: points[0][s] for s in fixed}} for p in points]
    rows = []
    for point in points:
        values = [sp.N(f.subs(point), 30) for f in functions]
        if all(v.is_real and v.is_finite for v in values):
            rows.append([*values, sp.Float(1, 30)])
    if len(rows) < len(functions) + 2:
        return None
    with mpmath.workdps(30):
        _, sizes, right = mpmath.svd_r(mpmath.matrix(rows))
        if len(sizes) <= len(functions) or sizes[len(functions)] > 1e-18 * sizes[0]:
            return None
        null = [right[len(functions), k] for k in range(len(functions) + 1)]
        lead = max(range(len(functions)), key=lambda k: abs(null[k]))
        weights = [sp.nsimplify(sp.Float(v / null[lead], 25), rational=True, tolerance=1e-15) for v in null]
    exact = sp.Add(*(w * f for w, f in zip(weights, functions)), weights[-1])
    worst = max(abs(sp.N(exact.subs(p), 25)) for p in points[:8])
    if worst > 1e-12 or any(abs(w.q) > 10**6 for w in weights):
        return None
    return [*weights[:-1], -weights[-1]]


__all__ = ["expand_separable", "recognise"]
