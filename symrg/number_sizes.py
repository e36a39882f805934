"""How large the numbers of a formula are, so that a short text can't ask for a long computation."""

from __future__ import annotations

from typing import Any

import sympy as sp


def bits(value: Any) -> int:
    """Size of a number in bits; 0 for what is not a rational number."""
    if not getattr(value, "is_Rational", False):
        return 0
    return max(abs(value.p).bit_length(), value.q.bit_length())


def magnitude(value: Any) -> float | None:
    """Rough size of a constant, None for what isn't one; its parts have been bounded before."""
    if not getattr(value, "is_number", False):
        return None
    if value.is_Rational:
        if abs(value.p).bit_length() - value.q.bit_length() > 300:
            return float("inf")
        return abs(float(value))
    try:
        size = abs(complex(value.evalf(5)))
    except (TypeError, ValueError, ArithmeticError):
        return None if value in (sp.oo, -sp.oo) else float("inf") if value.is_infinite else None
    return size


def short(value: Any) -> str:
    """The value for a message, cut to 40 characters."""
    if bits(value) > 200:
        return f"a number of {int(bits(value) * 0.301) + 1} digits"
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."
