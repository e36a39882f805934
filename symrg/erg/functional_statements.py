r"""The statements of exact renormalisation with functional derivatives and momentum integrals, as the talk has them.

Each is built in the functional algebra, prints itself, and becomes a claim on any flow with finitely many modes, where
the other side comes from the finite-mode derivation. Numerical factors are not written down: they are solved for on the
generic flow of one mode (any kernel, any cutoff function, any interaction), and must be free of the volume.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Any, Literal

from sympy import (
    Derivative,
    Dummy,
    Expr,
    Function,
    ImmutableMatrix,
    Matrix,
    S,
    Symbol,
    cancel,
    diff,
    exp,
    expand,
    expand_log,
    factor,
    log,
    simplify,
    solve,
)
from sympy import Integral as Integrated
from sympy.core.function import AppliedUndef

from symrg.budget import Declined
from symrg.erg.functional import (
    TWO_PI_D,
    Coefficient,
    Exponential,
    FieldAt,
    FieldIntegral,
    Functional,
    Integral,
    Kernel,
    KernelAt,
    Point,
    Product,
    ScaleRate,
    Term,
    Volume,
    momentum,
    position,
    walk,
)
from symrg.erg.functional_modes import CELL, VOLUME, FiniteModes
from symrg.erg.polchinski import PolchinskiFlow
from symrg.erg.wegner_morris import WegnerMorrisFlow, independent_derivatives
from symrg.errors import InvalidEquation, SymrgError
from symrg.fokker_planck.identity import vanishes
from symrg.typesetting import Typeset
from symrg.verification import Claim

Notation = Literal["momentum", "position"]
Flow = PolchinskiFlow | WegnerMorrisFlow

G = Kernel("G", "G", 2)
G_INVERSE = Kernel("G^-1", "G^{-1}", 0)
K = Kernel("K", r"K_\Lambda", 1)
K_INVERSE = Kernel("K^-1", r"K_\Lambda^{-1}", 1)
C_INVERSE = Kernel("C^-1", r"C_\Lambda^{-1}", 2)
RATE = Kernel("dC", r"\dot C_\Lambda", 0)
POLCHINSKI = Kernel("C^Pol", r"C_\Lambda^{Pol.}", 0)
REGULATOR = Kernel("C^WM", r"C_\Lambda^{WM}", 0)

P, S_INT, ACTION = Functional("P", r"P_\Lambda"), Functional("S_int", r"S_{int,\Lambda}"), Functional("S", r"S_\Lambda")
V_POL = Functional("V", r"V_\Lambda^{Pol.}")
SEED, SCHEME = Functional("seed", r"\hat S_\Lambda"), Functional("Sigma", r"\Sigma_\Lambda")


@dataclass(frozen=True)
class FunctionalStatement(Typeset):
    """An equation between functionals, which becomes a claim when a flow is put in.

    Attributes:
        name: what it is, with the talk's number where it has one.
        left: the left side.
        right: the right side.
        relation: LaTeX between them.
        weight: what both sides are divided by in the claim: P where it is a statement on P.
        flow: the flow from which the statement came.
    """

    name: str
    left: Term
    right: Term
    relation: str = "="
    weight: Term | None = None
    flow: Flow | None = None

    def latex(self) -> str:
        """The equation in functional notation."""
        return f"{self.left.latex()} {self.relation} {self.right.latex()}"

    def scaled(self, factor: Any) -> FunctionalStatement:
        """The same statement with the right side multiplied: what a wrong factor looks like."""
        return replace(self, right=Product.of(factor, self.right))

    def claim(self, flow: Flow | None = None, pairs: Sequence[tuple[int, int]] = ()) -> Claim:
        """The statement on the modes of a flow.

        Args:
            flow: with any number of modes; left out, the one from which the statement came.
            pairs: in momentum notation, pairs of modes that belong to p and -p (see `FiniteModes`).

        Raises:
            InvalidEquation: no flow, or one that the notation can't hold.
        """
        chosen = self.flow if flow is None else flow
        if chosen is None:
            raise InvalidEquation("a statement without a flow of its own needs one: claim(flow)")
        labels = self._free_labels()
        spaces = {p.space for side in (self.left, self.right) for t in walk(side) for p in _points_of(t)}
        if spaces == {"momentum", "position"}:
            raise InvalidEquation("the statement mixes positions and momenta")
        modes = finite_modes(chosen, "momentum" if "momentum" in spaces else "position", pairs)
        rows = []
        for numbers in product(range(len(modes.modes)), repeat=len(labels)):
            at = dict(zip(labels, numbers))
            weight = S.One if self.weight is None else modes.evaluate(self.weight, at)
            rows.append([_freed(_divided(modes.evaluate(side, at), weight)) for side in (self.left, self.right)])
        name = f"{self.name} on {len(modes.modes)} mode{'s' if len(modes.modes) > 1 else ''}"
        if len(rows) == 1:
            return Claim(rows[0][0], rows[0][1], name=name, printed=self.latex())
        left, right = (ImmutableMatrix([row[k] for row in rows]) for k in (0, 1))
        return Claim(left, right, name=name, printed=self.latex())

    def residual(self, flow: Flow | None = None, pairs: Sequence[tuple[int, int]] = ()) -> Expr:
        """Left minus right on the modes of a flow: 0 where they agree; a column where the statement has free labels.

        An integral over all fields stays unevaluated.
        """
        claim = self.claim(flow, pairs)
        gap = claim.lhs - claim.rhs
        if gap.has(Integrated):
            return gap
        return gap.applyfunc(_settled) if hasattr(gap, "applyfunc") else _settled(gap)

    def _free_labels(self) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for side in (self.left, self.right):
            bound = {p.name for t in walk(side) if isinstance(t, Integral) for p in t.points}
            for term in walk(side):
                for point in _points_of(term):
                    if point.name not in bound:
                        found[point.name] = None
        return tuple(found)


def polchinski_statements(flow: PolchinskiFlow, notation: Notation = "momentum") -> tuple[FunctionalStatement, ...]:
    """Equations (4) and (7)-(11) for Polchinski's scheme, with the factors that the machine finds.

    Args:
        flow: the flow on which `claim` checks them when it is given no other.
        notation: "momentum" for integrals over p with kernels C(p^2), "position" for C(x, y).
    """
    space = _space(notation)
    found = [
        FunctionalStatement("(4)", P, Exponential(-ACTION)),
        FunctionalStatement(
            "(7)", P, Product.of(Exponential(-space.quadratic(G, K_INVERSE) * S.Half), Exponential(-S_INT)), r"\propto"
        ),
        FunctionalStatement("(6)", ScaleRate(FieldIntegral(P)), Coefficient(S.Zero)),
        _solved(lambda x, y, z: _interaction_flow(space, x, y, z), 3),
        _solved(lambda x: _conservation(space, x), 1),
        _solved(lambda x, y: _fokker_planck(space, x, y), 2),
        FunctionalStatement("(11), regulator", space.at(POLCHINSKI), space.polchinski_kernel()),
        FunctionalStatement("(11), potential", V_POL, space.quadratic(G, K_INVERSE)),
    ]
    return tuple(replace(s, flow=flow) for s in found)


def printed_flow(flow: PolchinskiFlow | None = None, notation: Notation = "momentum") -> FunctionalStatement:
    """(8)-(10) as the talk prints them, with both factors one: refused by every flow."""
    return replace(_fokker_planck(_space(notation), S.One, S.One), flow=flow)


def wegner_morris_statements(
    flow: WegnerMorrisFlow, notation: Notation = "position"
) -> tuple[FunctionalStatement, ...]:
    """The Wegner-Morris flow: Fokker-Planck equation, scheme function, divergence form and flow of the action.

    Args:
        flow: the flow on which `claim` checks them when it is given no other.
        notation: "momentum" for a diagonal regulator that is free of the field, "position" for any.
    """
    space = _space(notation)
    found = [
        FunctionalStatement("scheme function", SCHEME, ACTION - 2 * SEED),
        _solved(lambda x, y: _seeded_fokker_planck(space, x, y), 2, seeded=True),
        _solved(lambda x: _scheme_divergence(space, x), 1, seeded=True),
        _solved(lambda x, y: _action_flow(space, x, y), 2, seeded=True),
    ]
    return tuple(replace(s, flow=flow) for s in found)


@dataclass(frozen=True)
class _Space:
    """How a contraction is written in momentum or position space."""

    notation: Notation
    left: Point
    right: Point
    middle: Point

    def at(self, kernel: Kernel) -> KernelAt:
        return kernel.at(self.left) if self.notation == "momentum" else kernel.at(self.left, self.right)

    def contracted(self, kernel: Kernel, build: Callable[[Term, Point, Point], Term]) -> Term:
        """The integral of C(x, y) A(x) B(y); `build` gets the kernel and both points."""
        if self.notation == "position":
            return Integral(build(self.at(kernel), self.left, self.right), (self.left, self.right))
        weight: Term = self.at(kernel)
        if kernel is not POLCHINSKI:
            weight = Product.of(TWO_PI_D, weight)
        return Integral(build(weight, self.left, -self.left), (self.left,), normalised=False)

    def quadratic(self, *kernels: Kernel) -> Term:
        """phi times the product of the kernels times phi, integrated."""
        if self.notation == "momentum":
            inner = Product.of(FieldAt(self.left), *(k.at(self.left) for k in kernels), FieldAt(-self.left))
            return Integral(inner, (self.left,))
        points = (self.left, self.middle, self.right) if len(kernels) == 2 else (self.left, self.right)
        chain = [k.at(a, b) for k, a, b in zip(kernels, points, points[1:])]
        return Integral(Product.of(FieldAt(self.left), *chain, FieldAt(self.right)), points)

    def trace(self, lower: Kernel, upper: Kernel) -> Term:
        if self.notation == "momentum":
            return Volume() * Integral(lower.at(self.left) * upper.at(self.left), (self.left,))
        inner = lower.at(self.left, self.right) * upper.at(self.right, self.left)
        return Integral(inner, (self.left, self.right))

    def polchinski_kernel(self) -> Term:
        if self.notation == "momentum":
            return Product.of(TWO_PI_D, G_INVERSE.at(self.left), ScaleRate(K.at(self.left)))
        inner = Product.of(ScaleRate(K.at(self.left, self.middle)), G_INVERSE.at(self.middle, self.right))
        return Integral(inner, (self.middle,))


def _space(notation: str) -> _Space:
    if notation == "momentum":
        p, q, r = momentum("p", "q", "r")
        return _Space("momentum", p, q, r)
    if notation == "position":
        x, y, z = position("x", "y", "z")
        return _Space("position", x, y, z)
    raise InvalidEquation(f"notation is {notation!r}; expected 'momentum' or 'position'")


def _interaction_flow(space: _Space, x: Expr, y: Expr, z: Expr) -> FunctionalStatement:
    gradients = space.contracted(RATE, lambda c, a, b: c * S_INT.varied(a) * S_INT.varied(b))
    laplacian = space.contracted(RATE, lambda c, a, b: c * S_INT.varied(a, b))
    right = x * gradients + y * laplacian + z * space.trace(C_INVERSE, RATE)
    return FunctionalStatement("flow of the interaction", ScaleRate(S_INT), right)


def _conservation(space: _Space, x: Expr) -> FunctionalStatement:
    right = x * space.contracted(POLCHINSKI, lambda c, a, b: (c * (P.varied(b) + P * V_POL.varied(b))).varied(a))
    return FunctionalStatement("(6), as a divergence", ScaleRate(P), right, weight=P)


def _fokker_planck(space: _Space, x: Expr, y: Expr) -> FunctionalStatement:
    right = space.contracted(
        POLCHINSKI, lambda c, a, b: x * (c * P.varied(a, b)) + y * (P * c * V_POL.varied(b)).varied(a)
    )
    return FunctionalStatement("(8)-(10)", ScaleRate(P), right, weight=P)


def _seeded_fokker_planck(space: _Space, x: Expr, y: Expr) -> FunctionalStatement:
    right = space.contracted(
        REGULATOR, lambda c, a, b: (x * (c * P.varied(b)) + y * (P * c * SEED.varied(b))).varied(a)
    )
    return FunctionalStatement("Wegner-Morris flow", -ScaleRate(P), right, weight=P)


def _scheme_divergence(space: _Space, x: Expr) -> FunctionalStatement:
    right = x * space.contracted(REGULATOR, lambda c, a, b: (P * c * SCHEME.varied(b)).varied(a))
    return FunctionalStatement("flow driven by the scheme function", -ScaleRate(P), right, weight=P)


def _action_flow(space: _Space, x: Expr, y: Expr) -> FunctionalStatement:
    right = space.contracted(
        REGULATOR,
        lambda c, a, b: x * (c * ACTION.varied(a) * SCHEME.varied(b)) + y * (c * SCHEME.varied(b)).varied(a),
    )
    return FunctionalStatement("flow of the action", ScaleRate(ACTION), right)


def _solved(build: Callable[..., FunctionalStatement], count: int, seeded: bool = False) -> FunctionalStatement:
    """The statement with the factors that make it hold on the generic flow of one mode."""
    unknowns = [Dummy(f"x{k}") for k in range(count)]
    statement = build(*unknowns)
    flow = _generic(seeded)
    claim = statement.claim(flow)
    phi = flow.modes[0]
    gap = (claim.lhs - claim.rhs).doit()
    functions = [f for f in gap.atoms(Function) if f.has(phi) and f.func.is_Function and not f.args[0].has(exp, log)]
    stand_ins: list[Symbol] = []
    for function in sorted((f for f in functions if f.func.__name__ in ("S", "S_hat")), key=str):
        replacement, first, second = independent_derivatives(function, (phi,))
        renamed = {s: Dummy(str(s)) for s in (*first, *second.values())}
        ordered = sorted(replacement.items(), key=lambda kv: -kv[0].derivative_count)
        for derivative, symbol in ordered:
            gap = gap.subs(derivative, renamed[symbol])
        stand_ins += renamed.values()
    numerator = expand(cancel(expand(gap)))
    poly = numerator.as_poly(phi, *stand_ins)
    solutions = solve(poly.coeffs(), unknowns, dict=True) if poly is not None else []
    if len(solutions) != 1 or set(solutions[0]) != set(unknowns):
        raise SymrgError(f"no factors make the {statement.name} hold on the generic flow: {numerator} = 0")
    values = [simplify(solutions[0][u]) for u in unknowns]
    if any(v.has(VOLUME, CELL) for v in values):
        raise SymrgError(f"the factors {values} of the {statement.name} depend on the volume")
    return build(*values)


@lru_cache(maxsize=2)
def _generic(seeded: bool) -> Flow:
    """One mode with any kernel, any cutoff function and any interaction, or any regulator and seed."""
    phi, scale = Symbol("phi", real=True), Symbol("Lambda", positive=True)
    if seeded:
        return WegnerMorrisFlow(phi, Function("C", positive=True)(scale), Function("S_hat", real=True)(phi), scale)
    kernel = Symbol("G", positive=True)
    return PolchinskiFlow(phi, kernel, Function("K", positive=True)(scale), scale, Function("S", real=True)(phi))


def finite_modes(flow: Flow, notation: Notation, pairs: Sequence[tuple[int, int]] = ()) -> FiniteModes:
    """The kernels and functionals of a flow, by the names of this module, with their derived scale derivatives."""
    return _finite_modes(flow, notation, tuple((int(i), int(j)) for i, j in pairs))


@lru_cache(maxsize=16)
def _finite_modes(flow: Flow, notation: Notation, pairs: tuple[tuple[int, int], ...]) -> FiniteModes:
    power = TWO_PI_D if notation == "momentum" else S.One
    if isinstance(flow, PolchinskiFlow):
        inverse = Matrix(flow.kernel).inv()
        whole = flow.free_action + flow.interaction
        density = exp(-whole)
        rate = flow.action_flow()
        return FiniteModes(
            flow.modes,
            flow.scale,
            {
                "G": flow.kernel,
                "G^-1": ImmutableMatrix(inverse),
                "K": flow.cutoff,
                "K^-1": ImmutableMatrix(flow.cutoff.inv().applyfunc(cancel)),
                "C^-1": ImmutableMatrix(flow.covariance.inv().applyfunc(cancel)),
                "dC": ImmutableMatrix(flow.regulator),
                "C^Pol": ImmutableMatrix(power * flow.regulator),
            },
            {"P": density, "S_int": flow.interaction, "S": whole, "V": flow.printed_form().potential},
            {"S_int": rate, "P": -density * (flow.scale * diff(flow.free_action, flow.scale) + rate)},
            pairs,
        )
    action = Function("S", real=True)(*flow.modes)
    density = exp(-action)
    right = flow.fokker_planck().rhs(density).subs(flow.time, -log(flow.scale))
    return FiniteModes(
        flow.modes,
        flow.scale,
        {"C^WM": flow.regulator},
        {"P": density, "S": action, "seed": flow.seed, "Sigma": flow.scheme_function(action)},
        {"P": -right, "S": flow.action_flow(action)},
        pairs,
    )


def _freed(value: Expr) -> Expr:
    """The value without the volumes where it does not depend on them."""
    for volume in (VOLUME, CELL):
        if value.has(volume):
            without = value.subs(volume, S.One)
            if _settled(value - without) == 0:
                value = without
    return value


def _settled(gap: Expr) -> Expr:
    """Zero where that is decided, else the gap as it is."""
    if gap.has(log):
        gap = gap.replace(log, lambda u: expand_log(log(factor(u)), force=True))
    if _nothing(gap):
        return S.Zero
    open_form = expand(gap)
    if _nothing(open_form):
        return S.Zero
    return S.Zero if open_form.has(AppliedUndef) and simplify(open_form) == 0 else open_form


def _nothing(gap: Expr) -> bool:
    """Whether it vanishes at random points of a finite field; no where that can't be said."""
    if gap == 0:
        return True
    try:
        return not gap.has(Derivative, AppliedUndef) and vanishes(gap)
    except Declined:
        return False


def _divided(value: Expr, weight: Expr) -> Expr:
    return value if weight == 1 else expand(expand(value) / weight)


def _points_of(term: Term) -> tuple[Point, ...]:
    if isinstance(term, FieldAt):
        return (term.point,)
    if isinstance(term, (KernelAt, Integral)):
        return term.points
    point = getattr(term, "point", None)
    return (point,) if isinstance(point, Point) else ()
