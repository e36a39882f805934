"""Field arithmetic against SymPy's own derivatives at numbers, and zeros that must be seen as zeros."""

import pytest
import sympy as sp

from symrg.differential_field import DifferentialField
from symrg.field_matrices import determinant, inverse

x, y, a = sp.symbols("x y a", positive=True)
u = sp.Symbol("u", real=True)
f = sp.Function("f")
POINT = {x: sp.Rational(37, 100), y: sp.Rational(13, 10), u: sp.Rational(83, 100), a: sp.Rational(11, 5)}

CASES = [
    sp.tan(u) ** 2 / (1 + sp.sec(u)),
    sp.sqrt(x) + x ** sp.Rational(3, 2) / y,
    sp.sqrt(1 - x**2) / (1 + sp.sqrt(1 - x**2)),
    sp.exp(2 * x) + sp.exp(x / 2 - y),
    x**a * y ** (2 * a + sp.Rational(1, 2)),
    sp.polygamma(1, a + x) - sp.polygamma(0, a + 1),
    sp.sinh(2 * u) / sp.cosh(u) + sp.tanh(u / 3),
    sp.sin(u / 2) * sp.cos(u) + sp.sin(3 * u - x),
    sp.exp(x) * sp.cosh(x),
    sp.sqrt(2) * sp.pi * x / (1 + sp.sqrt(2)),
    sp.log(x * y**2) / x,
    sp.sqrt(x + sp.sqrt(y)),
    sp.besseli(1, x) / sp.besseli(0, x),
    (1 + x**2) ** sp.Rational(1, 3),
    sp.atan(x * y) + sp.erf(u),
]


@pytest.mark.parametrize("expression", CASES, ids=str)
def test_element_and_derivatives_agree_with_sympy(expression):
    field = DifferentialField([expression], (x, y, u, a), 2)
    element = field.element(expression)
    assert abs((field.expression(element) - expression).subs(POINT).evalf(30)) < 1e-20
    for k, variable in enumerate((x, y, u, a)):
        first = field.derivative(element, k)
        second = field.derivative(first, 0)
        for value, exact in ((first, sp.diff(expression, variable)), (second, sp.diff(expression, variable, x))):
            assert abs((field.expression(value) - exact).subs(POINT).evalf(30)) < 1e-20


IDENTITIES = [
    sp.sin(u) ** 2 + sp.cos(u) ** 2 - 1,
    sp.cos(2 * u) - 2 * sp.cos(u) ** 2 + 1,
    sp.cosh(u) ** 2 - sp.sinh(u) ** 2 - 1,
    sp.sqrt(1 + x) * sp.sqrt(1 + x) - 1 - x,
    1 / (1 + sp.sqrt(1 + x)) - (sp.sqrt(1 + x) - 1) / x,
    sp.gamma(a + 2) - a * (a + 1) * sp.gamma(a),
    sp.exp(x) * sp.exp(-x) - 1,
    sp.sin(u + x) - sp.sin(u) * sp.cos(x) - sp.cos(u) * sp.sin(x),
    sp.log(x**2) - 2 * sp.log(x),
    sp.besselk(a + 2, x) - sp.besselk(a, x) - 2 * (a + 1) / x * sp.besselk(a + 1, x),
    sp.besseli(a - 2, x) - sp.besseli(a, x) - 2 * (a - 1) / x * sp.besseli(a - 1, x),
]


@pytest.mark.parametrize("zero", IDENTITIES, ids=str)
def test_identities_vanish_and_neighbours_do_not(zero):
    field = DifferentialField([zero], (x, u), 0)
    assert not field.element(zero)
    near = zero + x / 1000
    assert DifferentialField([near], (x, u), 0).element(near)


def test_inverse_and_determinant_with_a_hidden_zero_pivot():
    rows = [[sp.sin(u) ** 2 + sp.cos(u) ** 2 - 1, x], [1 + sp.sqrt(1 + x), y]]
    field = DifferentialField([e for row in rows for e in row], (x, y, u))
    elements = [[field.element(e) for e in row] for row in rows]
    back = inverse(field, elements)
    product = [
        [
            elements[i][0] * back[0][j] + elements[i][1] * back[1][j] - (field.one if i == j else field.zero)
            for j in (0, 1)
        ]
        for i in (0, 1)
    ]
    assert not any(e for row in product for e in row)
    assert field.expression(determinant(field, elements)) == sp.expand(-x * sp.sqrt(1 + x) - x) or not (
        determinant(field, elements) + field.element(x * (1 + sp.sqrt(1 + x)))
    )
    with pytest.raises(ZeroDivisionError):
        inverse(field, [elements[0], [field.zero, elements[0][1]]])


def test_undefined_functions_keep_their_derivatives():
    field = DifferentialField([f(x) ** 2 * y], (x, y), 2)
    element = field.derivative(field.derivative(field.element(f(x) ** 2 * y), 0), 1)
    assert field.expression(element) == 2 * f(x) * f(x).diff(x)


def test_more_derivatives_than_asked_for_is_an_error_not_a_wrong_value():
    field = DifferentialField([sp.polygamma(1, x)], (x,), 1)
    element = field.element(sp.polygamma(1, x))
    once = field.derivative(element, 0)
    assert field.expression(once) == sp.polygamma(2, x)
    with pytest.raises(LookupError, match="depth"):
        field.derivative(once, 0)
