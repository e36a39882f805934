"""Random exponential families and random images of known ones: the engine is right or says that it found nothing.

Every closed form is held against QUADPACK or a plain sum, apart from the engine's own quadrature.
`SYMRG_RANDOM_CASES=300 SYMRG_RANDOM_SEED=1 pytest tests/symrg/expectation/test_random_families.py` runs other ones.
"""

import os
import random
import warnings
from itertools import pairwise

import mpmath
import numpy as np
import pytest
import scipy.integrate
import sympy as sp
from sympy import Interval, Range, S, Symbol, cos, exp, log, sin, sqrt, symbols

from symrg import ExponentialFamily, NoClosedForm, StatisticalModel, SymrgError

MANY = int(os.environ.get("SYMRG_RANDOM_CASES", "0"))
SEED = int(os.environ.get("SYMRG_RANDOM_SEED", "0"))
SECONDS = float(os.environ.get("SYMRG_RANDOM_SECONDS", "8"))
x, y = symbols("x y", real=True)
n = Symbol("n", integer=True, nonnegative=True)
a, b = symbols("a b", positive=True)
HALF, UNIT = Interval.open(0, S.Infinity), Interval.open(0, 1)
R = sp.Rational

# statistics with the sign that lets the mass be finite, carriers, functions whose expectations are asked for
FAMILIES = {
    "line": (y, S.Reals, [((-y**2, a), (y, b)), ((-y**4, a),), ((-sp.Abs(y), a),), ((-sp.cosh(y), a),),
             ((-y**2, a), (-y**4, b)), ((-exp(y), a), (y, b)), ((-log(1 + y**2), a + 2),), ((-sp.Abs(y)**3, a),)],
             [1, 1 + y**2, sp.cosh(y), y**2, exp(-y**2), 1 / sp.cosh(y)],
             [y, y**2, cos(y), sp.Abs(y), y**4 - y, exp(-y**2)]),
    "half line": (y, HALF, [((-y, a),), ((log(y), a), (-y, b)), ((-y - 1 / y, a),), ((-sqrt(y), a), (log(y), b)),
                  ((-log(1 + y), a + 3),), ((-y**2, a), (log(y), b)), ((-1 / y, a), (-log(y), b + 2)), ((-y**3, a),)],
                  [1, y, 1 / (1 + y), sqrt(y), y * exp(-y), 1 / (exp(y) + 1)],
                  [log(y), 1 / (1 + y), sqrt(y), exp(-y), log(y)**2, y * exp(-2 * y)]),
    "unit": (y, UNIT, [((log(y), a),), ((log(y), a), (log(1 - y), b)), ((y, a),), ((-y**2, a),), ((log(1 + y), a),)],
             [1, y * (1 - y), 1 / (1 + y), sqrt(y), 1 + y],
             [y, log(y), y**2 - y, 1 / (1 + y), log(1 - y)]),
    "circle": (y, Interval(0, 2 * sp.pi), [((cos(y), a),), ((cos(y), a), (sin(y), b)), ((cos(2 * y), a),)],
               [1, 1 + cos(y) / 2, sin(y)**2, 2 + sin(y)], [cos(y), sin(y)**2, cos(3 * y), sin(y)]),
    "counts": (n, S.Naturals0, [((-n, a),), ((-n**2, a),), ((n, sp.log(a)),), ((-n, a), (-log(1 + n), b + 2))],
               [1, 1 / sp.factorial(n), n + 1, (n + 1)**2, 1 / (n + 1), 1 / sp.factorial(2 * n)],
               [n, n**2, (-1)**n, 1 / (n + 1), exp(-n)]),
    "few": (n, Range(0, 5), [((n, a),), ((n, a), (n**2, -b))], [1, sp.binomial(4, n), n + 1], [n, n**3, 1 / (n + 1)]),
}  # fmt: skip

SOURCES = [  # density in x, support: normalised
    (exp(-(x**2) / (2 * a**2)) / (a * sqrt(2 * sp.pi)), S.Reals),
    (exp(-sp.Abs(x) / a) / (2 * a), S.Reals),
    (exp(-x / a) / (a * (1 + exp(-x / a)) ** 2), S.Reals),
    (b**a * x ** (a - 1) * exp(-b * x) / sp.gamma(a), HALF),
    (a * b * x ** (b - 1) * exp(-a * x**b), HALF),
    (x ** (a - 1) * (1 - x) ** (b - 1) / sp.beta(a, b), UNIT),
    ((a + 1) * (1 + x) ** (-a - 2), HALF),
]
IMAGES = [  # x as a function of y, the support of y, the support of x
    (lambda s: 2 * s - 1, S.Reals, S.Reals),
    (lambda s: s**3 + s, S.Reals, S.Reals),
    (log, HALF, S.Reals),
    (sp.sinh, S.Reals, S.Reals),
    (lambda s: s**2, HALF, HALF),
    (lambda s: 1 / s, HALF, HALF),
    (lambda s: exp(s), S.Reals, HALF),
    (lambda s: s / (1 - s), UNIT, HALF),
    (lambda s: s / (1 + s), HALF, UNIT),
    (lambda s: exp(-s), HALF, UNIT),
    (lambda s: s**2, UNIT, UNIT),
    (lambda s: log(s / (1 - s)), UNIT, S.Reals),
]
FUNCTIONS = [y, y**2, log(1 + y**2), exp(-(y**2)), cos(y), 1 / (1 + y**2), sp.Abs(y), y * exp(-sp.Abs(y))]


def integral(integrand, variable, support, point):
    """The integral or sum over the support at numbers for the symbols, or None where it has none to eight digits."""
    formula = sp.sympify(integrand).subs(point).evalf(20)
    if support == S.Naturals0 or isinstance(support, Range):
        return _sum(sp.lambdify(variable, formula, "mpmath"), support)
    with np.errstate(all="ignore"):
        f = sp.lambdify(variable, formula, ["scipy", "numpy"])
    cuts = {
        S.Reals: [-np.inf, -20, -6, -2, -0.5, 0, 0.5, 2, 6, 20, np.inf],
        HALF: [0, 1e-6, 1e-3, 0.1, 0.5, 1, 2, 6, 20, 100, np.inf],
        UNIT: [0, 1e-6, 0.01, 0.5, 0.99, 1 - 1e-6, 1],
    }.get(support, list(np.linspace(0, 2 * np.pi, 5)))

    def value(at):
        with np.errstate(all="ignore"):
            got = f(np.float64(at))
        return 0.0 if np.isnan(got) else float(np.real(got))  # 0 * inf far out, where a density has died away

    total, doubt = 0.0, 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error", scipy.integrate.IntegrationWarning)  # one that diverges doesn't settle
        for low, high in pairwise(cuts):
            try:
                part, error = scipy.integrate.quad(value, low, high, epsabs=1e-13, epsrel=1e-10, limit=120)
            except scipy.integrate.IntegrationWarning:
                return None
            total, doubt = total + part, doubt + error
    return total if np.isfinite(total) and doubt < 1e-8 * (abs(total) + 1e-3) else None


def _sum(f, support):
    """As far as the terms still count; slowly falling ones have no reference."""
    if isinstance(support, Range):
        return float(mpmath.fsum(f(mpmath.mpf(int(k))) for k in support))
    total = mpmath.mpf(0)
    for k in range(3000):
        term = f(mpmath.mpf(k))
        total += term
        if k > 30 and abs(term) < 1e-16 * abs(total):
            return float(total)
    return None


def agrees(closed, reference, point):
    """Whether a closed form has a value, to seven digits; its number may come out complex by rounding only."""
    number = sp.N(closed.subs(point), 25)
    assert number.is_number, number
    real, imaginary = number.as_real_imag()
    size = 1e-7 * (abs(reference) + 1e-4)
    return abs(imaginary) <= size and abs(real - reference) <= size


def numbers(rng):
    return {a: R(rng.randint(3, 14), 5), b: R(rng.randint(3, 14), 5)}


def checked(closed, integrand, variable, support, rng, given=None):
    """Compare at two points; None where no reference settles."""
    count = 0
    for _ in range(2):
        point = numbers(rng)
        try:
            reference = integral(integrand, variable, support, point)
            if reference is not None and given is not None:
                mass = integral(given, variable, support, point)
                reference = None if mass is None else reference / mass
        except (ZeroDivisionError, OverflowError):
            reference = None
        if reference is None:
            continue
        count += 1
        assert agrees(closed, reference, point), (closed, integrand, support, point, reference)
        assert not agrees(closed + (abs(reference) + 1e-3) * 1e-5, reference, point)
    return count


def exponential_case(seed):
    """A random family: whether its mass and one expectation had closed forms that hold."""
    rng = random.Random(seed)
    variable, support, statistics, carriers, functions = FAMILIES[rng.choice(sorted(FAMILIES))]
    pairs, carrier, function = rng.choice(statistics), rng.choice(carriers), rng.choice(functions)
    weight = carrier * exp(sp.Add(*(q * e for q, e in pairs)))
    outcomes = []
    try:
        family = ExponentialFamily(
            [q for q, _ in pairs], variable, [e for _, e in pairs], carrier=carrier, support=support, budget=SECONDS
        )
        psi = family.log_partition.subs(family.natural_map)
        outcomes.append(checked(exp(psi), weight, variable, support, rng))
    except SymrgError as reason:
        outcomes.append(refusal(reason))
        return outcomes
    free = tuple(sorted(weight.free_symbols & {a, b}, key=str))
    try:
        model = StatisticalModel(log(carrier) + sp.Add(*(q * e for q, e in pairs)) - psi, variable, free, support)
        mean = model.expectation(function, budget=SECONDS)
        outcomes.append(checked(mean, weight * function, variable, support, rng, given=weight))
    except SymrgError as reason:
        outcomes.append(refusal(reason))
    return outcomes


def image_case(seed):
    """A random change of variable in a known family and a random expectation in it."""
    rng = random.Random(10**6 + seed)
    density, source = rng.choice(SOURCES)
    inverse, support, _ = rng.choice([image for image in IMAGES if image[2] == source])
    at, function = inverse(y), rng.choice(FUNCTIONS)
    sample = y if support == S.Reals else Symbol("y", positive=True)
    slope = sp.diff(at, y)
    pushed = (density.subs(x, at) * (slope if slope.subs(y, R(1, 2)) > 0 else -slope)).subs(y, sample)
    function = function.subs(y, sample)
    free = tuple(sorted(pushed.free_symbols & {a, b}, key=str))
    model = StatisticalModel(log(pushed), sample, free, support)
    try:
        mean = model.expectation(function, budget=SECONDS)
    except SymrgError as reason:
        return [refusal(reason)]
    return [checked(mean, pushed * function, sample, support, rng)]


def refusal(reason):
    """Nothing was found, or the integral does not exist: anything else is an error."""
    assert isinstance(reason, NoClosedForm) or type(reason).__name__ in ("InvalidModel", "DivergentExpectation"), reason
    return None


@pytest.mark.parametrize(("case", "few", "least"), [(exponential_case, 12, 0.4), (image_case, 10, 0.05)])
def test_no_closed_form_is_wrong(case, few, least):
    outcomes = [o for k in range(MANY or few) for o in case(SEED + k)]
    confirmed = sum(1 for o in outcomes if o)
    print(f"{case.__name__}: {len(outcomes)} asked, {confirmed} closed and confirmed, "
          f"{sum(o is None for o in outcomes)} refused, {outcomes.count(0)} without a reference")  # fmt: skip
    assert confirmed >= least * len(outcomes)


def test_the_reference_sees_a_wrong_form():
    point = {a: R(3, 2), b: R(2)}
    value = integral(y ** (a - 1) * exp(-b * y), y, HALF, point)
    assert agrees(sp.gamma(a) / b**a, value, point)
    for wrong in (sp.gamma(a) * b**a, sp.gamma(a + 1) / b**a, sp.gamma(a) / b ** (a + R(1, 10**6))):
        assert not agrees(wrong, value, point)
