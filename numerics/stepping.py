"""Time integration of a Markov generator on a grid: exponentials, commutator-free Magnus steps, Strang sweeps.

Where the generator is a sum of one-dimensional ones its exponential is a product of exponentials of tridiagonal
matrices, each taken by a rational approximation (`rational.py`): no time step at all if it does not depend on time, and
otherwise Magnus steps of fourth order

    exp(h (b L(t1) + a L(t2))) exp(h (a L(t1) + b L(t2))),  t1, t2 = t + h (1/2 -+ sqrt(3)/6), a, b = 1/4 +- sqrt(3)/6,

which are products of exponentials of generators, hence positive, as long as the rates change less than sevenfold
within a step. Elsewhere the directions are swept one after the other and back (Strang, second order); a sweep is a
Crank-Nicolson step where that stays positive and the exponential where it would not. Steps are chosen by step doubling.

Source: Strang, SIAM J. Numer. Anal. 5 (1968) 506; Blanes, Moan, Appl. Numer. Math. 56 (2006) 1519; Bolley, Crouzeix,
RAIRO Anal. Numer. 12 (1978) 237 (why no linear method of order two is positive for every step).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

import numpy as np

from numerics import rational, sweeps
from numerics.generator import Generator
from numerics.lattice import chains, lines
from symrg.errors import SolverFailure

MOST_STEPS = 2_000_000
WORTH_SHARING = 20_000  # cells below which threads cost more than they gain
_NONE = np.zeros(0, np.complex128)


@dataclass
class Record:
    """What happened on the way.

    Attributes:
        steps: accepted steps.
        rejected: steps that were repeated with a smaller length.
        error: sum of the error estimates of the accepted steps (L1, relative to the mass).
        lowest: most negative value that a step produced, relative to the largest; such values are set to zero.
        exponentials: sweeps that were taken by the exponential because Crank-Nicolson would not have been positive.
    """

    steps: int = 0
    rejected: int = 0
    error: float = 0.0
    lowest: float = 0.0
    exponentials: int = 0
    shortest: float = math.inf
    next_step: float | None = None
    memory: dict[str, int] = field(default_factory=dict)


THREADS: ContextVar[int] = ContextVar("numerics threads", default=1)
"""How many threads sweep a grid together; `numerics.solve(threads=...)` sets it."""


def shared(work: Callable[[int, int], None], count: int, size: int) -> None:
    """Do work(first, last) on the lines 0 to count, split among the threads if the grid is large enough.

    The lines are independent, so the result is the same for any number of threads.
    """
    threads = min(THREADS.get(), count)
    if threads < 2 or size < WORTH_SHARING:
        work(0, count)
        return
    edges = [count * k // threads for k in range(threads + 1)]
    jobs = [_pool(threads).submit(work, *part) for part in pairwise(edges)]
    for job in jobs:
        job.result()


@lru_cache(maxsize=4)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="numerics-sweep")


def settle(mass: np.ndarray, total: float | None, record: Record) -> np.ndarray:
    """Set what rounding left below zero to zero, and restore the total mass where it is conserved."""
    lowest = float(mass.min())
    if lowest < 0:
        record.lowest = min(record.lowest, lowest / float(mass.max()))
        np.maximum(mass, 0.0, out=mass)
    if total is not None:
        mass *= total / float(mass.sum())
    return mass


# ------------------------------------------------------------------ generators that are sums over the axes


def _axis_exponential(
    mass: np.ndarray, k: int, rates: tuple[np.ndarray, np.ndarray, np.ndarray], ring: bool, tau: float
) -> np.ndarray:
    """exp(tau L_k) mass, with rates that depend on coordinate k alone."""
    poles, residues = rational.DEGREE_14.poles, rational.DEGREE_14.residues
    out = np.empty_like(mass)
    if ring:
        for source, target in zip(_lines(mass, k), _lines(out, k)):
            line = np.ascontiguousarray(source)
            result = np.empty_like(line)
            sweeps.exponential_ring(line, *rates, tau, poles, residues, result)
            target[:] = result
        return out
    if mass.ndim == 1:
        sweeps.exponential_line(mass, *rates, tau, poles, residues, out)
        return out
    shape = (math.prod(mass.shape[:k]), mass.shape[k], math.prod(mass.shape[k + 1 :]))
    from numerics.strips import exponential_lines

    source, target = mass.reshape(shape), out.reshape(shape)
    shared(
        lambda first, last: exponential_lines(source, *rates, tau, poles, residues, first, last, target),
        shape[0] * shape[2],
        mass.size,
    )
    return out


def _lines(a: np.ndarray, k: int) -> list[np.ndarray]:
    moved = np.moveaxis(a, k, -1)
    return [moved[i] for i in np.ndindex(moved.shape[:-1])]


def advective_number(rates: tuple[np.ndarray, np.ndarray, np.ndarray], low: int, high: int) -> float:
    """The largest b^2 / D on the edges between two cells: what the exponential's approximation feels."""
    forward, backward, _ = rates
    f, g = forward[low : high + 1], backward[low : high + 1]
    total = f + g
    if not total.size:
        return 0.0
    return float(np.max(2 * (f - g) ** 2 / np.where(total > 0, total, 1.0)))


def approximation_error(number: float) -> float:
    """Error of the rational exponential of degree 14 of a uniform drift with b^2 tau / D = number.

    The eigenvalues then lie on a parabola beside the negative axis, where the approximation is less good: measured
    values of max |r(z) - exp(z)| on it, fitted from above.
    """
    return 10 ** min(-13.0 + 2.4 * math.sqrt(number), 0.0)


def exponential(
    generator: Generator, mass: np.ndarray, duration: float, tolerance: float, record: Record
) -> np.ndarray:
    """exp(duration L) mass for a separable generator, with as many equal steps as its asymmetry asks for.

    Raises:
        SolverFailure: two successive refinements never agreed.
    """
    scale = float(mass.sum())
    total = scale if generator.closed else None
    rates = generator.along_axes
    goal = max(1e-3 * tolerance, 1e-12)
    for k in range(mass.ndim):
        ring = generator.grid.axes[k].sides.periodic
        count = record.memory.get(f"{k}", 1)

        def run(steps: int, k: int = k, ring: bool = ring, start: np.ndarray = mass) -> np.ndarray:
            current = start
            for _ in range(steps):
                current = _axis_exponential(current, k, rates[k], ring, duration / steps)
            return current

        result = run(count)
        while True:
            estimate = count * departure(mass, generator.inverse_stationary[k], k, ring) * rational.DEGREE_14.error
            if estimate <= goal * scale:
                estimate /= scale
                break
            low, high = _support(mass, result, k, 1e-2 * goal, ring)
            number = advective_number(rates[k], low, high) * duration / count
            estimate = count * approximation_error(number)
            if estimate <= goal:
                break
            finer = run(2 * count)
            estimate = float(np.abs(finer - result).sum()) / scale if scale else 0.0
            result, count = finer, 2 * count
            if not np.isfinite(estimate) or count > 100_000:
                raise SolverFailure(
                    f"the exponential along {generator.grid.axes[k].symbol} did not settle with {count} steps"
                )
            if estimate <= goal:
                record.memory[f"{k}"] = count // 2
                break
        record.error += estimate
        record.steps += count
        mass = result
    return settle(mass, total, record)


def departure(mass: np.ndarray, inverse: np.ndarray | None, k: int, ring: bool) -> float:
    """sum over the lines of (sum_i m_i^2 / pi_i)^(1/2), the norm in which a line's generator is symmetric.

    Its spectrum is then real and not positive, so the error of a rational approximation r in the L1 norm is at most
    max |r - exp| on the negative axis times this (Cauchy-Schwarz, with sum pi = 1): no refinement has to show it.
    """
    if inverse is None or ring:
        return math.inf
    laid = inverse.reshape([-1 if j == k else 1 for j in range(mass.ndim)])
    with np.errstate(over="ignore", invalid="ignore"):
        squares = mass * mass * laid
        value = float(np.sqrt(squares.sum(axis=k)).sum())
    return value if math.isfinite(value) else math.inf


def _support(before: np.ndarray, after: np.ndarray, k: int, share: float, ring: bool) -> tuple[int, int]:
    """First and last cell along axis k between which all but a share of the mass lies."""
    if ring:
        return 0, before.shape[k] - 1
    low, high = before.shape[k] - 1, 0
    for state in (before, after):
        line = (
            np.abs(state) if state.ndim == 1 else np.abs(state).sum(axis=tuple(j for j in range(state.ndim) if j != k))
        )
        cumulative = np.cumsum(line)
        if cumulative[-1] > 0:
            low = min(low, int(np.searchsorted(cumulative, share * cumulative[-1])))
            high = max(high, int(np.searchsorted(cumulative, (1 - share) * cumulative[-1])))
    return low, min(high, before.shape[k] - 1)


_A, _B = 0.25 + math.sqrt(3) / 6, 0.25 - math.sqrt(3) / 6


def magnus_step(
    rates_at: Callable[[float], list[tuple[np.ndarray, np.ndarray, np.ndarray]]],
    rings: list[bool],
    mass: np.ndarray,
    time: float,
    step: float,
) -> np.ndarray | None:
    """One commutator-free Magnus step of fourth order; None where its generators would have negative rates."""
    c = math.sqrt(3) / 6
    first, second = rates_at(time + (0.5 - c) * step), rates_at(time + (0.5 + c) * step)
    for own, other in ((_A, _B), (_B, _A)):
        for k, ring in enumerate(rings):
            f, g, loss = (own * one + other * two for one, two in zip(first[k], second[k]))
            if any(float(b.min()) < -1e-14 * float(b.max()) for b in (f, g)) or float(loss.max()) < 0:
                return None
            rates = (np.maximum(f, 0.0), np.maximum(g, 0.0), loss)
            mass = _axis_exponential(mass, k, rates, ring, step)
    return mass


# ------------------------------------------------------------------ generators that are not


def strang_step(generator: Generator, mass: np.ndarray, step: float, record: Record) -> np.ndarray:
    """All directions for half a step, and back in reverse order."""
    count = len(generator.directions)
    for k in range(count - 1):
        mass = _swept(generator, k, mass, 0.5 * step, record)
    mass = _swept(generator, count - 1, mass, step, record)
    for k in range(count - 2, -1, -1):
        mass = _swept(generator, k, mass, 0.5 * step, record)
    return mass


def _swept(generator: Generator, k: int, mass: np.ndarray, tau: float, record: Record) -> np.ndarray:
    grid = generator.grid
    order, starts, ring = chains(grid.shape, generator.directions[k].step, tuple(a.sides.periodic for a in grid.axes))
    out = np.empty(grid.size)
    speeds = generator.speeds(k)
    if speeds is not None:
        from numerics.advection import advect

        advect(mass, *speeds, order, starts, ring, tau, out)
        return out
    rates = generator.flat(k)
    step = generator.directions[k].step
    if any(v and a.sides.periodic for v, a in zip(step, grid.axes)):
        sweeps.sweep(mass, *rates, order, starts, ring, tau, _NONE, _NONE, out)
    elif sum(map(abs, step)) == 1 and step[-1] == 0:
        axis = step.index(1)
        outer, inner = math.prod(grid.shape[:axis]), math.prod(grid.shape[axis + 1 :])
        from numerics.strips import cayley_columns

        n = grid.shape[axis]
        shared(
            lambda first, last: cayley_columns(mass, *rates, n, inner, first, last, tau, out), outer * inner, grid.size
        )
    else:
        begins, lengths, stride = lines(grid.shape, step)
        from numerics.strips import cayley_lines

        shared(
            lambda first, last: cayley_lines(mass, *rates, begins[first:last], lengths[first:last], stride, tau, out),
            len(begins),
            grid.size,
        )
    lowest, highest = out.min(), out.max()
    if not lowest >= -1e-15 * highest:
        record.exponentials += 1
        best = rational.DEGREE_14
        sweeps.sweep(mass, *rates, order, starts, ring, tau, best.poles, best.residues, out)
        lowest, highest = out.min(), out.max()
    if lowest < 0:
        record.lowest = min(record.lowest, float(lowest / highest))
        np.maximum(out, 0.0, out=out)
    return out


# ------------------------------------------------------------------ step size


def adaptive(
    step: Callable[[np.ndarray, float, float], np.ndarray | None],
    order: int,
    mass: np.ndarray,
    start: float,
    stop: float,
    tolerance: float,
    span: float,
    total: float | None,
    record: Record,
    tick: Callable[[float, np.ndarray], None],
    keep_sign: bool = False,
) -> np.ndarray:
    """Integrate from start to stop, comparing each step with two halves; the two halves are what is kept.

    Args:
        step: (mass, time, length) -> mass, or None where the length is not allowed.
        order: of the step.
        mass: at start.
        start: time.
        stop: later time.
        tolerance: the error (L1, relative to the mass) that all steps of `span` together may make.
        span: the whole duration of the solve.
        total: conserved mass, or None.
        record: counts and error estimates.
        tick: called with the time and the mass after each step.
        keep_sign: leave negative values as they are.

    Raises:
        SolverFailure: the step would become shorter than rounding allows.
    """
    time = start
    length = record.next_step or min(stop - start, 0.05 * span)
    scale = 2**order - 1
    while time < stop:
        rest = stop - time
        pieces = max(1, math.ceil(rest / length - 1e-9))
        h = rest / pieces if pieces < 3 else length
        result, error = None, math.inf
        whole = step(mass, time, h)
        half = None if whole is None else step(mass, time, 0.5 * h)
        result = None if half is None else step(half, time + 0.5 * h, 0.5 * h)
        norm = float(np.abs(mass).sum())
        if result is not None and whole is not None:
            error = float(np.abs(result - whole).sum()) / scale / max(norm, 1e-300)
        allowed = tolerance * h / span
        if result is not None and (error <= allowed or norm == 0.0):
            mass = result if keep_sign else settle(result, total, record)
            time = stop if pieces == 1 else time + h
            record.steps += 1
            record.error += error
            record.shortest = min(record.shortest, h)
            tick(time, mass)
        else:
            record.rejected += 1
        factor = 0.9 * (allowed / error) ** (1 / order) if 0 < error < math.inf else (4.0 if error == 0 else 0.25)
        length = h * min(max(factor, 0.2), 3.0)
        if length < 1e-13 * max(abs(stop), abs(start), span) or record.steps > MOST_STEPS:
            raise SolverFailure(
                f"at time {time:.6g} the step would be {length:.2g}: the tolerance {tolerance:g} cannot be reached; "
                "the coefficients may be discontinuous or unbounded in time"
            )
    record.next_step = length
    return mass
