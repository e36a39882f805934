"""The cosine network as a free scalar, against closed forms of field theory."""

import pytest
from sympy import Rational, Symbol, atan, exp, pi, simplify, sin, sqrt, symbols

from symrg import verify
from symrg.erg.cosine_network import CosineNetwork
from symrg.errors import InvalidEquation

M, LAMBDA, N = symbols("m Lambda N", positive=True)


def test_claims_and_derivation_hold():
    """Neither the phase's nor the directions' average depends on the other; d = 3 has both."""
    claims = CosineNetwork.free_scalar(M, 3).claims()
    assert {verify(c, 30).status for c in claims} == {"holds"}
    assert verify(claims[-2].with_rhs(2 * claims[-2].rhs), 30).status in ("fails", "holds with correction")
    assert [v.status for v in CosineNetwork.free_scalar(M, 2).derivation().verify()] == ["holds", "holds"]


def test_tadpoles_with_a_sharp_cutoff():
    """int d^dp/(2 pi)^d 1/(p^2 + m^2) up to Lambda: atan(L/m)/(pi m) in d = 1, (L - m atan(L/m))/(2 pi^2) in d = 3."""
    known = {1: atan(LAMBDA / M) / (pi * M), 3: (LAMBDA - M * atan(LAMBDA / M)) / (2 * pi**2)}
    for dimension, expected in known.items():
        found = CosineNetwork.free_scalar(M, dimension).two_point(0)
        at = {M: Rational(3, 2), LAMBDA: 5}
        assert abs((found - expected).subs(at).evalf(20)) < 1e-15
        assert abs((found - 2 * expected).subs(at).evalf(20)) > 1e-3


def test_propagator_of_infinite_cutoff_in_one_dimension():
    """exp(-m r)/(2 m), but for a tail of about sin(L r)/(pi r L^2)."""
    network = CosineNetwork.free_scalar(1, 1, 30)
    assert abs(network.two_point(Rational(3, 2)).evalf(8) - exp(-1.5) / 2) < 4e-4


@pytest.mark.parametrize("spectrum", ["massive", "smooth", "power"])
def test_information_shell_is_a_momentum_shell(spectrum):
    q = Symbol("q", nonnegative=True)
    network = CosineNetwork(
        {"massive": 1 / (q + M**2), "smooth": exp(-q), "power": 1 / (1 + q**2)}[spectrum], q, 2, LAMBDA
    )
    for momentum in (Rational(1, 2), 2):
        threshold = network.information(N, 3, momentum)
        assert simplify(network.momentum_cutoff(threshold, N, 3) - momentum) == 0
        assert simplify(network.momentum_cutoff(threshold / 2, N, 3) - momentum) != 0


def test_fourth_cumulant_by_hand_for_a_flat_spectrum():
    """C = 1 in d = 1: f^2 = 2 L/pi, E[h^4] = 3 f^4 * 3/8, E[h^2] = f^2/2; and with far places the pairs decouple."""
    q = Symbol("q", nonnegative=True)
    network = CosineNetwork(1, q, 1, LAMBDA)
    f2 = 2 * LAMBDA / pi
    expected = (3 * f2**2 * Rational(3, 8) - 3 * (f2 / 2) ** 2) / N
    assert simplify(network.fourth_cumulant(N).doit() - expected) == 0
    assert simplify(network.fourth_cumulant(2 * N).doit() - expected) != 0
    # two places: the three pairings give cos(2 w), 1 and 1, and E cos(2 w) = sin(2)/2 at Lambda = 1
    apart = network.fourth_cumulant(N, (0, 0, 1, 1)).doit().subs(LAMBDA, 1)
    by_hand = 3 * (2 / pi) ** 2 * (sin(2) / 2 + 2) / 8 - (1 / pi) ** 2 * (1 + 2 * sin(1) ** 2)
    assert abs((apart * N - by_hand).evalf(20)) < 1e-15


def test_shell_is_the_derivative_of_the_cutoff():
    network = CosineNetwork.free_scalar(M, 3)
    r = Symbol("r", positive=True)
    expected = LAMBDA**3 / (2 * pi**2) / (LAMBDA**2 + M**2) * sin(LAMBDA * r) / (LAMBDA * r)
    assert simplify(network.shell(r) - expected) == 0
    assert simplify(network.shell(r) - expected * sqrt(2)) != 0


def test_bad_input():
    q = Symbol("q", nonnegative=True)
    with pytest.raises(InvalidEquation, match="expected 1, 2 or 3"):
        CosineNetwork(1 / (1 + q), q, 4)
    with pytest.raises(InvalidEquation, match="does not fall"):
        CosineNetwork(1 + q, q).momentum_cutoff(1, N)
    with pytest.raises(InvalidEquation, match="four places"):
        CosineNetwork(1 / (1 + q), q).fourth_cumulant(N, (0, 1))
    with pytest.raises(InvalidEquation, match="expected the Symbol"):
        CosineNetwork(1, 2)
