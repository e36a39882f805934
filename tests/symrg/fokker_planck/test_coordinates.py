"""Other coordinates: two routes to the same equation, and the transformed solutions solve it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sympy import Rational, Symbol, cos, diff, exp, eye, log, oo, pi, simplify, sin, sinh, sqrt, symbols, tan

from symrg.errors import InvalidEquation
from symrg.fokker_planck import FokkerPlanck
from symrg.fokker_planck.coordinates import change_coordinates, change_time

x, y, u, w = symbols("x y u w", real=True)
k, s = symbols("k sigma", positive=True)
t = Symbol("t", positive=True)
Z, r = symbols("Z r", positive=True)
phi = Symbol("varphi", real=True)
OU = FokkerPlanck(x, -k * x, s**2 / 2, time=t)


@pytest.mark.parametrize("inverse", [u**3 + u, sinh(u), u * exp(t), u + t**2])
def test_transformed_solutions_solve_the_transformed_equation(inverse):
    change = change_coordinates(OU, {x: inverse}, coordinates=u)
    p = change.density(OU.transition_density(Rational(1, 2)))
    point = {u: Rational(1, 3), k: Rational(3, 4), s: Rational(5, 4), t: Rational(4, 5)}
    residual = diff(p, t) - change.equation.rhs(p)
    assert abs(residual.subs(point).evalf(30)) < 1e-20
    without_ito = FokkerPlanck(
        u,
        ((-k * inverse - diff(inverse, t)) / diff(inverse, u)),
        change.equation.diffusion,
        time=t,
    )
    if diff(inverse, u, 2) != 0:  # the Ito term forgotten
        assert abs((diff(p, t) - without_ito.rhs(p)).subs(point).evalf(30)) > 1e-3
    else:
        assert simplify(without_ito.drift[0] - change.equation.drift[0]) == 0


few = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@few
@given(
    st.sampled_from([Z, 1 / Z, Z**2, 1 + Z]),
    st.sampled_from([Z, 1 + Z**2, Z**3]),
    st.sampled_from(
        [(log(Z), exp(y)), (1 / Z, 1 / Symbol("q", positive=True)), (Z**2, sqrt(Symbol("q", positive=True)))]
    ),
)
def test_the_map_and_its_inverse_lead_to_the_same_equation(drift, diffusion, maps):
    forward, backward = maps
    new = next(iter(backward.free_symbols))
    f = FokkerPlanck(Z, drift, diffusion, time=t)
    one = change_coordinates(f, {new: forward}).equation
    two = change_coordinates(f, {Z: backward}).equation
    assert simplify(one.drift[0] - two.drift[0]) == 0
    assert simplify(one.diffusion[0] - two.diffusion[0]) == 0


def test_polar_coordinates_of_brownian_motion():
    # Gardiner (2009), sec. 4.4.5: dr = dt/(2r) + dW, d varphi = dW'/r.
    f = FokkerPlanck((x, y), (0, 0), eye(2) / 2, time=t)
    backward = f.change_coordinates({x: r * cos(phi), y: r * sin(phi)}, coordinates=(r, phi))
    assert backward.drift[0] == 1 / (2 * r)
    assert backward.drift[1] == 0
    assert backward.diffusion[1, 1] == 1 / (2 * r**2)
    p = r * exp(-(r**2) / (2 * t)) / (2 * pi * t)
    assert backward.residual(p) == 0
    assert backward.residual(p / r) != 0


def test_there_and_back():
    f = FokkerPlanck(Z, k * (1 - Z), s**2 * Z, time=t)
    assert f.change_coordinates({Z: exp(y)}).change_coordinates({y: log(Z)}) == f


def test_linear_maps_mix_the_diffusion():
    f = FokkerPlanck((x, y), (-x, -2 * y), [[1, 0], [0, s]], time=t)
    g = f.change_coordinates({u: x + y, w: x - y})
    assert g.diffusion[0, 1] == 1 - s
    assert simplify(g.drift[0] - (-(u + w) / 2 - (u - w))) == 0


def test_a_new_time_rescales_both_coefficients():
    tau = Symbol("tau", positive=True)
    f = change_time(FokkerPlanck(x, -k * x, s**2 / 2, time=t), tau, tau**2)
    p = OU.transition_density(Rational(1, 2)).subs(t, tau**2)
    assert f.residual(p) == 0
    assert OU.residual(p.subs(tau, t)) != 0
    with pytest.raises(InvalidEquation, match="backwards"):
        change_time(OU, tau, 1 / tau)


BAD = {
    "not unique": (lambda: OU.change_coordinates({u: x**2}), "inverses were found"),
    "wrong inverse": (lambda: OU.change_coordinates({u: x**3}, inverse={x: u}), "does not undo"),
    "singular": (lambda: OU.change_coordinates({x: 2 + k}, coordinates=u), "singular"),
    "mixed": (
        lambda: FokkerPlanck((x, y), (x, y), eye(2)).change_coordinates({x: u, w: y}),
        "mix old and new",
    ),
    "too few": (lambda: FokkerPlanck((x, y), (x, y), eye(2)).change_coordinates({u: x}), "2 new ones"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_maps_are_refused_with_the_reason(name):
    make, reason = BAD[name]
    with pytest.raises(InvalidEquation, match=reason):
        make()


def test_the_domain_goes_along_with_a_monotone_map():
    angle, u = Symbol("angle", positive=True), Symbol("u", real=True)
    sphere = FokkerPlanck(angle, 1 / tan(angle), 1, domain={angle: (0, pi)})
    height = sphere.change_coordinates({u: cos(angle)})  # two branches of acos: the domain tells which
    assert height.domain == ((u, -1, 1),)
    assert simplify(height.stationary_density() - Rational(1, 2)) == 0
    unit = FokkerPlanck(u, 1 - 2 * u, u * (1 - u), domain={u: (0, 1)})
    w = Symbol("w", real=True)
    assert unit.change_coordinates({w: log(u / (1 - u))}).domain == ((w, -oo, oo),)
    assert unit.change_coordinates({u: 1 / (1 + exp(-w))}).domain == ((w, -oo, oo),)
    assert unit.change_coordinates({w: 1 - u}).domain == ((w, 0, 1),)
    with pytest.raises(InvalidEquation, match="domain"):  # no one-to-one map of (0, 1)
        unit.change_coordinates({w: (u - Rational(1, 2)) ** 2}, inverse={u: Rational(1, 2) + sqrt(w)})
