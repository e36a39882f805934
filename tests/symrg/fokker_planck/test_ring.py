"""The stationary state on a ring, its current, and the circulation that forbids detailed balance."""

from __future__ import annotations

import math

import mpmath
import pytest
from sympy import I, Integral, Rational, Symbol, besseli, cos, diag, diff, exp, lambdify, pi, simplify, sin, symbols

from symrg.errors import InvalidEquation, NoDetailedBalance, UndefinedSymbol
from symrg.fokker_planck import FokkerPlanck

x, y = symbols("x y", real=True)
f, a, T = symbols("f a Theta", positive=True)
t = Symbol("t", positive=True)
TILTED = FokkerPlanck(x, f - a * sin(x), T)
TURN = {x: (0, 2 * pi)}
NUMBERS = {f: Rational(7, 10), a: Rational(3, 2), T: Rational(4, 5)}


def bare(density):
    """Without the integral, whose variable has no name of its own."""
    return density.replace(Integral, lambda *_: 1)


def spectral(drift, diffusion, length, modes=24):
    """(current, density) by Fourier modes of 0 = -(mu p)' + (D p)'', independent of every formula."""
    count = 4 * modes
    places = [length * i / count for i in range(count)]

    def transform(g):
        return {
            m: sum(g(q) * mpmath.expj(-2 * mpmath.pi * m * q / length) for q in places) / count
            for m in range(-2 * modes, 2 * modes + 1)
        }

    mu, d = transform(drift), transform(diffusion)
    wave = [2j * mpmath.pi * m / length for m in range(-modes, modes + 1)]
    size = 2 * modes + 1
    matrix, right = mpmath.zeros(size), mpmath.zeros(size, 1)
    for i in range(size):
        for j in range(size):
            shift = i - j
            matrix[i, j] = -wave[i] * mu.get(shift, 0) + wave[i] ** 2 * d.get(shift, 0)
    for j in range(size):  # the mode m = 0 says nothing: it is replaced by the normalisation
        matrix[modes, j] = 1 if j == modes else 0
    right[modes] = 1 / length
    p = mpmath.lu_solve(matrix, right)
    current = sum(mu.get(-m, 0) * p[m + modes] for m in range(-modes, modes + 1))
    return (
        current.real,
        lambda q: (
            sum(p[m + modes] * mpmath.expj(2 * mpmath.pi * m * q / length) for m in range(-modes, modes + 1)).real
        ),
    )


def test_a_tilted_wave_has_a_current_in_closed_form():
    state = TILTED.ring_state(TURN)
    assert state.circulation == 2 * pi * f / T
    assert TILTED.residual(state.density) == 0
    assert TILTED.residual(state.density * (1 + sin(x) ** 2)) != 0
    other = FokkerPlanck(x, f - 2 * a * sin(x), T)
    assert other.residual(state.density) != 0
    # |I_{i nu}(z)|^2: Risken (1989), sec. 11.3; here against the Fourier modes of the equation.
    current, density = spectral(lambda q: 0.7 - 1.5 * mpmath.sin(q), lambda q: mpmath.mpf("0.8"), 2 * mpmath.pi)
    assert float(state.current.subs(NUMBERS).evalf()) == pytest.approx(float(current), rel=1e-9)
    assert state.current_at(NUMBERS) == pytest.approx(float(current), rel=1e-9)
    assert state.density_at(1, NUMBERS) == pytest.approx(float(density(1)), rel=1e-9)
    closed = state.density.subs(NUMBERS).subs(x, 1).evalf()
    assert complex(closed).real == pytest.approx(float(density(1)), rel=1e-9)
    flow = TILTED.current(state.density)[0].subs(NUMBERS).subs(x, 2).evalf()
    assert complex(flow).real == pytest.approx(float(current), rel=1e-9)
    assert state.normaliser.has(besseli(I * f / T, a / T))
    assert simplify(state.entropy_production / state.current - 2 * pi * f / T) == 0


def test_a_diffusion_that_changes_around_the_ring():
    equation = FokkerPlanck(x, 1 + cos(x), 2 + sin(x))  # the uniform density, with J = 1 / (2 pi)
    state = equation.ring_state({x: (-pi, pi)})
    assert equation.residual(state.density) == 0
    assert state.current_at() == pytest.approx(1 / (2 * math.pi), rel=1e-9)
    assert state.density_at(Rational(1, 2)) == pytest.approx(1 / (2 * math.pi), rel=1e-9)


def test_constant_coefficients_give_the_uniform_density():
    state = FokkerPlanck(x, f, T).ring_state({x: (0, 3)})
    assert state.density == Rational(1, 3)
    assert simplify(state.current - f / 3) == 0


def test_detailed_balance_on_a_ring_is_decided_by_the_circulation():
    assert TILTED.detailed_balance()  # the curl of one dimension is empty
    balance = TILTED.detailed_balance(domain=TURN, boundary="periodic")
    assert not balance
    assert balance.circulation == ((x, 2 * pi * f / T),)
    assert "circulation" in balance.reason
    assert r"\oint" in balance.latex()
    level = FokkerPlanck(x, -a * sin(x), T)
    assert level.detailed_balance(domain=TURN, boundary="periodic")
    assert level.ring_state(TURN).circulation == 0
    assert level.ring_state(TURN).current == 0


def test_walls_and_rings_are_told_apart():
    with pytest.raises(NoDetailedBalance, match="say boundary="):
        TILTED.stationary_density(TURN)
    walls = TILTED.stationary_density(TURN, boundary="reflecting", normalise=False)
    assert simplify(diff(walls * exp(-(f * x + a * cos(x)) / T), x)) == 0
    ring = TILTED.stationary_density(TURN, boundary="periodic")
    assert bare(ring) == bare(TILTED.ring_state(TURN).density)
    level = FokkerPlanck(x, -a * sin(x), T)
    assert level.stationary_density(TURN) == level.stationary_density(TURN, boundary="periodic")
    sediment = FokkerPlanck(x, -f, T).stationary_density({x: (0, 1)})  # constant coefficients: walls
    assert simplify(diff(sediment * exp(f * x / T), x)) == 0


def test_independent_coordinates_multiply():
    coupled = FokkerPlanck((x, y), (f - a * sin(x) + cos(y), cos(y)), diag(T, 1))
    with pytest.raises(NoDetailedBalance):
        coupled.stationary_density({**TURN, y: (0, 2 * pi)}, boundary="periodic")
    rings = FokkerPlanck((x, y), (f - a * sin(x), f), diag(T, 1))
    density = rings.stationary_density({**TURN, y: (0, 1)}, boundary="periodic")
    assert rings.residual(density) == 0
    assert bare(density) == bare(TILTED.ring_state(TURN).density)  # the other factor is 1 over a length of 1


def test_two_waves_by_numbers():
    equation = FokkerPlanck(x, f + sin(x) + cos(2 * x), T)
    state = equation.ring_state(TURN, budget=2)
    assert state.normaliser.has(Integral)
    assert equation.residual(state.density) == 0
    current, _ = spectral(lambda q: 0.7 + mpmath.sin(q) + mpmath.cos(2 * q), lambda q: mpmath.mpf("0.8"), 2 * mpmath.pi)
    assert state.current_at(NUMBERS) == pytest.approx(float(current), rel=1e-8)
    with pytest.raises(UndefinedSymbol, match="no values"):
        state.current_at()


def test_bad_rings_are_refused_with_the_reason():
    for make, reason in (
        (lambda: TILTED.ring_state(), "bounded domain"),
        (lambda: TILTED.ring_state({x: (0, 1)}), "do not repeat"),
        (lambda: FokkerPlanck((x, y), (0, 0), diag(1, 1)).ring_state({x: (0, 1), y: (0, 1)}), "one coordinate"),
        (lambda: FokkerPlanck(x, sin(x) * t, 1, time=t).ring_state(TURN), "depend on t"),
        (lambda: FokkerPlanck(x, 0, sin(x)).ring_state(TURN), "not positive semidefinite"),
        (lambda: TILTED.stationary_density(TURN, boundary="round"), "boundary must be"),
        (lambda: TILTED.detailed_balance(boundary="periodic"), "bounded domain"),
    ):
        with pytest.raises(InvalidEquation, match=reason):
            make()
    assert lambdify(x, TILTED.drift[0].subs(NUMBERS))(0.0) == pytest.approx(0.7)
