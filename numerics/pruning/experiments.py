"""The pruning experiment: rules against fractions and cutoffs, as rows, and over seeds as labelled arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from numerics import autoencoder
from numerics.mnist import Digits
from numerics.pruning.cut import Pruned, prune
from numerics.pruning.saliencies import saliency
from numerics.pruning.shells import integrate_out
from symrg.errors import InvalidEstimator

if TYPE_CHECKING:
    import xarray

Progress = Callable[[int, int, str], None]

FRACTIONS = (0.648, 0.8, 0.9, 0.95)
"""The talk's 64.8 %, and beyond."""


@dataclass(frozen=True)
class Row:
    """One pruned network, measured.

    Attributes:
        rule: the saliency, or the way of integrating out.
        cutoff: below which weights were removed (for a fraction: the largest saliency removed).
        removed: weights removed.
        total: weights chosen from.
        error: mean squared error on the test images.
        relative: that over the unpruned network's.
    """

    rule: str
    cutoff: float
    removed: int
    total: int
    error: float
    relative: float


def sweep(
    network: nn.Module,
    inputs: Tensor,
    test: Tensor,
    *,
    rules: Sequence[str] = ("fisher", "magnitude", "random"),
    cutoffs: Iterable[float] | None = None,
    fractions: Iterable[float] | None = None,
    layers: Iterable[str] | None = None,
    likelihood: str = "gaussian",
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Row]:
    """Cut by several rules at several cutoffs (of the first rule) and fractions, and measure the test error.

    A cutoff is one of the first rule's saliency; the other rules remove as many weights as it does, so that rows of
    equal number stand beside each other.

    Args:
        network: an autoencoder, unchanged.
        inputs: samples on which saliencies are taken.
        test: images on which errors are.
        rules: names that `saliency` knows.
        cutoffs: of the first rule.
        fractions: to be removed.
        layers: to choose from, as for `prune`.
        likelihood: of the outputs.
        seed: of the random rule.
        progress: called as progress(done, total, rule).

    Raises:
        InvalidEstimator: neither cutoffs nor fractions.
    """
    wanted = [*(("cutoff", c) for c in cutoffs or ()), *(("fraction", f) for f in fractions or ())]
    if not wanted:
        raise InvalidEstimator("give cutoffs or fractions")
    base = autoencoder.mean_squared_error(network, test)
    values = {r: saliency(r, network, inputs, likelihood=likelihood, seed=seed) for r in rules}
    rows = []
    for number, (kind, value) in enumerate(wanted):
        share = value
        for place, rule in enumerate(rules):
            if kind == "cutoff" and place == 0:
                cut = prune(network, values[rule], cutoff=value, layers=layers)
                share = cut.fraction
            else:
                cut = prune(network, values[rule], fraction=share, layers=layers)
            rows.append(measure(rule, cut, test, base))
            if progress is not None:
                progress(number * len(rules) + place + 1, len(wanted) * len(rules), rule)
    return rows


def measure(rule: str, cut: Pruned, test: Tensor, base: float) -> Row:
    """The row of one pruned network."""
    error = autoencoder.mean_squared_error(cut.network, test)
    return Row(rule, cut.cutoff, cut.removed, cut.total, error, error / base)


@dataclass(frozen=True)
class Setting:
    """A network of the experiment, and how weights are integrated out in it.

    Attributes:
        name: "talk" or "sigmoid".
        train: (inputs, seed) -> the trained network.
        layers: chosen from.
        integrate: {label: options of `integrate_out`}; the option targets=True stands for the images themselves.
    """

    name: str
    train: Callable[[Tensor, int], nn.Module]
    layers: tuple[str, ...] | None
    integrate: Mapping[str, Mapping[str, Any]]


SETTINGS: dict[str, Setting] = {
    "talk": Setting(
        "talk",
        lambda x, seed: autoencoder.train_talk_network(x, seed=seed).network,
        ("encoder.weight",),
        {
            "shells": {"shells": 32, "iterations": 20, "free": ("encoder.weight",)},
            "shells, data": {"shells": 8, "iterations": 40, "targets": True},
        },
    ),
    "sigmoid": Setting(
        "sigmoid",
        lambda x, seed: autoencoder.train_sigmoid_network(x, seed=seed).network,
        None,
        {
            "shells": {"shells": 16, "iterations": 40},
            "block shells": {"shells": 20, "iterations": 40, "rule": "block"},
            "block shells, data": {"shells": 20, "iterations": 40, "rule": "block", "steps": 2, "targets": True},
        },
    ),
}


def run_seed(
    digits: Digits,
    setting: str,
    seed: int,
    *,
    fractions: Sequence[float] = FRACTIONS,
    rules: Sequence[str] = ("fisher", "magnitude", "information_length", "random"),
    test: int = 1000,
    integrate: bool = True,
) -> list[Row]:
    """Train one network from a seed, which also divides the images, and measure every rule at every fraction.

    Raises:
        InvalidEstimator: an unknown setting.
    """
    if setting not in SETTINGS:
        raise InvalidEstimator(f"setting {setting!r}: expected one of {', '.join(SETTINGS)}")
    chosen = SETTINGS[setting]
    training, testing = digits.split(test, seed)
    x, y = training.inputs(), testing.inputs()
    network = chosen.train(x, seed)
    rows = sweep(network, x, y, rules=rules, fractions=fractions, layers=choose_layers(network, chosen), seed=seed)
    if integrate:
        base = autoencoder.mean_squared_error(network, y)
        for label, options in chosen.integrate.items():
            given = dict(options)
            if given.pop("targets", False):
                given["targets"] = x
            shells: Iterator = integrate_out(network, x, fractions=fractions, layers=chosen.layers, **given)
            rows += [measure(label, shell.pruned, y, base) for shell in shells if shell.wanted]
    return rows


def choose_layers(network: nn.Module, setting: Setting) -> tuple[str, ...]:
    """The parameters that a setting chooses from: its own list, or all weight matrices."""
    if setting.layers is not None:
        return setting.layers
    return tuple(n for n, p in network.named_parameters() if p.dim() >= 2)


def experiment(
    digits: Digits,
    setting: str = "talk",
    *,
    seeds: Iterable[int] = range(5),
    fractions: Sequence[float] = FRACTIONS,
    rules: Sequence[str] = ("fisher", "magnitude", "information_length", "random"),
    test: int = 1000,
    integrate: bool = True,
    progress: Progress | None = None,
) -> xarray.Dataset:
    """Relative test error by rule, fraction and seed, with mean and standard error over the seeds.

    Returns:
        A Dataset with `relative` (rule, fraction, seed), `mean` and `standard_error` (rule, fraction).
    """
    import numpy as np
    import xarray

    seeds = list(seeds)
    tables = []
    labels: list[str] = []
    for number, seed in enumerate(seeds, 1):
        rows = run_seed(digits, setting, seed, fractions=fractions, rules=rules, test=test, integrate=integrate)
        labels = list(dict.fromkeys(r.rule for r in rows))
        order = sorted(fractions)
        by_rule = {label: sorted((r for r in rows if r.rule == label), key=lambda r: r.removed) for label in labels}
        tables.append([[r.relative for r in by_rule[label]] for label in labels])
        if progress is not None:
            progress(number, len(seeds), f"seed {seed}")
    values = np.moveaxis(np.array(tables), 0, 2)
    data = xarray.Dataset(
        {"relative": (("rule", "fraction", "seed"), values)},
        coords={"rule": labels, "fraction": order, "seed": seeds},
        attrs={"setting": setting, "images": len(digits), "source": digits.source, "test": test},
    )
    data["mean"] = data.relative.mean("seed")
    spread = data.relative.std("seed", ddof=1) if len(seeds) > 1 else data["mean"] * np.nan
    data["standard_error"] = spread / len(seeds) ** 0.5
    return data


def as_table(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Rows as plain dicts, for JSON."""
    return [asdict(r) for r in rows]


def reconstruction_accuracy(network: nn.Module, digits: Digits, test: Digits, seed: int = 0, steps: int = 300) -> float:
    """Accuracy of a fixed classifier, trained on the images themselves, on the network's reconstructions of `test`.

    The classifier is 784-64-10 with ReLU, trained from the seed by Adam at 1e-2 on batches of 500.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
    x, labels = digits.inputs(), torch.from_numpy(digits.labels)
    optimiser = torch.optim.Adam(classifier.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        batch = torch.randint(len(x), (min(500, len(x)),), generator=generator)
        optimiser.zero_grad()
        nn.functional.cross_entropy(classifier(x[batch]), labels[batch]).backward()
        optimiser.step()
    with torch.no_grad():
        guess = classifier(autoencoder.reconstruct(network, test.inputs())).argmax(1)
    return float((guess == torch.from_numpy(test.labels)).float().mean())
