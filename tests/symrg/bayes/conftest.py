"""Models and quadrature for the tests of symrg.bayes."""

from __future__ import annotations

import mpmath
import pytest
from sympy import FiniteSet, Interval, S, Symbol, lambdify, log, loggamma, oo, pi

from symrg import StatisticalModel


class Zoo:
    """One-parameter models with their symbols."""

    y = Symbol("y", real=True)
    z = Symbol("z", positive=True)
    k = Symbol("k", integer=True, nonnegative=True)
    mu = Symbol("mu", real=True)
    mu_true = Symbol("mu_*", real=True)
    m0 = Symbol("m_0", real=True)
    s0 = Symbol("s_0", positive=True)
    sigma = Symbol("sigma", positive=True)
    rate = Symbol("lambda", positive=True)
    rate_true = Symbol("lambda_*", positive=True)
    p = Symbol("p", positive=True)
    p_true = Symbol("p_*", positive=True)
    T = Symbol("T", positive=True)
    tau = Symbol("tau", positive=True)

    @property
    def normal(self):
        log_density = -((self.y - self.mu) ** 2) / (2 * self.sigma**2) - log(self.sigma) - log(2 * pi) / 2
        return StatisticalModel(log_density, sample=self.y, parameters=self.mu, support=S.Reals)

    @property
    def normal_both(self):
        return StatisticalModel(
            self.normal.log_density, sample=self.y, parameters=(self.mu, self.sigma), support=S.Reals
        )

    @property
    def poisson(self):
        log_density = self.k * log(self.rate) - self.rate - loggamma(self.k + 1)
        return StatisticalModel(log_density, sample=self.k, parameters=self.rate, support=S.Naturals0)

    @property
    def exponential(self):
        log_density = log(self.rate) - self.rate * self.z
        return StatisticalModel(log_density, sample=self.z, parameters=self.rate, support=Interval.open(0, oo))

    @property
    def bernoulli(self):
        log_density = self.k * log(self.p) + (1 - self.k) * log(1 - self.p)
        return StatisticalModel(
            log_density, sample=self.k, parameters=self.p, support=FiniteSet(0, 1), domain=(self.p < 1,)
        )

    @property
    def cauchy(self):
        c = Symbol("c", real=True)
        log_density = -log(pi) - log(1 + (self.y - c) ** 2)
        return StatisticalModel(log_density, sample=self.y, parameters=c, support=S.Reals)


@pytest.fixture(scope="session")
def zoo():
    return Zoo()


def quad(expression, variable, lower, upper, centre=None):
    """Integral by mpmath, split at `centre`; independent of every symbolic route."""
    f = lambdify(variable, expression, "mpmath")
    points = [lower, upper] if centre is None else [lower, centre, upper]
    points = [mpmath.inf if p == oo else -mpmath.inf if p == -oo else mpmath.mpf(p) for p in points]
    return float(mpmath.quad(f, points))


@pytest.fixture(scope="session")
def quadrature():
    return quad
