"""A witness that throws dice: integrals and expectations of a claim estimated by Monte Carlo.

Every `Integral` over one variable (an expectation is read as one) is estimated by importance sampling at random values
of the claim's other symbols. The points are drawn over the whole range from cells that are weighted by the integrand's
size, so that the estimate is unbiased and its standard error is known; a few such errors are what is tolerated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from numerics.evolution import strangeness
from symrg.budget import Budget, Declined
from symrg.errors import SymrgError
from symrg.verification import Evidence, Outcome, Reading
from symrg.verification.points import Domain, Values
from symrg.verification.reading import evaluated
from symrg.verification.witness import undecided


@dataclass(frozen=True)
class MonteCarloWitness:
    """Integrals by importance sampling.

    Args:
        samples: of each integral at each point.
        cells: that shape the drawing.
        count: points to agree at.
        deviations: standard errors that are tolerated; twice as many refute.
        resolution: tolerance, relative to the sides, beyond which a point says nothing.
        seed: of points and samples.
    """

    samples: int = 40_000
    cells: int = 400
    count: int = 3
    deviations: float = 4.5
    resolution: float = 0.05
    seed: int = 20250410
    name: str = "Monte Carlo"
    kind: str = "simulated: Monte Carlo"

    def examine(self, reading: Reading, budget: Budget) -> Evidence:
        """Estimate the integrals of a claim; undecided about a claim that has none."""
        if reading.claim.order is not None or reading.functions:
            return undecided(self, "asymptotic claims and undefined functions aren't estimated")
        if not any(side.has(sp.Integral) for pair in reading.pairs for side in pair):
            return undecided(self, "the claim has no integral to estimate")
        try:
            return self._examine(
                reading, budget
            )  # never interrupted: a compiler is at work; time is asked for between runs
        except (Declined, SymrgError) as reason:
            return undecided(self, str(reason).splitlines()[0])

    def _examine(self, reading: Reading, budget: Budget) -> Evidence:
        pairs = [(a, b) for a, b in reading.pairs if a.has(sp.Integral) or b.has(sp.Integral)]
        checks: list[str] = []
        doubts: list[str] = []
        points = Domain.of(reading, self.seed).points(8 * self.count, moderate=True)
        points.sort(key=strangeness)
        draw = np.random.default_rng(self.seed)
        agreed_points = 0
        for values in points:
            if agreed_points >= self.count or len(doubts) > 3 * self.count or budget.remaining < 0.1:
                break
            where = ", ".join(f"{s} = {sp.N(v, 5)}" for s, v in values.items()) or "no free symbols"
            agreed = []
            for lhs, rhs in pairs:
                try:
                    gap, tolerance, scale = self._gap(lhs, rhs, values, draw)
                except (Declined, SymrgError, TypeError, ValueError, OverflowError, ArithmeticError) as reason:
                    doubts.append(f"at {where}: {str(reason).splitlines()[0]}")
                    break
                text = f"at {where}: left minus right {gap:.3g}, tolerance {tolerance:.2g}"
                if not tolerance <= self.resolution * scale:
                    doubts.append(f"{text}, beside sides of {scale:.2g}")
                    break
                sign = {"==": abs(gap), "<": gap, "<=": gap, ">": -gap, ">=": -gap}[reading.relation]
                if sign > 2 * tolerance:
                    return Evidence(self.name, self.kind, Outcome.REFUTED, (text,), text, counterexample=dict(values))
                if sign > tolerance * (1 if reading.relation == "==" else -1):
                    doubts.append(f"{text}: between agreement and refutation")
                    break
                agreed.append(text)
            else:
                agreed_points += 1
                checks += agreed
        if agreed_points < (2 if reading.symbols else 1):
            return undecided(self, f"only {agreed_points} points agreed; {'; '.join(doubts[:2])}", tuple(checks))
        summary = f"{agreed_points} points agree, {self.samples} samples an integral"
        return Evidence(self.name, self.kind, Outcome.HOLDS, (summary, *checks[:4]))

    def _gap(self, lhs: sp.Expr, rhs: sp.Expr, values: Values, draw: Any) -> tuple[float, float, float]:
        """Left minus right, its tolerance, and the size of the parts."""
        nodes = sorted(lhs.atoms(sp.Integral) | rhs.atoms(sp.Integral), key=sp.default_sort_key)
        slots = {node: sp.Dummy(f"integral{k}", real=True) for k, node in enumerate(nodes)}
        found = {slots[n]: self._integral(n, values, draw) for n in nodes}
        means = {s: sp.Float(m) for s, (m, _, _) in found.items()}
        sides = [evaluated(side.xreplace(slots)).doit().xreplace(values) for side in (lhs, rhs)]
        numbers = [float(side.xreplace(means)) for side in sides]
        difference = sides[0] - sides[1]
        error = math.hypot(0.0, *(float(sp.diff(difference, s).xreplace(means)) * e for s, (_, e, _) in found.items()))
        parts = [abs(n) for n in numbers] + [
            abs(float(sp.diff(difference, s).xreplace(means))) * size for s, (_, _, size) in found.items()
        ]
        return numbers[0] - numbers[1], self.deviations * error, max(parts)

    def _integral(self, node: sp.Integral, values: Values, draw: Any) -> tuple[float, float, float]:
        """(estimate, standard error, estimate of the integral of the absolute value)."""
        from numerics import compile

        if len(node.limits) != 1 or len(node.limits[0]) != 3 or node.function.has(sp.Integral, sp.Sum, sp.Derivative):
            raise Declined("only single integrals of explicit functions are estimated")
        variable, low, high = node.limits[0]
        free = sorted(node.function.free_symbols - {variable}, key=str)
        function = compile(evaluated(node.function), [variable, *free])
        given = [float(values[s]) for s in free]
        ends = [float(e.xreplace(values)) for e in (low, high)]
        edges = np.linspace(0, 1, self.cells + 1)

        def integrand(u: np.ndarray) -> np.ndarray:
            x, slope = _stretched(u, *ends)
            with np.errstate(all="ignore"):
                return np.nan_to_num(np.asarray(function(x, *given), float) * slope, nan=0.0, posinf=0.0, neginf=0.0)

        fine = np.linspace(0, 1, 8 * self.cells + 1)
        sizes = abs(integrand((fine[1:] + fine[:-1]) / 2)).reshape(self.cells, 8)
        weights = np.sqrt((sizes**2).mean(axis=1))
        if not weights.sum() > 0 or not np.isfinite(weights.sum()):
            raise Declined("the integrand vanishes or is not finite")
        weights = 0.95 * weights / weights.sum() + 0.05 / self.cells
        cell = draw.choice(self.cells, self.samples, p=weights)
        u = edges[cell] + draw.random(self.samples) / self.cells
        estimate = integrand(u) / (weights[cell] * self.cells)
        error = float(estimate.std(ddof=1)) / math.sqrt(self.samples)
        return float(estimate.mean()), error, float(abs(estimate).mean())


def _stretched(u: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """The range as an image of (0, 1), with the derivative of the map."""
    u = np.clip(u, 1e-12, 1 - 1e-12)
    if math.isinf(low) and math.isinf(high):
        v = 2 * u - 1
        return 3 * v / (1 - v * v), 6 * (1 + v * v) / (1 - v * v) ** 2
    if math.isinf(high):
        return low + 2 * u / (1 - u), 2 / (1 - u) ** 2
    if math.isinf(low):
        return high - 2 * (1 - u) / u, 2 / u**2
    return low + (high - low) * u, np.full_like(u, high - low)
