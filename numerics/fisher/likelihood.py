"""The likelihoods of a network's outputs, and the Fisher metric of the outputs themselves.

| likelihood | -ln p | Fisher metric H of the outputs f |
|---|---|---|
| gaussian, variance s^2 | sum (y - f)^2 / (2 s^2) | 1 / s^2 |
| bernoulli, logits f | sum BCE-with-logits | diag(q (1 - q)), q = sigmoid(f) |
| categorical, logits f | cross-entropy | diag(q) - q q^T, q = softmax(f) |

Always the sum over outputs. torch's losses with reduction="mean" divide by the number of all elements, so that a mean
squared error over m outputs is 2/m of the Gaussian -ln p of unit variance, per sample, up to a constant, and a mean
BCE is 1/m of the Bernoulli one; cross-entropy averages over samples only, and is the categorical -ln p itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from symrg.errors import InvalidEstimator

NAMES = ("gaussian", "bernoulli", "categorical")


@dataclass(frozen=True)
class Likelihood:
    """One row of the table above; outputs have shape (B, m) throughout.

    Attributes:
        name: "gaussian", "bernoulli" or "categorical".
        variance: s^2 of the Gaussian; the others have none.

    Raises:
        InvalidEstimator: an unknown name, or a variance that is not positive.
    """

    name: str
    variance: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise InvalidEstimator(f"likelihood {self.name!r}: expected one of {', '.join(NAMES)}")
        if not (self.variance > 0 and self.variance < float("inf")):
            raise InvalidEstimator(f"variance {self.variance}: expected a positive number")
        if self.variance != 1 and self.name != "gaussian":
            raise InvalidEstimator(f"variance {self.variance} is given, but a {self.name} likelihood has none")

    def diagonal(self, f: Tensor) -> Tensor:
        """h with H = diag(h), shape (B, m); for "categorical" it is the q of H = diag(q) - q q^T."""
        if self.name == "gaussian":
            return torch.full((), 1 / self.variance, dtype=f.dtype, device=f.device).expand_as(f)
        if self.name == "bernoulli":
            return torch.sigmoid(f) * torch.sigmoid(-f)
        return torch.softmax(f, 1)

    def root(self, f: Tensor) -> Tensor:
        """Columns F_r with H = sum_r F_r F_r^T, shape (B, m, m), column first."""
        if self.name != "categorical":
            return torch.diag_embed(self.diagonal(f).sqrt())
        q = torch.softmax(f, 1)
        others = q @ (1 - torch.eye(f.shape[1], dtype=f.dtype, device=f.device))  # 1 - q without cancellation
        s = q.sqrt()
        columns = -q[:, None, :] * s[:, :, None]
        columns.diagonal(dim1=1, dim2=2).copy_(s * others)
        return columns

    def apply(self, f: Tensor, v: Tensor) -> Tensor:
        """H v for vectors v of shape (..., B, m)."""
        h = self.diagonal(f)
        if self.name == "categorical":
            v = v - (v * h).sum(-1, keepdim=True)
        return h * v

    def quadratic(self, f: Tensor, tangents: Tensor) -> Tensor:
        """K_ab = T_a . H T_b for tangents of shape (B, r, m); shape (B, r, r)."""
        if self.name == "gaussian":
            return tangents @ tangents.transpose(1, 2) / self.variance
        h = self.diagonal(f)[:, None]
        if self.name == "categorical":
            tangents = tangents - (tangents * h).sum(-1, keepdim=True)
        t = tangents * h.sqrt()
        return t @ t.transpose(1, 2)

    def residual(self, f: Tensor, y: Tensor) -> Tensor:
        """d ln p(y | f) / d f, shape (B, m)."""
        if self.name == "gaussian":
            return (y - f) / self.variance
        if self.name == "bernoulli":
            return y - torch.sigmoid(f)
        one_hot = functional.one_hot(y, f.shape[1]).to(f.dtype)
        return one_hot - torch.softmax(f, 1)

    def mean_residual(self, f: Tensor, other: Tensor) -> Tensor:
        """The mean of `residual` over y drawn at other outputs, (B, m): minus the slope of D_KL(other || f) in f."""
        if self.name == "gaussian":
            return (other - f) / self.variance
        squash = torch.sigmoid if self.name == "bernoulli" else lambda z: torch.softmax(z, 1)
        return squash(other) - squash(f)

    def divergence(self, f: Tensor, other: Tensor) -> Tensor:
        """D_KL(other || f) between the models at two outputs, summed over outputs, (B,)."""
        if self.name == "gaussian":
            return (other - f).square().sum(1) / (2 * self.variance)
        if self.name == "bernoulli":
            q = torch.sigmoid(other)
            losses = [functional.binary_cross_entropy_with_logits(z, q, reduction="none") for z in (f, other)]
            return (losses[0] - losses[1]).sum(1)
        log_q = torch.log_softmax(other, 1)
        return (log_q.exp() * (log_q - torch.log_softmax(f, 1))).sum(1)

    def negative_log_likelihood(self, f: Tensor, y: Tensor) -> Tensor:
        """-ln p(y | f) up to a constant, summed over outputs, shape (B,)."""
        if self.name == "gaussian":
            return (y - f).square().sum(1) / (2 * self.variance)
        if self.name == "bernoulli":
            return functional.binary_cross_entropy_with_logits(f, y, reduction="none").sum(1)
        return functional.cross_entropy(f, y, reduction="none")

    def sample(self, f: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """One draw y from the model's own distribution at each output."""
        if self.name == "gaussian":
            noise = torch.randn(f.shape, dtype=f.dtype, device=f.device, generator=generator)
            return f + self.variance**0.5 * noise
        if self.name == "bernoulli":
            return torch.bernoulli(torch.sigmoid(f), generator=generator)
        return torch.multinomial(torch.softmax(f, 1), 1, generator=generator).squeeze(1)

    def as_outputs(self, f: Tensor) -> Tensor:
        """Outputs of a network as (B, m).

        Raises:
            InvalidEstimator: a categorical likelihood over outputs that are not (B, classes).
        """
        if not isinstance(f, Tensor):
            raise InvalidEstimator(f"the network gives a {type(f).__name__}; expected one tensor of outputs")
        if self.name == "categorical" and f.dim() != 2:
            raise InvalidEstimator(f"categorical needs outputs of shape (samples, classes), given {tuple(f.shape)}")
        if f.dim() < 2:
            raise InvalidEstimator(f"the network's outputs have shape {tuple(f.shape)}; expected (samples, outputs)")
        return f.flatten(1)

    def as_targets(self, y: Tensor, f: Tensor) -> Tensor:
        """Targets in the form that `residual` takes, checked against outputs f of shape (B, m).

        Raises:
            InvalidEstimator: wrong number, shape or range of targets.
        """
        y = y.to(f.device)
        if self.name == "categorical":
            if y.is_floating_point() or y.shape != f.shape[:1]:
                raise InvalidEstimator(
                    f"categorical targets: expected class numbers, integers of shape ({len(f)},); given {y.dtype} "
                    f"of shape {tuple(y.shape)}"
                )
            if len(y) and not (int(y.min()) >= 0 and int(y.max()) < f.shape[1]):
                raise InvalidEstimator(f"categorical targets: expected class numbers 0 to {f.shape[1] - 1}")
            return y.long()
        flat = y.flatten(1) if y.dim() > 1 else y[:, None]
        if flat.shape != f.shape:
            raise InvalidEstimator(f"targets of shape {tuple(y.shape)} do not fit outputs of shape {tuple(f.shape)}")
        flat = flat.to(f.dtype)
        if self.name == "bernoulli" and len(flat) and not bool(((flat >= 0) & (flat <= 1)).all()):
            raise InvalidEstimator("bernoulli targets: expected values between 0 and 1")
        return flat
