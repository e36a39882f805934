"""A part of a network as one layer, differentiated by torch: skip connections, shared weights, layers without a rule.

Exact like the other layers, but by automatic differentiation: for each sample one backward pass through the part for
each column of the metric at its output.
"""

# ruff: noqa: D102 (what each rule does is said once, in the protocols of `layers.py`)
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from numerics.fisher.layers import Convolution, Linear, Parameters, Scale, expand


@dataclass(frozen=True)
class Block:
    """y = function(parameters, x), which acts on each sample by itself.

    Attributes:
        name: the part's place in the network.
        function: takes the parameters by the network's names, and a batch.
        parameters: by the network's names; there may be none.
    """

    name: str
    function: Callable[[Parameters, Tensor], Tensor]
    parameters: dict[str, Tensor]

    def __call__(self, x: Tensor) -> Tensor:
        return self.function(self.parameters, x.clone())  # activations in place must not reach the caller's values

    def _on(self, x: Tensor) -> Tensor:
        return self.function(self.parameters, x.clone())

    def vjp(self, x: Tensor, y: Tensor, columns: Tensor) -> Tensor:
        _, pull = torch.func.vjp(self._on, expand(columns, x))
        return pull(columns.flatten(0, 1))[0].reshape(*columns.shape[:2], *x.shape[1:])

    def jvp(self, x: Tensor, y: Tensor, columns: Tensor) -> Tensor:
        _, pushed = torch.func.jvp(self._on, (expand(columns, x),), (columns.flatten(0, 1),))
        return pushed.reshape(*columns.shape[:2], *y.shape[1:])

    def mixes_positions(self, x: Tensor) -> bool:
        return True

    def gradients(self, x: Tensor, columns: Tensor) -> Iterator[tuple[str, Tensor]]:
        def of_sample(sample: Tensor, cotangents: Tensor) -> dict[str, Tensor]:
            _, pull = torch.func.vjp(lambda p: self.function(p, sample[None].clone())[0], self.parameters)
            if len(cotangents) == 1:
                return {n: g[None] for n, g in pull(cotangents[0])[0].items()}
            return torch.func.vmap(lambda c: pull(c)[0])(cotangents)

        if not self.parameters:
            return
        try:
            found = torch.func.vmap(of_sample)(x, columns)
        except RuntimeError:  # some backward rules of torch (PReLU's) take one vectorised axis, not two
            many = torch.func.vmap(of_sample)(expand(columns, x), columns.flatten(0, 1)[:, None])
            found = {n: g.reshape(*columns.shape[:2], *g.shape[2:]) for n, g in many.items()}
        yield from found.items()

    def summed_gradients(self, x: Tensor, cotangent: Tensor) -> Iterator[tuple[str, Tensor]]:
        if self.parameters:
            _, pull = torch.func.vjp(lambda p: self.function(p, x.clone()), self.parameters)
            yield from pull(cotangent)[0].items()

    def parameter_jvp(self, x: Tensor, direction: Parameters) -> Tensor | None:
        if not any(n in direction for n in self.parameters):
            return None
        change = {n: direction[n] if n in direction else torch.zeros_like(p) for n, p in self.parameters.items()}
        return torch.func.jvp(lambda p: self.function(p, x.clone()), (self.parameters,), (change,))[1]

    def from_diagonal(self, x: Tensor, h: Tensor) -> Iterator[tuple[str, Tensor]]:
        root = torch.diag_embed(h.flatten(1).sqrt()).reshape(len(h), -1, *h.shape[1:])
        for name, g in self.gradients(x, root):
            yield name, g.square().sum((0, 1))


PARAMETRIC = (Linear, Convolution, Scale, Block)
"""The layers that may have parameters; each is a `ParametricLayer`."""
