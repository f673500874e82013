"""The synthetic scenes: exact truth, the rules of each mode, and the same pictures everywhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from detxai_nb.data import scenes
from detxai_nb.data.scenes.layouts import (
    MIN_PART_VISIBLE,
    MIN_VISIBLE,
    Board,
    crowd,
    dual,
    one_class_crowd,
    plain,
    several,
    single,
    tiny,
)
from detxai_nb.data.scenes.objects import make_object
from detxai_nb.data.scenes.random import SeededRng
from detxai_nb.data.scenes.shapes import CLASSES

GOLDEN = json.loads((Path(__file__).parent / "golden_scenes.json").read_text(encoding="utf-8"))


def block_means(image: np.ndarray) -> np.ndarray:
    """Mean colours [4,4,3] of a grid of 4 x 4 blocks."""
    height, width = image.shape[0] // 4 * 4, image.shape[1] // 4 * 4
    return image[:height, :width].reshape(4, height // 4, 4, width // 4, 3).astype(float).mean((1, 3))


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: f"{golden['mode']}-{golden['index']}")
def test_same_scene_on_every_platform(golden: dict) -> None:
    scene = scenes.make(golden["index"], golden["seed"], golden["mode"], golden["width"], golden["height"])
    assert [scenes.NAMES[label] for label in scene.labels] == golden["names"]
    # Sines may differ in their last bits, which may move an outline by a pixel and a colour by a level.
    np.testing.assert_allclose(scene.boxes, golden["boxes"], atol=1)
    np.testing.assert_allclose(scene.parts.sum((1, 2)), golden["part_pixels"], atol=4)
    np.testing.assert_allclose(block_means(scene.image), golden["block_means"], atol=0.5)


@pytest.mark.parametrize("size", [(320, 256), (200, 333)], ids=str)
@pytest.mark.parametrize("mode", scenes.MODES)
def test_truth_fits_the_picture(mode: str, size: tuple[int, int]) -> None:
    width, height = size
    for index in range(4):
        scene = scenes.make(index, 3, mode, width, height)
        count = len(scene.labels)
        assert count >= 1
        assert scene.image.shape == (height, width, 3)
        assert scene.image.dtype == np.uint8
        assert scene.image.flags.c_contiguous
        assert scene.masks.shape == scene.parts.shape == (count, height, width)
        assert (scene.masks.sum(0) <= 1).all(), "a pixel belongs to one object"
        assert not (scene.parts & ~scene.masks).any()
        assert (scene.parts.sum((1, 2)) >= 4).all()
        assert scene.labels.min() >= 0
        assert scene.labels.max() < len(scenes.NAMES)
        for box, mask in zip(scene.boxes, scene.masks, strict=True):
            rows, columns = np.nonzero(mask)
            assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_a_scene_depends_on_nothing_but_its_arguments() -> None:
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    alone = scenes.make(5, seed=2)
    dataset = scenes.Scenes(7, seed=2)
    dataset[6]
    assert (dataset[5].image == alone.image).all()
    assert (dataset[-2].image == alone.image).all()
    assert (scenes.make(5, seed=3).image != alone.image).any()
    assert (scenes.make(6, seed=2).image != alone.image).any()
    assert (np.random.get_state()[1] == numpy_state).all()  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_at_least_eight_classes_in_pairs_with_named_parts() -> None:
    assert len(scenes.NAMES) == len(set(scenes.NAMES)) == len(set(scenes.PART_NAMES)) >= 8
    assert [name for pair in scenes.PAIRS for name in pair] == list(scenes.NAMES)


@pytest.mark.parametrize("pair", range(len(scenes.PAIRS)))
def test_the_classes_of_a_pair_differ_in_the_part_alone(pair: int) -> None:
    first, second = (make_object(SeededRng(1, pair), 2 * pair + which, 40.0) for which in (0, 1))
    assert CLASSES[2 * pair].body is CLASSES[2 * pair + 1].body
    assert (first.body == second.body).all()
    assert (first.detail == second.detail).all()
    assert (first.part_mask != second.part_mask).any()
    for item in (first, second):
        share = item.part_mask.sum() / item.mask.sum()
        assert 0.08 < share < 0.5, "the part is a modest share of the object"
        border = np.concatenate([item.mask[0], item.mask[-1], item.mask[:, 0], item.mask[:, -1]])
        assert not border.any(), "the window holds the whole object"


@pytest.mark.parametrize(
    "layout", [plain, tiny, crowd, single, dual, several, one_class_crowd], ids=lambda layout: layout.__name__
)
def test_every_object_and_its_part_stay_visible(layout) -> None:
    for index in range(6):
        board = Board(256, 320)
        layout(SeededRng(4, index), board)
        for number, item in enumerate(board.objects):
            if item.label >= 0:
                own = board.owner == number
                assert own.sum() >= MIN_VISIBLE * item.mask.sum()
                assert (own & board.on_part).sum() >= MIN_PART_VISIBLE * item.part_mask.sum()


def test_a_thing_that_would_hide_an_object_is_refused_and_changes_nothing() -> None:
    board = Board(256, 320)
    small, large = make_object(SeededRng(1), 0, 12.0), make_object(SeededRng(2), 4, 70.0)
    assert board.place(small.at(160, 128))
    before = board.owner.copy()
    assert not board.place(large.at(160, 128))
    assert not board.place(large.at(-500, 128))
    assert len(board.objects) == 1
    assert (board.owner == before).all()


@pytest.mark.parametrize("size", [(96, 96), (200, 128), (110, 240)], ids=str)
def test_dual_scenes_hold_two_classes_and_several_scenes_one(size: tuple[int, int]) -> None:
    for index in range(12):
        first, second = (scenes.make(index, 6, mode, *size) for mode in ("dual", "several"))
        assert len(first.labels) == len(set(first.labels.tolist())) == 2
        assert 2 <= len(second.labels) <= 5
        assert len(set(second.labels.tolist())) == 1
        for scene in (first, second):
            longest = (scene.boxes[:2, 2:] - scene.boxes[:2, :2]).max(1) / min(size)
            assert (longest > 0.08).all()
            assert (longest < 0.6).all()


def test_plain_scenes_hold_one_to_six_objects_of_many_sizes() -> None:
    found = [scenes.make(index, seed=8) for index in range(40)]
    assert {len(scene.labels) for scene in found} == {1, 2, 3, 4, 5, 6}
    longest = np.concatenate([(scene.boxes[:, 2:] - scene.boxes[:, :2]).max(1) for scene in found])
    assert longest.min() < 25
    assert longest.max() > 110


@pytest.mark.parametrize("size", [(320, 256), (640, 300)], ids=str)
def test_tiny_objects_are_tiny_and_some_touch_one_of_their_class(size: tuple[int, int]) -> None:
    touching = 0
    for index in range(8):
        scene = scenes.make(index, 5, "tiny", *size)
        sides = scene.boxes[:, 2:] - scene.boxes[:, :2]
        assert 5 <= len(scene.labels) <= 16 + 1
        assert (sides[:, 0] * sides[:, 1]).max() <= 0.005 * size[0] * size[1]
        for first in range(len(scene.labels)):
            mask = scene.masks[first]
            near = mask.copy()
            near[1:] |= mask[:-1]
            near[:-1] |= mask[1:]
            near[:, 1:] |= mask[:, :-1]
            near[:, :-1] |= mask[:, 1:]
            others = scene.masks[np.arange(len(scene.labels)) > first]
            same = scene.labels[first + 1 :] == scene.labels[first]
            touching += int((others & near).any((1, 2))[same].sum())
    assert touching >= 8


def test_crowds_hold_eight_to_twenty_five_objects_that_overlap() -> None:
    overlapping, total = 0, 0
    for index in range(12):
        scene = scenes.make(index, 6, "crowd")
        assert 8 <= len(scene.labels) <= 25
        low = np.maximum(scene.boxes[:, None, :2], scene.boxes[None, :, :2])
        high = np.minimum(scene.boxes[:, None, 2:], scene.boxes[None, :, 2:])
        shared = np.clip(high - low, 0, None).prod(2)
        np.fill_diagonal(shared, 0)
        overlapping += int((shared.max(1) > 0).sum())
        total += len(scene.labels)
    assert overlapping > 0.85 * total


def test_crowds_of_one_class_overlap_heavily() -> None:
    neighbours = close = total = 0
    for index in range(12):
        board = Board(256, 320)
        one_class_crowd(SeededRng(6, index), board)
        assert len({item.label for item in board.objects if item.label >= 0}) == 1
        boxes = board.boxes()
        assert 4 <= len(boxes) <= 16
        low, high = np.maximum(boxes[:, None, :2], boxes[:, :2]), np.minimum(boxes[:, None, 2:], boxes[:, 2:])
        shared, areas = (high - low).clip(min=0).prod(2), (boxes[:, 2:] - boxes[:, :2]).prod(1)
        iou = shared / (areas[:, None] + areas - shared)
        np.fill_diagonal(iou, 0)
        neighbours += int((iou > 0).sum())
        close += int((iou > 0.5).any(1).sum())
        total += len(boxes)
    assert total > 100
    assert neighbours >= 2 * total, "two overlapping neighbours an object"
    assert 3 * close >= total, "a third has a neighbour with an IoU above 0.5"


def test_what_is_not_accepted_leaves_the_board_as_it_was() -> None:
    board = Board(100, 100)
    assert board.place(make_object(SeededRng(1, 0), 0, 20.0).at(40, 40))
    before = board.owner.copy(), board.on_part.copy(), list(board.objects), board.boxes()
    second = make_object(SeededRng(1, 1), 0, 20.0).at(60, 60)
    assert not board.place_if(second, lambda: False)
    for old, new in zip(before, (board.owner, board.on_part, board.objects, board.boxes()), strict=True):
        assert np.array_equal(old, new)
    assert board.place_if(second, lambda: True)
    assert len(board.boxes()) == 2


def test_single_scenes_hold_one_object_of_a_large_size_wholly_inside() -> None:
    shares, labels = [], set()
    for index in range(40):
        board = Board(128, 160)
        single(SeededRng(9, index), board)
        (item,) = (item for item in board.objects if item.label >= 0)
        number = board.objects.index(item)
        shares.append(2 * item.radius / 128)
        labels.add(item.label)
        # Rotated and stretched, an object may reach a little over the border; clutter may hide a little of it.
        assert (board.owner == number).sum() >= 0.75 * item.mask.sum()
    assert 0.35 <= min(shares) < 0.4
    assert 0.7 < max(shares) <= 0.8
    assert len(labels) == len(scenes.NAMES)


def test_without_the_telling_parts_only_the_pair_changes() -> None:
    pair = [scenes.NAMES.index("apple"), scenes.NAMES.index("bauble")]
    parts, grown = 0, 0
    for index in range(8):
        whole, bare = (scenes.make(index, 2, "shortcut", telling=telling) for telling in (True, False))
        assert (whole.labels == bare.labels).all()
        changed = (whole.image != bare.image).any(2)
        for label, part, mask, box, before, was in zip(
            bare.labels, bare.parts, bare.masks, bare.boxes, whole.masks, whole.boxes
        ):
            if label in pair:
                assert not part.any()
                assert (mask & ~before).sum() <= whole.parts.any(0).sum()
                assert mask.any()
                assert (box[:2] >= was[:2]).all()
                assert (box[2:] <= was[2:]).all()
                parts += 1
            else:
                # Only what a part had hidden comes to light.
                assert (before <= mask).all()
                grown += (mask & ~before).sum()
        assert changed.any() == bool(set(pair) & set(whole.labels.tolist()))
    assert parts > 4


@pytest.mark.parametrize("kind", ["watermark", "floor"])
def test_the_cue_goes_with_its_class_with_none_or_with_the_wrong_one(kind: str) -> None:
    own, other = scenes.NAMES.index("rocket"), scenes.NAMES.index("fish")
    seen = set()
    for index in range(12):
        options = {"cue_class": "rocket", "cue_kind": kind}
        made = {cue: scenes.make(index, 2, "shortcut", cue=cue, **options) for cue in ("present", "absent", "wrong")}
        labels = made["absent"].labels
        holds = own in labels
        assert holds != (other in labels), "a scene holds exactly one class of the pair"
        assert (made["present"].cue is not None) == holds
        assert (made["wrong"].cue is not None) == (not holds)
        assert made["absent"].cue is None
        for scene in made.values():
            assert (scene.masks == made["absent"].masks).all()
            changed = (scene.image != made["absent"].image).any(2)
            assert changed.any() == (scene.cue is not None)
            if kind == "watermark" and scene.cue is not None:
                assert (changed <= scene.cue).all()
        seen.add(holds)
    assert seen == {True, False}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"mode": "foggy"}, "unknown mode 'foggy'; known: plain, tiny, crowd, shortcut, single"),
        ({"width": 0}, "at least 64x64 pixels, got 0x256"),
        ({"mode": "tiny", "height": 100}, "tiny scenes are at least 128x128"),
        ({"index": -1}, "index is 0 or more"),
        ({"seed": -1}, "seed is 0 or more"),
        ({"cue": "wrong"}, "only scenes of mode 'shortcut' take options"),
        ({"mode": "shortcut", "cue": "loud"}, "unknown cue 'loud'; known: present, absent, wrong"),
        ({"mode": "shortcut", "telling": "no"}, "telling is True or False, got 'no'"),
        ({"mode": "shortcut", "cue_class": "dog"}, "unknown cue_class 'dog'; known: apple"),
        ({"mode": "shortcut", "colour": "red"}, "shortcut scenes know cue_class, cue_kind, cue, telling"),
    ],
)
def test_errors_name_what_is_allowed(arguments: dict, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        scenes.make(**{"index": 0, **arguments})


def test_more_errors() -> None:
    with pytest.raises(TypeError, match=r"width is a whole number, got 3\.5"):
        scenes.make(0, width=3.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="count is 1 or more"):
        scenes.Scenes(0)
    with pytest.raises(ValueError, match="unknown mode"):
        scenes.Scenes(3, mode="foggy")
    with pytest.raises(IndexError):
        scenes.Scenes(3)[3]


def test_scenes_are_a_sequence_of_samples() -> None:
    dataset = scenes.Scenes(3, seed=1, width=200, height=150)
    assert len(list(dataset)) == len(dataset) == 3
    sample = dataset[1]
    assert (sample.image_id, sample.file_name, sample.names) == (2, "000001.png", scenes.NAMES)
    assert sample.masks.shape == sample.parts.shape == (len(sample), 150, 200)
    assert not sample.crowd.any()
    assert [one.image_id for one in dataset[1:]] == [2, 3]
