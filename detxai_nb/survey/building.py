"""build_study: from scenes and detectors to a study whose maps are all made beforehand."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from detxai_nb.survey.codes import draw_codes
from detxai_nb.survey.ordering import deal_items
from detxai_nb.survey.plain import checksum
from detxai_nb.survey.rehearsal import CONSENT
from detxai_nb.survey.seat import KINDS, LETTERS
from detxai_nb.survey.study import ItemKey, Study, StudyItem

if TYPE_CHECKING:
    from detxai_nb.data.sample import Sample
    from detxai_nb.heatmaps import HeatMaps
    from detxai_nb.types import Detections, Detector, Progress

DIRECTIONS = ("positive", "negative", "signed", "absolute")
_SIDES = {"x1": "left", "y1": "top", "x2": "right", "y2": "bottom"}
_LARGEST = 640
"""The longest side of a picture; larger ones are scaled down."""
_OPACITY, _COLOR = 0.65, 0.25
"""Of the strongest evidence, and how much of its colours the picture below keeps: strong colours are heat, and objects
are seen below a map without zeros, such as D-RISE's."""
_MOST_OVERLAP = 0.5
"""Of a "draw" object with another: above this IoU one drawn box would be right for both."""
_WORDS = {
    "rank": "The detector found the framed object and called it {name}. Order the maps, from the one that best "
    "explains how it was found to the one that explains it least.",
    "better": "Two detectors found the framed object and called it {name}. Whose map explains it more reasonably?",
    "draw": "This map explains why the detector found one of the objects. Draw the box of that object, and say how "
    "sure you are: 1 (least) to 5 (most).",
    "directions": "The maps explain where the detector put the {side} side of the frame. Order them, from the one that "
    "explains it best to the one that explains it least.",
}


@dataclass(frozen=True)
class StudyDesign:
    """What a study asks whom.

    Attributes:
        kinds: of questions, some of ``KINDS``.
        objects: items of each kind, or a number for each kind by its name.
        per_seat: items of each kind at one seat, alike; None asks every seat about all.
        seats: how many.
        methods: the methods of "rank" and "draw", or by these kinds those of each. "odam @ second" is ODAM on the
            detector that is called "second".
        settings: by method its settings, such as ``{"d-rise": {"masks": 500}}``.
        seed: of the choice of objects, of codes and plan; studies of one seed and number of seats share their codes.
        consent: the text that a person agrees to first.
        smallest: the shorter side that an object's box has at least, in pixels of the picture.
    """

    kinds: Sequence[str] = KINDS
    objects: int | Mapping[str, int] = 8
    per_seat: int | Mapping[str, int] | None = None
    seats: int = 30
    methods: Sequence[str] | Mapping[str, Sequence[str]] = ("grad-cam", "grad-cam++", "d-rise", "odam")
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    seed: int = 0
    consent: str = CONSENT
    smallest: float = 0.0

    def __post_init__(self) -> None:
        if not self.kinds or len(set(self.kinds)) < len(self.kinds) or not set(self.kinds) <= set(KINDS):
            raise ValueError(f"kinds are some of {', '.join(KINDS)}, each once, got {list(self.kinds)}")
        for kind in self.kinds:
            count, asked = self.count(kind), self.asked(kind)
            if not 1 <= asked <= count <= 200:
                raise ValueError(f"{kind}: 1 to 200 objects, and at most as many at one seat, got {count} and {asked}")
            some = self.options(kind)
            if kind in ("rank", "draw") and (not 2 <= len(some) <= len(LETTERS) or len(set(some)) < len(some)):
                raise ValueError(f"{kind}: 2 to {len(LETTERS)} methods, each once, got {list(some)}")
        if isinstance(self.seats, bool) or not isinstance(self.seats, int) or not 1 <= self.seats <= 1000:
            raise ValueError(f"seats are a whole number from 1 to 1000, got {self.seats!r:.40}")
        if isinstance(self.smallest, bool) or not isinstance(self.smallest, (int, float)) or not self.smallest >= 0:
            raise ValueError(f"smallest is a number of pixels, 0 or more, got {self.smallest!r:.40}")

    def count(self, kind: str) -> int:
        """Return how many items of a kind there are.

        Args:
            kind: one of ``kinds``.

        Returns:
            The number.
        """
        return self.objects.get(kind, 0) if isinstance(self.objects, Mapping) else self.objects

    def asked(self, kind: str) -> int:
        """Return how many items of a kind one seat is asked about.

        Args:
            kind: one of ``kinds``.

        Returns:
            The number.
        """
        if self.per_seat is None:
            return self.count(kind)
        return self.per_seat.get(kind, 0) if isinstance(self.per_seat, Mapping) else self.per_seat

    def options(self, kind: str) -> tuple[str, ...]:
        """Return the methods or directions of a kind.

        Args:
            kind: one of ``kinds``.

        Returns:
            Their names; none for "better", whose options are detectors.
        """
        if kind == "directions":
            return DIRECTIONS
        if kind == "better":
            return ()
        return tuple(self.methods.get(kind, ()) if isinstance(self.methods, Mapping) else self.methods)


@dataclass(frozen=True)
class _Found:
    """An annotated object that every detector found."""

    sample: Sample
    annotation: int
    rows: Mapping[str, Detections]


def build_study(
    samples: Sequence[Sample],
    detectors: Detector | Mapping[str, Detector],
    *,
    crowds: Sequence[Sample] | None = None,
    design: StudyDesign | None = None,
    title: str = "Which map explains best?",
    progress: Progress | None = None,
) -> Study:
    """Make a study: choose objects, compute and draw all maps, and deal them to the seats.

    Objects are annotated ones that every detector found, of the right class and with an IoU above 0.5, at most one of a
    picture for each kind of question, in an order drawn by the seed. No object is used twice. For "draw" it is the one
    that overlaps a neighbour most, by an IoU of at most 0.5. Maps lie over the picture in pale colours.

    Args:
        samples: annotated pictures, such as ``dx.data.scenes.Scenes(60)``.
        detectors: one, or several by name. The first explains; "better" sets it, the better one, beside the second.
        crowds: pictures for "draw"; by default ``samples``.
        design: which questions, how many, by which methods.
        title: of the study.
        progress: called as ``progress(done, total)`` after each object; what it raises ends the work.

    Returns:
        The study with its key; save it, and ``study.without_key()`` for those who answer.

    Raises:
        ValueError: if there are too few objects, or methods or detectors do not fit the questions.
        TypeError: as ``explain``.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos", device="cpu")
        >>> design = dx.survey.StudyDesign(kinds=["rank"], objects=2, seats=4, methods=["odam", "grad-cam"])
        >>> scenes = dx.data.scenes.Scenes(3, width=128, height=96)
        >>> study = dx.survey.build_study(scenes, detector, design=design)
        >>> seat = study.seat(study.codes[0])
        >>> [one.letters for one in seat.questions], study.references["rank"]
        (['AB', 'AB'], 'odam')
    """
    asked = StudyDesign() if design is None else design
    named = dict(detectors) if isinstance(detectors, Mapping) else {"detector": detectors}
    _check(asked, named)
    random = np.random.default_rng(asked.seed)
    total = sum(asked.count(kind) for kind in asked.kinds)
    pictures: dict[str, bytes] = {}
    items: list[StudyItem] = []
    key: dict[str, ItemKey] = {}
    used: set[tuple[int, int, int]] = set()
    for kind in asked.kinds:
        source = samples if kind != "draw" or crowds is None else crowds
        group = 1 if source is crowds else 0
        for number, (index, found) in enumerate(_objects(source, named, kind, asked, random, (group, used))):
            maps, secret, words = _explained(kind, number, found, named, asked)
            drawn = [_picture(one, None if kind == "draw" else found.sample.boxes[found.annotation]) for one in maps]
            order = random.permutation(len(drawn))
            shown = [drawn[option][0] for option in order]
            names = [checksum(picture.hex()) for picture in shown]
            pictures.update(zip(names, shown))
            name = f"i{len(items):02d}"
            subject = f"picture {'c' if group else 's'}{index}, object {found.annotation}"
            items.append(StudyItem(name, kind, subject, words, tuple(names), drawn[0][1]))
            key[name] = _mixed(secret, order, drawn[0][2])
            if progress is not None:
                progress(len(items), total)
    of = {kind: [(one.name, len(one.pictures)) for one in items if one.kind == kind] for kind in asked.kinds}
    per_seat = {kind: asked.asked(kind) for kind in asked.kinds}
    codes = draw_codes(asked.seats, np.random.default_rng([asked.seed, asked.seats]))
    plan = deal_items(of, codes, per_seat, random)
    return Study(title, asked.consent, tuple(items), pictures, plan, key, _references(asked, named))


def _check(asked: StudyDesign, named: Mapping[str, Any]) -> None:
    from detxai_nb.methods import find_method

    if not named:
        raise ValueError("a study needs a detector")
    if "better" in asked.kinds and len(named) < 2:
        raise ValueError('"better" sets two detectors beside each other; hand in {"better one": a, "other one": b}')
    for kind in set(asked.kinds) & {"rank", "draw"}:
        for option in asked.options(kind):
            method, detector = _parts(option, named)
            find_method(method)
            if detector not in named:
                raise ValueError(f"{option!r} names the detector {detector!r}; there are {', '.join(named)}")


def _parts(option: str, named: Mapping[str, Any]) -> tuple[str, str]:
    """The method and the detector of an option such as "odam @ second"."""
    method, _, detector = option.partition(" @ ")
    return method, detector or next(iter(named))


def _references(asked: StudyDesign, named: Mapping[str, Any]) -> dict[str, str]:
    """What the others are compared with: ODAM if it is there, else the last method; the first detector."""
    found = {}
    for kind in asked.kinds:
        some = {"better": tuple(named)[:1], "directions": ("positive",)}.get(kind, asked.options(kind))
        found[kind] = "odam" if "odam" in some else some[-1]
    return found


def _needed(kind: str, asked: StudyDesign, named: Mapping[str, Any]) -> list[str]:
    """The detectors that a kind of question shows maps of."""
    if kind == "better":
        return list(named)[:2]
    if kind == "directions":
        return list(named)[:1]
    return list(dict.fromkeys(_parts(option, named)[1] for option in asked.options(kind)))


def _objects(
    source: Sequence[Sample],
    named: Mapping[str, Detector],
    kind: str,
    asked: StudyDesign,
    random: np.random.Generator,
    used: tuple[int, set[tuple[int, int, int]]],
) -> Iterator[tuple[int, _Found]]:
    """As many objects as a kind of question needs, each of a picture of its own while there are enough pictures."""
    from detxai_nb.metrics.matching import match

    group, taken = used
    wanted, needed = asked.count(kind), _needed(kind, asked, named)
    found = 0
    for index in random.permutation(len(source)).tolist():
        if found == wanted:
            return
        sample = source[index]
        detections = {name: named[name].detect([sample.image])[0] for name in needed}
        rows = {name: match(some, sample).tolist() for name, some in detections.items()}
        there = set.intersection(*(set(some) for some in rows.values())) - {-1}
        free = sorted(one for one in there if (group, index, one) not in taken and _side(sample, one) >= asked.smallest)
        if kind == "draw":
            free = [one for one in free if _crowding(sample.boxes, one) <= _MOST_OVERLAP]
        if not free:
            continue
        if kind == "draw":
            one = max(free, key=lambda number: (_crowding(sample.boxes, number), -number))
        else:
            one = free[int(random.integers(len(free)))]
        taken.add((group, index, one))
        found += 1
        yield index, _Found(sample, one, {n: detections[n][[rows[n].index(one)]] for n in needed})
    if found < wanted:
        raise ValueError(
            f"{kind!r} needs {wanted} objects that {' and '.join(needed)} found, each of another picture; "
            f"{len(source)} pictures gave {found}: hand in more"
        )


def _side(sample: Sample, number: int) -> float:
    """The shorter side of an annotated box."""
    x1, y1, x2, y2 = (float(side) for side in sample.boxes[number])
    return min(x2 - x1, y2 - y1)


def _crowding(boxes: np.ndarray, number: int) -> float:
    """The largest IoU of a box with another one."""
    low = np.maximum(boxes[:, :2], boxes[number, :2])
    high = np.minimum(boxes[:, 2:], boxes[number, 2:])
    both = np.clip(high - low, 0, None).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    overlaps = both / np.maximum(areas + areas[number] - both, 1e-9)
    overlaps[number] = 0
    return float(overlaps.max())


def _explained(
    kind: str, number: int, found: _Found, named: Mapping[str, Detector], asked: StudyDesign
) -> tuple[list[HeatMaps], ItemKey, str]:
    """The maps of an item with their key, in the order of the design, and the question."""
    from detxai_nb.explaining.explain import compare, explain

    image, name = found.sample.image, found.sample.names[int(found.sample.labels[found.annotation])]
    first = next(iter(named))
    if kind == "directions":
        side = tuple(_SIDES)[number % len(_SIDES)]
        maps = [
            explain(named[first], image, found.rows[first], method="odam", target=side, direction=direction)
            for direction in DIRECTIONS
        ]
        return maps, ItemKey(DIRECTIONS), _WORDS[kind].format(side=_SIDES[side])
    if kind == "better":
        both = list(named)[:2]
        maps = [explain(named[one], image, found.rows[one], method="odam") for one in both]
        return maps, ItemKey(tuple(both)), _WORDS[kind].format(name=name)
    options = asked.options(kind)
    by_detector: dict[str, dict[str, HeatMaps]] = {}
    for detector in found.rows:
        methods = [method for method, of in (_parts(option, named) for option in options) if of == detector]
        settings = {method: dict(asked.settings[method]) for method in methods if method in asked.settings}
        by_detector[detector] = compare(
            named[detector], image, found.rows[detector], methods=methods, settings=settings
        )
    maps = [by_detector[of][method] for method, of in (_parts(option, named) for option in options)]
    if kind == "rank":
        return maps, ItemKey(options), _WORDS[kind].format(name=name)
    return maps, _draw_key(options, found, maps), _WORDS[kind]


def _draw_key(options: tuple[str, ...], found: _Found, maps: Sequence[HeatMaps]) -> ItemKey:
    import torch

    from detxai_nb.metrics.map_energy import box_masks
    from detxai_nb.metrics.object_discrimination import object_discrimination_index

    sample = found.sample
    masks = box_masks(torch.from_numpy(sample.boxes), *sample.image.shape[:2])
    target, counted = torch.tensor([found.annotation]), torch.from_numpy(~sample.crowd)
    index: list[float | None] = []
    for one in maps:
        values = one.values.cpu().clamp(min=0)
        value = float(object_discrimination_index(values, target, masks, counted)[0])
        index.append(value if np.isfinite(value) else None)
    boxes: Any = tuple(tuple(map(float, box)) for box in sample.boxes)
    return ItemKey(options, boxes, found.annotation, tuple(index))


def _mixed(key: ItemKey, order: np.ndarray, scale: float) -> ItemKey:
    """The key in the order of the pictures, its boxes in their pixels."""
    options = tuple(key.options[option] for option in order)
    boxes: Any = tuple(tuple(side * scale for side in box) for box in key.boxes)
    index = tuple(key.discrimination[option] for option in order) if key.discrimination else ()
    return ItemKey(options, boxes, key.target, index)


def _picture(maps: HeatMaps, box: np.ndarray | None) -> tuple[bytes, tuple[int, int], float]:
    """The PNG file of a map over its pale photograph, its size and its pixels' scale; framed if there is a box."""
    from PIL import Image, ImageDraw

    from detxai_nb.plots.overlays import DIVERGING, SEQUENTIAL, overlay
    from detxai_nb.plots.standing_off import as_gray

    colors, values = DIVERGING[0] if maps.signed else SEQUENTIAL[0], maps.values[0].cpu().numpy()
    pale = as_gray(maps.image, _COLOR)
    picture = Image.fromarray(overlay(pale, values, colormap=colors, opacity=_OPACITY, signed=maps.signed))
    scale = min(1.0, _LARGEST / max(picture.size))
    if scale < 1:
        width, height = (max(1, round(side * scale)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    if box is not None:
        frame = [float(side) * scale for side in box]
        draw = ImageDraw.Draw(picture)
        draw.rectangle(frame, outline=(0, 0, 0), width=3)
        draw.rectangle(frame, outline=(255, 255, 255), width=1)
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue(), picture.size, scale
