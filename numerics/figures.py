"""The figures of the pruning experiment, as the talk shows them.

Every figure is a `Figure`: a matplotlib figure with a caption and a text for those who cannot see it. Colours are
those of Okabe and Ito, told apart by colour-blind readers; curves differ in marker and dash as well.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn

from numerics.autoencoder import reconstruct
from symrg.errors import DataError

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from numerics.pruning.rows import Row

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#000000", "#E69F00")
_MARKERS, _DASHES = "osD^vPX", ("-", "--", "-.", ":", "-", "--", "-.")
_NAMES = {
    "fisher": r"Fisher $I_{ii}$ (the talk's)",
    "information_length": r"information length $I_{ii} w_i^2$",
    "magnitude": r"magnitude $|w_i|$",
    "random": "random",
    "block": r"block $w_i^2/[F^{-1}]_{ii}$",
    "kronecker": "Kronecker-factored block",
    "shells": "shells, the rest re-solved",
    "shells, data": "shells, Gauss-Newton on the data",
    "block shells": "block saliency in shells, the rest re-solved",
    "block shells, data": "block shells, Gauss-Newton on the data",
}


@dataclass(frozen=True)
class Figure:
    """A drawing with its words.

    Attributes:
        canvas: the matplotlib figure.
        caption: below it.
        alt: what it shows, for those who cannot see it.
    """

    canvas: Canvas
    caption: str
    alt: str

    def svg(self) -> str:
        """The figure as an SVG element with title and description, without the XML header; same input, same text."""
        import matplotlib

        buffer = io.StringIO()
        with matplotlib.rc_context({"svg.hashsalt": "symrg", "svg.fonttype": "path"}):
            self.canvas.savefig(
                buffer,
                format="svg",
                metadata={"Date": None, "Title": self.caption, "Description": self.alt, "Creator": None},
            )
        text = buffer.getvalue()
        return text[text.index("<svg") :]

    def save(self, path: str | Path) -> Path:
        """Write the figure; the suffix .svg, .png or .pdf says how.

        Raises:
            DataError: another suffix.
        """
        path = Path(path)
        if path.suffix not in (".svg", ".png", ".pdf"):
            raise DataError(f"{path}: expected a name that ends in .svg, .png or .pdf")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".svg":
            path.write_text(self.svg(), encoding="utf-8")
        else:
            self.canvas.savefig(path, dpi=160)
        return path


def images(pictures: Tensor, caption: str, *, columns: int = 10, alt: str | None = None) -> Figure:
    """A grid of 28 x 28 images, shape (count, 784), dark on light."""
    count = len(pictures)
    rows = -(-count // columns)
    canvas, axes = _canvas(1.0 * columns * 0.62, rows * 0.62, rows, columns)
    for place, axis in enumerate(np.atleast_1d(axes).flat):
        axis.set_axis_off()
        if place < count:
            axis.imshow(pictures[place].reshape(28, 28).detach().cpu().numpy(), cmap="gray_r", vmin=0, vmax=1)
    canvas.subplots_adjust(0, 0, 1, 1, 0.04, 0.04)
    return Figure(
        canvas, caption, alt or f"{count} images of 28 by 28 pixels in {rows} row{'s' if rows != 1 else ''}: {caption}"
    )


def reconstructions(
    source: Tensor, networks: Mapping[str, nn.Module], caption: str, *, labels: Sequence[int] | None = None
) -> Figure:
    """Source images in the first row, and below it what each network makes of them.

    Args:
        source: shape (count, 784).
        networks: {row label: network}.
        caption: of the figure.
        labels: digits shown, for the text.
    """
    pictures = [("source", source), *((name, reconstruct(n, source)) for name, n in networks.items())]
    count = len(source)
    canvas, axes = _canvas(0.62 * count + 2.3, 0.66 * len(pictures), len(pictures), count)
    grid = np.asarray(axes).reshape(len(pictures), count)
    for row, (name, values) in enumerate(pictures):
        for column in range(count):
            axis = grid[row, column]
            axis.set_xticks([])
            axis.set_yticks([])
            for spine in axis.spines.values():
                spine.set_visible(False)
            axis.imshow(values[column].reshape(28, 28).detach().cpu().numpy(), cmap="gray_r", vmin=0, vmax=1)
        grid[row, 0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    left = 2.3 / (0.62 * count + 2.3)
    canvas.subplots_adjust(left, 0.01, 0.99, 0.99, 0.04, 0.04)
    shown = "" if labels is None else f" of the digits {', '.join(str(d) for d in labels)}"
    alt = f"Rows of {count} images{shown}. From the top: {'; '.join(name for name, _ in pictures)}."
    return Figure(canvas, caption, alt)


def error_curves(rows: Sequence[Row], caption: str, *, against: str = "removed", talk: int | None = None) -> Figure:
    """Mean squared error against the number removed, or against the cutoff, one curve a rule.

    Args:
        rows: from `numerics.pruning.sweep`.
        caption: of the figure.
        against: "removed" or "cutoff".
        talk: a number of removed weights to mark.

    Raises:
        DataError: no rows, or an unknown `against`.
    """
    if against not in ("removed", "cutoff"):
        raise DataError(f'against = {against!r}: expected "removed" or "cutoff"')
    if not rows:
        raise DataError("there are no rows to draw")
    canvas, axis = _canvas(6.2, 3.8)
    words = []
    rules = list(dict.fromkeys(r.rule for r in rows))
    for number, rule in enumerate(rules):
        points = sorted(((getattr(r, against), r.error) for r in rows if r.rule == rule), key=lambda p: p[0])
        points = [p for p in points if np.isfinite(p[0])]
        if not points:
            continue
        x, y = zip(*points)
        axis.plot(x, y, color=_COLOURS[number % 7], marker=_MARKERS[number % 7], ls=_DASHES[number % 7], ms=4,
                  lw=1.4, label=_NAMES.get(rule, rule))  # fmt: skip
        words.append(f"{rule}: from {y[0]:.4f} at {x[0]:g} to {y[-1]:.4f} at {x[-1]:g}")
    if talk is not None and against == "removed":
        axis.axvline(talk, color="0.6", lw=0.8)
        axis.annotate(f"the talk: {talk:,}", (talk, axis.get_ylim()[1]), xytext=(-4, -4), textcoords="offset points",
                      ha="right", va="top", fontsize=8, color="0.35")  # fmt: skip
    axis.set_xlabel("weights removed" if against == "removed" else r"cutoff $\Lambda$")
    if against == "cutoff":
        axis.set_xscale("symlog", linthresh=1e-4)
    axis.set_ylabel("mean squared error, test images")
    _plain(axis)
    axis.legend(frameon=False, fontsize=8)
    canvas.tight_layout()
    return Figure(canvas, caption, f"Mean squared error against {against}. " + "; ".join(words) + ".")


def fisher_histogram(values: Tensor, caption: str, *, cutoff: float | None = None, zeros: str = "") -> Figure:
    """Histogram of diagonal Fisher elements on a logarithmic axis; exact zeros are a bar of their own.

    Args:
        values: of any shape, not negative.
        caption: of the figure.
        cutoff: marked by a line.
        zeros: words on where the zeros come from.

    Raises:
        DataError: a negative value or one that is not finite, or nothing but zeros.
    """
    flat = values.detach().double().cpu().numpy().reshape(-1)
    if not np.isfinite(flat).all() or (flat < 0).any():
        raise DataError("diagonal Fisher elements are finite and not negative; these are not")
    positive, none = flat[flat > 0], int((flat == 0).sum())
    if positive.size == 0:
        raise DataError("all elements are zero: there is no histogram to draw")
    low, high = np.floor(np.log10(positive.min())), np.ceil(np.log10(positive.max()))
    edges = np.logspace(low, max(high, low + 1), 61)
    canvas, axis = _canvas(6.2, 3.6)
    axis.hist(positive, bins=edges, color=_COLOURS[0], label=f"different from zero: {positive.size:,}")
    axis.set_xscale("log")
    axis.set_yscale("log")
    if none:
        left = edges[0] / (edges[-1] / edges[0]) ** 0.10
        axis.bar(left, none, width=left * 0.5, color=_COLOURS[1], label=f"exactly zero: {none:,}")
    if cutoff is not None:
        axis.axvline(cutoff, color="black", lw=1, ls="--", label=rf"$\Lambda$ = {cutoff:g}")
    ticks = [10.0**k for k in range(int(low), int(high) + 1) if (k - int(high)) % 2 == 0]
    names = [f"$10^{{{round(np.log10(t))}}}$" for t in ticks]
    if none:
        ticks, names = [left, *ticks], ["0", *names]
    axis.set_xticks(ticks, names)
    axis.minorticks_off()
    axis.set_xlabel(r"diagonal element $I_{ii}$")
    axis.set_ylabel("number of weights")
    _plain(axis)
    axis.legend(frameon=False, fontsize=8)
    canvas.tight_layout()
    middle = np.median(positive)
    cause = f" ({zeros})" if zeros else ""
    alt = (
        f"Histogram of {flat.size:,} diagonal Fisher elements. {none:,} are exactly zero{cause}; the others reach from "
        f"{positive.min():.2g} to {positive.max():.2g}, with median {middle:.2g}."
    )
    if cutoff is not None:
        alt += f" {int((flat < cutoff).sum()):,} lie below the cutoff {cutoff:g}."
    return Figure(canvas, caption, alt)


def seeds(data: Any, caption: str) -> Figure:
    """Relative error against the share removed, mean and standard error over seeds.

    From `numerics.pruning.experiment`.
    """
    canvas, axis = _canvas(6.2, 3.8)
    words = []
    for number, rule in enumerate(data.rule.values):
        part = data.sel(rule=rule)
        axis.errorbar(100 * part.fraction, part["mean"], yerr=part.standard_error.fillna(0), color=_COLOURS[number % 7],
                      marker=_MARKERS[number % 7], ls=_DASHES[number % 7], ms=4, lw=1.4, capsize=2,
                      label=_NAMES.get(str(rule), str(rule)))  # fmt: skip
        words.append(f"{rule}: {', '.join(f'{v:.3f}' for v in part['mean'].values)}")
    axis.set_xlabel("weights removed, per cent")
    axis.set_ylabel("test error over that of the unpruned network")
    _plain(axis)
    axis.legend(frameon=False, fontsize=8)
    canvas.tight_layout()
    shares = ", ".join(f"{100 * f:.1f}" for f in data.fraction.values)
    return Figure(canvas, caption, f"Relative error at {shares} per cent removed. " + "; ".join(words) + ".")


def _canvas(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Canvas, Any]:
    """A figure that no window and no global state knows of."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(width, height))
    FigureCanvasAgg(canvas)
    return canvas, canvas.subplots(rows, columns)


def _plain(axis: Any) -> None:
    axis.spines["top"].set_visible(False)
    axis.spines["right"].set_visible(False)
    axis.grid(alpha=0.25, lw=0.5)
