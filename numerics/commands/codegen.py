"""`symrg codegen`: a stand-alone solver, as a Python module, from an equation given as formulas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from numerics.commands.solve import _declared_here, _from_options, solve

_EPILOG = """
\b
Examples:
  symrg codegen ou.py --coordinates x --drift "-theta*x" --diffusion D \\
      --parameter theta=1 --parameter D=0.5 --domain x=-6:6 --cells 512 \\
      --initial "exp(-2*(x-1.5)^2)*sqrt(2/pi)" --times 0.5,1
  symrg solve --example > problem.toml
  symrg codegen solver.py --problem problem.toml
  python ou.py

\b
The options and the problem file are those of `symrg solve`. The module needs
numpy and numba alone; the parameters are arguments of its function `solve`,
and the numbers given here their defaults.
"""
_SHARED = (
    *("problem", "coordinates", "drift", "diffusion", "initial", "times", "start", "domain", "cells", "boundary"),
    *("parameter", "time_name", "tolerance"),
)


def _shared_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `symrg solve` that state a problem."""
    declared = {p.name: p for p in solve.params}
    command.__dict__.setdefault("__click_params__", []).extend(declared[name] for name in reversed(_SHARED))
    return command


@click.command(epilog=_EPILOG)
@click.argument("path", type=click.Path(dir_okay=False))
@_shared_options
@click.option("--json", "as_json", is_flag=True, help="Write the path and the number of lines as JSON.")
def codegen(path: str, problem: str | None, as_json: bool, **options: Any) -> None:
    """Write a stand-alone solver of a Fokker-Planck equation to the file PATH.

    The convention is Ito's, in divergence form: d_t p = -d_i(drift^i p) + d_i d_j(diffusion^ij p).
    """
    from numerics.codegen.standalone import generate_solver
    from numerics.stated import StatedProblem, _end
    from symrg import parse
    from symrg.files import NotWritten

    stated = StatedProblem.from_toml(problem) if problem else _from_options({**options, "scheme": "positive"})
    with _declared_here():
        equation = stated.equation()
        initial = parse(stated.initial, stated.symbols())
    used = {s.name for s in {*equation.parameters, *initial.free_symbols}}
    boundary = stated.boundary
    if isinstance(boundary, Mapping):
        boundary = {k: tuple(v) if isinstance(v, list) else v for k, v in boundary.items()}
    try:
        target = generate_solver(
            equation,
            path,
            domain={name: tuple(_end(v, name) for v in ends) for name, ends in stated.domain.items()},
            shape=stated.cells if len(stated.cells) > 1 else stated.cells[0],
            initial=initial,
            times=stated.times,
            start=stated.start,
            boundary=boundary,
            parameters={k: v for k, v in stated.parameters.items() if k in used},
            tolerance=stated.tolerance,
        )
    except OSError as error:
        raise NotWritten(f"cannot write {path}: {error.strerror or error}; choose another folder") from error
    lines = target.read_text(encoding="utf-8").count("\n")
    if as_json:
        import json

        click.echo(json.dumps({"path": str(target), "lines": lines}))
    else:
        click.echo(f"{target}: {lines} lines; run it with: python {target}")
