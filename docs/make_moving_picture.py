"""Make docs/explorer.webp: what a person does in the Explorer, in a real browser, on a page that ``save_html`` wrote.

python docs/make_moving_picture.py
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from make_pages import PAGES  # noqa: E402

TARGET = HERE / "explorer.webp"
SIZE = (320, 256)
"""Width and height of the scene in pixels."""
MOST = 1_000_000
"""Bytes that the file may have."""
WIDTH, QUALITY, SHOWN_MS = 860, 85, 1300


def steps(page: Any, widget: Any) -> Iterator[None]:
    """Every state that is shown."""
    root = page.locator(".dx-root").first
    canvas = root.locator(".dx-stage canvas.dx-canvas")
    place = canvas.bounding_box()
    width, height = SIZE

    def click(number: int) -> None:
        x1, y1, x2, y2 = widget.objects[number]["box"]
        x, y = (x1 + x2) / 2 / width, (y1 + y2) / 2 / height
        page.mouse.click(place["x"] + x * place["width"], place["y"] + y * place["height"])

    yield
    for number in range(1, 4):
        click(number)
        yield
    root.get_by_label("Method", exact=True).select_option("grad-cam")
    yield
    click(0)
    yield
    root.get_by_label("Method", exact=True).select_option("odam")
    yield
    root.get_by_label("Explain", exact=True).select_option("x1")
    yield
    click(2)
    yield
    root.get_by_label("Explain", exact=True).select_option("class")
    yield


def frames(path: Path, widget: Any) -> Iterator[Image.Image]:
    """A picture of each state."""
    with sync_playwright() as door:
        browser = door.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme="light")
        page.goto(path.as_uri())
        page.locator('.dx-root[data-ready="true"]').first.wait_for(state="attached")
        for _ in steps(page, widget):
            page.wait_for_timeout(400)
            shot = page.locator(".dx-root").first.screenshot()
            yield Image.open(io.BytesIO(shot)).convert("RGB")
        browser.close()


def main() -> None:
    """Write the file, and print its bytes."""
    widget, include = PAGES["explorer"]()
    with tempfile.TemporaryDirectory() as folder:
        path = widget.save_html(Path(folder) / "explorer.html", include=include)
        shown = list(frames(path, widget))
    content = io.BytesIO()
    shown[0].save(
        content, "WEBP", save_all=True, append_images=shown[1:], duration=SHOWN_MS, loop=0, quality=QUALITY, method=6
    )
    if len(content.getvalue()) > MOST:
        raise SystemExit(f"the picture has {len(content.getvalue()):,} bytes, at most {MOST:,}; lower QUALITY")
    TARGET.write_bytes(content.getvalue())
    print(f"{TARGET.stat().st_size:,} bytes, {len(shown)} pictures of {shown[0].width} x {shown[0].height}")


if __name__ == "__main__":
    main()
