r"""The order of the terms of a sum, the same in LaTeX and in the terminal.

Expansions stand by powers of what they expand in: displacements, whose names start with delta. Otherwise SymPy's order
stands, with the first positive term in front, so that a sum does not start with a minus sign where it need not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sympy import Expr, Symbol


def natural_order(terms: Sequence[Expr]) -> list[Expr]:
    """The terms in the order in which they are printed."""
    ordered = list(terms)
    small = {s for t in ordered for s in t.free_symbols if isinstance(s, Symbol) and is_displacement(s.name)}
    if small:
        ordered.sort(key=lambda term: _degree(term, small))
    lead = next((i for i, t in enumerate(ordered) if not leads_negative(t)), 0)
    if small and lead and _degree(ordered[lead], small) != _degree(ordered[0], small):
        lead = 0  # an expansion starts with its lowest power, whatever its sign
    ordered.insert(0, ordered.pop(lead))
    return ordered


def is_displacement(name: str) -> bool:
    r"""Whether a name says that the symbol is small: delta_1, ``\delta\theta^1``, δμ."""
    return name.lstrip("\\").startswith(("delta", "δ"))


def leads_negative(term: Expr) -> bool:
    """Whether the number in front of a term is negative."""
    return bool(term.as_coeff_Mul()[0].is_negative)


def turns_well(base: Expr, exponent: Expr) -> bool:
    """Whether a sum to an odd power may take up a minus sign: where no more of its terms are negative for it.

    Below a bar 1 - p stays as it is and p - 1 is turned round: what stands there is meant to be positive.
    """
    if not exponent.is_positive:
        return base.as_coeff_Add()[0].is_negative is True
    negative = sum(map(leads_negative, base.args))
    return 2 * negative >= len(base.args)


def _degree(term: Expr, small: set[Any]) -> float:
    powers = term.as_powers_dict()
    degree = sum(powers[s] for s in small if s in powers)
    return float(degree) if getattr(degree, "is_number", True) else 0.0
