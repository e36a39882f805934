"""Claims that are true, false and undecidable, each with the verdict and the reason it must get."""

import tomllib
from pathlib import Path

import pytest
import sympy as sp

from symrg.parsing import parse
from symrg.verification import Claim, verify
from symrg.verification.equations_file import _TYPES

FOLDER = Path(__file__).parents[2] / "refused"


def cases(name):
    found = tomllib.loads((FOLDER / name).read_text())["case"]
    return [pytest.param(c, id=c.get("note", c["lhs"])[:60].replace(" ", "-")) for c in found]


def symbols_of(case):
    made = {}
    for name, kind in case.get("symbols", {}).items():
        made[name] = sp.Function(name) if kind == "function" else sp.Symbol(name, **_TYPES[kind])
    return made


def claim_of(case):
    names = symbols_of(case)

    def read(text):
        return parse(text, names, evaluate=False)

    order = case.get("order")
    if order:
        order = (names[order[0]], parse(order[1], names), order[2])
    conditions = [parse(c, names) for c in case.get("conditions", ())]
    return Claim(read(case["lhs"]), read(case["rhs"]), case.get("relation", "=="), conditions=conditions, order=order)


@pytest.mark.parametrize("case", cases("false_claims.toml"))
def test_false_claims_are_refuted_for_the_stated_reason(case):
    claim = claim_of(case)
    verdict = verify(claim, 20)
    assert verdict.status in ("fails", "holds with correction"), verdict
    assert case["reason"] in verdict.reason or case["reason"] == "fails"
    assert verdict.counterexample is not None
    assert any(w.outcome.value == "refuted" for w in verdict.witnesses)
    if "correction" in case:
        right = parse(case["correction"], symbols_of(case))
        assert verdict.correction is not None
        assert verdict.correction.lhs == claim.lhs
        difference = sp.Matrix([verdict.correction.rhs]) - sp.Matrix([right])
        assert sp.simplify(difference.doit()).is_zero_matrix
        assert r"\underline" in verdict.marked


@pytest.mark.parametrize("case", cases("true_claims.toml"))
def test_true_claims_hold_by_two_kinds_of_witness(case):
    verdict = verify(claim_of(case), 25)
    assert verdict.status == "holds", verdict
    assert len({w.kind for w in verdict.witnesses if w.outcome.value == "holds"}) >= 2


@pytest.mark.parametrize("case", cases("undecidable_claims.toml"))
def test_what_cannot_be_decided_says_why(case):
    verdict = verify(claim_of(case), 10)
    assert verdict.status == "undecided", verdict
    assert case["reason"] in verdict.reason
