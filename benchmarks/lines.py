"""Variable coefficients and barriers on a line: geometric Brownian motion, and a double well, beside SciPy by hand.

    python benchmarks/lines.py [--repeat 20]

Geometric motion has its lognormal solution; the double well is compared with a Fourier-spectral solution that is
converged to 1e-10 (of a density that has died away long before the ends). CPU seconds of calls after the first, one
thread, with set-up; the error is the L1 distance.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
import scipy.linalg  # noqa: E402
import sympy as sp  # noqa: E402

X = sp.Symbol("x", real=True)


@dataclass(frozen=True)
class Line:
    """d_t p = -(mu p)' + (D p)'' on an interval.

    Attributes:
        drift: mu.
        diffusion: D.
        ends: of the interval.
        time: when the error is taken.
        start: density at zero, of centres and a small shift.
        exact: density at `time`, of the same.
    """

    name: str
    drift: sp.Expr
    diffusion: sp.Expr
    ends: tuple[float, float]
    time: float
    start: Callable[[np.ndarray, float], np.ndarray]
    exact: Callable[[np.ndarray, float], np.ndarray]

    def centres(self, n: int) -> np.ndarray:
        low, high = self.ends
        return low + (np.arange(n) + 0.5) * (high - low) / n


def lognormal(x: np.ndarray, mean: float, deviation: float) -> np.ndarray:
    return np.exp(-(((np.log(x) - mean) / deviation) ** 2) / 2) / (x * deviation * np.sqrt(2 * np.pi))


def bump(x: np.ndarray, shift: float) -> np.ndarray:
    return np.exp(-((x - 0.5 - shift) ** 2) / 0.1) / np.sqrt(0.1 * np.pi)


@lru_cache(maxsize=64)
def _converged(shift: float) -> tuple[np.ndarray, np.ndarray]:
    n, length = 256, 3.2
    x = np.arange(n) * 2 * length / n - length
    identity = np.fft.fft(np.eye(n), axis=0)
    k = np.fft.fftfreq(n, 1 / n) * np.pi / length
    first = np.fft.ifft(1j * k[:, None] * identity, axis=0).real
    second = np.fft.ifft(-(k[:, None] ** 2) * identity, axis=0).real
    return x, scipy.linalg.expm(-first * (4 * (x - x**3)) + second * 0.5) @ bump(x, shift)


def double_well(x: np.ndarray, shift: float) -> np.ndarray:
    """The trigonometric polynomial through the converged values."""
    nodes, values = _converged(shift)
    n, length = len(nodes), 3.2
    k = np.fft.fftfreq(n, 1 / n) * np.pi / length
    return (np.exp(1j * np.outer(x + length, k)) @ np.fft.fft(values)).real / n


LINES = (
    Line(
        "geometric motion",
        X / 10,
        sp.Rational(9, 200) * X**2,
        (0.02, 8.0),
        1.0,
        lambda x, s: lognormal(x, s, 0.3),
        lambda x, s: lognormal(x, s + 0.055, np.sqrt(0.09 + 0.09)),
    ),
    Line("double well", 4 * (X - X**3), sp.Rational(1, 2), (-3.2, 3.2), 1.0, bump, double_well),
)


def ours(scheme: str) -> Callable[[Line, int, float], np.ndarray]:
    from numerics.solver import solve
    from symrg import FokkerPlanck

    equations: dict[str, FokkerPlanck] = {}

    def run(line: Line, n: int, shift: float) -> np.ndarray:
        if line.name not in equations:
            time_ = sp.Symbol("t", real=True)
            equations[line.name] = FokkerPlanck((X,), [line.drift], [[line.diffusion]], time=time_)
        state = line.start(line.centres(n), shift)
        return solve(equations[line.name], {X: line.ends}, n, state, [line.time], scheme=scheme, tolerance=1e-6).values[
            0
        ]

    return run


def by_hand(line: Line, n: int, shift: float) -> np.ndarray:
    """Finite volumes with central fluxes, Crank-Nicolson, SciPy's banded solver."""
    low, high = line.ends
    h = (high - low) / n
    faces = low + np.arange(1, n) * h
    mu = np.broadcast_to(sp.lambdify(X, line.drift)(faces), faces.shape)
    D = np.broadcast_to(sp.lambdify(X, line.diffusion)(line.centres(n)), n)
    here, there = mu / 2 + D[:-1] / h, mu / 2 - D[1:] / h  # J = here p_i + there p_(i+1)
    bands = np.zeros((3, n))
    bands[0, 1:], bands[2, :-1] = -there / h, here / h
    bands[1, :-1] -= here / h
    bands[1, 1:] += there / h
    p = line.start(line.centres(n), shift)
    steps = max(16, n // 4)
    tau = line.time / steps
    left = -0.5 * tau * bands
    left[1] += 1
    for _ in range(steps):
        right = bands[1] * p
        right[:-1] += bands[0, 1:] * p[1:]
        right[1:] += bands[2, :-1] * p[:-1]
        p = scipy.linalg.solve_banded((1, 1), left, p + 0.5 * tau * right, check_finite=False)
    return p


def by_hand_extrapolated(line: Line, n: int, shift: float) -> np.ndarray:
    from scipy.interpolate import CubicSpline

    fine, coarse = by_hand(line, n, shift), by_hand(line, n // 2, shift)
    return fine + (fine - CubicSpline(line.centres(n // 2), coarse)(line.centres(n))) / 3


METHODS = (
    ("ours, positive", lambda: ours("positive"), (256, 1024, 2048)),
    ("ours, extrapolated", lambda: ours("extrapolated"), (128, 192, 256)),
    ("ours, high order", lambda: ours("high-order"), (64, 96, 128)),
    ("SciPy, Crank-Nicolson", lambda: by_hand, (256, 1024)),
    ("SciPy, Crank-Nicolson, extrapolated", lambda: by_hand_extrapolated, (256, 512)),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=20)
    repeat = parser.parse_args().repeat
    for line in LINES:
        print(f"\n{line.name}: seconds @ L1 error (cells)")
        for title, make, grids in METHODS:
            method, cells = make(), []
            for n in grids:
                best = np.inf
                for call in range(repeat + 1):
                    shift = 1e-3 * call
                    begin = time.process_time()
                    try:
                        p = method(line, n, shift)
                    except ValueError as reason:
                        cells.append(f"- ({str(reason)[:60]})")
                        break
                    if call:
                        best = min(best, time.process_time() - begin)
                else:
                    exact = line.exact(line.centres(n), shift)
                    error = np.abs(p - exact).sum() * (line.ends[1] - line.ends[0]) / n
                    cells.append(f"{best:.2g} @ {error:.1e} ({n})")
            print(f"  {title:38s} {'   '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
