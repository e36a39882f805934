"""Riemannian and dual geometry of a metric, or of a statistical model's Fisher metric.

Conventions (docs/conventions.md): `christoffel()[i, j, k]` = Gamma^i_jk;
R^i_jkl = d_k Gamma^i_lj - d_l Gamma^i_kj + Gamma^i_km Gamma^m_lj - Gamma^i_lm Gamma^m_kj; R_jl = R^i_jil;
R = g^jl R_jl, so that the unit sphere has R = +2. Gamma^(alpha)_ijk = Gamma^(0)_ijk - alpha/2 T_ijk, all lowered, with
T_ijk = E[l_i l_j l_k]; alpha = +1 is the e-connection, -1 the m-connection (Amari, Information Geometry, 2016).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations_with_replacement, product
from typing import Any

import sympy as sp

from symrg.budget import Budget
from symrg.curvature import Calculus
from symrg.errors import InvalidMetric
from symrg.typesetting import Typeset, latex

Limit = float | Budget | None


@dataclass(frozen=True, eq=False)
class Manifold(Typeset):
    """A manifold with a metric in given coordinates.

    Args:
        metric: n x n symmetric matrix g_ij in the coordinates.
        coordinates: n distinct symbols x^i; every other free symbol is a constant.
        model: the statistical model behind the metric; alpha-connections with alpha != 0 need it, or `cubic`.
        cubic: the Amari-Chentsov tensor T_ijk as an array, where it is known already.

    Every method that computes takes `budget`: seconds, for the whole call.

    Raises:
        InvalidMetric: the matrix is not square, not symmetric, or does not fit the coordinates.
    """

    metric: sp.ImmutableMatrix
    coordinates: tuple[sp.Symbol, ...]
    model: Any = None
    cubic: Any = None
    _cache: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        try:
            metric = sp.ImmutableMatrix(self.metric)
        except (TypeError, ValueError) as e:
            raise InvalidMetric(f"the metric {self.metric!r} is not a matrix: give n rows of n entries") from e
        coordinates = self.coordinates
        coordinates = (coordinates,) if isinstance(coordinates, sp.Symbol) else tuple(coordinates)
        n = len(coordinates)
        if not all(isinstance(x, sp.Symbol) for x in coordinates) or len(set(coordinates)) != n or n == 0:
            raise InvalidMetric(f"coordinates {coordinates} must be one or more distinct symbols")
        if metric.shape != (n, n):
            raise InvalidMetric(
                f"a metric of shape {metric.shape} does not fit {n} coordinates {coordinates}: give {n} x {n}"
            )
        names = {x.name: x for x in coordinates}
        for s in metric.free_symbols:
            if s.name in names and s != names[s.name]:
                raise InvalidMetric(
                    f"the metric contains a symbol {s} that is not the coordinate {s}: same name, other assumptions; "
                    "make both from one Symbol"
                )
        for i, j in product(range(n), repeat=2):
            if i < j and metric[i, j] != metric[j, i] and not _vanishes(metric[i, j] - metric[j, i]):
                raise InvalidMetric(
                    f"the metric is not symmetric: entry ({i}, {j}) is {metric[i, j]}, ({j}, {i}) is {metric[j, i]}"
                )
        if self.cubic is not None:
            cubic = sp.ImmutableDenseNDimArray(self.cubic)
            if cubic.shape != (n, n, n):
                raise InvalidMetric(f"the cubic tensor has shape {cubic.shape}, {(n, n, n)} expected")
            object.__setattr__(self, "cubic", cubic)
        object.__setattr__(self, "metric", metric)
        object.__setattr__(self, "coordinates", coordinates)

    @property
    def dimension(self) -> int:
        """Number of coordinates."""
        return len(self.coordinates)

    # ------------------------------------------------------------------ the machine behind every method

    def _compute(self, key: Any, task: str, budget: Limit, function: Callable[[Budget], Any]) -> Any:
        if key not in self._cache:
            left = Budget.of(budget)
            value = left.attempt("rational functions of the kernels", function, left)
            if value is None:
                raise left.no_closed_form(f"the {task} of a {self.dimension}-dimensional metric")
            self._cache[key] = value
        return self._cache[key]

    def _calculus(self, alpha: Any, budget: Budget, extra: Sequence[sp.Expr] = (), depth: int = 2) -> Calculus:
        alpha = sp.sympify(alpha, strict=True)
        key = ("calculus", alpha, tuple(extra), depth)
        if key not in self._cache:
            cubic = None if alpha == 0 else self.amari_chentsov(budget=budget)
            calculus = Calculus(self.metric, self.coordinates, cubic, alpha, extra, depth)
            if not calculus.determinant:
                raise InvalidMetric(self._singular(calculus))
            self._cache[key] = calculus
        return self._cache[key]

    def _singular(self, calculus: Calculus) -> str:
        message = "the metric is singular: its determinant vanishes identically, so it has no inverse and no connection"
        null = [i for i in range(self.dimension) if not any(calculus.g[i])]
        if null:
            message += f"; nothing depends on {', '.join(str(self.coordinates[i]) for i in null)}"
        return message + "; leave out or combine the coordinates that it cannot see"

    def _run(self, name: str, alpha: Any, budget: Limit, rank: int, component: Callable[[Calculus], Any]) -> Any:
        left = Budget.of(budget)
        alpha = sp.sympify(alpha, strict=True)
        self._prepare(alpha, left)

        def compute(b: Budget) -> Any:
            calculus = self._calculus(alpha, b)
            values = component(calculus)
            if rank == 0:
                return calculus.field.expression(values)
            return calculus.array(lambda *index: _at(values, index), rank)

        return self._compute((name, alpha), name.replace("_", " "), left, compute)

    def _prepare(self, alpha: sp.Expr, budget: Budget) -> None:
        """Let errors about the metric or the model reach the caller as they are."""
        if alpha != 0:
            self.amari_chentsov(budget=budget)
        if "regular" not in self._cache:
            found = budget.attempt("determinant", self._check_regular)
            if isinstance(found, InvalidMetric):
                raise found
            if found is None:
                raise budget.no_closed_form(f"the determinant of a {self.dimension}-dimensional metric")
            self._cache["regular"] = True

    def _check_regular(self) -> bool | InvalidMetric:
        calculus = Calculus(self.metric, self.coordinates)
        if not calculus.determinant:
            return InvalidMetric(self._singular(calculus))
        self._cache["calculus", sp.S.Zero, (), 2] = calculus
        return True

    # ------------------------------------------------------------------ metric

    def inverse_metric(self, budget: Limit = None) -> sp.ImmutableMatrix:
        """g^ij."""
        array = self._run("inverse_metric", 0, budget, 2, lambda c: c.inverse)
        return sp.ImmutableMatrix(array.tolist())

    def determinant(self, budget: Limit = None) -> sp.Expr:
        """det g."""
        return self._run("determinant", 0, budget, 0, lambda c: c.determinant)

    def volume_density(self, budget: Limit = None) -> sp.Expr:
        """sqrt(|det g|): of a Fisher metric, the Jeffreys prior up to its normalisation."""
        det = self.determinant(budget)
        sign = det.is_positive or None
        if sign is None:
            sign = False if det.is_negative else _sign_by_trial(det)
        if sign is None:
            return sp.sqrt(sp.Abs(det))
        return sp.sqrt(det if sign else -det)

    def line_element(self) -> sp.Expr:
        """ds^2 = g_ij dx^i dx^j, with symbols dx for the differentials."""
        d = [sp.Symbol(f"d{x.name}", real=True) for x in self.coordinates]
        return sum((self.metric[i, j] * d[i] * d[j] for i, j in product(range(self.dimension), repeat=2)), sp.S.Zero)

    def natural_gradient(self, function: sp.Expr, budget: Limit = None) -> sp.ImmutableMatrix:
        """g^ij d_j f as a column: the steepest ascent of f (Amari 1998)."""
        gradient = sp.Matrix([sp.diff(function, x) for x in self.coordinates])
        return sp.ImmutableMatrix(self.inverse_metric(budget) * gradient)

    def laplacian(self, function: sp.Expr, budget: Limit = None) -> sp.Expr:
        """Laplace-Beltrami: g^ij (d_i d_j f - Gamma^k_ij d_k f)."""
        left = Budget.of(budget)
        up, gamma, x = self.inverse_metric(left), self.christoffel(budget=left), self.coordinates
        n = range(self.dimension)
        return sum(
            (
                up[i, j] * (sp.diff(function, x[i], x[j]) - sum(gamma[k, i, j] * sp.diff(function, x[k]) for k in n))
                for i, j in product(n, repeat=2)
                if up[i, j] != 0
            ),
            sp.S.Zero,
        )

    # ------------------------------------------------------------------ connections and curvature

    def amari_chentsov(self, budget: Limit = None) -> sp.ImmutableDenseNDimArray:
        """T_ijk = E[l_i l_j l_k].

        Raises:
            InvalidMetric: the manifold has no model.
            NoClosedForm: an expectation has none within the budget.
        """
        if "amari_chentsov" not in self._cache:
            self._cache["amari_chentsov"] = self._cubic(budget)
        return self._cache["amari_chentsov"]

    def _cubic(self, budget: Limit) -> sp.ImmutableDenseNDimArray:
        if self.cubic is not None:
            return self.cubic
        if self.model is None:
            raise InvalidMetric(
                "a bare metric has no Amari-Chentsov tensor, so only alpha = 0 is defined; "
                "use model.manifold(), or give `cubic`, the array T_ijk"
            )
        from symrg.alpha_geometry import amari_chentsov

        return amari_chentsov(self.model, self.metric, self.coordinates, Budget.of(budget))

    def christoffel(self, alpha: Any = 0, *, lowered: bool = False, budget: Limit = None) -> sp.ImmutableDenseNDimArray:
        """[i, j, k] = Gamma^(alpha)^i_jk; with `lowered`, g_il Gamma^l_jk."""
        name = "lowered_christoffel" if lowered else "christoffel"
        return self._run(name, alpha, budget, 3, lambda c: c.lowered if lowered else c.gamma)

    def riemann(self, alpha: Any = 0, *, lowered: bool = False, budget: Limit = None) -> sp.ImmutableDenseNDimArray:
        """[i, j, k, l] = R^i_jkl of the alpha-connection; with `lowered`, R_ijkl = g_im R^m_jkl."""
        return self._run(
            "lowered_riemann" if lowered else "riemann", alpha, budget, 4, _lower_riemann if lowered else _riemann
        )

    def ricci(self, alpha: Any = 0, *, budget: Limit = None) -> sp.ImmutableMatrix:
        """[j, l] = R^i_jil."""
        return sp.ImmutableMatrix(self._run("ricci", alpha, budget, 2, lambda c: c.ricci).tolist())

    def scalar_curvature(self, alpha: Any = 0, *, budget: Limit = None) -> sp.Expr:
        """R = g^jl R_jl; +2 for the unit sphere, -1 for N(mu, sigma^2)."""
        return self._run("scalar_curvature", alpha, budget, 0, lambda c: c.scalar)

    def einstein(self, budget: Limit = None) -> sp.ImmutableMatrix:
        """R_jl - R g_jl / 2."""

        def components(c: Calculus) -> Any:
            n = range(c.n)
            return [[c.ricci[j][k] - (c.scalar * c.g[j][k]).scaled(1, 2) for k in n] for j in n]

        return sp.ImmutableMatrix(self._run("einstein", 0, budget, 2, components).tolist())

    def sectional_curvature(self, u: Sequence[Any], v: Sequence[Any], budget: Limit = None) -> sp.Expr:
        """K(u, v) = R_ijkl u^i v^j u^k v^l / (g(u, u) g(v, v) - g(u, v)^2); +1 on the unit sphere.

        Raises:
            InvalidMetric: u and v do not span a plane.
        """
        n = self.dimension
        vectors = [tuple(sp.sympify(a, strict=True) for a in w) for w in (u, v)]
        if any(len(w) != n for w in vectors):
            raise InvalidMetric(f"the two vectors must have {n} components each, given {u} and {v}")
        left = Budget.of(budget)
        self._prepare(sp.S.Zero, left)

        def compute(b: Budget) -> sp.Expr | InvalidMetric:
            c = Calculus(self.metric, self.coordinates, extra=[*vectors[0], *vectors[1]])
            a, w = ([c.field.element(z) for z in vector] for vector in vectors)
            low, zero, r = _lower_riemann(c), c.field.zero, range(n)
            top = zero
            for i, j, k, m in product(r, repeat=4):
                if low[i][j][k][m] and a[i] and w[j] and a[k] and w[m]:
                    top = top + low[i][j][k][m] * a[i] * w[j] * a[k] * w[m]
            dot = [[sum((c.g[i][j] * p[i] * q[j] for i in r for j in r), zero) for q in (a, w)] for p in (a, w)]
            area = dot[0][0] * dot[1][1] - dot[0][1] * dot[0][1]
            if not area:
                return InvalidMetric(f"{u} and {v} do not span a plane: their area vanishes")
            return c.field.expression(top / area)

        value = self._compute(("sectional", *vectors), "sectional curvature", left, compute)
        if isinstance(value, InvalidMetric):
            raise value
        return value

    def covariant_derivative(
        self, tensor: Any, variance: str, alpha: Any = 0, *, budget: Limit = None
    ) -> sp.ImmutableDenseNDimArray:
        """nabla_k of a tensor, the new index last.

        Args:
            tensor: expression or array with one axis for each letter of `variance`.
            variance: "u" (upper) or "l" (lower) for each index, "" for a scalar.
            alpha: which alpha-connection.
            budget: seconds, for the whole call.
        """
        n = self.dimension
        array = sp.ImmutableDenseNDimArray(tensor) if variance else None
        if set(variance) - {"u", "l"} or (array is not None and array.shape != (n,) * len(variance)):
            raise InvalidMetric(
                f'variance {variance!r} must hold one "u" or "l" for each index of a tensor with {n} values an index; '
                f"given shape {None if array is None else array.shape}"
            )
        entries = [sp.sympify(tensor, strict=True)] if array is None else list(sp.flatten(array.tolist()))
        left, alpha = Budget.of(budget), sp.sympify(alpha, strict=True)
        self._prepare(alpha, left)

        def compute(b: Budget) -> Any:
            c = self._calculus(alpha, b, tuple(dict.fromkeys(entries)))
            values = {i: c.field.element(e) for i, e in zip(product(range(n), repeat=len(variance)), entries)}
            return c.covariant_derivative(lambda index: values[index], variance)

        return self._compute(("nabla", variance, alpha, tuple(entries)), "covariant derivative", left, compute)

    def duality_defect(self, alpha: Any, budget: Limit = None) -> sp.ImmutableDenseNDimArray:
        """[k, i, j] = d_k g_ij - Gamma^(alpha)_j,ki - Gamma^(-alpha)_i,kj: zero, as the connections are dual."""
        left = Budget.of(budget)
        plus, minus = (self.christoffel(a, lowered=True, budget=left) for a in (alpha, -sp.sympify(alpha, strict=True)))
        n = self.dimension
        flat = [
            sp.simplify(sp.diff(self.metric[i, j], self.coordinates[k]) - plus[j, k, i] - minus[i, k, j])
            for k, i, j in product(range(n), repeat=3)
        ]
        return sp.ImmutableDenseNDimArray(flat, (n,) * 3)

    # ------------------------------------------------------------------ geodesics and coordinates

    def geodesic_equations(self, t: sp.Symbol, alpha: Any = 0, *, budget: Limit = None) -> tuple[sp.Eq, ...]:
        """d^2 x^i/dt^2 + Gamma^(alpha)^i_jk dx^j/dt dx^k/dt = 0, with x^i the function of t of that name."""
        if t in self.coordinates or t in self.metric.free_symbols:
            raise InvalidMetric(f"the curve's parameter {t} is already in the metric: choose another symbol")
        gamma, n = self.christoffel(alpha, budget=budget), self.dimension
        curve = [sp.Function(x.name, real=x.is_real)(t) for x in self.coordinates]
        along = dict(zip(self.coordinates, curve))
        equations = []
        for i in range(n):
            terms = [
                gamma[i, j, k].xreplace(along) * curve[j].diff(t) * curve[k].diff(t) * (1 if j == k else 2)
                for j, k in combinations_with_replacement(range(n), 2)
            ]
            equations.append(sp.Eq(curve[i].diff(t, 2) + sp.Add(*terms), 0, evaluate=False))
        return tuple(equations)

    def reparametrize(self, substitution: Mapping[sp.Symbol, Any], coordinates: Sequence[sp.Symbol]) -> Manifold:
        """The same manifold in new coordinates: x^i = f^i(new), g_ab = d_a x^i d_b x^j g_ij."""
        jacobian = self.jacobian(substitution, coordinates)
        old = self.metric.subs(dict(substitution), simultaneous=True)
        metric = (jacobian.T * old * jacobian).applyfunc(sp.together)
        cubic = None
        if self.cubic is not None:
            cubic = self.transform(self.cubic, "lll", substitution, coordinates)
        elif self.model is not None:
            model = self.model.reparametrize(dict(substitution), parameters=tuple(coordinates))
            return Manifold(metric, tuple(coordinates), model)
        return Manifold(metric, tuple(coordinates), cubic=cubic)

    def jacobian(self, substitution: Mapping[sp.Symbol, Any], coordinates: Sequence[sp.Symbol]) -> sp.Matrix:
        """[i, a] = d x^i / d new^a.

        Raises:
            InvalidMetric: the substitution does not give every coordinate, or is not invertible.
        """
        missing = [x for x in self.coordinates if x not in substitution and x not in coordinates]
        if missing or len(coordinates) != self.dimension:
            raise InvalidMetric(
                f"give each of {self.coordinates} as a function of {self.dimension} new coordinates; "
                f"missing: {missing}, new coordinates: {tuple(coordinates)}"
            )
        rows = [sp.sympify(substitution.get(x, x), strict=True) for x in self.coordinates]
        jacobian = sp.Matrix([[sp.diff(r, a) for a in coordinates] for r in rows])
        if _vanishes(jacobian.det(method="berkowitz")):
            raise InvalidMetric(f"the substitution {dict(substitution)} is not invertible: its Jacobian vanishes")
        return jacobian

    def transform(
        self, tensor: Any, variance: str, substitution: Mapping[sp.Symbol, Any], coordinates: Sequence[sp.Symbol]
    ) -> sp.ImmutableDenseNDimArray:
        """The components of a tensor in new coordinates; `variance` as in `covariant_derivative`."""
        array = sp.ImmutableDenseNDimArray(tensor)
        if array.shape != (self.dimension,) * len(variance) or set(variance) - {"u", "l"}:
            raise InvalidMetric(f"variance {variance!r} does not fit a tensor of shape {array.shape}")
        jacobian = self.jacobian(substitution, coordinates)
        back = jacobian.inv() if "u" in variance else None
        value = array.subs(dict(substitution), simultaneous=True)
        for place, kind in enumerate(variance):
            factor = jacobian if kind == "l" or back is None else back.T
            contracted = sp.tensorcontraction(sp.tensorproduct(factor, value), (0, 2 + place))
            order = [*range(1, place + 1), 0, *range(place + 1, len(variance))]
            value = sp.permutedims(contracted, order)
        return sp.ImmutableDenseNDimArray(value).applyfunc(sp.together)

    def latex(self) -> str:
        """LaTeX of the line element."""
        return rf"\mathrm{{d}}s^2 = {latex(self.line_element())}"


def _at(values: Any, index: tuple[int, ...]) -> Any:
    for i in index:
        values = values[i]
    return values


def _riemann(c: Calculus) -> Any:
    return c.riemann


def _lower_riemann(c: Calculus) -> Any:
    n = range(c.n)
    zero = c.field.zero
    return [
        [[[sum((c.g[i][m] * c.riemann[m][j][k][q] for m in n if c.g[i][m]), zero) for q in n] for k in n] for j in n]
        for i in n
    ]


def _vanishes(expression: sp.Expr) -> bool:
    """Whether an expression is identically zero, decided in the field of its kernels."""
    from symrg.differential_field import DifferentialField

    symbols = sorted(expression.free_symbols, key=lambda s: s.name)
    return not DifferentialField([expression], symbols, 0).element(expression)


def _sign_by_trial(expression: sp.Expr) -> bool | None:
    """Whether the expression is positive, at points that the symbols' assumptions allow; None where they disagree."""
    signs = set()
    symbols = sorted(expression.free_symbols, key=lambda s: s.name)
    for trial in range(1, 6):
        values = {
            s: sp.Rational(7 * (k + 3) + 11 * trial, 41 + 2 * k) * (-1 if s.is_negative else 1)
            for k, s in enumerate(symbols)
        }
        number = expression.subs(values).evalf()
        if number.is_comparable and number != 0:
            signs.add(bool(number > 0))
    return signs.pop() if len(signs) == 1 else None
