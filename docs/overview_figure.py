"""Draws docs/_static/overview.svg, the picture of the README: a model's geometry, its diffusion, a pruned network.

`python docs/overview_figure.py` takes about half a minute, most of it for training the network.
"""

import json
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt
import sympy as sp

import numerics
from numerics import plots
from symrg import FokkerPlanck, StatisticalModel

TARGET = Path(__file__).parent / "_static" / "overview.svg"
FRACTIONS = (0.2, 0.4, 0.55, 0.648, 0.75, 0.85, 0.95)


def normal_model():
    """Normal distributions: the upper half-plane."""
    y, mu = sp.symbols("y mu", real=True)
    sigma = sp.Symbol("sigma", positive=True)
    log_density = -((y - mu) ** 2) / (2 * sigma**2) - sp.log(sigma) - sp.log(2 * sp.pi) / 2
    return StatisticalModel(log_density, sample=y, parameters=(mu, sigma))


def draw_geometry(axes):
    """Ellipses of the Fisher metric and geodesics."""
    geometry = normal_model().manifold()
    plots.geodesics(geometry, (0, 1), directions=16, length=1.0, axes=axes)
    points = [(m, s) for m in (-1.5, 0, 1.5) for s in (0.5, 1, 1.5, 2)]
    plots.metric_ellipses(geometry, points, radius=0.16, axes=axes)
    axes.set(title="1  A model, and its Fisher metric", xlim=(-2.1, 2.1), ylim=(0.2, 2.9))
    axes.legend().remove()


def draw_diffusion(axes):
    """The posterior of normal data in the inverse time, solved and in closed form."""
    mu = sp.Symbol("mu", real=True)
    tau = sp.Symbol("tau", positive=True)
    posterior = sp.exp(-(mu**2) / (2 * tau)) / sp.sqrt(2 * sp.pi * tau)
    equation = FokkerPlanck(mu, 0, sp.Rational(1, 2), time=tau)
    density = numerics.solve(
        equation, {mu: (-4, 4)}, (400,), initial=posterior, start=0.05, times=[0.05, 0.1, 0.2, 0.5, 1]
    )
    plots.density(density, times=5, exact=posterior.subs(tau, sp.Symbol("t")), axes=axes)
    axes.set(title="2  Its diffusion, solved (dots: exact)", xlim=(-3, 3))
    labels = [line.get_text().replace("t =", r"$\tau$ =") for line in axes.get_legend().get_texts()]
    for text, label in zip(axes.get_legend().get_texts(), labels):
        text.set_text(label)


def draw_pruning(axes):
    """Test error of the autoencoder against the share of its weights that is removed."""
    command = [sys.executable, "-m", "symrg", "prune", "--json", "--rule", "fisher", "--rule", "random"]
    for fraction in FRACTIONS:
        command += ["--fraction", str(fraction)]
    rows = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["rows"]
    for rule, label, colour, marker in (
        ("random", "at random", plots.COLOURS[1], "s"),
        ("fisher", "smallest Fisher metric", plots.COLOURS[0], "o"),
    ):
        points = [(100 * r["removed"] / r["total"], r["relative"]) for r in rows if r["rule"] == rule]
        axes.plot(*zip((0, 1), *points), color=colour, marker=marker, markersize=4, label=label)
    axes.set(title="3  A network, pruned by its metric", xlabel="weights removed (%)", ylabel="test error, relative")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)


def main():
    """Draw the three panels and write the file."""
    style = {"svg.hashsalt": "symrg", "font.size": 9, "axes.titlesize": 10, "axes.titlelocation": "left"}
    with mpl.rc_context(style):
        figure, panels = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
        for axes, draw in zip(panels, (draw_geometry, draw_diffusion, draw_pruning)):
            axes.grid(alpha=0.25, linewidth=0.6)
            axes.spines[["top", "right"]].set_visible(False)
            draw(axes)
        figure.patch.set_facecolor("white")
        plots.save(panels[0], TARGET)


if __name__ == "__main__":
    main()
