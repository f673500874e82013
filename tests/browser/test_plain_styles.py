"""All kinds of widgets on one page: none changes how another looks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from plain_page import PlainPage, stub

import detxai_nb as dx

pytestmark = pytest.mark.browser

KINDS = (
    "Explorer",
    "ScoreThreshold",
    "Survey",
    "Comparison",
    "Discrimination",
    "NmsExplorer",
    "Perturbation",
    "Predict",
    "SanityCheck",
    "TinyObjects",
    "WhatIf",
)
LOOKS = """root => {
  const names = [...getComputedStyle(root)].filter(n => !/^(perspective|transform)-origin|(inline|block)-size/.test(n));
  return [root, ...root.querySelectorAll('*')].map(e => {
    const style = getComputedStyle(e), box = e.getBoundingClientRect(), name = e.className?.baseVal ?? e.className;
    const looks = names.map(n => style.getPropertyValue(n));
    return [e.tagName, name, Math.round(box.width), Math.round(box.height), ...looks].join(' ');
  });
}"""
UNEXPLAINED = "labels => labels.filter(label => !label.title).map(label => label.textContent)"
LAST = """name => { for (const sheet of [...document.styleSheets])
    if (sheet.href?.endsWith(`?${name}`)) document.head.append(sheet.ownerNode); }"""


@pytest.fixture(scope="module")
def opened(browser: Any) -> Iterator[PlainPage]:
    page = PlainPage(browser, reduced_motion="reduce")
    yield page
    page.close()


def made(kind: str) -> Any:
    if kind in ("SanityCheck", "TinyObjects"):
        scenes = dx.data.scenes.Scenes(1, mode="tiny")
        shown = scenes if kind == "TinyObjects" else scenes[0].image
        return getattr(dx.widgets, kind)(dx.load_detector("tiny-fcos", device="cpu"), shown)
    if kind == "Predict":
        return dx.widgets.Predict("In which order?", kind="order", options=["a", "b"], image=stub.photograph())
    if kind == "Survey":
        return dx.widgets.Survey(dx.survey.rehearsal_study(seats=1, objects=1))
    detector = stub.Dimming() if kind == "Perturbation" else stub.StubDetector()
    return getattr(dx.widgets, kind)(detector, stub.photograph())


def test_each_kind_looks_the_same_alone_and_beside_all_others(opened: PlainPage) -> None:
    alone: dict[str, list[str]] = {}
    roots: dict[str, Any] = {}
    for kind in KINDS:
        roots[kind] = opened.show(made(kind), kind)
        alone[kind] = roots[kind].evaluate(LOOKS)
        unexplained = roots[kind].locator(".dx-label").evaluate_all(UNEXPLAINED)
        assert unexplained == [], kind
    # In one order of the sheets or in the other, which of two that differ comes last: the later one wins.
    for order in (KINDS, KINDS[::-1]):
        for name in order:
            opened.page.evaluate(LAST, name)
        opened.until(lambda: opened.page.evaluate("document.styleSheets.length") > len(KINDS), "the sheets are there")
        for kind in KINDS:
            now = roots[kind].evaluate(LOOKS)
            assert len(now) == len(alone[kind])
            different = [(a, b) for a, b in zip(alone[kind], now) if a != b]
            assert not different, (kind, order[-1], different[:2])
    assert opened.errors == []
