"""LaTeX formulas are read through the same vocabulary; what is outside the subset is refused with its place."""

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from symrg.errors import FormulaError
from symrg.typesetting import latex
from symrg.verification.latex_input import parse_latex

NAMES = {n: sp.Symbol(n, real=True) for n in ("x", "y", "t", "mu", "sigma", "mu_1", "theta", "k_B")}
NAMES["f"] = sp.Function("f")
x, y, t, mu, sigma = (NAMES[n] for n in ("x", "y", "t", "mu", "sigma"))
k = sp.Symbol("k", integer=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\frac{1}{2} x^2", x**2 / 2),
        (r"\frac12 x", x / 2),
        (r"\frac{(x-\mu)^2}{2\sigma^2}", (x - mu) ** 2 / (2 * sigma**2)),
        (r"e^{-\frac{x^2}{2}}", sp.exp(-(x**2) / 2)),
        (r"\int_{-\infty}^{\infty} e^{-x^2} \, dx", sp.Integral(sp.exp(-(x**2)), (x, -sp.oo, sp.oo))),
        (r"\sum_{k=0}^{\infty} \frac{x^k}{k!}", sp.Sum(x**k / sp.factorial(k), (k, 0, sp.oo))),
        (r"\sin^2 x + \cos^2 x", sp.sin(x) ** 2 + sp.cos(x) ** 2),
        (r"\sin 2x", sp.sin(2 * x)),
        (r"\ln\left(\frac{x}{y}\right)", sp.log(x / y)),
        (r"\sqrt[3]{x}", x ** sp.Rational(1, 3)),
        (r"|x - y|", sp.Abs(x - y)),
        (r"2 x y", 2 * x * y),
        (r"x \cdot y", x * y),
        (r"x \le 1", x <= 1),
        (r"\Gamma(x+1)", sp.gamma(x + 1)),
        (r"\operatorname{erf}(x)", sp.erf(x)),
        (r"\mu_1 \theta k_B", NAMES["mu_1"] * NAMES["theta"] * NAMES["k_B"]),
        (r"-x^{-1}", -1 / x),
        (r"\frac{\partial}{\partial t} x t^2", sp.Derivative(x * t**2, t)),
        (r"\frac{d^2 f(x)}{dx^2}", sp.Derivative(NAMES["f"](x), (x, 2))),
        (r"\log_2 x", sp.log(x) / sp.log(2)),
        (r"$x + 1$", x + 1),
        (r"\pi", sp.pi),
        (r"\binom{x}{2}", sp.binomial(x, 2)),
        (r"x^23", 3 * x**2),  # as TeX sets it
    ],
)
def test_reads(text, expected):
    assert parse_latex(text, NAMES) == expected


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        (r"\input{/etc/passwd}", "isn't in the subset"),
        (r"\write18{ls}", "isn't in the subset"),
        (r"\def\x{1}", "isn't in the subset"),
        (r"\frac{1}{", "ends too early"),
        (r"\frac{1}{0}", "division by zero"),
        (r"x_9", "unknown symbol"),
        (r"\int_0^1 x^2", "dx is missing"),
        (r"\int x dx", "both limits"),
        (r"\sin^{-1} x", "ambiguous"),
        (r"9^{9^{9^{9}}}", "too large"),
        ("{" * 400, "nested"),
        (r"\left( x", "expected"),
        ("", "empty"),
        (r"x^-1", "braces"),
    ],
)
def test_refuses(text, refusal):
    with pytest.raises(FormulaError) as caught:
        parse_latex(text, NAMES)
    assert refusal in str(caught.value)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*r"xyt0129+-^_{}()[]|=<>!d", r"\frac", r"\sqrt", r"\int", r"\sum", r"\sin ", r"\left", r"\mu ", r"\infty "]
        ),
        max_size=14,
    )
)
def test_any_text_gives_a_value_or_a_formula_error(parts):
    try:
        parse_latex("".join(parts), NAMES)
    except FormulaError:
        return


@pytest.mark.parametrize("text", ["x_", r"\mu_", "x + y_"])
def test_a_subscript_that_is_missing_is_named(text):
    with pytest.raises(FormulaError, match="subscript"):
        parse_latex(text, NAMES)


def test_powers_of_e_are_exponentials_as_printed():
    found = parse_latex(r"e^{-x^2}", NAMES, evaluate=False)
    assert isinstance(found, sp.exp)
    assert latex(found) == "e^{- x^{2}}"
    assert latex(sp.Pow(sp.E, -(NAMES["x"] ** 2), evaluate=False)) == "e^{- x^{2}}"
