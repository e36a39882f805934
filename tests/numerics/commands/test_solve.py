"""`symrg solve` and problem files."""

import json

import pytest
import sympy as sp
from click.testing import CliRunner

from numerics.commands.solve import solve
from numerics.plots import NotDrawable
from numerics.stated import StatedProblem
from symrg.errors import FormulaError, InvalidEquation, InvalidFile, InvalidGrid

PROBLEM = """
coordinates = ["x", "y"]
drift = ["-theta*x - y", "x - y"]
diffusion = ["1", "1/4", "1"]
initial = "exp(-2*(x-1)^2 - 2*y^2)*2/pi"
times = [0.25]
cells = [32, 32]
boundary = "reflecting"
[domain]
x = [-5, 5]
y = [-5, 5]
[parameters]
theta = 1.0
"""

LINE = [
    *[
        "--coordinates",
        "x",
        "--drift",
        "-theta*x",
        "--diffusion",
        "1",
        "--parameter",
        "theta=1",
        "--domain",
        "x=-6:6",
        "--cells",
        "128",
    ],
    *["--times", "0.5,1", "--initial", "exp(-2*(x-3/2)^2)*sqrt(2/pi)"],
]


def run(*arguments):
    return CliRunner().invoke(solve, arguments)


def test_moments_on_the_command_line(tmp_path):
    shown = run(*LINE, "--json", "--plot", str(tmp_path / "p.svg"), "--output", str(tmp_path / "p.nc"))
    assert shown.exit_code == 0, shown.output
    rows = json.loads(shown.output)["rows"]
    assert rows[1]["mean x"] == pytest.approx(1.5 * 2.718281828**-1, rel=3e-3)
    assert rows[1]["deviation x"] ** 2 == pytest.approx(1 - 0.75 * 2.718281828**-2, rel=5e-3)
    assert rows[1]["mass"] == pytest.approx(1, abs=1e-12)
    assert "<svg" in (tmp_path / "p.svg").read_text()
    assert (tmp_path / "p.nc").stat().st_size > 1000
    table = run(*LINE)
    assert "mean x" in table.output
    assert "non-negative" in table.output


def test_a_problem_file(tmp_path):
    path = tmp_path / "problem.toml"
    path.write_text(PROBLEM)
    stated = StatedProblem.from_toml(path)
    x, y = stated.equation().coordinates
    assert stated.equation().diffusion == sp.Matrix([[1, sp.Rational(1, 4)], [sp.Rational(1, 4), 1]])
    assert stated.equation().drift[1] == x - y
    shown = run("--problem", str(path), "--json")
    assert json.loads(shown.output)["rows"][0]["mean x"] == pytest.approx(0.7788 * 0.9689, rel=1e-2)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('"1/4", ', "", None),
        ('"1", "1/4", "1"', '"1", "1", "1", "1"', InvalidEquation),
        ('"-theta*x - y", ', "", InvalidEquation),
        ("-theta*x - y", "-theta*x - open(y)", FormulaError),
        ("times =", "time_s =", InvalidFile),
        ("times = [0.25]", 'times = ["soon"]', InvalidFile),
        ("[domain]", "[domains]", InvalidFile),
        ("x = [-5, 5]", 'x = ["-5", "five"]', FormulaError),
        ("x = [-5, 5]", "x = [5, -5]", InvalidGrid),
        ("coordinates =", "coordinates = [", InvalidFile),
        ("theta = 1.0", "theta = 1.0\nx = 2.0", InvalidEquation),
    ],
)
def test_bad_problem_files_are_refused(tmp_path, old, new, error):
    path = tmp_path / "problem.toml"
    assert old in PROBLEM
    path.write_text(PROBLEM.replace(old, new))
    if error is None:
        assert StatedProblem.from_toml(path).solve().attrs["minimum"] >= 0
        return
    with pytest.raises(error):
        StatedProblem.from_toml(path).solve()


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (("--domain", "x"), "expected e.g. x=-6:6"),
        (("--domain", "x=3"), "NAME=LOW:HIGH"),
        (("--parameter", "theta=one"), "not a number"),
        (("--scheme", "spectral"), "high-order"),
    ],
)
def test_bad_options_exit_with_two(extra, words):
    shown = run(*LINE, *extra)
    assert shown.exit_code == 2
    assert words in shown.output


def with_option(option, value):
    line = list(LINE)
    line[line.index(option) + 1] = value
    return line


def test_the_example_is_a_problem(tmp_path):
    path = tmp_path / "problem.toml"
    path.write_text(CliRunner().invoke(solve, ["--example"]).stdout, encoding="utf-8")
    stated = StatedProblem.from_toml(path)
    x, v = stated.equation().coordinates
    assert stated.equation().drift[0] == v
    assert set(stated.parameters) == {s.name for s in stated.equation().parameters}
    assert (x.name, v.name) == ("x", "v")


def test_mistakes_are_found_before_the_work(monkeypatch, tmp_path):
    monkeypatch.setattr(StatedProblem, "solve", lambda self: pytest.fail("it is solved first"))
    with pytest.raises(NotDrawable, match=r"\.svg"):
        CliRunner().invoke(solve, [*LINE, "--plot", str(tmp_path / "density.xyz")], catch_exceptions=False)
    (tmp_path / "file").write_text("")
    refused = CliRunner().invoke(solve, [*LINE, "--output", str(tmp_path / "file" / "density.nc")])
    assert refused.exit_code == 2
    assert "nothing can be written" in refused.stderr
    assert CliRunner().invoke(solve, with_option("--cells", "2.5")).exit_code == 2


def test_an_unknown_symbol_is_told_where_it_gets_its_number():
    with pytest.raises(FormulaError, match="--parameter NAME=NUMBER") as raised:
        CliRunner().invoke(solve, with_option("--drift", "-k*x"), catch_exceptions=False)
    assert raised.value.position == 1


def test_a_mass_that_is_not_one_is_mentioned_apart_from_the_result():
    doubled = with_option("--initial", "2*exp(-x^2/2)/sqrt(2*pi)")
    found = CliRunner().invoke(solve, [*doubled, "--json"], catch_exceptions=False)
    assert json.loads(found.stdout)["rows"][0]["mass"] == pytest.approx(2, abs=1e-3)
    assert "mass 2" in found.stderr
    assert CliRunner().invoke(solve, [*LINE, "--json"]).stderr == ""


def test_an_interrupt_shows_what_was_reached_and_exits_with_130(monkeypatch):
    solved = StatedProblem.solve

    def stopped(self):
        result = solved(self)
        result.attrs["interrupted"] = "after time 0.5"
        return result

    monkeypatch.setattr(StatedProblem, "solve", stopped)
    shown = CliRunner().invoke(solve, LINE, catch_exceptions=False)
    assert shown.exit_code == 130
    assert "interrupted after time 0.5" in shown.stdout
