"""What every object that stands for mathematics has in common: it shows itself as LaTeX, or as a picture."""

from __future__ import annotations

from symrg.drawing import Drawable
from symrg.typesetting.lines import display


class Typeset(Drawable):
    """Base of every object that stands for mathematics: `.latex()`, shown as LaTeX in a notebook, and `.plot()`."""

    def latex(self) -> str:
        """LaTeX of the object, without dollar signs."""
        raise TypeError(f"{type(self).__name__} does not say how it is typeset")

    def _repr_latex_(self) -> str:
        """What a notebook shows; a long formula is broken into lines."""
        return f"$\\displaystyle {display(self.latex(), 46.0)}$"
