"""`generate_solver`: a Python module that solves one Fokker-Planck equation with NumPy and numba alone.

The module holds the equation's own coefficient kernels, generated, and the library's positive scheme, quoted verbatim
from where `numerics.solve` runs it; so the numbers are the same. A symbol's name enters it in two places: as the name
of an argument, if it is a plain identifier that nothing else uses, and in text that is escaped as a string literal.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp

from numerics.codegen import compile
from numerics.codegen.compiled import kernel_lines
from numerics.codegen.quotation import Quotation, quote
from symrg import __version__
from symrg.errors import InvalidEquation, InvalidGrid, InvalidState, UnsupportedExpression
from symrg.files import write_atomically
from symrg.fokker_planck import FokkerPlanck
from symrg.typesetting import latex

_RESERVED = {
    *("times", "initial", "start", "shape", "domain", "boundary", "tolerance", "np", "math", "numba", "solve", "self"),
    *("kernel", "evaluate", "grid", "density", "attributes", "points", "values"),
}

_ROOTS = [
    ("numerics.solver", "_evolve_positive"),
    ("numerics.problem", "Problem"),
    ("numerics.problem", "times_of"),
    ("numerics.grid", "make_grid"),
    ("numerics.boundary", "sides_of"),
    ("numerics.initial", "checked"),
    ("numerics.initial", "_averages"),
    ("numerics.initial", "RESOLVED"),
    ("numerics.coefficients", "Coefficients"),
    ("numerics.coefficients", "Component"),
    ("symrg.errors", "InvalidState"),
    ("symrg.errors", "InvalidEquation"),
]


def generate_solver(
    equation: FokkerPlanck,
    path: Any,
    *,
    domain: Any,
    shape: Any = None,
    initial: Any = None,
    times: Any = (1.0,),
    start: float = 0.0,
    boundary: Any = "reflecting",
    parameters: Mapping[Any, Any] | None = None,
    tolerance: float = 1e-4,
) -> Path:
    """Write a stand-alone solver for one equation: a readable module that needs NumPy and numba alone.

    Its function `solve` takes the parameters of the equation as arguments and returns the cell centres, the densities
    and a dictionary of attributes; run as a program it solves the demonstration that the arguments here describe. The
    numbers are those of `numerics.solve` with its positive scheme.

    Args:
        equation: in 1, 2 or 3 coordinates.
        path: of the module to write; a file of that name is replaced.
        domain: finite intervals or arrays of faces, as for `numerics.solve`; the default of the module's `solve`.
        shape: cells along each axis, likewise.
        initial: density at `start` as an expression in the coordinates and parameters, likewise; None means that the
            module's `solve` must be given one (the demonstration takes a normal density in the middle).
        times: output times, likewise.
        start: time of the initial density, likewise.
        boundary: as for `numerics.solve`, likewise.
        parameters: default values of the parameters.
        tolerance: of the time integration, likewise.

    Returns:
        The path.

    Raises:
        InvalidEquation: not a FokkerPlanck equation in at most three coordinates, or wrong parameter values.
        InvalidGrid: an infinite domain, or one that does not fit.
        UnsupportedExpression: a coefficient needs a function for which only SciPy has a kernel.
    """
    text = solver_source(
        equation,
        domain=domain,
        shape=shape,
        initial=initial,
        times=times,
        start=start,
        boundary=boundary,
        parameters=parameters,
        tolerance=tolerance,
    )
    target = Path(path)
    return write_atomically(target, text)


def solver_source(
    equation: FokkerPlanck,
    *,
    domain: Any,
    shape: Any = None,
    initial: Any = None,
    times: Any = (1.0,),
    start: float = 0.0,
    boundary: Any = "reflecting",
    parameters: Mapping[Any, Any] | None = None,
    tolerance: float = 1e-4,
) -> str:
    """The text of the module that `generate_solver` writes."""
    from numerics.problem import make_problem, times_of

    if not isinstance(equation, FokkerPlanck) or equation.dimension > 3:
        raise InvalidEquation("expected a FokkerPlanck equation in one to three coordinates")
    if initial is not None and not isinstance(initial, (sp.Expr, int, float)):
        raise InvalidState(f"initial is a {type(initial).__name__}; a module is generated from an expression")
    state = None if initial is None else sp.sympify(initial, strict=True)
    symbols = _parameters(equation, state)
    defaults = _defaults(symbols, parameters)
    trial = {s: defaults.get(s, 1.0) for s in symbols}
    problem = make_problem(equation, domain, shape, boundary, trial, state, float(start))
    if problem.unbounded:
        raise InvalidGrid(
            "an infinite domain is fitted to the solution, which a stand-alone module does not do (it has the positive "
            "scheme on finite domains); give ends, or the faces of an axis of a result of numerics.solve"
        )
    wanted, _ = times_of(times, start)
    names = _argument_names([*equation.coordinates, *symbols])
    coefficients = problem.coefficients
    components = [*coefficients.axes, *(coefficients.full or ())]
    kernels = [_Kernel(f"coefficients_{k}", c.expressions, equation, symbols) for k, c in enumerate(components)]
    if state is not None:
        kernels.append(_Kernel("initial_density", (state,), equation, symbols))
    quotation = quote([*_ROOTS, *(("numerics.codegen.special", n) for k in kernels for n in k.own)], _spared(problem))
    return "\n\n\n".join(
        [
            _head(equation, state, symbols, names, quotation),
            "# The scheme, as in the library: grid, fluxes, time steps." + "\n\n" + _plain(quotation.text),
            "# The equation.",
            *(k.text(quotation) for k in kernels),
            _FIXED.strip("\n"),
            _equation_text(coefficients, components, equation, symbols),
            _solve_text(equation, problem, symbols, names, defaults, state, wanted, float(start), tolerance),
            _demonstration(equation, symbols, names, defaults, trial, state),
        ]
    )


class _Kernel:
    """A generated function of the coordinates, the time and the parameters, with a loop over points."""

    def __init__(self, name: str, expressions: Sequence[sp.Expr], equation: FokkerPlanck, symbols: Sequence[sp.Symbol]):
        self.name = name
        self.compiled = compile(list(expressions), [*equation.coordinates, equation.time, *symbols], dtype=float)
        generated = self.compiled.generated
        if generated.foreign:
            raise UnsupportedExpression(
                f"{', '.join(generated.foreign)}: only SciPy has a kernel, and a stand-alone module does without SciPy"
            )
        self.own = generated.own

    def text(self, quotation: Quotation) -> str:
        """The source, in the names that the quoted functions have there."""
        count, wide = len(self.compiled.generated.results), len(self.compiled.generated.results) > 8
        lines = kernel_lines(self.compiled.parameters, self.compiled.generated, self.name)
        body = "\n".join(lines)
        for n in self.own:
            body = re.sub(rf"(?<![\w.]){n}\(", quotation.names["numerics.codegen.special", n] + "(", body)
        arguments = ", ".join(f"points[{i}, k]" for i in range(len(self.compiled.arguments)))
        if wide:
            call = f"{self.name}({arguments}, out[:, k])"
        else:
            call = f"{', '.join(f'out[{i}, k]' for i in range(count))} = {self.name}({arguments})"
        decorator = '@njit(error_model="numpy", cache=True)'
        loop = f"def {self.name}_at(points, out):\n    for k in range(points.shape[1]):\n        {call}"
        return f"{decorator}\n{body}\n\n\n{decorator}\n{loop}"


def _spared(problem: Any) -> list[tuple[str, str]]:
    """What the solver refers to and this equation never calls."""
    coefficients = problem.coefficients
    separable = coefficients.separable and not any(coefficients.degenerate)
    spared = [("numerics.cross_diffusion", "lattice_directions")] if coefficients.diagonal else []
    spared.append(("numerics.grid", "_mapped"))
    if separable or not coefficients.autonomous or any(coefficients.degenerate):
        spared += [("numerics.solver", n) for n in ("_expansion", "_expanded")]
    if separable and coefficients.autonomous:
        unused: tuple[str, ...] = ("adaptive", "magnus_step", "strang_step")
    elif separable:
        unused = ("exponential", "strang_step")
    else:
        unused = ("exponential", "magnus_step", "departure")
    return spared + [("numerics.stepping", n) for n in unused]


def _parameters(equation: FokkerPlanck, state: sp.Expr | None) -> list[sp.Symbol]:
    known = {*equation.coordinates, equation.time}
    extra = sorted((state.free_symbols if state is not None else set()) - known - {*equation.parameters}, key=str)
    return [*equation.parameters, *extra]


def _defaults(symbols: Sequence[sp.Symbol], given: Mapping[Any, Any] | None) -> dict[sp.Symbol, float]:
    from numerics.coefficients import check_names, values_for

    check_names(given, symbols)
    given = dict(given or {})
    chosen = [s for s in symbols if s in given or s.name in given]
    return dict(zip(chosen, values_for(chosen, given, "the equation")))


def _argument_names(symbols: Sequence[sp.Symbol]) -> dict[sp.Symbol, str]:
    """A name for each symbol: its own if that is a plain identifier that nothing else uses, else one of ours."""
    names: dict[sp.Symbol, str] = {}
    for k, symbol in enumerate(symbols):
        name = {"lambda": "lambda_"}.get(symbol.name, symbol.name)
        plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,30}", name) is not None
        if not plain or keyword.iskeyword(name) or name in _RESERVED or name in names.values():
            name = f"symbol_{k}"
        names[symbol] = name
    return names


def _escaped(text: str) -> str:
    """Text as it may stand inside a triple-quoted docstring, whatever it is."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return printable.replace("\\", "\\\\").replace('"', '\\"')


def _head(
    equation: FokkerPlanck,
    state: sp.Expr | None,
    symbols: Sequence[sp.Symbol],
    names: Mapping[sp.Symbol, str],
    quotation: Quotation,
) -> str:
    meanings = [f"    {names[s]}: {_escaped(latex(s))}" for s in symbols]
    parts = [
        '"""Solver of the Fokker-Planck equation',
        "    " + _escaped(equation.latex()),
        "on a grid of cells; the arguments of `solve` are",
        "\n".join(meanings) if meanings else "    no parameters",
        *(["and the density starts as", "    " + _escaped(latex(state))] if state is not None else []),
        "Exponentially fitted fluxes with positive rates: densities stay non-negative, mass is conserved to rounding\n"
        f"(but for absorbing sides). Generated by symrg {__version__}; needs numpy and numba alone.\n"
        '"""',
    ]
    imports = {*quotation.imports, "import numpy as np", "from numba import njit", "from types import SimpleNamespace"}
    imports |= {"from dataclasses import dataclass", "from typing import Any", "import math"}
    ordered = sorted(imports, key=lambda s: (s.split()[1].split(".")[0] in ("numba", "numpy"), s.split()[1], s))
    return "\n\n".join(parts) + "\n\nfrom __future__ import annotations\n\n" + "\n".join(ordered)


def _plain(text: str) -> str:
    """Quoted code in which annotations no longer speak of SymPy."""
    for old, new in (("sympy.Symbol", "Symbol"), ("sympy.Expr", "str"), ("FokkerPlanck", "Any")):
        text = re.sub(rf"(?<![\w.]){re.escape(old)}(?!\w)", new, text)
    return text


_FIXED = '''
@dataclass(frozen=True)
class Symbol:
    """A coordinate, by its name."""

    name: str

    def __str__(self) -> str:
        return self.name


def over_points(loop: Any, count: int) -> Any:
    """A function of arrays that broadcast, from a compiled loop over points."""

    def kernel(*values: Any) -> list[np.ndarray]:
        arrays = np.broadcast_arrays(*(np.asarray(v, float) for v in values))
        points = np.ascontiguousarray([a.ravel() for a in arrays])
        out = np.empty((count, points.shape[1]))
        loop(points, out)
        return [row.reshape(arrays[0].shape) for row in out]

    return kernel


def on_cells(function: Any, grid: Grid) -> np.ndarray:
    """A density in every cell: at the centres where the grid resolves it, else averages over the cells."""
    density = np.broadcast_to(function(grid.mesh()), grid.shape)
    mass = float((density * grid.volumes).sum())
    averages = _averages(function, grid)
    exact = float((averages * grid.volumes).sum())
    resolved = not np.isfinite(exact) or abs(mass - exact) <= RESOLVED * abs(exact)
    return (density if resolved else averages).copy()
'''


def _equation_text(
    coefficients: Any, components: Sequence[Any], equation: FokkerPlanck, symbols: Sequence[sp.Symbol]
) -> str:
    coordinates = ", ".join(f"Symbol({c.name!r})" for c in equation.coordinates)
    lines = [f"COORDINATES = ({coordinates},)"]
    for k, c in enumerate(components):
        texts = ", ".join(repr(str(e)) for e in c.expressions)
        kernel = f"over_points(coefficients_{k}_at, {len(c.expressions)})"
        lines.append(f"COMPONENT_{k} = Component(({texts},), COORDINATES, {c.depends!r}, {kernel})")
    axes = ", ".join(f"COMPONENT_{k}" for k in range(len(coefficients.axes)))
    values = {
        "equation": "SimpleNamespace(coordinates=COORDINATES)",
        "parameters": "()",
        "diagonal": repr(bool(coefficients.diagonal)),
        "degenerate": repr(tuple(bool(d) for d in coefficients.degenerate)),
        "separable": repr(bool(coefficients.separable)),
        "autonomous": repr(bool(coefficients.autonomous)),
        "axes": f"({axes},)" if axes else "()",
        "full": "(COMPONENT_0, COMPONENT_1)" if coefficients.full is not None else "None",
    }
    lines += ["COEFFICIENTS = Coefficients(", *(f"    {k}={v}," for k, v in values.items()), ")"]
    return "\n".join(lines)


def _solve_text(
    equation: FokkerPlanck,
    problem: Any,
    symbols: Sequence[sp.Symbol],
    names: Mapping[sp.Symbol, str],
    defaults: Mapping[sp.Symbol, float],
    state: sp.Expr | None,
    wanted: np.ndarray,
    start: float,
    tolerance: float,
) -> str:
    required = [names[s] for s in symbols if s not in defaults]
    optional = [f"{names[s]}: float = {defaults[s]!r}" for s in symbols if s in defaults]
    axes = problem.grid.axes
    intervals = [
        f"({float(a.faces[0])!r}, {float(a.faces[-1])!r})" if a.kind == "uniform" else repr(tuple(map(float, a.faces)))
        for a in axes
    ]
    cells = [repr(a.cells) for a in axes]
    sides = [repr((a.sides.lower, a.sides.upper)) for a in axes]
    signature = [
        *(f"{n}: float" for n in required),
        *optional,
        f"times: Any = {tuple(map(float, wanted))!r}",
        "initial: Any = None",
        f"start: float = {start!r}",
        f"domain: Any = ({', '.join(intervals)},)",
        f"shape: Any = ({', '.join(cells)},)",
        f"boundary: Any = ({', '.join(sides)},)",
        f"tolerance: float = {float(tolerance)!r}",
    ]
    values = f"({', '.join(f'float({names[s]})' for s in symbols)}{',' if symbols else ''})"
    if state is None:
        begin = [
            "    if initial is None:",
            '        raise InvalidState("give initial: a function of the coordinate arrays, or an array")',
        ]
        otherwise = "None"
    else:
        begin = []
        otherwise = "lambda points: over_points(initial_density_at, 1)(*points, start, *values)[0]"
    lines = [
        "def solve(",
        "    *,",
        *(f"    {s}," for s in signature),
        ") -> tuple[tuple[np.ndarray, ...], np.ndarray, dict[str, Any]]:",
        '    """The density at the given times.',
        "",
        "    Args:",
        *(f"        {names[s]}: {_escaped(latex(s))}." for s in symbols),
        "        times: increasing output times, none before `start`.",
        "        initial: density at `start`: an array on the grid, or a function of the coordinate arrays.",
        "        start: time of the initial density.",
        "        domain: for each coordinate an interval, or increasing faces of the cells.",
        "        shape: number of cells along each coordinate.",
        "        boundary: for each coordinate the kinds of its two sides: reflecting, absorbing or periodic.",
        "        tolerance: of the time integration, as integral of |p - exact|.",
        "",
        "    Returns:",
        "        Cell centres along each coordinate; densities, the time first; attributes (steps, error, ...).",
        '    """',
        f"    values = {values}",
        *begin,
        "    wanted, first = times_of(times, start)",
        "    sides = sides_of(dict(zip(COORDINATES, boundary)), COORDINATES)",
        "    grid = make_grid(COORDINATES, dict(zip(COORDINATES, domain)), shape, sides)",
        "    if initial is None:",
        f"        density = on_cells({otherwise}, grid)" if state is not None else "        density = None",
        "    elif callable(initial):",
        "        density = np.broadcast_to(np.asarray(initial(*grid.mesh()), float), grid.shape).copy()",
        "    else:",
        "        density = np.array(initial, float)",
        "    if density.shape != grid.shape:",
        '        raise InvalidState(f"the initial array has shape {density.shape}, the grid {grid.shape}")',
        "    attributes: dict[str, Any] = {}",
        "    problem = Problem(COEFFICIENTS.equation, grid, COEFFICIENTS, values)",
        "    states = _evolve_positive(",
        "        problem, checked(density, grid), wanted, first, tolerance, lambda *now: None, attributes",
        "    )",
        "    densities = np.stack(list(states))",
        "    return tuple(a.centres for a in grid.axes), densities, attributes",
    ]
    if state is None:
        k = lines.index("    if initial is None:", lines.index("    wanted, first = times_of(times, start)"))
        del lines[k : k + 2]
        lines[k] = lines[k].replace("elif", "if")
    return "\n".join(lines)


def _demonstration(
    equation: FokkerPlanck,
    symbols: Sequence[sp.Symbol],
    names: Mapping[sp.Symbol, str],
    defaults: Mapping[sp.Symbol, float],
    trial: Mapping[sp.Symbol, float],
    state: sp.Expr | None,
) -> str:
    given = [f"{names[s]}={trial[s]!r}" for s in symbols if s not in defaults]
    lines = ['if __name__ == "__main__":']
    if state is None:
        lines += [
            "    def bump(*x: np.ndarray) -> np.ndarray:",
            '        """A normal density in the middle, a tenth of the domain wide."""',
            "        value = 1.0",
            "        for axis in x:",
            "            low, high = axis.min(), axis.max()",
            "            width = 0.1 * (high - low)",
            "            scaled = (axis - 0.5 * (low + high)) / width",
            "            value = value * np.exp(-0.5 * scaled**2) / (width * math.sqrt(2 * math.pi))",
            "        return value",
            "",
        ]
        given.append("initial=bump")
    lines += [
        f"    centres, densities, attributes = solve({', '.join(given)})",
        "    for state in densities:",
        "        shares = state / state.sum()",
        "        for k, x in enumerate(centres):",
        "            marginal = shares.sum(axis=tuple(j for j in range(shares.ndim) if j != k))",
        "            mean = float((marginal * x).sum())",
        "            deviation = math.sqrt(float((marginal * (x - mean) ** 2).sum()))",
        '            print(f"{COORDINATES[k]}: mean {mean:.6g}, standard deviation {deviation:.6g}", end="; ")',
        '        print(f"largest density {state.max():.6g}")',
        '    print(f"{attributes}")',
    ]
    return "\n".join(lines) + "\n"
