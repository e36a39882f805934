"""The parser: what it reads, exactly; what it refuses, in bounded time; and that no text reaches Python."""

import tomllib
from pathlib import Path

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from symrg.errors import FormulaError, UnsupportedExpression
from symrg.parsing import MAX_DEPTH, parse

x, y = sp.symbols("x y", real=True)
z = sp.Symbol("z")
n = sp.Symbol("n", integer=True)
f = sp.Function("f")
NAMES = {"x": x, "y": y, "z": z, "n": n, "f": f}
ATTACKS = tomllib.loads((Path(__file__).parent.parent / "refused" / "attacks.toml").read_text())["attack"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2*3", 7),
        ("-x^2", -(x**2)),
        ("2^3^2", 512),
        ("2**-x", 2**-x),
        ("-x!", -sp.factorial(x)),
        ("x^-y^2", x ** (-(y**2))),
        ("6/2*3", 9),
        ("1 - 2 - 3", -4),
        ("--x", x),
        ("0.1", sp.Rational(1, 10)),
        ("1.25e-2", sp.Rational(1, 80)),
        ("1e3", 1000),
        (".5", sp.Rational(1, 2)),
        ("ln(x)", sp.log(x)),
        ("log(8, 2)", sp.log(8) / sp.log(2)),
        ("E^x", sp.exp(x)),
        ("pi*I", sp.pi * sp.I),
        ("besselj(0, z)", sp.besselj(0, z)),
        ("digamma(z)", sp.polygamma(0, z)),
        ("f(x) + diff(f(x), x)", f(x) + f(x).diff(x)),
        ("diff(sin(x^2), x, 2)", sp.sin(x**2).diff(x, 2)),
        ("Derivative(x^2, x)", sp.Derivative(x**2, x)),
        ("Integral(exp(-t^2), (t, -oo, oo))", None),
        ("Piecewise((x, x > 0), (0, True))", sp.Piecewise((x, x > 0), (0, True))),
        ("Max(x, y)", sp.Max(x, y)),
        ("|", None),
        ("[[1, x], [y, 2]]", sp.ImmutableMatrix([[1, x], [y, 2]])),
        ("det([[1, 2], [3, x]])", x - 6),
        ("x < 1", x < 1),
        ("0 < x < 1", sp.And(x > 0, x < 1)),
        ("x > 0 and y >= 1", sp.And(x > 0, y >= 1)),
        ("x != 2", sp.Ne(x, 2)),
        ("x ≤ 1", x <= 1),
        ("2·x − y", 2 * x - y),
        ("oo", sp.oo),
        ("-oo", -sp.oo),
    ],
)
def test_reads(text, expected):
    if text == "|":
        with pytest.raises(FormulaError):
            parse(text, NAMES)
    elif expected is None:
        t = sp.Symbol("t", real=True)
        assert parse(text, NAMES) == sp.Integral(sp.exp(-(t**2)), (t, -sp.oo, sp.oo))
    else:
        assert parse(text, NAMES) == expected


def test_declared_names_win_over_functions_constants_and_keywords():
    names = {k: sp.Symbol(k) for k in ("lambda", "gamma", "pi", "E", "I", "in", "and", "exp", "oo")}
    for name, symbol in names.items():
        assert parse(f"{name} + 1", names) == symbol + 1
    assert parse("lambda^2*gamma", names) == names["lambda"] ** 2 * names["gamma"]


def test_greek_letters_stand_for_their_names():
    mu = sp.Symbol("mu")
    assert parse("μ + 1", {"mu": mu}) == mu + 1
    assert parse("µ", {"mu": mu}) == mu  # the micro sign
    assert parse("π", {}) == sp.pi


def test_bound_variables_need_no_declaration_and_do_not_leak():
    k = sp.Symbol("k", integer=True)
    assert parse("Sum(x^k, (k, 0, 3))", NAMES) == sp.Sum(x**k, (k, 0, 3))
    with pytest.raises(FormulaError, match="unknown symbol 'k'"):
        parse("Sum(x^k, (k, 0, 3)) + k", NAMES)


def test_a_positive_name_integrated_over_negative_values_is_read_as_real():
    p = sp.Symbol("p", positive=True)
    value = parse("Integral(Abs(p), (p, -1, 2))", {"p": p})
    assert value.doit() == sp.Rational(5, 2)  # Abs(p) = p would give 3/2


def test_unevaluated_keeps_the_printed_form():
    value = parse("(x^2 - 1)/(x - 1) + 0*x", NAMES, evaluate=False)
    assert value != x + 1
    assert "x - 1" in str(value)
    assert str(parse("x + x", NAMES, evaluate=False)) == "x + x"


def test_unevaluated_undefined_values_are_refused_too():
    with pytest.raises(FormulaError, match="undefined"):
        parse("1/(x - x)", NAMES, evaluate=False)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda a: repr(a["text"])[:40])
@pytest.mark.parametrize("evaluate", [True, False])
def test_attacks_are_refused(attack, evaluate):
    with pytest.raises(FormulaError) as caught:
        parse(attack["text"], {"x": x, "y": y, "f": f}, evaluate=evaluate)
    assert attack["refusal"] in str(caught.value)
    assert 0 <= caught.value.position <= len(attack["text"])


def test_message_points_at_the_character():
    with pytest.raises(FormulaError) as caught:
        parse("x + sinn(y)", NAMES)
    assert caught.value.position == 4
    line, caret = str(caught.value).splitlines()[1:]
    assert line.index("sinn") == caret.index("^")


@pytest.mark.parametrize(
    "text", ["(" * 5000, "x" * 100_000, "-(" * 400 + "x" + ")" * 400, "sin(" * 90 + "x" + ")" * 90, "2^" * 500 + "2"]
)
def test_deep_and_long_texts_are_refused(text):
    with pytest.raises(FormulaError, match=r"nested|characters"):
        parse(text, NAMES)


def test_flat_long_texts_are_read():
    assert parse("+".join(["x"] * 4000), NAMES) == 4000 * x
    assert MAX_DEPTH >= 50
    assert parse("(" * 40 + "x" + ")" * 40, NAMES) == x


def test_names_of_symbols_are_never_run(tmp_path):
    evil = "__import__('os').mkdir('made')"
    symbol = sp.Symbol(evil)
    assert parse("a + 1", {"a": symbol}) == symbol + 1
    with pytest.raises(FormulaError):
        parse(evil, {evil: symbol})
    assert not (tmp_path / "made").exists()


def test_symbols_must_be_sympy_objects():
    with pytest.raises(UnsupportedExpression, match="maps names"):
        parse("x", {"x": "os"})
    with pytest.raises(FormulaError, match="is text"):
        parse(3, NAMES)


expressions = st.recursive(
    st.sampled_from(["x", "y", "1", "2", "0.5", "pi"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map("".join).map(lambda s: f"({s})"),
        inner.map(lambda s: f"sin({s})"),
        inner.map(lambda s: f"({s})^2"),
        inner.map(lambda s: f"-{s}"),
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(expressions, st.fractions(-2, 2), st.fractions(-2, 2))
def test_value_agrees_with_python_arithmetic(text, a, b):
    """Python's own grammar is the reference; it runs on texts of our own making only."""
    import math

    value = complex(parse(text, NAMES).subs({x: sp.Rational(a), y: sp.Rational(b)}).evalf(30))
    plain = text.replace("^", "**").replace("sin", "S")
    reference = eval(plain, {"x": float(a), "y": float(b), "pi": math.pi, "S": math.sin})  # noqa: S307
    assert abs(value - reference) < 1e-8 * max(1, abs(reference))


@settings(max_examples=250, deadline=None)
@given(st.text(alphabet="xyf0123456789.+-*/^()[],<>=!&|~ eEIpisqrtgamo_'\"\\", max_size=40))
def test_any_text_gives_a_value_or_a_formula_error(text):
    try:
        parse(text, NAMES)
    except FormulaError:
        return
