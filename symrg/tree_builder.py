"""The syntax tree of a formula built into SymPy objects, through a fixed vocabulary and with a bound on every step."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable
from typing import Any, NoReturn

import sympy as sp
from sympy.core.function import FunctionClass, UndefinedFunction

from symrg.binding_forms import BINDING_FORMS
from symrg.errors import FormulaError
from symrg.number_sizes import bits, magnitude, short
from symrg.syntax import MAX_BITS, Node, refuse
from symrg.vocabulary import BINDERS, CONSTANTS, FUNCTIONS, GREEK, HINTS

MAX_EXPONENT = 1_000_000
MAX_MAGNITUDE = 100_000  # of a constant exponent of e

_COMPARISONS: dict[str, Callable[..., Any]] = {
    "<": sp.Lt,
    "<=": sp.Le,
    ">": sp.Gt,
    ">=": sp.Ge,
    "==": sp.Eq,
    "!=": sp.Ne,
}


class Builder:
    """Builds SymPy objects from the tree through the vocabulary, with a bound on every step."""

    def __init__(self, text: str, names: dict[str, Any], evaluate: bool):
        self.text = text
        self.names = names
        self.evaluate = evaluate
        self.scope: list[dict[str, Any]] = []

    def whole(self, node: Node) -> Any:
        """The object that the whole tree denotes."""
        value = self.build(node)
        if isinstance(value, list | tuple):
            return self.matrix(node, value)
        return value

    def refuse(self, node: Node, reason: str) -> NoReturn:
        """Raise a FormulaError at a node."""
        refuse(self.text, node.position, reason)

    def build(self, node: Node) -> Any:
        """The object that a node denotes, checked."""
        try:
            value = getattr(self, f"_{node.kind}")(node)
        except FormulaError:
            raise
        except (RecursionError, MemoryError):
            raise
        except ZeroDivisionError:
            self.refuse(node, "division by zero")
        except (TypeError, ValueError, ArithmeticError, AttributeError, LookupError, NotImplementedError) as e:
            self.refuse(node, f"not defined: {str(e).splitlines()[0][:200] if str(e) else type(e).__name__}")
        if isinstance(value, sp.Basic | sp.MatrixBase):
            self.check(node, value)
        return value

    def check(self, node: Node, value: Any) -> None:
        """Refuse what is undefined or too large."""
        if node.kind == "name":
            return
        if value is sp.nan or value.has(sp.nan, sp.zoo) or value.has(sp.AccumBounds):
            self.refuse(node, f"undefined value: this is {short(value)}; a formula must have a value")
        if isinstance(value, sp.Expr) and value.has(sp.oo, -sp.oo):
            finite = value.replace(
                lambda e: isinstance(e, sp.Integral | sp.Sum | sp.Product | sp.Limit), lambda e: _DUMMY
            )
            if finite.has(sp.oo, -sp.oo) and not (finite in (sp.oo, -sp.oo) and _mentions_infinity(node)):
                self.refuse(node, "undefined value: infinite; oo may only be a bound, a limit point or stand alone")
        for number in value.atoms(sp.Rational) if hasattr(value, "atoms") else ():
            if max(abs(number.p).bit_length(), number.q.bit_length()) > MAX_BITS:
                self.refuse(node, f"number of more than {int(MAX_BITS * 0.301)} digits")

    def _number(self, node: Node) -> Any:
        mantissa, _, exponent = node.value.lower().partition("e")
        if exponent and abs(int(exponent)) > MAX_BITS // 4:
            self.refuse(node, f"decimal exponent {exponent[:20]} is too large; at most {MAX_BITS // 4}")
        whole, _, fraction = mantissa.partition(".")
        value = sp.Rational(int((whole + fraction) or "0"), 10 ** len(fraction))
        return value * sp.Integer(10) ** int(exponent) if exponent else value

    def look_up(self, name: str) -> Any:
        """What a declared or bound name stands for, the innermost binding first."""
        for scope in reversed(self.scope):
            if name in scope:
                return scope[name]
        return self.names.get(name)

    def known(self, name: str) -> tuple[str, Any]:
        """The declared object that a name stands for, None where there is none; Greek letters go by their names."""
        plain = unicodedata.normalize("NFKC", name)
        value = self.look_up(plain)
        if value is None:
            spelled = "".join(GREEK.get(c, c) for c in plain)
            if spelled != plain:
                plain = spelled
                value = self.look_up(plain)
        return plain, value

    def _name(self, node: Node) -> Any:
        name, value = self.known(node.value)
        if isinstance(value, FunctionClass):
            self.refuse(node, f"{name} is a function; give its arguments, as in {name}(x)")
        if value is not None:
            return value
        if name in CONSTANTS:
            return CONSTANTS[name]
        if name in FUNCTIONS or name in BINDERS:
            self.refuse(node, f"{name} is a function; give its arguments, as in {name}(x)")
        self.refuse(node, f"unknown symbol {name!r}; {self.alternatives(name)}")

    def alternatives(self, name: str) -> str:
        """What else the author may have meant by an unknown name."""
        mine = list(dict.fromkeys([*self.names, *(n for s in self.scope for n in s)]))
        shown = ", ".join(sorted(mine)[:20]) + (", .." if len(mine) > 20 else "")
        declared = f"declared are: {shown}" if mine else "no symbols are declared"
        if name in HINTS:
            return f"did you mean {HINTS[name]}? {declared}"
        near = difflib.get_close_matches(name, [*mine, *CONSTANTS, *FUNCTIONS, *BINDERS], 1, 0.7)
        return f"did you mean {near[0]}? {declared}" if near else declared

    def _neg(self, node: Node) -> Any:
        value = self.operand(node.args[0])
        if value.is_Number or self.evaluate or isinstance(value, sp.MatrixBase):
            return -value
        return sp.Mul(-1, value, evaluate=False)

    def operand(self, node: Node) -> Any:
        """An expression or a matrix."""
        value = self.build(node)
        if isinstance(value, list):
            return self.matrix(node, value)
        if isinstance(value, sp.Expr | sp.MatrixBase):
            return value
        kind = "a relation" if isinstance(value, sp.logic.boolalg.Boolean) else "a list of things"
        self.refuse(node, f"an expression was expected here, found {kind}")

    def scalar(self, node: Node) -> Any:
        """An expression that isn't a matrix."""
        value = self.operand(node)
        if isinstance(value, sp.MatrixBase):
            self.refuse(node, "a number was expected here, found a matrix")
        return value

    def _sum(self, node: Node) -> Any:
        terms = []
        for sign, part, _ in node.args:
            value = self.operand(part)
            if sign == "-":
                number = isinstance(value, sp.MatrixBase) or value.is_Number or self.evaluate
                value = -value if number else sp.Mul(-1, value, evaluate=False)
            terms.append(value)
        matrices = [isinstance(t, sp.MatrixBase) for t in terms]
        if any(matrices):
            if not all(matrices):
                self.refuse(node, "a matrix and a number can't be added")
            return sum(terms[1:], terms[0])
        return sp.Add(*terms, evaluate=self.evaluate)

    def _product(self, node: Node) -> Any:
        factors = []
        for sign, part, at in node.args:
            value = self.operand(part)
            if sign == "/":
                if isinstance(value, sp.MatrixBase):
                    refuse(self.text, at, "division by a matrix; multiply by M**-1")
                if value.is_zero:
                    refuse(self.text, at, "undefined value: division by zero")
                if value.is_Rational or self.evaluate:
                    value = 1 / value
                else:
                    value = sp.Pow(value, -1, evaluate=False)
            factors.append(value)
        if any(isinstance(f, sp.MatrixBase) for f in factors):
            total = factors[0]
            for factor in factors[1:]:
                total = total * factor
            return total
        size = sum(bits(f) for f in factors)
        if size > 2 * MAX_BITS:
            self.refuse(node, f"product of numbers with more than {int(MAX_BITS * 0.301)} digits")
        if all(f.is_Rational for f in factors):
            return sp.Mul(*factors)
        return sp.Mul(*factors, evaluate=self.evaluate)

    def _pow(self, node: Node) -> Any:
        base, exponent = self.operand(node.args[0]), self.scalar(node.args[1])
        if isinstance(base, sp.MatrixBase):
            if not (exponent.is_Integer and abs(exponent) <= 50 and max(base.shape) <= 6):
                self.refuse(node, "a matrix power needs an integer exponent up to 50, and at most 6 rows")
            return base**exponent
        self.bound_power(node, base, exponent)
        if self.evaluate or (base.is_Rational and exponent.is_Integer):
            return sp.Pow(base, exponent)
        return sp.Pow(base, exponent, evaluate=False)

    def bound_power(self, node: Node, base: Any, exponent: Any) -> None:
        """Refuse a power whose value, or whose expansion, would be too large."""
        if base.is_zero and exponent.is_negative:
            self.refuse(node, "undefined value: zero to a negative power")
        size = magnitude(exponent)
        if size is None:
            return
        if exponent.is_Number and size > (MAX_EXPONENT if base.is_Symbol else 10_000) and base != sp.E:
            self.refuse(node, f"exponent {short(exponent)} is too large")
        if base.is_Number and exponent.is_Number and base not in (1, -1, 0):
            if size * max(bits(base), 1) > MAX_BITS and not (base.is_Rational and size < 2):
                self.refuse(node, f"power with more than {int(MAX_BITS * 0.301)} digits")
        elif base.is_number and size > MAX_MAGNITUDE:
            self.refuse(node, f"exponent {short(exponent)} is too large")
        if any(bits(n) * size > MAX_BITS for n in base.atoms(sp.Rational) if n not in (1, -1, 0) and size >= 2):
            self.refuse(node, f"power with more than {int(MAX_BITS * 0.301)} digits")

    def _compare(self, node: Node) -> Any:
        parts = node.args
        sides = [self.operand(p) for p in parts[::2]]
        if any(isinstance(s, sp.MatrixBase) for s in sides):
            self.refuse(node, "matrices can't be compared here")
        relations = [self.relation(node, _COMPARISONS[sign], a, b) for a, sign, b in zip(sides, parts[1::2], sides[1:])]
        return relations[0] if len(relations) == 1 else sp.And(*relations)

    def relation(self, node: Node, kind: Callable[..., Any], a: Any, b: Any) -> Any:
        """One comparison."""
        if self.evaluate and a.is_number and not b.is_number and kind not in (sp.Eq, sp.Ne):
            return kind(a, b).reversed  # 0 < x as x > 0, which is what Python makes of it
        return kind(a, b, evaluate=self.evaluate)

    def truth(self, node: Node) -> Any:
        """A relation or a combination of relations."""
        value = self.build(node)
        if not isinstance(value, sp.logic.boolalg.Boolean) or isinstance(value, sp.Symbol):
            self.refuse(node, "a relation was expected here, such as x < 1")
        return value

    def _and(self, node: Node) -> Any:
        return sp.And(*(self.truth(a) for a in node.args))

    def _or(self, node: Node) -> Any:
        return sp.Or(*(self.truth(a) for a in node.args))

    def _not(self, node: Node) -> Any:
        return sp.Not(self.truth(node.args[0]))

    def _tuple(self, node: Node) -> Any:
        return tuple(self.build(a) for a in node.args)

    def _list(self, node: Node) -> Any:
        return [self.build(a) for a in node.args]

    def _index(self, node: Node) -> Any:
        base = self.build(node.args[0])
        indices = [self.scalar(a) for a in node.args[1:]]
        if isinstance(base, sp.IndexedBase) and indices:
            return base[tuple(indices)]
        if isinstance(base, sp.MatrixBase):
            if not all(i.is_Integer for i in indices):
                self.refuse(node, "the index of a matrix is an integer")
            return base[tuple(int(i) for i in indices)]
        self.refuse(node, "only an indexed symbol or a matrix takes an index in square brackets")

    def matrix(self, node: Node, rows: Any) -> Any:
        """A matrix from the rows of a list."""
        if not rows:
            self.refuse(node, "an empty list is not a matrix")
        rows = [r if isinstance(r, list | tuple) else [r] for r in rows]
        if len({len(r) for r in rows}) != 1 or not all(isinstance(e, sp.Expr) for r in rows for e in r):
            self.refuse(node, "a matrix is a list of rows of equal length, as in [[a, b], [c, d]]")
        return sp.ImmutableMatrix([list(r) for r in rows])

    def _call(self, node: Node) -> Any:
        name, declared = self.known(node.value)
        if isinstance(declared, UndefinedFunction):
            return self.apply_declared(node, name, declared)
        if declared is not None and not isinstance(declared, FunctionClass):
            self.refuse(node, f"{name} is declared as a symbol, not a function; write {name}*(..) for a product")
        if isinstance(declared, FunctionClass):
            return declared(*(self.scalar(a) for a in node.args))
        if name in BINDERS:
            return BINDING_FORMS[BINDERS[name]](self, node, name)
        if name not in FUNCTIONS:
            if name in CONSTANTS:
                self.refuse(node, f"{name} is a constant, not a function; write {name}*(..) for a product")
            self.refuse(node, f"unknown function {name!r}; {self.alternatives(name)}")
        entry = FUNCTIONS[name]
        self.arity(node, name, entry.least, entry.most)
        logic = name in ("And", "Or", "Not")
        if name == "hyper":
            arguments: list[Any] = [self.sequence(a) for a in node.args[:2]] + [self.scalar(node.args[2])]
        else:
            arguments = [self.truth(a) if logic else self.build(a) for a in node.args]
        for part, value in zip(node.args, arguments):
            if isinstance(value, sp.Expr):
                self.bound_argument(part, name, value, entry.bound)
            elif isinstance(value, list) and name in ("det", "trace", "transpose"):
                arguments = [self.matrix(part, value)]
            elif not logic and not isinstance(value, sp.MatrixBase | tuple):
                self.refuse(part, f"{name} takes numbers")
        return entry.build(*arguments, evaluate=self.evaluate)

    def apply_declared(self, node: Node, name: str, function: Any) -> Any:
        """A declared function of its arguments."""
        arguments = [self.scalar(a) for a in node.args]
        allowed = getattr(function, "nargs", sp.S.Naturals0)
        if not arguments or len(arguments) not in allowed:
            self.refuse(node, f"{name} takes {allowed} argument(s), given {len(arguments)}")
        return function(*arguments)

    def sequence(self, node: Node) -> tuple[Any, ...]:
        """The parameters of a hypergeometric function."""
        value = self.build(node)
        values = value if isinstance(value, list | tuple) else [value]
        if len(values) > 20:
            self.refuse(node, "at most 20 parameters")
        return tuple(values)

    def bound_argument(self, node: Node, name: str, value: Any, bound: int | None) -> None:
        """Refuse a number whose function would be too much work."""
        if name in FUNCTIONS and FUNCTIONS[name].most == 0:
            return
        size = magnitude(value)
        if size is None or value in (sp.oo, -sp.oo):
            return
        if bound is not None and size > bound:
            self.refuse(node, f"{name} of the number {short(value)}: at most {bound} is read")
        if name in ("exp", "sinh", "cosh", "gamma", "erfi", "Ei", "Shi", "Chi") and size > MAX_MAGNITUDE:
            self.refuse(node, f"{name} of the number {short(value)} is too large")

    def arity(self, node: Node, name: str, least: int, most: int | None) -> None:
        """Refuse a wrong number of arguments."""
        given = len(node.args)
        if given < least or (most is not None and given > most):
            wanted = str(least) if most == least else f"{least} to {most}" if most is not None else f"{least} or more"
            self.refuse(node, f"{name} takes {wanted} argument(s), given {given}")


_DUMMY = sp.Dummy("finite", positive=True)


def _mentions_infinity(node: Node) -> bool:
    if node.kind == "name":
        return node.value in ("oo", "∞")
    return node.kind == "neg" and _mentions_infinity(node.args[0])
