"""Polchinski's flow of one quartic mode on a grid against its exact solution, a Gaussian average by quadrature."""

import math

import numpy as np
import pytest
from sympy import Rational, Symbol, exp, lambdify

import numerics
from symrg.correspondence import bayesian_inference
from symrg.erg import PolchinskiFlow, rational_cutoff

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
