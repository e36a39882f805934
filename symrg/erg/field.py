"""A field with finitely many modes, its quadratic kernel and its cutoff functions.

Convention, as in (7) of the talk: G multiplies phi phi in the action, S_0 = phi G K_Lambda^-1 phi / 2, so that G is the
*inverse* propagator (p^2 + m^2 for a free scalar; the talk calls it the propagator) and the regulated two-point
function is C_Lambda = K_Lambda G^-1. The scale is t = ln Lambda; a flow to the infrared runs in s = -ln Lambda.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Expr, ImmutableMatrix, Matrix, Rational, Symbol, cos, exp, eye, pi, simplify, sin, sqrt, sympify, tanh

from symrg.errors import InvalidEquation

Cutoff = Callable[[Expr, Expr], Expr]
"""A cutoff function K(p^2, Lambda): 1 far below the scale, 0 far above it."""


def exponential_cutoff(p2: Expr, scale: Expr) -> Expr:
    """K = exp(-p^2 / Lambda^2)."""
    return exp(-p2 / scale**2)


def gaussian_cutoff(p2: Expr, scale: Expr) -> Expr:
    """K = exp(-p^4 / Lambda^4): Gaussian in p^2, flat to higher order below the scale."""
    return exp(-(p2**2) / scale**4)


def rational_cutoff(order: int = 1) -> Cutoff:
    """K = 1 / (1 + (p^2 / Lambda^2)^order) (Pauli-Villars for order 1)."""
    return lambda p2, scale: 1 / (1 + (p2 / scale**2) ** order)


def sharpening_cutoff(width: Any) -> Cutoff:
    """K = (1 + tanh((1 - p^2/Lambda^2) / width)) / 2: a step at p = Lambda in the limit width -> 0."""
    return lambda p2, scale: (1 + tanh((1 - p2 / scale**2) / sympify(width, strict=True))) / 2


@dataclass(frozen=True)
class LatticeModes:
    """The real Fourier modes of a periodic chain: orthonormal, with their lattice momenta squared.

    Attributes:
        transform: n x n orthogonal matrix; mode_k = sum_x transform[k, x] phi_x.
        momenta_squared: p_k^2 = (2 - 2 cos(2 pi k / n)) / a^2, one for each mode.
    """

    transform: ImmutableMatrix
    momenta_squared: tuple[Expr, ...]


def periodic_chain(sites: int, spacing: Any = 1) -> LatticeModes:
    """Normal modes of the nearest-neighbour Laplacian on a periodic chain.

    Args:
        sites: number of lattice sites, 1 or more.
        spacing: lattice spacing a.
    """
    if sites < 1:
        raise InvalidEquation(f"a chain needs at least one site, given {sites}")
    rows, momenta = [], []
    for k in range(sites // 2 + 1):
        p2 = (2 - 2 * cos(2 * pi * k / sites)) / sympify(spacing, strict=True) ** 2
        norm = sqrt(Rational(1, sites)) if 2 * k in (0, sites) else sqrt(Rational(2, sites))
        rows.append([norm * cos(2 * pi * k * x / sites) for x in range(sites)])
        momenta.append(p2)
        if 2 * k not in (0, sites):
            rows.append([norm * sin(2 * pi * k * x / sites) for x in range(sites)])
            momenta.append(p2)
    return LatticeModes(ImmutableMatrix(rows), tuple(momenta))


def as_matrix(value: Any, size: int, what: str) -> ImmutableMatrix:
    """A scalar, a sequence of n diagonal entries or an n x n matrix, as an n x n matrix.

    Raises:
        InvalidEquation: the shape is another one.
    """
    if hasattr(value, "shape"):
        matrix = ImmutableMatrix(value)
        if matrix.shape != (size, size):
            raise InvalidEquation(f"{what} has shape {matrix.shape}; expected {(size, size)}, one row for each mode")
        return matrix
    if isinstance(value, Sequence) and not isinstance(value, str):
        entries = [sympify(v, strict=True) for v in value]
        if len(entries) != size:
            raise InvalidEquation(f"{what} has {len(entries)} entries; expected {size}, one for each mode")
        return ImmutableMatrix(Matrix.diag(*entries))
    return ImmutableMatrix(sympify(value, strict=True) * eye(size))


def require_symmetric(matrix: ImmutableMatrix, what: str) -> None:
    """Refuse a matrix that is not symmetric.

    Raises:
        InvalidEquation: naming the first pair of entries that differ.
    """
    for i in range(matrix.rows):
        for j in range(i):
            if simplify(matrix[i, j] - matrix[j, i]) != 0:
                raise InvalidEquation(
                    f"{what} must be symmetric: entries ({i}, {j}) = {matrix[i, j]} and "
                    f"({j}, {i}) = {matrix[j, i]} differ"
                )


def as_modes(modes: Any) -> tuple[Symbol, ...]:
    """The modes as a tuple of distinct real Symbols.

    Raises:
        InvalidEquation: something else was given.
    """
    listed = (modes,) if isinstance(modes, Symbol) else tuple(modes)
    if not listed or not all(isinstance(m, Symbol) for m in listed) or len(set(listed)) != len(listed):
        raise InvalidEquation(f"modes must be one or more distinct Symbols, given {modes!r}")
    not_real = [m for m in listed if m.is_real is not True]
    if not_real:
        raise InvalidEquation(f"modes are real: declare {', '.join(map(str, not_real))} with real=True")
    return listed
