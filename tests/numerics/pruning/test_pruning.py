from itertools import pairwise

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from numerics import autoencoder, mnist
from numerics.fisher import diagonal, full
from numerics.pruning import (
    as_dataset,
    experiment,
    experiments,
    integrate_out,
    measured,
    prune,
    remove_units,
    retrain,
    saliency,
    spectral_cut,
    sweep,
    unit_costs,
)
from numerics.pruning.classification import accuracy, train_classifier
from numerics.pruning.five_seeds import as_markdown
from numerics.pruning.five_seeds import write as write_measured
from numerics.pruning.saliencies import inverse_diagonal
from numerics.pruning.shells import schedule
from numerics.pruning.solve import conjugate_gradients
from numerics.pruning.spectral import random_rotation, rotated
from symrg.errors import DataError, InvalidEstimator, UnsupportedLayer


@pytest.fixture(scope="module")
def images():
    return mnist.load().inputs()[::10]


@pytest.fixture(scope="module")
def talk(images):
    return autoencoder.train_talk_network(images, steps=150).network


def _small(seed=0, activation=nn.Tanh):
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(6, 5), activation(), nn.Linear(5, 4)).double()
    return network, torch.randn(40, 6, dtype=torch.float64)


def test_a_cutoff_removes_what_lies_below_it_and_zero_nothing(talk, images):
    metric = diagonal(talk, images)
    cut = prune(talk, metric, cutoff=0.125, layers=["encoder"])
    assert cut.removed == int((metric["encoder.weight"] < 0.125).sum())
    assert cut.total == 15_680
    assert cut.counts == {"encoder.weight": (cut.removed, 15_680)}
    assert float(cut.network.encoder.weight.detach()[~cut.masks["encoder.weight"]].abs().max()) == 0
    assert torch.equal(cut.network.decoder.weight, talk.decoder.weight)
    assert float(talk.encoder.weight.detach().abs().min()) > 0  # the original is as it was
    assert prune(talk, metric, cutoff=0, layers=["encoder"]).removed == 0
    everything = prune(talk, metric, cutoff=float("inf"))
    assert everything.removed == everything.total == 32_164


def test_a_fraction_removes_exactly_that_many_of_least_saliency(talk, images):
    metric = diagonal(talk, images)
    for fraction in (0, 0.1, 0.648, 1):
        cut = prune(talk, metric, fraction=fraction, layers=["encoder.weight", "decoder.weight"])
        assert cut.removed == round(fraction * 31_360)
    mask = cut.masks["encoder.weight"]
    assert not bool(mask.any())
    cut = prune(talk, metric, fraction=0.7, layers=["encoder.weight"])
    gone = metric["encoder.weight"][~cut.masks["encoder.weight"]]
    kept = metric["encoder.weight"][cut.masks["encoder.weight"]]
    assert float(gone.max()) <= float(kept.min())
    assert cut.cutoff == float(gone.max())


def test_what_is_saved_can_be_read_back(talk, images, tmp_path):
    cut = prune(talk, diagonal(talk, images), fraction=0.5, layers=["encoder.weight"])
    weights, masks = cut.save(tmp_path / "cut")
    again = autoencoder.load_network(weights, autoencoder.talk_network(5))
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), cut.network.parameters()))
    assert torch.equal(load_file(masks)["encoder.weight"], cut.masks["encoder.weight"])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, "either cutoff or fraction"),
        ({"cutoff": 1.0, "fraction": 0.5}, "either cutoff or fraction"),
        ({"fraction": 1.5}, "between 0 and 1"),
        ({"cutoff": float("nan")}, "nan"),
        ({"fraction": 0.5, "layers": ["hidden"]}, "hidden"),
    ],
)
def test_cuts_without_meaning_are_refused(change, text):
    network, x = _small()
    with pytest.raises(InvalidEstimator, match=text):
        prune(network, diagonal(network, x), **change)
    worth = diagonal(network, x)
    worth["0.weight"][0, 0] = torch.nan
    with pytest.raises(InvalidEstimator, match=r"0\.weight holds nan"):
        prune(network, worth, fraction=0.5)
    with pytest.raises(InvalidEstimator, match="shape"):
        prune(network, {"0.weight": torch.zeros(2, 2)}, fraction=0.5)


def test_information_length_does_not_depend_on_scale_and_fisher_does():
    """Input 2 in other units: the same model; I_ii changes by 100, I_ii w_i^2 does not."""
    network, x = _small()
    other, y = _small()
    y = x.clone()
    y[:, 2] *= 10
    with torch.no_grad():
        other[0].weight[:, 2] /= 10
    assert torch.allclose(network(x), other(y))
    a, b = (saliency("information_length", n, d)["0.weight"] for n, d in ((network, x), (other, y)))
    torch.testing.assert_close(a, b)
    a, b = (saliency("fisher", n, d)["0.weight"] for n, d in ((network, x), (other, y)))
    torch.testing.assert_close(100 * a[:, 2], b[:, 2])


def test_block_saliency_is_the_cost_after_the_rest_of_the_block_has_moved():
    network, x = _small()
    worth = saliency("block", network, x, damping=1e-12)["0.weight"]
    whole = full(network, x, parameters=["0.weight"]).matrix
    w = network[0].weight.detach()
    for j in range(5):
        block = whole[6 * j : 6 * j + 6, 6 * j : 6 * j + 6]
        for i in range(6):
            rest = [k for k in range(6) if k != i]
            move = torch.linalg.solve(block[rest][:, rest], block[rest, i] * w[j, i])
            step = torch.zeros(6, dtype=torch.float64)
            step[i], step[rest] = -w[j, i], move
            assert float(step @ block @ step) == pytest.approx(float(worth[j, i]), rel=1e-6)
    masked = inverse_diagonal(whole[:6, :6][None], 1e-12, torch.tensor([[True, True, False, True, True, True]]))
    kept = [0, 1, 3, 4, 5]
    expected = torch.diagonal(torch.linalg.inv(whole[:6, :6][kept][:, kept]))
    torch.testing.assert_close(masked[0, kept], expected, rtol=1e-6, atol=0)
    assert bool(masked[0, 2].isinf())


def test_kronecker_saliency_is_that_of_the_explicit_product():
    network, x = _small()
    found = saliency("kronecker", network, x[:1], damping=1e-3)["2.weight"]
    assert found.shape == (4, 5)
    assert bool((found >= 0).all())
    assert not torch.allclose(found, saliency("magnitude", network)["2.weight"])


def test_conjugate_gradients_solve():
    torch.manual_seed(0)
    a = torch.randn(12, 12, dtype=torch.float64)
    a = a @ a.T + torch.eye(12, dtype=torch.float64)
    b = torch.randn(12, dtype=torch.float64)
    found = conjugate_gradients(lambda v: a @ v, b, lambda r: r / torch.diagonal(a), iterations=60, tolerance=1e-12)
    torch.testing.assert_close(found.vector, torch.linalg.solve(a, b))
    early = conjugate_gradients(lambda v: a @ v, b, lambda r: r, iterations=2, tolerance=1e-12)
    assert early.iterations == 2
    assert early.residual > 1e-6


def test_integrating_out_is_the_schur_complement():
    """A linear network: the metric is exact, so one shell must land on the least-squares answer."""
    torch.manual_seed(1)
    network = nn.Sequential(nn.Linear(6, 3, bias=False)).double()
    x = torch.randn(50, 6, dtype=torch.float64) @ torch.randn(6, 6, dtype=torch.float64)
    (shell,) = integrate_out(
        network, x, fractions=[0.5], shells=1, steps=0, final_steps=0, damping=1e-9, iterations=200, tolerance=1e-12
    )
    w, mask, c = network[0].weight.detach(), shell.pruned.masks["0.weight"], x.T @ x
    assert shell.pruned.removed == 9
    for j in range(3):
        keep = mask[j].nonzero().squeeze(1)
        wanted = torch.linalg.solve(c[keep][:, keep], c[keep] @ w[j])
        torch.testing.assert_close(shell.pruned.network[0].weight[j, keep].detach(), wanted, rtol=1e-5, atol=1e-7)
    cut = prune(network, saliency("information_length", network, x), fraction=0.5)
    assert (network(x) - shell.pruned.network(x)).square().mean() < (network(x) - cut.network(x)).square().mean()


def test_shells_beat_cuts_on_real_digits(talk, images):
    worth = saliency("information_length", talk, images)
    base = autoencoder.mean_squared_error(talk, images)
    cut = autoencoder.mean_squared_error(prune(talk, worth, fraction=0.9, layers=["encoder.weight"]).network, images)
    states = list(
        integrate_out(
            talk,
            images,
            fractions=[0.8, 0.9],
            layers=["encoder.weight"],
            shells=3,
            free=["encoder.weight"],
            iterations=10,
        )
    )
    wanted = [s for s in states if s.wanted]
    assert [s.pruned.removed for s in wanted] == [12_544, 14_112]
    gone = [~s.pruned.masks["encoder.weight"] for s in states]
    assert all(bool((b | ~a).all()) for a, b in pairwise(gone))  # what is gone stays gone
    last = wanted[-1].pruned.network
    assert float(last.encoder.weight.detach()[gone[-1]].abs().max()) == 0
    assert torch.equal(last.decoder.weight, talk.decoder.weight)
    shells = autoencoder.mean_squared_error(last, images)
    assert shells - base < 0.5 * (cut - base)


def test_a_fit_to_the_data_never_hurts_and_leaves_the_flow_alone(talk, images):
    options = {"fractions": [0.5, 0.8], "shells": 2, "layers": ["encoder.weight"], "iterations": 8}
    plain = list(integrate_out(talk, images, **options))
    fitted = list(integrate_out(talk, images, targets=images, data_steps=1, **options))
    for a, b in zip(plain, fitted):
        assert torch.equal(a.pruned.network.encoder.weight, b.pruned.network.encoder.weight)
        assert a.fitted is None
        error = [autoencoder.mean_squared_error(c.network, images) for c in (b.pruned, b.fitted)]
        assert error[1] < 0.99 * error[0]
        assert torch.equal(b.fitted.masks["encoder.weight"], b.pruned.masks["encoder.weight"])
        gone = ~b.fitted.masks["encoder.weight"]
        assert float(b.fitted.network.encoder.weight.detach()[gone].abs().max()) == 0


def test_a_step_that_would_raise_the_divergence_is_not_taken():
    """A network at the minimum of its data: whatever is tried, the error may not grow."""
    network, x = _small()
    with torch.no_grad():
        y = network(x)
    (state,) = integrate_out(network, x, fractions=[0.02], shells=1, targets=y, data_steps=3)
    error = [float((n(x) - y).detach().square().mean()) for n in (state.pruned.network, state.fitted.network)]
    assert error[1] <= error[0]


def test_retraining_moves_what_is_left_and_nothing_else(talk, images):
    cut = prune(talk, saliency("magnitude", talk), fraction=0.9, layers=["encoder.weight"])
    again = retrain(cut, images, steps=20)
    gone = ~cut.masks["encoder.weight"]
    assert float(again.network.encoder.weight.detach()[gone].abs().max()) == 0
    error = [autoencoder.mean_squared_error(c.network, images) for c in (cut, again)]
    assert error[1] < 0.9 * error[0]
    assert again.removed == cut.removed == 14_112
    same = retrain(cut, images, steps=20)
    assert torch.equal(same.network.decoder.weight, again.network.decoder.weight)
    with pytest.raises(DataError, match=r"mask of encoder\.weight"):
        autoencoder.train(autoencoder.talk_network(), images, steps=1, masks={"encoder.weight": gone[:3]})


def test_the_schedule_meets_what_is_asked_for():
    plan = schedule([0.648, 0.9], 8)
    assert [f for f, wanted in plan if wanted] == [0.648, 0.9]
    assert [f for f, _ in plan] == sorted(f for f, _ in plan)
    with pytest.raises(InvalidEstimator, match="shares between 0 and 1"):
        schedule([1.0], 4)


def test_a_rotation_changes_the_cut_and_not_the_model():
    network, x = _small()
    q = random_rotation(6, seed=2)
    turned, rotation = rotated(network, q)
    assert torch.allclose(q @ q.T, torch.eye(6, dtype=torch.float64))
    y = rotation(x)
    assert torch.allclose(network(x), turned(y))
    before, after = (full(n, d, parameters=["0.weight"]) for n, d in ((network, x), (turned, y)))
    torch.testing.assert_close(before.spectrum(), after.spectrum())
    cutoff = float(before.diagonal()["0.weight"].median())
    cuts = [prune(n, diagonal(n, d), cutoff=cutoff, layers=["0"]) for n, d in ((network, x), (turned, y))]
    assert not torch.equal(cuts[0].masks["0.weight"], cuts[1].masks["0.weight"])
    spectral = [spectral_cut(n, d, "0", cutoff=cutoff) for n, d in ((network, x), (turned, y))]
    assert spectral[0].removed == spectral[1].removed > 0
    assert torch.allclose(
        spectral[0].network(x), spectral[1].network(y), atol=1e-10
    )  # the eigenvalues' cut is covariant


def test_removed_units_leave_a_smaller_network():
    network, x = _small()
    with torch.no_grad():
        network[0].weight[3] = 0  # a unit that says the same for every sample
    costs = unit_costs(network, x, "0")
    assert float(costs[3]) < 1e-20
    assert float(costs.max()) > 1e-3
    smaller = remove_units(network, x, "0", count=1)
    assert smaller.kept.tolist() == [0, 1, 2, 4]
    assert tuple(smaller.network[0].weight.shape) == (4, 6)
    assert torch.allclose(smaller.network(x), network(x))  # its mean went into the next bias
    twice = remove_units(network, x, "0", count=2).network
    second = float(costs.sort().values[1])
    change = 0.5 * float((twice(x) - network(x)).square().sum(1).mean())
    assert change == pytest.approx(second, rel=1e-8)  # the last layer is linear, so second order is exact
    with pytest.raises(UnsupportedLayer, match="taken up"):
        unit_costs(network, x, "2")
    with pytest.raises(InvalidEstimator, match="must stay"):
        remove_units(network, x, "0", count=5)


def test_a_sweep_sets_rules_beside_each_other_at_equal_numbers(talk, images):
    rows = sweep(talk, images, images, cutoffs=(0, 0.125), layers=["encoder.weight"])
    assert [r.rule for r in rows] == ["fisher", "magnitude", "random"] * 2
    assert {r.removed for r in rows[:3]} == {0}
    assert len({r.removed for r in rows[3:]}) == 1
    assert rows[3].error <= rows[5].error
    assert rows[0].relative == pytest.approx(1)


def test_a_sweep_becomes_labelled_arrays_and_goes_on_where_it_was(talk, images, tmp_path, monkeypatch):
    arguments = (talk, images, images)
    options = {"rules": ("fisher", "random"), "fractions": (0.5, 0.9), "layers": ["encoder.weight"]}
    wanted = sweep(*arguments, **options)
    data = as_dataset(wanted)
    assert data.error.dims == ("rule", "removed")
    assert float(data.error.sel(rule="random", removed=14_112)) == wanted[3].error
    assert data.fraction.values.tolist() == [0.5, 0.9]

    class Stop(Exception):
        pass

    def interrupt(done, total, text):
        raise Stop

    with pytest.raises(Stop):
        sweep(*arguments, **options, store=tmp_path, progress=interrupt)
    assert len(list(tmp_path.iterdir())) == 1
    made = []
    original = experiments.measure
    monkeypatch.setattr(experiments, "measure", lambda *a: made.append(a[0]) or original(*a))
    assert [r.error for r in sweep(*arguments, **options, store=tmp_path)] == [r.error for r in wanted]
    assert made == ["fisher", "random"]  # of the second fraction alone
    for path in tmp_path.iterdir():
        path.write_text(path.read_text()[:-20])  # damaged: as good as absent
    made.clear()
    sweep(*arguments, **options, store=tmp_path)
    assert len(made) == 4
    made.clear()
    sweep(talk, images[:-1], images, **options, store=tmp_path)  # other images: other rows
    assert len(made) == 4
    with pytest.raises(InvalidEstimator, match="expected some of fisher"):
        sweep(*arguments, rules=("guess",), fractions=(0.5,))
    with pytest.raises(DataError, match="0 rows"):
        as_dataset([])


def test_seeds_give_means_and_error_bars(tmp_path):
    digits = mnist.load()
    few = mnist.Digits(digits.images[::50], digits.labels[::50], digits.source)
    options = {"fractions": (0.5, 0.9), "rules": ("fisher", "random"), "test": 20, "integrate": False, "steps": 15}
    data = experiment(few, "talk", seeds=(0, 1), store=tmp_path, **options)
    assert data.relative.dims == ("rule", "fraction", "seed")
    np.testing.assert_allclose(data["mean"], data.relative.mean("seed"))
    gap = np.abs(data.relative.sel(seed=0) - data.relative.sel(seed=1))
    np.testing.assert_allclose(data.standard_error, gap / 2)
    assert len(list(tmp_path.iterdir())) == 2
    again = experiment(few, "talk", seeds=(1, 0), store=tmp_path, **options)
    np.testing.assert_array_equal(again.relative.sel(seed=[0, 1]), data.relative)
    with pytest.raises(InvalidEstimator, match="talk, sigmoid"):
        experiment(few, "other", seeds=(0,))
    with pytest.raises(InvalidEstimator, match="at least one seed"):
        experiment(few, "talk", seeds=())


def test_a_fixed_classifier_tells_good_reconstructions_from_bad(talk):
    digits = mnist.load()
    few = mnist.Digits(digits.images[::10], digits.labels[::10], digits.source)
    judge = train_classifier(few, steps=60)
    own = accuracy(judge, few)
    assert own > 0.9
    wreck = prune(talk, saliency("random", talk), fraction=0.99, layers=["encoder.weight"]).network
    assert accuracy(judge, few, wreck) < accuracy(judge, few, talk) < own


@pytest.mark.parametrize("setting", ["talk", "sigmoid"])
def test_the_measured_table_is_kept_with_its_error_bars(setting, tmp_path):
    data = measured(setting)
    assert data.sizes["seed"] >= 5
    np.testing.assert_allclose(data["mean"], data.relative.mean("seed"))
    spread = np.std(data.relative.values, axis=2, ddof=1) / data.sizes["seed"] ** 0.5
    np.testing.assert_allclose(data.standard_error, spread)
    assert data.fraction.values.tolist() == [0.648, 0.8, 0.9, 0.95]
    shells = "shells" if setting == "talk" else "block shells"
    by_rule = data["mean"].sel(fraction=0.9)
    assert float(by_rule.sel(rule=shells)) < float(by_rule.sel(rule="information_length"))
    again = tmp_path / "tables.json"
    write_measured({setting: data}, again)
    assert measured(setting, again).identical(data)
    assert as_markdown(data).count("\n") == data.sizes["rule"] + 1
    again.write_text(again.read_text()[:-100])
    with pytest.raises(DataError, match="make it anew"):
        measured(setting, again)
    with pytest.raises(InvalidEstimator, match="talk, sigmoid"):
        measured("other")
