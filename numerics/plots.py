"""Pictures of what people would rather look at than read: densities, metric ellipses, geodesics, cumulants, flows.

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
FORMATS = (".svg", ".pdf", ".png")
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


def drawn_format(path: str | Path) -> str:
    """The format that the ending of a path asks for.

    Raises:
        NotDrawable: it is none of .svg, .pdf and .png.
    """
    ending = Path(path).suffix.lower()
    if ending not in FORMATS:
        raise NotDrawable(f"{path}: a picture's name ends in {', '.join(FORMATS)}; .svg and .pdf stay sharp")
    return ending[1:]


def save(axes: Any, path: str | Path) -> Path:
    """Write the figure of these axes; the ending of the path decides the format (SVG and PDF stay sharp).

    Raises:
        NotDrawable: the path does not end in .svg, .pdf or .png.
    """
    path = Path(path)
    drawn_format(path)
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
    axes.grid(False)
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
        raise NotDrawable(f"{missing[0]} has no value; substitute a number for it")
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
        axes.plot(*solved.y[:2], color=COLOURS[2], linewidth=1.2)
    axes.plot(*start, "o", color=COLOURS[1], markersize=5, label="start")
    axes.set_xlabel(f"${latex(names[0])}$")
    axes.set_ylabel(f"${latex(names[1])}$")
    axes.legend(frameon=False)
    return axes


def cumulants(
    values: Sequence[Any] | Mapping[int, Any], parameter: sp.Symbol, span: tuple[float, float], axes: Any = None
) -> Any:
    """Cumulants as functions of one parameter, on a logarithmic scale, symmetric where some are negative.

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
    least = np.inf
    for (order, expression), colour, dash in zip(orders.items(), cycle(COLOURS), cycle(DASHES)):
        line = np.broadcast_to(_evaluated(expression, {parameter.name: grid}), grid.shape)
        axes.plot(grid, line, color=colour, linestyle=dash, label=rf"$\kappa_{{{order}}}$")
        least = min(least, float(np.nanmin(line)))
    axes.set_yscale("log" if least > 0 else "symlog")
    axes.set_xlabel(f"${latex(parameter)}$")
    axes.set_ylabel("cumulant")
    axes.legend(frameon=False)
    return axes


def saliencies(values: Any, cutoff: float | None = None, axes: Any = None) -> Any:
    """Histogram of saliencies, both axes logarithmic; what is exactly zero is a bar of its own at the left.

    Args:
        values: an array or tensor, or {name of the parameter: array}, as `numerics.fisher.diagonal` gives it.
        cutoff: marked by a line.
        axes: to draw on.

    Raises:
        NotDrawable: a negative value or one that is not finite, or nothing but zeros.
    """
    parts = list(values.values()) if isinstance(values, Mapping) else [values]
    flat = np.concatenate([_array(part).reshape(-1) for part in parts])
    if not np.isfinite(flat).all() or (flat < 0).any():
        raise NotDrawable("saliencies are finite and not negative; these are not")
    positive = flat[flat > 0]
    if positive.size == 0:
        raise NotDrawable(f"all {flat.size} saliencies are zero: there is no histogram to draw")
    low, high = np.floor(np.log10(positive.min())), np.ceil(np.log10(positive.max()))
    edges = np.logspace(low, max(high, low + 1), 61)
    axes = axes_for(axes)
    axes.hist(positive, bins=edges, color=COLOURS[0], label=f"different from zero: {positive.size:,}")
    none = flat.size - positive.size
    if none:
        left = edges[0] / (edges[-1] / edges[0]) ** 0.08
        axes.bar(left, none, width=left * 0.5, color=COLOURS[1], hatch="//", label=f"exactly zero: {none:,}")
    if cutoff is not None:
        axes.axvline(cutoff, color="black", linewidth=1, linestyle="--", label=rf"$\Lambda$ = {cutoff:g}")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("saliency")
    axes.set_ylabel("number of weights")
    axes.legend(frameon=False)
    return axes


def _array(part: Any) -> np.ndarray:
    return np.asarray(part.detach().cpu() if hasattr(part, "detach") else part, dtype=float)


def curves(expressions: Mapping[str, Any], coordinate: sp.Symbol, span: tuple[float, float], axes: Any = None) -> Any:
    """Expressions in one symbol as curves; where one is not finite, its curve has a gap.

    Args:
        expressions: label -> expression.
        coordinate: the only free symbol.
        span: its lowest and highest value.
        axes: to draw on.

    Raises:
        InvalidGrid: the span is empty.
        NotDrawable: another free symbol.
    """
    if not span[0] < span[1]:
        raise InvalidGrid(f"span {span} is empty; give the lower value first")
    axes = axes_for(axes)
    grid = np.linspace(*span, 400)
    for (label, expression), colour, dash in zip(expressions.items(), cycle(COLOURS), cycle(DASHES)):
        with np.errstate(all="ignore"):
            line = np.broadcast_to(_evaluated(expression, {coordinate.name: grid}), grid.shape)
        axes.plot(grid, np.where(np.isfinite(line), line, np.nan), color=colour, linestyle=dash, label=label)
    axes.set_xlabel(f"${latex(coordinate)}$")
    axes.legend(frameon=False)
    return axes


def plane(
    field: Sequence[Any],
    coordinates: Sequence[sp.Symbol],
    ranges: Sequence[tuple[float, float]],
    points: Mapping[str, Sequence[float]] | None = None,
    axes: Any = None,
) -> Any:
    """The lines of a flow in the plane, with its fixed points.

    Args:
        field: two expressions, the velocity.
        coordinates: the two symbols.
        ranges: lowest and highest value of each.
        points: label -> point, marked.
        axes: to draw on.

    Raises:
        NotDrawable: not two coordinates, or another free symbol.
    """
    if len(coordinates) != 2 or len(field) != 2:
        raise NotDrawable(f"{len(coordinates)} coordinates; a flow is drawn in the plane of two: fix the others")
    for low, high in ranges:
        if not low < high:
            raise InvalidGrid(f"span {(low, high)} is empty; give the lower value first")
    axes = axes_for(axes)
    first, second = (np.linspace(*r, 41) for r in ranges)
    mesh = dict(zip((c.name for c in coordinates), np.meshgrid(first, second)))
    with np.errstate(all="ignore"):
        u, v = (np.broadcast_to(_evaluated(f, mesh), mesh[coordinates[0].name].shape) for f in field)
    axes.streamplot(first, second, np.nan_to_num(u), np.nan_to_num(v), color="0.45", linewidth=0.8, density=1.2)
    for (label, point), colour, marker in zip((points or {}).items(), cycle(COLOURS), cycle("osD^v")):
        axes.plot(*point, marker, color=colour, markersize=7, label=label, zorder=3)
    axes.set_xlabel(f"${latex(coordinates[0])}$")
    axes.set_ylabel(f"${latex(coordinates[1])}$")
    if points:
        axes.legend(loc="best")
    return axes


def potential(fixed_point: Any, reach: float = 2.2, axes: Any = None) -> Any:
    """The potential of a fixed point, above its least value.

    Args:
        fixed_point: of `numerics.fixed_point.fixed_point`.
        reach: how far, in units of the place of the minimum.
        axes: to draw on.
    """
    axes = axes_for(axes)
    least = fixed_point.minimum
    rho = np.linspace(0, min(reach * least, float(fixed_point.grid.points[-1])), 300)
    values = fixed_point(rho) - fixed_point(least)
    title = rf"$\nu$ = {float(fixed_point.nu):.6f}, $\omega$ = {float(fixed_point.omega):.6f}"
    axes.plot(rho, values, color=COLOURS[0], label=title)
    axes.plot(least, 0, "o", color=COLOURS[1], markersize=5, label=rf"minimum, $\rho$ = {least:.4g}")
    axes.set_xlabel(r"$\rho$")
    axes.set_ylabel(r"$u_*(\rho) - u_*(\rho_{\min})$")
    axes.legend(frameon=False)
    return axes


def path(geodesic: Any, names: Sequence[str] = (), axes: Any = None) -> Any:
    """A computed geodesic: its curve in the plane of two coordinates, else each coordinate along it.

    Args:
        geodesic: of `numerics.geodesics`.
        names: of the coordinates, for the labels.
        axes: to draw on.
    """
    axes = axes_for(axes)
    points = np.asarray(geodesic.points)
    count = points.shape[1]
    labels = [f"${latex(sp.Symbol(n))}$" for n in names] or [f"$x^{{{k}}}$" for k in range(1, count + 1)]
    if count == 2:
        axes.plot(points[:, 0], points[:, 1], color=COLOURS[2], label=f"length {geodesic.length:.4g}")
        axes.plot(*points[0], "o", color=COLOURS[1], markersize=5, label="start")
        axes.plot(*points[-1], "s", color=COLOURS[0], markersize=5, label="end")
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
    else:
        for k, colour, dash in zip(range(count), cycle(COLOURS), cycle(DASHES)):
            axes.plot(geodesic.times, points[:, k], color=colour, linestyle=dash, label=labels[k])
        axes.set_xlabel("affine parameter")
        axes.set_ylabel("coordinates")
    axes.legend(frameon=False)
    return axes


def ensemble(paths: Any, time: int = -1, bins: int = 60, axes: Any = None) -> Any:
    """Where the paths of an ensemble are at one of its times: a histogram, or the points of the plane.

    Args:
        paths: an Ensemble of `numerics.langevin`.
        time: the number of the output time.
        bins: of the histogram.
        axes: to draw on.

    Raises:
        NotDrawable: more than two coordinates.
    """
    positions = np.asarray(paths.positions[time])
    names = [c.name for c in paths.equation.coordinates]
    if len(names) > 2:
        raise NotDrawable(f"paths in {len(names)} coordinates; draw their histogram in two of them")
    axes = axes_for(axes)
    axes.set_title(f"t = {float(paths.times[time]):.4g}, {len(positions):,} paths", fontsize="medium")
    axes.set_xlabel(f"${latex(sp.Symbol(names[0]))}$")
    if len(names) == 1:
        axes.hist(positions[:, 0], bins=bins, density=True, color=COLOURS[0])
        axes.set_ylabel("density")
    else:
        shown = positions[:20_000]
        axes.plot(shown[:, 0], shown[:, 1], ".", color=COLOURS[0], markersize=1, alpha=0.4, rasterized=True)
        axes.set_ylabel(f"${latex(sp.Symbol(names[1]))}$")
    return axes
