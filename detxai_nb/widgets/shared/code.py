"""The Python that makes what a widget shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class CodeRecipe:
    """Where detector, image and detections came from; None stands for an object that the caller holds already."""

    detector: str | None
    image: str | None
    score_threshold: float | None

    def code(self, call: Mapping[str, str], selected: int | None) -> str:
        """Python source that calls ``explain`` and takes out the map number ``selected``, if that is not None.

        ``call`` holds the source of each keyword argument.
        """
        lines = [f"maps = dx.explain(detector, image, detections, {keywords(call)})"]
        if selected is not None:
            lines.append(f"heat_map = maps.values[{selected}]  # float32 [H, W], raw values")
        return self.script(lines)

    def script(self, lines: Sequence[str]) -> str:
        """Python source that gets detector, image and detections, and goes on with ``lines``.

        What came in as an object is used by the name of the widget's argument: ``detector``, ``image``, ``detections``.
        """
        found = None
        if self.score_threshold is not None:
            found = f"detector.detect([image], score_threshold={self.score_threshold!r})[0]"
        return script_of({**self.opening(), "detections": found}, lines)

    def opening(self) -> dict[str, str | None]:
        """Where detector and image come from, as source."""
        return {
            "detector": None if self.detector is None else f"dx.load_detector({self.detector!r})",
            "image": None if self.image is None else f"dx.load_image({self.image!r})",
        }


def script_of(names: Mapping[str, str | None], lines: Sequence[str]) -> str:
    """Python source that gets these names, each from its source, and goes on with ``lines``.

    A name without source stands for an object that the caller holds already.
    """
    given = [name for name, source in names.items() if source is None]
    first = [f"# {_listed(given)}: what the widget was given"] if given else []
    first += [f"{name} = {source}" for name, source in names.items() if source is not None]
    return "\n".join(["import detxai_nb as dx", "", *first, *lines, ""])


def keywords(call: Mapping[str, str]) -> str:
    """Keyword arguments in a call, from the source of each."""
    return ", ".join(f"{name}={value}" for name, value in call.items())


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
