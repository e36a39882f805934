"""Running generated source: the one place where that happens.

The source is made of names, operators and double literals that the generators of this package chose (`source.py`,
`langevin.py`), and of functions of our own quoted verbatim. Nothing that a user wrote, a symbol's name least of all, is
part of it.
"""

from __future__ import annotations

import builtins
import linecache
from collections.abc import Sequence
from typing import Any

from numerics.codegen.cache import KernelCache, digest


def define(source: str, names: Sequence[str], cache: bool) -> dict[str, Any]:
    """The functions that a generated source defines, as numba dispatchers with the disk cache attached.

    Args:
        source: a module's text from a generator of this package.
        names: the functions to compile, each after those it calls.
        cache: whether their machine code is kept on disk.
    """
    import numba

    content = digest(source)
    filename = f"<symrg kernel {content[:16]}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    namespace: dict[str, Any] = {"__name__": __name__}
    exec(builtins.compile(source, filename, "exec"), namespace)  # noqa: S102
    functions: dict[str, Any] = {}
    for name in names:
        plain = namespace[name]
        plain.__qualname__ = f"{name}_{content[:16]}"  # machine code of different kernels must not share a name
        dispatcher = numba.njit(plain, error_model="numpy", nogil=True)
        if cache:
            dispatcher._cache = KernelCache(content, name)
        functions[name] = namespace[name] = dispatcher
    return functions
