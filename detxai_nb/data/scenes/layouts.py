"""Which things a synthetic scene holds and where they lie: a function a mode, and a board that keeps things visible."""

from __future__ import annotations

from collections.abc import Container

import numpy as np

from detxai_nb.data.scenes.objects import SceneObject, clutter, overlap, shape
from detxai_nb.data.scenes.random import SeededRng
from detxai_nb.data.scenes.shapes import CLUTTER, KINDS

MIN_VISIBLE = 0.3
MIN_PART_VISIBLE = 0.5
MIN_PART_PIXELS = 4
TINY_SHARE = 0.005


class Board:
    """Which thing each pixel belongs to.

    A thing is only placed if afterwards every object shows at least 0.3 of its pixels, at least half of its part's
    pixels, and at least 4 pixels of its part; pixels beyond the image's border count as hidden.
    """

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        self.things: list[SceneObject] = []
        self.owner = np.full((height, width), -1, np.int16)
        self.on_part = np.zeros((height, width), bool)
        self._counts: list[tuple[int, int, int, int]] = []

    def place(self, thing: SceneObject) -> bool:
        """Lay the thing on top if the visibility rule still holds for every object; False, and no change, if not."""
        area = overlap(thing, self.height, self.width)
        if area is None:
            return False
        outer, inner = area
        mask, part = thing.mask, thing.part_mask
        counts = [(int(mask[inner].sum()), int(mask.sum()), int(part[inner].sum()), int(part.sum()))]
        under, was_part = self.owner[outer][mask[inner]], self.on_part[outer][mask[inner]]
        lost = np.bincount(under + 1, minlength=len(self.things) + 1)[1:]
        lost_part = np.bincount(under[was_part] + 1, minlength=len(self.things) + 1)[1:]
        for (seen, size, part_seen, part_size), less, less_part in zip(self._counts, lost, lost_part, strict=True):
            counts.append((seen - int(less), size, part_seen - int(less_part), part_size))
        labels = [thing.label, *(other.label for other in self.things)]
        if not all(label < 0 or _shows(*count) for label, count in zip(labels, counts, strict=True)):
            return False
        self._counts = [*counts[1:], counts[0]]
        self.owner[outer][mask[inner]] = len(self.things)
        self.on_part[outer][mask[inner]] = part[inner][mask[inner]]
        self.things.append(thing)
        return True

    def drop_parts(self, labels: Container[int]) -> None:
        """Take the telling part off every object of these classes; what lay under it shows."""
        self.things = [thing.without_part() if thing.label in labels else thing for thing in self.things]
        self.owner.fill(-1)
        self.on_part.fill(False)
        for number, thing in enumerate(self.things):
            area = overlap(thing, self.height, self.width)
            if area is None:
                continue
            outer, inner = area
            mask = thing.mask[inner]
            self.owner[outer][mask] = number
            self.on_part[outer][mask] = thing.part_mask[inner][mask]

    def try_places(self, dice: SeededRng, thing: SceneObject, tries: int = 12) -> bool:
        """Place the thing somewhere: ``tries`` middles are drawn, half its radius or more from the border."""
        for _ in range(tries):
            x = dice.uniform(0, self.width - thing.radius) + thing.radius / 2
            y = dice.uniform(0, self.height - thing.radius) + thing.radius / 2
            if self.place(thing.at(x, y)):
                return True
        return False

    @property
    def short_side(self) -> int:
        """The shorter side of the image, in pixels."""
        return min(self.height, self.width)


def _shows(seen: int, size: int, part_seen: int, part_size: int) -> bool:
    return seen >= MIN_VISIBLE * size and part_seen >= MIN_PART_PIXELS and part_seen >= MIN_PART_VISIBLE * part_size


def _strew(dice: SeededRng, board: Board, most: int, low: float = 0.03, high: float = 0.16) -> None:
    """Lay up to ``most`` pieces of clutter of low..high times the image's short side."""
    for _ in range(dice.integer(0, most)):
        radius = dice.log_uniform(low, high) * board.short_side
        board.try_places(dice, clutter(dice, dice.pick(CLUTTER), radius), tries=2)


def plain(dice: SeededRng, board: Board, labels: list[int] | None = None) -> None:
    """One to six objects, 0.07 to 0.6 of the image's short side, some of them hiding each other."""
    _strew(dice, board, 5)
    for number in range(dice.integer(1, 6)):
        label = dice.integer(0, len(KINDS) - 1) if labels is None else labels[number]
        radius = max(6.0, dice.log_uniform(0.035, 0.3) * board.short_side)
        thing = shape(dice, label, radius)
        if not board.try_places(dice, thing) and number == 0:
            _force(board, thing)
    _strew(dice, board, 1, 0.02, 0.07)


def tiny(dice: SeededRng, board: Board) -> None:
    """Five to sixteen objects whose boxes cover at most 0.005 of the image; about half in touching pairs of a class."""
    _strew(dice, board, 4)
    limit = TINY_SHARE * board.height * board.width
    wanted = dice.integer(5, 16)
    for _ in range(40):
        count = sum(thing.label >= 0 for thing in board.things)
        if count >= wanted:
            break
        label = dice.integer(0, len(KINDS) - 1)
        first = _within(dice, label, limit)
        if board.try_places(dice, first) and dice.chance(0.4):
            _touch(dice, board, board.things[-1], _within(dice, label, limit))
    _strew(dice, board, 1, 0.02, 0.05)


def crowd(dice: SeededRng, board: Board) -> None:
    """Eight to twenty-five objects in heaps, each new one mostly over an earlier one."""
    _strew(dice, board, 3)
    wanted = dice.integer(8, 25)
    size = dice.uniform(0.08, 0.17) * board.short_side
    count = 0
    for _ in range(wanted * 6):
        thing = shape(dice, dice.integer(0, len(KINDS) - 1), max(7.0, size * dice.uniform(0.6, 1.4)))
        earlier = [other for other in board.things if other.label >= 0]
        if earlier and dice.chance(0.85):
            other = dice.pick(earlier)
            away, around = other.radius * dice.uniform(0.7, 1.5), dice.uniform(0, 2 * np.pi)
            x = other.left + other.u.shape[1] // 2 + away * float(np.cos(around))
            y = other.top + other.u.shape[0] // 2 + away * float(np.sin(around))
            count += board.place(thing.at(x, y))
        else:
            count += board.try_places(dice, thing, tries=3)
        if count >= wanted:
            break


def single(dice: SeededRng, board: Board) -> None:
    """One object of 0.35 to 0.8 of the image's short side, all of it inside the image, among clutter."""
    _strew(dice, board, 5)
    label = dice.integer(0, len(KINDS) - 1)
    radius = dice.log_uniform(0.175, 0.4) * board.short_side
    x, y = (dice.uniform(radius, side - radius) for side in (board.width, board.height))
    board.place(shape(dice, label, radius).at(x, y))
    _strew(dice, board, 2, 0.02, 0.07)


def _force(board: Board, thing: SceneObject) -> None:
    """Lay the first object in the middle, where nothing lies over it yet."""
    board.place(thing.at(board.width / 2, board.height / 2))


def _within(dice: SeededRng, label: int, limit: float) -> SceneObject:
    """An object whose box has 0.3 to 1 times ``limit`` pixels, drawn again smaller until it does."""
    goal = dice.uniform(0.3, 1.0) * limit
    radius = 0.62 * float(np.sqrt(goal))
    while True:
        thing = shape(dice, label, radius)
        rows, columns = np.nonzero(thing.mask)
        area = float((np.ptp(rows) + 1) * (np.ptp(columns) + 1))
        if area <= limit:
            return thing
        radius *= 0.97 * float(np.sqrt(limit / area))


def _touch(dice: SeededRng, board: Board, first: SceneObject, second: SceneObject) -> None:
    """Push ``second`` towards ``first`` from a random side until their outlines meet, and place it there."""
    x0, y0 = first.left + first.u.shape[1] // 2, first.top + first.u.shape[0] // 2
    around = dice.uniform(0, 2 * np.pi)
    cos, sin = float(np.cos(around)), float(np.sin(around))
    number = len(board.things) - 1
    for away in range(round(1.3 * (first.radius + second.radius)), 1, -1):
        thing = second.at(x0 + away * cos, y0 + away * sin)
        area = overlap(thing, board.height, board.width)
        if area is None:
            return
        outer, inner = area
        if (board.owner[outer][thing.mask[inner]] == number).any():
            board.place(thing)
            return
