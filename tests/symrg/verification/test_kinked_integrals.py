"""Integrals with kinks at places that parameters move, and neighbours that must not reduce to 0."""

import pytest
import sympy as sp

from symrg import families
from symrg.budget import Budget, Declined
from symrg.verification.kinked_integrals import zero_in_every_order
from symrg.verification.reading import Reading

x, c, mu, nu = sp.symbols("x c mu nu", real=True)
b, a = sp.symbols("b a", positive=True)
K = sp.Symbol("K", integer=True, positive=True)
laplace = sp.exp(-sp.Abs(x - mu) / b) / (2 * b)
oo = sp.oo

CASES = [
    (sp.Integral(sp.Abs(x - c) * laplace, (x, -oo, oo)), sp.Abs(c - mu) + b * sp.exp(-sp.Abs(c - mu) / b)),
    (sp.Integral(sp.sign(x - c) * sp.exp(-(x**2)), (x, -oo, oo)), -sp.sqrt(sp.pi) * sp.erf(c)),
    (
        sp.Integral(sp.Abs(x - c) * sp.exp(-(x**2) / 2), (x, -oo, oo)),
        2 * sp.exp(-(c**2) / 2) + sp.sqrt(2 * sp.pi) * c * sp.erf(c / sp.sqrt(2)),
    ),
    (sp.Integral(sp.Max(x - a, 0) * sp.exp(-b * x), (x, 0, oo)), sp.exp(-a * b) / b**2),
    (sp.Integral(sp.Piecewise((x, x < a), (a, True)) * sp.exp(-x), (x, 0, oo)), 1 - sp.exp(-a)),
    (sp.Integral(sp.Abs(sp.sin(x)), (x, 0, K * sp.pi)), 2 * K),
    (sp.Integral(sp.sqrt(sp.Abs(x - a)), (x, 0, 2 * a)), sp.Rational(4, 3) * a ** sp.Rational(3, 2)),
    (sp.Integral(sp.Abs(x - mu) + sp.Abs(x - nu), (x, mu, nu)), sp.Abs(mu - nu) * (nu - mu)),
]


@pytest.mark.parametrize(("integral", "value"), CASES, ids=str)
def test_values_in_every_order(integral, value):
    assert zero_in_every_order(integral - value, Budget(20))


@pytest.mark.parametrize(("integral", "value"), CASES[:6], ids=str)
def test_a_neighbour_is_not_reduced(integral, value):
    wrong = integral - value * sp.Rational(1001, 1000)
    assert zero_in_every_order(wrong, Budget(3)) is None


def test_one_order_alone_does_not_do():
    # for c > mu only
    wrong = sp.Integral(sp.Abs(x - c) * laplace, (x, -oo, oo)) - (c - mu) - b * sp.exp(-(c - mu) / b)
    assert zero_in_every_order(wrong, Budget(5)) is None


def test_what_has_no_kinks_or_hidden_ones_is_declined():
    with pytest.raises(Declined, match="no integral has kinks"):
        zero_in_every_order(sp.Integral(x, (x, 0, 1)) - 1, Budget(2))
    with pytest.raises(Declined):
        zero_in_every_order(sp.Integral(sp.Abs(sp.exp(x) - x**2 - c), (x, 0, 1)), Budget(2))


def test_links_of_the_laplace_divergence_reduce():
    for link in families.laplace().derivation("kl_divergence").claims:
        (pair,) = Reading.of(link).pairs
        steps = zero_in_every_order(pair[0] - pair[1], Budget(30))
        assert steps
        assert len([s for s in steps if "muprime" in s]) >= 3
