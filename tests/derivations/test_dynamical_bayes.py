"""The verdicts on (12)-(17) and (21), and the false neighbours of the statements that hold."""

from __future__ import annotations

import pytest
from sympy import simplify

from derivations import bayesian_diffusion, dynamical_bayes
from symrg.verification import verify

EXPECTED = {
    "(12)": "holds with correction",
    "(13)": "holds",
    "(14)": "holds",
    "(15)": "holds",
    "(16)": "holds",
    "(17)": "holds",
    "(21)": "holds with correction",
    "(21), derived": "holds",
}
STATEMENTS = {s.number: s for m in (dynamical_bayes, bayesian_diffusion) for s in m.statements()}


def test_every_statement_has_an_expected_verdict():
    assert set(STATEMENTS) == set(EXPECTED)


@pytest.mark.parametrize("number", EXPECTED)
def test_verdicts(number):
    statement = STATEMENTS[number]
    assert statement.verify(60).status == EXPECTED[number]
    assert statement.reading
    if statement.claim.source != "derived here":
        assert statement.claim.printed


@pytest.mark.parametrize("number", ["(13)", "(14)", "(15)", "(16)", "(17)", "(21), derived"])
def test_twice_the_right_side_is_refused(number):
    claim = STATEMENTS[number].claim
    assert verify(claim.with_rhs(2 * claim.rhs), 20).status in ("fails", "holds with correction")


def test_corrections_are_in_the_notation_of_the_talk_and_hold():
    for number, shown in (("(12)", r"- \psi(\theta)"), ("(21)", r"\frac{1}{2} \mathcal{I}^{ij}(\gamma)")):
        correction = STATEMENTS[number].verify(30).correction
        assert shown in correction.printed
        assert verify(correction, 20).status == "holds"
        assert verify(correction.with_rhs(correction.rhs * 3), 20).status != "holds"


def test_the_form_printed_in_21_loses_probability_where_its_coefficients_have_a_divergence():
    rate, expected = bayesian_diffusion.lost_probability()
    assert expected != 0
    assert simplify(rate.doit() - expected) == 0


def test_chapters_are_as_the_command_line_wants_them():
    for module, numbers in ((dynamical_bayes, {"12", "13", "14", "15", "16", "17"}), (bayesian_diffusion, {"21"})):
        assert numbers <= set(module.equations)
        assert module.title
        assert all(d.steps for d in module.derivations())
