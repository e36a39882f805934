"""Pictures of what people would rather look at than read: densities, metric ellipses, geodesics, cumulants.

Every function draws on the axes it is given, or on new ones, and returns them; `save` writes SVG or PDF. Colours are
told apart by people with colour-blindness (Okabe and Ito, 2008), and lines differ by dashes too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp

from numerics.codegen import compile as compile_expressions
from symrg.errors import InvalidGrid, SymrgError
from symrg.typesetting import latex

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 2, 1.5, 2)), (0, (1, 1)))


class NotDrawable(SymrgError, ValueError):
    """An object that can't be drawn in the plane, e.g. the ellipses of a metric of three parameters."""


def axes_for(axes: Any = None, size: tuple[float, float] = (6.0, 4.0)) -> Any:
    """The axes given, or new ones with light grid lines."""
    if axes is not None:
        return axes
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=size, layout="constrained")
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def save(axes: Any, path: str | Path) -> Path:
    """Write the figure of these axes; the ending of the path decides the format (SVG and PDF stay sharp)."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"Date": None} if path.suffix == ".svg" else None
    axes.figure.savefig(path, bbox_inches="tight", metadata=metadata)
    return path


def density(solution: Any, times: int | Iterable[float] = 6, exact: Any = None, axes: Any = None) -> Any:
    """A density over time: curves in one dimension, the last time as an image in two.

    Args:
        solution: DataArray of `numerics.solve`, dims ("time", "x") or ("time", "x", "y").
        times: how many of its times to draw, or which.
        exact: SymPy expression in the coordinate and "time" to draw over it, as dots; its free symbols are matched by
            name.
        axes: to draw on.

    Raises:
        NotDrawable: more than two coordinates.
    """
    coordinates = [d for d in solution.dims if d != "time"]
    if len(coordinates) == 2:
        return _image(solution, coordinates, axes)
    if len(coordinates) != 1:
        raise NotDrawable(f"a density of {len(coordinates)} coordinates; sum over all but two of them first")
    axes = axes_for(axes)
    import matplotlib as mpl

    name = coordinates[0]
    chosen = _chosen(np.asarray(solution["time"].values, dtype=float), times)
    ramp = mpl.colormaps["viridis"](np.linspace(0.0, 0.85, len(chosen)))
    x = solution[name].values
    for colour, k in zip(ramp, chosen):
        now = float(solution["time"].values[k])
        axes.plot(x, solution.isel(time=k).values, color=colour, label=f"t = {now:.4g}")
        if exact is not None:
            every = slice(None, None, max(1, len(x) // 40))
            dots = _evaluated(exact, {name: x[every], "time": now, "t": now})
            axes.plot(x[every], dots, ".", color="black", ms=2.5, label="exact" if k == chosen[-1] else None)
    axes.set_xlabel(f"${latex(sp.Symbol(name))}$")
    axes.set_ylabel("density")
    axes.legend(frameon=False)
    return axes


def _image(solution: Any, coordinates: Sequence[str], axes: Any) -> Any:
    axes = axes_for(axes, (5.5, 4.5))
    last = solution.isel(time=-1)
    x, y = (last[c].values for c in coordinates)
    mesh = axes.pcolormesh(x, y, last.transpose(*reversed(coordinates)).values, cmap="viridis", shading="auto")
    axes.figure.colorbar(mesh, ax=axes, label="density")
    axes.set_xlabel(f"${latex(sp.Symbol(coordinates[0]))}$")
    axes.set_ylabel(f"${latex(sp.Symbol(coordinates[1]))}$")
    axes.set_title(f"t = {float(solution['time'].values[-1]):.4g}")
    return axes


def _chosen(available: np.ndarray, times: int | Iterable[float]) -> list[int]:
    if isinstance(times, int):
        return sorted({int(k) for k in np.linspace(0, len(available) - 1, max(times, 1)).round()})
    return [int(np.abs(available - t).argmin()) for t in times]


def _evaluated(expression: Any, values: Mapping[str, Any]) -> np.ndarray:
    expression = sp.sympify(expression, strict=True)
    symbols = sorted(expression.free_symbols, key=lambda s: s.name)
    missing = [s.name for s in symbols if s.name not in values]
    if missing:
        raise NotDrawable(f"the exact density has the free symbol {missing[0]}; substitute a number for it")
    return np.asarray(compile_expressions(expression, symbols)(*[values[s.name] for s in symbols]))


def metric_ellipses(
    metric: Any, points: Iterable[Sequence[float]], radius: float = 0.1, coordinates: Any = None, axes: Any = None
) -> Any:
    r"""Where g_ij d^i d^j = radius^2 around each point: the models that the data tells apart equally well.

    Args:
        metric: 2 x 2 matrix with `coordinates`, or an object with `metric` and `coordinates` such as a Manifold.
        points: coordinates at which to draw.
        radius: length of the displacements in the metric.
        coordinates: the two symbols, where a bare matrix is given.
        axes: to draw on.

    Raises:
        NotDrawable: not two coordinates, or the metric is not positive definite at a point.
    """
    matrix, names = _metric_and_coordinates(metric, coordinates)
    axes = axes_for(axes)
    evaluate = compile_expressions(matrix, names)
    circle = np.linspace(0, 2 * np.pi, 181)
    unit = np.array([np.cos(circle), np.sin(circle)])
    for point in points:
        value = np.asarray(evaluate(*map(float, point)), dtype=float)
        try:
            root = np.linalg.cholesky(value)
        except np.linalg.LinAlgError:
            at = ", ".join(f"{n} = {p:g}" for n, p in zip(names, point))
            raise NotDrawable(f"the metric is not positive definite at {at}; leave this point out") from None
        displacement = radius * np.linalg.solve(root.T, unit)
        axes.plot(point[0] + displacement[0], point[1] + displacement[1], color=COLOURS[0], linewidth=1.2)
        axes.plot(point[0], point[1], ".", color=COLOURS[0], markersize=3)
    axes.set_xlabel(f"${latex(names[0])}$")
    axes.set_ylabel(f"${latex(names[1])}$")
    return axes


def _metric_and_coordinates(metric: Any, coordinates: Any) -> tuple[sp.Matrix, tuple[sp.Symbol, ...]]:
    names = tuple(getattr(metric, "coordinates", coordinates) or ())
    matrix = sp.Matrix(getattr(metric, "metric", metric))
    if len(names) != 2 or matrix.shape != (2, 2):
        raise NotDrawable(f"{len(names)} coordinates; ellipses and geodesics are drawn for two: fix the others")
    unknown = matrix.free_symbols - set(names)
    if unknown:
        raise NotDrawable(f"the metric contains {sorted(unknown, key=str)[0]}; substitute a number for it")
    return matrix, names


def geodesics(
    manifold: Any,
    start: Sequence[float],
    directions: int | Iterable[Sequence[float]] = 12,
    length: float = 1.0,
    alpha: Any = 0,
    axes: Any = None,
) -> Any:
    """Geodesics that leave a point, each of the given length in the metric at the start.

    Args:
        manifold: with `metric`, `coordinates` and `christoffel(alpha)`.
        start: the point.
        directions: how many, evenly spread in the metric, or the vectors.
        length: of the initial velocity; for alpha = 0 the length of the curve.
        alpha: of the connection.
        axes: to draw on.

    Raises:
        NotDrawable: not two coordinates.
    """
    from scipy.integrate import solve_ivp

    matrix, names = _metric_and_coordinates(manifold, None)
    gamma = compile_expressions(sp.Matrix(8, 1, list(sp.flatten(manifold.christoffel(alpha).tolist()))), names)
    root = np.linalg.cholesky(np.asarray(compile_expressions(matrix, names)(*map(float, start)), dtype=float))
    if isinstance(directions, int):
        angles = 2 * np.pi * np.arange(directions) / directions
        vectors = np.linalg.solve(root.T, np.array([np.cos(angles), np.sin(angles)])).T
    else:
        vectors = np.array([np.asarray(v, float) / np.linalg.norm(root.T @ np.asarray(v, float)) for v in directions])

    def flow(_: float, state: np.ndarray) -> np.ndarray:
        coefficients = np.asarray(gamma(*state[:2]), dtype=float).reshape(2, 2, 2)
        return np.concatenate([state[2:], -np.einsum("ijk,j,k->i", coefficients, state[2:], state[2:])])

    axes = axes_for(axes)
    for vector in vectors:
        solved = solve_ivp(flow, (0, 1), np.concatenate([start, length * vector]), rtol=1e-9, atol=1e-11)
        axes.plot(*solved.y[:2], color=COLOURS[0], linewidth=1.2)
    axes.plot(*start, "o", color=COLOURS[1], markersize=5, label="start")
    axes.set_xlabel(f"${latex(names[0])}$")
    axes.set_ylabel(f"${latex(names[1])}$")
    axes.legend(frameon=False)
    return axes


def cumulants(
    values: Sequence[Any] | Mapping[int, Any], parameter: sp.Symbol, span: tuple[float, float], axes: Any = None
) -> Any:
    """Cumulants as functions of one parameter, on a symmetric logarithmic scale.

    Args:
        values: expressions by order, counted from one, or {order: expression}.
        parameter: the only free symbol.
        span: its lowest and highest value.
        axes: to draw on.

    Raises:
        InvalidGrid: the span is empty.
        NotDrawable: another free symbol.
    """
    if not span[0] < span[1]:
        raise InvalidGrid(f"span {span} is empty; give the lower value first")
    orders = dict(values) if isinstance(values, Mapping) else dict(enumerate(values, 1))
    axes = axes_for(axes)
    grid = np.linspace(*span, 200)
    for (order, expression), colour, dash in zip(orders.items(), cycle(COLOURS), cycle(DASHES)):
        line = np.broadcast_to(_evaluated(expression, {parameter.name: grid}), grid.shape)
        axes.plot(grid, line, color=colour, linestyle=dash, label=rf"$\kappa_{{{order}}}$")
    axes.set_yscale("symlog")
    axes.set_xlabel(f"${latex(parameter)}$")
    axes.set_ylabel("cumulant")
    axes.legend(frameon=False)
    return axes
