"""The traced graph of a network in parts, each with one input and one output.

A cut is a value through which everything below passes. Between two cuts lies one layer, or a part that branches (a
skip connection, a concatenation); parts that share a parameter are merged with what lies between them. A part with no
rule of its own is a `Block`, if every operation in it is known to act on each sample by itself.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from numerics.fisher.block import Block
from numerics.fisher.layers import Parameters

MODULES = (
    nn.PReLU, nn.RReLU, nn.GLU, nn.Softmin, nn.Softmax2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d,
    nn.ConvTranspose3d, nn.MaxPool3d, nn.AvgPool3d, nn.AdaptiveAvgPool3d, nn.AdaptiveMaxPool3d, nn.LPPool1d,
    nn.LPPool2d, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d, nn.LocalResponseNorm, nn.RMSNorm,
    nn.ZeroPad1d, nn.ZeroPad2d, nn.ConstantPad1d, nn.ConstantPad2d, nn.ReflectionPad1d, nn.ReflectionPad2d,
    nn.ReplicationPad1d, nn.ReplicationPad2d, nn.CircularPad1d, nn.CircularPad2d, nn.Upsample, nn.UpsamplingNearest2d,
    nn.UpsamplingBilinear2d, nn.PixelShuffle, nn.PixelUnshuffle, nn.ChannelShuffle, nn.Fold, nn.Unfold, nn.Bilinear,
)  # fmt: skip
"""Modules without a rule that act on each sample by itself (those that depend on the mode, in eval mode)."""

_EVERYWHERE = {
    operator.add, operator.sub, operator.mul, operator.truediv, operator.neg, operator.pow, operator.iadd,
    operator.isub, operator.imul, operator.itruediv, torch.add, torch.sub, torch.mul, torch.div, torch.neg, torch.pow,
    torch.maximum, torch.minimum, torch.abs, torch.sqrt, torch.rsqrt, torch.exp, torch.log, torch.log1p, torch.expm1,
    torch.sin, torch.cos, torch.tanh, torch.sigmoid, torch.relu, torch.clamp, torch.square, torch.erf, torch.where,
    torch.reciprocal, torch.lerp, functional.relu, functional.tanh, functional.sigmoid, functional.elu, functional.selu,
    functional.celu, functional.gelu, functional.silu, functional.mish, functional.softplus, functional.softsign,
    functional.logsigmoid, functional.leaky_relu, functional.hardtanh, functional.relu6, functional.hardsigmoid,
    functional.hardswish, functional.prelu, functional.linear, functional.conv1d, functional.conv2d, functional.conv3d,
    functional.conv_transpose1d, functional.conv_transpose2d, functional.layer_norm, functional.group_norm,
    functional.avg_pool1d, functional.avg_pool2d, functional.max_pool1d, functional.max_pool2d,
    functional.adaptive_avg_pool1d, functional.adaptive_avg_pool2d, functional.interpolate, functional.pad,
    functional.bilinear, "add", "sub", "mul", "div", "neg", "pow", "add_", "sub_", "mul_", "div_", "abs", "sqrt",
    "rsqrt", "exp", "log", "sin", "cos", "tanh", "sigmoid", "relu", "relu_", "clamp", "square", "contiguous", "float",
    "double", "clone",
}  # fmt: skip
"""Functions and methods that never look from one sample into another."""

_BY_DIMENSION = {
    torch.cat: 1, torch.concat: 1, torch.softmax: 1, functional.softmax: 1, functional.log_softmax: 1,
    functional.normalize: None, torch.mean: 1, torch.sum: 1, torch.var: 1, torch.std: 1, torch.amax: 1, torch.amin: 1,
    torch.logsumexp: 1, torch.unsqueeze: 1, torch.squeeze: 1, torch.chunk: 2, torch.split: 2, torch.cumsum: 1,
    torch.flip: 1, torch.roll: None, torch.flatten: 1, torch.transpose: (1, 2), torch.norm: 2,
    "softmax": 1, "mean": 1, "sum": 1, "var": 1, "std": 1, "amax": 1, "amin": 1, "logsumexp": 1, "unsqueeze": 1,
    "squeeze": 1, "chunk": 2, "split": 2, "cumsum": 1, "flip": 1, "flatten": 1, "transpose": (1, 2), "norm": 2,
}  # fmt: skip
"""Functions that act along dimensions, and the place of these among the arguments; 0 is that of the samples."""

_DIMENSION_NAMES = ("dim", "axis", "dims", "start_dim", "dim0", "dim1")


@dataclass(frozen=True)
class Part:
    """Nodes between two cuts, in order, with the value that they take and the one that they give."""

    nodes: tuple[fx.Node, ...]
    source: fx.Node
    names: frozenset[str]  # parameters used

    @property
    def result(self) -> fx.Node:
        """The last node."""
        return self.nodes[-1]


def is_shape_query(node: fx.Node) -> bool:
    """Whether a node asks for sizes, and for no values."""
    if node.op == "call_method" and node.target in ("size", "dim"):
        return True
    if node.op == "call_function" and node.target is getattr:
        return node.args[1] in ("shape", "dtype", "device")
    if node.op == "call_function" and node.target in (operator.getitem, operator.mul, operator.floordiv, len):
        inputs = node.all_input_nodes
        return bool(inputs) and all(is_shape_query(n) for n in inputs)
    return False


def flowing(graph: fx.Graph, source: fx.Node) -> list[fx.Node]:
    """The nodes whose values depend on that of `source`, in order, itself first."""
    found = [source]
    seen = {source}
    for node in graph.nodes:
        if node.op in ("placeholder", "get_attr", "output") or is_shape_query(node):
            continue
        if any(n in seen for n in node.all_input_nodes):
            found.append(node)
            seen.add(node)
    return found


def split(network: nn.Module, nodes: Sequence[fx.Node], names: dict[int, str]) -> list[Part]:
    """The parts of a chain of flowing nodes, of which the first is the input and the last the output."""
    place = {n: i for i, n in enumerate(nodes)}
    reach = [max((place[u] for u in n.users if u in place), default=i) for i, n in enumerate(nodes)]
    cuts, furthest = [0], 0
    for i in range(1, len(nodes)):
        furthest = max(furthest, reach[i - 1])
        if furthest <= i:
            cuts.append(i)
    parts = [_part(network, nodes[a : b + 1], place, names) for a, b in itertools.pairwise(cuts)]
    merged: list[Part] = []
    for part in parts:
        merged.append(part)
        shared = [i for i, p in enumerate(merged[:-1]) if p.names & part.names]
        if shared:
            together = merged[shared[0] :]
            every = tuple(n for p in together for n in p.nodes)
            merged[shared[0] :] = [Part(every, together[0].source, frozenset().union(*(p.names for p in together)))]
    return merged


def _part(network: nn.Module, nodes: Sequence[fx.Node], flows: Container[fx.Node], names: dict[int, str]) -> Part:
    used: set[str] = set()
    for node in nodes[1:]:
        if node.op == "call_module":
            module = network.get_submodule(str(node.target))
            used |= {names[id(p)] for p in module.parameters() if id(p) in names}
        for target in _attributes(node, flows):
            value = _attribute(network, target)
            used |= {names[id(value)]} if id(value) in names else set()
    return Part(tuple(nodes[1:]), nodes[0], frozenset(used))


def _attributes(node: fx.Node, flows: Container[fx.Node]) -> set[str]:
    """The bare parameters and buffers that a node takes, directly or through nodes that do not depend on the input."""
    found, open_nodes, seen = set(), list(node.all_input_nodes), set()
    while open_nodes:
        other = open_nodes.pop()
        if other in seen or other in flows:
            continue
        seen.add(other)
        if other.op == "get_attr":
            found.add(str(other.target))
        open_nodes += other.all_input_nodes
    return found


def _attribute(network: nn.Module, target: str) -> Any:
    path, _, last = target.rpartition(".")
    return getattr(network.get_submodule(path), last)


def obstacle(node: fx.Node) -> str | None:
    """Why an operation other than a module may not be part of a block; None where it may."""
    target = node.target
    if target is operator.getitem:
        index = node.args[1]
        first = index[0] if isinstance(index, tuple) else index
        of_tuple = isinstance(node.args[0], fx.Node) and node.args[0].target in (
            torch.chunk, torch.split, "chunk", "split",
        )  # fmt: skip
        if of_tuple or first is Ellipsis or first == slice(None):
            return None
        return "it picks samples: index them as x[:, ...]"
    if target in ("view", "reshape", torch.reshape):
        shape = node.args[1:] if len(node.args) != 2 else node.args[1]
        first = shape[0] if isinstance(shape, (tuple, list)) else shape
        return None if isinstance(first, fx.Node) else "its shape does not begin with that of the samples, x.shape[0]"
    if target in ("permute", torch.permute):
        order = node.args[1] if isinstance(node.args[1], (tuple, list)) else node.args[1:]
        return None if order[0] == 0 else "it moves the axis of the samples"
    if target in (torch.matmul, operator.matmul, "matmul", torch.bmm, "bmm"):
        return None if not _is_constant(node.args[0]) else "the samples are not its first factor"
    if target is functional.dropout:
        return None if node.kwargs.get("training", True) is False else "it is in training mode"
    if target in _EVERYWHERE:
        return None
    if target in _BY_DIMENSION:
        return _along(node, _BY_DIMENSION[target])
    return "there is no rule for it"


def _is_constant(argument: Any) -> bool:
    return not isinstance(argument, fx.Node) or argument.op == "get_attr"


def _along(node: fx.Node, places: int | tuple[int, ...] | None) -> str | None:
    given = [node.kwargs[k] for k in _DIMENSION_NAMES if k in node.kwargs]
    for place in (places,) if isinstance(places, int) else places or ():
        if place < len(node.args):
            given.append(node.args[place])
    flat = [d for g in given for d in (g if isinstance(g, (tuple, list)) else (g,))]
    if not flat:
        return "give its dimension, so that samples stay apart"
    if any(not isinstance(d, int) or d == 0 for d in flat):
        return "it acts along the samples"
    return None


def as_block(network: nn.Module, part: Part, names: dict[int, str], label: str) -> Block:
    """A part as one layer.

    Raises:
        ValueError: the part asks for a size of an earlier value that is not the number of samples.
    """
    graph = fx.Graph()
    copied: dict[fx.Node, fx.Node] = {part.source: graph.placeholder("x")}
    inside = set(part.nodes)

    def fetch(node: fx.Node) -> fx.Node:
        if node in copied:
            return copied[node]
        if is_shape_query(node) and not any(n in inside or n is part.source for n in _roots(node)):
            if not _counts_samples(node):
                raise ValueError("it uses a size of an earlier value")
            copied[node] = graph.call_method("size", (copied[part.source], 0))
        else:
            copied[node] = graph.node_copy(node, fetch)
        return copied[node]

    for node in part.nodes:
        copied[node] = graph.node_copy(node, fetch)
        _in_plain_terms(network, copied[node])
    graph.output(copied[part.result])
    module = fx.GraphModule(network, graph)
    own = {n: names[id(p)] for n, p in module.named_parameters()}
    tensors = {names[id(p)]: p.detach() for p in module.parameters()}
    return Block(label, _function(module, own), tensors)


def _prelu(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """PReLU written out: the backward rule of torch's own is wrong under two vectorised axes (2.14)."""
    shape = (-1, *(1,) * (x.dim() - 2)) if x.dim() > 1 and weight.numel() > 1 else (-1,)
    return torch.where(x > 0, x, weight.reshape(shape) * x)


def _in_plain_terms(network: nn.Module, node: fx.Node) -> None:
    """Put `_prelu` where a copied node calls torch's own."""
    if node.op == "call_module" and type(network.get_submodule(str(node.target))) is nn.PReLU:
        with node.graph.inserting_before(node):
            weight = node.graph.get_attr(f"{node.target}.weight")
        node.op, node.target, node.args, node.kwargs = "call_function", _prelu, (*node.args, weight), {}
    elif node.target is functional.prelu:
        node.target = _prelu


def _function(module: nn.Module, own: dict[str, str]) -> Callable[[Parameters, torch.Tensor], torch.Tensor]:
    return lambda parameters, x: torch.func.functional_call(module, {n: parameters[g] for n, g in own.items()}, (x,))


def module_block(target: str, module: nn.Module, names: dict[int, str]) -> Block:
    """One module as a layer."""
    if isinstance(module, nn.PReLU):
        name = names[id(module.weight)]
        return Block(target, lambda p, x: _prelu(x, p[name]), {name: module.weight.detach()})
    own = {n: names[id(p)] for n, p in module.named_parameters()}
    return Block(target, _function(module, own), {names[id(p)]: p.detach() for p in module.parameters()})


def _roots(node: fx.Node) -> list[fx.Node]:
    """The values whose sizes a shape query asks for."""
    found = []
    for other in node.all_input_nodes:
        found += _roots(other) if is_shape_query(other) else [other]
    return found


def _counts_samples(node: fx.Node) -> bool:
    if node.op == "call_method" and node.target == "size":
        return node.args[1:] == (0,)
    return node.target is operator.getitem and node.args[1] == 0
