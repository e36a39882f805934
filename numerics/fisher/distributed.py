"""Sums over processes: each process holds a share of the samples, the mean is over all of them.

Under `torchrun` (gloo on CPU, nccl on GPU) every estimator adds its sums and counts over the default process group
before it divides. Processes that hold the same samples get the same answer as one process; `distributed=False`
switches it off.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def is_active() -> bool:
    """Whether this process is one of several in an initialised process group."""
    d = torch.distributed
    return d.is_available() and d.is_initialized() and d.get_world_size() > 1


def shard(samples: Tensor) -> Tensor:
    """This process's share of the samples.

    Every world-size-th one, from its rank on; all of them in a single process.
    """
    if not is_active():
        return samples
    return samples[torch.distributed.get_rank() :: torch.distributed.get_world_size()]


def add_up(sums: Mapping[str, Tensor], count: int, distributed: bool) -> tuple[dict[str, Tensor], int]:
    """Sums and count over all processes (one collective call for all of them)."""
    if not (distributed and is_active()):
        return dict(sums), count
    names = sorted(sums)
    device = sums[names[0]].device if names else torch.device("cpu")
    pieces = [sums[n].double().flatten() for n in names]
    flat = torch.cat([*pieces, torch.tensor([count], dtype=torch.float64, device=device)])
    torch.distributed.all_reduce(flat)
    parts = flat[:-1].split([p.numel() for p in pieces]) if pieces else ()
    return {n: p.reshape(sums[n].shape) for n, p in zip(names, parts)}, round(flat[-1].item())
