"""The metric of the outputs pulled back through a chain, as columns.

Below the two top layers the pulled-back metric is no longer diagonal, but its rank is at most the narrowest width
above. So it is held as M = sum_ab A_a K_ab A_b per sample, with r columns A_a at the current position and an inner
(r, r) matrix K that belongs to a base: the output (K = 1, the columns start as a root of H) or a narrower position,
to which the columns are reduced by pushing its r unit vectors forward, K_ab = (J e_a) . M (J e_b). While the columns
are the same for all samples (unit vectors, and what a linear layer makes of them) they are held once, (1, r, ...).
"""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from numerics.fisher.chain import Chain
from numerics.fisher.layers import Elementwise, Linear, times
from numerics.fisher.likelihood import Likelihood

_CACHED = 2**20  # bytes of tangents at a time: they stay in the processor's cache
_PAIRS = 2**21  # elements of a table of pairs of columns, up to which one product over all samples is taken


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
        self._at_base = False  # whether the columns are the unit vectors of the base

    def at(self, position: int) -> tuple[Tensor, Tensor | None]:
        """(A, K) at a position at or below the last one asked for: A is (B, r, ...), K is (B, r, r) or None for 1."""
        columns, inner = self._pulled(position)
        return columns.expand(len(self._values[position]), *columns.shape[1:]), inner

    def _pulled(self, position: int) -> tuple[Tensor, Tensor | None]:
        """As `at`, but A may be (1, r, ...), the same for all samples."""
        if not self._fixed:
            self._reduce(position)
            self._materialise()
        for i in reversed(range(position, self._position)):
            layer, x, y = self._layers[i], self._values[i], self._values[i + 1]
            columns = self._columns
            assert columns is not None  # by now both branches above hold columns
            if self._at_base and self._inner is not None and isinstance(layer, Elementwise):
                slope = layer.slope(x, y).flatten(1)
                self._inner = self._inner * (slope[:, :, None] * slope[:, None, :])
                continue
            if len(columns) == 1 and not isinstance(layer, (Linear, Elementwise)):
                columns = columns.expand(len(x), *columns.shape[1:])
            self._columns, self._at_base = layer.vjp(x, y, columns), False
        self._position = position
        assert self._columns is not None
        return self._columns, self._inner

    def diagonal(self, position: int) -> Tensor:
        """The diagonal of M at a position, in the shape of its activations."""
        above = position
        while above < self._position and isinstance(self._layers[above], Elementwise):
            above += 1
        columns, inner = self._pulled(above)
        result = torch.diagonal(inner, dim1=1, dim2=2) if self._at_base and inner is not None else None
        if result is None:
            result = quadratic_diagonal(columns, inner)
        result = result.reshape(-1, *self._values[above].shape[1:]).expand_as(self._values[above])
        for i in reversed(range(position, above)):
            layer = self._layers[i]
            assert isinstance(layer, Elementwise)  # see `above`
            result = result * layer.slope(self._values[i], self._values[i + 1]).square()
        return result

    def _width(self, position: int) -> int:
        return prod(self._values[position].shape[1:])

    def _reduce(self, position: int) -> None:
        """Move the base to the narrowest position in between, if that has fewer columns."""
        narrow = min(range(position, self._position + 1), key=lambda i: (self._width(i), -i))
        if self._width(narrow) >= self._width(self._base):
            return
        r, widest = self._width(narrow), max(self._width(i) for i in range(narrow, self._position + 1))
        samples = len(self._values[-1])
        paired = self._paired(narrow) if self._columns is None else None
        if paired is not None:
            self._inner, self._base, self._position = paired, narrow, narrow
            return
        size = max(1, _CACHED // (r * widest * self._values[-1].element_size()))
        parts = [slice(k, k + size) for k in range(0, samples, size)]
        inner = [self._reduced(narrow, part) for part in parts]
        self._inner = inner[0] if len(inner) == 1 else torch.cat(inner)
        self._base = self._position = narrow
        self._columns = None

    def _paired(self, narrow: int) -> Tensor | None:
        """K where one linear layer W and activations lie above: sum_k h_k W_ka W_kb, one product for all samples.

        None where it is not so, where H is not diagonal, or where the table of pairs would be large.
        """
        layers, r = self._layers, self._width(narrow)
        linear = layers[narrow] if narrow < len(layers) else None
        above = layers[narrow + 1 :]
        if (
            self._base != len(layers)
            or self._likelihood.name == "categorical"
            or not isinstance(linear, Linear)
            or self._values[narrow].dim() != 2
            or not all(isinstance(layer, Elementwise) for layer in above)
            or r * r * self._width(len(layers)) > 2 * _PAIRS
        ):
            return None
        h = self._likelihood.diagonal(self._values[-1])
        for i in reversed(range(narrow + 1, len(layers))):
            layer = layers[i]
            assert isinstance(layer, Elementwise)  # see above
            h = times(h, layer.slope(self._values[i], self._values[i + 1]).square_())
        a, b = torch.triu_indices(r, r, device=h.device)
        columns = linear.matrix.T
        upper = h @ (columns[a] * columns[b]).T
        inner = h.new_empty(len(h), r, r)
        inner[:, a, b] = upper
        inner[:, b, a] = upper
        return inner

    def _reduced(self, narrow: int, part: slice) -> Tensor:
        """K at a narrower position for some of the samples, (b, r, r)."""
        tangents = self._unit_vectors(narrow)
        own = False  # whether the tangents lie in memory that may be written to
        for i in range(narrow, self._position):
            layer, x, y = self._layers[i], self._values[i][part], self._values[i + 1][part]
            if isinstance(layer, Elementwise) and own and len(tangents) == len(x):
                tangents.mul_(layer.slope(x, y)[:, None])
                continue
            if len(tangents) == 1 and not isinstance(layer, (Linear, Elementwise)):
                tangents = tangents.expand(len(x), *tangents.shape[1:])
            tangents = layer.jvp(x, y, tangents)
            own = isinstance(layer, (Linear, Elementwise))
        flat = tangents.flatten(2)
        if self._columns is None and self._base == len(self._layers):
            outputs = self._values[-1][part].flatten(1)
            return self._likelihood.quadratic(outputs, flat.expand(len(outputs), *flat.shape[1:]))
        if self._columns is not None:  # components along the old columns
            old = self._columns if len(self._columns) == 1 else self._columns[part]
            flat = flat @ old.flatten(2).transpose(1, 2)
        if self._inner is None:
            return flat @ flat.transpose(1, 2)
        return flat @ self._inner[part] @ flat.transpose(1, 2)

    def _materialise(self) -> None:
        if self._columns is not None:
            return
        value = self._values[self._position]
        if self._base == len(self._layers):
            root = self._likelihood.root(value.flatten(1))
            self._columns = root.reshape(*root.shape[:2], *value.shape[1:])
        else:
            self._columns, self._at_base = self._unit_vectors(self._position), True

    def _unit_vectors(self, position: int) -> Tensor:
        """(1, r, ...), the same for all samples."""
        value, r = self._values[position], self._width(position)
        return torch.eye(r, dtype=value.dtype, device=value.device).reshape(1, r, *value.shape[1:])


def quadratic_diagonal(columns: Tensor, inner: Tensor | None) -> Tensor:
    """sum_ab A_a K_ab A_b element by element: columns (B, r, ...) or (1, r, ...), inner (B, r, r) or None; (B, ...)."""
    if inner is None:
        return columns.square().sum(1) if columns.shape[1] > 1 else columns[:, 0].square()
    flat, r = columns.reshape(*columns.shape[:2], -1), columns.shape[1]
    if len(flat) == 1 and r * r * flat.shape[2] <= _PAIRS:  # columns that all samples share: K is symmetric
        a, b = torch.triu_indices(r, r, device=flat.device)
        pairs = flat[0, a] * flat[0, b] * torch.where(a == b, 1.0, 2.0)[:, None].to(flat)
        return (inner[:, a, b] @ pairs).reshape(len(inner), *columns.shape[2:])
    return ((inner @ flat) * flat).sum(1).reshape(len(inner), *columns.shape[2:])
