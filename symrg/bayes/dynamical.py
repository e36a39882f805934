r"""Dynamical Bayes: the posterior as data keep coming, equations (13) to (17) of the talk.

By the law of large numbers sum_t ln p(y_t|theta*)/p(y_t|theta) = T D(theta) + sqrt(T) (a fluctuation), with
D(theta) = D_KL(theta* || theta). Without the fluctuation Bayes' theorem (13) becomes

    d pi_T / dT = - (D - E_pi[D]) pi_T,                                                               (14)

a replicator equation: theta is a label, no derivative acts on it. Its exact solution is
pi_T = pi_0 exp(-T D) / Z_T; that is (15) exactly when pi_0 is constant. Because Z_T is the generating function of D,

    E_pi[D] = - d ln Z / dT,        d E_pi[D] / dT = - Var_pi(D).

Where the posterior is a narrow Gaussian about the truth (Cramer-Rao saturated), Var(D) = 2 E[D]^2 / n and so
E[D] = n / (2 T): the 1/T law. A truth outside the model (a hidden variable) leaves a floor, E[D] = D_min + n/(2T).

Source: Berman, Heckman, Klinger, arXiv:2204.12939; Berman, Klinger, arXiv:2212.11379; talk, slides 12-14.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sympy
from sympy import Expr, ImmutableMatrix, Integral, Symbol

from symrg.bayes.parameter_space import (
    Limits,
    check_sign,
    grows_outward,
    integrate_over,
    limits_of,
    require_model,
)
from symrg.budget import Budget
from symrg.errors import ImproperDensity, InvalidModel, NoClosedForm, UnidentifiableModel
from symrg.fokker_planck.equation import _imaginary_somewhere
from symrg.typesetting import Typeset, latex

if TYPE_CHECKING:
    from symrg.bayes.diffusion import PosteriorDiffusion, PredictiveDiffusion
    from symrg.bayes.laplace import LaplacePosterior
    from symrg.bayes.map_flow import MapFlow
    from symrg.derivation import Derivation
    from symrg.verification import Claim

__all__ = ["DynamicalBayes", "Fluctuation", "bregman_divergence", "dynamical_bayes", "from_divergence"]

TALK = "Berman, Aspects of RG flows and Bayesian updating, PIRSA 25040108"


@dataclass(frozen=True)
class Fluctuation(Typeset):
    """What the step from (13) to (14) drops.

    Attributes:
        drift: D(theta), the mean of the log-likelihood ratio of one datum.
        variance: its variance; the exponent of (13) is - T D(theta) + sqrt(T variance) times a standard normal.
        map_covariance: covariance of the maximum of the posterior under repeated data, I^-1 / T. It is as large as
            the width of the posterior itself: (14) describes the mean of the exponent, not a typical posterior.
    """

    drift: Expr
    variance: Expr
    map_covariance: ImmutableMatrix | None

    def latex(self) -> str:
        """LaTeX of the variance of one datum's log-likelihood ratio."""
        return rf"\operatorname{{Var}} \ln \frac{{p(y|\theta_*)}}{{p(y|\theta)}} = {latex(self.variance)}"


@dataclass(frozen=True)
class DynamicalBayes(Typeset):
    """Equation (14) for one model, truth and prior, with what follows from it; see `dynamical_bayes`.

    Attributes:
        parameters: theta^i.
        truth: theta*^i, where the truth lies in the model, else the nearest point of the model.
        time: T.
        prior: pi_0(theta), possibly improper.
        divergence: D(theta) = D_KL(truth || theta).
        limits: of the parameters.
        model: the statistical model, if there is one.
        floor: D at the nearest point: 0 where the truth lies in the model.
    """

    parameters: tuple[Symbol, ...]
    truth: tuple[Expr, ...]
    time: Symbol
    prior: Expr
    divergence: Expr
    limits: Limits
    model: Any = None
    floor: Expr = sympy.S.Zero
    true_model: Any = field(default=None, repr=False)

    # -------------------------------------------------------------- (14)

    @property
    def unknown(self) -> Expr:
        """pi(theta, T), the function that (14) is an equation for."""
        return sympy.Function("pi", positive=True)(*self.parameters, self.time)

    @property
    def equation(self) -> sympy.Eq:
        """Equation (14) for an unknown pi(theta, T), with its expectation term as an integral."""
        return self.equation_for(self.unknown)

    def equation_for(self, density: Any) -> sympy.Eq:
        """Equation (14) with `density` in the place of pi_T, unevaluated."""
        density = sympy.sympify(density, strict=True)
        mean = Integral(self.divergence * density, *self.limits)
        return sympy.Eq(sympy.Derivative(density, self.time), -(self.divergence - mean) * density, evaluate=False)

    def residual(self, density: Any, budget: float | Budget | None = None) -> Expr:
        """d pi/dT + (D - E_pi[D]) pi: zero exactly when `density` solves (14)."""
        budget = Budget.of(budget)
        density = sympy.sympify(density, strict=True)
        mean = integrate_over(density, self.limits, budget, self.divergence)
        relative = sympy.diff(sympy.expand_log(sympy.log(density), force=True), self.time) + self.divergence - mean
        short = budget.attempt("simplify", sympy.simplify, relative)
        return (relative if short is None else short) * density

    @property
    def claim(self) -> Claim:
        """Equation (14) as a Claim about the exact solution."""
        from symrg.verification import Claim

        equation = self.equation_for(self.solution)
        return Claim(
            equation.lhs,
            equation.rhs,
            name="(14)",
            printed=(
                r"\frac{\partial \pi_T(\theta)}{\partial T} = - \left(D_{KL}(\theta_* \| \theta) - "
                r"\mathbb{E}_{\pi_T}(D_{KL}(\theta_* \| \theta))\right) \pi_T(\theta)"
            ),
            source=f"{TALK}, slide 13",
        )

    # -------------------------------------------------------------- solution

    @property
    def weight(self) -> Expr:
        """pi_0 exp(-T (D - D_min)), the solution before it is normalised."""
        exponent = -self.time * (self.divergence - self.floor)
        return self.prior * _exponential(exponent, self.parameters)

    @property
    def normaliser(self) -> Expr:
        """Z_T, the integral of `weight`: a closed form, or an Integral.

        Raises:
            ImproperDensity: it is infinite.
        """
        total = integrate_over(self.weight, self.limits)
        if total in (sympy.oo, sympy.zoo, sympy.nan):
            raise ImproperDensity(
                f"the posterior is improper: the integral of {self.weight} is {total}; some direction in parameter "
                "space is neither seen by the data nor bounded by the prior (of an angle, give limits over one turn)"
            )
        if total.has(Integral):
            log_prior = sympy.expand_log(sympy.log(self.prior), force=True)
            ray = grows_outward(log_prior - self.time * self.divergence, self.limits)
            if ray is not None:
                raise ImproperDensity(
                    f"the posterior is improper: its density grows without bound along {ray}, whatever {self.time} is; "
                    "give a prior that grows less"
                )
        return total

    @property
    def solution(self) -> Expr:
        """The exact solution pi_0 exp(-T D) / Z_T of (14)."""
        return self.weight / self.normaliser

    @property
    def boltzmann(self) -> Expr:
        """Equation (15): exp(-T D), normalised."""
        weight = _exponential(-self.time * (self.divergence - self.floor), self.parameters)
        return weight / integrate_over(weight, self.limits)

    @property
    def is_boltzmann(self) -> bool:
        """Whether (15) is the exact solution: the prior is constant."""
        return not any(sympy.simplify(sympy.diff(self.prior, p)) != 0 for p in self.parameters)

    def expected_divergence(self) -> Expr:
        """E_pi[D] = D_min - d ln Z / dT, exactly."""
        return self.floor - sympy.simplify(sympy.diff(sympy.log(self.normaliser), self.time))

    def divergence_law(self) -> Expr:
        """The leading E_pi[D] = D_min + n / (2 T) of a saturated Cramer-Rao bound; the remainder is O(1/T^2).

        Where the Fisher metric is singular, n is its rank if that is the same at the truth as nearby (directions that
        no data see drop out). With one parameter and D of order (theta - theta*)^k, n / 2 becomes 1 / k: the real log
        canonical threshold (Watanabe, Algebraic Geometry and Statistical Learning Theory (2009), sec. 6.3).

        Raises:
            UnidentifiableModel: the rank drops at the truth, of several parameters; the message bounds the coefficient.
        """
        return self.floor + self._threshold() / self.time

    def _threshold(self) -> Expr:
        """lambda in E[D] = D_min + lambda / T."""
        theta, n = self.parameters, len(self.parameters)
        at = dict(zip(self.parameters, self.truth))
        hessian = sympy.hessian(self.divergence, theta).subs(at, simultaneous=True)
        budget = Budget.of(None)
        if hessian.has(sympy.nan, sympy.zoo, sympy.Integral):
            return sympy.Rational(n, 2)
        hessian = budget.attempt("simplify", lambda: ImmutableMatrix(hessian.applyfunc(sympy.simplify)), share=0.4)
        if hessian is None or sympy.simplify(hessian.det()) != 0:
            return sympy.Rational(n, 2)
        rank = hessian.rank()
        if n == 1:
            for order in range(3, 13):
                value = sympy.diff(self.divergence, theta[0], order).subs(at, simultaneous=True)
                if sympy.simplify(value) != 0:
                    return sympy.Rational(1, order)
            return sympy.S.Zero
        if self.model is not None and self.model.fisher_metric(budget=budget).rank(simplify=True) == rank:
            return sympy.Rational(rank, 2)
        raise UnidentifiableModel(
            f"the Fisher metric has rank {rank} of {n} at the truth and more nearby, so E[D] - D_min is lambda / T, "
            f"lambda between {sympy.Rational(rank, 2)} and {sympy.Rational(n, 2)}; `expected_divergence` may have it "
            "exactly"
        )

    def predictive(self, budget: float | Budget | None = None) -> Expr:
        """The exact posterior predictive density: the integral of p(y|theta) pi_T(theta) over theta.

        Raises:
            InvalidModel: there is no statistical model, only a divergence.
            NoClosedForm: the integral has none.
        """
        if self.model is None:
            raise InvalidModel("a predictive density needs the statistical model, here only the divergence is known")
        budget = Budget.of(budget)
        likelihood = _exponential(self.model.log_density, self.parameters)
        value = integrate_over(sympy.powsimp(self.weight * likelihood), self.limits, budget)
        if value.has(Integral):
            raise budget.no_closed_form("the posterior predictive density")
        return sympy.simplify(value / self.normaliser)

    # -------------------------------------------------------------- what follows

    def fluctuation(self, budget: float | Budget | None = None) -> Fluctuation:
        """What the law of large numbers leaves out between (13) and (14)."""
        if self.model is None:
            raise InvalidModel("the fluctuation needs the statistical model, here only the divergence is known")
        budget = Budget.of(budget)
        at_truth = dict(zip(self.parameters, self.truth))
        if self.true_model is None:
            copies = {p: sympy.Dummy(p.name, **p._assumptions_orig) for p in self.parameters}
            ratio = self.model.log_density - self.model.log_density.xreplace(copies)
            second = self.model.expectation(sympy.expand(ratio**2), budget=budget)
            back = {copies[p]: p for p in self.parameters}
            second = second.subs(at_truth, simultaneous=True).xreplace(back)
        else:
            ratio = self.true_model.log_density - self.model.log_density
            second = self.true_model.expectation(sympy.expand(ratio**2), budget=budget)
        variance = sympy.simplify(second - self.divergence**2)
        covariance = None
        if self.true_model is None:
            metric = self.model.fisher_metric(budget=budget).subs(at_truth, simultaneous=True)
            if sympy.simplify(metric.det()) != 0:
                covariance = ImmutableMatrix((metric.inv() / self.time).applyfunc(sympy.simplify))
        return Fluctuation(self.divergence, variance, covariance)

    def laplace(self, budget: float | Budget | None = None) -> LaplacePosterior:
        """(16) with the next order in 1/T; see `laplace.laplace_posterior`."""
        from symrg.bayes.laplace import laplace_posterior

        return laplace_posterior(self, budget)

    def map_flow(self, budget: float | Budget | None = None) -> MapFlow:
        """(17): the path of the maximum a posteriori and its potential; see `map_flow.map_flow`."""
        from symrg.bayes.map_flow import map_flow

        return map_flow(self, budget)

    def diffusion(
        self, tau: Symbol | None = None, order: int = 1, budget: float | Budget | None = None
    ) -> PosteriorDiffusion:
        """The Fokker-Planck equation of the posterior in theta; see `diffusion.posterior_diffusion`."""
        from symrg.bayes.diffusion import posterior_diffusion

        return posterior_diffusion(self, tau, order, budget)

    def predictive_diffusion(
        self, tau: Symbol | None = None, forward_map: Any = None, budget: float | Budget | None = None
    ) -> PredictiveDiffusion:
        """(21): the Fokker-Planck equation of the predictive density in y; see `diffusion.predictive_diffusion`."""
        from symrg.bayes.diffusion import predictive_diffusion

        return predictive_diffusion(self, tau, forward_map, budget)

    def bridge(self, budget: float | Budget | None = None) -> Derivation:
        """From (14) to (21), link by link; see `bridge.bridge`."""
        from symrg.bayes.bridge import bridge

        return bridge(self, budget)

    def latex(self) -> str:
        """LaTeX of (14) with this divergence."""
        t, d = latex(self.time), latex(self.divergence)
        theta = ", ".join(latex(p) for p in self.parameters)
        return (
            rf"\frac{{\partial \pi_{{{t}}}({theta})}}{{\partial {t}}} = -\left(D - \mathbb{{E}}_{{\pi_{{{t}}}}}(D)"
            rf"\right) \pi_{{{t}}}({theta}), \quad D = {d}"
        )


def dynamical_bayes(
    model: Any,
    truth: Any,
    time: Symbol,
    prior: Any = 1,
    limits: Mapping[Symbol, tuple[Any, Any]] | None = None,
    budget: float | Budget | None = None,
) -> DynamicalBayes:
    """Dynamical Bayes for a model, a truth and a prior.

    Args:
        model: a StatisticalModel.
        truth: theta*: a value for each parameter (a mapping, a sequence, or one expression); or another
            StatisticalModel on the same sample, from which the data come and which the model need not contain.
        time: T, a positive Symbol: the amount of data.
        prior: pi_0(theta), normalised or not; 1 is flat.
        limits: parameter -> (lower, upper) where assumptions and the model's domain don't say it.
        budget: seconds for the whole call.

    Returns:
        DynamicalBayes.

    Raises:
        InvalidModel: the truth does not fit the parameters, T is no Symbol or is a parameter.
        NoClosedForm: the divergence has none within the budget.
    """
    budget = Budget.of(budget)
    require_model(model)
    parameters = tuple(model.parameters)
    if not isinstance(time, Symbol) or time in parameters or time in model.sample:
        raise InvalidModel(f"time must be a Symbol other than parameters and sample, given {time!r}")
    prior = _prior(prior, parameters, model.sample)
    domain = tuple(getattr(model, "domain", ()) or ())
    bounds = limits_of(parameters, domain, limits)
    check_sign(prior, bounds)
    if hasattr(truth, "log_density"):
        return _outside(model, truth, time, prior, bounds, budget)
    values = _truth(truth, parameters)
    for relation in domain:
        if relation.subs(dict(zip(parameters, values)), simultaneous=True) == sympy.false:
            raise InvalidModel(f"the truth {dict(zip(parameters, values))} is outside the domain {relation}")
    copies = tuple(sympy.Dummy(p.name, **p._assumptions_orig) for p in parameters)
    divergence = model.kl_divergence(copies, budget=budget)
    # kl_divergence(theta') is D(theta || theta'): the truth takes theta's place, theta that of theta'.
    divergence = divergence.subs(dict(zip(parameters, values)), simultaneous=True)
    divergence = _tidied(divergence.xreplace(dict(zip(copies, parameters))))
    return DynamicalBayes(parameters, values, time, prior, divergence, bounds, model)


def from_divergence(
    divergence: Any,
    parameters: Any,
    truth: Any,
    time: Symbol,
    prior: Any = 1,
    limits: Mapping[Symbol, tuple[Any, Any]] | None = None,
    domain: Sequence[Any] = (),
) -> DynamicalBayes:
    """Dynamical Bayes where D(theta) itself is given, for a model with no density at hand (a lattice model).

    Raises:
        InvalidModel: D does not vanish, or is not stationary, at the truth.
    """
    parameters = (parameters,) if isinstance(parameters, Symbol) else tuple(parameters)
    values = _truth(truth, parameters)
    divergence = sympy.sympify(divergence, strict=True)
    at = dict(zip(parameters, values))
    for name, e in [("D", divergence), *((f"dD/d{p}", sympy.diff(divergence, p)) for p in parameters)]:
        value = e.subs(at, simultaneous=True)
        if value != 0 and Budget.of(None).attempt("simplify", sympy.simplify, value, share=0.3) not in (0, None):
            raise InvalidModel(f"{name} does not vanish at the truth {at}")
    return DynamicalBayes(
        parameters, values, time, _prior(prior, parameters), divergence, limits_of(parameters, domain, limits)
    )


def bregman_divergence(log_partition: Any, parameters: Any, truth: Any) -> Expr:
    """D_KL(theta* || theta) = psi(theta) - psi(theta*) - (theta - theta*)^i d_i psi(theta*), natural parameters.

    Source: Amari and Nagaoka, Methods of Information Geometry (2000), eq. 3.45.
    """
    parameters = (parameters,) if isinstance(parameters, Symbol) else tuple(parameters)
    values = _truth(truth, parameters)
    psi = sympy.sympify(log_partition, strict=True)
    at = dict(zip(parameters, values))
    linear = sympy.Add(*((p - v) * sympy.diff(psi, p).subs(at, simultaneous=True) for p, v in at.items()))
    return psi - psi.subs(at, simultaneous=True) - linear


def _outside(model: Any, truth: Any, time: Symbol, prior: Expr, bounds: Limits, budget: Budget) -> DynamicalBayes:
    """The truth is another distribution of the same sample; theta* becomes the nearest point of the model."""
    if tuple(truth.sample) != tuple(model.sample):
        raise InvalidModel(f"the truth has the sample {truth.sample}, the model {model.sample}; use the same Symbols")
    parameters = tuple(model.parameters)
    if clash := set(truth.parameters) & set(parameters):
        raise InvalidModel(f"{clash} are parameters of both truth and model; rename those of the truth")
    divergence = truth.expectation(truth.log_density - model.log_density, budget=budget)
    divergence = _tidied(divergence)
    slopes = [sympy.diff(divergence, p) for p in parameters]
    found = budget.attempt("nearest point", lambda: sympy.solve(slopes, parameters, dict=True), share=0.5) or []
    whole = [s for s in found if set(s) == set(parameters)]
    inside = [s for s in whole if not any(_outside_limits(s[p], a, b) for p, a, b in bounds)]
    if len(inside) != 1:
        raise NoClosedForm(
            f"the point of the model nearest to the truth was not found: {len(inside)} stationary points of "
            f"{divergence}"
        )
    values = tuple(sympy.simplify(inside[0][p]) for p in parameters)
    floor = sympy.simplify(divergence.subs(dict(zip(parameters, values)), simultaneous=True))
    return DynamicalBayes(parameters, values, time, prior, divergence, bounds, model, floor, truth)


def _outside_limits(value: Expr, lower: Expr, upper: Expr) -> bool:
    return bool((value - lower).is_negative or (upper - value).is_negative or value.is_real is False)


def _truth(truth: Any, parameters: tuple[Symbol, ...]) -> tuple[Expr, ...]:
    if isinstance(truth, Mapping):
        if set(truth) != set(parameters):
            raise InvalidModel(f"the truth names {list(truth)}, the parameters are {list(parameters)}")
        values = [truth[p] for p in parameters]
    elif isinstance(truth, (tuple, list, sympy.Tuple, sympy.MatrixBase)):
        values = list(truth)
    else:
        values = [truth]
    if len(values) != len(parameters):
        raise InvalidModel(f"the truth has {len(values)} values for the parameters {list(parameters)}")
    try:
        values = [sympy.sympify(v, strict=True) for v in values]
    except sympy.SympifyError:
        raise InvalidModel(
            f"the truth must be expressions, one for each of {list(parameters)}; given {truth!r}"
        ) from None
    for p, v in zip(parameters, values):
        if not isinstance(v, Expr) or v.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo):
            raise InvalidModel(f"the truth of {p} is {v}, which is no finite number or expression")
        if v.has(*parameters):
            raise InvalidModel(f"the truth of {p} is {v}, which contains a parameter; use another Symbol for it")
        if (p.is_positive and v.is_nonpositive) or (p.is_real and v.is_real is False):
            raise InvalidModel(f"the truth of {p} is {v}, outside its assumptions")
    return tuple(values)


def _prior(prior: Any, parameters: tuple[Symbol, ...], sample: Sequence[Symbol] = ()) -> Expr:
    try:
        prior = sympy.sympify(prior, strict=True)
    except sympy.SympifyError:
        raise InvalidModel(f"the prior must be an expression in {list(parameters)}, given {prior!r}") from None
    if not isinstance(prior, Expr):
        raise InvalidModel(f"the prior must be an expression in {list(parameters)}, given {prior!r}")
    if prior.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo):
        raise InvalidModel(f"the prior {prior} is not finite")
    if prior.is_real is False or _imaginary_somewhere(prior):
        raise InvalidModel(f"the prior {prior} is not real: a density is, and not negative")
    if seen := prior.free_symbols & set(sample):
        raise InvalidModel(
            f"the prior contains {sorted(seen, key=str)} of the sample: it is what is known without data"
        )
    if prior.is_nonpositive:
        raise InvalidModel(f"the prior {prior} is not positive")
    for s in prior.free_symbols:
        for p in parameters:
            if s != p and s.name == p.name:
                raise InvalidModel(f"the prior contains a symbol {s} that is not the parameter {p}; use one Symbol")
    return prior


def _exponential(exponent: Expr, parameters: Sequence[Symbol]) -> Expr:
    """exp with logarithms of parameters as powers: exp(a ln x - b x) = x^a exp(-b x)."""
    powers, rest = sympy.S.One, sympy.S.Zero
    exponent = sympy.expand_log(exponent, force=True)  # before quotients inside logarithms are expanded to sums
    for term in sympy.Add.make_args(sympy.expand(sympy.expand_log(sympy.expand(exponent), force=True))):
        coefficient, log = term.as_independent(sympy.log, as_Add=False)
        if isinstance(log, sympy.log) and not coefficient.has(*parameters):
            powers *= log.args[0] ** coefficient
        else:
            rest += term
    return powers * sympy.exp(rest)


def _tidied(expression: Expr) -> Expr:
    """Short, with logarithms of quotients as differences, which cancel against each other."""
    short = sympy.simplify(expression)
    return sympy.expand_log(short if short.count_ops() < expression.count_ops() else expression, force=True)
