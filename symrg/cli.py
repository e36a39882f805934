"""The command line: `symrg COMMAND`, with the commands that the installed packages bring.

Commands are entry points of the group `symrg.commands`. None is imported before it runs, so `symrg --help` is quick;
one that can't be imported stays listed, says why when it is called, and exits with 1.

Exit status: 0 success, 1 a refuted claim or a command that can't be loaded, 2 bad input or a file that can't be read
or written, 3 an error of symrg itself, 130 interrupted.
"""

from __future__ import annotations

import ast
import difflib
import errno
import importlib.util
import os
import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from symrg import __version__
from symrg.errors import FormulaError, SymrgError
from symrg.optional import missing_package

GROUP = "symrg.commands"

_EPILOG = """
\b
Examples:
  symrg derive gamma
  symrg derive --log-density "-ln(s) - (y-m)^2/(2*s^2) - ln(2*pi)/2" \\
      --sample y --parameters "m:real, s:positive"
  symrg latex gamma --document > gamma.tex
  symrg reproduce

\b
Completion of commands and options in your shell:
  bash  eval "$(_SYMRG_COMPLETE=bash_source symrg)"
  zsh   eval "$(_SYMRG_COMPLETE=zsh_source symrg)"
  fish  _SYMRG_COMPLETE=fish_source symrg | source

With --debug, anywhere on the line, an error shows its traceback.
"""


class CommandGroup(click.Group):
    """A click group whose commands are entry points, loaded when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the installed commands."""
        return sorted(_installed())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, loaded; a stand-in that says why where it can't be; None where there is none."""
        entry = _installed().get(cmd_name)
        if entry is None:
            return None
        try:
            command = entry.load()
        except Exception as error:  # whatever stops the import is what the user has to hear
            return _unavailable(cmd_name, entry, error)
        if not isinstance(command, click.Command):
            return _unavailable(cmd_name, entry, TypeError(f"{entry.value} is not a click command"))
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest name offered for one that does not exist."""
        name = args[0]
        if name not in _installed() and not name.startswith("-"):
            near = difflib.get_close_matches(name, _installed(), n=1)
            hint = f" Did you mean '{near[0]}'?" if near else f" There are: {', '.join(self.list_commands(ctx))}."
            ctx.fail(f"No such command '{name}'.{hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; a reader, say `head`, who has had enough ends it without an error."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _stop_writing()
            raise click.exceptions.Exit(0) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with the first line of what their source says, importing none."""
        names = self.list_commands(ctx)
        if names:
            with formatter.section("Commands"):
                formatter.write_dl([(name, _summary(_installed()[name])) for name in names])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Command names with their summaries, importing none."""
        items = [
            CompletionItem(name, help=_summary(_installed()[name]))
            for name in self.list_commands(ctx)
            if name.startswith(incomplete)
        ]
        return items + click.Command.shell_complete(self, ctx, incomplete)


@cache
def _installed() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _summary(entry: EntryPoint) -> str:
    """First line of the command's docstring, read from its source."""
    source = _source(entry.module)
    if source is None:
        return f"not available: there is no module {entry.module}"
    try:
        tree = ast.parse(source.read_text(encoding="utf-8"))
    except (OSError, SyntaxError) as error:
        return f"not available: {type(error).__name__} in {entry.module}"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == entry.attr:
            text = ast.get_docstring(node)
            if text:
                return text.splitlines()[0].rstrip(".")
    text = ast.get_docstring(tree) or ""
    return text.splitlines()[0].rstrip(".") if text else ""


def _source(module: str) -> Path | None:
    """The source file of a module, found without importing it or its packages."""
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not rest:
        return Path(spec.origin) if spec.origin else None
    for folder in spec.submodule_search_locations or ():
        path = Path(folder, *rest)
        for candidate in (path.with_suffix(".py"), path / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None


def _unavailable(name: str, entry: EntryPoint, error: Exception) -> click.Command:
    """A command that says why the real one can't be loaded, and exits with 1."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    message = f"'{name}' can't be loaded from {entry.value}: {type(error).__name__}: {reason}"
    missing = missing_package(error)
    if missing:
        message = f"'{name}': {missing}"

    def say_why(**_: object) -> None:
        if _wants_debug():
            raise error
        click.echo(f"Error: {message}", err=True)
        raise click.exceptions.Exit(1)

    return click.Command(
        name,
        callback=say_why,
        help=message,
        add_help_option=False,
        params=[click.Argument(["arguments"], nargs=-1)],
        context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    )


@click.command(cls=CommandGroup, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="symrg")
def cli() -> None:
    """Derive, verify, generate and solve: from probability models to renormalisation flows."""


_debug = False


def _wants_debug() -> bool:
    return _debug


def explain(error: SymrgError) -> str:
    """An error in one or two lines; for a formula, with the place marked."""
    text = f"Error: {error}"
    source = error.text if isinstance(error, FormulaError) else ""
    if isinstance(error, FormulaError) and source and "\n" not in source and source not in str(error):
        start = max(0, error.position - 50)
        shown = source[start : start + 70]
        text += f"\n  {shown}\n  {' ' * (error.position - start)}^"
    return text


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status.

    Args:
        arguments: instead of those of the process.
    """
    global _debug
    given = list(sys.argv[1:] if arguments is None else arguments)
    end = given.index("--") if "--" in given else len(given)
    _debug = "--debug" in given[:end]
    given = [a for i, a in enumerate(given) if a != "--debug" or i > end]
    if given[:1] == ["help"]:  # as other programs have it
        given = [*given[1:], "--help"]
    sys.exit(_status(given))


def _status(arguments: list[str]) -> int:
    try:
        result = cli.main(args=arguments, prog_name="symrg", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) and not isinstance(result, bool) else 0
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.exceptions.NoArgsIsHelpError as shown:
        click.echo(shown.ctx.get_help() if shown.ctx else cli.get_help(click.Context(cli)))
        return 0
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "symrg"
        click.echo(f"Error: {error.format_message()}\n  '{path} --help' shows what there is, with examples.", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nInterrupted.", err=True)
        return 130
    except BrokenPipeError:
        _stop_writing()
        return 0
    except SymrgError as error:
        if _debug:
            raise
        click.echo(explain(error), err=True)
        return 2
    except OSError as error:
        if _debug:
            raise
        if error.filename is None and error.errno != errno.ENOSPC:
            return _ours(error)
        where = f"{error.filename}: " if error.filename is not None else ""
        click.echo(f"Error: {where}{error.strerror or error}; give a path that can be read or written", err=True)
        return 2
    except Exception as error:
        if _debug:
            raise
        missing = missing_package(error)
        if missing is None:
            return _ours(error)
        click.echo(f"Error: {missing}", err=True)
        return 1


def _stop_writing() -> None:
    """Send what is still to be flushed nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _ours(error: Exception) -> int:
    """Say that an error is a defect of symrg's own, and give the exit status."""
    reason = str(error).splitlines()[0] if str(error) else "no message"
    click.echo(
        f"Error in symrg itself: {type(error).__name__}: {reason}\n"
        "  This should not happen: run the same command with --debug and report what it shows.",
        err=True,
    )
    return 3
