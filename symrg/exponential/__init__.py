"""Exponential families: p(y|eta) = h(y) exp(eta . q(y) - psi(eta)).

`family` holds the family and its dual geometry, `conjugate` its Bayesian updating, `recognition` finds it in a
log-density, `mass` integrates.
"""

from __future__ import annotations

from symrg.exponential.conjugate import ConjugatePrior
from symrg.exponential.family import CramerRao, ExponentialFamily
from symrg.exponential.recognition import recognise

__all__ = ["ConjugatePrior", "CramerRao", "ExponentialFamily", "recognise"]
