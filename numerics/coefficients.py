"""Drift and diffusion of an equation as compiled functions, evaluated on grids and checked.

What the flux b p - D grad p needs are b^i = mu^i - d_j D^ij and D^ij. Symbolic work is done once for an equation and
kept; an evaluation calls compiled functions only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy

from symrg.errors import InvalidEquation
from symrg.fokker_planck import FokkerPlanck


@dataclass(frozen=True, eq=False)
class Component:
    """A group of expressions with one compiled function.

    Attributes:
        expressions: what is evaluated.
        coordinates: of the equation.
        depends: for each coordinate, whether any of the expressions contains it.
        kernel: compiled function of the coordinates, the time and the parameters.
    """

    expressions: tuple[sympy.Expr, ...]
    coordinates: tuple[sympy.Symbol, ...]
    depends: tuple[bool, ...]
    kernel: Any


@dataclass(frozen=True, eq=False)
class Coefficients:
    """The compiled coefficients of one equation.

    Attributes:
        equation: the equation.
        parameters: what the compiled functions take after coordinates and time.
        diagonal: whether the diffusion matrix is diagonal.
        degenerate: for each axis, whether D^kk is identically zero.
        separable: whether the generator is a sum of one-dimensional ones.
        axes: (b^k, D^kk) for each axis, where the matrix is diagonal.
        full: b^1.. and D^ij for i <= j, where it is not.
    """

    equation: FokkerPlanck
    parameters: tuple[sympy.Symbol, ...]
    diagonal: bool
    degenerate: tuple[bool, ...]
    separable: bool
    autonomous: bool
    axes: tuple[Component, ...]
    full: tuple[Component, Component] | None


@lru_cache(maxsize=64)
def coefficients_of(equation: FokkerPlanck) -> Coefficients:
    """Compile the coefficients of an equation (kept for the life of the process)."""
    n = equation.dimension
    x, D = equation.coordinates, equation.diffusion
    b = [
        equation.drift[i] - sympy.Add(*(sympy.diff(D[i, j], x[j]) for j in range(n) if D[i, j].has(x[j])))
        for i in range(n)
    ]
    diagonal = all(D[i, j] == 0 for i in range(n) for j in range(i))
    depends = [[any(e.has(c) for e in (b[i], D[i, i])) for c in x] for i in range(n)]
    axes: tuple[Component, ...] = ()
    full = None
    if diagonal:
        axes = tuple(_component((b[k], D[k, k]), equation) for k in range(n))
    else:
        full = (
            _component(tuple(b), equation),
            _component(tuple(D[i, j] for i in range(n) for j in range(i, n)), equation),
        )
    return Coefficients(
        equation,
        equation.parameters,
        diagonal,
        tuple(D[k, k] == 0 for k in range(n)),
        diagonal and not any(depends[i][j] for i in range(n) for j in range(n) if i != j),
        equation.autonomous,
        axes,
        full,
    )


def central_components(equation: FokkerPlanck) -> Component:
    """mu^1.., then D^ij for i <= j, as one compiled function."""
    return _central(equation)


@lru_cache(maxsize=64)
def _central(equation: FokkerPlanck) -> Component:
    n = equation.dimension
    return _component((*equation.drift, *(equation.diffusion[i, j] for i in range(n) for j in range(i, n))), equation)


def _component(expressions: Sequence[sympy.Expr], equation: FokkerPlanck) -> Component:
    arguments = (*equation.coordinates, equation.time, *equation.parameters)
    return Component(
        tuple(expressions),
        equation.coordinates,
        tuple(any(e.has(c) for e in expressions) for c in equation.coordinates),
        compiled(tuple(expressions), arguments),
    )


@lru_cache(maxsize=256)
def compiled(expressions: tuple[sympy.Expr, ...], arguments: tuple[sympy.Symbol, ...]) -> Any:
    """A function of arrays that gives a tuple of arrays."""
    if all(e.is_number and e.is_real for e in expressions):
        numbers = tuple(float(e) for e in expressions)
        return lambda *points: tuple(np.full([1] * np.ndim(points[0]), number) for number in numbers)
    from numerics.codegen import compile as generate

    return generate(list(expressions), list(arguments))


def evaluate(
    component: Component, points: Sequence[np.ndarray], time: float, values: Sequence[float], names: Sequence[str]
) -> list[np.ndarray]:
    """The expressions of a component at points that broadcast; coordinates it does not contain are collapsed.

    Raises:
        InvalidEquation: a value is not finite; the message names the coefficient and the point.
    """
    used = [p if d else p[tuple(slice(0, 1) for _ in p.shape)] for p, d in zip(points, component.depends)]
    with np.errstate(all="ignore"):
        results = component.kernel(*used, time, *values)
    results = [real_values(r, name, e) for r, name, e in zip(results, names, component.expressions)]
    for name, expression, value in zip(names, component.expressions, results):
        if not np.all(np.isfinite(value)):
            where = np.argwhere(~np.isfinite(np.broadcast_to(value, np.broadcast_shapes(*(u.shape for u in used)))))[0]
            at = ", ".join(
                f"{c} = {np.broadcast_to(u, np.broadcast_shapes(*(v.shape for v in used)))[tuple(where)]:.6g}"
                for c, u in zip(component.coordinates, used)
            )
            raise InvalidEquation(
                f"{name} = {expression} is not finite at {at}, time {time:.6g}"
                f"{_listed(values)}; choose a domain or parameter values where the equation is defined"
            )
    return results


def real_values(given: Any, name: str, formula: sympy.Expr) -> np.ndarray:
    """An array of floats; complex numbers are refused, not cut to their real parts.

    Args:
        given: values of a coefficient.
        name: what it is called.
        formula: what was evaluated; printed where it is refused only, which takes longer than evaluating it.

    Raises:
        InvalidEquation: a value has an imaginary part.
    """
    array = np.asarray(given)
    if np.iscomplexobj(array):
        if np.any(array.imag != 0):
            raise InvalidEquation(
                f"{name} = {formula} is complex; drift and diffusion are real: mend the formula or the domain"
            )
        array = array.real
    return np.asarray(array, dtype=float)


def _listed(values: Sequence[float]) -> str:
    return f" and parameter values {tuple(float(v) for v in values)}" if len(values) else ""


def parameter_values(equation: FokkerPlanck, given: Mapping[Any, Any] | None) -> tuple[float, ...]:
    """Numbers for the parameters of an equation, in its order.

    Raises:
        InvalidEquation: a parameter has no value, a value is not a finite real number or breaks the assumptions of its
            symbol, or a name is no parameter of the equation.
    """
    return values_for(equation.parameters, given, "the equation")


def values_for(symbols: Sequence[sympy.Symbol], given: Mapping[Any, Any] | None, what: str) -> tuple[float, ...]:
    """Numbers for symbols from a mapping by Symbol or name."""
    given = dict(given or {})
    found = []
    for symbol in symbols:
        if symbol in given:
            value = given[symbol]
        elif symbol.name in given:
            value = given[symbol.name]
        else:
            raise InvalidEquation(f"{what} contains {symbol}, which has no value: give parameters={{{symbol}: ...}}")
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise InvalidEquation(f"parameter {symbol} is {value!r}; expected a real number") from None
        if not np.isfinite(number):
            raise InvalidEquation(f"parameter {symbol} is {number}; expected a finite number")
        if (
            (symbol.is_positive and not number > 0)
            or (symbol.is_nonnegative and not number >= 0)
            or (symbol.is_negative and not number < 0)
            or (symbol.is_nonpositive and not number <= 0)
        ):
            raise InvalidEquation(f"parameter {symbol} is {number:g}, which breaks the assumptions of its symbol")
        found.append(number)
    return tuple(found)


def check_names(given: Mapping[Any, Any] | None, known: Sequence[sympy.Symbol]) -> None:
    """Refuse values for symbols that nothing contains.

    Raises:
        InvalidEquation: a key is neither a parameter nor the name of one.
    """
    names = {s.name for s in known}
    for key in given or {}:
        if key not in known and not (isinstance(key, str) and key in names):
            raise InvalidEquation(
                f"parameters has a value for {key!r}, which is no parameter here; the parameters are "
                f"{', '.join(sorted(names)) or 'none'}. Symbols with the same name but other assumptions differ"
            )
