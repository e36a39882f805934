"""Identities that hold, and neighbours of each that do not."""

from __future__ import annotations

import pytest
from sympy import (
    Abs,
    Float,
    Function,
    Integral,
    Rational,
    Symbol,
    besseli,
    besselj,
    besselk,
    cos,
    cosh,
    exp,
    pi,
    sin,
    sinh,
    sqrt,
    symbols,
    tan,
)

from symrg.budget import Declined
from symrg.fokker_planck.identity import vanishes

x, y, t, a, k = symbols("x y t a k", real=True)
u = Symbol("u", positive=True)
z = Symbol("z")

IDENTITIES = [
    (sin(x) ** 2 + cos(x) ** 2, 1),
    (exp(x + y), exp(x) * exp(y)),
    (exp((x**2 - 1) / (x - 1)), exp(x + 1)),
    (exp(k * x * exp(-t) + k * x), exp(k * x * exp(-t)) * exp(k * x)),
    (u ** (a - 1) * u, u**a),
    (u ** Rational(1, 3) * u ** Rational(2, 3), u),
    (sqrt(x**2 + 1) ** 3, (x**2 + 1) * sqrt(x**2 + 1)),
    (cosh(x) ** 2 - sinh(x) ** 2, 1),
    (tan(x), sin(x) / cos(x)),
    (cos(t + pi / 4), sqrt(2) / 2 * (cos(t) - sin(t))),
    (Abs(x) ** 2, x**2),
    (besseli(a + 1, u), besseli(a - 1, u) - 2 * a / u * besseli(a, u)),
    (besselk(a + 1, u), besselk(a - 1, u) + 2 * a / u * besselk(a, u)),
    (besselj(a + 2, u), 2 * (a + 1) / u * besselj(a + 1, u) - besselj(a, u)),
]


@pytest.mark.parametrize(("left", "right"), IDENTITIES)
def test_identities_vanish_and_their_neighbours_do_not(left, right):
    assert vanishes(left - right)
    for wrong in (left + right, left - right + Rational(1, 10**30), left - right + x * Rational(1, 10**9)):
        assert not vanishes(wrong)


@pytest.mark.parametrize(
    "expression",
    [sqrt(z**2) - z, sqrt(z**2) + z, Abs(x) - x, exp(x) - 1 - x - x**2 / 2, sqrt(2) - Rational(99, 70), u**a - u],
)
def test_what_holds_on_one_branch_or_nearly_is_not_taken_for_an_identity(expression):
    assert not vanishes(expression)


@pytest.mark.parametrize("expression", [Float(0.5) - x, Integral(Function("f")(x), x) - x, exp(exp(exp(x))) - x])
def test_what_has_no_counterpart_in_a_finite_field_is_declined(expression):
    with pytest.raises(Declined):
        vanishes(expression)
