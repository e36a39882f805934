"""Samples with given connected moments: skewed laws with known cumulants, and real digits."""

import numpy as np
import pytest

from numerics import mnist
from numerics.connected import Classifier, ConnectedMoments, energy_distance, judged
from symrg.errors import DataError


def skewed(count, seed):
    """Two correlated coordinates made of gamma variables of skewness 2/sqrt(9)."""
    raw = np.random.default_rng(seed).gamma(9.0, size=(count, 3)) / 3 - 3
    return raw @ np.array([[2.0, 0.5, 0.0], [0.0, 1.0, 0.3], [0.2, 0.0, 0.7]])


def third(data):
    centred = data - data.mean(axis=0)
    return np.einsum("ni,nj,nk->ijk", centred, centred, centred) / len(data)


def test_each_order_carries_its_moments():
    data = skewed(20_000, 0)
    # a fourth column that is no independent direction would have no spread: rank is the number of columns less one
    moments = ConnectedMoments.of(np.hstack([data, np.random.default_rng(1).standard_normal((20_000, 1)) * 1e-3]), 3)
    two, three = (moments.sample(200_000, order, seed=2)[:, :3] for order in (2, 3))
    for sample in (two, three):
        assert np.abs(sample.mean(axis=0) - data.mean(axis=0)).max() < 0.03
        assert np.abs(np.cov(sample.T) - np.cov(data.T)).max() < 0.06
    size = np.abs(third(data)).max()
    assert np.abs(third(three) - third(data)).max() < 0.15 * size
    assert np.abs(third(two) - third(data)).max() > 0.8 * size
    assert np.ptp(moments.sample(5, 1), axis=0).max() == 0


def test_higher_orders_come_closer_to_real_digits():
    digits = mnist.load()
    training, test = digits.split(1000)
    known, unseen = (d.images.reshape(len(d), -1) / 255.0 for d in (training, test))
    distance = {1: [], 2: [], 3: []}
    for digit in range(10):
        moments = ConnectedMoments.of(known[training.labels == digit], 20)
        frame = np.linalg.pinv(moments.components)
        real = (unseen[test.labels == digit] - moments.mean) @ frame
        for order in distance:
            made = (moments.sample(300, order) - moments.mean) @ frame
            distance[order].append(energy_distance(made, real))
    assert np.mean(distance[1]) > 20 * np.mean(distance[2])
    assert sum(a < b for a, b in zip(distance[3], distance[2])) >= 8


def test_classifier_knows_digits_and_no_shuffled_labels():
    digits = mnist.load()
    training, test = digits.split(1000)
    known, unseen = (d.images.reshape(len(d), -1) / 255.0 for d in (training, test))
    right = Classifier.fitted(known, training.labels).probabilities(unseen).argmax(axis=1) == test.labels
    assert right.mean() > 0.85
    shuffled = np.random.default_rng(0).permutation(training.labels)
    wrong = Classifier.fitted(known, shuffled).probabilities(unseen).argmax(axis=1) == test.labels
    assert wrong.mean() < 0.3


def test_energy_distance_sees_a_shift_and_a_width():
    rng = np.random.default_rng(3)
    one, same = rng.standard_normal((2, 400, 2))
    assert abs(energy_distance(one, same)) < 0.03
    assert energy_distance(one, same + 1) > 0.3
    assert energy_distance(one, 3 * same) > 0.3


@pytest.mark.parametrize("rank", [0, 5, 9])
def test_rank_must_fit(rank):
    with pytest.raises(DataError, match="components"):
        ConnectedMoments.of(np.random.default_rng(0).standard_normal((30, 5)), rank)


def test_order_must_be_known():
    with pytest.raises(DataError, match="expected 1, 2 or 3"):
        ConnectedMoments.of(np.random.default_rng(0).standard_normal((30, 5)), 2).sample(3, 4)


def test_judgement_has_error_bars_that_cover_other_draws():
    """Skewed data: the third order comes closer, beyond the error bars; other seeds lie within them."""
    rng = np.random.default_rng(3)
    data = [np.clip(0.3 + 0.4 * k + 0.1 * (rng.exponential(size=(4000, 6)) - 1), 0, 1) for k in (0, 1)]
    labels = np.repeat([0, 1], 2000)
    classifier = Classifier.fitted(np.vstack([d[:2000] for d in data]), labels)
    moments = ConnectedMoments.of(data[0][:2000], 4)
    second, third = (judged(moments, order, classifier, 0, data[0][2000:], draws=6) for order in (2, 3))
    assert third.distance + 3 * third.distance_error < second.distance - 3 * second.distance_error
    again = judged(moments, 2, classifier, 0, data[0][2000:], draws=6, seed=100)
    spread = np.hypot(second.distance_error, again.distance_error)
    assert abs(second.distance - again.distance) < 5 * spread
    assert second.recognised > 0.9
    assert judged(moments, 2, classifier, 1, data[0][2000:], draws=2).recognised < 0.1
    with pytest.raises(DataError, match="2 or more"):
        judged(moments, 2, classifier, 0, data[0], draws=1)
