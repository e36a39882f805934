"""`symrg derive` as a user types it."""

import json

import pytest
import sympy as sp
from click.testing import CliRunner

from symrg.commands.derive import derive
from symrg.errors import FormulaError, ImproperDensity, InvalidFile, InvalidModel

NORMAL = [
    "--log-density",
    "-ln(s) - (y-m)^2/(2*s^2) - ln(2*pi)/2",
    "--sample",
    "y",
    "--parameters",
    "m:real, s:positive",
]
POISSON = ["--log-density", "n*ln(l) - l - ln(factorial(n))", "--sample", "n:natural0", "--parameters", "l:positive"]


def run(*arguments):
    return CliRunner().invoke(derive, arguments, catch_exceptions=False)


def test_json_can_be_read_back():
    found = json.loads(run(*NORMAL, "--what", "metric,curvature", "--json").output)
    s = sp.Symbol("s", positive=True)
    assert sp.Matrix(2, 2, [sp.sympify(e, {"s": s}) for row in found["metric"]["value"] for e in row]) == sp.diag(
        1 / s**2, 2 / s**2
    )
    assert found["curvature"]["value"] == "-1"
    assert found["parameters"] == ["m", "s"]


def test_the_terminal_shows_the_metric():
    result = run(*POISSON, "--what", "metric")
    assert result.exit_code == 0
    assert "ln p(n | l)" in result.output
    assert "Fisher metric" in result.output
    assert "\x1b[" not in result.output  # no colours where there is no terminal


def test_latex():
    text = run(*POISSON, "--what", "metric", "--latex").output
    assert r"\mathcal{I}_{ij}(l) = \begin{pmatrix} \frac{1}{l} \end{pmatrix}" in text


def test_christoffel_symbols_one_by_one():
    text = run(*NORMAL, "--what", "christoffel", "--latex").output
    assert r"\Gamma^{m}{}_{m s} &= - \frac{1}{s}" in text
    assert r"\Gamma^{s}{}_{m m} &= \frac{1}{2 s}" in text
    assert r"\Gamma^{m}{}_{m m}" not in text


def test_a_bernoulli_with_its_domain():
    result = run(
        "--log-density", "x*ln(p) + (1-x)*ln(1-p)", "--sample", "x", "--support", "{0, 1}",
        "--parameters", "p:positive", "--domain", "p < 1", "--what", "metric", "--json",
    )  # fmt: skip
    p = sp.Symbol("p")
    assert (
        sp.simplify(sp.sympify(json.loads(result.output)["metric"]["value"][0][0], {"p": p}) - 1 / (p * (1 - p))) == 0
    )


def test_a_density_that_does_not_normalise_is_refused():
    wrong = [a.replace("ln(2*pi)/2", "ln(3)") for a in NORMAL]
    with pytest.raises(ImproperDensity, match="not to 1"):
        run(*wrong, "--what", "metric")
    with pytest.raises(ImproperDensity, match="not to 1"):  # one error, though two quantities failed of it
        run(*wrong, "--what", "metric,curvature")
    result = run(*wrong, "--what", "metric", "--json")
    assert result.exit_code == 2
    assert "not to 1" in json.loads(result.stdout)["metric"]["problem"]


def test_names_near_what_was_typed_are_offered():
    with pytest.raises(InvalidModel, match=r"did you mean metric\?"):
        run("gamma", "--what", "metrc")
    with pytest.raises(FormulaError, match=r"did you mean positive\?"):
        run("--log-density", "-y/s", "--sample", "y", "--parameters", "s:positve")
    with pytest.raises(FormulaError, match="declare it among the parameters"):
        run("--log-density", "-y/s", "--sample", "y", "--parameters", "t:positive")
    assert "did you mean gamma" in run("gama").output


def test_the_example_file_is_a_problem(tmp_path):
    path = tmp_path / "model.toml"
    path.write_text(run("--example").stdout, encoding="utf-8")
    found = json.loads(run("--problem", str(path), "--what", "metric", "--json").stdout)
    assert found["parameters"] == ["k", "l"]
    assert found["metric"]["value"][1][1] == "k**2/l**2"


def test_families_as_json():
    assert "gamma" in json.loads(run("--list", "--json").stdout)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["gamma", *NORMAL],
        ["--log-density", "y"],
        [*NORMAL, "--latex", "--json"],
        [*NORMAL, "--budget", "0"],
    ],
)
def test_bad_usage(arguments):
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Error" in result.output


def test_formulas_are_parsed_and_never_run():
    with pytest.raises(FormulaError):
        run("--log-density", "__import__('os').system('echo hi')", "--sample", "y", "--parameters", "m")


def test_a_problem_file(tmp_path):
    path = tmp_path / "poisson.toml"
    path.write_text(
        'title = "Counts"\nlog_density = "n*ln(l) - l - ln(factorial(n))"\n'
        'sample = "n:natural0"\nparameters = "l:positive"\n'
    )
    found = json.loads(run("--problem", str(path), "--what", "metric", "--json").output)
    assert found["model"] == "Counts"
    assert found["metric"]["value"] == [["1/l"]]
    with pytest.raises(InvalidFile):
        run("--problem", str(tmp_path / "none.toml"))
