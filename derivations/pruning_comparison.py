"""What rules of pruning cost, beside each other: the talk's, the covariant one, and integrating out.

Cutting sets weights to zero and leaves the others; integrating out lets the others move to where the Fisher quadratic
form of the whole displacement is least. Measured on test images, by error and by the accuracy of a fixed classifier on
the reconstructions; and in a rotated basis of the pixels, where the model is the same and the talk's cut is not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from derivations.report.content import Block, Figure, Table, pdf_of
from symrg import __version__

if TYPE_CHECKING:
    from torch import Tensor, nn

    from numerics.mnist import Digits
    from numerics.pruning import Row

Progress = Callable[[int, int, str], None]

ENCODER = "encoder.weight"
RULES = ("fisher", "information_length", "magnitude", "random")
WORDS = {
    "fisher": r"cut by $\mathcal{I}_{ii}$, the talk's rule",
    "information_length": r"cut by $\mathcal{I}_{ii} (w^i)^2$, the covariant rule",
    "magnitude": "cut by magnitude",
    "random": "cut at random",
    "shells": "integrated out in shells",
    "shells, data": "the same, fitted to the data by Gauss-Newton steps",
    "block shells": "integrated out in shells of block saliency",
    "block shells, data": "the same, fitted to the data by Gauss-Newton steps",
}
SHELLS: dict[str, Any] = {"shells": 8, "iterations": 20, "final_steps": 1, "data_steps": 3}
"""Fewer shells than in the comparison over seeds: a chapter is made in seconds."""


@dataclass(frozen=True)
class Comparison:
    """Pruned networks measured, each rule at each share.

    Attributes:
        rows: error and relative error.
        accuracies: of the fixed classifier on the reconstructions, in the order of the rows.
        unpruned: its accuracy on those of the unpruned network.
        sources: its accuracy on the images themselves.
    """

    rows: tuple[Row, ...]
    accuracies: tuple[float, ...]
    unpruned: float
    sources: float

    def relative(self, rule: str, share: int) -> float:
        """Relative error of a rule at the share of that place, least first."""
        return sorted((r for r in self.rows if r.rule == rule), key=lambda r: r.removed)[share].relative

    def table(self, caption: str) -> Table:
        """All of it."""
        return Table(
            ("rule", "removed", "per cent", "test error", "relative", "classified"),
            tuple(
                (WORDS[r.rule], r.removed, f"{100 * r.removed / r.total:.1f}", f"{r.error:.5f}", f"{r.relative:.3f}",
                 f"{100 * a:.1f} %")
                for r, a in zip(self.rows, self.accuracies)
            ),
            caption,
        )  # fmt: skip


def compare_rules(
    network: nn.Module,
    training: Digits,
    test: Digits,
    fractions: Sequence[float],
    seed: int = 0,
    progress: Progress | None = None,
) -> Comparison:
    """Cut the encoder by four rules, and integrate it out with and without the data, at each share."""
    from numerics.autoencoder import mean_squared_error
    from numerics.pruning import integrate_out, prune, saliency
    from numerics.pruning.classification import accuracy, train_classifier
    from numerics.pruning.rows import measure

    inputs, held_out = training.inputs(), test.inputs()
    base = mean_squared_error(network, held_out)
    judge = train_classifier(training, seed)
    rows: list[Row] = []
    accuracies: list[float] = []

    def add(rule: str, cut: Any) -> None:
        rows.append(measure(rule, cut, held_out, base))
        accuracies.append(accuracy(judge, test, cut.network))

    for rule in RULES:
        worth = saliency(rule, network, inputs, seed=seed)
        for fraction in sorted(fractions):
            add(rule, prune(network, worth, fraction=fraction, layers=[ENCODER]))
    states = [
        shell
        for shell in integrate_out(
            network, inputs, fractions=fractions, layers=[ENCODER], targets=inputs, progress=progress, **SHELLS
        )
        if shell.wanted
    ]
    for shell in states:
        add("shells", shell.pruned)
    for shell in states:
        add("shells, data", shell.fitted)
    return Comparison(tuple(rows), tuple(accuracies), accuracy(judge, test, network), accuracy(judge, test))


@dataclass(frozen=True)
class Turned:
    """The same model in a rotated basis of its inputs, and what the same cutoff removes there.

    Attributes:
        outputs_differ: largest difference of the outputs, which are those of the same function.
        trace_differs: relative difference of the traces of the encoder's metric, which are equal.
        removed: by the cutoff on the diagonal in the pixels' basis.
        removed_turned: in the rotated basis.
        total: weights chosen from.
    """

    outputs_differ: float
    trace_differs: float
    removed: int
    removed_turned: int
    total: int


def turn(network: nn.Sequential, inputs: Tensor, cutoff: float, seed: int = 0) -> Turned:
    """Rotate the inputs by a random orthogonal matrix and the encoder's weights with them, and cut again."""
    from numerics.fisher import diagonal
    from numerics.pruning import prune, rotated
    from numerics.pruning.spectral import random_rotation

    turned, rotation = rotated(network, random_rotation(inputs.shape[1], seed, inputs.dtype))
    there = rotation(inputs)
    few = slice(0, 200)
    differ = float((turned(there[few]) - network(inputs[few])).detach().abs().max())
    metrics = [diagonal(n, x) for n, x in ((network, inputs), (turned, there))]
    traces = [float(m[ENCODER].double().sum()) for m in metrics]
    cuts = [prune(n, m, cutoff=cutoff, layers=[ENCODER]) for n, m in zip((network, turned), metrics)]
    return Turned(differ, abs(traces[1] / traces[0] - 1), cuts[0].removed, cuts[1].removed, cuts[0].total)


@dataclass(frozen=True)
class OverSeeds:
    """What the talk's cut costs over several networks: relative test error at the talk's share.

    Attributes:
        values: rule -> one relative error for each seed.
    """

    values: dict[str, tuple[float, ...]]

    @property
    def count(self) -> int:
        """How many networks."""
        return len(next(iter(self.values.values())))

    def mean(self, rule: str) -> float:
        """Mean relative error of a rule."""
        return sum(self.values[rule]) / self.count

    def error(self, rule: str) -> float:
        """Standard error of that mean; infinite for one network."""
        if self.count < 2:
            return math.inf
        mean = self.mean(rule)
        return math.sqrt(sum((v - mean) ** 2 for v in self.values[rule]) / (self.count - 1) / self.count)

    def shown(self, rule: str) -> str:
        """Mean and error as text."""
        return f"{self.mean(rule):.3f} ± {self.error(rule):.3f}"


def _summary_file() -> Path:
    from numerics import mnist

    return mnist.cache_folder() / "pruning" / "talk-over-seeds.json"


def keep(data: Any) -> None:
    """Write down what a comparison over seeds gave at its smallest share, for the ledger of later runs."""
    from symrg.files import write_atomically

    at = data.relative.isel(fraction=0)
    values = {str(rule): [float(v) for v in at.sel(rule=rule).values] for rule in data.rule.values}
    content = {"version": __version__, "images": int(data.attrs["images"]), "source": data.attrs["source"],
               "share": float(data.fraction.values[0]), "relative": values}  # fmt: skip
    _summary_file().parent.mkdir(parents=True, exist_ok=True)
    write_atomically(_summary_file(), json.dumps(content, indent=1))


def kept(images: int, source: str, share: float) -> OverSeeds | None:
    """What `keep` wrote, where it is there and of these digits, this share and this version; nothing is trained."""
    try:
        content = json.loads(_summary_file().read_text("utf-8"))
        same = (content["version"], content["images"], content["source"]) == (__version__, images, source)
        values = {str(rule): tuple(float(v) for v in row) for rule, row in content["relative"].items()}
        known = same and abs(content["share"] - share) < 1e-3 and {"fisher", "random"} <= {*values}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    sound = known and len({len(v) for v in values.values()}) == 1 and len(values["fisher"]) > 1
    return OverSeeds(values) if sound and all(math.isfinite(v) for row in values.values() for v in row) else None


def over_seeds(count: int, progress: Progress | None = None) -> list[Block]:
    """The talk's network and the harder one over several seeds, mean and standard error: a table and a figure of each.

    What a seed gave is kept in the cache, so that a second run, or one after an interruption, goes on from there.
    """
    from numerics import figures, mnist
    from numerics.pruning import experiment

    digits = mnist.load()
    blocks: list[Block] = []
    for setting, what in (
        ("talk", "The talk's network, weights of the encoder removed"),
        ("sigmoid", "A sigmoid 784-10-784 without biases, weights of both layers removed"),
    ):
        data = experiment(
            digits, setting, seeds=range(count), store=mnist.cache_folder() / "pruning", progress=progress
        )
        if setting == "talk":
            keep(data)
        columns = ("rule", *(f"{100 * f:.1f} %" for f in data.fraction.values))
        rows = []
        for rule in data.rule.values:
            part = data.sel(rule=rule)
            cells = [f"{m:.3f} ± {e:.3f}" for m, e in zip(part["mean"].values, part.standard_error.values)]
            rows.append((WORDS[str(rule)], *cells))
        caption = f"{what}: test error relative to the unpruned network, mean and standard error of {count} seeds."
        drawn = figures.seeds(data, caption)
        figure = Figure(drawn.svg(), drawn.alt, caption, f"Seeds, {setting}", pdf=pdf_of(drawn.canvas))
        blocks += [Table(columns, tuple(rows), caption), figure]
    return blocks
