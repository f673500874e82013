"""Synthetic photographs with exact ground truth: unlimited, seeded, the same on every platform.

Toys lie on a table, seen from above under one lamp: textured, rotated, scaled, hiding each other, among clutter. Every
object is a body plus a part. Classes come in pairs (``PAIRS``) that share the body and the place of the part. Colours
and textures are drawn without regard to the class. So nothing but the part tells the two classes apart in the data.
What a detector uses is another question: it may take a body without any part for one of the two. ``redraw`` draws a
scene once more without a part, which answers it. A scene depends only on its index, its seed and the other arguments,
not on other scenes.

Visibility rule: every annotated object shows at least 0.3 of its pixels and at least half of its part's pixels.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack, overload

import numpy as np

from detxai_nb.data.sample import Sample
from detxai_nb.data.scenes.coco_writer import write_dataset
from detxai_nb.data.scenes.cues import CueOptions
from detxai_nb.data.scenes.drawing import MODES, SceneArguments, check_arguments, draw_scene
from detxai_nb.data.scenes.scene import Scene, SceneChanges
from detxai_nb.data.scenes.shapes import CLASSES
from detxai_nb.files import as_path

__all__ = [
    "DRAWING",
    "MODES",
    "NAMES",
    "PAIRS",
    "PART_NAMES",
    "Scene",
    "SceneChanges",
    "Scenes",
    "make",
    "redraw",
    "write_coco",
]

NAMES: tuple[str, ...] = tuple(kind.name for kind in CLASSES)
"""The class names, by label."""
PART_NAMES: tuple[str, ...] = tuple(kind.part_name for kind in CLASSES)
"""The name of each class's part, by label."""
PAIRS: tuple[tuple[str, str], ...] = tuple(zip(NAMES[::2], NAMES[1::2], strict=True))
"""The pairs of classes that differ only in their part."""
DRAWING = 1
"""The version of the drawing: raised when a change makes the same index and seed give another scene."""


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
    return draw_scene(index, seed, mode, (width, height), options, SceneChanges())


def redraw(
    scene: Scene,
    *,
    without_parts: int | Sequence[int] = (),
    without_objects: int | Sequence[int] = (),
    floor: int | None = None,
) -> Scene:
    """Draw a scene once more with something changed and everything else as it is: an exact counterfactual.

    Colours, textures, places, the lamp and the noise are drawn from the same random numbers. So nothing differs but the
    pixels of what was changed, the shadow that it casts, and the light on the rim beside it. A scene that was redrawn
    can be redrawn again.

    Args:
        scene: what ``make`` or ``redraw`` returned.
        without_parts: rows of objects that lose their part; what lay under it shows.
        without_objects: rows of objects that are taken away.
        floor: the number of another floor, 0 or more, that takes the place of the table and of a cue in its colour;
            None to leave it.

    Returns:
        The other scene. Its rows are the objects that still show; ``places`` tells which they were.

    Raises:
        TypeError: if the scene is none, or a row or the floor no whole number.
        ValueError: if there is no such row, nothing is changed, or the floor's number is negative.

    Example:
        >>> from detxai_nb.data import scenes
        >>> scene = scenes.make(3, seed=1)
        >>> bare = scenes.redraw(scene, without_parts=0)
        >>> bool(bare.parts[0].any()), bool((bare.image != scene.image).any())
        (False, True)
        >>> len(scene.labels) - len(scenes.redraw(scene, without_objects=[0, 1]).labels)
        2
    """
    if not isinstance(scene, Scene):
        raise TypeError(f"a Scene is what scenes.make returns, got {type(scene).__name__}; a Sample has lost its scene")
    parts, objects = (_rows(scene, rows) for rows in (without_parts, without_objects))
    if floor is not None and (isinstance(floor, bool) or not isinstance(floor, (int, np.integer))):
        raise TypeError(f"floor is the number of another floor, got {floor!r}")
    if floor is not None and floor < 0:
        raise ValueError(f"floor is the number of another floor, 0 or more, got {floor}")
    if not parts and not objects and floor is None:
        raise ValueError("nothing is changed: name rows without_parts or without_objects, or another floor")
    return SceneArguments.of(scene).changed(parts, objects, None if floor is None else int(floor))


def _rows(scene: Scene, rows: int | Sequence[int]) -> list[int]:
    """Some rows of a scene as a list, if there are such."""
    numbers = [rows] if isinstance(rows, (int, np.integer)) else list(rows)
    for row in numbers:
        if isinstance(row, bool) or not isinstance(row, (int, np.integer)):
            raise TypeError(f"an object is named by its row, a whole number, got {row!r}")
        if not 0 <= row < len(scene.places):
            raise ValueError(f"this scene has the rows 0 to {len(scene.places) - 1}, so no row {row}")
    return [int(row) for row in numbers]


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
        check_arguments(0, seed, mode, width, height, options)
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
            load_without_parts=SceneArguments.of(scene).without_parts,
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
