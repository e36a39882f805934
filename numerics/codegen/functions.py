"""Which kernel computes which SymPy function: one table, read by the generator and by the documentation.

A row gives the text of a call with `{0}`, `{1}`, ... for the arguments, in real and in complex arithmetic (None: there
is no kernel), and whether real arguments always give real values. A name before a bracket is `math.<name>`,
`cmath.<name>` or a kernel of `numerics.codegen.special` (own, numba alone) or `numerics.codegen.foreign` (SciPy's).
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from numerics.codegen import stable as st


@dataclass(frozen=True)
class Kernel:
    """How a function is called in generated code.

    Attributes:
        real: text of the call for real arguments, or None.
        complex: text of the call for complex arguments, or None.
        closed: real arguments give a real value wherever the function is defined; where False (square roots,
            logarithms, inverse functions) complex arithmetic takes the complex kernel for real arguments too.
    """

    real: str | None
    complex: str | None = None
    closed: bool = True


def _both(name: str, closed: bool = True) -> Kernel:
    return Kernel(f"math.{name}({{0}})", f"cmath.{name}({{0}})", closed)


KERNELS: dict[type, Kernel] = {
    sp.exp: _both("exp"),
    sp.log: _both("log", closed=False),
    sp.sin: _both("sin"),
    sp.cos: _both("cos"),
    sp.tan: _both("tan"),
    sp.asin: _both("asin", closed=False),
    sp.acos: _both("acos", closed=False),
    sp.atan: _both("atan"),
    sp.sinh: _both("sinh"),
    sp.cosh: _both("cosh"),
    sp.tanh: _both("tanh"),
    sp.asinh: _both("asinh"),
    sp.acosh: _both("acosh", closed=False),
    sp.atanh: _both("atanh", closed=False),
    sp.cot: Kernel("1.0 / math.tan({0})", "1.0 / cmath.tan({0})"),
    sp.sec: Kernel("1.0 / math.cos({0})", "1.0 / cmath.cos({0})"),
    sp.csc: Kernel("1.0 / math.sin({0})", "1.0 / cmath.sin({0})"),
    sp.coth: Kernel("1.0 / math.tanh({0})", "1.0 / cmath.tanh({0})"),
    sp.sech: Kernel("1.0 / math.cosh({0})", "1.0 / cmath.cosh({0})"),
    sp.csch: Kernel("1.0 / math.sinh({0})", "1.0 / cmath.sinh({0})"),
    sp.acot: Kernel("math.atan(1.0 / {0})", "cmath.atan(1.0 / {0})"),
    sp.asec: Kernel("math.acos(1.0 / {0})", "cmath.acos(1.0 / {0})", False),
    sp.acsc: Kernel("math.asin(1.0 / {0})", "cmath.asin(1.0 / {0})", False),
    sp.acoth: Kernel("math.atanh(1.0 / {0})", "cmath.atanh(1.0 / {0})", False),
    sp.asech: Kernel("math.acosh(1.0 / {0})", "cmath.acosh(1.0 / {0})", False),
    sp.acsch: Kernel("math.asinh(1.0 / {0})", "cmath.asinh(1.0 / {0})"),
    sp.atan2: Kernel("math.atan2({0}, {1})"),
    sp.Abs: Kernel("math.fabs({0})", "abs({0})"),
    sp.sign: Kernel("sign({0})"),
    sp.floor: Kernel("whole_below({0})"),
    sp.ceiling: Kernel("whole_above({0})"),
    sp.frac: Kernel("fraction({0})"),
    sp.sinc: Kernel("sinc({0})", "complex_sinc({0})"),
    sp.gamma: Kernel("gamma({0})", "complex_gamma({0})"),
    sp.factorial: Kernel("gamma({0} + 1.0)", "complex_gamma({0} + 1.0)"),
    sp.loggamma: Kernel("loggamma({0})", "complex_loggamma({0})", False),
    sp.digamma: Kernel("digamma({0})", "complex_digamma({0})"),
    sp.beta: Kernel("beta({0}, {1})"),
    sp.erf: Kernel("math.erf({0})", "complex_erf({0})"),
    sp.erfc: Kernel("math.erfc({0})", "complex_erfc({0})"),
    sp.erfi: Kernel("erfi({0})"),
    sp.erf2: Kernel("erf_difference({0}, {1})"),
    sp.erfinv: Kernel("erfinv({0})"),
    sp.erfcinv: Kernel("erfcinv({0})"),
    sp.LambertW: Kernel("lambertw({0})", None, False),
    sp.zeta: Kernel("zeta({0})"),
    sp.dirichlet_eta: Kernel("dirichlet_eta({0})"),
    sp.uppergamma: Kernel("uppergamma({0}, {1})"),
    sp.lowergamma: Kernel("lowergamma({0}, {1})"),
    sp.expint: Kernel("expint({0}, {1})"),
    sp.Ei: Kernel("expint_i({0})"),
    sp.li: Kernel("expint_i(math.log({0}))"),
    sp.Si: Kernel("sine_integral({0})"),
    sp.Ci: Kernel("cosine_integral({0})", None, False),
    sp.Shi: Kernel("sinh_integral({0})"),
    sp.Chi: Kernel("cosh_integral({0})", None, False),
    sp.fresnels: Kernel("fresnel_s({0})"),
    sp.fresnelc: Kernel("fresnel_c({0})"),
    sp.besselj: Kernel("besselj({0}, {1})", "complex_besselj({0}, {1})", False),
    sp.bessely: Kernel("bessely({0}, {1})", "complex_bessely({0}, {1})", False),
    sp.besseli: Kernel("besseli({0}, {1})", "complex_besseli({0}, {1})", False),
    sp.besselk: Kernel("besselk({0}, {1})", "complex_besselk({0}, {1})", False),
    sp.airyai: Kernel("airy_ai({0})"),
    sp.airybi: Kernel("airy_bi({0})"),
    sp.airyaiprime: Kernel("airy_ai_prime({0})"),
    sp.airybiprime: Kernel("airy_bi_prime({0})"),
    sp.elliptic_k: Kernel("elliptic_k({0})"),
    sp.legendre: Kernel("legendre({0}, {1})"),
    sp.chebyshevt: Kernel("chebyshev_t({0}, {1})"),
    sp.chebyshevu: Kernel("chebyshev_u({0}, {1})"),
    sp.hermite: Kernel("hermite({0}, {1})"),
    sp.laguerre: Kernel("laguerre({0}, {1})"),
    sp.assoc_laguerre: Kernel("generalized_laguerre({0}, {1}, {2})"),
    sp.gegenbauer: Kernel("gegenbauer({0}, {1}, {2})"),
    sp.jacobi: Kernel("jacobi({0}, {1}, {2}, {3})"),
    sp.binomial: Kernel("binomial({0}, {1})"),
    sp.RisingFactorial: Kernel("rising_factorial({0}, {1})"),
    st.Expm1: Kernel("math.expm1({0})", "complex_expm1({0})"),
    st.Log1p: Kernel("math.log1p({0})", "complex_log1p({0})", False),
    st.Cosm1: Kernel("cosm1({0})", "complex_cosm1({0})"),
    st.Coshm1: Kernel("coshm1({0})", "complex_coshm1({0})"),
    st.Sqrt1pm1: Kernel("sqrt1pm1({0})", "complex_sqrt1pm1({0})", False),
    st.Bernoulli: Kernel("bernoulli({0})"),
    st.Exprel: Kernel("exprel({0})"),
    st.Sinhc: Kernel("sinhc({0})"),
    st.Sinc: Kernel("sinc({0})", "complex_sinc({0})"),
    st.Tanhc: Kernel("tanhc({0})"),
    st.Langevin: Kernel("langevin({0})"),
    st.Logistic: Kernel("1.0 / (1.0 + math.exp(-({0})))"),
    st.Softplus: Kernel("softplus({0})"),
    st.LogAddExp: Kernel("logaddexp({0}, {1})"),
    st.LogCosh: Kernel("logcosh({0})"),
    st.Log1mSquare: Kernel("log1m_square({0})"),
    st.LogGamma: Kernel("loggamma({0})"),
    st.SinPi: Kernel("sinpi({0})"),
    st.CosPi: Kernel("cospi({0})"),
    st.Erfcx: Kernel("erfcx({0})"),
    st.ExpErfc: Kernel("exp_erfc({0}, {1})"),
    st.ScaledBesselI: Kernel("scaled_besseli({0}, {1})"),
    st.ScaledBesselK: Kernel("scaled_besselk({0}, {1})"),
}
"""The table. Functions with a variable number of arguments (Min, Max, polygamma, ...) are handled by the generator."""
