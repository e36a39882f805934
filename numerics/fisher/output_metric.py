"""The Fisher metric of a network's outputs, derived from the likelihood by taking expectations.

Outputs of a Gaussian or Bernoulli likelihood are independent, so one unit is a statistical model of its own and the
metric is diagonal; its entry is E[score^2], taken by `symrg.StatisticalModel`. A categorical likelihood couples K
outputs, with K a symbol: there the expectation over the class c is the sum over c of q_c, contracted with the score's
Kronecker deltas.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from symrg import StatisticalModel
from symrg.budget import Budget
from symrg.errors import InvalidEstimator


@dataclass(frozen=True)
class OutputMetric:
    """E[s_k s_l] of the score s_k = d ln p / d f_k.

    Attributes:
        log_density: ln p of one sample, with outputs f[n, k].
        score: s_k.
        entry: H_kl.
        definitions: quantities in it that are computed first, name to expression in (n, k).
    """

    log_density: sp.Expr
    score: sp.Expr
    entry: sp.Expr
    definitions: tuple[tuple[sp.Indexed, sp.Expr], ...] = ()


def output_metric(
    likelihood: str,
    outputs: sp.IndexedBase,
    n: sp.Symbol,
    k: sp.Symbol,
    l: sp.Symbol,
    count: sp.Expr,
    sigma: sp.Symbol,
    budget: float | Budget | None = None,
) -> OutputMetric:
    """Derive H_kl for a likelihood by name; `count` outputs f[n, k], of standard deviation sigma if Gaussian.

    Raises:
        InvalidEstimator: an unknown likelihood.
        NoClosedForm: an expectation was not found within the budget.
    """
    if likelihood == "categorical":
        return _categorical(outputs, n, k, l, count)
    if likelihood not in ("gaussian", "bernoulli"):
        raise InvalidEstimator(f"likelihood {likelihood!r}: expected gaussian, bernoulli or categorical")
    y, f = sp.Symbol("y", real=True), sp.Symbol("f", real=True)
    support: sp.Set
    if likelihood == "gaussian":
        unit = -((y - f) ** 2) / (2 * sigma**2) - sp.log(2 * sp.pi * sigma**2) / 2
        support = sp.S.Reals
    else:
        y = sp.Symbol("y", integer=True, nonnegative=True)
        unit = y * f - sp.log(1 + sp.exp(f))
        support = sp.FiniteSet(0, 1)
    model = StatisticalModel(unit, sample=y, parameters=(f,), support=support)
    moment = model.fisher_metric(budget=budget)[0, 0]
    here = {f: outputs[n, k], y: sp.IndexedBase("y", real=True)[n, k]}
    log_density = sp.Sum(unit.xreplace(here), (k, 0, count - 1))
    score = sp.diff(unit, f).xreplace(here)
    return OutputMetric(log_density, score, sp.KroneckerDelta(k, l) * sp.simplify(moment).xreplace(here))


def _categorical(f: sp.IndexedBase, n: sp.Symbol, k: sp.Symbol, l: sp.Symbol, count: sp.Expr) -> OutputMetric:
    """ln p(c) = f_c - ln sum_j exp f_j, so s_k = delta_ck - q_k, and E[s_k s_l] = sum_c q_c s_k(c) s_l(c)."""
    c, j = sp.Symbol("c", integer=True, nonnegative=True), sp.Symbol("j", integer=True, nonnegative=True)
    q = sp.IndexedBase("q", real=True)
    total = sp.Sum(sp.exp(f[n, j]), (j, 0, count - 1))
    log_density = f[n, c] - sp.log(total)
    score = contract(sp.diff(log_density, f[n, k]))
    probability = sp.exp(f[n, k]) / total
    named = score.subs(probability, q[n, k])  # s_k with q_k by its name
    if named != sp.KroneckerDelta(c, k) - q[n, k]:
        raise AssertionError(f"the categorical score came out as {named}")
    product = sp.expand(named * named.xreplace({k: l}))
    entry = contract(sp.Sum(q[n, c] * product, (c, 0, count - 1)).expand())
    norm = sp.Sum(q[n, c], (c, 0, count - 1))  # 1: probabilities add up
    entry = entry.subs(norm, 1)
    # a maximum taken off all logits leaves q as it is and keeps exp within range
    top = sp.IndexedBase("t", real=True)
    stable = sp.exp(f[n, k] - top[n]) / sp.Sum(sp.exp(f[n, j] - top[n]), (j, 0, count - 1))
    return OutputMetric(log_density, score, entry, ((q[n, k], stable),))


def contract(expression: sp.Expr) -> sp.Expr:
    """Carry out sums over Kronecker deltas; every free index is taken to lie in the range of the sum that it meets."""

    def carry_out(total: sp.Sum) -> sp.Expr:
        body, limits = sp.expand(total.function), list(total.limits)
        if isinstance(body, sp.Add):
            return sp.Add(*[carry_out(sp.Sum(term, *limits)) for term in body.args])
        for position, (index, *_) in enumerate(limits):
            for delta in body.atoms(sp.KroneckerDelta):
                if index in delta.args and delta in sp.Mul.make_args(body):
                    other = delta.args[1] if delta.args[0] == index else delta.args[0]
                    rest = (body / delta).xreplace({index: other})
                    remaining = limits[:position] + limits[position + 1 :]
                    return carry_out(sp.Sum(rest, *remaining)) if remaining else rest
        constant = sp.Mul(*[a for a in sp.Mul.make_args(body) if not a.has(*[x[0] for x in limits])])
        return constant * sp.Sum(body / constant, *limits)

    return expression.replace(lambda e: isinstance(e, sp.Sum), carry_out)
