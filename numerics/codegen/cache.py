"""Compiled kernels on disk, found by their content, shared by processes, checked before use.

The name of an entry is a digest of everything that its machine code depends on: the generated source, the signature,
the versions of Python, numba, llvmlite, SciPy and symrg, and the processor. A file starts with the digest of its
payload: one that was cut short or changed is thrown away and built again. Files are written beside their place and
moved there in one step, so that processes that build the same kernel at once do no harm to each other.

The place is the directory in `SYMRG_CACHE_DIR`, else `symrg` in `XDG_CACHE_HOME`, else `~/.cache/symrg`. Where that
cannot be written, kernels are compiled in each process, and a warning says so once. The payload is a pickle, so a
directory that another user owns or may write to is not used.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pickle
import stat
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

from symrg.files import whole_file

VARIABLE = "SYMRG_CACHE_DIR"
_MAGIC = b"symrg kernel 1\n"


class CacheWarning(UserWarning):
    """Kernels cannot be kept on disk; the message says why and how to mend it."""


def directory() -> Path:
    """Where compiled kernels are kept."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "symrg"
    except RuntimeError:  # no home
        return Path(tempfile.gettempdir()) / f"symrg-{os.getuid() if hasattr(os, 'getuid') else 'user'}"


def digest(*parts: str) -> str:
    """A name for content: SHA-256 over the parts, each with its length."""
    h = hashlib.sha256()
    for part in parts:
        data = part.encode()
        h.update(f"{len(data)}:".encode())
        h.update(data)
    return h.hexdigest()


@functools.cache
def support() -> str:
    """Digest of the kernels that generated code may contain: when one of them changes, so do all names."""
    here = Path(__file__).parent
    return digest(*((here / name).read_text(encoding="utf-8") for name in ("special.py", "foreign.py")))


_unusable: set[str] = set()


def _usable(folder: Path) -> bool:
    """Make the folder if need be; whether it can be written and belongs to us alone."""
    if str(folder) in _unusable:
        return False
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        about = folder.stat()
        if hasattr(os, "getuid") and about.st_uid not in (os.getuid(), 0):
            reason = "it belongs to another user"
        elif hasattr(os, "getuid") and about.st_mode & stat.S_IWOTH and not about.st_mode & stat.S_ISVTX:
            reason = "everyone may write to it"
        elif not os.access(folder, os.W_OK | os.X_OK):
            reason = "it cannot be written"
        else:
            return True
    except OSError as error:
        reason = error.strerror or str(error)
    _unusable.add(str(folder))
    warnings.warn(
        f"compiled kernels are not kept: {folder}: {reason}; every process compiles anew. "
        f"Set {VARIABLE} to a directory of yours.",
        CacheWarning,
        stacklevel=2,
    )
    return False


def read(name: str) -> bytes | None:
    """The payload of an entry; None where there is none, or where it is damaged (then the file is removed)."""
    path = directory() / name[:2] / name
    try:
        with open(path, "rb") as file:
            if hasattr(os, "getuid") and os.fstat(file.fileno()).st_uid not in (os.getuid(), 0):
                return None
            content = file.read()
    except OSError:
        return None
    head = len(_MAGIC) + 32
    payload = content[head:]
    if content[: len(_MAGIC)] == _MAGIC and hashlib.sha256(payload).digest() == content[len(_MAGIC) : head]:
        return payload
    with contextlib.suppress(OSError):
        path.unlink()
    return None


def write(name: str, payload: bytes) -> bool:
    """Keep a payload; whether that was possible."""
    folder = directory()
    if not _usable(folder):
        return False
    path = folder / name[:2] / name
    try:
        path.parent.mkdir(exist_ok=True, mode=0o700)
        with whole_file(path, 0o600) as temporary:
            temporary.write_bytes(_MAGIC + hashlib.sha256(payload).digest() + payload)
    except OSError as error:
        _unusable.add(str(folder))
        warnings.warn(f"compiled kernels are not kept: {path}: {error}", CacheWarning, stacklevel=2)
        return False
    return True


class KernelCache:
    """What a numba dispatcher asks before it compiles, and tells when it has compiled.

    Args:
        content: digest of the source.
        function: which function of the source.
    """

    def __init__(self, content: str, function: str):
        self._content = content
        self._function = function
        self.cache_path = str(directory())
        self.loaded = 0
        self.saved = 0

    def _name(self, signature: Any, codegen: Any) -> str:
        import llvmlite
        import numba
        import scipy

        import symrg

        versions = (sys.version, numba.__version__, llvmlite.__version__, scipy.__version__, symrg.__version__)
        return digest(self._content, support(), self._function, str(signature), repr(codegen.magic_tuple()), *versions)

    def load_overload(self, signature: Any, target: Any) -> Any:
        """The compiled function for a signature, or None."""
        from numba.core.compiler import CompileResult

        target.refresh()
        payload = read(self._name(signature, target.codegen()))
        if payload is None:
            return None
        try:
            result = CompileResult._rebuild(target, *pickle.loads(payload))  # noqa: S301 - our own file, see above
        except Exception:  # written by a build that differs in a way the name does not tell: compile anew
            return None
        self.loaded += 1
        return result

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep a compiled function."""
        from numba.core.serialize import dumps

        if compiled.library.has_dynamic_globals or any(not lifted.can_cache for lifted in compiled.lifted):
            return
        if write(self._name(signature, compiled.codegen), dumps(compiled._reduce())):
            self.saved += 1

    def flush(self) -> None:
        """Nothing is kept in memory."""

    def enable(self) -> None:
        """The cache is always on once attached."""

    def disable(self) -> None:
        """A function that is not to be cached has no such object."""
