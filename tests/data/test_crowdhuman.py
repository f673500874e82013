"""The reader of CrowdHuman: three boxes a person, regions to ignore, and nothing outside the folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from detxai_nb.data.crowdhuman import CrowdHuman

HEIGHT, WIDTH = 30, 50


def entries() -> list[dict[str, Any]]:
    """Two pictures: a person beyond the border, one to ignore, a mask; and nobody."""
    people = [
        {
            "tag": "person",
            "fbox": [-4, 5, 20, 40],
            "vbox": [0, 5, 16, 20],
            "hbox": [2, 5, 6, 6],
            "extra": {"occ": 1},
            "head_attr": {"ignore": 1},
        },
        {
            "tag": "person",
            "fbox": [20, 2, 9, 12],
            "vbox": [20, 2, 9, 10],
            "hbox": [22, 2, 3, 3],
            "extra": {"ignore": 1},
        },
        {"tag": "mask", "fbox": [30, 0, 20, 30], "vbox": [30, 0, 20, 30], "hbox": [30, 0, 20, 30]},
    ]
    return [{"ID": "273271,1a0d", "gtboxes": people}, {"ID": "273271,2b", "gtboxes": []}]


def write(folder: Path, lines: list[Any]) -> Path:
    (folder / "Images").mkdir(exist_ok=True)
    for name in ("273271,1a0d", "273271,2b"):
        Image.new("RGB", (WIDTH, HEIGHT), (20, 150, 30)).save(folder / "Images" / f"{name}.jpg")
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    (folder / "annotation_val.odgt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    return folder / "annotation_val.odgt"


def test_boxes_and_regions_to_ignore(tmp_path: Path) -> None:
    dataset = CrowdHuman(write(tmp_path, entries()))
    first, second = dataset
    assert dataset.names == ("person",)
    assert first.boxes.tolist() == [[0, 5, 16, 30], [20, 2, 29, 14], [30, 0, 50, 30]]
    assert first.boxes.dtype == np.float32
    assert first.labels.tolist() == [0, 0, 0]
    assert first.crowd.tolist() == [False, True, True]
    assert (first.image_id, first.file_name, first.image.shape) == (1, "273271,1a0d.jpg", (HEIGHT, WIDTH, 3))
    assert (len(second), second.boxes.shape) == (0, (0, 4))
    assert dataset[-1].image_id == 2
    with pytest.raises(ValueError, match="CrowdHuman has no masks"):
        first.masks  # noqa: B018
    assert not dataset.has_masks


def test_other_boxes_and_whole_ones(tmp_path: Path) -> None:
    path = write(tmp_path, entries())
    assert CrowdHuman(path, clip=False)[0].boxes[0].tolist() == [-4, 5, 16, 45]
    assert CrowdHuman(path, box="visible")[0].boxes[0].tolist() == [0, 5, 16, 25]
    heads = CrowdHuman(path, box="head")[0]
    assert heads.boxes[0].tolist() == [2, 5, 8, 11]
    assert heads.crowd.tolist() == [True, False, True]
    with pytest.raises(ValueError, match="box is one of full, visible, head"):
        CrowdHuman(path, box="body")


def test_identity_is_that_of_the_annotations(tmp_path: Path) -> None:
    path = write(tmp_path, entries())
    before = CrowdHuman(path).identity
    assert CrowdHuman(path, images=tmp_path / "Images").identity == before
    assert CrowdHuman(path, box="visible").identity != before
    assert json.loads(json.dumps(before)) is not None


def changed(**changes: Any) -> list[Any]:
    first, second = entries()
    first["gtboxes"][0].update(changes)
    return [first, second]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["{"], "line 1 of .* is no JSON"),
        ([entries()[1], []], "line 2 of .* has no ID, gtboxes"),
        ([{"ID": "a"}], "has no gtboxes"),
        ([{"ID": "a", "gtboxes": None}], "has gtboxes None; expected a list"),
        ([{"ID": "a", "gtboxes": [3]}], "box 1 in line 1 of .* has fbox None"),
        (changed(fbox=[1, 2, -3, 4]), r"box 1 in line 1 of .* has fbox \[1, 2, -3, 4\]; expected"),
        (changed(fbox=[1, 2, 3]), "expected"),
        (changed(fbox=[1, 2, 3, "4"]), "expected"),
        (changed(fbox=None), "has fbox None"),
        ([entries()[0], entries()[0]], "lists the image '273271,1a0d' twice"),
        ([{"ID": "../secret", "gtboxes": []}], "leads out of the folder"),
        ([{"ID": "/etc/passwd", "gtboxes": []}], "leads out of the folder"),
        ([{"ID": "..\\x", "gtboxes": []}], "leads out of the folder"),
    ],
)
def test_malformed_lines_are_refused(tmp_path: Path, lines: list[Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        CrowdHuman(write(tmp_path, lines))


def test_files_that_are_not_there(tmp_path: Path) -> None:
    path = write(tmp_path, entries())
    with pytest.raises(FileNotFoundError, match="there is no annotation file"):
        CrowdHuman(tmp_path / "annotation_train.odgt")
    with pytest.raises(FileNotFoundError, match="no folder of images"):
        CrowdHuman(path, images=tmp_path / "photos")
    (tmp_path / "Images" / "273271,2b.jpg").unlink()
    with pytest.raises(FileNotFoundError, match="there is no image"):
        CrowdHuman(path)[1]


def test_many_lines_of_one_image_are_looked_at_once(tmp_path: Path) -> None:
    lines = [{"ID": f"a{n}", "gtboxes": []} for n in range(20_000)]
    with pytest.raises(ValueError, match="lists the image 'a7' twice"):
        CrowdHuman(write(tmp_path, [*lines, lines[7]]))


def test_attributes_of_a_wrong_kind_are_refused_in_words(tmp_path: Path) -> None:
    for about in ([1], "ignore", {"ignore": [1]}):
        line = {"ID": "a", "gtboxes": [{"fbox": [1, 2, 3, 4], "tag": "person", "extra": about}]}
        with pytest.raises(ValueError, match="box 1 in line 1"):
            CrowdHuman(write(tmp_path, [line]))
