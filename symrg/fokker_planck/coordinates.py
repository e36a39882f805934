"""Fokker-Planck equations in other coordinates and in another time.

With y^a = f^a(x, t) Ito's formula gives

    mu'^a = d_t f^a + mu^i d_i f^a + D^ij d_i d_j f^a,      D'^ab = d_i f^a D^ij d_j f^b,

and the density transforms with the Jacobian, p'(y) = p(x(y)) |det dx/dy|. Where the map is given the other way round,
x = g(y, t), the same follows from g alone: d_i d_j y^a = - (J^-1)^a_c (d_b d_d g^c) (J^-1)^b_i (J^-1)^d_j.

Source: Risken (1989), sec. 4.9; Gardiner (2009), sec. 4.3.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Expr, ImmutableMatrix, Rational, Symbol

from symrg.budget import Budget
from symrg.errors import InvalidEquation
from symrg.fokker_planck.domain import Limits
from symrg.fokker_planck.equation import FokkerPlanck

__all__ = ["CoordinateChange", "change_coordinates", "change_time"]


@dataclass(frozen=True)
class CoordinateChange:
    """An equation in new coordinates, with the map that led there.

    Attributes:
        equation: in the new coordinates.
        inverse: old coordinate -> expression in the new ones.
    """

    equation: FokkerPlanck
    inverse: tuple[tuple[Symbol, Expr], ...]

    def density(self, p: Any) -> Expr:
        """The density p of the old coordinates as a density of the new ones: p(x(y)) |det dx/dy|."""
        new = self.equation.coordinates
        jacobian = ImmutableMatrix([[sympy.diff(e, y) for y in new] for _, e in self.inverse])
        determinant = sympy.simplify(jacobian.det())
        if determinant.is_negative:
            determinant = -determinant
        elif not determinant.is_nonnegative:
            determinant = sympy.Abs(determinant)
        return sympy.sympify(p, strict=True).subs(dict(self.inverse), simultaneous=True) * determinant


def change_coordinates(
    equation: FokkerPlanck,
    mapping: Mapping[Symbol, Any],
    coordinates: Sequence[Symbol] | Symbol | None = None,
    inverse: Mapping[Symbol, Any] | None = None,
    budget: float | Budget | None = None,
) -> CoordinateChange:
    """The equation in other coordinates.

    Args:
        equation: in the old coordinates x.
        mapping: either new -> expression in the old, {y: log(x)}, or old -> expression in the new, {x: exp(y)}; it may
            contain the time.
        coordinates: the new coordinates in order; left out, the order of the keys or, for {x: exp(y)}, by name.
        inverse: for a mapping from the old ones, old -> expression in the new; left out, it is solved for.
        budget: seconds for the whole call.

    Returns:
        CoordinateChange. A domain is carried over where every new coordinate is a monotone function of one old one,
        free of time; else the new equation states none.

    Raises:
        InvalidEquation: the number of coordinates differs, the map is singular, or its inverse is not unique.
    """
    budget = Budget.of(budget)
    old = equation.coordinates
    mapping = {k: sympy.sympify(v, strict=True) for k, v in mapping.items()}
    if isinstance(coordinates, Symbol):
        coordinates = (coordinates,)
    if set(mapping) == set(old):
        backward = {x: mapping[x] for x in old}
        new = _new_coordinates(equation, backward, coordinates)
        drift, diffusion = _from_inverse(equation, backward, new)
    elif set(mapping) & set(old):
        raise InvalidEquation(
            f"the keys {list(mapping)} mix old and new coordinates; give all of {list(old)} in terms of the new ones, "
            "or every new one in terms of the old"
        )
    else:
        new = tuple(coordinates) if coordinates is not None else tuple(mapping)
        if set(new) != set(mapping) or len(new) != len(old):
            raise InvalidEquation(f"{len(old)} coordinates need {len(old)} new ones, given {list(mapping)}")
        if inverse is None:
            backward = _inverted(equation, mapping, new, budget)
        else:
            backward = {x: sympy.sympify(inverse[x], strict=True) for x in old}
            _check_inverse(mapping, backward, budget)
            if equation.domain is not None and not _undoes(backward, mapping, equation.domain):
                raise InvalidEquation(
                    f"the inverse {backward} does not lead back to all of the domain {equation.domain}"
                )
        drift, diffusion = _from_forward(equation, mapping, backward, new)
    drift = [_simplified(e, budget) for e in drift]
    diffusion = diffusion.applyfunc(lambda e: _simplified(e, budget))
    domain = None
    if equation.domain is not None:
        domain = budget.attempt("domain", _carried, equation, mapping, backward, new, share=0.5)
    changed = FokkerPlanck(new, drift, diffusion, equation.time, domain)
    return CoordinateChange(changed, tuple(backward.items()))


def change_time(equation: FokkerPlanck, time: Symbol, old: Any) -> FokkerPlanck:
    """The equation in the time s, where t = old(s) increases: drift and diffusion times dt/ds.

    Raises:
        InvalidEquation: t decreases with s, so that the diffusion would run backwards.
    """
    old = sympy.sympify(old, strict=True)
    rate = sympy.diff(old, time)
    if rate == 0:
        raise InvalidEquation(f"t = {old} does not depend on the new time {time}")
    if rate.is_negative:
        raise InvalidEquation(
            f"t = {old} decreases with {time}, so the diffusion would be negative; a diffusion run backwards is no "
            "Fokker-Planck equation"
        )
    swap = {equation.time: old}
    drift, diffusion = (
        m.subs(swap).applyfunc(lambda e: sympy.simplify(rate * e)) for m in (equation.drift, equation.diffusion)
    )
    return FokkerPlanck(equation.coordinates, drift, diffusion, time, equation.domain)


def _from_forward(
    equation: FokkerPlanck, forward: Mapping[Symbol, Expr], backward: Mapping[Symbol, Expr], new: tuple[Symbol, ...]
) -> tuple[list[Expr], ImmutableMatrix]:
    x = equation.coordinates
    f = [forward[y] for y in new]
    drift = [sympy.diff(e, equation.time) + equation.generator(e) for e in f]
    jacobian = ImmutableMatrix([[sympy.diff(e, s) for s in x] for e in f])
    diffusion = jacobian * equation.diffusion * jacobian.T
    if sympy.simplify(jacobian.det()) == 0:
        raise InvalidEquation(f"the new coordinates {list(new)} depend on each other: the Jacobian vanishes")
    return (
        [e.subs(backward, simultaneous=True) for e in drift],
        diffusion.subs(list(backward.items()), simultaneous=True),
    )


def _from_inverse(
    equation: FokkerPlanck, backward: Mapping[Symbol, Expr], new: tuple[Symbol, ...]
) -> tuple[list[Expr], ImmutableMatrix]:
    x, n = equation.coordinates, range(equation.dimension)
    g = [backward[s] for s in x]
    jacobian = ImmutableMatrix([[sympy.diff(e, y) for y in new] for e in g])
    if sympy.simplify(jacobian.det()) == 0:
        raise InvalidEquation(f"the map to {list(new)} is singular: its Jacobian vanishes")
    inverse = jacobian.inv().applyfunc(sympy.simplify)
    mu = equation.drift.subs(backward, simultaneous=True)
    d = equation.diffusion.subs(backward, simultaneous=True)
    diffusion = inverse * d * inverse.T
    moved = ImmutableMatrix(
        len(g), 1, [mu[c] - sympy.diff(g[c], equation.time) for c in n]
    )  # mu^c - d_t g^c - D'^bd d_b d_d g^c, then pulled back by the inverse Jacobian
    bend = ImmutableMatrix(
        len(g), 1, [sympy.Add(*(diffusion[b, e] * sympy.diff(g[c], new[b], new[e]) for b in n for e in n)) for c in n]
    )
    return list(inverse * (moved - bend)), diffusion


def _new_coordinates(
    equation: FokkerPlanck, backward: Mapping[Symbol, Expr], coordinates: Sequence[Symbol] | None
) -> tuple[Symbol, ...]:
    if coordinates is not None:
        new = tuple(coordinates)
    else:
        free = set().union(*(e.free_symbols for e in backward.values()))
        free -= {equation.time, *equation.parameters, *equation.coordinates}
        new = tuple(sorted(free, key=lambda s: s.name))
    if len(new) != equation.dimension:
        raise InvalidEquation(
            f"{equation.dimension} coordinates need {equation.dimension} new ones, found {list(new)}; "
            "name them with coordinates=(..)"
        )
    return new


def _check_inverse(forward: Mapping[Symbol, Expr], backward: Mapping[Symbol, Expr], budget: Budget) -> None:
    """Refuse an inverse that fits in neither order: of angles, say, one order holds on a branch only."""
    for first, second in ((forward, backward), (backward, forward)):
        back = [e.subs(second, simultaneous=True) - s for s, e in first.items()]
        fits = [budget.attempt("inverse", sympy.simplify, e, share=0.2) for e in back]
        if all(f == 0 for f in fits):
            return
    raise InvalidEquation(f"the inverse {backward} does not undo the map {forward}")


def _inverted(
    equation: FokkerPlanck, forward: Mapping[Symbol, Expr], new: tuple[Symbol, ...], budget: Budget
) -> dict[Symbol, Expr]:
    old = equation.coordinates
    system = [sympy.Eq(forward[y], y) for y in new]
    found = budget.attempt("solve for the old coordinates", lambda: sympy.solve(system, old, dict=True), share=0.7)
    kept = []
    for solution in found or []:
        if set(solution) != set(old) or any(e.has(*old) for e in solution.values()):
            continue
        if any(e.is_real is False for e in solution.values()):
            continue
        if any(s.is_positive and e.is_nonpositive for s, e in solution.items()):
            continue
        fits = all(sympy.simplify(forward[y].subs(solution, simultaneous=True) - y) == 0 for y in new)
        if fits if equation.domain is None else _undoes(solution, forward, equation.domain):
            kept.append(solution)
    if len(kept) != 1:
        what = "no inverse was found" if not kept else f"{len(kept)} inverses were found: {kept}"
        raise InvalidEquation(f"{what} of {forward}; give inverse={{old: expression in the new ones}}")
    return {s: sympy.simplify(kept[0][s]) for s in old}


def _places(limits: Limits) -> list[dict[Symbol, Expr]]:
    """Points inside limits without symbols, in three places of each."""
    points = []
    for share in (Rational(2, 9), Rational(1, 2), Rational(8, 9)):
        point = {}
        for s, a, b in limits:
            if a.is_infinite and b.is_infinite:
                point[s] = 7 * share - 3
            elif a.is_infinite or b.is_infinite:
                point[s] = a + 3 * share if b.is_infinite else b - 3 * share
            else:
                point[s] = a + share * (b - a)
        points.append(point)
    return points


def _undoes(solution: Mapping[Symbol, Expr], forward: Mapping[Symbol, Expr], limits: Limits) -> bool:
    """Whether the inverse leads back to points inside the domain, as far as they are numbers."""
    for point in _places(limits):
        image = {y: f.subs(point, simultaneous=True) for y, f in forward.items()}
        for s, e in solution.items():
            gap = sympy.N(e.subs(image, simultaneous=True) - point[s], 20)
            if gap.is_number and not abs(gap) < 1e-12:
                return False
    return True


def _carried(
    equation: FokkerPlanck, mapping: Mapping[Symbol, Expr], backward: Mapping[Symbol, Expr], new: tuple[Symbol, ...]
) -> Limits | None:
    """The domain of the new coordinates; None where one of them is no monotone function of one old coordinate."""
    ends = {s: (a, b) for s, a, b in equation.domain}
    old = equation.coordinates
    found = []
    for y in new:
        if y in mapping:
            forward = mapping[y]
        else:
            inside = [s for s in old if backward[s].has(y)]
            if len(inside) != 1 or set(backward[inside[0]].free_symbols) & (set(new) - {y}):
                return None
            x = inside[0]
            solutions = sympy.solve(sympy.Eq(backward[x], x), y)
            solutions = [e for e in solutions if e.is_real is not False and _back(e, x, backward[x], y, ends[x])]
            if len(solutions) != 1:
                return None
            forward = solutions[0]
        inside = [s for s in old if forward.has(s)]
        if len(inside) != 1 or forward.has(equation.time):
            return None
        (x,) = inside
        a, b = ends[x]
        if (a.free_symbols | b.free_symbols) & set(old):
            return None
        slopes = [sympy.diff(forward, x).subs(point) for point in _places(((x, a, b),))]
        rising, falling = all(e.is_positive for e in slopes), all(e.is_negative for e in slopes)
        if not (rising or falling) or _turns(forward, x, a, b):
            return None
        low, high = (sympy.limit(forward, x, e, side) for e, side in ((a, "+"), (b, "-")))
        if low.has(sympy.Limit, sympy.AccumBounds, sympy.nan) or high.has(sympy.Limit, sympy.AccumBounds, sympy.nan):
            return None
        found.append((y, low, high) if rising else (y, high, low))
    return tuple(found)


def _turns(forward: Expr, x: Symbol, a: Expr, b: Expr) -> bool:
    """Whether the slope is known to vanish inside (a, b)."""
    slope = sympy.diff(forward, x)
    if slope.free_symbols != {x} or a.free_symbols | b.free_symbols:
        return False
    plain = sympy.Dummy(x.name, real=True)
    try:
        zeros = sympy.solveset(slope.subs(x, plain), plain, sympy.Interval.open(a, b))
    except (NotImplementedError, ValueError):
        return False
    return isinstance(zeros, sympy.FiniteSet) and not zeros.is_empty


def _back(forward: Expr, x: Symbol, backward: Expr, y: Symbol, ends: tuple[Expr, Expr]) -> bool:
    """Whether y = forward(x) undoes x = backward(y) inside the domain and fits what y is declared to be."""
    for point in _places(((x, *ends),)):
        value = sympy.N(forward.subs(point), 20)
        if (y.is_positive and not value.is_positive) or abs(sympy.N(backward.subs(y, value) - point[x])) > 1e-12:
            return False
    return True


def _simplified(expression: Expr, budget: Budget) -> Expr:
    short = budget.attempt("simplify", lambda: sympy.simplify(expression), share=0.3)
    return expression if short is None else short
