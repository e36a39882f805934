"""Amari-Chentsov tensors by two routes, dual connections, and Fisher-Rao distances from the literature."""

import itertools

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from symrg.alpha_geometry import fisher_rao_distance
from symrg.errors import InvalidMetric, NoClosedForm
from symrg.manifold import Manifold
from symrg.model import StatisticalModel

y, mu = sp.symbols("y mu", real=True)
x, s, a, b, lam, p, q = sp.symbols("x sigma a b lambda p q", positive=True)
k = sp.Symbol("k", integer=True, nonnegative=True)
HALF = sp.Interval(0, sp.oo)

NORMAL = StatisticalModel(-((y - mu) ** 2) / (2 * s**2) - sp.log(s) - sp.log(2 * sp.pi) / 2, y, (mu, s), sp.S.Reals)
GAMMA = StatisticalModel(a * sp.log(b) - sp.loggamma(a) + (a - 1) * sp.log(x) - b * x, x, (a, b), HALF)
GUMBEL = StatisticalModel(-(y - mu) / b - sp.exp(-(y - mu) / b) - sp.log(b), y, (mu, b), sp.S.Reals)
POINT = {mu: 0.3, s: 1.2, a: 2.2, b: 0.7}


@pytest.mark.parametrize("model", [NORMAL, GAMMA, GUMBEL], ids=["normal", "gamma", "gumbel"])
def test_amari_chentsov_is_the_third_moment_of_the_score(model):
    tensor = model.manifold().amari_chentsov()
    score = model.score()
    for index in itertools.combinations_with_replacement(range(2), 3):
        direct = model.expectation(sp.expand(sp.Mul(*(score[i] for i in index))))
        assert abs((tensor[index] - direct).subs(POINT).evalf(20)) < 1e-12
    assert any(abs(e.subs(POINT).evalf()) > 1e-2 for e in sp.flatten(tensor.tolist()))


@pytest.mark.parametrize("model", [NORMAL, GAMMA, GUMBEL], ids=["normal", "gamma", "gumbel"])
def test_connections_of_opposite_alpha_are_dual(model):
    al = sp.Symbol("alpha", real=True)
    manifold = model.manifold()
    assert set(sp.flatten(manifold.duality_defect(al, budget=20).tolist())) == {0}
    plus, x_ = manifold.christoffel(al, lowered=True), manifold.coordinates
    wrong = [
        (sp.diff(manifold.metric[i, j], x_[m]) - plus[j, m, i] - plus[i, m, j]).subs({**POINT, al: 0.4}).evalf()
        for m, i, j in itertools.product(range(2), repeat=3)
    ]
    assert max(abs(w) for w in wrong) > 1e-2  # the same alpha twice is no dual pair


def test_exponential_families_are_flat_for_alpha_one_and_others_are_not():
    assert set(sp.flatten(GAMMA.manifold().riemann(1).tolist())) == {0}
    assert set(sp.flatten(GAMMA.manifold().riemann(-1).tolist())) == {0}
    assert GAMMA.manifold().scalar_curvature() != 0
    gumbel = GUMBEL.manifold()
    assert abs(gumbel.scalar_curvature(1).subs(POINT).evalf()) > 1e-3


@settings(max_examples=6, deadline=None)
@given(st.tuples(*[st.integers(1, 4) for _ in range(4)]), st.sampled_from([NORMAL, GAMMA, GUMBEL]), st.integers(-2, 2))
def test_alpha_curvature_is_invariant_under_reparametrisation(c, model, alpha):
    u, v = sp.symbols("u v", positive=True)
    new = {model.parameters[0]: c[0] * u + v**2 / c[1], model.parameters[1]: c[2] * v + sp.sqrt(u) / c[3]}
    manifold = model.manifold()
    cubic = manifold.amari_chentsov()
    moved = Manifold(manifold.metric, manifold.coordinates, cubic=cubic).reparametrize(new, (u, v))
    point = {u: sp.Rational(2, 3), v: sp.Rational(5, 4)}
    before = manifold.scalar_curvature(alpha).subs(new).subs(point)
    assert abs((moved.scalar_curvature(alpha).subs(point) - before).evalf(30)) < 1e-20


def test_distance_of_normal_laws():
    # Atkinson and Mitchell (1981), Sankhya A 43, 345; Costa, Santos and Strapasson (2015), eq. (6)
    manifold = NORMAL.manifold()
    m1, m2, s1, s2 = sp.Rational(1, 3), sp.Rational(-2), sp.Rational(3, 2), sp.Rational(1, 4)
    found = fisher_rao_distance(manifold, (m1, s1), (m2, s2))
    f = sp.sqrt(((m1 - m2) ** 2 + 2 * (s1 - s2) ** 2) * ((m1 - m2) ** 2 + 2 * (s1 + s2) ** 2))
    exact = sp.sqrt(2) * sp.log((f + (m1 - m2) ** 2 + 2 * (s1**2 + s2**2)) / (4 * s1 * s2))
    assert abs((found - exact).evalf(20)) < 1e-15
    assert abs((found / sp.sqrt(2) - exact).evalf()) > 0.1
    # the same two laws in other coordinates: precision, with the axes exchanged
    tau = sp.Symbol("tau", positive=True)
    moved = manifold.reparametrize({mu: mu, s: 1 / sp.sqrt(tau)}, (tau, mu))
    again = fisher_rao_distance(moved, (1 / s1**2, m1), (1 / s2**2, m2))
    assert abs((again - exact).evalf(20)) < 1e-15


def test_distances_in_one_parameter():
    rate = StatisticalModel(sp.log(lam) - lam * x, x, (lam,), HALF)
    assert abs((fisher_rao_distance(rate.manifold(), (2,), (7,)) - sp.log(sp.Rational(7, 2))).evalf()) < 1e-14
    poisson = StatisticalModel(k * sp.log(lam) - lam - sp.log(sp.factorial(k)), k, (lam,), sp.S.Naturals0)
    assert fisher_rao_distance(poisson.manifold(), (9,), (4,)) == 2
    coin = StatisticalModel(k * sp.log(p) + (1 - k) * sp.log(1 - p), k, (p,), sp.FiniteSet(0, 1), (p < 1,))
    found = fisher_rao_distance(coin.manifold(), (sp.Rational(1, 10),), (sp.Rational(7, 10),))
    exact = 2 * (sp.asin(sp.sqrt(sp.Rational(7, 10))) - sp.asin(sp.sqrt(sp.Rational(1, 10))))
    assert abs((found - exact).evalf(20)) < 1e-14


def test_distance_on_the_probability_simplex():
    rest = 1 - p - q
    metric = 5 * sp.Matrix([[1 / p + 1 / rest, 1 / rest], [1 / rest, 1 / q + 1 / rest]])
    manifold = Manifold(metric, (p, q))
    first, second = (sp.Rational(1, 4), sp.Rational(1, 2)), (sp.Rational(1, 3), sp.Rational(1, 3))
    overlap = sum(sp.sqrt(u * v) for u, v in zip((*first, sp.Rational(1, 4)), (*second, sp.Rational(1, 3))))
    assert abs((fisher_rao_distance(manifold, first, second) - 2 * sp.sqrt(5) * sp.acos(overlap)).evalf()) < 1e-14


def test_unknown_distances_are_refused():
    with pytest.raises(NoClosedForm, match="Fisher-Rao"):
        fisher_rao_distance(GAMMA.manifold(), (1, 2), (2, 3))
    with pytest.raises(InvalidMetric, match="2 coordinates"):
        fisher_rao_distance(NORMAL.manifold(), (1,), (2,))
