"""Witnesses that simulate: claims about a stochastic process held against an ensemble of its paths.

`ProcessMean` writes E[f(X_t) | X_s = x0] of a Fokker-Planck equation as a SymPy expression, so that a claim can speak
of it; `SimulatedWitness` replaces it by a Langevin ensemble at points of the claim's domain. What it tolerates is its
own error: the standard error of the mean, and the error of the step size from a twin with twice the step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from numerics.langevin import Expectation, simulate
from symrg.budget import Budget, Declined
from symrg.errors import InvalidEquation, SymrgError
from symrg.fokker_planck import FokkerPlanck
from symrg.verification import Evidence, Outcome, Reading
from symrg.verification.points import Domain
from symrg.verification.witness import undecided


class ProcessMean(sp.Expr):
    """E[f(X_t) | X_s = x0] for the process of a Fokker-Planck equation, unevaluated.

    Args:
        observable: f, an expression in the coordinates of the equation.
        equation: a FokkerPlanck.
        initial: x0, an expression for each coordinate.
        time: t, when the mean is taken.
        start: s.

    Raises:
        InvalidEquation: not a FokkerPlanck, or not one initial value for each coordinate.
    """

    is_commutative = True

    def __new__(cls, observable: Any, equation: FokkerPlanck, initial: Any, time: Any, start: Any = 0) -> ProcessMean:
        """Keep the parts as arguments."""
        if not isinstance(equation, FokkerPlanck):
            raise InvalidEquation(f"expected a FokkerPlanck equation, given {type(equation).__name__}")
        values = [
            sp.sympify(v, strict=True) for v in (initial if isinstance(initial, (list, tuple, sp.Tuple)) else [initial])
        ]
        if len(values) != equation.dimension:
            raise InvalidEquation(
                f"{len(values)} initial values for {equation.dimension} coordinates; give one for each"
            )
        return cls._make(
            sp.sympify(observable, strict=True),
            sp.Tuple(*equation.coordinates),
            equation.drift,
            equation.diffusion,
            equation.time,
            sp.Tuple(*values),
            sp.sympify(time, strict=True),
            sp.sympify(start, strict=True),
        )

    @classmethod
    def _make(cls, *parts: sp.Basic) -> ProcessMean:
        return sp.Expr.__new__(cls, *parts)

    def __reduce__(self) -> tuple[Any, ...]:
        """How it is pickled: from its arguments, which `__new__` doesn't take."""
        return self._make, self.args

    @property
    def func(self) -> Any:
        """How SymPy rebuilds the node from its arguments."""
        return type(self)._make

    @property
    def equation(self) -> FokkerPlanck:
        """The equation of the process."""
        coordinates, drift, diffusion, time = self.args[1:5]
        return FokkerPlanck(tuple(coordinates), drift, diffusion, time)

    @property
    def bound_symbols(self) -> list[sp.Basic]:
        """Coordinates and time of the equation: no free symbols of the mean."""
        return [*self.args[1], self.args[4]]

    @property
    def free_symbols(self) -> set[sp.Basic]:
        """Parameters, and the symbols of the initial values and of the two times."""
        observable, _, drift, diffusion = self.args[:4]
        inside = observable.free_symbols | drift.free_symbols | diffusion.free_symbols
        outside = set().union(*(a.free_symbols for a in self.args[5:]))
        return (inside - set(self.bound_symbols)) | outside

    def _eval_is_extended_real(self) -> bool | None:
        return True if self.args[0].is_extended_real else None

    def _latex(self, printer: Any) -> str:
        observable, coordinates, _, _, _, initial, time, start = self.args
        shown = observable.xreplace(
            {c: sp.Symbol(rf"{printer.doprint(c)}_{{{printer.doprint(time)}}}") for c in coordinates}
        )
        given = ", ".join(
            rf"{printer.doprint(c)}_{{{printer.doprint(start)}}} = {printer.doprint(v)}"
            for c, v in zip(coordinates, initial)
        )
        return rf"\mathbb{{E}}\left[{printer.doprint(shown)} \,\middle|\, {given}\right]"

    def _sympystr(self, printer: Any) -> str:
        observable, coordinates, _, _, _, initial, time, start = self.args
        given = ", ".join(f"{c}({start}) = {v}" for c, v in zip(coordinates, initial))
        return f"E[{observable} at {time} | {given}]"

    def at(self, values: dict[sp.Basic, Any]) -> tuple[FokkerPlanck, sp.Expr, list[float], float, float]:
        """Equation, observable, initial values, time and start with numbers for the free symbols."""
        equation, bound = self.equation, set(self.bound_symbols)
        inner = {s: v for s, v in values.items() if s not in bound}
        outer = [a.xreplace(values) for a in self.args[5:]]
        return (
            equation.subs(inner),
            self.args[0].xreplace(inner),
            [float(v) for v in outer[0]],
            float(outer[1]),
            float(outer[2]),
        )


@dataclass(frozen=True)
class SimulatedWitness:
    """Langevin ensembles at random points of the claim's domain.

    Args:
        paths: in an ensemble.
        steps: of a path.
        count: points to agree at.
        resolution: the tolerance, relative to the sides, beyond which a point says nothing.
        deviations: standard errors within which the sides agree; twice as many refute.
        seed: of points and noise.
    """

    paths: int = 20_000
    steps: int = 64
    count: int = 4
    resolution: float = 0.05
    deviations: float = 4.0
    seed: int = 20250410
    name: str = "Langevin ensemble"
    kind: str = "simulated"

    def examine(self, reading: Reading, budget: Budget) -> Evidence:
        """Compare the sides of a claim that contains a `ProcessMean`; undecided about any other."""
        if reading.claim.order is not None or reading.functions:
            return undecided(self, "asymptotic claims and undefined functions aren't simulated")
        if not any(side.has(ProcessMean) for pair in reading.pairs for side in pair):
            return undecided(self, "the claim contains no mean of a process, so there is nothing to simulate")
        try:
            return self._examine(
                reading, budget
            )  # never interrupted: a compiler is at work; time is asked for between runs
        except (Declined, SymrgError) as reason:
            return undecided(self, str(reason))

    def _examine(self, reading: Reading, budget: Budget) -> Evidence:
        checks: list[str] = []
        doubts: list[str] = []
        points = Domain.of(reading, self.seed).points(12 * self.count)
        # a moderate point resolves more than one at the edge of the domain
        points.sort(
            key=lambda values: max((abs(sp.log(abs(v) + sp.Rational(1, 100))) for v in values.values()), default=0)
        )
        for values in points:
            if len(checks) >= self.count or len(doubts) > 2 * self.count or budget.remaining < 0.1:
                break
            where = ", ".join(f"{s} = {sp.N(v, 6)}" for s, v in values.items()) or "no free symbols"
            agreed = []
            for lhs, rhs in reading.pairs:
                found = self._gap(lhs, rhs, values)
                if isinstance(found, str):
                    doubts.append(f"at {where}: {found}")
                    break
                gap, tolerance = found
                text = f"at {where}: left minus right {gap:.4g}, tolerance {tolerance:.3g}"
                if _against(gap, 2 * tolerance, reading.relation):
                    return Evidence(self.name, self.kind, Outcome.REFUTED, (text,), text, counterexample=dict(values))
                if not _for(gap, tolerance, reading.relation):
                    doubts.append(text)
                    break
                agreed.append(text)
            else:
                checks += agreed
        least = 1 if not reading.symbols else 2
        if len(checks) < least:
            return undecided(
                self, f"only {len(checks)} points agreed within a useful tolerance; " + "; ".join(doubts[:3])
            )
        return Evidence(self.name, self.kind, Outcome.HOLDS, tuple(checks))

    def _gap(self, lhs: sp.Expr, rhs: sp.Expr, values: dict[sp.Basic, Any]) -> tuple[float, float] | str:
        """Left minus right with its tolerance, or why the point says nothing."""
        means = sorted(lhs.atoms(ProcessMean) | rhs.atoms(ProcessMean), key=sp.default_sort_key)
        slots = {m: sp.Dummy(f"mean{i}", real=True) for i, m in enumerate(means)}
        sides = [side.xreplace(slots).xreplace(values) for side in (lhs, rhs)]
        try:
            found = {slots[m]: self._mean(m, values) for m in means}
            numbers = [float(side.xreplace({s: sp.Float(e.value) for s, e in found.items()})) for side in sides]
            difference = sides[0] - sides[1]
            at = {s: sp.Float(e.value) for s, e in found.items()}
            error = sum(abs(float(sp.diff(difference, s).xreplace(at))) * e.error for s, e in found.items())
        except (SymrgError, TypeError, ValueError, OverflowError) as reason:
            return str(reason).splitlines()[0]
        tolerance = self.deviations * error
        scale = max(abs(n) for n in numbers)
        if not tolerance <= self.resolution * scale:
            return f"the tolerance {tolerance:.2g} is not small beside the sides ({scale:.2g})"
        return numbers[0] - numbers[1], tolerance

    def _mean(self, mean: ProcessMean, values: dict[sp.Basic, Any]) -> Expectation:
        equation, observable, initial, time, start = mean.at(values)
        if not time >= start:
            raise Declined("the time lies before the start")
        if time == start:
            value = float(observable.xreplace(dict(zip(equation.coordinates, initial))))
            return Expectation(value, 0.0, 0.0)
        # numbers go in as parameters of one compiled process, so that a new point needs no new code
        general = mean.equation
        parameters = {s: float(values[s]) for s in general.parameters}
        ensemble = simulate(
            general,
            initial,
            [time],
            paths=self.paths,
            step=(time - start) / self.steps,
            start=start,
            parameters=parameters,
            seed=self.seed,
            twin=True,
        )
        return ensemble.expectation(observable)


def _against(gap: float, tolerance: float, relation: str) -> bool:
    if relation == "==":
        return abs(gap) > tolerance
    return gap > tolerance if relation in ("<", "<=") else gap < -tolerance


def _for(gap: float, tolerance: float, relation: str) -> bool:
    if relation == "==":
        return abs(gap) <= tolerance
    return gap < -tolerance if relation in ("<", "<=") else gap > tolerance
