"""Rational approximations of the exponential on the negative real axis, in partial fractions.

exp(z) = 2 Re sum_k c_k / (z - z_k) for z <= 0, with one pole of each conjugate pair. A tridiagonal generator with
positive rates is similar to a symmetric matrix with non-positive eigenvalues, so one step of any length costs one
complex tridiagonal solve per pole. The near-best approximants of degree n err by about 9.3^-n.

Source: Trefethen, Weideman, Schmelzer, Talbot quadratures and rational approximations, BIT 46 (2006) 653;
Cody, Meinardus, Varga, J. Approx. Theory 2 (1969) 50. The numbers come from `caratheodory_fejer`, which a test repeats.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Rational:
    """Poles z_k, residues c_k (upper half plane) and the largest error on the negative axis."""

    poles: np.ndarray
    residues: np.ndarray
    error: float

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """The approximation of exp(z) for real z <= 0."""
        z = np.asarray(z)
        return sum(2 * (c / (z - p)).real for p, c in zip(self.poles, self.residues))


def caratheodory_fejer(degree: int, coefficients: int = 75, nodes: int = 1024, scale: float = 9.0) -> Rational:
    """The Caratheodory-Fejer approximant of exp on (-oo, 0] of even degree.

    The half line is mapped to the unit circle by z = scale (w - 1)^2 / (w + 1)^2, where the truncated Chebyshev series
    of the exponential has a best approximation that the singular vectors of its Hankel matrix give.
    """
    w = np.exp(2j * np.pi * np.arange(nodes) / nodes)
    t = w.real
    values = np.exp(scale * (t - 1) / (t + 1 + 1e-16))
    chebyshev = np.fft.fft(values).real / nodes
    series = np.polyval(chebyshev[coefficients::-1], w)
    rows = np.arange(coefficients)
    padded = np.concatenate([chebyshev[1 : coefficients + 1], np.zeros(coefficients)])
    left, singular, right = np.linalg.svd(padded[rows[:, None] + rows[None, :]])
    u, v = left[::-1, degree], right[degree]
    fill = np.zeros(nodes - coefficients)
    blaschke = np.fft.fft(np.concatenate([u, fill])) / np.fft.fft(np.concatenate([v, fill]))
    extended = series - singular[degree] * w**coefficients * blaschke
    roots = np.roots(v)
    poles = roots[np.abs(roots) > 1]
    numerator = (np.fft.fft(extended * np.polyval(np.poly(poles), w)) / nodes).real[degree::-1]
    residues = np.array(
        [np.polyval(numerator, q) / np.polyval(np.poly(np.delete(poles, k)), q) for k, q in enumerate(poles)]
    )
    z = scale * (poles - 1) ** 2 / (poles + 1) ** 2
    c = 4 * residues * z / (poles**2 - 1)
    upper = np.argsort(np.where(z.imag > 0, z.imag, np.inf))[: degree // 2]
    return Rational(z[upper], c[upper], 4 * float(singular[degree]))


def _table(pairs: list[tuple[complex, complex]], error: float) -> Rational:
    poles, residues = (np.array(column) for column in zip(*pairs))
    return Rational(poles, residues, error)


DEGREE_8 = _table(
    [
        (3.2209452450546716 + 1.193619605419487j, -1.831771710632712 - 9.525608129947917j),
        (2.2922491478213183 + 3.6007714960773725j, 2.436240732924552 + 3.7167556408625977j),
        (0.2694909873676443 + 6.0820325927005205j, -0.6325880537325478 - 0.4439231027004753j),
        (-3.40853950146179 + 8.773034564408771j, 0.0281297571618134 + 0.011577384568879903j),
    ],
    2.4e-8,
)
DEGREE_14 = _table(
    [
        (5.62317153474907 + 1.1940664287035054j, -27.876162290790504 - 102.15000629233164j),
        (5.089374564868055 + 3.5888160956106345j, 46.93490458646216 + 45.64454383897618j),
        (3.993400429645279 + 6.004818060147936j, -23.498979418912768 - 5.808219208520475j),
        (2.269816525848304 + 8.461717806887696j, 4.807233308888861 - 1.3211122031058917j),
        (-0.20872377765454347 + 10.991232026342253j, -0.37636336735203735 + 0.33520468313172247j),
        (-3.7032391601860652 + 13.656333463723643j, 0.009438720569245423 - 0.01718573631108834j),
        (-8.897735413193399 + 16.63093520843589j, -7.153878175282853e-05 + 0.00014361901758410176j),
    ],
    6e-14,
)
