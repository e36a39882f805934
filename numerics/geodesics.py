"""Geodesics of a manifold, by initial values and by end points, for any alpha-connection; Fisher-Rao distance.

The equations are d^2 x^i/dt^2 = -Gamma^(alpha)^i_jk v^j v^k with compiled Christoffel symbols. For alpha = 0 the
speed sqrt(g(v, v)) is constant, which measures the error of a computed curve.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from scipy.integrate import solve_bvp, solve_ivp

from numerics.codegen import compile as compile_expressions
from symrg.drawing import Drawable
from symrg.errors import InvalidMetric, SolverFailure, UndefinedSymbol
from symrg.manifold import Manifold

Array = NDArray[np.float64]

_MESH = 33
_NODES = 20_000
_TRIALS = 60
_COARSE = 1e-3  # tolerance on the way, while the end point is still moving
_SMALLEST = 1e-4  # step of the moving end


@dataclass(frozen=True, eq=False)
class Geodesic(Drawable):
    """A computed geodesic.

    Attributes:
        times: (m,) values of the affine parameter.
        points: (m, n) coordinates.
        velocities: (m, n) their derivatives by the parameter.
        speeds: (m,) sqrt|g(v, v)|.
        alpha: which connection.
    """

    times: Array
    points: Array
    velocities: Array
    speeds: Array
    alpha: float

    @property
    def length(self) -> float:
        """The integral of the speed (Simpson's rule; exact for alpha = 0, where the speed is constant)."""
        from scipy.integrate import simpson

        return float(simpson(self.speeds, x=self.times))

    @property
    def speed_error(self) -> float:
        """Relative variation of the speed: zero for alpha = 0 but for numerical error."""
        top = float(np.max(self.speeds))
        return float(np.ptp(self.speeds)) / top if top > 0 else 0.0


class GeodesicFlow:
    """The compiled geodesic equations of a manifold.

    Args:
        manifold: with closed-form Christoffel symbols.
        alpha: a number; alpha != 0 needs the manifold's model.
        parameters: values of the metric's other symbols.
        budget: seconds for the symbolic part.

    Raises:
        UndefinedSymbol: a symbol of the metric has no value; the message names it.
    """

    def __init__(
        self,
        manifold: Manifold,
        alpha: float = 0,
        parameters: Mapping[sp.Symbol, float] | None = None,
        budget: float | None = None,
    ):
        values = {k: sp.sympify(v, strict=True) for k, v in (parameters or {}).items()}
        missing = manifold.metric.free_symbols - set(manifold.coordinates) - set(values)
        if missing:
            names = ", ".join(sorted(s.name for s in missing))
            raise UndefinedSymbol(f"the metric contains {names} without a value: give parameters={{{names}: ..}}")
        self.manifold, self.alpha, self.dimension = manifold, float(alpha), manifold.dimension
        n = self.dimension
        gamma = manifold.christoffel(sp.nsimplify(alpha, rational=True), budget=budget)
        self._velocity = sp.symbols(f"v0:{n}", real=True, cls=sp.Dummy)
        v = self._velocity
        acceleration = [
            -sp.Add(*(gamma[i, j, k].subs(values) * v[j] * v[k] for j, k in product(range(n), repeat=2)))
            for i in range(n)
        ]
        metric = manifold.metric.subs(values)
        square = sp.Add(*(metric[i, j] * v[i] * v[j] for i, j in product(range(n), repeat=2)))
        arguments = [*manifold.coordinates, *v]
        self._acceleration = compile_expressions(acceleration, arguments)
        self._square = compile_expressions(square, arguments)

    def slope(self, t: Any, state: Array) -> Array:
        """(velocity, acceleration) at states of shape (2n,) or (2n, m)."""
        with np.errstate(all="ignore"):
            values = self._acceleration(*state)
        shape = np.shape(state[0])
        return np.concatenate([state[self.dimension :], [np.broadcast_to(a, shape) for a in values]])

    def speed(self, state: Array) -> Array:
        """sqrt|g(v, v)| at states of shape (2n,) or (2n, m)."""
        return np.sqrt(np.abs(np.asarray(self._square(*state), dtype=float)))

    def from_point(
        self,
        start: Sequence[float],
        velocity: Sequence[float],
        duration: float = 1.0,
        count: int = 101,
        tolerance: float = 1e-10,
    ) -> Geodesic:
        """The geodesic from a point with a velocity, for t in [0, duration].

        Raises:
            SolverFailure: it leaves the coordinates' domain, or the integration fails; the message says when.
        """
        x, v = self._vector(start, "start"), self._vector(velocity, "velocity")
        state = np.concatenate([x, v])
        if not np.all(np.isfinite(self.slope(0.0, state))):
            raise SolverFailure(f"the Christoffel symbols are not finite at {x}: start inside the coordinates' domain")
        times = np.linspace(0.0, duration, count)
        found = solve_ivp(
            self.slope, (0.0, duration), state, method="DOP853", t_eval=times, rtol=tolerance, atol=tolerance * 1e-2
        )
        if not found.success or not np.all(np.isfinite(found.y)) or found.y.shape[1] != count:
            reached = float(found.t[-1]) if len(found.t) else 0.0
            raise SolverFailure(
                f"the geodesic could be followed to t = {reached:.6g} of {duration:.6g} only ({found.message}): it "
                "runs into the boundary of its coordinates; shorten the duration or choose other coordinates"
            )
        return self._curve(times, found.y)

    def between(
        self, first: Sequence[float], second: Sequence[float], count: int = 101, tolerance: float = 1e-8
    ) -> Geodesic:
        """A geodesic with given end points at t = 0 and 1.

        Where several join them, as on a sphere, it is the one that the straight line in the coordinates deforms to.

        Raises:
            SolverFailure: none was found; the message says how far the continuation came.
        """
        a, b = self._vector(first, "first"), self._vector(second, "second")
        if np.allclose(a, b, rtol=0, atol=0):
            times = np.linspace(0.0, 1.0, count)
            return self._curve(times, np.concatenate([np.tile(a[:, None], count), np.zeros((self.dimension, count))]))
        reached, step, message = 0.0, 1.0, ""
        mesh = np.linspace(0.0, 1.0, _MESH)
        curve = np.concatenate([np.tile(a[:, None], _MESH), np.zeros((self.dimension, _MESH))])
        for _ in range(_TRIALS):
            goal = min(reached + step, 1.0)
            target = a + (b - a) * goal
            # the last curve, stretched to the new end
            ahead = (b - a)[:, None] * (goal - reached)
            guess = curve + np.concatenate([ahead * mesh, np.tile(ahead, len(mesh))])
            found = self._collocate(a, target, mesh, guess, tolerance if goal == 1.0 else _COARSE)
            if found is None and goal == 1.0:
                found = self._collocate(a, target, mesh, guess, _COARSE)
                if found is not None:
                    found = self._collocate(a, target, found.x, found.y, tolerance)
            if found is None:
                step /= 2
                message = "the collocation does not converge"
                if step < _SMALLEST:
                    break
            elif goal == 1.0:
                times = np.linspace(0.0, 1.0, count)
                return self._curve(times, found.sol(times))
            else:
                reached, mesh, curve, step = goal, found.x, found.y, 1.6 * step
        raise SolverFailure(
            f"no geodesic from {a} to {b} was found; from the first point the continuation came {reached:.0%} of the "
            f"way along the coordinate line ({message}). Choose nearer points, or coordinates in which the domain is "
            "convex"
        )

    def _collocate(self, a: Array, b: Array, mesh: Array, guess: Array, tolerance: float) -> Any:
        """The solution of the boundary value problem, None where the collocation fails."""
        n = self.dimension

        def ends(left: Array, right: Array) -> Array:
            return np.concatenate([left[:n] - a, right[:n] - b])

        try:
            with np.errstate(all="ignore"):
                found = solve_bvp(self.slope, ends, mesh, guess, tol=tolerance, max_nodes=_NODES)
        except (np.linalg.LinAlgError, ValueError, FloatingPointError, ZeroDivisionError):
            return None
        return found if found.success and np.all(np.isfinite(found.y)) else None

    def _vector(self, values: Sequence[float], what: str) -> Array:
        array = np.atleast_1d(np.asarray(values, dtype=float))
        if array.shape != (self.dimension,) or not np.all(np.isfinite(array)):
            raise InvalidMetric(f"{what} must be {self.dimension} finite numbers, given {values}")
        return array

    def _curve(self, times: Array, states: Array) -> Geodesic:
        n = self.dimension
        speeds = np.broadcast_to(self.speed(states), times.shape).copy()
        return Geodesic(times, states[:n].T.copy(), states[n:].T.copy(), speeds, self.alpha)


def fisher_rao_distance(
    manifold: Manifold,
    first: Sequence[float],
    second: Sequence[float],
    parameters: Mapping[sp.Symbol, float] | None = None,
    tolerance: float = 1e-8,
) -> float:
    """The length of the Levi-Civita geodesic between two points.

    Args:
        manifold: of any positive definite metric; of a Fisher metric, the length is the Fisher-Rao distance.
        first: coordinates of one end.
        second: coordinates of the other.
        parameters: values of the metric's other symbols.
        tolerance: of the collocation, relative.

    Raises:
        SolverFailure: no geodesic was found, or its speed is not constant to 1e-4.
    """
    curve = GeodesicFlow(manifold, 0, parameters).between(first, second, tolerance=tolerance)
    if curve.speed_error > 1e-4:
        raise SolverFailure(
            f"the speed along the computed geodesic varies by {curve.speed_error:.1e}: lower the tolerance"
        )
    return curve.length
