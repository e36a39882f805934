"""A statement holds only where its claim and every instance of it do."""

from sympy import Symbol, exp

from derivations.statement import Statement
from symrg.verification import Claim

x = Symbol("x", real=True)
TRUE = Claim((x + 1) ** 2, x**2 + 2 * x + 1, name="square")
FALSE = Claim((x + 1) ** 2, x**2 + 2 * x + 2, name="wrong square")


def test_true_claim_with_true_instances_holds():
    verdict = Statement(
        "(1)", "a square", TRUE, "for real x", instances=(Claim(exp(x) ** 2, exp(2 * x), name="power"),)
    )
    assert verdict.verify(20).status == "holds"


def test_one_false_instance_decides():
    verdict = Statement("(1)", "a square", TRUE, "for real x", instances=(TRUE, FALSE)).verify(20)
    assert verdict.status == "fails"
    assert "wrong square" in verdict.reason
    assert verdict.counterexample is not None


def test_false_claim_fails_whatever_its_instances():
    assert Statement("(1)", "a square", FALSE, "", instances=(TRUE,)).verify(20).status in (
        "fails",
        "holds with correction",
    )


def test_printed_form_is_kept():
    claim = Claim(x, x, printed=r"x = x")
    assert Statement("(1)", "", claim, "").latex() == "x = x"


def test_correction_in_the_source_s_notation_is_verified():
    mended = Claim((x + 1) ** 2, x**2 + 2 * x + 1, printed="(x+1)^2 = x^2 + 2x + 1")
    verdict = Statement("(1)", "a square", FALSE, "", mended=mended).verify(20)
    assert verdict.status == "holds with correction"
    assert verdict.correction is mended


def test_wrong_correction_is_not_taken():
    wrong = Claim((x + 1) ** 2, x**2 + 2 * x + 3)
    assert Statement("(1)", "a square", FALSE, "", mended=wrong).verify(20).correction is not wrong
