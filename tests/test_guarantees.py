"""The page of guarantees stays true: every test that it names exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


def functions(path):
    return {n.name for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.FunctionDef)}


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_named_in_the_page_exists(file, name):
    assert name.startswith("test_")
    assert name in functions(ROOT / file)


def test_every_row_of_a_guarantee_names_a_test():
    rows = [line for part in PAGE.split("\n## ")[1:3] for line in part.splitlines() if line.startswith("| ")]
    rows = [row for row in rows if not row.startswith(("| what", "|---"))]
    assert len(rows) > 10
    for row in rows:
        assert re.search(r"`tests/[\w/]+\.py::test_\w+`", row), row


def test_the_page_is_in_the_table_of_contents():
    assert "\nguarantees\n" in (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
