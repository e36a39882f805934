r"""An ensemble of finite cosine networks: correlation functions with error bars, and what an information cutoff leaves.

The networks are those of `symrg.erg.cosine_network`. Means over networks are exact in expectation at every width; the
errors are standard errors over independent networks (for the connected four-point function by the jackknife over
batches). Information is measured on each network: the diagonal Fisher information of its readout weights at inputs
drawn at random.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from numerics.codegen import compile as compile_expressions
from symrg.erg.cosine_network import MOMENTUM, CosineNetwork
from symrg.errors import InvalidArguments, InvalidEquation

_BATCHES = 50


@dataclass(frozen=True)
class Measured:
    """A number and its standard error."""

    value: float
    error: float

    def agrees(self, expected: float, deviations: float = 4.0) -> bool:
        """Whether the expected value lies within so many standard errors."""
        return abs(self.value - expected) <= deviations * self.error


@dataclass(frozen=True, eq=False)
class CosineEnsemble:
    """Networks drawn from the prior.

    Attributes:
        readout: a_i f(w_i) / sqrt(N), shape (networks, width).
        amplitudes: f(w_i) / sqrt(N).
        frequencies: w_i, shape (networks, width, d).
        phases: b_i, shape (networks, width).
    """

    readout: np.ndarray
    amplitudes: np.ndarray
    frequencies: np.ndarray
    phases: np.ndarray

    def outputs(self, inputs: Any) -> np.ndarray:
        """phi at inputs of shape (points, d), or (points,) for d = 1: shape (networks, points)."""
        x = np.asarray(inputs, float)
        d = self.frequencies.shape[2]
        x = x[:, None] if x.ndim == 1 and d == 1 else x
        if x.ndim != 2 or x.shape[1] != d:
            raise InvalidArguments(f"inputs have shape {x.shape}; expected (points, {d})")
        found = np.empty((len(self.readout), len(x)))
        for k, place in enumerate(x):
            found[:, k] = (self.readout * np.cos(self.frequencies @ place + self.phases)).sum(axis=1)
        return found

    def two_point(self, one: Any, other: Any) -> Measured:
        """E[phi(x) phi(y)]."""
        values = np.prod(self.outputs(np.array([one, other], float)), axis=1)
        return Measured(float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))))

    def fourth_cumulant(self, positions: Any) -> Measured:
        """The connected four-point function at four places, with the jackknife error over batches of networks."""
        outputs = self.outputs(np.asarray(positions, float))
        if outputs.shape[1] != 4:
            raise InvalidArguments(f"a four-point function has four places, given {outputs.shape[1]}")
        batches = np.array_split(np.arange(len(outputs)), _BATCHES)
        pairs = outputs[:, :, None] * outputs[:, None, :]
        fours = np.prod(outputs, axis=1)
        sums = np.array([pairs[b].sum(axis=0) for b in batches])
        four = np.array([fours[b].sum() for b in batches])
        sizes = np.array([len(b) for b in batches])

        def connected(four_sum: float, pair_sum: np.ndarray, count: int) -> float:
            c = pair_sum / count
            return four_sum / count - (c[0, 1] * c[2, 3] + c[0, 2] * c[1, 3] + c[0, 3] * c[1, 2])

        whole = connected(four.sum(), sums.sum(axis=0), int(sizes.sum()))
        left_out = np.array(
            [
                connected(four.sum() - four[k], sums.sum(axis=0) - sums[k], int(sizes.sum() - sizes[k]))
                for k in range(_BATCHES)
            ]
        )
        error = math.sqrt((_BATCHES - 1) / _BATCHES * ((left_out - left_out.mean()) ** 2).sum())
        return Measured(float(whole), error)

    def information(self, inputs: Any, variance: float = 1.0) -> np.ndarray:
        """The diagonal Fisher information of every readout weight a_i, mean over the inputs: (networks, width)."""
        x = np.asarray(inputs, float)
        x = x[:, None] if x.ndim == 1 else x
        total = np.zeros(self.readout.shape)
        for place in x:
            total += np.cos(self.frequencies @ place + self.phases) ** 2
        return self.amplitudes**2 * total / (len(x) * variance)

    def above(self, threshold: float, inputs: Any, variance: float = 1.0) -> CosineEnsemble:
        """The networks without the weights whose information is less than the threshold."""
        kept = self.information(inputs, variance) >= threshold
        return replace(self, readout=np.where(kept, self.readout, 0.0))


def draw(network: CosineNetwork, width: int, count: int, seed: int = 0) -> CosineEnsemble:
    """Independent networks of a width.

    Args:
        network: with numbers for everything.
        width: N.
        count: of networks.
        seed: of the random numbers.

    Raises:
        InvalidEquation: symbols without a value.
    """
    left = network.amplitude_squared().free_symbols - {MOMENTUM}
    if left:
        raise InvalidEquation(f"give numbers for {', '.join(sorted(map(str, left)))} before drawing networks")
    if width < 1 or count < _BATCHES:
        raise InvalidArguments(f"width {width} and count {count}: expected 1 or more, and {_BATCHES} networks or more")
    rng = np.random.default_rng(seed)
    d = network.dimension
    direction = rng.standard_normal((count, width, d))
    direction /= np.linalg.norm(direction, axis=2, keepdims=True)
    radius = float(network.cutoff) * rng.random((count, width)) ** (1 / d)
    square = compile_expressions(network.amplitude_squared(), (MOMENTUM,))(radius)
    amplitudes = np.sqrt(np.broadcast_to(square, radius.shape) / width)
    weights = rng.standard_normal((count, width)) * math.sqrt(float(network.weight_variance))
    return CosineEnsemble(
        weights * amplitudes, amplitudes, direction * radius[..., None], rng.uniform(-np.pi, np.pi, (count, width))
    )
