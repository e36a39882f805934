"""Activations as SymPy expressions, with torch's conventions at kinks and its numbers.

At a kink the derivative is torch's: that of the branch at and below it, so the slope of ReLU at 0 is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp

from numerics.fisher.layers import Elementwise
from symrg.errors import UnsupportedLayer

Formula = Callable[[sp.Expr, Mapping[str, Any]], sp.Expr]


def _branch(z: sp.Expr, above: sp.Expr, below: sp.Expr) -> sp.Expr:
    return sp.Piecewise((above, z > 0), (below, True))


def _number(settings: Mapping[str, Any], name: str, default: float) -> sp.Expr:
    return sp.nsimplify(settings.get(name, default), rational=True)


def _sigmoid(z: sp.Expr) -> sp.Expr:
    return 1 / (1 + sp.exp(-z))


def _softplus(z: sp.Expr, settings: Mapping[str, Any]) -> sp.Expr:
    beta, threshold = _number(settings, "beta", 1), _number(settings, "threshold", 20)
    return sp.Piecewise((z, beta * z > threshold), (sp.log(1 + sp.exp(beta * z)) / beta, True))


def _gelu(z: sp.Expr, settings: Mapping[str, Any]) -> sp.Expr:
    if settings.get("approximate", "none") == "tanh":
        return z / 2 * (1 + sp.tanh(sp.sqrt(2 / sp.pi) * (z + sp.Rational(44715, 1000000) * z**3)))
    return z / 2 * (1 + sp.erf(z / sp.sqrt(2)))


def _selu(z: sp.Expr, settings: Mapping[str, Any]) -> sp.Expr:
    alpha, scale = sp.Float(1.6732632423543772, 17), sp.Float(1.0507009873554805, 17)
    return scale * _branch(z, z, alpha * (sp.exp(z) - 1))


_FORMULAS: dict[str, Formula] = {
    "relu": lambda z, s: _branch(z, z, sp.S.Zero),
    "sigmoid": lambda z, s: _sigmoid(z),
    "tanh": lambda z, s: sp.tanh(z),
    "softplus": _softplus,
    "softsign": lambda z, s: z / (1 + sp.Abs(z)),
    "logsigmoid": lambda z, s: -sp.log(1 + sp.exp(-z)),
    "leakyrelu": lambda z, s: _branch(z, z, _number(s, "negative_slope", 0.01) * z),
    "elu": lambda z, s: _branch(z, z, _number(s, "alpha", 1) * (sp.exp(z) - 1)),
    "selu": _selu,
    "silu": lambda z, s: z * _sigmoid(z),
    "gelu": _gelu,
    "tanhshrink": lambda z, s: z - sp.tanh(z),
    "sin": lambda z, s: sp.sin(z),
    "cos": lambda z, s: sp.cos(z),
    "exp": lambda z, s: sp.exp(z),
    "square": lambda z, s: z**2,
}
_FORMULAS["leaky_relu"] = _FORMULAS["leakyrelu"]

NAMES = tuple(sorted(_FORMULAS))


def activation(layer: Elementwise, z: sp.Expr) -> sp.Expr:
    """phi(z) of a layer.

    Raises:
        UnsupportedLayer: no formula is known for it.
    """
    formula = _FORMULAS.get(layer.kind)
    if formula is None:
        raise UnsupportedLayer(
            f"layer {layer.name} ({layer.kind or 'a function with arguments'}): no formula is known for it; "
            f"known are {', '.join(NAMES)}"
        )
    if any(isinstance(v, float) and not math.isfinite(v) for v in layer.settings.values()):
        raise UnsupportedLayer(f"layer {layer.name}: its settings {dict(layer.settings)} are not finite")
    return formula(z, layer.settings)
