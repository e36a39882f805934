"""The pruning experiment: rules against fractions and cutoffs, as rows, and over seeds as labelled arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from numerics import autoencoder
from numerics.mnist import Digits
from numerics.pruning.cut import prune
from numerics.pruning.rows import Row, measure
from numerics.pruning.saliencies import RULES, saliency
from numerics.pruning.shells import integrate_out
from numerics.pruning.store import RowStore, fingerprint
from symrg.errors import InvalidEstimator

if TYPE_CHECKING:
    import xarray

Progress = Callable[[int, int, str], None]

FRACTIONS = (0.648, 0.8, 0.9, 0.95)
"""The talk's 64.8 %, and beyond."""


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
    store: str | Path | None = None,
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
        store: folder that keeps the rows of each cutoff and fraction, so that an interrupted sweep goes on from there.
        progress: called as progress(done, total, text).

    Raises:
        InvalidEstimator: neither cutoffs nor fractions, no rule, or an unknown one.
    """
    strange = [r for r in rules if r not in RULES]
    if strange or not rules:
        raise InvalidEstimator(f"rules {', '.join(strange) or '(none)'}: expected some of {', '.join(RULES)}")
    layers = None if layers is None else [layers] if isinstance(layers, str) else list(layers)
    wanted = [*(("cutoff", c) for c in cutoffs or ()), *(("fraction", f) for f in fractions or ())]
    if not wanted:
        raise InvalidEstimator("give cutoffs or fractions")
    base = autoencoder.mean_squared_error(network, test)
    key = fingerprint(network, inputs, test, list(rules), layers, likelihood, seed) if store is not None else ""
    kept = RowStore(store, key)
    values: dict[str, dict[str, Tensor]] = {}

    def cut_by_all(kind: str, value: float) -> list[Row]:
        """The rows of one cutoff or fraction."""
        if not values:
            values.update({r: saliency(r, network, inputs, likelihood=likelihood, seed=seed) for r in rules})
        rows, share = [], value
        for place, rule in enumerate(rules):
            if kind == "cutoff" and place == 0:
                cut = prune(network, values[rule], cutoff=value, layers=layers)
                share = cut.fraction
            else:
                cut = prune(network, values[rule], fraction=share, layers=layers)
            rows.append(measure(rule, cut, test, base))
        return rows

    rows: list[Row] = []
    for number, (kind, value) in enumerate(wanted, 1):
        rows += kept.get(f"{kind}-{value:g}", partial(cut_by_all, kind, value))
        if progress is not None:
            progress(number, len(wanted), f"{kind} {value:g}")
    return rows


@dataclass(frozen=True)
class Setting:
    """A network of the experiment, and how weights are integrated out in it.

    Attributes:
        name: "talk" or "sigmoid".
        train: (inputs, seed, steps) -> the trained network.
        layers: chosen from.
        integrate: {label: options of `integrate_out`}; the states fitted to the images are labelled "label, data".
    """

    name: str
    train: Callable[[Tensor, int, int], nn.Module]
    layers: tuple[str, ...] | None
    integrate: Mapping[str, Mapping[str, Any]]


SETTINGS: dict[str, Setting] = {
    "talk": Setting(
        "talk",
        lambda x, seed, steps: autoencoder.train_talk_network(x, seed=seed, steps=steps).network,
        ("encoder.weight",),
        {"shells": {"shells": 24, "iterations": 25, "final_steps": 4}},
    ),
    "sigmoid": Setting(
        "sigmoid",
        lambda x, seed, steps: autoencoder.train_sigmoid_network(x, seed=seed, steps=steps).network,
        None,
        {"block shells": {"shells": 20, "iterations": 40, "rule": "block"}},
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
    steps: int = 600,
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
    network = chosen.train(x, seed, steps)
    rows = sweep(network, x, y, rules=rules, fractions=fractions, layers=choose_layers(network, chosen), seed=seed)
    if integrate:
        base = autoencoder.mean_squared_error(network, y)
        for label, options in chosen.integrate.items():
            for shell in integrate_out(network, x, fractions=fractions, layers=chosen.layers, targets=x, **options):
                for name, state in ((label, shell.pruned), (f"{label}, data", shell.fitted)):
                    if shell.wanted and state is not None:
                        rows.append(measure(name, state, y, base))
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
    steps: int = 600,
    store: str | Path | None = None,
    progress: Progress | None = None,
) -> xarray.Dataset:
    """Relative test error by rule, fraction and seed, with mean and standard error over the seeds.

    Args:
        digits: images, of which `test` are kept for the error; the division follows the seed.
        setting: "talk" or "sigmoid".
        seeds: of division, network, training and random rule.
        fractions: to be removed.
        rules: names that `saliency` knows.
        test: images kept for the error.
        integrate: whether weights are integrated out in the ways of the setting, too.
        steps: of training.
        store: folder that keeps what each seed gave, so that an interrupted experiment goes on where it was.
        progress: called as progress(seeds done, seeds, text).

    Returns:
        A Dataset with `relative` (rule, fraction, seed), `mean` and `standard_error` (rule, fraction), and `unpruned`
        (seed), the test error of the network as trained.

    Raises:
        InvalidEstimator: no seed, or an unknown setting or rule.
    """
    import numpy as np
    import xarray

    seeds = list(seeds)
    if not seeds or setting not in SETTINGS:
        raise InvalidEstimator(f"seeds {seeds}, setting {setting!r}: expected at least one seed and one of "
                               f"{', '.join(SETTINGS)}")  # fmt: skip
    options = [setting, SETTINGS[setting].integrate, list(fractions), list(rules), test, integrate, steps]
    kept = RowStore(store, fingerprint(torch.from_numpy(digits.images), *options) if store is not None else "")
    tables, bases = [], []
    labels: list[str] = []
    for number, seed in enumerate(seeds, 1):
        rows = kept.get(
            f"{setting}-seed-{seed}",
            partial(
                run_seed,
                digits,
                setting,
                seed,
                fractions=fractions,
                rules=rules,
                test=test,
                integrate=integrate,
                steps=steps,
            ),
        )
        labels = list(dict.fromkeys(r.rule for r in rows))
        order = sorted(fractions)
        by_rule = {label: sorted((r for r in rows if r.rule == label), key=lambda r: r.removed) for label in labels}
        tables.append([[r.relative for r in by_rule[label]] for label in labels])
        bases.append(rows[0].error / rows[0].relative)
        if progress is not None:
            progress(number, len(seeds), f"seed {seed}")
    values = np.moveaxis(np.array(tables), 0, 2)
    data = xarray.Dataset(
        {"relative": (("rule", "fraction", "seed"), values), "unpruned": ("seed", bases)},
        coords={"rule": labels, "fraction": order, "seed": seeds},
        attrs={"setting": setting, "images": len(digits), "source": digits.source, "test": test},
    )
    return with_statistics(data)


def with_statistics(data: xarray.Dataset) -> xarray.Dataset:
    """Add `mean` and `standard_error` of `relative` over its seeds; the error of one seed alone is nan."""
    count = data.sizes["seed"]
    mean = data.relative.mean("seed")
    spread = data.relative.std("seed", ddof=1) if count > 1 else mean * float("nan")
    return data.assign(mean=mean, standard_error=spread / count**0.5)
