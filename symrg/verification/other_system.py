"""Another computer algebra system as a witness: Maxima, where it is installed.

It is independent of SymPy's mistakes. Expressions are written by our own printer, with names of our own for every
symbol, and run without a shell. Maxima is told to take symbols as complex and to force no roots or logarithms.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass

import sympy as sp
from sympy.core.function import AppliedUndef

from symrg.budget import Budget, Declined
from symrg.function_names import ELEMENTARY, ERROR_FUNCTIONS
from symrg.verification.reading import Reading
from symrg.verification.witness import Evidence, Outcome, undecided

_SETTINGS = (
    "display2d:false$ domain:complex$ radexpand:false$ logexpand:false$ triginverses:false$ prederror:false$ "
    "ratprint:false$ gamma_expand:false$ factorial_expand:false$"
)
_ROUTES = (
    ("ratsimp", "ratsimp(r)"),
    ("trigsimp", "trigsimp(ratsimp(r))"),
    ("trigexpand", "ratsimp(trigsimp(trigexpand(r)))"),
    ("exponentialize", "ratsimp(exponentialize(r))"),
    ("minfactorial", "ratsimp(minfactorial(makefact(r)))"),
)
_PLAIN = ("ratsimp", "minfactorial")  # trigonometric routes take asin(sin v) for v
_INVERSE = (sp.asin, sp.acos, sp.atan, sp.asinh, sp.acosh, sp.atanh, sp.log)
_MARK = "symrg-reduced-by"


@dataclass(frozen=True)
class MaximaWitness:
    """Maxima's rewriting of the residual.

    Args:
        seconds: at most, for one claim.
    """

    seconds: float = 6.0
    name: str = "Maxima"
    kind: str = "another system"

    def examine(self, reading: Reading, budget: Budget) -> Evidence:
        """Ask Maxima whether the residual reduces to 0; see the module."""
        program = shutil.which("maxima")
        if program is None:
            return undecided(self, "not available: Maxima isn't installed")
        if reading.relation != "==" or reading.claim.order is not None:
            return undecided(self, "only equations are examined")
        if reading.noncommuting:
            return undecided(self, "Maxima isn't asked about symbols that don't commute")
        try:
            script = script_for(reading)
        except Declined as reason:
            return undecided(self, str(reason))
        answer = _run(program, script, min(self.seconds, budget.remaining))
        if answer is None:
            return undecided(self, "Maxima gave no answer in time")
        found = [line.split()[-1] for line in answer.splitlines() if line.startswith(_MARK)]
        if len(found) == len(reading.pairs) and all(f != "none" for f in found):
            checks = tuple(f"residual {k} reduced to 0 by {f}" for k, f in enumerate(found))
            return Evidence(self.name, self.kind, Outcome.HOLDS, checks)
        return undecided(self, "Maxima didn't reduce the residual to 0")


def script_for(reading: Reading) -> str:
    """The Maxima program that reduces every residual of a claim.

    Raises:
        Declined: something can't be written for Maxima.
    """
    names = {s: f"v{k}" for k, s in enumerate(reading.symbols)}
    lines = [_SETTINGS]
    for symbol, name in names.items():
        if symbol.is_integer:
            lines.append(f"declare({name}, integer)$")
        if not symbol.is_extended_real:
            lines.append(f"declare({name}, complex)$")
        if symbol.is_positive:
            lines.append(f"assume({name} > 0)$")
        elif symbol.is_negative:
            lines.append(f"assume({name} < 0)$")
        elif symbol.is_nonnegative:
            lines.append(f"assume({name} >= 0)$")
    for lhs, rhs in reading.pairs:
        lines.append(f"r: ({written(lhs, names)}) - ({written(rhs, names)})$")
        routes = [r for r in _ROUTES if r[0] in _PLAIN] if (lhs - rhs).has(*_INVERSE) else _ROUTES
        choice = f'if r = 0 then "combination" else {"".join(_choice(n, c) for n, c in routes)}"none"'
        lines.append(f'print("{_MARK}", {choice})$')
    return "\n".join([*lines, "quit()$", ""])


def _choice(name: str, call: str) -> str:
    return f'if errcatch({call}) = [0] then "{name}" else '


def _run(program: str, script: str, seconds: float) -> str | None:
    with tempfile.TemporaryDirectory() as folder:
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": folder, "MAXIMA_USERDIR": folder, "LC_ALL": "C"}
        process = subprocess.Popen(
            [program, "--very-quiet"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environment,
            text=True,
            start_new_session=True,
        )
        try:
            return process.communicate(script, timeout=max(seconds, 0.1))[0]
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()


_NAMES = {
    **{n: n for n in ("exp", "log", *ELEMENTARY, *ERROR_FUNCTIONS, "gamma", "beta", "floor", "conjugate")},
    "factorial": "factorial",
    "binomial": "binomial",
    "loggamma": "log_gamma",
    "Abs": "abs",
    "re": "realpart",
    "im": "imagpart",
    "ceiling": "ceiling",
    "besselj": "bessel_j",
    "besseli": "bessel_i",
    "bessely": "bessel_y",
    "besselk": "bessel_k",
    "legendre": "legendre_p",
    "hermite": "hermite",
    "zeta": "zeta",
}
_CONSTANTS = {"Pi": "%pi", "Exp1": "%e", "ImaginaryUnit": "%i", "EulerGamma": "%gamma", "GoldenRatio": "%phi"}


def written(expr: sp.Basic, names: dict[sp.Basic, str]) -> str:
    """The expression in Maxima's language, with the names given.

    Raises:
        Declined: Maxima has no word for something in it, or means another thing by it.
    """
    if expr in names:
        return names[expr]
    if expr.is_Rational:
        return f"({int(expr.p)}/{int(expr.q)})" if expr.q != 1 else f"({int(expr.p)})"
    kind = type(expr).__name__
    if isinstance(expr, AppliedUndef) or not type(expr).__module__.startswith("sympy."):
        raise Declined(f"Maxima isn't asked about {str(expr)[:60]}")
    if kind in _CONSTANTS:
        return _CONSTANTS[kind]
    if isinstance(expr, sp.Add | sp.Mul):
        sign = " + " if isinstance(expr, sp.Add) else " * "
        return "(" + sign.join(written(a, names) for a in expr.args) + ")"
    if isinstance(expr, sp.Pow):
        return f"({written(expr.base, names)})^({written(expr.exp, names)})"
    if isinstance(expr, sp.polygamma) and expr.args[0].is_Integer and expr.args[0] >= 0:
        return f"psi[{int(expr.args[0])}]({written(expr.args[1], names)})"
    if isinstance(expr, sp.Derivative):
        steps = "".join(f", {written(s, names)}, {int(n)}" for s, n in expr.variable_count if n.is_Integer)
        return f"diff({written(expr.expr, names)}{steps})"
    if kind in _NAMES and not (kind == "zeta" and len(expr.args) > 1):
        return f"{_NAMES[kind]}({', '.join(written(a, names) for a in expr.args)})"
    raise Declined(f"Maxima isn't asked about {kind}")
