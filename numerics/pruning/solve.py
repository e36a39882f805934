"""Conjugate gradients in the Fisher metric, on the parameters that are still free."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from symrg.errors import SolverFailure


@dataclass(frozen=True)
class Solution:
    """What an iteration gave: the vector, the residual relative to the right-hand side, the iterations used."""

    vector: Tensor
    residual: float
    iterations: int


def conjugate_gradients(
    apply: Callable[[Tensor], Tensor],
    right: Tensor,
    precondition: Callable[[Tensor], Tensor],
    *,
    iterations: int,
    tolerance: float,
) -> Solution:
    """Solve A x = b for a symmetric positive (semi)definite A, by preconditioned conjugate gradients.

    Args:
        apply: x -> A x.
        right: b, in the range of A.
        precondition: r -> P r with P near the inverse of A, symmetric positive definite.
        iterations: at most.
        tolerance: of |b - A x| / |b| in the norm of P.

    Raises:
        SolverFailure: a value that is not finite.
    """
    x = torch.zeros_like(right)
    r = right.clone()
    z = precondition(r)
    p = z.clone()
    rz = torch.dot(r, z)
    first = rz.item()
    if first == 0:
        return Solution(x, 0.0, 0)
    count = 0
    for count in range(1, iterations + 1):
        image = apply(p)
        curvature = torch.dot(p, image)
        if not bool(curvature.isfinite()):
            raise SolverFailure(f"conjugate gradients met a value that is not finite at iteration {count}")
        if curvature.item() <= 0:  # a null direction of the metric: it costs nothing and gains nothing
            break
        step = rz / curvature
        x += step * p
        r -= step * image
        z = precondition(r)
        new = torch.dot(r, z)
        if new.item() <= tolerance**2 * first:
            rz = new
            break
        p = z + (new / rz) * p
        rz = new
    return Solution(x, max(rz.item() / first, 0.0) ** 0.5, count)
