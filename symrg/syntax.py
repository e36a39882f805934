"""The grammar of formulas: text to tokens, and tokens to a syntax tree of our own.

From the loosest to the tightest: `|`, `&`, `~` (or `or`, `and`, `not`); comparisons, which chain as in `0 < x < 1`;
`+ -`; `* /`; the signs, so that -x^2 is -(x^2); `^` or `**`, from right to left; `!`. Multiplication is always written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from symrg.errors import FormulaError

MAX_DEPTH = 60  # of nesting
MAX_BITS = 13_000  # of a number: about 3,900 digits

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
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
# operator -> left binding power
_POWERS = {
    "|": 10,
    "or": 10,
    "&": 20,
    "and": 20,
    **dict.fromkeys(COMPARISONS, 40),
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
_SET_APART = {"<supe", "<frac"}  # how the decompositions of superscripts and of ½ begin
_LONGEST_REASON = 600


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


def refuse(text: str, position: int, reason: str) -> NoReturn:
    """Raise a FormulaError with the line and a caret under the offending character."""
    position = max(0, min(position, len(text)))
    if len(reason) > _LONGEST_REASON:
        reason = reason[:_LONGEST_REASON] + " .."
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
        if kind == "name":
            raised = next(
                (k for k, c in enumerate(match.group()) if unicodedata.decomposition(c)[:5] in _SET_APART), None
            )
            if raised is not None:  # x² would be read as the name x2
                refuse(text, at + raised, f"{text[at + raised]!r} is no letter of a name; write a power as x**2")
        if kind != "space":
            found.append(_Token(kind, match.group(), at))
            if kind == "number" and len(match.group()) > MAX_BITS // 4:
                refuse(text, at, f"number of {len(match.group())} digits; at most {MAX_BITS // 4} are read")
        at = match.end()
    found.append(_Token("end", "", len(text)))
    return found


class Parser:
    """Precedence climbing over the tokens; long sums and products become flat nodes."""

    def __init__(self, text: str, names: Mapping[str, Any]):
        self.text = text
        self.names = names
        self.tokens = _tokens(text)
        self.at = 0
        self.depth = 0

    def whole(self) -> Node:
        """The tree of the whole text."""
        if self.tokens[0].kind == "end":
            refuse(self.text, 0, "empty formula; write an expression such as x**2 + 1")
        node = self.expression(0)
        token = self.tokens[self.at]
        if token.kind != "end":
            self.unexpected(token)
        return node

    def unexpected(self, token: _Token) -> NoReturn:
        """Refuse a token that can't stand where it does."""
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
        """Take a token that must come next."""
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
        """The longest expression whose operators bind more tightly than `binding`."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            refuse(self.text, self.tokens[self.at].position, f"brackets nested more than {MAX_DEPTH} deep")
        left = self.operand()
        while (sign := self.operator()) in _POWERS and _POWERS[str(sign)] > binding:
            left = self.extend(left, str(sign))
        self.depth -= 1
        return left

    def operand(self) -> Node:
        """A number, a name, a call, a sign with its operand, or something in brackets."""
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
        """What stands between brackets, separated by commas; the closing one is taken."""
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
        """An operator and what follows it, joined to what came before."""
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
        if sign in COMPARISONS:
            parts: list[Any] = [left]
            while (sign := str(self.operator())) in COMPARISONS:
                self.at += 1
                parts += [sign, self.expression(40)]
            return Node("compare", token.position, args=tuple(parts))
        kind = "or" if power == 10 else "and"
        parts = [left]
        while (sign := str(self.operator())) in _POWERS and _POWERS[sign] == power:
            self.at += 1
            parts.append(self.expression(power))
        return Node(kind, token.position, args=tuple(parts))
