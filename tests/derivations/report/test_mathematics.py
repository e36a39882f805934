"""Formulas as MathML."""

import re

import pytest

from derivations.report.mathematics import FormulaNotSet, Mathematics, embedded_font

MATHEMATICS = Mathematics()


def test_text_keeps_its_mathematics_and_escapes_the_rest():
    shown = MATHEMATICS.text(r"a < b & $x^2$")
    assert shown.startswith("a &lt; b &amp; <math")
    assert "<msup>" in shown


def test_mathematics_within_text_within_mathematics():
    shown = MATHEMATICS.inline(r"a \quad \text{(add $m^2$ to \{b\})}")
    assert "<msup>" in shown
    assert re.search(r"<mtext>\(add.?</mtext>", shown)


def test_the_latex_is_kept_for_copying():
    assert r"\mathcal{I}_{ij}" in MATHEMATICS.inline(r"\mathcal{I}_{ij}")


def test_what_cannot_be_set_is_named():
    with pytest.raises(FormulaNotSet, match=r"nosuch"):
        MATHEMATICS.inline(r"\nosuch")


def test_the_font_is_a_woff2_with_mathematics():
    import base64

    kind, data = embedded_font().split(",", 1)
    assert kind == "data:font/woff2;base64"
    assert base64.b64decode(data)[:4] == b"wOF2"
