"""Eigenvalues instead of diagonal entries: spectral cuts, and why the diagonal is not enough.

The argument of the talk is about eigenvalues of the Fisher metric, its practice about diagonal entries. These depend
on the basis in which weights are written. `rotated` writes a layer's weights in a rotated basis of its inputs: the
function, the model and the eigenvalues stay, the diagonal does not, and neither does what a cutoff removes.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from numerics.fisher.dense import unit_blocks
from numerics.pruning.cut import Pruned
from symrg.errors import InvalidEstimator, UnsupportedLayer


@dataclass(frozen=True)
class SpectralCut:
    """A network whose weights keep only directions of large eigenvalue.

    Attributes:
        network: a copy; each unit's incoming weights are projected.
        eigenvalues: of each unit's block, rising, shape (units, inputs).
        kept: which directions stay, same shape.
    """

    network: nn.Module
    eigenvalues: Tensor
    kept: Tensor

    @property
    def removed(self) -> int:
        """Directions removed."""
        return int((~self.kept).sum())


def spectral_cut(
    network: nn.Module,
    inputs: Tensor,
    layer: str,
    *,
    cutoff: float | None = None,
    fraction: float | None = None,
    weigh: bool = False,
    likelihood: str = "gaussian",
    variance: float = 1.0,
) -> SpectralCut:
    """Remove directions of a layer's weights, by the eigenvalues of the Fisher block of each unit.

    Args:
        network: a chain.
        inputs: samples.
        layer: name of a linear layer.
        cutoff: remove directions with an eigenvalue below this.
        fraction: remove this share of the directions.
        weigh: judge a direction by its eigenvalue times the weight's component along it squared, its information
            length, rather than by the eigenvalue alone.
        likelihood: of the outputs.
        variance: of the Gaussian.

    Raises:
        InvalidEstimator: neither or both of cutoff and fraction.
        UnsupportedLayer: the layer is not linear.
    """
    if (cutoff is None) == (fraction is None):
        raise InvalidEstimator("give either cutoff or fraction")
    name = f"{layer}.weight"
    block = unit_blocks(network, inputs, likelihood, variance, parameters=[name])[name]
    values, vectors = torch.linalg.eigh(block.double())
    pruned = copy.deepcopy(network)
    weight = dict(pruned.named_parameters())[name]
    with torch.no_grad():
        components = torch.einsum("jik,ji->jk", vectors, weight.double())
        worth = values * components.square() if weigh else values
        if cutoff is not None:
            kept = worth >= cutoff
        else:
            assert fraction is not None
            if not 0 <= fraction <= 1:
                raise InvalidEstimator(f"fraction = {fraction}: expected a share between 0 and 1")
            kept = torch.ones(worth.numel(), dtype=torch.bool)
            kept[torch.argsort(worth.reshape(-1), stable=True)[: round(fraction * worth.numel())]] = False
            kept = kept.reshape(worth.shape)
        weight.copy_(torch.einsum("jik,jk->ji", vectors, components * kept))
    return SpectralCut(pruned, values, kept)


class Rotation(nn.Module):
    """x -> Q x with a fixed orthogonal Q, shape (n, n)."""

    def __init__(self, matrix: Tensor):
        super().__init__()
        self.register_buffer("matrix", matrix)

    def forward(self, x: Tensor) -> Tensor:
        """Rotate samples of shape (B, n)."""
        return x @ self.matrix.T


def random_rotation(size: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """An orthogonal matrix, uniform in the Haar measure."""
    draw = torch.randn(size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    q, r = torch.linalg.qr(draw)
    return (q * torch.sign(torch.diagonal(r))).to(dtype)


def rotated(network: nn.Sequential, rotation: Tensor) -> tuple[nn.Sequential, Rotation]:
    """The same model with the first layer's weights in a rotated basis: (network on rotated inputs, the rotation).

    W x = (W Q^T)(Q x), so the new network applied to Q x gives what the old one gives for x.

    Raises:
        UnsupportedLayer: the network does not begin with a linear layer.
    """
    first = network[0]
    if not isinstance(first, nn.Linear):
        raise UnsupportedLayer(f"the network begins with {type(first).__name__}; a rotation of inputs needs a Linear")
    turned = copy.deepcopy(network)
    layer = turned[0]
    assert isinstance(layer, nn.Linear)  # a copy of the one above
    with torch.no_grad():
        layer.weight.copy_(first.weight @ rotation.to(first.weight).T)
    return turned, Rotation(rotation.to(first.weight))


def back(cut: Pruned, rotation: Tensor) -> nn.Module:
    """A network that was cut in the rotated basis, written in the old one, so that the two can be compared on x."""
    restored = copy.deepcopy(cut.network)
    first = next(m for m in restored.modules() if isinstance(m, nn.Linear))
    with torch.no_grad():
        first.weight.copy_(first.weight @ rotation.to(first.weight))
    return restored
