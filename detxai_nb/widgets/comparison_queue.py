"""In which batches a Comparison computes: white-box methods together for the shown objects, others one by one."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detxai_nb.explaining.explain import compare, explain
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.types import Cancelled, Progress
from detxai_nb.widgets.comparison_scores import ScoredMaps
from detxai_nb.widgets.shared.code import keywords
from detxai_nb.widgets.shared.filters import FilterOptions
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.options import Request, SignedLookOptions, WidgetOptions, method_title

_COMMON = ("method", "target", "layer")


class ComparisonOptions(SignedLookOptions, FilterOptions, total=False):
    """Further keyword arguments of the Comparison.

    Attributes:
        layer, score_threshold, selected, sort, sort_object, scale: as documented there.
    """

    layer: str | None
    score_threshold: float
    selected: int | None
    sort: str
    sort_object: int | None
    scale: str


@dataclass(frozen=True)
class MethodBatch:
    """One computation of maps by one or more methods.

    Attributes:
        request: the first method's maps.
        rows: the objects, in order.
        others: maps of further methods that share its forward pass.
        white_box: whether the methods need the detector's activations or gradients.
    """

    request: Request
    rows: tuple[int, ...]
    others: tuple[Request, ...] = ()
    white_box: bool = False

    @property
    def key(self) -> str:
        """The key of the first request, and the objects."""
        return f"{self.request.key}#{','.join(map(str, self.rows))}"

    @property
    def title(self) -> str:
        """The computation in words, such as "ODAM of the class score" or "ODAM, LayerCAM of the class score"."""
        if not self.others:
            return self.request.title
        before = "".join(f"{method_title(r.method)}, " for r in self.others)
        return before + self.request.title


def next_batch(
    requests: Sequence[Request],
    known: Mapping[str, ScoredMaps],
    wanted: Collection[int],
    count: int,
    options: WidgetOptions,
) -> MethodBatch | None:
    """Return what to compute next: the wanted objects that white-box methods lack, then the others one by one.

    A method that only asks the detector explains all objects at once, from the same answers.

    Args:
        requests: what the grid shows and what has not ended otherwise.
        known: what there is, by key.
        wanted: numbers of objects.
        count: of all objects.
        options: of the widget.

    Returns:
        A batch, or None if nothing is missing.
    """

    def missing(request: Request) -> tuple[int, ...]:
        have = known[request.key].rows if request.key in known else ()
        rows = range(count) if options.methods[request.method].kind == "perturbation" else sorted(wanted)
        return tuple(row for row in rows if row not in have)

    white = [r for r in requests if options.methods[r.method].kind != "perturbation"]
    lacking = [(r, rows) for r in white if (rows := missing(r))]
    if lacking:
        first, rows = lacking[0]
        return MethodBatch(first, rows, tuple(r for r, same in lacking[1:] if same == rows), white_box=True)
    asking = [(r, rows) for r in requests if r not in white and (rows := missing(r))]
    return MethodBatch(*asking[0]) if asking else None


def explain_batch(
    batch: MethodBatch,
    inputs: WidgetInputs,
    options: WidgetOptions,
    progress: Progress | None,
    enough: threading.Event,
) -> dict[str, HeatMaps]:
    """Compute the maps of a batch.

    Methods that cannot explain the target are left to a batch of their own, which then fails with the reason.

    Args:
        batch: what to compute.
        inputs: detector, photograph and objects.
        options: of the widget.
        progress: called with the steps done and their number; what it raises ends the computation.
        enough: once it is set, a black-box method ends with what it has.

    Returns:
        Maps of the batch's objects by the key of their request, at least those of the first request.

    Raises:
        RuntimeError: if a black-box method was stopped before it had a map.
    """
    first = options.arguments(batch.request)
    detector, image, detections = inputs.detector, inputs.image, inputs.detections[list(batch.rows)]
    if not batch.white_box:
        try:
            maps = explain(detector, image, detections, progress=_until(enough, progress), **first)
        except Cancelled as cancelled:
            if enough.is_set():
                raise RuntimeError("it was stopped before it had a map") from cancelled
            raise
        return {batch.request.key: maps}
    able = [r for r in batch.others if _can_explain(options, r)] if _can_explain(options, batch.request) else []
    requests = [batch.request, *able]
    found = compare(
        detector,
        image,
        detections,
        methods=[r.method for r in requests],
        target=first["target"],
        layer=first["layer"],
        settings={r.method: _own(options, r) for r in requests},
        progress=progress,
    )
    return {r.key: found[r.method] for r in requests}


def to_code(requests: Sequence[Request], options: WidgetOptions, focus: tuple[str, int | None]) -> list[str]:
    """Return the code that makes the maps of some requests, and picks one of them.

    Args:
        requests: they differ in their method alone.
        options: of the widget.
        focus: a method and an object, or None for no object; nothing is picked where the method is not among them.

    Returns:
        Lines of Python source.
    """
    if not requests:
        return ["maps = {}  # no method is chosen"]
    calls = {request.method: options.call(request) for request in requests}
    own = {method: {k: v for k, v in call.items() if k not in _COMMON} for method, call in calls.items()}
    settings = [f"{m!r}: {{{', '.join(f'{k!r}: {v}' for k, v in one.items())}}}" for m, one in own.items() if one]
    call = {"methods": repr(list(calls)), "target": next(iter(calls.values()))["target"]}
    layers = [request.layer for request in requests if request.layer]
    if layers:
        call["layer"] = repr(layers[0])
    if settings:
        call["settings"] = f"{{{', '.join(settings)}}}"
    method, index = focus
    picked = f"heat_map = maps[{method!r}].values[{index}]  # float32 [H, W], raw"
    made = f"maps = dx.compare(detector, image, detections, {keywords(call)})"
    return [made, picked] if index is not None and method in calls else [made]


def _own(options: WidgetOptions, request: Request) -> dict[str, Any]:
    return {k: v for k, v in options.arguments(request).items() if k not in _COMMON}


def _can_explain(options: WidgetOptions, request: Request) -> bool:
    method, target = options.methods[request.method], options.arguments(request)["target"]
    return target.part in method.parts and target.score in method.scores


def _until(enough: threading.Event, progress: Progress | None) -> Progress:
    def report(done: int, total: int) -> None:
        if enough.is_set():
            raise Cancelled("enough")
        if progress is not None:
            progress(done, total)

    return report
