"""Rows of the pruning experiment on disk, so that an interrupted run goes on where it was.

Every file is written in one step, under a name made from what the rows depend on; a file that is damaged, or that
belongs to other settings, is as good as absent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from numerics.pruning.rows import Row
from symrg import __version__
from symrg.files import write_atomically

Rows = list[Row]


def fingerprint(*parts: Any) -> str:
    """A short name for networks, tensors and plain settings taken together; the same on every run."""
    digest = hashlib.sha256(__version__.encode())
    for part in parts:
        if isinstance(part, nn.Module):
            digest.update(repr(part).encode())
            digest.update(fingerprint(*part.state_dict().values()).encode())
        elif isinstance(part, Tensor):
            raw = part.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
            digest.update(f"{part.dtype}{tuple(part.shape)}".encode() + raw)
        else:
            digest.update(json.dumps(part, sort_keys=True, default=str).encode())
        digest.update(b"|")
    return digest.hexdigest()[:16]


class RowStore:
    """Rows by name in a folder; without a folder nothing is kept.

    Args:
        folder: made where it is missing; None keeps nothing.
        key: fingerprint of what all the rows depend on.
    """

    def __init__(self, folder: str | Path | None, key: str = ""):
        self._folder = None if folder is None else Path(folder)
        self._key = key

    def get(self, name: str, make: Callable[[], Sequence[Row]]) -> Rows:
        """The rows of that name: read where they are, else made and written."""
        if self._folder is None:
            return list(make())
        path = self._folder / f"{name}-{self._key}.json"
        found = _read(path)
        if found is None:
            found = list(make())
            write_atomically(path, json.dumps([asdict(r) for r in found], indent=1))
        return found


def _read(path: Path) -> Rows | None:
    try:
        rows = [Row(**r) for r in json.loads(path.read_text("utf-8"))]
    except (OSError, ValueError, TypeError):
        return None
    return rows or None
