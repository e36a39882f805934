r"""One minimising-movement step of a flow (Jordan, Kinderlehrer, Otto 1998), as a witness that knows no PDE.

    P_(s+h) = argmin_P  W^2(P, P_s) / (2 h) + D_KL(P || exp(-2 S_seed) / Z),

with the transport measured by the inverse of the mobility C/2. On one mode it is exact and convex in the quantile
function: particles X_i that keep their order carry fixed masses,

    sum_i w_i (X_i - X_i^0)^2 / (h C) - sum_i m_i ln(X_(i+1) - X_i) + 2 sum_i w_i S_seed(X_i).

On n modes it is done for normal laws with a quadratic seed, where the optimal maps are symmetric matrices. The step is
implicit of first order: against the exact flow its error falls like h^2, with another reference only like h.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sympy import Expr, Matrix, diff, simplify

from numerics.codegen import compile as compile_expressions
from numerics.exact_flow import ExactFlow
from symrg.erg import PolchinskiFlow, WegnerMorrisFlow
from symrg.errors import InvalidEquation, SolverFailure


@dataclass(frozen=True, eq=False)
class Quantiles:
    """A density on the line as particles in order.

    Attributes:
        positions: rising, shape (n + 1,).
        masses: between neighbours, shape (n,), with sum 1.
    """

    positions: np.ndarray
    masses: np.ndarray

    @classmethod
    def of(cls, density: Callable[[np.ndarray], np.ndarray], low: float, high: float, count: int = 2000) -> Quantiles:
        """Particles on an even grid, with masses by Simpson's rule.

        Args:
            density: of an array of places; need not be normalised.
            low: left end.
            high: right end.
            count: of the cells.

        Raises:
            InvalidEquation: the density is not positive there.
        """
        faces = np.linspace(low, high, count + 1)
        at = np.asarray(density(np.concatenate([faces, (faces[:-1] + faces[1:]) / 2])), float)
        masses = (at[:count] + at[1 : count + 1] + 4 * at[count + 1 :]) / 6
        if not np.all(masses > 0):
            raise InvalidEquation(f"the density is not positive between {low:g} and {high:g}; take a narrower interval")
        return cls(faces, masses / masses.sum())

    @property
    def weights(self) -> np.ndarray:
        """Of the particles: half of the masses on either side."""
        return (np.append(self.masses, 0) + np.insert(self.masses, 0, 0)) / 2


def jko_step(
    flow: WegnerMorrisFlow | PolchinskiFlow, state: Quantiles, scale: float, step: float, reference: Expr | None = None
) -> Quantiles:
    """One step in s = -ln Lambda on one mode; mobility and reference are those at the end of the step.

    Args:
        flow: on one mode, with a regulator free of the field and numbers for all but the scale.
        state: P at the scale.
        scale: Lambda at the beginning.
        step: h.
        reference: -ln Q, where another than twice the seed is wanted.

    Raises:
        InvalidEquation: more modes, a regulator that depends on the field, a step that is not positive.
        SolverFailure: Newton's method did not settle.
    """
    seeded = flow.wegner_morris() if isinstance(flow, PolchinskiFlow) else flow
    if len(seeded.modes) != 1 or seeded.regulator.has(*seeded.modes):
        raise InvalidEquation("quantile functions are for one mode with a regulator that is free of the field")
    if not step > 0:
        raise InvalidEquation(f"the step is {step!r}; expected a positive number")
    end = scale * math.exp(-step)
    phi = seeded.modes[0]
    regulator = float(seeded.regulator[0].subs(seeded.scale, end))
    energy = (2 * seeded.seed if reference is None else reference).subs(seeded.scale, end)
    compiled = compile_expressions([diff(energy, phi), diff(energy, phi, 2)], (phi,))
    start, masses, weights = state.positions, state.masses, state.weights
    stiffness = 2 * weights / (step * regulator)
    x = start.copy()
    for _ in range(80):
        force, bend = (np.broadcast_to(v, x.shape) for v in compiled(x))
        gap = np.diff(x)
        pull = masses / gap
        gradient = stiffness * (x - start) + weights * force + np.append(pull, 0) - np.insert(pull, 0, 0)
        second = masses / gap**2
        diagonal = stiffness + weights * np.maximum(bend, 0.0) + np.append(second, 0) + np.insert(second, 0, 0)
        move = _tridiagonal(-second, diagonal, -gradient)
        shrink = np.diff(move) / gap
        length = min(1.0, 0.9 / max(1e-300, -shrink.min())) if shrink.min() < 0 else 1.0
        x = x + length * move
        if length == 1.0 and np.abs(move).max() < 1e-11 * (1 + np.abs(x).max()):
            return Quantiles(x, masses)
    raise SolverFailure("the minimising movement did not settle; take a shorter step")


def _tridiagonal(off: np.ndarray, diagonal: np.ndarray, right: np.ndarray) -> np.ndarray:
    from scipy.linalg import solveh_banded

    return solveh_banded(np.array([np.insert(off, 0, 0.0), diagonal]), right)


@dataclass(frozen=True)
class JkoWitness:
    """How one step compares with the flow, for a step and for half of it.

    Attributes:
        steps: h and h/2.
        errors: the Wasserstein distance between the step's density and the exact one.
        moved: how far the exact density moved, in the same distance.
        order: log2 of the ratio of the errors: 2 for a step of the flow, 1 for one of another flow.
    """

    steps: tuple[float, float]
    errors: tuple[float, float]
    moved: tuple[float, float]
    order: float

    @property
    def agrees(self) -> bool:
        """Whether the error is of second order, and small against the movement."""
        return self.order > 1.6 and self.errors[1] < 0.25 * self.moved[1]


def jko_witness(
    exact: ExactFlow, scale: float, step: float = 0.05, count: int = 1500, reference: Expr | None = None
) -> JkoWitness:
    """One step and one of half the length from the exact density at a scale, against the exact densities after them.

    Args:
        exact: the exact flow of one mode.
        scale: Lambda at the beginning, below the start of the flow.
        step: h, in s = -ln Lambda.
        count: of the particles.
        reference: -ln Q, where another than twice the seed is to be tried.
    """
    if len(exact.flow.modes) != 1:
        raise InvalidEquation("quantile functions are for one mode; `gaussian_jko_step` steps normal laws of several")
    low, high = _support(exact, scale)
    state = Quantiles.of(partial(exact.density, scale=scale), low, high, count)
    errors, moved = [], []
    for h in (step, step / 2):
        found = jko_step(exact.flow, state, scale, h, reference)
        after = scale * math.exp(-h)
        a, b = _support(exact, after)
        target = _at_quantiles(Quantiles.of(partial(exact.density, scale=after), a, b, 4 * count), state)
        inner = state.weights
        errors.append(math.sqrt(float(inner @ (found.positions - target) ** 2)))
        moved.append(math.sqrt(float(inner @ (state.positions - target) ** 2)))
    return JkoWitness((step, step / 2), (errors[0], errors[1]), (moved[0], moved[1]), math.log2(errors[0] / errors[1]))


def _support(exact: ExactFlow, scale: float) -> tuple[float, float]:
    """Where P is above 1e-13 of its height."""
    low, high = exact.box(scale)
    line = np.linspace(low[0], high[0], 801)
    density = exact.density(line, scale)
    inside = line[density > 1e-13 * density.max()]
    return float(inside[0]), float(inside[-1])


def _at_quantiles(target: Quantiles, state: Quantiles) -> np.ndarray:
    """Where the target has the cumulated masses of the state's particles, from the nearer end."""
    from scipy.interpolate import PchipInterpolator

    rising = np.concatenate([[0.0], np.cumsum(state.masses)])
    known = np.concatenate([[0.0], np.cumsum(target.masses)])
    falling = np.concatenate([[0.0], np.cumsum(state.masses[::-1])])[::-1]
    known_falling = np.concatenate([[0.0], np.cumsum(target.masses[::-1])])[::-1]
    places = np.empty(len(rising))
    left = rising <= 0.5
    tiny = 1e-300
    places[left] = PchipInterpolator(np.log(known[:-1] + tiny)[1:], target.positions[1:-1], extrapolate=True)(
        np.log(np.maximum(rising[left], known[1]))
    )
    places[~left] = PchipInterpolator(
        np.log(known_falling[1:-1] + tiny)[::-1], target.positions[1:-1][::-1], extrapolate=True
    )(np.log(np.maximum(falling[~left], known_falling[-2])))
    return places


def gaussian_jko_step(
    flow: WegnerMorrisFlow | PolchinskiFlow,
    covariance: Any,
    scale: float,
    step: float,
    reference: Expr | None = None,
) -> np.ndarray:
    """One step on centred normal laws: the covariance after it.

    Args:
        flow: with a quadratic seed and a regulator that is positive and free of the field.
        covariance: n x n, at the scale.
        scale: Lambda at the beginning.
        step: h.
        reference: -ln Q, a quadratic form, where another than twice the seed is wanted.

    Raises:
        InvalidEquation: a seed that is not quadratic, a regulator that depends on the field.
        SolverFailure: the minimum was not found.
    """
    from scipy.optimize import root

    seeded = flow.wegner_morris() if isinstance(flow, PolchinskiFlow) else flow
    end = scale * math.exp(-step)
    form = 2 * seeded.seed if reference is None else reference
    hessian = Matrix([[simplify(diff(form, a, b)) for b in seeded.modes] for a in seeded.modes])
    if hessian.has(*seeded.modes) or seeded.regulator.has(*seeded.modes):
        raise InvalidEquation("normal laws stay normal only for a quadratic seed and a regulator free of the field")
    bend = np.array(hessian.subs(seeded.scale, end).evalf(), float)
    mobility = np.array((seeded.regulator / 2).subs(seeded.scale, end).evalf(), float)
    values, axes = np.linalg.eigh(mobility)
    if values[0] <= 0:
        raise InvalidEquation("the regulator is not positive definite, so it measures no transport")
    half, inverse = (axes * values**0.5) @ axes.T, (axes * values**-0.5) @ axes.T
    before, stiff = inverse @ np.asarray(covariance, float) @ inverse, half @ bend @ half
    n = len(before)
    upper = np.triu_indices(n)

    def symmetric(flat: np.ndarray) -> np.ndarray:
        matrix = np.zeros((n, n))
        matrix[upper] = flat
        return matrix + np.triu(matrix, 1).T

    def gradient(flat: np.ndarray) -> np.ndarray:
        pull = symmetric(flat)
        moved = (pull - np.eye(n)) @ before / step - np.linalg.inv(pull) + stiff @ pull @ before
        return ((moved + moved.T) / 2)[upper]

    found = root(gradient, np.eye(n)[upper], tol=1e-13)
    pull = symmetric(found.x)
    if np.abs(gradient(found.x)).max() > 1e-9 or np.linalg.eigvalsh(pull)[0] <= 0:
        raise SolverFailure("the minimising movement did not settle; take a shorter step")
    return half @ pull @ before @ pull @ half
