"""Formulas in the terminal."""

import pytest
import sympy as sp

from symrg.typesetting.terminal import equation, fits, pretty

y, m = sp.symbols("y m", real=True)
k, s = sp.symbols("k s", positive=True)


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        (sp.log(k), "ln(k)"),
        (sp.polygamma(0, k), "ψ(k)"),
        (sp.polygamma(1, k), "ψ₁(k)"),
        (sp.loggamma(k), "ln Γ(k)"),
        (sp.besseli(0, k), "I₀(k)"),
        (3 * k - m, "3⋅k - m"),
        (y - m, "y - m"),
        (sp.Float(2.0) * k, "2⋅k"),
        (sp.Heaviside(y), "Θ(y)"),
        (sp.besseli(1, k) ** 2, "  2   \nI₁ (k)"),
        (sp.log(k) ** 2, "  2   \nln (k)"),
    ],
)
def test_symbols(expression, shown):
    assert pretty(expression).strip("\n") == shown


def test_a_difference_is_turned_round_to_save_its_sign():
    assert "(m - y)" not in pretty(-(m - y) / s**2)
    assert "y - m" in pretty(-(m - y) / s**2)
    assert "-" in pretty(-(m + y) / s**2)


def test_the_left_side_stands_at_the_middle_of_a_matrix():
    lines = equation("I(m, s)", sp.Matrix([[1 / s**2, 0], [0, 2 / s**2]])).splitlines()
    assert [i for i, line in enumerate(lines) if "I(m, s) = " in line] == [len(lines) // 2]


def test_what_is_too_wide_goes_below():
    long = sum(sp.Symbol(f"a{i}") for i in range(30))
    lines = equation("x", long, width=60).splitlines()
    assert lines[0] == "x ="
    assert all(len(line) <= 60 for line in lines)


def test_a_long_sum_is_broken_between_its_terms():
    total = sp.Add(*[sp.Symbol(f"a_{n}", positive=True) / sp.Symbol(f"b_{n}") for n in range(9)])
    shown = equation("f", total - sp.loggamma(k), width=40)
    lines = shown.splitlines()
    assert lines[0] == "f ="
    assert max(map(len, lines)) <= 40
    assert "↪" not in shown
    starts = [line.strip()[0] for line in lines[1:] if line.strip() and line.strip()[0] in "+-a"]
    assert "+" in starts
    assert all(f"a{c}" in shown for c in "₀₁₂₃₄₅₆₇₈")


def test_whether_an_equation_has_room():
    wide = sp.Matrix([[sp.Symbol("x") ** n for n in range(9)]])
    assert fits("M", wide, 80)
    assert not fits("M", wide, 30)


def test_a_displacement_is_one_letter_behind_another():
    assert pretty(sp.Symbol("δmu")) == "δμ"
    assert pretty(sp.Symbol("δp_11")) == "δp₁₁"
