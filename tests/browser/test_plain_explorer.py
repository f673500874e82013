"""The Explorer on a plain page: gestures, proportions, many objects, colours, files, and the way back."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree
from collections.abc import Iterator
from typing import Any

import crowd
import numpy as np
import pytest
from PIL import Image
from plain_page import PlainPage

import detxai_nb as dx
from detxai_nb.widgets.snapshots.picture import Look, overlay_pixels

pytestmark = pytest.mark.browser

COUNT = 40
SIZE = (300, 400)
TALL, WIDE = (900, 150), (100, 1500)
SCROLLED = "() => Math.round(window.scrollY)"


@pytest.fixture(scope="module")
def opened(browser: Any) -> Iterator[PlainPage]:
    page = PlainPage(browser, has_touch=True, permissions=["clipboard-read", "clipboard-write"])
    page.page.add_style_tag(content="body { padding-bottom: 900px }")
    yield page
    page.close()


@pytest.fixture(scope="module")
def shown(opened: PlainPage) -> Any:
    """An Explorer of forty objects."""
    return opened.show(dx.widgets.Explorer(crowd.Crowd(COUNT), crowd.photograph(*SIZE)))


@pytest.fixture
def widget(opened: PlainPage, shown: Any) -> Iterator[Any]:
    """The same, as it was at first."""
    yield opened.widgets["widget"]
    first = {"selected": 0, "min_score": 0.0, "only_class": "", "search": "", "percentile": 100.0, "boxes": "all"}
    opened.set(**first, opacity=0.75, colormap="viridis")
    shown.get_by_role("button", name="Show the whole photograph").click()
    opened.page.mouse.move(1, 1)
    opened.page.evaluate("window.scrollTo(0, 0)")


def canvas(root: Any) -> Any:
    return root.locator(".dx-stage canvas.dx-canvas")


def zoomed(root: Any) -> bool:
    return bool(root.locator(".dx-zoomed").count())


def at(root: Any, x: float, y: float, size: tuple[int, int] = SIZE) -> tuple[float, float]:
    """Where a point of the photograph is on the page, while it is not zoomed."""
    canvas(root).scroll_into_view_if_needed()
    box = canvas(root).bounding_box()
    scale = min(box["width"] / size[1], box["height"] / size[0])
    left, top = (box["width"] - size[1] * scale) / 2, (box["height"] - size[0] * scale) / 2
    return box["x"] + left + x * scale, box["y"] + top + y * scale


def middle(widget: Any, index: int) -> tuple[float, float]:
    x1, y1, x2, y2 = widget.objects[index]["box"]
    return (x1 + x2) / 2, (y1 + y2) / 2


def rows(root: Any) -> list[str]:
    return [row.get_attribute("aria-label") for row in root.locator("li[role=option]").all()]


def slide(root: Any, label: str, value: float) -> None:
    root.get_by_label(label, exact=True).evaluate(
        """(e, value) => { e.value = value;
           for (const name of ['input', 'change']) e.dispatchEvent(new Event(name, { bubbles: true })); }""",
        value,
    )


def test_a_wheel_scrolls_the_page_also_after_a_click_and_zooms_with_ctrl(
    opened: PlainPage, shown: Any, widget: Any
) -> None:
    page = opened.page
    page.mouse.click(*at(shown, *middle(widget, 3)))
    opened.until(lambda: widget.selected == 3, "a click selects")
    page.mouse.wheel(0, 120)
    opened.until(lambda: page.evaluate(SCROLLED) > 50, "the page scrolls under the pointer")
    shown.locator(".dx-hint.dx-shown").wait_for(state="attached")
    assert not zoomed(shown)
    before = page.evaluate(SCROLLED)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    opened.until(lambda: zoomed(shown), "Ctrl and wheel zoom")
    assert page.evaluate(SCROLLED) == before


def test_a_double_click_and_two_fingers_zoom(opened: PlainPage, shown: Any, widget: Any) -> None:
    page = opened.page
    page.mouse.dblclick(*at(shown, *middle(widget, 5)))
    opened.until(lambda: zoomed(shown), "a double click zooms")
    opened.until(lambda: widget.selected == 5, "its first click selects")
    page.keyboard.press("0")
    opened.until(lambda: not zoomed(shown), "0 shows all")
    x, y = at(shown, 200, 150)
    touch = opened.context.new_cdp_session(page)
    for kind, apart in (("touchStart", 20), ("touchMove", 40), ("touchMove", 80), ("touchEnd", 0)):
        points = [{"x": x - apart, "y": y, "id": 1}, {"x": x + apart, "y": y, "id": 2}] if apart else []
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    opened.until(lambda: zoomed(shown), "two fingers zoom")
    assert widget.selected == 5


def test_full_screen_uses_the_window_and_ends(opened: PlainPage, shown: Any, widget: Any) -> None:
    small = canvas(shown).bounding_box()
    shown.get_by_role("button", name="Full screen").click()
    opened.until(lambda: opened.page.evaluate("document.fullscreenElement?.className ?? ''"), "it is full screen")
    opened.until(lambda: canvas(shown).bounding_box()["height"] != small["height"], "the picture takes the room")
    opened.page.mouse.move(*at(shown, *middle(widget, 5)))
    opened.page.mouse.wheel(0, -200)
    opened.until(lambda: zoomed(shown), "there the wheel zooms")
    shown.get_by_role("button", name="Full screen").click()
    opened.until(lambda: canvas(shown).bounding_box() == small, "it is as before")


@pytest.mark.parametrize("size", [TALL, WIDE], ids=["portrait", "panorama"])
def test_the_picture_has_the_width_of_its_place_whatever_its_proportions(
    opened: PlainPage, size: tuple[int, int]
) -> None:
    name = f"size{size[0]}"
    root = opened.show(dx.widgets.Explorer(crowd.Crowd(3), crowd.photograph(*size)), name)
    root.scroll_into_view_if_needed()
    place, drawn = root.locator(".dx-stage").bounding_box(), canvas(root).bounding_box()
    assert abs(place["width"] - drawn["width"]) <= 1
    assert 200 <= drawn["height"] <= 730
    assert opened.pixel(canvas(root), 0.01, 0.01)[3] == 0, "beside or above it is nothing"
    assert opened.pixel(canvas(root), 0.5, 0.5)[3] == 255, "it lies in the middle"
    opened.page.mouse.click(*at(root, *middle(opened.widgets[name], 1), size))
    opened.until(lambda: opened.widgets[name].selected == 1, "a click meets the object under it")
    for _ in range(10):
        opened.page.keyboard.press("+")
    corners = [(u, v) for u in (0.01, 0.99) for v in (0.02, 0.98)]
    opened.until(
        lambda: all(opened.pixel(canvas(root), u, v)[3] == 255 for u, v in corners), "zoomed, it fills its place"
    )
    opened.page.locator(f"#{name}").evaluate("e => e.remove()")


def test_many_objects_are_filtered_by_score_class_and_name(opened: PlainPage, shown: Any, widget: Any) -> None:
    assert len(rows(shown)) == COUNT
    slide(shown, "Min. score", 0.8)
    opened.until(lambda: widget.min_score == 0.8, "Python knows")
    assert widget.listed == [i for i in range(COUNT) if float(widget.detections.scores[i]) >= np.float32(0.8)]
    assert len(rows(shown)) == len(widget.listed) < COUNT
    shown.get_by_label("Class", exact=True).select_option("lid")
    opened.until(lambda: widget.only_class == "lid", "Python knows")
    numbers = [i for i in widget.listed if i % 4 == 1]
    assert rows(shown) == [f"#{i} lid, score {float(widget.detections.scores[i]):.2f}" for i in numbers]
    assert shown.locator(".dx-count").first.inner_text() == f"{len(numbers)} of {COUNT}"
    names = {"detector": crowd.Crowd(COUNT), "image": crowd.photograph(*SIZE)}
    exec(widget.to_code(), names)
    assert names["listed"] == widget.listed
    x, y = middle(widget, 2)
    opened.page.mouse.click(*at(shown, x, y))
    opened.until(lambda: widget.selected is None, "what is not listed cannot be clicked")
    canvas(shown).focus()
    for wanted in (numbers[0], numbers[1]):
        opened.page.keyboard.press("ArrowRight")
        opened.until(lambda wanted=wanted: widget.selected == wanted, "arrow keys go through those that are listed")
    shown.get_by_label("Search objects").fill("nothing like it")
    opened.until(lambda: not rows(shown), "nothing is listed")
    shown.get_by_role("button", name="Show all objects again").click()
    opened.until(lambda: len(rows(shown)) == COUNT, "the remedy is in reach")
    shown.get_by_label("Search objects").fill("#12")
    opened.until(lambda: widget.listed == [12], "a number finds its object")


def test_an_object_has_one_number_and_a_class_one_colour_everywhere(opened: PlainPage, shown: Any, widget: Any) -> None:
    opened.set(selected=6)
    assert "#6 <b>tin</b>, score" in shown.get_by_role("status").first.inner_text()
    chosen = shown.locator("li[aria-selected=true]")
    assert chosen.get_attribute("aria-label").startswith("#6 <b>tin</b>")
    assert "[6]" in widget.to_code()
    assert widget._caption().startswith("#6 <b>tin</b> 0.")
    colors = {thing["name"]: thing["color"] for thing in widget.objects}
    assert len(set(colors.values())) == 4
    swatch = chosen.locator(".dx-class").evaluate("e => getComputedStyle(e).backgroundColor")
    wanted = tuple(int(colors["<b>tin</b>"][i : i + 2], 16) for i in (1, 3, 5))
    assert swatch == f"rgb({', '.join(map(str, wanted))})"
    x1, _, x2, y2 = widget.objects[6]["box"]
    box = canvas(shown).bounding_box()
    x, y = at(shown, (x1 + x2) / 2, y2)
    seen = opened.pixel(canvas(shown), (x - box["x"]) / box["width"], (y - box["y"]) / box["height"])[:3]
    assert np.abs(seen - wanted).max() <= 40
    still = np.asarray(Image.open(io.BytesIO(widget._picture())).convert("RGB"))
    factor = 640 / SIZE[1]
    around = still[round(y2 * factor) - 2 : round(y2 * factor) + 4, round((x1 + x2) / 2 * factor)]
    assert np.abs(around.astype(int) - wanted).max(axis=1).min() <= 40


def test_an_upper_limit_keeps_one_cell_from_taking_all_colours(opened: PlainPage, shown: Any, widget: Any) -> None:
    ticks = shown.locator(".dx-bar-ticks span")
    before = ticks.all_inner_texts()
    slide(shown, "Upper limit", 60)
    opened.until(lambda: widget.percentile == 60, "Python knows")
    after = ticks.all_inner_texts()
    assert after[2].startswith("\u2265 ")
    assert float(after[2][2:]) < float(before[2])
    _, high = dx.plots.color_range(widget.maps, 0, percentile=60)
    assert abs(float(after[2][2:]) - high) <= 0.006 * high
    opened.set(boxes="selected")
    look = Look(0.75, 0.0, "viridis", False, percentile=60)
    wanted = overlay_pixels(crowd.photograph(*SIZE), widget.maps, 0, look).astype(int)
    x, y = (round(v) for v in middle(widget, 0))
    for dx_, dy in ((0, 0), (9, 5), (15, 12)):
        seen = opened.pixel(canvas(shown), (x + dx_ + 0.5) / SIZE[1], (y + dy + 0.5) / SIZE[0])[:3]
        assert np.abs(seen - wanted[y + dy, x + dx_]).max() <= 12


def test_pointing_at_the_picture_marks_the_line_and_a_click_on_nothing_deselects(
    opened: PlainPage, shown: Any, widget: Any
) -> None:
    opened.page.mouse.move(*at(shown, *middle(widget, 30)))
    marked = shown.locator("li.dx-pointed")
    opened.until(lambda: marked.count() == 1, "its line is marked")
    assert marked.get_attribute("aria-label").startswith("#30 ")
    inside = marked.evaluate("""e => { const a = e.getBoundingClientRect(), b = e.parentElement.getBoundingClientRect();
                                return a.top >= b.top - 1 && a.bottom <= b.bottom + 1; }""")
    assert inside, "and seen"
    opened.page.mouse.click(*at(shown, 0.5, 0.5))
    opened.until(lambda: widget.selected is None, "nothing is there")


def test_the_value_under_the_pointer_is_the_selected_objects(opened: PlainPage, shown: Any, widget: Any) -> None:
    opened.page.mouse.move(*at(shown, *middle(widget, 0)))
    value = shown.locator(".dx-readout")
    opened.until(lambda: " at " in value.inner_text(), "it is said")
    first = value.inner_text()
    canvas(shown).focus()
    opened.page.keyboard.press("End")
    opened.until(lambda: widget.selected == COUNT - 1, "another is selected by key")
    assert value.inner_text() != first
    assert value.inner_text().split(" at ")[1] == first.split(" at ")[1]


def test_changes_can_be_undone_and_set_back(opened: PlainPage, shown: Any, widget: Any) -> None:
    undo, reset = (shown.get_by_role("button", name=name) for name in ("Undo the last", "Set everything back"))
    slide(shown, "Opacity", 0.4)
    shown.get_by_label("Colours", exact=True).select_option("magma")
    opened.until(lambda: (widget.opacity, widget.colormap) == (0.4, "magma"), "Python knows")
    undo.click()
    opened.until(lambda: (widget.opacity, widget.colormap) == (0.4, "viridis"), "the last step is taken back")
    canvas(shown).focus()
    opened.page.keyboard.press("Control+z")
    opened.until(lambda: widget.opacity == 0.75, "also by key")
    slide(shown, "Opacity", 0.2)
    shown.get_by_label("Class", exact=True).select_option("lid")
    opened.until(lambda: widget.only_class == "lid", "Python knows")
    reset.click()
    opened.until(lambda: (widget.opacity, widget.only_class) == (0.75, ""), "all is as it was")


def download(opened: PlainPage, shown: Any, name: str) -> tuple[str, bytes]:
    with opened.page.expect_download() as waiting:
        shown.get_by_role("button", name=name).click()
    return waiting.value.suggested_filename, waiting.value.path().read_bytes()


def test_files_hold_the_picture_with_words_colour_bar_and_legend_and_the_figures(
    opened: PlainPage, shown: Any, widget: Any
) -> None:
    opened.set(selected=2)
    name, png = download(opened, shown, "PNG")
    assert name == "odam-class-positive-b-tin-b-2.png"
    picture = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    assert picture.shape[1] == 420
    assert picture.shape[0] > SIZE[0] + 60
    below = picture[SIZE[0] :]
    assert (below.reshape(-1, 3) == 255).all(axis=1).mean() < 0.98, "something stands below the photograph"
    name, svg = download(opened, shown, "SVG")
    root = xml.etree.ElementTree.fromstring(svg.decode())
    texts = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert any(text.startswith("#2 <b>tin</b> 0.") and "ODAM" in text for text in texts)
    assert set(crowd.NAMES) <= set(texts)
    name, table = download(opened, shown, "CSV")
    lines = list(csv.DictReader(io.StringIO(table.decode("utf-8-sig"))))
    assert [int(line["number"]) for line in lines] == list(range(COUNT))
    assert lines[2]["name"] == "<b>tin</b>"
    assert lines[2]["selected"] == "true"
    assert float(lines[2]["high"]) == pytest.approx(float(widget.maps.grids[2].max()), rel=1e-4)


def test_terms_are_explained(shown: Any, widget: Any) -> None:
    assert "percentile" in shown.get_by_text("Upper limit", exact=True).get_attribute("title")
    assert "percentile" in shown.get_by_label("Upper limit", exact=True).get_attribute("aria-description")
    assert shown.get_by_text("Threshold", exact=True).count() == 0
    missing = shown.locator(".dx-label").evaluate_all("labels => labels.filter(l => !l.title).map(l => l.textContent)")
    assert missing == []


def test_nothing_broke(opened: PlainPage) -> None:
    assert opened.errors == []
