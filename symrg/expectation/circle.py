"""Integrals over a circle: Fourier modes of exp(a cos k x + b sin k x) are Bessel functions (DLMF 10.32.3)."""

from __future__ import annotations

from collections.abc import Callable

import sympy
from sympy import S

from symrg.budget import Declined
from symrg.expectation.numeric import number

_TRIG = (sympy.sin, sympy.cos, sympy.tan)


def applies(log_density: sympy.Expr, factor: sympy.Expr, x: sympy.Symbol, lower: sympy.Expr, upper: sympy.Expr) -> bool:
    """Whether the interval is a full turn and the variable stands in trigonometric functions."""
    if not any(node.has(x) for e in (log_density, factor) for node in e.atoms(*_TRIG)):
        return False
    return sympy.expand(upper - lower - 2 * sympy.pi) == 0


def integral(
    log_density: sympy.Expr,
    factor: sympy.Expr,
    x: sympy.Symbol,
    sign: Callable[[sympy.Expr], int],
    point: dict[sympy.Symbol, sympy.Expr],
) -> sympy.Expr:
    """int factor exp(log_density) dx over a full turn.

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
        return sympy.exp(constant) * _residues(rational * factor, x, point)
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
