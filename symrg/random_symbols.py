"""Random symbols of `sympy.stats` as log-density, sample and support; the border to that package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy
from sympy import S
from sympy.core.relational import Relational

from symrg.errors import InvalidModel


def read_random_symbol(
    variable: Any, sample: sympy.Symbol | Sequence[sympy.Symbol] | None = None
) -> tuple[sympy.Expr, tuple[sympy.Symbol, ...], Any]:
    """log-density, sample and support of a random symbol.

    Raises:
        InvalidModel: not a random symbol, or a density or support that cannot be had.
    """
    from sympy.stats.rv import RandomSymbol

    if not isinstance(variable, RandomSymbol):
        raise InvalidModel(f"expected a random symbol of sympy.stats, given {type(variable).__name__}")
    space = variable.pspace
    distribution = getattr(space, "distribution", None)
    if distribution is None:
        raise InvalidModel(f"{variable} has no distribution of its own (a compound or a function of random symbols)")
    name = str(variable)
    given = tuple(sample) if isinstance(sample, (list, tuple)) else (() if sample is None else (sample,))
    if space.is_Finite:
        return _finite(distribution, given or (sympy.Symbol(name, real=True),))
    if hasattr(distribution, "set") and _is_joint(space):
        return _joint(distribution, name, given)
    symbol = given[0] if given else sympy.Symbol(name, **({"integer": True} if space.is_Discrete else {"real": True}))
    density = distribution.pdf(symbol)
    return _plain_log(density), (symbol,), distribution.set


def _is_joint(space: Any) -> bool:
    from sympy.stats.joint_rv import JointPSpace

    return isinstance(space, JointPSpace)


def _finite(distribution: Any, sample: tuple[sympy.Symbol, ...]) -> tuple[sympy.Expr, tuple[sympy.Symbol, ...], Any]:
    """A finite distribution; a symbolic number of points is a Range."""
    (old,) = sample
    points = distribution.set
    low, high = getattr(distribution, "low", None), getattr(distribution, "high", None)
    if isinstance(points, (sympy.FiniteSet, set, frozenset, tuple, list)):
        values = sorted(map(sympy.sympify, points), key=sympy.default_sort_key)
        table = {v: distribution.pmf(v) for v in values}
        if not all(v.is_number for v in values):
            raise InvalidModel("a finite distribution on symbols has no numerical sample")
        *first, last = values
        density = sympy.Piecewise(*((table[v], sympy.Eq(old, v)) for v in first), (table[last], True))
        return sympy.log(density), sample, sympy.FiniteSet(*values)
    if low is None or high is None:
        raise InvalidModel(f"the points of {distribution} cannot be listed")
    symbol = sympy.Symbol(old.name, integer=True)
    density = distribution.pmf(symbol)
    return _plain_log(density), (symbol,), sympy.Range(low, high + 1)


def _joint(
    distribution: Any, name: str, given: tuple[sympy.Symbol, ...]
) -> tuple[sympy.Expr, tuple[sympy.Symbol, ...], Any]:
    sets = distribution.set.args if isinstance(distribution.set, sympy.ProductSet) else [distribution.set]
    discrete = [bool(getattr(s, "is_iterable", False)) and not isinstance(s, sympy.Interval) for s in sets]
    sample = given or tuple(
        sympy.Symbol(f"{name}_{i}", **({"integer": True} if d else {"real": True}))
        for i, d in enumerate(discrete, start=1)
    )
    if len(sample) != len(sets):
        raise InvalidModel(f"{name} has {len(sets)} coordinates, {len(sample)} symbols are given")
    try:
        density = distribution.pdf(*sample)
    except (TypeError, ValueError, NotImplementedError, AttributeError) as e:
        raise InvalidModel(f"sympy.stats gives no density for {name}: {e}") from e
    support = tuple(S.Reals if isinstance(s, sympy.FiniteSet) is False and s == S.Reals else s for s in sets)
    return _plain_log(density), sample, support


def _plain_log(density: sympy.Expr) -> sympy.Expr:
    """ln of a density whose Piecewise says where the support is; the support is kept apart."""
    if isinstance(density, sympy.MatrixBase):
        density = density[0]
    density = density.doit() if density.has(sympy.Integral, sympy.Sum) else density
    if isinstance(density, sympy.Piecewise):
        live = [(v, c) for v, c in density.args if v != 0]
        if len(live) == 1 and (live[0][1] is S.true or isinstance(live[0][1], (Relational, sympy.And, sympy.Contains))):
            density = live[0][0]
    return sympy.log(density)
