"""Statements examined in other processes give what they give here."""

import pytest

from derivations import dictionary, exact_rg, normal_data
from derivations.examination import Task, examinations, tasks
from symrg.verification.ledger import Entry

MODULE = "derivations.normal_data"


def test_a_chapter_is_tasks_for_its_statements_and_all_their_derivations():
    found = tasks(exact_rg, 5)
    assert [t.name for t in found if t.kind == "statement"] == list(exact_rg.numbers)
    titles = {s.derivation().title for s in exact_rg.statements() if s.derivation is not None}
    assert {t.name for t in found if t.kind == "derivation"} == titles | {d.title for d in exact_rg.derivations()}
    kinds = [t.kind for t in found]
    assert kinds == sorted(kinds)  # a derivation is there when the statement that it leads to is asked for


@pytest.mark.parametrize("processes", [0, 1])
def test_the_verdicts_do_not_depend_on_the_processes(processes):
    wanted = [t for t in tasks(normal_data, 30) if t.kind == "derivation" or t.name == "(20)"]
    with examinations(wanted, processes) as begun:
        found = [begun[t].result() for t in wanted]
    chains, (line,) = found[:-1], found[-1:]
    assert all(v.status == "holds" for chain in chains for v in chain)
    assert isinstance(line, Entry)
    assert line.verdict.status == "holds"
    assert {"solution on a grid", "ensemble of paths"} <= {
        w.witness for e in line.consequences for w in e.verdict.witnesses
    }


def test_an_error_in_another_process_arrives():
    task = Task(MODULE, "(99)", "statement", 5.0)
    with examinations([task], 1) as begun, pytest.raises(KeyError):
        begun[task].result()


def test_verdicts_with_any_functions_travel():
    task = Task("derivations.dictionary", "(row 4), derived", "statement", 30.0)
    with examinations([task], 1) as begun:
        line = begun[task].result()
    assert line.verdict.claim == {s.number: s for s in dictionary.statements()}[task.name].claim
    assert line.verdict.status == "holds"
    assert dictionary.statements() is dictionary.statements()  # built once
