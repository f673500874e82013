"""Maps, sanity checks and reports as pages: complete, and outside text stays text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import detxai_nb as dx
from detxai_nb.pages.report import PagePicture, write_report

HOSTILE = "</td><script>alert(1)</script>"


@pytest.fixture(scope="module")
def tiny() -> tuple[Any, Any, Any]:
    """A bundled detector, a scene and what is found in it."""
    detector, sample = dx.load_detector("tiny-fcos", device="cpu"), dx.data.scenes.Scenes(1, seed=1)[0]
    return detector, sample, detector.detect([sample.image], score_threshold=0.3)[0]


def test_maps_of_several_methods_are_one_page(tiny: tuple[Any, Any, Any], tmp_path: Path) -> None:
    detector, sample, found = tiny
    many = dx.compare(detector, sample.image, found, methods=["odam", "grad-cam"])
    side = dx.explain(detector, sample.image, found, target="x1")
    path = many["odam"].save_html(tmp_path / "maps.html", many["grad-cam"], side)
    data = json.loads(re.search(r'id="dxp-data">(.*?)</script>', path.read_text("utf-8"), re.DOTALL).group(1))  # type: ignore[union-attr]
    root = data["widgets"]["w0"]["root"]
    titles = [one["title"] for one in root["state"]["choices"]["methods"]]
    assert titles == ["ODAM of the class score", "Grad-CAM of the class score", "ODAM of the left side"]
    assert [one["when"]["target"] for one in root["answers"]] == ["class", "class", "x1"]
    with pytest.raises(ValueError, match="same predictions"):
        many["odam"].save_html(tmp_path / "b.html", many["grad-cam"][:1])
    with pytest.raises(TypeError, match=r"dx\.explain"):
        many["odam"].save_html(tmp_path / "b.html", "odam")  # type: ignore[arg-type]
    with pytest.raises(FileExistsError):
        side.save_html(path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["maps.html"]


def test_the_page_of_maps_has_every_trait_of_the_explorer(tiny: tuple[Any, Any, Any], tmp_path: Path) -> None:
    detector, sample, found = tiny
    path = dx.explain(detector, sample.image, found).save_html(tmp_path / "maps.html")
    data = json.loads(re.search(r'id="dxp-data">(.*?)</script>', path.read_text("utf-8"), re.DOTALL).group(1))  # type: ignore[union-attr]
    bundle = (Path(dx.__file__).parent / "widgets/static/explorer.js").read_text("utf-8")
    traits = set(re.findall(r'"(\w+)"', re.search(r"TRAITS = \[(.*?)\]", bundle, re.DOTALL).group(1)))  # type: ignore[union-attr]
    assert set(data["widgets"]["w0"]["root"]["state"]) == traits


def test_a_heading_without_anything_below_and_the_numbers_of_rows_are_left_out(tmp_path: Path) -> None:
    table = pd.DataFrame({"method": ["odam"], "value": [np.nan]})
    parts = ["# Empty", [], "# Nothing", None, "# Table", table, "# Named", table.set_index("method"), "# Notes", []]
    text = write_report(tmp_path / "r.html", "Report", parts).read_text("utf-8")
    assert re.findall(r"<h2>(\w+)</h2>", text) == ["Table", "Named"]
    assert "<td>–</td>" in text
    assert "<th>0</th>" not in text
    assert "<th>odam</th>" in text


def test_reports_hold_their_tables_notes_and_figures(tiny: tuple[Any, Any, Any], tmp_path: Path) -> None:
    detector, sample, found = tiny
    scenes = dx.data.scenes.Scenes(2, seed=1)
    evaluation = dx.evaluate(detector, scenes, ["odam"], ["energy-pointing-box"], progress=False)
    report = dx.report(evaluation)
    text = report.save_html(tmp_path / "e.html").read_text("utf-8")
    assert all(word in text for word in ("energy-pointing-box", "odam", report.notes[0][:20]))
    misses = dx.misses.explain_misses(detector, scenes)
    text = misses.save_html(tmp_path / "m.html").read_text("utf-8")
    assert str(misses).split("\n")[0] in text
    randomization = dx.sanity.Randomization(seeds=(0,))
    checked = dx.sanity.check(detector, sample.image, found[:1], ["odam"], randomization=randomization)
    text = checked.save_html(tmp_path / "s.html").read_text("utf-8")
    assert checked.verdict().loc["odam", "verdict"] in text
    assert text.count("data:image/png;base64,") == 1


def test_texts_and_tables_from_outside_stay_text(tmp_path: Path) -> None:
    table = pd.DataFrame({HOSTILE: [HOSTILE, 1.5]}, index=[HOSTILE, "b"])
    path = write_report(tmp_path / "a.html", HOSTILE, [HOSTILE, f"# {HOSTILE}", [HOSTILE], None, table])
    assert HOSTILE not in path.read_text("utf-8")
    for wrong, error in (({1}, TypeError), (PagePicture(b"<svg>", "x"), ValueError), (np.zeros(3), TypeError)):
        with pytest.raises(error):
            write_report(tmp_path / "b.html", "x", [wrong])
    assert not (tmp_path / "b.html").exists()
