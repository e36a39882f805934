"""Compiled expressions against mpmath, within the error that double arithmetic makes on the expression as written.

The bound is the running error analysis of `rounding.py`: what cancels may lose digits, and nothing else.
"""

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as hs
from rounding import value_and_bound

import numerics

x, y = sp.symbols("x y", real=True)


def leaves():
    numbers = hs.one_of(
        hs.integers(-6, 6).map(sp.Integer),
        hs.builds(sp.Rational, hs.integers(-9, 9), hs.integers(1, 7)),
        hs.sampled_from([sp.pi, sp.sqrt(2), sp.E]),
    )
    return hs.one_of(hs.sampled_from([x, y]), hs.sampled_from([x, y]), numbers)


def branches(children):
    one = children
    bounded = children.map(sp.tanh)
    return hs.one_of(
        hs.builds(lambda a, b: a + b, one, one),
        hs.builds(lambda a, b, c: a * b - c, one, one, one),
        hs.builds(lambda a, b: a / (1 + b**2), one, one),
        hs.builds(lambda a, n: a**n, bounded, hs.integers(2, 12)),
        hs.builds(lambda a, n: (1 + a**2) ** n, bounded, hs.integers(-6, -1)),
        hs.builds(lambda a, r: (1 + a**2) ** r, one, hs.sampled_from([sp.S.Half, -sp.S.Half, sp.Rational(3, 2)])),
        hs.builds(lambda a, r: (2 + a**2) ** r, one, hs.sampled_from([sp.Rational(1, 3), -sp.Rational(2, 7)])),
        hs.builds(lambda a, f: f(a), bounded, hs.sampled_from([sp.exp, sp.sinh, sp.cosh, sp.asinh])),
        hs.builds(lambda a, f: f(a), one, hs.sampled_from([sp.sin, sp.cos, sp.atan, sp.erf, sp.tanh])),
        hs.builds(lambda a: sp.exp(-(a**2)), one),
        hs.builds(lambda a: sp.exp(a) - 1, bounded),
        hs.builds(lambda a: sp.log(1 + a**2), one),
        hs.builds(lambda a: sp.loggamma(1 + a**2), bounded),
        hs.builds(sp.Max, one, one),
        hs.builds(sp.Min, one, one),
        hs.builds(sp.Abs, one),
    )


expressions = hs.recursive(leaves(), branches, max_leaves=10).filter(
    lambda e: e.free_symbols and e.is_finite is not False
)
points = hs.tuples(hs.floats(-3, 3), hs.floats(-3, 3))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(expressions, hs.lists(points, min_size=3, max_size=3))
def test_random_expressions_are_within_their_error_bound(expression, where):
    f = numerics.compile(expression, (x, y), cache=False)
    for at in where:
        value, bound = value_and_bound(expression, {x: mpmath.mpf(at[0]), y: mpmath.mpf(at[1])})
        if not mpmath.isfinite(value) or abs(value) > 1e290:
            continue
        got = f(*at)
        assert abs(got - value) <= bound + mpmath.mpf(10) ** -300, (expression, at, got, value, bound, f.source)


def test_the_bound_is_not_generous():
    """A value that is off by 20 units in the last place is refused for a well-conditioned expression."""
    e = sp.exp(-(x**2)) * sp.sin(y) / (1 + x**2)
    value, bound = value_and_bound(e, {x: mpmath.mpf(0.7), y: mpmath.mpf(1.1)})
    got = numerics.compile(e, (x, y))(0.7, 1.1)
    assert abs(got - value) <= bound
    assert abs(got * (1 + 64 * np.finfo(float).eps) - value) > bound


# what the rewrites save: (expression, where it cancels or overflows)
DELICATE = [
    (sp.exp(x) - 1, [1e-12, -3e-9, 0.3]),
    (3 * sp.exp(x * y) - 3, [1e-12]),
    (sp.log(1 + x), [1e-15, -1e-9, 5.0]),
    (sp.log(1 - x**2), [1e-9, 1 - 1e-9]),
    (x / (sp.exp(x) - 1), [1e-14, -1e-9, 2.0, 700.0, -700.0]),
    (x / (1 - sp.exp(-2 * x)), [1e-14, 3.0]),
    ((sp.exp(x) - 1) / x, [1e-14, 1.0]),
    (1 - sp.cos(x), [1e-7, 2.0]),
    ((1 - sp.cos(x)) / x**2, [1e-7, 2.0]),
    (sp.cosh(x) - 1, [1e-7, 2.0]),
    (sp.sqrt(1 + x) - 1, [1e-14, 3.0]),
    (x**2 - y**2, [1.1 + 1e-9]),
    (1 - x**2, [1 - 1e-9]),
    (sp.log(1 + sp.exp(x)), [800.0, -50.0, 0.1]),
    (sp.log(sp.exp(x) + sp.exp(y)), [900.0]),
    (sp.exp(x) / (1 + sp.exp(x)), [800.0, -800.0 + 100, 0.5]),
    (sp.exp(x) / (1 + sp.exp(x)) ** 2, [600.0, -3.0]),
    (sp.coth(x) - 1 / x, [1e-6, 0.9, 1.1, 30.0]),
    (1 - sp.erf(x), [5.0, 1e-3]),
    (1 + sp.erf(x), [-5.0]),
    (sp.exp(x**2) * sp.erfc(x), [30.0, 0.3]),
    (sp.exp(x**2 - 3 * x) * sp.erfc(x), [30.0, -2.0]),
    (sp.log(sp.gamma(x)), [400.0, 0.2]),
    (sp.log(sp.cosh(x)), [900.0, 1e-5]),
    (sp.besseli(1, x) / sp.besseli(0, x), [900.0, 0.4]),
    (sp.log(sp.besseli(0, x)), [900.0]),
    (sp.exp(-x) * sp.besseli(2, x), [900.0]),
    (sp.besselk(1, x) / sp.besselk(0, x), [900.0]),
    (sp.sin(sp.pi * x), [1e8 + 0.5, 3 + 2.0**-40]),
    (sp.cos(sp.pi * x), [1e8 + 1.0, 2.5 + 2.0**-40]),
    (sp.exp(x) - sp.exp(-x), [1e-9]),
    (x / sp.sinh(x), [1e-200, 3.0]),
    (x / sp.tanh(x), [1e-200, 3.0]),
]


@pytest.mark.parametrize(("expression", "where"), DELICATE, ids=[str(e) for e, _ in DELICATE])
def test_rewrites_keep_all_digits(expression, where):
    f = numerics.compile(expression, (x, y))
    for at in where:
        with mpmath.workdps(60):
            reference = mpmath.mpf(sp.lambdify((x, y), expression, "mpmath")(mpmath.mpf(at), mpmath.mpf(1.1)))
        assert abs(f(at, 1.1) - reference) <= 8 * np.finfo(float).eps * abs(reference), (at, f(at, 1.1), reference)


def test_without_the_rewrites_digits_are_lost():
    """The negative control: written out as it stands, most of the table is wrong somewhere."""
    lost = 0
    for expression, where in DELICATE:
        plain = sp.lambdify((x, y), expression, ["scipy", "numpy"])
        for at in where:
            with mpmath.workdps(60):
                reference = mpmath.mpf(sp.lambdify((x, y), expression, "mpmath")(mpmath.mpf(at), mpmath.mpf(1.1)))
            with np.errstate(all="ignore"):
                value = float(plain(np.float64(at), np.float64(1.1)))
            if not abs(value - reference) <= 8 * np.finfo(float).eps * abs(reference):
                lost += 1
                break
    assert lost > 0.8 * len(DELICATE)


def test_removable_singularities_have_their_limit():
    for expression, limit in [
        (x / (sp.exp(x) - 1), 1.0),
        ((sp.exp(3 * x) - 1) / x, 3.0),
        (sp.sin(x) / x, 1.0),
        (x / sp.sinh(2 * x), 0.5),
        (x * sp.coth(x), 1.0),
        (sp.tanh(x) / x, 1.0),
        (sp.sinh(x) ** 2 / x**2, 1.0),
    ]:
        assert numerics.compile(expression, x)(0.0) == limit, expression


@pytest.mark.parametrize("exponent", [sp.Rational(1, 3), sp.Rational(2, 7), -sp.Rational(2, 3), sp.Rational(1, 10)])
def test_rational_powers_of_large_numbers(exponent):
    f = numerics.compile(x**exponent, x)
    for at in (1e-250, 3.7, 1e250):
        with mpmath.workdps(40):
            reference = mpmath.mpf(at) ** (mpmath.mpf(exponent.p) / exponent.q)
        assert abs(f(at) - reference) <= 3 * np.finfo(float).eps * reference
        naive = at ** float(exponent)
        if at != 3.7:
            assert abs(naive - reference) > 3 * np.finfo(float).eps * reference or exponent == sp.Rational(1, 10)
