"""Compiled kernels: first-use cost, cost a point, and errors, beside `sympy.lambdify`.

Run: python benchmarks/codegen.py [--json]. Times are CPU seconds of this process, the best of several repeats.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import sympy as sp

import numerics
from numerics.codegen.cache import VARIABLE

x, y, s = sp.symbols("x y s", real=True)
CASES = {
    "linear drift": [-s * x, sp.Integer(1)],
    "double well": [x - x**3 + s * y, -y * (1 + x**2), sp.exp(-(x**2)) / (1 + y**2)],
    "normal density": [sp.exp(-((x - y) ** 2) / (2 * s**2)) / (s * sp.sqrt(2 * sp.pi))],
    "inverse Fisher metric": list(sp.Matrix([[1 + x**2, x * y], [x * y, 2 + y**2]]).inv()),
    "von Mises": [sp.besseli(1, s) / sp.besseli(0, s) * sp.cos(x - y)],
}
POINTS = 1 << 20


def cpu(function, repeats=5):
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        function()
        best = min(best, time.process_time() - start)
    return best


def measure(name, expressions):
    numerics.compile(x + 1, x)(0.0)  # numba itself is awake
    start = time.process_time()
    f = numerics.compile(expressions, (x, y, s), cache=False)
    generated = time.process_time()
    f(0.3, 0.2, 1.5)
    first = time.process_time()
    a, b = np.linspace(-2, 2, POINTS), np.linspace(0.5, 1.5, POINTS)
    g = sp.lambdify((x, y, s), expressions, ["scipy", "numpy"])
    small = np.linspace(-2, 2, 512)
    return {
        "case": name,
        "generate_ms": 1e3 * (generated - start),
        "compile_ms": 1e3 * (first - generated),
        "ns_a_point": 1e9 * cpu(lambda: f(a, b, 1.5)) / POINTS,
        "lambdify_ns_a_point": 1e9 * cpu(lambda: g(a, b, 1.5)) / POINTS,
        "call_of_512_us": 1e6 * cpu(lambda: [f(small, 0.5, 1.5) for _ in range(200)]) / 200,
        "lambdify_call_of_512_us": 1e6 * cpu(lambda: [g(small, 0.5, 1.5) for _ in range(200)]) / 200,
    }


_FRESH = """
import time
start = time.process_time()
import sympy as sp
imported = time.process_time()
import numerics
x, y = sp.symbols("x y", real=True)
f = numerics.compile([x - x**3, sp.exp(-x**2) / (1 + y**2)], (x, y))
f(0.5, 1.0)
print(imported - start, time.process_time() - imported)
"""


def fresh_process():
    """CPU seconds of a new process: SymPy's import, then everything up to the first value, cold and from the cache."""
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for _ in range(3):
            environment = {**os.environ, VARIABLE: folder}
            done = subprocess.run(
                [sys.executable, "-c", _FRESH], env=environment, capture_output=True, text=True, check=True
            )
            rows.append([float(v) for v in done.stdout.split()])
    return {"sympy_s": rows[0][0], "cold_s": rows[0][1], "cached_s": min(r[1] for r in rows[1:])}


def large():
    """A polynomial of 10,000 operations."""
    e = sp.expand((x + y + s + 1) ** 20)
    start = time.process_time()
    f = numerics.compile(e, (x, y, s), cache=False)
    generated = time.process_time()
    value = f(0.1, 0.2, 0.3)
    return {
        "operations": int(sp.count_ops(e)),
        "generate_s": generated - start,
        "compile_s": time.process_time() - generated,
        "relative_error": abs(value / 1.6**20 - 1),
    }


def main():
    rows = [measure(name, e) for name, e in CASES.items()]
    result = {"kernels": rows, "fresh_process": fresh_process(), "large": large()}
    if "--json" in sys.argv:
        print(json.dumps(result, indent=2))
        return
    keys = list(rows[0])
    print("  ".join(f"{k:>22}" for k in keys))
    for row in rows:
        print("  ".join(f"{v:>22.3g}" if isinstance(v, float) else f"{v:>22}" for v in row.values()))
    print("fresh process:", {k: round(v, 3) for k, v in result["fresh_process"].items()})
    print("large:", {k: float(f"{v:.3g}") for k, v in result["large"].items()})


if __name__ == "__main__":
    main()
