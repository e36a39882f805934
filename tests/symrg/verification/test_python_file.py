"""Equations written in Python: run only where they are named, and with a message for what is wrong."""

import pytest
from click.testing import CliRunner

from symrg.commands.verify import verify as command
from symrg.errors import InvalidFile
from symrg.verification.python_file import run_module

HEAD = "from sympy import *\nfrom symrg import Claim, Derivation\nx = symbols('x', real=True)\n"


def written(tmp_path, text, name="mine.py"):
    file = tmp_path / name
    file.write_text(HEAD + text)
    return file


def test_claims_and_derivations_are_verified(tmp_path):
    file = written(
        tmp_path,
        "TITLE = 'Mine'\nCLAIMS = [Claim(sin(2*x), 2*sin(x)*cos(x), name='twice'), Claim(sin(x), x, name='small')]\n"
        "DERIVATIONS = [Derivation('one', sin(x)**2 + cos(x)**2).step(1)]\n",
    )
    found = run_module(file)
    assert found.title == "Mine"
    assert [c.name for c in found.claims] == ["twice", "small"]
    assert len(found.derivations) == 1
    result = CliRunner().invoke(command, [str(file), "--no-controls", "--json"])
    assert result.exit_code == 1
    assert [part in result.stdout for part in ('"small"', '"fails"', "one, step 1")] == [True] * 3
    assert not list(tmp_path.glob("__pycache__"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("y = 1/0\n", ":4: the file raises ZeroDivisionError"),
        ("def f(:\n", ":4: not Python"),
        ("raise SystemExit(0)\n", ":4: the file raises SystemExit"),
        ("CLAIMS = [sin(x)]\n", "CLAIMS, entry 1, is of type sin; a Claim is needed"),
        ("CLAIMS = 'sin(x)'\n", "CLAIMS is of type str"),
        ("CLAIMS = [Claim(x, x)]\nBUDGET = -1\n", "BUDGET is -1"),
        ("CLAIMS = [Claim(x, x)]\nTITLE = 3\n", "TITLE is 3"),
        ("", "nothing to verify"),
        (
            "def g():\n    yield Claim(x, x)\n    raise KeyError('q')\nCLAIMS = g()\n",
            ":7: CLAIMS, after 1 entries, raises KeyError",
        ),
        ("CLAIMS = [Claim(x, x, name='a'), Claim(2*x, 2*x, name='a')]\n", ":4: CLAIMS has two claims of the name 'a'"),
        ("CLAIMS = [Claim(x, x)]\nBUDGET = 10**400\n", ":5: BUDGET is 1000"),
        ("CLAIMS = {'a': Claim(x, x)}\n", ":4: CLAIMS, entry 1, is of type str"),
        ("raise ValueError('one\\ntwo')\n", ":4: the file raises ValueError: one"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, message):
    file = written(tmp_path, text)
    with pytest.raises(InvalidFile) as caught:
        run_module(file)
    assert message in str(caught.value)
    assert isinstance(CliRunner().invoke(command, [str(file)]).exception, InvalidFile)


def test_only_a_py_file_is_run(tmp_path):
    mark = tmp_path / "mark"
    file = written(tmp_path, f"open({str(mark)!r}, 'w').close()\n", "equations.toml")
    with pytest.raises(InvalidFile, match=r"ends in \.py"):
        run_module(file)
    assert isinstance(CliRunner().invoke(command, [str(file)]).exception, InvalidFile)
    assert not mark.exists()
