"""The bundled detectors say of a picture that is no synthetic scene that their answer means nothing there."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import detxai_nb as dx
from detxai_nb import doubts
from detxai_nb.cli import main
from detxai_nb.data import scenes
from detxai_nb.data.scenes.recognition import looks_like_scene
from detxai_nb.types import OpenDetector

SAID = "this picture does not look like one of the synthetic scenes"


@pytest.fixture(scope="module")
def detector() -> OpenDetector:
    """The bundled FCOS."""
    return dx.load_detector("tiny-fcos", device="cpu")


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """No picture has been told of yet."""
    monkeypatch.setattr(doubts, "_told", type(doubts._told)())


def picture(seed: int = 0) -> np.ndarray:
    """No scene: a light sky above a dark ground."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 60, (80, 100, 3), dtype=np.uint8)
    image[:40] += 150
    return image


def said(record: list[warnings.WarningMessage]) -> list[warnings.WarningMessage]:
    return [one for one in record if str(one.message).startswith(SAID)]


def test_scenes_are_recognized_also_resized_and_compressed(tmp_path: Path) -> None:
    every = [scenes.make(i, 77, mode).image for mode in scenes.MODES for i in range(8)]
    every += [scenes.make(i, 77, "plain", 480, 200).image for i in range(4)]
    assert np.mean([looks_like_scene(image) for image in every]) >= 0.95
    for image in every[:8]:
        Image.fromarray(image).resize((500, 400)).save(tmp_path / "scene.jpg", quality=60)
        assert looks_like_scene(dx.load_image(tmp_path / "scene.jpg"))


def test_photographs_are_told_from_scenes(shared: Path) -> None:
    photographs = sorted((shared / "data" / "coco-mini" / "images").iterdir())
    found = [looks_like_scene(dx.load_image(path)) for path in photographs[::3]]
    assert np.mean(found) <= 0.1


@pytest.mark.parametrize("image", [np.zeros((99, 88, 3), np.uint8), np.full((1, 900, 3), 9, np.uint8), picture()])
def test_what_is_no_picture_of_a_table_is_no_scene(image: np.ndarray) -> None:
    assert not looks_like_scene(image)


def test_it_is_said_once_for_each_picture_where_the_user_asked(detector: OpenDetector) -> None:
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        found = detector.detect([picture(1), picture(2)], score_threshold=0.0)
        detector.detect([picture(1)])
        dx.explain(detector, picture(1), found[0][:1])
    assert len(said(record)) == 2
    assert {one.filename for one in said(record)} == {__file__}
    assert "means nothing" in str(said(record)[0].message)
    assert "ssdlite320_mobilenet_v3_large" in str(said(record)[0].message)


def test_explain_says_it_of_detections_from_elsewhere(detector: OpenDetector) -> None:
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        found = detector.detect([picture()], score_threshold=0.0)[0][:1]
    doubts._told.clear()
    with pytest.warns(UserWarning, match=SAID) as record:
        dx.explain(detector, picture(), found)
    assert len(said(record)) == 1
    doubts._told.clear()
    with pytest.warns(UserWarning, match=SAID):
        dx.compare(detector, picture(), found, methods=["grad-cam"])


def test_half_precision_says_it_too(detector: OpenDetector) -> None:
    with pytest.warns(UserWarning, match=SAID) as record:
        dx.load_detector("tiny-fcos", device="cpu", precision="bf16").detect([picture()])
    assert len(said(record)) == 1


def test_scenes_changed_pictures_and_other_weights_are_not_doubted(
    detector: OpenDetector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        image = scenes.make(3, seed=1).image
        found = detector.detect([image], 0.3)[0]
        # D-RISE hands over hundreds of masked pictures, which are no scenes.
        dx.explain(detector, image, found[:1], method="d-rise", masks=6, cells=4, stop_agreement=1.0)
        own = dx.wrap(detector.module, family="fcos", names=detector.names)
        own.detect([picture()])
        assert not said(record)


def test_a_widget_says_it_in_its_status(detector: OpenDetector) -> None:
    with pytest.warns(UserWarning, match=SAID) as record:
        widget = dx.widgets.ScoreThreshold(detector, picture(), score_threshold=0.0)
    assert len(said(record)) == 1
    assert {one.filename for one in said(record)} == {__file__}
    assert widget.notice.startswith(SAID) or widget.notice.startswith("Nothing was found")
    widget.close()
    shown = dx.widgets.ScoreThreshold(detector, scenes.make(3, seed=1).image)
    assert not shown.notice
    shown.close()


def test_the_command_line_says_it_as_a_note(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(picture()).save(tmp_path / "photo.png")
    words = ["--device", "cpu", "--score-threshold", "0", "--object", "0", "--out", str(tmp_path / "out.npz")]
    assert main(["explain", str(tmp_path / "photo.png"), *words]) == 0
    told = capsys.readouterr().err
    assert told.startswith(f"detxai-nb: note: {SAID}")
    assert told.rstrip().endswith("such as --detector ssdlite320_mobilenet_v3_large")
    assert told.count("\n") == 1
