"""numerics: kernels from symbols, Fokker-Planck solvers, Langevin ensembles, Fisher metrics of networks, pruning.

Loaded piece by piece at first use: `import numerics` imports neither numba nor torch.
"""

from __future__ import annotations

import importlib
from typing import Any

# name -> module that defines it
_HOME = {
    "compile": "numerics.codegen",
    "CompiledFunction": "numerics.codegen",
    "generate_solver": "numerics.codegen.standalone",
    "solve": "numerics.solver",
    "steady_state": "numerics.solver",
    "mean_first_passage_time": "numerics.solver",
}
_MODULES = (
    *("autoencoder", "codegen", "figures", "fisher", "langevin", "mnist", "plots", "pruning", "spectrum", "sweep"),
    *("fixed_point", "witnesses"),
)

__all__ = [*_HOME, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"numerics.{name}")
    else:
        raise AttributeError(f"module 'numerics' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
