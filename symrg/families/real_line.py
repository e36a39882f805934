"""Families on the real line."""

# ruff: noqa: D103  (an entry is data: its source stands in the decorator)
from __future__ import annotations

from sympy import Abs, Expr, Piecewise, Rational, cosh, exp, log, loggamma, pi

from symrg.families.entry import POSITIVE, REAL, family

_LOCATION = {"mu": REAL, "sigma": POSITIVE}


@family("CUD1 ch. 13, eq. (13.1)", _LOCATION)
def normal(y: Expr, mu: Expr, sigma: Expr) -> Expr:
    return -((y - mu) ** 2) / (2 * sigma**2) - log(sigma) - log(2 * pi) / 2


@family("CUD2 ch. 24, eq. (24.1)", {"mu": REAL, "b": POSITIVE})
def laplace(y: Expr, mu: Expr, b: Expr) -> Expr:
    return -Abs(y - mu) / b - log(2 * b)


@family(
    "Kotz, Kozubowski, Podgorski, The Laplace Distribution and Generalizations (2001), sec. 3.1",
    {"mu": REAL, "lambda": POSITIVE, "kappa": POSITIVE},
)
def asymmetric_laplace(y: Expr, mu: Expr, lam: Expr, kappa: Expr) -> Expr:
    z = y - mu
    return log(lam / (kappa + 1 / kappa)) + Piecewise((-lam * kappa * z, z >= 0), (lam * z / kappa, True))


@family("CUD1 ch. 16, eq. (16.1)", _LOCATION)
def cauchy(y: Expr, mu: Expr, sigma: Expr) -> Expr:
    return -log(pi * sigma) - log(1 + ((y - mu) / sigma) ** 2)


@family("CUD2 ch. 28; with location and scale", {**_LOCATION, "nu": POSITIVE})
def student_t(y: Expr, mu: Expr, sigma: Expr, nu: Expr) -> Expr:
    z = (y - mu) / sigma
    constant = loggamma((nu + 1) / 2) - loggamma(nu / 2) - log(pi * nu) / 2 - log(sigma)
    return constant - (nu + 1) / 2 * log(1 + z**2 / nu)


@family("CUD2 ch. 23, eq. (23.5)", _LOCATION)
def logistic(y: Expr, mu: Expr, sigma: Expr) -> Expr:
    z = (y - mu) / sigma
    return -z - log(sigma) - 2 * log(1 + exp(-z))


@family("CUD2 ch. 23, sec. 10 (type I)", {**_LOCATION, "alpha": POSITIVE})
def generalized_logistic(y: Expr, mu: Expr, sigma: Expr, alpha: Expr) -> Expr:
    z = (y - mu) / sigma
    return log(alpha / sigma) - z - (alpha + 1) * log(1 + exp(-z))


@family("CUD2 ch. 22, eq. (22.26) (type 1 extreme value)", _LOCATION)
def gumbel(y: Expr, mu: Expr, sigma: Expr) -> Expr:
    z = (y - mu) / sigma
    return -log(sigma) - z - exp(-z)


@family("CUD2 ch. 23, sec. 11 (hyperbolic secant)", _LOCATION)
def hyperbolic_secant(y: Expr, mu: Expr, sigma: Expr) -> Expr:
    return -log(2 * sigma) - log(cosh(pi * (y - mu) / (2 * sigma)))


@family("Subbotin 1923; CUD2 ch. 24, sec. 6", {"mu": REAL, "alpha": POSITIVE}, domain=None)
def quartic_exponential(y: Expr, mu: Expr, alpha: Expr) -> Expr:
    from sympy import gamma

    return log(2 / (alpha * gamma(Rational(1, 4)))) - ((y - mu) / alpha) ** 4


@family("CUD2 ch. 22, sec. 16 (log-gamma variable)", {"k": POSITIVE, "theta": POSITIVE})
def exponential_gamma(y: Expr, k: Expr, theta: Expr) -> Expr:
    return k * y / theta - exp(y / theta) - loggamma(k) - log(theta)


@family("Moyal, Phil. Mag. 46 (1955) 263", _LOCATION)
def moyal(y: Expr, mu: Expr, sigma: Expr) -> Expr:
    z = (y - mu) / sigma
    return -log(2 * pi) / 2 - log(sigma) - (z + exp(-z)) / 2


@family(
    "Gibbons, Mylroie, Appl. Phys. Lett. 22 (1973) 568 (two-piece normal)", {"mu": REAL, "s": POSITIVE, "t": POSITIVE}
)
def split_normal(y: Expr, mu: Expr, s: Expr, t: Expr) -> Expr:
    z = y - mu
    constant = log(2 / pi) / 2 - log(s + t)
    return constant + Piecewise((-(z**2) / (2 * s**2), z < 0), (-(z**2) / (2 * t**2), True))
