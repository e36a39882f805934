"""Functions that stay accurate where the expression they stand for cancels or overflows.

SymPy has no name for most of them, so each is a `Function` that carries its plain meaning (`plain`), evaluates nothing
by itself and is put in by `rewrite`. At a removable singularity the function has the value of the limit.
"""

from __future__ import annotations

from typing import Any

import sympy as sp


class Stable(sp.Function):
    """Base: never evaluates; `plain(*arguments)` is what it stands for in ordinary SymPy functions."""

    @classmethod
    def eval(cls, *arguments: Any) -> None:
        """Keep the node as it is."""
        return None

    @staticmethod
    def plain(*arguments: Any) -> sp.Expr:
        """The ordinary expression with the same value."""
        raise TypeError("a stable function says what it stands for")

    def _eval_evalf(self, precision: int) -> Any:
        return self.plain(*self.args)._eval_evalf(precision)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Derivative of the plain form."""
        slots = [sp.Dummy() for _ in self.args]
        return sp.diff(self.plain(*slots), slots[argindex - 1]).subs(list(zip(slots, self.args)))

    def _eval_is_extended_real(self) -> bool | None:
        return True if all(a.is_extended_real for a in self.args) else None


class Expm1(Stable):
    """e^u - 1."""

    @staticmethod
    def plain(u: Any) -> sp.Expr:
        """e^u - 1."""
        return sp.exp(u) - 1


class Log1p(Stable):
    """ln(1 + u)."""

    @staticmethod
    def plain(u: Any) -> sp.Expr:
        """ln(1 + u)."""
        return sp.log(1 + u)


class Cosm1(Stable):
    """cos u - 1."""

    @staticmethod
    def plain(u: Any) -> sp.Expr:
        """Cos u - 1."""
        return sp.cos(u) - 1


class Coshm1(Stable):
    """cosh u - 1."""

    @staticmethod
    def plain(u: Any) -> sp.Expr:
        """Cosh u - 1."""
        return sp.cosh(u) - 1


class Sqrt1pm1(Stable):
    """sqrt(1 + u) - 1."""

    @staticmethod
    def plain(u: Any) -> sp.Expr:
        """Sqrt(1 + u) - 1."""
        return sp.sqrt(1 + u) - 1


class Bernoulli(Stable):
    """The Bernoulli function u / (e^u - 1), 1 at 0."""

    @staticmethod
    def plain(u: Any) -> sp.Expr:
        """u / (e^u - 1)."""
        return u / (sp.exp(u) - 1)


class Exprel(Stable):
    """(e^u - 1) / u, 1 at 0."""

    @staticmethod
    def plain(u: Any) -> sp.Expr:
        """(e^u - 1) / u."""
        return (sp.exp(u) - 1) / u


class Sinhc(Stable):
    """sinh u / u, 1 at 0."""

    @staticmethod
    def plain(u: Any) -> sp.Expr:
        """Sinh u / u."""
        return sp.sinh(u) / u


class Sinc(Stable):
    """sin u / u, 1 at 0."""

    @staticmethod
    def plain(u: Any) -> sp.Expr:
        """Sin u / u."""
        return sp.sin(u) / u


class Tanhc(Stable):
    """tanh u / u, 1 at 0."""

    @staticmethod
    def plain(u: Any) -> sp.Expr:
        """Tanh u / u."""
        return sp.tanh(u) / u


class Langevin(Stable):
    """coth u - 1/u, 0 at 0."""

    @staticmethod
    def plain(u: Any) -> sp.Expr:
        """Coth u - 1/u."""
        return sp.coth(u) - 1 / u


class Logistic(Stable):
    """1 / (1 + e^-u)."""

    @staticmethod
    def plain(u: Any) -> sp.Expr:
        """1 / (1 + e^-u)."""
        return 1 / (1 + sp.exp(-u))


class Softplus(Stable):
    """ln(1 + e^u)."""

    @staticmethod
    def plain(u: Any) -> sp.Expr:
        """ln(1 + e^u)."""
        return sp.log(1 + sp.exp(u))


class LogAddExp(Stable):
    """ln(e^u + e^v)."""

    @staticmethod
    def plain(u: Any, v: Any) -> sp.Expr:
        """ln(e^u + e^v)."""
        return sp.log(sp.exp(u) + sp.exp(v))


class LogCosh(Stable):
    """ln cosh u."""

    @staticmethod
    def plain(u: Any) -> sp.Expr:
        """Ln cosh u."""
        return sp.log(sp.cosh(u))


class Log1mSquare(Stable):
    """ln(1 - u^2)."""

    @staticmethod
    def plain(u: Any) -> sp.Expr:
        """Ln(1 - u^2)."""
        return sp.log(1 - u**2)


class LogGamma(Stable):
    """ln Gamma(u) for real u; nan where Gamma(u) < 0."""

    @staticmethod
    def plain(u: Any) -> sp.Expr:
        """Ln Gamma(u)."""
        return sp.log(sp.gamma(u))


class SinPi(Stable):
    """sin(pi u), exact at the integers."""

    @staticmethod
    def plain(u: Any) -> sp.Expr:
        """sin(pi u)."""
        return sp.sin(sp.pi * u)


class CosPi(Stable):
    """cos(pi u), exact at the half-integers."""

    @staticmethod
    def plain(u: Any) -> sp.Expr:
        """cos(pi u)."""
        return sp.cos(sp.pi * u)


class Erfcx(Stable):
    """e^(u^2) erfc(u)."""

    @staticmethod
    def plain(u: Any) -> sp.Expr:
        """e^(u^2) erfc(u)."""
        return sp.exp(u**2) * sp.erfc(u)


class ExpErfc(Stable):
    """e^w erfc(u), where e^w may overflow and erfc(u) underflow."""

    @staticmethod
    def plain(w: Any, u: Any) -> sp.Expr:
        """e^w erfc(u)."""
        return sp.exp(w) * sp.erfc(u)


class ScaledBesselI(Stable):
    """e^-|u| I_nu(u)."""

    @staticmethod
    def plain(nu: Any, u: Any) -> sp.Expr:
        """e^-|u| I_nu(u)."""
        return sp.exp(-sp.Abs(u)) * sp.besseli(nu, u)


class ScaledBesselK(Stable):
    """e^u K_nu(u)."""

    @staticmethod
    def plain(nu: Any, u: Any) -> sp.Expr:
        """e^u K_nu(u)."""
        return sp.exp(u) * sp.besselk(nu, u)


def plain(expression: sp.Basic) -> sp.Basic:
    """The expression with every stable function replaced by what it stands for."""
    return expression.replace(lambda e: isinstance(e, Stable), lambda e: e.plain(*e.args))
