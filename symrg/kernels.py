"""Kernels of closed expressions: the functions over which they are rational, brought to standard arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm
from typing import Any

import sympy as sp
from flint import fmpq, fmpq_mat, fmpz_mat

TRIGONOMETRIC = (sp.sin, sp.cos)
HYPERBOLIC = (sp.sinh, sp.cosh)
_TO_SINE = (sp.tan, sp.cot, sp.sec, sp.csc)
_TO_SINH = (sp.tanh, sp.coth, sp.sech, sp.csch)
_BESSEL = (sp.besseli, sp.besselj, sp.bessely, sp.besselk)


@dataclass(frozen=True)
class Kernel:
    """A generator of the field.

    `kind` is "plain" (base**(1/root), with base a symbol or a function), "root" (base**(1/root), bound by
    generator**root = base), "power" (base**exponent), "angle" (tan of half the exponent) or "hyperbolic" (tanh).
    """

    kind: str
    base: Any
    exponent: Any = None
    root: int = 1


def prepare(expression: sp.Expr) -> sp.Expr:
    """The expression in the functions that the field knows, special functions shifted to the same arguments."""
    e = sp.sympify(expression, strict=True)
    if e.has(sp.Float):
        e = sp.nsimplify(e, rational=True)
    if e.has(*_TO_SINE):
        e = e.replace(lambda a: isinstance(a, _TO_SINE), _by_sine)
    if e.has(*HYPERBOLIC, *_TO_SINH):
        if e.has(sp.exp):
            e = e.rewrite(sp.exp)
        else:
            e = e.replace(lambda a: isinstance(a, _TO_SINH), _by_sine)
    if e.has(sp.log):
        e = sp.expand_log(e)
    if e.has(sp.gamma, sp.loggamma, sp.polygamma, sp.besseli, sp.besselj, sp.besselk, sp.factorial):
        e = sp.expand_func(e)
        e = e.replace(lambda a: isinstance(a, _BESSEL), _bessel_of_low_order)
    return sp.expand_power_base(e) if e.has(sp.Pow) else e


def _bessel_of_low_order(a: sp.Expr) -> sp.Expr:
    """By the recurrence in the order, in those of orders with rational part in [0, 2)."""
    order, z = a.args
    if isinstance(a, sp.besselk) and order.could_extract_minus_sign():
        order = -order
    step = order.as_coeff_Add()[0]
    if not step.is_Rational or 0 <= step < 2:
        return a.func(order, z)
    if step >= 2:
        middle, sign = order - 1, 1
    else:
        middle, sign = order + 1, -1
    near, far = (_bessel_of_low_order(a.func(middle - sign * k, z)) for k in (0, 1))
    slope = 2 * middle / z * near
    if isinstance(a, sp.besselk):
        return far + sign * slope
    return far - sign * slope if isinstance(a, sp.besseli) else slope - far


def _by_sine(a: sp.Expr) -> sp.Expr:
    u = a.args[0]
    s, c = (sp.sin(u), sp.cos(u)) if isinstance(a, _TO_SINE) else (sp.sinh(u), sp.cosh(u))
    names = {"tan": s / c, "cot": c / s, "sec": 1 / c, "csc": 1 / s}
    return names[{"sech": "sec", "csch": "csc"}.get(a.func.__name__, a.func.__name__.rstrip("h"))]


def slope_of(key: tuple[str, Any, Any], x: sp.Symbol) -> sp.Expr | None:
    """What the derivative of a kernel by x needs: of the base, the argument or the exponent's logarithm."""
    kind, base, argument = key
    if kind == "power":
        return prepare(sp.diff(argument * sp.log(base), x)) if base.has(x) or argument.has(x) else None
    subject = argument if kind in ("angle", "hyperbolic") else base
    return prepare(sp.diff(subject, x)) if subject.has(x) and not subject.is_Symbol else _unit(subject, x, kind)


def _unit(subject: sp.Expr, x: sp.Symbol, kind: str) -> sp.Expr | None:
    return sp.S.One if subject == x and kind != "plain" else None


class Lattice:
    """A basis over the integers of some arguments, so that exp(x), exp(2 x) and exp(x/2 + y) share generators."""

    def __init__(self, arguments: Sequence[sp.Expr]):
        terms: dict[Any, int] = {}
        for argument in arguments:
            for _, u in rational_terms(argument):
                terms.setdefault(u, len(terms))
        self._terms = terms
        rows = [self._row(a) for a in arguments]
        scale = lcm(*(int(c.q) for row in rows for c in row))
        reduced = fmpz_mat([[int(c * scale) for c in row] for row in rows]).hnf()
        nonzero = [list(r) for r in reduced.tolist() if any(r)]
        if len(nonzero) > 1:
            nonzero = [list(r) for r in fmpz_mat(nonzero).lll().tolist()]
        self._rows = fmpq_mat([[fmpq(int(c), scale) for c in row] for row in nonzero])
        self._gram = (self._rows * self._rows.transpose()).inv()
        keys = list(terms)
        self.basis = [sp.Add(*(sp.Rational(int(c), scale) * u for c, u in zip(row, keys))) for row in nonzero]

    def _row(self, argument: sp.Expr) -> list[sp.Rational]:
        row = [sp.S.Zero] * len(self._terms)
        for c, u in rational_terms(argument):
            if u not in self._terms:
                raise LookupError(f"{argument} is no combination of the field's arguments: {u} is new")
            row[self._terms[u]] = c
        return row

    def coordinates(self, argument: sp.Expr) -> list[tuple[int, sp.Expr]]:
        """(integer, basic argument) for each basic argument that occurs.

        Raises:
            LookupError: the argument is no integer combination of the basis.
        """
        v = fmpq_mat([[fmpq(int(c.p), int(c.q)) for c in self._row(argument)]])
        found = v * self._rows.transpose() * self._gram
        numbers = found.tolist()[0]
        if found * self._rows != v or any(c.q != 1 for c in numbers):
            raise LookupError(f"{argument} is no integer combination of {self.basis}")
        return [(int(c.p), u) for c, u in zip(numbers, self.basis) if c]


def rational_terms(argument: sp.Expr) -> list[tuple[sp.Rational, sp.Expr]]:
    """(rational coefficient, rest) for each term of the expanded sum."""
    return [term.as_coeff_Mul(rational=True) for term in sp.Add.make_args(sp.expand(argument))]


def root_base(base: sp.Expr) -> sp.Expr:
    """The base of a root in one standard form, so that equal roots share a generator."""
    if base.is_Number:
        return base
    top, bottom = sp.fraction(sp.together(base))
    return sp.expand(top) / sp.expand(bottom)


def is_kernel(e: sp.Expr) -> bool:
    """Whether an expression is a function, an irrational power or a constant, apart from sums and products."""
    if isinstance(e, (sp.Function, sp.exp)) or (e.is_NumberSymbol and e is not sp.pi):
        return True
    return bool(e.is_Pow and (not e.exp.is_Integer or (e.exp.is_negative and any(map(is_kernel, e.base.atoms())))))
