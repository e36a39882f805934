"""What compiled functions accept, return and refuse."""

import os

import numba
import numpy as np
import pytest
import sympy as sp

import numerics
from numerics.codegen.compiled import CompiledFunction
from symrg.errors import InvalidArguments, SymrgError, UndefinedSymbol, UnsupportedExpression

x, y, z = sp.symbols("x y z", real=True)
i, j, k, n = sp.symbols("i j k n", integer=True)
A, B, W = sp.IndexedBase("A"), sp.IndexedBase("B"), sp.IndexedBase("W")


def test_results_have_the_structure_of_the_expressions():
    f = numerics.compile([x + y, (x * y, sp.Matrix([[x, y], [y, x]])), x < y], (x, y))
    total, (product, matrix), less = f(2.0, 3.0)
    assert (total, product, less) == (5.0, 6.0, True)
    assert isinstance(total, float)
    assert matrix.tolist() == [[2.0, 3.0], [3.0, 2.0]]
    grid = np.arange(6.0).reshape(2, 3)
    total, (product, matrix), less = f(grid, 3.0)
    assert total.shape == product.shape == less.shape == (2, 3)
    assert less.dtype == bool
    assert less.tolist() == (grid < 3).tolist()
    assert matrix.shape == (2, 2, 2, 3)
    assert (matrix[0, 0] == grid).all()
    assert (matrix[0, 1] == 3).all()


def test_arguments_broadcast_as_in_numpy():
    f = numerics.compile(x + 10 * y + 100 * z, (x, y, z))
    a, b = np.arange(3.0)[:, None], np.arange(4.0)[None, :]
    assert (f(a, b, 2.0) == a + 10 * b + 200).all()
    assert f(np.float64(1), 2, np.array(3)) == 321.0
    assert f(np.ones((0, 2)), 1.0, 1.0).shape == (0, 2)
    strided = np.arange(10.0)[::3]
    assert (f(strided, 0, 0) == strided).all()
    frozen = np.arange(3.0)
    frozen.setflags(write=False)
    assert (f(frozen, 0, 0) == frozen).all()
    assert (f(np.arange(3, dtype=np.float32), np.arange(3), 0) == 11 * np.arange(3)).all()
    with pytest.raises(InvalidArguments, match="x: \\(2,\\)"):
        f(np.ones(2), np.ones(3), 0.0)


def test_groups_of_arguments():
    f = numerics.compile(x * y - z, [(x, y), z])
    assert f((2.0, 3.0), 1.0) == 5.0
    with pytest.raises(InvalidArguments, match="group of 2"):
        f((2.0,), 1.0)


def test_many_results_and_threads_give_the_same_numbers():
    expressions = [sp.sin(m * x) * sp.exp(-y) for m in range(12)]
    grid = np.linspace(-3, 3, 40_000)
    one = numerics.compile(expressions, (x, y))(grid, 0.5)
    two = numerics.compile(expressions, (x, y), parallel=2)(grid, 0.5)
    for m, (a, b) in enumerate(zip(one, two)):
        assert (a == b).all()
        assert np.allclose(a, np.sin(m * grid) * np.exp(-0.5), rtol=1e-13, atol=1e-15)


def test_the_kernel_can_be_called_from_numba():
    kernel = numerics.compile([x * y, x - y], (x, y)).kernel

    @numba.njit
    def norm(a, b):
        p, q = kernel(a, b)
        return p * p + q * q

    assert norm(2.0, 3.0) == 37.0
    many = numerics.compile([x**m for m in range(10)], x).kernel

    @numba.njit
    def total(a, out):
        many(a, out)
        return out.sum()

    assert total(2.0, np.empty(10)) == 1023.0


def test_piecewise_and_conditions():
    e = sp.Piecewise(
        (x**2, x < -1), (sp.sqrt(x + 1), sp.And(x < 3, y > 0)), (sp.Piecewise((1, y < 0), (2, True)), x < 5)
    )
    f = numerics.compile(e, (x, y))
    assert f(-2.0, 1.0) == 4.0
    assert f(0.0, 1.0) == 1.0
    assert f(4.0, -1.0) == 1.0
    assert f(4.0, 1.0) == 2.0
    assert np.isnan(f(6.0, 1.0))
    g = numerics.compile(
        [sp.Or(x < 0, sp.Not(y < 1)), sp.Xor(x < 0, y < 0, x < y), sp.Ne(x, y), sp.ITE(x < 0, y < 0, y > 0)], (x, y)
    )
    for a in (-1.0, 0.0, 1.0, 2.0):
        for b in (-1.0, 0.5, 1.0, 3.0):
            assert g(a, b) == (a < 0 or not b < 1, (a < 0) ^ (b < 0) ^ (a < b), a != b, b < 0 if a < 0 else b > 0)


def test_a_branch_is_computed_only_where_it_is_taken():
    """Work that one branch alone needs is inside the `if`, shared work before it."""
    e = sp.Piecewise((sp.gamma(x) + sp.exp(y), x > 0), (sp.sin(sp.exp(y)), True))
    body = numerics.compile(e, (x, y)).source
    before, _, inside = body.partition("    if ")
    assert "gamma(" not in before.split("def kernel")[1]
    assert "gamma(" in inside
    f = numerics.compile(e + sp.exp(y), (x, y))
    assert f.source.count("math.exp(") == 1


def test_steps_and_rounding():
    f = numerics.compile(
        [
            sp.floor(x),
            sp.ceiling(x),
            sp.frac(x),
            sp.Mod(x, 3),
            sp.sign(x),
            sp.Heaviside(x),
            sp.Heaviside(x, 1),
            sp.Abs(x),
        ],
        x,
    )
    assert f(-1.25) == (-2.0, -1.0, 0.75, 1.75, -1.0, 0.0, 0.0, 1.25)
    assert f(0.0) == (0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 0.0)
    assert f(1e300)[0] == 1e300
    g = numerics.compile([sp.Min(x, y, z), sp.Max(x, y, z), sp.KroneckerDelta(n, 2)], (x, y, z, n))
    assert g(3.0, 1.0, 2.0, 2) == (1.0, 3.0, 1.0)
    assert np.isnan(g(np.nan, 1.0, 2.0, 1)[0])
    assert np.isnan(g(1.0, 2.0, np.nan, 1)[1])


def test_sums_are_loops_over_numbers_and_arrays():
    f = numerics.compile(sp.Sum(A[k] * sp.exp(-x) * x**2 * k, (k, 0, n - 1)), (A, n, x))
    values = np.array([1.0, 2.0, 5.0, 7.0])
    want = sum(values[m] * m for m in range(3)) * np.exp(-0.5) * 0.25
    assert abs(f(values, 3, 0.5) - want) < 1e-14
    assert "math.exp" in f.source.split("for k0")[0].split("def kernel")[1]  # what the loop does not change is outside
    network = sp.Sum(B[i] * sp.Max(0, sp.Sum(W[i, j] * A[j], (j, 0, 2))), (i, 0, 1))
    g = numerics.compile(network, (B, W, A))
    b, w, a = np.array([1.0, -2.0]), np.arange(6.0).reshape(2, 3) - 2, np.array([0.5, 1.0, 2.0])
    assert g(b, w, a) == b @ np.maximum(0, w @ a)
    assert numerics.compile(sp.Sum(i * j, (i, 1, j), (j, 1, 4)), ())() == sum(
        p * q for q in range(1, 5) for p in range(1, q + 1)
    )
    assert numerics.compile(sp.Product(1 + x * k, (k, 1, n)), (x, n))(0.5, 3) == 1.5 * 2 * 2.5
    assert numerics.compile(sp.Sum(x, (k, 1, n)), (x, n))(2.0, 0) == 0.0
    shadow = numerics.compile(x + sp.Sum(x**2, (x, 1, 3)), x)
    assert shadow(0.5) == 14.5


def test_indices_are_held_inside_their_arrays():
    f = numerics.compile(sp.Sum(A[k + 1], (k, 0, n)), (A, n))
    assert f(np.arange(5.0), 3) == 10.0
    with pytest.raises(InvalidArguments, match="array given for A on axis 0"):
        f(np.arange(5.0), 4)
    with pytest.raises(InvalidArguments, match="array given for A"):
        numerics.compile(A[n - 3], (A, n))(np.arange(5.0), 2)
    with pytest.raises(InvalidArguments, match="array given for A"):
        numerics.compile(sp.Sum(A[2 * k], (k, 0, 3)), A)(np.arange(5.0))
    guarded = numerics.compile(sp.Sum(sp.Piecewise((A[k - 1], k > 0), (0, True)), (k, 0, 2)), A)
    assert guarded(np.array([3.0, 4.0])) == 7.0
    with pytest.raises(InvalidArguments, match="whole numbers"):
        f(np.arange(5.0), 2.5)
    with pytest.raises(InvalidArguments, match="rank 1"):
        f(np.ones((2, 2)), 1)
    M = sp.MatrixSymbol("M", 2, 2)
    assert (numerics.compile(M * sp.Matrix([x, 1]), (M, x))(np.array([[1.0, 2], [3, 4]]), 5.0) == [[7.0], [19.0]]).all()


def test_what_is_complex_and_what_is_real():
    w = sp.Symbol("w", complex=True)
    assert numerics.compile(sp.exp(sp.I * x), x)(np.pi / 2) == pytest.approx(1j)
    f = numerics.compile([sp.sqrt(w), sp.Abs(w), sp.re(w), sp.arg(w), sp.conjugate(w), w**3, 1 / w], w)
    at = -3 + 4j
    got = f(at)
    assert got == pytest.approx((1 + 2j, 5.0, -3.0, np.angle(at), at.conjugate(), at**3, 1 / at))
    assert all(isinstance(got[m], float) for m in (1, 2, 3))
    plain = sp.Symbol("plain")
    assert np.isnan(numerics.compile(sp.sqrt(plain), plain)(-1.0))
    assert numerics.compile(sp.sqrt(plain), plain, dtype=complex)(-1.0) == 1j
    mixed = numerics.compile(sp.log(x) * w, (x, w))
    assert mixed(-1.0, 1.0) == pytest.approx(1j * np.pi)
    with pytest.raises(InvalidArguments, match="dtype=complex"):
        numerics.compile(plain**2, plain)(1j)
    with pytest.raises(UnsupportedExpression, match="imaginary unit"):
        numerics.compile(sp.I * x, x, dtype=float)
    with pytest.raises(InvalidArguments, match="float32"):
        numerics.compile(x, x, dtype=np.float32)
    with pytest.raises(UnsupportedExpression, match="compares complex"):
        numerics.compile(
            sp.Piecewise((1, sp.StrictLessThan(sp.re(w) + plain, 1)), (w, True)), (w, plain), dtype=complex
        )


def test_hostile_names_stay_out_of_the_source():
    names = [
        "x; import os; os.environ['SYMRG_HOSTILE'] = '1'",
        "__import__('os').environ.update(SYMRG_HOSTILE='1')",
        "lambda",
        "t0",
        "a1",
        "math",
        "out",
        "\n    raise SystemExit",
        "x'] = 1 #",
        "ünïcödé",
        "",
    ]
    symbols = [sp.Symbol(name, real=True) for name in names]
    array = sp.IndexedBase("exec('import os')")
    e = sum((m + 1) * s for m, s in enumerate(symbols)) + array[0]
    f = numerics.compile(e, [*symbols, array])
    assert f(*range(1, 12), np.array([1000.0])) == sum(m * m for m in range(1, 12)) + 1000
    assert "SYMRG_HOSTILE" not in os.environ
    for name in names:
        if len(name) > 5:
            assert name not in f.source
    assert "exec" not in f.source
    with pytest.raises(UndefinedSymbol):
        numerics.compile(symbols[0], x)


def test_the_same_name_with_other_assumptions_is_another_symbol():
    a, b = sp.Symbol("a"), sp.Symbol("a", positive=True)
    assert numerics.compile(a - b, (a, b))(5.0, 3.0) == 2.0
    with pytest.raises(UndefinedSymbol, match="contain a"):
        numerics.compile(a - b, a)


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        (sp.Integral(sp.exp(-x * y**2), (y, 0, 1)) + x, "Integral"),
        (sp.Sum(x**k / sp.factorial(k), (k, 0, sp.oo)), "finite"),
        (sp.Function("g")(x) + 1, "g"),
        (sp.Derivative(sp.Function("g")(x), x), "g"),
        (sp.DiracDelta(x), "DiracDelta"),
        (x + sp.zoo * y, "zoo|not a number"),
        (sp.polylog(3, x), "polylog"),
        (x**2 * sp.Limit(sp.sin(y) / y, y, 0), "Limit"),
    ],
)
def test_what_has_no_kernel_is_named(expression, named):
    with pytest.raises(UnsupportedExpression, match=named):
        numerics.compile(expression, (x, y))


def test_constants_are_evaluated_once():
    f = numerics.compile(sp.Integral(sp.exp(-(y**2)), (y, -sp.oo, sp.oo)) * x + sp.zeta(3) * sp.Rational(1, 3), x)
    assert f(2.0) == pytest.approx(2 * np.sqrt(np.pi) + 1.2020569031595942 / 3, rel=1e-15)
    assert "zeta" not in f.source
    assert numerics.compile(sp.Derivative(sp.sin(x * y), x), (x, y))(0.0, 3.0) == 3.0
    assert numerics.compile(sp.pi, ())() == np.pi
    assert numerics.compile([1, 2.5, True], x)(np.zeros(2))[2].tolist() == [True, True]


@pytest.mark.parametrize(
    ("expressions", "arguments", "error"),
    [
        (x + y, x, UndefinedSymbol),
        (A[0] + x, x, UndefinedSymbol),
        ("x + 1", x, InvalidArguments),
        (x, "x", InvalidArguments),
        (x, (x, x), InvalidArguments),
        (x, (x, 3), InvalidArguments),
        ([], x, InvalidArguments),
        (A[0] + A[1, 2], A, UnsupportedExpression),
        (sp.Sum(A[k], (k, 0, x / 2)), (A, x), UnsupportedExpression),
    ],
)
def test_bad_input_is_refused(expressions, arguments, error):
    with pytest.raises(error) as caught:
        numerics.compile(expressions, arguments)
    assert isinstance(caught.value, SymrgError)


def test_bad_values_are_refused():
    f = numerics.compile(x + y, (x, y))
    for bad in [(1.0,), (1.0, 2.0, 3.0), (1.0, "a"), (None, 1.0), (1.0, [1.0, [2.0]])]:
        with pytest.raises(InvalidArguments):
            f(*bad)


def test_a_shared_subexpression_is_computed_once():
    e = sp.sin(x * y) ** 2 + sp.cos(sp.sin(x * y)) + x * y
    source = numerics.compile([e, e + sp.sin(x * y)], (x, y)).source
    assert source.count("math.sin(") == 1
    powers = numerics.compile(x**2 + x**3 + x**4 + x**8, x).source
    assert "pow" not in powers
    assert "**" not in powers
    quotients = numerics.compile([x / (1 + y), z / (1 + y), x * z / (1 + y)], (x, y, z)).source
    assert quotients.count(" / ") == 1


def test_large_expressions_are_generated():
    e = sp.expand((x + y + z + 1) ** 10)
    f = numerics.compile(e, (x, y, z))
    assert isinstance(f, CompiledFunction)
    assert abs(f(0.1, 0.2, -0.5) / 0.8**10 - 1) < 1e-10
    deep = x
    for _ in range(150):
        deep = 1 / (1 + deep + y)
    g = numerics.compile(deep, (x, y))
    want = 0.3
    for _ in range(150):
        want = 1 / (1 + want + 0.7)
    assert g(0.3, 0.7) == pytest.approx(want, rel=1e-14)


def test_it_shows_itself():
    f = numerics.compile([x**2, y], (x, y))
    assert r"\mapsto" in f.latex()
    assert f._repr_latex_().startswith("$")
    assert "def kernel(a0, a1):" in f.source
