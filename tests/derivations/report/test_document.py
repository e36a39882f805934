"""The article of a report."""

import re
import shutil
import subprocess

import pytest

from derivations.report.document import article, write_document


def test_it_holds_every_claim_with_its_number_and_verdict(report):
    text = article(report)
    for entry in report.ledger:
        assert rf"\tag{{{entry.number}}}" in text
        assert f"Verdict: {entry.status}" in text
    assert r"\includegraphics" not in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_it_compiles_without_warnings(report, tmp_path):
    path = write_document(report, tmp_path / "derivations.tex")
    for _ in range(2):
        run = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", path.name],
            cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=120,
        )  # fmt: skip
    log = path.with_suffix(".log").read_text(errors="replace")
    assert run.returncode == 0
    assert [line for line in log.splitlines() if re.match(r"!|Overfull|Underfull|.*Warning", line)] == []
