"""Integrals over a circle: Fourier modes of exp(a cos k x + b sin k x) are Bessel functions (DLMF 10.32.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy
from sympy import S

from symrg.budget import Declined
from symrg.expectation.numeric import number
from symrg.radicals import rational_in_roots

_TRIG = (sympy.sin, sympy.cos, sympy.tan)


@dataclass(frozen=True)
class Turn:
    """An integral over whole turns, or half a turn of an even function, of an angle u.

    Attributes:
        log_density: in u.
        factor: in u.
        angle: u; the integrand has period 2 pi in it.
        weight: with which the integral over one turn of u counts.
    """

    log_density: sympy.Expr
    factor: sympy.Expr
    angle: sympy.Symbol
    weight: sympy.Expr


def turn(
    log_density: sympy.Expr, factor: sympy.Expr, x: sympy.Symbol, lower: sympy.Expr, upper: sympy.Expr
) -> Turn | None:
    """The integral over an interval as one over a circle; None where the variable makes no turn.

    The trigonometric functions must have arguments w k x + shift with integers k and one w; the interval is a number
    of periods 2 pi/w, or of halves of them where the integrand is even about its end.
    """
    nodes = {node for e in (log_density, factor) for node in e.atoms(*_TRIG) if node.has(x)}
    length = sympy.expand(upper - lower)
    if not nodes or not length.is_finite:
        return None
    one_turn = sympy.expand(length - 2 * sympy.pi) == 0 and all(_slope(n, x).is_Integer for n in nodes)
    if one_turn and any(abs(_slope(n, x)) == 1 for n in nodes):
        return Turn(log_density, factor, x, S.One)
    unit = _slopes_gcd(nodes, x)
    if unit is None:
        return None
    u = sympy.Dummy("u", real=True)
    turns = sympy.cancel(length * unit / (2 * sympy.pi))
    if turns.is_Integer and turns > 0:
        start = S.Zero
    elif (2 * turns).is_Integer and turns > 0:
        start = lower
    else:
        return None
    moved = [e.subs(x, start + u / unit) for e in (log_density, factor)]
    moved = [
        e.replace(lambda n: isinstance(n, _TRIG) and n.has(u), lambda n: n.func(sympy.expand(n.args[0]))) for e in moved
    ]
    if any(e.replace(lambda n: isinstance(n, _TRIG), lambda n: S.One).has(u) for e in moved):
        return None  # the angle itself stands in the integrand
    if not turns.is_Integer and any(sympy.expand(e - e.subs(u, -u)) != 0 for e in moved):
        return None
    return Turn(moved[0], moved[1], u, turns / unit)


def _slope(node: sympy.Expr, x: sympy.Symbol) -> sympy.Expr:
    argument = sympy.expand(node.args[0])
    slope = argument.coeff(x)
    return slope if not sympy.expand(argument - slope * x).has(x) else S.NaN


def _slopes_gcd(nodes: set[sympy.Expr], x: sympy.Symbol) -> sympy.Expr | None:
    """The largest positive w of which all slopes are integer multiples, None where there is none."""
    slopes = [_slope(n, x) for n in nodes]
    if any(s is S.NaN or s == 0 for s in slopes):
        return None
    first = slopes[0]
    ratios = [sympy.cancel(s / first) for s in slopes]
    if not all(r.is_Rational for r in ratios):
        return None
    unit = first * sympy.gcd_list([abs(r) for r in ratios]) if len(ratios) > 1 else first
    return -unit if unit.could_extract_minus_sign() else unit


def integral(
    log_density: sympy.Expr,
    factor: sympy.Expr,
    x: sympy.Symbol,
    sign: Callable[[sympy.Expr], int],
    point: dict[sympy.Symbol, sympy.Expr],
) -> sympy.Expr:
    """int factor exp(log_density) dx over a full turn of x.

    Raises:
        Declined: the exponent is not a single harmonic, or the rest is not rational in exp(i x).
    """
    log_density, factor = _turned(log_density, factor, x)
    log_density = _only_harmonics(log_density, x)
    constant, moving = log_density.as_independent(x, as_Add=True)
    rational = S.One
    exponent = S.Zero
    for term in sympy.Add.make_args(moving):
        if term == 0:
            continue
        coefficient, rest = term.as_independent(x, as_Add=False)
        if isinstance(rest, sympy.log):
            rational *= rest.args[0] ** coefficient
        else:
            exponent += term
    if exponent == 0:
        return sympy.exp(constant) * _of_rational(rational, factor, x, point)
    if rational != 1:
        raise Declined("exponential and powers of trigonometric functions together")
    harmonic, a, b = _harmonic(exponent, x)
    kappa = sympy.factor_terms(sympy.trigsimp(a**2 + b**2))
    kappa = sympy.sqrt(kappa)
    if kappa.is_nonnegative is None or kappa.has(sympy.Abs):
        kappa = kappa.replace(sympy.Abs, lambda e: e if sign(e) >= 0 else -e)
    cosine, sine = sympy.simplify(a / kappa), sympy.simplify(b / kappa)
    # x -> x + mu/k with (cos mu, sin mu) = (a, b)/kappa: the exponent becomes kappa cos(k x).
    z = sympy.Dummy("z")
    if harmonic != 1:
        mode = _modes(factor, x, z, harmonic, cosine, sine)
    else:
        mode = _modes(factor, x, z, 1, cosine, sine)
    total = S.Zero
    for power, coefficient in mode.items():
        n = abs(power)
        total += coefficient * _bessel_i(n, kappa)
    return sympy.exp(constant) * 2 * sympy.pi * sympy.expand(total)


def _turned(log_density: sympy.Expr, factor: sympy.Expr, x: sympy.Symbol) -> tuple[sympy.Expr, sympy.Expr]:
    """Turn the circle so that the one phase of the density goes to zero."""
    nodes = [n for n in log_density.atoms(*_TRIG) if n.has(x)]
    phases = set()
    for n in nodes:
        shift, turn = sympy.expand(n.args[0]).as_independent(x, as_Add=True)
        k = turn.coeff(x)
        if k == 0 or sympy.expand(turn - k * x) != 0:
            return log_density, factor
        phases.add(sympy.cancel(shift / k))
    if len(phases) != 1 or phases == {S.Zero}:
        return log_density, factor
    (phase,) = phases

    def turn_back(e: sympy.Expr) -> sympy.Expr:
        return e.replace(
            lambda n: isinstance(n, _TRIG) and n.has(x), lambda n: n.func(sympy.expand(n.args[0].subs(x, x - phase)))
        )

    if any(e.replace(lambda n: isinstance(n, _TRIG), lambda n: S.One).has(x) for e in (log_density, factor)):
        return log_density, factor
    return turn_back(log_density), turn_back(factor)


def _of_rational(
    rational: sympy.Expr, factor: sympy.Expr, x: sympy.Symbol, point: dict[sympy.Symbol, sympy.Expr]
) -> sympy.Expr:
    """The integral of a rational function of cos x and sin x, turned so that a cos x + b sin x is r cos x."""
    c, s = sympy.cos(x), sympy.sin(x)
    pairs = {_pair(f.as_base_exp()[0], c, s) for f in sympy.Mul.make_args(rational)}
    if None in pairs or len({p for p in pairs if p is not None and p != (0, 0)}) != 1:
        return _residues(rational * factor, x, point)
    ((a, b),) = (p for p in pairs if p is not None and p != (0, 0))
    if b == 0:
        return _of_cosine(rational * _harmonics_of(factor, x), x, point)
    if a == 0:
        names = {c: -s, s: c}
        return _of_cosine((rational * _harmonics_of(factor, x)).subs(names, simultaneous=True), x, point)
    return _of_two_harmonics(rational, factor, x, point, (a, b))


def _pair(base: sympy.Expr, c: sympy.Expr, s: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr] | None:
    """a and b of k + a cos x + b sin x, None for anything else."""
    flat = sympy.expand(base)
    a, b = flat.coeff(c), flat.coeff(s)
    return None if sympy.expand(flat - a * c - b * s).has(c, s) else (a, b)


def _of_two_harmonics(
    rational: sympy.Expr,
    factor: sympy.Expr,
    x: sympy.Symbol,
    point: dict[sympy.Symbol, sympy.Expr],
    pair: tuple[sympy.Expr, sympy.Expr],
) -> sympy.Expr:
    """After x -> x + phi, with tan phi = b/a: powers of cos x over powers of k + r cos x, one by one."""
    c, s = sympy.cos(x), sympy.sin(x)
    a, b = pair
    r = sympy.Dummy("r", positive=True)
    place = point | {r: sympy.Float(number(sympy.sqrt(a**2 + b**2), point), 17)}

    def straight(base: sympy.Expr) -> sympy.Expr:
        own = _pair(base, c, s)
        k = sympy.cancel(own[0] / a) if own else None
        if own is None or k is None or sympy.expand(own[1] - k * b) != 0:
            raise Declined("harmonics in several directions")
        return _in_radius(sympy.expand(base).subs({c: 0, s: 0}), a, b, r) + k * r * c

    above, below = sympy.fraction(sympy.together(_harmonics_of(factor, x)))
    density = sympy.Mul(*(straight(f) ** e for f, e in (f.as_base_exp() for f in sympy.Mul.make_args(rational))))
    density /= sympy.Mul(*(straight(f) ** e for f, e in (f.as_base_exp() for f in sympy.Mul.make_args(below))))
    cc, ss = sympy.symbols("c s", cls=sympy.Dummy)
    turned = {c: (a * cc - b * ss) / r, s: (b * cc + a * ss) / r}
    total = S.Zero
    known: dict[int, sympy.Expr] = {}
    numerator = sympy.expand(sympy.expand(above).subs(turned, simultaneous=True))
    if numerator.has(x):
        raise Declined("the angle itself is not periodic")
    numerator = sympy.rem(numerator, ss**2 + cc**2 - 1, ss)
    for (power, odd), coefficient in sympy.Poly(numerator, cc, ss).terms():
        if odd:
            continue  # odd in x
        if power not in known:
            value = _of_cosine(density * c**power, x, place)
            try:
                known[power] = rational_in_roots(value)
            except sympy.PolynomialError:
                known[power] = sympy.factor(value)
        total += sympy.factor(_in_radius(sympy.expand(coefficient * r**4), a, b, r) / r**4) * known[power]
    return total.subs(r, sympy.sqrt(a**2 + b**2))


def _of_cosine(function: sympy.Expr, x: sympy.Symbol, point: dict[sympy.Symbol, sympy.Expr]) -> sympy.Expr:
    """A polynomial in cos x and sin x over a power of k + r cos x, by residues where it is anything else."""
    c, s = sympy.cos(x), sympy.sin(x)
    cc, ss = sympy.symbols("c s", cls=sympy.Dummy)
    above, below = sympy.fraction(sympy.together(function.subs({c: cc, s: ss}, simultaneous=True)))
    bases = [f.as_base_exp() for f in sympy.Mul.make_args(sympy.factor(below)) if f.has(cc, ss)]
    if above.has(x) or below.has(x) or len(bases) != 1 or not above.is_polynomial(cc, ss):
        return _residues(function, x, point)
    ((base, order),) = bases
    k, r = sympy.expand(base).coeff(cc, 0), sympy.expand(base).coeff(cc, 1)
    if not order.is_Integer or sympy.expand(base - k - r * cc) != 0 or not number(k - sympy.Abs(r), point) > 0:
        return _residues(function, x, point)
    constant = sympy.cancel(below / base**order)
    d = sympy.Dummy("d")
    even = sympy.rem(sympy.expand(above), ss**2 + cc**2 - 1, ss).subs(ss, 0)  # what is odd in sin x integrates to zero
    total = S.Zero
    for (power,), coefficient in sympy.Poly(sympy.expand(even.subs(cc, (d - k) / r)), d).terms():
        total += coefficient * _power_of_one_harmonic(power - int(order), k, r)
    return total / constant


def _power_of_one_harmonic(m: int, k: sympy.Expr, r: sympy.Expr) -> sympy.Expr:
    """int (k + r cos x)^m dx over a turn, k > |r|: for m < 0 by derivatives of 2 pi/sqrt(k^2 - r^2) in k."""
    if m >= 0:
        return sympy.Add(
            *(
                sympy.binomial(m, i) * k ** (m - i) * r**i * 2 * sympy.pi * sympy.binomial(i, i // 2) / 2**i
                for i in range(0, m + 1, 2)
            )
        )
    kk = sympy.Dummy("k", positive=True)
    slope = sympy.diff(1 / sympy.sqrt(kk**2 - sympy.expand(r**2)), kk, -m - 1)
    return 2 * sympy.pi * (-1) ** (-m - 1) * slope.subs(kk, k) / sympy.factorial(-m - 1)


def _in_radius(e: sympy.Expr, a: sympy.Expr, b: sympy.Expr, r: sympy.Symbol) -> sympy.Expr:
    """a^2 + b^2 as r^2 where b is a multiple of a symbol that occurs evenly."""
    names = b.free_symbols
    if len(names) != 1:
        return e
    (w,) = names
    slope = sympy.cancel(b / w)
    if slope.has(w) or sympy.expand(e - e.subs(w, -w)) != 0:
        return e
    short = sympy.expand(sympy.expand(e).subs(w, sympy.sqrt(r**2 - a**2) / slope))
    return short if not short.has(*a.free_symbols) else e


def _harmonics_of(e: sympy.Expr, x: sympy.Symbol) -> sympy.Expr:
    """Phases opened: every harmonic as cos k x or sin k x."""
    return e.replace(lambda n: isinstance(n, _TRIG) and n.has(x), lambda n: _angle_sum(n, x))


def _only_harmonics(expression: sympy.Expr, x: sympy.Symbol) -> sympy.Expr:
    expression = sympy.expand(expression)
    return sympy.expand(
        expression.replace(
            lambda e: isinstance(e, _TRIG) and e.has(x),
            lambda e: _angle_sum(e, x),
        )
    )


def _angle_sum(node: sympy.Expr, x: sympy.Symbol) -> sympy.Expr:
    argument = sympy.expand(node.args[0])
    shift, turn = argument.as_independent(x, as_Add=True)
    k = turn.coeff(x)
    if isinstance(node, sympy.tan) or not k.is_Integer or sympy.expand(turn - k * x) != 0:
        raise Declined(f"{node} is no harmonic")
    c, s = sympy.cos(k * x), sympy.sin(k * x)
    if shift == 0:
        return node
    if isinstance(node, sympy.cos):
        return c * sympy.cos(shift) - s * sympy.sin(shift)
    return s * sympy.cos(shift) + c * sympy.sin(shift)


def _harmonic(exponent: sympy.Expr, x: sympy.Symbol) -> tuple[int, sympy.Expr, sympy.Expr]:
    """k, a, b of a cos k x + b sin k x."""
    found: dict[int, list[sympy.Expr]] = {}
    for term in sympy.Add.make_args(sympy.expand(exponent)):
        coefficient, rest = term.as_independent(x, as_Add=False)
        if not isinstance(rest, (sympy.cos, sympy.sin)):
            raise Declined(f"{rest} in the exponent")
        k = int(rest.args[0].coeff(x))
        pair = found.setdefault(abs(k), [S.Zero, S.Zero])
        if isinstance(rest, sympy.cos):
            pair[0] += coefficient
        else:
            pair[1] += coefficient if k > 0 else -coefficient
    if len(found) != 1:
        raise Declined("several harmonics in the exponent")
    ((k, (a, b)),) = found.items()
    return k, a, b


def _modes(
    factor: sympy.Expr, x: sympy.Symbol, z: sympy.Symbol, harmonic: int, cosine: sympy.Expr, sine: sympy.Expr
) -> dict[int, sympy.Expr]:
    """Coefficients of cos(n k x) after the turn by mu/k; other modes integrate to zero."""
    turn = cosine + S.ImaginaryUnit * sine

    def swap(node: sympy.Expr) -> sympy.Expr:
        e = _angle_sum(node, x)
        parts = {}
        for leaf in e.atoms(sympy.cos, sympy.sin):
            if leaf.has(x):
                k = leaf.args[0].coeff(x)
                up = z**k
                parts[leaf] = (
                    (up + 1 / up) / 2 if isinstance(leaf, sympy.cos) else (up - 1 / up) / (2 * S.ImaginaryUnit)
                )
        return e.xreplace(parts)

    swapped = sympy.expand(factor.replace(lambda e: isinstance(e, _TRIG) and e.has(x), swap))
    if swapped.has(x):
        raise Declined("the angle itself is not periodic")
    found: dict[int, sympy.Expr] = {}
    for term in sympy.Add.make_args(swapped):
        coefficient, rest = term.as_independent(z, as_Add=False)
        base, power = rest.as_base_exp() if rest != 1 else (z, S.Zero)
        if base != z or not power.is_Integer:
            raise Declined("not a trigonometric polynomial")
        n, left = divmod(int(power), harmonic)
        if left:
            continue
        found[n] = (
            found.get(n, S.Zero) + coefficient * turn**n
            if n >= 0
            else found.get(n, S.Zero) + coefficient * (cosine - S.ImaginaryUnit * sine) ** (-n)
        )
    result: dict[int, sympy.Expr] = {}
    for n, coefficient in found.items():
        result[abs(n)] = result.get(abs(n), S.Zero) + coefficient
    return {n: sympy.trigsimp(sympy.expand(c)) for n, c in result.items()}


def _bessel_i(n: int, kappa: sympy.Expr) -> sympy.Expr:
    """I_n in terms of I_0 and I_1 by the recurrence I_(n+1) = I_(n-1) - (2 n/kappa) I_n."""
    if n < 2:
        return sympy.besseli(n, kappa)
    return _bessel_i(n - 2, kappa) - 2 * (n - 1) / kappa * _bessel_i(n - 1, kappa)


def _residues(function: sympy.Expr, x: sympy.Symbol, point: dict[sympy.Symbol, sympy.Expr]) -> sympy.Expr:
    """int R(cos x, sin x) dx over a turn by the residues inside the unit circle."""
    z = sympy.Dummy("z")

    def swap(node: sympy.Expr) -> sympy.Expr:
        k = node.args[0].coeff(x)
        up = z**k
        if isinstance(node, sympy.cos):
            return (up + 1 / up) / 2
        return (up - 1 / up) / (2 * S.ImaginaryUnit)

    harmonics = function.replace(lambda e: isinstance(e, _TRIG) and e.has(x), lambda e: _angle_sum(e, x))
    marks = {n: sympy.Dummy("h") for n in harmonics.atoms(sympy.cos, sympy.sin) if n.has(x)}
    marked = harmonics.xreplace(marks)
    if marked.has(x):
        raise Declined("the angle itself is not periodic")
    if not marked.is_rational_function(*marks.values()):
        raise Declined("not rational in exp(i x)")
    # In lowest terms first: the powers of exp(i x) would hide common factors.
    short = sympy.factor(sympy.cancel(sympy.together(marked)))
    flat = S.One
    for f in sympy.Mul.make_args(short):
        base, exponent = f.as_base_exp()
        flat *= sympy.factor(sympy.together(base.xreplace({m: swap(n) for n, m in marks.items()}))) ** exponent
    numerator, denominator = sympy.fraction(sympy.powsimp(flat / z))
    if not (numerator.is_polynomial(z) and denominator.is_polynomial(z)):
        numerator, denominator = sympy.fraction(sympy.together(flat / z))
    content, factors = _factors(denominator, z)
    total = S.Zero
    for index, (factor, multiplicity) in enumerate(factors):
        others = content * sympy.Mul(*(f**m for k, (f, m) in enumerate(factors) if k != index))
        lead = sympy.LC(factor, z)
        roots = sympy.roots(factor, z)
        if sum(roots.values()) != sympy.degree(factor, z):
            raise Declined("poles without a closed form")
        for root in roots:
            place = number(sympy.Abs(root), point)
            if place != place or abs(place - 1) < 1e-9:
                raise Declined("a pole on the circle")
            if place > 1:
                continue
            siblings = lead**multiplicity * sympy.Mul(
                *((z - r) ** (multiplicity * k) for r, k in roots.items() if r != root)
            )
            rest = numerator / (others * siblings)
            derivative = sympy.diff(rest, z, multiplicity - 1) / sympy.factorial(multiplicity - 1)
            total += sympy.cancel(sympy.expand(derivative.subs(z, root)))
    return 2 * sympy.pi * sympy.factor(sympy.together(total))


def _factors(denominator: sympy.Expr, z: sympy.Symbol) -> tuple[sympy.Expr, list[tuple[sympy.Expr, int]]]:
    """Content and irreducible factors in z of a product."""
    content = S.One
    found: dict[sympy.Expr, int] = {}
    for f in sympy.Mul.make_args(denominator):
        base, exponent = f.as_base_exp()
        if not base.has(z):
            content *= f
            continue
        inner, parts = sympy.factor_list(sympy.expand(base), z)
        content *= inner**exponent
        for part, multiplicity in parts:
            found[part] = found.get(part, 0) + multiplicity * int(exponent)
    return content, list(found.items())
