"""The printed form of what the library derives; each expectation is what a paper would print."""

import math
import re

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from symrg.typesetting import latex
from symrg.typesetting.names import symbol_name

y, x, mu, t = sp.symbols("y x mu t", real=True)
sigma, k, theta = sp.symbols("sigma k theta", positive=True)
p = sp.Symbol("p", positive=True)
P = sp.Function("p")


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        (
            sp.exp(-((y - mu) ** 2) / (2 * sigma**2)) / sp.sqrt(2 * sp.pi * sigma**2),
            r"\frac{1}{\sqrt{2 \pi} \sigma} e^{- \frac{(y - \mu)^{2}}{2 \sigma^{2}}}",
        ),
        ((mu - y) ** 2 / sigma**2, r"\frac{(y - \mu)^{2}}{\sigma^{2}}"),
        (-(mu - y) / sigma**2, r"\frac{y - \mu}{\sigma^{2}}"),
        (3 * x - x**2, r"3 x - x^{2}"),
        (p * (1 - p), r"p (1 - p)"),
        (-1 / (1 - p), r"- \frac{1}{1 - p}"),
        (-1 / (p * (p - 1)), r"\frac{1}{p (1 - p)}"),
        (sp.log(sigma), r"\ln \sigma"),
        (sp.log(sigma) * (x + 1), r"(x + 1) \ln \sigma"),
        (sp.log(x + y) ** 2, r"\ln^{2}(x + y)"),
        (3 * sp.log(2 * sp.pi) / 2, r"\frac{3}{2} \ln(2 \pi)"),
        (sp.polygamma(0, k), r"\psi(k)"),
        (sp.polygamma(1, k), r"\psi_{1}(k)"),
        (sp.polygamma(3, k), r"\psi^{(3)}(k)"),
        (sp.loggamma(k), r"\ln \Gamma(k)"),
        (sp.EulerGamma**2 + sp.Symbol("gamma"), r"\gamma + \gamma_{\mathrm{E}}^{2}"),
        (sp.airyai(k), r"\operatorname{Ai}(k)"),
        (sp.IndexedBase(r"{W^{(1)}}")[k, x], r"W^{(1)}_{k x}"),
        (sp.IndexedBase(r"W^{(1)}")[k, x] ** 2, r"(W^{(1)}_{k x})^{2}"),
        (sp.IndexedBase("W")[k, x] ** 2, r"W_{k x}^{2}"),
        (sp.Derivative(x * y, x) - sp.Derivative(0, x, evaluate=False), r"\frac{\partial}{\partial x} (x y)"),
        (sp.Derivative(0, x, evaluate=False), r"\frac{d}{d x} 0"),
        (sp.besseli(1, k) / sp.besseli(0, k), r"\frac{I_{1}(k)}{I_{0}(k)}"),
        (sp.Heaviside(x), r"\Theta(x)"),
        (sp.DiracDelta(x), r"\delta(x)"),
        (sp.Float(1.0) * x, "x"),
        (sp.Float("2.5e-7"), r"2.5 \cdot 10^{-7}"),
        (sp.Derivative(P(x, t), t), r"\frac{\partial p(x, t)}{\partial t}"),
        (sp.Derivative(P(x), (x, 2)), r"\frac{d^{2} p(x)}{d x^{2}}"),
        (sp.Derivative(x * P(x, t), x), r"\frac{\partial}{\partial x} (x p(x, t))"),
        (sp.Integral(sp.exp(-x), (x, 0, sp.oo)), r"\int_{0}^{\infty} e^{- x} \, dx"),
        (sp.Matrix([[1, 0], [0, x]]), r"\begin{pmatrix} 1 & 0 \\ 0 & x \end{pmatrix}"),
        (
            sp.Piecewise((x, x > 0), (0, True)),
            r"\begin{cases} x & \text{if } x > 0 \\ 0 & \text{otherwise} \end{cases}",
        ),
        (sp.IndexedBase("y")[sp.Symbol("i")] ** 2, "y_{i}^{2}"),
        (sp.sqrt(2) / 2, r"\frac{1}{\sqrt{2}}"),
    ],
)
def test_prints_as_a_paper_would(expression, printed):
    assert latex(expression) == printed


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("theta_star", r"\theta_{*}"),
        ("mu2", r"\mu_{2}"),
        ("σ", r"\sigma"),
        ("count", r"\mathrm{count}"),
        ("dmu", r"d\mu"),
        ("dx", "dx"),
        ("D_KL", r"D_{\mathrm{KL}}"),
        ("I_ij", "I_{i j}"),
        ("x'", "x'"),
        ("x₁", "x_{1}"),
        ("σ²", r"\sigma^{2}"),
        ("δα₁", r"\delta \alpha_{1}"),
        ("δp_11", r"\delta p_{11}"),
        ("Δt", r"\Delta t"),
        ("é", r"\acute{e}"),
        ("жук", r"\mathrm{u0436u0443u043a}"),
        ("a_very_long_name", r"a_{\mathrm{very}\,\mathrm{long}\,\mathrm{name}}"),
        (r"\hat{\theta}", r"\hat{\theta}"),
        (r"\delta\theta^1", r"\delta\theta^1"),
    ],
)
def test_names(name, printed):
    assert symbol_name(name) == printed


@pytest.mark.parametrize("name", [r"\input{/etc/passwd}", r"\write18{ls}", "a}b", "100%", "$x$", r"\def\x{}", "a#b"])
def test_a_hostile_name_is_shown_and_not_obeyed(name):
    printed = symbol_name(name)
    assert printed.startswith(r"\mathrm{")
    assert not re.search(r"\\(input|write|def)", printed)
    plain = printed.replace(r"\{", "").replace(r"\}", "").replace(r"\%", "").replace(r"\$", "").replace(r"\#", "")
    assert plain.count("{") == plain.count("}")
    assert not re.search(r"[%$]", plain)


# What is printed must be what was given: the LaTeX is read back by an evaluator of this test's own.

LEAVES = st.sampled_from([x, y, mu, sigma, sp.Integer(2), sp.Rational(1, 3), sp.Integer(-1)])
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda ab: ab[0] + ab[1]),
        st.tuples(inner, inner).map(lambda ab: ab[0] * ab[1]),
        st.tuples(inner, inner).map(lambda ab: ab[0] - ab[1]),
        st.tuples(inner, st.sampled_from([2, 3, -1, -2])).map(lambda ab: (ab[0] + 5) ** ab[1]),
        inner.map(lambda a: sp.exp(-a)),
        inner.map(lambda a: sp.log(a + 7)),
    ),
    max_leaves=7,
)
VALUES = {x: 0.37, y: 1.21, mu: -0.58, sigma: 1.7}
MEANINGS = {"x": "0.37", "y": "1.21", r"\mu": "(-0.58)", r"\sigma": "1.7"}


class Reader:
    """Recursive descent over the LaTeX that the printer emits for TREES."""

    def __init__(self, text):
        self.tokens = re.findall(r"\\[A-Za-z]+|\d+\.?\d*|[^\s]", text)
        self.i = 0

    def peek(self):
        return self.tokens[self.i] if self.i < len(self.tokens) else ""

    def take(self, expected=None):
        token = self.peek()
        assert expected is None or token == expected, (token, expected, self.tokens)
        self.i += 1
        return token

    def sum(self):
        sign = -1 if self.peek() == "-" else 1
        if sign < 0:
            self.take()
        total = sign * self.product()
        while self.peek() in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            total += sign * self.product()
        return total

    def product(self):
        value = self.factor()
        while self.peek() not in ("", "+", "-", ")", "}", "/", r"\right"):
            if self.peek() == r"\cdot":
                self.take()
            value *= self.factor()
        return value

    def group(self):
        self.take("{")
        value = self.sum()
        self.take("}")
        return value

    def parenthesised(self):
        sized = self.peek() == r"\left"
        if sized:
            self.take()
        self.take("(")
        value = self.sum()
        if sized:
            self.take(r"\right")
        self.take(")")
        return value

    def factor(self):
        token = self.peek()
        if token == "(" or token == r"\left":
            value = self.parenthesised()
        elif token == r"\frac":
            self.take()
            value = self.group() / self.group()
        elif token == r"\sqrt":
            self.take()
            degree = 2
            if self.peek() == "[":
                self.take()
                degree = int(self.take())
                self.take("]")
            value = self.group() ** (1 / degree)
        elif token == r"\ln":
            self.take()
            power = self.power()
            argument = self.parenthesised() if self.peek() in ("(", r"\left") else self.atom()
            return math.log(argument) ** power
        elif token in ("e", r"\exp"):
            self.take()
            if token == "e":
                return math.exp(self.power())
            return math.exp(self.parenthesised())
        else:
            value = self.atom()
        return value ** self.power()

    def atom(self):
        token = self.take()
        return float(MEANINGS.get(token, token).strip("()"))

    def power(self):
        if self.peek() != "^":
            return 1
        self.take()
        self.take("{")
        value = self.sum()
        if self.peek() == "/":
            self.take()
            value /= self.atom()
        self.take("}")
        return int(value) if value == int(value) else value


@settings(max_examples=150, deadline=None)
@given(TREES)
def test_what_is_printed_has_the_value_of_what_was_given(tree):
    exact = complex(sp.sympify(tree).subs(VALUES).evalf())
    if not abs(exact) < 1e6 or abs(exact.imag) > 0:
        return
    read = Reader(latex(tree)).sum()
    assert abs(read - exact.real) <= 1e-7 * (1 + abs(exact.real))
