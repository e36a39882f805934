"""Corrections of claims between matrices: each wrong entry on its own, whatever kind of claim it makes."""

import pytest
import sympy as sp

from symrg import Claim, verify

x = sp.Symbol("x", real=True)
L, G = sp.symbols("L G", positive=True)
FLOW = sp.Function("K")(L).diff(L) / G


@pytest.mark.parametrize(
    ("lhs", "printed", "right", "order"),
    [
        ([FLOW, FLOW], [2 * FLOW, FLOW], [FLOW, FLOW], None),
        ([sp.sin(x), sp.cos(x)], [x - x**3 / 3, 1 - x**2 / 2], [x - x**3 / 6, 1 - x**2 / 2], (x, 0, 4)),
        ([sp.sin(2 * x), sp.cos(x)], [sp.sin(x) * sp.cos(x), sp.cos(x)], [2 * sp.sin(x) * sp.cos(x), sp.cos(x)], None),
    ],
)
def test_a_wrong_entry_of_a_matrix_is_corrected_and_the_right_one_kept(lhs, printed, right, order):
    verdict = verify(Claim(sp.Matrix(lhs), sp.Matrix(printed), order=order))
    assert verdict.status == "holds with correction"
    assert sp.simplify(sp.Matrix(verdict.correction.rhs) - sp.Matrix(right)).is_zero_matrix
    assert "entry 0" in verdict.reason
    assert "entry 1" not in verdict.reason


def test_an_entry_that_no_term_of_its_own_can_mend_leaves_the_claim_refuted():
    verdict = verify(Claim(sp.Matrix([FLOW, FLOW]), sp.Matrix([sp.Function("H")(L), FLOW])))
    assert verdict.status == "fails"
    assert verdict.correction is None
