"""The studies of a workshop: whose maps are ranked, where a box is drawn, which detector is better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from detxai_nb.survey import Study

METHODS = ("grad-cam", "grad-cam++", "d-rise", "odam")


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
    """

    name: str
    title: str
    kind: str
    detectors: tuple[str, ...]
    mode: str
    objects: int
    per_seat: int

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
        )
        detectors = {name: dx.load_detector(name, device="cpu") for name in self.detectors}
        scenes = dx.data.scenes.Scenes(5 * self.objects, mode=self.mode)
        return dx.survey.build_study(scenes, detectors, design=design, title=self.title, progress=progress)

    def recipe(self, seats: int, masks: int) -> dict[str, object]:
        """Return what the study is made of, to compare with what is there.

        Args:
            seats: how many.
            masks: of D-RISE.

        Returns:
            Plain values by name.
        """
        return {**vars(self), "detectors": list(self.detectors), "seats": seats, "masks": masks}


STUDIES = (
    WorkshopStudy("rank", "Which map explains best?", "rank", ("tiny-fcos",), "plain", 8, 8),
    WorkshopStudy("draw", "Which one was found?", "draw", ("tiny-fcos-crowd",), "crowd", 8, 4),
    WorkshopStudy(
        "detectors", "Which detector is better?", "better", ("tiny-fcos", "tiny-fcos-shortcut"), "shortcut", 8, 8
    ),
)
"""The studies that ``prepare_workshop`` makes."""
