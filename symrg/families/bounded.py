"""Families on a bounded interval."""

# ruff: noqa: D103  (an entry is data: its source stands in the decorator)
from __future__ import annotations

from sympy import Expr, Interval, Piecewise, exp, log, loggamma, pi

from symrg.families.entry import POSITIVE, REAL, UNIT, family


@family("CUD2 ch. 25, eq. (25.2)", {"alpha": POSITIVE, "beta": POSITIVE}, support=UNIT)
def beta(y: Expr, alpha: Expr, beta: Expr) -> Expr:
    constant = loggamma(alpha + beta) - loggamma(alpha) - loggamma(beta)
    return constant + (alpha - 1) * log(y) + (beta - 1) * log(1 - y)


@family("Kumaraswamy, J. Hydrology 46 (1980) 79", {"a": POSITIVE, "b": POSITIVE}, support=UNIT)
def kumaraswamy(y: Expr, a: Expr, b: Expr) -> Expr:
    return log(a * b) + (a - 1) * log(y) + (b - 1) * log(1 - y**a)


@family("CUD1 ch. 20, sec. 8 (power function)", {"alpha": POSITIVE, "c": POSITIVE},
        support=lambda y, alpha, c: Interval.open(0, c), constants=("c",))  # fmt: skip
def power_function(y: Expr, alpha: Expr, c: Expr) -> Expr:
    return log(alpha) - alpha * log(c) + (alpha - 1) * log(y)


@family(
    "CUD1 ch. 17, sec. 8 (log-gamma on the unit interval, Grassia 1977)",
    {"alpha": POSITIVE, "beta": POSITIVE},
    support=UNIT,
)
def unit_gamma(y: Expr, alpha: Expr, beta: Expr) -> Expr:
    return alpha * log(beta) - loggamma(alpha) + (beta - 1) * log(y) + (alpha - 1) * log(-log(y))


@family("CUD1 ch. 12, sec. 4.3 (Johnson's S_B)", {"mu": REAL, "sigma": POSITIVE}, support=UNIT)
def logit_normal(y: Expr, mu: Expr, sigma: Expr) -> Expr:
    return -((log(y / (1 - y)) - mu) ** 2) / (2 * sigma**2) - log(y) - log(1 - y) - log(sigma) - log(2 * pi) / 2


@family("CUD1 ch. 19, sec. 14 (doubly truncated exponential)", {"lambda": POSITIVE, "c": POSITIVE},
        support=lambda y, lam, c: Interval(0, c), constants=("c",))  # fmt: skip
def truncated_exponential(y: Expr, lam: Expr, c: Expr) -> Expr:
    return log(lam) - lam * y - log(1 - exp(-lam * c))


@family("CUD2 ch. 26, sec. 9 (triangular; the mode learned)", {"c": POSITIVE}, support=UNIT, domain=lambda c: (c < 1,))
def triangular(y: Expr, c: Expr) -> Expr:
    return log(Piecewise((2 * y / c, y < c), (2 * (1 - y) / (1 - c), True)))


@family("CUD2 ch. 25, sec. 7 (symmetric beta on (-1, 1))", {"alpha": POSITIVE}, support=Interval.open(-1, 1))
def symmetric_beta(y: Expr, alpha: Expr) -> Expr:
    return (1 - 2 * alpha) * log(2) + loggamma(2 * alpha) - 2 * loggamma(alpha) + (alpha - 1) * log(1 - y**2)


@family("Topp, Leone, J. Amer. Statist. Assoc. 50 (1955) 209", {"alpha": POSITIVE}, support=UNIT)
def topp_leone(y: Expr, alpha: Expr) -> Expr:
    return log(2 * alpha) + log(1 - y) + (alpha - 1) * (log(y) + log(2 - y))


@family(
    "van Dorp, Kotz, Amer. Statist. 56 (2002) 75; known mode",
    {"alpha": POSITIVE, "w": POSITIVE},
    support=UNIT,
    constants=("w",),
    domain=lambda alpha, w: (w < 1,),
)
def two_sided_power(y: Expr, alpha: Expr, w: Expr) -> Expr:
    below, above = (alpha - 1) * log(y / w), (alpha - 1) * log((1 - y) / (1 - w))
    return log(alpha) + Piecewise((below, y < w), (above, True))
