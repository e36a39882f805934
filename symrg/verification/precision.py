"""The working precision of ball arithmetic, set for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flint import ctx


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Work at this many bits, then as before."""
    before = ctx.prec
    ctx.prec = max(int(bits), 32)
    try:
        yield
    finally:
        ctx.prec = before
