"""Proofs that an expression is positive or nonnegative, by its form or by calculus in one variable after another."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from symrg.budget import Budget, OutOfTime, within
from symrg.verification.reductions import bounded_expand

_DEPTH = 5  # derivatives taken, or variables minimised over, in one proof


def prove_nonnegative(margin: sp.Expr, budget: Budget) -> list[str] | None:
    """The steps that show margin >= 0, None where none do."""
    return _prove(margin, False, budget)


def prove_positive(margin: sp.Expr, budget: Budget) -> list[str] | None:
    """The steps that show margin > 0, None where none do."""
    return _prove(margin, True, budget)


def _prove(margin: sp.Expr, strict: bool, budget: Budget) -> list[str] | None:
    found = budget.attempt("sign of the form", _by_form, margin, strict, share=0.4)
    if found is not None:
        return found
    for route, prove in _ROUTES:
        steps = budget.attempt(route, prove, margin, strict, share=0.4)
        if steps is not None:
            return steps
    numerator, denominator = sp.fraction(sp.together(margin))
    if denominator != 1 and denominator.is_positive:
        for route, prove in _ROUTES:
            steps = budget.attempt(f"{route} of the numerator", prove, numerator, strict, share=0.5)
            if steps is not None:
                return [f"the denominator {denominator} is positive", *steps]
    return None


def _by_form(margin: sp.Expr, strict: bool) -> list[str] | None:
    """A form of the expression every part of which has a sign by the assumptions."""
    for name, form in _forms(margin):
        if form.is_positive if strict else form.is_nonnegative:
            return [f"{name}: every part of {str(form)[:100]} is {'positive' if strict else 'nonnegative'}"]
    return None


def _forms(margin: sp.Expr) -> Iterator[tuple[str, sp.Expr]]:
    yield "as it is", margin
    yield "factor", sp.factor(margin)
    yield "expand", bounded_expand(margin)
    together = sp.together(margin)
    yield "common denominator", sp.factor(together)
    numerator, denominator = sp.fraction(together)
    yield "numerator and denominator", bounded_expand(numerator) / sp.factor(denominator)
    yield "simplify", sp.simplify(margin)
    yield "hyperbolic squares", margin.replace(_is_square_of_tanh, _by_cosh)
    yield "double angles", _half_angles(margin)


def _is_square_of_tanh(expr: sp.Basic) -> bool:
    return isinstance(expr, sp.Pow) and isinstance(expr.base, sp.tanh) and expr.exp.is_Integer and expr.exp % 2 == 0


def _by_cosh(power: sp.Pow) -> sp.Expr:
    return (1 - 1 / sp.cosh(power.base.args[0]) ** 2) ** (power.exp / 2)


def _half_angles(expr: sp.Expr) -> sp.Expr:
    """1 - cos u as 2 sin(u/2)^2, for every cosine."""
    new = expr.replace(sp.cos, lambda u: 1 - 2 * sp.sin(u / 2) ** 2)
    return sp.factor(new.replace(sp.cosh, lambda u: 1 + 2 * sp.sinh(u / 2) ** 2))


def _squares(margin: sp.Expr, strict: bool) -> list[str] | None:
    """A quadratic polynomial in real symbols, by the pivots of its symmetric matrix."""
    symbols = sorted((s for s in margin.free_symbols if s.is_extended_real), key=str)
    if not symbols or not margin.is_polynomial(*symbols):
        return None
    poly = sp.Poly(margin, *symbols)
    if not 1 <= poly.total_degree() <= 2:
        return None
    n = len(symbols)
    matrix = sp.zeros(n + 1, n + 1)
    for powers, coefficient in poly.terms():
        places = [k for k, p in enumerate(powers) for _ in range(p)]
        places += [n] * (2 - len(places))
        i, j = places
        matrix[i, j] += coefficient / 2
        matrix[j, i] += coefficient / 2
    definite = matrix.is_positive_definite if strict else matrix.is_positive_semidefinite
    kind = "definite" if strict else "semidefinite"
    return [f"a quadratic form with a positive {kind} matrix"] if definite else None


def _calculus(margin: sp.Expr, strict: bool, depth: int = 0) -> list[str] | None:
    """Least over one symbol after another: where a convex function is critical, or at an end of a monotonic one."""
    if depth:
        form = _by_form(margin, strict)
        if form is not None:
            return form
    if depth >= _DEPTH or (not margin.free_symbols and depth):
        return None
    for x in sorted(margin.free_symbols, key=str):
        if not x.is_extended_real or x.is_integer or x.is_nonpositive:
            continue
        for route in (_convex, _monotonic):
            try:
                steps = route(margin, x, strict, depth)
            except (NotImplementedError, ValueError, TypeError):
                continue
            if steps is not None:
                return steps
    return None


def _polynomial(margin: sp.Expr, strict: bool) -> list[str] | None:
    """A rational polynomial in one real symbol: by the number of its real zeros (Sturm)."""
    symbols = list(margin.free_symbols)
    if len(symbols) != 1 or not symbols[0].is_extended_real or not margin.is_polynomial(*symbols):
        return None
    (x,) = symbols
    poly = sp.Poly(margin, x)
    if poly.degree() < 1 or not all(c.is_Rational for c in poly.all_coeffs()):
        return None
    low = 0 if x.is_nonnegative else None
    high = 0 if x.is_nonpositive else None
    if low == 0 and high == 0:
        return None
    odd = sp.Poly(1, x)
    for factor, power in poly.sqf_list()[1]:
        if power % 2 or strict:
            odd = odd * factor
    at = [r for r in (0, low, high) if r is not None]
    zeros = odd.count_roots(low, high)
    ends = sum(1 for e in {low, high} - {None} if odd.eval(e) == 0)
    inside = zeros - (ends if not strict or x.is_positive or x.is_negative else 0)
    sample = poly.eval(1 if low == 0 else -1 if high == 0 else at[0])
    if sample == 0:
        sample = poly.eval(sp.Rational(7, 5) if high is None else -sp.Rational(7, 5))
    if inside == 0 and sample > 0:
        return [f"by Sturm's theorem {margin} has no {'zero' if strict else 'change of sign'} in the domain"]
    return None


def _bounded(margin: sp.Expr, strict: bool) -> list[str] | None:
    """Sines and cosines of real arguments replaced by their least contributions."""
    waves = [f for f in margin.atoms(sp.sin, sp.cos) if f.args[0].is_extended_real]
    marks = {f: sp.Dummy() for f in waves}
    linear = margin.xreplace({sp.Abs(f): sp.Abs(marks[f]) for f in waves}).xreplace(marks)
    absolute = {sp.Abs(d): sp.Dummy(nonnegative=True) for d in marks.values()}
    linear = linear.xreplace(absolute)
    unknown = [*marks.values(), *absolute.values()]
    if not waves or not linear.is_polynomial(*unknown) or sp.Poly(linear, *unknown).total_degree() > 1:
        return None
    poly = sp.Poly(linear, *unknown)
    rest = poly.coeff_monomial(1)
    least = rest
    arguments = {f.args[0] for f in waves}
    for u in arguments:
        pair = [poly.coeff_monomial(marks[f]) for f in (sp.sin(u), sp.cos(u)) if f in marks]
        least -= sp.sqrt(sum(c**2 for c in pair))
    for d in absolute.values():
        least -= sp.Abs(poly.coeff_monomial(d))
    least = sp.simplify(least)
    if least.is_positive if strict else least.is_nonnegative:
        return [f"a sin u + b cos u >= -sqrt(a^2 + b^2) leaves at least {least}"]
    return None


def _convex(margin: sp.Expr, x: sp.Symbol, strict: bool, depth: int) -> list[str] | None:
    first = sp.simplify(margin.diff(x))
    second = sp.simplify(first.diff(x))
    shown = _by_form(second, False) or (_calculus(second, False, depth + 1) if depth < 3 and second != margin else None)
    if shown is None:
        return None
    for root in _critical_points(first, x):
        if root.free_symbols - margin.free_symbols or not root.is_extended_real:
            continue
        if (x.is_positive and not root.is_positive) or (x.is_nonnegative and not root.is_nonnegative):
            continue
        least = sp.simplify(sp.expand_log(margin.subs(x, root)))
        why = [f"convex in {x}: the second derivative is {second}", f"least at {x} = {root}: {least}"]
        if least.is_zero:
            return None if strict else why
        rest = _calculus(least, strict, depth + 1)
        if rest is not None:
            return [*why, *rest]
    return None


def _critical_points(slope: sp.Expr, x: sp.Symbol) -> list[sp.Expr]:
    """Zeros of the derivative: at 0 or 1 if it vanishes there, else what can be solved for in a moment."""
    for guess in (sp.Integer(0), sp.Integer(1)):
        if not (guess == 0 and x.is_positive) and slope.subs(x, guess) == 0:
            return [guess]
    try:
        return list(within(1.5, sp.solve, slope, x))
    except OutOfTime:
        return []


def _monotonic(margin: sp.Expr, x: sp.Symbol, strict: bool, depth: int) -> list[str] | None:
    """Rising from 0, falling towards infinity, or even and rising from 0."""
    symmetric = not x.is_nonnegative
    if symmetric:
        if sp.simplify(margin.subs(x, -x) - margin) != 0:
            return None
        positive = sp.Dummy(str(x), nonnegative=True)
        inner = _monotonic(margin.subs(x, positive), positive, strict, depth)
        return [f"even in {x}", *inner] if inner is not None else None
    first = sp.simplify(margin.diff(x))
    for sign, end in ((1, sp.Integer(0)), (-1, sp.oo)):
        start = sp.limit(margin, x, end, "+" if end == 0 else "-")
        if not start.is_extended_nonnegative or (strict and start.is_zero and not x.is_positive):
            continue
        if strict and start.is_zero and (first == 0 or margin.has(sp.Abs, sp.Piecewise, sp.floor, sp.sign, sp.Max)):
            continue  # an analytic function that rises, and isn't constant, leaves its limit at once
        slope = _calculus(sign * first, False, depth + 1)
        if slope is not None:
            word = "rising" if sign > 0 else "falling"
            return [f"{word} in {x}, with the limit {start} at {x} = {end}: the derivative is {first}", *slope]
    return None


_SMOOTH = (sp.sin, sp.cos, sp.exp, sp.atan, sp.tanh, sp.sinh, sp.cosh, sp.asinh, sp.erf)


def _mean_value(margin: sp.Expr, strict: bool) -> list[str] | None:
    """c |x - y| >= |g(x) - g(y)|, or c |x| >= |g(x)| with g(0) = 0, where |g'| <= c: the mean value theorem."""
    if strict or len(moduli := sorted(margin.atoms(sp.Abs), key=str)) != 2:
        return None
    for large, small in (moduli, moduli[::-1]):
        weight, other = margin.coeff(large), -margin.coeff(small)
        if not (weight.is_positive and other.is_positive) or bounded_expand(margin - weight * large + other * small):
            continue
        line, values = large.args[0], other * bounded_expand(small.args[0])
        x, *rest = sorted(line.free_symbols, key=str)
        if any(s.is_real is not True or s.is_integer for s in line.free_symbols) or len(rest) > 1:
            continue
        slope = line.diff(x)
        if slope.free_symbols or sp.expand(line - slope * (x - (rest[0] if rest else 0))) != 0:
            continue
        g = sum((t for t in sp.Add.make_args(values) if t.has(x)), sp.Integer(0))
        at_other = g.subs(x, rest[0] if rest else 0)
        if bounded_expand(values - g + at_other) != 0 or (rest and g.has(rest[0])) or not _smooth(g, x):
            continue
        t = sp.Dummy(str(x), real=True)
        change, bound = g.diff(x).subs(x, t), weight * sp.Abs(slope)
        for gap in (bound - change, bound + change):
            if not any(prove(gap, False) for prove in (_by_form, _bounded, _polynomial, _calculus)):
                return None
        return [f"the mean value theorem: |{g.diff(x)}| <= {bound}"]
    return None


def _smooth(g: sp.Expr, x: sp.Symbol) -> bool:
    """Whether g is differentiable at every real x, by its form."""
    for node in sp.preorder_traversal(g):
        if not node.has(x) or node == x or isinstance(node, (sp.Add, sp.Mul, *_SMOOTH)):
            continue
        if not isinstance(node, sp.Pow) or node.exp.has(x) or not node.exp.is_Rational:
            return False
        if (
            not (node.exp.is_Integer and node.exp.is_positive)
            and not node.base.subs(x, sp.Dummy(real=True)).is_positive
        ):
            return False
    return True


def _over_exponents(margin: sp.Expr, strict: bool) -> list[str] | None:
    """A function of a positive x as one of t = log x, which may be convex where it was not."""
    for x in sorted(margin.free_symbols, key=str):
        if not x.is_positive or x.is_integer or not margin.has(sp.log):
            continue
        t = sp.Dummy("t", real=True)
        form = sp.powsimp(sp.expand_log(sp.powdenest(margin.subs(x, sp.exp(t)))))
        steps = _convex(form, t, strict, 0)
        if steps is not None:
            return [f"{x} = exp({t}) with real {t}", *steps]
    return None


def _parts(margin: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """(A, B) with margin = A - B, by the signs of the terms."""
    terms = sp.Add.make_args(bounded_expand(margin))
    taken = [t for t in terms if t.could_extract_minus_sign()]
    return sp.Add(*(t for t in terms if t not in taken)), -sp.Add(*taken)


def _triangle(margin: sp.Expr, strict: bool) -> list[str] | None:
    """Sum of c_i |u_i| >= |u| where u = sum of l_i u_i with |l_i| <= c_i."""
    if strict or not margin.has(sp.Abs):
        return None
    marks = {a: sp.Dummy() for a in margin.atoms(sp.Abs) if not any(a != b and b.has(a) for b in margin.atoms(sp.Abs))}
    linear = bounded_expand(margin.xreplace(marks))
    if not marks or not linear.is_polynomial(*marks.values()) or sp.Poly(linear, *marks.values()).total_degree() > 1:
        return None
    poly = sp.Poly(linear, *marks.values())
    rest = poly.coeff_monomial(1)
    sizes = {a: poly.coeff_monomial(d) for a, d in marks.items()}
    above = [(a.args[0], c) for a, c in sizes.items() if c.is_positive]
    below = [(a.args[0], -c) for a, c in sizes.items() if c.is_negative]
    if len(above) + len(below) < len(sizes):
        return None
    if rest.is_real and rest.is_negative is None and rest.is_positive is None and rest != 0:
        below, rest = [*below, (-rest, sp.Integer(1))], sp.Integer(0)
    if not rest.is_nonnegative or len(below) != 1:
        return None
    unknown = [sp.Dummy(f"l{k}") for k in range(len(above))]
    inner, weight = below[0]
    for target in _signed(inner):
        gap = bounded_expand(sum((v * u for v, (u, _) in zip(unknown, above)), sp.Integer(0)) - weight * target)
        variables = sorted(gap.free_symbols - set(unknown), key=str)
        moduli = sorted(gap.atoms(sp.Abs, sp.re, sp.im, sp.conjugate), key=str)
        names = {m: sp.Dummy() for m in moduli}
        gap = gap.xreplace(names)
        generators = [*variables, *names.values()]
        if not generators or not gap.is_polynomial(*generators):
            continue
        found = sp.solve(sp.Poly(gap, *generators).coeffs(), unknown, dict=True)
        if len(found) == 1 and all(
            (c - sp.Abs(found[0].get(v, 0))).is_nonnegative for v, (_, c) in zip(unknown, above)
        ):
            return [f"the triangle inequality for {target} as a combination of {', '.join(str(u) for u, _ in above)}"]
    return None


def _signed(expr: sp.Expr) -> Iterator[sp.Expr]:
    """The expression; where it is |u| - |v|, both without their bars, which changes its modulus upwards only."""
    yield expr
    moduli = sorted(expr.atoms(sp.Abs), key=str)
    if len(moduli) == 2 and bounded_expand(expr - moduli[0] + moduli[1]) == 0:
        yield moduli[0].args[0] - moduli[1].args[0]
        yield moduli[0].args[0] + moduli[1].args[0]
    elif len(moduli) == 2 and bounded_expand(expr + moduli[0] - moduli[1]) == 0:
        yield moduli[1].args[0] - moduli[0].args[0]
        yield moduli[1].args[0] + moduli[0].args[0]


def _real_parts(margin: sp.Expr, strict: bool) -> list[str] | None:
    """Complex symbols by their real and imaginary parts, and then by squares of both sides."""
    new = {
        s: sp.Dummy(f"re_{s}", real=True) + sp.I * sp.Dummy(f"im_{s}", real=True)
        for s in margin.free_symbols
        if s.is_extended_real is None
    }
    if not new:
        return None
    real = sp.expand(margin.xreplace(new), complex=True)
    if real.has(sp.I, sp.re, sp.im):
        real = sp.simplify(margin.xreplace(new))
    if real.has(sp.I, sp.re, sp.im):
        return None
    steps = _by_form(real, strict) or _by_squaring(real, strict) or _by_logarithms(real, strict)
    return None if steps is None else ["symbols by their real and imaginary parts", *steps]


def _by_squaring(margin: sp.Expr, strict: bool, depth: int = 0) -> list[str] | None:
    """A >= B where A >= 0 and A^2 >= B^2, as long as roots or absolute values are left."""
    if depth > 3 or not any(
        isinstance(e, sp.Abs) or (isinstance(e, sp.Pow) and e.exp == sp.Rational(1, 2))
        for e in sp.preorder_traversal(margin)
    ):
        return None
    large, small = _parts(margin)
    if small == 0 or not (large.is_nonnegative and small.is_real):
        return None
    gap = bounded_expand(large**2 - small**2)
    if gap.is_nonnegative if not strict else gap.is_positive:
        return [f"{large} is nonnegative, and the difference of the squares is {gap}"]
    form = sp.factor(gap)
    if form.is_nonnegative if not strict else form.is_positive:
        return [f"{large} is nonnegative, and the difference of the squares is {form}"]
    rest = _by_squaring(gap, strict, depth + 1)
    return None if rest is None else [f"{large} is nonnegative: squares compared", *rest]


def _by_logarithms(margin: sp.Expr, strict: bool) -> list[str] | None:
    """A >= B where A, B > 0 and log A >= log B."""
    large, small = _parts(margin)
    if not (large.is_positive and small.is_positive) or not margin.has(sp.exp, sp.Pow):
        return None
    gap = bounded_expand(sp.expand_log(sp.log(large), force=False) - sp.expand_log(sp.log(small), force=False))
    steps = _by_form(gap, strict) or _by_squaring(gap, strict) or _calculus(gap, strict, 1)
    return None if steps is None else [f"logarithms compared: {gap}", *steps]


def _induction(margin: sp.Expr, strict: bool) -> list[str] | None:
    """A > B for a whole number n from its least value on: at that value, and then A grows by the larger factor.

    With A(n) >= B(n) > 0 and A(n+1)/A(n) >= B(n+1)/B(n), the inequality passes from n to n + 1; where that starts
    only at some n, the values before are checked one by one.
    """
    symbols = list(margin.free_symbols)
    if len(symbols) != 1 or not symbols[0].is_integer or not symbols[0].is_nonnegative:
        return None
    (n,) = symbols
    first = 1 if n.is_positive else 0
    large, small = _parts(margin)
    if small == 0 or not small.is_nonnegative:
        return None
    step = sp.Dummy("m", integer=True, nonnegative=True)
    for start in range(first, first + 8):
        value = margin.subs(n, start)
        if not (value.is_positive if strict else value.is_nonnegative):
            return None
        moved = n.func(n.name, integer=True)
        quotient = sp.combsimp(sp.simplify((large.subs(n, moved + 1) / large.subs(n, moved)).rewrite(sp.gamma)))
        other = sp.simplify(small.subs(n, moved + 1) / small.subs(n, moved))
        gap = sp.together(sp.gammasimp(quotient - other)).subs(moved, start + step)
        if small.subs(n, start + step).is_positive is not True:
            continue
        above, below = sp.fraction(gap)
        grows = sp.factor(gap).is_nonnegative or (bounded_expand(above).is_nonnegative and below.is_positive)
        if grows:
            why = f"from there on the left side grows by the larger factor: {gap} >= 0"
            return [f"true at {n} = {first}..{start}, and {why}"]
    return None


_ROUTES = (
    ("triangle inequality", _triangle),
    ("mean value theorem", _mean_value),
    ("squares", _squares),
    ("polynomial", _polynomial),
    ("bounded functions", _bounded),
    ("squares of both sides", _by_squaring),
    ("logarithms of both sides", _by_logarithms),
    ("real and imaginary parts", _real_parts),
    ("induction", _induction),
    ("calculus", _calculus),
    ("logarithm as the variable", _over_exponents),
)
