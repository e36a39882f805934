"""Work and precision of Fokker-Planck solvers in one run: ours beside SciPy by hand and whatever peers are installed.

    python benchmarks/solvers.py [--cases 1d 2d cross 3d sweeps] [--repeat 3] [--json FILE]

Ornstein-Uhlenbeck on [-6, 6]^d from N(1.5, 0.25) to t = 1, without and with rotation and cross-diffusion; the error is
the L1 distance from the exact normal density. Every time is CPU time of one thread and of the second call with set-up;
initial states differ between calls, so nothing is answered from memory. py-pde, fplanck and scikit-fem run in an
interpreter of their own (`peers.py`; `make bench` builds it), in the same run. `lines.py` has geometric motion and the
double well.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
import scipy.linalg  # noqa: E402
import scipy.sparse  # noqa: E402
import scipy.sparse.linalg  # noqa: E402
import sympy as sp  # noqa: E402

LENGTH, TIME, VARIANCE = 6.0, 1.0, 0.25
LEAST = 0.1  # CPU seconds of calls, at least, for one number
X = sp.symbols("x y z", real=True)


@dataclass(frozen=True)
class Case:
    """A linear Fokker-Planck equation with drift A x and diffusion D."""

    name: str
    A: tuple[tuple[float, ...], ...]
    D: tuple[tuple[float, ...], ...]

    @property
    def dimension(self) -> int:
        return len(self.A)

    def exact(self, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        A, D = np.array(self.A), np.array(self.D)
        n = len(A)
        block = np.zeros((n * n + 1, n * n + 1))
        block[:-1, :-1] = np.kron(A, np.eye(n)) + np.kron(np.eye(n), A)
        block[:-1, -1] = 2 * D.ravel()
        state = scipy.linalg.expm(block * TIME) @ np.append((VARIANCE * np.eye(n)).ravel(), 1.0)
        return scipy.linalg.expm(A * TIME) @ mean, state[:-1].reshape(n, n)


CASES = {
    "1d": Case("1d", ((-1.0,),), ((1.0,),)),
    "2d": Case("2d", ((-1.0, 0.0), (0.0, -1.0)), ((1.0, 0.0), (0.0, 1.0))),
    "cross": Case("cross", ((-1.0, 0.5), (-0.5, -1.0)), ((1.0, 0.5), (0.5, 1.0))),
    "3d": Case("3d", tuple(map(tuple, -np.eye(3))), tuple(map(tuple, np.eye(3)))),
}


def centres(n: int) -> np.ndarray:
    return (np.arange(n) + 0.5) * 2 * LENGTH / n - LENGTH


def normal(points: list[np.ndarray], mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    precision = np.linalg.inv(covariance)
    shifted = [p - m for p, m in zip(points, mean)]
    form = sum(precision[i, j] * a * b for i, a in enumerate(shifted) for j, b in enumerate(shifted))
    return np.exp(-form / 2) / np.sqrt((2 * np.pi) ** len(mean) * np.linalg.det(covariance))


def mesh(case: Case, n: int) -> list[np.ndarray]:
    return np.meshgrid(*([centres(n)] * case.dimension), indexing="ij", sparse=True)


def start(case: Case, n: int, mean: np.ndarray) -> np.ndarray:
    return normal(mesh(case, n), mean, VARIANCE * np.eye(case.dimension))


# ---------------------------------------------------------------- ours


def ours(scheme: str) -> Callable[[Case, int, np.ndarray, float], np.ndarray]:
    from numerics.solver import solve
    from symrg import FokkerPlanck

    equations: dict[str, FokkerPlanck] = {}

    def run(case: Case, n: int, mean: np.ndarray, tolerance: float) -> np.ndarray:
        x = X[: case.dimension]
        if case.name not in equations:
            A, D = (sp.Matrix([[sp.nsimplify(v) for v in row] for row in m]) for m in (case.A, case.D))
            equations[case.name] = FokkerPlanck(x, A * sp.Matrix(x), D, time=sp.Symbol("t", real=True))
        domain = dict.fromkeys(x, (-LENGTH, LENGTH))
        state = start(case, n, mean)
        return solve(equations[case.name], domain, n, state, [TIME], tolerance=tolerance, scheme=scheme).values[0]

    return run


# ---------------------------------------------------------------- SciPy by hand


def matrix(case: Case, n: int):
    """Second-order finite volumes with central fluxes and no flux through the sides."""
    h = 2 * LENGTH / n
    d = case.dimension
    faces = np.arange(1, n) * h - LENGTH
    eye = scipy.sparse.identity(n)
    average = scipy.sparse.diags([0.5 * np.ones(n - 1)] * 2, [0, 1], shape=(n - 1, n))
    jump = scipy.sparse.diags([-np.ones(n - 1), np.ones(n - 1)], [0, 1], shape=(n - 1, n)) / h
    divergence = -jump.T
    slope = average.T @ jump
    total = scipy.sparse.csr_matrix((n**d, n**d))

    def product(parts):
        out = parts[0]
        for p in parts[1:]:
            out = scipy.sparse.kron(out, p)
        return out

    for k in range(d):
        for j in range(d):
            if case.A[k][j]:
                parts = [eye] * d
                if j == k:
                    parts[k] = -divergence @ scipy.sparse.diags(faces) @ average
                else:
                    parts[k] = -divergence @ average
                    parts[j] = scipy.sparse.diags(centres(n))
                total = total + case.A[k][j] * product(parts)
            if case.D[k][j]:
                parts = [eye] * d
                parts[k] = divergence @ jump if j == k else divergence @ average
                if j != k:
                    parts[j] = slope
                total = total + case.D[k][j] * product(parts)
    return total.tocsc()


def crank_nicolson(case: Case, n: int, mean: np.ndarray, tolerance: float) -> np.ndarray:
    L, p = matrix(case, n), start(case, n, mean).ravel()
    steps = max(8, int(np.ceil(n / 6)))
    eye = scipy.sparse.identity(len(p), format="csc")
    factor = scipy.sparse.linalg.splu(eye - 0.5 * TIME / steps * L)
    forward = (eye + 0.5 * TIME / steps * L).tocsr()
    for _ in range(steps):
        p = factor.solve(forward @ p)
    return p.reshape((n,) * case.dimension)


def extrapolated(base: Callable) -> Callable:
    """Richardson in h over n and n/2 (cells of the coarse grid are pairs of the fine one)."""

    def run(case: Case, n: int, mean: np.ndarray, tolerance: float) -> np.ndarray:
        fine, coarse = base(case, n, mean, tolerance), base(case, n // 2, mean, tolerance)
        from scipy.interpolate import CubicSpline

        value = coarse
        for k in range(case.dimension):
            value = CubicSpline(centres(n // 2), value, axis=k)(centres(n))
        return fine + (fine - value) / 3

    return run


def krylov(case: Case, n: int, mean: np.ndarray, tolerance: float) -> np.ndarray:
    p = scipy.sparse.linalg.expm_multiply(matrix(case, n).tocsr() * TIME, start(case, n, mean).ravel())
    return p.reshape((n,) * case.dimension)


def spectral(case: Case, n: int, mean: np.ndarray, tolerance: float) -> np.ndarray:
    """Fourier differences on the periodic box, DOP853 in time."""
    from scipy.integrate import solve_ivp

    d = case.dimension
    points = mesh(case, n)
    k = np.fft.fftfreq(n, 1 / n) * np.pi / LENGTH
    waves = np.meshgrid(*([k] * (d - 1) + [k[: n // 2 + 1]]), indexing="ij", sparse=True)
    drift = [sum(case.A[i][j] * points[j] for j in range(d)) for i in range(d)]
    square = -sum(case.D[i][j] * waves[i] * waves[j] for i in range(d) for j in range(d))

    def rate(_: float, flat: np.ndarray) -> np.ndarray:
        p = flat.reshape((n,) * d)
        out = square * np.fft.rfftn(p)
        for i in range(d):
            out -= 1j * waves[i] * np.fft.rfftn(drift[i] * p)
        return np.fft.irfftn(out, s=p.shape, axes=range(d)).ravel()

    solution = solve_ivp(
        rate, (0, TIME), start(case, n, mean).ravel(), "DOP853", rtol=tolerance, atol=1e-2 * tolerance, t_eval=[TIME]
    )
    return solution.y[:, -1].reshape((n,) * d)


# ---------------------------------------------------------------- peers

PEERS = Path(__file__).resolve().parent.parent / ".venv-peers" / "bin" / "python"


def peer(method: str) -> Callable[[Case, int, float, int], tuple[float, float]]:
    """Best CPU seconds and L1 error of another package, measured in its own interpreter."""

    def run(case: Case, n: int, tolerance: float, repeat: int) -> tuple[float, float]:
        if not PEERS.exists():
            raise NotImplementedError(f"no {PEERS.parent.parent.name}: `make bench` builds it")
        described = {"A": case.A, "D": case.D, "length": LENGTH, "time": TIME, "variance": VARIANCE}
        request = {
            "method": method,
            "case": described,
            "cells": n,
            "tolerance": tolerance,
            "repeat": repeat,
            "mean": [1.5] * case.dimension,
        }
        command = [str(PEERS), str(Path(__file__).with_name("peers.py")), json.dumps(request)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900)
        if done.returncode:
            raise NotImplementedError(done.stderr.strip().splitlines()[-1][:120])
        answer = json.loads(done.stdout.splitlines()[-1])
        if "refused" in answer:
            raise NotImplementedError(answer["refused"])
        exact = normal(mesh(case, n), *case.exact(np.array(answer["mean"])))
        found = np.reshape(answer["density"], exact.shape)
        return answer["seconds"], float(np.abs(found - exact).sum()) * (2 * LENGTH / n) ** case.dimension

    return run


METHODS: dict[str, tuple[Callable[[], Callable], dict[str, tuple[int, ...]]]] = {
    "ours, positive": (
        lambda: ours("positive"),
        {"1d": (128, 256, 512, 1024), "2d": (64, 128, 256), "cross": (64, 128, 256), "3d": (32, 64)},
    ),
    "ours, extrapolated": (
        lambda: ours("extrapolated"),
        {"1d": (64, 72, 96), "2d": (48, 64, 96), "cross": (64, 96, 128), "3d": (32, 64)},
    ),
    "ours, high order": (
        lambda: ours("high-order"),
        {"1d": (32, 40, 48), "2d": (28, 32, 40, 48), "cross": (32, 40, 48, 56), "3d": (32, 48)},
    ),
    "SciPy, Crank-Nicolson": (lambda: crank_nicolson, {"1d": (256, 1024), "2d": (64, 128), "cross": (64, 128)}),
    "SciPy, Crank-Nicolson, extrapolated": (
        lambda: extrapolated(crank_nicolson),
        {"1d": (128, 256), "2d": (64, 128), "cross": (64, 128, 256)},
    ),
    "SciPy, expm_multiply": (lambda: krylov, {"1d": (128, 256), "2d": (64, 128), "cross": (64, 128), "3d": (32, 64)}),
    "Fourier spectral, DOP853": (lambda: spectral, {"1d": (32, 48), "2d": (32, 40), "cross": (32, 48)}),
}
PACKAGES: dict[str, dict[str, tuple[int, ...]]] = {
    "py-pde": {"1d": (64, 128), "2d": (64,), "cross": (64,)},
    "fplanck": {"1d": (128, 512), "2d": (64, 128), "cross": (32,)},
    "scikit-fem": {"1d": (64, 128), "2d": (32, 64), "cross": (32, 64)},
    "FiPy": {"1d": (128,), "2d": (64,), "cross": (64,)},
    "diffrax": {"1d": (128, 256), "2d": (64,), "cross": (64,), "3d": (32, 64)},
}


def measured(method: Callable, case: Case, n: int, tolerance: float, repeat: int) -> tuple[float, float]:
    """Best CPU seconds of calls after the first, and the L1 error."""
    best, error, spent, call = np.inf, np.nan, 0.0, 0
    while call <= repeat or (spent < LEAST and call < 300):  # short calls are repeated more often
        mean = np.full(case.dimension, 1.5) - 1e-4 * call
        begin = time.process_time()
        p = method(case, n, mean, tolerance)
        taken = time.process_time() - begin
        if call:
            best, spent = min(best, taken), spent + taken
        call += 1
        exact = normal(mesh(case, n), *case.exact(mean))
        error = float(np.abs(p - exact).sum()) * (2 * LENGTH / n) ** case.dimension
    return best, error


@dataclass(frozen=True)
class Row:
    case: str
    method: str
    cells: int
    seconds: float
    error: float


def work_precision(names: list[str], repeat: int, packages: list[str]) -> list[Row]:
    rows = []
    for name in names:
        print(f"\n{name}: seconds @ L1 error")
        for title, (make, grids) in METHODS.items():
            if name not in grids:
                continue
            cells = []
            for n in grids[name]:
                h = 2 * LENGTH / n
                smooth = "high" in title or "spectral" in title
                tolerance = 1e-5 if smooth else 3e-6 if "ours, extra" in title else min(1e-2, 0.05 * h * h)
                try:
                    seconds, error = measured(make(), CASES[name], n, tolerance, repeat)
                except (ImportError, NotImplementedError) as reason:
                    cells.append(f"- ({reason})")
                    break
                rows.append(Row(name, title, n, seconds, error))
                cells.append(f"{seconds:.2g} @ {error:.1e} ({n})")
            print(f"  {title:38s} {'   '.join(cells)}", flush=True)
        for title, grids in ((p, PACKAGES[p]) for p in packages):
            cells = []
            for n in grids.get(name, ()):
                try:
                    seconds, error = peer(title)(CASES[name], n, 1e-5, 1)
                except NotImplementedError as reason:
                    cells.append(f"- ({reason})")
                    break
                rows.append(Row(name, title, n, seconds, error))
                cells.append(f"{seconds:.2g} @ {error:.1e} ({n})")
            if cells:
                print(f"  {title:38s} {'   '.join(cells)}", flush=True)
    return rows


def table(rows: list[Row], sweeps: list[tuple[str, ...]]) -> str:
    """The ratios of this run as Markdown, with the machine on which it ran."""
    lines = [
        f"Measured on {processor()}, Python {platform.python_version()}, one thread, CPU time of the second call with",
        "set-up; `ratio`: how many times longer the other method takes than the fastest of ours whose error is",
        "not larger.",
        "",
        "| case | method | cells | L1 error | seconds | ratio |",
        "|---|---|---|---|---|---|",
    ]
    for r in rows:
        own = [o.seconds for o in rows if o.case == r.case and o.method.startswith("ours") and o.error <= r.error]
        ratio = "" if r.method.startswith("ours") else f"{r.seconds / min(own):.3g}" if own else "beyond our grids"
        lines.append(f"| {r.case} | {r.method} | {r.cells} | {r.error:.1e} | {r.seconds:.2g} | {ratio} |")
    if sweeps:
        lines += ["", "| kernel | cells | ns a cell | share of the bandwidth of a copy |", "|---|---|---|---|"]
        lines += ["| " + " | ".join(row) + " |" for row in sweeps]
    return "\n".join(lines) + "\n"


def processor() -> str:
    """The name of the processor, as the system gives it."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def ratios(rows: list[Row]) -> None:
    """How many times longer each method takes than our fastest at its own error or less (interpolated in log-log)."""
    for case in dict.fromkeys(r.case for r in rows):
        own = [r for r in rows if r.case == case and r.method.startswith("ours")]
        print(f"\n{case}: times our fastest at the same error or a smaller one")
        for r in rows:
            if r.case == case and not r.method.startswith("ours"):
                better = [o.seconds for o in own if o.error <= r.error]
                text = f"{r.seconds / min(better):.1f}" if better else "beyond our grids"
                print(f"  {r.method:38s} {r.error:.1e}  {text}")


def bandwidth() -> float:
    """Bytes a second of a copy far larger than the caches (reads and writes)."""
    a = np.ones(20_000_000)
    b = np.empty_like(a)
    return 2 * a.nbytes / best_of(lambda: np.copyto(b, a), 6)


def best_of(work: Callable[[], object], times: int) -> float:
    """Shortest CPU time of a call."""
    best = np.inf
    for _ in range(times):
        begin = time.process_time()
        work()
        best = min(best, time.process_time() - begin)
    return best


def kernels(n: int) -> list[tuple[str, Callable[[], object], int, int]]:
    """Kernels on n^2 cells of general rates: name, call, how many numbers a cell it moves at least, terms it takes."""
    from numerics import strips
    from numerics.expansion import chebyshev
    from numerics.lattice import lines

    rng, size = np.random.default_rng(0), n * n
    f, g, k, m, out = rng.random(size), rng.random(size), np.zeros(size), rng.random(size), np.empty(size)
    f.reshape(n, n)[-1] = g.reshape(n, n)[-1] = 0
    f.reshape(n, n)[:, -1] = g.reshape(n, n)[:, -1] = 0
    begins, lengths, stride = lines((n, n), (0, 1))
    offsets, values, peak = np.array([-n, -1, 0, 1, n]), -0.02 * rng.random((5, size)), np.empty(1)
    rows = (np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0))

    def expand() -> int:
        return chebyshev(m, offsets, values, *rows, 20.0, 1e-14, peak, out)

    terms = expand()
    return [
        ("sweep, first axis", lambda: strips.cayley_columns(m, f, g, k, n, n, 0, n, 0.1, out), 5, 1),
        ("sweep, last axis", lambda: strips.cayley_lines(m, f, g, k, begins, lengths, stride, 0.1, out), 5, 1),
        ("term of an expansion", expand, 11 * terms, terms),
    ]


def sweep_speed() -> list[tuple[str, ...]]:
    """Nanoseconds a cell of the kernels in the plane, and the share of the memory bandwidth."""
    speed = bandwidth()
    print(f"\ncopying memory: {speed / 1e9:.1f} GB/s; general rates, ns a cell (share of the bandwidth)")
    rows: list[tuple[str, ...]] = []
    for n in (64, 128, 256, 512, 1024, 2048):
        cells = []
        for name, work, moved, terms in kernels(n):
            seconds = best_of(work, max(3, 2_000_000 // n**2))
            each, share = seconds / terms / n**2 * 1e9, moved * 8 * n**2 / seconds / speed
            cells.append(f"{name} {each:.1f} ({share:.0%})")
            rows.append((name, f"{n}^2", f"{each:.1f}", f"{share:.0%}"))
        print(f"  {n:5d}^2  {'   '.join(cells)}", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="*", default=["1d", "2d", "cross", "3d", "sweeps"])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--packages", nargs="*", default=list(PACKAGES), help="which peers in their own environment")
    parser.add_argument("--table", help="write the ratios to this file, as Markdown")
    parser.add_argument("--json", help="write the rows to this file")
    options = parser.parse_args()
    rows = work_precision([c for c in options.cases if c in CASES], options.repeat, options.packages)
    ratios(rows)
    sweeps = sweep_speed() if "sweeps" in options.cases else []
    if options.table:
        Path(options.table).write_text(table(rows, sweeps), encoding="utf-8")
    if options.json:
        with open(options.json, "w") as file:
            json.dump([asdict(r) for r in rows], file, indent=1)


if __name__ == "__main__":
    main()
