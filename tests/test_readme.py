"""The README: its Python runs and prints what stands beside it, its commands work, its links lead somewhere."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = [
    line for language, text in BLOCKS if not language for line in text.splitlines() if line.startswith("symrg ")
]
REFUTED = 1
EXIT_STATUS = {"verify": REFUTED}


def printed_and_promised(code, folder):
    promised = re.findall(r"^print\(.*\)\s+# (.*)$", code, re.MULTILINE)
    script = folder / "readme.py"
    script.write_text(code, encoding="utf-8")
    ran = subprocess.run([sys.executable, script], cwd=folder, capture_output=True, text=True, timeout=200)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines(), promised


def test_python_prints_what_stands_beside_it(tmp_path):
    codes = [text for language, text in BLOCKS if language == "python"]
    assert codes
    for code in codes:
        printed, promised = printed_and_promised(code, tmp_path)
        assert promised
        assert printed == promised


def test_a_wrong_promise_is_seen(tmp_path):
    printed, promised = printed_and_promised("print(1 + 1)  # 3\n", tmp_path)
    assert printed != promised


def test_every_use_has_a_command():
    assert {shlex.split(c)[1] for c in COMMANDS} == {"derive", "latex", "solve", "codegen", "verify", "prune"}


@pytest.mark.parametrize("command", [c for c in COMMANDS if not c.startswith("symrg prune")])
def test_commands_run_as_printed(command, tmp_path):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    words = shlex.split(command)[1:]
    ran = subprocess.run(
        [sys.executable, "-m", "symrg", *words], cwd=tmp_path, capture_output=True, text=True, timeout=200
    )
    assert ran.returncode == EXIT_STATUS.get(words[0], 0), ran.stderr
    assert (ran.stdout + ran.stderr).strip()
    for option in ("--output", "--plot"):
        if option in words:
            assert (tmp_path / words[words.index(option) + 1]).stat().st_size > 0


def test_links_and_pictures_exist():
    targets = re.findall(r"\]\(([^)]+)\)", README)
    assert targets
    for target in targets:
        assert target.startswith("https://") or (ROOT / target).exists(), target
