"""The houses and who may know whom, and what `import symrg` costs."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOUSES = ("symrg", "numerics", "derivations")  # each may import those before it
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "misc", "manager", "common"}
HEAVY = ("numba", "torch", "torchvision", "xarray", "matplotlib", "scipy", "numpy", "jinja2", "rich", "click")


def modules(house):
    found = sorted((ROOT / house).rglob("*.py"))
    assert found, f"no modules in {house}"
    return found


def imported(path):
    """Top-level names of every import in a file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name.split(".")[0], node.lineno
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").split(".")[0], node.lineno


def against_the_arrow(house, path):
    above = set(HOUSES[HOUSES.index(house) + 1 :])
    return [f"{path}:{line} imports {name}" for name, line in imported(path) if name in above]


@pytest.mark.parametrize("house", HOUSES)
def test_imports_follow_the_arrow(house):
    assert [e for path in modules(house) for e in against_the_arrow(house, path)] == []


def test_an_import_against_the_arrow_is_seen(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text("def f():\n    from numerics.solver import solve\n    return solve\n")
    assert against_the_arrow("symrg", wrong) == [f"{wrong}:2 imports numerics"]


def test_symrg_knows_no_numerics_library():
    for path in modules("symrg"):
        for name, line in imported(path):
            assert name not in {"numba", "torch", "scipy", "xarray", "matplotlib"}, f"{path}:{line} imports {name}"


@pytest.mark.parametrize("house", HOUSES)
def test_modules_are_named_for_their_subject(house):
    assert [p for p in modules(house) if p.stem in FORBIDDEN_NAMES] == []


def test_import_symrg_loads_neither_sympy_s_peers_nor_anything_heavy():
    code = "import sys, json, symrg; print(json.dumps(sorted(m.split('.')[0] for m in sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert set(loaded) & set(HEAVY) == set()


@pytest.mark.parametrize("name", ["StatisticalModel", "FokkerPlanck", "verify", "families", "bayes", "erg"])
def test_public_names_need_nothing_heavy_either(name):
    code = f"import sys, json, symrg; symrg.{name}; print(json.dumps(sorted(m.split('.')[0] for m in sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert set(loaded) & {"numba", "torch", "xarray", "matplotlib", "scipy"} == set()


def test_no_text_of_a_user_is_executed():
    """eval, exec and sympify of text: exec stands in one module of the code generator, on text that it wrote."""
    allowed = {"numerics/codegen/definition.py"}
    for house in HOUSES:
        for path in modules(house):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec"}:
                    assert str(path.relative_to(ROOT)) in allowed, f"{path}:{node.lineno} calls {node.func.id}"


def test_the_stub_for_type_checkers_names_what_the_package_loads():
    import symrg

    tree = ast.parse((ROOT / "symrg" / "__init__.pyi").read_text(encoding="utf-8"))
    named = {a.asname: node.module for node in tree.body if isinstance(node, ast.ImportFrom) for a in node.names}
    assert set(named) == set(symrg.__all__)
    for name, home in named.items():
        value = getattr(symrg, name)
        assert value is (getattr(sys.modules[home], name))
