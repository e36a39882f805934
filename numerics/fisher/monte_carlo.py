"""The true Fisher diagonal by Monte Carlo over the model's own outputs, with an error bar.

E over y of the squared score, at S draws of y for each sample. For comparison, and where the exact diagonal costs too
many columns (wide layers at many positions).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from numerics.fisher.block import PARAMETRIC
from numerics.fisher.chain import trace
from numerics.fisher.closed_form import as_network_type, check_arguments
from numerics.fisher.columns import PulledMetric
from numerics.fisher.distributed import add_up
from numerics.fisher.likelihood import Likelihood
from symrg.errors import InvalidEstimator


@dataclass(frozen=True)
class MonteCarloDiagonal:
    """An estimate of the true Fisher diagonal.

    Attributes:
        values: {name: estimate}.
        errors: {name: standard error from the draws of y, the inputs being given}.
        draws: for each sample.
    """

    values: dict[str, Tensor]
    errors: dict[str, Tensor]
    draws: int


def diagonal_monte_carlo(
    network: nn.Module,
    inputs: Tensor,
    likelihood: str = "gaussian",
    variance: float = 1.0,
    *,
    draws: int = 4,
    seed: int = 0,
    batch_size: int = 64,
    distributed: bool = True,
) -> MonteCarloDiagonal:
    """Estimate the diagonal of the true Fisher metric from `draws` outputs of the model for each sample.

    Raises:
        InvalidEstimator: fewer than 2 draws, from which no error bar follows.
    """
    rule = Likelihood(likelihood, variance)
    check_arguments(network, inputs, None, "true", batch_size)
    if draws < 2:
        raise InvalidEstimator(f"draws = {draws}: at least 2 are needed for an error bar")
    inputs = as_network_type(network, inputs)
    chain = trace(network, inputs)
    generator = torch.Generator(device=inputs.device).manual_seed(seed)
    sums = {
        f"{k}.{n}": torch.zeros(p.shape, dtype=torch.float64, device=p.device)
        for n, p in chain.parameters.items()
        for k in "mv"
    }
    with torch.no_grad():
        for start in range(0, len(inputs), batch_size):
            values = chain.activations(inputs[start : start + batch_size])
            f = rule.as_outputs(values[-1])
            residuals = torch.stack([rule.residual(f, rule.sample(f, generator)) for _ in range(draws)], 1)
            metric = PulledMetric(chain, values, rule, columns=residuals)
            for i in reversed(range(len(chain.layers))):
                layer = chain.layers[i]
                if isinstance(layer, PARAMETRIC):
                    for name, g in layer.gradients(values[i], metric.at(i + 1)[0]):
                        squares = g.square()
                        sums[f"m.{name}"] += squares.mean(1).sum(0)
                        sums[f"v.{name}"] += squares.var(1).sum(0) / draws
    sums, count = add_up(sums, len(inputs), distributed)
    dtype = inputs.dtype
    return MonteCarloDiagonal(
        {n: (sums[f"m.{n}"] / count).to(dtype) for n in chain.parameters},
        {n: (sums[f"v.{n}"].sqrt() / count).to(dtype) for n in chain.parameters},
        draws,
    )
