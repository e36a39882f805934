"""A torch module as a chain of layers that the closed forms understand.

The module is traced (torch.fx), so Sequential containers and forward methods of one's own work alike. Where values
branch (skip connections) or parameters are shared, the part concerned becomes one layer (`graph.py`). What has no rule
is refused by name; `method="autograd"` of the estimators takes anything.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from numerics.fisher.block import Block
from numerics.fisher.graph import MODULES, Part, as_block, flowing, is_shape_query, module_block, obstacle, split
from numerics.fisher.layers import Convolution, Coupling, Elementwise, Layer, Linear, Reshape, Scale, step
from symrg.errors import InvalidEstimator, UnsupportedLayer

_ADVICE = 'numerics.fisher.diagonal(..., method="autograd") takes any module'

_SMOOTH = (
    nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Softplus, nn.Softsign, nn.LogSigmoid, nn.Tanhshrink,
    nn.LeakyReLU, nn.Hardtanh, nn.ReLU6, nn.Hardsigmoid, nn.Hardswish, nn.Softshrink, nn.Hardshrink, nn.Threshold,
)  # fmt: skip
_POOLS = (
    nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.MaxPool1d, nn.MaxPool2d,
    nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d,
)  # fmt: skip
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)

_SETTINGS = ("alpha", "negative_slope", "beta", "threshold", "approximate")

Rule = Callable[[Tensor, Tensor], Tensor]
_SLOPES: dict[str, Rule] = {
    "relu": lambda x, y: step(x),
    "sigmoid": lambda x, y: torch.addcmul(y, y, y, value=-1),
    "tanh": lambda x, y: torch.addcmul(torch.ones((), dtype=y.dtype, device=y.device), y, y, value=-1),
}
_FUNCTIONS: dict[Any, tuple[str, Callable[..., Tensor]]] = {}
for _name in ("relu", "sigmoid", "tanh"):
    for _home in (torch, functional):
        if hasattr(_home, _name):
            _FUNCTIONS[getattr(_home, _name)] = (_name, getattr(torch, _name))
for _name in ("elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "softsign", "logsigmoid", "leaky_relu",
              "hardtanh", "relu6", "hardsigmoid", "hardswish"):  # fmt: skip
    _FUNCTIONS[getattr(functional, _name)] = (_name, getattr(functional, _name))
for _name in ("sin", "cos", "exp", "square"):
    _FUNCTIONS[getattr(torch, _name)] = (_name, getattr(torch, _name))
_METHODS = {"relu": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh}


@dataclass(frozen=True)
class Chain:
    """Layers in the order in which they act.

    Attributes:
        layers: at least one.
        parameters: every parameter of the network by name, those that no layer uses included.
    """

    layers: tuple[Layer, ...]
    parameters: dict[str, Tensor]

    def activations(self, x: Tensor, last: bool = True) -> list[Tensor]:
        """The input, then each layer's output.

        Where the outputs themselves are not wanted (`last` is False) and the last layer's slope follows from its
        input, its input stands in their place: same shape, one pass over the widest tensor saved.

        Raises:
            InvalidEstimator: a layer cannot take the values that reach it; it is named.
        """
        values = [x]
        top = self.layers[-1]
        skip = not last and isinstance(top, Elementwise) and top.is_step
        for layer in self.layers[:-1] if skip else self.layers:
            try:
                values.append(layer(values[-1]))
            except (RuntimeError, IndexError, ValueError, TypeError) as e:
                raise InvalidEstimator(
                    f"inputs of shape {tuple(x.shape)} do not fit the network: layer {layer.name or '(the only one)'} "
                    f"cannot take values of shape {tuple(values[-1].shape)} ({str(e).splitlines()[0]})"
                ) from e
        return [*values, values[-1]] if skip else values


def trace(network: nn.Module, inputs: Tensor | None = None) -> Chain:
    """The chain of layers of a module.

    Args:
        network: to be traced.
        inputs: samples, with which it is tried whether parts without a rule act on each sample by itself.

    Raises:
        UnsupportedLayer: a layer has no rule, is in training mode where that matters, or lets samples mix.
    """
    if not isinstance(network, nn.Module):
        raise UnsupportedLayer(f"expected a torch.nn.Module, given {type(network).__name__}")
    parameters = {name: p.detach() for name, p in network.named_parameters()}
    names = {id(p): name for name, p in network.named_parameters()}
    if type(network).__module__.startswith("torch.nn") and not isinstance(network, nn.Sequential):
        layers = list(_from_module("", network, names))
    else:
        try:
            graph = fx.Tracer().trace(network)
        except Exception as e:  # whatever the forward method raises on a proxy
            detail = str(e).splitlines()[0] if str(e) else type(e).__name__
            raise UnsupportedLayer(f"{type(network).__name__} cannot be traced ({detail}); {_ADVICE}") from e
        layers = list(_walk(network, graph, names))
    if not layers:
        raise UnsupportedLayer(f"{type(network).__name__} has no layers")
    used = [n for layer in layers for n in layer.parameters]
    if len(used) != len(set(used)):
        twice = ", ".join(sorted({n for n in used if used.count(n) > 1}))
        raise UnsupportedLayer(f"{twice}: used by several layers in a way that cannot be followed; {_ADVICE}")
    chain = Chain(tuple(layers), parameters)
    if inputs is not None:
        _try_blocks(chain, inputs)
    return chain


def _refuse(name: str, what: str, why: str) -> NoReturn:
    raise UnsupportedLayer(f"layer {name or '(the network itself)'} ({what}): {why}; {_ADVICE}")


def _walk(network: nn.Module, graph: fx.Graph, names: dict[int, str]) -> Iterator[Layer]:
    sources = [n for n in graph.nodes if n.op == "placeholder"]
    for extra in sources[1:]:
        if extra.users:
            _refuse(str(extra.target), "input", "the network has more than one input")
    if not sources:
        _refuse("", type(network).__name__, "it takes no input")
    nodes = flowing(graph, sources[0])
    (output,) = (n for n in graph.nodes if n.op == "output")
    if output.args[0] is not nodes[-1]:
        _refuse("output", type(output.args[0]).__name__, "the output is not the value of the last layer alone")
    flows = set(nodes)
    for node in nodes[:-1]:
        if not any(u in flows for u in node.users):
            _refuse(node.name, str(node.target), "its result is not used")
    for part in split(network, nodes, names):
        yield from _from_part(network, part, names)


def _from_part(network: nn.Module, part: Part, names: dict[int, str]) -> Iterator[Layer]:
    first = part.nodes[0]
    if len(part.nodes) == 1 and [n for n in first.all_input_nodes if not is_shape_query(n)] == [part.source]:
        if first.op == "call_module":
            yield from _from_module(str(first.target), network.get_submodule(str(first.target)), names)
            return
        known = list(_from_function(first))
        if known:
            yield from known
            return
    for node in part.nodes:
        _check_operation(network, node, names)
    label = " to ".join(dict.fromkeys(_place(n) for n in (first, part.result)))
    try:
        yield as_block(network, part, names, label)
    except ValueError as e:
        _refuse(label, "part of the network", str(e))


def _place(node: fx.Node) -> str:
    return str(node.target) if node.op == "call_module" else node.name


def _check_operation(network: nn.Module, node: fx.Node, names: dict[int, str]) -> None:
    """Refuse an operation that may not be part of a block."""
    if node.op == "call_module":
        module = network.get_submodule(str(node.target))
        list(_from_module(str(node.target), module, names))
        return
    why = obstacle(node)
    if why is not None:
        _refuse(node.name, getattr(node.target, "__name__", str(node.target)), why)


def _try_blocks(chain: Chain, inputs: Tensor) -> None:
    """Refuse a block whose outputs for one sample depend on another, or on chance."""
    if not any(isinstance(layer, Block) for layer in chain.layers):
        return
    with torch.no_grad():
        other = 0.5 * inputs[-1:] + 0.1
        values = chain.activations(torch.cat([inputs[:1], other]))
        for layer, x, y in zip(chain.layers, values, values[1:]):
            if not isinstance(layer, Block):
                continue
            try:
                alone = layer(x[:1])
            except (RuntimeError, ValueError, IndexError) as e:
                first = str(e).splitlines()[0]
                _refuse(layer.name, "part of the network", f"it does not take a single sample ({first})")
            if len(y) != len(x) or alone.shape != y[:1].shape:
                _refuse(layer.name, "part of the network", f"it makes {tuple(y.shape)} of {tuple(x.shape)}")
            scale = y[:1].abs().max().clamp(min=torch.finfo(y.dtype).tiny)
            if float((alone - y[:1]).abs().max() / scale) > 1e3 * torch.finfo(y.dtype).eps:
                _refuse(layer.name, "part of the network", "its output for a sample depends on the other samples")


def _from_function(node: fx.Node) -> Iterator[Layer]:
    """The layer of a function or method; none where there is no rule of its own."""
    target, rest = node.target, node.args[1:]
    if node.op == "call_method" and target in _METHODS:
        yield Elementwise(node.name, _METHODS[str(target)], _SLOPES[str(target)], target == "relu", str(target))
    elif target in (torch.flatten, "flatten"):
        yield _flatten(node.name, *_dimensions(node, rest))
    elif target in ("view", "reshape", torch.reshape):
        shape = rest[0] if len(rest) == 1 and isinstance(rest[0], (tuple, list)) else rest
        yield _reshape(node, tuple(shape))
    elif target is functional.dropout:
        if node.kwargs.get("training", rest[1] if len(rest) > 1 else True) is not False:
            _refuse(node.name, "dropout", "it is in training mode: trace the network after network.eval()")
        yield Reshape(node.name, _identity)
    elif target in (functional.avg_pool2d, functional.max_pool2d, functional.adaptive_avg_pool2d):
        yield Coupling(node.name, _with(target, rest, node.kwargs))
    elif target in _FUNCTIONS:
        name, function = _FUNCTIONS[target]
        kwargs = {k: v for k, v in node.kwargs.items() if k != "inplace"}
        plain = not rest and not kwargs
        yield Elementwise(
            node.name,
            _with(function, rest, kwargs),
            _SLOPES.get(name) if plain else None,
            is_step=name == "relu",
            kind=name if plain else "",
        )


def _with(function: Any, args: Any, kwargs: Any) -> Callable[[Tensor], Tensor]:
    return lambda x: function(x, *args, **kwargs)


def _identity(x: Tensor) -> Tensor:
    return x


def _dimensions(node: fx.Node, rest: Any) -> tuple[int, int]:
    start = node.kwargs.get("start_dim", rest[0] if rest else 0)
    end = node.kwargs.get("end_dim", rest[1] if len(rest) > 1 else -1)
    return int(start), int(end)


def _flatten(name: str, start: int, end: int) -> Reshape:
    if start == 0:
        _refuse(name, "flatten", "it merges the samples: start at dimension 1")
    return Reshape(name, lambda x: x.flatten(start, end))


def _reshape(node: fx.Node, shape: tuple[Any, ...]) -> Reshape:
    rest = shape[1:]
    first_is_batch = isinstance(shape[0], fx.Node) or shape[0] == -1
    if not first_is_batch or any(isinstance(n, fx.Node) for n in rest) or (shape[0] == -1 and -1 in rest):
        _refuse(
            node.name, str(node.target), f"the shape {shape} may merge samples: write (x.shape[0], ...) or flatten(1)"
        )
    return Reshape(node.name, lambda x: x.reshape(len(x), *rest))


def _from_module(target: str, module: nn.Module, names: dict[int, str]) -> Iterator[Layer]:
    kind = type(module).__name__
    if module._forward_hooks or module._forward_pre_hooks:
        _refuse(target, kind, "it carries hooks, whose effect has no rule")
    owned = {role: names[id(p)] for role, p in module.named_parameters(recurse=False)}
    tensors = {names[id(p)]: p.detach() for p in module.parameters(recurse=False)}
    if type(module) is nn.Linear:
        yield Linear(target, owned["weight"], owned.get("bias"), tensors)
    elif type(module) in (nn.Conv1d, nn.Conv2d):
        yield _convolution(target, module, owned, tensors)
    elif type(module) in (nn.ReLU, nn.Sigmoid, nn.Tanh):
        name = kind.lower()
        yield Elementwise(target, getattr(torch, name), _SLOPES[name], name == "relu", name)
    elif type(module) in _SMOOTH:
        settings = {k: getattr(module, k) for k in _SETTINGS if hasattr(module, k)}
        yield Elementwise(target, _not_in_place(module), kind=kind.lower(), settings=settings)
    elif isinstance(module, nn.Identity):
        yield Reshape(target, _identity)
    elif type(module) in _DROPOUTS:
        if module.training and getattr(module, "p", 0):
            _refuse(target, kind, "it is in training mode, so outputs are random: call network.eval()")
        yield Reshape(target, _identity)
    elif type(module) is nn.Flatten:
        yield _flatten(target, int(module.start_dim), int(module.end_dim))
    elif type(module) is nn.Unflatten:
        if module.dim == 0:
            _refuse(target, kind, "it splits the samples")
        yield Reshape(target, module)
    elif type(module) in _POOLS:
        if getattr(module, "return_indices", False):
            _refuse(target, kind, "return_indices is set")
        yield Coupling(target, module)
    elif type(module) in (nn.Softmax, nn.LogSoftmax):
        if module.dim in (0, None):
            _refuse(target, kind, f"dim = {module.dim}: give dim=1 or later, so that samples stay apart")
        yield Coupling(target, module)
    elif type(module) in _NORMS:
        yield _batch_norm(target, module, owned, tensors)
    elif type(module) is nn.LayerNorm:
        yield from _layer_norm(target, module, owned, tensors)
    elif type(module) is nn.GroupNorm:
        yield from _group_norm(target, module, owned, tensors)
    elif type(module) in MODULES:
        if module.training and type(module) is nn.RReLU:
            _refuse(target, kind, "it is in training mode, so outputs are random: call network.eval()")
        if module.training and getattr(module, "track_running_stats", False):
            _refuse(target, kind, "it updates its statistics: call network.eval()")
        if getattr(module, "return_indices", False):
            _refuse(target, kind, "return_indices is set")
        yield module_block(target, module, names)
    else:
        _refuse(target, kind, "there is no rule for it")


def _not_in_place(module: nn.Module) -> nn.Module:
    if getattr(module, "inplace", False):
        module = copy.copy(module)
        module.inplace = False
    return module


def _convolution(target: str, module: Any, owned: dict[str, str], tensors: dict[str, Tensor]) -> Convolution:
    window = module.kernel_size
    if module.padding == "same":
        totals = [d * (k - 1) for d, k in zip(module.dilation, window)]
        pairs = [(t // 2, t - t // 2) for t in totals]
    elif module.padding == "valid":
        pairs = [(0, 0)] * len(window)
    else:
        pairs = [(p, p) for p in module.padding]
    padding = tuple(n for pair in reversed(pairs) for n in pair)
    mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
    return Convolution(
        target,
        owned["weight"],
        owned.get("bias"),
        tensors,
        module.stride,
        padding,
        module.dilation,
        module.groups,
        mode,
    )


def _batch_norm(target: str, module: Any, owned: dict[str, str], tensors: dict[str, Tensor]) -> Scale:
    if module.training or module.running_mean is None:
        _refuse(
            target,
            type(module).__name__,
            "it uses the statistics of the batch: call network.eval() on one that tracks them",
        )
    shift, scale = module.running_mean.detach(), (module.running_var.detach() + module.eps).rsqrt()
    return Scale(target, owned.get("weight"), owned.get("bias"), tensors, True, shift, scale)


def _layer_norm(target: str, module: Any, owned: dict[str, str], tensors: dict[str, Tensor]) -> Iterator[Layer]:
    shape, eps = tuple(module.normalized_shape), module.eps
    yield Coupling(target, lambda x: functional.layer_norm(x, shape, eps=eps))
    if owned:
        yield Scale(target, owned.get("weight"), owned.get("bias"), tensors, channels_first=False)


def _group_norm(target: str, module: Any, owned: dict[str, str], tensors: dict[str, Tensor]) -> Iterator[Layer]:
    groups, eps = module.num_groups, module.eps
    yield Coupling(target, lambda x: functional.group_norm(x, groups, eps=eps))
    if owned:
        yield Scale(target, owned.get("weight"), owned.get("bias"), tensors, channels_first=True)
