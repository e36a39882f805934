r"""LaTeX documents: a title, sections of text and displayed formulas, ready for pdflatex or for ``\input``.

A document needs amsmath, amssymb, mathtools, graphicx, hyperref, booktabs, longtable and microtype, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from symrg.typesetting.lines import LINE_WIDTH, chain_rows, display, split_terms
from symrg.typesetting.names import symbol_name
from symrg.typesetting.width import width

_PREAMBLE = r"""\documentclass[11pt]{article}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}\usepackage[T1]{fontenc}}{}
\usepackage[utf8]{inputenc}
\usepackage{amsmath,amssymb,mathtools}
\usepackage{booktabs,longtable}
\usepackage{graphicx}
\usepackage{microtype}
\usepackage[hidelinks]{hyperref}
\setlength{\textwidth}{6.5in}
\setlength{\oddsidemargin}{0pt}
\setlength{\evensidemargin}{0pt}
\setlength{\textheight}{9in}
\setlength{\topmargin}{-0.5in}
\setlength{\emergencystretch}{2em}
\allowdisplaybreaks
"""

_PAGE = 42.0  # em of a line
_LETTER = 0.52  # em of a letter, on the wide side
_LONG_WORD = 24
_ESCAPES = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "%": r"\%", "#": r"\#", "&": r"\&",
            "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
            "<": r"\textless{}", ">": r"\textgreater{}",
            '"': "''", "\u2013": "--", "\u2014": "---", "\u2212": "$-$",
            "\u201c": "``", "\u201d": "''", "\u2018": "`", "\u2019": "'"}  # fmt: skip

_SIGNS = {
    "\u2264": r"\leq", "\u2265": r"\geq", "\u2260": r"\neq", "\u2248": r"\approx", "\u2192": r"\to",
    "\u2190": r"\leftarrow", "\u221e": r"\infty", "\u2032": "'", "\u221d": r"\propto", "\u2208": r"\in",
    "\u2202": r"\partial", "\u222b": r"\int", "\u2211": r"\sum", "\u221a": r"\surd", "\u2016": r"\parallel",
    "\u2225": r"\parallel", "\u22c5": r"\cdot", "\u2026": r"\dots",
}  # fmt: skip

_PAGE_BREAKS_FROM = 12  # rows


def escape(text: str) -> str:
    r"""Plain text for LaTeX; what stands between dollar signs is mathematics and stays as it is."""
    parts = re.split(r"(\$[^$]+\$)", text)
    return "".join(part if k % 2 else _escape_plain(part) for k, part in enumerate(parts))


def _beyond_latin(character: str) -> str:
    """Greek and signs as mathematics; other letters, which the fonts have not, by their number."""
    if character in _SIGNS:
        return f"${_SIGNS[character]}$"
    greek = symbol_name(character)
    return f"${greek}$" if greek.startswith("\\") and "u0" not in greek else f"[U+{ord(character):04X}]"


def _escape_plain(text: str) -> str:
    """Without mathematics; long words, such as expressions and paths, may be broken after an operator."""
    words = []
    for word in re.split(r"(\s+)", text):
        places = "/*+-=(),;|_." if len(word) > _LONG_WORD else ""
        words.append("".join(_escaped(c) + (r"\allowbreak{}" if c in places else "") for c in word))
    return "".join(words)


def _escaped(character: str) -> str:
    if character > "\u017f" and character not in _ESCAPES:
        return _beyond_latin(character)
    return _ESCAPES.get(character, character)


@dataclass(frozen=True)
class Equation:
    r"""One displayed formula.

    Attributes:
        body: LaTeX without an environment; broken where it is too long.
        tag: the number it carries, e.g. "3" or "(20), text"; None numbers it automatically, "" not at all.
        label: for ``\eqref``.
    """

    body: str
    tag: str | None = None
    label: str = ""


@dataclass(frozen=True)
class Chain:
    """A chain ``left = a = b`` with a word on each step.

    Attributes:
        left: LaTeX of the left side.
        steps: triples (relation, right side, reason); the reason is plain text and may be empty.
        tag: number of the last line; None numbers automatically, "" not at all.
    """

    left: str
    steps: tuple[tuple[str, str, str], ...]
    tag: str | None = None


@dataclass(frozen=True)
class Table:
    """A table with column heads; cells are plain text with mathematics between dollar signs."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True)
class Picture:
    """An image file, by its path as seen from the document, with a caption."""

    path: str
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it: paragraphs (str), equations, chains, tables, pictures, deeper sections."""

    title: str
    content: tuple[str | Equation | Chain | Table | Picture | Section, ...] = ()


def document(title: str, sections: Sequence[Section], author: str = "", abstract: str = "", date: str = "") -> str:
    """A complete article.

    Args:
        title: plain text; mathematics between dollar signs.
        sections: what it holds, in order.
        author: plain text; empty leaves it out.
        abstract: plain text; empty leaves it out.
        date: plain text; empty leaves it out, so that equal content gives equal text.
    """
    head = [_PREAMBLE, rf"\title{{{_in_title(title)}}}", rf"\author{{{escape(author)}}}", rf"\date{{{escape(date)}}}"]
    body = [r"\begin{document}", r"\maketitle"]
    if abstract:
        body.append(f"\\begin{{abstract}}\n{escape(abstract)}\n\\end{{abstract}}")
    body.append(fragment(sections))
    return "\n".join([*head, *body, r"\end{document}", ""])


def fragment(sections: Sequence[Section | str | Equation | Chain | Table | Picture], level: int = 0) -> str:
    r"""The same without a preamble, for ``\input`` into a document of your own."""
    return "\n\n".join(_block(block, level) for block in sections)


def _block(block: Section | str | Equation | Chain | Table | Picture, level: int) -> str:
    if isinstance(block, str):
        return escape(block)
    if isinstance(block, Equation):
        return equation(block)
    if isinstance(block, Chain):
        return _chain(block)
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Picture):
        return _picture(block)
    command = ("section", "subsection", "subsubsection", "paragraph")[min(level, 3)]
    return f"\\{command}{{{_in_title(block.title)}}}\n\n{fragment(block.content, level + 1)}".rstrip()


def equation(block: Equation, limit: float = LINE_WIDTH) -> str:
    """The environment of one displayed formula."""
    body = display(block.body, limit)
    label = rf"\label{{{block.label}}}" if block.label else ""
    rows = _rows(body)
    if len(rows) > _PAGE_BREAKS_FROM:  # a page may end inside align, and not inside aligned
        mark = _tag(block.tag) if block.tag else ("" if block.tag is None else r"\notag")
        lines = [rf"{row} \notag" for row in rows[:-1]] + [f"{rows[-1]} {mark}{label}".rstrip()]
        return "\\begin{align}\n" + " \\\\\n".join(lines) + "\n\\end{align}"
    if block.tag is None:
        return f"\\begin{{equation}}{label}\n{body}\n\\end{{equation}}"
    return f"\\begin{{equation*}}\n{body}{_tag(block.tag)}{label}\n\\end{{equation*}}"


def _rows(body: str) -> list[str]:
    """The rows of a body that is one `aligned` environment; none otherwise."""
    begin, end = "\\begin{aligned}\n", "\n\\end{aligned}"
    if not (body.startswith(begin) and body.endswith(end)) or body.count(r"\begin{aligned}") > 1:
        return []
    return body[len(begin) : -len(end)].split(" \\\\\n")


def _tag(number: str) -> str:
    r"""``\tag{3}`` shows (3); a number with parentheses of its own, "(20), text", is shown as it is."""
    if not number:
        return ""
    return rf"\tag*{{{escape(number)}}}" if "(" in number else rf"\tag{{{escape(number)}}}"


def _chain(block: Chain, limit: float = LINE_WIDTH) -> str:
    parts = []
    for k, (relation, right, reason) in enumerate(block.steps):
        rows = chain_rows(block.left if k == 0 else "", [(relation, right)], limit)
        last = k == len(block.steps) - 1
        mark = "" if last and block.tag is None else r"\notag"
        if last and block.tag:
            mark = _tag(block.tag)
        rows = [row + r" \notag" for row in rows[:-1]] + [f"{rows[-1]} {mark}".rstrip()]
        text = " \\\\\n".join(rows)
        if reason:
            text = f"\\intertext{{{escape(reason)}}}\n{text}" if k else text
        parts.append(text)
    lead = escape(block.steps[0][2]) + "\n" if block.steps and block.steps[0][2] else ""
    joined = parts[0] if parts else block.left
    for part in parts[1:]:
        joined += ("\n" if part.startswith(r"\intertext") else " \\\\\n") + part
    return f"{lead}\\begin{{align}}\n{joined}\n\\end{{align}}"


def _table(block: Table) -> str:
    columns = [[head, *(row[k] for row in block.rows)] for k, head in enumerate(block.columns)]
    shares, size = _shares(columns)
    spec = "".join(rf"p{{{share:.3f}\linewidth}}" for share in shares)

    def line(cells: Sequence[str]) -> str:
        return r"\raggedright " + r" & \raggedright ".join(escape(c) for c in cells) + r" \tabularnewline"

    rows = "\n".join(map(line, block.rows))
    caption = f"\\par\\smallskip\\emph{{{escape(block.caption)}}}" if block.caption else ""
    if len(block.rows) > _PAGE_BREAKS_FROM:  # a page may end inside longtable, and not inside tabular
        words = f"\\noindent\\emph{{{escape(block.caption)}}}\\par\n" if block.caption else ""
        return (
            f"{words}{{{size}\\begin{{longtable}}{{@{{}}{spec}@{{}}}}\n\\toprule\n{line(block.columns)}\n\\midrule\n"
            f"\\endhead\n\\bottomrule\n\\endfoot\n{rows}\n\\end{{longtable}}}}"
        )
    return (
        f"\\begin{{center}}\n{size}\\begin{{tabular}}{{@{{}}{spec}@{{}}}}\n\\toprule\n{line(block.columns)}\n"
        f"\\midrule\n{rows}\n\\bottomrule\n\\end{{tabular}}\n{caption}\\end{{center}}"
    )


def _shares(columns: Sequence[Sequence[str]]) -> tuple[list[float], str]:
    """The shares of the line that the columns take, and a smaller size of type where their longest words need it.

    Every column gets its longest word; what is left is shared out by how much longer its longest cell is.
    """
    least = [max(_longest_word(cell) for cell in column) + 0.3 for column in columns]
    wanted = [max(max(_text_width(cell) for cell in column) + 0.3, low) for column, low in zip(columns, least)]
    sizes = [("", _PAGE), ("\\small ", _PAGE * 1.1), ("\\footnotesize ", _PAGE * 1.22)]
    gaps = 1.15 * (len(columns) - 1)
    size, em = next((s for s in sizes if sum(least) <= s[1] - gaps), sizes[-1])
    room = em - gaps
    spare = room - sum(least)
    if sum(wanted) <= room:
        widths = wanted
    elif spare <= 0:
        widths = [low * room / sum(least) for low in least]
    else:
        more = [min(w, 4 * room / len(columns)) - low for w, low in zip(wanted, least)]
        more = [max(m, 0.0) for m in more]
        widths = [low + spare * m / sum(more) for low, m in zip(least, more)] if sum(more) else least
    return [w / em for w in widths], size


def _text_width(text: str) -> float:
    """Width of text with mathematics, in em."""
    parts = re.split(r"\$([^$]+)\$", text)
    return sum(width(part) if k % 2 else _LETTER * len(part) for k, part in enumerate(parts))


def _longest_word(text: str) -> float:
    """Width of what can't be broken: a word, as far as `escape` gives it no places to break, or a formula."""
    words = re.split(r"\s+(?=(?:[^$]*\$[^$]*\$)*[^$]*$)", text)
    return max(min(_text_width(w), _LONG_WORD * _LETTER) if "$" not in w else _widest_piece(w) for w in words)


def _widest_piece(formula: str) -> float:
    """Width of the widest part of a formula in running text, which TeX breaks behind relations and signs."""
    return max(width(piece) for piece in split_terms(formula.replace("$", "")) or [""]) + 0.8


def _picture(block: Picture) -> str:
    width = r"width=\linewidth,height=0.45\textheight,keepaspectratio"
    caption = f"\\par\\smallskip\\emph{{{escape(block.caption)}}}" if block.caption else ""
    return f"\\begin{{center}}\n\\includegraphics[{width}]{{{block.path}}}\n{caption}\\end{{center}}"


def _in_title(title: str) -> str:
    """Headings become bookmarks, in which mathematics is replaced by its text."""
    return re.sub(
        r"\$([^$]+)\$", lambda m: rf"\texorpdfstring{{${m.group(1)}$}}{{{_spoken(m.group(1))}}}", escape(title)
    )


def _spoken(mathematics: str) -> str:
    text = re.sub(r"\\(mathcal|mathbb|mathrm|operatorname|text)\b", "", mathematics)
    return re.sub(r"[\\{}^_$]", "", text).strip()
