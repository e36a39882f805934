"""Statistical models: a log-density, the sample, the parameters, the support.

l_i = d_i ln p(y|theta) is the score, I_ij = E[l_i l_j] the Fisher metric; rows and columns follow `parameters`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sympy
from sympy import S

from symrg.budget import Budget, OutOfTime, within
from symrg.errors import InvalidModel, TimeExpired
from symrg.support import Axis, axes_of
from symrg.typesetting import Typeset, latex

if TYPE_CHECKING:
    from symrg.expectation import Engine
    from symrg.expectation.density import Density
    from symrg.fisher_numeric import Estimate

Seconds = float | Budget | None


@dataclass(frozen=True)
class StatisticalModel(Typeset):
    """A family of probability densities p(y|theta).

    Args:
        log_density: ln p(y|theta), an Expr in the sample, the parameters and known constants.
        sample: a Symbol or a tuple of them.
        parameters: a Symbol or a tuple of them; their order is the order of rows and columns.
        support: a Set for one coordinate, or a sequence with a Set or a limit triple (y, lower, upper) for each
            coordinate. Discrete sets sum where intervals integrate; a triple sums where its coordinate is an integer.
        domain: relationals that the parameters obey beyond their assumptions.

    Attributes:
        axes: the support, one `Axis` for each coordinate, in the order of integration (inner first).
        constants: free symbols that are neither sample nor parameters, sorted by name.

    Raises:
        InvalidModel: the arguments do not fit together.
    """

    log_density: sympy.Expr
    sample: tuple[sympy.Symbol, ...]
    parameters: tuple[sympy.Symbol, ...]
    support: Any = S.Reals
    domain: tuple[sympy.Basic, ...] = ()
    axes: tuple[Axis, ...] = field(init=False, repr=False, compare=False)
    constants: tuple[sympy.Symbol, ...] = field(init=False, repr=False, compare=False)
    _memory: dict[str, Any] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        log_density = sympy.sympify(self.log_density, strict=True)
        if not isinstance(log_density, sympy.Expr):
            raise InvalidModel(f"log_density must be an expression, given {type(self.log_density).__name__}")
        sample = _symbols(self.sample, "sample")
        parameters = _symbols(self.parameters, "parameters")
        domain = tuple(self.domain) if isinstance(self.domain, (Sequence, set, frozenset)) else (self.domain,)
        put("log_density", log_density)
        put("sample", sample)
        put("parameters", parameters)
        if set(sample) & set(parameters):
            raise InvalidModel(f"{set(sample) & set(parameters)} cannot be sample and parameter at once")
        if isinstance(self.support, list):
            put("support", tuple(self.support))
        axes = axes_of(sample, self.support)
        put("axes", axes)
        in_limits: set[sympy.Symbol] = set().union(*(axis.free_symbols for axis in axes))
        free = log_density.free_symbols | in_limits
        missing = [p for p in parameters if p not in free]
        if missing:
            twins = [q for q in free if str(q) in map(str, missing)]
            hint = f"; a symbol of the same name but other assumptions does: {twins}" if twins else ""
            raise InvalidModel(f"parameters {missing} do not occur in the log-density{hint}")
        absent = [y for y in sample if y not in log_density.free_symbols]
        if absent:
            twins = [q for q in log_density.free_symbols - set(sample) - set(parameters) if str(q) in map(str, absent)]
            if twins:
                raise InvalidModel(
                    f"sample {absent} does not occur in the log-density, but a symbol of the same name with other "
                    "assumptions does; use one and the same Symbol"
                )
        plain = [s for s in free if not isinstance(s, sympy.Dummy)]
        doubled = sorted({s.name for s in plain if sum(q.name == s.name for q in plain) > 1})
        if doubled:
            raise InvalidModel(
                f"there are several symbols named {', '.join(doubled)} with different assumptions in density and "
                "support; use one and the same Symbol"
            )
        if log_density.atoms(sympy.core.function.AppliedUndef):
            raise InvalidModel(
                f"undefined functions {log_density.atoms(sympy.core.function.AppliedUndef)} in the density"
            )
        if log_density.has(S.NaN, S.ComplexInfinity) or log_density.has(S.ImaginaryUnit):
            raise InvalidModel("the log-density is not real")
        for relation in domain:
            if relation in (S.true, True):
                continue
            if not isinstance(relation, sympy.core.relational.Relational):
                raise InvalidModel(f"domain entry {relation!r} is not a relational such as p < 1")
            if relation.free_symbols & set(sample):
                raise InvalidModel(f"domain entry {relation} contains the sample; use `support` for that")
        put("domain", tuple(r for r in domain if r not in (S.true, True)))
        constants = free - set(sample) - set(parameters)
        put("constants", tuple(sorted(constants, key=lambda s: (s.name, str(sympy.srepr(s))))))

    # ---- construction ----------------------------------------------------------------------------------------

    @classmethod
    def from_sympy(
        cls,
        variable: Any,
        parameters: Sequence[sympy.Symbol] | None = None,
        sample: sympy.Symbol | Sequence[sympy.Symbol] | None = None,
        domain: Sequence[sympy.Basic] = (),
    ) -> StatisticalModel:
        """The model of a `sympy.stats` random symbol (continuous, discrete, finite or joint); always checked.

        Args:
            variable: a random symbol.
            parameters: which symbols are parameters; None takes all of the distribution's, by name.
            sample: symbols for the sample; None names them after the random symbol.
            domain: as in the constructor.

        Raises:
            ImproperDensity: SymPy's density does not integrate to one on SymPy's support.
            InvalidModel: not a random symbol, or one whose density cannot be had.
            TimeExpired: the check did not end within the default budget.
        """
        from symrg.random_symbols import read_random_symbol

        running = Budget.of(None)
        try:
            log_density, symbols, support = within(running.remaining, read_random_symbol, variable, sample)
        except OutOfTime:
            raise TimeExpired(f"sympy.stats gave no density of {variable} within {running.seconds:g} s") from None
        if parameters is None:
            known = log_density.free_symbols | set().union(*(a.free_symbols for a in axes_of(symbols, support)))
            moving = {s for a in axes_of(symbols, support) for s in a.free_symbols if s.is_integer}
            parameters = sorted(known - set(symbols) - moving, key=lambda s: s.name)
            if not parameters:
                raise InvalidModel(f"the distribution of {variable} has no free symbol that could be a parameter")
        model = cls(log_density, symbols, tuple(parameters), support, tuple(domain))
        model.check(running)
        return model

    @property
    def dimension(self) -> int:
        """Number of parameters."""
        return len(self.parameters)

    @property
    def density(self) -> sympy.Expr:
        """p(y|theta)."""
        return sympy.exp(self.log_density)

    @property
    def symbols(self) -> tuple[sympy.Symbol, ...]:
        """Parameters, then constants: what a point of the model gives values to."""
        return self.parameters + self.constants

    def latex(self) -> str:
        """ln p = ..., as LaTeX."""
        names = ", ".join(latex(y) for y in self.sample)
        given = ", ".join(latex(p) for p in self.parameters)
        return rf"\ln p\left({names} \mid {given}\right) = {latex(self.log_density)}"

    # ---- the engine ------------------------------------------------------------------------------------------

    @property
    def _density(self) -> Density:
        from symrg.expectation.density import Density

        return Density(self.log_density, self.axes, self.symbols, self.domain)

    def engine(self, budget: Seconds = None) -> Engine:
        """The expectation engine of the model, made once.

        Raises:
            MissingAssumption: a symbol lacks an assumption; named.
            ImproperDensity: the density does not integrate to one.
        """
        if "engine" not in self._memory:
            from symrg.expectation import Engine
            from symrg.expectation.interior import check_assumptions

            running = Budget.of(budget)
            check_assumptions(self._density, running)
            self._memory["engine"] = Engine(self._density, self.parameters + self.constants, running)
        return self._memory["engine"]

    def interior_points(self, count: int = 1, seed: int = 0) -> list[dict[sympy.Symbol, sympy.Expr]]:
        """Values of all parameters and constants at which the density is real and integrates to one."""
        from symrg.expectation.interior import find_points, interior_points

        found = interior_points(self._density, count, seed=seed)
        return found or find_points(self._density, count, (), Budget.of(None))

    def check(self, budget: Seconds = None) -> None:
        """Normalisation, and E[score] = 0 where the support is free of the parameters, both by quadrature.

        Raises:
            MissingAssumption: a symbol lacks an assumption.
            ImproperDensity: the integral is not one.
            IrregularModel: E[score] is not zero.
            TimeExpired: the budget ended first.
        """
        from symrg.fisher import check_score

        running = Budget.of(budget)
        engine = self.engine(running)
        if not self.moving_parameters:
            check_score(self, engine.points, running)

    @property
    def moving_parameters(self) -> tuple[sympy.Symbol, ...]:
        """Parameters on which the support depends."""
        return tuple(p for p in self.parameters if any(p in axis.free_symbols for axis in self.axes))

    # ---- results ---------------------------------------------------------------------------------------------

    def score(self) -> sympy.ImmutableMatrix:
        """l_i = d_i ln p(y|theta), a column in the order of `parameters`."""
        from symrg.expectation.density import score_of

        return sympy.ImmutableMatrix([score_of(self.log_density, p) for p in self.parameters])

    def expectation(self, expression: Any, budget: Seconds = None) -> sympy.Expr:
        """E_theta[expression] in closed form, confirmed by quadrature at a random interior point.

        Args:
            expression: function of the sample and of any other symbols; a Matrix is taken entry by entry.
            budget: seconds for the whole call.

        Raises:
            NoClosedForm: none was found within the budget.
            MissingAssumption: a symbol lacks an assumption that the integral needs.
            Disagreement: a closed form was found that quadrature refutes.
        """
        running = Budget.of(budget)
        if isinstance(expression, sympy.MatrixBase):
            return sympy.ImmutableMatrix(expression.applyfunc(lambda e: self.expectation(e, running)))
        target = sympy.sympify(expression, strict=True)
        if not target.free_symbols & set(self.sample):
            return target
        return self.engine(running).expectation(target, running)

    def fisher_metric(self, budget: Seconds = None) -> sympy.ImmutableMatrix:
        """I_ij = E[l_i l_j] = -E[d_i d_j ln p] in closed form, n x n; singular ones too.

        Args:
            budget: seconds for the whole call.

        Raises:
            IrregularModel: the support moves with a parameter, or E[score] is not zero.
            NoClosedForm: an entry has none within the budget.
            MissingAssumption: a symbol lacks an assumption; named.
        """
        if "fisher" not in self._memory:
            from symrg.fisher import fisher_metric

            self._memory["fisher"] = fisher_metric(self, Budget.of(budget))
        return self._memory["fisher"]

    def fisher_metric_at(self, values: Mapping[Any, Any], digits: int = 15, budget: Seconds = None) -> Estimate:
        """The Fisher metric at a point, proven by ball arithmetic where it can be; always an answer.

        Args:
            values: of all parameters and constants.
            digits: decimal digits aimed at; machine floats where the budget does not reach for them.
            budget: seconds for the whole call.

        Returns:
            Estimate with `.value` (Matrix of Floats), `.error` (a bound for each entry) and `.kind`: "rigorous" (the
            bound is proven), "quadrature" (it is estimated by refinement) or "monte carlo" (four standard errors).

        Raises:
            IrregularModel: the support moves with a parameter.
            ImproperDensity: the density is shown not to integrate to one at the point.
            InvalidModel: a value is missing, or the point is outside the parameter space.
            TimeExpired: not even rough averages were to be had within the budget.
        """
        from symrg.fisher_numeric import fisher_metric_at

        return fisher_metric_at(self, values, digits, Budget.of(budget))

    def null_directions(self, budget: Seconds = None) -> tuple[sympy.ImmutableMatrix, ...]:
        """Vectors v^i(theta) with I_ij v^j = 0: changes of the parameters that the data cannot see."""
        from symrg.fisher import null_directions

        return null_directions(self, Budget.of(budget))

    def identifiable_combinations(self, budget: Seconds = None) -> tuple[sympy.Expr, ...]:
        """Functions of the parameters that are constant along every null direction, as many as the metric's rank.

        Raises:
            NoClosedForm: the null directions could not be integrated.
        """
        from symrg.fisher import identifiable_combinations

        return identifiable_combinations(self, Budget.of(budget))

    def kl_divergence(self, other_parameters: Sequence[Any], budget: Seconds = None) -> sympy.Expr:
        """D_KL(theta || theta') = E_theta[ln p(y|theta)/p(y|theta')] in closed form.

        Args:
            other_parameters: theta', in the order of `parameters`.
            budget: seconds for the whole call.
        """
        from symrg.divergence import kl_divergence

        return kl_divergence(self, other_parameters, budget)

    def kl_expansion(
        self, order: int = 4, displacement: Sequence[Any] | None = None, budget: Seconds = None
    ) -> sympy.Expr:
        """Taylor polynomial of D_KL(theta || theta + delta); starts with I_ij delta^i delta^j / 2.

        Args:
            order: highest power, 2 or more.
            displacement: n Symbols delta^i, in the order of `parameters`.
            budget: seconds for the whole call.
        """
        from symrg.divergence import kl_expansion

        return kl_expansion(self, order, displacement, budget)

    def entropy(self, budget: Seconds = None) -> sympy.Expr:
        """-E[ln p] in closed form."""
        from symrg.divergence import entropy

        return entropy(self, budget)

    def as_exponential_family(self, budget: Seconds = None) -> Any:
        """The model as an `ExponentialFamily`, recognised from the log-density.

        Raises:
            NotExponentialFamily: it is none; the message says why.
        """
        from symrg.exponential import recognise

        return recognise(self, budget)

    def manifold(self, budget: Seconds = None) -> Any:
        """The parameter space as a `Manifold` with the Fisher metric."""
        from symrg.manifold import Manifold

        return Manifold(self.fisher_metric(budget), self.parameters, model=self)

    def derivation(self, what: str = "fisher_metric", budget: Seconds = None) -> Any:
        """A result as a `Derivation`: the steps that a person would write, each checkable.

        Args:
            what: "score", "fisher_metric", "kl_divergence" or "kl_expansion".
            budget: seconds for the whole call.
        """
        from symrg.worked import derivation

        return derivation(self, what, budget)

    # ---- models from models ----------------------------------------------------------------------------------

    def reparametrize(
        self, replacements: Mapping[sympy.Symbol, Any], parameters: Sequence[sympy.Symbol], domain: Sequence[Any] = ()
    ) -> StatisticalModel:
        """The same densities in other parameters: theta^i = replacements[theta^i](new parameters).

        Args:
            replacements: an Expr in the new parameters for each old one (those left out stay).
            parameters: the new parameters, in order.
            domain: further relationals for the new parameters.
        """
        from symrg.composition import reparametrize

        return reparametrize(self, replacements, parameters, domain)

    def transform(self, forward: Any, sample: Any, inverse: Any = None, support: Any = None) -> StatisticalModel:
        """The model of z = forward(y), a monotone function of a scalar sample.

        Args:
            forward: Expr in the sample.
            sample: the new Symbol z.
            inverse: y as an Expr in z; solved for where None.
            support: of z; the image of the old one where None.
        """
        from symrg.composition import transform

        return transform(self, forward, sample, inverse, support)

    def truncate(self, lower: Any = None, upper: Any = None, budget: Seconds = None) -> StatisticalModel:
        """The model conditioned on lower <= y <= upper, normalised in closed form."""
        from symrg.composition import truncate

        return truncate(self, lower, upper, budget)

    def mixture(self, other: StatisticalModel, weight: Any) -> StatisticalModel:
        """weight * p_other + (1 - weight) * p_self on the same sample space; a Symbol weight becomes a parameter."""
        from symrg.composition import mixture

        return mixture(self, other, weight)

    def marginal(self, keep: Sequence[sympy.Symbol], budget: Seconds = None) -> StatisticalModel:
        """The model of some of the coordinates, the others integrated out in closed form."""
        from symrg.composition import marginal

        return marginal(self, keep, budget)

    def conditional(self, given: Sequence[sympy.Symbol], budget: Seconds = None) -> StatisticalModel:
        """The model of the other coordinates at given values of these, which become constants."""
        from symrg.composition import conditional

        return conditional(self, given, budget)

    def copies(self, count: int) -> StatisticalModel:
        """`count` independent copies; the sample y becomes y_1, y_2, ..."""
        from symrg.composition import copies

        return copies(self, count)

    def product(self, other: StatisticalModel) -> StatisticalModel:
        """Two independent experiments together, which may share parameters."""
        from symrg.composition import product

        return product(self, other)

    def regression(
        self, links: Mapping[sympy.Symbol, Any], parameters: Sequence[sympy.Symbol], domain: Sequence[Any] = ()
    ) -> StatisticalModel:
        """Parameters replaced by functions of covariates, which are known constants.

        Args:
            links: parameter -> Expr in coefficients and covariates.
            parameters: what is to be learned, in order; all else is constant.
            domain: further relationals.
        """
        from symrg.composition import reparametrize

        return reparametrize(self, links, parameters, domain)


def _symbols(given: Any, what: str) -> tuple[sympy.Symbol, ...]:
    entries = tuple(given) if isinstance(given, (list, tuple, sympy.Tuple, sympy.MatrixBase)) else (given,)
    for entry in entries:
        if not isinstance(entry, sympy.Symbol):
            raise InvalidModel(f"{what} must be Symbols, given {entry!r}")
    if len(set(entries)) != len(entries):
        raise InvalidModel(f"{what} {entries} name a symbol twice")
    if not entries:
        raise InvalidModel(f"{what} must not be empty")
    return entries
