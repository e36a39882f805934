"""Divergences of a model: Kullback-Leibler in closed form, its expansion to any order, and its relatives.

D_KL(theta || theta') = E_theta[ln p(y|theta)/p(y|theta')]; an expansion is in delta = theta' - theta with its
coefficients at theta (talk, eqs. (2), (3)): D = -sum_a delta^a/a! E[d^a ln p], from order 2 on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import factorial
from typing import Any

import sympy as sp
from sympy import S

from symrg.budget import Budget, Declined
from symrg.errors import InvalidModel, IrregularModel, NoClosedForm, NotExponentialFamily
from symrg.exponential.recognition import expand_separable
from symrg.short_form import short_form, with_joined_logarithms, with_plain_signs

Limit = float | Budget | None

_KINKED = (sp.Abs, sp.sign, sp.Heaviside, sp.DiracDelta, sp.Max, sp.Min, sp.Piecewise)


def kl_divergence(model: Any, other_parameters: Any, budget: Limit = None, *, reverse: bool = False) -> sp.Expr:
    """D_KL(theta || theta') in closed form; with `reverse`, D_KL(theta' || theta).

    Args:
        model: the statistical model at theta.
        other_parameters: theta', in the order of the parameters, or a mapping from them.
        budget: seconds, for the whole call.
        reverse: exchange the arguments.

    Raises:
        NoClosedForm: an expectation has none within the budget.
        IrregularModel: the support moves with a parameter, so that the density ratio is zero or infinite somewhere.
    """
    left = Budget.of(budget)
    other = other_point(model, other_parameters)
    _regular(model)
    twin = _twins(model)
    value = _over_twins(model, twin, lambda ratio: _short(expected(model, ratio, left), left))
    value = with_joined_logarithms(value, _positive_in_domain(model, twin))
    image: dict[sp.Symbol, sp.Expr] = {twin[p]: other[p] for p in twin}
    if reverse:
        image = {p: other[p] for p in twin} | {q: p for p, q in twin.items()}
    return _short(value.subs(image, simultaneous=True), left, _positive_in_domain(model, twin, image))


def _short(value: sp.Expr, budget: Budget, positive: frozenset[sp.Expr] = frozenset()) -> sp.Expr:
    """The short form, if there is time for it."""
    found = budget.attempt("in short", short_form, value, share=0.5)
    return with_plain_signs(with_joined_logarithms(value if found is None else found, positive))


def _positive_in_domain(
    model: Any, twin: Mapping[sp.Symbol, sp.Symbol], image: Mapping[sp.Symbol, sp.Expr] | None = None
) -> frozenset[sp.Expr]:
    """Expressions that the domain makes positive at both points, as they may stand in logarithms."""
    gaps = [r.gts - r.lts for r in model.domain if isinstance(r, sp.Gt | sp.Ge | sp.Lt | sp.Le)]
    gaps += [g.subs(dict(twin), simultaneous=True) for g in gaps]
    if image is not None:
        gaps += [g.subs(dict(image), simultaneous=True) for g in gaps]
    forms = {form for g in gaps for form in (g, sp.expand(g), sp.factor(g))}
    return frozenset(f for form in forms for f in (form, *sp.Mul.make_args(form)) if f.free_symbols and f in forms)


def log_ratio(model: Any, other: Mapping[sp.Symbol, sp.Expr]) -> sp.Expr:
    """ln p(y|theta) - ln p(y|theta')."""
    return model.log_density - model.log_density.subs(dict(other), simultaneous=True)


def other_point(model: Any, values: Any) -> dict[sp.Symbol, sp.Expr]:
    """theta' as a mapping from the parameters."""
    parameters = tuple(model.parameters)
    if isinstance(values, Mapping):
        unknown = set(values) - set(parameters)
        if unknown:
            raise InvalidModel(f"{sorted(map(str, unknown))} are no parameters of the model; it has {parameters}")
        return {p: sp.sympify(values.get(p, p), strict=True) for p in parameters}
    listed = tuple(values) if isinstance(values, (tuple, list, sp.Tuple, sp.MatrixBase)) else (values,)
    if len(listed) != len(parameters):
        raise InvalidModel(f"theta' needs {len(parameters)} values, one for each of {parameters}; given {len(listed)}")
    return dict(zip(parameters, (sp.sympify(v, strict=True) for v in listed)))


def _twins(model: Any) -> dict[sp.Symbol, sp.Symbol]:
    return {p: sp.Dummy(f"{p.name}_other", **p.assumptions0) for p in model.parameters}


def _over_twins(model: Any, twin: Mapping[sp.Symbol, sp.Symbol], integrate: Any) -> sp.Expr:
    """integrate(ln p/p') with p' at the twins; where a kink of p moves, for both orders of the kinks of p and p'.

    A closed form found at one point holds for one order of the kinks only: so their gap is a positive symbol, once
    added and once subtracted, and the two results are joined by the gap's absolute value or by cases. Independent
    coordinates are taken one by one.

    Raises:
        NoClosedForm: a density has a moving kink besides others, or one that no parameter shifts.
    """
    if not model.log_density.has(*_KINKED):
        return integrate(log_ratio(model, twin))
    parts = model._density.factors()
    if len(parts) == 1 or not any(_moving_kinks(part, twin) for part in parts):
        return _over_kinks(parts[0], model.log_density, twin, integrate, len(parts) == 1)
    constant = model._density.constant_of_factors
    total = constant - constant.subs(dict(twin), simultaneous=True)
    for part in parts:
        total += _over_kinks(part, part.log_density, twin, integrate, True)
    return total


def _moving_kinks(part: Any, twin: Mapping[sp.Symbol, sp.Symbol]) -> bool:
    return any(k.free_symbols & set(twin) for places in part.kinks().values() for k in places)


def _over_kinks(
    part: Any, log_density: sp.Expr, twin: Mapping[sp.Symbol, sp.Symbol], integrate: Any, alone: bool
) -> sp.Expr:
    """The same for one factor of the density."""

    def ratio(other: Mapping[sp.Symbol, sp.Expr]) -> sp.Expr:
        return log_density - log_density.subs(dict(other), simultaneous=True)

    places = [sp.factor(k) for axis in part.kinks().values() for k in axis]
    places += _discrete_kinks(part, twin)
    places = list(dict.fromkeys(places))
    moving = [k for k in places if k.free_symbols & set(twin)]
    if not moving or not alone:
        return integrate(ratio(twin))
    if len(places) > 1 or len(part.axes) > 1:
        raise NoClosedForm(
            f"the density has kinks at {places}, of which {moving} move with the parameters: the order of several "
            "kinks of two densities has too many cases; only one kink that moves is handled"
        )
    (kink,) = moving
    shifter = next((q for q in twin if q in kink.free_symbols and sp.diff(kink, q, 2) == 0), None)
    if shifter is None:
        raise NoClosedForm(f"the kink {kink} moves with no parameter in a straight line: its inverse is not at hand")
    gap = sp.Dummy("gap", positive=True)
    there = kink.subs(dict(twin), simultaneous=True)
    slope = sp.diff(there, twin[shifter])
    sides = []
    for sign in (1, -1):
        moved = sp.factor(twin[shifter] + (kink + sign * gap - there) / slope)
        found = integrate(ratio({**twin, shifter: moved}))
        sides.append(found.subs(gap, sign * (there - kink)))
    up, down = sides
    if kink == shifter:
        q = twin[shifter]
        mirrored = down.subs(q, 2 * kink - q, simultaneous=True)
        if sp.simplify(sp.expand(up - mirrored)) == 0:
            return up.subs(q, kink + sp.Abs(q - kink), simultaneous=True)
    return sp.Piecewise((up, there >= kink), (down, True))


def _discrete_kinks(part: Any, twin: Mapping[sp.Symbol, sp.Symbol]) -> list[sp.Expr]:
    """Places of kinks on discrete axes that move with a parameter; there the gap takes whole numbers only."""
    from symrg.expectation.density import kinks_of

    found = [k for axis in part.axes if axis.discrete for k in kinks_of(part.log_density, axis.symbol)]
    if any(k.free_symbols & set(twin) for k in found):
        raise NoClosedForm(f"kinks {found} of a discrete sample move with the parameters")
    return []


def _regular(model: Any) -> None:
    moving = tuple(model.moving_parameters)
    if moving:
        names = ", ".join(p.name for p in moving)
        raise IrregularModel(
            f"the support depends on {names}, so the densities of two models are not positive on the same set; "
            f"hold {names} fixed: leave it out of `parameters`"
        )


# ---------------------------------------------------------------------- expectations, split into moments


def split_moments(model: Any, expression: sp.Expr) -> tuple[list[tuple[sp.Expr, sp.Expr]], sp.Expr]:
    """The expression as sum of c_k g_k(y) + rest: pairs (c_k, g_k) with g_k of the sample alone (1 included).

    The rest holds the terms that couple sample and parameters beyond a product.
    """
    return split_in(tuple(model.sample), expression)


def split_in(sample: tuple[sp.Symbol, ...], expression: sp.Expr) -> tuple[list[tuple[sp.Expr, sp.Expr]], sp.Expr]:
    """`split_moments` for given symbols of the sample."""
    y = set(sample)
    parameters = expression.free_symbols - y
    moments: dict[sp.Expr, sp.Expr] = {}
    rest = S.Zero
    for term in sp.Add.make_args(expand_separable(sp.expand(expression), y, parameters)):
        outer, inner = term.as_independent(*sample, as_Add=False)
        if inner.free_symbols <= y:
            moments[inner] = moments.get(inner, S.Zero) + outer
        else:
            rest += term
    return [(c, g) for g, c in moments.items() if c != 0], rest


def expected(model: Any, expression: sp.Expr, budget: Limit = None) -> sp.Expr:
    """E_theta of an expression, term by term where it splits into moments, else as a whole.

    Raises:
        NoClosedForm: neither way within the budget.
    """
    left = Budget.of(budget)
    if len(model.sample) > 2 and expression.is_polynomial(*model.sample):
        whole = left.attempt("the polynomial as a whole", model.expectation, expression, left, share=0.4)
        if whole is not None:
            return whole
    pairs, rest = split_moments(model, expression)
    value = left.attempt("moments of the sample", _by_moments, model, pairs, rest, left, share=0.7)
    if value is not None:
        return value
    return model.expectation(expression, budget=left)


def _by_moments(model: Any, pairs: list[tuple[sp.Expr, sp.Expr]], rest: sp.Expr, budget: Budget) -> sp.Expr:
    value = model.expectation(rest, budget=budget) if rest != 0 else S.Zero
    for c, g in pairs:
        value += c * (model.expectation(g, budget=budget) if g != 1 else S.One)
    return value


def entropy(model: Any, budget: Limit = None) -> sp.Expr:
    """-E[ln p]: differential entropy, or Shannon's in nats for a discrete sample."""
    left = Budget.of(budget)
    return _short(-expected(model, model.log_density, left), left)


# ---------------------------------------------------------------------- expansions


def kl_expansion(
    model: Any, order: int = 4, displacement: Sequence[Any] | None = None, budget: Limit = None
) -> sp.Expr:
    """Taylor polynomial of D_KL(theta || theta + delta); starts with I_ij delta^i delta^j / 2.

    Args:
        model: the statistical model at theta.
        order: highest power, 2 or more.
        displacement: delta^i, in the order of the parameters; symbols `delta_theta` where None.
        budget: seconds, for the whole call.

    Returns:
        Expr, polynomial in delta with coefficients at theta.

    Raises:
        NoClosedForm: an expectation has none within the budget.
        IrregularModel: the support moves, or the log-density has too few derivatives.

    Source:
        Talk, eqs. (2), (3).
    """
    _check_order(order)
    left = Budget.of(budget)
    delta = displacements(model, displacement)
    total = S.Zero
    for index in multi_indices(len(delta), 2, order):
        weight = S.One / sp.prod([factorial(k) for k in index])
        total += weight * kl_coefficient(model, index, left) * sp.prod([d**k for d, k in zip(delta, index)])
    return sp.Add(*(short_form(c) * m for m, c in _collect(total, delta)))


def _collect(total: sp.Expr, delta: Sequence[sp.Expr]) -> Iterator[tuple[sp.Expr, sp.Expr]]:
    """(monomial, coefficient) of a polynomial in symbols; one pair with the whole where delta are no symbols."""
    if not all(isinstance(d, sp.Symbol) for d in delta):
        yield S.One, total
        return
    for powers, coefficient in sp.Poly(total, *delta).terms():
        yield sp.prod([d**k for d, k in zip(delta, powers)]), coefficient


def kl_coefficient(model: Any, index: Sequence[int], budget: Limit = None) -> sp.Expr:
    """-E[d^index ln p], the derivative of D_KL(theta || theta') by theta' at theta' = theta."""
    left = Budget.of(budget)
    _regular(model)
    _smooth(model, index)
    if sum(index) == 2:
        metric = left.attempt("Fisher metric", lambda: model.fisher_metric(budget=left), share=0.8)
        if metric is not None:
            i, j = (k for k, times in enumerate(index) for _ in range(times))
            return metric[i, j]
    slope = model.log_density
    for p, times in zip(model.parameters, index):
        slope = sp.diff(slope, p, times) if times else slope
    return -expected(model, slope, left)


def _smooth(model: Any, index: Sequence[int]) -> None:
    if sum(index) < 3:
        return
    y = set(model.sample)
    for p, times in zip(model.parameters, index):
        for node in model.log_density.atoms(*_KINKED) if times else ():
            if p in node.free_symbols and node.free_symbols & y:
                raise IrregularModel(
                    f"{node} has a kink that moves with {p}: D_KL has no Taylor polynomial beyond order 2 in {p}; "
                    "take kl_divergence instead"
                )


def _check_order(order: int) -> None:
    if not isinstance(order, int) or order < 2:
        raise InvalidModel(
            f"order must be an integer of 2 or more, given {order!r}: the divergence starts with order 2"
        )


def displacements(model: Any, displacement: Sequence[Any] | None) -> tuple[sp.Expr, ...]:
    """delta^i: as given, or symbols named after the parameters."""
    parameters = tuple(model.parameters)
    if displacement is None:
        return tuple(sp.Symbol(f"delta_{p.name}", real=True) for p in parameters)
    given = tuple(displacement) if isinstance(displacement, (tuple, list, sp.Tuple, sp.MatrixBase)) else (displacement,)
    if len(given) != len(parameters):
        raise InvalidModel(f"the displacement needs {len(parameters)} entries, one for each of {parameters}")
    return tuple(sp.sympify(d, strict=True) for d in given)


def multi_indices(n: int, lowest: int, highest: int) -> list[tuple[int, ...]]:
    """All (k_1, .., k_n) whose sum lies between lowest and highest, by order."""
    found = [i for i in product(range(highest + 1), repeat=n) if lowest <= sum(i) <= highest]
    return sorted(found, key=lambda i: (sum(i), tuple(-k for k in i)))


def f_divergence_expansion(
    model: Any,
    f: sp.Expr,
    t: sp.Symbol,
    order: int = 2,
    displacement: Sequence[Any] | None = None,
    budget: Limit = None,
) -> sp.Expr:
    """Taylor polynomial of D_f(theta || theta + delta) = E_theta'[f(p_theta / p_theta')]; starts f''(1) I_ij/2.

    Args:
        model: the statistical model at theta.
        f: a convex function of t with f(1) = 0, smooth at 1.
        t: its variable.
        order: highest power.
        displacement: as for `kl_expansion`.
        budget: seconds, for the whole call.

    Source:
        Amari, Information Geometry (2016), sec. 3.2, for order 2.
    """
    _check_order(order)
    _regular(model)
    left = Budget.of(budget)
    delta = displacements(model, displacement)
    if sp.simplify(f.subs(t, 1)) != 0:
        raise InvalidModel(f"f(1) must vanish for a divergence; {f} at {t} = 1 is {f.subs(t, 1)}")
    # With u = p_theta'/p_theta, D_f = E_theta[g(u)], g(u) = u f(1/u), and u = exp(sum_a delta^a l_a/a!).
    u, s = sp.Dummy("u", positive=True), sp.Dummy("s")
    g = u * f.subs(t, 1 / u)
    taylor = [sp.simplify(sp.diff(g, u, k).subs(u, 1)) / factorial(k) for k in range(order + 1)]
    names: dict[tuple[int, ...], sp.Symbol] = {}
    exponent = S.Zero
    for index in multi_indices(len(delta), 1, order):
        names[index] = sp.Dummy("l_" + "".join(map(str, index)))
        weight = S.One / sp.prod([factorial(k) for k in index])
        exponent += weight * s ** sum(index) * names[index] * sp.prod([d**k for d, k in zip(delta, index)])
    ratio = _truncated_exp(exponent, s, order)
    series, power = S.Zero, S.One
    for k in range(1, order + 1):
        power = _truncate(power * (ratio - 1), s, order)
        series += taylor[k] * power
    polynomial = sp.Poly(sp.expand(series.subs(s, 1)), *names.values())
    slopes = {index: _slope(model, index) for index in names}
    total = S.Zero
    for powers, coefficient in polynomial.terms():
        if coefficient == 0 or sum(powers) == 0:
            continue
        chosen = [(i, k) for i, k in zip(names, powers) if k]
        if len(chosen) == 1 and chosen[0][1] == 1 and sum(chosen[0][0]) == 1:
            continue  # E[score] = 0
        total += coefficient * expected(model, sp.prod([slopes[i] ** k for i, k in chosen]), left)
    return sp.Add(*(short_form(c) * m for m, c in _collect(sp.expand(total), delta)))


def _slope(model: Any, index: Sequence[int]) -> sp.Expr:
    value = model.log_density
    for p, times in zip(model.parameters, index):
        value = sp.diff(value, p, times) if times else value
    return value


def _truncate(e: sp.Expr, s: sp.Symbol, order: int) -> sp.Expr:
    polynomial = sp.Poly(sp.expand(e), s)
    return sp.Add(*(c * s ** k[0] for k, c in polynomial.terms() if k[0] <= order))


def _truncated_exp(e: sp.Expr, s: sp.Symbol, order: int) -> sp.Expr:
    total, power = S.One, S.One
    for k in range(1, order + 1):
        power = _truncate(power * e, s, order)
        total += power / factorial(k)
    return total


# ---------------------------------------------------------------------- relatives


def chernoff_coefficient(model: Any, other_parameters: Any, exponent: Any, budget: Limit = None) -> sp.Expr:
    """E_theta[(p'/p)^s] = int p^(1-s) p'^s, with s the exponent.

    In an exponential family it is exp(psi((1-s) eta + s eta') - (1-s) psi(eta) - s psi(eta')), finite for
    0 <= s <= 1 and, beyond, where (1-s) eta + s eta' is a natural parameter.

    Raises:
        NoClosedForm: no route gave it within the budget.
    """
    left = Budget.of(budget)
    _regular(model)
    other, s = other_point(model, other_parameters), sp.sympify(exponent, strict=True)
    found = left.attempt("log-partition", _log_chernoff_of_family, model, other, s, left, share=0.6)
    if found is not None:
        return short_form(sp.powsimp(sp.exp(found)))
    twin = _twins(model)

    def integrate(ratio: sp.Expr) -> sp.Expr:
        return model.expectation(sp.powsimp(sp.exp(-s * ratio), force=True), budget=left)

    value = _over_twins(model, twin, integrate)
    return short_form(value.subs({twin[p]: other[p] for p in twin}, simultaneous=True))


def _log_chernoff(model: Any, other_parameters: Any, exponent: Any, budget: Budget) -> sp.Expr:
    other, s = other_point(model, other_parameters), sp.sympify(exponent, strict=True)
    _regular(model)
    found = budget.attempt("log-partition", _log_chernoff_of_family, model, other, s, budget, share=0.6)
    if found is not None:
        return found
    return sp.expand_log(sp.log(chernoff_coefficient(model, other_parameters, exponent, budget)))


def _log_chernoff_of_family(model: Any, other: Mapping[sp.Symbol, sp.Expr], s: sp.Expr, budget: Budget) -> sp.Expr:
    try:
        family = model.as_exponential_family(budget=budget)
        psi = family.log_partition
    except (NotExponentialFamily, NoClosedForm) as e:
        raise Declined(str(e)) from e
    here = dict(family.natural_map)
    there = {e: v.subs(dict(other), simultaneous=True) for e, v in here.items()}
    between = {e: short_form((1 - s) * here[e] + s * there[e]) for e in here}
    own = family.log_partition_of_parameters
    start, end, middle = own, own.subs(dict(other), simultaneous=True), psi.subs(between, simultaneous=True)
    return short_form(middle - (1 - s) * start - s * end)


def renyi_divergence(model: Any, other_parameters: Any, order: Any, budget: Limit = None) -> sp.Expr:
    """D_a(theta || theta') = ln int p^a p'^(1-a) / (a - 1); order 1 is the limit, the KL divergence."""
    a = sp.sympify(order, strict=True)
    if a == 1:
        return kl_divergence(model, other_parameters, budget)
    return short_form(_log_chernoff(model, other_parameters, 1 - a, Budget.of(budget)) / (a - 1))


def alpha_divergence(model: Any, other_parameters: Any, alpha: Any, budget: Limit = None) -> sp.Expr:
    """4/(1 - alpha^2) (1 - int p^((1-alpha)/2) p'^((1+alpha)/2)); alpha -> -1 is KL(p||p'), +1 is KL(p'||p).

    Source:
        Amari, Information Geometry (2016), eq. (3.39).
    """
    a = sp.sympify(alpha, strict=True)
    if a in (-1, 1):
        return kl_divergence(model, other_parameters, budget, reverse=a == 1)
    return 4 / (1 - a**2) * (1 - chernoff_coefficient(model, other_parameters, (1 + a) / 2, budget))


def bhattacharyya_distance(model: Any, other_parameters: Any, budget: Limit = None) -> sp.Expr:
    """-ln int sqrt(p p')."""
    return short_form(-_log_chernoff(model, other_parameters, S.Half, Budget.of(budget)))


def hellinger_squared(model: Any, other_parameters: Any, budget: Limit = None) -> sp.Expr:
    """H^2 = 1 - int sqrt(p p') = int (sqrt p - sqrt p')^2 / 2, between 0 and 1."""
    return 1 - chernoff_coefficient(model, other_parameters, S.Half, budget)


def jeffreys_divergence(model: Any, other_parameters: Any, budget: Limit = None) -> sp.Expr:
    """D_KL(theta || theta') + D_KL(theta' || theta)."""
    left = Budget.of(budget)
    return short_form(
        kl_divergence(model, other_parameters, left) + kl_divergence(model, other_parameters, left, reverse=True)
    )


def f_divergence(model: Any, other_parameters: Any, f: sp.Expr, t: sp.Symbol, budget: Limit = None) -> sp.Expr:
    """D_f(theta || theta') = E_theta'[f(p_theta / p_theta')] for a convex f of t with f(1) = 0."""
    left = Budget.of(budget)
    _regular(model)
    other, twin = other_point(model, other_parameters), _twins(model)
    u = sp.exp(-log_ratio(model, twin))
    g = sp.expand(sp.expand_log((t * f.subs(t, 1 / t)).expand().subs(t, sp.Dummy("u", positive=True)), force=True))
    (dummy,) = g.free_symbols - f.free_symbols or {t}
    powers = sp.Add.make_args(g)
    total = S.Zero
    for term in powers:
        c, rest = term.as_independent(dummy)
        if rest == 1:
            total += c
        elif (rest.is_Pow and rest.base == dummy) or rest == dummy:
            s = rest.as_base_exp()[1]
            total += c * chernoff_coefficient(model, twin, s, left)
        elif rest == sp.log(dummy):
            total -= c * expected(model, log_ratio(model, twin), left)
        else:
            total += c * model.expectation(rest.subs(dummy, u), budget=left)
    return short_form(total.subs({twin[p]: other[p] for p in twin}, simultaneous=True))
