import json

from click.testing import CliRunner

from numerics.autoencoder import load_weights
from numerics.commands.prune import prune
from symrg.errors import InvalidEstimator


def test_prune_reports_rows_and_writes_files(tmp_path):
    arguments = [
        "--cutoff",
        "0.125",
        "--fraction",
        "0.9",
        "--rule",
        "fisher",
        "--rule",
        "random",
        "--steps",
        "5",
        "--json",
    ]
    result = CliRunner().invoke(prune, [*arguments, "--output", str(tmp_path / "o"), "--figures", str(tmp_path / "f")])
    assert result.exit_code == 0, result.output
    rows = json.loads(result.output)["rows"]
    assert [r["rule"] for r in rows] == ["fisher", "random"] * 2
    assert rows[0]["removed"] == rows[1]["removed"]
    assert rows[2]["removed"] == 14_112
    assert rows[2]["total"] == 15_680
    masks, words = load_weights(tmp_path / "o" / "fraction-0.9" / "masks.safetensors")
    assert int((~masks["encoder.weight"]).sum()) == 14_112 == int(words["removed"])
    assert sorted(p.name for p in (tmp_path / "f").iterdir()) == ["errors.svg", "histogram.svg", "reconstructions.svg"]


def test_prune_refuses_what_has_no_meaning():
    result = CliRunner().invoke(prune, ["--shells", "3"])
    assert isinstance(result.exception, InvalidEstimator)
    assert CliRunner().invoke(prune, ["--fraction", "2"]).exit_code == 2
    assert "symrg prune --cutoff 0.125" in CliRunner().invoke(prune, ["--help"]).output
