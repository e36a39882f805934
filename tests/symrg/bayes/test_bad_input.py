"""What cannot be meant is refused with a reason; of what is singular, what can still be said is said."""

import pytest
from sympy import FiniteSet, I, Interval, Rational, S, Symbol, exp, limit, log, nan, oo, pi, simplify, symbols

from symrg import StatisticalModel
from symrg.bayes import conjugate_prior, dynamical_bayes, posterior
from symrg.errors import DataError, ImproperDensity, InvalidModel, IrregularModel, UnidentifiableModel

y, mu, nu = symbols("y mu nu", real=True)
rate, p, wait, amount = symbols("rate p wait T", positive=True)
hit = Symbol("hit", integer=True, nonnegative=True)
normal = StatisticalModel(-((y - mu) ** 2) / 2 - log(2 * pi) / 2, sample=y, parameters=(mu,), support=S.Reals)
waiting = StatisticalModel(log(rate) - rate * wait, sample=wait, parameters=(rate,), support=Interval(0, oo))
coin = StatisticalModel(
    hit * log(p) + (1 - hit) * log(1 - p), sample=hit, parameters=(p,), support=FiniteSet(0, 1), domain=(p < 1,)
)
unseen = StatisticalModel(-((y - mu - nu) ** 2) / 2 - log(2 * pi) / 2, sample=y, parameters=(mu, nu), support=S.Reals)
folded = StatisticalModel(-((y - mu**2) ** 2) / 2 - log(2 * pi) / 2, sample=y, parameters=(mu,), support=S.Reals)


@pytest.mark.parametrize("prior", ["1", nan, oo, I, I * mu, exp(-(y**2)), mu])
def test_what_is_no_prior_is_refused(prior):
    with pytest.raises(InvalidModel):
        posterior(normal, prior, data=[1])
    with pytest.raises(InvalidModel):
        dynamical_bayes(normal, 0, amount, prior=prior)


@pytest.mark.parametrize("data", [3, ["1"], [None], [float("nan")], [1 + 2j]])
def test_what_are_no_data_are_refused(data):
    with pytest.raises(DataError):
        posterior(normal, 1, data=data)


@pytest.mark.parametrize("model", [waiting, coin])
def test_no_model_and_no_count(model):
    with pytest.raises(DataError, match="whole number"):
        posterior(model, 1, count=Rational(1, 2))
    for call in (posterior, conjugate_prior):
        with pytest.raises(InvalidModel, match="StatisticalModel"):
            call(3)


def test_sums_that_no_data_have_are_refused():
    with pytest.raises(DataError, match="impossible"):
        posterior(coin, 1, count=3, statistics={hit: 5})
    assert posterior(coin, 1, count=3, statistics={hit: 2}).named["alpha"] == 3
    with pytest.raises(DataError):
        posterior(waiting, 1, count=3, statistics={wait: -2})


@pytest.mark.parametrize("truth", [2, 1, nan, "x"])
def test_a_truth_outside_the_domain_is_refused(truth):
    with pytest.raises(InvalidModel):
        dynamical_bayes(coin, truth, amount)


def test_a_prior_that_outgrows_the_data_is_improper():
    with pytest.raises(ImproperDensity, match="without bound"):
        _ = dynamical_bayes(normal, 0, amount, prior=exp(mu**4)).solution
    with pytest.raises(ImproperDensity, match="without bound"):
        _ = posterior(normal, exp(mu**4), data=[1, 2]).density


def test_the_law_counts_what_the_data_see():
    d = dynamical_bayes(unseen, (0, 0), amount, prior=exp(-(mu**2 + nu**2) / 2))
    assert d.divergence_law() == 1 / (2 * amount)
    assert limit(amount * d.expected_divergence(), amount, oo) == Rational(1, 2)
    quartic = dynamical_bayes(folded, 0, amount)
    assert quartic.divergence_law() == 1 / (4 * amount) == simplify(quartic.expected_divergence())
    with pytest.raises(UnidentifiableModel, match="slower"):
        quartic.laplace()


def test_the_maximum_of_an_unidentifiable_model_is_the_priors():
    d = dynamical_bayes(unseen, (1, 0), amount, prior=exp(-(mu**2 + nu**2) / 2))
    flow = d.map_flow()
    assert flow.path == flow.path.func([amount / (2 * amount + 1)] * 2)
    assert all(simplify(limit(amount * (a - b), amount, oo)) == 0 for a, b in zip(flow.path, flow.asymptotic))
    with pytest.raises(UnidentifiableModel, match="no unique maximum"):
        dynamical_bayes(unseen, (1, 0), amount).map_flow()


def test_conjugates_say_why_they_have_no_name():
    assert "singular Fisher metric" in conjugate_prior(unseen).reason
    moving = StatisticalModel(-log(rate), sample=wait, parameters=(rate,), support=Interval(0, rate))
    with pytest.raises(IrregularModel, match="moves"):
        conjugate_prior(moving)
