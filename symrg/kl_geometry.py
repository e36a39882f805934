r"""The expansion of the Kullback-Leibler divergence in the tensors of information geometry, orders 2, 3 and 4.

With all tensors at theta, K_ij,kl = E[l_ij l_kl] and M_ij,kl = E[l_ij l_k l_l], and indices of connections lowered,

    order 2: I_ij / 2,   order 3: Gamma^(1/3)_k,ij / 2,
    order 4: (3 d_l Gamma^(1/3)_k,ij + d_l Gamma^(1)_k,ij - K_ij,kl - M_ij,kl) / 24,

each contracted with delta theta. They follow from -E[l_ij..] by Bartlett's identities: E[l_ijk] = -3 Gamma^(1) - T
symmetrised gives order 3, and d_l E[l_ijk] = E[l_ijkl] + E[l_ijk l_l] with d_l E[l_ij l_k] gives order 4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import sympy as sp
from sympy import S

from symrg.budget import Budget
from symrg.divergence import displacements, expected
from symrg.errors import InvalidModel
from symrg.short_form import short_form
from symrg.typesetting import Typeset

Limit = float | Budget | None


@dataclass(frozen=True)
class GeometricTerm(Typeset):
    """One order of the expansion, for every regular model.

    Attributes:
        order: the power of delta theta.
        formula: LaTeX of the term.
        evaluate: (model, displacement, budget) to the term for a given model.
    """

    order: int
    formula: str
    evaluate: Callable[..., sp.Expr]

    def latex(self) -> str:
        """LaTeX of the term."""
        return self.formula


def geometric_term(order: int) -> GeometricTerm:
    """The term of order 2, 3 or 4 in Fisher metric, connections and higher tensors.

    Raises:
        InvalidModel: another order; `divergence.kl_expansion` takes any.
    """
    if order not in _TERMS:
        raise InvalidModel(f"the term of order {order!r} is not stated by tensors, only orders 2, 3 and 4 are")
    return GeometricTerm(order, *_TERMS[order])


def geometric_expansion(
    model: Any, order: int = 4, displacement: Sequence[Any] | None = None, budget: Limit = None
) -> sp.Expr:
    """D_KL(theta || theta + delta) to order 2, 3 or 4 by the tensors, a second route to `kl_expansion`."""
    left = Budget.of(budget)
    delta = displacements(model, displacement)
    geometric_term(order)
    return sp.Add(*(geometric_term(k).evaluate(model, delta, left) for k in range(2, order + 1)))


def _contract(component: Callable[..., sp.Expr], delta: Sequence[sp.Expr], rank: int) -> sp.Expr:
    n = range(len(delta))
    return sp.Add(*(component(*index) * sp.prod([delta[i] for i in index]) for index in product(n, repeat=rank)))


def _second(model: Any, delta: Sequence[sp.Expr], budget: Budget) -> sp.Expr:
    metric = model.fisher_metric(budget=budget)
    return _contract(lambda i, j: metric[i, j], delta, 2) / 2


def _third(model: Any, delta: Sequence[sp.Expr], budget: Budget) -> sp.Expr:
    gamma = model.manifold(budget=budget).christoffel(S.One / 3, lowered=True, budget=budget)
    return _contract(lambda k, i, j: gamma[k, i, j], delta, 3) / 2


def _fourth(model: Any, delta: Sequence[sp.Expr], budget: Budget) -> sp.Expr:
    manifold, x = model.manifold(budget=budget), tuple(model.parameters)
    third, first = (manifold.christoffel(a, lowered=True, budget=budget) for a in (S.One / 3, S.One))
    score = [sp.diff(model.log_density, p) for p in x]
    hessian = [[sp.diff(s, p) for p in x] for s in score]
    known: dict[tuple[int, ...], sp.Expr] = {}

    def product_of(i: int, j: int, k: int, m: int) -> sp.Expr:
        i, j, k, m = *sorted((i, j)), *sorted((k, m))
        if (i, j, k, m) not in known:
            body = hessian[i][j] * (hessian[k][m] + score[k] * score[m])
            known[i, j, k, m] = short_form(expected(model, body, budget))
        return known[i, j, k, m]

    def component(k: int, i: int, j: int, m: int) -> sp.Expr:
        slopes = 3 * sp.diff(third[k, i, j], x[m]) + sp.diff(first[k, i, j], x[m])
        return slopes - product_of(i, j, k, m)

    return _contract(component, delta, 4) / 24


_DELTA = r"\delta\theta"
_TERMS: dict[int, tuple[str, Callable[..., sp.Expr]]] = {
    2: (rf"\frac{{1}}{{2}} \mathcal{{I}}_{{ij}} {_DELTA}^i {_DELTA}^j", _second),
    3: (rf"\frac{{1}}{{2}} \Gamma^{{(1/3)}}_{{k,ij}} {_DELTA}^i {_DELTA}^j {_DELTA}^k", _third),
    4: (
        r"\frac{1}{24} \left(3 \partial_l \Gamma^{(1/3)}_{k,ij} + \partial_l \Gamma^{(1)}_{k,ij} "
        r"- \mathbb{E}_\theta(\ell_{ij} \ell_{kl}) - \mathbb{E}_\theta(\ell_{ij} \ell_k \ell_l)\right) "
        rf"{_DELTA}^i {_DELTA}^j {_DELTA}^k {_DELTA}^l",
        _fourth,
    ),
}
