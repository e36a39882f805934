"""Families on the circle."""

# ruff: noqa: D103  (an entry is data: its source stands in the decorator)
from __future__ import annotations

from sympy import Expr, Interval, besseli, cos, log, pi

from symrg.families.entry import POSITIVE, REAL, family

_TURN = Interval(-pi, pi)


@family("MJ sec. 3.5.4, eq. (3.5.17)", {"mu": REAL, "kappa": POSITIVE}, support=_TURN)
def von_mises(y: Expr, mu: Expr, kappa: Expr) -> Expr:
    return kappa * cos(y - mu) - log(2 * pi * besseli(0, kappa))


@family("MJ sec. 3.5.7, eq. (3.5.69)", {"mu": REAL, "rho": POSITIVE}, support=_TURN, domain=lambda mu, rho: (rho < 1,))
def wrapped_cauchy(y: Expr, mu: Expr, rho: Expr) -> Expr:
    return log(1 - rho**2) - log(2 * pi) - log(1 + rho**2 - 2 * rho * cos(y - mu))


@family(
    "MJ sec. 3.5.5, eq. (3.5.47)", {"mu": REAL, "rho": POSITIVE}, support=_TURN, domain=lambda mu, rho: (2 * rho < 1,)
)
def cardioid(y: Expr, mu: Expr, rho: Expr) -> Expr:
    return log(1 + 2 * rho * cos(y - mu)) - log(2 * pi)
