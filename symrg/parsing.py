"""Text to SymPy: the only door through which text becomes mathematics.

A tokenizer and a precedence-climbing parser make a tree of our own; the tree is built into SymPy objects through a
fixed vocabulary. Nothing of the text is ever evaluated as Python, and every step has a bound, so that a short text
can't ask for a long computation.

The grammar, from the loosest to the tightest: `|`, `&`, `~` (or `or`, `and`, `not`); comparisons, which chain as in
`0 < x < 1`; `+ -`; `* /`; the signs, so that -x^2 is -(x^2); `^` or `**`, from right to left; `!`. Multiplication is
always written. Decimals are exact rationals. A Greek letter stands for its name. A name that the author declares
wins over a function, a constant or a keyword of the same name. The variable that an integral, a sum, a product or a
limit binds need not be declared: a sum's is then an integer, the others' real.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import sympy as sp
from sympy.core.function import AppliedUndef, FunctionClass, UndefinedFunction

from symrg.budget import OutOfTime, within
from symrg.errors import FormulaError, UnsupportedExpression
from symrg.vocabulary import BINDERS, CONSTANTS, FUNCTIONS, GREEK, HINTS

MAX_LENGTH = 20_000  # characters
MAX_DEPTH = 60  # of nesting
MAX_BITS = 13_000  # of a number: about 3,900 digits
MAX_EXPONENT = 1_000_000
MAX_MAGNITUDE = 100_000  # of a constant exponent of e
SECONDS = 10.0

_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<operator>\*\*|<=|>=|==|!=|[-+*/^<>!&|~(),\[\]=])"
)
_SPELLING = str.maketrans(
    {"−": "-", "·": "*", "×": "*", "⋅": "*", "÷": "/", "≤": "≤", "∞": "∞", "\u00a0": " ", "\u2009": " "}
)
_SIGNS = {"≤": "<=", "≥": ">=", "≠": "!="}
_COMPARISONS: dict[str, Callable[..., Any]] = {
    "<": sp.Lt,
    "<=": sp.Le,
    ">": sp.Gt,
    ">=": sp.Ge,
    "==": sp.Eq,
    "!=": sp.Ne,
}
# operator -> left binding power
_POWERS = {
    "|": 10,
    "or": 10,
    "&": 20,
    "and": 20,
    **dict.fromkeys(_COMPARISONS, 40),
    "+": 50,
    "-": 50,
    "*": 60,
    "/": 60,
    "^": 80,
    "**": 80,
    "!": 90,
    "[": 100,
}
_NOT, _SIGN, _POWER = 30, 70, 75
_WORDS = {"and", "or", "not"}


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    position: int


@dataclass(frozen=True)
class Node:
    """A node of the syntax tree: kind, offset in the text, value and parts."""

    kind: str
    position: int
    value: Any = None
    args: tuple[Any, ...] = ()


def parse(text: str, symbols: Mapping[str, Any] | Iterable[sp.Symbol] = (), *, evaluate: bool = True) -> Any:
    """The SymPy object that a text denotes.

    Args:
        text: a formula, a relation or a combination of relations.
        symbols: name -> Symbol, undefined Function, IndexedBase or expression that stands for it; or the Symbols.
        evaluate: False keeps the expression as printed, without SymPy's automatic simplification.

    Returns:
        Expr, Matrix, relational or Boolean.

    Raises:
        FormulaError: the text isn't a formula, a name isn't declared, a value is undefined (1/0, log(0), oo - oo),
            or the computation it asks for is too large. `.position` is the offset of the first offending character.
    """
    names = declared_names(symbols)
    if not isinstance(text, str):
        raise FormulaError(f"a formula is text, given {type(text).__name__}")
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"formula of {len(text)} characters; at most {MAX_LENGTH} are read", MAX_LENGTH, text)
    tree = _Parser(text, names).whole()
    return build_tree(text, tree, names, evaluate)


def build_tree(text: str, tree: Node, names: dict[str, Any], evaluate: bool) -> Any:
    """The tree as a SymPy object, within `SECONDS`; the printed form is also evaluated, to see that it is defined."""
    try:
        value = within(SECONDS, _Builder(text, names, True).whole, tree)
        return value if evaluate else within(SECONDS, _Builder(text, names, False).whole, tree)
    except OutOfTime:
        refuse(text, tree.position, f"the formula took longer than {SECONDS:g} s to build; write a simpler one")
    except (RecursionError, MemoryError):
        refuse(text, tree.position, "the formula is nested too deeply")


def declared_names(symbols: Mapping[str, Any] | Iterable[sp.Symbol]) -> dict[str, Any]:
    """The declarations as a mapping.

    Raises:
        UnsupportedExpression: a value is not a SymPy symbol, function or expression.
    """
    pairs = symbols.items() if isinstance(symbols, Mapping) else [(getattr(s, "name", s), s) for s in symbols]
    names: dict[str, Any] = {}
    for name, value in pairs:
        if not isinstance(name, str) or not isinstance(value, sp.Basic | FunctionClass | sp.MatrixBase):
            raise UnsupportedExpression(
                f"symbols maps names to SymPy symbols, functions or expressions; given {name!r}: {value!r:.80}"
            )
        names[unicodedata.normalize("NFKC", name)] = value
    return names


def refuse(text: str, position: int, reason: str) -> NoReturn:
    """Raise a FormulaError with the line and a caret under the offending character."""
    position = max(0, min(position, len(text)))
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    line = text[start : end if end >= 0 else len(text)]
    column = position - start
    if len(line) > 100:
        cut = max(0, column - 50)
        line, column = line[cut : cut + 100], column - cut
    printable = "".join(c if c.isprintable() else "?" for c in line)
    raise FormulaError(f"{reason}\n  {printable}\n  {' ' * column}^", position, text)


def _tokens(text: str) -> list[_Token]:
    found = []
    at = 0
    plain = text.translate(_SPELLING)
    while at < len(text):
        if plain[at] in _SIGNS:
            found.append(_Token("operator", _SIGNS[plain[at]], at))
            at += 1
            continue
        if plain[at] == "∞":
            found.append(_Token("name", "oo", at))
            at += 1
            continue
        match = _TOKEN.match(plain, at)
        if match is None:
            hint = {
                ".": "a formula has no attributes or methods",
                '"': "a formula has no strings",
                "'": "a formula has no strings; write diff(f, x) for a derivative",
                "\\": "this is LaTeX; give it as such",
                "{": "use round brackets",
                "}": "use round brackets",
                ";": "one formula at a time",
                ":": "one formula at a time",
                "%": "a remainder has no place here",
            }.get(plain[at], "it has no meaning in a formula")
            refuse(text, at, f"unexpected character {text[at]!r}: {hint}")
        kind = str(match.lastgroup)
        if kind != "space":
            found.append(_Token(kind, match.group(), at))
            if kind == "number" and len(match.group()) > MAX_BITS // 4:
                refuse(text, at, f"number of {len(match.group())} digits; at most {MAX_BITS // 4} are read")
        at = match.end()
    found.append(_Token("end", "", len(text)))
    return found


class _Parser:
    """Precedence climbing over the tokens; long sums and products become flat nodes."""

    def __init__(self, text: str, names: Mapping[str, Any]):
        self.text = text
        self.names = names
        self.tokens = _tokens(text)
        self.at = 0
        self.depth = 0

    def whole(self) -> Node:
        if self.tokens[0].kind == "end":
            refuse(self.text, 0, "empty formula; write an expression such as x**2 + 1")
        node = self.expression(0)
        token = self.tokens[self.at]
        if token.kind != "end":
            self.unexpected(token)
        return node

    def unexpected(self, token: _Token) -> NoReturn:
        if token.kind == "end":
            reason = "the formula ends too early; an operand is missing"
        elif token.text == "=":
            reason = "a single = is not a relation; write == for equality"
        elif token.text == ")":
            reason = "closing bracket without an opening one, or an operand is missing before it"
        elif token.kind in ("number", "name") or token.text == "(":
            reason = f"two operands side by side; write an operator before {token.text!r}, such as *"
        else:
            reason = f"unexpected {token.text!r}; an operand was expected"
        refuse(self.text, token.position, reason)

    def operator(self) -> str | None:
        """The next token as an operator, None where it is none."""
        token = self.tokens[self.at]
        if token.kind == "operator" or (token.kind == "name" and token.text in _WORDS and token.text not in self.names):
            return token.text
        return None

    def expect(self, text: str) -> _Token:
        token = self.tokens[self.at]
        if token.kind != "operator" or token.text != text:
            if token.kind == "end":
                refuse(self.text, token.position, f"the formula ends too early; {text!r} is missing")
            if token.kind in ("number", "name") or token.text in ("(", "="):
                self.unexpected(token)
            refuse(self.text, token.position, f"{text!r} was expected here, found {token.text!r}")
        self.at += 1
        return token

    def expression(self, binding: int) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            refuse(self.text, self.tokens[self.at].position, f"brackets nested more than {MAX_DEPTH} deep")
        left = self.operand()
        while (sign := self.operator()) in _POWERS and _POWERS[str(sign)] > binding:
            left = self.extend(left, str(sign))
        self.depth -= 1
        return left

    def operand(self) -> Node:
        token = self.tokens[self.at]
        self.at += 1
        if token.kind == "number":
            return Node("number", token.position, token.text)
        sign = token.text
        if sign == "~" or (sign == "not" and sign not in self.names):
            return Node("not", token.position, args=(self.expression(_NOT),))
        if token.kind == "name":
            if sign in ("and", "or") and sign not in self.names:
                self.at -= 1
                self.unexpected(token)
            if self.tokens[self.at].text == "(":
                self.at += 1
                return Node("call", token.position, sign, self.items(")"))
            return Node("name", token.position, sign)
        if sign in ("+", "-"):
            negative = sign == "-"
            while self.tokens[self.at].text in ("+", "-"):
                negative ^= self.tokens[self.at].text == "-"
                self.at += 1
            inner = self.expression(_POWER if _SIGN < _POWER else _SIGN)
            return Node("neg", token.position, args=(inner,)) if negative else inner
        if sign == "(":
            items = self.items(")")
            if not items:
                refuse(self.text, token.position, "empty brackets")
            return items[0] if len(items) == 1 else Node("tuple", token.position, args=items)
        if sign == "[":
            return Node("list", token.position, args=self.items("]"))
        self.at -= 1
        self.unexpected(token)

    def items(self, closing: str) -> tuple[Node, ...]:
        found: list[Node] = []
        if self.tokens[self.at].text == closing:
            self.at += 1
            return ()
        while True:
            found.append(self.expression(0))
            if self.tokens[self.at].kind == "operator" and self.tokens[self.at].text == ",":
                self.at += 1
                if self.tokens[self.at].text == closing and len(found) > 1:
                    break
                continue
            break
        self.expect(closing)
        return tuple(found)

    def extend(self, left: Node, sign: str) -> Node:
        token = self.tokens[self.at]
        power = _POWERS[sign]
        if sign == "!":
            self.at += 1
            return Node("call", token.position, "factorial", (left,))
        if sign == "[":
            self.at += 1
            return Node("index", token.position, args=(left, *self.items("]")))
        if sign in ("^", "**"):
            self.at += 1
            return Node("pow", token.position, args=(left, self.expression(_POWER)))
        if sign in ("+", "-", "*", "/"):
            terms = [("+" if power == 50 else "*", left, left.position)]
            while (sign := str(self.operator())) in _POWERS and _POWERS[sign] == power:
                at = self.tokens[self.at].position
                self.at += 1
                terms.append((sign, self.expression(power), at))
            return Node("sum" if power == 50 else "product", left.position, args=tuple(terms))
        if sign in _COMPARISONS:
            parts: list[Any] = [left]
            while (sign := str(self.operator())) in _COMPARISONS:
                self.at += 1
                parts += [sign, self.expression(40)]
            return Node("compare", token.position, args=tuple(parts))
        kind = "or" if power == 10 else "and"
        parts = [left]
        while (sign := str(self.operator())) in _POWERS and _POWERS[sign] == power:
            self.at += 1
            parts.append(self.expression(power))
        return Node(kind, token.position, args=tuple(parts))


class _Builder:
    """Builds SymPy objects from the tree through the vocabulary, with a bound on every step."""

    def __init__(self, text: str, names: dict[str, Any], evaluate: bool):
        self.text = text
        self.names = names
        self.evaluate = evaluate
        self.scope: list[dict[str, Any]] = []

    def whole(self, node: Node) -> Any:
        value = self.build(node)
        if isinstance(value, list | tuple):
            return self.matrix(node, value)
        return value

    def refuse(self, node: Node, reason: str) -> NoReturn:
        refuse(self.text, node.position, reason)

    def build(self, node: Node) -> Any:
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
            self.refuse(node, f"undefined value: this is {_short(value)}; a formula must have a value")
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
        bits = sum(_bits(f) for f in factors)
        if bits > 2 * MAX_BITS:
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
        size = _magnitude(exponent)
        if size is None:
            return
        if exponent.is_Number and size > (MAX_EXPONENT if base.is_Symbol else 10_000) and base != sp.E:
            self.refuse(node, f"exponent {_short(exponent)} is too large")
        if base.is_Number and exponent.is_Number and base not in (1, -1, 0):
            if size * max(_bits(base), 1) > MAX_BITS and not (base.is_Rational and size < 2):
                self.refuse(node, f"power with more than {int(MAX_BITS * 0.301)} digits")
        elif base.is_number and size > MAX_MAGNITUDE:
            self.refuse(node, f"exponent {_short(exponent)} is too large")
        if any(_bits(n) * size > MAX_BITS for n in base.atoms(sp.Rational) if n not in (1, -1, 0) and size >= 2):
            self.refuse(node, f"power with more than {int(MAX_BITS * 0.301)} digits")

    def _compare(self, node: Node) -> Any:
        parts = node.args
        sides = [self.operand(p) for p in parts[::2]]
        if any(isinstance(s, sp.MatrixBase) for s in sides):
            self.refuse(node, "matrices can't be compared here")
        relations = [self.relation(node, _COMPARISONS[sign], a, b) for a, sign, b in zip(sides, parts[1::2], sides[1:])]
        return relations[0] if len(relations) == 1 else sp.And(*relations)

    def relation(self, node: Node, kind: Callable[..., Any], a: Any, b: Any) -> Any:
        if self.evaluate and a.is_number and not b.is_number and kind not in (sp.Eq, sp.Ne):
            return kind(a, b).reversed  # 0 < x as x > 0, which is what Python makes of it
        return kind(a, b, evaluate=self.evaluate)

    def truth(self, node: Node) -> Any:
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
        if not rows:
            self.refuse(node, "an empty list is not a matrix")
        rows = [r if isinstance(r, list | tuple) else [r] for r in rows]
        if len({len(r) for r in rows}) != 1 or not all(isinstance(e, sp.Expr) for r in rows for e in r):
            self.refuse(node, "a matrix is a list of rows of equal length, as in [[a, b], [c, d]]")
        return sp.ImmutableMatrix([list(r) for r in rows])

    def _call(self, node: Node) -> Any:
        name, declared = self.known(node.value)
        if isinstance(declared, UndefinedFunction):
            return self.applydeclared_names(node, name, declared)
        if declared is not None and not isinstance(declared, FunctionClass):
            self.refuse(node, f"{name} is declared as a symbol, not a function; write {name}*(..) for a product")
        if isinstance(declared, FunctionClass):
            return declared(*(self.scalar(a) for a in node.args))
        if name in BINDERS:
            return getattr(self, f"bind_{BINDERS[name]}")(node, name)
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

    def applydeclared_names(self, node: Node, name: str, function: Any) -> Any:
        arguments = [self.scalar(a) for a in node.args]
        allowed = getattr(function, "nargs", sp.S.Naturals0)
        if not arguments or len(arguments) not in allowed:
            self.refuse(node, f"{name} takes {allowed} argument(s), given {len(arguments)}")
        return function(*arguments)

    def sequence(self, node: Node) -> tuple[Any, ...]:
        value = self.build(node)
        values = value if isinstance(value, list | tuple) else [value]
        if len(values) > 20:
            self.refuse(node, "at most 20 parameters")
        return tuple(values)

    def bound_argument(self, node: Node, name: str, value: Any, bound: int | None) -> None:
        if name in FUNCTIONS and FUNCTIONS[name].most == 0:
            return
        size = _magnitude(value)
        if size is None or value in (sp.oo, -sp.oo):
            return
        if bound is not None and size > bound:
            self.refuse(node, f"{name} of the number {_short(value)}: at most {bound} is read")
        if name in ("exp", "sinh", "cosh", "gamma", "erfi", "Ei", "Shi", "Chi") and size > MAX_MAGNITUDE:
            self.refuse(node, f"{name} of the number {_short(value)} is too large")

    def arity(self, node: Node, name: str, least: int, most: int | None) -> None:
        given = len(node.args)
        if given < least or (most is not None and given > most):
            wanted = str(least) if most == least else f"{least} to {most}" if most is not None else f"{least} or more"
            self.refuse(node, f"{name} takes {wanted} argument(s), given {given}")

    # Forms that bind a variable.

    def limits(self, node: Node, name: str, integer: bool) -> tuple[Any, list[tuple[Any, ...]]]:
        """The body and the limits of an integral, sum or product: bounds are read outside, the body inside."""
        self.arity(node, name, 2, 4)
        triples: list[tuple[Any, ...]] = []
        local: dict[str, Any] = {}
        self.scope.append(local)
        try:
            for part in reversed(node.args[1:]):  # outer limits come last, and inner ones may depend on them
                pieces = part.args if part.kind == "tuple" else (part,)
                if pieces[0].kind != "name" or len(pieces) not in ((3,) if name != "integrate" else (1, 3)):
                    if name == "Integral" and len(pieces) == 1 and pieces[0].kind == "name":
                        pass
                    else:
                        self.refuse(part, f"limits are written (variable, lower, upper), as in {name}(f, (x, 0, 1))")
                bounds = [self.scalar(p) for p in pieces[1:]]
                variable = self.variable(pieces[0], bounds, integer)
                local[unicodedata.normalize("NFKC", self.known(pieces[0].value)[0])] = variable
                triples.insert(0, (variable, *bounds))
            return self.scalar(node.args[0]), triples
        finally:
            self.scope.pop()

    def variable(self, node: Node, bounds: list[Any], integer: bool) -> sp.Symbol:
        name, value = self.known(node.value)
        if value is None:
            return sp.Symbol(name, integer=True) if integer else sp.Symbol(name, real=True)
        if not isinstance(value, sp.Symbol):
            self.refuse(node, f"{name} can't be a variable: it stands for {_short(value)}")
        if len(bounds) == 2:
            low, high = bounds
            if (value.is_nonnegative and not low.is_nonnegative) or (value.is_nonpositive and not high.is_nonpositive):
                return sp.Symbol(name, integer=True) if value.is_integer else sp.Symbol(name, real=True)
        return value

    def bind_integral(self, node: Node, name: str) -> Any:
        body, limits = self.limits(node, name, False)
        return sp.Integral(body, *limits)

    def bind_sum(self, node: Node, name: str) -> Any:
        body, limits = self.limits(node, name, True)
        return sp.Sum(body, *limits)

    def bind_product(self, node: Node, name: str) -> Any:
        body, limits = self.limits(node, name, True)
        return sp.Product(body, *limits)

    def variables(self, node: Node, name: str) -> list[tuple[Any, int]]:
        """The variables of a derivative with their orders: x, x, 2 or (x, 2)."""
        self.arity(node, name, 2, 10)
        found: list[tuple[Any, int]] = []
        for part in node.args[1:]:
            if part.kind == "number" and found and part.value.isdigit():
                found[-1] = (found[-1][0], int(part.value[:6]))
                continue
            pieces: tuple[Any, ...] = part.args if part.kind == "tuple" else (part,)
            variable = self.build(pieces[0])
            order = self.build(pieces[1]) if len(pieces) == 2 else sp.Integer(1)
            if len(pieces) > 2 or not isinstance(variable, sp.Symbol | AppliedUndef | sp.Indexed):
                self.refuse(part, f"write {name}(f, x), {name}(f, x, 2) or {name}(f, (x, 2))")
            if not order.is_Integer or order < 0:
                self.refuse(part, "the order of a derivative is a whole number")
            found.append((variable, int(order)))
        if sum(order for _, order in found) > 30:
            self.refuse(node, "derivatives up to order 30 are read")
        return found

    def bind_derivative(self, node: Node, name: str) -> Any:
        return sp.Derivative(self.scalar(node.args[0]), *self.variables(node, name), evaluate=False)

    def bind_diff(self, node: Node, name: str) -> Any:
        value = self.bind_derivative(node, name)
        return value.doit() if self.evaluate else value

    def bind_limit(self, node: Node, name: str) -> Any:
        self.arity(node, name, 3, 4)
        direction = "+-"
        if len(node.args) == 4:
            mark = node.args[3]
            sign = mark.value if mark.kind in ("number", "name") else None
            direction = {"1": "+", "right": "+", "left": "-"}.get(str(sign), "")
            if mark.kind == "neg":
                direction = "-"
            if not direction:
                self.refuse(mark, "the direction of a limit is 1 (from above) or -1 (from below)")
        point = self.scalar(node.args[2])
        variable = self.variable(node.args[1], [], False) if node.args[1].kind == "name" else None
        if variable is None:
            self.refuse(node.args[1], "a limit is written Limit(f, x, point)")
        self.scope.append({self.known(node.args[1].value)[0]: variable})
        try:
            body = self.scalar(node.args[0])
        finally:
            self.scope.pop()
        if point in (sp.oo, -sp.oo):
            direction = "-" if point == sp.oo else "+"
        return sp.Limit(body, variable, point, direction)

    def bind_piecewise(self, node: Node, name: str) -> Any:
        self.arity(node, name, 1, 50)
        pieces = []
        for part in node.args:
            if part.kind != "tuple" or len(part.args) != 2:
                self.refuse(part, "Piecewise takes pairs, as in Piecewise((x, x > 0), (0, True))")
            pieces.append((self.scalar(part.args[0]), self.truth(part.args[1])))
        return sp.Piecewise(*pieces, evaluate=self.evaluate)

    def bind_matrix(self, node: Node, name: str) -> Any:
        self.arity(node, name, 1, 1)
        value = self.build(node.args[0])
        return value if isinstance(value, sp.MatrixBase) else self.matrix(node, value)


_DUMMY = sp.Dummy("finite", positive=True)


def _mentions_infinity(node: Node) -> bool:
    if node.kind == "name":
        return node.value in ("oo", "∞")
    return node.kind == "neg" and _mentions_infinity(node.args[0])


def _bits(value: Any) -> int:
    """Size of a number in bits; 0 for what is not a rational number."""
    if not getattr(value, "is_Rational", False):
        return 0
    return max(abs(value.p).bit_length(), value.q.bit_length())


def _magnitude(value: Any) -> float | None:
    """Rough size of a constant, None for what isn't one; its parts have been bounded before."""
    if not getattr(value, "is_number", False):
        return None
    if value.is_Rational:
        if abs(value.p).bit_length() - value.q.bit_length() > 300:
            return float("inf")
        return abs(float(value))
    try:
        size = abs(complex(value.evalf(5)))
    except (TypeError, ValueError, ArithmeticError):
        return None if value in (sp.oo, -sp.oo) else float("inf") if value.is_infinite else None
    return size


def _short(value: Any) -> str:
    """The value for a message, cut to 40 characters."""
    if _bits(value) > 200:
        return f"a number of {int(_bits(value) * 0.301) + 1} digits"
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."
