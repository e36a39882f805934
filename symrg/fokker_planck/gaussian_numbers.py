r"""The Gaussian of linear drift as numbers, where its closed form is missing or too long to be of use.

For constant coefficients over the time r and Q = 2 D (Van Loan),

    exp([[A, Q], [0, -A^T]] r) = [[U, V], [0, U^-T]],     C(r) = U C0 U^T + V U^T,
    exp([[A, b], [0, 0]] r)    = [[U, u], [0, 1]],        m(r) = U m0 + u,

in so many digits that what cancels is covered; the error is the change when the digits are raised. For coefficients
that depend on time the equations of m and C are integrated panel by panel by extrapolating the midpoint rule, and the
panels are halved until the result settles; the error is the last change.

Source: Van Loan, IEEE Trans. Automatic Control 23 (1978) 395; Hairer, Norsett and Wanner, Solving Ordinary Differential
Equations I (1993), sec. II.9.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import mpmath
import sympy
from sympy import Expr, ImmutableMatrix, Symbol
from sympy.core.function import AppliedUndef

from symrg.errors import InvalidEquation, NoClosedForm, UndefinedSymbol
from symrg.fisher_numeric import Estimate
from symrg.fokker_planck.equation import FokkerPlanck
from symrg.fokker_planck.linear import GaussianState, coefficients, initial_moments
from symrg.lambdified import lambdified

__all__ = ["GaussianNumbers", "gaussian_numbers"]

_ROWS = (2, 4, 6, 8, 10, 12, 14, 16)  # midpoint steps in a panel, extrapolated to none
_MOST_PANELS = 1024


@dataclass(frozen=True)
class GaussianNumbers:
    """Mean and covariance at one time, as numbers.

    Attributes:
        coordinates: x^i.
        time: when.
        mean: m^i with its error, n x 1.
        covariance: C^ij with its error, n x n.
    """

    coordinates: tuple[Symbol, ...]
    time: Expr
    mean: Estimate
    covariance: Estimate

    @property
    def density(self) -> Expr:
        """The normal density of these numbers, as a function of the coordinates."""
        return GaussianState(self.coordinates, self.mean.value, self.covariance.value).density


def gaussian_numbers(
    equation: FokkerPlanck,
    time: Any,
    mean: Any,
    covariance: Any = 0,
    start: Any = 0,
    values: Mapping[Any, Any] | None = None,
    digits: int = 12,
) -> GaussianNumbers:
    """Mean and covariance at `time` of the Gaussian that has these at `start`.

    Args:
        equation: linear drift, diffusion free of the coordinates, both possibly functions of time.
        time: a number, not before `start`.
        mean: n expressions.
        covariance: n x n, or 0 for a point.
        start: a number.
        values: symbol -> number, for every symbol other than the coordinates and the time.
        digits: wanted, up to 15 where coefficients depend on time.

    Returns:
        GaussianNumbers.

    Raises:
        InvalidEquation: the equation is not linear, a shape differs, or `time` is before `start`.
        UndefinedSymbol: a symbol has no value.
        NoClosedForm: the integration does not settle (a coefficient is singular on the way).
    """
    n, t = equation.dimension, equation.time
    given = {sympy.sympify(k, strict=True): sympy.sympify(v, strict=True) for k, v in (values or {}).items()}
    a, b = (m.subs(given) for m in coefficients(equation))
    noise = 2 * equation.diffusion.subs(given)
    m0, c0 = (m.subs(given) for m in initial_moments(mean, covariance, n))
    begin, end = (sympy.sympify(e, strict=True).subs(given) for e in (start, time))
    if unknown := set().union(*(m.atoms(AppliedUndef) for m in (a, b, noise))):
        raise UndefinedSymbol(f"no values for the functions {sorted(unknown, key=str)}; put expressions in their place")
    free = set().union(*(m.free_symbols for m in (a, b, noise))) - {t}
    free |= m0.free_symbols | c0.free_symbols | begin.free_symbols | end.free_symbols
    if free:
        raise UndefinedSymbol(f"no values for {sorted(free, key=str)}; give values={{symbol: number}}")
    if (end - begin).is_negative:
        raise InvalidEquation(f"the time {end} is before the start {begin}; a diffusion does not run backwards")
    if a.has(t) or b.has(t) or noise.has(t):
        m, c, error = _integrated(a, b, noise, t, m0, c0, begin, end, min(digits, 15))
    else:
        m, c, error = _exponentiated(a, b, noise, m0, c0, end - begin, digits)
    return GaussianNumbers(
        equation.coordinates, end, _estimate(m, error, n, 1, digits), _estimate(c, error, n, n, digits)
    )


def _estimate(entries: Any, error: Any, rows: int, columns: int, digits: int) -> Estimate:
    shape = (rows, columns)
    value = ImmutableMatrix(*shape, [sympy.Float(str(mpmath.nstr(e, digits + 5)), digits + 5) for e in entries])
    rounding = [mpmath.mpf(10) ** -(digits + 4) * abs(e) for e in entries]
    bound = ImmutableMatrix(*shape, [sympy.Float(str(mpmath.nstr(error + r, 5)), 5) for r in rounding])
    return Estimate(value, bound, "quadrature")


def _numbers(matrix: ImmutableMatrix) -> Any:
    digits = mpmath.mp.dps
    return mpmath.matrix([[mpmath.mpf(str(sympy.N(e, digits + 5))) for e in matrix.row(i)] for i in range(matrix.rows)])


def _exponentiated(
    a: ImmutableMatrix, b: ImmutableMatrix, noise: ImmutableMatrix, m0: Any, c0: Any, interval: Expr, digits: int
) -> tuple[list[Any], list[Any], Any]:
    n = a.rows
    reach = float(sympy.N(max(abs(e) for e in a) * n * interval)) if any(a) else 0.0
    # U and its inverse both occur: what cancels is at most e^{2 |A| r}
    found = []
    for extra in (10, 25):
        with mpmath.workdps(int(digits + extra + reach)):
            zero = sympy.zeros(n, n)
            r = mpmath.mpf(str(sympy.N(interval, mpmath.mp.dps + 5)))
            paired = _numbers(ImmutableMatrix(sympy.Matrix.vstack(a.row_join(noise), zero.row_join(-a.T))))
            whole = mpmath.expm(paired * r, method="taylor")
            u, v = whole[:n, :n], whole[:n, n:]
            pushed = _numbers(ImmutableMatrix(sympy.Matrix.vstack(a.row_join(b), sympy.zeros(1, n + 1))))
            moved = mpmath.expm(pushed * r, method="taylor")[:n, n]
            m = u * _numbers(ImmutableMatrix(m0)) + moved
            c = u * _numbers(ImmutableMatrix(c0)) * u.T + v * u.T
            found.append([*m, *((c + c.T) / 2)])
    error = max(abs(x - y) for x, y in zip(*found))
    return found[1][:n], found[1][n:], error


def _integrated(
    a: ImmutableMatrix,
    b: ImmutableMatrix,
    noise: ImmutableMatrix,
    t: Symbol,
    m0: Any,
    c0: Any,
    begin: Expr,
    end: Expr,
    digits: int,
) -> tuple[list[Any], list[Any], Any]:
    n = a.rows
    of_time = lambdified(t, [*a, *b, *noise], "mpmath")

    def rate(now: Any, state: list[Any]) -> list[Any]:
        values = of_time(now)
        drift, push, spread = values[: n * n], values[n * n : n * n + n], values[n * n + n :]
        m, c = state[:n], state[n:]
        rising = [sum(drift[i * n + k] * m[k] for k in range(n)) + push[i] for i in range(n)]
        turned = [
            sum(drift[i * n + k] * c[k * n + j] + drift[j * n + k] * c[i * n + k] for k in range(n))
            for i in range(n)
            for j in range(n)
        ]
        return rising + [x + y for x, y in zip(turned, spread)]

    with mpmath.workdps(digits + 8):
        first = [mpmath.mpf(str(sympy.N(e, digits + 12))) for e in (*m0, *c0)]
        low, high = (mpmath.mpf(str(sympy.N(e, digits + 12))) for e in (begin, end))
        panels, before = 2, None
        while panels <= _MOST_PANELS:
            try:
                state = first
                for k in range(panels):
                    left = low + (high - low) * k / panels
                    state = _panel(rate, left, (high - low) / panels, state)
            except ZeroDivisionError:
                raise NoClosedForm(f"a coefficient is singular between {begin} and {end}") from None
            if before is not None:
                error = max(abs(x - y) for x, y in zip(state, before))
                if error <= mpmath.mpf(10) ** -digits * max(1, *(abs(x) for x in state)):
                    return state[:n], state[n:], error
            before, panels = state, panels * 2
    raise NoClosedForm(
        f"the moments between {begin} and {end} did not settle to {digits} digits over {panels // 2} panels; "
        "ask for fewer digits, or for a shorter time"
    )


def _panel(rate: Callable[[Any, list[Any]], list[Any]], left: Any, width: Any, state: list[Any]) -> list[Any]:
    """One panel: the midpoint rule in each number of steps, extrapolated in the square of the step."""
    rows: list[list[list[Any]]] = []
    for k, steps in enumerate(_ROWS):
        h = width / steps
        old, new = state, [x + h * f for x, f in zip(state, rate(left, state))]
        for j in range(1, steps):
            old, new = new, [x + 2 * h * f for x, f in zip(old, rate(left + j * h, new))]
        last = rate(left + width, new)
        row = [[(x + y + h * f) / 2 for x, y, f in zip(old, new, last)]]
        for j in range(1, k + 1):
            ratio = mpmath.mpf(steps) ** 2 / mpmath.mpf(_ROWS[k - j]) ** 2
            row.append([x + (x - y) / (ratio - 1) for x, y in zip(row[j - 1], rows[k - 1][j - 1])])
        rows.append(row)
    return rows[-1][-1]
