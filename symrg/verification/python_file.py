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

import ast
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
from symrg.verification.equations_file import LONGEST, MOST_CLAIMS, EquationsFile

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
        raise InvalidFile(f"{_place(file, 'TITLE')}: TITLE is {title!r:.60}; a text is needed")
    number = isinstance(budget, int | float) and not isinstance(budget, bool)
    if budget is not None and not (number and 0 < budget <= LONGEST):
        where = _place(file, "BUDGET")
        raise InvalidFile(f"{where}: BUDGET is {budget!r:.60}; a positive number of seconds, a day at most, is needed")
    named = [c.name for c in claims if c.name]
    twice = next((n for n in named if named.count(n) > 1), None) if len(named) > len(set(named)) else None
    if twice is not None:
        raise InvalidFile(f"{_place(file, 'CLAIMS')}: CLAIMS has two claims of the name {twice!r}; give another")
    return EquationsFile(title, claims, derivations, None if budget is None else float(budget))


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
        text = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        raise InvalidFile(f"{file}:{line}: the file raises {text}") from error
    finally:
        sys.path[:] = before
        sys.dont_write_bytecode = writes
        sys.modules.pop(_MODULE, None)
    return module


def _place(file: Path, name: str) -> str:
    """The file with the line where a name is last assigned at its top level; the file alone where it isn't."""
    try:
        body = ast.parse(file.read_bytes()).body
    except (OSError, SyntaxError, ValueError, RecursionError):
        return str(file)
    lines = [
        node.lineno
        for node in body
        for target in (node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)])
        if isinstance(target, ast.Name) and target.id == name
    ]
    return f"{file}:{lines[-1]}" if lines else str(file)


def _list(module: ModuleType, name: str, kind: type[Any], file: Path) -> tuple[Any, ...]:
    value = getattr(module, name, ())
    if isinstance(value, kind):
        value = (value,)
    where = _place(file, name) if hasattr(module, name) else str(file)
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidFile(f"{where}: {name} is of type {type(value).__name__}; a list of {kind.__name__} is needed")
    found: list[Any] = []
    try:
        for number, item in enumerate(value, 1):
            if number > MOST_CLAIMS:
                raise InvalidFile(f"{where}: {name} has more than {MOST_CLAIMS} entries; split the file")
            if not isinstance(item, kind):
                raise InvalidFile(
                    f"{where}: {name}, entry {number}, is of type {type(item).__name__}; a {kind.__name__} is needed"
                )
            found.append(item)
    except (InvalidFile, KeyboardInterrupt):
        raise
    except BaseException as error:
        text = f"{type(error).__name__}: {error}".splitlines()[0]
        raise InvalidFile(f"{where}: {name}, after {len(found)} entries, raises {text}") from error
    return tuple(found)
