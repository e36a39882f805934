"""Random symbols of `sympy.stats` as log-density, sample and support; the border to that package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy
from sympy import S
from sympy.core.relational import Relational

from symrg.errors import InvalidModel
from symrg.expectation.density import split_logarithms


def read_random_symbol(
    variable: Any, sample: sympy.Symbol | Sequence[sympy.Symbol] | None = None
) -> tuple[sympy.Expr, tuple[sympy.Symbol, ...], Any]:
    """log-density, sample and support of a random symbol.

    Raises:
        InvalidModel: not a random symbol, or a density or support that cannot be had.
    """
    try:
        found = _read(variable, sample)
    except (TypeError, ValueError, NotImplementedError, AttributeError, LookupError) as e:
        if isinstance(e, InvalidModel):
            raise
        raise InvalidModel(f"sympy.stats gives no density for {variable}: {e}") from e
    if found[0].has(sympy.Integral, sympy.Sum):
        raise InvalidModel(
            f"sympy.stats leaves an integral in the density of {variable}; write the joint density as a "
            "StatisticalModel and take its marginal(..)"
        )
    return found


def _read(
    variable: Any, sample: sympy.Symbol | Sequence[sympy.Symbol] | None
) -> tuple[sympy.Expr, tuple[sympy.Symbol, ...], Any]:
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
    return _plain_log(density), (symbol,), _where_it_lives(density, symbol, distribution.set)


def _where_it_lives(density: Any, y: sympy.Symbol, given: sympy.Set) -> sympy.Set:
    """The support, with the ends that the density's own condition states where it states any.

    SymPy's set and its density differ at times: a Frechet variable of location m lives on (m, oo), its set is (0, oo).
    """
    if not isinstance(density, sympy.Piecewise) or not isinstance(given, sympy.Interval):
        return given
    live = [c for v, c in density.args if v != 0]
    relations = live[0].args if len(live) == 1 and isinstance(live[0], sympy.And) else live
    if len(live) != 1 or not all(isinstance(r, (sympy.Gt, sympy.Ge, sympy.Lt, sympy.Le)) for r in relations):
        return given
    lower, upper = given.start, given.end
    for relation in relations:
        if relation.gts == y and not relation.lts.has(y):
            lower = relation.lts
        elif relation.lts == y and not relation.gts.has(y):
            upper = relation.gts
        else:
            return given
    return sympy.Interval(lower, upper)


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
        table = {v: _probability(distribution, v) for v in values}
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


def _probability(distribution: Any, value: sympy.Expr) -> sympy.Expr:
    given = sympy.sympify(distribution.pmf(value))
    return given(value) if isinstance(given, sympy.Lambda) else given


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
    density = distribution.pdf(*sample)
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
    return _in_terms(sympy.log(density))


def _in_terms(logarithm: sympy.Expr) -> sympy.Expr:
    """The logarithm as a sum, where every factor under it is positive; else as it is.

    Splitting is only a rewriting where all the factors are positive on the support, which the check by quadrature
    that follows shows: a factor that is negative somewhere leaves no real density there.
    """
    if logarithm.has(sympy.Piecewise, sympy.Abs):
        return logarithm
    split = split_logarithms(logarithm.rewrite(sympy.gamma) if logarithm.has(sympy.beta) else logarithm)
    return split.replace(
        lambda e: isinstance(e, sympy.log) and isinstance(e.args[0], (sympy.gamma, sympy.factorial, sympy.binomial)),
        lambda e: _log_gammas(e.args[0]),
    )


def _log_gammas(node: sympy.Expr) -> sympy.Expr:
    if isinstance(node, sympy.gamma):
        return sympy.loggamma(node.args[0])
    if isinstance(node, sympy.factorial):
        return sympy.loggamma(node.args[0] + 1)
    n, k = node.args
    return sympy.loggamma(n + 1) - sympy.loggamma(k + 1) - sympy.loggamma(n - k + 1)
