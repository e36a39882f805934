"""`symrg derive`: the metric, curvature and divergence of a model, typeset for the terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from symrg.model import StatisticalModel
    from symrg.overview import Quantity

_EPILOG = """
\b
Examples:
  symrg derive gamma
  symrg derive normal --what score,metric,christoffel --latex
  symrg derive --log-density "-ln(s) - (y-m)^2/(2*s^2) - ln(2*pi)/2" \\
      --sample y --parameters "m:real, s:positive"
  symrg derive --log-density "n*ln(l) - l - ln(factorial(n))" \\
      --sample n:natural0 --parameters l:positive --json
  symrg derive --example > model.toml
  symrg derive --problem model.toml

\b
Types of a declaration: real (where none is given), positive, negative,
nonnegative, nonzero, integer, natural, natural0, complex.
Supports: real, positive, nonnegative, unit, integers, naturals, naturals0,
circle, an interval (a, b), a range 0..n, a set {0, 1}.
A problem file is TOML with the keys log_density, sample, parameters, and
optionally title, support, domain, constants.
"""

EXAMPLE = """\
# A model for `symrg derive --problem FILE`. Keys: log_density, sample, parameters; optionally title, support, domain,
# constants. Formulas stand between quotes; + - * / ^, functions by name (ln, exp, sin, gamma, loggamma, erf, ...).
title = "Weibull lifetimes"
log_density = "ln(k/l) + (k-1)*ln(y/l) - (y/l)^k"
sample = "y:positive"                # a list for several coordinates: ["y:positive", "z"]
parameters = "k:positive, l:positive"
support = "positive"                 # real, positive, unit, naturals0, ..., "(a, b)", "0..n", "{0, 1}"
# domain = ["k > 1"]                 # what parameters obey beyond their types
# constants = "a:positive"           # known numbers in the formula
"""
"""What `--example` writes."""


def completed_families(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The families whose names begin as what was typed."""
    from symrg import families

    return [CompletionItem(name) for name in families.names() if name.startswith(incomplete)]


@click.command(epilog=_EPILOG)
@click.argument("family", required=False, shell_complete=completed_families)
@click.option("--log-density", metavar="FORMULA", help="ln p as a formula.")
@click.option("--sample", metavar="NAMES", help='Sample coordinates, e.g. "y" or "y:positive, z".')
@click.option("--parameters", metavar="NAMES", help='Parameters, e.g. "mu:real, sigma:positive".')
@click.option("--support", multiple=True, metavar="SET", help="Where the sample lives; once for each coordinate.")
@click.option("--domain", multiple=True, metavar="RELATION", help='What parameters obey, e.g. "p < 1".')
@click.option("--constants", default="", metavar="NAMES", help="Known numbers in the formula.")
@click.option("--problem", type=click.Path(dir_okay=False), help="Read the model from a TOML file.")
@click.option("--what", metavar="LIST", help="Of score, metric, curvature, kl, entropy, christoffel, expansion.")
@click.option("--budget", type=click.FloatRange(min=0, min_open=True), help="Seconds for each quantity (10).")
@click.option("--latex", "as_latex", is_flag=True, help="Write LaTeX.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@click.option("--example", is_flag=True, help="Write a problem file to start from.")
@click.option("--list", "list_families", is_flag=True, help="List the families that are known by name.")
def derive(
    family: str | None,
    log_density: str | None,
    sample: str | None,
    parameters: str | None,
    support: tuple[str, ...],
    domain: tuple[str, ...],
    constants: str,
    problem: str | None,
    what: str | None,
    budget: float | None,
    as_latex: bool,
    as_json: bool,
    example: bool,
    list_families: bool,
) -> None:
    """Derive the Fisher metric, curvature and divergence of a model.

    The model is a FAMILY known by name, a log-density given as a formula, or a problem file.
    """
    if list_families:
        from symrg import families

        names = list(families.names())
        click.echo(json.dumps(names, indent=2) if as_json else "\n".join(names))
        return
    if example:
        click.echo(EXAMPLE, nl=False)
        return
    if sum(x is not None for x in (family, log_density, problem)) != 1:
        raise click.UsageError(
            "give one of a FAMILY, --log-density and --problem; 'symrg derive --list' names families"
        )
    if as_latex and as_json:
        raise click.UsageError("--latex and --json exclude each other")
    title, model = _model(family, log_density, sample, parameters, support, domain, constants, problem)

    from symrg.console import console
    from symrg.overview import USUAL, overview

    wanted = USUAL if what is None else tuple(w.strip() for w in what.split(",") if w.strip())
    with console(stderr=True).status(f"Deriving {title} ..."):
        found = overview(model, wanted, budget)
    failed = [q for q in found if q.value is None]
    if as_json:
        _show_json(title, model, found)
    elif failed == list(found) and len({q.problem for q in found}) == 1 and found[0].error is not None:
        raise found[0].error
    elif as_latex:
        for quantity in found:
            click.echo(f"% {quantity.title}\n\\[\n{_display(quantity)}\n\\]")
    else:
        _show(title, model, found)
    if failed == list(found):
        raise click.exceptions.Exit(2)


def _model(
    family: str | None,
    log_density: str | None,
    sample: str | None,
    parameters: str | None,
    support: tuple[str, ...],
    domain: tuple[str, ...],
    constants: str,
    problem: str | None,
) -> tuple[str, StatisticalModel]:
    from symrg.problem import Problem

    if family is not None:
        return family.replace("_", " ").replace("-", " "), family_model(family)
    if problem is not None:
        stated = Problem.from_toml(problem)
        return stated.title or problem, stated.model()
    assert log_density is not None
    if not sample or not parameters:
        raise click.UsageError('--log-density needs --sample and --parameters, e.g. --sample y --parameters "mu:real"')
    stated = Problem(log_density, sample, parameters, support, domain, constants)
    return "the model", stated.model()


def family_model(name: str) -> StatisticalModel:
    """A family by its name, with the nearest names offered for one that is not known."""
    import difflib

    from symrg import families

    names = list(families.names())
    key = name.replace("-", "_").replace(" ", "_").lower()
    if key not in names:
        near = difflib.get_close_matches(key, names, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "'symrg derive --list' names all"
        raise click.BadParameter(f"no family {name!r}; {hint}", param_hint="FAMILY")
    return getattr(families, key)()


def _display(quantity: Quantity) -> str:
    from symrg.typesetting import display

    text = quantity.latex()
    return text if text.startswith("\\begin{aligned}") else display(text)


def _show(title: str, model: StatisticalModel, found: tuple[Quantity, ...]) -> None:
    import sympy as sp

    from symrg.console import console, show_equation
    from symrg.typesetting.terminal import fits

    out = console()
    out.print(f"[bold]{title[:1].upper()}{title[1:]}[/bold]")
    sample = ", ".join(sp.pretty(s) for s in model.sample)
    plain = ", ".join(sp.pretty(p) for p in model.parameters)
    show_equation(out, f"ln p({sample} | {plain})", model.log_density)
    for quantity in found:
        out.print(f"\n[bold]{quantity.title}[/bold]")
        if quantity.value is None:
            out.print("  " + quantity.short_problem, markup=False)
        elif isinstance(quantity.value, sp.NDimArray):
            _show_components(out, quantity, model)
        elif isinstance(quantity.value, sp.MatrixBase) and not fits(quantity.plain, quantity.value, out.width - 2):
            _show_entries(out, quantity, model)
        else:
            show_equation(out, quantity.plain, quantity.value)


def _show_entries(out: Any, quantity: Quantity, model: StatisticalModel) -> None:
    """A matrix that is wider than the terminal, entry by entry; of a symmetric one the upper triangle."""
    import sympy as sp

    from symrg.console import show_equation

    names = [sp.pretty(p) for p in model.parameters]
    symbol = quantity.plain.partition("(")[0]
    rows, columns = quantity.value.shape
    for i in range(rows):
        for j in range(columns):
            value = quantity.value[i, j]
            if value == 0 or (rows == columns and j < i):
                continue
            where = names[i] if columns == 1 else f"{names[i]} {names[j]}"
            show_equation(out, f"{symbol}[{where}]", value)


def _show_components(out: Any, quantity: Quantity, model: StatisticalModel) -> None:
    import itertools

    import sympy as sp

    from symrg.console import show_equation

    names = [sp.pretty(p) for p in model.parameters]
    shown = 0
    for i, j, k in itertools.product(range(len(names)), repeat=3):
        value = quantity.value[i, j, k]
        if j <= k and value != 0:
            show_equation(out, f"{quantity.plain}[{names[i]}; {names[j]} {names[k]}]", value)
            shown += 1
    if not shown:
        out.print("  all vanish")


def _show_json(title: str, model: StatisticalModel, found: tuple[Quantity, ...]) -> None:
    import sympy as sp

    def text(value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, (sp.MatrixBase, sp.NDimArray)):
            return _nested(value.tolist())
        return str(value)

    click.echo(
        json.dumps(
            {
                "model": title,
                "sample": [str(s) for s in model.sample],
                "parameters": [str(p) for p in model.parameters],
                "log_density": str(model.log_density),
                **{
                    q.name: {
                        "value": text(q.value),
                        "latex": q.latex(),
                        **({"problem": q.problem} if q.problem else {}),
                    }
                    for q in found
                },
            },
            indent=2,
            ensure_ascii=False,
        )
    )


def _nested(rows: Any) -> Any:
    return [_nested(r) for r in rows] if isinstance(rows, list) else str(rows)
