"""Intervention: what a detector said before and after a region of its picture was changed."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.files import as_path
from detxai_nb.interventions.answers import LEAST_SCORE, Answers, pair_up, scores_found_again
from detxai_nb.interventions.controls import PLACES, Controls
from detxai_nb.interventions.region import Region
from detxai_nb.statistics import paired_iou
from detxai_nb.types import Detections

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

REDRAWN = "redrawn"
"""What ``Intervention.fill`` says of a scene that was drawn again."""


@dataclass(frozen=True, eq=False)
class Intervention:
    """A changed picture and what the detector says of it, beside what it said of the picture as it was.

    A drop of a score says nothing alone: whatever is painted over, something happens. ``controls`` say what filling an
    equal area elsewhere does, in the object and on the background.

    Attributes:
        image: uint8 ``[H,W,3]``, the picture as it was.
        picture: the same with the region changed.
        region: what was changed.
        fill: what it was filled with: one of ``FILLS``, or "redrawn" for a scene drawn again.
        detections: the N objects that are asked about, in the picture as it was.
        before, after: what the detector says of them in the two pictures.
        matched_by: how an object is found again: "origin" (the same location, proposal or query of the network is read)
            or "class and IoU" (of a black box: the detection of its class that overlaps with it).
        found_before, found: all that the detector reports in the two pictures.
        controls: the same for equal areas elsewhere; none of a scene that was redrawn, where nothing was filled.
        about: the object that the question is about, or None.
        seed: of the fill and of the controls.
        settings: those of the fill, and the score threshold of what is reported.

    Raises:
        ValueError: if the parts do not belong together.
    """

    image: np.ndarray
    picture: np.ndarray
    region: Region
    fill: str
    detections: Detections
    before: Answers
    after: Answers
    matched_by: str
    found_before: Detections
    found: Detections
    controls: Controls
    about: int | None = None
    seed: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        size, count = self.region.size, len(self.detections)
        if self.image.shape != (*size, 3) or self.picture.shape != (*size, 3):
            raise ValueError(f"pictures and region differ in size: {self.image.shape}, {self.picture.shape}, {size}")
        if {len(self.before), len(self.after), self.controls.scores.shape[1]} != {count}:
            raise ValueError(f"{count} objects need as many answers")
        if self.about is not None and not 0 <= self.about < count:
            raise ValueError(f"about is the number of an object, 0 to {count - 1}, got {self.about}")

    def __len__(self) -> int:
        return len(self.detections)

    def __repr__(self) -> str:
        named = "nothing in particular" if self.about is None else self.detections.label_names()[self.about]
        return f"Intervention({self.region.kind} filled with {self.fill}, about {named}, {len(self)} objects)"

    @property
    def lost(self) -> Tensor:
        """How much of the score of its own class each object has lost, float64 ``[N]``; negative where it has grown."""
        return self.before.scores - self.after.scores

    def control_lost(self, place: str = "object") -> Tensor:
        """Return the mean score that each object loses when an equal area elsewhere is filled likewise.

        Args:
            place: "object" (elsewhere in the object that is asked about) or "background".

        Returns:
            float64 ``[N]``; NaN if there is no control at that place.

        Raises:
            ValueError: for another place.
        """
        if place not in PLACES:
            raise ValueError(f"place is one of {', '.join(map(repr, PLACES))}; got {place!r}")
        rows = [row for row, where in enumerate(self.controls.places) if where == place]
        if not rows:
            return torch.full_like(self.before.scores, math.nan)
        return self.before.scores - self.controls.scores[rows].mean(dim=0)

    @cached_property
    def found_scores(self) -> Tensor:
        """The score with which each object is reported now, from whatever place: float64 ``[N]``, NaN where it is not.

        The highest among the reported detections of its class whose IoU with its box is above 0.5 and that are of no
        other object. ``after.scores`` says of a white box what the place that predicted the object says now; where the
        change moves an object's centre, the detector may find it from a place beside.
        """
        return scores_found_again(self.detections, self.found)

    @property
    def kept(self) -> Tensor:
        """Whether the detector still reports each object, of its class and with an IoU above 0.5: bool ``[N]``."""
        return ~self.found_scores.isnan()

    @cached_property
    def changed_class(self) -> Tensor:
        """Whether another class than before, with a score of 0.05 or more, is the highest there: bool ``[N]``."""
        return (self.before.labels != self.after.labels) & (self.after.label_scores >= LEAST_SCORE)

    @cached_property
    def _left_over(self) -> tuple[list[int], list[int]]:
        return pair_up(self.found_before, self.found)

    @property
    def went(self) -> Detections:
        """What was reported before and has no like of its class now."""
        return self.found_before[self._left_over[0]]

    @property
    def appeared(self) -> Detections:
        """What is reported now and had no like of its class before."""
        return self.found[self._left_over[1]]

    def table(self) -> pandas.DataFrame:
        """Return a row for each object: before, after, and what equal areas elsewhere do.

        Returns:
            Number, class, score before and now, the loss of each, the mean loss with an equal area elsewhere in the
            object and on the background filled (NaN without controls), the class with the highest score now and that
            score, the IoU of the box with that before (NaN without a box), whether the object is still reported, and
            the score of that report, from whatever place (NaN without one).
        """
        import pandas as pd

        names = self.detections.names
        return pd.DataFrame(
            {
                "object": range(len(self)),
                "class": self.detections.label_names(),
                "score": self.before.scores.numpy(),
                "score now": self.after.scores.numpy(),
                "lost": self.lost.numpy(),
                "lost elsewhere in the object": self.control_lost("object").numpy(),
                "lost on the background": self.control_lost("background").numpy(),
                "class now": [names[label] for label in self.after.labels.tolist()],
                "its score": self.after.label_scores.numpy(),
                "IoU of the boxes": self.box_iou.numpy(),
                "still reported": self.kept.numpy(),
                "reported score": self.found_scores.numpy(),
            }
        ).set_index("object")

    @property
    def box_iou(self) -> Tensor:
        """The IoU of each object's box now with that before, float64 ``[N]``; NaN where there is no box."""
        return paired_iou(self.before.boxes, self.after.boxes)

    def plot(self) -> Figure:
        """Draw the picture before and after, and the scores beside each other.

        Returns:
            A matplotlib figure.
        """
        from detxai_nb.interventions.drawing import plot_intervention

        return plot_intervention(self)

    def _repr_png_(self) -> bytes:
        from detxai_nb.plots.panels import to_png

        return to_png(self.plot())

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write everything to one ``.npz`` file without pickle; an existing file is replaced only by a complete one.

        Args:
            path: the file; ".npz" is added if it is missing.

        Returns:
            The file's path.

        Raises:
            FileNotFoundError: if the folder does not exist.
            OSError: if the file cannot be written.
        """
        from detxai_nb.interventions.intervention_files import write_intervention

        path = as_path(path, "a file of an intervention")
        path = path if path.suffix == ".npz" else path.with_name(path.name + ".npz")
        write_intervention(path, self)
        return path

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Intervention:
        """Read what ``save`` wrote.

        Args:
            path: the file.

        Returns:
            The intervention, on the CPU.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: for anything else than a whole file of this version's format.
        """
        from detxai_nb.interventions.intervention_files import read_intervention

        return read_intervention(as_path(path, "a file of an intervention"))


BESIDE = 0.01
"""A report with a score that is higher by more than this is another prediction than the one that is followed."""


def says(one: Intervention, row: int) -> str:
    """Return in words what happened to an object.

    Args:
        one: the intervention.
        row: the object.

    Returns:
        Such as "apple 0.54 to 0.39", with what it became, and with the score of a report from beside if that is higher.
    """
    names = one.detections.names
    own = one.detections.label_names()[row]
    text = f"{own} {float(one.before.scores[row]):.2f} to {float(one.after.scores[row]):.2f}"
    if bool(one.changed_class[row]):
        text += f", now {names[int(one.after.labels[row])]} {float(one.after.label_scores[row]):.2f}"
    if float(one.found_scores[row]) > float(one.after.scores[row]) + BESIDE:
        return f"{text}, reported from beside with {float(one.found_scores[row]):.2f}"
    return text if bool(one.kept[row]) else f"{text}, no longer reported"
