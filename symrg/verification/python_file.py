"""Equations written in Python: a module of the user's own, which is run, with claims and derivations as attributes.

::

    from sympy import cos, sin, symbols
    from symrg import Claim, Derivation

    x = symbols("x", real=True)
    TITLE = "Trigonometry"                                     # optional
    BUDGET = 20                                                # optional: seconds for each claim
    CLAIMS = [Claim(sin(2*x), 2*sin(x)*cos(x), name="double angle")]
    DERIVATIONS = [Derivation("Pythagoras", sin(x)**2 + cos(x)**2).step(1)]

Such a file can do whatever Python can. It is run only where its user names it; nothing else that symrg reads is ever
run, whatever its name or its content.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from symrg.derivation import Derivation
from symrg.errors import InvalidFile
from symrg.verification.claim import Claim
from symrg.verification.equations_file import MOST_CLAIMS, EquationsFile

_MODULE = "symrg_user_equations"


def run_module(path: str | Path) -> EquationsFile:
    """Run a Python file and take its `CLAIMS` and `DERIVATIONS`.

    Args:
        path: of a file that ends in .py. It is run with all that this implies.

    Raises:
        InvalidFile: the file can't be read, it raises something, or its attributes aren't claims and derivations; the
            message gives the line where there is one.
    """
    file = Path(path)
    if file.suffix != ".py":
        raise InvalidFile(f"{path}: only a file whose name ends in .py is run as Python")
    if not file.is_file():
        raise InvalidFile(f"{path}: can't be read: no such file")
    module = _run(file)
    claims = _list(module, "CLAIMS", Claim, file)
    derivations = _list(module, "DERIVATIONS", Derivation, file)
    if not claims and not derivations:
        raise InvalidFile(
            f"{path}: nothing to verify; give it CLAIMS = [Claim(..), ..] or DERIVATIONS = [Derivation(..), ..]"
        )
    title, budget = getattr(module, "TITLE", file.stem), getattr(module, "BUDGET", None)
    if not isinstance(title, str):
        raise InvalidFile(f"{path}: TITLE is {title!r}; a text is needed")
    number = isinstance(budget, int | float) and not isinstance(budget, bool)
    if budget is not None and not (number and 0 < budget < float("inf")):
        raise InvalidFile(f"{path}: BUDGET is {budget!r}; a positive number of seconds is needed")
    return EquationsFile(title, claims, derivations, budget)


def _run(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(_MODULE, file)
    if spec is None or spec.loader is None:
        raise InvalidFile(f"{file}: can't be read as a Python module")
    module = importlib.util.module_from_spec(spec)
    before, writes = sys.path[:], sys.dont_write_bytecode
    sys.path.insert(0, str(file.resolve().parent))
    sys.modules[_MODULE] = module
    sys.dont_write_bytecode = True
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise InvalidFile(f"{error.filename or file}:{error.lineno or 1}: not Python: {error.msg}") from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        line = next(
            (f.lineno for f in reversed(traceback.extract_tb(error.__traceback__)) if f.filename == str(file)), 1
        )
        raise InvalidFile(f"{file}:{line}: the file raises {type(error).__name__}: {error}") from error
    finally:
        sys.path[:] = before
        sys.dont_write_bytecode = writes
        sys.modules.pop(_MODULE, None)
    return module


def _list(module: ModuleType, name: str, kind: type[Any], file: Path) -> tuple[Any, ...]:
    value = getattr(module, name, ())
    if isinstance(value, kind):
        value = (value,)
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidFile(f"{file}: {name} is of type {type(value).__name__}; a list of {kind.__name__} is needed")
    found = []
    for number, item in enumerate(value, 1):
        if number > MOST_CLAIMS:
            raise InvalidFile(f"{file}: {name} has more than {MOST_CLAIMS} entries; split the file")
        if not isinstance(item, kind):
            raise InvalidFile(
                f"{file}: {name}, entry {number}, is of type {type(item).__name__}; a {kind.__name__} is needed"
            )
        found.append(item)
    return tuple(found)
