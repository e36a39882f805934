"""Multivariate families."""

# ruff: noqa: D103  (an entry is data: its source stands in the decorator)
from __future__ import annotations

from sympy import Expr, Matrix, S, cos, factorial, log, loggamma, pi, sin, sinh, sqrt

from symrg.families.entry import COUNT, NATURAL, POSITIVE, REAL, family


def _gaussian(y: Matrix, mean: Matrix, covariance: Matrix) -> Expr:
    shift = y - mean
    determinant = covariance.det()
    quadratic = (shift.T * covariance.adjugate() * shift)[0] / determinant
    return -quadratic / 2 - log(determinant) / 2 - len(y) * log(2 * pi) / 2


@family(
    "CMD sec. 45.1; symbolic mean and covariance",
    {"mu1": REAL, "mu2": REAL, "s11": POSITIVE, "s12": REAL, "s22": POSITIVE},
    sample={"y1": REAL, "y2": REAL},
    support=lambda *_: (S.Reals, S.Reals),
    domain=lambda mu1, mu2, s11, s12, s22: (s11 * s22 > s12**2,),
)
def multivariate_normal_2(y1, y2, mu1, mu2, s11, s12, s22):
    return _gaussian(Matrix([y1, y2]), Matrix([mu1, mu2]), Matrix([[s11, s12], [s12, s22]]))


@family(
    "CMD sec. 45.1; symbolic mean and covariance",
    {
        "mu1": REAL, "mu2": REAL, "mu3": REAL, "s11": POSITIVE, "s12": REAL, "s13": REAL, "s22": POSITIVE, "s23": REAL,
        "s33": POSITIVE,
    },
    sample={"y1": REAL, "y2": REAL, "y3": REAL},
    support=lambda *_: (S.Reals, S.Reals, S.Reals),
    domain=lambda mu1, mu2, mu3, s11, s12, s13, s22, s23, s33: (
        s11 * s22 > s12**2,
        Matrix([[s11, s12, s13], [s12, s22, s23], [s13, s23, s33]]).det() > 0,
    ),
)  # fmt: skip
def multivariate_normal_3(y1, y2, y3, mu1, mu2, mu3, s11, s12, s13, s22, s23, s33):
    covariance = Matrix([[s11, s12, s13], [s12, s22, s23], [s13, s23, s33]])
    return _gaussian(Matrix([y1, y2, y3]), Matrix([mu1, mu2, mu3]), covariance)


@family(
    "CMD sec. 46.1; scales and correlation",
    {"sigma": POSITIVE, "tau": POSITIVE, "rho": REAL},
    sample={"y1": REAL, "y2": REAL},
    support=lambda *_: (S.Reals, S.Reals),
    domain=lambda sigma, tau, rho: (rho**2 < 1,),
)
def bivariate_normal(y1, y2, sigma, tau, rho):
    u, v = y1 / sigma, y2 / tau
    constant = -log(2 * pi * sigma * tau) - log(1 - rho**2) / 2
    return constant - (u**2 - 2 * rho * u * v + v**2) / (2 * (1 - rho**2))


@family(
    "CMD sec. 49.1; three components",
    {"alpha": POSITIVE, "beta": POSITIVE, "gamma": POSITIVE},
    sample={"y1": REAL, "y2": REAL},
    support=lambda y1, y2, *_: ((y1, 0, 1 - y2), (y2, 0, 1)),
)
def dirichlet(y1, y2, alpha, beta, gamma):
    constant = loggamma(alpha + beta + gamma) - loggamma(alpha) - loggamma(beta) - loggamma(gamma)
    return constant + (alpha - 1) * log(y1) + (beta - 1) * log(y2) + (gamma - 1) * log(1 - y1 - y2)


@family(
    "DMD sec. 35.1; three outcomes, known number of trials",
    {"p": POSITIVE, "q": POSITIVE, "n": COUNT},
    sample={"y1": NATURAL, "y2": NATURAL},
    support=lambda y1, y2, p, q, n: ((y1, 0, n - y2), (y2, 0, n)),
    constants=("n",),
    domain=lambda p, q, n: (p + q < 1,),
)
def multinomial(y1, y2, p, q, n):
    rest = n - y1 - y2
    constant = log(factorial(n)) - log(factorial(y1)) - log(factorial(y2)) - log(factorial(rest))
    return constant + y1 * log(p) + y2 * log(q) + rest * log(1 - p - q)


@family(
    "MJ sec. 9.3.2 (Fisher distribution), in polar angles with their area element",
    {"kappa": POSITIVE, "alpha": POSITIVE, "beta": REAL},
    sample={"theta": REAL, "phi": REAL},
    support=lambda theta, phi, *_: ((theta, 0, pi), (phi, 0, 2 * pi)),
    domain=lambda kappa, alpha, beta: (alpha < pi,),
)
def von_mises_fisher(theta, phi, kappa, alpha, beta):
    cosine = cos(theta) * cos(alpha) + sin(theta) * sin(alpha) * cos(phi - beta)
    return log(kappa) - log(4 * pi) - log(sinh(kappa)) + kappa * cosine + log(sin(theta))


@family(
    "CMD ch. 44 (Wishart 1928), 2 x 2 with known degrees of freedom, in the precision matrix",
    {"p11": POSITIVE, "p12": REAL, "p22": POSITIVE, "n": POSITIVE},
    sample={"w12": REAL, "w11": POSITIVE, "w22": POSITIVE},
    support=lambda w12, w11, w22, *_: (
        (w12, -sqrt(w11 * w22), sqrt(w11 * w22)), (w11, 0, S.Infinity), (w22, 0, S.Infinity),
    ),
    constants=("n",),
    domain=lambda p11, p12, p22, n: (p11 * p22 > p12**2, n > 1),
)  # fmt: skip
def wishart_2(w12, w11, w22, p11, p12, p22, n):
    constant = -n * log(2) - log(pi) / 2 - loggamma(n / 2) - loggamma((n - 1) / 2) + n / 2 * log(p11 * p22 - p12**2)
    trace = p11 * w11 + 2 * p12 * w12 + p22 * w22
    return constant + (n - 3) / 2 * log(w11 * w22 - w12**2) - trace / 2


@family(
    "CMD ch. 49, sec. 8 (inverted Dirichlet)",
    {"alpha": POSITIVE, "beta": POSITIVE, "gamma": POSITIVE},
    sample={"y1": POSITIVE, "y2": POSITIVE},
    support=lambda y1, y2, *_: ((y1, 0, S.Infinity), (y2, 0, S.Infinity)),
)
def inverted_dirichlet(y1, y2, alpha, beta, gamma):
    total = alpha + beta + gamma
    constant = loggamma(total) - loggamma(alpha) - loggamma(beta) - loggamma(gamma)
    return constant + (alpha - 1) * log(y1) + (beta - 1) * log(y2) - total * log(1 + y1 + y2)


@family(
    "CMD ch. 48, sec. 3 (McKay's bivariate gamma)",
    {"a": POSITIVE, "b": POSITIVE, "c": POSITIVE},
    sample={"y1": POSITIVE, "y2": POSITIVE},
    support=lambda y1, y2, *_: ((y1, 0, y2), (y2, 0, S.Infinity)),
)
def mckay_bivariate_gamma(y1, y2, a, b, c):
    constant = (a + b) * log(c) - loggamma(a) - loggamma(b)
    return constant + (a - 1) * log(y1) + (b - 1) * log(y2 - y1) - c * y2
