"""Short forms: equal to what they came from, and as the literature writes them."""

import pytest
import sympy as sp

from symrg.short_form import by_kernels, components, joined_logarithms, normal_form, rational_form, short_form

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
