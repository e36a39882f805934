"""Files that are either whole or not there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import tempfile
from collections.abc import Iterator
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
    with whole_file(path) as temporary:
        temporary.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)
    return Path(path)


@contextlib.contextmanager
def whole_file(path: str | Path, mode: int = 0o666) -> Iterator[Path]:
    """A temporary file beside `path`, which takes its name when the block ends well and goes when it doesn't.

    What a killed process of this machine left beside it is removed.

    Args:
        path: where to; missing folders are made.
        mode: permissions, less the process's mask.

    Raises:
        NotWritten: an OSError in the block, or on the way there: no permission, no space, a folder that is a file.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stem = f".{path.name[:40]}."
        _remove_leftovers(path.parent, stem)
        descriptor, temporary = tempfile.mkstemp(
            dir=path.parent, prefix=f"{stem}{_machine()}-{os.getpid()}-", suffix=".part"
        )
        os.close(descriptor)
        yield Path(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, mode & ~_umask())
        os.replace(temporary, path)
    except NotWritten:
        raise
    except OSError as error:
        raise NotWritten(
            f"cannot write {path}: {error.strerror or error}; choose another folder or free space"
        ) from error
    except ValueError as error:
        if "null" not in str(error):
            raise
        raise NotWritten(f"cannot write {str(path)!r:.80}: {error}; choose another name") from error
    finally:
        if temporary is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)


def _machine() -> str:
    """A short name for this machine: on a shared disk, a process number says nothing about another's processes."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _remove_leftovers(folder: Path, stem: str) -> None:
    """Remove temporary files under a name whose process is gone."""
    pattern = re.compile(rf"{re.escape(stem)}{_machine()}-(\d+)-.*\.part")
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = pattern.fullmatch(entry.name)
            if match is not None and not _alive(int(match[1])):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
