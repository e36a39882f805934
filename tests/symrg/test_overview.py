"""The form in which a model's quantities are shown; the value stays what it was."""

from dataclasses import replace

import pytest
import sympy as sp

from symrg.errors import InvalidModel
from symrg.model import StatisticalModel
from symrg.overview import Quantity, by_denominator, displacements, joined_logarithms, overview, primed

y, m = sp.symbols("y m", real=True)
s = sp.Symbol("s", positive=True)
NORMAL = StatisticalModel(
    -sp.log(s) - (y - m) ** 2 / (2 * s**2) - sp.log(2 * sp.pi) / 2, sample=y, parameters=(m, s), support=sp.S.Reals
)
m2, s2 = primed((m, s))


def test_a_divergence_is_written_as_papers_do():
    cancelled = sp.cancel(sp.log(s2 / s) + (s**2 + (m - m2) ** 2) / (2 * s2**2) - sp.Rational(1, 2))
    shown = by_denominator(sp.expand_log(cancelled), ((m, m2), (s, s2)))
    assert shown == sp.log(s2 / s) + (s**2 + (m - m2) ** 2) / (2 * s2**2) - sp.Rational(1, 2)


@pytest.mark.parametrize("value", [m * m2 / s2, m**2 - m * m2 + 2 * m2**2, sp.log(s) + 2 * sp.log(s2), sp.Integer(0)])
def test_what_has_no_such_form_keeps_its_value(value):
    assert sp.simplify(by_denominator(value, ((m, m2), (s, s2))) - value) == 0


def test_logarithms_of_numbers_join():
    joined = joined_logarithms(sp.log(s) + sp.log(2) / 2 + sp.log(sp.pi) / 2)
    assert joined == sp.log(s) + sp.log(2 * sp.pi) / 2


def test_primes_and_displacements_keep_assumptions():
    assert (m2.name, s2.name) == ("mprime", "sprime")
    assert s2.is_positive
    assert m2.is_positive is None
    assert [d.name for d in displacements(sp.symbols("mu k"))] == ["δmu", "δk"]


def test_the_quantities_of_the_normal_family():
    found = {q.name: q for q in overview(NORMAL, ("curvature", "metric", "entropy", "christoffel", "expansion"), 20)}
    assert list(found) == ["metric", "curvature", "entropy", "christoffel", "expansion"]
    assert found["metric"].value == sp.ImmutableMatrix([[1 / s**2, 0], [0, 2 / s**2]])
    assert found["curvature"].latex() == "R = -1"
    assert found["entropy"].latex() == r"S = \ln s + \frac{1}{2} + \frac{1}{2} \ln(2 \pi)"
    assert dict(found["christoffel"].components) == {
        r"\Gamma^{m}{}_{m s}": r"- \frac{1}{s}",
        r"\Gamma^{s}{}_{m m}": r"\frac{1}{2 s}",
        r"\Gamma^{s}{}_{s s}": r"- \frac{1}{s}",
    }
    assert r"= \frac{(\delta m)^{2}}{2 s^{2}} + \frac{(\delta s)^{2}}{s^{2}}" in found["expansion"].latex()


def test_what_cannot_be_derived_is_refused():
    with pytest.raises(InvalidModel, match="'speed'"):
        overview(NORMAL, ("speed",))


def test_a_quantity_without_a_closed_form_says_why_and_does_not_stop_the_others():
    odd = StatisticalModel(-(y**2) / 2 - sp.log(s) + sp.log(3), y, (s,), support=sp.S.Reals)
    found = overview(odd, ("score", "metric"), 3)
    assert found[0].value is not None
    assert found[1].value is None
    assert "not to 1" in found[1].problem


def test_a_metric_that_is_too_wide_is_written_by_components():
    wide = StatisticalModel(
        (m - 1) * sp.log(y) + (s - 1) * sp.log(1 - y) - sp.loggamma(m) - sp.loggamma(s) + sp.loggamma(m + s),
        sample=y, parameters=(m, s), support=sp.Interval.open(0, 1), domain=(m > 0,),
    )  # fmt: skip
    found = overview(wide, ("metric",), 20)[0]
    assert found.latex().startswith(r"\mathcal{I}_{ij}(m, s) = \begin{pmatrix}")
    large = replace(found, value=found.value.applyfunc(lambda e: sp.expand((e + m + s) ** 3)))
    assert large.latex().startswith(r"\begin{aligned}")
    assert r"\mathcal{I}_{m s} &= " in large.latex()


def test_the_list_of_what_was_tried_is_left_out_of_the_short_form():
    long = "no closed form found for E[x] within 4 s; tried: a (0.1 s); b (0.2 s)"
    assert Quantity("kl", "", "", "", problem=long).short_problem == "no closed form was found within 4 s"
    assert Quantity("kl", "", "", "", problem="other").short_problem == "other"
