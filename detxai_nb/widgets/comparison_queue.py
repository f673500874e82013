"""Whose turn it is: methods that look inside the detector are computed together, the others one by one."""

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
from detxai_nb.widgets.shared.options import Request, WidgetOptions, method_title

_COMMON = ("method", "target", "layer")


@dataclass(frozen=True)
class MethodBatch:
    """One computation: ``request``, and ``others`` that come with it at little cost."""

    request: Request
    others: tuple[Request, ...] = ()
    looks_inside: bool = False

    @property
    def key(self) -> str:
        """That of the first request."""
        return self.request.key

    @property
    def title(self) -> str:
        """In words, such as "ODAM of the class score" or "ODAM, LayerCAM of the class score"."""
        if not self.others:
            return self.request.title
        before = "".join(f"{method_title(r.method)}, " for r in self.others)
        return before + self.request.title


@dataclass(frozen=True, eq=False)
class ScoredMaps:
    """One method's maps, and what the metrics say of them."""

    maps: HeatMaps
    figures: Figures


def explain_turn(
    turn: MethodBatch, subject: WidgetInputs, offer: WidgetOptions, progress: Progress | None, enough: threading.Event
) -> dict[str, HeatMaps]:
    """The maps of a turn by request's key, at least those of its first request.

    Methods that cannot explain the target are left to a turn of their own, where that is said. Once ``enough`` is set,
    a method that asks the detector ends with what it has; ``RuntimeError`` where that is nothing.
    """
    first = offer.arguments(turn.request)
    detector, image, detections = subject.detector, subject.image, subject.detections
    if not turn.looks_inside:
        try:
            maps = explain(detector, image, detections, progress=_until(enough, progress), **first)
        except Cancelled as cancelled:
            if enough.is_set():
                raise RuntimeError("it was stopped before it had a map") from cancelled
            raise
        return {turn.key: maps}
    able = [r for r in turn.others if _can_explain(offer, r)] if _can_explain(offer, turn.request) else []
    requests = [turn.request, *able]
    found = compare(
        detector,
        image,
        detections,
        methods=[r.method for r in requests],
        target=first["target"],
        layer=first["layer"],
        settings={r.method: _own(offer, r) for r in requests},
        progress=progress,
    )
    return {r.key: found[r.method] for r in requests}


def stopped_early(maps: HeatMaps) -> bool:
    """Whether these maps are what there was when a person said that it is enough."""
    return maps.settings.get("stopped") == "cancelled"


def remark(maps: HeatMaps) -> str:
    """What these maps took, in a few words."""
    said = [f"{maps.seconds:.2f} s" if maps.seconds < 10 else f"{maps.seconds:.0f} s"]
    if "masks made" in maps.settings:
        said.append(f"{maps.settings['masks made']} masks")
    if stopped_early(maps):
        said.append("stopped by hand")
    return ", ".join(said)


def comparison_row(key: str, judged: ScoredMaps | None, ended: tuple[str, str], shown: Sequence[int]) -> dict[str, Any]:
    """What the browser is told of one method: ``ended`` is its state and what to say of it where it has no maps."""
    state, text = ("ok", "") if judged is not None else ended
    return {
        "key": key,
        "state": state,
        "text": text,
        "remark": "" if judged is None else remark(judged.maps),
        "figures": {} if judged is None else diagnostics_of(judged.maps),
        "metrics": {} if judged is None else judged.figures,
        "mean": {} if judged is None else means(judged.figures, shown),
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


def to_code(requests: Sequence[Request], offer: WidgetOptions) -> list[str]:
    """Python source that makes the maps of these requests, which differ in their method alone."""
    if not requests:
        return ["maps = {}  # no method is chosen"]
    calls = {request.method: offer.call(request) for request in requests}
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
    """What the method itself says of each map, by name; None for what is not finite."""
    return {name: [v if math.isfinite(v) else None for v in values] for name, values in maps.diagnostics.items()}


def _own(offer: WidgetOptions, request: Request) -> dict[str, Any]:
    return {k: v for k, v in offer.arguments(request).items() if k not in _COMMON}


def _can_explain(offer: WidgetOptions, request: Request) -> bool:
    method, target = offer.methods[request.method], offer.arguments(request)["target"]
    return target.part in method.parts and target.score in method.scores


def _until(enough: threading.Event, progress: Progress | None) -> Progress:
    def report(done: int, total: int) -> None:
        if enough.is_set():
            raise Cancelled("enough")
        if progress is not None:
            progress(done, total)

    return report
