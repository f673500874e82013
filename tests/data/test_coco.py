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

from detxai_nb.data import sample as samples
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


@pytest.mark.parametrize(
    "name",
    [
        "images/a.png",
        "images\\a.png",
        ".\\images\\a.png",
        "A.PNG",
        "C:\\Users\\me\\photos\\a.png",
        "/data/upload/3/a.png",
        "../../label-studio/media/upload/3/a.png",
        "/data/local-files/?d=photos/a.png",
        "https://host.org/bucket/a.png?token=1",
        "s3://bucket/some%20where/a.png",
        "1f2e3d4c-a.png",
    ],
)
def test_file_names_are_read_as_other_tools_mean_them(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path, broken("images", 0, file_name=name))
    for dataset in (CocoDataset(folder), CocoDataset(folder / "instances.json", folder / "images")):
        assert dataset.image_path(0) == folder / "images" / "a.png"
        assert dataset[0].image.shape == (HEIGHT, WIDTH, 3)


def test_a_space_may_be_written_as_percent_20_and_a_literal_name_comes_first(tmp_path: Path) -> None:
    folder = write(tmp_path, broken("images", 0, file_name="my%20cat.png"))
    (folder / "images" / "a.png").rename(folder / "images" / "my cat.png")
    assert CocoDataset(folder).image_path(0).name == "my cat.png"
    (folder / "images" / "my cat.png").rename(folder / "images" / "my%20cat.png")
    assert CocoDataset(folder).image_path(0).name == "my%20cat.png"


def test_a_name_is_not_shortened_to_that_of_another_picture(tmp_path: Path) -> None:
    data = content()
    data["images"] = [
        {"id": n, "file_name": f"/photos/{part}/a.png", "height": HEIGHT, "width": WIDTH}
        for n, part in enumerate(("train", "val"))
    ]
    data["annotations"] = []
    dataset = CocoDataset(write(tmp_path, data))
    for index in range(2):
        with pytest.raises(ValueError, match="leads out of the folder"):
            dataset[index]


@pytest.mark.parametrize(
    ("json_name", "pictures", "file_name"),
    [
        ("result.json", "images", "images/a.png"),
        ("_annotations.coco.json", ".", "a.png"),
        ("annotations/instances_default.json", "images/default", "a.png"),
        ("annotations/instances_default.json", "images", "a.png"),
        ("annotations/instances_val2017.json", "val2017", "a.png"),
    ],
)
def test_the_folders_of_other_tools(tmp_path: Path, json_name: str, pictures: str, file_name: str) -> None:
    """Label Studio, Roboflow, CVAT (twice), COCO itself."""
    for path in (tmp_path / json_name, tmp_path / pictures / "a.png"):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / pictures / "a.png")
    text = json.dumps(broken("images", 0, file_name=file_name))
    (tmp_path / json_name).write_text(text, encoding="utf-8-sig")
    assert len(CocoDataset(tmp_path / json_name)[0]) == 3
    if "val2017" not in json_name:
        assert len(CocoDataset(tmp_path)[0]) == 3


def test_only_what_is_needed_must_be_there(tmp_path: Path) -> None:
    """No size, no ids of annotations, no iscrowd, no bbox beside polygons; numbers as texts; category ids from 0."""
    data = {
        "images": [{"id": "0000001_02999_d", "file_name": "a.png", "width": "0"}],
        "annotations": [
            {"image_id": "0000001_02999_d", "category_id": "0", "segmentation": POLYGON},
            {"image_id": "0000001_02999_d", "category_id": 7.0, "bbox": ["1.5", 2, "3", 4.0], "iscrowd": "1"},
        ],
        "categories": [{"id": 7, "name": "dog", "supercategory": None}, {"id": 0, "name": "cat"}],
    }
    dataset = CocoDataset(write(tmp_path, data))
    (sample,) = dataset
    assert dataset.names == ("cat", "dog")
    assert sample.image_id == "0000001_02999_d"
    assert sample.boxes.tolist() == [[1, 2, 4, 6], [1.5, 2, 4.5, 6]]
    assert sample.labels.tolist() == [0, 1]
    assert sample.crowd.tolist() == [False, True]
    assert sample.masks_of([0]).sum() == 12
    with pytest.raises(ValueError, match="annotation number 2 has no mask"):
        sample.masks  # noqa: B018


def test_categories_of_one_name_are_one_class(tmp_path: Path) -> None:
    """Roboflow lists the class of a project twice, once as its own group."""
    data = broken("annotations", 0, category_id=2)
    data["categories"] = [
        {"id": 0, "name": "cat"},
        *({"id": n, "name": "cat"} for n in (1, 13)),
        {"id": 2, "name": "dog"},
    ]
    dataset = CocoDataset(write(tmp_path, data))
    assert (dataset.names, dataset.category_ids) == (("cat", "dog"), (1, 2))
    assert dataset[0].labels.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    "shape",
    [
        [[1, 2, 4, 2, 4, 6, 1, 6]],
        [1, 2, 4, 2, 4, 6, 1, 6],
        [[1, 2], [4, 2], [4, 6], [1, 6]],
        [[[1, 2], [4, 2], [4, 6], [1, 6]]],
        [["1", 2.0, "4.0", 2, 4, 6, 1, "6"]],
        {"size": [HEIGHT, WIDTH], "counts": [8, 4, 2, 4, 2, 4, 36]},
        {"size": ["6", 10.0], "counts": [8, 4, 2, 4, 2, 4, 36]},
        packed(square(slice(1, 4), slice(2, 6))),
    ],
)
def test_every_form_of_a_shape_is_the_same_mask(tmp_path: Path, shape: Any) -> None:
    sample = CocoDataset(write(tmp_path, broken("annotations", 0, segmentation=shape)))[0]
    assert (sample.masks[0] == square(slice(1, 4), slice(2, 6))).all()
    assert (sample.masks_of([0])[0] == sample.masks[0]).all()


FAR = [[1, 1, 1e8, 1, 10, 10]]


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ([], "there is no polygon"),
        ([[]], "at least three points"),
        ([[3, 3]], "at least three points"),
        ([[1, 1, 5, 5]], "at least three points"),
        ([[1, 1, 5, 5, 3]], "at least three points"),
        ([[1, 1, 5, 5, 3, None]], "no number"),
        (FAR, "from -1e\\+06 to 1e\\+06"),
        ([[1, 1, -1e9, 1, 9, 9]], "from -1e\\+06 to 1e\\+06"),
        ([[1, 1, float("nan"), 1, 9, 9]], "from -1e\\+06 to 1e\\+06"),
        ([[1, 1, float("inf"), 1, 9, 9]], "from -1e\\+06 to 1e\\+06"),
        ([[0, 0, 1e6, 1, 0, 2] * 9], "pixels long"),
        ({"size": [HEIGHT, WIDTH]}, "its counts are None"),
        ({"size": [WIDTH, HEIGHT], "counts": [60]}, "its size is"),
        ({"counts": [60]}, "its size is None"),
        ({"size": [HEIGHT, WIDTH], "counts": [59]}, "make 59 pixels, and the image has 60"),
        ({"size": [HEIGHT, WIDTH], "counts": [70, -10]}, "negative, or larger"),
        ({"size": [HEIGHT, WIDTH], "counts": [2**70]}, "negative, or larger"),
        ({"size": [HEIGHT, WIDTH], "counts": "oooooooooooooooooooo"}, "no compressed run lengths"),
        ({"size": [HEIGHT, WIDTH], "counts": "\u20ac"}, "no compressed run lengths"),
        ({"size": [HEIGHT, WIDTH], "counts": "1"}, "make 1 pixels"),
        ({"size": [HEIGHT, WIDTH], "counts": ""}, "make 0 pixels"),
        ("a cat", "there is no polygon"),
        (7, "there is no polygon"),
    ],
)
def test_a_shape_that_cannot_be_drawn_never_reaches_compiled_code(tmp_path: Path, shape: Any, words: str) -> None:
    sample = CocoDataset(write(tmp_path, broken("annotations", 0, segmentation=shape)))[0]
    for ask in (lambda: sample.masks, sample.check_masks, lambda: sample.masks_of([1, 0])):
        with pytest.raises(ValueError, match=f"annotation 1 has no mask .*{words}"):
            ask()
    assert sample.masks_of([1, 2]).sum() == 10


def test_run_lengths_are_those_of_pycocotools() -> None:
    from detxai_nb.data.outlines import Outlines

    random = np.random.default_rng(0)
    for height, width in ((1, 1), (1, 40), (37, 1), (64, 50), (300, 211)):
        for share in (0.0, 0.03, 0.5, 1.0):
            mask = random.random((height, width)) < share
            if share == 0.03:
                mask[height // 3 :, width // 2 :] = True
            run = rle.encode(np.asfortranarray(mask, np.uint8))
            shapes = [{"size": [height, width], "counts": run["counts"].decode()}]
            assert (Outlines(shapes, (height, width), ["a"])()[0] == mask).all()


def test_masks_of_many_objects_are_decoded_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = content()
    data["annotations"] = [{**data["annotations"][2], "id": n} for n in range(500)]
    sample = CocoDataset(write(tmp_path, data))[0]
    monkeypatch.setattr(samples, "MASKS_BUDGET", 499 * HEIGHT * WIDTH)
    with pytest.raises(ValueError, match=r"the masks of 500 objects in 10x6 pixels .* take masks_of\(rows\)"):
        sample.masks  # noqa: B018
    assert sample.masks_of([3, 499]).shape == (2, HEIGHT, WIDTH)
    sample.check_masks()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (broken("annotations", 0, image_id=[77]), "the image_id of annotation 1"),
        (broken("annotations", 0, category_id={}), "the category_id of annotation 1"),
        (broken("annotations", 0, id=True), "the id of an entry of 'annotations'"),
        (broken("annotations", 0, iscrowd=[1]), "the mark of a crowd of annotation 1"),
        (broken("annotations", 0, bbox=[1, 2, 1e300, 4]), "expected \\[x, y, width, height\\]"),
        (broken("annotations", 0, bbox=[1, float("nan"), 3, 4]), "expected \\[x, y, width, height\\]"),
        (broken("annotations", 0, bbox=[True, 2, 3, 4]), "expected \\[x, y, width, height\\]"),
        (broken("annotations", 0, bbox=None, segmentation=[[1, 2]]), "has no bbox, and its segmentation"),
        (broken("annotations", 0, bbox=None, segmentation={}), "has the bbox None"),
        (broken("images", 0, height=1.5), "the height of the image"),
        (broken("images", 0, height=-3), "the height of the image"),
        (broken("images", 0, id=None), "the id of an entry of 'images'"),
        (broken("categories", 0, name=None), "the category 90 .* has the name None"),
        (broken("categories", 0, id="1"), "two entries of 'categories' have the same id"),
    ],
)
def test_values_of_a_wrong_kind_are_refused_in_words(tmp_path: Path, data: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        CocoDataset(write(tmp_path, data))


@pytest.mark.parametrize("name", ["", None, 3, "x\0y", "\ud800.png", "x" * 300, "a/" * 800])
def test_texts_that_can_be_no_file_name_are_refused_in_words(tmp_path: Path, name: Any) -> None:
    with pytest.raises(ValueError, match="is no file name"):
        CocoDataset(write(tmp_path, broken("images", 0, file_name=name)))[0]


def test_a_text_that_is_nested_too_deeply_is_refused_in_words(tmp_path: Path) -> None:
    write(tmp_path, content())
    (tmp_path / "instances.json").write_text("[" * 200_000, encoding="utf-8")
    with pytest.raises(ValueError, match="is no JSON text"):
        CocoDataset(tmp_path)
