"""A catalogue of named families: `families.gamma()` is a `StatisticalModel`, `families.names()` lists them.

Each entry is a log-density, a support and a source; metric, cumulants and geometry are derived by the engine.
Abbreviations of sources: CUD1, CUD2 = Johnson, Kotz, Balakrishnan, Continuous Univariate Distributions, vol. 1
(1994) and 2 (1995); UDD = Johnson, Kemp, Kotz, Univariate Discrete Distributions (2005); DMD = Johnson, Kotz,
Balakrishnan, Discrete Multivariate Distributions (1997); CMD = Kotz, Balakrishnan, Johnson, Continuous Multivariate
Distributions, vol. 1 (2000); MJ = Mardia, Jupp, Directional Statistics (2000).
"""

from __future__ import annotations

from typing import Any

from symrg.errors import NoClosedForm
from symrg.families import bounded, circular, discrete, half_line, multivariate, real_line
from symrg.families.entry import Family
from symrg.typesetting import latex

_CATALOGUE: dict[str, Family] = {
    value.name: value
    for module in (real_line, half_line, bounded, circular, discrete, multivariate)
    for value in vars(module).values()
    if isinstance(value, Family)
}


def names() -> tuple[str, ...]:
    """Names of all families, in alphabetical order."""
    return tuple(sorted(_CATALOGUE))


def entry(name: str) -> Family:
    """The catalogue entry of a name: `.source`, `.symbols`; calling it gives the model.

    Raises:
        KeyError: there is none; the message lists the nearest.
    """
    import difflib

    if name not in _CATALOGUE:
        near = difflib.get_close_matches(name, _CATALOGUE, 3)
        raise KeyError(f"no family {name!r}" + (f"; did you mean {', '.join(near)}?" if near else ""))
    return _CATALOGUE[name]


def table(metrics: bool = False, budget: float | None = None) -> str:
    """The catalogue as a Markdown table: name, support, log-density, source.

    Args:
        metrics: add the Fisher metric of each, derived by the engine (some minutes for all).
        budget: seconds for each metric.
    """
    head = ["family", "support", "log-density", *(["Fisher metric"] if metrics else []), "source"]
    lines = [_row(head), _row(["---"] * len(head))]
    lines += [_row(_cells(_CATALOGUE[name], metrics, budget)) for name in names()]
    return "\n".join(lines) + "\n"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cells(family: Family, metrics: bool, budget: float | None) -> list[str]:
    model = family()
    axes = "; ".join(axis.describe() for axis in model.axes)
    cells = [f"`{family.name}`", axes.replace("|", "\\|"), _mathematics(model.log_density)]
    if metrics:
        try:
            cells.append(_mathematics(model.fisher_metric(budget)))
        except NoClosedForm:
            cells.append("no closed form")
    return [*cells, family.source.replace("|", "\\|")]


def _mathematics(value: Any) -> str:
    """LaTeX in a cell: a bar would end it."""
    return f"${latex(value)}$".replace("|", r"\vert ")


def __getattr__(name: str) -> Family:
    if name in _CATALOGUE:
        return _CATALOGUE[name]
    raise AttributeError(f"no family {name!r}; families.names() lists them")


def __dir__() -> list[str]:
    return sorted([*globals(), *_CATALOGUE])
