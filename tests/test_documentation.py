"""What the documentation site is made of: pages, pictures, formulas, and the check of a built site."""

from __future__ import annotations

import importlib
import json
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import detxai_nb as dx
from detxai_nb.methods import all_methods

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$\w])\$([^$\n]+?)\$(?!\w)", re.DOTALL)


@pytest.fixture(autouse=True)
def _scripts_of_the_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (DOCS, DOCS / "extensions"):
        monkeypatch.syspath_prepend(str(folder))


def script(name: str) -> ModuleType:
    """A script of the documentation; extensions need Sphinx."""
    pytest.importorskip("sphinx", reason="the extra 'docs' is not installed")
    return importlib.import_module(name)


def markdown() -> Iterator[tuple[str, str]]:
    """The words of each page and notebook, without code."""
    for path in sorted(DOCS.rglob("*.md")):
        if not {"_build", "notebooks"} & set(path.relative_to(DOCS).parts):
            yield path.name, re.sub(r"```.*?```|`[^`\n]+`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        texts = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        yield path.name, re.sub(r"`[^`\n]+`", "", "\n\n".join(texts))


def test_every_method_has_a_page_with_its_facts_formula_limits_and_costs() -> None:
    pages = script("method_pages")
    assert pages.missing_pages(DOCS / "methods") == []
    assert pages.missing_pages(DOCS / "methods", ["no-such"]) == ["no-such"]
    index = (DOCS / "methods" / "index.md").read_text(encoding="utf-8")
    for slug in all_methods():
        name = pages.file_name(slug)
        text = (DOCS / "methods" / f"{name}.md").read_text(encoding="utf-8")
        assert f"```{{method-facts}} {slug}\n```" in text
        assert f"```{{method-reference}} {slug}\n```" in text
        assert [f"## {part}" in text for part in ("Formula", "When to use it", "Limits", "What it costs")] == [True] * 4
        assert f"\n{name}\n" in index


def test_the_code_below_a_methods_picture_draws_it() -> None:
    pictures = script("make_method_pictures")
    example = pictures.example_of("relevance-cam")
    assert (example.detector, example.whole_picture) == ("tiny-resnet", True)
    names = {"dx": dx}
    exec(example.code.replace("dx.explain", "maps = dx.explain").removesuffix(".plot()"), names)
    expected = dx.explain(*pictures._explained(example.detector), method="relevance-cam")
    assert (names["maps"].values == expected.values).all()  # type: ignore[attr-defined]
    assert pictures.example_of("bbam").detector == "tiny-faster-rcnn"
    assert 'method="d-rise", masks=' in pictures.example_of("d-rise").code


def test_every_metric_is_in_a_list() -> None:
    pages = script("metric_pages")
    text = (DOCS / "metrics.md").read_text(encoding="utf-8")
    assert pages.missing(text) == []
    assert pages.missing(text, ["no-such"]) == ["no-such"]


def test_every_widget_has_a_page_and_lives_there() -> None:
    living = script("make_pages").PAGES
    for name in dx.widgets.__all__:
        slug = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        text = (DOCS / "widgets" / f"{slug}.md").read_text(encoding="utf-8")
        assert f".. autoclass:: detxai_nb.widgets.{name}\n" in text
        if name == "Survey":
            assert "](survey.png)" in text, "a survey has no page of its own, so there is a still"
        else:
            assert slug in living
            assert f"```{{living-widget}} {slug}\n" in text


def test_a_living_page_is_written_once(tmp_path: Path) -> None:
    make_pages = script("make_pages").make_pages
    assert [name for name, _ in make_pages(tmp_path, ["score_threshold"])] == ["score_threshold"]
    assert (tmp_path / "score_threshold.png").read_bytes().startswith(b"\x89PNG")
    assert "data-widget" in (tmp_path / "score_threshold.html").read_text(encoding="utf-8")
    assert list(make_pages(tmp_path, ["score_threshold"])) == []


def test_every_formula_can_be_drawn_without_a_script() -> None:
    to_mathml = script("mathml").to_mathml
    seen = 0
    for where, text in markdown():
        for block, inline in FORMULA.findall(text):
            drawn = to_mathml((block or inline).strip(), bool(block))
            assert drawn.startswith("<math"), f"{where}: {block or inline}"
            seen += 1
    assert seen > 60
    assert to_mathml(r"\Big(x\Big)", True).count('minsize="1.623em"') == 2


def test_notebooks_link_what_the_site_has_and_fold_what_they_fold() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["[a](glossary.md) [b](01a_maps_of_one_object.ipynb)"]},
        {"cell_type": "code", "source": ["x = '[c](glossary.md)'"]},
        {"cell_type": "code", "source": ["y"], "metadata": {"jupyter": {"source_hidden": True}, "tags": ["a"]}},
    ]
    mended = json.loads(script("notebook_sources").page_source(json.dumps({"cells": cells})))["cells"]
    assert mended[0]["source"] == "[a](../glossary.md) [b](01a_maps_of_one_object.ipynb)"
    assert mended[1] == cells[1]
    assert mended[2]["metadata"]["tags"] == ["a", "hide-input"]


def test_notebooks_of_the_site_are_those_of_the_repository(tmp_path: Path) -> None:
    class App:
        srcdir = tmp_path / "docs"

    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "00_a.ipynb").write_text('{"cells": []}')
    (tmp_path / "docs" / "notebooks").mkdir(parents=True)
    gone = tmp_path / "docs" / "notebooks" / "99_gone.ipynb"
    gone.write_text("{}")
    script("notebook_sources").copy_notebooks(App)
    (copied,) = (tmp_path / "docs" / "notebooks").iterdir()
    assert copied.name == "00_a.ipynb"
    before = copied.stat().st_mtime_ns
    script("notebook_sources").copy_notebooks(App)
    assert copied.stat().st_mtime_ns == before, "a notebook that has not changed is not read again"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Two pages without a fault, and an inventory."""
    (tmp_path / "a.html").write_text('<h1 id="top">A</h1><a href="sub/b.html#x">b</a><a href="#top">up</a>')
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.html").write_text(
        '<p id="x"></p><a href="https://example.com/">e</a><img src="data:,"><img src="../c.png">'
    )
    (tmp_path / "c.png").write_bytes(b"")
    return tmp_path


def test_a_site_without_a_fault_has_none(site: Path) -> None:
    assert script("check_site").link_faults(site) == []


@pytest.mark.parametrize(
    ("markup", "fault"),
    [
        ('<a href="gone.html">g</a>', "links gone.html, which is not there"),
        ('<a href="sub/b.html#y">b</a>', "links sub/b.html#y, where there is no such place"),
        ('<img src="gone.png">', "links gone.png, which is not there"),
        ('<script src="https://cdn.example.com/x.js"></script>', "loads https://cdn.example.com/x.js"),
        ('<link rel="stylesheet" href="//cdn.example.com/x.css">', "loads //cdn.example.com/x.css"),
        ('<iframe src="http://example.com/"></iframe>', "loads http://example.com/"),
    ],
)
def test_faults_of_a_site_are_named(site: Path, markup: str, fault: str) -> None:
    (site / "d.html").write_text(markup)
    assert script("check_site").link_faults(site) == [f"d.html {fault}"]


def test_public_names_are_counted() -> None:
    check_site = script("check_site")
    listing = "detxai_nb.load_image py:function 1 a.html#$ -\nelsewhere std:doc -1 a.html -\n"
    inventory = b"# Sphinx inventory version 2\n# Project: x\n# zlib.\n" + zlib.compress(listing.encode())
    assert check_site.documented(inventory) == {"detxai_nb.load_image"}
    with pytest.raises(ValueError, match="no inventory"):
        check_site.documented(b"x")
    there = check_site.identities({"detxai_nb.image.load_image"})
    assert check_site.is_documented("detxai_nb.load_image", dx.load_image, there)
    assert not check_site.is_documented("detxai_nb.explain", dx.explain, there)
    # A constant that only looks alike is another one.
    sizes = {"detxai_nb.tiny.TINY": id(dx.tiny.TINY)}
    assert check_site.is_documented("detxai_nb.metrics.TINY", dx.metrics.TINY, sizes)
    assert not check_site.is_documented("detxai_nb.metrics.OTHER", dx.tiny.TINY, sizes)
    assert {"detxai_nb.explain", "detxai_nb.metrics.METRICS", "detxai_nb.widgets.WhatIf"} <= set(
        check_site.public_names()
    )


def test_a_constant_without_words_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    public_names = script("public_names")
    module = ModuleType("detxai_nb.bare")
    module.__all__, module.BARE = ["BARE"], object()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "detxai_nb.bare", module)
    with pytest.raises(ValueError, match=r"detxai_nb\.bare\.BARE is public, and nowhere in words"):
        list(public_names.directives(module))
    lines = list(public_names.directives(importlib.import_module("detxai_nb.sanity")))
    assert ".. autodata:: detxai_nb.sanity.settings.MODES" in lines
    assert ".. autofunction:: detxai_nb.sanity.check" in lines
