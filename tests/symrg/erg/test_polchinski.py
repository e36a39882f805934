"""Polchinski's flow against exact solutions and the conservation of the partition function."""

import pytest
from sympy import (
    Derivative,
    Function,
    Integral,
    Matrix,
    Rational,
    Symbol,
    diff,
    exp,
    expand,
    simplify,
    sqrt,
    symbols,
    zeros,
)

from symrg.erg import (
    PolchinskiFlow,
    WegnerMorrisFlow,
    exponential_cutoff,
    gaussian_cutoff,
    periodic_chain,
    rational_cutoff,
    sharpening_cutoff,
)
from symrg.errors import InvalidEquation

LAMBDA = Symbol("Lambda", positive=True)
X, Y = symbols("phi_1 phi_2", real=True)
G2 = Matrix([[2, Rational(1, 3)], [Rational(1, 3), 1]])
CUTOFFS = [
    exponential_cutoff,
    gaussian_cutoff,
    rational_cutoff(1),
    rational_cutoff(2),
    sharpening_cutoff(Rational(1, 2)),
]


@pytest.mark.parametrize("cutoff", CUTOFFS)
def test_textbook_flow_is_what_conservation_demands(cutoff):
    """Polchinski (1984): d_t S = Cdot (S' S' - S'') / 2 up to the field-free part, for every cutoff function."""
    flow = PolchinskiFlow(X, 1 + Symbol("m", positive=True) ** 2, cutoff(Rational(3, 2), LAMBDA), LAMBDA)
    found = flow.derived()
    rate = LAMBDA * diff(flow.covariance[0], LAMBDA)
    assert simplify(found.quadratic[0] - rate / 2) == 0
    assert simplify(found.laplacian[0] + rate / 2) == 0
    assert simplify(found.constant - rate / flow.covariance[0] / 2) == 0


def test_partition_function_is_conserved_and_only_with_these_factors():
    """d_t of the integral of exp(-S_0 - S) vanishes, by the moments; a flow off by a factor of 2 moves it."""
    flow = PolchinskiFlow(X, 3, 1 / (1 + LAMBDA**-2), LAMBDA)
    action = X**2 / 2 + X / 5
    assert expand((flow.free_action + action).subs(LAMBDA, 1)) == 7 * X**2 / 2 + X / 5
    moments = (1, -Rational(1, 35), Rational(1, 35) ** 2 + Rational(1, 7))  # of that normal law, by hand

    def rate(action_flow):
        moved = (LAMBDA * diff(flow.free_action, LAMBDA) + action_flow).subs(LAMBDA, 1)
        return sum(expand(moved).coeff(X, n) * moment for n, moment in enumerate(moments))

    right = flow.action_flow(action)
    assert rate(right) == 0
    assert abs(rate(2 * right)) > 1e-3
    assert abs(rate(right - flow.derived().constant)) > 1e-3


@pytest.mark.parametrize("mass", [Rational(1, 4), 2])
def test_gaussian_interaction_solves_the_flow(mass):
    flow = PolchinskiFlow((X, Y), G2, 1 / (1 + LAMBDA**-2), LAMBDA)
    action = flow.gaussian_interaction(Matrix([[mass, 0], [0, 1]]), 3)
    assert simplify(LAMBDA * diff(action, LAMBDA) - flow.action_flow(action)) == 0
    assert simplify(LAMBDA * diff(2 * action, LAMBDA) - flow.action_flow(2 * action)) != 0


def test_convolution_agrees_with_the_gaussian_closed_form():
    flow = PolchinskiFlow(X, 2, exponential_cutoff(1, LAMBDA), LAMBDA)
    mass = Rational(3, 4)
    weight = flow.convolution(mass * X**2 / 2, 2, 1)
    assert isinstance(weight.args[-1], Integral) or weight.has(Integral)
    closed = exp(-flow.gaussian_interaction(mass, 2)).subs(LAMBDA, 1)
    for value in (Rational(1, 2), 2):
        assert abs(weight.subs(X, value).evalf(15) - closed.subs(X, value).evalf(15)) < 1e-12
    assert abs(weight.subs(X, 2).evalf(15) - closed.subs(X, Rational(1, 2)).evalf(15)) > 1e-3


def test_printed_form_needs_minus_one_half_for_every_cutoff():
    """The talk's (8)-(11), with d/d ln Lambda on the left: both terms need the factor -1/2."""
    for cutoff in CUTOFFS[:3]:
        printed = PolchinskiFlow(X, 5, cutoff(2, LAMBDA), LAMBDA).printed_form()
        assert (printed.diffusion_factor, printed.drift_factor) == (-Rational(1, 2), -Rational(1, 2))


@pytest.mark.parametrize("kernel", [G2, Matrix([[1, Rational(-1, 2)], [Rational(-1, 2), 3]])])
def test_fokker_planck_by_two_routes(kernel):
    """From the continuity equation, and as the Wegner-Morris flow with the free action as seed."""
    flow = PolchinskiFlow((X, Y), kernel, 1 / (1 + LAMBDA**-2), LAMBDA)
    derived, seeded = flow.fokker_planck(), flow.wegner_morris().fokker_planck()
    assert simplify(derived.drift - seeded.drift) == zeros(2, 1)
    assert simplify(derived.diffusion - seeded.diffusion) == zeros(2, 2)
    half = WegnerMorrisFlow((X, Y), flow.regulator, flow.free_action / 2, LAMBDA).fokker_planck()
    assert simplify(derived.drift - half.drift) != zeros(2, 1)


def test_free_gaussian_solves_the_fokker_planck_equation():
    flow = PolchinskiFlow((X, Y), G2, 1 / (1 + LAMBDA**-2), LAMBDA)
    density = exp(-flow.free_action) / sqrt(flow.covariance.det())
    assert simplify(flow.wegner_morris().residual(density) / density) == 0
    assert simplify(flow.wegner_morris().residual(density**2) / density**2) != 0


def test_undefined_interaction_stays_general():
    flow = PolchinskiFlow(X, 1, exponential_cutoff(1, LAMBDA), LAMBDA)
    assert flow.action_flow().has(Derivative)
    assert flow.action_flow(Function("S")(X)).has(Derivative(Function("S")(X), (X, 2)))


@pytest.mark.parametrize("sites", [1, 2, 3, 4, 5, 8])
def test_chain_modes_diagonalise_the_laplacian(sites):
    modes = periodic_chain(sites)
    identity = (modes.transform * modes.transform.T).applyfunc(simplify)
    assert identity == Matrix.eye(sites)
    laplacian = zeros(sites, sites)
    for x in range(sites):
        for step in (-1, 1):
            laplacian[x, x] += 1
            laplacian[x, (x + step) % sites] -= 1
    numbers = (modes.transform * laplacian * modes.transform.T).evalf(20)
    for i in range(sites):
        for j in range(sites):
            expected = modes.momenta_squared[i].evalf(20) if i == j else 0
            assert abs(numbers[i, j] - expected) < 1e-15


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((Symbol("z"), 1, 1 / LAMBDA, LAMBDA), "declare z with real=True"),
        (((X, Y), Matrix([[1, 2], [0, 1]]), 1 / LAMBDA, LAMBDA), "must be symmetric"),
        (((X, Y), Matrix([[1, 1], [1, 1]]), 1 / LAMBDA, LAMBDA), "singular"),
        (((X, Y), [1, 2, 3], 1 / LAMBDA, LAMBDA), "3 entries; expected 2"),
        (((X, Y), G2, [1 / LAMBDA, 1 / LAMBDA**2], LAMBDA), "covariance C = K G\\^-1 must be symmetric"),
        ((X, 1, 1, Symbol("L")), "positive=True"),
    ],
)
def test_bad_input_says_how_to_mend_it(arguments, message):
    with pytest.raises(InvalidEquation, match=message):
        PolchinskiFlow(*arguments)
