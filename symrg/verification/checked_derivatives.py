"""Derivatives of expression trees by the rules of calculus: for `checker`, which knows nothing of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symrg.verification.checked_series import mentions

Tree = list[Any]
ZERO, ONE, TWO = ["rat", "0", "1"], ["rat", "1", "1"], ["rat", "2", "1"]
MOST_NODES = 200_000


class NoDerivative(ValueError):
    """There is no rule here for the derivative of something."""


def minus(a: Tree) -> Tree:
    """-a."""
    return times(["rat", "-1", "1"], a)


def plus(*parts: Tree) -> Tree:
    """The sum without zeros."""
    kept = [p for p in parts if p != ZERO]
    return ZERO if not kept else kept[0] if len(kept) == 1 else ["add", *kept]


def times(*parts: Tree) -> Tree:
    """The product, 0 where a factor is 0, without ones."""
    if ZERO in parts:
        return ZERO
    kept = [p for p in parts if p != ONE]
    return ONE if not kept else kept[0] if len(kept) == 1 else ["mul", *kept]


def power(a: Tree, n: int) -> Tree:
    """a^n."""
    return ["pow", a, ["rat", str(n), "1"]]


_ROOT_PI = ["pow", ["pi"], ["rat", "-1", "2"]]
_RULES: dict[str, Callable[[Tree], Tree]] = {
    "exp": lambda a: ["exp", a],
    "log": lambda a: power(a, -1),
    "sin": lambda a: ["cos", a],
    "cos": lambda a: minus(["sin", a]),
    "tan": lambda a: plus(ONE, power(["tan", a], 2)),
    "cot": lambda a: minus(plus(ONE, power(["cot", a], 2))),
    "sinh": lambda a: ["cosh", a],
    "cosh": lambda a: ["sinh", a],
    "tanh": lambda a: plus(ONE, minus(power(["tanh", a], 2))),
    "coth": lambda a: plus(ONE, minus(power(["coth", a], 2))),
    "asin": lambda a: ["pow", plus(ONE, minus(power(a, 2))), ["rat", "-1", "2"]],
    "acos": lambda a: minus(["pow", plus(ONE, minus(power(a, 2))), ["rat", "-1", "2"]]),
    "atan": lambda a: power(plus(ONE, power(a, 2)), -1),
    "asinh": lambda a: ["pow", plus(ONE, power(a, 2)), ["rat", "-1", "2"]],
    "atanh": lambda a: power(plus(ONE, minus(power(a, 2))), -1),
    "erf": lambda a: times(TWO, _ROOT_PI, ["exp", minus(power(a, 2))]),
    "erfc": lambda a: minus(times(TWO, _ROOT_PI, ["exp", minus(power(a, 2))])),
    "erfi": lambda a: times(TWO, _ROOT_PI, ["exp", power(a, 2)]),
    "loggamma": lambda a: ["polygamma", ZERO, a],
    "gamma": lambda a: times(["gamma", a], ["polygamma", ZERO, a]),
    "factorial": lambda a: times(["factorial", a], ["polygamma", ZERO, plus(a, ONE)]),
    "LambertW": lambda a: times(["LambertW", a], power(times(a, plus(ONE, ["LambertW", a])), -1)),
}


def derivative(tree: Tree, name: str, count: int = 1) -> Tree:
    """The derivative of a tree by a name, `count` times.

    Raises:
        NoDerivative: a rule is missing, or the result grows too large.
    """
    budget = [MOST_NODES]
    for _ in range(count):
        tree = _once(tree, name, budget)
    return tree


def _once(tree: Tree, name: str, budget: list[int]) -> Tree:
    budget[0] -= 1
    if budget[0] < 0:
        raise NoDerivative("a derivative that grows too large")
    if tree == ["sym", name]:
        return ONE
    if not mentions(tree, name):
        return ZERO
    head, *rest = tree

    def inner(t: Tree) -> Tree:
        return _once(t, name, budget)

    if head == "add":
        return plus(*map(inner, rest))
    if head == "mul":
        return plus(*(times(*rest[:k], inner(t), *rest[k + 1 :]) for k, t in enumerate(rest) if mentions(t, name)))
    if head == "pow":
        base, exponent = rest
        if exponent[0] == "rat":
            p, q = int(exponent[1]), int(exponent[2])
            return times(exponent, ["pow", base, ["rat", str(p - q), str(q)]], inner(base))
        grown = plus(times(inner(exponent), ["log", base]), times(exponent, inner(base), power(base, -1)))
        return times(tree, grown)
    if head in _RULES:
        return times(_RULES[head](rest[0]), inner(rest[0]))
    if head == "polygamma" and rest[0][0] == "rat":
        return times(["polygamma", plus_one(rest[0]), rest[1]], inner(rest[1]))
    if head == "derivative":
        return (
            ["derivative", inner(rest[0]), rest[1], rest[2]] if rest[1] != name else [*tree[:3], str(int(rest[2]) + 1)]
        )
    if head == "integral":
        body, variable, low, high, *marks = rest
        parts = [["integral", inner(body), variable, low, high, *marks]] if mentions(body, name) else []
        for end, sign in ((high, ONE), (low, ["rat", "-1", "1"])):
            if mentions(end, name):
                parts.append(times(sign, replaced(body, variable, end), inner(end)))
        return plus(*parts)
    if head == "sum" and not any(mentions(t, name) for t in rest[2:4]):
        return ["sum", inner(rest[0]), *rest[1:]]
    if head == "piecewise":
        return [head, *(["case", inner(value), condition] for _, value, condition in rest)]
    raise NoDerivative(f"no rule for the derivative of {head!r}")


def plus_one(number: Tree) -> Tree:
    """A rational number's successor."""
    return ["rat", str(int(number[1]) + int(number[2])), number[2]]


def replaced(tree: Any, name: str, value: Tree) -> Any:
    """A tree with a value in the place of a name that nothing in it binds."""
    if not isinstance(tree, list):
        return tree
    if tree == ["sym", name]:
        return value
    return [tree[0], *(replaced(t, name, value) for t in tree[1:])]
