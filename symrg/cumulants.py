"""Connected moments of a model, to any order and in several variables, and whether their series ends.

The cumulants kappa_a are the Taylor coefficients of K(t) = ln E[exp(t . y)], moments those of exp K. A polynomial K
has degree two at most (Marcinkiewicz 1939; Lukacs, Characteristic Functions, 1970, theorem 7.3.3): one non-zero
cumulant beyond the second proves that infinitely many are not zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import product
from math import comb
from typing import Any

import sympy as sp
from sympy import S

from symrg.budget import Budget
from symrg.errors import InvalidModel, NoClosedForm
from symrg.short_form import short_form
from symrg.typesetting import Typeset, latex

Limit = float | Budget | None
Index = tuple[int, ...]


def cumulants_from_moments(moments: Sequence[Any] | Mapping[Index, Any]) -> Any:
    """Cumulants of the same orders.

    Args:
        moments: [E[y], E[y^2], ..] for one variable, or {(i, j, ..): E[y_1^i y_2^j ..]} with every index below each.

    Returns:
        A list or a dict of the same shape.
    """
    return _convert(moments, to_cumulants=True)


def moments_from_cumulants(cumulants: Sequence[Any] | Mapping[Index, Any]) -> Any:
    """Moments of the same orders; the inverse of `cumulants_from_moments`."""
    return _convert(cumulants, to_cumulants=False)


def _convert(given: Any, to_cumulants: bool) -> Any:
    if not isinstance(given, Mapping):
        listed = {(k + 1,): sp.sympify(m, strict=True) for k, m in enumerate(given)}
        result = _convert(listed, to_cumulants)
        return [result[k] for k in sorted(listed)]
    table: dict[Index, sp.Expr] = {tuple(k): sp.sympify(v, strict=True) for k, v in given.items()}
    lengths = {len(k) for k in table}
    if len(lengths) != 1:
        raise InvalidModel(f"multi-indices must have one length; given {sorted(table)}")
    zero = (0,) * lengths.pop()
    table.pop(zero, None)
    moments: dict[Index, sp.Expr] = {zero: S.One}
    cumulants: dict[Index, sp.Expr] = {}
    for index in sorted(table, key=lambda i: (sum(i), i)):
        # m_a = sum_{b <= a - e} C(a - e, b) kappa_{b + e} m_{a - e - b}, e the first direction that occurs in a
        e = next(k for k, n in enumerate(index) if n)
        lowered = tuple(n - (k == e) for k, n in enumerate(index))
        rest = S.Zero
        for b in product(*(range(n + 1) for n in lowered)):
            if b == lowered:
                continue
            weight = sp.prod([comb(n, k) for n, k in zip(lowered, b)])
            step = tuple(n + (k == e) for k, n in enumerate(b))
            left = tuple(n - k for n, k in zip(lowered, b))
            if step not in cumulants or left not in moments:
                raise InvalidModel(f"index {index} needs {step} and {left}: give every index below it too")
            rest += weight * cumulants[step] * moments[left]
        if to_cumulants:
            moments[index], cumulants[index] = table[index], sp.expand(table[index] - rest)
        else:
            cumulants[index], moments[index] = table[index], sp.expand(table[index] + rest)
    values = cumulants if to_cumulants else moments
    return {k: values[k] for k in table}


def moment(model: Any, index: int | Index, budget: Limit = None) -> sp.Expr:
    """E[y_1^i y_2^j ..].

    Raises:
        NoClosedForm: it has none within the budget, or does not exist: where every power is even, a value that is
            not positive is an analytic continuation and no moment.
    """
    powers = _index(model, index)
    value = model.expectation(sp.prod([y**n for y, n in zip(model.sample, powers)]), budget=Budget.of(budget))
    if all(n % 2 == 0 for n in powers) and not value.is_positive:
        from symrg.expectation.numeric import number

        if any(number(value, p) < 0 for p in model.interior_points(2)):
            raise NoClosedForm(f"the moment {powers} does not exist: the integral diverges")
    return value


def cumulant(model: Any, index: int | Index, budget: Limit = None) -> sp.Expr:
    """The connected moment of a multi-index, e.g. (2, 1) for <y_1 y_1 y_2>_c; an int for one variable."""
    powers = _index(model, index)
    left = Budget.of(budget)
    below = [b for b in product(*(range(n + 1) for n in powers)) if sum(b)]
    table = cumulants_from_moments({b: moment(model, b, left) for b in below})
    return short_form(table[powers])


def cumulants(model: Any, order: int, budget: Limit = None) -> dict[Index, sp.Expr]:
    """All connected moments up to an order, by multi-index."""
    left = Budget.of(budget)
    n = len(model.sample)
    below = [b for b in product(range(order + 1), repeat=n) if 0 < sum(b) <= order]
    table = cumulants_from_moments({b: moment(model, b, left) for b in below})
    return {b: short_form(value) for b, value in table.items()}


def generating_function(model: Any, sources: Sequence[sp.Symbol], budget: Limit = None) -> sp.Expr:
    """K(t) = ln E[exp(t . y)], the generating function of the connected moments.

    Raises:
        NoClosedForm: none within the budget, or the expectation is infinite for every t != 0.
    """
    exponent = sp.Add(*(t * y for t, y in zip(sources, model.sample)))
    return short_form(sp.expand_log(sp.log(model.expectation(sp.exp(exponent), budget=Budget.of(budget))), force=False))


def _index(model: Any, index: int | Index) -> Index:
    powers = (index,) if isinstance(index, int) else tuple(index)
    if len(powers) != len(model.sample) or min(powers) < 0 or sum(powers) == 0:
        raise InvalidModel(f"the index {index} must hold a count for each of {tuple(model.sample)}, not all zero")
    return powers


class Ending(Enum):
    """Whether the series of cumulants ends."""

    ENDS = "ends"
    NEVER = "never ends"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class SeriesEnd(Typeset):
    """The decision whether a model has finitely many connected moments.

    Attributes:
        ending: the decision.
        reason: the ground for it, with the theorem or the moment that decides.
        last: the order of the last non-zero cumulant where the series ends, else None.
        witness: index and value of a cumulant beyond the second that is not zero, where that decides.
    """

    ending: Ending
    reason: str
    last: int | None = None
    witness: tuple[Index, sp.Expr] | None = None

    def latex(self) -> str:
        """LaTeX of the deciding cumulant, or of the reason."""
        if self.witness is None:
            return rf"\text{{{self.reason}}}"
        index, value = self.witness
        return rf"\kappa_{{{','.join(map(str, index))}}} = {latex(value)} \neq 0"


def series_end(model: Any, order: int = 4, budget: Limit = None) -> SeriesEnd:
    """Whether the connected moments of a model end at a finite order.

    A log-density that is a quadratic polynomial on all of R^n is normal: the series ends with order 2. Else one
    non-zero cumulant of order 3 or more proves that it never ends. Where all computed ones vanish, nothing is
    proved and the answer is undecided; so it is where the moments do not exist or have no closed form.

    Args:
        model: the statistical model.
        order: up to which cumulants are computed.
        budget: seconds, for the whole call.
    """
    if _is_normal(model):
        return SeriesEnd(Ending.ENDS, "the log-density is a quadratic polynomial on all of R^n: a normal law", 2)
    left = Budget.of(budget)
    n = len(model.sample)
    if n == 1 and not model.axes[0].discrete and model.axes[0].lower == model.axes[0].upper:
        return SeriesEnd(Ending.ENDS, "a single point", 1)
    known: dict[Index, sp.Expr] = {}
    for total in range(1, order + 1):
        for b in (i for i in product(range(total + 1), repeat=n) if sum(i) == total):
            try:
                known[b] = moment(model, b, left)
            except NoClosedForm as e:
                return SeriesEnd(Ending.UNDECIDED, f"the moment {b} has no closed form, or does not exist: {e}")
        if total < 3:
            continue
        table = cumulants_from_moments(known)
        for b, value in table.items():
            if sum(b) == total and _differs_from_zero(value, model):
                reason = (
                    f"the cumulant of index {b} is not zero, and a polynomial of degree {total} or more is excluded"
                )
                return SeriesEnd(Ending.NEVER, f"{reason} (Marcinkiewicz 1939)", None, (b, short_form(value)))
    return SeriesEnd(
        Ending.UNDECIDED, f"all cumulants of orders 3 to {order} vanish; that proves nothing about higher ones"
    )


def _is_normal(model: Any) -> bool:
    from symrg.expectation.gaussian import structure

    return structure(model.log_density, model.axes) is not None


def _differs_from_zero(value: sp.Expr, model: Any) -> bool:
    from symrg.expectation.numeric import number

    points = model.interior_points(3)
    values = [number(value, p) for p in points]
    return any(v == v and abs(v) > 1e-9 * (1 + abs(v)) for v in values) and sp.simplify(value) != 0


def effective_order(values: Mapping[int, Any] | Sequence[Any], tolerance: float) -> int:
    """The effective number of cumulants: the least N such that those beyond N matter less than the tolerance.

    The terms of K(t) are compared at one standard deviation, t = 1/sigma: kappa_n / (n! sigma^n), with
    sigma^2 = kappa_2. N is the least order with |sum over n > N| of the absolute terms given at most `tolerance`.

    Args:
        values: numeric cumulants kappa_1, kappa_2, .. (a sequence, or by order); only these are judged.
        tolerance: positive.

    Raises:
        InvalidModel: kappa_2 is missing or not positive, or the last term given still exceeds the tolerance.
    """
    table = dict(values) if isinstance(values, Mapping) else {k + 1: v for k, v in enumerate(values)}
    numbers = {n: float(sp.N(v)) for n, v in table.items()}
    if not numbers.get(2, 0) > 0:
        raise InvalidModel(f"kappa_2 must be given and positive; given {numbers.get(2)}")
    if not tolerance > 0:
        raise InvalidModel(f"the tolerance must be positive, given {tolerance}")
    sigma = numbers[2] ** 0.5
    terms = {n: abs(k) / (float(sp.factorial(n)) * sigma**n) for n, k in numbers.items() if n > 2}
    highest = max(numbers)
    if terms.get(highest, 0.0) > tolerance:
        raise InvalidModel(
            f"the term of order {highest} is {terms[highest]:.3g}, above the tolerance {tolerance:g}: "
            "give more cumulants"
        )
    tail, last = 0.0, highest
    for n in range(highest, 1, -1):
        tail += terms.get(n, 0.0)
        if n == 2 or tail > tolerance:
            return last if tail > tolerance else 2
        last = n - 1
    return 2
