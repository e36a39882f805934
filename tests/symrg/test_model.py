"""Statistical models: validation, assumptions, supports, Fisher metric, numbers, null directions."""

import pickle
import threading

import mpmath
import pytest
import sympy
from sympy import S, Symbol, exp, log, pi, symbols
from sympy.stats import (
    Bernoulli,
    Beta,
    Binomial,
    Die,
    Dirichlet,
    FiniteRV,
    Gamma,
    Kumaraswamy,
    MultivariateNormal,
    Normal,
    Poisson,
    Uniform,
    Wishart,
    YuleSimon,
)

from symrg import StatisticalModel
from symrg.errors import ImproperDensity, InvalidModel, IrregularModel, MissingAssumption, NoClosedForm
from symrg.expectation.interior import Mass
from symrg.expectation.numeric import NumericFailure, compiled
from symrg.random_symbols import read_random_symbol

y = Symbol("y", real=True)
n = Symbol("n", integer=True)
mu = Symbol("mu", real=True)
sigma, a, b, c = symbols("sigma a b c", positive=True)
HALF = sympy.Interval.open(0, S.Infinity)
NORMAL = -((y - mu) ** 2) / (2 * sigma**2) - log(sigma) - log(2 * pi) / 2


def normal():
    return StatisticalModel(NORMAL, sample=y, parameters=(mu, sigma), support=S.Reals)


def test_score_and_metric_of_the_normal():
    model = normal()
    assert model.score() == sympy.ImmutableMatrix([(y - mu) / sigma**2, (y - mu) ** 2 / sigma**3 - 1 / sigma]) or all(
        sympy.simplify(x) == 0
        for x in model.score() - sympy.Matrix([(y - mu) / sigma**2, (y - mu) ** 2 / sigma**3 - 1 / sigma])
    )
    assert model.fisher_metric() == sympy.ImmutableMatrix([[sigma**-2, 0], [0, 2 / sigma**2]])
    assert model.check() is None


def test_order_of_parameters_is_order_of_rows():
    model = StatisticalModel(NORMAL, y, (sigma, mu), S.Reals)
    assert model.fisher_metric()[0, 0] == 2 / sigma**2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((NORMAL, 3, (mu,), S.Reals), "sample"),
        ((NORMAL, y, (), S.Reals), "parameters"),
        ((NORMAL, y, (mu, Symbol("mu")), S.Reals), "assumptions"),
        ((NORMAL, Symbol("y"), (mu,), S.Reals), "same name"),
        ((NORMAL, y, (mu, y), S.Reals), "at once"),
        ((NORMAL, y, (mu, c), S.Reals), "do not occur"),
        ((NORMAL, y, (mu,), "reals"), "support"),
        ((NORMAL, y, (mu,), (S.Reals, S.Reals)), "coordinates"),
        ((NORMAL, y, (mu,), S.Reals, (y > 0,)), "sample"),
        ((NORMAL, y, (mu,), S.Reals, (mu,)), "relational"),
        ((sympy.Function("f")(y) * mu, y, (mu,), S.Reals), "undefined functions"),
        ((NORMAL * sympy.I, y, (mu,), S.Reals), "real"),
    ],
)
def test_what_does_not_fit_together_is_refused(arguments, words):
    with pytest.raises(InvalidModel, match=words):
        StatisticalModel(*arguments)


def test_limits_in_a_circle_are_refused():
    u, v = symbols("u v", real=True)
    with pytest.raises(InvalidModel, match="circle"):
        StatisticalModel(a * u * v, (u, v), (a,), ((u, 0, v), (v, 0, u)))


@pytest.mark.parametrize(
    ("symbol", "assumption"),
    [(Symbol("s"), "positive=True"), (Symbol("s", real=True), "positive=True")],
)
def test_a_scale_without_its_sign_is_named(symbol, assumption):
    model = StatisticalModel(NORMAL.subs(sigma, symbol), y, (mu, symbol), S.Reals)
    with pytest.raises(MissingAssumption, match=rf"Symbol\('s', {assumption}\)"):
        model.fisher_metric()


def test_a_location_without_assumptions_must_be_real():
    bare = Symbol("m")
    with pytest.raises(MissingAssumption, match=r"Symbol\('m', real=True\)"):
        StatisticalModel(NORMAL.subs(mu, bare), y, (bare, sigma), S.Reals).fisher_metric()


def test_a_domain_can_stand_in_for_an_assumption_and_a_square_needs_none():
    s = Symbol("s", real=True)
    log_density = -(y**2) / (2 * s**2) - log(s) - log(2 * pi) / 2
    assert StatisticalModel(log_density, y, (s,), S.Reals, (s > 0,)).fisher_metric()[0] == 2 / s**2
    even = -(y**2) / (2 * s**2) - log(s**2) / 2 - log(2 * pi) / 2
    assert sympy.simplify(StatisticalModel(even, y, (s,), S.Reals).fisher_metric()[0] - 2 / s**2) == 0


def test_a_density_that_does_not_normalise_is_refused():
    wrong = StatisticalModel(NORMAL - log(2), y, (mu, sigma), S.Reals)
    with pytest.raises(ImproperDensity, match=r"0\.5"):
        wrong.check()
    with pytest.raises(ImproperDensity):
        wrong.fisher_metric()


@pytest.mark.parametrize(
    ("log_density", "support", "held"),
    [
        (-log(a), sympy.Interval(0, a), None),
        (log(b) + b * log(a) - (b + 1) * log(y), sympy.Interval(a, S.Infinity), b),
        (log(sympy.Piecewise((1 / a, y < a), (0, True))), HALF, None),
    ],
)
def test_a_support_that_moves_has_no_metric(log_density, support, held):
    parameters = (a,) if held is None else (a, held)
    model = StatisticalModel(log_density, y, parameters, support)
    with pytest.raises(IrregularModel, match="hold a fixed"):
        model.fisher_metric()
    if held is not None:
        fixed = StatisticalModel(log_density, y, (held,), support)
        assert fixed.fisher_metric()[0] == held**-2


def test_expectations_on_a_moving_support_exist():
    assert StatisticalModel(-log(a), y, (a,), sympy.Interval(0, a)).expectation(y**2) == a**2 / 3


def test_no_closed_form_is_said_within_the_budget_and_numbers_still_come():
    w = Symbol("w", positive=True)
    density = w * exp(-((y - mu) ** 2) / 2) + (1 - w) * exp(-(y**2) / 2)
    model = StatisticalModel(log(density / sympy.sqrt(2 * pi)), y, (w, mu), S.Reals, (w < 1,))
    with pytest.raises(NoClosedForm, match="tried"):
        model.fisher_metric(budget=2)
    estimate = model.fisher_metric_at({w: 0.3, mu: 1.5}, digits=12)
    p = sympy.lambdify(y, density.subs({w: 0.3, mu: 1.5}) / sympy.sqrt(2 * pi), "mpmath")
    d = sympy.lambdify(y, sympy.diff(density, w).subs({w: 0.3, mu: 1.5}) / sympy.sqrt(2 * pi), "mpmath")
    exact = mpmath.quad(lambda t: d(t) ** 2 / p(t), [-10, -3, 0, 1.5, 4, 12])
    assert abs(estimate.value[0, 0] - exact) < 1e-11
    assert estimate.kind == "rigorous"
    assert estimate.error.shape == (2, 2)
    assert all(e < 1e-10 for e in estimate.error)


def test_numbers_agree_with_the_closed_form_to_many_digits():
    model = StatisticalModel(a * log(b) - sympy.loggamma(a) + (a - 1) * log(y) - b * y, y, (a, b), HALF)
    point = {a: sympy.Rational(7, 5), b: 3}
    estimate = model.fisher_metric_at(point, digits=25)
    exact = model.fisher_metric().subs(point).evalf(30)
    for got, want, bound in zip(estimate.value, exact, estimate.error):
        assert abs(got - want) <= bound < 1e-22
        assert abs(got - want * (1 + sympy.Float("1e-15"))) > bound or want == 0


@pytest.mark.parametrize(
    ("values", "words"), [({mu: 0}, "no values"), ({mu: 0, sigma: -1}, "contradicts"), ({c: 1}, "neither")]
)
def test_points_that_are_none_are_refused(values, words):
    with pytest.raises(InvalidModel, match=words):
        normal().fisher_metric_at(values)


def test_a_singular_metric_is_an_answer_with_its_null_direction():
    u, v = symbols("u v", real=True)
    model = StatisticalModel(-((y - u * v) ** 2) / 2 - log(2 * pi) / 2, y, (u, v), S.Reals)
    assert model.fisher_metric() == sympy.ImmutableMatrix([[v**2, u * v], [u * v, u**2]])
    (direction,) = model.null_directions()
    assert (model.fisher_metric() * direction).applyfunc(sympy.simplify) == sympy.zeros(2, 1)
    assert model.identifiable_combinations() == (u * v,)
    assert normal().null_directions() == ()
    assert normal().identifiable_combinations() == (mu, sigma)


def test_a_sum_of_rates_is_all_that_an_exponential_minimum_shows():
    model = StatisticalModel(log(a + b) - (a + b) * y, y, (a, b), HALF)
    assert model.identifiable_combinations() == (a + b,)


def test_reparametrised_metric_is_the_pulled_back_tensor():
    t, v = Symbol("t", real=True), Symbol("v", positive=True)
    new = normal().reparametrize({mu: t * v, sigma: sympy.sqrt(v)}, (t, v))
    jacobian = sympy.Matrix([t * v, sympy.sqrt(v)]).jacobian([t, v])
    pulled = jacobian.T * normal().fisher_metric().subs(sigma, sympy.sqrt(v)) * jacobian
    assert (new.fisher_metric() - pulled).applyfunc(sympy.simplify) == sympy.zeros(2, 2)


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        (Normal("Y", mu, sigma), [[sigma**-2, 0], [0, 2 / sigma**2]]),
        (Gamma("Y", a, b), [[sympy.polygamma(1, a), 1 / b], [1 / b, a / b**2]]),
        (Poisson("Y", a), [[1 / a]]),
        (MultivariateNormal("Y", [mu, 0], [[sigma**2, 0], [0, 1]]), [[sigma**-2, 0], [0, 2 / sigma**2]]),
    ],
)
def test_random_symbols_of_sympy(variable, expected):
    model = StatisticalModel.from_sympy(variable)
    difference = model.fisher_metric() - sympy.Matrix(expected)
    assert difference.applyfunc(sympy.simplify) == sympy.zeros(*difference.shape)


def test_a_binomial_of_sympy_keeps_its_count_constant():
    count, p = Symbol("N", integer=True, positive=True), Symbol("p", positive=True)
    model = StatisticalModel.from_sympy(Binomial("Y", count, p))
    assert model.parameters == (p,)
    assert sympy.simplify(model.fisher_metric()[0] - count / (p * (1 - p))) == 0


def test_sympys_dirichlet_lives_on_a_cube_and_is_refused():
    # sympy/sympy#26470
    with pytest.raises(ImproperDensity):
        StatisticalModel.from_sympy(Dirichlet("Y", [a, b]))


def test_what_is_no_random_symbol_is_refused():
    with pytest.raises(InvalidModel, match="random symbol"):
        StatisticalModel.from_sympy(y)


def test_densities_of_sympy_are_read_term_by_term_on_the_support_they_state():
    p = Symbol("p", positive=True)
    heavy = StatisticalModel.from_sympy(YuleSimon("Y", a))
    assert heavy.log_density.has(sympy.loggamma)
    three = StatisticalModel.from_sympy(FiniteRV("Y", {0: p / 2, 1: p / 2, 2: 1 - p}))
    assert sympy.simplify(three.fisher_metric()[0] - 1 / (p * (1 - p))) == 0


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        (Die("Y", 6), "no free symbol"),
        (Bernoulli("Y", Beta("Q", a, b)), "gives no density"),
        (Wishart("Y", a, [[1, 0], [0, 1]]), "gives no density"),
    ],
)
def test_what_sympy_cannot_state_is_refused_with_the_reason(variable, words):
    with pytest.raises(InvalidModel, match=words):
        StatisticalModel.from_sympy(variable)


def test_a_density_that_is_complex_on_part_of_its_support_has_no_mass():
    # SymPy's support of this one is (0, oo), the density lives on (0, 1)
    log_density, sample, support = read_random_symbol(Kumaraswamy("Y", a, b))
    point = {a: sympy.Rational(3, 2), b: sympy.Rational(5, 2)}
    assert Mass(StatisticalModel(log_density, sample, (a, b), support)._density).at(point) is None
    unit = StatisticalModel(log_density, sample, (a, b), sympy.Interval(0, 1))
    mass = Mass(unit._density).at(point)
    assert mass is not None
    assert abs(mass - 1) < 1e-6


def test_sympys_uniform_is_irregular():
    with pytest.raises(IrregularModel):
        StatisticalModel.from_sympy(Uniform("Y", 0, a)).fisher_metric()


def test_a_thread_has_its_own_answer():
    results = []
    worker = threading.Thread(target=lambda: results.append(normal().fisher_metric()))
    worker.start()
    worker.join(60)
    assert results == [normal().fisher_metric()]


def test_models_are_values():
    assert normal() == normal()
    assert pickle.loads(pickle.dumps(normal())).fisher_metric() == normal().fisher_metric()  # noqa: S301
    with pytest.raises(AttributeError):
        normal().sample = (mu,)
    assert r"\ln p" in normal()._repr_latex_()


def test_two_symbols_of_one_name_are_refused_before_anything_is_computed():
    p = Symbol("p", positive=True)
    trials = Symbol("n")
    binomial = log(sympy.binomial(trials, c)) + c * log(p) + (trials - c) * log(1 - p)
    with pytest.raises(InvalidModel, match="several symbols named n with different assumptions"):
        StatisticalModel(binomial, c, (p,), sympy.Range(0, Symbol("n", integer=True, positive=True) + 1), (p < 1,))


def test_a_density_of_functions_without_numbers_is_said_to_have_none():
    order = Symbol("k", positive=True)
    slope = sympy.Derivative(sympy.besseli(order, y), order)
    with pytest.raises(NumericFailure, match="no numbers"):
        compiled((y, order), slope)
    assert compiled((y,), sympy.hyper((1,), (2,), y))(0.5) == pytest.approx((sympy.exp(0.5) - 1) / 0.5)
