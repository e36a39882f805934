"""Colours that can be read, headings in order, names on every control."""

import re
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from derivations.report.html import render

STYLE = (files("derivations.report") / "templates" / "style.css").read_text()
SCHEMES = {
    "light": re.search(r":root \{(.*?)\}", STYLE, re.S)[1],
    "dark": re.search(r':root\[data-theme="dark"\] \{(.*?)\}', STYLE, re.S)[1],
}
PAIRS = [
    ("ink", "paper"), ("faint", "paper"), ("link", "paper"), ("ink", "panel"), ("faint", "panel"), ("link", "panel"),
    ("good", "good-bg"), ("fix", "fix-bg"), ("bad", "bad-bg"), ("calm", "calm-bg"), ("ink", "fix-bg"),
]  # fmt: skip


def luminance(colour):
    """Relative luminance of WCAG 2.2."""
    digits = colour if len(colour) == 6 else "".join(2 * c for c in colour)
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_measure_itself():
    assert contrast("000", "ffffff") == pytest.approx(21)
    assert contrast("777777", "ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_contrast_is_at_least_that_of_wcag_aa(scheme, text, ground):
    colours = dict(re.findall(r"--([\w-]+): #([0-9a-f]+);", SCHEMES[scheme]))
    assert contrast(colours[text], colours[ground]) >= 4.5


def test_dark_by_preference_is_dark_by_choice():
    preferred = re.search(r"prefers-color-scheme: dark\) \{.*?\{(.*?)\}", STYLE, re.S)[1]
    assert re.findall(r"--[\w-]+: #\w+", preferred) == re.findall(r"--[\w-]+: #\w+", SCHEMES["dark"])


class Outline(HTMLParser):
    def __init__(self):
        super().__init__()
        self.levels, self.nameless, self.text, self.open = [], [], "", None

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if re.fullmatch(r"h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if tag == "button":
            self.open, self.text = attributes.get("aria-label"), ""
        if tag in ("th",) and "scope" not in attributes:
            self.nameless.append(attributes)

    def handle_data(self, data):
        self.text += data

    def handle_endtag(self, tag):
        if tag == "button" and not (self.open or self.text.strip()):
            self.nameless.append(tag)


def test_headings_go_down_by_one_and_controls_have_names(report):
    outline = Outline()
    page = render(report)
    outline.feed(page)
    assert outline.levels[0] == 1
    assert outline.levels.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(outline.levels, outline.levels[1:]))
    assert outline.nameless == []
    assert '<html lang="en">' in page
