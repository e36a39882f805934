"""Stationary densities, detailed balance, entropy production, gradient flow."""

from __future__ import annotations

import mpmath
import pytest
from sympy import (
    Function,
    Integral,
    Matrix,
    Rational,
    Symbol,
    besseli,
    cos,
    diag,
    diff,
    exp,
    eye,
    gamma,
    integrate,
    lambdify,
    log,
    oo,
    pi,
    simplify,
    sin,
    sqrt,
    symbols,
)

from symrg.errors import ImproperDensity, InvalidEquation, NoDetailedBalance
from symrg.fokker_planck import FokkerPlanck

x, y, v, u = symbols("x y v u", real=True)
k, s, T, w = symbols("k sigma T omega", positive=True)
t = Symbol("t", positive=True)
X = Symbol("X", positive=True)
KRAMERS = FokkerPlanck((x, v), (v, -k * v - x**3 + x), [[0, 0], [0, k * T]], time=t)


def quadrature(p, c, a, b):
    """Numerical integral with the substitution c = a + exp(u), sinh(u) or a sigmoid, which tames either end."""
    u = Symbol("u", real=True)
    if a == -oo:
        inner = (exp(u) - exp(-u)) / 2
    elif b == oo:
        inner = a + exp(u)
    else:
        inner = a + (b - a) / (1 + exp(-u))
    f = lambdify(u, (p * 1).subs(c, inner) * diff(inner, u), "mpmath")
    step = 0.05
    return float(sum(f(step * i) for i in range(-500, 501) if abs(step * i) < 25) * step)


@pytest.mark.parametrize(
    ("equation", "domain"),
    [
        (FokkerPlanck(x, -k * x, s**2 / 2), {}),
        (FokkerPlanck(X, k * (w - X), s**2 * X / 2), {}),  # Cox-Ingersoll-Ross: gamma
        (FokkerPlanck(X, 1 - k * X, X**2), {}),  # inverse gamma
        (FokkerPlanck(X, k * (1 - 2 * X), X * (1 - X)), {X: (0, 1)}),  # Wright-Fisher: beta
        (FokkerPlanck(x, -k * x, 1 + x**2), {}),  # Student
        (FokkerPlanck(x, x - x**3, T), {}),
        (FokkerPlanck((x, y), (-2 * x + y, x - 3 * y), T * eye(2)), {}),
        (FokkerPlanck((x, y), (-2 * x + y, -3 * y), diag(1, T)), {}),  # no detailed balance, linear
        (KRAMERS, {}),
        (FokkerPlanck((x, v), (v, -k * v - w**2 * x), [[0, 0], [0, k * T]]), {}),
    ],
)
def test_stationary_densities_are_stationary_and_normalised(equation, domain):
    p = equation.stationary_density(domain=domain or None)
    assert not p.has(Integral)
    assert equation.residual(p) == 0
    assert equation.residual(p * (1 + equation.coordinates[0] ** 2)) != 0
    numbers = {k: Rational(5, 2), s: Rational(3, 4), T: Rational(4, 5), w: Rational(6, 5)}
    p = p.subs(numbers)
    limits = [(c, *domain.get(c, (0 if c.is_positive else -oo, oo))) for c in equation.coordinates]
    if len(limits) == 1:
        assert abs(quadrature(p, *limits[0]) - 1) < 1e-6
    else:
        step, size = 0.2, 40
        grid = [(-size / 2 + i) * step for i in range(size + 1)]
        values = [p.subs(dict(zip(equation.coordinates, (a, b)))) for a in grid[::2] for b in grid[::2]]
        assert abs(float(sum(values)) * (2 * step) ** 2 - 1) < 1e-3


def test_kramers_for_any_potential():
    potential = Function("V", real=True)(x)
    f = FokkerPlanck((x, v), (v, -k * v - diff(potential, x)), [[0, 0], [0, k * T]])
    p = f.stationary_density(normalise=False)
    assert simplify(p - exp(-(v**2) / (2 * T) - potential / T)) == 0
    wrong = exp(-(v**2) / T - potential / T)
    assert simplify(f.rhs(wrong)) != 0


def test_parities_decide_kramers():
    assert KRAMERS.detailed_balance()
    assert KRAMERS.detailed_balance().parities == (1, -1)
    refused = KRAMERS.detailed_balance(parities={v: 1})
    assert not refused
    assert "does not diffuse" in refused.reason
    driven = FokkerPlanck((x, v), (v, -k * v - x**3 + x * v), [[0, 0], [0, k * T]])
    assert not driven.detailed_balance()
    with pytest.raises(NoDetailedBalance):
        driven.stationary_density()


def test_a_magnetic_field_is_odd():
    f = FokkerPlanck((x, v, y, u), (v, -k * v + w * u - x, u, -k * u - w * v - y), diag(0, k * T, 0, k * T))
    assert f.detailed_balance(parities={v: -1, u: -1, w: -1})
    assert not f.detailed_balance(parities={v: -1, u: -1})
    assert simplify(f.rhs(f.stationary_density(parities={v: -1, u: -1, w: -1}))) == 0


def test_the_curl_decides_in_the_plane():
    turning = FokkerPlanck((x, y), (-x - w * y, -y + w * x), eye(2))
    balance = turning.detailed_balance()
    assert not balance
    assert balance.curl == ((0, 1, 2 * w),)
    assert FokkerPlanck((x, y), (-x, -y), eye(2)).detailed_balance()
    # The curl is that of D^-1 (mu - div D), not of the drift: here the drift is free of curl and the force is not.
    uneven = FokkerPlanck((x, y), (-x + y, x - 2 * y), diag(1, 3))
    assert diff(uneven.drift[1], x) == diff(uneven.drift[0], y)
    assert not uneven.detailed_balance()
    nonlinear = FokkerPlanck((x, y), (-x - w * y**3, -y + w * x**3), eye(2))
    with pytest.raises(NoDetailedBalance, match="curl"):
        nonlinear.stationary_density()


def test_what_has_no_stationary_density_says_so():
    with pytest.raises(ImproperDensity, match="does not normalise"):
        FokkerPlanck(x, 0, 1).stationary_density()
    with pytest.raises(ImproperDensity, match="does not normalise"):
        FokkerPlanck(X, k * X, s**2 * X**2 / 2).stationary_density()
    with pytest.raises(ImproperDensity):
        FokkerPlanck(x, x, 1).stationary_density()
    with pytest.raises(ImproperDensity, match="outward"):
        FokkerPlanck((x, y), (x + y, -2 * x + 3 * y), diag(1, 2)).stationary_density()
    with pytest.raises(InvalidEquation, match="depend on t"):
        FokkerPlanck(x, -x * t, 1, time=t).stationary_density()
    assert FokkerPlanck(x, 0, 1).stationary_density(domain={x: (0, 2)}) == Rational(1, 2)


def entropy_rate(equation, p, numbers):
    """dS/dt from the forward operator alone: - integral of (rhs p) ln p."""
    value = -equation.rhs(p) * log(p)
    for c in equation.coordinates:
        value = integrate(simplify(value.subs(numbers)), (c, -oo, oo))
    return value


def test_entropy_balance():
    f = FokkerPlanck(x, -k * x, s**2 / 2, time=t)
    p = exp(-(x**2) / 2) / sqrt(2 * pi)
    balance = f.entropy_production(p)
    numbers = {k: 2, s: 3}
    direct = entropy_rate(f, p, numbers)
    assert simplify((balance.production - balance.flow).subs(numbers) - direct) == 0
    assert simplify((2 * balance.production - balance.flow).subs(numbers) - direct) != 0
    assert balance.production.subs(numbers) > 0
    stationary = f.stationary_density()
    assert f.entropy_production(stationary).production == 0


def test_a_steady_current_produces_entropy():
    turning = FokkerPlanck((x, y), (-x - w * y, -y + w * x), eye(2))
    balance = turning.entropy_production(turning.stationary_density())
    # Current omega (-y, x) p, so the rate is omega^2 E[x^2 + y^2] = 2 omega^2.
    assert simplify(balance.production - 2 * w**2) == 0
    assert simplify(balance.flow - 2 * w**2) == 0


def test_entropy_of_kramers_needs_parities():
    p = exp(-(x**2) / 2 - v**2 / 2) / (2 * pi)
    f = FokkerPlanck((x, v), (v, -k * v - w**2 * x), [[0, 0], [0, k * T]])
    balance = f.entropy_production(p, parities={v: -1})
    assert simplify(balance.production - k * (T - 1) ** 2 / T) == 0
    numbers = {k: 2, T: 3, w: 1}
    assert simplify((balance.production - balance.flow).subs(numbers) - entropy_rate(f, p, numbers)) == 0
    with pytest.raises(InvalidEquation, match="infinite"):
        f.entropy_production(p)


def test_gradient_flow_of_the_relative_entropy():
    f = FokkerPlanck(x, -2 * x * (1 + x**2) + 2 * x, 1 + x**2)
    flow = f.gradient_flow()
    assert simplify(flow.stationary - exp(-(x**2)) / sqrt(pi)) == 0
    p = exp(-((x - 1) ** 2)) / sqrt(pi)
    assert simplify(f.current(p)[0] / p - flow.velocity(p)[0]) == 0
    dissipated = quadrature(flow.dissipation_density(p), x, -oo, oo)
    decrease = quadrature(-f.rhs(p) * log(p / flow.stationary), x, -oo, oo)
    assert abs(dissipated - decrease) < 1e-9
    assert dissipated > 1
    for refused in (FokkerPlanck((x, y), (-x - y, -y + x), eye(2)), KRAMERS):
        with pytest.raises(NoDetailedBalance, match="no gradient flow"):
            refused.gradient_flow()


def test_bad_parities_are_refused():
    with pytest.raises(InvalidEquation, match=r"\+1 or -1"):
        KRAMERS.detailed_balance(parities={v: 2})
    with pytest.raises(InvalidEquation, match="does not contain"):
        KRAMERS.detailed_balance(parities={Symbol("z"): -1})


def test_force_of_degenerate_diffusion_is_refused():
    with pytest.raises(InvalidEquation, match="no inverse"):
        KRAMERS.thermodynamic_force()
    f = FokkerPlanck((x, y), (-x, -3 * y), diag(2, 3))
    assert f.thermodynamic_force() == Matrix([-x / 2, -y])


def test_wright_fisher_with_mutation_has_a_beta_density():
    share, (forth, back) = Symbol("x_1", real=True), symbols("a_1 b_1", positive=True)
    equation = FokkerPlanck(share, forth * (1 - share) - back * share, share * (1 - share) / 2)
    density = equation.stationary_density({share: (0, 1)})
    law = share ** (2 * forth - 1) * (1 - share) ** (2 * back - 1) * gamma(2 * forth + 2 * back)
    assert simplify(density / law * gamma(2 * forth) * gamma(2 * back)) == 1
    assert equation.residual(density) == 0
    assert equation.residual(density * share) != 0


def test_waves_normalise_over_whole_turns_and_not_over_the_line():
    angle, tilt, heat = Symbol("phi_1", real=True), Symbol("f_1", positive=True), Symbol("Theta_1", positive=True)
    wave = FokkerPlanck(angle, 2 * sin(angle) - 3 * cos(angle), heat)
    density = wave.stationary_density({angle: (-pi, pi)})
    assert simplify(density.subs(angle, 0) * 2 * pi * besseli(0, sqrt(13) / heat) * exp(2 / heat)) == 1
    weight = lambdify(angle, density.subs(heat, Rational(3, 2)), "mpmath")
    assert abs(mpmath.quad(weight, [-mpmath.pi, 0, mpmath.pi]) - 1) < 1e-12
    with pytest.raises(ImproperDensity):
        wave.stationary_density()
    with pytest.raises(ImproperDensity):
        FokkerPlanck(angle, tilt + sin(angle), heat).stationary_density()
