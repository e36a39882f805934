r"""Conjugate priors: of any exponential family by derivation, and the usual named ones recognised.

If ln p(y|theta) = sum_k f_k(theta) g_k(y) + a(theta) + b(y), then the prior
exp(sum_k chi_k f_k(theta) + nu a(theta)) goes over into itself, chi_k -> chi_k + sum_t g_k(y_t), nu -> nu + n.

Source: Diaconis and Ylvisaker, Ann. Statist. 7 (1979) 269; Bernardo and Smith, Bayesian Theory (1994), sec. 5.2.
Parametrisations of the named families: Gelman et al., Bayesian Data Analysis (2013), app. A.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import sympy
from sympy import Expr, ImmutableMatrix, Symbol

from symrg.budget import Budget
from symrg.errors import ImproperDensity, NotExponentialFamily
from symrg.typesetting import Typeset, latex

__all__ = ["Conjugate", "Named", "Separation", "conjugate_prior", "recognise", "separate"]


@dataclass(frozen=True)
class Named(Typeset):
    """A density on parameter space that has a name.

    Attributes:
        name: such as "gamma".
        parameters: what it is a density of.
        hyperparameters: (name, expression) in the usual order.
        kernel: the density without its normaliser.
        normaliser: the integral of `kernel`.
    """

    name: str
    parameters: tuple[Symbol, ...]
    hyperparameters: tuple[tuple[str, Any], ...]
    kernel: Expr
    normaliser: Expr

    def __getitem__(self, name: str) -> Any:
        return dict(self.hyperparameters)[name]

    @property
    def density(self) -> Expr:
        """kernel / normaliser."""
        return self.kernel / self.normaliser

    def latex(self) -> str:
        """LaTeX of the law, parameters ~ name(hyperparameters)."""
        inner = ", ".join(latex(v) for _, v in self.hyperparameters)
        return rf"{', '.join(latex(p) for p in self.parameters)} \sim \text{{{self.name}}}\left({inner}\right)"


@dataclass(frozen=True)
class Separation:
    """ln p(y|theta) = sum_k f_k(theta) g_k(y) + a(theta) + b(y).

    Attributes:
        terms: (f_k, g_k).
        of_parameters: a.
        of_sample: b.
    """

    terms: tuple[tuple[Expr, Expr], ...]
    of_parameters: Expr
    of_sample: Expr


def separate(log_density: Any, sample: Sequence[Symbol], parameters: Sequence[Symbol]) -> Separation:
    """The parts of a log-density.

    Raises:
        NotExponentialFamily: a term mixes sample and parameters in a way that is no product; it is named.
    """
    grouped: dict[Expr, Expr] = {}
    of_parameters, of_sample = sympy.S.Zero, sympy.S.Zero
    expanded = sympy.expand(sympy.expand_log(sympy.sympify(log_density, strict=True), force=True))
    for term in sympy.Add.make_args(expanded):
        if not term.has(*sample):
            of_parameters += term
            continue
        if not term.has(*parameters):
            of_sample += term
            continue
        f, g = sympy.S.One, sympy.S.One
        for factor in sympy.Mul.make_args(term):
            if not factor.has(*sample):
                f *= factor
            elif not factor.has(*parameters):
                g *= factor
            else:
                raise NotExponentialFamily(
                    f"the term {term} of the log-density is no product of a function of {list(parameters)} and one of "
                    f"{list(sample)}: there are no sufficient statistics of fixed number; give the data as numbers"
                )
        grouped[g] = grouped.get(g, sympy.S.Zero) + f
    return Separation(tuple((f, g) for g, f in grouped.items() if f != 0), of_parameters, of_sample)


@dataclass(frozen=True)
class Conjugate(Typeset):
    """The conjugate family exp(sum_k chi_k f_k + nu a) of a model, with its update.

    Attributes:
        model: the statistical model.
        separation: of its log-density.
        chi: one symbol for each statistic.
        nu: the weight of the prior, in observations.
        named: its name, where it has one.
    """

    model: Any
    separation: Separation
    chi: tuple[Symbol, ...]
    nu: Symbol
    named: Named | None

    @property
    def kernel(self) -> Expr:
        """The prior without its normaliser, as a function of theta, chi and nu."""
        from symrg.bayes.dynamical import _exponential

        return _exponential(self._exponent(self.chi, self.nu), self.model.parameters)

    def _exponent(self, chi: Sequence[Expr], nu: Expr) -> Expr:
        total = sympy.Add(*(c * f for c, (f, _) in zip(chi, self.separation.terms)))
        return total + nu * self.separation.of_parameters

    @property
    def statistics(self) -> tuple[Expr, ...]:
        """g_k(y)."""
        return tuple(g for _, g in self.separation.terms)

    def updated(self, sums: Sequence[Any], count: Any) -> tuple[tuple[Expr, ...], Expr]:
        """(chi, nu) after `count` observations with the sums of statistics `sums`."""
        return tuple(c + s for c, s in zip(self.chi, sums)), self.nu + count

    def latex(self) -> str:
        """LaTeX of the prior up to its normaliser."""
        return rf"\pi(\theta) \propto {latex(self.kernel)}"


def conjugate_prior(model: Any, budget: float | Budget | None = None) -> Conjugate:
    """The conjugate prior of an exponential family given as a StatisticalModel.

    Raises:
        NotExponentialFamily: the log-density does not separate.
    """
    Budget.of(budget)
    separation = separate(model.log_density, model.sample, model.parameters)
    chi = tuple(Symbol(f"chi_{k + 1}", real=True) for k in range(len(separation.terms)))
    nu = Symbol("nu", positive=True)
    exponent = sympy.Add(*(c * f for c, (f, _) in zip(chi, separation.terms))) + nu * separation.of_parameters
    found = recognise(exponent, model.parameters)
    return Conjugate(model, separation, chi, nu, None if found is None else found[0])


# ---------------------------------------------------------------------- recognition


def recognise(
    log_weight: Any, parameters: Sequence[Symbol], limits: Sequence[tuple[Symbol, Expr, Expr]] | None = None
) -> tuple[Named, Expr] | None:
    """The named density with this logarithm, up to a constant: (Named, constant), or None.

    exp(log_weight) = constant * kernel.

    Args:
        log_weight: as a function of the parameters.
        parameters: what it is a density of.
        limits: of the parameters; where given, a family is named only where it fills them: one that is cut off has
            another normaliser.

    Returns:
        (Named, constant), or None.

    Raises:
        ImproperDensity: the form is a named one, but a hyperparameter has a sign for which it does not normalise.
    """
    theta = tuple(parameters)
    if any(t.is_integer for t in theta):
        return None  # all of these are densities
    kinds = None if limits is None else _kinds(theta, limits)
    form = _Form(sympy.sympify(log_weight, strict=True), theta, kinds == ["unit"] * len(theta))
    routes = _ROUTES_OF_ONE if len(theta) == 1 else _ROUTES_OF_MANY
    for route, spaces in routes.items():
        if kinds is not None and not any(kinds == _stretched(space, len(theta)) for space in spaces):
            continue
        named = route(form)
        if named is not None:
            return named, sympy.exp(form.constant)
    return None


class _Form:
    """A log-weight as a linear combination of functions of the parameters: {function: coefficient}."""

    def __init__(self, log_weight: Expr, theta: tuple[Symbol, ...], bounded: bool = False):
        self.theta = theta
        self.bounded = bounded  # on (0, 1) or a simplex: there a constant is a density too
        self.coefficients: dict[Expr, Expr] = {}
        self.constant = sympy.S.Zero
        expanded = sympy.expand(sympy.expand_log(log_weight, force=True))
        for term in sympy.Add.make_args(expanded):
            outer, inner = term.as_independent(*theta, as_Add=False)
            if not inner.has(*theta):
                self.constant += term
                continue
            if isinstance(inner, sympy.log):
                sign, inner = _canonical_log(inner, theta)
                self.constant += outer * sign
            self.coefficients[inner] = self.coefficients.get(inner, sympy.S.Zero) + outer
        self.coefficients = {k: sympy.simplify(v) for k, v in self.coefficients.items()}
        self.coefficients = {k: v for k, v in self.coefficients.items() if v != 0}

    def take(self, *functions: Expr) -> list[Expr] | None:
        """Coefficients of these functions, if no other occurs."""
        if set(self.coefficients) - set(functions):
            return None
        return [self.coefficients.get(f, sympy.S.Zero) for f in functions]


def _canonical_log(log: Expr, theta: tuple[Symbol, ...]) -> tuple[Expr, Expr]:
    """ln(2 - 2 p) as ln 2 + ln(1 - p)."""
    content, rest = sympy.factor_terms(log.args[0]).as_independent(*theta, as_Add=False)
    if content.is_positive:
        return sympy.log(content), sympy.log(sympy.expand(rest))
    return sympy.S.Zero, sympy.log(sympy.expand(log.args[0]))


def _must(positive: Expr, what: str, name: str) -> None:
    if positive.is_nonpositive:
        raise ImproperDensity(
            f"the {name} form has {what} = {positive}, which must be positive: the density is improper; "
            "give a proper prior, or more data"
        )


def _normal(form: _Form) -> Named | None:
    (x,) = form.theta
    found = form.take(x**2, x)
    if found is None or x.is_positive:
        return None
    square, linear = found
    precision = sympy.simplify(-2 * square)
    if precision == 0:
        raise ImproperDensity(f"nothing bounds {x}: the exponent is at most linear in it; give a proper prior")
    _must(precision, "precision", "normal")
    variance = 1 / precision
    mean = sympy.simplify(linear / precision)
    kernel = sympy.exp(square * x**2 + linear * x)
    total = sympy.sqrt(2 * sympy.pi * variance) * sympy.exp(sympy.simplify(linear**2 / (2 * precision)))
    return Named("normal", form.theta, (("mean", mean), ("variance", sympy.simplify(variance))), kernel, total)


def _gamma(form: _Form) -> Named | None:
    (x,) = form.theta
    found = form.take(sympy.log(x), x)
    if found is None or not x.is_positive:
        return None
    shape, rate = sympy.simplify(found[0] + 1), sympy.simplify(-found[1])
    _must(shape, "shape", "gamma")
    _must(rate, "rate", "gamma")
    kernel = x ** (shape - 1) * sympy.exp(-rate * x)
    return Named("gamma", form.theta, (("shape", shape), ("rate", rate)), kernel, sympy.gamma(shape) / rate**shape)


def _inverse_gamma(form: _Form) -> Named | None:
    (x,) = form.theta
    for power, name in ((1, "inverse-gamma"), (2, "square-root inverse-gamma")):
        found = form.take(sympy.log(x), x**-power)
        if found is None or not x.is_positive or found[1] == 0:
            continue
        scale = sympy.simplify(-found[1])
        shape = sympy.simplify((-found[0] - 1) / power)
        _must(shape, "shape", name)
        _must(scale, "scale", name)
        kernel = x ** (-power * shape - 1) * sympy.exp(-scale / x**power)
        total = sympy.gamma(shape) / (power * scale**shape)
        return Named(name, form.theta, (("shape", shape), ("scale", scale)), kernel, total)
    return None


def _beta(form: _Form) -> Named | None:
    (x,) = form.theta
    found = form.take(sympy.log(x), sympy.log(1 - x))
    if found is None or (sympy.log(1 - x) not in form.coefficients and not form.bounded):
        return None
    a, b = (sympy.simplify(c + 1) for c in found)
    _must(a, "alpha", "beta")
    _must(b, "beta", "beta")
    kernel = x ** (a - 1) * (1 - x) ** (b - 1)
    total = sympy.gamma(a) * sympy.gamma(b) / sympy.gamma(a + b)
    return Named("beta", form.theta, (("alpha", a), ("beta", b)), kernel, total)


def _multivariate_normal(form: _Form) -> Named | None:
    theta = form.theta
    n = len(theta)
    allowed = [*theta, *(a * b for a, b in combinations_with_replacement(theta, 2))]
    if form.take(*allowed) is None or any(t.is_positive for t in theta):
        return None
    exponent = sympy.Add(*(c * f for f, c in form.coefficients.items()))
    precision = ImmutableMatrix((-sympy.hessian(exponent, theta)).applyfunc(sympy.simplify))
    determinant = sympy.simplify(precision.det())
    if determinant == 0:
        raise ImproperDensity(
            f"nothing bounds the directions {[list(v) for v in precision.nullspace()]} of {list(theta)}: the data do "
            "not see them (singular Fisher metric); give a prior that does"
        )
    for k in range(1, n + 1):
        _must(sympy.simplify(precision[:k, :k].det()), f"a minor of the precision ({k} x {k})", "normal")
    covariance = ImmutableMatrix(precision.inv().applyfunc(sympy.simplify))
    slope = sympy.Matrix([exponent.coeff(t, 1).subs(dict.fromkeys(theta, 0)) for t in theta])
    mean = ImmutableMatrix((covariance * slope).applyfunc(sympy.simplify))
    total = sympy.sqrt((2 * sympy.pi) ** n / determinant) * sympy.exp(sympy.simplify((slope.T * mean)[0] / 2))
    return Named("multivariate normal", theta, (("mean", mean), ("covariance", covariance)), sympy.exp(exponent), total)


def _dirichlet(form: _Form) -> Named | None:
    theta = form.theta
    last = sympy.log(sympy.expand(1 - sympy.Add(*theta)))
    found = form.take(*(sympy.log(t) for t in theta), last)
    if found is None or (last not in form.coefficients and not form.bounded):
        return None
    alpha = [sympy.simplify(c + 1) for c in found]
    for k, a in enumerate(alpha):
        _must(a, f"alpha_{k + 1}", "Dirichlet")
    kernel = sympy.Mul(*(t ** (a - 1) for t, a in zip(theta, alpha))) * (1 - sympy.Add(*theta)) ** (alpha[-1] - 1)
    total = sympy.Mul(*(sympy.gamma(a) for a in alpha)) / sympy.gamma(sympy.Add(*alpha))
    return Named("Dirichlet", theta, (("alpha", sympy.Tuple(*alpha)),), kernel, total)


def _normal_inverse_gamma(form: _Form) -> Named | None:
    """Of (mu, v) with v the variance, or of (mu, sigma): v = sigma^2, with the Jacobian 2 sigma."""
    if len(form.theta) != 2:
        return None
    for mu, v in (form.theta, form.theta[::-1]):
        if not v.is_positive or mu.is_positive:
            continue
        for power in (1, 2):
            w = v**power
            found = form.take(sympy.log(v), 1 / w, mu / w, mu**2 / w)
            if found is None or found[3] == 0:
                continue
            logarithm, constant, linear, square = found
            strength = sympy.simplify(-2 * square)  # lambda: observations that the mean is worth
            mean = sympy.simplify(linear / strength)
            scale = sympy.simplify(-constant - strength * mean**2 / 2)
            # weight dmu dv: v^(-alpha - 3/2); in sigma the Jacobian adds one power
            shape = sympy.simplify(-logarithm - sympy.Rational(3, 2) if power == 1 else (-logarithm - 2) / 2)
            name = "normal-inverse-gamma"
            for e, what in ((strength, "lambda"), (shape, "shape"), (scale, "scale")):
                _must(e, what, name)
            exponent = constant / w + linear * mu / w + square * mu**2 / w
            kernel = v**logarithm * sympy.exp(exponent)
            total = sympy.sqrt(2 * sympy.pi / strength) * sympy.gamma(shape) / scale**shape / power
            hyper = (("mean", mean), ("lambda", strength), ("shape", shape), ("scale", scale))
            return Named(name, form.theta, hyper, kernel, total)
    return None


def _normal_gamma(form: _Form) -> Named | None:
    """Of (mu, h) with h the precision."""
    if len(form.theta) != 2:
        return None
    for mu, h in (form.theta, form.theta[::-1]):
        found = form.take(sympy.log(h), h, mu * h, mu**2 * h)
        if found is None or found[3] == 0 or not h.is_positive or mu.is_positive:
            continue
        logarithm, constant, linear, square = found
        strength = sympy.simplify(-2 * square)
        mean = sympy.simplify(linear / strength)
        rate = sympy.simplify(-constant - strength * mean**2 / 2)
        shape = sympy.simplify(logarithm + sympy.Rational(1, 2))
        for e, what in ((strength, "lambda"), (shape, "shape"), (rate, "rate")):
            _must(e, what, "normal-gamma")
        kernel = h**logarithm * sympy.exp(h * (constant + linear * mu + square * mu**2))
        total = sympy.sqrt(2 * sympy.pi / strength) * sympy.gamma(shape) / rate**shape
        hyper = (("mean", mean), ("lambda", strength), ("shape", shape), ("rate", rate))
        return Named("normal-gamma", form.theta, hyper, kernel, total)
    return None


def _inverse_wishart(form: _Form) -> Named | None:
    """Of the entries (a, b, c) of a 2 x 2 covariance matrix ((a, b), (b, c))."""
    if len(form.theta) != 3:
        return None
    theta = form.theta
    logs = [f for f in form.coefficients if isinstance(f, sympy.log)]
    if len(logs) != 1:
        return None
    determinant = logs[0].args[0]
    for a, b, c in (theta, (theta[0], theta[2], theta[1]), (theta[1], theta[0], theta[2])):
        if sympy.expand(determinant - (a * c - b**2)) != 0 and sympy.expand(determinant + (a * c - b**2)) != 0:
            continue
        delta = a * c - b**2
        rest = sympy.Add(*(v * f for f, v in form.coefficients.items() if f != logs[0]))
        trace = sympy.Poly(sympy.simplify(-2 * rest * delta), a, b, c)
        # tr(Psi Sigma^-1) = (Psi_11 c - 2 Psi_12 b + Psi_22 a) / delta
        if any(sum(k) != 1 for k, v in trace.terms() if v != 0):
            return None
        psi = ImmutableMatrix(
            [
                [trace.coeff_monomial(c), -trace.coeff_monomial(b) / 2],
                [-trace.coeff_monomial(b) / 2, trace.coeff_monomial(a)],
            ]
        ).applyfunc(sympy.simplify)
        degrees = sympy.simplify(-2 * form.coefficients[logs[0]] - 3)
        _must(degrees - 1, "degrees of freedom - 1", "inverse-Wishart")
        _must(sympy.simplify(psi.det()), "det(Psi)", "inverse-Wishart")
        total = (
            2**degrees
            * sympy.sqrt(sympy.pi)
            * sympy.gamma(degrees / 2)
            * sympy.gamma((degrees - 1) / 2)
            / psi.det() ** (degrees / 2)
        )
        kernel = delta ** form.coefficients[logs[0]] * sympy.exp(-trace.as_expr() / (2 * delta))
        return Named("inverse-Wishart", theta, (("degrees", degrees), ("scale", psi)), kernel, total)
    return None


_ROUTES_OF_ONE: dict[Any, tuple[tuple[Any, ...], ...]] = {
    _normal: (("line",),),
    _gamma: (("half",),),
    _inverse_gamma: (("half",),),
    _beta: (("unit",), ("half",)),
}
_ROUTES_OF_MANY: dict[Any, tuple[tuple[Any, ...], ...]] = {
    _multivariate_normal: (("line", ...),),
    _dirichlet: (("unit", ...), ("half", ...)),
    _normal_inverse_gamma: (("half", "line"),),
    _normal_gamma: (("half", "line"),),
    _inverse_wishart: (("half", "half", "line"), ("cone", "half", "line"), ("cone", "half", "half")),
}
"""Recogniser -> the spaces that its family fills, one kind for each parameter, sorted; ... repeats the last.

"half" stands in for "unit" where a model does not say that p < 1.
"""


def _stretched(space: Sequence[Any], n: int) -> list[str]:
    return [space[0]] * n if space[-1] is ... else list(space)


def _kinds(theta: Sequence[Symbol], limits: Sequence[tuple[Symbol, Expr, Expr]]) -> list[str]:
    """The kind of space of each parameter, sorted: line, half, unit (all of them: the simplex), cone, cut."""
    by_symbol = {p: (a, b) for p, a, b in limits}
    outer = {p: [q for q, _, _ in limits[k + 1 :]] for k, (p, _, _) in enumerate(limits)}
    kinds = []
    for p in theta:
        a, b = by_symbol[p]
        if (a, b) == (-sympy.oo, sympy.oo):
            kinds.append("line")
        elif (a, b) == (0, sympy.oo):
            kinds.append("half")
        elif a == 0 and sympy.expand(b - 1 + sympy.Add(*outer[p])) == 0:
            kinds.append("unit")
        elif getattr(a, "free_symbols", set()) & set(theta) or getattr(b, "free_symbols", set()) & set(theta):
            kinds.append("cone")
        else:
            kinds.append("cut")
    return sorted(kinds)
