"""Curvature against the literature, and covariance under random changes of coordinates."""

import itertools

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from symrg.errors import InvalidMetric, NoClosedForm
from symrg.manifold import Manifold

th, ph, mu = sp.symbols("theta phi mu", real=True)
s, r, t, M, a, b, u, v = sp.symbols("sigma r t M a b u v", positive=True)

SPHERE = Manifold(sp.diag(1, sp.sin(th) ** 2), (th, ph))
NORMAL = Manifold(sp.diag(1 / s**2, 2 / s**2), (mu, s))


def same(left, right):
    return sp.simplify(left - right) == 0


def test_sphere_has_the_index_order_of_the_conventions():
    gamma = SPHERE.christoffel()
    assert same(gamma[0, 1, 1], -sp.sin(th) * sp.cos(th))
    assert same(gamma[1, 0, 1], sp.cos(th) / sp.sin(th))
    assert gamma[1, 1, 1] == gamma[0, 0, 1] == 0
    riemann = SPHERE.riemann()
    # R^theta_phi,theta,phi = +sin^2(theta) in the stated convention; the other sign convention has -sin^2.
    assert same(riemann[0, 1, 0, 1], sp.sin(th) ** 2)
    assert same(riemann[0, 1, 1, 0], -(sp.sin(th) ** 2))
    assert same(riemann[1, 0, 1, 0], 1)
    assert SPHERE.ricci() == sp.ImmutableMatrix(sp.diag(1, sp.sin(th) ** 2))
    assert SPHERE.scalar_curvature() == 2
    assert SPHERE.sectional_curvature((1, 0), (a, 1)) == 1


def test_normal_family_is_the_hyperbolic_plane_of_curvature_minus_one_half():
    assert NORMAL.scalar_curvature() == -1
    assert NORMAL.sectional_curvature((1, 0), (0, 1)) == -sp.Rational(1, 2)
    gamma = NORMAL.christoffel()
    assert (gamma[0, 0, 1], gamma[1, 0, 0], gamma[1, 1, 1]) == (-1 / s, 1 / (2 * s), -1 / s)
    lowered = NORMAL.christoffel(lowered=True)
    assert lowered[1, 0, 0] == 1 / s**3


def riemann_by_definition(metric, x):
    """The formula of the conventions, with SymPy's own arithmetic."""
    n = len(x)
    up = metric.inv()
    gamma = [
        [
            [
                sum(
                    up[i, m] * (metric[m, j].diff(x[k]) + metric[m, k].diff(x[j]) - metric[j, k].diff(x[m]))
                    for m in range(n)
                )
                / 2
                for k in range(n)
            ]
            for j in range(n)
        ]
        for i in range(n)
    ]

    def component(i, j, k, q):
        value = gamma[i][q][j].diff(x[k]) - gamma[i][k][j].diff(x[q])
        return value + sum(gamma[i][k][m] * gamma[m][q][j] - gamma[i][q][m] * gamma[m][k][j] for m in range(n))

    return component


UNSEEN = [
    (sp.Matrix([[1 + u**2, u * v], [u * v, 2 + v**2]]), (u, v)),
    (sp.Matrix([[sp.exp(u), sp.sin(v)], [sp.sin(v), 3 + sp.sqrt(u + v)]]), (u, v)),
    (sp.Matrix([[2 + r, 0, u], [0, sp.cosh(v), 0], [u, 0, 3 + u**2]]), (r, u, v)),
    (sp.Matrix([[sp.polygamma(1, u) + 1, 1 / (u + v)], [1 / (u + v), sp.log(2 + u * v)]]), (u, v)),
]


@pytest.mark.parametrize(("metric", "x"), UNSEEN, ids=["polynomial", "mixed", "3d", "special"])
def test_riemann_and_contractions_against_the_definition(metric, x):
    manifold = Manifold(metric, x)
    point = {q: sp.Rational(5 + 3 * k, 7) for k, q in enumerate(x)}
    component = riemann_by_definition(metric, x)
    riemann, n = manifold.riemann(), range(len(x))
    numbers = {i: component(*i).subs(point).evalf(25) for i in itertools.product(n, repeat=4)}
    assert max(abs(c) for c in numbers.values()) > 1e-3
    for i, value in numbers.items():
        assert abs(riemann[i].subs(point).evalf(25) - value) < 1e-18
    ricci = sp.Matrix(len(x), len(x), lambda j, k: sum(numbers[i, j, i, k] for i in n))
    assert max(abs(e) for e in manifold.ricci().subs(point).evalf(25) - ricci) < 1e-17
    scalar = (metric.subs(point).evalf(25).inv() * ricci).trace()
    assert abs(manifold.scalar_curvature().subs(point).evalf(25) - scalar) < 1e-16


def test_kerr_is_ricci_flat_and_its_neighbour_is_not():
    rho, delta = r**2 + a**2 * sp.cos(th) ** 2, r**2 - 2 * M * r + a**2

    def kerr(twist):
        g = sp.diag(
            -(1 - 2 * M * r / rho),
            rho / delta,
            rho,
            (r**2 + a**2 + 2 * M * a**2 * r * sp.sin(th) ** 2 / rho) * sp.sin(th) ** 2,
        )
        g[0, 3] = g[3, 0] = -twist * M * a * r * sp.sin(th) ** 2 / rho
        return Manifold(g, (t, r, th, ph))

    assert kerr(2).ricci() == sp.zeros(4, 4)
    wrong = kerr(3).ricci()[0, 0].subs({r: 3, a: sp.Rational(1, 2), M: 1, th: 1}).evalf()
    assert abs(wrong) > 1e-4


def test_multivariate_normal_has_the_scalar_curvature_of_skovgaard():
    # Skovgaard (1984), Scand. J. Statist. 11, 211: N_p(mu, Sigma) is not of constant sectional curvature for p > 1;
    # its Ricci contraction gives R = -p (p + 1)^2 / 4, i.e. -1 for p = 1 and -9/2 for p = 2.
    m = sp.symbols("m1 m2")
    p, q, w = sp.symbols("p q w")
    sigma = sp.Matrix([[p, q], [q, w]])
    precision = sigma.adjugate() / sigma.det()
    g = sp.zeros(5, 5)
    g[:2, :2] = precision
    slopes = [sigma.diff(z) for z in (p, q, w)]
    for i, j in itertools.product(range(3), repeat=2):
        g[2 + i, 2 + j] = (precision * slopes[i] * precision * slopes[j]).trace() / 2
    manifold = Manifold(g, (*m, p, q, w))
    assert manifold.scalar_curvature() == -sp.Rational(9, 2)
    # bivariate normal: sectional curvature of the plane of the two means is +1/4 (ibid.)
    assert same(manifold.sectional_curvature((1, 0, 0, 0, 0), (0, 1, 0, 0, 0)), sp.Rational(1, 4))


POLYNOMIALS = st.tuples(*[st.integers(-3, 3) for _ in range(4)])


@settings(max_examples=15, deadline=None)
@given(POLYNOMIALS, POLYNOMIALS, st.sampled_from(["normal", "sphere", "torus"]))
def test_scalar_curvature_is_invariant_under_reparametrisation(first, second, which):
    base = {
        "normal": NORMAL,
        "sphere": SPHERE,
        "torus": Manifold(sp.diag(1, (3 + sp.cos(th)) ** 2), (th, ph)),
    }[which]
    p, q = sp.symbols("p q", real=True)
    shift = sum(c * e for c, e in zip(first, (p * q, q**2, sp.sin(q), p**2)))
    other = sum(c * e for c, e in zip(second, (p * q, p**2, sp.exp(p / 3), q)))
    new = {base.coordinates[0]: p + shift / 10, base.coordinates[1]: 1 + q / 2 + p**2 + (other / 10)}
    try:
        moved = base.reparametrize(new, (p, q))
    except InvalidMetric:
        jacobian = sp.Matrix([[sp.diff(e, c) for c in (p, q)] for e in new.values()]).det()
        assert sp.simplify(jacobian) == 0
    else:
        left = moved.scalar_curvature()
        right = base.scalar_curvature().subs(new)
        point = {p: sp.Rational(1, 7), q: sp.Rational(2, 9)}
        assert abs((left - right).subs(point).evalf(30)) < 1e-20


def test_tensors_transform_with_their_variance():
    new = {th: u + v**2, ph: u * v}
    moved = SPHERE.reparametrize(new, (u, v))
    point = {u: sp.Rational(1, 3), v: sp.Rational(3, 5)}
    direct, carried = moved.riemann(), SPHERE.transform(SPHERE.riemann(), "ulll", new, (u, v))
    wrong = SPHERE.transform(SPHERE.riemann(), "llll", new, (u, v))
    gap = [
        abs((x - y).subs(point).evalf(25)) for x, y in zip(sp.flatten(direct.tolist()), sp.flatten(carried.tolist()))
    ]
    assert max(gap) < 1e-18
    gap = [abs((x - y).subs(point).evalf(25)) for x, y in zip(sp.flatten(direct.tolist()), sp.flatten(wrong.tolist()))]
    assert max(gap) > 1e-2


def test_metric_is_covariantly_constant_and_a_wrong_metric_is_not():
    assert set(sp.flatten(NORMAL.covariant_derivative(NORMAL.metric, "ll").tolist())) == {0}
    assert NORMAL.covariant_derivative(NORMAL.metric + sp.diag(s, 0), "ll")[0, 0, 1] != 0
    assert NORMAL.covariant_derivative(s**2 * mu, "")[1] == 2 * s * mu


def test_bianchi_identity_of_einstein_tensor():
    manifold = Manifold(sp.diag(1, sp.exp(u), 1 + r**2), (r, u, v))
    divergence = manifold.covariant_derivative(manifold.einstein(), "ll")
    up = manifold.inverse_metric()
    for j in range(3):
        assert same(sum(up[i, k] * divergence[i, j, k] for i in range(3) for k in range(3)), 0)
    assert manifold.einstein() != sp.zeros(3, 3)


def test_natural_gradient_laplacian_and_volume():
    assert NORMAL.natural_gradient(mu * s) == sp.ImmutableMatrix([s**3, mu * s**2 / 2])
    assert same(SPHERE.laplacian(sp.cos(th)), -2 * sp.cos(th))
    assert same(NORMAL.volume_density(), sp.sqrt(2) / s**2)
    schwarzschild = Manifold(sp.diag(-(1 - 2 * M / r), 1 / (1 - 2 * M / r), r**2, r**2), (t, r, u, v))
    assert same(schwarzschild.volume_density(), r**2)


def test_geodesic_equations_hold_on_known_geodesics_only():
    time = sp.Symbol("tau", real=True)
    equations = SPHERE.geodesic_equations(time)
    theta, phi = (sp.Function(c.name, real=True)(time) for c in (th, ph))

    def left(curve):
        return [sp.simplify(e.lhs.subs(dict(zip((theta, phi), curve))).doit()) for e in equations]

    assert left((sp.pi / 2, 3 * time)) == [0, 0]
    assert left((2 * time, sp.Integer(1))) == [0, 0]
    assert left((sp.pi / 3, time)) != [0, 0]


def test_errors_name_the_cause():
    with pytest.raises(InvalidMetric, match=r"entry \(0, 1\)"):
        Manifold(sp.Matrix([[1, u], [v, 1]]), (u, v))
    with pytest.raises(InvalidMetric, match="singular"):
        Manifold(sp.Matrix([[u, u], [u, u]]), (u, v)).christoffel()
    with pytest.raises(InvalidMetric, match=r"singular.*depends on v"):
        Manifold(sp.diag(u, 0), (u, v)).scalar_curvature()
    with pytest.raises(InvalidMetric, match="same name"):
        Manifold(sp.diag(sp.Symbol("u"), 1), (u, v))
    with pytest.raises(InvalidMetric, match="shape"):
        Manifold(sp.eye(3), (u, v))
    with pytest.raises(InvalidMetric, match="Amari-Chentsov"):
        NORMAL.christoffel(1)
    with pytest.raises(InvalidMetric, match="plane"):
        SPHERE.sectional_curvature((1, 2), (2, 4))
    with pytest.raises(InvalidMetric, match="not invertible"):
        SPHERE.reparametrize({th: u + v, ph: 2 * u + 2 * v}, (u, v))


def test_work_beyond_the_budget_ends_with_no_closed_form():
    g = sp.Matrix(4, 4, lambda i, j: (5 if i == j else 0) + sp.sqrt(1 + u**2 + i * v + j * v + (i + j) * r * t))
    g = (g + g.T) / 2
    with pytest.raises(NoClosedForm, match=r"4-dimensional"):
        Manifold(g, (u, v, r, t)).riemann(budget=0.05)


CUBIC = sp.ImmutableDenseNDimArray(
    [0, 2 / s**3, 2 / s**3, 0, 2 / s**3, 0, 0, 8 / s**3],
    (2, 2, 2),
)  # T of N(mu, sigma^2) in (mu, sigma): T_mu,mu,sigma = 2/sigma^3, T_sigma^3 = 8/sigma^3 (Amari 2016, sec. 2.3)


def test_alpha_connections_of_the_normal_family():
    al = sp.Symbol("alpha", real=True)
    manifold = Manifold(NORMAL.metric, (mu, s), cubic=CUBIC)
    gamma = manifold.christoffel(al)
    # Amari & Nagaoka (2000), sec. 2.3: Gamma^(alpha) of the normal family in (mu, sigma)
    assert same(gamma[0, 0, 1], -(1 + al) / s)
    assert same(gamma[1, 0, 0], (1 - al) / (2 * s))
    assert same(gamma[1, 1, 1], -(1 + 2 * al) / s)
    assert same(manifold.scalar_curvature(al), -(1 - al**2))
    for end in (1, -1):
        assert set(sp.flatten(manifold.riemann(end).tolist())) == {0}
    assert set(sp.flatten(manifold.duality_defect(al).tolist())) == {0}
    skew = Manifold(NORMAL.metric, (mu, s), cubic=CUBIC.applyfunc(lambda e: e / 2))
    assert skew.scalar_curvature(1) != 0
