"""What a notebook shows of SymPy's own objects."""

from types import SimpleNamespace

import sympy as sp

import symrg
from symrg.typesetting.notebook import unload_ipython_extension


class Formatter(dict):
    def for_type(self, kind, function):
        self[kind] = function


def test_the_extension_takes_sympy_over_and_gives_it_back():
    formatter = Formatter()
    shell = SimpleNamespace(display_formatter=SimpleNamespace(formatters={"text/latex": formatter}))
    symrg.load_ipython_extension(shell)
    k = sp.Symbol("k", positive=True)
    assert formatter[sp.Basic](sp.polygamma(1, k)) == r"$\displaystyle \psi_{1}(k)$"
    assert formatter[sp.MatrixBase](sp.Matrix([[k]])) == r"$\displaystyle \begin{pmatrix} k \end{pmatrix}$"
    assert issubclass(sp.Matrix, sp.MatrixBase)
    assert issubclass(sp.ImmutableDenseNDimArray, sp.NDimArray)
    unload_ipython_extension(shell)
    assert not formatter
