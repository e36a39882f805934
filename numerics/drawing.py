"""What `.plot()` draws for the objects of symrg; `symrg.drawing` finds these functions by the class's name.

Each takes `ranges`, the lowest and highest value of what is varied, and `at`, numbers for the other symbols, both by
symbol or by name. What is left out is chosen: (-2, 2) for a real symbol, (1/2, 2) for a positive one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import sympy as sp

from numerics import plots
from numerics.codegen import compile as compile_expressions
from numerics.plots import NotDrawable
from symrg.errors import InvalidGrid
from symrg.typesetting import latex

Values = Mapping[Any, Any] | None

_FILLED = 0.45  # of the distance between two points of the grid: how far the widest ellipse reaches


def model(
    subject: Any,
    ranges: Values = None,
    at: Values = None,
    *,
    count: int = 5,
    radius: float | None = None,
    geodesics_from: Sequence[float] | None = None,
    alpha: Any = 0,
    length: float = 1.0,
    budget: float | None = None,
    axes: Any = None,
) -> Any:
    """The Fisher metric: ellipses in the plane of two parameters, a curve for one.

    Args:
        subject: a StatisticalModel.
        ranges: parameter -> (low, high).
        at: parameter -> number, for those that are held fixed, and for constants of the density.
        count: ellipses along each axis.
        radius: of the ellipses in the metric; None lets them just not touch.
        geodesics_from: a point from which geodesics are drawn as well.
        alpha: of the connection of those geodesics.
        length: of those geodesics.
        budget: seconds for the metric.
        axes: to draw on.

    Raises:
        NotDrawable: more than two parameters are not held fixed, or a symbol has no value.
    """
    metric = subject.fisher_metric(budget=budget)
    whole = subject.manifold(budget) if geodesics_from is not None else None
    return _metric(
        metric, subject.parameters, whole, ranges, at, count, radius, geodesics_from, alpha, length, axes,
        r"\mathcal{I}",
    )  # fmt: skip


def manifold(
    subject: Any,
    ranges: Values = None,
    at: Values = None,
    *,
    count: int = 5,
    radius: float | None = None,
    geodesics_from: Sequence[float] | None = None,
    alpha: Any = 0,
    length: float = 1.0,
    axes: Any = None,
) -> Any:
    """The metric of a Manifold, as `model` draws it."""
    return _metric(
        subject.metric, subject.coordinates, subject, ranges, at, count, radius, geodesics_from, alpha, length, axes,
        "g",
    )  # fmt: skip


def _metric(
    metric: Any,
    coordinates: Sequence[sp.Symbol],
    whole: Any,
    ranges: Values,
    at: Values,
    count: int,
    radius: float | None,
    start: Sequence[float] | None,
    alpha: Any,
    length: float,
    axes: Any,
    symbol: str,
) -> Any:
    fixed = _numbers(at, metric.free_symbols | set(coordinates))
    varied = [x for x in coordinates if x not in fixed]
    index = [list(coordinates).index(x) for x in varied]
    block = sp.Matrix(metric).extract(index, index).subs(fixed)
    spans = _spans(varied, ranges)
    if len(varied) == 1:
        return plots.curves({f"${symbol}({latex(varied[0])})$": block[0, 0]}, varied[0], spans[0], axes)
    if len(varied) != 2:
        names = ", ".join(x.name for x in varied)
        raise NotDrawable(
            f"{len(varied)} parameters vary ({names}); hold all but two fixed: at={{{varied[0].name!r}: 1, ..}}"
        )
    if start is not None and fixed:
        raise NotDrawable("geodesics leave a surface on which parameters are held fixed; draw them without `at`")
    points, safe = _regular(block, varied, spans, count)
    axes = plots.metric_ellipses(block, points, radius or safe, varied, axes)
    if start is not None:
        plots.geodesics(whole, start, length=length, alpha=alpha, axes=axes)
    kind = f"radius {radius or safe:.2g} in the metric"
    axes.set_title(f"${symbol}$: {kind}", fontsize="medium")
    return axes


def _regular(
    block: sp.Matrix, varied: Sequence[sp.Symbol], spans: Sequence[tuple[float, float]], count: int
) -> tuple[list[tuple[float, float]], float]:
    """Points of a grid at which the metric is positive definite, and a radius at which no two ellipses touch."""
    missing = sorted(block.free_symbols - set(varied), key=str)
    if missing:
        raise NotDrawable(f"the metric contains {missing[0]} without a value; give at={{{missing[0].name!r}: ..}}")
    evaluate = compile_expressions(block, varied)
    steps = [(high - low) / count for low, high in spans]
    lines = [low + step * (np.arange(count) + 0.5) for (low, _), step in zip(spans, steps)]
    points, radii = [], []
    for point in product(*lines):
        with np.errstate(all="ignore"):
            value = np.asarray(evaluate(*point), dtype=float)
        if not np.isfinite(value).all() or np.linalg.eigvalsh(value)[0] <= 0:
            continue
        points.append(point)
        extent = np.sqrt(np.diag(np.linalg.inv(value)))
        radii.append(min(_FILLED * step / e for step, e in zip(steps, extent)))
    if not points:
        raise NotDrawable(f"the metric is positive definite at no point of {list(spans)}; give other `ranges`")
    return points, float(min(radii))


def exponential_family(
    subject: Any,
    ranges: Values = None,
    at: Values = None,
    *,
    orders: Sequence[int] = (1, 2, 3, 4),
    which: int = 0,
    budget: float | None = None,
    axes: Any = None,
) -> Any:
    """Cumulants of one statistic against its natural parameter.

    Args:
        subject: an ExponentialFamily.
        ranges: natural parameter -> (low, high).
        at: the other natural parameters -> numbers.
        orders: of the cumulants.
        which: number of the statistic, from 0.
        budget: seconds for each cumulant.
        axes: to draw on.
    """
    natural = subject.natural_parameters
    eta = natural[which]
    unit = [tuple(n if k == which else 0 for k in range(len(natural))) for n in orders]
    found = {n: sp.sympify(subject.cumulant(index, budget=budget)) for n, index in zip(orders, unit)}
    free = set().union(*(e.free_symbols for e in found.values())) | set(natural)
    fixed = _numbers(at, free)
    (span,) = _spans([eta], ranges)
    missing = sorted(s.name for s in free - {eta} if s not in fixed)
    if missing:
        raise NotDrawable(f"{missing[0]} has no value; give at={{{missing[0]!r}: ..}}")
    values = {n: e.subs(fixed) for n, e in found.items()}
    return plots.cumulants(values, eta, span, axes)


def equation(subject: Any, ranges: Values = None, at: Values = None, *, time: float = 0.0, axes: Any = None) -> Any:
    """Drift and diffusion of a FokkerPlanck: curves in one dimension, lines of the drift in two.

    Args:
        subject: a FokkerPlanck.
        ranges: coordinate -> (low, high).
        at: parameter -> number.
        time: at which coefficients that depend on it are drawn.
        axes: to draw on.

    Raises:
        NotDrawable: more than two coordinates, or a parameter without a value.
    """
    x = subject.coordinates
    fixed = {**_numbers(at, set(subject.parameters)), subject.time: time}
    missing = [s.name for s in subject.parameters if s not in fixed]
    if missing:
        raise NotDrawable(f"the equation contains {missing[0]} without a value; give at={{{missing[0]!r}: ..}}")
    spans = _spans(x, ranges)
    drift = [e.subs(fixed) for e in subject.drift]
    if len(x) == 1:
        name = latex(x[0])
        drawn = {
            rf"drift $\mu({name})$": drift[0],
            rf"diffusion $D({name})$": subject.diffusion[0, 0].subs(fixed),
        }
        axes = plots.curves(drawn, x[0], spans[0], axes)
        axes.axhline(0, color="0.6", linewidth=0.8, zorder=0)
        return axes
    axes = plots.plane(drift, x, spans, axes=axes)
    axes.set_title("lines of the drift", fontsize="medium")
    return axes


def couplings(subject: Any, ranges: Values = None, *, axes: Any = None) -> Any:
    """The flow to the infrared of the two lowest couplings of a LocalPotentialFlow, with its fixed points.

    Args:
        subject: a LocalPotentialFlow with numbers for dimension and components.
        ranges: coupling -> (low, high).
        axes: to draw on.

    Raises:
        NotDrawable: the dimension or the number of components is a symbol.
    """
    names, betas = subject.beta_functions(2)
    missing = sorted(set().union(*(b.free_symbols for b in betas)) - set(names), key=str)
    if missing:
        raise NotDrawable(f"the flow contains {missing[0]}; give the dimension and the components as numbers")
    given = {_name(k): v for k, v in (ranges or {}).items()}
    spans = [given.get(names[0].name, (-0.2, 0.2)), given.get(names[1].name, (0.0, 0.12))]
    marked: dict[str, Sequence[float]] = {"Gaussian": (0.0, 0.0)}
    for number, point in enumerate(_zeros(betas, names, spans), 1):
        marked["Wilson-Fisher" if number == 1 else f"fixed point {number}"] = point
    return plots.plane([-b for b in betas], names, spans, marked, axes)


def _zeros(betas: Sequence[sp.Expr], names: Sequence[sp.Symbol], spans: Sequence[Any]) -> list[tuple[float, float]]:
    """Fixed points in the window with a coupling above zero."""
    from scipy.optimize import fsolve

    field = compile_expressions(sp.Matrix(betas), names)
    found: list[tuple[float, float]] = []
    for start in product(*(np.linspace(low, high, 6)[1:-1] for low, high in spans)):
        with np.errstate(all="ignore"):
            point, _, flag, _ = fsolve(lambda p: np.ravel(field(*p)).astype(float), start, full_output=True, xtol=1e-12)
        inside = all(low < p < high for p, (low, high) in zip(point, spans))
        if flag == 1 and inside and point[1] > 1e-6 and not any(np.allclose(point, q, atol=1e-6) for q in found):
            found.append((float(point[0]), float(point[1])))
    return found


def _name(key: Any) -> str:
    return key.name if isinstance(key, sp.Symbol) else str(key)


def _numbers(at: Values, symbols: set[sp.Symbol]) -> dict[sp.Symbol, Any]:
    """The values of `at` by symbol.

    Raises:
        NotDrawable: a name that is none of the symbols'.
    """
    known = {s.name: s for s in symbols}
    for key in at or {}:
        if _name(key) not in known:
            raise NotDrawable(f"`at` names {_name(key)!r}; the symbols are {', '.join(sorted(known))}")
    return {known[_name(key)]: sp.sympify(value, strict=True) for key, value in (at or {}).items()}


def _spans(varied: Sequence[sp.Symbol], ranges: Values) -> list[tuple[float, float]]:
    """The range of every symbol that is varied: the one given, or one that its assumptions allow.

    Raises:
        NotDrawable: a range for a symbol that is not varied.
        InvalidGrid: an empty range.
    """
    given = {_name(k): v for k, v in (ranges or {}).items()}
    names = [s.name for s in varied]
    for name in given:
        if name not in names:
            raise NotDrawable(f"`ranges` names {name!r}; what varies is {', '.join(names)}")
    spans = []
    for s in varied:
        default = (0.5, 2.0) if s.is_nonnegative else (-2.0, -0.5) if s.is_nonpositive else (-2.0, 2.0)
        low, high = map(float, given.get(s.name, default))
        if not low < high:
            raise InvalidGrid(f"the range {(low, high)} of {s.name} is empty; give the lower value first")
        spans.append((low, high))
    return spans
