"""Points lie inside the domain, on every branch of it, and around the places where a side changes form."""

import pytest
import sympy as sp

from symrg.verification.points import Domain, changes_of_form, zeros

x, y = sp.symbols("x y", real=True)
z = sp.Symbol("z")
p = sp.Symbol("p", positive=True)
n = sp.Symbol("n", integer=True)
R = sp.Rational


def test_complex_symbols_meet_all_quadrants_and_both_sides_of_the_cut():
    points = [v[z] for v in Domain((z,)).points(26)]
    quadrants = {(sp.sign(sp.re(v)), sp.sign(sp.im(v))) for v in points}
    assert {(1, 1), (1, -1), (-1, 1), (-1, -1)} <= quadrants
    negative_axis = [v for v in points if sp.im(v) == 0 and sp.re(v) < 0]
    close = [v for v in points if 0 < abs(sp.im(v)) < R(1, 100)]
    assert negative_axis
    assert close


def test_two_real_symbols_meet_all_signs():
    points = Domain((x, y)).points(26)
    assert {(sp.sign(v[x]), sp.sign(v[y])) for v in points} >= {(1, 1), (1, -1), (-1, 1), (-1, -1)}
    sizes = [abs(v[x]) for v in points]
    assert min(s for s in sizes if s) < R(1, 50)
    assert max(sizes) > 5


@pytest.mark.parametrize(
    ("symbols", "conditions", "inside"),
    [
        ((x,), (x > 1, x < 1 + R(1, 10**30)), lambda v: 1 < v[x] < 1 + R(1, 10**30)),
        ((x, y), (x > 0, y > x, y < x + R(1, 10**20)), lambda v: v[x] < v[y] < v[x] + R(1, 10**20)),
        ((x, y), (x**2 + y**2 < R(1, 10**6),), lambda v: v[x] ** 2 + v[y] ** 2 < R(1, 10**6)),
        ((x, y), (sp.Eq(x + y, 1),), lambda v: v[x] + v[y] == 1),
        ((x, y), (sp.Eq(x**2 + y**2, 1),), lambda v: sp.simplify(v[x] ** 2 + v[y] ** 2 - 1) == 0),
        ((p,), (p < 1,), lambda v: 0 < v[p] < 1),
        ((n,), (n >= 3, n <= 5), lambda v: v[n] in (3, 4, 5)),
        ((z,), (sp.Abs(z) < 1,), lambda v: sp.Abs(v[z]) < 1),
        ((z,), (sp.re(z) > 0,), lambda v: sp.re(v[z]) > 0),
        ((z,), (z > 2,), lambda v: v[z] > 2),
        ((x,), (sp.Or(x < -3, x > 3),), lambda v: abs(v[x]) > 3),
        ((x,), (sp.exp(x) > 5,), lambda v: v[x] > sp.log(5)),
        ((x,), (sp.Contains(x, sp.Interval(2, 3)),), lambda v: 2 <= v[x] <= 3),
    ],
    ids=lambda v: str(v)[:50] if isinstance(v, tuple) else "inside",
)
def test_points_obey_conditions(symbols, conditions, inside):
    points = Domain(symbols, conditions).points(20)
    assert len(points) >= 3
    assert all(inside(v) for v in points)


@pytest.mark.parametrize("conditions", [(x > 2, x < 1), (x**2 < 0,), (sp.Eq(x**2, -1),), (sp.false,)], ids=str)
def test_an_empty_domain_has_no_points(conditions):
    assert Domain((x,), conditions).points(10) == []


def test_same_seed_same_points():
    assert Domain((x, z), seed=5).points(12) == Domain((x, z), seed=5).points(12)
    assert Domain((x, z), seed=5).points(12) != Domain((x, z), seed=6).points(12)


def test_changes_of_form_are_surrounded():
    expr = sp.Piecewise((x, x < R(2, 7)), (x**2, x < R(2, 7) + R(1, 10**25)), (1, True))
    values = {v[x] for v in Domain((x,)).points(5, changes_of_form([expr]))}
    assert R(2, 7) in values
    assert any(R(2, 7) < v < R(2, 7) + R(1, 10**25) for v in values)
    assert any(R(2, 7) - R(1, 10**10) < v < R(2, 7) for v in values)


def test_zeros_of_polynomials_are_exact_where_rational():
    assert zeros((x - R(1, 3)) * (x + 2), x, {}) == [-2, R(1, 3)]
    (root,) = zeros(sp.cos(x) - x, x, {})
    assert abs(root - sp.nsolve(sp.cos(x) - x, x, 0.7, prec=40)) < 1e-30
