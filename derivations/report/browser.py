"""A browser without a window: prints the report as PDF, and shows tests the page as a reader's browser sets it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from symrg.errors import SymrgError

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")


class NoBrowser(SymrgError, OSError):
    """No Chromium-like browser was found, or it did not do what it was asked."""


def find_browser() -> str | None:
    """Path of a Chromium-like browser, or None."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def print_pdf(page: str | Path, path: str | Path, timeout: float = 120.0) -> Path:
    """Print an HTML file as PDF.

    Args:
        page: the HTML file.
        path: where the PDF goes.
        timeout: seconds.

    Returns:
        The path.

    Raises:
        NoBrowser: there is none, or it made no PDF.
    """
    path = Path(path).resolve()
    run_headless(page, [f"--print-to-pdf={path}", "--no-pdf-header-footer"], timeout)
    if not path.is_file() or path.read_bytes()[:4] != b"%PDF":
        raise NoBrowser(f"the browser wrote no PDF to {path}; open the report in a browser and print it there")
    return path


def run_headless(page: str | Path, options: list[str], timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
    """Load an HTML file in a browser without a window, with a fresh profile and no network.

    Args:
        page: the HTML file.
        options: what the browser is to do, e.g. ``--dump-dom``.
        timeout: seconds.

    Returns:
        What it wrote to its outputs.

    Raises:
        NoBrowser: there is none, or it did not end in time.
    """
    browser = find_browser()
    if browser is None:
        raise NoBrowser(f"no browser found; looked for {', '.join(_NAMES)}: install one, or print from your own")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            "--no-first-run",
            "--hide-scrollbars",
            "--disable-dev-shm-usage",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={profile}",
            *(["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []),
            *options,
            Path(page).resolve().as_uri(),
        ]
        try:
            return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
        except subprocess.TimeoutExpired as error:
            raise NoBrowser(f"the browser did not end within {timeout:g} s") from error
