"""Why some entries of a Fisher diagonal are exactly zero.

The entry of W_ji is the mean of m_j a_i^2. It vanishes exactly where the input a_i is zero in all samples (a dark
pixel, or a unit below that never fires), where the unit's metric m_j is zero in all samples (a dead unit, whose slope
vanishes, or one that no output sees), or where the two are never different from zero in the same sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from numerics.fisher.chain import trace
from numerics.fisher.closed_form import as_network_type, check_arguments, choose_batch, metric_diagonals
from numerics.fisher.layers import Linear
from numerics.fisher.likelihood import Likelihood


@dataclass(frozen=True)
class Zeros:
    """Exact zeros among the entries of one weight matrix, by cause; each is counted once.

    Attributes:
        dark: the input is zero in all samples, the unit is not dead.
        dead: the unit's metric is zero in all samples, the input is not dark.
        both: dark and dead.
        apart: neither, but never both different from zero in one sample.
        dark_inputs: how many inputs are dark.
        dead_units: how many units are dead.
        entries: of the matrix.
    """

    dark: int
    dead: int
    both: int
    apart: int
    dark_inputs: int
    dead_units: int
    entries: int

    @property
    def total(self) -> int:
        """All exact zeros."""
        return self.dark + self.dead + self.both + self.apart


def explain_zeros(
    network: nn.Module, inputs: Tensor, likelihood: str = "gaussian", variance: float = 1.0
) -> dict[str, Zeros]:
    """Count the exact zeros of the true Fisher diagonal of each linear layer's weights, by cause.

    Raises:
        UnsupportedLayer: a layer has no rule.
    """
    rule = Likelihood(likelihood, variance)
    check_arguments(network, inputs, None, "true")
    inputs = as_network_type(network, inputs)
    chain = trace(network, inputs)
    linear = [i for i, layer in enumerate(chain.layers) if isinstance(layer, Linear)]
    lit: dict[int, Tensor] = {}
    live: dict[int, Tensor] = {}
    together: dict[int, Tensor] = {}
    with torch.no_grad():
        size = choose_batch(chain, inputs)
        for start in range(0, len(inputs), size):
            values = chain.activations(inputs[start : start + size])
            for i, h in metric_diagonals(chain, values, rule, linear):
                a = (values[i].flatten(0, -2) != 0).to(inputs.dtype)
                m = (h.flatten(0, -2) != 0).to(inputs.dtype)
                for store, part in ((lit, a.sum(0)), (live, m.sum(0)), (together, m.T @ a)):
                    store[i] = store[i] + part if i in store else part
    result = {}
    for i in linear:
        dark, dead = lit[i] == 0, live[i] == 0
        zero = together[i] == 0
        one, other = dark[None, :].expand_as(zero), dead[:, None].expand_as(zero)
        layer = chain.layers[i]
        assert isinstance(layer, Linear)  # chosen above
        result[layer.weight] = Zeros(
            int((one & ~other).sum()),
            int((other & ~one).sum()),
            int((one & other).sum()),
            int((zero & ~one & ~other).sum()),
            int(dark.sum()),
            int(dead.sum()),
            zero.numel(),
        )
    return result
