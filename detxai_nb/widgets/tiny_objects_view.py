"""The maps of one clicked object or pair of a widget of tiny objects: what is asked, what is kept, what is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from detxai_nb.tiny.figures import AROUND, window
from detxai_nb.tiny.samples import ExplainedImage
from detxai_nb.widgets.shared import serialize
from detxai_nb.widgets.shared.widget import IDLE
from detxai_nb.widgets.shared.worker import bytes_of_maps


@dataclass(frozen=True)
class View:
    """The maps of all objects of one image, as one run of the widget makes them."""

    run: str
    image: int

    @property
    def key(self) -> str:
        """The same for the same computation."""
        return f"{self.run}#{self.image}"

    @property
    def title(self) -> str:
        """In words."""
        return f"the maps of image {self.image}"


class Viewing:
    """Where the calculator of clicked objects' maps says what it does."""

    def __init__(self, widget: Any) -> None:
        self._widget = widget

    def show_busy(self, request: View) -> None:
        """This computation has begun."""
        text = f"Computing {request.title}"
        self._widget.view_status = {**IDLE, "state": "busy", "key": request.key, "text": text}

    def show_progress(self, done: int, total: int) -> None:
        """So far it has come."""
        self._widget.view_status = {**self._widget.view_status, "done": done, "total": total}

    def show_maps(self, request: View, maps: ExplainedImage, new: bool) -> None:
        """It has ended well."""
        self._widget.show_view(request, maps)

    def show_error(self, request: View, error: Exception) -> None:
        """It has failed."""
        reason = str(error) or type(error).__name__
        text = f"{request.title} could not be computed: {reason}"
        self._widget.view_status = {**IDLE, "state": "error", "key": request.key, "text": text}


def pack_view(key: str, numbers: Sequence[int], looked: ExplainedImage, rows: Sequence[int]) -> dict[str, Any]:
    """For the browser: the maps of the objects in ``rows`` (one or two), all annotations, the window of ``tiny.crops``.

    ``numbers``: those of the objects in the widget's table.
    """
    sample, found = looked.sample, looked.selected.detections
    maps, problems = {}, {}
    for method, own in looked.maps.items():
        try:
            maps[method] = serialize.pack_maps(f"{key}|{method}", method, own[list(rows)])
        except ValueError as error:
            problems[method] = str(error)
    near = window(found.boxes[list(rows)].cpu(), sample.image.shape[:2], AROUND)
    return {
        "key": key,
        "image": looked.number,
        "numbers": list(numbers),
        "window": list(near),
        "annotated": [None if crowd else box for box, crowd in zip(sample.boxes.tolist(), sample.crowd.tolist())],
        "maps": maps,
        "problems": problems,
    }


def slim(looked: ExplainedImage) -> ExplainedImage:
    """The same, its maps on their own grids only."""
    return replace(looked, maps={name: maps[:] for name, maps in looked.maps.items()})


def bytes_of(looked: ExplainedImage) -> int:
    """What it takes, about."""
    return looked.sample.image.nbytes + sum(map(bytes_of_maps, looked.maps.values()))
