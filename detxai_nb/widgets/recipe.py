"""The Python that makes what a widget shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Where detector, image and detections came from; None stands for an object that the caller holds already."""

    detector: str | None
    image: str | None
    score_threshold: float | None

    def code(self, call: Mapping[str, str], selected: int | None) -> str:
        """Python source that calls ``explain`` and takes out the map number ``selected``, if that is not None.

        ``call`` holds the source of each keyword argument. What came in as an object is used by the name of the
        widget's argument: ``detector``, ``image``, ``detections``.
        """
        given, lines = [], []
        if self.detector is None:
            given.append("detector")
        else:
            lines.append(f"detector = dx.load_detector({self.detector!r})")
        if self.image is None:
            given.append("image")
        else:
            lines.append(f"image = dx.load_image({self.image!r})")
        if self.score_threshold is None:
            given.append("detections")
        else:
            lines.append(f"detections = detector.detect([image], score_threshold={self.score_threshold!r})[0]")
        if given:
            lines.insert(0, f"# {_listed(given)}: what the widget was given")
        arguments = ", ".join(f"{name}={value}" for name, value in call.items())
        lines.append(f"maps = dx.explain(detector, image, detections, {arguments})")
        if selected is not None:
            lines.append(f"heat_map = maps.values[{selected}]  # float32 [H, W], raw values")
        return "\n".join(["import detxai_nb as dx", "", *lines, ""])


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
