"""Removal of whole hidden units, after which the network is smaller and not merely sparser.

Silencing unit j of a layer moves the next layer's input by -W_j (a_j - c), where c is what the next bias can take up:
the unit's mean, or zero where there is no bias. The cost is half the mean of that displacement squared in the metric
there, the Fisher form of the block of outgoing weights. A dead unit costs nothing.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from numerics.fisher.chain import Chain, trace
from numerics.fisher.closed_form import as_network_type, check_arguments
from numerics.fisher.layers import Elementwise, Linear
from numerics.fisher.likelihood import Likelihood
from symrg.errors import InvalidEstimator, UnsupportedLayer


@dataclass(frozen=True)
class Narrowed:
    """A network with units removed.

    Attributes:
        network: smaller: rows of the layer, and columns of the next, are gone.
        kept: indices of the units that stay, in the old numbering.
        costs: of every unit, in units of KL divergence per sample, to second order.
    """

    network: nn.Module
    kept: Tensor
    costs: Tensor


def unit_costs(
    network: nn.Module, inputs: Tensor, layer: str, *, likelihood: str = "gaussian", variance: float = 1.0
) -> Tensor:
    """What it costs to silence each unit of a linear layer, shape (units,).

    Args:
        network: a chain.
        inputs: samples.
        layer: name of the linear layer whose outputs, after their activation, are the units.
        likelihood: of the outputs.
        variance: of the Gaussian.

    Raises:
        UnsupportedLayer: the layer is not linear, or no linear layer takes its units up.
    """
    return _costs(network, inputs, layer, Likelihood(likelihood, variance))[0]


def remove_units(
    network: nn.Module,
    inputs: Tensor,
    layer: str,
    *,
    count: int,
    likelihood: str = "gaussian",
    variance: float = 1.0,
) -> Narrowed:
    """Remove the `count` units of least cost from a hidden linear layer; their means go into the next layer's bias.

    Raises:
        InvalidEstimator: all units or more would go.
        UnsupportedLayer: as for `unit_costs`.
    """
    costs, means, following = _costs(network, inputs, layer, Likelihood(likelihood, variance))
    if not 0 <= count < len(costs):
        raise InvalidEstimator(f"count = {count}: the layer has {len(costs)} units, and one at least must stay")
    kept = torch.argsort(costs, stable=True)[count:].sort().values
    gone = torch.ones(len(costs), dtype=torch.bool)
    gone[kept] = False
    smaller = copy.deepcopy(network)
    first, second = smaller.get_submodule(layer), smaller.get_submodule(following)
    assert isinstance(first, nn.Linear)  # `_costs` has seen to it
    assert isinstance(second, nn.Linear)
    with torch.no_grad():
        if second.bias is not None:
            second.bias += second.weight[:, gone] @ means[gone]
        first.weight = nn.Parameter(first.weight[kept].clone())
        if first.bias is not None:
            first.bias = nn.Parameter(first.bias[kept].clone())
        second.weight = nn.Parameter(second.weight[:, kept].clone())
    first.out_features = second.in_features = len(kept)
    return Narrowed(smaller, kept, costs)


def _costs(network: nn.Module, inputs: Tensor, layer: str, rule: Likelihood) -> tuple[Tensor, Tensor, str]:
    check_arguments(network, inputs, None, "true")
    inputs, chain = as_network_type(network, inputs), trace(network)
    there = _taken_up_by(chain, layer)
    following = chain.layers[there]
    assert isinstance(following, Linear)  # `_taken_up_by` has seen to it
    with torch.no_grad():
        batches = inputs.split(256)
        total = sum(chain.activations(x)[there].sum(0) for x in batches)
        means = total / len(inputs) if following.bias else torch.zeros_like(following.matrix[0])
        costs = torch.zeros(following.matrix.shape[1], dtype=torch.float64, device=inputs.device)
        for x in batches:
            values = chain.activations(x)
            shift = (values[there] - means)[:, :, None] * following.matrix.T  # (B, units, outputs of the next layer)
            for i in range(there + 1, len(chain.layers)):
                shift = chain.layers[i].jvp(values[i], values[i + 1], shift)
            flat = shift.flatten(2)
            f = rule.as_outputs(values[-1])
            costs += (flat * rule.apply(f, flat.transpose(0, 1)).transpose(0, 1)).sum((0, 2)).double() / 2
    return costs / len(inputs), means, following.name


def _taken_up_by(chain: Chain, layer: str) -> int:
    """The position of the linear layer that takes up the units of another."""
    places = [i for i, c in enumerate(chain.layers) if c.name == layer and isinstance(c, Linear)]
    if not places:
        linear = ", ".join(x.name for x in chain.layers if isinstance(x, Linear))
        raise UnsupportedLayer(f"{layer!r} is no linear layer of the network; those are {linear}")
    there = places[0] + 1
    while there < len(chain.layers) and isinstance(chain.layers[there], Elementwise):
        there += 1
    if there == len(chain.layers) or not isinstance(chain.layers[there], Linear):
        raise UnsupportedLayer(f"the units of {layer!r} are not taken up by a linear layer, so none can be removed")
    return there
