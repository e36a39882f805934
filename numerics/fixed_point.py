"""The Wilson-Fisher fixed point of a local-potential flow and its exponents, by Chebyshev collocation in rho.

The right side and its derivatives are those of `symrg.erg.local_potential`, evaluated as they stand. The solution is
entire or nearly so, and the error falls exponentially with the number of nodes; at the outer end the second derivative
is that of the power law through the potential and its slope there, which leaves an error that falls exponentially with
the reach. Nodes and reach are raised in turn until the exponents stand still.

The numbers are exact of the truncation (no anomalous dimension, no derivative terms), not of nature.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from flint import arb, arb_mat
from sympy import Expr, Float, Rational, Symbol, diff, oo, simplify, sympify

from numerics.collocation import Chebyshev, column, eigenvalues, evaluate, midpoints, newton, precision
from symrg.drawing import Drawable
from symrg.erg.local_potential import RHO, LocalPotentialFlow
from symrg.errors import InvalidEquation, SolverFailure
from symrg.lambdified import lambdified

_COUNT = 5  # exponents that are computed, with the trivial one of the constant


@dataclass(frozen=True)
class Resolution:
    """One row of the convergence table.

    Attributes:
        nodes: collocation points.
        reach: largest rho, in units of the minimum of the first guess.
        nu: exponent found.
        omega: exponent found.
        change: largest change of the two against the row before; None in the first row.
    """

    nodes: int
    reach: float
    nu: Float
    omega: Float
    change: float | None


@dataclass(frozen=True, eq=False)
class FixedPoint(Drawable):
    """A fixed point with one relevant direction.

    Attributes:
        flow: whose fixed point it is.
        dimension: d.
        grid: the collocation points.
        potential: u at these points, as doubles.
        slope: u' there; the first is the mass u'(0).
        exponents: scaling dimensions y (positive: relevant), falling, without that of the constant, which is d.
        convergence: coarser and finer resolutions; the last is the result.
        digits: decimals of nu and omega that did not change in the last rise of the nodes and of the reach.
    """

    flow: LocalPotentialFlow
    dimension: Rational
    grid: Chebyshev
    potential: np.ndarray
    slope: np.ndarray
    exponents: tuple[Float, ...]
    convergence: tuple[Resolution, ...]
    digits: float

    @property
    def nu(self) -> Float:
        """The correlation-length exponent 1/y_1."""
        return 1 / self.exponents[0]

    @property
    def omega(self) -> Float:
        """The correction-to-scaling exponent -y_2."""
        return -self.exponents[1]

    @property
    def minimum(self) -> float:
        """The rho at which u is least."""
        from scipy.optimize import brentq

        rho = np.array([float(p) for p in self.grid.points])
        k = int(np.flatnonzero((self.slope[:-1] < 0) & (self.slope[1:] >= 0))[0])
        return float(brentq(lambda r: self.grid.interpolate(self.slope, [r])[0], rho[k], rho[k + 1], xtol=1e-15))

    def __call__(self, rho: Any) -> np.ndarray:
        """The potential u at points within the reach."""
        return self.grid.interpolate(self.potential, np.atleast_1d(np.asarray(rho, float)))


def fixed_point(
    flow: LocalPotentialFlow, dimension: Any = None, *, digits: int = 10, nodes: int = 32, limit: int = 260
) -> FixedPoint:
    """The Wilson-Fisher fixed point of a flow in dimension d, with exponents to so many decimals.

    Args:
        flow: from `litim_flow`, `polchinski_flow`, or any other of that form; N may be oo.
        dimension: d, needed where the flow's is a Symbol; an exact number (a decimal is read as written).
        digits: decimals at which nu and omega must stand still.
        nodes: of the first resolution.
        limit: the largest number of nodes tried.

    Raises:
        InvalidEquation: dimension or number of components without a value, or d outside (2, 4).
        SolverFailure: no fixed point with one relevant direction was found, or the digits were not reached.

    Below d = 3 there are multicritical fixed points too, with more relevant directions: what is returned has one. Where
    a parabola does not lead to it, it is followed from d = 3.
    """
    rate, d = _numeric(flow, dimension)
    tolerance = 10.0**-digits
    with precision(int(3.33 * digits) + 100):
        fine = 10.0 ** -(digits + 8)
        problem = _Problem(flow, rate, fine)
        found = _first(problem, d, nodes)
        if found is None:
            found = _continued(flow, rate, d, max(nodes, 48), fine)
        grid, state, unit, reach = found
        rows: list[Resolution] = []
        by_nodes = by_reach = math.inf  # changes of the exponents in the last rise of either
        raised = ""
        while True:
            spectrum = problem.exponents(grid, state, d, fine, digits)
            row = Resolution(grid.nodes, reach, 1 / spectrum[0], -spectrum[1], None)
            if rows:
                change = max(abs(float(row.nu - rows[-1].nu)), abs(float(row.omega - rows[-1].omega)))
                row = Resolution(row.nodes, row.reach, row.nu, row.omega, change)
                by_nodes, by_reach = (change, by_reach) if raised == "nodes" else (math.inf, change)
            rows.append(row)
            worst = max(by_nodes, by_reach)
            if worst < tolerance:
                break
            # a longer interval tells something only where the nodes suffice for the one at hand
            enough = max(tolerance, by_reach / 30 if math.isfinite(by_reach) else 0.0)
            raised = "reach" if by_nodes < enough else "nodes"
            if raised == "nodes":
                nodes = grid.nodes + max(8, 2 * (grid.nodes // 8))
            else:
                ample = by_nodes < enough / 1000 and len(rows) > 1
                nodes = rows[-2].nodes if ample else grid.nodes
            reach = reach + max(0.75, reach / 8) if raised == "reach" else reach
            if nodes > limit:
                raise SolverFailure(
                    f"{digits} digits were not reached with {limit} nodes; the last change was {worst:.1e} "
                    f"(nu = {row.nu}, omega = {row.omega}): ask for fewer digits or raise `limit`"
                )
            finer = Chebyshev.on(nodes, unit * reach)
            settled = newton(partial(problem.system, finer), _carried(grid, state, finer), fine)
            if settled is None:
                raise SolverFailure(f"Newton's method did not settle on {nodes} nodes up to {reach:.3g} minima")
            grid, state = finer, settled
        slope = grid.first * state
        return FixedPoint(
            flow,
            d,
            grid,
            np.array([float(v) for v in state.entries()]),
            np.array([float(v) for v in slope.entries()]),
            spectrum,
            tuple(rows),
            -math.log10(max(worst, 10.0 ** -(digits + 4))),
        )


class _Problem:
    """F(u) = 0 on a grid."""

    def __init__(self, flow: LocalPotentialFlow, rate: Expr, fine: float):
        self.flow = flow
        self.arguments = flow.arguments
        self.parts = (rate, *(diff(rate, a) for a in flow.arguments[1:]))
        self.rate = rate
        self.fine = fine

    def system(self, grid: Chebyshev, state: arb_mat) -> tuple[arb_mat, arb_mat]:
        """F and dF/du."""
        first, second = grid.first * state, grid.second * state
        values, rows = [], []
        for i, rho in enumerate(grid.points):
            u, u1, u2 = state[i, 0], first[i, 0].mid(), second[i, 0].mid()
            if last := i == grid.nodes - 1:
                u2 = (u1**2 / u - u1 / rho).mid()  # of the power law u ~ rho^p with p = rho u'/u
            f, by_u, by_u1, by_u2 = (evaluate(p, dict(zip(self.arguments, (rho, u, u1, u2)))) for p in self.parts)
            if last:
                growth = u1 / u
                by_u, by_u1, by_u2 = by_u - by_u2 * growth**2, by_u1 + by_u2 * (2 * growth - 1 / rho), arb(0)
            row = [(by_u1 * grid.first[i, j] + by_u2 * grid.second[i, j]).mid() for j in range(grid.nodes)]
            row[i] = (row[i] + by_u).mid()
            values.append(f.mid())
            rows.append(row)
        return arb_mat(len(values), 1, values), arb_mat(rows)

    def wilson_fisher(self, grid: Chebyshev, state: arb_mat, d: Rational) -> bool:
        """Whether the solution has one relevant direction and a minimum away from the origin."""
        try:
            spectrum = self.exponents(grid, state, d, self.fine, 12)
        except SolverFailure:
            return False
        slope = grid.first * state
        return bool(spectrum[0] > 0 > spectrum[1]) and float(slope[0, 0]) < -1e-6

    def exponents(self, grid: Chebyshev, state: arb_mat, d: Rational, fine: float, digits: int) -> tuple[Float, ...]:
        """y_1 > y_2 > .., without that of the constant."""
        _, jacobian = self.system(grid, state)
        found = eigenvalues(midpoints(jacobian), _COUNT, fine)
        real = [Float((-v).str(digits + 6, radius=False), digits + 4) for v in found if isinstance(v, arb)]
        constant = min(
            real, key=lambda v: abs(v - d), default=None
        )  # the power law at the end moves it from d a little
        others = [v for v in real if v is not constant]
        if len(others) < 2 or abs(constant - d) > 1e-2:
            raise SolverFailure(f"the stability matrix on {grid.nodes} nodes has the spectrum {found}: too coarse")
        return tuple(others)


def _numeric(flow: LocalPotentialFlow, dimension: Any) -> tuple[Expr, Rational]:
    """F with d put in, and d."""
    if isinstance(flow.dimension, Symbol):
        if dimension is None:
            raise InvalidEquation(f"give the dimension: the flow has the Symbol {flow.dimension}")
        value = Rational(str(dimension)) if isinstance(dimension, float) else sympify(dimension, strict=True)
        rate = flow.rate.subs(flow.dimension, value)
    else:
        value, rate = sympify(flow.dimension, strict=True), flow.rate
        if dimension is not None and sympify(dimension, strict=True) != value:
            raise InvalidEquation(f"the flow is in dimension {value}, asked for {dimension}")
    if not (value.is_number and value.is_real and 2 < value < 4):
        raise InvalidEquation(f"the Wilson-Fisher fixed point lies in 2 < d < 4, given d = {value}")
    if left := rate.free_symbols - set(flow.arguments):
        raise InvalidEquation(f"give numbers for {', '.join(sorted(map(str, left)))} before asking for a fixed point")
    return rate, value


def _guesses(flow: LocalPotentialFlow, rate: Expr, d: Rational) -> Iterator[tuple[float, float, float]]:
    """(kappa, lambda, u(kappa)) of parabolas u_0 + lambda (rho - kappa)^2 / 2 that the truncated flow leaves alone."""
    from scipy.optimize import root

    kappa, strength, offset = Symbol("kappa", positive=True), Symbol("lambda", positive=True), Symbol("u_0")
    parabola = strength * (RHO - kappa) ** 2 / 2 + offset
    at = dict(zip(flow.arguments, (RHO, parabola, diff(parabola, RHO), diff(parabola, RHO, 2))))
    moved = rate.subs(at, simultaneous=True)
    conditions = [simplify(diff(moved, RHO, k).subs(RHO, kappa)) for k in (0, 1, 2)]
    function = lambdified((kappa, strength, offset), [conditions[0], *(c / strength for c in conditions[1:])])
    n = 1.0 if flow.components is oo else max(float(flow.components), 0.5)
    seen: list[float] = []
    for size in ((n + 2) / (float(d) - 2), n / (float(d) - 2), (n + 2) / 2 / (float(d) - 2), 2 * n):
        for quartic in (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 0.01):
            with np.errstate(all="ignore"):
                found = root(lambda z: function(*z), [size, quartic / n, 0.3 * n])
            k, lam, u = found.x
            if found.success and k > 1e-3 and lam > 1e-6 and not any(abs(k - s) < 1e-5 * k for s in seen):
                seen.append(k)
                yield float(k), float(lam), float(u)


_Found = tuple[Chebyshev, arb_mat, arb, float]


def _first(problem: _Problem, d: Rational, nodes: int) -> _Found | None:
    """The fixed point on the first grid, from a parabola: (grid, u, minimum of the guess, reach in units of it)."""
    flow = problem.flow
    for kappa, quartic, offset in _guesses(flow, problem.rate, d):
        for reach in (4.0, 3.0, 2.5, 5.0, 6.5):
            grid = Chebyshev.on(nodes, arb(kappa) * arb(reach))
            rho = np.array([float(p) for p in grid.points])
            for bend in (1.0, 0.5, math.inf):
                start = column([float(v) for v in _bent(rho, kappa, quartic, offset, bend)])
                state = newton(partial(problem.system, grid), start, problem.fine)
                if state is None:
                    continue
                if problem.wilson_fisher(grid, state, d):
                    return grid, state, arb(kappa), reach
    return None


def _continued(flow: LocalPotentialFlow, rate: Expr, d: Rational, nodes: int, fine: float) -> _Found:
    """The fixed point of d = 3 followed in small steps of the dimension, with the length of rho scaled by 1/(d - 2).

    Below d = 3 other, multicritical fixed points split off from the Gaussian one (at d = 3, 8/3, 5/2, ..); the one
    followed keeps its single relevant direction.
    """
    _, u, slope, _ = flow.arguments

    def at(dimension: Rational) -> _Problem:
        # the dimension enters by the canonical terms -d u + (d - 2) rho u' alone
        return _Problem(flow, rate + (d - dimension) * (u - RHO * slope), fine)

    now = Rational(3)
    found = _first(at(now), now, nodes)
    step = (d - now) / max(1, math.ceil(abs(d - now) * 8))
    while found is not None and now != d:
        after = now + step if abs(d - now) > abs(step) else d
        grid, state, unit, reach = found
        stretched = unit * arb(float((now - 2) / (after - 2)))
        problem = at(after)
        finer = Chebyshev.on(nodes, stretched * arb(reach))
        settled = newton(partial(problem.system, finer), state, fine) if nodes == grid.nodes else None
        if settled is not None and problem.wilson_fisher(finer, settled, after):
            found, now = (finer, settled, stretched, reach), after
        elif abs(step) > Rational(1, 200):
            step /= 2
        else:
            break
    if found is None or now != d:
        raise SolverFailure(
            f"no fixed point with one relevant direction was found for N = {flow.components} in d = {d}, nor by "
            f"following it from d = 3 (lost at d = {float(now):.4g}); more nodes at the start may help"
        )
    return found


def _bent(rho: np.ndarray, kappa: float, quartic: float, offset: float, bend: float) -> np.ndarray:
    """The parabola about kappa, continued along its tangent from where its slope is `bend`."""
    corner = kappa + bend / quartic
    parabola = offset + quartic * (rho - kappa) ** 2 / 2
    if not math.isfinite(corner):
        return parabola
    return np.where(rho < corner, parabola, offset + bend**2 / (2 * quartic) + bend * (rho - corner))


def _carried(grid: Chebyshev, state: arb_mat, finer: Chebyshev) -> arb_mat:
    """A solution on another grid: interpolated, and beyond the reach continued by its power law."""
    values = [float(v) for v in state.entries()]
    end = float(grid.reach)
    slope = float((grid.first * state)[grid.nodes - 1, 0])
    power = end * slope / values[-1]
    rho = np.array([float(p) for p in finer.points])
    inside = np.minimum(rho, end)
    carried = np.where(rho <= end, grid.interpolate(values, inside), values[-1] * (rho / end) ** power)
    return column([float(v) for v in carried])
