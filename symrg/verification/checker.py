"""Checks a certificate again: a small program that knows JSON and Arb, and nothing of what made the certificate.

A certificate lists claims as trees of lists, such as ["add", ["sym", "x"], ["rat", "1", "2"]], with the points at
which they were examined. By rules of its own (`checked_values`, `checked_derivatives`, `checked_series`,
`checked_identity`, which know nothing of the rest either) the checker

- evaluates both sides at every recorded point in ball arithmetic: an equation that holds must leave a ball that
  contains 0 and is as narrow as was certified, a refuted one a ball that excludes 0;
- does the same at points that it draws itself inside the assumptions and conditions, which nobody could choose;
- tries to prove an equation as an identity of rational functions, roots and exponentials, modulo a large prime;
- expands asymptotic claims in power series, whose coefficients below the stated order must vanish;
- sees that the points obey what is stated, that a verdict has the checks that it needs, and that nothing was changed.

What it can't check again it says, claim by claim; that counts as neither agreement nor disagreement. Nothing in a
certificate is ever run.

Run as `python -m symrg.verification.checker certificate.json`; exit status 0 when all agree, 1 when not, 2 when the
file isn't a certificate.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from typing import Any

from flint import acb, arb, ctx, fmpq

from symrg.verification.checked_identity import POINTS, NoIdentity, identical
from symrg.verification.checked_series import MOST_TERMS, Laurent, NoSeries, expansion
from symrg.verification.checked_values import Progress, Unchecked, Values

FORMAT = "symrg-certificate/2"
_MOST_BITS, _MOST_DIGITS, _MOST_DEPTH, _MOST_NODES = 40_000, 4_000, 200, 40_000
_MOST_BYTES, _MOST_CLAIMS, _MOST_POINTS = 200_000_000, 40_000, 2_000
_OWN, _OWN_BITS, _OWN_TRIES = 6, 300, 300
_VERDICTS = ("holds", "holds with correction", "fails", "definition", "schematic", "undecided")
_RELATIONS = ("==", "<", "<=", ">", ">=", ":=", "~")
_LOOSEST = -25  # power of ten: the widest ball, relative to the sides, that counts as agreement

Outcome = tuple[bool | None, str]


class Malformed(ValueError):
    """The file isn't a certificate; the message says why."""


def check_text(text: str) -> list[tuple[str, bool | None, str]]:
    """(claim, outcome, what was checked and what was not) of every claim: True agrees, False doesn't, None can't tell.

    Raises:
        Malformed: the text isn't a certificate.
    """
    if len(text) > _MOST_BYTES:
        raise Malformed(f"{len(text)} characters; at most {_MOST_BYTES} are read")
    try:
        data = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {str(error)[:200]}") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise Malformed(f"not a certificate of format {FORMAT}")
    claims = data.get("claims")
    if not isinstance(claims, list) or len(claims) > _MOST_CLAIMS:
        raise Malformed(f"it has no list of claims, at most {_MOST_CLAIMS}")
    found = [_check_claim(claim, claims) for claim in claims]
    if data.get("digest") != digest(claims):
        found.append(
            ("certificate", False, "its digest is not that of its claims: it was changed after it was written")
        )
    return found


def digest(claims: list[Any]) -> str:
    """A fingerprint of the claims: shows a change, and is no signature."""
    return hashlib.sha256(json.dumps(claims, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def _check_claim(claim: Any, claims: list[Any]) -> tuple[str, bool | None, str]:
    name = str(claim.get("name", "?"))[:200] if isinstance(claim, dict) else "?"
    try:
        _shape(claim)
        return name, *_outcome(claim, claims)
    except Unchecked as reason:
        return name, None, str(reason)
    except Malformed:
        raise
    except (KeyError, TypeError, ValueError, IndexError, ArithmeticError, RecursionError, AttributeError) as error:
        raise Malformed(f"claim {name}: {type(error).__name__}: {str(error)[:200]}") from None


def _shape(claim: Any) -> None:
    if not isinstance(claim, dict):
        raise Malformed("a claim is an object")
    for key in ("relation", "symbols", "cases", "verdict", "evidence"):
        if key not in claim:
            raise Malformed(f"a claim lacks {key!r}")
    if claim["verdict"] not in _VERDICTS or claim["relation"] not in _RELATIONS:
        raise Malformed(f"verdict {claim['verdict']!r} or relation {claim['relation']!r} is unknown")
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

    for case in claim["cases"]:
        for pair in case["pairs"]:
            walk(pair[0], 0)
            walk(pair[1], 0)
        for condition in case["conditions"]:
            walk(condition, 0)
        if len(case["points"]) > _MOST_POINTS:
            raise Malformed("too many points")
    if claim.get("order") is not None:
        walk(claim["order"]["point"], 0)


def _outcome(claim: dict[str, Any], claims: list[Any]) -> Outcome:
    verdict = claim["verdict"]
    unread = _recorded_only(claim)
    if verdict == "definition":
        parts = [c for c in claims if c.get("part_of") == claim.get("number") is not None]
        if any(c.get("verdict") in ("fails", "holds with correction") for c in parts):
            return False, "a consequence of the definition fails"
        return None, f"a definition; its {len(parts)} consequences are claims of their own"
    if verdict in ("schematic", "undecided"):
        return None, f"nothing to check: the verdict was {verdict!r}"
    if not claim["cases"]:
        return None, f"not checked again: {claim.get('note', 'no expressions are recorded')}{unread}"
    if claim.get("order") is not None:
        ok, text = _asymptotic(claim)
    elif verdict == "holds":
        ok, text = _holding(claim)
    else:
        ok, text = _refuted(claim)
    if ok is not False and verdict == "holds with correction":
        wrong = _correction(claim, claims)
        if wrong:
            return False, wrong
    return ok, text + (unread if ok is not False else "")


def _recorded_only(claim: dict[str, Any]) -> str:
    """What the certificate reports of witnesses that aren't asked again."""
    others = [e["witness"] for e in claim["evidence"] if e["outcome"] != "undecided" and e["kind"] != "ball"]
    return f"; recorded only, not checked again: {', '.join(map(str, others))}" if others else ""


def _correction(claim: dict[str, Any], claims: list[Any]) -> str:
    """Why the correction that belongs to a claim is none; empty where it is one."""
    found = [c for c in claims if isinstance(c, dict) and c.get("corrects") == claim.get("number") is not None]
    if len(found) != 1:
        return "the correction that it speaks of is missing"
    if found[0].get("verdict") != "holds":
        return "its correction is not recorded as holding"
    same = [a[0] == b[0] for x, y in zip(claim["cases"], found[0]["cases"]) for a, b in zip(x["pairs"], y["pairs"])]
    return "" if all(same) else "its correction has another left side"


# ---------------------------------------------------------------------- points


def _holding(claim: dict[str, Any]) -> Outcome:
    """Recorded points, points of our own, and an algebraic proof where there is one."""
    checked = own = 0
    progress = Progress()
    proofs: list[bool] = []
    troubles: list[str] = []
    for case in claim["cases"]:
        for point in case["points"]:
            ok, why = _recorded(claim, case, point, progress)
            if ok is False:
                return False, f"at {_shown(claim, point)}: {why}"
            if ok is None:
                troubles.append(why)
            checked += ok is True
        for point, values in _drawn(claim, case):
            state = _own_point(claim, case, values, progress)
            if state is False:
                return False, f"at {_shown(claim, point)}, a point of the checker's own, it doesn't hold"
            own += state is True
        proofs.append(claim["relation"] == "==" and all(_proved(a, b) for a, b in case["pairs"]))
    if not checked and not own and not all(proofs):
        return (
            None,
            f"not checked again: {troubles[0] if troubles else 'no points are recorded, and none could be drawn'}",
        )
    text = f"{checked} recorded points and {own} of the checker's own agree"
    if all(proofs):
        text += f", and up to branches it is an algebraic identity, by {POINTS} points modulo 2^127 - 1"
    elif claim["relation"] == "==":
        text += "; not proved"
    return True, text + _notes(progress.loose, troubles)


def _refuted(claim: dict[str, Any]) -> Outcome:
    """A recorded counter-example that is one."""
    progress = Progress()
    why = ""
    for case in claim["cases"]:
        for point in case["points"]:
            ok, why = _recorded(claim, case, point, progress)
            if ok:
                return True, f"the counter-example {_shown(claim, point)} refutes it{_notes(progress.loose, [])}"
            if ok is False:
                return False, f"at {_shown(claim, point)}: {why}"
    return None, f"no counter-example could be checked again{': ' + why if why else ''}"


def _notes(loose: set[str], troubles: list[str]) -> str:
    parts = [f"not rigorous: {text}" for text in sorted(loose)]
    if troubles:
        parts.append(f"{len(troubles)} points could not be checked: {troubles[0]}")
    return "".join(f"; {p}" for p in parts)


def _recorded(claim: dict[str, Any], case: dict[str, Any], point: dict[str, Any], progress: Progress) -> Outcome:
    bits = point["bits"]
    if not isinstance(bits, int) or isinstance(bits, bool) or not 32 <= bits <= _MOST_BITS:
        raise Malformed(f"precision of {bits!r} bits")
    before, ctx.prec = ctx.prec, bits
    try:
        evaluate = Values(_values(point), progress)
        _allowed(claim, case, point, evaluate)
        left, right = case["pairs"][int(point["element"])]
        try:
            first, second = evaluate(left), evaluate(right)
        except Unchecked as reason:
            return None, str(reason)
        limit = arb(point["radius"]) if claim["verdict"] == "holds" else None
        return _compare(first, second, claim, limit, bool(progress.loose))
    finally:
        ctx.prec = before


def _compare(first: acb, second: acb, claim: dict[str, Any], limit: arb | None, floating: bool) -> Outcome:
    ball, relation, refuting = first - second, claim["relation"], claim["verdict"] != "holds"
    if not ball.is_finite():
        return (False if refuting else None), "the difference has no finite value"
    radius = ball.real.rad() + ball.imag.rad()
    scale = abs(first) + abs(second)
    if relation == "==" and floating:
        return _loosely(ball, scale, refuting)
    if relation == "==":
        zero = ball.contains(0)
        if refuting:
            return not zero, "the difference isn't shown to differ from 0"
        if not zero:
            return False, f"left minus right is {ball.str(10)}"
        if not radius <= (1 + scale) * arb(10) ** _LOOSEST:
            return False, f"the radius {radius.str(5)} shows nothing"
        allowed = limit * 1000 + arb(10) ** -50 * (1 + scale) if limit is not None else arb(10) ** _LOOSEST
        return bool(radius <= allowed), f"the radius {radius.str(5)} is larger than certified"
    margin = ball.real * (-1 if relation in (">", ">=") else 1)
    if refuting:
        complex_ = not first.imag.contains(0) or not second.imag.contains(0)
        strict = relation in ("<", ">") and (ball.is_zero() or (not margin < 0 and radius < arb(10) ** _LOOSEST))
        return bool(margin > 0) or complex_ or strict, "the relation isn't refuted"
    if margin > 0:
        return False, f"left minus right is {ball.str(10)}"
    if margin < 0 or (relation in ("<=", ">=") and radius < arb(10) ** _LOOSEST):
        return True, ""
    return None, f"left minus right is {ball.str(10)}, which doesn't tell"


def _loosely(ball: acb, scale: arb, refuting: bool) -> Outcome:
    """Where a quadrature that isn't rigorous had a part: agreement to 1e-12, disagreement beyond 1e-9, of the sides."""
    unit = scale if scale > arb(10) ** -6 else arb(1)
    if ball.abs_lower() > unit * arb(10) ** -9:
        return (True, "") if refuting else (False, f"left minus right is {ball.str(10)}")
    if ball.abs_upper() < unit * arb(10) ** -12:
        return (False, "the difference isn't shown to differ from 0") if refuting else (True, "")
    return None, f"left minus right is {ball.str(10)}, which a quadrature doesn't tell from 0"


def _values(point: dict[str, Any]) -> dict[str, acb]:
    constant = Values({})
    return {name: constant(tree) for name, tree in point["values"].items()}


def _allowed(claim: dict[str, Any], case: dict[str, Any], point: dict[str, Any], evaluate: Values) -> None:
    for name, flags in claim["symbols"].items():
        value = evaluate.names.get(name)
        if value is None:
            raise Malformed(f"the point gives no value to {name}")
        for flag in flags:
            if not _flagged(value, flag):
                raise Malformed(f"at {_shown(claim, point)}, {name} isn't {flag}")
    for condition in case["conditions"]:
        if evaluate.truth(condition) is False:
            raise Malformed(f"the point {_shown(claim, point)} violates a condition")


def _flagged(value: acb, flag: str) -> bool:
    real = value.imag.is_zero()
    tests = {
        "real": real,
        "positive": value.real > 0 and real,
        "negative": value.real < 0 and real,
        "nonnegative": not (value.real < 0) and real,
        "nonpositive": not (value.real > 0) and real,
        "nonzero": not value.is_zero(),
        "integer": value.is_exact() and value.unique_fmpz() is not None,
    }
    return bool(tests.get(flag, True))


def _shown(claim: dict[str, Any], point: dict[str, Any]) -> str:
    names = claim.get("names", {})
    return ", ".join(f"{names.get(k, k)} = {_brief(v)}" for k, v in point["values"].items()) or "no symbols"


def _brief(tree: Any) -> str:
    if isinstance(tree, list) and tree[:1] == ["rat"] and len(tree) == 3 and all(len(str(t)) < 12 for t in tree):
        return tree[1] if tree[2] == "1" else f"{tree[1]}/{tree[2]}"
    if isinstance(tree, list) and tree[:1] == ["rat"] and len(tree) == 3:
        return arb(fmpq(int(tree[1]), int(tree[2]))).str(8, radius=False) + ".."
    return json.dumps(tree)[:60]


def _drawn(claim: dict[str, Any], case: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, acb]]]:
    """Points inside assumptions and conditions, drawn from the statement itself."""
    seed = hashlib.sha256(json.dumps([claim["symbols"], case["pairs"], case["conditions"]]).encode()).digest()
    draw = random.Random(seed)
    found: list[tuple[dict[str, Any], dict[str, acb]]] = []
    heavy = '"integral"' in json.dumps(case["pairs"]) or '"sum"' in json.dumps(case["pairs"])
    wanted = 1 if heavy else _OWN
    if not claim["symbols"]:
        return [({"values": {}}, {})]
    before, ctx.prec = ctx.prec, _OWN_BITS
    try:
        for _ in range(_OWN_TRIES):
            trees = {name: _draw(flags, draw) for name, flags in claim["symbols"].items()}
            values = _values({"values": trees})
            if not all(_flagged(values[n], f) for n, flags in claim["symbols"].items() for f in flags):
                continue
            evaluate = Values(values)
            try:
                if not all(evaluate.truth(c) is True for c in case["conditions"]):
                    continue
            except Unchecked:
                return found
            found.append(({"values": trees}, values))
            if len(found) == wanted:
                break
    finally:
        ctx.prec = before
    return found


def _draw(flags: list[str], draw: random.Random) -> list[Any]:
    if "integer" in flags:
        size = draw.randrange(0 if "positive" not in flags else 1, 7)
        return [
            "rat",
            str(-size if "negative" in flags or ("nonnegative" not in flags and draw.random() < 0.4) else size),
            "1",
        ]
    sign = -1 if {"negative", "nonpositive"} & {*flags} else 1
    if not {"positive", "negative", "nonnegative", "nonpositive"} & {*flags}:
        sign = draw.choice((-1, 1))
    number = ["rat", str(sign * draw.randrange(20, 400)), "131"]
    if "real" in flags:
        return number
    return ["add", number, ["mul", ["rat", str(draw.randrange(-300, 300)), "127"], ["i"]]]


def _own_point(claim: dict[str, Any], case: dict[str, Any], values: dict[str, acb], progress: Progress) -> bool | None:
    """Whether every pair agrees at a point of our own; None where that can't be told."""
    before, ctx.prec = ctx.prec, _OWN_BITS
    telling = False
    try:
        for left, right in case["pairs"]:
            evaluate = Values(values, progress)
            try:
                first, second = evaluate(left), evaluate(right)
            except Unchecked:
                continue
            ball = first - second
            if not ball.is_finite():
                continue
            if claim["relation"] == "==" and progress.loose:
                agreed, _ = _loosely(ball, abs(first) + abs(second), False)
                if agreed is False:
                    return False
                telling |= agreed is True
            elif claim["relation"] == "==":
                if not ball.contains(0):
                    return False
                telling |= bool(ball.real.rad() + ball.imag.rad() < arb(10) ** -10 * (1 + abs(first)))
            else:
                margin = ball.real * (-1 if claim["relation"] in (">", ">=") else 1)
                if margin > 0:
                    return False
                telling |= bool(margin < 0)
        return telling or None
    finally:
        ctx.prec = before


def _proved(left: list[Any], right: list[Any]) -> bool:
    try:
        return identical(left, right)
    except (NoIdentity, RecursionError):
        return False


# ---------------------------------------------------------------------- asymptotic claims


def _asymptotic(claim: dict[str, Any]) -> Outcome:
    """Coefficients below the stated order vanish, or one doesn't."""
    order = claim["order"]
    n = fmpq(int(order["power"][1]), int(order["power"][2]))
    holds = claim["verdict"] == "holds"
    below = -int((-n).floor())  # powers h^k with k < n
    if not -MOST_TERMS < below < MOST_TERMS // 2:
        return None, "not checked again: an order out of reach"
    agreed, why = 0, "no points are recorded"
    for case in claim["cases"]:
        for point in case["points"]:
            before, ctx.prec = ctx.prec, 400
            try:
                evaluate = Values(_values(point))
                orders = [_order(pair, order, evaluate, below) for pair in case["pairs"]]
            except (NoSeries, Unchecked) as reason:
                why = str(reason)
                continue
            finally:
                ctx.prec = before
            low = [k for k in orders if k is not None]
            if holds and low:
                return False, f"at {_shown(claim, point)} the difference has order {min(low)}, not {n}"
            if not holds and low:
                return (
                    True,
                    f"at {_shown(claim, point)} the difference has order {min(low)}, not {n}: power series of balls",
                )
            agreed += 1
    if holds and agreed:
        text = f"at {agreed} points every coefficient of the power series below order {n} is a ball of 0"
        return True, f"{text}; not proved for other values"
    if not holds and agreed:
        return False, f"the coefficients below order {n} vanish at {agreed} points: it is not refuted"
    return None, f"not checked again: {why}"


def _order(pair: list[Any], order: dict[str, Any], evaluate: Values, below: int) -> int | None:
    """The lowest power below `below` with a coefficient that isn't 0; None where there is none.

    Raises:
        NoSeries: no series, or too few terms known.
    """
    terms = MOST_TERMS
    variable, point = order["variable"], order["point"]
    h = acb_line(1, terms)
    if point[0] in ("oo", "-oo"):
        sign = acb(1 if point[0] == "oo" else -1)
        start = Laurent(-1, acb_line(0, terms, sign), terms)
    else:
        start = Laurent.constant(evaluate(point), terms) + Laurent(0, h, terms)
    values = evaluate.names
    sides = [expansion(tree, variable, start, values, evaluate) for tree in pair]
    minus = Laurent.constant(acb(-1), terms)
    found = sides[0] + sides[1] * minus
    if found.valuation + found.terms < below:
        raise NoSeries("too few terms are known")
    for k, value in enumerate(found.coefficients(), found.valuation):
        if k >= below:
            return None
        if not value.contains(0):
            return k
        if not value.real.rad() + value.imag.rad() < arb(10) ** -30:
            raise NoSeries("a coefficient is only known roughly")
    return None


def acb_line(power: int, terms: int, value: acb | None = None) -> Any:
    """value h^power as a series."""
    from flint import acb_series

    return acb_series([acb(0)] * power + [value if value is not None else acb(1)], terms)


def main(arguments: list[str]) -> int:
    """Check a certificate file and print one line for each claim."""
    if len(arguments) != 1:
        print("usage: python -m symrg.verification.checker certificate.json", file=sys.stderr)
        return 2
    try:
        with open(arguments[0], encoding="utf-8") as file:
            found = check_text(file.read())
    except (OSError, UnicodeDecodeError, Malformed) as error:
        print(f"Error: {arguments[0]}: {error}", file=sys.stderr)
        return 2
    for name, outcome, reason in found:
        print(f"{ {True: 'agrees', False: 'DISAGREES', None: 'not checked'}[outcome] }: {name}: {reason}")
    counts = [sum(outcome is kind for _, outcome, _ in found) for kind in (True, False, None)]
    print(f"{counts[0]} agree, {counts[1]} disagree, {counts[2]} not checked again")
    return 1 if counts[1] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
