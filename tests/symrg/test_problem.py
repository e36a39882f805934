"""Problems stated as text."""

import pytest
import sympy as sp

from symrg.errors import FormulaError, InvalidFile
from symrg.problem import Problem, declare, support_of

TOML = """
title = "Normal data"
log_density = "-ln(s) - (y-m)^2/(2*s^2) - ln(2*pi)/2"
sample = "y"
parameters = ["m", "s:positive"]
domain = "s < 10"
"""


def test_declarations_carry_their_assumptions():
    found = declare("mu, sigma:positive , n : natural0")
    assert list(found) == ["mu", "sigma", "n"]
    assert found["mu"].is_real
    assert found["mu"].is_positive is None
    assert found["sigma"].is_positive
    assert found["n"].is_integer
    assert found["n"].is_nonnegative
    assert found["n"].is_positive is None


@pytest.mark.parametrize(
    ("text", "position"), [("mu:real, s:positve", 11), ("2x", 0), ("mu, __import__('os')", 3), ("x, x", 3), ("", 0)]
)
def test_what_is_no_declaration_is_refused_with_its_place(text, position):
    with pytest.raises(FormulaError) as refused:
        declare(text)
    assert refused.value.position == position


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("real", sp.S.Reals),
        ("(0, 1)", sp.Interval.open(0, 1)),
        ("[-pi, pi]", sp.Interval(-sp.pi, sp.pi)),
        ("(0, oo)", sp.Interval.open(0, sp.oo)),
        ("{0, 1}", sp.FiniteSet(0, 1)),
        ("naturals0", sp.S.Naturals0),
        ("0..3", sp.Range(0, 4)),
    ],
)
def test_supports(text, wanted):
    assert support_of(text, {}) == wanted


@pytest.mark.parametrize("text", ["reals", "(0, 1", "(0; 1)", "[1]", ""])
def test_what_is_no_support_is_refused(text):
    with pytest.raises(FormulaError):
        support_of(text, {})


def test_a_file(tmp_path):
    path = tmp_path / "model.toml"
    path.write_text(TOML)
    problem = Problem.from_toml(path)
    assert problem.parameters == "m, s:positive"
    assert problem.domain == ("s < 10",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("log_density = 3\nsample='y'\nparameters='m'", "log_density is int"),
        ("sample='y'\nparameters='m'", "'log_density' is missing"),
        ("log_density='y'\nsampel='y'\nparameters='m'", "unknown key 'sampel'"),
        ("log_density = y", "not TOML"),
    ],
)
def test_a_file_with_a_mistake_says_which(tmp_path, text, said):
    path = tmp_path / "model.toml"
    path.write_text(text)
    with pytest.raises(InvalidFile, match=said):
        Problem.from_toml(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(InvalidFile, match="No such file"):
        Problem.from_toml(tmp_path / "none.toml")
