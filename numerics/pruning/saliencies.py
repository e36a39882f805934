"""Saliencies: what a weight is worth, by several rules.

Setting w_i to zero costs a KL divergence of I_ii w_i^2 / 2 per sample (the talk's equation 3). That information
length does not depend on how a weight is scaled; I_ii alone, the talk's rule, does. If the other weights of a block
may move to make up for it, the cost falls to w_i^2 / (2 [F^-1]_ii), with F the block (Hassibi and Stork 1993).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from numerics.fisher.closed_form import diagonal
from numerics.fisher.dense import unit_blocks
from numerics.fisher.factored import kronecker
from symrg.errors import InvalidEstimator

Saliency = dict[str, Tensor]

RULES = ("fisher", "information_length", "magnitude", "random", "block", "kronecker")


def saliency(
    rule: str,
    network: nn.Module,
    inputs: Tensor | None = None,
    *,
    likelihood: str = "gaussian",
    variance: float = 1.0,
    seed: int = 0,
    damping: float = 1e-4,
    masks: Mapping[str, Tensor] | None = None,
    parameters: Iterable[str] | None = None,
) -> Saliency:
    """The saliency of a network's parameters by a rule.

    Args:
        rule: "fisher", I_ii; "information_length", I_ii w_i^2; "magnitude", |w_i|; "random"; "block",
            w_i^2 / [F^-1]_ii with F the block of a unit's incoming weights; "kronecker", the same with the layer's
            block as a Kronecker product.
        network: see `numerics.fisher.diagonal`.
        inputs: samples; not needed for "magnitude" and "random".
        likelihood: of the outputs.
        variance: of the Gaussian.
        seed: for "random".
        damping: added to the diagonal of a block before it is inverted, relative to its mean.
        masks: for "block" and "kronecker": weights already removed, which no longer move.
        parameters: names; None takes all, for "block" and "kronecker" all weights of linear layers.

    Raises:
        InvalidEstimator: an unknown rule, or inputs missing.
        UnsupportedLayer: a layer without a rule.
    """
    if rule not in RULES:
        raise InvalidEstimator(f"saliency rule {rule!r}: expected one of {', '.join(RULES)}")
    weights = {n: p.detach() for n, p in network.named_parameters()}
    if rule == "magnitude":
        found = {n: w.abs() for n, w in weights.items()}
    elif rule == "random":
        generator = torch.Generator().manual_seed(seed)
        found = {n: torch.rand(w.shape, generator=generator).to(w) for n, w in weights.items()}
    elif inputs is None:
        raise InvalidEstimator(f"the rule {rule!r} needs inputs")
    elif rule in ("fisher", "information_length"):
        found = diagonal(network, inputs, likelihood=likelihood, variance=variance)
        if rule == "information_length":
            found = {n: f * weights[n].square() for n, f in found.items()}
    elif rule == "block":
        blocks = unit_blocks(network, inputs, likelihood, variance, parameters=parameters)
        found = {n: weights[n].square() / inverse_diagonal(b, damping, (masks or {}).get(n)) for n, b in blocks.items()}
    else:
        found = _kronecker(network, inputs, likelihood, variance, damping)
    if parameters is None:
        return found
    wanted = list(parameters)
    unknown = [n for n in wanted if n not in found]
    if unknown:
        raise InvalidEstimator(f"parameters {', '.join(unknown)}: the rule {rule!r} knows {', '.join(found)}")
    return {n: found[n] for n in wanted}


def inverse_diagonal(blocks: Tensor, damping: float, mask: Tensor | None = None) -> Tensor:
    """[F^-1]_ii of symmetric blocks (J, I, I), restricted to the entries that the mask (J, I) keeps; inf elsewhere.

    A dead entry (a zero row) has an inverse of the order of 1 / damping, so its saliency is next to nothing.
    """
    j, i = blocks.shape[:2]
    kept = torch.ones(j, i, dtype=torch.bool) if mask is None else mask
    result = torch.full((j, i), torch.inf, dtype=blocks.dtype, device=blocks.device)
    scale = torch.diagonal(blocks, dim1=1, dim2=2).mean().clamp(min=torch.finfo(blocks.dtype).tiny)
    if i <= 64:  # many small blocks at once, removed entries decoupled
        both = kept[:, :, None] & kept[:, None, :]
        eye = torch.eye(i, dtype=blocks.dtype, device=blocks.device)
        whole = torch.where(both, blocks, torch.zeros_like(blocks)) + damping * scale * eye
        inverse = torch.diagonal(torch.linalg.inv(whole), dim1=1, dim2=2)
        return torch.where(kept, inverse, result)
    for row in range(j):
        index = kept[row].nonzero().squeeze(1)
        if len(index):
            block = blocks[row][index][:, index].clone()
            block.diagonal().add_(damping * scale)
            factor = torch.linalg.cholesky(block)
            result[row, index] = torch.diagonal(torch.cholesky_inverse(factor)).clone()
    return result


def _kronecker(network: nn.Module, inputs: Tensor, likelihood: str, variance: float, damping: float) -> Saliency:
    weights = {n: p.detach() for n, p in network.named_parameters()}
    found: Saliency = {}
    for layer, factors in kronecker(network, inputs, likelihood, variance).items():
        inverses = []
        for factor in (factors.outputs, factors.inputs):
            scale = torch.diagonal(factor).mean().clamp(min=torch.finfo(factor.dtype).tiny)
            damped = factor + damping**0.5 * scale * torch.eye(len(factor), dtype=factor.dtype, device=factor.device)
            inverses.append(torch.diagonal(torch.linalg.inv(damped)))
        inverse = torch.outer(*inverses)
        prefix = f"{layer}." if layer else ""
        w = weights[f"{prefix}weight"]
        found[f"{prefix}weight"] = w.square() / inverse[:, : w.shape[1]]
        if factors.has_bias:
            found[f"{prefix}bias"] = weights[f"{prefix}bias"].square() / inverse[:, -1]
    return found
