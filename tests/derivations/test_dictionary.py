"""The verdicts on the four rows of the dictionary."""

import pytest
from sympy import diff

from derivations import dictionary as chapter
from symrg.verification import Claim, verify

STATEMENTS = {s.number: s for s in chapter.statements()}
WRONG = {"fails", "holds with correction"}


def test_numbers():
    assert set(STATEMENTS) == set(chapter.numbers)


@pytest.mark.parametrize("row", [1, 2, 3, 4])
def test_rows(row):
    assert STATEMENTS[f"(row {row})"].verify(60).status in WRONG
    assert STATEMENTS[f"(row {row}), derived"].verify(60).status == "holds"


def test_other_clocks_are_refuted():
    """tau = C - C_0 and twice the clock do not make the posterior solve the flow."""
    inference = chapter.one_mode()
    good = STATEMENTS["(row 1), derived"].claim
    assert verify(Claim(good.lhs, 2 * good.rhs), 20).status in WRONG
    two_point = chapter.polchinski().covariance[0]
    rate = -chapter.Lambda * diff(two_point, chapter.Lambda)
    assert verify(Claim(rate, inference.rate), 20).status in WRONG


def test_information_shell():
    """It holds with the information of arXiv:2405.17538's cosine network; without the half of the phase it does not."""
    statement = STATEMENTS["(shells)"]
    assert statement.verify(60).status == "holds"
    assert verify(Claim(statement.claim.lhs, 2 * statement.claim.rhs), 20).status in WRONG


def test_pruned_networks_have_the_lower_cutoff():
    (table,), (finding,) = chapter.measured()
    for row in table.rows:
        for expected, seen in (row[1:3], row[3:5]):
            value, error = (float(part) for part in seen.split("±"))
            assert abs(value - float(expected)) < 5 * error
    whole, error = (float(part) for part in table.rows[0][2].split("±"))
    assert abs(whole - float(table.rows[0][3])) > 10 * error  # the two cutoffs are told apart
    assert "standard errors" in finding.answer


def test_derivation_holds():
    for derivation in chapter.derivations():
        assert all(v.status == "holds" for v in derivation.verify(30))
