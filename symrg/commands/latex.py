"""`symrg latex`: a family, an equation, a chapter or everything as LaTeX."""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from symrg.commands.derive import completed_families, family_model

if TYPE_CHECKING:
    from symrg.model import StatisticalModel
    from symrg.typesetting import Section

_EPILOG = """
\b
Examples:
  symrg latex gamma                      a fragment for \\input
  symrg latex gamma --document -o gamma.tex && pdflatex gamma.tex
  symrg derive --example > model.toml && symrg latex --problem model.toml --document -o model.tex
  symrg latex 14                         an equation of the talk
  symrg latex normal_data --document     a chapter
  symrg latex all -o derivations.tex
  symrg latex --list                     what there is
"""


def _completed(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from symrg.chapters import chapter_names

    targets = [CompletionItem(name) for name in (*chapter_names(), "all") if name.startswith(incomplete)]
    return targets + completed_families(ctx, param, incomplete)


@click.command(epilog=_EPILOG)
@click.argument("target", required=False, shell_complete=_completed)
@click.option(
    "--document/--fragment", default=None, help="A whole article, or what \\input takes (where 'all' is not asked for)."
)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to a file.")
@click.option("--problem", type=click.Path(dir_okay=False), help="A model of your own, from a TOML file.")
@click.option(
    "--what", metavar="LIST", help="For a model: of score, metric, curvature, kl, entropy, christoffel, expansion."
)
@click.option(
    "--budget", type=click.FloatRange(min=0, min_open=True), help="Seconds for each quantity of a family (10)."
)
@click.option("--list", "list_targets", is_flag=True, help="List families, chapters and equations.")
@click.option("--json", "as_json", is_flag=True, help="With --list: as JSON.")
def latex(
    target: str | None,
    document: bool | None,
    output: Path | None,
    problem: str | None,
    what: str | None,
    budget: float | None,
    list_targets: bool,
    as_json: bool,
) -> None:
    """Write LaTeX of a model, an equation, a chapter, or all chapters.

    TARGET is a family known by name, an equation's number, a chapter or 'all'. A document compiles with pdflatex and
    amsmath, mathtools, booktabs, longtable, graphicx, microtype and hyperref.
    """
    if list_targets:
        _list(as_json)
        return
    if as_json:
        raise click.UsageError("--json goes with --list; LaTeX is text for a machine already")
    if bool(target) == bool(problem):
        raise click.UsageError(
            "say what: a family, an equation's number, a chapter or 'all' (--list names them), or --problem FILE"
        )
    from symrg.console import console

    with console(stderr=True).status(f"Typesetting {target or problem} ..."):
        text = _text(target, document, what, budget) if target else _own(str(problem), bool(document), what, budget)
    if output is None:
        click.echo(text)
    else:
        from symrg.files import write_atomically

        write_atomically(output, text)
        click.echo(f"{output}: {len(text.splitlines())} lines", err=True)


def _text(target: str, document: bool | None, what: str | None, budget: float | None) -> str:
    from symrg import families, typesetting
    from symrg.chapters import chapter, chapter_names

    if target == "all":
        names = chapter_names()
        if not names:
            raise click.UsageError("no chapters are installed; the package 'derivations' brings them")
        chapters = sorted((chapter(name) for name in names), key=_first_number)
        sections: list[Any] = [_chapter_section(found) for found in chapters]
        title, whole = "Derivations", document is not False
    elif target in chapter_names():
        sections = [_chapter_section(chapter(target))]
        title, whole = sections[0].title, bool(document)
    elif (number := re.fullmatch(r"\(?(\d+[a-z]?)\)?", target)) is not None:
        sections = [*_equations(number[1])]
        title, whole = f"Equation ({number[1]})", bool(document)
    elif target.replace("-", "_").lower() in families.names() or not chapter_names():
        sections = [_family_section(target, what, budget)]
        title, whole = sections[0].title, bool(document)
    else:
        targets = [*chapter_names(), *families.names(), "all"]
        near = difflib.get_close_matches(target.replace("-", "_").lower(), targets, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "'symrg latex --list' names all"
        raise click.BadParameter(f"no family, chapter or equation {target!r}; {hint}", param_hint="TARGET")
    return typesetting.document(title, sections) if whole else typesetting.fragment(sections)


def _own(problem: str, whole: bool, what: str | None, budget: float | None) -> str:
    """A model that a file states."""
    from symrg import typesetting
    from symrg.problem import Problem

    stated = Problem.from_toml(problem)
    section = _model_section(stated.title or Path(problem).stem, stated.model(), what, budget)
    return typesetting.document(section.title, [section]) if whole else typesetting.fragment([section])


def _family_section(name: str, what: str | None, budget: float | None) -> Section:
    title = name.replace("_", " ").replace("-", " ").capitalize()
    return _model_section(title, family_model(name), what, budget)


def _model_section(title: str, model: StatisticalModel, what: str | None, budget: float | None) -> Section:
    from symrg.overview import USUAL, overview
    from symrg.typesetting import Equation, Section

    wanted = ("score", *USUAL) if what is None else tuple(w.strip() for w in what.split(",") if w.strip())
    blocks: list[Any] = ["The model", Equation(model.latex())]
    found = overview(model, wanted, budget)
    if all(q.value is None for q in found) and found and found[0].error is not None:
        raise found[0].error
    for quantity in found:
        if quantity.value is None:
            blocks.append(f"{quantity.title}: {quantity.short_problem}")
        else:
            blocks += [quantity.title, Equation(quantity.latex())]
    return Section(title, tuple(blocks))


def _chapter_section(found: Any) -> Section:
    from symrg.typesetting import Equation, Section
    from symrg.typesetting.derivations import derivation_section

    numbered = ((_label(getattr(claim, "number", number)), claim) for number, claim in found.equations.items())
    equations = [Equation(claim.latex(), tag=number) for number, claim in numbered]
    return Section(found.title, (*equations, *(derivation_section(d) for d in found.derivations())))


def _label(number: str) -> str:
    """The number without its parentheses, where they hold all of it."""
    match = re.fullmatch(r"\(([^()]+)\)", number)
    return match[1] if match else number


def _order(number: str) -> int:
    return int(re.sub(r"\D.*", "", number.strip("(")))


def _first_number(found: Any) -> float:
    numbers = [re.match(r"\(?(\d+)", number) for number in _numbers(found)]
    return min((float(m[1]) for m in numbers if m), default=float("inf"))


def _equations(number: str) -> list[Any]:
    """The equations of that number in the chapters: the one printed, or those whose range holds it."""
    from symrg.chapters import loaded
    from symrg.typesetting import Equation

    known: list[str] = []
    chapters, problems = loaded()
    for found in chapters.values():
        numbers = _numbers(found)
        known += numbers
        wanted = [n for n in numbers if _label(n) == number] or [n for n in numbers if _holds(n, number)]
        if wanted:
            printed = {getattr(e, "number", key): e for key, e in found.equations.items()}
            return [Equation(printed[n].latex(), tag=_label(n)) for n in wanted]
    if problems:
        raise problems[0]
    plain = sorted({m[0] for n in known if (m := re.match(r"\(?\d+[a-z]?\)?(?:-\(\d+\))?", n))}, key=_order)
    there = ", ".join(plain) or "none installed"
    raise click.BadParameter(f"no equation {number}; there are {there}", param_hint="TARGET")


def _numbers(found: Any) -> list[str]:
    """The numbers of a chapter's equations; where it lists them, none has to be built."""
    return list(getattr(found, "numbers", None) or found.equations)


def _holds(numbers: str, number: str) -> bool:
    """Whether "(8)-(10), corrected" holds 9."""
    span = re.match(r"\(?(\d+)\)?-\(?(\d+)", numbers)
    return bool(span) and number.isdigit() and int(span[1]) <= int(number) <= int(span[2])  # type: ignore[index]


def _list(as_json: bool) -> None:
    from symrg import families
    from symrg.chapters import loaded

    found, problems = loaded()
    chapters = {name: _numbers(found[name]) for name in sorted(found, key=lambda n: _first_number(found[n]))}
    if as_json:
        click.echo(json.dumps({"families": list(families.names()), "chapters": chapters}, indent=2))
    else:
        click.echo("Families: " + ", ".join(families.names()))
        for name, numbers in chapters.items():
            click.echo(f"Chapter {name}: {'; '.join(numbers)}")
        click.echo("Everything: all")
    for problem in problems:
        click.echo(f"Not available: {problem}", err=True)
