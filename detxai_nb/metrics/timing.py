"""Running time: how long a method takes for an object, apart from the forward pass that all objects share."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypedDict, Unpack, cast

import numpy as np
import torch

from detxai_nb.capabilities import Capabilities
from detxai_nb.detections import as_detections, require_own
from detxai_nb.explaining.jobs import Job, Steps, maps_from_answers, maps_from_trace
from detxai_nb.float32 import in_full_float32
from detxai_nb.image import ImageSource, load_image
from detxai_nb.methods import find_method
from detxai_nb.types import Detections, Detector, Target, TraceableDetector


@dataclass(frozen=True)
class RunningTime:
    """The running time of a method in one image, in seconds.

    Attributes:
        method: the method's name.
        objects: how many objects were explained together.
        per_object: the method's own work, from the open trace (for a black-box method, from the image) to raw maps at
            the size of the image, divided by ``objects``; the median of ``repeats`` runs.
        fastest, slowest: the same of single runs.
        forward: the one forward pass that all objects and methods of an image share, its median; 0 for a black-box
            method.
        repeats: how many runs were timed.
        device: the kind of device, such as "cpu" or "cuda".
    """

    method: str
    objects: int
    per_object: float
    fastest: float
    slowest: float
    forward: float
    repeats: int
    device: str

    def row(self) -> dict[str, Any]:
        """Return the same as a row of a table.

        Returns:
            All fields by name.
        """
        return asdict(self)


class TimedMaps(TypedDict, total=False):
    """Which maps ``running_time`` makes, as in ``explain``.

    Attributes:
        target: what is explained, "class" by default.
        layer: one of ``detector.layers``; by default the one that the method prefers, else the first.
    """

    target: Target | str
    layer: str | None


def running_time(
    detector: Detector,
    image: ImageSource,
    detections: Detections,
    method: str | Callable[..., Any] = "odam",
    *,
    repeats: int = 3,
    warm_up: int = 1,
    settings: Mapping[str, Any] | None = None,
    **maps: Unpack[TimedMaps],
) -> RunningTime:
    """Time a method on the detections of an image.

    The device is synchronised before and after each part. This is a function, not a registered metric: a clock gives
    another value at every run, while the tables of evaluations are the same when they are made again.

    Args:
        detector: an open detector; a black-box method takes any detector.
        image: what ``load_image`` takes.
        detections: at least one, of this detector on this image.
        method: a registered name or a gradient method's function.
        repeats: timed runs, 1 or more.
        warm_up: runs before them that do not count.
        settings: those of the method.
        **maps: ``target`` and ``layer`` of the maps that are made, as in ``explain``.

    Returns:
        The times; ``forward + per_object`` is the time of an object that is explained alone.

    Raises:
        ValueError: if there are no detections or a count is out of range.
        TypeError: if a white-box method is given a black-box detector, or an argument is unknown.

    References:
        G-CAME, table 2, gives one time for an object on a P100 and does not say whether it includes the detector's own
        forward pass.
    """
    if unknown := maps.keys() - TimedMaps.__annotations__.keys():
        raise TypeError(
            f"running_time has no argument {', '.join(sorted(map(repr, unknown)))}; "
            f"the method's own go into settings={{{', '.join(f'{name!r}: ...' for name in sorted(unknown))}}}"
        )
    if repeats < 1 or warm_up < 0:
        raise ValueError(f"repeats is 1 or more and warm_up 0 or more, got {repeats} and {warm_up}")
    pixels = load_image(image)
    as_detections(detections).require_nonempty()
    detections.require_image(*pixels.shape[:2])
    job = Job.of(find_method(method), Target.of(maps.get("target", "class")), dict(settings or {}))
    layer, black_box = maps.get("layer"), job.method.kind == "perturbation"
    if not black_box and not Capabilities(detector).traceable:
        raise TypeError(
            f"method {job.method.name!r} needs a white-box detector, and a {type(detector).__name__} is a black box; "
            "time a black-box method, such as 'd-rise'"
        )
    placed = detections.to(torch.device(detector.device))
    require_own(detector, pixels, placed)
    if layer is None and not black_box:
        layer = job.method.layer_of(cast(TraceableDetector, detector).layers)
    runs = [_timed_run(job, detector, pixels, placed, layer) for _ in range(warm_up + repeats)][warm_up:]
    own = [seconds / len(placed) for _, seconds in runs]
    return RunningTime(
        method=job.method.name,
        objects=len(placed),
        per_object=statistics.median(own),
        fastest=min(own),
        slowest=max(own),
        forward=statistics.median(seconds for seconds, _ in runs),
        repeats=repeats,
        device=torch.device(detector.device).type,
    )


def _timed_run(
    job: Job, detector: Detector, pixels: np.ndarray, placed: Detections, layer: str | None
) -> tuple[float, float]:
    """Seconds of the shared forward pass, 0 for a black-box method, and of the method's own work."""
    device, black_box = torch.device(detector.device), job.method.kind == "perturbation"
    steps = Steps(None, len(placed))

    def run() -> tuple[float, float]:
        started = _now(device)
        trace = None if black_box else cast(TraceableDetector, detector).trace(pixels, layer)
        opened = _now(device)
        if trace is None:
            maps = maps_from_answers(job, detector, pixels, placed, steps)
        else:
            maps = maps_from_trace(job, trace, pixels, placed, steps)
        _ = maps.values
        return 0.0 if black_box else opened - started, _now(device) - opened

    return run() if black_box else in_full_float32(device, run)


def _now(device: torch.device) -> float:
    """The clock, once the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter()
