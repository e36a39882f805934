"""Claims on evolving densities and on integrals, held against simulations, which alone refuse false neighbours."""

import pytest
import sympy as sp

from numerics.evolution import Evolution
from numerics.evolution_witnesses import GridWitness, PathsWitness
from numerics.monte_carlo import MonteCarloWitness
from symrg.budget import Budget, Declined
from symrg.verification import Claim, Outcome, Reading

x, y, m = sp.symbols("x y m", real=True)
t, k, D, s = sp.symbols("t k D s", positive=True)
GRID, PATHS, DICE = GridWitness(), PathsWitness(count=1), MonteCarloWitness()


def normal(centre, variance, place=x):
    return sp.exp(-((place - centre) ** 2) / (2 * variance)) / sp.sqrt(2 * sp.pi * variance)


HEAT = normal(m, 2 * D * t)
ORNSTEIN = normal(m * sp.exp(-k * t), D / k * (1 - sp.exp(-2 * k * t)))
GEOMETRIC = normal(m - t / 2, t, sp.log(s)) / s  # dX = X dW
BACKWARDS = normal(m, 1 / t)


def ornstein(drift, diffusion):
    return drift * sp.Derivative(k * x * ORNSTEIN, x) + diffusion * D * sp.Derivative(ORNSTEIN, (x, 2))


def look(witness, lhs, rhs, conditions=()):
    return witness.examine(Reading.of(Claim(lhs, rhs, conditions=conditions)), Budget(60))


def test_an_evolution_is_taken_apart():
    found = Evolution.of(3 * sp.Derivative(ORNSTEIN, t), 3 * ornstein(1, 1))
    assert found.time == t
    assert found.coordinates == (x,)
    assert sp.simplify(found.drift[0] + k * x) == 0
    assert found.diffusion[0] == D


def test_coefficients_outside_the_derivatives_are_brought_inside():
    rhs = s**2 / 2 * sp.Derivative(GEOMETRIC, (s, 2)) + 2 * s * sp.Derivative(GEOMETRIC, s) + GEOMETRIC
    found = Evolution.of(sp.Derivative(GEOMETRIC, t), rhs)
    assert found.drift[0] == 0
    assert sp.simplify(found.diffusion[0] - s**2 / 2) == 0


@pytest.mark.parametrize(
    "rhs",
    [
        HEAT,
        sp.Derivative(HEAT, (x, 3)),
        D * sp.Derivative(HEAT, (x, 2)) + HEAT,
        sp.Derivative(HEAT, x) ** 2,
        sp.Derivative(HEAT, (x, 2)) * sp.Derivative(HEAT, x),
    ],
)
def test_other_right_sides_are_declined(rhs):
    with pytest.raises(Declined):
        Evolution.of(sp.Derivative(HEAT, t), rhs)


@pytest.mark.parametrize("witness", [GRID, PATHS], ids=["grid", "paths"])
def test_true_evolutions_are_confirmed(witness):
    found = look(witness, sp.Derivative(HEAT, t), D * sp.Derivative(HEAT, (x, 2)))
    assert found.outcome is Outcome.HOLDS, found
    assert "tolerance" in found.checks[0]


@pytest.mark.parametrize("witness", [GRID, PATHS], ids=["grid", "paths"])
@pytest.mark.parametrize("factor", [2, sp.Rational(1, 2), -1])
def test_a_wrong_factor_is_refuted_by_the_simulation_alone(witness, factor):
    found = look(witness, sp.Derivative(HEAT, t), factor * D * sp.Derivative(HEAT, (x, 2)))
    assert found.outcome is Outcome.REFUTED, found
    assert set(found.counterexample) == {D, m, t}


def test_a_tenth_more_is_refuted_on_the_grid_and_not_confirmed_by_paths():
    rhs = sp.Rational(11, 10) * D * sp.Derivative(HEAT, (x, 2))
    assert look(GRID, sp.Derivative(HEAT, t), rhs).outcome is Outcome.REFUTED
    assert look(PATHS, sp.Derivative(HEAT, t), rhs).outcome is not Outcome.HOLDS


@pytest.mark.parametrize(
    ("drift", "diffusion", "outcome"),
    [(1, 1, Outcome.HOLDS), (2, 1, Outcome.REFUTED), (1, 2, Outcome.REFUTED), (-1, 1, Outcome.REFUTED)],
)
def test_drift_and_diffusion(drift, diffusion, outcome):
    assert look(GRID, sp.Derivative(ORNSTEIN, t), ornstein(drift, diffusion)).outcome is outcome


def test_a_negative_diffusion_is_followed_towards_smaller_times():
    rhs = -sp.Derivative(BACKWARDS, (x, 2)) / (2 * t**2)
    assert look(GRID, sp.Derivative(BACKWARDS, t), rhs).outcome is Outcome.HOLDS
    assert look(GRID, sp.Derivative(BACKWARDS, t), 2 * rhs).outcome is Outcome.REFUTED


def test_two_coordinates():
    p = normal(m, 2 * t) * normal(0, t, y)
    true = sp.Derivative(p, (x, 2)) + sp.Derivative(p, (y, 2)) / 2
    assert look(GRID, sp.Derivative(p, t), true).outcome is Outcome.HOLDS
    wrong = sp.Derivative(p, (x, 2)) + sp.Derivative(p, (y, 2))
    assert look(GRID, sp.Derivative(p, t), wrong).outcome is Outcome.REFUTED


def test_a_stationary_density_says_nothing():
    p = normal(0, D / k)
    rhs = sp.Derivative(k * x * p, x) + D * sp.Derivative(p, (x, 2))
    assert look(GRID, sp.Derivative(p, t), rhs).outcome is Outcome.UNDECIDED


def test_a_claim_without_an_evolution_is_left_alone():
    for witness in (GRID, PATHS):
        assert look(witness, sp.sin(x) ** 2, 1 - sp.cos(x) ** 2).outcome is Outcome.UNDECIDED
    assert look(DICE, x, x).outcome is Outcome.UNDECIDED


@pytest.mark.parametrize(
    ("lhs", "rhs"),
    [
        (sp.Integral(x**2 * normal(0, D), (x, -sp.oo, sp.oo)), D),
        (sp.Integral(sp.exp(-k * s) * s, (s, 0, sp.oo)), 1 / k**2),
        (sp.Integral(sp.sqrt(1 + k * s), (s, 0, 1)), sp.Rational(2, 3) * ((1 + k) ** sp.Rational(3, 2) - 1) / k),
        (sp.Integral(normal(m, D), (x, -sp.oo, sp.oo)) * sp.Integral(s, (s, 0, k)), k**2 / 2),
    ],
)
def test_integrals_are_estimated(lhs, rhs):
    assert look(DICE, lhs, rhs).outcome is Outcome.HOLDS
    assert look(DICE, lhs, 2 * rhs).outcome is Outcome.REFUTED
    assert look(DICE, lhs, sp.Rational(11, 10) * rhs).outcome is Outcome.REFUTED


def test_dice_and_inequalities():
    mean = sp.Integral(x**2 * normal(0, D), (x, -sp.oo, sp.oo))
    assert DICE.examine(Reading.of(Claim(mean, 2 * D, "<")), Budget(30)).outcome is Outcome.HOLDS
    assert DICE.examine(Reading.of(Claim(mean, D / 2, "<")), Budget(30)).outcome is Outcome.REFUTED
    assert DICE.examine(Reading.of(Claim(mean, D, "<")), Budget(30)).outcome is Outcome.UNDECIDED
