"""Fisher metrics of networks: diagonal, blocks, Kronecker factors, full matrix, matrix-free products, symbolic.

Conventions: the sum over outputs and the mean over samples; the true Fisher metric is J^T H J with the H of
`likelihood.py`.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "diagonal": "numerics.fisher.closed_form",
    "diagonal_monte_carlo": "numerics.fisher.monte_carlo",
    "FisherOperator": "numerics.fisher.products",
    "FisherMatrix": "numerics.fisher.dense",
    "full": "numerics.fisher.dense",
    "blocks": "numerics.fisher.dense",
    "unit_blocks": "numerics.fisher.dense",
    "kronecker": "numerics.fisher.factored",
    "KroneckerFactors": "numerics.fisher.factored",
    "Likelihood": "numerics.fisher.likelihood",
    "network_metric": "numerics.fisher.symbolic",
    "explain_zeros": "numerics.fisher.zeros",
}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'numerics.fisher' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
