r"""Long formulas broken into lines, and the width of a formula.

The width is estimated from the letters, in em of the surrounding text, so that breaking needs no TeX. Lines are
broken before a plus, a minus or a relation at the outermost level; where one term alone is too long, inside its
widest parentheses, which then become ``\Bigl( \Bigr)`` or ``\biggl( \biggr)``, because ``\left \right`` can't reach
over a line break.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from symrg.typesetting.wide_matrices import shortened
from symrg.typesetting.width import RELATIONS, SIGNS, TOKEN, width

LINE_WIDTH = 38.0
"""Width in em of a displayed line that leaves room for an equation number on a page of 6.5 inches at 11 points."""

_OPENING = {"(", "[", r"\{", r"\langle", r"\lvert"}
_CLOSING = {")", "]", r"\}", r"\rangle", r"\rvert"}
_SIZED_LEFT = {r"\left", r"\bigl", r"\Bigl", r"\biggl"}
_SIZED_RIGHT = {r"\right", r"\bigr", r"\Bigr", r"\biggr"}
_DIFFERENTIAL = re.compile(r"\s*(\\partial|\\delta|d)(?![a-zA-Z])")
_SCRIPTS = r"([_^](\{[^{}]*(\{[^{}]*\})?[^{}]*\}|\\?\w+))*"
_OPERATOR_AT_END = re.compile(rf"(\\operatorname\*?\{{[A-Za-z]+\}}|\\mathbb\{{E\}}|\\mathcal\{{[A-Z]\}}){_SCRIPTS}\s*$")
_SUM_AT_END = re.compile(rf"\\(int|sum|prod)(?![a-z])(\\limits)?{_SCRIPTS}\s*$")


def split_terms(text: str, relations: bool = True) -> list[str]:
    """The terms of a sum, each with its sign; each side of a relation starts a term of its own."""
    pieces, start, position = [], 0, 0
    previous = ""
    depth = 0
    for token in TOKEN.findall(text):
        before = depth
        depth += _depth_change(token, previous)
        operator = token in SIGNS or (relations and token in RELATIONS)
        if operator and before == 0 and text[start:position].strip() and not _ends_open(text[start:position]):
            pieces.append(text[start:position].strip())
            start = position
        position += len(token)
        if not token.isspace():
            previous = token
    pieces.append(text[start:].strip())
    return [p for p in pieces if p]


def _depth_change(token: str, previous: str) -> int:
    if previous in _SIZED_LEFT or previous in _SIZED_RIGHT:
        return 0  # the delimiter of a sized pair: counted with its command
    if token in ("{", r"\begin") or token in _SIZED_LEFT or token in _OPENING:
        return 1
    if token in ("}", r"\end") or token in _SIZED_RIGHT or token in _CLOSING:
        return -1
    return 0


def _ends_open(text: str) -> bool:
    """Whether what follows is a sign and not an operator: after a relation, another operator or a comma."""
    last = TOKEN.findall(text.rstrip())[-1:]
    return bool(last) and (last[0] in SIGNS or last[0] in RELATIONS or last[0] == ",")


def break_lines(text: str, limit: float = LINE_WIDTH, first: float | None = None) -> list[str]:
    """The formula in lines of at most `limit` em, as far as it can be broken.

    Args:
        text: LaTeX of one formula.
        limit: em for every line.
        first: em for the first line, where something stands before it.

    Returns:
        Lines of LaTeX with balanced braces; all but the first start with their operator.
    """
    first = limit if first is None else first
    if width(text) <= first:
        return [text]
    lines: list[str] = []
    for piece in split_terms(text):
        room = first if not lines else limit
        if lines and width(lines[-1]) + width(piece) <= (first if len(lines) == 1 else limit):
            lines[-1] += " " + piece
        elif width(piece) <= room:
            lines.append(piece)
        else:
            lines.extend(_break_term(piece, limit, room))
    return lines


def _break_term(piece: str, limit: float, first: float) -> list[str]:
    """One term in lines: between its factors, inside a factor's parentheses, beside a fraction."""
    lines = [""]
    for factor in _factors(piece):
        room = first if len(lines) == 1 else limit
        used = width(lines[-1])
        if used + width(factor) <= room:
            lines[-1] = f"{lines[-1]} {factor}".lstrip()
            continue
        inside = _break_factor(factor, limit, room - used)
        if len(inside) > 1 and (not used or room - used > limit / 3):
            lines[-1] = f"{lines[-1]} {inside[0]}".lstrip()
            lines.extend(inside[1:])
        elif used and not lines[-1].endswith(("+", "-")):
            inside = _break_factor(factor, limit, limit - 1.2) if width(factor) > limit else [factor]
            lines.append(r"\times " + inside[0])
            lines.extend(inside[1:])
        else:
            lines[-1] = f"{lines[-1]} {factor}".lstrip()
    return lines


def _break_factor(factor: str, limit: float, first: float) -> list[str]:
    """One factor in lines: inside its widest parentheses, or with its fraction written in front."""
    groups = [
        g
        for g in _groups(factor)
        if (len(split_terms(g.inner)) > 1 and width(g.inner) > limit / 5) or width(g.inner) > limit
    ]
    if groups:
        widest = max(groups, key=lambda g: width(g.inner))
        prefix, suffix = factor[: widest.start], factor[widest.end :]
        lines = break_lines(widest.inner, limit - 2.5, max(first - width(prefix) - 1.2, 4.0))
        if len(lines) > 1:
            size = "bigg" if r"\frac" in widest.inner else "Big"
            lines[0] = f"{prefix}\\{size}l{widest.opening} {lines[0]}"
            lines[-1] = f"{lines[-1]} \\{size}r{widest.closing}{suffix}"
            return lines
    rewritten = _denominator_behind(factor, limit) or _fraction_in_front(factor) or _unwound(factor, limit)
    return [factor] if rewritten is None else _break_term(rewritten, limit, first)


class _Group(NamedTuple):
    """Parentheses at the outermost level of a formula, with the places where they start and end."""

    start: int
    end: int
    inner: str
    opening: str
    closing: str


def _groups(text: str) -> list[_Group]:
    """The parentheses at the outermost level."""
    found: list[_Group] = []
    position, previous, braces, depth = 0, "", 0, 0
    start = content = 0
    opening = ""
    for token in TOKEN.findall(text):
        sized = previous in _SIZED_LEFT
        change = _depth_change(token, previous)
        if token in ("{", r"\begin"):
            braces += 1
        elif token in ("}", r"\end"):
            braces -= 1
        elif braces == 0:
            if sized and depth == 1 and opening == "":
                opening, content = token, position + len(token)
            elif change == 1:
                if depth == 0:
                    start, opening, content = position, "", position + len(token)
                    if token in _OPENING:
                        opening = token
                depth += 1
            elif change == -1:
                depth -= 1
                if depth == 0:
                    closing, end = token, position + len(token)
                    inner = text[content:position]
                    if token in _SIZED_RIGHT:
                        follow = TOKEN.findall(text[end:])
                        closing = next((t for t in follow if not t.isspace()), ")")
                        end = text.index(closing, end) + len(closing)
                    if opening in _OPENING and closing in _CLOSING:
                        found.append(_Group(start, end, inner.strip(), opening, closing))
        position += len(token)
        if not token.isspace():
            previous = token
    return found


def _fraction_in_front(piece: str) -> str | None:
    r"""``\frac{long}{d} rest`` as ``\frac{1}{d} \left(long\right) rest``, for the widest fraction of the term."""
    best: tuple[float, str] | None = None
    for match in re.finditer(r"\\frac\{", piece):
        if piece[: match.start()].count("{") != piece[: match.start()].count("}"):
            continue
        above_end = _closing_brace(piece, match.end() - 1)
        below_end = _closing_brace(piece, above_end + 1) if piece[above_end + 1 : above_end + 2] == "{" else -1
        if below_end < 0:
            continue
        above, below = piece[match.end() : above_end], piece[above_end + 2 : below_end]
        if _DIFFERENTIAL.match(below):
            continue  # a derivative is no fraction
        if len(split_terms(above)) > 1:
            text = rf"{piece[: match.start()]}\frac{{1}}{{{below}}} \left({above}\right)"
        elif len(_groups(above)) > 0 or len(_factors(above)) > 1:
            text = rf"{piece[: match.start()]}\frac{{1}}{{{below}}} {above}"
        else:
            continue
        if best is None or width(above) > best[0]:
            best = (width(above), text + piece[below_end + 1 :])
    return best[1] if best else None


def _denominator_behind(piece: str, limit: float) -> str | None:
    r"""``\frac{a}{c (long)^{2}} rest`` as ``\frac{a}{c} \left(long\right)^{-2} rest``, where `long` exceeds a line."""
    for match in re.finditer(r"\\frac\{", piece):
        if piece[: match.start()].count("{") != piece[: match.start()].count("}"):
            continue
        above_end = _closing_brace(piece, match.end() - 1)
        below_end = _closing_brace(piece, above_end + 1) if piece[above_end + 1 : above_end + 2] == "{" else -1
        if below_end < 0:
            continue
        above, below = piece[match.end() : above_end], piece[above_end + 2 : below_end]
        if width(below) <= limit:
            continue
        power, rest = "1", ""
        if len(split_terms(below)) > 1:
            inner = below
        else:
            groups = _groups(below)
            if not groups:
                continue
            widest = max(groups, key=lambda g: width(g.inner))
            exponent = re.match(r"\^\{(\d+)\}", below[widest.end :])
            if below[widest.end :].startswith("^") and not exponent:
                continue
            inner, power = widest.inner, exponent[1] if exponent else "1"
            rest = f"{below[: widest.start]} {below[widest.end + (exponent.end() if exponent else 0) :]}".strip()
        head = rf"\frac{{{above}}}{{{rest}}}" if rest else (above if len(split_terms(above)) == 1 else f"({above})")
        head = "" if head == "1" else head
        text = rf"{piece[: match.start()]}{head} \left({inner}\right)^{{-{power}}}{piece[below_end + 1 :]}"
        return text.strip()
    return None


def _unwound(piece: str, limit: float) -> str | None:
    r"""``e^{long}`` as ``\exp\left(long\right)`` and ``\sqrt{long}`` as ``\left(long\right)^{1/2}``."""
    for match in re.finditer(r"(?<![A-Za-z\\])e\^\{|\\sqrt(?:\[(\d+)\])?\{", piece):
        if piece[: match.start()].count("{") != piece[: match.start()].count("}"):
            continue
        end = _closing_brace(piece, match.end() - 1)
        inner = piece[match.end() : end]
        if width(inner) <= limit * (1.3 if match[0].startswith("e") else 1.0):
            continue
        before, behind = piece[: match.start()], piece[end + 1 :]
        if match[0].startswith("e"):
            return rf"{before}\exp\left({inner}\right){behind}"
        if not re.match(r"\s*\^", behind):
            return rf"{before}\left({inner}\right)^{{1/{match[1] or 2}}}{behind}"
    return None


def _closing_brace(text: str, opening: int) -> int:
    depth = 0
    for i in range(opening, len(text)):
        if text[i] == "{" and text[i - 1] != "\\":
            depth += 1
        elif text[i] == "}" and text[i - 1] != "\\":
            depth -= 1
            if depth == 0:
                return i
    return -1


def _factors(piece: str) -> list[str]:
    """Factors of a product between which a line may be broken."""
    factors, start, position, depth, previous = [], 0, 0, 0, ""
    tokens = TOKEN.findall(piece)
    for k, token in enumerate(tokens):
        before = depth
        depth += _depth_change(token, previous)
        starts = token in ("(", "[", "e", r"\frac", r"\left", r"\sum", r"\int", r"\exp", r"\Gamma", r"\ln", r"\bigl")
        separated = (
            k > 0 and tokens[k - 1].isspace() and not re.fullmatch(r"\\(ln|exp|[a-z]{2,}(h|n|s|p)|Bigl|bigl)", previous)
        )
        part = piece[start:position]
        if starts and separated:
            applied = token in (r"\left", "(", "[", r"\bigl") and _ends_in_operator(part)
            separated = not applied and not _SUM_AT_END.search(part)
        if before == 0 and starts and separated and previous not in SIGNS | RELATIONS and part.strip():
            factors.append(piece[start:position].strip())
            start = position
        position += len(token)
        if not token.isspace():
            previous = token
    factors.append(piece[start:].strip())
    return [f for f in factors if f]


def _ends_in_operator(text: str) -> bool:
    r"""Whether what follows in parentheses is what an operator acts on: after div, an expectation, a bare d/dx."""
    if _OPERATOR_AT_END.search(text):
        return True
    text = text.rstrip()
    for match in reversed(list(re.finditer(r"\\frac\{", text))):
        above_end = _closing_brace(text, match.end() - 1)
        if text[above_end + 1 : above_end + 2] == "{" and _closing_brace(text, above_end + 1) == len(text) - 1:
            above, below = text[match.end() : above_end], text[above_end + 2 :]
            bare = re.fullmatch(r"\s*(\\partial|\\delta|d)\s*(\^(\{\d+\}|\d))?\s*", above)
            return bool(bare and _DIFFERENTIAL.match(below))
    return False


def display(text: str, limit: float = LINE_WIDTH) -> str:
    r"""The formula as one display: itself where it fits, otherwise ``aligned`` lines."""
    statements = _statements(text)
    if width(text) > limit and len(statements) > 1:
        return _aligned([row for statement in statements for row in _statement_rows(statement, limit)])
    sides = split_relation(text)
    if width(text) <= limit or sides is None:
        text, named = shortened(text, limit)
        lines = break_lines(text, limit if not named else limit - 2.5)
        if len(lines) == 1 and not named:
            return lines[0]
        rows = [f"& {lines[0]}", *(rf"& \quad {line}" for line in lines[1:])]
        return _aligned([*rows, *_written_out(named, limit - 2.5)])
    return chain(sides[0], [(sides[1], sides[2])], limit)


def _statements(text: str) -> list[str]:
    r"""Formulas that stand side by side, ``a = b; \quad c = d``, each with the mark behind it."""
    pieces, start, position, depth, previous = [], 0, 0, 0, ""
    for token in TOKEN.findall(text):
        depth += _depth_change(token, previous)
        mark = previous if previous in (";", ",") else ""
        position += len(token)
        if depth == 0 and mark and token in (r"\quad", r"\qquad"):
            pieces.append(text[start : position - len(token)].strip())
            start = position
        if not token.isspace():
            previous = token
    pieces.append(text[start:].strip())
    return [p for p in pieces if p]


def _statement_rows(text: str, limit: float) -> list[str]:
    sides = split_relation(text)
    if sides is not None:
        return chain_rows(sides[0], [(sides[1], sides[2])], limit)
    lines = break_lines(text, limit)
    return [f"& {lines[0]}", *(rf"& \quad {line}" for line in lines[1:])]


def split_relation(text: str) -> tuple[str, str, str] | None:
    """Left side, relation and right side at the first relation of the outermost level, or None."""
    position, depth, previous = 0, 0, ""
    for token in TOKEN.findall(text):
        depth += _depth_change(token, previous)
        if depth == 0 and token in RELATIONS and token not in (r"\to", r"\in", r"\parallel") and position:
            return text[:position].strip(), token, text[position + len(token) :].strip()
        position += len(token)
        if not token.isspace():
            previous = token
    return None


def chain(left: str, steps: Sequence[tuple[str, str]], limit: float = LINE_WIDTH) -> str:
    r"""``left = a = b = ...`` aligned at the relations, one a line, long ones broken.

    Args:
        left: LaTeX of the left side.
        steps: pairs (relation, right side), both LaTeX.
        limit: em for a line.
    """
    rows = chain_rows(left, steps, limit)
    return rows[0].replace("&", "", 1) if len(rows) == 1 else _aligned(rows)


def chain_rows(left: str, steps: Sequence[tuple[str, str]], limit: float = LINE_WIDTH) -> list[str]:
    r"""The rows of `chain`, each with its ``&``, for an environment of your own."""
    rows = []
    indent = width(left)
    all_sides = " ".join([left, *(right for _, right in steps)])
    hang = indent > limit / 3  # a long left side stands on its own line
    if hang:
        rows = [line if k == 0 else rf"\quad {line}" for k, line in enumerate(break_lines(left, limit))]
        rows = [f"& {row}" for row in rows]
    room = limit - (1.0 if hang else indent) - 1.4
    for k, (relation, right) in enumerate(steps):
        right, named = shortened(right, room - 1.0, all_sides)
        lines = break_lines(right, room - 1.0, room)
        head = left if k == 0 and not hang else ""
        lead = r"\quad " if hang else ""
        rows.append(f"{head} &{lead}{relation} {lines[0]}".strip())
        rows.extend(rf"& {lead}\quad {line}" for line in lines[1:])
        rows.extend(_written_out(named, limit - (0.0 if hang else indent)))
    return rows


def reasoned(first: Sequence[str], steps: Sequence[tuple[Sequence[str], str]], limit: float = LINE_WIDTH) -> str:
    r"""Rows of a chain with a reason for each step, as `aligned`: beside the rows where all fit, else below them.

    Args:
        first: rows of the start, each with its ``&``.
        steps: for each step its rows, and the reason as LaTeX text; empty for none.
        limit: em for a line.
    """
    widest = max(width(row) for row in (*first, *(row for rows, _ in steps for row in rows)))
    words = max((width(rf"\text{{({reason})}}") for _, reason in steps if reason), default=0.0)
    beside = widest + words + 2.0 <= limit + 4.0
    lines = list(first)
    for rows, reason in steps:
        lines += rows
        if reason and beside:
            lines[-1] += rf" && \text{{({reason})}}"
        elif reason:
            lines += [rf"& \qquad \text{{{part}}}" for part in _wrapped(f"({reason})", limit - 3.0)]
    return _aligned(lines)


def _wrapped(text: str, limit: float) -> list[str]:
    """Text in lines, broken between words and not inside mathematics."""
    lines: list[str] = []
    for word in re.split(r" (?=(?:[^$]*\$[^$]*\$)*[^$]*$)", text):
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and width(rf"\text{{{joined}}}") <= limit:
            lines[-1] = joined
        else:
            lines.append(word)
    return lines


def _written_out(named: Sequence[tuple[str, str]], limit: float) -> list[str]:
    """The rows that say what the names in a matrix stand for, with right sides of at most `limit` em less the sign."""
    return [row for name, entry in named for row in chain_rows(name, [("=", entry)], max(limit, 12.0) + width(name))]


def _aligned(rows: Sequence[str]) -> str:
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"
