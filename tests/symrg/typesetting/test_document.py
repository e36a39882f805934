"""Lines, documents, and what pdflatex and the MathML converter say about them."""

import re
import shutil
import subprocess

import pytest
import sympy as sp

from symrg import Derivation
from symrg.typesetting import Chain, Equation, Section, Table, break_lines, chain, display, document, fragment, latex
from symrg.typesetting.document import escape
from symrg.typesetting.width import width

x, y, z = sp.symbols("x y z")
POLYNOMIAL = sp.expand((x + y + z + 1) ** 5)
LONG = [
    latex(POLYNOMIAL),
    "f(x) = " + latex(POLYNOMIAL / (x + y)),
    "f(x) = " + latex(sp.exp(-x) * POLYNOMIAL**2 * sp.log(POLYNOMIAL)),
    r"D_{KL} = \int_{0}^{1} " + latex(sp.sqrt(x) * (POLYNOMIAL + sp.exp(x))),
]
LONG_CELL = r"it is $a_{1} + \frac{b_{2}}{c} + d_{3} + e_{4} + f_{5} + g_{6} + h_{7} + i_{8} + j_{9} + k_{10}$ as said"
needs_latex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")


def operators(text):
    r"""The multiset of what is printed, whatever its layout: sizes of delimiters, line breaks and \times aside."""
    text = re.sub(
        r"\\(left|right|Bigl|Bigr|biggl|biggr|quad|times|begin\{aligned\}|end\{aligned\})|\\\\|&|\s", "", text
    )
    return sorted(re.findall(r"\\[A-Za-z]+|.", text))


@pytest.mark.parametrize("text", LONG)
def test_lines_fit_and_nothing_is_lost(text):
    lines = break_lines(text, 38.0)
    assert len(lines) > 1
    assert all(width(line) <= 38.0 + 3 for line in lines)
    assert all(line.count("{") == line.count("}") for line in lines)
    if r"\frac" not in text:
        assert operators(" ".join(lines)) == operators(text)


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("factor", [1, x**2])
def test_a_long_denominator_is_written_as_a_power(power, factor):
    text = latex((x + z) / (factor * POLYNOMIAL**power))
    assert width(text) > 38
    lines = break_lines(text, 38.0)
    assert all(width(line) <= 41 for line in lines)
    assert lines[-1].endswith(rf"\Bigr)^{{-{power}}}")
    assert (r"{x^{2}}" in lines[0]) == (factor != 1)


@pytest.mark.parametrize(
    ("expression", "opening", "closing"),
    [
        (sp.exp(-POLYNOMIAL / 2), r"\exp\biggl(", r"\biggr)"),
        (sp.exp(-POLYNOMIAL / (2 * x**2)) / sp.sqrt(2 * sp.pi), r"\exp\biggl(", r"\Bigr)"),
        (sp.sqrt(POLYNOMIAL), r"\Bigl(", r"\Bigr)^{1/2}"),
        (sp.cbrt(POLYNOMIAL) * z, r"\Bigl(", r"\Bigr)^{1/3}"),
    ],
)
def test_what_braces_hold_is_broken_too(expression, opening, closing):
    lines = break_lines(latex(expression), 38.0)
    assert len(lines) > 1
    assert all(width(line) <= 41 for line in lines)
    text = " ".join(lines)
    assert r"\exp" not in opening or r"\exp" in text
    assert closing in text
    assert text.count("{") == text.count("}")


def test_wide_entries_of_a_matrix_are_written_out_below_it():
    matrix = sp.Matrix([[1, POLYNOMIAL], [sp.expand((x + y) ** 4), 0]])
    text = display("M = " + latex(matrix))
    assert r"M &= \begin{pmatrix} 1 & m_{12} \\ x^{4}" in text
    assert r"m_{12} &= x^{5}" in text
    assert "m_{21}" not in text  # it fits
    assert display(latex(matrix)).startswith("\\begin{aligned}\n& \\begin{pmatrix}")
    assert "a_{12} &=" in display("m = " + latex(matrix))  # m has a meaning already
    vector = display("v = " + latex(sp.Matrix([POLYNOMIAL, 1])))
    assert r"m_{1} &= x^{5}" in vector
    cases = display("f = " + latex(sp.Piecewise((POLYNOMIAL, x < 1), (2, True))))
    assert r"f &= \begin{cases} m_{1} & \text{if } x < 1 \\ 2 & \text{otherwise} \end{cases}" in cases
    assert r"m_{1} &= x^{5}" in cases
    beside = display("f = " + latex(POLYNOMIAL + sp.Piecewise((x, x < 1), (2, True))))
    assert r"\begin{cases} x &" in beside  # what is short keeps its form in a long sum
    assert display("M = " + latex(sp.eye(2))) == r"M = \begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix}"


def test_a_short_formula_stays_in_one_line():
    assert display("a = b") == "a = b"
    assert break_lines("a + b") == ["a + b"]


def test_formulas_side_by_side_are_aligned_each_at_its_own_relation():
    both = r"a = \int_{0}^{1} x \, dx; \quad b_{i} = c_{i} + d_{i}, \quad x > 0"
    assert display(both) == both
    rows = display(both, 12.0).split(" \\\\\n")
    assert [row.count("&") for row in rows] == [1, 1, 1]
    assert [row.strip().rstrip(",;").split(" &")[0].split()[-1] for row in rows[1:]] == ["b_{i}", "x"]


def test_a_break_never_falls_inside_braces():
    index = r"A_{" + latex(POLYNOMIAL) + "}"
    assert break_lines(index) == [index]


def test_reasons_stand_beside_short_rows_and_below_long_ones():
    short = Derivation("Square", (x + 1) ** 2).step(x**2 + 2 * x + 1, because="expand").latex()
    assert r"&= x^{2} + 2 x + 1 && \text{(expand)}" in short
    long = Derivation("Power", (x + y + z + 1) ** 5).step(POLYNOMIAL, because="expand, for $x y$ and more").latex()
    assert long.endswith("\\\\\n& \\qquad \\text{(expand, for $x y$ and more)}\n\\end{aligned}")
    rows = long.split("\\\\\n")
    assert max(width(row.replace("\\begin{aligned}", "")) for row in rows) <= 41


def test_a_chain_is_aligned_at_its_relations():
    assert chain("y", [("=", "a"), (r"\leq", "b")]) == "\\begin{aligned}\ny &= a \\\\\n&\\leq b\n\\end{aligned}"


@pytest.mark.parametrize("given", ["50% of x_0 & more", "a{b}", "C:\\x", "~", "#1 ^2"])
def test_text_is_escaped(given):
    assert not re.search(r"(?<!\\)[%&#_]", escape(given))
    assert "$" not in escape(given)


def test_text_beyond_latin_letters():
    assert escape("β ≤ 1, naïve: жук") == r"$\beta$ $\leq$ 1, naïve: [U+0436][U+0443][U+043A]"


def test_mathematics_in_text_stays():
    assert escape(r"where $x_0 < 1$ & $y$") == r"where $x_0 < 1$ \& $y$"


def compile_latex(folder, text):
    (folder / "paper.tex").write_text(text, encoding="utf-8")
    for _ in range(2):  # the second run reads the bookmarks and references of the first
        run = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper.tex"],
            cwd=folder, capture_output=True, text=True, errors="replace", timeout=120,
        )  # fmt: skip
    log = (folder / "paper.log").read_text(errors="replace")
    complaints = [line for line in log.splitlines() if re.match(r"!|Overfull|Underfull|.*Warning", line)]
    return run.returncode, complaints


SAMPLES = [
    Section(
        r"Long lines of $\mathcal{I}_{ij}$ & more",
        (
            "Text with 50% & $x_0$, where a < b; “naïve” — β → ∞, 3 × 2 ± 1 ≤ σ², жук …",
            *[Equation(text) for text in LONG],
            Equation("M = " + latex(sp.Matrix([[POLYNOMIAL, 1], [0, POLYNOMIAL / x]]))),
            Equation(latex(sp.exp(-POLYNOMIAL / 2) * sp.sqrt(POLYNOMIAL)), tag="9"),
            Equation("S = " + latex(sp.expand((x + y + z + 1) ** 14)), tag="8"),  # longer than a page
            Equation(
                r"\begin{cases} a & \text{if } b \\ c & \text{otherwise} \end{cases}", tag="14b", label="eq:cases"
            ),
            Equation(
                Derivation("A chain", POLYNOMIAL)
                .step(
                    (x + y + z + 1) ** 5, because="the binomial theorem for $x + y + z + 1$, " + "read backwards " * 8
                )
                .latex()
            ),
            Chain("y", (("=", "x + y", "by definition"), ("=", LONG[0], "expanded"), ("<", "3", "")), tag="7"),
            Table(
                ("rule", "removed", "per cent", "test error", "relative", "classified"), (("Fisher " * 9, *"12345"),)
            ),
            Table(("question", "answer"), tuple((f"what of {n}", LONG_CELL) for n in range(40)), "Longer than a page."),
            Table(("a", "$b$"), (("1", "$x^2$"), ("x_y", "a long text " * 8)), "What $x$ is."),
            Section("Below", (Section("And below", ("Deep.",)),)),
        ),
    )
]


@needs_latex
def test_a_document_compiles_without_warnings(tmp_path):
    status, complaints = compile_latex(tmp_path, document("Paper & $x$", SAMPLES, author="A. Author", abstract="All."))
    assert status == 0
    assert complaints == []
    assert (tmp_path / "paper.pdf").stat().st_size > 10_000


@needs_latex
def test_an_unbroken_long_line_is_noticed(tmp_path):
    bad = document("Paper", [Section("One", ())]).replace(
        r"\end{document}", f"\\begin{{equation}}{LONG[0]}\\end{{equation}}\\end{{document}}"
    )
    assert any(line.startswith("Overfull") for line in compile_latex(tmp_path, bad)[1])


@needs_latex
def test_a_fragment_compiles_inside_a_document_of_ones_own(tmp_path):
    (tmp_path / "part.tex").write_text(fragment(SAMPLES), encoding="utf-8")
    own = (
        r"\documentclass[11pt]{article}\usepackage{amsmath,amssymb,mathtools,booktabs,longtable,graphicx,hyperref}"
        r"\setlength{\textwidth}{6.5in}\begin{document}\input{part}\end{document}"
    )
    assert compile_latex(tmp_path, own)[0] == 0


def test_everything_survives_the_conversion_to_mathml():
    math_core = pytest.importorskip("math_core")
    converter = math_core.LatexToMathML()
    for text in [*LONG, latex(sp.Matrix([[x, 1 / y], [z, 0]])), latex(sp.Piecewise((x, x > 0), (y, True)))]:
        mathml = converter.convert_with_local_state(display(text), displaystyle=True)
        assert "<math" in mathml
        assert "merror" not in mathml
    with pytest.raises(math_core.LatexError):
        converter.convert_with_local_state(r"\nosuchcommand{x}", displaystyle=True)


def test_long_words_may_be_broken_and_short_ones_not():
    from symrg.typesetting.document import escape

    assert escape("a_1*b") == r"a\_1*b"
    long = escape("Lambda*exp(-G*phi**2/(2*K(Lambda)))")
    assert long.replace(r"\allowbreak{}", "") == "Lambda*exp(-G*phi**2/(2*K(Lambda)))"
    assert r"*\allowbreak{}exp(" in long
    assert escape("$a+b+c+d+e+f+g+h+i+j+k+l+m$") == "$a+b+c+d+e+f+g+h+i+j+k+l+m$"
