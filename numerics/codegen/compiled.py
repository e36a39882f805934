"""`compile`: SymPy expressions to a function of numbers and arrays."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp
from sympy.logic.boolalg import Boolean
from sympy.matrices.expressions.matexpr import MatrixElement

from numerics.codegen.definition import define
from numerics.codegen.pieces import Source, Value, indented
from numerics.codegen.rewrite import stabilise
from numerics.codegen.source import RETURNED, Generator
from symrg.errors import InvalidArguments, UndefinedSymbol, UnsupportedExpression
from symrg.typesetting import Typeset, latex

_PARALLEL_FROM = 1 << 14  # points below which threads cost more than they save


@dataclass(frozen=True)
class Shape:
    """How results are laid out: a leaf, a matrix of leaves, or a sequence of shapes."""

    form: str  # "leaf", "matrix", "tuple"
    parts: tuple[Shape, ...] = ()
    size: tuple[int, ...] = ()
    leaf: int = 0


@dataclass(frozen=True)
class Argument:
    """One argument of a compiled function: its symbol, the generator's name, and the kind of number."""

    symbol: sp.Basic
    name: str
    kind: str  # 'f' or 'c'
    rank: int  # 0: a scalar that broadcasts; else an array of that rank


def compile(
    expressions: Any,
    arguments: Any,
    *,
    dtype: Any = None,
    parallel: bool | int = False,
    cache: bool = True,
) -> CompiledFunction:
    """Compile SymPy expressions to one function of numbers and arrays.

    Args:
        expressions: an expression, a condition, a matrix or array of them, or a (nested) sequence of these.
        arguments: a Symbol, IndexedBase or MatrixSymbol, or a (nested) sequence of them, in the order of the call.
            Symbols take numbers and arrays, which broadcast as in NumPy; an IndexedBase or MatrixSymbol takes one
            whole array, read by its indices (from 0).
        dtype: `float` or `complex`. None means complex where an expression contains the imaginary unit or an
            argument is declared complex or imaginary (`Symbol("z", complex=True)`), else real: a symbol without
            assumptions is taken as real, and what has no real value (the square root of -1) is nan. In complex
            arithmetic arguments that are declared real stay real.
        parallel: the number of threads for large arrays; True means one a processor.
        cache: keep the machine code on disk, so that no later process compiles it (see `numerics.codegen.cache`).

    Returns:
        A `CompiledFunction`. Its results have the structure of `expressions`: a matrix gives an array whose first
        axes are the matrix's, a sequence gives a tuple. Nothing is compiled to machine code before the first call.

    Raises:
        UndefinedSymbol: a free symbol is no argument.
        UnsupportedExpression: no kernel computes some subexpression, which the message names.
        InvalidArguments: the arguments are not symbols, or not distinct.
    """
    flat, groups = _arguments(arguments)
    leaves: list[sp.Basic] = []
    shape = _flatten(expressions, leaves)
    if not leaves:
        raise InvalidArguments("expressions is empty: give at least one expression")
    leaves = [_settled(leaf) for leaf in leaves]
    complex_arithmetic = _is_complex(leaves, flat, dtype)
    named = _name(flat, leaves, complex_arithmetic)
    _see_that_all_is_defined(leaves, named)
    generator = Generator(
        {a.symbol: Value(a.name, a.kind) for a in named if a.rank == 0},
        {a.symbol: Value(a.name, a.kind) for a in named if a.rank},
        complex_arithmetic,
    )
    source = generator.generate(stabilise(leaves, real=not complex_arithmetic))
    threads = (os.cpu_count() or 1) if parallel is True else int(parallel)
    return CompiledFunction(expressions, tuple(named), groups, shape, source, max(threads, 1), cache)


def _arguments(arguments: Any) -> tuple[list[sp.Basic], tuple[Any, ...]]:
    """Arguments in the order of the call, and how they are grouped."""
    flat: list[sp.Basic] = []

    def walk(item: Any) -> Any:
        if isinstance(item, (sp.Symbol, sp.IndexedBase, sp.MatrixSymbol)):
            flat.append(item)
            return None
        if isinstance(item, str):
            raise InvalidArguments(f"argument {item!r} is text; give the Symbol that occurs in the expressions")
        if isinstance(item, (Sequence, sp.MatrixBase, sp.Tuple)):
            return tuple(walk(i) for i in item)
        raise InvalidArguments(
            f"argument {item} is a {type(item).__name__}; expected Symbol, IndexedBase or MatrixSymbol"
        )

    single = isinstance(arguments, (sp.Symbol, sp.IndexedBase, sp.MatrixSymbol))
    groups = walk([arguments] if single else arguments)
    double = sorted({str(a) for a in flat if flat.count(a) > 1})
    if double:
        raise InvalidArguments(f"arguments are given twice: {', '.join(double)}")
    return flat, groups


def _flatten(item: Any, leaves: list[sp.Basic]) -> Shape:
    if isinstance(item, (sp.MatrixBase, sp.NDimArray)):
        size = tuple(int(n) for n in item.shape)
        entries = item.flat() if isinstance(item, sp.MatrixBase) else list(sp.flatten(item.tolist()))
        return Shape("matrix", tuple(_flatten(e, leaves) for e in entries), size)
    if isinstance(item, sp.MatrixExpr):
        try:
            return _flatten(item.as_explicit(), leaves)
        except ValueError as error:
            raise UnsupportedExpression(f"{item} has no explicit entries: give it a shape of numbers") from error
    if isinstance(item, str):
        raise InvalidArguments(f"expression {item!r} is text; read it with symrg.parse first")
    if isinstance(item, np.ndarray):
        entries = [_flatten(e, leaves) for e in item.ravel()]
        return Shape("matrix", tuple(entries), item.shape)
    if isinstance(item, (Sequence, sp.Tuple)):
        return Shape("tuple", tuple(_flatten(i, leaves) for i in item))
    expression = sp.sympify(item, strict=True)
    if not isinstance(expression, (sp.Expr, Boolean)):
        raise UnsupportedExpression(f"{item} is a {type(item).__name__}; expected an expression, condition or matrix")
    leaves.append(expression)
    return Shape("leaf", leaf=len(leaves) - 1)


def _settled(leaf: sp.Basic) -> sp.Basic:
    """Derivatives carried out, so that what is left unevaluated has a reason."""
    if leaf.has(sp.Derivative):
        leaf = leaf.replace(lambda e: isinstance(e, sp.Derivative), lambda e: sp.diff(e.expr, *e.variable_count))
    return leaf


def _is_complex(leaves: list[sp.Basic], arguments: list[sp.Basic], dtype: Any) -> bool:
    if dtype is not None:
        kind = np.dtype(dtype)
        if kind not in (np.dtype(float), np.dtype(complex)):
            raise InvalidArguments(f"dtype {kind} is not supported: kernels compute in float64 or complex128")
        if kind == np.dtype(float) and any(leaf.has(sp.I) for leaf in leaves):
            raise UnsupportedExpression("the expressions contain the imaginary unit; use dtype=complex")
        return kind == np.dtype(complex)
    if any(leaf.has(sp.I) for leaf in leaves):
        return True
    return any(
        (isinstance(a, sp.Symbol) and a.is_complex and not a.is_extended_real) or a.is_extended_real is False
        for a in arguments
        if isinstance(a, sp.Symbol)
    )


def _name(arguments: list[sp.Basic], leaves: list[sp.Basic], complex_arithmetic: bool) -> list[Argument]:
    ranks: dict[sp.Basic, int] = {}
    for leaf in leaves:
        for element in leaf.atoms(sp.Indexed, MatrixElement) if leaf.has(sp.Indexed, MatrixElement) else ():
            base, rank = (element.base, element.rank) if isinstance(element, sp.Indexed) else (element.parent, 2)
            if ranks.setdefault(base, rank) != rank:
                raise UnsupportedExpression(f"{base} is used with {ranks[base]} and with {rank} indices")
    named = []
    for i, symbol in enumerate(arguments):
        if isinstance(symbol, sp.Symbol):
            rank, real = 0, bool(symbol.is_extended_real)
        elif isinstance(symbol, sp.MatrixSymbol):
            rank, real = 2, not complex_arithmetic
        else:
            known = len(symbol.shape) if symbol.shape is not None else 1
            rank, real = ranks.get(symbol, known), bool(symbol.label.is_extended_real)
        kind = "c" if complex_arithmetic and not real else "f"
        named.append(Argument(symbol, f"a{i}", kind, rank))
    return named


def _see_that_all_is_defined(leaves: list[sp.Basic], arguments: list[Argument]) -> None:
    known = {a.symbol for a in arguments}
    known |= {a.symbol.label for a in arguments if isinstance(a.symbol, sp.IndexedBase)}
    unknown: set[str] = set()
    for leaf in leaves:
        for symbol in leaf.free_symbols - known:
            if isinstance(symbol, sp.Indexed):  # SymPy counts elements as free symbols too
                if symbol.base not in known:
                    unknown.add(str(symbol.base))
            else:
                unknown.add(str(symbol))
    if unknown:
        raise UndefinedSymbol(
            f"the expressions contain {', '.join(sorted(unknown))}, which "
            f"{'is' if len(unknown) == 1 else 'are'} not among the arguments "
            f"({', '.join(str(a.symbol) for a in arguments) or 'none'}); add or substitute"
        )


@dataclass(eq=False)
class CompiledFunction(Typeset):
    """Expressions as a function of numbers and arrays; made by `compile`.

    Attributes:
        expressions: what was compiled.
        arguments: the arguments, in the order of the call.
        source: readable Python source; `evaluate` loops over points, `kernel` computes one.
        kernel: the numba function of scalars, to be called from other numba code. With up to 8 results it returns
            them (a tuple if more than one), with more it takes a one-dimensional array to write to as last argument.
        dtype: of the results that are no conditions.
    """

    expressions: Any
    parameters: tuple[Argument, ...]
    groups: tuple[Any, ...]
    shape: Shape
    generated: Source
    threads: int
    cache: bool
    _functions: dict[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.source = _source_text(self.parameters, self.generated)
        self.arguments = tuple(a.symbol for a in self.parameters)
        self.dtype = np.dtype(complex if "c" in self.generated.kinds else float)
        self._flat = all(g is None for g in self.groups)
        self._scalar = [i for i, a in enumerate(self.parameters) if a.rank == 0]
        self._types = [np.dtype(complex if a.kind == "c" else float) for a in self.parameters]
        self._plain = (  # the results are what `evaluate` writes, one after the other
            self.shape.form == "tuple"
            and all(p.form == "leaf" for p in self.shape.parts)
            and ({*self.generated.kinds} == {"f"} or {*self.generated.kinds} == {"c"})
        )

    def __repr__(self) -> str:
        return f"CompiledFunction({self.expressions}, ({', '.join(map(str, self.arguments))}))"

    def latex(self) -> str:
        """The map from the arguments to the expressions."""
        arguments = ", ".join(latex(a) for a in self.arguments)
        if isinstance(self.expressions, (list, tuple)):
            return rf"\left({arguments}\right) \mapsto \left({', '.join(latex(e) for e in self.expressions)}\right)"
        return rf"\left({arguments}\right) \mapsto {latex(self.expressions)}"

    @property
    def kernel(self) -> Any:
        """The numba function that computes one point."""
        return self._function("kernel")

    def _function(self, name: str) -> Any:
        if not self._functions:
            self._functions.update(define(self.source, ("kernel", "evaluate"), self.cache))
        return self._functions[name]

    def __call__(self, *values: Any) -> Any:
        """The expressions at numbers or arrays, which broadcast.

        Raises:
            InvalidArguments: a wrong number of arguments, a complex value for a real argument, an array that is too
                short for an index, a fraction where a whole number is needed.
        """
        if len(values) != len(self.groups):
            names = ", ".join(map(str, self.arguments))
            raise InvalidArguments(f"{len(self.groups)} arguments are expected ({names}), given {len(values)}")
        if not self._flat:
            values = tuple(_ungrouped(self.groups, values))
        arrays: list[np.ndarray] = []
        shape: tuple[int, ...] = ()
        alike = True
        for i, (value, argument) in enumerate(zip(values, self.parameters)):
            if type(value) is float and argument.rank == 0:
                arrays.append(np.array(value, self._types[i]))
                continue
            array = self._converted(i, value)
            arrays.append(array)
            if argument.rank == 0 and array.ndim:
                alike = alike and (array.shape == shape or not shape)
                shape = array.shape
        for i in self.generated.whole:
            self._see_whole(i, arrays)
        if not alike:
            shape = self._broadcast(arrays)
        size = math.prod(shape)
        out = np.empty((len(self.generated.results), size), dtype=self.dtype)
        if size:
            self._evaluate(arrays, shape, out)
        if len(shape) != 1:
            out = out.reshape(out.shape[0], *shape)
        if self._plain and shape:
            return tuple(out)
        return self._arranged(self.shape, out, shape)

    def _broadcast(self, arrays: list[np.ndarray]) -> tuple[int, ...]:
        try:
            return np.broadcast_shapes(*(arrays[i].shape for i in self._scalar))
        except ValueError as error:
            given = ", ".join(f"{self.arguments[i]}: {arrays[i].shape}" for i in self._scalar)
            raise InvalidArguments(f"shapes do not broadcast together: {given}") from error

    def _converted(self, i: int, value: Any) -> np.ndarray:
        argument = self.parameters[i]
        if type(value) is np.ndarray and value.dtype == self._types[i] and argument.rank in (0, value.ndim):
            flags = value.flags
            if flags.c_contiguous and flags.writeable:
                return value
        try:
            array = np.asarray(value)
            if array.dtype.kind not in "biufc":
                raise TypeError(array.dtype)
            if array.dtype.kind == "c" and argument.kind == "f":
                raise InvalidArguments(
                    f"{argument.symbol} was given complex values but is compiled as real; use dtype=complex, and do "
                    "not declare the symbol real"
                )
            array = np.require(array, self._types[i], ["C", "W"]) if array.ndim else array.astype(self._types[i])
        except (TypeError, ValueError) as error:
            if isinstance(error, InvalidArguments):
                raise
            given = f"{type(value).__name__} {value!r:.60}"
            raise InvalidArguments(f"{argument.symbol} was given {given}; expected numbers or an array") from error
        if argument.rank and array.ndim != argument.rank:
            raise InvalidArguments(f"{argument.symbol} is an array of rank {argument.rank}, given shape {array.shape}")
        return array

    def _see_whole(self, scalar: int, arrays: list[np.ndarray]) -> None:
        i = self._scalar[scalar]
        array = arrays[i].real
        if not np.all(np.floor(array) == array) or not np.all(np.abs(array) < 2.0**62):
            raise InvalidArguments(
                f"{self.arguments[i]} bounds a sum or is an index: whole numbers expected, given {array}"
            )

    def _evaluate(self, arrays: list[np.ndarray], shape: tuple[int, ...], out: np.ndarray) -> None:
        passed: list[Any] = []
        for argument, array in zip(self.parameters, arrays):
            if argument.rank:
                passed.append(array)
            elif array.size == 1:
                passed.append(array.item())
            elif array.shape == shape:
                passed.append(array.reshape(-1))
            else:
                passed.append(np.ascontiguousarray(np.broadcast_to(array, shape)).reshape(-1))
        function = self._function("evaluate")
        size = out.shape[1]
        try:
            if self.threads == 1 or size < _PARALLEL_FROM:
                function(*passed, out, 0, size)
                return
            edges = [size * k // self.threads for k in range(self.threads + 1)]
            with ThreadPoolExecutor(self.threads) as pool:
                part = partial(function, *passed, out)
                jobs = [pool.submit(part, a, b) for a, b in pairwise(edges)]
            for job in jobs:
                job.result()
        except IndexError as error:
            raise InvalidArguments(self._index_message(str(error))) from None

    def _index_message(self, text: str) -> str:
        name, _, axis = text.partition(" axis ")
        for argument in self.parameters:
            if argument.name == name:
                return f"an index leaves the array given for {argument.symbol} on axis {axis}; give a longer array"
        return text

    def _arranged(self, form: Shape, out: np.ndarray, shape: tuple[int, ...]) -> Any:
        if form.form == "tuple":
            return tuple(self._arranged(p, out, shape) for p in form.parts)
        if form.form == "leaf":
            value, kind = out[form.leaf], self.generated.kinds[form.leaf]
            if kind == "b":
                return bool(value.real) if not shape else value.real != 0.0
            if kind == "f" and self.dtype.kind == "c":
                value = value.real
            return value.item() if not shape else value
        kinds = {self.generated.kinds[p.leaf] for p in form.parts}
        first = form.parts[0].leaf if form.parts else 0
        block = out[first : first + len(form.parts)]
        if kinds == {"b"}:
            block = block.real != 0.0
        elif "c" not in kinds:
            block = block.real
        return block.reshape(*form.size, *shape)


def _ungrouped(groups: tuple[Any, ...], values: Any) -> list[Any]:
    flat: list[Any] = []
    if len(values) != len(groups):
        raise InvalidArguments(f"a group of {len(groups)} arguments was given {len(values)} values")
    for group, value in zip(groups, values):
        if group is None:
            flat.append(value)
        else:
            flat += _ungrouped(group, value)
    return flat


def _source_text(arguments: tuple[Argument, ...], source: Source) -> str:
    """The module: imports, `kernel` for one point, `evaluate` for many."""
    lines = [*import_lines(source), "", "from numerics.codegen.points import at"]
    lines += ["", "", *kernel_lines(arguments, source)]
    many = len(source.results) > RETURNED
    heads = ", ".join(a.name for a in arguments)
    reads = ", ".join(f"at({a.name}, i)" if not a.rank else a.name for a in arguments)
    lines += ["", "", f"def evaluate({heads}{', ' if heads else ''}out, start, stop):"]
    lines += ["    for i in range(start, stop):"]
    if many:
        lines += [f"        kernel({reads}{', ' if reads else ''}out[:, i])"]
    else:
        targets = ", ".join(f"out[{j}, i]" for j in range(len(source.results)))
        lines += [f"        {targets} = kernel({reads})"]
    return "\n".join(lines) + "\n"


def import_lines(source: Source) -> list[str]:
    """The imports that the statements of a kernel need."""
    lines = ["import cmath", "import math"]
    if source.own or source.foreign:
        lines.append("")
    if source.own:
        lines.append(f"from numerics.codegen.special import {', '.join(source.own)}")
    if source.foreign:
        lines.append(f"from numerics.codegen.foreign import {', '.join(source.foreign)}")
    return lines


def kernel_lines(arguments: tuple[Argument, ...], source: Source, name: str = "kernel") -> list[str]:
    """The function that computes one point."""
    names = ", ".join(a.name for a in arguments)
    pairs = list(zip(source.results, source.kinds))
    if len(pairs) > RETURNED:
        head = f"def {name}({names}{', ' if names else ''}out):"
        return [head, *indented([*source.body, *(f"out[{i}] = {_stored(r, k)}" for i, (r, k) in enumerate(pairs))])]
    results = ", ".join(_stored(r, k) for r, k in pairs)
    return [f"def {name}({names}):", *indented([*source.body, f"return {results}"])]


def _stored(text: str, kind: str) -> str:
    return f"1.0 if {text} else 0.0" if kind == "b" else text
