"""The dictionary as maps: flows to inferences and back, exact for Gaussian kernels, refused elsewhere."""

import pytest
from sympy import Integral, Matrix, Rational, Symbol, diff, exp, lambdify, log, pi, simplify, sqrt, symbols

from symrg.bayes import dynamical_bayes
from symrg.correspondence import bayesian_inference, renormalisation_flow
from symrg.erg import (
    PolchinskiFlow,
    WegnerMorrisFlow,
    exponential_cutoff,
    gaussian_cutoff,
    rational_cutoff,
)
from symrg.errors import InvalidEquation
from symrg.model import StatisticalModel

LAMBDA, START, G = symbols("Lambda Lambda_0 G", positive=True)
X, Y, TRUTH = symbols("phi_1 phi_2 theta_*", real=True)
KERNEL = Matrix([[2, Rational(1, 3)], [Rational(1, 3), 1]])
CUTOFFS = [exponential_cutoff, gaussian_cutoff, rational_cutoff(2), lambda p2, scale: 1 - exp(-(scale**2) / p2)]


AT = {X: Rational(1, 3), Y: 2, TRUTH: Rational(1, 5), G: 2, START: 3, LAMBDA: Rational(3, 2)}


def relative_residual(flow, density):
    """d_s P - d_i(C_ij d_j P / 2 + P C_ij d_j S_seed) over P, written out and put at a point."""
    seeded = flow.wegner_morris() if isinstance(flow, PolchinskiFlow) else flow
    total = -LAMBDA * diff(density, LAMBDA)
    for i, x in enumerate(seeded.modes):
        for j, z in enumerate(seeded.modes):
            c = seeded.regulator[i, j]
            total -= diff(c * diff(density, z) / 2 + density * c * diff(seeded.seed, z), x)
    return round(float((total / density).subs(AT).evalf(40)), 20)


@pytest.mark.parametrize("cutoff", CUTOFFS)
def test_posterior_solves_the_flow_for_every_cutoff(cutoff):
    flow = PolchinskiFlow(X, G, cutoff(Rational(3, 2), LAMBDA), LAMBDA)
    inference = bayesian_inference(flow, START)
    density = inference.field_density(TRUTH)
    assert relative_residual(flow, density) == 0
    assert abs(relative_residual(flow, density**2)) > 1e-3
    assert simplify(inference.clock.subs(LAMBDA, START)) == 0
    assert inference.rate.subs({LAMBDA: 1, G: 2}).evalf() > 0


def test_one_clock_and_many_clocks():
    together = bayesian_inference(PolchinskiFlow((X, Y), KERNEL, rational_cutoff()(1, LAMBDA), LAMBDA), START)
    assert together.one_clock
    assert simplify(together.model().fisher_metric() - together.inverse_metric.inv()) == Matrix.zeros(2, 2)
    assert relative_residual(together.flow, together.field_density((TRUTH, 2))) == 0
    cutoffs = [exponential_cutoff(p2, LAMBDA) for p2 in (1, 2)]
    apart = bayesian_inference(PolchinskiFlow((X, Y), [2, 3], cutoffs, LAMBDA), START)
    assert not apart.one_clock
    assert relative_residual(apart.flow, apart.field_density((TRUTH, 2))) == 0
    with pytest.raises(InvalidEquation, match="own clock"):
        apart.model()


def test_posterior_equation_has_no_drift_and_half_the_inverse_metric():
    inference = bayesian_inference(PolchinskiFlow(X, G, exponential_cutoff(1, LAMBDA), LAMBDA), START)
    equation = inference.fokker_planck()
    assert equation.drift == Matrix([0])
    density = inference.posterior(TRUTH).subs(LAMBDA, exp(-equation.time))
    assert simplify(equation.residual(density)) == 0
    assert simplify(equation.residual(density**2)) != 0


def test_interacting_theory_is_an_average_of_posteriors():
    """A massive interaction, whose flow has a closed form, and a quartic one against the flow's own convolution."""
    import mpmath

    flow = PolchinskiFlow(X, 2, 1 / (1 + LAMBDA**-2), LAMBDA)
    inference = bayesian_inference(flow, 3)

    def value(expression):
        """A factor times one Integral over the line, by quadrature."""
        factor, integral = expression.as_independent(Integral)
        variable = integral.limits[0][0]
        integrand = lambdify(variable, integral.function, "mpmath")
        return float(factor) * float(mpmath.quad(integrand, [-5, -2, 0, 2, 5]))

    for action, exact in (
        (X**2 / 3, lambda phi: exp(-flow.gaussian_interaction(Rational(2, 3), 3)).subs({X: phi, LAMBDA: 1})),
        (X**4 / 4, lambda phi: flow.convolution(X**4 / 4, 3, 1).subs(X, phi)),
    ):
        bare = exp(-flow.free_action.subs(LAMBDA, 3) - action)
        found = inference.evolved(bare).subs(LAMBDA, 1)
        for phi in (0, 0.5, 1):
            free = float(exp(-flow.free_action.subs({LAMBDA: 1, X: phi})))
            right = exact(phi)
            expected = free * (value(right) if right.has(Integral) else float(right))
            assert abs(value(found.subs(X, phi)) - expected) < 1e-9 * expected
            assert abs(value(inference.evolved(bare).subs({LAMBDA: 2, X: phi})) - expected) > 1e-3 * expected


@pytest.mark.parametrize("seed", [0, X**2 / 2, LAMBDA * X**2])
def test_wegner_morris_flows_with_quadratic_seeds(seed):
    flow = WegnerMorrisFlow(X, LAMBDA**2, seed, LAMBDA)
    inference = bayesian_inference(flow, 2)
    assert relative_residual(flow, inference.field_density(TRUTH)) == 0
    other = WegnerMorrisFlow(X, LAMBDA**2 * Rational(11, 10), seed, LAMBDA)
    assert relative_residual(other, inference.field_density(TRUTH)) != 0


def test_polchinski_as_wegner_morris_gives_the_same_inference_up_to_the_unit():
    flow = PolchinskiFlow(X, G, exponential_cutoff(2, LAMBDA), LAMBDA)
    one, other = bayesian_inference(flow, START), bayesian_inference(flow.wegner_morris(), START)
    scale = simplify(other.frame[0] / one.frame[0])
    assert not scale.has(LAMBDA)
    assert simplify(other.covariance[0] - scale**2 * one.covariance[0]) == 0


@pytest.mark.parametrize(
    ("regulator", "seed", "message"),
    [(1 + X**2, X**2, "regulator depends on the field"), (LAMBDA, X**4, "not a quadratic form"), (0, X**2, "vanishes")],
)
def test_flows_that_undo_no_inference_of_normal_data(regulator, seed, message):
    with pytest.raises(InvalidEquation, match=message):
        bayesian_inference(WegnerMorrisFlow(X, regulator, seed, LAMBDA), START)


def normal(prior=1):
    y, mu, truth = symbols("y mu mu_*", real=True)
    sigma, time = symbols("sigma T", positive=True)
    model = StatisticalModel(-((y - mu) ** 2) / (2 * sigma**2) - log(sigma * sqrt(2 * pi)), y, mu)
    return dynamical_bayes(model, truth, time, prior=prior)


@pytest.mark.parametrize("space", ["parameters", "observations"])
def test_normal_data_give_an_exact_flow(space):
    found = renormalisation_flow(normal(), space=space)
    assert found.exact
    assert found.flow.regulator[0] == Symbol("sigma", positive=True) ** 2
    assert simplify(found.flow.residual(found.density)) == 0
    assert simplify(found.flow.residual(found.density**2)) != 0


def test_there_and_back():
    """The flow of normal data undoes an inference with the same metric and the same clock, up to the origin."""
    found = renormalisation_flow(normal())
    back = bayesian_inference(found.flow, START)
    assert simplify(back.covariance[0] - found.flow.regulator[0] * log(START / found.flow.scale)) == 0


def test_waiting_times_hold_to_first_order_only():
    y, rate, truth, time = symbols("y theta theta_* T", positive=True)
    from sympy import Interval, oo

    model = StatisticalModel(log(rate) - rate * y, y, rate, support=Interval.open(0, oo))
    found = renormalisation_flow(dynamical_bayes(model, truth, time), space="observations")
    assert not found.exact
    assert found.order == 1
    scale = found.flow.scale
    start = found.density.subs(scale, 1)
    rate_of_change = -scale * diff(found.density, scale)
    right = found.flow.fokker_planck().rhs(start).subs(found.flow.time, 0)
    assert simplify(rate_of_change.subs(scale, 1) - right) == 0
    assert simplify(found.flow.residual(found.density)) != 0


def test_another_space_is_refused():
    with pytest.raises(InvalidEquation, match="expected 'parameters'"):
        renormalisation_flow(normal(), space="weights")
