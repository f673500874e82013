"""What widgets have in common: work beside the kernel, and what is said of it; of most, a photograph with objects."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from traitlets import TraitError

from detxai_nb.files import write_atomically
from detxai_nb.types import Detections, Progress
from detxai_nb.widgets.shared import serialize
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.options import empty_notice
from detxai_nb.widgets.shared.worker import BackgroundWorker, Keyed, bytes_of_maps

STATIC = Path(__file__).parents[1] / "static"
IDLE: Mapping[str, Any] = {"state": "idle", "key": "", "text": "", "done": 0, "total": 0}


class WorkWidget(anywidget.AnyWidget):
    """A widget with a calculator beside the kernel.

    What the browser sends is handled by the kernel's main thread once the running cell has ended, or by a subshell's
    thread beside it (ipykernel 7 in JupyterLab 4.4 and later does both); therefore one lock guards what comes in and
    what computations publish.

    A widget of its own gives ``_problem`` (why a trait cannot have a value), ``_compute``, ``show_maps``, ``to_code``,
    ``_picture`` and ``_photo_picture``; what its ``_problem`` needs has to be there before this constructor is called.
    """

    choices = traitlets.Dict().tag(sync=True)
    palettes = traitlets.Dict().tag(sync=True)
    notice = traitlets.Unicode().tag(sync=True)
    map_data = traitlets.Dict().tag(sync=True)
    status = traitlets.Dict(dict(IDLE)).tag(sync=True)
    code = traitlets.Unicode().tag(sync=True)

    _ready = False
    _size: Callable[[Any], int] = staticmethod(bytes_of_maps)
    """The bytes of what ``_compute`` returns."""

    def __init__(self, **traits: Any) -> None:
        self._lock = threading.RLock()
        self._maker = self._calculator()
        self.error: Exception | None = None
        """What the last computation raised, None where it went well."""
        super().__init__(palettes=serialize.pack_palettes(), **traits)
        self._ready = True
        self.on_msg(self._message)
        self.code = self.to_code()

    def _calculator(self) -> BackgroundWorker:
        return BackgroundWorker(self._compute, self, self._lock, self._size)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is being computed, at most ``timeout`` seconds; whether that is so."""
        return self._maker.wait(timeout)

    def close(self) -> None:
        """End the widget: its computation is cancelled and its maps are given up."""
        if hasattr(self, "_maker"):  # also closed where the constructor raised
            self._ready = False
            self._maker.drop()
            self._maker.kept.clear()
        super().close()

    def save_png(self, path: str | os.PathLike[str]) -> Path:
        """Write what is shown as PNG; an existing file is replaced only by a whole one."""
        path = Path(path)
        view = self._photo_picture()
        write_atomically(path, lambda file: view.save(file, "PNG"))
        return path

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what the browser sent, one message at a time."""
        with self._lock:
            super().set_state(sync_data)

    def cancel(self) -> None:
        """Stop the computation under way, if there is one."""
        with self._lock:
            if self._maker.drop():
                self.status = dict(IDLE)

    def show_busy(self, request: Any) -> None:
        """For the calculator: this computation has begun."""
        self.error = None
        self.status = {**IDLE, "state": "busy", "key": request.key, "text": f"Computing {request.title}"}

    def show_progress(self, done: int, total: int) -> None:
        """For the calculator: so far it has come."""
        self.status = {**self.status, "done": done, "total": total}

    def show_error(self, request: Any, error: Exception) -> None:
        """For the calculator: publish what went wrong, in words."""
        self.error = error
        reason = str(error) or type(error).__name__
        text = f"{request.title} could not be computed: {reason}"
        self.status = {**IDLE, "state": "error", "key": request.key, "text": text}

    def show_maps(self, request: Any, maps: Any, new: bool) -> None:
        """For the calculator: publish what was computed."""
        raise NotImplementedError

    def to_code(self) -> str:
        """The Python that makes what is shown."""
        raise NotImplementedError

    def _compute(self, request: Any, progress: Progress | None) -> Any:
        raise NotImplementedError

    def _problem(self, trait: str, value: Any) -> str | None:
        """Why ``value`` cannot be that trait's value, with what can; None where it can."""
        raise NotImplementedError

    def _picture(self) -> bytes:
        """The still picture of a saved notebook, PNG."""
        raise NotImplementedError

    def _photo_picture(self) -> Any:
        """What ``save_png`` writes, a Pillow image."""
        raise NotImplementedError

    def _first(self, request: Keyed) -> None:
        """Compute in the constructor; where that is interrupted, no half-made widget stays behind."""
        try:
            self._maker.ask_and_wait(request)
        except BaseException:
            self.close()
            raise

    def _validated(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        problem = self._problem(name, value)
        if problem:
            raise TraitError(problem)
        return value

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        return {**data, "image/png": self._picture()}, metadata

    def _message(self, _: Any, content: Mapping[str, Any], buffers: Any) -> None:
        """What the browser asks for besides traits: to cancel; a widget of its own may know more."""
        if content.get("type") == "cancel":
            self.cancel()

    def _send_maps(self, package: dict[str, Any]) -> None:
        """Publish ``package`` also where it is the one sent last."""
        self.map_data = {}
        self.map_data = package


class PhotoWidget(WorkWidget):
    """A photograph with its detected objects, and a calculator beside the kernel."""

    photo = traitlets.Dict().tag(sync=True)
    objects: Any = traitlets.List().tag(sync=True)
    selected = traitlets.Int(None, allow_none=True).tag(sync=True)

    def __init__(self, subject: WidgetInputs, **traits: Any) -> None:
        self._subject = subject
        super().__init__(
            photo=serialize.pack_photo(subject.image),
            objects=serialize.pack_objects(subject.detections),
            notice=empty_notice(subject.detections),
            **{"selected": 0 if len(subject.detections) else None, **traits},
        )

    @property
    def detections(self) -> Detections:
        """The objects, in the order of ``selected``."""
        return self._subject.detections
