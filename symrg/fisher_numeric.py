"""The Fisher metric at a point, as numbers with an error: proven where the integrals can be, else by quadrature.

"rigorous": every error is a proven bound (ball arithmetic, tails included); "quadrature": a double-exponential rule
or a sum, its error estimated by halving the step; "monte carlo": averages over a Markov chain, four standard errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mpmath
import sympy

from symrg.budget import Budget, Declined
from symrg.errors import InvalidModel, TimeExpired
from symrg.expectation.density import Density, score_of
from symrg.expectation.interior import Mass, Point, symbol_value
from symrg.expectation.numeric import NumericFailure

if TYPE_CHECKING:
    from symrg.model import StatisticalModel


_LARGE = 1000  # beyond, values of gamma functions are not written out
_ROUGHER = (  # name, halvings of the step (0 chooses), Markov chain, share of the time left
    ("quadrature in machine floats", 0, False, 0.5),
    ("quadrature in wide steps", 3, False, 0.5),
    ("Markov chain", 0, True, 1.0),
)


@dataclass(frozen=True)
class Estimate:
    """A numerical matrix with its error.

    Attributes:
        value: Matrix of Floats.
        error: a bound for each entry, of the same shape; proven where the kind is "rigorous".
        kind: "rigorous", "quadrature" or "monte carlo".
    """

    value: sympy.ImmutableMatrix
    error: sympy.ImmutableMatrix
    kind: str


def fisher_metric_at(model: StatisticalModel, values: Mapping[Any, Any], digits: int, budget: Budget) -> Estimate:
    """Numbers; see `StatisticalModel.fisher_metric_at`."""
    from symrg.fisher import require_fixed_support, require_no_moving_zero

    require_fixed_support(model)
    if not isinstance(digits, int) or digits < 1:
        raise InvalidModel(f"digits must be a positive integer, given {digits!r}")
    point = _point(model, values)
    require_no_moving_zero(model, point)
    return _proven(model, point, digits, budget) or _by_quadrature(model, point, digits, budget)


def _point(model: StatisticalModel, values: Mapping[Any, Any]) -> Point:
    """The values as exact numbers, checked against assumptions and domain."""
    named = {s.name: s for s in model.symbols}
    point: Point = {}
    for key, value in values.items():
        symbol = key if isinstance(key, sympy.Symbol) else named.get(str(key))
        if symbol not in model.symbols:
            raise InvalidModel(f"{key} is neither a parameter nor a constant of the model: {list(model.symbols)}")
        point[symbol] = sympy.Rational(str(value)) if isinstance(value, float) else symbol_value(value)
    missing = [s for s in model.symbols if s not in point]
    if missing:
        raise InvalidModel(f"no values given for {missing}")
    if not model._density.allows(point):
        raise InvalidModel(f"the point {point} is outside the parameter space of the model")
    for symbol, value in point.items():
        if (symbol.is_positive and not value > 0) or (symbol.is_negative and not value < 0):
            raise InvalidModel(f"{symbol} = {value} contradicts the assumption on {symbol}")
    return point


def _proven(model: StatisticalModel, point: Point, digits: int, budget: Budget) -> Estimate | None:
    """Balls around the entries, where there are any within half the time."""
    from symrg.expectation import proven

    share = Budget(0.5 * budget.remaining, budget.attempts)
    found = share.attempt("Gaussian formula", proven.proven_gaussian, model._density, model.parameters, point, digits)
    if found is None:
        scores = [score_of(model.log_density, p) for p in model.parameters]
        found = proven.proven_products(model._density, scores, point, digits, share)
    if found is None:
        return None
    n = model.dimension
    with mpmath.workdps(digits + 15):
        middle = [[mpmath.mpf(found[i][j].mid().str(digits + 12, radius=False)) for j in range(n)] for i in range(n)]
    value = sympy.Matrix(n, n, lambda i, j: sympy.Float(middle[i][j], digits))

    def error(i: int, j: int) -> sympy.Float:
        # the ball's radius, and what the value lost when it was rounded to the digits
        return sympy.Float(float(found[i][j].rad()) * 1.01 + 3 * abs(float(value[i, j])) * 10.0 ** (-digits), 6)

    return Estimate(
        sympy.ImmutableMatrix(value), sympy.ImmutableMatrix(sympy.Matrix(n, n, lambda i, j: error(i, j))), "rigorous"
    )


def _by_quadrature(model: StatisticalModel, point: Point, digits: int, budget: Budget) -> Estimate:
    density = model._density
    size = model.dimension
    precise = digits if _affordable(density, digits) else 0
    point = {s: sympy.Float(v, digits + 25) if abs(v) > _LARGE else v for s, v in point.items()}
    kind = "quadrature"
    with mpmath.workdps(max(digits, 15) + 12):
        moments_found = None
        if precise:
            moments_found = budget.attempt(
                f"quadrature to {digits} digits", _settled_moments, model, point, digits, share=0.5
            )
        if moments_found is None:
            precise = 0
            for name, levels, chain, share in _ROUGHER:
                moments_found = budget.attempt(name, _settled_moments, model, point, 0, levels, chain, share=share)
                if moments_found is not None:
                    kind = "monte carlo" if chain else kind
                    break
        if moments_found is None:
            raise _no_numbers(model, point, budget)
        _, products, slack = moments_found
        if precise == 0 and any(len(part.axes) > 3 for part in density.factors()):
            kind = "monte carlo"
        value = sympy.Matrix(size, size, lambda i, j: sympy.Float(products[i][j], digits))
        rounding = 10.0 ** (-digits) if precise else 1e-7
        scale = [max(float(abs(products[i][i])), 0.0) ** 0.5 for i in range(size)]
        error = sympy.Matrix(
            size, size, lambda i, j: sympy.Float(slack[i][j] + rounding * (scale[i] * scale[j] + 1e-300), 6)
        )
    return Estimate(sympy.ImmutableMatrix(value), sympy.ImmutableMatrix(error), kind)


def _no_numbers(model: StatisticalModel, point: Point, budget: Budget) -> Exception:
    """The error where every route failed: the time's fault, or the model's."""
    tried = "; ".join(map(str, budget.attempts))
    given = ", ".join(f"{s} = {float(v):.6g}" for s, v in point.items())
    late = [a for a in budget.attempts if a.outcome == "out of time"]
    if late or budget.remaining <= 0:
        return TimeExpired(
            f"no numbers for the Fisher metric at {given} within {budget.seconds:g} s: give a larger budget; {tried}"
        )
    mass = budget.attempt("mass", Mass(model._density).at, point)
    return InvalidModel(
        f"the model has no density that can be integrated at {given} (mass {mass}; tried: {tried}); check the point"
    )


def _settled_moments(model: StatisticalModel, point: Point, digits: int, levels: int = 0, chain: bool = False) -> Any:
    from symrg.fisher import score_moments

    try:
        found = score_moments(model, point, digits, levels, chain)
    except NumericFailure as e:
        raise Declined(str(e)) from None
    means, products, _ = found
    for i, p in enumerate(model.parameters):  # what misses mass far out, or in a corner, shows it here
        if abs(means[i]) > (0.1 if chain else 1e-4) * abs(products[i][i]) ** 0.5:
            raise Declined(f"E[score] of {p} comes out as {float(means[i]):.3g}, not 0")
    return found


def _affordable(density: Density, digits: int) -> bool:
    """Whether high-precision quadrature is affordable: up to two coupled coordinates."""
    return all(len(part.axes) <= (2 if digits <= 20 else 1) for part in density.factors())
