"""Kernels on disk: found by content in another process, checked, shared, and done without where need be."""

import os
import subprocess
import sys
import warnings

import pytest
import sympy as sp

import numerics
from numerics.codegen import cache

PROGRAM = """
import sympy as sp, numerics
x, y = sp.symbols("{names}", real=True)
f = numerics.compile(sp.besseli(0, x) * sp.exp(-y) + sp.digamma(x * y), (x, y))
value = f(1.5, 2.5)
evaluate = f._function("evaluate")
print(repr(value), evaluate._cache.loaded, evaluate._cache.saved)
"""


def run(folder, names="x y", **environment):
    environment = {**os.environ, cache.VARIABLE: str(folder), **environment}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(names=names)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    value, loaded, saved = done.stdout.split()
    return float(value), int(loaded), int(saved), done.stderr


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kernels")
    return folder, run(folder)


def test_a_second_process_does_not_compile(filled):
    folder, (value, loaded, saved, _) = filled
    assert (loaded, saved) == (0, 1)
    # other names for the symbols are the same content
    again = run(folder, names="p q")
    assert again[:3] == (value, 1, 0)


def test_damage_is_seen_and_repaired(filled):
    folder, (value, *_) = filled
    entries = [p for p in folder.rglob("*") if p.is_file()]
    assert entries
    for path in entries:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(bytes(content))
    assert run(folder)[:3] == (value, 0, 1)
    for path in folder.rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:100])
    assert run(folder)[:3] == (value, 0, 1)
    assert run(folder)[:3] == (value, 1, 0)


def test_two_processes_fill_it_at_once(tmp_path):
    environment = {**os.environ, cache.VARIABLE: str(tmp_path)}
    command = [sys.executable, "-c", PROGRAM.format(names="x y")]
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [p.communicate(timeout=240)[0].split()[0] for p in both]
    assert outputs[0] == outputs[1]
    assert [p.returncode for p in both] == [0, 0]
    assert not list(tmp_path.rglob(".new-*"))
    assert run(tmp_path)[1:3] == (1, 0)


def test_where_nothing_can_be_kept_it_compiles_and_says_so(tmp_path):
    blocked = tmp_path / "a file, not a folder"
    blocked.write_text("")
    _, loaded, saved, text = run(blocked)
    assert (loaded, saved) == (0, 0)
    assert text.count("compiled kernels are not kept") == 1
    assert cache.VARIABLE in text


def test_the_place_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv(cache.VARIABLE, raising=False)
    assert cache.directory() == tmp_path / "xdg" / "symrg"
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "own"))
    assert cache.directory() == tmp_path / "own"
    monkeypatch.delenv(cache.VARIABLE)
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.directory() == tmp_path / ".cache" / "symrg"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="permissions are POSIX's")
def test_a_folder_that_everyone_may_write_to_is_not_trusted(monkeypatch, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    monkeypatch.setenv(cache.VARIABLE, str(shared))
    with pytest.warns(cache.CacheWarning, match="everyone may write"):
        assert not cache.write("ab" + "0" * 62, b"payload")
    (shared / "ab").mkdir()
    assert not list((shared / "ab").iterdir())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not cache.write("ab" + "0" * 62, b"payload")  # said once


def test_entries_are_read_back_and_verified(monkeypatch, tmp_path):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    name = cache.digest("a", "bc")
    assert name != cache.digest("ab", "c")
    assert cache.read(name) is None
    assert cache.write(name, b"payload")
    assert cache.read(name) == b"payload"
    path = tmp_path / name[:2] / name
    path.write_bytes(path.read_bytes() + b"!")
    assert cache.read(name) is None
    assert not path.exists()


def test_the_cache_can_be_left_out(monkeypatch, tmp_path):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    x = sp.Symbol("x")
    assert numerics.compile(x**2 + 17, x, cache=False)(2.0) == 21.0
    assert not list(tmp_path.iterdir())
