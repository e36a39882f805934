"""Functions of expressions: the text that SymPy runs holds names of ours alone."""

import contextlib

import pytest
import sympy as sp

from symrg import FokkerPlanck, StatisticalModel, SymrgError
from symrg.errors import UndefinedSymbol, UnsupportedExpression
from symrg.lambdified import lambdified

x = sp.Symbol("x", real=True)


def attack(tmp_path):
    trace = tmp_path / "trace"
    return trace, f"open({str(trace)!r}, 'w').write"


def test_values_are_those_of_the_expressions():
    y = sp.Symbol("a b; import os", positive=True)
    f = lambdified([x, y], [sp.sin(x) * y, x + y], "math")
    assert f(0.5, 2.0) == pytest.approx([2 * 0.479425538604203, 2.5])
    assert lambdified(x, x**2 + 1)(3) == 10


def test_names_of_functions_and_loose_symbols_are_refused_not_run(tmp_path):
    trace, name = attack(tmp_path)
    with pytest.raises(UnsupportedExpression, match="undefined functions"):
        lambdified(x, sp.Function(name)(x))
    with pytest.raises(UndefinedSymbol):
        lambdified(x, x + sp.Symbol(f"{name}('1')"))
    assert not trace.exists()


def test_the_attack_is_real(tmp_path):
    """The control: SymPy itself runs the name."""
    trace, name = attack(tmp_path)
    sp.lambdify(x, sp.Function(name)(x), "math")("run")
    assert trace.exists()


def test_no_public_door_runs_a_name(tmp_path):
    trace, name = attack(tmp_path)
    f, a, t = sp.Function(name, real=True), sp.Symbol("a", positive=True), sp.Symbol("t", real=True)
    normal = StatisticalModel(-((x - a) ** 2) / 2 - sp.log(2 * sp.pi) / 2, sample=x, parameters=a)
    tries = (
        lambda: StatisticalModel(-((x - a) ** 2) / 2 + f(x), sample=x, parameters=a).check(2),
        lambda: normal.expectation(f(x), 2),
        lambda: FokkerPlanck(x, -x + f(x), 1, time=t).stationary_density(budget=2),
        lambda: FokkerPlanck(x, -x * f(1), 1, time=t).stationary_density(budget=2),
        lambda: FokkerPlanck(x, -x + f(t), 1, time=t).moment_equations(2),
    )
    for attempt in tries:
        with contextlib.suppress(SymrgError):
            attempt()
        assert not trace.exists()
