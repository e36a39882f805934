"""Asymptotic claims: lhs - rhs = O((v - p)^n), judged by ball arithmetic at distances that shrink very fast.

At v = p + h with h = c 10^-6, c 10^-12, c 10^-24, ... the quotient |lhs - rhs| / |h|^n stays bounded where the claim
holds and grows without bound where it doesn't: by a power of h, or like a logarithm. Several c are taken, so that what
oscillates isn't always met at its zeros. Where the difference is holomorphic at p, a Taylor coefficient below the
order whose ball excludes 0 refutes the claim, and that is a proof.
"""

from __future__ import annotations

import itertools
from typing import Any

import sympy as sp
from flint import acb, arb

from symrg.budget import Budget, Declined, OutOfTime, within
from symrg.verification.enclosure import Evaluate, at, enclose, rational
from symrg.verification.points import Domain, Values, precision
from symrg.verification.reading import Reading, evaluated
from symrg.verification.witness import Evidence, Outcome, shown, undecided

EXPONENTS = (6, 12, 24, 48, 96)
_FACTORS = (sp.Integer(1), sp.Rational(73, 97), sp.Rational(10007, 3571))
_NOT_DIFFERENTIATED = (sp.Abs, sp.Piecewise, sp.floor, sp.sign, sp.re, sp.im, sp.conjugate, sp.Integral, sp.Sum)
_CLOSER = (8, 11, 16, 23, 32, 45, 64, 90, 128)
_COEFFICIENTS = 10  # Taylor coefficients at most


def examine(witness: Any, reading: Reading, budget: Budget) -> Evidence:
    """The evidence for or against the stated order."""
    assert reading.claim.order is not None
    variable, point, n = reading.claim.order
    others = tuple(s for s in reading.symbols if s != variable)
    conditions = tuple(c for c in reading.conditions if variable not in c.free_symbols)
    domain = Domain(others, conditions, witness.seed)
    points = domain.points(6)
    if not points:
        return undecided(witness, "no point of the domain was met: the conditions may exclude all")
    rays = _rays(variable, point, reading)
    checks: list[str] = []
    open_: list[str] = []
    gaps = [evaluated(a) - evaluated(b) for a, b in reading.pairs]
    for element, gap in enumerate(gaps):
        for values in points[:3]:
            found = _coefficient_below(gap, variable, point, n, values, budget)
            if found is not None:
                reason = f"at {shown(values)}, the coefficient of ({variable} - {point})^{found[0]} is {found[1]}"
                reason += f" (element {element})" if len(gaps) > 1 else ""
                return Evidence(
                    witness.name, witness.kind, Outcome.REFUTED, (reason,), reason, dict(values), proof=True
                )
    residuals = [enclose(gap) for gap in gaps]
    for values in points:
        for (ray, text), factor in itertools.product(rays, _FACTORS):
            for element, residual in enumerate(residuals):
                if budget.remaining <= 0:
                    return undecided(witness, "out of time before every direction was followed", tuple(checks[:3]))
                growth = _growth(residual, variable, point, n, ray, values, factor)
                where = shown({**values, variable: sp.Symbol(text)})
                if growth is None:
                    open_.append(f"the difference can't be enclosed at {where}")
                    continue
                bounded, orders = growth
                if bounded is False:
                    power = f"{float(orders):.3g}"
                    reason = (
                        f"along {where} the difference is of order {power} in the distance"
                        if point not in (sp.oo, -sp.oo)
                        else f"along {where} the difference is of order {power} in 1/{variable}"
                    )
                    reason += f", not {n}" + (f" (element {element})" if len(residuals) > 1 else "")
                    return Evidence(
                        witness.name, witness.kind, Outcome.REFUTED, (reason,), reason, counterexample=dict(values)
                    )
                if bounded is None:
                    open_.append(f"along {where} it can't be told whether the quotient stays bounded")
                else:
                    checks.append(f"along {where} the quotient by the {n}-th power stays bounded (order {orders:.3g})")
    if open_ or not checks:
        return undecided(witness, open_[0] if open_ else "nothing could be checked", tuple(checks[:3]))
    first = f"the difference has order {n} or higher at {len(points)} points along {len(rays)} directions"
    record = {"seed": witness.seed, "points": points, "exponents": EXPONENTS}
    return Evidence(witness.name, witness.kind, Outcome.HOLDS, (first, *checks[:2]), record=record)


def _coefficient_below(
    gap: sp.Expr, variable: Any, point: Any, n: sp.Rational, values: Values, budget: Budget
) -> tuple[int, str] | None:
    """The first Taylor coefficient below the order whose ball excludes 0, where the gap is holomorphic at the point."""
    if point in (sp.oo, -sp.oo) or not n > 0 or gap.has(*_NOT_DIFFERENTIATED):
        return None
    radius = arb(0, arb(2) ** -40)
    with precision(200):
        place = at(values)
        centre = at({**values, variable: point.xreplace(values)}).values[variable]
        around = place.with_values({variable: centre + acb(radius, radius)}, analytic=True, continued=True)
        try:
            if not enclose(gap)(around).is_finite():
                return None
            current = gap
            for k in range(min(int(sp.ceiling(n)), _COEFFICIENTS)):
                ball = enclose(current)(place.with_values({variable: centre}))
                if ball.is_finite() and not ball.contains(0):
                    return k, str((ball / acb(arb.fac_ui(k))).str(10, radius=False))
                current = within(min(1.0, budget.remaining), current.diff, variable)
        except (Declined, OutOfTime, ValueError, ZeroDivisionError, TypeError):
            return None
    return None


def _rays(variable: Any, point: Any, reading: Reading) -> list[tuple[acb, str]]:
    """Directions in which the variable may leave the point."""
    if point in (sp.oo, -sp.oo):
        return [(acb(1 if point == sp.oo else -1), str(point))]
    rays = []
    domain = Domain((variable,), tuple(c for c in reading.conditions if c.free_symbols == {variable}))
    for direction, text in ((1, "+"), (-1, "-"), (sp.I, "+i"), (-sp.I, "-i")):
        if direction in (sp.I, -sp.I) and variable in domain.real:
            continue
        if point.free_symbols or domain.allows({variable: point + direction * sp.Rational(1, 10**6)}):
            rays.append(
                (
                    acb(0, 1 if direction == sp.I else -1) if direction in (sp.I, -sp.I) else acb(direction),
                    f"{point}{text}h",
                )
            )
    return rays


def _growth(
    residual: Evaluate, variable: Any, point: Any, n: sp.Rational, ray: acb, values: Values, factor: sp.Rational
) -> tuple[bool | None, float] | None:
    """Whether |residual| / h^n stays bounded as h shrinks, with the order that the residual shows."""

    def log_quotient(exponent: int, c: sp.Rational) -> float | None:
        return _log_quotient(residual, variable, point, n, ray, values, c, exponent)

    logs = []
    for exponent in EXPONENTS:
        found = log_quotient(exponent, factor)
        if found is None:
            return None
        logs.append(found)
    step_size = EXPONENTS[-1] - EXPONENTS[-2]
    order = float(n) - (logs[-1] - logs[-2]) / step_size
    if logs[-1] - max(logs[:-1]) > 0.02 * step_size:
        return False, order
    late = [b - a for a, b in itertools.pairwise(logs[2:])]
    if all(r <= 0.03 for r in late):
        return True, order
    if min(late) < -0.02 and max(logs) - max(logs[:2]) < 0.5:
        return True, order  # it goes up and down, and no higher than before
    if all(r > 0.15 for r in late) and late[-1] > 0.5 * late[0]:
        # like a logarithm, or by chance: what goes up and down doesn't rise nine times in a row
        more = [log_quotient(e, c) for e, c in zip(_CLOSER, itertools.cycle(_FACTORS))]
        if None not in more and all(b > a for a, b in itertools.pairwise(m for m in more if m is not None)):
            return False, order
    return None, order


def _log_quotient(
    residual: Evaluate,
    variable: Any,
    point: Any,
    n: sp.Rational,
    ray: acb,
    values: Values,
    factor: sp.Rational,
    exponent: int,
) -> float | None:
    """log10 of |residual| / h^n at h = factor 10^-exponent, very small where the residual is; None without a value."""
    power, ten = arb(rational(n)), arb(10)
    bits = int(3.4 * exponent * (abs(float(n)) + 3)) + 300
    for attempt in (bits, 4 * bits):
        with precision(attempt):
            step = acb(rational(factor)) * acb(10) ** -exponent
            base = at(values)
            if point in (sp.oo, -sp.oo):
                value = ray / step
            else:
                value = at({**values, variable: point.xreplace(values)}).values[variable] + ray * step
            ball = residual(base.with_values({variable: value}))
            if not ball.is_finite():
                continue
            size = abs(ball)
            if size > 0:
                quotient = size * (ten**exponent / arb(rational(factor))) ** power
                return float((quotient.log() / ten.log()).mid())
            if size.upper() < ten ** -(power * exponent + exponent + 20):
                return -exponent - 20.0
    return None
