"""What the witnesses' evidence adds up to, who is asked when, and points close to ends: survivors of mutation."""

import pytest
import sympy as sp

from symrg import Claim, verify
from symrg.verification import judgement
from symrg.verification.ball import BallWitness
from symrg.verification.judgement import judge
from symrg.verification.points import Domain, changes_of_form
from symrg.verification.witness import Evidence, Outcome

x = sp.Symbol("x", real=True)
CLAIM = Claim(sp.sin(x) ** 2, 1 - sp.cos(x) ** 2, name="Pythagoras")


def evidence(name, kind, outcome, **more):
    return Evidence(name, kind, outcome, ("a check",), "a reason", **more)


HOLDS = [evidence("one", "numeric", Outcome.HOLDS), evidence("two", "symbolic", Outcome.HOLDS)]
PROOF = evidence("three", "numeric", Outcome.REFUTED, counterexample={x: sp.Integer(1)}, proof=True)
GUESS = evidence("four", "floating", Outcome.REFUTED, counterexample={x: sp.Integer(1)})
SILENT = evidence("five", "other", Outcome.UNDECIDED)


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (HOLDS, "holds"),
        ([*HOLDS, SILENT], "holds"),
        ([SILENT], "undecided"),
        ([], "undecided"),
        ([PROOF], "fails"),
        ([*HOLDS, PROOF], "fails"),  # a proof outweighs any number of agreements
        ([*HOLDS, GUESS], "undecided"),  # a floating number doesn't
        ([SILENT, PROOF], "fails"),
    ],
)
def test_the_verdict_follows_from_the_evidence(found, status):
    verdict = judge(CLAIM, tuple(found))
    assert verdict.status == status
    assert verdict.holds == (status == "holds")
    assert (verdict.counterexample is not None) == (status == "fails")
    assert str(verdict).startswith(f"Pythagoras: {status}")
    assert str(judge(Claim(x, x), tuple(found))).startswith(status)


@pytest.mark.parametrize(
    ("ball", "symbolic", "asked"),
    [
        (Outcome.REFUTED, Outcome.HOLDS, ["Ball"]),  # a refutation ends the matter
        (Outcome.HOLDS, Outcome.HOLDS, ["Ball", "Symbolic"]),  # two kinds agree
        (Outcome.HOLDS, Outcome.UNDECIDED, ["Ball", "Symbolic", "Maxima", "Floating"]),
        (Outcome.UNDECIDED, Outcome.HOLDS, ["Ball", "Symbolic", "Floating"]),
    ],
)
def test_witnesses_are_asked_until_two_kinds_agree(monkeypatch, ball, symbolic, asked):
    calls = []

    def witness(name, outcome):
        class Recorder:
            def examine(self, reading, budget):
                calls.append(name)
                return evidence(name, name, outcome)

        return Recorder

    outcomes = {"Ball": ball, "Symbolic": symbolic, "Maxima": Outcome.UNDECIDED, "Floating": Outcome.UNDECIDED}
    for name, outcome in outcomes.items():
        monkeypatch.setattr(judgement, f"{name}Witness", witness(name, outcome))
    found = judgement.examine(judgement.Reading.of(CLAIM), judgement.Budget(5))
    assert calls == asked
    assert [e.outcome for e in found] == [outcomes[name] for name in asked]


@pytest.mark.parametrize("power", [60, 400])
def test_a_difference_far_below_the_first_digits_is_found(power):
    slip = 1 + sp.Rational(1, 10**power)
    verdict = verify(Claim(slip * sp.sin(x), sp.sin(x)), witnesses=(BallWitness(),), budget=20, repair=False)
    assert verdict.status == "fails"
    true = Claim(sp.sin(2 * x), 2 * sp.sin(x) * sp.cos(x))
    assert verify(true, witnesses=(BallWitness(),), budget=20, repair=False).status != "fails"


def test_points_come_as_close_to_both_ends_as_rounding_hides():
    points = [v[x] for v in Domain((x,), (x > 2, x < 3)).points(40)]
    for gaps in ([v - 2 for v in points], [3 - v for v in points]):
        assert min(gaps) < sp.Rational(1, 10**14)
        assert any(sp.Rational(1, 10**8) < g < sp.Rational(1, 10**3) for g in gaps)


def test_both_sides_of_a_change_of_form_are_visited_at_every_distance():
    places = changes_of_form([sp.Abs(x - sp.Rational(1, 7))])
    offsets = [v[x] - sp.Rational(1, 7) for v in Domain((x,)).points(5, places)]
    for side in (1, -1):
        near = [side * d for d in offsets if side * d > 0]
        assert min(near) < sp.Rational(1, 10**9)
    assert 0 in offsets
