r"""Bayesian diffusion: the posterior and the predictive density in the inverse time tau = 1/T, equation (21).

In theta. The posterior has mean theta* + m tau and covariance g tau (g the inverse Fisher metric at theta*), so to
leading order it solves d_tau pi = - m^i d_i pi + (1/2) g^ij d_i d_j pi: the diffusion is *half* the inverse metric
(for normal data sigma^2/2, not the sigma^2 of the talk). It is exact where D_KL is quadratic in theta and the prior is
flat or Gaussian.

In y. The predictive density p_tau(y), the average of p(y|theta) over the posterior, obeys

    d_tau p_tau = m^i d_i p(y|theta*) + (1/2) g^ij d_i d_j p(y|theta*) + O(tau),

derivatives in theta. A forward map y = F(theta, u), u a noise whose law does not depend on theta, turns them into
derivatives in y: with v_i = d_i F at fixed u, d_i p = - d_y(v_i p), and Ito's formula gives a Fokker-Planck equation

    D^ab(y) = (1/2) v_i^a g^ij v_j^b,        mu^a(y) = m^i v_i^a + (1/2) g^ij (d_j v_i^a + v_j^b d_b v_i^a).

Only for v constant (a location family) is D constant and mu the printed m. Discrete observations have no forward map
with derivatives; for them the equation in theta is all there is.

Source: derived here; compare Berman, Klinger, arXiv:2212.11379, and talk, eqs. (19)-(21).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import sympy
from sympy import Expr, ImmutableMatrix, Integral, Symbol

from symrg.bayes.laplace import LaplacePosterior, laplace_posterior
from symrg.budget import Budget
from symrg.errors import InvalidEquation, InvalidModel, NoClosedForm
from symrg.fokker_planck import FokkerPlanck
from symrg.typesetting import Typeset, latex

if TYPE_CHECKING:
    from symrg.bayes.dynamical import DynamicalBayes

__all__ = ["PosteriorDiffusion", "PredictiveDiffusion", "posterior_diffusion", "predictive_diffusion", "velocity_field"]


@dataclass(frozen=True)
class PosteriorDiffusion(Typeset):
    """The Fokker-Planck equation of the posterior in theta and tau.

    Attributes:
        equation: the equation.
        tau: the inverse time.
        exact: whether the exact posterior solves it.
        order: n where the cumulants of its solution from the point theta* at tau = 0 agree with those of the
            posterior up to and including tau^n; None where exact.
        density: a solution: the exact posterior in tau where exact, else the Gaussian (16).
    """

    equation: FokkerPlanck
    tau: Symbol
    exact: bool
    order: int | None
    density: Expr

    def latex(self) -> str:
        """LaTeX of the equation, with the order of what is left out."""
        text = self.equation.latex().replace(" p", r" \pi")
        return text if self.exact else rf"{text} \quad \left(\mathcal{{O}}(\tau^{{{self.order}}})\right)"


@dataclass(frozen=True)
class PredictiveDiffusion(Typeset):
    """The equation of the posterior predictive density in tau.

    Attributes:
        sample: y^a.
        tau: the inverse time.
        equation: Fokker-Planck equation in y, or None where the sample is discrete.
        tensor: v_i^a, rows by sample coordinate, columns by parameter; None where the sample is discrete.
        inverse_metric: g^ij at the truth.
        start: p(y|theta*), the density at tau = 0.
        rate: d_tau p at tau = 0: m^i d_i p + g^ij d_i d_j p / 2, derivatives in theta, at theta*.
        exact: whether the exact predictive density solves `equation`.
        reason: why there is no equation in y, or why it is exact or not.
    """

    sample: tuple[Symbol, ...]
    tau: Symbol
    equation: FokkerPlanck | None
    tensor: ImmutableMatrix | None
    inverse_metric: ImmutableMatrix
    start: Expr
    rate: Expr
    exact: bool
    reason: str

    @property
    def expansion(self) -> Expr:
        """p(y|theta*) + tau * rate: the predictive density with a remainder O(tau^2), discrete samples included."""
        return self.start + self.tau * self.rate

    @property
    def residual_order(self) -> int | None:
        """n with d_tau p - (forward operator on p) = O(tau^n) for the exact predictive density; None where exact."""
        return None if self.exact else 1

    def nondivergence_form(self) -> tuple[ImmutableMatrix, ImmutableMatrix, Expr]:
        """(m, A, c) of d_tau p = - m^a d_a p + A^ab d_a d_b p + c p, the form in which (21) is printed."""
        from symrg.fokker_planck.sde import to_nondivergence_form

        if self.equation is None:
            raise InvalidEquation(self.reason)
        return to_nondivergence_form(self.equation)

    def latex(self) -> str:
        """LaTeX of the equation, or of the rate at tau = 0."""
        if self.equation is None:
            return rf"\left. \frac{{\partial p}}{{\partial {latex(self.tau)}}} \right|_{{0}} = {latex(self.rate)}"
        return self.equation.latex() + ("" if self.exact else rf" + \mathcal{{O}}({latex(self.tau)})")


def posterior_diffusion(
    dynamics: DynamicalBayes, tau: Symbol | None = None, order: int = 1, budget: float | Budget | None = None
) -> PosteriorDiffusion:
    """The Fokker-Planck equation in tau = 1/T that the posterior of `dynamics` obeys.

    Args:
        dynamics: model, truth and prior.
        tau: the inverse time; left out, a positive Symbol tau.
        order: 1 for the leading equation, with constant coefficients; 2 adds the terms linear in theta - theta* that
            give covariance, and third cumulant, to order tau^2 (its diffusion is positive near theta* only).
        budget: seconds for the whole call.

    Returns:
        PosteriorDiffusion; where D is quadratic and the prior flat or Gaussian the exact equation, whatever `order`.

    Raises:
        UnidentifiableModel: the metric is singular.
        InvalidEquation: another order.
    """
    if order not in (1, 2):
        raise InvalidEquation(f"order must be 1 or 2, given {order!r}")
    budget = Budget.of(budget)
    tau = tau or Symbol("tau", positive=True)
    exact = _exact_gaussian(dynamics, tau)
    if exact is not None:
        mean, covariance = exact
        drift = mean.diff(tau).applyfunc(sympy.simplify)
        diffusion = (covariance.diff(tau) / 2).applyfunc(sympy.simplify)
        equation = FokkerPlanck(dynamics.parameters, drift, diffusion, tau)
        return PosteriorDiffusion(equation, tau, True, None, _gaussian(dynamics.parameters, mean, covariance))
    laplace = laplace_posterior(dynamics, budget)
    g = laplace.inverse_metric
    drift, diffusion = laplace.shift, g / 2
    if order == 2:
        drift, diffusion = _second_order(laplace)
    density = _gaussian(dynamics.parameters, ImmutableMatrix(dynamics.truth), g * tau)
    return PosteriorDiffusion(FokkerPlanck(dynamics.parameters, drift, diffusion, tau), tau, False, order, density)


def _second_order(laplace: LaplacePosterior) -> tuple[ImmutableMatrix, ImmutableMatrix]:
    """Drift m + B delta and diffusion g/2 + A_l delta^l that give mean to O(tau), covariance and skewness to O(tau^2).

    From the moment equations: third cumulant tau^2 (A^ij_l g^lk + 2 permutations), covariance tau^2 (A^ij_l m^l + B g).
    """
    n = range(len(laplace.parameters))
    c, m = laplace.hessian, laplace.shift
    delta = [p - t for p, t in zip(laplace.parameters, laplace.truth)]
    slope = {
        (i, j, k): sympy.simplify(sum(laplace.third[i, j, b] * c[b, k] for b in n) / 3) for i, j, k in product(n, n, n)
    }
    bend = ImmutableMatrix(
        len(delta), len(delta), lambda i, j: laplace.spread[i, j] - sum(slope[i, j, k] * m[k] for k in n)
    )
    pull = bend * c
    drift = ImmutableMatrix([m[i] + sum(sympy.simplify(pull[i, j]) * delta[j] for j in n) for i in n])
    half = laplace.inverse_metric / 2
    diffusion = ImmutableMatrix(
        len(delta), len(delta), lambda i, j: half[i, j] + sum(slope[i, j, k] * delta[k] for k in n)
    )
    return drift, diffusion


def predictive_diffusion(
    dynamics: DynamicalBayes, tau: Symbol | None = None, forward_map: Any = None, budget: float | Budget | None = None
) -> PredictiveDiffusion:
    """The equation of the posterior predictive density in tau = 1/T.

    Args:
        dynamics: with a statistical model.
        tau: the inverse time; left out, a positive Symbol tau.
        forward_map: the velocity field v_i^a(y) = d y^a / d theta^i at fixed noise, one row for each sample coordinate
            and one column for each parameter (one expression for one of each); left out, it is found for location and
            scale families and, in one dimension, from the distribution function, whose integral may stay undone.
        budget: seconds for the whole call.

    Returns:
        PredictiveDiffusion.

    Raises:
        InvalidModel: there is no statistical model, or the forward map given does not carry the density.
        UnidentifiableModel: the metric is singular.

    Where no forward map is found (several coordinates, neither location nor scale) there is no equation in y, `reason`
    says what was tried, and the expansion in tau holds all the same.
    """
    budget = Budget.of(budget)
    tau = tau or Symbol("tau", positive=True)
    model = dynamics.model
    if model is None:
        raise InvalidModel("the predictive density needs the statistical model, here only the divergence is known")
    theta, y = dynamics.parameters, tuple(model.sample)
    at = dict(zip(theta, dynamics.truth))
    n, r = range(len(theta)), range(len(y))
    laplace = laplace_posterior(dynamics, budget)
    g, m = laplace.inverse_metric, laplace.shift
    p = sympy.exp(model.log_density)
    score = [sympy.diff(model.log_density, q) for q in theta]
    relative = sympy.Add(
        *(m[i] * score[i] for i in n),
        *(g[i, j] * (sympy.diff(score[i], theta[j]) + score[i] * score[j]) / 2 for i in n for j in n),
    )
    start = sympy.simplify(p.subs(at, simultaneous=True))
    rate = sympy.simplify(relative.subs(at, simultaneous=True)) * start
    if _discrete(model):
        reason = (
            f"the sample {y} is discrete: d_theta p is a difference, not a derivative, in y, so there is no "
            "Fokker-Planck equation in y; the expansion in tau holds all the same"
        )
        return PredictiveDiffusion(y, tau, None, None, g, start, rate, False, reason)
    try:
        field = _given_field(model, forward_map) if forward_map is not None else velocity_field(model, budget)
    except NoClosedForm as error:
        return PredictiveDiffusion(y, tau, None, None, g, start, rate, False, f"no equation in y: {error}")
    v = ImmutableMatrix(field)
    accelerated = {}
    for i, j in product(n, n):
        for a in r:
            value = sympy.diff(v[a, i], theta[j]) + sum(v[b, j] * sympy.diff(v[a, i], y[b]) for b in r)
            accelerated[a, i, j] = value
    drift = [sum(m[i] * v[a, i] for i in n) + sum(g[i, j] * accelerated[a, i, j] for i in n for j in n) / 2 for a in r]
    diffusion = v * g * v.T / 2
    exact = _exact_gaussian(dynamics, tau)
    constant = not v.has(*y, *theta)
    if exact is not None and constant:
        mean, covariance = exact
        drift = list(v * mean.diff(tau))
        diffusion = v * covariance.diff(tau) * v.T / 2
    short = sympy.simplify if not v.has(Integral) else lambda e: e  # simplify would try the integral again
    drift = [short(e.subs(at, simultaneous=True)) for e in drift]
    diffusion = ImmutableMatrix(diffusion).subs(at, simultaneous=True).applyfunc(short)
    equation = FokkerPlanck(y, drift, diffusion, tau)
    if exact is not None and constant:
        reason = "exact: the posterior is Gaussian and the forward map is linear in theta with a constant slope"
    elif constant:
        reason = "the forward map is a shift, but the posterior is not Gaussian: remainder O(tau)"
    else:
        reason = "the forward map bends or depends on y: remainder O(tau)"
    return PredictiveDiffusion(
        y, tau, equation, v.subs(at, simultaneous=True), g, start, rate, exact is not None and constant, reason
    )


# ---------------------------------------------------------------------- the forward map


def velocity_field(model: Any, budget: float | Budget | None = None) -> ImmutableMatrix:
    """v_i^a(y) = d y^a / d theta^i at fixed noise: d_i p + d_a(v_i^a p) = 0, checked for each candidate.

    Raises:
        NoClosedForm: several coordinates, and neither a location nor a scale family.
    """
    budget = Budget.of(budget)
    y = tuple(model.sample)
    columns = []
    mean = budget.attempt("mean", lambda: [sympy.simplify(model.expectation(s, budget=budget)) for s in y], share=0.4)
    for q in model.parameters:
        column = _column(model, q, y, mean, budget)
        if column is None:
            raise NoClosedForm(
                f"no forward map was found for {q}; give forward_map: d y / d theta at fixed noise, "
                f"{len(y)} x {len(model.parameters)}; tried " + "; ".join(str(a) for a in budget.attempts)
            )
        columns.append(column)
    return ImmutableMatrix(sympy.Matrix.hstack(*(sympy.Matrix(c) for c in columns)))


def _column(
    model: Any, q: Symbol, y: Sequence[Symbol], mean: Sequence[Expr] | None, budget: Budget
) -> list[Expr] | None:
    candidates = []
    if mean is not None:
        candidates.append([sympy.diff(m, q) for m in mean])  # location
    scale = sympy.diff(sympy.log(q), q)
    candidates += [[s * scale for s in y], [-s * scale for s in y]]  # scale or rate
    if mean is not None:
        for e in (1, -1, sympy.Rational(1, 2), -sympy.Rational(1, 2)):
            candidates.append([e * (s - m) * scale for s, m in zip(y, mean)])
    for candidate in candidates:
        carried = budget.attempt("candidate", lambda c=candidate: sympy.simplify(_carried(model, q, y, c)), share=0.2)
        if carried == 0:
            return candidate
    if len(y) > 1:
        return None
    found = budget.attempt(f"distribution function in {q}", _from_distribution, model, q, y[0], share=0.6)
    return [_from_score(model, q, y[0]) if found is None else found]


def _carried(model: Any, q: Symbol, y: Sequence[Symbol], velocity: Sequence[Expr]) -> Expr:
    """(d_q p + d_a(v^a p)) / p."""
    log = model.log_density
    return sympy.diff(log, q) + sum(sympy.diff(v, s) + v * sympy.diff(log, s) for s, v in zip(y, velocity))


def _from_distribution(model: Any, q: Symbol, y: Symbol) -> Expr | None:
    """v = - (d_q of the distribution function) / p, one coordinate."""
    lower = _lower_limit(model, y)
    dummy = sympy.Dummy(y.name, **y._assumptions_orig)
    density = sympy.exp(model.log_density)
    distribution = sympy.integrate(density.subs(y, dummy), (dummy, lower, y))
    if distribution.has(Integral, sympy.Piecewise):
        return None
    velocity = sympy.simplify(-sympy.diff(distribution, q) / density)
    return velocity if sympy.simplify(_carried(model, q, (y,), (velocity,))) == 0 else None


def _from_score(model: Any, q: Symbol, y: Symbol) -> Expr:
    """The same as an integral left to do: v = - (integral of the score times p, from the lower end to y) / p."""
    dummy = sympy.Dummy(y.name, **y._assumptions_orig)
    density = sympy.exp(model.log_density)
    return -Integral(sympy.diff(density, q).subs(y, dummy), (dummy, _lower_limit(model, y), y)) / density


def _lower_limit(model: Any, y: Symbol) -> Expr:
    support = model.support[0] if isinstance(model.support, (tuple, list)) else model.support
    return support.inf if isinstance(support, sympy.Set) else sympy.sympify(support[1], strict=True)


def _given_field(model: Any, forward_map: Any) -> ImmutableMatrix:
    y, theta = tuple(model.sample), tuple(model.parameters)
    if isinstance(forward_map, Mapping):
        forward_map = [[forward_map[q][a] for q in theta] for a in range(len(y))]
    field = ImmutableMatrix(forward_map if isinstance(forward_map, (list, tuple, sympy.MatrixBase)) else [forward_map])
    if field.shape != (len(y), len(theta)):
        raise InvalidModel(f"the forward map has shape {field.shape}, expected {len(y)} x {len(theta)}")
    for i, q in enumerate(theta):
        left = sympy.simplify(_carried(model, q, y, [field[a, i] for a in range(len(y))]))
        if left != 0:
            raise InvalidModel(
                f"the forward map does not carry the density: d_{q} p + d_y(v p) = ({left}) p, expected 0"
            )
    return field


def _discrete(model: Any) -> bool:
    axes = getattr(model, "axes", None)
    if axes is not None:
        return any(a.discrete for a in axes)
    support = model.support if isinstance(model.support, (tuple, list)) else (model.support,)
    return any(
        isinstance(s, (sympy.FiniteSet, sympy.Range)) or s in (sympy.S.Naturals0, sympy.S.Naturals, sympy.S.Integers)
        for s in support
    )


# ---------------------------------------------------------------------- where it is exact


def _exact_gaussian(dynamics: DynamicalBayes, tau: Symbol) -> tuple[ImmutableMatrix, ImmutableMatrix] | None:
    """(mean, covariance) in tau where D and ln prior are quadratic over the whole space."""
    if any((a, b) != (-sympy.oo, sympy.oo) for _, a, b in dynamics.limits):
        return None
    theta = list(dynamics.parameters)
    log = sympy.expand(sympy.expand_log(sympy.log(dynamics.prior), force=True) - dynamics.divergence / tau)
    if not log.is_polynomial(*theta) or sympy.Poly(log, *theta).total_degree() > 2:
        return None
    precision = -sympy.hessian(log, theta)
    if sympy.simplify(precision.det()) == 0:
        return None
    covariance = precision.inv().applyfunc(sympy.simplify)
    slope = sympy.Matrix([sympy.diff(log, p) for p in theta]).subs(dict.fromkeys(theta, 0))
    return ImmutableMatrix((covariance * slope).applyfunc(sympy.simplify)), ImmutableMatrix(covariance)


def _gaussian(theta: Sequence[Symbol], mean: ImmutableMatrix, covariance: ImmutableMatrix) -> Expr:
    from symrg.fokker_planck.linear import GaussianState

    return GaussianState(tuple(theta), mean, covariance).density
