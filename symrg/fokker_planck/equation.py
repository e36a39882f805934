"""Fokker-Planck equations in Ito divergence form: the value and its operators.

    d_t p = - d_i (mu^i p) + d_i d_j (D^ij p)

with drift mu^i and symmetric, positive semidefinite diffusion D^ij; the stochastic equation is
dX^i = mu^i dt + s^i_a dW^a with D = s s^T / 2. `sde.py` converts every other convention.

Source: Risken, The Fokker-Planck Equation (1989), sec. 4.7; Gardiner, Stochastic Methods (2009), sec. 5.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import combinations, combinations_with_replacement
from typing import TYPE_CHECKING, Any

import sympy
from sympy import Expr, ImmutableMatrix, Symbol

from symrg.budget import Budget, OutOfTime, within
from symrg.errors import InvalidEquation
from symrg.fokker_planck.domain import Limits, limits_of, require_diffusion
from symrg.fokker_planck.identity import vanishes
from symrg.typesetting import Typeset, latex

if TYPE_CHECKING:
    from symrg.fokker_planck.equilibrium import DetailedBalance, EntropyProduction, GradientFlow
    from symrg.fokker_planck.gaussian_numbers import GaussianNumbers
    from symrg.fokker_planck.moments import MomentEquations
    from symrg.fokker_planck.ring import RingState
    from symrg.fokker_planck.sde import SDE

__all__ = ["FokkerPlanck"]

_DEFAULT_TIME = Symbol("t", real=True)
_VALIDATION_SECONDS = 3.0
_MINORS_IN_FULL = 12  # coupled coordinates up to which principal minors of three and four rows are looked at


@dataclass(frozen=True)
class FokkerPlanck(Typeset):
    """A Fokker-Planck equation d_t p = - d_i(mu^i p) + d_i d_j(D^ij p).

    Args:
        coordinates: n distinct Symbols x^i (one Symbol in one dimension).
        drift: mu^i, n expressions (a column, a sequence, or one expression in one dimension).
        diffusion: D^ij, n x n, symmetric and positive semidefinite; it may be singular (Kramers).
        time: the Symbol t; left out, it is the symbol called `t` in the coefficients, or else a real `t`.
        domain: where the coordinates live, coordinate -> (lower, upper), e.g. {x: (0, 1)} for D = x (1 - x); kept as
            (coordinate, lower, upper), all coordinates, inner limits first. Left out, it stays open, and an operation
            that needs one takes its own argument, or else what the coordinates' assumptions say.

    Raises:
        InvalidEquation: shapes that differ, a diffusion that is not symmetric, is negative wherever the assumptions
            allow, or is negative somewhere in the domain given (the message says where), a coefficient that is not
            finite, or a symbol called like a coordinate that is not it.

    A diffusion that is positive semidefinite on a part of space only is accepted while no domain is stated: `check`, or
    an operation over a domain (stationary density, entropy production, gradient flow), refuses it where it is not.
    """

    coordinates: tuple[Symbol, ...]
    drift: ImmutableMatrix
    diffusion: ImmutableMatrix
    time: Symbol = None
    domain: Any = None

    def __post_init__(self) -> None:
        coordinates = _coordinates(self.coordinates)
        n = len(coordinates)
        drift = _column(self.drift, n)
        diffusion = _square(self.diffusion, n)
        free = drift.free_symbols | diffusion.free_symbols
        time = _time(self.time, free)
        if time in coordinates:
            raise InvalidEquation(f"time {time} is also a coordinate; give another Symbol as `time`")
        for known in (*coordinates, time):
            for s in free:
                if s != known and s.name == known.name:
                    raise InvalidEquation(
                        f"the coefficients contain a symbol {s} (assumptions {_assumed(s)}) that is not the coordinate "
                        f"or time {known} (assumptions {_assumed(known)}); use one Symbol for both"
                    )
        _check_entries(drift, "drift")
        _check_entries(diffusion, "diffusion")
        diffusion = _symmetric(diffusion)
        _check_semidefinite(diffusion)
        domain = self.domain or None  # an empty mapping states nothing
        if domain is not None:
            domain = limits_of(coordinates, domain)
            require_diffusion(diffusion, domain)
        for name, value in (
            ("coordinates", coordinates),
            ("drift", drift),
            ("diffusion", diffusion),
            ("time", time),
            ("domain", domain),
        ):
            object.__setattr__(self, name, value)

    # ------------------------------------------------------------------ what it is

    @property
    def dimension(self) -> int:
        """Number of coordinates."""
        return len(self.coordinates)

    @property
    def parameters(self) -> tuple[Symbol, ...]:
        """Free symbols other than coordinates and time, sorted by name."""
        free = self.drift.free_symbols | self.diffusion.free_symbols
        return tuple(sorted(free - {*self.coordinates, self.time}, key=lambda s: (s.name, s.sort_key())))

    @property
    def autonomous(self) -> bool:
        """Whether neither drift nor diffusion depends on time."""
        return not (self.drift.has(self.time) or self.diffusion.has(self.time))

    @property
    def degenerate(self) -> bool:
        """Whether the diffusion matrix is singular everywhere, as in Kramers' equation."""
        return bool(sympy.simplify(self.diffusion.det()) == 0)

    def limits(self, domain: Any = None) -> Limits:
        """(coordinate, lower, upper), inner limits first: `domain`, or that of the equation, or by assumptions."""
        return limits_of(self.coordinates, self.domain if domain is None else domain)

    def check(self, domain: Any = None) -> None:
        """Refuse a diffusion that is negative somewhere in the domain; see `domain.require_diffusion`.

        Args:
            domain: coordinate -> (lower, upper); left out, that of the equation, or what the assumptions say.

        Raises:
            InvalidEquation: the message says which minor is negative, and where.
        """
        require_diffusion(self.diffusion, self.limits(domain))

    def subs(self, values: Mapping[Any, Any]) -> FokkerPlanck:
        """The equation with parameters replaced; coordinates and time stay what they are.

        Args:
            values: parameter -> expression.

        Returns:
            A new FokkerPlanck.

        Raises:
            InvalidEquation: a coordinate or the time is among the keys.
        """
        if clash := [s for s in (*self.coordinates, self.time) if s in values]:
            raise InvalidEquation(f"{clash} are coordinates or time; `change_coordinates` replaces those")
        domain = self.domain and tuple((s, a.subs(values), b.subs(values)) for s, a, b in self.domain)
        return FokkerPlanck(self.coordinates, self.drift.subs(values), self.diffusion.subs(values), self.time, domain)

    # ------------------------------------------------------------------ operators

    def rhs(self, p: Any) -> Expr:
        """The forward operator on a density: - d_i(mu^i p) + d_i d_j(D^ij p)."""
        p = _expression(p, "density")
        x, n = self.coordinates, range(self.dimension)
        transport = [-sympy.diff(self.drift[i] * p, x[i]) for i in n]
        spread = [sympy.diff(self.diffusion[i, j] * p, x[i], x[j]) for i in n for j in n]
        return sympy.Add(*transport, *spread)

    def residual(self, p: Any, budget: float | Budget | None = None) -> Expr:
        """d_t p minus the forward operator on p: zero exactly when p solves the equation.

        The result is simplified as far as the budget allows; it is never rounded. That it is zero is decided by
        `identity.vanishes`, in exact arithmetic.
        """
        p = _expression(p, "density")
        if p == 0:
            return sympy.S.Zero
        budget = Budget.of(budget)
        relative = self._relative_residual(p)
        if budget.attempt("identity", vanishes, relative, share=0.5):
            return sympy.S.Zero
        quotient = budget.attempt("logarithmic form", lambda: sympy.simplify(relative), share=0.5)
        if quotient is not None and not quotient.has(sympy.nan, sympy.zoo):
            return quotient * p
        return _reduced(sympy.diff(p, self.time) - self.rhs(p), p, budget)

    def _relative_residual(self, p: Expr) -> Expr:
        """The residual over p, from the derivatives of ln p, in which exponentials do not occur."""
        x, n = self.coordinates, range(self.dimension)
        log = sympy.expand_log(sympy.log(p), force=True)  # branches differ by constants, derivatives do not
        slope = [sympy.diff(log, s) for s in x]
        shift = self.spurious_drift
        terms = [sympy.diff(log, self.time)]
        for i in n:
            terms += [sympy.diff(self.drift[i] - shift[i], x[i]), (self.drift[i] - 2 * shift[i]) * slope[i]]
            terms += [-self.diffusion[i, j] * (sympy.diff(slope[i], x[j]) + slope[i] * slope[j]) for j in n]
        return sympy.Add(*terms)

    def current(self, p: Any) -> ImmutableMatrix:
        """The probability current J^i = mu^i p - d_j(D^ij p), n x 1; d_t p = - d_i J^i."""
        p = _expression(p, "density")
        x, n = self.coordinates, range(self.dimension)
        return ImmutableMatrix(
            self.dimension,
            1,
            [self.drift[i] * p - sympy.Add(*(sympy.diff(self.diffusion[i, j] * p, x[j]) for j in n)) for i in n],
        )

    def generator(self, f: Any) -> Expr:
        """The backward generator L f = mu^i d_i f + D^ij d_i d_j f, with d/dt E[f(X_t)] = E[L f]."""
        f = _expression(f, "function")
        x, n = self.coordinates, range(self.dimension)
        return sympy.Add(
            *(self.drift[i] * sympy.diff(f, x[i]) for i in n),
            *(self.diffusion[i, j] * sympy.diff(f, x[i], x[j]) for i in n for j in n),
        )

    def backward_equation(self, u: Any = None) -> sympy.Eq:
        """Kolmogorov's backward equation - d_t u = L u for u(x, t) = E[f(X_T) | X_t = x]."""
        if u is None:
            u = sympy.Function("u")(*self.coordinates, self.time)
        return sympy.Eq(-sympy.Derivative(u, self.time), self.generator(u), evaluate=False)

    def backward_residual(self, u: Any, budget: float | Budget | None = None) -> Expr:
        """d_t u + L u: zero exactly when u solves the backward equation."""
        u = _expression(u, "function")
        return _reduced(sympy.diff(u, self.time) + self.generator(u), u, Budget.of(budget))

    @property
    def spurious_drift(self) -> ImmutableMatrix:
        """d_j D^ij, n x 1: what separates mu^i p - d_j(D^ij p) from mu^i p - D^ij d_j p."""
        x, n = self.coordinates, range(self.dimension)
        return ImmutableMatrix(
            self.dimension, 1, [sympy.Add(*(sympy.diff(self.diffusion[i, j], x[j]) for j in n)) for i in n]
        )

    # ------------------------------------------------------------------ built on it, module by module

    def stationary_density(
        self,
        domain: Mapping[Symbol, tuple[Any, Any]] | None = None,
        parities: Mapping[Symbol, int] | None = None,
        normalise: bool = True,
        budget: float | Budget | None = None,
        boundary: str | None = None,
    ) -> Expr:
        """The stationary density in closed form; see `equilibrium.stationary_density`."""
        from symrg.fokker_planck.equilibrium import stationary_density

        return stationary_density(self, domain, parities, normalise, budget, boundary)

    def ring_state(
        self, domain: Mapping[Symbol, tuple[Any, Any]] | None = None, budget: float | Budget | None = None
    ) -> RingState:
        """The stationary state on a ring, with its probability current; see `ring.ring_state`."""
        from symrg.fokker_planck.ring import ring_state

        return ring_state(self, domain, budget)

    def detailed_balance(
        self,
        parities: Mapping[Symbol, int] | None = None,
        budget: float | Budget | None = None,
        domain: Mapping[Symbol, tuple[Any, Any]] | None = None,
        boundary: str | None = None,
    ) -> DetailedBalance:
        """Whether detailed balance holds, with the curl that decides it; see `equilibrium.detailed_balance`."""
        from symrg.fokker_planck.equilibrium import detailed_balance

        return detailed_balance(self, parities, budget, domain, boundary)

    def thermodynamic_force(self) -> ImmutableMatrix:
        """F_i = (D^-1)_ij (mu^j - d_k D^jk), n x 1; a gradient exactly when detailed balance holds."""
        from symrg.fokker_planck.equilibrium import thermodynamic_force

        return thermodynamic_force(self)

    def entropy_production(
        self,
        p: Any,
        domain: Mapping[Symbol, tuple[Any, Any]] | None = None,
        parities: Mapping[Symbol, int] | None = None,
        budget: float | Budget | None = None,
    ) -> EntropyProduction:
        """Rate of entropy production in the state p; see `equilibrium.entropy_production`."""
        from symrg.fokker_planck.equilibrium import entropy_production

        return entropy_production(self, p, domain, parities, budget)

    def gradient_flow(
        self, domain: Mapping[Symbol, tuple[Any, Any]] | None = None, budget: float | Budget | None = None
    ) -> GradientFlow:
        """The flow as steepest descent of KL(p || p_s) in the metric D^-1; see `equilibrium.gradient_flow`."""
        from symrg.fokker_planck.equilibrium import gradient_flow

        return gradient_flow(self, domain, budget)

    def moment_equations(self, order: int, central: bool = False) -> MomentEquations:
        """Equations of motion of the moments up to `order`; see `moments.moment_equations`."""
        from symrg.fokker_planck.moments import moment_equations

        return moment_equations(self, order, central)

    def gaussian_solution(
        self, mean: Any, covariance: Any = 0, start: Any = 0, budget: float | Budget | None = None
    ) -> Expr:
        """The Gaussian density that starts with this mean and covariance; see `linear.gaussian_solution`."""
        from symrg.fokker_planck.linear import gaussian_solution

        return gaussian_solution(self, mean, covariance, start, budget).density

    def gaussian_at(
        self,
        time: Any,
        mean: Any,
        covariance: Any = 0,
        start: Any = 0,
        values: Mapping[Any, Any] | None = None,
        digits: int = 12,
    ) -> GaussianNumbers:
        """Mean and covariance at one time as numbers with errors, for any linear drift; see `gaussian_numbers`."""
        from symrg.fokker_planck.gaussian_numbers import gaussian_numbers

        return gaussian_numbers(self, time, mean, covariance, start, values, digits)

    def transition_density(self, origin: Any, start: Any = 0, budget: float | Budget | None = None) -> Expr:
        """The exact p(x, t | origin, start) of linear drift and coordinate-free diffusion."""
        return self.gaussian_solution(origin, 0, start, budget)

    def change_coordinates(
        self,
        mapping: Mapping[Symbol, Any],
        coordinates: Sequence[Symbol] | Symbol | None = None,
        inverse: Mapping[Symbol, Any] | None = None,
        budget: float | Budget | None = None,
    ) -> FokkerPlanck:
        """The equation in other coordinates, with the Ito term; see `coordinates.change_coordinates`."""
        from symrg.fokker_planck.coordinates import change_coordinates

        return change_coordinates(self, mapping, coordinates, inverse, budget).equation

    def change_time(self, time: Symbol, old: Any) -> FokkerPlanck:
        """The equation in another time s, given t = old(s) increasing: drift and diffusion times dt/ds."""
        from symrg.fokker_planck.coordinates import change_time

        return change_time(self, time, old)

    def to_sde(self, interpretation: str = "ito", noise: Any = None) -> SDE:
        """A stochastic equation with this density; see `sde.to_sde`."""
        from symrg.fokker_planck.sde import to_sde

        return to_sde(self, interpretation, noise)

    @classmethod
    def from_sde(
        cls,
        drift: Any,
        noise: Any,
        coordinates: Any = None,
        time: Symbol | None = None,
        interpretation: str = "ito",
        domain: Any = None,
    ) -> FokkerPlanck:
        """From dX = drift dt + noise dW, read as `"ito"`, `"stratonovich"` or `"klimontovich"`; see `sde.SDE`."""
        from symrg.fokker_planck.sde import SDE

        if coordinates is None:
            raise InvalidEquation("from_sde needs coordinates=(x, ...): which of the symbols move")
        equation = SDE(coordinates, drift, noise, time, interpretation).fokker_planck()
        return equation if domain is None else replace(equation, domain=domain)

    @classmethod
    def from_gradient_form(cls, coordinates: Any, mobility: Any, potential: Any, time: Symbol | None = None) -> Any:
        """From d_t p = d_i(C^ij d_j p) + d_i(p C^ij d_j V); see `sde.from_gradient_form`."""
        from symrg.fokker_planck.sde import from_gradient_form

        return from_gradient_form(coordinates, mobility, potential, time)

    # ------------------------------------------------------------------ as it is read

    def latex(self, form: str = "written", density: str = "p") -> str:
        r"""LaTeX of the equation.

        Args:
            form: `"written"` for the equation with its coefficients, `"index"` for
                \partial_t p = -\partial_i(\mu^i p) + \partial_i\partial_j(D^{ij} p) with mu and D given after it.
            density: the name of the density.

        Returns:
            LaTeX without dollar signs.

        Raises:
            InvalidEquation: another `form`.
        """
        t = latex(self.time)
        if form == "index":
            return (
                rf"\frac{{\partial {density}}}{{\partial {t}}} = -\partial_i \left(\mu^i {density}\right) "
                rf"+ \partial_i \partial_j \left(D^{{ij}} {density}\right), \quad "
                rf"\mu = {latex(self.drift if self.dimension > 1 else self.drift[0])}, \quad "
                rf"D = {latex(self.diffusion if self.dimension > 1 else self.diffusion[0])}, \quad "
                rf"x = \left({', '.join(latex(s) for s in self.coordinates)}\right)"
            )
        if form != "written":
            raise InvalidEquation(f'form must be "written" or "index", given {form!r}')
        terms = []
        for x, m in zip(self.coordinates, self.drift):
            terms.append(self._term(-m, (x,), density))
        for i, j in combinations_with_replacement(range(self.dimension), 2):
            factor = 1 if i == j else 2
            terms.append(self._term(factor * self.diffusion[i, j], (self.coordinates[i], self.coordinates[j]), density))
        body = reduce(_joined, [s for s in terms if s], "")
        return rf"\frac{{\partial {density}}}{{\partial {t}}} = {body or '0'}"

    def _term(self, coefficient: Expr, variables: tuple[Symbol, ...], density: str) -> str:
        if coefficient == 0:
            return ""
        outer, inner = sympy.factor_terms(coefficient).as_independent(*self.coordinates, as_Add=False)
        if inner.could_extract_minus_sign():
            outer, inner = -outer, -inner
        order = len(variables)
        if order == 1:
            below = rf"\partial {latex(variables[0])}"
        elif variables[0] == variables[1]:
            below = rf"\partial {latex(variables[0])}^{{2}}"
        else:
            below = rf"\partial {latex(variables[0])} \, \partial {latex(variables[1])}"
        power = "" if order == 1 else "^{2}"
        if inner == 1:
            operand = rf"\frac{{\partial{power} {density}}}{{{below}}}"
        else:
            text = latex(inner)
            if inner.is_Add:
                text = rf"\left({text}\right)"
            operand = rf"\frac{{\partial{power}}}{{{below}}} \left({text} \, {density}\right)"
        if outer == 1:
            return operand
        if outer == -1:
            return f"- {operand}"
        text = latex(outer)
        if outer.is_Add:
            text = rf"\left({text}\right)"
        return rf"{text} \, {operand}"


# ---------------------------------------------------------------------- validation


def _coordinates(given: Any) -> tuple[Symbol, ...]:
    if isinstance(given, Symbol):
        given = (given,)
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InvalidEquation(f"coordinates must be Symbols, given {given!r}")
    symbols = tuple(given)
    for s in symbols:
        if not isinstance(s, Symbol):
            raise InvalidEquation(f"coordinates must be Symbols, given {s!r}")
    if not symbols:
        raise InvalidEquation("an equation needs at least one coordinate")
    names = [s.name for s in symbols]
    if len(set(names)) < len(names):
        raise InvalidEquation(f"coordinates must have distinct names, given {names}")
    return symbols


def _column(given: Any, n: int, what: str = "drift") -> ImmutableMatrix:
    if isinstance(given, sympy.MatrixBase):
        entries = list(given)
        if 1 not in given.shape:
            raise InvalidEquation(f"the {what} must be a column of {n}, given a matrix of shape {given.shape}")
    elif isinstance(given, (str, bytes)):
        raise InvalidEquation(f"the {what} is text: {given!r}; turn it into SymPy with symrg.parse first")
    elif isinstance(given, Iterable):
        entries = list(given)
    else:
        entries = [given]
    if len(entries) != n:
        raise InvalidEquation(f"the {what} has {len(entries)} components for {n} coordinates")
    return ImmutableMatrix(n, 1, [_expression(e, what) for e in entries])


def _square(given: Any, n: int, what: str = "diffusion") -> ImmutableMatrix:
    if isinstance(given, (str, bytes)):
        raise InvalidEquation(f"the {what} is text: {given!r}; turn it into SymPy with symrg.parse first")
    if isinstance(given, sympy.MatrixBase):
        rows, columns = given.shape
        entries = list(given)
    elif isinstance(given, Iterable):
        listed = [list(r) if isinstance(r, Iterable) else [r] for r in given]
        rows, columns = len(listed), len(listed[0]) if listed else 0
        if any(len(r) != columns for r in listed):
            raise InvalidEquation(f"the rows of the {what} have different lengths")
        entries = [e for r in listed for e in r]
    else:
        if n > 1:
            raise InvalidEquation(
                f"the {what} is one number for {n} coordinates; give the {n} x {n} matrix, e.g. D * eye({n})"
            )
        rows = columns = 1
        entries = [given]
    if (rows, columns) != (n, n):
        raise InvalidEquation(f"the {what} has shape {rows} x {columns}, expected {n} x {n}")
    return ImmutableMatrix(n, n, [_expression(e, what) for e in entries])


def _expression(given: Any, what: str) -> Expr:
    if isinstance(given, (str, bytes)):
        raise InvalidEquation(f"the {what} is text: {given!r}; turn it into SymPy with symrg.parse first")
    try:
        value = sympy.sympify(given, strict=True)
    except sympy.SympifyError:
        raise InvalidEquation(f"the {what} must be an expression, given {given!r}") from None
    if not isinstance(value, Expr):
        raise InvalidEquation(f"the {what} must be an expression, given {given!r}")
    return value


def _check_entries(matrix: ImmutableMatrix, what: str) -> None:
    for entry in matrix:
        if entry.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo):
            raise InvalidEquation(f"the {what} contains {entry}, which is not finite")
        if (entry.is_real is False and entry.is_extended_real is False) or _imaginary_somewhere(entry):
            raise InvalidEquation(f"the {what} contains {entry}, which is not real")


def _imaginary_somewhere(entry: Expr) -> bool:
    """Whether an expression that contains i is not real where its symbols, all declared real, have some value."""
    if not entry.has(sympy.I) or not all(s.is_extended_real for s in entry.free_symbols):
        return False
    point = {}
    for k, s in enumerate(sorted(entry.free_symbols, key=str)):
        size = sympy.Integer(k + 2) if s.is_integer else sympy.Rational(13 * k + 17, 11 * k + 23)
        point[s] = -size if s.is_nonpositive else size
    value = entry.subs(point, simultaneous=True).evalf(20)
    return bool(value.is_number and abs(sympy.im(value)) > 1e-12 * (1 + abs(sympy.re(value))))


def _time(given: Any, free: Iterable[Symbol]) -> Symbol:
    if given is None:
        named = [s for s in free if s.name == "t"]
        return named[0] if len(named) == 1 else _DEFAULT_TIME
    if not isinstance(given, Symbol):
        raise InvalidEquation(f"time must be a Symbol, given {given!r}")
    return given


def _assumed(symbol: Symbol) -> str:
    return ", ".join(k for k, v in symbol._assumptions_orig.items() if v) or "none"


def _symmetric(matrix: ImmutableMatrix, what: str = "diffusion") -> ImmutableMatrix:
    n = matrix.rows
    for i, j in combinations(range(n), 2):
        difference = matrix[i, j] - matrix[j, i]
        if difference == 0:
            continue
        try:
            settled = within(_VALIDATION_SECONDS, sympy.simplify, difference)
        except OutOfTime:
            settled = difference
        if settled != 0 and not settled.equals(0):
            mend = (
                "only the symmetric part (D + D.T)/2 enters the equation: give that"
                if what == "diffusion"
                else "mend it"
            )
            raise InvalidEquation(
                f"the {what} is not symmetric: {what[0].upper()}[{i}, {j}] = {matrix[i, j]}, "
                f"{what[0].upper()}[{j}, {i}] = {matrix[j, i]}; {mend}"
            )
    return ImmutableMatrix(n, n, lambda i, j: matrix[min(i, j), max(i, j)])


def _check_semidefinite(matrix: ImmutableMatrix, name: str = "diffusion") -> None:
    """Refuse where the assumptions decide that a principal minor is negative (none is: positive semidefinite)."""
    n = matrix.rows
    coupled = [i for i in range(n) if any(matrix[i, j] != 0 for j in range(n) if j != i)]
    for size in range(1, 5 if len(coupled) <= _MINORS_IN_FULL else 3):
        # minors of more rows that hold an uncoupled one are products of smaller minors
        for rows in combinations(range(n) if size == 1 else coupled, size):
            minor = matrix.extract(list(rows), list(rows)).det()
            try:
                minor = minor if minor.is_Atom else within(_VALIDATION_SECONDS, sympy.factor, minor)
            except (OutOfTime, sympy.PolynomialError):
                continue
            if minor.is_negative or (minor.is_nonpositive and minor.is_zero is not True and minor != 0):
                entry = f"{name[0].upper()}[{rows[0]}, {rows[0]}]"
                what = entry if size == 1 else f"the principal minor of rows {list(rows)}"
                hint = "; a flow that concentrates is the backward direction of a diffusion: reverse the time"
                raise InvalidEquation(
                    f"the {name} is not positive semidefinite: {what} = {minor} is negative"
                    + (hint if name == "diffusion" else "")
                )


# ---------------------------------------------------------------------- reduction and printing


def _reduced(raw: Expr, scale: Expr, budget: Budget) -> Expr:
    """`raw` simplified, after division by the density, whose exponentials then cancel."""
    if raw == 0 or budget.attempt("identity", vanishes, raw, share=0.3):
        return sympy.S.Zero
    quotient = budget.attempt("quotient by the density", lambda: sympy.simplify(sympy.expand(raw / scale)), share=0.5)
    if quotient is not None:
        if quotient == 0:
            return sympy.S.Zero
        if not quotient.has(sympy.nan, sympy.zoo):
            return quotient * scale
    plain = budget.attempt("simplify", lambda: sympy.simplify(raw))
    return raw if plain is None else plain


def _joined(left: str, right: str) -> str:
    if not left:
        return right
    return f"{left} {right}" if right.startswith("-") else f"{left} + {right}"
