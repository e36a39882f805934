r"""Exact renormalisation as optimal transport: the flow descends a relative entropy (arXiv:2202.11737).

A Wegner-Morris flow d_s P = d_i( C_ij d_j P / 2 + P C_ij d_j S_seed ), s = -ln Lambda, is

    d_s P = div( P (C/2) grad  delta/delta P  D_KL(P || Q_s) ),      Q_s = exp(-2 S_seed) / Z_s,

the steepest descent, in the Wasserstein metric with the mobility C/2, of the relative entropy to a reference that moves
with the scale (Jordan, Kinderlehrer, Otto 1998; Cotler, Rezchikov 2022). Along the flow

    d_s D_KL(P || Q_s) = -(1/2) E_P[ C_ij d_i r d_j r ] - E_P[ d_s ln Q_s ],     r = ln(P / Q_s),

so the moving of the reference may outweigh the descent, and D_KL(P || Q_s) by itself is no monotone. The last term is
absent for a reference that solves the flow as well: D_KL(P || P_free) with the free theory in Polchinski's scheme. In
rescaled fields C_Lambda^-1/2 phi the two are the same thing, for there Q stands still and is the free theory. That
relative entropy is the monotone: it never rises towards the infrared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import (
    Add,
    Dummy,
    Expr,
    Function,
    ImmutableMatrix,
    Matrix,
    cancel,
    diff,
    exp,
    log,
    simplify,
    sympify,
)

from symrg.derivation import Derivation
from symrg.erg.field import as_matrix, require_symmetric
from symrg.erg.polchinski import PolchinskiFlow
from symrg.erg.wegner_morris import WegnerMorrisFlow
from symrg.errors import InvalidEquation
from symrg.fokker_planck import FokkerPlanck
from symrg.typesetting import Typeset, latex

__all__ = ["TransportFlow", "free_relative_entropy", "relative_entropy_rate", "rescaled_flow"]


@dataclass(frozen=True, init=False)
class TransportFlow(Typeset):
    """A flow read as the steepest descent of a relative entropy.

    Args:
        flow: a Wegner-Morris or Polchinski flow.

    Attributes:
        flow: in Wegner-Morris form.
    """

    flow: WegnerMorrisFlow

    def __init__(self, flow: WegnerMorrisFlow | PolchinskiFlow):
        object.__setattr__(self, "flow", flow.wegner_morris() if isinstance(flow, PolchinskiFlow) else flow)

    @property
    def mobility(self) -> ImmutableMatrix:
        """C/2: the inverse of the metric in which lengths of transport are measured."""
        return ImmutableMatrix(self.flow.regulator / 2)

    @property
    def reference(self) -> Expr:
        """Q_s = exp(-2 S_seed), not normalised."""
        return self.flow.reference()

    def first_variation(self, density: Expr, reference: Expr | None = None) -> Expr:
        """delta D_KL(P || Q) / delta P = ln(P/Q) + 1, as the derivative of the integrand P ln(P/Q) by P."""
        value = Dummy("P", positive=True)
        against = -2 * self.flow.seed if reference is None else log(reference)
        integrand = value * (log(value) - against)
        return diff(integrand, value).subs(value, density)

    def velocity(self, density: Expr, reference: Expr | None = None) -> ImmutableMatrix:
        """The velocity of steepest descent, v^i = -(C_ij/2) d_j delta D_KL / delta P."""
        slope = Matrix([diff(self.first_variation(density, reference), m) for m in self.flow.modes])
        return ImmutableMatrix(-self.mobility * slope)

    def descent(self, density: Expr, reference: Expr | None = None) -> Expr:
        """d_s P of the steepest descent: -d_i(P v^i). Another reference gives another flow."""
        velocity = self.velocity(density, reference)
        return Add(*(-diff(density * v, m) for v, m in zip(velocity, self.flow.modes)))

    def derivation(self) -> Derivation:
        """From the Fokker-Planck equation of the flow to the gradient of the relative entropy, for any density."""
        density = self._density("P")
        right = self.flow.fokker_planck().rhs(density).subs(self.flow.time, -log(self.flow.scale)).doit()
        current = [
            Add(
                *(
                    self.flow.regulator[i, j] * (diff(density, m) / 2 + density * diff(self.flow.seed, m))
                    for j, m in enumerate(self.flow.modes)
                )
            )
            for i in range(len(self.flow.modes))
        ]
        return (
            Derivation("The flow as a gradient flow", right, notation=r"-\frac{d P_\Lambda}{d\ln\Lambda}")
            .step(Add(*(diff(c, m) for c, m in zip(current, self.flow.modes))), "a divergence, as (6) demands")
            .step(
                self.descent(density),
                r"the current is $P \frac{C}{2} \nabla \frac{\delta}{\delta P} D_{KL}(P \parallel e^{-2 \hat S})$",
            )
        )

    def entropy_balance(self) -> Derivation:
        r"""The rate of P ln(P/Q) for two solutions P, Q of the flow: minus a square, but for a divergence.

        The square is (1/2) P C_ij d_i r d_j r with r = ln(P/Q); the divergence integrates to zero where the currents
        vanish at infinity, so that D_KL(P || Q) never rises with s.
        """
        p, q = self._density("P"), self._density("Q")
        equation, back = self.flow.fokker_planck(), {self.flow.time: -log(self.flow.scale)}
        rate_p, rate_q = (equation.rhs(d).subs(back).doit() for d in (p, q))
        ratio = log(p / q)
        current_p, current_q = (
            [
                Add(
                    *(
                        self.flow.regulator[i, j] * (diff(d, m) / 2 + d * diff(self.flow.seed, m))
                        for j, m in enumerate(self.flow.modes)
                    )
                )
                for i in range(len(self.flow.modes))
            ]
            for d in (p, q)
        )
        carried = Add(*(diff((1 + ratio) * a - p / q * b, m) for a, b, m in zip(current_p, current_q, self.flow.modes)))
        return Derivation(
            "Relative entropy of two solutions of one flow",
            (1 + ratio) * rate_p - p / q * rate_q,
            notation=r"\frac{\partial}{\partial s} P \ln\frac{P}{Q}",
        ).step(
            carried - self.dissipation(p, q),
            r"a divergence and $-\frac{1}{2} P C^{ij} \partial_i \ln\frac{P}{Q} \partial_j \ln\frac{P}{Q}$",
        )

    def dissipation(self, density: Expr, reference: Expr | None = None) -> Expr:
        """(1/2) P C_ij d_i r d_j r with r = ln(P/Q), Q the moving reference where none is given."""
        against = -2 * self.flow.seed if reference is None else log(reference)
        slope = Matrix([diff(log(density) - against, m) for m in self.flow.modes])
        return density * (slope.T * self.mobility * slope)[0]

    def _density(self, name: str) -> Expr:
        return Function(name, positive=True)(*self.flow.modes)

    def latex(self) -> str:
        """The flow as a gradient flow, with mobility and reference written out."""
        return (
            r"-\frac{\partial P_\Lambda}{\partial \ln\Lambda} = \nabla \cdot \left( P_\Lambda\, \tfrac{1}{2} C\, \nabla"
            r" \frac{\delta}{\delta P} D_{KL}(P_\Lambda \parallel Q_\Lambda) \right),\quad"
            rf" \tfrac{{1}}{{2}} C = {latex(self.mobility)},\quad Q_\Lambda \propto {latex(self.reference)}"
        )


def rescaled_flow(flow: PolchinskiFlow) -> FokkerPlanck:
    """Polchinski's flow of phi' = C_Lambda^-1/2 phi, in s: drift -(1/2) B phi', diffusion B/2, B = C^-1/2 Cdot C^-1/2.

    The reference stands still there: N(0, 1), the free theory.

    Raises:
        InvalidEquation: more than one mode with a C that does not commute with its derivative.
    """
    covariance = Matrix(flow.covariance)
    rate = Matrix(flow.regulator)
    if not (covariance * rate - rate * covariance).applyfunc(simplify).is_zero_matrix:
        raise InvalidEquation(
            "C and dC/d ln Lambda do not commute: C^-1/2 phi is then no frame in which the reference stands still; "
            "use modes in which C is diagonal"
        )
    pace = (covariance.inv() * rate).applyfunc(simplify)
    to_time = {flow.scale: exp(-flow.time)}
    return FokkerPlanck(
        flow.modes,
        ImmutableMatrix(-pace * Matrix(flow.modes) / 2).subs(to_time),
        ImmutableMatrix(pace / 2).subs(to_time),
        time=flow.time,
    )


def free_relative_entropy(flow: PolchinskiFlow, mass_matrix: Any, start: Any, mean: Any = None) -> Expr:
    """D_KL(P_Lambda || P_free) in closed form, for S_int = phi^T M phi / 2 at `start` (and a mean field there).

    P_Lambda is normal with the covariance (C^-1 + M_Lambda)^-1; a mean m at `start` flows as C_Lambda C_start^-1 m.

    Args:
        flow: Polchinski's.
        mass_matrix: M at the scale `start`, symmetric (a scalar, n diagonal entries or n x n).
        start: the scale at which the interaction is M.
        mean: of P at `start`, n entries; zero by default.
    """
    n = len(flow.modes)
    mass = as_matrix(mass_matrix, n, "the mass matrix")
    require_symmetric(mass, "the mass matrix")
    free = Matrix(flow.covariance)
    initial = free.subs(flow.scale, sympify(start, strict=True))
    # P is the transition density N(F phi, C - F C_0 F^T), F = C C_0^-1, averaged over P at `start`
    pull = free * initial.inv()
    bare = (initial.inv() + mass).inv()
    covariance = (free + pull * (bare - initial) * pull.T).applyfunc(cancel)
    ratio = (free.inv() * covariance).applyfunc(cancel)
    entropy = (ratio.trace() - n - log(cancel(ratio.det()))) / 2
    if mean is not None:
        listed = list(mean) if hasattr(mean, "__iter__") else [mean]
        if len(listed) != n:
            raise InvalidEquation(f"a mean has {n} components, given {len(listed)}")
        shift = pull * Matrix(listed)
        entropy += (shift.T * free.inv() * shift)[0] / 2
    return entropy


def relative_entropy_rate(flow: PolchinskiFlow, mass_matrix: Any, start: Any) -> Expr:
    """Minus the dissipation, -(1/2) E_P[Cdot_ij d_i r d_j r] with r = ln(P/P_free), P as in `free_relative_entropy`.

    r is quadratic, d r = (C^-1 - Sigma^-1) phi, so that the mean is a trace.
    """
    n = len(flow.modes)
    mass = as_matrix(mass_matrix, n, "the mass matrix")
    free = Matrix(flow.covariance)
    initial = free.subs(flow.scale, sympify(start, strict=True))
    pull = free * initial.inv()
    covariance = (free + pull * ((initial.inv() + mass).inv() - initial) * pull.T).applyfunc(cancel)
    gap = (free.inv() - covariance.inv()).applyfunc(cancel)
    return cancel(-(gap * Matrix(flow.regulator) * gap * covariance).trace() / 2)
