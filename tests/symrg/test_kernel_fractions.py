"""Short forms of fractions in exponentials, error functions and Bessel functions."""

import pytest
import sympy as sp
from sympy import besseli, erf, erfc, exp, log, pi, sinh, sqrt

from symrg.kernel_fractions import bessel_ratios, complemented, hyperbolic_form, partial_fractions, reciprocal_form

x, p = sp.symbols("x p", positive=True)
n = sp.Symbol("n", integer=True, positive=True)
POINT = {x: sp.Rational(7, 10), p: sp.Rational(2, 5), n: 4}

FORMS = [
    # continuous Bernoulli, truncated geometric, wrapped Cauchy in its rate, a truncated Gaussian, von Mises
    (
        partial_fractions,
        1 / x**2 - 1 / (exp(x) - 1) - 1 / (exp(2 * x) - 2 * exp(x) + 1),
        x**-2 - exp(x) / (exp(x) - 1) ** 2,
    ),
    (
        partial_fractions,
        sp.expand(1 - p**n - n * p**n * (1 - p)) / sp.expand((1 - p) * (1 - p**n)),
        1 / (1 - p) - n * p**n / (1 - p**n),
    ),
    (hyperbolic_form, 2 * exp(2 * x) / ((exp(x) - 1) ** 2 * (exp(x) + 1) ** 2), 1 / (2 * sinh(x) ** 2)),
    (hyperbolic_form, exp(x) / (exp(x) + 1) ** 2 + 1, 1 + 1 / (4 * sp.cosh(x / 2) ** 2)),
    (complemented, 2 * x * exp(x) * erf(x) - 2 * x * exp(x) + 1, 1 - 2 * x * exp(x) * erfc(x)),
    (
        reciprocal_form,
        (x * exp(-(x**2)) * erf(x) + x * exp(-(x**2)) + 2 * exp(-2 * x**2)) / (erf(x) + 1) ** 2,
        (x * exp(-(x**2)) + 2 * exp(-2 * x**2) / (erf(x) + 1)) / (erf(x) + 1),
    ),
    (
        bessel_ratios,
        (x * besseli(0, x) ** 2 - x * besseli(1, x) ** 2 - besseli(0, x) * besseli(1, x)) / (x * besseli(0, x) ** 2),
        1 - besseli(1, x) ** 2 / besseli(0, x) ** 2 - besseli(1, x) / (x * besseli(0, x)),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("form", "given", "wanted"), FORMS)
def test_forms_are_equal_and_as_short_as_the_literature_prints_them(form, given, wanted):
    found = form(given)
    assert abs((found - given).subs(POINT).evalf(30)) < 1e-25
    assert abs((found * sp.Rational(1000001, 1000000) - given).subs(POINT).evalf(30)) > 1e-9
    assert sp.count_ops(found) <= sp.count_ops(wanted) + 3


@pytest.mark.parametrize(
    ("form", "other"),
    [
        (partial_fractions, exp(x) + x),
        (partial_fractions, exp(x**2) / (exp(x) - 1)),
        (hyperbolic_form, exp(x) / (exp(x) - 1)),
        (hyperbolic_form, x + 1),
        (reciprocal_form, erf(x) + erf(2 * x)),
        (reciprocal_form, log(1 + erf(x))),
        (bessel_ratios, besseli(0, x) + besseli(1, x)),
        (bessel_ratios, sqrt(pi) * x),
    ],
)
def test_what_has_no_such_form_is_refused(form, other):
    with pytest.raises(sp.PolynomialError):
        form(other)
