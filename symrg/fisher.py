"""The Fisher metric of a model in closed form, and what the data cannot see.

Sources: Fisher 1925; Bartlett 1953; Rothenberg, Econometrica 39 (1971), for identifiability.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sympy

from symrg.budget import Budget, OutOfTime, within
from symrg.errors import Disagreement, IrregularModel, NoClosedForm, TimeExpired
from symrg.expectation import gaussian
from symrg.expectation.branches import smooth_branch
from symrg.expectation.confirm import differing_points, moments
from symrg.expectation.density import KINKED, kinks_of, score_of
from symrg.expectation.interior import Point
from symrg.expectation.numeric import NumericFailure, number
from symrg.expectation.special import differentiate
from symrg.expectation.tidy import is_closed, tidy
from symrg.short_form import with_plain_signs

if TYPE_CHECKING:
    from symrg.expectation import Engine
    from symrg.model import StatisticalModel


def require_fixed_support(model: StatisticalModel) -> None:
    """Raise IrregularModel where the support moves with a parameter."""
    for axis in model.axes:
        moving = axis.free_symbols & set(model.parameters)
        if moving:
            p = min(moving, key=str)
            raise IrregularModel(
                f"the support {axis.describe()} depends on {p}, so E[score] = 0 fails and the Fisher metric does not "
                f"exist; hold {p} fixed: leave it out of `parameters`"
            )


def require_no_moving_zero(model: StatisticalModel, point: Point) -> None:
    """Raise IrregularModel where the density becomes zero beyond a point that moves with a parameter."""
    if len(model.axes) != 1 or not model.log_density.has(*KINKED):
        return
    (axis,) = model.axes
    y = axis.symbol
    lower, upper = number(axis.lower, point), number(axis.upper, point)
    for kink in kinks_of(model.log_density, y):
        moving = kink.free_symbols & set(model.parameters)
        place = number(kink, point)
        if not moving or not lower < place < upper:
            continue
        step = 1e-4 * max(abs(place), 1e-3)
        sides = []
        for at in (place - step, place + step):
            branch = smooth_branch(model.log_density, point | {y: sympy.Float(at)})
            value = number(branch, point | {y: sympy.Float(at)})
            sides.append(value == value and value != -float("inf"))
        if sides[0] != sides[1]:
            p = min(moving, key=str)
            raise IrregularModel(
                f"the density vanishes beyond {y} = {kink}, which moves with {p}, so E[score] = 0 fails and the Fisher "
                f"metric does not exist; hold {p} fixed: leave it out of `parameters`"
            )


def fisher_metric(model: StatisticalModel, budget: Budget) -> sympy.ImmutableMatrix:
    """The closed form; see `StatisticalModel.fisher_metric`."""
    require_fixed_support(model)
    engine = model.engine(budget)
    require_no_moving_zero(model, engine.points[0])
    normal = gaussian.structure(model.log_density, model.axes)
    metric: sympy.Matrix | None = None
    if normal is not None:
        metric = budget.attempt("Gaussian in any dimension", normal.fisher_metric, model.parameters, share=0.5)
        if metric is not None and not all(is_closed(e) for e in metric):
            metric = None
    if metric is None:
        each = len(model.axes) == 1
        metric = _entries(model, engine, budget, each)
        if not each:
            # Quadrature over several coordinates is dear: the whole matrix first, entry by entry only if it fails.
            try:
                return _checked(model, engine, metric, budget)
            except Disagreement:
                metric = _entries(model, engine, budget, True)
    return _checked(model, engine, metric, budget)


def _checked(model: StatisticalModel, engine: Engine, metric: sympy.Matrix, budget: Budget) -> sympy.ImmutableMatrix:
    short = metric.applyfunc(lambda e: _shorter(e, budget))
    _confirm_metric(model, engine, short, budget)
    return sympy.ImmutableMatrix(short)


def _shorter(expression: sympy.Expr, budget: Budget) -> sympy.Expr:
    short = budget.attempt("the entry, in short", tidy, expression, share=0.3)
    return with_plain_signs(expression if short is None else short)


def _entries(model: StatisticalModel, engine: Engine, budget: Budget, confirmed: bool) -> sympy.Matrix:
    size = model.dimension
    scores = list(model.score())
    smooth = not (model.log_density.has(*KINKED) and any(s.has(*KINKED) for s in scores))
    metric = sympy.zeros(size, size)
    for i in range(size):
        for j in range(i, size):
            candidates = []
            if smooth:
                curvature = -differentiate(scores[i], model.parameters[j])
                candidates.append(curvature)
            candidates.append(scores[i] * scores[j])
            metric[i, j] = metric[j, i] = _first_closed(engine, candidates, budget, confirmed)
    return metric


def _first_closed(engine: Engine, candidates: list[sympy.Expr], budget: Budget, confirmed: bool) -> sympy.Expr:
    failure: NoClosedForm | Disagreement | None = None
    for k, candidate in enumerate(candidates):
        share = Budget(max(budget.remaining * (0.6 if k + 1 < len(candidates) else 1.0), 0.01))
        try:
            value = engine.expectation(candidate, share, confirmed)
        except (NoClosedForm, Disagreement) as e:
            failure = e
            budget.attempts.extend(share.attempts)
            continue
        return value
    if isinstance(failure, Disagreement):
        raise failure
    raise budget.no_closed_form("an entry of the Fisher metric")


def _confirm_metric(model: StatisticalModel, engine: Engine, metric: sympy.Matrix, budget: Budget) -> None:
    """Hold the metric against quadrature of E[l_i l_j], and E[l_i] against zero, for every sign of the parameters."""
    chosen = differing_points(engine.points)
    rest = [p for p in engine.points if p not in chosen]
    _confirm_at(model, metric, [*chosen[:1], *rest], budget)
    for point in chosen[1:]:
        try:
            _confirm_at(model, metric, [point], budget)
        except NoClosedForm:
            continue


def _confirm_at(model: StatisticalModel, metric: sympy.Matrix, points: Sequence[Point], budget: Budget) -> None:
    """At the first of some points where the quadrature settles."""
    refuted: Disagreement | None = None
    irregular: IrregularModel | None = None
    first: Point | None = None
    for point in points[:5]:
        try:
            _compare(model, metric, point, 0)
        except Disagreement as e:
            refuted, first = e, first or point
        except IrregularModel as e:
            irregular, first = e, first or point
        except (NumericFailure, ArithmeticError, ValueError, TypeError):
            continue
        else:
            return
    if first is not None and all(len(part.axes) == 1 for part in model._density.factors()):
        # Too sharp for floats, or wrong: more digits tell.
        try:
            _compare(model, metric, first, 11)
        except (NumericFailure, ArithmeticError, ValueError, TypeError) as e:
            if isinstance(e, (Disagreement, IrregularModel)):
                raise
        else:
            return
    if irregular is not None:
        raise irregular
    if refuted is not None:
        raise refuted
    raise budget.no_closed_form("the Fisher metric (a candidate could not be confirmed by quadrature)")


def _compare(model: StatisticalModel, metric: sympy.Matrix, point: Point, digits: int) -> None:
    """Raise where E[l_i] is not zero or E[l_i l_j] is not the metric at a point."""
    means, products, slack = score_moments(model, point, digits)
    scale = [max(abs(products[i][i]), 1e-30) ** 0.5 for i in range(model.dimension)]
    # Three nested rules are only run to a few digits.
    tolerance = 2e-5 if max(len(part.axes) for part in model._density.factors()) < 3 else 1e-3
    where = {str(k): float(v) for k, v in point.items()}
    for i in range(model.dimension):
        for j in range(i, model.dimension):
            value = number(metric[i, j], point)
            if not abs(value - products[i][j]) <= tolerance * scale[i] * scale[j] + 4 * slack[i][j] + 1e-9:
                _require_zero_mean(model, means, scale, slack)
                raise Disagreement(
                    f"the closed form {metric[i, j]} of entry ({i}, {j}) of the Fisher metric is {value:.10g} "
                    f"at {where}, quadrature gives {float(products[i][j]):.10g}"
                )
    _require_zero_mean(model, means, scale, slack)


def _require_zero_mean(model: StatisticalModel, means: list[Any], scale: list[Any], slack: list[list[Any]]) -> None:
    for i, mean in enumerate(means):
        if abs(mean) > 1e-4 * scale[i] + slack[i][i] ** 0.5:
            raise IrregularModel(
                f"E[score] of {model.parameters[i]} is {float(mean):.4g}, not 0: the density is not regular in "
                f"{model.parameters[i]}, so the Fisher metric does not exist"
            )


def score_moments(
    model: StatisticalModel, point: Point, digits: int = 0, levels: int = 0, chain: bool = False
) -> tuple[list[Any], list[list[Any]], list[list[Any]]]:
    """E[l_i], E[l_i l_j] and error estimates at a point, factor by factor where coordinates are independent.

    Args:
        model: the statistical model.
        point: values of its parameters and constants.
        digits: 0 for machine floats.
        levels: halvings of the step at most; 0 chooses.
        chain: averages over a Markov chain instead of quadrature.
    """
    size = model.dimension
    density = model._density
    total_mean: list[Any] = [0] * size
    total: list[list[Any]] = [[0] * size for _ in range(size)]
    slack = [[0.0] * size for _ in range(size)]
    parts = density.factors()
    for part in parts:
        scores = [score_of(part.log_density, p) for p in model.parameters]
        active = [i for i, s in enumerate(scores) if s != 0]
        m = moments(part, [scores[i] for i in active], point, digits, products=True, levels=levels, chain=chain)
        count = len(active)
        mean = {i: m.values[a] for a, i in enumerate(active)}
        k = count
        for a, i in enumerate(active):
            total_mean[i] += mean[i]
            for j in active[a:]:
                covariance = m.values[k] - (mean[i] * mean[j] if len(parts) > 1 else 0)
                total[i][j] += covariance
                slack[i][j] += float(m.errors[k])
                if i != j:
                    total[j][i] += covariance
                    slack[j][i] += float(m.errors[k])
                k += 1
    constant = density.constant_of_factors
    for i, p in enumerate(model.parameters):
        total_mean[i] += number(sympy.diff(constant, p), point)
    return total_mean, total, slack


def check_score(model: StatisticalModel, points: Sequence[Point], budget: Budget) -> None:
    """E[score] = 0 at an interior point.

    Raises:
        IrregularModel: it is not.
        TimeExpired: the time was up first.
    """
    try:
        within(budget.remaining, _check_score, model, points)
    except OutOfTime:
        raise TimeExpired(
            f"the density is normalised, but E[score] = 0 could not be checked within {budget.seconds:g} s: give a "
            "larger budget"
        ) from None


def _check_score(model: StatisticalModel, points: Sequence[Point]) -> None:
    for point in points:
        try:
            means, products, slack = score_moments(model, point)
        except (NumericFailure, ArithmeticError, ValueError, TypeError):
            continue
        for i, mean in enumerate(means):
            if abs(mean) > 1e-4 * max(abs(products[i][i]), 1e-12) ** 0.5 + slack[i][i] ** 0.5:
                raise IrregularModel(
                    f"E[score] of {model.parameters[i]} is {mean:.4g}, not 0, at "
                    f"{ {str(k): float(v) for k, v in point.items()} }"
                )
        return


# ---- what the data cannot see ----------------------------------------------------------------------------------


def null_directions(model: StatisticalModel, budget: Budget) -> tuple[sympy.ImmutableMatrix, ...]:
    """A basis of the null space of the metric; see `StatisticalModel.null_directions`."""
    metric = model.fisher_metric(budget)
    space = budget.attempt("null space", lambda: metric.nullspace(simplify=True))
    if space is None:
        raise budget.no_closed_form("the null directions")
    basis = []
    for vector in space:
        denominators = [sympy.fraction(sympy.together(v))[1] for v in vector]
        scaled = (vector * sympy.lcm_list(denominators)).applyfunc(sympy.simplify)
        content = sympy.gcd_list([v for v in scaled if v != 0])
        basis.append(sympy.ImmutableMatrix((scaled / content).applyfunc(sympy.simplify)))
    return tuple(basis)


def identifiable_combinations(model: StatisticalModel, budget: Budget) -> tuple[sympy.Expr, ...]:
    """First integrals of the null directions; see `StatisticalModel.identifiable_combinations`."""
    directions = null_directions(model, budget)
    parameters = model.parameters
    if not directions:
        return parameters
    wanted = len(parameters) - len(directions)
    found: list[sympy.Expr] = []

    def independent(candidate: sympy.Expr) -> bool:
        rows = sympy.Matrix([[sympy.diff(f, p) for p in parameters] for f in [*found, candidate]])
        return rows.rank(simplify=True) == len(found) + 1

    def invariant(candidate: sympy.Expr) -> bool:
        return all(
            sympy.simplify(sum(v[i] * sympy.diff(candidate, p) for i, p in enumerate(parameters))) == 0
            for v in directions
        )

    candidates = [*parameters, *_coefficients(model), *_integrated(directions, parameters)]
    for candidate in candidates:
        if len(found) == wanted:
            break
        if candidate.free_symbols & set(parameters) and invariant(candidate) and independent(candidate):
            found.append(candidate)
    if len(found) < wanted:
        raise budget.no_closed_form("the identifiable combinations")
    return tuple(found)


def _coefficients(model: StatisticalModel) -> list[sympy.Expr]:
    """Coefficients of functions of the sample in the log-density: what the data sees is among them."""
    from symrg.expectation.identities import NormalisationIdentities

    try:
        reader = NormalisationIdentities(model.log_density, model.sample, model.parameters, {})
        features = reader.features(model.log_density)
    except Exception as e:  # a density that does not split has no such coefficients
        if isinstance(e, (KeyboardInterrupt, SystemExit)):
            raise
        return []
    moving = [sympy.factor(c) for f, c in features.items() if f != 1 and c.free_symbols & set(model.parameters)]
    inner = [
        sympy.factor(n.as_independent(*model.sample, as_Add=n.is_Add)[0])
        for n in sympy.preorder_traversal(model.log_density)
        if isinstance(n, (sympy.Add, sympy.Mul)) and n.free_symbols & set(model.parameters)
    ]
    seen = [*moving, *inner]
    return sorted((c for c in seen if c.free_symbols & set(model.parameters)), key=lambda c: sympy.count_ops(c))


def _integrated(directions: Sequence[sympy.ImmutableMatrix], parameters: Sequence[sympy.Symbol]) -> list[sympy.Expr]:
    """First integrals of a single direction by pairs: dp_i/v_i = dp_j/v_j where that is separable."""
    if len(directions) != 1:
        return []
    (v,) = directions
    found: list[sympy.Expr] = []
    for i, p in enumerate(parameters):
        for j in range(i + 1, len(parameters)):
            q = parameters[j]
            if v[i] == 0 or v[j] == 0:
                continue
            ratio = sympy.simplify(v[j] / v[i])
            in_q = sympy.Mul(*(f for f in sympy.Mul.make_args(ratio) if f.has(q)))
            in_p = ratio / in_q
            if in_q.has(p) or in_p.has(q):
                continue
            found.append(sympy.simplify(sympy.integrate(1 / in_q, q) - sympy.integrate(in_p, p)))
            found.append(sympy.simplify(sympy.exp(found[-1])))
    return found
