"""From derivations and verdicts to the parts of a report."""

import re
from types import ModuleType

import pytest
import sympy as sp

from derivations.report.builder import chapter, entry, working
from derivations.report.content import Chapter, Report
from derivations.report.document import article
from derivations.report.html import BrokenReport, render
from derivations.statement import Statement
from symrg import Claim, Derivation, verify

x = sp.Symbol("x", real=True)
INNER = Derivation("square", (x + 1) ** 2).step(x**2 + 2 * x + 1, because="binomial theorem")
CHAIN = (
    Derivation("Cosine and sine", sp.sin(x) ** 2 + sp.cos(x) ** 2 + (x + 1) ** 2, notation=r"F(x)")
    .step(1 + (x + 1) ** 2, because="Pythagoras")
    .step(x**2 + 2 * x + 2, because="expand", within=INNER)
)


def test_each_step_carries_its_own_verdict():
    shown = working(CHAIN, CHAIN.verify(30))
    assert [s.because for s in shown.steps] == ["", "Pythagoras", "expand"]
    assert [s.status for s in shown.steps] == ["", "holds", "holds"]
    assert shown.steps[2].within.steps[0].because == "binomial theorem"
    assert shown.steps[2].within.steps[0].status == "holds"
    assert all(len(s.witnesses) >= 2 for s in shown.steps[1:])


def test_a_wrong_step_shows_as_wrong():
    wrong = Derivation("Wrong", sp.sin(x) ** 2 + sp.cos(x) ** 2).step(sp.Integer(2), because="wishful")
    assert working(wrong, wrong.verify(20)).steps[0].status not in ("holds", "definition")


def test_a_verdict_becomes_an_entry_with_its_counterexample():
    verdict = verify(Claim(sp.sin(x), x, name="small angle"), 20)
    found = entry("7", verdict)
    assert found.status == verdict.status != "holds"
    assert re.match(r"\$x (=|\\approx) -?[\d.\\]", found.counterexample)
    assert len(found.counterexample) < 60
    assert found.printed == r"\sin(x) = x"


def test_the_parts_make_a_page_and_an_article():
    report = Report("T", (Chapter("C", (working(CHAIN),)),), (entry("1", verify(CHAIN.claims[0], 20)),))
    page = render(report)
    assert "Pythagoras" in page
    assert "binomial theorem" in page
    assert "Pythagoras" in article(report)


def test_a_chapter_of_the_talk():
    module = ModuleType("derivations.sample")
    module.__doc__ = "A chapter: equations (3) to (5).\n\nWhat it says."
    module.title = "A chapter"
    claims = {
        "(3)": Claim(sp.sin(x) ** 2 + sp.cos(x) ** 2, sp.Integer(1), name="(3)", printed=r"s^2 + c^2 = 1"),
        "(5), text": Claim(sp.sin(x), x, name="(5)"),
    }
    statements = tuple(
        Statement(
            number, f"title {number}", claim, "for real $x$", derivation=(lambda: CHAIN) if number == "(3)" else None
        )
        for number, claim in claims.items()
    )
    module.statements = lambda: statements
    module.derivations = lambda: (INNER,)
    made, entries = chapter(module, {s.number: s.verify(20) for s in statements})
    assert made.equations == "(3)-(5)"
    assert made.blocks[0] == "A chapter: equations (3) to (5)."
    assert [e.status for e in entries] == ["holds", entries[1].status]
    assert entries[1].status != "holds"
    page = render(Report("T", (made,), entries))
    assert "(5), text" in page
    assert "#derivation-cosine-and-sine" in page
    assert r"\tag*{(5), text}" in article(Report("T", (made,), entries))


def test_numbers_that_the_statements_do_not_have_are_refused():
    module = ModuleType("derivations.sample")
    module.title, module.numbers = "A chapter", ("(4)",)
    module.statements = lambda: (Statement("(3)", "t", Claim(x, x), "r"),)
    module.derivations = lambda: ()
    with pytest.raises(BrokenReport, match="numbers"):
        chapter(module, {})
