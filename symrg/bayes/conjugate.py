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

from symrg.bayes.parameter_space import require_model
from symrg.budget import Budget
from symrg.errors import ImproperDensity, IrregularModel, NotExponentialFamily
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
    waves = expanded.atoms(sympy.cos, sympy.sin)
    if any(w.has(*sample) and w.has(*parameters) for w in waves):
        expanded = sympy.expand(sympy.expand_trig(expanded))  # cos(y - mu) is a sum of two products
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
        reason: why it has none, where that is known: no parameter of the family makes it proper.
    """

    model: Any
    separation: Separation
    chi: tuple[Symbol, ...]
    nu: Symbol
    named: Named | None
    reason: str = ""

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
        InvalidModel: `model` is no StatisticalModel.
        IrregularModel: the support moves with a parameter.
        NotExponentialFamily: the log-density does not separate.

    Of an unidentifiable model the family is found all the same; it is improper in the direction that no datum sees, and
    `reason` names that.
    """
    Budget.of(budget)
    require_model(model)
    support = model.support if isinstance(model.support, (tuple, list)) else (model.support,)
    ends = set().union(*(_symbols_of(s) for s in support))
    if moving := ends & set(model.parameters):
        raise IrregularModel(
            f"the support moves with {sorted(moving, key=str)}, so this is no exponential family; "
            "posterior(model, prior, data=[..]) cuts the prior off where the data say so"
        )
    separation = separate(model.log_density, model.sample, model.parameters)
    chi = tuple(Symbol(f"chi_{k + 1}", real=True) for k in range(len(separation.terms)))
    nu = Symbol("nu", positive=True)
    exponent = sympy.Add(*(c * f for c, (f, _) in zip(chi, separation.terms))) + nu * separation.of_parameters
    try:
        found = recognise(exponent, model.parameters)
    except ImproperDensity as error:
        return Conjugate(model, separation, chi, nu, None, str(error))
    return Conjugate(model, separation, chi, nu, None if found is None else found[0])


def _symbols_of(support: Any) -> set[Any]:
    return set(support.free_symbols if isinstance(support, sympy.Set) else sympy.Tuple(*support).free_symbols)


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


def _power_in(form: _Form, x: Symbol) -> Expr | None:
    """p, where the log-weight is a combination of ln x and x^p alone."""
    others = [f for f in form.coefficients if f != sympy.log(x)]
    if len(others) != 1:
        return None
    base, p = others[0].as_base_exp()
    return p if base == x and not p.has(x) else None


def _gamma(form: _Form) -> Named | None:
    """Of x, or of a power of x."""
    (x,) = form.theta
    if not x.is_positive:
        return None
    power = _power_in(form, x) if set(form.coefficients) - {sympy.log(x)} else sympy.S.One
    if power is None or not power.is_positive:
        return None
    found = form.take(sympy.log(x), x**power)
    if found is None:
        return None
    logarithm, slope = found
    shape, rate = sympy.simplify((logarithm + 1) / power), sympy.simplify(-slope)
    name = "gamma" if power == 1 else "generalised gamma"
    _must(shape, "shape", name)
    _must(rate, "rate", name)
    kernel = x ** (power * shape - 1) * sympy.exp(-rate * x**power)
    hyper = (("shape", shape), ("rate", rate)) + ((("power", power),) if power != 1 else ())
    return Named(name, form.theta, hyper, kernel, sympy.gamma(shape) / (power * rate**shape))


def _inverse_gamma(form: _Form) -> Named | None:
    """Of x, or of a power of x."""
    (x,) = form.theta
    power = _power_in(form, x) if x.is_positive else None
    if power is None or not power.is_negative:
        return None
    power = -power
    found = form.take(sympy.log(x), x**-power)
    if found is None:
        return None
    logarithm, slope = found
    names = {1: "inverse-gamma", 2: "square-root inverse-gamma"}
    name = names.get(power, "generalised inverse-gamma")
    scale = sympy.simplify(-slope)
    shape = sympy.simplify((-logarithm - 1) / power)
    _must(shape, "shape", name)
    _must(scale, "scale", name)
    kernel = x ** (-power * shape - 1) * sympy.exp(-scale / x**power)
    total = sympy.gamma(shape) / (power * scale**shape)
    hyper = (("shape", shape), ("scale", scale)) + ((("power", power),) if power not in names else ())
    return Named(name, form.theta, hyper, kernel, total)


def _generalised_inverse_gaussian(form: _Form) -> Named | None:
    """x^(p - 1) exp(-(a x + b/x) / 2), normalised by a Bessel function (Jorgensen 1982, eq. 1.1)."""
    (x,) = form.theta
    found = form.take(sympy.log(x), x, 1 / x)
    if found is None or not x.is_positive or found[1] == 0 or found[2] == 0:
        return None
    order, a, b = sympy.simplify(found[0] + 1), sympy.simplify(-2 * found[1]), sympy.simplify(-2 * found[2])
    name = "generalised inverse Gaussian"
    _must(a, "a", name)
    _must(b, "b", name)
    kernel = x ** (order - 1) * sympy.exp(-(a * x + b / x) / 2)
    total = 2 * (b / a) ** (order / 2) * sympy.besselk(order, sympy.sqrt(a * b))
    return Named(name, form.theta, (("order", order), ("a", a), ("b", b)), kernel, total)


def _log_gamma(form: _Form) -> Named | None:
    """Of a logarithm x = ln g of a gamma variable g: exp(shape x - rate e^x); of -ln g too."""
    (x,) = form.theta
    for sign in (1, -1):
        found = form.take(x, sympy.exp(sign * x))
        if found is None or x.is_positive or found[1] == 0:
            continue
        shape, rate = sympy.simplify(sign * found[0]), sympy.simplify(-found[1])
        name = "log-gamma" if sign == 1 else "negative log-gamma"
        _must(shape, "shape", name)
        _must(rate, "rate", name)
        kernel = sympy.exp(sign * shape * x - rate * sympy.exp(sign * x))
        return Named(name, form.theta, (("shape", shape), ("rate", rate)), kernel, sympy.gamma(shape) / rate**shape)
    return None


def _log_odds_beta(form: _Form) -> Named | None:
    """Of log-odds x = ln(p / (1 - p)) of a beta variable p: e^(alpha x) / (1 + e^x)^(alpha + beta)."""
    (x,) = form.theta
    found = form.take(x, sympy.log(1 + sympy.exp(x)))
    if found is None or x.is_positive or sympy.log(1 + sympy.exp(x)) not in form.coefficients:
        return None
    a = sympy.simplify(found[0])
    b = sympy.simplify(-found[1] - a)
    _must(a, "alpha", "log-odds beta")
    _must(b, "beta", "log-odds beta")
    kernel = sympy.exp(a * x) / (1 + sympy.exp(x)) ** (a + b)
    total = sympy.gamma(a) * sympy.gamma(b) / sympy.gamma(a + b)
    return Named("log-odds beta", form.theta, (("alpha", a), ("beta", b)), kernel, total)


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
    """Of coefficients and (variance or standard deviation v): a normal of covariance v V times an inverse gamma."""
    return _normal_with_width(form, ((-1, "normal-inverse-gamma"), (-2, "normal-inverse-gamma")))


def _normal_gamma(form: _Form) -> Named | None:
    """Of coefficients and the precision h: a normal of covariance V / h times a gamma."""
    return _normal_with_width(form, ((1, "normal-gamma"),))


def _normal_with_width(form: _Form, choices: Sequence[tuple[int, str]]) -> Named | None:
    """exp(w^p (c + l.m - m.S m / 2)) w^k of coefficients m, one or more, and a width w, for one of the powers p.

    One coefficient has the hyperparameters mean and lambda; several have the vector mean and the matrix precision, in
    units of the precision of one observation.
    """
    theta = form.theta
    for width in theta:
        m = [t for t in theta if t != width]
        if not width.is_positive or not m or any(t.is_positive for t in m):
            continue
        for power, name in choices:
            w = width**power
            monomials = [sympy.S.One, *m, *(a * b for a, b in combinations_with_replacement(m, 2))]
            found = form.take(sympy.log(width), *(w * f for f in monomials))
            if found is None:
                continue
            logarithm, coefficients = found[0], dict(zip(monomials, found[1:]))
            exponent = sympy.Add(*(c * f for f, c in coefficients.items()))
            strength = ImmutableMatrix((-sympy.hessian(exponent, m)).applyfunc(sympy.simplify))
            if all(e == 0 for e in strength):
                continue
            determinant = sympy.simplify(strength.det())
            if determinant == 0:
                raise ImproperDensity(
                    f"nothing bounds the directions {[list(v) for v in strength.nullspace()]} of {m}: the data do "
                    "not see them (singular Fisher metric); give a prior that does, or more data"
                )
            for k in range(1, len(m) + 1):
                what = "lambda" if len(m) == 1 else f"a minor of the precision ({k} x {k})"
                _must(sympy.simplify(strength[:k, :k].det()), what, name)
            slope = ImmutableMatrix([coefficients[t] for t in m])
            mean = (strength.inv() * slope).applyfunc(sympy.simplify)
            rest = sympy.simplify(-coefficients[sympy.S.One] - (slope.T * mean)[0] / 2)
            # after the coefficients are integrated out: w^(logarithm - p n/2) exp(-rest w^p)
            n = sympy.Integer(len(m))
            shape = sympy.simplify((logarithm + 1 - power * n / 2) / power)
            _must(shape, "shape", name)
            _must(rest, "rate" if power > 0 else "scale", name)
            kernel = width**logarithm * sympy.exp(w * exponent)
            total = sympy.sqrt((2 * sympy.pi) ** n / determinant) * sympy.gamma(shape) / rest**shape / abs(power)
            hyper: tuple[tuple[str, Any], ...]
            if n == 1:
                hyper = (("mean", mean[0]), ("lambda", strength[0]))
            else:
                name += " regression"
                hyper = (("mean", ImmutableMatrix(mean)), ("precision", strength))
            hyper += (("shape", shape), ("rate" if power > 0 else "scale", rest))
            return Named(name, theta, hyper, kernel, total)
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
    _generalised_inverse_gaussian: (("half",),),
    _log_gamma: (("line",),),
    _log_odds_beta: (("line",),),
    _beta: (("unit",), ("half",)),
}
_ROUTES_OF_MANY: dict[Any, tuple[tuple[Any, ...], ...]] = {
    _multivariate_normal: (("line", ...),),
    _dirichlet: (("unit", ...), ("half", ...)),
    _normal_inverse_gamma: (("half", "line", ...),),
    _normal_gamma: (("half", "line", ...),),
    _inverse_wishart: (("half", "half", "line"), ("cone", "half", "line"), ("cone", "half", "half")),
}
"""Recogniser -> the spaces that its family fills, one kind for each parameter, sorted; ... repeats the last.

"half" stands in for "unit" where a model does not say that p < 1.
"""


def _stretched(space: Sequence[Any], n: int) -> list[str]:
    if space[-1] is not ...:
        return list(space)
    return [*space[:-2], *([space[-2]] * (n - len(space) + 2))]


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
