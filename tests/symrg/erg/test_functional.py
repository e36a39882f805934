"""Functional notation: printed and checked from one object, on flows with finitely many modes."""

import pytest
from sympy import Function, Matrix, Rational, Symbol, cos, exp, log, simplify, symbols, zeros

from symrg import verify
from symrg.erg import (
    PolchinskiFlow,
    WegnerMorrisFlow,
    exponential_cutoff,
    gaussian_cutoff,
    periodic_chain,
)
from symrg.erg.functional import DIMENSION, Functional, Integral, Kernel, Point, momentum, position
from symrg.erg.functional_modes import CELL, VOLUME
from symrg.erg.functional_statements import finite_modes, polchinski_statements, printed_flow
from symrg.errors import InvalidEquation

LAMBDA = Symbol("Lambda", positive=True)
X, Y, Z = symbols("phi_1 phi_2 phi_3", real=True)
COUPLED = PolchinskiFlow(
    (X, Y), Matrix([[2, Rational(1, 3)], [Rational(1, 3), 1]]), 1 / (1 + LAMBDA**-2), LAMBDA, X**4 + X * Y**2
)
CHAIN = periodic_chain(3)
FIELD = PolchinskiFlow.scalar_field(
    (X, Y, Z), CHAIN.momenta_squared, Rational(1, 2), exponential_cutoff, LAMBDA, X**4 + cos(Y) * Z**2
)
FLOWS = {
    "coupled": (COUPLED, "position", ()),
    "lattice": (FIELD, "momentum", ((1, 2),)),
    "any action": (
        PolchinskiFlow(X, Symbol("g", positive=True), gaussian_cutoff(2, LAMBDA), LAMBDA, Function("S", real=True)(X)),
        "momentum",
        (),
    ),
}


def nothing(residual):
    return residual == 0 or residual == zeros(*getattr(residual, "shape", (0, 0)))


@pytest.mark.parametrize("case", FLOWS)
def test_functional_statements_are_those_of_the_modes(case):
    """Volume, cell, and powers of 2 pi drop out, and a wrong factor leaves a residual."""
    flow, notation, pairs = FLOWS[case]
    for statement in flow.functional(notation):
        if statement.name == "(6)":
            continue
        claim = statement.claim(pairs=pairs)
        assert not claim.lhs.has(VOLUME, CELL)
        assert not claim.rhs.has(VOLUME, CELL)
        assert nothing(statement.residual(pairs=pairs)), statement.name
        assert not nothing(statement.scaled(2).residual(pairs=pairs)), statement.name


def test_both_notations_say_the_same_of_a_diagonal_flow():
    for one, other in zip(FIELD.functional("momentum"), FIELD.functional("position")):
        if one.name not in ("(6)", "(11), regulator"):
            gap = one.claim(pairs=((1, 2),)).rhs - other.claim().rhs
            assert simplify(gap.expand()) == 0
        assert one.latex() != other.latex() or "int" not in one.latex() or one.name == "(6)"


def test_printed_flow_is_refused_and_the_derived_one_holds():
    derived = next(s for s in COUPLED.functional("position") if s.name == "(8)-(10)")
    assert verify(derived.claim(), 60).status == "holds"
    printed = printed_flow(COUPLED, "position")
    assert verify(printed.claim(), 60).status in ("fails", "holds with correction")
    assert not nothing(printed.residual())


def test_partition_function_statement_on_a_gaussian_interaction():
    flow = PolchinskiFlow(X, 3, 1 / (1 + LAMBDA**-2), LAMBDA, X**2 / 2)
    statement = next(s for s in flow.functional() if s.name == "(6)")
    assert simplify(statement.claim().lhs.doit()) == 0
    assert simplify(statement.claim().lhs.function) != 0


def test_latex_is_that_of_the_talk():
    text = {s.name: s.latex() for s in COUPLED.functional("momentum")}
    assert text["(6)"] == r"\frac{d}{d \ln\Lambda} \int_{\mathcal{F}} \mathcal{D}\phi\, P_\Lambda[\phi] = 0"
    assert text["(11), regulator"] == (
        r"C_\Lambda^{Pol.}(p^2) = (2 \pi)^{d} G^{-1}(p^2) \, \frac{\partial K_\Lambda(p^2)}{\partial \ln\Lambda}"
    )
    assert (
        r"- \frac{1}{2} C_\Lambda^{Pol.}(p^2) \, \frac{\delta^{2} P_\Lambda[\phi]}{\delta \phi(p) \, \delta \phi(-p)}"
        in (text["(8)-(10)"])
    )


@pytest.mark.parametrize(
    "flow",
    [
        WegnerMorrisFlow((X, Y), Matrix([[2 + X**2, 1], [1, LAMBDA]]), X**4 + cos(Y) * LAMBDA, LAMBDA),
        WegnerMorrisFlow(X, exp(X) / LAMBDA, log(1 + X**2) + X**6 / LAMBDA, LAMBDA),
    ],
)
def test_wegner_morris_with_a_regulator_that_depends_on_the_field(flow):
    for statement in flow.functional():
        assert nothing(statement.residual()), statement.name
        assert not nothing(statement.scaled(2).residual()), statement.name
        if statement.name != "scheme function":
            with pytest.raises(InvalidEquation, match=r"not diagonal|depends on the field"):
                next(s for s in flow.functional("momentum") if s.name == statement.name).claim()


def test_a_power_of_two_pi_too_many_is_seen():
    flow, _, pairs = FLOWS["lattice"]
    for statement in flow.functional():
        if statement.name == "flow of the interaction":
            assert statement.scaled((2 * Symbol("pi_")) ** 0).residual(pairs=pairs) == 0
            assert statement.scaled(2**DIMENSION).residual(pairs=pairs) != 0


def test_bad_input():
    with pytest.raises(InvalidEquation, match="use the notation 'position'"):
        next(s for s in COUPLED.functional("momentum") if s.name == "flow of the interaction").claim()
    with pytest.raises(InvalidEquation, match="expected 'momentum' or 'position'"):
        polchinski_statements(COUPLED, "lattice")
    with pytest.raises(InvalidEquation, match="share one p"):
        finite_modes(FIELD, "momentum", ((0, 1),)).evaluate(
            Integral(Kernel("G", "G", 2).at(*momentum("p")), momentum("p"))
        )
    with pytest.raises(InvalidEquation, match="distinct numbers"):
        finite_modes(FIELD, "momentum", ((0, 7),))
    with pytest.raises(InvalidEquation, match="functional W has no value"):
        finite_modes(FIELD, "momentum").evaluate(Functional("W", "W"))
    with pytest.raises(InvalidEquation, match="neither integrated"):
        finite_modes(FIELD, "momentum").evaluate(Functional("P", "P").varied(*momentum("p")))
    with pytest.raises(InvalidEquation, match="one momentum or two positions"):
        Kernel("G", "G", 2).at(*position("x"))
    with pytest.raises(InvalidEquation, match="only a momentum"):
        -Point("x", "position")
