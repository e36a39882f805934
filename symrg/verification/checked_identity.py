"""Algebraic identities, checked modulo a large prime: for `checker`, which knows nothing of ours.

Both sides are evaluated in the field of residues modulo p = 2^127 - 1 at random values of the symbols, with a random
element for every exponential, logarithm or other function of an argument (equal arguments, equal elements). Two
different rational functions agree at a random point with a probability below their degree over p, so that agreement at
many points proves the identity but for a chance beyond notice. Of functions only these laws are used: a root is
a root, exp(a + b) = exp(a) exp(b), exp(k a) = exp(a)^k, log(a b) = log a + log b, cosh and sinh through exp,
cos^2 + sin^2 = 1. Branches of roots and logarithms are not seen here; the points in ball arithmetic see them.
"""

from __future__ import annotations

import hashlib
import math
import random
from fractions import Fraction
from typing import Any

from symrg.verification.checked_derivatives import NoDerivative, derivative

P = 2**127 - 1
POINTS = 24
_SPLIT = 5040  # exp(c t) is a power of exp(t/5040)
_DEEPEST = 40
_CONSTANTS = ("pi", "e", "i", "euler", "catalan", "golden")


class NoIdentity(ValueError):
    """Something has no place in this arithmetic; nothing is said."""


class _Unlucky(ValueError):
    """A division by zero, or a root of a non-residue: another point is drawn."""


def identical(left: list[Any], right: list[Any], seed: int = 1) -> bool:
    """Whether two trees agree as rational functions of their symbols, roots and functions.

    Raises:
        NoIdentity: a tree holds something that has no place here, or no point could be evaluated.
    """
    agreed = 0
    for attempt in range(400 * POINTS):
        point = _Point(f"{seed}/{attempt}")
        try:
            if point.value(left) != point.value(right):
                return False
        except _Unlucky:
            continue
        agreed += 1
        if agreed == POINTS:
            return True
    raise NoIdentity("no point could be evaluated: roots of roots")


class _Point:
    """Residues for the symbols and kernels of one random point."""

    def __init__(self, seed: str):
        self.seed = seed

    def random(self, *key: Any) -> int:
        """The residue that belongs to a key at this point; never 0."""
        digest = hashlib.sha256(repr((self.seed, key)).encode()).digest()
        return 1 + random.Random(digest).randrange(P - 1)

    def value(self, tree: list[Any]) -> int:
        head, *rest = tree
        if head == "sym":
            return self.random("sym", rest[0])
        if head == "rat":
            return int(rest[0]) * _inverse(int(rest[1])) % P
        if head == "e":
            return self.exponential(["rat", "1", "1"])
        if head in _CONSTANTS:
            if head == "i":
                raise NoIdentity("complex numbers")
            return self.random(head)
        if head == "add":
            return sum(self.value(t) for t in rest) % P
        if head == "mul":
            total = 1
            for t in rest:
                total = total * self.value(t) % P
            return total
        if head == "pow":
            return self.power(*rest)
        if head == "exp":
            return self.exponential(rest[0])
        if head in ("sinh", "cosh", "tanh"):
            up = self.exponential(rest[0])
            down = _inverse(up)
            half = _inverse(2)
            odd, even = (up - down) * half % P, (up + down) * half % P
            return odd if head == "sinh" else even if head == "cosh" else odd * _inverse(even) % P
        if head in ("sin", "cos", "tan"):
            t = self.random("angle", self.value(rest[0]))  # a rational parametrisation of the circle
            down = _inverse(1 + t * t)
            sine, cosine = 2 * t * down % P, (1 - t * t) * down % P
            return sine if head == "sin" else cosine if head == "cos" else sine * _inverse(cosine) % P
        if head == "derivative":
            try:
                return self.value(derivative(rest[0], rest[1], int(rest[2])))
            except NoDerivative as reason:
                raise NoIdentity(str(reason)) from None
        if head == "log":
            return self.logarithm(rest[0])
        if head in (
            "erf",
            "gamma",
            "loggamma",
            "polygamma",
            "atan",
            "asin",
            "acos",
            "besselk",
            "besseli",
            "Abs",
        ):
            return self.random(head, *(self.value(t) for t in rest))
        raise NoIdentity(f"{head!r} has no place in an algebraic identity")

    def power(self, base: list[Any], exponent: list[Any]) -> int:
        if exponent[0] != "rat":
            if base == ["e"]:
                return self.exponential(exponent)
            return self.exponential(["mul", exponent, ["log", base]])
        p, q = int(exponent[1]), int(exponent[2])
        value = self.value(base)
        if q > 1:
            value = _root(value, q)
        return pow(value, p, P) if p >= 0 else pow(_inverse(value), -p, P)

    def logarithm(self, argument: list[Any]) -> int:
        """The sum of the logarithms of the factors, branches left aside."""
        terms = self.monomials(argument, 0)
        if len(terms) != 1:
            return self.random("log", self.value(argument))
        ((monomial, coefficient),) = terms.items()
        total = 0 if coefficient == 1 else self.random("log", coefficient)
        for (kind, residue), power in monomial:
            total += power * self.random("log", kind, residue)
        return total % P

    def exponential(self, argument: list[Any]) -> int:
        """A product of powers of kernels, one for every monomial of the argument."""
        total = 1
        for monomial, coefficient in self.monomials(argument, 0).items():
            power = coefficient * _SPLIT
            if power.denominator != 1 or abs(power.numerator) > 10**7:
                raise NoIdentity("an exponent with a large denominator")
            kernel = self.random("exp", *monomial)
            if (
                len(monomial) == 1
                and monomial[0][1] == 1
                and monomial[0][0][0] == "log"
                and coefficient.denominator == 1
            ):
                kernel, power = monomial[0][0][1], coefficient  # exp(n log b) = b^n
            total = (
                total
                * (pow(kernel, power.numerator, P) if power >= 0 else pow(_inverse(kernel), -power.numerator, P))
                % P
            )
        return total

    def monomials(self, tree: list[Any], depth: int) -> dict[tuple[Any, ...], Fraction]:
        """A tree multiplied out: powers of atoms -> coefficient; an atom is known by its residue."""
        if depth > _DEEPEST:
            raise NoIdentity("an exponent that is nested too deeply")
        head, *rest = tree
        if head == "rat":
            return {(): Fraction(int(rest[0]), int(rest[1]))}
        if head == "add":
            total: dict[tuple[Any, ...], Fraction] = {}
            for t in rest:
                for m, c in self.monomials(t, depth + 1).items():
                    total[m] = total.get(m, Fraction(0)) + c
            return {m: c for m, c in total.items() if c}
        if head == "mul":
            product: dict[tuple[Any, ...], Fraction] = {(): Fraction(1)}
            for t in rest:
                product = _times(product, self.monomials(t, depth + 1))
            return product
        if head == "pow" and rest[1][0] == "rat" and rest[1][2] == "1":
            n = int(rest[1][1])
            inner = self.monomials(rest[0], depth + 1)
            if len(inner) == 1:
                ((m, c),) = inner.items()
                return {tuple((a, e * n) for a, e in m): c**n}
            if 0 <= n <= 8:
                product = {(): Fraction(1)}
                for _ in range(n):
                    product = _times(product, inner)
                return product
        if head == "log":
            return {((("log", self.value(rest[0])), 1),): Fraction(1)}
        return {((("atom", self.value(tree)), 1),): Fraction(1)}


def _times(a: dict[tuple[Any, ...], Fraction], b: dict[tuple[Any, ...], Fraction]) -> dict[tuple[Any, ...], Fraction]:
    if len(a) * len(b) > 4000:
        raise NoIdentity("an exponent with too many terms")
    found: dict[tuple[Any, ...], Fraction] = {}
    for m, c in a.items():
        for n, d in b.items():
            powers: dict[Any, int] = dict(m)
            for atom, e in n:
                powers[atom] = powers.get(atom, 0) + e
            key = tuple(sorted((x, e) for x, e in powers.items() if e))
            found[key] = found.get(key, Fraction(0)) + c * d
    return {m: c for m, c in found.items() if c}


def _inverse(a: int) -> int:
    if a % P == 0:
        raise _Unlucky
    return pow(a, P - 2, P)


def _root(a: int, q: int) -> int:
    """A q-th root: that which is itself a square, where q is a power of two."""
    while q % 2 == 0:
        root = pow(a, (P + 1) // 4, P)
        if root * root % P != a % P:
            raise _Unlucky
        a, q = root, q // 2
    if q == 1:
        return a
    if q > 64 or math.gcd(q, P - 1) != 1:
        raise NoIdentity(f"roots of degree {q}")
    return pow(a, pow(q, -1, P - 1), P)
