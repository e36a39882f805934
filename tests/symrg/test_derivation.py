"""Derivations: immutable chains whose links are verified one by one, the broken one named, and printed alike."""

import pytest
import sympy as sp

from symrg.derivation import Derivation
from symrg.errors import InvalidClaim
from symrg.verification import Claim

x, a, b = sp.symbols("x a b", real=True)
s = sp.Symbol("sigma", positive=True)


def square():
    return (
        Derivation("square", (x + 1) ** 2)
        .step(x**2 + 2 * x + 1, "multiply out")
        .step(x * (x + 2) + 1, because="factor")
    )


def test_steps_make_new_derivations():
    start = Derivation("square", (x + 1) ** 2)
    longer = start.step(x**2 + 2 * x + 1, "multiply out")
    assert start.statements == ((x + 1) ** 2,)
    assert longer.statements == ((x + 1) ** 2, x**2 + 2 * x + 1)
    with pytest.raises(AttributeError):
        longer.title = "other"


def test_every_link_is_a_claim_and_holds():
    chain = square()
    assert [c.relation for c in chain.claims] == ["==", "=="]
    assert all(isinstance(c, Claim) for c in chain.claims)
    assert [v.status for v in chain.verify()] == ["holds", "holds"]


def test_the_broken_link_is_named():
    chain = square().step(x * (x + 2) + 2, "wishful thinking").step((x + 1) ** 2 + 1, "complete the square")
    verdicts = chain.verify()
    assert [v.status == "holds" for v in verdicts] == [True, True, False, True]
    assert "step 3" in verdicts[2].reason
    assert "wishful thinking" in verdicts[2].reason
    assert verdicts[2].correction.rhs == x * (x + 2) + 1


def test_relations_conditions_and_orders_belong_to_links():
    chain = (
        Derivation("bound", a * (1 - a), conditions=(a > 0,))
        .step(sp.Rational(1, 4), "greatest at 1/2", relation="<=")
        .step(1, "obvious", relation="<")
    )
    assert [v.status for v in chain.verify()] == ["holds", "holds"]
    assert all((a > 0) in c.conditions for c in chain.claims)
    series = Derivation("exponential", sp.exp(x)).step(1 + x, "expand", order=(x, 0, 2))
    assert series.verify()[0].status == "holds"
    assert Derivation("exponential", sp.exp(x)).step(1 + x, "expand", order=(x, 0, 3)).verify()[0].status != "holds"
    with pytest.raises(InvalidClaim, match="chain of equalities"):
        series.whole()


def test_matrices_are_compared_element_by_element():
    metric = sp.Matrix([[1 / s**2, 0], [0, 2 / s**2]])
    good = Derivation("metric", metric).step(metric.applyfunc(lambda e: e * s**2) / s**2, "factor")
    assert good.verify()[0].status == "holds"
    bad = Derivation("metric", metric).step(sp.eye(2) / s**2, "guess")
    assert "element 3" in bad.verify()[0].reason
    with pytest.raises(InvalidClaim, match="shapes"):
        Derivation("metric", metric).step(sp.eye(3))


def test_a_step_may_hold_a_derivation_of_its_own():
    detail = Derivation("detail", (x + 1) ** 2).step(x**2 + 2 * x + 1, "multiply out")
    chain = Derivation("outer", (x + 1) ** 2).step(x**2 + 2 * x + 1, "see below", within=detail)
    assert [c.name for c in chain.claims] == ["outer, step 1, detail, step 1", "outer, step 1"]
    assert all(v.holds for v in chain.verify())


def test_latex_is_aligned_with_a_word_on_each_step():
    text = Derivation("square", (x + 1) ** 2, notation=r"Q_\lambda").step(x**2 + 2 * x + 1, "50% of $x$ & more").latex()
    assert text.startswith("\\begin{aligned}")
    assert text.endswith("\\end{aligned}")
    assert r"Q_\lambda &=" in text
    assert r"50\% of $x$ \& more" in text
    assert "\\\\[" not in text


def test_printed_form_is_shown_and_never_simplified():
    with sp.evaluate(False):
        start = x * (1 / x)
    text = Derivation("as printed", start).step(1, "cancel").latex()
    assert r"\frac{x}{x}" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("x + 1",), "is text"), ((sp.nan,), "undefined"), ((object(),), "give an expression")],
)
def test_what_is_no_statement_is_refused(arguments, message):
    with pytest.raises(InvalidClaim, match=message):
        Derivation("bad", x).step(*arguments)


def test_unknown_relation_is_refused():
    with pytest.raises(InvalidClaim, match="joined by"):
        Derivation("bad", x).step(x, relation="!=")
