"""The Fisher metric of a network as a statistical model, derived by SymPy and compiled to a kernel.

The outputs f_k(x; theta) are indexed sums over units, the likelihood gives the score in f, its second moment the metric
H_kl of the outputs (`output_metric.py`). Each layer is differentiated by SymPy with respect to its parameters and to
its inputs, and the metric is pulled back through these derivatives, M' = (dz/dz')^T M (dz/dz'), with the Kronecker
deltas contracted as they come. What is used more than once (pre-activations, activations, metrics) keeps a name, so
that sums factor as a person would factor them, and a kernel costs a few passes rather than their product.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import sympy as sp
import torch
from torch import nn

from numerics.codegen import CompiledFunction, compile
from numerics.fisher.activation_formulas import activation
from numerics.fisher.chain import Chain, trace
from numerics.fisher.closed_form import as_network_type, check_arguments
from numerics.fisher.layers import Elementwise, Linear, Reshape
from numerics.fisher.likelihood import Likelihood
from numerics.fisher.output_metric import OutputMetric, contract, output_metric
from symrg.budget import Budget
from symrg.errors import UnsupportedLayer
from symrg.typesetting import Typeset, latex

Progress = Callable[[int, int, str], None]

_N = sp.Symbol("N", integer=True, positive=True)
_SAMPLE = sp.Symbol("n", integer=True, nonnegative=True)
_SIGMA = sp.Symbol("sigma", positive=True)
_P, _Q = (sp.Symbol(name, integer=True, nonnegative=True) for name in "pq")
_MEMORY = 2**25
_INPUT_BASE, _OUTPUT_BASE = sp.IndexedBase("x", real=True), sp.IndexedBase("f", real=True)
_Q_BASE, _TOP_BASE = sp.IndexedBase("q", real=True), sp.IndexedBase("t", real=True)


@dataclass(frozen=True)
class Definition:
    """A named quantity: `quantity` is an Indexed over free indices, `formula` what it stands for."""

    quantity: sp.Indexed
    formula: sp.Expr
    ranges: tuple[sp.Expr, ...]  # how far each index runs


@dataclass(frozen=True)
class NetworkMetric(Typeset):
    """The diagonal Fisher metric of a network, as formulas.

    Attributes:
        log_density: ln p of one sample given the outputs.
        score: d ln p / d f_k.
        output_entry: H_kl = E[s_k s_l].
        definitions: in the order in which they are computed.
        entries: {parameter name: its entry I_pq as a mean over the samples, with indices p and q}.
        symbols: {parameter name: its IndexedBase}.
        sizes: {symbol of a width: its number}.
        likelihood: by name.
    """

    log_density: sp.Expr
    score: sp.Expr
    output_entry: sp.Expr
    definitions: tuple[Definition, ...]
    entries: Mapping[str, Definition]
    symbols: Mapping[str, sp.IndexedBase]
    sizes: Mapping[sp.Symbol, int]
    likelihood: str

    def latex(self) -> str:
        """All definitions and entries, aligned."""
        rows = [rf"\ln p &= {latex(self.log_density)}", rf"\mathcal{{I}}(f)_{{kl}} &= {latex(self.output_entry)}"]
        rows += [f"{latex(d.quantity)} &= {latex(d.formula)}" for d in self.definitions]
        for name, entry in self.entries.items():
            index = ",".join(str(i) for i in entry.quantity.indices)
            rows.append(rf"\mathcal{{I}}\left({latex(self.symbols[name])}\right)_{{{index}}} &= {latex(entry.formula)}")
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def with_entry(self, name: str, formula: sp.Expr) -> NetworkMetric:
        """The same with another formula for one parameter's entry."""
        changed = {**self.entries, name: replace(self.entries[name], formula=formula)}
        return replace(self, entries=changed)

    def evaluate(
        self,
        network: nn.Module,
        inputs: torch.Tensor,
        variance: float = 1.0,
        *,
        batch_size: int | None = None,
        progress: Progress | None = None,
    ) -> dict[str, np.ndarray]:
        """The diagonal by compiled kernels, in float64: {parameter name: array of the parameter's shape}.

        Args:
            network: one of the same architecture.
            inputs: samples along the first axis.
            variance: of a Gaussian likelihood.
            batch_size: samples at a time; None chooses by memory.
            progress: called as progress(samples done, samples, text).

        Raises:
            UnsupportedLayer: the network's parameters are not those of the formulas.
            InvalidEstimator: the inputs do not fit the network.
        """
        check_arguments(network, inputs, None, "true", batch_size)
        Likelihood(self.likelihood, variance)
        values = self._parameter_values(network)
        exact = copy.deepcopy(network).double()
        samples = as_network_type(exact, inputs)
        trace(exact).activations(samples[:1])  # refuses inputs of another width
        data = samples.flatten(1).detach().cpu().numpy()
        per_sample = sum(int(np.prod([int(r.subs(self.sizes)) for r in d.ranges[1:]])) for d in self.definitions)
        size = batch_size or max(1, min(len(data), _MEMORY // (8 * max(per_sample, 1))))
        kernels = {d.quantity.base: _Kernel.of(d) for d in self.definitions}
        closing = {name: _Kernel.of(d) for name, d in self.entries.items()}
        result: dict[str, np.ndarray] = {}
        for start in range(0, len(data), size):
            x = np.ascontiguousarray(data[start : start + size])
            known: dict[sp.Basic, np.ndarray | float] = {_INPUT_BASE: x, _SIGMA: float(variance) ** 0.5}
            known |= {self.symbols[n]: v for n, v in values.items()}
            known |= {s: float(v) for s, v in self.sizes.items()} | {_N: float(len(x))}
            for definition in self.definitions:
                if definition.quantity.base == _Q_BASE:
                    known[_TOP_BASE] = known[_OUTPUT_BASE].max(axis=1)  # type: ignore[union-attr]
                known[definition.quantity.base] = kernels[definition.quantity.base].table(known, self.sizes, len(x))
            for name, kernel in closing.items():
                part = kernel.table(known, self.sizes, len(x)) * (len(x) / len(data))
                result[name] = result[name] + part if name in result else part
            if progress is not None:
                progress(start + len(x), len(data), "Fisher diagonal, symbolic")
        return result

    def sources(self) -> dict[str, str]:
        """The generated source of each kernel by the name of what it computes."""
        every = {str(d.quantity): _Kernel.of(d).function.source for d in self.definitions}
        return every | {name: _Kernel.of(d).function.source for name, d in self.entries.items()}

    def _parameter_values(self, network: nn.Module) -> dict[str, np.ndarray]:
        values = {n: p.detach().double().cpu().numpy() for n, p in network.named_parameters()}
        for name, entry in self.entries.items():
            shape = tuple(int(r.subs(self.sizes)) for r in entry.ranges)
            if name not in values or values[name].shape != shape:
                given = values[name].shape if name in values else "missing"
                raise UnsupportedLayer(
                    f"parameter {name}: the formulas are for shape {shape}, the network's is {given}"
                )
        return {n: np.ascontiguousarray(values[n]) for n in self.entries}


def _base(letter: str, number: int) -> sp.IndexedBase:
    """A named array of a layer, typeset as W^{(1)}."""
    return sp.IndexedBase(sp.Symbol(f"{{{letter}^{{({number})}}}}", real=True))  # braces: s^{(1)}^2 is no TeX


def _sort_key(base: sp.Basic) -> tuple[str, int]:
    """Letter and layer; the input counts as activation 0 and the output as the last one."""
    name = str(base).strip("{}")
    if name in ("x", "f"):
        return ("a", 0 if name == "x" else 10**6)
    letter, _, number = name.partition("^{(")
    return (letter, int(number.rstrip(")}")) if number else 0)


@dataclass(frozen=True)
class _Kernel:
    """A compiled definition: a function of its free indices, which run over a grid, and of whole arrays."""

    definition: Definition
    arguments: tuple[sp.Basic, ...]
    function: CompiledFunction

    @classmethod
    def of(cls, definition: Definition) -> _Kernel:
        """The kernel of a definition; definitions that differ by names alone share one."""
        formula, indices = definition.formula, definition.quantity.indices
        bases = sorted({e.base for e in formula.atoms(sp.Indexed)}, key=_sort_key)
        arrays = {e.base.label for e in formula.atoms(sp.Indexed)} | formula.atoms(sp.Indexed) | set(indices)
        widths = sorted((s for s in formula.free_symbols - arrays if str(s)[0] == "d"), key=lambda s: int(str(s)[1:]))
        numbers = sorted(formula.free_symbols - arrays - set(widths), key=str)
        arguments = (*bases, *widths, *numbers)
        general = {b: sp.IndexedBase(f"A{i}", real=True) for i, b in enumerate(bases)}
        general |= {w: sp.Symbol(f"D{i}", integer=True, positive=True) for i, w in enumerate(widths)}
        # an Indexed is rebuilt by hand: replacing its base alone would leave its label behind
        renamed = formula.replace(
            lambda e: isinstance(e, sp.Indexed),
            lambda e: general[e.base][tuple(i.xreplace(general) for i in e.indices)],
        ).xreplace({w: general[w] for w in widths})
        free = (*indices, *(general.get(x, x) for x in arguments))
        return cls(definition, arguments, _compiled(renamed, free))

    def table(
        self, known: Mapping[sp.Basic, np.ndarray | float], sizes: Mapping[sp.Symbol, int], samples: int
    ) -> np.ndarray:
        """The quantity at every value of its indices."""
        extents = [int(r.subs({**sizes, _N: samples})) for r in self.definition.ranges]
        grid = np.meshgrid(*[np.arange(e, dtype=float) for e in extents], indexing="ij")
        out = self.function(*grid, *[known[a] for a in self.arguments])
        return np.ascontiguousarray(np.broadcast_to(out, extents))


@functools.lru_cache(maxsize=256)
def _compiled(formula: sp.Expr, arguments: tuple[sp.Basic, ...]) -> CompiledFunction:
    return compile(formula, list(arguments))


def network_metric(
    network: nn.Module,
    likelihood: str = "gaussian",
    *,
    budget: float | Budget | None = 60,
) -> NetworkMetric:
    """Derive the diagonal Fisher metric of a network of linear layers and activations.

    Args:
        network: linear layers on single vectors, activations, flatten.
        likelihood: "gaussian" (standard deviation sigma, a symbol), "bernoulli" or "categorical".
        budget: seconds for the expectations.

    Raises:
        UnsupportedLayer: a layer without a formula.
        NoClosedForm: an expectation was not found within the budget.
    """
    stages = _stages(trace(network))
    width = [sp.Symbol(f"d{i}", integer=True, positive=True) for i in range(len(stages) + 1)]
    sizes = {width[0]: stages[0].linear.matrix.shape[1]}
    n, k, l = _SAMPLE, *(sp.Symbol(c, integer=True, nonnegative=True) for c in "kl")
    below: sp.IndexedBase = _INPUT_BASE
    definitions: list[Definition] = []
    symbols: dict[str, sp.IndexedBase] = {}
    record: list[_Derived] = []
    for number, stage in enumerate(stages, 1):
        sizes[width[number]] = stage.linear.matrix.shape[0]
        w, b, z, slope = (_base(letter, number) for letter in ("W", "b", "z", "s"))
        a = _OUTPUT_BASE if number == len(stages) else _base("a", number)
        i = sp.Symbol("i", integer=True, nonnegative=True)
        pre = sp.Sum(w[k, i] * below[n, i], (i, 0, width[number - 1] - 1))
        symbols[stage.linear.weight] = w
        if stage.linear.bias:
            symbols[stage.linear.bias] = b
            pre += b[k]
        post = z[n, k]
        for layer in stage.activations:
            post = activation(layer, post)
        definitions.append(Definition(z[n, k], pre, (_N, width[number])))
        definitions.append(Definition(a[n, k], post, (_N, width[number])))
        definitions.append(Definition(slope[n, k], sp.diff(post, z[n, k]), (_N, width[number])))
        record.append(
            _Derived(
                stage.linear,
                slope=slope[n, k] if stage.activations else sp.S.One,
                to_input=contract(sp.diff(pre, below[n, l])),
                to_weight=contract(sp.diff(pre, w[_P, _Q])),
                to_bias=contract(sp.diff(pre, b[_P])) if stage.linear.bias else None,
            )
        )
        below = a
    head = output_metric(likelihood, _OUTPUT_BASE, n, k, l, width[-1], _SIGMA, budget)
    definitions += [Definition(q, formula, (_N, width[-1])) for q, formula in head.definitions]
    entries = _pull_back(record, head, width, definitions)
    ordered = {name: entries[name] for name in symbols}
    return NetworkMetric(
        head.log_density, head.score, head.entry, _needed(definitions, ordered), ordered, symbols, sizes, likelihood
    )


def _needed(definitions: list[Definition], entries: Mapping[str, Definition]) -> tuple[Definition, ...]:
    """The definitions that the entries use, directly or through each other, in order."""
    used = {e.base for entry in entries.values() for e in entry.formula.atoms(sp.Indexed)}
    kept = []
    for definition in reversed(definitions):
        if definition.quantity.base in used:
            kept.append(definition)
            used |= {e.base for e in definition.formula.atoms(sp.Indexed)}
            if _TOP_BASE in used:
                used.add(_OUTPUT_BASE)
    return tuple(reversed(kept))


@dataclass(frozen=True)
class _Stage:
    """A linear layer and the activations after it."""

    linear: Linear
    activations: tuple[Elementwise, ...]


@dataclass(frozen=True)
class _Derived:
    """Derivatives of one stage by SymPy, in (n, k) with l the other index.

    slope is da_k/dz_k, to_input dz_k/da_l, to_weight dz_k/dW_pq, to_bias dz_k/db_p.
    """

    linear: Linear
    slope: sp.Expr
    to_input: sp.Expr
    to_weight: sp.Expr
    to_bias: sp.Expr | None


def _stages(chain: Chain) -> list[_Stage]:
    stages: list[_Stage] = []
    for layer in chain.layers:
        if isinstance(layer, Linear):
            stages.append(_Stage(layer, ()))
        elif isinstance(layer, Elementwise) and stages:
            stages[-1] = replace(stages[-1], activations=(*stages[-1].activations, layer))
        elif not isinstance(layer, Reshape):
            raise UnsupportedLayer(
                f"layer {layer.name} ({type(layer).__name__}): formulas are derived for linear layers, and activations "
                "after them"
            )
    if not stages:
        raise UnsupportedLayer("the network has no linear layer")
    return stages


def _pull_back(
    record: list[_Derived], head: OutputMetric, width: list[sp.Symbol], definitions: list[Definition]
) -> dict[str, Definition]:
    """The entries of every parameter, from the top down; what the metric needs is added to `definitions`."""
    n, k, l = _SAMPLE, *(sp.Symbol(c, integer=True, nonnegative=True) for c in "kl")
    i, j = (sp.Symbol(c, integer=True, nonnegative=True) for c in "ij")
    entries: dict[str, Definition] = {}
    # the metric at z_k, z_l of the current stage, as an expression
    metric = record[-1].slope * _at(record[-1].slope, k, l) * head.entry
    for number in range(len(record), 0, -1):
        stage = record[number - 1]
        slot = _base("m", number)
        diagonal = metric.xreplace({l: k})
        definitions.append(Definition(slot[n, k], diagonal, (_N, width[number])))
        for name, derivative, indices in (
            (stage.linear.weight, stage.to_weight, (_P, _Q)),
            (stage.linear.bias, stage.to_bias, (_P,)),
        ):
            if name is None or derivative is None:
                continue
            # sum_kl dz_k/dW_pq M_kl dz_l/dW_pq: both deltas set k = l = p, where M_kl is its diagonal m_p
            generic = sp.Function("M")
            both = derivative * _at(derivative, k, l) * generic(k, l)
            inside = contract(sp.Sum(both, (k, 0, width[number] - 1), (l, 0, width[number] - 1)))
            inside = inside.replace(generic, lambda a, b, m=slot: m[n, a])
            ranges = (width[number], width[number - 1])[: len(indices)]
            formula = sp.Sum(inside, (n, 0, _N - 1)) / _N
            entries[name] = Definition(sp.IndexedBase("I")[indices], formula, ranges)
        if number == 1:
            break
        lower = record[number - 2]
        named = metric
        delta = sp.KroneckerDelta(k, l)
        if delta in sp.Mul.make_args(metric):
            named = delta * slot[n, k]
        elif number < len(record):  # below the top the metric is no longer diagonal: keep it whole, by name
            whole = _base("M", number)
            definitions.append(Definition(whole[n, k, l], metric, (_N, width[number], width[number])))
            named = whole[n, k, l]
        # M'_kl = slope_k slope_l sum_ij dz_i/da_k M_ij dz_j/da_l
        first, second = stage.to_input.xreplace({l: k, k: i}), _at(stage.to_input, k, j)
        kernel = named.xreplace({k: i, l: j})
        pulled = contract(sp.Sum(first * kernel * second, (i, 0, width[number] - 1), (j, 0, width[number] - 1)))
        metric = lower.slope * _at(lower.slope, k, l) * _factored(pulled)
    return entries


def _at(expression: sp.Expr, index: sp.Symbol, value: sp.Symbol) -> sp.Expr:
    return expression.xreplace({index: value})


def _factored(expression: sp.Expr) -> sp.Expr:
    """Double sums of products that depend on one index each, as products of single sums."""

    def split(total: sp.Sum) -> sp.Expr:
        if len(total.limits) != 2:
            return total
        (a, *_), (b, *_) = total.limits
        factors = sp.Mul.make_args(total.function)
        if any(f.has(a) and f.has(b) for f in factors):
            return total
        left = sp.Mul(*[f for f in factors if not f.has(b)])
        right = sp.Mul(*[f for f in factors if f.has(b)])
        return sp.Sum(left, total.limits[0]) * sp.Sum(right, total.limits[1])

    return expression.replace(lambda e: isinstance(e, sp.Sum), split)
