"""Files of equations: what they may say, and a message with the line for every way in which they can be wrong."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import sympy as sp
from click.testing import CliRunner

from symrg.cli import main
from symrg.commands.verify import verify as command
from symrg.errors import InvalidFile
from symrg.verification.checker import Malformed, check_text
from symrg.verification.equations_file import read, read_text
from symrg.verification.ledger import SCHEMA

EXAMPLE = Path(__file__).parents[3] / "examples" / "ornstein_uhlenbeck.toml"

GOOD = """\
title = "Test"

[symbols]
x = "real"
n = "integer nonnegative"
f = "function"

[definitions]
double = "2*x"

[[claim]]
name = "twice"
lhs = "x + x"
rhs = "double"

[[claim]]
lhs = '$\\frac{x^2 - 1}{x - 1}$'
rhs = "x + 1"
conditions = ["x > 1"]

[[derivation]]
title = "square"
start = "(x + 1)^2"
[[derivation.step]]
to = "x^2 + 2*x + 1"
because = "multiply out"
"""


def test_reads_claims_definitions_latex_and_derivations():
    file = read_text(GOOD)
    x = sp.Symbol("x", real=True)
    assert file.title == "Test"
    assert [c.name for c in file.claims] == ["twice", "claim 2"]
    assert file.claims[0].rhs.doit() == 2 * x
    assert file.claims[0].lhs != 2 * x  # kept as printed
    assert file.claims[1].conditions == (x > 1,)
    assert file.derivations[0].steps[0].because == "multiply out"


WRONG = [
    ("x = ", 1, "not TOML"),
    ('[symbols]\nx = "reall"\n[[claim]]\nlhs="x"\nrhs="x"', 2, "unknown type 'reall' of x; known are"),
    ('[symbols]\nx = "positive negative"\n[[claim]]\nlhs="x"\nrhs="x"', 2, "contradict"),
    ('[symbols]\nx = 3\n[[claim]]\nlhs="x"\nrhs="x"', 2, "is text"),
    ('[symbols]\n"2x" = "real"\n[[claim]]\nlhs="1"\nrhs="1"', 2, "not a name"),
    ('[symbols]\nx = ""\n[[claim]]\nlhs="x"\nrhs="x"', 2, "no type"),
    ('symbols = "x"\n[[claim]]\nlhs="1"\nrhs="1"', 1, "is a table"),
    ('[symbols]\nx = "real"\n[definitions]\nx = "1"\n[[claim]]\nlhs="x"\nrhs="x"', 4, "declared as a symbol already"),
    ('[symbols]\nx = "real"\n[definitions]\na = "y + 1"\n[[claim]]\nlhs="x"\nrhs="x"', 4, "unknown symbol 'y'"),
    ("", 1, "no claims"),
    ('title = "empty"\n', 1, "no claims"),
    ("title = 3\n[[claim]]\nlhs='1'\nrhs='1'", 1, "is text"),
    ("budget = -1\n[[claim]]\nlhs='1'\nrhs='1'", 1, "positive number"),
    ("budget = true\n[[claim]]\nlhs='1'\nrhs='1'", 1, "positive number"),
    ("[[claim]]\nrhs = '1'", 1, "'lhs' is missing"),
    ("[[claim]]\nlhs = '1'", 1, "'rhs' is missing"),
    ("[[claim]]\nlhs = '1'\nrhs = 1.5", 3, "put the number into quotes"),
    ("[[claim]]\nlhs = '1'\nrhs = [1]", 3, "is a formula in quotes"),
    ("[[claim]]\nlhs = '1'\nrhs = '1'\nlsh = '2'", 4, "unknown key 'lsh' in a claim; did you mean 'lhs'?"),
    ("tilte = 'x'\n[[claim]]\nlhs = '1'\nrhs = '1'", 1, "did you mean 'title'?"),
    ("[[claim]]\nlhs = '1'\nrhs = '1'\n\n[[claim]]\nlhs = '1 +'\nrhs = '1'", 6, "ends too early"),
    ("[[claim]]\nlhs = '1'\nrhs = '1'\nrelation = '~~'", 4, "unknown relation"),
    ("[[claim]]\nlhs = 'q'\nrhs = '1'", 2, "unknown symbol 'q'"),
    ("[[claim]]\nlhs = '1 < 2'\nrhs = '1'", 2, "is a relation; give the two sides"),
    ("[symbols]\nx='real'\n[[claim]]\nlhs = 'x'\nrhs = 'x'\nconditions = ['x + 1']", 6, "not a condition"),
    ("[[claim]]\nlhs = '1'\nrhs = '1'\nconditions = 3", 4, "list of relations"),
    ("[[claim]]\nlhs = '1'\nrhs = '1'\norder = 3", 4, "order is {variable"),
    (
        "[symbols]\nx='real'\n[[claim]]\nlhs='x'\nrhs='x'\norder={variable='x', point='0', power='y'}",
        6,
        "unknown symbol",
    ),
    ("[symbols]\nx='real'\n[[claim]]\nlhs='x'\nrhs='x'\norder={variable='2', point='0', power='1'}", 3, "is a Symbol"),
    ("[[claim]]\nlhs = '[[1, 2]]'\nrhs = '[[1], [2]]'", 1, "shapes"),
    ("[[claim]]\nlhs = '9**9**9**9'\nrhs = '1'", 2, "too large"),
    ("[[claim]]\nlhs = '1/0'\nrhs = '1'", 2, "division by zero"),
    ("[[claim]]\nlhs = '$\\\\foo$'\nrhs = '1'", 2, "in LaTeX"),
    ("claim = 'x'", 1, "array of tables"),
    ("[[derivation]]\ntitle = 'a'\nstart = '1'", 1, "no steps"),
    ("[[derivation]]\ntitle = 'a'\nstart = '1'\n[[derivation.step]]\nbecause = 'x'", 4, "'to' is missing"),
    ("[[derivation]]\nstart = '1'\n[[derivation.step]]\nto = '1'\nrelation = ':='", 3, "joined by"),
    ("[[derivation]]\nstart = '1'\n[[derivation.step]]\nto = '1'\n[[derivation.step]]\nto = '[[1]]'", 5, "shapes"),
    ("[[derivation]]\nstep = 3\nstart = '1'", 2, "array of tables"),
]


@pytest.mark.parametrize(("text", "line", "message"), WRONG, ids=[w[2][:40] + str(k) for k, w in enumerate(WRONG)])
def test_every_mistake_is_named_with_its_line(text, line, message):
    with pytest.raises(InvalidFile) as caught:
        read_text(text, "file.toml")
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"file.toml:{line}:")


def test_lines_are_right_after_multiline_strings_and_arrays():
    text = '[symbols]\nx = "real"\n[[claim]]\nprinted = """\na = [\n"""\nlhs = "x"\nrhs = "x"\n'
    text += 'conditions = [\n  "x > 0",\n]\n[[claim]]\nlhs = "x"\nrhs = "y"\n'
    with pytest.raises(InvalidFile, match=r"f:14: in rhs: unknown symbol 'y'"):
        read_text(text, "f")


def test_unreadable_files(tmp_path):
    with pytest.raises(InvalidFile, match="can't be read"):
        read(tmp_path / "absent.toml")
    with pytest.raises(InvalidFile, match="can't be read"):
        read(tmp_path)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidFile, match="UTF-8"):
        read(binary)


def test_example_finds_and_corrects_the_planted_misprint(tmp_path):
    certificate = tmp_path / "certificate.json"
    result = CliRunner().invoke(command, [str(EXAMPLE), "--json", "--certificate", str(certificate), "--no-controls"])
    assert result.exit_code == 1
    ledger = json.loads(result.stdout)
    statuses = {e["id"]: e["status"] for e in ledger["entries"]}
    assert statuses.pop("variance obeys its equation") == "holds with correction"
    assert set(statuses.values()) == {"holds"}
    (wrong,) = [e for e in ledger["entries"] if e["correction"]]
    assert r"\underline" in wrong["correction"]["marked"]
    found = check_text(certificate.read_text())
    assert all(outcome is not False for _, outcome, _ in found)
    assert sum(outcome is True for _, outcome, _ in found) >= 9


def test_ledger_obeys_its_schema(tmp_path, conforms):
    file = tmp_path / "f.toml"
    file.write_text(
        GOOD
        + "\n[[claim]]\nname = 'wrong'\nlhs = 'sin(x)'\nrhs = '2*sin(x)'\n"
        + "[[claim]]\nlhs='x'\nrhs='x'\nconditions=['x > 1', 'x < 0']\n"
    )
    result = CliRunner().invoke(command, [str(file), "--json"])
    assert result.exit_code == 1
    ledger = json.loads(result.stdout)
    conforms(ledger, SCHEMA)
    assert {e["status"] for e in ledger["entries"]} == {"holds", "holds with correction", "undecided"}
    holding = next(e for e in ledger["entries"] if e["id"] == "twice")
    assert holding["controls"]["different"] == holding["controls"]["refused"] > 3
    broken = dict(ledger, entries=[dict(ledger["entries"][0], status="maybe")])
    with pytest.raises(AssertionError):
        conforms(broken, SCHEMA)


def test_exit_statuses(tmp_path):
    good = tmp_path / "good.toml"
    good.write_text(GOOD)
    bad = tmp_path / "bad.toml"
    bad.write_text("[[claim]]\nlhs = '1'\nrhs = '2'\n")
    open_ = tmp_path / "open.toml"
    open_.write_text("[symbols]\nx='real'\n[[claim]]\nlhs='x'\nrhs='x'\nconditions=['x > 1', 'x < 0']\n")
    malformed = tmp_path / "malformed.toml"
    malformed.write_text("[[claim]]\nlhs = '1'\n")
    run = CliRunner().invoke
    assert run(command, [str(good)]).exit_code == 0
    assert run(command, [str(bad)]).exit_code == 1
    assert run(command, [str(open_)]).exit_code == 0
    assert run(command, [str(open_), "--strict"]).exit_code == 1
    assert run(command, []).exit_code == 2
    process = subprocess.run(
        [sys.executable, "-c", "from symrg.cli import main; main()", "verify", str(malformed)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2
    assert "malformed.toml:1: 'rhs' is missing" in process.stderr
    assert main is not None


def certificate_for(tmp_path, text):
    file, out = tmp_path / "f.toml", tmp_path / "c.json"
    file.write_text(textwrap.dedent(text))
    CliRunner().invoke(command, [str(file), "--certificate", str(out), "--no-controls"])
    return json.loads(out.read_text())


CLAIMS = """
[symbols]
x = "real"
p = "positive"
z = "complex"
[[claim]]
name = "trig"
lhs = "sin(z)^2 + cos(z)^2"
rhs = "1"
[[claim]]
name = "log"
lhs = "log(p^2)"
rhs = "2*log(p)"
conditions = ["p < 3"]
[[claim]]
name = "false"
lhs = "sqrt(x^2)"
rhs = "x"
[[claim]]
name = "gauss"
lhs = "Integral(exp(-p*x^2), (x, -oo, oo))"
rhs = "sqrt(pi/p)"
"""


def test_checker_agrees_with_an_honest_certificate(tmp_path):
    data = certificate_for(tmp_path, CLAIMS)
    assert [outcome for _, outcome, _ in check_text(json.dumps(data))] == [True, True, True, True]


def tampered_side(data):
    data["claims"][0]["pairs"][0][1] = [
        "rat",
        "1000000000000000000000000000000000000001",
        "1000000000000000000000000000000000000000",
    ]


def tampered_status(data):
    data["claims"][2]["status"] = "holds"
    data["claims"][2]["points"] = [dict(p, radius="1e-50") for p in data["claims"][2]["points"]]


def tampered_refutation(data):
    data["claims"][0]["status"] = "fails"


def tampered_integral(data):
    data["claims"][3]["pairs"][0][1] = ["mul", ["rat", "1001", "1000"], data["claims"][3]["pairs"][0][1]]


@pytest.mark.parametrize("tamper", [tampered_side, tampered_status, tampered_refutation, tampered_integral])
def test_checker_disagrees_with_a_tampered_certificate(tmp_path, tamper):
    data = certificate_for(tmp_path, CLAIMS)
    tamper(data)
    assert False in [outcome for _, outcome, _ in check_text(json.dumps(data))]


def outside_assumption(data):
    data["claims"][1]["points"][0]["values"]["v0"] = ["rat", "-1", "2"]


def outside_condition(data):
    data["claims"][1]["points"][0]["values"]["v0"] = ["rat", "4", "1"]


def huge_precision(data):
    data["claims"][0]["points"][0]["bits"] = 10**9


def missing_value(data):
    data["claims"][0]["points"][0]["values"] = {}


def attribute(data):
    data["claims"][0]["pairs"][0][0] = ["__class__", ["rat", "1", "1"]]


def deep(data):
    tree = ["rat", "1", "1"]
    for _ in range(500):
        tree = ["add", tree]
    data["claims"][0]["pairs"][0][0] = tree


@pytest.mark.parametrize("attack", [outside_assumption, outside_condition, huge_precision, missing_value, deep])
def test_checker_refuses_malformed_certificates(tmp_path, attack):
    data = certificate_for(tmp_path, CLAIMS)
    attack(data)
    with pytest.raises(Malformed):
        check_text(json.dumps(data))


def test_checker_says_what_it_can_not_check(tmp_path):
    data = certificate_for(tmp_path, CLAIMS)
    attribute(data)
    assert check_text(json.dumps(data))[0][1] is None
    for text in ("", "[]", "{}", "{" * 3000, '{"format": "symrg-certificate/1"}'):
        with pytest.raises(Malformed):
            check_text(text)


def test_checker_knows_nothing_of_ours():
    source = (Path(__file__).parents[3] / "symrg" / "verification" / "checker.py").read_text()
    imports = {line.split()[1].split(".")[0] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert imports == {"__future__", "json", "sys", "typing", "mpmath", "flint"}
