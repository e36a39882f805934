"""Packages that only some of symrg's parts need, and the extras that bring them."""

from __future__ import annotations

from collections.abc import Mapping

from symrg.errors import MissingPackage

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "numerics": ("numpy", "scipy", "numba", "xarray", "h5netcdf", "h5py", "matplotlib"),
    "torch": ("torch", "torchvision", "safetensors", "mlxtend"),
    "report": ("math_core", "jinja2"),
}
"""Extra -> the packages that it brings, by the names under which they are imported."""

_OURS = ("symrg", "numerics", "derivations")


def missing_package(error: BaseException | None) -> MissingPackage | None:
    """What to install so that an import error goes away; None where the error is another, or a module of ours is gone.

    Args:
        error: that was caught; the errors that caused it are looked at too.
    """
    while error is not None:
        if isinstance(error, ModuleNotFoundError) and error.name:
            package = error.name.split(".")[0]
            if package not in _OURS:
                return MissingPackage(f"this needs {package}, which is not installed: {how_to_get(package)}")
        error = error.__cause__
    return None


def how_to_get(package: str) -> str:
    """The command that installs a package, by the extra that brings it where there is one."""
    extra = next((extra for extra, brought in EXTRAS.items() if package in brought), None)
    return f"pip install 'symrg[{extra}]'" if extra else f"pip install {package}"
