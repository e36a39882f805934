r"""A scalar field on a periodic chain of many sites: Langevin ensembles and their exact references.

    S = sum_x [ (phi_(x+1) - phi_x)^2 / (2 a) + a U(phi_x) ]

The stochastic equation d phi = -(dS/d phi) d tau + sqrt(2) dW has exp(-S) as its stationary density. References: for a
quadratic U the Gaussian sum over momenta; for any U the transfer matrix exp(-(u - v)^2/(2 a) - a (U(u) + U(v))/2) on a
grid, whose error falls faster than any power of the spacing. Polchinski's flow of the chain is linear in the field, so
that the two-point function of an interacting chain flows as C + F (S_0 - C_0) F with F = C C_0^-1, mode by mode.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from numerics.codegen import compile as compile_expressions
from numerics.langevin import Ensemble, Expectation, simulate
from symrg.erg import PolchinskiFlow
from symrg.erg.field import Cutoff
from symrg.errors import InvalidEquation, SolverFailure
from symrg.fokker_planck import FokkerPlanck

_MOMENTUM = sp.Symbol("p2", nonnegative=True)


@dataclass(frozen=True, eq=False)
class ScalarChain:
    """The field and its action.

    Attributes:
        sites: n, 3 or more.
        potential: U, an expression in `field` with numbers for everything else; bounded from below.
        field: the Symbol of the field at one site.
        spacing: a.
    """

    sites: int
    potential: sp.Expr
    field: sp.Symbol
    spacing: float = 1.0

    def __post_init__(self) -> None:
        if self.sites < 3:
            raise InvalidEquation(f"a chain has three sites or more, given {self.sites}")
        if left := self.potential.free_symbols - {self.field}:
            raise InvalidEquation(f"give numbers for {', '.join(sorted(map(str, left)))} in the potential")
        if not self.spacing > 0:
            raise InvalidEquation(f"the spacing is {self.spacing!r}; expected a positive number")

    @cached_property
    def fields(self) -> tuple[sp.Symbol, ...]:
        """phi_1 .. phi_n."""
        return tuple(sp.Symbol(f"phi_{k + 1}", real=True) for k in range(self.sites))

    @cached_property
    def equation(self) -> FokkerPlanck:
        """Of stochastic quantisation: drift -dS/dphi, diffusion 1."""
        force = sp.diff(self.potential, self.field)
        a = sp.nsimplify(self.spacing)
        drift = [
            (self.fields[(k + 1) % self.sites] + self.fields[k - 1] - 2 * phi) / a - a * force.subs(self.field, phi)
            for k, phi in enumerate(self.fields)
        ]
        return FokkerPlanck(self.fields, drift, sp.ImmutableMatrix.eye(self.sites), sp.Symbol("tau", real=True))

    def ensemble(
        self, paths: int, duration: float, step: float = 0.05, seed: int = 0, twin: bool = False, start: Any = None
    ) -> Ensemble:
        """Fields in equilibrium: paths of the equation from `start` (zero by default) over a duration."""
        initial = np.zeros((paths, self.sites)) if start is None else np.asarray(start, float)
        return simulate(self.equation, initial, duration, step=step, seed=seed, twin=twin)

    def measured(self, ensemble: Ensemble, distance: int = 0, power: int = 1) -> Expectation:
        """E[phi_x^k phi_(x+r)^k] averaged over the sites, with the errors of the ensemble."""
        return ensemble.expectation(lambda x: np.mean(x**power * np.roll(x, -distance, axis=1) ** power, axis=1))

    # ------------------------------------------------------------------ references

    def free_two_point(self, distance: int) -> float:
        """E[phi_x phi_(x+r)] for a quadratic potential, the sum over momenta.

        Raises:
            InvalidEquation: the potential is not quadratic with a positive mass.
        """
        mass = self.mass_squared
        k = 2 * np.pi * np.arange(self.sites) / self.sites
        inverse = (2 - 2 * np.cos(k)) / self.spacing + self.spacing * mass
        return float(np.mean(np.cos(k * distance) / inverse))

    @property
    def mass_squared(self) -> float:
        """U'' where the potential is quadratic and even."""
        bend = sp.diff(self.potential, self.field, 2)
        if bend.has(self.field) or sp.diff(self.potential, self.field).subs(self.field, 0) != 0 or not bend > 0:
            raise InvalidEquation(f"{self.potential} is not a mass term; the transfer matrix does any potential")
        return float(bend)

    def transfer_matrix(self, distance: int = 0, power: int = 1, points: int = 320) -> tuple[float, float]:
        """E[phi_x^k phi_(x+r)^k], exactly, and the change against half the number of points.

        Args:
            distance: r.
            power: k.
            points: of the grid.

        Raises:
            SolverFailure: the potential does not hold the field in.
        """
        fine, coarse = (self._transferred(distance, power, p) for p in (points, points // 2))
        return fine, abs(fine - coarse) + 1e-13 * (1 + abs(fine))

    def _transferred(self, distance: int, power: int, points: int) -> float:
        u, eigenvalues, vectors = self._diagonal(points)
        share = np.clip(eigenvalues, 0.0, None) / eigenvalues[-1]
        between = vectors.T @ ((u**power)[:, None] * vectors)
        r = distance % self.sites
        total = (share**self.sites).sum()
        return float(np.einsum("i,ij,j,ji->", share ** (self.sites - r), between, share**r, between) / total)

    def _diagonal(self, points: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The grid and the transfer matrix on it, diagonalised once."""
        if points not in self._diagonalised:
            reach = self._reach()
            u = np.linspace(-reach, reach, points + 1)
            values = np.broadcast_to(self._compiled(u), u.shape)
            weight = self.spacing * (values - values.min()) / 2
            matrix = np.exp(-((u[:, None] - u) ** 2) / (2 * self.spacing) - weight[:, None] - weight)
            self._diagonalised[points] = (u, *np.linalg.eigh(matrix * (u[1] - u[0])))
        return self._diagonalised[points]

    @cached_property
    def _diagonalised(self) -> dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        return {}

    def _reach(self) -> float:
        """Where a U has risen by 45 above its least value on both sides."""
        for reach in (2.0, 3.0, 4.5, 7.0, 11.0, 17.0, 26.0, 40.0):
            line = np.linspace(-reach, reach, 401)
            values = self.spacing * np.broadcast_to(self._compiled(line), line.shape)
            if min(values[0], values[-1]) - values.min() > 45:
                return reach
        raise SolverFailure(f"the potential {self.potential} does not hold the field in; the weight has no norm")

    @cached_property
    def _compiled(self) -> Any:
        return compile_expressions(self.potential, (self.field,))

    # ------------------------------------------------------------------ its flow

    @cached_property
    def _modes(self) -> tuple[np.ndarray, np.ndarray]:
        """The rows and momenta of `symrg.erg.periodic_chain`, as doubles."""
        n, site = self.sites, np.arange(self.sites)
        rows, momenta = [], []
        for k in range(n // 2 + 1):
            alone = 2 * k in (0, n)
            waves = (np.cos,) if alone else (np.cos, np.sin)
            rows += [np.sqrt((1 if alone else 2) / n) * wave(2 * np.pi * k * site / n) for wave in waves]
            momenta += [(2 - 2 * np.cos(2 * np.pi * k / n)) / self.spacing**2] * len(waves)
        return np.array(rows), np.array(momenta)

    def renormalisation(self, cutoff: Cutoff, mass_squared: Any) -> FokkerPlanck:
        """Polchinski's flow of the chain's Fourier modes in s = -ln Lambda, with G = a (p^2 + m^2).

        Built from the one-mode flow at a symbolic p^2: the modes do not mix.
        """
        scale = sp.Symbol("Lambda", positive=True)
        phi = sp.Symbol("phi", real=True)
        kernel = sp.nsimplify(self.spacing) * (_MOMENTUM + sp.sympify(mass_squared, strict=True))
        one = PolchinskiFlow(phi, kernel, cutoff(_MOMENTUM, scale), scale).fokker_planck()
        squares = [sp.Float(p) for p in self._modes[1]]
        drift = [one.drift[0].subs({_MOMENTUM: p, phi: f}) for p, f in zip(squares, self.fields)]
        spread = [one.diffusion[0, 0].subs(_MOMENTUM, p) for p in squares]
        return FokkerPlanck(self.fields, drift, sp.ImmutableMatrix(sp.diag(*spread)), one.time)

    def to_modes(self, fields: np.ndarray) -> np.ndarray:
        """Fields (path, site) as Fourier modes (path, mode)."""
        return fields @ self._modes[0].T

    def flowed_variances(
        self, cutoff: Cutoff, mass_squared: Any, start: float, end: float, before: np.ndarray
    ) -> np.ndarray:
        """E[phi_k^2] at a lower scale, from that at `start`: C + F^2 (before - C_0), F = C / C_0, exactly."""
        scale = sp.Symbol("Lambda", positive=True)
        regulated = cutoff(_MOMENTUM, scale) / (sp.nsimplify(self.spacing) * (_MOMENTUM + mass_squared))
        compiled = compile_expressions(regulated, (_MOMENTUM, scale))
        first, last = (compiled(self._modes[1], np.full(self.sites, float(s))) for s in (start, end))
        return last + (last / first) ** 2 * (before - first)

    def mode_variances(self, points: int = 320) -> np.ndarray:
        """E[phi_k^2] of the interacting chain, the Fourier sums of the transfer matrix' two-point function."""
        half = [self._transferred(r, 1, points) for r in range(self.sites // 2 + 1)]
        correlation = np.array([half[min(r, self.sites - r)] for r in range(self.sites)])
        transform = self._modes[0]
        site = np.arange(self.sites)
        covariance = correlation[(site[:, None] - site) % self.sites]
        return np.einsum("kx,xy,ky->k", transform, covariance, transform)
