"""Other packages on the cases of `solvers.py`, run in an environment of their own.

    make bench                      # builds .venv-peers and runs everything
    .venv-peers/bin/python benchmarks/peers.py '{"method": "fplanck", "case": {...}, "cells": 64, ...}'

The current py-pde, fplanck and FiPy want a newer Python than the library does, so `solvers.py` starts this file as a
subprocess with that interpreter and reads one JSON object: the best CPU seconds of calls after the first, and the
density of the last call. Only numpy and the package asked for are imported.
"""

from __future__ import annotations

import json
import os
import sys
import time

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402


def normal(points, mean, variance):
    form = sum((p - m) ** 2 for p, m in zip(points, mean))
    return np.exp(-form / (2 * variance)) / (2 * np.pi * variance) ** (len(mean) / 2)


def centres(n, length):
    return (np.arange(n) + 0.5) * 2 * length / n - length


def start(case, n, mean):
    points = np.meshgrid(*([centres(n, case["length"])] * len(mean)), indexing="ij")
    return normal(points, mean, case["variance"])


def py_pde(case, n, mean, tolerance):
    import pde

    d, length = len(mean), case["length"]
    grid = pde.CartesianGrid([[-length, length]] * d, n)
    names = "xyz"[:d]
    terms = []
    for i, a in enumerate(names):
        mu = " + ".join(f"({case['A'][i][j]})*{b}" for j, b in enumerate(names) if case["A"][i][j])
        terms.append(f"-d_d{a}(({mu})*c)")
        terms += [
            f"({case['D'][i][j]})*" + (f"d2_d{a}2(c)" if i == j else f"d_d{a}(d_d{b}(c))")
            for j, b in enumerate(names)
            if case["D"][i][j]
        ]
    equation = pde.PDE({"c": " + ".join(terms)}, bc={"derivative": 0})
    state = pde.ScalarField(grid, start(case, n, mean))
    options = {"adaptive": True, "tolerance": tolerance, "tracker": None, "backend": "numba"}
    return equation.solve(state, t_range=case["time"], **options).data


def fplanck(case, n, mean, tolerance):
    from fplanck.solver import FokkerPlanck
    from scipy import constants

    d, length = len(mean), case["length"]
    A, D = np.array(case["A"]), np.array(case["D"])
    if np.any(np.diag(np.diag(D)) != D):
        raise NotImplementedError("no cross-diffusion")
    if np.any(np.eye(d) != D):
        raise NotImplementedError("unit diffusion only")
    h = 2 * length / n
    simulation = FokkerPlanck(
        temperature=1 / constants.k,
        drag=1.0,
        extent=[2 * length] * d if d > 1 else 2 * length,
        resolution=h,
        force=lambda *x: np.stack([sum(A[i, j] * x[j] for j in range(d)) for i in range(d)]),
    )
    found = simulation.propagate(lambda *x: normal(x, mean, case["variance"]), case["time"])
    return np.asarray(found).reshape((n,) * d) / np.sum(found) / h**d


def scikit_fem(case, n, mean, tolerance):
    """Quadratic elements and Crank-Nicolson steps; the values at the middles of the elements."""
    import scipy.sparse.linalg
    import skfem
    from skfem.helpers import dot, grad

    d, length, duration = len(mean), case["length"], case["time"]
    line = np.linspace(-length, length, n + 1)
    mesh = skfem.MeshLine(line) if d == 1 else skfem.MeshQuad.init_tensor(line, line)
    basis = skfem.Basis(mesh, skfem.ElementLineP2() if d == 1 else skfem.ElementQuad2())
    A, D = np.array(case["A"]), np.array(case["D"])

    @skfem.BilinearForm
    def weight(u, v, w):
        return u * v

    @skfem.BilinearForm
    def current(u, v, w):
        drift = np.einsum("ij,j...->i...", A, w.x)
        return u * dot(drift, grad(v)) - dot(np.einsum("ij,j...->i...", D, grad(u)), grad(v))

    M, L = weight.assemble(basis).tocsc(), current.assemble(basis).tocsc()
    places = basis.doflocs
    p = normal(places, mean, case["variance"])
    steps = case.get("steps") or max(16, n)
    tau = duration / steps
    factor = scipy.sparse.linalg.splu(M - 0.5 * tau * L)
    forward = (M + 0.5 * tau * L).tocsr()
    for _ in range(steps):
        p = factor.solve(forward @ p)
    cell = (places + length) * n / (2 * length)
    middle = np.flatnonzero(np.all(np.abs(cell - np.floor(cell) - 0.5) < 0.1, axis=0))
    order = np.lexsort(np.floor(cell[::-1, middle]))
    return p[middle[order]].reshape((n,) * d)


def fipy(case, n, mean, tolerance):
    """Finite volumes with exponential convection fluxes, implicit steps of a twentieth of the cell width."""
    os.environ["FIPY_SOLVERS"] = "scipy"
    import fipy as fp

    d, length = len(mean), case["length"]
    if d > 2:
        raise NotImplementedError("one and two dimensions here")
    h = 2 * length / n
    mesh = fp.Grid1D(nx=n, dx=h) - length if d == 1 else fp.Grid2D(nx=n, ny=n, dx=h, dy=h) - length
    A, D = np.array(case["A"]), case["D"]
    places = np.asarray(mesh.faceCenters)
    drift = fp.FaceVariable(mesh=mesh, rank=1, value=A @ places)
    drift.setValue(0.0, where=mesh.exteriorFaces)
    c = fp.CellVariable(mesh=mesh, value=start(case, n, mean).ravel(order="F"))
    coefficient = D[0][0] if d == 1 else [[list(row) for row in D]]
    equation = fp.TransientTerm() + fp.ExponentialConvectionTerm(coeff=drift) == fp.DiffusionTerm(coeff=coefficient)
    steps = 10 * n
    for _ in range(steps):
        equation.solve(var=c, dt=case["time"] / steps)
    return np.asarray(c.value).reshape((n,) * d, order="F")


def diffrax(case, n, mean, tolerance):
    """Second-order finite differences, the stabilised explicit route of diffrax: Tsit5 with a step controller."""
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    import jax

    jax.config.update("jax_enable_x64", True)
    solve, key = _diffrax_compiled, (str(case), n, tolerance)
    if key not in solve:
        import diffrax as dfx
        import jax.numpy as jnp

        d, length = len(mean), case["length"]
        h = 2 * length / n
        points = [jnp.asarray(p) for p in np.meshgrid(*([centres(n, length)] * d), indexing="ij")]
        drift = [sum(case["A"][i][j] * points[j] for j in range(d)) for i in range(d)]

        def shifted(u, k, s):
            return jnp.roll(u, -s, axis=k)

        def slope(u, k):
            return (shifted(u, k, 1) - shifted(u, k, -1)) / (2 * h)

        def rate(_t, p, _args):
            out = jnp.zeros_like(p)
            for i in range(d):
                out = out - slope(drift[i] * p, i)
                out = out + case["D"][i][i] * (shifted(p, i, 1) - 2 * p + shifted(p, i, -1)) / h**2
                for j in range(d):
                    if j != i and case["D"][i][j]:
                        out = out + case["D"][i][j] * slope(slope(p, i), j)
            return out

        @jax.jit
        def run(p):
            found = dfx.diffeqsolve(
                dfx.ODETerm(rate),
                dfx.Tsit5(),
                0.0,
                case["time"],
                None,
                p,
                stepsize_controller=dfx.PIDController(rtol=tolerance, atol=1e-2 * tolerance),
                max_steps=100_000,
                saveat=dfx.SaveAt(t1=True),
            )
            return found.ys[0]

        solve[key] = run
    return np.asarray(solve[key](start(case, n, mean)))


_diffrax_compiled: dict = {}


METHODS = {"py-pde": py_pde, "fplanck": fplanck, "scikit-fem": scikit_fem, "FiPy": fipy, "diffrax": diffrax}


def main() -> None:
    request = json.loads(sys.argv[1])
    method, case = METHODS[request["method"]], request["case"]
    best = float("inf")
    density = None
    try:
        for call in range(request["repeat"] + 1):
            mean = [m - 1e-3 * call for m in request["mean"]]
            begin = time.process_time()
            density = method(case, request["cells"], mean, request["tolerance"])
            if call:
                best = min(best, time.process_time() - begin)
    except (ImportError, NotImplementedError) as reason:
        print(json.dumps({"refused": f"{reason}"}))
        return
    print(json.dumps({"seconds": best, "mean": mean, "density": np.asarray(density).ravel().tolist()}))


if __name__ == "__main__":
    main()
