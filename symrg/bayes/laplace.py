r"""The posterior at large T: the Gaussian (16) and what follows it in 1/T.

With delta = theta - theta* = z / sqrt(T), expanding both the divergence and the logarithm of the prior,

    D = c_ij delta^i delta^j / 2 + c_ijk delta^i delta^j delta^k / 6 + ...,    ln pi_0 = a_i delta^i + ...,

and averaging with the Gaussian of covariance g = c^-1 (Wick), the cumulants of the posterior are

    mean        theta*^i + [g^ij a_j - g^ij c_jkl g^kl / 2] / T                        + O(T^-2)
    covariance  g^ij / T + [...] / T^2                                                + O(T^-3)
    third       - g^ia g^jb g^kc c_abc / T^2                                          + O(T^-3)
    fourth      [ - g g g g c_4 + 3 terms of g g g g c_3 g c_3 each ] / T^3             + O(T^-4)

so (16) holds with an error of relative order 1/sqrt(T): the skewness of the posterior is O(T^-1/2). In the talk's (16)
the metric is at mu_T; replacing theta* by mu_T = theta* + O(1/T) is within that error.

Source: Tierney and Kadane, JASA 81 (1986) 82; Barndorff-Nielsen and Cox, Asymptotic Techniques (1989), sec. 6.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import sympy
from sympy import Expr, ImmutableDenseNDimArray, ImmutableMatrix, Symbol

from symrg.budget import Budget
from symrg.errors import InvalidModel, IrregularModel, UnidentifiableModel
from symrg.typesetting import Typeset, latex

if TYPE_CHECKING:
    from symrg.bayes.dynamical import DynamicalBayes

__all__ = ["LaplacePosterior", "laplace_posterior"]


@dataclass(frozen=True)
class LaplacePosterior(Typeset):
    """Cumulants of the posterior to the order after (16).

    Attributes:
        parameters: theta^i.
        truth: theta*^i.
        time: T.
        hessian: c_ij, the second derivatives of D at theta*; the Fisher metric there.
        shift: m^i with mean = theta* + m / T + O(T^-2).
        spread: v^ij with covariance = g / T + v / T^2 + O(T^-3).
        third: s^ijk with third cumulant = s / T^2 + O(T^-3).
        fourth: k^ijkl with fourth cumulant = k / T^3 + O(T^-4).
    """

    parameters: tuple[Symbol, ...]
    truth: tuple[Expr, ...]
    time: Symbol
    hessian: ImmutableMatrix
    shift: ImmutableMatrix
    spread: ImmutableMatrix
    third: ImmutableDenseNDimArray
    fourth: ImmutableDenseNDimArray

    @property
    def inverse_metric(self) -> ImmutableMatrix:
        """g^ij = I^ij(theta*)."""
        inverse = self.hessian.inv()
        return ImmutableMatrix(inverse if len(self.parameters) == 1 else inverse.applyfunc(sympy.simplify))

    @property
    def mean(self) -> ImmutableMatrix:
        """theta* + m / T, n x 1; the remainder is O(T^-2)."""
        return ImmutableMatrix(self.truth) + self.shift / self.time

    @property
    def covariance(self) -> ImmutableMatrix:
        """g / T + v / T^2, n x n; the remainder is O(T^-3)."""
        return self.inverse_metric / self.time + self.spread / self.time**2

    @property
    def skewness(self) -> Expr:
        """Third standardised cumulant in one dimension, to leading order, T^-1/2; the remainder is O(T^-3/2)."""
        _one(self.parameters, "skewness")
        g = self.inverse_metric[0]
        return sympy.simplify(self.third[0, 0, 0] / g ** sympy.Rational(3, 2)) / sympy.sqrt(self.time)

    @property
    def excess_kurtosis(self) -> Expr:
        """Fourth standardised cumulant in one dimension, to leading order, 1/T; the remainder is O(T^-2)."""
        _one(self.parameters, "excess kurtosis")
        return sympy.simplify(self.fourth[0, 0, 0, 0] / self.inverse_metric[0] ** 2) / self.time

    @property
    def leading(self) -> Expr:
        """Equation (16) at theta*: the normal density of covariance I(theta*)^-1 / T."""
        return self._normal(ImmutableMatrix(self.truth), self.hessian * self.time)

    @property
    def density(self) -> Expr:
        """The Edgeworth density to relative order 1/sqrt(T): (16) times 1 + (shift and skewness terms).

        Relative to the exact posterior, uniformly in z = sqrt(T) (theta - theta*), the error is O(1/T).
        """
        n = range(len(self.parameters))
        delta = [p - t for p, t in zip(self.parameters, self.truth)]
        lowered = self.hessian * ImmutableMatrix(delta)  # c_ij delta^j
        h = self.hessian
        correction = (self.shift.T * lowered)[0]
        for i, j, k in product(n, n, n):
            hermite = self.time * lowered[i] * lowered[j] * lowered[k] - (
                h[i, j] * lowered[k] + h[i, k] * lowered[j] + h[j, k] * lowered[i]
            )
            correction += self.third[i, j, k] * hermite / 6
        return self.leading * (1 + correction)

    def _normal(self, mean: ImmutableMatrix, precision: ImmutableMatrix) -> Expr:
        x = ImmutableMatrix(self.parameters) - mean
        n = len(self.parameters)
        exponent = -(x.T * precision * x)[0] / 2
        return sympy.sqrt(sympy.factor(precision.det()) / (2 * sympy.pi) ** n) * sympy.exp(exponent)

    def latex(self) -> str:
        """LaTeX of mean and covariance with their remainders."""
        t = latex(self.time)
        one = len(self.parameters) == 1
        mean = latex(self.mean[0] if one else self.mean)
        covariance = latex(self.covariance[0] if one else self.covariance)
        return (
            rf"\mathbb{{E}}(\theta) = {mean} + \mathcal{{O}}\left({t}^{{-2}}\right), \quad "
            rf"\operatorname{{Cov}}(\theta) = {covariance} + \mathcal{{O}}\left({t}^{{-3}}\right)"
        )


def laplace_posterior(dynamics: DynamicalBayes, budget: float | Budget | None = None) -> LaplacePosterior:
    """Cumulants of the posterior of `dynamics` to the order after (16).

    Raises:
        UnidentifiableModel: the metric at the truth is singular; the message names the direction that the data
            cannot see, and what can still be said.
        IrregularModel: the divergence is not smooth at the truth (a Laplace density).
    """
    budget = Budget.of(budget)

    def short(expression: Expr) -> Expr:
        found = budget.attempt("simplify", sympy.simplify, expression, share=0.1) if expression.args else None
        return expression if found is None else found

    theta, n = dynamics.parameters, len(dynamics.parameters)
    at = dict(zip(theta, dynamics.truth))

    def taylor(expression: Expr, order: int) -> dict[tuple[int, ...], Expr]:
        """Derivatives at the truth, by index tuple."""
        found = {}
        for index in product(range(n), repeat=order):
            key = tuple(sorted(index))
            if key not in found:
                value = sympy.diff(expression, *(theta[i] for i in key))
                found[key] = short(_at_truth(value, at, order))
        return found

    second = taylor(dynamics.divergence, 2)
    hessian = ImmutableMatrix(n, n, lambda i, j: second[tuple(sorted((i, j)))])
    if not _clearly_regular(hessian) and short(hessian.det()) == 0:
        raise UnidentifiableModel(_unseen(hessian, theta, _rank_nearby(dynamics, budget)))
    cubic, quartic = taylor(dynamics.divergence, 3), taylor(dynamics.divergence, 4)
    log_prior = sympy.expand_log(sympy.log(dynamics.prior), force=True)
    slope, bend = taylor(log_prior, 1), taylor(log_prior, 2)
    names = _Names()  # polynomials in letters are quick, whatever the letters stand for
    g = hessian.applyfunc(names).inv(method="ADJ").applyfunc(lambda e: short(names.plain(e)))

    z = [sympy.Dummy(f"z{i}") for i in range(n)]

    def form(coefficients: dict[tuple[int, ...], Expr], order: int) -> Expr:
        return sympy.Add(
            *(
                names(coefficients[tuple(sorted(i))]) * sympy.Mul(*(z[k] for k in i)) / sympy.factorial(order)
                for i in product(range(n), repeat=order)
            )
        )

    # exp of the perturbation, to second order in epsilon = T^-1/2
    first = form(slope, 1) - form(cubic, 3)
    weights = [sympy.S.One, first, form(bend, 2) - form(quartic, 4) + first**2 / 2]
    average = _Wick(z, g.applyfunc(names))

    def moment(factor: Expr) -> list[Expr]:
        """Coefficients in epsilon of E[factor]: the ratio of two series."""
        top = [average(factor * w) for w in weights]
        bottom = [average(w) for w in weights]
        zero = top[0]
        one = top[1] - zero * bottom[1]
        two = top[2] - one * bottom[1] - zero * bottom[2]
        return [zero, one, two]

    r = range(n)
    e1 = [moment(z[i]) for i in r]
    e2 = {(i, j): moment(z[i] * z[j]) for i in r for j in r if i <= j}

    def pair(i: int, j: int) -> list[Expr]:
        return e2[(min(i, j), max(i, j))]

    shift = ImmutableMatrix([short(names.back(e1[i][1])) for i in r])
    spread = ImmutableMatrix(n, n, lambda i, j: short(names.back(pair(i, j)[2] - e1[i][1] * e1[j][1])))
    third = {}
    for i, j, k in product(r, r, r):
        key = tuple(sorted((i, j, k)))
        if key not in third:
            value = -sympy.Add(
                *(g[i, a] * g[j, b] * g[k, c] * cubic[tuple(sorted((a, b, c)))] for a, b, c in product(r, r, r))
            )
            third[key] = short(value)
    fourth = {}
    for index in product(r, repeat=4):
        key = tuple(sorted(index))
        if key not in fourth:
            fourth[key] = short(_fourth(key, g, cubic, quartic))
    return LaplacePosterior(
        theta,
        dynamics.truth,
        dynamics.time,
        hessian,
        shift,
        spread,
        _array(third, n, 3),
        _array(fourth, n, 4),
    )


def _at_truth(derivative: Expr, at: dict[Symbol, Expr], order: int) -> Expr:
    """A derivative at the truth; from both sides where the divergence has a kink there.

    Raises:
        IrregularModel: the two sides differ.
    """
    if not derivative.has(sympy.Abs, sympy.sign, sympy.DiracDelta, sympy.Heaviside, sympy.Piecewise):
        return derivative.subs(at, simultaneous=True)
    sides = []
    for direction in (1, -1):
        step = sympy.Dummy("step", positive=True)
        moved = derivative.subs({p: v + direction * step for p, v in at.items()}, simultaneous=True)
        sides.append(sympy.simplify(sympy.limit(sympy.simplify(moved), step, 0, "+")))
    if sympy.simplify(sides[0] - sides[1]) != 0:
        raise IrregularModel(
            f"derivative number {order} of the divergence jumps at the truth, from {sides[1]} to {sides[0]}: the "
            "Gaussian (16) holds where the second derivative exists, but there is no expansion in 1/T behind it"
        )
    return sides[0]


class _Names:
    """Letters for coefficients that are no numbers, and back."""

    def __init__(self) -> None:
        self.letters: dict[Expr, Symbol] = {}

    def __call__(self, expression: Expr) -> Expr:
        if expression.is_Number or expression.is_Symbol:
            return expression
        return self.letters.setdefault(expression, sympy.Dummy("c"))

    def plain(self, expression: Expr) -> Expr:
        """As `back`, with nothing multiplied out."""
        return expression.xreplace({letter: e for e, letter in self.letters.items()})

    def back(self, expression: Expr) -> Expr:
        """With the letters replaced by what they stand for."""
        return sympy.expand(expression).xreplace({letter: e for e, letter in self.letters.items()})


class _Wick:
    """E[polynomial] of a centred Gaussian with covariance g."""

    def __init__(self, symbols: Sequence[Symbol], covariance: Any):
        self.symbols = symbols
        self.covariance = covariance

    def __call__(self, polynomial: Expr) -> Expr:
        from symrg.fokker_planck.normalisation import wick

        total = sympy.S.Zero
        for powers, coefficient in sympy.Poly(polynomial, *self.symbols).terms():
            total += coefficient * wick([i for i, e in enumerate(powers) for _ in range(e)], self.covariance)
        return total


def _fourth(index: tuple[int, ...], g: Any, cubic: dict[Any, Expr], quartic: dict[Any, Expr]) -> Expr:
    """Tree diagrams: one quartic vertex, or two cubic ones joined by a line in three ways."""
    n = range(g.rows)
    i, j, k, m = index
    total = sympy.S.Zero
    for a, b, c, d in product(n, repeat=4):
        legs = g[i, a] * g[j, b] * g[k, c] * g[m, d]
        total -= legs * quartic[tuple(sorted((a, b, c, d)))]
        for e, f in product(n, n):
            for (p, q), (r, s) in (((a, b), (c, d)), ((a, c), (b, d)), ((a, d), (b, c))):
                total += legs * cubic[tuple(sorted((p, q, e)))] * g[e, f] * cubic[tuple(sorted((r, s, f)))]
    return total


def _array(values: dict[tuple[int, ...], Expr], n: int, order: int) -> ImmutableDenseNDimArray:
    flat = [values[tuple(sorted(i))] for i in product(range(n), repeat=order)]
    return ImmutableDenseNDimArray(flat, (n,) * order)


def _clearly_regular(matrix: ImmutableMatrix) -> bool:
    """Whether the determinant is far from zero where the symbols have some values: then it does not vanish."""
    symbols = sorted(matrix.free_symbols, key=str)
    point = {s: sympy.Rational(7 * k + 5, 9 * k + 13) for k, s in enumerate(symbols)}
    numbers = [e.subs(point, simultaneous=True).evalf(30) for e in matrix]
    if not all(e.is_Float or e.is_Rational for e in numbers):
        return False
    scale = max(abs(e) for e in numbers)
    determinant = ImmutableMatrix(*matrix.shape, numbers).det(method="berkowitz")
    return bool(abs(determinant) > sympy.Float("1e-12") * scale**matrix.rows)


def _rank_nearby(dynamics: DynamicalBayes, budget: Budget) -> int | None:
    """The rank of the Fisher metric at points other than the truth; None where it is not known."""
    if dynamics.model is None:
        return None
    return budget.attempt("rank nearby", lambda: dynamics.model.fisher_metric(budget=budget).rank(simplify=True))


def _unseen(hessian: ImmutableMatrix, theta: Sequence[Symbol], nearby: int | None = None) -> str:
    directions = [list(v) for v in hessian.nullspace()]
    seen = hessian.rank()
    if nearby is not None and nearby > seen:
        return (
            f"the Fisher metric has rank {nearby} nearby but {seen} at the truth: to second order the data do not see "
            f"the directions {directions} of {list(theta)} there, and the posterior narrows along them slower than "
            "T^(-1/2), not as a Gaussian. The exact solution and expected_divergence still hold"
        )
    return (
        f"the Fisher metric at the truth is singular: the data do not see the directions {directions} of "
        f"{list(theta)}; there the posterior stays as wide as the prior, while {seen} of {len(theta)} combinations "
        "still narrow as 1/T. Reparametrise, or hold the unseen combination fixed; the exact solution still holds if "
        "the prior is proper"
    )


def _one(parameters: Sequence[Symbol], what: str) -> None:
    if len(parameters) != 1:
        raise InvalidModel(f"{what} is one number for one parameter; for {len(parameters)} use .third or .fourth")
