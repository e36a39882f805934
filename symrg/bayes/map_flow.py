r"""The path of the maximum a posteriori and its potential: equation (17).

At the maximum T d_i D = d_i ln pi_0. Differentiating along the path,

    d mu^i / dT = - (H^-1)^ij d_j D,      H_ij = T d_i d_j D - d_i d_j ln pi_0,

so (17), d mu^i/dT = I^ij d_j V with the Fisher metric, asks that w_i = - I_ij (H^-1)^jk d_k D be a gradient. In one
dimension it always is, with V_T = - integral of I D' / H, which depends on T. For T large V_T = - D / T: minus the
divergence is a potential in the time ln T, and no potential free of T serves in the time T; off that limit one can
trade T for the place on the path, T = (ln pi_0)'/D', and gets a V free of T that depends on the prior. Without a closed
form V stays as an integral from the truth. For a flat prior the path is constant, mu_T = theta*, and (17) is empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import mpmath
import sympy
from sympy import Expr, ImmutableMatrix, Symbol

from symrg.budget import Budget
from symrg.errors import NoClosedForm, UndefinedSymbol, UnidentifiableModel
from symrg.lambdified import lambdified
from symrg.typesetting import Typeset, latex

if TYPE_CHECKING:
    from symrg.bayes.dynamical import DynamicalBayes

__all__ = ["MapFlow", "map_flow"]


@dataclass(frozen=True)
class MapFlow(Typeset):
    """The flow of the maximum a posteriori mu_T.

    Attributes:
        parameters: theta^i, the place.
        truth: theta*^i.
        time: T.
        stationarity: d_i ln pi_0 - T d_i D, n expressions that vanish at mu_T.
        path: mu_T in closed form, n x 1, or None.
        velocity: d mu^i/dT as a function of the place and T, n x 1.
        metric: Fisher metric I_ij(theta) (the Hessian of D where no model is known).
        curl: (i, j, d_i w_j - d_j w_i) of the lowered velocity; all zero where V exists as a function of the place.
        potential: V(theta; T) with velocity^i = I^ij d_j V: a closed form, an Integral (one parameter only), or None.
        autonomous_potential: V(theta) free of T with the same flow along the path (one parameter only), or None.
        asymptotic: theta* + I^-1 d ln pi_0 / T, n x 1; the remainder is O(T^-2).
        asymptotic_potential: - (D - D_min) / T, the potential of (17) at large T.
    """

    parameters: tuple[Symbol, ...]
    truth: tuple[Expr, ...]
    time: Symbol
    stationarity: ImmutableMatrix
    path: ImmutableMatrix | None
    velocity: ImmutableMatrix
    metric: ImmutableMatrix
    curl: tuple[tuple[int, int, Expr], ...]
    potential: Expr | None
    autonomous_potential: Expr | None
    asymptotic: ImmutableMatrix
    asymptotic_potential: Expr

    @property
    def constant(self) -> bool:
        """Whether the path does not move: the prior is flat at the truth, and mu_T = theta* for every T."""
        return self.path is not None and not self.path.has(self.time)

    @property
    def depends_on_time(self) -> bool | None:
        """Whether V depends on T; None where no V was found."""
        return None if self.potential is None else bool(self.potential.has(self.time))

    @property
    def statement(self) -> str:
        """What can be said of V, in one sentence."""
        if self.constant:
            return "the prior is stationary at the truth: mu_T = theta* for all T, and every V stationary there serves"
        if self.potential is None and all(c == 0 for _, _, c in self.curl):
            return "V exists, since the lowered velocity has no curl, but no closed form was found"
        if self.potential is None:
            return "the lowered velocity has a curl: V exists along the path only, not as a function on parameter space"
        if self.depends_on_time:
            extra = (
                "; a V free of T exists along the path and depends on the prior" if self.autonomous_potential else ""
            )
            return f"V depends on T; for large T it is -D/T{extra}"
        return "V does not depend on T"

    def path_at(self, amount: Any, values: Mapping[Any, Any] | None = None) -> tuple[float, ...]:
        """mu_T as numbers, where it has a closed form or not: Newton's method on the stationarity, from late T inwards.

        Args:
            amount: the value of T.
            values: a number for every other symbol.

        Returns:
            One number for each parameter.

        Raises:
            UndefinedSymbol: a symbol has no value.
            NoClosedForm: the iteration does not settle.
        """
        given = {sympy.sympify(k, strict=True): v for k, v in (values or {}).items()}
        equations = self.stationarity.subs(given)
        truth = [e.subs(given) for e in self.truth]
        loose = (equations.free_symbols - {*self.parameters, self.time}).union(*(e.free_symbols for e in truth))
        if loose:
            raise UndefinedSymbol(f"no values for {sorted(loose, key=str)}; give values={{symbol: number}}")
        several = len(self.parameters) > 1
        f = lambdified([*self.parameters, self.time], list(equations) if several else equations[0], "mpmath")
        place = [mpmath.mpf(str(sympy.N(e, 20))) for e in truth]
        last = mpmath.mpf(str(sympy.N(amount, 20)))
        for k in range(8, -1, -1):  # along the path, from T * 2^8 down to T
            now = last * 2**k
            try:
                root = mpmath.findroot(lambda *q, now=now: f(*q, now), place if several else place[0])
            except (ValueError, ZeroDivisionError) as error:
                raise NoClosedForm(f"the maximum at {self.time} = {float(now):g} was not found: {error}") from None
            place = list(root) if several else [root]
        return tuple(float(v) for v in place)

    def latex(self) -> str:
        """LaTeX of the flow and its potential."""
        one = len(self.parameters) == 1
        t = latex(self.time)
        v = "" if self.potential is None else rf", \quad V = {latex(self.potential)}"
        return rf"\frac{{d\mu}}{{d{t}}} = {latex(self.velocity[0] if one else self.velocity)}{v}"


def map_flow(dynamics: DynamicalBayes, budget: float | Budget | None = None) -> MapFlow:
    """The flow of the maximum a posteriori of `dynamics`.

    Raises:
        UnidentifiableModel: the metric at the truth is singular, so that no unique maximum is approached.
    """
    budget = Budget.of(budget)
    theta, t = dynamics.parameters, dynamics.time
    n = range(len(theta))
    log_prior = sympy.expand_log(sympy.log(dynamics.prior), force=True)
    d = dynamics.divergence
    slope = [sympy.diff(d, p) for p in theta]
    pull = [sympy.diff(log_prior, p) for p in theta]
    stationarity = ImmutableMatrix([_tidied(a - t * b) for a, b in zip(pull, slope)])
    at_truth = dict(zip(theta, dynamics.truth))
    hessian = sympy.hessian(d, theta)
    local = hessian.subs(at_truth, simultaneous=True).applyfunc(_tidied)
    singular = _tidied(local.det()) == 0
    metric = ImmutableMatrix(dynamics.model.fisher_metric(budget=budget)) if dynamics.model is not None else hessian
    curvature = (t * hessian - sympy.hessian(log_prior, theta)).applyfunc(_tidied)
    if singular and _tidied(curvature.subs(at_truth, simultaneous=True).det()) == 0:
        raise UnidentifiableModel(
            f"the Fisher metric at the truth is singular in the directions {[list(v) for v in local.nullspace()]}, and "
            "the prior does not curve there either: the posterior has no unique maximum; give a prior that has one, or "
            "reparametrise"
        )
    solved = -(curvature.adjugate() * sympy.Matrix(slope)) / curvature.det()
    velocity = ImmutableMatrix(solved.applyfunc(_tidied))
    lowered = ImmutableMatrix((metric * velocity).applyfunc(_tidied))
    curl = tuple(
        (i, j, _settled(sympy.diff(lowered[j], theta[i]) - sympy.diff(lowered[i], theta[j])))
        for i, j in combinations(n, 2)
    )
    potential = None
    if all(c == 0 for _, _, c in curl):
        potential = budget.attempt("potential", _integrated, lowered, theta, share=0.3)
        if potential is None and len(theta) == 1:
            potential = _from_truth(lowered[0], theta[0], dynamics.truth[0])
    path = budget.attempt("path", _path, dynamics, stationarity, singular, share=0.5)
    if singular and path is None:
        raise UnidentifiableModel(
            f"the Fisher metric at the truth is singular in the directions {[list(v) for v in local.nullspace()]}: the "
            "maximum there is the prior's, and its path has no closed form; reparametrise"
        )
    autonomous = None
    if len(theta) == 1 and pull[0] != 0:
        along = _tidied(lowered[0].subs(t, pull[0] / slope[0]))
        autonomous = budget.attempt("potential along the path", _integrated, ImmutableMatrix([along]), theta, share=0.5)
        if autonomous is None:
            autonomous = _from_truth(along, theta[0], dynamics.truth[0])
    if singular and path is not None:
        asymptotic = ImmutableMatrix([_to_first_order(e, t) for e in path])
    else:
        toward = local.inv() * sympy.Matrix(pull).subs(at_truth, simultaneous=True)
        asymptotic = ImmutableMatrix(sympy.Matrix(dynamics.truth) + toward.applyfunc(_tidied) / t)
    return MapFlow(
        theta,
        dynamics.truth,
        t,
        stationarity,
        path,
        velocity,
        ImmutableMatrix(metric),
        curl,
        potential,
        autonomous,
        asymptotic,
        -(d - dynamics.floor) / t,
    )


def _settled(expression: Expr) -> Expr:
    """As it stands where it is not zero at some point, which says all that is asked; simplified otherwise."""
    free = sorted(expression.free_symbols, key=str)
    if expression.is_rational_function(*free):
        at = {s: sympy.Rational(3 * k + 7, 2 * k + 11) for k, s in enumerate(free)}
        value = expression.subs(at, simultaneous=True)
        if value.is_Rational and value != 0:
            return expression
    return sympy.simplify(expression)


def _tidied(expression: Expr) -> Expr:
    """Factored where it is rational, which takes a small part of the time; simplified otherwise."""
    if expression.is_rational_function(*expression.free_symbols):
        return sympy.factor(expression)
    return sympy.simplify(expression)


def _from_truth(force: Expr, theta: Symbol, truth: Expr) -> Expr:
    """The potential as an integral that is left to do."""
    place = sympy.Dummy(theta.name, **theta._assumptions_orig)
    return sympy.Integral(force.subs(theta, place), (place, truth, theta))


def _integrated(force: ImmutableMatrix, theta: tuple[Symbol, ...]) -> Expr | None:
    potential = sympy.S.Zero
    for p, f in zip(theta, force):
        left = _tidied(f - sympy.diff(potential, p))
        part = sympy.integrate(sympy.apart(left, p) if left.is_rational_function(p) else left, p)
        if part.has(sympy.Integral, sympy.Piecewise):
            return None
        potential += part
    if any(_tidied(sympy.diff(potential, p) - f) != 0 for p, f in zip(theta, force)):
        return None
    return _tidied(potential)


def _to_first_order(expression: Expr, t: Symbol) -> Expr:
    """a + b / T of what tends to a for large T."""
    limit = sympy.limit(expression, t, sympy.oo)
    return limit + sympy.limit(t * (expression - limit), t, sympy.oo) / t


def _path(dynamics: DynamicalBayes, stationarity: ImmutableMatrix, singular: bool = False) -> ImmutableMatrix | None:
    """The root of the stationarity that tends to the truth; of a singular metric, the only root there is."""
    theta, t = dynamics.parameters, dynamics.time
    if all(_tidied(e.subs(dict(zip(theta, dynamics.truth)), simultaneous=True)) == 0 for e in stationarity):
        return ImmutableMatrix(dynamics.truth)
    solutions = sympy.solve(list(stationarity), theta, dict=True)
    for solution in solutions:
        if set(solution) != set(theta):
            continue
        values = [_tidied(solution[p]) for p in theta]
        if singular and len(solutions) == 1:
            return ImmutableMatrix(values)
        if all(_tidied(sympy.limit(v, t, sympy.oo) - e) == 0 for v, e in zip(values, dynamics.truth)):
            return ImmutableMatrix(values)
    return None
