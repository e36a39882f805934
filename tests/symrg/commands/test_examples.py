"""The examples in the help run as printed."""

import re
import shlex

import pytest
from click.testing import CliRunner

from symrg import cli
from symrg.commands.derive import derive
from symrg.commands.latex import latex

MODEL = """
title = "Counts"
log_density = "n*ln(l) - l - ln(factorial(n))"
sample = "n:natural0"
parameters = "l:positive"
"""


def examples(text):
    """Command lines of an epilog, continuation lines joined, cut at redirections and second commands."""
    joined = re.sub(r"\\\n\s*", " ", text)
    lines = [line.strip() for line in joined.splitlines() if line.strip().startswith("symrg ")]
    return [re.split(r"\s{3,}|\s&&|\s>", line)[0] for line in lines]


FROM_HELP = [line for command in (derive, latex) for line in examples(command.epilog)]
NEEDS_CHAPTERS = {"symrg latex 14", "symrg latex normal_data --document", "symrg latex all -o derivations.tex"}


def test_the_examples_are_found():
    assert len(FROM_HELP) >= 9
    assert set(FROM_HELP) > NEEDS_CHAPTERS


@pytest.mark.parametrize("line", [line for line in FROM_HELP if line not in NEEDS_CHAPTERS])
def test_an_example_runs_as_printed(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.toml").write_text(MODEL)
    result = CliRunner().invoke(cli.cli, shlex.split(line)[1:], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert result.output
