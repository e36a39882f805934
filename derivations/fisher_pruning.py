"""Pruning by Fisher information: the talk's autoencoder on real MNIST digits.

The network is Linear(784, 20), ReLU, Linear(20, 784), ReLU with biases, 32,164 parameters; the talk's 15,680 are the
784 x 20 weights of its encoder, the only ones that are cut. The metric is the true Fisher metric of a Gaussian
likelihood of unit variance, summed over outputs, averaged over images.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from derivations.pruning_comparison import ENCODER, Comparison, OverSeeds, Turned, compare_rules, kept, over_seeds, turn
from derivations.report.content import Block, Chapter, Entry, Figure, Finding, Formula, Witness, pdf_of
from derivations.statement import TALK

if TYPE_CHECKING:
    from torch import Tensor, nn

title = "Pruning with the Fisher metric"

Progress = Callable[[int, int, str], None]

TALK_CUTOFF, TALK_REMOVED, TALK_TOTAL = 0.125, 10_168, 15_680
_SHOWN = 10


@dataclass(frozen=True)
class MetricComparison:
    """The diagonal Fisher metric by two routes: generated kernel of the symbolic formula, and automatic differentiation.

    Attributes:
        parameters: entries compared.
        largest: largest relative difference over the entries that are not zero.
        zeros: entries that are exactly zero in both.
        zeros_differ: entries that are zero in one only.
        images: over which the mean was taken.
    """

    parameters: int
    largest: float
    zeros: int
    zeros_differ: int
    images: int

    @property
    def agrees(self) -> bool:
        """To 1e-10, the same entries being exactly zero."""
        return self.largest <= 1e-10 and self.zeros_differ == 0


def compare(symbolic: dict[str, Any], automatic: dict[str, Tensor], images: int) -> MetricComparison:
    """Hold two diagonals against each other, entry by entry."""
    import numpy as np

    ours = np.concatenate([np.asarray(symbolic[name]).ravel() for name in automatic])
    theirs = np.concatenate([automatic[name].detach().numpy().ravel() for name in automatic])
    live = (ours != 0) & (theirs != 0)
    largest = float(np.max(np.abs(ours[live] - theirs[live]) / np.abs(theirs[live]), initial=0.0))
    differ = int(np.sum((ours == 0) != (theirs == 0)))
    return MetricComparison(len(ours), largest, int(np.sum((ours == 0) & (theirs == 0))), differ, images)


def experiment(
    seed: int = 0, progress: Progress | None = None, *, seeds: int = 1
) -> tuple[Chapter, tuple[Entry, ...], list[Finding]]:
    """Train, derive the metric, compare it with automatic differentiation, prune, draw.

    Args:
        seed: of the network and its training.
        progress: called as progress(done, total, text).
        seeds: with more than one, the comparison over that many seeds is added, two minutes of computing for each;
            what a seed gave is kept in the cache.

    Returns:
        the chapter of the report, its entries of the ledger, and rows for the summary.
    """
    import copy

    import torch

    from numerics import fisher, mnist
    from numerics.autoencoder import train_talk_network
    from numerics.pruning import sweep

    tell = progress or (lambda done, total, text: None)
    digits = mnist.load()
    training, test = digits.split(1000, seed=seed)
    inputs = training.inputs()
    network = train_talk_network(inputs, seed=seed, progress=tell).network
    formula = fisher.network_metric(network)
    exact = copy.deepcopy(network).double()
    double = training.inputs(torch.float64)
    symbolic = formula.evaluate(exact, double, progress=tell)
    automatic = fisher.diagonal(exact, double, method="backward", progress=tell)
    comparison = compare(symbolic, automatic, len(double))
    zeros = fisher.explain_zeros(exact, double)[ENCODER]
    values = torch.from_numpy(symbolic[ENCODER])
    held_out = test.inputs(torch.float64)
    cutoffs = [0.0, *(10.0**k for k in (-4, -3, -2, -1.5)), TALK_CUTOFF, 0.25, 0.5, 1.0, 2.0, 4.0]
    rows = sweep(
        exact,
        double,
        held_out,
        rules=("fisher", "information_length", "magnitude", "random"),
        cutoffs=cutoffs,
        layers=[ENCODER],
        seed=seed,
        progress=tell,
    )
    rules = compare_rules(network, training, test, (TALK_REMOVED / TALK_TOTAL, 0.8, 0.9, 0.95), seed, tell)
    turned = turn(network, inputs, TALK_CUTOFF, seed)
    blocks = _blocks(exact, formula, comparison, zeros, values, rows, rules, turned, test, held_out)
    if seeds > 1:
        blocks += over_seeds(seeds, tell)
    several = kept(len(digits), digits.source, TALK_REMOVED / TALK_TOTAL)
    entries, findings = _ledger(comparison, zeros, values, rows, rules, several)
    chapter = Chapter(title, tuple(blocks), "slides 21-27", "derivations/fisher_pruning.py")
    return chapter, entries, findings


def _blocks(
    network: nn.Module,
    formula: Any,
    comparison: MetricComparison,
    zeros: Any,
    values: Tensor,
    rows: list[Any],
    rules: Comparison,
    turned: Turned,
    test: Any,
    held_out: Tensor,
) -> list[Block]:
    from numerics import figures
    from numerics.autoencoder import generate
    from numerics.pruning import prune

    saliency = {ENCODER: values}
    at_talk = prune(network, saliency, cutoff=TALK_CUTOFF, layers=[ENCODER])
    as_many = prune(network, saliency, fraction=TALK_REMOVED / TALK_TOTAL, layers=[ENCODER])
    far = prune(network, saliency, fraction=0.95, layers=[ENCODER])
    shown = {
        "cutoff 0": network,
        f"cutoff {TALK_CUTOFF}": at_talk.network,
        "64.8 % removed": as_many.network,
        "95 % removed": far.network,
    }
    pick = [int((test.labels == k).nonzero()[0][0]) for k in range(_SHOWN)]
    drawn = [
        figures.images(held_out[pick], "Source images that the network has not seen in training."),
        figures.reconstructions(
            held_out[pick],
            shown,
            f"What the network makes of them: unpruned, at the talk's cutoff ({at_talk.removed:,} weights removed), with "
            "64.8 % removed, and far beyond.",
            labels=list(range(_SHOWN)),
        ),
        figures.images(
            generate(network, held_out, 2 * _SHOWN),
            "Images that the unpruned network generates (cutoff 0): its decoder on codes drawn from the Gaussian that "
            "fits the codes of real digits.",
        ),
        figures.images(
            generate(as_many.network, held_out, 2 * _SHOWN),
            "The same draws with 64.8 % of the encoder's weights removed by the talk's rule.",
        ),
        figures.error_curves(
            [r for r in rows if r.rule == "fisher"],
            "Mean squared error on test images against the cutoff on the diagonal Fisher metric.",
            against="cutoff",
        ),
        figures.error_curves(
            rows,
            "Mean squared error on test images against the number of encoder weights removed, by four rules.",
            talk=TALK_REMOVED,
        ),
        figures.fisher_histogram(
            values,
            "The diagonal Fisher elements of the encoder's weights.",
            cutoff=TALK_CUTOFF,
            zeros=_zeros_in_words(zeros),
        ),
    ]
    names = (
        "Source images",
        "Reconstructions by cutoff",
        "Generated at cutoff 0",
        "Generated with 64.8 % removed",
        "Error against cutoff",
        "Error against number",
        "Histogram",
    )
    return [
        " ".join((__doc__ or "").split("\n\n")[0].split()),
        " ".join((__doc__ or "").split("\n\n")[1].split()),
        Formula(
            formula.latex(),
            caption="The metric, derived from the network as a statistical model; every sum of it is a loop of a generated kernel.",
        ),
        f"The generated kernel and automatic differentiation agree on all {comparison.parameters:,} parameters over "
        f"{comparison.images:,} images: the largest relative difference is {comparison.largest:.1e}. "
        f"{comparison.zeros:,} entries are exactly zero in both. In the encoder: {_zeros_in_words(zeros)}.",
        *(
            Figure(f.svg() if k > 3 else _png(f), f.alt, f.caption, name, "svg" if k > 3 else "png", pdf_of(f.canvas))
            for k, (f, name) in enumerate(zip(drawn, names))
        ),
        "Equation (3) says what cutting a weight costs: setting $w_i$ to zero moves the model by a divergence of "
        r"$\frac{1}{2} \mathcal{I}_{ii} (w^i)^2$, which does not depend on how the weight is scaled, while "
        r"$\mathcal{I}_{ii}$ does. And a mode that is integrated out, rather than cut off, leaves its effect in the "
        "couplings of the others: here the remaining weights move to where the Fisher quadratic form of the whole "
        "displacement is least, shell by shell, without any retraining by gradients.",
        rules.table(
            "What removing encoder weights costs on images not seen in training, by rule; and how many of the "
            f"reconstructions a fixed classifier names rightly ({100 * rules.unpruned:.1f} % of those of the unpruned "
            f"network, {100 * rules.sources:.1f} % of the images themselves). One seed."
        ),
        _rotation_in_words(turned),
    ]


def _rotation_in_words(turned: Turned) -> str:
    return (
        "The argument of the talk is about eigenvalues of the metric, its practice about diagonal elements, and these "
        "depend on the basis. Turn the pixels by a random orthogonal matrix and the encoder's weights with them: the "
        f"network is the same function (outputs differ by {turned.outputs_differ:.1e}, the trace of the encoder's metric "
        f"by {turned.trace_differs:.1e} of itself), so eigenvalues and model are as they were. But the cutoff "
        f"{TALK_CUTOFF} on the diagonal now removes {turned.removed_turned:,} of {turned.total:,} weights, where it "
        f"removed {turned.removed:,} in the basis of pixels. The cut is a statement about the basis of pixels, in which "
        "images are sparse, and not about the model alone."
    )


def _png(figure: Any) -> bytes:
    import io

    buffer = io.BytesIO()
    figure.canvas.savefig(buffer, format="png", dpi=160)
    return buffer.getvalue()


def _zeros_in_words(zeros: Any) -> str:
    return (
        f"{zeros.dark:,} zeros from {zeros.dark_inputs} dark pixels, {zeros.dead:,} from {zeros.dead_units} dead units, "
        f"{zeros.both:,} from both, {zeros.apart:,} where pixel and unit are never lit together"
    )


def _ledger(
    comparison: MetricComparison,
    zeros: Any,
    values: Tensor,
    rows: list[Any],
    rules: Comparison,
    several: OverSeeds | None = None,
) -> tuple[tuple[Entry, ...], list[Finding]]:
    positive = values[values > 0].log10()
    spread = float(positive.quantile(0.99) - positive.quantile(0.01))
    share_zero = float((values == 0).double().mean())
    at_talk = next(r for r in rows if r.rule == "fisher" and r.cutoff == TALK_CUTOFF)
    as_many = next(r for r in rules.rows if r.rule == "fisher")
    random = next(r for r in rules.rows if r.rule == "random")
    agreement = Entry(
        "slide 21, metric",
        "The information metric of the weights",
        r"\mathcal{I}_{ii} = \frac{1}{N} \sum_n \sum_k \left( \frac{\partial f_k(x_n)}{\partial w^i} \right)^2",
        "holds" if comparison.agrees else "fails",
        reading="the true Fisher metric of a Gaussian likelihood of unit variance",
        reason=f"largest relative difference {comparison.largest:.1e} over {comparison.parameters:,} parameters",
        witnesses=(
            Witness("generated kernel of the symbolic formula", "holds", f"{comparison.images:,} images, float64"),
            Witness(
                "automatic differentiation", "holds" if comparison.agrees else "refuted", "one backward pass an output"
            ),
        ),
        source=f"{TALK}, slide 21",
        chapter=title,
        code="derivations/fisher_pruning.py",
    )
    hierarchy = Entry(
        "slide 21",
        "A clear hierarchy in information space",
        r"\mathcal{I}_{ii} \ \text{spans many orders of magnitude}",
        "holds" if spread > 2 else "fails",
        reading="the diagonal elements of the encoder's weights span more than two decades, from the 1st to the 99th per cent of "
        "those that are not zero; the talk gives no number, two decades are ours",
        reason=f"{spread:.1f} decades, and {100 * share_zero:.0f} per cent of the elements are exactly zero: {_zeros_in_words(zeros)}",
        witnesses=(
            Witness("measured", "holds" if spread > 2 else "refuted", f"one network, {comparison.images:,} images"),
        ),
        source=f"{TALK}, slide 21",
        chapter=title,
        code="derivations/fisher_pruning.py",
    )
    cost = _cost(as_many.relative, random.relative, at_talk, several)
    findings = [
        Finding(
            "Fisher metric of the network, symbolic against autograd",
            f"largest relative difference {comparison.largest:.1e} over {comparison.parameters:,} parameters",
            agreement.identifier,
        ),
        Finding(
            f"The talk's cutoff {TALK_CUTOFF}",
            f"{at_talk.removed:,} of {at_talk.total:,} weights removed ({100 * at_talk.removed / at_talk.total:.1f} %), "
            f"test error x {at_talk.relative:.3f}",
            cost.identifier,
        ),
        Finding(
            "90 % of the encoder's weights removed, test error relative to the unpruned network",
            f"the talk's rule {rules.relative('fisher', 2):.2f}, the covariant rule "
            f"{rules.relative('information_length', 2):.2f}, integrated out {rules.relative('shells', 2):.3f}, "
            f"and fitted to the data {rules.relative('shells, data', 2):.3f}",
            cost.identifier,
        ),
    ]
    return (agreement, hierarchy, cost), findings


HARDLY = 1.05
"""Relative test error up to which a cut is said to cost hardly anything: our reading, the talk gives no number."""


def _cost(fisher: float, random: float, at_talk: Any, several: OverSeeds | None) -> Entry:
    """The claim that 64.8 per cent can go, from the network at hand and from several where these were measured."""
    harmless = fisher < HARDLY < random
    status = "holds" if harmless else "fails"
    one = Witness(
        "one network",
        "holds" if harmless else "refuted",
        f"relative error {fisher:.3f} by the talk's rule, {random:.2f} at random, on test images; no error bar",
    )
    seen = [one]
    if several is None:
        basis = (
            "from one network, so without an error bar (`symrg reproduce --seeds 5` measures several, and later runs read "
            "what it found)"
        )
    else:
        low, high = (
            several.mean("fisher") + 2 * several.error("fisher"),
            several.mean("random") - 2 * several.error("random"),
        )
        clear, against = low < HARDLY < high, several.mean("fisher") - 2 * several.error("fisher") > HARDLY
        against |= several.mean("random") + 2 * several.error("random") < HARDLY
        outcome = "holds" if clear else "refuted" if against else "undecided"
        status = {"holds": "holds", "refuted": "fails", "undecided": "undecided"}[outcome]
        basis = f"from {several.count} networks, mean and standard error, held against {HARDLY} by two of these"
        text = f"relative error {several.shown('fisher')} by the talk's rule, {several.shown('random')} at random"
        seen.insert(0, Witness(f"{several.count} networks", outcome, text))
    return Entry(
        "slide 24",
        "Removing 64.8 per cent hardly costs anything",
        r"\Lambda = 0.125:\ 10168\ \text{of}\ 15680\ \text{parameters removed}\ (64.8\,\%)",
        status,
        reading="cutting the 64.8 per cent of encoder weights of least Fisher information raises the test error by less than "
        f"{100 * (HARDLY - 1):.0f} per cent, while cutting as many at random raises it by more; the number is ours, the talk "
        "shows a curve",
        reason=f"{seen[0].detail}; {basis}. Here the cutoff {TALK_CUTOFF} removes "
        f"{at_talk.removed:,} ({100 * at_talk.removed / at_talk.total:.1f} per cent): that number depends on the digits, the "
        "seed and the training, of which the talk says nothing",
        witnesses=tuple(seen),
        source=f"{TALK}, slide 24",
        chapter=title,
        code="derivations/fisher_pruning.py",
    )
