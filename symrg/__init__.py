"""symrg: derive, verify, generate and solve, from probability models to renormalisation flows.

The conventions (signs, factors of 2, index order) are stated in `docs/conventions.md`.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# name -> module that defines it; loaded at first use, so that `import symrg` stays quick.
_HOME = {
    "StatisticalModel": "symrg.model",
    "ExponentialFamily": "symrg.exponential",
    "Manifold": "symrg.manifold",
    "FokkerPlanck": "symrg.fokker_planck",
    "Derivation": "symrg.derivation",
    "Claim": "symrg.verification",
    "verify": "symrg.verification",
    "parse": "symrg.parsing",
    "SymrgError": "symrg.errors",
    "NoClosedForm": "symrg.errors",
    "IrregularModel": "symrg.errors",
    "FormulaError": "symrg.errors",
}
_MODULES = ("bayes", "correspondence", "erg", "errors", "families")

__all__ = [*_HOME, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"symrg.{name}")
    else:
        raise AttributeError(f"module 'symrg' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


def load_ipython_extension(ipython: Any) -> None:
    """`%load_ext symrg` shows SymPy's expressions in the field's notation."""
    from symrg.typesetting.notebook import load_ipython_extension as load

    load(ipython)
