"""Many solves: parameter sweeps over any `concurrent.futures` executor, resumable, with nothing finished ever lost.

Cases go to a process pool by default, to any executor that is given, or to a Dask cluster by its address. With a
`store`, every result is written as soon as it is there, under a name made from the content of its case, so that a sweep
that was stopped goes on where it was. A worker that dies takes down only what was running: each of these cases then
runs alone, so that a death is the case's own, and one that kills its worker is found while the others finish.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp

from symrg.errors import DataError, SolverFailure
from symrg.files import write_atomically
from symrg.fokker_planck import FokkerPlanck

TRIES = 3  # deaths of a worker that runs one case alone, until the case is given up


@dataclass(frozen=True, eq=False)
class Outcome:
    """How one case ended.

    Attributes:
        case: the arguments that it had.
        value: the result, or None.
        error: why there is none, or None.
        restored: whether the result came from the store.
    """

    case: Mapping[str, Any]
    value: Any = None
    error: BaseException | None = None
    restored: bool = False


@dataclass(frozen=True, eq=False)
class Sweep:
    """The outcomes of a sweep in the order of its cases; a case that an interrupt left unfinished has neither field."""

    outcomes: tuple[Outcome, ...]

    @property
    def values(self) -> tuple[Any, ...]:
        """The results, None where there is none."""
        return tuple(o.value for o in self.outcomes)

    @property
    def finished(self) -> bool:
        """Whether every case has a result."""
        return all(o.value is not None for o in self.outcomes)

    def failures(self) -> dict[int, BaseException]:
        """Number of a case -> its error."""
        return {k: o.error for k, o in enumerate(self.outcomes) if o.error is not None}

    def stacked(self, dimension: str = "case"):
        """All results as one xarray object, along a new first dimension numbered by case.

        Raises:
            SolverFailure: there is no result at all.
        """
        import xarray

        there = [(k, o.value) for k, o in enumerate(self.outcomes) if o.value is not None]
        if not there:
            raise SolverFailure("no case of the sweep has a result; `failures()` says why")
        numbers = xarray.DataArray([k for k, _ in there], dims=dimension, name=dimension)
        return xarray.concat([v for _, v in there], dim=numbers, combine_attrs="drop_conflicts")


def sweep(
    equation: FokkerPlanck,
    cases: Sequence[Mapping[str, Any]],
    *,
    executor: Executor | str | None = None,
    workers: int | None = None,
    store: str | Path | None = None,
    task: Callable[..., Any] | None = None,
    **common: Any,
) -> Sweep:
    """Solve an equation once for each case.

    Args:
        equation: the equation of every case that does not bring its own as "equation".
        cases: arguments of `numerics.solve` that differ, e.g. [{"parameters": {theta: 1}}, ...]. Parameters of a case
            are added to the common ones.
        executor: any `concurrent.futures` executor; the address of a Dask scheduler ("tcp://host:8786", needs
            dask.distributed); None makes a process pool.
        workers: of the process pool; None takes one a processor.
        store: folder for results (netCDF); what is there already is not computed again.
        task: what is called instead of `numerics.solve`: a function that a worker can import, returning an
            xarray.DataArray.
        common: arguments of every case.

    Returns:
        A `Sweep`. Errors of single cases are kept there and do not stop the others; after Ctrl-C it holds what was
        finished.

    Raises:
        DataError: the store can't be written.
    """
    full = [_merged(common, case) for case in cases]
    folder = _folder(store)
    names = [_name(case.get("equation", equation), case, task) for case in full]
    outcomes: list[Outcome] = []
    for case, name in zip(full, names):
        value = _restored(folder, name)
        outcomes.append(Outcome(case, value, restored=value is not None))
    waiting = deque(k for k, o in enumerate(outcomes) if o.value is None)
    with suppress(KeyboardInterrupt):
        _run_all(equation, full, names, outcomes, waiting, folder, executor, workers, task)
    return Sweep(tuple(outcomes))


def _run_all(equation, full, names, outcomes, waiting, folder, executor, workers, task) -> None:
    suspects: set[int] = set()
    deaths = dict.fromkeys(waiting, 0)
    while waiting:
        running: dict[Future[Any], int] = {}
        try:
            with _executor(executor, workers) as (pool, width):
                while waiting or running:
                    # a suspect runs alone: it can harm no other, and no other can harm it
                    while waiting and len(running) < width and not (running and waiting[0] in suspects):
                        if any(k in suspects for k in running.values()):
                            break
                        k = waiting.popleft()
                        running[pool.submit(_work, equation, full[k], task)] = k
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        k = running[future]
                        try:
                            value = future.result()
                        except BrokenExecutor:
                            raise
                        except Exception as error:  # the case's own, whatever it is: the others go on
                            outcomes[k] = Outcome(full[k], None, error)
                        else:
                            _keep(folder, names[k], value)
                            outcomes[k] = Outcome(full[k], value)
                        del running[future]
        except BrokenExecutor as error:
            alone = len(running) == 1
            for future, k in running.items():
                if future.done() and not future.cancelled() and future.exception() is None:
                    _keep(folder, names[k], future.result())
                    outcomes[k] = Outcome(full[k], future.result())
                    continue
                suspects.add(k)
                deaths[k] += alone
                if deaths[k] < TRIES:
                    waiting.append(k)
                else:
                    outcomes[k] = Outcome(
                        full[k],
                        None,
                        SolverFailure(f"the worker died {TRIES} times while this case ran alone on it: {error}"),
                    )
            if isinstance(executor, Executor):
                raise SolverFailure(
                    "the executor that was given is broken: a worker died. Results are in the store, if there is "
                    "one; call again with a new executor, or leave it out for a pool that is renewed"
                ) from error


def _work(equation: FokkerPlanck, case: Mapping[str, Any], task: Callable[..., Any] | None) -> Any:
    """What a worker does."""
    arguments = dict(case)
    equation = arguments.pop("equation", equation)
    if task is None:
        from numerics.solver import solve

        task = solve
    return task(equation, **{"progress": False, **arguments} if task.__name__ == "solve" else arguments)


@contextmanager
def _executor(executor: Executor | str | None, workers: int | None) -> Iterator[tuple[Executor, int]]:
    if isinstance(executor, str):
        from distributed import Client

        with Client(executor) as client:
            yield client.get_executor(), max(2 * sum(client.nthreads().values()), 2)
    elif executor is not None:
        yield executor, 2 * (getattr(executor, "_max_workers", None) or os.cpu_count() or 1)
    else:
        import multiprocessing

        count = workers or os.cpu_count() or 1
        pool = ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))
        try:
            yield pool, count
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _merged(common: Mapping[str, Any], case: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**common, **case}
    if "parameters" in common and "parameters" in case:
        merged["parameters"] = {**common["parameters"], **case["parameters"]}
    return merged


def _name(equation: FokkerPlanck, case: Mapping[str, Any], task: Callable[..., Any] | None) -> str:
    """A name made from everything that decides the result."""
    from symrg import __version__

    digest = hashlib.sha256()
    which = "solve" if task is None else f"{task.__module__}.{task.__qualname__}"
    for part in (__version__, which, *map(sp.srepr, (equation.drift, equation.diffusion, equation.time))):
        digest.update(part.encode())
    digest.update(_described({k: v for k, v in case.items() if k not in ("progress", "equation")}).encode())
    return digest.hexdigest()[:32]


def _described(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ",".join(sorted(f"{_described(k)}:{_described(v)}" for k, v in value.items())) + "}"
    if isinstance(value, sp.Basic):
        return sp.srepr(value)
    if isinstance(value, np.ndarray):
        return f"array{value.shape}{hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()}{value.dtype}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_described(v) for v in value) + "]"
    if callable(value):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        return repr(float(value))
    return repr(value)


def _folder(store: str | Path | None) -> Path | None:
    if store is None:
        return None
    folder = Path(store)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"the store {folder} can't be made: {error.strerror or error}") from error
    return folder


def _restored(folder: Path | None, name: str) -> Any:
    if folder is None or not (folder / f"{name}.nc").exists():
        return None
    import xarray

    try:
        with xarray.open_dataarray(folder / f"{name}.nc", engine="h5netcdf") as stored:
            return stored.load()
    except (OSError, ValueError, KeyError):
        return None  # a damaged file is computed again


def _keep(folder: Path | None, name: str, value: Any) -> None:
    """Write a result under another name first, so that a file is whole or not there."""
    if folder is None:
        return
    try:
        # made in memory: HDF5 crashes the process where the disk is full
        write_atomically(folder / f"{name}.nc", bytes(value.to_netcdf(engine="h5netcdf")))
    except OSError as error:
        raise DataError(f"the store {folder} can't be written: {error.strerror or error}") from error
