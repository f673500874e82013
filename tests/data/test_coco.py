"""The reader of COCO files: labels, boxes and masks in the right places, and nothing outside the folder."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as rle

from detxai_nb.data.coco import CocoDataset

HEIGHT, WIDTH = 6, 10
POLYGON = [[1, 2, 4, 2, 4, 6, 1, 6]]


def square(columns: slice, rows: slice) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[rows, columns] = True
    return mask


def packed(mask: np.ndarray) -> dict[str, Any]:
    run = rle.encode(np.asfortranarray(mask, np.uint8))
    return {"size": run["size"], "counts": run["counts"].decode()}


def content() -> dict[str, Any]:
    """One picture with a polygon, plain run lengths of a crowd, and compressed ones; categories 90, 1 and 13."""
    return {
        "images": [{"id": 77, "file_name": "a.png", "height": HEIGHT, "width": WIDTH}],
        "annotations": [
            {
                "id": 1,
                "image_id": 77,
                "category_id": 90,
                "bbox": [1, 2, 3, 4],
                "segmentation": [[1, 2, 4, 2, 4, 6, 1, 6]],
            },
            {
                "id": 2,
                "image_id": 77,
                "category_id": 1,
                "bbox": [0, 0, 2, 1],
                "iscrowd": 1,
                "segmentation": {"size": [HEIGHT, WIDTH], "counts": [0, 1, 5, 1, 53]},
            },
            {
                "id": 3,
                "image_id": 77,
                "category_id": 13,
                "bbox": [5, 1, 4, 2],
                "segmentation": packed(square(slice(5, 9), slice(1, 3))),
            },
        ],
        "categories": [{"id": 90, "name": "toothbrush"}, {"id": 1, "name": "person"}, {"id": 13, "name": "stop sign"}],
    }


def write(folder: Path, data: dict[str, Any]) -> Path:
    (folder / "images").mkdir(exist_ok=True)
    pixels = np.arange(HEIGHT * WIDTH * 3, dtype=np.uint8).reshape(HEIGHT, WIDTH, 3)
    Image.fromarray(pixels).save(folder / "images" / "a.png")
    (folder / "instances.json").write_text(json.dumps(data), encoding="utf-8")
    return folder


def test_labels_boxes_masks_and_crowds(tmp_path: Path) -> None:
    dataset = CocoDataset(write(tmp_path, content()))
    assert dataset.names == ("person", "stop sign", "toothbrush")
    assert dataset.category_ids == (1, 13, 90)
    (sample,) = dataset
    assert sample.labels.tolist() == [2, 0, 1]
    assert sample.boxes.tolist() == [[1, 2, 4, 6], [0, 0, 2, 1], [5, 1, 9, 3]]
    assert sample.boxes.dtype == np.float32
    assert sample.crowd.tolist() == [False, True, False]
    assert sample.parts is None
    assert sample.masks.shape == (3, HEIGHT, WIDTH)
    assert (sample.masks[0] == square(slice(1, 4), slice(2, 6))).all()
    assert (sample.masks[1] == square(slice(0, 2), slice(0, 1))).all()
    assert (sample.masks[2] == square(slice(5, 9), slice(1, 3))).all()
    assert (sample.image_id, sample.file_name, len(sample)) == (77, "a.png", 3)
    assert sample.image.shape == (HEIGHT, WIDTH, 3)


def test_the_file_and_the_folder_of_images_can_be_named(tmp_path: Path) -> None:
    folder = write(tmp_path, content())
    moved = (folder / "instances.json").rename(folder / "val.json")
    os.rename(folder / "images", folder / "photos")
    assert len(CocoDataset(moved, images=folder / "photos")[0]) == 3
    with pytest.raises(FileNotFoundError, match="no annotation file"):
        CocoDataset(folder)
    with pytest.raises(FileNotFoundError, match="no folder of images"):
        CocoDataset(moved, images=folder / "images")


def test_an_image_without_annotations(tmp_path: Path) -> None:
    sample = CocoDataset(write(tmp_path, {**content(), "annotations": []}))[0]
    assert sample.boxes.shape == (0, 4)
    assert sample.masks.shape == (0, HEIGHT, WIDTH)


@pytest.mark.parametrize("name", ["../secret.png", "images/../../secret.png", "/etc/passwd", "C:\\x.png", "..\\x.png"])
def test_file_names_do_not_climb_out_of_the_folder(tmp_path: Path, name: str) -> None:
    data = content()
    data["images"][0]["file_name"] = name
    with pytest.raises(ValueError, match="leads out of the folder"):
        CocoDataset(write(tmp_path, data))[0]


def test_links_do_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    Image.new("RGB", (WIDTH, HEIGHT)).save(outside / "b.png")
    (tmp_path / "set").mkdir()
    data = content()
    data["images"][0]["file_name"] = "b.png"
    folder = write(tmp_path / "set", data)
    try:
        (folder / "images" / "b.png").symlink_to(outside / "b.png")
    except OSError:
        pytest.skip("this system lets nobody make links")
    with pytest.raises(ValueError, match="leads out of the folder"):
        CocoDataset(folder)[0]


def test_a_photograph_of_another_size_is_refused_and_a_turned_one_is_put_upright(tmp_path: Path) -> None:
    dataset = CocoDataset(write(tmp_path, content()))
    turned = Image.new("RGB", (HEIGHT, WIDTH))
    turned.save(tmp_path / "images" / "a.png")
    with pytest.raises(ValueError, match=r"is 6x10 pixels upright, but .* says 10x6"):
        dataset[0]
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "images" / "a.png", exif=exif)
    assert dataset[0].image.shape == (HEIGHT, WIDTH, 3)


def broken(table: str, number: int, **changes: Any) -> dict[str, Any]:
    data = content()
    data[table][number].update(changes)
    return data


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "no list 'images'"),
        ({"images": [], "annotations": []}, "no list 'categories'"),
        ({**content(), "images": [{"id": 1}]}, "has no file_name, height, width"),
        (broken("annotations", 0, image_id=5), "annotation 1 .* belongs to image 5"),
        (broken("annotations", 1, category_id=2), "annotation 2 .* has category 2"),
        (broken("annotations", 2, bbox=[1, 2, 3]), "expected \\[x, y, width, height\\]"),
        (broken("annotations", 2, bbox=[1, 2, -3, 4]), "expected \\[x, y, width, height\\]"),
        (broken("annotations", 1, id=1), "two entries of 'annotations' have the id 1"),
    ],
)
def test_malformed_files_are_refused(tmp_path: Path, data: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        CocoDataset(write(tmp_path, data))


def test_text_that_is_no_json(tmp_path: Path) -> None:
    write(tmp_path, content())
    (tmp_path / "instances.json").write_bytes(b"\x80\x04pickle")
    with pytest.raises(ValueError, match="is no JSON text"):
        CocoDataset(tmp_path)


def test_a_missing_mask_is_named_when_it_is_asked_for(tmp_path: Path) -> None:
    data = content()
    del data["annotations"][2]["segmentation"]
    sample = CocoDataset(write(tmp_path, data))[0]
    assert len(sample.boxes) == 3
    with pytest.raises(ValueError, match="annotation 3 has no mask"):
        sample.masks  # noqa: B018


def test_real_coco_photographs(shared: Path) -> None:
    from pycocotools.coco import COCO

    dataset = CocoDataset(shared / "data" / "coco-mini")
    reference = COCO()
    reference.dataset = dataset.coco
    reference.createIndex()
    assert len(dataset) == 144
    assert sum(map(len, (dataset._annotations[image["id"]] for image in dataset.coco["images"]))) == 1293
    for sample in dataset[::29]:
        annotations = reference.loadAnns(reference.getAnnIds(sample.image_id))
        assert [dataset.category_ids[label] for label in sample.labels] == [a["category_id"] for a in annotations]
        assert sample.crowd.tolist() == [bool(annotation["iscrowd"]) for annotation in annotations]
        for mask, annotation in zip(sample.masks, annotations, strict=True):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                assert (mask == reference.annToMask(annotation)).all()
