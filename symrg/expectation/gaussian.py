"""Gaussian integrals in any dimension, by completing the square (Isserlis 1918 for the moments)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy
from sympy import S
from sympy.polys.matrices import DomainMatrix

from symrg.budget import Declined
from symrg.support import Axis

_LONG = 600  # operations beyond which a form is left as it is


@dataclass(frozen=True)
class Normal:
    """exp(-y^T precision y / 2 + linear^T y + constant) over all of R^n.

    Attributes:
        sample: the coordinates y.
        precision: symmetric matrix.
        linear: column.
        constant: the rest of the log-density.
    """

    sample: tuple[sympy.Symbol, ...]
    precision: sympy.ImmutableMatrix
    linear: sympy.ImmutableMatrix
    constant: sympy.Expr

    @cached_property
    def covariance(self) -> sympy.ImmutableMatrix:
        """Inverse of the precision."""
        return sympy.ImmutableMatrix(inverse(self.precision))

    @cached_property
    def mean(self) -> sympy.ImmutableMatrix:
        """Centre of the quadratic form."""
        return sympy.ImmutableMatrix(product(self.covariance, self.linear))

    def fisher_metric(self, parameters: Sequence[sympy.Symbol]) -> sympy.Matrix:
        """d_i m^T P d_j m + tr(P d_i C P d_j C)/2 with mean m, covariance C and precision P (Slepian-Bangs)."""
        slopes = [self.mean.diff(p) for p in parameters]
        turns = [product(self.precision, self.covariance.diff(p)) for p in parameters]
        weighted = [product(self.precision, s) if any(s) else s for s in slopes]
        size, n = len(parameters), len(self.sample)
        metric = sympy.zeros(size, size)
        for i in range(size):
            for j in range(i, size):
                terms = [slopes[i][a] * weighted[j][a] for a in range(n) if slopes[i][a] != 0]
                terms += [
                    turns[i][a, b] * turns[j][b, a] / 2
                    for a in range(n)
                    for b in range(n)
                    if turns[i][a, b] != 0 and turns[j][b, a] != 0
                ]
                metric[i, j] = metric[j, i] = _compact(sympy.Add(*terms))
        return metric

    def expectation(self, expression: sympy.Expr) -> sympy.Expr:
        """E of a sum of polynomials times exponentials of affine functions.

        Raises:
            Declined: for anything else.
        """
        quadratic = self._of_quadratic(expression)
        if quadratic is not None:
            return _compact(quadratic) if sympy.count_ops(quadratic) < _LONG else quadratic
        total = S.Zero
        for term in sympy.Add.make_args(sympy.expand(expression)):
            coefficient, rest = term.as_independent(*self.sample, as_Add=False)
            exponent, polynomial = S.Zero, S.One
            for factor in sympy.Mul.make_args(rest):
                if isinstance(factor, sympy.exp):
                    exponent += factor.args[0]
                elif factor.is_Pow and not factor.base.has(*self.sample):
                    exponent += factor.exp * sympy.log(factor.base)
                else:
                    polynomial *= factor
            total += coefficient * self._term(sympy.expand(exponent), polynomial)
        return _compact(total)

    def _of_quadratic(self, expression: sympy.Expr) -> sympy.Expr | None:
        """f(m) + C_ij d_i d_j f / 2 for a polynomial of degree two, unexpanded; None for anything else."""
        if not expression.is_polynomial(*self.sample):
            return None
        slopes = [sympy.diff(expression, y) for y in self.sample]
        turns = {}
        for i, slope in enumerate(slopes):
            for j in range(i, len(self.sample)):
                turn = _compact(sympy.diff(slope, self.sample[j]))
                if turn.has(*self.sample):
                    return None
                turns[i, j] = turn
        total = expression.subs(dict(zip(self.sample, self.mean)), simultaneous=True)
        for (i, j), turn in turns.items():
            total += self.covariance[i, j] * turn / (2 if i == j else 1)
        return total

    def _term(self, exponent: sympy.Expr, polynomial: sympy.Expr) -> sympy.Expr:
        mean, factor = self.mean, S.One
        if not polynomial.is_polynomial(*self.sample):
            raise Declined("not a polynomial times an exponential")
        if exponent != 0:
            if not exponent.is_polynomial(*self.sample) or sympy.Poly(exponent, *self.sample).total_degree() > 1:
                raise Declined("exponential of a function that is not affine")
            slope = sympy.Matrix([exponent.coeff(y) for y in self.sample])
            offset = exponent.subs(dict.fromkeys(self.sample, 0))
            shift = self.covariance * slope
            factor = sympy.exp(_compact(offset + (slope.T * self.mean)[0] + (slope.T * shift)[0] / 2))
            mean = self.mean + shift
        total = S.Zero
        for powers, coefficient in sympy.Poly(polynomial, *self.sample).terms():
            total += coefficient * _moment(powers, mean, self.covariance)
        return factor * total


def _moment(powers: tuple[int, ...], mean: sympy.Matrix, covariance: sympy.Matrix) -> sympy.Expr:
    """E[prod y_i^k_i] by the recurrence E[y_i g] = m_i E[g] + C_ij E[d_j g] (Stein)."""
    for i, k in enumerate(powers):
        if k:
            lowered = [*powers]
            lowered[i] -= 1
            total = mean[i] * _moment(tuple(lowered), mean, covariance)
            for j, n in enumerate(lowered):
                if n and covariance[i, j] != 0:
                    below = [*lowered]
                    below[j] -= 1
                    total += n * covariance[i, j] * _moment(tuple(below), mean, covariance)
            return sympy.expand(total)
    return S.One


def structure(log_density: sympy.Expr, axes: Sequence[Axis]) -> Normal | None:
    """The Gaussian that a log-density is, or None."""
    sample = tuple(axis.symbol for axis in axes)
    if any(axis.discrete or axis.lower != -S.Infinity or axis.upper != S.Infinity for axis in axes):
        return None
    constant, rest = sympy.expand(log_density, log=False).as_independent(*sample, as_Add=True)
    if not rest.is_polynomial(*sample):
        from symrg.expectation.density import split_logarithms

        constant, rest = split_logarithms(log_density).as_independent(*sample, as_Add=True)
        if not rest.is_polynomial(*sample):
            return None
    if rest == 0:
        return None
    polynomial = sympy.Poly(rest, *sample)
    if polynomial.total_degree() != 2:
        return None
    zero = dict.fromkeys(sample, 0)
    hessian = sympy.hessian(rest, sample)
    linear = sympy.Matrix([sympy.diff(rest, y).subs(zero) for y in sample])
    precision = (-hessian).applyfunc(_compact)
    if len(sample) > 1 and _singular(precision):
        return None
    return Normal(sample, sympy.ImmutableMatrix(precision), sympy.ImmutableMatrix(linear), constant)


def _singular(matrix: sympy.Matrix) -> bool:
    numbers = {s: sympy.Rational(7 + 3 * k, 11 + 2 * k) for k, s in enumerate(sorted(matrix.free_symbols, key=str))}
    return bool(abs(sympy.Matrix(matrix.subs(numbers)).evalf(15).det()) < 1e-12)


def inverse(matrix: sympy.Matrix) -> sympy.Matrix:
    """Inverse over the field of rational functions of the entries' symbols, every entry in lowest terms."""
    size = matrix.shape[0]
    if size == 1:
        return sympy.Matrix([[1 / matrix[0]]])
    if matrix.is_diagonal():
        return sympy.diag(*[1 / matrix[i, i] for i in range(size)])
    return DomainMatrix.from_Matrix(sympy.Matrix(matrix)).to_field().inv().to_Matrix().applyfunc(_compact)


def product(left: sympy.Matrix, right: sympy.Matrix) -> sympy.Matrix:
    """Matrix product with every entry in lowest terms."""
    if left.is_diagonal():
        return sympy.Matrix(left * right).applyfunc(_compact)
    a, b = DomainMatrix.from_Matrix(sympy.Matrix(left)), DomainMatrix.from_Matrix(sympy.Matrix(right))
    a, b = a.unify(b)
    return (a.to_field() * b.to_field()).to_Matrix().applyfunc(_compact)


def _compact(expression: sympy.Expr) -> sympy.Expr:
    if expression.is_number or expression.is_Symbol:
        return expression
    try:
        return sympy.factor(sympy.together(expression))
    except (sympy.PolynomialError, NotImplementedError):
        return expression
