"""SanityCheck: whether an object's map depends on what the detector has learnt, as its weights are randomised."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

import traitlets
from PIL import Image

from detxai_nb import sanity
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.image import ImageSource
from detxai_nb.types import Detections, Detector, OpenDetector, Progress
from detxai_nb.widgets import sanity_check_run
from detxai_nb.widgets.sanity_check_run import (
    MEASURES,
    Check,
    SanityRun,
    UnfinishedMap,
)
from detxai_nb.widgets.sanity_check_view import check_payload, figures_of, judged, shown_methods
from detxai_nb.widgets.shared.filters import FILTERS, FilterOptions, FilterTraits
from detxai_nb.widgets.shared.forecast import ASK_FROM
from detxai_nb.widgets.shared.improving import Pace
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.options import KINDS, SignedLookOptions, WidgetOptions, show_widget_options, split_options
from detxai_nb.widgets.shared.traits import BOXES, Choice, Count, Seeds, SignedLookTraits, SomeOf
from detxai_nb.widgets.shared.typed_classes import TypedClasses, class_choices
from detxai_nb.widgets.shared.widget import IDLE, STATIC
from detxai_nb.widgets.shared.worker import COMPUTING, bytes_of_maps
from detxai_nb.widgets.snapshots import grid, picture

MOST_METHODS = 3
_CHOSEN = ("methods", "selected", "mode", "layers", "seeds")
_MODE_TITLES = {"cascading": "Cascading", "independent": "Independent"}


class SanityCheckOptions(SignedLookOptions, FilterOptions, total=False):
    """First values of further traits of the SanityCheck.

    Attributes:
        selected, measure, seed, step, selected_method: as the traits.
    """

    selected: int | None
    measure: str
    seed: int
    step: int
    selected_method: str


@show_widget_options(SanityCheckOptions)
class SanityCheck(TypedClasses, FilterTraits, SignedLookTraits):
    """The maps of one object, or class, as the network's weights are randomised, and the verdict on each method.

    Nothing runs before ``run()`` or its button: a check computes every method once for each stage and seed. Before one
    that takes longer than a minute the button says how long and asks; ``run()`` does not. It runs in a thread beside
    the kernel and shows what it has found so far, which stays if it is cancelled. Until it has ended, the detector's
    weights are not the trained ones: do not use the detector in a cell meanwhile.

    Of an image classifier one of its classes is checked: the most probable ones are listed, and any other once its name
    is typed, or by ``add_class``.

    What next: ``Explorer`` shows one object's map large, ``Comparison`` what metrics say of it.

    Args:
        detector: one with a ``module``, or the name of one.
        image: the photograph, anything that ``load_image`` takes.
        detections: the objects, from ``detector.detect([image])``; by default what the detector finds with at least
            ``score_threshold``. Of a classifier the classes to list.
        methods: one to three names of ``dx.methods``; by default ODAM and Grad-CAM.
        mode: "cascading" (from the output down, all stages so far) or "independent" (one stage at a time).
        layers: a preset of ``sanity.stages``.
        seeds: of the random weights.
        score_threshold: the lowest score of an object, 0..1; of a classifier as in the Explorer.
        **options: first values of the traits below, and settings of methods, which go to the methods that have them.

    Attributes:
        selected: index of the object or class to check.
        min_score, only_class, search: filters of the objects to choose from and of their boxes, as in the Explorer.
        methods, mode, layers, seeds: as above; they hold for the next run.
        selected_method, step: the cell in focus; step 0 is the trained network.
        seed: the seed whose maps are shown.
        measure: of the curve and below the maps: "spearman", "spearman_abs", "ssim" or "hog".
        opacity: of the map, 0..1.
        hide_below: evidence below this share of the range of colours is not drawn, 0..1.
        percentile: values from this percentile of a map's cells on have the last colour, above 0, up to 100.
        colormap, signed_colormap: names of a sequential and a diverging colour map.
        boxes: "all" or "selected".
        wanted: the key of the check that is chosen, "" if there is nothing to run; for the browser.
        question: what to ask before the check that is chosen runs, "" for nothing; for the browser.

    Raises:
        TypeError: for an unknown option, a detector without a module, or what is no detector or Detections.
        ValueError: for a wrong setting of a method.
        TraitError: for a wrong value of a trait, also later; the message names the allowed ones.
    """

    _size = staticmethod(lambda result: sum(map(bytes_of_maps, result.maps.values())))
    _esm = STATIC / "sanity_check.js"
    _css = STATIC / "sanity_check.css"

    methods = SomeOf(lambda widget: tuple(widget._options.methods), MOST_METHODS)
    mode = Choice(sanity.MODES, "cascading")
    layers = Choice(sanity.PRESETS, "papers")
    seeds = Seeds()
    measure = Choice(tuple(MEASURES), "spearman")
    selected_method = traitlets.Unicode().tag(sync=True)
    step = Count(0, "the number of a step")
    seed = Count(0, "a whole number")
    boxes = Choice(BOXES, "selected")
    wanted = traitlets.Unicode().tag(sync=True)
    question = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        detector: Detector | str,
        image: ImageSource,
        detections: Detections | None = None,
        *,
        methods: Sequence[str] | None = None,
        mode: str = "cascading",
        layers: str = "papers",
        seeds: Sequence[int] = (0, 1, 2),
        score_threshold: float = 0.3,
        **options: Any,
    ) -> None:
        traits, settings = split_options(options, SanityCheckOptions)
        inputs = WidgetInputs.of(detector, image, detections, score_threshold)
        self._options = WidgetOptions.of(inputs.detector, settings, KINDS)
        started = time.perf_counter()
        found = sanity.stages(inputs.detector, inputs.image)  # raises for a detector without a module
        self._pass_seconds, self._stages = time.perf_counter() - started, {"papers": len(found)}
        self._pace = Pace()
        self._found: SanityRun | None = None
        self._unfinished: UnfinishedMap | None = None
        self._result: sanity.SanityResult | None = None
        self._shown: Check | None = None
        chosen = self._options.first(2) if methods is None else list(methods)
        super().__init__(
            inputs,
            choices={
                **self._options.to_payload(),
                **class_choices(inputs),
                "modes": [{"name": name, "title": _MODE_TITLES[name]} for name in sanity.MODES],
                "presets": [{"name": name, "title": name.capitalize()} for name in sanity.PRESETS],
                "measures": [{"name": name, "title": title} for name, title in MEASURES.items()],
                "most_methods": MOST_METHODS,
            },
            methods=chosen,
            mode=mode,
            layers=layers,
            seeds=list(seeds),
            **{"seed": next(iter(seeds), 0), "selected_method": chosen[0] if chosen else "", **traits},
        )
        self.wanted = self._wanted.key if self._wanted else ""

    @property
    def result(self) -> sanity.SanityResult:
        """The result that is shown: of the last check, or what it had when it was cancelled; waits for a running check.

        Raises:
            RuntimeError: if no check has run yet.
        """
        self.wait()
        if self._result is None or not self._result.originals:
            raise RuntimeError(f"there is no check yet: {self.status['text'] or 'call run() first'}") from self.error
        return self._result

    def run(self) -> None:
        """Run the check that is chosen, in a thread; a running one is given up.

        Raises:
            RuntimeError: if no object or no method is chosen.
        """
        with self._lock:
            check = self._wanted
            if check is None:
                asked = f"select {'a class' if self._inputs.subject.whole else 'an object'} and at least one method"
                raise RuntimeError(f"nothing to check: {self.notice or asked}")
            self.question = ""
            self._pace = Pace()
            self._worker.kept.clear()
            self._worker.ask(check)

    def cancel(self) -> None:
        """Stop the running check, if there is one, and show what it had found."""
        with self._lock:
            check = self._worker.busy
            if not self._worker.drop():
                return
            found, self._found = self._found, None
            self.status = dict(IDLE)
            self._keep(check, found)

    def show_maps(self, request: Check, maps: sanity.SanityResult, new: bool) -> None:
        """Publish what was found; called by the worker.

        Args:
            request: the check.
            maps: its result.
            new: whether it was computed just now.
        """
        found, self._found = self._found, None
        if found is not None:
            self._publish(found, maps, None, check_payload(found, maps))
        self.status = {**IDLE, "key": request.key}

    def show_error(self, request: Check, error: Exception) -> None:
        """Publish that a check failed, in words, and what it had found; called by the worker.

        Args:
            request: the check.
            error: what it raised.
        """
        found, self._found = self._found, None
        super().show_error(request, error)
        self._keep(request, found)
        self.error = error

    def _keep(self, check: Check, found: SanityRun | None) -> None:
        """Show what a check had found when it ended early."""
        # If that one has not begun, what is left is another's.
        if found is not None and found.check == check and not found.empty:
            unfinished = found.unfinished.settled() if found.unfinished is not None else None
            result = found.result()
            self._publish(found, result, unfinished, check_payload(found, result, False, unfinished))

    @classmethod
    def _page_state(cls, state: dict[str, Any]) -> dict[str, Any]:
        """What is shown is what was checked."""
        return {**state, "wanted": state["map_data"].get("key", ""), "question": ""}

    def _page_prepare(self) -> None:
        """There is a result, or ``RuntimeError``."""
        self.result  # noqa: B018

    def to_code(self) -> str:
        """Return the Python code that runs the check that is chosen.

        Returns:
            Python source.
        """
        own = self._settings()
        settings = f", method_settings={own!r}" if any(own.values()) else ""
        index = 0 if self.selected is None else self.selected
        return self._inputs.recipe.script(
            [
                f"randomization = dx.sanity.Randomization(mode={self.mode!r}, layers={self.layers!r}, "
                f"seeds={tuple(self.seeds)!r})",
                f"result = dx.sanity.check(detector, image, detections[[{index}]], {list(self.methods)!r}, "
                f"randomization=randomization{settings})",
                "print(result.verdict())",
                *self._filter_code(),
            ]
        )

    @property
    def _wanted(self) -> Check | None:
        if self.selected is None or not self.methods:
            return None
        return Check(tuple(self.methods), self.selected, self.mode, self.layers, tuple(self.seeds))

    def _settings(self) -> dict[str, dict[str, Any]]:
        """What the caller gave for methods, by method."""
        known = self._options.methods
        given = self._options.settings
        return {m: {k: v for k, v in given.items() if k in known[m].defaults} for m in self.methods}

    def _compute(self, request: Check, progress: Progress | None) -> sanity.SanityResult:
        one = self.detections[[request.index]]
        # The constructor has refused a detector whose stages it cannot find.
        detector = cast(OpenDetector, self._inputs.detector)
        found = sanity_check_run.begin(detector, self._inputs.image, one, request)
        self._found = found
        return sanity_check_run.run(detector, found, self._settings(), progress, lambda: self._look_in(found))

    def _look_in(self, found: SanityRun) -> None:
        """Show what a running check has found, as often as that costs little; called by the worker."""
        if found.empty or not self._pace.due:
            return
        pace, began = self._pace, time.monotonic()
        # Outside the lock: whoever cancels takes it, and is not to wait for figures.
        unfinished, result = found.unfinished, found.result()
        package = check_payload(found, result, True, unfinished)
        if not self._lock.acquire(blocking=False):
            return
        try:
            if self._worker.busy == found.check and self._found is found:
                self._publish(found, result, unfinished, package)
        finally:
            self._lock.release()
        pace.spent(began)

    def _publish(
        self, found: SanityRun, result: sanity.SanityResult, unfinished: UnfinishedMap | None, package: dict[str, Any]
    ) -> None:
        self._shown, self._result, self._unfinished, self.error = found.check, result, unfinished, None
        with self.hold_sync():
            if self.seed not in package["seeds"] and package["seeds"]:
                self.seed = package["seeds"][0]
            self.map_data = package

    def _message(self, _: Any, content: Mapping[str, Any], buffers: Any) -> None:
        super()._message(_, content, buffers)
        if content.get("type") == "run" and self._wanted is not None:
            self.question = "" if content.get("sure") else self._ask()
            if not self.question:
                self.run()

    def _ask(self) -> str:
        """What to ask before the check that is chosen runs, "" where it is quick."""
        check = self._wanted
        if check is None:
            return ""
        # Counting stages runs the detector, which a check may be changing: then those of the default do.
        if check.layers not in self._stages and COMPUTING.acquire(blocking=False):
            try:
                found = sanity.stages(cast(OpenDetector, self._inputs.detector), self._inputs.image, check.layers)
            finally:
                COMPUTING.release()
            self._stages[check.layers] = len(found)
        steps = self._stages.get(check.layers, self._stages["papers"])
        seconds, said = sanity_check_run.forecast_of(check, self._pass_seconds, steps, self._settings())
        return said if seconds > ASK_FROM else ""

    @traitlets.observe(*_CHOSEN, *FILTERS)
    def _changed(self, change: Any) -> None:
        if self._ready:
            self.code = self.to_code()
        if self._ready and change["name"] in _CHOSEN:
            self.question = ""
            self.wanted = self._wanted.key if self._wanted else ""

    def _grid(self) -> grid.Grid:
        """What the browser shows, to be drawn here."""
        with self._lock:
            result, check, unfinished = self._result, self._shown, self._unfinished
            running = self._worker.busy is not None
        image = self._inputs.image
        if result is None or check is None:
            said = self.status["text"] or self.notice or "The sanity check has not run yet."
            return grid.Grid([], [], image, said)
        figures = figures_of(result)[self.measure]
        lines = []
        for method in shown_methods(result, unfinished):
            words = judged(result, method, running, unfinished)
            states: list[HeatMaps | None] = [result.originals.get(method)]
            states += [result.maps.get((method, s.number, self.seed)) for s in result.steps]
            if unfinished is not None and method == unfinished.method and unfinished.seed in (-1, self.seed):
                states[unfinished.number] = unfinished.maps
            cells = []
            for number, maps in enumerate(states):
                value = figures.get(sanity_check_run.state_key(method, number, self.seed))
                text = [] if value is None else [f"{MEASURES[self.measure]}  {value:.2f}"]
                look = picture.look_of(self, maps)
                scene = picture.Snapshot(image, self.objects, check.index, maps, look, row=0, hidden=self._hidden)
                cells.append(grid.Cell(scene, text))
            lines.append(grid.Line(sanity_check_run.title_of(method), [words["verdict"], words["words"]], cells))
        return grid.Grid([sanity_check_run.TRAINED, *(s.stage for s in result.steps)], lines, image, self.notice)

    def _picture(self) -> bytes:
        return grid.grid_png(self._grid())

    def _photo_picture(self) -> Image.Image:
        return grid.draw_grid(self._grid())
