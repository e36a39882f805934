"""The pruning experiment over five seeds as it was measured, so that nobody has to wait for it.

`benchmarks/pruning.py` measures it again (about a minute of computing for each seed and network) and writes the file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from numerics.pruning.experiments import SETTINGS, with_statistics
from symrg.errors import DataError, InvalidEstimator
from symrg.files import write_atomically

if TYPE_CHECKING:
    import xarray

PATH = Path(__file__).with_name("measured.json")

_VARIABLES = {"relative": ("rule", "fraction", "seed"), "unpruned": ("seed",)}


def measured(setting: str = "talk", path: str | Path = PATH) -> xarray.Dataset:
    """The stored table of `experiment(digits, setting, seeds=range(5))`, in the form that `experiment` gives.

    Args:
        setting: "talk" or "sigmoid".
        path: of the file.

    Raises:
        InvalidEstimator: an unknown setting.
        DataError: the file is missing or damaged, or lacks the setting.
    """
    import xarray

    if setting not in SETTINGS:
        raise InvalidEstimator(f"setting {setting!r}: expected one of {', '.join(SETTINGS)}")
    try:
        stored = json.loads(Path(path).read_text("utf-8"))[setting]
        data = xarray.Dataset(
            {name: (dims, stored[name]) for name, dims in _VARIABLES.items()},
            coords={name: stored[name] for name in ("rule", "fraction", "seed")},
            attrs=stored["attrs"],
        )
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise DataError(
            f"{path} holds no table for {setting!r} ({e}); make it anew by python benchmarks/pruning.py --write"
        ) from e
    return with_statistics(data)


def write(tables: dict[str, xarray.Dataset], path: str | Path = PATH) -> None:
    """Keep tables of `experiment`, one for each setting, as JSON."""
    content = {
        setting: {name: data[name].values.tolist() for name in (*_VARIABLES, "rule", "fraction", "seed")}
        | {"attrs": dict(data.attrs)}
        for setting, data in tables.items()
    }
    write_atomically(Path(path), json.dumps(content, indent=1) + "\n")


def as_markdown(data: xarray.Dataset) -> str:
    """Mean and standard error by rule and share removed, as a table."""
    shares = [f"{100 * f:.1f} %" for f in data.fraction.values]
    lines = ["| rule | " + " | ".join(shares) + " |", "|---" * (len(shares) + 1) + "|"]
    for rule in data.rule.values:
        part = data.sel(rule=rule)
        cells = [f"{m:.3f} ± {e:.3f}" for m, e in zip(part["mean"].values, part.standard_error.values)]
        lines.append(f"| {rule} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
