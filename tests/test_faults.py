"""Killed at many points, without space or permission: nothing half-written, and the next run gives the same numbers."""

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from symrg.errors import SymrgError
from symrg.files import NotWritten, whole_file, write_atomically

ROOT_ONLY = ("numba", "torch")
needs_all = pytest.mark.skipif(any(importlib.util.find_spec(n) is None for n in ROOT_ONLY), reason="the extra `all`")

# Each program defines `job(folder)`, which writes there and returns numbers. A driver runs it in forks of one process;
# "before 2" kills itself when the second file is about to take its name, "after 2" when it has.
TRAINING = """
import torch
from numerics.autoencoder import sigmoid_network, train
def job(folder):
    x = torch.rand(40, 12, generator=torch.Generator().manual_seed(1))
    net = sigmoid_network(3, latent=40, pixels=12)
    train(net, x, steps=24, batch_size=8, every=6, checkpoint=folder / "run.safetensors")
    return [p.double().sum().item() for p in net.parameters()]
"""
SWEEP = """
import concurrent.futures, h5netcdf, sympy as sp, xarray, numpy as np
from symrg import FokkerPlanck
from numerics.sweep import sweep
def task(equation, parameters, **rest):
    return xarray.DataArray(np.sin(parameters["a"] * np.arange(5000.0)), dims="x", name="density")
def job(folder):
    x, a = sp.symbols("x a", real=True)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        cases = [{"parameters": {"a": k}} for k in range(4)]
        found = sweep(FokkerPlanck(x, -a * x, 1), cases, store=folder, executor=pool, task=task)
    return [float(v.sum()) for v in found.values]
"""
KERNELS = """
import sympy as sp, numerics
from numerics.codegen import cache, compiled
def warm():
    numerics.compile(sp.cos(sp.Symbol("x", real=True)), (sp.Symbol("x", real=True),), cache=False)(0.5)
def job(folder):
    os.environ["SYMRG_CACHE_DIR"] = str(folder)
    x = sp.Symbol("x", real=True)
    return [numerics.compile(e, (x,))(0.5) for e in (sp.sin(x) + x**3, sp.exp(-x) * x)]
"""
REPORT = """
from symrg.files import write_atomically
def job(folder):
    for name in ("ledger.json", "index.html", "derivations.tex"):
        write_atomically(folder / name, name * 50_000)
    return [3]
"""
DRIVER = """
count, replace = 0, os.replace
def killing(when, at):
    def replacing(source, target, **options):
        global count
        count += 1
        if when == "before" and count == at:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target, **options)
        if when == "after" and count == at:
            os.kill(os.getpid(), signal.SIGKILL)
    return replacing
def forked(folder, when="never", at=0):
    folder.mkdir(exist_ok=True)
    result = folder.parent / "result.json"
    result.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        try:
            os.replace = killing(when, at)
            result.write_text(json.dumps(job(folder)))
        finally:
            os._exit(0)
    status = os.waitpid(child, 0)[1]
    sizes = {str(p.relative_to(folder)): p.stat().st_size for p in folder.rglob("*") if p.is_file()}
    return {"status": status, "files": sizes, "numbers": json.loads(result.read_text()) if result.exists() else None}
base = Path(sys.argv[1])
globals().get("warm", lambda: job(base.parent / "warm"))()  # what the forks need is loaded once
found = {"clean": forked(base / "clean"), "points": []}
for k in range(1, int(sys.argv[2]) + 1):
    for when in ("before", "after"):
        folder = base / f"{when}{k}"
        found["points"].append([forked(folder, when, k), forked(folder)])
print(json.dumps(found))
"""
HEAD = "import json, os, signal, sys\nfrom pathlib import Path\n"
PROGRAMS = {"training": (TRAINING, 4), "sweep": (SWEEP, 4), "kernels": (KERNELS, 2), "report": (REPORT, 3)}


def run(program, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-c", HEAD + program, *map(str, arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=280,
    )


@needs_all
@pytest.mark.parametrize("name", PROGRAMS)
def test_killed_at_every_write_leaves_nothing_half_written(name, tmp_path):
    """A folder is killed at the first write, another at the second, and so on, before and after the file is named."""
    program, writes = PROGRAMS[name]
    (tmp_path / "runs").mkdir()
    (tmp_path / "warm").mkdir()
    done = run(program + DRIVER, tmp_path / "runs", writes)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    clean = found["clean"]
    assert clean["files"]
    assert clean["numbers"]
    assert len(found["points"]) == 2 * writes
    for killed, again in found["points"]:
        assert killed["status"] == signal.SIGKILL  # the control: it was killed
        assert killed["numbers"] is None
        whole = {k: v for k, v in killed["files"].items() if not k.endswith(".part")}
        assert whole.items() <= clean["files"].items()  # whole, or not there
        assert again["numbers"] == clean["numbers"]  # the next run gives the same numbers
        assert again["files"] == clean["files"]  # and leaves nothing beside


def test_leftovers_of_the_living_are_left(tmp_path):
    with whole_file(tmp_path / "a.txt") as mine:
        write_atomically(tmp_path / "a.txt", "other")
        assert mine.exists()
        mine.write_text("mine")
    assert (tmp_path / "a.txt").read_text() == "mine"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_an_error_in_the_block_leaves_the_old_file(tmp_path):
    write_atomically(tmp_path / "a.txt", "old")
    with contextlib.suppress(KeyError), whole_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
        raise KeyError
    assert (tmp_path / "a.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


FULL = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
"""


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "folder/../../x/" * 300])
def test_names_that_cannot_be_are_refused(name, tmp_path):
    with pytest.raises(NotWritten):
        write_atomically(tmp_path / name, "text")
    assert os.listdir(tmp_path) in ([], ["folder"])


def test_a_link_is_replaced_and_not_followed(tmp_path):
    outside, link = tmp_path / "outside", tmp_path / "out" / "report.html"
    outside.write_text("kept")
    link.parent.mkdir()
    link.symlink_to(outside)
    write_atomically(link, "report")
    assert outside.read_text() == "kept"
    assert not link.is_symlink()


@needs_all
@pytest.mark.parametrize("name", ["training", "sweep", "report"])
def test_a_full_disk_is_one_clear_error(name, tmp_path):
    done = run(PROGRAMS[name][0] + FULL + "job(Path(sys.argv[1]))", tmp_path)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "NotWritten" in last or "DataError" in last, last
    assert "cannot write" in last or "can't be written" in last, last
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


@needs_all
def test_without_space_or_a_home_kernels_are_compiled_and_that_is_said(tmp_path):
    home = tmp_path / "home"
    home.write_text("a file")
    code = KERNELS + FULL + "print(json.dumps([job(Path(a)) for a in sys.argv[1:]]))"
    done = run(code, tmp_path / "full", home / "cache")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("compiled kernels are not kept") == 2
    for numbers in json.loads(done.stdout):
        assert numbers == pytest.approx([0.604425538604203, 0.3032653298563167])


def test_a_folder_of_the_system_gives_one_line():
    for path in ("/proc/symrg/ledger.json", "/dev/null/ledger.json"):
        with pytest.raises(NotWritten, match="choose another folder") as caught:
            write_atomically(path, "text")
        assert isinstance(caught.value, SymrgError)
        assert "\n" not in str(caught.value)


def test_two_processes_write_one_file(tmp_path):
    code = "from symrg.files import write_atomically\nfor k in range(30):\n    write_atomically(a, b * 100_000)"
    code = f"import sys\na, b = sys.argv[1:]\n{code}"
    both = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "f"), c]) for c in "ab"]
    deadline = time.monotonic() + 200
    while any(p.poll() is None for p in both) and time.monotonic() < deadline:
        if (tmp_path / "f").exists():
            text = (tmp_path / "f").read_text()
            assert len(text) == 100_000
            assert len(set(text)) == 1
        time.sleep(0.01)
    assert [p.wait(60) for p in both] == [0, 0]
    assert os.listdir(tmp_path) == ["f"]
