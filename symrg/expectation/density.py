"""The density that the engine works on: a log-density over axes, with parameters, constants and domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy
from sympy import S

from symrg.expectation.numeric import number
from symrg.expectation.special import differentiate
from symrg.support import Axis

KINKED = (sympy.Abs, sympy.sign, sympy.Heaviside, sympy.Piecewise, sympy.Max, sympy.Min)


@dataclass(frozen=True)
class Density:
    """exp(log_density) over the axes (inner first).

    Attributes:
        log_density: logarithm of the density.
        axes: coordinates with limits.
        symbols: parameters and constants, everything that needs a value.
        domain: relationals that they obey beyond their assumptions.
    """

    log_density: sympy.Expr
    axes: tuple[Axis, ...]
    symbols: tuple[sympy.Symbol, ...]
    domain: tuple[sympy.Basic, ...] = ()

    @property
    def sample(self) -> tuple[sympy.Symbol, ...]:
        """Coordinates in the order of integration."""
        return tuple(axis.symbol for axis in self.axes)

    def allows(self, point: Mapping[sympy.Symbol, sympy.Expr]) -> bool:
        """Whether the limits are ordered and the domain holds at a point."""
        for relation in self.domain:
            if not _holds(relation, point):
                return False
        for axis in self.axes:
            if not axis.points and not (axis.free_symbols & set(self.sample)):
                lower, upper = number(axis.lower, dict(point)), number(axis.upper, dict(point))
                if not lower < upper and not (axis.discrete and lower == upper):
                    return False
        return True

    @cached_property
    def terms(self) -> tuple[sympy.Expr, ...]:
        """Additive terms of the log-density, logarithms of products split."""
        return sympy.Add.make_args(split_logarithms(self.log_density))

    @cached_property
    def groups(self) -> tuple[frozenset[sympy.Symbol], ...]:
        """Coordinates that depend on each other, directly or through limits."""
        links = [t.free_symbols & set(self.sample) for t in self.terms]
        links += [({axis.symbol} | axis.free_symbols) & set(self.sample) for axis in self.axes]
        groups: list[set[sympy.Symbol]] = []
        for link in links:
            if link:
                touching = [g for g in groups if g & link]
                groups = [g for g in groups if not g & link] + [set().union(link, *touching)]
        return tuple(frozenset(g) for g in groups)

    def factors(self) -> list[Density]:
        """Independent factors; where there are several, the constant term belongs to none (`constant_of_factors`)."""
        if len(self.groups) == 1:
            return [self]
        return [
            Density(
                sympy.Add(*(t for t in self.terms if t.free_symbols & group)),
                tuple(axis for axis in self.axes if axis.symbol in group),
                self.symbols,
                self.domain,
            )
            for group in self.groups
        ]

    @property
    def constant_of_factors(self) -> sympy.Expr:
        """What the factors leave out of the log-density."""
        if len(self.groups) == 1:
            return S.Zero
        return sympy.Add(*(t for t in self.terms if not t.free_symbols & set(self.sample)))

    def kinks(self) -> dict[sympy.Symbol, list[sympy.Expr]]:
        """Points of each axis where the log-density is not smooth."""
        return {axis.symbol: kinks_of(self.log_density, axis.symbol) for axis in self.axes if not axis.discrete}


def _holds(relation: sympy.Basic, point: Mapping[sympy.Symbol, sympy.Expr]) -> bool:
    if isinstance(relation, (sympy.Gt, sympy.Ge, sympy.Lt, sympy.Le)):
        gap = number(relation.gts - relation.lts, dict(point))
        return gap > 0 or (gap == 0 and isinstance(relation, (sympy.Ge, sympy.Le)))
    return relation.subs(point) in (True, S.true)


def kinks_of(expression: sympy.Expr, symbol: sympy.Symbol) -> list[sympy.Expr]:
    """Real zeros in a symbol of what stands inside Abs, sign, Heaviside, Max, Min and conditions."""
    inside: list[sympy.Expr] = []
    for node in expression.atoms(*KINKED):
        if isinstance(node, sympy.Piecewise):
            for _, condition in node.args:
                inside += [r.lhs - r.rhs for r in condition.atoms(sympy.core.relational.Relational)]
        elif isinstance(node, (sympy.Max, sympy.Min)):
            inside += [a - b for i, a in enumerate(node.args) for b in node.args[:i]]
        else:
            inside.append(node.args[0])
    found: list[sympy.Expr] = []
    for expr in inside:
        if not expr.has(symbol):
            continue
        for factor in sympy.Mul.make_args(sympy.factor(sympy.together(expr).as_numer_denom()[0])):
            base = factor.base if factor.is_Pow else factor
            if base.has(symbol) and base.is_polynomial(symbol) and sympy.degree(base, symbol) <= 2:
                found += [r for r in sympy.roots(base, symbol) if r not in found and r.is_real is not False]
            elif isinstance(base, (sympy.log, sympy.exp)) or base.has(sympy.log):
                solved = sympy.solve(base, symbol)
                found += [r for r in solved if r not in found and not r.has(symbol)]
    return found


def split_logarithms(expression: sympy.Expr) -> sympy.Expr:
    """Logarithms of products and powers as sums, for arguments known to be positive where they are evaluated."""

    def split(argument: sympy.Expr) -> sympy.Expr:
        numerator, denominator = sympy.together(argument).as_numer_denom()
        parts = []
        for part, sign in ((numerator, 1), (denominator, -1)):
            for factor in sympy.Mul.make_args(sympy.factor_terms(part)):
                parts.append(sign * sympy.expand_log(sympy.log(factor), force=True))
        return sympy.Add(*parts)

    if not expression.has(sympy.log):
        return sympy.expand(expression)
    logs = {
        node: split(node.args[0])
        for node in expression.atoms(sympy.log)
        if node.args[0].free_symbols and not node.args[0].is_Symbol
    }
    return sympy.expand(expression.xreplace(logs))


def score_of(log_density: sympy.Expr, parameter: sympy.Symbol) -> sympy.Expr:
    """d_i ln p; the point masses that SymPy puts at kinks carry no probability and are dropped.

    Where the density itself jumps they would matter: such a model is not regular, and E[score] = 0 fails for it.
    """
    score = differentiate(log_density, parameter)
    if score.has(sympy.DiracDelta):
        score = sympy.expand(score).replace(sympy.DiracDelta, lambda *_: S.Zero)
    return score


def independent_part(expression: sympy.Expr, symbols: Sequence[sympy.Symbol]) -> tuple[sympy.Expr, sympy.Expr]:
    """A product split into a factor free of the symbols and the rest."""
    return expression.as_independent(*symbols, as_Add=False)


def in_logarithm(density: Density, functions: Sequence[sympy.Expr] = ()) -> tuple[Density, tuple[sympy.Expr, ...]]:
    """The density of u = ln y, where a density on the half line and the functions see y by ln y alone; else as given.

    Tails that are heavy in ln y reach beyond the largest float in y.
    """
    given = (density, tuple(map(sympy.sympify, functions)))
    if len(density.axes) != 1 or not density.log_density.has(sympy.log):
        return given
    (axis,) = density.axes
    if axis.discrete or axis.lower != 0 or axis.upper is not S.Infinity:
        return given
    u = sympy.Dummy("u", real=True)

    def moved(e: sympy.Expr) -> sympy.Expr:
        return sympy.expand_log(e.subs(axis.symbol, sympy.exp(u)), force=True)

    log_density, moved_functions = moved(density.log_density) + u, tuple(moved(f) for f in given[1])
    if any(node.has(u) for e in (log_density, *moved_functions) for node in e.atoms(sympy.exp)):
        return given
    line = Axis(u, -S.Infinity, S.Infinity)
    return Density(log_density, (line,), density.symbols, density.domain), moved_functions
