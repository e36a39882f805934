"""The frame of the command line, tried in processes of its own and through its parts."""

import os
import signal
import subprocess
import sys
import time
from importlib.metadata import EntryPoint

import click
import pytest
from click.testing import CliRunner

from symrg import cli
from symrg.errors import FormulaError, InvalidModel


def run(*arguments, **settings):
    return subprocess.run(
        [sys.executable, "-c", "from symrg.cli import main; main()", *arguments],
        capture_output=True, text=True, timeout=120, **settings,
    )  # fmt: skip


@pytest.fixture
def commands(monkeypatch):
    """Commands of this test's own, as entry points would bring them."""

    def install(**values):
        entries = {name: EntryPoint(name, value, cli.GROUP) for name, value in values.items()}
        monkeypatch.setattr(cli, "_installed", lambda: entries)

    return install


def test_help_lists_every_command_and_imports_none():
    code = (
        "import sys; from symrg.cli import main\n"
        "try: main(['--help'])\n"
        "finally:\n"
        "    print(sorted(m for m in sys.modules if m.split('.')[0] in ('sympy', 'numba', 'rich', 'numerics')))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert result.stdout.rstrip().endswith("[]")
    for name in ("codegen", "derive", "latex", "prune", "reproduce", "solve", "verify"):
        assert f"\n  {name} " in result.stdout


def test_nothing_on_the_line_shows_the_help():
    result = run()
    assert result.returncode == 0
    assert result.stdout.startswith("Usage: symrg")
    assert result.stderr == ""


def test_help_as_a_word():
    assert run("help").stdout == run("--help").stdout
    assert run("help", "derive").stdout.startswith("Usage: symrg derive")


def test_a_reader_who_has_had_enough_is_no_error():
    code = "from symrg.cli import main; main()"
    line = f"{sys.executable} -c '{code}' derive normal --what metric | head -1; echo ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60)
    assert result.stdout.splitlines()[-1] == "0"
    assert result.stderr == ""


def test_bash_completes_commands_options_and_families():
    source = run(env={**os.environ, "_SYMRG_COMPLETE": "bash_source"}).stdout
    assert "complete -o nosort -F _symrg_completion symrg" in source

    def offered(*words):
        typed = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
        return run(env={**os.environ, "_SYMRG_COMPLETE": "bash_complete", **typed}).stdout.split()

    assert "plain,solve" in offered("symrg", "so")
    assert "plain,--problem" in offered("symrg", "derive", "--p")
    assert "plain,gamma" in offered("symrg", "derive", "ga")
    assert "plain,normal_data" in offered("symrg", "latex", "norm")


def test_version():
    from symrg import __version__

    assert run("--version").stdout.strip() == f"symrg, version {__version__}"


def test_an_unknown_command_offers_the_nearest(commands):
    commands(solve="x.y:z")
    result = CliRunner().invoke(cli.cli, ["sovle"])
    assert result.exit_code == 2
    assert "Did you mean 'solve'?" in result.output


def test_a_command_that_cannot_be_loaded_stays_listed_says_why_and_exits_1(commands):
    commands(broken="no_such_package.commands:broken", fine="symrg.commands.derive:derive")
    runner = CliRunner()
    assert "broken" in runner.invoke(cli.cli, ["--help"]).output
    for tail in ([], ["--help"], ["--option", "x"]):
        result = runner.invoke(cli.cli, ["broken", *tail])
        assert result.exit_code == 1
        assert "no_such_package" in result.output
        assert "Traceback" not in result.output


def test_summaries_are_read_from_the_source():
    entry = EntryPoint("derive", "symrg.commands.derive:derive", cli.GROUP)
    assert cli._summary(entry) == "Derive the Fisher metric, curvature and divergence of a model"


def failing(error):
    @click.command()
    def command():
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (InvalidModel("given a, expected b; write c"), 2, "Error: given a, expected b; write c"),
        (KeyError("x"), 3, "Error in symrg itself: KeyError"),
        (KeyboardInterrupt(), 130, "Interrupted."),
        (click.BadParameter("bad"), 2, "bad"),
        (click.exceptions.Exit(1), 1, ""),
        (FileNotFoundError(2, "No such file or directory", "/no/x.svg"), 2, "/no/x.svg: No such file"),
        (OSError(28, "No space left on device"), 2, "No space left"),
        (ConnectionError("x"), 3, "Error in symrg itself"),
        (ModuleNotFoundError("No module named 'numba'", name="numba"), 1, "pip install 'symrg[numerics]'"),
        (ModuleNotFoundError("No module named 'torch'", name="torch.nn"), 1, "pip install 'symrg[torch]'"),
        (ModuleNotFoundError("No module named 'symrg.x'", name="symrg.x"), 3, "Error in symrg itself"),
    ],
)
def test_how_errors_end(error, status, said, monkeypatch, capsys):
    monkeypatch.setattr(cli.CommandGroup, "get_command", lambda *_: failing(error))
    monkeypatch.setattr(cli, "_installed", lambda: {"x": None})
    with pytest.raises(SystemExit) as ended:
        cli.main(["x"])
    assert ended.value.code == status
    captured = capsys.readouterr()
    assert said in captured.err
    assert "Traceback" not in captured.err
    assert len(captured.err.strip().splitlines()) <= 3


def test_debug_shows_the_traceback_wherever_it_stands(monkeypatch):
    monkeypatch.setattr(cli.CommandGroup, "get_command", lambda *_: failing(InvalidModel("why")))
    monkeypatch.setattr(cli, "_installed", lambda: {"x": None})
    for arguments in (["--debug", "x"], ["x", "--debug"]):
        with pytest.raises(InvalidModel):
            cli.main(arguments)


def test_a_formula_error_marks_the_place():
    assert cli.explain(FormulaError("unexpected ')'", 4, "a + )")).splitlines() == [
        "Error: unexpected ')'",
        "  a + )",
        "      ^",
    ]


def test_completion_offers_commands():
    result = run(env={**os.environ, "_SYMRG_COMPLETE": "bash_complete", "COMP_WORDS": "symrg de", "COMP_CWORD": "1"})
    # click names the variable after the program; ours is called `symrg` whatever the process is called
    assert "plain,derive" in result.stdout


def test_an_interrupt_ends_cleanly(tmp_path):
    # whoever starts the tests in the background has them ignore interrupts: the command is to hear this one
    script = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + (
        "from symrg import cli; import click, time\n"
        "wait = lambda: (print('on', flush=True), time.sleep(60))\n"
        "cli.CommandGroup.get_command = lambda *_: click.Command('x', callback=wait)\n"
        "cli._installed = lambda: {'x': None}\n"
        "cli.main(['x'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "on\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.strip() == "Interrupted."
