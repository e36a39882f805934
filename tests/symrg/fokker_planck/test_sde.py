"""The border of conventions, with diffusions that are not constant: a constant one hides every mistake."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sympy import Function, Matrix, Rational, Symbol, diff, exp, simplify, sin, sqrt, symbols

from symrg.errors import InvalidEquation
from symrg.fokker_planck import FokkerPlanck
from symrg.fokker_planck.sde import (
    SDE,
    from_gradient_form,
    from_half_form,
    from_mixed_form,
    from_nondivergence_form,
    to_half_form,
    to_nondivergence_form,
)

x, y, v = symbols("x y v", real=True)
s, k = symbols("sigma k", positive=True)
t = Symbol("t", real=True)

entries = st.sampled_from([x, y, x * y, x**2, 1 + x**2, sin(x), exp(y), sin(x * y), 2, 0, k * x])
one_dimensional = st.sampled_from([1 + x**2, x, exp(x), sin(x) + 2, s * x, sqrt(1 + x**2)])
few = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("noise", [s * x, sqrt(1 + x**2), exp(x)])
def test_stratonovich_adds_a_quarter_of_the_slope_of_the_squared_noise(noise):
    ito = FokkerPlanck.from_sde(-k * x, noise, coordinates=x)
    stratonovich = FokkerPlanck.from_sde(-k * x, noise, coordinates=x, interpretation="stratonovich")
    shift = stratonovich.drift[0] - ito.drift[0]
    # Gardiner (2009), eq. 4.3.38: b db/dx / 2 = (b^2)' / 4 = D' / 2.
    assert simplify(shift - diff(noise**2, x) / 4) == 0
    for wrong in (diff(noise**2, x) / 2, -diff(noise**2, x) / 4, 0):
        assert abs((shift - wrong).subs({x: Rational(1, 3), s: 2}).evalf()) > 0.05
    assert simplify(ito.diffusion[0] - noise**2 / 2) == 0


def test_klimontovich_makes_exp_minus_v_stationary():
    f = FokkerPlanck.from_sde(-x * (1 + x**2), sqrt(2 * (1 + x**2)), coordinates=x, interpretation="klimontovich")
    assert simplify(f.rhs(exp(-(x**2) / 2))) == 0
    ito = FokkerPlanck.from_sde(-x * (1 + x**2), sqrt(2 * (1 + x**2)), coordinates=x)
    assert simplify(ito.rhs(exp(-(x**2) / 2))) != 0


@few
@given(st.lists(entries, min_size=2, max_size=2), st.lists(entries, min_size=4, max_size=4))
def test_random_equations_survive_the_way_out_and_back(drift, noise):
    matrix = Matrix(2, 2, noise)
    for interpretation in ("ito", "stratonovich", "klimontovich"):
        f = FokkerPlanck.from_sde(drift, matrix, coordinates=(x, y), time=t, interpretation=interpretation)
        back = f.to_sde(interpretation, noise=matrix)
        assert all(simplify(a - b) == 0 for a, b in zip(back.drift, drift))


@few
@given(one_dimensional, one_dimensional)
def test_the_root_found_gives_the_same_equation_in_every_interpretation(drift, noise):
    f = FokkerPlanck.from_sde(drift, noise, coordinates=x, time=t)
    for interpretation in ("ito", "stratonovich", "klimontovich"):
        again = f.to_sde(interpretation).fokker_planck()
        assert simplify(again.drift[0] - f.drift[0]) == 0
        assert simplify(again.diffusion[0] - f.diffusion[0]) == 0


def test_stratonovich_obeys_the_chain_rule_and_ito_does_not():
    z = Symbol("z", positive=True)
    direct = FokkerPlanck.from_sde(k * x, s * x, coordinates=x, time=t, interpretation="stratonovich")
    positive = FokkerPlanck.from_sde(k * z, s * z, coordinates=z, time=t, interpretation="stratonovich")
    logarithm = positive.change_coordinates({z: exp(y)})
    assert logarithm == FokkerPlanck(y, k, s**2 / 2, time=t)  # drift k unchanged: the ordinary chain rule
    ito = FokkerPlanck.from_sde(k * z, s * z, coordinates=z, time=t).change_coordinates({z: exp(y)})
    assert simplify(ito.drift[0] - (k - s**2 / 2)) == 0
    assert direct.drift[0] == positive.drift[0].subs(z, x)


def test_degenerate_noise_keeps_one_column():
    f = FokkerPlanck((x, v), (v, -k * v - x**3), [[0, 0], [0, k]], time=t)
    sde = f.to_sde()
    assert sde.noise.shape == (2, 1)
    assert sde.fokker_planck() == f
    assert FokkerPlanck.from_sde((v, -k * v - x**3), (0, sqrt(2 * k)), coordinates=(x, v), time=t) == f


def test_gradient_form_has_exp_minus_v_and_others_have_not():
    p = Function("p")(x, t)
    c, potential = 1 + x**2, x**4 / 4
    f = from_gradient_form(x, c, potential, t)
    assert simplify(f.rhs(exp(-potential))) == 0
    assert simplify((f.rhs(p) - diff(c * diff(p, x), x) - diff(p * c * diff(potential, x), x)).doit()) == 0
    naive = FokkerPlanck(x, -c * diff(potential, x), c, time=t)  # the Ito term d_j C^ij forgotten
    assert abs(naive.rhs(exp(-potential)).subs(x, Rational(1, 2)).evalf()) > 0.1
    assert from_gradient_form(x, 3, potential, t) == from_mixed_form(x, 3, potential, t)


def test_mixed_form_of_the_talk_loses_probability_where_c_bends():
    with pytest.raises(InvalidEquation, match="does not conserve probability"):
        from_mixed_form(x, 1 + x**2, x**2 / 2, t)
    linear = from_mixed_form(x, 2 + x, x**2 / 2, t)  # d^2 C = 0: conserved, but not the gradient form
    assert linear != from_gradient_form(x, 2 + x, x**2 / 2, t)


@few
@given(one_dimensional, one_dimensional)
def test_non_divergence_and_half_forms_go_out_and_back(drift, noise):
    f = FokkerPlanck(x, drift, noise**2, time=t)
    m, a, c = to_nondivergence_form(f)
    p = Function("p")(x, t)
    assert simplify((f.rhs(p) + m[0] * diff(p, x) - a[0] * diff(p, x, 2) - c * p).doit()) == 0
    again = from_nondivergence_form(x, m, a, c, t)
    assert simplify(again.drift[0] - f.drift[0]) == 0
    mu, b = to_half_form(f)
    assert from_half_form(x, mu, b, t) == f
    assert from_half_form(x, mu, b / 2, t) != f


def test_printed_21_conserves_probability_only_if_its_coefficients_allow_it():
    assert from_nondivergence_form(x, k, s**2, 0, t) == FokkerPlanck(x, k, s**2, time=t)
    with pytest.raises(InvalidEquation, match=r"zeroth-order coefficient of k"):
        from_nondivergence_form(x, -k * x, s**2, 0, t)


BAD = {
    "no coordinates": (lambda: FokkerPlanck.from_sde(x, 1), "coordinates"),
    "unknown reading": (lambda: SDE(x, x, 1, t, "strat"), "interpretation must be one of"),
    "rows": (lambda: SDE((x, y), (x, y), Matrix([[1, 2]]), t), "1 rows for 2"),
    "ragged": (lambda: SDE((x, y), (x, y), [[1, 2], [1]], t), "different lengths"),
    "no root": (lambda: FokkerPlanck(x, x, 1).to_sde(noise=1), "2 D"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_the_reason(name):
    make, reason = BAD[name]
    with pytest.raises(InvalidEquation, match=reason):
        make()


def test_latex_marks_the_interpretation():
    assert r"\circ" in SDE(x, -x, s * x, t, "stratonovich").latex()
    assert r"\circ" not in SDE(x, -x, s * x, t).latex()
