"""(18)-(20): the verdicts against an independent derivation, and false neighbours that are refused."""

import pytest
from sympy import Derivative, Rational, diff, exp, simplify, sqrt

from derivations import normal_data as chapter
from derivations.normal_data import diffused, mu, sigma, tau, truth
from symrg.verification import Claim, verify

STATEMENTS = {s.number: s for s in chapter.statements()}


@pytest.mark.parametrize(
    ("number", "statuses"),
    [
        ("(18)", {"definition"}),
        ("(19)", {"holds"}),
        ("(20)", {"holds"}),
        ("(20), text", {"fails", "holds with correction"}),
    ],
)
def test_verdicts(number, statuses):
    assert STATEMENTS[number].verify(40).status in statuses


def test_diffusivity_is_half_the_variance():
    """The heat kernel of D has variance 2 D tau; (20) has sigma^2 tau."""
    assert chapter.diffusivity() == sigma**2 / 2
    assert chapter.diffusion_equation().diffusion[0] == sigma**2 / 2


@pytest.mark.parametrize("factor", [1, Rational(1, 4), -Rational(1, 2)])
def test_other_factors_are_refuted(factor):
    claim = Claim(Derivative(diffused(), tau), factor * sigma**2 * Derivative(diffused(), (mu, 2)))
    verdict = verify(claim, 20)
    assert verdict.status in ("fails", "holds with correction")
    assert verdict.counterexample is not None


def test_residual_vanishes_for_the_closed_form_alone():
    equation = chapter.diffusion_equation()
    assert simplify(equation.residual(diffused())) == 0
    wider = exp(-((mu - truth) ** 2) / (4 * sigma**2 * tau)) / sqrt(tau)
    assert simplify(diff(wider, tau) - equation.rhs(wider)) != 0


def test_every_link_of_the_derivations_holds():
    for derivation in chapter.derivations():
        assert [v.status for v in derivation.verify(60)] == ["holds"] * len(derivation.claims)


def test_solution_on_grids_converges_at_second_order():
    blocks, findings = chapter.measured()
    rows = blocks[0].rows
    errors = [float(row[1]) for row in rows]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 2e-4
    for row in rows[1:]:
        assert 1.8 < float(row[2]) < 2.2
    assert all(float(row[3]) < 1e-12 and float(row[4]) >= 0 for row in rows)
    assert findings
