"""Integrals and series by formula, against mpmath, and where a formula must not be used."""

import mpmath
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Integral, Rational, Sum, exp, factorial, log, loggamma, oo, pi, simplify, sqrt

from symrg.verification.integrals import closed_forms

x = sp.Symbol("x", real=True)
u = sp.Symbol("u", positive=True)
mu, c = sp.symbols("mu c", real=True)
sigma, a, b = sp.symbols("sigma a b", positive=True)
n = sp.Symbol("n", integer=True, nonnegative=True)
AT = {mu: Rational(3, 10), c: Rational(-7, 10), sigma: Rational(13, 10), a: Rational(17, 10), b: Rational(23, 10)}

EXAMPLES = [
    Integral((x - c) ** 4 * exp(-((x - mu) ** 2) / (2 * sigma**2) - log(sigma) - log(2 * pi) / 2), (x, -oo, oo)),
    Integral((1 - x) ** 3 * exp(-a * x**2 + b * x), (x, -oo, oo)),
    Integral(u**3 * log(u / a) ** 2 * exp(-b * u), (u, 0, oo)),
    Integral(exp(a * log(b) + (a - 1) * log(u) - b * u - loggamma(a)) * log(u), (u, 0, oo)),
    Integral(u ** (a - 1) * exp(-b * u**3), (u, 0, oo)),
    Integral(u**a * (1 - u) ** (b - 1) * log(u) * log(1 - u), (u, 0, 1)),
    Sum(n**3 * a**n / factorial(n), (n, 0, oo)),
    Sum((n + c) ** 2 * exp(n * log(a) - a - loggamma(n + 1)), (n, 0, oo)),
    Sum(n**2 * Rational(1, 3) ** n, (n, 0, oo)),
]


def number(node):
    function = sp.lambdify(node.variables[0], node.function.subs(AT), "mpmath")
    lower, upper = node.limits[0][1], node.limits[0][2]
    points = [0, 1] if upper == 1 else [-mpmath.inf, 0, 1, 4, mpmath.inf] if lower == -oo else [0, 1, 4, mpmath.inf]
    with mpmath.workdps(25):
        if isinstance(node, Sum):
            return mpmath.fsum(function(mpmath.mpf(k)) for k in range(120))
        return mpmath.quad(function, points)


@pytest.mark.parametrize("node", EXAMPLES, ids=str)
def test_closed_form_is_the_number(node):
    closed = closed_forms(node)
    assert closed is not None
    assert not closed.has(Integral, Sum)
    value = closed.subs(AT).evalf(20)
    assert abs(value - number(node)) < 1e-10 * (1 + abs(value))
    assert abs(2 * value - number(node)) > 1e-3 * abs(value)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=6).filter(any), st.integers(1, 4), st.integers(-3, 3))
@settings(max_examples=25, deadline=None)
def test_random_gaussian_moments(coefficients, width, centre):
    polynomial = sum((k * x**i for i, k in enumerate(coefficients)), sp.Integer(0))
    weight = exp(-Rational(1, width) * (x - centre) ** 2)
    closed = closed_forms(Integral(polynomial * weight, (x, -oo, oo)))
    exact = sp.integrate(sp.expand(polynomial.subs(x, x + centre) * exp(-Rational(1, width) * x**2)), (x, -oo, oo))
    assert simplify(closed - exact) == 0


def test_inner_integral_first():
    inner = Integral(exp(-a * (x - mu) ** 2), (x, -oo, oo))
    outer = Integral(inner * exp(-(mu**2)), (mu, -oo, oo))
    assert simplify(closed_forms(outer) - pi / sqrt(a)) == 0
    double = Integral(exp(-(x**2) - mu**2), (x, -oo, oo), (mu, -oo, oo))
    assert simplify(closed_forms(double) - pi) == 0


@pytest.mark.parametrize(
    "node",
    [
        Integral(exp(-c * x**2), (x, -oo, oo)),  # c may be negative
        Integral(u ** (c - 1) * exp(-u), (u, 0, oo)),
        Integral(u ** (a - 1) * (1 - u) ** (c - 1), (u, 0, 1)),
        Sum(c**n, (n, 0, oo)),
        Sum(a**n, (n, 0, oo)),  # a may exceed 1
        Integral(exp(-(x**4)), (x, -oo, oo)),
        Integral(exp(-u), (u, 1, oo)),
    ],
    ids=str,
)
def test_formula_declines_where_its_conditions_do_not_follow(node):
    assert closed_forms(node) is None
