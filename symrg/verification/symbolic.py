"""The symbolic witness: the difference of the sides is reduced to 0 by named steps, or an inequality is proved.

Every rewriting used is valid for all values that the assumptions allow: nothing is forced, and conditions enter only
by a change of variables that says the same (0 < x < 1 becomes x = u/(1 + u) with u positive). What SymPy derives is
still SymPy's word; the other witnesses are there to contradict it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symrg.budget import Budget, Declined
from symrg.typesetting import plain
from symrg.verification.assumed import restated
from symrg.verification.constancy import constant_and_zero
from symrg.verification.inequalities import prove_nonnegative, prove_positive
from symrg.verification.kinked_integrals import zero_in_every_order
from symrg.verification.reading import Reading, evaluated, tame
from symrg.verification.reductions import ROUTES, bounded_expand, vanishes
from symrg.verification.residues import zero_in_every_class
from symrg.verification.witness import Evidence, Outcome, undecided


@dataclass(frozen=True)
class SymbolicWitness:
    """SymPy's rewriting, route after route, until the residual is 0.

    Args:
        only: names of the routes to take; all where None.
    """

    only: tuple[str, ...] | None = None
    name: str = "symbolic reduction"
    kind: str = "symbolic"

    def examine(self, reading: Reading, budget: Budget) -> Evidence:
        """Reduce every residual to 0, recording the steps; see the module."""
        steps: list[str] = []
        if not all(tame(side) for pair in reading.pairs for side in pair):
            return undecided(self, "powers or sums are too large for symbolic work")
        if reading.claim.order is not None:
            return self._expansion(reading, budget)
        for k, (lhs, rhs) in enumerate(reading.pairs):
            label = f"element {k}: " if len(reading.pairs) > 1 else ""
            share = Budget(max(budget.remaining / (len(reading.pairs) - k), 0.01))
            if reading.relation == "==":
                found = self._zero(lhs, rhs, reading, share)
            else:
                found = self._inequality(lhs, rhs, reading, share)
            if found is None:
                tried = ", ".join(dict.fromkeys(a.route for a in share.attempts))
                return undecided(
                    self, f"{label}the residual was not reduced to 0 by: {tried or 'no route, for want of time'}"
                )
            steps += [label + s for s in found]
        return Evidence(self.name, self.kind, Outcome.HOLDS, tuple(steps), record={"steps": steps})

    def _zero(self, lhs: sp.Expr, rhs: sp.Expr, reading: Reading, budget: Budget) -> list[str] | None:
        residual = budget.attempt("combination", lambda: evaluated(lhs) - evaluated(rhs))
        if residual is None:
            return None
        if residual == 0:
            return ["the sides combine to 0"]
        if reading.noncommuting:  # the other routes take the order of factors for granted
            new = budget.attempt("expand", lambda: bounded_expand(bounded_expand(residual.doit())))
            return ["expand, with the order of factors kept: 0"] if new == 0 else None
        for how, form in self._forms(residual, reading, budget):
            if form.has(sp.Integral) and (self.only is None or any("kinks" in n for n in self.only)):
                steps = budget.attempt("integrals cut at their kinks", zero_in_every_order, form, budget, share=0.6)
                if steps is not None:
                    return [*how, *steps]
            share = Budget(max(0.75 * budget.remaining, 0.01))
            steps = reduce_to_zero(form, share, self.only)
            budget.attempts += share.attempts
            if steps is None and (self.only is None or any("residue" in n for n in self.only)):
                steps = budget.attempt("residue classes", zero_in_every_class, form, budget)
            if steps is None and (self.only is None or any("constant" in n for n in self.only)):
                steps = budget.attempt("constant in a symbol", constant_and_zero, form, budget)
            if steps is not None:
                return [*how, *steps]
        return None

    def _forms(self, residual: sp.Expr, reading: Reading, budget: Budget) -> Iterator[tuple[list[str], sp.Expr]]:
        """The residual, first with the conditions built in where there are any, then as it is."""
        if reading.conditions:
            new = budget.attempt("conditions built in", restated, residual, reading.conditions, share=0.2)
            if new is not None:
                yield [f"with {new.text}"], new.expr
        yield [], residual

    def _inequality(self, lhs: sp.Expr, rhs: sp.Expr, reading: Reading, budget: Budget) -> list[str] | None:
        margin = rhs - lhs if reading.relation in ("<", "<=") else lhs - rhs
        prove = prove_positive if reading.relation in ("<", ">") else prove_nonnegative
        for how, form in self._forms(evaluated(margin), reading, budget):
            steps = prove(form, budget)
            if steps is not None:
                return [*how, *steps]
        return None

    def _expansion(self, reading: Reading, budget: Budget) -> Evidence:
        """All coefficients below the stated order vanish."""
        assert reading.claim.order is not None
        variable, point, n = reading.claim.order
        steps: list[str] = []
        for residual in reading.residuals:
            found = budget.attempt("expansion", _below_order, residual, variable, point, n, budget, share=0.8)
            if found is None:
                return undecided(self, f"the expansion about {point} was not found: {budget.attempts[-1].outcome}")
            if not found[0]:
                return undecided(self, found[1][-1])
            steps += found[1]
        return Evidence(self.name, self.kind, Outcome.HOLDS, tuple(steps), record={"steps": steps})


def reduce_to_zero(residual: sp.Expr, budget: Budget, only: tuple[str, ...] | None = None) -> list[str] | None:
    """The steps that reduce an expression to 0, None where no route does."""
    if residual == 0:
        return ["the sides combine to 0"]
    forms: list[tuple[list[str], sp.Expr]] = [([], residual)]
    seen = {residual}
    for name, route, share in ROUTES:
        if only is not None and name not in only:
            continue
        for steps, form in list(forms):
            if budget.remaining < 0.02:
                return None
            new = budget.attempt(name, route, form, share=share)
            if new is None:
                continue
            path = [*steps, f"{name}: {_brief(new)}"]
            if vanishes(new):
                return [*steps, f"{name}: 0"]
            if new not in seen and len(forms) < 6 and sp.count_ops(new) < 3 * sp.count_ops(residual) + 100:
                seen.add(new)
                forms.append((path, new))
    return None


def _below_order(
    residual: sp.Expr, variable: sp.Symbol, point: sp.Expr, n: sp.Rational, budget: Budget
) -> tuple[bool, list[str]]:
    """Whether every coefficient below order n vanishes; the steps, or the first coefficient that doesn't."""
    h = sp.Dummy("h", positive=True)
    infinite = point in (sp.oo, -sp.oo)
    moved = residual.subs(variable, (1 if point == sp.oo else -1) / h if infinite else point + h)
    if not infinite:
        steps = _taylor(moved, h, n)
        if steps is not None:
            return True, steps
    moved, waves = _bounded_waves(moved, h)
    # one order more than stated: at that order itself a logarithm would be too much
    expansion = sp.series(moved, h, 0, max(int(sp.ceiling(n)), 0) + 1).removeO()
    expansion = bounded_expand(expansion)
    if expansion == 0:
        return True, [*waves, f"series about {point}: every term below order {n} vanishes"]
    logarithm = sp.Dummy("L")
    expansion = sp.expand(sp.expand_log(expansion).subs(sp.log(h), logarithm))
    leading = []
    by_power: dict[sp.Expr, sp.Expr] = {}
    for term in sp.Add.make_args(expansion):
        coefficient, power = term.as_coeff_exponent(h)
        if power.has(h) or coefficient.has(h):
            raise Declined("the expansion has terms that aren't powers")
        by_power[power] = by_power.get(power, sp.Integer(0)) + coefficient
    for power, coefficient in by_power.items():
        if power < n or (power == n and coefficient.has(logarithm)):
            if reduce_to_zero(coefficient, Budget(max(budget.remaining / 4, 0.01))) is None:
                return False, [f"the coefficient of order {power} was not reduced to 0: {_brief(coefficient)}"]
            leading.append(f"order {power} vanishes")
    return True, [*waves, f"series about {point}", *leading, f"nothing is left below order {n}"]


def _bounded_waves(moved: sp.Expr, h: sp.Symbol) -> tuple[sp.Expr, list[str]]:
    """Sines and cosines of real arguments without an expansion at h = 0, as numbers of which the bound is known."""
    names: dict[sp.Expr, sp.Dummy] = {}
    for node in moved.atoms(sp.sin, sp.cos):
        argument = node.args[0]
        if argument.has(h) and argument.is_extended_real and not argument.subs(h, 0).is_finite:
            names[node] = sp.Dummy(f"b{len(names)}", real=True)
    new = moved.xreplace(names)
    if names and not new.is_polynomial(*names.values()):
        raise Declined("what oscillates doesn't enter as a polynomial")
    return new, [f"|{node}| <= 1" for node in names]


def _taylor(moved: sp.Expr, h: sp.Symbol, n: sp.Rational) -> list[str] | None:
    """Derivatives at h = 0 below order n, all reduced to 0; None where one isn't, or isn't finite."""
    if n > 8 or moved.has(sp.log(h)):
        return None
    steps = []
    current = moved
    for k in range(int(sp.ceiling(n))):
        value = current.subs(h, 0).doit()
        if value.has(sp.nan, sp.zoo, sp.oo, h) or reduce_to_zero(value, Budget(2.0)) is None:
            return None
        steps.append(f"derivative of order {k} at 0 vanishes")
        current = current.diff(h)
    if current.subs(h, 0).has(sp.nan, sp.zoo, sp.oo):
        return None
    return steps or ["no coefficient lies below the order"]


def _brief(expr: Any) -> str:
    text = plain(expr)
    return text if len(text) <= 120 else f"an expression of {sp.count_ops(expr)} operations"


Route = Callable[[sp.Expr], sp.Expr | None]
