from itertools import pairwise

import numpy as np
import pytest
import sympy as sp
import torch
from brute_force import by_name, full_metric
from torch import nn

from numerics import mnist
from numerics.fisher import diagonal, network_metric
from symrg import StatisticalModel
from symrg.errors import UnsupportedLayer


def _digits(count, stride=6):
    """Real digits, every sixth pixel of the middle rows: a few of them dark in all images."""
    images = mnist.load().images[:: 5000 // count][:count, 4:25:4, ::stride].reshape(count, -1)
    return torch.from_numpy(images.astype(float)) / 255


def _network(activation, sizes, bias, last=None, seed=0):
    torch.manual_seed(seed)
    layers = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b, bias=bias), activation()]
    layers = layers[:-1] if last is None else [*layers[:-1], last()]
    return nn.Sequential(*layers).double()


@pytest.mark.parametrize(
    ("activation", "sizes", "bias", "likelihood", "last"),
    [
        (nn.ReLU, (30, 4, 6), True, "gaussian", nn.ReLU),
        (nn.Sigmoid, (30, 4, 6), False, "bernoulli", None),
        (nn.Tanh, (30, 5, 4, 3), True, "categorical", None),
        (nn.ReLU, (30, 5, 4, 6), True, "bernoulli", None),
        (nn.GELU, (30, 3, 5), True, "gaussian", nn.Sigmoid),
        (nn.ELU, (30, 5, 4), False, "categorical", None),
    ],
)
def test_formulas_meet_autograd_for_every_parameter_on_real_digits(activation, sizes, bias, likelihood, last):
    x = _digits(12)
    network = _network(activation, sizes, bias, last)
    if activation is nn.ReLU:
        with torch.no_grad():
            network[0].bias[1] = -50  # a dead unit
    metric = network_metric(network, likelihood)
    found = metric.evaluate(network, x, batch_size=5)
    wanted = by_name(network, torch.diagonal(full_metric(network, x, likelihood)))
    for name, value in wanted.items():
        exact = value.numpy()
        assert np.array_equal(found[name] == 0, exact == 0)
        np.testing.assert_allclose(found[name], exact, rtol=1e-10, atol=0)
    assert bool((wanted["0.weight"] == 0).any())  # dark pixels are among them


def test_a_planted_error_is_caught():
    x, network = _digits(12), _network(nn.Sigmoid, (30, 4, 6), True)
    wanted = diagonal(network, x, method="autograd")["0.weight"].numpy()
    metric = network_metric(network)
    right = metric.entries["0.weight"].formula

    def error(formula):
        found = metric.with_entry("0.weight", formula).evaluate(network, x)["0.weight"]
        return np.abs(found - wanted).max() / np.abs(wanted).max()

    assert error(right) < 1e-12
    assert error(2 * right) > 0.9
    slope = next(d for d in metric.definitions if str(d.quantity).startswith("{s^{(1)}}"))
    dropped = [d if d is not slope else type(d)(d.quantity, sp.Integer(1), d.ranges) for d in metric.definitions]
    broken = type(metric)(**{**metric.__dict__, "definitions": tuple(dropped)})
    found = broken.evaluate(network, x)["0.weight"]
    assert np.abs(found - wanted).max() > 0.5 * np.abs(wanted).max()


@pytest.mark.parametrize(("likelihood", "units"), [("gaussian", 2), ("bernoulli", 1)])
def test_the_formula_is_the_metric_of_the_whole_network_as_a_model(likelihood, units):
    """A small network written out, its metric taken by `StatisticalModel` over all weights at once."""
    network = _network(nn.Tanh, (1, units, 1), False)
    u = sp.symbols(f"u1:{units + 1}", real=True)
    v = sp.symbols(f"v1:{units + 1}", real=True)
    point = torch.tensor([[0.7]], dtype=torch.float64)
    f = sum(b * sp.tanh(a * sp.Rational(7, 10)) for a, b in zip(u, v))
    if likelihood == "gaussian":
        y = sp.Symbol("y", real=True)
        model = StatisticalModel(-((y - f) ** 2) / 2 - sp.log(2 * sp.pi) / 2, y, (*u, *v), sp.S.Reals)
    else:
        y = sp.Symbol("y", integer=True, nonnegative=True)
        model = StatisticalModel(y * f - sp.log(1 + sp.exp(f)), y, (*u, *v), sp.FiniteSet(0, 1))
    values = torch.cat([p.detach().flatten() for p in network.parameters()]).tolist()
    metric = model.fisher_metric(budget=60).subs(dict(zip((*u, *v), values)))
    wanted = [float(metric[i, i]) for i in range(2 * units)]
    found = network_metric(network, likelihood).evaluate(network, point)
    np.testing.assert_allclose(np.concatenate([found[n].ravel() for n in ("0.weight", "2.weight")]), wanted, rtol=1e-12)


def test_the_variance_of_a_gaussian_divides():
    x, network = _digits(6), _network(nn.Tanh, (30, 3, 4), True)
    metric = network_metric(network)
    one, four = metric.evaluate(network, x), metric.evaluate(network, x, 4.0)
    for name in one:
        np.testing.assert_allclose(one[name], 4 * four[name], rtol=1e-14)


def test_the_formulas_typeset():
    metric = network_metric(_network(nn.ReLU, (3, 2, 3), True))
    text = metric.latex()
    assert text.count(r"\begin{") == text.count(r"\end{")
    assert r"(s^{(1)}_{n k})^{2} \sum_{j=0}^{d_{2} - 1}" in text
    assert "for k" in metric.sources()["0.weight"]


def test_what_has_no_formula_is_refused():
    with pytest.raises(UnsupportedLayer, match="Convolution"):
        network_metric(nn.Sequential(nn.Conv2d(1, 1, 3), nn.Flatten()))
    with pytest.raises(UnsupportedLayer, match="hardtanh"):
        network_metric(nn.Sequential(nn.Linear(2, 2), nn.Hardtanh()))
    metric = network_metric(_network(nn.ReLU, (3, 2, 3), True))
    with pytest.raises(UnsupportedLayer, match="shape"):
        metric.evaluate(_network(nn.ReLU, (4, 2, 4), True), torch.zeros(2, 4))
