"""Cutting weights off: which ones a cutoff or a fraction removes, and the pruned network.

A cutoff Lambda removes what has a saliency below Lambda, so Lambda = 0 removes nothing, as in the talk.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from numerics.autoencoder import save_weights
from symrg.errors import InvalidEstimator

Masks = dict[str, Tensor]
"""{parameter name: bool tensor of its shape, True where the weight is kept}."""


@dataclass(frozen=True)
class Pruned:
    """A pruned network.

    Attributes:
        network: a copy with the removed weights at zero (and, after integrating out, the others moved).
        masks: of the parameters among which was chosen.
        cutoff: the cutoff asked for; for a fraction, the largest saliency that was removed (nan where none was).
    """

    network: nn.Module
    masks: Masks
    cutoff: float

    @property
    def total(self) -> int:
        """Weights among which was chosen."""
        return sum(m.numel() for m in self.masks.values())

    @property
    def removed(self) -> int:
        """Weights removed."""
        return sum(int((~m).sum()) for m in self.masks.values())

    @property
    def fraction(self) -> float:
        """Removed over total."""
        return self.removed / self.total

    @property
    def counts(self) -> dict[str, tuple[int, int]]:
        """{parameter name: (removed, all)}."""
        return {n: (int((~m).sum()), m.numel()) for n, m in self.masks.items()}

    def save(self, folder: str | Path) -> tuple[Path, Path]:
        """Write `weights.safetensors` and `masks.safetensors` into a folder, each atomically; returns their paths."""
        folder = Path(folder)
        weights, masks = folder / "weights.safetensors", folder / "masks.safetensors"
        save_weights(weights, dict(self.network.named_parameters()), {"cutoff": repr(self.cutoff)})
        save_weights(masks, self.masks, {"removed": str(self.removed), "total": str(self.total)})
        return weights, masks


def prune(
    network: nn.Module,
    saliency: Mapping[str, Tensor],
    *,
    cutoff: float | None = None,
    fraction: float | None = None,
    layers: Iterable[str] | None = None,
) -> Pruned:
    """Set the weights of least saliency to zero, in a copy of the network.

    Args:
        network: unchanged.
        saliency: {parameter name: tensor of its shape}, for instance `numerics.fisher.diagonal(...)`.
        cutoff: remove where the saliency is below this.
        fraction: remove this share of the weights chosen from, those of least saliency (ties fall in the network's
            order).
        layers: names to choose from: of parameters, or of modules, which stand for their weights without the biases.
            None takes every parameter that `saliency` has.

    Raises:
        InvalidEstimator: neither or both of cutoff and fraction; unknown names; a saliency that is nan or misshapen.
    """
    if (cutoff is None) == (fraction is None):
        raise InvalidEstimator("give either cutoff or fraction")
    names = choose(network, saliency, layers)
    if cutoff is not None:
        if math.isnan(cutoff):
            raise InvalidEstimator("cutoff is nan; expected a number")
        masks = {n: ~(saliency[n] < cutoff) for n in names}
        return apply_masks(network, masks, float(cutoff))
    assert fraction is not None
    masks, largest = keep_most_salient({n: saliency[n] for n in names}, fraction)
    return apply_masks(network, masks, largest)


def choose(network: nn.Module, saliency: Mapping[str, Tensor], layers: Iterable[str] | None) -> list[str]:
    """The parameters that `layers` names, in the network's order, checked against the saliency.

    Raises:
        InvalidEstimator: an unknown name, or a saliency that does not fit.
    """
    parameters = dict(network.named_parameters())
    strange = [n for n in saliency if n not in parameters]
    if strange:
        raise InvalidEstimator(f"saliency names {', '.join(strange)}; the network has {', '.join(parameters)}")
    if layers is None:
        wanted = set(saliency)
    else:
        if isinstance(layers, str):
            layers = (layers,)
        wanted = set()
        for layer in layers:
            found = {layer} if layer in parameters else _weights_of(network, layer)
            if not found:
                raise InvalidEstimator(f"layers: no parameter or module with weights is named {layer!r}; "
                                       f"the network has {', '.join(parameters)}")  # fmt: skip
            wanted |= found
    missing = [n for n in wanted if n not in saliency]
    if missing:
        raise InvalidEstimator(f"the saliency lacks {', '.join(sorted(missing))}")
    names = [n for n in parameters if n in wanted]
    if not names:
        raise InvalidEstimator("there is nothing to choose from: the saliency is empty")
    for n in names:
        if saliency[n].shape != parameters[n].shape:
            raise InvalidEstimator(
                f"saliency of {n} has shape {tuple(saliency[n].shape)}, the parameter {tuple(parameters[n].shape)}"
            )
        if bool(saliency[n].isnan().any()):
            raise InvalidEstimator(f"saliency of {n} holds nan")
    return names


def keep_most_salient(saliency: Mapping[str, Tensor], fraction: float) -> tuple[Masks, float]:
    """Masks that remove exactly round(fraction * number) of the weights, and the largest saliency removed.

    Raises:
        InvalidEstimator: a fraction outside 0 to 1.
    """
    if not 0 <= fraction <= 1:
        raise InvalidEstimator(f"fraction = {fraction}: expected a share between 0 and 1")
    flat = torch.cat([s.detach().reshape(-1).double() for s in saliency.values()])
    remove = round(fraction * len(flat))
    order = torch.argsort(flat, stable=True)
    kept = torch.ones(len(flat), dtype=torch.bool, device=flat.device)
    kept[order[:remove]] = False
    parts = kept.split([s.numel() for s in saliency.values()])
    masks = {n: p.reshape(s.shape) for (n, s), p in zip(saliency.items(), parts)}
    return masks, float(flat[order[remove - 1]]) if remove else math.nan


def apply_masks(network: nn.Module, masks: Masks, cutoff: float = math.nan) -> Pruned:
    """A copy of the network with the weights outside the masks at zero."""
    pruned = copy.deepcopy(network)
    parameters = dict(pruned.named_parameters())
    with torch.no_grad():
        for name, mask in masks.items():
            parameters[name].masked_fill_(~mask.to(parameters[name].device), 0)
    return Pruned(pruned, dict(masks), cutoff)


def _weights_of(network: nn.Module, name: str) -> set[str]:
    """The weights, of two axes or more, of the module of that name and those in it."""
    if name not in dict(network.named_modules()) or not name:
        return set()
    return {n for n, p in network.named_parameters() if n.startswith(f"{name}.") and p.dim() >= 2}
