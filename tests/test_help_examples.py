"""Every example of every command's help, run as printed, one after the other, in a folder that starts empty.

`make examples` runs all of them through a shell. The suite runs them in this process: those of `prune` with fewer
steps and images, and without what other tests run: `reproduce`, and `latex all`, which is the article of the report.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from symrg import cli

ROOT = Path(__file__).resolve().parents[1]
ALL = bool(os.environ.get("SYMRG_ALL_EXAMPLES"))
SHORTER = {"prune": ["--steps", "1", "--test", "4960"], "verify": ["--no-controls"]}
ELSEWHERE = ("symrg latex all ", "symrg reproduce")
REFUTED = {"symrg verify examples/ornstein_uhlenbeck.toml"}  # it has a misprint on purpose


def lines_of(text):
    """The lines under "Examples:", continuation lines joined, without the words that explain them."""
    block = re.search(r"Examples:\n(.*?)(?:\n\s*\n|\Z)", text, re.DOTALL)
    joined = re.sub(r"\\\n\s*", " ", block[1]) if block else ""
    return [re.split(r"\s{3,}", line.strip())[0] for line in joined.splitlines() if line.strip()]


COMMANDS = {name: cli.cli.get_command(None, name) for name in cli._installed()}
EXAMPLES = {name: lines_of(command.epilog or "") for name, command in COMMANDS.items()}


def test_every_command_has_examples():
    assert {"codegen", "derive", "latex", "prune", "reproduce", "solve", "verify"} <= set(EXAMPLES)
    for name, lines in EXAMPLES.items():
        assert any(line.startswith(f"symrg {name}") for line in lines), name
    assert "symrg latex gamma" in EXAMPLES["latex"]  # what explains a line is no part of it
    assert sum(map(len, EXAMPLES.values())) > 20


def given(name, folder):
    """The files that the help of a command speaks of without writing them."""
    (folder / "examples").symlink_to(ROOT / "examples")
    shown = re.search(r"A file of equations is TOML:\n(.*?)\n\s*\n", COMMANDS[name].epilog or "", re.DOTALL)
    if shown:
        (folder / "equations.toml").write_text(shown[1], encoding="utf-8")


def shorter(words):
    return [] if "--check" in words else SHORTER.get(words[1], [])


def here(line):
    """Run a line in this process: its exit status, and what it wrote."""
    first, *further = line.split(" && ")
    words = shlex.split(first)
    target = words[words.index(">") + 1] if ">" in words else None
    if words[0] != "symrg":
        ran = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, timeout=280)
        return ran.returncode, ran.stdout + ran.stderr
    assert "|" not in words
    words = [*words[: words.index(">")], *words[words.index(">") + 2 :]] if target else words
    result = CliRunner().invoke(cli.cli, [*words[1:], *shorter(words)], catch_exceptions=False)
    if target:
        Path(target).write_text(result.stdout, encoding="utf-8")
    for command in further:
        if command.startswith("pdflatex "):
            continue
        status, said = here(command)
        if status:
            return status, said
    return result.exit_code, result.output


def in_a_shell(line):
    """Run a line as a person would."""
    if "pdflatex" in line and shutil.which("pdflatex") is None:
        line = line.split(" && ")[0]
    if "| jq" in line and shutil.which("jq") is None:
        line = line.split(" | ")[0]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, timeout=1800, env={**os.environ, "PATH": path}
    )
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.timeout(7200 if ALL else 300)
@pytest.mark.parametrize("name", [name for name in sorted(EXAMPLES) if ALL or name != "reproduce"])
def test_the_examples_run_as_printed(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given(name, tmp_path)
    for line in EXAMPLES[name]:
        if line.startswith(ELSEWHERE) and not ALL:
            continue
        status, said = (in_a_shell if ALL else here)(line)
        assert status == (1 if line in REFUTED else 0), f"{line}\n{said}"
        for option in ("-o", "--output", "--plot", "--certificate", "--figures"):
            words = shlex.split(line)
            if option in words:
                written = tmp_path / words[words.index(option) + 1]
                assert list(written.iterdir()) if written.is_dir() else written.stat().st_size > 0


def test_an_example_with_a_mistake_is_noticed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert here("symrg derive gama")[0] == 2
    assert in_a_shell("symrg solve --problem nothing.toml")[0] == 2
