"""The article of a report."""

import dataclasses
import re
import shutil
import subprocess

import pytest

from derivations.report.content import Chapter, Figure
from derivations.report.document import article, write_document


def test_it_holds_every_claim_with_its_number_and_verdict(report):
    text = article(report)
    for entry in report.ledger:
        assert rf"\tag{{{entry.number}}}" in text
        assert f"Verdict: {entry.status}" in text
    assert r"\includegraphics" not in text


@pytest.fixture
def drawn(report):
    """The report with a figure of matplotlib's."""
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(4, 2))
    canvas.subplots().plot([0, 1], [1, 0])
    figure = Figure.from_matplotlib(canvas, "A line that falls.", r"A line, $y = 1 - x$.", "Line")
    return dataclasses.replace(report, chapters=(*report.chapters, Chapter("Drawn", (figure,))))


def test_figures_stand_beside_the_article(drawn, tmp_path):
    text = write_document(drawn, tmp_path / "derivations.tex").read_text()
    (path,) = re.findall(r"\\includegraphics\[[^]]*\]\{(.*?)\}", text)
    assert (tmp_path / path).read_bytes()[:4] == b"%PDF"
    assert "A line, $y = 1 - x$." in text
    again = write_document(drawn, tmp_path / "again" / "derivations.tex").parent / path
    assert again.read_bytes() == (tmp_path / path).read_bytes()


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_it_compiles_without_warnings(drawn, tmp_path):
    path = write_document(drawn, tmp_path / "derivations.tex")
    for _ in range(2):
        run = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", path.name],
            cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=120,
        )  # fmt: skip
    log = path.with_suffix(".log").read_text(errors="replace")
    assert run.returncode == 0
    assert [line for line in log.splitlines() if re.match(r"!|Overfull|Underfull|.*Warning", line)] == []
