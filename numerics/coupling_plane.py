"""The flow of the local potential approximation in the plane of mass and quartic coupling."""

from __future__ import annotations

from typing import Any

import numpy as np

from numerics.codegen import compile as compile_expressions
from numerics.plots import plane
from symrg.erg.local_potential import LocalPotentialFlow
from symrg.errors import InvalidEquation


def coupling_flow(
    flow: LocalPotentialFlow,
    mass: tuple[float, float] = (-0.45, 0.35),
    coupling: tuple[float, float] = (0.0, 0.35),
    axes: Any = None,
) -> Any:
    """The flow towards the infrared in the plane of mass u'(0) and quartic coupling u''(0), of the quartic truncation.

    Args:
        flow: with numbers for N and d.
        mass: range of u'(0).
        coupling: range of u''(0).
        axes: to draw on.

    Raises:
        InvalidEquation: N or d is a symbol.
    """
    from scipy.optimize import root

    names, betas = flow.beta_functions(2)
    left = set().union(*(b.free_symbols for b in betas)) - set(names)
    if left:
        raise InvalidEquation(f"give numbers for {', '.join(sorted(map(str, left)))} before drawing the flow")
    compiled = compile_expressions(list(betas), names)
    points: dict[str, tuple[float, float]] = {"Gaussian": (0.0, 0.0)}
    for guess in ((-0.1, 0.05), (-0.2, 0.1), (-0.05, 0.02), (-0.3, 0.2)):
        found = root(lambda z: np.ravel(compiled(*map(float, z))), guess)
        if found.success and found.x[1] > 1e-4 and mass[0] < found.x[0] < mass[1] and found.x[1] < coupling[1]:
            points[f"Wilson-Fisher ({found.x[0]:.3f}, {found.x[1]:.3f})"] = (float(found.x[0]), float(found.x[1]))
            break
    axes = plane([-b for b in betas], names, (mass, coupling), points, axes)
    axes.set_xlabel(r"$\lambda_1 = u'(0)$, the mass")
    axes.set_ylabel(r"$\lambda_2 = u''(0)$, the coupling")
    return axes
