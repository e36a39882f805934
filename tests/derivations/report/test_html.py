"""The page: what it says, that it needs nothing else, and how a real browser sets it."""

import dataclasses
import html
import json
import re

import pytest

from derivations.report.browser import find_browser, print_pdf, run_headless
from derivations.report.content import Chapter, Entry, Formula, Report, Working, fold
from derivations.report.html import BrokenReport, render, write_html
from derivations.report.mathematics import FONT_FAMILY, FormulaNotSet

needs_browser = pytest.mark.skipif(find_browser() is None, reason="no Chromium-like browser is installed")


def test_text_is_escaped_and_verdicts_are_words(report):
    page = render(report)
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "Flows of &lt;information&gt;" in page
    for entry in report.ledger:
        assert f'id="{entry.identifier}"' in page
        assert entry.status in page


def test_no_remote_resource(report):
    page = render(report)
    for address in re.findall(r'(?:src|href)="([^"]*)"|url\("?([^)"]*)', page):
        assert re.match(r"#|data:", address[0] or address[1]), address


def test_every_image_has_a_description(report):
    images = re.findall(r"<img [^>]*>", render(report))
    assert len(images) == 1
    assert all(re.search(r'alt="[^"]{10,}"', image) for image in images)


def test_one_name_twice_is_refused(report):
    twice = dataclasses.replace(report, ledger=(*report.ledger, report.ledger[0]))
    with pytest.raises(BrokenReport, match=r"equation-1"):
        render(twice)


def test_a_link_to_nowhere_is_refused(report):
    entry = dataclasses.replace(report.ledger[0], working="derivation-of-nothing")
    with pytest.raises(BrokenReport, match=r"derivation-of-nothing"):
        render(dataclasses.replace(report, ledger=(entry,)))


def test_a_formula_that_cannot_be_set_is_named():
    with pytest.raises(FormulaNotSet, match="nosuch"):
        render(Report("x", (Chapter("c", (Formula(r"\nosuch{x}"),)),)))


def test_an_unknown_verdict_is_refused():
    with pytest.raises(ValueError, match="undecided"):
        Entry("1", "x", "x", "proved")


def test_a_long_reason_is_folded_and_none_of_it_lost():
    head, tail = fold("One $a. b$ sentence. " + "Another; and more " * 40)
    assert head.endswith((".", ";"))
    assert len(head) <= 320
    assert f"{head} {tail}".split() == ("One $a. b$ sentence. " + "Another; and more " * 40).split()
    assert fold("short") == ("short", "")


def test_a_derivation_without_steps_is_shown():
    assert "<math" in render(Report("x", (Chapter("c", (Working("w", "a = b", ()),)),)))


PROBE = """
<script>
const errors = [];
addEventListener("error", e => errors.push(String(e.message)));
const measure = () => {
  const shown = [...document.querySelectorAll("math")].filter(m => m.checkVisibility());
  const boxes = shown.map(m => m.getBoundingClientRect());
  const integrals = [...document.querySelectorAll("mo")].filter(o => o.textContent === "\\u222b");
  const rows = () => [...document.querySelectorAll("#ledger-table tbody tr")].filter(r => !r.hidden).map(r => r.id);
  const before = rows();
  document.querySelector('th button[data-key="number"]').click();
  const descending = rows();
  const text = document.getElementById("filter-text");
  text.value = "diffusion";
  text.dispatchEvent(new Event("input"));
  const out = document.createElement("pre");
  out.id = "probe";
  out.textContent = JSON.stringify({
    formulas: boxes.length,
    flat: boxes.filter(b => !(b.width > 3 && b.height > 5)).length,
    faces: [...document.fonts].map(f => f.family.replaceAll('"', "") + ":" + f.status),
    integral: integrals.map(o => o.getBoundingClientRect().height),
    overflow: document.documentElement.scrollWidth - innerWidth,
    before, descending, filtered: rows(), errors,
  });
  document.body.append(out);
};
addEventListener("load", () => {
  document.querySelectorAll("details").forEach(d => d.open = true);
  document.fonts.ready.then(() => setTimeout(measure, 50));
});
</script>
"""


@pytest.fixture
def look(report, tmp_path):
    def look(size):
        page = tmp_path / "probe.html"
        page.write_text(render(report).replace("</head>", PROBE + "</head>"), encoding="utf-8")
        shown = run_headless(
            page, ["--dump-dom", "--virtual-time-budget=8000", f"--window-size={size}", "--enable-logging=stderr"]
        )
        found = re.search(r'<pre id="probe">(.*?)</pre>', shown.stdout, re.S)
        assert found, shown.stderr[-500:]
        return json.loads(found.group(1).replace("&amp;", "&")), shown.stderr

    return look


@needs_browser
def test_a_browser_sets_the_formulas_in_the_embedded_font(look):
    seen, messages = look("1300,1000")
    assert seen["formulas"] > 10
    assert seen["flat"] == 0
    assert f"{FONT_FAMILY}:loaded" in seen["faces"]
    assert max(seen["integral"]) > 25  # a display integral stands tall only with the font's MATH table
    assert seen["errors"] == []
    assert "CONSOLE" not in messages


@needs_browser
def test_the_ledger_sorts_and_filters(look):
    seen, _ = look("1300,1000")
    assert seen["before"] == ["equation-1", "equation-3", "equation-20", "equation-9"]
    assert seen["descending"] == ["equation-20", "equation-9", "equation-3", "equation-1"]
    assert seen["filtered"] == ["equation-20"]


PHONE = """<!doctype html><meta charset="utf-8">
<iframe id="phone" style="width:375px;height:800px;border:0" srcdoc="PAGE"></iframe>
<script>
document.getElementById("phone").addEventListener("load", () => setTimeout(() => {
  const page = document.getElementById("phone").contentDocument;
  page.querySelectorAll("details").forEach(d => d.open = true);
  const out = document.createElement("pre");
  out.id = "probe";
  out.textContent = JSON.stringify({
    width: page.documentElement.clientWidth,
    needs: page.documentElement.scrollWidth,
  });
  document.body.append(out);
}, 100));
</script>"""


@needs_browser
def test_a_phone_does_not_scroll_sideways(report, tmp_path):
    page = tmp_path / "phone.html"
    page.write_text(PHONE.replace("PAGE", html.escape(render(report))), encoding="utf-8")
    shown = run_headless(page, ["--dump-dom", "--virtual-time-budget=8000", "--window-size=900,900"])
    seen = json.loads(re.search(r'<pre id="probe">(.*?)</pre>', shown.stdout, re.S)[1])
    assert seen["width"] == 375  # browsers without a window are never narrower than 500 themselves
    assert seen["needs"] <= 375


@needs_browser
def test_the_page_prints(report, tmp_path):
    pdf = print_pdf(write_html(report, tmp_path / "deep" / "index.html"), tmp_path / "report.pdf")
    assert pdf.stat().st_size > 20_000
