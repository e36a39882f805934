"""Routes by which a residual may reduce to 0. None of them forces an identity that needs more than is assumed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.simplify.fu import TR10
from sympy.simplify.radsimp import radsimp

from symrg.budget import Declined
from symrg.verification.integrals import closed_forms

_TERMS = 20_000


def vanishes(expr: sp.Expr) -> bool:
    """Whether an expression is the number 0."""
    return bool(expr == 0)


def size_when_expanded(expr: sp.Expr) -> int:
    """An upper bound on the number of terms of the expanded expression."""
    if isinstance(expr, sp.Add):
        return min(sum(size_when_expanded(a) for a in expr.args), 10**9)
    if isinstance(expr, sp.Mul):
        size = 1
        for a in expr.args:
            size = min(size * size_when_expanded(a), 10**9)
        return size
    if isinstance(expr, sp.Pow) and expr.exp.is_Integer:
        terms = size_when_expanded(expr.base)
        n = abs(int(expr.exp))
        if terms == 1:
            return 1
        if n > 5000:
            return 10**9
        size = 1
        for k in range(1, terms):
            size = size * (n + k) // k
            if size > 10**9:
                return 10**9
        return size
    return max((size_when_expanded(a) for a in expr.args if isinstance(a, sp.Expr)), default=1)


def bounded_expand(expr: sp.Expr, **hints: Any) -> sp.Expr:
    """The expanded expression.

    Raises:
        Declined: it would have too many terms.
    """
    if size_when_expanded(expr) > _TERMS:
        raise Declined("the expansion has too many terms")
    return sp.expand(expr, **hints)


def _guard(expr: sp.Expr) -> sp.Expr:
    if size_when_expanded(expr) > _TERMS:
        raise Declined("the expression is too large to expand")
    return expr


def _done(expr: sp.Expr) -> sp.Expr:
    return bounded_expand(expr.doit())


def _fraction(expr: sp.Expr) -> sp.Expr:
    numerator, _ = sp.fraction(sp.together(_guard(expr)))
    return bounded_expand(numerator)


def _exponentials(expr: sp.Expr) -> sp.Expr | None:
    trigonometric = (
        sp.sin,
        sp.cos,
        sp.tan,
        sp.cot,
        sp.sec,
        sp.csc,
        sp.sinh,
        sp.cosh,
        sp.tanh,
        sp.coth,
        sp.sech,
        sp.csch,
    )
    if not expr.has(*trigonometric):
        return None
    return bounded_expand(sp.fraction(sp.together(expr.rewrite(sp.exp)))[0], power_exp=True)


def _sines(expr: sp.Expr) -> sp.Expr | None:
    if not expr.has(sp.sin, sp.cos, sp.tan, sp.cot, sp.sec, sp.csc):
        return None
    numerator = sp.fraction(sp.together(sp.expand_trig(TR10(expr.rewrite(sp.cos).rewrite(sp.sin)))))[0]
    return sp.trigsimp(bounded_expand(numerator))


def _logarithms(expr: sp.Expr) -> sp.Expr | None:
    if not expr.has(sp.log):
        return None
    numbers = {n for n in expr.atoms(sp.log) if n.args[0].is_Rational}
    split = expr.xreplace({n: sp.expand_log(n, factor=True) for n in numbers})
    factored = split.replace(sp.log, lambda a: sp.log(sp.factor(a)))
    return bounded_expand(sp.expand_log(factored), power_base=True)


def _gammas(expr: sp.Expr) -> sp.Expr | None:
    special = (
        sp.gamma,
        sp.factorial,
        sp.binomial,
        sp.beta,
        sp.RisingFactorial,
        sp.FallingFactorial,
        sp.polygamma,
        sp.loggamma,
    )
    if not expr.has(*special, sp.harmonic, sp.factorial2, sp.catalan):
        return None
    return sp.gammasimp(sp.expand_func(expr.rewrite(sp.gamma)))


def _combinatorial(expr: sp.Expr) -> sp.Expr | None:
    if not expr.has(sp.gamma, sp.factorial, sp.binomial):
        return None
    return bounded_expand(sp.combsimp(expr))


def _functions(expr: sp.Expr) -> sp.Expr | None:
    new = sp.expand_func(expr)
    return bounded_expand(new) if new != expr else None


def _powers(expr: sp.Expr) -> sp.Expr:
    return bounded_expand(sp.powsimp(sp.powdenest(expr)), power_base=True, power_exp=True)


def _roots(expr: sp.Expr) -> sp.Expr | None:
    if not any(isinstance(p, sp.Pow) and not p.exp.is_Integer for p in expr.atoms(sp.Pow)):
        return None
    return bounded_expand(radsimp(sp.sqrtdenest(_guard(expr))))


def _special(expr: sp.Expr) -> sp.Expr | None:
    if not expr.has(sp.besselj, sp.besseli, sp.besselk, sp.bessely, sp.hyper):
        return None
    return sp.simplify(sp.besselsimp(sp.hyperexpand(sp.expand_func(expr))))


def _errors(expr: sp.Expr) -> sp.Expr | None:
    if not expr.has(sp.erfc, sp.erfi, sp.erf2, sp.fresnels, sp.fresnelc):
        return None
    return bounded_expand(expr.rewrite(sp.erf))


def _inverse(expr: sp.Expr) -> sp.Expr | None:
    inverse = (sp.asinh, sp.acosh, sp.atanh, sp.acoth, sp.asech, sp.acsch)
    if not expr.has(*inverse):
        return None
    return sp.simplify(sp.expand_log(expr.rewrite(sp.log)))


def _pieces(expr: sp.Expr) -> sp.Expr | None:
    new = expr.rewrite(sp.Piecewise) if expr.has(sp.Abs, sp.sign, sp.Max, sp.Min, sp.Heaviside) else expr
    if not new.has(sp.Piecewise):
        return None
    folded = sp.piecewise_fold(new)
    if not isinstance(folded, sp.Piecewise):
        return folded
    if all(sp.simplify(value) == 0 for value, condition in folded.args if condition != sp.false):
        covered = sp.Or(*(condition for _, condition in folded.args))
        if covered == sp.true or sp.simplify(covered) == sp.true:
            return sp.Integer(0)
    return sp.simplify(folded)


def _parts(expr: sp.Expr) -> sp.Expr | None:
    """Complex symbols by their real and imaginary parts."""
    if not expr.has(sp.re, sp.im, sp.conjugate, sp.Abs, sp.arg):
        return None
    new = {}
    for s in expr.free_symbols:
        if s.is_Symbol and s.is_extended_real is None:
            x, y = sp.Dummy(f"re_{s}", real=True), sp.Dummy(f"im_{s}", real=True)
            new[s] = x + sp.I * y
    return sp.simplify(sp.expand(expr.xreplace(new), complex=True)) if new else sp.simplify(expr)


def _minimal_polynomial(expr: sp.Expr) -> sp.Expr | None:
    """An algebraic number is 0 where its minimal polynomial says so: this is a proof."""
    if expr.free_symbols or not expr.is_algebraic:
        return None
    x = sp.Dummy("x")
    return sp.Integer(0) if sp.minimal_polynomial(expr, x) == x else None


def _ideal(expr: sp.Expr) -> sp.Expr | None:
    """The numerator as a polynomial in sines, cosines, roots and exponentials, modulo their relations.

    sin^2 + cos^2 = 1 and r^2 = a for r = sqrt(a) hold everywhere, so a remainder of 0 proves that the residual is 0
    wherever it is defined.
    """
    numerator = sp.fraction(sp.together(_guard(expr)))[0]
    names: dict[sp.Expr, sp.Symbol] = {}
    relations: list[sp.Expr] = []

    def name(e: sp.Expr) -> sp.Symbol:
        if e not in names:
            names[e] = sp.Dummy(f"g{len(names)}")
        return names[e]

    def walk(e: sp.Expr) -> sp.Expr:
        if isinstance(e, sp.Pow) and e.exp.is_Rational and not e.exp.is_Integer:
            root = sp.Pow(e.base, sp.Rational(1, e.exp.q))
            if root not in names:
                relations.append(name(root) ** e.exp.q - walk(e.base))
            return names[root] ** e.exp.p
        if isinstance(e, sp.sin | sp.cos | sp.sinh | sp.cosh):
            hyperbolic = isinstance(e, sp.sinh | sp.cosh)
            u = e.args[0]
            s, c = (sp.sinh(u), sp.cosh(u)) if hyperbolic else (sp.sin(u), sp.cos(u))
            if s not in names and isinstance(s, sp.sin | sp.sinh) and isinstance(c, sp.cos | sp.cosh):
                relations.append(name(c) ** 2 + (-1 if hyperbolic else 1) * name(s) ** 2 - 1)
            return names.get(e) or name(e)
        if isinstance(e, sp.Add | sp.Mul) or (isinstance(e, sp.Pow) and e.exp.is_Integer):
            return e.func(*(walk(a) for a in e.args))
        if e.is_Rational or e.is_Symbol:
            return e
        return name(e)

    polynomial = sp.fraction(sp.together(walk(numerator)))[0]
    if not relations:
        return None
    relations = [sp.fraction(sp.together(r))[0] for r in relations]
    generators = [*reversed(list(names.values())), *sorted(polynomial.free_symbols - set(names.values()), key=str)]
    extra = {s for r in relations for s in r.free_symbols} - set(generators)
    generators += sorted(extra, key=str)
    basis = sp.groebner(relations, *generators, order="lex")
    _, remainder = sp.reduced(bounded_expand(polynomial), list(basis.exprs), *generators, order="lex")
    return sp.Integer(0) if remainder == 0 else None


def _factored(expr: sp.Expr) -> sp.Expr:
    return sp.factor(_guard(expr))


def _simplified(expr: sp.Expr) -> sp.Expr:
    return sp.simplify(_guard(expr))


def _sums(expr: sp.Expr) -> sp.Expr | None:
    """Sums over the same range under one sign, with matching summands."""
    sums = [a for a in expr.atoms(sp.Sum) if len(a.limits) == 1]
    if len(sums) < 2:
        return None
    first = sums[0].limits[0]
    joined: sp.Expr = sp.Integer(0)
    rest: sp.Expr = expr
    for s in sums:
        coefficient = sp.expand(expr).coeff(s)
        same = s.limits[0][1:] == first[1:]
        if not same or coefficient.has(sp.Sum):
            return None
        joined += coefficient * s.function.xreplace({s.limits[0][0]: first[0]})
        rest = rest - coefficient * s
    joined = sp.simplify(joined)
    rest = sp.expand(rest)
    return rest if joined == 0 else None


def _derivatives(expr: sp.Expr) -> sp.Expr | None:
    """Derivatives of undefined functions carried out, products expanded."""
    if not expr.has(AppliedUndef, sp.Derivative):
        return None
    return bounded_expand(sp.fraction(sp.together(expr.doit(integrals=False)))[0])


def _unrooted(expr: sp.Expr) -> sp.Expr | None:
    """Exponentials of logarithms and logarithms of exponentials resolved where the assumptions allow."""
    new = sp.logcombine(sp.expand_log(expr))
    return sp.simplify(new) if new != expr else None


def _arcs(expr: sp.Expr) -> sp.Expr | None:
    """asin u = pi/2 - acos u, which holds for every complex u."""
    if not expr.has(sp.asin):
        return None
    return bounded_expand(expr.replace(sp.asin, lambda u: sp.pi / 2 - sp.acos(u)))


def _lambert(expr: sp.Expr) -> sp.Expr | None:
    """exp(W(u)) = u / W(u), the definition of W."""
    if not expr.has(sp.LambertW):
        return None
    new = expr.replace(
        lambda e: isinstance(e, sp.exp) and isinstance(e.args[0], sp.LambertW),
        lambda e: e.args[0].args[0] / e.args[0],
    )
    return sp.simplify(new)


def _as_exponentials(expr: sp.Expr) -> sp.Expr | None:
    """b^e = exp(e log b), the definition of a power, where the exponent isn't a number."""
    powers = [p for p in expr.atoms(sp.Pow) if not p.exp.is_number]
    if not powers:
        return None
    new = expr.replace(
        lambda e: isinstance(e, sp.Pow) and not isinstance(e, sp.exp) and not e.exp.is_number and e.base != sp.E,
        lambda e: sp.exp(bounded_expand(e.exp * sp.expand_log(sp.log(e.base)))),
    )
    return bounded_expand(new, power_exp=True)


def _angles(expr: sp.Expr) -> sp.Expr | None:
    """A sum of rational multiples of arctangents of rationals and of pi, as the argument of one Gaussian rational.

    The product of the (1 + i q)^n is computed exactly; that it is real leaves a multiple of pi, and a ball tells
    which.
    """
    terms = sp.Add.make_args(sp.expand(expr))
    scale = 1
    pairs: list[tuple[sp.Rational, sp.Rational]] = []
    for term in terms:
        coefficient, rest = term.as_coeff_Mul()
        if rest == sp.pi:
            pairs.append((coefficient, sp.Integer(0)))
        elif isinstance(rest, sp.atan) and rest.args[0].is_Rational:
            pairs.append((coefficient, rest.args[0]))
        else:
            return None
        scale = scale * coefficient.q // sp.igcd(scale, coefficient.q)
    real, imaginary = sp.Integer(1), sp.Integer(0)
    for coefficient, q in pairs:
        n = int(coefficient * scale)
        if q == 0:
            continue
        if abs(n) > 500:
            return None
        for _ in range(abs(n)):
            step = q if n > 0 else -q
            real, imaginary = real - imaginary * step, imaginary + real * step
    if imaginary != 0:
        return None
    # scale * expr is a multiple of pi: it is 0 where it is smaller than pi in size
    return sp.Integer(0) if abs(sp.N(scale * expr, 30, maxn=200)) < 3 else None


ROUTES: tuple[tuple[str, Callable[[sp.Expr], sp.Expr | None], float], ...] = (
    ("integrals and series by their formulas", closed_forms, 0.3),
    ("expand", bounded_expand, 0.1),
    ("derivatives carried out", _derivatives, 0.1),
    ("common denominator", _fraction, 0.1),
    ("powers collected", _powers, 0.1),
    ("logarithms split", _logarithms, 0.1),
    ("exponentials for sines", _exponentials, 0.1),
    ("addition theorems", _sines, 0.1),
    ("gamma functions combined", _gammas, 0.1),
    ("factorials combined", _combinatorial, 0.1),
    ("error functions", _errors, 0.1),
    ("roots denested", _roots, 0.1),
    ("relations among generators", _ideal, 0.2),
    ("minimal polynomial", _minimal_polynomial, 0.2),
    ("angles of Gaussian rationals", _angles, 0.2),
    ("powers as exponentials", _as_exponentials, 0.1),
    ("complementary arcs", _arcs, 0.1),
    ("definition of W", _lambert, 0.2),
    ("cases", _pieces, 0.2),
    ("real and imaginary parts", _parts, 0.2),
    ("integrals, sums and derivatives carried out", _done, 0.3),
    ("simplify", _simplified, 0.4),
    ("function identities", _functions, 0.2),
    ("inverse functions as logarithms", _inverse, 0.2),
    ("logarithms combined", _unrooted, 0.2),
    ("summands compared", _sums, 0.2),
    ("special functions", _special, 0.3),
    ("factor", _factored, 0.2),
)
"""Name, route and share of the time left, in the order in which they are tried."""
