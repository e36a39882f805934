r"""Files of equations: claims and derivations that a user writes down in TOML, to be verified.

::

    title = "Ornstein-Uhlenbeck process"
    budget = 20                                  # optional: seconds for each claim

    [symbols]
    x = "real"                                   # real, positive, negative, nonnegative, nonzero, integer, natural,
    theta = "positive"                           # natural0, complex, function, indexed; several words combine
    f = "function"

    [definitions]
    variance = "sigma^2/(2*theta)"               # stands for its value wherever it is written

    [[claim]]
    name = "stationary variance"
    lhs = "Integral(x^2*exp(-x^2), (x, -oo, oo))"  # a formula, or LaTeX between dollar signs
    rhs = '$\frac{\sqrt{\pi}}{2}$'
    relation = "=="                              # optional: == < <= > >= or := for a definition, ~
    conditions = ["x < 1"]                       # optional
    order = {variable = "x", point = "0", power = 3}   # optional: asymptotic
    source = "p. 74"                             # optional
    printed = '...'                              # optional: LaTeX as the source prints it

    [[claim]]
    name = "noise strength"
    lhs = "D"                                    # a definition: D stands for the right side in what follows from it
    relation = ":="
    rhs = "sigma^2/2"
    [[claim.consequences]]                       # claims like any other, checked with the definition put in
    lhs = "2*D/theta"
    rhs = "sigma^2/theta"

    [[claim]]
    lhs = "P"
    relation = "~"                               # a schematic statement; `missing` says what would make it a claim
    rhs = "F"
    missing = "F is not given"

    [[derivation]]
    title = "completing the square"
    start = "x^2 + 2*x"
    [[derivation.step]]
    to = "(x + 1)^2 - 1"
    because = "complete the square"

Nothing in such a file is run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import sympy as sp

from symrg.budget import OutOfTime, within
from symrg.derivation import Derivation
from symrg.errors import FormulaError, InvalidClaim, InvalidFile, SymrgError
from symrg.parsing import parse
from symrg.toml_file import table_of, text_of
from symrg.verification.claim import RELATIONS, Claim
from symrg.verification.latex_input import parse_latex
from symrg.verification.toml_lines import LineMap, Path

MOST_BYTES = 4_000_000
MOST_CLAIMS = 20_000
SECONDS = 240.0  # for building all formulas of a file
LONGEST = 86_400.0
"""Seconds for a claim, at most."""

_TYPES: dict[str, dict[str, bool]] = {
    "complex": {},
    "real": {"real": True},
    "positive": {"positive": True},
    "negative": {"negative": True},
    "nonnegative": {"nonnegative": True},
    "nonpositive": {"nonpositive": True},
    "nonzero": {"nonzero": True},
    "imaginary": {"imaginary": True},
    "integer": {"integer": True},
    "natural": {"integer": True, "positive": True},
    "natural0": {"integer": True, "nonnegative": True},
    "rational": {"rational": True},
    "even": {"even": True},
    "odd": {"odd": True},
}
_SHOWN = 60  # characters of a formula in a message
_PARTS = {
    "the left side": "lhs",
    "the right side": "rhs",
    "the variable of an order": "order",
    "the power in an order": "order",
    "the expansion point": "order",
    "order is": "order",
}
_NAME = re.compile(r"[^\W\d]\w*")
_TOP = {"title", "budget", "symbols", "definitions", "claim", "derivation"}
_CLAIM = {"name", "lhs", "rhs", "relation", "conditions", "order", "source", "printed", "consequences", "missing"}
_DERIVATION = {"title", "start", "notation", "conditions", "step"}
_STEP = {"to", "because", "relation", "conditions", "order", "printed"}


@dataclass(frozen=True)
class EquationsFile:
    """What a file of equations says.

    Attributes:
        title: of the file.
        claims: single claims, in order.
        derivations: chains, in order.
        budget: seconds for each claim, None where the file doesn't say.
    """

    title: str
    claims: tuple[Claim, ...]
    derivations: tuple[Derivation, ...]
    budget: float | None = None


def read(path: str | FilePath) -> EquationsFile:
    """Read a file of equations.

    Raises:
        InvalidFile: the file can't be read, or is malformed; the message gives the line and the remedy.
    """
    return read_text(text_of(path, MOST_BYTES), str(path))


def read_text(text: str, name: str = "equations") -> EquationsFile:
    """Read the text of such a file; `name` stands before the line in messages.

    Raises:
        InvalidFile: as `read`.
    """
    data = table_of(text, name)
    try:
        return within(SECONDS, _Reader(data, LineMap(text), name).whole)
    except OutOfTime:
        raise InvalidFile(f"{name}: its formulas took longer than {SECONDS:g} s to build; split the file") from None


class _Reader:
    """Turns the data into claims, with the line of whatever is wrong."""

    def __init__(self, data: dict[str, Any], lines: LineMap, name: str):
        self.data, self.lines, self.name = data, lines, name
        self.symbols: dict[str, Any] = {}

    def fail(self, path: Path, reason: str) -> InvalidFile:
        return InvalidFile(f"{self.name}:{self.lines.line(path)}: {reason}")

    def whole(self) -> EquationsFile:
        self.keys(self.data, _TOP, (), "the file")
        title = self.text(self.data, "title", (), "")
        budget = self.data.get("budget")
        number = isinstance(budget, int | float) and not isinstance(budget, bool)
        if budget is not None and not (number and 0 < budget <= LONGEST):
            raise self.fail(("budget",), f"budget is a positive number of seconds, a day at most, given {budget!r:.60}")
        for key, value in self.table(self.data, "symbols").items():
            self.symbols[key] = self.declared(key, value)
        for key, value in self.table(self.data, "definitions").items():
            path: Path = ("definitions", key)
            self.check_name(key, path)
            if key in self.symbols:
                raise self.fail(path, f"{key} is declared as a symbol already; define another name")
            self.symbols[key] = self.formula(value, path)
        claims = [self.claim(c, ("claim", k)) for k, c in enumerate(self.array(self.data, "claim", ()))]
        chains = [self.derivation(d, ("derivation", k)) for k, d in enumerate(self.array(self.data, "derivation", ()))]
        if not claims and not chains:
            raise self.fail(
                (), "no claims: write a [[claim]] with lhs and rhs, or a [[derivation]] with start and steps"
            )
        named: dict[str, int] = {}
        for k, data in enumerate(self.data.get("claim", [])):
            line = self.lines.line(("claim", k, "name"))
            if "name" in data and named.setdefault(data["name"], line) != line:
                before = named[data["name"]]
                raise self.fail(
                    ("claim", k, "name"),
                    f"the name {data['name']!r} is that of the claim in line {before}; give another",
                )
        if len(claims) > MOST_CLAIMS:
            raise self.fail((), f"{len(claims)} claims; at most {MOST_CLAIMS} are read")
        return EquationsFile(
            title or self.name, tuple(claims), tuple(chains), None if budget is None else float(budget)
        )

    def keys(self, table: dict[str, Any], known: set[str], path: Path, what: str) -> None:
        import difflib

        for key in table:
            if key not in known:
                near = difflib.get_close_matches(key, sorted(known), 1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
                raise self.fail((*path, key), f"unknown key {key!r} in {what}; {hint}")

    def table(self, data: dict[str, Any], key: str) -> dict[str, Any]:
        value = data.get(key, {})
        if not isinstance(value, dict):
            raise self.fail((key,), f"{key} is a table: write [{key}] and one line for each name")
        return value

    def array(self, data: dict[str, Any], key: str, path: Path) -> list[dict[str, Any]]:
        value = data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
            raise self.fail((*path, key), f"{key} is an array of tables: write [[{'.'.join([*_words(path), key])}]]")
        return value

    def text(self, data: dict[str, Any], key: str, path: Path, default: str | None = None) -> str:
        if key not in data:
            if default is None:
                raise self.fail(path, f"{key!r} is missing")
            return default
        value = data[key]
        if not isinstance(value, str):
            raise self.fail((*path, key), f"{key} is text; put it into quotes")
        return value

    def check_name(self, key: str, path: Path) -> None:
        if not _NAME.fullmatch(key):
            raise self.fail(path, f"{key!r} is not a name: letters, digits and _, beginning with a letter")

    def declared(self, key: str, value: Any) -> Any:
        path: Path = ("symbols", key)
        self.check_name(key, path)
        if not isinstance(value, str):
            raise self.fail(path, f'the type of {key} is text, such as "real"; given {value!r:.60}')
        words = value.replace(",", " ").split()
        if words == ["function"]:
            return sp.Function(key)
        if words == ["real", "function"] or words == ["function", "real"]:
            return sp.Function(key, real=True)
        if words == ["positive", "function"] or words == ["function", "positive"]:
            return sp.Function(key, positive=True)
        if words == ["indexed"]:
            return sp.IndexedBase(key)
        if "function" in words or "indexed" in words:
            raise self.fail(
                path, f'{key} is "function", "real function", "positive function" or "indexed", given {value!r}'
            )
        flags: dict[str, bool] = {}
        for word in words:
            if word not in _TYPES:
                known = ", ".join([*_TYPES, "function", "indexed"])
                raise self.fail(path, f"unknown type {word!r} of {key}; known are {known}")
            flags |= _TYPES[word]
        if not words:
            raise self.fail(path, f'{key} has no type; write "complex" for none')
        try:
            return sp.Symbol(key, **flags)
        except (ValueError, TypeError):
            raise self.fail(path, f"the types of {key} contradict each other: {value}") from None

    def formula(self, value: Any, path: Path, *, keep: bool = False) -> Any:
        """A formula or LaTeX as a SymPy object; an error names the line."""
        if isinstance(value, int) and not isinstance(value, bool):
            return sp.Integer(value)
        if isinstance(value, float):
            raise self.fail(path, f'put the number into quotes, "{value}", so that it is read exactly')
        if not isinstance(value, str):
            raise self.fail(path, f"{path[-1]} is a formula in quotes, given {type(value).__name__}")
        dollars = value.strip().startswith("$"), value.strip().endswith("$") and len(value.strip()) > 1
        if dollars[0] != dollars[1]:
            raise self.fail(path, f"in {path[-1]}: LaTeX stands between two dollar signs, given {value!r:.60}")
        reader: Callable[..., Any] = parse_latex if value.strip().startswith("$") else parse
        try:
            return reader(value, self.symbols, evaluate=not keep)
        except FormulaError as error:
            raise self.fail(path, f"in {path[-1]}: {_pointed(error, value)}") from None

    def side(self, data: dict[str, Any], key: str, path: Path) -> Any:
        if key not in data:
            raise self.fail(path, f"{key!r} is missing")
        value = self.formula(data[key], (*path, key), keep=True)
        if not isinstance(value, sp.Expr | sp.MatrixBase):
            raise self.fail((*path, key), f"{key} is a relation; give the two sides as lhs and rhs")
        return value

    def conditions(self, data: dict[str, Any], path: Path) -> tuple[Any, ...]:
        value = data.get("conditions", [])
        if isinstance(value, str):
            value = [value]
        where: Path = (*path, "conditions")
        if not isinstance(value, list):
            raise self.fail(where, "conditions is a list of relations in quotes")
        found = []
        for text in value:
            condition = self.formula(text, where)
            if not isinstance(condition, sp.logic.boolalg.Boolean) or isinstance(condition, sp.Symbol):
                raise self.fail(where, f"{text!r} is not a condition; write a relation such as x < 1")
            found.append(condition)
        return tuple(found)

    def order(self, data: dict[str, Any], path: Path) -> tuple[Any, Any, Any] | None:
        value = data.get("order")
        if value is None:
            return None
        where: Path = (*path, "order")
        if not isinstance(value, dict) or set(value) != {"variable", "point", "power"}:
            raise self.fail(where, 'order is {variable = "x", point = "0", power = 3}')
        parts = [self.formula(value[key], (*where, key)) for key in ("variable", "point", "power")]
        return parts[0], parts[1], parts[2]

    def relation(self, data: dict[str, Any], path: Path) -> str:
        value = self.text(data, "relation", path, "==")
        value = {"=": "==", "≤": "<=", "≥": ">="}.get(value, value)
        if value not in RELATIONS:
            raise self.fail((*path, "relation"), f"unknown relation {value!r}; use one of {', '.join(RELATIONS)}")
        return value

    def claim(self, data: dict[str, Any], path: Path) -> Claim:
        self.keys(data, _CLAIM, path, "a claim")
        relation = self.relation(data, path)
        nested = len(path) > 2
        if nested and relation in (":=", "~"):
            raise self.fail((*path, "relation"), f"a consequence is a claim that can be checked; given {relation!r}")
        listed = self.array(data, "consequences", path)
        if listed and relation != ":=":
            raise self.fail((*path, "consequences"), 'consequences belong to a definition: write relation = ":="')
        if "missing" in data and relation != "~":
            raise self.fail((*path, "missing"), '`missing` belongs to a schematic statement: write relation = "~"')
        if "order" in data and relation != "==":
            raise self.fail((*path, "order"), f"an order makes == asymptotic; it has no meaning for {relation}")
        number = int(path[-1]) + 1
        try:
            return Claim(
                self.side(data, "lhs", path),
                self.side(data, "rhs", path),
                relation,
                conditions=self.conditions(data, path),
                order=self.order(data, path),
                name=self.text(data, "name", path, f"consequence {number}" if nested else f"claim {number}"),
                printed=self.text(data, "printed", path, "") or None,
                source=self.text(data, "source", path, "") or None,
                consequences=tuple(self.claim(c, (*path, "consequences", k)) for k, c in enumerate(listed)),
                missing=self.text(data, "missing", path, "") or None,
            )
        except InvalidClaim as error:
            raise self.fail(_part(path, str(error)), str(error)) from None

    def derivation(self, data: dict[str, Any], path: Path) -> Derivation:
        self.keys(data, _DERIVATION, path, "a derivation")
        title = self.text(data, "title", path, f"derivation {int(path[-1]) + 1}")
        steps = self.array(data, "step", path)
        if not steps:
            raise self.fail(path, f"the derivation {title!r} has no steps; write [[derivation.step]] with `to`")
        try:
            notation = self.text(data, "notation", path, "") or None
            chain = Derivation(title, self.side(data, "start", path), self.conditions(data, path), notation)
            for k, step in enumerate(steps):
                where: Path = (*path, "step", k)
                self.keys(step, _STEP, where, "a step")
                try:
                    chain = chain.step(
                        self.side(step, "to", where),
                        self.text(step, "because", where, ""),
                        relation=self.relation(step, where),
                        conditions=self.conditions(step, where),
                        order=self.order(step, where),
                        printed=self.text(step, "printed", where, "") or None,
                    )
                except InvalidClaim as error:
                    part = _part(where, str(error))
                    raise self.fail(where if part[-1] in ("lhs", "rhs") else part, str(error)) from None
        except InvalidFile:
            raise
        except SymrgError as error:
            raise self.fail(path, str(error)) from None
        return chain


def _part(path: Path, reason: str) -> Path:
    """The key of a claim that a complaint of `Claim` is about, where that can be told."""
    return next(((*path, key) for start, key in _PARTS.items() if reason.startswith(start)), path)


def _pointed(error: FormulaError, formula: str) -> str:
    """The complaint, and in a second line the formula with a mark before the place."""
    reason = str(error).splitlines()[0]
    at = error.position
    if at is None or "\n" in formula:
        return reason
    begin = max(0, min(at, len(formula)) - _SHOWN // 2)
    before, after = formula[begin:at], formula[at : at + _SHOWN // 2]
    dots = ("..." if begin else "", "..." if at + _SHOWN // 2 < len(formula) else "")
    return f"{reason}\n    {dots[0]}{before} ▸{after}{dots[1]}"


def _words(path: Path) -> list[str]:
    return [p for p in path if isinstance(p, str)]
