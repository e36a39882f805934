"""The functions of the vocabulary in ball arithmetic, by SymPy's names: value, and where each isn't holomorphic."""

from __future__ import annotations

from collections.abc import Callable

from flint import acb, arb

from symrg.function_names import ENTIRE_OR_MEROMORPHIC
from symrg.verification.evaluation import NAN, Evaluate

# Where the functions of the vocabulary aren't holomorphic.


def _nowhere(*z: acb) -> bool:
    return False


def _below(bound: int) -> Callable[..., bool]:
    """The cut (-oo, bound]."""
    return lambda z: z.imag.contains(0) and not (z.real > bound)


def _outside(z: acb) -> bool:
    """The cuts (-oo, -1] and [1, oo)."""
    return z.imag.contains(0) and not (-1 < z.real < 1)


def outside_imaginary(z: acb) -> bool:
    """The cuts of atan and asinh: where the real part is 0, and the imaginary one at least 1 in size."""
    return z.real.contains(0) and not (-1 < z.imag < 1)


def _inside(z: acb) -> bool:
    """The cut [-1, 1]."""
    return z.imag.contains(0) and not (z.real > 1) and not (z.real < -1)


def _inside_imaginary(z: acb) -> bool:
    return z.real.contains(0) and not (z.imag > 1) and not (z.imag < -1)


def _everywhere(*z: acb) -> bool:
    return True


def _moving(place: int, cut: Callable[[acb], bool]) -> Callable[..., bool]:
    """A cut in one argument of several; the others must be constants of the integration, or entire."""
    return lambda *z: cut(z[place])


def _integer_order(z: acb) -> bool:
    return z.is_exact() and z.unique_fmpz() is not None


def _bessel_cut(order: acb, z: acb) -> bool:
    return not _integer_order(order) and _below(0)(z)


def _reciprocal(function: Callable[[acb], acb]) -> Callable[[acb], acb]:
    return lambda z: function(1 / z)


def _acot(z: acb) -> acb:
    return acb.pi() / 2 if z.is_zero() else (1 / z).atan()


def _beta(a: acb, b: acb) -> acb:
    return a.gamma() * b.gamma() * (a + b).rgamma()


def _small_integer(z: acb, most: int = 300) -> int | None:
    n = z.unique_fmpz() if z.is_exact() and z.imag.is_zero() else None
    return int(n) if n is not None and abs(n) <= most else None


def _rising(x: acb, n: acb) -> acb:
    count = _small_integer(n)
    if count is not None and count >= 0:
        return acb(1) if count == 0 else x.rising(acb(count)) if count > 40 else _running(x, count, 1)
    return (x + n).gamma() * x.rgamma()


def _running(x: acb, count: int, step: int) -> acb:
    value = acb(1)
    for k in range(count):
        value *= x + step * k
    return value


def _falling(x: acb, n: acb) -> acb:
    count = _small_integer(n)
    if count is not None and count >= 0:
        return _running(x, count, -1)
    return (x + 1).gamma() * (x - n + 1).rgamma()


def _binomial(n: acb, k: acb) -> acb:
    count = _small_integer(k)
    if count is not None:
        if count < 0:
            return acb(0)
        return _running(n, count, -1) / acb(arb.fac_ui(count))
    return (n + 1).gamma() * (k + 1).rgamma() * (n - k + 1).rgamma()


def _factorial2(n: acb) -> acb:
    count = _small_integer(n)
    if count is not None:
        if count < -1:
            return NAN
        value = acb(1)
        for k in range(count, 0, -2):
            value *= k
        return value
    return NAN


def _harmonic(n: acb, order: acb | None = None) -> acb:
    if order is None or (order - 1).is_zero():
        return (n + 1).digamma() + acb(arb.const_euler())
    return order.zeta() - order.zeta(n + 1)


def _polygamma(order: acb, z: acb) -> acb:
    n = _small_integer(order)
    if n is None or n < 0:
        return NAN
    return z.digamma() if n == 0 else z.polygamma(acb(n))


def _bernoulli(n: acb) -> acb:
    count = _small_integer(n, 2000)
    if count is None or count < 0:
        return NAN
    return acb(1) / 2 if count == 1 else acb(arb.bernoulli(count))


def _of_real(function: Callable[[arb], arb]) -> Callable[[acb], acb]:
    return lambda z: acb(function(z.real)) if z.imag.is_zero() else NAN


def _spherical(n: acb, m: acb, theta: acb, phi: acb) -> acb:
    degree, order = _small_integer(n), _small_integer(m)
    if degree is None or order is None or degree < 0:
        return NAN
    return acb.spherical_y(degree, order, theta, phi)


def _legendre_order(n: acb, m: acb, x: acb) -> acb:
    return x.legendre_p(n, m, 2)


def _legendre_cut(n: acb, m: acb, x: acb) -> bool:
    return _outside(x)


def _kronecker(a: acb, b: acb) -> acb:
    difference = a - b
    if difference.is_zero():
        return acb(1)
    return NAN if difference.contains(0) else acb(0)


def _hankel(sign: int) -> Callable[[acb, acb], acb]:
    return lambda n, z: z.bessel_j(n) + sign * acb(0, 1) * z.bessel_y(n)


def _order_first(name: str) -> Callable[[acb, acb], acb]:
    return lambda n, z: getattr(z, name)(n)


def _plain(name: str) -> Callable[[acb], acb]:
    return lambda z: getattr(z, name)()


_I = acb(0, 1)
CONSTANTS: dict[str, Evaluate] = {
    "Pi": lambda point: acb.pi(),
    "Exp1": lambda point: acb(1).exp(),
    "ImaginaryUnit": lambda point: _I,
    "EulerGamma": lambda point: acb(arb.const_euler()),
    "Catalan": lambda point: acb(arb.const_catalan()),
    "GoldenRatio": lambda point: (1 + acb(5).sqrt()) / 2,
}

_Cut = Callable[..., bool]
# SymPy's name -> value, and where it isn't holomorphic
FUNCTIONS: dict[str, tuple[Callable[..., acb], _Cut]] = {
    **{name: (_plain(name), _nowhere) for name in (*ENTIRE_OR_MEROMORPHIC, "gamma", "dirichlet_eta")},
    "sinc": (_plain("sinc"), _nowhere),
    "asin": (_plain("asin"), _outside),
    "acos": (_plain("acos"), _outside),
    "atanh": (_plain("atanh"), _outside),
    "atan": (_plain("atan"), outside_imaginary),
    "asinh": (_plain("asinh"), outside_imaginary),
    "acosh": (_plain("acosh"), _below(1)),
    "acot": (_acot, _inside_imaginary),
    "acsch": (_reciprocal(_plain("asinh")), _inside_imaginary),
    "asec": (_reciprocal(_plain("acos")), _inside),
    "acsc": (_reciprocal(_plain("asin")), _inside),
    "acoth": (_reciprocal(_plain("atanh")), _inside),
    "asech": (_reciprocal(_plain("acosh")), lambda z: z.imag.contains(0) and not (0 < z.real < 1)),
    "erfinv": (_of_real(lambda x: x.erfinv()), _everywhere),
    "erfcinv": (_of_real(lambda x: x.erfcinv()), _everywhere),
    "Ei": (_plain("ei"), _below(0)),
    "Si": (_plain("si"), _nowhere),
    "Ci": (_plain("ci"), _below(0)),
    "Shi": (_plain("shi"), _nowhere),
    "Chi": (_plain("chi"), _below(0)),
    "li": (_plain("li"), _below(1)),
    "fresnels": (_plain("fresnel_s"), _nowhere),
    "fresnelc": (_plain("fresnel_c"), _nowhere),
    "airyai": (lambda z: z.airy_ai(), _nowhere),
    "airybi": (lambda z: z.airy_bi(), _nowhere),
    "airyaiprime": (lambda z: z.airy_ai(derivative=1), _nowhere),
    "airybiprime": (lambda z: z.airy_bi(derivative=1), _nowhere),
    "loggamma": (_plain("lgamma"), _below(0)),
    "polygamma": (_polygamma, _nowhere),
    "beta": (_beta, _nowhere),
    "uppergamma": (lambda s, z: z.gamma_upper(s), _moving(1, _below(0))),
    "lowergamma": (lambda s, z: z.gamma_lower(s), _moving(1, _below(0))),
    "factorial": (lambda z: (z + 1).gamma(), _nowhere),
    "factorial2": (_factorial2, _everywhere),
    "binomial": (_binomial, _nowhere),
    "RisingFactorial": (_rising, _nowhere),
    "FallingFactorial": (_falling, _nowhere),
    "harmonic": (_harmonic, _nowhere),
    "bernoulli": (_bernoulli, _everywhere),
    "zeta": (lambda s, a=None: s.zeta() if a is None else s.zeta(a), lambda s, a=None: a is not None and _below(0)(a)),
    "polylog": (lambda s, z: z.polylog(s), _moving(1, lambda z: z.imag.contains(0) and not (z.real < 1))),
    "lerchphi": (lambda z, s, a: z.lerch_phi(s, a), lambda z, s, a: not (z.abs_upper() < 1) or _below(0)(a)),
    "expint": (lambda n, z: z.expint(n), _moving(1, _below(0))),
    "besselj": (_order_first("bessel_j"), _bessel_cut),
    "besseli": (_order_first("bessel_i"), _bessel_cut),
    "bessely": (_order_first("bessel_y"), _moving(1, _below(0))),
    "besselk": (_order_first("bessel_k"), _moving(1, _below(0))),
    "hankel1": (_hankel(1), _moving(1, _below(0))),
    "hankel2": (_hankel(-1), _moving(1, _below(0))),
    "elliptic_f": (lambda z, m: acb.elliptic_f(z, m), _everywhere),
    "legendre": (lambda n, x: x.legendre_p(n), lambda n, x: not _integer_order(n) and _below(-1)(x)),
    "assoc_legendre": (_legendre_order, _legendre_cut),
    "hermite": (lambda n, x: x.hermite_h(n), _nowhere),
    "laguerre": (lambda n, x: x.laguerre_l(n), _nowhere),
    "assoc_laguerre": (lambda n, a, x: x.laguerre_l(n, a), _nowhere),
    "chebyshevt": (lambda n, x: x.chebyshev_t(n), lambda n, x: not _integer_order(n) and _below(-1)(x)),
    "chebyshevu": (lambda n, x: x.chebyshev_u(n), lambda n, x: not _integer_order(n) and _below(-1)(x)),
    "gegenbauer": (lambda n, a, x: x.gegenbauer_c(n, a), lambda n, a, x: not _integer_order(n)),
    "jacobi": (lambda n, a, b, x: x.jacobi_p(n, a, b), lambda n, a, b, x: not _integer_order(n)),
    "Ynm": (_spherical, _nowhere),
    "elliptic_k": (lambda m: m.elliptic_k(), lambda m: m.imag.contains(0) and not (m.real < 1)),
    "elliptic_pi": (lambda n, m: acb.elliptic_pi(n, m), _everywhere),
    "KroneckerDelta": (_kronecker, _everywhere),
}
