import copy

import pytest
import torch
from torch import nn

from derivations import fisher_pruning, pruning_comparison
from numerics import autoencoder, mnist
from numerics.fisher import diagonal, network_metric


@pytest.fixture(scope="module")
def digits():
    every = mnist.load()
    return mnist.Digits(every.images[::10], every.labels[::10], every.source).split(100)


@pytest.fixture(scope="module")
def network(digits):
    return autoencoder.train_talk_network(digits[0].inputs(), steps=150).network


def test_the_comparison_of_routes_catches_planted_errors():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 5), nn.ReLU()).double()
    x = torch.rand(30, 5, dtype=torch.float64)
    symbolic, automatic = network_metric(network).evaluate(network, x), diagonal(network, x, method="backward")
    good = fisher_pruning.compare(symbolic, automatic, 30)
    assert good.agrees
    assert good.parameters == 49
    assert not fisher_pruning.compare({n: 2 * v for n, v in symbolic.items()}, automatic, 30).agrees
    live = symbolic["0.weight"].copy()
    live[live != 0] += 1e-9 * live[live != 0]
    assert not fisher_pruning.compare(symbolic | {"0.weight": live}, automatic, 30).agrees
    filled = symbolic["0.weight"].copy()
    filled[0, 0] = 0 if filled[0, 0] else 1e-30
    assert fisher_pruning.compare(symbolic | {"0.weight": filled}, automatic, 30).zeros_differ == 1
    dropped = copy.deepcopy(network)
    dropped[1] = nn.Identity()  # a dropped derivative
    assert not fisher_pruning.compare(network_metric(dropped).evaluate(dropped, x), automatic, 30).agrees


def test_a_rotation_of_the_pixels_changes_the_cut_and_not_the_model(digits, network):
    found = pruning_comparison.turn(network, digits[0].inputs(), 0.125)
    assert found.outputs_differ < 1e-4
    assert found.trace_differs < 1e-5
    assert found.removed != found.removed_turned
    metric = diagonal(network, digits[0].inputs())["encoder.weight"]
    assert found.removed == int((metric < 0.125).sum())


def test_rules_stand_beside_each_other_at_equal_numbers(digits, network, monkeypatch):
    monkeypatch.setitem(pruning_comparison.SHELLS, "shells", 3)
    monkeypatch.setitem(pruning_comparison.SHELLS, "data_steps", 1)
    found = pruning_comparison.compare_rules(network, *digits, (0.9, 0.648))
    rules = list(dict.fromkeys(r.rule for r in found.rows))
    assert rules == ["fisher", "information_length", "magnitude", "random", "shells", "shells, data"]
    assert [r.removed for r in found.rows] == [10_161, 14_112] * 6
    assert len(found.accuracies) == len(found.rows)
    assert found.sources > found.unpruned > 0.2
    shells, covariant = found.relative("shells", 1), found.relative("information_length", 1)
    assert shells - 1 < 0.5 * (covariant - 1)
    assert found.relative("random", 1) > covariant
    table = found.table("caption")
    assert [row[1] for row in table.rows] == [r.removed for r in found.rows]
    assert set(rules) <= set(pruning_comparison.WORDS)


def test_seeds_become_tables_with_error_bars_and_are_kept(digits, monkeypatch, tmp_path):
    monkeypatch.setenv("SYMRG_CACHE", str(tmp_path))
    from numerics import pruning
    from numerics.pruning import experiment

    monkeypatch.setattr(mnist, "load", lambda: digits[0])
    small = {"rules": ("fisher", "random"), "fractions": (0.5, 0.9), "test": 50, "integrate": False, "steps": 5}
    monkeypatch.setattr(pruning, "experiment", lambda *a, **k: experiment(*a, **(k | small)))
    blocks = pruning_comparison.over_seeds(2)
    assert [type(b).__name__ for b in blocks] == ["Table", "Figure"] * 2
    assert blocks[0].columns == ("rule", "50.0 %", "90.0 %")
    assert all("±" in cell for row in blocks[0].rows for cell in row[1:])
    assert len(list((tmp_path / "pruning").glob("*-seed-*"))) == 4
    found = pruning_comparison.kept(len(digits[0]), digits[0].source, 0.5)
    assert found.count == 2
    assert {"fisher", "random"} == {*found.values}
    cell = next(row for row in blocks[0].rows if row[0] == pruning_comparison.WORDS["fisher"])[1]
    assert cell == found.shown("fisher")
    assert pruning_comparison.kept(len(digits[0]), digits[0].source, 0.648) is None
    assert pruning_comparison.kept(7, digits[0].source, 0.5) is None
    pruning_comparison._summary_file().write_text("{")
    assert pruning_comparison.kept(len(digits[0]), digits[0].source, 0.5) is None


@pytest.mark.parametrize(
    ("fisher", "random", "status"),
    [
        ((1.001, 1.002, 1.003), (1.5, 1.6, 1.7), "holds"),
        ((1.20, 1.21, 1.22), (1.5, 1.6, 1.7), "fails"),
        ((1.001, 1.002, 1.003), (1.010, 1.011, 1.012), "fails"),
        ((0.9, 1.04, 1.18), (1.5, 1.6, 1.7), "undecided"),
    ],
)
def test_the_verdict_on_the_cut_reads_error_bars_where_there_are_several_networks(fisher, random, status):
    several = pruning_comparison.OverSeeds({"fisher": fisher, "random": random})
    at_talk = type("Row", (), {"removed": 9000, "total": 15680})
    alone = fisher_pruning._cost(1.0, 1.5, at_talk, None)
    assert (alone.status, len(alone.witnesses)) == ("holds", 1)
    assert "without an error bar" in alone.reason
    entry = fisher_pruning._cost(1.0, 1.5, at_talk, several)
    assert entry.status == status
    assert entry.witnesses[0].name == "3 networks"
    assert "±" in entry.reason
