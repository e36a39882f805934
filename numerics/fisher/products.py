"""Matrix-free products with a network's Fisher metric, and its leading eigenpairs by Lanczos iteration.

A product is one push of a change of parameters to the outputs, the metric H there, and one pull back: F v = mean over
samples of J^T H J v. Nothing of the size of the matrix is ever held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from numerics.fisher.block import PARAMETRIC
from numerics.fisher.chain import Chain, trace
from numerics.fisher.closed_form import as_network_type, check_arguments, diagonal
from numerics.fisher.distributed import add_up
from numerics.fisher.layers import Elementwise, Linear, Scale, times
from numerics.fisher.likelihood import Likelihood
from symrg.errors import InvalidEstimator


@dataclass(frozen=True)
class Eigenpairs:
    """Leading eigenvalues, falling, and unit eigenvectors as columns of a (P, k) tensor, in the operator's order."""

    values: Tensor
    vectors: Tensor


class FisherOperator:
    """The Fisher metric of a network as an operator on changes of its parameters.

    A change is a dict {name: tensor}, or one vector in which the parameters follow each other in the network's order.

    Args:
        network: as for `diagonal`.
        inputs: samples along the first axis.
        targets: for kind="empirical".
        kind: "true" or "empirical".
        likelihood: "gaussian", "bernoulli" or "categorical".
        variance: of the Gaussian.
        parameters: names to which the operator is restricted; None takes all.
        batch_size: samples at a time.
        keep_activations: hold the activations of all samples, for many products at fixed parameters; otherwise memory
            does not grow with the number of samples.
        distributed: add the products of all processes of an initialised process group.

    Raises:
        UnsupportedLayer: a layer has no rule.
        InvalidEstimator: arguments that do not fit each other; an unknown parameter name.
    """

    def __init__(
        self,
        network: nn.Module,
        inputs: Tensor,
        targets: Tensor | None = None,
        kind: str = "true",
        likelihood: str = "gaussian",
        variance: float = 1.0,
        *,
        parameters: Iterable[str] | None = None,
        batch_size: int = 512,
        keep_activations: bool = False,
        distributed: bool = True,
    ):
        self._rule = Likelihood(likelihood, variance)
        check_arguments(network, inputs, targets, kind, batch_size)
        self._network, self._kind = network, kind
        self._inputs, self._targets = as_network_type(network, inputs), targets
        self._chain: Chain = trace(network, self._inputs)
        every = list(self._chain.parameters)
        chosen = every if parameters is None else list(parameters)
        unknown = [n for n in chosen if n not in every]
        if unknown or not chosen:
            raise InvalidEstimator(f"parameters {', '.join(unknown) or '(none)'}: the network has {', '.join(every)}")
        self.names: tuple[str, ...] = tuple(n for n in every if n in chosen)
        self._shapes = {n: self._chain.parameters[n].shape for n in self.names}
        self.size = sum(s.numel() for s in self._shapes.values())
        self._batch_size, self._distributed = batch_size, distributed
        self._lowest = min(
            (i for i, x in enumerate(self._chain.layers) if set(x.parameters) & set(self.names)), default=None
        )
        self._kept = list(self._batches()) if keep_activations else None

    def _batches(self) -> Iterator[_Batch]:
        with torch.no_grad():
            for start in range(0, len(self._inputs), self._batch_size):
                values = self._chain.activations(self._inputs[start : start + self._batch_size])
                f = self._rule.as_outputs(values[-1])
                residual = None
                if self._targets is not None:
                    y = self._rule.as_targets(self._targets[start : start + self._batch_size], f)
                    residual = self._rule.residual(f, y).reshape(values[-1].shape)
                top, weight, residual = self._top_metric(values, f, residual)
                slopes = {
                    i: layer.slope(values[i], values[i + 1])
                    for i, layer in enumerate(self._chain.layers[:top])
                    if isinstance(layer, (Elementwise, Scale))
                }
                yield _Batch(values, f, slopes, top, weight, residual)

    def _top_metric(
        self, values: list[Tensor], f: Tensor, residual: Tensor | None
    ) -> tuple[int, Tensor | None, Tensor | None]:
        """(top, weight, residual): the metric of the outputs pulled down through the activations that end the network.

        It acts at the output of layer top - 1, as a multiplication by `weight`, or as `residual` times itself; where
        both are None, as the likelihood's H at the network's end.
        """
        layers, top = self._chain.layers, len(self._chain.layers)
        if residual is None and self._rule.name == "categorical":
            return top, None, None
        weight = self._rule.diagonal(f).reshape(values[-1].shape) if residual is None else None
        while top > 0 and isinstance(layers[top - 1], Elementwise):
            top -= 1
            layer = layers[top]
            assert isinstance(layer, Elementwise)  # see the condition
            slope = layer.slope(values[top], values[top + 1])
            if residual is not None:
                residual = slope.mul_(residual)
            else:
                assert weight is not None  # the likelihood's diagonal
                weight = times(weight, slope.square_())
        return top, weight, residual

    def __matmul__(self, change: Tensor | Mapping[str, Tensor]) -> Tensor | dict[str, Tensor]:
        """F v, in the form in which v was given."""
        if isinstance(change, Tensor):
            return self.flatten(self._product(self.unflatten(change)))
        missing = [n for n in self.names if n not in change]
        if missing:
            raise InvalidEstimator(f"the change lacks {', '.join(missing)}")
        return self._product({n: change[n] for n in self.names})

    def flatten(self, change: Mapping[str, Tensor]) -> Tensor:
        """One vector from tensors by name."""
        return torch.cat([change[n].reshape(-1) for n in self.names])

    def unflatten(self, vector: Tensor) -> dict[str, Tensor]:
        """Tensors by name from one vector.

        Raises:
            InvalidEstimator: the vector has another length than the operator.
        """
        if vector.shape != (self.size,):
            raise InvalidEstimator(
                f"a vector of shape {tuple(vector.shape)} was given; the operator acts on ({self.size},)"
            )
        parts = vector.split([s.numel() for s in self._shapes.values()])
        return {n: p.reshape(s) for (n, s), p in zip(self._shapes.items(), parts)}

    def _product(self, change: dict[str, Tensor]) -> dict[str, Tensor]:
        sums = {n: torch.zeros_like(v) for n, v in change.items()}
        with torch.no_grad():
            for batch in self._kept if self._kept is not None else self._batches():
                pushed = self._push(batch, change)
                if pushed is None:
                    continue
                if batch.residual is not None:
                    along = (batch.residual * pushed).flatten(1).sum(1)
                    metric = batch.residual * along.reshape(-1, *(1,) * (pushed.dim() - 1))
                elif batch.weight is not None:
                    metric = times(batch.weight, pushed)
                else:
                    metric = self._rule.apply(batch.outputs, pushed.flatten(1)).reshape(pushed.shape)
                self._pull(batch, metric, sums, batch.top)
        total, count = add_up(sums, len(self._inputs), self._distributed)
        return {n: (v / count).to(self._chain.parameters[n].dtype) for n, v in total.items()}

    def _push(self, batch: _Batch, change: dict[str, Tensor]) -> Tensor | None:
        """J v for one batch, at the output of layer `batch.top` - 1; a tensor of its own, None where nothing moves."""
        t: Tensor | None = None
        for i, layer in enumerate(self._chain.layers[: batch.top]):
            x, y = batch.values[i], batch.values[i + 1]
            if t is not None and isinstance(layer, Linear):
                t = layer.joint_jvp(x, t, change)
                continue
            if t is not None:
                t = t * batch.slopes[i] if i in batch.slopes else layer.jvp(x, y, t[:, None])[:, 0]
            if isinstance(layer, PARAMETRIC):
                own = layer.parameter_jvp(x, change)
                if own is not None:
                    t = own if t is None else t + own
        return t

    def _pull(self, batch: _Batch, cotangent: Tensor, sums: dict[str, Tensor], top: int) -> None:
        """Add J^T w, summed over the samples, to `sums`; w is given at the output of layer top - 1."""
        for i in reversed(range(top)):
            layer, x, y = self._chain.layers[i], batch.values[i], batch.values[i + 1]
            if isinstance(layer, PARAMETRIC):
                for name, g in layer.summed_gradients(x, cotangent):
                    if name in sums:
                        sums[name] += g
            if self._lowest is None or i <= self._lowest:
                return
            if i >= batch.top and isinstance(layer, (Elementwise, Scale)):
                cotangent = cotangent * layer.slope(x, y)
            elif i in batch.slopes:
                cotangent = cotangent * batch.slopes[i]
            else:
                cotangent = layer.vjp(x, y, cotangent[:, None])[:, 0]

    def score_towards(self, outputs: Tensor) -> dict[str, Tensor]:
        """Minus the gradient of the mean of D_KL(there || here), with `there` the model at other outputs (N, ...).

        It vanishes where the outputs are this network's own.
        """
        return self._mean_pull(outputs.flatten(1), self._rule.mean_residual)

    def score(self, targets: Tensor) -> dict[str, Tensor]:
        """Mean over samples of d ln p(y | theta) / d theta at observed targets, for the operator's parameters.

        Its negative is the gradient of the mean negative log-likelihood.
        """
        return self._mean_pull(targets, lambda f, y: self._rule.residual(f, self._rule.as_targets(y, f)))

    def _mean_pull(self, data: Tensor, residual: Callable[[Tensor, Tensor], Tensor]) -> dict[str, Tensor]:
        sums = {n: torch.zeros_like(self._chain.parameters[n]) for n in self.names}
        start = 0
        with torch.no_grad():
            for batch in self._kept if self._kept is not None else self._batches():
                cotangent = residual(batch.outputs, data[start : start + len(batch.outputs)])
                self._pull(batch, cotangent.reshape(batch.values[-1].shape), sums, len(self._chain.layers))
                start += len(batch.outputs)
        total, count = add_up(sums, len(self._inputs), self._distributed)
        return {n: (v / count).to(self._chain.parameters[n].dtype) for n, v in total.items()}

    def diagonal(self) -> dict[str, Tensor]:
        """The diagonal of the operator, by name."""
        full = diagonal(
            self._network, self._inputs, self._targets, self._kind, self._rule.name, self._rule.variance,
            distributed=self._distributed,
        )  # fmt: skip
        return {n: full[n] for n in self.names}

    def quadratic_form(self, change: Mapping[str, Tensor]) -> float:
        """v . F v, to second order twice the KL divergence per sample that the change costs (the talk's equation 3)."""
        image = self @ change
        return float(sum((change[n].double() * image[n].double()).sum() for n in self.names))

    def leading_eigenpairs(self, count: int, *, seed: int = 0, tolerance: float = 1e-8) -> Eigenpairs:
        """The largest eigenvalues with their eigenvectors, by implicitly restarted Lanczos iteration (ARPACK).

        Raises:
            InvalidEstimator: `count` is not between 1 and the number of parameters less one.
        """
        from scipy.sparse.linalg import LinearOperator, eigsh

        if not 1 <= count < self.size:
            raise InvalidEstimator(
                f"count = {count}: expected 1 to {self.size - 1}, fewer than the {self.size} parameters"
            )
        like = self._chain.parameters[self.names[0]]

        def product(v: np.ndarray) -> np.ndarray:
            image = self @ torch.from_numpy(np.ascontiguousarray(v.reshape(-1))).to(like)
            assert isinstance(image, Tensor)  # a vector was given
            return image.double().cpu().numpy()

        operator = LinearOperator((self.size, self.size), matvec=product, dtype=np.float64)
        start = np.random.default_rng(seed).standard_normal(self.size)
        values, vectors = eigsh(operator, k=count, which="LA", v0=start, tol=tolerance)
        order = np.argsort(values)[::-1].copy()
        return Eigenpairs(torch.from_numpy(values[order]), torch.from_numpy(vectors[:, order].copy()))


@dataclass(frozen=True)
class _Batch:
    """Activations, outputs as (B, m), slopes of the elementwise layers below `top`, and the metric there.

    See `FisherOperator._top_metric` for `top`, `weight` and `residual`.
    """

    values: Sequence[Tensor]
    outputs: Tensor
    slopes: Mapping[int, Tensor]
    top: int
    weight: Tensor | None
    residual: Tensor | None
