"""The comparison sees an equation that is off by a factor."""

from sympy import Symbol, exp, pi, sqrt, symbols

from derivations.grid_comparison import compare_on_grids
from symrg.fokker_planck import FokkerPlanck

x = Symbol("x", real=True)
t, k = symbols("t k", positive=True)


def ornstein_uhlenbeck(diffusion=1):
    return FokkerPlanck(x, -k * x, diffusion, time=t)


EXACT = exp(-((x - exp(-k * t)) ** 2) / (2 * (1 - exp(-2 * k * t) / 2) / k)) / sqrt(
    2 * pi * (1 - exp(-2 * k * t) / 2) / k
)  # from N(1, 1/(2k)) at t = 0, towards N(0, 1/k)


def test_error_falls_at_second_order_for_the_right_equation_only():
    arguments = (EXACT, {x: (-7, 8)}, (64, 128, 256), 0.0, (0.5,), {k: 1.0})
    right = compare_on_grids(ornstein_uhlenbeck(), *arguments)
    assert all(1.8 < order < 2.2 for order in right.orders)
    assert right.runs[-1].error < 5e-4
    wrong = compare_on_grids(ornstein_uhlenbeck(2), *arguments)
    assert wrong.runs[-1].error > 0.05
