"""What is measured of one pruned network, as a row, and rows as labelled arrays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from numerics import autoencoder
from numerics.pruning.cut import Pruned
from symrg.errors import DataError

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True)
class Row:
    """One pruned network, measured.

    Attributes:
        rule: the saliency, or the way of integrating out.
        cutoff: below which weights were removed (for a fraction: the largest saliency removed).
        removed: weights removed.
        total: weights chosen from.
        error: mean squared error on the test images.
        relative: that over the unpruned network's.
    """

    rule: str
    cutoff: float
    removed: int
    total: int
    error: float
    relative: float


def measure(rule: str, cut: Pruned, test: Tensor, base: float) -> Row:
    """The row of one pruned network; `base` is the error of the unpruned one."""
    error = autoencoder.mean_squared_error(cut.network, test)
    return Row(rule, cut.cutoff, cut.removed, cut.total, error, error / base)


def as_table(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Rows as plain dicts, for JSON."""
    return [asdict(r) for r in rows]


def as_dataset(rows: Iterable[Row]) -> xarray.Dataset:
    """Rows as labelled arrays: `error`, `relative` and `cutoff` over (rule, removed), nan where a rule has no row.

    Raises:
        DataError: there are no rows, or they choose from different numbers of weights.
    """
    import numpy as np
    import xarray

    rows = list(rows)
    totals = {r.total for r in rows}
    if len(totals) != 1:
        raise DataError("rows: expected one or more that choose from the same number of weights, given "
                        f"{len(rows)} rows over {sorted(totals)}")  # fmt: skip
    rules, removed = list(dict.fromkeys(r.rule for r in rows)), sorted({r.removed for r in rows})
    values = {name: np.full((len(rules), len(removed)), np.nan) for name in ("error", "relative", "cutoff")}
    for row in rows:
        for name, table in values.items():
            table[rules.index(row.rule), removed.index(row.removed)] = getattr(row, name)
    total = totals.pop()
    return xarray.Dataset(
        {name: (("rule", "removed"), table) for name, table in values.items()},
        coords={"rule": rules, "removed": removed, "fraction": ("removed", np.array(removed) / total)},
        attrs={"total": total},
    )
