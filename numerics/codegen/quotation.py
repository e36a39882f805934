"""Quoting the library's own code: definitions and all they need, from several modules, as one text.

Starting from some definitions, everything they refer to is gathered from the modules of this project, verbatim, in an
order in which it can be run. Annotations are not followed (quoted modules postpone them), and methods that import
something beyond NumPy and numba are left out of quoted classes. Two definitions of one name get the module's name in
front.
"""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import inspect
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

OURS = ("numerics", "symrg")
FOREIGN = ("scipy", "xarray", "sympy", "torch", "matplotlib")


@dataclass
class Module:
    """A parsed module: its definitions by name, and what its imports stand for."""

    name: str
    lines: list[str]
    definitions: dict[str, ast.stmt] = field(default_factory=dict)
    ours: dict[str, tuple[str, str]] = field(default_factory=dict)  # local name -> (module, name)
    modules: dict[str, str] = field(default_factory=dict)  # local name -> module of ours
    imports: dict[str, str] = field(default_factory=dict)  # local name -> statement

    @classmethod
    @functools.cache
    def read(cls, name: str) -> Module:
        """Parse a module of this project (once a process)."""
        text = inspect.getsource(importlib.import_module(name))
        module = cls(name, text.splitlines())
        for node in ast.parse(text).body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                module._note_import(node)
            elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                module.definitions[node.name] = node
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    for part in ast.walk(target):
                        if isinstance(part, ast.Name):
                            module.definitions[part.id] = node
        return module

    def _note_import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            local = alias.asname or alias.name
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in OURS:
                inner = f"{node.module}.{alias.name}"
                if _is_module(node.module, inner):
                    self.modules[local] = inner
                else:
                    self.ours[local] = (str(node.module), alias.name)
            elif isinstance(node, ast.ImportFrom):
                renamed = f" as {alias.asname}" if alias.asname else ""
                self.imports[local] = f"from {node.module} import {alias.name}{renamed}"
            else:
                self.imports[local.split(".")[0]] = f"import {alias.name}" + (
                    f" as {alias.asname}" if alias.asname else ""
                )


def _is_module(parent: str | None, inner: str) -> bool:
    package = parent is not None and hasattr(importlib.import_module(parent), "__path__")
    return package and importlib.util.find_spec(inner) is not None


@dataclass
class Quotation:
    """Quoted definitions.

    Attributes:
        text: the code, without imports.
        imports: the import statements that it needs, sorted.
        names: for each (module, name) its name in the text.
    """

    text: str
    imports: tuple[str, ...]
    names: dict[tuple[str, str], str]


def quote(roots: Iterable[tuple[str, str]], without: Iterable[tuple[str, str]] = ()) -> Quotation:
    """Quote definitions with all that they need.

    Args:
        roots: (module, name) of each definition that is asked for.
        without: definitions that are not needed, though something quoted refers to them; they become None.

    Raises:
        ImportError: something quoted needs a package that a stand-alone module must do without.
    """
    modules: dict[str, Module] = {}
    needs: dict[tuple[str, str], list[tuple[str, str]]] = {}
    statements: set[str] = set()
    stack = list(roots)
    spared = set(without)
    while stack:
        key = stack.pop()
        if key in needs:
            continue
        if key in spared:
            modules.setdefault(key[0], Module.read(key[0]))
            needs[key] = []
            continue
        home, name = _home(modules, *key)
        if (home, name) != key:
            needs[key] = [(home, name)]
            stack.append((home, name))
            continue
        module = modules[home]
        found, imported = _references(module, module.definitions[name])
        for statement in imported:
            if statement.split()[1].split(".")[0] in FOREIGN:
                raise ImportError(f"{home}.{name} needs {statement!r}, which a stand-alone module must do without")
        statements |= imported
        needs[key] = found
        stack += found
    order = _ordered(modules, needs)
    names = _names(order, needs)
    pieces = []
    seen: set[int] = set()
    for home, name in order:
        node = modules[home].definitions[name]
        if id(node) not in seen:
            seen.add(id(node))
            if (home, name) in spared:
                pieces.append(f"{names[home, name]} = None  # not needed by this equation")
                continue
            pieces.append(_segment(modules[home], node, names))
    return Quotation("\n\n\n".join(pieces), tuple(sorted(statements)), names)


def _home(modules: dict[str, Module], home: str, name: str) -> tuple[str, str]:
    """Where a name is defined: its module may only pass it on."""
    while True:
        if home not in modules:
            modules[home] = Module.read(home)
        module = modules[home]
        if name in module.definitions:
            return home, name
        if name not in module.ours:
            raise ImportError(f"{home} defines no {name}")
        home, name = module.ours[name]


def _references(module: Module, node: ast.stmt) -> tuple[list[tuple[str, str]], set[str]]:
    found: list[tuple[str, str]] = []
    imported: set[str] = set()
    local: dict[str, tuple[str, str]] = {}
    for part in _walk(node):
        if isinstance(part, ast.ImportFrom) and (part.module or "").split(".")[0] in OURS:
            local.update({a.asname or a.name: (str(part.module), a.name) for a in part.names})
    for part in _walk(node):
        if isinstance(part, (ast.Import, ast.ImportFrom)) and not (
            isinstance(part, ast.ImportFrom) and (part.module or "").split(".")[0] in OURS
        ):
            imported.add(ast.unparse(part))
        elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id in module.modules:
            found.append((module.modules[part.value.id], part.attr))
        elif isinstance(part, ast.Name):
            if part.id in local:
                found.append(local[part.id])
            elif part.id in module.definitions and module.definitions[part.id] is not node:
                found.append((module.name, part.id))
            elif part.id in module.ours:
                found.append(module.ours[part.id])
            elif part.id in module.imports:
                imported.add(module.imports[part.id])
    if not isinstance(node, (ast.Assign, ast.AnnAssign)):
        imported |= {module.imports[n] for n in _annotations(node) if n in module.imports}
    return found, {i for i in imported if i.split()[1].split(".")[0] not in FOREIGN or i in _run_time(node, module)}


def _annotations(node: ast.AST) -> set[str]:
    """Names in annotations."""
    found: set[str] = set()
    for part in ast.walk(node):
        for value in (getattr(part, "annotation", None), getattr(part, "returns", None)):
            if isinstance(value, ast.AST):
                found |= {n.id for n in ast.walk(value) if isinstance(n, ast.Name)}
    return found


def _run_time(node: ast.stmt, module: Module) -> set[str]:
    """Imports that the definition needs when it runs, annotations apart."""
    used = {module.imports[p.id] for p in _walk(node) if isinstance(p, ast.Name) and p.id in module.imports}
    return used | {ast.unparse(p) for p in _walk(node) if isinstance(p, (ast.Import, ast.ImportFrom))}


def _walk(node: ast.AST) -> Iterable[ast.AST]:
    """The parts of a definition that are run: no annotations, no methods that are left out."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not (isinstance(node, ast.ClassDef) and _left_out(child)):
                yield from _walk(child)


def _left_out(node: ast.AST) -> bool:
    if not isinstance(node, ast.FunctionDef):
        return False
    for part in ast.walk(node):
        names = [a.name for a in part.names] if isinstance(part, ast.Import) else []
        names += [str(part.module)] if isinstance(part, ast.ImportFrom) else []
        if any(n.split(".")[0] in FOREIGN for n in names):
            return True
    return False


def _ordered(modules: dict[str, Module], needs: dict[tuple[str, str], list[tuple[str, str]]]) -> list[tuple[str, str]]:
    """Definitions, each after those it refers to where there is no circle."""
    order: list[tuple[str, str]] = []
    state: dict[tuple[str, str], int] = {}

    def visit(key: tuple[str, str]) -> None:
        if key in state:
            return
        state[key] = 1
        for other in sorted(needs[key], key=lambda k: (k[0], _line(modules, k))):
            visit(other)
        if key[1] in modules[key[0]].definitions:
            order.append(key)

    for key in sorted(needs, key=lambda k: (k[0], _line(modules, k))):
        visit(key)
    return order


def _line(modules: dict[str, Module], key: tuple[str, str]) -> int:
    node = modules[key[0]].definitions.get(key[1])
    return node.lineno if node is not None else 0


def _names(
    order: list[tuple[str, str]], needs: dict[tuple[str, str], list[tuple[str, str]]]
) -> dict[tuple[str, str], str]:
    names: dict[tuple[str, str], str] = {}
    taken: set[str] = set()
    for home, name in order:
        chosen = name
        if chosen in taken:
            chosen = f"{home.rsplit('.', 1)[-1]}_{name.lstrip('_')}"
        taken.add(chosen)
        names[home, name] = chosen
    for key, others in needs.items():  # names that a module passes on
        if key not in names:
            names[key] = names[others[0]]
    return names


def _segment(module: Module, node: ast.stmt, names: dict[tuple[str, str], str]) -> str:
    """The text of a definition, with left-out methods and imports of our modules removed and names put right."""
    start = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
    dropped: set[int] = set()
    local: dict[str, tuple[str, str]] = {}
    for part in ast.walk(node):
        if isinstance(part, ast.ImportFrom) and (part.module or "").split(".")[0] in OURS:
            dropped |= set(range(part.lineno, (part.end_lineno or part.lineno) + 1))
            local.update({a.asname or a.name: (str(part.module), a.name) for a in part.names})
    if isinstance(node, ast.ClassDef):
        for child in node.body:
            if _left_out(child):
                first = min([child.lineno, *(d.lineno for d in getattr(child, "decorator_list", []))])
                dropped |= set(range(first - 1, (child.end_lineno or first) + 1))
    lines = [module.lines[k - 1] for k in range(start, (node.end_lineno or start) + 1) if k not in dropped]
    text = "\n".join(lines).rstrip()
    for alias, home in module.modules.items():
        for name in set(re.findall(rf"(?<![\w.]){alias}\.(\w+)", text)):
            if (home, name) in names:
                text = re.sub(rf"(?<![\w.]){alias}\.{name}(?!\w)", names[home, name], text)
    renamed = {**{n: (module.name, n) for n in module.definitions}, **module.ours, **local}
    for name, key in renamed.items():
        if names.get(key, name) != name:
            text = re.sub(rf"(?<![\w.]){name}(?!\w)", names[key], text)
    return text
