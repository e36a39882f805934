"""Discrete families."""

# ruff: noqa: D103  (an entry is data: its source stands in the decorator)
from __future__ import annotations

from sympy import Eq, Expr, FiniteSet, Piecewise, Range, S, binomial, exp, factorial, log, loggamma, zeta
from sympy import tanh as _tanh

from symrg.families.entry import COUNT, INTEGER, POSITIVE, family

_ONE = {"y": INTEGER}
_PROBABILITY = {"p": POSITIVE}


def _below_one(p: Expr, *_: Expr) -> tuple:
    return (p < 1,)


@family("UDD sec. 3.1", _PROBABILITY, sample=_ONE, support=FiniteSet(0, 1), domain=_below_one)
def bernoulli(y: Expr, p: Expr) -> Expr:
    return y * log(p) + (1 - y) * log(1 - p)


@family("UDD eq. (3.1); known number of trials", {"p": POSITIVE, "n": COUNT}, sample=_ONE,
        support=lambda y, p, n: Range(0, n + 1), constants=("n",), domain=_below_one)  # fmt: skip
def _binomial(y: Expr, p: Expr, n: Expr) -> Expr:
    return log(binomial(n, y)) + y * log(p) + (n - y) * log(1 - p)


@family("UDD eq. (4.1)", {"lambda": POSITIVE}, sample=_ONE, support=S.Naturals0)
def poisson(y: Expr, lam: Expr) -> Expr:
    return y * log(lam) - lam - log(factorial(y))


@family(
    "UDD eq. (5.8); trials until the first success", _PROBABILITY, sample=_ONE, support=S.Naturals, domain=_below_one
)
def geometric(y: Expr, p: Expr) -> Expr:
    return log(p) + (y - 1) * log(1 - p)


@family("UDD eq. (5.1); known r", {"p": POSITIVE, "r": POSITIVE}, sample=_ONE, support=S.Naturals0, constants=("r",),
        domain=_below_one)  # fmt: skip
def negative_binomial(y: Expr, p: Expr, r: Expr) -> Expr:
    return loggamma(y + r) - loggamma(r) - log(factorial(y)) + r * log(p) + y * log(1 - p)


@family("UDD eq. (7.1)", _PROBABILITY, sample=_ONE, support=S.Naturals, domain=_below_one)
def logarithmic(y: Expr, p: Expr) -> Expr:
    return y * log(p) - log(y) - log(-log(1 - p))


@family("UDD sec. 11.2.20 (zeta)", {"s": POSITIVE}, sample=_ONE, support=S.Naturals, domain=lambda s: (s > 1,))
def _zeta(y: Expr, s: Expr) -> Expr:
    return -s * log(y) - log(zeta(s))


@family("UDD sec. 4.10 (positive Poisson)", {"lambda": POSITIVE}, sample=_ONE, support=S.Naturals)
def zero_truncated_poisson(y: Expr, lam: Expr) -> Expr:
    return y * log(lam) - log(factorial(y)) - log(exp(lam) - 1)


@family("UDD sec. 8.2.3", {"w": POSITIVE, "lambda": POSITIVE}, sample=_ONE, support=S.Naturals0, domain=_below_one)
def zero_inflated_poisson(y: Expr, w: Expr, lam: Expr) -> Expr:
    return log(Piecewise((w + (1 - w) * exp(-lam), Eq(y, 0)), ((1 - w) * exp(-lam) * lam**y / factorial(y), True)))


@family("Borel 1942; UDD sec. 7.2.2 (Borel-Tanner)", {"mu": POSITIVE}, sample=_ONE, support=S.Naturals,
        domain=lambda mu: (mu < 1,))  # fmt: skip
def borel(y: Expr, mu: Expr) -> Expr:
    return -mu * y + (y - 1) * log(mu * y) - log(factorial(y))


@family("Inusah, Kozubowski, J. Statist. Plann. Inference 136 (2006) 1090", _PROBABILITY, sample=_ONE,
        support=S.Integers, domain=_below_one)  # fmt: skip
def discrete_laplace(y: Expr, p: Expr) -> Expr:
    from sympy import Abs

    return log(1 - p) - log(1 + p) + Abs(y) * log(p)


@family("DMD ch. 35 with one trial and three outcomes", {"p": POSITIVE, "q": POSITIVE}, sample=_ONE,
        support=FiniteSet(1, 2, 3), domain=lambda p, q: (p + q < 1,))  # fmt: skip
def categorical(y: Expr, p: Expr, q: Expr) -> Expr:
    return Piecewise((log(p), Eq(y, 1)), (log(q), Eq(y, 2)), (log(1 - p - q), True))


@family("Ising 1925: one spin in a field", {"h": POSITIVE}, sample=_ONE, support=FiniteSet(-1, 1))
def spin(y: Expr, h: Expr) -> Expr:
    return log((1 + y * _tanh(h)) / 2)
