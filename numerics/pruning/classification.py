"""A fixed classifier that judges reconstructions: what pruning costs in digits recognised."""

from __future__ import annotations

import torch
from torch import nn

from numerics import autoencoder
from numerics.mnist import PIXELS, Digits
from symrg.errors import DataError


def train_classifier(digits: Digits, seed: int = 0, steps: int = 300) -> nn.Module:
    """A classifier 784-64-10 with ReLU, trained on the images themselves by Adam at 1e-2 on batches of 500.

    Raises:
        DataError: there are no images.
    """
    if len(digits) == 0:
        raise DataError("there are no digits to train a classifier on")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = nn.Sequential(nn.Linear(PIXELS, 64), nn.ReLU(), nn.Linear(64, 10))
    x, labels = digits.inputs(), torch.from_numpy(digits.labels)
    optimiser = torch.optim.Adam(classifier.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        batch = torch.randint(len(x), (min(500, len(x)),), generator=generator)
        optimiser.zero_grad()
        nn.functional.cross_entropy(classifier(x[batch]), labels[batch]).backward()
        optimiser.step()
    return classifier.eval()


def accuracy(classifier: nn.Module, digits: Digits, network: nn.Module | None = None) -> float:
    """Share of the digits that the classifier names rightly from a network's reconstructions.

    Without a network, from the images themselves.

    Raises:
        DataError: there are no images.
    """
    if len(digits) == 0:
        raise DataError("there are no digits to classify")
    x = digits.inputs(next(classifier.parameters()).dtype)
    if network is not None:
        x = autoencoder.reconstruct(network, x.to(next(network.parameters()).dtype)).to(x.dtype)
    with torch.no_grad():
        return float((classifier(x).argmax(1) == torch.from_numpy(digits.labels)).double().mean())
