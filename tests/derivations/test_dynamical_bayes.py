"""The verdicts on (12)-(17) and (21), and the false neighbours of the statements that hold."""

from __future__ import annotations

import pytest

from derivations import bayesian_diffusion, dynamical_bayes
from symrg.verification import verify

EXPECTED = {
    "(12)": "fails",
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


def test_chapters_are_as_the_command_line_wants_them():
    for module, numbers in ((dynamical_bayes, {"12", "13", "14", "15", "16", "17"}), (bayesian_diffusion, {"21"})):
        assert numbers <= set(module.equations)
        assert module.title
        assert all(d.steps for d in module.derivations())
