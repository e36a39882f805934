"""The diagonal of a network's Fisher metric, exact and in a few passes.

For a layer z = W a + b the entry of W_ji is the mean over samples of M_jj a_i^2, where M is the metric of the outputs,
H, pulled back to z. M stays diagonal down to the top layer and closes in one pass for the next, M_jj = phi'^2 sum_k
m_k W_kj^2; below that it is held by as many columns as the narrowest width above (`columns.py`). A convolution's
parameter acts at many positions of one sample, so there the columns meet the windows first and are squared after.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import torch
from torch import Tensor, nn

from numerics.fisher.autograd import diagonal_by_autograd, diagonal_by_backward_passes
from numerics.fisher.block import PARAMETRIC, Block
from numerics.fisher.chain import Chain, trace
from numerics.fisher.columns import PulledMetric, quadratic_diagonal
from numerics.fisher.distributed import add_up
from numerics.fisher.layers import Elementwise, Layer, Linear, ParametricLayer, Reshape, Scale, times
from numerics.fisher.likelihood import Likelihood
from symrg.errors import InvalidEstimator, UnsupportedLayer

Progress = Callable[[int, int, str], None]

METHODS = ("closed", "autograd", "backward")
_MEMORY = 2**21  # bytes that the largest tensor of a batch may take; small enough for the processor's cache to help
_KEPT_BY_ALLOCATOR = 2**24


def diagonal(
    network: nn.Module,
    inputs: Tensor,
    targets: Tensor | None = None,
    kind: str = "true",
    likelihood: str = "gaussian",
    variance: float = 1.0,
    *,
    method: str = "closed",
    batch_size: int | None = None,
    distributed: bool = True,
    progress: Progress | None = None,
) -> dict[str, Tensor]:
    """Diagonal of the Fisher metric: the sum over outputs and the mean over samples, at the network's parameters.

    Args:
        network: of linear layers, convolutions, activations, pooling and normalisation in eval mode. Skip connections,
            shared weights and layers without a rule of their own cost a backward pass a sample and column.
        inputs: samples along the first axis.
        targets: for kind="empirical": shaped like the outputs, or class numbers for "categorical".
        kind: "true", the expectation over the model's own output distribution, J^T H J; or "empirical", the mean of the
            squared score at the observed targets.
        likelihood: "gaussian", "bernoulli" or "categorical" (`likelihood.py` states each).
        variance: of the Gaussian.
        method: "closed" (this module), "autograd" (per-sample Jacobians by automatic differentiation, any module,
            slow) or "backward" (one backward pass of automatic differentiation for each output, linear layers only).
        batch_size: samples at a time; None chooses by memory. Memory does not grow with the number of samples.
        distributed: under an initialised process group, take the mean over the samples of all processes.
        progress: called as progress(samples done, samples, text).

    Returns:
        {parameter name: tensor of the parameter's shape}, in the parameters' type.

    Raises:
        UnsupportedLayer: the closed form has no rule for a layer; it is named.
        InvalidEstimator: unknown kind, likelihood or method; targets missing, superfluous or of the wrong shape.
    """
    rule = Likelihood(likelihood, variance)
    check_arguments(network, inputs, targets, kind, batch_size)
    if method not in METHODS:
        raise InvalidEstimator(f"method {method!r}: expected one of {', '.join(METHODS)}")
    inputs = as_network_type(network, inputs)
    keep_freed_memory()
    if method != "closed":
        _probe(network, inputs)
    if method == "autograd":
        parts = diagonal_by_autograd(network, inputs, targets, rule, batch_size)
    elif method == "backward":
        parts = diagonal_by_backward_passes(network, trace(network), inputs, targets, rule, batch_size)
    else:
        parts = _closed(trace(network, inputs), inputs, targets, rule, batch_size)
    sums = {n: torch.zeros(p.shape, dtype=torch.float64, device=p.device) for n, p in network.named_parameters()}
    count = 0
    for size, part in parts:
        for name, value in part.items():
            sums[name] += value
        count += size
        if progress is not None:
            progress(count, len(inputs), f"Fisher diagonal, {method}")
    sums, count = add_up(sums, count, distributed)
    if not all(bool(v.isfinite().all()) for v in sums.values()):
        raise InvalidEstimator(
            "the metric is not finite: inputs, targets or parameters hold values that are not, or overflow"
        )
    return {n: (sums[n] / count).to(p.dtype) for n, p in network.named_parameters()}


def keep_freed_memory() -> None:
    """Let the C library keep freed blocks of up to 16 MiB for the next batch, rather than fetch fresh pages for each.

    glibc hands memory back to the system above a size that adapts to the largest block freed so far; fresh pages, which
    fault one by one, were measured to cost five times the arithmetic. Nothing is written, so nothing is taken.
    """
    torch.empty(_KEPT_BY_ALLOCATOR, dtype=torch.uint8)


def check_arguments(
    network: nn.Module, inputs: Tensor, targets: Tensor | None, kind: str, batch_size: int | None = None
) -> None:
    """Refuse what is no network or tensor, and a combination of kind and targets that has no meaning.

    Raises:
        InvalidEstimator: with what was expected.
    """
    if not isinstance(network, nn.Module):
        raise InvalidEstimator(f"network: expected a torch.nn.Module, given {type(network).__name__}")
    if batch_size is not None and batch_size < 1:
        raise InvalidEstimator(f"batch_size = {batch_size}: expected 1 or more, or None to choose by memory")
    if targets is not None and not isinstance(targets, Tensor):
        raise InvalidEstimator(f"targets: expected a tensor, given {type(targets).__name__}")
    if kind not in ("true", "empirical"):
        raise InvalidEstimator(f'kind {kind!r}: expected "true" or "empirical"')
    if not isinstance(inputs, Tensor) or inputs.dim() < 2 or len(inputs) == 0:
        shape = tuple(inputs.shape) if isinstance(inputs, Tensor) else type(inputs).__name__
        raise InvalidEstimator(
            f"inputs: expected a tensor with at least one sample along its first axis, given {shape}"
        )
    if kind == "empirical" and targets is None:
        raise InvalidEstimator("the empirical Fisher metric is taken at observed targets: give targets")
    if kind == "true" and targets is not None:
        raise InvalidEstimator(
            'the true Fisher metric does not depend on targets: leave them out, or ask for kind="empirical"'
        )
    if targets is not None and len(targets) != len(inputs):
        raise InvalidEstimator(f"{len(targets)} targets for {len(inputs)} inputs")


def as_network_type(network: nn.Module, inputs: Tensor) -> Tensor:
    """Inputs in the type and on the device of the network's parameters."""
    p = next(network.parameters(), None)
    if p is None:
        raise InvalidEstimator(f"{type(network).__name__} has no parameters, so no Fisher metric")
    if inputs.is_complex() or not p.is_floating_point():
        raise InvalidEstimator(f"inputs are {inputs.dtype} and parameters {p.dtype}: expected real numbers")
    inputs = inputs.to(device=p.device, dtype=p.dtype)
    for name, values in (("inputs", inputs), *((f"parameter {n}", q) for n, q in network.named_parameters())):
        if not _is_finite(values):
            raise InvalidEstimator(f"{name}: holds values that are not finite; mend or remove them")
    return inputs


def _is_finite(values: Tensor) -> bool:
    """One sum where all is well; the entries are looked at only where the sum is not finite."""
    values = values.detach()
    return bool(values.sum().isfinite()) or bool(values.isfinite().all())


def _probe(network: nn.Module, inputs: Tensor) -> None:
    """Pass two samples through the module, together and alone.

    So inputs of a wrong shape, outputs that are no tensor, and samples that mix are refused in words.
    """
    pair = torch.cat([inputs[:1], 0.5 * inputs[-1:] + 0.1])
    try:
        with torch.no_grad():
            together, alone = network(pair), network(inputs[:1])
    except (RuntimeError, IndexError, ValueError, TypeError) as e:
        raise InvalidEstimator(
            f"inputs of shape {tuple(inputs.shape)} do not fit the network ({str(e).splitlines()[0]})"
        ) from e
    if not isinstance(together, Tensor):
        raise InvalidEstimator(f"the network gives a {type(together).__name__}; expected one tensor of outputs")
    if together.shape[1:] != alone.shape[1:] or len(together) != 2:
        raise InvalidEstimator(f"the network gives outputs of shape {tuple(together.shape)} for 2 samples")
    far = (together[:1] - alone).abs().max() > 1e3 * torch.finfo(alone.dtype).eps * together.abs().max()
    if bool(far):
        raise UnsupportedLayer(
            "the network's outputs for a sample are random or depend on the other samples (dropout or normalisation "
            "in training mode?): call network.eval()"
        )


def _closed(
    chain: Chain, inputs: Tensor, targets: Tensor | None, rule: Likelihood, batch_size: int | None
) -> Iterator[tuple[int, dict[str, Tensor]]]:
    with torch.no_grad():
        size = batch_size or choose_batch(chain, inputs, one_column=targets is not None)
        needs_outputs = targets is not None or rule.name != "gaussian"
        for start in range(0, len(inputs), size):
            values = chain.activations(inputs[start : start + size], last=needs_outputs)
            f = rule.as_outputs(values[-1])
            if targets is None:
                yield len(f), _true_sums(chain, values, rule)
            else:
                y = rule.as_targets(targets[start : start + size], f)
                metric = PulledMetric(chain, values, rule, columns=rule.residual(f, y)[:, None])
                yield len(f), _column_sums(chain, values, metric)


def choose_batch(chain: Chain, inputs: Tensor, *, one_column: bool = False, per_sample: int = 0) -> int:
    """Samples at a time, so that the largest tensor stays within a fixed memory.

    Args:
        chain: the layers.
        inputs: of which the first is passed through to learn the sizes.
        one_column: whether one column is pulled back rather than as many as the narrowest width above.
        per_sample: elements that each sample and column needs beside the activations.
    """
    values = chain.activations(inputs[:1])
    widths = [v[0].numel() for v in values]
    parametric = [i for i, layer in enumerate(chain.layers) if layer.parameters]
    if not parametric:
        raise InvalidEstimator("no layer of the network has parameters, so there is no Fisher metric")
    served = parametric if per_sample else _served_by_columns(chain, values)
    columns = 1 if one_column else max((min(widths[i + 1 :]) for i in served), default=1)
    elements = [max(widths[min(parametric) + 1 :]), per_sample * columns, widths[0]]
    for i in served:
        narrow = min(range(i + 1, len(widths)), key=lambda k: (widths[k], k))
        elements.append((1 if one_column else widths[narrow]) * max(widths[i + 1 : narrow + 1]))
    for i in parametric:
        layer = chain.layers[i]
        if isinstance(layer, PARAMETRIC) and layer.mixes_positions(values[i]):
            elements += [columns * p.numel() for p in layer.parameters.values()]
    return max(1, min(512, _MEMORY // (max(elements) * inputs.element_size())))


def _served_by_columns(chain: Chain, values: list[Tensor]) -> list[int]:
    """The layers that the diagonal does not reach: below the two top ones, or at many positions below the first."""
    mixing, served = 0, []
    for i in reversed(range(len(chain.layers))):
        layer = chain.layers[i]
        if isinstance(layer, PARAMETRIC) and layer.parameters:
            below = mixing and (mixing > 1 or layer.mixes_positions(values[i]))
            if below or isinstance(layer, Block):
                served.append(i)
        if not isinstance(layer, (Elementwise, Reshape, Scale)):
            mixing += 1
    return served


def _true_sums(chain: Chain, values: list[Tensor], rule: Likelihood) -> dict[str, Tensor]:
    """Sums over one batch: the diagonal passed down while it closes, columns from there on."""
    sums: dict[str, Tensor] = {}
    metric = PulledMetric(chain, values, rule)
    for i, h, closed in _descend(chain, values, rule):
        layer, x = chain.layers[i], values[i]
        if isinstance(layer, PARAMETRIC) and layer.parameters:
            mixes = layer.mixes_positions(x)
            if h is not None and (closed or not mixes) and not isinstance(layer, Block):
                sums.update(layer.from_diagonal(x, h))
            elif not mixes:
                sums.update(layer.from_diagonal(x, metric.diagonal(i + 1)))
            else:
                sums.update(_column_gradients(layer, x, *metric.at(i + 1)))
    return sums


def _descend(chain: Chain, values: list[Tensor], rule: Likelihood) -> Iterator[tuple[int, Tensor | None, bool]]:
    """(i, h, closed) from the top layer down to the lowest with parameters.

    h is the diagonal of M at the output of layer i, or None where it takes columns to know; `closed` says that M is
    diag(h), and does not merely have it as its diagonal.
    """
    closed = rule.name != "categorical"
    h = rule.diagonal(values[-1].flatten(1)).reshape(values[-1].shape) if closed else None
    lowest = min(i for i, layer in enumerate(chain.layers) if layer.parameters)
    for i in reversed(range(lowest, len(chain.layers))):
        yield i, h, closed
        if i > lowest:
            h, closed = _pull(chain.layers[i], values[i], values[i + 1], h, closed)


def metric_diagonals(
    chain: Chain, values: list[Tensor], rule: Likelihood, layers: Collection[int]
) -> Iterator[tuple[int, Tensor]]:
    """(i, diagonal of M at the output of layer i) for the layers asked for, from the top down."""
    metric = PulledMetric(chain, values, rule)
    for i, h, _ in _descend(chain, values, rule):
        if i in layers:
            yield i, metric.diagonal(i + 1) if h is None else h


def _pull(layer: Layer, x: Tensor, y: Tensor, h: Tensor | None, closed: bool) -> tuple[Tensor | None, bool]:
    """The diagonal of M below a layer, where it follows from the diagonal above; None where it does not."""
    if h is None:
        return None, False
    if isinstance(layer, Reshape):
        return h.reshape(x.shape), closed
    if isinstance(layer, Elementwise):
        slope = layer.slope(x, y)
        return times(h, slope if layer.is_step else slope.square_()), closed
    if isinstance(layer, Scale):
        return h * layer.slope(x, y).square(), closed
    if closed and isinstance(layer, Linear):
        return layer.squared_pull(x, h), False
    return None, False


def _column_sums(chain: Chain, values: list[Tensor], metric: PulledMetric) -> dict[str, Tensor]:
    """Sums over one batch with every layer served by columns."""
    sums: dict[str, Tensor] = {}
    for i in reversed(range(len(chain.layers))):
        layer, x = chain.layers[i], values[i]
        if not isinstance(layer, PARAMETRIC) or not layer.parameters:
            continue
        if layer.mixes_positions(x):
            sums.update(_column_gradients(layer, x, *metric.at(i + 1)))
        else:
            sums.update(layer.from_diagonal(x, metric.diagonal(i + 1)))
    return sums


def _column_gradients(
    layer: ParametricLayer, x: Tensor, columns: Tensor, inner: Tensor | None
) -> Iterator[tuple[str, Tensor]]:
    for name, g in layer.gradients(x, columns):
        yield name, quadratic_diagonal(g, inner).sum(0)
