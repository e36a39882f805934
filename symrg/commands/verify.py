"""`symrg verify`: a file of equations, examined by witnesses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from symrg.verification import Verdict
    from symrg.verification.equations_file import EquationsFile

_EPILOG = """
\b
Examples:
  symrg verify examples/ornstein_uhlenbeck.toml
  symrg verify equations.toml --json > ledger.json
  symrg verify equations.toml --certificate out.json
  symrg verify --check out.json
  symrg verify --example > equations.toml

\b
A file of equations is TOML:
  [symbols]
  x = "real"
  [[claim]]
  lhs = "sin(x)^2 + cos(x)^2"
  rhs = "1"

\b
A file whose name ends in .py is your own program, and is run: it defines
CLAIMS = [Claim(lhs, rhs), ..] and DERIVATIONS = [Derivation(..), ..]. Don't
name a .py file that you wouldn't run yourself. Nothing in a TOML file or in
a certificate is ever run.

\b
Exit status: 0 every claim holds, 1 a claim is refuted (or a certificate
disagrees), 2 bad input. Claims that stay undecided don't count as refuted;
with --strict they do.
"""

EXAMPLE = """\
title = "Gaussian integrals"

[symbols]
a = "positive"                       # or real, integer, complex, ...
b = "real"
x = "real"

[definitions]
weight = "exp(-a*x^2 + b*x)"

[[claim]]
name = "normalisation"
lhs = "Integral(weight, (x, -oo, oo))"
rhs = "sqrt(pi/a)*exp(b^2/(4*a))"

[[claim]]
name = "mean square"                 # with a misprint: a factor of 2 is missing below
lhs = '$\\int_{-\\infty}^{\\infty} x^2 e^{-a x^2} dx$'
rhs = '$\\frac{\\sqrt{\\pi}}{a^{3/2}}$'

[[claim]]
name = "a bound"
lhs = "x/(1 + x)"
rhs = "1"
relation = "<"
conditions = ["x > 0"]
"""
"""What `--example` writes."""

_CONTROLLED = 200  # claims; in a longer file the controls would take most of the time


@click.command(epilog=_EPILOG)
@click.argument("file", required=False, type=click.Path(dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Write the ledger as JSON.")
@click.option("--latex", "as_latex", is_flag=True, help="Write the ledger as LaTeX.")
@click.option("--certificate", type=click.Path(dir_okay=False), help="Write what is needed to check again.")
@click.option("--check", type=click.Path(dir_okay=False), help="Check a certificate, by a program apart.")
@click.option("--budget", type=click.FloatRange(min=0, min_open=True), help="Seconds for each claim (20).")
@click.option(
    "--controls/--no-controls",
    default=True,
    help="Show false neighbours of each claim to the witnesses (files of up to 200 claims).",
)
@click.option("--example", is_flag=True, help="Write a file of equations to start from.")
@click.option("--strict", is_flag=True, help="Exit with 1 where a claim stays undecided.")
def verify(
    file: str | None,
    as_json: bool,
    as_latex: bool,
    certificate: str | None,
    check: str | None,
    budget: float | None,
    controls: bool,
    example: bool,
    strict: bool,
) -> None:
    """Verify the equations of a TOML file, or of a Python file of your own, by independent witnesses.

    Every claim is examined by a symbolic reduction, by ball arithmetic at points of its domain, and where these
    don't suffice by another computer algebra system and in floating point. A claim that fails is corrected where a
    correction is found.
    """
    if example:
        click.echo(EXAMPLE, nl=False)
        return
    if (file is None) == (check is None):
        raise click.UsageError("give a FILE of equations, or --check and a certificate")
    if check is not None:
        raise click.exceptions.Exit(_check(check))
    if as_json and as_latex:
        raise click.UsageError("--json and --latex exclude each other")
    assert file is not None

    from symrg.console import console
    from symrg.verification.certificate import certificate as certified
    from symrg.verification.ledger import Entry, Ledger

    equations = _read(file)
    seconds = budget or equations.budget or 20.0
    verdicts: list[Verdict] = []
    entries: list[Entry] = []
    total = len(equations.claims) + sum(len(d.steps) for d in equations.derivations)
    with console(stderr=True).status("Verifying ...") as status:
        for number, (verdict, spent) in enumerate(_verdicts(equations, seconds), 1):
            verdicts.append(verdict)
            allowance = min(seconds / 4, 4.0) if controls and total <= _CONTROLLED else None
            entries.append(Entry.of(verdict, allowance, seconds=round(spent, 3)))
            status.update(f"Verified {number} of {total}: {verdict.claim.name}")
    ledger = Ledger(equations.title, tuple(entries))
    if certificate is not None:
        _write(certificate, certified(equations.title, verdicts))
    if as_json:
        click.echo(ledger.to_json())
    elif as_latex:
        click.echo(ledger.latex())
    else:
        _show(ledger)
    undecided = any(v.status == "undecided" for v in verdicts)
    if ledger.refuted or (strict and undecided):
        raise click.exceptions.Exit(1)


def _read(file: str) -> EquationsFile:
    """The equations of a file; it is run as Python only where its name ends in .py."""
    if file.endswith(".py"):
        from symrg.verification.python_file import run_module

        return run_module(file)
    from symrg.verification.equations_file import read

    return read(file)


def _verdicts(equations: EquationsFile, seconds: float) -> Iterator[tuple[Verdict, float]]:
    import time

    from symrg.verification import verify as examined

    claims = [*equations.claims, *(c for d in equations.derivations for c in d.claims)]
    for claim in claims:
        start = time.monotonic()
        verdict = examined(claim, seconds)
        yield verdict, time.monotonic() - start


def _show(ledger: Any) -> None:
    from symrg.console import console

    target = console()
    target.print(ledger.table())
    counts = ledger.summary
    words = [f"{n} {status}" for status, n in counts.items() if not status.startswith("controls") and n]
    line = ", ".join(words)
    if counts["controls"]:
        line += f"; {counts['controls refused']} of {counts['controls']} false neighbours refused"
    target.print(line)


def _write(path: str, text: str) -> None:
    """Write a file whole or not at all."""
    import os
    import tempfile

    from symrg.errors import InvalidFile

    target = Path(path)
    try:
        handle, name = tempfile.mkstemp(dir=target.parent or Path("."), prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(name, target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InvalidFile(f"{path}: can't be written: {error.strerror or error}") from None


def _check(path: str) -> int:
    from symrg.verification.checker import main

    return main([path])
