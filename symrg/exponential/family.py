"""Exponential families in natural coordinates: potentials, duality, divergence, estimation (Barndorff-Nielsen 1978).

p(y|eta) = h(y) exp(eta . q(y) - psi(eta)). The log-partition psi generates the cumulants of q; m = grad psi are the
mean parameters; phi(m) = eta . m - psi is the dual potential (Amari, Information Geometry, 2016, ch. 2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy import S

from symrg.budget import Budget
from symrg.errors import InvalidModel, NotExponentialFamily, UnidentifiableModel
from symrg.exponential.mass import total_mass, trial_points
from symrg.short_form import short_form
from symrg.support import Axis, axes_of
from symrg.typesetting import Typeset, latex

if TYPE_CHECKING:
    from symrg.exponential.conjugate import ConjugatePrior
    from symrg.manifold import Manifold

Limit = float | Budget | None


@dataclass(frozen=True)
class CramerRao(Typeset):
    """The Cramer-Rao bound for one estimand from `count` observations.

    Attributes:
        bound: the least variance of an unbiased estimator.
        attained: whether some estimator attains it: exactly where the estimand is affine in the mean parameters.
        estimator: that estimator in the mean statistics `family.mean_symbols`, or None.
    """

    bound: sp.Expr
    attained: bool
    estimator: sp.Expr | None

    def latex(self) -> str:
        """LaTeX of the inequality."""
        return rf"\operatorname{{Var}} {'=' if self.attained else chr(92) + 'geq'} {latex(self.bound)}"


class ExponentialFamily(Typeset):
    """h(y) exp(eta . q(y) - psi(eta)) on a sample space.

    Args:
        statistics: q_k(y), one expression or a sequence.
        sample: Symbol or tuple of Symbols.
        natural_parameters: eta_k. Symbols are the coordinates; expressions in other parameters are kept as the map
            from those, and symbols eta_k take their place.
        log_partition: psi in the natural parameters or in those other parameters; None derives it from the carrier.
        carrier: h(y).
        support: as for `StatisticalModel`.
        parameters: order of the parameters in which `natural_parameters` is written.
        domain: relationals that the parameters obey beyond their assumptions.
        budget: seconds for what the constructor must solve.
    """

    def __init__(
        self,
        statistics: Any,
        sample: Any,
        natural_parameters: Any,
        log_partition: Any = None,
        carrier: Any = 1,
        support: Any = S.Reals,
        *,
        parameters: Sequence[sp.Symbol] | None = None,
        domain: Iterable[Any] = (),
        budget: Limit = None,
    ):
        self.statistics = tuple(sp.sympify(q, strict=True) for q in _sequence(statistics))
        self.sample = tuple(_sequence(sample))
        self.carrier = sp.sympify(carrier, strict=True)
        self.support = support
        self.domain = tuple(domain)
        given = tuple(sp.sympify(e, strict=True) for e in _sequence(natural_parameters))
        if not all(isinstance(y, sp.Symbol) for y in self.sample):
            raise InvalidModel(f"the sample {self.sample} must consist of Symbols")
        if len(given) != len(self.statistics):
            raise InvalidModel(f"{len(self.statistics)} statistics need as many natural parameters; given {len(given)}")
        if any(e.free_symbols & set(self.sample) for e in given):
            raise InvalidModel(f"natural parameters {given} depend on the sample {self.sample}")
        self.axes: tuple[Axis, ...] = axes_of(self.sample, support)
        if all(e.is_Symbol for e in given) and len(set(given)) == len(given) and not parameters:
            self.natural_parameters: tuple[sp.Symbol, ...] = given
            self.parameters: tuple[sp.Symbol, ...] = given
            self.natural_map = dict(zip(given, given))
        else:
            free = set().union(*(e.free_symbols for e in given))
            self.parameters = tuple(parameters or sorted(free, key=lambda s: s.name))
            taken = {s.name for s in free | self.carrier.free_symbols | set(self.sample)}
            self.natural_parameters = _fresh(given, taken, self.parameters, self.domain)
            self.natural_map = dict(zip(self.natural_parameters, given))
        self.mean_symbols = tuple(
            sp.Symbol("m" if len(given) == 1 else f"m_{k + 1}", real=True) for k in range(len(given))
        )
        self._cache: dict[Any, Any] = {}
        self._given = None if log_partition is None else sp.sympify(log_partition, strict=True)
        self._budget = budget

    # ------------------------------------------------------------------ shape of the family

    @property
    def dimension(self) -> int:
        """Number of natural parameters, the order of the family."""
        return len(self.statistics)

    @property
    def curved(self) -> bool:
        """Whether the parameters reach only a curved subset of the natural parameter space."""
        if self.parameters == self.natural_parameters:
            return False
        return self._rank() < self.dimension

    @property
    def identifiable(self) -> bool:
        """Whether the natural parameters tell all parameters apart, locally."""
        return self.parameters == self.natural_parameters or self._rank() == len(self.parameters)

    def _rank(self) -> int:
        if "rank" not in self._cache:
            jacobian = self._jacobian()
            points = trial_points(self._symbols(jacobian), self.domain)[:4]
            self._cache["rank"] = max((_rank_at(jacobian, p) for p in points), default=jacobian.rank())
        return self._cache["rank"]

    def _symbols(self, e: Any) -> list[sp.Symbol]:
        return sorted(set(self.parameters) | e.free_symbols, key=lambda s: s.name)

    def _jacobian(self) -> sp.Matrix:
        """[a, i] = d eta_a / d theta_i."""
        return sp.Matrix([[sp.diff(e, x) for x in self.parameters] for e in self.natural_map.values()])

    def parameters_from_natural(self, budget: Limit = None) -> dict[sp.Symbol, sp.Expr] | None:
        """theta in the natural parameters, or None where no closed form was found or the family is curved."""
        if self.parameters == self.natural_parameters:
            return {x: x for x in self.parameters}
        if "inverse" not in self._cache:
            self._cache["inverse"] = None
            if not self.curved and self.identifiable:
                left = Budget.of(budget)
                self._cache["inverse"] = left.attempt("natural parameters inverted", self._invert, left, share=0.5)
        return self._cache["inverse"]

    def _invert(self, budget: Budget) -> dict[sp.Symbol, sp.Expr] | None:
        stand_in = {x: sp.Symbol(f"theta_{k}") for k, x in enumerate(self.parameters)}
        equations = [e.xreplace(stand_in) - eta for eta, e in self.natural_map.items()]
        found = sp.solve(equations, list(stand_in.values()), dict=True)
        back = {v: x for x, v in stand_in.items()}
        points = trial_points(self._symbols(sp.Tuple(*self.natural_map.values())), self.domain)[:3]
        for solution in found:
            inverse = {back[v]: short_form(e) for v, e in solution.items()}
            if set(inverse) == set(self.parameters) and all(self._inverts(inverse, p) for p in points):
                return inverse
        return None

    def _inverts(self, inverse: Mapping[sp.Symbol, sp.Expr], point: dict[sp.Symbol, sp.Expr]) -> bool:
        image = {eta: e.subs(point) for eta, e in self.natural_map.items()}
        return all(abs(sp.N(e.subs(image).subs(point) - point[x])) < 1e-9 for x, e in inverse.items())

    # ------------------------------------------------------------------ potentials

    @property
    def log_partition(self) -> sp.Expr:
        """psi in the natural parameters.

        Raises:
            NoClosedForm: it was not given, and its integral has no closed form within the budget.
        """
        if "psi" not in self._cache:
            self._cache["psi"] = self._find_log_partition(Budget.of(self._budget))
        return self._cache["psi"]

    def _find_log_partition(self, budget: Budget) -> sp.Expr:
        if self._given is not None:
            if not self._given.free_symbols & (set(self.parameters) - set(self.natural_parameters)):
                return self._given
            inverse = self.parameters_from_natural(budget)
            if inverse is not None:
                substituted = self._given.subs(inverse, simultaneous=True)
                return short_form(substituted)
        exponent = sum((e * q for e, q in zip(self.natural_parameters, self.statistics)), sp.log(self.carrier))
        mass = total_mass(sp.expand_log(exponent, force=True), self.axes, budget, self._natural_domain())
        return short_form(sp.log(mass))

    @property
    def log_partition_of_parameters(self) -> sp.Expr:
        """psi in the parameters that the family was written in."""
        if self._given is not None:
            return self._given.subs(self.natural_map, simultaneous=True)
        return self.log_partition.subs(self.natural_map, simultaneous=True)

    def _natural_domain(self) -> tuple[Any, ...]:
        known = set(self.natural_parameters)
        return tuple(r for r in self.domain if r.free_symbols <= known | self._constants())

    def _constants(self) -> set[sp.Symbol]:
        everything = self.carrier.free_symbols.union(*(q.free_symbols for q in self.statistics))
        return everything - set(self.sample)

    def _chart(self, budget: Limit) -> tuple[tuple[sp.Symbol, ...], sp.Expr, sp.Matrix | None]:
        """(coordinates x, psi(x), d x / d eta as a matrix [i, a], None for the natural coordinates themselves)."""
        if self._given is not None and self.parameters != self.natural_parameters:
            in_natural = not self._given.free_symbols & set(self.parameters)
            if not in_natural and self.parameters_from_natural(budget) is None and not self.curved:
                if not self.identifiable:
                    raise UnidentifiableModel(
                        f"the natural parameters do not determine all of {self.parameters}; reparametrise by fewer"
                    )
                return self.parameters, self._given, self._jacobian().inv()
        return self.natural_parameters, self.log_partition, None

    def _derivatives(self, values: Sequence[sp.Expr], budget: Limit) -> list[list[sp.Expr]]:
        """[r][a] = d values_r / d eta_a, in the chart's coordinates."""
        x, _, inverse = self._chart(budget)
        rows = [[sp.diff(v, c) for c in x] for v in values]
        if inverse is None:
            return rows
        return [
            [short_form(sum(r * inverse[i, a] for i, r in enumerate(row))) for a in range(self.dimension)]
            for row in rows
        ]

    def mean_parameters(self, budget: Limit = None) -> tuple[sp.Expr, ...]:
        """m_a = E[q_a] = d psi / d eta_a."""
        _, psi, _ = self._chart(budget)
        return tuple(short_form(e) for e in self._derivatives([psi], budget)[0])

    def fisher_metric(self, budget: Limit = None) -> sp.ImmutableMatrix:
        """I_ab = d_a d_b psi in the natural coordinates, the covariance of the statistics."""
        return sp.ImmutableMatrix(self._derivatives(self.mean_parameters(budget), budget)).applyfunc(short_form)

    def cumulant(self, n: int | Sequence[int], budget: Limit = None) -> Any:
        """Joint cumulants of the statistics.

        Args:
            n: an order, or a multi-index (n_1, .., n_k) of how often each statistic occurs.
            budget: seconds, for the whole call.

        Returns:
            For a multi-index, and for an order in a family of one statistic, an Expr; else an array of rank n.
        """
        _, psi, inverse = self._chart(budget)
        if isinstance(n, int):
            if n < 1:
                raise InvalidModel(f"cumulants have orders 1, 2, ...; given {n}")
            if self.dimension > 1:
                k, known = self.dimension, {}
                flat = []
                for index in product(range(k), repeat=n):
                    multi = tuple(index.count(a) for a in range(k))
                    if multi not in known:
                        known[multi] = self.cumulant(multi, budget)
                    flat.append(known[multi])
                return sp.ImmutableDenseNDimArray(flat, (k,) * n)
            n = (n,)
        index = tuple(n)
        if len(index) != self.dimension or min(index) < 0 or sum(index) == 0:
            raise InvalidModel(f"the multi-index {index} must hold {self.dimension} counts, not all zero")
        value = psi
        for a, times in enumerate(index):
            for _ in range(times):
                if inverse is None:
                    value = sp.diff(value, self.natural_parameters[a])
                else:
                    value = self._derivatives([value], budget)[0][a]
        return short_form(value)

    def natural_from_mean(self, budget: Limit = None) -> dict[sp.Symbol, sp.Expr]:
        """eta in the mean parameters `mean_symbols`.

        Raises:
            NoClosedForm: grad psi = m has no closed solution.
        """
        if "from_mean" not in self._cache:
            left = Budget.of(budget)
            found = left.attempt("grad psi = m solved", self._solve_means)
            if found is None:
                raise left.no_closed_form(f"the natural parameters of mean {self.mean_symbols}")
            self._cache["from_mean"] = found
        return self._cache["from_mean"]

    def _solve_means(self) -> dict[sp.Symbol, sp.Expr] | None:
        means = [sp.diff(self.log_partition, eta) for eta in self.natural_parameters]
        loose = {eta: sp.Symbol(f"eta_{k}") for k, eta in enumerate(self.natural_parameters)}
        equations = [sp.together(m.xreplace(loose)) - c for m, c in zip(means, self.mean_symbols)]
        found = sp.solve(equations, list(loose.values()), dict=True)
        back = {v: x for x, v in loose.items()}
        symbols = sorted(self.log_partition.free_symbols | set(self.natural_parameters), key=lambda s: s.name)
        for solution in found:
            inverse = {back[v]: sp.simplify(e) for v, e in solution.items()}
            if set(inverse) == set(self.natural_parameters) and self._inverts_means(inverse, means, symbols):
                return inverse
        return None

    def _inverts_means(
        self, inverse: Mapping[sp.Symbol, sp.Expr], means: Sequence[sp.Expr], symbols: Sequence[sp.Symbol]
    ) -> bool:
        checked = 0
        for point in trial_points(symbols, self._natural_domain()):
            if not sp.N(self.log_partition.subs(point)).is_real:
                continue
            values = [sp.N(m.subs(point)) for m in means]
            if not all(v.is_real for v in values):
                continue
            image = dict(zip(self.mean_symbols, values))
            if any(abs(sp.N(e.subs(image).subs(point) - point[eta])) > 1e-8 for eta, e in inverse.items()):
                return False
            checked += 1
            if checked == 3:
                return True
        return checked > 0

    def dual_potential(self, budget: Limit = None) -> sp.Expr:
        """phi(m) = eta . m - psi in the mean parameters `mean_symbols`: the Legendre transform of psi.

        Raises:
            NoClosedForm: the natural parameters are no closed function of the mean parameters.
        """
        inverse = self.natural_from_mean(budget)
        pairing = sum((inverse[eta] * m for eta, m in zip(self.natural_parameters, self.mean_symbols)), S.Zero)
        return short_form(pairing - self.log_partition.subs(inverse, simultaneous=True))

    # ------------------------------------------------------------------ divergence

    def kl_divergence(self, other: Any, first: Any = None) -> sp.Expr:
        """D(eta || eta') = psi(eta') - psi(eta) - (eta' - eta) . grad psi(eta): a Bregman divergence.

        Args:
            other: natural parameters eta', a tuple in their order or a mapping.
            first: eta, the family's own symbols where it is None.
        """
        psi, means = self.log_partition, [sp.diff(self.log_partition, e) for e in self.natural_parameters]
        start, end = (self._point(first) if first is not None else {}), self._point(other)
        full = {e: start.get(e, e) for e in self.natural_parameters}
        gap = sum(((end[e] - full[e]) * m.subs(full, simultaneous=True) for e, m in zip(full, means)), S.Zero)
        return short_form(psi.subs(end, simultaneous=True) - psi.subs(full, simultaneous=True) - gap)

    def _point(self, values: Any) -> dict[sp.Symbol, sp.Expr]:
        if isinstance(values, Mapping):
            return {e: sp.sympify(values.get(e, e), strict=True) for e in self.natural_parameters}
        listed = [sp.sympify(v, strict=True) for v in _sequence(values)]
        if len(listed) != self.dimension:
            raise InvalidModel(f"{self.dimension} natural parameters expected, given {len(listed)}: {values}")
        return dict(zip(self.natural_parameters, listed))

    def pythagorean_defect(self, p: Any, q: Any, r: Any) -> sp.Expr:
        """D(p||r) - D(p||q) - D(q||r) = (m_p - m_q) . (eta_q - eta_r).

        It vanishes where the m-geodesic from p to q meets the e-geodesic from q to r at a right angle.
        """
        points = [self._point(x) for x in (p, q, r)]
        means = [[sp.diff(self.log_partition, e).subs(x, simultaneous=True) for e in x] for x in points]
        return sp.Add(
            *(
                (means[0][a] - means[1][a]) * (points[1][e] - points[2][e])
                for a, e in enumerate(self.natural_parameters)
            )
        )

    def project(
        self, point: Any, subfamily: Mapping[sp.Symbol, Any], free: Sequence[sp.Symbol], budget: Limit = None
    ) -> Any:
        """The m-projection of a point on the e-flat subfamily eta = subfamily(free), affine in `free`.

        It minimises D(point || .) there and is unique (Amari 2016, theorem 1.3).

        Returns:
            The natural parameters of the projection, as a mapping.
        """
        start = self._point(point)
        image = {e: sp.sympify(subfamily.get(e, e), strict=True) for e in self.natural_parameters}
        directions = [[sp.diff(image[e], u) for e in self.natural_parameters] for u in free]
        if any(d.free_symbols & set(free) for row in directions for d in row):
            raise InvalidModel(f"{dict(subfamily)} is not affine in {tuple(free)}: not an e-flat subfamily")
        means = [sp.diff(self.log_partition, e) for e in self.natural_parameters]
        gap = [m.subs(start, simultaneous=True) - m.subs(image, simultaneous=True) for m in means]
        equations = [sp.Add(*(d * g for d, g in zip(row, gap))) for row in directions]
        left = Budget.of(budget)
        found = left.attempt("projection solved", lambda: sp.solve(equations, list(free), dict=True))
        if not found:
            raise left.no_closed_form("the projection")
        return {e: v.subs(found[0]) for e, v in image.items()}

    def entropy(self, budget: Limit = None) -> sp.Expr:
        """E[-ln p] = psi - eta . m - E[ln h], in the chart's coordinates."""
        x, psi, _ = self._chart(budget)
        eta = self.natural_parameters if x == self.natural_parameters else tuple(self.natural_map.values())
        means = self.mean_parameters(budget)
        value = psi - sum((e * m for e, m in zip(eta, means)), S.Zero)
        log_carrier = sp.expand_log(sp.log(self.carrier), force=True)
        if log_carrier.free_symbols & set(self.sample):
            log_carrier = self._expected_log_carrier(log_carrier, x, budget)
        return short_form(value - log_carrier)

    def _expected_log_carrier(self, log_carrier: sp.Expr, x: Sequence[sp.Symbol], budget: Limit) -> sp.Expr:
        linear = _combination(log_carrier, self.statistics, self.sample)
        if linear is not None:
            return linear[-1] + sum((c * m for c, m in zip(linear, self.mean_parameters(budget))), S.Zero)
        model = self.model(tuple(x) == self.natural_parameters)
        return model.expectation(log_carrier, budget=budget)

    def model(self, natural: bool = True) -> Any:
        """The family as a `StatisticalModel`, in the natural parameters or in those it was written in."""
        from symrg.model import StatisticalModel

        if natural:
            eta, psi, names = self.natural_parameters, self.log_partition, self.natural_parameters
        else:
            if self._given is None:
                psi = self.log_partition.subs(self.natural_map, simultaneous=True)
            else:
                psi = self._given.subs(self.natural_map)
            eta, names = tuple(self.natural_map.values()), self.parameters
        log_density = sum((e * q for e, q in zip(eta, self.statistics)), -psi) + sp.expand_log(
            sp.log(self.carrier), force=True
        )
        domain = self._natural_domain() if natural else self.domain
        sample = self.sample[0] if len(self.sample) == 1 else self.sample
        return StatisticalModel(log_density, sample=sample, parameters=names, support=self.support, domain=domain)

    def manifold(self, budget: Limit = None) -> Manifold:
        """The family with its Fisher metric and Amari-Chentsov tensor d_a d_b d_c psi in natural coordinates."""
        from symrg.manifold import Manifold

        if self._chart(budget)[2] is not None:
            raise NotExponentialFamily("psi is no closed function of the natural parameters; use model.manifold()")
        cubic = self.cumulant(3, budget)
        if self.dimension == 1:
            cubic = sp.ImmutableDenseNDimArray([cubic], (1, 1, 1))
        return Manifold(self.fisher_metric(budget), self.natural_parameters, cubic=cubic)

    # ------------------------------------------------------------------ estimation

    def mle(self, mean_statistics: Any = None, budget: Limit = None) -> dict[sp.Symbol, sp.Expr]:
        """Maximum-likelihood estimate: the natural parameters at which m equals the mean of the statistics.

        Args:
            mean_statistics: averages of q over the observations; the symbols `mean_symbols` where None.
            budget: seconds, for the whole call.

        Returns:
            For each natural parameter, and for each parameter that the family was written in, its estimate.
        """
        left = Budget.of(budget)
        inverse = self.natural_from_mean(left)
        values = self.mean_symbols if mean_statistics is None else tuple(_sequence(mean_statistics))
        if len(values) != self.dimension:
            raise InvalidModel(f"{self.dimension} mean statistics expected, given {len(values)}")
        at = dict(zip(self.mean_symbols, (sp.sympify(v, strict=True) for v in values)))
        estimate = {e: v.subs(at, simultaneous=True) for e, v in inverse.items()}
        theta = self.parameters_from_natural(left) or {}
        for x, v in theta.items():
            estimate.setdefault(x, sp.simplify(v.subs(inverse, simultaneous=True)).subs(at, simultaneous=True))
        return estimate

    def cramer_rao(self, estimand: Any, count: Any = 1, budget: Limit = None) -> CramerRao:
        """The Cramer-Rao bound for a function of the natural parameters (or of those they are written in).

        Only estimands that are affine in the mean parameters have an unbiased estimator that attains it
        (Lehmann and Casella 1998, theorem 2.5.12).
        """
        left = Budget.of(budget)
        estimand = sp.sympify(estimand, strict=True)
        x, _, _ = self._chart(left)
        if x == self.natural_parameters and self.parameters != x and estimand.free_symbols & set(self.parameters):
            theta = self.parameters_from_natural(left)
            if theta is None:
                raise left.no_closed_form(f"{estimand} in the natural parameters")
            estimand = estimand.subs(theta, simultaneous=True)
        slope = sp.Matrix(self._derivatives([estimand], left)[0])
        weights = (self.fisher_metric(left).inv() * slope).applyfunc(sp.simplify)
        bound = sp.simplify((slope.T * weights)[0, 0] / count)
        attained = not any(w.free_symbols & set(x) for w in weights)
        estimator = None
        if attained:
            offset = sp.simplify(estimand - sum((w * m for w, m in zip(weights, self.mean_parameters(left))), S.Zero))
            attained = not offset.free_symbols & set(x)
            estimator = offset + sp.Add(*(w * m for w, m in zip(weights, self.mean_symbols)))
        return CramerRao(bound, attained, estimator if attained else None)

    # ------------------------------------------------------------------ Bayes

    def conjugate_prior(self, chi: Any = None, nu: Any = None) -> ConjugatePrior:
        """The conjugate prior exp(chi . eta - nu psi(eta)), with symbols chi_k, nu where they are not given."""
        from symrg.exponential.conjugate import ConjugatePrior

        if chi is None:
            names = ["chi"] if self.dimension == 1 else [f"chi_{k + 1}" for k in range(self.dimension)]
            chi = tuple(sp.Symbol(n, real=True) for n in names)
        nu = sp.Symbol("nu", positive=True) if nu is None else sp.sympify(nu, strict=True)
        return ConjugatePrior(self, tuple(sp.sympify(c, strict=True) for c in _sequence(chi)), nu)

    def posterior(self, statistic_sum: Any, count: Any, prior: ConjugatePrior | None = None) -> ConjugatePrior:
        """The posterior after `count` observations whose statistics add up to `statistic_sum`."""
        return (prior or self.conjugate_prior()).posterior(statistic_sum, count)

    def posterior_predictive(
        self, statistic_sum: Any, count: Any, prior: ConjugatePrior | None = None, budget: Limit = None
    ) -> sp.Expr:
        """p(y | data) in the sample's symbols."""
        return self.posterior(statistic_sum, count, prior).predictive(budget)

    @property
    def log_density(self) -> sp.Expr:
        """eta . q + ln h - psi in the natural parameters."""
        exponent = sum((e * q for e, q in zip(self.natural_parameters, self.statistics)), S.Zero)
        return exponent - self.log_partition + sp.expand_log(sp.log(self.carrier), force=True)

    def latex(self) -> str:
        """LaTeX of the density."""
        pairing = sum((e * q for e, q in zip(self.natural_parameters, self.statistics)), S.Zero)
        carrier = "" if self.carrier == 1 else latex(self.carrier) + r"\, "
        return rf"{carrier}\exp\left({latex(pairing)} - \psi\right),\quad \psi = {latex(self.log_partition)}"

    def __repr__(self) -> str:
        return (
            f"ExponentialFamily(statistics={self.statistics}, sample={self.sample}, "
            f"natural_parameters={tuple(self.natural_map.values())}, carrier={self.carrier})"
        )


def _sequence(value: Any) -> Sequence[Any]:
    if isinstance(value, (tuple, list, sp.Tuple)):
        return tuple(value)
    return tuple(value) if isinstance(value, sp.MatrixBase) else (value,)


def _fresh(
    given: Sequence[sp.Expr], taken: set[str], parameters: Sequence[sp.Symbol], domain: Sequence[Any]
) -> tuple[sp.Symbol, ...]:
    """Symbols eta_k with the sign that the expressions have."""
    symbols = []
    for k, e in enumerate(given):
        name = "eta" if len(given) == 1 else f"eta_{k + 1}"
        while name in taken:
            name += "_"
        positive, negative = e.is_positive, e.is_negative
        assumption = {"positive": True} if positive else {"negative": True} if negative else {"real": True}
        if not (positive or negative):
            free = sorted(e.free_symbols, key=lambda s: s.name)
            bounds = [r for r in domain if r.free_symbols <= set(free)]
            if bounds:
                signs = {
                    bool(v > 0)
                    for p in trial_points(free, bounds)
                    if (v := sp.N(e.xreplace(p))).is_comparable and v != 0
                }
                if len(signs) == 1 and _bounded(e, bounds):
                    assumption = {"positive": True} if signs.pop() else {"negative": True}
        symbols.append(sp.Symbol(name, **assumption))
    return tuple(symbols)


def _bounded(e: sp.Expr, bounds: Sequence[Any]) -> bool:
    """Whether the sign of e is settled by the bounds: its zeros lie outside of them."""
    free = sorted(e.free_symbols, key=lambda s: s.name)
    if len(free) != 1:
        return False
    try:
        zeros = sp.solve(e.subs(free[0], sp.Dummy("z")), dict=False)
    except (NotImplementedError, ValueError, TypeError):
        return False
    return all(z.is_real is False or any(r.subs(free[0], z) in (False, sp.false) for r in bounds) for z in zeros)


def _rank_at(matrix: sp.Matrix, point: Mapping[sp.Symbol, sp.Expr]) -> int:
    return int(sp.Matrix(matrix.subs(point).evalf(30)).rank(iszerofunc=lambda e: abs(e) < 1e-18))


def _combination(e: sp.Expr, statistics: Sequence[sp.Expr], sample: Sequence[sp.Symbol]) -> list[sp.Expr] | None:
    """[c_1, .., c_k, c_0] with e = sum c_a q_a + c_0, or None."""
    stand = [sp.Dummy() for _ in statistics]
    rest = sp.expand(e)
    coefficients = []
    for q, d in zip(statistics, stand):
        replaced = rest.subs(q, d)
        c = sp.expand(replaced).coeff(d, 1)
        if c.free_symbols & {*sample, *stand}:
            return None
        coefficients.append(c)
        rest = sp.expand(rest - c * q)
    return None if rest.free_symbols & set(sample) else [*coefficients, rest]
