"""Sizes of saved pages: an Explorer with twenty objects and three methods, and one page of every other widget.

    python tests/bench/measure_pages.py            # the bundled tiny-fcos on synthetic scenes
    python tests/bench/measure_pages.py --photo photo.jpg --detector yolox-nano --weights yolox_nano_coco.safetensors

The script prints bytes, and how many requests Chromium made and how long it took until the page was painted, the
network off, where there is one.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import detxai_nb as dx

METHODS = ["odam", "grad-cam", "grad-cam++"]
OBJECTS = 20


def photograph(options: argparse.Namespace) -> Any:
    """The picture: the photograph, or four crowded scenes side by side."""
    if options.photo is not None:
        return dx.load_image(options.photo)
    scenes = [one.image for one in dx.data.scenes.Scenes(4, seed=2, mode="crowd")]
    return np.concatenate([np.concatenate(scenes[:2], axis=1), np.concatenate(scenes[2:], axis=1)])


def pages(detector: Any, image: Any, folder: Path) -> Iterator[tuple[str, Path]]:
    """Every page with what it is of."""
    found = detector.detect([image], score_threshold=0.01)[0][:OBJECTS]
    few = found[:5]
    widget = dx.widgets.Explorer(detector, image, found)
    said = f"Explorer, {len(found)} objects, {len(METHODS)} methods, {image.shape[1]} x {image.shape[0]}"
    yield said, widget.save_html(folder / "explorer.html", include={"method": METHODS})
    yield "Explorer, 5 objects, 1 method", dx.widgets.Explorer(detector, image, few).save_html(folder / "few.html")
    compared = dx.widgets.Comparison(detector, image, few, methods=METHODS)
    compared.wait()
    yield "Comparison, 3 methods, 4 objects", compared.save_html(folder / "comparison.html")
    yield "Discrimination, 5 objects", dx.widgets.Discrimination(detector, image, few).save_html(folder / "d.html")
    yield "Perturbation, 1 path", dx.widgets.Perturbation(detector, image, few).save_html(folder / "perturbation.html")
    yield "ScoreThreshold", dx.widgets.ScoreThreshold(detector, image).save_html(folder / "threshold.html")
    suppressed = dx.widgets.NmsExplorer(detector, image)
    suppressed.wait()
    yield "NmsExplorer", suppressed.save_html(folder / "nms.html")
    what_if = dx.widgets.WhatIf(detector, image, few)
    what_if.ask(dx.interventions.Region.box(image.shape[:2], few.boxes[0].round().tolist()))
    yield "WhatIf, 1 step", what_if.save_html(folder / "what_if.html")
    maps = dx.compare(detector, image, few, methods=METHODS)
    others = [maps[name] for name in METHODS[1:]]
    yield "HeatMaps, 3 methods, 5 objects", maps[METHODS[0]].save_html(folder / "maps.html", *others)


def opened(paths: list[Path]) -> Iterator[str]:
    """What Chromium says of each page: requests, and milliseconds until it is painted."""
    from playwright.sync_api import sync_playwright

    own = shutil.which("chromium")
    with sync_playwright() as door:
        browser = door.chromium.launch(executable_path=own, args=["--no-sandbox", "--disable-gpu"])
        for path in paths:
            context = browser.new_context(offline=True)
            page, asked = context.new_page(), []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            started = time.perf_counter()
            page.goto(path.as_uri())
            page.locator('.dx-root[data-ready="true"]').first.wait_for(state="attached")
            spent = 1000 * (time.perf_counter() - started)
            outside = [url for url in asked if not url.startswith(("file:", "blob:", "data:"))]
            yield f"{len(outside)} requests, painted after {spent:.0f} ms"
            context.close()
        browser.close()


def main() -> None:
    """Print a line for each page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photo", type=Path)
    parser.add_argument("--detector", default="tiny-fcos")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--keep", type=Path, help="a folder for the pages")
    options = parser.parse_args()
    detector = dx.load_detector(options.detector, weights=options.weights, device="cpu")
    with tempfile.TemporaryDirectory() as made:
        folder = options.keep or Path(made)
        written = list(pages(detector, photograph(options), folder))
        try:
            said = list(opened([path for _, path in written]))
        except ImportError:
            said = ["no browser"] * len(written)
        for (what, path), words in zip(written, said):
            print(f"{path.stat().st_size:>10,} bytes  {what}: {words}")


if __name__ == "__main__":
    main()
