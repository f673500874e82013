"""What widgets have in common: work beside the kernel and its state; most also a photograph with its objects."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import traitlets
from PIL import Image

from detxai_nb.doubts import doubt_of
from detxai_nb.files import as_path, write_atomically
from detxai_nb.pages import document
from detxai_nb.types import Detections, Progress
from detxai_nb.widgets.shared import serialize
from detxai_nb.widgets.shared.forecast import left_in_words
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.options import empty_notice
from detxai_nb.widgets.shared.outputs import CELL_OUTPUTS
from detxai_nb.widgets.shared.saved_page import SavedAsPage
from detxai_nb.widgets.shared.traits import Index
from detxai_nb.widgets.shared.worker import BackgroundWorker, Keyed, bytes_of_maps

STATIC = document.STATIC
IDLE: Mapping[str, Any] = {"state": "idle", "key": "", "text": "", "done": 0, "total": 0}


_MARK: Mapping[str, Any] = {"unconfined": True, "needs_background": "light"}
"""By these two together the style sheet knows the still picture."""
_HIDE_STILL = """
/* The still picture below a live widget is for where no kernel runs, and where this sheet is not loaded. */
.jp-OutputArea-child:has(.dx-root) +
.jp-OutputArea-child:has(img.jp-needs-light-background:is(.jp-mod-unconfined, .unconfined)) {
  display: none;
}
"""


class BundleText:
    """The text of a front end's file, read anew for every widget.

    anywidget follows a file given as a path, and for that keeps every widget that was ever made with it.

    Args:
        path: of the file.
        more: text to add at its end.
    """

    def __init__(self, path: Path, more: str = "") -> None:
        self._path, self._more = path, more

    def __str__(self) -> str:
        return self._path.read_text(encoding="utf-8") + self._more


class SnapshotWidget(SavedAsPage):
    """A widget with a still picture, for where no kernel runs, with Python code that reproduces it, and with a page.

    A subclass defines ``to_code``, ``_picture`` and ``_photo_picture``.

    Args:
        **traits: first values of traits.

    Attributes:
        notice: what to tell a person in place of a result, or "".
        code: what ``to_code`` returns now, for the browser.
    """

    notice = traitlets.Unicode().tag(sync=True)
    code = traitlets.Unicode().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        CELL_OUTPUTS.note(self)

    def __init_subclass__(cls, **options: Any) -> None:
        """Hand anywidget the texts of ``_esm`` and ``_css`` where these are paths."""
        for key in ("_esm", "_css"):
            if isinstance(path := cls.__dict__.get(key), Path):
                setattr(cls, key, BundleText(path, _HIDE_STILL if key == "_css" else ""))
        super().__init_subclass__(**options)

    def save_png(self, path: str | os.PathLike[str]) -> Path:
        """Write what is shown as a PNG file; an existing file is replaced only by a complete one.

        Args:
            path: the file.

        Returns:
            The file.

        Raises:
            FileNotFoundError: if its folder does not exist.
        """
        path = as_path(path, "a picture to write")
        view = self._photo_picture()
        write_atomically(path, lambda file: view.save(file, "PNG"))
        return path

    def to_code(self) -> str:
        """Return the Python code that reproduces what is shown.

        Returns:
            Python source.
        """
        raise NotImplementedError

    def _picture(self) -> bytes:
        """The still picture of a saved notebook, PNG."""
        raise NotImplementedError

    def _photo_picture(self) -> Image.Image:
        """What ``save_png`` writes."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        CELL_OUTPUTS.note(self)
        data, metadata = bundle
        return {**data, "image/png": self._picture()}, metadata

    def _ipython_display_(self, **kwargs: Any) -> None:
        """Show the widget and, as an output of its own, the still picture, which hides itself below a live widget.

        A notebook that is opened without a kernel has no widget, and JupyterLab says so in its place: the picture is
        there then. Where one output can hold both and nothing can hide, there is one.
        """
        import IPython

        shell, show = IPython.get_ipython(), cast(Any, IPython.display.display)
        if shell is None or not hasattr(shell, "kernel") or self.comm is None:
            raise NotImplementedError  # IPython then goes on to the other representations
        data, metadata = self._repr_mimebundle_(**kwargs) or ({}, {})
        if "google.colab" in sys.modules or "VSCODE_PID" in os.environ:
            show(data, raw=True, metadata=metadata)
            return
        still = {"image/png": data.pop("image/png"), "text/plain": f"{type(self).__name__}, still picture"}
        show(data, raw=True, metadata=metadata)
        # JupyterLab reads the one mark beside the other and nbconvert below the type.
        show(still, raw=True, metadata={**_MARK, "image/png": dict(_MARK)})


class WorkWidget(SnapshotWidget):
    """A widget with a worker beside the kernel.

    What the browser sends is handled by the kernel's main thread after the running cell has ended, or by a subshell's
    thread beside it (ipykernel 7 in JupyterLab 4.4 and later does both); therefore one lock guards what comes in and
    what computations publish.

    A subclass defines ``_compute`` and ``show_maps`` besides what a ``SnapshotWidget`` needs. What its traits
    need for their checks has to be there before this constructor is called.

    Args:
        **traits: first values of traits.

    Attributes:
        choices: what the controls offer, for the browser.
        palettes: the colour tables, for the browser.
        map_data: the result that was sent last, for the browser.
        status: what the worker does: "state" is "idle", "busy" or "error"; "key", "text", "done", "total".
        error: the exception that the last computation raised, None if it went well.
    """

    choices = traitlets.Dict().tag(sync=True)
    palettes = traitlets.Dict().tag(sync=True)
    map_data = traitlets.Dict().tag(sync=True)
    status = traitlets.Dict(dict(IDLE)).tag(sync=True)

    _ready = False
    _by_hand = False
    """Whether what changes now came from the browser."""
    _busy_since = 0.0
    _size: Callable[[Any], int] = staticmethod(bytes_of_maps)
    """The bytes of what ``_compute`` returns."""

    def __init__(self, **traits: Any) -> None:
        self._lock = threading.RLock()
        self._worker = self._make_worker()
        self.error: Exception | None = None
        super().__init__(palettes=serialize.pack_palettes(), **traits)
        self._ready = True
        self.on_msg(self._message)
        self.code = self.to_code()

    def _make_worker(self) -> BackgroundWorker:
        return BackgroundWorker(self._compute, self, self._lock, self._size)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is being computed.

        Args:
            timeout: the longest wait in seconds, None for no limit.

        Returns:
            Whether nothing is being computed any more.
        """
        return self._worker.wait(timeout)

    def close(self) -> None:
        """Close the widget: cancel its computation and drop its maps."""
        if hasattr(self, "_worker"):  # also closed if the constructor raised
            self._ready = False
            self._worker.drop()
            self._worker.kept.clear()
        super().close()

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take traits from the browser, one message at a time.

        Args:
            sync_data: values by trait.
        """
        with self._lock:
            self._by_hand = True
            try:
                super().set_state(sync_data)
            finally:
                self._by_hand = False

    def _send_as_text(self) -> None:
        """Not while the worker publishes: what it sends is bytes before this, or text after it."""
        with self._lock:
            super()._send_as_text()

    def cancel(self) -> None:
        """Stop the running computation, if there is one."""
        with self._lock:
            if self._worker.drop():
                self.status = dict(IDLE)

    def show_busy(self, request: Any) -> None:
        """Publish that a computation has begun; called by the worker.

        Args:
            request: the computation, with "key" and "title".
        """
        self.error = None
        self._busy_since = time.monotonic()
        self.status = {**IDLE, "state": "busy", "key": request.key, "text": f"Computing {request.title}"}

    def show_progress(self, done: int, total: int) -> None:
        """Publish how far a computation is; called by the worker.

        Args:
            done, total: steps.
        """
        left = left_in_words(time.monotonic() - self._busy_since, done, total)
        text = str(self.status["text"]).partition("; ")[0] + (f"; {left}" if left else "")
        self.status = {**self.status, "text": text, "done": done, "total": total}

    def show_error(self, request: Any, error: Exception) -> None:
        """Publish that a computation failed, in words; called by the worker.

        Args:
            request: the computation, with "key" and "title".
            error: what it raised.
        """
        self.error = error
        reason = str(error) or type(error).__name__
        text = f"{request.title} could not be computed: {reason}"
        self.status = {**IDLE, "state": "error", "key": request.key, "text": text}

    def show_maps(self, request: Any, maps: Any, new: bool) -> None:
        """Publish a result; called by the worker.

        Args:
            request: the computation.
            maps: what ``_compute`` returned.
            new: whether it was computed just now.
        """
        raise NotImplementedError

    def _compute(self, request: Any, progress: Progress | None) -> Any:
        raise NotImplementedError

    def _compute_first(self, request: Keyed) -> None:
        """Compute in the constructor; if that is interrupted, no half-made widget stays behind."""
        try:
            self._worker.ask_and_wait(request)
        except BaseException:
            self.close()
            raise

    def _message(self, _: Any, content: Mapping[str, Any], buffers: Any) -> None:
        """Handle what the browser sends besides traits: here to cancel; subclasses know more."""
        if content.get("type") == "cancel":
            self.cancel()

    def _send_maps(self, package: dict[str, Any]) -> None:
        """Publish ``package`` even if it is the one that was sent last."""
        self.map_data = {}
        self.map_data = package


class PhotoTraits(traitlets.HasTraits):
    """A photograph with its detected objects, of a ``SnapshotWidget``.

    Args:
        inputs: detector, photograph and objects.
        **traits: first values of traits.

    Attributes:
        photo: the photograph, for the browser.
        objects: name, score and box (xyxy, pixels of the photograph) of each object.
        selected: index of the selected object, or None.
    """

    photo = traitlets.Dict().tag(sync=True)
    objects: Any = traitlets.List().tag(sync=True)
    selected = Index(lambda widget: len(widget.detections))

    def __init__(self, inputs: WidgetInputs, **traits: Any) -> None:
        self._inputs = inputs
        super().__init__(
            photo=serialize.pack_photo(inputs.image, serialize.SCREEN),
            objects=serialize.pack_objects(inputs.detections),
            notice=empty_notice(inputs.detections, inputs.subject) or doubt_of(inputs.detector, inputs.image),
            **{"selected": 0 if len(inputs.detections) else None, **traits},
        )
        self.on_msg(self._photo_wanted)  # type: ignore[attr-defined]

    def _photo_wanted(self, _: Any, content: Mapping[str, Any], buffers: Any) -> None:
        """The browser asks for all pixels of a photograph that was sent smaller."""
        if content.get("type") == "photo" and not self.photo["whole"]:
            self.photo = serialize.pack_photo(self._inputs.image)

    @property
    def detections(self) -> Detections:
        """The objects, in the order of ``selected``."""
        return self._inputs.detections


class PhotoWidget(PhotoTraits, WorkWidget):
    """A widget that shows a photograph with its detected objects, and has a worker beside the kernel."""
