"""Pruning as renormalisation: saliencies, cuts, Wilsonian shells, spectra, whole units, and the experiment."""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "prune": "numerics.pruning.cut",
    "Pruned": "numerics.pruning.cut",
    "saliency": "numerics.pruning.saliencies",
    "integrate_out": "numerics.pruning.shells",
    "Shell": "numerics.pruning.shells",
    "retrain": "numerics.pruning.retraining",
    "spectral_cut": "numerics.pruning.spectral",
    "rotated": "numerics.pruning.spectral",
    "remove_units": "numerics.pruning.structured",
    "unit_costs": "numerics.pruning.structured",
    "Row": "numerics.pruning.rows",
    "as_dataset": "numerics.pruning.rows",
    "as_table": "numerics.pruning.rows",
    "sweep": "numerics.pruning.experiments",
    "experiment": "numerics.pruning.experiments",
    "measured": "numerics.pruning.five_seeds",
    "run_seed": "numerics.pruning.experiments",
}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'numerics.pruning' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
