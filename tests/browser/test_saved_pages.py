"""Pages of all widgets, opened from the disk without a network: what a person does there works."""

from __future__ import annotations

import csv
import io
import sys
import xml.etree.ElementTree
from pathlib import Path
from typing import Any

import crowd
import numpy as np
import pytest
from disk_page import opened_page
from PIL import Image
from plain_page import stub

import detxai_nb as dx
from detxai_nb.widgets.snapshots.picture import Look, overlay_pixels

pytestmark = pytest.mark.browser

HOSTILE = "</script><img src=x onerror=alert(1)>"
SIZE = (150, 200)


class Hostile(crowd.Crowd):
    """Its first class is markup."""

    names = (HOSTILE, "lid", "<!--", "plate")

    def _find(self, height: int, width: int) -> Any:
        found = super()._find(height, width)
        return type(found)(
            found.boxes, found.scores, found.labels, self.names, score_threshold=0.3, image_size=(height, width)
        )


def at(page: Any, x: float, y: float) -> tuple[float, float]:
    """Where a point of the photograph is on the page."""
    box = page.root.locator(".dx-stage canvas.dx-canvas").bounding_box()
    return box["x"] + x * box["width"] / SIZE[1], box["y"] + y * box["height"] / SIZE[0]


def middle(widget: Any, index: int) -> tuple[float, float]:
    x1, y1, x2, y2 = widget.objects[index]["box"]
    return (x1 + x2) / 2, (y1 + y2) / 2


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: Any) -> tuple[Any, Path]:
    """An Explorer of six objects with four of the combinations that there are, and its page."""
    widget = dx.widgets.Explorer(Hostile(6), crowd.photograph(*SIZE), selected=1)
    path = tmp_path_factory.mktemp("page") / "explorer.html"
    widget.save_html(path, include={"method": ["grad-cam"], "target": "x1"}, title=HOSTILE)
    return widget, path


def test_the_explorer_selects_hovers_slides_and_zooms(browser: Any, explorer: tuple[Any, Path]) -> None:
    widget, path = explorer
    with opened_page(browser, path) as page:
        page.expect("shown", "odam|class||positive#1")
        canvas = page.root.locator(".dx-stage canvas.dx-canvas")
        page.page.mouse.move(*at(page, *middle(widget, 2)))
        marked = page.root.locator("li.dx-pointed")
        page.until(lambda: marked.count() == 1, "the object under the pointer is marked in the list")
        assert (marked.get_attribute("aria-label") or "").startswith("#2 <!--")
        page.page.mouse.click(*at(page, *middle(widget, 3)))
        page.expect("shown", "odam|class||positive#3")
        page.slide("Opacity", 0.3)
        page.expect("opacity", "0.3")
        canvas.focus()
        page.page.keyboard.press("+")
        page.until(lambda: page.root.locator(".dx-zoomed").count(), "it is zoomed")
        page.root.get_by_role("button", name="Undo the last").click()
        page.expect("opacity", "0.75")


def test_menus_offer_what_is_there_and_maps_are_those_of_python(browser: Any, explorer: tuple[Any, Path]) -> None:
    widget, path = explorer
    image = crowd.photograph(*SIZE)
    detections = widget.detections
    with opened_page(browser, path) as page:
        assert page.options("Method") == ["odam", "grad-cam"]
        assert page.options("Explain") == ["class", "x1"]
        for label in ("Layer", "Evidence", "Rather than"):
            assert not page.root.get_by_label(label, exact=True).is_visible(), label
        page.choose("Method", "grad-cam")
        page.choose("Explain", "x1")
        page.expect("shown", "grad-cam|x1||#1")
        page.press("Selected")
        maps = dx.explain(Hostile(6), image, detections, method="grad-cam", target="x1")
        wanted = overlay_pixels(image, maps, 1, Look(0.75, 0.0, "viridis", False)).astype(int)
        x1, y1, x2, y2 = widget.objects[1]["box"]
        for share in (0.35, 0.5, 0.65):
            x, y = int(x1 + share * (x2 - x1)), int(y1 + share * (y2 - y1))
            seen = page.pixel(page.root.locator(".dx-stage canvas.dx-canvas"), (x + 0.5) / SIZE[1], (y + 0.5) / SIZE[0])
            assert np.abs(seen[:3] - wanted[y, x]).max() <= 12
        page.choose("Method", "odam")
        page.expect("shown", "odam|x1||positive#1")


def test_files_are_written_and_the_code_says_what_it_is_of(browser: Any, explorer: tuple[Any, Path]) -> None:
    _, path = explorer
    with opened_page(browser, path, permissions=["clipboard-read", "clipboard-write"]) as page:
        name, png = page.download("PNG")
        assert name.endswith(".png")
        assert Image.open(io.BytesIO(png)).size[0] >= SIZE[1]
        _, svg = page.download("SVG")
        assert xml.etree.ElementTree.fromstring(svg.decode()).tag.endswith("svg")
        _, table = page.download("CSV")
        lines = list(csv.DictReader(io.StringIO(table.decode("utf-8-sig"))))
        assert [line["name"] for line in lines[:3]] == [HOSTILE, "lid", "<!--"]
        page.root.get_by_role("button", name="Copy the Python").click()
        copied = page.page.evaluate("navigator.clipboard.readText()")
        assert "dx.explain(" in copied
        assert not copied.startswith("#")
        page.slide("Opacity", 0.5)
        page.root.get_by_role("button", name="Copy the Python").click()
        page.until(
            lambda: page.page.evaluate("navigator.clipboard.readText()").startswith("# the code of this page"),
            "code that does not know of the opacity says so",
        )
        assert "opacity" in page.page.evaluate("navigator.clipboard.readText()").splitlines()[0]


def test_names_and_titles_from_outside_stay_text(browser: Any, explorer: tuple[Any, Path]) -> None:
    _, path = explorer
    assert HOSTILE not in path.read_text(encoding="utf-8")
    with opened_page(browser, path) as page:
        assert page.page.title() == HOSTILE
        assert page.page.locator("h1").inner_text() == HOSTILE
        assert page.page.locator("img").count() == 0
        names = page.root.locator("li .dx-name").all_inner_texts()
        assert names[:3] == [f"#0 {HOSTILE}", "#1 lid", "#2 <!--"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_follow_the_system_and_the_button(browser: Any, explorer: tuple[Any, Path], scheme: str) -> None:
    with opened_page(browser, explorer[1], color_scheme=scheme) as page:
        assert page.root.get_attribute("data-theme") == scheme
        dark = page.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 25, 29)"
        assert dark == (scheme == "dark")
        page.page.get_by_role("button", name="Light or dark").click()
        page.until(lambda: page.root.get_attribute("data-theme") != scheme, "the button turns it round")
        page.page.emulate_media(color_scheme="dark" if scheme == "light" else "light")


def test_nothing_is_on_the_page_for_a_kernel(browser: Any, tmp_path: Path) -> None:
    one = crowd.Crowd(1)
    nothing = dx.widgets.Explorer(one, crowd.photograph(*SIZE), one.detect([crowd.photograph(*SIZE)])[0][[]])
    nothing.lower_score = 0.1
    with opened_page(browser, nothing.save_html(tmp_path / "nothing.html")) as page:
        assert not page.root.get_by_role("button", name="Detect").is_visible()
        assert "Nothing was found" in page.root.inner_text()
        assert "saved page" in page.page.locator(".dxp-note").inner_text()


def test_comparison_orders_rows_and_changes_the_target(browser: Any, tmp_path: Path) -> None:
    widget = dx.widgets.Comparison(Hostile(3), crowd.photograph(*SIZE), methods=["odam", "grad-cam", "layer-cam"])
    widget.wait()
    path = widget.save_html(tmp_path / "c.html", include={"target": "x1"})
    metric = widget.metrics[0]
    widget.sort = metric
    ordered = list(widget.order)
    with opened_page(browser, path) as page:
        page.expect("shown", "odam grad-cam layer-cam")
        page.choose("Best first by", metric)
        page.expect("shown", " ".join(ordered))
        page.choose("Explain", "x1")
        page.expect("ready", "true")
        assert page.root.get_by_role("button", name="Compute").count() == 0
        assert not page.root.get_by_role("group", name="Objects shown").is_visible()
        page.root.get_by_label("Grad-CAM", exact=True).uncheck()
        page.until(lambda: "grad-cam" not in (page.root.get_attribute("data-shown") or "").split(), "its row goes")


def test_discrimination_knows_every_object(browser: Any, tmp_path: Path) -> None:
    widget = dx.widgets.Discrimination(Hostile(3), crowd.photograph(*SIZE))
    with opened_page(browser, widget.save_html(tmp_path / "d.html")) as page:
        first = page.root.locator(".dx-facts, .dx-told, .dx-takers").first.inner_text()
        page.page.mouse.click(*at(page, *middle(widget, 2)))
        page.until(lambda: "#2" in page.root.get_by_role("status").first.inner_text(), "another object is told of")
        assert page.root.locator(".dx-facts, .dx-told, .dx-takers").first.inner_text() != first
        page.press("Neighbours")


def test_perturbation_scrubs_and_refuses_what_is_not_there(browser: Any, tmp_path: Path) -> None:
    widget = dx.widgets.Perturbation(Hostile(3), crowd.photograph(*SIZE))
    path = widget.save_html(tmp_path / "p.html", include={"mode": "insertion"})
    with opened_page(browser, path) as page:
        page.slide("Picture", 1)
        page.until(lambda: page.root.get_attribute("data-step") != "0", "another picture is shown")
        page.press("Insertion")
        page.until(lambda: "nsertion" in page.root.get_by_role("status").first.inner_text(), "the other curve")
        page.page.mouse.click(*at(page, *middle(widget, 2)))
        said = page.page.locator(".dxp-said")
        page.until(lambda: "not on the saved page" in said.inner_text(), "what was not included is refused in words")
        assert page.root.locator("li[aria-selected=true]").first.get_attribute("aria-label").startswith("#0")


def test_score_threshold_slides(browser: Any, tmp_path: Path) -> None:
    widget = dx.widgets.ScoreThreshold(Hostile(6), crowd.photograph(*SIZE))
    with opened_page(browser, widget.save_html(tmp_path / "s.html")) as page:
        page.expect("shown", "6")
        page.slide("Min. score", 0.8)
        page.until(lambda: int(page.root.get_attribute("data-shown")) < 6, "fewer are shown")


def test_nms_explorer_decides_anew(browser: Any, tmp_path: Path) -> None:
    from test_plain_nms import Many

    widget = dx.widgets.NmsExplorer(Many(40), stub.photograph())
    widget.wait()
    with opened_page(browser, widget.save_html(tmp_path / "n.html")) as page:
        before = page.root.get_by_role("status").first.inner_text()
        page.choose("Rule", "nms")
        page.slide("IoU", 0.9)
        page.until(lambda: page.root.get_by_role("status").first.inner_text() != before, "the rule decides anew")


def test_what_if_shows_its_steps(browser: Any, tmp_path: Path) -> None:
    widget = dx.widgets.WhatIf(stub.StubDetector(), stub.photograph(), controls=1)
    widget.ask(dx.interventions.Region.box(stub.SIZE, (20, 15, 90, 100)))
    widget.ask(dx.interventions.Region.box(stub.SIZE, (100, 15, 140, 60)))
    widget.wait()
    with opened_page(browser, widget.save_html(tmp_path / "w.html")) as page:
        for gone in ("Take the hottest", "Go back one step", "Draw a box"):
            assert not page.root.get_by_role("button", name=gone).is_visible(), gone
        first = page.root.get_by_role("status").first.inner_text()
        page.root.get_by_role("listbox", name="Steps").get_by_role("option").nth(1).click()
        page.until(lambda: page.root.get_by_role("status").first.inner_text() != first, "another step")
        page.choose("Compare", "1")
        page.until(lambda: page.root.get_by_role("group", name="Two steps").is_visible(), "beside another")
        # Drawing asks nothing.
        box = page.root.locator(".dx-stage canvas.dx-canvas").bounding_box()
        page.page.mouse.move(box["x"] + 50, box["y"] + 50)
        page.page.mouse.down()
        page.page.mouse.move(box["x"] + 90, box["y"] + 90)
        page.page.mouse.up()
        assert "Waiting" not in page.root.inner_text()


def test_sanity_check_shows_its_result(browser: Any, tmp_path: Path, tiny: tuple[Any, Any]) -> None:
    detector, sample = tiny
    widget = dx.widgets.SanityCheck(detector, sample.image, methods=["odam"], seeds=(0,))
    with pytest.raises(RuntimeError, match="no check yet"):
        widget.save_html(tmp_path / "none.html")
    widget.run()
    widget.wait()
    with opened_page(browser, widget.save_html(tmp_path / "c.html")) as page:
        assert not page.root.get_by_role("button", name="Run").first.is_visible()
        assert "passes" in page.root.inner_text() or "fails" in page.root.inner_text()
        page.choose("Measure", page.options("Measure")[-1])


def test_tiny_objects_opens_what_was_looked_at(browser: Any, tmp_path: Path, tiny: tuple[Any, Any]) -> None:
    detector, sample = tiny
    widget = dx.widgets.TinyObjects(detector, [sample], methods=["odam"])
    with pytest.raises(RuntimeError, match="call run"):
        widget.save_html(tmp_path / "none.html")
    widget.run()
    widget.wait()
    with opened_page(browser, widget.save_html(tmp_path / "t.html")) as page:
        assert not page.root.get_by_role("button", name="Run").first.is_visible()
        plot = page.root.locator(".dx-figure canvas").first
        plot.focus()
        page.page.keyboard.press("ArrowRight")
        page.page.keyboard.press("Enter")
        page.until(lambda: page.root.get_attribute("data-seen"), "the maps of an object are shown")


def test_predict_shows_how_far_it_had_come(browser: Any, tmp_path: Path) -> None:
    widget = dx.widgets.Predict("Which?", kind="choice", options=[HOSTILE, "b"])
    with opened_page(browser, widget.save_html(tmp_path / "p.html")) as page:
        assert HOSTILE in page.root.inner_text()
        assert not page.root.get_by_role("button", name="Lock").is_visible()


@pytest.fixture(scope="module")
def tiny() -> tuple[Any, Any]:
    """A bundled detector and a scene."""
    return dx.load_detector("tiny-fcos", device="cpu"), dx.data.scenes.Scenes(1, seed=1)[0]


def test_maps_without_a_detector_are_an_explorer(browser: Any, tmp_path: Path) -> None:
    image, detector = crowd.photograph(*SIZE), Hostile(3)
    maps = dx.compare(detector, image, detector.detect([image])[0], methods=["odam", "grad-cam"])
    with opened_page(browser, maps["odam"].save_html(tmp_path / "m.html", maps["grad-cam"])) as page:
        page.expect("shown", "ODAM of the class score#0")
        page.choose("Method", "Grad-CAM of the class score")
        page.expect("shown", "Grad-CAM of the class score#0")
        assert not page.root.get_by_label("Explain", exact=True).is_visible()
        _, table = page.download("CSV")
        assert next(csv.DictReader(io.StringIO(table.decode("utf-8-sig"))))["name"] == HOSTILE


def test_a_published_notebook_has_its_widgets_alive(browser: Any, tmp_path: Path) -> None:
    from nbformat import v4, write

    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pages"))
    from test_publishing import STATES, VIEW, saved_model

    from detxai_nb.publishing import publish_notebook

    shown = {
        "one": dx.widgets.Explorer(Hostile(3), crowd.photograph(*SIZE)),
        "two": dx.widgets.Comparison(Hostile(3), crowd.photograph(*SIZE), methods=["odam", "grad-cam"]),
    }
    shown["two"]._send_as_text()  # as it is saved where a host has lost bytes
    hostile = v4.new_output("display_data", {"text/html": f"<b>bold</b><script>alert(1)</script>{HOSTILE}"})
    cells = [
        v4.new_markdown_cell(f"# {HOSTILE}\n\nWords <script>alert(2)</script>"),
        v4.new_code_cell("x", outputs=[hostile]),
    ]
    for number in shown:
        view = v4.new_output("display_data", {"text/plain": "", VIEW: {"model_id": number}})
        cells.append(v4.new_code_cell("widget", outputs=[view]))
    notebook = v4.new_notebook(cells=cells)
    notebook.metadata["widgets"] = {STATES: {"state": {key: saved_model(one) for key, one in shown.items()}}}
    write(notebook, tmp_path / "n.ipynb")
    published = publish_notebook(tmp_path / "n.ipynb")
    assert (published.alive, published.left) == (2, ())
    with opened_page(browser, published.path) as page:
        page.page.locator('.dx-comparison[data-ready="true"]').wait_for(state="attached")
        page.page.mouse.click(*at(page, *middle(shown["one"], 2)))
        page.expect("shown", "odam|class||positive#2")
        assert page.options("Method") == ["odam"]
        assert page.page.locator("main img").count() == 0
        assert page.page.locator("main script").count() == 0
        assert page.page.title() == HOSTILE
        code = page.page.locator("details.dxp-code").first
        code.locator("summary").click()
        assert code.get_attribute("open") is None
