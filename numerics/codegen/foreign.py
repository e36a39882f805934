"""Scalar special functions that SciPy computes, callable from numba code that is cached on disk.

A ctypes pointer in numba code is an address, and numba refuses to cache it. Here generated machine code refers to a
*name*, and importing this module tells the linker where in this process SciPy's function of that name lies. Code that
another process compiled therefore runs, provided this module is imported first, which generated sources do.

The functions come from `scipy.special.cython_special`, chosen by name and C signature (SciPy names the variants of a
fused function by number, and numbers may change between versions).
"""

from __future__ import annotations

import ctypes
import math
import re
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from scipy.special import cython_special

from numerics.codegen.special import (
    bessel_series,
    chebyshev_recurrence,
    erfi_series,
    gamma,
    gegenbauer_recurrence,
    jacobi_recurrence,
    kernel,
    laguerre_recurrence,
    legendre_recurrence,
)

_C_NAMES = {"d": "double", "z": "__pyx_t_double_complex"}


def _address(name: str, result: str, arguments: str, outputs: int) -> int:
    """Address of the variant of a cython_special function with the given C types ('d' double, 'z' complex)."""
    head = f"{_C_NAMES[result] if result else 'void'} ({', '.join(_C_NAMES[a] for a in arguments)}"
    tail = ", double *" * outputs + ")" if outputs else ", int __pyx_skip_dispatch)"
    wanted = head + tail
    variant = re.compile(rf"(__pyx_fuse_\d+(_\d+)*)?{name}$")
    for key, capsule in cython_special.__pyx_capi__.items():
        if variant.match(key) and str(_capsule_name(capsule).decode()) == wanted:
            return _capsule_pointer(capsule, _capsule_name(capsule))
    raise ImportError(
        f"this SciPy has no {wanted} called {name!r} in scipy.special.cython_special; install scipy >= 1.13"
    )


_capsule_name = ctypes.pythonapi.PyCapsule_GetName
_capsule_name.restype = ctypes.c_char_p
_capsule_name.argtypes = [ctypes.py_object]
_capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_pointer.restype = ctypes.c_void_p
_capsule_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


def _scipy(name: str, arguments: str, result: str = "d", outputs: int = 0) -> Any:
    """A numba intrinsic that calls SciPy's function.

    Args:
        name: its name in `cython_special`.
        arguments: one letter an argument, 'd' double or 'z' complex.
        result: the letter of the result, '' where there are outputs.
        outputs: how many doubles it writes through pointers; they come back as a tuple.

    A complex number travels as two doubles and comes back in two registers, as in the C calling conventions of
    x86-64 (System V) and 64-bit ARM.
    """
    symbol = f"symrg_scipy_{name}_{arguments}"
    binding.add_symbol(symbol, _address(name, result, arguments, outputs))
    double, word = ir.DoubleType(), ir.IntType(32)
    c_arguments = []
    for letter in arguments:
        c_arguments += [double, double] if letter == "z" else [double]
    if outputs:
        c_type = ir.FunctionType(ir.VoidType(), c_arguments + [double.as_pointer()] * outputs)
        numba_result: Any = types.UniTuple(types.float64, outputs)
    else:
        c_result = ir.LiteralStructType([double, double]) if result == "z" else double
        c_type = ir.FunctionType(c_result, [*c_arguments, word])
        numba_result = types.complex128 if result == "z" else types.float64
    numba_arguments = [types.complex128 if letter == "z" else types.float64 for letter in arguments]

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        function = cgutils.get_or_insert_function(builder.module, c_type, symbol)
        if not outputs:  # the value depends on the arguments alone: may be moved out of loops
            for attribute in ("readnone", "nounwind"):
                function.attributes.add(attribute)
        passed = []
        for letter, value in zip(arguments, values):
            if letter == "z":
                number = context.make_complex(builder, types.complex128, value=value)
                passed += [number.real, number.imag]
            else:
                passed.append(value)
        if outputs:
            slots = [cgutils.alloca_once(builder, double) for _ in range(outputs)]
            builder.call(function, [*passed, *slots])
            return context.make_tuple(builder, numba_result, [builder.load(s) for s in slots])
        back = builder.call(function, [*passed, ir.Constant(word, 0)])
        if result != "z":
            return back
        number = context.make_complex(builder, types.complex128)
        number.real = builder.extract_value(back, 0)
        number.imag = builder.extract_value(back, 1)
        return number._getvalue()

    if len(arguments) == 1:

        def typed1(typing: Any, a: Any) -> Any:
            return numba_result(*numba_arguments), generate

        return intrinsic(typed1)
    if len(arguments) == 2:

        def typed2(typing: Any, a: Any, b: Any) -> Any:
            return numba_result(*numba_arguments), generate

        return intrinsic(typed2)
    if len(arguments) == 3:

        def typed3(typing: Any, a: Any, b: Any, c: Any) -> Any:
            return numba_result(*numba_arguments), generate

        return intrinsic(typed3)

    def typed4(typing: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
        return numba_result(*numba_arguments), generate

    return intrinsic(typed4)


digamma = _scipy("psi", "d")
erfcx = _scipy("erfcx", "d")
_erfi = _scipy("erfi", "d")
erfinv = _scipy("erfinv", "d")
erfcinv = _scipy("erfcinv", "d")
expint_1 = _scipy("exp1", "d")
expint_i = _scipy("expi", "d")
elliptic_k = _scipy("ellipk", "d")
elliptic_e = _scipy("ellipe", "d")
incomplete_elliptic_e = _scipy("ellipeinc", "dd")
incomplete_elliptic_f = _scipy("ellipkinc", "dd")
binomial = _scipy("binom", "dd")
rising_factorial = _scipy("poch", "dd")
_j0, _j1, _y0, _y1 = (_scipy(name, "d") for name in ("j0", "j1", "y0", "y1"))
_jv, _yv = (_scipy(name, "dd") for name in ("jv", "yv"))
_beta = _scipy("beta", "dd")
_i0, _i0e, _i1, _i1e = (_scipy(name, "d") for name in ("i0", "i0e", "i1", "i1e"))
_k0, _k0e, _k1, _k1e = (_scipy(name, "d") for name in ("k0", "k0e", "k1", "k1e"))
_iv, _ive, _kv, _kve = (_scipy(name, "dd") for name in ("iv", "ive", "kv", "kve"))
_gammainc = _scipy("gammainc", "dd")
_gammaincc = _scipy("gammaincc", "dd")
_expn = _scipy("expn", "dd")
_sici = _scipy("sici", "d", "", 2)
_shichi = _scipy("shichi", "d", "", 2)
_fresnel = _scipy("fresnel", "d", "", 2)
_airy = _scipy("airy", "d", "", 4)
_legendre = _scipy("eval_legendre", "dd")
_chebyshev_t = _scipy("eval_chebyt", "dd")
_chebyshev_u = _scipy("eval_chebyu", "dd")
_laguerre = _scipy("eval_genlaguerre", "ddd")
_gegenbauer = _scipy("eval_gegenbauer", "ddd")
_jacobi = _scipy("eval_jacobi", "dddd")
hyper_1f1 = _scipy("hyp1f1", "ddd")
hyper_2f1 = _scipy("hyp2f1", "dddd")
hyper_0f1 = _scipy("hyp0f1", "dd")
regularized_beta = _scipy("betainc", "ddd")

complex_gamma = _scipy("gamma", "z", "z")
complex_loggamma = _scipy("loggamma", "z", "z")
complex_digamma = _scipy("psi", "z", "z")
complex_erf = _scipy("erf", "z", "z")
complex_erfc = _scipy("erfc", "z", "z")
complex_besselj = _scipy("jv", "dz", "z")
complex_bessely = _scipy("yv", "dz", "z")
complex_besseli = _scipy("iv", "dz", "z")
complex_besselk = _scipy("kv", "dz", "z")


@kernel
def beta(a, b):
    """Euler's beta function."""
    return _beta(a, b)


@kernel
def erfi(x):
    """-i erf(i x)."""
    return erfi_series(x) if math.fabs(x) < 1.5 else _erfi(x)


@kernel
def besselj(nu, x):
    """J_nu(x), by the faster kernels where nu is 0 or 1."""
    if nu == 0.0:
        return _j0(x)
    if nu == 1.0:
        return _j1(x)
    if 0.0 < nu < 170.0 and math.fabs(x) < 1.0:
        return bessel_series(nu, x, -1.0)
    return _jv(nu, x)


@kernel
def bessely(nu, x):
    """Y_nu(x)."""
    if nu == 0.0:
        return _y0(x)
    if nu == 1.0:
        return _y1(x)
    return _yv(nu, x)


@kernel
def besseli(nu, x):
    """I_nu(x)."""
    if nu == 0.0:
        return _i0(x)
    if nu == 1.0:
        return _i1(x)
    if 0.0 < nu < 170.0 and math.fabs(x) < 1.0:
        return bessel_series(nu, x, 1.0)
    return _iv(nu, x)


@kernel
def besselk(nu, x):
    """K_nu(x)."""
    if nu == 0.0:
        return _k0(x)
    if nu == 1.0:
        return _k1(x)
    return _kv(nu, x)


@kernel
def scaled_besseli(nu, x):
    """e^-|x| I_nu(x)."""
    if nu == 0.0:
        return _i0e(x)
    if nu == 1.0:
        return _i1e(x)
    if 0.0 < nu < 170.0 and math.fabs(x) < 1.0:
        return bessel_series(nu, x, 1.0) * math.exp(-math.fabs(x))
    return _ive(nu, x)


@kernel
def scaled_besselk(nu, x):
    """e^x K_nu(x)."""
    if nu == 0.0:
        return _k0e(x)
    if nu == 1.0:
        return _k1e(x)
    return _kve(nu, x)


@kernel
def exp_erfc(w, u):
    """e^w erfc(u) without overflow of the first or underflow of the second factor."""
    if u > 1.0:
        return math.exp(w - u * u) * erfcx(u)
    return math.exp(w) * math.erfc(u)


@kernel
def erf_difference(a, b):
    """erf(b) - erf(a), by erfc where both lie on one side."""
    if a > 0.5 and b > 0.5:
        return math.erfc(a) - math.erfc(b)
    if a < -0.5 and b < -0.5:
        return math.erfc(-b) - math.erfc(-a)
    return math.erf(b) - math.erf(a)


@kernel
def _upper_fraction(a, x):
    """Gamma(a, x) e^x x^-a by Legendre's continued fraction (DLMF 8.9.2, even part), for a <= 0 and x > 0.5."""
    b = x + 1.0 - a
    c, d = 1e300, 1.0 / b
    f = d
    for i in range(1, 400):
        term = -i * (i - a)
        b += 2.0
        d = 1.0 / (b + term * d)
        c = b + term / c
        f *= c * d
        if math.fabs(c * d - 1.0) < 1e-16:
            break
    return f


@kernel
def uppergamma(a, x):
    """Gamma(a, x), the integral of t^(a-1) e^-t from x, for a > 0 (or a <= 0 through the exponential integral)."""
    if a > 0.0:
        return _gammaincc(a, x) * gamma(a)
    if a == 0.0:
        return expint_1(x)
    if x > 0.5:
        return math.exp(-x) * math.pow(x, a) * _upper_fraction(a, x)
    # recur upwards: Gamma(a, x) = (Gamma(a + 1, x) - x^a e^-x) / a
    steps = math.floor(-a) + 1
    top = a + steps
    value = expint_1(x) if top == 1.0 and a == math.floor(a) else _gammaincc(top, x) * gamma(top)
    if top == 1.0 and a == math.floor(a):
        top = 0.0
        steps -= 1
    for _ in range(steps):
        top -= 1.0
        value = (value - x**top * math.exp(-x)) / top
    return value


@kernel
def lowergamma(a, x):
    """The integral of t^(a-1) e^-t from 0 to x, for a > 0."""
    return _gammainc(a, x) * gamma(a)


@kernel
def expint(n, x):
    """E_n(x); whole n >= 0, else by the incomplete gamma function."""
    if n >= 0.0 and n == math.floor(n):
        return _expn(n, x)
    return x ** (n - 1.0) * uppergamma(1.0 - n, x)


@kernel
def sine_integral(x):
    """Si(x)."""
    return _sici(x)[0]


@kernel
def cosine_integral(x):
    """Ci(x)."""
    return _sici(x)[1] if x > 0.0 else math.nan


@kernel
def sinh_integral(x):
    """Shi(x)."""
    return _shichi(x)[0]


@kernel
def cosh_integral(x):
    """Chi(x)."""
    return _shichi(x)[1] if x > 0.0 else math.nan


@kernel
def fresnel_s(x):
    """S(x)."""
    return _fresnel(x)[0]


@kernel
def fresnel_c(x):
    """C(x)."""
    return _fresnel(x)[1]


@kernel
def airy_ai(x):
    """Ai(x)."""
    return _airy(x)[0]


@kernel
def airy_ai_prime(x):
    """Ai'(x)."""
    return _airy(x)[1]


@kernel
def airy_bi(x):
    """Bi(x)."""
    return _airy(x)[2]


@kernel
def airy_bi_prime(x):
    """Bi'(x)."""
    return _airy(x)[3]


@kernel
def _whole(n):
    return 0.0 <= n < 1e6 and n == math.floor(n)


@kernel
def legendre(n, x):
    """P_n(x); by recurrence where n is whole."""
    return legendre_recurrence(n, x) if _whole(n) else _legendre(n, x)


@kernel
def chebyshev_t(n, x):
    """T_n(x)."""
    return chebyshev_recurrence(n, x, x) if _whole(n) else _chebyshev_t(n, x)


@kernel
def chebyshev_u(n, x):
    """U_n(x)."""
    return chebyshev_recurrence(n, x, 2.0 * x) if _whole(n) else _chebyshev_u(n, x)


@kernel
def laguerre(n, x):
    """L_n(x)."""
    return generalized_laguerre(n, 0.0, x)


@kernel
def generalized_laguerre(n, a, x):
    """L_n^(a)(x)."""
    return laguerre_recurrence(n, a, x) if _whole(n) else _laguerre(n, a, x)


@kernel
def gegenbauer(n, a, x):
    """C_n^(a)(x)."""
    return gegenbauer_recurrence(n, a, x) if _whole(n) else _gegenbauer(n, a, x)


@kernel
def jacobi(n, a, b, x):
    """P_n^(a, b)(x)."""
    return jacobi_recurrence(n, a, b, x) if _whole(n) else _jacobi(n, a, b, x)
