"""The maps of one clicked object or pair of the widget TinyObjects: the request, what is kept and what is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from detxai_nb.tiny.figures import AROUND, window
from detxai_nb.tiny.samples import ExplainedImage
from detxai_nb.widgets.shared import serialize
from detxai_nb.widgets.shared.widget import IDLE
from detxai_nb.widgets.shared.worker import bytes_of_maps

if TYPE_CHECKING:
    from detxai_nb.widgets.tiny_objects import TinyObjects


@dataclass(frozen=True)
class View:
    """The maps of all objects of one image of a run.

    Attributes:
        run: the run's key.
        image: its number.
    """

    run: str
    image: int

    @property
    def key(self) -> str:
        """The computation's name: the same for the same computation."""
        return f"{self.run}#{self.image}"

    @property
    def title(self) -> str:
        """The computation in words."""
        return f"the maps of image {self.image}"


class ViewListener:
    """The listener of the worker that makes the maps of clicked objects.

    Args:
        widget: the widget.
    """

    def __init__(self, widget: TinyObjects) -> None:
        self._widget = widget

    def show_busy(self, request: View) -> None:
        """Publish that a computation has begun.

        Args:
            request: the computation.
        """
        text = f"Computing {request.title}"
        self._widget.view_status = {**IDLE, "state": "busy", "key": request.key, "text": text}

    def show_progress(self, done: int, total: int) -> None:
        """Publish how far it is.

        Args:
            done, total: steps.
        """
        self._widget.view_status = {**self._widget.view_status, "done": done, "total": total}

    def show_maps(self, request: View, maps: ExplainedImage, new: bool) -> None:
        """Publish its maps.

        Args:
            request: the computation.
            maps: its result.
            new: whether it was computed just now.
        """
        self._widget.show_view(request, maps)

    def show_error(self, request: View, error: Exception) -> None:
        """Publish that it failed, in words.

        Args:
            request: the computation.
            error: what it raised.
        """
        reason = str(error) or type(error).__name__
        text = f"{request.title} could not be computed: {reason}"
        self._widget.view_status = {**IDLE, "state": "error", "key": request.key, "text": text}


def pack_view(key: str, objects: Sequence[tuple[int, int]], explained: ExplainedImage) -> dict[str, Any]:
    """Return the maps of one or two objects for the browser.

    Args:
        key: of the computation that made the maps.
        objects: the number of each in the widget's table, and that of its annotation.
        explained: their image with its maps.

    Returns:
        Maps by method, all annotated boxes, the window of ``tiny.crops``, and the key of these maps.

    Raises:
        RuntimeError: if the detector did not find an object again.
    """
    numbers, known = [number for number, _ in objects], explained.selected.annotations.tolist()
    if not {annotation for _, annotation in objects} <= set(known):
        raise RuntimeError("the detector does not find it in this image again; run once more")
    rows = [known.index(annotation) for _, annotation in objects]
    key = f"{key}#{','.join(map(str, numbers))}"
    sample, found = explained.sample, explained.selected.detections
    maps, problems = {}, {}
    for method, own in explained.maps.items():
        try:
            maps[method] = serialize.pack_maps(f"{key}|{method}", method, own[rows])
        except ValueError as error:
            problems[method] = str(error)
    near = window(found.boxes[rows].cpu(), sample.image.shape[:2], AROUND)
    return {
        "key": key,
        "image": explained.number,
        "numbers": numbers,
        "window": list(near),
        "annotated": [None if crowd else box for box, crowd in zip(sample.boxes.tolist(), sample.crowd.tolist())],
        "maps": maps,
        "problems": problems,
    }


def slim(explained: ExplainedImage) -> ExplainedImage:
    """Return an image with its maps on their own grids only.

    Args:
        explained: the image with its maps.

    Returns:
        The same without what was computed from the maps.
    """
    return replace(explained, maps={name: maps[:] for name, maps in explained.maps.items()})


def bytes_of(explained: ExplainedImage) -> int:
    """Return about how many bytes an image and its maps take.

    Args:
        explained: the image with its maps.

    Returns:
        Bytes.
    """
    return explained.sample.image.nbytes + sum(map(bytes_of_maps, explained.maps.values()))
