"""Chebyshev collocation in arbitrary precision: points, derivatives, Newton's method and refined eigenvalues.

Numbers are midpoints of Arb balls: the arithmetic is as long as one asks, and no claim on rounding is carried along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, arb_mat, ctx, fmpq
from sympy import Expr, Symbol

from symrg.errors import SolverFailure, UnsupportedExpression

_FUNCTIONS = ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan", "sqrt", "gamma", "erf")


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Arithmetic with so many bits meanwhile."""
    before = ctx.prec
    ctx.prec = bits
    try:
        yield
    finally:
        ctx.prec = before


def evaluate(expression: Expr, values: Mapping[Symbol, arb]) -> arb:
    """An expression at numbers, by walking its tree.

    Raises:
        UnsupportedExpression: a function that is not among the elementary ones, or a symbol without a value.
    """
    if expression in values:
        return values[expression]
    if expression.is_Rational:
        return arb(fmpq(int(expression.p), int(expression.q)))
    if expression.is_Add:
        total = arb(0)
        for part in expression.args:
            total = total + evaluate(part, values)
        return total
    if expression.is_Mul:
        total = arb(1)
        for part in expression.args:
            total = total * evaluate(part, values)
        return total
    if expression.is_Pow:
        base, power = expression.args
        if power.is_Integer:
            return evaluate(base, values) ** int(power)
        return evaluate(base, values) ** evaluate(power, values)
    name = expression.func.__name__
    if name == "Pi":
        return arb.pi()
    if name == "Float":
        return arb(str(expression))
    if name in _FUNCTIONS:
        return getattr(evaluate(expression.args[0], values), name)()
    raise UnsupportedExpression(f"{expression} can't be evaluated here: expected rational and elementary functions")


@dataclass(frozen=True)
class Chebyshev:
    """Chebyshev-Lobatto points on [0, reach], rising, with first and second derivatives as matrices.

    The derivative of a constant is zero row by row (Trefethen, Spectral Methods in MATLAB, 2000, ch. 6).
    """

    nodes: int
    reach: arb
    points: tuple[arb, ...]
    first: arb_mat
    second: arb_mat

    @classmethod
    def on(cls, nodes: int, reach: Any) -> Chebyshev:
        """The grid with so many nodes on [0, reach]."""
        if nodes < 3:
            raise SolverFailure(f"collocation needs 3 nodes or more, given {nodes}")
        length = arb(reach)
        step = arb.pi() / (nodes - 1)
        half = [(step * k / 2).sin() for k in range(2 * nodes)]
        points = [(length * half[k] ** 2).mid() for k in range(nodes)]
        weights = [arb((-1) ** k * (2 if k in (0, nodes - 1) else 1)) for k in range(nodes)]
        rows = []
        for i in range(nodes):
            row = []
            for j in range(nodes):
                if i == j:
                    row.append(arb(0))
                    continue
                # x_i - x_j = reach sin((i+j) h/2) sin((i-j) h/2): no cancellation between close points
                gap = half[i + j] * half[abs(i - j)] * (1 if i > j else -1)
                row.append((weights[i] / weights[j] / gap / length).mid())
            row[i] = -sum(row, arb(0)).mid()
            rows.append(row)
        first = arb_mat(rows)
        return cls(nodes, length, tuple(points), first, midpoints(first * first))

    def interpolate(self, values: Any, at: Any) -> np.ndarray:
        """The polynomial through `values` at other points of [0, reach], in doubles."""
        signs = (-1.0) ** np.arange(self.nodes)
        signs[[0, -1]] /= 2
        x, known = np.array([float(p) for p in self.points]), np.asarray(values, float)
        found = np.empty(len(at))
        for k, place in enumerate(at):
            distance = place - x
            hit = np.flatnonzero(np.abs(distance) < 1e-15 * x[-1])
            if hit.size:
                found[k] = known[hit[0]]
            else:
                share = signs / distance
                found[k] = share @ known / share.sum()
        return found


def midpoints(matrix: arb_mat) -> arb_mat:
    """The matrix without its radii."""
    return arb_mat(matrix.nrows(), matrix.ncols(), [entry.mid() for entry in matrix.entries()])


def column(values: Sequence[Any]) -> arb_mat:
    """A column of numbers."""
    return arb_mat(len(values), 1, [arb(v) for v in values])


def largest(matrix: arb_mat) -> float:
    """The largest entry in absolute value, as a double."""
    return max(abs(float(entry.mid())) for entry in matrix.entries())


def newton(
    system: Callable[[arb_mat], tuple[arb_mat, arb_mat]], start: arb_mat, tolerance: float, steps: int = 60
) -> arb_mat | None:
    """The zero of F near `start`, by Newton steps that are halved while they raise |F|.

    Args:
        system: u -> (F(u), dF/du).
        start: first guess, n x 1.
        tolerance: size of the last step that counts as settled.
        steps: at most so many.

    Returns:
        the zero, or None where the iteration does not settle.
    """
    solution = start
    value, jacobian = system(solution)
    size = largest(value)
    for _ in range(steps):
        try:
            step = midpoints(jacobian.solve(-value))
        except ZeroDivisionError:
            return None
        damping = 1.0
        while True:
            trial = midpoints(solution + step * arb(damping))
            new_value, new_jacobian = system(trial)
            new_size = largest(new_value)
            if new_size < size or (damping == 1.0 and largest(step) < 1e-6 and new_size < 1e-6):
                break
            damping /= 2
            if damping < 1e-4:
                return None
        solution, value, jacobian, size = trial, new_value, new_jacobian, new_size
        if damping == 1.0 and largest(step) < tolerance:
            return solution
    return None


def eigenvalues(matrix: arb_mat, count: int, tolerance: float) -> list[arb | complex]:
    """The eigenvalues of smallest real part, refined from doubles by Newton's method on (A - lambda) v = 0, v_p = 1.

    Returns:
        `count` values, rising; one that is complex, or does not settle, stays a complex double.
    """
    size = matrix.nrows()
    doubles = np.array([[float(matrix[i, j]) for j in range(size)] for i in range(size)])
    rough, vectors = np.linalg.eig(doubles)
    found: list[arb | complex] = []
    for k in np.argsort(rough.real)[:count]:
        if abs(rough[k].imag) > 1e-7 * (1 + abs(rough[k])):
            found.append(complex(rough[k]))
            continue
        vector = vectors[:, k].real
        pivot = int(np.argmax(np.abs(vector)))
        refined = _refined(matrix, float(rough[k].real), vector / vector[pivot], pivot, tolerance)
        found.append(refined if refined is not None else complex(rough[k]))
    return found


def _refined(matrix: arb_mat, value: float, vector: np.ndarray, pivot: int, tolerance: float) -> arb | None:
    size = matrix.nrows()
    eigenvalue, state = arb(value), column([float(v) for v in vector])
    for _ in range(12):
        residual = matrix * state - state * eigenvalue
        rows = [
            [*((matrix[i, j] - eigenvalue if i == j else matrix[i, j]) for j in range(size)), -state[i, 0]]
            for i in range(size)
        ]
        rows.append([arb(int(j == pivot)) for j in range(size + 1)])
        right = arb_mat(size + 1, 1, [*(-r.mid() for r in residual.entries()), arb(0)])
        try:
            step = midpoints(midpoints(arb_mat(rows)).solve(right))
        except ZeroDivisionError:
            return None
        state = midpoints(state + arb_mat(size, 1, [step[i, 0] for i in range(size)]))
        eigenvalue = (eigenvalue + step[size, 0]).mid()
        if abs(float(step[size, 0])) < tolerance:
            return eigenvalue
    return None
