"""Text where mathematics is expected is refused: SymPy would run it."""

import pytest
import sympy as sp

from symrg import ExponentialFamily, FokkerPlanck, Manifold, StatisticalModel
from symrg.erg import PolchinskiFlow, WegnerMorrisFlow

x = sp.Symbol("x", real=True)
a = sp.Symbol("a", positive=True)
NORMAL = StatisticalModel(-((x - a) ** 2) / 2 - sp.log(2 * sp.pi) / 2, sample=x, parameters=a)
ATTEMPTS = {
    "log-density": lambda text: StatisticalModel(text, sample=x, parameters=a),
    "expectation": lambda text: NORMAL.expectation(text),
    "other parameters": lambda text: NORMAL.kl_divergence((text,)),
    "drift": lambda text: FokkerPlanck(x, text, 1),
    "diffusion": lambda text: FokkerPlanck(x, 0, text),
    "density": lambda text: FokkerPlanck(x, 0, 1).rhs(text),
    "statistic": lambda text: ExponentialFamily((text,), sample=x, natural_parameters=(a,)),
    "metric": lambda text: Manifold(sp.Matrix([[1]]), (x,)).christoffel(text),
    "seed": lambda text: WegnerMorrisFlow(x, 1, text, a),
    "kernel": lambda text: PolchinskiFlow(x, text, 1 / a, a),
}


@pytest.mark.parametrize("where", ATTEMPTS)
def test_text_is_refused_and_not_run(where, tmp_path):
    trace = tmp_path / "trace"
    with pytest.raises((ValueError, TypeError)):
        ATTEMPTS[where](f"open({str(trace)!r}, 'w').write('run')")
    assert not trace.exists()
