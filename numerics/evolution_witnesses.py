"""Witnesses that simulate an evolution that a claim states: on a grid, and by an ensemble of paths.

Both start from the claim's density at one time, follow the claim's equation, and hold what comes out against the
claim's density at another. What they tolerate is their own error: on the grid Richardson's estimate and the tolerance
of the steps, for the ensemble the standard error of a mean and the error of its step. A run on which the density
hardly changes says nothing, since any equation would pass it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from numerics.evolution import Evolution, Run
from symrg.budget import Budget, Declined
from symrg.errors import SymrgError
from symrg.verification import Evidence, Outcome, Reading
from symrg.verification.witness import undecided

_LEAST_CHANGE = 10.0  # tolerances by which the density must change in a run


@dataclass(frozen=True)
class _Found:
    """One run's gap with its tolerance, and what was compared."""

    gap: float
    tolerance: float
    change: float
    what: str


@dataclass(frozen=True)
class _EvolutionWitness:
    """What the two witnesses share: taking the claim apart, choosing runs, and judging them."""

    count: int = 2
    seed: int = 20250410

    def examine(self, reading: Reading, budget: Budget) -> Evidence:
        """Simulate the evolution that a claim states; undecided about any other claim."""
        if reading.claim.relation != "==" or reading.claim.order is not None or reading.functions:
            return undecided(self, "nothing to simulate: it is no equation between explicit densities")
        try:
            return self._examine(
                reading, budget
            )  # never interrupted: a compiler is at work; time is asked for between runs
        except (Declined, SymrgError) as reason:
            return undecided(self, str(reason).splitlines()[0])

    def _examine(self, reading: Reading, budget: Budget) -> Evidence:
        evolutions = [Evolution.of(a, b) for a, b in reading.claim.elements()]
        checks: list[str] = []
        doubts: list[str] = []
        for evolution in evolutions:
            agreed = 0
            for run in evolution.runs(reading, self.seed, self.count):
                if agreed >= self.count or len(doubts) > 2 * self.count or budget.remaining < 0.2:
                    break
                try:
                    found = self.run(run)
                except (Declined, SymrgError, ValueError, OverflowError) as reason:
                    doubts.append(f"{run}: {str(reason).splitlines()[0]}")
                    continue
                text = f"{run}: {found.what} {found.gap:.2g}, tolerance {found.tolerance:.2g}"
                if not found.change >= _LEAST_CHANGE * found.tolerance:
                    doubts.append(f"{text}, but the whole change is {found.change:.2g} only")
                elif found.gap > 2 * found.tolerance:
                    values = {**run.values, evolution.time: run.begin}
                    return Evidence(self.name, self.kind, Outcome.REFUTED, (text,), text, counterexample=values)
                elif found.gap <= found.tolerance:
                    agreed += 1
                    checks.append(text)
                else:
                    doubts.append(f"{text}: between agreement and refutation")
            if agreed < self.count:
                return undecided(self, f"only {agreed} runs agreed; {'; '.join(doubts[:2])}", tuple(checks))
        return Evidence(self.name, self.kind, Outcome.HOLDS, tuple(checks))

    def run(self, run: Run) -> _Found:
        """One simulation held against the density."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """What the witness is called."""
        raise NotImplementedError

    @property
    def kind(self) -> str:
        """By what means it examines."""
        raise NotImplementedError


@dataclass(frozen=True)
class GridWitness(_EvolutionWitness):
    """The claim's equation solved on a grid from the claim's density.

    Args:
        count: runs to agree in.
        seed: of the values of the parameters.
        cells: along each axis, by the number of axes.
        boundary: as for `numerics.solve`; the default suits densities that fall off.
        domain: intervals of coordinates by name; the others end where the density has fallen off.
        tolerance: of the steps in time.
    """

    cells: tuple[int, ...] = (320, 72)
    boundary: Any = "reflecting"
    domain: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    tolerance: float = 1e-5

    @property
    def name(self) -> str:
        """What the witness is called."""
        return "solution on a grid"

    @property
    def kind(self) -> str:
        """By what means it examines."""
        return "simulated: grid"

    def run(self, run: Run) -> _Found:
        """L1 distance of the solution from the density at the end."""
        from numerics.solver import solve

        equation, density = run.evolution.forward
        n = equation.dimension
        if n > len(self.cells):
            raise Declined(f"no grid is laid in {n} coordinates")
        box = run.box(self.domain)
        end = run.duration
        found = solve(
            equation,
            box,
            (self.cells[n - 1],) * n,
            density,
            [end],
            boundary=self.boundary,
            parameters=run.parameters,
            tolerance=self.tolerance,
            estimate_grid_error=True,
            progress=False,
        )
        mesh = np.meshgrid(*(found[x.name].values for x in equation.coordinates), indexing="ij")
        volume = float(np.prod([(b - a) / self.cells[n - 1] for a, b in box.values()]))
        centres = [run.density(side)(*mesh) for side in (False, True)]
        early, late = (_averaged(values) for values in centres)
        mass = float(early.sum() * volume)
        gap = float(abs(found.values[-1] - late).sum() * volume) / mass
        meaning = float(abs(late - centres[1]).sum() * volume) / mass  # a cell's value: at its centre, or its average
        error = float(found.attrs["grid_error_estimate"]) / mass + meaning + self.tolerance + 1e-8
        change = float(abs(late - early).sum() * volume) / mass
        return _Found(gap, 3 * error, change, f"on {self.cells[n - 1]} cells an axis the L1 distance is")


def _averaged(values: np.ndarray) -> np.ndarray:
    """Averages over cells from values at their centres, to fourth order in the cells."""
    total = values.copy()
    for axis in range(values.ndim):
        moved = np.moveaxis(values, axis, 0)
        second = np.zeros_like(moved)
        second[1:-1] = moved[2:] - 2 * moved[1:-1] + moved[:-2]
        total += np.moveaxis(second, 0, axis) / 24
    return total


@dataclass(frozen=True)
class PathsWitness(_EvolutionWitness):
    """An ensemble of paths of the claim's equation, from positions drawn from the claim's density; one coordinate.

    Compared are the means of x, x^2 and a cosine, the latter two about the centre, with those of the density.

    Args:
        count: runs to agree in.
        seed: of the values of the parameters and the noise.
        paths: in an ensemble.
        steps: of a path.
        deviations: standard errors that are tolerated; twice as many refute.
    """

    paths: int = 60_000
    steps: int = 16
    deviations: float = 4.0

    @property
    def name(self) -> str:
        """What the witness is called."""
        return "ensemble of paths"

    @property
    def kind(self) -> str:
        """By what means it examines."""
        return "simulated: paths"

    def run(self, run: Run) -> _Found:
        """The mean that differs most from the density's, in units of the whole change."""
        from numerics.langevin import simulate

        equation, _ = run.evolution.forward
        if equation.dimension != 1:
            raise Declined("paths are drawn in one coordinate")
        ((low, high),) = run.box().values()
        edges = np.linspace(low, high, 20_001)
        middle = (edges[1:] + edges[:-1]) / 2
        weights = [run.density(side)(middle) for side in (False, True)]
        masses = [w.sum() for w in weights]
        if abs(masses[1] / masses[0] - 1) > 1e-3:
            raise Declined("the mass of the density changes")
        cumulative = np.concatenate([[0.0], np.cumsum(weights[0]) / masses[0]])
        draw = np.random.default_rng(self.seed)
        places = (np.arange(self.paths) + draw.random(self.paths)) / self.paths  # stratified
        begin = draw.permutation(np.interp(places, cumulative, edges))[:, None]
        end = run.duration
        needed = {k: v for k, v in run.parameters.items() if k in equation.parameters}
        ensemble = simulate(
            equation, begin, [end], step=end / self.steps, parameters=needed, seed=self.seed, twin=True, threads=1
        )
        centre = float((middle * weights[1]).sum() / masses[1])
        width = float(np.sqrt(((middle - centre) ** 2 * weights[1]).sum() / masses[1]))
        worst: _Found | None = None
        for name, observable in (
            ("x", lambda x: (x[:, 0] - centre) / width),
            ("x^2", lambda x: ((x[:, 0] - centre) / width) ** 2),
            ("cos x", lambda x: np.cos((x[:, 0] - centre) / width)),
        ):
            expected = [float((observable(middle[:, None]) * w).sum() / m) for w, m in zip(weights, masses)]
            seen = ensemble.expectation(observable)
            found = _Found(
                abs(seen.value - expected[1]),
                self.deviations * seen.error,
                abs(expected[1] - expected[0]),
                f"{self.paths} paths, mean of {name}, in units of the width: off by",
            )
            telling = found.change >= _LEAST_CHANGE * found.tolerance
            if found.gap > 2 * found.tolerance:
                return _Found(found.gap, found.tolerance, np.inf, found.what)
            if telling and (worst is None or found.gap / found.tolerance > worst.gap / worst.tolerance):
                worst = found
        if worst is None:
            raise Declined("no mean changes by more than its error")
        return worst
