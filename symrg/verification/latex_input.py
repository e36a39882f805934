r"""A reader for the common subset of LaTeX formulas, through the same tree and vocabulary as `symrg.parse`.

Read are: numbers, letters and Greek letters with subscripts, \frac, \sqrt, powers, brackets with or without \left
and \right, |x|, products by juxtaposition or \cdot, named functions (\sin x, \ln(x), \operatorname{erf}(x)),
\int, \sum, \prod with their limits, \frac{d}{dx} and \frac{\partial}{\partial x} in front of what they act on, and
relations. A name is what is declared: `\sigma_1` is the symbol sigma_1. Macros are not expanded and nothing is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import sympy as sp

from symrg.errors import FormulaError
from symrg.parsing import MAX_DEPTH, MAX_LENGTH, Node, build_tree, declared_names, refuse
from symrg.vocabulary import FUNCTIONS, GREEK

_TOKEN = re.compile(
    r"(?P<space>(?:\s|\\[,;:! ]|\\quad|\\qquad|~|&)+)"
    r"|(?P<command>\\(?:[A-Za-z]+|[{}|]))"
    r"|(?P<number>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
    r"|(?P<letter>[A-Za-z])"
    r"|(?P<operator>[-+*/^_{}()\[\]|=<>,!'])"
)
_FUNCTIONS = {
    **{n: n for n in ["sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "coth", "exp", "ln", "log"]},
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "Gamma": "gamma",
    "Beta": "beta",
    "zeta": "zeta",
    "max": "Max",
    "min": "Min",
    "Re": "re",
    "Im": "im",
    "arg": "arg",
}
_GREEK = set(GREEK.values()) - {"omicron"}
_VARIANTS = {"varepsilon": "epsilon", "vartheta": "theta", "varphi": "phi", "varrho": "rho", "varsigma": "sigma"}
_CONSTANTS = {"infty": "oo", "pi": "pi"}
_RELATIONS = {"le": "<=", "leq": "<=", "ge": ">=", "geq": ">=", "ne": "!=", "neq": "!=", "lt": "<", "gt": ">"}
_PRODUCTS = {"cdot": "*", "times": "*", "div": "/"}
_FONTS = {"mathrm", "mathit", "mathbf", "text", "operatorname", "mathsf", "rm"}
_IGNORED = {"left", "right", "big", "Big", "bigl", "bigr", "Bigl", "Bigr", "bigg", "Bigg", "displaystyle", "limits"}
_OPEN = {"(": ")", "[": "]", "{": "}"}


def parse_latex(text: str, symbols: Mapping[str, Any] | Iterable[sp.Symbol] = (), *, evaluate: bool = True) -> Any:
    """The SymPy object that a LaTeX formula denotes.

    Args:
        text: LaTeX, with or without dollar signs.
        symbols: as `symrg.parse` takes them.
        evaluate: False keeps the expression as printed.

    Returns:
        Expr or relational.

    Raises:
        FormulaError: the text isn't in the subset, or denotes nothing; `.position` is where.
    """
    names = declared_names(symbols)
    if not isinstance(text, str):
        raise FormulaError(f"a formula is text, given {type(text).__name__}")
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"formula of {len(text)} characters; at most {MAX_LENGTH} are read", MAX_LENGTH, text)
    try:
        tree = _Reader(text, names).whole()
    except RecursionError:
        raise FormulaError(f"the formula is nested too deeply: {text[:60]!r}..", 0, text) from None
    return build_tree(text, tree, names, evaluate)


class _Reader:
    """Recursive descent over LaTeX tokens; the tree is the one that the plain parser makes."""

    def __init__(self, text: str, names: Mapping[str, Any]):
        self.text, self.names = text, names
        self.tokens = self.scan(text)
        self.at = self.depth = 0
        self.bars = 0

    def scan(self, text: str) -> list[tuple[str, str, int]]:
        found, at = [], 0
        body = text
        if text.strip().startswith("$"):
            body = text.replace("$", " ")
        while at < len(body):
            match = _TOKEN.match(body, at)
            if match is None:
                refuse(text, at, f"unexpected character {text[at]!r} in LaTeX")
            kind, value = str(match.lastgroup), match.group()
            name = value[1:] if kind == "command" else ""
            if kind != "space" and name not in _IGNORED:
                if name in ("|", "lvert", "rvert", "vert"):
                    kind, value = "operator", "|"
                elif name in ("{", "lbrace", "lbrack", "lparen"):
                    kind, value = "operator", "("
                elif name in ("}", "rbrace", "rbrack", "rparen"):
                    kind, value = "operator", ")"
                found.append((kind, value, at))
            at = match.end()
        found.append(("end", "", len(text)))
        return found

    @property
    def token(self) -> tuple[str, str, int]:
        return self.tokens[min(self.at, len(self.tokens) - 1)]  # the end, however often it is taken

    def fail(self, reason: str) -> NoReturn:
        refuse(self.text, self.token[2], reason)

    def accept(self, value: str) -> bool:
        if self.token[1] == value and self.token[0] != "end":
            self.at += 1
            return True
        return False

    def expect(self, value: str) -> None:
        if not self.accept(value):
            self.fail(f"{value!r} was expected here, found {self.token[1] or 'the end'!r}")

    def whole(self) -> Node:
        if self.token[0] == "end":
            self.fail("empty formula")
        node = self.relation()
        if self.token[0] != "end":
            self.fail(f"unexpected {self.token[1]!r}")
        return node

    def relation(self) -> Node:
        parts: list[Any] = [self.sum()]
        while True:
            kind, value, _ = self.token
            sign = {"=": "==", "<": "<", ">": ">"}.get(value) or (
                _RELATIONS.get(value[1:]) if kind == "command" else None
            )
            if sign is None:
                break
            self.at += 1
            parts += [sign, self.sum()]
        return parts[0] if len(parts) == 1 else Node("compare", parts[0].position, args=tuple(parts))

    def sum(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"brackets nested more than {MAX_DEPTH} deep")
        position = self.token[2]
        terms = []
        sign = "+"
        if self.token[1] in ("+", "-"):
            sign = self.token[1]
            self.at += 1
        terms.append((sign, self.product(), position))
        while self.token[0] == "operator" and self.token[1] in ("+", "-"):
            sign, at = self.token[1], self.token[2]
            self.at += 1
            terms.append((sign, self.product(), at))
        self.depth -= 1
        if len(terms) == 1 and terms[0][0] == "+":
            return terms[0][1]
        if terms[0][0] == "-":
            terms[0] = ("+", Node("neg", position, args=(terms[0][1],)), position)
        return Node("sum", position, args=tuple(terms)) if len(terms) > 1 else terms[0][1]

    def product(self) -> Node:
        position = self.token[2]
        factors = [("*", self.factor(), position)]
        while True:
            kind, value, at = self.token
            if kind == "operator" and value in ("*", "/"):
                sign = value
                self.at += 1
            elif kind == "command" and value[1:] in _PRODUCTS:
                sign = _PRODUCTS[value[1:]]
                self.at += 1
            elif self.starts_factor():
                sign = "*"
            else:
                break
            factors.append((sign, self.factor(), at))
        return factors[0][1] if len(factors) == 1 else Node("product", position, args=tuple(factors))

    def starts_factor(self) -> bool:
        kind, value, _ = self.token
        if kind in ("number", "letter"):
            return not (value == "d" and self.differential_ahead())
        if kind == "operator":
            return value in ("(", "[", "{") or (value == "|" and not self.bars)
        return kind == "command" and value[1:] not in {*_RELATIONS, *_PRODUCTS}

    def differential_ahead(self) -> bool:
        """Whether a `d` begins the dx of the integral being read."""
        return bool(self.integrals) and self.tokens[self.at + 1][0] in ("letter", "command") and "d" not in self.names

    integrals = 0

    def factor(self) -> Node:
        node = self.atom()
        while True:
            if self.accept("!"):
                node = Node("call", node.position, "factorial", (node,))
            elif self.token[1] == "^":
                at = self.token[2]
                self.at += 1
                power = self.argument()
                euler = node.kind == "name" and node.value == "E" and "E" not in self.names
                node = Node("call", at, "exp", (power,)) if euler else Node("pow", at, args=(node, power))
            else:
                return node

    def argument(self) -> Node:
        """One brace group or one token, as LaTeX takes it."""
        if self.accept("{"):
            node = self.relation()
            self.expect("}")
            return node
        if self.token[0] == "number" and len(self.token[1]) > 1 and "." not in self.token[1]:
            kind, value, at = self.token
            self.tokens[self.at : self.at + 1] = [(kind, value[0], at), (kind, value[1:], at + 1)]
        if self.token[1] == "-":
            self.fail("put a negative exponent into braces")
        return self.atom()

    def atom(self) -> Node:
        kind, value, at = self.token
        if kind == "number":
            self.at += 1
            return Node("number", at, value)
        if kind == "letter":
            return self.name()
        if kind == "operator" and value in _OPEN:
            self.at += 1
            bars, self.bars = self.bars, 0
            node = self.relation()
            self.bars = bars
            self.expect(_OPEN[value])
            return node
        if value == "|":
            self.at += 1
            self.bars += 1
            node = self.sum()
            self.bars -= 1
            self.expect("|")
            return Node("call", at, "Abs", (node,))
        if kind == "command":
            return self.command()
        self.fail(
            "an operand was expected here" if kind != "end" else "the formula ends too early; an operand is missing"
        )

    def command(self) -> Node:
        _, value, at = self.token
        name = value[1:]
        if name in ("frac", "dfrac", "tfrac"):
            return self.fraction()
        if name == "sqrt":
            self.at += 1
            if self.accept("["):
                degree = self.sum()
                self.expect("]")
                return Node("call", at, "root", (self.argument(), degree))
            return Node("call", at, "sqrt", (self.argument(),))
        if name == "int":
            return self.integral()
        if name in ("sum", "prod"):
            return self.series("Sum" if name == "sum" else "Product")
        if name in ("binom", "dbinom"):
            self.at += 1
            return Node("call", at, "binomial", (self.argument(), self.argument()))
        if name in _FONTS or name in _GREEK or name in _VARIANTS or name in _CONSTANTS or name in _FUNCTIONS:
            return self.name()
        self.fail(f"the command {value} isn't in the subset that is read")

    def plain_group(self) -> str:
        """The letters of a brace group, such as {erf} or {1,x}."""
        self.expect("{")
        parts = []
        while self.token[1] != "}":
            if self.token[0] == "end":
                self.fail("'}' is missing")
            kind, value, _ = self.token
            parts.append(value[1:] if kind == "command" else value)
            self.at += 1
        self.at += 1
        return "".join(p for p in parts if p not in (",", "{"))

    def name(self) -> Node:
        """A symbol with its subscript, a constant, or a function with its argument."""
        kind, value, at = self.token
        self.at += 1
        word = value
        if kind == "command":
            word = value[1:]
            if word in _FONTS:
                word = self.plain_group()
        word = _VARIANTS.get(word, word)
        if self.token[1] == "_" and not (word in _FUNCTIONS and word not in self.names):
            self.at += 1
            if self.token[1] == "{":
                below = self.plain_group()
            elif self.token[0] == "end":
                self.fail("a subscript was expected after '_'")
            else:
                below = self.token[1].lstrip("\\")
                self.at += 1
            word = f"{word}_{below}"
        if word in self.names:
            return self.applied(word, at)
        if word in _CONSTANTS:
            return Node("name", at, _CONSTANTS[word])
        if word in _FUNCTIONS or word in FUNCTIONS:
            return self.function(_FUNCTIONS.get(word, word), at)
        if word == "e":
            return Node("name", at, "E")
        if word == "i" and kind == "command":
            return Node("name", at, "I")
        return Node("name", at, word)

    def applied(self, word: str, at: int) -> Node:
        """A declared name, with its arguments where it is a function."""
        if isinstance(self.names[word], sp.core.function.FunctionClass) and self.accept("("):
            return Node("call", at, word, self.arguments())
        return Node("name", at, word)

    def arguments(self) -> tuple[Node, ...]:
        found = [self.sum()]
        while self.accept(","):
            found.append(self.sum())
        self.expect(")")
        return tuple(found)

    def function(self, word: str, at: int) -> Node:
        power = None
        base = None
        if word == "log" and self.accept("_"):
            base = self.argument()
        if self.token[1] == "^":
            self.at += 1
            power = self.argument()
        if self.accept("("):
            arguments = self.arguments()
        elif self.token[1] in ("[", "{"):
            arguments = (self.atom(),)
        else:
            parts = [("*", self.factor(), at)]
            while self.token[0] in ("number", "letter") and self.starts_factor():
                parts.append(("*", self.factor(), at))
            if self.token[0] == "command" and self.token[1][1:] in _GREEK | set(_CONSTANTS) and self.starts_factor():
                parts.append(("*", self.factor(), at))
            arguments = (parts[0][1],) if len(parts) == 1 else (Node("product", at, args=tuple(parts)),)
        if base is not None:
            arguments = (*arguments, base)
        node = Node("call", at, word, arguments)
        if power is None:
            return node
        if power.kind == "neg":
            refuse(self.text, at, f"\\{word}^{{-1}} is ambiguous; write arc{word} or 1/\\{word}")
        return Node("pow", at, args=(node, power))

    def fraction(self) -> Node:
        at = self.token[2]
        operator = self.derivative_operator()
        if operator is not None:
            return operator
        self.at += 1
        numerator, denominator = self.argument(), self.argument()
        return Node("product", at, args=(("*", numerator, at), ("/", denominator, at)))

    def derivative_operator(self) -> Node | None:
        r"""\frac{d}{dx} f, \frac{\partial^2 f}{\partial x^2}: a derivative; None for another fraction."""
        at = self.token[2]
        pattern = re.compile(
            r"\\[dt]?frac\s*\{\s*(?:d|\\partial)\s*(?:\^\s*\{?\s*(?P<n>[0-9])\s*\}?)?\s*(?P<f>[^{}]*)\}\s*"
            r"\{\s*(?:d|\\partial)\s*(?P<x>\\?[A-Za-z]+(?:_\w|_\{\w+\})?)\s*(?:\^\s*\{?\s*(?P<m>[0-9])\s*\}?)?\s*\}"
        )
        match = pattern.match(self.text, at)
        if match is None or "d" in self.names:
            return None
        order = match["n"] or "1"
        if (match["m"] or "1") != order:
            refuse(self.text, at, "the orders above and below in this derivative differ")
        while self.token[0] != "end" and self.token[2] < match.end():
            self.at += 1
        if match["f"].strip():
            inner = _Reader(match["f"], self.names).whole()
            body = Node(inner.kind, at, inner.value, inner.args)
        else:
            body = self.product()
        variable = match["x"].lstrip("\\").replace("{", "").replace("}", "")
        pair = Node("tuple", at, args=(Node("name", at, variable), Node("number", at, order)))
        return Node("call", at, "Derivative", (body, pair))

    def bounds(self) -> tuple[Node, Node]:
        low = high = None
        while self.token[1] in ("_", "^"):
            sign = self.token[1]
            self.at += 1
            if self.accept("{"):
                node = self.relation()
                self.expect("}")
            elif self.token[1] == "-":
                self.at += 1
                node = Node("neg", self.token[2], args=(self.atom(),))
            else:
                node = self.argument()
            low, high = (node, high) if sign == "_" else (low, node)
        if low is None or high is None:
            self.fail("an integral, a sum or a product needs both limits")
        return low, high

    def integral(self) -> Node:
        at = self.token[2]
        self.at += 1
        low, high = self.bounds()
        self.integrals += 1
        body = self.sum()
        self.integrals -= 1
        if not self.accept("d") and not self.accept("\\mathrm"):
            self.fail("the integral's dx is missing")
        variable = self.name()
        return Node("call", at, "Integral", (body, Node("tuple", at, args=(variable, low, high))))

    def series(self, kind: str) -> Node:
        at = self.token[2]
        self.at += 1
        low, high = self.bounds()
        if low.kind != "compare" or len(low.args) != 3 or low.args[1] != "==" or low.args[0].kind != "name":
            refuse(self.text, at, "the lower limit of a sum is written k = 0")
        body = self.product()
        return Node("call", at, kind, (body, Node("tuple", at, args=(low.args[0], low.args[2], high))))
