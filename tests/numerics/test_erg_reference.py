"""Polchinski's flow of one quartic mode on a grid against its exact solution, a Gaussian average by quadrature."""

import math

import numpy as np
import pytest
from sympy import Matrix, Rational, Symbol, cos, exp, lambdify, symbols

import numerics
from numerics.exact_flow import ExactFlow
from symrg.correspondence import bayesian_inference
from symrg.erg import PolchinskiFlow, exponential_cutoff, rational_cutoff
from symrg.errors import InvalidEquation, SolverFailure

PHI, LAMBDA = Symbol("phi", real=True), Symbol("Lambda", positive=True)
START, END = 3, 1


def exact(flow, bare, phi):
    """The posterior of the inference that the flow undoes, averaged over the bare theory by the trapezium rule."""
    integral = bayesian_inference(flow, START).evolved(bare).subs(LAMBDA, END)
    variable = integral.limits[0][0]
    chi = np.linspace(-6, 6, 1201)
    kernel = lambdify((PHI, variable), integral.function, "numpy")
    return np.array([np.trapezoid(kernel(p, chi), chi) for p in phi])


@pytest.mark.parametrize("action", [PHI**4 / 2, PHI**4 / 2 - PHI**2 + PHI / 3])
def test_grid_against_quadrature(action):
    flow = PolchinskiFlow(PHI, 2, rational_cutoff()(Rational(1), LAMBDA), LAMBDA)
    bare = exp(-flow.free_action.subs(LAMBDA, START) - action)
    errors = []
    for cells in (100, 200):
        found = numerics.solve(
            flow.fokker_planck(),
            {PHI: (-4, 4)},
            (cells,),
            bare,
            [-math.log(END)],
            start=-math.log(START),
            tolerance=1e-6,
        )[-1]
        phi = found.coords["phi"].values
        reference = exact(flow, bare, phi)
        step = phi[1] - phi[0]
        mass = reference.sum() * step
        errors.append(float(np.abs(found.values / (found.values.sum() * step) - reference / mass).sum() * step))
    assert errors[1] < 1e-3
    assert 1.7 < math.log2(errors[0] / errors[1]) < 2.3  # second order in the spacing
    frozen = bare.subs(LAMBDA, END)
    values = lambdify(PHI, frozen, "numpy")(phi)
    assert np.abs(values / (values.sum() * step) - reference / mass).sum() * step > 0.05  # the flow moved it


X, Y = symbols("phi_1 phi_2", real=True)
COUPLED = PolchinskiFlow(
    (X, Y),
    Matrix([[2, Rational(1, 3)], [Rational(1, 3), 1]]),
    rational_cutoff()(Rational(1), LAMBDA),
    LAMBDA,
    X**4 / 2 + X**2 * Y**2 + Y**4 / 4,
)


def test_two_coupled_quartic_modes_on_a_grid():
    exact = ExactFlow(COUPLED, 3, points=40)
    bare = exp(-(COUPLED.free_action + COUPLED.interaction).subs(LAMBDA, START))
    errors = []
    for cells in (24, 48):
        found = numerics.solve(
            COUPLED.fokker_planck(), {X: (-3, 3), Y: (-3, 3)}, (cells, cells), bare, [0.0], start=-math.log(START)
        )[-1]
        first, second = (found.coords[n].values for n in ("phi_1", "phi_2"))
        nodes = np.stack(np.meshgrid(first, second, indexing="ij"), axis=-1).reshape(-1, 2)
        reference = exact.density(nodes, 1).reshape(cells, cells)
        cell = (first[1] - first[0]) ** 2
        values = found.transpose("phi_1", "phi_2").values
        errors.append(float(np.abs(values / (values.sum() * cell) - reference).sum() * cell))
    assert errors[1] < 1.3e-2
    assert 1.6 < math.log2(errors[0] / errors[1]) < 2.4
    before = exact.density(nodes, 3).reshape(cells, cells)
    assert np.abs(before - reference).sum() * cell > 0.05


@pytest.mark.parametrize(
    "flow",
    [
        PolchinskiFlow(PHI, 2, exponential_cutoff(1, LAMBDA), LAMBDA, 3 * PHI**2 / 8),
        PolchinskiFlow((X, Y), COUPLED.kernel, COUPLED.cutoff, LAMBDA, X**2 + X * Y / 3 + Y**2 / 2),
    ],
)
def test_quadrature_against_the_gaussian_closed_form(flow):
    exact = ExactFlow(flow, 3, points=96 if len(flow.modes) == 1 else 44)
    mass = Matrix([[flow.interaction.diff(a, b) for a in flow.modes] for b in flow.modes])
    closed = flow.gaussian_interaction(mass, 3).subs(LAMBDA, 1)
    place = (Rational(3, 10), Rational(-2, 5))[: len(flow.modes)]
    expected = closed.subs(dict(zip(flow.modes, place))).evalf(30)
    digits = 25 if len(flow.modes) == 1 else 8
    assert abs(exact.interaction_to(digits, place, 1) - expected) < 10.0**-digits
    value, error = exact.interaction([[float(p) for p in place]], 1)
    assert abs(value[0] - float(expected)) < 1e-13 + error[0]
    variance, bar = exact.expectation(flow.modes[0] ** 2, 1)
    inverse = flow.covariance.inv().subs(LAMBDA, 1)
    hessian = Matrix([[closed.diff(a, b) for a in flow.modes] for b in flow.modes])
    assert abs(variance - float((inverse + hessian).inv()[0])) < 1e-12 + bar
    assert abs(exact.interaction_to(5, place, Rational(4, 5)) - expected) > 1e-4  # another scale is another action


def test_interactions_that_are_not_polynomial():
    flow = PolchinskiFlow(PHI, 2, exponential_cutoff(1, LAMBDA), LAMBDA, cos(PHI) / 3)
    exact = ExactFlow(flow, 3)
    fine, error = exact.interaction([0.4], 1)
    assert abs(fine[0] - float(exact.interaction_to(20, Rational(2, 5), 1))) < 1e-14 + error[0]


def test_bad_input():
    with pytest.raises(InvalidEquation, match="one or two modes"):
        ExactFlow(PolchinskiFlow(symbols("a b c", real=True), 1, 1 / LAMBDA, LAMBDA), 1)
    with pytest.raises(InvalidEquation, match="give numbers for g"):
        ExactFlow(PolchinskiFlow(PHI, 1, LAMBDA, LAMBDA, Symbol("g") * PHI**4), 1)
    with pytest.raises(InvalidEquation, match="S_int"):
        ExactFlow(PolchinskiFlow(PHI, 1, LAMBDA, LAMBDA), 1)
    with pytest.raises(InvalidEquation, match="is not positive"):
        ExactFlow(PolchinskiFlow(PHI, 1, 1 / (1 + LAMBDA**-2), LAMBDA, PHI**4), 1).interaction([0.0], 2)
    with pytest.raises(SolverFailure, match="bounded from below"):
        ExactFlow(PolchinskiFlow(PHI, 1, 1 / (1 + LAMBDA**-2), LAMBDA, -(PHI**4)), 2).density([0.0], 1)
