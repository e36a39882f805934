"""Exact renormalisation: flows of P_Lambda[phi] on finitely many modes and their Fokker-Planck form."""

from symrg.erg.field import (
    LatticeModes,
    exponential_cutoff,
    gaussian_cutoff,
    periodic_chain,
    rational_cutoff,
    sharpening_cutoff,
)
from symrg.erg.functional_statements import FunctionalStatement
from symrg.erg.polchinski import DerivedFlow, PolchinskiFlow, PrintedForm
from symrg.erg.wegner_morris import WegnerMorrisFlow

__all__ = [
    "DerivedFlow",
    "FunctionalStatement",
    "LatticeModes",
    "PolchinskiFlow",
    "PrintedForm",
    "WegnerMorrisFlow",
    "exponential_cutoff",
    "gaussian_cutoff",
    "periodic_chain",
    "rational_cutoff",
    "sharpening_cutoff",
]
