"""(4)-(11): the verdicts against an independent derivation."""

import pytest
from sympy import Rational, diff, simplify

from derivations import exact_rg as chapter
from symrg.verification import Claim, verify

STATEMENTS = {s.number: s for s in chapter.statements()}
WRONG = {"fails", "holds with correction"}


@pytest.mark.parametrize(
    ("number", "statuses"),
    [
        ("(4)", {"definition"}),
        ("(5)", {"schematic"}),
        ("(6)", {"holds"}),
        ("(7)", {"definition"}),
        ("(7), text", WRONG),
        ("(8)-(10)", WRONG),
        ("(11)", {"definition"}),
    ],
)
def test_verdicts(number, statuses):
    assert STATEMENTS[number].verify(60).status in statuses


@pytest.mark.parametrize(
    ("diffusion", "drift"), [(1, 1), (-1, -1), (Rational(1, 2), Rational(1, 2)), (-Rational(1, 2), -1)]
)
def test_other_factors_are_refuted(diffusion, drift):
    flow = chapter.one_mode()
    _, rate = chapter.density_flow(flow)
    verdict = verify(Claim(rate, chapter.printed_right_side(flow, Rational(diffusion), Rational(drift))), 20)
    assert verdict.status in WRONG


def test_corrected_factors_by_hand():
    """Independent of the solver: d_t P from d_t S = Cdot (S'^2 - S'')/2 + tr/2 (Polchinski 1984)."""
    flow = chapter.one_mode()
    phi, action = chapter.phi, chapter.interaction
    cdot = chapter.Lambda * diff(chapter.cutoff / chapter.G, chapter.Lambda)
    covariance = chapter.cutoff / chapter.G
    textbook = cdot * (diff(action, phi) ** 2 - diff(action, phi, 2)) / 2 + cdot / covariance / 2
    assert simplify(flow.action_flow() - textbook) == 0


def test_every_link_of_the_derivations_holds():
    for derivation in chapter.derivations():
        assert [v.status for v in derivation.verify(60)] == ["holds"] * len(derivation.claims)
