import pytest
import torch
from brute_force import build, full_metric

import numerics.fisher as nf
from symrg.errors import InvalidEstimator


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli", "categorical"])
@pytest.mark.parametrize(
    "name", ["bottleneck", "convolutional", "grouped", "positions", "normalised", "residual", "tied"]
)
def test_matrix_and_products_are_those_of_brute_force(name, likelihood):
    network, x = build(name)
    wanted = full_metric(network, x, likelihood)
    scale = wanted.abs().max()
    found = nf.full(network, x, likelihood=likelihood, batch_size=4)
    assert (found.matrix - wanted).abs().max() < 1e-11 * scale
    v = torch.randn(len(wanted), dtype=torch.float64)
    for kept in (False, True):
        operator = nf.FisherOperator(network, x, likelihood=likelihood, batch_size=4, keep_activations=kept)
        assert (operator @ v - wanted @ v).abs().max() < 1e-11 * scale * len(v) ** 0.5
    assert operator.quadratic_form(operator.unflatten(v)) == pytest.approx(float(v @ wanted @ v), rel=1e-9)
    first = nf.FisherOperator(network, x, likelihood=likelihood, parameters=operator.names[:1])
    n = first.size
    assert (first @ v[:n] - wanted[:n, :n] @ v[:n]).abs().max() < 1e-11 * scale * len(v) ** 0.5
    pairs = operator.leading_eigenpairs(3)
    assert (pairs.values - torch.linalg.eigvalsh(wanted).flip(0)[:3]).abs().max() < 1e-8 * pairs.values[0]
    assert (wanted @ pairs.vectors - pairs.vectors * pairs.values).abs().max() < 1e-6 * pairs.values[0]


def test_scores_vanish_where_model_and_data_agree():
    network, x = build("classifier")
    for likelihood in ("gaussian", "bernoulli", "categorical"):
        operator = nf.FisherOperator(network, x, likelihood=likelihood)
        with torch.no_grad():
            here = network(x)
        assert operator.flatten(operator.score_towards(here)).abs().max() < 1e-14
        assert operator.flatten(operator.score_towards(here + torch.linspace(0, 1, 4))).abs().max() > 1e-3
    y = torch.randn(6, 4, dtype=torch.float64)
    operator = nf.FisherOperator(network, x)
    loss = 0.5 * (network(x) - y).square().sum(1).mean()
    wanted = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(network.parameters()))])
    assert (operator.flatten(operator.score(y)) + wanted).abs().max() < 1e-12


def test_blocks_are_parts_of_the_matrix():
    network, x = build("bottleneck")
    whole = full_metric(network, x, "gaussian")
    start = 0
    for name, p in network.named_parameters():
        if name.endswith("weight"):
            block = nf.unit_blocks(network, x, parameters=[name])[name]
            for j in range(p.shape[0]):
                rows = slice(start + j * p.shape[1], start + (j + 1) * p.shape[1])
                assert (block[j] - whole[rows, rows]).abs().max() < 1e-12 * whole.abs().max()
            layer = nf.blocks(network, x)[name.removesuffix(".weight")].matrix
            rows = slice(start, start + len(layer))
            assert (layer - whole[rows, rows]).abs().max() < 1e-12 * whole.abs().max()
        start += p.numel()


def test_kronecker_factors_are_exact_for_one_sample_and_not_for_many():
    network, x = build("bottleneck")
    factors = nf.kronecker(network, x[:1])
    many = nf.kronecker(network, x)
    exact, mean = nf.diagonal(network, x[:1]), nf.diagonal(network, x)
    for layer, factor in factors.items():
        w = exact[f"{layer}.weight"]
        assert (factor.diagonal()[:, : w.shape[1]] - w).abs().max() < 1e-12
        assert (factor.diagonal()[:, -1] - exact[f"{layer}.bias"]).abs().max() < 1e-12
    first = many["0"].diagonal()[:, :9]
    assert (first - mean["0.weight"]).abs().max() > 1e-3 * mean["0.weight"].max()
    trace = torch.trace(nf.full(network, x, parameters=["6.bias"]).matrix)
    assert float(torch.trace(many["6"].outputs)) == pytest.approx(float(trace), rel=1e-12)


def test_what_does_not_fit_is_refused():
    network, x = build("talk")
    operator = nf.FisherOperator(network, x)
    with pytest.raises(InvalidEstimator, match="acts on"):
        operator @ torch.zeros(3)
    with pytest.raises(InvalidEstimator, match="lacks"):
        operator @ {"0.weight": torch.zeros(4, 12)}
    with pytest.raises(InvalidEstimator, match="the network has"):
        nf.FisherOperator(network, x, parameters=["nothing"])
    with pytest.raises(InvalidEstimator, match="FisherOperator"):
        nf.full(torch.nn.Linear(100, 100), torch.randn(2, 100))
    with pytest.raises(InvalidEstimator, match="expected 1 to"):
        operator.leading_eigenpairs(operator.size)
