"""The factors of a product as they are printed: signs, differences in natural order, roots drawn together."""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Add, Expr, Integer, Mul, Number, Pow, Rational, S, Symbol

from symrg.typesetting.names import is_greek
from symrg.typesetting.order import leads_negative, turns_well

HALF = Rational(1, 2)


def keeps_its_form(expr: Mul) -> bool:
    """Whether the product was built unevaluated, so that its factors are to be shown as given."""
    args = expr.args
    return args[0] is S.One or any(isinstance(a, Number) for a in args[1:])


def split_product(expr: Expr) -> tuple[Any, list[tuple[Expr, Expr]]]:
    """The number in front, and the remaining factors as (base, exponent)."""
    coefficient, factors = S.One, []
    for factor in expr.as_ordered_factors():
        if isinstance(factor, Number) and factor is not S.Infinity and factor is not S.NegativeInfinity:
            coefficient *= Integer(int(factor)) if factor.is_Float and float(factor).is_integer() else factor
        elif isinstance(factor, sympy.exp):
            factors.append((S.Exp1, factor.exp))  # exp(x), or E**x kept as printed
        else:
            base, exponent = factor.as_base_exp() if isinstance(factor, Pow) else (factor, S.One)
            if isinstance(base, Add) and exponent in (1, -1) and not base.has(sympy.Float):
                content, base = base.primitive()
                coefficient *= content**exponent
            factors.append((base, exponent))
    return coefficient, factors


def negative_exponent(exponent: Expr) -> bool:
    """Whether a power with this exponent stands below the bar."""
    if exponent.is_Rational:
        return bool(exponent.is_negative)
    return isinstance(exponent, Mul) and bool(exponent.args[0].is_Rational and exponent.args[0].is_negative)


def orientation(add: Add, even: bool = False) -> int:
    """+1 where the sum reads well as it is, -1 where its negative reads better, 0 where neither is natural."""
    negative = [t for t in add.args if leads_negative(t)]
    positive = [t for t in add.args if not leads_negative(t)]
    if not negative:
        return 1
    if not positive:
        return -1
    if len(add.args) != 2:
        return (1 if len(positive) >= len(negative) else -1) if even else 0
    ours, theirs = positive[0].free_symbols, negative[0].free_symbols
    if not ours or not theirs:
        return 0
    return 1 if min(map(precedes, ours)) <= min(map(precedes, theirs)) else -1


def precedes(symbol: Symbol) -> tuple[bool, str]:
    """Data, which carry Latin letters, stand before parameters, which carry Greek ones."""
    return is_greek(symbol.name), symbol.name


def oriented(negative: bool, factors: list[tuple[Expr, Expr]]) -> tuple[bool, list[tuple[Expr, Expr]]]:
    """Turn differences among the factors round where that saves a minus sign or reads better."""

    def candidates(wanted: int) -> list[int]:
        return [
            i
            for i, (base, exponent) in enumerate(factors)
            if isinstance(base, Add) and exponent.is_Integer and exponent % 2 == 1 and orientation(base) == wanted
        ]

    def turn(i: int) -> None:
        base, exponent = factors[i]
        factors[i] = (Add(*[-term for term in base.args]), exponent)

    factors = list(factors)
    unnatural = candidates(-1)
    if len(unnatural) % 2 != negative:  # an odd one out: turning it round would bring a minus sign
        unnatural = unnatural[:-1]
    for i in unnatural:
        turn(i)
        negative = not negative
    if negative:
        for i in [i for i in candidates(0) if turns_well(*factors[i])][:1]:
            turn(i)
            negative = False
    return negative, factors


def joined_roots(factors: list[tuple[Expr, Expr]]) -> list[tuple[Expr, Expr]]:
    """One root for all square roots of what is known not to be negative: sqrt(2) sqrt(pi) = sqrt(2 pi)."""
    roots = [base for base, exponent in factors if exponent == HALF and base.is_nonnegative]
    if len(roots) < 2:
        return factors
    rest = [f for f in factors if not (f[1] == HALF and f[0].is_nonnegative)]
    return [(Mul(*roots), HALF), *rest]


def nests_exponentials(exponent: Expr) -> bool:
    """Whether an exponent holds a power with a symbol in its exponent, so that exp() reads better than e^."""
    return any(not p.exp.is_number for p in exponent.atoms(sympy.exp, Pow))
