"""Kronecker-factored Fisher blocks (Martens and Grosse 2015, arXiv:1503.05671, section 3).

For a linear layer the block is the mean of M (x) a a^T; it is approximated by G (x) A with G = mean of M and A = mean
of a a^T (the bias, where there is one, is a last component 1 of a). G is the exact mean over the output distribution,
not one from sampled targets. Exact for one sample, and whenever M and a a^T are uncorrelated.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from numerics.fisher.chain import trace
from numerics.fisher.closed_form import as_network_type, check_arguments, choose_batch
from numerics.fisher.columns import PulledMetric
from numerics.fisher.distributed import add_up
from numerics.fisher.layers import Elementwise, Layer, Linear
from numerics.fisher.likelihood import Likelihood
from symrg.errors import UnsupportedLayer


@dataclass(frozen=True)
class KroneckerFactors:
    """The block of a linear layer as G (x) A; rows of the weight matrix go with G.

    Attributes:
        inputs: A, shape (n, n), or (n + 1, n + 1) with the bias last.
        outputs: G, shape (m, m).
        has_bias: whether A has the bias as its last component.
    """

    inputs: Tensor
    outputs: Tensor
    has_bias: bool

    def diagonal(self) -> Tensor:
        """The diagonal of G (x) A as (m, n) or (m, n + 1)."""
        return torch.outer(torch.diagonal(self.outputs), torch.diagonal(self.inputs))

    def eigenvalues(self) -> Tensor:
        """Eigenvalues of G (x) A as the outer product of the factors' own, (m, n) or (m, n + 1)."""
        return torch.outer(torch.linalg.eigvalsh(self.outputs), torch.linalg.eigvalsh(self.inputs))

    def __matmul__(self, change: Tensor) -> Tensor:
        """(G (x) A) applied to a change of the weight matrix (with the bias as last column)."""
        return self.outputs @ change @ self.inputs


def kronecker(
    network: nn.Module,
    inputs: Tensor,
    likelihood: str = "gaussian",
    variance: float = 1.0,
    *,
    batch_size: int | None = None,
    distributed: bool = True,
) -> dict[str, KroneckerFactors]:
    """Kronecker factors of every linear layer's block of the true Fisher metric: {layer name: factors}.

    Raises:
        UnsupportedLayer: a layer with parameters is not linear on single vectors.
    """
    rule = Likelihood(likelihood, variance)
    check_arguments(network, inputs, None, "true", batch_size)
    inputs = as_network_type(network, inputs)
    chain = trace(network, inputs)
    chosen = []
    for i, layer in enumerate(chain.layers):
        if isinstance(layer, Linear):
            chosen.append(i)
        elif layer.parameters:
            raise UnsupportedLayer(
                f"layer {layer.name} ({type(layer).__name__}): Kronecker factors are for linear layers"
            )
    sums: dict[str, Tensor] = {}
    with torch.no_grad():
        size = batch_size or choose_batch(chain, inputs, per_sample=1)
        for start in range(0, len(inputs), size):
            values = chain.activations(inputs[start : start + size])
            metric = PulledMetric(chain, values, rule)
            for i in reversed(chosen):
                layer, a = chain.layers[i], values[i]
                if a.dim() != 2:
                    raise UnsupportedLayer(f"layer {layer.name} acts at several positions of a sample")
                if len(layer.parameters) == 2:
                    a = torch.cat([a, a.new_ones(len(a), 1)], 1)
                _add(sums, f"A.{layer.name}", a.T @ a)
                if i == chosen[-1] and rule.name != "categorical" and _elementwise_above(chain.layers, i):
                    _add(sums, f"G.{layer.name}", torch.diag(_top_metric(chain.layers, values, rule, i).sum(0)))
                    continue
                columns, inner = metric.at(i + 1)
                g = columns if inner is None else inner @ columns
                _add(sums, f"G.{layer.name}", torch.einsum("bri,brj->ij", g, columns))
    sums, count = add_up(sums, len(inputs), distributed)
    result = {}
    for i in chosen:
        name = chain.layers[i].name
        a, g = (sums[f"{k}.{name}"] / count for k in "AG")
        result[name] = KroneckerFactors(a.to(inputs.dtype), g.to(inputs.dtype), len(chain.layers[i].parameters) == 2)
    return result


def _add(sums: dict[str, Tensor], name: str, part: Tensor) -> None:
    sums[name] = sums[name] + part if name in sums else part.to(torch.float64)


def _elementwise_above(layers: tuple[Layer, ...], i: int) -> bool:
    return all(isinstance(x, Elementwise) for x in layers[i + 1 :])


def _top_metric(layers: tuple[Layer, ...], values: list[Tensor], rule: Likelihood, i: int) -> Tensor:
    """The diagonal metric at the output of the top linear layer i."""
    h = rule.diagonal(values[-1])
    for j in range(i + 1, len(layers)):
        layer = layers[j]
        if isinstance(layer, Elementwise):
            h = h * layer.slope(values[j], values[j + 1]).square()
    return h
