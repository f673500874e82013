"""Which objects a synthetic scene holds and where they lie: one function per mode, and a board that keeps them visible.

A layout function fills an empty board. Clutter is placed by the same rule as objects.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable

import numpy as np

from detxai_nb.data.scenes.objects import SceneObject, make_clutter, make_object, window_overlap
from detxai_nb.data.scenes.random import SeededRng
from detxai_nb.data.scenes.shapes import CLASSES, CLUTTER

MIN_VISIBLE = 0.3
MIN_PART_VISIBLE = 0.5
MIN_PART_PIXELS = 4
TINY_SHARE = 0.005
"""The largest share of the image that the box of a tiny object covers."""


class Board:
    """The objects and the clutter of a scene, and which of them each pixel belongs to.

    Something is only placed if afterwards every object shows at least 0.3 of its pixels, at least half of its part's
    pixels, and at least 4 pixels of its part. Pixels beyond the border of the image count as hidden. ``objects`` lists
    objects and clutter from bottom to top; ``owner``, int16 ``[H,W]``, has their positions in that list and -1 for the
    floor; ``on_part``, bool ``[H,W]``, marks the visible pixels of parts; ``taken`` are the positions of what was taken
    away again after everything was placed.

    Args:
        height, width: the size of the image, in pixels.
    """

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        self.objects: list[SceneObject] = []
        self.taken: frozenset[int] = frozenset()
        self.owner = np.full((height, width), -1, np.int16)
        self.on_part = np.zeros((height, width), bool)
        self._counts: list[tuple[int, int, int, int]] = []

    def place(self, item: SceneObject) -> bool:
        """Place something on top of everything else if every object stays visible enough.

        Args:
            item: the object or the clutter, at its position in the image.

        Returns:
            True if it was placed; False, and no change, if the visibility rule forbids it.
        """
        area = window_overlap(item, self.height, self.width)
        if area is None:
            return False
        outer, inner = area
        mask, part = item.mask, item.part_mask
        counts = [(int(mask[inner].sum()), int(mask.sum()), int(part[inner].sum()), int(part.sum()))]
        under, was_part = self.owner[outer][mask[inner]], self.on_part[outer][mask[inner]]
        lost = np.bincount(under + 1, minlength=len(self.objects) + 1)[1:]
        lost_part = np.bincount(under[was_part] + 1, minlength=len(self.objects) + 1)[1:]
        for (seen, size, part_seen, part_size), less, less_part in zip(self._counts, lost, lost_part, strict=True):
            counts.append((seen - int(less), size, part_seen - int(less_part), part_size))
        labels = [item.label, *(other.label for other in self.objects)]
        if not all(label < 0 or _shows(*count) for label, count in zip(labels, counts, strict=True)):
            return False
        self._counts = [*counts[1:], counts[0]]
        self.owner[outer][mask[inner]] = len(self.objects)
        self.on_part[outer][mask[inner]] = part[inner][mask[inner]]
        self.objects.append(item)
        return True

    def place_if(self, item: SceneObject, accept: Callable[[], bool]) -> bool:
        """Place something and take it away again unless the board is then as it is wanted.

        Args:
            item: the object or the clutter, at its position in the image.
            accept: asked when the thing lies there.

        Returns:
            True if it was placed; False, and no change, if the visibility rule or ``accept`` forbids it.
        """
        before = list(self.objects), self.owner.copy(), self.on_part.copy(), list(self._counts)
        if not self.place(item):
            return False
        if accept():
            return True
        self.objects, self.owner, self.on_part, self._counts = before
        return False

    def boxes(self) -> np.ndarray:
        """Return the boxes of the visible pixels of the objects, clutter left out.

        Returns:
            int64 ``[N,4]``, xyxy, from bottom to top.
        """
        found = []
        for number, item in enumerate(self.objects):
            area = window_overlap(item, self.height, self.width) if item.label >= 0 else None
            if area is not None:
                rows, columns = np.nonzero(self.owner[area[0]] == number)
                top, left = (part.start for part in area[0])
                found.append([columns.min() + left, rows.min() + top, columns.max() + left + 1, rows.max() + top + 1])
        return np.array(found, np.int64).reshape(-1, 4)

    def drop_parts(self, labels: Container[int]) -> None:
        """Remove the part from every object of some classes and show what lay under it.

        Args:
            labels: the classes.
        """
        self.take([number for number, item in enumerate(self.objects) if item.label in labels], ())

    def take(self, parts: Container[int], things: Iterable[int]) -> None:
        """Take parts of objects, and whole objects or clutter, away and show what lay under them.

        Everything else stays where it is, whatever is then visible of it.

        Args:
            parts: the positions in ``objects`` of those that lose their part.
            things: the positions in ``objects`` of what is taken away; they are not on the board any more, but stay in
                the list, so that other positions mean what they did.
        """
        self.objects = [item.without_part() if i in parts else item for i, item in enumerate(self.objects)]
        self.taken = frozenset(things)
        self.owner.fill(-1)
        self.on_part.fill(False)
        for number, item in enumerate(self.objects):
            area = None if number in self.taken else window_overlap(item, self.height, self.width)
            if area is None:
                continue
            outer, inner = area
            mask = item.mask[inner]
            self.owner[outer][mask] = number
            self.on_part[outer][mask] = item.part_mask[inner][mask]

    def place_randomly(self, rng: SeededRng, item: SceneObject, tries: int = 12) -> bool:
        """Place something at a random position.

        Args:
            rng: the random stream.
            item: the object or the clutter.
            tries: how many centres are drawn at most, each at least half the radius away from the border.

        Returns:
            True if it was placed.
        """
        for _ in range(tries):
            x = rng.uniform(0, self.width - item.radius) + item.radius / 2
            y = rng.uniform(0, self.height - item.radius) + item.radius / 2
            if self.place(item.at(x, y)):
                return True
        return False

    @property
    def short_side(self) -> int:
        """The shorter side of the image, in pixels."""
        return min(self.height, self.width)


def _shows(seen: int, size: int, part_seen: int, part_size: int) -> bool:
    return seen >= MIN_VISIBLE * size and part_seen >= MIN_PART_PIXELS and part_seen >= MIN_PART_VISIBLE * part_size


def _scatter_clutter(rng: SeededRng, board: Board, most: int, low: float = 0.03, high: float = 0.16) -> None:
    """Place up to ``most`` pieces of clutter with a radius of low..high times the image's short side."""
    for _ in range(rng.integer(0, most)):
        radius = rng.log_uniform(low, high) * board.short_side
        board.place_randomly(rng, make_clutter(rng, rng.pick(CLUTTER), radius), tries=2)


def plain(rng: SeededRng, board: Board, labels: list[int] | None = None) -> None:
    """Place 1 to 6 objects of 0.07 to 0.6 of the image's short side, some of which hide each other.

    Args:
        rng: the random stream.
        board: an empty board.
        labels: the classes of the objects in turn, at least six; by default they are drawn.
    """
    _scatter_clutter(rng, board, 5)
    for number in range(rng.integer(1, 6)):
        label = rng.integer(0, len(CLASSES) - 1) if labels is None else labels[number]
        radius = max(6.0, rng.log_uniform(0.035, 0.3) * board.short_side)
        item = make_object(rng, label, radius)
        if not board.place_randomly(rng, item) and number == 0:
            _place_in_centre(board, item)
    _scatter_clutter(rng, board, 1, 0.02, 0.07)


def tiny(rng: SeededRng, board: Board) -> None:
    """Place 5 to 16 objects whose boxes cover at most 0.005 of the image, about half in touching pairs of a class.

    Args:
        rng: the random stream.
        board: an empty board.
    """
    _scatter_clutter(rng, board, 4)
    limit = TINY_SHARE * board.height * board.width
    wanted = rng.integer(5, 16)
    for _ in range(40):
        count = sum(item.label >= 0 for item in board.objects)
        if count >= wanted:
            break
        label = rng.integer(0, len(CLASSES) - 1)
        first = _object_of_area(rng, label, limit)
        if board.place_randomly(rng, first) and rng.chance(0.4):
            _place_touching(rng, board, board.objects[-1], _object_of_area(rng, label, limit))
    _scatter_clutter(rng, board, 1, 0.02, 0.05)


def crowd(rng: SeededRng, board: Board) -> None:
    """Place 8 to 25 objects in heaps, each new one mostly over an earlier one.

    Args:
        rng: the random stream.
        board: an empty board.
    """
    _scatter_clutter(rng, board, 3)
    wanted = rng.integer(8, 25)
    size = rng.uniform(0.08, 0.17) * board.short_side
    count = 0
    for _ in range(wanted * 6):
        item = make_object(rng, rng.integer(0, len(CLASSES) - 1), max(7.0, size * rng.uniform(0.6, 1.4)))
        earlier = [other for other in board.objects if other.label >= 0]
        if earlier and rng.chance(0.85):
            other = rng.pick(earlier)
            count += board.place(item.at(*_beside(rng, other, 0.7, 1.5)))
        else:
            count += board.place_randomly(rng, item, tries=3)
        if count >= wanted:
            break


def one_class_crowd(rng: SeededRng, board: Board) -> None:
    """Place up to 16 objects of one class and size in heaps, many with a neighbour whose box is nearly the same.

    Until two fifths of the objects have a neighbour with an IoU above 0.5, new ones are placed so that more have. What
    would hide so much of a box that fewer have is not placed.

    Args:
        rng: the random stream.
        board: an empty board.
    """
    _scatter_clutter(rng, board, 2)
    label, wanted = rng.integer(0, len(CLASSES) - 1), rng.integer(8, 16)
    size = rng.uniform(0.12, 0.2) * board.short_side
    count = close = 0
    for _ in range(wanted * 8):
        if count >= wanted:
            break
        earlier = [other for other in board.objects if other.label >= 0]
        if earlier and rng.chance(0.9):
            other, least = rng.pick(earlier), close + (close < 0.4 * (count + 1))
            near, far = (0.2, 0.6) if least > close else (0.5, 1.2)
            for _ in range(6):
                item = make_object(rng, label, max(8.0, size * rng.uniform(0.85, 1.15)))
                x, y = _beside(rng, other, near, far)
                if _place_keeping(board, item.at(x, y), least):
                    count += 1
                    break
        else:
            item = make_object(rng, label, max(8.0, size * rng.uniform(0.85, 1.15)))
            x, y = (rng.uniform(item.radius / 2, side - item.radius / 2) for side in (board.width, board.height))
            count += _place_keeping(board, item.at(x, y), close)
        close = _close_pairs(board)


def _beside(rng: SeededRng, other: SceneObject, near: float, far: float) -> tuple[float, float]:
    """A centre in a random direction from another object's, at near..far times its radius."""
    away, around = other.radius * rng.uniform(near, far), rng.uniform(0, 2 * np.pi)
    x = other.left + other.u.shape[1] // 2 + away * float(np.cos(around))
    y = other.top + other.u.shape[0] // 2 + away * float(np.sin(around))
    return x, y


def _place_keeping(board: Board, item: SceneObject, least: int) -> bool:
    """Place an object if afterwards at least so many have a close neighbour."""
    return board.place_if(item, lambda: _close_pairs(board) >= least)


def _close_pairs(board: Board) -> int:
    """How many objects have a neighbour whose box has an IoU above 0.5 with theirs; in whole numbers."""
    boxes = board.boxes()
    low, high = np.maximum(boxes[:, None, :2], boxes[:, :2]), np.minimum(boxes[:, None, 2:], boxes[:, 2:])
    shared = (high - low).clip(min=0).prod(axis=2)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    close = 3 * shared > areas[:, None] + areas
    np.fill_diagonal(close, False)
    return int(close.any(axis=1).sum())


def single(rng: SeededRng, board: Board) -> None:
    """Place one object of 0.35 to 0.8 of the image's short side, completely inside the image, among clutter.

    Args:
        rng: the random stream.
        board: an empty board.
    """
    _scatter_clutter(rng, board, 5)
    label = rng.integer(0, len(CLASSES) - 1)
    radius = rng.log_uniform(0.175, 0.4) * board.short_side
    x, y = (rng.uniform(radius, side - radius) for side in (board.width, board.height))
    board.place(make_object(rng, label, radius).at(x, y))
    _scatter_clutter(rng, board, 2, 0.02, 0.07)


def dual(rng: SeededRng, board: Board) -> None:
    """Place two objects of different classes, 0.28 to 0.48 of the image's short side, one in each half, among clutter.

    Args:
        rng: the random stream.
        board: an empty board.
    """
    _scatter_clutter(rng, board, 4)
    first = rng.integer(0, len(CLASSES) - 1)
    second = (first + rng.integer(1, len(CLASSES) - 1)) % len(CLASSES)
    _place_in_halves(rng, board, (first, second))
    _scatter_clutter(rng, board, 2, 0.02, 0.07)


def several(rng: SeededRng, board: Board) -> None:
    """Place two to five objects of one class, up to 0.48 of the image's short side, among clutter.

    Args:
        rng: the random stream.
        board: an empty board.
    """
    _scatter_clutter(rng, board, 4)
    label = rng.integer(0, len(CLASSES) - 1)
    _place_in_halves(rng, board, (label, label))
    for _ in range(rng.integer(0, 3)):
        board.place_randomly(rng, make_object(rng, label, rng.log_uniform(0.08, 0.16) * board.short_side))
    _scatter_clutter(rng, board, 2, 0.02, 0.07)


def _place_in_halves(rng: SeededRng, board: Board, labels: tuple[int, int]) -> None:
    """Place one object in each half of the longer side, completely inside it."""
    wide = board.width >= board.height
    size = (board.width / 2, float(board.height)) if wide else (float(board.width), board.height / 2)
    starts = ((0.0, 0.0), (size[0], 0.0) if wide else (0.0, size[1]))
    radii = [rng.log_uniform(0.14, 0.24) * board.short_side for _ in labels]
    for (left, top), label, radius in zip(starts, labels, radii):
        # Outlines may reach a little beyond the radius, into what lies in the other half: then it is drawn smaller.
        while True:
            x, y = (start + rng.uniform(radius, side - radius) for start, side in zip((left, top), size))
            if board.place(make_object(rng, label, radius).at(x, y)):
                break
            radius *= 0.9


def _place_in_centre(board: Board, item: SceneObject) -> None:
    """Place the first object in the centre, where nothing lies over it yet."""
    board.place(item.at(board.width / 2, board.height / 2))


def _object_of_area(rng: SeededRng, label: int, limit: float) -> SceneObject:
    """An object whose box has 0.3 to 1 times ``limit`` pixels, drawn again smaller until it does."""
    goal = rng.uniform(0.3, 1.0) * limit
    radius = 0.62 * float(np.sqrt(goal))
    while True:
        item = make_object(rng, label, radius)
        rows, columns = np.nonzero(item.mask)
        area = float((np.ptp(rows) + 1) * (np.ptp(columns) + 1))
        if area <= limit:
            return item
        radius *= 0.97 * float(np.sqrt(limit / area))


def _place_touching(rng: SeededRng, board: Board, first: SceneObject, second: SceneObject) -> None:
    """Move ``second`` towards ``first`` from a random side until their outlines meet, and place it there."""
    x0, y0 = first.left + first.u.shape[1] // 2, first.top + first.u.shape[0] // 2
    around = rng.uniform(0, 2 * np.pi)
    cos, sin = float(np.cos(around)), float(np.sin(around))
    number = len(board.objects) - 1
    for away in range(round(1.3 * (first.radius + second.radius)), 1, -1):
        item = second.at(x0 + away * cos, y0 + away * sin)
        area = window_overlap(item, board.height, board.width)
        if area is None:
            return
        outer, inner = area
        if (board.owner[outer][item.mask[inner]] == number).any():
            board.place(item)
            return
