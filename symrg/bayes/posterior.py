"""Posterior, predictive density and evidence from a prior and data: equation (13).

Data come as numbers, or as sufficient statistics of n observations that stay symbols. Where the posterior has a named
form its normaliser is known; otherwise the integral is looked for, and stays an Integral where there is no closed form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Expr, ImmutableMatrix, Integral, Symbol

from symrg.bayes.conjugate import Named, recognise, separate
from symrg.bayes.dynamical import _exponential, _prior
from symrg.bayes.parameter_space import Limits, integrate_over, limits_of
from symrg.budget import Budget
from symrg.errors import DataError, ImproperDensity, InvalidModel, UnidentifiableModel
from symrg.typesetting import Typeset, latex

__all__ = ["Posterior", "posterior"]

_INTEGRAL_SECONDS = 1.5  # for a normaliser that is none of the named ones


@dataclass(frozen=True)
class Posterior(Typeset):
    """The posterior of the parameters of a model.

    Attributes:
        model: the statistical model.
        prior: pi_0(theta), as given.
        count: number of observations n.
        statistics: (value or symbol, g(y)) with value = sum over the data of g.
        log_likelihood: of all data, as a function of theta.
        limits: of the parameters.
        named: the posterior's name and hyperparameters, where it has one.
    """

    model: Any
    prior: Expr
    count: Expr
    statistics: tuple[tuple[Expr, Expr], ...]
    log_likelihood: Expr
    limits: Limits
    named: Named | None

    @property
    def parameters(self) -> tuple[Symbol, ...]:
        """theta^i."""
        return tuple(self.model.parameters)

    @property
    def log_weight(self) -> Expr:
        """ln(prior) + log-likelihood."""
        return sympy.expand_log(sympy.log(self.prior), force=True) + self.log_likelihood

    @property
    def weight(self) -> Expr:
        """prior times likelihood: the posterior before it is normalised."""
        return _exponential(self.log_weight, self.parameters)

    @property
    def density(self) -> Expr:
        """The posterior density of theta.

        Raises:
            ImproperDensity: its integral is infinite.
        """
        if self.named is not None:
            return self.named.density
        total = _total(self.log_weight, self.parameters, self.limits, "the posterior")
        return self.weight / total

    @property
    def evidence(self) -> Expr:
        """The integral of prior times likelihood, the prior normalised first.

        Raises:
            ImproperDensity: the prior has no finite integral, so that the evidence is not defined.
        """
        log_prior = sympy.expand_log(sympy.log(self.prior), force=True)
        of_prior = _total(log_prior, self.parameters, self.limits, "the prior, and so the evidence undefined: it")
        top = _total(self.log_weight, self.parameters, self.limits, "the posterior")
        value = top / of_prior
        return value if value.has(Integral) else sympy.simplify(value)

    def predictive(self) -> Expr:
        """The density of the next observation, as a function of the model's sample."""
        log_next = self.log_weight + self.model.log_density
        top = _total(log_next, self.parameters, self.limits, "the posterior")
        bottom = _total(self.log_weight, self.parameters, self.limits, "the posterior")
        value = top / bottom
        return value if value.has(Integral) else sympy.gammasimp(sympy.simplify(sympy.powsimp(value)))

    def expectation(self, expression: Any, budget: float | Budget | None = None) -> Expr:
        """E[expression] over the posterior, closed where it is found, else with an Integral."""
        value = integrate_over(self.density, self.limits, budget, expression)
        return value if value.has(Integral) else sympy.simplify(sympy.gammasimp(value))

    @property
    def mean(self) -> ImmutableMatrix:
        """E[theta^i], n x 1."""
        return ImmutableMatrix([self.expectation(p) for p in self.parameters])

    def mode(self) -> ImmutableMatrix:
        """The maximum a posteriori, n x 1, where the stationary point is unique.

        Raises:
            UnidentifiableModel: there is no unique stationary point.
        """
        slopes = [sympy.together(sympy.diff(self.log_weight, p)) for p in self.parameters]
        found = [s for s in sympy.solve(slopes, self.parameters, dict=True) if set(s) == set(self.parameters)]
        if len(found) != 1:
            raise UnidentifiableModel(f"the posterior has {len(found)} stationary points, expected one")
        return ImmutableMatrix([sympy.simplify(found[0][p]) for p in self.parameters])

    def latex(self) -> str:
        """LaTeX of the posterior: its name where it has one."""
        if self.named is not None:
            return self.named.latex()
        return rf"\pi({', '.join(latex(p) for p in self.parameters)} | y) = {latex(self.density)}"


def posterior(
    model: Any,
    prior: Any = 1,
    data: Sequence[Any] | None = None,
    count: Any = None,
    statistics: Mapping[Any, Any] | None = None,
    limits: Mapping[Symbol, tuple[Any, Any]] | None = None,
    budget: float | Budget | None = None,
) -> Posterior:
    """The posterior from a prior and data.

    Args:
        model: a StatisticalModel.
        prior: pi_0(theta), normalised or not; 1 is flat.
        data: observations: numbers, or tuples for a sample of several coordinates; left out, the data enter by their
            sufficient statistics.
        count: n, without `data`: a number or a Symbol (by default a positive integer n).
        statistics: g(y) -> the symbol or number that stands for its sum; others are called S_1, S_2, ...
        limits: parameter -> (lower, upper).
        budget: seconds for the whole call.

    Returns:
        Posterior.

    Raises:
        DataError: an observation is outside the support or has the wrong number of coordinates.
        NotExponentialFamily: `data` is left out and there are no sufficient statistics.
        ImproperDensity: the posterior does not normalise; where the data cannot see a direction it is named.
    """
    budget = Budget.of(budget)
    theta, y = tuple(model.parameters), tuple(model.sample)
    prior = _prior(prior, theta)
    bounds = limits_of(theta, tuple(getattr(model, "domain", ()) or ()), limits)
    if data is not None:
        if count is not None or statistics is not None:
            raise DataError("give either data, or count and statistics, not both")
        rows = [_row(model, y, k, row) for k, row in enumerate(data)]
        total = sympy.Add(*(model.log_density.subs(dict(zip(y, row)), simultaneous=True) for row in rows))
        size: Expr = sympy.Integer(len(rows))
        sums = _sums(model, rows)
    else:
        taken = {s.name for s in (*theta, *model.log_density.free_symbols, *prior.free_symbols)}
        name = next(c for c in ("n", "N", "n_obs") if c not in taken)
        size = Symbol(name, integer=True, positive=True) if count is None else sympy.sympify(count)
        if size.is_nonnegative is False:
            raise DataError(f"count must not be negative, given {size}")
        parts = separate(model.log_density, y, theta)
        given = {sympy.expand(sympy.sympify(k)): sympy.sympify(v) for k, v in (statistics or {}).items()}
        sums, total = [], size * parts.of_parameters
        for f, g in parts.terms:
            value = given.pop(g, None)
            if value is None:
                value = Symbol(f"S_{len(sums) + 1}", **({"positive": True} if g.is_positive else {"real": True}))
            sums.append((value, g))
            total += f * value
        constant, varying = parts.of_sample.as_independent(*y, as_Add=True)
        total += size * constant
        if varying != 0:
            value = given.pop(varying, None)
            if value is None:
                value = Symbol(f"S_{len(sums) + 1}", real=True)
            sums.append((value, varying))
            total += value
        if given:
            raise DataError(f"{list(given)} are no sufficient statistics; these are {[g for _, g in sums]}")
    log_weight = sympy.expand_log(sympy.log(prior), force=True) + total
    named = _named(log_weight, theta, model, bounds)
    return Posterior(model, prior, size, tuple(sums), sympy.expand(total), bounds, named)


def _named(log_weight: Expr, theta: tuple[Symbol, ...], model: Any, bounds: Limits) -> Named | None:
    try:
        found = recognise(log_weight, theta)
    except ImproperDensity:
        if all(a.is_infinite and b.is_infinite for _, a, b in bounds) or any(p.is_positive for p in theta):
            raise
        return None  # a bounded interval may still normalise it
    if found is None or not _fits(found[0], bounds):
        return None
    return found[0]


def _fits(named: Named, bounds: Limits) -> bool:
    """Whether the limits are those of the named family: a truncated one has another normaliser."""
    for p, a, b in bounds:
        expected = (0, sympy.oo) if p.is_positive else (-sympy.oo, sympy.oo)
        if named.name in ("beta", "Dirichlet"):
            if a != 0 or b == sympy.oo:
                return named.name == "beta" and (a, b) == (0, sympy.oo)
        elif named.name != "inverse-Wishart" and (a, b) != expected:
            return False
    return True


def _total(log_weight: Expr, theta: tuple[Symbol, ...], bounds: Limits, what: str) -> Expr:
    """The integral of exp(log_weight)."""
    found = None
    try:
        found = recognise(log_weight, theta)
    except ImproperDensity as error:
        if all(a.is_infinite and b.is_infinite for _, a, b in bounds) or any(p.is_positive for p in theta):
            raise ImproperDensity(f"{what} is improper: {error}") from None
    if found is not None and _fits(found[0], bounds):
        return found[1] * found[0].normaliser
    total = integrate_over(_exponential(log_weight, theta), bounds, _INTEGRAL_SECONDS)
    if total in (sympy.oo, sympy.zoo, sympy.nan) or total == 0:
        raise ImproperDensity(f"{what} is improper: its integral is {total}; give a proper prior, or more data")
    return total


def _row(model: Any, y: tuple[Symbol, ...], k: int, row: Any) -> tuple[Expr, ...]:
    values = tuple(row) if isinstance(row, (tuple, list, sympy.Tuple, sympy.MatrixBase)) else (row,)
    if len(values) != len(y):
        raise DataError(f"observation {k} has {len(values)} coordinates, the sample is {list(y)}")
    values = tuple(sympy.nsimplify(v) if isinstance(v, float) else sympy.sympify(v) for v in values)
    support = model.support
    sets = support if isinstance(support, (tuple, list)) else (support,) * len(y)
    for s, v in zip(sets, values):
        if isinstance(s, sympy.Set) and s.contains(v) == sympy.false:
            raise DataError(f"observation {k} is {v}, outside the support {s}")
        if isinstance(s, (tuple, list, sympy.Tuple)):
            here = dict(zip(y, values))
            lower, upper = (sympy.sympify(e).subs(here) for e in s[1:])
            value = here[s[0]]
            if (value - lower).is_negative or (upper - value).is_negative:
                raise DataError(f"observation {k} has {s[0]} = {value}, outside ({lower}, {upper})")
    return values


def _sums(model: Any, rows: Sequence[tuple[Expr, ...]]) -> list[tuple[Expr, Expr]]:
    """Sums of the sufficient statistics, where there are such."""
    from symrg.errors import NotExponentialFamily

    y = tuple(model.sample)
    try:
        parts = separate(model.log_density, y, tuple(model.parameters))
    except NotExponentialFamily:
        return []
    return [(sympy.Add(*(g.subs(dict(zip(y, row)), simultaneous=True) for row in rows)), g) for _, g in parts.terms]


def identifiable(model: Any, budget: float | Budget | None = None) -> None:
    """Refuse a model whose Fisher metric is singular.

    Raises:
        UnidentifiableModel: the message names the directions that data cannot see, and what they do see.
    """
    if not isinstance(model.parameters, tuple):
        raise InvalidModel("expected a StatisticalModel")
    metric = model.fisher_metric(budget=budget)
    if sympy.simplify(metric.det()) == 0:
        directions = [list(v) for v in metric.nullspace()]
        raise UnidentifiableModel(
            f"the Fisher metric is singular along {directions} in {list(model.parameters)}: the posterior there is the "
            "prior; a proper prior still gives a proper posterior"
        )
