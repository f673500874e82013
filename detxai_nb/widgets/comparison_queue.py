"""In which batches a Comparison computes: white-box methods together, black-box methods one by one."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detxai_nb.explaining.explain import compare, explain
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.metrics.scoring import Figures, means
from detxai_nb.types import Cancelled, Progress
from detxai_nb.widgets.shared.code import keywords
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.options import Request, SignedLookOptions, WidgetOptions, method_title

_COMMON = ("method", "target", "layer")


class ComparisonOptions(SignedLookOptions, total=False):
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
        others: maps of further methods that share its forward pass.
        white_box: whether the methods need the detector's activations or gradients.
    """

    request: Request
    others: tuple[Request, ...] = ()
    white_box: bool = False

    @property
    def key(self) -> str:
        """The key of the first request."""
        return self.request.key

    @property
    def title(self) -> str:
        """The computation in words, such as "ODAM of the class score" or "ODAM, LayerCAM of the class score"."""
        if not self.others:
            return self.request.title
        before = "".join(f"{method_title(r.method)}, " for r in self.others)
        return before + self.request.title


@dataclass(frozen=True, eq=False)
class ScoredMaps:
    """One method's maps and their scores.

    Attributes:
        maps: of all objects.
        figures: by metric one value for each object.
    """

    maps: HeatMaps
    figures: Figures


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
        Maps by the key of their request, at least those of the first request.

    Raises:
        RuntimeError: if a black-box method was stopped before it had a map.
    """
    first = options.arguments(batch.request)
    detector, image, detections = inputs.detector, inputs.image, inputs.detections
    if not batch.white_box:
        try:
            maps = explain(detector, image, detections, progress=_until(enough, progress), **first)
        except Cancelled as cancelled:
            if enough.is_set():
                raise RuntimeError("it was stopped before it had a map") from cancelled
            raise
        return {batch.key: maps}
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


def stopped_early(maps: HeatMaps) -> bool:
    """Return whether maps are those of a method that a person stopped.

    Args:
        maps: any.

    Returns:
        True for maps of a stopped method.
    """
    return maps.settings.get("stopped") == "cancelled"


def remark(maps: HeatMaps) -> str:
    """Return the cost of maps in a few words.

    Args:
        maps: any.

    Returns:
        Such as "1.20 s, 800 masks".
    """
    said = [f"{maps.seconds:.2f} s" if maps.seconds < 10 else f"{maps.seconds:.0f} s"]
    if "masks made" in maps.settings:
        said.append(f"{maps.settings['masks made']} masks")
    if stopped_early(maps):
        said.append("stopped by hand")
    return ", ".join(said)


def comparison_row(key: str, scored: ScoredMaps | None, ended: tuple[str, str], shown: Sequence[int]) -> dict[str, Any]:
    """Return what the browser shows of one method.

    Args:
        key: of its request.
        scored: its maps and scores, or None if it has none yet.
        ended: its state and a text, if it has no maps.
        shown: the objects in the grid, over which means are taken.

    Returns:
        State, texts, the metrics' and the method's own figures by object, and means.
    """
    state, text = ("ok", "") if scored is not None else ended
    return {
        "key": key,
        "state": state,
        "text": text,
        "remark": "" if scored is None else remark(scored.maps),
        "figures": {} if scored is None else diagnostics_of(scored.maps),
        "metrics": {} if scored is None else scored.figures,
        "mean": {} if scored is None else means(scored.figures, shown),
    }


def best_first(
    rows: Mapping[str, Mapping[str, Any]], metric: str, index: int | None, higher: Mapping[str, bool]
) -> list[str]:
    """Return the methods by a metric, the best first; those without a value come last.

    Equal ones stay in the order of ``rows``.

    Args:
        rows: by method its row from ``comparison_row``.
        metric: a metric's name; "" for the order of ``rows``.
        index: the object that counts; None for the mean.
        higher: whether more is better, by metric.

    Returns:
        The methods' names.
    """
    if not metric:
        return list(rows)

    def place(method: str) -> tuple[bool, float]:
        row = rows[method]
        value = row["mean"].get(metric) if index is None else row["metrics"].get(metric, {index: None})[index]
        if value is None:
            return True, 0.0
        return False, -value if higher[metric] else value

    return sorted(rows, key=place)


def to_code(requests: Sequence[Request], options: WidgetOptions) -> list[str]:
    """Return the code that makes the maps of some requests.

    Args:
        requests: they differ in their method alone.
        options: of the widget.

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
    return [f"maps = dx.compare(detector, image, detections, {keywords(call)})"]


def diagnostics_of(maps: HeatMaps) -> dict[str, list[float | None]]:
    """Return what a method itself reports of each map.

    Args:
        maps: any.

    Returns:
        Values by name; None for one that is not finite.
    """
    return {name: [v if math.isfinite(v) else None for v in values] for name, values in maps.diagnostics.items()}


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
