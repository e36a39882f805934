"""The expectation engine: finds structure before it integrates, and confirms what it found.

Routes, cheapest first: a Gaussian in any dimension; identities that follow from the normalisation; independent
factors; master integrals after changes of variable; known series; iterated integrals; SymPy's integrators.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import sympy
from sympy import S

from symrg.budget import Budget, Declined
from symrg.errors import Disagreement, NoClosedForm
from symrg.expectation import gaussian, iterated
from symrg.expectation.confirm import confirm_everywhere
from symrg.expectation.density import Density, split_logarithms
from symrg.expectation.identities import NormalisationIdentities
from symrg.expectation.interior import Point, find_points, interior_points, sign_from_domain
from symrg.expectation.line import LineIntegrator
from symrg.expectation.numeric import NumericFailure
from symrg.expectation.sums import Summation
from symrg.expectation.tidy import gamma_ratio, is_closed, tidy
from symrg.support import Axis

_EXTRA_SEED = 3


class Engine:
    """Exact expectations over one density.

    Args:
        density: in the user's symbols.
        parameters: symbols in which the normalisation may be differentiated (the support is free of them).
        budget: for finding interior points.
    """

    def __init__(self, density: Density, parameters: Sequence[sympy.Symbol], budget: Budget):
        self.density = density
        self.points: list[Point] = find_points(density, 10 if len(density.axes) == 1 else 2, (), budget)
        self._parameters = tuple(p for p in parameters if not any(p in a.free_symbols for a in density.axes))
        self._frame = _Frame(density)
        self._inner = self._frame.density
        self._identities: NormalisationIdentities | None = None
        self._normal: Any = False
        self._norms: dict[tuple, sympy.Expr] = {}
        self._found: dict[sympy.Expr, sympy.Expr] = {}

    # ---- public ----------------------------------------------------------------------------------------------

    def expectation(self, expression: sympy.Expr, budget: Budget, confirmed: bool = True) -> sympy.Expr:
        """E[expression] in closed form.

        Args:
            expression: function of the sample; other symbols are constants.
            budget: of the call.
            confirmed: hold the result against quadrature (False where the caller does so).

        Raises:
            NoClosedForm: no route found one in time.
            Disagreement: a route found one that quadrature refutes, and no other route found another.
        """
        if not expression.free_symbols & set(self.density.sample):
            return expression
        if expression in self._found:
            return self._found[expression]
        extra = sorted(
            expression.free_symbols - set(self.density.sample) - set(self.density.symbols), key=sympy.default_sort_key
        )
        points = self.points
        if extra:
            points = interior_points(self.density, 2, extra, budget, seed=_EXTRA_SEED)
        points = points or self.points
        frame = self._frame.extended(extra)
        inner_points = [frame.inward_point(p) for p in points]
        target = frame.inward(expression)
        refuted: Disagreement | None = None
        for name, route, share in self._routes(target, inner_points[0], frame):
            if budget.remaining <= 0:
                break
            value = budget.attempt(name, route, share=share)
            if value is None:
                continue
            short = budget.attempt(f"{name}, in short", tidy, value, share=0.6)
            value = value if short is None else short
            if not is_closed(value) or value.has(*self._inner.sample):
                continue
            outward = frame.outward(value)
            if confirmed:
                try:
                    checked = budget.attempt(
                        f"{name}, quadrature", _confirmed, self.density, expression, outward, points, share=0.9
                    )
                except Disagreement as e:
                    refuted = e
                    continue
                if checked is None:
                    continue
                self._found[expression] = outward
            return outward
        if refuted is not None:
            raise refuted
        raise budget.no_closed_form(f"E[{expression}]")

    # ---- routes ----------------------------------------------------------------------------------------------

    def _routes(
        self, target: sympy.Expr, point: Point, frame: _Frame
    ) -> list[tuple[str, Callable[[], sympy.Expr | None], float]]:
        routes: list[tuple[str, Callable[[], sympy.Expr | None], float]] = []
        normal = self._gaussian()
        if normal is not None:
            routes.append(("Gaussian integral", partial(normal.expectation, target), 0.6))
        routes.append(("identities of first order", lambda: self._by_identities(target, point, 1), 0.3))
        scalar = len(self._inner.axes) == 1
        if scalar:
            routes.append(("master integrals", lambda: self._by_masters(target, point), 0.5))
        elif len(self._inner.groups) > 1:
            routes.append(("independent factors", lambda: self._by_factors(target, point), 0.6))
        top = 4 if len(self._parameters) <= 2 else 2
        for order in range(2, top + 1):
            routes.append((f"identities of order {order}", partial(self._by_identities, target, point, order), 0.4))
        if not scalar:
            routes.append(("iterated integrals", lambda: self._by_iteration(target, point), 0.6))
        routes.append(("SymPy's integrators", lambda: self._by_sympy(target), 0.8))
        return routes

    def _gaussian(self) -> gaussian.Normal | None:
        if self._normal is False:
            self._normal = gaussian.structure(self._inner.log_density, self._inner.axes)
        return self._normal

    def _by_identities(self, target: sympy.Expr, point: Point, order: int) -> sympy.Expr:
        if self._identities is None:
            self._identities = NormalisationIdentities(
                self._inner.log_density,
                self._inner.sample,
                [self._frame.inner[p] for p in self._parameters],
                point,
            )
        return self._identities.expectation(target, order)

    def _by_masters(self, target: sympy.Expr, point: Point) -> sympy.Expr:
        (axis,) = self._inner.axes
        return _ratio(self._inner.log_density, target, axis, point, self._norms)

    def _by_factors(self, target: sympy.Expr, point: Point) -> sympy.Expr:
        parts = self._inner.factors()
        total = S.Zero
        flat = split_logarithms(target)
        for term in sympy.Add.make_args(sympy.expand(flat)):
            value, rest = S.One, term
            for part in parts:
                rest, own = rest.as_independent(*part.sample, as_Add=False)
                if own == 1:
                    continue
                value *= self._factor(part, own, point)
            if rest.has(*self._inner.sample):
                raise Declined("a function of coordinates of several factors")
            total += rest * value
        return total

    def _factor(self, part: Density, own: sympy.Expr, point: Point) -> sympy.Expr:
        normal = gaussian.structure(part.log_density, part.axes)
        if normal is not None:
            try:
                return normal.expectation(own)
            except Declined:
                pass
        if len(part.axes) == 1:
            return _ratio(part.log_density, own, part.axes[0], point, self._norms)
        return _multiple_ratio(part, own, point)

    def _by_iteration(self, target: sympy.Expr, point: Point) -> sympy.Expr:
        return _multiple_ratio(self._inner, target, point)

    def _by_sympy(self, target: sympy.Expr) -> sympy.Expr:
        if any(_beyond_summation(target, axis) for axis in self._inner.axes):
            raise Declined("a series of logarithms of factorials, which has no closed form in SymPy's functions")
        value = target * sympy.exp(self._inner.log_density)
        for axis in self._inner.axes:
            if axis.points is not None:
                value = sympy.Add(*(value.subs(axis.symbol, p) for p in axis.points))
            elif axis.discrete:
                value = sympy.summation(sympy.simplify(value), (axis.symbol, axis.lower, axis.upper))
            else:
                value = sympy.integrate(sympy.simplify(value), (axis.symbol, axis.lower, axis.upper), conds="none")
            if isinstance(value, sympy.Piecewise):
                value = value.args[0][0]
            if not is_closed(value):
                raise Declined("SymPy left it unevaluated")
        return value


def _beyond_summation(target: sympy.Expr, axis: Axis) -> bool:
    """Whether a sum over an axis holds logarithms or polygamma functions of it: no algorithm of SymPy sums these."""
    if not axis.discrete or axis.points is not None or (axis.lower.is_number and axis.upper.is_Integer):
        return False
    hard = (sympy.log, sympy.loggamma, sympy.polygamma)
    return any(node.has(axis.symbol) for node in target.atoms(*hard))


def _confirmed(density: Density, expression: sympy.Expr, value: sympy.Expr, points: Sequence[Point]) -> bool:
    try:
        confirm_everywhere(density, expression, value, points)
    except NumericFailure as e:
        raise Declined(f"not confirmed: {e}") from None
    return True


def _ratio(
    log_density: sympy.Expr, target: sympy.Expr, axis: Axis, point: Point, norms: dict[tuple, sympy.Expr]
) -> sympy.Expr:
    """int target p / int p over one axis, constants of p left out of both."""
    moving = sympy.Add(*(t for t in sympy.Add.make_args(log_density) if t.has(axis.symbol)))

    def integral(f: sympy.Expr) -> sympy.Expr:
        if axis.discrete:
            return Summation(point).total(moving, f, axis)
        return LineIntegrator(point).integral(moving, f, axis.symbol, axis.lower, axis.upper)

    key = (moving, axis)
    if key not in norms:
        norms[key] = integral(S.One)
    return divide(integral(target), norms[key])


def _multiple_ratio(density: Density, target: sympy.Expr, point: Point) -> sympy.Expr:
    above = iterated.integral(density.log_density, target, density.axes, point)
    below = iterated.integral(density.log_density, S.One, density.axes, point)
    return divide(iterated.decline_if_open(above, density.sample), iterated.decline_if_open(below, density.sample))


def divide(above: sympy.Expr, below: sympy.Expr) -> sympy.Expr:
    """A quotient of sums of products of gamma functions, with what cancels cancelled term by term."""
    if below == 0:
        raise Declined("the density has no mass")
    flat = sympy.expand(above, power_exp=False, power_base=False, log=False) if above.is_Mul else above
    if below.is_Add:
        factored = sympy.factor_terms(below)
        common = factored if factored.is_Mul else below
        return sympy.Add(*(_term_over(t, common) for t in sympy.Add.make_args(flat)))
    return sympy.Add(*(_term_over(t, below) for t in sympy.Add.make_args(flat)))


def _term_over(term: sympy.Expr, below: sympy.Expr) -> sympy.Expr:
    quotient = gamma_ratio(sympy.powsimp(term / below))
    return quotient


class _Frame:
    """The user's symbols and inner ones that carry every assumption known from domain and support."""

    def __init__(self, density: Density, extra: Sequence[sympy.Symbol] = ()):
        self._given = density
        self.inner: dict[sympy.Symbol, sympy.Symbol] = {}
        for symbol in [*density.symbols, *extra]:
            self.inner[symbol] = _twin(symbol, sign_from_domain(symbol, density.domain))
        for axis in density.axes:
            assumptions: dict[str, bool] = {"integer": True} if axis.discrete else {"real": True}
            lower = axis.lower
            if axis.points is not None:
                assumptions = {}
                if all(p.is_positive for p in axis.points):
                    assumptions = {"positive": True}
            elif not axis.discrete and lower.is_nonnegative:
                assumptions = {"positive": True}
            elif axis.discrete and lower.is_positive:
                assumptions["positive"] = True
            elif axis.discrete and lower.is_nonnegative:
                assumptions["nonnegative"] = True
            self.inner[axis.symbol] = sympy.Dummy(str(axis.symbol), **assumptions)
        self._outer = {v: k for k, v in self.inner.items()}
        axes = tuple(axis.subs(self.inner) for axis in density.axes)
        self.density = Density(self.inward(density.log_density), axes, tuple(self.inner[s] for s in density.symbols))

    def extended(self, extra: Sequence[sympy.Symbol]) -> _Frame:
        """The same frame with further symbols."""
        if not extra:
            return self
        frame = object.__new__(_Frame)
        frame._given = self._given
        frame.inner = self.inner | {s: _twin(s, 0) for s in extra}
        frame._outer = {v: k for k, v in frame.inner.items()}
        frame.density = self.density
        return frame

    def inward(self, expression: sympy.Expr) -> sympy.Expr:
        """In inner symbols; rebuilt, so that their assumptions take effect."""
        return expression.subs(self.inner, simultaneous=True) if expression.free_symbols else expression

    def outward(self, expression: sympy.Expr) -> sympy.Expr:
        """In the user's symbols."""
        return expression.xreplace(self._outer)

    def inward_point(self, point: Point) -> Point:
        """A point in inner symbols."""
        return {self.inner[k]: v for k, v in point.items()}


def _twin(symbol: sympy.Symbol, sign: int) -> sympy.Symbol:
    assumptions = {"integer": True} if symbol.is_integer else {}
    if symbol.is_positive or sign > 0:
        return sympy.Dummy(symbol.name, positive=True, **assumptions)
    if symbol.is_nonnegative:
        return sympy.Dummy(symbol.name, nonnegative=True, **assumptions)
    if symbol.is_negative or sign < 0:
        return sympy.Dummy(symbol.name, negative=True, **assumptions)
    return sympy.Dummy(symbol.name, real=True, **assumptions)


__all__ = ["Engine", "NoClosedForm"]
