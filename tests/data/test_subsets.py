"""Subsets of datasets by name: which images they hold, without reading pictures where that can be avoided."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import detxai_nb as dx
from detxai_nb.data.sample import Sample
from detxai_nb.data.subsets import SUBSETS, Subset, kind_of
from detxai_nb.evaluation.fingerprint import dataset_identity


@pytest.mark.parametrize(
    ("labels", "crowd", "kind"),
    [
        ([3], [0], "single"),
        ([3, 3], [0, 0], "several"),
        ([3, 3], [0, 1], "several"),
        ([3, 5], [0, 0], "dual"),
        ([3, 5, 5, 3, 5], [0, 0, 1, 0, 0], "dual"),
        ([3, 5], [0, 1], ""),
        ([3], [1], ""),
        ([3, 5, 7], [0, 0, 0], ""),
        ([], [], ""),
    ],
)
def test_the_kind_of_an_image(labels: list[int], crowd: list[int], kind: str) -> None:
    assert kind_of(np.array(labels, np.int64), np.array(crowd, bool)) == kind


def test_scenes_of_the_modes_are_of_the_subsets_of_their_names() -> None:
    for name in SUBSETS:
        scenes = dx.data.scenes.Scenes(5, mode=name, width=96, height=96)
        subset = Subset(scenes, name)
        assert subset.indices == (0, 1, 2, 3, 4)
        assert (subset[1].image == scenes[1].image).all()
        assert [sample.image_id for sample in subset[3:]] == [4, 5]
        with pytest.raises(ValueError, match="none of the 5 images of the dataset is of the subset"):
            Subset(scenes, "dual" if name != "dual" else "single")
    with pytest.raises(ValueError, match="a subset is one of single, dual, several; got 'double'"):
        Subset(scenes, "double")


def test_of_coco_without_reading_a_picture(tmp_path: Path) -> None:
    folder = dx.data.scenes.write_coco(tmp_path / "scenes", count=14, width=96, height=96)
    dataset = dx.data.coco.CocoDataset(folder)
    expected = {name: [n for n, s in enumerate(dataset) if kind_of(s.labels, s.crowd) == name] for name in SUBSETS}
    for picture in (folder / "images").iterdir():
        picture.write_bytes(b"")
    for name, indices in expected.items():
        if indices:
            found = Subset(dataset, name)
            assert list(found.indices) == indices
            assert (found.names, found.has_masks, found.has_boxes) == (dataset.names, True, True)


def test_stores_tell_subsets_of_different_datasets_apart() -> None:
    def of(seed: int, name: str = "dual") -> dict:
        return dataset_identity(Subset(dx.data.scenes.Scenes(3, seed=seed, mode=name, width=96, height=96), name))

    def listed(value: int) -> dict:
        image = np.full((4, 5, 3), value, np.uint8)
        box, label = np.array([[0, 0, 2, 2]], np.float32), np.array([0])
        one = Sample(image, box, label, np.zeros(1, bool), 1, "a.png", ("cat",), lambda: np.zeros((1, 4, 5), bool))
        return dataset_identity(Subset([one], "single"))

    assert of(1) == of(1)
    assert of(1) != of(2)
    assert listed(1) == listed(1)
    assert listed(1) != listed(2)
