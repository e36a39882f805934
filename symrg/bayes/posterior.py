"""Posterior, predictive density and evidence from a prior and data: equation (13).

Data come as numbers, or as sufficient statistics of n observations that stay symbols. Where the posterior has a named
form its normaliser is known; otherwise the integral is looked for, and stays an Integral where there is no closed form:
`at` then gives evidence, moments and predictive densities as numbers with their errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy
from sympy import Expr, ImmutableMatrix, Integral, Sum, Symbol

from symrg.bayes.conjugate import Named, recognise, separate
from symrg.bayes.dynamical import _exponential, _prior
from symrg.bayes.parameter_space import (
    Limits,
    check_sign,
    grows_outward,
    integrate_over,
    limits_of,
    require_model,
    within_support,
)
from symrg.budget import Budget
from symrg.errors import DataError, ImproperDensity, InvalidModel, IrregularModel, UnidentifiableModel
from symrg.typesetting import Typeset, latex

if TYPE_CHECKING:
    from symrg.bayes.numbers import PosteriorNumbers
    from symrg.fisher_numeric import Estimate

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
        return value if value.has(Integral, Sum) else sympy.simplify(value)

    def predictive(self) -> Expr:
        """The density of the next observation, as a function of the model's sample."""
        log_next = self.log_weight + self.model.log_density
        top = _total(log_next, self.parameters, self.limits, "the posterior")
        bottom = _total(self.log_weight, self.parameters, self.limits, "the posterior")
        value = top / bottom
        return value if value.has(Integral, Sum) else sympy.gammasimp(sympy.simplify(sympy.powsimp(value)))

    def expectation(self, expression: Any, budget: float | Budget | None = None) -> Expr:
        """E[expression] over the posterior, closed where it is found, else with an Integral."""
        expression = sympy.sympify(expression, strict=True)
        value = self._by_normalisers(expression)
        if value is None:
            value = integrate_over(self.density, self.limits, budget, expression)
        return value if value.has(Integral, Sum) else sympy.simplify(sympy.gammasimp(value))

    def _by_normalisers(self, expression: Expr) -> Expr | None:
        """E[expression] where each term only shifts the hyperparameters: a ratio of normalisers."""
        if self.named is None:
            return None
        total, theta = sympy.S.Zero, self.parameters
        found = recognise(self.log_weight, theta, self.limits)
        for term in sympy.Add.make_args(sympy.expand(expression)):
            outer, inner = term.as_independent(*theta, as_Add=False)
            if inner == 1:
                total += outer
                continue
            try:
                raised = recognise(self.log_weight + sympy.log(inner), theta, self.limits)
            except ImproperDensity as error:
                raise ImproperDensity(f"the posterior has no finite mean of {inner}: {error}") from None
            if raised is None or found is None or raised[0].name != found[0].name:
                return None
            total += outer * raised[1] * raised[0].normaliser / (found[1] * found[0].normaliser)
        return total

    @property
    def mean(self) -> ImmutableMatrix:
        """E[theta^i], n x 1.

        Raises:
            ImproperDensity: one of them is infinite.
        """
        known = {}
        if self.named is not None and self.named.name.startswith(("normal-inverse-gamma", "normal-gamma")):
            if (2 * self.named["shape"] - 1).is_nonpositive:
                raise ImproperDensity(f"the posterior has no mean: its shape is {self.named['shape']}, not above 1/2")
            lower = {p: a for p, a, _ in self.limits}
            places = [p for p in self.parameters if lower[p] == -sympy.oo]
            centre = self.named["mean"]
            known = dict(zip(places, centre if isinstance(centre, sympy.MatrixBase) else [centre]))
        return ImmutableMatrix([known[p] if p in known else self.expectation(p) for p in self.parameters])

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

    def at(self, values: Mapping[Any, Any] | None = None) -> PosteriorNumbers:
        """Evidence, moments, density and predictive density as numbers with errors; see `numbers.posterior_numbers`.

        Args:
            values: symbol -> number, for every symbol other than the parameters.

        Raises:
            UndefinedSymbol: a symbol has no value.
            ImproperDensity: the posterior does not normalise.
            InvalidModel: more than three parameters, or one that is counted or listed.
        """
        from symrg.bayes.numbers import posterior_numbers

        return posterior_numbers(self, values)

    def evidence_at(self, values: Mapping[Any, Any] | None = None) -> Estimate:
        """The evidence as a number with its error; see `at`."""
        return self.at(values).evidence

    def mean_at(self, values: Mapping[Any, Any] | None = None) -> Estimate:
        """E[theta^i] as numbers with their errors, n x 1; see `at`."""
        return self.at(values).mean

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
        limits: parameter -> (lower, upper), or a FiniteSet of values for a prior on hypotheses; an integer parameter
            is summed over.
        budget: seconds for the whole call.

    Returns:
        Posterior. Where the support moves with a parameter, the data narrow the limits of that parameter.

    Raises:
        DataError: an observation is outside the support or has the wrong number of coordinates.
        IrregularModel: the support moves with a parameter and the data are no numbers.
        InvalidModel: the prior is negative somewhere within the limits.
        NotExponentialFamily: `data` is left out and there are no sufficient statistics.
        ImproperDensity: the posterior does not normalise; where the data cannot see a direction it is named.
    """
    budget = Budget.of(budget)
    require_model(model)
    theta, y = tuple(model.parameters), tuple(model.sample)
    prior = _prior(prior, theta, y)
    bounds = limits_of(theta, tuple(getattr(model, "domain", ()) or ()), limits)
    check_sign(prior, bounds)
    if data is not None:
        if count is not None or statistics is not None:
            raise DataError("give either data, or count and statistics, not both")
        if isinstance(data, (str, bytes)) or not isinstance(data, Iterable):
            raise DataError(f"data are a sequence of observations, data=[y_1, ..]; given {data!r}")
        rows = [_row(model, y, k, row) for k, row in enumerate(data)]
        bounds = within_support(model, rows, bounds)
        total = sympy.Add(*(model.log_density.subs(dict(zip(y, row)), simultaneous=True) for row in rows))
        size: Expr = sympy.Integer(len(rows))
        sums = _sums(model, rows)
    else:
        if moving := set().union(*(s.free_symbols for s in _sets(model, y))) & set(theta):
            raise IrregularModel(
                f"the support moves with {sorted(moving, key=str)}, so that no sums of statistics are enough: give the "
                "data as numbers, data=[..]"
            )
        taken = {s.name for s in (*theta, *model.log_density.free_symbols, *prior.free_symbols)}
        name = next(c for c in ("n", "N", "n_obs") if c not in taken)
        size = Symbol(name, integer=True, positive=True) if count is None else sympy.sympify(count, strict=True)
        if size.is_nonnegative is False or size.is_integer is False:
            raise DataError(f"count is a number of observations, a whole number from 0; given {size}")
        parts = separate(model.log_density, y, theta)
        given = {
            sympy.expand(sympy.sympify(k, strict=True)): sympy.sympify(v, strict=True)
            for k, v in (statistics or {}).items()
        }
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
        _possible(sums, size, model, y)
    log_weight = sympy.expand_log(sympy.log(prior), force=True) + total
    named = _named(log_weight, theta, bounds)
    return Posterior(model, prior, size, tuple(sums), sympy.expand(total), bounds, named)


def _named(log_weight: Expr, theta: tuple[Symbol, ...], bounds: Limits) -> Named | None:
    found = recognise(log_weight, theta, bounds)
    return None if found is None else found[0]


def _total(log_weight: Expr, theta: tuple[Symbol, ...], bounds: Limits, what: str) -> Expr:
    """The integral of exp(log_weight)."""
    try:
        found = recognise(log_weight, theta, bounds)
    except ImproperDensity as error:
        raise ImproperDensity(f"{what} is improper: {error}") from None
    if found is not None:
        return found[1] * found[0].normaliser
    total = integrate_over(_exponential(log_weight, theta), bounds, _INTEGRAL_SECONDS)
    if total in (sympy.oo, sympy.zoo, sympy.nan) or total == 0:
        raise ImproperDensity(f"{what} is improper: its integral is {total}; give a proper prior, or more data")
    if total.has(Integral) and (ray := grows_outward(log_weight, bounds)) is not None:
        raise ImproperDensity(f"{what} is improper: it grows without bound along {ray}; give a proper prior")
    return total


def _row(model: Any, y: tuple[Symbol, ...], k: int, row: Any) -> tuple[Expr, ...]:
    values = tuple(row) if isinstance(row, (tuple, list, sympy.Tuple, sympy.MatrixBase)) else (row,)
    if len(values) != len(y):
        raise DataError(f"observation {k} has {len(values)} coordinates, the sample is {list(y)}")
    try:
        values = tuple(sympy.nsimplify(v) if isinstance(v, float) else sympy.sympify(v, strict=True) for v in values)
    except sympy.SympifyError:
        raise DataError(f"observation {k} is {row!r}, expected numbers or expressions") from None
    for s, v in zip(_sets(model, y), values):
        if isinstance(s, sympy.Set) and s.contains(v) == sympy.false:
            raise DataError(f"observation {k} is {v}, outside the support {s}")
        if isinstance(s, sympy.Tuple):
            here = dict(zip(y, values))
            lower, upper = (sympy.sympify(e, strict=True).subs(here) for e in s[1:])
            value = here[s[0]]
            if (value - lower).is_negative or (upper - value).is_negative:
                raise DataError(f"observation {k} has {s[0]} = {value}, outside ({lower}, {upper})")
    return values


def _possible(sums: Sequence[tuple[Expr, Expr]], count: Expr, model: Any, y: tuple[Symbol, ...]) -> None:
    """Refuse sums of statistics that no `count` observations have.

    Raises:
        DataError: the message names the bound that is broken.
    """
    value_of: dict[Expr, Expr] = {}
    for value, g in sums:
        factor, core = g.as_independent(*y, as_Add=False)
        value_of[core] = value / factor
    supports = dict(zip(y, _sets(model, y)))
    for core, value in value_of.items():
        if value.is_negative and core.is_nonnegative:
            raise DataError(f"the sum of {core} over the data is {value}, but no term of it is negative")
        support = supports.get(core, sympy.S.Reals)
        fixed = isinstance(support, sympy.Set) and not support.is_empty and not support.free_symbols
        if fixed and ((value - count * support.inf).is_negative or (count * support.sup - value).is_negative):
            raise DataError(f"the sum of {core} over {count} observations is {value}, impossible on {support}")
        square = value_of.get(core**2)
        if square is not None and (count * square - value**2).is_negative:
            raise DataError(
                f"the sums {value} of {core} and {square} of its square do not fit: {count} * {square} is below the "
                f"square of {value}"
            )


def _sets(model: Any, y: tuple[Symbol, ...]) -> tuple[Any, ...]:
    """The support of each coordinate: a Set, or a Tuple (symbol, lower, upper)."""
    support = model.support
    sets = support if isinstance(support, (tuple, list)) else (support,) * len(y)
    return tuple(sympy.Tuple(*s) if isinstance(s, (tuple, list)) else s for s in sets)


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
