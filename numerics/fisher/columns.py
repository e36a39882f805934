"""The metric of the outputs pulled back through a chain, as columns.

Below the two top layers the pulled-back metric is no longer diagonal, but its rank is at most the narrowest width
above. So it is held as M = sum_ab A_a K_ab A_b per sample, with r columns A_a at the current position and an inner
(r, r) matrix K that belongs to a base: the output (K = 1, the columns start as a root of H) or a narrower position,
to which the columns are reduced by pushing its r unit vectors forward, K_ab = (J e_a) . M (J e_b).
"""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from numerics.fisher.chain import Chain
from numerics.fisher.likelihood import Likelihood


class PulledMetric:
    """The metric of one batch at falling positions of a chain; position i is the input of layer i.

    Args:
        chain: the layers.
        values: activations at every position.
        likelihood: its H is the metric at the last position.
        columns: other columns to start from, (B, r, m), with M = sum_a A_a A_a at the output; these are pulled, never
            reduced.
    """

    def __init__(self, chain: Chain, values: list[Tensor], likelihood: Likelihood, columns: Tensor | None = None):
        self._layers = chain.layers
        self._values = values
        self._likelihood = likelihood
        self._base = self._position = len(chain.layers)
        self._inner: Tensor | None = None
        self._columns = None if columns is None else columns.reshape(*columns.shape[:2], *values[-1].shape[1:])
        self._fixed = columns is not None

    def at(self, position: int) -> tuple[Tensor, Tensor | None]:
        """(A, K) at a position at or below the last one asked for: A is (B, r, ...), K is (B, r, r) or None for 1."""
        if not self._fixed:
            self._reduce(position)
            self._materialise()
        assert self._columns is not None  # by now both branches hold columns
        for i in reversed(range(position, self._position)):
            self._columns = self._layers[i].vjp(self._values[i], self._values[i + 1], self._columns)
        self._position = position
        return self._columns, self._inner

    def diagonal(self, position: int) -> Tensor:
        """The diagonal of M at a position, in the shape of its activations."""
        columns, inner = self.at(position)
        return quadratic_diagonal(columns, inner)

    def _width(self, position: int) -> int:
        return prod(self._values[position].shape[1:])

    def _reduce(self, position: int) -> None:
        """Move the base to the narrowest position in between, if that has fewer columns."""
        narrow = min(range(position, self._position + 1), key=lambda i: (self._width(i), i))
        if self._width(narrow) >= self._width(self._base):
            return
        tangents = self._unit_vectors(narrow)
        for i in range(narrow, self._position):
            tangents = self._layers[i].jvp(self._values[i], self._values[i + 1], tangents)
        flat = tangents.flatten(2)
        if self._columns is None and self._base == len(self._layers):
            self._inner = self._likelihood.quadratic(self._values[-1].flatten(1), flat)
        else:
            t = flat  # (B, r, n)
            if self._columns is not None:  # components along the old columns
                t = t @ self._columns.flatten(2).transpose(1, 2)
            self._inner = t @ t.transpose(1, 2) if self._inner is None else t @ self._inner @ t.transpose(1, 2)
        self._base = self._position = narrow
        self._columns = None

    def _materialise(self) -> None:
        if self._columns is not None:
            return
        value = self._values[self._position]
        if self._base == len(self._layers):
            root = self._likelihood.root(value.flatten(1))
            self._columns = root.reshape(*root.shape[:2], *value.shape[1:])
        else:
            self._columns = self._unit_vectors(self._position)

    def _unit_vectors(self, position: int) -> Tensor:
        value, r = self._values[position], self._width(position)
        unit = torch.eye(r, dtype=value.dtype, device=value.device).reshape(1, r, *value.shape[1:])
        return unit.expand(len(value), *unit.shape[1:])


def quadratic_diagonal(columns: Tensor, inner: Tensor | None) -> Tensor:
    """sum_ab A_a K_ab A_b element by element: columns (B, r, ...), inner (B, r, r) or None; (B, ...)."""
    if inner is None:
        return columns.square().sum(1)
    flat = columns.flatten(2)
    return ((inner @ flat) * flat).sum(1).reshape(len(columns), *columns.shape[2:])
