r"""Whether an expression vanishes identically: evaluation at random points of a finite field.

A rational function that is not zero vanishes at a random point of F_p with a probability of at most degree / p
(Schwartz, Zippel); at several points of a field of 2^80 elements that chance is none. What is not rational is replaced
by what obeys the same laws:

- exp(u) by h^u, h of prime order q in F_p, with u evaluated in F_q, so that exp(u + v) = exp(u) exp(v) however u is
  written; cos and sin by exponentials, with i a root of -1;
- b^u with a symbolic u by a power of another element of order q; the integer part of the exponent acts on b itself;
- roots by roots in the field, of either sign, chosen at random, and |u| by u or -u: an identity that needs one branch
  is not found;
- integrals and sums, taken as they stand, by free variables;
- Bessel functions reduced to two neighbouring orders; logarithms and all other functions by free variables.

More is thereby asked than that the expression vanish: a yes is a proof but for that chance, a no is none.

Source: Schwartz, J. ACM 27 (1980) 701; Zippel, EUROSAM (1979) 216; Shoup, A Computational Introduction to Number Theory
and Algebra (2009), sec. 12.5 (square roots).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import sympy
from sympy import Expr

from symrg.budget import Declined

__all__ = ["vanishes"]

# Each prime divides the one before it less one; all are 1 modulo 4, and the first is 5 modulo 12.
_PRIMES = (124995137843455922889617, 101457092405402534813, 2305843009213693973)

_POINTS = 6
_ATTEMPTS = 120


class _Bad(Exception):
    """The point drawn is a pole, or has no root where one is needed."""


def vanishes(expression: Expr) -> bool:
    """Whether `expression` is zero for all values of its symbols, as far as random points of a finite field tell.

    Args:
        expression: of symbols, powers, exponentials, trigonometric, hyperbolic and other functions.

    Returns:
        True where it is zero at every point drawn; False where it is not, which proves nothing.

    Raises:
        Declined: it contains what has no counterpart in a finite field: a derivative, floating numbers, infinities;
            or integrals, and is not zero whatever their values.
    """
    if expression == 0:
        return True
    whole = sorted((e for e in expression.atoms(sympy.Integral, sympy.Sum)), key=sympy.count_ops, reverse=True)
    for e in whole:  # the outermost first
        expression = expression.xreplace({e: sympy.Dummy("whole", positive=e.is_positive)})
    unfit = (sympy.Derivative, sympy.Piecewise, sympy.Float)
    if expression.has(*unfit, sympy.nan, sympy.zoo, sympy.oo, -sympy.oo):
        raise Declined("no counterpart in a finite field")
    expression = _few_orders(expression)
    if any(f.args[0].has(sympy.pi) for f in expression.atoms(sympy.sin, sympy.cos)):
        expression = sympy.expand_trig(expression)
    draw = random.Random(20250410)
    zeros = 0
    for _ in range(_ATTEMPTS):
        try:
            if _Point(draw).value(expression) != 0:
                if whole:
                    raise Declined("an integral, which stands for itself alone")
                return False
        except _Bad:
            continue
        zeros += 1
        if zeros == _POINTS:
            return True
    raise Declined("too few points of the field have the roots that the expression needs")


@dataclass
class _Point:
    """A random point; `level` 0 holds values, level 1 exponents, level 2 exponents of exponents."""

    draw: random.Random
    level: int = 0
    values: dict[Expr, int] = field(default_factory=dict)
    roots: dict[int, int] = field(default_factory=dict)
    signs: dict[Expr, int] = field(default_factory=dict)
    above: _Point | None = None

    def __post_init__(self) -> None:
        self.prime = _PRIMES[self.level]

    def value(self, e: Expr) -> int:
        if e not in self.values:
            self.values[e] = self._value(e) % self.prime
        return self.values[e]

    def _value(self, e: Expr) -> int:
        if e.is_Rational:
            return e.p * self._inverse(e.q % self.prime)
        if e is sympy.I:
            return self._root(self.prime - 1)
        if e.is_Add:
            return sum(self.value(a) for a in e.args)
        if e.is_Mul:
            product = 1
            for a in e.args:
                product = product * self.value(a) % self.prime
            return product
        if isinstance(e, sympy.exp):
            return self._power(sympy.E, e.exp)
        if e.is_Pow:
            return self._raised(e.base, e.exp)
        if isinstance(e, (sympy.cos, sympy.sin)):
            up, down = (self._power(sympy.E, s * sympy.I * e.args[0]) for s in (1, -1))
            half = self._inverse(2)
            if isinstance(e, sympy.cos):
                return (up + down) * half
            return (up - down) * half * self._inverse(self.value(sympy.I))
        if isinstance(e, sympy.sign):
            return self._sign(e.args[0])
        if isinstance(e, sympy.Abs) and e.args[0].is_real:
            return self._sign(e.args[0]) * self.value(e.args[0])
        if isinstance(e, (sympy.functions.elementary.hyperbolic.HyperbolicFunction, sympy.tan, sympy.cot)):
            return self.value(e.rewrite(sympy.exp))
        return self.draw.randrange(1, self.prime)

    def _sign(self, e: Expr) -> int:
        """1 or -1: either, as long as it is the same for the same expression."""
        return self.signs.setdefault(e, self.draw.choice((1, -1)))

    def _raised(self, base: Expr, exponent: Expr) -> int:
        if exponent.is_Integer:
            return self._integer_power(self.value(base), int(exponent))
        if base.is_Pow and not base.exp.is_Integer:
            return self._raised(base.base, base.exp * exponent)
        if isinstance(base, sympy.exp):
            return self._power(sympy.E, base.exp * exponent)
        number, rest = sympy.expand(exponent).as_coeff_Add()
        product = 1
        for factor in sympy.Mul.make_args(sympy.factor(base)):
            inner, power = factor.as_base_exp()
            if not power.is_Integer:
                inner, power = factor, sympy.S.One
            if inner.could_extract_minus_sign() and not inner.is_number:
                inner = -inner
                product *= self._raised(sympy.S.NegativeOne, power * exponent) if power % 2 else 1
            if inner.is_positive:  # otherwise the root of a square has either sign
                product *= self._fraction(self.value(inner), number * power)
            else:
                product *= self._fraction(self._integer_power(self.value(inner), int(power)), number)
            if rest != 0:
                product *= self._power(inner, rest * power)
            product %= self.prime
        return product

    def _fraction(self, value: int, exponent: Expr) -> int:
        """value^(p/q) for q = 2^a 3^b."""
        q = int(exponent.q)
        while q % 3 == 0:  # every element is a cube, since the prime is 2 modulo 3
            if self.prime % 3 != 2:
                raise Declined("a cube root in an exponent")
            value, q = pow(value, (2 * self.prime - 1) // 3, self.prime), q // 3
        while q % 2 == 0:
            value, q = self._root(value), q // 2
        if q != 1:
            raise Declined(f"a root of order {exponent.q}")
        return self._integer_power(value, int(exponent.p))

    def _power(self, base: Expr, exponent: Expr) -> int:
        """base^exponent for an exponent that is no number: in a subgroup whose order is the next prime."""
        if self.level + 1 == len(_PRIMES):
            raise Declined("exponentials nested too deep")
        if self.above is None:
            self.above = _Point(self.draw, self.level + 1)
        key = sympy.Symbol("element", commutative=True), base
        element = self.values.get(sympy.Tuple(*key))
        if element is None:
            cofactor = (self.prime - 1) // _PRIMES[self.level + 1]
            element = pow(self.draw.randrange(2, self.prime), cofactor, self.prime)
            self.values[sympy.Tuple(*key)] = element
        return pow(element, self.above.value(exponent), self.prime)

    def _root(self, value: int) -> int:
        value %= self.prime
        if value not in self.roots:
            root = sympy.ntheory.residue_ntheory.sqrt_mod(value, self.prime)
            if root is None:
                raise _Bad
            self.roots[value] = int(root) * self.draw.choice((1, -1)) % self.prime
        return self.roots[value]

    def _integer_power(self, value: int, exponent: int) -> int:
        return pow(self._inverse(value), -exponent, self.prime) if exponent < 0 else pow(value, exponent, self.prime)

    def _inverse(self, value: int) -> int:
        if value % self.prime == 0:
            raise _Bad
        return pow(value, -1, self.prime)


def _few_orders(expression: Expr) -> Expr:
    """Bessel functions of one argument by two neighbouring orders: f(n + 1) = +-f(n - 1) + (2 n / z) f(n)."""
    kinds = {sympy.besselj: (-1, 1), sympy.bessely: (-1, 1), sympy.besseli: (1, -1), sympy.besselk: (1, 1)}
    for kind, (before, middle) in kinds.items():
        found = sorted(expression.atoms(kind), key=str)
        lowest: dict[Expr, list[Expr]] = {}
        for f in found:
            orders = lowest.setdefault(f.args[1], [])
            near = [k for k, n in enumerate(orders) if sympy.simplify(f.args[0] - n).is_Integer]
            if not near:
                orders.append(f.args[0])
            elif sympy.simplify(f.args[0] - orders[near[0]]) < 0:
                orders[near[0]] = f.args[0]
        replaced = {}
        for f in found:
            n, z = f.args
            start = next(m for m in lowest[z] if sympy.simplify(n - m).is_Integer)
            steps = int(sympy.simplify(n - start))
            low, high = kind(start, z), kind(sympy.expand(start + 1), z)
            for k in range(1, steps):
                low, high = high, before * low + middle * 2 * (start + k) / z * high
            replaced[f] = high if steps else low
        expression = expression.xreplace(replaced)
    return expression
