r"""The coupling of a one-dimensional chain of spins, inferred from its configurations.

N spins on a ring with p(s|theta) = exp(sum theta . q(s_i, s_{i+1})) / Z(theta), the temperature absorbed in theta: for
Ising's chain theta is J, or J and the field h, with q = (s s', (s + s')/2). Z is the trace of the N-th power of the
transfer matrix exp(theta . q(s, s')), so ln Z is the logarithm of the sum of the N-th powers of its eigenvalues, and N
times that of the largest as N grows. theta are natural parameters: D_KL is the Bregman divergence of ln Z, and the
Fisher metric its Hessian. Without a field the eigenvalues are 2 cosh J and 2 sinh J, and the metric of a long chain is
1 / cosh^2 J per spin.

Source: Ising, Z. Phys. 31 (1925) 253; Kramers and Wannier, Phys. Rev. 60 (1941) 252; Baxter, Exactly Solved Models
(1982), sec. 2.1; Berman, Heckman, Klinger, arXiv:2204.12939.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy
from sympy import Expr, ImmutableMatrix, Symbol

from symrg.bayes.dynamical import DynamicalBayes, bregman_divergence, from_divergence
from symrg.errors import InvalidModel

__all__ = ["ising_chain", "log_partition", "spin_chain", "transfer_log_partition"]


def transfer_log_partition(log_weights: Any, sites: Any = None) -> Expr:
    """ln Z of a ring by its transfer matrix; per site of an endless chain where `sites` is None.

    Args:
        log_weights: ln w(s, s'), one row and one column for each state of a site, real.
        sites: N, three or more.

    Returns:
        Expr. The largest eigenvalue is told by its value at a point: by Perron's theorem it never crosses another.

    Raises:
        InvalidModel: no square matrix, fewer than three sites, or eigenvalues without closed form.
    """
    matrix = ImmutableMatrix(log_weights)
    if matrix.rows != matrix.cols or matrix.rows < 2:
        raise InvalidModel(f"the weights of neighbours are a square matrix, given one of {matrix.rows} x {matrix.cols}")
    values = _eigenvalues(matrix)
    point = {p: sympy.Rational(3 + 2 * k, 7 + k) for k, p in enumerate(sorted(matrix.free_symbols, key=str))}
    largest = max(values, key=lambda v: sympy.re(v.subs(point).evalf(20)))
    if sites is None:
        return sympy.log(largest)
    n = sympy.sympify(sites, strict=True)
    if not (n.is_integer and n.is_positive) or (n.is_number and n < 3):
        raise InvalidModel(f"a ring needs three sites or more, given {n}")
    return sympy.log(sympy.Add(*(count * v**n for v, count in values.items())))


def _eigenvalues(log_weights: ImmutableMatrix) -> dict[Expr, int]:
    """Eigenvalue of the matrix of exponentials -> multiplicity.

    Of two states, with m and d half the sum and half the difference on the diagonal and w half the sum off it, they are
    e^m cosh d +- sqrt(e^{2 m} sinh^2 d + e^{2 w}); for d = 0 those are 2 e^{(m + w)/2} times cosh or sinh of (m - w)/2.
    """
    if log_weights.rows == 2:
        (a, b), (c, d) = log_weights.tolist()
        middle, apart, off = (sympy.expand(e / 2) for e in (a + d, a - d, b + c))
        if apart == 0:
            outer, inner = 2 * sympy.exp((middle + off) / 2), sympy.expand((middle - off) / 2)
            return {outer * sympy.cosh(inner): 1, outer * sympy.sinh(inner): 1}
        root = sympy.sqrt(sympy.exp(2 * middle) * sympy.sinh(apart) ** 2 + sympy.exp(2 * off))
        return {sympy.exp(middle) * sympy.cosh(apart) + e * root: 1 for e in (1, -1)}
    found = log_weights.applyfunc(sympy.exp).eigenvals()
    if any(v.has(sympy.CRootOf) for v in found):
        raise InvalidModel("the eigenvalues of the transfer matrix have no closed form")
    return {sympy.simplify(v): k for v, k in found.items()}


def log_partition(coupling: Any, sites: Any = None, field: Any = 0) -> Expr:
    """ln Z of a ring of `sites` Ising spins; per spin of an endless chain where `sites` is None.

    Raises:
        InvalidModel: fewer than three sites.
    """
    j, h = sympy.sympify(coupling, strict=True), sympy.sympify(field, strict=True)
    return transfer_log_partition([[j + h, -j], [-j, j - h]], sites)


def spin_chain(
    log_weights: Any,
    parameters: Sequence[Symbol] | Symbol,
    truth: Any,
    time: Symbol,
    sites: Any = None,
    prior: Any = 1,
    limits: Any = None,
) -> DynamicalBayes:
    """Dynamical Bayes for the parameters of any chain of neighbours; T counts configurations (sites, without `sites`).

    Args:
        log_weights: ln w(s, s') = theta . q(s, s'), linear in the parameters; one row for each state.
        parameters: theta.
        truth: theta*.
        time: T.
        sites: N, or None for an endless chain with everything per site.
        prior: pi_0(theta).
        limits: parameter -> (lower, upper).

    Returns:
        DynamicalBayes without a statistical model: D is exact, predictive densities are not there.

    Raises:
        InvalidModel: the weights are not linear in the parameters, or as `transfer_log_partition`.
    """
    theta = (parameters,) if isinstance(parameters, Symbol) else tuple(parameters)
    matrix = ImmutableMatrix(log_weights)
    if any(sympy.expand(sympy.diff(e, p, q)) != 0 for e in matrix for p in theta for q in theta):
        raise InvalidModel(f"ln w must be linear in {list(theta)}: they are natural parameters; reparametrise")
    divergence = bregman_divergence(transfer_log_partition(matrix, sites), theta, truth)
    return from_divergence(divergence, theta, truth, time, prior, limits)


def ising_chain(
    coupling: Symbol,
    truth: Any,
    time: Symbol,
    sites: Any = None,
    prior: Any = 1,
    limits: Any = None,
    field: Any = 0,
) -> DynamicalBayes:
    """Dynamical Bayes for Ising's coupling; T counts configurations (spins, where `sites` is None).

    Args:
        coupling: J, a real Symbol.
        truth: J*, or (J*, h*) where the field is inferred too.
        time: T.
        sites: N, or None for an endless chain with everything per spin.
        prior: pi_0(J).
        limits: {J: (lower, upper)}.
        field: h: known, or a Symbol to infer when `truth` has two values.

    Returns:
        DynamicalBayes without a statistical model: D is exact, predictive densities are not there.
    """
    j, h = coupling, sympy.sympify(field, strict=True)
    both = isinstance(truth, (tuple, list, sympy.Tuple)) and len(truth) == 2
    return spin_chain([[j + h, -j], [-j, j - h]], (j, h) if both else j, truth, time, sites, prior, limits)
