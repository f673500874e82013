"""Change a region of a picture and ask the detector again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from detxai_nb.data.scenes import Scene, redraw
from detxai_nb.detections import are_classes, as_detections, require_own
from detxai_nb.image import FloatImage, ImageSource, load_image
from detxai_nb.interventions.answers import Answers, Reader, matched_by
from detxai_nb.interventions.controls import Controls, boxes_as_mask, control_regions
from detxai_nb.interventions.fill import Fill
from detxai_nb.interventions.intervention import REDRAWN, Intervention
from detxai_nb.interventions.region import Region
from detxai_nb.types import Detections, Detector, Progress

THRESHOLD = 0.3
"""The lowest score of what is reported, where the detections do not say with which they were found."""


class Experiment:
    """A detector, a picture and some of its detections, of which changed versions of the picture are asked.

    What the detector says of the unchanged picture is asked once. A call that is ended by its ``progress`` leaves
    everything as it was.

    Args:
        detector: any detector.
        image: what ``load_image`` takes.
        detections: the N objects that are asked about: the detector's own in this picture.
        score_threshold: the lowest score of what counts as reported, 0..1; None for that with which the detections were
            found.

    Raises:
        TypeError: if these are no detections.
        ValueError: if there are none, or they are of another picture or detector.

    Example:
        >>> import detxai_nb as dx
        >>> from detxai_nb.interventions import Experiment, Region
        >>> detector = dx.load_detector("tiny-fcos", device="cpu")
        >>> scene = dx.data.scenes.make(3, seed=1)
        >>> found = detector.detect([scene.image])[0][:1]
        >>> experiment = Experiment(detector, scene.image, found)
        >>> one = experiment.ask(Region.box(scene.image, found.boxes[0]), "mean", controls=0)
        >>> one.matched_by, bool(one.lost[0] > 0.1)
        ('origin', True)
    """

    def __init__(
        self,
        detector: Detector,
        image: ImageSource,
        detections: Detections,
        *,
        score_threshold: float | None = None,
    ) -> None:
        pixels = load_image(image)
        self.image = np.asarray(pixels) if isinstance(pixels, FloatImage) else pixels
        self.detector = detector
        self.detections = as_detections(detections)
        detections.require_nonempty()
        detections.require_image(*self.image.shape[:2])
        require_own(detector, self.image, detections)
        known = THRESHOLD if detections.score_threshold is None else detections.score_threshold
        self.score_threshold = float(known if score_threshold is None else score_threshold)
        self.matched_by = matched_by(detector, detections)
        self._reader = Reader(detector, self.image, detections, self.matched_by)
        self.before, self.found_before = self._asked(self.image)
        boxes = [] if are_classes(self.found_before) else self.found_before.boxes.tolist()
        self._objects = boxes_as_mask([*boxes, *self._boxes()], self.size)

    @property
    def size(self) -> tuple[int, int]:
        """The picture's (height, width) in pixels."""
        return int(self.image.shape[0]), int(self.image.shape[1])

    def ask(
        self,
        region: Region,
        fill: Fill | str = "blur",
        *,
        seed: int = 0,
        controls: int = 4,
        about: int | None = None,
        progress: Progress | None = None,
    ) -> Intervention:
        """Fill a region and ask again.

        Args:
            region: of this picture.
            fill: what it is filled with.
            seed: of what is random, 0 or more.
            controls: how many equal areas elsewhere in the object, and on the background, are filled in the same way; 0
                for none, which is fast.
            about: the number of the object that the question is about; None for the one whose box holds the most of the
                region, of several the smallest.
            progress: called as ``progress(done, total)`` before each picture; what it raises ends the work.

        Returns:
            What the detector said before and says now.

        Raises:
            TypeError: if region or fill is none.
            ValueError: if the region is of another picture or the whole of it leaves nothing to fill it from, the fill
                is unknown, or a number out of range.
            ImportError: if the fill needs a library that is missing.
        """
        chosen = Fill.of(fill)
        picture = chosen.paint(self.image, region, seed, self._avoid)
        _check_count(controls)
        if chosen.name == "blur":
            # Controls are as much out of focus as the region, whatever their shape.
            chosen = Fill("blur", sigma=chosen.sigma_of(region))
        _tell(progress, 0, 1)
        one = self._answered(picture, region, chosen.name, self._about(region, about), seed, chosen.settings)
        return self._controlled(one, chosen, controls, progress) if controls else one

    def with_controls(
        self, one: Intervention, fill: Fill | str | None = None, count: int = 4, progress: Progress | None = None
    ) -> Intervention:
        """Measure what filling equal areas elsewhere does, for an intervention that was asked without.

        Args:
            one: what ``ask`` returned.
            fill: what it was filled with, if that had settings; None for the fill of its name.
            count: how many areas in the object and on the background.
            progress: as in ``ask``.

        Returns:
            The same with controls.

        Raises:
            ValueError: if it is of another picture, was redrawn or needs its fill, or the count is below 1.
        """
        _check_count(count)
        if one.image.shape != self.image.shape or not np.array_equal(one.image, self.image):
            raise ValueError("this intervention is of another picture: ask the Experiment of that picture")
        if one.fill == REDRAWN or (one.fill == "picture" and fill is None):
            why = "a scene that was redrawn has no fill" if one.fill == REDRAWN else "name the fill with its picture"
            raise ValueError(f"there is nothing to fill other areas with: {why}")
        known = {name: one.settings[name] for name in ("sigma", "radius", "shift") if one.settings.get(name)}
        chosen = Fill(one.fill, **known) if fill is None else Fill.of(fill)
        return self._controlled(one, chosen, count, progress)

    def ask_picture(
        self,
        picture: ImageSource,
        region: Region | None = None,
        *,
        fill: str = "picture",
        about: int | None = None,
        settings: dict[str, Any] | None = None,
    ) -> Intervention:
        """Ask about a changed picture, however it was changed.

        Args:
            picture: of the size of the unchanged one.
            region: what was changed; None for the pixels that differ.
            fill: what it is said to be filled with.
            about: as in ``ask``.
            settings: what else is kept with the answer, as plain values.

        Returns:
            What the detector said before and says now, without controls.

        Raises:
            ValueError: if the picture has another size, or is the same.
        """
        pixels = np.asarray(load_image(picture))
        where = Region.changed(self.image, pixels) if region is None else region
        where.require_size(*self.size)
        if pixels.shape != self.image.shape:
            raise ValueError(f"the changed picture has the shape {pixels.shape}, the picture {self.image.shape}")
        return self._answered(pixels, where, fill, self._about(where, about), 0, settings or {})

    def _answered(
        self, picture: np.ndarray, region: Region, fill: str, about: int | None, seed: int, settings: dict[str, Any]
    ) -> Intervention:
        after, found = self._asked(picture)
        return Intervention(
            image=self.image,
            picture=picture,
            region=region,
            fill=fill,
            detections=self.detections.to("cpu"),
            before=self.before,
            after=after,
            matched_by=self.matched_by,
            found_before=self.found_before,
            found=found,
            controls=Controls.none(self.size, len(self.detections)),
            about=about,
            seed=int(seed),
            settings={**settings, "score_threshold": self.score_threshold},
        )

    def _controlled(self, one: Intervention, fill: Fill, count: int, progress: Progress | None) -> Intervention:
        inside = None
        if one.about is not None:
            inside = boxes_as_mask(self._boxes([one.about]), self.size) if self._boxes() else None
        found = control_regions(one.region, inside, self._objects, count, one.seed)
        scores = []
        for number, (_, area, _) in enumerate(found):
            _tell(progress, 1 + number, 1 + len(found))
            picture = fill.paint(self.image, area, one.seed + 1 + number, self._avoid)
            scores.append(self._reader.scores(picture))
        _tell(progress, 1 + len(found), 1 + len(found))
        if not found:
            return one
        controls = Controls(
            tuple(place for place, _, _ in found),
            np.stack([area.mask for _, area, _ in found]),
            tuple(alike for _, _, alike in found),
            torch.stack(scores),
        )
        return replace(one, controls=controls)

    @property
    def _avoid(self) -> np.ndarray | None:
        """Where pixels are rather not taken from: objects, if there is anything else."""
        return self._objects if self._objects.any() and not self._objects.all() else None

    def _boxes(self, rows: Sequence[int] | None = None) -> list[list[float]]:
        """The boxes of the objects, or of some; none for classes of the whole picture."""
        if are_classes(self.detections):
            return []
        boxes: list[list[float]] = self.detections.boxes.tolist()
        return boxes if rows is None else [boxes[row] for row in rows]

    def _about(self, region: Region, about: int | None) -> int | None:
        region.require_size(*self.size)
        count = len(self.detections)
        if about is not None:
            if isinstance(about, bool) or not isinstance(about, (int, np.integer)) or not 0 <= about < count:
                raise ValueError(f"about is the number of an object, 0 to {count - 1}; got {about!r}")
            return int(about)
        shares = [(int((boxes_as_mask([box], self.size) & region.mask).sum()), box) for box in self._boxes()]
        areas = [-(box[2] - box[0]) * (box[3] - box[1]) for _, box in shares]
        ranked = sorted(
            ((shared, area, -row) for row, ((shared, _), area) in enumerate(zip(shares, areas))), reverse=True
        )
        return -ranked[0][2] if ranked and ranked[0][0] > 0 else None

    def _asked(self, picture: np.ndarray) -> tuple[Answers, Detections]:
        answers, found = self._reader.read(picture, self.score_threshold)
        return answers, self.detections if found is None else found


def intervene(
    detector: Detector,
    image: ImageSource,
    detections: Detections,
    region: Region,
    fill: Fill | str = "blur",
    **options: Any,
) -> Intervention:
    """Change a region of a picture and ask the detector again.

    For several questions about one picture make an ``Experiment``, which asks about the unchanged one only once.

    Args:
        detector: any detector.
        image: what ``load_image`` takes.
        detections: the objects that are asked about: the detector's own in this picture.
        region: of this picture.
        fill: what it is filled with: one of ``FILLS``, or a ``Fill`` with settings.
        **options: ``seed``, ``controls``, ``about`` and ``progress`` of ``Experiment.ask``, and ``score_threshold`` of
            ``Experiment``.

    Returns:
        Every object's score, box and class before and after, what appeared and what went, and what filling equal areas
        elsewhere does.

    Raises:
        TypeError: if an option is unknown, or detections, region or fill are none.
        ValueError: if the detections are not this detector's own in this picture, the region is of another one, the
            fill is unknown, or a number is out of range.
        ImportError: if the fill needs a library that is missing.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos", device="cpu")
        >>> scene = dx.data.scenes.make(3, seed=1)
        >>> found = detector.detect([scene.image])[0]
        >>> region = dx.interventions.Region.box(scene.image, found.boxes[0])
        >>> one = dx.interventions.intervene(detector, scene.image, found, region, "mean", controls=1)
        >>> bool(one.lost[0] > one.control_lost("background")[0])
        True
    """
    chosen = dict(options)
    threshold = chosen.pop("score_threshold", None)
    unknown = set(chosen) - {"seed", "controls", "about", "progress"}
    if unknown:
        known = "seed, controls, about, progress, score_threshold"
        raise TypeError(f"intervene() has no argument {', '.join(map(repr, sorted(unknown)))}; its options are {known}")
    if not isinstance(region, Region):
        raise TypeError(f"a region is a dx.interventions.Region, got {type(region).__name__}")
    Fill.of(fill)
    shape = load_image(image).shape
    region.require_size(int(shape[0]), int(shape[1]))
    return Experiment(detector, image, detections, score_threshold=threshold).ask(region, fill, **chosen)


def counterfactual(
    detector: Detector,
    scene: Scene,
    detections: Detections,
    *,
    without_parts: int | Sequence[int] = (),
    without_objects: int | Sequence[int] = (),
    floor: int | None = None,
    about: int | None = None,
    score_threshold: float | None = None,
) -> Intervention:
    """Ask a detector about a synthetic scene drawn once more without a part, without an object, or on another floor.

    Nothing is painted over: the scene is drawn as it would be, from the same random numbers. So there is no fill whose
    own effect could be taken for that of what is missing, and there are no controls.

    Where the detector is read at each prediction's own place (``matched_by`` "origin"), an object whose box changes its
    centre, such as an apple without its leaf, loses score there although the detector may find it from a place beside:
    ``found`` holds all that it reports now.

    Args:
        detector: any detector.
        scene: what ``scenes.make`` returned.
        detections: the detector's own in the scene's picture.
        without_parts, without_objects, floor: as in ``scenes.redraw``.
        about: as in ``Experiment.ask``.
        score_threshold: as in ``Experiment``.

    Returns:
        What the detector says of both scenes; ``region`` is where they differ.

    Raises:
        TypeError: if this is no scene.
        ValueError: if nothing is changed, or nothing of it shows.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos", device="cpu")
        >>> scene = dx.data.scenes.make(3, seed=1)
        >>> found = detector.detect([scene.image])[0]
        >>> one = dx.interventions.counterfactual(detector, scene, found, without_objects=0)
        >>> one.fill, len(one.went) >= 1
        ('redrawn', True)
    """
    other = redraw(scene, without_parts=without_parts, without_objects=without_objects, floor=floor)
    if np.array_equal(other.image, scene.image):
        raise ValueError("nothing of what was taken away shows in this scene: the two pictures are the same")
    settings: dict[str, Any] = {}
    for name, rows in (("without_parts", without_parts), ("without_objects", without_objects)):
        settings[name] = [int(rows)] if isinstance(rows, (int, np.integer)) else [int(row) for row in rows]
    settings["floor"] = None if floor is None else int(floor)
    experiment = Experiment(detector, scene.image, detections, score_threshold=score_threshold)
    return experiment.ask_picture(other.image, fill=REDRAWN, about=about, settings=settings)


def _check_count(controls: Any) -> None:
    if isinstance(controls, bool) or not isinstance(controls, (int, np.integer)) or not 0 <= controls <= 1000:
        raise ValueError(f"controls is a whole number of areas, 0 to 1000; got {controls!r}")


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)
