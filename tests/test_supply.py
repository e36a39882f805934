"""Dependencies: few, bounded, each with its reason in the documentation; licences that go with ours; one fixed set."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PAGE = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
# what may stand in a licence, and what may not
FREE = re.compile(r"MIT|BSD|Apache|MPL|Mozilla|PSF|Python Software|ISC|LGPL|Lesser|0BSD|HPND|CC0", re.IGNORECASE)
BOUND = re.compile(r"(?<!L)(?<!Lesser )GPL|AGPL|Affero|proprietary|NonCommercial|SSPL|BUSL", re.IGNORECASE)


def requirements():
    """(name, requirement) of every direct dependency, those of extras included."""
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    texts = {text for group in groups for text in group if not text.startswith("symrg[")}
    return sorted((re.split(r"[<>=!~\[ ]", text, maxsplit=1)[0], text) for text in texts)


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def constraints():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {canonical(n): v for n, v in (line.split("==") for line in lines if line and line[0] != "#")}


def licence(name):
    about = importlib.metadata.metadata(name)
    texts = [about.get("License-Expression") or "", *(about.get_all("Classifier") or ())]
    found = " ".join(t for t in texts if t and ((not t.startswith("Topic") and "License" in t) or "::" not in t))
    return found.strip() or (about.get("License") or "")[:200]


@pytest.mark.parametrize(("name", "text"), requirements())
def test_each_dependency_has_a_bound_and_a_reason(name, text):
    assert re.search(r">=\s*\d", text), f"{text} has no lower bound"
    assert re.search(rf"^\| `{re.escape(name)}` \| \S.{{15,}}", PAGE, re.MULTILINE), f"no reason for {name} in the page"
    assert canonical(name) in constraints(), f"{name} is not in constraints.txt"


def test_the_page_names_no_dependency_that_is_gone():
    section = PAGE.split("## Dependencies")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)) == {name for name, _ in requirements()}


def test_constraints_fix_one_version_each_that_meets_the_bounds():
    fixed = constraints()
    for name, text in requirements():
        lower = re.search(r">=\s*([\d.]+)", text)[1]
        assert parts(fixed[canonical(name)]) >= parts(lower), (name, text)
    for name, version in fixed.items():
        assert re.fullmatch(r"\d[\w.+!]*", version), name


def parts(version):
    return [int(n) for n in re.findall(r"\d+", version.split("+")[0])[:3]]


def reached():
    """Every installed distribution that symrg needs at run time, directly or not."""
    waiting, seen = [canonical(n) for n, _ in requirements()], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        try:
            needs = importlib.metadata.requires(name) or ()
        except importlib.metadata.PackageNotFoundError:
            continue
        seen.add(name)
        waiting += [canonical(re.split(r"[<>=!~\[;( ]", n, maxsplit=1)[0]) for n in needs if "extra ==" not in n]
    return sorted(seen)


def test_everything_installed_is_fixed():
    missing = set(reached()) - set(constraints()) - {"pip", "setuptools", "symrg"}
    assert not missing, missing


def test_licences_go_with_ours():
    assert "MIT" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    unknown, bound = [], []
    for name in reached():
        text = licence(name)
        if name.startswith(("nvidia-", "cuda-")):
            continue  # brought by torch's wheels for NVIDIA devices; named in the page
        if not FREE.search(text):
            unknown.append((name, text[:60]))
        elif BOUND.search(text) and not re.search(r"\bOR\b|MIT|BSD", text):
            bound.append((name, text[:60]))
    assert not unknown, unknown
    assert not bound, bound


@pytest.mark.parametrize("text", ["GPL-3.0-only", "GNU Affero General Public License v3 AGPL", "proprietary"])
def test_a_licence_that_binds_is_seen(text):
    assert BOUND.search(text)


def test_the_lesser_licence_is_not_taken_for_the_other():
    assert not BOUND.search("MIT AND LGPL-3.0-or-later")
