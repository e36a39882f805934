"""Worked derivations: every link is checked, and a link that is tampered with is refused."""

from dataclasses import replace

import mpmath
import pytest
import sympy as sp

from symrg import families, worked
from symrg.errors import InvalidModel, NoClosedForm
from symrg.expectation import Expectation
from symrg.model import StatisticalModel

y, mu = sp.symbols("y mu", real=True)
x, s, lam, p = sp.symbols("x sigma lambda p", positive=True)
k = sp.Symbol("k", integer=True, nonnegative=True)

NORMAL = StatisticalModel(-((y - mu) ** 2) / (2 * s**2) - sp.log(s) - sp.log(2 * sp.pi) / 2, y, (mu, s), sp.S.Reals)
RATE = StatisticalModel(sp.log(lam) - lam * x, x, (lam,), sp.Interval(0, sp.oo))
COUNT = StatisticalModel(sp.log(p) + k * sp.log(1 - p), k, (p,), sp.S.Naturals0, (p < 1,))
POINT = {mu: sp.Rational(1, 3), s: sp.Rational(6, 5), lam: sp.Rational(7, 5), p: sp.Rational(2, 5)}


def number(expression, point):
    """The value of an expression whose Expectation nodes are integrals or sums, by mpmath."""
    expression = expression.replace(lambda e: isinstance(e, Expectation), lambda e: e.as_integral())

    def value(node):
        ((symbol, low, high),) = node.limits
        outside = {e: v for e, v in point.items() if e != symbol}
        body = sp.lambdify(symbol, node.function.subs(outside), "mpmath")
        if isinstance(node, sp.Sum):
            return sp.Float(mpmath.fsum(body(j) for j in range(int(low), 200)), 15)
        ends = [float(e) if e.is_finite else (40 if e > 0 else -40) for e in (low, high)]
        return sp.Float(mpmath.quad(body, [ends[0], *([0] if ends[0] < 0 else []), 2, ends[1]]), 15)

    plain = expression.replace(lambda e: isinstance(e, (sp.Integral, sp.Sum)), value)
    return complex(plain.doit().subs(point).evalf(15))


NAMES = ["score", "fisher_metric", "kl_divergence", "entropy", "log_partition", "jeffreys_prior"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("model", [NORMAL, RATE, COUNT], ids=["normal", "exponential", "geometric"])
def test_statements_of_a_chain_have_one_value(model, name):
    chain = worked.derivation(model, name)
    assert chain.steps
    point = dict(POINT)
    for symbol in chain.start.free_symbols:
        if symbol.name.endswith("prime"):
            point[symbol] = sp.Rational(3, 7) if symbol.name == "pprime" else sp.Rational(9, 10)
        if symbol.name.startswith("eta"):
            point[symbol] = -sp.Rational(3, 5)
    point[sp.Symbol("x", real=True)] = point[x] = sp.Rational(4, 3)
    point[y], point[k] = sp.Rational(1, 7), 3
    entries = [list(e) if isinstance(e, sp.MatrixBase) else [e] for e in chain.statements]
    for row in zip(*entries):
        values = [number(sp.sympify(e), point) for e in row]
        assert max(abs(v - values[0]) for v in values) < 1e-7 * (1 + abs(values[0]))


@pytest.mark.parametrize("name", ["score", "christoffel", "scalar_curvature", "jeffreys_prior"])
def test_every_link_is_verified(name):
    chain = worked.derivation(NORMAL, name)
    assert [v.status for v in chain.verify(30)] == ["holds"] * len(chain.steps)


def test_the_fisher_metric_is_verified_through_its_integrals_and_a_wrong_one_is_refused():
    chain = worked.derivation(RATE, "fisher_metric")
    assert [v.status for v in chain.verify(40)] == ["holds"] * len(chain.steps)
    wrong = replace(chain, steps=(*chain.steps[:-1], replace(chain.steps[-1], expr=2 * chain.last)))
    assert wrong.verify(40)[-1].status in ("fails", "holds with correction")


def test_the_expansion_ends_with_the_polynomial_of_the_model():
    chain = worked.derivation(RATE, "kl_expansion")
    eps, delta = sp.Symbol("epsilon", positive=True), sp.Symbol("delta_lambda", real=True)
    ratio = eps * delta / lam
    expected = sum((-1) ** n * ratio**n / n for n in (2, 3, 4))  # u - ln(1 + u) at u = delta/lambda
    assert sp.simplify(chain.last - expected) == 0
    assert [step.order for step in chain.steps].count((eps, 0, 5)) == 1


def test_chains_print_and_begin_with_the_definition():
    chain = worked.derivation(NORMAL, "fisher_metric")
    assert r"\mathbb{E}" in chain.latex()
    assert chain.start.shape == (2, 2)
    assert all(isinstance(e, Expectation) for e in chain.start)
    assert isinstance(worked.derivation(RATE, "kl_divergence").start, Expectation)


def test_unknown_names_list_the_known_ones():
    with pytest.raises(InvalidModel, match=r"christoffel.*fisher_metric.*score"):
        worked.derivation(NORMAL, "fisher")


def test_the_expansion_in_tensors_is_verified_and_another_connection_is_refused():
    chain = worked.derivation(RATE, "kl_geometry")
    assert r"\Gamma^{(1/3)}_{k,ij}" in chain.latex()
    verdicts = chain.verify(40)
    assert [v.status for v in verdicts] == ["holds"] * 3
    small = next(s for s in chain.last.free_symbols if s.name == "epsilon")
    wrong = chain.last + small**3  # as another connection at order 3 would give
    last = replace(chain.steps[-1], expr=wrong)
    assert replace(chain, steps=(*chain.steps[:-1], last)).verify(40)[-1].status != "holds"


def test_a_derivation_ends_with_its_budget():
    with pytest.raises(NoClosedForm, match="within 1 s"):  # its rank in nine parameters alone takes minutes
        families.multivariate_normal_3().derivation("log_partition", budget=1)
