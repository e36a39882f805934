"""TOML of unknown origin: read with a bound on its size and its nesting, and with the line of what is wrong.

Python's reader needs time and memory with the square of the length of a dotted key, recurses into brackets, and reads
a device that never ends; none of that is left to the author of a file.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from symrg.errors import InvalidFile

MOST_BYTES = 4_000_000
MOST_PARTS = 30
"""Of a dotted key."""

_PART = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')"""
_DOTTED = re.compile(rf"(?<![\w-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{MOST_PARTS}}}")
_DIGITS = re.compile(r"[0-9]{4000,}")


def text_of(path: str | Path, most: int = MOST_BYTES) -> str:
    """The UTF-8 text of a file, at most `most` bytes of it being read.

    Raises:
        InvalidFile: no such file, not readable, too large, or not UTF-8 text.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise InvalidFile(f"{path}: can't be read: {error.strerror or error}; give the path of a file") from None
    except (ValueError, TypeError) as error:
        raise InvalidFile(f"{path!r:.80}: not a file name: {error}") from None
    if len(content) > most:
        raise InvalidFile(f"{path}: more than {most} bytes; split the file, or give another")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InvalidFile(f"{path}:{line}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def table_of(text: str, name: str) -> dict[str, Any]:
    """The table that TOML text denotes; `name` stands before the line in messages.

    Raises:
        InvalidFile: it isn't TOML, nests too deeply, or has a number with thousands of digits.
    """
    dotted = _DOTTED.search(text)
    if dotted is not None:
        line = text.count("\n", 0, dotted.start()) + 1
        raise InvalidFile(f"{name}:{line}: a key of more than {MOST_PARTS} parts; use short ones")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        place = match[1] if match else text.count("\n") + 1
        reason = re.sub(r" \(at .*\)$", "", str(error))
        raise InvalidFile(f"{name}:{place}: not TOML: {reason}; formulas and names stand between quotes") from None
    except RecursionError:
        raise InvalidFile(f"{name}:1: not TOML: nested too deeply") from None
    except ValueError:
        line = next((k for k, row in enumerate(text.splitlines(), 1) if _DIGITS.search(row)), 1)
        raise InvalidFile(f"{name}:{line}: a number with thousands of digits; put it into quotes") from None
