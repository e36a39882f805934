"""The verdicts on connected moments, and the figures of the fixed point."""

import pytest
from sympy import diff

from derivations import renormalisability as chapter
from symrg.verification import Claim, verify

STATEMENTS = {s.number: s for s in chapter.statements()}


@pytest.mark.parametrize(
    ("number", "status"), [("(moments)", "schematic"), ("(moments), derived", "holds"), ("(operators)", "holds")]
)
def test_verdicts(number, status):
    assert STATEMENTS[number].verify(60).status == status


def test_false_neighbours_are_refuted():
    """A quadratic generating function breaks nothing, and the phi^6 coefficient has another factor."""
    quadratic = chapter.a * chapter.t**2 / 2
    assert verify(Claim(diff(quadratic, chapter.t, 2), 0, "<"), 20).status == "fails"
    claim = STATEMENTS["(operators)"].claim
    assert verify(Claim(claim.lhs, 2 * claim.rhs), 20).status in {"fails", "holds with correction"}
