"""Synthetic photographs with exact ground truth: endless, seeded, the same on every platform.

Toys lie on a table, seen from above under one lamp: textured, turned, scaled, hiding each other, among clutter. Every
object is a body plus a part. Classes come in pairs (``PAIRS``) that share the body and the place of the part, and
colours and textures are drawn without regard to the class; so a detector that tells the two apart has looked at the
part, and a good explanation of the class points at it. Scene ``index`` of a ``seed`` does not depend on any other
scene.

Visibility rule: every annotated object shows at least 0.3 of its pixels and at least half of its part's.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from detxai_nb.data.sample import Sample
from detxai_nb.data.scenes import layouts
from detxai_nb.data.scenes.coco_writer import write
from detxai_nb.data.scenes.cues import Cue, stamp_watermark, tint_floor
from detxai_nb.data.scenes.layouts import Board
from detxai_nb.data.scenes.objects import Lighting, paint
from detxai_nb.data.scenes.random import SeededRng
from detxai_nb.data.scenes.scene import Scene
from detxai_nb.data.scenes.shapes import KINDS
from detxai_nb.data.scenes.textures import floor

NAMES: tuple[str, ...] = tuple(kind.name for kind in KINDS)
PART_NAMES: tuple[str, ...] = tuple(kind.part_name for kind in KINDS)
PAIRS: tuple[tuple[str, str], ...] = tuple(zip(NAMES[::2], NAMES[1::2], strict=True))
MODES: tuple[str, ...] = ("plain", "tiny", "crowd", "shortcut", "single")
DRAWING = 1
"""Goes up when a change makes the same index and seed give another scene."""

SMALLEST = {"plain": 64, "tiny": 128, "crowd": 96, "shortcut": 64, "single": 64}

_LAYOUTS = {"plain": layouts.plain, "tiny": layouts.tiny, "crowd": layouts.crowd, "single": layouts.single}


def make(index: int, seed: int = 0, mode: str = "plain", width: int = 320, height: int = 256, **options: Any) -> Scene:
    """Draw scene ``index`` of ``seed``.

    ``mode``: "plain" (1 to 6 objects of 0.07 to 0.6 of the short side), "tiny" (up to 16 objects whose boxes cover at
    most 0.005 of the image, many in touching pairs of a class), "crowd" (8 to 25, heavily overlapping), "shortcut"
    (plain, and each scene holds one class of a pair but not the other; a cue in the background gives it away),
    "single" (one object of 0.35 to 0.8 of the short side, for image classifiers).
    ``width``, ``height`` in pixels. ``options``, only for "shortcut": ``cue_class`` (a name, default "apple"),
    ``cue_kind`` ("watermark", a mark in a corner, or "floor", the floor's colour) and ``cue``: "present" (on every
    scene with the class and on no other), "absent" (nowhere), "wrong" (on the scenes with the other class of the pair).
    Apart from the cue the scene is the same for all three. ``telling=False`` takes off the parts that tell the pair's
    classes apart: then nothing but the cue does.

    Raises ValueError for an unknown mode, option or cue, a negative index or seed, or an image too small for the mode.
    """
    cue = _check(index, seed, mode, width, height, options)
    layout, painting, cueing = (SeededRng(seed, index, MODES.index(mode), stream) for stream in range(3))
    board = Board(height, width)
    shown = ""
    if mode == "shortcut":
        holds_class = layout.chance(0.5)
        layouts.plain(layout, board, cue.labels(layout, holds_class))
        if not cue.telling:
            board.drop_parts(cue.pair)
        shown = cue.cue_kind if cue.shown(holds_class) else ""
    else:
        _LAYOUTS[mode](layout, board)
    canvas, where = _paint(painting, cueing, board, shown)
    image = np.ascontiguousarray((canvas * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0))
    return Scene(image, *_truth(board), where, index, seed, mode)


def _check(index: int, seed: int, mode: str, width: int, height: int, options: dict[str, Any]) -> Cue:
    """The cue that the options ask for, if all arguments of ``make`` are sound."""
    if mode not in MODES:
        raise ValueError(f"unknown mode {mode!r}; known: {', '.join(MODES)}")
    for name, value in (("index", index), ("seed", seed), ("width", width), ("height", height)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            raise TypeError(f"{name} is a whole number, got {value!r}")
        if value < 0:
            raise ValueError(f"{name} is 0 or more, got {value}")
    least = SMALLEST[mode]
    if width < least or height < least:
        raise ValueError(f"{mode} scenes are at least {least}x{least} pixels, got {width}x{height}")
    if options and mode != "shortcut":
        raise ValueError(f"{', '.join(options)}: only scenes of mode 'shortcut' take options, this one is {mode!r}")
    try:
        return Cue(**options)
    except TypeError as error:
        known = ", ".join(field.name for field in fields(Cue))
        raise ValueError(f"unknown option among {', '.join(options)}; shortcut scenes know {known}") from error


def _paint(dice: SeededRng, cue_dice: SeededRng, board: Board, cue: str) -> tuple[np.ndarray, np.ndarray | None]:
    """The finished picture [3,H,W] in 0..1 and the pixels of the cue."""
    height, width = board.height, board.width
    canvas = floor(dice, height, width)
    where = None
    if cue == "floor":
        tint_floor(canvas)
        where = board.owner < 0
    light = Lighting.roll(dice)
    for thing in board.things:
        paint(dice, thing, canvas, light)
    # The lamp lights one side of the table more, colours everything a little, and the sensor adds noise.
    down, across = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j].astype(np.float32)
    canvas *= 1 + np.float32(dice.uniform(0, 0.5)) * (across * np.float32(light.x) + down * np.float32(light.y))
    canvas *= np.array([dice.uniform(0.9, 1.1) for _ in range(3)], np.float32)[:, None, None] * dice.uniform(0.8, 1.15)
    canvas += (dice.field(height, width) - np.float32(0.5)) * np.float32(dice.uniform(0.01, 0.08))
    np.clip(canvas, 0, 1, out=canvas)
    if cue == "watermark":
        where = stamp_watermark(cue_dice, canvas)
    return canvas, where


def _truth(board: Board) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Boxes [N,4], labels [N], masks [N,H,W] and parts [N,H,W] of the objects on the board."""
    numbers = [number for number, thing in enumerate(board.things) if thing.label >= 0]
    masks = board.owner[None] == np.array(numbers, np.int16)[:, None, None]
    boxes = np.zeros((len(numbers), 4), np.float32)
    for box, mask in zip(boxes, masks, strict=True):
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        box[:] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    labels = np.array([board.things[number].label for number in numbers], np.int64)
    return boxes, labels, masks, masks & board.on_part


class Scenes(Sequence[Sample]):
    """The first ``count`` scenes of a seed as a dataset of Samples, drawn when asked for and not kept.

    Arguments as in ``make``. ``image_id`` is the scene's index + 1, ``file_name`` that of ``write_coco``.
    """

    names = NAMES

    def __init__(
        self, count: int, seed: int = 1, mode: str = "plain", width: int = 320, height: int = 256, **options: Any
    ) -> None:
        if count < 1:
            raise ValueError(f"count is 1 or more, got {count}")
        self._count = count
        _check(0, seed, mode, width, height, options)
        self._settings = {"seed": seed, "mode": mode, "width": width, "height": height, **options}

    def __len__(self) -> int:
        return self._count

    def scene(self, index: int) -> Scene:
        """Scene ``index`` with everything known about it, the cue too."""
        return make(range(self._count)[index], **self._settings)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(self._count)[index]]
        scene = self.scene(index)
        return Sample(
            image=scene.image,
            boxes=scene.boxes,
            labels=scene.labels,
            crowd=np.zeros(len(scene.labels), bool),
            image_id=scene.index + 1,
            file_name=f"{scene.index:06d}.png",
            names=NAMES,
            load_masks=lambda: scene.masks,
            load_parts=lambda: scene.parts,
        )


def write_coco(
    folder: str | os.PathLike[str],
    count: int = 200,
    seed: int = 1,
    mode: str = "plain",
    width: int = 320,
    height: int = 256,
    **options: Any,
) -> Path:
    """Write the first ``count`` scenes of a seed as a COCO dataset and return its folder.

    ``folder``/images/000000.png and on, and ``folder``/instances.json: category ids from 1, masks as compressed run
    lengths, and for each annotation ``part_segmentation``, the mask of the part. An interruption leaves no
    instances.json; the same call then writes everything again. A folder that already holds this very dataset is left as
    it is; one that holds anything else is refused with FileExistsError. Other arguments and errors as in ``make``.
    """
    dataset = Scenes(count, seed, mode, width, height, **options)
    info = {
        "description": "synthetic scenes of detxai-nb",
        "drawing": DRAWING,
        "count": count,
        "seed": seed,
        "mode": mode,
        "width": width,
        "height": height,
        "options": options,
    }
    return write(Path(folder).expanduser(), map(dataset.scene, range(count)), info)
