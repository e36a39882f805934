import pytest
import torch
from brute_force import NETWORKS, build, by_name, full_metric
from brute_force import largest_relative_difference as difference
from torch import nn

import numerics.fisher as nf
from numerics.fisher import diagonal, diagonal_monte_carlo, explain_zeros
from symrg.errors import InvalidEstimator, SymrgError, UnsupportedLayer

LIKELIHOODS = ("gaussian", "bernoulli", "categorical")


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("name", NETWORKS)
def test_true_diagonal_is_that_of_brute_force_jacobians(name, likelihood):
    network, x = build(name)
    wanted = by_name(network, torch.diagonal(full_metric(network, x, likelihood)))
    for batch_size in (None, 4):  # a batch size that does not divide the number of samples
        assert difference(diagonal(network, x, likelihood=likelihood, batch_size=batch_size), wanted) < 1e-11
    assert difference(diagonal(network, x, likelihood=likelihood, method="autograd"), wanted) < 1e-11


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("name", ["talk", "bottleneck", "classifier"])
def test_one_backward_pass_an_output_agrees(name, likelihood):
    network, x = build(name)
    wanted = by_name(network, torch.diagonal(full_metric(network, x, likelihood)))
    assert difference(diagonal(network, x, likelihood=likelihood, method="backward"), wanted) < 1e-11


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("name", ["talk", "bottleneck", "convolutional", "positions"])
def test_empirical_diagonal_is_the_mean_squared_score(name, likelihood):
    network, x = build(name)
    with torch.no_grad():
        f = network(x)
    y = torch.randint(0, f.shape[1], (len(x),)) if likelihood == "categorical" else torch.rand_like(f)
    total = None
    for i in range(len(x)):
        out = network(x[i : i + 1])
        if likelihood == "gaussian":
            loss = 0.5 * (out - y[i]).square().sum() / 3.0
        elif likelihood == "bernoulli":
            loss = nn.functional.binary_cross_entropy_with_logits(out[0], y[i], reduction="sum")
        else:
            loss = nn.functional.cross_entropy(out, y[i : i + 1])
        grads = [g.square() / len(x) for g in torch.autograd.grad(loss, list(network.parameters()))]
        total = grads if total is None else [a + b for a, b in zip(total, grads)]
    wanted = dict(zip([n for n, _ in network.named_parameters()], total))
    variance = 3.0 if likelihood == "gaussian" else 1.0
    found = diagonal(network, x, y, "empirical", likelihood, variance)
    assert difference(found, wanted) < 1e-11
    true = diagonal(network, x, likelihood=likelihood, variance=variance)
    assert difference(true, wanted) > 1e-3  # the two kinds are different things


def test_the_mean_reductions_of_torch_differ_by_the_number_of_outputs():
    network, x = build("talk")
    y = torch.rand(6, 12, dtype=torch.float64)
    mean = torch.autograd.grad(nn.functional.mse_loss(network(x[:1]), y[:1]), list(network.parameters()))
    found = diagonal(network, x[:1], y[:1], "empirical")
    for g, (name, _) in zip(mean, network.named_parameters()):
        torch.testing.assert_close(g * 12 / 2, g * 6)
        torch.testing.assert_close((g * 12 / 2).square(), found[name])


def test_a_perturbed_reference_is_told_apart():
    network, x = build("bottleneck")
    exact = torch.diagonal(full_metric(network, x, "gaussian"))
    wanted = by_name(network, exact * 2)
    assert difference(diagonal(network, x), wanted) > 0.4
    activation = network[1]
    network[1] = nn.Identity()  # a dropped derivative
    dropped = diagonal(network, x)
    network[1] = activation
    assert difference(dropped, by_name(network, exact)) > 1e-2


def test_saturated_classes_keep_their_small_metric():
    """q - q^2 in place of q (1 - q) loses every digit here; the reference is taken with 60 digits by mpmath."""
    import mpmath as mp

    network = nn.Linear(1, 3, bias=False).double()
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[40.0], [0.0], [1.0]]))
    found = diagonal(network, torch.ones(1, 1, dtype=torch.float64), likelihood="categorical")["weight"][:, 0]
    with mp.workdps(60):
        e = [mp.exp(40), mp.mpf(1), mp.exp(1)]
        q = [v / sum(e) for v in e]
        wanted = [float(v * (1 - v)) for v in q]
    for a, b in zip(found.tolist(), wanted):
        assert abs(a / b - 1) < 1e-12


def test_exact_zeros_are_zeros_and_are_explained():
    network, x = build("talk")
    with torch.no_grad():
        network[0].bias[1] = -1e3  # a dead unit
    x[:, 3] = 0  # a dark pixel
    found = diagonal(network, x)["0.weight"]
    wanted = by_name(network, torch.diagonal(full_metric(network, x, "gaussian")))["0.weight"]
    assert torch.equal(found == 0, wanted == 0)
    assert bool((found[1] == 0).all())
    assert bool((found[:, 3] == 0).all())
    zeros = explain_zeros(network, x)["0.weight"]
    assert zeros.total == int((found == 0).sum())
    assert (zeros.dark_inputs, zeros.dead_units) == (1, int((found == 0).all(1).sum()))
    assert zeros.both == zeros.dead_units


def test_parameters_that_no_layer_uses_have_no_information():
    class Idle(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.idle = nn.Linear(3, 2), nn.Linear(3, 2)

        def forward(self, x):
            return self.used(x)

    found = diagonal(Idle(), torch.randn(4, 3))
    assert float(found["idle.weight"].abs().max()) == 0
    assert float(found["used.weight"].min()) > 0


class _Branch(nn.Module):
    """A skip connection around something, and a linear layer."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.head = inner, nn.Linear(3, 3)

    def forward(self, x):
        return self.head(x + self.inner(x))


class _Over(nn.Module):
    """A function of one's own."""

    def __init__(self, function):
        super().__init__()
        self.function, self.head = function, nn.Linear(3, 3)

    def forward(self, x):
        return self.head(self.function(x))


@pytest.mark.parametrize(
    ("network", "named"),
    [
        (nn.Sequential(nn.Linear(3, 3), nn.LSTM(3, 3)), r"1 \(LSTM\)|cannot be traced|picks samples"),
        (nn.Sequential(nn.Linear(3, 3), nn.RNN(3, 3)), "1"),
        (_Branch(nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))), r"inner\.1 \(Dropout\).*training mode"),
        (_Branch(nn.BatchNorm1d(3)), r"inner \(BatchNorm1d\).*eval"),
        (_Branch(nn.MultiheadAttention(3, 1)), "inner|cannot be traced"),
        (nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5)), "training mode"),
        (nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)), "eval"),
        (_Over(lambda x: x - x.mean(0)), "mean.*along the samples"),
        (_Over(lambda x: x.sort(1)[0]), "sort.*no rule"),
        (_Over(lambda x: x[:2]), "picks samples"),
        (_Over(lambda x: torch.softmax(x @ x.transpose(-2, -1), -1) @ x), "depends on the other samples|single sample"),
        (_Over(lambda x: x + torch.rand_like(x)), "rand"),
        (_Over(lambda x: x * 2 if x.sum() > 0 else x), "cannot be traced"),
    ],
)
def test_what_has_no_rule_is_refused_by_name(network, named):
    with pytest.raises(UnsupportedLayer, match=named):
        diagonal(network.train(), torch.randn(4, 3))


@pytest.mark.parametrize("name", ["residual", "tied", "transposed"])
def test_parameters_held_fixed_and_views_of_inputs_are_as_good_as_others(name):
    network, x = build(name)
    wanted = by_name(network, torch.diagonal(full_metric(network, x, "gaussian")))
    spread = torch.stack([x, torch.zeros_like(x)], -1)[..., 0]  # not contiguous
    assert not spread.is_contiguous()
    for p in list(network.parameters())[::2]:
        p.requires_grad_(False)
    for method in ("closed", "autograd"):
        assert difference(diagonal(network, spread, method=method), wanted) < 1e-11
    y = torch.zeros_like(network(x)).detach()
    a, b = (diagonal(network, x, y, "empirical", method=m) for m in ("closed", "autograd"))
    assert difference(a, b) < 1e-11
    single = diagonal(network.float(), x[:1].float())
    assert all(v.dtype == torch.float32 for v in single.values())


@pytest.mark.parametrize(
    ("network", "text"),
    [
        (nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5)), "training mode"),
        (nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)), "do not fit|training mode"),
        (nn.LSTM(3, 2), "tuple"),
        (nn.Linear(4, 3), "do not fit"),
    ],
)
def test_autograd_refuses_what_has_no_metric(network, text):
    with pytest.raises(SymrgError, match=text):
        diagonal(network.train(), torch.randn(6, 3), method="autograd")


def test_backward_passes_take_frozen_parameters():
    network, x = build("talk")
    wanted = diagonal(network, x)
    for p in network.parameters():
        p.requires_grad_(False)
    assert difference(diagonal(network, x, method="backward"), wanted) < 1e-11


class _Sorted(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(3, 3)

    def forward(self, x):
        return self.a(x.sort(1).values)


@pytest.mark.parametrize("network", [_Sorted(), nn.Sequential(nn.Linear(3, 3), nn.PReLU())])
def test_autograd_takes_any_module(network):
    network = network.double()
    x = torch.randn(5, 3, dtype=torch.float64)
    wanted = by_name(network, torch.diagonal(full_metric(network, x, "bernoulli")))
    assert difference(diagonal(network, x, likelihood="bernoulli", method="autograd"), wanted) < 1e-12


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"kind": "observed"}, "true"),
        ({"kind": "empirical"}, "targets"),
        ({"targets": torch.zeros(4, 2)}, "empirical"),
        ({"likelihood": "poisson"}, "gaussian"),
        ({"variance": 0.0}, "positive"),
        ({"variance": 2.0, "likelihood": "bernoulli"}, "has none"),
        ({"method": "guess"}, "closed"),
        ({"kind": "empirical", "targets": torch.zeros(3, 2)}, "3 targets"),
        ({"kind": "empirical", "targets": torch.zeros(4, 5)}, "fit"),
        ({"kind": "empirical", "targets": torch.tensor([0, 1, 2, 0]), "likelihood": "categorical"}, "0 to 1"),
    ],
)
def test_arguments_without_meaning_are_refused(arguments, text):
    with pytest.raises(InvalidEstimator, match=text):
        diagonal(nn.Linear(3, 2), torch.randn(4, 3), **arguments)


def test_values_that_are_not_finite_are_refused():
    x = torch.randn(4, 3)
    x[2, 1] = torch.nan
    with pytest.raises(SymrgError, match="not finite"):
        diagonal(nn.Linear(3, 2), x)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_monte_carlo_meets_the_exact_diagonal_within_its_error_bars(likelihood):
    network, x = build("classifier")
    estimate = diagonal_monte_carlo(network, x, likelihood, draws=300, seed=3)
    exact = diagonal(network, x, likelihood=likelihood)
    ratios = torch.cat([((estimate.values[n] - exact[n]) / estimate.errors[n]).flatten() for n in exact])
    assert 0.3 < float(ratios.square().mean().sqrt()) < 2  # errors neither too small nor too large
    shifted = torch.cat([((estimate.values[n] - 2 * exact[n]) / estimate.errors[n]).flatten() for n in exact])
    assert float(shifted.square().mean().sqrt()) > 4


ESTIMATORS = {
    "closed": diagonal,
    "autograd": lambda n, x: diagonal(n, x, method="autograd"),
    "backward": lambda n, x: diagonal(n, x, method="backward"),
    "monte carlo": diagonal_monte_carlo,
    "full": nf.full,
    "blocks of units": nf.unit_blocks,
    "kronecker": nf.kronecker,
    "operator": lambda n, x: nf.FisherOperator(n, x, keep_activations=True),
    "zeros": explain_zeros,
    "symbolic": lambda n, x: nf.network_metric(n).evaluate(n, x),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_refuses_inputs_that_do_not_fit(name):
    network = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    good = torch.randn(5, 4)
    ESTIMATORS[name](network, good)
    bad = good.clone()
    bad[3, 2] = torch.inf
    cases = {
        r"do not fit the network.*5x?": torch.randn(3, 5),
        "inputs: holds values that are not finite": bad,
        "at least one sample": good[:0],
        "given list": good.tolist(),
        "expected real numbers": good.to(torch.complex64),
    }
    for text, inputs in cases.items():
        with pytest.raises(InvalidEstimator, match=text):
            ESTIMATORS[name](network, inputs)
    with torch.no_grad():
        network[2].bias[1] = torch.nan
    with pytest.raises(InvalidEstimator, match=r"parameter 2\.bias"):
        ESTIMATORS[name](network, good)
    with pytest.raises(SymrgError, match="given str"):
        ESTIMATORS[name]("network", good)


def test_batches_and_targets_without_meaning_are_refused():
    network, x = nn.Linear(3, 2), torch.randn(4, 3)
    for estimate in (diagonal, nf.full, nf.unit_blocks, nf.kronecker, diagonal_monte_carlo, nf.FisherOperator):
        with pytest.raises(InvalidEstimator, match="batch_size = 0"):
            estimate(network, x, batch_size=0)
    with pytest.raises(InvalidEstimator, match="given list"):
        diagonal(network, x, [0, 1, 1, 0], "empirical", "categorical")


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("samples", [1, 5])
def test_single_precision_and_single_samples(likelihood, samples):
    network, x = build("convolutional", seed=4)
    x = x[:samples]
    wanted = by_name(network, torch.diagonal(full_metric(network, x, likelihood)))
    found = diagonal(network.float(), x.float(), likelihood=likelihood)
    assert {v.dtype for v in found.values()} == {torch.float32}
    assert difference({n: v.double() for n, v in found.items()}, wanted) < 1e-4
