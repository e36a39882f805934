"""Taylor coefficients of expression trees, by power series of balls: for `checker`, which knows nothing of ours.

A value is h^v times a power series with ball coefficients, so that poles (and expansions at infinity, with h = 1/x)
have their place. What an expression needs beyond that, such as the logarithm of something that vanishes, is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flint import acb, acb_series, ctx

MOST_TERMS = 60


class NoSeries(ValueError):
    """There is no power series here, or no rule for it."""


@dataclass(frozen=True)
class Laurent:
    """h^valuation times a power series, known to `terms` terms."""

    valuation: int
    series: Any
    terms: int

    @classmethod
    def constant(cls, value: acb, terms: int) -> Laurent:
        """A number."""
        return cls(0, acb_series([value], terms), terms)

    def coefficients(self) -> list[acb]:
        """Of h^valuation, h^(valuation + 1), .."""
        found = list(self.series.coeffs()) if callable(self.series.coeffs) else list(self.series.coeffs)
        return [*found, *[acb(0)] * (self.terms - len(found))][: self.terms]

    def trimmed(self) -> Laurent:
        """Without leading coefficients that are exactly zero.

        Raises:
            NoSeries: a leading coefficient is a ball around 0, so that the order isn't known.
        """
        values = self.coefficients()
        for k, value in enumerate(values):
            if value.is_zero():
                continue
            if value.contains(0):
                raise NoSeries("a leading coefficient can't be told from 0")
            return Laurent(self.valuation + k, acb_series(values[k:], self.terms - k), self.terms - k)
        raise NoSeries("every known coefficient is zero")

    def regular(self) -> Any:
        """The power series, from h^0 on.

        Raises:
            NoSeries: it has a pole.
        """
        if self.valuation >= 0:
            return acb_series([acb(0)] * self.valuation + self.coefficients(), self.terms + self.valuation)
        values = self.coefficients()
        if all(v.is_zero() for v in values[: -self.valuation]):
            return acb_series(values[-self.valuation :], self.terms + self.valuation)
        raise NoSeries("a function at its argument's pole")

    def __add__(self, other: Laurent) -> Laurent:
        low = min(self.valuation, other.valuation)
        end = min(self.valuation + self.terms, other.valuation + other.terms)
        if end <= low:
            raise NoSeries("too few terms are known")
        parts = []
        for x in (self, other):
            values = [acb(0)] * (x.valuation - low) + x.coefficients()
            parts.append(acb_series(values[: end - low], end - low))
        return Laurent(low, parts[0] + parts[1], end - low)

    def __mul__(self, other: Laurent) -> Laurent:
        terms = min(self.terms, other.terms)
        return Laurent(self.valuation + other.valuation, self.series * other.series, terms)

    def inverse(self) -> Laurent:
        """One over it."""
        found = self.trimmed()
        return Laurent(-found.valuation, found.series.inv(), found.terms)

    def power(self, p: int, q: int) -> Laurent:
        """To the power p/q.

        Raises:
            NoSeries: a fractional power of h would appear.
        """
        if q == 1:
            base = self if p >= 0 else self.inverse()
            result = Laurent.constant(acb(1), self.terms)
            for bit in bin(abs(p))[2:]:
                result = result * result
                if bit == "1":
                    result = result * base
            return result
        found = self.trimmed()
        if (found.valuation * p) % q:
            raise NoSeries("a fractional power of the variable")
        lead = found.coefficients()[0]
        if found.valuation and not (lead.imag.is_zero() and lead.real > 0):
            raise NoSeries("a root on a branch that isn't known")
        if p * 2 == q:
            root = found.series.sqrt()
        else:
            root = (found.series.log() * acb_series([acb(p) / q], found.terms)).exp()
        return Laurent(found.valuation * p // q, root, found.terms)


_SERIES = {"exp", "log", "sin", "cos", "tan", "atan", "gamma", "erf", "erfc", "erfi"}
_BUILT: dict[str, Callable[[Any], Any]] = {
    "sinh": lambda s: (s.exp() - (-s).exp()) / 2,
    "cosh": lambda s: (s.exp() + (-s).exp()) / 2,
    "tanh": lambda s: ((s * 2).exp() - 1) / ((s * 2).exp() + 1),
    "loggamma": lambda s: s.lgamma(),
    "LambertW": lambda s: s.lambertw(),
}


def expansion(
    tree: list[Any], variable: str, start: Laurent, values: dict[str, acb], number: Callable[[list[Any]], acb]
) -> Laurent:
    """The tree as a series in h.

    Args:
        tree: the expression.
        variable: name of what is expanded in.
        start: the variable as a series in h.
        values: of the other names.
        number: evaluates a tree without the variable.

    Raises:
        NoSeries: no rule, or no power series.
    """
    head, *rest = tree
    if tree == ["sym", variable]:
        return start
    if not mentions(tree, variable):
        return Laurent.constant(number(tree), start.terms)
    if head in ("add", "mul"):
        parts = [expansion(t, variable, start, values, number) for t in rest]
        total = parts[0]
        for part in parts[1:]:
            total = total + part if head == "add" else total * part
        return total
    if head == "pow":
        if rest[1][0] == "rat":
            p, q = int(rest[1][1]), int(rest[1][2])
            if abs(p) > 4 * MOST_TERMS or q > 24:
                raise NoSeries("a power that is too high")
            return expansion(rest[0], variable, start, values, number).power(p, q)
        exponent = expansion(rest[1], variable, start, values, number)
        logarithm = _applied("log", expansion(rest[0], variable, start, values, number))
        return _applied("exp", logarithm * exponent)
    if head in _SERIES or head in _BUILT:
        return _applied(head, expansion(rest[0], variable, start, values, number))
    raise NoSeries(f"no rule for the series of {head!r}")


def _applied(name: str, inner: Laurent) -> Laurent:
    series = inner.regular()
    terms = inner.terms + inner.valuation
    before, ctx.cap = ctx.cap, max(terms, 1)
    try:
        found = _BUILT[name](series) if name in _BUILT else getattr(series, name)()
    finally:
        ctx.cap = before
    return Laurent(0, found, terms)


def mentions(tree: Any, name: str) -> bool:
    """Whether a name occurs in a tree."""
    if not isinstance(tree, list):
        return False
    return tree == ["sym", name] or any(mentions(t, name) for t in tree[1:])
