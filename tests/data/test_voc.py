"""The reader of PASCAL VOC: boxes counted from 1, difficult objects, masks, and nothing outside the folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detxai_nb.data.voc import AS_COCO, NAMES, VocDataset

HEIGHT, WIDTH = 8, 12

OBJECT = """<object><name>{name}</name><difficult>{difficult}</difficult><part><name>head</name><bndbox><xmin>1</xmin>
</bndbox></part><bndbox><xmin>{box[0]}</xmin><ymin>{box[1]}</ymin><xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox>
</object>"""


def xml(objects: list[tuple[str, int, tuple[object, ...]]], height: object = HEIGHT, width: object = WIDTH) -> str:
    nodes = "".join(OBJECT.format(name=n, difficult=d, box=b) for n, d, b in objects)
    return f"<annotation><size><width>{width}</width><height>{height}</height></size>{nodes}</annotation>"


OBJECTS: list[tuple[str, int, tuple[object, ...]]] = [
    ("sofa", 0, (1, 1, 4, 3)),
    ("person", 1, (6, 2, 12, 8)),
    ("dog", 0, ("2.5", 4, 4, 8)),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures: one with three objects and masks, one with none."""
    root = tmp_path / "VOC2012"
    for name in ("JPEGImages", "Annotations", "ImageSets/Main", "ImageSets/Segmentation", "SegmentationObject"):
        (root / name).mkdir(parents=True)
    for name, objects in (("2007_1", OBJECTS), ("2007_2", [])):
        Image.new("RGB", (WIDTH, HEIGHT), (200, 10, 10)).save(root / "JPEGImages" / f"{name}.jpg")
        (root / "Annotations" / f"{name}.xml").write_text(xml(objects), encoding="utf-8")
    (root / "ImageSets/Main/val.txt").write_text("2007_1\n2007_2\n", encoding="utf-8")
    (root / "ImageSets/Main/sofa_val.txt").write_text("2007_1  1\n", encoding="utf-8")
    (root / "ImageSets/Segmentation/val.txt").write_text("2007_1\n", encoding="utf-8")
    masks = np.zeros((HEIGHT, WIDTH), np.uint8)
    masks[0:3, 0:4], masks[1:8, 5:12], masks[3:8, 2:4] = 1, 2, 3
    masks[0, 0] = 255
    # A palette whose colours are not the numbers, as VOC's are not.
    picture = Image.fromarray(masks)
    picture.putpalette([(7 * value) % 256 for value in range(768)])
    picture.save(root / "SegmentationObject/2007_1.png")
    return root


def test_boxes_labels_and_difficult_objects(folder: Path) -> None:
    dataset = VocDataset(folder)
    first, second = dataset
    assert dataset.names == NAMES
    assert [dataset.names[label] for label in first.labels] == ["sofa", "person", "dog"]
    assert first.boxes.tolist() == [[0, 0, 4, 3], [5, 1, 12, 8], [1.5, 3, 4, 8]]
    assert first.boxes.dtype == np.float32
    assert first.crowd.tolist() == [False, True, False]
    assert (first.image_id, first.file_name, first.image.shape) == (1, "2007_1.jpg", (HEIGHT, WIDTH, 3))
    assert (len(second), second.boxes.shape, second.image_id) == (0, (0, 4), 2)
    assert VocDataset(folder, difficult=True)[0].crowd.tolist() == [False, False, False]
    assert [sample.file_name for sample in dataset[1:]] == ["2007_2.jpg"]
    assert dataset[-1].image_id == 2


def test_masks_are_those_of_the_objects_without_their_borders(folder: Path) -> None:
    dataset = VocDataset(folder, "Segmentation/val")
    assert dataset.has_masks
    masks = dataset[0].masks
    assert masks.shape == (3, HEIGHT, WIDTH)
    assert masks.dtype == bool
    assert masks.sum((1, 2)).tolist() == [11, 49, 10]
    assert not masks[:, 0, 0].any()
    whole = VocDataset(folder)
    assert not whole.has_masks
    with pytest.raises(ValueError, match="VOC has no masks of 2007_2"):
        whole[1].masks  # noqa: B018


def test_classes_can_have_cocos_names(folder: Path) -> None:
    dataset = VocDataset(folder, "sofa_val", rename=AS_COCO)
    assert len(dataset) == 1
    assert [dataset.names[label] for label in dataset[0].labels] == ["couch", "person", "dog"]
    assert "airplane" in dataset.names
    assert "aeroplane" not in dataset.names
    with pytest.raises(ValueError, match="rename has settee, which are no classes here"):
        VocDataset(folder, rename={"settee": "couch"})


def test_identity_is_that_of_the_annotations(folder: Path) -> None:
    before = VocDataset(folder).identity
    moved = folder.rename(folder.parent / "elsewhere")
    assert VocDataset(moved).identity == before
    assert VocDataset(moved, difficult=True).identity != before
    changed = xml([("dog", 0, (1, 1, 4, 3)), *OBJECTS[1:]])
    (moved / "Annotations/2007_1.xml").write_text(changed, encoding="utf-8")
    assert VocDataset(moved).identity != before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<annotation>", "is no XML"),
        (xml([], height="tall"), "the size in .* is 'tall'"),
        (xml([("dog", 0, (5, 1, 4, 3))]), r"object 1 in .* has the box \(5, 1\) to \(4, 3\)"),
        (xml([("dog", 0, (1, 1, "wide", 3))]), "has 'wide' at bndbox/xmax"),
        (xml([("dog", 0, (1, 1, "nan", 3))]), "has 'nan' at bndbox/xmax"),
        (xml([("unicorn", 0, (1, 1, 4, 3))]), "is of the class 'unicorn'; known: aeroplane"),
        ("<annotation><size><width>12</width><height>8</height></size><object/></annotation>", "of the class ''"),
    ],
)
def test_malformed_annotations_are_refused(folder: Path, text: str, words: str) -> None:
    (folder / "Annotations/2007_1.xml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=words):
        VocDataset(folder)


@pytest.mark.parametrize("ending", ["png", "JPG", "jpeg", "bmp", "webp"])
def test_pictures_are_of_any_format(folder: Path, ending: str) -> None:
    (folder / "JPEGImages/2007_1.jpg").unlink()
    kind = "JPEG" if ending.lower() in ("jpg", "jpeg") else ending
    Image.new("RGB", (WIDTH, HEIGHT)).save(folder / f"JPEGImages/2007_1.{ending}", format=kind)
    sample = VocDataset(folder)[0]
    assert (sample.file_name, len(sample)) == (f"2007_1.{ending}", 3)


def test_of_several_pictures_the_named_one_is_taken_or_none(folder: Path) -> None:
    (folder / "JPEGImages/2007_1.jpg").unlink()
    for ending in ("png", "bmp"):
        Image.new("RGB", (WIDTH, HEIGHT)).save(folder / f"JPEGImages/2007_1.{ending}")
    with pytest.raises(ValueError, match=r"holds 2007_1\.bmp, 2007_1\.png, and .* does not say which"):
        VocDataset(folder)[0]
    named = xml(OBJECTS).replace("<size>", "<filename>C:\\photos\\2007_1.png</filename><size>")
    (folder / "Annotations/2007_1.xml").write_text(named, encoding="utf-8")
    assert VocDataset(folder)[0].file_name == "2007_1.png"


@pytest.mark.parametrize("size", ["", "<size/>", "<size><width>0</width><height>0</height><depth>3</depth></size>"])
def test_a_size_that_is_not_known_is_the_pictures(folder: Path, size: str) -> None:
    whole = xml(OBJECTS)
    (folder / "Annotations/2007_1.xml").write_text(
        whole[: whole.index("<size>")] + size + whole[whole.index("</size>") + 7 :], encoding="utf-8"
    )
    assert VocDataset(folder)[0].boxes.tolist() == [[0, 0, 4, 3], [5, 1, 12, 8], [1.5, 3, 4, 8]]
    assert VocDataset(folder, "Segmentation/val")[0].masks.sum((1, 2)).tolist() == [11, 49, 10]


def test_a_folder_without_lists_is_read_whole(tmp_path: Path) -> None:
    """As labelImg and Roboflow write it: pictures and annotation files side by side."""
    for name in ("b 1", "a.v2"):
        Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / f"{name}.png")
        (tmp_path / f"{name}.xml").write_bytes(b"\xef\xbb\xbf" + xml([("dog", 0, (1, 1, 4, 3))]).encode())
    dataset = VocDataset(tmp_path)
    assert [sample.file_name for sample in dataset] == ["a.v2.png", "b 1.png"]
    with pytest.raises(FileNotFoundError, match="there is no annotation file"):
        VocDataset(tmp_path / "..", "val")


def test_lists_may_have_endings_spaces_and_a_mark(folder: Path) -> None:
    for old, new in (("2007_1", "two words"), ("2007_2", "x.1")):
        (folder / f"Annotations/{old}.xml").rename(folder / f"Annotations/{new}.xml")
        (folder / f"JPEGImages/{old}.jpg").rename(folder / f"JPEGImages/{new}.jpg")
    (folder / "ImageSets/Main/val.txt").write_bytes(b"\xef\xbb\xbftwo words.jpg -1\r\nx.1\r\n")
    assert VocDataset(folder).ids == ("two words", "x.1")


def test_masks_of_more_than_254_objects_are_told_apart(folder: Path) -> None:
    (folder / "Annotations/2007_1.xml").write_text(xml([("dog", 0, (1, 1, 4, 3))] * 300), encoding="utf-8")
    masks = VocDataset(folder)[0].masks
    assert masks.sum((1, 2)).nonzero()[0].tolist() == [0, 1, 2, 254]


def test_files_that_are_not_there(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no .*train\.txt: folder is one like VOCdevkit"):
        VocDataset(folder, "train")
    (folder / "Annotations/2007_2.xml").unlink()
    with pytest.raises(FileNotFoundError, match=r"there is no annotation file .* for the image 2007_2"):
        VocDataset(folder)
    (folder / "JPEGImages/2007_1.jpg").unlink()
    with pytest.raises(FileNotFoundError, match="there is no image"):
        VocDataset(folder, "sofa_val")[0]


def test_a_picture_of_another_size_is_refused(folder: Path) -> None:
    Image.new("RGB", (HEIGHT, WIDTH)).save(folder / "JPEGImages/2007_1.jpg")
    with pytest.raises(ValueError, match="is 8x12 pixels, but its annotation file says 12x8"):
        VocDataset(folder)[0]
    Image.new("L", (HEIGHT, WIDTH)).save(folder / "SegmentationObject/2007_1.png")
    Image.new("RGB", (WIDTH, HEIGHT)).save(folder / "JPEGImages/2007_1.jpg")
    with pytest.raises(ValueError, match="expected one number for each"):
        VocDataset(folder)[0].masks  # noqa: B018


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "C:\\x", "..\\x"])
def test_names_do_not_climb_out_of_the_folder(folder: Path, name: str) -> None:
    (folder / "ImageSets/Main/val.txt").write_text(f"{name}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="leads out of the folder"):
        VocDataset(folder)
    with pytest.raises(ValueError, match="leads out of the folder"):
        VocDataset(folder, "../../../val")


def test_masks_of_classes_are_those_of_all_objects_of_a_class(folder: Path) -> None:
    (folder / "SegmentationClass").mkdir()
    values = np.zeros((HEIGHT, WIDTH), np.uint8)
    values[0:3, 0:4], values[1:8, 5:12], values[0, 0] = NAMES.index("sofa") + 1, NAMES.index("person") + 1, 255
    Image.fromarray(values).save(folder / "SegmentationClass/2007_1.png")
    dataset = VocDataset(folder, "Segmentation/val", masks="class")
    assert dataset.has_masks
    assert dataset[0].masks.sum((1, 2)).tolist() == [11, 49, 0]
    assert not VocDataset(folder, masks="class").has_masks
    assert dataset.identity != VocDataset(folder, "Segmentation/val").identity
    with pytest.raises(ValueError, match="masks is one of 'object', 'class'; got 'classes'"):
        VocDataset(folder, masks="classes")


def test_annotations_without_the_picture(folder: Path) -> None:
    for picture in (folder / "JPEGImages").iterdir():
        picture.unlink()
    found = VocDataset(folder).annotations_of(0)
    assert [NAMES[label] for label in found.labels] == ["sofa", "person", "dog"]
    assert found.crowd.tolist() == [False, True, False]
