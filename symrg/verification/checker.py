"""Checks a certificate again: a small program that knows JSON and Arb, and nothing of what made the certificate.

A certificate lists claims as trees of lists, such as ["add", ["sym", "x"], ["rat", "1", "2"]], with the points at
which they were examined. The checker evaluates both sides at every point in ball arithmetic, by its own rules, and
compares: an equation that holds must leave a ball that contains 0 and is as narrow as was certified; a refuted one
must leave a ball that excludes 0. It also checks that every point obeys what is stated about the symbols and the
conditions. Integrals over an infinite range are checked by mpmath's quadrature, and say so.

Run as `python -m symrg.verification.checker certificate.json`; exit status 0 when all agree, 1 when not, 2 when the
file isn't a certificate.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import mpmath
from flint import acb, arb, ctx, fmpq

FORMAT = "symrg-certificate/1"
_MOST_BITS, _MOST_DIGITS, _MOST_DEPTH, _MOST_NODES, _MOST_TERMS = 12_000, 4_000, 200, 20_000, 20_000


class Malformed(ValueError):
    """The file isn't a certificate; the message says why."""


class Unchecked(ValueError):
    """There is no rule here for something in a claim."""


def check_text(text: str) -> list[tuple[str, bool | None, str]]:
    """(claim, outcome, reason) of every claim: True agrees, False doesn't, None can't be checked.

    Raises:
        Malformed: the text isn't a certificate.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {error}") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise Malformed(f"not a certificate of format {FORMAT}")
    claims = data.get("claims")
    if not isinstance(claims, list):
        raise Malformed("it has no list of claims")
    return [_check_claim(claim) for claim in claims]


def _check_claim(claim: Any) -> tuple[str, bool | None, str]:
    name = str(claim.get("name", "?")) if isinstance(claim, dict) else "?"
    try:
        _shape(claim)
        return name, *_outcome(claim)
    except Unchecked as reason:
        return name, None, str(reason)
    except Malformed:
        raise
    except (KeyError, TypeError, ValueError, IndexError, OverflowError, ZeroDivisionError, RecursionError) as error:
        raise Malformed(f"claim {name}: {type(error).__name__}: {error}") from None


def _shape(claim: dict[str, Any]) -> None:
    for key in ("pairs", "relation", "symbols", "conditions", "points", "status"):
        if key not in claim:
            raise Malformed(f"a claim lacks {key!r}")
    budget = [_MOST_NODES]

    def walk(node: Any, depth: int) -> None:
        budget[0] -= 1
        if depth > _MOST_DEPTH or budget[0] < 0:
            raise Malformed("an expression is too large")
        if not isinstance(node, list) or not node or not isinstance(node[0], str):
            raise Malformed("an expression is a list that begins with a name")
        for part in node[1:]:
            if isinstance(part, list):
                walk(part, depth + 1)
            elif not isinstance(part, str) or len(part) > _MOST_DIGITS:
                raise Malformed("an expression holds lists and short strings")

    for pair in claim["pairs"]:
        walk(pair[0], 0)
        walk(pair[1], 0)
    for condition in claim["conditions"]:
        walk(condition, 0)


def _outcome(claim: dict[str, Any]) -> tuple[bool | None, str]:
    if claim["status"] not in ("holds", "fails"):
        return None, f"nothing to check: the verdict was {claim['status']!r}"
    if not claim["points"]:
        return None, "no points are recorded"
    checked = 0
    floating = False
    for point in claim["points"]:
        bits = int(point["bits"])
        if not 32 <= bits <= _MOST_BITS:
            raise Malformed(f"precision of {bits} bits")
        before, ctx.prec = ctx.prec, bits
        try:
            values = {name: _value(tree, {}) for name, tree in point["values"].items()}
            _allowed(claim, point, values)
            left, right = claim["pairs"][int(point["element"])]
            first, second = _value(left, values), _value(right, values)
            difference = first - second
            limit = arb(point["radius"]) if claim["status"] == "holds" else None
            ok, why, was_floating = _compare(difference, claim, limit, (left, right), 1 + abs(first))
        finally:
            ctx.prec = before
        floating |= was_floating
        if not ok:
            return False, f"at {_shown(point)}: {why}"
        checked += 1
    how = "in ball arithmetic" if not floating else "with mpmath's quadrature for infinite ranges"
    return True, f"{checked} points agree {how}"


def _compare(ball: acb, claim: dict[str, Any], limit: Any, sides: Any, scale: arb) -> tuple[bool, str, bool]:
    relation, status = claim["relation"], claim["status"]
    floating = any(_has_infinite(s) for s in sides)
    if not ball.is_finite():
        return False, "the difference has no finite value", floating
    if relation == "==":
        zero = ball.contains(0)
        if status == "fails":
            return not zero, "the difference isn't shown to differ from 0", floating
        if not zero:
            return False, f"left minus right is {ball.str(10)}", floating
        allowed = scale * arb(10) ** -12 if floating else limit * 1000 + arb(10) ** -50
        radius = ball.real.rad() + ball.imag.rad()
        return bool(radius <= allowed), f"the radius {radius.str(5)} is larger than certified", floating
    sign = -1 if relation in (">", ">=") else 1
    margin = ball.real * sign
    if status == "fails":
        return bool(margin > 0) or ball.is_zero() or not ball.imag.contains(0), "the relation isn't refuted", floating
    return not (margin > 0), f"left minus right is {ball.str(10)}", floating


def _allowed(claim: dict[str, Any], point: dict[str, Any], values: dict[str, acb]) -> None:
    for name, flags in claim["symbols"].items():
        value = values.get(name)
        if value is None:
            raise Malformed(f"the point gives no value to {name}")
        tests = {
            "real": value.imag.is_zero(),
            "positive": value.real > 0 and value.imag.is_zero(),
            "negative": value.real < 0 and value.imag.is_zero(),
            "nonnegative": not (value.real < 0) and value.imag.is_zero(),
            "nonpositive": not (value.real > 0) and value.imag.is_zero(),
            "integer": value.is_exact() and value.unique_fmpz() is not None,
        }
        for flag in flags:
            if not tests.get(flag, True):
                raise Malformed(f"at {_shown(point)}, {name} isn't {flag}")
    for condition in claim["conditions"]:
        if _true(condition, values) is False:
            raise Malformed(f"the point {_shown(point)} violates a condition")


def _shown(point: dict[str, Any]) -> str:
    return ", ".join(f"{k} = {json.dumps(v)[:60]}" for k, v in point["values"].items()) or "no symbols"


def _true(tree: list[Any], env: dict[str, acb]) -> bool | None:
    head = tree[0]
    if head in ("and", "or"):
        parts = [_true(t, env) for t in tree[1:]]
        decisive = head == "or"
        return decisive if decisive in parts else None if None in parts else not decisive
    if head == "not":
        inner = _true(tree[1], env)
        return None if inner is None else not inner
    if head == "true":
        return True
    if head == "false":
        return False
    a, b = _value(tree[1], env), _value(tree[2], env)
    gap = a - b
    if head in ("==", "!="):
        return (head == "!=") if not gap.contains(0) else (head == "==") if gap.is_zero() else None
    real = gap.real * (-1 if head in ("<", "<=") else 1)
    if real > 0:
        return True
    if real < 0:
        return False
    return head in ("<=", ">=") if gap.is_zero() else None


def _value(tree: list[Any], env: dict[str, acb]) -> acb:
    head, *rest = tree
    if head == "sym":
        return env[rest[0]]
    if head == "rat":
        return acb(fmpq(int(rest[0]), int(rest[1])))
    if head in _CONSTANTS:
        return _CONSTANTS[head]()
    if head == "piecewise":
        return _piecewise(rest, env)
    if head == "integral":
        return _integral(rest, env)
    if head == "sum":
        return _sum(rest, env)
    values = [_value(t, env) for t in rest]
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
        return _pow(rest, values)
    if head not in _FUNCTIONS:
        raise Unchecked(f"no rule for {head!r}")
    return _FUNCTIONS[head](*values)


def _pow(rest: list[Any], values: list[acb]) -> acb:
    base, exponent = values
    if rest[1][0] == "rat":
        p, q = int(rest[1][1]), int(rest[1][2])
        if q == 1 and abs(p) <= 100_000:
            return base**p
        if base.is_zero():
            return acb(0) if p > 0 else acb("nan")
        if (p, q) == (1, 2):
            return base.sqrt()
    return base.pow(exponent)


def _piecewise(pieces: list[Any], env: dict[str, acb]) -> acb:
    for piece in pieces:
        decided = _true(piece[2], env)
        if decided is None:
            raise Unchecked("a case can't be decided at a point")
        if decided:
            return _value(piece[1], env)
    return acb("nan")


def _has_infinite(tree: Any) -> bool:
    if not isinstance(tree, list):
        return False
    if tree[0] == "integral" and any(t[0] in ("oo", "-oo") for t in tree[3:5]):
        return True
    return tree[0] == "integral" or any(_has_infinite(t) for t in tree[1:])


def _integral(rest: list[Any], env: dict[str, acb]) -> acb:
    """By mpmath's quadrature: another method than the certificate's, with its own error estimate."""
    body, variable, low, high, *more = rest
    with mpmath.workdps(25):
        ends: list[Any] = [
            mpmath.inf if t[0] == "oo" else -mpmath.inf if t[0] == "-oo" else _mp(_value(t, env)) for t in (low, high)
        ]
        marks = [mpmath.re(_mp(_value(t, env))) for t in (more[0][1:] if more else ())]
        ends[1:1] = sorted(m for m in marks if ends[0] < m < ends[1])
        if len(ends) == 2 and all(mpmath.isinf(e) for e in ends):
            ends.insert(1, mpmath.mpf(0))

        def value(x: Any) -> Any:
            return _mp(_value(body, {**env, variable: _ball(x)}))

        total, error = mpmath.quad(value, ends, error=True)
        if error > mpmath.mpf(10) ** -15 * max(1, abs(total)):
            raise Unchecked("the quadrature did not converge")
        radius = arb(str(mpmath.nstr(error + abs(total) * mpmath.mpf(10) ** -20, 5)))
        return _ball(total) + acb(arb(0, radius.upper()), arb(0, radius.upper()))


def _mp(z: acb) -> Any:
    real, imag = z.real.mid().str(40, radius=False), z.imag.mid().str(40, radius=False)
    return mpmath.mpf(real) if z.imag.is_zero() else mpmath.mpc(real, imag)


def _ball(x: Any) -> acb:
    return acb(arb(mpmath.nstr(mpmath.re(x), 30)), arb(mpmath.nstr(mpmath.im(x), 30)))


def _sum(rest: list[Any], env: dict[str, acb]) -> acb:
    body, variable, low, high = rest
    if low[0] in ("oo", "-oo") or high[0] in ("oo", "-oo"):
        raise Unchecked("infinite sums aren't checked here")
    first, last = _value(low, env).unique_fmpz(), _value(high, env).unique_fmpz()
    if first is None or last is None or last - first > _MOST_TERMS:
        raise Unchecked("the limits of a sum aren't close integers")
    total = acb(0)
    for k in range(int(first), int(last) + 1):
        total += _value(body, {**env, variable: acb(k)})
    return total


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


_CONSTANTS = {
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
_FUNCTIONS: dict[str, Any] = {name: _method(name) for name in _SAME.split(" ")}
_FUNCTIONS |= {
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


def _extreme(values: Any, better: Any) -> acb:
    best = values[0].real
    for z in values[1:]:
        best = better(best, z.real)
    return acb(best)


def main(arguments: list[str]) -> int:
    """Check a certificate file and print one line for each claim."""
    if len(arguments) != 1:
        print("usage: python -m symrg.verification.checker certificate.json", file=sys.stderr)
        return 2
    try:
        with open(arguments[0], encoding="utf-8") as file:
            found = check_text(file.read())
    except (OSError, UnicodeDecodeError, Malformed) as error:
        print(f"{arguments[0]}: {error}", file=sys.stderr)
        return 2
    for name, outcome, reason in found:
        print(f"{ {True: 'agrees', False: 'DISAGREES', None: 'not checked'}[outcome] }: {name}: {reason}")
    return 1 if any(outcome is False for _, outcome, _ in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
