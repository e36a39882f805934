"""What the picture of the flow shows."""

import matplotlib as mpl
import pytest
from sympy import Symbol

from numerics.coupling_plane import coupling_flow
from symrg.erg.local_potential import litim_flow
from symrg.errors import InvalidEquation

mpl.use("Agg")


def test_wilson_fisher_point_of_the_quartic_truncation():
    """Litim's flow, N = 1, d = 3: beta = 0 by hand gives m = -1/13; marked on the picture."""
    axes = coupling_flow(litim_flow(1, 3))
    mass, coupling = (v[0] for v in axes.get_lines()[-1].get_data())
    assert abs(-2 * mass - 3 * coupling / (1 + mass) ** 2) < 1e-8
    assert abs(-coupling + 18 * coupling**2 / (1 + mass) ** 3) < 1e-8
    assert abs(mass + 1 / 13) < 1e-8
    with pytest.raises(InvalidEquation, match="give numbers for N"):
        coupling_flow(litim_flow(Symbol("N"), 3))
