"""Claims that say how a density evolves, read as Fokker-Planck equations that can be simulated.

A claim d_t p = L p with an explicit p(x, t) and derivatives left unevaluated says two things at once: an equation, and
one of its solutions. `Evolution.of` takes it apart: d_t p gives p and t, and the operator is brought to the divergence
form d_t p = - d_i (mu^i p) + d_i d_j (D^ij p). A flow whose diffusion is negative is read towards smaller t, where it
is the evolution that can be simulated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import sympy as sp

from symrg.budget import Declined, OutOfTime, within
from symrg.fokker_planck import FokkerPlanck
from symrg.verification import Reading
from symrg.verification.points import Domain, Values

_TIDYING = 2.0  # seconds for one coefficient
_TAIL = 1e-10  # of the largest density, beyond which the box ends
_FACTORS = (sp.Rational(8, 5), sp.Rational(6, 5))  # by which t changes


@dataclass(frozen=True)
class Evolution:
    """A claim read as an equation with one of its solutions.

    Attributes:
        density: p, an expression in the coordinates, the time and the parameters.
        time: t.
        coordinates: x^i, in the order of their names.
        drift: mu^i of d_t p.
        diffusion: D^ij of d_t p, symmetric.
    """

    density: sp.Expr
    time: sp.Symbol
    coordinates: tuple[sp.Symbol, ...]
    drift: sp.ImmutableMatrix
    diffusion: sp.ImmutableMatrix

    @classmethod
    def of(cls, lhs: sp.Expr, rhs: sp.Expr) -> Evolution:
        """The evolution that `lhs == rhs` states.

        Raises:
            Declined: it is no equation of this form; the message says what is missing.
        """
        time, density, rate = _time_derivative(lhs)
        nodes = rhs.atoms(sp.Derivative)
        coordinates = tuple(sorted({v for n in nodes for v in n.variables}, key=str))
        if not coordinates or time in coordinates:
            raise Declined("the right side has no derivatives in coordinates")
        if not all(isinstance(v, sp.Symbol) for v in coordinates) or rate.has(*coordinates):
            raise Declined("what multiplies the derivative in time depends on the coordinates")
        terms = _operator(rhs, density, coordinates)
        n = len(coordinates)
        none = (0,) * n
        diffusion = sp.zeros(n, n)
        for i, j in combinations_with_replacement(range(n), 2):
            powers = tuple((k == i) + (k == j) for k in range(n))
            share = terms.pop(powers, sp.S.Zero) / rate / (1 if i == j else 2)
            diffusion[i, j] = diffusion[j, i] = _tidy(share)
        zeroth = terms.pop(none, sp.S.Zero) / rate
        first = [terms.pop(tuple(int(k == i) for k in range(n)), sp.S.Zero) / rate for i in range(n)]
        if any(_tidy(v) != 0 for v in terms.values()):
            raise Declined("there are derivatives beyond the second")
        drift = [
            _tidy(2 * sum(sp.diff(diffusion[i, j], coordinates[j]) for j in range(n)) - first[i]) for i in range(n)
        ]
        spread = sum(sp.diff(diffusion[i, j], coordinates[i], coordinates[j]) for i in range(n) for j in range(n))
        source = zeroth - spread + sum(sp.diff(drift[i], coordinates[i]) for i in range(n))
        if _tidy(source) != 0:
            raise Declined("the right side is no divergence: it makes or destroys probability inside")
        return cls(density, time, coordinates, sp.ImmutableMatrix(drift), sp.ImmutableMatrix(diffusion))

    @property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        """Symbols besides the coordinates and the time."""
        parts = (self.density, self.drift, self.diffusion)
        free = set().union(*(p.free_symbols for p in parts)) - {self.time, *self.coordinates}
        return tuple(sorted(free, key=str))

    @cached_property
    def _clock(self) -> tuple[sp.Symbol, sp.Symbol, sp.Symbol]:
        """Time of the simulation, the t at which it begins, and the direction, +1 or -1."""
        return sp.Symbol("s", nonnegative=True), sp.Symbol("t_begin", positive=True), sp.Symbol("way", real=True)

    @cached_property
    def forward(self) -> tuple[FokkerPlanck, sp.Expr]:
        """Equation and density in the time of the simulation, for either direction."""
        s, begin, way = self._clock
        moved = {self.time: begin + way * s}
        equation = FokkerPlanck(
            self.coordinates, way * self.drift.xreplace(moved), way * self.diffusion.xreplace(moved), time=s
        )
        return equation, self.density.xreplace(moved)

    def runs(self, reading: Reading, seed: int, count: int) -> list[Run]:
        """Simulations that the claim's domain allows, moderate ones first."""
        inner = (*self.parameters, self.time)
        conditions = tuple(
            c for c in reading.conditions if not c.free_symbols & set(self.coordinates) and c.free_symbols <= set(inner)
        )
        domain = Domain(inner, conditions, seed)
        points = [
            p for p in domain.points(12 * count, moderate=True) if all(v.is_real and v.is_finite for v in p.values())
        ]
        points.sort(key=strangeness)
        found = []
        for values in points:
            for factor in _FACTORS:
                run = self._run(values, factor, domain, conditions)
                if run is not None:
                    found.append(run)
                    break
        return found

    def _run(self, values: Values, factor: sp.Rational, domain: Domain, conditions: Any) -> Run | None:
        begin = values[self.time]
        if begin == 0:
            return None
        way = self._direction(values)
        if not way:
            return None
        end = begin * factor if (way > 0) == (begin > 0) else begin / factor
        if conditions and not domain.allows({**values, self.time: end}):
            return None
        return Run(self, {s: v for s, v in values.items() if s != self.time}, begin, end, way)

    def _direction(self, values: Values) -> int:
        """+1 where the diffusion is positive, -1 where it is negative, 0 where it is neither."""
        near = {**values, **{x: sp.Rational(7, 10) for x in self.coordinates}}
        try:
            matrix = np.array(self.diffusion.xreplace(near).evalf().tolist(), float)
        except (TypeError, ValueError):
            return 0
        eigenvalues = np.linalg.eigvalsh(matrix)
        return 1 if (eigenvalues > 0).all() else -1 if (eigenvalues < 0).all() else 0


@dataclass(frozen=True)
class Run:
    """One simulation: numbers for the parameters, and from when to when.

    Attributes:
        evolution: what is simulated.
        values: of the parameters.
        begin: t at the start.
        end: t at the end.
        way: +1 towards larger t, -1 towards smaller.
    """

    evolution: Evolution
    values: Values
    begin: sp.Expr
    end: sp.Expr
    way: int

    def __str__(self) -> str:
        shown = [f"{s} = {sp.N(v, 5)}" for s, v in self.values.items()]
        return ", ".join([*shown, f"{self.evolution.time} from {sp.N(self.begin, 5)} to {sp.N(self.end, 5)}"])

    @property
    def duration(self) -> float:
        """In the time of the simulation."""
        return abs(float(self.end - self.begin))

    @property
    def parameters(self) -> dict[sp.Symbol, float]:
        """Numbers for the parameters of `Evolution.forward`."""
        s, begin, way = self.evolution._clock
        given = {**{k: float(v) for k, v in self.values.items()}, begin: float(self.begin), way: float(self.way)}
        equation, density = self.evolution.forward
        needed = (density.free_symbols | set(equation.parameters)) - {s, *equation.coordinates}
        return {k: v for k, v in given.items() if k in needed}

    def density(self, late: bool) -> Any:
        """p at the start or the end, as a function of coordinate arrays."""
        from numerics import compile

        _, general = self.evolution.forward
        s, *_ = self.evolution._clock
        parameters = self.parameters
        function = compile(general, [*self.evolution.coordinates, s, *parameters])
        moment = self.duration if late else 0.0
        return lambda *x: np.asarray(function(*np.broadcast_arrays(*x), moment, *parameters.values()), float)

    def box(self, given: Mapping[str, tuple[float, float]] | None = None) -> dict[sp.Symbol, tuple[float, float]]:
        """Intervals outside of which p is negligible at both times.

        Args:
            given: intervals of coordinates by name, where these are known.

        Raises:
            Declined: p doesn't fall off, or isn't a density.
        """
        if given and all(str(x) in given for x in self.evolution.coordinates):
            return {x: given[str(x)] for x in self.evolution.coordinates}
        n = len(self.evolution.coordinates)
        axes = []
        for x in self.evolution.coordinates:
            half = np.sinh(np.linspace(1e-4, 9, 1500 if n == 1 else 120)) / 50
            signs = [half] if x.is_nonnegative else [-half[::-1]] if x.is_nonpositive else [-half[::-1], half]
            axes.append(np.concatenate(signs))
        mesh = np.meshgrid(*axes, indexing="ij")
        kept = np.zeros(mesh[0].shape, bool)
        for late in (False, True):
            with np.errstate(all="ignore"):
                p = np.nan_to_num(self.density(late)(*mesh), nan=0.0, posinf=0.0)
            top = p.max()
            if not top > 0 or p.min() < -1e-9 * top:
                raise Declined("p is no density at these values")
            kept |= p > _TAIL * top
        found = {}
        for k, (x, axis) in enumerate(zip(self.evolution.coordinates, axes)):
            inside = np.flatnonzero(kept.any(axis=tuple(i for i in range(n) if i != k)))
            low, high = max(inside[0] - 1, 0), min(inside[-1] + 1, len(axis) - 1)
            if (low == 0 and not x.is_nonnegative) or (high == len(axis) - 1 and not x.is_nonpositive):
                raise Declined("p doesn't fall off within reach")
            a = 0.0 if x.is_nonnegative and low == 0 else float(axis[low])
            b = 0.0 if x.is_nonpositive and high == len(axis) - 1 else float(axis[high])
            found[x] = (a, b)
        return found


def strangeness(values: Values) -> float:
    """Small for values at which much is seen: neither extreme, nor so near 1 that powers look alike."""
    sizes = [abs(complex(v)) for v in values.values()]
    return max((abs(abs(math.log(size + 1e-3)) - 0.4) for size in sizes), default=0.0)


def _time_derivative(lhs: sp.Expr) -> tuple[sp.Symbol, sp.Expr, sp.Expr]:
    """(t, p, c) of a side c d_t p."""
    factors = sp.Mul.make_args(lhs)
    nodes = [f for f in factors if isinstance(f, sp.Derivative)]
    rest = sp.Mul(*(f for f in factors if not isinstance(f, sp.Derivative)))
    if len(nodes) != 1 or rest.has(sp.Derivative) or len(nodes[0].variables) != 1:
        raise Declined("the left side is no first derivative of a density, left unevaluated")
    (time,) = nodes[0].variables
    if nodes[0].expr.has(sp.core.function.AppliedUndef):
        raise Declined("the density is not explicit")
    return time, nodes[0].expr, rest


def _operator(rhs: sp.Expr, density: sp.Expr, coordinates: tuple[sp.Symbol, ...]) -> dict[tuple[int, ...], sp.Expr]:
    """Coefficients a_k of L p = sum a_k d^k p, by the powers of the derivatives."""
    found: dict[tuple[int, ...], sp.Expr] = {}
    for term in sp.Add.make_args(_distributed(rhs)):
        factors = sp.Mul.make_args(term)
        nodes = [f for f in factors if isinstance(f, sp.Derivative)]
        outside = sp.Mul(*(f for f in factors if not isinstance(f, sp.Derivative)))
        if len(nodes) > 1 or outside.has(sp.Derivative):
            raise Declined("the right side isn't linear in derivatives of the density")
        inner = nodes[0].expr if nodes else sp.S.One
        if inner.has(sp.Derivative):
            raise Declined("there are derivatives within derivatives")
        ratio = _tidy(inner / density) if nodes else sp.S.One
        if not nodes:
            outside = _tidy(outside / density)
        orders = [nodes[0].variables.count(x) if nodes else 0 for x in coordinates]
        for powers, coefficient in _leibniz(ratio, coordinates, orders).items():
            found[powers] = found.get(powers, sp.S.Zero) + outside * coefficient
    return found


def _distributed(expr: sp.Expr) -> sp.Expr:
    """Sums that hold derivatives multiplied out; nothing else is touched."""
    if isinstance(expr, sp.Mul) and any(isinstance(f, sp.Add) and f.has(sp.Derivative) for f in expr.args):
        sums = [f for f in expr.args if isinstance(f, sp.Add) and f.has(sp.Derivative)]
        rest = sp.Mul(*(f for f in expr.args if f not in sums))
        total = rest
        for part in sums:
            total = sp.Add(*(a * b for a in sp.Add.make_args(total) for b in part.args))
        return _distributed(total)
    if isinstance(expr, sp.Add):
        return sp.Add(*(_distributed(a) for a in expr.args))
    return expr


def _leibniz(
    factor: sp.Expr, coordinates: tuple[sp.Symbol, ...], orders: list[int]
) -> Mapping[tuple[int, ...], sp.Expr]:
    """d^orders (factor p) = sum of coefficients times d^powers p."""
    found: dict[tuple[int, ...], sp.Expr] = {(0,) * len(coordinates): factor}
    for k, (x, order) in enumerate(zip(coordinates, orders)):
        for _ in range(order):
            new: dict[tuple[int, ...], sp.Expr] = {}
            for powers, value in found.items():
                raised = tuple(p + (i == k) for i, p in enumerate(powers))
                new[powers] = new.get(powers, sp.S.Zero) + sp.diff(value, x)
                new[raised] = new.get(raised, sp.S.Zero) + value
            found = new
    return found


def _tidy(expr: sp.Expr) -> sp.Expr:
    """A shorter form where one is found soon."""
    if expr.is_number or expr.is_Symbol:
        return expr
    try:
        return within(_TIDYING, sp.simplify, expr)
    except OutOfTime:
        return expr
