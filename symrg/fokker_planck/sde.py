"""The one border: every other convention of drift and diffusion, in and out of the Ito divergence form.

Stochastic equations dX^i = b^i dt + s^i_a dW^a are read with the noise evaluated at the point
X + alpha dX: alpha = 0 is Ito, 1/2 Stratonovich, 1 Klimontovich (anti-Ito), and the Ito drift is

    mu^i = b^i + alpha s^k_a d_k s^i_a,        D = s s^T / 2.

Partial differential equations come in four forms; with constant coefficients they agree, otherwise not:

    divergence (ours)   d_t p = - d_i(mu^i p) + d_i d_j(D^ij p)
    half (Kolmogorov)   d_t p = - d_i(mu^i p) + d_i d_j(B^ij p) / 2
    gradient            d_t p = d_i(C^ij d_j p) + d_i(p C^ij d_j V)
    mixed               d_t p = C^ij d_i d_j p + d_i(p C^ij d_j V)            talk, eqs. (8)-(9) as printed
    non-divergence      d_t p = - m^i d_i p + A^ij d_i d_j p + c p            talk, eq. (21) as printed, c = 0

The last two conserve probability only under a condition on the coefficients; where it fails the conversion refuses.

Source: Risken (1989), secs. 3.3 and 4.7; Gardiner (2009), sec. 4.3.6; Klimontovich, Physica A 163 (1990) 515.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Expr, ImmutableMatrix, Symbol

from symrg.errors import InvalidEquation
from symrg.fokker_planck import equation as _equation
from symrg.fokker_planck.equation import FokkerPlanck
from symrg.typesetting import Typeset, latex

__all__ = [
    "SDE",
    "from_gradient_form",
    "from_half_form",
    "from_mixed_form",
    "from_nondivergence_form",
    "to_half_form",
    "to_nondivergence_form",
    "to_sde",
]

INTERPRETATIONS = {"ito": sympy.S.Zero, "stratonovich": sympy.S.Half, "klimontovich": sympy.S.One}
"""Interpretation -> alpha, the place within the step at which the noise is evaluated."""


@dataclass(frozen=True)
class SDE(Typeset):
    """A stochastic equation dX^i = drift^i dt + noise^i_a dW^a with its interpretation.

    Args:
        coordinates: n Symbols.
        drift: n expressions.
        noise: s^i_a, n x m; n expressions are one column (m = 1), one expression is 1 x 1.
        time: the Symbol t.
        interpretation: `"ito"`, `"stratonovich"` or `"klimontovich"`.

    Raises:
        InvalidEquation: shapes that differ or an unknown interpretation.
    """

    coordinates: tuple[Symbol, ...]
    drift: ImmutableMatrix
    noise: ImmutableMatrix
    time: Symbol = None
    interpretation: str = "ito"

    def __post_init__(self) -> None:
        coordinates = _equation._coordinates(self.coordinates)
        drift = _equation._column(self.drift, len(coordinates))
        noise = _noise(self.noise, len(coordinates))
        if self.interpretation not in INTERPRETATIONS:
            raise InvalidEquation(
                f"interpretation must be one of {sorted(INTERPRETATIONS)}, given {self.interpretation!r}"
            )
        time = _equation._time(self.time, drift.free_symbols | noise.free_symbols)
        for name, value in (("coordinates", coordinates), ("drift", drift), ("noise", noise), ("time", time)):
            object.__setattr__(self, name, value)

    def noise_induced_drift(self) -> ImmutableMatrix:
        """s^k_a d_k s^i_a, n x 1: times alpha, what the Ito drift has more than this drift."""
        n, m = self.noise.shape
        s, x = self.noise, self.coordinates
        return ImmutableMatrix(
            n,
            1,
            [sympy.Add(*(s[k, a] * sympy.diff(s[i, a], x[k]) for k in range(n) for a in range(m))) for i in range(n)],
        )

    def interpreted(self, interpretation: str) -> SDE:
        """The equation of the same process in another interpretation."""
        if interpretation not in INTERPRETATIONS:
            raise InvalidEquation(f"interpretation must be one of {sorted(INTERPRETATIONS)}, given {interpretation!r}")
        shift = INTERPRETATIONS[self.interpretation] - INTERPRETATIONS[interpretation]
        drift = (self.drift + shift * self.noise_induced_drift()).applyfunc(_tidy)
        return SDE(self.coordinates, drift, self.noise, self.time, interpretation)

    def fokker_planck(self) -> FokkerPlanck:
        """The Fokker-Planck equation of its density."""
        diffusion = (self.noise * self.noise.T / 2).applyfunc(_tidy)
        return FokkerPlanck(self.coordinates, self.interpreted("ito").drift, diffusion, self.time)

    def latex(self) -> str:
        """LaTeX of the system, with a small circle where it is Stratonovich."""
        product = {"ito": r"\,", "stratonovich": r"\circ", "klimontovich": r"\bullet"}[self.interpretation]
        n, m = self.noise.shape
        lines = []
        for i in range(n):
            terms = [] if self.drift[i] == 0 else [_bracketed(self.drift[i]) + rf" \, d{latex(self.time)}"]
            for a in range(m):
                if self.noise[i, a] != 0:
                    terms.append(rf"{_bracketed(self.noise[i, a])} {product} dW" + (rf"^{{{a + 1}}}" if m > 1 else ""))
            lines.append(rf"d{latex(self.coordinates[i])} &= " + (" + ".join(terms) or "0"))
        return r"\begin{aligned} " + r" \\ ".join(lines) + r" \end{aligned}"


def to_sde(equation: FokkerPlanck, interpretation: str = "ito", noise: Any = None) -> SDE:
    """A stochastic equation whose density obeys `equation`.

    Args:
        equation: the Fokker-Planck equation.
        interpretation: of the stochastic equation returned.
        noise: s with s s^T = 2 D, n x m; left out, the triangular root of 2 D. Under Ito every root gives the same
            drift; otherwise the drift depends on the root, and is that of the root returned.

    Returns:
        SDE.

    Raises:
        InvalidEquation: the noise given is no root of 2 D, or the root has no closed form.
    """
    n = equation.dimension
    if noise is None:
        root = _triangular_root(2 * equation.diffusion)
    else:
        root = _noise(noise, n)
        difference = (root * root.T - 2 * equation.diffusion).applyfunc(sympy.simplify)
        if any(e != 0 for e in difference):
            raise InvalidEquation(f"noise s must satisfy s s^T = 2 D; here s s^T - 2 D = {difference.tolist()}")
    return SDE(equation.coordinates, equation.drift, root, equation.time, "ito").interpreted(interpretation)


# ---------------------------------------------------------------------- partial differential equations


def from_half_form(coordinates: Any, drift: Any, half_diffusion: Any, time: Symbol | None = None) -> FokkerPlanck:
    """From d_t p = - d_i(mu^i p) + d_i d_j(B^ij p) / 2: D = B / 2."""
    x = _equation._coordinates(coordinates)
    return FokkerPlanck(x, drift, _equation._square(half_diffusion, len(x)) / 2, time)


def to_half_form(equation: FokkerPlanck) -> tuple[ImmutableMatrix, ImmutableMatrix]:
    """(mu, B) with d_t p = - d_i(mu^i p) + d_i d_j(B^ij p) / 2."""
    return equation.drift, 2 * equation.diffusion


def from_gradient_form(coordinates: Any, mobility: Any, potential: Any, time: Symbol | None = None) -> FokkerPlanck:
    """From d_t p = d_i(C^ij d_j p) + d_i(p C^ij d_j V): D = C, mu^i = - C^ij d_j V + d_j C^ij.

    Its stationary density is exp(-V), if that normalises. With C constant this is the talk's (10).
    """
    x = _equation._coordinates(coordinates)
    n = range(len(x))
    c = _equation._square(mobility, len(x))
    v = _equation._expression(potential, "potential")
    drift = [sympy.Add(*(sympy.diff(c[i, j], x[j]) - c[i, j] * sympy.diff(v, x[j]) for j in n)) for i in n]
    return FokkerPlanck(x, [_tidy(e) for e in drift], c, time)


def from_nondivergence_form(
    coordinates: Any, velocity: Any, diffusion: Any, zeroth: Any = 0, time: Symbol | None = None
) -> FokkerPlanck:
    """From d_t p = - m^i d_i p + A^ij d_i d_j p + c p: D = A, mu^i = m^i + 2 d_j A^ij.

    Raises:
        InvalidEquation: c is not - d_i m^i - d_i d_j A^ij, so that the integral of p changes with time and the
            equation is no Fokker-Planck equation; the message gives the rate.
    """
    x = _equation._coordinates(coordinates)
    n = range(len(x))
    m = _equation._column(velocity, len(x))
    a = _equation._square(diffusion, len(x))
    c = _equation._expression(zeroth, "zeroth-order coefficient")
    drift = [m[i] + 2 * sympy.Add(*(sympy.diff(a[i, j], x[j]) for j in n)) for i in n]
    loss = sympy.Add(c, *(sympy.diff(m[i], x[i]) for i in n), *(sympy.diff(a[i, j], x[i], x[j]) for i in n for j in n))
    loss = sympy.simplify(loss)
    if loss != 0:
        raise InvalidEquation(
            "the equation does not conserve probability: d/dt of the integral of p is the integral of "
            f"({loss}) p; give a zeroth-order coefficient of {sympy.simplify(c - loss)}, or the divergence form"
        )
    return FokkerPlanck(x, [_tidy(e) for e in drift], a, time)


def to_nondivergence_form(equation: FokkerPlanck) -> tuple[ImmutableMatrix, ImmutableMatrix, Expr]:
    """(m, A, c) with d_t p = - m^i d_i p + A^ij d_i d_j p + c p."""
    x, n = equation.coordinates, range(equation.dimension)
    shift = equation.spurious_drift
    m = (equation.drift - 2 * shift).applyfunc(_tidy)
    c = sympy.Add(*(sympy.diff(shift[i] - equation.drift[i], x[i]) for i in n))
    return m, equation.diffusion, _tidy(c)


def from_mixed_form(coordinates: Any, mobility: Any, potential: Any, time: Symbol | None = None) -> FokkerPlanck:
    """From d_t p = C^ij d_i d_j p + d_i(p C^ij d_j V), the talk's (8)-(9) read literally.

    It agrees with the gradient form where C does not depend on the coordinates.

    Raises:
        InvalidEquation: d_i d_j C^ij is not zero, so that probability is not conserved.
    """
    x = _equation._coordinates(coordinates)
    n = range(len(x))
    c = _equation._square(mobility, len(x))
    v = _equation._expression(potential, "potential")
    force = [sympy.Add(*(c[i, j] * sympy.diff(v, x[j]) for j in n)) for i in n]
    return from_nondivergence_form(x, [-f for f in force], c, sympy.Add(*(sympy.diff(force[i], x[i]) for i in n)), time)


# ---------------------------------------------------------------------- matrices


def _noise(given: Any, n: int) -> ImmutableMatrix:
    if isinstance(given, sympy.MatrixBase):
        matrix = ImmutableMatrix(given)
    elif isinstance(given, Iterable) and not isinstance(given, (str, bytes)):
        rows = list(given)
        if any(isinstance(r, Iterable) for r in rows):
            listed = [list(r) if isinstance(r, Iterable) else [r] for r in rows]
            if len({len(r) for r in listed}) > 1:
                raise InvalidEquation("the rows of the noise have different lengths")
            matrix = ImmutableMatrix(listed)
        elif n == 1:
            matrix = ImmutableMatrix(1, len(rows), rows)
        else:
            matrix = ImmutableMatrix(len(rows), 1, rows)
    else:
        matrix = ImmutableMatrix(1, 1, [_equation._expression(given, "noise")])
    if matrix.rows != n:
        raise InvalidEquation(
            f"the noise has {matrix.rows} rows for {n} coordinates; give s^i_a, one row for each coordinate and one "
            "column for each Wiener process"
        )
    _equation._check_entries(matrix, "noise")
    return ImmutableMatrix(matrix.applyfunc(lambda e: _equation._expression(e, "noise")))


def _triangular_root(matrix: ImmutableMatrix) -> ImmutableMatrix:
    """L with L L^T = matrix, positive semidefinite; columns of zeros left out."""
    n = matrix.rows
    rest = sympy.Matrix(matrix)
    columns = []
    for k in range(n):
        pivot = sympy.simplify(rest[k, k])
        if pivot == 0:
            if any(sympy.simplify(rest[i, k]) != 0 for i in range(k, n)):
                raise InvalidEquation(f"the diffusion is not positive semidefinite: row {k} has a zero diagonal only")
            continue
        root = _root(pivot)
        column = sympy.Matrix(n, 1, [0] * k + [root] + [sympy.simplify(rest[i, k] / root) for i in range(k + 1, n)])
        columns.append(column)
        rest = (rest - column * column.T).applyfunc(sympy.simplify)
    if not columns:
        return ImmutableMatrix(n, 1, [0] * n)
    return ImmutableMatrix(sympy.Matrix.hstack(*columns))


def _root(square: Expr) -> Expr:
    """A smooth root where there is one: x for x^2 rather than |x|; either has the right square."""
    plain = sympy.sqrt(square)
    smooth = sympy.powdenest(sympy.sqrt(sympy.factor(square)), force=True)
    return smooth if sympy.simplify(smooth**2 - square) == 0 else plain


def _tidy(expression: Expr) -> Expr:
    short = sympy.simplify(expression)
    return short if short.count_ops() <= expression.count_ops() else expression


def _bracketed(expression: Expr) -> str:
    return rf"\left({latex(expression)}\right)" if expression.is_Add else latex(expression)
