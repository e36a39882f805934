"""An integrand in one variable as a sum of products of powers, logarithms and exponentials.

    coefficient * prod_b b^s_b (ln b)^k_b * exp(E(x))

with bases b that are positive where the integral runs. The master integrals are functions of the exponents s, and
the logarithms are derivatives in them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy
from sympy import S

from symrg.budget import Declined

HYPERBOLIC = (sympy.cosh, sympy.sinh, sympy.tanh, sympy.coth, sympy.sech, sympy.csch)


@dataclass(frozen=True)
class Kernel:
    """exp(log-density) as powers of bases and an exponential.

    Attributes:
        powers: exponent of each base.
        exponent: E(x).
        constant: what does not depend on x, as a logarithm.
    """

    powers: dict[sympy.Expr, sympy.Expr]
    exponent: sympy.Expr
    constant: sympy.Expr


@dataclass(frozen=True)
class Term:
    """One product; see the module."""

    coefficient: sympy.Expr
    powers: dict[sympy.Expr, sympy.Expr]
    logs: dict[sympy.Expr, int]
    exponent: sympy.Expr

    def power(self, base: sympy.Expr) -> sympy.Expr:
        """Exponent of a base."""
        return self.powers.get(base, S.Zero)

    def log(self, base: sympy.Expr) -> int:
        """Power of the logarithm of a base."""
        return self.logs.get(base, 0)

    @property
    def bases(self) -> set[sympy.Expr]:
        """Bases that occur."""
        return {b for b, s in self.powers.items() if s != 0} | {b for b, k in self.logs.items() if k}


def absorb(expression: sympy.Expr) -> sympy.Expr:
    """Write exp(c ln b + d) as b^c exp(d)."""

    def split(argument: sympy.Expr) -> sympy.Expr:
        rest, product = [], S.One
        for term in sympy.Add.make_args(sympy.expand(argument)):
            factors = sympy.Mul.make_args(term)
            logs = [f for f in factors if isinstance(f, sympy.log)]
            if len(logs) == 1 and not any(isinstance(f, sympy.Pow) and f.base in logs for f in factors):
                other = sympy.Mul(*(f for f in factors if f is not logs[0]))
                if not other.has(sympy.log):
                    product *= logs[0].args[0] ** other
                    continue
            rest.append(term)
        return product * sympy.exp(sympy.Add(*rest))

    if not expression.has(sympy.exp):
        return expression
    return expression.replace(sympy.exp, split)


class Encoder:
    """Splits expressions in x into kernels and terms.

    Args:
        x: the variable of integration.
        positive: tells whether a base is positive (True) or negative (False) where the integral runs.
    """

    def __init__(self, x: sympy.Symbol, positive: Callable[[sympy.Expr], bool]):
        self._x = x
        self._positive = positive
        self._bases: dict[sympy.Expr, sympy.Symbol] = {}
        self._logs: dict[sympy.Expr, sympy.Symbol] = {}
        self._split: dict[sympy.Expr, tuple[sympy.Expr, dict[sympy.Expr, sympy.Expr]]] = {}

    def split(self, base: sympy.Expr) -> tuple[sympy.Expr, dict[sympy.Expr, sympy.Expr]]:
        """content and {positive base: integer or symbolic exponent} with |base| = content * prod b^e."""
        if base in self._split:
            return self._split[base]
        content = S.One
        parts: dict[sympy.Expr, sympy.Expr] = {}
        numerator, denominator = sympy.together(base).as_numer_denom()
        for side, sign in ((numerator, 1), (denominator, -1)):
            for factor in sympy.Mul.make_args(self._factor(side)):
                b, e = factor.as_base_exp()
                if isinstance(factor, sympy.exp):
                    b, e = factor, S.One
                if not b.has(self._x):
                    content *= self._magnitude(b) ** (e * sign)
                    continue
                if isinstance(b, sympy.exp):
                    parts[b] = parts.get(b, S.Zero) + e * sign
                    continue
                inner, canonical = self._canonical(b)
                content *= inner ** (e * sign)
                parts[canonical] = parts.get(canonical, S.Zero) + e * sign
        if content.is_positive is not True and not self._positive(content):
            content = -content
        self._split[base] = (content, parts)
        return content, parts

    def _magnitude(self, constant: sympy.Expr) -> sympy.Expr:
        """A constant factor or its negative, whichever is positive: logarithms of it stay real."""
        if constant.is_positive or self._positive(constant):
            return constant
        return sympy.expand(-constant)

    def _factor(self, expression: sympy.Expr) -> sympy.Expr:
        if expression.is_Mul or expression.is_Pow:
            factors = [f.as_base_exp() for f in sympy.Mul.make_args(expression)]
            return sympy.Mul(*(b**e if isinstance(b**e, sympy.exp) else self._factor(b) ** e for b, e in factors))
        if not expression.is_Add:
            return expression
        expanded = sympy.expand(expression)
        _, moving = expanded.as_independent(self._x, as_Add=True)
        if len(sympy.Add.make_args(moving)) == 1 and expanded.as_independent(self._x, as_Add=True)[0] != 0:
            return expanded
        try:
            return sympy.factor(expanded)
        except (sympy.PolynomialError, NotImplementedError):
            return expanded

    def _canonical(self, base: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
        """A positive multiple of a base whose constant term (or leading coefficient) is one."""
        if base == self._x:
            return S.One, base
        expanded = sympy.expand(base)
        constant, moving = expanded.as_independent(self._x, as_Add=True)
        if constant == 0:
            lead, _ = sympy.Add.make_args(moving)[0].as_independent(self._x, as_Add=False)
        else:
            lead = constant
        if lead.is_Add:
            lead = sympy.Poly(expanded, self._x).LC() if expanded.is_polynomial(self._x) else S.One
        if lead.is_Add or (lead.is_number and abs(lead) == 1):
            lead = S.One
        scaled = sympy.expand(expanded / lead) if lead != 1 else expanded
        if not self._positive(scaled):
            scaled, lead = sympy.expand(-scaled), -lead
        magnitude = lead if lead.is_positive else (-lead if lead.is_negative else sympy.Abs(lead))
        return magnitude, scaled

    def encode(self, expression: sympy.Expr) -> sympy.Expr:
        """Bases and their logarithms replaced by symbols, so that expanding keeps them whole."""
        x = self._x
        if not expression.has(x):
            return expression
        if expression == x or expression.is_Symbol:
            return expression
        if isinstance(expression, sympy.log):
            content, parts = self.split(expression.args[0])
            return sympy.expand_log(sympy.log(content), force=True) + sympy.Add(
                *(e * (b.args[0] if isinstance(b, sympy.exp) else self._log_symbol(b)) for b, e in parts.items())
            )
        if isinstance(expression, sympy.exp):
            return expression
        if expression.is_Pow:
            base, exponent = expression.args
            if exponent.has(x):
                if base.has(x):
                    raise Declined(f"{expression} has the variable in base and exponent")
                return sympy.exp(exponent * sympy.log(base))
            if exponent.is_Integer and exponent > 0:
                return self.encode(base) ** exponent
            sign = 1
            if exponent.is_integer and not self._positive(base):
                sign = (-1) ** exponent
            content, parts = self.split(base)
            return (
                sign
                * content**exponent
                * sympy.Mul(
                    *(
                        sympy.exp(b.args[0] * e * exponent)
                        if isinstance(b, sympy.exp)
                        else self._symbol(b) ** (e * exponent)
                        for b, e in parts.items()
                    )
                )
            )
        if expression.is_Add or expression.is_Mul:
            return expression.func(*(self.encode(a) for a in expression.args))
        raise Declined(f"{expression.func.__name__} of the variable")

    def _symbol(self, base: sympy.Expr) -> sympy.Symbol:
        if base == self._x:
            return self._x
        return self._bases.setdefault(base, sympy.Dummy("b", positive=True))

    def _log_symbol(self, base: sympy.Expr) -> sympy.Symbol:
        return self._logs.setdefault(base, sympy.Dummy("l", real=True))

    def _decode(self, expression: sympy.Expr) -> sympy.Expr:
        return expression.xreplace(
            {v: k for k, v in self._bases.items()} | {v: sympy.log(k) for k, v in self._logs.items()}
        )

    def kernel(self, log_density: sympy.Expr) -> Kernel:
        """The kernel of a log-density."""
        encoded = sympy.expand(self.encode(log_density), power_exp=False, power_base=False)
        powers: dict[sympy.Expr, sympy.Expr] = {}
        exponent, constant = [], []
        back = {v: k for k, v in self._logs.items()}
        moving = {self._x, *back, *self._bases.values()}
        for term in sympy.Add.make_args(encoded):
            if not term.free_symbols & moving:
                constant.append(term)
                continue
            free, dependent = term.as_independent(*moving, as_Add=False)
            if dependent in back:
                powers[back[dependent]] = powers.get(back[dependent], S.Zero) + free
            else:
                exponent.append(self._decode(term))
        return Kernel(powers, sympy.Add(*exponent), sympy.Add(*constant))

    def terms(self, kernel: Kernel, factor: sympy.Expr) -> list[Term]:
        """The terms of `factor * exp(log-density)`, the kernel's constant left out."""
        encoded = sympy.expand(self.encode(absorb(factor)), power_exp=False, power_base=False)
        back = {v: k for k, v in self._bases.items()}
        logs = {v: k for k, v in self._logs.items()}
        x = self._x
        collected: dict[tuple, list[sympy.Expr]] = {}
        for term in sympy.Add.make_args(encoded):
            coefficient, powers, exponent = S.One, dict(kernel.powers), kernel.exponent
            log_powers: dict[sympy.Expr, int] = {}
            for f in sympy.Mul.make_args(term):
                if not f.free_symbols & {x, *back, *logs}:
                    coefficient *= f
                    continue
                if isinstance(f, sympy.exp):
                    exponent += f.args[0]
                    continue
                b, e = f.as_base_exp()
                if b == x or b in back:
                    key = x if b == x else back[b]
                    powers[key] = powers.get(key, S.Zero) + e
                elif b in logs and e.is_Integer and e > 0:
                    log_powers[logs[b]] = log_powers.get(logs[b], 0) + int(e)
                else:
                    raise Declined(f"factor {self._decode(f)}")
            key = (
                frozenset((b, sympy.expand(e)) for b, e in powers.items()),
                frozenset(log_powers.items()),
                sympy.expand(exponent),
            )
            collected.setdefault(key, []).append(coefficient)
        found = []
        for (powers_key, logs_key, exponent), coefficients in collected.items():
            total = sympy.Add(*coefficients)
            if total != 0:
                found.append(Term(total, dict(powers_key), dict(logs_key), exponent))
        return found


@dataclass
class Structure:
    """How the variable occurs inside an exponent and inside bases."""

    powers: set[sympy.Expr]
    exponentials: set[sympy.Expr]
    logs: bool
    other: set[sympy.Expr]


def structure(terms: list[Term], x: sympy.Symbol) -> Structure:
    """Inspect what a change of variables has to straighten out."""
    found = Structure(set(), set(), False, set())

    def visit(node: sympy.Expr) -> None:
        if not node.has(x):
            return
        if node == x:
            found.powers.add(S.One)
        elif isinstance(node, sympy.exp):
            found.exponentials.add(sympy.expand(node.args[0]))
        elif isinstance(node, sympy.log):
            if node.args[0] == x:
                found.logs = True
            else:
                found.other.add(node)
        elif node.is_Pow and node.base == x and not node.exp.has(x):
            found.powers.add(node.exp)
        elif node.is_Pow and not node.exp.has(x):
            visit(node.base)
        elif node.is_Add or node.is_Mul:
            for a in node.args:
                visit(a)
        else:
            found.other.add(node)

    for term in terms:
        visit(term.exponent)
        for base in term.bases:
            if base != x:
                visit(base)
    return found
