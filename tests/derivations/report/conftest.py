"""A small report with one of everything, made from real formulas."""

import pytest
import sympy as sp

from derivations.report.content import (
    Chapter,
    Entry,
    Figure,
    Finding,
    Formula,
    Report,
    Step,
    Table,
    Witness,
    Working,
)
from symrg.typesetting import latex

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 80" width="600" height="240">'
    '<path d="M0 70 Q50 -50 100 70 T200 70" fill="none" stroke="#0b5394" stroke-width="3"/></svg>'
)


@pytest.fixture
def report() -> Report:
    y, mu, tau = sp.symbols("y mu tau", real=True)
    sigma = sp.Symbol("sigma", positive=True)
    density = sp.exp(-((y - mu) ** 2) / (2 * sigma**2)) / sp.sqrt(2 * sp.pi * sigma**2)
    p = sp.Function("p")(mu, tau)
    witnesses = (
        Witness("symbolic residual", "holds", "the difference reduces to $0$"),
        Witness("ball arithmetic", "holds", "24 points, largest radius $10^{-30}$"),
    )
    metric = sp.Matrix([[1 / sigma**2, 0], [0, 2 / sigma**2]])
    work = Working(
        "Fisher metric of the normal family",
        r"\mathcal{I}_{ij}",
        (
            Step("=", r"\mathbb{E}_{\theta}(\ell_i \ell_j)", "by definition", "definition"),
            Step("=", r"\int_{-\infty}^{\infty} \ell_i \ell_j " + latex(density) + r" \, dy", "", "holds", witnesses),
            Step("=", latex(metric), "Gaussian moments", "holds", witnesses),
            Step("=", latex(sp.expand((y + mu + sigma + 1) ** 5)), "a long line", "undecided"),
        ),
    )
    chapter = Chapter(
        "Information geometry & its <metric>",
        (
            r"The score $\ell_i = \partial_i \ln p$ gives the metric, where $0 < \sigma$.",
            Formula(r"\mathcal{I}_{ij}(\theta) = \mathbb{E}_\theta(\ell_i \ell_j)", "1", "The Fisher metric."),
            work,
            Figure(SVG, "A curve that rises, falls and rises again.", r"Density at $\tau = 1$.", "Density"),
            Table(("grid", "error", "order"), ((64, 1.5e-3, ""), (128, 3.8e-4, 1.98)), "Convergence."),
        ),
        "(1)-(3)",
        "derivations/example.py",
    )
    heat = sp.Eq(sp.Derivative(p, tau), sigma**2 / 2 * sp.Derivative(p, mu, 2))
    ledger = (
        Entry(
            "1", "Fisher metric", r"\mathcal{I}_{ij} = \mathbb{E}_\theta(\ell_i \ell_j)", "definition",
            chapter=chapter.title, working=work.identifier, code="derivations/example.py",
            line=2, source="Talk, slide 6",
        ),
        Entry("3", "KL to second order", r"D_{KL} = \frac{1}{2} \mathcal{I}_{ij} \delta^i \delta^j", "holds",
              witnesses=witnesses),
        Entry("20", "Bayesian diffusion", latex(sp.Eq(sp.Derivative(p, tau), sigma**2 * sp.Derivative(p, mu, 2))),
              "holds with correction", reading="diffusivity $D$ as in $\\partial_t p = D \\partial^2 p$",
              correction=latex(heat), reason="the variance is $2 D t$", counterexample="$\\mu = 0$, $\\tau = 1$"),
        Entry("9", "A false neighbour", "0 < -1", "fails"),
    )  # fmt: skip
    return Report(
        "Flows of <information>",
        (chapter, Chapter("Second chapter", ("Nothing but text, with 50% & more.",))),
        ledger,
        subtitle=r"what follows from $p(y \mid \theta)$",
        abstract="Claims were checked.\n\nTwo of them fail.",
        findings=(Finding("Does the metric hold?", r"yes: $\mathcal{I} = \sigma^{-2}$", "equation-1"),),
        code={"derivations/example.py": '"""Example."""\nx = "<script>alert(1)</script>"\n'},
        colophon="Made by a test.",
    )
