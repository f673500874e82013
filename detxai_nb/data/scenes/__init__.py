"""Synthetic photographs with exact ground truth: unlimited, seeded, the same on every platform.

Toys lie on a table, seen from above under one lamp: textured, rotated, scaled, hiding each other, among clutter. Every
object is a body plus a part. Classes come in pairs (``PAIRS``) that share the body and the place of the part. Colours
and textures are drawn without regard to the class. So a detector that tells the two classes apart relies on the part,
and a good explanation of the class highlights it. A scene depends only on its index, its seed and the other arguments,
not on other scenes.

Visibility rule: every annotated object shows at least 0.3 of its pixels and at least half of its part's pixels.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Unpack, overload

import numpy as np

from detxai_nb.data.sample import Sample
from detxai_nb.data.scenes import layouts
from detxai_nb.data.scenes.coco_writer import write_dataset
from detxai_nb.data.scenes.cues import Cue, CueOptions, stamp_watermark, tint_floor
from detxai_nb.data.scenes.layouts import Board
from detxai_nb.data.scenes.objects import Lighting, paint
from detxai_nb.data.scenes.random import SeededRng
from detxai_nb.data.scenes.scene import Scene
from detxai_nb.data.scenes.shapes import CLASSES
from detxai_nb.data.scenes.textures import floor_texture
from detxai_nb.files import as_path

__all__ = ["DRAWING", "MODES", "NAMES", "PAIRS", "PART_NAMES", "Scene", "Scenes", "make", "write_coco"]

NAMES: tuple[str, ...] = tuple(kind.name for kind in CLASSES)
"""The class names, by label."""
PART_NAMES: tuple[str, ...] = tuple(kind.part_name for kind in CLASSES)
"""The name of each class's part, by label."""
PAIRS: tuple[tuple[str, str], ...] = tuple(zip(NAMES[::2], NAMES[1::2], strict=True))
"""The pairs of classes that differ only in their part."""
MODES: tuple[str, ...] = ("plain", "tiny", "crowd", "shortcut", "single", "dual", "several", "one-class-crowd")
"""The modes of ``make``. The place of a mode is part of the seed of its scenes, so new ones come last."""
DRAWING = 1
"""The version of the drawing: raised when a change makes the same index and seed give another scene."""

SMALLEST = {
    "plain": 64,
    "tiny": 128,
    "crowd": 96,
    "shortcut": 64,
    "single": 64,
    "dual": 96,
    "several": 96,
    "one-class-crowd": 96,
}
"""The shortest side that an image of each mode may have, in pixels."""

_LAYOUTS = {
    "plain": layouts.plain,
    "tiny": layouts.tiny,
    "crowd": layouts.crowd,
    "single": layouts.single,
    "dual": layouts.dual,
    "several": layouts.several,
    "one-class-crowd": layouts.one_class_crowd,
}


def __dir__() -> list[str]:
    return sorted(__all__)


def make(
    index: int,
    seed: int = 0,
    mode: str = "plain",
    width: int = 320,
    height: int = 256,
    **options: Unpack[CueOptions],
) -> Scene:
    """Draw one scene.

    Args:
        index: the number of the scene, from 0.
        seed: the seed, 0 or more; each seed has its own endless series of scenes.
        mode: "plain" (1 to 6 objects of 0.07 to 0.6 of the short side), "tiny" (up to 16 objects whose boxes cover at
            most 0.005 of the image, many in touching pairs of a class), "crowd" (8 to 25 objects, heavily
            overlapping), "one-class-crowd" (up to 16 objects of one class and size with two overlapping neighbours
            each on average; more than a third have an IoU above 0.5 with another), "shortcut" (plain, but each scene
            holds one class of a pair and not the other, and a cue in the background gives it away), and for image
            classifiers "single" (one object of 0.35 to 0.8 of the short side), "dual" (two objects of different
            classes, 0.28 to 0.48 of the short side each) and "several" (two to five objects of one class, up to 0.48
            of the short side).
        width, height: the size of the image, in pixels.
        **options: only for mode "shortcut". Apart from the cue, the scene is the same for every ``cue``.
        cue_class: the name of the class that the cue goes with, by default "apple".
        cue_kind: "watermark" (a mark in a corner, the default) or "floor" (the colour of the floor).
        cue: "present" (on every scene with the class and on no other, the default), "absent" (on no scene) or "wrong"
            (on the scenes with the other class of the pair).
        telling: False removes the parts that tell the pair's classes apart, so that only the cue does.

    Returns:
        The scene with its boxes, labels and masks.

    Raises:
        TypeError: if a number is not an integer.
        ValueError: if the mode, an option or a cue is unknown, the index or the seed is negative, or the image is too
            small for the mode.

    Example:
        >>> from detxai_nb.data import scenes
        >>> scene = scenes.make(0)
        >>> scene.image.shape, scene.image.dtype.name, scene.boxes.shape == (len(scene.labels), 4)
        ((256, 320, 3), 'uint8', True)
        >>> bool((scene.parts & ~scene.masks).any())
        False
        >>> scenes.make(0, mode="shortcut", cue_kind="floor").mode
        'shortcut'
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
        shown = cue.cue_kind if cue.is_shown(holds_class) else ""
    else:
        _LAYOUTS[mode](layout, board)
    canvas, where = _paint(painting, cueing, board, shown)
    image = np.ascontiguousarray((canvas * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0))
    return Scene(image, *_truth(board), where, index, seed, mode)


def _check(index: int, seed: int, mode: str, width: int, height: int, options: CueOptions) -> Cue:
    """Check the arguments of ``make``; return the cue that the options describe."""
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


def _paint(rng: SeededRng, cue_rng: SeededRng, board: Board, cue: str) -> tuple[np.ndarray, np.ndarray | None]:
    """The finished image ``[3,H,W]`` in 0..1 and the pixels of the cue."""
    height, width = board.height, board.width
    canvas = floor_texture(rng, height, width)
    where = None
    if cue == "floor":
        tint_floor(canvas)
        where = board.owner < 0
    light = Lighting.sample(rng)
    for item in board.objects:
        paint(rng, item, canvas, light)
    # The lamp lights one side of the table more and tints everything a little; the sensor adds noise.
    down, across = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j].astype(np.float32)
    canvas *= 1 + np.float32(rng.uniform(0, 0.5)) * (across * np.float32(light.x) + down * np.float32(light.y))
    canvas *= np.array([rng.uniform(0.9, 1.1) for _ in range(3)], np.float32)[:, None, None] * rng.uniform(0.8, 1.15)
    canvas += (rng.field(height, width) - np.float32(0.5)) * np.float32(rng.uniform(0.01, 0.08))
    np.clip(canvas, 0, 1, out=canvas)
    if cue == "watermark":
        where = stamp_watermark(cue_rng, canvas)
    return canvas, where


def _truth(board: Board) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Boxes ``[N,4]``, labels ``[N]``, masks and parts ``[N,H,W]`` of the objects on the board."""
    numbers = [number for number, item in enumerate(board.objects) if item.label >= 0]
    masks = board.owner[None] == np.array(numbers, np.int16)[:, None, None]
    boxes = np.zeros((len(numbers), 4), np.float32)
    for box, mask in zip(boxes, masks, strict=True):
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        box[:] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    labels = np.array([board.objects[number].label for number in numbers], np.int64)
    return boxes, labels, masks, masks & board.on_part


class Scenes(Sequence[Sample]):
    """The first scenes of a seed as a dataset of Samples.

    A scene is drawn when it is indexed, and not kept. ``image_id`` is the index of the scene + 1, ``file_name`` the
    name that ``write_coco`` gives it, and ``parts`` are the masks of the parts.

    Args:
        count: how many scenes, 1 or more.
        seed, mode, width, height: as in ``make``.
        **options: the options of mode "shortcut", as in ``make``.

    Raises:
        TypeError: if a number is not an integer.
        ValueError: if ``count`` is less than 1, or for any argument that ``make`` refuses.

    Example:
        >>> from detxai_nb.data.scenes import Scenes
        >>> dataset = Scenes(3, mode="single", width=128, height=96)
        >>> sample = dataset[2]
        >>> len(dataset), sample.image.shape, sample.masks.shape, sample.file_name
        (3, (96, 128, 3), (1, 96, 128), '000002.png')
        >>> [one.image_id for one in dataset[:2]]
        [1, 2]
    """

    names = NAMES

    def __init__(
        self,
        count: int,
        seed: int = 1,
        mode: str = "plain",
        width: int = 320,
        height: int = 256,
        **options: Unpack[CueOptions],
    ) -> None:
        if count < 1:
            raise ValueError(f"count is 1 or more, got {count}")
        self._count = count
        _check(0, seed, mode, width, height, options)
        self._settings: dict[str, Any] = {"seed": seed, "mode": mode, "width": width, "height": height, **options}

    def __len__(self) -> int:
        return self._count

    def scene(self, index: int) -> Scene:
        """Draw a scene with its complete ground truth, including the cue.

        Args:
            index: the position in the dataset, from 0; negative positions count from the end.

        Returns:
            The scene.
        """
        return make(range(self._count)[index], **self._settings)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        """Return the sample at ``index``, or a list of samples for a slice."""
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
    **options: Unpack[CueOptions],
) -> Path:
    """Write the first scenes of a seed as a dataset in COCO format.

    The images are ``images/000000.png`` and so on, the annotations ``instances.json``: category ids from 1, masks as
    compressed run lengths, and ``part_segmentation``, the mask of the part, in each annotation. If the writing is
    interrupted there is no ``instances.json``, and the same call writes everything again. A folder that already holds
    exactly this dataset is left as it is. ``CocoDataset`` reads the folder.

    Args:
        folder: the folder to write, which is made if it is missing.
        count: how many scenes, 1 or more.
        seed, mode, width, height: as in ``make``.
        **options: the options of mode "shortcut", as in ``make``.

    Returns:
        The folder.

    Raises:
        FileExistsError: if the folder holds anything else.
        ValueError: if ``count`` is less than 1, or for any argument that ``make`` refuses.

    Example:
        >>> import tempfile
        >>> from detxai_nb.data import scenes
        >>> with tempfile.TemporaryDirectory() as parent:
        ...     folder = scenes.write_coco(f"{parent}/scenes", count=2, width=64, height=64)
        ...     sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
        ['images/000000.png', 'images/000001.png', 'instances.json']
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
    return write_dataset(as_path(folder, "the folder of a dataset"), map(dataset.scene, range(count)), info)
