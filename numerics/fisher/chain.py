"""A torch module as a chain of layers that the closed forms understand.

The module is traced (torch.fx), so Sequential containers and forward methods of one's own work alike, as long as each
value feeds exactly one layer. What has no rule is refused by name; `method="autograd"` of the estimators takes
anything.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from numerics.fisher.layers import Convolution, Coupling, Elementwise, Layer, Linear, Reshape, Scale, step
from symrg.errors import InvalidEstimator, UnsupportedLayer

_ADVICE = 'use method="autograd", which takes any module'

_SMOOTH = (
    nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Softplus, nn.Softsign, nn.LogSigmoid, nn.Tanhshrink,
    nn.LeakyReLU, nn.Hardtanh, nn.ReLU6, nn.Hardsigmoid, nn.Hardswish, nn.Softshrink, nn.Hardshrink, nn.Threshold,
)  # fmt: skip
_POOLS = (
    nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.MaxPool1d, nn.MaxPool2d,
    nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d,
)  # fmt: skip
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout)

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
            except (RuntimeError, IndexError, ValueError) as e:
                raise InvalidEstimator(
                    f"inputs of shape {tuple(x.shape)} do not fit the network: layer {layer.name or '(the only one)'} "
                    f"cannot take values of shape {tuple(values[-1].shape)} ({str(e).splitlines()[0]})"
                ) from e
        return [*values, values[-1]] if skip else values


def trace(network: nn.Module) -> Chain:
    """The chain of layers of a module.

    Raises:
        UnsupportedLayer: a layer has no rule, is in training mode where that matters, or the module is no chain.
    """
    if not isinstance(network, nn.Module):
        raise UnsupportedLayer(f"expected a torch.nn.Module, given {type(network).__name__}")
    parameters = {name: p.detach() for name, p in network.named_parameters()}
    names = {id(p): name for name, p in network.named_parameters()}
    if type(network).__module__.startswith("torch.nn") and not isinstance(network, nn.Sequential):
        return Chain(tuple(_from_module("", network, names)), parameters)
    try:
        graph = fx.Tracer().trace(network)
    except Exception as e:  # whatever the forward method raises on a proxy
        detail = str(e).splitlines()[0] if str(e) else type(e).__name__
        raise UnsupportedLayer(f"{type(network).__name__} cannot be traced ({detail}); {_ADVICE}") from e
    layers: list[Layer] = list(_walk(network, graph, names))
    seen: dict[str, str] = {}
    for layer in layers:
        for parameter in layer.parameters:
            if parameter in seen:
                raise UnsupportedLayer(
                    f"parameter {parameter} is used by {seen[parameter]} and again by {layer.name}: the closed form "
                    f"holds for parameters used once; {_ADVICE}"
                )
            seen[parameter] = layer.name
    if not layers:
        raise UnsupportedLayer(f"{type(network).__name__} has no layers")
    return Chain(tuple(layers), parameters)


def _refuse(name: str, what: str, why: str) -> NoReturn:
    raise UnsupportedLayer(f"layer {name or '(the network itself)'} ({what}): {why}; {_ADVICE}")


def _walk(network: nn.Module, graph: fx.Graph, names: dict[int, str]) -> Iterator[Layer]:
    value: fx.Node | None = None
    for node in graph.nodes:
        if node.op == "placeholder":
            if value is None:
                value = node
            elif node.users:
                _refuse(str(node.target), "input", "the network has more than one input")
        elif node.op == "output":
            if node.args[0] is not value:
                _refuse("output", type(node.args[0]).__name__, "the output is not the value of the last layer alone")
        elif node.op == "get_attr" or _is_shape_query(node):
            if node.op == "get_attr" and node.users:
                _refuse(str(node.target), "tensor", "a bare parameter or buffer is used outside a layer")
        else:
            inputs = [n for n in node.all_input_nodes if not _is_shape_query(n)]
            if inputs != [value]:
                _refuse(node.name, str(node.target), "its input is not the output of the layer before it")
            users = [u for u in value.users if not _is_shape_query(u)] if value is not None else []
            if len(users) > 1:
                _refuse(node.name, str(node.target), "the value before it feeds several layers")
            yield from _from_node(network, node, names)
            value = node


def _is_shape_query(node: fx.Node) -> bool:
    if node.op == "call_method" and node.target in ("size", "dim"):
        return True
    if node.op == "call_function" and node.target is getattr:
        return node.args[1] == "shape"
    if node.op == "call_function" and node.target is operator.getitem:
        first = node.args[0]
        return isinstance(first, fx.Node) and _is_shape_query(first)
    return False


def _from_node(network: nn.Module, node: fx.Node, names: dict[int, str]) -> Iterator[Layer]:
    if node.op == "call_module":
        yield from _from_module(str(node.target), network.get_submodule(str(node.target)), names)
        return
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
    elif target in (functional.softmax, torch.softmax, functional.log_softmax, functional.avg_pool2d,
                    functional.max_pool2d, functional.adaptive_avg_pool2d):  # fmt: skip
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
    else:
        _refuse(node.name, getattr(target, "__name__", str(target)), "there is no rule for it")


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
