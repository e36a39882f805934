"""Stand-alone solvers: the numbers of the library, on NumPy and numba alone, whatever symbols are called."""

import ast
import importlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import sympy as sp

import numerics
from numerics.codegen.standalone import generate_solver, solver_source
from symrg.errors import InvalidGrid, UnsupportedExpression
from symrg.fokker_planck import FokkerPlanck

x, y, t = sp.symbols("x y t", real=True)
k, D, m = sp.symbols("k D m", positive=True)
NORMAL = sp.exp(-2 * (x - m) ** 2) * sp.sqrt(2 / sp.pi)
PLANE = sp.exp(-((x - m) ** 2) - y**2) / sp.pi
VALUES = {k: 1.25, D: 0.5, m: 0.75}
# name: (equation, arguments of solve)
CASES = {
    "exponential": (
        FokkerPlanck((x,), [-k * x], [[D]], t),
        {"domain": {x: (-6, 6)}, "shape": 60, "initial": NORMAL, "times": [0.25, 1.0]},
    ),
    "magnus": (
        FokkerPlanck((x,), [sp.sin(2 * t) - k * x**3], [[D * (1 + sp.tanh(x) ** 2)]], t),
        {
            "domain": {x: (-4, 4)},
            "shape": 60,
            "initial": NORMAL,
            "times": [0.5],
            "boundary": {x: ("absorbing", "reflecting")},
        },
    ),
    "cross": (
        FokkerPlanck((x, y), [-k * x + y, -y - x], [[1 + x**2 / 9, D / 3], [D / 3, D]], t),
        {"domain": {x: (-5, 5), y: (-4, 4)}, "shape": (30, 24), "initial": PLANE, "times": [0.1]},
    ),
    "kramers": (
        FokkerPlanck((x, y), [y, -k * x - y], sp.diag(0, D), t),
        {"domain": {x: (-5, 5), y: (-5, 5)}, "shape": (30, 30), "initial": PLANE, "times": [0.1]},
    ),
}
RUNNER = """
import importlib, json, sys
sys.path.insert(0, {folder!r})
out = {{}}
for name in {names!r}:
    module = importlib.import_module(name)
    centres, densities, attributes = module.solve()
    out[name] = densities.tolist()
    loaded = sorted(n for n in ("sympy", "scipy", "symrg", "numerics", "xarray") if n in sys.modules)
print(json.dumps([loaded, out]))
"""


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("modules")
    for name, (equation, arguments) in CASES.items():
        state = arguments["initial"]
        used = {s: v for s, v in VALUES.items() if s in equation.parameters or s in state.free_symbols}
        generate_solver(equation, folder / f"{name}.py", parameters=used, **arguments)
    numbers = {}
    # one module compiled, the others as plain Python: to compile them all takes half a minute
    for names, plain in ((["exponential"], "0"), ([n for n in CASES if n != "exponential"], "1")):
        program = RUNNER.format(folder=str(folder), names=names)
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "NUMBA_DISABLE_JIT": plain, "PYTHONPATH": ""},
            capture_output=True,
            text=True,
            timeout=280,
            cwd=folder,
        )
        assert done.returncode == 0, done.stderr
        loaded, found = json.loads(done.stdout)
        numbers.update(found)
    return folder, loaded, numbers


@pytest.mark.parametrize("name", CASES)
def test_it_gives_the_numbers_of_the_library(generated, name):
    equation, arguments = CASES[name]
    arguments = dict(arguments)
    used = {s: v for s, v in VALUES.items() if s in equation.parameters or s in arguments["initial"].free_symbols}
    domain, shape, initial, times = (arguments.pop(a) for a in ("domain", "shape", "initial", "times"))
    library = numerics.solve(equation, domain, shape, initial, times, parameters=used, scheme="positive", **arguments)
    alone = np.array(generated[2][name])
    assert alone.shape == library.shape
    assert np.abs(alone - library.values).max() <= 1e-13 * library.values.max()
    other = numerics.solve(
        equation, domain, shape, initial, times, parameters={**used, k: 1.3}, scheme="positive", **arguments
    )
    assert np.abs(alone - other.values).max() > 1e-5 * library.values.max()  # a parameter's fourth digit shows


def test_numpy_and_numba_are_enough(generated):
    folder, loaded, _ = generated
    assert [n for n in loaded if n != "scipy"] == []  # numba itself loads SciPy where it is installed
    for name in CASES:
        tree = ast.parse((folder / f"{name}.py").read_text())
        roots = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                roots |= {a.name.split(".")[0] for a in node.names}
            elif isinstance(node, ast.ImportFrom):
                roots.add(str(node.module).split(".")[0])
        assert roots - set(sys.stdlib_module_names) == {"numpy", "numba"}


def test_it_runs_as_a_program_and_reads_well(generated):
    folder, _, _ = generated
    done = subprocess.run([sys.executable, "exponential.py"], capture_output=True, text=True, timeout=280, cwd=folder)
    assert done.returncode == 0, done.stderr
    mean = float(done.stdout.splitlines()[-2].split("mean ")[1].split(",")[0])
    assert mean == pytest.approx(0.75 * np.exp(-1.25), abs=1e-2)
    text = (folder / "exponential.py").read_text()
    doc = ast.get_docstring(ast.parse(text))
    assert r"\frac{\partial" in doc or r"\partial" in doc
    assert "def solve(" in text
    assert all(len(line) <= 140 for line in text.splitlines() if "Component(" not in line and "\\" not in line)


def test_the_signature_takes_other_values(generated):
    folder, _, _ = generated
    sys.path.insert(0, str(folder))
    try:
        module = importlib.import_module("exponential")
    finally:
        sys.path.remove(str(folder))
    (centres,), densities, attributes = module.solve(k=2.0, m=1.0, times=[0.5], shape=(80,), domain=((-5.0, 5.0),))
    assert densities.shape == (1, 80)
    assert (densities * centres).sum() * 10 / 80 == pytest.approx(np.exp(-1.0), abs=5e-3)
    assert attributes["steps"] > 0
    with pytest.raises(module.InvalidState, match="shape"):
        module.solve(initial=np.ones(3))
    with pytest.raises(ValueError, match="finite"):
        module.solve(k=float("nan"))


HOSTILE = [
    '"""; import os; os.environ["SYMRG_HOSTILE"] = "1"; """',
    "k); import os  # ",
    "trailing\\",
    "two\nlines",
    "solve",
    "class",
    "{k}",
    "ключ",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name):
    s = sp.Symbol(name, positive=True)
    text = solver_source(
        FokkerPlanck((x,), [-s * x], [[D]], t),
        domain={x: (-4, 4)},
        shape=16,
        initial=NORMAL,
        parameters={m: 1},
        times=[1],
    )
    tree = ast.parse(text)
    assert isinstance(tree.body[1], ast.ImportFrom)  # the docstring ends where it should
    imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    assert "os" not in imported
    function = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "solve")
    assert any(a.arg.startswith("symbol_") for a in function.args.kwonlyargs)
    # the hostile name stands nowhere but in strings
    code = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} | {
        n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)
    }
    assert name == "solve" or name not in code


def test_what_cannot_stand_alone_is_refused(tmp_path):
    with pytest.raises(UnsupportedExpression, match="SciPy"):
        generate_solver(
            FokkerPlanck((x,), [-sp.digamma(2 + x**2)], [[1]], t), tmp_path / "a.py", domain={x: (-1, 1)}, shape=16
        )
    with pytest.raises(InvalidGrid, match="infinite"):
        generate_solver(
            FokkerPlanck((x,), [-x], [[1]], t),
            tmp_path / "a.py",
            domain={x: (-sp.oo, sp.oo)},
            shape=64,
            initial=NORMAL.subs(m, 0),
        )
    assert not list(tmp_path.iterdir())


def test_without_an_initial_state_one_is_asked_for():
    text = solver_source(FokkerPlanck((x,), [-k * sp.sinh(x)], [[1]], t), domain={x: (-3, 3)}, shape=32)
    assert "give initial" in text
    assert "def bump" in text
