"""`symrg solve`: a Fokker-Planck equation given as formulas, solved on a grid; table, picture, file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from numerics.stated import StatedProblem

_EPILOG = """
\b
Examples:
  symrg solve --coordinates x --drift "-theta*x" --diffusion 1 --parameter theta=1 \\
      --domain x=-6:6 --cells 512 --initial "exp(-2*(x-1.5)^2)*sqrt(2/pi)" \\
      --times 0.5,1 --plot density.svg
  symrg solve --coordinates x,v --drift v --drift "-x-v" --diffusion 0 --diffusion 1 \\
      --domain x=-7:7 --domain v=-7:7 --cells 96 --times 1 \\
      --initial "exp(-2*(x-1)^2-2*v^2)*2/pi" --output kramers.nc
  symrg solve --problem problem.toml --json

\b
The diffusion is one formula for all axes, one for each axis, or the upper
triangle of the matrix row by row. Boundaries: reflecting, absorbing, periodic,
for all sides or for one axis: --boundary x=absorbing/reflecting.
A problem file is TOML with the keys coordinates, drift, diffusion, initial,
times, cells, [domain], and optionally start, time, boundary, tolerance,
scheme, [parameters].
"""


@click.command(epilog=_EPILOG)
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
def solve(problem: str | None, plot: str | None, output: str | None, as_json: bool, **options: Any) -> None:
    """Solve a Fokker-Planck equation on a grid.

    The convention is Ito's, in divergence form: d_t p = -d_i(drift^i p) + d_i d_j(diffusion^ij p).
    """
    from numerics.stated import StatedProblem

    stated = StatedProblem.from_toml(problem) if problem is not None else _from_options(options)
    result = stated.solve(progress=False if as_json else None)
    if plot is not None:
        from numerics import plots

        plots.save(plots.density(result), plot)
    if output is not None:
        result.to_netcdf(output, engine="h5netcdf")
    rows = _rows(result)
    if as_json:
        import json

        attributes = {k: v for k, v in result.attrs.items() if k != "mass"}
        click.echo(
            json.dumps({"equation": str(stated.equation().drift.T.tolist()[0]), "rows": rows, **attributes}, indent=2)
        )
        return
    _show(result, rows, plot, output)


def _from_options(options: dict[str, Any]) -> StatedProblem:
    from numerics.stated import StatedProblem

    needed = ("coordinates", "drift", "diffusion", "initial", "times", "domain")
    missing = [f"--{name}" for name in needed if not options[name]]
    if missing:
        raise click.UsageError(f"{', '.join(missing)} missing; give them, or --problem FILE ('symrg solve --help')")
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
        tuple(int(_number(v, "--cells")) for v in options["cells"].split(",") if v.strip()),
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
