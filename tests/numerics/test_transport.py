"""Minimising movements against the exact flow, and the relative entropy that falls along it."""

import math

import numpy as np
import pytest
from sympy import Matrix, Rational, Symbol, cosh, symbols

from numerics.exact_flow import ExactFlow, entropy_table, monotone
from numerics.transport import Quantiles, gaussian_jko_step, jko_step, jko_witness
from symrg.erg import PolchinskiFlow, WegnerMorrisFlow, exponential_cutoff, rational_cutoff
from symrg.errors import InvalidEquation

LAMBDA = Symbol("Lambda", positive=True)
X, Y = symbols("phi_1 phi_2", real=True)
QUARTIC = PolchinskiFlow(X, 2, rational_cutoff()(Rational(1), LAMBDA), LAMBDA, X**4 / 2 - X**2)


def test_one_step_follows_the_flow_and_another_reference_does_not():
    exact = ExactFlow(QUARTIC, 3)
    right = jko_witness(exact, 2.0, 0.08)
    assert right.agrees
    assert 1.7 < right.order < 2.3
    other = jko_witness(exact, 2.0, 0.08, reference=QUARTIC.free_action)
    assert not other.agrees
    assert 0.7 < other.order < 1.4


def test_step_rests_at_the_reference():
    """A seed and a regulator that stand still: exp(-2 seed) is where the step does not move."""
    flow = WegnerMorrisFlow(X, 2, X**4 / 4 + X**2 / 3, LAMBDA)
    density = lambda x: np.exp(-(x**4) / 2 - 2 * x**2 / 3)  # noqa: E731
    state = Quantiles.of(density, -2.6, 2.6, 800)
    moved = jko_step(flow, state, 1.0, 0.2)
    assert math.sqrt(float(state.weights @ (moved.positions - state.positions) ** 2)) < 2e-4
    other = jko_step(flow, state, 1.0, 0.2, reference=X**4 / 4 + X**2 / 3)
    assert math.sqrt(float(state.weights @ (other.positions - state.positions) ** 2)) > 0.02


def test_normal_laws_of_coupled_modes():
    """Against the exact covariance C + F (S - C_0) F^T with F = C C_0^-1, to second order in the step."""
    flow = PolchinskiFlow((X, Y), Matrix([[2, Rational(1, 3)], [Rational(1, 3), 1]]), 1 / (1 + LAMBDA**-2), LAMBDA)
    exact = ExactFlow(flow.__class__(flow.modes, flow.kernel, flow.cutoff, LAMBDA, 0), 2)
    before = np.array([[0.3, 0.1], [0.1, 0.9]])
    errors = {}
    for name, reference in (("right", None), ("wrong", flow.free_action)):
        row = []
        for h in (0.1, 0.05):
            at, start = exact.covariance(1.5 * math.exp(-h)), exact.covariance(1.5)
            pull = at @ np.linalg.inv(start)
            after = at + pull @ (before - start) @ pull.T
            row.append(np.abs(gaussian_jko_step(flow, before, 1.5, h, reference) - after).max())
        errors[name] = row
    assert 1.7 < math.log2(errors["right"][0] / errors["right"][1]) < 2.3
    assert 0.7 < math.log2(errors["wrong"][0] / errors["wrong"][1]) < 1.3
    assert errors["right"][1] < 0.1 * errors["wrong"][1]


@pytest.mark.parametrize(
    "flow",
    [
        QUARTIC,
        PolchinskiFlow(X, 1, exponential_cutoff(1, LAMBDA), LAMBDA, X**4 / 10 + X / 3),
        PolchinskiFlow(X, 1, exponential_cutoff(2, LAMBDA), LAMBDA, cosh(X) - 1),
    ],
)
def test_relative_entropy_falls_beyond_its_error_bars(flow):
    rows = entropy_table(ExactFlow(flow, 3), [3, 2.2, 1.5, 1.0, 0.7])
    assert monotone(rows) == "falls"
    assert monotone([type(r)(1 / r.scale, *(r.value, r.error, r.dissipation)) for r in reversed(rows)]) == "rises"
    wide = [type(r)(r.scale, r.value, 1.0, r.dissipation) for r in rows]
    assert monotone(wide) == "undecided"


def test_dissipation_is_the_rate_of_the_entropy():
    exact = ExactFlow(QUARTIC, 3)
    ends = [exact.relative_entropy(1.3 * math.exp(s))[0] for s in (1e-3, -1e-3)]
    loss = exact.relative_entropy(1.3)[2]
    assert abs((ends[0] - ends[1]) / 2e-3 - loss) < 1e-5 * loss
    assert abs((ends[0] - ends[1]) / 2e-3 - 2 * loss) > 0.1 * loss


def test_bad_input():
    with pytest.raises(InvalidEquation, match="regulator that is free of the field"):
        jko_step(WegnerMorrisFlow(X, 1 + X**2, X**2, LAMBDA), Quantiles(np.arange(3.0), np.ones(2) / 2), 1.0, 0.1)
    with pytest.raises(InvalidEquation, match="expected a positive number"):
        jko_step(QUARTIC, Quantiles(np.arange(3.0), np.ones(2) / 2), 1.0, 0.0)
    with pytest.raises(InvalidEquation, match="only for a quadratic seed"):
        gaussian_jko_step(WegnerMorrisFlow(X, 1, X**4, LAMBDA), [[1.0]], 1.0, 0.1)
    with pytest.raises(InvalidEquation, match="not positive between"):
        Quantiles.of(lambda x: np.where(x > 0, 1.0, 0.0), -1, 1)
    with pytest.raises(InvalidEquation, match="scales must fall"):
        monotone(entropy_table(ExactFlow(QUARTIC, 3), [1, 2]))
