"""Inverse and determinant of matrices over a differential field."""

from __future__ import annotations

from collections.abc import Sequence

from symrg.differential_field import DifferentialField, RationalFunction


def inverse(field: DifferentialField, matrix: Sequence[Sequence[RationalFunction]]) -> list[list[RationalFunction]]:
    """Inverse of a square matrix of elements, by Gauss-Jordan elimination.

    Raises:
        ZeroDivisionError: it is singular; the argument is the column that has no pivot.
    """
    n = len(matrix)
    rows = [[*matrix[i], *(field.one if i == j else field.zero for j in range(n))] for i in range(n)]
    for column in range(n):
        pivots = [r for r in range(column, n) if rows[r][column]]
        if not pivots:
            raise ZeroDivisionError(column)
        pivot = min(pivots, key=lambda r: len(rows[r][column].numerator) + len(rows[r][column].denominator))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        head = rows[column][column]
        rows[column] = [a / head if a else a for a in rows[column]]
        for r in range(n):
            factor = rows[r][column]
            if r != column and factor:
                rows[r] = [a - factor * b if b else a for a, b in zip(rows[r], rows[column])]
    return [row[n:] for row in rows]


def determinant(field: DifferentialField, matrix: Sequence[Sequence[RationalFunction]]) -> RationalFunction:
    """Determinant of a square matrix of elements, by elimination."""
    rows = [list(row) for row in matrix]
    n = len(rows)
    value = field.one
    for column in range(n):
        pivot = next((r for r in range(column, n) if rows[r][column]), None)
        if pivot is None:
            return field.zero
        if pivot != column:
            rows[column], rows[pivot] = rows[pivot], rows[column]
            value = -value
        head = rows[column][column]
        value = value * head
        for r in range(column + 1, n):
            if rows[r][column]:
                factor = rows[r][column] / head
                rows[r] = [a - factor * b if b else a for a, b in zip(rows[r], rows[column])]
    return value
