"""Fisher metrics as matrices: the whole of a small network, blocks of a layer or of a unit, and spectra."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from numerics.fisher.block import PARAMETRIC
from numerics.fisher.chain import trace
from numerics.fisher.closed_form import as_network_type, check_arguments, choose_batch, metric_diagonals
from numerics.fisher.columns import PulledMetric
from numerics.fisher.distributed import add_up
from numerics.fisher.layers import Linear
from numerics.fisher.likelihood import Likelihood
from symrg.errors import InvalidEstimator, UnsupportedLayer

LARGEST = 8192
"""Parameters up to which a full matrix is built: 8,192 squared doubles are half a gigabyte."""


@dataclass(frozen=True)
class FisherMatrix:
    """A Fisher metric as a matrix.

    Attributes:
        matrix: float64, symmetric, shape (P, P).
        names: the parameters in order; each takes as many rows as it has elements, in row-major order.
        shapes: of the parameters.
    """

    matrix: Tensor
    names: tuple[str, ...]
    shapes: tuple[torch.Size, ...]

    def spectrum(self) -> Tensor:
        """Eigenvalues, falling."""
        return torch.linalg.eigvalsh(self.matrix).flip(0)

    def diagonal(self) -> dict[str, Tensor]:
        """The diagonal, by parameter."""
        parts = torch.diagonal(self.matrix).split([s.numel() for s in self.shapes])
        return {n: p.reshape(s) for n, p, s in zip(self.names, parts, self.shapes)}


def full(
    network: nn.Module,
    inputs: Tensor,
    targets: Tensor | None = None,
    kind: str = "true",
    likelihood: str = "gaussian",
    variance: float = 1.0,
    *,
    parameters: Iterable[str] | None = None,
    batch_size: int | None = None,
    distributed: bool = True,
) -> FisherMatrix:
    """The full Fisher metric over all parameters, or over some of them.

    Args and raises as for `diagonal`; `parameters` names those to keep.

    Raises:
        InvalidEstimator: more than `LARGEST` parameters: use `FisherOperator`, which needs no matrix.
    """
    rule = Likelihood(likelihood, variance)
    check_arguments(network, inputs, targets, kind, batch_size)
    inputs = as_network_type(network, inputs)
    chain = trace(network, inputs)
    wanted = list(chain.parameters) if parameters is None else list(parameters)
    unknown = [n for n in wanted if n not in chain.parameters]
    if unknown:
        raise InvalidEstimator(f"parameters {', '.join(unknown)}: the network has {', '.join(chain.parameters)}")
    names = tuple(n for n in chain.parameters if n in wanted)
    total = sum(chain.parameters[n].numel() for n in names)
    if total > LARGEST:
        raise InvalidEstimator(f"a matrix over {total} parameters is too large (at most {LARGEST}); use FisherOperator")
    with torch.no_grad():
        outputs = rule.as_outputs(chain.activations(inputs[:1])[-1]).shape[1]
        size = batch_size or max(1, 2**24 // (total * (1 if targets is not None else outputs)))
        matrix = torch.zeros(total, total, dtype=torch.float64, device=inputs.device)
        for start in range(0, len(inputs), size):
            values = chain.activations(inputs[start : start + size])
            f = rule.as_outputs(values[-1])
            if targets is None:
                columns = rule.root(f)
            else:
                columns = rule.residual(f, rule.as_targets(targets[start : start + size], f))[:, None]
            metric = PulledMetric(chain, values, rule, columns=columns)
            rows: dict[str, Tensor] = {}
            for i in reversed(range(len(chain.layers))):
                layer = chain.layers[i]
                if isinstance(layer, PARAMETRIC) and set(layer.parameters) & set(names):
                    rows.update(layer.gradients(values[i], metric.at(i + 1)[0]))
            blank = columns.new_zeros(())
            shapes = {n: chain.parameters[n].shape for n in names}
            each = [rows.get(n, blank.expand(*columns.shape[:2], *shapes[n])) for n in names]
            g = torch.cat([t.reshape(columns.shape[0] * columns.shape[1], -1) for t in each], 1).double()
            matrix += g.T @ g
    sums, count = add_up({"matrix": matrix}, len(inputs), distributed)
    return FisherMatrix(sums["matrix"] / count, names, tuple(chain.parameters[n].shape for n in names))


def blocks(
    network: nn.Module,
    inputs: Tensor,
    targets: Tensor | None = None,
    kind: str = "true",
    likelihood: str = "gaussian",
    variance: float = 1.0,
    **options: Any,
) -> dict[str, FisherMatrix]:
    """The block of the metric of each layer over its own parameters: {layer name: matrix}.

    Args and raises as for `full`.
    """
    result = {}
    for layer in trace(network).layers:
        if layer.parameters:
            own = tuple(layer.parameters)
            result[layer.name] = full(network, inputs, targets, kind, likelihood, variance, parameters=own, **options)
    return result


def unit_blocks(
    network: nn.Module,
    inputs: Tensor,
    likelihood: str = "gaussian",
    variance: float = 1.0,
    *,
    parameters: Iterable[str] | None = None,
    batch_size: int | None = None,
    distributed: bool = True,
) -> dict[str, Tensor]:
    """Blocks of the true metric over the incoming weights of each unit: {weight name: (outputs, inputs, inputs)}.

    Block j of a linear layer is the mean of M_jj a a^T, with M the metric pulled back to the layer's output.

    Raises:
        UnsupportedLayer: a chosen weight belongs to no linear layer on single vectors.
    """
    rule = Likelihood(likelihood, variance)
    check_arguments(network, inputs, None, "true", batch_size)
    inputs = as_network_type(network, inputs)
    chain = trace(network, inputs)
    linear = {x.weight: i for i, x in enumerate(chain.layers) if isinstance(x, Linear)}
    names = list(linear) if parameters is None else list(parameters)
    for name in names:
        if name not in linear:
            raise UnsupportedLayer(f"{name} is not the weight of a linear layer; those are {', '.join(linear)}")
    names_of = {linear[n]: n for n in names}
    with torch.no_grad():
        size = batch_size or choose_batch(chain, inputs)
        sums: dict[str, Tensor] = {}
        for start in range(0, len(inputs), size):
            values = chain.activations(inputs[start : start + size])
            for i, m in metric_diagonals(chain, values, rule, list(names_of)):
                name = names_of[i]
                if values[i].dim() != 2:
                    raise UnsupportedLayer(f"{name} acts at several positions of a sample, so its units have no blocks")
                part = _weighted_squares(values[i], m)
                sums[name] = sums[name] + part if name in sums else part.to(torch.float64)
    sums, count = add_up(sums, len(inputs), distributed)
    return {n: (sums[n] / count).to(inputs.dtype) for n in names}


def _weighted_squares(a: Tensor, m: Tensor) -> Tensor:
    """sum_n m_nj a_n a_n^T, shape (J, I, I), by the cheaper of two ways."""
    if a.shape[1] ** 2 <= 4096:
        outer = (a[:, :, None] * a[:, None, :]).flatten(1)
        return (m.T @ outer).reshape(-1, a.shape[1], a.shape[1])
    return torch.stack([(a * m[:, j : j + 1]).T @ a for j in range(m.shape[1])])
