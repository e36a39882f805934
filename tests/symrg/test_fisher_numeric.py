"""Numbers for the Fisher metric: errors are bounds, proven where the integrals allow it."""

import mpmath
import pytest
import sympy
from sympy import Abs, Eq, FiniteSet, Interval, Piecewise, Rational, S, cos, erf, exp, log, loggamma, pi, sqrt, symbols

from symrg import StatisticalModel, families
from symrg.budget import Declined
from symrg.errors import ImproperDensity, InvalidModel, IrregularModel, TimeExpired
from symrg.expectation.numeric import NumericFailure
from symrg.fisher_numeric import _settled_moments

y, mu, v = symbols("y mu v", real=True)
x, s, k, lam = symbols("x s k lambda", positive=True)
p = sympy.Symbol("p", positive=True)
n = sympy.Symbol("n", integer=True, nonnegative=True)
HALF = Interval.open(0, S.Infinity)
TINY = Rational(1, 10**7)
HUGE = 10**7


def normal():
    return StatisticalModel(-((y - mu) ** 2) / (2 * s**2) - log(s) - log(2 * pi) / 2, y, (mu, s), S.Reals)


def laplace():
    return StatisticalModel(-Abs(y - mu) / s - log(2 * s), y, (mu, s), S.Reals)


def cauchy():
    return StatisticalModel(-log(pi * s) - log(1 + ((y - mu) / s) ** 2), y, (mu, s), S.Reals)


def gamma():
    return StatisticalModel(k * log(lam) - loggamma(k) + (k - 1) * log(x) - lam * x, x, (k, lam), HALF)


def log_normal():
    return StatisticalModel(-((log(x) - mu) ** 2) / (2 * s**2) - log(x * s) - log(2 * pi) / 2, x, (mu, s), HALF)


CASES = [
    *((normal, {mu: 1, s: scale}, lambda a: sympy.diag(1, 2) / a[s] ** 2) for scale in (TINY, 1, HUGE)),
    *((laplace, {mu: Rational(1, 3), s: scale}, lambda a: sympy.eye(2) / a[s] ** 2) for scale in (TINY, HUGE)),
    *((cauchy, {mu: -2, s: scale}, lambda a: sympy.eye(2) / (2 * a[s] ** 2)) for scale in (TINY, HUGE)),
    *(
        (gamma, {k: shape, lam: rate}, lambda a: sympy.Matrix(
            [[sympy.polygamma(1, a[k]), -1 / a[lam]], [-1 / a[lam], a[k] / a[lam] ** 2]]))
        for shape, rate in ((Rational(1, 4), TINY), (3, HUGE), (120, 1))
    ),
    *((log_normal, {mu: 0, s: scale}, lambda a: sympy.diag(1, 2) / a[s] ** 2) for scale in (Rational(1, 50), 9)),
]  # fmt: skip


@pytest.mark.parametrize(("make", "point", "exact"), CASES)
def test_the_error_of_a_rigorous_metric_bounds_it_at_every_scale(make, point, exact):
    estimate = make().fisher_metric_at(point, budget=200)
    assert estimate.kind == "rigorous"
    truth = exact(point).evalf(40)
    for i, (got, want, bound) in enumerate(zip(estimate.value, truth, estimate.error)):
        scale = sqrt(truth[i // 2, i // 2] * truth[i % 2, i % 2])
        assert abs(got - want) <= bound < 1e-12 * scale
        assert abs(got + 1e-10 * scale - want) > bound  # a number that is off is not inside


@pytest.mark.parametrize(
    "name", ["zeta", "negative_binomial", "logarithmic", "zero_inflated_poisson", "wrapped_cauchy"]
)
def test_sums_and_circles_of_the_catalogue_are_rigorous(name):
    model = families.entry(name)()
    (point,) = model.interior_points(1)
    estimate = model.fisher_metric_at(point, digits=20, budget=200)
    assert estimate.kind == "rigorous"
    exact = model.fisher_metric().subs(point).evalf(40)
    for got, want, bound in zip(estimate.value, exact, estimate.error):
        assert abs(got - want) <= bound < 1e-17 * (1 + abs(want))


def test_independent_coordinates_and_finite_ones_are_rigorous_too():
    pair = StatisticalModel(
        log(lam) - lam * x + n * log(p) + (1 - n) * log(1 - p), (x, n), (lam, p), (HALF, FiniteSet(0, 1)), (p < 1,)
    )
    estimate = pair.fisher_metric_at({lam: 3, p: Rational(1, 4)}, budget=60)
    assert estimate.kind == "rigorous"
    assert abs(estimate.value[0, 0] - Rational(1, 9)) <= estimate.error[0, 0]
    assert abs(estimate.value[1, 1] - Rational(16, 3)) <= estimate.error[1, 1]
    multinomial = families.multinomial()
    (point,) = multinomial.interior_points(1)
    assert multinomial.fisher_metric_at(point).kind == "rigorous"


def test_a_mixture_without_closed_form_has_proven_numbers():
    parts = [exp(-((y - place) ** 2) / 2) / sqrt(2 * pi) for place in (0, 2)]
    mixture = StatisticalModel(log(p * parts[0] + (1 - p) * parts[1]), y, (p,), S.Reals, (p < 1,))
    estimate = mixture.fisher_metric_at({p: Rational(1, 3)}, digits=20, budget=60)
    body = sympy.lambdify(y, (parts[0] - parts[1]) ** 2 / (parts[0] / 3 + 2 * parts[1] / 3), "mpmath")
    with mpmath.workdps(30):
        exact = mpmath.quad(body, [-14, -6, -3, 0, 1, 2, 5, 9, 16])
    assert estimate.kind == "rigorous"
    assert abs(estimate.value[0] - sympy.Float(exact, 30)) <= estimate.error[0] < 1e-17


def test_what_balls_cannot_do_is_quadrature_by_name(monkeypatch):
    skewed = StatisticalModel(-(y**2) / 2 - log(2 * pi) / 2 + log(1 + erf(v * y / sqrt(2))), y, (v,), S.Reals)
    estimate = skewed.fisher_metric_at({v: 0}, budget=20)
    assert abs(estimate.value[0] - 2 / pi) <= estimate.error[0]
    triangle = StatisticalModel(
        log(k * (k + s)) + (k - 1) * log(x) + (s - 1) * log(y), (x, y), (k, s), ((x, 0, y), (y, 0, 1))
    )
    estimate = triangle.fisher_metric_at({k: 2, s: 3}, digits=21, budget=60)
    assert estimate.kind == "quadrature"
    exact = sympy.Matrix([[Rational(1, 4) + Rational(1, 25), Rational(1, 25)], [Rational(1, 25), Rational(1, 25)]])
    for got, want, bound in zip(estimate.value, exact, estimate.error):
        assert abs(got - want) <= bound < 1e-5
    monkeypatch.setattr("symrg.expectation.proven.proven_products", lambda *_: None)
    estimate = gamma().fisher_metric_at({k: Rational(1, 4), lam: HUGE}, digits=12, budget=60)
    assert estimate.kind == "quadrature"
    assert abs(estimate.value[0, 0] - sympy.polygamma(1, Rational(1, 4))) <= estimate.error[0, 0] < 1e-9


def test_a_density_proven_not_to_be_normalised_is_refused():
    wrong = StatisticalModel(log(lam) - lam * x + Rational(1, 10**6), x, (lam,), HALF)
    with pytest.raises(ImproperDensity, match="not to 1"):
        wrong.fisher_metric_at({lam: 2})
    zero_inflated = Piecewise((log(p + Rational(1, 50)), Eq(n, 0)), (log(1 - p), True))
    with pytest.raises(ImproperDensity):
        StatisticalModel(zero_inflated, n, (p,), FiniteSet(0, 1), (p < 1,)).fisher_metric_at({p: Rational(1, 3)})


def test_a_zero_that_moves_and_digits_that_are_none_are_refused():
    moving = StatisticalModel(
        Piecewise((log(lam) - lam * (y - mu), y > mu), (-S.Infinity, True)), y, (mu, lam), S.Reals
    )
    with pytest.raises(IrregularModel, match="moves with mu"):
        moving.fisher_metric_at({mu: 0, lam: 1})
    cardioid = StatisticalModel(log(1 + p * cos(y)) - log(2 * pi), y, (p,), Interval(-pi, pi), (p < 1,))
    with pytest.raises(InvalidModel, match="digits"):
        cardioid.fisher_metric_at({p: Rational(1, 2)}, digits=0)


def beta():
    return StatisticalModel(
        (k - 1) * log(p) + (s - 1) * log(1 - p) + loggamma(k + s) - loggamma(k) - loggamma(s), p, (k, s), Interval(0, 1)
    )


@pytest.mark.parametrize("shapes", [(TINY, 2), (Rational(1, 1000), Rational(1, 1000)), (10**4, Rational(1, 100))])
def test_shapes_that_press_the_mass_into_the_ends_are_rigorous(shapes):
    # SymPy takes exp(loggamma(2 + 10**(-7))) for 1: no value of a gamma function may pass through it
    estimate = beta().fisher_metric_at({k: shapes[0], s: shapes[1]}, budget=120)
    assert estimate.kind == "rigorous"
    both = sympy.polygamma(1, shapes[0] + shapes[1])
    exact = sympy.Matrix(2, 2, lambda i, j: (sympy.polygamma(1, shapes[i]) if i == j else 0) - both).evalf(40)
    for i, (got, want, bound) in enumerate(zip(estimate.value, exact, estimate.error)):
        scale = sqrt(exact[i // 2, i // 2] * exact[i % 2, i % 2])
        assert abs(got - want) <= bound < 1e-13 * scale
    wrong = StatisticalModel(beta().log_density + TINY, p, (k, s), Interval(0, 1))
    with pytest.raises(ImproperDensity, match="not to 1"):
        wrong.fisher_metric_at({k: shapes[0], s: shapes[1]}, budget=120)


def test_what_has_no_time_is_said_to_have_none():
    with pytest.raises(TimeExpired, match="larger budget"):
        beta().fisher_metric_at({k: 2, s: 3}, budget=0.001)
    with pytest.raises(TimeExpired, match="larger budget"):
        beta().fisher_metric(budget=0.001)
    with pytest.raises(InvalidModel, match="`support`"):
        StatisticalModel(log(lam) - lam * y, y, (lam,)).fisher_metric()


def test_a_chain_that_misses_the_mass_gives_no_numbers():
    assert _settled_moments(gamma(), {k: sympy.Integer(3), lam: sympy.Integer(2)}, 0, chain=True)
    with pytest.raises(Declined, match=r"E\[score\]"):
        _settled_moments(beta(), {k: TINY, s: sympy.Integer(2)}, 0, chain=True)


def test_a_chain_stands_in_where_quadrature_fails(monkeypatch):
    from symrg import fisher

    routes = fisher.score_moments
    monkeypatch.setattr("symrg.expectation.proven.proven_products", lambda *_: None)

    def only_chains(model, point, digits=0, levels=0, chain=False):
        if not chain:
            raise NumericFailure("the quadrature doesn't settle")
        return routes(model, point, digits, levels, chain)

    monkeypatch.setattr("symrg.fisher.score_moments", only_chains)
    estimate = gamma().fisher_metric_at({k: 3, lam: 2}, budget=60)
    assert estimate.kind == "monte carlo"
    exact = [sympy.polygamma(1, 3), -Rational(1, 2), -Rational(1, 2), Rational(3, 4)]
    for got, want, bound in zip(estimate.value, exact, estimate.error):
        assert abs(got - want) <= 2 * bound < 0.5
