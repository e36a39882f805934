"""`symrg latex`, with chapters of this test's own."""

import json
import re
from types import SimpleNamespace

import pytest
import sympy as sp
from click.testing import CliRunner

from symrg import Claim, Derivation, chapters
from symrg.chapters import NoSuchChapter, chapter
from symrg.commands.latex import latex
from symrg.errors import ImproperDensity

x = sp.Symbol("x", real=True)


class Entry:
    def __init__(self, name, value):
        self.name, self.value, self._value = name, f"nowhere.{name}", value

    def load(self):
        if isinstance(self._value, Exception):
            raise self._value
        return self._value


LATE = SimpleNamespace(
    title="The late chapter",
    equations={"18": Claim(x, x, printed=r"y = \mu + n")},
    derivations=lambda: [Derivation("Square", (x + 1) ** 2).step(x**2 + 2 * x + 1, because="expand")],
)


class Unread:
    """A chapter that lists its numbers and can't be built: nobody has to."""

    title = "The early chapter"
    numbers = ("4", "5")

    @property
    def equations(self):
        raise AssertionError("nobody asked for (4) or (5)")


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    entries = [Entry("late", LATE), Entry("broken", ImportError("no module x"))]
    monkeypatch.setattr(chapters, "entry_points", lambda group: entries)
    return entries


def run(*arguments):
    return CliRunner().invoke(latex, arguments, catch_exceptions=False)


def test_an_equation_by_its_number(installed):
    installed[:] = [Entry("early", Unread()), Entry("late", LATE)]
    for number in ("18", "(18)"):
        assert run(number).stdout == "\\begin{equation*}\ny = \\mu + n\\tag{18}\n\\end{equation*}\n"


def test_a_number_within_a_range(installed):
    printed = {n: SimpleNamespace(number=n, latex=lambda n=n: f"E({n})") for n in ("(8)-(10)", "(8)-(10), corrected")}
    installed[:] = [Entry("flow", SimpleNamespace(title="", numbers=tuple(printed), equations=printed))]
    text = run("9").stdout
    assert r"\tag*{(8)-(10)}" in text
    assert r"\tag*{(8)-(10), corrected}" in text
    assert run("11").exit_code == 2


def test_an_equation_that_does_not_exist_names_those_that_do(installed):
    installed[:] = [Entry("early", Unread()), Entry("late", LATE)]
    result = run("99")
    assert result.exit_code == 2
    assert "4, 5, 18" in result.output


def test_a_chapter_as_a_fragment_and_as_a_document():
    fragment = run("late").stdout
    assert fragment.startswith(r"\section{The late chapter}")
    assert "Expand" in fragment
    document = run("late", "--document").stdout
    assert document.startswith(r"\documentclass")
    assert fragment.strip() in document


def test_all_goes_by_the_numbers_of_the_equations(installed, tmp_path):
    early = SimpleNamespace(title="Early", equations={"4": Claim(x, x)}, derivations=lambda: [])
    installed[:] = [Entry("late", LATE), Entry("early", early)]
    path = tmp_path / "deep" / "all.tex"
    assert run("all", "-o", str(path)).exit_code == 0
    assert re.findall(r"\\section\{(.*?)\}", path.read_text()) == ["Early", "The late chapter"]


def test_a_chapter_that_cannot_be_loaded_says_why():
    with pytest.raises(NoSuchChapter, match="no module x"):
        chapter("broken")


def test_a_chapter_that_cannot_be_loaded_hides_no_other(installed):
    missing = ModuleNotFoundError("No module named 'numpy'", name="numpy")
    installed[:] = [Entry("broken", missing), Entry("late", LATE)]
    assert r"\tag{18}" in run("18").stdout
    with pytest.raises(NoSuchChapter, match=r"needs numpy.*pip install 'symrg\[numerics\]'"):
        run("19")
    listed = run("--list", "--json")
    assert json.loads(listed.stdout)["chapters"] == {"late": ["18"]}
    assert "Not available: the chapter 'broken'" in listed.stderr


def test_what_is_near_is_offered():
    assert "did you mean normal" in run("normall").stderr
    assert "did you mean late" in run("latte").stderr
    assert run("gamma", "--json").exit_code == 2


def test_nothing_to_typeset():
    assert run().exit_code == 2


MODEL = """
title = "Waiting & more"
log_density = "ln(k_1) - k_1*y"
sample = "y:positive"
parameters = "k_1:positive"
"""


def test_a_model_of_ones_own(tmp_path):
    path = tmp_path / "model.toml"
    path.write_text(MODEL)
    fragment = run("--problem", str(path), "--what", "metric").stdout
    assert fragment.startswith(r"\section{Waiting \& more}")
    assert r"\mathcal{I}_{ij}(k_{1}) = \begin{pmatrix} \frac{1}{k_{1}^{2}} \end{pmatrix}" in fragment
    assert run("--problem", str(path), "--what", "metric", "--document").stdout.startswith(r"\documentclass")
    assert run("gamma", "--problem", str(path)).exit_code == 2
    path.write_text(MODEL.replace("ln(k_1)", "ln(2*k_1)"))
    with pytest.raises(ImproperDensity):
        run("--problem", str(path), "--what", "metric")
