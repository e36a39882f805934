"""Code generation: SymPy expressions to compiled kernels, and equations to stand-alone solvers."""

from __future__ import annotations

from numerics.codegen.compiled import CompiledFunction, compile

__all__ = ["CompiledFunction", "compile"]
