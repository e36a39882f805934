"""Remainders and rounding by residue classes and intervals."""

import pytest
import sympy as sp

from symrg.budget import Budget, Declined
from symrg.verification.residues import zero_in_every_class

n = sp.Symbol("n", integer=True)
x = sp.Symbol("x", real=True)
Mod, floor, R = sp.Mod, sp.floor, sp.Rational


@pytest.mark.parametrize(
    ("residual", "wrong"),
    [
        (Mod(n, 2) - (1 - (-1) ** n) / 2, 1 - (-1) ** n),
        (Mod(n**3 - n, 6), Mod(n**3 - n, 12)),
        (Mod(n**5, 5) - Mod(n, 5), Mod(n**4, 5) - Mod(n, 5)),
        (floor(n / 3) + floor((n + 1) / 3) + floor((n + 2) / 3) - n, floor(n / 3) + floor((n + 1) / 3) - n),
        (floor(x) + floor(x + R(1, 2)) - floor(2 * x), floor(x) + floor(x + R(1, 3)) - floor(2 * x)),
        (floor(floor(x) / 2) - floor(x / 2), floor(floor(x) / 2) - floor((x + 1) / 2)),
        (floor((x + n) / 3) - floor((floor(x) + n) / 3), floor((x + n) / 3) - floor(x / 3)),
        (sp.ceiling(x / 2) + sp.ceiling((x + 1) / 2) - sp.ceiling(x) - 1, sp.ceiling(x) - floor(x) - 1),
        (Mod(x, 1) + floor(x) - x, Mod(x, 1) - x),
    ],
)
def test_true_ones_vanish_in_every_class_and_false_ones_do_not(residual, wrong):
    assert zero_in_every_class(residual, Budget(10))
    assert zero_in_every_class(wrong, Budget(3)) is None


@pytest.mark.parametrize("residual", [x**2 - 1, floor(sp.sin(x)), floor(x**2) - 1], ids=str)
def test_what_has_no_classes_is_declined(residual):
    with pytest.raises(Declined):
        zero_in_every_class(residual, Budget(3))
