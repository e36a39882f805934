"""Corrections: the nearest statement with the same left side that holds.

Unknown coefficients are put on the terms of the printed right side and solved for from values of the left side;
then the exponents of a product; then one change anywhere in the right side; then terms that are missing, built from
the printed ones' own vocabulary. Every proposal is exact, and none is a correction before it has been verified.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import sympy as sp
from flint import acb, acb_mat, arb

from symrg.budget import Budget, Declined
from symrg.typesetting import latex, plain
from symrg.verification.claim import RELATIONS, Claim
from symrg.verification.enclosure import Evaluate, at, enclose
from symrg.verification.mutants import neighbours
from symrg.verification.points import Domain, Values, precision
from symrg.verification.reading import Reading, evaluated, exactly, tame
from symrg.verification.reductions import bounded_expand

_BITS = 400
_HEIGHT = 10**6  # numerators and denominators of a coefficient
_NUMBERS = (sp.Integer(1), sp.pi, 1 / sp.pi, sp.sqrt(2), sp.sqrt(sp.pi), sp.sqrt(3), sp.I, sp.pi**2, sp.log(2), sp.E)
_TERMS = 36


@dataclass(frozen=True)
class Correction:
    """A proposal for the right side.

    Attributes:
        rhs: the new right side.
        change: what was changed, in words.
        marked: LaTeX of the right side with the changed parts underlined.
    """

    rhs: Any
    change: str
    marked: str


def proposals(reading: Reading, budget: Budget) -> Iterator[Correction]:
    """Right sides that agree with the left side at points, the nearest to the printed one first."""
    if (
        reading.relation != "=="
        or reading.noncommuting
        or not all(tame(side) for pair in reading.pairs for side in pair)
    ):
        return
    if isinstance(reading.claim.rhs, sp.MatrixBase):
        found = budget.attempt("entries", _entries, reading, budget, share=0.9)
        if found is not None:
            yield found
        return
    yield from _entry(*reading.pairs[0], reading, budget)


def _entry(lhs: sp.Expr, rhs: sp.Expr, reading: Reading, budget: Budget) -> Iterator[Correction]:
    """Corrections of one pair of sides, by the route that its kind of claim allows."""
    if reading.claim.order is not None:
        found = budget.attempt("coefficients of the expansion", _expansion, lhs, rhs, reading.claim.order, share=0.5)
    elif reading.functions:
        found = budget.attempt("coefficients", _symbolic, lhs, rhs, share=0.5)
    else:
        yield from _scalar(lhs, rhs, reading, budget)
        return
    if found is not None:
        yield found


def _scalar(lhs: sp.Expr, rhs: sp.Expr, reading: Reading, budget: Budget) -> Iterator[Correction]:
    values = budget.attempt("values of the left side", _Values.of, lhs, reading, share=0.4)
    if values is None:
        return
    routes: tuple[tuple[str, Callable[..., Correction | None]], ...] = (
        ("coefficients", _coefficients),
        ("coefficients of the evaluated side", lambda rhs, values: _coefficients(evaluated(rhs), values)),
        ("coefficients of the expanded side", _expanded),
        ("exponents", _exponents),
        ("one change", _one_change),
        ("one change and coefficients", _change_and_coefficients),
        ("missing terms", _missing),
    )
    for name, route in routes:
        side = rhs if name == "coefficients" else evaluated(rhs)
        found = budget.attempt(name, route, side, values, share=0.5)
        if found is not None:
            yield found


class _Values:
    """The left side at points of the domain."""

    def __init__(self, points: list[Values], lhs: list[acb]):
        self.points, self.lhs = points, lhs

    @classmethod
    def of(cls, lhs: sp.Expr, reading: Reading) -> _Values:
        """Values at well-conditioned points, as many as the expression's cost allows."""
        function = enclose(lhs)
        hard = lhs.has(sp.Integral, sp.Sum)
        domain = Domain.of(reading, 4711)
        kept, values = [], []
        for point in domain.points(14 if hard else _TERMS + 24):
            if any(abs(complex(sp.N(v, 5))) > 40 for v in point.values()):
                continue
            with precision(_BITS):
                value = function(at(point))
            if value.is_finite() and _radius(value) < arb(10) ** -40:
                kept.append(point)
                values.append(value)
        if len(kept) < (1 if not reading.symbols else 3):
            raise Declined("the left side has too few values")
        return cls(kept, values)

    def agree(self, rhs: sp.Expr) -> bool:
        """Whether a right side agrees at every point."""
        try:
            function = enclose(rhs)
        except Declined:
            return False
        seen = 0
        for point, value in zip(self.points, self.lhs):
            with precision(_BITS):
                other = function(at(point))
                if not other.is_finite():
                    continue
                if not (other - value).contains(0) or not _radius(other - value) < arb(10) ** -30:
                    return False
                seen += 1
        return seen >= min(3, len(self.points))

    def solve(self, functions: list[Evaluate], targets: list[acb] | None = None) -> list[acb] | None:
        """Coefficients of functions that sum to the left side, from as many points as there are functions."""
        n = len(functions)
        targets = self.lhs if targets is None else targets
        rows = []
        with precision(_BITS):
            for point, target in zip(self.points, targets):
                row = [f(at(point)) for f in functions]
                if all(v.is_finite() for v in row):
                    rows.append((row, target))
            for first in range(min(3, max(len(rows) - n + 1, 0))):
                chosen = rows[first : first + n]
                if len(chosen) < n:
                    return None
                try:
                    solution = acb_mat([r for r, _ in chosen]).solve(acb_mat([[t] for _, t in chosen]))
                except (ZeroDivisionError, ValueError):
                    continue
                return [solution[k, 0] for k in range(n)]
        return None


def _radius(ball: acb) -> arb:
    return ball.real.rad() + ball.imag.rad()


def recognised(value: acb) -> sp.Expr | None:
    """The simple exact number that a narrow ball holds: a rational, or one times a well-known constant."""
    if not value.is_finite() or not _radius(value) < arb(10) ** -30:
        return None
    for number in _NUMBERS:
        with precision(_BITS):
            quotient = value / at({sp.Symbol("c"): number}).values[sp.Symbol("c")]
        if not quotient.imag.contains(0):
            continue
        middle = quotient.real.mid()
        if not abs(middle) < 2 * _HEIGHT:  # written out, such a number may fill the memory
            continue
        guess = sp.S.Zero
        if abs(middle) * 4 * _HEIGHT > 1:
            man, exp = middle.man_exp()
            guess = (sp.Rational(int(man)) * sp.Integer(2) ** int(exp)).limit_denominator(_HEIGHT)
        if abs(guess.p) > _HEIGHT:
            continue
        with precision(_BITS):
            if quotient.real.contains(arb(int(guess.p)) / int(guess.q)):
                return guess * number
    return None


def _with_coefficients(terms: list[sp.Expr], numbers: list[sp.Expr], printed: list[sp.Expr]) -> Correction:
    """The sum of terms with new coefficients, changed terms underlined."""
    parts, changes, texts = [], [], []
    for term, number in zip(terms, numbers):
        new = _times(number, term)
        if new != 0:
            parts.append(new)
            unchanged = number == 1 and term in printed
            texts.append((new, not unchanged))
        else:
            texts.append((sp.Integer(0), True))  # where the term was
        if number != 1 or term not in printed:
            if term not in printed:
                changes.append(f"{new} is added")
            else:
                changes.append(f"{term} is dropped" if new == 0 else f"{term} becomes {new}")
    rhs = sp.Add(*parts, evaluate=False) if len(parts) > 1 else sp.Add(*parts)
    return Correction(rhs, "; ".join(changes) or "nothing", _marked(texts))


def _times(number: sp.Expr, term: sp.Expr) -> sp.Expr:
    """The product, with what is printed in the term left as it is."""
    if number == 1 or number == 0:
        return number * term
    factors = [f for f in sp.Mul.make_args(term) if not f.is_Rational]
    coefficient = number * sp.Mul(*[f for f in sp.Mul.make_args(term) if f.is_Rational])
    nested = [g for f in factors for g in (sp.Mul.make_args(f) if isinstance(f, sp.Mul) else (f,))]
    kept = [f for f in nested if not f.is_Rational]
    coefficient *= sp.Mul(*[f for f in nested if f.is_Rational])
    if not kept:
        return coefficient
    if coefficient == 1:
        return sp.Mul(*kept, evaluate=False) if len(kept) > 1 else kept[0]
    return sp.Mul(coefficient, *kept, evaluate=False)


def _marked(texts: list[tuple[sp.Expr, bool]]) -> str:
    if not texts:
        return r"\underline{0}"
    pieces = []
    for k, (term, changed) in enumerate(texts):
        negative = term.could_extract_minus_sign()
        body = latex(-term if negative else term)
        if isinstance(term, sp.Add):
            body = rf"\left({body}\right)"
        sign = "- " if negative else "+ " if k else ""
        pieces.append(rf"\underline{{{sign}{body}}}" if changed else f"{sign}{body}")
    return " ".join(pieces)


def _coefficients(rhs: sp.Expr, values: _Values) -> Correction | None:
    return _solved(list(sp.Add.make_args(rhs)), values)


def _expanded(rhs: sp.Expr, values: _Values) -> Correction | None:
    terms = list(sp.Add.make_args(bounded_expand(rhs)))
    return _solved(terms, values) if 1 < len(terms) <= _TERMS and bounded_expand(rhs) != rhs else None


def _solved(terms: list[sp.Expr], values: _Values, printed: list[sp.Expr] | None = None) -> Correction | None:
    terms = [t for t in terms if t != 0]
    if not terms:
        return None
    found = values.solve([enclose(t) for t in terms])
    if found is None:
        return None
    numbers = [recognised(c) for c in found]
    if any(n is None for n in numbers):
        return None
    exact = [n for n in numbers if n is not None]
    correction = _with_coefficients(terms, exact, terms if printed is None else printed)
    return correction if values.agree(correction.rhs) else None


def _exponents(rhs: sp.Expr, values: _Values) -> Correction | None:
    """c prod f^e for a right side that is one product: linear in ln c and the exponents."""
    if isinstance(rhs, sp.Add) or rhs.is_Rational:
        return None
    _, rest = rhs.as_coeff_Mul()
    bases = [f.as_base_exp()[0] for f in sp.Mul.make_args(rest)]
    bases = [b for b in dict.fromkeys(bases) if not b.is_Rational and b != sp.E]
    exponentials = [f for f in sp.Mul.make_args(rest) if isinstance(f, sp.exp)]
    factors = [*bases, *exponentials]
    if not factors or len(factors) > 8 or len(values.points) < len(factors) + 3:
        return None
    with precision(_BITS):
        logs: list[Evaluate] = [lambda point: acb(1)]
        for factor in factors:
            function = enclose(factor)
            logs.append(lambda point, function=function: acb(abs(function(point)).log()))  # type: ignore[misc]
        targets = [acb(abs(v).log()) for v in values.lhs]
        found = values.solve(logs, targets)
        if found is None:
            return None
        powers = [recognised(c) for c in found[1:]]
        constant = recognised(found[0].exp())
    if constant is None or any(p is None or not p.is_Rational or abs(p) > 30 for p in powers):
        return None
    for sign in (1, -1, sp.I, -sp.I):
        new = sign * constant * sp.Mul(*(f**p for f, p in zip(factors, powers)))
        if values.agree(new):
            return Correction(new, f"{plain(rhs)} becomes {plain(new)}", rf"\underline{{{latex(new)}}}")
    return None


def _one_change(rhs: sp.Expr, values: _Values) -> Correction | None:
    for _, change, new in itertools.islice(neighbours(rhs), 400):
        if values.agree(new):
            return Correction(new, change, rf"\underline{{{latex(new)}}}")
    return None


def _change_and_coefficients(rhs: sp.Expr, values: _Values) -> Correction | None:
    """One changed exponent or argument, with the coefficients solved for."""
    for kind, change, new in itertools.islice(neighbours(rhs), 200):
        if kind not in ("exponent", "exchanged"):
            continue
        found = _solved(list(sp.Add.make_args(new)), values, list(sp.Add.make_args(rhs)))
        if found is not None:
            return Correction(found.rhs, f"{change}; {found.change}", found.marked)
    return None


def _missing(rhs: sp.Expr, values: _Values) -> Correction | None:
    """Terms built from the factors of the printed ones, with the fewest of them kept that fit."""
    expanded = bounded_expand(rhs)
    printed = [t for t in sp.Add.make_args(expanded) if t != 0]
    generators = sorted(
        {f.as_base_exp()[0] for t in printed for f in sp.Mul.make_args(t) if not f.is_Rational}, key=str
    )
    generators += sorted((s for p in values.points[:1] for s in p if s not in generators), key=str)
    if not generators or len(generators) > 5:
        return None
    degree = max((sum(abs(_power_of(t, g)) for g in generators) for t in printed), default=sp.Integer(1))
    for extra in (0, 1):
        powers = range(int(min(degree, 6)) + extra + 1)
        candidates = []
        for choice in itertools.product(powers, repeat=len(generators)):
            if sum(choice) <= degree + extra:
                candidates.append(sp.Mul(*(g**p for g, p in zip(generators, choice))))
        bare = [t.as_coeff_Mul()[1] for t in printed]
        terms = list(dict.fromkeys([*bare, *candidates]))
        if len(terms) > _TERMS or len(terms) > len(values.points) - 3:
            continue
        found = values.solve([enclose(t) for t in terms])
        if found is None:
            continue
        numbers = [recognised(c) for c in found]
        if any(n is None for n in numbers):
            continue
        total = {t: n for t, n in zip(terms, numbers) if n != 0}
        old = {t.as_coeff_Mul()[1]: t.as_coeff_Mul()[0] for t in printed}
        if not any(total.get(t) == n for t, n in old.items()):
            continue
        texts, changes = [], []
        for t, n in total.items():
            texts.append((n * t, old.get(t) != n))
            if old.get(t) != n:
                changes.append(f"{n * t} is added" if t not in old else f"{old[t] * t} becomes {n * t}")
        changes += [f"{n * t} is dropped" for t, n in old.items() if t not in total]
        new = sp.Add(*(n * t for t, n in total.items()))
        if values.agree(new):
            return Correction(new, "; ".join(changes), _marked(texts))
    return None


def _power_of(term: sp.Expr, generator: sp.Expr) -> sp.Expr:
    for factor in sp.Mul.make_args(term):
        base, exponent = factor.as_base_exp()
        if base == generator and exponent.is_Rational:
            return sp.ceiling(exponent)
    return sp.Integer(0)


def _entries(reading: Reading, budget: Budget) -> Correction | None:
    """Every entry that is wrong, corrected on its own."""
    shape = reading.claim.shape
    new, changes, marked = [], [], []
    for k, (lhs, rhs) in enumerate(reading.pairs):
        rhs = evaluated(rhs)
        if _agrees(lhs, rhs, reading):
            new.append(rhs)
            marked.append(latex(rhs))
            continue
        found = next(_entry(lhs, rhs, reading, budget), None)
        if found is None:
            return None
        new.append(found.rhs)
        if found.rhs == rhs:
            marked.append(latex(rhs))
            continue
        changes.append(f"entry {k}: {found.change}")
        marked.append(rf"\underline{{{latex(found.rhs)}}}")
    rows = [" & ".join(marked[i * shape[1] : (i + 1) * shape[1]]) for i in range(shape[0])]
    text = r"\begin{pmatrix}" + r" \\ ".join(rows) + r"\end{pmatrix}"
    return Correction(sp.ImmutableMatrix(*shape, new), "; ".join(changes), text) if changes else None


def _agrees(lhs: sp.Expr, rhs: sp.Expr, reading: Reading) -> bool:
    """Whether an entry of a matrix stands as it is printed."""
    if reading.functions or reading.claim.order is not None:
        return bounded_expand(evaluated(lhs).doit() - rhs.doit()) == 0
    return _Values.of(lhs, reading).agree(rhs)


def _symbolic(lhs: sp.Expr, rhs: sp.Expr) -> Correction | None:
    """Coefficients solved from the residual itself, for claims about undefined functions."""
    printed = evaluated(rhs)
    lhs, rhs = (bounded_expand(evaluated(s).doit()) for s in (lhs, rhs))
    terms = [t for t in sp.Add.make_args(rhs) if t != 0]
    found = _linear(terms, lhs, _independent_parts)
    if found is not None:
        return found
    for _, change, new in itertools.islice(neighbours(printed), 200):
        if bounded_expand(lhs - new.doit()) == 0:
            return Correction(new, change, rf"\underline{{{latex(new)}}}")
    return None


def _linear(terms: list[sp.Expr], lhs: sp.Expr, parts: Callable[[sp.Expr], list[sp.Expr]]) -> Correction | None:
    unknown = [sp.Dummy(f"c{k}") for k in range(len(terms))]
    equations = parts(bounded_expand(lhs - sp.Add(*(c * t for c, t in zip(unknown, terms)))))
    solution = sp.solve(equations, unknown, dict=True)
    if len(solution) != 1:
        return None
    numbers = [solution[0].get(c, sp.Integer(1)) for c in unknown]
    numbers = [n.subs(dict.fromkeys(unknown, 1)) for n in numbers]
    if any(n.free_symbols for n in numbers):
        return None
    return _with_coefficients(terms, numbers, terms)


def _independent_parts(expr: sp.Expr) -> list[sp.Expr]:
    """Coefficients of an expanded expression by the monomials in everything but the unknowns."""
    collected: dict[sp.Expr, sp.Expr] = {}
    for term in sp.Add.make_args(expr):
        numbers, rest = term.as_independent(
            *[f for f in term.free_symbols if not isinstance(f, sp.Dummy)], as_Add=False
        )
        inner = [f for f in sp.Mul.make_args(numbers) if f.has(sp.Function, sp.Derivative)]
        rest = rest * sp.Mul(*inner)
        collected[rest] = collected.get(rest, sp.Integer(0)) + numbers / sp.Mul(*inner)
    return list(collected.values())


def _expansion(lhs: sp.Expr, rhs: sp.Expr, order: tuple[sp.Symbol, sp.Expr, sp.Expr]) -> Correction | None:
    """Coefficients of an asymptotic claim, from the terms of its expansion below the order."""
    variable, point, n = order
    lhs, rhs = evaluated(lhs), evaluated(rhs)
    terms = [t for t in sp.Add.make_args(bounded_expand(rhs)) if t != 0]
    h = sp.Dummy("h", positive=True)
    infinite = point in (sp.oo, -sp.oo)
    place = (1 if point == sp.oo else -1) / h if infinite else point + h
    unknown = [sp.Dummy(f"c{k}") for k in range(len(terms))]
    moved = (lhs - sp.Add(*(c * t for c, t in zip(unknown, terms)))).subs(variable, place)
    expansion = bounded_expand(sp.series(moved, h, 0, max(int(sp.ceiling(n)), 1)).removeO())
    by_power: dict[sp.Expr, sp.Expr] = {}
    for term in sp.Add.make_args(expansion):
        coefficient, power = term.as_coeff_exponent(h)
        by_power[power] = by_power.get(power, sp.Integer(0)) + coefficient
    equations = [e for p, c in by_power.items() if p < n for e in _independent_parts(bounded_expand(c))]
    solution = sp.solve(equations, unknown, dict=True)
    if len(solution) != 1:
        return None
    numbers = [solution[0].get(c, sp.Integer(1)) for c in unknown]
    if any(k.free_symbols for k in numbers):
        return None
    return _with_coefficients(terms, numbers, terms)


def marked_statement(claim: Claim, correction: Correction) -> str:
    """LaTeX of the corrected equation with the difference underlined."""
    return f"{latex(exactly(claim.lhs))} {RELATIONS[claim.relation]} {correction.marked}"
