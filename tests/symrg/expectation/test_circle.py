"""Angles: several turns, half turns of even functions, harmonics in any direction."""

import pytest
import sympy as sp
from sympy import cos, log, pi, sin, sqrt

from symrg import StatisticalModel
from symrg.expectation import circle

t, v, w = sp.symbols("t v w", real=True)
r = sp.Symbol("rho", real=True)
UNIT = (1 - 1 / sqrt(1 - r**2)) / -(r**2)


@pytest.mark.parametrize(
    ("log_density", "support"),
    [
        (log(1 + r * sin(2 * t)) - log(2 * pi), sp.Interval(-pi, pi)),
        (log(1 + r * cos(pi * t)), sp.Interval(0, 1)),
        (log(1 + r * cos(3 * t)) - log(pi), sp.Interval(0, pi)),
        (log(1 - r * sin(2 * pi * t / 24)) - log(24), sp.Interval(0, 24)),
    ],
)
def test_a_cardioid_is_one_on_every_circle(log_density, support):
    """I = (1/sqrt(1 - rho^2) - 1)/rho^2 for 1 + rho cos, whatever the period (Mardia, Jupp 2000, sec. 3.5.5)."""
    metric = StatisticalModel(log_density, t, (r,), support, (r**2 < 1,)).fisher_metric()
    assert sp.simplify(metric[0] - UNIT) == 0
    assert abs((metric[0] - UNIT * sp.Rational(101, 100)).subs(r, 0.4)) > 1e-3


def test_harmonics_in_two_directions():
    """In x = rho cos(mu), y = rho sin(mu) the metric is that of (mu, rho) carried over."""
    inside = (v**2 + w**2 < 1,)
    metric = StatisticalModel(
        log(1 + v * cos(t) + w * sin(t)) - log(2 * pi), t, (v, w), sp.Interval(0, 2 * pi), inside
    ).fisher_metric()
    radius, angle = sqrt(v**2 + w**2), sp.atan2(w, v)
    turn = sp.Matrix([[radius], [angle]]).jacobian([v, w])
    polar = sp.diag(UNIT, 1 - sqrt(1 - r**2)).subs(r, radius)
    point = {v: sp.Rational(3, 10), w: sp.Rational(-1, 2)}
    assert (metric - turn.T * polar * turn).subs(point).evalf(30).norm() < 1e-25
    mobius = log(1 - v**2 - w**2) - log(2 * pi) - log(1 + v**2 + w**2 - 2 * v * cos(t) - 2 * w * sin(t))
    metric = StatisticalModel(mobius, t, (v, w), sp.Interval(-pi, pi), inside).fisher_metric()
    flat = 2 / (1 - v**2 - w**2) ** 2 * sp.eye(2)  # McCullagh, Biometrika 79 (1992) 247
    assert (metric - flat).applyfunc(sp.simplify) == sp.zeros(2)


@pytest.mark.parametrize(
    ("integrand", "upper"), [(cos(t), 3), (sin(t), pi), (cos(t) + cos(sqrt(2) * t), 2 * pi), (t * cos(2 * t), 2 * pi)]
)
def test_what_makes_no_turn_is_left_alone(integrand, upper):
    turn = circle.turn(sp.S.Zero, integrand, t, sp.S.Zero, sp.sympify(upper))
    assert turn is None
