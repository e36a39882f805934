"""Moment equations and their closure.

From the generator, d/dt E[f] = E[L f]. With f = x^k (a monomial, k a multi-index) and polynomial coefficients the
equations link moments to moments. They close by themselves when the drift is linear and the diffusion quadratic at
most; otherwise the hierarchy is open, and `close("gaussian")` sets every cumulant of higher order to zero, which is an
approximation and says so.

Source: Risken (1989), sec. 4.7.3; Socha, Linearization Methods for Stochastic Dynamic Systems (2008), ch. 4.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import sympy
from sympy import Expr, Function, Symbol

from symrg.budget import Budget
from symrg.errors import InvalidEquation
from symrg.fokker_planck.equation import FokkerPlanck
from symrg.typesetting import Typeset, latex

__all__ = ["Mean", "MomentEquations", "moment_equations"]

Index = tuple[int, ...]


class Mean(sympy.Expr):
    """The unevaluated average of an expression over p(x, t), where it is no polynomial."""

    def __new__(cls, expression: Any, *coordinates: Symbol) -> Mean:
        """Average of `expression` over the coordinates."""
        return sympy.Expr.__new__(cls, sympy.sympify(expression, strict=True), sympy.Tuple(*coordinates))

    @property
    def free_symbols(self) -> set[Symbol]:
        """Free symbols other than the coordinates averaged over."""
        return self.args[0].free_symbols - set(self.args[1])

    def _latex(self, printer: Any) -> str:
        return rf"\left\langle {printer._print(self.args[0])} \right\rangle"


@dataclass(frozen=True)
class MomentEquations(Typeset):
    """d/dt of the moments m_k(t) = E[x^k] with 1 <= |k| <= order.

    Attributes:
        coordinates: x^i.
        time: t.
        order: highest order.
        rates: (multi-index k, right side of d m_k / dt) in order of |k|.
        central: whether the moments of order 2 and more are about the mean.
        closure: `"exact"`, `"open"` or `"gaussian"` (an approximation).
    """

    coordinates: tuple[Symbol, ...]
    time: Symbol
    order: int
    rates: tuple[tuple[Index, Expr], ...]
    central: bool
    closure: str

    def moment(self, index: Index | int) -> Expr:
        """The function of time that stands for E[x^k] (central: E[(x - m)^k])."""
        index = (index,) if isinstance(index, int) else tuple(index)
        if len(index) != len(self.coordinates) or any(k < 0 for k in index):
            raise InvalidEquation(f"a moment needs {len(self.coordinates)} exponents, given {index}")
        return _moment(index, self.time, self.central)

    @property
    def moments(self) -> tuple[Expr, ...]:
        """The moments that have an equation, in order."""
        return tuple(_moment(k, self.time, self.central) for k, _ in self.rates)

    @property
    def equations(self) -> tuple[sympy.Eq, ...]:
        """Eq(d m_k / dt, rate) for each moment."""
        return tuple(
            sympy.Eq(sympy.Derivative(_moment(k, self.time, self.central), self.time), r, evaluate=False)
            for k, r in self.rates
        )

    @property
    def closed(self) -> bool:
        """Whether no moment beyond those with an equation occurs."""
        return self.closure != "open"

    @property
    def missing(self) -> tuple[Expr, ...]:
        """What occurs but has no equation, in order of name."""
        return tuple(sorted(_unknown(self.rates, self.time, self.central), key=str))

    def close(self, kind: str = "gaussian") -> MomentEquations:
        """Closed by setting every cumulant beyond `order` to zero; exact systems come back as they are.

        Raises:
            InvalidEquation: another kind, or an average of an expression that is no polynomial.
        """
        if kind != "gaussian":
            raise InvalidEquation(f'the closure known is "gaussian" (higher cumulants zero), given {kind!r}')
        if self.closed:
            return self
        if any(r.has(Mean) for _, r in self.rates):
            raise InvalidEquation("averages of expressions that are no polynomials cannot be closed by cumulants")
        if self.central:
            raise InvalidEquation("close the raw moments: moment_equations(order), without central=True")
        replaced = {}
        for m in self.missing:
            index = _index_of(m)
            replaced[m] = _without_cumulant(index, self.order, self.time)
        rates = tuple((k, sympy.expand(r.subs(replaced, simultaneous=True))) for k, r in self.rates)
        return replace(self, rates=rates, closure="gaussian")

    def solve(self, initial: dict[Any, Any], start: Any = 0, budget: float | Budget | None = None) -> dict[Index, Expr]:
        """The moments as functions of time, for a closed linear system with constant coefficients.

        Args:
            initial: multi-index (an int in one dimension) -> value at `start`.
            start: the initial time.
            budget: seconds for the whole call.

        Returns:
            Multi-index -> Expr.

        Raises:
            InvalidEquation: the system is open, not linear, or depends on time, or an initial value is missing.
            NoClosedForm: the matrix exponential has none within the budget.
        """
        budget = Budget.of(budget)
        if not self.closed:
            raise InvalidEquation(f"the system is open, it needs {list(self.missing)}; see .close()")
        given = {(k,) if isinstance(k, int) else tuple(k): sympy.sympify(v, strict=True) for k, v in initial.items()}
        if lacking := [k for k, _ in self.rates if k not in given]:
            raise InvalidEquation(f"initial values are missing for the moments {lacking}")
        unknown = [sympy.Dummy(f"m{i}") for i in range(len(self.rates))]
        swap = dict(zip(self.moments, unknown))
        right = sympy.Matrix([r.subs(swap) for _, r in self.rates])
        matrix = right.jacobian(unknown)
        if matrix.has(*unknown, self.time):
            raise InvalidEquation("the moment equations are not linear with constant coefficients")
        source = (right - matrix * sympy.Matrix(unknown)).applyfunc(sympy.expand)
        if source.has(self.time):
            raise InvalidEquation("the moment equations have a time-dependent source")
        size = len(unknown)
        enlarged = sympy.zeros(size + 1, size + 1)
        enlarged[:size, :size] = matrix
        enlarged[:size, size] = source
        at_start = sympy.Matrix([given[k] for k, _ in self.rates] + [1])
        tau = sympy.Dummy("tau", positive=True)
        grown = budget.attempt(
            "matrix exponential", lambda: ((enlarged * tau).exp() * at_start).applyfunc(sympy.simplify)
        )
        if grown is None:
            raise budget.no_closed_form("the moments")
        return {k: grown[i].subs(tau, self.time - start) for i, (k, _) in enumerate(self.rates)}

    def latex(self) -> str:
        """LaTeX of the system."""
        names = {m: Symbol(_name(k, self.central)) for (k, _), m in zip(self.rates, self.moments)}
        for m in _unknown(self.rates, self.time, self.central):
            if not isinstance(m, Mean):
                names[m] = Symbol(m.func.__name__)
        lines = [rf"\dot{{{latex(names[m])}}} &= {latex(r.subs(names))}" for m, (_, r) in zip(self.moments, self.rates)]
        return r"\begin{aligned} " + r" \\ ".join(lines) + r" \end{aligned}"


def moment_equations(equation: FokkerPlanck, order: int, central: bool = False) -> MomentEquations:
    """The equations of motion of the moments up to `order`.

    Args:
        equation: any; monomials of polynomial coefficients become moments, other terms stay as `Mean`.
        order: 1 or more.
        central: moments of order 2 and more about the mean (covariance and so on); needs polynomial coefficients.

    Returns:
        MomentEquations.

    Raises:
        InvalidEquation: order below 1, or central moments of coefficients that are no polynomials.
    """
    if not isinstance(order, int) or order < 1:
        raise InvalidEquation(f"order must be a whole number from 1, given {order!r}")
    x, t = equation.coordinates, equation.time
    indices = [k for k in product(range(order + 1), repeat=len(x)) if 1 <= sum(k) <= order]
    indices.sort(key=lambda k: (sum(k), tuple(-i for i in k)))
    raw = {k: _averaged(equation.generator(_monomial(x, k)), x, t) for k in indices}
    rates = _central(raw, x, t) if central else raw
    pairs = tuple((k, rates[k]) for k in indices)
    closure = "open" if _unknown(pairs, t, central) else "exact"
    return MomentEquations(x, t, order, pairs, central, closure)


# ---------------------------------------------------------------------- inside


def _name(index: Index, central: bool) -> str:
    letter = "c" if central and sum(index) > 1 else "m"
    return f"{letter}_{{{','.join(map(str, index))}}}"


def _moment(index: Index, t: Symbol, central: bool = False) -> Expr:
    if sum(index) == 0:
        return sympy.S.One
    if central and sum(index) == 1:
        return Function(_name(index, False), real=True)(t)
    return Function(_name(index, central), real=True)(t)


def _index_of(moment: Expr) -> Index:
    return tuple(int(k) for k in moment.func.__name__.split("{")[1].rstrip("}").split(","))


def _monomial(x: tuple[Symbol, ...], index: Index) -> Expr:
    return sympy.Mul(*(s**k for s, k in zip(x, index)))


def _averaged(expression: Expr, x: tuple[Symbol, ...], t: Symbol) -> Expr:
    total = sympy.S.Zero
    for term in sympy.Add.make_args(sympy.expand(expression)):
        outer, inner = term.as_independent(*x, as_Add=False)
        poly = inner.as_poly(*x) if inner.is_polynomial(*x) else None
        if poly is None:
            total += outer * Mean(inner, *x)
        else:
            total += outer * sympy.Add(*(c * _moment(k, t) for k, c in poly.terms()))
    return total


def _unknown(rates: tuple[tuple[Index, Expr], ...], t: Symbol, central: bool) -> set[Expr]:
    known = {_moment(k, t, central) for k, _ in rates}
    found: set[Expr] = set()
    for _, r in rates:
        found |= {f for f in r.atoms(sympy.core.function.AppliedUndef) if f.args == (t,) and f not in known}
        found |= r.atoms(Mean)
    return {f for f in found if isinstance(f, Mean) or f.func.__name__[:3] in ("m_{", "c_{")}


def _central(raw: dict[Index, Expr], x: tuple[Symbol, ...], t: Symbol) -> dict[Index, Expr]:
    """Rates of the central moments, from those of the raw ones by E[(x - m)^k] expanded."""
    if any(r.has(Mean) for r in raw.values()):
        raise InvalidEquation("central moments need coefficients that are polynomials")
    n = len(x)
    units = [tuple(int(i == j) for j in range(n)) for i in range(n)]
    means = [_moment(u, t) for u in units]
    shifted = [c + m for c, m in zip(x, means)]

    def as_central(expression: Expr) -> Expr:
        """Raw moments of any order written through central ones."""
        swap = {}
        for f in expression.atoms(sympy.core.function.AppliedUndef):
            if f.args == (t,) and f.func.__name__.startswith("m_{") and sum(_index_of(f)) > 1:
                poly = sympy.Poly(sympy.Mul(*(s**k for s, k in zip(shifted, _index_of(f)))), *x)
                swap[f] = sympy.Add(*(c * (0 if sum(k) == 1 else _moment(k, t, central=True)) for k, c in poly.terms()))
        return expression.subs(swap, simultaneous=True)

    rates = {}
    for index in raw:
        if sum(index) == 1:
            rates[index] = sympy.expand(as_central(raw[index]))
            continue
        poly = sympy.Poly(sympy.Mul(*((s - m) ** k for s, m, k in zip(x, means, index))), *x)
        total = sympy.S.Zero
        for k, c in poly.terms():
            total += c * (raw[k] if sum(k) else 0)
            total += sympy.diff(c, t) * _moment(k, t)
        total = total.subs({sympy.Derivative(m, t): raw[u] for m, u in zip(means, units)}).doit()
        rates[index] = sympy.expand(as_central(sympy.expand(total)))
    return rates


def _without_cumulant(index: Index, order: int, t: Symbol) -> Expr:
    """The raw moment m_k, |k| > order, when every joint cumulant of more than `order` variables vanishes."""
    n = len(index)
    z = sympy.symbols(f"z:{n}", cls=sympy.Dummy)
    low = [k for k in product(range(order + 1), repeat=n) if 1 <= sum(k) <= order]
    generating = sympy.Add(
        1, *(_moment(k, t) * sympy.Mul(*(s**e / sympy.factorial(e) for s, e in zip(z, k))) for k in low)
    )
    cumulants = _truncated(_log_series(generating - 1, z, order), z, order)
    degree = sum(index)
    series = _exp_series(cumulants, z, degree)
    coefficient = sympy.Poly(series, *z).coeff_monomial(sympy.Mul(*(s**e for s, e in zip(z, index))))
    return sympy.expand(coefficient * sympy.Mul(*(sympy.factorial(e) for e in index)))


def _truncated(expression: Expr, z: tuple[Symbol, ...], degree: int) -> Expr:
    poly = sympy.Poly(sympy.expand(expression), *z)
    return sympy.Add(*(c * sympy.Mul(*(s**e for s, e in zip(z, k))) for k, c in poly.terms() if sum(k) <= degree))


def _log_series(u: Expr, z: tuple[Symbol, ...], degree: int) -> Expr:
    total, power = sympy.S.Zero, sympy.S.One
    for k in range(1, degree + 1):
        power = _truncated(power * u, z, degree)
        total += sympy.Rational((-1) ** (k + 1), k) * power
    return total


def _exp_series(u: Expr, z: tuple[Symbol, ...], degree: int) -> Expr:
    total, power = sympy.S.One, sympy.S.One
    for k in range(1, degree + 1):
        power = _truncated(power * u, z, degree)
        total += power / sympy.factorial(k)
    return total
