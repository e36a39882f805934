"""The Wegner-Morris flow: any seed action, any regulator (Latorre and Morris 2000; Cotler and Rezchikov 2022).

With s = -ln Lambda, S = -ln P and the scheme function Sigma = S - 2 S_seed,

    d_s P = d_i( C_ij d_j P / 2 + P C_ij d_j S_seed ) = -d_i( P C_ij d_j Sigma ) / 2 ,

which conserves the integral of P because it is a divergence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sympy import Add, Derivative, Expr, ImmutableMatrix, Symbol, diff, exp, log, sympify
from sympy.core.function import AppliedUndef

from symrg.erg.field import as_matrix, as_modes, require_symmetric
from symrg.errors import InvalidEquation
from symrg.fokker_planck import FokkerPlanck
from symrg.typesetting import Typeset, latex

if TYPE_CHECKING:
    from symrg.erg.functional_statements import FunctionalStatement


@dataclass(frozen=True, init=False)
class WegnerMorrisFlow(Typeset):
    """An exact RG flow of P_Lambda[phi] on finitely many modes.

    Args:
        modes: real Symbols phi_1 .. phi_n.
        regulator: C_ij, symmetric n x n (or n diagonal entries, or a scalar); may depend on the scale and on phi.
        seed: the seed action, an expression in phi and the scale.
        scale: the Symbol Lambda, positive.
        time: the Symbol s = -ln Lambda of the Fokker-Planck equation.

    Raises:
        InvalidEquation: modes that are not real Symbols, a scale that is not positive, an asymmetric regulator.
    """

    modes: tuple[Symbol, ...]
    regulator: ImmutableMatrix
    seed: Expr
    scale: Symbol
    time: Symbol

    def __init__(self, modes: Any, regulator: Any, seed: Any, scale: Symbol, time: Symbol | None = None):
        modes = as_modes(modes)
        if not isinstance(scale, Symbol) or not scale.is_positive:
            raise InvalidEquation(f"the scale must be a Symbol with positive=True, given {scale!r}")
        matrix = as_matrix(regulator, len(modes), "the regulator")
        require_symmetric(matrix, "the regulator")
        for name, value in (
            ("modes", modes),
            ("regulator", matrix),
            ("seed", sympify(seed, strict=True)),
            ("scale", scale),
            ("time", time if time is not None else Symbol("s", real=True)),
        ):
            object.__setattr__(self, name, value)

    def scheme_function(self, action: Expr) -> Expr:
        """Sigma = S - 2 S_seed for an action S = -ln P."""
        return action - 2 * self.seed

    def velocity(self, action: Expr) -> ImmutableMatrix:
        """The field velocity v^i = C_ij d_j Sigma / 2 by which d_s P = -d_i(v^i P)."""
        sigma = self.scheme_function(action)
        return ImmutableMatrix(
            [
                Add(*(self.regulator[i, j] * diff(sigma, phi) for j, phi in enumerate(self.modes))) / 2
                for i in range(len(self.modes))
            ]
        )

    def action_flow(self, action: Expr) -> Expr:
        """d S / d ln Lambda = ( C_ij d_i S d_j Sigma - d_i(C_ij d_j Sigma) ) / 2 for S = -ln P.

        Args:
            action: an expression in the modes, or an undefined function of them.
        """
        velocity = self.velocity(action)
        return Add(*(velocity[i] * diff(action, phi) - diff(velocity[i], phi) for i, phi in enumerate(self.modes)))

    def fokker_planck(self) -> FokkerPlanck:
        """The equation of P in s = -ln Lambda: D = C/2, mu^i = -C_ij d_j S_seed + d_j C_ij / 2.

        The last term of the drift is what a regulator that depends on the field adds in the Ito divergence form.
        """
        drift = [
            Add(
                *(
                    -self.regulator[i, j] * diff(self.seed, phi) + diff(self.regulator[i, j], phi) / 2
                    for j, phi in enumerate(self.modes)
                )
            )
            for i in range(len(self.modes))
        ]
        to_time = {self.scale: exp(-self.time)}
        return FokkerPlanck(
            self.modes,
            ImmutableMatrix(drift).subs(to_time),
            (self.regulator / 2).subs(to_time),
            time=self.time,
        )

    def reference(self) -> Expr:
        """exp(-2 S_seed), not normalised: the flow descends the relative entropy to it."""
        return exp(-2 * self.seed)

    def residual(self, density: Expr) -> Expr:
        """d_s P minus the right side, for a density given in the modes and the scale; 0 where it solves the flow."""
        to_scale = {self.time: -log(self.scale)}
        right = self.fokker_planck().rhs(density.subs(self.scale, exp(-self.time))).subs(to_scale)
        return -self.scale * diff(density, self.scale) - right

    def functional(self, notation: Literal["momentum", "position"] = "position") -> tuple[FunctionalStatement, ...]:
        """The flow with functional derivatives and integrals; each statement becomes a claim on this flow's modes.

        Args:
            notation: "position" for C(x, y); "momentum" for C(p^2), which a claim needs diagonal and free of the field.
        """
        from symrg.erg.functional_statements import wegner_morris_statements

        return wegner_morris_statements(self, notation)

    def latex(self) -> str:
        """The flow in divergence form, with the regulator and the seed written out."""
        return (
            r"-\frac{\partial P_\Lambda}{\partial \ln\Lambda} = \frac{1}{2}\,\partial_i\left("
            r" C^{ij} \partial_j P_\Lambda + 2 P_\Lambda C^{ij} \partial_j \hat{S} \right),\quad"
            rf" C = {latex(self.regulator)},\quad \hat{{S}} = {latex(self.seed)}"
        )


def independent_derivatives(
    action: AppliedUndef, modes: Sequence[Symbol]
) -> tuple[dict[Derivative, Symbol], list[Symbol], dict[tuple[int, int], Symbol]]:
    """Stand-ins for the first and second derivatives of an arbitrary action, which are independent at a point.

    Returns:
        the replacement, the symbols of d_i S, and those of d_i d_j S with i <= j.
    """
    first = [Symbol(f"S_{i + 1}", real=True) for i in range(len(modes))]
    second = {(i, j): Symbol(f"S_{i + 1}{j + 1}", real=True) for i in range(len(modes)) for j in range(i, len(modes))}
    replacement = {diff(action, phi): first[i] for i, phi in enumerate(modes)}
    replacement |= {diff(action, modes[i], modes[j]): symbol for (i, j), symbol in second.items()}
    return replacement, first, second
