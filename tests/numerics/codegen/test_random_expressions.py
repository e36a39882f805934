"""Random expressions of every kind the generator takes, against mpmath, within a stated number of roundings.

`SYMRG_RANDOM_CASES=400 pytest tests/numerics/codegen/test_random_expressions.py` compares 400 x 8 other expressions.
"""

import os
import string

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as hs
from rounding import Undecided, value_and_bound

import numerics

MANY = int(os.environ.get("SYMRG_RANDOM_CASES", "0"))
x, y = sp.symbols("x y", real=True)
k = sp.Symbol("k", integer=True, nonnegative=True)
u = sp.IndexedBase("u")
TOGETHER = 8


def cases(few):
    return settings(
        max_examples=MANY or few, derandomize=not MANY, deadline=None, suppress_health_check=list(HealthCheck)
    )


numbers = hs.one_of(
    hs.integers(-5, 5).map(sp.Integer),
    hs.builds(sp.Rational, hs.integers(-9, 9), hs.integers(1, 7)),
    hs.sampled_from([sp.pi, sp.sqrt(2), sp.E, sp.EulerGamma]),
)
leaves = hs.one_of(hs.sampled_from([x, y, x, y, u[0], u[2]]), numbers)

# what maps into the domain of each function, and the function: all of one or two arguments that take reals
ANY = [sp.sin, sp.cos, sp.atan, sp.erf, sp.tanh, sp.asinh, sp.sech, sp.sinc, sp.Abs, sp.Si, sp.fresnels]
BOUNDED = [sp.exp, sp.sinh, sp.cosh, sp.erfc, sp.tan, sp.airyai, sp.erfi, sp.Shi]  # arguments in (-1, 1)
OPEN = [sp.asin, sp.acos, sp.atanh, sp.erfinv]  # in (-3/4, 3/4)
POSITIVE = [sp.log, sp.gamma, sp.loggamma, sp.digamma, sp.LambertW, sp.acosh, sp.Ei]  # in (1, 5)


def positive(e):
    return sp.Rational(5, 4) + 3 * sp.tanh(e) ** 2


@hs.composite
def piecewise(draw, inner):
    first, second, a, b = draw(inner), draw(inner), draw(inner), draw(inner)
    relation = draw(hs.sampled_from([sp.Lt, sp.Le, sp.Gt, sp.Ge]))
    condition = relation(a, b)
    if draw(hs.booleans()):
        condition = draw(hs.sampled_from([sp.And, sp.Or]))(condition, x < draw(hs.integers(-2, 2)))
    return sp.Piecewise((first, condition), (second, True))


@hs.composite
def sums(draw, inner):
    term = draw(hs.sampled_from([u[k], u[k] * x, (k + 1) * sp.sin(y * k), sp.cos(u[k] - y), x / (1 + k)]))
    # two sums of one index stand apart: the index is bound in each
    return sp.Sum(term, (k, draw(hs.integers(0, 2)), draw(hs.integers(3, 4)))) * draw(inner)


def branches(e):
    bounded = e.map(sp.tanh)
    return hs.one_of(
        hs.builds(lambda a, b: a + b, e, e),
        hs.builds(lambda a, b, c: a * b - c, e, e, e),
        hs.builds(lambda a, b: a / (1 + b**2), e, e),
        hs.builds(lambda a, n: a**n, bounded, hs.integers(2, 9)),
        hs.builds(lambda a, r: (1 + a**2) ** r, bounded, hs.sampled_from([sp.S.Half, -sp.Rational(2, 3), sp.pi])),
        hs.builds(lambda a, f: f(a), e, hs.sampled_from(ANY)),
        hs.builds(lambda a, f: f(a), bounded, hs.sampled_from(BOUNDED)),
        hs.builds(lambda a, f: f(sp.Rational(3, 4) * a), bounded, hs.sampled_from(OPEN)),
        hs.builds(lambda a, f: f(positive(a)), e, hs.sampled_from(POSITIVE)),
        hs.builds(
            lambda a, b, f: f(positive(a), positive(b)), e, e, hs.sampled_from([sp.beta, sp.uppergamma, sp.lowergamma])
        ),
        hs.builds(lambda a, n, f: f(n, a), bounded, hs.integers(0, 3), hs.sampled_from([sp.besselj, sp.besseli])),
        hs.builds(lambda a, n, f: f(n, a), bounded, hs.integers(1, 5), hs.sampled_from([sp.legendre, sp.hermite])),
        hs.builds(lambda a, b: sp.atan2(a, 1 + b**2), e, e),
        hs.builds(sp.Max, e, e),
        hs.builds(sp.Min, e, e),
        piecewise(e),
        sums(e),
    )


expressions = hs.recursive(leaves, branches, max_leaves=9).filter(
    lambda e: e.free_symbols & {x, y} and e.is_finite is not False and not e.has(sp.nan, sp.zoo, sp.oo)
)
points = hs.tuples(*[hs.floats(-3, 3)] * 2, hs.lists(hs.floats(-2, 2), min_size=5, max_size=5))


@cases(14)
@given(
    hs.lists(expressions, min_size=TOGETHER, max_size=TOGETHER, unique=True), hs.lists(points, min_size=3, max_size=3)
)
def test_random_expressions_are_within_their_error_bound(together, where):
    """Eight expressions in one kernel, so that what they share is computed once and must serve all."""
    f = numerics.compile(together, (x, y, u), cache=False)
    for a, b, entries in where:
        results = f(a, b, np.array(entries))
        arrays = {u: [mpmath.mpf(v) for v in entries]}
        for expression, got in zip(together, results):
            try:
                value, bound = value_and_bound(expression, {x: mpmath.mpf(a), y: mpmath.mpf(b)}, arrays)
            except (Undecided, ZeroDivisionError):
                continue
            if mpmath.im(value) or not mpmath.isfinite(value) or abs(value) > 1e290:
                continue
            assert abs(got - value) <= bound + mpmath.mpf(10) ** -290, (expression, (a, b, entries), got, value, bound)


WELL_CONDITIONED = [
    sp.Piecewise((sp.exp(-(x**2)), x < y), (sp.gamma(3 + y), True)),
    sp.Sum(u[k] ** 2 * sp.exp(-x * k), (k, 0, 4)),
    sp.besseli(1, x) * sp.lowergamma(2 + x**2, 1 + y),
    u[3] * sp.erf(x) / (1 + y**2),
]


@pytest.mark.parametrize("expression", WELL_CONDITIONED, ids=str)
def test_the_bound_refuses_what_is_off_by_little(expression):
    entries = [1.5, 0.25, 2.0, 0.75, 1.125]
    value, bound = value_and_bound(
        expression, {x: mpmath.mpf(0.7), y: mpmath.mpf(1.1)}, {u: [mpmath.mpf(v) for v in entries]}
    )
    got = float(numerics.compile(expression, (x, y, u))(0.7, 1.1, np.array(entries)))
    assert abs(got - value) <= bound
    assert abs(got * (1 + 2.0**-44) - value) > bound


@pytest.mark.parametrize("other", [sp.Piecewise((x, x <= 1), (2, True)), sp.Sum(x**k, (k, 0, 3)), sp.Min(x, y)])
def test_a_neighbouring_expression_is_refused(other):
    """A strict for a weak comparison, a sum of one term less, the other extremum."""
    wrong = {sp.Piecewise: sp.Piecewise((x, x < 1), (2, True)), sp.Sum: sp.Sum(x**k, (k, 0, 2)), sp.Min: sp.Max(x, y)}
    value, bound = value_and_bound(other, {x: mpmath.mpf(1), y: mpmath.mpf(3)})
    assert abs(numerics.compile(other, (x, y))(1.0, 3.0) - value) <= bound
    assert abs(numerics.compile(wrong[other.func], (x, y))(1.0, 3.0) - value) > bound


hostile = hs.one_of(
    hs.text(max_size=30),
    hs.text(alphabet=string.punctuation + string.whitespace + "importexec0", min_size=1, max_size=40),
    hs.sampled_from(["x", "t0", "a0", "math", "out", "numba", "def", "None", "__class__", "kernel", "np", "e" * 5000]),
    hs.sampled_from(["{0}", "%s", "\\", "'''", '"""', "\r\nimport os", "\u2028", "\x00", "x" + "\u200b", "ﬁ", "µ"]),
)


@cases(4)
@given(hs.lists(hostile, min_size=12, max_size=12, unique=True), hs.floats(-2, 2))
def test_hostile_names_never_reach_the_source(names, at):
    """Symbols, arrays and bound indices of any name give the numbers of tame names, by the same source."""

    def built(labels):
        *plain, array, index = labels
        symbols = [sp.Symbol(n, real=True) for n in plain]
        base, j = sp.IndexedBase(array), sp.Symbol(index, integer=True)
        expression = sum(sp.sin((m + 1) * s) for m, s in enumerate(symbols)) + sp.Sum(base[j] * symbols[0], (j, 0, 2))
        return numerics.compile(expression, [*symbols, base], cache=False)

    wild, tame = built(names), built([f"q{m}" for m in range(len(names))])
    values = [at + m / 7 for m in range(len(names) - 2)]
    entries = np.array([0.5, 1.5, at])
    expected = sum(np.sin((m + 1) * v) for m, v in enumerate(values)) + entries.sum() * values[0]
    assert float(wild(*values, entries)) == pytest.approx(expected, rel=1e-13, abs=1e-13)
    assert sorted(wild.source) == sorted(tame.source)
    for name in names:
        assert len(name) < 8 or name not in wild.source
