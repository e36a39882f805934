r"""The coupling of the one-dimensional Ising chain, inferred from its configurations.

N spins on a ring with p(s|J) = exp(J sum s_i s_{i+1}) / Z(J), the temperature absorbed in J. The transfer matrix
exp(J s s') has eigenvalues 2 cosh J and 2 sinh J, so ln Z = ln((2 cosh J)^N + (2 sinh J)^N) exactly, and
N ln(2 cosh J) as N grows. J is a natural parameter: D_KL is the Bregman divergence of ln Z, and the Fisher metric its
second derivative, N / cosh^2 J for a long chain.

Source: Ising, Z. Phys. 31 (1925) 253; Berman, Heckman, Klinger, arXiv:2204.12939.
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Expr, Symbol

from symrg.bayes.dynamical import DynamicalBayes, bregman_divergence, from_divergence
from symrg.errors import InvalidModel

__all__ = ["ising_chain", "log_partition"]


def log_partition(coupling: Any, sites: Any = None) -> Expr:
    """ln Z of a ring of `sites` spins by the transfer matrix; per spin of an endless chain where `sites` is None.

    Raises:
        InvalidModel: fewer than three sites.
    """
    j = sympy.sympify(coupling, strict=True)
    transfer = sympy.Matrix([[sympy.exp(j), sympy.exp(-j)], [sympy.exp(-j), sympy.exp(j)]])
    values = [v.rewrite(sympy.cosh) if v.has(sympy.exp) else v for v in transfer.eigenvals()]
    large = [sympy.simplify(v) for v in values]
    largest = next(v for v in large if sympy.simplify(v - 2 * sympy.cosh(j)) == 0)
    other = next(v for v in large if sympy.simplify(v - 2 * sympy.sinh(j)) == 0)
    if sites is None:
        return sympy.log(largest)
    n = sympy.sympify(sites, strict=True)
    if not (n.is_integer and n.is_positive) or (n.is_number and n < 3):
        raise InvalidModel(f"a ring needs three sites or more, given {n}")
    return sympy.log(largest**n + other**n)


def ising_chain(
    coupling: Symbol, truth: Any, time: Symbol, sites: Any = None, prior: Any = 1, limits: Any = None
) -> DynamicalBayes:
    """Dynamical Bayes for the coupling; T counts configurations (spins, where `sites` is None).

    Args:
        coupling: J, a real Symbol.
        truth: J*.
        time: T.
        sites: N, or None for an endless chain with everything per spin.
        prior: pi_0(J).
        limits: {J: (lower, upper)}.

    Returns:
        DynamicalBayes without a statistical model: D is exact, predictive densities are not there.
    """
    divergence = bregman_divergence(log_partition(coupling, sites), coupling, truth)
    return from_divergence(divergence, coupling, truth, time, prior, limits)
