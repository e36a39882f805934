"""Families on a half line."""

# ruff: noqa: D103  (an entry is data: its source stands in the decorator)
from __future__ import annotations

from sympy import Expr, Interval, Rational, S, besselk, exp, log, loggamma, pi, sqrt

from symrg.families.entry import HALF_LINE, POSITIVE, REAL, family


def _positive(*names: str) -> dict:
    return dict.fromkeys(names, POSITIVE)


@family("CUD1 ch. 19, eq. (19.1)", _positive("lambda"), support=HALF_LINE)
def exponential(y: Expr, lam: Expr) -> Expr:
    return log(lam) - lam * y


@family("CUD1 ch. 17, eq. (17.1); rate beta", _positive("alpha", "beta"), support=HALF_LINE)
def gamma(y: Expr, alpha: Expr, beta: Expr) -> Expr:
    return alpha * log(beta) - loggamma(alpha) + (alpha - 1) * log(y) - beta * y


@family("CUD1 ch. 17, sec. 8.7", {"alpha": POSITIVE, "delta": POSITIVE, "p": POSITIVE}, support=HALF_LINE)
def generalized_gamma(y: Expr, alpha: Expr, delta: Expr, p: Expr) -> Expr:
    return log(p) - delta * log(alpha) - loggamma(delta / p) + (delta - 1) * log(y) - (y / alpha) ** p


@family("CUD1 ch. 17, sec. 8.4", _positive("alpha", "beta"), support=HALF_LINE)
def inverse_gamma(y: Expr, alpha: Expr, beta: Expr) -> Expr:
    return alpha * log(beta) - loggamma(alpha) - (alpha + 1) * log(y) - beta / y


@family("CUD1 ch. 18, eq. (18.1)", _positive("nu"), support=HALF_LINE)
def chi_squared(y: Expr, nu: Expr) -> Expr:
    return -nu / 2 * log(2) - loggamma(nu / 2) + (nu / 2 - 1) * log(y) - y / 2


@family("CUD1 ch. 18, sec. 3 (with scale)", _positive("nu", "sigma"), support=HALF_LINE)
def chi(y: Expr, nu: Expr, sigma: Expr) -> Expr:
    return (1 - nu / 2) * log(2) - loggamma(nu / 2) - nu * log(sigma) + (nu - 1) * log(y) - y**2 / (2 * sigma**2)


@family("CUD1 ch. 21, eq. (21.1)", _positive("lambda", "k"), support=HALF_LINE)
def weibull(y: Expr, lam: Expr, k: Expr) -> Expr:
    return log(k / lam) + (k - 1) * log(y / lam) - (y / lam) ** k


@family("CUD2 ch. 22 (type 2 extreme value)", _positive("alpha", "s"), support=HALF_LINE)
def frechet(y: Expr, alpha: Expr, s: Expr) -> Expr:
    return log(alpha / s) - (alpha + 1) * log(y / s) - (y / s) ** (-alpha)


@family("CUD1 ch. 18, sec. 10.1", _positive("sigma"), support=HALF_LINE)
def rayleigh(y: Expr, sigma: Expr) -> Expr:
    return log(y) - 2 * log(sigma) - y**2 / (2 * sigma**2)


@family("CUD1 ch. 17, sec. 8 (Maxwell-Boltzmann)", _positive("a"), support=HALF_LINE)
def maxwell(y: Expr, a: Expr) -> Expr:
    return log(2 / pi) / 2 + 2 * log(y) - 3 * log(a) - y**2 / (2 * a**2)


@family(
    "Nakagami, in: Statistical Methods in Radio Wave Propagation (1960) 3", _positive("m", "Omega"), support=HALF_LINE
)
def nakagami(y: Expr, m: Expr, omega: Expr) -> Expr:
    return log(2) + m * log(m) - loggamma(m) - m * log(omega) + (2 * m - 1) * log(y) - m * y**2 / omega


@family("CUD1 ch. 13, sec. 10.1 (folded at the mean)", _positive("sigma"), support=HALF_LINE)
def half_normal(y: Expr, sigma: Expr) -> Expr:
    return log(2 / pi) / 2 - log(sigma) - y**2 / (2 * sigma**2)


@family("CUD2 ch. 23, sec. 11 (Balakrishnan 1985)", _positive("sigma"), support=HALF_LINE)
def half_logistic(y: Expr, sigma: Expr) -> Expr:
    return log(2 / sigma) - y / sigma - 2 * log(1 + exp(-y / sigma))


@family("CUD1 ch. 14, eq. (14.2)", {"mu": REAL, "sigma": POSITIVE}, support=HALF_LINE)
def log_normal(y: Expr, mu: Expr, sigma: Expr) -> Expr:
    return -((log(y) - mu) ** 2) / (2 * sigma**2) - log(y) - log(sigma) - log(2 * pi) / 2


@family("CUD2 ch. 23, sec. 11 (log-logistic)", _positive("alpha", "beta"), support=HALF_LINE)
def log_logistic(y: Expr, alpha: Expr, beta: Expr) -> Expr:
    return log(beta / alpha) + (beta - 1) * log(y / alpha) - 2 * log(1 + (y / alpha) ** beta)


@family("CUD2 ch. 24, sec. 6 (logarithm of a Laplace variable, at 1)", _positive("b"), support=HALF_LINE)
def log_laplace(y: Expr, b: Expr) -> Expr:
    from sympy import Abs

    return -log(2 * b * y) - Abs(log(y)) / b


@family("CUD1 ch. 15, eq. (15.4a)", _positive("mu", "lambda"), support=HALF_LINE)
def inverse_gaussian(y: Expr, mu: Expr, lam: Expr) -> Expr:
    return log(lam / (2 * pi)) / 2 - Rational(3, 2) * log(y) - lam * (y - mu) ** 2 / (2 * mu**2 * y)


@family("Jorgensen, Generalized Inverse Gaussian Distribution (1982); known order", _positive("a", "b", "nu"),
        support=HALF_LINE, constants=("nu",))  # fmt: skip
def generalized_inverse_gaussian(y: Expr, a: Expr, b: Expr, nu: Expr) -> Expr:
    return nu / 2 * log(a / b) - log(2 * besselk(nu, sqrt(a * b))) + (nu - 1) * log(y) - (a * y + b / y) / 2


@family("CUD1 ch. 12 (stable law of index 1/2)", {"c": POSITIVE, "x0": REAL},
        support=lambda y, c, x0: Interval.open(x0, S.Infinity), constants=("x0",))  # fmt: skip
def levy(y: Expr, c: Expr, x0: Expr) -> Expr:
    return log(c / (2 * pi)) / 2 - c / (2 * (y - x0)) - Rational(3, 2) * log(y - x0)


@family("CUD1 ch. 20, eq. (20.3); known scale", _positive("alpha", "c"),
        support=lambda y, alpha, c: Interval(c, S.Infinity), constants=("c",))  # fmt: skip
def pareto(y: Expr, alpha: Expr, c: Expr) -> Expr:
    return log(alpha) + alpha * log(c) - (alpha + 1) * log(y)


@family("CUD1 ch. 20, eq. (20.4) (Pareto of the second kind)", _positive("alpha", "lambda"), support=HALF_LINE)
def lomax(y: Expr, alpha: Expr, lam: Expr) -> Expr:
    return log(alpha / lam) - (alpha + 1) * log(1 + y / lam)


@family("CUD1 ch. 12, sec. 4.5 (Burr type XII)", _positive("c", "k"), support=HALF_LINE)
def burr(y: Expr, c: Expr, k: Expr) -> Expr:
    return log(c * k) + (c - 1) * log(y) - (k + 1) * log(1 + y**c)


@family(
    "Dagum 1977; Kleiber, Kotz, Statistical Size Distributions (2003), ch. 6",
    _positive("a", "b", "p"),
    support=HALF_LINE,
)
def dagum(y: Expr, a: Expr, b: Expr, p: Expr) -> Expr:
    return log(a * p / y) + a * p * log(y / b) - (p + 1) * log(1 + (y / b) ** a)


@family("CUD2 ch. 25, sec. 7 (Pearson type VI)", _positive("alpha", "beta"), support=HALF_LINE)
def beta_prime(y: Expr, alpha: Expr, beta: Expr) -> Expr:
    constant = loggamma(alpha + beta) - loggamma(alpha) - loggamma(beta)
    return constant + (alpha - 1) * log(y) - (alpha + beta) * log(1 + y)


@family("CUD2 ch. 27, eq. (27.3)", _positive("m", "n"), support=HALF_LINE)
def f(y: Expr, m: Expr, n: Expr) -> Expr:
    constant = loggamma((m + n) / 2) - loggamma(m / 2) - loggamma(n / 2) + m / 2 * log(m / n)
    return constant + (m / 2 - 1) * log(y) - (m + n) / 2 * log(1 + m * y / n)


@family("CUD2 ch. 22, sec. 8 (Gompertz)", _positive("eta", "b"), support=HALF_LINE)
def gompertz(y: Expr, eta: Expr, b: Expr) -> Expr:
    return log(b * eta) + eta + b * y - eta * exp(b * y)


@family("Gupta, Kundu, Austral. N. Z. J. Stat. 41 (1999) 173", _positive("alpha", "lambda"), support=HALF_LINE)
def exponentiated_exponential(y: Expr, alpha: Expr, lam: Expr) -> Expr:
    return log(alpha * lam) - lam * y + (alpha - 1) * log(1 - exp(-lam * y))


@family("Bose energies: DLMF 25.5.1; known exponent", _positive("beta", "s"), support=HALF_LINE, constants=("s",),
        domain=lambda beta, s: (s > 1,))  # fmt: skip
def planck(y: Expr, beta: Expr, s: Expr) -> Expr:
    from sympy import zeta

    return s * log(beta) - loggamma(s) - log(zeta(s)) + (s - 1) * log(y) - log(exp(beta * y) - 1)
