"""Scenes that are drawn once more with something changed: nothing else differs."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest

from detxai_nb.data import scenes
from detxai_nb.data.scenes import Scene, drawing, layouts
from detxai_nb.data.scenes.objects import SceneObject, window_overlap
from detxai_nb.data.scenes.random import SeededRng

SIZE = {"width": 160, "height": 128}
MANY = int(os.environ.get("DETXAI_NB_FUZZ", "0")) // 100 or 3


def item(scene: Scene, row: int) -> SceneObject:
    """The object of a row, as its scene laid it."""
    board = layouts.Board(*scene.image.shape[:2])
    key = (scene.seed, scene.index, scenes.MODES.index(scene.mode), 0)
    drawing._LAYOUTS[scene.mode](SeededRng(*key), board)
    return board.objects[scene.places[row]]


def reach_of_part(scene: Scene, row: int) -> np.ndarray:
    """The pixels that the part of an object covers, softens or can shade, wherever the lamp stands."""
    one = item(scene, row)
    height, width = scene.image.shape[:2]
    # The softest shadow that there is, moved by the farthest that any lamp moves it.
    soft, away = 0.2 * one.radius + 1, (0.16 * one.radius + 0.8) * 1.4 + 2
    shaded = np.zeros((height, width), bool)
    area = window_overlap(one, height, width)
    if area is not None:
        shaded[area[0]] = one.part[area[1]] <= soft
    # Parts of the window beyond the picture can throw a shadow into it: those are near its border.
    reach = int(np.ceil(away))
    wide = np.pad(shaded, reach, mode="edge")
    found = shaded.copy()
    for dy in range(2 * reach + 1):
        for dx in range(2 * reach + 1):
            if (dy - reach) ** 2 + (dx - reach) ** 2 <= away**2:
                found |= wide[dy : dy + height, dx : dx + width]
    return found


@pytest.mark.parametrize("mode", ["plain", "crowd", "single"])
def test_without_a_part_only_the_part_its_shadow_and_its_light_differ(mode: str) -> None:
    for index in range(MANY):
        scene = scenes.make(index, seed=7, mode=mode, **SIZE)
        for row in range(len(scene.labels))[:3]:
            bare = scenes.redraw(scene, without_parts=row)
            differs = (scene.image != bare.image).any(axis=2)
            assert differs[scene.parts[row]].mean() > 0.9
            elsewhere = differs & ~reach_of_part(scene, row)
            assert elsewhere.mean() <= 0.015
            # What differs far away is the light on the body's rim, beside which the part's outline had lain.
            assert not (elsewhere & ~near(whole(scene, row))).any()
            assert not bare.parts[list(bare.places).index(scene.places[row])].any()


def whole(scene: Scene, row: int) -> np.ndarray:
    """All pixels of an object, visible or not."""
    one = item(scene, row)
    found = np.zeros(scene.image.shape[:2], bool)
    area = window_overlap(one, *found.shape)
    if area is not None:
        found[area[0]] = one.mask[area[1]]
    return found


def near(mask: np.ndarray) -> np.ndarray:
    """A mask with the pixels beside it, which its soft edge reaches."""
    wide = np.pad(mask, 2)
    height, width = mask.shape
    shifts = [(y, x) for y in range(5) for x in range(5)]
    return np.any([wide[y : y + height, x : x + width] for y, x in shifts], axis=0)


def test_without_the_parts_of_a_pair_a_scene_is_that_of_telling_false() -> None:
    for index in range(4):
        scene = scenes.make(index, mode="shortcut", cue_kind="floor", **SIZE)
        rows = [row for row, label in enumerate(scene.labels) if scenes.NAMES[label] in ("apple", "bauble")]
        bare = scenes.make(index, mode="shortcut", cue_kind="floor", telling=False, **SIZE)
        again = scenes.redraw(scene, without_parts=rows)
        assert np.array_equal(again.image, bare.image)
        assert np.array_equal(again.masks, bare.masks)
        assert np.array_equal(again.boxes, bare.boxes)


def test_without_an_object_everything_far_from_it_stays() -> None:
    scene = scenes.make(3, seed=7, mode="single", **SIZE)
    gone = scenes.redraw(scene, without_objects=[0])
    differs = (scene.image != gone.image).any(axis=2)
    assert len(gone.labels) == 0
    assert differs[scene.masks[0]].mean() > 0.95
    assert not differs[:, : max(0, int(scene.boxes[0, 0]) - 40)].any()
    crowd = scenes.make(1, seed=7, mode="crowd", **SIZE)
    less = scenes.redraw(crowd, without_objects=0)
    assert less.places == crowd.places[1:]
    assert np.array_equal(less.labels, crowd.labels[1:])
    # What lay over it hides as much as before, and what lay under it shows.
    assert (less.masks.sum(axis=(1, 2)) >= crowd.masks[1:].sum(axis=(1, 2))).all()


def test_on_another_floor_the_objects_stay() -> None:
    scene = scenes.make(3, seed=7, **SIZE)
    other, third = scenes.redraw(scene, floor=0), scenes.redraw(scene, floor=1)
    assert np.array_equal(other.masks, scene.masks)
    assert np.array_equal(other.parts, scene.parts)
    inside = scene.masks.any(axis=0) & ~near(~scene.masks.any(axis=0))
    assert np.array_equal(other.image[inside], scene.image[inside])
    floor = ~near(scene.masks.any(axis=0))
    assert (other.image[floor] != scene.image[floor]).any(axis=1).mean() > 0.6
    assert not np.array_equal(other.image, third.image)


def test_a_tinted_floor_is_replaced_and_a_watermark_stays() -> None:
    for kind, stays in (("floor", False), ("watermark", True)):
        shown = next(
            one
            for one in (scenes.make(i, mode="shortcut", cue_kind=kind, **SIZE) for i in range(9))
            if one.cue is not None
        )
        assert (scenes.redraw(shown, floor=2).cue is not None) == stays


def test_changes_add_up_and_keep_their_meaning() -> None:
    scene = scenes.make(1, seed=7, mode="crowd", **SIZE)
    both = scenes.redraw(scene, without_parts=2, without_objects=0, floor=4)
    step = scenes.redraw(scenes.redraw(scene, floor=4), without_objects=0)
    step = scenes.redraw(step, without_parts=step.places.index(scene.places[2]))
    assert np.array_equal(both.image, step.image)
    assert both.changes == step.changes


def test_a_scene_in_which_nothing_was_changed_is_drawn_as_ever() -> None:
    scene = scenes.make(2, seed=7, **SIZE)
    hidden = item(scene, 0)
    assert scene.labels[0] == hidden.label
    assert scene.changes == scenes.SceneChanges()


def test_samples_know_their_picture_without_a_part() -> None:
    dataset = scenes.Scenes(2, seed=7, **SIZE)
    sample = dataset[1]
    expected = scenes.redraw(dataset.scene(1), without_parts=0).image
    assert sample.load_without_parts is not None
    again = pickle.loads(pickle.dumps(sample.load_without_parts))
    assert np.array_equal(again([0]), expected)
    assert np.array_equal(sample.load_without_parts([0]), expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "nothing is changed"),
        ({"without_parts": 99}, "no row 99"),
        ({"without_objects": [0, -1]}, "no row -1"),
        ({"floor": -1}, "0 or more, got -1"),
    ],
)
def test_what_cannot_be_changed_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scenes.redraw(scenes.make(0, **SIZE), **arguments)  # type: ignore[arg-type]


def test_what_is_no_scene_or_number_is_refused() -> None:
    with pytest.raises(TypeError, match="a Sample has lost its scene"):
        scenes.redraw(scenes.Scenes(1, **SIZE)[0], floor=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="named by its row"):
        scenes.redraw(scenes.make(0, **SIZE), without_parts=[True])
    with pytest.raises(TypeError, match="number of another floor"):
        scenes.redraw(scenes.make(0, **SIZE), floor="stone")  # type: ignore[arg-type]
