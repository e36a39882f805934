"""The width of a displayed formula, estimated from its LaTeX in em, so that breaking lines needs no TeX."""

from __future__ import annotations

import re
from collections.abc import Sequence

TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|\s+|.", re.DOTALL)
"""One token of LaTeX: a command, white space, or a character."""

RELATIONS = frozenset(
    [
        r"=",
        r"<",
        r">",
        r"\leq",
        r"\geq",
        r"\neq",
        r"\approx",
        r"\propto",
        r"\equiv",
        r"\sim",
        r"\to",
        r"\le",
        r"\ge",
        r"\coloneqq",
        r"\mapsto",
        r"\in",
        r"\parallel",
    ]
)
SIGNS = frozenset(("+", "-", r"\pm", r"\mp"))

# Measured in Computer Modern at 10 points, rounded up, with the space that TeX puts around.
_WIDTHS = {
    token: em
    for em, tokens in (
        (-0.17, r"\!"),
        (0.0, r"\mathrm \text \displaystyle \hat \bar \tilde \dot \ddot \vec"),
        (0.1, r"\mathcal \mathbb \mathbf \bigl \bigr"),
        (0.2, r"\, \: \; \operatorname \middle \Bigl \Bigr"),
        (0.3, r"[ ] | ' ! \left \right \biggl \biggr"),
        (0.4, "( )"),
        (0.5, r", / \{ \}"),
        (0.65, r"\Gamma \partial"),
        (0.8, r"\cdot \Theta \mid"),
        (1.0, r"\int \ln \infty \quad"),
        (1.2, r"\times \wedge \vee"),
        (1.5, r"\sum \prod \log \sin \det \dots \ldots \cdots"),
        (1.7, r"\exp \lim \cos \tan"),
        (2.1, r"\max \min \sinh \cosh \tanh \qquad"),
        (2.9, r"\arctan \arcsin \arccos"),
    )
    for token in tokens.split()
}


def width(text: str) -> float:
    """Estimated width of a displayed formula, in em."""
    tokens = TOKEN.findall(text)
    value, _ = _measure(tokens, 0, None)
    return value


def _argument(tokens: Sequence[str], i: int) -> tuple[float, int]:
    """Width of the argument that starts at token i (a group or a single token), and where it ends."""
    while i < len(tokens) and tokens[i].isspace():
        i += 1
    if i >= len(tokens):
        return 0.0, i
    if tokens[i] == "{":
        value, i = _measure(tokens, i + 1, "}")
        return value, i
    return _token_width(tokens[i]), i + 1


def _measure(tokens: Sequence[str], i: int, stop: str | None) -> tuple[float, int]:
    total, scripts = 0.0, 0.0
    while i < len(tokens):
        token = tokens[i]
        if token == stop:
            return total + scripts, i + 1
        if token in ("^", "_"):
            value, i = _argument(tokens, i + 1)
            scripts = max(scripts, 0.72 * value + 0.05)
            continue
        if token.isspace():
            i += 1
            continue
        total, scripts = total + scripts, 0.0
        if token in (r"\frac", r"\dfrac", r"\tfrac", r"\binom"):
            above, i = _argument(tokens, i + 1)
            below, i = _argument(tokens, i)
            total += max(above, below) + (1.5 if token == r"\binom" else 0.3)
        elif token == r"\sqrt":
            i += 1
            if i < len(tokens) and tokens[i] == "[":
                while tokens[i] != "]":
                    i += 1
                i += 1
            value, i = _argument(tokens, i)
            total += value + 0.9
        elif token == "{":
            value, i = _measure(tokens, i + 1, "}")
            total += value
        elif token == r"\begin":
            value, i = _environment(tokens, i)
            total += value
        else:
            total += _token_width(token)
            i += 1
    return total + scripts, i


def _environment(tokens: Sequence[str], i: int) -> tuple[float, int]:
    r"""Width of a matrix or of cases; i is the place of ``\begin``."""
    name_end = next((j for j in range(i, len(tokens)) if tokens[j] == "}"), len(tokens) - 1)
    name = "".join(tokens[i + 2 : name_end])
    depth, start, j = 1, name_end + 1, name_end + 1
    cells: list[list[float]] = [[]]
    while j < len(tokens):
        token = tokens[j]
        if token == r"\begin":
            depth += 1
        elif token == r"\end":
            depth -= 1
        if (depth == 1 and token in ("&", r"\\")) or depth == 0:
            value, _ = _measure(tokens[start:j], 0, None)
            cells[-1].append(value)
            start = j + 1
            if token == r"\\":
                cells.append([])
            if depth == 0:
                break
        j += 1
    end = next((k for k in range(j, len(tokens)) if tokens[k] == "}"), len(tokens) - 1)
    columns = max(map(len, cells))
    total = sum(max((row[c] for row in cells if c < len(row)), default=0.0) for c in range(columns))
    gaps = 0.0 if name in ("aligned", "split") else 1.0 * (columns - 1)
    return total + gaps + 1.6, end + 1


def _token_width(token: str) -> float:
    if token in RELATIONS:
        return 1.34
    if token in SIGNS:
        return 1.23
    if token in _WIDTHS:
        return _WIDTHS[token]
    if token.startswith("\\"):
        return 0.62 if len(token) > 2 else 0.5
    if token.isupper():
        return 0.8
    if token.isalpha():
        return 0.58
    if token.isdigit():
        return 0.5
    return 0.4
