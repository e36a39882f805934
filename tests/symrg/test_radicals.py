"""Square roots of one product joined, and out of the denominator."""

import pytest
import sympy as sp
from sympy import Rational, sqrt

from symrg.radicals import rational_in_roots

x, y = sp.symbols("x y", positive=True)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (x / (1 - sqrt(1 - x**2)), (1 + sqrt(1 - x**2)) / x),
        ((sqrt(1 - 2 * x) * sqrt(1 + 2 * x) - 1) / (1 - sqrt(1 - 4 * x**2)), sp.S(-1)),
        (1 / (sqrt(x + 1) - sqrt(x + 2)), -sqrt(x + 1) - sqrt(x + 2)),
        ((1 - x**2 - sqrt(1 - x**2)) / (x**2 * (1 - x**2)), (1 - 1 / sqrt(1 - x**2)) / x**2),
    ],
)
def test_a_fraction_in_roots_is_made_short(given, wanted):
    found = rational_in_roots(given)
    point = {x: Rational(3, 10), y: Rational(2, 7)}
    assert abs((found - given).subs(point).evalf(30)) < 1e-25
    assert sp.simplify(found - wanted) == 0
    assert sp.count_ops(found) <= sp.count_ops(wanted) + 1
    assert abs((found * (1 + Rational(1, 10**6)) - given).subs(point).evalf(30)) > 1e-8


@pytest.mark.parametrize("other", [x + 1 / y, sqrt(x) + y, x ** Rational(1, 3), sqrt(sp.exp(x) + 1)])
def test_what_holds_no_root_of_a_polynomial_is_refused(other):
    with pytest.raises(sp.PolynomialError):
        rational_in_roots(other)
