"""Beta functions and the epsilon expansion of the local potential approximation, against literature."""

import pytest
from sympy import Rational, Symbol, cancel, diff, simplify, symbols

from symrg.erg.local_potential import RHO, litim_flow, polchinski_flow
from symrg.errors import InvalidEquation, NoClosedForm

D, N = Symbol("d"), Symbol("N", positive=True)
FLOWS = [litim_flow, polchinski_flow]


@pytest.mark.parametrize("flow", FLOWS)
def test_first_order_of_the_epsilon_expansion(flow):
    """nu = 1/2 + (N+2)/(4(N+8)) eps, omega = eps (Wilson and Fisher 1972), for every N."""
    found = flow(N, D).epsilon_expansion(1)
    eps = found.epsilon
    assert simplify(found.nu - Rational(1, 2) - (N + 2) / (4 * (N + 8)) * eps) == 0
    assert simplify(found.omega - eps) == 0
    assert simplify(found.nu - Rational(1, 2) - (N + 2) / (4 * (N + 9)) * eps) != 0


@pytest.mark.parametrize("components", [1, 3])
def test_second_order_does_not_depend_on_the_flow(components):
    one, other = (flow(components, D).epsilon_expansion(2) for flow in FLOWS)
    assert simplify(one.nu.subs(one.epsilon, 1) - other.nu.subs(other.epsilon, 1)) == 0
    assert simplify(one.omega.subs(one.epsilon, 1) - other.omega.subs(other.epsilon, 1)) == 0
    assert one.values[1].subs(one.epsilon, 1) != other.values[1].subs(other.epsilon, 1)  # couplings do


def test_fixed_point_series_annihilates_the_beta_functions():
    """By substitution into the untruncated beta functions: the residual is beyond the order kept."""
    flow = litim_flow(2, D)
    found = flow.epsilon_expansion(2)
    couplings, betas = flow.beta_functions(len(found.couplings))
    at = dict(zip(couplings, found.values))
    for beta in betas[:2]:
        value = cancel(beta.subs(D, 4 - found.epsilon).subs(at))
        for k in range(3):
            assert diff(value, found.epsilon, k).subs(found.epsilon, 0) == 0


def test_beta_functions_of_mass_and_quartic():
    """Litim's flow, truncated at the quartic, derived by hand: l1 = u'(0), l2 = u''(0)."""
    (m, g), (beta_m, beta_g) = litim_flow(1, D).beta_functions(2)
    assert simplify(beta_m - (-2 * m - 3 * g / (1 + m) ** 2)) == 0
    assert simplify(beta_g - ((D - 4) * g + 18 * g**2 / (1 + m) ** 3)) == 0
    assert simplify(beta_g - ((D - 4) * g + 16 * g**2 / (1 + m) ** 3)) != 0


def test_expansion_about_another_point_is_taylor_of_the_same_right_side():
    flow = polchinski_flow(3, 3)
    (a, b), betas = flow.beta_functions(2, about=2)
    u = a * (RHO - 2) + b * (RHO - 2) ** 2 / 2
    assert simplify(betas[0] - diff(flow.right_side(u), RHO).subs(RHO, 2)) == 0


def test_refusals():
    with pytest.raises(InvalidEquation, match="dimension is a Symbol"):
        litim_flow(1, 3).epsilon_expansion(1)
    with pytest.raises(InvalidEquation, match="at least 1"):
        litim_flow(1, 3).beta_functions(0)
    free = litim_flow(1, D)
    from dataclasses import replace

    u, u1 = symbols("u u_1")
    with pytest.raises(NoClosedForm):
        litim_flow(N, D).epsilon_expansion(3, budget=0.2)  # the time is up
    with pytest.raises(NoClosedForm):
        replace(free, rate=-D * u + (D - 2) * RHO * u1).epsilon_expansion(1)
