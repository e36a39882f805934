"""Formulas for the terminal: two-dimensional Unicode in the field's notation."""

from __future__ import annotations

from typing import Any

import sympy
from sympy.printing.pretty.pretty import PrettyPrinter
from sympy.printing.pretty.pretty_symbology import pretty_symbol
from sympy.printing.pretty.stringpict import prettyForm

from symrg.typesetting.names import plain_letters
from symrg.typesetting.order import natural_order, turns_well

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class TerminalPrinter(PrettyPrinter):
    """SymPy's two-dimensional printer with ln, psi_n and the symbols of step and delta functions."""

    def _as_ordered_terms(self, expr: Any, order: Any = None) -> list[Any]:
        return natural_order(super()._as_ordered_terms(expr, order=order))

    def _print_Mul(self, product: Any) -> prettyForm:
        """A minus sign in front goes into the first difference that it turns round."""
        coefficient, _ = product.as_coeff_Mul()
        if product.is_commutative and coefficient.is_negative:
            for factor in product.args:
                base, exponent = factor.as_base_exp()
                mixed = base.is_Add and any(t.as_coeff_Mul()[0].is_negative for t in base.args)
                if mixed and exponent.is_Integer and exponent % 2 == 1 and turns_well(base, exponent):
                    turned = sympy.Mul(-1, product / factor) * sympy.Pow(sympy.Add(*[-t for t in base.args]), exponent)
                    if turned.as_coeff_Mul()[0].is_positive:
                        return super()._print_Mul(turned)
        return super()._print_Mul(product)

    def _print_Symbol(self, expr: Any, bold_name: bool = False) -> prettyForm:
        name = plain_letters(expr.name)
        if name.startswith("δ") and len(name) > 1:  # a displacement: δμ
            return prettyForm("δ" + pretty_symbol(name[1:]))
        return prettyForm(pretty_symbol(name, bold_name=bold_name))

    def _print_EulerGamma(self, expr: Any) -> prettyForm:
        return prettyForm("γᴇ")

    def _named(self, name: str, *arguments: Any) -> prettyForm:
        head = prettyForm(name)
        inside = prettyForm(*self._print_seq(arguments, delimiter=", ").parens())
        form = prettyForm(*head.right(inside), binding=prettyForm.FUNC)
        form.prettyFunc, form.prettyArgs = head, inside  # a power stands between the two
        return form

    def _print_log(self, expr: Any) -> prettyForm:
        return self._named("ln", expr.args[0])

    def _print_loggamma(self, expr: Any) -> prettyForm:
        return self._named("ln Γ", expr.args[0])

    def _print_polygamma(self, expr: Any) -> prettyForm:
        n, argument = expr.args
        if n == 0:
            return self._named("ψ", argument)
        return self._named("ψ" + str(n).translate(_SUBSCRIPTS) if n.is_Integer else f"ψ[{n}]", argument)

    def _print_besseli(self, expr: Any) -> prettyForm:
        n, argument = expr.args
        if n.is_Integer:
            return self._named("I" + str(n).translate(_SUBSCRIPTS), argument)
        return self._named("I", n, argument)

    def _print_Heaviside(self, expr: Any) -> prettyForm:
        return self._named("Θ", expr.args[0])

    def _print_DiracDelta(self, expr: Any) -> prettyForm:
        return self._named("δ", expr.args[0])

    def _print_Float(self, expr: Any) -> prettyForm:
        value = float(expr)
        return prettyForm(str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.12g}")


def pretty(expression: Any, width: int = 100, unicode: bool = True) -> str:
    """A formula in two dimensions, in lines of at most `width` characters where it can be broken.

    Args:
        expression: SymPy expression, matrix or array.
        width: columns.
        unicode: False for ASCII.
    """
    from sympy.printing.pretty.pretty_symbology import pretty_use_unicode

    before = pretty_use_unicode(unicode)
    try:
        settings = {"use_unicode": unicode, "wrap_line": True, "num_columns": width}
        return str(TerminalPrinter(settings).doprint(sympy.sympify(expression, strict=True)))
    finally:
        pretty_use_unicode(before)


def equation(left: str, right: Any, width: int = 100) -> str:
    """`left = right`, the left side in the line in which the right side has its middle.

    Args:
        left: one line of text.
        right: SymPy expression, matrix or array.
        width: columns.
    """
    from sympy.printing.pretty.pretty_symbology import pretty_use_unicode

    before = pretty_use_unicode(True)
    try:
        printer = TerminalPrinter({"use_unicode": True, "wrap_line": False})
        form = printer._print(right if isinstance(right, sympy.NDimArray) else sympy.sympify(right, strict=True))
        beside = prettyForm(*form.left(f"{left} = "))
        if beside.width() <= width:
            return str(beside)
        rows = _rows(printer, right, width - 4) if isinstance(right, sympy.Add) else []
    finally:
        pretty_use_unicode(before)
    text = "\n".join(rows) if rows else pretty(right, width - 4)
    return f"{left} =\n" + "\n".join("    " + line for line in text.splitlines())


def fits(left: str, right: Any, width: int) -> bool:
    """Whether `left = right` has room in lines of `width` characters."""
    return all(len(line) <= width for line in equation(left, right, 10_000).splitlines())


def _rows(printer: TerminalPrinter, total: Any, width: int) -> list[str]:
    """A sum in rows of as many terms as have room; none where a term alone has not."""
    groups: list[list[Any]] = []
    for term in printer._as_ordered_terms(total):
        if groups and printer._print(sympy.Add(*groups[-1], term, evaluate=False)).width() <= width - 2:
            groups[-1].append(term)
        else:
            groups.append([term])
    forms = [printer._print(sympy.Add(*group, evaluate=False) if len(group) > 1 else group[0]) for group in groups]
    if max(form.width() for form in forms) > width - 2:
        return []
    lines = []
    for k, form in enumerate(forms):
        signed = str(form).splitlines()[form.baseline].lstrip().startswith("-")
        lines.append(str(form if k == 0 or signed else prettyForm(*form.left("+ "))))
    return lines
