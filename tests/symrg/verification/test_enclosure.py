"""Ball arithmetic: values against mpmath, integrals against closed forms, and the traps that make a ball lie."""

import mpmath
import pytest
import sympy as sp
from flint import acb, arb

from symrg.budget import Declined
from symrg.verification.ball import _size
from symrg.verification.enclosure import Point, at, enclose
from symrg.verification.floating import value_of
from symrg.verification.points import precision

x, y, t = sp.symbols("x y t", real=True)
z = sp.Symbol("z")
a, s = sp.symbols("a s", positive=True)
mu = sp.Symbol("mu", real=True)
k = sp.Symbol("k", integer=True)
R = sp.Rational

PLACES = [R(3, 7), R(9, 4), -R(5, 3), R(1, 3) + 2 * sp.I, -R(3, 2) - sp.I / 5, -R(3, 2) + sp.I / 5, R(5, 2) - 3 * sp.I]
UNARY = [
    "sin",
    "cos",
    "tan",
    "cot",
    "sec",
    "csc",
    "sinh",
    "cosh",
    "tanh",
    "coth",
    "sech",
    "csch",
    "asin",
    "acos",
    "atan",
    "acot",
    "asec",
    "acsc",
    "asinh",
    "acosh",
    "atanh",
    "acoth",
    "asech",
    "acsch",
    "exp",
    "log",
    "erf",
    "erfc",
    "erfi",
    "gamma",
    "loggamma",
    "Ei",
    "Si",
    "Ci",
    "Shi",
    "Chi",
    "li",
    "LambertW",
    "fresnels",
    "fresnelc",
    "airyai",
    "airybi",
    "zeta",
]


@pytest.mark.parametrize("name", UNARY)
def test_functions_take_mpmaths_values_on_every_side_of_their_cuts(name):
    expr = getattr(sp, name)(z)
    for place in PLACES:
        with precision(160), mpmath.workdps(40):
            ball = enclose(expr)(at({z: place}))
            reference = value_of(expr, {z: value_of(place, {})})
            centre = mpmath.mpc(*(mpmath.mpf(p.mid().str(35, radius=False)) for p in (ball.real, ball.imag)))
        assert ball.is_finite()
        assert abs(centre - reference) < mpmath.mpf(10) ** -25 * (1 + abs(reference)), (name, place)


@pytest.mark.parametrize(
    ("expr", "values"),
    [
        (sp.besselj(R(1, 3), z), {z: R(5, 2)}),
        (sp.besselk(2, z), {z: R(5, 2) + sp.I}),
        (sp.polygamma(2, z), {z: R(7, 3)}),
        (sp.uppergamma(R(1, 2), z), {z: R(3, 2)}),
        (sp.lowergamma(R(1, 2), z), {z: R(3, 2)}),
        (sp.hyper((1, R(1, 2)), (R(7, 3),), z), {z: -R(3, 4)}),
        (sp.legendre(3, z), {z: R(2, 7)}),
        (sp.binomial(z, 3), {z: R(9, 2)}),
        (sp.RisingFactorial(z, 4), {z: R(9, 2)}),
        (sp.elliptic_k(z), {z: R(1, 3)}),
        (sp.zeta(3, z), {z: R(1, 3)}),
        (sp.polylog(2, z), {z: R(1, 3)}),
        (sp.beta(z, R(5, 3)), {z: R(1, 3)}),
        (sp.expint(2, z), {z: R(4, 3)}),
        (sp.hermite(4, z), {z: R(4, 3)}),
    ],
)
def test_functions_of_two_arguments(expr, values):
    with precision(160), mpmath.workdps(40):
        ball = enclose(expr)(at(values))
        reference = value_of(expr, {key: value_of(v, {}) for key, v in values.items()})
        assert abs(mpmath.mpf(ball.real.mid().str(35, radius=False)) - mpmath.re(reference)) < 1e-25 * (
            1 + abs(reference)
        )


INTEGRALS = [
    (sp.Integral(sp.exp(-(x**2)), (x, -sp.oo, sp.oo)), {}, sp.sqrt(sp.pi)),
    (sp.Integral(x ** (a - 1) * sp.exp(-x), (x, 0, sp.oo)), {a: R(1, 3)}, sp.gamma(R(1, 3))),
    (sp.Integral(1 / (1 + x**2), (x, -sp.oo, sp.oo)), {}, sp.pi),
    (
        sp.Integral(x ** R(-2, 3) * (1 - x) ** R(-3, 5), (x, 0, 1)),
        {},
        sp.gamma(R(1, 3)) * sp.gamma(R(2, 5)) / sp.gamma(R(11, 15)),
    ),
    (sp.Integral(sp.log(x), (x, 0, 1)), {}, -1),
    (sp.Integral(sp.sqrt(x), (x, 1, 4)), {}, R(14, 3)),  # without the analytic flag: a wrong narrow ball
    (sp.Integral(sp.sqrt(x), (x, 0, 2)), {}, R(2, 3) * 2 ** R(3, 2)),
    (sp.Integral(sp.Abs(x), (x, -1, 2)), {}, R(5, 2)),
    (sp.Integral(sp.floor(x), (x, 0, R(5, 2))), {}, 2),
    (sp.Integral(sp.Piecewise((x, x < 1), (2, True)), (x, 0, 3)), {}, R(9, 2)),
    (
        sp.Integral(sp.exp(-sp.Abs(x - mu) / s) / (2 * s) * (x - mu) ** 2, (x, -sp.oo, sp.oo)),
        {mu: R(3, 2), s: R(1, 2)},
        R(1, 2),
    ),
    (sp.Integral(x / (sp.exp(x) - 1), (x, 0, sp.oo)), {}, sp.pi**2 / 6),
    (sp.Integral(sp.exp(x - sp.exp(x)), (x, -sp.oo, sp.oo)), {}, 1),
    (sp.Integral(sp.log(sp.sin(x)), (x, 0, sp.pi)), {}, -sp.pi * sp.log(2)),
    (sp.Integral(sp.log(x) ** 2 * sp.exp(-x), (x, 0, sp.oo)), {}, sp.EulerGamma**2 + sp.pi**2 / 6),
    (sp.Integral(sp.exp(3 * sp.I * x - x**2 / 2), (x, -sp.oo, sp.oo)), {}, sp.sqrt(2 * sp.pi) * sp.exp(-R(9, 2))),
    (sp.Integral(sp.exp(-(x**2) - y**2 - x * y), (x, -sp.oo, sp.oo), (y, -sp.oo, sp.oo)), {}, 2 * sp.pi / sp.sqrt(3)),
    (sp.Integral(x * y, (y, 0, x), (x, 0, 1)), {}, R(1, 8)),
    (sp.Integral(sp.exp(sp.cos(x)), (x, 0, 2 * sp.pi)), {}, 2 * sp.pi * sp.besseli(0, 1)),
    (sp.Integral(1 / x**2, (x, sp.oo, 1)), {}, -1),
]


@pytest.mark.parametrize(("integral", "values", "exact"), INTEGRALS, ids=lambda v: str(v)[:40])
def test_integrals_hold_the_exact_value_in_a_narrow_ball(integral, values, exact):
    with precision(256):
        ball = enclose(integral)(at(values))
        gap = ball - enclose(sp.sympify(exact))(Point({}))
        assert gap.contains(0)
        assert gap.real.rad() + gap.imag.rad() < arb(10) ** -60
        assert not (gap + acb(arb(10) ** -55)).contains(0)  # the ball isn't so wide that anything fits


@pytest.mark.parametrize(
    "divergent",
    [
        sp.Integral(1 / x, (x, 1, sp.oo)),
        sp.Integral(1 / x, (x, 0, 1)),
        sp.Integral(sp.exp(x), (x, 0, sp.oo)),
        sp.Integral(sp.sin(x), (x, 0, sp.oo)),
        sp.Integral(x ** -R(3, 2), (x, 0, 1)),
        sp.Integral(1 / x, (x, -1, 1)),
    ],
    ids=str,
)
def test_divergent_integrals_get_no_finite_ball(divergent):
    with precision(256):
        try:
            ball = enclose(divergent)(Point({}))
        except Declined:
            return
        assert not ball.is_finite()


SUMS = [
    (sp.Sum(z**k / sp.factorial(k), (k, 0, sp.oo)), {z: R(7, 3) + sp.I}, sp.exp(R(7, 3) + sp.I)),
    (sp.Sum(1 / k**2, (k, 1, sp.oo)), {}, sp.pi**2 / 6),
    (sp.Sum((-1) ** k / (2 * k + 1), (k, 0, sp.oo)), {}, sp.pi / 4),
    (sp.Sum(k * a * (1 - a) ** (k - 1), (k, 1, sp.oo)), {a: R(1, 3)}, 3),
    (sp.Sum(1 / (k**2 + 1), (k, 0, sp.oo)), {}, (1 + sp.pi * sp.coth(sp.pi)) / 2),
    (sp.Sum(sp.exp(-sp.pi * k**2), (k, -sp.oo, sp.oo)), {}, sp.pi ** R(1, 4) / sp.gamma(R(3, 4))),
    (sp.Sum(sp.binomial(2 * k, k) * z**k, (k, 0, sp.oo)), {z: R(1, 8)}, sp.sqrt(2)),
    (sp.Sum(k, (k, 3, 1)), {}, -2),  # Karr's convention, as in SymPy
]


@pytest.mark.parametrize(("total", "values", "exact"), SUMS, ids=lambda v: str(v)[:40])
def test_sums_hold_the_exact_value_in_a_narrow_ball(total, values, exact):
    with precision(256):
        gap = enclose(total)(at(values)) - enclose(sp.sympify(exact))(Point({}))
        assert gap.contains(0)
        assert gap.real.rad() + gap.imag.rad() < arb(10) ** -60


@pytest.mark.parametrize(
    "total", [sp.Sum(1 / k, (k, 1, sp.oo)), sp.Sum(2**k, (k, 0, sp.oo)), sp.Sum(sp.sin(k), (k, 0, sp.oo))]
)
def test_divergent_sums_are_declined(total):
    with precision(256), pytest.raises(Declined):
        enclose(total)(Point({}))


def test_a_name_can_not_pass_for_a_function():
    with pytest.raises(Declined, match="no values of its own"):
        enclose(sp.Function("sin")(x))


def test_comparisons_are_decided_exactly_at_rational_points():
    step = sp.Piecewise((1, x < R(1, 3)), (2, True))
    assert enclose(step)(at({x: R(1, 3)})).contains(2)
    assert not enclose(step)(at({x: R(1, 3)})).contains(1)
    assert enclose(sp.floor(3 * x))(at({x: R(1, 3)})).is_exact()
    assert enclose(sp.Heaviside(x))(at({x: sp.Integer(0)})).contains(arb(1) / 2)


@pytest.mark.parametrize("exponent", [-1, -50, -1000, -4000, 3])
def test_a_radius_is_a_power_of_ten_that_bounds_it(exponent):
    with precision(4000):
        for factor in (1, arb("1.0000001"), arb("0.3")):
            radius = arb(0, arb(10) ** exponent * factor).rad()
            assert radius.upper() <= arb(_size(radius)).upper()
            assert arb(_size(radius)) < 20 * radius.upper()
