"""TinyObjects: every object's maps against its size, over one image or a dataset, and one click to the picture."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import traitlets

from detxai_nb.evaluation.selection import Protocol
from detxai_nb.tiny import TINY
from detxai_nb.tiny.samples import METHODS as FIRST_METHODS
from detxai_nb.tiny.samples import ExplainedImage
from detxai_nb.types import Detector, Progress, Target
from detxai_nb.widgets import tiny_objects_run
from detxai_nb.widgets.shared import serialize
from detxai_nb.widgets.shared.inputs import opened_detector
from detxai_nb.widgets.shared.options import WidgetOptions
from detxai_nb.widgets.shared.widget import IDLE, STATIC, WorkWidget
from detxai_nb.widgets.shared.worker import COMPUTING, BackgroundWorker
from detxai_nb.widgets.snapshots import tiny_objects
from detxai_nb.widgets.tiny_objects_options import RunOptions, source_of
from detxai_nb.widgets.tiny_objects_run import MEASURES, Rows, TinyObjectsRun
from detxai_nb.widgets.tiny_objects_view import View, Viewing, bytes_of, pack_view, slim

if TYPE_CHECKING:
    import pandas

KINDS = ("gradient", "trace", "perturbation")
MOST_METHODS = 5

_PUBLISH_EVERY = 0.4
_MOST_KEPT = 64 * 2**20
_PARTS = 100
_OPTIONS = ("measure", "opacity", "threshold", "colormap", "boxes")


class TinyObjects(WorkWidget):
    """Every object of an image or a dataset as a dot, its size against what its map is worth; a click shows the maps.

    What is measured is that of ``tiny.objects`` and ``tiny.pairs``: energy pointing and pointing game in the object's
    box, the map's own size against the box, the share of the energy in the nearest neighbour, and how alike the maps of
    two touching objects of one class are. The tables are ``objects`` and ``pairs``.

    Traits that go both ways: ``methods`` (one to five names) and ``limit`` (the first so many images, None for all) of
    the next run; ``selected`` (the number of an object, in the order in which they were found, or None) or
    ``selected_pair`` (of a touching pair): one is None where the other is not; ``measure`` ("energy", "reach", "beside"
    or "half", as in ``tiny.plot``); and how it looks: ``opacity``, ``threshold``, ``colormap``, ``boxes``.

    Nothing runs before ``run()`` or its button. A run goes image by image in a thread beside the kernel, dots appear as
    images are done, and it can be cancelled: what was found stays. Maps are kept of the last images only; those of an
    object that is clicked later are made again, also while a run is under way, which then waits. Do not use the
    detector in a cell while the widget computes with it.
    """

    _size = staticmethod(lambda found: 0)
    _esm = STATIC / "tiny_objects.js"
    _css = STATIC / "tiny_objects.css"

    methods: Any = traitlets.List(traitlets.Unicode()).tag(sync=True)
    limit = traitlets.Int(None, allow_none=True).tag(sync=True)
    measure = traitlets.Unicode("energy").tag(sync=True)
    selected = traitlets.Int(None, allow_none=True).tag(sync=True)
    selected_pair = traitlets.Int(None, allow_none=True).tag(sync=True)
    opacity = traitlets.Float(0.75).tag(sync=True)
    threshold = traitlets.Float(0.0).tag(sync=True)
    colormap = traitlets.Unicode("viridis").tag(sync=True)
    boxes = traitlets.Unicode("selected").tag(sync=True)
    wanted = traitlets.Unicode().tag(sync=True)
    table = traitlets.Dict().tag(sync=True)
    photo = traitlets.Dict().tag(sync=True)
    view_status = traitlets.Dict(dict(IDLE)).tag(sync=True)

    def __init__(
        self,
        detector: Detector | str,
        image_or_dataset: Any,
        methods: Sequence[str] | None = None,
        *,
        target: Target | str = "class",
        layer: str | None = None,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        protocol: str | Protocol = "default",
        at_most: float = TINY,
        gap: float = 1.0,
        limit: int | None = None,
        **options: Any,
    ) -> None:
        """``detector``: one, or the name of one. The arguments from ``image_or_dataset`` on: as for ``tiny.objects``
        and ``tiny.pairs``; ``methods`` are names, by default those of the two that can run. ``options``: first values
        of ``measure``, ``opacity``, ``threshold``, ``colormap`` and ``boxes``.

        Raises ``ValueError``, ``TypeError`` or ``TraitError`` for arguments out of range.
        """
        for name in options:
            if name not in _OPTIONS:
                raise TypeError(
                    f"{name!r} is no argument; besides those in the signature there are {', '.join(_OPTIONS)}"
                )
        how = {"target": target, "layer": layer, "settings": settings, "protocol": protocol, "at_most": at_most}
        self._how = RunOptions.of({**how, "gap": gap})
        self._detector = opened_detector(detector)
        self._offer = WidgetOptions.of(self._detector, {}, KINDS)
        if layer is not None and (problem := self._offer.problem("layer", layer, 0)):
            raise ValueError(problem)
        self._samples = self._how.samples(self._detector, image_or_dataset)
        self._sources = source_of(detector, image_or_dataset)
        self._found: TinyObjectsRun | None = None
        self._published = (0, 0.0)
        chosen = [m for m in FIRST_METHODS if m in self._offer.methods] or list(self._offer.methods)[:1]
        super().__init__(
            choices={
                **self._offer.packed(),
                "measures": [{"name": name, "title": title} for name, title in MEASURES.items()],
                "most_methods": MOST_METHODS,
                "images": len(self._samples),
                "at_most": at_most,
            },
            methods=chosen if methods is None else list(methods),
            limit=limit,
            notice="" if len(self._samples) else "There is no image in this dataset.",
            **options,
        )
        self.wanted = self._wanted

    @property
    def objects(self) -> pandas.DataFrame:
        """The table of ``tiny.objects``, of what the last run found; waits for one under way."""
        return self._result.objects()

    @property
    def pairs(self) -> pandas.DataFrame:
        """The table of ``tiny.pairs``, of what the last run found; waits for one under way."""
        return self._result.pairs()

    def run(self) -> None:
        """Begin again with what is chosen, in a thread; a run under way is given up, and so is what it found."""
        with self._lock:
            if not self._wanted:
                raise RuntimeError(f"nothing to run: {self.notice or 'choose at least one method'}")
            self._maker.drop()
            self._maker.kept.clear()
            self.selected = self.selected_pair = None
            self._viewer.kept.clear()
            self._found = TinyObjectsRun(tuple(self.methods), self._total, self._how.at_most, self._how.gap)
            self._maker.ask(self._found)
            with self.hold_sync():
                self.map_data = {}
                self._publish()

    def cancel(self) -> None:
        """Stop what is being computed; a run keeps what it had found."""
        with self._lock:
            self._stop()
            self._leave()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is being computed, at most ``timeout`` seconds; whether that is so."""
        end = None if timeout is None else time.monotonic() + timeout
        if not self._maker.wait(timeout):
            return False
        return self._viewer.wait(None if end is None else max(0.0, end - time.monotonic()))

    def close(self) -> None:
        """End the widget: its computations are cancelled and its maps are given up."""
        if hasattr(self, "_viewer"):
            self._viewer.drop()
            self._viewer.kept.clear()
        super().close()

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what the browser sent; it may have clicked on what a new run has just given up."""
        with self._lock:
            gone = [n for n in ("selected", "selected_pair") if n in sync_data and self._problem(n, sync_data[n])]
            super().set_state({**sync_data, **dict.fromkeys(gone)})
            if gone:
                self.send_state(gone)

    def show_progress(self, done: int, total: int) -> None:
        """For the calculator: so far it has come."""
        super().show_progress(done, total)
        text = f"Image {min(done, total - 1) // _PARTS + 1} of {total // _PARTS}"
        self.status = {**self.status, "text": text}

    def show_maps(self, request: TinyObjectsRun, maps: Any, new: bool) -> None:
        """For the calculator: the run has ended."""
        self.error = None
        with self.hold_sync():
            self.status = {**IDLE, "key": request.key}
            self._publish()

    def show_error(self, request: TinyObjectsRun, error: Exception) -> None:
        """For the calculator: publish what went wrong, in words, and what had been found."""
        with self.hold_sync():
            super().show_error(request, error)
            self._publish()

    def show_view(self, request: View, looked: ExplainedImage) -> None:
        """For the calculator of maps: publish those of the chosen object or pair."""
        found, things = self._found, self._chosen
        if found is None or self._view != request:
            return
        known = looked.selected.annotations.tolist()
        if not {thing["annotation"] for thing in things} <= set(known):
            raise RuntimeError("the detector does not find it in this image again; run once more")
        rows = [known.index(thing["annotation"]) for thing in things]
        numbers = [found.numbers[request.image, thing["annotation"]] for thing in things]
        key = f"{request.key}#{','.join(map(str, numbers))}"
        with self.hold_sync():
            if self.photo.get("image") != request.image:
                self.photo = {**serialize.pack_photo(looked.sample.image), "image": request.image}
            self.map_data = pack_view(key, numbers, looked, rows)
            self.view_status = {**IDLE, "key": key}

    def to_code(self) -> str:
        """The Python that makes what is shown."""
        return self._how.code(self._sources, list(self.methods), self.measure, self.limit, self._chosen)

    @property
    def _result(self) -> TinyObjectsRun:
        self.wait()
        if self._found is None:
            raise RuntimeError(f"there is no run yet: {self.status['text'] or 'call run() first'}") from self.error
        return self._found

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
        found = self._found
        if found is None:
            return []
        if self.selected is not None:
            return [found.things[self.selected]]
        return [] if self.selected_pair is None else [found.things[n] for n in found.couples[self.selected_pair]]

    @property
    def _view(self) -> View | None:
        things = self._chosen
        return View(self._found.key, things[0]["image"]) if things and self._found is not None else None

    def _calculator(self) -> BackgroundWorker:
        self._viewer = BackgroundWorker(self._see, Viewing(self), self._lock, bytes_of)
        self._viewer.kept.limit = _MOST_KEPT
        # Each image takes its turn, so that a clicked object need not wait for the whole run.
        return BackgroundWorker(self._compute, self, self._lock, self._size, nullcontext())

    def _compute(self, found: TinyObjectsRun, progress: Progress | None) -> TinyObjectsRun:
        for number in range(found.total):

            def report(done: int, total: int, before: int = number) -> None:
                if progress is not None:
                    progress(_PARTS * before + _PARTS * done // max(total, 1), _PARTS * found.total)

            report(0, 1)
            self._viewer.wait()
            with COMPUTING:
                looked = self._how.look(self._detector, self._samples, number, found.methods, report)
                rows = found.measure(looked)
            report(1, 1)
            # Never inside COMPUTING, for which whoever holds the lock may be waiting.
            with self._lock:
                if self._found is found:
                    self._take(found, looked, rows)
        return found

    def _take(self, found: TinyObjectsRun, looked: ExplainedImage | None, rows: Rows) -> None:
        found.add(*rows)
        if looked is not None:
            view = View(found.key, looked.number)
            self._viewer.kept.add(view.key, slim(looked))
        count, before = self._published
        enough = len(found.things) > count + count // 50
        if enough and time.monotonic() - before > _PUBLISH_EVERY:
            self._publish()

    def _publish(self) -> None:
        found = self._found
        if found is None:
            return
        self._published = (len(found.things), time.monotonic())
        ended = self._maker.busy is not found
        stopped = ended and found.done < found.total and self.wanted != ""
        note = f"Stopped before its end: {found.done} of {found.total} images." if stopped else ""
        self.table = tiny_objects_run.to_payload(found, note, ended)

    def _see(self, view: View, progress: Progress | None) -> ExplainedImage:
        found = self._found
        methods = self.methods if found is None else found.methods
        looked = self._how.look(self._detector, self._samples, view.image, methods, progress)
        if looked is None:
            raise RuntimeError("the detector finds nothing in this image any more; run once more")
        return slim(looked)

    def _stop(self) -> None:
        if self._maker.drop():
            self.status = dict(IDLE)
            self._publish()

    def _leave(self) -> None:
        if self._viewer.drop():
            self.view_status = dict(IDLE)

    def _message(self, _: Any, content: Mapping[str, Any], buffers: Any) -> None:
        """From the browser: to run, to cancel a run, or to leave the maps of a clicked object."""
        kind = content.get("type")
        with self._lock:
            if kind == "run":
                self.run()
            elif kind == "cancel":
                self._stop()
            elif kind == "leave":
                self._leave()

    def _problem(self, trait: str, value: Any) -> str | None:
        found = self._found
        allowed = {"measure": tuple(MEASURES), "boxes": ("all", "selected")}
        if trait in allowed:
            known = ", ".join(map(repr, allowed[trait]))
            return None if value in allowed[trait] else f"{trait} is one of {known}; got {value!r}"
        if trait == "methods":
            offered = list(self._offer.methods)
            if len(set(value)) == len(value) <= MOST_METHODS and set(value) <= set(offered):
                return None
            return f"methods are up to {MOST_METHODS} different ones of {', '.join(offered)}; got {value}"
        if trait == "limit":
            fine = value is None or value >= 1
            return None if fine else f"limit is a number of images, 1 or more, or None for all; got {value!r}"
        if trait in ("selected", "selected_pair"):
            count = 0 if found is None else len(found.things if trait == "selected" else found.couples)
            if value is None or 0 <= value < count:
                return None
            there = f"None or one of 0 to {count - 1}" if count else "None, as nothing was found yet"
            return f"{trait} is {there}; got {value!r}"
        return self._offer.problem(trait, value, 0)

    @traitlets.validate("methods", "limit", "selected", "selected_pair", *_OPTIONS)
    def _allowed(self, proposal: Any) -> Any:
        return self._validated(proposal)

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
        view = self._view
        looked: ExplainedImage | None = None if view is None else self._viewer.kept.get(view.key)
        return looked

    def _picture(self) -> bytes:
        return tiny_objects.tiny_objects_png(self._photo_picture())

    def _photo_picture(self) -> Any:
        with self._lock:
            found, looked, things = self._found, self._shown(), self._chosen
        if found is None or not found.things:
            return tiny_objects.words(self.status["text"] or self.notice or "This has not run yet.")
        wanted = [thing["annotation"] for thing in things]
        return tiny_objects.picture(found, self.measure, looked, wanted, self.opacity)
