"""Models from models: change of the sample's variable, truncation, mixture, marginal, conditional, copies, product.

Every result is a `StatisticalModel` again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy
from sympy import S

from symrg.budget import Budget
from symrg.errors import InvalidModel
from symrg.expectation import iterated
from symrg.expectation.density import Density, split_logarithms
from symrg.expectation.interior import check_assumptions, find_points
from symrg.expectation.numeric import number
from symrg.expectation.tidy import is_closed, tidy
from symrg.model import StatisticalModel
from symrg.support import Axis


def reparametrize(
    model: StatisticalModel,
    replacements: Mapping[sympy.Symbol, Any],
    parameters: Sequence[sympy.Symbol],
    domain: Sequence[Any] = (),
) -> StatisticalModel:
    """theta^i = replacements[theta^i](new parameters); see `StatisticalModel.reparametrize`."""
    parameters = tuple(parameters) if isinstance(parameters, (list, tuple, sympy.Tuple)) else (parameters,)
    rules = {k: sympy.sympify(v, strict=True) for k, v in replacements.items()}
    foreign = [k for k in rules if k not in model.symbols]
    if foreign:
        raise InvalidModel(f"{foreign} are not parameters of the model; it has {list(model.symbols)}")
    for value in rules.values():
        if value.free_symbols & set(model.sample):
            raise InvalidModel(f"{value} contains the sample; a parameter is a function of parameters and constants")

    def swap(expression: sympy.Basic) -> sympy.Basic:
        return expression.subs(rules, simultaneous=True)

    kept = [r for r in (swap(r) for r in model.domain) if r not in (S.true, True)]
    for old, value in rules.items():
        # What the assumptions of the old parameter said has to hold for its replacement.
        if old.is_positive and not value.is_positive:
            kept.append(value > 0)
    if any(r in (S.false, False) for r in kept):
        raise InvalidModel("the replacements leave the domain of the model")
    support = tuple(_entry(axis, swap) for axis in model.axes)
    return StatisticalModel(
        swap(model.log_density),
        model.sample,
        parameters,
        _in_sample_order(model.sample, model.axes, support),
        (*kept, *domain),
    )


def _entry(axis: Axis, swap: Any) -> Any:
    """The support entry of an axis after a substitution, as a Set where possible."""
    if axis.points is not None:
        return sympy.FiniteSet(*(swap(p) for p in axis.points))
    lower, upper = swap(axis.lower), swap(axis.upper)
    if axis.discrete:
        if lower is S.NegativeInfinity and upper is S.Infinity:
            return S.Integers
        if axis.symbol.is_integer and (lower.free_symbols or upper.free_symbols):
            return (axis.symbol, lower, upper)
        return sympy.Range(lower, upper + axis.step if upper.is_finite is not False else S.Infinity, axis.step)
    return (axis.symbol, lower, upper)


def _in_sample_order(sample: Sequence[sympy.Symbol], axes: Sequence[Axis], entries: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(entries[[a.symbol for a in axes].index(y)] for y in sample)


def transform(
    model: StatisticalModel, forward: Any, sample: sympy.Symbol, inverse: Any = None, support: Any = None
) -> StatisticalModel:
    """z = forward(y); see `StatisticalModel.transform`.

    Raises:
        InvalidModel: not one coordinate, or no inverse that is monotone on the support.
    """
    if len(model.sample) != 1:
        raise InvalidModel("a change of variable needs a scalar sample; take a marginal first")
    (y,), (axis,) = model.sample, model.axes
    forward = sympy.sympify(forward, strict=True)
    if inverse is None:
        solutions = [
            s for s in sympy.solve(sympy.Eq(forward, sample), y) if _inverts(model, forward, s, y, sample, axis)
        ]
        if len(solutions) != 1:
            raise InvalidModel(f"{forward} has no single inverse on the support; give `inverse`")
        inverse = solutions[0]
    inverse = sympy.sympify(inverse, strict=True)
    log_density = model.log_density.subs(y, inverse)
    if axis.discrete:
        if axis.points is not None:
            support = sympy.FiniteSet(*(forward.subs(y, p) for p in axis.points))
        elif support is None:
            step = sympy.simplify(forward.subs(y, y + axis.step) - forward)
            if not step.is_Integer or step == 0:
                raise InvalidModel("a discrete sample stays on the integers: give `support`")
            ends = [forward.subs(y, e) if e.is_finite else e * sympy.sign(step) for e in (axis.lower, axis.upper)]
            if step < 0:
                ends.reverse()
            top = ends[1] + abs(step) if ends[1].is_finite else S.Infinity
            support = sympy.Range(ends[0], top, abs(step))
        return StatisticalModel(log_density, (sample,), model.parameters, support, model.domain)
    slope = sympy.simplify(sympy.diff(inverse, sample))
    ends = [_image(forward, y, e) for e in (axis.lower, axis.upper)]
    point = model.interior_points()[0]
    if support is None:
        low, high = (number(e, point) for e in ends)
        if low > high:
            ends.reverse()
        support = sympy.Interval(*ends)
    inside = point | {sample: _between(ends, point)}
    if number(slope, inside) < 0:
        slope = -slope
    return StatisticalModel(log_density + sympy.log(slope), (sample,), model.parameters, support, model.domain)


def _image(forward: sympy.Expr, y: sympy.Symbol, end: sympy.Expr) -> sympy.Expr:
    if end.is_finite:
        value = forward.subs(y, end)
        if value.is_finite is not False and not value.has(S.NaN, S.ComplexInfinity):
            return value
    side = "-" if end is S.Infinity or not end.is_infinite else "+"
    return sympy.limit(forward, y, end, "+" if end.is_finite else side)


def _between(ends: Sequence[sympy.Expr], point: Mapping[sympy.Symbol, sympy.Expr]) -> sympy.Float:
    low, high = sorted(number(e, dict(point)) for e in ends)
    if low == -float("inf"):
        return sympy.Float(0.3 if high == float("inf") else high - 0.7)
    return sympy.Float(low + 0.7 if high == float("inf") else low + 0.4 * (high - low))


def _inverts(
    model: StatisticalModel, forward: sympy.Expr, candidate: sympy.Expr, y: sympy.Symbol, z: sympy.Symbol, axis: Axis
) -> bool:
    point = model.interior_points()[0]
    if axis.discrete:
        first = axis.points[0] if axis.points else (axis.lower + 1 if axis.lower.is_finite else S.Zero)
        places = list(axis.points) if axis.points else [first, first + axis.step, first + 2 * axis.step]
    else:
        low, high = number(axis.lower, point), number(axis.upper, point)
        infinite = float("inf")
        if low == -infinite:
            spots = [-1.7, -0.4, 0.3, 1.9] if high == infinite else [high - d for d in (0.2, 0.9, 2.3)]
        else:
            spots = (
                [low + d for d in (0.2, 0.9, 2.3)]
                if high == infinite
                else [low + (high - low) * d for d in (0.1, 0.4, 0.8)]
            )
        places = [sympy.Float(d, 17) for d in spots]
    images = [number(forward, point | {y: p}) for p in places]
    back = [number(candidate, point | {z: sympy.Float(v, 17)}) for v in images]
    return all(abs(v - float(p)) < 1e-8 * (1 + abs(v)) for v, p in zip(back, places))


def truncate(
    model: StatisticalModel, lower: Any = None, upper: Any = None, budget: float | Budget | None = None
) -> StatisticalModel:
    """Conditioned on lower <= y <= upper; see `StatisticalModel.truncate`."""
    if len(model.axes) != 1 or model.axes[0].points is not None:
        raise InvalidModel("truncation needs a scalar sample on an interval or a range")
    (axis,) = model.axes
    low = axis.lower if lower is None else sympy.sympify(lower, strict=True)
    high = axis.upper if upper is None else sympy.sympify(upper, strict=True)
    cut = Axis(axis.symbol, low, high, axis.discrete, None, axis.step)
    mass = integrate_out(model, (cut,), budget, model.log_density)
    swapped = _entry(cut, lambda e: e)
    return StatisticalModel(
        model.log_density - sympy.log(mass), model.sample, model.parameters, (swapped,), model.domain
    )


def integrate_out(
    model: StatisticalModel,
    axes: Sequence[Axis],
    budget: float | Budget | None,
    log_density: sympy.Expr,
    outside: Sequence[Axis] = (),
) -> sympy.Expr:
    """Closed form of the integral of a density over some axes.

    Raises:
        NoClosedForm: there is none within the budget.
    """
    running = Budget.of(budget)
    check_assumptions(model._density, running)
    points = find_points(model._density, 1, (), running)
    place = dict(points[0])
    symbols = {a.symbol for a in axes}
    inner = {s: sympy.Dummy(s.name, positive=True) for s in model.symbols if s.is_positive}
    # Limits and coordinates that stay need values for the signs.
    for axis in reversed(outside):
        place[axis.symbol] = iterated.inside(axis, place)
    for axis in axes:
        for s in axis.free_symbols - set(place) - symbols:
            place[s] = sympy.Rational(37, 50)
    density = Density(log_density, tuple(axes), model.symbols)

    def closed() -> sympy.Expr:
        swap = inner | {a.symbol: sympy.Dummy(a.symbol.name, positive=True) for a in outside if a.lower.is_nonnegative}
        swap |= {
            a.symbol: sympy.Dummy(a.symbol.name, integer=True, nonnegative=True)
            if a.discrete
            else sympy.Dummy(a.symbol.name, positive=True)
            if a.lower.is_nonnegative
            else sympy.Dummy(a.symbol.name, real=True)
            for a in density.axes
        }
        value = iterated.integral(
            split_logarithms(log_density).subs(swap),
            S.One,
            [a.subs(swap) for a in density.axes],
            {swap.get(k, k): v for k, v in place.items()},
        )
        return value.xreplace({v: k for k, v in swap.items()})

    value = running.attempt("iterated integrals", closed)
    if value is None or not is_closed(value) or value.has(*symbols):
        raise running.no_closed_form(f"the integral of the density over {', '.join(map(str, symbols))}")
    return tidy(value)


def mixture(model: StatisticalModel, other: StatisticalModel, weight: Any) -> StatisticalModel:
    """weight * p_other + (1 - weight) * p_self; see `StatisticalModel.mixture`."""
    weight = sympy.sympify(weight, strict=True)
    if len(model.sample) != len(other.sample):
        raise InvalidModel("the components of a mixture need samples of one dimension")
    rename = dict(zip(other.sample, model.sample))
    if tuple(a.subs(rename) for a in other.axes) != model.axes:
        raise InvalidModel(f"the components live on different supports: {model.axes} and {other.axes}")
    density = (1 - weight) * sympy.exp(model.log_density) + weight * sympy.exp(other.log_density.xreplace(rename))
    new = [p for p in other.parameters if p not in model.parameters]
    if isinstance(weight, sympy.Symbol) and weight not in model.parameters and weight not in new:
        new.append(weight)
    domain = [*model.domain, *other.domain]
    if weight.free_symbols:
        domain += [r for r in (weight > 0, weight < 1) if r != S.true]
    return StatisticalModel(
        sympy.log(density), model.sample, (*model.parameters, *new), model.support, tuple(dict.fromkeys(domain))
    )


def marginal(
    model: StatisticalModel, keep: Sequence[sympy.Symbol], budget: float | Budget | None = None
) -> StatisticalModel:
    """Some coordinates, the others integrated out; see `StatisticalModel.marginal`."""
    keep = tuple(keep) if isinstance(keep, (list, tuple)) else (keep,)
    _require_coordinates(model, keep)
    gone = [axis for axis in model.axes if axis.symbol not in keep]
    if not gone:
        return model
    axes = _outermost(model.axes, keep)
    gone = [axis for axis in axes if axis.symbol not in keep]
    kept = [axis for axis in axes if axis.symbol in keep]
    density = integrate_out(model, gone, budget, model.log_density, kept)
    log_density = sympy.expand_log(sympy.log(density), force=True)
    entries = _in_sample_order(keep, kept, tuple(_entry(a, lambda e: e) for a in kept))
    seen = log_density.free_symbols
    return StatisticalModel(log_density, keep, tuple(p for p in model.parameters if p in seen), entries, model.domain)


def _outermost(axes: Sequence[Axis], keep: Sequence[sympy.Symbol]) -> tuple[Axis, ...]:
    """The same region with the kept coordinates outside, for simplices and triangles with affine limits."""
    ordered = list(axes)
    for _ in range(len(ordered) ** 2):
        for i in range(len(ordered) - 1):
            inner, outer = ordered[i], ordered[i + 1]
            if inner.symbol in keep and outer.symbol not in keep:
                ordered[i], ordered[i + 1] = _swap(inner, outer)
                break
        else:
            return tuple(ordered)
    return tuple(ordered)


def _swap(inner: Axis, outer: Axis) -> tuple[Axis, Axis]:
    """Exchange the order of integration over {l(v) < u < h(v), a < v < b}; returns (new inner, new outer)."""
    u, v = inner.symbol, outer.symbol
    if v not in inner.free_symbols:
        return outer, inner
    lows, highs = [outer.lower], [outer.upper]
    total_low, total_high = inner.lower, inner.upper
    for limit, below in ((inner.lower, True), (inner.upper, False)):
        slope = sympy.diff(limit, v)
        if slope == 0:
            continue
        if not slope.is_number or sympy.diff(slope, v) != 0:
            raise InvalidModel(f"the order of {u} and {v} cannot be exchanged: {limit} is not affine in {v}")
        bound = sympy.solve(sympy.Eq(limit, u), v)[0]
        # u > l(v): v < l^-1(u) where l rises; u < h(v): v > h^-1(u) where h rises.
        (highs if below == bool(slope > 0) else lows).append(bound)
        ends = [limit.subs(v, e) if e.is_finite else sympy.limit(limit, v, e) for e in (outer.lower, outer.upper)]
        if below:
            total_low = min(ends, key=lambda e: float(e) if e.is_number else 0)
        else:
            total_high = max(ends, key=lambda e: float(e) if e.is_number else 0)
    low = lows[-1] if len(lows) > 1 else lows[0]
    high = highs[-1] if len(highs) > 1 else highs[0]
    return (
        Axis(v, low, high, outer.discrete, None, outer.step),
        Axis(u, total_low, total_high, inner.discrete, None, inner.step),
    )


def _require_coordinates(model: StatisticalModel, names: Sequence[sympy.Symbol]) -> None:
    foreign = [y for y in names if y not in model.sample]
    if foreign or not names:
        raise InvalidModel(f"{foreign or 'nothing'} given; the sample is {list(model.sample)}")


def conditional(
    model: StatisticalModel, given: Sequence[sympy.Symbol], budget: float | Budget | None = None
) -> StatisticalModel:
    """The other coordinates at given values of these; see `StatisticalModel.conditional`."""
    given = tuple(given) if isinstance(given, (list, tuple)) else (given,)
    _require_coordinates(model, given)
    outside = marginal(model, given, budget)
    axes = [axis for axis in _outermost(model.axes, given) if axis.symbol not in given]
    rest = tuple(y for y in model.sample if y not in given)
    if not rest:
        raise InvalidModel("nothing is left to be random")
    log_density = sympy.expand(split_logarithms(model.log_density) - split_logarithms(outside.log_density))
    entries = _in_sample_order(rest, axes, tuple(_entry(a, lambda e: e) for a in axes))
    seen = log_density.free_symbols
    where = tuple(_inside_relations(outside.axes))
    return StatisticalModel(
        log_density, rest, tuple(p for p in model.parameters if p in seen), entries, (*model.domain, *where)
    )


def _inside_relations(axes: Sequence[Axis]) -> list[sympy.Basic]:
    """What the given coordinates obey as constants."""
    relations = []
    for axis in axes:
        for relation in (axis.symbol > axis.lower, axis.symbol < axis.upper):
            informative = relation not in (S.true, S.false) and not relation.has(S.Infinity, S.NegativeInfinity)
            if axis.points is None and not axis.discrete and informative:
                relations.append(relation)
    return relations


def copies(model: StatisticalModel, count: int) -> StatisticalModel:
    """Independent copies; see `StatisticalModel.copies`."""
    if not isinstance(count, (int, sympy.Integer)) or count < 1:
        raise InvalidModel(f"count must be a positive integer, given {count!r}")
    total, sample, entries = S.Zero, [], []
    for k in range(1, int(count) + 1):
        names = {y: sympy.Symbol(f"{y.name}_{k}", **y._assumptions_orig) for y in model.sample}
        total += model.log_density.xreplace(names)
        sample += [names[y] for y in model.sample]
        axes = [a.subs(names) for a in model.axes]
        entries += list(
            _in_sample_order([names[y] for y in model.sample], axes, [_entry(a, lambda e: e) for a in axes])
        )
    return StatisticalModel(total, tuple(sample), model.parameters, tuple(entries), model.domain)


def product(model: StatisticalModel, other: StatisticalModel) -> StatisticalModel:
    """Two independent experiments; see `StatisticalModel.product`."""
    clash = set(model.sample) & set(other.sample)
    if clash:
        raise InvalidModel(f"both samples contain {sorted(map(str, clash))}; rename one")
    entries = []
    for part in (model, other):
        entries += list(_in_sample_order(part.sample, part.axes, [_entry(a, lambda e: e) for a in part.axes]))
    return StatisticalModel(
        model.log_density + other.log_density,
        model.sample + other.sample,
        tuple(dict.fromkeys(model.parameters + other.parameters)),
        tuple(entries),
        tuple(dict.fromkeys(model.domain + other.domain)),
    )
