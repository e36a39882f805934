"""`symrg codegen` writes a module that runs, and refuses what it cannot write."""

import ast
import json

import pytest
from click.testing import CliRunner

from numerics.commands.codegen import codegen

EQUATION = [
    *("--coordinates", "x", "--drift", "-theta*x", "--diffusion", "D", "--domain", "x=-6:6", "--cells", "64"),
    *("--initial", "exp(-2*(x-1)^2)*sqrt(2/pi)", "--times", "0.5,1"),
]


def test_a_module_is_written(tmp_path):
    target = tmp_path / "ou.py"
    done = CliRunner().invoke(
        codegen, [str(target), *EQUATION, "--parameter", "theta=1", "--parameter", "D=0.5", "--json"]
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["path"] == str(target)
    tree = ast.parse(target.read_text())
    solve = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "solve")
    assert {"theta", "D"} <= {a.arg for a in solve.args.kwonlyargs}


@pytest.mark.parametrize(
    "options",
    [
        ["--parameter", "theta=1"],
        ["--parameter", "theta=1", "--parameter", "D=x"],
        ["--parameter", "theta=1", "--parameter", "D=1", "--domain", "x=-oo:oo"],
    ],
)
def test_bad_input_is_refused(tmp_path, options):
    target = tmp_path / "no.py"
    done = CliRunner().invoke(codegen, [str(target), *EQUATION, *options])
    assert done.exit_code != 0
    assert not target.exists()


def test_help_has_an_example():
    done = CliRunner().invoke(codegen, ["--help"])
    assert done.exit_code == 0
    assert "symrg codegen ou.py" in done.output
    assert "--drift" in done.output
