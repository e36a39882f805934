"""Functions of SymPy whose source is not a plain call, or which are written in other functions."""

from __future__ import annotations

from typing import Any

import sympy as sp


def _nested(name: str) -> Any:
    def shape(node: Any, texts: list[str]) -> str:
        text = texts[-1]
        for t in reversed(texts[:-1]):
            text = f"{name}({t}, {text})"
        return text

    return shape


def _polygamma(node: Any, texts: list[str]) -> str | None:
    order = node.args[0]
    return f"polygamma({texts[0]}, {texts[1]})" if order.is_Integer and order > 0 else None


SHAPES: dict[type, Any] = {
    sp.Min: _nested("minimum"),
    sp.Max: _nested("maximum"),
    sp.Mod: lambda node, t: f"modulo({t[0]}, {t[1]})",
    sp.Heaviside: lambda node, t: f"step({t[0]}, {t[1]})",
    sp.KroneckerDelta: lambda node, t: f"(1.0 if {t[0]} == {t[1]} else 0.0)",
    sp.polygamma: _polygamma,
    sp.zeta: lambda node, t: f"hurwitz_zeta({t[0]}, {t[1]})",
    sp.LambertW: lambda node, t: f"lambertw_lower({t[0]})" if node.args[1] == -1 else None,
    sp.elliptic_e: lambda node, t: f"elliptic_e({t[0]})" if len(t) == 1 else f"incomplete_elliptic_e({t[0]}, {t[1]})",
    sp.elliptic_f: lambda node, t: f"incomplete_elliptic_f({t[0]}, {t[1]})",
}


def rephrased(node: Any) -> sp.Basic | None:
    """A function without a kernel of its own, in functions that have one."""
    if isinstance(node, sp.harmonic) and len(node.args) == 1:
        return sp.digamma(node.args[0] + 1) + sp.EulerGamma
    if isinstance(node, sp.polygamma) and node.args[0] == 0:
        return sp.digamma(node.args[1], evaluate=False)
    if isinstance(node, sp.FallingFactorial):
        return sp.RisingFactorial(node.args[0] - node.args[1] + 1, node.args[1])
    if isinstance(node, (sp.jn, sp.yn)):
        return node.rewrite(sp.besselj if isinstance(node, sp.jn) else sp.bessely)
    if isinstance(node, (sp.Derivative, sp.Subs)):
        done = node.doit()
        return None if done == node or done.has(sp.Derivative) else done
    return None
