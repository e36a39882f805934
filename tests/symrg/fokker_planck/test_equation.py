"""The equation and its operators, against exact solutions and against each other."""

from __future__ import annotations

import dataclasses

import pytest
from sympy import (
    Function,
    I,
    Matrix,
    Rational,
    Symbol,
    cos,
    diff,
    exp,
    eye,
    integrate,
    log,
    oo,
    pi,
    simplify,
    sin,
    sqrt,
    symbols,
    zoo,
)

from symrg.errors import InvalidEquation
from symrg.fokker_planck import FokkerPlanck

x, y, v = symbols("x y v", real=True)
k, s, T = symbols("k sigma T", positive=True)
t = Symbol("t", positive=True)
X = Symbol("X", positive=True)


def gaussian(z, mean, variance):
    return exp(-((z - mean) ** 2) / (2 * variance)) / sqrt(2 * pi * variance)


# Exact solutions: Risken (1989), eq. 5.28; Black-Scholes lognormal; Bessel process (Gardiner 2009, sec. 4.4.5).
OU = FokkerPlanck(x, -k * x, s**2 / 2, time=t)
SOLVED = {
    "Ornstein-Uhlenbeck": (OU, gaussian(x, y * exp(-k * t), s**2 * (1 - exp(-2 * k * t)) / (2 * k))),
    "Brownian, drifting": (FokkerPlanck(x, k, s**2 / 2, time=t), gaussian(x, k * t, s**2 * t)),
    "geometric": (
        FokkerPlanck(X, k * X, s**2 * X**2 / 2, time=t),
        gaussian(log(X), (k - s**2 / 2) * t, s**2 * t) / X,
    ),
    "three-dimensional radius": (
        FokkerPlanck(X, 1 / X, Rational(1, 2), time=t),
        sqrt(2 / pi) * X**2 * exp(-(X**2) / (2 * t)) / t ** Rational(3, 2),
    ),
    "free Kramers, momentum": (FokkerPlanck((x, v), (v, 0), [[0, 0], [0, T]], time=t), None),
}


@pytest.mark.parametrize("name", [n for n, (_, p) in SOLVED.items() if p is not None])
def test_exact_solutions_have_no_residual_and_their_neighbours_have_one(name):
    equation, p = SOLVED[name]
    assert equation.residual(p) == 0
    assert simplify(diff(p, t) - equation.rhs(p)) == 0
    point = {
        x: Rational(2, 3),
        X: Rational(4, 3),
        y: Rational(1, 2),
        k: Rational(3, 4),
        s: Rational(5, 4),
        t: Rational(4, 5),
    }
    twice = FokkerPlanck(equation.coordinates, equation.drift, 2 * equation.diffusion, t)
    assert abs(twice.residual(p).subs(point).evalf()) > 1e-3
    reversed_drift = FokkerPlanck(equation.coordinates, -equation.drift, equation.diffusion, t)
    assert abs(reversed_drift.residual(p).subs(point).evalf()) > 1e-3


def test_the_current_is_what_the_forward_operator_diverges():
    p = Function("p")(x, y, t)
    f = FokkerPlanck((x, y), (sin(y) * x, x**2), [[1 + x**2, x * y / 2], [x * y / 2, 1 + y**2]], time=t)
    divergence = sum(diff(j, c) for j, c in zip(f.current(p), (x, y)))
    assert simplify((f.rhs(p) + divergence).doit()) == 0
    half = FokkerPlanck((x, y), f.drift, f.diffusion / 2, time=t)
    assert simplify((half.rhs(p) + divergence).doit()) != 0


def test_generator_and_forward_operator_are_adjoint():
    f = FokkerPlanck(x, 1 - x**3, 1 + x**2, time=t)
    weight, observable = exp(-(x**2)), x**2 + x
    left = integrate(observable * f.rhs(weight), (x, -oo, oo))
    right = integrate(weight * f.generator(observable), (x, -oo, oo))
    assert simplify(left - right) == 0
    other = FokkerPlanck(x, 1 - x**3, 2 + x**2, time=t)
    assert simplify(integrate(observable * other.rhs(weight), (x, -oo, oo)) - right) != 0


def test_backward_equation_holds_for_a_conditional_mean():
    horizon = Symbol("U", positive=True)
    remaining = horizon - t
    second = x**2 * exp(-2 * k * remaining) + s**2 * (1 - exp(-2 * k * remaining)) / (2 * k)
    assert OU.backward_residual(second) == 0
    assert simplify(OU.backward_residual(second.subs(s, 2 * s))) != 0
    assert OU.backward_equation(second).lhs.doit() == -diff(second, t)


def test_what_the_value_knows_of_itself():
    f = FokkerPlanck((x, v), (v, -k * v - x**3 + cos(t)), [[0, 0], [0, k * T]], time=t)
    assert (f.dimension, f.parameters, f.autonomous, f.degenerate) == (2, (T, k), False, True)
    assert OU.autonomous
    assert not OU.degenerate
    assert FokkerPlanck((x,), [-k * x], [[s**2 / 2]], time=t) == OU
    assert hash(OU) == hash(FokkerPlanck((x,), Matrix([-k * x]), Matrix([[s**2 / 2]]), t))
    with pytest.raises(dataclasses.FrozenInstanceError):
        OU.drift = 0
    assert FokkerPlanck(x, -x, 1 + Symbol("t") ** 2).time == Symbol("t")


BAD = {
    "not symmetric": (lambda: FokkerPlanck((x, y), (x, y), [[1, x], [0, 1]]), "not symmetric"),
    "negative": (lambda: FokkerPlanck(x, x, -(s**2)), "not positive semidefinite"),
    "nowhere positive": (lambda: FokkerPlanck(x, x, -(x**2)), "not positive semidefinite"),
    "indefinite": (lambda: FokkerPlanck((x, y), (x, y), [[1, 2], [2, 1]]), r"rows \[0, 1\] = -3"),
    "zero diagonal": (lambda: FokkerPlanck((x, y), (x, y), [[0, s], [s, 1]]), "not positive semidefinite"),
    "wrong length": (lambda: FokkerPlanck((x, y), (x,), eye(2)), "1 components for 2"),
    "scalar diffusion": (lambda: FokkerPlanck((x, y), (x, y), 1), "one number for 2"),
    "wrong shape": (lambda: FokkerPlanck((x, y), (x, y), eye(3)), "3 x 3, expected 2 x 2"),
    "twins": (lambda: FokkerPlanck(x, -Symbol("x"), 1), "not the coordinate"),
    "twice": (lambda: FokkerPlanck((x, x), (x, x), eye(2)), "distinct"),
    "time is a coordinate": (lambda: FokkerPlanck(x, x, 1, time=x), "also a coordinate"),
    "text": (lambda: FokkerPlanck(x, "-x", 1), "symrg.parse"),
    "not finite": (lambda: FokkerPlanck(x, zoo, 1), "not finite"),
    "not real": (lambda: FokkerPlanck(x, I * x**2 + I, 1), "not real"),
    "no symbol": (lambda: FokkerPlanck(2, x, 1), "Symbols"),
    "none": (lambda: FokkerPlanck((), (), []), "at least one"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_the_reason(name):
    make, reason = BAD[name]
    with pytest.raises(InvalidEquation, match=reason):
        make()


def test_undecided_diffusions_are_accepted():
    rho = Symbol("rho", real=True)
    assert FokkerPlanck((x, y), (x, y), [[1, rho], [rho, 1]]).parameters == (rho,)
    assert FokkerPlanck(x, 1 - x, x).diffusion[0] == x


INDEFINITE = {  # diffusion, coordinates, a domain where it is one, a domain where it is not
    "a square root's": ([[x]], (x,), {x: (0, oo)}, {x: (-1, 1)}),
    "Jacobi": ([[1 - x**2]], (x,), {x: (-1, 1)}, {x: (-2, 1)}),
    "with a parameter": ([[s**2 * X * (1 - X)]], (X,), {X: (0, 1)}, {X: (0, oo)}),
    "between two close roots": ([[(x - 5) * (x - Rational(51, 10))]], (x,), {x: (6, oo)}, {x: (0, oo)}),
    "a pole": ([[1 / (x - 2)]], (x,), {x: (2, 7)}, {x: (0, 7)}),
    "no polynomial": ([[sin(x)]], (x,), {x: (0, pi)}, {x: (0, 2 * pi)}),
    "correlated": ([[1, x], [x, 1]], (x, y), {x: (-1, 1)}, {x: (-2, 2)}),
    "three alleles": (
        [[x * (1 - x), -x * y], [-x * y, y * (1 - y)]],
        (x, y),
        {x: (0, 1 - y), y: (0, 1)},
        {x: (0, 1), y: (0, 1)},
    ),
}


@pytest.mark.parametrize("name", INDEFINITE)
def test_a_diffusion_is_judged_on_the_domain_that_is_stated(name):
    diffusion, coordinates, good, bad = INDEFINITE[name]
    drift = (0,) * len(coordinates)
    stated = FokkerPlanck(coordinates, drift, diffusion, domain=good)
    assert {c for c, _, _ in stated.domain} == set(coordinates)
    stated.check()
    with pytest.raises(InvalidEquation, match=r"not positive semidefinite: .* at "):
        FokkerPlanck(coordinates, drift, diffusion, domain=bad)
    # Without a domain it may be written down; asked, it says where it is no diffusion.
    bare = FokkerPlanck(coordinates, drift, diffusion)
    with pytest.raises(InvalidEquation, match=r"domain=\{"):
        bare.check()
    with pytest.raises(InvalidEquation, match="not positive semidefinite"):
        bare.stationary_density()


def test_the_point_named_is_one_where_it_is_negative():
    with pytest.raises(InvalidEquation, match=r"D\[0, 0\] = .* is -3 at x = -2"):
        FokkerPlanck(x, 0, 1 - x**2).check()
    FokkerPlanck(x, 0, 1 + x**2).check()
    FokkerPlanck(X, 0, X).check()


def test_a_domain_travels_with_the_equation():
    f = FokkerPlanck.from_sde(0, s * sqrt(X * (k - X)), coordinates=X, domain={X: (0, k)})
    assert f.domain == ((X, 0, k),)
    assert f.subs({k: 2}).domain == ((X, 0, 2),)
    assert f.subs({k: 2}).limits() == ((X, 0, 2),)
    assert dataclasses.replace(f, drift=[1]).domain == f.domain
    for wrong, reason in (({y: (0, 1)}, "no coordinates"), ({X: (1, 0)}, "holds nothing"), (3, "a domain is")):
        with pytest.raises(InvalidEquation, match=reason):
            FokkerPlanck(X, 0, 1, domain=wrong)
    with pytest.raises(InvalidEquation, match="circle"):
        FokkerPlanck((x, y), (0, 0), eye(2), domain={x: (0, y), y: (0, x)})


def test_latex_written_out_and_in_indices():
    written = OU.latex()
    assert r"\frac{\partial p}{\partial t} = " in written
    assert r"\frac{\sigma^{2}}{2}" in written
    assert r"\frac{\partial^{2} p}{\partial x^{2}}" in written
    kramers = FokkerPlanck((x, v), (v, -k * v - x), [[0, 0], [0, k * T]], time=t)
    assert r"\partial x^{2}" not in kramers.latex()
    cross = FokkerPlanck((x, y), (0, 0), [[1, s / 2], [s / 2, s**2]], time=t).latex()
    assert r"\sigma \, \frac{\partial^{2} p}{\partial x \, \partial y}" in cross
    assert r"\partial_i \partial_j \left(D^{ij} p\right)" in OU.latex("index")
    with pytest.raises(InvalidEquation, match="written"):
        OU.latex("spoken")
