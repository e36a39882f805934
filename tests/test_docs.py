"""The pages of the documentation: every block of code on them is run, by the build or here."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = {str(p.relative_to(ROOT)): p.read_text(encoding="utf-8") for p in sorted((ROOT / "docs").rglob("*.md"))}
BLOCK = re.compile(r"^(`{3,})([^\n]*)\n(.*?)^\1\s*$", re.MULTILINE | re.DOTALL)
FOR_A_SHELL = ("make ", "pip ", "eval ", "_SYMRG_COMPLETE=", "git ", "cd ", ". ")  # lines that other tests stand for
RUN_BY_THE_BUILD = re.compile(r"\{code-cell\}")
NO_CODE = re.compile(r"\{(toctree|eval-rst|image|figure|note|math)\}")
SLOW = ("symrg prune", "symrg reproduce", "python benchmarks/", "symrg verify")
REFUTED = ("symrg verify examples/ornstein_uhlenbeck.toml",)


def blocks():
    for page, text in PAGES.items():
        body = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
        for _fence, kind, code in BLOCK.findall(body):
            yield page, kind.strip(), code


def commands(code):
    joined = re.sub(r"\\\n\s*", " ", code)
    return [line.split("  #")[0].strip() for line in joined.splitlines() if line.strip()]


SHELL = {}
for _page, _kind, _code in blocks():
    if _kind in ("", "sh", "bash", "console"):
        SHELL.setdefault(_page, []).extend(commands(_code))
RUN_HERE = {page: [c for c in lines if c.startswith("symrg ")] for page, lines in SHELL.items()}


def test_every_block_is_run_somewhere():
    seen = 0
    for page, kind, code in blocks():
        if RUN_BY_THE_BUILD.match(kind) or NO_CODE.match(kind):
            seen += 1
        elif kind == "toml":
            tomllib.loads(code)
        elif kind in ("", "sh", "bash", "console"):
            for line in commands(code):
                assert line.startswith(("symrg ", "python ", *FOR_A_SHELL)), f"{page}: {line}"
        else:
            raise AssertionError(f"{page}: nothing runs a block of {kind!r}; make it a code-cell")
    assert seen > 20


def test_a_page_with_code_cells_is_a_notebook():
    for page, text in PAGES.items():
        if "{code-cell}" in text:
            assert text.startswith("---\nfile_format: mystnb\n"), page


@pytest.mark.parametrize("page", [p for p, lines in RUN_HERE.items() if any(not c.startswith(SLOW) for c in lines)])
def test_commands_run_as_printed(page, tmp_path):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for line in RUN_HERE[page]:
        if line.startswith(SLOW):
            continue
        words, target = shlex.split(line)[1:], None
        if ">" in words:
            target = words[words.index(">") + 1]
            words = words[: words.index(">")]
        ran = subprocess.run(
            [sys.executable, "-m", "symrg", *words], cwd=tmp_path, capture_output=True, text=True, timeout=250
        )
        assert ran.returncode == (1 if line in REFUTED else 0), f"{line}\n{ran.stderr}"
        if target:
            (tmp_path / target).write_text(ran.stdout, encoding="utf-8")


def test_links_between_pages_lead_somewhere():
    for page, text in PAGES.items():
        for target in re.findall(r"\]\(([^)#:]+\.md)\)", text):
            assert (ROOT / page).parent.joinpath(target).exists(), f"{page}: {target}"
