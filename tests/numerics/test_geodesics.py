"""Geodesics against closed forms: half-plane, sphere, and the straight lines of flat connections."""

import numpy as np
import pytest
import sympy as sp

from numerics.geodesics import GeodesicFlow, fisher_rao_distance
from symrg import alpha_geometry
from symrg.errors import InvalidMetric, SolverFailure, UndefinedSymbol
from symrg.manifold import Manifold

mu, th, ph = sp.symbols("mu theta phi", real=True)
s, a, b, c = sp.symbols("sigma a b c", positive=True)
CUBIC = sp.ImmutableDenseNDimArray([0, 2 / s**3, 2 / s**3, 0, 2 / s**3, 0, 0, 8 / s**3], (2, 2, 2))
NORMAL = Manifold(sp.diag(1 / s**2, 2 / s**2), (mu, s), cubic=CUBIC)
SPHERE = Manifold(sp.diag(1, sp.sin(th) ** 2), (th, ph))


@pytest.mark.parametrize("end", [(2.0, 0.5), (-3.0, 2.0), (0.0, 4.0), (20.0, 0.1)])
def test_distance_of_normal_laws_is_the_closed_one(end):
    start = (0.0, 0.8 if end[1] > 0.2 else 0.1)
    exact = float(alpha_geometry.fisher_rao_distance(NORMAL, *(tuple(map(sp.nsimplify, p)) for p in (start, end))))
    found = fisher_rao_distance(NORMAL, start, end)
    assert abs(found / exact - 1) < 1e-7
    assert abs(found / (exact / np.sqrt(2)) - 1) > 0.1


def test_great_circles():
    first, second = (1.0, 0.2), (2.0, 1.5)
    curve = GeodesicFlow(SPHERE).between(first, second)
    inner = np.cos(1.0) * np.cos(2.0) + np.sin(1.0) * np.sin(2.0) * np.cos(1.3)
    assert abs(curve.length - np.arccos(inner)) < 1e-7
    assert curve.speed_error < 1e-7

    def embedded(x):
        return np.stack([np.sin(x[:, 0]) * np.cos(x[:, 1]), np.sin(x[:, 0]) * np.sin(x[:, 1]), np.cos(x[:, 0])])

    points = embedded(curve.points)
    normal = np.cross(points[:, 0], points[:, -1])
    assert np.max(np.abs(normal @ points)) < 1e-7  # all in one plane through the centre
    straight = np.linspace(first, second, 101)
    assert np.max(np.abs(normal @ embedded(straight))) > 1e-2


def test_initial_value_problem_returns_on_the_sphere():
    flow = GeodesicFlow(SPHERE)
    curve = flow.from_point((np.pi / 3, 0.4), (0.3, 1.1), duration=1.0)
    speed = np.sqrt(0.3**2 + np.sin(np.pi / 3) ** 2 * 1.1**2)
    closed = flow.from_point((np.pi / 3, 0.4), (0.3, 1.1), duration=2 * np.pi / speed)
    assert abs(closed.points[-1, 0] - np.pi / 3) < 1e-8
    assert abs(closed.points[-1, 1] - 0.4 - 2 * np.pi) < 1e-8
    assert abs(curve.length - speed) < 1e-9
    again = flow.between(curve.points[0], curve.points[-1])
    assert np.max(np.abs(again.velocities[0] - (0.3, 1.1))) < 1e-6


def test_e_and_m_geodesics_are_straight_in_their_own_coordinates():
    def bend(curve, coordinates):
        return np.max(np.abs(np.diff(np.stack(coordinates(curve.points[:, 0], curve.points[:, 1])), 2, axis=1)))

    def natural(m, sd):
        return m / sd**2, -1 / (2 * sd**2)

    def mean(m, sd):
        return m, m**2 + sd**2

    exponential, mixture = (GeodesicFlow(NORMAL, alpha).between((0, 1), (2, 0.5)) for alpha in (1, -1))
    assert bend(exponential, natural) < 1e-8
    assert bend(mixture, mean) < 1e-8
    assert bend(exponential, mean) > 1e-4
    assert bend(mixture, natural) > 1e-4
    half = GeodesicFlow(NORMAL, 0.5).between((0, 1), (2, 0.5))
    assert bend(half, natural) > 1e-5
    assert half.speed_error > 1e-3  # the speed is constant for alpha = 0 only


def test_a_metric_without_closed_distance():
    psi = sp.polygamma(1, a + b)
    beta = Manifold(sp.Matrix([[sp.polygamma(1, a) - psi, -psi], [-psi, sp.polygamma(1, b) - psi]]), (a, b))
    there = fisher_rao_distance(beta, (1, 2), (3, 1.5))
    back = fisher_rao_distance(beta, (3, 1.5), (1, 2))
    middle = GeodesicFlow(beta).between((1, 2), (3, 1.5)).points[50]
    parts = fisher_rao_distance(beta, (1, 2), middle) + fisher_rao_distance(beta, middle, (3, 1.5))
    assert abs(there - back) < 1e-7
    assert abs(there - parts) < 1e-6
    detour = fisher_rao_distance(beta, (1, 2), (1, 3)) + fisher_rao_distance(beta, (1, 3), (3, 1.5))
    assert detour > there + 1e-2


def test_constants_take_values():
    scaled = Manifold(c**2 * sp.diag(1, sp.sin(th) ** 2), (th, ph))
    one, three = (fisher_rao_distance(scaled, (1, 0), (1.5, 1), {c: v}) for v in (1, 3))
    assert abs(three / one - 3) < 1e-8
    assert fisher_rao_distance(scaled, (1, 0), (1, 0), {c: 1}) == 0


def test_errors_say_what_to_do():
    with pytest.raises(UndefinedSymbol, match="c without a value"):
        GeodesicFlow(Manifold(c * sp.eye(2), (th, ph)))
    with pytest.raises(InvalidMetric, match="2 finite numbers"):
        GeodesicFlow(SPHERE).between((1, 2, 3), (1, 1))
    with pytest.raises(SolverFailure, match="inside the coordinates' domain"):
        GeodesicFlow(SPHERE).from_point((0.0, 0.0), (1.0, 1.0))
    folded = Manifold(sp.diag(4 * a**2, 1), (a, th))  # the plane with x = a^2: a straight line meets a = 0 at t = 1/2
    with pytest.raises(SolverFailure, match=r"t = 0\.5.*shorten the duration"):
        GeodesicFlow(folded).from_point((1.0, 0.2), (-1.0, 0.0), duration=2.0)
    with pytest.raises(InvalidMetric, match="Amari-Chentsov"):
        GeodesicFlow(SPHERE, 1)
