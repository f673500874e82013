"""SanityCheck: whether an object's map depends on what the detector has learnt, seen as its weights fall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import traitlets

from detxai_nb import sanity
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.types import Detections, Detector, Progress
from detxai_nb.widgets import sanity_check_run
from detxai_nb.widgets.sanity_check_run import MEASURES, Check, SanityRun
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.options import WidgetOptions, split_options
from detxai_nb.widgets.shared.widget import IDLE, STATIC, PhotoWidget
from detxai_nb.widgets.shared.worker import bytes_of_maps
from detxai_nb.widgets.snapshots import grid, picture

KINDS = ("gradient", "trace", "perturbation")
MOST_METHODS = 3
_LOOK = ("opacity", "threshold", "colormap", "signed_colormap", "boxes")
_OPTIONS = ("selected", "measure", "seed", "step", "selected_method", *_LOOK)
_CHOSEN = ("methods", "selected", "mode", "layers", "seeds")
_BOXES = ("all", "selected")
_MODE_TITLES = {"cascading": "Cascading", "independent": "Independent"}


class SanityCheck(PhotoWidget):
    """The maps of one object again and again as the detector loses its weights, and the verdict on each method.

    Traits that go both ways: ``selected`` (index of the object), ``methods`` (one to three names), ``mode``
    ("cascading" or "independent"), ``layers`` (a preset of ``sanity.stages``), ``seeds``; which part is in focus:
    ``selected_method``, ``step`` (0: the trained network), ``seed`` (whose maps are shown), ``measure`` (of the curve
    and below the maps); and how it looks: ``opacity``, ``threshold``, ``colormap``, ``signed_colormap``, ``boxes``.

    Nothing runs before ``run()`` or its button: a check computes every method once for each stage and seed. It runs in
    a thread beside the kernel and can be cancelled, and then keeps what it had. Until it has ended the detector's
    weights are not the trained ones: do not use it in a cell meanwhile.
    """

    _size = staticmethod(lambda result: sum(map(bytes_of_maps, result.maps.values())))
    _esm = STATIC / "sanity_check.js"
    _css = STATIC / "sanity_check.css"

    methods: Any = traitlets.List(traitlets.Unicode()).tag(sync=True)
    mode = traitlets.Unicode().tag(sync=True)
    layers = traitlets.Unicode().tag(sync=True)
    seeds: Any = traitlets.List(traitlets.Int()).tag(sync=True)
    measure = traitlets.Unicode("spearman").tag(sync=True)
    selected_method = traitlets.Unicode().tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)
    opacity = traitlets.Float(0.75).tag(sync=True)
    threshold = traitlets.Float(0.0).tag(sync=True)
    colormap = traitlets.Unicode("viridis").tag(sync=True)
    signed_colormap = traitlets.Unicode("RdBu_r").tag(sync=True)
    boxes = traitlets.Unicode("selected").tag(sync=True)
    wanted = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        detector: Detector | str,
        image: Any,
        detections: Detections | None = None,
        *,
        methods: Sequence[str] | None = None,
        mode: str = "cascading",
        layers: str = "papers",
        seeds: Sequence[int] = (0, 1, 2),
        score_threshold: float = 0.3,
        **options: Any,
    ) -> None:
        """``detector``: one with a ``module``. ``image``, ``detections``, ``score_threshold``, ``options``: as for
        Explorer. ``methods``: by default the first two that can run.
        """
        traits, settings = split_options(options, _OPTIONS)
        subject = WidgetInputs.of(detector, image, detections, score_threshold)
        self._offer = WidgetOptions.of(subject.detector, settings, KINDS)
        sanity.stages(subject.detector, subject.image)  # raises for a detector without a module
        self._found: SanityRun | None = None
        self._result: sanity.SanityResult | None = None
        self._shown: Check | None = None
        chosen = list(self._offer.methods)[:2] if methods is None else list(methods)
        super().__init__(
            subject,
            choices={
                **self._offer.packed(),
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
        """What is shown: the last check, or what it had when it was cancelled; waits for a computation under way."""
        self.wait()
        if self._result is None:
            raise RuntimeError(f"there is no check yet: {self.status['text'] or 'call run() first'}") from self.error
        return self._result

    def run(self) -> None:
        """Run the check that is chosen, in a thread; one under way is given up."""
        with self._lock:
            check = self._wanted
            if check is None:
                raise RuntimeError(f"nothing to check: {self.notice or 'select an object and at least one method'}")
            self._maker.kept.clear()
            self._maker.ask(check)

    def cancel(self) -> None:
        """Stop the check under way, if there is one, and show what it had found."""
        with self._lock:
            check = self._maker.busy
            if not self._maker.drop():
                return
            found, self._found = self._found, None
            self.status = dict(IDLE)
            # Where that one has not begun, what is left is another's.
            if found is not None and found.check == check and found.maps:
                self._publish(found.check, found.result())

    def show_maps(self, request: Check, maps: sanity.SanityResult, new: bool) -> None:
        """For the calculator: publish what was found."""
        self._found = None
        self._publish(request, maps)
        self.status = {**IDLE, "key": request.key}

    def to_code(self) -> str:
        """The Python that runs the check that is chosen."""
        own = self._settings()
        settings = f", method_settings={own!r}" if any(own.values()) else ""
        index = 0 if self.selected is None else self.selected
        return self._subject.recipe.script(
            [
                f"randomization = dx.sanity.Randomization(mode={self.mode!r}, layers={self.layers!r}, "
                f"seeds={tuple(self.seeds)!r})",
                f"result = dx.sanity.check(detector, image, detections[[{index}]], {list(self.methods)!r}, "
                f"randomization=randomization{settings})",
                "print(result.verdict())",
            ]
        )

    @property
    def _wanted(self) -> Check | None:
        if self.selected is None or not self.methods:
            return None
        return Check(tuple(self.methods), self.selected, self.mode, self.layers, tuple(self.seeds))

    def _settings(self) -> dict[str, dict[str, Any]]:
        """What the caller gave for methods, by method."""
        known = self._offer.methods
        given = self._offer.settings
        return {m: {k: v for k, v in given.items() if k in known[m].defaults} for m in self.methods}

    def _compute(self, request: Check, progress: Progress | None) -> sanity.SanityResult:
        one = self.detections[[request.index]]
        found = sanity_check_run.begin(self._subject.detector, self._subject.image, one, request)
        self._found = found
        return sanity_check_run.run(self._subject.detector, one, found, self._settings(), progress)

    def _publish(self, check: Check, result: sanity.SanityResult) -> None:
        self._shown, self._result, self.error = check, result, None
        package = sanity_check_run.to_payload(check, result)
        with self.hold_sync():
            if self.seed not in result.seeds and result.seeds:
                self.seed = result.seeds[0]
            self.map_data = package

    def _message(self, _: Any, content: Mapping[str, Any], buffers: Any) -> None:
        super()._message(_, content, buffers)
        if content.get("type") == "run":
            self.run()

    def _problem(self, trait: str, value: Any) -> str | None:
        allowed = {"mode": sanity.MODES, "layers": sanity.PRESETS, "measure": tuple(MEASURES), "boxes": _BOXES}
        if trait in allowed:
            known = ", ".join(map(repr, allowed[trait]))
            return None if value in allowed[trait] else f"{trait} is one of {known}; got {value!r}"
        if trait == "methods":
            offered = list(self._offer.methods)
            if len(set(value)) == len(value) <= MOST_METHODS and set(value) <= set(offered):
                return None
            return f"methods are up to {MOST_METHODS} different ones of {', '.join(offered)}; got {value}"
        if trait == "seeds":
            fine = len(set(value)) == len(value) > 0 and min(value) >= 0
            return None if fine else f"seeds are different whole numbers from 0, at least one; got {value}"
        if trait in ("step", "seed"):
            return None if value >= 0 else f"{trait} is a whole number from 0; got {value!r}"
        return self._offer.problem(trait, value, len(self._subject.detections))

    @traitlets.validate("methods", "mode", "layers", "seeds", "measure", "step", "seed", "selected", *_LOOK)
    def _allowed(self, proposal: Any) -> Any:
        return self._validated(proposal)

    @traitlets.observe(*_CHOSEN)
    def _changed(self, change: Any) -> None:
        if self._ready:
            self.wanted = self._wanted.key if self._wanted else ""
            self.code = self.to_code()

    def _look(self, maps: HeatMaps) -> picture.Look:
        colors = self.signed_colormap if maps.signed else self.colormap
        return picture.Look(self.opacity, self.threshold, colors, False, self.boxes == "all")

    def _grid(self) -> grid.Grid:
        """What the browser shows, to be drawn here."""
        with self._lock:
            result, check = self._result, self._shown
        image = self._subject.image
        if result is None or check is None:
            said = self.status["text"] or self.notice or "The sanity check has not run yet."
            return grid.Grid([], [], image, said)
        figures = sanity_check_run.to_payload(check, result)["figures"][self.measure]
        lines = []
        for method in result.methods:
            words = sanity_check_run.judged(result, method)
            states: list[HeatMaps | None] = [result.originals[method]]
            states += [result.maps.get((method, s.number, self.seed)) for s in result.steps]
            cells = []
            for number, maps in enumerate(states):
                value = figures.get(f"{method}|{number}|{self.seed}")
                text = [] if value is None else [f"{MEASURES[self.measure]}  {value:.2f}"]
                look = picture.Look(0, 0, "viridis", False) if maps is None else self._look(maps)
                scene = picture.Snapshot(image, self.objects, check.index, maps, look, row=0)
                cells.append(grid.Cell(scene, text))
            lines.append(grid.Line(sanity_check_run.title_of(method), [words["verdict"], words["words"]], cells))
        return grid.Grid([sanity_check_run.TRAINED, *(s.stage for s in result.steps)], lines, image, self.notice)

    def _picture(self) -> bytes:
        return grid.grid_png(self._grid())

    def _photo_picture(self) -> Any:
        return grid.draw_grid(self._grid())
