"""Exact normal solutions of linear Fokker-Planck equations, by SciPy and independent of the library.

d_t p = -div(A x p) + D : grad grad p has normal solutions with mean exp(A t) m and covariance obeying
dC/dt = A C + C A^T + 2 D (Gardiner, Stochastic Methods (2009), sec. 4.5.6).
"""

import numpy as np
import scipy.linalg
import sympy as sp


def evolved(A, D, mean, covariance, duration):
    """Mean and covariance after a time, by the matrix exponential of the vectorised moment equations."""
    A, D = np.array(A, float), np.array(D, float)
    n = len(A)
    eye = np.eye(n)
    block = np.zeros((n * n + 1, n * n + 1))
    block[: n * n, : n * n] = np.kron(A, eye) + np.kron(eye, A)
    block[: n * n, -1] = 2 * D.ravel()
    state = scipy.linalg.expm(block * duration) @ np.append(np.array(covariance, float).ravel(), 1.0)
    return scipy.linalg.expm(A * duration) @ np.array(mean, float), state[:-1].reshape(n, n)


def density(points, mean, covariance):
    """The normal density on coordinate arrays that broadcast."""
    covariance = np.atleast_2d(np.array(covariance, float))
    precision = np.linalg.inv(covariance)
    shifted = [p - m for p, m in zip(points, np.atleast_1d(mean))]
    n = len(shifted)
    form = sum(precision[i, j] * shifted[i] * shifted[j] for i in range(n) for j in range(n))
    return np.exp(-form / 2) / np.sqrt((2 * np.pi) ** n * np.linalg.det(covariance))


def expression(coordinates, mean, variance):
    """The isotropic normal density as a SymPy expression."""
    square = sum((x - sp.nsimplify(m)) ** 2 for x, m in zip(coordinates, mean))
    v = sp.nsimplify(variance)
    return sp.exp(-square / (2 * v)) / (2 * sp.pi * v) ** sp.Rational(len(coordinates), 2)


def mesh(result):
    """Coordinate arrays of a solver's result that broadcast."""
    names = [d for d in result.dims if d != "time"]
    return np.meshgrid(*(result[n].values for n in names), indexing="ij")


def volume(result):
    """Cell volumes of a result on a uniform or stretched grid, from its coordinates."""
    names = [d for d in result.dims if d != "time"]
    widths = [np.gradient(result[n].values) for n in names]
    total = widths[0]
    for w in widths[1:]:
        total = total[..., None] * w
    return total


def error(result, exact):
    """L1 distance of the last density from exact values."""
    return float((np.abs(result.values[-1] - exact) * volume(result)).sum())
