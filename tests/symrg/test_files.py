"""Files are whole or not there."""

import os
import signal
import subprocess
import sys
import time

import pytest

from symrg.errors import SymrgError
from symrg.files import NotWritten, write_atomically


def test_writes_text_and_bytes_into_new_folders(tmp_path):
    path = write_atomically(tmp_path / "a" / "b.txt", "π")
    assert path.read_text(encoding="utf-8") == "π"
    assert write_atomically(path, b"\x00\x01").read_bytes() == b"\x00\x01"
    assert os.listdir(path.parent) == ["b.txt"]


def test_folder_in_the_way_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotWritten, match="file") as caught:
        write_atomically(tmp_path / "file" / "below", "text")
    assert isinstance(caught.value, SymrgError | OSError)


def test_killed_while_writing_leaves_a_whole_file(tmp_path):
    target = tmp_path / "ledger.json"
    code = (
        "import sys; from symrg.files import write_atomically\n"
        "k = 0\n"
        "while True:\n"
        "    k = (k + 1) % 10\n"
        "    write_atomically(sys.argv[1], str(k) * 2_000_000)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(target)])
    try:
        deadline = time.monotonic() + 60
        while not target.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.15)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    text = target.read_text()
    assert len(text) == 2_000_000
    assert len(set(text)) == 1
