"""Notebook 7 and marimo, in a real browser: three widgets by mouse and by keyboard, and what Python hears of it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hosts import WIDGETS, InMarimo, InNotebook, MarimoServer, NotebookServer, Shown
from lab import PATIENCE, STUB

sys.path.insert(0, str(STUB))
import stub

pytestmark = pytest.mark.browser

HOSTS: dict[str, tuple[Any, Any]] = {"notebook": (NotebookServer, InNotebook), "marimo": (MarimoServer, InMarimo)}


@pytest.fixture(scope="module", params=HOSTS)
def host(request: Any, browser: Any, tmp_path_factory: Any) -> Iterator[Any]:
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is missing: pip install -e '.[test]'")
    server_of, page_of = HOSTS[request.param]
    with server_of(tmp_path_factory.mktemp(request.param)) as server:
        context = browser.new_context(viewport={"width": 1280, "height": 1000}, color_scheme="light")
        context.set_default_timeout(1000 * PATIENCE)
        yield page_of(context.new_page(), server)
        context.close()


@pytest.fixture
def explorer(host: Any) -> Shown:
    return Shown(host, "explorer")


def test_a_click_selects_in_python_and_paints(host: Any, explorer: Shown) -> None:
    explorer.expect("shown", "odam|class||positive#0")
    canvas = explorer.root.locator("canvas.dx-canvas")
    before = explorer.pixels(canvas)
    explorer.click(canvas, 150.5, 75.5, stub.SIZE)
    explorer.expect("shown", "odam|class||positive#2")
    assert explorer.pixels(canvas) != before
    host.sees("explorer", "selected=2,")


def test_keys_select_and_leave_the_notebook_alone(host: Any, explorer: Shown) -> None:
    cells = host.cells()
    explorer.root.locator("canvas.dx-canvas").focus()
    for key, wanted in (("Home", 0), ("ArrowRight", 1), ("ArrowDown", 2), ("ArrowLeft", 1)):
        explorer.page.keyboard.press(key)
        explorer.expect("shown", f"odam|class||positive#{wanted}")
    host.sees("explorer", "selected=1,")
    for place in ("canvas.dx-canvas", "[role=listbox]", "input[type=range]"):
        explorer.root.locator(place).first.focus()
        for key in ("a", "b", "d", "d", "x", "m", "z", "c", "v", "j", "k"):
            explorer.page.keyboard.press(key)
    assert host.cells() == cells > len(WIDGETS)


def test_a_slider_changes_the_picture_and_then_python(host: Any, explorer: Shown) -> None:
    canvas, slider = explorer.root.locator("canvas.dx-canvas"), explorer.root.get_by_label("Opacity")
    before = explorer.pixels(canvas)
    slider.focus()
    explorer.page.keyboard.press("Home")
    explorer.expect("opacity", "0")
    assert explorer.pixels(canvas) != before
    host.sees("explorer", "opacity=0")
    slider.focus()
    explorer.page.keyboard.press("End")
    explorer.expect("opacity", "1")


def test_another_target_is_computed_and_its_maps_arrive(host: Any, explorer: Shown) -> None:
    explorer.root.get_by_label("Explain", exact=True).select_option("x1")
    explorer.until(lambda: "odam|x1|" in (explorer.root.get_attribute("data-shown") or ""), "the maps are painted")
    host.sees("explorer", "target=x1,")


def test_comparison_is_shown_and_chosen_in(host: Any) -> None:
    comparison = Shown(host, "comparison")
    comparison.expect("shown", "odam layer-cam")
    cells = comparison.root.locator("canvas")
    comparison.click(cells.nth(1), 50, 50, (100, 100))
    comparison.expect("selected", "odam#1")
    comparison.page.keyboard.press("ArrowDown")
    comparison.expect("selected", "layer-cam#1")
    comparison.page.keyboard.press("ArrowRight")
    comparison.expect("selected", "layer-cam#2")
    host.sees("comparison", "selected=2,")
    before = comparison.pixels(cells.nth(0))
    comparison.root.get_by_label("Opacity").focus()
    comparison.page.keyboard.press("Home")
    comparison.expect("opacity", "0")
    comparison.until(lambda: comparison.pixels(cells.nth(0)) != before, "the cells are painted anew")


def test_perturbation_is_scrubbed(host: Any) -> None:
    perturbation = Shown(host, "perturbation")
    canvas, slider = (
        perturbation.root.locator("canvas.dx-canvas"),
        perturbation.root.get_by_label("Picture", exact=True),
    )
    slider.focus()
    perturbation.page.keyboard.press("Home")
    perturbation.until(lambda: str(perturbation.root.get_attribute("data-shown")).endswith("@0"), "the first picture")
    before = perturbation.pixels(canvas)
    for _ in range(3):
        perturbation.page.keyboard.press("ArrowRight")
    perturbation.until(lambda: str(perturbation.root.get_attribute("data-shown")).endswith("@3"), "the fourth picture")
    assert perturbation.pixels(canvas) != before
    host.sees("perturbation", "step=3,")


def test_a_cell_that_is_run_again_shows_a_new_widget_and_lets_go_of_the_one_before(host: Any, explorer: Shown) -> None:
    explorer.root.get_by_label("Opacity").focus()
    explorer.page.keyboard.press("Home")
    explorer.expect("opacity", "0")
    host.again("explorer")
    explorer.expect("opacity", "0.75")
    explorer.expect("shown", "odam|class||positive#0")
    host.sees("explorer", "selected=0, target=class, opacity=0.75, alive=1,")


def test_light_and_dark_are_the_hosts(host: Any, explorer: Shown) -> None:
    for theme in ("dark", "light"):
        host.theme(theme)
        explorer.expect("theme", theme)
        Shown(host, "comparison").expect("theme", theme)


def test_nothing_left_the_machine_and_nothing_broke(host: Any) -> None:
    assert host.outside == []
    assert host.errors == []
    assert any("opacity" in text for text in host.said)
    assert not any("bytes lost" in text for text in host.said)
