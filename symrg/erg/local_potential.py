"""The local potential approximation of O(N) scalar theories: flows, beta functions, epsilon expansion.

With rho = phi^2 / 2, all quantities in units of the scale, the constant of the loop integral absorbed in u and rho, and
t = ln Lambda (so that a flow to the infrared lowers t):

    Litim's optimised cutoff   d_t u = -d u + (d - 2) rho u' + 1/(1 + u' + 2 rho u'') + (N - 1)/(1 + u')
    Polchinski                 d_t u = -d u + (d - 2) rho u' + 2 rho u'^2 - N u' - 2 rho u''

(Litim 2001, Phys. Rev. D 64 105007; Hasenfratz and Hasenfratz 1986; their equivalence: Morris 2005, JHEP 0507:027.)
What follows from them is exact of the truncation, not of nature: the anomalous dimension is zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import (
    Derivative,
    Eq,
    Expr,
    Function,
    Integer,
    Matrix,
    Mul,
    Poly,
    S,
    Symbol,
    cancel,
    diff,
    factorial,
    fraction,
    oo,
    sympify,
    together,
)

from symrg.budget import Budget
from symrg.errors import InvalidEquation, NoClosedForm
from symrg.typesetting import Typeset, latex

RHO = Symbol("rho", nonnegative=True)
_U, _U1, _U2 = Symbol("u"), Symbol("u_1"), Symbol("u_2")


@dataclass(frozen=True)
class LocalPotentialFlow(Typeset):
    """d_t u = F(rho, u, u', u'') for the potential of an O(N) theory in d dimensions.

    Attributes:
        name: which cutoff.
        components: N, a number or a Symbol.
        dimension: d, a number or a Symbol.
        rate: F as an expression in `RHO` and the placeholders of u, u', u''.
    """

    name: str
    components: Expr
    dimension: Expr
    rate: Expr

    def right_side(self, potential: Expr, rho: Symbol = RHO) -> Expr:
        """F for a given potential u(rho)."""
        return self.rate.subs(RHO, rho).subs(
            {_U: potential, _U1: diff(potential, rho), _U2: diff(potential, rho, 2)}, simultaneous=True
        )

    def partial_derivatives(self) -> tuple[Expr, Expr, Expr, Expr]:
        """F and its derivatives by u, u', u'': what a Newton step and a stability analysis need."""
        return self.rate, diff(self.rate, _U), diff(self.rate, _U1), diff(self.rate, _U2)

    @property
    def arguments(self) -> tuple[Symbol, Symbol, Symbol, Symbol]:
        """The symbols (rho, u, u', u'') in `rate`."""
        return RHO, _U, _U1, _U2

    def beta_functions(self, order: int, about: Any = 0) -> tuple[tuple[Symbol, ...], tuple[Expr, ...]]:
        """The flow of the couplings in u = sum_n lambda_n (rho - about)^n / n!, n = 1 .. order.

        The expansion point is held fixed, so that d_t lambda_n is the n-th derivative of F there; couplings above
        `order` are set to zero.

        Returns:
            the couplings and their d_t, both for n = 1 .. order.
        """
        if order < 1:
            raise InvalidEquation(f"order must be at least 1, given {order}")
        couplings = _couplings(order)
        point = sympify(about, strict=True)
        potential = sum((c * (RHO - point) ** n / factorial(n) for n, c in enumerate(couplings, 1)), S.Zero)
        derivative = self.right_side(potential)
        betas = []
        for _ in range(order):
            derivative = diff(derivative, RHO)
            betas.append(cancel(together(derivative.subs(RHO, point))))
        return couplings, tuple(betas)

    def epsilon_expansion(
        self, order: int, epsilon: Symbol | None = None, budget: float | Budget | None = None
    ) -> EpsilonExpansion:
        """The Wilson-Fisher fixed point and its exponents in d = 4 - epsilon, to a power of epsilon.

        Args:
            order: the highest power of epsilon kept, 1 or more.
            epsilon: the expansion parameter; by default a new positive Symbol.
            budget: seconds; order 3 with N a Symbol takes a minute or two, with N a number a few seconds.

        Raises:
            InvalidEquation: the flow's dimension is a number and not a Symbol.
            NoClosedForm: no fixed point leaves the Gaussian one linearly in epsilon, or the time was up.
        """
        if not isinstance(self.dimension, Symbol):
            raise InvalidEquation(
                f"an expansion in 4 - d needs a flow whose dimension is a Symbol, not {self.dimension}"
            )
        eps = epsilon if epsilon is not None else Symbol("epsilon", positive=True)
        limit = Budget.of(budget)
        found = limit.attempt("order by order", self._expanded, order, eps)
        if found is None:
            raise limit.no_closed_form(f"the epsilon expansion of the {self.name} flow to order {order}")
        return found

    def _expanded(self, order: int, eps: Symbol) -> EpsilonExpansion:
        size = order + 2  # lambda_n starts at epsilon^n, from n = 2 on
        couplings = _couplings(size)
        betas = tuple(b.subs(self.dimension, 4 - eps) for b in self._truncated_betas(couplings, order + 1))
        values = _fixed_point_series(couplings, betas, eps, order)
        at_fixed_point = dict(zip(couplings, values))
        stability = Matrix(betas).jacobian(couplings).subs(at_fixed_point)
        stability = stability.applyfunc(lambda e: _truncate(e, eps, order))
        exponents = tuple(-_eigenvalue_series(stability, k, eps, order) for k in (0, 1))
        return EpsilonExpansion(eps, order, couplings, values, exponents)

    def _truncated_betas(self, couplings: tuple[Symbol, ...], degree: int) -> tuple[Expr, ...]:
        """The beta functions about rho = 0 as polynomials of a total degree in the couplings."""
        mark = Symbol("z")
        scaled = self.rate.subs({p: mark * p for p in (_U, _U1, _U2)}, simultaneous=True)
        rate = sum(_power_series(scaled, mark, degree), S.Zero)
        potential = sum((c * RHO**n / factorial(n) for n, c in enumerate(couplings, 1)), S.Zero)
        substituted = rate.subs({_U: potential, _U1: diff(potential, RHO), _U2: diff(potential, RHO, 2)})
        poly = Poly(substituted, RHO, *couplings)
        betas = [S.Zero] * len(couplings)
        for (power, *monomial), coefficient in poly.terms():
            if 1 <= power <= len(couplings) and sum(monomial) <= degree:
                term = coefficient * Mul(*(c**m for c, m in zip(couplings, monomial)))
                betas[power - 1] += factorial(power) * term
        return tuple(betas)

    def latex(self) -> str:
        """The flow equation."""
        u = Function("u")(RHO)
        text = latex(self.right_side(Function("u")(RHO)).subs({diff(u, RHO): _U1, diff(u, RHO, 2): _U2, u: _U}))
        text = text.replace("u_{1}", "u'").replace("u_{2}", "u''")
        return rf"\partial_t u = {text}"

    def equation(self, time: Symbol) -> Eq:
        """The flow as a SymPy equation for u(rho, t)."""
        u = Function("u")(RHO, time)
        return Eq(Derivative(u, time), self.right_side(u))


@dataclass(frozen=True)
class EpsilonExpansion:
    """A fixed point as a power series in epsilon = 4 - d.

    Attributes:
        epsilon: the expansion parameter.
        order: the highest power kept.
        couplings: lambda_1, lambda_2, ...
        values: their fixed-point values.
        exponents: the scaling dimensions (positive: relevant) of the mass and of the quartic coupling.
    """

    epsilon: Symbol
    order: int
    couplings: tuple[Symbol, ...]
    values: tuple[Expr, ...]
    exponents: tuple[Expr, ...]

    @property
    def nu(self) -> Expr:
        """The correlation-length exponent 1 / y_1, as a series."""
        return _truncate(1 / self.exponents[0], self.epsilon, self.order)

    @property
    def omega(self) -> Expr:
        """The correction-to-scaling exponent -y_2, as a series."""
        return -self.exponents[1]


def litim_flow(components: Any = 1, dimension: Any = 3) -> LocalPotentialFlow:
    """The flow with the optimised cutoff; `components` may be oo (then u and rho are in units of N)."""
    n, d = sympify(components, strict=True), sympify(dimension, strict=True)
    canonical = -d * _U + (d - 2) * RHO * _U1
    if n is oo:
        return LocalPotentialFlow("optimised", n, d, canonical + 1 / (1 + _U1))
    loops = 1 / (1 + _U1 + 2 * RHO * _U2) + (n - 1) / (1 + _U1)
    return LocalPotentialFlow("optimised", n, d, canonical + loops)


def polchinski_flow(components: Any = 1, dimension: Any = 3) -> LocalPotentialFlow:
    """Polchinski's flow in the local potential approximation (any smooth cutoff, after rescaling)."""
    n, d = sympify(components, strict=True), sympify(dimension, strict=True)
    if n is oo:
        rate = -d * _U + (d - 2) * RHO * _U1 + 2 * RHO * _U1**2 - _U1
    else:
        rate = -d * _U + (d - 2) * RHO * _U1 + 2 * RHO * _U1**2 - n * _U1 - 2 * RHO * _U2
    return LocalPotentialFlow("Polchinski", n, d, rate)


def _couplings(count: int) -> tuple[Symbol, ...]:
    return tuple(Symbol(f"lambda_{n}", real=True) for n in range(1, count + 1))


def _power_series(quotient: Expr, variable: Symbol, order: int) -> list[Expr]:
    """The Taylor coefficients at 0 of a rational function that is regular there, by long division."""
    above, below = (Poly(part, variable).all_coeffs()[::-1] for part in fraction(together(quotient)))
    above, below = ([*part, *[S.Zero] * (order + 1)][: order + 1] for part in (above, below))
    coefficients: list[Expr] = []
    for k in range(order + 1):
        rest = above[k] - sum((below[j] * coefficients[k - j] for j in range(1, k + 1)), S.Zero)
        coefficients.append((rest / below[0]).expand() if below[0].is_Number else cancel(rest / below[0]))
    return coefficients


def _truncate(expression: Expr, eps: Symbol, order: int) -> Expr:
    """The Taylor polynomial in epsilon of a rational function, with cancelled coefficients."""
    return sum((cancel(c) * eps**k for k, c in enumerate(_power_series(expression, eps, order))), S.Zero)


def _fixed_point_series(
    couplings: tuple[Symbol, ...], betas: tuple[Expr, ...], eps: Symbol, order: int
) -> tuple[Expr, ...]:
    """The zero of the beta functions that leaves the Gaussian point along the coupling that is marginal in d = 4.

    With the marginal coupling g counted like epsilon, the others follow from their own beta functions as polynomials
    in g and epsilon; what is left of the marginal one, divided by g, is then solved for g. Each sweep of the iteration
    settles one more order.
    """
    top = order + 1
    marginal = couplings[1]
    others = [c for c in couplings if c != marginal]

    def truncated(expression: Expr) -> Expr:
        poly = Poly(expression, *couplings, eps)
        return Poly(
            {m: c for m, c in poly.terms() if sum(m) <= top} or {(0,) * len(poly.gens): 0}, *poly.gens
        ).as_expr()

    polynomials = dict(zip(couplings, (truncated(b) for b in betas)))
    linear = Matrix([polynomials[c] for c in others]).jacobian(others).subs(dict.fromkeys((*couplings, eps), 0))
    inverse = linear.inv()
    values = dict.fromkeys(others, S.Zero)
    for _ in range(top):
        residual = Matrix([truncated(polynomials[c].subs(values, simultaneous=True)) for c in others])
        step = inverse * residual
        values = {c: (values[c] - step[i]).expand() for i, c in enumerate(others)}
    left = cancel(truncated(polynomials[marginal].subs(values, simultaneous=True)) / marginal).expand()
    slope = left.coeff(marginal, 1).subs(eps, 0)
    if slope == 0 or left.subs({marginal: 0, eps: 0}) != 0:
        raise NoClosedForm("no fixed point leaves the Gaussian one linearly in epsilon: it is not marginal there")
    strength = S.Zero
    for _ in range(order):
        strength = _truncate(strength - left.subs(marginal, strength) / slope, eps, order)
    at_strength = {marginal: strength}
    return tuple(strength if c == marginal else _truncate(values[c].subs(at_strength), eps, order) for c in couplings)


def _eigenvalue_series(matrix: Matrix, which: int, eps: Symbol, order: int) -> Expr:
    """The eigenvalue that starts at the diagonal entry `which` of the triangular matrix at epsilon = 0.

    Order by order, (M_0 - y_0) v_k - y_k v_0 = -sum_j (M_j - y_j) v_(k-j) is solved for y_k and for v_k, whose
    component `which` is 1 at order zero and 0 above.
    """
    size = matrix.rows
    parts = [matrix.applyfunc(lambda e, k=k: e.coeff(eps, k)) for k in range(order + 1)]
    values = [parts[0][which, which]]
    shifted = parts[0] - values[0] * Matrix.eye(size)
    others = [i for i in range(size) if i != which]
    reduced = shifted.extract(others, others)
    vector = Matrix.zeros(size, 1)
    vector[which] = Integer(1)
    for i, entry in zip(others, reduced.LUsolve(-shifted.extract(others, [which]))):
        vector[i] = cancel(entry)
    vectors = [vector]
    bordered = shifted.copy()
    bordered[:, which] = -vectors[0]
    for k in range(1, order + 1):
        right = Matrix.zeros(size, 1)
        for j in range(1, k + 1):
            right -= parts[j] * vectors[k - j]
            if j < k:
                right += values[j] * vectors[k - j]
        solution = bordered.LUsolve(right).applyfunc(cancel)
        values.append(solution[which])
        solution[which] = S.Zero
        vectors.append(solution)
    return sum((value * eps**k for k, value in enumerate(values)), S.Zero)
