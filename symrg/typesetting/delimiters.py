r"""Parentheses that fit: ``\left( \right)`` only around what is tall.

Automatic delimiters put an inner space around what they hold and can't be broken over lines, so they are kept for
fractions, integrals, sums and matrices.
"""

from __future__ import annotations

import re

_TALL = re.compile(r"\\(frac|dfrac|int|iint|iiint|sum|prod|begin|binom|lim|substack|left|bigl)(?![A-Za-z])")
_OPENING = {r"\left(": "(", r"\left[": "[", r"\left\{": r"\{"}
_CLOSING = {r"\right)": ")", r"\right]": "]", r"\right\}": r"\}"}


def fit_delimiters(text: str) -> str:
    r"""Replace ``\left( ... \right)`` by plain parentheses around everything that is not tall."""
    out: list[str] = []
    stack: list[tuple[str, int]] = []
    for token in re.split(r"(\\left\s*(?:\\[A-Za-z{|]+|.)|\\right\s*(?:\\[A-Za-z}|]+|.))", text):
        if token.startswith(r"\left") and not token.startswith(r"\leftarrow"):
            stack.append((token, len(out)))
            out.append(token)
        elif token.startswith(r"\right") and not token.startswith(r"\rightarrow") and stack:
            opening, position = stack.pop()
            content = "".join(out[position + 1 :])
            left, right = _OPENING.get(opening.replace(" ", "")), _CLOSING.get(token.replace(" ", ""))
            if left and right and not _tall(content):
                out[position] = left
                out.append(right)
                out[position + 1] = out[position + 1].lstrip() if len(out) > position + 2 else out[position + 1]
                out[-2] = out[-2].rstrip()
            else:
                out.append(token)
        else:
            out.append(token)
    return "".join(out)


def _tall(content: str) -> bool:
    """Whether something tall stands at full size: fractions in exponents and indices don't count."""
    depth = 0
    script_depths: list[int] = []
    for i, c in enumerate(content):
        if c == "{":
            depth += 1
            if i and content[i - 1] in "^_":
                script_depths.append(depth)
        elif c == "}":
            if script_depths and script_depths[-1] == depth:
                script_depths.pop()
            depth -= 1
        elif c == "\\" and not script_depths and _TALL.match(content, i):
            return True
    return False
