"""Fokker-Planck equations: the value and its operators, and what is built on it."""

from symrg.fokker_planck.equation import FokkerPlanck

__all__ = ["FokkerPlanck"]
