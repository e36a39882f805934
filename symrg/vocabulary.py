"""What a formula may say besides the names its author declares: constants and functions, with their arities.

A function whose value at a plain number costs work that grows with the number (a factorial, a polynomial of high
degree) carries the largest number it may be given, so that a short text can't ask for a long computation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symrg.function_names import ELEMENTARY, ERROR_FUNCTIONS


@dataclass(frozen=True)
class Entry:
    """One function of the vocabulary.

    Attributes:
        build: the SymPy class or a function that builds the expression.
        least: the smallest number of arguments.
        most: the largest number of arguments, None for any number.
        bound: the largest magnitude of a numeric argument, None where the cost doesn't grow with it.
    """

    build: Callable[..., Any]
    least: int
    most: int | None
    bound: int | None = None


def _log(argument: Any, base: Any = None, **how: Any) -> Any:
    if base is None:
        return sp.log(argument, **how)
    return sp.log(argument, **how) / sp.log(base, **how)


def _exp(argument: Any, **how: Any) -> Any:
    return sp.exp(argument, **how)


def _sqrt(argument: Any, evaluate: bool = True) -> Any:
    return sp.Pow(argument, sp.Rational(1, 2), evaluate=evaluate)


def _cbrt(argument: Any, evaluate: bool = True) -> Any:
    return sp.Pow(argument, sp.Rational(1, 3), evaluate=evaluate)


def _root(argument: Any, degree: Any, evaluate: bool = True) -> Any:
    return sp.Pow(argument, sp.Pow(degree, -1), evaluate=evaluate)


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    def build(*arguments: Any, evaluate: bool = True) -> Any:
        return function(*arguments)

    return build


def _matrix_of(method: str) -> Callable[..., Any]:
    def build(matrix: Any, evaluate: bool = True) -> Any:
        if not isinstance(matrix, sp.MatrixBase):
            raise TypeError("needs a matrix")
        if max(matrix.shape) > 6:
            raise TypeError("takes matrices up to 6 x 6")
        return {"det": lambda: matrix.det(method="berkowitz"), "trace": matrix.trace, "transpose": lambda: matrix.T}[
            method
        ]()

    return build


def _sphere(n: Any, m: Any, theta: Any, phi: Any, **how: Any) -> Any:
    return sp.Ynm(n, m, theta, phi)


_ONE = [
    *ELEMENTARY,
    "acot",
    "asec",
    "acsc",
    "acoth",
    "sinc",
    *ERROR_FUNCTIONS,
    "erfinv",
    "erfcinv",
    "Ei",
    "Si",
    "Ci",
    "Shi",
    "Chi",
    "li",
    "fresnels",
    "fresnelc",
    "airyai",
    "airybi",
    "airyaiprime",
    "airybiprime",
    "sign",
    "re",
    "im",
    "conjugate",
    "arg",
    "floor",
    "ceiling",
    "frac",
    "dirichlet_eta",
]

FUNCTIONS: dict[str, Entry] = {name: Entry(getattr(sp, name), 1, 1) for name in _ONE}
FUNCTIONS |= {
    "exp": Entry(_exp, 1, 1),
    "log": Entry(_log, 1, 2),
    "ln": Entry(_log, 1, 1),
    "sqrt": Entry(_sqrt, 1, 1),
    "cbrt": Entry(_cbrt, 1, 1),
    "root": Entry(_root, 2, 2),
    "Abs": Entry(sp.Abs, 1, 1),
    "abs": Entry(sp.Abs, 1, 1),
    "atan2": Entry(sp.atan2, 2, 2),
    "Heaviside": Entry(sp.Heaviside, 1, 2),
    "DiracDelta": Entry(sp.DiracDelta, 1, 2, 20),
    "KroneckerDelta": Entry(_plain(sp.KroneckerDelta), 2, 2),
    "LeviCivita": Entry(_plain(sp.LeviCivita), 1, 6),
    "Min": Entry(sp.Min, 1, None),
    "Max": Entry(sp.Max, 1, None),
    "LambertW": Entry(sp.LambertW, 1, 2),
    "gamma": Entry(sp.gamma, 1, 1, 1000),
    "loggamma": Entry(sp.loggamma, 1, 1, 1000),
    "polygamma": Entry(sp.polygamma, 2, 2, 200),
    "digamma": Entry(_plain(lambda z: sp.polygamma(0, z)), 1, 1, 200),
    "psi": Entry(_plain(lambda z: sp.polygamma(0, z)), 1, 1, 200),
    "trigamma": Entry(_plain(lambda z: sp.polygamma(1, z)), 1, 1, 200),
    "beta": Entry(sp.beta, 2, 2, 1000),
    "uppergamma": Entry(sp.uppergamma, 2, 2, 200),
    "lowergamma": Entry(sp.lowergamma, 2, 2, 200),
    "factorial": Entry(sp.factorial, 1, 1, 1000),
    "factorial2": Entry(sp.factorial2, 1, 1, 1000),
    "binomial": Entry(sp.binomial, 2, 2, 2000),
    "RisingFactorial": Entry(sp.RisingFactorial, 2, 2, 200),
    "rf": Entry(sp.RisingFactorial, 2, 2, 200),
    "FallingFactorial": Entry(sp.FallingFactorial, 2, 2, 200),
    "ff": Entry(sp.FallingFactorial, 2, 2, 200),
    "harmonic": Entry(sp.harmonic, 1, 2, 200),
    "bernoulli": Entry(sp.bernoulli, 1, 1, 200),
    "euler": Entry(sp.euler, 1, 1, 200),
    "fibonacci": Entry(sp.fibonacci, 1, 1, 1000),
    "catalan": Entry(sp.catalan, 1, 1, 1000),
    "zeta": Entry(sp.zeta, 1, 2, 200),
    "polylog": Entry(sp.polylog, 2, 2, 200),
    "lerchphi": Entry(sp.lerchphi, 3, 3, 200),
    "expint": Entry(sp.expint, 2, 2, 200),
    "E1": Entry(_plain(sp.E1), 1, 1),
    "besselj": Entry(sp.besselj, 2, 2, 200),
    "bessely": Entry(sp.bessely, 2, 2, 200),
    "besseli": Entry(sp.besseli, 2, 2, 200),
    "besselk": Entry(sp.besselk, 2, 2, 200),
    "hankel1": Entry(sp.hankel1, 2, 2, 200),
    "hankel2": Entry(sp.hankel2, 2, 2, 200),
    "hyper": Entry(sp.hyper, 3, 3, 200),
    "elliptic_k": Entry(sp.elliptic_k, 1, 1),
    "elliptic_e": Entry(sp.elliptic_e, 1, 2),
    "elliptic_f": Entry(sp.elliptic_f, 2, 2),
    "elliptic_pi": Entry(sp.elliptic_pi, 2, 3),
    "legendre": Entry(sp.legendre, 2, 2, 60),
    "assoc_legendre": Entry(sp.assoc_legendre, 3, 3, 60),
    "hermite": Entry(sp.hermite, 2, 2, 60),
    "laguerre": Entry(sp.laguerre, 2, 2, 60),
    "assoc_laguerre": Entry(sp.assoc_laguerre, 3, 3, 60),
    "chebyshevt": Entry(sp.chebyshevt, 2, 2, 60),
    "chebyshevu": Entry(sp.chebyshevu, 2, 2, 60),
    "gegenbauer": Entry(sp.gegenbauer, 3, 3, 60),
    "jacobi": Entry(sp.jacobi, 4, 4, 60),
    "Ynm": Entry(_sphere, 4, 4, 60),
    "det": Entry(_matrix_of("det"), 1, 1),
    "trace": Entry(_matrix_of("trace"), 1, 1),
    "transpose": Entry(_matrix_of("transpose"), 1, 1),
    "And": Entry(_plain(sp.And), 1, None),
    "Or": Entry(_plain(sp.Or), 1, None),
    "Not": Entry(_plain(sp.Not), 1, 1),
    "Eq": Entry(sp.Eq, 2, 2),
    "Ne": Entry(sp.Ne, 2, 2),
    "Lt": Entry(sp.Lt, 2, 2),
    "Le": Entry(sp.Le, 2, 2),
    "Gt": Entry(sp.Gt, 2, 2),
    "Ge": Entry(sp.Ge, 2, 2),
}
"""Functions that evaluate their arguments; the binding forms (integrals, sums, ...) are in `BINDERS`."""

BINDERS = {
    "Integral": "integral",
    "integrate": "integral",
    "Sum": "sum",
    "summation": "sum",
    "Product": "product",
    "product": "product",
    "Derivative": "derivative",
    "diff": "diff",
    "Limit": "limit",
    "limit": "limit",
    "Piecewise": "piecewise",
    "Matrix": "matrix",
}
"""Forms with a grammar of their own, by kind."""

CONSTANTS: dict[str, Any] = {
    "pi": sp.pi,
    "E": sp.E,
    "I": sp.I,
    "oo": sp.oo,
    "EulerGamma": sp.EulerGamma,
    "Catalan": sp.Catalan,
    "GoldenRatio": sp.GoldenRatio,
    "true": sp.true,
    "True": sp.true,
    "false": sp.false,
    "False": sp.false,
}

# What people write for a name that we spell differently.
HINTS = {
    "e": "E (or exp(..))",
    "i": "I",
    "j": "I",
    "inf": "oo",
    "infinity": "oo",
    "infty": "oo",
    "Infinity": "oo",
    "Pi": "pi",
    "Exp": "exp",
    "Log": "log",
    "Ln": "ln",
    "log10": "log(.., 10)",
    "log2": "log(.., 2)",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
    "tg": "tan",
    "ctg": "cot",
    "Gamma": "gamma",
    "Beta": "beta",
    "lgamma": "loggamma",
    "W": "LambertW",
    "conj": "conjugate",
    "Re": "re",
    "Im": "im",
    "int": "Integral",
    "sum": "Sum",
    "prod": "Product",
    "ceil": "ceiling",
    "max": "Max",
    "min": "Min",
    "theta_function": "Heaviside",
}

_LETTERS = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "zeta",
    "eta",
    "theta",
    "iota",
    "kappa",
    "lambda",
    "mu",
    "nu",
    "xi",
    "omicron",
    "pi",
    "rho",
    "_",
    "sigma",
    "tau",
    "upsilon",
    "phi",
    "chi",
    "psi",
    "omega",
]
GREEK: dict[str, str] = {chr(0x3B1 + k): name for k, name in enumerate(_LETTERS) if name != "_"}
GREEK |= {chr(0x391 + k): name.capitalize() for k, name in enumerate(_LETTERS) if name != "_"}
GREEK |= {"ς": "sigma", "ϕ": "phi", "ϵ": "epsilon", "ϑ": "theta", "ϱ": "rho", "ϖ": "pi", "ϰ": "kappa"}
"""Greek letters by their names: the letter stands for the declared name, `μ` for `mu`."""
