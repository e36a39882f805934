"""Chains of statements: each is joined to the one before by a named step, verified and printed alike."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp

from symrg.budget import Budget
from symrg.errors import InvalidClaim
from symrg.typesetting import Typeset, break_lines, latex
from symrg.typesetting.lines import chain_rows, reasoned
from symrg.verification import Claim, Verdict, verify
from symrg.verification.claim import RELATIONS


@dataclass(frozen=True)
class Step(Typeset):
    """One statement of a derivation, and how it follows from the one before.

    Attributes:
        expr: the expression or matrix.
        because: the reason in words.
        relation: between the statement before and this one.
        conditions: for this step, besides those of the derivation.
        order: (variable, point, n) where the step is asymptotic.
        printed: LaTeX of the expression as its source prints it.
        within: a derivation of this step in detail.
    """

    expr: Any
    because: str = ""
    relation: str = "=="
    conditions: tuple[Any, ...] = ()
    order: tuple[Any, Any, Any] | None = None
    printed: str | None = None
    within: Derivation | None = None

    def latex(self) -> str:
        """LaTeX of the expression, with the order of what is left out."""
        text = self.printed if self.printed is not None else latex(self.expr)
        if self.order is not None:
            variable, point, n = self.order
            step = 1 / variable if point in (sp.oo, -sp.oo) else variable - point
            text += rf" + \mathcal{{O}}\left({latex(step**n)}\right)"
        return text


@dataclass(frozen=True)
class Derivation(Typeset):
    """A chain of statements start = a = b = ..., of which every link is a claim.

    Immutable: `step` returns a longer derivation.

    Args:
        title: what is derived.
        start: expression or matrix with which the chain begins.
        conditions: under which every link is claimed.
        notation: LaTeX, or the symbol, of what is derived; it is printed before the start.
    """

    title: str
    start: Any
    conditions: tuple[Any, ...] = ()
    notation: Any = None
    steps: tuple[Step, ...] = field(default=())

    def __post_init__(self) -> None:
        probe = Claim(self.start, self.start, conditions=self.conditions)
        object.__setattr__(self, "start", probe.lhs)
        object.__setattr__(self, "conditions", probe.conditions)

    def step(
        self,
        expr: Any,
        because: str = "",
        *,
        relation: str = "==",
        conditions: tuple[Any, ...] = (),
        order: tuple[Any, Any, Any] | None = None,
        printed: str | None = None,
        within: Derivation | None = None,
    ) -> Derivation:
        """The derivation with one more statement, which claims `previous relation expr`.

        Args:
            expr: expression or matrix of the same shape as the one before.
            because: the reason, in words.
            relation: "==", "<", "<=", ">" or ">=".
            conditions: for this link, besides those of the derivation.
            order: (variable, point, n) where the link is asymptotic.
            printed: LaTeX of `expr` as its source prints it.
            within: a derivation of this link in detail, from the statement before to this one.

        Returns:
            A new derivation.

        Raises:
            InvalidClaim: the statement doesn't fit the one before it.
        """
        if relation not in ("==", "<", "<=", ">", ">="):
            raise InvalidClaim(f"a step is joined by ==, <, <=, > or >=; given {relation!r}")
        if within is not None and not isinstance(within, Derivation):
            raise InvalidClaim("within is the Derivation of this step in detail")
        probe = Claim(self.last, expr, relation, conditions=conditions, order=order)
        new = Step(probe.rhs, because, relation, probe.conditions, probe.order, printed, within)
        return replace(self, steps=(*self.steps, new))

    @property
    def last(self) -> Any:
        """The statement that the chain has reached."""
        return self.steps[-1].expr if self.steps else self.start

    @property
    def statements(self) -> tuple[Any, ...]:
        """All statements, the start first."""
        return (self.start, *(s.expr for s in self.steps))

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The links, in order; the links of a step's detailed derivation come before the step's own."""
        found: list[Claim] = []
        for number, (before, step) in enumerate(zip(self.statements, self.steps), 1):
            name = f"{self.title}, step {number}"
            if step.within is not None:
                found += [
                    replace(c, name=f"{name}, {c.name}", conditions=(*self.conditions, *c.conditions))
                    for c in step.within.claims
                ]
            found.append(
                Claim(
                    before,
                    step.expr,
                    step.relation,
                    conditions=(*self.conditions, *step.conditions),
                    order=step.order,
                    name=name,
                    source=step.because or None,
                )
            )
        return tuple(found)

    def whole(self) -> Claim:
        """The claim that the start equals the last statement; for chains of equalities only.

        Raises:
            InvalidClaim: a link is an inequality or asymptotic, or there is no link.
        """
        if not self.steps or any(s.relation != "==" or s.order is not None for s in self.steps):
            raise InvalidClaim("only a chain of equalities joins its two ends by an equality")
        conditions = tuple(dict.fromkeys([*self.conditions, *(c for s in self.steps for c in s.conditions)]))
        return Claim(self.start, self.last, conditions=conditions, name=self.title)

    def verify(self, budget: float | Budget = 60) -> tuple[Verdict, ...]:
        """A verdict on every link; one that fails names the link that breaks.

        Args:
            budget: seconds for the whole chain.
        """
        limit = Budget.of(budget)
        claims = self.claims
        verdicts = []
        for k, claim in enumerate(claims):
            share = Budget(max(2 * limit.remaining / (len(claims) - k + 1), 0.01))
            verdict = verify(claim, share)
            if verdict.status not in ("holds", "definition"):
                because = f" ({claim.source})" if claim.source else ""
                verdict = replace(verdict, reason=f"{claim.name}{because}: {verdict.reason}")
            verdicts.append(verdict)
        return tuple(verdicts)

    def latex(self) -> str:
        """The chain in an `aligned` environment, a word of reason on each step; long lines are broken."""
        head = ""
        if self.notation is not None:
            head = self.notation if isinstance(self.notation, str) else latex(self.notation)
        start = latex(self.start)
        first = chain_rows(head, [("=", start)]) if head else [f"& {line}" for line in break_lines(start)]
        steps = [
            (chain_rows("", [(RELATIONS[step.relation], step.latex())]), _escaped(step.because)) for step in self.steps
        ]
        return reasoned(first, steps)

    def __str__(self) -> str:
        return f"{self.title}: {len(self.steps)} steps to {self.last}"


_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_SPECIAL |= {c: "\\" + c for c in "{}$&#%_"}


def _escaped(text: str) -> str:
    r"""Words inside \text{}; parts between dollar signs stay mathematics."""
    parts = text.split("$")
    if len(parts) % 2 == 0:
        return "".join(_SPECIAL.get(c, c) for c in text)
    return "".join(f"${p}$" if k % 2 else "".join(_SPECIAL.get(c, c) for c in p) for k, p in enumerate(parts))
