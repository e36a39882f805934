"""Oscillating integrals and turning series: values from the literature in narrow balls, divergent ones refused."""

import pytest
import sympy as sp

from symrg.budget import Declined
from symrg.verification.enclosure import at, enclose
from symrg.verification.precision import precision

x = sp.Symbol("x", real=True)
a, p = sp.symbols("a p", positive=True)
k = sp.Symbol("k", integer=True)
oo, pi, R = sp.oo, sp.pi, sp.Rational
POINT = {a: R(7, 5), p: R(3, 4), x: R(11, 10)}


@pytest.mark.parametrize(
    ("given", "value"),
    [  # Gradshteyn and Ryzhik 3.721, 3.723, 3.761, 3.782, 3.828; Fresnel; Airy's at 0
        (sp.Integral(sp.sin(a * x) / x, (x, 0, oo)), pi / 2),
        (sp.Integral(sp.cos(a * x) / (x**2 + p**2), (x, 0, oo)), pi * sp.exp(-a * p) / (2 * p)),
        (sp.Integral(x * sp.sin(a * x) / (x**2 + p**2), (x, 0, oo)), pi * sp.exp(-a * p) / 2),
        (sp.Integral(sp.cos(a * x) / sp.sqrt(x), (x, 0, oo)), sp.sqrt(pi / (2 * a))),
        (sp.Integral((1 - sp.cos(a * x)) / x**2, (x, 0, oo)), pi * a / 2),
        (sp.Integral(sp.sin(x) ** 2 / x**2, (x, -oo, oo)), pi),
        (sp.Integral(sp.sin(a * x**2), (x, -oo, oo)), sp.sqrt(pi / (2 * a))),
        (sp.Integral(sp.cos(x**3), (x, 0, oo)), sp.gamma(R(1, 3)) / (2 * sp.sqrt(3))),
        (sp.Sum(sp.sin(k * x) / k, (k, 1, oo)), (pi - x) / 2),  # GR 1.441
        (sp.Sum(sp.cos(k * x) / k, (k, 1, oo)), -sp.log(2 * sp.sin(x / 2))),
        (sp.Sum((-1) ** k / sp.sqrt(k + 1), (k, 0, oo)), (1 - sp.sqrt(2)) * sp.zeta(R(1, 2))),
        (sp.Sum((-1) ** k * sp.cos(k * x) / k**2, (k, 1, oo)), x**2 / 4 - pi**2 / 12),
    ],
    ids=str,
)
def test_the_ball_is_narrow_and_holds_the_value(given, value):
    with precision(420):
        gap = enclose(given)(at(POINT)) - enclose(value)(at(POINT))
        assert gap.contains(0)
        assert gap.abs_upper() < 1e-50
        assert not (gap + enclose(R(1, 10**30))(at({}))).contains(0)


@pytest.mark.parametrize(
    "given",
    [
        sp.Integral(sp.cos(x), (x, 0, oo)),
        sp.Integral(x * sp.sin(x), (x, 0, oo)),
        sp.Integral(sp.cos(x) ** 2 / x, (x, 1, oo)),
        sp.Sum((-1) ** k, (k, 0, oo)),  # pairs of terms cancel, and it diverges all the same
        sp.Sum((-1) ** k * k / (k + 1), (k, 0, oo)),
        sp.Sum(sp.cos(2 * pi * k) / k, (k, 1, oo)),
        sp.Sum(sp.cos(k), (k, 0, oo)),
    ],
    ids=str,
)
def test_divergent_ones_get_no_finite_ball(given):
    with precision(256):
        try:
            found = enclose(given)(at({}))
        except Declined:
            return
        assert not found.is_finite()
