"""Files that are either whole or not there."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from symrg.errors import SymrgError


class NotWritten(SymrgError, OSError):
    """A file could not be written; the message names it and the cause."""


def write_atomically(path: str | Path, data: str | bytes) -> Path:
    """Write a file in one step: to a temporary one beside it, which then takes its name.

    A process that is killed at any moment leaves the old file or the new one, never a part.

    Args:
        path: where to; missing folders are made.
        data: text (written as UTF-8) or bytes.

    Returns:
        The path.

    Raises:
        NotWritten: no permission, no space, or a folder that is a file.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data.encode("utf-8") if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise NotWritten(
            f"cannot write {path}: {error.strerror or error}; choose another folder or free space"
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
    return path


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
