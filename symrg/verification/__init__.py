"""Verification: claims, the witnesses that examine them, verdicts, corrections, controls and the ledger."""

from symrg.verification.claim import Claim
from symrg.verification.judgement import Verdict, verify
from symrg.verification.reading import Reading
from symrg.verification.witness import Evidence, Outcome, Witness

__all__ = ["Claim", "Evidence", "Outcome", "Reading", "Verdict", "Witness", "verify"]
