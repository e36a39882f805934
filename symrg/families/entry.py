"""What a catalogue entry is: a log-density, a support, a source; the engine derives the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy
from sympy import S

from symrg.errors import InvalidModel
from symrg.model import StatisticalModel

Assumptions = Mapping[str, bool]

REAL: Assumptions = {"real": True}
POSITIVE: Assumptions = {"positive": True}
COUNT: Assumptions = {"integer": True, "positive": True}
INTEGER: Assumptions = {"integer": True}
NATURAL: Assumptions = {"integer": True, "nonnegative": True}

HALF_LINE = sympy.Interval.open(0, S.Infinity)
UNIT = sympy.Interval.open(0, 1)


@dataclass(frozen=True)
class Family:
    """One named family.

    Attributes:
        name: as in `families.names()`.
        source: where density and parametrisation come from.
        symbols: name -> assumptions of each parameter and constant, in order.
        constants: names among the symbols that are known rather than learned.
        sample: name -> assumptions of each coordinate.
        log_density: function of the sample, then the symbols.
        support: a Set, or a function of the sample, then the symbols.
        domain: function of the symbols giving relationals.
    """

    name: str
    source: str
    symbols: Mapping[str, Assumptions]
    log_density: Callable[..., sympy.Expr]
    sample: Mapping[str, Assumptions]
    support: Any
    constants: tuple[str, ...] = ()
    domain: Callable[..., tuple[Any, ...]] | None = None

    def __call__(self, *values: Any, sample: Any = None, **named: Any) -> StatisticalModel:
        """The model with default symbols, or with the user's.

        Args:
            values: parameters and constants in order; a Symbol is a parameter, a number is fixed.
            sample: Symbol, or a tuple of them.
            named: parameters and constants by name.

        Raises:
            InvalidModel: too many values, an unknown name, or nothing left to learn.
        """
        if len(values) > len(self.symbols):
            raise InvalidModel(f"{self.name} takes {list(self.symbols)}, given {len(values)} values")
        chosen = dict(zip(self.symbols, values))
        for key, value in named.items():
            if key not in self.symbols or key in chosen:
                raise InvalidModel(f"{self.name} takes {list(self.symbols)}; {key!r} is unknown or given twice")
            chosen[key] = value
        arguments, parameters = [], []
        for key, assumptions in self.symbols.items():
            value = sympy.sympify(chosen.get(key, sympy.Symbol(key, **assumptions)), strict=True)
            arguments.append(value)
            if isinstance(value, sympy.Symbol) and (key not in self.constants):
                parameters.append(value)
        if sample is None:
            coordinates = tuple(sympy.Symbol(k, **a) for k, a in self.sample.items())
        else:
            coordinates = tuple(sample) if isinstance(sample, (list, tuple)) else (sample,)
        if len(coordinates) != len(self.sample):
            raise InvalidModel(f"the sample of {self.name} has {len(self.sample)} coordinates, given {coordinates}")
        support = self.support(*coordinates, *arguments) if callable(self.support) else self.support
        domain = self.domain(*arguments) if self.domain is not None else ()
        return StatisticalModel(
            self.log_density(*coordinates, *arguments),
            coordinates,
            tuple(parameters),
            support,
            tuple(r for r in domain if r not in (S.true, True)),
        )


def family(
    source: str,
    symbols: Mapping[str, Assumptions],
    *,
    support: Any = S.Reals,
    sample: Mapping[str, Assumptions] | None = None,
    constants: tuple[str, ...] = (),
    domain: Callable[..., tuple[Any, ...]] | None = None,
) -> Callable[[Callable[..., sympy.Expr]], Family]:
    """Make a catalogue entry of a function that gives the log-density."""

    def make(log_density: Callable[..., sympy.Expr]) -> Family:
        return Family(
            log_density.__name__.strip("_"),
            source,
            symbols,
            log_density,
            sample or {"y": REAL},
            support,
            constants,
            domain,
        )

    return make
