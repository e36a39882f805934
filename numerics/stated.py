"""A Fokker-Planck problem stated as text: on the command line or in a TOML file.

The file holds one table::

    coordinates = ["x", "y"]                    # or "x, y", or "x:positive"
    drift = ["-theta*x - y", "x - y"]           # one formula for each coordinate
    diffusion = ["1", "1/2", "1"]               # the upper triangle row by row; or the diagonal; or one for all
    initial = "exp(-(x-1)^2 - y^2) / pi"
    times = [0.5, 1.0]
    cells = [64, 64]                            # or one number for all axes
    start = 0.0                                 # optional, as all that follows
    time = "t"                                  # the name of the time in the formulas
    tolerance = 1e-4
    scheme = "auto"
    boundary = "reflecting"                     # or a table: x = "periodic", y = ["absorbing", "reflecting"]
    [domain]
    x = [-6, 6]                                 # or ["-oo", "oo"]
    y = [-6, 6]
    [parameters]
    theta = 1.0
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sympy as sp

from symrg.errors import InvalidEquation, InvalidFile, InvalidGrid
from symrg.fokker_planck import FokkerPlanck
from symrg.parsing import parse
from symrg.problem import declare
from symrg.toml_file import table_of, text_of

_REQUIRED = ("coordinates", "drift", "diffusion", "initial", "times", "cells", "domain")
_OPTIONAL = ("title", "start", "time", "tolerance", "scheme", "boundary", "parameters")


@dataclass(frozen=True)
class StatedProblem:
    """An equation with everything that `numerics.solve` needs, as its author wrote it.

    Attributes:
        coordinates: declarations, e.g. "x, y:positive".
        drift: a formula for each coordinate.
        diffusion: one formula for all axes, the diagonal, or the upper triangle row by row.
        initial: formula of the density at the start.
        times: output times.
        cells: along each axis, or one number for all.
        domain: two ends for each coordinate, as text or numbers.
        parameters: name -> number.
        boundary: as `numerics.solve` takes it, by name.
        time: the name of the time.
    """

    coordinates: str
    drift: tuple[str, ...]
    diffusion: tuple[str, ...]
    initial: str
    times: tuple[float, ...]
    cells: tuple[int, ...]
    domain: Mapping[str, Sequence[Any]]
    parameters: Mapping[str, float] = field(default_factory=dict)
    boundary: Any = "reflecting"
    time: str = "t"
    start: float = 0.0
    tolerance: float = 1e-4
    scheme: str = "auto"

    @classmethod
    def from_toml(cls, path: str | Path) -> StatedProblem:
        """Read a problem file.

        Raises:
            InvalidFile: it can't be read, is not TOML, or a key is missing, unknown or of the wrong type.
        """
        table = table_of(text_of(path), str(path))
        for key in table:
            if key not in _REQUIRED + _OPTIONAL:
                raise InvalidFile(f"{path}: unknown key {key!r}; there are {', '.join(_REQUIRED + _OPTIONAL)}")
        for key in _REQUIRED:
            if key not in table:
                raise InvalidFile(f"{path}: key {key!r} is missing; see `symrg solve --help` for an example")
        for key in ("domain", "parameters"):
            if not isinstance(table.get(key, {}), dict):
                raise InvalidFile(f"{path}: {key} is {type(table[key]).__name__}; a table is needed: [{key}]")
        try:
            return cls(
                ", ".join(_texts(table["coordinates"])),
                _texts(table["drift"]),
                _texts(table["diffusion"]),
                _texts(table["initial"])[0],
                tuple(float(v) for v in _listed(table["times"])),
                tuple(int(v) for v in _listed(table["cells"])),
                {k: tuple(v) for k, v in table["domain"].items()},
                {k: float(v) for k, v in table.get("parameters", {}).items()},
                table.get("boundary", "reflecting"),
                _texts(table.get("time", "t"))[0],
                float(table.get("start", 0.0)),
                float(table.get("tolerance", 1e-4)),
                _texts(table.get("scheme", "auto"))[0],
            )
        except (TypeError, ValueError) as error:
            raise InvalidFile(f"{path}: a value has the wrong type: {error}") from error

    def symbols(self) -> dict[str, sp.Symbol]:
        """The symbols of the formulas by name: coordinates, time, parameters.

        Raises:
            InvalidEquation: a name is declared twice.
        """
        found = dict(declare(self.coordinates))
        for name in (self.time, *self.parameters):
            if name in found:
                raise InvalidEquation(f"{name!r} is declared twice; coordinates, time and parameters differ in name")
            found.update(declare(name))
        return found

    def equation(self) -> FokkerPlanck:
        """The equation that the text states.

        Raises:
            FormulaError: a formula or a declaration is not well formed.
            InvalidEquation: the number of formulas does not fit the coordinates, or the equation is not well formed.
        """
        symbols = self.symbols()
        coordinates = tuple(symbols[name] for name in declare(self.coordinates))
        n = len(coordinates)
        if len(self.drift) != n:
            raise InvalidEquation(f"{len(self.drift)} drift formulas for {n} coordinates; give one for each")
        D = [parse(text, symbols) for text in self.diffusion]
        matrix = sp.zeros(n, n)
        if len(D) == n * (n + 1) // 2 and n > 1:
            entries = iter(D)
            for i in range(n):
                for j in range(i, n):
                    matrix[i, j] = matrix[j, i] = next(entries)
        elif len(D) in (1, n):
            for i in range(n):
                matrix[i, i] = D[i] if len(D) == n else D[0]
        else:
            raise InvalidEquation(
                f"{len(D)} diffusion formulas for {n} coordinates; give 1, the {n} of the diagonal, or the "
                f"{n * (n + 1) // 2} of the upper triangle row by row"
            )
        drift = [parse(text, symbols) for text in self.drift]
        return FokkerPlanck(coordinates, drift, matrix, time=symbols[self.time])

    def solve(self, progress: bool | None = None) -> Any:
        """The density, by `numerics.solve`.

        Raises:
            SymrgError: see `numerics.solve`.
        """
        from numerics.solver import solve

        equation = self.equation()
        used = {s.name for s in equation.parameters}
        initial = parse(self.initial, self.symbols())
        used |= {s.name for s in initial.free_symbols}
        return solve(
            equation,
            {name: tuple(_end(v, name) for v in ends) for name, ends in self.domain.items()},
            self.cells if len(self.cells) > 1 else self.cells[0],
            initial,
            self.times,
            start=self.start,
            boundary={k: tuple(v) if isinstance(v, list) else v for k, v in self.boundary.items()}
            if isinstance(self.boundary, Mapping)
            else self.boundary,
            parameters={k: v for k, v in self.parameters.items() if k in used},
            tolerance=self.tolerance,
            scheme=self.scheme,
            progress=progress,
        )


def _end(value: Any, name: str) -> float:
    text = str(value).strip().lower().replace("infinity", "oo").replace("inf", "oo")
    if text in ("oo", "+oo", "-oo"):
        return float("-inf") if text.startswith("-") else float("inf")
    number = parse(str(value), {})
    if not number.is_number or not number.is_real:
        raise InvalidGrid(f"domain of {name}: {value!r} is not a real number")
    return float(number)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _texts(value: Any) -> tuple[str, ...]:
    texts = tuple(str(v) if isinstance(v, (int, float)) and not isinstance(v, bool) else v for v in _listed(value))
    if not texts or not all(isinstance(v, str) for v in texts):
        raise TypeError(f"{value!r} is no text between quotes")
    return texts
