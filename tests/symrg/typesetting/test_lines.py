"""Where a long formula may be broken, and where breaking would change what it says."""

import pytest

from symrg.typesetting.lines import display

LONG = r"\left(a_1 b_1 c_1 d_1 + a_2 b_2 c_2 d_2 + a_3 b_3 c_3 d_3 + a_4 b_4 c_4 d_4\right)"


@pytest.mark.parametrize(
    "operator",
    [
        r"\operatorname{div}",
        r"\mathbb{E}_\theta",
        r"\mathbb{E}_{\pi_T}",
        r"\frac{d}{d x}",
        r"\frac{\partial^{2}}{\partial x^{2}}",
        r"\frac{\delta}{\delta \phi(x)}",
        r"\int_{M \times M}",
    ],
)
def test_what_an_operator_acts_on_is_no_factor(operator):
    broken = display(rf"f(x) = {LONG} + g(x) {operator} {LONG}", 14.0)
    assert "aligned" in broken
    assert broken.replace(r"M \times M", "").count(r"\times") == broken.count(r"\times \mathbb") + broken.count(
        rf"\times {operator}"
    )


def test_a_product_is_broken_before_its_factor():
    assert r"\times" in display("f(x) = " + r"\frac{a b c d e f g h}{i j k l m n} " * 5, 14.0)


def test_a_derivative_is_no_fraction():
    derivative = r"\frac{\partial \ln\left(p(Y \mid \theta) q(Y \mid \theta)\right)}{\partial \theta^i}"
    broken = display(rf"\mathcal{{I}}_{{ij}} = \mathbb{{E}}_\theta \left({derivative} {derivative}\right)", 12.0)
    assert broken.count(derivative) == 2
