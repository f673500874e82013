"""TinyObjects: every object's maps against its size, over one image or a dataset, and one click to the picture."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Unpack

import traitlets
from PIL import Image

from detxai_nb.data.sample import Sample
from detxai_nb.evaluation.selection import Protocol
from detxai_nb.image import ImageSource
from detxai_nb.tiny import TINY
from detxai_nb.tiny.samples import METHODS as FIRST_METHODS
from detxai_nb.tiny.samples import ExplainedImage
from detxai_nb.types import Detector, Progress, Target
from detxai_nb.widgets import tiny_objects_run
from detxai_nb.widgets.shared import serialize
from detxai_nb.widgets.shared.inputs import open_detector
from detxai_nb.widgets.shared.options import KINDS, WidgetOptions, show_widget_options
from detxai_nb.widgets.shared.traits import BOXES, Choice, Index, Limit, LookTraits, SomeOf, quoted
from detxai_nb.widgets.shared.widget import IDLE, STATIC, WorkWidget
from detxai_nb.widgets.shared.worker import COMPUTING, BackgroundWorker
from detxai_nb.widgets.snapshots import pages, tiny_objects
from detxai_nb.widgets.tiny_objects_options import RunOptions, TinyObjectsOptions, source_of
from detxai_nb.widgets.tiny_objects_page import TinyObjectsPage
from detxai_nb.widgets.tiny_objects_run import MEASURES, Rows, TinyObjectsRun, run_choices
from detxai_nb.widgets.tiny_objects_view import View, ViewListener, bytes_of, pack_view, slim

if TYPE_CHECKING:
    import pandas

MOST_METHODS = 5
_PUBLISH_EVERY, _MOST_KEPT, _PARTS = 0.4, 64 * 2**20, 100


@show_widget_options(TinyObjectsOptions, settings=False, at_most=TINY, gap=1.0)
class TinyObjects(TinyObjectsPage, WorkWidget, LookTraits):
    """Every object of an image or a dataset as a dot, its size against a measure of its map; a click shows the maps.

    The measures are those of ``tiny.objects`` and ``tiny.pairs``: energy pointing and pointing game in the object's
    box, the map's own size over that of the box, the share of the energy in the nearest neighbour, and how similar the
    maps of two touching objects of one class are.

    Nothing runs before ``run()`` or its button. A run goes image by image in a thread beside the kernel, dots appear as
    images are done, and it can be cancelled: what was found stays. Only the maps of the last images are kept; those of
    an object that is clicked later are made again, also during a run, which then waits. Do not use the detector in a
    cell while the widget computes with it.

    Args:
        detector: a detector, or the name of one.
        image_or_dataset: a dataset, a Sample, or a photograph that ``load_image`` takes, whose detections then stand
            for annotations; as for ``tiny.objects``.
        methods: one to five names of ``dx.methods``; by default those of the two of ``tiny.objects`` that can explain
            the detector.
        target: what is explained.
        layer: a name of ``detector.layers``; by default the one that each method prefers.
        settings: keyword arguments of methods, by method.
        protocol: how detections are matched with annotations, a name or a ``Protocol`` of ``dx.evaluation``.
        limit: first value of the trait.
        **options: ``at_most`` (the largest share of the network's input that a tiny object's box takes); ``gap`` (the
            largest distance of touching boxes, in pixels of the image); first values of ``measure``, ``opacity``,
            ``hide_below``, ``percentile``, ``colormap`` and ``boxes``.

    Attributes:
        methods: one to five names; they hold for the next run.
        limit: the number of images of the next run, or None for all.
        selected: the number of an object, in the order in which they were found, or None.
        selected_pair: the number of a touching pair, or None; of the two at most one is not None.
        measure: "energy", "reach", "beside" or "half", as in ``tiny.plot``.
        opacity: of the maps, 0..1.
        hide_below, percentile: limits of the colours, as in the Explorer.
        colormap: the name of a sequential colour map.
        boxes: "all" or "selected".
        wanted: the key of the run that is chosen, "" if there is nothing to run; for the browser.
        table, photo, view_status: the dots, the photograph of the clicked object and the state of its maps; for the
            browser.

    Raises:
        TypeError: for an unknown option, or what is no detector or dataset.
        ValueError: for a wrong ``at_most``, ``gap``, ``layer``, ``protocol``, ``target`` or ``settings``, or an image
            classifier.
        TraitError: for a wrong value of a trait, also later; the message names the allowed ones.
    """

    _size = staticmethod(lambda found: 0)
    _esm = STATIC / "tiny_objects.js"
    _css = STATIC / "tiny_objects.css"

    methods = SomeOf(lambda widget: tuple(widget._options.methods), MOST_METHODS)
    limit = Limit("a number of images")
    measure = Choice(tuple(MEASURES), "energy")
    selected = Index(lambda widget: widget._count("things"), "nothing was found yet")
    selected_pair = Index(lambda widget: widget._count("couples"), "nothing was found yet")
    boxes = Choice(BOXES, "selected")
    wanted = traitlets.Unicode().tag(sync=True)
    table = traitlets.Dict().tag(sync=True)
    photo = traitlets.Dict().tag(sync=True)
    view_status = traitlets.Dict(dict(IDLE)).tag(sync=True)

    def __init__(
        self,
        detector: Detector | str,
        image_or_dataset: ImageSource | Sample | Sequence[Sample],
        methods: Sequence[str] | None = None,
        *,
        target: Target | str = "class",
        layer: str | None = None,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        protocol: str | Protocol = "default",
        limit: int | None = None,
        **options: Unpack[TinyObjectsOptions],
    ) -> None:
        for name in options:
            if name not in TinyObjectsOptions.__annotations__:
                known = ", ".join(TinyObjectsOptions.__annotations__)
                raise TypeError(f"{name!r} is no argument; besides those in the signature there are {known}")
        traits: dict[str, Any] = dict(options)
        at_most, gap = traits.pop("at_most", TINY), traits.pop("gap", 1.0)
        how = {"target": target, "layer": layer, "settings": settings, "protocol": protocol, "at_most": at_most}
        self._how = RunOptions.of({**how, "gap": gap})
        self._detector = open_detector(detector)
        self._options = WidgetOptions.of(self._detector, {}, KINDS)
        if layer is not None and layer not in self._options.layers:
            raise ValueError(f"layer is one of {quoted(self._options.layers)}; got {layer!r}")
        self._samples = self._how.samples(self._detector, image_or_dataset)
        self._sources = source_of(detector, image_or_dataset)
        self._found: TinyObjectsRun | None = None
        self._published = (0, 0.0)
        chosen = [m for m in FIRST_METHODS if m in self._options.methods] or self._options.first(1)
        super().__init__(
            choices={**self._options.to_payload(), **run_choices(MOST_METHODS, len(self._samples), at_most)},
            methods=chosen if methods is None else list(methods),
            limit=limit,
            notice="" if len(self._samples) else "There is no image in this dataset.",
            **traits,
        )
        self.wanted = self._wanted

    @property
    def objects(self) -> pandas.DataFrame:
        """The table of ``tiny.objects`` for what the last run found; waits for a running one."""
        return self._result.objects()

    @property
    def pairs(self) -> pandas.DataFrame:
        """The table of ``tiny.pairs`` for what the last run found; waits for a running one."""
        return self._result.pairs()

    def run(self) -> None:
        """Start a run of what is chosen, in a thread; a running one is given up, and so is what it found.

        Raises:
            RuntimeError: if there is no image or no method is chosen.
        """
        with self._lock:
            if not self._wanted:
                raise RuntimeError(f"nothing to run: {self.notice or 'choose at least one method'}")
            self._worker.drop()
            self._worker.kept.clear()
            self.selected = self.selected_pair = None
            self._viewer.kept.clear()
            self._found = TinyObjectsRun(tuple(self.methods), self._total, self._how.at_most, self._how.gap)
            self._worker.ask(self._found)
            with self.hold_sync():
                self.map_data = {}
                self._publish()

    def cancel(self) -> None:
        """Stop what is being computed; a run keeps what it had found."""
        with self._lock:
            self._stop()
            self._leave()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is being computed.

        Args:
            timeout: the longest wait in seconds, None for no limit.

        Returns:
            Whether nothing is being computed any more.
        """
        end = None if timeout is None else time.monotonic() + timeout
        if not self._worker.wait(timeout):
            return False
        return self._viewer.wait(None if end is None else max(0.0, end - time.monotonic()))

    def close(self) -> None:
        """Close the widget: cancel its computations and drop its maps."""
        if hasattr(self, "_viewer"):
            self._viewer.drop()
            self._viewer.kept.clear()
        super().close()

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take traits from the browser; a person may have clicked on what a new run has just given up.

        Args:
            sync_data: values by trait.
        """
        with self._lock:
            indices = {"selected": TinyObjects.selected, "selected_pair": TinyObjects.selected_pair}
            gone = [n for n, trait in indices.items() if n in sync_data and trait.problem(self, sync_data[n])]
            super().set_state({**sync_data, **dict.fromkeys(gone)})
            if gone:
                self.send_state(gone)

    def show_progress(self, done: int, total: int) -> None:
        """Publish how far a run is; called by the worker.

        Args:
            done, total: hundredths of images.
        """
        super().show_progress(done, total)
        text = f"Image {min(done, total - 1) // _PARTS + 1} of {total // _PARTS}"
        self.status = {**self.status, "text": text}

    def show_maps(self, request: TinyObjectsRun, maps: Any, new: bool) -> None:
        """Publish that a run has ended; called by the worker.

        Args:
            request: the run.
            maps: the same.
            new: whether it has run just now.
        """
        self.error = None
        with self.hold_sync():
            self.status = {**IDLE, "key": request.key}
            self._publish()

    def show_error(self, request: TinyObjectsRun, error: Exception) -> None:
        """Publish that a run failed, in words, and what it had found; called by the worker.

        Args:
            request: the run.
            error: what it raised.
        """
        with self.hold_sync():
            super().show_error(request, error)
            self._publish()

    def show_view(self, request: View, explained: ExplainedImage) -> None:
        """Publish the maps of the selected object or pair; called by the listener of its worker.

        Args:
            request: which image's maps were made.
            explained: the image with its maps.

        Raises:
            RuntimeError: if the detector did not find the object again.
        """
        found = self._found
        if found is None or self._view != request:
            return
        packed = pack_view(
            request.key, [(found.number(thing), thing["annotation"]) for thing in self._chosen], explained
        )
        with self.hold_sync():
            if self.photo.get("image") != request.image:
                self.photo = {**serialize.pack_photo(explained.sample.image), "image": request.image}
            self.map_data = packed
            self.view_status = {**IDLE, "key": packed["key"]}

    def to_code(self) -> str:
        """Return the Python code that reproduces what is shown.

        Returns:
            Python source.
        """
        return self._how.code(self._sources, list(self.methods), self.measure, self.limit, self._chosen)

    @property
    def _result(self) -> TinyObjectsRun:
        self.wait()
        if self._found is None:
            raise RuntimeError(f"there is no run yet: {self.status['text'] or 'call run() first'}") from self.error
        return self._found

    def _count(self, kind: str) -> int:
        """How many "things" or "couples" the last run has found."""
        return 0 if self._found is None else len(getattr(self._found, kind))

    @property
    def _wanted(self) -> str:
        """The key of the run that is chosen, empty where there is nothing to run."""
        return tiny_objects_run.key_of(self.methods, self._total) if self.methods and self._total else ""

    @property
    def _total(self) -> int:
        return len(self._samples) if self.limit is None else min(self.limit, len(self._samples))

    @property
    def _chosen(self) -> list[dict[str, Any]]:
        """The rows of the selected object, or of the two of the selected pair."""
        return [] if self._found is None else self._found.rows(self.selected, self.selected_pair)

    @property
    def _view(self) -> View | None:
        return View(self._found.key, self._chosen[0]["image"]) if self._found is not None and self._chosen else None

    def _make_worker(self) -> BackgroundWorker:
        self._viewer = BackgroundWorker(self._see, ViewListener(self), self._lock, bytes_of)
        self._viewer.kept.limit = _MOST_KEPT
        # Each image takes its turn, so that a clicked object need not wait for the whole run.
        return BackgroundWorker(self._compute, self, self._lock, self._size, nullcontext())

    def _compute(self, found: TinyObjectsRun, progress: Progress | None) -> TinyObjectsRun:
        def explain(number: int, report: Progress) -> tuple[ExplainedImage | None, Rows]:
            self._viewer.wait()
            with COMPUTING:
                explained = self._how.explain(self._detector, self._samples, number, found.methods, report)
                return explained, found.measure(explained)

        for explained, rows in found.images(explain, progress, _PARTS):
            # Never inside COMPUTING, since the lock's holder may be waiting for that.
            with self._lock:
                if self._found is found:
                    self._take(found, explained, rows)
        return found

    def _take(self, found: TinyObjectsRun, explained: ExplainedImage | None, rows: Rows) -> None:
        found.add(*rows)
        if explained is not None:
            view = View(found.key, explained.number)
            self._viewer.kept.add(view.key, slim(explained))
        count, before = self._published
        enough = len(found.things) > count + count // 50
        if enough and time.monotonic() - before > _PUBLISH_EVERY:
            self._publish()

    def _publish(self) -> None:
        found = self._found
        if found is None:
            return
        self._published = (len(found.things), time.monotonic())
        ended = self._worker.busy is not found
        note = found.stopped_note if ended and self.wanted else ""
        self.table = tiny_objects_run.run_payload(found, note, ended)

    def _see(self, view: View, progress: Progress | None) -> ExplainedImage:
        methods = self.methods if self._found is None else self._found.methods
        return slim(self._how.explain_again(self._detector, self._samples, view.image, methods, progress))

    def _stop(self) -> None:
        if self._worker.drop():
            self.status = dict(IDLE)
            self._publish()

    def _leave(self) -> None:
        if self._viewer.drop():
            self.view_status = dict(IDLE)

    def _message(self, _: Any, content: Mapping[str, Any], buffers: Any) -> None:
        """Handle what the browser sends besides traits: to run, to cancel a run, to leave a clicked object."""
        kind = content.get("type")
        with self._lock:
            if kind == "run":
                self.run()
            elif kind == "cancel":
                self._stop()
            elif kind == "leave":
                self._leave()

    @traitlets.observe("selected", "selected_pair")
    def _picked(self, change: Any) -> None:
        other = {"selected": "selected_pair", "selected_pair": "selected"}[change["name"]]
        with self._lock:
            if change["new"] is not None:
                setattr(self, other, None)
            view = self._view
            if view is None:
                self._leave()
            else:
                self._viewer.ask(view)
            self.code = self.to_code()

    @traitlets.observe("methods", "limit", "measure")
    def _changed(self, change: Any) -> None:
        if self._ready:
            self.wanted = self._wanted
            self.code = self.to_code()

    def _shown(self) -> ExplainedImage | None:
        """What the browser shows of the selected object, or None."""
        return self._viewer.kept.get(self._view.key) if self._view is not None else None

    def _picture(self) -> bytes:
        return tiny_objects.tiny_objects_png(self._photo_picture())

    def _photo_picture(self) -> Image.Image:
        with self._lock:
            found, explained, things = self._found, self._shown(), self._chosen
        if found is None or not found.things:
            return pages.words(self.status["text"] or self.notice or "Nothing has run yet.")
        return tiny_objects.picture(found, self.measure, explained, [t["annotation"] for t in things], self.opacity)
