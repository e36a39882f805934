r"""The dictionary between exact renormalisation and Bayesian inference, as maps of Fokker-Planck equations.

**From a flow to an inference.** In Polchinski's scheme dphi = -Cdot C^-1 phi ds + sqrt(Cdot) dW with s = -ln Lambda and
Cdot = dC/d ln Lambda. For theta = C_Lambda^-1 phi the drift cancels, and what is left is

    d_s pi = (1/2) (d C^-1 / ds)^ij d_i d_j pi ,

so that the transition density from Lambda_0 is N(theta_*, C_Lambda^-1 - C_0^-1). That is the posterior (16) of the
location theta_* of normal data with total Fisher information

    J(Lambda) = (C_Lambda^-1 - C_0^-1)^-1 ,

infinite at Lambda_0 and smaller at every lower scale: running to the infrared throws data away. It is exact for every
interaction, with the truth theta_* itself distributed as the bare theory says. Where C_Lambda^-1 - C_0^-1 = tau M
with M constant, all modes share one clock tau = 1/T and M is the inverse Fisher metric of one datum; else every mode
has its own clock, and data of falling precision come in.

**From an inference to a flow.** A Fokker-Planck equation in tau with D = (1/2) I^-1 and a drift that is a gradient is
a Wegner-Morris flow with regulator C = 2 D and ln Lambda = -tau.

Source: derived here; compare Berman, Klinger, arXiv:2212.11379; Cotler, Rezchikov, arXiv:2202.11737.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sympy import (
    Add,
    Dummy,
    Expr,
    ImmutableMatrix,
    Integral,
    Matrix,
    S,
    Symbol,
    cancel,
    diff,
    exp,
    integrate,
    log,
    oo,
    pi,
    simplify,
    sqrt,
    sympify,
)

from symrg.bayes import DynamicalBayes
from symrg.budget import Budget, OutOfTime, within
from symrg.erg import PolchinskiFlow, WegnerMorrisFlow
from symrg.errors import InvalidEquation, NoDetailedBalance
from symrg.fokker_planck import FokkerPlanck
from symrg.model import StatisticalModel
from symrg.typesetting import Typeset, latex

__all__ = ["BayesianInference", "InferredFlow", "bayesian_inference", "renormalisation_flow"]


@dataclass(frozen=True)
class BayesianInference(Typeset):
    """The inference of a location that an ERG flow undoes.

    Attributes:
        flow: the flow.
        start: Lambda_0, where the information is infinite.
        parameters: theta^i, one for each mode.
        frame: theta^i = frame_ij phi_j, with the scale in it.
        tau: the Symbol of the inverse time.
        clock: tau as a function of the scale, rising from 0 at `start` towards the infrared.
        covariance: of the posterior at the scale, J^-1.
        inverse_metric: I^ij = d J^-1 / d tau, in the scale; (1/2) I^ij is the diffusion of the posterior in tau.
    """

    flow: PolchinskiFlow | WegnerMorrisFlow
    start: Expr
    parameters: tuple[Symbol, ...]
    frame: ImmutableMatrix
    tau: Symbol
    clock: Expr
    covariance: ImmutableMatrix
    inverse_metric: ImmutableMatrix

    @property
    def one_clock(self) -> bool:
        """Whether all modes share one clock, so that the inference is that of identically distributed data."""
        return not self.inverse_metric.has(self.flow.scale)

    @property
    def information(self) -> ImmutableMatrix:
        """J, the total Fisher information of the data that are left at the scale."""
        return ImmutableMatrix(_tidy(self.covariance.inv()))

    @property
    def rate(self) -> Expr:
        """d tau / d(-ln Lambda)."""
        return _tidy(-self.flow.scale * diff(self.clock, self.flow.scale))

    def model(self) -> StatisticalModel:
        """One datum: y = theta + n with n ~ N(0, I^-1).

        Raises:
            InvalidEquation: the modes have clocks of their own: data of one law do not do.
        """
        if not self.one_clock:
            raise InvalidEquation(
                f"C^-1 - C_0^-1 = {self.covariance} is no function of the scale times a constant matrix: every mode "
                "has its own clock; use `covariance` and `information`"
            )
        sample = tuple(Symbol(f"y_{i + 1}", real=True) for i in range(len(self.parameters)))
        gap = Matrix(sample) - Matrix(self.parameters)
        exponent = (gap.T * self.inverse_metric.inv() * gap)[0]
        norm = log((2 * pi) ** len(sample) * self.inverse_metric.det())
        return StatisticalModel(-(exponent + norm) / 2, sample, self.parameters, (S.Reals,) * len(sample))

    def posterior(self, truth: Any) -> Expr:
        """N(truth, J^-1) in theta: what the data left at the scale say, on average (equation (16))."""
        return _normal(Matrix(self.parameters), Matrix(_listed(truth, len(self.parameters))), self.covariance)

    def fokker_planck(self) -> FokkerPlanck:
        """The equation of the posterior in theta and s = -ln Lambda: no drift, diffusion (1/2) d J^-1 / ds."""
        rate = (-self.flow.scale * diff(self.covariance, self.flow.scale)).applyfunc(_tidy)
        to_time = {self.flow.scale: exp(-self.flow.time)}
        zero = ImmutableMatrix.zeros(len(self.parameters), 1)
        return FokkerPlanck(self.parameters, zero, ImmutableMatrix(rate / 2).subs(to_time), time=self.flow.time)

    def field_density(self, truth: Any) -> Expr:
        """The posterior as a density of the field, P_Lambda[phi]: solves the flow, and is a point at `start`."""
        at = dict(zip(self.parameters, self.frame * Matrix(self.flow.modes)))
        return self.frame.det() * self.posterior(truth).subs(at, simultaneous=True)

    def evolved(self, bare: Expr) -> Expr:
        """P_Lambda[phi] from the density at `start`, interactions and all: the posterior averaged over the truth.

        Args:
            bare: P at `start`, an expression in the modes.

        Returns:
            an unevaluated Integral over the field at `start`.
        """
        fields = [Symbol(f"chi_{i + 1}", real=True) for i in range(len(self.parameters))]
        initial = self.frame.subs(self.flow.scale, self.start)
        weight = sympify(bare, strict=True).subs(dict(zip(self.flow.modes, fields)), simultaneous=True)
        return Integral(self.field_density(initial * Matrix(fields)) * weight, *((f, -oo, oo) for f in fields))

    def latex(self) -> str:
        """The two clocks and the two metrics side by side."""
        return (
            rf"{latex(self.tau)} = {latex(self.clock)}, \quad \mathcal{{I}}^{{ij}} = {latex(self.inverse_metric)},"
            rf" \quad \theta = {latex(self.frame)} \phi"
        )


@dataclass(frozen=True)
class InferredFlow(Typeset):
    """The ERG flow that an inference undoes.

    Attributes:
        flow: with regulator I^-1 and ln Lambda = -tau.
        exact: whether the exact density of the inference solves it.
        order: n where the cumulants agree up to tau^n; None where exact.
        density: the inference's own density with tau = -ln Lambda, or the Gaussian (16) where that is what there is.
    """

    flow: WegnerMorrisFlow
    exact: bool
    order: int | None
    density: Expr

    def latex(self) -> str:
        """The flow, with the order of what is left out."""
        text = self.flow.latex()
        return text if self.exact else rf"{text} \quad \left(\mathcal{{O}}(\tau^{{{self.order}}})\right)"


def bayesian_inference(
    flow: PolchinskiFlow | WegnerMorrisFlow, start: Any, tau: Symbol | None = None
) -> BayesianInference:
    """The inference that a flow from `start` to lower scales undoes.

    Args:
        flow: a Polchinski flow, or a Wegner-Morris flow whose regulator is free of the field and whose seed is a
            quadratic form; C times the seed's matrix must then commute with itself at other scales.
        start: Lambda_0, a positive number or Symbol.
        tau: the inverse time; left out, a positive Symbol tau.

    Raises:
        InvalidEquation: the regulator depends on the field, the seed is not quadratic, or the frame has no closed form.
    """
    initial = sympify(start, strict=True)
    if isinstance(flow, PolchinskiFlow):
        frame = ImmutableMatrix(_tidy(flow.covariance.inv()))
        covariance = ImmutableMatrix((frame - frame.subs(flow.scale, initial)).applyfunc(_tidy))
    else:
        frame, covariance = _moving_frame(flow, initial)
    n = len(flow.modes)
    clock = next((covariance[i, i] for i in range(n) if covariance[i, i] != 0), None)
    if clock is None:
        raise InvalidEquation("nothing flows: the regulator vanishes")
    pace = diff(clock, flow.scale)
    metric = ImmutableMatrix(diff(covariance, flow.scale).applyfunc(lambda e: _tidy(cancel(e / pace))))
    names = ("theta",) if n == 1 else tuple(f"theta_{i + 1}" for i in range(n))
    return BayesianInference(
        flow,
        initial,
        tuple(Symbol(name, real=True) for name in names),
        frame,
        tau if tau is not None else Symbol("tau", positive=True),
        clock,
        covariance,
        metric,
    )


def _moving_frame(flow: WegnerMorrisFlow, start: Expr) -> tuple[ImmutableMatrix, ImmutableMatrix]:
    """(M, J^-1) with theta = M phi driftless: dM/ds = M C A, d J^-1/ds = M C M^T, for the seed phi A phi / 2."""
    modes, scale = flow.modes, flow.scale
    if flow.regulator.has(*modes):
        raise InvalidEquation("the regulator depends on the field: no inference of normal data is undone by this flow")
    hessian = Matrix(len(modes), len(modes), lambda i, j: diff(flow.seed, modes[i], modes[j]))
    field = Matrix(modes)
    rest = _tidy(flow.seed - (field.T * hessian * field)[0] / 2)
    if hessian.has(*modes) or rest.has(*modes):
        raise InvalidEquation(
            f"the seed {flow.seed} is not a quadratic form: what the flow undoes is then no inference of normal data"
        )
    pull = (flow.regulator * hessian).applyfunc(_tidy)
    other = Dummy("Lambda", positive=True)
    late = pull.subs(scale, other)
    if _tidy(pull * late - late * pull) != Matrix.zeros(*pull.shape):
        raise InvalidEquation("C times the seed's matrix does not commute with itself at other scales: no closed frame")
    exponent = (late / other).applyfunc(lambda e: integrate(e, (other, scale, start)))
    frame = exponent.exp().applyfunc(_tidy)
    if frame.has(Integral):
        raise InvalidEquation(f"the integral of {pull} over ln {scale} has no closed form")
    speed = (frame * flow.regulator * frame.T).applyfunc(_tidy).subs(scale, other) / other
    covariance = speed.applyfunc(lambda e: _tidy(integrate(_tidy(e), (other, scale, start))))
    if covariance.has(Integral):
        raise InvalidEquation("the information that is lost has no closed form")
    return ImmutableMatrix(frame), ImmutableMatrix(covariance)


def renormalisation_flow(
    dynamics: DynamicalBayes,
    tau: Symbol | None = None,
    *,
    space: str = "parameters",
    scale: Symbol | None = None,
    budget: float | Budget | None = None,
) -> InferredFlow:
    """The Wegner-Morris flow that an inference undoes, with ln Lambda = -tau.

    Args:
        dynamics: model, truth and prior, from `symrg.bayes.dynamical_bayes`.
        tau: the inverse time; left out, a positive Symbol tau.
        space: "parameters" for the posterior, "observations" for the predictive density (equation (21)).
        scale: the Symbol Lambda; left out, a positive one of that name.
        budget: seconds for the whole call.

    Raises:
        InvalidEquation: another `space`, or discrete observations.
        NoDetailedBalance: the drift is no gradient in the metric.
    """
    tau = tau if tau is not None else Symbol("tau", positive=True)
    scale = scale if scale is not None else Symbol("Lambda", positive=True)
    if space == "parameters":
        found = dynamics.diffusion(tau, budget=budget)
        equation, exact, order, density = found.equation, found.exact, found.order, found.density
    elif space == "observations":
        seen = dynamics.predictive_diffusion(tau, budget=budget)
        if seen.equation is None:
            raise InvalidEquation(f"no flow of discrete observations: {seen.reason}")
        equation, exact, order = seen.equation, seen.exact, seen.residual_order
        density = dynamics.predictive(budget).subs(dynamics.time, 1 / tau) if exact else seen.expansion
    else:
        raise InvalidEquation(f"space is {space!r}; expected 'parameters' or 'observations'")
    regulator = (2 * equation.diffusion).applyfunc(_tidy)
    force = regulator.inv() * (equation.spurious_drift - equation.drift)  # d_i of the seed
    seed = _potential(force, equation.coordinates)
    to_scale = {tau: -log(scale)}
    flow = WegnerMorrisFlow(equation.coordinates, regulator.subs(to_scale), seed.subs(to_scale), scale)
    return InferredFlow(flow, exact, order, density.subs(to_scale))


def _potential(force: Matrix, coordinates: Sequence[Symbol]) -> Expr:
    """The function whose gradient is `force`, zero where the coordinates are.

    Raises:
        NoDetailedBalance: the curl is not zero.
    """
    for i, x in enumerate(coordinates):
        for j, z in enumerate(coordinates[:i]):
            curl = _tidy(diff(force[i], z) - diff(force[j], x))
            if curl != 0:
                raise NoDetailedBalance(f"the drift is no gradient in the metric: its curl in ({z}, {x}) is {curl}")
    total: Expr = S.Zero
    for i, x in enumerate(coordinates):
        rest = _tidy(force[i] - diff(total, x))
        total += integrate(rest, x)
    return Add(total)


_TIDYING = 1.0  # seconds an entry may take; what is not tidied is right all the same


def _tidy(expression: Any) -> Any:
    """A shorter form where one is found soon, entry by entry for matrices."""
    if hasattr(expression, "applyfunc"):
        return expression.applyfunc(_tidy)
    try:
        return within(_TIDYING, simplify, expression)
    except OutOfTime:
        return expression


def _normal(point: Matrix, mean: Matrix, covariance: Matrix) -> Expr:
    gap = point - mean
    norm = sqrt((2 * pi) ** len(point) * covariance.det())
    return exp(-(gap.T * covariance.inv() * gap)[0] / 2) / norm


def _listed(value: Any, size: int) -> list[Expr]:
    listed = list(value) if isinstance(value, (Sequence, Matrix, ImmutableMatrix)) else [value]
    if len(listed) != size:
        raise InvalidEquation(f"a truth has {size} components, given {len(listed)}")
    return [sympify(v, strict=True) for v in listed]
