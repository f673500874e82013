"""The studies of a workshop: whose maps are ranked, where a box is drawn, which detector is better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from detxai_nb.data.scenes.cues import CueOptions
    from detxai_nb.survey import Study

METHODS = ("grad-cam", "grad-cam++", "d-rise", "odam")
SMALLEST = 32.0
"""The shorter side of an object that is asked about, in pixels: of smaller ones a map is a few cells."""
SMALL = 2
"""How many objects a study of some seconds has."""


@dataclass(frozen=True)
class WorkshopStudy:
    """How one study of a workshop is made.

    Attributes:
        name: of its files.
        title: that a seat sees.
        kind: of its questions, one of ``dx.survey.KINDS``.
        detectors: bundled ones; of "better" the better one first.
        mode: of the synthetic scenes.
        objects: how many questions there are.
        per_seat: how many of them one seat is asked.
        cue_kind: of scenes of the mode "shortcut".
    """

    name: str
    title: str
    kind: str
    detectors: tuple[str, ...]
    mode: str
    objects: int
    per_seat: int
    cue_kind: str | None = None

    def small(self) -> WorkshopStudy:
        """Return the same study with so few objects that its maps take some seconds.

        Returns:
            The study.
        """
        return replace(self, objects=SMALL, per_seat=SMALL)

    def build(self, seats: int, masks: int, progress: Callable[[int, int], None] | None = None) -> Study:
        """Compute the maps of the study.

        Args:
            seats: how many.
            masks: of D-RISE, which takes nearly all of the time.
            progress: called as ``progress(done, total)`` after each object.

        Returns:
            The study with its key; the same for the same arguments.

        Raises:
            ValueError: if the seats are not from 1 to 1000.
        """
        import detxai_nb as dx

        design = dx.survey.StudyDesign(
            kinds=[self.kind],
            objects=self.objects,
            per_seat=self.per_seat,
            seats=seats,
            methods=METHODS,
            settings={"d-rise": {"masks": masks}},
            smallest=SMALLEST,
        )
        detectors = {name: dx.load_detector(name, device="cpu") for name in self.detectors}
        cue: CueOptions = {"cue_kind": self.cue_kind} if self.cue_kind else {}
        scenes = dx.data.scenes.Scenes(10 * self.objects, mode=self.mode, **cue)
        return dx.survey.build_study(scenes, detectors, design=design, title=self.title, progress=progress)

    def recipe(self, seats: int, masks: int) -> dict[str, object]:
        """Return what the study is made of, to compare with what is there.

        Args:
            seats: how many.
            masks: of D-RISE.

        Returns:
            Plain values by name.
        """
        own = {**vars(self), "detectors": list(self.detectors)}
        return {**own, "seats": seats, "masks": masks, "smallest": SMALLEST}


STUDIES = (
    WorkshopStudy("rank", "Which map explains best?", "rank", ("tiny-fcos",), "plain", 8, 8),
    WorkshopStudy("draw", "Which one was found?", "draw", ("tiny-fcos-crowd",), "crowd", 8, 4),
    WorkshopStudy(
        "detectors",
        "Which detector is better?",
        "better",
        ("tiny-fcos", "tiny-fcos-shortcut"),
        "shortcut",
        8,
        8,
        "floor",
    ),
)
"""The studies that ``prepare_workshop`` makes."""
