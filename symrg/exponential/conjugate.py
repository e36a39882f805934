"""Conjugate priors exp(chi . eta - nu psi(eta)) of an exponential family (Diaconis and Ylvisaker 1979)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy import S

from symrg.budget import Budget
from symrg.errors import InvalidModel, NoClosedForm
from symrg.exponential.family import ExponentialFamily, _sequence
from symrg.exponential.mass import total_mass
from symrg.short_form import short_form
from symrg.support import Axis
from symrg.typesetting import Typeset, latex

Limit = float | Budget | None


@dataclass(frozen=True, eq=False)
class ConjugatePrior(Typeset):
    """A density over the natural parameters proportional to exp(chi . eta - nu psi(eta)).

    Attributes:
        family: the exponential family.
        chi: one hyperparameter for each statistic, a sum of statistics.
        nu: the hyperparameter that counts observations.
    """

    family: ExponentialFamily
    chi: tuple[sp.Expr, ...]
    nu: sp.Expr

    def __post_init__(self) -> None:
        if len(self.chi) != self.family.dimension:
            raise InvalidModel(f"chi needs {self.family.dimension} entries, given {len(self.chi)}")

    @property
    def hyperparameters(self) -> tuple[sp.Expr, ...]:
        """(chi_1, .., chi_k, nu)."""
        return (*self.chi, self.nu)

    @property
    def log_density(self) -> sp.Expr:
        """chi . eta - nu psi(eta), not normalised."""
        pairs = zip(self.chi, self.family.natural_parameters)
        return sum((c * e for c, e in pairs), -self.nu * self.family.log_partition)

    def density(self, budget: Limit = None) -> sp.Expr:
        """The normalised density with respect to d eta.

        Raises:
            NoClosedForm: its normalisation has none within the budget.
        """
        return sp.exp(self.log_density) / self.normalisation(budget)

    def normalisation(self, budget: Limit = None) -> sp.Expr:
        """Z(chi, nu) = int exp(chi . eta - nu psi(eta)) d eta over the natural parameters."""
        chi, nu = self._symbols()
        mass = self._mass(chi, nu, Budget.of(budget))
        return mass.subs({**dict(zip(chi, self.chi)), nu: self.nu}, simultaneous=True)

    def _symbols(self) -> tuple[tuple[sp.Symbol, ...], sp.Symbol]:
        return tuple(sp.Symbol(f"_chi{k}", real=True) for k in range(len(self.chi))), sp.Symbol("_nu", positive=True)

    def _mass(self, chi: Sequence[sp.Symbol], nu: sp.Symbol, budget: Budget) -> sp.Expr:
        known = self.family._cache
        if "prior mass" not in known:
            charts = [self._natural_chart, self._parameter_chart]
            if self.family.domain and self.family.parameters != self.family.natural_parameters:
                charts.reverse()
            for chart in charts:
                found = chart(chi, nu, budget)
                if found is None:
                    continue
                share = Budget(max(budget.remaining * 0.6, 0.01))
                try:
                    known["prior mass"] = sp.powsimp(total_mass(found[0], found[1], share))
                    break
                except NoClosedForm:
                    budget.attempts += share.attempts
            else:
                raise budget.no_closed_form("the normalisation of the conjugate prior")
        return known["prior mass"]

    def _natural_chart(self, chi: Sequence[sp.Symbol], nu: sp.Symbol, budget: Budget) -> Any:
        eta, psi = self.family.natural_parameters, self.family.log_partition
        axes = [Axis(e, *_limits(e, self.family._natural_domain())) for e in eta]
        return sum((c * e for c, e in zip(chi, eta)), -nu * psi), axes

    def _parameter_chart(self, chi: Sequence[sp.Symbol], nu: sp.Symbol, budget: Budget) -> Any:
        family = self.family
        if family.parameters == family.natural_parameters or family.curved or family._given is None:
            return None
        psi = family._given.subs(family.natural_map, simultaneous=True)
        jacobian = family._jacobian().det()
        place = {x: sp.Rational(1, 3 + k) for k, x in enumerate(family.parameters)}
        if sp.N(jacobian.subs(place)).is_negative:
            jacobian = -jacobian
        exponent = sum((c * e for c, e in zip(chi, family.natural_map.values())), -nu * psi)
        axes = [Axis(x, *_limits(x, family.domain)) for x in family.parameters]
        log_density = sp.expand_log(exponent + sp.log(sp.factor(jacobian)), force=True)
        return sp.expand(log_density), axes

    def posterior(self, statistic_sum: Any, count: Any) -> ConjugatePrior:
        """After `count` observations whose statistics add up to `statistic_sum`: chi + sum, nu + count."""
        added = tuple(sp.sympify(s, strict=True) for s in _sequence(statistic_sum))
        if len(added) != len(self.chi):
            raise InvalidModel(f"statistic_sum needs {len(self.chi)} entries, given {len(added)}: {statistic_sum}")
        return ConjugatePrior(
            self.family, tuple(c + s for c, s in zip(self.chi, added)), self.nu + sp.sympify(count, strict=True)
        )

    def predictive(self, budget: Limit = None) -> sp.Expr:
        """p(y) = h(y) Z(chi + q(y), nu + 1) / Z(chi, nu), the density of the next observation."""
        left = Budget.of(budget)
        below = self.normalisation(left)
        above = self.posterior(self.family.statistics, 1).normalisation(left)
        return _quotient(self.family.carrier * above / below)

    def mean(self) -> tuple[sp.Expr, ...]:
        """E[m] = chi / nu, the prior mean of the mean parameters, where the prior vanishes on the boundary."""
        return tuple(c / self.nu for c in self.chi)

    def latex(self) -> str:
        """LaTeX of the density up to normalisation."""
        return rf"\propto \exp\left({latex(self.log_density)}\right)"


def _limits(symbol: sp.Symbol, domain: Sequence[Any]) -> tuple[sp.Expr, sp.Expr]:
    """The interval of a symbol by its assumptions and the relationals that bound it alone."""
    lower = S.Zero if symbol.is_nonnegative or symbol.is_positive else -S.Infinity
    upper = S.Zero if symbol.is_nonpositive or symbol.is_negative else S.Infinity
    for relation in domain:
        if relation.free_symbols == {symbol} and isinstance(relation, (sp.Lt, sp.Le, sp.Gt, sp.Ge)):
            bound = relation.as_set()
            lower, upper = sp.Max(lower, bound.inf), sp.Min(upper, bound.sup)
    return lower, upper


def _quotient(e: sp.Expr) -> sp.Expr:
    simple = sp.gammasimp(sp.powsimp(e)) if e.has(sp.gamma, sp.beta) else sp.powsimp(e)
    return min((simple, short_form(e)), key=sp.count_ops)
