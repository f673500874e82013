"""Make docs/widgets/survey.png: a question of a user study, as a seat sees it, in a real browser.

python docs/make_survey_picture.py

A survey cannot be saved as a page, since its answers have to be kept; so the documentation shows this picture.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests" / "browser")]

from plain_page import PlainPage  # noqa: E402

import detxai_nb as dx  # noqa: E402


def main() -> None:
    """Take the seat, agree, and photograph the first question."""
    design = dx.survey.StudyDesign(
        kinds=["rank"],
        objects=2,
        per_seat=2,
        seats=1,
        methods=["grad-cam", "grad-cam++", "layer-cam", "odam"],
        smallest=32,
    )
    detectors = {"tiny-fcos": dx.load_detector("tiny-fcos", device="cpu")}
    study = dx.survey.build_study(dx.data.scenes.Scenes(20), detectors, design=design, title="Which map explains best?")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as door:
        browser = door.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = PlainPage(browser, width=900)
        widget = dx.widgets.Survey(study, folder)
        root = page.show(widget)
        root.get_by_label("Code of your seat").fill(study.codes[0])
        root.get_by_label("Code of your seat").press("Enter")
        root.get_by_role("button", name="I agree and take part").click()
        root.locator(".dx-order-card").first.wait_for()
        page.page.wait_for_timeout(500)
        root.screenshot(path=HERE / "widgets" / "survey.png")
        page.close()
        browser.close()


if __name__ == "__main__":
    main()
