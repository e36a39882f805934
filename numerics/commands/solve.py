"""`symrg solve`: a Fokker-Planck equation given as formulas, solved on a grid; table, picture, file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from numerics.stated import StatedProblem

_NORMALISED = 1e-2  # how far a mass may be from 1 before it is mentioned

_EPILOG = """
\b
Examples:
  symrg solve --coordinates x --drift "-theta*x" --diffusion 1 --parameter theta=1 \\
      --domain x=-6:6 --cells 512 --initial "exp(-2*(x-1.5)^2)*sqrt(2/pi)" \\
      --times 0.5,1 --plot density.svg
  symrg solve --coordinates x,v --drift v --drift "-x-v" --diffusion 0 --diffusion 1 \\
      --domain x=-7:7 --domain v=-7:7 --cells 96 --times 1 \\
      --initial "exp(-2*(x-1)^2-2*v^2)*2/pi" --output kramers.nc
  symrg solve --example > problem.toml
  symrg solve --problem problem.toml --json

\b
The diffusion is one formula for all axes, one for each axis, or the upper
triangle of the matrix row by row. Boundaries: reflecting, absorbing, periodic,
for all sides or for one axis: --boundary x=absorbing/reflecting.
A problem file is TOML with the keys coordinates, drift, diffusion, initial,
times, cells, [domain], and optionally start, time, boundary, tolerance,
scheme, [parameters].
"""

EXAMPLE = """\
# An equation for `symrg solve --problem FILE` and `symrg codegen PATH --problem FILE`:
#   d_t p = - d_i (drift^i p) + d_i d_j (diffusion^ij p)
# Formulas stand between quotes; each name in them is a coordinate, the time or one of [parameters].
title = "Kramers"
coordinates = ["x", "v"]              # or "x", or "x:positive"
drift = ["v", "x - x^3 - gamma*v"]    # one formula for each coordinate
diffusion = ["0", "gamma*T"]          # the diagonal; or one for all axes; or the upper triangle row by row
initial = "exp(-4*(x+1)^2 - 4*v^2)*4/pi"
times = [0.5, 1]
cells = [64, 64]                      # along each axis, or one number for all
# start = 0.0                         # time of the initial density
# time = "t"                          # the name of the time in the formulas
# tolerance = 1e-4                    # error of the integration in time
# scheme = "auto"                     # auto, positive, extrapolated, high-order
boundary = "reflecting"               # or absorbing, periodic; by axis: {x = ["absorbing", "reflecting"]}
[domain]
x = [-3, 3]                           # or ["-oo", "oo"]
v = [-4, 4]
[parameters]
gamma = 1.0
T = 0.5
"""
"""What `--example` writes."""


@click.command(epilog=_EPILOG)
@click.option("--example", is_flag=True, help="Write a problem file to start from.")
@click.option("--problem", type=click.Path(dir_okay=False), help="Read the problem from a TOML file.")
@click.option("--coordinates", metavar="NAMES", help='E.g. "x" or "x, y:positive".')
@click.option("--drift", multiple=True, metavar="FORMULA", help="Once for each coordinate.")
@click.option("--diffusion", multiple=True, metavar="FORMULA", help="D of d_t p = -d(mu p) + dd(D p).")
@click.option("--initial", metavar="FORMULA", help="Density at the start.")
@click.option("--times", metavar="LIST", help="Output times, e.g. 0.5,1.")
@click.option("--start", type=float, default=0.0, show_default=True, help="Time of the initial density.")
@click.option("--domain", multiple=True, metavar="NAME=LOW:HIGH", help="Once for each coordinate; -oo and oo too.")
@click.option("--cells", metavar="LIST", default="256", show_default=True, help="Along each axis.")
@click.option("--boundary", multiple=True, metavar="[NAME=]KIND", help="reflecting (default), absorbing, periodic.")
@click.option("--parameter", multiple=True, metavar="NAME=NUMBER", help="Once for each symbol in the formulas.")
@click.option("--time-name", default="t", show_default=True, help="The name of the time in the formulas.")
@click.option("--tolerance", type=float, default=1e-4, show_default=True, help="Error of the time integration.")
@click.option(
    "--scheme", type=click.Choice(["auto", "positive", "extrapolated", "high-order"]), default="auto", show_default=True
)
@click.option("--plot", type=click.Path(dir_okay=False), help="Draw the density into this file.")
@click.option("--output", type=click.Path(dir_okay=False), help="Save the density as netCDF.")
@click.option("--json", "as_json", is_flag=True, help="Write times, masses, moments and attributes as JSON.")
def solve(
    example: bool, problem: str | None, plot: str | None, output: str | None, as_json: bool, **options: Any
) -> None:
    """Solve a Fokker-Planck equation on a grid.

    The convention is Ito's, in divergence form: d_t p = -d_i(drift^i p) + d_i d_j(diffusion^ij p).
    """
    if example:
        click.echo(EXAMPLE, nl=False)
        return
    from numerics.stated import StatedProblem

    for path in (plot, output):
        if path is not None:
            _writable(path)
    if plot is not None:
        from numerics.plots import drawn_format

        drawn_format(plot)
    stated = StatedProblem.from_toml(problem) if problem is not None else _from_options(options)
    with _declared_here():
        result = stated.solve()
    if plot is not None:
        from numerics import plots

        plots.save(plots.density(result), plot)
    if output is not None:
        from symrg.files import write_atomically

        write_atomically(output, bytes(result.to_netcdf(engine="h5netcdf")))
    if abs(float(result.attrs["mass"][0]) - 1) > _NORMALISED and "absorbing" not in str(stated.boundary):
        click.echo(f"Note: the density has the mass {result.attrs['mass'][0]:.6g}, not 1; see --initial", err=True)
    rows = _rows(result)
    if as_json:
        import json

        attributes = {k: v for k, v in result.attrs.items() if k != "mass"}
        click.echo(
            json.dumps({"equation": str(stated.equation().drift.T.tolist()[0]), "rows": rows, **attributes}, indent=2)
        )
    else:
        _show(result, rows, plot, output)
    if "interrupted" in result.attrs:
        raise click.exceptions.Exit(130)


def _writable(path: str) -> None:
    """Refuse, before hours of work, a path in whose folder nothing can be written."""
    folder = Path(path).resolve().parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise click.BadParameter(f"{path}: nothing can be written into {folder}", param_hint="path")


@contextmanager
def _declared_here() -> Iterator[None]:
    """Say of a symbol that nothing declares how the command line and the file declare one."""
    from symrg.errors import FormulaError

    try:
        yield
    except FormulaError as error:
        first, *rest = str(error).split("\n")
        if not first.startswith("unknown symbol"):
            raise
        first += "; give a parameter its number by --parameter NAME=NUMBER, or under [parameters] in a file"
        raise FormulaError("\n".join([first, *rest]), error.position, error.text) from error


def _from_options(options: dict[str, Any]) -> StatedProblem:
    from numerics.stated import StatedProblem

    needed = ("coordinates", "drift", "diffusion", "initial", "times", "domain")
    missing = [f"--{name}" for name in needed if not options[name]]
    if missing:
        raise click.UsageError(f"{', '.join(missing)} missing; give them, or --problem FILE")
    domain = {}
    for text in options["domain"]:
        name, ends = _pair(text, "--domain", "x=-6:6")
        low, colon, high = ends.partition(":")
        if not colon:
            raise click.BadParameter(f"{text!r}; expected NAME=LOW:HIGH, e.g. x=-6:6", param_hint="--domain")
        domain[name] = (low, high)
    boundary: Any = "reflecting"
    for text in options["boundary"]:
        if "=" not in text:
            boundary = _kind(text)
        else:
            name, kind = _pair(text, "--boundary", "x=absorbing")
            boundary = {**(boundary if isinstance(boundary, dict) else {}), name: _kind(kind)}
    parameters = {}
    for text in options["parameter"]:
        name, value = _pair(text, "--parameter", "theta=1")
        parameters[name] = _number(value, "--parameter")
    return StatedProblem(
        options["coordinates"],
        tuple(options["drift"]),
        tuple(options["diffusion"]),
        options["initial"],
        tuple(_number(v, "--times") for v in options["times"].split(",") if v.strip()),
        tuple(_whole(v, "--cells") for v in options["cells"].split(",") if v.strip()),
        domain,
        parameters,
        boundary,
        options["time_name"],
        options["start"],
        options["tolerance"],
        options["scheme"],
    )


def _pair(text: str, option: str, example: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise click.BadParameter(f"{text!r}; expected e.g. {example}", param_hint=option)
    return name.strip(), value.strip()


def _kind(text: str) -> Any:
    return tuple(part.strip() for part in text.split("/")) if "/" in text else text.strip()


def _number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a number", param_hint=option) from None


def _whole(text: str, option: str) -> int:
    value = _number(text, option)
    if value != int(value):
        raise click.BadParameter(f"{text!r} is not a whole number", param_hint=option)
    return int(value)


def _rows(result: Any) -> list[dict[str, float]]:
    """Mass, mean and deviation along each axis, and the largest density, at every time."""
    import numpy as np

    names = [d for d in result.dims if d != "time"]
    rows = []
    for k, time in enumerate(result.time.values):
        density = result.values[k]
        mass = result.attrs["mass"][k]
        row = {"time": float(time), "mass": float(mass), "peak": float(density.max())}
        for axis, name in enumerate(names):
            x = result[name].values
            marginal = density
            for other in reversed([j for j in range(len(names)) if j != axis]):
                marginal = (np.moveaxis(marginal, other, -1) * np.gradient(result[names[other]].values)).sum(axis=-1)
            weight = marginal * np.gradient(x)
            weight = weight / weight.sum()
            mean = float((weight * x).sum())
            row[f"mean {name}"] = mean
            row[f"deviation {name}"] = float(np.sqrt((weight * (x - mean) ** 2).sum()))
        rows.append(row)
    return rows


def _show(result: Any, rows: list[dict[str, float]], plot: str | None, output: str | None) -> None:
    from rich.table import Table

    from symrg.console import console

    out = console()
    table = Table(title="Density")
    for name in rows[0]:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*(f"{value:.6g}" for value in row.values()))
    out.print(table)
    attributes = result.attrs
    out.print(f"scheme      {attributes['scheme']}", markup=False)
    out.print(f"guarantees  {attributes['guarantees']}", markup=False)
    estimate, steps = attributes["error_estimate"], attributes["steps"]
    out.print(
        f"in time     error estimate {estimate:.2g}, {steps} steps; minimum {attributes['minimum']:.3g}", markup=False
    )
    for path in (plot, output):
        if path is not None:
            out.print(f"written     {path}", markup=False)
    if "interrupted" in attributes:
        out.print(f"interrupted {attributes['interrupted']}", markup=False)
