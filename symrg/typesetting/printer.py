r"""LaTeX of SymPy expressions in the notation of statistics and field theory.

What differs from SymPy's own printer: natural logarithms are ``\ln``; differences stand in natural order and start
with a positive term where there is one; Gaussian factors stand beside their prefactor; polygamma, Bessel and step
functions carry their symbols; matrices are ``pmatrix``; integrals end in their differential; numbers have no ``.0``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import sympy
from sympy import Add, Expr, Integer, Mul, Number, Pow, Rational, S, Symbol
from sympy.core.function import AppliedUndef
from sympy.matrices.expressions.matexpr import MatrixExpr
from sympy.printing.latex import LatexPrinter, accepted_latex_functions
from sympy.printing.precedence import PRECEDENCE, precedence_traditional

from symrg.typesetting.delimiters import fit_delimiters
from symrg.typesetting.factors import (
    HALF,
    joined_roots,
    keeps_its_form,
    negative_exponent,
    nests_exponentials,
    orientation,
    oriented,
    split_product,
)
from symrg.typesetting.names import function_name, symbol_name
from symrg.typesetting.order import is_displacement, natural_order
from symrg.typesetting.plain import costly_to_order

_LONG_NUMERATOR = 110  # characters of LaTeX: a longer sum stands beside its fraction
_OPERATORS = {"erf": "erf", "erfc": "erfc", "erfi": "erfi", "sign": "sgn", "Ei": "Ei", "li": "li", "Li": "Li",
              "sech": "sech", "csch": "csch", "sinc": "sinc"}  # fmt: skip
_SYMBOLS = {"beta": r"\mathrm{B}", "zeta": r"\zeta", "LambertW": "W",
            "digamma": r"\psi", "trigamma": r"\psi_{1}"}  # fmt: skip
_INVERSE = {"asin": r"\arcsin", "acos": r"\arccos", "atan": r"\arctan", "acot": r"\operatorname{arccot}",
            "asinh": r"\operatorname{arsinh}", "acosh": r"\operatorname{arcosh}", "atanh": r"\operatorname{artanh}",
            "acoth": r"\operatorname{arcoth}"}  # fmt: skip


class FieldPrinter(LatexPrinter):
    """Prints SymPy expressions in the notation described in this module's docstring."""

    # -- atoms ---------------------------------------------------------------------------------------------------

    def _print_Symbol(self, expr: Symbol, style: str = "plain") -> str:
        given = self._settings["symbol_names"].get(expr)
        return str(given) if given is not None else symbol_name(expr.name)

    _print_Dummy = _print_Symbol
    _print_RandomSymbol = _print_Symbol

    def _print_Float(self, expr: sympy.Float) -> str:
        value = float(expr)
        if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        text = f"{value:.12g}" if abs(value) < math.inf else str(expr)
        mantissa, _, exponent = text.partition("e")
        if not exponent:
            return mantissa
        power = f"10^{{{int(exponent)}}}"
        return power if mantissa == "1" else rf"{mantissa} \cdot {power}"

    def _print(self, expr: Any, **kwargs: Any) -> str:
        if expr is S.EulerGamma:  # SymPy lets it print itself, as a plain gamma
            return r"\gamma_{\mathrm{E}}"
        return str(super()._print(expr, **kwargs))

    def _print_Indexed(self, expr: Any) -> str:
        base = str(self._print(expr.base))
        inner = base[1:-1] if base.startswith("{") and base.endswith("}") else base
        if "_" not in inner and inner.count("{") == inner.count("}"):
            base = inner  # z^{(1)}_{n k}: the indices stand below the superscript and not behind it
        return f"{base}_{{{' '.join(map(self._print, expr.indices))}}}"

    def _print_IndexedBase(self, expr: Any) -> str:
        return symbol_name(str(expr.label))

    # -- sums ----------------------------------------------------------------------------------------------------

    def _print_Add(self, expr: Add, order: Any = None) -> str:
        pieces: list[tuple[bool, str]] = []
        order = "none" if costly_to_order(expr) else order
        terms = natural_order(self._as_ordered_terms(expr, order=order))
        for term in [t for t in terms if not _derives_zero(t)] or terms:
            negative, body = self._signed(term)
            pieces.append((negative, rf"\left({body}\right)" if self._needs_add_brackets(term) else body))
        if not any(is_displacement(s.name) for s in expr.free_symbols if isinstance(s, Symbol)):
            lead = next((i for i, (negative, _) in enumerate(pieces) if not negative), 0)
            pieces.insert(0, pieces.pop(lead))
        text = ("- " if pieces[0][0] else "") + pieces[0][1]
        for negative, body in pieces[1:]:
            text += (" - " if negative else " + ") + body
        return text

    def _signed(self, expr: Expr) -> tuple[bool, str]:
        """Whether the term carries a minus sign, and the LaTeX of what follows the sign."""
        if isinstance(expr, Mul) and expr.is_commutative and not keeps_its_form(expr):
            return self._product(expr)
        if isinstance(expr, Number) and expr.is_negative:
            return True, str(self._print(-expr))
        if isinstance(expr, MatrixExpr) or not isinstance(expr, Pow):
            text = str(self._print(expr))
        else:
            text = self._power(expr)
        return (True, text[1:].lstrip()) if text.startswith("-") and not isinstance(expr, Add) else (False, text)

    # -- products ------------------------------------------------------------------------------------------------

    def _print_Mul(self, expr: Any) -> str:
        if isinstance(expr, Pow):
            return self._power(expr)
        if not isinstance(expr, Mul) or not expr.is_commutative or keeps_its_form(expr):
            return str(super()._print_Mul(expr))
        negative, body = self._product(expr)
        return ("- " if negative else "") + body

    def _product(self, expr: Expr) -> tuple[bool, str]:
        coefficient, factors = split_product(expr)
        negative = bool(coefficient.is_negative)
        coefficient = abs(coefficient)
        negative, factors = oriented(negative, factors)
        p, q = (coefficient.p, coefficient.q) if coefficient.is_Rational else (coefficient, 1)
        above: list[tuple[Expr, Expr]] = []
        below: list[tuple[Expr, Expr]] = []
        for base, exponent in factors:
            if base is not S.Exp1 and negative_exponent(exponent):
                below.append((base, -exponent))
            else:
                above.append((base, exponent))
        for base, exponent in list(above):  # sqrt(2)/2 = 1/sqrt(2)
            if exponent == HALF and isinstance(base, Integer) and q % int(base) == 0:
                above.remove((base, exponent))
                below.insert(0, (base, exponent))
                q //= int(base)
        above, below = joined_roots(above), joined_roots(below)
        inside, beside = self._beside_the_fraction(above, bool(below), q != 1)
        numerator = self._juxtaposed(([] if p == 1 else [p]), inside, alone=bool(below) or q != 1)
        denominator = self._juxtaposed(([] if q == 1 else [Integer(q)]), below, alone=True)
        if not denominator:
            text = numerator
        elif len(numerator) > _LONG_NUMERATOR and len(inside) == 1 and p == 1 and isinstance(inside[0][0], Add):
            text = rf"\frac{{1}}{{{denominator}}} \left({numerator}\right)"
        else:
            text = rf"\frac{{{numerator or '1'}}}{{{denominator}}}"
        rest = self._juxtaposed([], beside, alone=not text)
        return negative, f"{text} {rest}".strip() or "1"

    def _beside_the_fraction(
        self, above: list[tuple[Expr, Expr]], has_symbols_below: bool, has_number_below: bool
    ) -> tuple[list[tuple[Expr, Expr]], list[tuple[Expr, Expr]]]:
        """Split the factors above the bar into those that stay there and those that stand beside it."""
        inside: list[tuple[Expr, Expr]] = []
        beside: list[tuple[Expr, Expr]] = []
        for base, exponent in above:
            tall = base.has(sympy.Integral, sympy.Sum, sympy.Product, sympy.Piecewise) or isinstance(
                base, sympy.Derivative
            )
            tall = tall or (hasattr(base, "as_integral") and isinstance(base, Expr))
            exponential = base is S.Exp1 and not exponent.is_Atom and (has_symbols_below or has_number_below)
            nested = (has_symbols_below or has_number_below) and isinstance(base, Add) and r"\frac" in self._print(base)
            function = (
                has_number_below
                and not has_symbols_below
                and isinstance(base, sympy.Function)
                and not isinstance(base, AppliedUndef)
            )
            (beside if tall or nested or exponential or function else inside).append((base, exponent))
        beside.sort(key=lambda factor: 1 if factor[0].has(sympy.Integral, sympy.Sum, sympy.Product) else 0)
        return inside, beside

    def _juxtaposed(self, numbers: Sequence[Any], factors: list[tuple[Expr, Expr]], alone: bool) -> str:
        parts = [str(self._print(sympy.sympify(n, strict=True))) for n in numbers]
        total = len(parts) + len(factors)
        for position, (base, exponent) in enumerate(factors):
            last = position == len(factors) - 1
            if exponent == 1:
                text = self._factor(base, last=last)
                bracketed = self._bracket(base, first=not parts, last=last)
                if bracketed and not (total == 1 and alone):
                    text = rf"\left({text}\right)"
            else:
                text = self._power_text(base, exponent, last=last)
            parts.append(text)
        out = ""
        for part in parts:
            if out and out[-1].isdigit() and part[:1].isdigit():
                out += r" \cdot "
            elif out:
                out += " "
            out += part
        return out

    def _factor(self, base: Expr, last: bool) -> str:
        if isinstance(base, sympy.log) and not last:
            return rf"\ln({self._print(base.args[0])})" if base.args[0].is_Atom else str(self._print(base))
        return str(self._print(base))

    def _bracket(self, base: Expr, first: bool, last: bool) -> bool:
        if isinstance(base, Add) or getattr(base, "is_Relational", False) or base.is_Piecewise:
            return True
        if isinstance(base, (Number, Mul)) and self._signed(base)[0]:
            return True
        if not last and base.has(sympy.Integral, sympy.Sum, sympy.Product) and not hasattr(base, "as_integral"):
            return True
        return bool(not isinstance(base, Mul) and precedence_traditional(base) < PRECEDENCE["Mul"])

    # -- powers --------------------------------------------------------------------------------------------------

    def _print_Pow(self, expr: Pow) -> str:
        return self._power(expr)

    def _power(self, expr: Pow) -> str:
        base, exponent = expr.args
        if not expr.is_commutative:
            return str(super()._print_Pow(expr))
        if negative_exponent(exponent) and base is not S.Exp1 and base != 1:
            below = self._juxtaposed([], [(base, -exponent)], alone=True)
            return rf"\frac{{1}}{{{below}}}"
        return self._power_text(base, exponent, last=True)

    def _power_text(self, base: Expr, exponent: Expr, last: bool) -> str:
        if base is S.Exp1:
            return self._exponential(exponent)
        if isinstance(base, Add) and exponent.is_Integer and exponent % 2 == 0 and orientation(base, even=True) < 0:
            base = Add(*[-term for term in base.args])
        if exponent == 1:
            text = self._factor(base, last)
            return rf"\left({text}\right)" if self._bracket(base, first=False, last=last) else text
        if exponent.is_Rational and exponent.p == 1 and exponent.q != 1:
            root = "" if exponent.q == 2 else f"[{exponent.q}]"
            return rf"\sqrt{root}{{{self._print(base)}}}"
        printed = self._exponent_text(exponent)
        if isinstance(base, sympy.Function):
            return str(self._print(base, exp=printed))
        if isinstance(base, Symbol):
            text = str(self._print(base))
            if is_displacement(base.name) and " " in text:
                return rf"({text})^{{{printed}}}"
            return rf"{{{text}}}^{{{printed}}}" if "^" in text or "'" in text else rf"{text}^{{{printed}}}"
        text = str(self._print(base))
        if not (base.is_Integer and base.is_nonnegative) and not (isinstance(base, sympy.Indexed) and "^" not in text):
            text = (
                text
                if isinstance(base, sympy.NumberSymbol) or base in (S.ImaginaryUnit, S.Infinity)
                else rf"\left({text}\right)"
            )
        return rf"{text}^{{{printed}}}"

    def _exponent_text(self, exponent: Expr) -> str:
        if isinstance(exponent, Rational) and not exponent.is_Integer:
            return f"{exponent.p}/{exponent.q}"
        return str(self._print(exponent)).replace("- ", "-", 1) if exponent.is_Atom else str(self._print(exponent))

    def _exponential(self, exponent: Expr) -> str:
        if exponent.has(sympy.Integral, sympy.Sum, sympy.Product, sympy.Piecewise) or nests_exponentials(exponent):
            return rf"\exp\left({self._print(exponent)}\right)"
        return rf"e^{{{self._print(exponent)}}}"

    def _print_ExpBase(self, expr: Any, exp: str | None = None) -> str:
        text = self._exponential(expr.args[0])
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"

    # -- functions -----------------------------------------------------------------------------------------------

    def _call(self, name: str, arguments: Sequence[Any], exp: str | None = None) -> str:
        power = "" if exp is None else f"^{{{exp}}}"
        if power and "^" in name:
            return rf"\left({self._call(name, arguments)}\right){power}"
        return rf"{name}{power}\left({', '.join(str(self._print(a)) for a in arguments)}\right)"

    def _print_Function(self, expr: Any, exp: str | None = None) -> str:
        name = expr.func.__name__
        if isinstance(expr, AppliedUndef):
            return self._call(function_name(name), expr.args, exp)
        if name in _INVERSE:
            return self._call(_INVERSE[name], expr.args, exp)
        if name in _OPERATORS:
            return self._call(rf"\operatorname{{{_OPERATORS[name]}}}", expr.args, exp)
        if name in _SYMBOLS:
            return self._call(_SYMBOLS[name], expr.args, exp)
        if name in accepted_latex_functions:
            return self._call(rf"\{name}", expr.args, exp)
        return str(super()._print_Function(expr, exp))

    def _print_log(self, expr: Any, exp: str | None = None) -> str:
        argument = expr.args[0]
        power = "" if exp is None else f"^{{{exp}}}"
        if isinstance(argument, Symbol) or (isinstance(argument, Integer) and argument > 0) or argument is S.Pi:
            return rf"\ln{power} {self._print(argument)}"
        if isinstance(argument, sympy.binomial):
            return rf"\ln{power} {self._print(argument)}"
        return self._call(r"\ln", [argument], exp)

    def _print_airyai(self, expr: Any, exp: str | None = None) -> str:
        return self._call(r"\operatorname{Ai}", expr.args, exp)

    def _print_airybi(self, expr: Any, exp: str | None = None) -> str:
        return self._call(r"\operatorname{Bi}", expr.args, exp)

    def _print_gamma(self, expr: Any, exp: str | None = None) -> str:
        return self._call(r"\Gamma", expr.args, exp)

    def _print_loggamma(self, expr: Any, exp: str | None = None) -> str:
        text = self._call(r"\ln \Gamma", expr.args)
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"

    def _print_polygamma(self, expr: Any, exp: str | None = None) -> str:
        n, argument = expr.args
        if n == 0:
            return self._call(r"\psi", [argument], exp)
        if n == 1:
            return self._call(r"\psi_{1}", [argument], exp)
        return self._call(rf"\psi^{{({self._print(n)})}}", [argument], exp)

    def _print_beta(self, expr: Any, exp: str | None = None) -> str:
        return self._call(r"\mathrm{B}", expr.args[:2], exp)

    def _print_Heaviside(self, expr: Any, exp: str | None = None) -> str:
        return self._call(r"\Theta", expr.args[:1], exp)

    def _print_DiracDelta(self, expr: Any, exp: str | None = None) -> str:
        order = expr.args[1] if len(expr.args) > 1 else 0
        name = r"\delta" if order == 0 else rf"\delta^{{({self._print(order)})}}"
        return self._call(name, expr.args[:1], exp)

    def _print_KroneckerDelta(self, expr: Any, exp: str | None = None) -> str:
        text = rf"\delta_{{{self._print(expr.args[0])} {self._print(expr.args[1])}}}"
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"

    def _print_Abs(self, expr: Any, exp: str | None = None) -> str:
        return rf"\left|{self._print(expr.args[0])}\right|" + ("" if exp is None else f"^{{{exp}}}")

    # -- calculus ------------------------------------------------------------------------------------------------

    def _print_Derivative(self, expr: Any) -> str:
        operand = expr.expr
        partial = len(operand.free_symbols | {v for v, _ in expr.variable_count}) > 1
        if isinstance(operand, AppliedUndef):
            partial = len(operand.args) > 1
        d = r"\partial" if partial else "d"
        order = sum((n for _, n in expr.variable_count), S.Zero)
        power = "" if order == 1 else f"^{{{self._print(order)}}}"
        below = " ".join(
            f"{d} {self._print(v)}" + ("" if n == 1 else f"^{{{self._print(n)}}}") for v, n in expr.variable_count
        )
        if isinstance(operand, (AppliedUndef, Symbol, sympy.Indexed)):
            return rf"\frac{{{d}{power} {self._print(operand)}}}{{{below}}}"
        inner = str(self._print(operand))
        if isinstance(operand, (Add, Mul)) or inner.startswith("-") or operand.is_Piecewise:
            inner = rf"\left({inner}\right)"
        return rf"\frac{{{d}{power}}}{{{below}}} {inner}"

    def _print_Integral(self, expr: Any) -> str:
        signs, differentials = "", ""
        for limit in reversed(expr.limits):
            sign = r"\int"
            if len(limit) == 3:
                sign += f"_{{{self._print(limit[1])}}}^{{{self._print(limit[2])}}}"
            elif len(limit) == 2:
                sign += f"^{{{self._print(limit[1])}}}"
            signs += sign + " "
        for limit in expr.limits:
            differentials += rf" \, d{self._print(limit[0])}"
        body = str(self._print(expr.function))
        if isinstance(expr.function, Add) or expr.function.is_Piecewise:
            body = rf"\left({body}\right)"
        elif expr.function == 1:
            body = ""
        return f"{signs}{body}{differentials}"

    def _operator_over_limits(self, sign: str, expr: Any) -> str:
        text = ""
        for limit in reversed(expr.limits):
            text += sign + f"_{{{self._print(limit[0])}"
            if len(limit) == 3:
                text += f"={self._print(limit[1])}}}^{{{self._print(limit[2])}}} "
            else:
                text += "} "
        body = str(self._print(expr.function))
        return text + (rf"\left({body}\right)" if isinstance(expr.function, Add) else body)

    def _print_Sum(self, expr: Any) -> str:
        return self._operator_over_limits(r"\sum", expr)

    def _print_Product(self, expr: Any) -> str:
        return self._operator_over_limits(r"\prod", expr)

    def _print_Subs(self, expr: Any) -> str:
        inner, old, new = expr.args
        at = ", ".join(f"{self._print(o)} = {self._print(n)}" for o, n in zip(old, new))
        return rf"\left. {self._print(inner)} \right|_{{{at}}}"

    # -- cases, matrices, relations ------------------------------------------------------------------------------

    def _print_Piecewise(self, expr: Any) -> str:
        rows = []
        for value, condition in expr.args:
            when = r"\text{otherwise}" if condition == True else rf"\text{{if }} {self._print(condition)}"  # noqa: E712
            rows.append(f"{self._print(value)} & {when}")
        return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"

    def _print_MatrixBase(self, expr: Any) -> str:
        rows = [" & ".join(str(self._print(entry)) for entry in expr[i, :]) for i in range(expr.rows)]
        return r"\begin{pmatrix} " + r" \\ ".join(rows) + r" \end{pmatrix}"

    def _print_BooleanTrue(self, expr: Any) -> str:
        return r"\text{true}"

    def _print_BooleanFalse(self, expr: Any) -> str:
        return r"\text{false}"


def latex(expression: Any, **settings: Any) -> str:
    r"""LaTeX of a SymPy expression, matrix, relation, or object with a `latex` method, without dollar signs.

    Args:
        expression: what to print; lists and tuples are printed element by element.
        settings: those of `sympy.latex`, e.g. ``symbol_names={x: r"\hat{x}"}`` or ``order="rev-lex"``.

    Returns:
        LaTeX that amsmath and MathML Core understand.
    """
    method = getattr(expression, "latex", None)
    if callable(method) and not isinstance(expression, sympy.Basic):
        return str(method())
    return fit_delimiters(str(FieldPrinter(settings).doprint(expression)))


def _derives_zero(term: Expr) -> bool:
    """Whether a term is the derivative of 0, kept unevaluated: a drift or diffusion that vanishes."""
    return any(isinstance(f, sympy.Derivative) and f.expr == 0 for f in Mul.make_args(term))
