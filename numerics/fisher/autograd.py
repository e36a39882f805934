"""Slow, obvious twins of the closed forms, by torch's automatic differentiation.

`diagonal_by_autograd` takes the Jacobian of every output with respect to every parameter, sample by sample, and works
for any module. `diagonal_by_backward_passes` makes one backward pass for each output over a batch and takes from
autograd the derivative with respect to each linear layer's output; it is quick enough for thousands of images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from numerics.fisher.chain import Chain
from numerics.fisher.layers import Linear
from numerics.fisher.likelihood import Likelihood
from symrg.errors import UnsupportedLayer

Parts = Iterator[tuple[int, dict[str, Tensor]]]
_MEMORY = 2**28


def per_sample_jacobian(network: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """The Jacobian of the outputs of one sample, x without the axis of samples: {name: (m, *parameter)}."""
    parameters = {n: p.detach() for n, p in network.named_parameters()}

    def outputs(values: dict[str, Tensor]) -> Tensor:
        result = torch.func.functional_call(network, values, (x[None],))
        return result.flatten()

    return torch.func.jacrev(outputs)(parameters)


def diagonal_by_autograd(
    network: nn.Module, inputs: Tensor, targets: Tensor | None, rule: Likelihood, batch_size: int | None
) -> Parts:
    """Sums of the Fisher diagonal from per-sample Jacobians; with targets, from per-sample scores."""
    if targets is not None:
        yield from _scores(network, inputs, targets, rule)
        return
    total = sum(p.numel() for p in network.parameters())
    with torch.no_grad():
        width = network(inputs[:1]).numel()
    chunk = batch_size or max(1, min(128, _MEMORY // (total * width * inputs.element_size())))
    for start in range(0, len(inputs), chunk):
        x = inputs[start : start + chunk]
        with torch.no_grad():
            f = rule.as_outputs(network(x))
            root = rule.root(f)  # (B, r, m)
        jacobians = _jacobians(network, x)
        part = {}
        for name, j in jacobians.items():
            rows = j.flatten(2) if j.dim() > 2 else j[..., None]
            if rule.name == "categorical":
                part[name] = (root @ rows).square().sum((0, 1)).reshape(j.shape[2:])
            else:
                h = torch.diagonal(root, dim1=1, dim2=2).square()
                part[name] = torch.einsum("bmp,bmp,bm->p", rows, rows, h).reshape(j.shape[2:])
        yield len(x), part


def _jacobians(network: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Per-sample Jacobians, (B, m, *parameter); row by row where a module cannot be vectorised.

    torch's backward rule of PReLU is wrong under two vectorised axes (2.14), so that goes row by row as well.
    """
    try:
        if any(isinstance(m, nn.PReLU) for m in network.modules()):
            raise RuntimeError("PReLU")
        return torch.func.vmap(lambda sample: per_sample_jacobian(network, sample))(x)
    except RuntimeError:
        values = _differentiable(network)
        rows: dict[str, list[Tensor]] = {n: [] for n in values}
        for sample in x:
            with torch.enable_grad():
                f = torch.func.functional_call(network, values, (sample[None],)).flatten()
                for value in f:
                    grads = torch.autograd.grad(
                        value, list(values.values()), retain_graph=True, allow_unused=True, materialize_grads=True
                    )
                    for name, g in zip(values, grads):
                        rows[name].append(g)
        return {n: torch.stack(r).reshape(len(x), -1, *r[0].shape) for n, r in rows.items()}


def _scores(network: nn.Module, inputs: Tensor, targets: Tensor, rule: Likelihood) -> Parts:
    values = _differentiable(network)
    for i in range(len(inputs)):
        with torch.enable_grad():
            f = rule.as_outputs(torch.func.functional_call(network, values, (inputs[i : i + 1],)))
            loss = rule.negative_log_likelihood(f, rule.as_targets(targets[i : i + 1], f)).sum()
            grads = torch.autograd.grad(loss, list(values.values()), allow_unused=True)
        yield 1, {n: g.square() for n, g in zip(values, grads) if g is not None}


def _differentiable(network: nn.Module) -> dict[str, Tensor]:
    """The parameters by name, those that training holds fixed included, as values to be differentiated by."""
    return {n: p.detach().requires_grad_() for n, p in network.named_parameters()}


def diagonal_by_backward_passes(
    network: nn.Module, chain: Chain, inputs: Tensor, targets: Tensor | None, rule: Likelihood, batch_size: int | None
) -> Parts:
    """Sums of the Fisher diagonal from one backward pass for each column of a root of H.

    Raises:
        UnsupportedLayer: a layer with parameters is not linear on single vectors.
    """
    for layer in chain.layers:
        if layer.parameters and not isinstance(layer, Linear):
            raise UnsupportedLayer(
                f'layer {layer.name}: method="backward" takes linear layers only; use method="autograd"'
            )
    for x, y in zip(
        inputs.split(batch_size or 1000), (targets if targets is not None else inputs).split(batch_size or 1000)
    ):
        with torch.enable_grad():
            f, record = _recorded(network, chain, x.detach().requires_grad_())  # parameters may be frozen
            f = rule.as_outputs(f)
        part: dict[str, Tensor] = {}
        if targets is None:
            columns = rule.root(f.detach()) if rule.name == "categorical" else None
            h = rule.diagonal(f.detach()).sqrt()
        else:
            columns, h = rule.residual(f.detach(), rule.as_targets(y, f.detach()))[:, None], f
        for k in range(f.shape[1] if columns is None else columns.shape[1]):
            objective = (f[:, k] * h[:, k]).sum() if columns is None else (f * columns[:, k]).sum()
            deltas = torch.autograd.grad(objective, [z for _, _, z in record], retain_graph=True)
            for (layer, a2, _), delta in zip(record, deltas):
                d2 = delta.square()
                live = d2.any(0)  # outputs that this column reaches at all
                weight = part.setdefault(layer.weight, torch.zeros_like(layer.matrix))
                weight[live] += d2[:, live].T @ a2
                if layer.bias:
                    part[layer.bias] = part.get(layer.bias, 0) + d2.sum(0)
        yield len(x), part


def _recorded(network: nn.Module, chain: Chain, x: Tensor) -> tuple[Tensor, list[tuple[Linear, Tensor, Tensor]]]:
    """The module's own outputs, and (layer, squared inputs, outputs) of each linear layer, as it computed them."""
    record: list[tuple[Linear, Tensor, Tensor]] = []
    linear = {layer.name: layer for layer in chain.layers if isinstance(layer, Linear)}

    def hook(layer: Linear) -> Callable[..., Tensor]:
        def keep(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
            if args[0].dim() != 2:
                raise UnsupportedLayer(f'layer {layer.name} acts at several positions; use method="autograd"')
            record.append((layer, args[0].detach().square(), output))
            return output.clone()  # so that an activation in place leaves the recorded output alone

        return keep

    handles = [network.get_submodule(name).register_forward_hook(hook(layer)) for name, layer in linear.items()]
    try:
        return network(x), record
    finally:
        for handle in handles:
            handle.remove()
