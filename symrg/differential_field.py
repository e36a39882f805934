"""Exact arithmetic in the field of rational functions in the kernels of some expressions, closed under d/dx^k.

An expression such as `sin(x)/sqrt(y) + polygamma(1, a)` is a rational function of its kernels: symbols, roots,
exponentials, tangents of half angles, special functions. Sums, products and derivatives of such functions are
rational functions again, so that a curvature tensor costs a few polynomial products (FLINT) where repeated
simplification of SymPy trees would cost minutes, and what vanishes identically is seen to vanish. The result is
exact whatever the kernels; it is canonical where they are algebraically independent but for the relations known
here: the roots, and sine and cosine of one angle.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import lcm
from typing import Any

import sympy as sp
from flint import Ordering, fmpz_mpoly_ctx

from symrg.kernels import HYPERBOLIC, TRIGONOMETRIC, Kernel, Lattice, prepare, root_base, slope_of


class RationalFunction:
    """An element of a `DifferentialField`: numerator over denominator, in lowest terms."""

    __slots__ = ("denominator", "field", "numerator")

    def __init__(self, field: DifferentialField, numerator: Any, denominator: Any):
        self.field = field
        self.numerator = numerator
        self.denominator = denominator

    def __bool__(self) -> bool:
        return not self.numerator.is_zero()

    def __add__(self, other: RationalFunction) -> RationalFunction:
        if not other:
            return self
        if not self:
            return other
        if self.denominator == other.denominator:
            return self.field.quotient(self.numerator + other.numerator, self.denominator)
        g = self.denominator.gcd(other.denominator)
        left, right = self.denominator / g, other.denominator / g
        return self.field.quotient(self.numerator * right + other.numerator * left, left * other.denominator)

    def __neg__(self) -> RationalFunction:
        return RationalFunction(self.field, -self.numerator, self.denominator)

    def __sub__(self, other: RationalFunction) -> RationalFunction:
        return self + (-other)

    def __mul__(self, other: RationalFunction) -> RationalFunction:
        if not self or not other:
            return self.field.zero
        return self.field.quotient(self.numerator * other.numerator, self.denominator * other.denominator)

    def __truediv__(self, other: RationalFunction) -> RationalFunction:
        if not other:
            raise ZeroDivisionError("division by an element that vanishes identically")
        return self.field.quotient(self.numerator * other.denominator, self.denominator * other.numerator)

    def __pow__(self, n: int) -> RationalFunction:
        if n < 0:
            return (self.field.one / self) ** (-n)
        return self.field.quotient(self.numerator**n, self.denominator**n)

    def scaled(self, numerator: int, denominator: int = 1) -> RationalFunction:
        """The element times the rational number numerator/denominator."""
        return self.field.quotient(self.numerator * numerator, self.denominator * denominator)


class DifferentialField:
    """Rational functions in the kernels of `expressions`, with their derivatives by the coordinates.

    Args:
        expressions: what the field must contain.
        coordinates: the symbols by which one differentiates.
        depth: how many derivatives of the expressions are needed.
    """

    def __init__(self, expressions: Iterable[sp.Expr], coordinates: Sequence[sp.Symbol], depth: int = 2):
        self.coordinates = tuple(coordinates)
        fresh = [prepare(e) for e in expressions]
        self._roots: dict[tuple[str, Any, Any], int] = {}
        self._arguments: dict[tuple[str, Any], dict[Any, None]] = {}
        for coordinate in self.coordinates:
            self._scan(coordinate)
        done: set[tuple[str, Any, Any]] = set()
        for _ in range(depth + 1):
            for e in fresh:
                self._scan(e)
            keys = [*self._roots, *((*group, u) for group, known in self._arguments.items() for u in known)]
            new = [key for key in keys if key not in done]
            done.update(new)
            fresh = [d for key in new for x in self.coordinates if (d := slope_of(key, x)) is not None and d != 0]
        self._lattices = {group: Lattice(list(known)) for group, known in self._arguments.items()}
        self._kernels = self._order_kernels()
        self._index = {(k.kind, k.base, k.exponent): i for i, k in enumerate(self._kernels)}
        names = [f"g{i}" for i in range(len(self._kernels))] + [
            f"{letter}{i}"
            for i, k in enumerate(self._kernels)
            if k.kind in ("angle", "hyperbolic")
            for letter in ("s", "c")
        ]
        self._names = names
        self._context = fmpz_mpoly_ctx.get(names, Ordering.degrevlex)
        self._generators = self._context.gens()
        self._one = self._context.constant(1)
        self._relations: list[tuple[int, int, RationalFunction]] = []
        self.zero = RationalFunction(self, self._context.constant(0), self._one)
        self.one = RationalFunction(self, self._one, self._one)
        for i, k in enumerate(self._kernels):
            if k.kind == "root":
                self._relations.insert(0, (i, k.root, self._convert(k.base)))
        self._derivatives: dict[tuple[int, int], RationalFunction] = {}

    # ------------------------------------------------------------------ kernels

    def _note(self, kind: str, base: Any, root: int = 1) -> None:
        key = (kind, base, None)
        self._roots[key] = lcm(self._roots.get(key, 1), root)

    def _note_argument(self, kind: str, base: Any, argument: Any) -> None:
        self._arguments.setdefault((kind, base), {})[sp.expand(argument)] = None

    def _scan(self, e: Any) -> None:
        if e.is_Rational:
            return
        if e.is_Add or e.is_Mul:
            for a in e.args:
                self._scan(a)
        elif isinstance(e, sp.exp):
            self._note_argument("power", sp.E, e.args[0])
        elif e.is_Pow:
            base, exponent = e.args
            number, rest = exponent.as_coeff_Add()
            self._scan(base)
            if not number.is_Integer:
                if not number.is_Rational:
                    raise TypeError(f"exponent {number} is neither rational nor symbolic")
                kind = "plain" if base.is_Symbol else "root"
                self._note(kind, root_base(base), number.q)
            if rest != 0:
                self._note_argument("power", base, rest)
        elif isinstance(e, (*TRIGONOMETRIC, *HYPERBOLIC)):
            self._note_argument("angle" if isinstance(e, TRIGONOMETRIC) else "hyperbolic", None, e.args[0])
        elif e is sp.I:
            self._note("root", sp.S.NegativeOne, 2)
        else:
            self._note("plain", e)

    def _order_kernels(self) -> list[Kernel]:
        """Plain kernels first, then roots by size: a root's base then contains earlier generators only."""
        rank = {"plain": 0, "power": 1, "angle": 2, "hyperbolic": 2, "root": 3}
        kernels = [Kernel(*key, root) for key, root in self._roots.items()]
        for (kind, base), lattice in self._lattices.items():
            kernels += [Kernel(kind, base, u) for u in lattice.basis]
        return sorted(kernels, key=lambda k: (rank[k.kind], sp.count_ops(k.base or 0), str(k.base), str(k.exponent)))

    def _locate(self, kind: str, base: Any, exponent: Any = None) -> int:
        try:
            return self._index[kind, base, exponent]
        except KeyError:
            raise LookupError(
                f"{base} is not in the field: more derivatives were taken than its depth allows"
            ) from None

    # ------------------------------------------------------------------ arithmetic

    def quotient(self, numerator: Any, denominator: Any) -> RationalFunction:
        """numerator/denominator in lowest terms, roots reduced, square roots gone from the denominator."""
        for i, n, value in self._relations:
            numerator, denominator = self._reduce_root(numerator, denominator, i, n, value)
        if numerator.is_zero():
            return self.zero
        g = numerator.gcd(denominator)
        if not g.is_one():
            numerator, denominator = numerator / g, denominator / g
        if denominator.leading_coefficient() < 0:
            numerator, denominator = -numerator, -denominator
        return RationalFunction(self, numerator, denominator)

    def _reduce_root(self, top: Any, bottom: Any, i: int, n: int, value: RationalFunction) -> tuple[Any, Any]:
        degrees = top.degrees()[i], bottom.degrees()[i]
        if degrees[0] < n and degrees[1] == 0:
            return top, bottom
        top, a = self._lower(top, i, n, value)
        bottom, b = self._lower(bottom, i, n, value)
        top, bottom = top * b, bottom * a
        if n == 2 and bottom.degrees()[i]:
            even, odd = self._split(bottom, i)
            conjugate = even - odd * self._generators[i]
            if not (even.is_zero() or (even * even * value.denominator - odd * odd * value.numerator).is_zero()):
                return self._reduce_root(top * conjugate, bottom * conjugate, i, n, value)
            if even.is_zero():
                root = self._generators[i]
                return self._reduce_root(top * root, bottom * root, i, n, value)
        return top, bottom

    def _lower(self, p: Any, i: int, n: int, value: RationalFunction) -> tuple[Any, Any]:
        """(P, d): p = P/d with the degree of generator i in P below n."""
        degree = p.degrees()[i]
        if degree < n:
            return p, self._one
        steps = degree // n
        parts: dict[int, dict[tuple[int, ...], Any]] = {}
        for exponents, coefficient in p.to_dict().items():
            k, rest = divmod(int(exponents[i]), n)
            lowered = list(exponents)
            lowered[i] = rest
            parts.setdefault(k, {})[tuple(lowered)] = coefficient
        total = self._context.constant(0)
        for k, terms in parts.items():
            total += self._context.from_dict(terms) * value.numerator**k * value.denominator ** (steps - k)
        return total, value.denominator**steps

    def _split(self, p: Any, i: int) -> tuple[Any, Any]:
        even: dict[tuple[int, ...], Any] = {}
        odd: dict[tuple[int, ...], Any] = {}
        for exponents, coefficient in p.to_dict().items():
            lowered = list(exponents)
            (odd if exponents[i] else even)[(*lowered[:i], 0, *lowered[i + 1 :])] = coefficient
        return self._context.from_dict(even), self._context.from_dict(odd)

    def _generator(self, i: int) -> RationalFunction:
        return RationalFunction(self, self._generators[i], self._one)

    def number(self, p: int, q: int = 1) -> RationalFunction:
        """The rational number p/q."""
        return self.quotient(self._context.constant(p), self._context.constant(q))

    # ------------------------------------------------------------------ to and from SymPy

    def element(self, expression: sp.Expr) -> RationalFunction:
        """The expression as an element.

        Raises:
            LookupError: it contains a kernel that the field does not know.
        """
        return self._convert(prepare(expression))

    def _convert(self, e: Any) -> RationalFunction:
        if e.is_Rational:
            return self.number(int(e.p), int(e.q))
        if e.is_Add:
            total = self.zero
            for a in e.args:
                total = total + self._convert(a)
            return total
        if e.is_Mul:
            product = self.one
            for a in e.args:
                product = product * self._convert(a)
            return product
        if isinstance(e, sp.exp) or e.is_Pow:
            return self._convert_power(*e.as_base_exp()) if e.is_Pow else self._powers(sp.E, e.args[0])
        if isinstance(e, TRIGONOMETRIC):
            cosine, sine = self._circle(e.args[0], "angle")
            return sine if isinstance(e, sp.sin) else cosine
        if isinstance(e, HYPERBOLIC):
            cosine, sine = self._circle(e.args[0], "hyperbolic")
            return sine if isinstance(e, sp.sinh) else cosine
        if e is sp.I:
            return self._generator(self._locate("root", sp.S.NegativeOne))
        i = self._locate("plain", e)
        return self._generator(i) ** self._kernels[i].root

    def _convert_power(self, base: Any, exponent: Any) -> RationalFunction:
        if base is sp.E:
            return self._powers(base, exponent)
        number, rest = exponent.as_coeff_Add()
        value = self.one
        if number.is_Integer:
            value = self._convert(base) ** int(number)
        elif base.is_Symbol:
            i = self._locate("plain", base)
            value = self._generator(i) ** (self._kernels[i].root * int(number.p) // int(number.q))
        else:
            i = self._locate("root", root_base(base))
            value = self._generator(i) ** (self._kernels[i].root * int(number.p) // int(number.q))
        return value if rest == 0 else value * self._powers(base, rest)

    def _powers(self, base: Any, exponent: Any) -> RationalFunction:
        value = self.one
        for n, u in self._coordinates_of("power", base, exponent):
            value = value * self._generator(self._locate("power", base, u)) ** n
        return value

    def _coordinates_of(self, kind: str, base: Any, argument: Any) -> list[tuple[int, Any]]:
        if (kind, base) not in self._lattices:
            raise LookupError(f"the field has no {kind} kernel for {argument}")
        return self._lattices[kind, base].coordinates(sp.expand(argument))

    def _circle(self, argument: Any, kind: str) -> tuple[RationalFunction, RationalFunction]:
        """(cosine, sine) of an integer combination of the basic angles, by the tangents of their halves."""
        sign = -1 if kind == "angle" else 1
        cosine, sine = self.one, self.zero
        for n, u in self._coordinates_of(kind, None, argument):
            t = self._generator(self._locate(kind, None, u))
            square = t * t
            denominator = self.one - square.scaled(sign)
            c1, s1 = (self.one + square.scaled(sign)) / denominator, t.scaled(2) / denominator
            if n < 0:
                s1 = -s1
            for _ in range(abs(n)):
                cosine, sine = cosine * c1 + (sine * s1).scaled(sign), sine * c1 + cosine * s1
        return cosine, sine

    def derivative(self, f: RationalFunction, k: int) -> RationalFunction:
        """d f / d x^k, k counting the coordinates from 0."""
        total = self.zero
        top, bottom = f.numerator, f.denominator
        degrees = [max(a, b) for a, b in zip(top.degrees(), bottom.degrees())]
        for i in range(len(self._kernels)):
            if not degrees[i]:
                continue
            inner = self._generator_derivative(i, k)
            if not inner:
                continue
            slope = top.derivative(i) * bottom - top * bottom.derivative(i)
            total = total + self.quotient(slope, bottom * bottom) * inner
        return total

    def _generator_derivative(self, i: int, k: int) -> RationalFunction:
        if (i, k) not in self._derivatives:
            self._derivatives[i, k] = self._differentiate_generator(self._kernels[i], i, self.coordinates[k])
        return self._derivatives[i, k]

    def _differentiate_generator(self, kernel: Kernel, i: int, x: sp.Symbol) -> RationalFunction:
        g = self._generator(i)
        if kernel.kind == "plain" and kernel.base == x:
            return (self.one / g ** (kernel.root - 1)).scaled(1, kernel.root)
        inner = slope_of((kernel.kind, kernel.base, kernel.exponent), x)
        if inner is None or inner == 0:
            return self.zero
        slope = self._convert(inner)
        if kernel.kind == "power":
            return g * slope
        if kernel.kind == "root":
            return (g * slope / self._convert(prepare(kernel.base))).scaled(1, kernel.root)
        if kernel.kind in ("angle", "hyperbolic"):
            sign = 1 if kernel.kind == "angle" else -1
            return ((self.one + (g * g).scaled(sign)) * slope).scaled(1, 2)
        return slope

    def expression(self, f: RationalFunction) -> sp.Expr:
        """The element as a SymPy expression: a product of factors."""
        top, bottom = f.numerator, f.denominator
        turned: list[tuple[int, int, int, int]] = []
        for i, k in enumerate(self._kernels):
            if k.kind not in ("angle", "hyperbolic") or not (top.degrees()[i] or bottom.degrees()[i]):
                continue
            s = self._names.index(f"s{i}")
            sign = 1 if k.kind == "angle" else -1
            top, bottom = self._untangle(top, bottom, i, s, sign)
            turned.append((i, s, s + 1, sign))
        factors: dict[str, tuple[Any, int]] = {}
        constant = sp.S.One
        for p, sign in ((top, 1), (bottom, -1)):
            content, parts = p.factor()
            constant *= sp.Integer(int(content)) ** sign
            for q, n in parts:
                if q.leading_coefficient() < 0:
                    q, constant = -q, constant * (-1) ** n
                key = str(q)
                factors[key] = (q, factors.get(key, (q, 0))[1] + sign * int(n))
        for _, s, c, sign in turned:
            constant *= self._pair(factors, s, c, sign)
        result = constant
        for q, n in factors.values():
            if n:
                result *= self._polynomial(q) ** n
        return result

    def _untangle(self, top: Any, bottom: Any, i: int, s: int, sign: int) -> tuple[Any, Any]:
        """Replace t = tan(u/2) by s/(1 + c), and s^2 by +-(1 - c^2); the denominator is freed of s."""
        sine, cosine = self._generators[s], self._generators[s + 1]
        one = self._one
        square = (one - cosine * cosine) * sign
        degrees = top.degrees()[i], bottom.degrees()[i]
        parts = []
        for p, degree in zip((top, bottom), degrees):
            total = self._context.constant(0)
            for exponents, coefficient in p.to_dict().items():
                n = int(exponents[i])
                rest = list(exponents)
                rest[i] = 0
                term = self._context.from_dict({tuple(rest): coefficient})
                total += term * square ** (n // 2) * sine ** (n % 2) * (one + cosine) ** (degree - n)
            parts.append(total)
        parts[0] *= (one + cosine) ** max(degrees[1] - degrees[0], 0)
        parts[1] *= (one + cosine) ** max(degrees[0] - degrees[1], 0)
        even, odd = self._split(parts[1], s)
        if not odd.is_zero():
            a, b = self._split(parts[0], s)
            parts[0] = a * even - b * odd * square + (b * even - a * odd) * sine
            parts[1] = even * even - odd * odd * square
        g = parts[0].gcd(parts[1])
        return parts[0] / g, parts[1] / g

    def _pair(self, factors: dict[str, tuple[Any, int]], s: int, c: int, sign: int) -> sp.Expr:
        """Join (c - 1)(c + 1) = -+s^2 among the factors; returns the sign that this brings."""
        cosine = self._generators[c]
        keys = []
        for p in (cosine - self._one, cosine + self._one):
            q = p if p.leading_coefficient() > 0 else -p
            keys.append(str(q))
        powers = [factors[k][1] if k in factors else 0 for k in keys]
        if powers[0] * powers[1] <= 0:
            return sp.S.One
        n = min(powers) if powers[0] > 0 else max(powers)
        for k in keys:
            factors[k] = (factors[k][0], factors[k][1] - n)
        sine = self._generators[s]
        factors[str(sine)] = (sine, factors.get(str(sine), (sine, 0))[1] + 2 * n)
        return sp.Integer(-sign) ** n

    def _polynomial(self, p: Any) -> sp.Expr:
        terms = []
        for exponents, coefficient in p.to_dict().items():
            factors = [sp.Integer(int(coefficient))]
            for j, n in enumerate(exponents):
                if n:
                    factors.append(self._display(j, int(n)))
            terms.append(sp.Mul(*factors))
        return sp.Add(*terms)

    def _display(self, j: int, n: int) -> sp.Expr:
        if j >= len(self._kernels):
            i = int(self._names[j][1:])
            kernel = self._kernels[i]
            functions = {"angle": (sp.sin, sp.cos), "hyperbolic": (sp.sinh, sp.cosh)}[kernel.kind]
            return functions[self._names[j][0] == "c"](kernel.exponent) ** n
        kernel = self._kernels[j]
        if kernel.kind == "power":
            return sp.Pow(kernel.base, kernel.exponent * n)
        return sp.Pow(kernel.base, sp.Rational(n, kernel.root))
