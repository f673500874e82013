"""The reader of folders of classes: names from synset files, and nothing outside the folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import detxai_nb as dx
from detxai_nb.data.image_folder import ImageFolder
from detxai_nb.metrics import match

LINES = "n01 tench, Tinca tinca\nn02 crane\nn03 great white shark, white shark\nn04 crane\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three classes of four that have names, two pictures of one of them."""
    root = tmp_path / "imagenet" / "val"
    for number, name in enumerate(("n04/b.JPEG", "n02/a.png", "n04/a.jpeg", "n03/x.jpg")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 4), (50 * number, 10, 10)).save(root / name)
    (root / "n03" / "notes.txt").write_text("no picture")
    (root / "empty").mkdir()
    return root


def test_classes_are_called_like_their_folders_or_as_a_file_or_dict_says(folder: Path) -> None:
    plain = ImageFolder(folder)
    assert plain.names == ("empty", "n02", "n03", "n04")
    assert plain.files == ("n02/a.png", "n03/x.jpg", "n04/a.jpeg", "n04/b.JPEG")
    (folder.parent / "LOC_synset_mapping.txt").write_text(LINES)
    index = {
        str(n): [line.split()[0], line.split(" ", 1)[1].split(",")[0].replace(" ", "_")]
        for n, line in enumerate(LINES.splitlines())
    }
    (folder.parent / "index.json").write_text(json.dumps(dict(reversed(index.items()))))
    given = dict(line.split(",")[0].split(" ", 1) for line in LINES.splitlines())
    for names in (None, folder.parent / "index.json", given, str(folder.parent / "LOC_synset_mapping.txt")):
        dataset = ImageFolder(folder, names)
        assert dataset.names == ("tench", "crane", "great white shark", "crane")
        assert [int(sample.labels[0]) for sample in dataset] == [1, 2, 3, 3]


def test_a_sample_says_what_is_shown_and_not_where(folder: Path) -> None:
    dataset = ImageFolder(folder)
    sample = dataset[-1]
    assert (sample.image_id, sample.file_name, sample.image.shape) == ("n04/b.JPEG", "n04/b.JPEG", (4, 6, 3))
    assert sample.boxes.tolist() == [[0, 0, 6, 4]]
    assert not sample.crowd.any()
    assert not dataset.has_masks
    assert not dataset.has_boxes
    with pytest.raises(ValueError, match="has no masks: it says only what a picture shows"):
        sample.masks  # noqa: B018
    assert [one.file_name for one in dataset[:2]] == ["n02/a.png", "n03/x.jpg"]


def test_classes_of_the_same_name_are_told_apart_by_their_number(folder: Path) -> None:
    (folder.parent / "synset_words.txt").write_text(LINES)
    dataset = ImageFolder(folder)
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 4))
    detector = dx.wrap(network, family="classifier", names=dataset.names, input_size=8)
    found = detector.detect([dataset[3].image], 0.0)[0]
    assert found.labels[match(found, dataset[3]) == 0].tolist() == [3]


def test_measures_of_places_are_refused_and_a_paper_leaves_them_out(folder: Path) -> None:
    (folder.parent / "synset_words.txt").write_text(LINES)
    dataset = ImageFolder(folder)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 4))
    detector = dx.wrap(network, family="classifier", names=dataset.names, input_size=8)
    with pytest.raises(ValueError, match="pointing-game-box: these metrics compare a map with where an object is"):
        dx.evaluate(detector, dataset, ["grad-cam"], ["pointing-game-box"], progress=False)
    rows = dx.evaluate(
        detector, dataset, ["grad-cam"], ["context-zone-drop"], protocol="classes", controls=False, progress=False
    )
    assert rows["image_id"].tolist() == list(dataset.files)
    assert rows["label"].tolist() == ["crane", "great white shark", "crane", "crane"]


def test_what_is_no_folder_of_classes_is_refused_in_words(folder: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    Image.new("RGB", (4, 4)).save(flat / "ILSVRC2012_val_00000001.JPEG")
    with pytest.raises(ValueError, match=r"has no classes; it holds 1 pictures itself.*sort the pictures"):
        ImageFolder(flat)
    with pytest.raises(ValueError, match=r"folder for each class with its pictures, such as empty/n01440764"):
        ImageFolder(folder / "empty")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        ImageFolder(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="no file of class names"):
        ImageFolder(folder, tmp_path / "nowhere.txt")
    with pytest.raises(ValueError, match=r"the folder 'n03' in .* is no class of the names.*did you mean 'n030'"):
        ImageFolder(folder, {"n02": "crane", "n030": "shark", "n04": "gull"})
    for name, content, told in (
        ("a.txt", "n02\n", "line 1 of .* is 'n02'"),
        ("b.txt", "n02 crane\nn02 crane\n", "the synset 'n02' twice"),
        ("c.txt", "\n", "names no class"),
        ("d.json", "[1]", "is no list of classes"),
        ("e.json", '{"0": "n02"}', "has 'n02' as class 0"),
        ("f.json", '{"x": ["n02", "crane"]}', "is no list of classes"),
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(ValueError, match=told):
            ImageFolder(folder, tmp_path / name)


def test_links_do_not_lead_out_of_the_folder(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(secret / "a.png")
    (folder / "n02" / "link.png").symlink_to(secret / "a.png")
    with pytest.raises(ValueError, match="leads out of the folder"):
        ImageFolder(folder)
    (folder / "n02" / "link.png").unlink()
    (folder / "n05").symlink_to(secret)
    with pytest.raises(ValueError, match="leads out of the folder"):
        ImageFolder(folder)
    (folder / "n05").unlink()
    # A link within the folder is a picture like any other, and a picture that becomes a link later is refused.
    (folder / "n02" / "link.png").symlink_to(folder / "n03" / "x.jpg")
    dataset = ImageFolder(folder)
    assert len(dataset) == 5
    (folder / "n02" / "a.png").unlink()
    (folder / "n02" / "a.png").symlink_to(secret / "a.png")
    with pytest.raises(ValueError, match="leads out of the folder"):
        dataset[0]


def test_folders_of_classes_without_pictures_are_named(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
    (tmp_path / "cat" / "notes.txt").write_text("nothing")
    with pytest.raises(
        ValueError, match="has no classes; no picture is in its folders 'cat', 'dog': expected a folder"
    ):
        ImageFolder(tmp_path)


def test_a_class_without_pictures_keeps_its_number_and_hidden_folders_are_no_classes(folder: Path) -> None:
    before = ImageFolder(folder)
    first = before.names[0]
    (folder / f"{first}0").mkdir()
    (folder / ".ipynb_checkpoints").mkdir()
    Image.new("RGB", (4, 3)).save(folder / ".ipynb_checkpoints" / "a-checkpoint.png")
    after = ImageFolder(folder)
    assert after.names == (first, f"{first}0", *before.names[1:])
    assert after.files == before.files
    told = [after.names[int(after[i].labels[0])] for i in range(len(after))]
    assert told == [before.names[int(before[i].labels[0])] for i in range(len(before))]
