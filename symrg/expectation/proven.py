"""Moments with a proven error: ball arithmetic for integrals and sums over a sample space (Arb, by python-flint).

Integrals are enclosed by `acb.integral`, which is told where the integrand is not holomorphic; tails, and what lies
next to an end, by a majorant; infinite sums by a geometric series or a zeta function. Where the integrand as it
stands has no bound, its variable is changed, or it is split into simpler ones: E[l_i l_j] is the covariance of the
terms of the scores, in which the normalising constant and its derivatives cancel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import sympy
from flint import acb, acb_series, arb, ctx
from sympy import S
from sympy.core.relational import Relational

from symrg.budget import Budget, Declined, OutOfTime, within
from symrg.errors import ImproperDensity
from symrg.expectation import gaussian
from symrg.expectation.density import KINKED, Density, split_logarithms
from symrg.expectation.factorials import as_gamma, rewrite_factorials
from symrg.expectation.interior import Point
from symrg.expectation.terms import absorb
from symrg.expectation.tidy import gamma_ratio
from symrg.support import Axis
from symrg.verification.enclosure import Point as Balls
from symrg.verification.enclosure import at, constant, enclose
from symrg.verification.majorant import Majorant
from symrg.verification.points import precision

_SPARE = 64  # bits beyond the digits that are wanted
_ATTEMPTS = 3  # precisions tried where a ball stays wide
_POINTS = 4000  # of a finite sample space, at most

Matrix = list[list[arb]]

_PLAIN = (sympy.log, sympy.exp, *KINKED, sympy.sin, sympy.cos, sympy.tan, sympy.sinh, sympy.cosh, sympy.tanh)

_WHOLE = (sympy.Function, sympy.Derivative, sympy.Subs, sympy.Integral, sympy.Sum)


@dataclass(frozen=True)
class _Place:
    """Where integrals are enclosed: exact values of the parameters, and balls of functions of them."""

    exact: Point
    balls: Balls

    def at(self, y: sympy.Symbol, k: sympy.Expr) -> Balls:
        """The balls, with an exact value of a coordinate."""
        return Balls({**self.balls.values, y: constant(k)}, {y: k})


def proven_products(
    density: Density, scores: Sequence[sympy.Expr], point: Point, digits: int, budget: Budget
) -> Matrix | None:
    """Balls around E[l_i l_j] at a point of the parameters, or None where nothing can be proven in time.

    Args:
        density: of the model, with all its axes.
        scores: l_i, functions of the sample.
        point: exact values of all other symbols.
        digits: that are wanted of each entry, relative to the diagonal.
        budget: for everything together.
    """
    exact = {s: _exact(v) for s, v in point.items()}
    named: dict[sympy.Expr, sympy.Dummy] = {}
    density = replace(density, log_density=_name_functions(density.log_density, density.sample, named))
    scores = [_name_functions(s, density.sample, named) for s in scores]
    bits = int(digits * 3.33) + _SPARE
    matrix: Matrix | None = None
    for _ in range(_ATTEMPTS):
        if budget.remaining <= 0:
            break
        with precision(bits):
            found = budget.attempt(f"ball arithmetic, {bits} bits", _products, density, scores, exact, named, budget)
        if isinstance(found, ImproperDensity):
            raise found
        if found is None:
            break
        matrix = found
        lost = _lost_bits(matrix, digits)
        if lost <= 0:
            break
        bits += lost + 20
    return matrix


def _exact(value: sympy.Expr) -> sympy.Expr:
    return sympy.Rational(value) if value.is_Float else value


def _lost_bits(products: Matrix, digits: int) -> int:
    """How many more bits the widest ball needs."""
    size = range(len(products))
    scale = [max(float(products[i][i].abs_upper()), 1e-300) ** 0.5 for i in size]
    worst = max(float(products[i][j].rad()) / (scale[i] * scale[j]) for i in size for j in size)
    return 0 if worst <= 10.0**-digits else math.ceil(math.log2(worst) + digits * 3.33)


def _name_functions(
    expression: sympy.Expr, sample: Sequence[sympy.Symbol], named: dict[sympy.Expr, sympy.Dummy]
) -> sympy.Expr:
    """Gamma, Bessel and such functions of the parameters alone by names, so that only balls ever hold their values.

    SymPy would write them out (loggamma(10**6) is the logarithm of an integer of five million digits) and decides
    whether they vanish from two bits: it takes exp(loggamma(2 + 10**(-7))) for 1.
    """
    if not expression.args or isinstance(expression, sympy.Piecewise):
        return expression
    special = isinstance(expression, _WHOLE) and not isinstance(expression, _PLAIN)
    if special and not expression.has(*sample):
        return named.setdefault(expression, sympy.Dummy("c", real=True))
    if isinstance(expression, _WHOLE) and not isinstance(expression, sympy.Function):
        return expression
    return expression.func(*(_name_functions(e, sample, named) for e in expression.args))


def _ball(expression: sympy.Expr, exact: Point) -> acb:
    """The value of a function of the parameters; not a number where it has no enclosure, and nothing may need it."""
    try:
        return acb(_real(enclose(expression)(at(exact))))
    except Declined:
        return acb("nan", "nan")


def _products(
    density: Density, scores: Sequence[sympy.Expr], exact: Point, named: dict[sympy.Expr, sympy.Dummy], budget: Budget
) -> Matrix | ImproperDensity:
    """The matrix; where the density is shown not to be normalised, the error that says so, for the caller to raise."""
    place = _Place(exact, Balls({c: _ball(e, exact) for e, c in named.items()}))
    try:
        return _of_factors(density, scores, place, budget)
    except ImproperDensity as error:
        return error


def _of_factors(density: Density, scores: Sequence[sympy.Expr], place: _Place, budget: Budget) -> Matrix:
    parts = density.factors()
    size = range(len(scores))
    total = [[arb(0) for _ in size] for _ in size]
    for part in parts:
        own = [_of_part(part, s) for s in scores] if len(parts) > 1 else list(scores)
        active = [i for i in size if own[i] != 0]
        found = _part_products(part, [own[i] for i in active], place, len(parts) == 1, budget)
        for a, i in enumerate(active):
            for b, j in enumerate(active):
                total[i][j] += found[a][b]
    return total


def _of_part(part: Density, score: sympy.Expr) -> sympy.Expr:
    """The terms of a score that a factor of the density accounts for; constants don't move a covariance."""
    return sympy.Add(
        *(t for t in sympy.Add.make_args(sympy.expand(split_logarithms(score))) if t.free_symbols & set(part.sample))
    )


def _part_products(
    part: Density, functions: list[sympy.Expr], place: _Place, normalised: bool, budget: Budget
) -> Matrix:
    """E[f_i f_j] of a normalised density, covariances of a factor."""
    reasons = []
    if len(part.axes) > 1 and not all(axis.discrete for axis in part.axes):
        raise Declined("an integral over several coordinates that depend on each other")
    for name, route in (("as it stands", _direct), ("term by term", _by_terms)):
        for density, moved in _forms(part, functions):
            try:
                return within(0.6 * budget.remaining, route, density, moved, place, normalised)
            except Declined as reason:
                reasons.append(f"{name}: {reason}")
            except OutOfTime:
                reasons.append(f"{name}: out of time")
                break
    raise Declined("; ".join(dict.fromkeys(reasons)))


# ---- the routes ------------------------------------------------------------------------------------------------


def _direct(density: Density, functions: list[sympy.Expr], place: _Place, normalised: bool) -> Matrix:
    size = len(functions)
    weight = density.log_density
    mass = _total(density, weight, S.One, place)
    if normalised:
        _require_unit(mass)
    else:
        means = [_total(density, weight, f, place) / mass for f in functions]
    found = [[arb(0)] * size for _ in range(size)]
    for i in range(size):
        for j in range(i, size):
            value = _total(density, weight, functions[i] * functions[j], place)
            found[i][j] = found[j][i] = value if normalised else value / mass - means[i] * means[j]
    return found


def _by_terms(density: Density, functions: list[sympy.Expr], place: _Place, normalised: bool) -> Matrix:
    """Covariances of the terms of each function, whose constants drop out."""
    sample = density.sample
    weight = sympy.Add(*(t for t in density.terms if t.free_symbols & set(sample)))
    rows: list[dict[sympy.Expr, arb]] = []
    for f in functions:
        row: dict[sympy.Expr, arb] = {}
        for term in sympy.Add.make_args(sympy.expand(split_logarithms(rewrite_factorials(f)).xreplace(place.exact))):
            c, g = term.as_independent(*sample, as_Add=False)
            if g != 1:
                row[g] = row.get(g, arb(0)) + _real(enclose(c)(place.balls))
        rows.append(row)
    terms = list(dict.fromkeys(g for row in rows for g in row))
    if len(terms) > 12:
        raise Declined("the scores have too many terms")
    height = sympy.Add(*(t for t in density.terms if not t.free_symbols & set(sample))).xreplace(place.exact)
    if normalised and not _real(enclose(height)(place.balls)) < 40:
        # the integrals to a scale of one, which an absolute tolerance needs
        shift = sympy.Integer(int(float(_real(enclose(height)(place.balls)).mid())))
        weight, height = weight + shift, height - shift
    mass = _total(density, weight, S.One, place)
    if not mass > 0:
        raise Declined("the mass isn't shown to be positive")
    if normalised:
        _require_unit(mass * _real(enclose(height)(place.balls)).exp())
    means = {g: _total(density, weight, g, place) / mass for g in terms}
    covariance: dict[tuple[sympy.Expr, sympy.Expr], arb] = {}
    for a, g in enumerate(terms):
        for h in terms[a:]:
            value = _total(density, weight, sympy.powsimp(g * h), place) / mass - means[g] * means[h]
            covariance[g, h] = covariance[h, g] = value
    return [
        [sum((c * d * covariance[g, h] for g, c in one.items() for h, d in other.items()), arb(0)) for other in rows]
        for one in rows
    ]


def _require_unit(mass: arb) -> None:
    if not mass.contains(1):
        raise ImproperDensity(
            f"the density integrates to {mass}, not to 1, at this point; check its normalising factor and the support"
        )


def _total(density: Density, weight: sympy.Expr, factor: sympy.Expr, place: _Place) -> arb:
    """The integral or sum of factor * exp(weight) over all axes."""
    weight, factor = weight.xreplace(place.exact), sympy.sympify(factor).xreplace(place.exact)
    if _soft_on_the_line(density, weight):
        return sum((_real(enclose(half)(place.balls)) for half in _halves(density, weight, factor)), arb(0))
    value = _weighted(weight, factor, density)
    for axis in density.axes:
        y = axis.symbol
        lower, upper = axis.lower.xreplace(place.exact), axis.upper.xreplace(place.exact)
        if axis.points is not None:
            value = sympy.Add(*(value.subs(y, p) for p in axis.points), evaluate=False)
        elif not axis.discrete:
            value = sympy.Integral(value, (y, lower, upper))
        elif len(density.axes) == 1:
            return _sum(value, axis, lower, upper, place)
        elif axis.step != 1:
            raise Declined("a coordinate in steps among others")
        else:
            value = sympy.Sum(value, (y, lower, upper))
    return _real(enclose(value)(place.balls))


def _soft_on_the_line(density: Density, weight: sympy.Expr) -> bool:
    """Whether ln(a + b exp(y)) and such stand in the exponent of a density on the whole line."""
    if len(density.axes) != 1 or density.axes[0].discrete:
        return False
    (axis,) = density.axes
    logs = [n for n in weight.atoms(sympy.log) if n.args[0].is_Add and n.has(axis.symbol)]
    whole = axis.lower is S.NegativeInfinity and axis.upper is S.Infinity
    return whole and any(isinstance(e, sympy.exp) for n in logs for e in n.args[0].atoms(sympy.exp))


def _halves(density: Density, weight: sympy.Expr, factor: sympy.Expr) -> list[sympy.Expr]:
    """The integrals over both half lines, with ln(a + b exp(q x)) = q x + ln(b + a exp(-q x)): the tails show."""
    (axis,) = density.axes
    x = sympy.Dummy("x", positive=True)

    def drawn_out(node: sympy.Expr) -> sympy.Expr:
        inner = sympy.expand(node.args[0])
        rates = []
        for term in sympy.Add.make_args(inner):
            rest = term.as_independent(x, as_Add=False)[1]
            rate = S.Zero if rest == 1 else rest.args[0].as_coefficient(x) if isinstance(rest, sympy.exp) else None
            if rate is None or not rate.is_Rational:
                return node
            rates.append(rate)
        top = max(rates)
        return top * x + sympy.log(sympy.expand(inner * sympy.exp(-top * x))) if top > 0 else node

    def half(sign: int) -> sympy.Expr:
        moved = [e.subs(axis.symbol, sign * x).replace(sympy.log, lambda a: drawn_out(sympy.log(a))) for e in pair]
        return sympy.Integral(moved[1] * sympy.exp(sympy.expand(moved[0])), (x, S.Zero, S.Infinity))

    pair = (weight, factor)
    return [half(1), half(-1)]


def _weighted(weight: sympy.Expr, factor: sympy.Expr, density: Density) -> sympy.Expr:
    if any(axis.discrete for axis in density.axes):
        with_gamma = as_gamma(weight).replace(sympy.loggamma, lambda z: sympy.log(sympy.gamma(z)))
        return factor * absorb(sympy.exp(sympy.expand_log(with_gamma, force=True)))
    return factor * sympy.exp(weight)


def _real(ball: acb) -> arb:
    if not ball.is_finite():
        raise Declined("the enclosure isn't finite")
    return ball.real


def _sum(body: sympy.Expr, axis: Axis, lower: sympy.Expr, upper: sympy.Expr, place: _Place) -> arb:
    """A sum over one axis; cases that change at given places are decided before the tail is bounded."""
    y, step = axis.symbol, axis.step
    if step != 1:
        j = sympy.Dummy("j", integer=True, nonnegative=True)
        count = upper if upper is S.Infinity else (upper - lower) / step
        return _sum(body.subs(y, lower + step * j), Axis(j, S.Zero, count, True), S.Zero, count, place)
    if lower is S.NegativeInfinity:
        last = S.Zero if upper is S.Infinity else upper
        m = sympy.Dummy("m", integer=True, nonnegative=True)
        left = _sum(body.subs(y, last - m), Axis(m, S.Zero, S.Infinity, True), S.Zero, S.Infinity, place)
        if upper is not S.Infinity:
            return left
        return left + _sum(body, Axis(y, S.One, S.Infinity, True), S.One, S.Infinity, place)
    if upper.is_Integer and lower.is_Integer:
        if upper - lower > _POINTS:
            raise Declined("a finite sum with too many terms")
        return sum((_at(body, y, k, place) for k in range(int(lower), int(upper) + 1)), arb(0))
    changes = _changes(body, y)
    total, first = arb(0), int(lower)
    if changes:
        beyond = max(first, int(max(sympy.floor(c) for c in changes)) + 1)
        if beyond - first > _POINTS:
            raise Declined("cases that change too far out")
        total = sum((_at(body, y, k, place) for k in range(first, beyond)), arb(0))
        body, first = _branch(body, y, sympy.Integer(beyond + 1)), beyond
    return total + _series(body, y, first, place)


def _series(body: sympy.Expr, y: sympy.Symbol, first: int, place: _Place) -> arb:
    """A sum from `first` to infinity, by the tails that are known."""
    reasons = []
    for route in (_known_series, _zeta_series, _geometric_series):
        try:
            return route(body, y, first, place)
        except Declined as reason:
            reasons.append(str(reason))
    raise Declined("; ".join(reasons))


def _known_series(body: sympy.Expr, y: sympy.Symbol, first: int, place: _Place) -> arb:
    return _real(enclose(sympy.Sum(body, (y, first, S.Infinity)))(place.balls))


def _zeta_series(body: sympy.Expr, y: sympy.Symbol, first: int, place: _Place) -> arb:
    """sum of ln(y + a)^k (y + a)^(-s), a derivative of the Hurwitz zeta function (DLMF 25.11.17)."""
    constant, rest = sympy.powsimp(body).as_independent(y, as_Add=False)
    order, exponent, shifts = 0, S.Zero, set()
    for factor in sympy.Mul.make_args(rest):
        base, power = factor.as_base_exp()
        inner = base.args[0] if isinstance(base, sympy.log) else base
        shift = sympy.expand(inner - y)
        if shift.has(y) or power.has(y):
            raise Declined("no power of a shifted integer")
        shifts.add(shift)
        if isinstance(base, sympy.log):
            if not (power.is_Integer and power > 0):
                raise Declined("no positive power of a logarithm")
            order += int(power)
        else:
            exponent -= power
    if len(shifts) != 1:
        raise Declined("powers of several shifted integers")
    s, a = (enclose(e)(place.balls) for e in (exponent, shifts.pop() + first))
    if not (s.real > 1 and a.real > 0):
        raise Declined("the series of powers isn't shown to converge")
    value = acb_series([s, acb(1)], prec=order + 1).zeta(a)[order] * (-1) ** order * math.factorial(order)
    return _real(enclose(constant)(place.balls) * value)


def _geometric_series(body: sympy.Expr, y: sympy.Symbol, first: int, place: _Place) -> arb:
    """Terms, then |rest| <= |term|/(1 - r) where the ratio of neighbouring terms stays below r < 1."""
    x = sympy.Dummy("x", positive=True)
    moved = body.subs(y, x)
    ratio = sympy.powsimp(sympy.factor_terms(gamma_ratio(sympy.powsimp(moved.subs(x, x + 1) / moved))))
    if ratio.has(sympy.gamma, sympy.factorial, sympy.binomial):
        raise Declined("the ratio of neighbouring terms holds gamma functions")
    term, goal = enclose(body), arb(2) ** (20 - ctx.prec)
    total, done, stop = arb(0), first, first + 16
    while stop - first < _POINTS:
        for k in range(done, stop):
            total += _real(term(place.at(y, sympy.Integer(k))))
        done = stop
        majorant = Majorant(x, place.balls, arb(stop))
        parts = majorant.upper(ratio)
        if not all(majorant.falling(part) for part in parts):
            raise Declined("the ratio of neighbouring terms isn't shown to fall")
        bound = sum((majorant.value(part) for part in parts), arb(0))
        if bound < 1:
            rest = (term(place.at(y, sympy.Integer(stop))).abs_upper() / (1 - bound)).upper()
            if rest < goal * (1 + abs(total).upper()):
                return total + arb(0, rest)
        stop = first + (stop - first) * 3 // 2
    raise Declined("the sum converges too slowly")


def _at(body: sympy.Expr, y: sympy.Symbol, k: int, place: _Place) -> arb:
    return _real(enclose(_branch(body, y, sympy.Integer(k)).subs(y, k))(place.balls))


def _changes(body: sympy.Expr, y: sympy.Symbol) -> list[sympy.Expr]:
    """Where conditions and absolute values change; each must be linear in y."""
    inside: list[sympy.Expr] = []
    for node in body.atoms(sympy.Piecewise):
        for _, condition in node.args:
            inside += [r.lhs - r.rhs for r in condition.atoms(Relational) if r.has(y)]
    inside += [n.args[0] for n in body.atoms(sympy.Abs, sympy.sign, sympy.Heaviside) if n.has(y)]
    found = []
    for e in inside:
        line = sympy.expand(e)
        slope = line.coeff(y, 1)
        place = sympy.cancel(-(line - slope * y) / slope) if slope != 0 else y
        if place.free_symbols or not place.is_real:
            raise Declined(f"a case that changes where {e} does")
        found.append(place)
    return found


def _branch(body: sympy.Expr, y: sympy.Symbol, k: sympy.Integer) -> sympy.Expr:
    """The body with its cases decided as they are at y = k."""

    def case(node: sympy.Piecewise) -> sympy.Expr:
        for value, condition in node.args:
            if condition.subs(y, k) in (True, S.true):
                return value
        raise Declined("a case that can't be decided")

    def plain(node: sympy.Expr) -> sympy.Expr:
        inner = node.args[0]
        sign = sympy.sign(inner.subs(y, k))
        if sign not in (1, -1):
            return node.subs(y, k)
        return sign * inner if isinstance(node, sympy.Abs) else node.subs(y, k)

    body = body.replace(lambda e: isinstance(e, sympy.Piecewise), case)
    return body.replace(lambda e: isinstance(e, sympy.Abs | sympy.sign | sympy.Heaviside) and e.has(y), plain)


# ---- changes of variable ---------------------------------------------------------------------------------------


def _forms(part: Density, functions: list[sympy.Expr]) -> Iterator[tuple[Density, list[sympy.Expr]]]:
    """The density as it stands, then in variables on which its logarithms and tails are plain."""
    yield part, functions
    if len(part.axes) != 1 or part.axes[0].discrete:
        return
    (axis,) = part.axes
    y, u = axis.symbol, sympy.Dummy("u", real=True)
    line = Axis(u, -S.Infinity, S.Infinity)

    def moved(replaced: Callable[[sympy.Expr], sympy.Expr], jacobian: sympy.Expr, new: Axis):
        density = Density(replaced(part.log_density) + jacobian, (new,), part.symbols, part.domain)
        return density, [replaced(f) for f in functions]

    if not any(e.has(sympy.log) for e in (part.log_density, *functions)):
        return
    if axis.lower == 0 and axis.upper is S.Infinity:
        yield moved(lambda e: sympy.expand_log(e.subs(y, sympy.exp(u)), force=True), u, line)
    elif axis.lower == 0 and axis.upper == 1:
        positive = sympy.Dummy("u", positive=True)
        ray = Axis(positive, S.Zero, S.Infinity)
        yield moved(lambda e: sympy.expand_log(e.subs(y, sympy.exp(-positive)), force=True), -positive, ray)
        soft = sympy.log(1 + sympy.exp(-u))

        def in_logit(e: sympy.Expr) -> sympy.Expr:
            split = split_logarithms(e)
            split = split.subs({sympy.log(y): -soft, sympy.log(1 - y): -u - soft})
            return sympy.expand(split).subs(y, 1 / (1 + sympy.exp(-u)))

        yield moved(in_logit, -u - 2 * soft, line)


# ---- Gaussian ---------------------------------------------------------------------------------------------------


def proven_gaussian(density: Density, parameters: Sequence[sympy.Symbol], point: Point, digits: int) -> Matrix | None:
    """Balls around the metric of a Gaussian in any dimension, by its formula (Slepian-Bangs); None for others."""
    normal = gaussian.structure(density.log_density, density.axes)
    if normal is None:
        return None
    exact = {s: _exact(v) for s, v in point.items()}
    metric = normal.fisher_metric(parameters)
    with precision(int(digits * 3.33) + 2 * _SPARE):
        return [[_real(enclose(e)(at(exact))) for e in metric.row(i)] for i in range(metric.rows)]
