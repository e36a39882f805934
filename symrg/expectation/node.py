"""The unevaluated expectation E_theta(f) as a SymPy expression."""

from __future__ import annotations

import zlib
from typing import Any

import sympy
from sympy import S

from symrg.budget import Budget
from symrg.expectation.density import Density
from symrg.expectation.engine import Engine
from symrg.expectation.interior import check_assumptions
from symrg.support import Axis
from symrg.typesetting import latex


class Expectation(sympy.Expr):
    r"""E_theta(expr) over the sample of a model, unevaluated; prints as \mathbb{E}_\theta\left(...\right).

    The sample is a bound variable: it is not among the free symbols, and a substitution leaves it alone while it
    reaches the parameters of the model as well as of the expression.

    Args:
        expr: function of the sample.
        model: `StatisticalModel`.
    """

    is_commutative = True

    def __new__(cls, expr: Any, model: Any) -> Expectation:
        """The node of a function of the sample of a model."""
        expr = sympy.sympify(expr, strict=True)
        sample, log_density = _bound(model)
        axes = tuple(axis.subs(dict(zip(model.sample, sample))) for axis in model.axes)
        inner = expr.xreplace(dict(zip(model.sample, sample)))
        bounds = sympy.Tuple(
            *(
                sympy.Tuple(
                    a.symbol,
                    a.lower,
                    a.upper,
                    S.true if a.discrete else S.false,
                    sympy.Tuple(*a.points) if a.points is not None else sympy.Tuple(),
                    a.step,
                )
                for a in axes
            )
        )
        return cls._make(inner, log_density, bounds, sympy.Tuple(*model.parameters), sympy.Tuple(*model.domain))

    @classmethod
    def _make(cls, *args: Any) -> Expectation:
        return sympy.Expr.__new__(cls, *args)

    def __reduce__(self) -> tuple[Any, ...]:
        """How it is pickled: from its arguments, which `__new__` doesn't take."""
        return self._make, self.args

    @property
    def func(self) -> Any:
        """Rebuilds the node from its arguments."""
        return self._make

    @property
    def integrand(self) -> sympy.Expr:
        """The function whose expectation it is, in the bound sample."""
        return self.args[0]

    @property
    def log_density(self) -> sympy.Expr:
        """The log-density in the bound sample."""
        return self.args[1]

    @property
    def bound_symbols(self) -> list[sympy.Symbol]:
        """The bound sample."""
        return [limits[0] for limits in self.args[2]]

    @property
    def free_symbols(self) -> set[sympy.Symbol]:
        """Symbols other than the bound sample."""
        found: set[sympy.Symbol] = set()
        for a in self.args[:3]:
            found |= a.free_symbols
        return found - set(self.bound_symbols)

    def _eval_subs(self, old: sympy.Expr, new: sympy.Expr) -> sympy.Expr | None:
        if old.free_symbols & set(self.bound_symbols):
            return self
        replaced = [a._subs(old, new) for a in self.args]
        parameters = sympy.Tuple(*(p for p in replaced[3] if isinstance(p, sympy.Symbol)))
        domain = sympy.Tuple(*(d for d in replaced[4] if d not in (S.true, S.false)))
        return self._make(*replaced[:3], parameters, domain)

    def _eval_derivative(self, symbol: sympy.Symbol) -> sympy.Expr:
        if symbol not in self.free_symbols:
            return S.Zero
        if symbol in self.args[2].free_symbols:
            return sympy.Derivative(self, symbol, evaluate=False)
        integrand = sympy.diff(self.integrand, symbol) + self.integrand * sympy.diff(self.log_density, symbol)
        return self._make(integrand, *self.args[1:])

    def _eval_is_real(self) -> bool | None:
        return True if self.integrand.is_real else None

    def as_integral(self) -> sympy.Expr:
        """The Integral or Sum over the sample space, not evaluated."""
        value: sympy.Expr = self.integrand * sympy.exp(self.log_density)
        for symbol, lower, upper, discrete, points, step in self.args[2]:
            if points:
                value = sympy.Add(*(value.subs(symbol, p) for p in points))
            elif discrete and step != 1:
                j = sympy.Dummy("j", integer=True)
                value = sympy.Sum(value.subs(symbol, lower + step * j), (j, 0, (upper - lower) / step))
            elif discrete:
                value = sympy.Sum(value, (symbol, lower, upper))
            else:
                value = sympy.Integral(value, (symbol, lower, upper))
        return value

    def density(self) -> Any:
        """The density that it is an expectation over, in the bound sample."""
        axes = tuple(
            Axis(symbol, lower, upper, discrete == S.true, tuple(points) if points else None, step)
            for symbol, lower, upper, discrete, points, step in self.args[2]
        )
        free = self.log_density.free_symbols | set().union(*(a.free_symbols for a in axes))
        symbols = sorted(free - set(self.bound_symbols), key=lambda x: (x.name, str(sympy.srepr(x))))
        return Density(self.log_density, axes, tuple(symbols), tuple(self.args[4]))

    def doit(self, budget: float | Budget | None = None, **hints: Any) -> sympy.Expr:
        """The closed form, from the engine.

        Raises:
            NoClosedForm: there is none within the budget.
        """
        inner = self.integrand.doit(**hints) if hints.get("deep", True) else self.integrand
        running = Budget.of(budget)
        density = self.density()
        check_assumptions(density, running)
        return Engine(density, density.symbols, running).expectation(inner, running)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        body = printer._print(self.integrand)
        names = [printer._print(p) for p in self.args[3]]
        index = r"\theta" if len(names) != 1 else names[0]
        text = rf"\mathbb{{E}}_{{{index}}}\left({body}\right)"
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"

    def _sympystr(self, printer: Any) -> str:
        return f"E({printer._print(self.integrand)})"

    def latex(self) -> str:
        """LaTeX of the node."""
        return latex(self)


def _bound(model: Any) -> tuple[list[sympy.Symbol], sympy.Expr]:
    """Bound twins of the sample that print as it does and do not depend on when they are made."""
    sample = []
    for axis_symbol in model.sample:
        index = zlib.crc32(sympy.srepr(axis_symbol).encode()) + 10**9
        sample.append(sympy.Dummy(axis_symbol.name, dummy_index=index, **axis_symbol._assumptions_orig))
    log_density = model.log_density.xreplace(dict(zip(model.sample, sample)))
    return sample, log_density
