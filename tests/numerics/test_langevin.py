"""Langevin ensembles: known answers of the generator, weak orders, exact moments, reproducibility, refusals."""

import numpy as np
import pytest
import sympy as sp

from numerics import langevin, philox
from symrg.errors import InvalidEquation, InvalidGrid, SolverFailure
from symrg.fokker_planck import FokkerPlanck

x, y, t = sp.symbols("x y t", real=True)
k, D = sp.symbols("k D", positive=True)
GEOMETRIC = FokkerPlanck((x,), [k * x], [[D * x**2]], t)  # E x^n = x0^n exp((n k + n (n - 1) D) t)


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0, 0, 0), (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_known_answers(counter, key, expected):
    """Vectors of the authors' library Random123 (kat_vectors, philox4x32 with 10 rounds)."""
    words = philox.philox(*map(np.uint64, (*counter, *key)))
    assert " ".join(f"{int(w):08x}" for w in words) == expected


def test_normals_are_normal_and_independent_of_each_other():
    out = np.empty(3)
    numbers = []
    for path in range(20_000):
        philox.normals(np.uint64(5), path, 7, out)
        numbers.append(out.copy())
    z = np.array(numbers)
    n = len(z)
    assert np.abs(z.mean(axis=0)).max() < 5 / np.sqrt(n)
    assert np.abs(np.cov(z.T) - np.eye(3)).max() < 5 * np.sqrt(2 / n)
    assert abs((z**4).mean() - 3) < 5 * np.sqrt(96 / z.size)


def gap_of_step(scheme, step):
    e = langevin.simulate(
        GEOMETRIC, [1.0], 1.0, paths=60_000, step=step, parameters={k: 0.8, D: 0.02}, scheme=scheme, twin=True, seed=3
    )
    return float((e.positions[-1] ** 2 - e.coarse[-1] ** 2).mean())


@pytest.mark.parametrize(("scheme", "order"), [("euler", 1), ("second-order", 2)])
def test_weak_order(scheme, order):
    """The difference between steps h and 2h falls by 2^order when h is halved; the same noise drives all runs."""
    gaps = [gap_of_step(scheme, h) for h in (1 / 8, 1 / 16, 1 / 32)]
    orders = np.log2(np.array(gaps[:-1]) / gaps[1:])
    assert np.all(np.abs(orders - order) < 0.25), orders


def test_correlated_geometric_motion_has_the_exact_moments():
    """Non-constant cross-diffusion: D^ij = R_ij x^i x^j, E x^i x^j = x0^i x0^j exp((k_i + k_j + 2 R_ij) t)."""
    R = np.array([[0.05, 0.04], [0.04, 0.08]])
    X = sp.Matrix([x, y])
    diffusion = sp.Matrix(2, 2, lambda i, j: sp.Rational(str(R[i, j])) * X[i] * X[j])
    equation = FokkerPlanck((x, y), [0.3 * x, -0.2 * y], diffusion, t)
    e = langevin.simulate(equation, [1.0, 2.0], [0.5, 1.0], paths=60_000, step=1 / 16, twin=True)
    for observable, exact in [
        (x, np.exp(0.3)),
        (y, 2 * np.exp(-0.2)),
        (x * y, 2 * np.exp(0.1 + 0.08)),
        (y**2, 4 * np.exp(-0.4 + 0.16)),
    ]:
        found = e.expectation(observable)
        assert abs(found.value - exact) < 4.5 * found.error
        assert found.error < 0.02 * exact
    without = e.expectation(x * y)
    assert abs(without.value - 2 * np.exp(0.1)) > 10 * without.error  # D^xy left out is refused
    moments = e.moments(2)
    assert set(moments) == {(1, 0), (0, 1), (2, 0), (1, 1), (0, 2)}
    assert moments[1, 1] == e.expectation(lambda p: p[:, 0] * p[:, 1])


def test_time_dependent_linear_drift():
    """dX = cos(t) dt + sqrt(2 D) dW: mean x0 + sin(t), variance 2 D t."""
    equation = FokkerPlanck((x,), [sp.cos(t)], [[D]], t)
    e = langevin.simulate(equation, [0.5], [1.0, 2.0], start=0.25, paths=20_000, step=0.125, parameters={"D": 0.1})
    for m, until in enumerate((1.0, 2.0)):
        mean, variance = 0.5 + np.sin(until) - np.sin(0.25), 0.2 * (until - 0.25)
        assert abs(e.mean(m)[0] - mean) < 5 * np.sqrt(variance / 20_000) + 1e-3
        assert abs(e.covariance(m)[0, 0] - variance) < 5 * variance * np.sqrt(2 / 20_000)


def test_kramers_equation_with_singular_diffusion():
    """Free particle with friction: E v = v0 e^-t, E x = v0 (1 - e^-t); D has rank one."""
    v = sp.Symbol("v", real=True)
    equation = FokkerPlanck((x, v), [v, -v], sp.diag(0, D), t)
    e = langevin.simulate(equation, [0.0, 1.0], 1.0, paths=20_000, step=0.05, parameters={D: 0.2})
    assert abs(e.mean()[0] - (1 - np.exp(-1))) < 0.01
    assert abs(e.mean()[1] - np.exp(-1)) < 0.02
    assert abs(e.covariance()[1, 1] - 0.2 * (1 - np.exp(-2))) < 0.01


def test_the_same_for_any_number_of_threads_and_another_for_another_seed():
    kwargs = {"paths": 1000, "step": 0.1, "parameters": {k: 0.5, D: 0.1}}
    one = langevin.simulate(GEOMETRIC, [1.0], 1.0, threads=1, **kwargs)
    three = langevin.simulate(GEOMETRIC, [1.0], 1.0, threads=3, **kwargs)
    assert (one.positions == three.positions).all()
    other = langevin.simulate(GEOMETRIC, [1.0], 1.0, seed=1, **kwargs)
    assert (one.positions != other.positions).all()
    # the first paths of a larger ensemble are those of the smaller one
    more = langevin.simulate(GEOMETRIC, [1.0], 1.0, **{**kwargs, "paths": 1500})
    assert (more.positions[:, :1000] == one.positions).all()


def test_histogram_integrates_to_the_share_inside():
    equation = FokkerPlanck((x, y), [-x, -y], sp.eye(2) * D, t)
    e = langevin.simulate(equation, [0.0, 0.0], 3.0, paths=20_000, step=0.1, parameters={D: 1})
    faces = np.linspace(-3, 3, 25)
    density, error = e.histogram({x: faces})
    centres = (faces[1:] + faces[:-1]) / 2
    exact = np.exp(-(centres**2) / 2 / (1 - np.exp(-6))) / np.sqrt(2 * np.pi * (1 - np.exp(-6)))
    assert np.all(np.abs(density - exact) < 5 * error + 0.01)
    assert (density * np.diff(faces)).sum() == pytest.approx(np.mean(np.abs(e.positions[-1][:, 0]) <= 3), abs=1e-12)
    both, _ = e.histogram({y: faces, x: faces})
    assert both.shape == (24, 24)


def test_bad_input_is_refused():
    good = {"parameters": {k: 1, D: 1}, "paths": 10}
    for bad, error in [
        ({"initial": [1.0, 2.0, 3.0][:0]}, InvalidGrid),
        ({"initial": [np.nan]}, InvalidGrid),
        ({"times": [1.0, 0.5]}, InvalidGrid),
        ({"times": [-1.0]}, InvalidGrid),
        ({"step": -1.0}, InvalidGrid),
        ({"paths": 0}, InvalidGrid),
        ({"scheme": "milstein"}, InvalidGrid),
        ({"parameters": {k: 1}}, InvalidEquation),
        ({"parameters": {k: 1, D: 1, "q": 2}}, InvalidEquation),
    ]:
        arguments = {"initial": [1.0], "times": [1.0], **good, **bad}
        with pytest.raises(error):
            langevin.simulate(GEOMETRIC, arguments.pop("initial"), arguments.pop("times"), **arguments)
    with pytest.raises(SolverFailure, match="smaller step"):
        langevin.simulate(FokkerPlanck((x,), [x**3], [[1]], t), [5.0], 2.0, paths=10, step=0.5)
    with pytest.raises(SolverFailure, match="positive semidefinite"):
        langevin.simulate(FokkerPlanck((x,), [0], [[x]], t), [0.1], 2.0, paths=100, step=0.1)


def test_the_source_is_readable_and_free_of_names():
    hostile = sp.Symbol("q'); import os #", positive=True)
    source = langevin.source_of(FokkerPlanck((x,), [-hostile * x], [[1]], t))
    assert "import os" not in source
    assert "def kernel(a0, a1, a2):" in source
