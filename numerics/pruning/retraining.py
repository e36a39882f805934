"""Retraining by gradients after a cut: what the other methods here do without, for comparison."""

from __future__ import annotations

import copy
from pathlib import Path

from torch import Tensor

from numerics.autoencoder import Progress, train
from numerics.pruning.cut import Pruned


def retrain(
    cut: Pruned,
    inputs: Tensor,
    *,
    steps: int = 200,
    batch_size: int = 1000,
    learning_rate: float = 1e-3,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    progress: Progress | None = None,
) -> Pruned:
    """Train the weights that a cut has left, by Adam on the mean squared error; what was removed stays at zero.

    Args:
        cut: of an autoencoder; unchanged.
        inputs: images.
        steps: of training.
        batch_size: of a step.
        learning_rate: of Adam.
        seed: of the shuffling.
        checkpoint: resumed from where it exists, as for `numerics.autoencoder.train`.
        progress: called after each step.

    Returns:
        The same masks and cutoff with the retrained network.

    Raises:
        TrainingFailure: the loss or a weight is not finite.
        DataError: inputs or checkpoint do not fit.
    """
    trained = train(
        copy.deepcopy(cut.network),
        inputs,
        steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
        masks=cut.masks,
        checkpoint=checkpoint,
        progress=progress,
    )
    return Pruned(trained.network, cut.masks, cut.cutoff)
