"""Sweeps: order, errors kept apart, resumption, workers that die."""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from xarray import DataArray

from numerics.solver import solve
from numerics.sweep import sweep
from symrg import FokkerPlanck
from symrg.errors import InvalidEquation, SolverFailure

x = sp.Symbol("x", real=True)
t = sp.Symbol("t", real=True)
theta = sp.Symbol("theta", positive=True)
EQUATION = FokkerPlanck((x,), [-theta * x], [[1]], time=t)
COMMON = {
    "domain": {x: (-5, 5)},
    "shape": 64,
    "initial": sp.exp(-((x - 1) ** 2) * 2) * sp.sqrt(2 / sp.pi),
    "times": [0.5],
}


def solve_in_a_plain_way(equation, **arguments):
    """The slow, obvious twin: one after the other."""
    return solve(equation, **arguments)


def counted(equation, *, log, mark, **arguments):
    """A task that leaves a line in a file each time it runs."""
    with Path(log).open("a") as file:
        file.write(f"{mark}\n")
    return DataArray([float(mark)], dims="x", coords={"x": [0.0]}, name="density")


def deadly(equation, *, log, mark, **arguments):
    """A task that kills its worker: always where the mark is 1, once where it is 2."""
    seen = counted(equation, log=log, mark=mark)
    times = Path(log).read_text().split().count(str(mark))
    if mark == 1 or (mark == 2 and times == 1):
        os._exit(9)
    return seen


def test_a_sweep_over_processes_is_the_loop():
    cases = [{"parameters": {theta: value}} for value in (0.5, 1.0, 2.0)]
    found = sweep(EQUATION, cases, workers=2, **COMMON)
    assert found.finished
    for value, case in zip(found.values, cases):
        assert np.array_equal(value.values, solve(EQUATION, **COMMON, **case).values)
    stacked = found.stacked()
    assert stacked.dims == ("case", "time", "x")
    assert not np.allclose(stacked.values[0], stacked.values[1])


def test_the_error_of_a_case_stops_no_other():
    cases = [{"parameters": {theta: 1.0}}, {"parameters": {theta: -1.0}}, {"parameters": {theta: 2.0}}]
    with ThreadPoolExecutor(2) as pool:
        found = sweep(EQUATION, cases, executor=pool, **COMMON)
    assert [o.value is not None for o in found.outcomes] == [True, False, True]
    assert isinstance(found.failures()[1], InvalidEquation)
    assert len(found.stacked().case) == 2


def test_a_sweep_resumes(tmp_path):
    log, store = tmp_path / "log", tmp_path / "store"
    arguments = {"task": counted, "log": str(log), "store": store}
    with ThreadPoolExecutor(2) as pool:
        first = sweep(EQUATION, [{"mark": 1}, {"mark": 2}], executor=pool, **arguments)
        again = sweep(EQUATION, [{"mark": 2}, {"mark": 3}, {"mark": 1}], executor=pool, **arguments)
    assert first.finished
    assert sorted(log.read_text().split()) == ["1", "2", "3"]
    assert [o.restored for o in again.outcomes] == [True, False, True]
    assert [float(v.values[0]) for v in again.values] == [2, 3, 1]
    # a damaged file is computed again
    next(store.glob("*.nc")).write_bytes(b"broken")
    with ThreadPoolExecutor(2) as pool:
        assert sweep(EQUATION, [{"mark": 1}, {"mark": 2}, {"mark": 3}], executor=pool, **arguments).finished
    assert len(log.read_text().split()) == 4


def test_what_decides_the_result_decides_the_name(tmp_path):
    store = tmp_path / "store"
    with ThreadPoolExecutor(1) as pool:
        for value in (1.0, 1.5):
            sweep(EQUATION, [{"parameters": {theta: value}}], executor=pool, store=store, **COMMON)
        sweep(EQUATION, [{"parameters": {theta: 1.0}}], executor=pool, store=store, **{**COMMON, "shape": 32})
        restored = sweep(EQUATION, [{"parameters": {theta: 1.5}}], executor=pool, store=store, **COMMON)
    assert len(list(store.glob("*.nc"))) == 3
    assert restored.outcomes[0].restored
    assert np.array_equal(restored.values[0].values, solve(EQUATION, parameters={theta: 1.5}, **COMMON).values)


def test_a_worker_that_dies_loses_nothing(tmp_path):
    log = tmp_path / "log"
    cases = [{"mark": k} for k in range(4)]
    found = sweep(EQUATION, cases, workers=2, task=deadly, log=str(log), store=tmp_path / "store")
    assert [o.value is not None for o in found.outcomes] == [True, False, True, True]
    assert list(found.failures()) == [1]
    assert "3 times while this case ran alone" in str(found.failures()[1])
    runs = log.read_text().split()
    assert runs.count("1") - 3 in (0, 1)  # a death in company counts against nobody
    assert all(runs.count(str(k)) <= 2 for k in (0, 2, 3))


def test_company_of_a_deadly_case_loses_no_try(tmp_path):
    # the first pool dies with everything in it, before anything has begun: nobody may be blamed
    pools = []

    class Pool:
        def __init__(self, count, mp_context=None):
            pools.append([])

        def submit(self, work, equation, case, task):
            pools[-1].append(case["mark"])
            future = Future()
            if len(pools) == 1 or case["mark"] == 1:
                future.set_exception(BrokenProcessPool("gone"))
            else:
                future.set_result(DataArray([1.0], dims="x", name="density"))
            return future

        def shutdown(self, **options):
            pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("numerics.sweep.ProcessPoolExecutor", Pool)
        found = sweep(EQUATION, [{"mark": k} for k in range(3)], workers=3, task=counted)
    assert list(found.failures()) == [1]
    assert pools[0] == [0, 1, 2]
    assert sum(pool.count(1) for pool in pools[1:]) == 3
    assert sum(pool.count(2) for pool in pools[1:]) == 1


def test_any_error_of_a_task_is_its_own():
    def fails(equation, *, mark):
        return DataArray([1 / mark], dims="x", name="density")

    with ThreadPoolExecutor(1) as pool:
        found = sweep(EQUATION, [{"mark": 1}, {"mark": 0}, {"mark": 2}], executor=pool, task=fails)
    assert [o.value is not None for o in found.outcomes] == [True, False, True]
    assert isinstance(found.failures()[1], ZeroDivisionError)


def test_an_interrupt_returns_what_is_finished(tmp_path):
    def interrupted(equation, *, mark):
        if mark == 1:
            raise KeyboardInterrupt
        return DataArray([1.0], dims="x", name="density")

    with ThreadPoolExecutor(1) as pool:
        found = sweep(EQUATION, [{"mark": 0}, {"mark": 1}, {"mark": 2}], executor=pool, task=interrupted)
    assert found.outcomes[0].value is not None
    assert not found.finished


def test_no_result_at_all_is_said():
    with ThreadPoolExecutor(1) as pool:
        found = sweep(EQUATION, [{"parameters": {}}], executor=pool, **COMMON)
    with pytest.raises(SolverFailure, match="no case"):
        found.stacked()
