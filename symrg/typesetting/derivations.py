"""Derivations as sections of a document: aligned steps with a word on each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symrg.typesetting.document import Chain, Equation, Section
from symrg.typesetting.printer import latex

if TYPE_CHECKING:
    from symrg.derivation import Derivation

_RELATIONS = {"==": "=", "<=": r"\leq", ">=": r"\geq"}


def derivation_section(derivation: Derivation) -> Section:
    """A derivation as a section: its chain, then the derivations of those steps that have one of their own."""
    left = latex(derivation.start)
    steps: list[tuple[str, str, str]] = []
    if derivation.notation is not None:
        steps.append(("=", left, ""))
        left = derivation.notation if isinstance(derivation.notation, str) else latex(derivation.notation)
    inner = []
    for step in derivation.steps:
        word = step.because[:1].upper() + step.because[1:]
        steps.append((_RELATIONS.get(step.relation, step.relation), step.latex(), word))
        if step.within is not None:
            inner.append(derivation_section(step.within))
    where: tuple[str, ...] = ()
    if derivation.conditions:
        where = ("For " + ", ".join(f"${latex(c)}$" for c in derivation.conditions) + ":",)
    chain = Chain(left, tuple(steps), tag="") if steps else Equation(left, tag="")
    title = derivation.title[:1].upper() + derivation.title[1:]
    return Section(title, (*where, chain, *inner))
