"""`symrg reproduce`: progress on standard error, the summary or JSON on standard output."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from derivations import main_job
from derivations.commands import reproduce
from derivations.main_job import Outcome
from derivations.report.content import Entry as Shown
from derivations.report.content import Report
from symrg import Claim, verify
from symrg.files import NotWritten
from symrg.verification.ledger import Entry, Ledger


@pytest.fixture
def quick(monkeypatch):
    """A main job of one statement."""

    def run(output, monitor, **given):
        monitor.start("A stage")
        monitor.advance(1, 2, "half of it")
        monitor.finish("1 holds", 2.0)
        verdict = verify(Claim(2, 2, name="two"))
        ledger = Ledger("Test", (Entry.of(verdict, None, identifier="1", title="two"),))
        report = Report("Test", (), (Shown("1", "two", "2 = 2", "holds"),))
        return Outcome(report, ledger, (Path(output) / "index.html",), 2.0)

    monkeypatch.setattr(main_job, "run", run)


def test_progress_and_result_do_not_mix(quick, tmp_path):
    shown = CliRunner().invoke(reproduce, ["--output", str(tmp_path)], catch_exceptions=False)
    assert shown.exit_code == 0
    assert "A stage" in shown.stderr
    assert "A stage" not in shown.stdout
    assert "What was found" in shown.stdout
    assert "index.html" in shown.stdout
    asked = CliRunner().invoke(reproduce, ["--output", str(tmp_path), "--json"], catch_exceptions=False)
    assert json.loads(asked.stdout)["entries"][0]["status"] == "holds"
    assert "A stage" in asked.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_found_out_first(quick, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotWritten, match="file"):
        CliRunner().invoke(reproduce, ["--output", str(tmp_path / "file" / "report")], catch_exceptions=False)
