"""Rigorous integrals: `acb.integral` on pieces where the integrand is holomorphic, tails by proven bounds."""

from __future__ import annotations

import sympy as sp
from flint import acb, ctx

from symrg.budget import Declined
from symrg.verification.enclosure import Evaluate, Point, enclose

EVALUATIONS = 20_000  # of the integrand in one integral


def enclose_integral(node: sp.Integral) -> Evaluate:
    """The function that encloses a definite integral at a point.

    Raises:
        Declined: an indefinite integral.
    """
    if len(node.limits) > 1:
        inner = sp.Integral(node.function, *node.limits[:-1])
        return _single(inner, node.limits[-1])
    return _single(node.function, node.limits[0])


def _single(integrand: sp.Expr, limit: sp.Tuple) -> Evaluate:
    if len(limit) != 3:
        raise Declined("an indefinite integral is only defined up to a constant")
    variable, low, high = limit
    if low == high:
        return lambda point: acb(0)
    function, start, end = enclose(integrand), enclose(low), enclose(high)

    def value(point: Point) -> acb:
        a, b = start(point), end(point)

        def at(x: acb, analytic: bool) -> acb:
            return function(point.with_values({variable: x}, analytic=bool(analytic), continued=True))

        return acb.integral(at, a, b, eval_limit=EVALUATIONS, rel_tol=acb(2).real ** (-ctx.prec), abs_tol=0)

    return value
