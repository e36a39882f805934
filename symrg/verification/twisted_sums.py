"""Tails of sums of q^n R(n), |q| <= 1, q != 1: alternating series, Fourier series, polylogarithms.

The sum of q^k (k + a)^(-s) from K on is q^K Phi(q, s, K + a), with Lerch's Phi. For |q| = 1, q != 1 it converges
where Re s > 0 (Dirichlet's test), and Phi continues to the circle (DLMF 25.14).
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp
from flint import acb

from symrg.budget import Declined
from symrg.verification.enclosure import Point, enclose


def partial_fractions(summand: sp.Expr, n: sp.Symbol) -> list[tuple[sp.Expr, sp.Expr, int]] | None:
    """(coefficient, root, order) with summand = sum of coefficient/(n - root)^order; None where there are none."""
    numerator, denominator = (sp.Poly(p, n) for p in sp.fraction(summand))
    if denominator.degree() <= numerator.degree():
        return None
    roots = sp.roots(denominator)
    if sum(roots.values()) != denominator.degree():
        return None
    parts: list[tuple[sp.Expr, sp.Expr, int]] = []
    for root, order in roots.items():
        regular = sp.cancel(summand * (n - root) ** order) if order > 1 or root.is_Rational else None
        for k in range(1, order + 1):
            if regular is None:
                coefficient = numerator.as_expr().subs(n, root) / denominator.diff(n).as_expr().subs(n, root)
            else:
                coefficient = sp.diff(regular, n, order - k).subs(n, root) / sp.factorial(order - k)
            parts.append((coefficient, root, k))
    return parts


@dataclass(frozen=True)
class _Twist:
    """coefficient * q^n / (n - root)^order, and whether |q| = 1 by its form."""

    coefficient: sp.Expr
    q: sp.Expr
    unit: bool
    root: sp.Expr
    order: sp.Expr


class TwistedTail:
    """The tail of a sum of q^n R(n).

    Args:
        body: the summand.
        variable: the index.

    Raises:
        Declined: the summand isn't a sum of such terms.
    """

    def __init__(self, body: sp.Expr, variable: sp.Symbol):
        n = sp.Dummy("n", integer=True, positive=True)
        moved = body.subs(variable, n)
        waves = [f for f in moved.atoms(sp.sin, sp.cos, sp.exp, sp.Pow) if f.has(n) and _is_wave(f, n)]
        if not waves:
            raise Declined("no term is a power of a constant")
        names = {f: sp.Dummy() for f in waves}
        twists: list[_Twist] = []
        for powers, coefficient in sp.Poly(moved.xreplace(names), *names.values()).terms():
            product = sp.Mul(*(_exponential(f) ** k for f, k in zip(waves, powers)))
            for term in sp.Add.make_args(sp.expand(product)):
                q, unit, front = _ratio(term, n)
                if q == 1:
                    raise Declined("a term isn't twisted")
                twists += [_Twist(front * c, q, unit, root, order) for c, root, order in _shape(coefficient, n)]
        self.twists = [
            (enclose(t.coefficient), enclose(t.q), t.unit, enclose(t.root), enclose(t.order)) for t in twists
        ]

    def __call__(self, point: Point, start: int) -> acb:
        """The sum from `start` to infinity.

        Raises:
            Declined: it isn't shown to converge.
        """
        total = acb(0)
        for coefficient, ratio, unit, root, order in self.twists:
            q, s, z = ratio(point), order(point), start - root(point)
            if (q - 1).contains(0) or not (unit or q.abs_upper() < 1):
                raise Declined("a ratio may be 1, or larger")
            if not (s.real > 0 and z.real > 0):
                raise Declined("a coefficient doesn't go to 0, or a pole lies further out")
            total += coefficient(point) * q**start * q.lerch_phi(s, z)
        return total


def _is_wave(node: sp.Expr, n: sp.Symbol) -> bool:
    if isinstance(node, sp.sin | sp.cos | sp.exp):
        return bool(node.args[0].is_polynomial(n) and sp.degree(node.args[0], n) == 1)
    return not node.base.has(n) and bool(node.exp.is_polynomial(n) and sp.degree(node.exp, n) == 1)


def _exponential(wave: sp.Expr) -> sp.Expr:
    return wave.rewrite(sp.exp) if isinstance(wave, sp.sin | sp.cos) else wave


def _ratio(term: sp.Expr, n: sp.Symbol) -> tuple[sp.Expr, bool, sp.Expr]:
    """(q, |q| = 1 by its form, c) with term = c q^n."""
    q, unit, front = sp.Integer(1), True, sp.Integer(1)
    for factor in sp.Mul.make_args(term):
        if not factor.has(n):
            front *= factor
            continue
        base, exponent = (sp.E, factor.args[0]) if isinstance(factor, sp.exp) else factor.as_base_exp()
        exponent = sp.expand(exponent)
        slope = exponent.coeff(n, 1)
        rest = sp.expand(exponent - slope * n)
        if rest.has(n) or (base != sp.E and not slope.is_integer):
            raise Declined("a term isn't a power of a constant")
        q *= base**slope
        front *= base**rest
        unit = unit and bool(base == -1 or (base == sp.E and (slope / sp.I).is_real))
    return sp.powsimp(q), unit, front


def _shape(coefficient: sp.Expr, n: sp.Symbol) -> list[tuple[sp.Expr, sp.Expr, sp.Expr]]:
    """(c, root, order) with coefficient = sum of c/(n - root)^order."""
    together = sp.together(coefficient)
    if together.is_rational_function(n):
        found = partial_fractions(sp.cancel(together), n)
        if found is None:
            raise Declined("a coefficient has no partial fractions")
        return [(c, root, sp.Integer(k)) for c, root, k in found]
    front, rest = together.as_independent(n, as_Add=False)
    base, exponent = rest.as_base_exp()
    if exponent.has(n) or not base.is_polynomial(n) or sp.degree(base, n) != 1 or not base.coeff(n, 1).is_positive:
        raise Declined("a coefficient is neither rational nor a power")
    slope = base.coeff(n, 1)
    return [(front * slope**exponent, -base.coeff(n, 0) / slope, -exponent)]
