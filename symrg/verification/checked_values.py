"""Values of expression trees in ball arithmetic: for `checker`, which knows nothing of ours."""

from __future__ import annotations

import time
from typing import Any

import mpmath
from flint import acb, arb, fmpq

from symrg.verification.checked_derivatives import NoDerivative, derivative

Tree = list[Any]
_MOST_TERMS = 20_000
_MOST_WORK, _MOST_SECONDS = 2_000_000, 90.0  # nodes evaluated for one claim, and the time for them


class Unchecked(ValueError):
    """There is no rule here for something in a claim."""


class Progress:
    """What the evaluations of one claim have cost so far, and what in them was not rigorous."""

    def __init__(self, work: int = _MOST_WORK, seconds: float = _MOST_SECONDS):
        self.work, self.deadline = work, time.monotonic() + seconds
        self.loose: set[str] = set()

    def spend(self) -> None:
        """Count a node.

        Raises:
            Unchecked: it was too much.
        """
        self.work -= 1
        if self.work < 0 or (self.work % 512 == 0 and time.monotonic() > self.deadline):
            self.work = 0
            raise Unchecked("it takes too much work")


class Values:
    """Evaluates trees at one point.

    Args:
        names: name -> ball.
        progress: shared by the evaluations of one claim.
        analytic: whether the integrator asks for an analytic function, so that a ball at a branch cut has no value.
    """

    def __init__(self, names: dict[str, acb], progress: Progress | None = None, analytic: bool = False):
        self.names, self.analytic = names, analytic
        self.progress = progress if progress is not None else Progress()

    def within(self, name: str, value: acb, analytic: bool | None = None) -> Values:
        """The same with one name bound."""
        return Values({**self.names, name: value}, self.progress, self.analytic if analytic is None else analytic)

    def __call__(self, tree: Tree) -> acb:
        """The value of a tree.

        Raises:
            Unchecked: no rule, or too much work.
        """
        self.progress.spend()
        head, *rest = tree
        if head == "sym":
            return self.names[rest[0]]
        if head == "rat":
            return acb(fmpq(int(rest[0]), int(rest[1])))
        if head in CONSTANTS:
            return CONSTANTS[head]()
        if head == "piecewise":
            return self._piecewise(rest)
        if head == "integral":
            return self._integral(rest)
        if head == "sum":
            return self._sum(rest)
        if head == "derivative":
            try:
                return self(derivative(rest[0], rest[1], int(rest[2])))
            except NoDerivative as reason:
                raise Unchecked(str(reason)) from None
        values = [self(t) for t in rest]
        if head == "add":
            total = acb(0)
            for v in values:
                total += v
            return total
        if head == "mul":
            total = acb(1)
            for v in values:
                total *= v
            return total
        if head == "pow":
            return self._pow(rest, values)
        if head not in FUNCTIONS:
            raise Unchecked(f"no rule for {head!r}")
        if self.analytic and head not in _ENTIRE:
            if head not in _CUT:
                raise Unchecked(f"{head} in an integrand")
            if _near_cut(values[0]):
                return acb("nan", "nan")
        return FUNCTIONS[head](*values)

    def _pow(self, rest: list[Any], values: list[acb]) -> acb:
        base, exponent = values
        if rest[1][0] == "rat":
            p, q = int(rest[1][1]), int(rest[1][2])
            if q == 1 and abs(p) <= 100_000:
                return base**p
            if base.is_zero():
                return acb(0) if p > 0 else acb("nan")
        if self.analytic and _near_cut(base):
            return acb("nan", "nan")
        if rest[1] == ["rat", "1", "2"]:
            return base.sqrt()
        return base.pow(exponent)

    def _piecewise(self, pieces: list[Any]) -> acb:
        if self.analytic:
            raise Unchecked("cases in an integrand")
        for piece in pieces:
            decided = self.truth(piece[2])
            if decided is None:
                raise Unchecked("a case can't be decided at a point")
            if decided:
                return self(piece[1])
        return acb("nan")

    def truth(self, tree: Tree) -> bool | None:
        """Whether a condition holds; None where the balls don't tell."""
        head = tree[0]
        if head in ("and", "or"):
            parts = [self.truth(t) for t in tree[1:]]
            decisive = head == "or"
            return decisive if decisive in parts else None if None in parts else not decisive
        if head == "not":
            inner = self.truth(tree[1])
            return None if inner is None else not inner
        if head in ("true", "false"):
            return head == "true"
        gap = self(tree[1]) - self(tree[2])
        if head in ("==", "!="):
            return (head == "!=") if not gap.contains(0) else (head == "==") if gap.is_zero() else None
        real = gap.real * (-1 if head in ("<", "<=") else 1)
        if real > 0:
            return True
        if real < 0:
            return False
        return head in ("<=", ">=") if gap.is_zero() else None

    def _integral(self, rest: list[Any]) -> acb:
        """Rigorously over a finite range where the integrand's pieces are analytic; else by mpmath's quadrature."""
        body, variable, low, high, *more = rest
        if self.analytic:
            raise Unchecked("integrals in an integrand")
        if low[0] not in _ENDS and high[0] not in _ENDS:
            a, b = self(low), self(high)
            try:
                found = acb.integral(
                    lambda z, analytic: self.within(variable, z, bool(analytic))(body), a, b, eval_limit=20_000
                )
                if found.is_finite() and _radius(found) < arb(10) ** -15 * (1 + abs(found)):
                    return found
            except (Unchecked, ValueError, ZeroDivisionError):
                pass
        return self._quadrature(body, variable, low, high, more)

    def _quadrature(self, body: Tree, variable: str, low: Tree, high: Tree, more: list[Any]) -> acb:
        """mpmath's: another method than the certificate's, with its own error estimate; not rigorous, and noted."""
        self.progress.loose.add("integrals over infinite ranges or with corners, by mpmath's quadrature")
        with mpmath.workdps(25):
            ends: list[Any] = [
                mpmath.inf if t[0] == "oo" else -mpmath.inf if t[0] == "-oo" else _mp(self(t)) for t in (low, high)
            ]
            marks = [mpmath.re(_mp(self(t))) for t in (more[0][1:] if more else ())]
            ends[1:1] = sorted(m for m in marks if ends[0] < m < ends[1])
            if len(ends) == 2 and all(mpmath.isinf(e) for e in ends):
                ends.insert(1, mpmath.mpf(0))

            def value(x: Any) -> Any:
                return _mp(self.within(variable, _ball(x))(body))

            total, error = mpmath.quad(value, ends, error=True)
            with mpmath.workdps(10):
                size = mpmath.quad(lambda x: abs(value(x)), ends, maxdegree=4)
            if error > mpmath.mpf(10) ** -13 * size:
                raise Unchecked("the quadrature did not converge")
            return _widened(total, 10 * error + size * mpmath.mpf(10) ** -18)

    def _sum(self, rest: list[Any]) -> acb:
        body, variable, low, high = rest
        if low[0] in _ENDS:
            raise Unchecked("sums from minus infinity aren't checked here")
        first = self(low).unique_fmpz()
        if first is None:
            raise Unchecked("the lower limit of a sum is no integer")
        if high[0] in _ENDS:
            return self._series(body, variable, int(first))
        last = self(high).unique_fmpz()
        if last is None or last - first > _MOST_TERMS:
            raise Unchecked("the limits of a sum aren't close integers")
        total = acb(0)
        for k in range(int(first), int(last) + 1):
            total += self.within(variable, acb(k))(body)
        return total

    def _series(self, body: Tree, variable: str, first: int) -> acb:
        """Terms until they have fallen geometrically below what counts; the tail is estimated, and that is noted."""
        self.progress.loose.add("infinite sums by their first terms and the ratio of the last ones")
        total, before, falling = acb(0), None, 0
        for k in range(first, first + 3000):
            term = self.within(variable, acb(k))(body)
            if not term.is_finite():
                raise Unchecked("a term of a sum has no finite value")
            total += term
            size = abs(term)
            small = size < arb(10) ** -30 * (1 + abs(total))
            falling = falling + 1 if small and (before is None or not size > before * arb("0.9")) else 0
            if falling >= 12:
                return total + _cloud(arb(10) ** -28 * (1 + abs(total)))
            before = size
        raise Unchecked("an infinite sum that falls too slowly")


def _near_cut(z: acb) -> bool:
    """Whether a ball touches the half line from 0 to -oo, where logarithms and roots jump."""
    return bool(z.imag.contains(0)) and not z.real > 0


def _radius(ball: acb) -> arb:
    return ball.real.rad() + ball.imag.rad()


def _cloud(radius: arb) -> acb:
    edge = arb(0, radius.upper())
    return acb(edge, edge)


def _widened(value: Any, error: Any) -> acb:
    return _ball(value) + _cloud(arb(mpmath.nstr(error, 5)))


def _mp(z: acb) -> Any:
    real, imag = z.real.mid().str(40, radius=False), z.imag.mid().str(40, radius=False)
    return mpmath.mpf(real) if z.imag.is_zero() else mpmath.mpc(real, imag)


def _ball(x: Any) -> acb:
    return acb(arb(mpmath.nstr(mpmath.re(x), 30)), arb(mpmath.nstr(mpmath.im(x), 30)))


def _method(name: str) -> Any:
    return lambda z: getattr(z, name)()


def _real(function: Any) -> Any:
    def value(z: acb) -> acb:
        if not z.imag.is_zero():
            raise Unchecked("a step of a complex number")
        return acb(function(z.real))

    return value


def _step(x: arb) -> arb:
    if x.contains(0) and not x.is_zero():
        raise Unchecked("a step at its edge")
    return arb(1) if x > 0 else arb(0) if x < 0 else arb(1) / 2


def _extreme(values: Any, better: Any) -> acb:
    best = values[0].real
    for z in values[1:]:
        best = better(best, z.real)
    return acb(best)


_ENDS = ("oo", "-oo")
CONSTANTS = {
    "pi": acb.pi,
    "e": lambda: acb(1).exp(),
    "i": lambda: acb(0, 1),
    "euler": lambda: acb(arb.const_euler()),
    "catalan": lambda: acb(arb.const_catalan()),
    "golden": lambda: (1 + acb(5).sqrt()) / 2,
}
_SAME = (
    "exp log sin cos tan cot sec csc sinh cosh tanh coth sech csch asin acos atan asinh acosh atanh erf erfc erfi gamma"
)
_ENTIRE = {*["exp", "sin", "cos", "tan", "cot", "sinh", "cosh", "tanh", "erf", "erfc", "erfi", "gamma", "factorial"]}
_CUT = {"log", "loggamma"}
FUNCTIONS: dict[str, Any] = {name: _method(name) for name in _SAME.split(" ")}
FUNCTIONS |= {
    "loggamma": _method("lgamma"),
    "factorial": lambda z: (z + 1).gamma(),
    "polygamma": lambda n, z: z.digamma() if n.is_zero() else z.polygamma(n),
    "beta": lambda a, b: a.gamma() * b.gamma() / (a + b).gamma(),
    "binomial": lambda n, k: (n + 1).gamma() * (k + 1).rgamma() * (n - k + 1).rgamma(),
    "besselj": lambda n, z: z.bessel_j(n),
    "bessely": lambda n, z: z.bessel_y(n),
    "besseli": lambda n, z: z.bessel_i(n),
    "besselk": lambda n, z: z.bessel_k(n),
    "zeta": lambda s, a=None: s.zeta() if a is None else s.zeta(a),
    "polylog": lambda s, z: z.polylog(s),
    "LambertW": lambda z: z.lambertw(),
    "Abs": lambda z: acb(abs(z)),
    "re": lambda z: acb(z.real),
    "im": lambda z: acb(z.imag),
    "conjugate": lambda z: z.conjugate(),
    "sign": lambda z: z.sgn(),
    "floor": _real(lambda x: x.floor()),
    "ceiling": _real(lambda x: x.ceil()),
    "Heaviside": lambda z, middle=None: _real(_step)(z),
    "Max": lambda *z: _extreme(z, arb.max),
    "Min": lambda *z: _extreme(z, arb.min),
}
