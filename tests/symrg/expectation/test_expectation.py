"""The expectation engine: identities of the literature, invented families, refusals."""

import pytest
import sympy
from sympy import EulerGamma, S, Symbol, exp, log, pi, polygamma, symbols

from symrg import StatisticalModel, families
from symrg.errors import Disagreement, NoClosedForm
from symrg.expectation import Expectation
from symrg.expectation.confirm import confirm
from symrg.expectation.line import LineIntegrator
from symrg.expectation.numeric import NumericFailure, compiled, number
from symrg.expectation.special import zeta_derivative
from symrg.expectation.tidy import bessel_reduced, gamma_ratio

y = Symbol("y", real=True)
n = Symbol("n", integer=True)
mu, t = symbols("mu t", real=True)
a, b, c, s, k, w, theta = symbols("a b c s k w theta", positive=True)
HALF = sympy.Interval.open(0, S.Infinity)


def same(left, right):
    return sympy.simplify(sympy.expand_func(left - right)) == 0


@pytest.mark.parametrize(
    ("name", "symbols_", "function", "expected"),
    [
        ("gamma", (a, b), log(y), polygamma(0, a) - log(b)),
        ("gamma", (a, b), y**s, sympy.gamma(a + s) / sympy.gamma(a) / b**s),
        ("gamma", (a, b), y * log(y) ** 2, a / b * ((polygamma(0, a + 1) - log(b)) ** 2 + polygamma(1, a + 1))),
        ("normal", (mu, s), exp(t * y), exp(mu * t + s**2 * t**2 / 2)),
        ("normal", (mu, s), y**4, mu**4 + 6 * mu**2 * s**2 + 3 * s**4),
        ("exponential", (a,), exp(-c * y), a / (a + c)),
        ("beta", (a, b), log(1 - y), polygamma(0, b) - polygamma(0, a + b)),
        ("laplace", (mu, b), sympy.Abs(y - mu) ** 3, 6 * b**3),
        ("gumbel", (mu, s), y, mu + EulerGamma * s),
        ("logistic", (mu, s), (y - mu) ** 2, pi**2 * s**2 / 3),
        ("logistic", (mu, s), (y - mu) ** 3, 0),
        ("von_mises", (mu, k), sympy.cos(y), sympy.besseli(1, k) / sympy.besseli(0, k) * sympy.cos(mu)),
        ("inverse_gaussian", (a, b), 1 / y, 1 / a + 1 / b),
        ("log_normal", (mu, s), y**2, exp(2 * mu + 2 * s**2)),
        ("weibull", (a, k), y, a * sympy.gamma(1 + 1 / k)),
        ("student_t", (mu, s, k), log(1 + ((y - mu) / s) ** 2 / k), polygamma(0, (k + 1) / 2) - polygamma(0, k / 2)),
        ("half_normal", (s,), y, s * sympy.sqrt(2 / pi)),
        ("pareto", (a, c), log(y), log(c) + 1 / a),
    ],
)
def test_textbook_expectations(name, symbols_, function, expected):
    model = families.entry(name)(*symbols_, sample=y)
    got = model.expectation(function)
    assert same(got, expected)
    assert not same(got, expected + sympy.Rational(1, 1000))


@pytest.mark.parametrize(
    ("name", "symbols_", "function", "expected"),
    [
        ("poisson", (a,), n * (n - 1) * (n - 2), a**3),
        ("poisson", (a,), c**n, exp(a * (c - 1))),
        ("geometric", (w,), n, 1 / w),
        ("negative_binomial", (w, k), n, k * (1 - w) / w),
        ("logarithmic", (w,), n, -w / ((1 - w) * log(1 - w))),
        ("zeta", (s,), log(n), -zeta_derivative(1, s) / sympy.zeta(s)),
    ],
)
def test_textbook_sums(name, symbols_, function, expected):
    model = families.entry(name)(*symbols_, sample=n)
    assert same(model.expectation(function), expected)


def test_a_binomial_keeps_its_count_as_a_constant():
    model = families.binomial(w)
    (count,), (successes,) = model.constants, model.sample
    assert same(model.expectation(successes**2), count * w * (1 - w) + count**2 * w**2)


@pytest.mark.parametrize(
    ("log_density", "parameters", "support", "entry", "expected"),
    [
        (-((y / s) ** 6) - log(2 * s * sympy.gamma(sympy.Rational(7, 6))), (s,), S.Reals, (0, 0), 6 / s**2),
        (-(y**2) * b + theta * y - theta**2 / (4 * b) + log(b / pi) / 2, (theta, b), S.Reals, (1, 1),
         (b + theta**2) / (2 * b**3)),
        (-((y / a) ** sympy.Rational(1, 2)) - log(2 * a), (a,), HALF, (0, 0), 1 / (2 * a**2)),
        (log(theta**4 * 15 / pi**4) + 3 * log(y) - log(exp(theta * y) - 1), (theta,), HALF, (0, 0),
         6 * (150 * sympy.zeta(5) / pi**4 - 1) / theta**2),
        (log(theta / log(2)) - log(exp(theta * y) + 1), (theta,), HALF, (0, 0), pi**2 / (12 * theta**2 * log(2))),
        (log(2 * a / (pi * y)) - log((y / b) ** a + (b / y) ** a), (a, b), HALF, (0, 0), pi**2 / (8 * a**2)),
        (a * log(b) - sympy.loggamma(a) + (a - 2) * log(sympy.sqrt(y)) - b * sympy.sqrt(y) - log(2), (a, b), HALF,
         (0, 1), -1 / b),
        (log(sympy.Piecewise((2 * y / c, y < c), (2 * (1 - y) / (1 - c), True))), (c,), sympy.Interval(0, 1), (0, 0),
         1 / (c * (1 - c))),
    ],
)  # fmt: skip
def test_metrics_of_densities_that_have_no_name_here(log_density, parameters, support, entry, expected):
    metric = StatisticalModel(log_density, y, parameters, support).fisher_metric(budget=30)
    assert same(metric[entry], expected)


def test_a_closed_form_must_hold_for_all_signs_of_a_location():
    # Folding at zero would give |mu|; the two halves have different widths.
    model = families.split_normal()
    metric = model.fisher_metric(budget=30)
    location, left, right = model.parameters
    assert same(metric[0, 0], 1 / (left * right))
    assert not metric.has(location)


def test_discrete_truncation_and_inflation():
    count = StatisticalModel(
        n * log(a) - log(sympy.factorial(n)) - log(1 + a + a**2 / 2), n, (a,), sympy.Range(0, 3)
    ).expectation(n)
    assert same(count, (a + a**2) / (1 + a + a**2 / 2))
    inflated = families.zero_inflated_poisson(w, a, sample=n).expectation(n)
    assert same(inflated, (1 - w) * a)


def test_a_wrong_closed_form_is_refused():
    model = families.gamma(a, b, sample=y)
    engine = model.engine()
    assert confirm(engine.density, y, a / b, engine.points) is None
    with pytest.raises(Disagreement, match="quadrature gives"):
        confirm(engine.density, y, a / b + sympy.Rational(1, 1000), engine.points)


def test_a_divergent_expectation_has_no_closed_form():
    with pytest.raises(NoClosedForm):
        families.cauchy().expectation(Symbol("y", real=True) ** 2, budget=3)


def test_no_debris_is_returned_for_what_nobody_can_integrate():
    with pytest.raises(NoClosedForm, match="tried"):
        families.normal().expectation(sympy.sin(exp(y)) / (1 + y**4), budget=2)


def test_bartletts_identities():
    for name in ("gumbel", "weibull", "beta"):
        model = families.entry(name)()
        scores = model.score()
        size = model.dimension
        for i in range(size):
            assert same(model.expectation(scores[i]), 0)
            for j in range(size):
                outer = model.expectation(scores[i] * scores[j], budget=30)
                inner = -model.expectation(sympy.diff(scores[i], model.parameters[j]), budget=30)
                assert same(outer, inner)
                assert same(outer, model.fisher_metric()[i, j])


class TestNode:
    def model(self):
        return families.normal(mu, s, sample=y)

    def test_it_prints_as_an_expectation_and_hides_its_sample(self):
        node = Expectation(y**2, self.model())
        assert sympy.latex(node) == r"\mathbb{E}_{\theta}\left(y^{2}\right)"
        assert node.free_symbols == {mu, s}
        assert node == Expectation(y**2, self.model())
        assert node != Expectation(y**3, self.model())

    def test_substitution_reaches_parameters_and_not_the_sample(self):
        node = Expectation(y + mu, self.model())
        assert node.subs(y, 5) == node
        assert node.subs({mu: 3, s: 2}).doit() == 6

    def test_it_is_linear_inside_expressions_and_differentiates_under_the_integral(self):
        node = Expectation(y**2, self.model())
        assert (2 * node + 1).doit() == 2 * (mu**2 + s**2) + 1
        assert sympy.diff(node, mu).doit() == 2 * mu

    def test_its_integral_is_that_over_the_sample_space(self):
        integral = Expectation(y**2, self.model()).as_integral()
        assert isinstance(integral, sympy.Integral)
        assert integral.free_symbols == {mu, s}
        assert abs(integral.subs({mu: 1, s: 2}).evalf() - 5) < 1e-10

    def test_a_discrete_model_gives_a_sum(self):
        total = Expectation(n, families.poisson(a, sample=n)).as_integral()
        assert isinstance(total, sympy.Sum)
        assert abs(total.subs(a, 2).evalf() - 2) < 1e-10


def test_gamma_functions_cancel_by_their_recurrence():
    assert gamma_ratio(sympy.gamma(a / 2 + 3) / sympy.gamma(a / 2 + 1)) == (a / 2 + 1) * (a / 2 + 2)
    assert same(gamma_ratio(polygamma(0, a + 1) - polygamma(0, a)), 1 / a)
    reduced = bessel_reduced(sympy.besselk(a + 2, c) - sympy.besselk(a, c))
    assert same(reduced, 2 * (a + 1) / c * sympy.besselk(a + 1, c))


def test_zeta_derivative_differentiates_and_evaluates():
    assert sympy.diff(zeta_derivative(1, s), s) == zeta_derivative(2, s)
    assert zeta_derivative(0, s) == sympy.zeta(s)
    assert abs(float(zeta_derivative(1, 3)) + 0.19812624288563685) < 1e-15


def test_a_master_integral_depends_on_its_limits():
    x = sympy.Dummy("x", positive=True)
    point = {a: sympy.Rational(13, 10), c: sympy.Rational(3, 2)}
    tail = LineIntegrator(point).integral(-a * x, x, x, c, S.Infinity)
    head = LineIntegrator(point).integral(-a * x, x, x, S.Zero, c)
    assert same(head + tail, 1 / a**2)
    assert abs(number(tail, point) - number(head, point)) > 0.01


def test_a_point_without_values_is_no_number():
    with pytest.raises(NumericFailure, match="no values"):
        compiled([y], a * y)
