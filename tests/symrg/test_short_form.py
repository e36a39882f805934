"""Short forms: equal to what they came from, and as the literature writes them."""

import pytest
import sympy as sp

from symrg.short_form import (
    by_kernels,
    components,
    joined_logarithms,
    normal_form,
    rational_form,
    short_form,
    with_joined_logarithms,
    with_plain_signs,
)

m, n = sp.symbols("m n", real=True)
s, t, a = sp.symbols("s t a", positive=True)
POINT = {
    m: sp.Rational(3, 7),
    n: sp.Rational(-5, 4),
    s: sp.Rational(6, 5),
    t: sp.Rational(8, 3),
    a: sp.Rational(17, 10),
}

LONG = [
    (m**2 - 2 * m * n + n**2 + s**2 - t**2) / (2 * t**2) + sp.log(t) - sp.log(s),
    sp.log((m**2 - 2 * m * n + n**2 + (s + t) ** 2) / (4 * s * t)),
    sp.polygamma(1, a / 2) / 4 - 1 / (2 * a) + 1 / (a + 1) - (a + 2) / (2 * (a + 1) * (a + 3)) - sp.polygamma(1, a) / 4,
    a * sp.log(s) - a * sp.log(t) + s * sp.log(a) + sp.exp(m) / (s + t) - 2 * sp.exp(m) / (s + t),
    sp.besseli(1, s) ** 2 / sp.besseli(0, s) ** 2 + sp.sqrt(1 + m**2) / (1 + sp.sqrt(1 + m**2)),
    -sp.log(s) / 2 + sp.log(2) * 3 + sp.log(t) / 2,
]


@pytest.mark.parametrize("form", [short_form, normal_form, by_kernels, joined_logarithms])
@pytest.mark.parametrize("expression", LONG, ids=str)
def test_forms_are_equal_to_what_they_came_from(form, expression):
    try:
        value = form(expression)
    except sp.PolynomialError:
        assert form is by_kernels  # a kernel in a denominator
        return
    assert abs((value - expression).subs(POINT).evalf(30)) < 1e-25
    assert abs((value - expression - s / 10**6).subs(POINT).evalf(30)) > 1e-7


def test_the_divergence_of_two_normals_reads_as_in_the_books():
    expected = sp.log(t / s) + (s**2 + (m - n) ** 2) / (2 * t**2) - sp.Rational(1, 2)
    assert sp.count_ops(short_form(LONG[0])) <= sp.count_ops(expected) + 1
    assert short_form(LONG[0]).has(sp.log(t / s))
    assert sp.Rational(-1, 2) in short_form(LONG[0]).args


def test_squares_are_completed_in_each_set_of_linked_symbols():
    assert components(m**2 - 2 * m * n + n**2 + s**2 + 2 * s * t + t**2) == (m - n) ** 2 + (s + t) ** 2
    assert components(m**2 - 2 * m * n + 2 * n**2) == m**2 - 2 * m * n + 2 * n**2


def test_a_number_stands_apart_from_a_fraction():
    assert rational_form((s**2 - t**2) / t**2) == s**2 / t**2 - 1
    assert rational_form((s**2 - t**2) / (s + t)) == s - t


def test_logarithms_of_numbers_and_of_signs_unknown_stay():
    assert joined_logarithms(sp.log(m) - sp.log(n)) == sp.log(m) - sp.log(n)
    assert joined_logarithms(sp.log(s) + sp.log(t)) == sp.log(s) + sp.log(t)
    assert joined_logarithms(sp.log(s) - sp.log(t) - 2 * sp.log(2)) == sp.log(s / (4 * t))


def test_products_are_printed_with_plain_signs():
    p, q = sp.symbols("p q", positive=True)
    printed = {
        -1 / (p * (p - 1)): "1/(p*(1 - p))",
        (p - 1) / (q**2 * (q - 1)): "(1 - p)/(q**2*(1 - q))",
        (p - 1) * sp.log(p / q): "(1 - p)*log(q/p)",
        p - 1: "p - 1",
        -p * sp.log(q): "-p*log(q)",
    }
    for given, wanted in printed.items():
        found = with_plain_signs(given)
        assert str(found) == wanted
        assert not found.has(sp.Float)
        assert abs((found - given).subs({p: 0.3, q: 0.8}).evalf()) < 1e-12


def test_logarithms_are_joined_where_the_domain_makes_them_positive():
    p, q = sp.symbols("p q", positive=True)
    apart = q * sp.log(1 - p) - q * sp.log(1 - q)
    assert with_joined_logarithms(apart) == apart
    joined = with_joined_logarithms(apart, {1 - p, 1 - q})
    assert joined == q * sp.log((1 - p) / (1 - q))


def test_hyperbolic_functions_in_a_logarithm_become_an_exponential():
    h = sp.Symbol("h", positive=True)
    assert sp.simplify(short_form(sp.log(1 - sp.tanh(h))) - (-h - sp.log(sp.cosh(h)))) == 0
    assert not short_form(sp.log(1 + sp.tanh(h))).has(sp.sinh)
