"""This engine beside plain `sympy.integrate` on 17 textbook families: how many Fisher metrics, in what time.

    python benchmarks/expectations.py [--seconds 60] [--skip-plain] [--json FILE]

Each family runs in a process of its own, cold, under a limit of CPU seconds; both routes in the same run.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import resource
import time
from queue import Empty

FAMILIES = (
    "normal", "exponential", "laplace", "cauchy", "gamma", "inverse_gaussian", "rayleigh", "poisson", "beta",
    "logistic", "gumbel", "weibull", "pareto", "log_normal", "student_t", "von_mises", "geometric",
)  # fmt: skip


def engine(name: str) -> bool:
    """The Fisher metric by this library."""
    from symrg import families

    families.entry(name)().fisher_metric(budget=60)
    return True


def plain(name: str) -> bool:
    """The Fisher metric by `integrate` or `summation` of the score products."""
    import sympy

    from symrg import families

    model = families.entry(name)()
    (axis,) = model.axes
    for i, left in enumerate(model.score()):
        for right in model.score()[i:]:
            integrand = sympy.simplify(left * right * model.density)
            limits = (axis.symbol, axis.lower, axis.upper)
            value = sympy.summation(integrand, limits) if axis.discrete else sympy.integrate(integrand, limits)
            value = sympy.simplify(value)
            if value.has(sympy.Integral, sympy.Sum, sympy.Piecewise, sympy.nan, sympy.zoo):
                return False
    return True


def _worker(route: str, name: str, seconds: float, queue: multiprocessing.Queue) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(seconds), math.ceil(seconds) + 5))
    start = time.process_time()
    try:
        solved = {"engine": engine, "plain": plain}[route](name)
    except Exception as e:  # a benchmark counts every failure
        queue.put((False, time.process_time() - start, type(e).__name__))
        return
    queue.put((solved, time.process_time() - start, ""))


def measure(route: str, name: str, seconds: float) -> tuple[bool, float, str]:
    """Solved or not, CPU seconds, and how it failed."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_worker, args=(route, name, seconds, queue))
    process.start()
    try:
        while True:
            alive = process.is_alive()
            try:
                return queue.get(timeout=1)
            except Empty:
                if not alive:  # the limit of CPU time ended it
                    return False, seconds, "time out"
    finally:
        process.kill()
        process.join()


def main() -> None:
    """Run both routes and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--skip-plain", action="store_true")
    parser.add_argument("--json")
    options = parser.parse_args()
    routes = ["engine"] if options.skip_plain else ["engine", "plain"]
    rows = {name: {r: measure(r, name, options.seconds) for r in routes} for name in FAMILIES}
    print(f"{'family':<18}" + "".join(f"{r:>22}" for r in routes))
    for name, row in rows.items():
        cells = [f"{row[r][1]:8.2f} s {'solved' if row[r][0] else row[r][2] or 'left open':>11}" for r in routes]
        print(f"{name:<18}" + "".join(f"{c:>22}" for c in cells))
    for r in routes:
        solved = sum(row[r][0] for row in rows.values())
        print(f"{r}: {solved} of {len(FAMILIES)} in {sum(row[r][1] for row in rows.values()):.1f} s of CPU time")
    if options.json:
        with open(options.json, "w") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
