r"""The field's symbols around printed formulas: expectation, divergence, metric, tensors with their indices."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import sympy

from symrg.typesetting.delimiters import fit_delimiters
from symrg.typesetting.printer import latex


def point(symbols: Iterable[Any]) -> str:
    r"""One parameter as it is, several as a tuple: ``\mu`` or ``(\mu, \sigma)``."""
    printed = [latex(s) for s in symbols]
    return printed[0] if len(printed) == 1 else "(" + ", ".join(printed) + ")"


def expectation(body: Any, at: str = r"\theta") -> str:
    r"""``\mathbb{E}_{\theta}(body)``; `body` is an expression or LaTeX."""
    inner = body if isinstance(body, str) else latex(body)
    return fit_delimiters(rf"\mathbb{{E}}_{{{at}}}\left({inner}\right)")


def divergence(left: str = r"\theta", right: str = r"\theta'") -> str:
    r"""``D_{KL}(\theta \parallel \theta')``."""
    return rf"D_{{KL}}({left} \parallel {right})"


def fisher(indices: str = "ij", at: str = "") -> str:
    r"""``\mathcal{I}_{ij}``, or ``\mathcal{I}_{ij}(at)``."""
    return rf"\mathcal{{I}}_{{{indices}}}" + (f"({at})" if at else "")


def functional_derivative(functional: str, *fields: str) -> str:
    r"""``\frac{\delta F}{\delta\phi(x)}``; several fields give the higher derivative."""
    order = "" if len(fields) == 1 else f"^{{{len(fields)}}}"
    below = r" \, ".join(rf"\delta {f}" for f in fields)
    return rf"\frac{{\delta{order} {functional}}}{{{below}}}"


def component(symbol: str, indices: Sequence[Any], places: str) -> str:
    r"""A tensor's component with its indices up and down, each in its place.

    Args:
        symbol: LaTeX of the tensor, e.g. ``\Gamma``.
        indices: symbols or LaTeX, in the tensor's own order.
        places: "u" or "d" for each index.

    Returns:
        ``\Gamma^{\mu}{}_{\sigma \sigma}`` for ``component(r"\Gamma", (mu, sigma, sigma), "udd")``.
    """
    printed = [i if isinstance(i, str) else latex(i) for i in indices]
    text, first = symbol, True
    for place, group in itertools.groupby(zip(places, printed), key=lambda pair: pair[0]):
        mark = "^" if place == "u" else "_"
        text += ("" if first else "{}") + mark + "{" + " ".join(name for _, name in group) + "}"
        first = False
    return text


def nonzero_components(
    symbol: str, array: Any, coordinates: Sequence[Any], places: str, symmetric: tuple[int, int] | None = None
) -> list[tuple[str, str]]:
    """The components of a tensor that don't vanish, as (LaTeX of the component, LaTeX of its value).

    Args:
        symbol: LaTeX of the tensor.
        array: SymPy array or matrix with one axis for each index.
        coordinates: names of the index values, in order.
        places: "u" or "d" for each index.
        symmetric: two positions in which the tensor is symmetric, of which one order is shown.
    """
    n = len(coordinates)
    shown = []
    for index in itertools.product(range(n), repeat=len(places)):
        if symmetric and index[symmetric[0]] > index[symmetric[1]]:
            continue
        value = sympy.sympify(array[index], strict=True)
        if value != 0:
            shown.append((component(symbol, [coordinates[i] for i in index], places), latex(value)))
    return shown
