"""From the arguments of a scene to the scene: layout, painting and ground truth, also with something changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from detxai_nb.data.scenes import layouts
from detxai_nb.data.scenes.cues import Cue, CueOptions, stamp_watermark, tint_floor
from detxai_nb.data.scenes.layouts import Board
from detxai_nb.data.scenes.objects import Lighting, paint
from detxai_nb.data.scenes.random import SeededRng
from detxai_nb.data.scenes.scene import Scene, SceneChanges
from detxai_nb.data.scenes.textures import floor_texture

MODES: tuple[str, ...] = ("plain", "tiny", "crowd", "shortcut", "single", "dual", "several", "one-class-crowd")
"""The modes of ``make``. The place of a mode is part of the seed of its scenes, so new ones come last."""

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


def draw_scene(
    index: int, seed: int, mode: str, size: tuple[int, int], options: CueOptions, changes: SceneChanges
) -> Scene:
    """Draw the scene of these arguments, with something changed.

    Args:
        index, seed, mode: as in ``scenes.make``.
        size: (width, height) in pixels.
        options: those of mode "shortcut".
        changes: what is otherwise than in the scene that ``make`` draws.

    Returns:
        The scene.

    Raises:
        TypeError, ValueError: as ``check_arguments``.
    """
    width, height = size
    cue = check_arguments(index, seed, mode, width, height, options)
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
    if changes.without_parts or changes.without_objects:
        board.take(changes.without_parts, changes.without_objects)
    other = None if changes.floor is None else SeededRng(seed, index, MODES.index(mode), 3, changes.floor)
    canvas, where = _paint(painting, cueing, board, shown, other)
    image = np.ascontiguousarray((canvas * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0))
    boxes, labels, masks, parts, places = _truth(board)
    return Scene(image, boxes, labels, masks, parts, where, index, seed, mode, dict(options), changes, places)


def check_arguments(index: int, seed: int, mode: str, width: int, height: int, options: CueOptions) -> Cue:
    """Return the cue that the options of a scene describe, if all its arguments can be.

    Args:
        index, seed, mode, width, height, options: as in ``scenes.make``.

    Returns:
        The cue.

    Raises:
        TypeError: if a number is not an integer.
        ValueError: if the mode or an option is unknown, a number is negative, or the image is too small for the mode.
    """
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


def _paint(
    rng: SeededRng, cue_rng: SeededRng, board: Board, cue: str, floor_rng: SeededRng | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """The finished image ``[3,H,W]`` in 0..1 and the pixels of the cue; ``floor_rng`` draws another floor."""
    height, width = board.height, board.width
    canvas = floor_texture(rng, height, width)
    where = None
    if floor_rng is not None:
        canvas = floor_texture(floor_rng, height, width)
    elif cue == "floor":
        tint_floor(canvas)
        where = board.owner < 0
    light = Lighting.sample(rng)
    for number, item in enumerate(board.objects):
        # What was taken away uses up its random numbers, so that everything else is painted as before.
        paint(rng, item, canvas.copy() if number in board.taken else canvas, light)
    # The lamp lights one side of the table more and tints everything a little; the sensor adds noise.
    down, across = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j].astype(np.float32)
    canvas *= 1 + np.float32(rng.uniform(0, 0.5)) * (across * np.float32(light.x) + down * np.float32(light.y))
    canvas *= np.array([rng.uniform(0.9, 1.1) for _ in range(3)], np.float32)[:, None, None] * rng.uniform(0.8, 1.15)
    canvas += (rng.field(height, width) - np.float32(0.5)) * np.float32(rng.uniform(0.01, 0.08))
    np.clip(canvas, 0, 1, out=canvas)
    if cue == "watermark":
        where = stamp_watermark(cue_rng, canvas)
    return canvas, where


def _truth(board: Board) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, tuple[int, ...]]:
    """Boxes ``[N,4]``, labels ``[N]``, masks and parts ``[N,H,W]`` of the objects that show, and their numbers."""
    seen = set(np.unique(board.owner).tolist())
    numbers = [number for number, item in enumerate(board.objects) if item.label >= 0 and number in seen]
    masks = board.owner[None] == np.array(numbers, np.int16)[:, None, None]
    boxes = np.zeros((len(numbers), 4), np.float32)
    for box, mask in zip(boxes, masks, strict=True):
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        box[:] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    labels = np.array([board.objects[number].label for number in numbers], np.int64)
    return boxes, labels, masks, masks & board.on_part, tuple(numbers)


@dataclass(frozen=True, eq=False)
class SceneArguments:
    """All that a scene is drawn from, without its pixels: what can be sent to another process.

    Attributes:
        index, seed, mode: as in ``scenes.make``.
        size: (width, height) in pixels.
        options: those of mode "shortcut".
        changes: as of a ``Scene``.
        places: for each row its number on the table.
    """

    index: int
    seed: int
    mode: str
    size: tuple[int, int]
    options: Mapping[str, Any] = field(default_factory=dict)
    changes: SceneChanges = field(default_factory=SceneChanges)
    places: tuple[int, ...] = ()

    @classmethod
    def of(cls, scene: Scene) -> SceneArguments:
        """Return what a scene was drawn from.

        Args:
            scene: the scene.

        Returns:
            Its arguments.
        """
        height, width = scene.image.shape[:2]
        size = (width, height)
        return cls(scene.index, scene.seed, scene.mode, size, scene.options, scene.changes, scene.places)

    def changed(self, parts: list[int], objects: list[int], floor: int | None) -> Scene:
        """Draw the scene with more of it changed.

        Args:
            parts: rows of objects that lose their part.
            objects: rows of objects that are taken away.
            floor: the number of another floor; None to leave it.

        Returns:
            The other scene.
        """
        changes = SceneChanges(
            tuple(sorted({*self.changes.without_parts, *(self.places[row] for row in parts)})),
            tuple(sorted({*self.changes.without_objects, *(self.places[row] for row in objects)})),
            self.changes.floor if floor is None else floor,
        )
        options: Any = self.options
        return draw_scene(self.index, self.seed, self.mode, self.size, options, changes)

    def without_parts(self, rows: Sequence[int]) -> np.ndarray:
        """Return the picture of the scene in which some objects have no part.

        Args:
            rows: the objects, 0 to N - 1.

        Returns:
            uint8 ``[H,W,3]``.
        """
        return self.changed(list(rows), [], None).image
