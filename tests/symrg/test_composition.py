"""Models from models."""

import pytest
import sympy
from sympy import S, Symbol, exp, log, symbols

from symrg import families
from symrg.errors import InvalidModel

y, z, x1, x2 = symbols("y z x1 x2", real=True)
mu = Symbol("mu", real=True)
a, b, s, w = symbols("a b s w", positive=True)


def same(left, right):
    return (left - right).applyfunc(sympy.simplify) == sympy.zeros(*left.shape)


def test_a_change_of_variable_leaves_the_metric_alone():
    normal = families.normal(mu, s, sample=y)
    lognormal = normal.transform(exp(y), z)
    lognormal.check()
    assert lognormal.axes[0].lower == 0
    assert same(lognormal.fisher_metric(), normal.fisher_metric())
    falling = families.exponential(a, sample=y).transform(-log(y), z)
    falling.check()
    assert falling.axes[0].lower == -S.Infinity
    assert same(falling.fisher_metric(), families.exponential(a).fisher_metric())


def test_a_fold_has_no_single_inverse():
    with pytest.raises(InvalidModel, match="inverse"):
        families.normal(mu, s, sample=y).transform(sympy.cosh(y), z)


def test_a_shifted_count():
    n, m = symbols("n m", integer=True)
    shifted = families.poisson(a, sample=n).transform(n + 1, m)
    shifted.check()
    assert shifted.axes[0].lower == 1
    assert shifted.expectation(m) == a + 1


def test_truncation_normalises():
    cut = families.exponential(a, sample=y).truncate(upper=2)
    cut.check()
    mean = cut.expectation(y)
    assert sympy.simplify(mean - (1 / a - 2 / (exp(2 * a) - 1))) == 0
    half = families.normal(0, s, sample=y).truncate(lower=0)
    half.check()
    assert sympy.simplify(half.expectation(y) - s * sympy.sqrt(2 / sympy.pi)) == 0


def test_a_truncated_count():
    n = Symbol("n", integer=True)
    positive = families.poisson(a, sample=n).truncate(lower=1)
    positive.check()
    assert sympy.simplify(positive.expectation(n) - a / (1 - exp(-a))) == 0


def test_a_mixture_learns_its_weight():
    mixed = families.normal(mu, 1, sample=y).mixture(families.normal(0, s, sample=y), w)
    assert mixed.parameters == (mu, s, w)
    mixed.check()
    assert sympy.simplify(mixed.expectation(y) - (1 - w) * mu) == 0
    with pytest.raises(InvalidModel, match="supports"):
        families.normal(mu, 1).mixture(families.exponential(a), w)


def test_marginal_and_conditional_of_a_simplex():
    u, v = symbols("u v", real=True)
    c = Symbol("c", positive=True)
    whole = families.dirichlet(a, b, c, sample=(u, v))
    outer = whole.marginal((v,), budget=30)
    outer.check()
    assert sympy.simplify(outer.expectation(v) - b / (a + b + c)) == 0
    inner = whole.marginal((u,), budget=30)
    inner.check()
    assert sympy.simplify(inner.expectation(u) - a / (a + b + c)) == 0
    given = whole.conditional((v,), budget=30)
    given.check()
    assert given.constants == (v,)
    assert sympy.simplify(given.expectation(u) - (1 - v) * a / (a + c)) == 0


def test_the_order_of_a_triangle_is_exchanged():
    u, v = symbols("u v", real=True)
    model = families.mckay_bivariate_gamma(1, 1, a, sample=(u, v))
    first = model.marginal((u,))
    assert sympy.simplify(first.log_density - (log(a) - a * u)) == 0
    second = model.marginal((v,))
    assert sympy.simplify(sympy.exp(second.log_density) - a**2 * v * exp(-a * v)) == 0


def test_information_adds_over_copies_and_products():
    one = families.gumbel(mu, s, sample=y)
    three = one.copies(3)
    assert len(three.sample) == 3
    assert same(three.fisher_metric(budget=30), 3 * one.fisher_metric())
    both = families.normal(mu, 1, sample=x1).product(families.exponential(a, sample=x2))
    assert same(both.fisher_metric(), sympy.diag(1, a**-2))
    with pytest.raises(InvalidModel, match="rename"):
        one.product(one)
    with pytest.raises(InvalidModel, match="positive"):
        one.copies(0)


def test_regression_replaces_a_parameter_by_a_function_of_covariates():
    p, q, x = symbols("p q x", real=True)
    rate = Symbol("lambda", positive=True)
    n = Symbol("n", integer=True)
    model = families.poisson(rate, sample=n).regression({rate: exp(p + q * x)}, (p, q))
    assert model.constants == (x,)
    metric = model.fisher_metric()
    assert same(metric, exp(p + q * x) * sympy.Matrix([[1, x], [x, x**2]]))
    assert model.null_directions() == (sympy.ImmutableMatrix([-x, 1]),) or len(model.null_directions()) == 1
    (seen,) = model.identifiable_combinations()
    assert sympy.simplify(seen.diff(q) - x * seen.diff(p)) == 0


def test_regression_with_what_is_no_parameter_is_refused():
    with pytest.raises(InvalidModel, match="not parameters"):
        families.poisson(a).regression({b: a}, (a,))
    n = Symbol("y", integer=True)
    with pytest.raises(InvalidModel, match="sample"):
        families.poisson(a, sample=n).regression({a: n}, (a,))
