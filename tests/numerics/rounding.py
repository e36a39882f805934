"""Running error analysis of expressions at 40 digits: what double arithmetic may lose on an expression as written.

Every operation adds one rounding of its own result and passes on the errors of its arguments, weighted by how the
result moves when they do. What cancels may lose digits, and nothing else.
"""

import mpmath
import sympy as sp

UNIT = mpmath.mpf(2) ** -53
DIGITS = 40
SLACK = 4  # roundings an operation: library functions are right to about 1 unit, a power by products to 3.5
# special functions: their kernels are right to 12 units of 2^-52, beside as much in their arguments, as
# `test_special.py` says; ln Gamma is seen to be off by 17 of them near its least value
BY_KERNEL = dict.fromkeys(
    (sp.gamma, sp.loggamma, sp.digamma, sp.besselj, sp.besseli, sp.erfc, sp.erfinv, sp.LambertW, sp.Si, sp.Shi, sp.Ei,
     sp.uppergamma, sp.lowergamma, sp.beta, sp.fresnels, sp.legendre, sp.hermite, sp.erfi), 24,
) | {sp.airyai: 64, sp.loggamma: 48}  # fmt: skip


class Undecided(Exception):
    """A condition, or a step of a function, lies closer to the point than the errors reach."""


def value_and_bound(expression, point, arrays=None):
    """The value of a real expression at 40 digits, and the bound on the error of its evaluation in doubles.

    Args:
        expression: of Symbols, Indexed entries of one index, Piecewise with comparisons, Sums between whole numbers.
        point: exact numbers (mpf) for the Symbols.
        arrays: {IndexedBase: list of mpf}.

    Raises:
        Undecided: a branch depends on rounding.
    """
    with mpmath.workdps(DIGITS):
        return _Analysis(dict(point), arrays or {}).of(expression)


class _Analysis:
    def __init__(self, point, arrays):
        self.point, self.arrays, self.memo = point, arrays, {}

    def of(self, node):
        if node not in self.memo:
            self.memo[node] = self._of(node)
        return self.memo[node]

    def _of(self, node):
        if node.is_Symbol:
            return self.point[node], mpmath.mpf(0)
        if isinstance(node, sp.Indexed):
            place, _ = self.of(node.indices[0])
            return self.arrays[node.base][int(place)], mpmath.mpf(0)
        if isinstance(node, sp.Sum):
            return self._sum(node)
        if not node.free_symbols:
            v = mpmath.mpmathify(sp.N(node, DIGITS))
            return v, mpmath.mpf(0) if mpmath.mpf(float(v)) == v else abs(v) * UNIT
        if isinstance(node, sp.Piecewise):
            for branch, condition in node.args:
                if self._holds(condition):
                    return self.of(branch)
            raise Undecided("no branch")
        parts = [self.of(a) for a in node.args]
        values, bounds = [p[0] for p in parts], [p[1] for p in parts]
        if node.is_Add:
            return mpmath.fsum(values), mpmath.fsum(bounds) + len(parts) * UNIT * mpmath.fsum(map(abs, values))
        slots = [sp.Dummy(real=True) for _ in parts]
        f = sp.lambdify(slots, node.func(*slots, evaluate=False), "mpmath")
        v = mpmath.mpf(f(*values))
        bound = max(SLACK, BY_KERNEL.get(node.func, 0)) * len(parts) * UNIT * abs(v)
        steps = isinstance(node, (sp.floor, sp.ceiling, sp.sign))
        for i, h in enumerate(bounds):
            h = h + BY_KERNEL.get(node.func, 0) * UNIT * abs(values[i])
            if h:
                ends = []
                for shift in (h, -h):
                    moved = list(values)
                    moved[i] += shift
                    ends.append(abs(mpmath.re(f(*moved)) - v))
                if steps and max(ends) > 0:
                    raise Undecided(str(node))
                bound += max(ends)
        return v, bound

    def _sum(self, node):
        index, low, high = node.limits[0]
        total, bound, size, count = mpmath.mpf(0), mpmath.mpf(0), mpmath.mpf(0), 0
        for k in range(int(low), int(high) + 1):
            inner = _Analysis({**self.point, index: mpmath.mpf(k)}, self.arrays)
            term, error = inner.of(node.function)
            total, bound, size, count = total + term, bound + error, size + abs(term), count + 1
        return total, bound + (count + 1) * UNIT * size

    def _holds(self, condition):
        if condition in (sp.true, sp.false):
            return bool(condition)
        if isinstance(condition, (sp.And, sp.Or)):
            each = [self._holds(c) for c in condition.args]
            return all(each) if isinstance(condition, sp.And) else any(each)
        if isinstance(condition, sp.Not):
            return not self._holds(condition.args[0])
        if isinstance(condition, sp.ITE):
            return self._holds(condition.args[1 if self._holds(condition.args[0]) else 2])
        (left, e), (right, f) = self.of(condition.lhs), self.of(condition.rhs)
        if left != right and abs(left - right) <= 2 * (e + f):
            raise Undecided(str(condition))
        if left == right and e + f:
            raise Undecided(str(condition))
        return {
            sp.StrictLessThan: left < right,
            sp.LessThan: left <= right,
            sp.StrictGreaterThan: left > right,
            sp.GreaterThan: left >= right,
        }[condition.func]
