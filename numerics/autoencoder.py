"""The networks of the pruning experiment, their training, and checkpoints.

The talk's network is Linear(784, 20), ReLU, Linear(20, 784), ReLU with biases: 32,164 parameters, of which the
784 x 20 = 15,680 weights of the encoder are the ones that the talk counts and cuts. The harder one is a sigmoid
784-10-784 without biases: 15,680 weights in all, and every one of them counts.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from symrg.errors import DataError, TrainingFailure
from symrg.files import NotWritten, whole_file

Progress = Callable[[int, int, str], None]
"""Called as progress(done, total, what)."""


def talk_network(seed: int = 0, *, latent: int = 20, pixels: int = 784) -> nn.Sequential:
    """The talk's autoencoder, Linear-ReLU-Linear-ReLU with biases, initialised from the seed."""
    return _autoencoder(seed, pixels, latent, nn.ReLU, bias=True)


def sigmoid_network(seed: int = 0, *, latent: int = 10, pixels: int = 784) -> nn.Sequential:
    """The harder autoencoder: Linear-Sigmoid-Linear-Sigmoid without biases, initialised from the seed."""
    return _autoencoder(seed, pixels, latent, nn.Sigmoid, bias=False)


def _autoencoder(seed: int, pixels: int, latent: int, activation: type[nn.Module], *, bias: bool) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = OrderedDict(
            encoder=nn.Linear(pixels, latent, bias=bias),
            encoder_activation=activation(),
            decoder=nn.Linear(latent, pixels, bias=bias),
            decoder_activation=activation(),
        )
        return nn.Sequential(layers)


@dataclass(frozen=True)
class Trained:
    """What training gives.

    Attributes:
        network: in eval mode.
        losses: the mean squared error of each step that this call took, in order.
        first_step: the step at which this call began: 0, or that of the checkpoint it resumed from.
    """

    network: nn.Module
    losses: tuple[float, ...]
    first_step: int


def train(
    network: nn.Module,
    inputs: torch.Tensor,
    *,
    steps: int = 600,
    batch_size: int = 1000,
    learning_rate: float = 1e-3,
    seed: int = 0,
    masks: Mapping[str, torch.Tensor] | None = None,
    checkpoint: str | Path | None = None,
    every: int = 100,
    progress: Progress | None = None,
) -> Trained:
    """Train an autoencoder in place: Adam on the mean squared error of reconstruction.

    The batch of a step follows from the seed and the step alone, so a resumed run takes the steps that an
    uninterrupted one would have taken.

    Args:
        network: maps (B, n) to (B, n).
        inputs: shape (N, n).
        steps: in all, those before a resumed checkpoint included.
        batch_size: N at most is used.
        learning_rate: of Adam; betas and epsilon are torch's.
        seed: of the shuffling.
        masks: {parameter name: bool tensor}; weights outside a mask are held at zero.
        checkpoint: file to resume from where it exists, and to write every `every` steps and at the end.
        every: steps between checkpoints.
        progress: called after each step as progress(step, steps, text).

    Raises:
        TrainingFailure: the loss or a weight is not finite; the message says at which step.
        DataError: the checkpoint is damaged or belongs to another network or run; inputs or masks do not fit.
    """
    if steps < 0 or batch_size < 1 or every < 1 or not learning_rate > 0:
        raise TrainingFailure(
            f"steps = {steps}, batch_size = {batch_size}, every = {every}, learning_rate = {learning_rate}: "
            "expected steps of 0 or more and positive values of the others"
        )
    _check_fit(network, inputs)
    parameters = dict(network.named_parameters())
    held = _held(parameters, masks or {})
    optimiser = torch.optim.Adam(parameters.values(), lr=learning_rate)
    run: dict[str, object] = {
        "seed": seed,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "images": len(inputs),
    }
    if held:
        run["masks"] = hashlib.sha256(b"".join(held[n].cpu().numpy().tobytes() for n in sorted(held))).hexdigest()[:16]
    start = 0
    if checkpoint is not None and Path(checkpoint).exists():
        start = _resume(Path(checkpoint), network, optimiser, run)
    losses: list[float] = []
    network.train()
    for step in range(start, steps):
        batch = inputs[_batch(step, len(inputs), batch_size, seed)]
        optimiser.zero_grad()
        loss = nn.functional.mse_loss(network(batch), batch)
        value = loss.item()
        if not math.isfinite(value):
            raise TrainingFailure(
                f"the loss is {value} at step {step} of {steps}; "
                + (
                    "inputs hold values that are not finite"
                    if not inputs.isfinite().all()
                    else "lower the learning rate"
                )
            )
        loss.backward()
        optimiser.step()
        _hold(parameters, held)
        losses.append(value)
        if checkpoint is not None and ((step + 1) % every == 0 or step + 1 == steps):
            _require_finite(parameters, step)
            _save_checkpoint(Path(checkpoint), parameters, optimiser, step + 1, run)
        if progress is not None:
            progress(step + 1, steps, f"loss {value:.4f}")
    _require_finite(parameters, steps - 1)
    network.eval()
    return Trained(network, tuple(losses), start)


def train_talk_network(
    inputs: torch.Tensor,
    *,
    seed: int = 0,
    steps: int = 600,
    checkpoint: str | Path | None = None,
    progress: Progress | None = None,
) -> Trained:
    """The talk's network, trained as its authors did: Adam at 1e-3, batches of 1,000."""
    return train(talk_network(seed), inputs, steps=steps, seed=seed, checkpoint=checkpoint, progress=progress)


def train_sigmoid_network(
    inputs: torch.Tensor,
    *,
    seed: int = 0,
    steps: int = 600,
    checkpoint: str | Path | None = None,
    progress: Progress | None = None,
) -> Trained:
    """The harder network, trained as the talk's: Adam at 1e-3, batches of 1,000."""
    return train(sigmoid_network(seed), inputs, steps=steps, seed=seed, checkpoint=checkpoint, progress=progress)


def _check_fit(network: nn.Module, inputs: torch.Tensor) -> None:
    """Refuse what is no batch of images that the network reconstructs."""
    if inputs.dim() < 2 or len(inputs) == 0:
        raise DataError(f"inputs have shape {tuple(inputs.shape)}: give at least one image, one a row")
    try:
        with torch.no_grad():
            shape = network(inputs[:2]).shape
    except RuntimeError as e:
        raise DataError(
            f"inputs of shape {tuple(inputs.shape)} do not fit the network ({str(e).splitlines()[0]})"
        ) from e
    if shape != inputs[:2].shape:
        raise DataError(
            f"the network maps {tuple(inputs.shape[1:])} to {tuple(shape[1:])}: an autoencoder keeps the shape"
        )


def _held(parameters: Mapping[str, torch.Tensor], masks: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Where weights are held at zero, by parameter."""
    held = {}
    for name, mask in masks.items():
        if name not in parameters or mask.shape != parameters[name].shape or mask.dtype != torch.bool:
            expected = tuple(parameters[name].shape) if name in parameters else "no such parameter"
            raise DataError(f"mask of {name}: {mask.dtype} of shape {tuple(mask.shape)}; expected bool, {expected}")
        held[name] = ~mask.to(parameters[name].device)
    _hold(parameters, held)
    return held


def _hold(parameters: Mapping[str, torch.Tensor], held: Mapping[str, torch.Tensor]) -> None:
    with torch.no_grad():
        for name, gone in held.items():
            parameters[name].masked_fill_(gone, 0)


def save_weights(
    path: str | Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write named tensors as safetensors, atomically: to a file beside, which then takes the place of the old one.

    Raises:
        NotWritten: no permission, no space, or a folder that is a file.
    """
    content = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    with whole_file(path) as temporary:
        try:
            save_file(content, temporary, metadata=dict(metadata or {}))
        except SafetensorError as e:
            raise NotWritten(f"cannot write {path}: {e}; choose another folder or free space") from e


def load_weights(path: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Named tensors and metadata of a safetensors file.

    Raises:
        DataError: the file is missing, truncated or not a safetensors file.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            return {k: file.get_tensor(k) for k in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as e:
        raise DataError(f"{path} is not a readable safetensors file ({e}); it may be truncated: write it again") from e


def load_network(path: str | Path, network: nn.Module) -> nn.Module:
    """Fill a network with the weights of a file that `save_weights` or `train` wrote; returns it in eval mode.

    Raises:
        DataError: the file is damaged, or names or shapes differ from the network's.
    """
    tensors, _ = load_weights(path)
    _fill(Path(path), network, {k.removeprefix("network."): v for k, v in tensors.items() if not k.startswith("adam.")})
    return network.eval()


def reconstruct(network: nn.Module, inputs: torch.Tensor, batch_size: int = 1000) -> torch.Tensor:
    """The network's outputs, without gradients, batch by batch."""
    with torch.no_grad():
        return torch.cat([network(b) for b in inputs.split(batch_size)])


def mean_squared_error(network: nn.Module, inputs: torch.Tensor) -> float:
    """Mean over images and pixels of the squared reconstruction error.

    Raises:
        DataError: there are no images, or the network does not reconstruct images of their shape.
    """
    _check_fit(network, inputs)
    return nn.functional.mse_loss(reconstruct(network, inputs), inputs).item()


def generate(network: nn.Sequential, inputs: torch.Tensor, count: int, seed: int = 0) -> torch.Tensor:
    """New images, shape (count, n): the decoder applied to codes drawn from the Gaussian that fits those of `inputs`.

    The network is used as a generative model: everything up to the module `decoder` encodes, the rest decodes. Drawn
    codes are cut off at the range that the codes of `inputs` have, unit by unit (a ReLU code is never negative).

    Raises:
        DataError: the network has no child named `decoder`.
    """
    children = OrderedDict(network.named_children())
    if "decoder" not in children:
        raise DataError(f"the network's children are {', '.join(children)}: name the first decoding layer `decoder`")
    position = list(children).index("decoder")
    encode, decode = network[:position], network[position:]
    with torch.no_grad():
        codes = encode(inputs).double()
        centred = codes - codes.mean(0)
        values, vectors = torch.linalg.eigh(centred.T @ centred / len(codes))
        noise = torch.randn(count, codes.shape[1], dtype=codes.dtype, generator=torch.Generator().manual_seed(seed))
        drawn = codes.mean(0) + noise * values.clamp(min=0).sqrt() @ vectors.T
        return decode(drawn.clamp(codes.amin(0), codes.amax(0)).to(inputs.dtype))


def _batch(step: int, images: int, batch_size: int, seed: int) -> torch.Tensor:
    """Indices of a step's batch: each epoch is one permutation, drawn from (seed, epoch)."""
    size = min(batch_size, images)
    per_epoch = images // size
    epoch, place = divmod(step, per_epoch)
    generator = torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**63)
    return torch.randperm(images, generator=generator)[place * size : (place + 1) * size]


def _require_finite(parameters: Mapping[str, torch.Tensor], step: int) -> None:
    for name, value in parameters.items():
        if not value.isfinite().all():
            raise TrainingFailure(f"parameter {name} is not finite after step {step}; lower the learning rate")


def _save_checkpoint(
    path: Path,
    parameters: Mapping[str, torch.Tensor],
    optimiser: torch.optim.Adam,
    step: int,
    run: Mapping[str, object],
) -> None:
    tensors = {f"network.{name}": p for name, p in parameters.items()}
    for name, p in parameters.items():
        state = optimiser.state[p]
        tensors |= {f"adam.{key}.{name}": torch.as_tensor(value) for key, value in state.items()}
    save_weights(path, tensors, {"step": str(step), "run": json.dumps(run, sort_keys=True)})


def _resume(path: Path, network: nn.Module, optimiser: torch.optim.Adam, run: Mapping[str, object]) -> int:
    tensors, metadata = load_weights(path)
    try:
        step, recorded = int(metadata["step"]), json.loads(metadata["run"])
    except (KeyError, ValueError) as e:
        raise DataError(f"{path} is no checkpoint of training (no step or run in it); give another file") from e
    different = [f"{k} = {recorded.get(k)} there, {v} here" for k, v in run.items() if recorded.get(k) != v]
    if different:
        raise DataError(f"{path} belongs to another run: {'; '.join(different)}; remove it or give another file")
    _fill(path, network, {k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")})
    for name, p in network.named_parameters():
        state = {k.split(".")[1]: v for k, v in tensors.items() if k.startswith("adam.") and k.split(".", 2)[2] == name}
        if state:
            optimiser.state[p] = state
    return step


def _fill(path: Path, network: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    expected = dict(network.named_parameters())
    for name, p in expected.items():
        if name not in tensors:
            raise DataError(f"{path} lacks {name}; it holds {', '.join(tensors) or 'nothing'}")
        if tensors[name].shape != p.shape:
            raise DataError(f"{path}: {name} has shape {tuple(tensors[name].shape)}, the network's is {tuple(p.shape)}")
        if tensors[name].dtype != p.dtype:
            raise DataError(f"{path}: {name} is {tensors[name].dtype}, the network's is {p.dtype}; convert one of them")
        if not tensors[name].isfinite().all():
            raise DataError(f"{path}: {name} holds values that are not finite; write the file anew")
    with torch.no_grad():
        for name, p in expected.items():
            p.copy_(tensors[name])
