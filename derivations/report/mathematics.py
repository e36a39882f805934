"""LaTeX to MathML Core for the report, and text with mathematics between dollar signs."""

from __future__ import annotations

import base64
import re
from functools import cached_property
from importlib.resources import files

from markupsafe import Markup, escape
from math_core import LatexError, LatexToMathML

from symrg.errors import SymrgError
from symrg.typesetting import display

FONT_FAMILY = "Report Math"
_FONT_FILE = "stix-two-math-subset.woff2"


class FormulaNotSet(SymrgError, ValueError):
    """A formula that MathML Core can't set; the message holds its LaTeX."""


class Mathematics:
    """Converts formulas, each with its LaTeX kept as an annotation."""

    @cached_property
    def _converter(self) -> LatexToMathML:
        return LatexToMathML(annotation=True, fancy_error=False, macros={"coloneqq": ":="})

    def inline(self, latex: str) -> Markup:
        """MathML of a formula in running text."""
        return self._set(latex, displaystyle=False)

    def block(self, latex: str, limit: float = 46.0) -> Markup:
        """MathML of a displayed formula, broken into lines of at most `limit` em."""
        return self._set(display(latex, limit), displaystyle=True)

    def text(self, text: str) -> Markup:
        """Text with its mathematics set; everything else is escaped."""
        parts = re.split(r"\$([^$]+)\$", text)
        return Markup("").join(self.inline(p) if k % 2 else escape(p) for k, p in enumerate(parts))

    def _set(self, latex: str, displaystyle: bool) -> Markup:
        try:
            return Markup(self._converter.convert_with_local_state(_unnested(latex), displaystyle=displaystyle))
        except LatexError as error:
            raise FormulaNotSet(
                f"no MathML for the formula {latex!r}: {str(error).splitlines()[0]}; write it with amsmath commands"
            ) from error


def _unnested(latex: str) -> str:
    r"""Mathematics inside ``\text{ $x$ }`` brought out of it, because the converter knows none there."""

    def split(match: re.Match[str]) -> str:
        parts = match[1].split("$")
        if len(parts) % 2 == 0:
            return match[0]
        return "".join(p if k % 2 else rf"\text{{{p}}}" for k, p in enumerate(parts) if p)

    return re.sub(r"\\text\{((?:[^{}$]|\\[{}]|\$[^$]*\$)*)\}", split, latex)


def embedded_font() -> str:
    """The mathematical font as a data URI."""
    data = (files("derivations.report") / "fonts" / _FONT_FILE).read_bytes()
    return "data:font/woff2;base64," + base64.b64encode(data).decode("ascii")
