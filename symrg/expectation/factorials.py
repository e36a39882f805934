"""Factorials, binomial coefficients and beta functions in terms of (log-)gamma functions."""

from __future__ import annotations

import sympy


def as_gamma(expression: sympy.Expr) -> sympy.Expr:
    """Factorials, binomials, Pochhammer symbols and beta functions as gamma functions."""
    swapped = expression.replace(sympy.factorial, lambda n: sympy.gamma(n + 1))
    swapped = swapped.replace(
        sympy.binomial, lambda n, k: sympy.gamma(n + 1) / (sympy.gamma(k + 1) * sympy.gamma(n - k + 1))
    )
    swapped = swapped.replace(sympy.RisingFactorial, lambda a, k: sympy.gamma(a + k) / sympy.gamma(a))
    return swapped.replace(sympy.beta, lambda a, b: sympy.gamma(a) * sympy.gamma(b) / sympy.gamma(a + b))


def rewrite_factorials(expression: sympy.Expr) -> sympy.Expr:
    """The same, and logarithms of gamma functions split off as loggamma."""
    swapped = as_gamma(expression)
    if not swapped.has(sympy.gamma):
        return swapped

    def open_log(argument: sympy.Expr) -> sympy.Expr:
        expanded = sympy.expand_log(sympy.log(argument), force=True)
        return expanded.replace(
            lambda e: isinstance(e, sympy.log) and isinstance(e.args[0], sympy.gamma),
            lambda e: sympy.loggamma(e.args[0].args[0]),
        )

    return swapped.replace(lambda e: isinstance(e, sympy.log) and e.has(sympy.gamma), lambda e: open_log(e.args[0]))


def log_gamma_argument(node: sympy.Expr) -> sympy.Expr | None:
    """z where a node is ln Gamma(z), which SymPy writes in two ways."""
    if isinstance(node, sympy.loggamma):
        return node.args[0]
    if isinstance(node, sympy.log) and isinstance(node.args[0], sympy.gamma):
        return node.args[0].args[0]
    return None
