"""Results of a model as derivations: the steps that a person would write, each link a claim that can be checked."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations_with_replacement, product
from math import factorial
from typing import Any

import sympy as sp
from sympy import S

from symrg.budget import Budget, OutOfTime, within
from symrg.derivation import Derivation
from symrg.divergence import entropy, kl_divergence, kl_expansion, log_ratio, multi_indices, split_in, split_moments
from symrg.errors import InvalidModel, NoClosedForm
from symrg.expectation import Expectation
from symrg.kl_geometry import geometric_term
from symrg.short_form import short_form

Limit = float | Budget | None


def derivation(model: Any, what: str, budget: Limit = None) -> Derivation:
    """A result of a model as a `Derivation`.

    Args:
        model: the statistical model.
        what: one of the names in `known()`.
        budget: seconds, for the whole call.

    Raises:
        InvalidModel: the name is not known; the message lists those that are.
        NoClosedForm: the result has none within the budget.
    """
    if what not in _WORKED:
        raise InvalidModel(f"there is no derivation of {what!r}; known are: {', '.join(known())}")
    limit = Budget.of(budget)
    try:
        return within(limit.remaining, _WORKED[what], model, limit)
    except OutOfTime:
        raise limit.no_closed_form(f"the derivation of {what!r}") from None


def known() -> tuple[str, ...]:
    """The names that `derivation` takes."""
    return tuple(sorted(_WORKED))


# ---------------------------------------------------------------------- expectations


def _score(model: Any, budget: Budget) -> Derivation:
    start = sp.ImmutableMatrix([sp.Derivative(model.log_density, p) for p in model.parameters])
    chain = Derivation("score", start, conditions=tuple(model.domain), notation=r"\ell_i")
    done = model.score()
    chain = chain.step(done, "derivatives of $\\ln p$ by the parameters")
    short = done.applyfunc(short_form)
    return chain.step(short, "collected") if short != done else chain


def _linear(model: Any, expression: sp.Expr) -> sp.Expr:
    """E(expression) as a sum of moments of the sample, the parameters drawn out."""
    location = _location(model)
    if location is None:
        pairs, rest = split_moments(model, expression)
    else:
        # in the centred variable, as one would write it: E(y - mu), E((y - mu)^2), ..
        (y,) = model.sample
        centred = sp.Dummy("u", real=True)
        pairs, rest = split_in((centred,), expression.subs(y, centred + location))
        pairs = [(c, g.subs(centred, y - location)) for c, g in pairs]
        rest = rest.subs(centred, y - location)
    total = Expectation(rest, model) if rest != 0 else S.Zero
    for c, g in pairs:
        total += c if g == 1 else c * Expectation(g, model)
    return total


def _location(model: Any) -> sp.Symbol | None:
    """The parameter mu of a density of y - mu on the whole line, or None."""
    if (
        len(model.sample) != 1
        or model.axes[0].discrete
        or model.axes[0].lower != -sp.oo
        or model.axes[0].upper != sp.oo
    ):
        return None
    (y,) = model.sample
    for p in model.parameters:
        if not sp.expand_log(sp.expand(model.log_density.subs(y, y + p))).has(p):
            return p
    return None


def _fisher_metric(model: Any, budget: Budget) -> Derivation:
    score = model.score().applyfunc(short_form)
    n = len(score)
    metric = model.fisher_metric(budget=budget)
    products = sp.ImmutableMatrix(n, n, lambda i, j: Expectation(score[i] * score[j], model))
    chain = Derivation("Fisher metric", products, conditions=tuple(model.domain), notation=r"\mathcal{I}_{ij}")
    split = sp.ImmutableMatrix(n, n, lambda i, j: _linear(model, score[i] * score[j]))
    if split not in (products, metric):
        chain = chain.step(split, "the expectation is linear; parameters are constants in it")
    return chain.step(metric, "the moments of the sample")


def _other(model: Any) -> dict[sp.Symbol, sp.Symbol]:
    return {p: sp.Symbol(f"{p.name}prime", **p.assumptions0) for p in model.parameters}


def _both_domains(model: Any, other: dict[sp.Symbol, sp.Symbol]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys([*model.domain, *(r.subs(other, simultaneous=True) for r in model.domain)]))


def _kl_divergence(model: Any, budget: Budget) -> Derivation:
    other = _other(model)
    ratio = log_ratio(model, other)
    closed = kl_divergence(model, other, budget)
    start = Expectation(model.log_density - model.log_density.subs(other, simultaneous=True), model)
    conditions = _both_domains(model, other)
    notation = r"D_{\mathrm{KL}}(\theta \parallel \theta')"
    chain = Derivation("Kullback-Leibler divergence", start, conditions=conditions, notation=notation)
    split = _linear(model, ratio)
    if split != start:
        chain = chain.step(split, "the logarithm of the ratio, term by term; the expectation is linear")
    return chain.step(closed, "the moments of the sample")


def _kl_expansion(model: Any, budget: Budget, order: int = 4) -> Derivation:
    small = sp.Symbol("epsilon", positive=True)
    delta = [sp.Symbol(f"delta_{p.name}", real=True) for p in model.parameters]
    parameters = tuple(model.parameters)
    moved = {p: p + small * d for p, d in zip(parameters, delta)}
    polynomial = kl_expansion(model, order, [small * d for d in delta], budget)
    powers = sp.collect(sp.expand(polynomial), small)
    taylor = S.Zero
    for index in multi_indices(len(delta), 2, order):
        slope = model.log_density
        for p, times in zip(parameters, index):
            slope = sp.diff(slope, p, times) if times else slope
        weight = sp.prod([d**k for d, k in zip(delta, index)]) / sp.prod([factorial(k) for k in index])
        slope = short_form(slope)
        if slope == 0:
            continue
        mean = Expectation(slope, model) if slope.free_symbols & set(model.sample) else slope
        taylor -= small ** sum(index) * weight * mean
    notation = r"D_{\mathrm{KL}}(\theta \parallel \theta + \epsilon\,\delta\theta)"
    title = f"expansion of the Kullback-Leibler divergence to order {order}"
    conditions = _both_domains(model, moved)
    for p, place in moved.items():  # the moved parameter obeys what is assumed of the parameter
        if p.is_positive or p.is_negative:
            conditions += (place > 0 if p.is_positive else place < 0,)
    tail = (small, S.Zero, order + 1)
    try:
        closed = kl_divergence(model, moved, Budget(max(budget.remaining * 0.5, 0.05)))
    except NoClosedForm:
        start = Expectation(log_ratio(model, moved), model)
        chain = Derivation(title, start, conditions=conditions, notation=notation)
        chain = chain.step(taylor, "Taylor's theorem in $\\epsilon$; order one is the mean score, zero", order=tail)
        return chain.step(powers, "expectations of derivatives of the score")
    start = Expectation(log_ratio(model, moved), model)
    chain = Derivation(title, start, conditions=conditions, notation=notation)
    chain = chain.step(closed, "closed form of the divergence")
    chain = chain.step(taylor, "Taylor's theorem in $\\epsilon$; order one is the mean score, zero", order=tail)
    return chain.step(powers, "expectations of derivatives of the score")


def _kl_geometry(model: Any, budget: Budget, order: int = 4) -> Derivation:
    """Orders 2 to 4 of the divergence by metric, connections and higher tensors, then for this family."""
    small = sp.Symbol("epsilon", positive=True)
    delta = [sp.Symbol(f"delta_{p.name}", real=True) for p in model.parameters]
    parameters = tuple(model.parameters)
    moved = {p: p + small * d for p, d in zip(parameters, delta)}
    conditions = _both_domains(model, moved)
    for p, place in moved.items():
        if p.is_positive or p.is_negative:
            conditions += (place > 0 if p.is_positive else place < 0,)
    terms = [geometric_term(k) for k in range(2, order + 1)]
    values = [short_form(t.evaluate(model, delta, budget)) for t in terms]
    general = " + ".join(rf"\epsilon^{{{t.order}}}\, {t.latex()}" for t in terms)
    notation = r"D_{\mathrm{KL}}(\theta \parallel \theta + \epsilon\,\delta\theta)"
    title = f"the Kullback-Leibler divergence to order {order} in metric, connections and higher tensors"
    start = Expectation(log_ratio(model, moved), model)
    chain = Derivation(title, start, conditions=conditions, notation=notation)
    try:
        closed = kl_divergence(model, moved, Budget(max(budget.remaining * 0.5, 0.05)))
        chain = chain.step(closed, "closed form of the divergence")
    except NoClosedForm:
        pass
    by_orders = sp.Add(*(small**t.order * value for t, value in zip(terms, values)))
    tail = (small, S.Zero, order + 1)
    because = "Taylor's theorem, with $\\mathbb{E}(\\ell_{ij..})$ by Bartlett's identities"
    chain = chain.step(by_orders, because, order=tail, printed=general)
    polynomial = kl_expansion(model, order, [small * d for d in delta], budget)
    powers = sp.collect(sp.expand(polynomial), small)
    if powers == by_orders:
        powers = sp.Add(*(small**t.order * sp.expand(value) for t, value in zip(terms, values)))
    return chain.step(powers, "the tensors of this family; the derivatives of $\\ln p$ give the same")


def _entropy(model: Any, budget: Budget) -> Derivation:
    closed = entropy(model, budget)
    start = Expectation(-model.log_density, model)
    chain = Derivation("entropy", start, conditions=tuple(model.domain), notation="H")
    split = _linear(model, -model.log_density)
    if split not in (start, closed):
        chain = chain.step(split, "the expectation is linear")
    return chain.step(closed, "the moments of the sample")


# ---------------------------------------------------------------------- exponential families


def _log_partition(model: Any, budget: Budget) -> Derivation:
    family = model.as_exponential_family(budget=budget)
    exponent = sp.Add(*(e * q for e, q in zip(family.natural_parameters, family.statistics)))
    integral: sp.Expr = family.carrier * sp.exp(exponent)
    for axis in family.axes:
        if axis.points is not None:
            integral = sp.Add(*(integral.subs(axis.symbol, y) for y in axis.points))
        elif axis.discrete:
            integral = sp.Sum(integral, (axis.symbol, axis.lower, axis.upper))
        else:
            integral = sp.Integral(integral, (axis.symbol, axis.lower, axis.upper))
    conditions = tuple(family._natural_domain())
    chain = Derivation("log-partition function", sp.log(integral), conditions=conditions, notation=r"\psi")
    return chain.step(family.log_partition, "normalisation")


# ---------------------------------------------------------------------- geometry


def _jeffreys_prior(model: Any, budget: Budget) -> Derivation:
    metric = model.fisher_metric(budget=budget)
    chain = Derivation(
        "Jeffreys prior",
        sp.sqrt(metric.det(method="berkowitz")),
        conditions=tuple(model.domain),
        notation=r"\sqrt{\det \mathcal{I}}",
    )
    return chain.step(model.manifold().volume_density(budget), "simplified")


def _christoffel_definition(manifold: Any, budget: Budget) -> Callable[[int, int, int], sp.Expr]:
    """Gamma^i_jk by its definition, with the derivatives of the metric unevaluated."""
    up, g, x = manifold.inverse_metric(budget), manifold.metric, manifold.coordinates
    n = range(len(x))

    def slope(e: sp.Expr, k: int) -> sp.Expr:
        return sp.Derivative(e, x[k]) if e.free_symbols & set(x) else S.Zero

    def component(i: int, j: int, k: int) -> sp.Expr:
        return sp.Add(
            *(up[i, m] * (slope(g[m, j], k) + slope(g[m, k], j) - slope(g[j, k], m)) / 2 for m in n if up[i, m] != 0)
        )

    return component


def _christoffel(model: Any, budget: Budget) -> Derivation:
    manifold = model.manifold(budget)
    n = manifold.dimension
    component, gamma = _christoffel_definition(manifold, budget), manifold.christoffel(budget=budget)
    pairs = list(combinations_with_replacement(range(n), 2))
    start = sp.ImmutableMatrix([[component(i, j, k) for j, k in pairs] for i in range(n)])
    chain = Derivation("Christoffel symbols", start, conditions=tuple(model.domain), notation=r"\Gamma^i_{jk}")
    done = sp.ImmutableMatrix([[gamma[i, j, k] for j, k in pairs] for i in range(n)])
    return chain.step(done, "derivatives of the metric; a row for each $i$, a column for each $j \\leq k$")


def _scalar_curvature(model: Any, budget: Budget) -> Derivation:
    manifold = model.manifold(budget)
    gamma, up, x = manifold.christoffel(budget=budget), manifold.inverse_metric(budget), manifold.coordinates
    ricci, n = manifold.ricci(budget=budget), range(manifold.dimension)

    def slope(e: sp.Expr, k: int) -> sp.Expr:
        return sp.Derivative(e, x[k]) if e.free_symbols & set(x) else S.Zero

    terms = []
    for j, k in product(n, repeat=2):
        if up[j, k] == 0:
            continue
        for i in n:
            value = slope(gamma[i, k, j], i) - slope(gamma[i, i, j], k)
            value += sp.Add(*(gamma[i, i, m] * gamma[m, k, j] - gamma[i, k, m] * gamma[m, i, j] for m in n))
            terms.append(up[j, k] * value)
    chain = Derivation("scalar curvature", sp.Add(*terms), conditions=tuple(model.domain), notation="R")
    contracted = sp.Add(*(up[j, k] * ricci[j, k] for j, k in product(n, repeat=2)))
    chain = chain.step(contracted, "derivatives of the connection: $g^{jl} R_{jl}$")
    closed = manifold.scalar_curvature(budget=budget)
    return chain.step(closed, "contracted") if closed != contracted else chain


_WORKED: dict[str, Callable[[Any, Budget], Derivation]] = {
    "score": _score,
    "fisher_metric": _fisher_metric,
    "kl_divergence": _kl_divergence,
    "kl_expansion": _kl_expansion,
    "kl_geometry": _kl_geometry,
    "entropy": _entropy,
    "log_partition": _log_partition,
    "jeffreys_prior": _jeffreys_prior,
    "christoffel": _christoffel,
    "scalar_curvature": _scalar_curvature,
}
