"""Files of equations: what they may say, and a message with the line for every way in which they can be wrong."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import sympy as sp
from click.testing import CliRunner

from symrg.cli import main
from symrg.commands.verify import verify as command
from symrg.errors import InvalidFile
from symrg.verification.checker import check_text
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
    ("[symbols]\nx='real'\n[[claim]]\nlhs='x'\nrhs='x'\norder={variable='2', point='0', power='1'}", 6, "is a Symbol"),
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
    (
        "[[claim]]\nname='a'\nlhs='1'\nrhs='1'\n[[claim]]\nname='a'\nlhs='2'\nrhs='2'",
        6,
        "is that of the claim in line 2",
    ),
    ("budget = inf\n[[claim]]\nlhs='1'\nrhs='1'", 1, "a day at most"),
    ("[[claim]]\nlhs = " + "9" * 5000 + "\nrhs = '1'", 2, "thousands of digits"),
    ("[symbols]\nx = 'function integer'\n[[claim]]\nlhs='1'\nrhs='1'", 2, "real function"),
    ("[symbols]\na.b = 'real'\n[[claim]]\nlhs='1'\nrhs='1'", 2, "is text"),
    ("[[claim]]\nlhs='1'\nrhs='oo'", 3, "the right side is undefined or infinite"),
    ("[[claim]]\nlhs='$x'\nrhs='1'", 2, "between two dollar signs"),
    ("[[claim]]\nlhs='$\\frac{1}$'\nrhs='1'", 2, "an operand is missing"),
    (
        "[symbols]\nx='real'\n[[claim]]\nlhs='x'\nrhs='x'\nrelation='<'\norder={variable='x',point='0',power=1}",
        7,
        "no meaning",
    ),
    ("[symbols]\nx='real'\n[[claim]]\nlhs='x'\nrhs='x'\norder={variable='x',point='x',power=1}", 6, "expansion point"),
    ("[[claim]]\nlhs='1'\nrhs='1'\n[[claim.consequences]]\nlhs='1'\nrhs='1'", 4, "belong to a definition"),
    (
        "[[claim]]\nlhs='1'\nrhs='1'\nrelation=':='\nconsequences='x'",
        5,
        "array of tables: write [[claim.consequences]]",
    ),
    ("[[claim]]\nlhs='1'\nrhs='1'\nrelation=':='\n[[claim.consequences]]\nlhs='1'", 5, "'rhs' is missing"),
    (
        "[[claim]]\nlhs='1'\nrhs='1'\nrelation=':='\n[[claim.consequences]]\nlhs='1'\nrhs='1'\nrelation='~'",
        8,
        "can be checked",
    ),
    ("[[claim]]\nlhs='1'\nrhs='1'\n[[claim.consequence]]\nlhs='1'\nrhs='1'", 4, "did you mean 'consequences'?"),
    ("[[claim]]\nlhs='1'\nrhs='1'\nmissing='m'", 4, "schematic"),
]


@pytest.mark.parametrize(("text", "line", "message"), WRONG, ids=[w[2][:40] + str(k) for k, w in enumerate(WRONG)])
def test_every_mistake_is_named_with_its_line(text, line, message):
    with pytest.raises(InvalidFile) as caught:
        read_text(text, "file.toml")
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"file.toml:{line}:")
    assert str(caught.value).count("\n") <= 1


def test_a_formula_is_shown_with_a_mark_at_the_place():
    with pytest.raises(InvalidFile) as caught:
        read_text("[symbols]\nx = 'real'\n[[claim]]\nlhs = 'x + q*2'\nrhs = 'x'", "f")
    first, second = str(caught.value).splitlines()
    assert first == "f:4: in lhs: unknown symbol 'q'; declared are: x"
    assert second == "    x +  ▸q*2"


DEFINITION = """
[symbols]
D = "positive"
sigma = "positive"
theta = "positive"
[[claim]]
name = "noise strength"
lhs = "D"
relation = ":="
rhs = "sigma^2/2"
[[claim.consequences]]
name = "variance"
lhs = "D/theta"
rhs = "sigma^2/(2*theta)"
[[claim.consequences]]
lhs = "D/sigma"
rhs = "sigma/{}"
"""


@pytest.mark.parametrize(("divisor", "status", "code"), [(2, "definition", 0), (3, "fails", 1)])
def test_a_definition_is_checked_by_its_consequences(tmp_path, conforms, divisor, status, code):
    file, certificate = tmp_path / "f.toml", tmp_path / "c.json"
    file.write_text(DEFINITION.format(divisor))
    claims = read(file).claims
    assert [c.name for c in claims[0].consequences] == ["variance", "consequence 2"]
    result = CliRunner().invoke(command, [str(file), "--json", "--certificate", str(certificate)])
    assert result.exit_code == code
    ledger = json.loads(result.stdout)
    conforms(ledger, SCHEMA)
    (entry,) = ledger["entries"]
    assert entry["status"] == status
    assert [c["id"] for c in entry["consequences"]] == ["variance", "consequence 2"]
    assert entry["consequences"][0]["controls"]["score"] == 1
    found = {name: outcome for name, outcome, _ in check_text(certificate.read_text())}
    assert found["variance"] is True


def test_a_schematic_statement_says_what_is_missing():
    text = "[symbols]\nP='real'\nF='real'\n[[claim]]\nlhs='P'\nrhs='F'\nrelation='~'\nmissing='F is not given'"
    (claim,) = read_text(text).claims
    assert claim.missing == "F is not given"


@pytest.mark.parametrize("ending", ["\r\n", "\r", "\n"])
def test_line_endings_and_a_byte_order_mark(tmp_path, ending):
    file = tmp_path / "f.toml"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", ending).encode())
    assert len(read(file).claims) == 2


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


def test_the_file_that_verify_writes_is_read_and_its_misprint_found(tmp_path):
    written = CliRunner().invoke(command, ["--example"])
    assert written.exit_code == 0
    file = tmp_path / "mine.toml"
    file.write_text(written.output)
    result = CliRunner().invoke(command, [str(file), "--json", "--no-controls"])
    assert result.exit_code == 1
    verdicts = {line["id"]: line["status"] for line in json.loads(result.stdout)["entries"]}
    assert verdicts.pop("mean square") in ("holds with correction", "fails")
    assert verdicts == {"normalisation": "holds", "a bound": "holds"}


def test_example_finds_and_corrects_the_planted_misprint(tmp_path):
    certificate = tmp_path / "certificate.json"
    result = CliRunner().invoke(command, [str(EXAMPLE), "--json", "--certificate", str(certificate), "--no-controls"])
    assert result.exit_code == 1
    ledger = json.loads(result.stdout)
    statuses = {e["id"]: e["status"] for e in ledger["entries"]}
    assert statuses.pop("variance obeys its equation") == "holds with correction"
    assert statuses.pop("diffusion constant") == "definition"
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
