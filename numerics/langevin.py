"""Langevin ensembles: paths of dX = mu dt + s dW with D = s s^T / 2, generated from a `FokkerPlanck`, in any dimension.

Ito's reading, natural boundaries. `s` is the lower triangular Cholesky factor of 2 D, taken at each point. The random
numbers are a function of (seed, path, step), so an ensemble doesn't depend on the number of threads; a twin with twice
the step is driven by the same noise, so that the error of the step size is seen with little noise of its own.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement, pairwise
from typing import Any

import numpy as np
import sympy as sp

from numerics import langevin_steps
from numerics.codegen import compile
from numerics.codegen.compiled import RETURNED, import_lines, kernel_lines
from numerics.codegen.definition import define
from symrg.drawing import Drawable
from symrg.errors import InvalidArguments, InvalidEquation, InvalidGrid, SolverFailure
from symrg.fokker_planck import FokkerPlanck

SCHEMES = ("second-order", "euler")


@dataclass(frozen=True)
class Expectation:
    """A mean over an ensemble with its errors.

    Attributes:
        value: extrapolated to step zero where the ensemble has a twin, else as simulated.
        statistical: standard error of the mean.
        step: estimate of the error of the step size; nan where the ensemble has no twin.
    """

    value: float
    statistical: float
    step: float

    @property
    def error(self) -> float:
        """Statistical and step-size error together (one standard deviation)."""
        return math.hypot(self.statistical, self.step)


@dataclass(frozen=True, eq=False)
class Ensemble(Drawable):
    """Positions of independent paths at some times.

    Attributes:
        equation: of which these are paths.
        times: output times.
        positions: array (time, path, coordinate).
        step: length of a step.
        scheme: "second-order" or "euler".
        coarse: the same paths with steps of twice the length, or None.
    """

    equation: FokkerPlanck
    times: np.ndarray
    positions: np.ndarray
    step: float
    scheme: str
    coarse: np.ndarray | None = None

    @property
    def order(self) -> int:
        """Weak order of the scheme."""
        return 2 if self.scheme == "second-order" else 1

    def mean(self, time: int = -1) -> np.ndarray:
        """Sample mean of the coordinates at the output time of that number."""
        return self.positions[time].mean(axis=0)

    def covariance(self, time: int = -1) -> np.ndarray:
        """Sample covariance of the coordinates, n x n."""
        return np.atleast_2d(np.cov(self.positions[time], rowvar=False))

    def moments(self, order: int, time: int = -1) -> dict[tuple[int, ...], Expectation]:
        """All moments E[x^k] of total degree 1 to `order`, by the powers of the coordinates."""
        found = {}
        n = self.positions.shape[2]
        for degree in range(1, order + 1):
            for chosen in combinations_with_replacement(range(n), degree):
                powers = tuple(chosen.count(i) for i in range(n))
                found[powers] = self.expectation(lambda x, p=powers: np.prod(x ** np.array(p), axis=1), time)
        return found

    def expectation(self, observable: Any, time: int = -1) -> Expectation:
        """The mean of an observable with its statistical and step-size error.

        Args:
            observable: SymPy expression in the coordinates, or a function of an array (path, coordinate).
            time: number of the output time.

        Raises:
            SolverFailure: the observable is not finite on some path.
        """
        f = self._function(observable)
        fine = np.broadcast_to(np.asarray(f(self.positions[time]), float), (self.positions.shape[1],))
        if not np.all(np.isfinite(fine)):
            raise SolverFailure(f"{observable} is not finite on {int(np.sum(~np.isfinite(fine)))} of {fine.size} paths")
        root = math.sqrt(fine.size)
        if self.coarse is None:
            return Expectation(float(fine.mean()), float(fine.std(ddof=1)) / root, math.nan)
        gap = (fine - np.asarray(f(self.coarse[time]), float)) / (2**self.order - 1)  # Richardson
        best = fine + gap
        step = abs(float(gap.mean())) + 2 * float(gap.std(ddof=1)) / root
        return Expectation(float(best.mean()), float(best.std(ddof=1)) / root, step)

    def _function(self, observable: Any) -> Callable[[np.ndarray], Any]:
        if isinstance(observable, (sp.Basic, int, float)):
            compiled = compile(sp.sympify(observable, strict=True), self.equation.coordinates)
            return lambda x: compiled(*(np.ascontiguousarray(c) for c in x.T))
        if callable(observable):
            return observable
        raise InvalidArguments(f"observable is {observable!r}; expected an expression or a function of positions")

    def histogram(self, faces: Mapping[Any, Any], time: int = -1) -> tuple[np.ndarray, np.ndarray]:
        """Density in boxes, and its standard error.

        Args:
            faces: {coordinate: increasing array of faces}; the other coordinates are integrated out.
            time: number of the output time.

        Returns:
            Two arrays with one axis for each coordinate in `faces`, in the order of the equation.
        """
        names = [c for c in self.equation.coordinates if c in faces]
        if len(names) != len(faces) or not names:
            raise InvalidGrid(f"faces has keys {list(faces)}; the coordinates are {self.equation.coordinates}")
        columns = [self.equation.coordinates.index(c) for c in names]
        edges = [np.asarray(faces[c], float) for c in names]
        counts, _ = np.histogramdd(self.positions[time][:, columns], bins=edges)
        paths = self.positions.shape[1]
        volumes = np.ones(())
        for e in edges:
            volumes = np.multiply.outer(volumes, np.diff(e))
        share = counts / paths
        return share / volumes, np.sqrt(np.maximum(share * (1 - share), 1 / paths**2) / paths) / volumes


def simulate(
    equation: FokkerPlanck,
    initial: Any,
    times: Sequence[float] | float,
    *,
    paths: int = 20_000,
    step: float | None = None,
    start: float = 0.0,
    parameters: Mapping[Any, Any] | None = None,
    scheme: str = "second-order",
    seed: int = 0,
    threads: int | None = None,
    twin: bool = False,
) -> Ensemble:
    """Simulate paths of the stochastic equation of a `FokkerPlanck`.

    Args:
        equation: in any number of coordinates; drift and diffusion may depend on position and time.
        initial: where paths start: n numbers, or an array (path, coordinate).
        times: increasing output times, none before `start`.
        paths: how many; taken from `initial` where that is an array of positions.
        step: largest length of a step; None means 1/256 of the whole time.
        start: time of the initial positions.
        parameters: a number for every parameter of the equation, by Symbol or name.
        scheme: "second-order" (Platen's explicit scheme of weak order two) or "euler" (Euler-Maruyama, weak order one).
        seed: whole number of up to 64 bits; the same seed gives the same paths, whatever the number of threads.
        threads: None means one a processor.
        twin: also simulate with twice the step and the same noise, for the error of the step size.

    Raises:
        InvalidEquation: parameters without a value.
        InvalidGrid: times, step, paths or initial positions do not fit.
        SolverFailure: a path is no longer finite, or meets a diffusion matrix that is not positive semidefinite.
    """
    from numerics.coefficients import check_names, parameter_values
    from numerics.problem import times_of

    if not isinstance(equation, FokkerPlanck):
        raise InvalidEquation(f"expected a FokkerPlanck equation, given {type(equation).__name__}")
    if scheme not in SCHEMES:
        raise InvalidGrid(f"scheme is {scheme!r}; expected one of {', '.join(SCHEMES)}")
    wanted, first = times_of(times, start)
    check_names(parameters, equation.parameters)
    theta = np.array(parameter_values(equation, parameters), float)
    begin = _positions(initial, equation.dimension, paths)
    longest = (float(wanted[-1]) - first) / 256 if step is None else float(step)
    if not (longest > 0 and math.isfinite(longest)) and wanted[-1] > first:
        raise InvalidGrid(f"step is {step!r}; expected a positive number")
    run = _Run(equation, theta, wanted, first, longest, scheme, seed, threads or os.cpu_count() or 1)
    return Ensemble(
        equation,
        wanted,
        run.positions(begin, 1),
        longest,
        scheme,
        run.positions(begin, 2) if twin else None,
    )


@dataclass(frozen=True, eq=False)
class _Run:
    equation: FokkerPlanck
    theta: np.ndarray
    times: np.ndarray
    start: float
    step: float
    scheme: str
    seed: int
    threads: int

    def positions(self, begin: np.ndarray, merged: int) -> np.ndarray:
        """The paths, with `merged` steps of the finer clock taken as one."""
        out = np.empty((len(self.times), *begin.shape))
        paths = begin.shape[0]
        edges = [paths * k // self.threads for k in range(self.threads + 1)]
        spans = [(a, b) for a, b in pairwise(edges) if b > a]
        if len(spans) == 1:
            self._follow(begin, out, merged, *spans[0])
        else:
            coefficients_of(self.equation)  # compile before the threads ask for it
            with ThreadPoolExecutor(len(spans)) as pool:
                for job in [pool.submit(self._follow, begin, out, merged, a, b) for a, b in spans]:
                    job.result()
        return out

    def _follow(self, begin: np.ndarray, out: np.ndarray, merged: int, low: int, high: int) -> None:
        coefficients = coefficients_of(self.equation)
        spread = self.equation.diffusion
        additive = not spread.has(*self.equation.coordinates)
        x = begin[low:high].copy()
        now, done = self.start, 0  # `done` counts steps of the finer clock
        for k, until in enumerate(self.times):
            steps = 2 * max(math.ceil((until - now) / self.step / 2 - 1e-9), 1) if until > now else 0
            if steps:
                h = (until - now) / (steps // merged)
                weak = self.scheme == "second-order"
                seed = np.uint64(self.seed)
                clock = (low, steps // merged, done // merged, merged, now, h)
                if additive:
                    failed = langevin_steps.advance_additive(
                        coefficients, x, *clock, self.theta, seed, weak, not spread.has(self.equation.time)
                    )
                else:
                    failed = langevin_steps.advance(coefficients, x, *clock, self.theta, seed, weak)
                if failed >= 0:
                    raise SolverFailure(
                        f"before time {until:g} path {low + failed} is not finite, or meets a diffusion that is not "
                        "positive semidefinite; take a smaller step, or a domain with boundaries (numerics.solve)"
                    )
            now, done = float(until), done + steps
            out[k, low:high] = x


def _positions(initial: Any, dimension: int, paths: int) -> np.ndarray:
    try:
        given = np.array(initial, float)
    except (TypeError, ValueError):
        raise InvalidGrid(f"initial is {initial!r}; expected numbers or an array (path, coordinate)") from None
    if dimension == 1 and given.ndim == 1 and given.size > 1:
        given = given[:, None]
    given = np.atleast_1d(given)
    if given.shape[-1] != dimension or given.ndim > 2 or not np.all(np.isfinite(given)):
        raise InvalidGrid(
            f"initial has shape {given.shape}; expected {dimension} finite numbers, or an array (path, {dimension})"
        )
    if given.ndim == 2:
        return given
    if isinstance(paths, bool) or not isinstance(paths, (int, np.integer)) or paths < 1:
        raise InvalidGrid(f"paths is {paths!r}; expected a positive whole number")
    return np.tile(given, (int(paths), 1))


_WRITTEN_OUT = 160  # coefficients up to which each has its own statement, zeros too


@lru_cache(maxsize=64)
def coefficients_of(equation: FokkerPlanck) -> Any:
    """The compiled function that fills in drift and diffusion (see `langevin_steps.COEFFICIENTS`)."""
    function = define(source_of(equation), ("kernel", "coefficients"), cache=True)["coefficients"]
    function.compile(langevin_steps.COEFFICIENTS.args)
    function.disable_compile()  # numba passes on the address of a function that has one signature
    return function


def source_of(equation: FokkerPlanck) -> str:
    """The generated source: drift and diffusion of the equation at one point."""
    n = equation.dimension
    expressions = [*equation.drift, *(equation.diffusion[i, j] for i in range(n) for j in range(i, n))]
    if len(expressions) > _WRITTEN_OUT:
        return _sparse_source(equation, expressions)
    arguments = [*equation.coordinates, equation.time, *equation.parameters]
    compiled = compile(expressions, arguments, dtype=float)
    generated = compiled.generated
    reads = [f"x[{i}]" for i in range(n)] + ["t"] + [f"theta[{i}]" for i in range(len(equation.parameters))]
    call = f"kernel({', '.join(reads)}"
    if len(generated.results) > 8:
        body = f"    {call}, values)"
    else:
        body = f"    {', '.join(f'values[{i}]' for i in range(len(generated.results)))} = {call})"
    parts = [
        "\n".join(import_lines(generated)),
        "\n".join(kernel_lines(compiled.parameters, generated)),
        f"def coefficients(x, t, theta, values):\n{body}",
    ]
    return "\n\n\n".join(parts) + "\n"


def _sparse_source(equation: FokkerPlanck, expressions: list[Any]) -> str:
    """As `source_of` for many coordinates: what is zero has no statement, so that the compiler has less to read."""
    kept = [k for k, e in enumerate(expressions) if e != 0]
    arguments = [*equation.coordinates, equation.time, *equation.parameters]
    compiled = compile([expressions[k] for k in kept], arguments, dtype=float)
    reads = [f"x[{i}]" for i in range(equation.dimension)] + ["t"]
    reads += [f"theta[{i}]" for i in range(len(equation.parameters))]
    if len(kept) > RETURNED:
        call = f"    found = np.empty({len(kept)})\n    kernel({', '.join(reads)}, found)"
    elif len(kept) == 1:
        call = f"    found = (kernel({', '.join(reads)}),)"
    else:
        call = f"    found = kernel({', '.join(reads)})"
    body = f"    values[:] = 0.0\n{call}\n    for k in range({len(kept)}):\n        values[PLACES[k]] = found[k]"
    parts = [
        "\n".join([*import_lines(compiled.generated), "", "import numpy as np"]),
        f"PLACES = np.array({kept})",
        "\n".join(kernel_lines(compiled.parameters, compiled.generated)),
        f"def coefficients(x, t, theta, values):\n{body}",
    ]
    return "\n\n\n".join(parts) + "\n"
