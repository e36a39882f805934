"""Every place where text or a file could be run, by a walk over the source: a short list, each with its reason."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOUSES = ("symrg", "numerics", "derivations")
# (file, what) -> why it may stand there
ALLOWED = {
    ("numerics/codegen/definition.py", "exec"): "text that the code generator wrote, in names of its own",
    ("numerics/codegen/cache.py", "pickle.loads"): "kernels that this user wrote: folder and files are his alone",
    ("symrg/verification/python_file.py", "exec_module"): "a .py file that the user names to be run",
    ("symrg/verification/other_system.py", "subprocess.Popen"): "Maxima, without a shell, in an empty folder",
    ("derivations/report/browser.py", "subprocess.run"): "a browser, without a shell, on a page of ours",
    ("symrg/budget.py", "ctypes"): "an exception in a thread whose time is up",
    ("numerics/codegen/foreign.py", "ctypes"): "addresses of SciPy's kernels",
    ("numerics/__init__.py", "import_module"): "names of a table in the same file",
    ("numerics/fisher/__init__.py", "import_module"): "names of a table in the same file",
    ("numerics/pruning/__init__.py", "import_module"): "names of a table in the same file",
    ("numerics/codegen/quotation.py", "import_module"): "names of functions of ours that a module quotes",
    ("symrg/__init__.py", "import_module"): "names of a table in the same file",
    ("derivations/main_job.py", "import_module"): "the chapters, a list in the same file",
    ("derivations/examination.py", "import_module"): "the chapters",
    ("numerics/codegen/definition.py", "compile of source"): "the same text",
    ("symrg/lambdified.py", "lambdify"): "names of ours for all symbols; undefined functions are refused",
    ("symrg/expectation/numeric.py", "lambdify"): "likewise, with kernels of ours",
    ("symrg/expectation/confirm.py", "lambdify"): "a Hermite polynomial",
    ("symrg/expectation/proven.py", "sympify without strict"): "a factor that it made itself",
}
CALLS = {"eval", "exec", "__import__", "breakpoint", "input"}
METHODS = {"exec_module", "import_module", "lambdify", "parse_expr", "load_module"}
DOTTED = {
    *(f"pickle.{n}" for n in ("load", "loads", "Unpickler")),
    *(f"subprocess.{n}" for n in ("run", "Popen", "call", "check_call", "check_output")),
    "torch.load",
    "marshal.loads",
    "yaml.load",
    "shelve.open",
    "runpy.run_path",
    "os.execv",
    "os.popen",
    "os.system",
    "subprocess.getoutput",
    "joblib.load",
}
MODULES = {"ctypes", "marshal", "shelve", "yaml", "dill", "joblib", "cloudpickle", "code", "codeop", "runpy", "socket"}
MODULES |= {"urllib", "requests", "http", "ftplib", "webbrowser", "telnetlib"}


def doors(tree):
    """(line, what) of every door in a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, a.name.split(".")[0]) for a in node.names if a.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").split(".")[0] in MODULES:
            yield node.lineno, (node.module or "").split(".")[0]
        elif isinstance(node, ast.Attribute) and node.attr in ("__subclasses__", "__globals__", "__builtins__"):
            yield node.lineno, node.attr
        if not isinstance(node, ast.Call):
            continue
        for keyword in node.keywords:
            given = getattr(keyword.value, "value", None)
            if keyword.arg in ("shell", "allow_pickle") and given is not False:
                yield node.lineno, f"{keyword.arg}={given}"
        name = ast.unparse(node.func) if isinstance(node.func, ast.Name | ast.Attribute) else ""
        last = name.rsplit(".", 1)[-1]
        if name in CALLS or name in DOTTED:
            yield node.lineno, name
        elif last in METHODS and not name.startswith("self."):
            yield node.lineno, last
        elif last == "compile" and name.split(".")[0] in ("builtins", "compile") and len(node.args) == 3:
            yield node.lineno, "compile of source"
        elif last in ("sympify", "S") and not _strict(node):
            yield node.lineno, f"{last} without strict"
        elif (
            last == "load"
            and name.startswith(("np.", "numpy."))
            and not any(k.arg == "allow_pickle" for k in node.keywords)
        ):
            yield node.lineno, "np.load"


def _strict(node):
    """sympify(.., strict=True) refuses text; numbers of ours need none."""
    if any(k.arg == "strict" and getattr(k.value, "value", None) is True for k in node.keywords):
        return True
    return bool(node.args) and not isinstance(node.args[0], ast.Name | ast.JoinedStr)


def sources():
    for house in HOUSES:
        for path in sorted((ROOT / house).rglob("*.py")):
            yield str(path.relative_to(ROOT)), path


def found():
    for name, path in sources():
        for line, what in doors(ast.parse(path.read_text(encoding="utf-8"))):
            yield name, line, what


def test_every_door_is_on_the_list():
    unknown = [f"{name}:{line}: {what}" for name, line, what in found() if (name, what) not in ALLOWED]
    assert not unknown, unknown


def test_the_list_holds_nothing_that_is_gone():
    there = {(name, what) for name, _, what in found()}
    gone = {(name, what) for name, what in ALLOWED if (ROOT / name).exists()} - there
    assert not gone, gone


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("eval(x)", "eval"),
        ("exec(x)", "exec"),
        ("__import__(x)", "__import__"),
        ("import pickle\npickle.loads(x)", "pickle.loads"),
        ("torch.load(x)", "torch.load"),
        ("np.load(x)", "np.load"),
        ("np.load(x, allow_pickle=True)", "allow_pickle=True"),
        ("subprocess.run(x, shell=True)", "shell=True"),
        ("os.system(x)", "os.system"),
        ("sympy.sympify(text)", "sympify without strict"),
        ("sp.S(text)", "S without strict"),
        ("sp.lambdify(x, y)", "lambdify"),
        ("importlib.import_module(x)", "import_module"),
        ("import yaml", "yaml"),
        ("from ctypes import c_int", "ctypes"),
        ("x.__class__.__subclasses__()", "__subclasses__"),
    ],
)
def test_a_door_is_seen(text, what):
    assert what in {w for _, w in doors(ast.parse(text))}


def test_kernels_are_the_only_pickles():
    """No module writes or reads pickles but the kernel cache, and processes of ours through their executor."""
    named = {
        name for name, path in sources() if "pickle" in path.read_text(encoding="utf-8").replace("allow_pickle", "")
    }
    assert "numerics/codegen/cache.py" in named
    for name in named - {"numerics/codegen/cache.py"}:
        tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
        assert not any(w.startswith("pickle") for _, w in doors(tree))
        imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        assert "pickle" not in imported
