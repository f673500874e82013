"""`detxai-nb evaluate` on other data than COCO and scenes, and of classifiers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

import detxai_nb as dx
from detxai_nb.cli import main
from detxai_nb.evaluation.papers import PAPERS
from detxai_nb.evaluation.reproduction import methods_of

CLASSIFIER = ["--detector", "tiny-resnet", "--device", "cpu"]
FEW = [name for name in methods_of(PAPERS["global-guidance"]) if name not in ("grad-cam", "global-guidance")]


def evaluate(paper: str, *words: object) -> int:
    return main(["evaluate", paper, *CLASSIFIER, *map(str, words)])


def test_classes_of_two_in_a_coco_folder_by_other_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = dx.data.scenes.write_coco(tmp_path / "scenes", count=4, mode="dual", width=96, height=96)
    table = json.loads((folder / "instances.json").read_text())
    renamed = {category["name"]: f"toy {category['name']}" for category in table["categories"]}
    for category in table["categories"]:
        category["name"] = renamed[category["name"]]
    (folder / "instances.json").write_text(json.dumps(table))
    (tmp_path / "classes.json").write_text(json.dumps({toy: [name] for name, toy in renamed.items()}))
    words = ["--coco", folder, "--subset", "dual", "--classes", tmp_path / "classes.json", "--limit", 2]
    assert evaluate("global-guidance", *words, "--exclude", *FEW) == 0
    said = capsys.readouterr().out
    assert "4 of 4 annotated objects, in 2 of 2 images, selected by protocol 'classes' (each annotated class" in said
    assert "10 classes named otherwise by the detector" in said


def test_an_image_folder_and_a_voc_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("mug", "apple"):
        (tmp_path / "val" / name).mkdir(parents=True)
        Image.new("RGB", (40, 30)).save(tmp_path / "val" / name / "a.png")
    words = ["--image-folder", tmp_path / "val", "--exclude", *FEW]
    assert evaluate("global-guidance", *words) == 0
    assert "left out: zone-iou-mask, the dataset has no masks" in capsys.readouterr().out
    assert evaluate("global-guidance-imagenet", "--voc", tmp_path / "val", "--list", "val") == 2
    assert "there is no annotation file *.xml" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--coco a --voc b", "--coco and --voc name different data"),
        ("--list val", "--list is a list of the images of --voc"),
        ("--subset dual", "for scenes take --mode dual"),
        ("--image-folder nowhere", "there is no folder nowhere"),
    ],
)
def test_what_does_not_go_together_is_refused(words: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate("global-guidance", *words.split()) == 2
    assert told in capsys.readouterr().err
