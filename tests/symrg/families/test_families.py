"""Every entry of the catalogue: normalisation and Fisher metric against independent quadrature or the literature."""

import itertools
import math
import warnings

import mpmath
import numpy as np
import pytest
import sympy
from scipy import integrate, special
from sympy import S

from symrg import families
from symrg.errors import InvalidModel
from symrg.expectation.density import kinks_of

MULTIVARIATE = {name for name in families.names() if len(families.entry(name)().sample) > 1}
HEAVY_SERIES = {"zeta"}
SCALAR = sorted(set(families.names()) - MULTIVARIATE - HEAVY_SERIES)


def reference(model, point):
    """Mass and E[l_i l_j] by SciPy's adaptive quadrature, or by plain summation."""
    (y,), (axis,) = model.sample, model.axes
    x = sympy.Dummy("x", real=True)
    scores = [sympy.diff(model.log_density, p) for p in model.parameters]
    scores = [s.replace(sympy.DiracDelta, lambda *_: S.Zero) for s in scores]
    names = {k: sympy.Float(v) if not v.is_Integer else v for k, v in point.items()} | {y: x}
    modules = [{"loggamma": math.lgamma, "polygamma": lambda n, z: float(special.polygamma(int(n), z)),
                        "besseli": special.iv, "besselk": special.kv, "zeta": special.zeta,
                        "sign": np.sign, "binomial": special.binom, "Abs": abs,
                        "factorial": lambda n: special.gamma(n + 1)}, "math"]  # fmt: skip
    functions = [sympy.lambdify(x, e.xreplace(names), modules) for e in (model.log_density, *scores)]

    def value(t, i, j):
        try:
            p = math.exp(functions[0](t))
            if p == 0:
                return 0.0
            found = p * (functions[1 + i](t) if i is not None else 1) * (functions[1 + j](t) if j is not None else 1)
            return found if math.isfinite(found) else 0.0  # far out, where a ratio has underflown
        except (OverflowError, ZeroDivisionError, ValueError):
            return 0.0

    def total(i, j):
        if axis.points is not None:
            return sum(value(float(p), i, j) for p in axis.points)
        low, high = (float(e.subs(point)) for e in (axis.lower, axis.upper))
        if axis.discrete:
            low, high = (max(low, -150), min(high, 150))
            return sum(value(float(k), i, j) for k in range(int(low), int(high) + 1))
        cuts = [float(k.subs(point)) for k in kinks_of(model.log_density, y)]
        middle = [m for m in (-3.0, 0.4, 3.0, *cuts) if low < m < high]
        edges = sorted({low, *middle, high})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return sum(integrate.quad(value, a, b, (i, j), limit=200)[0] for a, b in itertools.pairwise(edges))

    size = len(model.parameters)
    return total(None, None), [[total(i, j) for j in range(i, size)] for i in range(size)]


@pytest.mark.parametrize("name", SCALAR)
def test_metric_of_a_scalar_family_equals_quadrature(name):
    model = families.entry(name)()
    metric = model.fisher_metric(budget=60)
    assert not metric.has(sympy.Integral, sympy.Sum, sympy.Limit, sympy.Piecewise, sympy.Derivative)
    checked = 0
    for point in model.interior_points(4, seed=11):
        mass, products = reference(model, point)
        if abs(mass - 1) > 1e-6:  # a sharp edge that SciPy cannot resolve
            continue
        scale = [abs(products[i][0]) ** 0.5 for i in range(model.dimension)]
        for i in range(model.dimension):
            for j in range(i, model.dimension):
                closed = complex(metric[i, j].subs(point).evalf())
                assert abs(closed.imag) < 1e-12
                assert abs(closed.real - products[i][j - i]) < 2e-4 * scale[i] * scale[j], (name, point, i, j)
        checked += 1
        if checked == 2:
            break
    assert checked, f"no point at which {name} could be checked"


def test_zeta_metric_equals_the_variance_of_ln_n():
    model = families.zeta()
    (s,) = model.parameters
    value = model.fisher_metric()[0].subs(s, sympy.Rational(7, 2)).evalf(20)
    z = [mpmath.zeta(3.5, derivative=k) for k in range(3)]
    assert abs(value - (z[2] / z[0] - (z[1] / z[0]) ** 2)) < 1e-12


def at(model, **values):
    names = {str(s): s for s in model.symbols}
    return {names[k]: sympy.nsimplify(v) for k, v in values.items()}


def close(metric, point, expected, tolerance=1e-10):
    got = np.array(metric.subs(point).evalf(17).tolist(), dtype=float)
    assert np.allclose(got, expected, rtol=tolerance, atol=tolerance)
    assert not np.allclose(got, 1.01 * np.asarray(expected), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("n", [2, 3])
def test_multivariate_normal_metric_is_the_trace_formula(n):
    # Magnus, Neudecker 1979: covariance block tr(P E_i P E_j)/2, mean block P, no mixed block.
    model = families.entry(f"multivariate_normal_{n}")()
    rng = np.random.default_rng(5)
    a = rng.normal(size=(n, n))
    covariance = a @ a.T + np.eye(n)
    precision = np.linalg.inv(covariance)
    pairs = [(i, j) for i in range(n) for j in range(i, n)]
    point = {f"mu{i + 1}": rng.normal() for i in range(n)}
    point |= {f"s{i + 1}{j + 1}": covariance[i, j] for i, j in pairs}
    expected = np.zeros((n + len(pairs),) * 2)
    expected[:n, :n] = precision
    basis = []
    for i, j in pairs:
        e = np.zeros((n, n))
        e[i, j] = e[j, i] = 1
        basis.append(precision @ e)
    expected[n:, n:] = [[np.trace(x @ z) / 2 for z in basis] for x in basis]
    names = {str(s): s for s in model.symbols}
    values = {names[k]: sympy.Float(v, 17) for k, v in point.items()}
    close(model.fisher_metric(budget=60), values, expected, 1e-8)


def test_dirichlet_metric_is_trigamma():
    model = families.dirichlet()
    point = at(model, alpha="1.3", beta="2.1", gamma="0.7")
    psi = special.polygamma
    expected = np.diag([psi(1, 1.3), psi(1, 2.1), psi(1, 0.7)]) - psi(1, 4.1)
    close(model.fisher_metric(budget=60), point, expected, 1e-8)
    close(families.inverted_dirichlet().fisher_metric(budget=60), point, expected, 1e-8)


def test_multinomial_metric_is_that_of_the_simplex():
    model = families.multinomial()
    p, q, n = 0.2, 0.5, 4
    expected = n * (np.diag([1 / p, 1 / q]) + 1 / (1 - p - q))
    close(model.fisher_metric(budget=60), at(model, p="0.2", q="0.5", n="4"), expected)


def test_von_mises_fisher_metric():
    # Mardia, Jupp 2000, sec. 9.3: A = coth k - 1/k; radial A', tangential k A.
    model = families.von_mises_fisher()
    k, a = 1.7, 0.8
    radial, mean = 1 / k**2 - 1 / math.sinh(k) ** 2, 1 / math.tanh(k) - 1 / k
    expected = np.diag([radial, k * mean, k * mean * math.sin(a) ** 2])
    close(model.fisher_metric(budget=60), at(model, kappa="1.7", alpha="0.8", beta="0.3"), expected, 1e-9)


def test_bivariate_normal_metric_with_correlation():
    model = families.bivariate_normal()
    s, t, r = 1.3, 0.8, -0.4
    c = 1 - r * r
    expected = [
        [(2 - r * r) / (c * s * s), -r * r / (c * s * t), -r / (c * s)],
        [-r * r / (c * s * t), (2 - r * r) / (c * t * t), -r / (c * t)],
        [-r / (c * s), -r / (c * t), (1 + r * r) / c**2],
    ]
    close(model.fisher_metric(), at(model, sigma="1.3", tau="0.8", rho="-0.4"), expected)


def test_mckay_bivariate_gamma_metric():
    model = families.mckay_bivariate_gamma()
    a, b, c = 1.2, 2.3, 0.9
    psi = special.polygamma
    expected = [[psi(1, a), 0, -1 / c], [0, psi(1, b), -1 / c], [-1 / c, -1 / c, (a + b) / c**2]]
    close(model.fisher_metric(budget=60), at(model, a="1.2", b="2.3", c="0.9"), expected, 1e-8)


def test_wishart_metric_is_the_trace_formula():
    # Exponential family in -P/2 with log-partition -(n/2) ln det P: the metric is (n/2) tr(P^-1 dP P^-1 dP).
    model = families.wishart_2(n=3)
    p = np.array([[1.3, 0.4], [0.4, 0.9]])
    basis = [np.linalg.inv(p) @ np.array(e) for e in ([[1, 0], [0, 0]], [[0, 1], [1, 0]], [[0, 0], [0, 1]])]
    expected = [[1.5 * np.trace(x @ z) for z in basis] for x in basis]
    close(model.fisher_metric(budget=120), at(model, p11="1.3", p12="0.4", p22="0.9"), expected)


def test_the_catalogue_is_large_and_every_entry_has_a_source():
    assert len(families.names()) >= 50
    assert all(families.entry(name).source for name in families.names())


def test_own_symbols_and_fixed_values():
    a = sympy.Symbol("a", positive=True)
    z = sympy.Symbol("z", real=True)
    model = families.gamma(a, 2, sample=z)
    assert model.parameters == (a,)
    assert model.sample == (z,)
    assert model.fisher_metric() == sympy.ImmutableMatrix([[sympy.polygamma(1, a)]])
    named = families.gamma(beta=a)
    assert named.parameters == (sympy.Symbol("alpha", positive=True), a)


@pytest.mark.parametrize("call", [lambda: families.gamma(1, 2, 3), lambda: families.gamma(zeta=1),
                                  lambda: families.gamma(1, alpha=2), lambda: families.gamma(1, 2)])  # fmt: skip
def test_wrong_arguments_are_refused(call):
    with pytest.raises(InvalidModel):
        call()


def test_a_name_that_is_not_there_is_refused_with_the_nearest():
    with pytest.raises(KeyError, match="gumbel"):
        families.entry("gumbell")
    with pytest.raises(AttributeError):
        _ = families.no_such_family
