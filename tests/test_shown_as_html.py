"""What a notebook shows as HTML: tables of detections and of what there is, small pictures of heat maps."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from types import ModuleType
from typing import Any

import nbformat
import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter
from PIL import Image

import detxai_nb as dx
from detxai_nb.geometry import Placement
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.plots import thumbnails
from detxai_nb.types import Detections, Target

HOSTILE = "</script><img src=x onerror=alert(1)>"


class Page(HTMLParser):
    """The elements of a page with their attributes, and its texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def assert_harmless(self) -> None:
        """No element or attribute came out of a text, and nothing is fetched."""
        assert not {tag for tag, _ in self.elements} & {"script", "link", "iframe"}
        for _, attributes in self.elements:
            assert not [name for name in attributes if name.startswith("on")]
            assert (attributes.get("src") or "data:image/png;base64,").startswith("data:image/png;base64,")


def some(count: int, names: tuple[str, ...] = ("cat", HOSTILE), **more: Any) -> Detections:
    boxes = torch.tensor([[1.0, 2, 20, 30]]).repeat(count, 1)
    return Detections(boxes, torch.linspace(0.9, 0.1, count), torch.arange(count) % 2, names, **more)


def maps_of(count: int, image: np.ndarray | None = None, **more: Any) -> HeatMaps:
    image = np.full((48, 64, 3), 90, np.uint8) if image is None else image
    height, width = image.shape[:2]
    grids = tuple(torch.rand(6, 8, generator=torch.Generator().manual_seed(row)) for row in range(count))
    strides, placement = ((height / 6, width / 8),) * count, Placement.identity(height, width)
    fields = {"unit": "<b>probability</b>", **more}
    return HeatMaps(grids, strides, placement, image, some(count), Target(), "odam", **fields)


def pictures(html: str) -> list[Image.Image]:
    sources = [attributes["src"] for tag, attributes in Page(html).elements if tag == "img"]
    return [Image.open(io.BytesIO(base64.b64decode(str(source).partition(",")[2]))) for source in sources]


def test_detections_are_a_table_of_texts() -> None:
    found = some(3, numbers=torch.tensor([0, 4, 7]), image_size=(40, 60), iou=torch.tensor([1, 0.5, 0.25]))
    page = Page(found._repr_html_())
    page.assert_harmless()
    assert "3 objects in 60 x 40 pixels" in page.texts
    start = page.texts.index("number")
    assert page.texts[start : start + 10] == [
        *("number", "label", "score", "box (x1, y1, x2, y2)", "IoU"),
        *("0", "cat", "0.90", "1.0, 2.0, 20.0, 30.0", "1.00"),
    ]
    assert page.texts.count(HOSTILE) == 1
    assert "7" in page.texts


def test_long_tables_end_in_how_many_there_are() -> None:
    html = some(300)._repr_html_()
    assert html.count("<tr>") == 61
    assert "and 240 more" in Page(html).texts
    assert "more" not in some(60)._repr_html_()


def test_nothing_is_said_with_the_highest_score() -> None:
    assert "nothing detected; the highest score was 0.123" in replace(some(0), highest_score=0.1234)._repr_html_()


def test_classes_of_a_whole_image_have_no_box() -> None:
    found = some(2, origins=torch.tensor([[0], [1]]), origin_fields=("class",))
    page = Page(found._repr_html_())
    assert "probability" in page.texts
    assert not [text for text in page.texts if "box" in text]


def test_maps_are_pictures_with_their_labels() -> None:
    html = maps_of(2)._repr_html_()
    page = Page(html)
    page.assert_harmless()
    assert {"0: cat 0.90", f"1: {HOSTILE} 0.10", "<b>probability</b>"} <= set(page.texts)
    assert [one.size for one in pictures(html)] == [(64, 48)] * 2


def test_a_picture_is_the_map_over_the_photograph() -> None:
    grid = torch.zeros(6, 8)
    grid[4, 6] = 1
    maps = replace(maps_of(1), grids=(grid,))
    drawn = np.asarray(pictures(maps._repr_html_())[0].convert("RGB")).astype(int)
    brightest = np.unravel_index(np.abs(drawn[:, 24:] - 90).sum(axis=2).argmax(), (48, 40))
    assert 32 <= brightest[0] < 40
    assert 48 <= brightest[1] + 24 < 56
    assert (drawn[2, 1:20] > 220).all(), "the box's upper side"


@pytest.mark.parametrize("noisy", [False, True])
def test_many_maps_of_any_picture_stay_small(noisy: bool) -> None:
    rows = np.arange(600)[:, None, None] // 3 + np.zeros((600, 800, 3), int)
    image = np.random.default_rng(0).integers(0, 256, (600, 800, 3)) if noisy else rows
    html = maps_of(50, image.astype(np.uint8))._repr_html_()
    assert len(html) <= thumbnails.BUDGET
    assert len(pictures(html)) == 20
    assert "and 30 more" in Page(html).texts


def test_maps_without_content_say_so_and_none_is_none() -> None:
    maps = maps_of(3)
    empty = replace(maps, grids=(torch.zeros(6, 8), torch.full((6, 8), torch.nan), torch.ones(6, 8)))
    page = Page(empty._repr_html_())
    assert {"no positive evidence", "not finite", "1 everywhere"} <= set(page.texts)
    none = maps[:0]._repr_html_()
    assert pictures(none) == []


@pytest.mark.parametrize("table", ["methods", "metrics", "detectors"])
def test_tables_of_what_there_is_escape_texts(table: str) -> None:
    found = getattr(dx, table)()
    found.iloc[0, 0] = HOSTILE
    html = found._repr_html_()
    assert "&lt;/script&gt;&lt;img" in html
    Page(html).assert_harmless()


def test_stripped_notebooks_are_those_without_html(ci_script: Callable[[str], ModuleType]) -> None:
    stripper = ci_script("strip_notebooks")
    table = dx.methods()
    shown = [maps_of(1), some(2), table]
    kept = [{"image/png", "text/plain"}, {"text/plain"}, {"text/html", "text/plain"}]
    cells = []
    for thing in shown:
        data, metadata = DisplayFormatter().format(thing)
        assert "text/html" in data
        if "image/png" in data and isinstance(data["image/png"], bytes):
            data["image/png"] = base64.b64encode(data["image/png"]).decode()
        output = nbformat.v4.new_output("display_data", data, metadata=metadata)
        cells.append(nbformat.v4.new_code_cell("", outputs=[output]))
    notebook = nbformat.v4.new_notebook(cells=cells)
    said = stripper.strip(notebook)
    assert [set(cell.outputs[0].data) for cell in notebook.cells] == kept
    assert any(re.search("HTML", reason) for reason in said)
    assert stripper.strip(notebook) == []
