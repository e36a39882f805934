"""The report as one HTML page that needs nothing else: no network, no script from elsewhere, no font installed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from derivations.report.content import VERDICTS, Figure, Formula, Report, Table, Working, code_anchor, fold, label, slug
from derivations.report.mathematics import FONT_FAMILY, Mathematics, embedded_font
from symrg.errors import SymrgError
from symrg.typesetting import chain


class BrokenReport(SymrgError, ValueError):
    """A report whose links point nowhere or whose names are not unique; the message lists them."""


def write_html(report: Report, path: str | Path) -> Path:
    """Write the page.

    Args:
        report: what it holds.
        path: where to; folders are made.

    Returns:
        The path.

    Raises:
        BrokenReport: a link points nowhere, or two parts have one name.
        FormulaNotSet: a formula has no MathML.
    """
    path = Path(path)
    page = render(report)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path


def render(report: Report) -> str:
    """The page as text; raises as `write_html`."""
    mathematics = Mathematics()
    environment = Environment(
        loader=PackageLoader("derivations.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., Any]] = {
        "text": mathematics.text,
        "inline": mathematics.inline,
        "display": mathematics.block,
        "derivation": lambda w: _derivation(mathematics, w),
        "folded": fold,
        "kind": _kind,
        "label": label,
        "slug": slug,
        "sortkey": _sort_key,
        "is_number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    }
    environment.filters.update(filters)
    page = environment.get_template("index.html.j2").render(
        report=report,
        verdicts=VERDICTS,
        code_anchor=code_anchor,
        style=Markup(_source(environment, "style.css")),
        script=Markup(_source(environment, "script.js")),
        font=embedded_font(),
        font_family=FONT_FAMILY,
    )
    _check_links(page)
    return page


def _derivation(mathematics: Mathematics, working: Working) -> list[Markup]:
    """One display for each step; the first carries the left side."""
    rows = []
    for k, step in enumerate(working.steps):
        left = working.left if k == 0 else "{}"
        rows.append(mathematics.block(chain(left, [(step.relation, step.right)], 44.0)))
    return rows or [mathematics.block(working.left)]


def _kind(block: Any) -> str:
    return {str: "text", Formula: "formula", Working: "working", Figure: "figure", Table: "table"}[type(block)]


def _sort_key(number: str) -> str:
    """Equation numbers in the order of the talk: "9" before "14", "14" before "14b"."""
    return re.sub(r"\d+", lambda m: m.group().zfill(4), number.replace("(", "").replace(")", ""))


def _source(environment: Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _check_links(page: str) -> None:
    names = Counter(re.findall(r'\bid="([^"]+)"', page))
    twice = [n for n, count in names.items() if count > 1]
    if twice:
        raise BrokenReport(f"these names occur more than once: {', '.join(twice)}; give the parts different titles")
    nowhere = {target for target in re.findall(r'href="#([^"]+)"', page) if target not in names}
    if nowhere:
        raise BrokenReport(f"these links point nowhere: {', '.join(sorted(nowhere))}")
