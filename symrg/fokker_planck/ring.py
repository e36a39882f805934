r"""The stationary state on a ring: coefficients that repeat, and a probability current that flows around.

Of d_t p = - (mu p)' + (D p)'' with mu and D of period L, and Psi' = mu / D,

    p(x) = e^{Psi(x)} / (N D(x)) * integral of e^{-Psi} from x to x + L,        J = (1 - e^{-Delta}) / N,

where Delta = Psi(x + L) - Psi(x) is the circulation of the thermodynamic force and N normalises. Detailed balance,
J = 0, holds exactly for Delta = 0; the curl, which is empty in one dimension, does not see it. The entropy production
is J Delta. For a tilted wave, Psi = nu x + a cos(k x + c) and L = 2 pi / k, the double integral in N is
L^2 e^{-nu L / 2} I_{i nu/k}(a) I_{-i nu/k}(a).

Source: Stratonovich, Topics in the Theory of Random Noise II (1967), ch. 9; Risken (1989), sec. 11.3; NIST Digital
Library of Mathematical Functions, 10.32.15 (the product of two Bessel functions).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import sympy
from sympy import Expr, Symbol

from symrg.budget import Budget, Declined
from symrg.errors import InvalidEquation, NoDetailedBalance, UndefinedSymbol
from symrg.fokker_planck.domain import Domain, Limits, require_diffusion
from symrg.fokker_planck.equation import FokkerPlanck
from symrg.fokker_planck.normalisation import integral
from symrg.lambdified import lambdified
from symrg.typesetting import Typeset, latex

__all__ = ["RingState", "boundary_kind", "circulations", "closing", "independent_rings", "ring_state"]

_NODES = 64


@dataclass(frozen=True)
class RingState(Typeset):
    """The stationary state of one coordinate on a ring.

    Attributes:
        coordinate: x.
        lower: one end of the domain, which is the other end too.
        length: L, once around.
        weight: the density without its normaliser; the integral in it stays where it has no closed form.
        normaliser: N.
        circulation: Delta, the integral of mu / D once around.
        potential: Psi.
        diffusion: D.
    """

    coordinate: Symbol
    lower: Expr
    length: Expr
    weight: Expr
    normaliser: Expr
    circulation: Expr
    potential: Expr
    diffusion: Expr

    @property
    def density(self) -> Expr:
        """p(x)."""
        return _short(self.weight / self.normaliser)

    @property
    def current(self) -> Expr:
        """J, the same at every place; positive towards larger x."""
        return _short((1 - sympy.exp(-self.circulation)) / self.normaliser)

    @property
    def entropy_production(self) -> Expr:
        """J Delta, never negative."""
        return self.current * self.circulation

    def current_at(self, values: Mapping[Any, Any] | None = None) -> float:
        """J as a number, by the trapezoidal rule, which converges exponentially for periodic functions.

        Args:
            values: parameter -> number.

        Raises:
            UndefinedSymbol: a parameter has no value.
        """
        _, total, turn = self._numbers(values)
        return float((1 - mpmath.exp(-turn)) / total)

    def density_at(self, place: Any, values: Mapping[Any, Any] | None = None) -> float:
        """p at a place, as a number.

        Args:
            place: value of the coordinate.
            values: parameter -> number.

        Raises:
            UndefinedSymbol: a parameter has no value.
        """
        weigh, total, _ = self._numbers(values)
        return float(weigh(mpmath.mpf(str(sympy.N(place, 20)))) / total)

    def _numbers(self, values: Mapping[Any, Any] | None) -> Any:
        """(weight as a function, N, Delta) in numbers, from Psi and D alone."""
        values = dict(values or {})
        x = self.coordinate
        psi, d, turn, length, lower = (
            sympy.sympify(e, strict=True).subs(values)
            for e in (self.potential, self.diffusion, self.circulation, self.length, self.lower)
        )
        if psi.has(sympy.Integral) or turn.has(sympy.Integral):
            psi, turn = psi.doit(), turn.doit()
        if loose := (psi.free_symbols | d.free_symbols | turn.free_symbols | length.free_symbols) - {x}:
            raise UndefinedSymbol(f"no values for {sorted(loose, key=str)}; give values={{symbol: number}}")
        size, start, around = (mpmath.mpf(str(sympy.N(e, 30))) for e in (length, lower, turn))
        exponent, spread = (lambdified(x, e, "mpmath") for e in (psi, d))
        step = size / _NODES
        nodes = [start + k * step for k in range(_NODES)]

        def rolled(z: Any) -> Any:
            """Psi at any z: Psi(z + L) = Psi(z) + Delta."""
            turns = mpmath.floor((z - start) / size)
            return exponent(z - turns * size) + turns * around

        def over_one_turn(f: Any) -> Any:
            return mpmath.quad(f, [0, size / 4, size / 2, 3 * size / 4, size])

        def weigh(z: Any) -> Any:
            return over_one_turn(lambda s: mpmath.exp(rolled(z) - rolled(z + s))) / spread(z)

        total = step * over_one_turn(
            lambda s: mpmath.fsum(mpmath.exp(rolled(q) - rolled(q + s)) / spread(q) for q in nodes)
        )
        return weigh, total, around

    def latex(self) -> str:
        """LaTeX of the density and of the current."""
        return rf"p = {latex(self.density)}, \quad J = {latex(self.current)}"


def boundary_kind(boundary: str | None) -> str | None:
    """The boundary as given, if it is one.

    Raises:
        InvalidEquation: another word.
    """
    if boundary not in (None, "reflecting", "periodic"):
        raise InvalidEquation(f'boundary must be "reflecting" or "periodic", given {boundary!r}')
    return boundary


def closing(equation: FokkerPlanck, limits: Limits) -> Limits:
    """The bounded coordinates over whose domain the coefficients repeat without being constant."""
    found = []
    for s, a, b in limits:
        moving = [e for e in (*equation.drift, *equation.diffusion) if e.has(s)]
        waves = bool(moving) and all(e.has(sympy.sin, sympy.cos, sympy.tan) for e in moving)
        if a.is_finite and b.is_finite and waves and _repeats(moving, s, b - a):
            found.append((s, a, b))
    return tuple(found)


def circulations(equation: FokkerPlanck, phi: Expr, limits: Limits) -> tuple[tuple[Symbol, Expr], ...]:
    """(coordinate, integral of the force once around) for each coordinate of `limits`, all of them rings.

    Raises:
        InvalidEquation: a coordinate is unbounded, or the coefficients do not repeat over it.
    """
    _require_repeating(equation, limits)
    return tuple((s, _around(sympy.diff(phi, s), phi, s, a, b)) for s, a, b in limits)


def ring_state(equation: FokkerPlanck, domain: Domain | None = None, budget: float | Budget | None = None) -> RingState:
    """The stationary state on a ring, with its current.

    Args:
        equation: in one coordinate, with coefficients that do not depend on time.
        domain: {x: (a, a + L)}, one period; left out, that of the equation.
        budget: seconds for the whole call.

    Returns:
        RingState, exact: an integral without closed form stays as an Integral.

    Raises:
        InvalidEquation: more coordinates than one, an unbounded domain, coefficients that do not repeat over it, that
            depend on time, or a diffusion that is negative somewhere.
    """
    budget = Budget.of(budget)
    if equation.dimension != 1:
        raise InvalidEquation(f"a ring has one coordinate, the equation has {list(equation.coordinates)}")
    if not equation.autonomous:
        raise InvalidEquation(f"the coefficients depend on {equation.time}, so there is no stationary state")
    limits = equation.limits(domain)
    _require_repeating(equation, limits)
    require_diffusion(equation.diffusion, limits)
    ((x, a, b),) = limits
    mu, d, length = equation.drift[0], equation.diffusion[0], b - a
    force = sympy.simplify(mu / d)
    psi = budget.attempt("potential", _primitive, force, x, share=0.3)
    if psi is None:
        q = sympy.Dummy(x.name, real=True)
        psi = sympy.Integral(force.subs(x, q), (q, a, x))
    turn = _around(force, psi, x, a, b)
    y = sympy.Dummy(f"{x.name}'", real=True)
    below = sympy.exp(-psi.subs(x, y))
    inner = budget.attempt("integral over one turn", _integrated, below, y, x, x + length, share=0.3)
    if inner is None:
        inner = sympy.Integral(below, (y, x, x + length))
    weight = sympy.exp(psi) * inner / d
    if not weight.has(sympy.Integral):
        weight = sympy.simplify(weight)
    total = budget.attempt("tilted wave", _tilted_wave, psi, d, x, length)
    if total is None and not weight.has(sympy.Integral):
        total = integral(weight, limits, budget)
    if total is None:
        s = sympy.Dummy("s", positive=True)
        product = sympy.exp(sympy.expand(psi - psi.subs(x, x + s))) / d
        once = integral(product, limits, budget)
        total = (
            sympy.Integral(once, (s, 0, length))
            if not once.has(sympy.Integral)
            else sympy.Integral(product, (x, a, b), (s, 0, length))
        )
    return RingState(x, a, length, weight, total, turn, psi, d)


def independent_rings(equation: FokkerPlanck, limits: Limits, budget: Budget) -> tuple[Expr, Expr]:
    """(weight, normaliser) of the stationary density where every coordinate moves by itself, some around a ring.

    Raises:
        NoDetailedBalance: the coordinates do not move independently.
    """
    n = range(equation.dimension)
    x = equation.coordinates
    others = [{*x} - {s} for s in x]
    independent = all(equation.diffusion[i, j] == 0 for i in n for j in n if i != j) and not any(
        equation.drift[i].has(*others[i]) or equation.diffusion[i, i].has(*others[i]) for i in n if others[i]
    )
    if not independent:
        raise NoDetailedBalance(
            "the force has a circulation around a ring, and the coordinates do not move independently: a current "
            "flows, and its stationary density has no closed form; a steady state on a grid needs a solver"
        )
    weight, total = sympy.S.One, sympy.S.One
    for i in n:
        alone = FokkerPlanck(x[i], equation.drift[i], equation.diffusion[i, i], equation.time)
        ends = next((a, b) for s, a, b in limits if s == x[i])
        if closing(alone, ((x[i], *ends),)) or not (alone.drift.has(x[i]) or alone.diffusion.has(x[i])):
            state = ring_state(alone, {x[i]: ends}, budget)
            weight, total = weight * state.weight, total * state.normaliser
        else:
            weight *= alone.stationary_density({x[i]: ends}, budget=budget, boundary="reflecting")
    return weight, total


# ---------------------------------------------------------------------- inside


def _short(expression: Expr) -> Expr:
    return expression if expression.has(sympy.Integral, sympy.besseli) else sympy.simplify(expression)


def _repeats(entries: Sequence[Expr], s: Symbol, length: Expr) -> bool:
    for e in entries:
        difference = sympy.expand_trig(sympy.expand(e.subs(s, s + length), trig=False)) - sympy.expand_trig(e)
        if difference != 0 and sympy.simplify(difference) != 0:
            return False
    return True


def _require_repeating(equation: FokkerPlanck, limits: Limits) -> None:
    for s, a, b in limits:
        if not (a.is_finite and b.is_finite):
            raise InvalidEquation(f"a ring needs a bounded domain, {s} has ({a}, {b}): domain={{{s}: (a, a + L)}}")
        entries = [e for e in (*equation.drift, *equation.diffusion) if e.has(s)]
        if not _repeats(entries, s, b - a):
            raise InvalidEquation(f"the coefficients do not repeat after {s} -> {s} + {b - a}: {s} is no ring")


def _primitive(force: Expr, x: Symbol) -> Expr | None:
    """A smooth primitive, of waves and polynomials; what SymPy finds for fractions of waves has jumps."""
    found = sympy.integrate(sympy.expand(force), x)
    if found.has(sympy.Integral, sympy.Piecewise) or not _smooth(found, x):
        return None
    return found


def _smooth(expression: Expr, x: Symbol) -> bool:
    """Whether it is made of powers, exponentials, sines and cosines of x alone: nothing that has branches."""
    allowed = (sympy.sin, sympy.cos, sympy.exp, sympy.sinh, sympy.cosh)
    if any(f.has(x) and not isinstance(f, allowed) for f in expression.atoms(sympy.Function)):
        return False
    return all(
        p.exp.is_Integer and p.exp > 0 for p in expression.atoms(sympy.Pow) if p.base.has(x) and p.base != sympy.E
    )


def _around(force: Expr, primitive: Expr, x: Symbol, a: Expr, b: Expr) -> Expr:
    """The integral of the force once around."""
    if force == 0:
        return sympy.S.Zero
    if not primitive.has(sympy.Integral) and _smooth(primitive, x):
        return sympy.simplify(sympy.expand_trig(sympy.expand(primitive.subs(x, b) - primitive.subs(x, a))))
    if _odd(force, x, a, b):
        return sympy.S.Zero
    found = sympy.integrate(force, (x, a, b))
    if not found.has(sympy.Integral, sympy.Piecewise) and _confirmed(found, force, x, a, b):
        return sympy.simplify(found)
    return sympy.Integral(force, (x, a, b))


def _confirmed(value: Expr, force: Expr, x: Symbol, a: Expr, b: Expr) -> bool:
    """Whether it is the integral at one choice of the parameters: primitives of fractions of waves jump."""
    free = sorted((force.free_symbols | a.free_symbols | b.free_symbols) - {x}, key=str)
    point = {s: sympy.Rational(7 + 2 * k, 5 + k) for k, s in enumerate(free)}
    low, high = (mpmath.mpf(str(sympy.N(e.subs(point), 20))) for e in (a, b))
    f = lambdified(x, force.subs(point), "mpmath")
    step = (high - low) / _NODES
    direct = mpmath.fsum(f(low + k * step) for k in range(_NODES)) * step
    return bool(abs(direct - complex(value.subs(point).evalf(20))) < 1e-8 * (1 + abs(direct)))


def _odd(force: Expr, x: Symbol, a: Expr, b: Expr) -> bool:
    """Whether it changes sign under x -> a + b - x, so that its integral is zero."""
    return sympy.simplify(sympy.expand_trig(sympy.expand(force.subs(x, a + b - x))) + sympy.expand_trig(force)) == 0


def _integrated(below: Expr, y: Symbol, lower: Expr, upper: Expr) -> Expr | None:
    exponent = sympy.expand(sympy.log(below).args[0] if not isinstance(below, sympy.exp) else below.exp)
    if not exponent.is_polynomial(y) or sympy.degree(exponent, y) > 1:
        raise Declined("not an exponential of a linear function")
    if exponent == 0:
        return upper - lower
    rate = exponent.coeff(y, 1)
    if rate == 0:
        return below * (upper - lower)
    return (below.subs(y, upper) - below.subs(y, lower)) / rate


def _tilted_wave(psi: Expr, d: Expr, x: Symbol, length: Expr) -> Expr | None:
    """N for Psi = nu x + a cos(k x + c), one wave in the ring, and constant D."""
    if d.has(x):
        raise Declined("the diffusion depends on the place")
    waves = psi.atoms(sympy.cos, sympy.sin)
    rates = {sympy.diff(w.args[0], x) for w in waves}
    if len(rates) != 1 or (k := rates.pop()).has(x) or sympy.simplify(k * length - 2 * sympy.pi) != 0:
        raise Declined("not one wave in the ring")
    angle = sympy.Dummy("angle", real=True)
    turned = sympy.expand(sympy.expand_trig(sympy.expand(psi.subs(x, angle / k))))
    even, odd = turned.coeff(sympy.cos(angle)), turned.coeff(sympy.sin(angle))
    rest = sympy.expand(turned - even * sympy.cos(angle) - odd * sympy.sin(angle))
    slope = sympy.diff(rest, angle)
    if any(e.has(angle) for e in (even, odd, slope)):
        raise Declined("not one wave in the ring")
    amplitude = sympy.sqrt(sympy.simplify(even**2 + odd**2))
    slope = sympy.simplify(slope)
    product = sympy.besseli(sympy.I * slope, amplitude) * sympy.besseli(-sympy.I * slope, amplitude)
    return length**2 * sympy.exp(-sympy.pi * slope) * product / d
