"""How long a method takes for an object, with the forward pass that all objects share told apart."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any, cast

import torch

from detxai_nb.capabilities import Capabilities
from detxai_nb.explaining.jobs import Job, Steps, maps_from_answers, maps_from_trace
from detxai_nb.float32 import full_float32
from detxai_nb.image import load_image
from detxai_nb.methods import find_method
from detxai_nb.types import Detections, Detector, Target, TraceableDetector


@dataclass(frozen=True)
class RunningTime:
    """What a method took in one image, in seconds.

    ``per_object``: the method's own work, from the open trace (or, for methods that only ask, from the image) to raw
    maps at the image's size, divided by the ``objects``, which are explained together; the median of ``repeats`` runs.
    ``fastest``, ``slowest``: the same, of single runs. ``forward``: the one forward pass that all objects and methods
    of an image share, its median; 0 for methods that only ask. ``device``: on which kind of device.
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
        """The same as a row of a table."""
        return asdict(self)


def running_time(
    detector: Detector,
    image: Any,
    detections: Detections,
    method: str | Callable[..., Any] = "odam",
    *,
    target: Target | str = "class",
    layer: str | None = None,
    repeats: int = 3,
    warm_up: int = 1,
    settings: Mapping[str, Any] | None = None,
) -> RunningTime:
    """Time ``method`` on the ``detections`` of ``image``: ``warm_up`` runs that do not count, then ``repeats``.

    The device is waited for before and after each part. It is a function, not a metric of a Case: a clock gives another
    value at every run, and the tables of evaluations are the same when they are made again. ``settings``: those of the
    method; the rest is as in ``explain``.

    G-CAME, table 2, gives one time for an object on a P100 and does not say whether the detector's own pass is in it;
    ``forward + per_object`` is the time of an object that is explained alone.

    Raises ``ValueError`` for no detections or counts out of range, and ``TypeError`` for a detector that cannot be
    looked into.
    """
    if repeats < 1 or warm_up < 0:
        raise ValueError(f"repeats is 1 or more and warm_up 0 or more, got {repeats} and {warm_up}")
    pixels = load_image(image)
    detections.require_nonempty()
    detections.require_image(*pixels.shape[:2])
    job = Job.of(find_method(method), Target.of(target), dict(settings or {}))
    asks = job.method.kind == "perturbation"
    if not asks and not Capabilities(detector).traceable:
        raise TypeError(
            f"method {job.method.name!r} looks into the detector, and a {type(detector).__name__} cannot be; "
            "time a method that only asks, such as 'd-rise'"
        )
    device = torch.device(detector.device)
    placed = detections.to(device)
    if layer is None and not asks:
        layer = job.method.layer_of(cast(TraceableDetector, detector).layers)
    forward, own = [], []
    for _ in range(warm_up + repeats):
        with nullcontext() if asks else full_float32(device):
            started = _now(device)
            trace = None if asks else cast(TraceableDetector, detector).trace(pixels, layer)
            opened = _now(device)
            steps = Steps(None, len(placed))
            if trace is None:
                maps = maps_from_answers(job, detector, pixels, placed, steps)
            else:
                maps = maps_from_trace(job, trace, pixels, placed, steps)
            _ = maps.values
            forward.append(0.0 if asks else opened - started)
            own.append((_now(device) - opened) / len(placed))
    forward, own = forward[warm_up:], own[warm_up:]
    return RunningTime(
        method=job.method.name,
        objects=len(placed),
        per_object=statistics.median(own),
        fastest=min(own),
        slowest=max(own),
        forward=statistics.median(forward),
        repeats=repeats,
        device=device.type,
    )


def _now(device: torch.device) -> float:
    """The clock, once the device has finished what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter()
