"""A search for the points at which an inequality is closest to failing."""

from __future__ import annotations

import random
from collections.abc import Callable

import sympy as sp
from flint import acb

from symrg.verification.points import Domain, Values, precision

_STEPS = 40


def worst_points(margins: list[Callable[[Values], acb]], points: list[Values], domain: Domain) -> list[Values]:
    """Points at which |left - right| is small, found by shrinking random steps from the best ones given.

    Args:
        margins: left minus right of each element.
        points: where to begin.
        domain: what the points must obey.

    Returns:
        One point for each beginning; they are candidates, to be examined like all others.
    """
    draw = random.Random(domain.seed + 1)
    free = [s for s in domain.symbols if s in domain.real and not s.is_integer]
    if not free:
        return []

    def value(values: Values) -> float:
        with precision(80):
            try:
                sizes = [abs(float(m(values).real.mid())) for m in margins]
            except (ValueError, OverflowError, ZeroDivisionError, TypeError):
                return float("inf")
        return min(s for s in sizes) if sizes and all(s == s for s in sizes) else float("inf")

    found = []
    for start in sorted(points, key=value)[:3]:
        best, score = start, value(start)
        scale = 1.0
        for _ in range(_STEPS):
            trial = dict(best)
            for s in free:
                step = sp.Rational(round(draw.gauss(0, 1) * scale * 2**30), 2**30)
                trial[s] = (
                    sp.nsimplify(best[s] + step * (1 + abs(best[s])), rational=True) if best[s].is_Rational else best[s]
                )
            if not domain.allows(trial):
                continue
            new = value(trial)
            if new < score:
                best, score = trial, new
            else:
                scale *= 0.8
        if best is not start:
            found.append(best)
    return found
