"""``detxai-nb doctor --detector``: what is wrong with a detector, in words, as JSON, and in the exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

import detxai_nb as dx
from detxai_nb.cli import main

DOCTOR = ["doctor", "--detector", "tiny-ssd", "--device", "cpu"]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene, and what a detector finds in it, with labels as they are and shifted by one."""
    folder = tmp_path_factory.mktemp("doctor")
    sample = dx.data.scenes.Scenes(1, seed=100)[0]
    Image.fromarray(sample.image).save(folder / "scene.png")
    detector = dx.load_detector("tiny-ssd", device="cpu")
    found = detector.detect([sample.image])[0]
    for name, shift in (("right", 0), ("shifted", 1)):
        labels = (found.labels + shift) % len(detector.names)
        answer = {"boxes": found.boxes.tolist(), "scores": found.scores.tolist(), "labels": labels.tolist()}
        (folder / f"{name}.json").write_text(json.dumps(answer))
    return folder


def test_a_healthy_detector(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--image", str(scene / "scene.png"), "--expected", str(scene / "right.json"), "--json"]
    assert main([*DOCTOR, *words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["healthy"]
    assert found["detector"] == "tiny-ssd"
    assert [one["check"] for one in found["checks"]] == list(dx.doctor.CHECKS)
    assert {one["check"]: one["verdict"] for one in found["checks"]}["expected"] == "ok"


def test_one_with_other_answers_than_expected(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--image", str(scene / "scene.png"), "--expected", str(scene / "shifted.json")]
    assert main([*DOCTOR, *words]) == 1
    said = capsys.readouterr().out
    assert said.startswith("tiny-ssd is not healthy: ")
    assert "wrong        expected: of " in said
    assert "hand in" not in said


def test_pictures_with_annotations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dx.data.scenes.write_coco(tmp_path / "data", count=3, seed=100)
    assert main([*DOCTOR, "--coco", str(tmp_path / "data"), "--limit", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["pictures"] == 2
    assert {one["check"]: one["verdict"] for one in found["checks"]}["names"] == "ok"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["doctor", "--image", "a.png"], "--image is for a detector; name it too: --detector NAME"),
        (["doctor", "--coco", "a.json"], "--coco is for a detector"),
        (DOCTOR, "give --image FILE, once or more, or --coco FILE"),
        ([*DOCTOR, "--image", "a.png", "--images", "b"], "--images is the folder of the images of --coco"),
        ([*DOCTOR, "--image", "no such.png"], "there is no image at no such.png"),
    ],
)
def test_options_that_do_not_go_together(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert said in capsys.readouterr().err
