"""Polchinski's flow on finitely many modes, derived from the conservation of the partition function.

P_Lambda = exp(-S_0 - S_int), S_0 = phi C^-1 phi / 2, C = K_Lambda G^-1 (Polchinski 1984; the talk, (6)-(11)). The flow
of S_int is not assumed: the most general velocity that is linear in phi and in d S_int is put into the continuity
equation, and (6) fixes every coefficient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

from sympy import (
    Add,
    Dummy,
    Expr,
    Function,
    ImmutableMatrix,
    Integral,
    Matrix,
    S,
    Symbol,
    cancel,
    count_ops,
    diff,
    exp,
    expand,
    expand_log,
    factor,
    log,
    oo,
    pi,
    powsimp,
    simplify,
    solve,
    sqrt,
    sympify,
)
from sympy.polys.polyerrors import PolynomialError

from symrg.budget import Declined
from symrg.erg.field import Cutoff, as_matrix, as_modes, require_symmetric
from symrg.erg.wegner_morris import WegnerMorrisFlow, independent_derivatives
from symrg.errors import InvalidEquation, SymrgError
from symrg.fokker_planck import FokkerPlanck
from symrg.fokker_planck.identity import vanishes
from symrg.typesetting import Typeset, latex

if TYPE_CHECKING:
    from symrg.erg.functional_statements import FunctionalStatement


@dataclass(frozen=True)
class DerivedFlow:
    """What the conservation of the partition function says of the flow, with t = ln Lambda.

    d_t S_int = quadratic_ij d_i S d_j S + laplacian_ij d_i d_j S + constant, carried by the field velocity
    -(potential_ij d_j S + linear_ij phi_j) in d_t P = -d_i(v^i P).
    """

    quadratic: ImmutableMatrix
    laplacian: ImmutableMatrix
    constant: Expr
    potential: ImmutableMatrix
    linear: ImmutableMatrix


@dataclass(frozen=True)
class PrintedForm:
    """The flow in the talk's symbols: d_t P = diffusion_factor C d d P + drift_factor d(P C d V)."""

    regulator: ImmutableMatrix
    potential: Expr
    diffusion_factor: Expr
    drift_factor: Expr


@dataclass(frozen=True, init=False)
class PolchinskiFlow(Typeset):
    """Polchinski's exact RG for n real modes.

    Args:
        modes: real Symbols phi_1 .. phi_n.
        kernel: G, symmetric positive n x n (or n diagonal entries, or a scalar): it multiplies phi phi in the action.
        cutoff: K_Lambda, a scalar, n diagonal entries or an n x n matrix, in the scale; K G^-1 must be symmetric.
        scale: the Symbol Lambda, positive.
        interaction: S_int at some scale, an expression in the modes (optional; an undefined function stands for it).
        time: the Symbol s = -ln Lambda of the Fokker-Planck equation.

    Raises:
        InvalidEquation: a singular kernel, a covariance that is not symmetric, shapes that differ.
    """

    modes: tuple[Symbol, ...]
    kernel: ImmutableMatrix
    cutoff: ImmutableMatrix
    scale: Symbol
    interaction: Expr
    time: Symbol

    def __init__(
        self,
        modes: Any,
        kernel: Any,
        cutoff: Any,
        scale: Symbol,
        interaction: Any = None,
        time: Symbol | None = None,
    ):
        modes = as_modes(modes)
        if not isinstance(scale, Symbol) or not scale.is_positive:
            raise InvalidEquation(f"the scale must be a Symbol with positive=True, given {scale!r}")
        n = len(modes)
        kernel_matrix = as_matrix(kernel, n, "the kernel G")
        cutoff_matrix = as_matrix(cutoff, n, "the cutoff K")
        require_symmetric(kernel_matrix, "the kernel G")
        for name, matrix in (("kernel G", kernel_matrix), ("cutoff K", cutoff_matrix)):
            if simplify(matrix.det()) == 0:
                raise InvalidEquation(f"the {name} = {matrix} is singular, so the free action does not exist")
        require_symmetric(simplify(cutoff_matrix * kernel_matrix.inv()), "the covariance C = K G^-1")
        action = (
            Function(r"S_int", real=True)(*modes, scale) if interaction is None else sympify(interaction, strict=True)
        )
        for name, value in (
            ("modes", modes),
            ("kernel", kernel_matrix),
            ("cutoff", cutoff_matrix),
            ("scale", scale),
            ("interaction", action),
            ("time", time if time is not None else Symbol("s", real=True)),
        ):
            object.__setattr__(self, name, value)

    @classmethod
    def scalar_field(
        cls,
        modes: Sequence[Symbol],
        momenta_squared: Sequence[Any],
        mass_squared: Any,
        cutoff: Cutoff,
        scale: Symbol,
        interaction: Any = None,
    ) -> PolchinskiFlow:
        """A free scalar in momentum modes: G = p^2 + m^2 and K = cutoff(p^2, Lambda), both diagonal."""
        squares = [sympify(p2, strict=True) for p2 in momenta_squared]
        kernel = [p2 + sympify(mass_squared, strict=True) for p2 in squares]
        return cls(modes, kernel, [cutoff(p2, scale) for p2 in squares], scale, interaction)

    @property
    def field(self) -> ImmutableMatrix:
        """phi as a column."""
        return ImmutableMatrix(self.modes)

    @property
    def covariance(self) -> ImmutableMatrix:
        """The regulated two-point function C_Lambda = K_Lambda G^-1 of the free theory."""
        return ImmutableMatrix((self.cutoff * self.kernel.inv()).applyfunc(_tidied))

    @property
    def regulator(self) -> ImmutableMatrix:
        """d C_Lambda / d ln Lambda = G^-1 dK/d ln Lambda."""
        return ImmutableMatrix((self.scale * diff(self.covariance, self.scale)).applyfunc(_tidied))

    @property
    def free_action(self) -> Expr:
        """S_0 = phi^T C^-1 phi / 2."""
        return expand((self.field.T * self.covariance.inv() * self.field)[0] / 2)

    def derived(self) -> DerivedFlow:
        """Solve the continuity equation for the flow of an arbitrary interaction.

        With P = exp(-S_0 - S), the ansatz d_t S = a_ij S_i S_j + b_ij S_ij + c and d_t P = d_i(P(alpha_ij S_j + beta_ij
        phi_j)) must agree for every S; S_i and S_ij are independent, so their coefficients vanish one by one. The
        rotations of the free Gaussian (velocities that leave it alone) are set aside by taking C beta symmetric.

        Raises:
            SymrgError: the conditions have no solution (they always have one for a symmetric covariance).
        """
        return _derived(self)

    def _continuity(self) -> DerivedFlow:
        n = len(self.modes)
        action = Function("S", real=True)(*self.modes)
        _, first, second = independent_derivatives(action, self.modes)
        names = iter(range(10**6))

        def symmetric() -> Matrix:
            entries = {(i, j): Dummy(f"u{next(names)}") for i in range(n) for j in range(i, n)}
            return Matrix(n, n, lambda i, j: entries[min(i, j), max(i, j)])

        a, b, alpha, beta_covariance = symmetric(), symmetric(), symmetric(), symmetric()
        constant = Dummy("c")
        covariance = Matrix(self.covariance)
        inverse = covariance.inv(method="ADJ" if n < 4 else "LU").applyfunc(cancel)
        beta = beta_covariance * inverse
        gradient, hessian = Matrix(first), Matrix(n, n, lambda i, j: second[min(i, j), max(i, j)])
        # in psi = C^-1 phi, as independent as phi, every condition but the constant one has numbers for coefficients
        force = Matrix([Dummy(f"psi{i}") for i in range(n)])
        inverse_rate = (self.scale * diff(inverse, self.scale)).applyfunc(cancel)
        free_rate_matrix = (covariance * inverse_rate).applyfunc(cancel) * covariance
        free_rate = (force.T * free_rate_matrix.applyfunc(_tidied) * force)[0] / 2
        interaction_rate = (gradient.T * a * gradient)[0] + (b * hessian).trace() + constant
        velocity = alpha * gradient + beta_covariance * force
        divergence = (alpha * hessian).trace() + beta.trace() - ((force + gradient).T * velocity)[0]
        variables = [*first, *second.values(), *force]
        condition = expand(-(free_rate + interaction_rate) - divergence)
        unknowns = sorted({*a, *b, *alpha, *beta_covariance, constant}, key=str)
        try:
            equations = condition.as_poly(*variables).coeffs()
        except (PolynomialError, AttributeError) as error:
            raise SymrgError(f"the continuity equation is not polynomial in the modes: {error}") from error
        solutions = solve(equations, unknowns, dict=True)
        if len(solutions) != 1:
            raise SymrgError("the continuity equation does not fix the flow; is the covariance K G^-1 symmetric?")
        found = solutions[0]
        free = {u: S.Zero for u in unknowns if u not in found}

        def value(matrix: Matrix) -> ImmutableMatrix:
            return ImmutableMatrix(matrix.subs(found).subs(free).applyfunc(_tidied))

        return DerivedFlow(value(a), value(b), _tidied(found[constant].subs(free)), value(alpha), value(beta))

    def action_flow(self, interaction: Any = None) -> Expr:
        """d S_int / d ln Lambda as (6) requires it: (Cdot_ij (S_i S_j - S_ij) + tr(C^-1 Cdot)) / 2.

        The coefficients come from `derived`; the last term, free of the field, keeps the partition function itself and
        not only its ratio to the free one.

        Args:
            interaction: an expression in the modes; by default the flow's own.
        """
        action = self.interaction if interaction is None else sympify(interaction, strict=True)
        flow = self.derived()
        return flow.constant + Add(
            *(
                flow.quadratic[i, j] * diff(action, x) * diff(action, y) + flow.laplacian[i, j] * diff(action, x, y)
                for i, x in enumerate(self.modes)
                for j, y in enumerate(self.modes)
            )
        )

    def wegner_morris(self) -> WegnerMorrisFlow:
        """The same flow as a Wegner-Morris one: regulator dC/d ln Lambda, seed S_0."""
        return WegnerMorrisFlow(self.modes, self.regulator, self.free_action, self.scale, self.time)

    def fokker_planck(self) -> FokkerPlanck:
        """The equation of P in s = -ln Lambda, in the project's convention.

        Built from `derived`: v = -(potential dS + linear phi) with dS = -d ln P - C^-1 phi, so that the diffusion
        is dC/d ln Lambda / 2 and the drift -dC/d ln Lambda C^-1 phi.
        """
        flow = self.derived()
        # d_t P = d_i( alpha_ij (-d_j P - (C^-1 phi)_j P) + beta_ij phi_j P ); s = -t turns every sign.
        drift = -(flow.potential * self.covariance.inv() - flow.linear) * self.field
        to_time = {self.scale: exp(-self.time)}
        return FokkerPlanck(
            self.modes,
            ImmutableMatrix(drift.applyfunc(_tidied)).subs(to_time),
            flow.potential.subs(to_time),
            time=self.time,
        )

    def printed_form(self) -> PrintedForm:
        """The talk's C^Pol = G^-1 dK/d ln Lambda and V^Pol = phi G K^-1 phi, with the factors that (8)-(10) need.

        The factors are solved for: d_t P = x C d d P + y d(P C d V) is matched, term by term, with the flow derived
        from (6). The powers of 2 pi of momentum space are absorbed in the modes' normalisation.
        """
        regulator = ImmutableMatrix((self.scale * diff(self.cutoff, self.scale) * self.kernel.inv()).applyfunc(_tidied))
        potential = expand((self.field.T * self.kernel * self.cutoff.inv() * self.field)[0])
        flow = self.derived()
        bend = Matrix([[diff(potential, a, b) for b in self.modes] for a in self.modes])
        drift = flow.potential * self.covariance.inv() - flow.linear
        return PrintedForm(
            regulator,
            potential,
            _factor(-flow.potential, regulator, "diffusion"),
            _factor(-drift, regulator * bend, "drift"),
        )

    def functional(self, notation: Literal["momentum", "position"] = "momentum") -> tuple[FunctionalStatement, ...]:
        """(4) and (6)-(11) with functional derivatives and integrals; each becomes a claim on this flow's modes.

        Args:
            notation: "momentum" for kernels C(p^2), which a claim needs diagonal; "position" for C(x, y).
        """
        from symrg.erg.functional_statements import polchinski_statements

        return polchinski_statements(self, notation)

    def convolution(self, interaction: Any, start: Any, end: Any) -> Expr:
        """exp(-S_int) at the scale `end`, from S_int at the higher scale `start`: an exact Gaussian average.

        exp(-S_end(phi)) = E_chi exp(-S_start(phi + chi)) with chi ~ N(0, C_start - C_end), times the ratio of the free
        partition functions, sqrt(det C_start / det C_end), which (6) demands.

        Returns:
            an unevaluated Integral over the modes that are integrated out.

        Raises:
            InvalidEquation: C_start - C_end is singular, so that some mode does not flow.
        """
        difference = simplify(self.covariance.subs(self.scale, start) - self.covariance.subs(self.scale, end))
        determinant = simplify(difference.det())
        if determinant == 0:
            raise InvalidEquation(
                f"C({start}) - C({end}) = {difference} is singular: a mode does not flow; leave it out"
            )
        chi = Matrix([Symbol(f"chi_{i + 1}", real=True) for i in range(len(self.modes))])
        shifted = sympify(interaction, strict=True).subs({m: m + c for m, c in zip(self.modes, chi)}, simultaneous=True)
        gaussian = exp(-(chi.T * difference.inv() * chi)[0] / 2) / sqrt((2 * pi) ** len(self.modes) * determinant)
        ratio = sqrt(self.covariance.subs(self.scale, start).det() / self.covariance.subs(self.scale, end).det())
        return simplify(ratio) * Integral(exp(-shifted) * gaussian, *((c, -oo, oo) for c in chi))

    def gaussian_interaction(self, mass_matrix: Any, start: Any) -> Expr:
        """S_int at the scale Lambda when S_int = phi^T M phi / 2 at `start`: the closed form of the convolution.

        M(Lambda) = (M^-1 + C_start - C_Lambda)^-1 with the field-free part that (6) demands.
        """
        n = len(self.modes)
        matrix = as_matrix(mass_matrix, n, "the mass matrix")
        require_symmetric(matrix, "the mass matrix")
        identity = Matrix.eye(n)
        initial = self.covariance.subs(self.scale, start)
        difference = initial - self.covariance
        flowed = simplify((identity + matrix * difference).inv() * matrix)
        constant = log((identity + matrix * difference).det()) / 2 - log(initial.det() / self.covariance.det()) / 2
        quadratic = (factor(entry) * x * y for entry, (x, y) in zip(flowed, product(self.modes, repeat=2)))
        return Add(*quadratic) / 2 + simplify(constant)

    def latex(self) -> str:
        """The flow of the interaction with its covariance written out."""
        return (
            r"\frac{\partial S_{\mathrm{int}}}{\partial \ln\Lambda} = \frac{1}{2}\,\dot C^{ij}\left(\partial_i"
            r" S_{\mathrm{int}}\, \partial_j S_{\mathrm{int}} - \partial_i \partial_j S_{\mathrm{int}} \right)"
            r" + \frac{1}{2} \mathrm{tr}\, C^{-1} \dot C,\quad"
            rf" C = {latex(self.covariance)}"
        )


def _tidied(entry: Expr) -> Expr:
    """Over a common denominator, and simplified where that is not long."""
    if entry.has(log):
        entry = entry.replace(log, lambda u: expand_log(log(factor(u))))  # one form for equal logarithms
    joined = cancel(entry)
    short = min((powsimp(joined), powsimp(factor(joined))), key=count_ops) if count_ops(joined) < 200 else joined
    return short


@lru_cache(maxsize=64)
def _derived(flow: PolchinskiFlow) -> DerivedFlow:
    return flow._continuity()


def _same(one: Expr, other: Expr) -> bool:
    try:
        return vanishes(one - other)
    except Declined:
        return bool(simplify(one - other) == 0)


def _factor(wanted: Matrix, given: Matrix, what: str) -> Expr:
    """The number by which one matrix is another one.

    Raises:
        SymrgError: there is none.
    """
    pairs = [(_tidied(w), _tidied(g)) for w, g in zip(wanted, given)]
    ratio = next((_tidied(w / g) for w, g in pairs if g != 0), S.Zero)
    if not all(w == ratio * g or _same(w, ratio * g) for w, g in pairs):
        raise SymrgError(f"the printed form does not match the {what} of the flow with a constant factor")
    return ratio
