"""Reading an argument at a point, for numbers and arrays alike.

`evaluate` is compiled for the types that it is called with. A number is the same at every point, and known to be so to
the compiler, which then computes what depends on numbers alone before the loop.
"""

from __future__ import annotations

from numba import types
from numba.extending import overload


def at(argument, i):
    """The argument at point i: the i-th element of an array, a number itself."""
    return argument[i] if hasattr(argument, "__getitem__") else argument


@overload(at)
def _at(argument, i):  # numba compares the names with their annotations
    if isinstance(argument, types.Array):
        return lambda argument, i: argument[i]
    return lambda argument, i: argument
