"""The derivative rules of layers: what each does to outputs, tangents, cotangents and metrics.

Shapes: a batch has B samples; x and y are a layer's input and output, (B, ...). Tangents and cotangents carry r columns
for each sample: (B, r, ...). A metric at a layer's output is held as its diagonal h, or as columns A with an inner
matrix K, M = sum_ab A_a K_ab A_b per sample. A layer adds the sum over samples of what its parameters receive; the mean
is taken at the end.
"""

# ruff: noqa: D102 (what each rule does is said once, in the protocols)
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

Parameters = dict[str, Tensor]


class Layer(Protocol):
    """What the estimators ask of a layer."""

    @property
    def name(self) -> str:
        """Where it is in the network."""

    @property
    def parameters(self) -> dict[str, Tensor]:
        """By the network's names."""

    def __call__(self, x: Tensor) -> Tensor:
        """The layer's output."""

    def vjp(self, x: Tensor, y: Tensor, columns: Tensor) -> Tensor:
        """Cotangents at the output, (B, r, *y), pulled back to the input, (B, r, *x)."""

    def jvp(self, x: Tensor, y: Tensor, columns: Tensor) -> Tensor:
        """Tangents at the input pushed to the output."""


class ParametricLayer(Layer, Protocol):
    """A layer with parameters."""

    def mixes_positions(self, x: Tensor) -> bool:
        """Whether a parameter acts at several places of one sample, so that the metric's diagonal does not suffice."""

    def gradients(self, x: Tensor, columns: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Per sample and column: (name, (B, r, *parameter))."""

    def summed_gradients(self, x: Tensor, cotangent: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Summed over the samples, for one cotangent (B, *y): (name, parameter's shape)."""

    def parameter_jvp(self, x: Tensor, direction: Parameters) -> Tensor | None:
        """The output's change, (B, *y), under a change of the parameters; None where none of them moves.

        In memory of its own, which may be written to.
        """

    def from_diagonal(self, x: Tensor, h: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Sum over samples of the Fisher diagonal where the metric at the output is diag(h)."""


def expand(columns: Tensor, batch: Tensor) -> Tensor:
    """A batch with each sample repeated once for each column, (B * r, ...)."""
    return batch.repeat_interleave(columns.shape[1], 0)


def product(a: Tensor, b: Tensor) -> Tensor:
    """a @ b of matrices, with the shorter side of the result as the rows.

    Measured 1.4 times faster on narrow layers.
    """
    return (b.T @ a.T).T if b.shape[1] < a.shape[0] else a @ b


def affine(x: Tensor, matrix: Tensor, bias: Tensor | None) -> Tensor:
    """x @ matrix.T + bias for x of shape (B, n), in one pass over the output."""
    if matrix.shape[0] < min(len(x), 256):
        y = matrix @ x.T
        return (y if bias is None else y.add_(bias[:, None])).T
    return x @ matrix.T if bias is None else torch.addmm(bias, x, matrix.T)


def step(x: Tensor) -> Tensor:
    """1 where x > 0, else 0, in the type of x."""
    return torch.gt(x, 0, out=torch.empty_like(x))


def times(h: Tensor, factor: Tensor) -> Tensor:
    """h * factor, into the memory of `factor`, which is given up; h may be the unit metric, expanded from one element.

    Where h is expanded from a single 1 (a unit metric) the product is `factor` itself.
    """
    if not any(h.stride()) and h.numel() > 1 and h.reshape(-1)[0].item() == 1:
        return factor
    return factor.mul_(h)


@dataclass(frozen=True)
class Elementwise:
    """y = phi(x), element by element."""

    name: str
    function: Callable[[Tensor], Tensor]
    slope_rule: Callable[[Tensor, Tensor], Tensor] | None = None
    is_step: bool = False  # the slope is 0 or 1, and a function of x alone
    kind: str = ""  # the function's name, "" where it is not known by one
    settings: Mapping[str, Any] = field(default_factory=dict)  # its numbers, as torch names them
    parameters: dict[str, Tensor] = field(default_factory=dict)

    def __call__(self, x: Tensor) -> Tensor:
        return self.function(x)

    def slope(self, x: Tensor, y: Tensor) -> Tensor:
        """phi'(x) by torch's own convention at kinks."""
        if self.slope_rule is not None:
            return self.slope_rule(x, y)
        with torch.enable_grad():
            z = x.detach().requires_grad_()
            (grad,) = torch.autograd.grad(self.function(z).sum(), z)
        return grad

    def vjp(self, x: Tensor, y: Tensor, columns: Tensor) -> Tensor:
        return columns * self.slope(x, y)[:, None]

    jvp = vjp


@dataclass(frozen=True)
class Reshape:
    """The same elements in another shape: flatten, unflatten, identity, dropout in eval mode."""

    name: str
    function: Callable[[Tensor], Tensor]
    parameters: dict[str, Tensor] = field(default_factory=dict)

    def __call__(self, x: Tensor) -> Tensor:
        return self.function(x)

    def vjp(self, x: Tensor, y: Tensor, columns: Tensor) -> Tensor:
        return columns.reshape(*columns.shape[:2], *x.shape[1:])

    def jvp(self, x: Tensor, y: Tensor, columns: Tensor) -> Tensor:
        return columns.reshape(*columns.shape[:2], *y.shape[1:])


@dataclass(frozen=True)
class Coupling:
    """A function of one sample without parameters that couples its elements: pooling, softmax, normalisation."""

    name: str
    function: Callable[[Tensor], Tensor]
    parameters: dict[str, Tensor] = field(default_factory=dict)

    def __call__(self, x: Tensor) -> Tensor:
        return self.function(x)

    def vjp(self, x: Tensor, y: Tensor, columns: Tensor) -> Tensor:
        _, pull = torch.func.vjp(self.function, expand(columns, x))
        return pull(columns.flatten(0, 1))[0].reshape(*columns.shape[:2], *x.shape[1:])

    def jvp(self, x: Tensor, y: Tensor, columns: Tensor) -> Tensor:
        _, pushed = torch.func.jvp(self.function, (expand(columns, x),), (columns.flatten(0, 1),))
        return pushed.reshape(*columns.shape[:2], *y.shape[1:])


@dataclass(frozen=True)
class Scale:
    """y = w (x - shift) scale + b: the affine part of a normalisation, or all of it in eval mode.

    With `channels_first`, w, b, shift and scale have one element for each channel, the axis after the samples;
    otherwise they have the shape of the last axes.
    """

    name: str
    weight: str | None
    bias: str | None
    parameters: dict[str, Tensor]
    channels_first: bool
    shift: Tensor | None = None
    scale: Tensor | None = None

    def _fit(self, t: Tensor, x: Tensor) -> Tensor:
        """A per-channel tensor in the shape that broadcasts against x."""
        return t.reshape(-1, *(1,) * (x.dim() - 2)) if self.channels_first else t

    def _normalised(self, x: Tensor) -> Tensor:
        y = x if self.shift is None else x - self._fit(self.shift, x)
        return y if self.scale is None else y * self._fit(self.scale, x)

    def slope(self, x: Tensor, y: Tensor) -> Tensor:
        """The factor of each element, broadcast against x."""
        factor = torch.ones((), dtype=x.dtype, device=x.device)
        if self.scale is not None:
            factor = factor * self._fit(self.scale, x)
        return factor * self._fit(self.parameters[self.weight], x) if self.weight else factor

    def __call__(self, x: Tensor) -> Tensor:
        y = self._normalised(x)
        if self.weight:
            y = y * self._fit(self.parameters[self.weight], x)
        return y + self._fit(self.parameters[self.bias], x) if self.bias else y

    def vjp(self, x: Tensor, y: Tensor, columns: Tensor) -> Tensor:
        return columns * self.slope(x, y)

    jvp = vjp

    def _roles(self, x: Tensor) -> Iterator[tuple[str, Tensor | None]]:
        if self.weight:
            yield self.weight, self._normalised(x)
        if self.bias:
            yield self.bias, None

    def _shared_axes(self, name: str, x: Tensor) -> list[int]:
        """Axes of x, the samples apart, along which a parameter is shared."""
        if self.channels_first:
            return list(range(2, x.dim()))
        return list(range(1, x.dim() - self.parameters[name].dim()))

    def mixes_positions(self, x: Tensor) -> bool:
        return any(x.shape[i] != 1 for name in self.parameters for i in self._shared_axes(name, x))

    def gradients(self, x: Tensor, columns: Tensor) -> Iterator[tuple[str, Tensor]]:
        for name, factor in self._roles(x):
            g = columns if factor is None else columns * factor[:, None]
            axes = [i + 1 for i in self._shared_axes(name, x)]
            yield name, g.sum(axes) if axes else g

    def summed_gradients(self, x: Tensor, cotangent: Tensor) -> Iterator[tuple[str, Tensor]]:
        for name, factor in self._roles(x):
            g = cotangent if factor is None else cotangent * factor
            yield name, g.sum([0, *self._shared_axes(name, x)])

    def parameter_jvp(self, x: Tensor, direction: Parameters) -> Tensor | None:
        change = None
        for name, factor in self._roles(x):
            if name in direction:
                d = self._fit(direction[name], x)
                term = d.expand_as(x).clone() if factor is None else d * factor
                change = term if change is None else change + term
        return change

    def from_diagonal(self, x: Tensor, h: Tensor) -> Iterator[tuple[str, Tensor]]:
        for name, factor in self._roles(x):
            g = h if factor is None else h * factor.square()
            yield name, g.sum([0, *self._shared_axes(name, x)])


@dataclass(frozen=True)
class Linear:
    """y = W x + b on the last axis; x has shape (B, n) or (B, positions..., n)."""

    name: str
    weight: str
    bias: str | None
    parameters: dict[str, Tensor]

    @property
    def matrix(self) -> Tensor:
        """W, shape (outputs, inputs)."""
        return self.parameters[self.weight]

    def __call__(self, x: Tensor) -> Tensor:
        bias = self.parameters[self.bias] if self.bias else None
        return affine(x, self.matrix, bias) if x.dim() == 2 else functional.linear(x, self.matrix, bias)

    def vjp(self, x: Tensor, y: Tensor, columns: Tensor) -> Tensor:
        return self._apply(columns, self.matrix)

    def jvp(self, x: Tensor, y: Tensor, columns: Tensor) -> Tensor:
        return self._apply(columns, self.matrix.T)

    @staticmethod
    def _apply(columns: Tensor, matrix: Tensor) -> Tensor:
        if columns.shape[1] == 1 and columns.dim() == 3:
            return product(columns[:, 0], matrix)[:, None]
        return (columns.reshape(-1, columns.shape[-1]) @ matrix).reshape(*columns.shape[:-1], matrix.shape[1])

    def squared_pull(self, x: Tensor, h: Tensor) -> Tensor:
        """The diagonal of W^T diag(h) W at the input."""
        return product(h, self.matrix.square()) if h.dim() == 2 else h @ self.matrix.square()

    def mixes_positions(self, x: Tensor) -> bool:
        return x.dim() > 2 and prod(x.shape[1:-1]) > 1

    def gradients(self, x: Tensor, columns: Tensor) -> Iterator[tuple[str, Tensor]]:
        b, r = columns.shape[:2]
        a = columns.reshape(b, r, -1, columns.shape[-1])
        yield self.weight, torch.einsum("brpo,bpi->broi", a, x.reshape(b, -1, x.shape[-1]))
        if self.bias:
            yield self.bias, a.sum(2)

    def summed_gradients(self, x: Tensor, cotangent: Tensor) -> Iterator[tuple[str, Tensor]]:
        g = cotangent.reshape(-1, cotangent.shape[-1])
        yield self.weight, product(g.T, x.reshape(-1, x.shape[-1]))
        if self.bias:
            yield self.bias, g.sum(0)

    def parameter_jvp(self, x: Tensor, direction: Parameters) -> Tensor | None:
        w, b = direction.get(self.weight), direction.get(self.bias) if self.bias else None
        if w is None:
            return None if b is None else b.expand(*x.shape[:-1], len(b)).clone()
        return affine(x, w, b) if x.dim() == 2 else functional.linear(x, w, b)

    def joint_jvp(self, x: Tensor, tangent: Tensor, direction: Parameters) -> Tensor:
        """The output's change under a change of the input, (B, *x), and of the parameters together."""
        w, b = direction.get(self.weight), direction.get(self.bias) if self.bias else None
        if x.dim() != 2:
            change = functional.linear(tangent, self.matrix, b)
            return change if w is None else change + functional.linear(x, w)
        change = affine(tangent, self.matrix, b)
        return change if w is None else change.addmm_(x, w.T)

    def from_diagonal(self, x: Tensor, h: Tensor) -> Iterator[tuple[str, Tensor]]:
        flat = h.reshape(-1, h.shape[-1])
        yield self.weight, product(flat.T, x.reshape(-1, x.shape[-1]).square())
        if self.bias:
            yield self.bias, flat.sum(0)


@dataclass(frozen=True)
class Convolution:
    """A one- or two-dimensional convolution; `settings` are stride, padding (pairs per axis), dilation, groups."""

    name: str
    weight: str
    bias: str | None
    parameters: dict[str, Tensor]
    stride: tuple[int, ...]
    padding: tuple[int, ...]  # as functional.pad takes it: last axis first, (left, right)
    dilation: tuple[int, ...]
    groups: int
    padding_mode: str = "constant"

    @property
    def kernel(self) -> Tensor:
        """Shape (outputs, inputs / groups, *window)."""
        return self.parameters[self.weight]

    def _pad(self, x: Tensor) -> Tensor:
        return functional.pad(x, self.padding, mode=self.padding_mode) if any(self.padding) else x

    def _convolve(self, x: Tensor, kernel: Tensor) -> Tensor:
        convolve: Any = functional.conv1d if kernel.dim() == 3 else functional.conv2d
        return convolve(self._pad(x), kernel, None, self.stride, 0, self.dilation, self.groups)

    def _per_channel(self, b: Tensor) -> Tensor:
        return b.reshape(-1, *(1,) * (self.kernel.dim() - 2))

    def __call__(self, x: Tensor) -> Tensor:
        y = self._convolve(x, self.kernel)
        return y + self._per_channel(self.parameters[self.bias]) if self.bias else y

    def vjp(self, x: Tensor, y: Tensor, columns: Tensor) -> Tensor:
        zero = torch.zeros((), dtype=x.dtype, device=x.device).expand(columns.shape[1] * len(x), *x.shape[1:])
        _, pull = torch.func.vjp(lambda z: self._convolve(z, self.kernel), zero)
        return pull(columns.flatten(0, 1))[0].reshape(*columns.shape[:2], *x.shape[1:])

    def jvp(self, x: Tensor, y: Tensor, columns: Tensor) -> Tensor:
        return self._convolve(columns.flatten(0, 1), self.kernel).reshape(*columns.shape[:2], *y.shape[1:])

    def mixes_positions(self, x: Tensor) -> bool:
        return True

    def _windows(self, x: Tensor) -> Tensor:
        """What each output position sees, (B, groups, inputs / groups * window, positions)."""
        x = self._pad(x)
        window, stride, dilation = tuple(self.kernel.shape[2:]), self.stride, self.dilation
        if self.kernel.dim() == 3:
            x, window, stride, dilation = x[:, :, None], (1, *window), (1, *stride), (1, *dilation)
        seen = functional.unfold(x, window, dilation=dilation, stride=stride)
        return seen.reshape(len(x), self.groups, -1, seen.shape[-1])

    def gradients(self, x: Tensor, columns: Tensor) -> Iterator[tuple[str, Tensor]]:
        b, r = columns.shape[:2]
        a = columns.reshape(b, r, self.groups, self.kernel.shape[0] // self.groups, -1)
        yield self.weight, torch.einsum("brgop,bgkp->brgok", a, self._windows(x)).reshape(b, r, *self.kernel.shape)
        if self.bias:
            yield self.bias, a.sum(-1).reshape(b, r, -1)

    def summed_gradients(self, x: Tensor, cotangent: Tensor) -> Iterator[tuple[str, Tensor]]:
        a = cotangent.reshape(len(x), self.groups, self.kernel.shape[0] // self.groups, -1)
        yield self.weight, torch.einsum("bgop,bgkp->gok", a, self._windows(x)).reshape(self.kernel.shape)
        if self.bias:
            yield self.bias, a.sum((0, 3)).reshape(-1)

    def parameter_jvp(self, x: Tensor, direction: Parameters) -> Tensor | None:
        w, b = direction.get(self.weight), direction.get(self.bias) if self.bias else None
        change = None if w is None else self._convolve(x, w)
        if b is None:
            return change
        if change is None:
            change = torch.zeros_like(self(x))
        return change + self._per_channel(b)

    def from_diagonal(self, x: Tensor, h: Tensor) -> Iterator[tuple[str, Tensor]]:
        a = h.reshape(len(x), self.groups, self.kernel.shape[0] // self.groups, -1)
        squares = self._windows(x).square()
        yield self.weight, torch.einsum("bgop,bgkp->gok", a, squares).reshape(self.kernel.shape)
        if self.bias:
            yield self.bias, a.sum((0, 3)).reshape(-1)

    def squared_pull(self, x: Tensor, h: Tensor) -> Tensor:
        """The diagonal of C^T diag(h) C at the input, where padding repeats no element."""
        zero = torch.zeros((), dtype=x.dtype, device=x.device).expand_as(x)
        _, pull = torch.func.vjp(lambda z: self._convolve(z, self.kernel.square()), zero)
        return pull(h)[0]
