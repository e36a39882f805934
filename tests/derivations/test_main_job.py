"""The ledger: one schema for examined and measured statements, with the controls of whatever holds."""

import dataclasses

import sympy as sp

from derivations.main_job import _measurement
from derivations.report.builder import statement_entry
from derivations.report.content import Entry as Shown
from derivations.report.content import Witness
from derivations.statement import Statement
from symrg.typesetting.plain import plain
from symrg.verification import Claim
from symrg.verification.ledger import SCHEMA, Entry, Ledger
from symrg.verification.mutants import control

x, p = sp.Symbol("x", real=True), sp.Symbol("p", positive=True)
SQUARE = Claim((x + 1) ** 2, x**2 + 2 * x + 1, name="square")
MISPRINT = Claim((x + 1) ** 2, x**2 + 2 * x + 2, name="misprint")
DEFINED = Claim(
    sp.Symbol("c"), sp.sqrt(p), ":=", name="root", consequences=(Claim(sp.Symbol("c") ** 2, p, name="its square"),)
)


def lines():
    mended = dataclasses.replace(SQUARE, printed="(x+1)^2 = x^2 + 2x + 1")
    statements = (
        Statement("(1)", "a square", SQUARE, "for real $x$", instances=(Claim(sp.exp(x) ** 2, sp.exp(2 * x)),)),
        Statement("(2)", "a misprint", MISPRINT, "for real $x$", mended=mended),
        Statement("(3)", "a root", DEFINED, "for positive $p$"),
    )
    for statement in statements:
        verdict = statement.verify(20)
        yield statement, verdict, Entry.of(verdict, 6, identifier=statement.number, title=statement.title)


def test_every_statement_carries_witnesses_and_controls(conforms):
    found = list(lines())
    measured = Shown("4", "a measurement", "m > 2", "holds", witnesses=(Witness("measured", "holds", "once"),))
    ledger = Ledger("Test", (*(line for *_, line in found), _measurement(measured)))
    data = ledger.as_json()
    conforms(data, SCHEMA)
    square, misprint, root, _ = data["entries"]
    assert [e["status"] for e in data["entries"]] == ["holds", "holds with correction", "definition", "holds"]
    assert square["controls"]["score"] == 1
    assert square["controls"]["refuted"] == square["controls"]["different"] > 3
    assert square["consequences"][0]["controls"]["score"] == 1
    assert len({w["kind"] for w in misprint["correction"]["witnesses"]}) >= 2
    assert misprint["controls"]["score"] == 1
    assert len(root["consequences"][0]["witnesses"]) >= 2
    assert data["summary"]["controls"] == data["summary"]["controls refused"] > 10
    shown = [statement_entry(statement, verdict, line) for statement, verdict, line in found]
    assert "refused" in shown[0].controls
    assert shown[1].consequences[0].name == "correction"
    assert "refused" in shown[1].consequences[0].controls
    assert len(shown[2].consequences[0].witnesses) >= 2


def test_mutants_without_time_are_named_untried():
    found = control(SQUARE, (), 0.001)
    assert found.untried > 0
    assert len(found.results) + found.untried == len(control(SQUARE, (), 10).results)


def test_a_series_is_printed_without_being_summed(monkeypatch):
    k = sp.Symbol("k", integer=True)

    def refuse(*args, **kwargs):
        raise AssertionError("it is evaluated")

    monkeypatch.setattr(sp.Sum, "__complex__", refuse)
    text = plain(1 + sp.Sum(sp.sin(k) / k**2, (k, 1, sp.oo)))
    assert "Sum(sin(k)/k**2, (k, 1, oo))" in text
    assert plain(x**2 + x + 1) == "x**2 + x + 1"
