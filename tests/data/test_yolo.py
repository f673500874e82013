"""Datasets of Ultralytics: boxes, polygons and key points, the layouts that tools write, and what is refused."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import detxai_nb as dx
from detxai_nb.data.yolo import YoloDataset

pytest.importorskip("yaml")

YAML = "path: {path}\ntrain: images/train\nval: images/val\nnames:\n  0: cat\n  1: dog\n"


def made(folder: Path, lines: str = "1 0.5 0.5 0.25 0.5", yaml: str = YAML.format(path="../datasets/pets")) -> Path:
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (80, 40)).save(folder / "images" / split / "a.png")
        (folder / "labels" / split / "a.txt").write_text(lines)
    (folder / "data.yaml").write_text(yaml)
    return folder


def test_boxes_and_polygons_are_in_pixels(tmp_path: Path) -> None:
    dataset = YoloDataset(made(tmp_path, "1 0.5 0.5 0.25 0.5\n\n0 0.1 0.1 0.6 0.1 0.6 0.9\n"))
    sample = dataset[0]
    assert (len(dataset), sample.names, sample.image_id, sample.file_name) == (
        1,
        ("cat", "dog"),
        "images/val/a.png",
        "a.png",
    )
    assert sample.boxes == pytest.approx(np.array([[30, 10, 50, 30], [8, 4, 48, 36]]), abs=1e-4)
    assert sample.labels.tolist() == [1, 0]
    assert not sample.crowd.any()
    mask = sample.masks_of([1])[0]
    assert mask.sum() == pytest.approx(40 * 32 / 2, rel=0.06)
    assert (mask[6, 45], mask[34, 10]) == (True, False)
    with pytest.raises(ValueError, match=r"line 1 of .*a\.txt has no mask"):
        sample.masks_of([0])


def test_key_points_leave_the_stated_box(tmp_path: Path) -> None:
    yaml = YAML.format(path=".") + "kpt_shape: [2, 3]\n"
    sample = YoloDataset(made(tmp_path, "0 0.5 0.5 0.25 0.5 0.1 0.1 2 0.9 0.9 1", yaml))[0]
    assert sample.boxes.tolist() == [[30, 10, 50, 30]]


def test_an_image_without_labels_has_no_objects(tmp_path: Path) -> None:
    made(tmp_path)
    Image.new("RGB", (80, 40)).save(tmp_path / "images" / "val" / "b.png")
    assert [len(sample) for sample in YoloDataset(tmp_path)] == [1, 0]
    (tmp_path / "labels" / "val" / "a.txt").unlink()
    with pytest.raises(ValueError, match=r"none of the 2 images of 'val' has a label file: .*labels.val.a\.txt"):
        YoloDataset(tmp_path)


@pytest.mark.parametrize(
    ("yaml", "names"),
    [
        ("val: images/val\nnc: 2\nnames: [cat, dog]", ("cat", "dog")),
        ("val: images/val\nnames: {0: no, 2: 3}", ("no", "class 1", "3")),
        ("val: [images/val, images/train]\nnames: [a, b]", ("a", "b")),
        ("val: ../images/val\nnames: [a, b]", ("a", "b")),
        ("path: pets\nval: images/val\nnames: [a, b]", ("a", "b")),
        ("path: /content/datasets/pets\nval: images/val\nnames: [a, b]", ("a", "b")),
        ("val: val.txt\nnames: [a, b]", ("a", "b")),
    ],
    ids=["Roboflow", "names that YAML reads as others", "two folders", "one too high", "below", "elsewhere", "a list"],
)
def test_layouts_of_the_tools_are_read(tmp_path: Path, yaml: str, names: tuple[str, ...]) -> None:
    made(tmp_path / "pets" if "pets" in yaml else tmp_path)
    (tmp_path / "data.yaml").write_text(yaml)
    (tmp_path / "val.txt").write_text("./images/val/a.png\nimages/val/a.png\n")
    dataset = YoloDataset(tmp_path / "data.yaml")
    assert dataset.names == names
    assert len(dataset) == (2 if "train" in yaml else 1)
    assert [len(sample) for sample in dataset] == [1] * len(dataset)


@pytest.mark.parametrize(
    ("yaml", "error", "words"),
    [
        ("val: ../../elsewhere\nnames: [a]", ValueError, "leads out of the folder"),
        ("val: /etc\nnames: [a]", ValueError, "leads out of the folder"),
        ("val: images/none\nnames: [a]", FileNotFoundError, r"name the folder .* folder=\.\.\."),
        ("train: images/train\nnames: [a]", ValueError, "has no split 'val'; it has train"),
        ("val: images/val", ValueError, "it has no 'names'"),
        ("val: images/val\nnames: cat", TypeError, "a single text"),
        ("val: images/val\nnames: [a]\nnc: 2", ValueError, "has 2 class outputs"),
        ("val: {a: b}\nnames: [a]", ValueError, "expected a folder, a text file or a list"),
        ("val: images/val\nnames: [a]\nkpt_shape: 3", ValueError, "kpt_shape is '3'"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nval: images/val\nnames: [a]", ValueError, "repeats a part by its name"),
        ("val: images/val\nnames: {0: a, 0: b}", ValueError, "there twice"),
        ("val: images/val\nnames: [\n", ValueError, "is no YAML that can be read"),
        ("[" * 5000, ValueError, "is no YAML that can be read"),
        ("\x00\x01", ValueError, "is no YAML that can be read"),
    ],
)
def test_what_is_no_dataset_is_refused_in_words(tmp_path: Path, yaml: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as raised:
        YoloDataset(made(tmp_path, yaml=yaml))
    assert len(str(raised.value)) < 700


def test_nothing_of_a_yaml_file_is_run(tmp_path: Path) -> None:
    yaml = f"val: images/val\nnames: [a, b]\nx: !!python/object/apply:os.mkdir ['{tmp_path}/made']"
    YoloDataset(made(tmp_path, yaml=yaml))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("2 0.5 0.5 0.1 0.1", "has the class 2, and"),
        ("cat 0.5 0.5 0.1 0.1", "the class in line 1 of .* is 'cat'"),
        ("-1 0.5 0.5 0.1 0.1", "the class in"),
        ("1 40 20 10 10", "a number in line 1 of .* is '40'; expected a number from -0.001 to 1.001"),
        ("1 nan 0.5 0.1 0.1", "a number in"),
        ("1 0.5 0.5 0.1", "has 3 numbers after its class; expected 4 of a box, or a polygon"),
        ("1 0.5 0.5 -0.1 0.1", "a number in"),
        ("1 0.1 0.1 0.2 0.2 0.3", "has 5 numbers"),
    ],
)
def test_lines_that_cannot_be_read_are_named(tmp_path: Path, line: str, words: str) -> None:
    dataset = YoloDataset(made(tmp_path, line))
    with pytest.raises(ValueError, match=words):
        dataset[0]


def test_links_do_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    made(tmp_path / "inside")
    Image.new("RGB", (4, 4)).save(tmp_path / "secret.png")
    (tmp_path / "inside" / "images" / "val" / "b.png").symlink_to(tmp_path / "secret.png")
    dataset = YoloDataset(tmp_path / "inside")
    with pytest.raises(ValueError, match="leads out of the folder"):
        dataset[1]


def test_an_evaluation_runs_over_it_and_knows_it_again(tmp_path: Path) -> None:
    dataset = YoloDataset(made(tmp_path / "pets"))
    detector = dx.wrap_predict(lambda image: ([[30, 10, 50, 30]], [0.9], [1]), ["cat", "dog"])
    asked: dict[str, Any] = {
        "store": tmp_path / "store",
        "progress": False,
        "method_settings": {"d-rise": {"masks": 4}},
    }
    table = dx.evaluate(detector, dataset, ["d-rise"], ["energy-pointing-box"], **asked)
    assert set(table["image_id"]) == {"images/val/a.png"}
    made(tmp_path / "pets", "0 0.5 0.5 0.25 0.5")
    with pytest.raises(ValueError, match="dataset"):
        dx.evaluate(detector, YoloDataset(tmp_path / "pets"), ["d-rise"], ["energy-pointing-box"], **asked)


def test_damaged_files_end_in_documented_exceptions(tmp_path: Path) -> None:
    chance = random.Random(0)
    whole = YAML.format(path=".") + "kpt_shape: [2, 3]\n"
    for _ in range(150):
        text = list(whole)
        for _ in range(chance.randrange(1, 4)):
            text[chance.randrange(len(text))] = chance.choice("\x00&*:[]{}!-\n%@`'\"~9é")
        lines = "".join(chance.choice("0123456789. -e\n") for _ in range(40))
        made(tmp_path, lines, "".join(text))
        with contextlib.suppress(ValueError, TypeError, FileNotFoundError):
            for sample in YoloDataset(tmp_path):
                assert len(sample) == len(sample.boxes)
