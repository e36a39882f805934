"""The simulated witness confirms true statements about processes, refutes their neighbours, and abstains otherwise."""

import pytest
import sympy as sp

from numerics.witnesses import ProcessMean, SimulatedWitness
from symrg.budget import Budget
from symrg.errors import InvalidEquation
from symrg.fokker_planck import FokkerPlanck
from symrg.verification import Claim, Outcome, Reading, verify

x, y, t = sp.symbols("x y t", real=True)
k, D, T = sp.symbols("k D T", positive=True)
a = sp.Symbol("a", real=True)
BOUNDS = (*(2 * s > 1 for s in (k, T)), k < 2, T < 1, 10 * D > 1, D < 1, a > 1, a < 2)
LINEAR = FokkerPlanck((x,), [-k * x], [[D]], t)
VARIANCE = D / k * (1 - sp.exp(-2 * k * T))
WITNESS = SimulatedWitness(paths=20_000, count=2, steps=16, resolution=0.15)


def examine(lhs, rhs, relation="==", conditions=BOUNDS, witness=WITNESS):
    return witness.examine(Reading.of(Claim(lhs, rhs, relation, conditions=conditions)), Budget(60))


SECOND = ProcessMean(x**2, LINEAR, a, T)
EXACT = a**2 * sp.exp(-2 * k * T) + VARIANCE


def test_a_true_mean_holds():
    evidence = examine(SECOND, EXACT)
    assert evidence.outcome is Outcome.HOLDS, evidence
    assert len(evidence.checks) >= 2
    assert "tolerance" in evidence.checks[0]


@pytest.mark.parametrize(
    "wrong",
    [
        a**2 * sp.exp(-2 * k * T) + VARIANCE / 2,  # D = s s^T taken for s s^T / 2
        a**2 * sp.exp(-k * T) + VARIANCE,
        a**2 * sp.exp(-2 * k * T) + D / k,
    ],
)
def test_its_neighbours_are_refuted(wrong):
    evidence = examine(SECOND, wrong)
    assert evidence.outcome is Outcome.REFUTED
    assert set(evidence.counterexample) == {a, k, D, T}


def test_the_interpretation_shows_where_the_noise_depends_on_position():
    """E X of dX = sqrt(2 D) X dW is constant for Ito and grows with D for Stratonovich."""
    ito = FokkerPlanck((x,), [0], [[D * x**2]], t)
    stratonovich = FokkerPlanck((x,), [D * x], [[D * x**2]], t)
    assert examine(ProcessMean(x, ito, a, T), a).outcome is Outcome.HOLDS
    assert examine(ProcessMean(x, stratonovich, a, T), a * sp.exp(D * T)).outcome is Outcome.HOLDS
    assert examine(ProcessMean(x, ito, a, T), a * sp.exp(D * T)).outcome is Outcome.REFUTED


def test_inequalities():
    assert examine(SECOND, EXACT + 1, "<").outcome is Outcome.HOLDS
    assert examine(SECOND, EXACT - 1, "<=").outcome is Outcome.REFUTED
    assert examine(SECOND, EXACT, "<").outcome is not Outcome.HOLDS


def test_it_abstains_where_it_cannot_tell():
    assert examine(a, a).outcome is Outcome.UNDECIDED
    few = SimulatedWitness(paths=50, count=2, resolution=1e-3)
    evidence = examine(SECOND, EXACT, witness=few)
    assert evidence.outcome is Outcome.UNDECIDED
    assert "tolerance" in evidence.reason
    f = sp.Function("f")
    assert examine(f(a) + SECOND, f(a) + EXACT).outcome is Outcome.UNDECIDED


def test_verify_takes_it_as_one_of_two_witnesses():
    verdict = verify(Claim(SECOND, EXACT, conditions=BOUNDS), budget=60, witnesses=[WITNESS])
    assert verdict.status == "undecided"  # one witness alone does not settle a claim
    wrong = verify(Claim(SECOND, EXACT + 1, conditions=BOUNDS), budget=60, witnesses=[WITNESS], repair=False)
    assert wrong.status != "holds"


def test_the_mean_is_an_expression():
    assert SECOND.free_symbols == {a, k, D, T}
    assert SECOND.subs(T, 2).free_symbols == {a, k, D}
    assert ProcessMean(x**2, LINEAR, [a], T) == SECOND
    assert r"\mathbb{E}" in sp.latex(SECOND)
    assert "x^{2}" in sp.latex(SECOND).replace("x_{T}", "x")
    assert SECOND.equation == LINEAR
    with pytest.raises(InvalidEquation, match="2 initial values"):
        ProcessMean(x, LINEAR, [1, 2], T)
    with pytest.raises(InvalidEquation):
        ProcessMean(x, "not an equation", 1, T)
