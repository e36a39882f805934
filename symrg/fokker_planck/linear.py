"""Linear drift and coordinate-free diffusion: the exact Gaussian solution.

For mu(x, t) = A(t) x + b(t) and D(t) the density that starts Gaussian stays so, with

    dm/dt = A m + b,      dC/dt = A C + C A^T + 2 D.

With the propagator U(t, s) = exp(int_s^t A) where A commutes with its integral,
m(t) = U(t, t0) m0 + int U(t, s) b(s) ds and C(t) = U C0 U^T + int U(t, s) 2 D(s) U(t, s)^T ds. The stationary
covariance solves A C + C A^T + 2 D = 0 (Lyapunov).

Source: Risken (1989), sec. 6.5; Gardiner (2009), secs. 4.5.6 and 4.5.9.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Expr, ImmutableMatrix, Symbol
from sympy.simplify.fu import TR8

from symrg.budget import Budget
from symrg.errors import ImproperDensity, InvalidEquation
from symrg.fokker_planck import equation as _equation
from symrg.fokker_planck.equation import FokkerPlanck
from symrg.fokker_planck.root_waves import RootWave
from symrg.typesetting import Typeset, latex

__all__ = ["GaussianState", "coefficients", "gaussian_solution", "initial_moments", "is_linear", "stationary_gaussian"]

_LONG = 120  # operations
_IN_NUMBERS = " (gaussian_at gives it as numbers)"


@dataclass(frozen=True)
class GaussianState(Typeset):
    """A Gaussian density with mean m^i (n x 1) and covariance C^ij (n x n)."""

    coordinates: tuple[Symbol, ...]
    mean: ImmutableMatrix
    covariance: ImmutableMatrix

    @property
    def density(self) -> Expr:
        """exp(-(x - m) C^-1 (x - m) / 2) / sqrt((2 pi)^n det C)."""
        n = len(self.coordinates)
        shift = sympy.Matrix(self.coordinates) - self.mean
        if n == 1:
            c = self.covariance[0]
            return sympy.exp(-(shift[0] ** 2) / (2 * c)) / sympy.sqrt(2 * sympy.pi * c)
        if self.covariance.has(RootWave) or sum(e.count_ops() for e in self.covariance) > n * n * _LONG:
            return self._long_density(shift)
        determinant = _if_short(self.covariance.det())
        inverse = (self.covariance.adjugate() / determinant).applyfunc(_if_short)
        exponent = -(shift.T * inverse * shift)[0] / 2
        return sympy.exp(exponent) / sympy.sqrt((2 * sympy.pi) ** n * determinant)

    def _long_density(self, shift: sympy.Matrix) -> Expr:
        """The same with the entries of C put in last, so that nothing is multiplied out."""
        n = len(self.coordinates)
        letters = sympy.Matrix(n, n, lambda i, j: sympy.Dummy(f"C{min(i, j)}{max(i, j)}"))
        letters = sympy.Matrix(n, n, lambda i, j: letters[min(i, j), max(i, j)])
        named = {letters[i, j]: self.covariance[i, j] for i in range(n) for j in range(i, n)}
        determinant = letters.det(method="berkowitz")
        exponent = -(shift.T * letters.adjugate(method="berkowitz") * shift)[0] / (2 * determinant)
        return (sympy.exp(exponent) / sympy.sqrt((2 * sympy.pi) ** n * determinant)).xreplace(named)

    def latex(self) -> str:
        """LaTeX of the normal law."""
        one = len(self.coordinates) == 1
        m, c = (self.mean[0], self.covariance[0]) if one else (self.mean, self.covariance)
        return rf"\mathcal{{N}}\left({latex(m)}, {latex(c)}\right)"


def _if_short(expression: Expr) -> Expr:
    """Simplified, unless it is so long that this would take seconds and gain nothing."""
    return sympy.simplify(expression) if expression.count_ops() < _LONG else expression


def is_linear(equation: FokkerPlanck) -> bool:
    """Whether the drift is linear in the coordinates and the diffusion free of them."""
    x = equation.coordinates
    if equation.diffusion.has(*x):
        return False
    return not equation.drift.jacobian(list(x)).applyfunc(sympy.simplify).has(*x)


def coefficients(equation: FokkerPlanck) -> tuple[ImmutableMatrix, ImmutableMatrix]:
    """(A, b) of the drift A x + b.

    Raises:
        InvalidEquation: the drift is not linear or the diffusion depends on a coordinate.
    """
    x = list(equation.coordinates)
    if not is_linear(equation):
        raise InvalidEquation(
            f"an exact Gaussian needs a drift linear in {x} and a diffusion free of them; here the drift is "
            f"{list(equation.drift)} and the diffusion {equation.diffusion.tolist()}"
        )
    a = equation.drift.jacobian(x).applyfunc(sympy.simplify)
    b = (equation.drift - a * sympy.Matrix(x)).applyfunc(sympy.simplify)
    return ImmutableMatrix(a), ImmutableMatrix(b)


def gaussian_solution(
    equation: FokkerPlanck, mean: Any, covariance: Any = 0, start: Any = 0, budget: float | Budget | None = None
) -> GaussianState:
    """The Gaussian that has this mean and covariance at `start`; covariance 0 gives the transition density.

    Args:
        equation: linear drift, diffusion free of the coordinates, both possibly functions of time.
        mean: n expressions.
        covariance: n x n, or 0.
        start: the initial time.
        budget: seconds for the whole call.

    Returns:
        GaussianState at time `equation.time`. Where the characteristic polynomial of the drift has an irreducible
        factor of degree three or more, sums over its roots appear as `RootWave`: floating numbers put in for
        the time and the parameters make it a number.

    Raises:
        InvalidEquation: the equation is not linear, a shape differs, or the covariance is none.
        NoClosedForm: the propagator or an integral has no closed form within the budget; `gaussian_at` gives numbers.
    """
    budget = Budget.of(budget)
    a, b = coefficients(equation)
    n, t = equation.dimension, equation.time
    start = sympy.sympify(start, strict=True)
    m0, c0 = initial_moments(mean, covariance, n)
    s = sympy.Dummy("s", **t._assumptions_orig)
    found = budget.attempt("propagator", _propagator, a, t, s, share=0.5)
    if found is None:
        raise budget.no_closed_form(f"the propagator of the linear drift{_IN_NUMBERS}")
    propagator, root = found
    from_start = propagator.subs(s, start)
    rest = budget.attempt("rest state", _rest_state, equation, a, b, share=0.3)
    if rest is not None:
        settled = from_start.subs(root)
        if all(_vanishes_at_a_point(e) for e in settled.diff(t) - a * settled):
            return _relaxing(equation, settled, rest, m0, c0)
    spread = propagator * (2 * equation.diffusion.subs(t, s)) * propagator.T
    push = propagator * b.subs(t, s)

    def integrated(e: Expr) -> Expr:
        return sympy.simplify(_definite(e, s, start, t)).subs(root)

    covered = budget.attempt("integral of the noise", lambda: spread.applyfunc(integrated), share=0.6)
    pushed = budget.attempt("integral of the drift", lambda: push.applyfunc(integrated), share=0.7)
    if covered is None or pushed is None:
        raise budget.no_closed_form(f"the covariance of the linear equation{_IN_NUMBERS}")
    from_start = from_start.subs(root)
    m = (from_start * m0 + pushed).applyfunc(lambda e: _short(e, budget))
    c = (from_start * c0 * from_start.T + covered).applyfunc(lambda e: _short(e, budget))
    c = ImmutableMatrix(n, n, lambda i, j: c[min(i, j), max(i, j)])
    rates = [*(c.diff(t) - a * c - c * a.T - 2 * equation.diffusion), *(m.diff(t) - a * m - b)]
    if not all(_vanishes_at_a_point(e) for e in rates):
        raise budget.no_closed_form(
            "the moments of the linear equation: the candidate fails its own equation" + _IN_NUMBERS
        )
    return GaussianState(equation.coordinates, ImmutableMatrix(m), c)


def initial_moments(mean: Any, covariance: Any, n: int) -> tuple[ImmutableMatrix, ImmutableMatrix]:
    """(m, C) of the start, n x 1 and n x n; C = 0 is a point.

    Raises:
        InvalidEquation: a shape differs, or C is not symmetric or not positive semidefinite.
    """
    m = _equation._column(mean, n, "mean")
    if covariance == 0:
        return m, ImmutableMatrix.zeros(n, n)
    c = _equation._symmetric(_equation._square(covariance, n, "covariance"), "covariance")
    _equation._check_semidefinite(c, "covariance")
    return m, c


def _rest_state(
    equation: FokkerPlanck, a: ImmutableMatrix, b: ImmutableMatrix
) -> tuple[ImmutableMatrix, ImmutableMatrix] | None:
    """(m, C) with A m + b = 0 and A C + C A^T + 2 D = 0, stable or not; None where there is none."""
    if not equation.autonomous or a.rows == 1 or sympy.simplify(a.det()) == 0:
        return None
    covariance = _lyapunov(a, equation.diffusion)
    return None if covariance is None else (ImmutableMatrix(-(a.LUsolve(b))), covariance)


def _lyapunov(a: ImmutableMatrix, diffusion: ImmutableMatrix) -> ImmutableMatrix | None:
    """The one solution C of A C + C A^T + 2 D = 0; None where there is none or more."""
    n = a.rows
    unknown = sympy.Matrix(n, n, lambda i, j: sympy.Dummy(f"C{min(i, j)}_{max(i, j)}"))
    unknown = sympy.Matrix(n, n, lambda i, j: unknown[min(i, j), max(i, j)])
    symbols = sorted(unknown.free_symbols, key=str)
    lyapunov = a * unknown + unknown * a.T + 2 * diffusion
    found = sympy.solve(list(lyapunov), symbols, dict=True)
    if not found or any(s not in found[0] or found[0][s].has(*symbols) for s in symbols):
        return None
    return ImmutableMatrix(unknown.subs(found[0]).applyfunc(sympy.simplify))


def _relaxing(
    equation: FokkerPlanck,
    propagator: ImmutableMatrix,
    rest: tuple[ImmutableMatrix, ImmutableMatrix],
    mean: ImmutableMatrix,
    covariance: ImmutableMatrix,
) -> GaussianState:
    """m = m_s + U (m0 - m_s), C = C_s + U (C0 - C_s) U^T: no integral is needed."""
    m = rest[0] + propagator * (mean - rest[0])
    c = rest[1] + propagator * (covariance - rest[1]) * propagator.T
    n = equation.dimension
    return GaussianState(
        equation.coordinates, ImmutableMatrix(m), ImmutableMatrix(n, n, lambda i, j: c[min(i, j), max(i, j)])
    )


def stationary_gaussian(equation: FokkerPlanck, budget: float | Budget | None = None) -> GaussianState:
    """The stationary Gaussian of linear drift: A m + b = 0 and A C + C A^T + 2 D = 0.

    Raises:
        InvalidEquation: the equation is not linear, or depends on time.
        ImproperDensity: there is none: A is singular, or the solution has no positive covariance.
    """
    budget = Budget.of(budget)
    a, b = coefficients(equation)
    n = equation.dimension
    if not equation.autonomous:
        raise InvalidEquation(f"the coefficients depend on {equation.time}, so there is no stationary density")
    covariance = _lyapunov(a, equation.diffusion)
    if covariance is None or sympy.simplify(a.det()) == 0:
        raise ImproperDensity("no stationary Gaussian: the drift does not pull in every direction")
    if any(covariance[i, i].is_nonpositive for i in range(n)) or sympy.simplify(covariance.det()).is_nonpositive:
        raise ImproperDensity(f"no stationary Gaussian: the drift pushes outward, the covariance would be {covariance}")
    mean = ImmutableMatrix((-(a.inv() * b)).applyfunc(sympy.simplify))
    return GaussianState(equation.coordinates, mean, covariance)


def _propagator(a: ImmutableMatrix, t: Symbol, s: Symbol) -> tuple[ImmutableMatrix, dict[Symbol, Expr]]:
    """U(t, s), where A(t) commutes with its integral, and what its auxiliary symbol stands for."""
    if not a.has(t):
        if a.rows == 1:
            return ImmutableMatrix([[sympy.exp(a[0] * (t - s))]]), {}
        if a.rows == 2:
            return _two_by_two(a, t - s)
        return ImmutableMatrix(_exponential(a, t - s)), {}
    primitive = a.applyfunc(lambda e: sympy.integrate(e, t))
    if primitive.has(sympy.Integral):
        raise NotImplementedError(f"integral of {a}")
    commutator = (a * primitive - primitive * a).applyfunc(sympy.simplify)
    if any(e != 0 for e in commutator):
        raise NotImplementedError("the drift matrix does not commute with its integral")
    difference = primitive - primitive.subs(t, s)
    if a.rows == 1:
        return ImmutableMatrix([[sympy.simplify(sympy.exp(difference[0]))]]), {}
    return ImmutableMatrix(difference.exp().applyfunc(sympy.simplify)), {}


def _two_by_two(a: ImmutableMatrix, interval: Expr) -> tuple[ImmutableMatrix, dict[Symbol, Expr]]:
    """exp(A r) = exp(h r) (cosh(q r) 1 + sinh(q r)/q (A - h 1)), h = tr A / 2, q^2 = h^2 - det A.

    A root that is not rational stays a symbol until the integrals are done.
    """
    half = a.trace() / 2
    square = sympy.factor(half**2 - a.det())
    eye = sympy.eye(2)
    traceless = a - half * eye
    if square == 0:
        return ImmutableMatrix(sympy.exp(half * interval) * (eye + interval * traceless)), {}
    root = sympy.sqrt(square)
    if square.is_negative:
        omega = sympy.sqrt(-square)
        turn = sympy.cos(omega * interval) * eye + sympy.sin(omega * interval) / omega * traceless
        return ImmutableMatrix(sympy.exp(half * interval) * turn), {}
    q = root if root.is_rational_function(*square.free_symbols) else sympy.Dummy("q", positive=True)
    up, down = (sympy.exp(sympy.expand((half + e * q) * interval)) for e in (1, -1))
    matrix = (up + down) / 2 * eye + (up - down) / (2 * q) * traceless
    return ImmutableMatrix(matrix), {} if q is root else {q: root}


def _definite(expression: Expr, s: Symbol, a: Expr, b: Expr) -> Expr:
    """The integral from a to b; exponentials of linear exponents term by term, generic rates taken as not zero."""
    total = sympy.S.Zero
    if expression == 0:
        return total
    expression = sympy.expand(expression)
    if expression.has(sympy.cos, sympy.sin):
        expression = sympy.expand(TR8(expression))
    for term in sympy.Add.make_args(sympy.powsimp(expression, combine="exp")):
        outer, inner = term.as_independent(s, as_Add=False)
        if inner == 1:
            total += outer * (b - a)
            continue
        rate = sympy.simplify(sympy.diff(inner, s) / inner)
        if not rate.has(s):
            total += outer * (inner.subs(s, b) - inner.subs(s, a)) / rate
            continue
        value = _oscillating(inner, s, a, b)
        if value is None:
            value = sympy.integrate(inner, (s, a, b))
        if value.has(sympy.Integral, sympy.Piecewise):
            raise NotImplementedError(f"integral of {inner}")
        total += outer * value
    return total


def _oscillating(f: Expr, s: Symbol, a: Expr, b: Expr) -> Expr | None:
    """For f = exp(alpha s) cos(beta s + c) or sin: f'' = 2 alpha f' - (alpha^2 + beta^2) f, which integrates f."""
    alpha, beta = sympy.S.Zero, sympy.S.Zero
    for factor in sympy.Mul.make_args(f):
        slope = sympy.diff(factor.args[0], s) if isinstance(factor, (sympy.exp, sympy.cos, sympy.sin)) else None
        if slope is None or slope.has(s) or (not isinstance(factor, sympy.exp) and beta != 0):
            return None
        alpha, beta = (alpha + slope, beta) if isinstance(factor, sympy.exp) else (alpha, slope)
    primitive = (2 * alpha * f - sympy.diff(f, s)) / (alpha**2 + beta**2)
    return primitive.subs(s, b) - primitive.subs(s, a)


def _exponential(a: ImmutableMatrix, interval: Expr) -> sympy.Matrix:
    """exp(a * interval) for constant a: sum of f_k a^k, where the f_k solve the characteristic equation.

    Source: Leonard, SIAM Review 38 (1996) 507.
    """
    n = a.rows
    r = sympy.Dummy("r", real=True)
    characteristic = a.charpoly()
    z = characteristic.gen
    basis: list[Expr] = []
    for factor, power in sympy.factor_list(characteristic.as_expr(), z)[1]:
        waves = _waves(sympy.Poly(factor, z), r)
        basis += [r**k * w for k in range(power) for w in waves]
    wronskian = sympy.Matrix(n, n, lambda k, i: sympy.simplify(basis[i].diff(r, k).subs(r, 0)))
    weights = wronskian.inv().applyfunc(sympy.simplify)
    total = sympy.zeros(n, n)
    for k in range(n):
        total += sympy.Add(*(basis[i] * weights[i, k] for i in range(n))) * sympy.Matrix(a) ** k
    return total.applyfunc(lambda e: sympy.expand(e).subs(r, interval))


def _waves(factor: sympy.Poly, r: Symbol) -> list[Expr]:
    """Real solutions f(r) of the linear equation with this characteristic polynomial, irreducible.

    Beyond degree two they are the power sums of its roots z, weighted: sum of z^k e^{z r} for k below the degree.
    """
    if factor.degree() == 1:
        return [sympy.exp(-factor.all_coeffs()[1] / factor.all_coeffs()[0] * r)]
    if factor.degree() > 2:
        return [RootWave(k, r, *reversed(factor.all_coeffs())) for k in range(factor.degree())]
    leading, middle, last = factor.all_coeffs()
    half, square = -middle / (2 * leading), sympy.factor((middle**2 - 4 * leading * last) / (4 * leading**2))
    if square.is_negative:
        omega = sympy.sqrt(-square)
        return [sympy.exp(half * r) * sympy.cos(omega * r), sympy.exp(half * r) * sympy.sin(omega * r)]
    root = sympy.sqrt(square)
    return [sympy.exp((half + e * root) * r) for e in (1, -1)]


def _vanishes_at_a_point(expression: Expr) -> bool:
    """Whether it is zero where every symbol has some irrational-looking positive value; no proof, a safeguard."""
    symbols = sorted(expression.free_symbols, key=str)
    point = {v: sympy.Float(0.618 + 0.377 * k + 0.0137 * k * k, 40) for k, v in enumerate(symbols)}
    scale = max((abs(complex(e.subs(point).evalf(30))) for e in sympy.Add.make_args(expression)), default=0.0)
    value = expression.subs(point).evalf(30)
    return not value.has(sympy.nan, sympy.zoo) and abs(complex(value)) <= 1e-12 * max(scale, 1.0)


def _short(expression: Expr, budget: Budget) -> Expr:
    short = budget.attempt("simplify", lambda: sympy.simplify(expression), share=0.3)
    return expression if short is None else short
