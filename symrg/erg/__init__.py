"""Exact renormalisation: flows of P_Lambda[phi] on finitely many modes and their Fokker-Planck form."""

from symrg.erg.cosine_network import CosineNetwork
from symrg.erg.field import (
    LatticeModes,
    exponential_cutoff,
    gaussian_cutoff,
    periodic_chain,
    rational_cutoff,
    sharpening_cutoff,
)
from symrg.erg.functional_statements import FunctionalStatement
from symrg.erg.optimal_transport import TransportFlow, free_relative_entropy, relative_entropy_rate, rescaled_flow
from symrg.erg.polchinski import DerivedFlow, PolchinskiFlow, PrintedForm
from symrg.erg.wegner_morris import WegnerMorrisFlow

__all__ = [
    "CosineNetwork",
    "DerivedFlow",
    "FunctionalStatement",
    "LatticeModes",
    "PolchinskiFlow",
    "PrintedForm",
    "TransportFlow",
    "WegnerMorrisFlow",
    "exponential_cutoff",
    "free_relative_entropy",
    "gaussian_cutoff",
    "periodic_chain",
    "rational_cutoff",
    "relative_entropy_rate",
    "rescaled_flow",
    "sharpening_cutoff",
]
