"""Equilibrium: stationary density, detailed balance, entropy production, gradient flow.

With D invertible the current vanishes for p = exp(phi) exactly when d_i phi = F_i,

    F_i = (D^-1)_ij (mu^j - d_k D^jk),

so detailed balance holds when the thermodynamic force F is free of curl. With coordinates of odd parity under time
reversal, epsilon_i = -1 for velocities, the drift splits into a reversible and an irreversible part,

    r^i(x) = (mu^i(x) - epsilon_i mu^i(epsilon x)) / 2,      d^i(x) = (mu^i(x) + epsilon_i mu^i(epsilon x)) / 2,

and detailed balance means that the irreversible current d^i p - d_j(D^ij p) vanishes and d_i(r^i p) = 0. That covers
degenerate diffusion (Kramers).

Source: Risken (1989), secs. 4.7 and 6.4; Gardiner (2009), sec. 5.3; Jordan, Kinderlehrer, Otto, SIAM J. Math. Anal.
29 (1998) 1; Van den Broeck and Esposito, Phys. Rev. E 82 (2010) 011144.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Any

import sympy
from sympy import Expr, ImmutableMatrix, Symbol

from symrg.budget import Budget
from symrg.errors import InvalidEquation, NoDetailedBalance
from symrg.fokker_planck.domain import Domain, Limits, require_diffusion
from symrg.fokker_planck.equation import FokkerPlanck
from symrg.fokker_planck.normalisation import integral, normalised
from symrg.fokker_planck.ring import boundary_kind, circulations, closing, independent_rings, ring_state
from symrg.typesetting import Typeset, latex

__all__ = [
    "DetailedBalance",
    "EntropyProduction",
    "GradientFlow",
    "detailed_balance",
    "entropy_production",
    "gradient_flow",
    "stationary_density",
    "thermodynamic_force",
]


@dataclass(frozen=True)
class DetailedBalance(Typeset):
    """Whether detailed balance holds, and why.

    Attributes:
        holds: the verdict.
        reason: one sentence.
        parities: epsilon_i of the coordinates, in order.
        curl: (i, j, d_i F_j - d_j F_i) for i < j; empty where the diffusion is degenerate.
        log_density: phi with p = exp(phi), up to a constant, where it was found.
        circulation: (coordinate, integral of F once around) for each coordinate that closes to a ring.
    """

    holds: bool
    reason: str
    parities: tuple[int, ...]
    curl: tuple[tuple[int, int, Expr], ...] = ()
    log_density: Expr | None = None
    circulation: tuple[tuple[Symbol, Expr], ...] = ()

    def __bool__(self) -> bool:
        return self.holds

    def latex(self) -> str:
        """LaTeX of the circulation, of the curl, or of the potential."""
        if self.circulation and not self.holds:
            return r", \quad ".join(rf"\oint F_{{{latex(s)}}} \, d{latex(s)} = {latex(c)}" for s, c in self.circulation)
        if self.curl:
            return r", \quad ".join(
                rf"\partial_{{{i + 1}}} F_{{{j + 1}}} - \partial_{{{j + 1}}} F_{{{i + 1}}} = {latex(c)}"
                for i, j, c in self.curl
            )
        return rf"\ln p_s = {latex(self.log_density)} + \text{{const}}" if self.log_density is not None else self.reason


def thermodynamic_force(equation: FokkerPlanck) -> ImmutableMatrix:
    """F_i = (D^-1)_ij (mu^j - d_k D^jk), n x 1.

    Raises:
        InvalidEquation: the diffusion is degenerate, so that D has no inverse.
    """
    if equation.degenerate:
        raise InvalidEquation(
            "the diffusion is degenerate and has no inverse; detailed_balance(parities=..) treats that case"
        )
    return ImmutableMatrix(
        (equation.diffusion.inv() * (equation.drift - equation.spurious_drift)).applyfunc(sympy.simplify)
    )


def detailed_balance(
    equation: FokkerPlanck,
    parities: Mapping[Symbol, int] | None = None,
    budget: float | Budget | None = None,
    domain: Domain | None = None,
    boundary: str | None = None,
) -> DetailedBalance:
    """Test of detailed balance.

    Args:
        equation: with coefficients that do not depend on time.
        parities: symbol -> +1 or -1 under time reversal; coordinates left out are even, and parameters (a magnetic
            field) may be odd. Left out altogether: all even, or, where the diffusion is degenerate, each choice is
            tried.
        budget: seconds for the whole call.
        domain: coordinate -> (lower, upper); needed with `boundary="periodic"`, where the ends of each bounded
            coordinate are one point: there a force free of curl may still have a circulation, and then a current flows.
        boundary: `"periodic"`, or `"reflecting"` (also when left out): through the ends nothing flows.

    Returns:
        DetailedBalance.

    Raises:
        InvalidEquation: a coefficient depends on time, a parity is not +1 or -1, or the coefficients do not repeat over
            a periodic domain.
    """
    budget = Budget.of(budget)
    _check_autonomous(equation)
    balance = _locally(equation, parities, budget)
    if balance.holds and boundary_kind(boundary) == "periodic":
        around = circulations(equation, balance.log_density, equation.limits(domain))
        if turning := [(s, c) for s, c in around if c != 0]:
            reason = "the thermodynamic force has a circulation: " + ", ".join(
                f"around the ring of {s} it is {c}" for s, c in turning
            )
            return replace(balance, holds=False, reason=reason, circulation=around, log_density=None)
        return replace(balance, circulation=around)
    return balance


def _locally(equation: FokkerPlanck, parities: Mapping[Symbol, int] | None, budget: Budget) -> DetailedBalance:
    x = equation.coordinates
    if parities is not None:
        chosen = {sympy.sympify(k, strict=True): v for k, v in parities.items()}
        known = {*x, *equation.parameters}
        if stray := [k for k in chosen if k not in known]:
            raise InvalidEquation(f"parities name {stray}, which the equation does not contain")
        if wrong := {k: v for k, v in chosen.items() if v not in (1, -1)}:
            raise InvalidEquation(f"a parity is +1 or -1, given {wrong}")
        return _with_parities(equation, chosen, budget)
    if not equation.degenerate:
        return _with_parities(equation, {}, budget)
    outcome = None
    for signs in sorted(product((1, -1), repeat=len(x)), key=lambda s: -sum(s)):
        outcome = _with_parities(equation, dict(zip(x, signs)), budget)
        if outcome.holds:
            return outcome
        if budget.remaining <= 0:
            break
    return DetailedBalance(False, "no choice of parities gives detailed balance", (1,) * len(x))


def stationary_density(
    equation: FokkerPlanck,
    domain: Domain | None = None,
    parities: Mapping[Symbol, int] | None = None,
    normalise: bool = True,
    budget: float | Budget | None = None,
    boundary: str | None = None,
) -> Expr:
    """The stationary density in closed form: by detailed balance, with parities, or Gaussian for linear drift.

    On a ring (`boundary="periodic"`) with a current it is that of `ring.ring_state`, with an integral in it.

    Args:
        equation: with coefficients that do not depend on time.
        domain: coordinate -> (lower, upper); left out, (0, oo) for positive Symbols and the real line for others.
        parities: see `detailed_balance`.
        normalise: divide by the integral over the domain; an integral without closed form stays as an Integral.
        budget: seconds for the whole call.
        boundary: `"reflecting"`, `"periodic"`, or left out where it makes no difference.

    Returns:
        Expr.

    Raises:
        InvalidEquation: a coefficient depends on time, or the diffusion is negative somewhere in the domain.
        NoDetailedBalance: neither detailed balance nor linear drift gives one; or the coefficients repeat over the
            domain and the candidate does not, so that walls and a ring differ, and `boundary` does not say which.
        ImproperDensity: the candidate has no finite integral.
        MissingAssumption: whether the integral is finite depends on the sign of a parameter.
    """
    budget = Budget.of(budget)
    _check_autonomous(equation)
    kind = boundary_kind(boundary)
    limits = _limits(equation, domain)
    balance = _locally(equation, parities, budget)
    if balance.holds:
        phi = balance.log_density
        rings = closing(equation, limits) if kind is None else limits if kind == "periodic" else ()
        if kind == "periodic" or rings:
            around = circulations(equation, phi, rings)
            if any(c != 0 for _, c in around):
                if kind is None:
                    raise NoDetailedBalance(
                        f"the coefficients repeat over {[s for s, _, _ in rings]} but the density without a current "
                        'does not: say boundary="periodic" for a ring, where a current flows, or "reflecting" for walls'
                    )
                weight, total = independent_rings(equation, limits, budget)
                return weight / total if normalise else weight
    elif kind == "periodic" and equation.dimension == 1:
        state = ring_state(equation, domain, budget)
        return state.density if normalise else state.weight
    else:
        from symrg.fokker_planck.linear import is_linear, stationary_gaussian

        if not is_linear(equation):
            raise NoDetailedBalance(
                f"no closed form: {balance.reason}; the stationary current does not vanish, and a steady state on a "
                "grid needs a solver"
            )
        if domain is not None and any(b not in (sympy.oo, -sympy.oo) for ab in domain.values() for b in ab):
            raise NoDetailedBalance(f"{balance.reason}; the Gaussian of the linear equation needs the whole space")
        return stationary_gaussian(equation, budget).density
    density = _exponential(phi, limits)
    return normalised(density, limits, budget) if normalise else density


# ---------------------------------------------------------------------- entropy production


@dataclass(frozen=True)
class EntropyProduction(Typeset):
    """The balance dS/dt = production - flow of the entropy S = - integral of p ln p.

    Attributes:
        density: irreversible current squared over p in the metric D^-1; its integral is the production, never negative.
        flow_density: current times thermodynamic force; its integral is the entropy that leaves to the surroundings.
        limits: limits of the integrals.
        production: the integral of `density`, in closed form or as an Integral.
        flow: likewise of `flow_density`.
    """

    density: Expr
    flow_density: Expr
    limits: Limits
    production: Expr
    flow: Expr

    def latex(self) -> str:
        """LaTeX of the production rate."""
        return (
            rf"\dot S_{{\mathrm{{i}}}} = {latex(sympy.Integral(self.density, *self.limits))} = {latex(self.production)}"
        )


def entropy_production(
    equation: FokkerPlanck,
    p: Any,
    domain: Domain | None = None,
    parities: Mapping[Symbol, int] | None = None,
    budget: float | Budget | None = None,
) -> EntropyProduction:
    """Rate of entropy production of the state p.

    Args:
        equation: the equation.
        p: a density, positive on the domain.
        domain: as in `stationary_density`.
        parities: symbol -> +1 or -1; the reversible part of the drift produces no entropy. Needed where the diffusion
            is degenerate, and then only the diffusing block of D is inverted.
        budget: seconds for the whole call.

    Returns:
        EntropyProduction.

    Raises:
        InvalidEquation: the irreversible drift moves a coordinate that does not diffuse: the production is infinite.
    """
    budget = Budget.of(budget)
    p = sympy.sympify(p, strict=True)
    chosen = {sympy.sympify(k, strict=True): v for k, v in (parities or {}).items()}
    _, irreversible = _split(equation, chosen)
    moving = [i for i in range(equation.dimension) if equation.diffusion[i, i] != 0]
    resting = [i for i in range(equation.dimension) if i not in moving]
    if stuck := [equation.coordinates[i] for i in resting if sympy.simplify(irreversible[i]) != 0]:
        raise InvalidEquation(
            f"{stuck} do not diffuse but have an irreversible drift, so the entropy production is infinite; "
            "give parities={velocity: -1} if that drift is reversible"
        )
    x, n = equation.coordinates, range(equation.dimension)
    log = sympy.expand_log(sympy.log(p), force=True)
    slope = [_settle(sympy.diff(log, s), budget) for s in x]
    shift = equation.spurious_drift
    free = ImmutableMatrix([irreversible[i] - shift[i] for i in moving])
    velocity = ImmutableMatrix(
        [free[k] - sum(equation.diffusion[i, j] * slope[j] for j in n) for k, i in enumerate(moving)]
    )
    inverse = equation.diffusion.extract(moving, moving).inv()
    divergence = sum(sympy.diff(equation.drift[i] - irreversible[i], x[i]) for i in n)
    factor = _settle((velocity.T * inverse * velocity)[0], budget)
    flow_factor = _settle((velocity.T * inverse * free)[0] - divergence, budget)
    limits = _limits(equation, domain)
    return EntropyProduction(
        factor * p,
        flow_factor * p,
        limits,
        integral(p, limits, budget, factor, assume_convergent=True),
        integral(p, limits, budget, flow_factor, assume_convergent=True),
    )


# ---------------------------------------------------------------------- gradient flow


@dataclass(frozen=True)
class GradientFlow(Typeset):
    """d_t p = d_i(p D^ij d_j (ln p - ln p_s)): steepest descent of KL(p || p_s) in the metric D^-1.

    Attributes:
        equation: the Fokker-Planck equation.
        stationary: p_s.
        metric: (D^-1)_ij on the space of coordinates, from which the transport metric is built.
        limits: of the coordinates.
    """

    equation: FokkerPlanck
    stationary: Expr
    metric: ImmutableMatrix
    limits: Limits = ()

    def functional(self, p: Any) -> sympy.Integral:
        """KL(p || p_s), unevaluated."""
        p = sympy.sympify(p, strict=True)
        return sympy.Integral(p * sympy.log(p / self.stationary), *(self.limits or self.equation.limits()))

    def velocity(self, p: Any) -> ImmutableMatrix:
        """v^i = - D^ij d_j (delta KL / delta p), n x 1: the current is v^i p."""
        p = sympy.sympify(p, strict=True)
        x = self.equation.coordinates
        force = sympy.Matrix([p.diff(s) / p - self.stationary.diff(s) / self.stationary for s in x])
        return ImmutableMatrix(-self.equation.diffusion * force)

    def dissipation_density(self, p: Any) -> Expr:
        """p v^i (D^-1)_ij v^j; its integral is - d/dt KL(p || p_s)."""
        v = self.velocity(p)
        return sympy.sympify(p, strict=True) * (v.T * self.metric * v)[0]

    def latex(self) -> str:
        """LaTeX of the flow."""
        t = latex(self.equation.time)
        return (
            rf"\frac{{\partial p}}{{\partial {t}}} = \partial_i \left(p \, D^{{ij}} \, \partial_j "
            rf"\frac{{\delta}}{{\delta p}} D_{{\mathrm{{KL}}}}(p \| p_s)\right), \quad p_s = {latex(self.stationary)}"
        )


def gradient_flow(
    equation: FokkerPlanck, domain: Domain | None = None, budget: float | Budget | None = None
) -> GradientFlow:
    """The equation as a gradient flow of KL(p || p_s) in the metric D^-1.

    Raises:
        NoDetailedBalance: it is none: the current of the stationary state does not vanish, or D is degenerate.
    """
    budget = Budget.of(budget)
    if equation.degenerate:
        raise NoDetailedBalance(
            "the diffusion is degenerate: part of the motion is reversible, and no gradient flow in D^-1"
        )
    balance = detailed_balance(equation, None, budget)
    if not balance.holds:
        raise NoDetailedBalance(f"no gradient flow: {balance.reason}")
    density = stationary_density(equation, domain, budget=budget)
    metric = ImmutableMatrix(equation.diffusion.inv().applyfunc(sympy.simplify))
    return GradientFlow(equation, density, metric, equation.limits(domain))


# ---------------------------------------------------------------------- inside


def _check_autonomous(equation: FokkerPlanck) -> None:
    if not equation.autonomous:
        raise InvalidEquation(
            f"the coefficients depend on {equation.time}, so there is no stationary density; freeze the time "
            "in drift and diffusion, or change_time to one in which they are constant"
        )


def _split(equation: FokkerPlanck, parities: Mapping[Symbol, int]) -> tuple[list[Expr], list[Expr]]:
    """(reversible, irreversible) drift."""
    flipped = {s: -s for s, sign in parities.items() if sign == -1}
    signs = [parities.get(s, 1) for s in equation.coordinates]
    mirrored = [e * m.subs(flipped, simultaneous=True) for e, m in zip(signs, equation.drift)]
    reversible = [sympy.expand((m - r) / 2) for m, r in zip(equation.drift, mirrored)]
    irreversible = [sympy.expand((m + r) / 2) for m, r in zip(equation.drift, mirrored)]
    return reversible, irreversible


def _with_parities(equation: FokkerPlanck, parities: Mapping[Symbol, int], budget: Budget) -> DetailedBalance:
    x, n = equation.coordinates, range(equation.dimension)
    signs = tuple(parities.get(s, 1) for s in x)

    def refuse(reason: str, curl: tuple[tuple[int, int, Expr], ...] = ()) -> DetailedBalance:
        return DetailedBalance(False, reason, signs, curl)

    flipped = {s: -s for s, sign in parities.items() if sign == -1}
    for i, j in product(n, n):
        mirrored = signs[i] * signs[j] * equation.diffusion[i, j].subs(flipped, simultaneous=True)
        if sympy.simplify(equation.diffusion[i, j] - mirrored) != 0:
            return refuse(f"the diffusion D[{i}, {j}] = {equation.diffusion[i, j]} is not even under time reversal")
    reversible, irreversible = _split(equation, parities)
    moving = [i for i in n if equation.diffusion[i, i] != 0]
    resting = [i for i in n if i not in moving]
    block = equation.diffusion.extract(moving, moving)
    if moving and sympy.simplify(block.det()) == 0:
        return refuse("the diffusion is degenerate along a direction that is no coordinate: change coordinates first")
    shift = equation.spurious_drift
    for i in resting:
        if sympy.simplify(irreversible[i] - shift[i]) != 0:
            return refuse(f"{x[i]} does not diffuse, and its irreversible drift {irreversible[i]} does not vanish")
    force = {}
    if moving:
        column = ImmutableMatrix([irreversible[i] - shift[i] for i in moving])
        solved = (block.inv() * column).applyfunc(sympy.simplify)
        force = dict(zip(moving, solved))
    curl = []
    for i, j in combinations(moving, 2):
        c = sympy.simplify(sympy.diff(force[j], x[i]) - sympy.diff(force[i], x[j]))
        curl.append((i, j, c))
    if turning := [(i, j, c) for i, j, c in curl if c != 0]:
        i, j, c = turning[0]
        return refuse(f"the thermodynamic force has a curl: d_{x[i]} F_{x[j]} - d_{x[j]} F_{x[i]} = {c}", tuple(curl))
    phi = budget.attempt(
        "integral of the force", lambda: _potential({x[i]: force[i] for i in moving}, moving and x), share=0.5
    )
    if phi is None:
        return refuse("the force is a gradient, but its potential has no closed form", tuple(curl))
    if resting:
        rest = budget.attempt("reversible part", lambda: _rest(equation, reversible, phi, moving, resting), share=0.7)
        if rest is None:
            return refuse("no density makes the reversible current free of divergence", tuple(curl))
        phi = phi + rest
    # The last word: the density solves the equation, whatever led to it.
    stationary = equation.residual(_exponential(phi, equation.limits()), budget)
    if stationary != 0:
        return refuse("the reversible current of the candidate density has a divergence", tuple(curl))
    return DetailedBalance(True, "the irreversible current vanishes", signs, tuple(curl), phi)


def _potential(force: Mapping[Symbol, Expr], order: Sequence[Symbol]) -> Expr | None:
    """phi with d_s phi = force[s], integrated coordinate by coordinate and checked."""
    phi = sympy.S.Zero
    for s in order:
        if s not in force:
            continue
        left = sympy.simplify(force[s] - sympy.diff(phi, s))
        part = sympy.integrate(sympy.apart(left, s) if left.is_rational_function(s) else left, s)
        if part.has(sympy.Integral, sympy.Piecewise):
            return None
        phi = sympy.expand(phi + part) if left.is_polynomial(s) else phi + part
    if any(sympy.simplify(sympy.diff(phi, s) - f) != 0 for s, f in force.items()):
        return None
    return phi


def _rest(
    equation: FokkerPlanck, reversible: Sequence[Expr], phi: Expr, moving: Sequence[int], resting: Sequence[int]
) -> Expr | None:
    """g(x_rest) with d_i r^i + r^i d_i(phi + g) = 0 for every value of the moving coordinates: linear in d g."""
    x, n = equation.coordinates, range(equation.dimension)
    known = sympy.Add(*(sympy.diff(reversible[i], x[i]) + reversible[i] * sympy.diff(phi, x[i]) for i in n))
    slopes = sympy.symbols(f"g:{len(resting)}", cls=sympy.Dummy)
    statement = sympy.expand(known + sympy.Add(*(reversible[i] * g for i, g in zip(resting, slopes))))
    rows = []
    for shift in range(2 * len(resting) + 2):
        point = {x[i]: sympy.Rational(2 * shift + 3 + 5 * k, 7 + 2 * k) for k, i in enumerate(moving)}
        rows.append(statement.subs(point))
    solution = sympy.solve(rows, slopes, dict=True)
    if len(solution) != 1:
        return None
    gradient = {x[i]: sympy.simplify(solution[0].get(g, sympy.S.Zero)) for i, g in zip(resting, slopes)}
    if any(e.has(*slopes) for e in gradient.values()):
        return None
    return _potential(gradient, [x[i] for i in resting])


def _limits(equation: FokkerPlanck, domain: Domain | None) -> Limits:
    """The limits over which to integrate, on which the diffusion must be one."""
    limits = equation.limits(domain)
    require_diffusion(equation.diffusion, limits)
    return limits


def _exponential(phi: Expr, limits: Limits) -> Expr:
    """exp(phi) with logarithms as powers, of arguments that are positive inside the limits."""
    inside: dict[Symbol, Expr] = {}
    for s, a, b in reversed(limits):
        inside[s] = _interior(a.subs(inside), b.subs(inside))
    phi = sympy.expand_log(sympy.expand(phi), force=True)
    powers, rest = sympy.S.One, sympy.S.Zero
    for term in sympy.Add.make_args(sympy.expand(phi)):
        coefficient, log = term.as_independent(sympy.log, as_Add=False)
        if not isinstance(log, sympy.log) or not log.has(*inside):
            rest += term
            continue
        for factor in sympy.Mul.make_args(sympy.factor(log.args[0])):
            base, power = factor.as_base_exp()
            if not base.has(*inside):
                continue
            if base.subs(inside).is_negative:  # ln(-u) differs from ln(u) by a constant
                base = sympy.expand(-base)
            powers *= base ** (coefficient * power)
    return sympy.powsimp(powers, combine="exp") * sympy.exp(rest)


def _interior(a: Expr, b: Expr) -> Expr:
    """A point between a and b."""
    if a.is_finite and b.is_finite:
        return a + (b - a) * sympy.Rational(5, 13)
    if a.is_finite:
        return a + sympy.Rational(17, 13)
    return b - sympy.Rational(17, 13) if b.is_finite else sympy.Rational(5, 13)


def _settle(expression: Expr, budget: Budget) -> Expr:
    short = budget.attempt("simplify", lambda: sympy.simplify(expression), share=0.2)
    return expression if short is None else short
