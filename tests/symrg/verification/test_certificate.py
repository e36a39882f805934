"""Certificates: an honest one is confirmed by a checker apart, a changed one is refused with its reason."""

import copy
import json
from pathlib import Path

import pytest
import sympy as sp

from symrg.verification import Claim, Outcome, verify
from symrg.verification.certificate import certificate
from symrg.verification.checker import Malformed, check_text, digest, main

x, y = sp.symbols("x y", real=True)
p, q = sp.symbols("p q", positive=True)
z = sp.Symbol("z")
k = sp.Symbol("k", integer=True)
f = sp.Function("f")(x)
heat = sp.exp(-((x - y) ** 2) / (2 * p)) / sp.sqrt(p)

CLAIMS = (
    Claim(sp.sin(z) ** 2 + sp.cos(z) ** 2, 1, name="trig"),
    Claim(sp.log(p**2), 2 * sp.log(p), conditions=(p < 3,), name="log"),
    Claim(sp.sqrt(x**2), x, name="root"),
    Claim(sp.Integral(sp.exp(-p * x**2), (x, -sp.oo, sp.oo)), sp.sqrt(sp.pi / p), name="gauss"),
    Claim(sp.Integral(1 / (p + x**2), (x, 0, 1)), sp.atan(1 / sp.sqrt(p)) / sp.sqrt(p), name="finite"),
    Claim(sp.sin(x), x - x**3 / 6, order=(x, 0, 5), name="series"),
    Claim(sp.sin(x), x, order=(x, 0, 4), name="wrong order"),
    Claim(sp.sqrt(x**2 + p * x), x + p / 2, order=(x, sp.oo, 1), name="at infinity"),
    Claim(sp.Derivative(f**2, x), 2 * f * sp.Derivative(f, x), name="any function"),
    Claim(sp.Derivative(f**2, x), f * sp.Derivative(f, x), name="not any function"),
    Claim(sp.Sum(p**k / sp.factorial(k), (k, 0, sp.oo)), sp.exp(p), name="sum", conditions=(p < 4,)),
    Claim(sp.exp(x), 1 + x, ">=", name="tangent"),
    Claim(sp.Derivative(heat, p), sp.Derivative(heat, (x, 2)) / 2, name="heat"),
    Claim((x + 1) ** 2, x**2 + 2 * x + 2, name="misprint"),
    Claim(sp.Symbol("c"), sp.sqrt(p), ":=", name="root of p", consequences=(Claim(sp.Symbol("c") ** 2, p),)),
    Claim(sp.Symbol("a"), sp.Symbol("b"), "~", name="schematic"),
)


@pytest.fixture(scope="module")
def honest():
    return json.loads(certificate("test", [verify(c, 30) for c in CLAIMS]))


@pytest.fixture
def data(honest):
    return copy.deepcopy(honest)


def sealed(data):
    """The changed certificate with a fresh digest, as an attacker would write it."""
    data["digest"] = digest(data["claims"])
    return json.dumps(data)


def claim(data, name):
    (found,) = [c for c in data["claims"] if c["name"] == name]
    return found


def outcome(data, name):
    """What the checker says of one claim, with what belongs to it."""
    number = claim(data, name)["number"]
    kept = [c for c in data["claims"] if number in (c["number"], c.get("corrects"), c.get("part_of"))]
    (found,) = [(ok, why) for n, ok, why in check_text(sealed(dict(data, claims=kept))) if n == name]
    return found


def test_an_honest_certificate_is_confirmed(honest):
    found = {name: (ok, why) for name, ok, why in check_text(json.dumps(honest))}
    unchecked = {"root of p", "schematic"}
    assert {n for n, (ok, _) in found.items() if ok is not True} == unchecked
    assert "algebraic identity" in found["heat"][1]
    assert "algebraic identity" in found["trig"][1]
    assert "power series" in found["series"][1]
    assert "power series" in found["wrong order"][1]
    assert "quadrature" in found["gauss"][1]
    assert "quadrature" not in found["finite"][1]
    assert "ratio" in found["sum"][1]
    assert "not proved" in found["gauss"][1]
    assert "1 consequences" in found["root of p"][1]
    assert "recorded only, not checked again: symbolic reduction" in found["trig"][1]


def test_a_claim_says_what_is_checked_again(honest):
    for entry in honest["claims"]:
        if entry["verdict"] in ("holds", "fails", "holds with correction"):
            assert entry["rechecked"], entry["name"]
    assert "choices of the undefined functions" in claim(honest, "any function")["rechecked"][0]
    assert claim(honest, "trig")["recorded"] == ["symbolic reduction"]


def test_a_change_shows_in_the_digest(data):
    claim(data, "trig")["statement"] += " "
    data["claims"] = [claim(data, "trig")]
    *_, (name, ok, why) = check_text(json.dumps(data))
    assert name == "certificate"
    assert ok is False
    assert "digest" in why


BIG = ["rat", "1" + "0" * 39 + "1", "1" + "0" * 40]


def a_side(data):
    claim(data, "trig")["cases"][0]["pairs"][0][1] = BIG
    return "trig"


def a_verdict(data):
    entry = claim(data, "root")
    entry["verdict"] = "holds"
    entry["cases"][0]["points"] = [dict(p, radius="1e-50") for p in entry["cases"][0]["points"]]
    return "root"


def a_verdict_without_its_points(data):
    entry = claim(data, "root")
    entry["verdict"] = "holds"
    entry["cases"][0]["points"] = []
    return "root"


def points_that_were_chosen(data):
    entry = claim(data, "root")
    entry["verdict"] = "holds"
    point = {"values": {"v0": ["rat", "3", "2"]}, "element": 0, "bits": 256, "radius": "1e-60"}
    entry["cases"][0]["points"] = [point]
    return "root"


def a_refutation(data):
    claim(data, "trig")["verdict"] = "fails"
    return "trig"


def an_integral(data):
    pair = claim(data, "gauss")["cases"][0]["pairs"][0]
    pair[1] = ["mul", ["rat", "1001", "1000"], pair[1]]
    return "gauss"


def a_radius(data):
    for point in claim(data, "trig")["cases"][0]["points"]:
        point["radius"] = "1e-4000"
        point["bits"] = 64
    return "trig"


def a_wide_ball(data):
    for point in claim(data, "heat")["cases"][0]["points"]:
        point["radius"] = "1e10"
        point["bits"] = 40
    return "heat"


def an_order(data):
    claim(data, "series")["order"]["power"] = ["rat", "6", "1"]
    return "series"


def an_order_that_was_refuted(data):
    claim(data, "wrong order")["order"]["power"] = ["rat", "3", "1"]
    return "wrong order"


def a_test_function(data):
    claim(data, "any function")["cases"][1]["pairs"][0][0] = ["rat", "2", "7"]
    return "any function"


def a_derivative(data):
    node = claim(data, "heat")["cases"][0]["pairs"][0][0]
    assert node[0] == "derivative"
    node[3] = "2"
    return "heat"


def an_inequality(data):
    claim(data, "tangent")["relation"] = "<="
    return "tangent"


def a_correction(data):
    entry = claim(data, "misprint, corrected")
    entry["cases"][0]["pairs"][0][1] = ["rat", "1", "1"]
    return "misprint, corrected"


def a_correction_of_something_else(data):
    entry = claim(data, "misprint, corrected")
    entry["cases"][0]["pairs"][0] = [["rat", "1", "1"], ["rat", "1", "1"]]
    return "misprint"


def a_correction_that_is_gone(data):
    data["claims"] = [c for c in data["claims"] if c["name"] != "misprint, corrected"]
    return "misprint"


def a_consequence(data):
    number = claim(data, "root of p")["number"]
    (entry,) = [c for c in data["claims"] if c.get("part_of") == number]
    entry["verdict"] = "fails"
    return "root of p"


TAMPERED = [
    a_side, a_verdict, a_verdict_without_its_points, points_that_were_chosen, a_refutation, an_integral, a_radius,
    a_wide_ball, an_order, an_order_that_was_refuted, a_test_function, a_derivative, an_inequality, a_correction,
    a_correction_of_something_else, a_correction_that_is_gone, a_consequence,
]  # fmt: skip


@pytest.mark.parametrize("tamper", TAMPERED)
def test_a_changed_certificate_is_refused_with_a_reason(data, tamper):
    ok, why = outcome(data, tamper(data))
    assert ok is False
    assert len(why) > 15


def outside_assumption(entry):
    entry["cases"][0]["points"][0]["values"]["v0"] = ["rat", "-1", "2"]


def outside_condition(entry):
    entry["cases"][0]["points"][0]["values"]["v0"] = ["rat", "4", "1"]


def huge_precision(entry):
    entry["cases"][0]["points"][0]["bits"] = 10**9


def precision_of_another_type(entry):
    entry["cases"][0]["points"][0]["bits"] = True


def missing_value(entry):
    entry["cases"][0]["points"][0]["values"] = {}


def missing_element(entry):
    entry["cases"][0]["points"][0]["element"] = 7


def deep(entry):
    tree = ["rat", "1", "1"]
    for _ in range(500):
        tree = ["add", tree]
    entry["cases"][0]["pairs"][0][0] = tree


def long_number(entry):
    entry["cases"][0]["pairs"][0][0] = ["rat", "1" * 5000, "1"]


def no_number(entry):
    entry["cases"][0]["pairs"][0][0] = ["rat", "__import__('os')", "1"]


def zero_denominator(entry):
    entry["cases"][0]["pairs"][0][0] = ["rat", "1", "0"]


def no_tree(entry):
    entry["cases"][0]["pairs"][0][0] = {"eval": "1"}


def unknown_verdict(entry):
    entry["verdict"] = "proved"


def no_cases(entry):
    del entry["cases"]


@pytest.mark.parametrize(
    "attack",
    [outside_assumption, outside_condition, huge_precision, precision_of_another_type, missing_value, missing_element,
     deep, long_number, no_number, zero_denominator, no_tree, unknown_verdict, no_cases],
)  # fmt: skip
def test_a_malformed_certificate_is_refused(data, attack, tmp_path, capsys):
    attack(claim(data, "log"))
    data["claims"] = [claim(data, "log")]
    with pytest.raises(Malformed):
        check_text(sealed(data))
    file = tmp_path / "c.json"
    file.write_text(sealed(data))
    assert main([str(file)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


LIMITS = ["rat", "0", "1"], ["rat", "19999", "1"]


@pytest.mark.parametrize(
    "node",
    [
        ["__class__", ["rat", "1", "1"]],
        ["sum", ["rat", "1", "1"], "b", ["rat", "0", "1"], ["rat", "900000000", "1"]],
        ["sum", ["sum", ["sym", "c"], "c", *LIMITS], "b", *LIMITS],
        ["derivative", ["floor", ["sym", "v0"]], "v0", "1"],
    ],
)  # fmt: skip
def test_what_has_no_rule_or_takes_too_much_is_not_checked(data, node):
    entry = claim(data, "trig")
    entry["cases"] = [dict(entry["cases"][0], pairs=[[node, node]])]
    assert outcome(data, "trig")[0] is None


@pytest.mark.parametrize("text", ["", "[]", "{}", "{" * 3000, '{"format": "symrg-certificate/2"}', "NaN", '{"a": NaN}'])
def test_other_files_are_no_certificates(text):
    with pytest.raises(Malformed):
        check_text(text)


def test_simulated_evidence_is_recorded_only():
    verdict = verify(CLAIMS[0], 20)
    assert any(e.outcome is Outcome.HOLDS for e in verdict.witnesses)
    entry = json.loads(certificate("t", [verdict]))["claims"][0]
    assert {e["kind"] for e in entry["evidence"]} == {"ball", "symbolic"}


def test_the_checker_knows_nothing_of_ours():
    folder = Path(__file__).parents[3] / "symrg" / "verification"
    known = {"__future__", "json", "sys", "typing", "mpmath", "flint", "hashlib", "random", "math", "fractions"}
    known |= {"collections.abc", "dataclasses", "time"}
    files = [folder / "checker.py", *folder.glob("checked_*.py")]
    assert len(files) == 5
    for file in files:
        lines = file.read_text().splitlines()
        modules = {line.split()[1] for line in lines if line.strip().startswith(("import ", "from "))}
        ours = {m for m in modules if m.startswith("symrg")}
        assert all(m.startswith("symrg.verification.checked_") for m in ours)
        assert modules - ours <= known, file
