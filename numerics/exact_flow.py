r"""Polchinski's flow of any interaction on one or two modes, exactly: a Gaussian average by quadrature.

    exp(-S_Lambda(phi)) = sqrt(det C_0 / det C) E_chi exp(-S_0(phi + chi)),   chi ~ N(0, C_0 - C_Lambda),

with S_0 the interaction at the scale where the flow starts. The trapezium rule converges faster than any power of its
spacing for such integrands (Trefethen, Weideman, SIAM Review 56 (2014) 385); the error given is the change against
twice the spacing. `interaction_to` gives as many digits as asked for, in ball arithmetic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, product
from typing import Any

import numpy as np
from flint import arb
from sympy import Expr, Float, ImmutableMatrix, diff, sympify
from sympy.core.function import AppliedUndef

from numerics.codegen import compile as compile_expressions
from numerics.collocation import evaluate, precision
from symrg.erg import PolchinskiFlow
from symrg.errors import InvalidEquation, SolverFailure

_REACH = 9.0  # standard deviations that the averages and the moments go out to


@dataclass(frozen=True, eq=False)
class ExactFlow:
    """The exact solution of Polchinski's flow from a scale downwards.

    Attributes:
        flow: on one or two modes, with numbers for everything but the scale.
        start: the scale at which the interaction is given; the flow's own interaction.
        points: of the trapezium rule in each direction of the average.
    """

    flow: PolchinskiFlow
    start: Any
    points: int = 96

    def __post_init__(self) -> None:
        if len(self.flow.modes) > 2:
            raise InvalidEquation(
                f"the exact average is taken over one or two modes, given {len(self.flow.modes)}; "
                "use numerics.langevin.simulate for more"
            )
        action, covariance = self.flow.interaction, self.flow.covariance
        unknown = (action.free_symbols - set(self.flow.modes)) | (covariance.free_symbols - {self.flow.scale})
        unknown |= action.atoms(AppliedUndef) | covariance.atoms(AppliedUndef)
        if unknown:
            raise InvalidEquation(f"give numbers for {', '.join(sorted(map(str, unknown)))} before asking for numbers")
        if self.points < 8:
            raise InvalidEquation(f"points is {self.points}; expected 8 or more")

    def covariance(self, scale: Any) -> np.ndarray:
        """C at a scale, n x n."""
        return np.array(self.flow.covariance.subs(self.flow.scale, scale).evalf(), float)

    def weight(self, fields: np.ndarray, scale: Any, points: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """exp(-S_int) and its gradient.

        Args:
            fields: shape (count, n).
            scale: Lambda, at most `start`.
            points: of the rule, by default the flow's.

        Returns:
            (count,) and (count, n).
        """
        chi, weights = self._nodes(scale, self.points if points is None else points)
        ratio = math.sqrt(np.linalg.det(self.covariance(self.start)) / np.linalg.det(self.covariance(scale)))
        value = np.zeros(len(fields))
        slope = np.zeros(fields.shape)
        for chunk in range(0, len(fields), max(1, 400_000 // len(chi))):
            rows = slice(chunk, chunk + max(1, 400_000 // len(chi)))
            shifted = fields[rows, None, :] + chi[None, :, :]
            columns = [np.ascontiguousarray(shifted[..., i]) for i in range(shifted.shape[2])]
            action, *gradient = self._compiled(*columns)
            bolt = np.exp(-np.broadcast_to(action, shifted.shape[:2]))
            value[rows] = ratio * (bolt @ weights)
            for i, g in enumerate(gradient):
                slope[rows, i] = -ratio * ((bolt * g) @ weights)
        return value, slope

    def interaction(self, fields: Any, scale: Any) -> tuple[np.ndarray, np.ndarray]:
        """S_int at points, and the quadrature error.

        Args:
            fields: shape (count, n), or (count,) for one mode.
            scale: Lambda.
        """
        given = self._fields(fields)
        fine = -np.log(self.weight(given, scale)[0])
        coarse = -np.log(self.weight(given, scale, self.points // 2)[0])
        return fine, np.abs(fine - coarse) + 1e-15 * (1 + np.abs(fine))

    def density(self, fields: Any, scale: Any) -> np.ndarray:
        """P_Lambda at points, normalised."""
        given = self._fields(fields)
        nodes, cell = self._grid(scale, 2 * self.points)
        total = cell * self._boltzmann(nodes, scale)[0].sum()
        return self._boltzmann(given, scale)[0] / total

    def expectation(self, observable: Expr, scale: Any) -> tuple[float, float]:
        """The mean of an expression in the modes, and its quadrature error."""
        compiled = compile_expressions(observable, self.flow.modes)
        values = []
        for points in (2 * self.points, self.points):
            nodes, _ = self._grid(scale, points)
            weight = self._boltzmann(nodes, scale)[0]
            columns = [np.ascontiguousarray(nodes[:, i]) for i in range(nodes.shape[1])]
            values.append(float((np.broadcast_to(compiled(*columns), weight.shape) * weight).sum() / weight.sum()))
        return values[0], abs(values[0] - values[1]) + 1e-14 * (1 + abs(values[0]))

    def relative_entropy(self, scale: Any) -> tuple[float, float, float]:
        """D_KL(P_Lambda || P_free), its quadrature error, and the dissipation (1/2) E_P[Cdot_ij d_i S d_j S].

        The dissipation is -d D_KL / d(-ln Lambda): the two are computed apart.
        """
        found = [self._entropy(scale, points) for points in (2 * self.points, self.points)]
        (fine, loss), (coarse, _) = found
        return fine, abs(fine - coarse) + 1e-14 * (1 + abs(fine)), loss

    def _entropy(self, scale: Any, points: int) -> tuple[float, float]:
        nodes, cell = self._grid(scale, points)
        weight, value, slope = self._boltzmann(nodes, scale, points // 2)
        total = weight.sum()
        covariance = self.covariance(scale)
        free = math.sqrt((2 * math.pi) ** len(covariance) * np.linalg.det(covariance))
        known = value > 0
        entropy = float((weight[known] * np.log(value[known])).sum() / total - math.log(cell * total / free))
        force = np.divide(slope, value[:, None], out=np.zeros_like(slope), where=value[:, None] > 0)
        rate = np.array(self.flow.regulator.subs(self.flow.scale, scale).evalf(), float)
        return entropy, float((weight * np.einsum("ni,ij,nj->n", force, rate, force)).sum() / total / 2)

    def interaction_to(self, digits: int, fields: Any, scale: Any) -> Float:
        """S_int at one point to so many digits: the average in ball arithmetic, its points doubled until it stands.

        Args:
            digits: decimals.
            fields: n exact numbers.
            scale: an exact number.

        Raises:
            SolverFailure: the digits were not reached.
        """
        place = [sympify(f, strict=True) for f in (fields if hasattr(fields, "__iter__") else (fields,))]
        spread = self._spread(scale)
        root = spread.cholesky(hermitian=False)
        ratio = (
            self.flow.covariance.subs(self.flow.scale, self.start).det()
            / self.flow.covariance.subs(self.flow.scale, scale).det()
        )
        n = len(self.flow.modes)
        with precision(int(3.4 * digits) + 80):
            rows = [[evaluate(e, {}) for e in root.row(i)] for i in range(n)]
            origin = [evaluate(p, {}) for p in place]
            reach = math.sqrt(2 * math.log(10) * (digits + 6))
            before, points = None, 24
            while points <= 800:
                step = arb(2 * reach) / points
                total = arb(0)
                for node in product(range(points + 1), repeat=n):
                    z = [step * k - arb(reach) for k in node]
                    at = {
                        m: (origin[i] + sum((rows[i][j] * z[j] for j in range(n)), arb(0))).mid()
                        for i, m in enumerate(self.flow.modes)
                    }
                    square = sum((v * v for v in z), arb(0))
                    total += (-evaluate(self.flow.interaction, at) - square / 2).exp()
                mean = total * step**n / (2 * arb.pi()) ** (arb(n) / 2)
                value = (-(mean.log() + evaluate(ratio, {}).log() / 2)).mid()
                if before is not None and abs(float(value - before)) < 10.0**-digits:
                    return Float(value.str(digits + 4, radius=False), digits + 2)
                before, points = value, points * 2 if n == 1 else points * 3 // 2
        raise SolverFailure(f"S_int at {place} was not found to {digits} digits; ask for fewer")

    def _spread(self, scale: Any) -> ImmutableMatrix:
        at = self.flow.covariance
        return ImmutableMatrix(at.subs(self.flow.scale, self.start) - at.subs(self.flow.scale, scale))

    def _nodes(self, scale: Any, points: int) -> tuple[np.ndarray, np.ndarray]:
        """Displacements chi, shape (count, n), and their weights."""
        spread = self.covariance(self.start) - self.covariance(scale)
        if np.abs(spread).max() < 1e-15:
            return np.zeros((1, len(spread))), np.ones(1)
        values, axes = np.linalg.eigh(spread)
        if values[0] < -1e-12 * values[-1]:
            raise InvalidEquation(f"C({self.start}) - C({scale}) is not positive: is {scale} below {self.start}?")
        line = np.linspace(-_REACH, _REACH, points + 1)
        weight = np.exp(-(line**2) / 2)
        weight /= weight.sum()
        grid = np.stack(np.meshgrid(*[line] * len(values), indexing="ij"), axis=-1).reshape(-1, len(values))
        weights = np.prod(np.stack(np.meshgrid(*[weight] * len(values), indexing="ij"), axis=-1), axis=-1).ravel()
        kept = weights > 1e-18 * weights.max()
        return (grid[kept] * np.sqrt(np.maximum(values, 0.0))) @ axes.T, weights[kept]

    def _grid(self, scale: Any, points: int) -> tuple[np.ndarray, float]:
        """Nodes over the box that holds P_Lambda, and the volume of a cell."""
        low, high = self.box(scale)
        lines = [np.linspace(a, b, points + 1) for a, b in zip(low, high)]
        grid = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, len(lines))
        return grid, float(np.prod([line[1] - line[0] for line in lines]))

    def box(self, scale: Any) -> tuple[np.ndarray, np.ndarray]:
        """Where P_Lambda is not negligible, found on a coarse grid and widened until it holds the whole."""
        spread = np.sqrt(np.diag(self.covariance(scale)))
        low, high = -_REACH * spread, _REACH * spread
        for _ in range(12):
            axes = [np.linspace(a, b, 49) for a, b in zip(low, high)]
            nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
            with np.errstate(over="ignore", invalid="ignore"):
                weight = self._boltzmann(nodes, scale, 24)[0].reshape([49] * len(axes))
            if not np.all(np.isfinite(weight)) or weight.max() == 0:
                break
            share = weight / weight.max()
            settled = True
            for i, line in enumerate(axes):
                edge = np.moveaxis(share, i, 0)[[0, -1]].reshape(2, -1)
                wide = line[-1] - line[0]
                if edge[0].max() > 1e-17:
                    low[i], settled = low[i] - wide / 2, False
                if edge[1].max() > 1e-17:
                    high[i], settled = high[i] + wide / 2, False
            if settled:
                for i, line in enumerate(axes):
                    profile = np.moveaxis(share, i, 0).reshape(len(line), -1).max(axis=1)
                    inside = np.flatnonzero(profile > 1e-17)
                    low[i] = line[max(inside[0] - 1, 0)]
                    high[i] = line[min(inside[-1] + 1, len(line) - 1)]
                return low, high
        raise SolverFailure(f"P at the scale {scale} does not fall off: is the interaction bounded from below?")

    def _boltzmann(
        self, nodes: np.ndarray, scale: Any, points: int | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        value, slope = self.weight(nodes, scale, points)
        precision_matrix = np.linalg.inv(self.covariance(scale))
        return np.exp(-np.einsum("ni,ij,nj->n", nodes, precision_matrix, nodes) / 2) * value, value, slope

    def _fields(self, fields: Any) -> np.ndarray:
        given = np.asarray(fields, float)
        n = len(self.flow.modes)
        if given.ndim == 1 and n == 1:
            given = given[:, None]
        if given.ndim != 2 or given.shape[1] != n:
            raise InvalidEquation(f"fields have shape {given.shape}; expected (count, {n})")
        return given

    @cached_property
    def _compiled(self) -> Any:
        action = self.flow.interaction
        return compile_expressions([action, *(diff(action, m) for m in self.flow.modes)], self.flow.modes)


@dataclass(frozen=True)
class EntropyRow:
    """The relative entropy at one scale.

    Attributes:
        scale: Lambda.
        value: D_KL(P_Lambda || P_free).
        error: of the quadrature.
        dissipation: -d value / d(-ln Lambda), from the Fisher information of the pair.
    """

    scale: float
    value: float
    error: float
    dissipation: float


def entropy_table(exact: ExactFlow, scales: Any) -> tuple[EntropyRow, ...]:
    """D_KL(P_Lambda || P_free) along the flow, with error bars, from high scales to low ones."""
    rows: list[EntropyRow] = []
    for scale in scales:
        value, error, loss = exact.relative_entropy(scale)
        rows.append(EntropyRow(float(scale), value, error, loss))
    return tuple(rows)


def monotone(rows: Any) -> str:
    """Either "falls" (every step down is beyond the error bars), "rises" (one goes up beyond them), or "undecided"."""
    verdict = "falls"
    for before, after in pairwise(rows):
        if before.scale <= after.scale:
            raise InvalidEquation(f"the scales must fall, given {before.scale} before {after.scale}")
        gap, bar = before.value - after.value, before.error + after.error
        if gap < -bar:
            return "rises"
        if gap <= bar:
            verdict = "undecided"
    return verdict
