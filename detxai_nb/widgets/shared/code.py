"""The Python code that reproduces what a widget shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detxai_nb.types import Target


@dataclass(frozen=True)
class CodeRecipe:
    """Where detector, image and detections came from; None for an object that the caller holds already.

    Attributes:
        detector: the detector's name, or None.
        image: the photograph's path, or None.
        score_threshold: the threshold with which the objects were detected, or None if the caller handed them in.
        first: how many of the most probable classes of a classifier were taken, or None where that does not hold.
        classes: the classes of a classifier, by name or number, once one was asked for by name; else None.
    """

    detector: str | None
    image: str | None
    score_threshold: float | None
    first: int | None = None
    classes: tuple[str | int, ...] | None = None

    def script(self, lines: Sequence[str]) -> str:
        """Return the code that gets detector, image and detections, and goes on with some lines.

        What came in as an object keeps the name of the widget's argument: ``detector``, ``image``, ``detections``.

        Args:
            lines: Python source.

        Returns:
            Python source.
        """
        return script_of(self.names(), lines)

    def names(self) -> dict[str, str | None]:
        """Return the source of detector, image and detections.

        Returns:
            By name; None for an object that the caller holds already.
        """
        return {**self.opening(), "detections": self._found()}

    def _found(self) -> str | None:
        """The source of the detections; None for those that the caller holds already."""
        if self.classes is not None:
            return f"dx.detections.of_classes(detector, image, {list(self.classes)!r})"
        if self.score_threshold is None:
            return None
        if self.first is not None:
            return f"detector.detect([image], score_threshold=0.0)[0][:{self.first}]  # the most probable classes"
        return f"detector.detect([image], score_threshold={self.score_threshold!r})[0]"

    def opening(self) -> dict[str, str | None]:
        """Return the source of detector and image.

        Returns:
            By name; None for an object that the caller holds already.
        """
        return {
            "detector": None if self.detector is None else f"dx.load_detector({self.detector!r})",
            "image": None if self.image is None else f"dx.load_image({self.image!r})",
        }


def script_of(names: Mapping[str, str | None], lines: Sequence[str]) -> str:
    """Return the code that makes some objects and goes on with some lines.

    Args:
        names: the source of each object; None for one that the caller holds already.
        lines: Python source.

    Returns:
        Python source that begins with the import of this package.
    """
    given = [name for name, source in names.items() if source is None]
    first = [f"# {_listed(given)}: what the widget was given"] if given else []
    first += [f"{name} = {source}" for name, source in names.items() if source is not None]
    return "\n".join(["import detxai_nb as dx", "", *first, *lines, ""])


def target_source(target: Target) -> str:
    """Return a target as Python source, as short as it can be.

    Args:
        target: any.

    Returns:
        Such as "'x1'", "dx.Target('class', score='logit')" or "dx.Target(against='bauble')".
    """
    usual = Target(target.part, against=target.against)
    if target == usual and target.against is None:
        return repr(target.part)
    given = [repr(target.part)] if target.against is None else []
    given += [] if target.score == usual.score else [f"score={target.score!r}"]
    given += [f"{name}={v!r}" for name in ("label", "against") if (v := getattr(target, name)) is not None]
    return f"dx.Target({', '.join(given)})"


def overlay_lines(widget: Any, maps: str, index: int, signed: bool, scale: str = "object") -> list[str]:
    """Return the lines that lay ``heat_map`` over ``image`` as a widget shows it.

    Args:
        widget: one with the traits of ``SignedLookTraits``.
        maps: the name of the maps in the code.
        index: which of them ``heat_map`` is.
        signed: whether the maps can be negative.
        scale: "object" or "shared".

    Returns:
        Python source; the picture is called ``picture``.
    """
    given = ["" if scale == "object" else f", scale={scale!r}"]
    given.append("" if widget.percentile == 100 else f", percentile={widget.percentile!r}")
    look = {
        "colormap": repr(widget.signed_colormap if signed else widget.colormap),
        "opacity": repr(widget.opacity),
        "hide_below": repr(widget.hide_below),
        "low": "low",
        "high": "high",
        "signed": f"{maps}.signed",
    }
    return [
        f"low, high = dx.plots.color_range({maps}, {index}{''.join(given)})",
        f"picture = dx.plots.overlay(dx.load_image(image), heat_map, {keywords(look)})",
    ]


def keywords(call: Mapping[str, str]) -> str:
    """Return keyword arguments as they stand in a call.

    Args:
        call: the source of each.

    Returns:
        Such as "method='odam', layer='neck'".
    """
    return ", ".join(f"{name}={value}" for name, value in call.items())


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
