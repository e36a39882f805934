"""A statistical model stated as text: on the command line or in a TOML file.

The file holds one table::

    title = "Normal data"                      # optional
    log_density = "-ln(s) - (y-m)^2/(2*s^2) - ln(2*pi)/2"
    sample = ["y"]                             # or "y", or "y:positive"
    parameters = ["m:real", "s:positive"]      # or "m:real, s:positive"
    support = "real"                           # optional; one for each sample coordinate, or a list
    domain = ["s < 10"]                        # optional: what parameters obey beyond their assumptions
    constants = "a:positive"                   # optional: known numbers

A support is one of real, positive, nonnegative, unit, integers, naturals, naturals0, circle, an interval ``(a, b)``
or ``[a, b]``, a range ``0..n`` or a set ``{0, 1}``. A name without a type is real.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sympy as sp

from symrg.errors import FormulaError, InvalidFile, InvalidModel
from symrg.parsing import parse
from symrg.toml_file import table_of, text_of

if TYPE_CHECKING:
    from symrg.model import StatisticalModel

TYPES: Mapping[str, dict[str, bool]] = {
    "real": {"real": True},
    "positive": {"positive": True},
    "negative": {"negative": True},
    "nonnegative": {"nonnegative": True},
    "nonzero": {"real": True, "nonzero": True},
    "integer": {"integer": True},
    "natural": {"integer": True, "positive": True},
    "natural0": {"integer": True, "nonnegative": True},
    "complex": {},
}
"""What may stand behind the colon of a declaration, with the assumptions that it means."""

_SUPPORTS: Mapping[str, Any] = {
    "real": sp.S.Reals,
    "positive": sp.Interval.open(0, sp.oo),
    "nonnegative": sp.Interval(0, sp.oo),
    "unit": sp.Interval.open(0, 1),
    "circle": sp.Interval(-sp.pi, sp.pi),
    "integers": sp.S.Integers,
    "naturals": sp.S.Naturals,
    "naturals0": sp.S.Naturals0,
}
_KEYS = {"title", "log_density", "sample", "parameters", "support", "domain", "constants"}
_NAME = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class Problem:
    """A model as its author wrote it.

    Attributes:
        log_density: formula of ln p.
        sample: declarations, e.g. "y" or "y:positive, z".
        parameters: declarations, e.g. "mu:real, sigma:positive".
        support: one for each coordinate of the sample; empty follows the types of the sample.
        domain: relations that the parameters obey beyond their assumptions.
        constants: declarations of known numbers.
        title: for headings.
    """

    log_density: str
    sample: str
    parameters: str
    support: tuple[str, ...] = ()
    domain: tuple[str, ...] = ()
    constants: str = ""
    title: str = ""
    source: str = field(default="", compare=False)

    @classmethod
    def from_toml(cls, path: str | Path) -> Problem:
        """Read a problem file.

        Raises:
            InvalidFile: it can't be read, is not TOML, or a key is missing, unknown or of the wrong type.
        """
        table = table_of(text_of(path), str(path))
        unknown = sorted(set(table) - _KEYS)
        if unknown:
            near = difflib.get_close_matches(unknown[0], _KEYS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(_KEYS))}"
            raise InvalidFile(f"{path}: unknown key {unknown[0]!r}; {hint}")
        missing = [key for key in ("log_density", "sample", "parameters") if key not in table]
        if missing:
            raise InvalidFile(f'{path}: key {missing[0]!r} is missing; add a line such as {missing[0]} = "..."')
        for key, value in table.items():
            listed = key not in ("title", "log_density")
            if not isinstance(value, str) and not (
                listed and isinstance(value, list) and all(isinstance(v, str) for v in value)
            ):
                wanted = "text or a list of texts" if listed else "text"
                raise InvalidFile(f"{path}: {key} is {type(value).__name__}; {wanted} is needed, between quotes")
        return cls(
            table["log_density"],
            _joined(table["sample"]),
            _joined(table["parameters"]),
            _listed(table.get("support", ())),
            _listed(table.get("domain", ())),
            _joined(table.get("constants", "")),
            table.get("title", ""),
            str(path),
        )

    def model(self) -> StatisticalModel:
        """The model that the text states.

        Raises:
            FormulaError: a formula or a declaration is not well formed.
            InvalidModel: the parts don't make a model.
        """
        from symrg.model import StatisticalModel

        sample = declare(self.sample)
        parameters = declare(self.parameters)
        constants = declare(self.constants) if self.constants.strip() else {}
        names = [*sample, *parameters, *constants]
        for name in names:
            if names.count(name) > 1:
                raise InvalidModel(f"{name!r} is declared twice; sample, parameters and constants have different names")
        symbols = {**sample, **parameters, **constants}
        density = parse_declared(
            self.log_density, symbols, "declare it among the parameters, the sample or the constants"
        )
        if not isinstance(density, sp.Expr):
            raise InvalidModel(f"the log-density is a {type(density).__name__}; an expression is needed")
        kinds = [kind for _, kind in _declarations(self.sample)]
        texts = self.support or tuple(_support_of(kind) for kind in kinds)
        if len(texts) != len(sample):
            raise InvalidModel(f"{len(texts)} supports for {len(sample)} sample coordinates; give one for each")
        supports = [support_of(text, symbols) for text in texts]
        return StatisticalModel(
            density,
            sample=next(iter(sample.values())) if len(sample) == 1 else tuple(sample.values()),
            parameters=tuple(parameters.values()),
            support=supports[0] if len(supports) == 1 else supports,
            domain=tuple(parse(text, symbols) for text in self.domain),
        )


def parse_declared(text: str, symbols: Mapping[str, Any], remedy: str) -> Any:
    """A formula whose symbols are declared elsewhere on the command line or in the file.

    Args:
        text: the formula.
        symbols: those declared.
        remedy: where an unknown one is to be declared; joins the error's message.

    Raises:
        FormulaError: the text is no formula in these symbols.
    """
    try:
        return parse(text, symbols)
    except FormulaError as error:
        first, *rest = str(error).split("\n")
        if not first.startswith("unknown symbol"):
            raise
        raise FormulaError("\n".join([f"{first}; {remedy}", *rest]), error.position, error.text) from error


def declare(text: str) -> dict[str, sp.Symbol]:
    """Symbols by name from declarations such as ``"mu:real, sigma:positive"``.

    Raises:
        FormulaError: a name or a type is not one, or a name occurs twice; `.position` tells where.
    """
    found: dict[str, sp.Symbol] = {}
    for name, kind in _declarations(text):
        if name in found:
            raise FormulaError(f"{name!r} is declared twice in {text!r}", text.rfind(name), text)
        found[name] = sp.Symbol(name, **TYPES[kind])
    return found


def _declarations(text: str) -> list[tuple[str, str]]:
    pairs = []
    position = 0
    for part in text.split(","):
        name, _, kind = (piece.strip() for piece in part.partition(":"))
        kind = kind or "real"
        if not _NAME.fullmatch(name):
            raise FormulaError(
                f"{name!r} in {text!r} is not a name; declare as in 'mu:real, sigma:positive'", position, text
            )
        if kind not in TYPES:
            near = difflib.get_close_matches(kind, TYPES, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(TYPES)}"
            raise FormulaError(f"{kind!r} is not a type of {name!r}; {hint}", position + part.rfind(kind), text)
        pairs.append((name, kind))
        position += len(part) + 1
    return pairs


def _support_of(kind: str) -> str:
    return {"natural": "naturals", "natural0": "naturals0", "integer": "integers"}.get(
        kind, kind if kind in _SUPPORTS else "real"
    )


def support_of(text: str, symbols: Mapping[str, Any]) -> Any:
    """A SymPy set from a name, an interval, a range or a list of points; see the module's docstring.

    Raises:
        FormulaError: the text is none of them.
    """
    given = text.strip()
    if given in _SUPPORTS:
        return _SUPPORTS[given]
    if given[:1] == "{" and given[-1:] == "}":
        return sp.FiniteSet(*(parse(part, symbols) for part in _split(given[1:-1])))
    if match := re.fullmatch(r"(.+?)\.\.(.+)", given):
        return sp.Range(parse(match[1], symbols), parse(match[2], symbols) + 1)
    if given[:1] in ("(", "[") and given[-1:] in (")", "]"):
        ends = _split(given[1:-1])
        if len(ends) == 2:
            return sp.Interval(parse(ends[0], symbols), parse(ends[1], symbols), given[0] == "(", given[-1] == ")")
    raise FormulaError(
        f"{text!r} is not a support; write {', '.join(_SUPPORTS)}, an interval (a, b), a range 0..n or a set {{0, 1}}",
        0,
        text,
    )


def _split(text: str) -> list[str]:
    """Parts between commas that stand outside parentheses."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        if c == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return [*parts, text[start:]]


def _joined(value: str | Sequence[str]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def _listed(value: str | Sequence[str]) -> tuple[str, ...]:
    return ((value,) if value else ()) if isinstance(value, str) else tuple(value)
