"""What a statistical model has to show: score, Fisher metric, curvature, divergence, entropy, as named quantities."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sympy as sp

from symrg.budget import Budget
from symrg.errors import InvalidModel, SymrgError
from symrg.typesetting import divergence, latex
from symrg.typesetting.lines import LINE_WIDTH, chain_rows
from symrg.typesetting.notation import nonzero_components, point
from symrg.typesetting.width import width

if TYPE_CHECKING:
    from symrg.model import StatisticalModel

QUANTITIES = ("score", "metric", "curvature", "kl", "entropy", "christoffel", "expansion")
"""Everything that can be asked for, in the order in which it is shown."""

USUAL = ("metric", "curvature", "kl")
"""What is shown where nothing is asked for."""


@dataclass(frozen=True)
class Quantity:
    """One derived quantity.

    Attributes:
        name: one of `QUANTITIES`.
        title: in words.
        plain: its symbol for the terminal.
        symbol: its symbol in LaTeX.
        value: SymPy expression, matrix or array; None where none was found.
        problem: why there is none.
        error: the same, as it was raised.
        components: of a tensor, those that don't vanish: LaTeX of the component and of its value.
    """

    name: str
    title: str
    plain: str
    symbol: str
    value: Any = None
    problem: str = ""
    error: SymrgError | None = field(default=None, compare=False, repr=False)
    components: tuple[tuple[str, str], ...] = ()

    def latex(self) -> str:
        """The equation, or for a tensor of rank three its components that don't vanish."""
        if self.value is None:
            return rf"{self.symbol} = \text{{no closed form found}}"
        text = f"{self.symbol} = {latex(self.value)}"
        if isinstance(self.value, sp.NDimArray) and not self.components:
            return f"{self.symbol} = 0"
        if self.components and (isinstance(self.value, sp.NDimArray) or width(text) > LINE_WIDTH):
            rows = [row for left, right in self.components for row in chain_rows(left, [("=", right)])]
            return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"
        return text

    @property
    def short_problem(self) -> str:
        """The problem without the list of what was tried."""
        text = self.problem.split("; tried:")[0]
        if text == self.problem:
            return text
        return "no closed form was found" + text[text.rfind(" within ") :] if " within " in text else text


def primed(symbols: Sequence[sp.Symbol]) -> tuple[sp.Symbol, ...]:
    """The same symbols at another point: theta -> theta', with the same assumptions."""
    return tuple(sp.Symbol(s.name + "prime", **s._assumptions_orig) for s in symbols)


def displacements(symbols: Sequence[sp.Symbol]) -> tuple[sp.Symbol, ...]:
    """Symbols of an expansion: δmu for mu, shown as δμ."""
    return tuple(sp.Symbol("δ" + s.name, real=True) for s in symbols)


def overview(
    model: StatisticalModel, wanted: Sequence[str] = USUAL, budget: float | Budget | None = None
) -> tuple[Quantity, ...]:
    """The wanted quantities of a model; one that has no closed form says why and does not stop the others.

    Args:
        model: the model.
        wanted: names out of `QUANTITIES`.
        budget: seconds for each quantity.

    Raises:
        InvalidModel: a name is not one of `QUANTITIES`.
    """
    for name in wanted:
        if name not in QUANTITIES:
            near = difflib.get_close_matches(name, QUANTITIES, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(QUANTITIES)}"
            raise InvalidModel(f"{name!r} can't be derived; {hint}")
    return tuple(_one(model, name, budget) for name in QUANTITIES if name in wanted)


def _one(model: StatisticalModel, name: str, budget: Any) -> Quantity:
    parameters = tuple(model.parameters)
    other = primed(parameters)
    at, there = point(parameters), point(other)
    plain = ", ".join(map(_plain, parameters))
    derive: Callable[[], Any]
    if name == "score":
        title, left, symbol = "Score", f"ℓ({plain})", r"\ell_{i}"
        derive = model.score
    elif name == "metric":
        title, left, symbol = "Fisher metric", f"I({plain})", rf"\mathcal{{I}}_{{ij}}({at.strip('()')})"
        derive = lambda: model.fisher_metric(budget=budget)  # noqa: E731
    elif name == "curvature":
        title, left, symbol = "Scalar curvature", "R", "R"
        derive = lambda: model.manifold(budget).scalar_curvature(budget=budget)  # noqa: E731
    elif name == "christoffel":
        title, left, symbol = "Christoffel symbols", "Γ", r"\Gamma^{i}{}_{jk}"
        derive = lambda: model.manifold(budget).christoffel(budget=budget)  # noqa: E731
    elif name == "kl":
        title, left, symbol = "Kullback-Leibler divergence", "D_KL(θ ‖ θ')", divergence(at, there)
        derive = lambda: model.kl_divergence(other, budget=budget)  # noqa: E731
    elif name == "expansion":
        title, left, symbol = "Expansion of the divergence", "D_KL(θ ‖ θ+δ)", divergence(r"\theta", r"\theta + \delta")
        derive = lambda: model.kl_expansion(3, displacements(parameters), budget)  # noqa: E731
    else:
        title, left, symbol = "Entropy", "S", "S"
        derive = lambda: model.entropy(budget=budget)  # noqa: E731
    try:
        value = derive()
    except SymrgError as error:
        return Quantity(name, title, left, symbol, problem=str(error), error=error)
    if name == "score":
        value = value.applyfunc(lambda e: sp.Add(*map(sp.factor_terms, sp.Add.make_args(e))))
    elif name == "entropy":
        value = joined_logarithms(value)
    elif name == "kl":
        value = by_denominator(value, tuple(zip(parameters, other)))
    elif name in ("metric", "curvature", "christoffel"):
        value = value.applyfunc(sp.factor_terms) if hasattr(value, "applyfunc") else sp.factor_terms(value)
    components: tuple[tuple[str, str], ...] = ()
    if name == "christoffel":
        components = tuple(nonzero_components(r"\Gamma", value, parameters, "udd", symmetric=(1, 2)))
    elif name == "score":
        components = tuple(nonzero_components(r"\ell", sp.Array(list(value)), parameters, "d"))
    elif name == "metric":
        components = tuple(nonzero_components(r"\mathcal{I}", value, parameters, "dd", symmetric=(0, 1)))
    return Quantity(name, title, left, symbol, value, components=components)


def by_denominator(value: sp.Expr, pairs: Sequence[tuple[sp.Symbol, sp.Symbol]]) -> sp.Expr:
    """A divergence as papers write it: a fraction for each denominator, squares of differences, one logarithm a pair.

    Args:
        value: the divergence between two points.
        pairs: each parameter with its value at the other point.

    Returns:
        An equal expression; the given one where the rewriting changes more than the form.
    """
    groups: dict[Any, Any] = {}
    for term in sp.Add.make_args(sp.expand(sp.expand_log(value))):
        above, below = sp.fraction(term)
        number, below = below.as_coeff_Mul()
        groups[below] = groups.get(below, 0) + above / number
    parts = []
    for below, above in groups.items():
        squares = {}
        for here, there in pairs:
            mixed = above.coeff(here, 1).coeff(there, 1)
            if mixed != 0 and above.coeff(here, 2) == above.coeff(there, 2) == -mixed / 2:
                square = sp.Dummy(positive=True)
                squares[square] = (here - there) ** 2
                above = sp.expand(above + mixed / 2 * (here**2 - 2 * here * there + there**2)) - mixed / 2 * square
            weight = sp.expand(above).coeff(sp.log(there), 1)
            if weight != 0 and sp.expand(weight + sp.expand(above).coeff(sp.log(here), 1)) == 0:
                rest = sp.expand(above - weight * (sp.log(there) - sp.log(here)))
                above = rest + weight * sp.log(there / here)
        if below == 1:
            above = sp.collect(above, sorted(above.atoms(sp.polygamma), key=sp.default_sort_key))
        else:
            above = sp.factor_terms(above)
        parts.append((above / below).subs(squares))
    found = sp.Add(*parts)
    same = sp.simplify(sp.expand(sp.expand_log(found, force=True) - sp.expand_log(value, force=True))) == 0
    return found if same else value


def joined_logarithms(value: sp.Expr) -> sp.Expr:
    """One logarithm for all of numbers with equal factors: ln(2)/2 + ln(pi)/2 = ln(2 pi)/2."""
    inside: dict[sp.Expr, sp.Expr] = {}
    rest = []
    for term in sp.Add.make_args(value):
        number, factor = term.as_coeff_Mul()
        if isinstance(factor, sp.log) and factor.args[0].is_number and factor.args[0].is_positive:
            inside[number] = inside.get(number, sp.S.One) * factor.args[0]
        else:
            rest.append(term)
    return sp.Add(*rest, *(number * sp.log(argument) for number, argument in inside.items()))


def _plain(symbol: sp.Symbol) -> str:
    return str(sp.pretty(symbol))
