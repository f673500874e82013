"""Scenes on disk as a COCO dataset: nothing is lost, nothing is half written, nothing is overwritten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detxai_nb.data import scenes
from detxai_nb.data.coco import CocoDataset

SMALL: dict[str, Any] = {"count": 3, "seed": 4, "width": 160, "height": 128}


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    folder = scenes.write_coco(tmp_path / "new" / "scenes", mode="tiny", **SMALL)
    read, drawn = CocoDataset(folder), scenes.Scenes(mode="tiny", **SMALL)
    assert sorted(path.name for path in folder.iterdir()) == ["images", "instances.json"]
    assert read.names == scenes.NAMES
    assert read.category_ids == tuple(range(1, len(scenes.NAMES) + 1))
    for one, other in zip(read, drawn, strict=True):
        for field in ("image", "boxes", "labels", "crowd", "masks", "parts"):
            np.testing.assert_array_equal(getattr(one, field), getattr(other, field), err_msg=field)
        assert (one.image_id, one.file_name) == (other.image_id, other.file_name)


def test_the_cue_is_written_too(tmp_path: Path) -> None:
    folder = scenes.write_coco(tmp_path / "s", mode="shortcut", cue_kind="floor", cue="wrong", **SMALL)
    images = json.loads((folder / "instances.json").read_text(encoding="utf-8"))["images"]
    cues = [scenes.make(i, 4, "shortcut", 160, 128, cue_kind="floor", cue="wrong").cue for i in range(3)]
    assert ["cue_segmentation" in image for image in images] == [cue is not None for cue in cues]


def test_an_interruption_leaves_no_annotations_and_the_same_call_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: scenes.Scenes, index: int) -> scenes.Scene:
        if index == 2:
            raise KeyboardInterrupt
        return scenes.make(index, 4, "plain", 160, 128)

    with monkeypatch.context() as patch:
        patch.setattr(scenes.Scenes, "scene", broken)
        with pytest.raises(KeyboardInterrupt):
            scenes.write_coco(tmp_path, **SMALL)
    assert not (tmp_path / "instances.json").exists()
    with pytest.raises(FileExistsError, match="holds something else"):
        scenes.write_coco(tmp_path, **{**SMALL, "seed": 5})
    assert len(CocoDataset(scenes.write_coco(tmp_path, **SMALL))) == 3


def test_the_same_dataset_is_left_alone_and_another_is_refused(tmp_path: Path) -> None:
    annotations = scenes.write_coco(tmp_path / "s", **SMALL) / "instances.json"
    before = annotations.read_bytes(), annotations.stat().st_mtime_ns
    scenes.write_coco(tmp_path / "s", **SMALL)
    with pytest.raises(FileExistsError, match="name another folder"):
        scenes.write_coco(tmp_path / "s", **{**SMALL, "mode": "tiny"})
    assert (annotations.read_bytes(), annotations.stat().st_mtime_ns) == before


def test_a_folder_of_other_things_is_refused_and_unchanged(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("important")
    with pytest.raises(FileExistsError, match="not empty"):
        scenes.write_coco(tmp_path, **SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
